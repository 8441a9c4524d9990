//! Package refs ► one root filesystem commit, touching metadata only.
//!
//! Takes the refs of a response file and a few arguments; gives a commit with the payload of all packages, merged as
//! dpkg would unpack them, and a dpkg database in which every package is unpacked and none configured. No file content
//! is read but that of conffiles, whose MD5 the database holds, of trigger lists, and of what decides a conflict.
//!
//! The result depends on the set of packages alone: not on their order, and not on what was composed before.
//! `docs/design/0005-compose-conflicts.md` tells how clashes are decided.

mod conflict;
mod database;
mod diversion;
mod error;
mod merge;
mod package;
mod relations;
mod stanza;
mod usrmerge;

#[cfg(test)]
mod tests;

pub(in crate::step) use diversion::Diversion;
pub use error::{Clash, ClashKind, Error};
pub(in crate::step) use package::{Package, load_all};
pub use usrmerge::UsrMerge;

use crate::pkg::{Architecture, Sha256};
use crate::store::{Checksum, CommitParts, IMAGE_FORMAT, RefName, Repo, Tree, Value};
use merge::Merge;
use std::path::Path;

/// What a compose step is told.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The packages, in any order.
    pub packages: Vec<RefName>,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside it, in manifest order.
    pub foreign: Vec<Architecture>,
    /// The digest of everything that the lockfile says of the image.
    pub identity: Sha256,
    /// The ref to write.
    pub target: RefName,
    /// Whether `/bin` and its like are symbolic links into `/usr`.
    pub usr_merge: UsrMerge,
}

/// What a compose step made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The commit.
    pub commit: Checksum,
    /// Whether the ref had another value before.
    pub changed: bool,
    /// The number of packages.
    pub packages: usize,
    /// Files that gave way to those of a package that declares `Replaces`, or were diverted.
    pub replaced: usize,
    /// Whether `/bin` and its like became symbolic links.
    pub usr_merged: bool,
}

/// Reads a response file: one ref or ref file a line, as ninja's `$in_newline` writes them.
pub fn parse_packages(text: &str) -> Result<Vec<RefName>, Error> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            // ninja quotes a path that the shell would not take as it stands.
            let path = line.strip_prefix('\'').and_then(|line| line.strip_suffix('\'')).unwrap_or(line);
            let name = path.rsplit_once("refs/heads/").map_or(path, |(_, name)| name);
            name.parse().map_err(|source| Error::ResponseFile { line: line.to_owned(), source })
        })
        .collect()
}

/// Reads the response file at `path`.
pub fn load_packages(path: &Path) -> Result<Vec<RefName>, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    parse_packages(&text)
}

/// Merges the packages into a commit and lets the target ref name it; an unchanged ref stays untouched.
pub fn run(repo: &Repo, arguments: &Arguments) -> Result<Composed, Error> {
    let mut composed = compose(repo, arguments)?;
    composed.changed = repo.write_ref_if_changed(&arguments.target, &composed.commit)?;
    Ok(composed)
}

/// Merges the packages into a commit that no ref names yet.
fn compose(repo: &Repo, arguments: &Arguments) -> Result<Composed, Error> {
    let frame =
        Frame { architecture: &arguments.architecture, foreign: &arguments.foreign, usr_merge: arguments.usr_merge, diversions: &[] };
    let packages = package::load_all(repo, &arguments.packages, &frame)?;
    relations::check(&packages, frame.architecture)?;
    let Merged { tree, meta, usr_merged, replaced } = merge(repo, &packages, &frame)?;
    let root = tree.write(repo)?;
    // The process ends with the step: giving thousands of names back one by one would be a part of its time for nothing.
    std::mem::forget(tree);
    let commit = CommitParts::new(root, meta)
        .with("pintree.architecture", Value::String(arguments.architecture.deb_name().to_owned()))
        .with("pintree.format", Value::U32(IMAGE_FORMAT))
        .with("pintree.identity", Value::String(arguments.identity.to_hex()));
    let commit = repo.write_commit(&commit)?;
    Ok(Composed { commit, changed: false, packages: packages.len(), replaced, usr_merged })
}

/// What a set of packages is merged for.
#[derive(Clone, Copy, Debug)]
pub(in crate::step) struct Frame<'a> {
    /// The architecture of the root filesystem.
    pub(in crate::step) architecture: &'a Architecture,
    /// Further architectures inside it.
    pub(in crate::step) foreign: &'a [Architecture],
    /// Whether `/bin` and its like are symbolic links into `/usr`.
    pub(in crate::step) usr_merge: UsrMerge,
    /// What scripts diverted before these packages were unpacked.
    pub(in crate::step) diversions: &'a [Diversion],
}

/// A merged root that is not written yet.
pub(in crate::step) struct Merged {
    pub(in crate::step) tree: Tree,
    pub(in crate::step) meta: Checksum,
    pub(in crate::step) usr_merged: bool,
    pub(in crate::step) replaced: usize,
}

/// Merges packages and writes the database of a root in which none of them is configured.
pub(in crate::step) fn merge(repo: &Repo, packages: &[Package], frame: &Frame<'_>) -> Result<Merged, Error> {
    let mut merge = Merge::new(repo, packages, frame);
    let (mut tree, meta) = merge.run()?;
    let usr_merged = merge.usr_merged();
    let outcome = merge.finish(&mut tree)?;
    database::write(repo, packages, frame, &outcome, &mut tree)?;
    Ok(Merged { tree, meta, usr_merged, replaced: outcome.moved.len() })
}
