//! What can go wrong with a configure step.

use super::super::{compose, layer};
use crate::sandbox;
use crate::step::outcome::Unrecorded;
use crate::store;
use std::path::PathBuf;

/// A configure step that gave no commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The packages could not be merged.
    #[error(transparent)]
    Compose(#[from] compose::Error),
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The root could not be laid out or read back.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The log could not be written.
    #[error("cannot write the log `{}`", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A maintainer script failed.
    #[error("the {script} script of `{package}` failed: {ended}{}", tail(output))]
    Script {
        /// `name:architecture`.
        package: String,
        /// The script and its arguments, as `postinst configure`.
        script: String,
        /// How it ended.
        ended: sandbox::Ended,
        /// The last lines that it wrote.
        output: String,
        /// Where all that it wrote is kept.
        log: PathBuf,
    },
    /// What a script left cannot be read.
    #[error("`{script}` left the tree in a state that cannot be used")]
    Left {
        /// The script that ran last, as `name:architecture postinst configure`.
        script: String,
        /// What, and why.
        source: sandbox::Error,
    },
    /// A line of `debconf` was refused by the image's debconf.
    #[error("debconf refused the answers of the manifest: {ended}{}", tail(output))]
    Debconf {
        /// How it ended.
        ended: sandbox::Ended,
        /// What it said.
        output: String,
    },
    /// The manifest answers questions, and the image has no debconf.
    #[error("the manifest has answers for debconf, and no package of the image brings `debconf-set-selections`")]
    NoDebconf,
    /// Packages trigger each other without end.
    #[error("`{package}` is triggered again and again: {triggers}")]
    TriggerCircle {
        /// The package.
        package: String,
        /// The triggers of the last time.
        triggers: String,
    },
    /// Two names have one id.
    #[error("the {kind}s `{first}` and `{second}` both have the id {id}")]
    IdTwice {
        /// `user` or `group`.
        kind: &'static str,
        /// The id.
        id: u32,
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// Scripts made names that no table has an id for.
    #[error("no id is recorded for {}", listed(names))]
    Unrecorded {
        /// The names.
        names: Vec<Unrecorded>,
    },
    /// Something that cannot be, is.
    #[error("{what}")]
    Internal {
        /// What.
        what: &'static str,
    },
}

fn tail(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!("\n    {}", output.replace('\n', "\n    ")) }
}

fn listed(names: &[Unrecorded]) -> String {
    names.iter().map(|unrecorded| format!("`{}`", unrecorded.name)).collect::<Vec<_>>().join(", ")
}
