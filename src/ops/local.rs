//! Directories of package files as repositories: what lies there, read from the files themselves.

use super::{Error, Project};
use crate::archive::Deb;
use crate::index::packages::{Index, Limits};
use crate::index::push_paragraph;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::Pin;
use crate::util::bounds::{Bounds, Located};
use crate::util::place;
use rustix::fs::FileType;
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory that was read.
#[derive(Clone, Debug)]
pub struct Local {
    /// The repository's name in the manifest.
    pub repo: String,
    /// The directory, as the manifest has it.
    pub directory: String,
    /// What its files are.
    pub index: Arc<Index>,
}

/// Reads every directory that a manifest has as a repository.
pub fn load(project: &Project, manifest: &Manifest) -> Result<Vec<Local>, Error> {
    let directories = manifest.repos.values().filter_map(|repo| Some((repo, repo.directory.as_ref()?)));
    directories
        .map(|(repo, directory)| {
            let index = Arc::new(read(&project.bounds(manifest)?, directory)?);
            Ok(Local { repo: repo.name.clone(), directory: directory.clone(), index })
        })
        .collect()
}

/// Reads the `.deb` files of one directory, in the order of their names; directories inside it are not looked at.
fn read(bounds: &Bounds, directory: &str) -> Result<Index, Error> {
    let mut text = String::new();
    let found = files(bounds, directory)?;
    let directory = bounds.named(directory);
    if !directory.is_dir() {
        return Err(Error::Io { doing: "read the directory", path: directory, source: std::io::ErrorKind::NotFound.into() });
    }
    for (path, located) in found {
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.contains(|c: char| c == '|' || c.is_control()));
        let name = name.ok_or_else(|| Error::LocalName { path: path.clone() })?;
        let io = |source| Error::Io { doing: "read", path: path.clone(), source };
        let located = located.ok_or_else(|| io(std::io::ErrorKind::NotFound.into()))?;
        let mut file = located.open_file()?;
        let (sha256, size) = crate::pkg::Sha256::of_reader(&file).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let deb = Deb::open(file).map_err(|source| Error::LocalPackage { path: path.clone(), source })?;
        push_paragraph(&mut text, &deb.control().paragraph, name, size, &sha256);
    }
    let unreadable = |reason: String| Error::LocalFields { directory: directory.clone(), reason };
    let limits = Limits { stanza: 64 << 20, ..Limits::default() };
    let index = Index::parse(text.as_bytes(), &limits).map_err(|error| unreadable(error.to_string()))?;
    if let Some(skipped) = index.skipped().first() {
        return Err(unreadable(format!("`{}`: {}", skipped.package, skipped.reason)));
    }
    for package in index.packages() {
        let same = |other: &crate::index::packages::Package<'_>| {
            other.version() == package.version() && other.architecture() == package.architecture() && other.sha256() != package.sha256()
        };
        if let Some(other) = index.named(package.name()).find(same) {
            return Err(Error::LocalTwice { files: [package.path(), other.path()], directory: directory.clone() });
        }
    }
    Ok(index)
}

/// The `.deb` files of a directory, in the order of their names; a link among them is its target, as far as that is there.
/// No directory has none.
pub fn files(bounds: &Bounds, directory: &str) -> Result<Vec<(PathBuf, Option<Located>)>, Error> {
    let named = bounds.named(directory);
    let io = |source| Error::Io { doing: "read the directory", path: named.clone(), source };
    let Some(located) = bounds.locate(directory)? else { return Ok(vec![]) };
    let mut found = vec![];
    for (name, kind) in place::list(located.real()).map_err(io)? {
        let path = Path::new(directory).join(&name);
        if path.extension().is_some_and(|extension| extension == "deb") {
            let file = bounds.locate(&path)?;
            if kind != FileType::RegularFile {
                file.as_ref().map(Located::open_file).transpose()?;
            }
            found.push((bounds.named(path), file));
        }
    }
    Ok(found)
}

/// Refuses files that have other bytes than the lockfile says under the same name and version, unless they may `move`.
///
/// An archive never does that; a file that was built again easily does, and then a lock that changes nothing else is no
/// place to let it in.
pub fn refuse_changed(locals: &[Local], old: &Lockfile, moves: impl Fn(&Pin) -> bool) -> Result<(), Error> {
    for local in locals {
        for pin in old.cells().iter().filter(|pin| pin.repo == local.repo && !moves(pin)) {
            let mut same = local
                .index
                .named(&pin.name)
                .filter(|package| package.version() == pin.version && *package.architecture() == pin.architecture);
            if let Some(package) = same.next()
                && package.sha256() != pin.sha256
            {
                return Err(Error::LocalChanged {
                    path: Path::new(&local.directory).join(package.path()),
                    package: pin.name.clone(),
                    version: pin.version.clone(),
                });
            }
        }
    }
    Ok(())
}
