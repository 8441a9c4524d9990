//! A manifest's steering, in the form that lockfiles keep.

use super::{Error, Project};
use crate::lock::{ImagePart, RepoPart, Steering};
use crate::manifest::{self, Manifest};
use crate::repo::{self, KeyRing, KeySource};
use std::collections::BTreeMap;

/// What of `manifest` steers the solver; key files are read for their fingerprints.
pub fn of_manifest(project: &Project, manifest: &Manifest) -> Result<Steering, Error> {
    let mut repos = BTreeMap::new();
    for (name, described) in &manifest.repos {
        let signed_by = KeyRing::load(&key_sources(project, &described.keys)).map_err(repo::Error::from)?.fingerprints();
        repos.insert(name.clone(), RepoPart { steering: described.steering.clone(), signed_by });
    }
    let images = manifest.images.iter().map(|(name, image)| {
        let arches = |arches: Vec<_>| if arches.is_empty() { None } else { Some(arches) };
        let roots = image.roots().into_iter().map(|root| (root.text.to_owned(), arches(root.arches))).collect();
        let part = ImagePart { arches: image.arches.clone(), extends: image.extends.clone(), steering: image.steering.clone(), roots };
        (name.clone(), part)
    });
    Ok(Steering {
        ecosystem: manifest.ecosystem,
        foreign_arches: manifest.foreign_arches.clone(),
        accelerate: manifest.accelerate.clone(),
        holds: manifest.holds.clone(),
        repos,
        images: images.collect(),
    })
}

/// A manifest's keys, with files seen from the project directory.
pub fn key_sources(project: &Project, keys: &[manifest::KeySource]) -> Vec<KeySource> {
    let source = |key: &manifest::KeySource| match key {
        manifest::KeySource::Builtin(name) => KeySource::Builtin(name.clone()),
        manifest::KeySource::File(path) => KeySource::File(project.root().join(path)),
    };
    keys.iter().map(source).collect()
}
