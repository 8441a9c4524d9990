//! Finds the change that makes something fail: which of many package updates, or which commit.
//!
//! Takes two lockfiles, a good and a bad one, and gives the changes between them in an order in which each beginning is a
//! lockfile of its own ([`Changes`]), that lockfile ([`mix`]), and what to try next ([`Search`]).
//!
//! Who judges is the caller's affair: nothing is built here, and no file is read.

mod changes;
mod forced;
mod mixture;
mod search;

pub use changes::{Changes, Unit};
pub use forced::{Forces, Member, Setting, Side};
pub use mixture::{changed_sources, mix};
pub use search::{Search, Verdict};
