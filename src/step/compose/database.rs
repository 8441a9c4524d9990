//! The dpkg database of a root whose packages are unpacked and not configured.

use super::merge::{DATABASE, DatabaseFile, INFO, Outcome};
use super::package::Package;
use super::{Error, Frame};
use crate::store::{Checksum, Entry, Metadata, Repo, Tree};
use md5::{Digest as _, Md5};
use std::collections::{BTreeMap, BTreeSet};

/// Lists of a package's control members are far below this.
const MAX_LIST: u64 = 64 << 20;

/// Conffiles are read whole for their MD5; the largest real ones are a few hundred kilobytes.
const MAX_CONFFILE: u64 = 256 << 20;

/// What one control member of a package is stored as.
struct Members<'a> {
    files: BTreeMap<&'a str, Checksum>,
}

/// Adds status, triggers and the rest to `tree`, which has the packages' `info` files already.
pub(super) fn write(repo: &Repo, packages: &[Package], frame: &Frame<'_>, outcome: &Outcome, tree: &mut Tree) -> Result<(), Error> {
    let members = members(packages, outcome)?;
    // Lists are cut first: a conffile that another package took over is no longer this one's.
    let mut lost: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for moved in &outcome.moved {
        lost.entry(moved.package).or_default().insert(&moved.path);
    }
    let directory = repo.write_dirmeta(&Metadata::root(0o755))?;
    for path in [DATABASE, INFO, "var/lib/dpkg/alternatives", "var/lib/dpkg/parts", "var/lib/dpkg/triggers", "var/lib/dpkg/updates"] {
        tree.insert_directory(repo, path, directory, Some(directory))?;
    }
    let put = |tree: &mut Tree, path: &str, content: &str| -> Result<(), Error> {
        let file = repo.write_file(&Metadata::root(0o644), content.as_bytes())?;
        tree.insert_file(repo, &format!("{DATABASE}/{path}"), file, None)?;
        Ok(())
    };
    for (package, paths) in &lost {
        let name = packages[*package].info_name();
        let Some(list) = members[*package].files.get("list") else { continue };
        let list = text(repo, list)?;
        let kept: String =
            list.lines().filter(|line| !paths.contains(line.trim_start_matches('/'))).map(|line| format!("{line}\n")).collect();
        put(tree, &format!("info/{name}.list"), &kept)?;
    }

    let mut by_name: Vec<usize> = (0..packages.len()).collect();
    by_name.sort_by(|a, b| packages[*a].order(&packages[*b]));
    let mut status = String::with_capacity(packages.len() * 1024);
    let mut triggers = Triggers::default();
    let none = BTreeSet::new();
    for index in by_name {
        let package = &packages[index];
        let lost = lost.get(&index).unwrap_or(&none);
        let conffiles = match members[index].files.get("conffiles") {
            Some(list) => conffiles(repo, &text(repo, list)?, lost, outcome, tree)?,
            None => String::new(),
        };
        package.stanza.render_status(&conffiles, &mut status);
        if let Some(file) = members[index].files.get("triggers") {
            triggers.add(&text(repo, file)?, &package.info_name());
        }
    }
    put(tree, "status", &status)?;

    let architectures = std::iter::once(frame.architecture).chain(frame.foreign);
    put(tree, "arch", &architectures.map(|architecture| format!("{}\n", architecture.deb_name())).collect::<String>())?;
    put(tree, "available", "")?;
    let diversions = outcome.diversions.iter().map(|diversion| format!("/{}\n/{}\n{}\n", diversion.from, diversion.to, diversion.package));
    put(tree, "diversions", &diversions.collect::<String>())?;
    put(tree, "statoverride", "")?;
    put(tree, "info/format", "1\n")?;
    put(tree, "triggers/Unincorp", "")?;
    put(tree, "triggers/File", &triggers.files.concat())?;
    for (name, lines) in &triggers.named {
        put(tree, &format!("triggers/{name}"), &lines.concat())?;
    }
    Ok(())
}

/// Sorts the `info` files to their packages; refuses files that no package may have there.
fn members<'a>(packages: &[Package], outcome: &'a Outcome) -> Result<Vec<Members<'a>>, Error> {
    let mut members: Vec<Members<'a>> = packages.iter().map(|_| Members { files: BTreeMap::new() }).collect();
    for DatabaseFile { package, path, file } in &outcome.database {
        let prefix = format!("{INFO}/{}.", packages[*package].info_name());
        let member = path.strip_prefix(&prefix).filter(|member| !member.contains('.'));
        let member = member.ok_or_else(|| Error::Database { package: packages[*package].to_string(), path: path.clone() })?;
        members[*package].files.insert(member, *file);
    }
    Ok(members)
}

fn text(repo: &Repo, file: &Checksum) -> Result<String, Error> {
    let bytes = repo.read_file(file, MAX_LIST)?;
    // Names that are not UTF-8 cannot be in the tree either.
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The field `Conffiles`: each file that is there, with its MD5.
fn conffiles(repo: &Repo, list: &str, lost: &BTreeSet<&str>, outcome: &Outcome, tree: &mut Tree) -> Result<String, Error> {
    let mut field = String::new();
    let buffer = &mut [0; 16 << 10];
    for line in list.lines() {
        // A file that is no longer shipped has no digest, neither before nor after dpkg configures.
        if let Some(path) = line.strip_prefix("remove-on-upgrade ") {
            field.push_str(&format!("\n {} newconffile remove-on-upgrade", path.trim()));
            continue;
        }
        let Some(path) = line.trim_end().strip_prefix('/').filter(|path| !lost.contains(path)) else { continue };
        let mut place = outcome.canonical(path);
        if let Some(diversion) = outcome.diversions.iter().find(|diversion| outcome.canonical(&diversion.from) == place) {
            place = outcome.canonical(&diversion.to);
        }
        let Ok(Some(Entry::File(file))) = tree.get(repo, &place) else { continue };
        let (meta, mut content) = repo.open_file(&file)?;
        let crate::store::FileKind::Regular(size) = meta.kind else { continue };
        if size > MAX_CONFFILE {
            continue;
        }
        let mut md5 = Md5::new();
        let mut left = size;
        // As the size is known, most files take one call.
        while left > 0 {
            let length = std::io::Read::read(&mut content, buffer).map_err(|source| Error::Io { path: path.into(), source })?;
            if length == 0 {
                break;
            }
            md5.update(&buffer[..length]);
            left = left.saturating_sub(length as u64);
        }
        let digest: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        field.push_str(&format!("\n /{path} {digest}"));
    }
    Ok(field)
}

/// Lines, sorted, each once.
#[derive(Default)]
struct Lines(BTreeSet<String>);

impl Lines {
    fn concat(&self) -> String {
        self.0.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Who is interested in which trigger.
#[derive(Default)]
struct Triggers {
    files: Lines,
    named: BTreeMap<String, Lines>,
}

impl Triggers {
    /// Reads a control member `triggers`.
    fn add(&mut self, text: &str, package: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let suffix = match words.next() {
                Some("interest" | "interest-await") => "",
                Some("interest-noawait") => "/noawait",
                _ => continue,
            };
            let Some(name) = words.next() else { continue };
            if name.starts_with('/') {
                self.files.0.insert(format!("{name} {package}{suffix}"));
            } else if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+_:".contains(&b))
                && !name.starts_with('.')
                && !is_reserved(name)
            {
                self.named.entry(name.to_owned()).or_default().0.insert(format!("{package}{suffix}"));
            }
        }
    }
}

/// Files of dpkg's own in the directory of named triggers.
fn is_reserved(name: &str) -> bool {
    matches!(name, "File" | "Unincorp" | "Lock")
}
