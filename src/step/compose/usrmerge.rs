//! Whether `/bin`, `/sbin` and `/lib*` are symbolic links into `/usr`.

use super::package::Package;
use crate::pkg::{Relation, version};

/// The directories that move.
pub(super) const DIRECTORIES: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32"];

/// Those that are links in every merged root, whether a package ships something there or not.
pub(super) const ALWAYS: [&str; 3] = ["bin", "sbin", "lib"];

/// Whether `/bin` and its like are symbolic links into `/usr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsrMerge {
    /// What the packages themselves say; see `docs/design/0005-compose-conflicts.md`.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

/// The first `base-files` of a Debian (bookworm) and of an Ubuntu (jammy) that supports only merged roots.
const FIRST_MERGED_BASE_FILES: &str = "12";

/// Tells whether the packages are of a distribution whose root is merged: one of them is or needs `usr-is-merged` (or
/// `usrmerge`, which brings it about), or `base-files` is of a release that supports nothing else. A set in which a
/// package ships one of the links itself (trixie's `base-files`) is merged, too; that shows when trees are read.
pub(super) fn is_announced(packages: &[Package]) -> bool {
    let announces = |name: &str| matches!(name, "usr-is-merged" | "usrmerge");
    packages.iter().any(|package| {
        let needs = |field| {
            let groups = package.stanza.get(field).and_then(|text| Relation::parse_field(text).ok()).unwrap_or_default();
            groups.iter().any(|group| group.iter().all(|relation| announces(&relation.name)))
        };
        announces(&package.name)
            || (package.name == "base-files" && version::compare(&package.version, FIRST_MERGED_BASE_FILES).is_ge())
            || needs("Depends")
            || needs("Pre-Depends")
    })
}
