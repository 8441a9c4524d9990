//! Two image commits: their packages, and their files by package.

use super::database::Database;
use super::difference::{self, Differs, Named};
use super::{Error, Session, facts};
use crate::diff::{self, Comparison, Facts, FileChange, FileChangeKind, PackageFiles, Reason, Side, TreeChange};
use crate::store::{self, Checksum, FileKind, Metadata, Repo};
use std::collections::BTreeMap;

/// Compares two commits, each with what the user calls it.
pub fn compare(
    session: &Session<'_>,
    store: &Repo,
    old: (&str, &Checksum),
    new: (&str, &Checksum),
) -> Result<(Comparison, TreeChange), Error> {
    let mut databases = [Database::read(store, old.1)?, Database::read(store, new.1)?];
    let pins = databases.each_ref().map(|database| database.pins.clone());
    let architecture = databases[1].architecture.clone();
    let image = image_of(new.0);
    let compare = |facts: &Facts| {
        let [before, after] = pins.each_ref().map(|pins| Side::of_database(&image, &architecture, pins));
        diff::compare_sides(&format!("{} ► {}", diff::short(old.0), diff::short(new.0)), Some(before), Some(after), facts)
    };
    let first = compare(&Facts::default());
    let tree = files(store, old, new, &mut databases)?;
    if session.interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    let mut facts = Facts { changelogs: facts::changelogs_of_image(store, new.1, &first)?, ..Facts::default() };
    databases.into_iter().for_each(|database| facts.contents.extend(database.contents));
    let mut comparison = compare(&facts);
    for arrival in comparison.images.iter_mut().flat_map(|image| image.added.iter_mut().chain(&mut image.removed)) {
        arrival.reason = Reason::NotKnown { reason: "an image does not say what it was asked for".to_owned() };
    }
    Ok((comparison, tree))
}

/// The image that a ref is of, as its manifest calls it.
fn image_of(name: &str) -> String {
    let parts: Vec<&str> = name.strip_prefix("image/").unwrap_or(name).split('/').collect();
    if let [_, image, _] | [_, image, _, _] = parts[..] { image.to_owned() } else { "image".to_owned() }
}

/// Lists the files that differ, and notes in the databases which of them are privileged or start programs.
fn files(store: &Repo, old: (&str, &Checksum), new: (&str, &Checksum), databases: &mut [Database; 2]) -> Result<TreeChange, Error> {
    let (left, right) = (store.read_commit(old.1)?, store.read_commit(new.1)?);
    let mut changes: Vec<(String, FileChangeKind, Option<String>)> = vec![];
    let mut objects: [Vec<(String, Checksum)>; 2] = [vec![], vec![]];
    difference::walk((store, &left), (store, &right), &mut |path, differs| {
        let (before, after) = match differs {
            Differs::Metadata(old, new) => {
                let note = note(&store.read_dirmeta(&old)?, &store.read_dirmeta(&new)?);
                changes.push((path.to_owned(), FileChangeKind::Changed, note));
                return Ok(());
            }
            Differs::Both(old, new) => (Some(old), Some(new)),
            Differs::Left(old) => (Some(old), None),
            Differs::Right(new) => (None, Some(new)),
        };
        if let (Some(Named::File(old)), Some(Named::File(new))) = (before, after) {
            changes.push((path.to_owned(), FileChangeKind::Changed, file_note(store, &old, &new)?));
            objects[0].push((path.to_owned(), old));
            objects[1].push((path.to_owned(), new));
            return Ok(());
        }
        for (at, named, kind) in [(0, before, FileChangeKind::Removed), (1, after, FileChangeKind::Added)] {
            let Some(named) = named else { continue };
            each(store, path, named, &mut |path, file| {
                changes.push((path.to_owned(), kind, None));
                objects[at].extend(file.map(|file| (path.to_owned(), file)));
            })?;
        }
        Ok(())
    })?;
    for (database, objects) in databases.iter_mut().zip(&objects) {
        for (path, file) in objects {
            database.note(path, &store.read_file_meta(file)?.metadata);
        }
    }
    let mut counts = [0; 3];
    let mut packages: BTreeMap<(bool, String), Vec<FileChange>> = BTreeMap::new();
    for (path, kind, note) in changes {
        counts[kind as usize] += 1;
        let owner = databases.iter().rev().find_map(|database| database.owner(&path));
        let key = (owner.is_none(), owner.unwrap_or_default().to_owned());
        packages.entry(key).or_default().push(FileChange { path, kind, note });
    }
    let package = |((nobody, name), files): ((bool, String), Vec<FileChange>)| PackageFiles { package: (!nobody).then_some(name), files };
    let [added, removed, changed] = counts;
    let packages = packages.into_iter().map(package).collect();
    Ok(TreeChange { old: old.0.to_owned(), new: new.0.to_owned(), added, removed, changed, packages })
}

/// Every file of what stands at a path; an empty directory is told itself.
fn each(store: &Repo, path: &str, named: Named, tell: &mut dyn FnMut(&str, Option<Checksum>)) -> Result<(), store::Error> {
    let tree = match named {
        Named::File(file) => {
            tell(path, Some(file));
            return Ok(());
        }
        Named::Directory(tree, _) => tree,
    };
    let mut any = false;
    facts::walk(store, &tree, path, &mut |path, file| {
        any = true;
        tell(path, Some(*file));
        Ok(())
    })?;
    if !any {
        tell(path, None);
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
