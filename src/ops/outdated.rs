//! `pintree outdated`: what the repositories have for each pin, and why the newest is not taken where it is not.

use super::lock::{self, Options, Upgrade};
use super::solve::{self, Solved};
use super::{Error, Session, Stale};
use crate::index::Universe;
use crate::index::universe::Listing;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Hold, Pin, version};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What the repositories have for one manifest.
#[derive(Debug)]
pub struct Outdated {
    /// The manifest's name.
    pub manifest: String,
    /// How many source packages are locked.
    pub sources: usize,
    /// What no index has any more, because what they have is older or nothing: an upgrade keeps it.
    pub unlisted: Vec<lock::Unlisted>,
    /// What has something newer; security updates first, then by source package.
    pub rows: Vec<Row>,
    /// Why an upgrade has no solution, if it has none.
    pub unsolvable: Option<Error>,
}

/// A source package that has something newer somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is compared.
    pub versions: Versions,
    /// The binary packages it is about.
    pub packages: BTreeSet<String>,
    /// The images, with the architectures on which it is so.
    pub images: BTreeMap<String, BTreeSet<Architecture>>,
}

/// The versions of a source package; where those are equal, of its binary packages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Versions {
    /// Not a security update; in front, so that security updates come first.
    pub ordinary: bool,
    /// The source package.
    pub source: String,
    /// What is locked.
    pub current: String,
    /// What `pintree lock --upgrade` would take; none if it would drop the package, or has no solution.
    pub candidate: Option<String>,
    /// The newest that any repository lists.
    pub newest: String,
    /// The repository that lists it.
    pub repo: String,
    /// The suite.
    pub suite: String,
    /// Why an upgrade would not take the newest; none if it would, or if nobody knows.
    pub because: Option<Because>,
}

/// Why the newest is not taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// A hold keeps it out.
    Held {
        /// The version pattern.
        version: String,
        /// Why.
        reason: Option<String>,
        /// The last day.
        until: Option<String>,
    },
    /// It is younger than packages must be.
    TooYoung,
    /// The suite supplies only what is asked from it.
    NotAutomatic,
    /// The repository's `only` or `exclude` keeps it out.
    Excluded,
    /// A repository with a lower priority number has the package.
    Priority {
        /// That repository.
        repo: String,
    },
    /// Another architecture has nothing newer yet.
    Lagging,
    /// Other packages or requests do not go with it.
    Unfit,
}

impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held { version, reason, until } => {
                write!(f, "held at `{version}`")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ", {reason}"))?;
                until.as_ref().map_or(Ok(()), |until| write!(f, ", until {until}"))
            }
            Self::TooYoung => f.write_str("too young"),
            Self::NotAutomatic => f.write_str("only if asked for from its suite"),
            Self::Excluded => f.write_str("kept out by the repository's `only` or `exclude`"),
            Self::Priority { repo } => write!(f, "`{repo}` goes first by its priority"),
            Self::Lagging => f.write_str("another architecture does not have it yet"),
            Self::Unfit => f.write_str("does not fit the other packages and requests"),
        }
    }
}

/// Compares lockfiles with what their repositories have; writes nothing.
pub fn outdated(session: &mut Session<'_>, manifests: &[PathBuf]) -> Result<Vec<Outdated>, Error> {
    let mut all = vec![];
    for manifest in lock::manifests(session, manifests)? {
        let path = session.project.lockfile(&manifest.name);
        if !path.exists() {
            return Err(Error::Stale { stale: Stale { lockfile: path, reasons: vec!["there is no lockfile".to_owned()] } });
        }
        let old = lock::existing(session, &manifest)?;
        all.push(of_manifest(session, &manifest, &old)?);
    }
    Ok(all)
}

fn of_manifest(session: &mut Session<'_>, manifest: &Manifest, old: &Lockfile) -> Result<Outdated, Error> {
    let options = Options { upgrade: Upgrade::All, ..Options::default() };
    let prepared = solve::prepare(session, manifest, Some(old), &options)?;
    let (new, unlisted, lagging, unsolvable) = match prepared.solve(session) {
        Ok(Solved { lockfile, unlisted, lagging, .. }) => (Some(lockfile), unlisted, lagging, None),
        Err(error @ (Error::Unsolvable { .. } | Error::Gone { .. })) => (None, vec![], vec![], Some(error)),
        Err(error) => return Err(error),
    };
    let lagging: BTreeSet<&str> = lagging.iter().filter(|one| one.held.is_some()).map(|one| one.source.as_str()).collect();
    let mut rows: BTreeMap<Versions, Row> = BTreeMap::new();
    let solving = &prepared.solving;
    for (architecture, universe) in &solving.universes {
        for image in manifest.images.values().filter(|image| image.arches.contains(architecture)) {
            let Ok(pins) = old.pins(&image.name, architecture) else { continue };
            let candidates = new.as_ref().and_then(|new| new.pins(&image.name, architecture).ok()).unwrap_or_default();
            for pin in &pins {
                let candidate = candidates.iter().find(|other| is_same(architecture, pin, other));
                let Some(versions) = versions(universe, architecture, pin, candidate, &solving.holds, &lagging) else { continue };
                let row =
                    rows.entry(versions.clone()).or_insert_with(|| Row { versions, packages: BTreeSet::new(), images: BTreeMap::new() });
                row.packages.insert(pin.name.clone());
                row.images.entry(image.name.clone()).or_default().insert(architecture.clone());
            }
        }
    }
    let sources: BTreeSet<&str> = old.cells().iter().map(|pin| pin.source.as_str()).collect();
    Ok(Outdated { manifest: manifest.name.clone(), sources: sources.len(), unlisted, rows: rows.into_values().collect(), unsolvable })
}

/// Whether two pins are of one place in an image.
fn is_same(architecture: &Architecture, pin: &Pin, other: &Pin) -> bool {
    let native = |pin: &Pin| pin.architecture == *architecture || pin.architecture.is_independent();
    pin.name == other.name && (pin.architecture == other.architecture || native(pin) && native(other))
}

/// What there is for a pin; none if nothing differs.
fn versions(
    universe: &Universe,
    architecture: &Architecture,
    pin: &Pin,
    candidate: Option<&Pin>,
    holds: &[Hold],
    lagging: &BTreeSet<&str>,
) -> Option<Versions> {
    let native = |other: &Architecture| other == architecture || other.is_independent();
    let fits = |listing: &Listing<'_>| {
        let other = listing.package.architecture();
        *other == pin.architecture || native(other) && native(&pin.architecture)
    };
    let newer =
        universe.listings(&pin.name).filter(|listing| fits(listing) && version::compare(listing.package.version(), &pin.version).is_gt());
    let newer: Vec<Listing<'_>> = newer.collect();
    // Of the same version in two suites the first one counts, as everywhere.
    let newest = newer.iter().rev().max_by(|a, b| version::compare(a.package.version(), b.package.version()));
    let moves = candidate.filter(|candidate| candidate.version != pin.version);
    let Some(newest) = newest else {
        // An upgrade may also go back, to what there is.
        let candidate = moves?;
        return Some(Versions {
            ordinary: true,
            source: pin.source.clone(),
            current: shown(pin, &candidate.source_version),
            candidate: Some(shown(candidate, &pin.source_version)),
            newest: shown(candidate, &pin.source_version),
            repo: candidate.repo.clone(),
            suite: String::new(),
            because: None,
        });
    };
    let package = newest.package;
    let taken = candidate.is_some_and(|candidate| version::compare(&candidate.version, package.version()).is_ge());
    let text = |version: &str, source_version: &str| {
        if package.source_version() == pin.source_version { version.to_owned() } else { source_version.to_owned() }
    };
    Some(Versions {
        ordinary: !newer.iter().any(|listing| listing.source.security),
        source: pin.source.clone(),
        current: text(&pin.version, &pin.source_version),
        candidate: candidate.map(|candidate| text(&candidate.version, &candidate.source_version)),
        newest: text(package.version(), package.source_version()),
        repo: newest.source.repo.clone(),
        suite: newest.source.suite.clone(),
        because: if taken {
            None
        } else {
            because(universe, newest, pin, holds, lagging).filter(|why| candidate.is_some() || *why != Because::Unfit)
        },
    })
}

/// A version as it is told beside another one: that of the source package, unless those are equal.
fn shown(pin: &Pin, other_source: &str) -> String {
    if pin.source_version == other_source { pin.version.clone() } else { pin.source_version.clone() }
}

fn because(universe: &Universe, newest: &Listing<'_>, pin: &Pin, holds: &[Hold], lagging: &BTreeSet<&str>) -> Option<Because> {
    let (source, package) = (newest.source, newest.package);
    if let Some(hold) = holds.iter().find(|hold| hold.names(package.name(), package.source()) && !hold.allows(package.version())) {
        return Some(Because::Held { version: hold.version.to_string(), reason: hold.reason.clone(), until: hold.until.clone() });
    }
    if source.pinned.as_ref().is_some_and(|pinned| !pinned.contains(&package.sha256())) {
        return Some(Because::TooYoung);
    }
    if !source.steering.supplies(package.name()) {
        return Some(Because::Excluded);
    }
    if source.not_automatic {
        return Some(Because::NotAutomatic);
    }
    let first = universe.listings(package.name()).find(|other| {
        other.source.steering.priority < source.steering.priority
            && other.source.steering.supplies(package.name())
            && !other.source.not_automatic
    });
    Some(match first {
        Some(first) => Because::Priority { repo: first.source.repo.clone() },
        None if lagging.contains(pin.source.as_str()) => Because::Lagging,
        None => Because::Unfit,
    })
}
