//! One package of an image, fixed to its bytes.

use super::{Architecture, Sha256};

/// A package that an image needs, with everything a build must know about it.
///
/// The resolver makes pins, the lockfile stores them factored by source, the plan turns each into one import edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin {
    /// The binary package's name.
    pub name: String,
    /// The package's own `Architecture` field: a machine, `all` or `noarch`.
    pub architecture: Architecture,
    /// The full binary version, with epoch and binNMU suffix (`1:2.0-3+b1`).
    pub version: String,
    /// The source package's name.
    pub source: String,
    /// The source package's version, with epoch.
    pub source_version: String,
    /// The manifest's name of the repository that supplied it.
    pub repo: String,
    /// Where the package file lies, relative to the repository's base (`pool/main/…` or `./…`).
    pub path: String,
    /// The package file's digest.
    pub sha256: Sha256,
    /// The package file's size in bytes.
    pub size: u64,
}
