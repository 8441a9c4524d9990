//! Rule `import`: one package file, proven, becomes one commit with its own ref.
//!
//! The package file is downloaded into memory or an unnamed file while it is hashed; only when size and SHA-256 are
//! right are its bytes looked at. They are then streamed into objects, and nothing unpacked lies anywhere else. The ref
//! comes last, after one sync: whatever interrupts the step leaves objects that nothing names.
//!
//! Takes [`Arguments`] and a way to get the file; gives an [`Imported`]. Knows no manifest, lockfile or repository
//! format.

mod attributes;
mod download;
mod error;
mod payload;

pub use download::Download;
pub use error::Error;
pub use payload::{STATUS, Stored, is_script, store_package};

use crate::archive::{Deb, Limits};
use crate::pkg::{Architecture, Sha256};
use crate::store::{Checksum, Objects, PackageFile, RefName, Repo};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What an import step is told.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The OSTree repository; made when it is missing.
    pub store: PathBuf,
    /// The package's name.
    pub package: String,
    /// Its full version.
    pub version: String,
    /// Its own `Architecture`.
    pub architecture: Architecture,
    /// The package file's digest.
    pub sha256: Sha256,
    /// The package file's size.
    pub size: u64,
    /// Files of the user's own that should be the package, looked at first.
    pub files: Vec<PathBuf>,
    /// Whether anything but [`Arguments::files`] may have it.
    pub elsewhere: bool,
    /// Where package files are kept, if they are: a file that lies there is used, and one that was fetched is added.
    pub archives: Option<PathBuf>,
}

/// What an import step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The package's ref.
    pub name: RefName,
    /// The commit it names.
    pub commit: Checksum,
    /// Whether the ref was there before, and nothing was done.
    pub present: bool,
    /// Bytes that were fetched.
    pub fetched: u64,
    /// What the import left out of the package.
    pub warnings: Vec<String>,
}

/// Imports one package.
///
/// `fetch` is asked for the file when it is not there yet; it writes to the [`Download`] and may start it over. It is
/// trusted with nothing: size and digest are checked after it. `processor` is asked for permission to use a processor
/// before unpacking starts; what it gives is dropped at the end.
///
/// # Errors
/// See [`Error`]. Nothing but unnamed objects stays behind.
pub fn run<S>(
    arguments: &Arguments,
    fetch: impl FnOnce(&mut Download) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
    processor: impl FnOnce() -> std::io::Result<S>,
) -> Result<Imported, Error> {
    let repo = Repo::init(&arguments.store)?;
    let name = RefName::deb(&arguments.sha256);
    let file = own_file(arguments)?;
    if let Some(commit) = present(&repo, &name)? {
        return Ok(Imported { name, commit, present: true, fetched: 0, warnings: vec![] });
    }
    let (mut download, fetched) = obtain(&repo, arguments, file, fetch)?;
    if let Some(path) = kept_path(arguments).filter(|_| fetched > 0) {
        download.keep(&path).map_err(Error::io("write", &path))?;
    }
    let _slot = processor().map_err(Error::io("take a processor slot for", &arguments.store))?;
    let stored = download.with_reader(|reader| unpack(&repo, reader, arguments))?;
    repo.write_ref_if_changed(&name, &stored.commit)?;
    let warnings = stored.warnings.into_iter().map(|warning| format!("`{}`: {warning}", package(arguments))).collect();
    Ok(Imported { name, commit: stored.commit, present: false, fetched, warnings })
}

/// Computes the commit that importing the package gives, and writes nothing: what proves that a commit was made of this
/// package file. `repo` lends room for a large download.
///
/// # Errors
/// As [`run`].
pub fn compute(
    repo: &Repo,
    arguments: &Arguments,
    fetch: impl FnOnce(&mut Download) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Result<Checksum, Error> {
    let (mut download, _) = obtain(repo, arguments, own_file(arguments)?, fetch)?;
    Ok(download.with_reader(|reader| unpack(Objects::Computed, reader, arguments))?.commit)
}

/// Gets the package file, proven: the user's own, a kept one, or what `fetch` brings. Gives the bytes that were fetched.
fn obtain(
    repo: &Repo,
    arguments: &Arguments,
    file: Option<&Path>,
    fetch: impl FnOnce(&mut Download) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Result<(Download, u64), Error> {
    let mut download = Download::new(repo, arguments.size)?;
    let kept = kept_path(arguments);
    let mut fetched = 0;
    if !arguments.elsewhere && file.is_none() && !kept.as_deref().is_some_and(Path::exists) {
        let missing = arguments.files.first().map_or(Path::new("package file"), PathBuf::as_path);
        return Err(Error::io("find", missing)(std::io::ErrorKind::NotFound.into()));
    }
    if let Some(file) = file {
        // Read again, since it may have changed in the meantime.
        if !download.copy_kept(file, &arguments.sha256) {
            return Err(Error::Changed { package: package(arguments), name: arguments.package.clone(), path: file.to_owned() });
        }
    } else if !kept.as_deref().is_some_and(|path| download.copy_kept(path, &arguments.sha256)) {
        download.restart().map_err(Error::io("write", &arguments.store))?;
        fetch(&mut download).map_err(|source| Error::Fetch { package: package(arguments), source })?;
        fetched = download.size();
        download.verify(arguments)?;
    }
    Ok((download, fetched))
}

fn kept_path(arguments: &Arguments) -> Option<PathBuf> {
    let directory = arguments.archives.as_deref()?;
    Some(kept_file(directory, &arguments.package, &arguments.version, &arguments.architecture))
}

/// The first of the user's own files that is the package.
///
/// One that is something else is an error even if the package was imported before: whoever made it anew expects to find
/// it in the image. Only where another place has the package too, that one counts.
fn own_file(arguments: &Arguments) -> Result<Option<&Path>, Error> {
    let mut changed = None;
    for path in &arguments.files {
        let read = File::open(path).and_then(Sha256::of_reader);
        match read {
            Ok((found, _)) if found == arguments.sha256 => return Ok(Some(path)),
            Ok(_) => changed = Some(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
    match changed {
        Some(path) if !arguments.elsewhere => {
            Err(Error::Changed { package: package(arguments), name: arguments.package.clone(), path: path.clone() })
        }
        _ => Ok(None),
    }
}

/// The commit of a ref that is there, with the commit object; a ref without one, or with one that was not made of this
/// package file, is as good as none.
fn present(repo: &Repo, name: &RefName) -> Result<Option<Checksum>, Error> {
    match repo.read_package(name) {
        Ok(found) => Ok(found.map(|(commit, _)| commit)),
        Err(error) if error.is_integrity() || matches!(error, crate::store::Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn unpack<'r>(objects: impl Into<Objects<'r>>, reader: &mut dyn Read, arguments: &Arguments) -> Result<Stored, Error> {
    let in_package = |source| Error::Archive { package: package(arguments), source };
    // The digest of the whole file is proven.
    let limits = Limits { inner_checksums: false, ..Limits::default() };
    let deb = Deb::open_with(reader, limits).map_err(in_package)?;
    let control = deb.control();
    for (field, found, pinned) in [
        ("Package", control.package.as_str(), arguments.package.as_str()),
        ("Version", &control.version, &arguments.version),
        ("Architecture", control.architecture.deb_name(), arguments.architecture.deb_name()),
    ] {
        if found != pinned {
            let (found, pinned) = (found.to_owned(), pinned.to_owned());
            return Err(Error::Identity { package: package(arguments), field, found, pinned });
        }
    }
    let file = PackageFile { sha256: arguments.sha256, size: arguments.size };
    store_package(objects, deb, &file).map_err(|error| match error {
        payload::Error::Archive(source) => in_package(source),
        payload::Error::Store(source) => Error::Store(source),
    })
}

fn package(arguments: &Arguments) -> String {
    format!("{} {} {}", arguments.package, arguments.version, arguments.architecture)
}

/// Where a package file is kept: below `directory`, named as in apt's own cache apart from the epoch.
pub fn kept_file(directory: &Path, package: &str, version: &str, architecture: &Architecture) -> PathBuf {
    let version = crate::pkg::version::without_epoch(version);
    directory.join(format!("{package}_{version}_{architecture}.deb"))
}

#[cfg(test)]
mod tests;
