//! What an earlier run saw of a suite.

use std::path::PathBuf;

use jiff::Timestamp;

/// A date that an earlier run saw a suite's `Release` with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The suite's directory at that time, fit for messages.
    pub url: String,
    /// The date.
    pub date: Timestamp,
    /// Where it is remembered.
    pub path: PathBuf,
}
