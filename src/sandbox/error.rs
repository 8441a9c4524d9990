//! What can go wrong in a sandbox.

use super::limits::Excess;
use std::path::PathBuf;
use std::time::Duration;

/// Something that this host does not have or does not allow.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Lack {
    /// What is lacking, as a sentence.
    pub what: String,
    /// What to do about it: a command where there is one.
    pub mend: String,
    /// How it showed, if a call failed.
    #[source]
    pub source: Option<std::io::Error>,
}

impl Lack {
    pub(super) fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into(), source: None }
    }

    pub(super) fn because(self, source: impl Into<std::io::Error>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

/// A sandbox that cannot be made, or a failure in it that is not the program's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This host lacks something.
    #[error(transparent)]
    Lack(#[from] Lack),
    /// The process has several threads, which the kernel does not move into a user namespace.
    #[error("a process with {threads} threads cannot enter a sandbox")]
    Threads {
        /// How many.
        threads: usize,
    },
    /// [`super::OWNERSHIP`] has a value that names no way to keep owners.
    #[error("`{value}` in the environment variable `{}` is none of root, subordinate, recorded", super::OWNERSHIP)]
    Ownership {
        /// The value.
        value: String,
    },
    /// A program in the root could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program's surroundings could not be made.
    #[error("cannot {doing} for `{program}`")]
    Surroundings {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// The program.
        program: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Something outside the program ended the process that surrounds it; memory that ran out, most likely.
    #[error("`{program}` was killed together with its sandbox")]
    Killed {
        /// The program.
        program: String,
    },
    /// Text for a system call has a zero byte in it.
    #[error("`{text}` has a zero byte in it")]
    Zero {
        /// The text.
        text: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// What programs left in the tree cannot be used: another kind of file, a circle of links, too much of it.
    #[error("cannot {doing} `/{path}` as programs have left it")]
    Left {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// The path in the tree, without the slash in front.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program made a file whose name is not UTF-8, which OSTree does not store.
    #[error("`{}` has a name that is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A file of the tree belongs to an id beyond those that images use.
    #[error("`{}` belongs to {uid}:{gid}, and images have the ids 0 to 65535", path.display())]
    Owner {
        /// The file's name.
        path: PathBuf,
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// Programs left more than they may.
    #[error("what a script left is too much: {excess}")]
    Excess {
        /// What.
        excess: Excess,
        /// When it was last changed, since 1970, by the clock that the kernel gives files their times from.
        changed: Duration,
    },
}

impl Error {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>, source: impl Into<std::io::Error>) -> Self {
        Self::Io { doing, path: path.into(), source: source.into() }
    }

    /// Tells whether what programs left in the tree is at fault.
    pub fn is_left(&self) -> bool {
        matches!(self, Self::Left { .. } | Self::Name { .. })
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Lack(lack) => Some(&lack.mend),
            Self::Killed { .. } => Some("perhaps memory ran out; run it again with fewer jobs: `-j 1`"),
            _ => None,
        }
    }
}
