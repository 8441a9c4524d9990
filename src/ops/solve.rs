//! Every image of a manifest, each architecture alone ► a lockfile, and what the user should know of it.

use super::blocked::{self, Blocked};
use super::indexes::{Files, Indexes};
use super::lagging::{self, Lagging};
use super::lock::{Options, Upgrade};
use super::moment::Moment;
use super::preferences::Known;
use super::{Error, Session, holds, ids, kept, local, steering};
use crate::index::Universe;
use crate::lock::{self, Lockfile, Parts, Place, Steering};
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Hold, Pin, Request};
use crate::resolve::{self, Chosen, Problem, SolvedBy};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What was chosen, and what the user should know of it.
#[derive(Debug)]
pub struct Solved {
    /// The pins, in the form that is written.
    pub lockfile: Lockfile,
    /// What holds keep out.
    pub blocked: Vec<Blocked>,
    /// What one architecture has and another one has not yet.
    pub lagging: Vec<Lagging>,
    /// What identifies the indexes that were read: one object a suite.
    pub indexes: serde_json::Value,
}

/// What is solved: a manifest's images with what is to be kept.
pub struct Solving<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// What is pinned so far.
    pub old: Option<&'a Lockfile>,
    /// Which pins may move.
    pub upgrade: &'a Upgrade,
    /// The holds in force.
    pub holds: Vec<Hold>,
    /// What each architecture may choose from, in the order of solving.
    pub universes: Vec<(Architecture, Universe)>,
}

/// The whole set of each image on each architecture.
pub struct Sets {
    /// By image and architecture.
    pub pins: BTreeMap<(String, Architecture), Vec<Pin>>,
    /// Where each package file lies, best first.
    places: BTreeMap<Pin, Vec<Place>>,
}

/// Tells which packages ship the paths among requests.
pub type FindFiles<'a> = dyn FnMut(&mut Session<'_>, &Architecture, &[Request]) -> Result<Files, Error> + 'a;

/// Everything that is needed to solve.
pub struct Prepared<'a> {
    /// What is solved.
    pub solving: Solving<'a>,
    /// What steers it, in the form that lockfiles keep.
    steering: Steering,
    indexes: RefCell<Indexes>,
    allow_skew: bool,
}

/// Reads the repositories of a manifest.
pub fn prepare<'a>(
    session: &mut Session<'_>,
    manifest: &'a Manifest,
    old: Option<&'a Lockfile>,
    options: &'a Options,
) -> Result<Prepared<'a>, Error> {
    let moment = match (options.at, options.min_age.or(manifest.min_age)) {
        (Some(at), _) => Moment::At(at),
        (None, Some(age)) if !age.is_zero() => Moment::Aged(age),
        (None, _) => Moment::Now,
    };
    let steering = steering::of_manifest(&session.project, manifest)?;
    let holds = holds::active(session, manifest);
    let indexes = Indexes::read(session, manifest, moment)?;
    let upgrade = &options.upgrade;
    if let Some(old) = old {
        local::refuse_changed(indexes.locals(), old, |pin| upgrade.moves(pin))?;
    }
    let mut universes = vec![];
    for architecture in architectures(manifest) {
        let mut universe = indexes.universe(session, manifest, &architecture, old)?;
        if let (Upgrade::Security, Some(old)) = (upgrade, old) {
            universe = with_imported(session, &steering, universe, &architecture, old)?;
        }
        universes.push((architecture, universe));
    }
    let solving = Solving { manifest, old, upgrade, holds, universes };
    Ok(Prepared { solving, steering, indexes: RefCell::new(indexes), allow_skew: options.allow_skew })
}

/// Adds what is pinned and imported to what the repositories still list: where only fixes may move, a point release that
/// drops old versions from the index is no reason for the rest to move.
fn with_imported(
    session: &mut Session<'_>,
    steering: &Steering,
    universe: Universe,
    architecture: &Architecture,
    old: &Lockfile,
) -> Result<Universe, Error> {
    let of_architecture = |pin: &&Pin| pin.architecture == *architecture || pin.architecture.is_independent();
    let kept = kept::find(session, steering, &universe, old.cells().iter().filter(of_architecture))?;
    let lost: Vec<&Pin> = kept.missing.iter().filter(|pin| universe.security_updates(architecture, [*pin]).is_empty()).collect();
    if let Some(first) = lost.first() {
        let more = lost.len() - 1;
        let others = if more == 0 { String::new() } else { format!(" and {more} more") };
        session.talk.warn(&format!(
            "`{}` {}{others} for {architecture}: no index lists it any more and it is not imported, so it moves although it has no fix",
            first.name, first.version
        ));
    }
    Ok(universe.with(kept.sources))
}

/// Reads the repositories and solves every image of a manifest.
pub fn solve(session: &mut Session<'_>, manifest: &Manifest, old: Option<&Lockfile>, options: &Options) -> Result<Solved, Error> {
    prepare(session, manifest, old, options)?.solve(session)
}

impl Prepared<'_> {
    /// Solves every image.
    pub fn solve(&self, session: &mut Session<'_>) -> Result<Solved, Error> {
        let Self { solving, .. } = self;
        let mut files = |session: &mut Session<'_>, architecture: &Architecture, requests: &[Request]| {
            self.indexes.borrow_mut().files(session, architecture, requests)
        };
        let (sets, lagging) = if self.allow_skew {
            (solving.sets(session, &mut files, &BTreeMap::new())?, vec![])
        } else {
            in_step(session, solving, &mut files)?
        };
        let blocked = blocked::find(solving, &sets.pins);
        let lockfile = sets.into_lockfile(solving.manifest, self.steering.clone(), solving.old)?;
        Ok(Solved { lockfile, blocked, lagging, indexes: self.indexes.borrow().record() })
    }
}

/// Solves, and again with what one architecture does not have yet left out for all.
///
/// Where that cannot be solved, the architectures differ: a lockfile is better than none.
fn in_step(session: &mut Session<'_>, solving: &Solving<'_>, files: &mut FindFiles<'_>) -> Result<(Sets, Vec<Lagging>), Error> {
    let free = solving.sets(session, files, &BTreeMap::new())?;
    let mut lagging = lagging::find(solving, &free.pins);
    let mut ceilings = lagging::ceilings(&lagging);
    if ceilings.is_empty() {
        return Ok((free, lagging));
    }
    // What is left out may bring another lagging package in; each round leaves out one more, so it ends.
    loop {
        let sets = match solving.sets(session, files, &ceilings) {
            Ok(sets) => sets,
            Err(Error::Unsolvable { .. }) => {
                lagging.iter_mut().for_each(|one| one.held = None);
                return Ok((free, lagging));
            }
            Err(error) => return Err(error),
        };
        let more: Vec<Lagging> =
            lagging::find(solving, &sets.pins).into_iter().filter(|one| lagging.iter().all(|known| known.source != one.source)).collect();
        let fresh = lagging::ceilings(&more);
        lagging.extend(more);
        if fresh.is_empty() {
            lagging.sort();
            return Ok((sets, lagging));
        }
        ceilings.extend(fresh);
    }
}

impl Solving<'_> {
    /// Solves every image; source packages in `ceilings` do not go beyond the version there.
    pub fn sets(&self, session: &mut Session<'_>, files: &mut FindFiles<'_>, ceilings: &BTreeMap<String, String>) -> Result<Sets, Error> {
        let mut sets = Sets { pins: BTreeMap::new(), places: BTreeMap::new() };
        let manifest = self.manifest;
        for (architecture, universe) in &self.universes {
            let mut known = Known::new(manifest, architecture, self.old, self.upgrade);
            for image in manifest.images_parents_first() {
                if !image.arches.contains(architecture) {
                    continue;
                }
                if session.interrupt.is_raised() {
                    return Err(Error::Interrupted);
                }
                let resolved = manifest.flatten(&image.name).expect("the image is one of the manifest's");
                let requests: Vec<_> = resolved.requests(architecture).into_iter().cloned().collect();
                let files = files(session, architecture, &requests)?;
                let preferences = known.preferences(&image.name);
                let pins = preferences.iter().flat_map(|preference| &preference.pins);
                let updates = if *self.upgrade == Upgrade::Security { universe.security_updates(architecture, pins) } else { vec![] };
                let problem = Problem {
                    universe,
                    native: architecture.clone(),
                    foreign: manifest.foreign_arches.iter().filter(|arch| *arch != architecture).cloned().collect(),
                    requests,
                    steering: resolved.steering(architecture),
                    holds: self.holds.clone(),
                    ceilings: ceilings.clone(),
                    preferences,
                    updates,
                    files: &|path| files.owners(path),
                };
                let solution = resolve::resolve(&problem).map_err(|error| Error::resolve(error, manifest, &image.name, architecture))?;
                let by = match solution.by {
                    SolvedBy::Kept => "the old pins",
                    SolvedBy::Walk => "apt's order",
                    SolvedBy::Complete => "the complete solver",
                };
                let count = solution.packages.len();
                session.talk.detail("Solved", &format!("{}/{} for {architecture}: {count} packages by {by}", manifest.name, image.name));
                for chosen in &solution.packages {
                    sets.places.entry(chosen.pin.clone()).or_insert_with(|| places_of(chosen));
                }
                known.solved(&image.name, solution.pins());
            }
            sets.pins.extend(known.into_solved().into_iter().map(|(image, solved)| ((image, architecture.clone()), solved)));
        }
        Ok(sets)
    }
}

impl Sets {
    /// The lockfile of these sets; `old` keeps repositories and ids where they were.
    pub fn into_lockfile(self, manifest: &Manifest, steering: Steering, old: Option<&Lockfile>) -> Result<Lockfile, Error> {
        let ids = old.map(|old| ids::kept(manifest, old.ids())).unwrap_or_default();
        let mut parts = Parts { steering, ids, pins: self.pins, ..Parts::default() };
        lock::settle_repositories(&mut parts, old, |pin| self.places.get(pin).cloned().unwrap_or_default());
        Lockfile::build(parts, old).map_err(|source| Error::Contradiction { manifest: manifest.name.clone(), source })
    }
}

fn places_of(chosen: &Chosen) -> Vec<Place> {
    chosen.repos.iter().zip(&chosen.paths).map(|(repo, path)| Place { repo: repo.clone(), path: path.clone() }).collect()
}

/// Every architecture that an image is built for, in manifest order.
pub fn architectures(manifest: &Manifest) -> Vec<Architecture> {
    let mut seen = BTreeSet::new();
    manifest.images.values().flat_map(|image| &image.arches).chain(&manifest.arches).for_each(|arch| {
        seen.insert(arch.clone());
    });
    let used = |arch: &&Architecture| manifest.images.values().any(|image| image.arches.contains(arch));
    let listed: Vec<Architecture> = manifest.arches.iter().filter(used).cloned().collect();
    let further = seen.into_iter().filter(|arch| used(&arch) && !listed.contains(arch));
    listed.iter().cloned().chain(further).collect()
}
