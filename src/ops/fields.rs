//! The control fields of a lockfile's packages: what they depend on, provide and conflict with.
//!
//! A lockfile has no dependencies; they are read from the imported package itself, else from the verified index that
//! lists the very bytes. A package that is in neither is an error: nothing is guessed.

use super::indexes::Indexes;
use super::{Error, Session};
use crate::index::packages::Limits;
use crate::index::{self, Index, Package, Priority, Universe};
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Pin};
use crate::step::import;
use crate::store::{Checksum, Commit, RefName, Repo};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Reads fields; what it read of indexes serves all images of a manifest.
pub struct FieldReader {
    store: Option<Repo>,
    indexes: BTreeMap<String, Indexes>,
    universes: BTreeMap<(String, Architecture), Universe>,
}

/// The fields of some pins.
pub struct Fields {
    indexes: Vec<Arc<Index>>,
    /// For each pin: which index, and which of its packages.
    places: Vec<(usize, u32)>,
    /// For each pin: the root of its tree, where it is imported.
    trees: Vec<Option<Checksum>>,
}

impl Fields {
    /// The packages, in the order of the pins.
    pub fn packages(&self) -> Vec<Package<'_>> {
        self.places.iter().map(|&(index, id)| self.indexes[index].record(id)).collect()
    }

    /// The root of each package's tree, where it is imported, in the order of the pins.
    pub fn trees(&self) -> &[Option<Checksum>] {
        &self.trees
    }
}

impl FieldReader {
    /// Reads from the store, if there is one at `path`, and from indexes.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let store = if path.join("config").exists() { Some(Repo::open(path)?) } else { None };
        Ok(Self { store, indexes: BTreeMap::new(), universes: BTreeMap::new() })
    }

    /// The store, if there is one.
    pub fn store(&self) -> Option<&Repo> {
        self.store.as_ref()
    }

    /// The indexes of a manifest's repositories, brought up to date once.
    pub fn indexes(&mut self, session: &mut Session<'_>, manifest: &Manifest) -> Result<&mut Indexes, Error> {
        if !self.indexes.contains_key(&manifest.name) {
            let indexes = Indexes::update(session, manifest)?;
            self.indexes.insert(manifest.name.clone(), indexes);
        }
        Ok(self.indexes.get_mut(&manifest.name).expect("it was just put there"))
    }

    /// The commit of an imported package.
    pub fn commit(&self, pin: &Pin) -> Result<Option<Commit>, Error> {
        let Some(store) = &self.store else { return Ok(None) };
        Ok(store.read_package(&RefName::deb(&pin.sha256))?.map(|(_, commit)| commit))
    }

    /// The fields of an image's pins.
    ///
    /// # Errors
    /// [`Error::NoFields`] names the packages that are neither imported nor in a verified index.
    pub fn read(
        &mut self,
        session: &mut Session<'_>,
        manifest: &Manifest,
        architecture: &Architecture,
        pins: &[Pin],
    ) -> Result<Fields, Error> {
        let mut text = String::new();
        let mut trees = vec![];
        for pin in pins {
            let commit = self.commit(pin)?;
            if let Some(commit) = &commit {
                push_stanza(&mut text, pin, commit)?;
            }
            trees.push(commit.map(|commit| commit.tree));
        }
        let unreadable = |reason: String| Error::Unreadable { reason };
        let limits = Limits { stanza: 64 << 20, ..Limits::default() };
        let imported = Index::parse(text.as_bytes(), &limits).map_err(|error| unreadable(error.to_string()))?;
        if let Some(skipped) = imported.skipped().first() {
            return Err(unreadable(format!("`{}`: {}", skipped.package, skipped.reason)));
        }
        let imported = Arc::new(imported);
        let mut fields = Fields { indexes: vec![Arc::clone(&imported)], places: vec![], trees };
        let mut missing = vec![];
        for (at, pin) in pins.iter().enumerate() {
            let place = match fields.trees[at] {
                Some(_) => find(&imported, pin).map(|id| (0, id)),
                None => self.in_indexes(session, manifest, architecture, pin, &mut fields.indexes)?,
            };
            match place {
                Some(place) => fields.places.push(place),
                None => missing.push(format!("{} {} {}", pin.name, pin.version, pin.architecture)),
            }
        }
        if missing.is_empty() { Ok(fields) } else { Err(Error::NoFields { packages: missing }) }
    }

    /// The priorities that the verified indexes give the pins; archives override what stands in the packages.
    pub fn priorities(
        &mut self,
        session: &mut Session<'_>,
        manifest: &Manifest,
        architecture: &Architecture,
        pins: &[Pin],
    ) -> Result<Vec<Option<Priority>>, Error> {
        let universe = self.universe(session, manifest, architecture)?;
        let priority = |pin: &Pin| {
            let found = universe.sources().iter().find_map(|source| Some(source.index.record(find(&source.index, pin)?)));
            found.map(Package::priority)
        };
        Ok(pins.iter().map(priority).collect())
    }

    fn universe(&mut self, session: &mut Session<'_>, manifest: &Manifest, architecture: &Architecture) -> Result<&Universe, Error> {
        let key = (manifest.name.clone(), architecture.clone());
        if !self.universes.contains_key(&key) {
            let universe = match self.indexes(session, manifest) {
                Ok(indexes) => indexes.universe(session, manifest, architecture, None)?,
                // Offline and without a cache no index lists anything.
                Err(Error::Repo(crate::repo::Error::Offline { .. })) => Universe::default(),
                Err(error) => return Err(error),
            };
            self.universes.insert(key.clone(), universe);
        }
        Ok(&self.universes[&key])
    }

    /// The verified indexes of a manifest's repositories for an image of `architecture`.
    pub fn listed(
        &mut self,
        session: &mut Session<'_>,
        manifest: &Manifest,
        architecture: &Architecture,
    ) -> Result<Vec<Arc<Index>>, Error> {
        Ok(self.universe(session, manifest, architecture)?.sources().iter().map(|source| Arc::clone(&source.index)).collect())
    }

    fn in_indexes(
        &mut self,
        session: &mut Session<'_>,
        manifest: &Manifest,
        architecture: &Architecture,
        pin: &Pin,
        indexes: &mut Vec<Arc<Index>>,
    ) -> Result<Option<(usize, u32)>, Error> {
        for source in self.universe(session, manifest, architecture)?.sources() {
            if let Some(id) = find(&source.index, pin) {
                let at = indexes.iter().position(|index| Arc::ptr_eq(index, &source.index)).unwrap_or_else(|| {
                    indexes.push(Arc::clone(&source.index));
                    indexes.len() - 1
                });
                return Ok(Some((at, id)));
            }
        }
        Ok(None)
    }
}

/// The package with exactly the pinned identity and bytes.
fn find(index: &Index, pin: &Pin) -> Option<u32> {
    index.named(&pin.name).find(|package| is_pinned(package, pin)).map(Package::id)
}

/// Tells whether a package has exactly the pinned identity and bytes.
pub(super) fn is_pinned(package: &Package<'_>, pin: &Pin) -> bool {
    package.sha256() == pin.sha256 && package.version() == pin.version && *package.architecture() == pin.architecture
}

/// Turns a package's control paragraph into a stanza of an index: with the fields that only an archive knows.
pub(super) fn push_stanza(text: &mut String, pin: &Pin, commit: &Commit) -> Result<(), Error> {
    let no_status = || Error::Unreadable { reason: format!("the commit of `{}` {} has no control paragraph", pin.name, pin.version) };
    let status = commit.metadata.get(import::STATUS).and_then(|value| value.as_str()).ok_or_else(no_status)?;
    index::push_paragraph(text, status, &pin.path, pin.size, &pin.sha256);
    Ok(())
}
