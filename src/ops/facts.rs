//! What a comparison wants to know of packages, read from their refs; what is not in the store is left out.

use super::Error;
use crate::diff::{Changelog, ChangelogFacts, Comparison, Contents, Facts, Kind, ServiceKind, changelog};
use crate::lock::Lockfile;
use crate::pkg::{Pin, Sha256};
use crate::step::import;
use crate::store::{self, Checksum, Entry, FileKind, Metadata, RefName, Repo, Tree};
use std::collections::{BTreeMap, HashSet};
use std::io::Read as _;

/// Where dpkg keeps a package's control members.
const INFO: &str = "var/lib/dpkg/info";

/// The largest changelog that is read, packed and unpacked. That of the kernel has 2 MB and 8.
const CHANGELOG_LIMIT: (u64, u64) = (8 << 20, 64 << 20);

/// Reads what the packages that differ between two lockfiles have, and the new part of changelogs.
pub fn gather(store: Option<&Repo>, old: Option<&Lockfile>, new: Option<&Lockfile>, first: &Comparison) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    let cells = |lockfile: Option<&'_ Lockfile>| -> Vec<Pin> { lockfile.map(|lockfile| lockfile.cells().to_vec()).unwrap_or_default() };
    let (old, new) = (cells(old), cells(new));
    let digests = |pins: &[Pin]| pins.iter().map(|pin| pin.sha256).collect::<HashSet<Sha256>>();
    let (before, after) = (digests(&old), digests(&new));
    if let Some(store) = store {
        for pin in old.iter().chain(&new).filter(|pin| before.contains(&pin.sha256) != after.contains(&pin.sha256)) {
            if let Some(contents) = contents(store, pin)? {
                facts.contents.insert(pin.sha256, contents);
            }
        }
    }
    facts.changelogs = changelogs(first, |source, version| {
        let Some(store) = store else { return Ok(Found::NotThere) };
        in_packages(store, new.iter().filter(|pin| pin.source == source && pin.source_version == version))
    })?;
    Ok(facts)
}

/// The new part of the changelogs that an image has.
pub fn changelogs_of_image(store: &Repo, commit: &Checksum, first: &Comparison) -> Result<BTreeMap<String, ChangelogFacts>, Error> {
    let mut tree = Tree::read(store, &store.read_commit(commit)?.tree)?;
    changelogs(first, |source, _| {
        let change = first.sources.iter().find(|change| change.name == source);
        for package in change.iter().flat_map(|change| &change.packages) {
            if let Some(text) = in_tree(store, &mut tree, &package.name, source)? {
                return Ok(Found::Text(text));
            }
        }
        Ok(Found::Nothing)
    })
}

/// Where a changelog was looked for.
enum Found {
    /// There it is.
    Text(String),
    /// Packages are there, and none has it.
    Nothing,
    /// No package is there.
    NotThere,
}

/// The new part of the changelog of each source that went on; `find` gets a source and its newest version.
fn changelogs(
    first: &Comparison,
    mut find: impl FnMut(&str, &str) -> Result<Found, Error>,
) -> Result<BTreeMap<String, ChangelogFacts>, Error> {
    let mut found = BTreeMap::new();
    for source in first.sources.iter().filter(|source| source.kind == Kind::Updated) {
        let (Some(from), Some(to)) = (source.from.first(), source.to.last()) else { continue };
        let not_read = |reason: &str| (Changelog::NotRead { reason: reason.to_owned() }, vec![]);
        let read = match find(&source.name, to)? {
            Found::Text(text) => changelog::between(&text, from, to),
            Found::Nothing => not_read("no package of it has one"),
            Found::NotThere => not_read("not in the store"),
        };
        found.insert(source.name.clone(), read);
    }
    Ok(found)
}

/// The tree of an imported package, and its control paragraph.
fn open(store: &Repo, pin: &Pin) -> Result<Option<(Checksum, String)>, Error> {
    let Some((_, mut commit)) = store.read_package(&RefName::deb(&pin.sha256))? else { return Ok(None) };
    let status = commit.metadata.remove(import::STATUS).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    Ok(Some((commit.tree, status)))
}

fn contents(store: &Repo, pin: &Pin) -> Result<Option<Contents>, Error> {
    let Some((tree, status)) = open(store, pin)? else { return Ok(None) };
    let mut contents = Contents { installed: installed(&status), ..Contents::default() };
    walk(store, &tree, "", &mut |path, file| {
        if let Some(member) = path.strip_prefix('/').and_then(|path| path.strip_prefix(INFO)) {
            let script = member.rsplit_once('.').map(|(_, name)| name).filter(|name| import::is_script(name));
            if let Some(script) = script {
                contents.scripts.insert(script.to_owned(), file.to_hex());
            }
            return Ok(());
        }
        note(&mut contents, path, &store.read_file_meta(file)?.metadata);
        Ok(())
    })?;
    Ok(Some(contents))
}

/// Notes what a file makes of its package: whether it is privileged, or starts a program.
pub fn note(contents: &mut Contents, path: &str, metadata: &Metadata) {
    if let Some(kind) = ServiceKind::of(path) {
        contents.services.insert((kind, path.to_owned()));
    }
    if metadata.mode & 0o6000 != 0 {
        contents.privileged.insert(path.to_owned(), metadata.mode);
    }
    if metadata.xattrs.iter().any(|(name, _)| name.starts_with(b"security.capability")) {
        contents.capable.insert(path.to_owned());
    }
}

/// `Installed-Size` in bytes.
fn installed(status: &str) -> u64 {
    let field = |line: &str| {
        line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("Installed-Size")).map(|(_, value)| value.trim().to_owned())
    };
    let kibibytes: u64 = status.lines().find_map(field).and_then(|value| value.parse().ok()).unwrap_or_default();
    kibibytes.saturating_mul(1024)
}

/// Calls `visit` with the path and the object of each file below `path`, where `tree` lies.
pub fn walk(
    store: &Repo,
    tree: &Checksum,
    path: &str,
    visit: &mut dyn FnMut(&str, &Checksum) -> Result<(), store::Error>,
) -> Result<(), store::Error> {
    let tree = store.read_dirtree(tree)?;
    for (name, file) in &tree.files {
        visit(&format!("{path}/{name}"), file)?;
    }
    for (name, subtree, _) in &tree.dirs {
        walk(store, subtree, &format!("{path}/{name}"), visit)?;
    }
    Ok(())
}

/// The changelog of a source, from any of its packages: often all but one have a link to that one's directory.
fn in_packages<'a>(store: &Repo, pins: impl Iterator<Item = &'a Pin>) -> Result<Found, Error> {
    let mut seen = HashSet::new();
    for pin in pins {
        if seen.contains(&pin.name) {
            continue;
        }
        let Some((tree, _)) = open(store, pin)? else { continue };
        if let Some(text) = in_tree(store, &mut Tree::read(store, &tree)?, &pin.name, &pin.source)? {
            return Ok(Found::Text(text));
        }
        seen.insert(&pin.name);
    }
    Ok(if seen.is_empty() { Found::NotThere } else { Found::Nothing })
}

/// The changelog that a tree has for a package; links are followed inside the tree.
fn in_tree(store: &Repo, tree: &mut Tree, package: &str, source: &str) -> Result<Option<String>, Error> {
    // A package whose version has no Debian part has only the latter.
    for name in ["changelog.Debian.gz", "changelog.gz", "changelog.Debian", "changelog"] {
        let path = tree.resolve(store, &format!("usr/share/doc/{package}/{name}"))?;
        let Some(Entry::File(file)) = path.filter(|path| !path.is_empty()).map(|path| tree.get(store, &path)).transpose()?.flatten() else {
            continue;
        };
        // A larger one is none that anybody would read.
        if !matches!(store.read_file_meta(&file)?.kind, FileKind::Regular(size) if size <= CHANGELOG_LIMIT.0) {
            continue;
        }
        let bytes = store.read_file(&file, CHANGELOG_LIMIT.0)?;
        let text = if name.ends_with(".gz") { unpacked(&bytes) } else { Some(String::from_utf8_lossy(&bytes).into_owned()) };
        // An upstream changelog has the same name in some packages and another form.
        if let Some(text) = text.filter(|text| changelog::is_of(text, source)) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

fn unpacked(bytes: &[u8]) -> Option<String> {
    let mut text = vec![];
    flate2::read::MultiGzDecoder::new(bytes).take(CHANGELOG_LIMIT.1).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
