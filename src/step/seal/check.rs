//! What a finished tree should not have.
//!
//! Looked at before the tree gets its final layout, when every path is where programs expect it.

use super::accounts::Accounts;
use super::error::Error;
use super::root::Root;
use crate::pkg::{Severity, TreeCheck};
use crate::store::{Checksum, Entry, FileKind, FileMeta};
use crate::util::text::plain;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read as _;
use std::path::Path;

/// Paths shown of one kind of finding; the rest is counted.
const SHOWN: usize = 5;

/// Files with names below these come and go with the running system.
const RUNTIME: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

/// Links in documentation lead to packages that need not be there.
const DOCUMENTATION: [&str; 5] = ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/gtk-doc", "usr/share/lintian"];

/// The most of one file that is searched for build paths.
const SEARCHED: u64 = 64 << 20;

/// All that one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: TreeCheck,
    /// What becomes of it.
    pub severity: Severity,
    /// The paths, with a word about each, sorted.
    pub places: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.check {
            TreeCheck::DanglingLinks => ("symbolic link leads nowhere", "symbolic links lead nowhere"),
            TreeCheck::WorldWritable => ("path may be written by everybody", "paths may be written by everybody"),
            TreeCheck::BuildPaths => ("file names a path of the building machine", "files name a path of the building machine"),
            TreeCheck::UnownedIds => ("path belongs to an unknown user or group", "paths belong to unknown users or groups"),
            TreeCheck::SetId => ("set-id program is from no package", "set-id programs are from no package"),
        };
        let count = self.places.len();
        write!(f, "{}: {count} {}: ", self.check, if count == 1 { one } else { many })?;
        f.write_str(&self.places.iter().take(SHOWN).map(|place| plain(place)).collect::<Vec<_>>().join(", "))?;
        match count.saturating_sub(SHOWN) {
            0 => Ok(()),
            rest => write!(f, " and {rest} more"),
        }
    }
}

/// Looks at the whole tree; `private` is the path of the building machine that must not be in it.
pub(super) fn run(root: &mut Root<'_>, severities: &BTreeMap<TreeCheck, Severity>, private: Option<&Path>) -> Result<Vec<Finding>, Error> {
    let severity = |check: TreeCheck| severities.get(&check).copied().unwrap_or_default();
    let on = |check| severity(check) != Severity::Off;
    let mut found: BTreeMap<TreeCheck, Vec<String>> = BTreeMap::new();
    let mut note = |check, place: String| {
        if on(check) {
            found.entry(check).or_default().push(place);
        }
    };
    let accounts = Accounts::read(root)?;
    let mut set_id: Vec<String> = Vec::new();
    let mut links: Vec<(String, String)> = Vec::new();
    // Many files have one content: what was read of an object once need not be read again.
    let mut seen: HashMap<Checksum, FileMeta> = HashMap::new();
    root.walk("", &mut |root, path, entry| {
        if RUNTIME.contains(&path.split('/').next().unwrap_or_default()) {
            return Ok(());
        }
        let (metadata, directory) = match entry {
            Entry::Directory(meta) => (root.repo.read_dirmeta(&meta)?, true),
            Entry::File(file) => {
                let meta = match seen.get(&file) {
                    Some(meta) => meta.clone(),
                    None => seen.entry(file).or_insert(root.repo.read_file_meta(&file)?).clone(),
                };
                if let FileKind::Symlink(target) = meta.kind {
                    links.push((path.to_owned(), target));
                    return Ok(());
                }
                (meta.metadata, false)
            }
        };
        let mode = metadata.mode & 0o7777;
        if mode & 0o002 != 0 && !(directory && mode & 0o1000 != 0) {
            note(TreeCheck::WorldWritable, format!("`/{path}` ({mode:04o})"));
        }
        if !accounts.is_empty() && (!accounts.has_user(metadata.uid) || !accounts.has_group(metadata.gid)) {
            note(TreeCheck::UnownedIds, format!("`/{path}` ({}:{})", metadata.uid, metadata.gid));
        }
        if !directory && mode & 0o6000 != 0 {
            set_id.push(path.to_owned());
        }
        Ok(())
    })?;
    if on(TreeCheck::SetId) && !set_id.is_empty() {
        for path in unpackaged(root, set_id)? {
            note(TreeCheck::SetId, format!("`/{path}`"));
        }
    }
    if on(TreeCheck::DanglingLinks) {
        for (path, target) in &links {
            if !DOCUMENTATION.iter().any(|directory| path.starts_with(directory)) && !leads_somewhere(root, path)? {
                note(TreeCheck::DanglingLinks, format!("`/{path}` ► `{target}`"));
            }
        }
    }
    if let Some(private) = private.filter(|_| on(TreeCheck::BuildPaths)) {
        for path in build_paths(root, private)? {
            note(TreeCheck::BuildPaths, format!("`/{path}`"));
        }
    }
    Ok(found.into_iter().map(|(check, places)| Finding { check, severity: severity(check), places }).collect())
}

/// Whether the link at `path` leads to something, or to where the running system puts things.
fn leads_somewhere(root: &mut Root<'_>, path: &str) -> Result<bool, Error> {
    let place = match root.follow(path) {
        Ok(place) => place,
        Err(Error::Circle { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let first = place.split('/').next().unwrap_or_default();
    Ok(place.is_empty() || RUNTIME.contains(&first) || root.tree.get(root.repo, &place)?.is_some())
}

/// Those of `paths` that no list of the package database has.
fn unpackaged(root: &mut Root<'_>, mut paths: Vec<String>) -> Result<Vec<String>, Error> {
    const INFO: &str = "var/lib/dpkg/info";
    for (name, _) in root.list(INFO)? {
        if paths.is_empty() {
            break;
        }
        if name.ends_with(".list") {
            let text = root.text(&format!("{INFO}/{name}"))?.unwrap_or_default();
            for line in text.lines() {
                // Packages that are older than merged directories list `/bin/su`.
                let listed = line.trim_start_matches('/');
                paths.retain(|path| path != listed && path.strip_prefix("usr/") != Some(listed));
            }
        }
    }
    Ok(paths)
}

/// Files and links among those that overlays and scripts brought that hold the path `private`.
fn build_paths(root: &mut Root<'_>, private: &Path) -> Result<Vec<String>, Error> {
    let needle = private.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for path in root.added.clone() {
        let Some(Entry::File(file)) = root.entry(&path)? else { continue };
        let (meta, content) = root.repo.open_file(&file)?;
        let bytes = match meta.kind {
            FileKind::Symlink(target) => target.into_bytes(),
            FileKind::Regular(_) => {
                let mut bytes = Vec::new();
                content.take(SEARCHED).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
                bytes
            }
        };
        if memchr::memmem::find(&bytes, needle).is_some() {
            found.push(path);
        }
    }
    Ok(found)
}
