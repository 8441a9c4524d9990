//! A project directory: where manifests, lockfiles and generated files lie.

use super::{Error, generated};
use std::path::{Path, PathBuf};

/// A directory with `manifests/` in it.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// Takes `root` as a project; nothing is looked at yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The project directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Refuses links and other things where everything generated lies.
    pub fn check(&self) -> Result<(), Error> {
        generated::check(&self.generated())
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
