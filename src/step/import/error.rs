//! Why an import failed.

use super::Path;
use crate::pkg::Sha256;
use crate::{archive, store};
use std::io;
use std::path::PathBuf;

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The package file could not be had.
    #[error("cannot fetch `{package}`")]
    Fetch {
        /// Name, version and architecture.
        package: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file that came has another size than the lockfile says.
    #[error("`{package}` has {found} bytes, the lockfile says {pinned}")]
    Size {
        /// Name, version and architecture.
        package: String,
        /// The file's size, or a number above the pinned one where more came.
        found: u64,
        /// The pinned size.
        pinned: u64,
    },
    /// The file that came has another digest than the lockfile says.
    #[error("`{package}` has SHA-256 {found}, the lockfile says {pinned}")]
    Digest {
        /// Name, version and architecture.
        package: String,
        /// The file's digest.
        found: Sha256,
        /// The pinned digest.
        pinned: Sha256,
    },
    /// A file of the user's own was made anew and has other contents now.
    #[error("`{}` is not the file that is locked as `{package}`: its contents have changed", path.display())]
    Changed {
        /// Name, version and architecture.
        package: String,
        /// The name alone.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// The file is another package than the lockfile says.
    #[error("`{package}` says of itself `{field}: {found}`, the lockfile says `{pinned}`")]
    Identity {
        /// Name, version and architecture as pinned.
        package: String,
        /// The control field.
        field: &'static str,
        /// What stands in the package.
        found: String,
        /// What the lockfile says.
        pinned: String,
    },
    /// The package file cannot be unpacked.
    #[error("cannot unpack `{package}`")]
    Archive {
        /// Name, version and architecture.
        package: String,
        /// Why.
        source: archive::Error,
    },
    /// The repository cannot take it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file system said no.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// Tells whether the package's bytes are at fault: wrong size or digest, another package, a hostile archive.
    pub fn is_integrity(&self) -> bool {
        match self {
            Self::Size { .. } | Self::Digest { .. } | Self::Changed { .. } | Self::Identity { .. } => true,
            Self::Archive { source, .. } => source.is_package_fault(),
            Self::Store(error) => error.is_integrity() || matches!(error, store::Error::Unstorable { .. }),
            Self::Fetch { .. } | Self::Io { .. } => false,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
