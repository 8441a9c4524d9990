//! Source packages that one architecture has and another one has not yet: a builder lags behind.
//!
//! Such an update would make architectures differ until the builder has caught up. It waits for all, and nothing else
//! waits with it. A security update does not wait: a fix on one architecture is better than on none.

use super::solve::Solving;
use crate::pkg::{Architecture, Pin, version};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A source package that one architecture has in a newer version than another one can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lagging {
    /// The source package.
    pub source: String,
    /// The version that is locked for all, where that is possible and no security update waits for it.
    pub held: Option<String>,
    /// The version that some have.
    pub newest: String,
    /// The version that the others have.
    pub oldest: String,
    /// Who has the newer one.
    pub have: BTreeSet<Architecture>,
    /// Who has not.
    pub lack: BTreeSet<Architecture>,
    /// Whether it comes from a suite of security updates.
    pub security: bool,
}

impl fmt::Display for Lagging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |arches: &BTreeSet<Architecture>| arches.iter().map(Architecture::deb_name).collect::<Vec<_>>().join(", ");
        let verb = if self.lack.len() == 1 { "has" } else { "have" };
        match &self.held {
            Some(held) => write!(f, "{} waits at {held}: {} {verb} no {} yet", self.source, list(&self.lack), self.newest),
            None => {
                let what = if self.security { " (a security update does not wait)" } else { "" };
                write!(f, "{} stays at {} on {}, which {verb} no {} yet{what}", self.source, self.oldest, list(&self.lack), self.newest)
            }
        }
    }
}

/// What each source package must not go beyond.
pub fn ceilings(lagging: &[Lagging]) -> BTreeMap<String, String> {
    lagging.iter().filter_map(|one| Some((one.source.clone(), one.held.clone()?))).collect()
}

/// Compares the architectures' choices, binary package by binary package.
pub fn find(solving: &Solving<'_>, sets: &BTreeMap<(String, Architecture), Vec<Pin>>) -> Vec<Lagging> {
    let mut chosen: BTreeMap<&str, BTreeMap<&Architecture, &Pin>> = BTreeMap::new();
    for pin in sets.values().flatten().filter(|pin| !pin.architecture.is_independent()) {
        let newest = chosen.entry(&pin.name).or_default().entry(&pin.architecture).or_insert(pin);
        if version::compare(&pin.source_version, &newest.source_version).is_gt() {
            *newest = pin;
        }
    }
    let mut found: BTreeMap<&str, Lagging> = BTreeMap::new();
    for pins in chosen.values() {
        let Some(newest) = pins.values().max_by(|a, b| version::compare(&a.source_version, &b.source_version)) else { continue };
        let behind = |pin: &&&Pin| pin.source == newest.source && version::compare(&pin.source_version, &newest.source_version).is_lt();
        for pin in pins.values().filter(behind).filter(|pin| !lists(solving, pin, &newest.source_version)) {
            let security = solving.universes.iter().any(|(_, universe)| {
                let same =
                    |listing: &crate::index::universe::Listing<'_>| listing.package.version() == newest.version && listing.source.security;
                universe.listings(&newest.name).any(|listing| same(&listing))
            });
            let ahead = pins.values().filter(|other| version::compare(&other.source_version, &pin.source_version).is_gt());
            let (ahead, mut can_wait) = (ahead.copied().collect::<Vec<_>>(), !security);
            for other in &ahead {
                can_wait &= lists(solving, other, &pin.source_version) && !goes_back(solving, other, &pin.source_version);
            }
            let one = found.entry(&pin.source).or_insert_with(|| Lagging {
                source: pin.source.clone(),
                held: can_wait.then(|| pin.source_version.clone()),
                newest: newest.source_version.clone(),
                oldest: pin.source_version.clone(),
                have: BTreeSet::new(),
                lack: BTreeSet::new(),
                security,
            });
            one.have.extend(ahead.iter().map(|pin| pin.architecture.clone()));
            one.lack.insert(pin.architecture.clone());
            one.security |= security;
            if !can_wait {
                one.held = None;
            } else if one.held.as_ref().is_some_and(|held| version::compare(&pin.source_version, held).is_lt()) {
                one.held = Some(pin.source_version.clone());
            }
        }
    }
    let mut lagging: Vec<Lagging> = found.into_values().filter(|one| is_new(solving, one)).collect();
    // Of three different ones the middle one is both.
    lagging.iter_mut().for_each(|one| one.have.retain(|architecture| !one.lack.contains(architecture)));
    lagging
}

/// Whether the repositories have the pin's package for its architecture in a version of its source package.
fn lists(solving: &Solving<'_>, pin: &Pin, source_version: &str) -> bool {
    let mut universes = solving.universes.iter().filter(|(architecture, _)| *architecture == pin.architecture);
    universes.any(|(architecture, universe)| {
        let mut listings = universe.installable(architecture, pin);
        listings.any(|listing| listing.package.source() == pin.source && listing.package.source_version() == source_version)
    })
}

/// Whether a version is older than what the old lock has of the package on its architecture.
fn goes_back(solving: &Solving<'_>, pin: &Pin, source_version: &str) -> bool {
    let cells = solving.old.map(|old| old.cells()).unwrap_or_default();
    let same = |cell: &&Pin| (&cell.name, &cell.architecture, &cell.source) == (&pin.name, &pin.architecture, &pin.source);
    cells.iter().filter(same).any(|cell| version::compare(&cell.source_version, source_version).is_gt())
}

/// Whether the difference is not in the old lock already, which was told of it when it came.
fn is_new(solving: &Solving<'_>, lagging: &Lagging) -> bool {
    let cells = solving.old.map(|old| old.cells()).unwrap_or_default();
    !cells.iter().any(|cell| cell.source == lagging.source && cell.source_version == lagging.newest)
}
