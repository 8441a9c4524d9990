//! The way from one set of lockfiles to another, change by change: what may move by itself, and the lockfiles in between.

use super::fields::{FieldReader, Fields};
use super::scratch::{Lockfiles, Scratch};
use super::{Error, Session, diff as comparison};
use crate::culprit::{Changes, Forces, Member, Setting, Side, changed_sources, mix};
use crate::diff::{self, Facts, SourceChange};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Pin, Relation, RequestTarget};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Two sets of lockfiles, and the changes between them in an order in which each beginning can be built.
pub struct Transition {
    old: Lockfiles,
    new: Lockfiles,
    /// The changes.
    pub changes: Changes,
    /// Source packages whose old version is nowhere to be found: they cannot stay.
    pub gone: BTreeSet<String>,
}

/// How the changes are put in order.
pub struct Order<'a> {
    /// What goes before what.
    pub rank: &'a dyn Fn(&str) -> usize,
    /// Whether packages that come with others belong to them, or are changes of their own.
    pub joins_additions: bool,
}

/// An image for one architecture, with the fields of all packages that it has in either lockfile.
struct Read {
    architecture: Architecture,
    old: Vec<Pin>,
    new: Vec<Pin>,
    known: Vec<Pin>,
    fields: Fields,
    requests: Vec<Relation>,
}

impl Transition {
    /// Works out what may move by itself. The manifests are those of the copy, and so are the packages that are read.
    pub fn new(session: &mut Session<'_>, scratch: &Scratch, old: Lockfiles, new: Lockfiles, order: &Order<'_>) -> Result<Self, Error> {
        let mut changed = BTreeSet::new();
        for (name, new) in &new {
            changed.extend(old.get(name).map(|old| changed_sources(old, new)).unwrap_or_default());
        }
        let mut transition = Self { old, new, changes: Changes::default(), gone: BTreeSet::new() };
        if changed.is_empty() {
            return Ok(transition);
        }
        let manifests = scratch.manifests()?;
        scratch.import_all(session, &[&transition.new, &transition.old])?;
        let (read, gone) = transition.read(session, scratch, &manifests, &changed)?;
        let settings: Vec<Setting<'_>> = read.iter().map(setting).collect();
        let forces = Forces::new(settings);
        let drawn_in = if order.joins_additions { transition.added(&changed) } else { BTreeSet::new() };
        let close = |moved: &BTreeSet<String>| forces.close(&moved.union(&gone).cloned().collect());
        transition.changes = Changes::arrange(&changed, &drawn_in, order.rank, close);
        transition.gone = gone;
        Ok(transition)
    }

    /// The lockfiles in which some source packages have moved.
    pub fn lockfiles(&self, moved: &BTreeSet<String>) -> Result<Lockfiles, Error> {
        let mut lockfiles = Lockfiles::new();
        for (name, new) in &self.new {
            let lockfile = match self.old.get(name) {
                None => new.clone(),
                Some(old) => mix(old, new, moved).map_err(|source| Error::Contradiction { manifest: name.clone(), source })?,
            };
            lockfiles.insert(name.clone(), lockfile);
        }
        Ok(lockfiles)
    }

    /// What becomes of some source packages, each told once.
    pub fn described(&self, sources: &BTreeSet<String>) -> Vec<SourceChange> {
        let mut described: BTreeMap<String, SourceChange> = BTreeMap::new();
        for (name, new) in &self.new {
            for source in diff::compare(name, self.old.get(name), Some(new), &Facts::default()).sources {
                if sources.contains(&source.name) {
                    described.entry(source.name.clone()).or_insert(source);
                }
            }
        }
        described.into_values().collect()
    }

    /// As [`Transition::described`], with what the packages themselves tell: their changelogs. Nobody is asked over the
    /// network.
    pub fn reviewed(&self, session: &mut Session<'_>, scratch: &Scratch, sources: &BTreeSet<String>) -> Result<Vec<SourceChange>, Error> {
        let mut inner = scratch.session(session);
        inner.offline = true;
        let mut reviewed: BTreeMap<String, SourceChange> = BTreeMap::new();
        for (name, new) in &self.new {
            let report = comparison::lockfiles(&mut inner, name, self.old.get(name), new)?;
            for source in report.comparisons.into_iter().flat_map(|comparison| comparison.sources) {
                if sources.contains(&source.name) {
                    reviewed.entry(source.name.clone()).or_insert(source);
                }
            }
        }
        Ok(reviewed.into_values().collect())
    }

    /// Whether an import step is for a version that no old lockfile has.
    pub fn is_new(&self, step: &str) -> bool {
        let has = |lockfiles: &Lockfiles| {
            lockfiles
                .values()
                .flat_map(Lockfile::cells)
                .any(|pin| step == format!("import {} {} {}", pin.name, pin.version, pin.architecture))
        };
        has(&self.new) && !has(&self.old)
    }

    /// The changed source package that a binary package belongs to.
    pub fn source_of(&self, binary: &str) -> Option<String> {
        let cells = || self.new.values().chain(self.old.values()).flat_map(Lockfile::cells);
        let source = &cells().find(|pin| pin.name == binary)?.source;
        let changes = &self.changes;
        let is_changed = changes.given.contains(source) || changes.units.iter().any(|unit| unit.sources.contains(source));
        is_changed.then(|| source.clone())
    }

    /// Source packages that no old lockfile has.
    fn added(&self, changed: &BTreeSet<String>) -> BTreeSet<String> {
        let old: BTreeSet<&String> = self.old.values().flat_map(Lockfile::cells).map(|pin| &pin.source).collect();
        changed.iter().filter(|source| !old.contains(source)).cloned().collect()
    }

    /// Reads the fields of all packages; gives the sources of changed packages whose old version cannot be read.
    fn read(
        &self,
        session: &mut Session<'_>,
        scratch: &Scratch,
        manifests: &[Manifest],
        changed: &BTreeSet<String>,
    ) -> Result<(Vec<Read>, BTreeSet<String>), Error> {
        let mut reader = FieldReader::open(&scratch.project().store())?;
        let mut inner = scratch.session(session);
        // What is not in the store by now may still be in an index that was read before; nobody is asked again.
        inner.offline = true;
        let (mut read, mut gone) = (vec![], BTreeSet::new());
        for manifest in manifests {
            let (Some(old), Some(new)) = (self.old.get(&manifest.name), self.new.get(&manifest.name)) else { continue };
            for (image, part) in new.images() {
                for architecture in &part.arches {
                    // An image that was not there before is taken whole.
                    let Ok(before) = old.pins(image, architecture) else { continue };
                    let now = new.pins(image, architecture)?;
                    let mut known: Vec<Pin> = before.iter().chain(&now).cloned().collect::<BTreeSet<_>>().into_iter().collect();
                    let fields = loop {
                        match reader.read(&mut inner, manifest, architecture, &known) {
                            Err(Error::NoFields { packages }) => {
                                let (lost, rest) = known.into_iter().partition::<Vec<_>, _>(|pin| packages.contains(&label(pin)));
                                let is_old = |pin: &&Pin| changed.contains(&pin.source) && before.contains(pin) && !now.contains(pin);
                                gone.extend(lost.iter().filter(is_old).map(|pin| pin.source.clone()));
                                known = rest;
                            }
                            other => break other?,
                        }
                    };
                    let resolved = manifest.flatten(image).expect("the image is one of the manifest's");
                    let relations = resolved.requests(architecture).into_iter().filter_map(|request| match &request.target {
                        RequestTarget::Package(relation) => Some(relation.clone()),
                        RequestTarget::File(_) => None,
                    });
                    let requests = relations.collect();
                    read.push(Read { architecture: architecture.clone(), old: before, new: now, known, fields, requests });
                }
            }
        }
        Ok((read, gone))
    }
}

fn label(pin: &Pin) -> String {
    format!("{} {} {}", pin.name, pin.version, pin.architecture)
}

fn setting(read: &Read) -> Setting<'_> {
    let (old, new): (HashSet<&Pin>, HashSet<&Pin>) = (read.old.iter().collect(), read.new.iter().collect());
    let side = |pin: &Pin| match (old.contains(pin), new.contains(pin)) {
        (true, true) => Side::Both,
        (true, false) => Side::Old,
        (false, _) => Side::New,
    };
    let both = read.known.iter().zip(read.fields.packages());
    let members = both.map(|(pin, package)| Member { source: pin.source.clone(), side: side(pin), package }).collect();
    Setting { architecture: read.architecture.clone(), members, requests: read.requests.clone() }
}
