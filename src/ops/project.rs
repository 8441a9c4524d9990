//! A project directory: where manifests, lockfiles and generated files lie.

use super::{Error, generated, local};
use crate::manifest::{self, KeySource, Manifest};
use crate::util::bounds::Bounds;
use crate::util::place;
use rustix::fs::FileType;
use std::path::{Component, Path, PathBuf};

/// A directory with `manifests/` in it.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
    /// Where the user has it, if this is a copy.
    home: Option<PathBuf>,
}

/// Files that every project has or may have, besides its manifests and lockfiles.
const FILES: [&str; 4] = [".gitattributes", ".gitignore", "bot.toml", "mirrors.toml"];

/// The largest manifest that is read.
const MAX_MANIFEST: u64 = 16 << 20;

impl Project {
    /// Takes `root` as a project; nothing is looked at yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), home: None }
    }

    /// Takes `root` as a copy of the project at `home`: what lies outside is looked for from there.
    pub fn copy(root: impl Into<PathBuf>, home: &Path) -> Self {
        Self { root: root.into(), home: Some(std::path::absolute(here(home)).unwrap_or_else(|_| home.to_owned())) }
    }

    /// The project directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Refuses links and other things where everything generated lies, and links out of the project in the place of what
    /// every project has.
    pub fn check(&self) -> Result<(), Error> {
        if !here(&self.root).exists() {
            return Ok(());
        }
        generated::check(&self.generated())?;
        let bounds = Bounds::new(&self.root, &self.root, [])?;
        for name in FILES {
            bounds.locate_for_writing(name)?;
        }
        for (directory, extension) in [("manifests", "toml"), ("lockfiles", "lock")] {
            let Some(located) = bounds.locate_for_writing(directory)?.filter(|located| located.real().is_dir()) else { continue };
            let read = |source| Error::Io { doing: "read the directory", path: located.named().to_owned(), source };
            for (name, kind) in place::list(located.real()).map_err(read)? {
                if kind != FileType::RegularFile && Path::new(&name).extension().is_some_and(|found| found == extension) {
                    let file = bounds.locate_for_writing(Path::new(directory).join(name))?;
                    file.map(|file| file.open_file()).transpose()?;
                }
            }
        }
        Ok(())
    }

    /// Where the files that a manifest names may lie.
    pub fn bounds(&self, manifest: &Manifest) -> Result<Bounds, Error> {
        Ok(Bounds::new(&self.root, self.home.as_deref().unwrap_or(&self.root), manifest.outside.iter().map(String::as_str))?)
    }

    /// The directories outside the project that a manifest allows, as a step sees them.
    pub fn outside(&self, manifest: &Manifest) -> Vec<String> {
        let seen = |directory: &String| match &self.home {
            Some(home) => home.join(directory).to_string_lossy().into_owned(),
            None => directory.clone(),
        };
        manifest.outside.iter().map(seen).collect()
    }

    /// Reads a manifest, and refuses it if something that it names lies where it may not.
    pub fn load(&self, path: &Path) -> Result<Manifest, Error> {
        // One that the user names outside the project is meant.
        let own = Bounds::new(&self.root, &self.root, [])?;
        let found = match self.inside(path) {
            Some(inside) => own.locate(inside)?,
            None => None,
        };
        if let Some(found) = found {
            found.read(MAX_MANIFEST)?;
        }
        let manifest = manifest::load(path)?;
        let bounds = self.bounds(&manifest)?;
        let keys = manifest.repos.values().flat_map(|repo| &repo.keys).filter_map(|key| match key {
            KeySource::File(path) => Some(path),
            KeySource::Builtin(_) => None,
        });
        let images = manifest.images.values();
        let files = images.clone().flat_map(|image| image.scripts.iter().chain(&image.settings.authorized_keys));
        for path in keys.chain(files) {
            bounds.locate(path)?.map(|file| file.open_file()).transpose()?;
        }
        for path in images.flat_map(|image| &image.overlays) {
            bounds.locate(path)?;
        }
        for directory in manifest.repos.values().filter_map(|repo| repo.directory.as_ref()) {
            local::files(&bounds, directory)?;
        }
        Ok(manifest)
    }

    /// A path that lies in the project by its words, from there.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let absolute = |path: &Path| std::path::absolute(here(path)).ok();
        let inside = absolute(path)?.strip_prefix(absolute(&self.root)?).ok()?.to_owned();
        inside.components().all(|part| matches!(part, Component::Normal(_))).then_some(inside)
    }

    /// Every manifest of `manifests/`, by name.
    pub fn manifests(&self) -> Result<Vec<PathBuf>, Error> {
        let directory = self.root.join("manifests");
        let read = |source| Error::Io { doing: "read the directory", path: directory.clone(), source };
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::NoManifests { directory }),
            Err(error) => return Err(read(error)),
        };
        let mut found = vec![];
        for entry in entries {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
        if found.is_empty() {
            return Err(Error::NoManifests { directory });
        }
        found.sort();
        Ok(found)
    }

    /// The manifest called `name`.
    pub fn manifest(&self, name: &str) -> PathBuf {
        self.root.join("manifests").join(format!("{name}.toml"))
    }

    /// Where lockfiles lie.
    pub fn lockfiles(&self) -> PathBuf {
        self.root.join("lockfiles")
    }

    /// The lockfile of the manifest called `name`.
    pub fn lockfile(&self, name: &str) -> PathBuf {
        self.lockfiles().join(format!("{name}.lock"))
    }

    /// Where everything generated lies.
    pub fn generated(&self) -> PathBuf {
        self.root.join("_build")
    }

    /// Which Release files the lockfile of the manifest called `name` was last made from.
    pub fn indexes_record(&self, name: &str) -> PathBuf {
        self.generated().join(format!("{name}.indexes.json"))
    }

    /// The OSTree repository.
    pub fn store(&self) -> PathBuf {
        self.generated().join("ostree")
    }
}

/// The current directory's path is empty, which the system does not take.
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
