//! From which repository a package is taken when several list the very same file.

use super::{Lockfile, Parts};
use crate::pkg::{Architecture, Pin, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Where a verified index lists a package file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The manifest's name of the repository.
    pub repo: String,
    /// The path relative to the repository's base.
    pub path: String,
}

/// What makes two pins the same package file of the same source.
type Content<'a> = (&'a str, &'a Architecture, &'a str, &'a Sha256);

fn content(pin: &Pin) -> Content<'_> {
    (&pin.name, &pin.architecture, &pin.version, &pin.sha256)
}

/// Settles one repository for each source package, so that locks do not flap between repositories with equal files.
///
/// A source package whose cells are just those of a block of `old` keeps that block's repository while the manifest
/// has it. Any other takes the first place that lists all its cells, and where no repository lists them all, each cell
/// its own first place. `places` gives the places of a file, best first: by repository priority, then by name.
pub fn settle_repositories(parts: &mut Parts, old: Option<&Lockfile>, places: impl Fn(&Pin) -> Vec<Place>) {
    let mut groups: BTreeMap<(String, String), BTreeSet<Pin>> = BTreeMap::new();
    for pin in parts.pins.values().chain(parts.accelerators.values()).flatten() {
        groups.entry((pin.source.clone(), pin.source_version.clone())).or_default().insert(pin.clone());
    }
    let mut settled: BTreeMap<Pin, Place> = BTreeMap::new();
    for ((source, version), pins) in groups {
        let known: BTreeMap<&Pin, Vec<Place>> = pins.iter().map(|pin| (pin, places(pin))).collect();
        let kept = old.and_then(|old| old.sticky_repo(&source, &version, &pins)).filter(|repo| parts.steering.repos.contains_key(*repo));
        let common = kept.map(str::to_owned).or_else(|| {
            let lists = |repo: &str| known.values().all(|places| places.iter().any(|place| place.repo == repo));
            known.values().next()?.iter().map(|place| &place.repo).find(|repo| lists(repo)).cloned()
        });
        for pin in &pins {
            let own = Place { repo: pin.repo.clone(), path: pin.path.clone() };
            let old_place = || {
                old?.cells
                    .iter()
                    .find(|cell| content(cell) == content(pin))
                    .map(|cell| Place { repo: cell.repo.clone(), path: cell.path.clone() })
            };
            let place = match &common {
                None => known[pin].first().cloned(),
                Some(repo) => {
                    let here = |place: &Place| place.repo == *repo;
                    known[pin].iter().find(|place| here(place)).cloned().or_else(|| old_place().filter(here))
                }
            };
            let place = place.unwrap_or_else(|| own.clone());
            if place != own {
                settled.insert(pin.clone(), place);
            }
        }
    }
    for pin in parts.pins.values_mut().chain(parts.accelerators.values_mut()).flatten() {
        if let Some(place) = settled.get(pin) {
            pin.repo.clone_from(&place.repo);
            pin.path.clone_from(&place.path);
        }
    }
}

impl Lockfile {
    /// The repository of the block that has exactly these cells, if there is one.
    fn sticky_repo(&self, source: &str, version: &str, pins: &BTreeSet<Pin>) -> Option<&str> {
        let wanted: BTreeSet<Content<'_>> = pins.iter().map(content).collect();
        let mine = self.cells.iter().filter(|cell| cell.source == source && cell.source_version == version);
        let mut blocks: BTreeMap<&str, BTreeSet<Content<'_>>> = BTreeMap::new();
        for cell in mine {
            blocks.entry(&cell.repo).or_default().insert(content(cell));
        }
        blocks.into_iter().find(|(_, cells)| *cells == wanted).map(|(repo, _)| repo)
    }
}
