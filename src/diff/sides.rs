//! One side of a comparison: pins, and who has them.

use crate::lock::Lockfile;
use crate::pkg::{Architecture, Pin};
use std::collections::{BTreeMap, HashSet};

/// The packages of some images, from a lockfile or from an image's own database.
#[derive(Clone, Debug, Default)]
pub struct Side<'a> {
    /// Every package once.
    pub(super) cells: Vec<&'a Pin>,
    /// What each image has on each of its architectures.
    pub(super) sets: BTreeMap<(&'a str, &'a Architecture), Vec<&'a Pin>>,
    /// Where it comes from, if from a lockfile.
    pub(super) lockfile: Option<&'a Lockfile>,
}

impl<'a> Side<'a> {
    /// The side that a lockfile describes.
    pub fn of_lockfile(lockfile: &'a Lockfile) -> Self {
        let mut sets = BTreeMap::new();
        for (image, part) in lockfile.images() {
            for architecture in &part.arches {
                // A lockfile that was read has a set for each of these.
                let set = lockfile.iter_pins(image, architecture).map(Iterator::collect).unwrap_or_default();
                sets.insert((image.as_str(), architecture), set);
            }
        }
        Self { cells: lockfile.cells().iter().collect(), sets, lockfile: Some(lockfile) }
    }

    /// An image as its package database describes it. Such pins have no file: their digest stands for their identity
    /// only, and repository, path and size are empty.
    pub fn of_database(image: &'a str, architecture: &'a Architecture, pins: &'a [Pin]) -> Self {
        Self { cells: pins.iter().collect(), sets: BTreeMap::from([((image, architecture), pins.iter().collect())]), lockfile: None }
    }

    /// Whether the pins are of package files.
    pub(super) fn has_files(&self) -> bool {
        self.lockfile.is_some()
    }

    /// The images, in order.
    pub(super) fn images(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.sets.keys().map(|(image, _)| *image).collect();
        names.dedup();
        names
    }

    /// The repositories that supply security updates: those of the archive `debian-security`, and those with nothing but
    /// suites whose names end in `-security`.
    pub(super) fn security_repos(&self) -> HashSet<&'a str> {
        let repos = self.lockfile.map(Lockfile::repos).into_iter().flatten();
        let is_security = |steering: &crate::pkg::RepoSteering| {
            steering.archive.as_deref() == Some("debian-security")
                || !steering.suites.is_empty() && steering.suites.iter().all(|suite| suite.ends_with("-security"))
        };
        repos.filter(|(_, repo)| is_security(&repo.steering)).map(|(name, _)| name.as_str()).collect()
    }
}

/// A package as an image on `architecture` has it: with `:ARCH` where it is a foreign one.
pub(super) fn label(pin: &Pin, architecture: &Architecture) -> String {
    let native = pin.architecture == *architecture || pin.architecture.is_independent();
    if native { pin.name.clone() } else { format!("{}:{}", pin.name, pin.architecture) }
}
