//! Which of several packages' files gets a path.

use super::error::{Clash, ClashKind};
use super::package::Package;
use crate::store::Checksum;
use std::rc::Rc;

/// A package's wish for a path.
#[derive(Clone, Debug)]
pub(super) struct FileClaim {
    pub(super) package: usize,
    pub(super) file: Checksum,
    /// The directory in which the package ships it, where a symbolic link leads here from there.
    pub(super) origin: Option<Rc<str>>,
}

/// What came of several wishes.
#[derive(Debug)]
pub(super) enum Decision {
    /// The first claim wins; the others' packages lose the path.
    Winner(FileClaim, Vec<FileClaim>),
    Clash(Clash),
}

/// Tells whether `one` takes the path from `other`: it declares so, and where both do, the later by name is unpacked later.
fn beats(one: &Package, other: &Package) -> bool {
    one.replaces(other) && (!other.replaces(one) || one.order(other).is_gt())
}

/// Decides as dpkg does, whatever the order in which it would unpack.
pub(super) fn decide(packages: &[Package], path: &str, claims: &[FileClaim]) -> Decision {
    let package = |claim: &FileClaim| &packages[claim.package];
    let beaten = |claim: &FileClaim| claims.iter().any(|other| other.package != claim.package && beats(package(other), package(claim)));
    let (losers, winners): (Vec<_>, Vec<_>) = claims.iter().cloned().partition(beaten);
    let mut standing = winners.iter();
    let Some(first) = standing.next() else {
        return Decision::Clash(clash(packages, path, &claims[0], &claims[1], ClashKind::Files));
    };
    for other in standing {
        let shared = package(first).shares_with(package(other)) || first.package == other.package;
        if !shared {
            return Decision::Clash(clash(packages, path, first, other, ClashKind::Files));
        }
        if first.file != other.file {
            let kind = if first.package == other.package { ClashKind::Files } else { ClashKind::Instances };
            return Decision::Clash(clash(packages, path, first, other, kind));
        }
    }
    Decision::Winner(first.clone(), losers)
}

pub(super) fn clash(packages: &[Package], path: &str, first: &FileClaim, second: &FileClaim, kind: ClashKind) -> Clash {
    let (mut first, mut second) = (&packages[first.package], &packages[second.package]);
    // The ranks of packages are no order for a reader; of a file and a directory, each has its place in the sentence.
    if kind != ClashKind::FileAndDirectory && first.order(second).is_gt() {
        (first, second) = (second, first);
    }
    Clash { path: path.to_owned(), first: first.to_string(), second: second.to_string(), kind }
}
