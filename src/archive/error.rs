//! What can be wrong with a package file.

use std::io;

/// A package file that cannot be read, or that says what no honest package says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The medium failed; the package may be fine.
    #[error("cannot read `{part}`")]
    Io {
        /// The part of the package that was being read.
        part: String,
        /// What the system said.
        source: io::Error,
    },
    /// A compressed member does not decode.
    #[error("`{part}` is corrupt")]
    Corrupt {
        /// The member.
        part: String,
        /// What the decoder said.
        source: io::Error,
    },
    /// The bytes end too early.
    #[error("`{part}` is cut short")]
    Truncated {
        /// The part that ends too early.
        part: String,
    },
    /// The outer archive or a tar header breaks its format.
    #[error("`{part}`: {reason}")]
    Format {
        /// The part that is wrong.
        part: String,
        /// In what way.
        reason: &'static str,
    },
    /// The outer archive has a member that must not be there, or not there.
    #[error("member `{name}` where {expected} should stand")]
    UnexpectedPart {
        /// The member's name.
        name: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A member is compressed in a way that no reader of this format knows.
    #[error("`{part}` has an unknown compression")]
    UnknownCompression {
        /// The member.
        part: String,
    },
    /// Something is larger than any honest package has it.
    #[error("`{part}` has more than {limit} {unit}")]
    TooLarge {
        /// The part that is too large.
        part: String,
        /// The limit it breaks.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// The control paragraph cannot be used.
    #[error("control paragraph: {reason}")]
    Control {
        /// In what way.
        reason: String,
    },
    /// A member of a tar archive cannot be part of a package tree.
    #[error("member `{path}` {problem}")]
    Member {
        /// Its path, with bytes that are not UTF-8 replaced.
        path: String,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// Why a tar member cannot be part of a package tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The path starts with a slash.
    #[error("has an absolute path")]
    Absolute,
    /// The path has a `..` component.
    #[error("has `..` in its path")]
    ParentComponent,
    /// The path has no component but is not the top directory.
    #[error("has an empty path")]
    Empty,
    /// The path is longer than a file system takes.
    #[error("has a path that is too long or too deep")]
    TooLong,
    /// OSTree names are UTF-8.
    #[error("has a name or link target that is not UTF-8, which OSTree cannot store")]
    NotUtf8,
    /// A NUL or line feed in a path.
    #[error("has a NUL or line feed in its name or link target")]
    ControlCharacter,
    /// A device node.
    #[error("is a device, which OSTree cannot store")]
    Device,
    /// A named pipe.
    #[error("is a fifo, which OSTree cannot store")]
    Fifo,
    /// A type flag that packages do not use.
    #[error("has the unknown type {0:#04x}")]
    UnknownType(u8),
    /// A number in the header that does not fit.
    #[error("has a {0} that cannot be used")]
    Number(&'static str),
    /// A PAX record and the header that it belongs to say different things, where the header could say it all.
    #[error("has one {0} in its header and another in a PAX record")]
    Contradiction(&'static str),
    /// An owner that a sandbox cannot have.
    #[error("belongs to user or group {0}; the largest id of an image is 65535")]
    Owner(u32),
    /// A capability that no Linux takes, or that belongs to somebody's own user namespace.
    #[error("has a `security.capability` that is none")]
    Capability,
    /// A link or directory that claims content.
    #[error("is no regular file but has content")]
    Content,
    /// The path was there before.
    #[error("appears twice")]
    Duplicate,
    /// A parent of the path is a symlink of the same package.
    #[error("lies behind the symlink `{0}` of the same package")]
    BehindSymlink(String),
    /// A parent of the path is a file of the same package.
    #[error("lies below the file `{0}` of the same package")]
    BelowFile(String),
    /// A file or link stands where other members have a directory.
    #[error("is no directory, but other members lie below it")]
    IsDirectory,
    /// A hardlink whose target is no earlier regular file of the package.
    #[error("is a hardlink to `{0}`, which is no earlier file of the package")]
    LinkTarget(String),
    /// More extended attributes than a file system keeps for one file.
    #[error("has more extended attributes than a file system keeps")]
    Attributes,
    /// A payload file where dpkg keeps its own.
    #[error("is where dpkg keeps its own files")]
    Reserved,
    /// A symlink without a target.
    #[error("is a link without a target")]
    NoTarget,
}

impl Error {
    /// Tells whether the package is at fault; otherwise the medium is.
    pub fn is_package_fault(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }

    /// Sorts an error of a reader: the system's own have a number, a decoder's have none.
    pub(super) fn from_io(part: &str, source: io::Error) -> Self {
        let part = part.to_owned();
        match source.kind() {
            _ if source.raw_os_error().is_some() => Self::Io { part, source },
            io::ErrorKind::UnexpectedEof => Self::Truncated { part },
            _ => Self::Corrupt { part, source },
        }
    }

    pub(super) fn format(part: &str, reason: &'static str) -> Self {
        Self::Format { part: part.to_owned(), reason }
    }

    pub(super) fn member(path: &[u8], problem: Problem) -> Self {
        Self::Member { path: shown(path), problem }
    }
}

/// A name as a message has it: not too long, and nothing in it that a terminal obeys.
pub(super) fn shown(name: &[u8]) -> String {
    let mut name = String::from_utf8_lossy(name).into_owned();
    if name.len() > 200 {
        let end = (0..=200).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        name.truncate(end);
        name.push('…');
    }
    name.escape_debug().collect()
}
