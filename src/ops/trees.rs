//! Two image commits: their packages, and their files by package.

use super::database::Database;
use super::difference::{self, Differs, Named};
use super::{Error, Session, facts};
use crate::diff::{self, Comparison, Facts, FileChange, FileChangeKind, PackageFiles, Side, TreeChange};
use crate::store::{self, Checksum, FileKind, Metadata, Repo};
use std::collections::BTreeMap;

/// Compares two commits, each with what the user calls it.
pub fn compare(
    session: &Session<'_>,
    store: &Repo,
    old: (&str, &Checksum),
    new: (&str, &Checksum),
) -> Result<(Comparison, TreeChange), Error> {
    let (before, after) = (Database::read(store, old.1)?, Database::read(store, new.1)?);
    let mut contents = before.contents.clone();
    contents.extend(after.contents.clone());
    let mut facts = Facts { contents, ..Facts::default() };
    let compare = |facts: &Facts| {
        let side = |database: &'_ Database| -> Vec<crate::pkg::Pin> { database.pins.clone() };
        let (before, after_pins) = (side(&before), side(&after));
        let place = |pins| Side::of_database("image", &after.architecture, pins);
        diff::compare_sides(&format!("{} ► {}", old.0, new.0), Some(place(&before)), Some(place(&after_pins)), facts)
    };
    let first = compare(&facts);
    facts.changelogs = facts::changelogs_of_image(store, new.1, &first)?;
    if session.interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    Ok((compare(&facts), files(store, old, new, [&before, &after])?))
}

fn files(store: &Repo, old: (&str, &Checksum), new: (&str, &Checksum), databases: [&Database; 2]) -> Result<TreeChange, Error> {
    let (left, right) = (store.read_commit(old.1)?, store.read_commit(new.1)?);
    let mut packages: BTreeMap<(bool, String), Vec<FileChange>> = BTreeMap::new();
    let mut counts = [0; 3];
    let mut tell = |path: &str, kind: FileChangeKind, note: Option<String>| {
        counts[kind as usize] += 1;
        let owner = databases.iter().rev().find_map(|database| database.owner(path));
        let key = (owner.is_none(), owner.unwrap_or_default().to_owned());
        packages.entry(key).or_default().push(FileChange { path: path.to_owned(), kind, note });
    };
    difference::walk((store, &left), (store, &right), &mut |path, differs| {
        match differs {
            Differs::Metadata(old, new) => {
                tell(path, FileChangeKind::Changed, note(&store.read_dirmeta(&old)?, &store.read_dirmeta(&new)?));
            }
            Differs::Both(Named::File(old), Named::File(new)) => tell(path, FileChangeKind::Changed, file_note(store, &old, &new)?),
            Differs::Both(old, new) => {
                each(store, path, old, &mut |path| tell(path, FileChangeKind::Removed, None))?;
                each(store, path, new, &mut |path| tell(path, FileChangeKind::Added, None))?;
            }
            Differs::Left(old) => each(store, path, old, &mut |path| tell(path, FileChangeKind::Removed, None))?,
            Differs::Right(Named::File(file)) => {
                let mode = store.read_file_meta(&file)?.metadata.mode;
                tell(path, FileChangeKind::Added, (mode & 0o6000 != 0).then(|| format!("mode {mode:04o}")));
            }
            Differs::Right(new) => each(store, path, new, &mut |path| tell(path, FileChangeKind::Added, None))?,
        }
        Ok(())
    })?;
    let package = |((nobody, name), files): ((bool, String), Vec<FileChange>)| PackageFiles { package: (!nobody).then_some(name), files };
    let [added, removed, changed] = counts;
    Ok(TreeChange {
        old: old.0.to_owned(),
        new: new.0.to_owned(),
        added,
        removed,
        changed,
        packages: packages.into_iter().map(package).collect(),
    })
}

/// Every file of what stands at a path; an empty directory is told itself.
fn each(store: &Repo, path: &str, named: Named, tell: &mut dyn FnMut(&str)) -> Result<(), store::Error> {
    let Named::Directory(tree, _) = named else {
        tell(path);
        return Ok(());
    };
    let mut any = false;
    facts::walk(store, &tree, path, &mut |path, _| {
        any = true;
        tell(path);
        Ok(())
    })?;
    if !any {
        tell(path);
    }
    Ok(())
}

/// What besides content differs between two files.
fn file_note(store: &Repo, old: &Checksum, new: &Checksum) -> Result<Option<String>, store::Error> {
    let (old, new) = (store.read_file_meta(old)?, store.read_file_meta(new)?);
    Ok(match (&old.kind, &new.kind) {
        (FileKind::Regular(_), FileKind::Regular(_)) => note(&old.metadata, &new.metadata),
        (FileKind::Symlink(old), FileKind::Symlink(new)) => Some(format!("link {old} ► {new}")),
        (FileKind::Regular(_), FileKind::Symlink(target)) => Some(format!("a link to {target} now")),
        (FileKind::Symlink(_), FileKind::Regular(_)) => Some("a file now, no link".to_owned()),
    })
}

fn note(old: &Metadata, new: &Metadata) -> Option<String> {
    let mut parts = vec![];
    for (what, old, new) in [("owner", old.uid, new.uid), ("group", old.gid, new.gid)] {
        if old != new {
            parts.push(format!("{what} {old} ► {new}"));
        }
    }
    if old.mode != new.mode {
        parts.push(format!("mode {:04o} ► {:04o}", old.mode, new.mode));
    }
    if old.xattrs != new.xattrs {
        parts.push("other attributes".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
