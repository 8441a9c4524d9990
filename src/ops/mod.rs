//! The verbs as library functions: stages put in order, one file per verb.
//!
//! Functions take a [`Session`] and options, and return values. They never print: long work tells its progress through
//! [`Talk`].

mod additions;
pub mod bisect;
pub mod blame;
mod blocked;
pub mod bot;
pub mod build;
mod choice;
mod database;
pub mod diff;
mod difference;
mod disagreements;
pub mod doctor;
pub mod drivers;
mod error;
mod facts;
mod fields;
mod floors;
pub mod gc;
mod generated;
pub mod git;
pub mod graph;
mod holds;
mod ids;
mod indexes;
mod kept;
mod lagging;
mod leftovers;
mod local;
pub mod lock;
pub mod log;
pub mod merge;
pub mod moment;
pub mod network;
pub mod outdated;
mod preferences;
mod project;
pub mod proofs;
mod reasons;
pub mod rebuild;
mod scratch;
mod solve;
mod steering;
mod targets;
mod transition;
pub mod tree;
mod trees;
pub mod verify;
pub mod why;
mod work;

pub use choice::Choice;
pub use error::{Error, Stale};
pub use project::Project;

use crate::util::interrupt::Interrupt;
use std::path::PathBuf;
use std::time::SystemTime;

/// What every verb works with.
pub struct Session<'a> {
    /// The project.
    pub project: Project,
    /// Where verified indexes are kept between runs.
    pub cache: PathBuf,
    /// The user's configuration directory.
    pub config: Option<PathBuf>,
    /// Base URLs of named archives from the command line, as `ARCHIVE=URL`.
    pub mirrors: Vec<String>,
    /// Whether the network is off.
    pub offline: bool,
    /// The current time: signatures and indexes expire.
    pub now: SystemTime,
    /// Raised when the user wants everything to end.
    pub interrupt: &'a Interrupt,
    /// Where long work tells how far it is.
    pub talk: &'a mut dyn Talk,
}

impl Session<'_> {
    /// The same without the network, told to somebody else.
    fn offline<'s>(&'s self, talk: &'s mut dyn Talk) -> Session<'s> {
        Session {
            project: self.project.clone(),
            cache: self.cache.clone(),
            config: self.config.clone(),
            mirrors: self.mirrors.clone(),
            offline: true,
            now: self.now,
            interrupt: self.interrupt,
            talk,
        }
    }
}

/// Somebody who is told how far long work is.
pub trait Talk {
    /// Something was done: a verb and what it was done to.
    fn status(&mut self, verb: &str, text: &str);
    /// As `status`, for those who want to know more.
    fn detail(&mut self, verb: &str, text: &str);
    /// Something is wrong that stops nothing.
    fn warn(&mut self, text: &str);
    /// How many parts of the work are finished, of how many, and the latest.
    fn progress(&mut self, finished: usize, total: usize, text: &str);
    /// A line that a child process printed.
    fn output(&mut self, line: &str);
}
