//! Merges lockfiles by solving again, with what each side changed as what is to be kept.
//!
//! Two ways lead here. git's merge driver has three lockfiles and no merged manifest yet, so it merges what the lockfiles say of
//! their manifests, and asks no server. `lock --resolve-conflicts` has the manifest as somebody has merged it.

use super::floors::Floors;
use super::git::Git;
use super::indexes::{Files, Indexes};
use super::lock::Upgrade;
use super::moment::Moment;
use super::reasons::Silence;
use super::solve::{self, Solving};
use super::{Error, Session, holds, kept, steering};
use crate::index::Universe;
use crate::lock::merge::{Sides, split_conflict};
use crate::lock::{self, Lockfile, Steering};
use crate::manifest::{self, ImageRequest, Manifest};
use crate::pkg::{Architecture, Ecosystem, Pin, Request, Sha256, Variant};
use crate::repo;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Three texts of one lockfile.
#[derive(Clone, Debug)]
pub struct Texts {
    /// What both sides grew from; none if they have nothing in common.
    pub base: Option<String>,
    /// The side that is merged into.
    pub ours: String,
    /// The side that is merged.
    pub theirs: String,
}

/// Merges three lockfiles of the manifest called `name`, whose own merge is not done yet. Asks no server.
///
/// # Errors
/// When both sides changed one thing of the manifest differently, when the merged pins do not solve, and when neither the
/// store nor a cached index has a package.
pub fn merge(session: &Session<'_>, name: &str, texts: &Texts) -> Result<Lockfile, Error> {
    let (base, ours, theirs) = parse(texts)?;
    let sides = Sides { base: base.as_ref(), ours: &ours, theirs: &theirs };
    let steering = sides.steering()?;
    let manifest = as_steered(session.project.load(&session.project.manifest(name))?, &steering);
    let contradiction = |source| Error::Contradiction { manifest: name.to_owned(), source };
    let preferred = Lockfile::build(sides.parts(steering.clone()), Some(&ours)).map_err(contradiction)?;
    let mut silence = Silence;
    let mut session = session.offline(&mut silence);
    without_network(&mut session, &manifest, steering, &preferred, &sides)
}

/// The pins to keep of a lockfile in conflict: from git's three states of it, else from what stands between the marks.
///
/// A lockfile without conflict is given as it stands.
pub fn preferred(session: &Session<'_>, manifest: &Manifest, path: &Path) -> Result<Option<Lockfile>, Error> {
    let staged = match Git::find(session.project.root())? {
        Some(git) => git.conflict(path)?,
        None => None,
    };
    let texts = match staged {
        Some([base, ours, theirs]) => {
            // What one side removed and the other changed is the other's.
            let (Some(ours), Some(theirs)) = (ours.clone().or_else(|| theirs.clone()), theirs.or(ours)) else { return Ok(None) };
            Texts { base, ours, theirs }
        }
        None => {
            let text = match lock::read_text(path) {
                Ok(text) => text,
                Err(lock::Error::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            match split_conflict(&text) {
                Some((base, ours, theirs)) => Texts { base, ours, theirs },
                None => return Ok(Some(Lockfile::load(path)?)),
            }
        }
    };
    let (base, ours, theirs) = parse(&texts)?;
    let sides = Sides { base: base.as_ref(), ours: &ours, theirs: &theirs };
    let steering = steering::of_manifest(&session.project, manifest)?;
    let contradiction = |source| Error::Contradiction { manifest: manifest.name.clone(), source };
    Lockfile::build(sides.parts(steering), Some(&ours)).map(Some).map_err(contradiction)
}

/// A base that cannot be read, such as a merge of several bases with marks in it, counts as none.
fn parse(texts: &Texts) -> Result<(Option<Lockfile>, Lockfile, Lockfile), Error> {
    let side = |name: &str, text: &str| {
        let wrong = |source| lock::Error::Load { path: name.into(), source: Box::new(source) };
        Lockfile::parse(text).map_err(wrong)
    };
    let base = texts.base.as_ref().and_then(|base| Lockfile::parse(base).ok());
    Ok((base, side("ours", &texts.ours)?, side("theirs", &texts.theirs)?))
}

/// A manifest with everything that steers as `steering` says it.
///
/// What does not steer, such as URLs and keys, is that of `manifest`; a repository that only the other side has is left out,
/// and its packages are taken from the store.
fn as_steered(manifest: Manifest, steering: &Steering) -> Manifest {
    let mut repos = manifest.repos;
    repos.retain(|name, _| steering.repos.contains_key(name));
    for (name, repo) in &mut repos {
        repo.steering = steering.repos[name].steering.clone();
    }
    let mut images = BTreeMap::new();
    for (name, part) in &steering.images {
        let known = manifest.images.get(name).cloned();
        let mut image = known.unwrap_or_else(|| manifest::Image { name: name.clone(), ..manifest::Image::default() });
        image.arches.clone_from(&part.arches);
        image.extends.clone_from(&part.extends);
        image.steering.clone_from(&part.steering);
        image.requests = part.roots.iter().flat_map(|(text, arches)| requests(text, arches.as_deref())).collect();
        images.insert(name.clone(), image);
    }
    let (foreign_arches, holds) = (steering.foreign_arches.clone(), steering.holds.clone());
    Manifest { repos, images, foreign_arches, holds, accelerate: steering.accelerate.clone(), ..manifest }
}

/// A root of a lockfile as requests: one for all architectures, or one for each.
fn requests(text: &str, arches: Option<&[Architecture]>) -> Vec<ImageRequest> {
    // What a lockfile has was a request once.
    let Ok(request) = Request::parse(text, Ecosystem::Deb) else { return vec![] };
    let entry = |architecture: Option<Architecture>| ImageRequest { request: request.clone(), text: text.to_owned(), architecture };
    match arches {
        None => vec![entry(None)],
        Some(arches) => arches.iter().cloned().map(|architecture| entry(Some(architecture))).collect(),
    }
}

/// Solves from cached indexes, and from imported packages where those do not have a pin.
fn without_network(
    session: &mut Session<'_>,
    manifest: &Manifest,
    steering: Steering,
    preferred: &Lockfile,
    sides: &Sides<'_>,
) -> Result<Lockfile, Error> {
    let mut indexes = match Indexes::read(session, manifest, Moment::Now) {
        Ok(indexes) => Some(indexes),
        Err(Error::Repo(error)) if is_offline(&error) => None,
        Err(error) => return Err(error),
    };
    let pins = sides.all_pins();
    let mut universes = vec![];
    let mut imported = BTreeSet::new();
    for architecture in solve::architectures(manifest) {
        let universe = match &indexes {
            Some(indexes) => indexes.universe(session, manifest, &architecture, Some(preferred))?,
            None => Universe::default(),
        };
        let of_architecture = |pin: &&Pin| {
            pin.architecture == architecture || pin.architecture.is_independent() || manifest.foreign_arches.contains(&pin.architecture)
        };
        let kept = kept::find(session, &steering, &universe, pins.iter().filter(of_architecture))?;
        let lacking = kept.missing.iter().filter(|pin| preferred.cells().contains(pin));
        let lacking: Vec<String> = lacking.map(|pin| format!("{} {} {}", pin.name, pin.version, pin.architecture)).collect();
        if !lacking.is_empty() {
            return Err(Error::NoFields { packages: lacking });
        }
        imported.extend(kept.files);
        universes.push((architecture, universe.with(kept.sources)));
    }
    let holds = holds::active(session, manifest);
    let upgrade = &Upgrade::Nothing;
    let solving = Solving { manifest, old: Some(preferred), upgrade, holds, universes, floors: Floors::default(), left: BTreeMap::new() };
    let mut files = |session: &mut Session<'_>, architecture: &Architecture, requests: &[Request]| match &mut indexes {
        Some(indexes) => indexes.files(session, architecture, requests),
        None => Ok(Files::default()),
    };
    let sets = solving.sets(session, &mut files, &BTreeMap::new())?;
    refuse_lost(manifest, preferred, &sets, &imported)?;
    sets.into_lockfile(manifest, steering, Some(preferred))
}

/// Archives override the priorities that stand in packages. So where those decide and only a package says its own, it may
/// have been left out by mistake.
fn refuse_lost(manifest: &Manifest, preferred: &Lockfile, sets: &solve::Sets, imported: &BTreeSet<Sha256>) -> Result<(), Error> {
    let mut lost = vec![];
    for ((image, architecture), pins) in &sets.pins {
        let variant = manifest.images[image].steering.variant;
        if matches!(variant, Variant::Custom | Variant::Essential) {
            continue;
        }
        let wanted = preferred.pins(image, architecture)?.into_iter();
        let gone = wanted.filter(|pin| imported.contains(&pin.sha256) && !pins.iter().any(|other| other.sha256 == pin.sha256));
        lost.extend(gone.map(|pin| format!("{} {} {}", pin.name, pin.version, pin.architecture)));
    }
    lost.sort();
    lost.dedup();
    if lost.is_empty() { Ok(()) } else { Err(Error::NoFields { packages: lost }) }
}

fn is_offline(error: &repo::Error) -> bool {
    match error {
        repo::Error::Offline { .. } => true,
        repo::Error::Everywhere { source, .. } => is_offline(source),
        _ => false,
    }
}
