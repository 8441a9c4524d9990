//! Every image of a manifest, each architecture alone ► a lockfile, and what the user should know of it.

use super::blocked::{self, Blocked};
use super::floors::{self, Floors, Ground, Unlisted};
use super::indexes::{Files, Indexes};
use super::lagging::{self, Lagging};
use super::lock::{Options, Upgrade};
use super::moment::Moment;
use super::preferences::Known;
use super::{Error, Session, holds, ids, kept, local, steering};
use crate::index::Universe;
use crate::lock::{self, Lockfile, Parts, Place, Steering};
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Hold, Pin, Relation, Request};
use crate::resolve::{self, Chosen, Problem, Solution, SolvedBy};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What was chosen, and what the user should know of it.
#[derive(Debug)]
pub struct Solved {
    /// The pins, in the form that is written.
    pub lockfile: Lockfile,
    /// What stays although no index has it any more.
    pub unlisted: Vec<Unlisted>,
    /// What holds keep out.
    pub blocked: Vec<Blocked>,
    /// What one architecture has and another one has not yet.
    pub lagging: Vec<Lagging>,
    /// What identifies the indexes that were read: one object a suite.
    pub indexes: serde_json::Value,
}

/// What is solved: a manifest's images with what is to be kept.
#[derive(Clone)]
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
    /// What must not go back.
    pub floors: Floors<'a>,
    /// By architecture the names of pins that no index has any more.
    pub left: BTreeMap<Architecture, BTreeSet<String>>,
}

/// The whole set of each image on each architecture.
pub struct Sets {
    /// By image and architecture.
    pub pins: BTreeMap<(String, Architecture), Vec<Pin>>,
    /// Where each package file lies, best first.
    places: BTreeMap<Pin, Vec<Place>>,
    /// Names of [`Solving::left`] that something would have had if they were there.
    missed: BTreeSet<(Architecture, String)>,
}

/// Tells which packages ship the paths among requests.
pub type FindFiles<'a> = dyn FnMut(&mut Session<'_>, &Architecture, &[Request]) -> Result<Files, Error> + 'a;

/// Everything that is needed to solve.
pub struct Prepared<'a> {
    /// What is solved.
    pub solving: Solving<'a>,
    /// What steers it, in the form that lockfiles keep.
    steering: Steering,
    /// What the indexes list, and nothing else.
    listed: Vec<(Architecture, Universe)>,
    /// What must not go back.
    floors: Floors<'a>,
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
    let mut listed = vec![];
    for architecture in architectures(manifest) {
        let universe = indexes.universe(session, manifest, &architecture, old)?;
        listed.push((architecture, universe));
    }
    let (mut floors, mut left) = (Floors::default(), BTreeMap::new());
    if let Some(old) = old {
        floors = Floors::new(&Ground { manifest, steering: &steering, old, holds: &holds, universes: &listed }, options);
        for (architecture, universe) in &listed {
            let gone = |pin: &Pin| floors::has_left(universe, architecture, pin, &holds);
            let names = floors.of_architecture(architecture).into_iter().filter(gone).map(|pin| pin.name);
            left.insert(architecture.clone(), names.collect());
        }
    }
    let mut universes = listed.clone();
    if let (Upgrade::Security, Some(old)) = (upgrade, old) {
        for (architecture, universe) in &mut universes {
            *universe = with_imported(session, &steering, std::mem::take(universe), architecture, old, &left)?;
        }
    }
    // Mostly nothing would go back, and then nothing must keep it from that.
    let solving = Solving { manifest, old, upgrade, holds, universes, floors: Floors::default(), left };
    Ok(Prepared { solving, steering, listed, floors, indexes: RefCell::new(indexes), allow_skew: options.allow_skew })
}

/// Adds what is pinned and imported to what the repositories still list: where only fixes may move, a point release that
/// drops old versions from the index is no reason for the rest to move.
fn with_imported(
    session: &mut Session<'_>,
    steering: &Steering,
    universe: Universe,
    architecture: &Architecture,
    old: &Lockfile,
    left: &BTreeMap<Architecture, BTreeSet<String>>,
) -> Result<Universe, Error> {
    let of_architecture = |pin: &&Pin| pin.architecture == *architecture || pin.architecture.is_independent();
    let kept = kept::find(session, steering, &universe, old.cells().iter().filter(of_architecture))?;
    // What would go back stays in any case.
    let moves = |pin: &&Pin| {
        !left.get(architecture).is_some_and(|left| left.contains(&pin.name)) && universe.security_updates(architecture, [*pin]).is_empty()
    };
    let lost: Vec<&Pin> = kept.missing.iter().filter(moves).collect();
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
        let (sets, lagging) = self.choose(session)?;
        let blocked = blocked::find(solving, &sets.pins);
        let unlisted = match solving.old {
            Some(old) => floors::unlisted(&self.floors, &self.ground(old), &sets.pins),
            None => vec![],
        };
        let lockfile = sets.into_lockfile(solving.manifest, self.steering.clone(), solving.old)?;
        Ok(Solved { lockfile, unlisted, blocked, lagging, indexes: self.indexes.borrow().record() })
    }

    fn ground<'g>(&'g self, old: &'g Lockfile) -> Ground<'g, 'g> {
        let Solving { manifest, holds, .. } = &self.solving;
        Ground { manifest, steering: &self.steering, old, holds, universes: &self.listed }
    }

    /// Solves once, in step or not.
    fn attempt(&self, session: &mut Session<'_>, solving: &Solving<'_>) -> Result<(Sets, Vec<Lagging>), Error> {
        let mut files = |session: &mut Session<'_>, architecture: &Architecture, requests: &[Request]| {
            self.indexes.borrow_mut().files(session, architecture, requests)
        };
        if self.allow_skew {
            return Ok((solving.sets(session, &mut files, &BTreeMap::new())?, vec![]));
        }
        in_step(session, solving, &mut files)
    }

    /// Solves so that nothing goes back.
    ///
    /// First by what the indexes list: where that makes nothing older, as on every ordinary day, it is the answer. Else the
    /// pins that have left the indexes come back beside what is listed, as many as it takes, and nothing older than a pin
    /// is allowed. What an index lists is never needed for that, and pins that nothing asks for are not looked for.
    fn choose(&self, session: &mut Session<'_>) -> Result<(Sets, Vec<Lagging>), Error> {
        let first = self.attempt(session, &self.solving);
        let mut needed = match &first {
            Ok((sets, _)) => self.needed(sets),
            Err(Error::Unsolvable { source, .. }) => self.named(&source.to_string()),
            Err(_) => BTreeSet::new(),
        };
        if needed.is_empty() {
            return first;
        }
        let mut fields = kept::Fields::new(self.solving.manifest, &self.steering);
        let mut whole = false;
        loop {
            let solving = self.with_pins(session, &mut fields, &needed, whole)?;
            let source = match self.attempt(session, &solving) {
                Ok((sets, lagging)) => {
                    let more = self.needed(&sets);
                    if more.is_subset(&needed) {
                        return Ok((sets, lagging));
                    }
                    needed.extend(more);
                    continue;
                }
                Err(error @ Error::Unsolvable { .. }) => error,
                Err(error) => return Err(error),
            };
            let more = self.named(&source_text(&source));
            if !more.is_subset(&needed) {
                needed.extend(more);
            } else if !whole {
                // What stays may need other pins that would have moved on.
                whole = true;
            } else {
                return self.give_way(session, solving, source, first.is_ok());
            }
        }
    }

    /// The pins that something older took the place of, and those that would have been chosen if they were listed.
    fn needed(&self, sets: &Sets) -> BTreeSet<(Architecture, Pin)> {
        let mut needed: BTreeSet<(Architecture, Pin)> = self.floors.undercut(&sets.pins).into_iter().collect();
        for (architecture, name) in &sets.missed {
            let pins = self.floors.of_architecture(architecture).into_iter().filter(|pin| pin.name == *name);
            needed.extend(pins.map(|pin| (architecture.clone(), pin)));
        }
        needed
    }

    /// The pins without a place in the indexes that an explanation is about.
    fn named(&self, text: &str) -> BTreeSet<(Architecture, Pin)> {
        let words: BTreeSet<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c))).collect();
        let mut named = BTreeSet::new();
        for (architecture, names) in &self.solving.left {
            let pins = self.floors.of_architecture(architecture).into_iter();
            let pins = pins.filter(|pin| names.contains(&pin.name) && words.contains(pin.name.as_str()));
            named.extend(pins.map(|pin| (architecture.clone(), pin)));
        }
        named
    }

    /// The same to solve, with pins beside what is listed: those that are needed, or all.
    fn with_pins<'s>(
        &'s self,
        session: &mut Session<'_>,
        fields: &mut kept::Fields<'_>,
        needed: &BTreeSet<(Architecture, Pin)>,
        whole: bool,
    ) -> Result<Solving<'s>, Error> {
        let mut solving = self.solving.clone();
        solving.floors = self.floors.clone();
        for (architecture, universe) in &mut solving.universes {
            let mine = |(known, pin): &(Architecture, Pin)| (known == architecture).then(|| pin.clone());
            let must: Vec<Pin> = needed.iter().filter_map(mine).collect();
            let pins = if whole { self.floors.of_architecture(architecture) } else { must.clone() };
            let unlisted: Vec<Pin> = pins.iter().filter(|pin| !kept::is_listed(universe, pin)).cloned().collect();
            fields.read(session, &unlisted)?;
            fields.refuse_missing(universe, &must)?;
            let sources = fields.sources(universe, &unlisted.into_iter().chain(must).collect())?;
            *universe = std::mem::take(universe).with(sources);
        }
        Ok(solving)
    }

    /// Nothing fits while nothing goes back. What the user has changed may take other things along; else that is the answer,
    /// with what would let them go back if they could.
    fn give_way(
        &self,
        session: &mut Session<'_>,
        mut solving: Solving<'_>,
        mut error: Error,
        could_go_back: bool,
    ) -> Result<(Sets, Vec<Lagging>), Error> {
        if self.floors.has_moves {
            solving.floors = Floors::default();
            match self.attempt(session, &solving) {
                Err(Error::Unsolvable { .. }) => {}
                other => return other,
            }
        }
        if let (Error::Unsolvable { source, .. }, true) = (&mut error, could_go_back) {
            let hint = resolve::GO_BACK.to_owned();
            if !source.hints.contains(&hint) {
                source.hints.push(hint);
            }
        }
        Err(error)
    }
}

fn source_text(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
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
        let mut sets = Sets { pins: BTreeMap::new(), places: BTreeMap::new(), missed: BTreeSet::new() };
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
                    floors: self.floors.of(&image.name, architecture).iter().copied().cloned().collect(),
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
                let missed = self.missed(&image.name, architecture, &solution);
                sets.missed.extend(missed.into_iter().map(|name| (architecture.clone(), name)));
                for chosen in &solution.packages {
                    sets.places.entry(chosen.pin.clone()).or_insert_with(|| places_of(chosen));
                }
                known.solved(&image.name, solution.pins());
            }
            sets.pins.extend(known.into_solved().into_iter().map(|(image, solved)| ((image, architecture.clone()), solved)));
        }
        Ok(sets)
    }

    /// The names of pins without a place in the indexes that dependencies of a solution would have been satisfied by.
    ///
    /// Where several packages would do, the first one counts, and any that is pinned unless all pins move.
    fn missed(&self, image: &str, architecture: &Architecture, solution: &Solution) -> BTreeSet<String> {
        let mut missed = BTreeSet::new();
        let Some(left) = self.left.get(architecture).filter(|left| !left.is_empty()) else { return missed };
        let pinned: BTreeSet<String> = match self.old {
            Some(old) if *self.upgrade != Upgrade::All => {
                old.iter_pins(image, architecture).map(|pins| pins.map(|pin| pin.name.clone()).collect()).unwrap_or_default()
            }
            _ => BTreeSet::new(),
        };
        for dependency in solution.packages.iter().flat_map(|chosen| &chosen.dependencies) {
            let by: Vec<&str> = dependency.by.iter().map(|at| solution.packages[*at].pin.name.as_str()).collect();
            let stays = pinned.is_empty() || by.iter().any(|name| pinned.contains(*name));
            for relation in Relation::parse_field(&dependency.group).into_iter().flatten().flatten() {
                if by.contains(&relation.name.as_str()) {
                    if stays {
                        break;
                    }
                } else if left.contains(&relation.name) {
                    missed.insert(relation.name);
                }
            }
        }
        missed
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
