//! What changed between two pinned sets, in the order in which a reviewer wants to know it.
//!
//! Takes two lockfiles (or the package databases of two images) and [`Facts`] that somebody read from packages; gives a
//! [`Report`], and renders it for people, for change requests and for programs. `docs/diff.md` explains every part.
//!
//! It reads nothing itself: what is not among the facts is reported as not read, never guessed.

mod alerts;
mod brief;
pub mod changelog;
mod classify;
mod compare;
mod facts;
pub mod human;
pub mod markdown;
mod places;
mod rename;
mod report;
mod roles;
mod schema;
mod sentences;
mod sides;
mod text;

pub use compare::{compare, compare_sides};
pub use facts::{ChangelogFacts, Contents, Facts, ReasonKey, ServiceKind};
pub use rename::renames;
pub use report::{
    Alert, AlertKind, Arrival, Changelog, Comparison, Counts, Entry, FileChange, FileChangeKind, Group, Held, IdChange, ImageChange, Kind,
    PackageChange, PackageFiles, Reason, Report, Row, Security, Skew, SourceChange, Status, TreeChange, TrustChange,
};
pub use roles::Role;
pub use schema::{SCHEMA, json};
use sentences::tree_lines;
pub use sides::Side;
pub use text::{block, cell, code, plain, short};

#[cfg(test)]
mod tests;
