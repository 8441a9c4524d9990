//! Whether a set of packages is one that dpkg would configure, by the packages' own control files.
//!
//! The set was chosen by what an index says of its packages, and the index was signed; the packages were not asked. Where
//! the two differ dpkg goes by the package, and so does this.

use super::Error;
use super::package::Package;
use crate::index::packages::Limits;
use crate::index::{Index, push_paragraph};
use crate::pkg::Architecture;
use crate::resolve::Closure;

/// Refuses a set in which something that a package needs is missing, or two packages exclude each other.
pub(super) fn check(packages: &[Package], native: &Architecture) -> Result<(), Error> {
    let mut text = String::with_capacity(packages.len() * 1024);
    for package in packages {
        push_paragraph(&mut text, &package.stanza.to_control(), "-", package.file.size, &package.file.sha256);
    }
    let unusable = |reason: String| Error::Relations { broken: vec![reason] };
    let limits = Limits { stanza: 64 << 20, ..Limits::default() };
    let index = Index::parse(text.as_bytes(), &limits).map_err(|error| unusable(error.to_string()))?;
    if let Some(skipped) = index.skipped().first() {
        return Err(unusable(format!("`{}`: {}", skipped.package, skipped.reason)));
    }
    let set: Vec<_> = index.packages().collect();
    let broken = Closure::new(&set, native).violations();
    if broken.is_empty() { Ok(()) } else { Err(Error::Relations { broken }) }
}
