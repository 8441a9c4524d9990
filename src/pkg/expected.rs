//! What a manifest says of a suite besides where it lies and who signs it.

use std::time::Duration;

/// What is expected of one suite's `Release`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// What it calls itself, where that is not the suite's name.
    pub name: Option<String>,
    /// How old it may be.
    pub max_age: Option<MaxAge>,
}

/// How old a `Release` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge {
    /// The age, from its `Date` to now.
    pub age: Duration,
    /// Whether an older one is refused; else it is a warning.
    pub is_error: bool,
}
