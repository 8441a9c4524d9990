//! The field's identities and orderings: names, versions, architectures, relations, digests, requests and pins.
//!
//! Values only: nothing here reads a file, a clock or an environment variable. Every other module may use these types.

mod age;
mod architecture;
mod digest;
mod expected;
mod glob;
mod limit;
mod multi_arch;
mod permissions;
mod pin;
mod relation;
mod request;
mod snapshot;
mod steering;
mod tree_check;
pub mod version;

pub use age::parse_age;
pub use architecture::Architecture;
pub use digest::{ParseDigestError, Sha256};
pub use expected::{Expected, MaxAge};
pub use glob::{Glob, ParseGlobError};
pub use limit::{Limit, LimitUnit, Limits, parse_limits, render_limits};
pub use multi_arch::MultiArch;
pub use permissions::{ParsePermissionsError, Permissions};
pub use pin::Pin;
pub use relation::{ArchQualifier, Comparison, OrGroup, ParseRelationError, Relation, VersionRelation};
pub use request::{ParseRequestError, Request, RequestTarget};
pub use snapshot::{ParseSnapshotError, SnapshotTemplate};
pub use steering::{Hold, ImageSteering, RepoSteering, Trust, Variant};
pub use tree_check::{ParseTreeCheckError, Severity, TreeCheck};
pub use version::{DebVersion, ParseVersionError};

/// The packaging family of a manifest, an index or a lockfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ecosystem {
    /// Debian and its derivatives: `.deb` packages, `Packages` indexes.
    Deb,
    /// Fedora, RHEL, openSUSE and their like: `.rpm` packages, `repomd` indexes.
    Rpm,
}

impl Ecosystem {
    /// The word that manifests and lockfiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// Tells whether `name` is a legal Debian package name (policy 5.6.1, and one-letter names, which real archives have).
pub fn is_deb_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'))
}
