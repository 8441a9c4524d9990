//! What can go wrong with a compose, and how two packages can clash.

use crate::pkg::ParseRelationError;
use crate::store::{self, ParseRefNameError};
use std::fmt;
use std::path::PathBuf;

/// At most so many clashes are told of; the rest is counted.
const SHOWN: usize = 10;

/// A compose that gave no commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The response file could not be read.
    #[error("cannot read `{}`", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of the response file names no ref.
    #[error("`{line}` in the list of packages names no ref")]
    ResponseFile {
        /// The line.
        line: String,
        /// Why.
        source: ParseRefNameError,
    },
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A package commit has no control paragraph, or a malformed one.
    #[error("package ref `{name}` has no usable control paragraph: {reason}")]
    Stanza {
        /// The ref.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A relation of a package cannot be read.
    #[error("`{package}` has a malformed field `{field}`")]
    Relation {
        /// The package.
        package: String,
        /// The field.
        field: &'static str,
        /// Why.
        source: ParseRelationError,
    },
    /// What the packages themselves ask for does not hold in this set.
    #[error("the packages' own control files do not allow this set\n{}", Relations(.broken))]
    Relations {
        /// Each broken rule in one sentence.
        broken: Vec<String>,
    },
    /// A package is neither of the image's architectures nor for all.
    #[error("`{package}` is for {architecture}, which is not an architecture of this image")]
    Architecture {
        /// The package.
        package: String,
        /// Its architecture.
        architecture: String,
    },
    /// One package stands in the set twice.
    #[error("`{first}` and `{second}` cannot be installed together")]
    Twice {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A package ships what only the package database itself may hold.
    #[error("`{package}` ships `/{path}`, which belongs to the package database")]
    Database {
        /// The package.
        package: String,
        /// The path.
        path: String,
    },
    /// Packages ship things that exclude each other.
    #[error("{}", Clashes(.0))]
    Clashes(Vec<Clash>),
    /// Symbolic links that lead in a circle, or further than Linux follows them.
    #[error("the symbolic link `/{path}` of `{package}` leads in a circle")]
    Circle {
        /// The package that ships it.
        package: String,
        /// The link.
        path: String,
    },
    /// Directories deeper than any real package has them.
    #[error("`/{path}` is nested too deeply")]
    Depth {
        /// The path.
        path: String,
    },
}

/// One path that two packages want in ways that exclude each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clash {
    /// The path, without the leading slash.
    pub path: String,
    /// One package, as `name version architecture`.
    pub first: String,
    /// The other one.
    pub second: String,
    /// What excludes the two.
    pub kind: ClashKind,
}

/// Why two packages cannot both have a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ClashKind {
    /// Both ship a file there, and neither declares that it replaces the other's.
    Files,
    /// Instances of one `Multi-Arch: same` package ship different files.
    Instances,
    /// One ships a file where the other has a directory.
    FileAndDirectory,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, first, second, kind } = self;
        match kind {
            ClashKind::Files => write!(f, "`{first}` and `{second}` both ship `/{path}`, and neither replaces the other's"),
            ClashKind::Instances => write!(f, "`{first}` and `{second}` ship different files as `/{path}`, which they share"),
            ClashKind::FileAndDirectory => write!(f, "`/{path}` is a file in `{first}` and a directory in `{second}`"),
        }
    }
}

struct Clashes<'a>(&'a [Clash]);

impl fmt::Display for Clashes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, clash) in self.0.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{clash}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => write!(f, "\nand {rest} more like these"),
        }
    }
}

struct Relations<'a>(&'a [String]);

impl fmt::Display for Relations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n"))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => write!(f, "\nand {rest} more like these"),
        }
    }
}
