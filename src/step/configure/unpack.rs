//! Brings the packages of the next stage into a root whose earlier packages are configured.
//!
//! Two merges of packages are made, without and with the new ones, and what lies between them is brought onto what the
//! scripts have made of the first: the same as if the new packages were unpacked there, and only metadata is read.

use super::super::compose::{self, Diversion, Frame, Package};
use super::Error;
use crate::store::{Checksum, Entry, Metadata, Repo, Root, Side, Tree};
use std::collections::BTreeSet;

/// Where dpkg's database lies.
pub(super) const DATABASE: &str = "var/lib/dpkg";

/// Files of the database are read whole; real ones are far below this.
const MAX_FILE: u64 = 64 << 20;

/// A root with packages that are yet to be configured.
pub(super) struct Unpacked {
    pub(super) tree: Tree,
    pub(super) meta: Checksum,
    /// The text of `status` with every package unpacked.
    pub(super) status: String,
}

/// A root with the packages `new` unpacked beside `old`, on top of `state`, the root in which `old` are configured.
pub(super) fn unpack(repo: &Repo, old: &[Package], new: &[Package], state: Option<Root>, frame: &Frame<'_>) -> Result<Unpacked, Error> {
    let status = format!("{DATABASE}/status");
    let Some(state) = state else {
        let mut merged = compose::merge(repo, new, frame)?;
        let status = text(repo, &mut merged.tree, &status)?;
        return Ok(Unpacked { tree: merged.tree, meta: merged.meta, status });
    };
    let mut configured = Tree::read(repo, &state.0)?;
    let diversions = diversions(&text(repo, &mut configured, &format!("{DATABASE}/diversions"))?);
    let frame = Frame { diversions: &diversions, ..*frame };
    let base = write(repo, compose::merge(repo, old, &frame)?)?;
    let mut merged = compose::merge(repo, new, &frame)?;
    stat_overrides(repo, &mut configured, &mut merged.tree, base)?;
    let status = text(repo, &mut merged.tree, &status)?;
    let declared = text(repo, &mut merged.tree, &format!("{DATABASE}/diversions"))?;
    let theirs = write(repo, merged)?;

    let diverted: BTreeSet<&str> = diversions.iter().map(|diversion| diversion.from.as_str()).collect();
    // What scripts wrote under `/etc` stays, as a conffile that differs would (policy 10.7.3); elsewhere a package's file
    // replaces what stood in its place.
    let mut decide = |path: &str| {
        let database = path.strip_prefix(DATABASE).is_some_and(|rest| rest != "/triggers/File" && !rest.starts_with("/info/"));
        if path.starts_with("etc/") || database || diverted.contains(path) { Side::Ours } else { Side::Theirs }
    };
    let (mut tree, meta) = repo.merge_trees(base, state, theirs, &mut decide)?;
    let mut lines = text(repo, &mut tree, &format!("{DATABASE}/diversions"))?;
    for group in groups(&declared) {
        if !groups(&lines).contains(&group) {
            lines.push_str(&format!("{}\n{}\n{}\n", group[0], group[1], group[2]));
        }
    }
    let file = repo.write_file(&Metadata::root(0o644), lines.as_bytes())?;
    tree.insert_file(repo, &format!("{DATABASE}/diversions"), file, None)?;
    Ok(Unpacked { tree, meta, status })
}

fn write(repo: &Repo, merged: compose::Merged) -> Result<Root, Error> {
    Ok((merged.tree.write(repo)?, merged.meta))
}

/// The text of a file that may be missing.
pub(super) fn text(repo: &Repo, tree: &mut Tree, path: &str) -> Result<String, Error> {
    let bytes = tree.read_file(repo, path, MAX_FILE)?.unwrap_or_default();
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The database file `diversions`: three lines each, from where, to where, and by which package (`:` is the local
/// administrator).
fn groups(text: &str) -> Vec<[&str; 3]> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(3).filter_map(|chunk| chunk.try_into().ok()).collect()
}

fn diversions(text: &str) -> Vec<Diversion> {
    let bare = |path: &str| path.trim_start_matches('/').to_owned();
    groups(text).into_iter().map(|[from, to, package]| Diversion { from: bare(from), to: bare(to), package: package.to_owned() }).collect()
}

/// Gives files of the new packages the owners and modes that `dpkg-statoverride` has noted for them.
fn stat_overrides(repo: &Repo, configured: &mut Tree, tree: &mut Tree, base: Root) -> Result<(), Error> {
    let overrides = text(repo, configured, &format!("{DATABASE}/statoverride"))?;
    if overrides.is_empty() {
        return Ok(());
    }
    let passwd = text(repo, configured, "etc/passwd")?;
    let group = text(repo, configured, "etc/group")?;
    let mut old = Tree::read(repo, &base.0)?;
    for line in overrides.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(user), Some(owner), Some(mode), Some(path)) = (words.next(), words.next(), words.next(), words.next()) else { continue };
        let (Some(uid), Some(gid), Ok(mode)) = (id(&passwd, user), id(&group, owner), u32::from_str_radix(mode, 8)) else { continue };
        let Some(place) = tree.resolve(repo, path)? else { continue };
        if old.get(repo, &place)? == tree.get(repo, &place)? {
            continue;
        }
        change(repo, tree, &place, |metadata| (metadata.uid, metadata.gid, metadata.mode) = (uid, gid, mode))?;
    }
    Ok(())
}

/// Changes owner or mode of what stands at `path`.
pub(super) fn change(repo: &Repo, tree: &mut Tree, path: &str, edit: impl Fn(&mut Metadata)) -> Result<(), Error> {
    match tree.get(repo, path)? {
        Some(Entry::File(file)) => {
            let changed = repo.with_metadata(&file, edit)?;
            tree.insert_file(repo, path, changed, None)?;
        }
        Some(Entry::Directory(meta)) => {
            let mut metadata = repo.read_dirmeta(&meta)?;
            edit(&mut metadata);
            tree.insert_directory(repo, path, repo.write_dirmeta(&metadata)?, None)?;
        }
        None => {}
    }
    Ok(())
}

/// The id behind a name in `passwd` or `group`, or behind `#` and a number (dpkg-statoverride(1)).
fn id(table: &str, name: &str) -> Option<u32> {
    if let Some(number) = name.strip_prefix('#') {
        return number.parse().ok();
    }
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}
