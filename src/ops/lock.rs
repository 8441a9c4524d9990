//! `pintree lock`: read the repositories, solve every image, write the lockfile, say what changed.

pub use super::blocked::Blocked;
pub use super::floors::Unlisted;
pub use super::holds::Expired;
pub use super::lagging::Lagging;

use super::solve::{Solved, solve};
use super::{Error, Session, Stale, holds, ids, merge, steering};
use crate::diff::{self, Comparison, Facts};
use crate::lock::{self, Lockfile, Steering};
use crate::manifest::Manifest;
use crate::pkg::Pin;
use crate::util::fs::write_if_changed;
use jiff::Timestamp;
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
    /// Merge a lockfile in conflict: what each side changed is kept.
    pub resolve_conflicts: bool,
    /// Let architectures differ where one has an update that another one has not yet.
    pub allow_skew: bool,
    /// Let versions go back to what the repositories have, where they have nothing newer any more.
    pub allow_downgrade: bool,
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
    /// Whether the file was written, or would have been.
    pub differs: bool,
    /// Whether there was no lockfile before.
    pub fresh: bool,
    /// What stays although no index has it any more.
    pub unlisted: Vec<Unlisted>,
    /// What holds keep out; security updates first.
    pub blocked: Vec<Blocked>,
    /// What one architecture has and another one has not yet.
    pub lagging: Vec<Lagging>,
    /// Holds that have run out.
    pub expired: Vec<Expired>,
    /// What identifies the indexes that were read: one object a suite.
    pub indexes: serde_json::Value,
}

/// The manifests that `paths` name, or all of the project.
pub fn manifests(session: &Session<'_>, paths: &[PathBuf]) -> Result<Vec<Manifest>, Error> {
    let paths =
        if paths.is_empty() { session.project.manifests()? } else { paths.iter().map(|path| session.project.root().join(path)).collect() };
    paths.iter().map(|path| session.project.load(path)).collect()
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
        let old = if options.resolve_conflicts { merge::preferred(session, manifest, &path)? } else { load(&path)? };
        if let (Upgrade::Packages(names), Some(old)) = (&options.upgrade, &old) {
            refuse_unknown(names, old)?;
        }
        let solved = solve(session, manifest, old.as_ref(), options)?;
        let change = diff::compare(&manifest.name, old.as_ref(), Some(&solved.lockfile), &Facts::default());
        let differs = if options.dry_run { !solved.lockfile.is_in(&path)? } else { keep(session, &manifest.name, &solved, &path)? };
        let (fresh, expired) = (old.is_none(), holds::expired(session, manifest));
        let Solved { lockfile, unlisted, blocked, lagging, indexes } = solved;
        let manifest = manifest.name.clone();
        done.push(Locked { manifest, path, lockfile, change, differs, fresh, unlisted, blocked, lagging, expired, indexes });
    }
    Ok(done)
}

/// What [`check`] finds.
#[derive(Debug, Default)]
pub struct Checked {
    /// Lockfiles that do not fit their manifests.
    pub stale: Vec<Stale>,
    /// Holds whose last day is over.
    pub expired: Vec<Expired>,
}

/// Compares manifests with their lockfiles, offline, and holds with the day.
pub fn check(session: &mut Session<'_>, paths: &[PathBuf]) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    for manifest in manifests(session, paths)? {
        checked.expired.extend(holds::expired(session, &manifest));
        let lockfile = session.project.lockfile(&manifest.name);
        let reasons = check_one(session, &manifest)?.1;
        if !reasons.is_empty() {
            checked.stale.push(Stale { lockfile, reasons });
        }
    }
    Ok(checked)
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
            let solved = solve(session, manifest, old.as_ref(), &Options::default())?;
            solved.unlisted.iter().for_each(|one| session.talk.warn(&one.to_string()));
            if keep(session, &manifest.name, &solved, &path)? {
                session.talk.status("Locked", &path.display().to_string());
            }
            Ok(solved.lockfile)
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

/// Writes a lockfile, and what it was made from.
fn keep(session: &Session<'_>, manifest: &str, solved: &Solved, path: &Path) -> Result<bool, Error> {
    record(session, manifest, &solved.indexes)?;
    save(&solved.lockfile, path)
}

/// Keeps what identifies the indexes beside the build: it changes daily, so it has no place in the lockfile.
pub(super) fn record(session: &Session<'_>, manifest: &str, indexes: &serde_json::Value) -> Result<(), Error> {
    let path = session.project.indexes_record(manifest);
    let text = format!("{indexes:#}\n");
    let written = std::fs::create_dir_all(session.project.generated()).and_then(|()| write_if_changed(&path, text.as_bytes()));
    written.map(drop).map_err(|source| Error::Io { doing: "write", path, source })
}

/// Writes a lockfile; tells whether it changed.
pub(super) fn save(lockfile: &Lockfile, path: &Path) -> Result<bool, Error> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| Error::Io { doing: "create the directory", path: parent.to_owned(), source })?;
    }
    // A link inside the project stays one.
    let path = if path.is_symlink() { path.canonicalize().unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() };
    Ok(lockfile.save(&path)?)
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

/// Everything that `manifest` says about the solver, for those who compare lockfiles.
pub fn steering_of(session: &Session<'_>, manifest: &Manifest) -> Result<Steering, Error> {
    steering::of_manifest(&session.project, manifest)
}
