//! The package database inside an image commit: which packages it has, and which files are theirs.

use super::{Error, facts};
use crate::diff::Contents;
use crate::pkg::{Architecture, Pin, Sha256};
use crate::step::import;
use crate::store::{Checksum, Entry, Metadata, Repo, Tree};
use std::collections::HashMap;

/// Where dpkg's database lies in an image: where sealing moves it, and where dpkg itself has it.
const DIRECTORIES: [&str; 2] = ["usr/lib/sysimage/dpkg", "var/lib/dpkg"];

/// The largest file of a database that is read.
const LIMIT: u64 = 256 << 20;

/// What an image commit says of its packages.
pub struct Database {
    /// The image's architecture.
    pub architecture: Architecture,
    /// The packages. They have no file: repository, path and size are empty, and the digest is that of their identity.
    pub pins: Vec<Pin>,
    /// What is known of each, by that digest.
    pub contents: HashMap<Sha256, Contents>,
    /// The digest of each package, by its name with and without its architecture.
    digests: HashMap<String, Sha256>,
    /// The owner of each path, in the words of the package that ships it.
    owners: HashMap<String, String>,
    /// The database's own directory, with a slash at both ends.
    info: String,
}

impl Database {
    /// Reads the database of a commit.
    pub fn read(repo: &Repo, commit: &Checksum) -> Result<Self, Error> {
        let none = || Error::NoDatabase { commit: *commit };
        let root = repo.read_commit(commit)?;
        let architecture = root.metadata.get("pintree.architecture").and_then(|value| Architecture::parse(value.as_str()?));
        let mut tree = Tree::read(repo, &root.tree)?;
        let mut found = None;
        for directory in DIRECTORIES {
            if let Some(Entry::File(status)) = tree.get(repo, &format!("{directory}/status"))? {
                found = Some((directory, repo.read_file(&status, LIMIT)?));
                break;
            }
        }
        let (directory, status) = found.ok_or_else(none)?;
        let status = String::from_utf8(status).map_err(|_| none())?;
        let info = format!("{directory}/info");
        let mut database = Self {
            architecture: architecture.ok_or_else(none)?,
            pins: vec![],
            contents: HashMap::new(),
            digests: HashMap::new(),
            owners: HashMap::new(),
            info: format!("/{info}/"),
        };
        for paragraph in status.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            database.add(paragraph).ok_or_else(none)?;
        }
        database.look(repo, &mut tree, &info)?;
        Ok(database)
    }

    fn add(&mut self, paragraph: &str) -> Option<()> {
        let field = |name: &str| {
            let value = |line: &'_ str| {
                line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
            };
            paragraph.lines().find_map(value)
        };
        let (name, version, architecture) = (field("Package")?, field("Version"), field("Architecture"));
        // A removed package may stay as a note of its configuration files.
        let (Some(version), Some(architecture)) = (version, architecture) else { return Some(()) };
        let architecture = Architecture::parse(&architecture)?;
        let source = field("Source").unwrap_or_else(|| name.clone());
        let (source, source_version) = match source.split_once(" (") {
            Some((source, version)) => (source.to_owned(), version.trim_end_matches(')').to_owned()),
            // A binNMU has its source's version and a suffix.
            None => (source, without_rebuild(&version).to_owned()),
        };
        let sha256 = Sha256::of(format!("{name} {version} {architecture}").as_bytes());
        let kibibytes: u64 = field("Installed-Size").and_then(|size| size.parse().ok()).unwrap_or_default();
        self.contents.insert(sha256, Contents { installed: kibibytes.saturating_mul(1024), ..Contents::default() });
        let (repo, path) = (String::new(), String::new());
        self.digests.insert(name.clone(), sha256);
        self.digests.insert(format!("{name}:{architecture}"), sha256);
        self.pins.push(Pin { name, architecture, version, source, source_version, repo, path, sha256, size: 0 });
        Some(())
    }

    /// Notes what a file makes of the package that it belongs to.
    pub fn note(&mut self, path: &str, metadata: &Metadata) {
        let digest = self.owner(path).and_then(|owner| self.digests.get(owner)).copied();
        if let Some(contents) = digest.and_then(|digest| self.contents.get_mut(&digest)) {
            facts::note(contents, path, metadata);
        }
    }

    /// Reads whose the files are, and which scripts there are.
    fn look(&mut self, repo: &Repo, tree: &mut Tree, info: &str) -> Result<(), Error> {
        for name in tree.names(repo, info)? {
            let Some((package, member)) = name.rsplit_once('.') else { continue };
            let path = format!("{info}/{name}");
            if member == "list" {
                let text = tree.read_file(repo, &path, LIMIT)?.unwrap_or_default();
                for line in String::from_utf8_lossy(&text).lines() {
                    self.owners.entry(line.to_owned()).or_insert_with(|| package.to_owned());
                }
            } else if import::is_script(member)
                && let (Some(digest), Some(Entry::File(file))) = (self.digests.get(package), tree.get(repo, &path)?)
                && let Some(contents) = self.contents.get_mut(digest)
            {
                contents.scripts.insert(member.to_owned(), file.to_hex());
            }
        }
        Ok(())
    }

    /// The package that a path of the image belongs to. Packages may ship it where `/usr` was merged and `/etc` moved
    /// from.
    pub fn owner<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        if let Some(member) = path.strip_prefix(&self.info) {
            return member.rsplit_once('.').map(|(package, _)| package);
        }
        let unmerged = path.strip_prefix("/usr").filter(|rest| rest.starts_with('/'));
        [Some(path), unmerged].into_iter().flatten().find_map(|path| self.owners.get(path)).map(String::as_str)
    }
}

/// A version without `+bN`.
fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((before, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => version,
    }
}
