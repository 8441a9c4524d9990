//! Why a step failed, before it is told.

use super::{compose, configure, import, seal};
use crate::{repo, sandbox};
use std::io;
use std::path::PathBuf;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is malformed; only a build file that was written by hand has such.
    #[error("`{value}` is not a valid {what}")]
    Argument {
        /// What the argument should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// Steps before this one found the network dead.
    #[error("the network failed for {failed} packages already; this one was not tried")]
    DeadNetwork {
        /// How many failed.
        failed: usize,
    },
    /// Import failed.
    #[error(transparent)]
    Import(#[from] import::Error),
    /// Compose failed.
    #[error(transparent)]
    Compose(#[from] compose::Error),
    /// Configure failed.
    #[error(transparent)]
    Configure(#[from] configure::Error),
    /// Something could not be removed.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// Seal failed.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// The repository's base URLs are unknown.
    #[error(transparent)]
    Repo(#[from] repo::Error),
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}
