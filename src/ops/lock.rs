//! `pintree lock`: read the repositories, solve every image, write the lockfile, say what changed.

use super::indexes::Indexes;
use super::moment::Moment;
use super::preferences::Known;
use super::{Error, Session, Stale, ids, local, steering};
use crate::diff::{self, Comparison, Facts};
use crate::lock::{self, Lockfile, Parts, Place, Steering};
use crate::manifest::{self, Manifest};
use crate::pkg::{Architecture, Hold, Pin};
use crate::resolve::{self, Chosen, Problem, SolvedBy};
use crate::util::fs::write_if_changed;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to lock, and how much may move.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Manifests; every one of the project if none is given.
    pub manifests: Vec<PathBuf>,
    /// Which pins may move although they still satisfy the manifest.
    pub upgrade: Upgrade,
    /// Write nothing.
    pub dry_run: bool,
    /// The moment to read the repositories at, instead of now; an age that the manifest asks for does not count then.
    pub at: Option<Timestamp>,
    /// How old packages must be, security updates apart; what the manifest says if `None`.
    pub min_age: Option<Duration>,
    /// The file to write in place of `lockfiles/NAME.lock`.
    pub lockfile: Option<PathBuf>,
}

/// Which pins may move although they still satisfy the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None.
    #[default]
    Nothing,
    /// All.
    All,
    /// Those that a suite of security updates has a newer version of, and what that forces.
    Security,
    /// Those of these binary or source packages.
    Packages(Vec<String>),
}

impl Upgrade {
    /// Whether a pin may move to the best version although it still satisfies the manifest.
    pub(super) fn moves(&self, pin: &Pin) -> bool {
        match self {
            Self::Nothing | Self::Security => false,
            Self::All => true,
            Self::Packages(names) => names.contains(&pin.name) || names.contains(&pin.source),
        }
    }
}

/// What became of one manifest.
#[derive(Debug)]
pub struct Locked {
    /// The manifest's name.
    pub manifest: String,
    /// The lockfile's path.
    pub path: PathBuf,
    /// What it says now, or would say.
    pub lockfile: Lockfile,
    /// How that differs from what it said before.
    pub change: Comparison,
    /// Whether the file was written.
    pub written: bool,
    /// Whether there was no lockfile before.
    pub fresh: bool,
}

/// The manifests that `paths` name, or all of the project.
pub fn manifests(session: &Session<'_>, paths: &[PathBuf]) -> Result<Vec<Manifest>, Error> {
    let paths =
        if paths.is_empty() { session.project.manifests()? } else { paths.iter().map(|path| session.project.root().join(path)).collect() };
    Ok(paths.iter().map(|path| manifest::load(path)).collect::<Result<_, _>>()?)
}

/// Locks manifests.
pub fn lock(session: &mut Session<'_>, options: &Options) -> Result<Vec<Locked>, Error> {
    let manifests = manifests(session, &options.manifests)?;
    if options.lockfile.is_some() && manifests.len() != 1 {
        return Err(Error::OneManifest { given: manifests.len() });
    }
    let mut done = vec![];
    for manifest in &manifests {
        let path = match &options.lockfile {
            Some(path) => session.project.root().join(path),
            None => session.project.lockfile(&manifest.name),
        };
        let old = load(&path)?;
        if let (Upgrade::Packages(names), Some(old)) = (&options.upgrade, &old) {
            refuse_unknown(names, old)?;
        }
        let lockfile = solve(session, manifest, old.as_ref(), options)?;
        let change = diff::compare(&manifest.name, old.as_ref(), Some(&lockfile), &Facts::default());
        let written = !options.dry_run && save(&lockfile, &path)?;
        done.push(Locked { manifest: manifest.name.clone(), path, lockfile, change, written, fresh: old.is_none() });
    }
    Ok(done)
}

/// Compares manifests with their lockfiles, offline; gives those that do not fit.
pub fn check(session: &mut Session<'_>, paths: &[PathBuf]) -> Result<Vec<Stale>, Error> {
    let mut stale = vec![];
    for manifest in manifests(session, paths)? {
        let lockfile = session.project.lockfile(&manifest.name);
        let reasons = check_one(session, &manifest)?.1;
        if !reasons.is_empty() {
            stale.push(Stale { lockfile, reasons });
        }
    }
    Ok(stale)
}

/// A manifest's lockfile, if there is one, and why it does not fit the manifest.
pub(super) fn check_one(session: &mut Session<'_>, manifest: &Manifest) -> Result<(Option<Lockfile>, Vec<String>), Error> {
    let path = session.project.lockfile(&manifest.name);
    let Some(lockfile) = load(&path)? else { return Ok((None, missing(&path).reasons)) };
    let text = lock::read_text(&path)?;
    let mut reasons = differences(session, manifest, &lockfile)?;
    reasons.extend(lockfile.check(&text).iter().map(ToString::to_string));
    Ok((Some(lockfile), reasons))
}

/// The lockfile that fits `manifest`: the one that is there, or a new one if it is stale and `locked` allows that.
pub fn current(session: &mut Session<'_>, manifest: &Manifest, locked: bool) -> Result<Lockfile, Error> {
    let path = session.project.lockfile(&manifest.name);
    let old = load(&path)?;
    let stale = match &old {
        None => missing(&path),
        Some(lockfile) => Stale { lockfile: path.clone(), reasons: differences(session, manifest, lockfile)? },
    };
    match old {
        Some(old) if stale.reasons.is_empty() => Ok(old),
        _ if locked => Err(Error::Stale { stale }),
        old => {
            let lockfile = solve(session, manifest, old.as_ref(), &Options::default())?;
            if save(&lockfile, &path)? {
                session.talk.status("Locked", &path.display().to_string());
            }
            Ok(lockfile)
        }
    }
}

/// The lockfile of `manifest` as it stands; one that does not fit is told, and used all the same.
pub(super) fn existing(session: &mut Session<'_>, manifest: &Manifest) -> Result<Lockfile, Error> {
    let path = session.project.lockfile(&manifest.name);
    let Some(lockfile) = load(&path)? else { return Err(Error::Stale { stale: missing(&path) }) };
    if !differences(session, manifest, &lockfile)?.is_empty() {
        session.talk.warn(&format!("`{}` does not fit its manifest any more; this is about the lockfile", path.display()));
    }
    Ok(lockfile)
}

fn load(path: &Path) -> Result<Option<Lockfile>, Error> {
    match path.try_exists() {
        Ok(false) => Ok(None),
        _ => Ok(Some(Lockfile::load(path)?)),
    }
}

/// Writes a lockfile; tells whether it changed.
pub(super) fn save(lockfile: &Lockfile, path: &Path) -> Result<bool, Error> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| Error::Io { doing: "create the directory", path: parent.to_owned(), source })?;
    }
    Ok(lockfile.save(path)?)
}

fn missing(path: &Path) -> Stale {
    Stale { lockfile: path.to_owned(), reasons: vec!["there is no lockfile".to_owned()] }
}

fn differences(session: &Session<'_>, manifest: &Manifest, lockfile: &Lockfile) -> Result<Vec<String>, Error> {
    let wanted = steering::of_manifest(&session.project, manifest)?;
    let mismatches = lockfile.compare(&wanted).map_err(|source| Error::Contradiction { manifest: manifest.name.clone(), source })?;
    Ok(mismatches.iter().map(ToString::to_string).chain(ids::conflicts(manifest, lockfile.ids())).collect())
}

fn refuse_unknown(names: &[String], old: &Lockfile) -> Result<(), Error> {
    for name in names {
        if !old.cells().iter().any(|pin| pin.name == *name || pin.source == *name) {
            return Err(Error::NotLocked { package: name.clone() });
        }
    }
    Ok(())
}

/// Solves every image of a manifest, each architecture alone.
fn solve(session: &mut Session<'_>, manifest: &Manifest, old: Option<&Lockfile>, options: &Options) -> Result<Lockfile, Error> {
    let upgrade = &options.upgrade;
    let moment = match (options.at, options.min_age.or(manifest.min_age)) {
        (Some(at), _) => Moment::At(at),
        (None, Some(age)) if !age.is_zero() => Moment::Aged(age),
        (None, _) => Moment::Now,
    };
    let steering = steering::of_manifest(&session.project, manifest)?;
    let holds = active_holds(session, manifest);
    let mut indexes = Indexes::read(session, manifest, moment)?;
    if let Some(old) = old {
        local::refuse_changed(indexes.locals(), old, |pin| upgrade.moves(pin))?;
    }
    let mut pins: BTreeMap<(String, Architecture), Vec<Pin>> = BTreeMap::new();
    let mut places: BTreeMap<Pin, Vec<Place>> = BTreeMap::new();
    for architecture in architectures(manifest) {
        let universe = indexes.universe(session, manifest, &architecture, old)?;
        let mut known = Known::new(manifest, &architecture, old, upgrade);
        for image in manifest.images_parents_first() {
            if !image.arches.contains(&architecture) {
                continue;
            }
            if session.interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            let resolved = manifest.flatten(&image.name).expect("the image is one of the manifest's");
            let requests: Vec<_> = resolved.requests(&architecture).into_iter().cloned().collect();
            let files = indexes.files(session, &architecture, &requests)?;
            let preferences = known.preferences(&image.name);
            let updates = match upgrade {
                Upgrade::Security => universe.security_updates(&architecture, preferences.iter().flat_map(|preference| &preference.pins)),
                _ => vec![],
            };
            let problem = Problem {
                universe: &universe,
                native: architecture.clone(),
                foreign: manifest.foreign_arches.iter().filter(|arch| **arch != architecture).cloned().collect(),
                requests,
                steering: resolved.steering(&architecture),
                holds: holds.clone(),
                preferences,
                updates,
                files: &|path| files.owners(path),
            };
            let solution = resolve::resolve(&problem).map_err(|error| Error::resolve(error, manifest, &image.name, &architecture))?;
            let by = match solution.by {
                SolvedBy::Kept => "the old pins",
                SolvedBy::Walk => "apt's order",
                SolvedBy::Complete => "the complete solver",
            };
            let count = solution.packages.len();
            session.talk.detail("Solved", &format!("{}/{} for {architecture}: {count} packages by {by}", manifest.name, image.name));
            for chosen in &solution.packages {
                places.entry(chosen.pin.clone()).or_insert_with(|| places_of(chosen));
            }
            known.solved(&image.name, solution.pins());
        }
        pins.extend(known.into_solved().into_iter().map(|(image, solved)| ((image, architecture.clone()), solved)));
    }
    record(session, manifest, &indexes)?;
    let ids = old.map(|old| ids::kept(manifest, old.ids())).unwrap_or_default();
    let mut parts = Parts { steering, ids, pins, ..Parts::default() };
    lock::settle_repositories(&mut parts, old, |pin| places.get(pin).cloned().unwrap_or_default());
    Lockfile::build(parts, old).map_err(|source| Error::Contradiction { manifest: manifest.name.clone(), source })
}

/// Keeps what identifies the indexes beside the build: it changes daily, so it has no place in the lockfile.
fn record(session: &Session<'_>, manifest: &Manifest, indexes: &Indexes) -> Result<(), Error> {
    let path = session.project.generated().join(format!("{}.indexes.json", manifest.name));
    let text = format!("{:#}\n", indexes.record());
    let written = std::fs::create_dir_all(session.project.generated()).and_then(|()| write_if_changed(&path, text.as_bytes()));
    written.map(drop).map_err(|source| Error::Io { doing: "write", path, source })
}

fn places_of(chosen: &Chosen) -> Vec<Place> {
    chosen.repos.iter().zip(&chosen.paths).map(|(repo, path)| Place { repo: repo.clone(), path: path.clone() }).collect()
}

/// Every architecture that an image is built for, in manifest order.
fn architectures(manifest: &Manifest) -> Vec<Architecture> {
    let mut seen = BTreeSet::new();
    manifest.images.values().flat_map(|image| &image.arches).chain(&manifest.arches).for_each(|arch| {
        seen.insert(arch.clone());
    });
    let used = |arch: &&Architecture| manifest.images.values().any(|image| image.arches.contains(arch));
    let listed: Vec<Architecture> = manifest.arches.iter().filter(used).cloned().collect();
    let further = seen.into_iter().filter(|arch| used(&arch) && !listed.contains(arch));
    listed.iter().cloned().chain(further).collect()
}

/// The holds in force today; one that has run out is told.
fn active_holds(session: &mut Session<'_>, manifest: &Manifest) -> Vec<Hold> {
    let today = jiff::Timestamp::try_from(session.now).map(|now| now.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let (active, expired): (Vec<Hold>, Vec<Hold>) =
        manifest.holds.iter().cloned().partition(|hold| hold.until.as_ref().is_none_or(|until| *until >= today));
    for hold in expired {
        let until = hold.until.unwrap_or_default();
        session.talk.warn(&format!("the hold on `{}` ran out on {until} and holds nothing any more", hold.package));
    }
    active
}

/// Everything that `manifest` says about the solver, for those who compare lockfiles.
pub fn steering_of(session: &Session<'_>, manifest: &Manifest) -> Result<Steering, Error> {
    steering::of_manifest(&session.project, manifest)
}
