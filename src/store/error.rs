//! What can go wrong with a repository.

use super::Checksum;
use crate::pkg::Sha256;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The four kinds of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A regular file or a symbolic link.
    File,
    /// The names in a directory.
    DirTree,
    /// A directory's owner, mode and extended attributes.
    DirMeta,
    /// A root directory and words about it.
    Commit,
}

impl ObjectKind {
    /// The suffix of such an object's file name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::DirTree => "dirtree",
            Self::DirMeta => "dirmeta",
            Self::Commit => "commit",
        }
    }

    /// The kind whose file names end in `suffix`.
    pub(super) fn from_suffix(suffix: &str) -> Option<Self> {
        [Self::File, Self::DirTree, Self::DirMeta, Self::Commit].into_iter().find(|kind| kind.suffix() == suffix)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}

/// A repository operation that did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is larger than what is read of its kind.
    #[error("`/{path}` is larger than {limit} bytes")]
    Large {
        /// Its path in the tree.
        path: String,
        /// How large it may be.
        limit: u64,
    },
    /// The file system said no.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// There is no repository at that place.
    #[error("`{}` is not an OSTree repository", .path.display())]
    NotARepository {
        /// The place.
        path: PathBuf,
    },
    /// A repository of another mode.
    #[error("repository `{}` has mode `{mode}`, not `bare-user`", .path.display())]
    WrongMode {
        /// The repository.
        path: PathBuf,
        /// Its mode.
        mode: String,
    },
    /// An object that is named somewhere is not there.
    #[error("object `{checksum}.{kind}` is missing from `{}`", .repo.display())]
    Missing {
        /// The repository.
        repo: PathBuf,
        /// The object.
        checksum: Checksum,
        /// Its kind.
        kind: ObjectKind,
    },
    /// An object's bytes are not what its kind demands.
    #[error("object `{checksum}.{kind}` is corrupt: {reason}")]
    Corrupt {
        /// The object.
        checksum: Checksum,
        /// Its kind.
        kind: ObjectKind,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A ref file does not hold a checksum.
    #[error("ref `{name}` holds no checksum")]
    CorruptRef {
        /// The ref.
        name: String,
    },
    /// A package's ref names a commit that does not claim to be made of that package file.
    #[error("ref `{name}` names a commit that {}", claim(.claimed.as_ref()))]
    Claim {
        /// The ref.
        name: String,
        /// The digest of the file that the commit claims to be made of, if it claims any.
        claimed: Option<Sha256>,
    },
    /// A ref that is needed does not exist.
    #[error("ref `{name}` does not exist in `{}`", .repo.display())]
    NoSuchRef {
        /// The repository.
        repo: PathBuf,
        /// The ref.
        name: String,
    },
    /// A name, link target or attribute that an object cannot hold.
    #[error("`{}` cannot be stored: {reason}", .name.escape_debug())]
    Unstorable {
        /// What was to be stored.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A path leads through something that is no directory, or to something that is one.
    #[error("`{path}` clashes with another entry of the tree: {reason}")]
    TreeClash {
        /// The path in the tree.
        path: String,
        /// What stands there.
        reason: &'static str,
    },
    /// A link where a repository keeps its own: what it leads to is not the repository's.
    #[error("`{}` is a link, and no repository has one there", .path.display())]
    Link {
        /// The link, or what lies behind one.
        path: PathBuf,
    },
    /// A repository that is told to take objects from elsewhere.
    #[error("repository `{}` is told by `core.{key}` to take objects from elsewhere", .path.display())]
    Config {
        /// The repository.
        path: PathBuf,
        /// The key of its `config`.
        key: &'static str,
    },
    /// Another run holds the repository.
    #[error("repository `{}` is in use by another run", .path.display())]
    Locked {
        /// The repository.
        path: PathBuf,
    },
}

fn claim(claimed: Option<&Sha256>) -> String {
    match claimed {
        Some(sha256) => format!("was made of another package file, SHA-256 {sha256}"),
        None => "does not say which package file it was made of".to_owned(),
    }
}

impl Error {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// Tells whether stored bytes are at fault, rather than the host or the caller.
    pub fn is_integrity(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::CorruptRef { .. } | Self::Claim { .. } | Self::Link { .. } | Self::Config { .. })
    }
}
