//! Pins that no index lists (any more), from the packages themselves: what is imported or can still be fetched can stay.
//!
//! A lockfile has the bytes of a pin and not what it depends on. That is read from the imported package, else from the
//! package file, which is taken only if it is the very file that is locked.

use super::fields::{self, FieldReader};
use super::{Error, Session, moment, network};
use crate::archive::Deb;
use crate::index::packages::Limits;
use crate::index::{self, Index, Priority, Universe};
use crate::lock::Steering;
use crate::manifest::Manifest;
use crate::pkg::{Pin, Sha256};
use crate::repo::{self, Client, HashedSink, Sink, Url};
use sha2::Digest as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// What was found for pins that no index lists.
#[derive(Default)]
pub struct Kept {
    /// One source for each repository: it supplies just these packages.
    pub sources: Vec<index::Source>,
    /// Their package files.
    pub files: BTreeSet<Sha256>,
    /// Pins that are not imported either.
    pub missing: Vec<Pin>,
}

/// Looks for pins that `universe` does not list among the imported packages. Those from repositories that `steering` does
/// not have are left out.
pub fn find<'p>(
    session: &Session<'_>,
    steering: &Steering,
    universe: &Universe,
    pins: impl IntoIterator<Item = &'p Pin>,
) -> Result<Kept, Error> {
    let reader = FieldReader::open(&session.project.store())?;
    let mut kept = Kept::default();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for pin in pins {
        if !steering.repos.contains_key(&pin.repo) || is_listed(universe, pin) {
            continue;
        }
        match imported(&reader, pin)? {
            Some(stanza) => {
                texts.entry(&pin.repo).or_default().push_str(&stanza);
                kept.files.insert(pin.sha256);
            }
            None => kept.missing.push(pin.clone()),
        }
    }
    kept.sources = sources(steering, &texts)?;
    Ok(kept)
}

/// Whether an index has a pin's very bytes under its name and version.
pub fn is_listed(universe: &Universe, pin: &Pin) -> bool {
    universe.listings(&pin.name).any(|listing| fields::is_pinned(&listing.package, pin))
}

/// The stanza of an imported package. One whose fields are another package's is as good as none.
fn imported(reader: &FieldReader, pin: &Pin) -> Result<Option<String>, Error> {
    let Some(commit) = reader.commit(pin)? else { return Ok(None) };
    let mut text = String::new();
    fields::push_stanza(&mut text, pin, &commit)?;
    Ok(parsed(&text).is_ok_and(|index| describes(&index, pin)).then_some(text))
}

fn describes(index: &Index, pin: &Pin) -> bool {
    index.len() == 1 && index.named(&pin.name).any(|package| fields::is_pinned(&package, pin))
}

fn parsed(text: &str) -> Result<Index, Error> {
    let limits = Limits { stanza: 64 << 20, ..Limits::default() };
    Index::parse(text.as_bytes(), &limits).map_err(|error| Error::Unreadable { reason: error.to_string() })
}

/// One source for each repository that has stanzas.
fn sources(steering: &Steering, texts: &BTreeMap<&str, String>) -> Result<Vec<index::Source>, Error> {
    let source = |(repo, text): (&&str, &String)| {
        let described = &steering.repos[*repo].steering;
        Ok(index::Source {
            index: Arc::new(parsed(text)?),
            repo: (*repo).to_owned(),
            steering: Arc::new(described.clone()),
            suite: "locked".to_owned(),
            // Whichever suite it came from: a request `from` that one means it, too.
            aliases: described.suites.clone(),
            not_automatic: false,
            but_automatic_upgrades: false,
            security: false,
            pinned: None,
        })
    };
    texts.iter().map(source).collect()
}

/// Fields of pins that have left the indexes; what was read for one architecture serves the others.
pub struct Fields<'m> {
    manifest: &'m Manifest,
    steering: &'m Steering,
    stanzas: BTreeMap<Sha256, String>,
    /// Why a package file could not be had.
    failures: BTreeMap<Sha256, Option<repo::Error>>,
}

/// Package files that are fetched at once.
const PARALLEL: usize = 6;

impl<'m> Fields<'m> {
    /// Nothing is read yet.
    pub fn new(manifest: &'m Manifest, steering: &'m Steering) -> Self {
        Self { manifest, steering, stanzas: BTreeMap::new(), failures: BTreeMap::new() }
    }

    /// Reads the fields of pins, as far as they can be had: from the store, else from the package files.
    pub fn read(&mut self, session: &mut Session<'_>, pins: &[Pin]) -> Result<(), Error> {
        let reader = FieldReader::open(&session.project.store())?;
        let mut wanted: BTreeMap<Sha256, &Pin> = BTreeMap::new();
        for pin in pins {
            if self.stanzas.contains_key(&pin.sha256) || self.failures.contains_key(&pin.sha256) {
                continue;
            }
            match imported(&reader, pin)? {
                Some(stanza) => {
                    self.stanzas.insert(pin.sha256, stanza);
                }
                None => {
                    wanted.insert(pin.sha256, pin);
                }
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let what = if wanted.len() == 1 { "package that no index lists" } else { "packages that no index lists" };
        session.talk.status("Fetching", &format!("{} {what} any more", wanted.len()));
        let (client, _) = network::client(session.offline, None);
        let mut jobs = vec![];
        for pin in wanted.into_values() {
            jobs.push((pin, self.places(session, pin)?));
        }
        let interrupt = session.interrupt;
        let fetched = repo::in_parallel(&jobs, PARALLEL, |(pin, urls)| (!interrupt.is_raised()).then(|| fetch(&client, pin, urls)));
        for ((pin, _), fetched) in jobs.iter().zip(fetched) {
            match fetched.ok_or(Error::Interrupted)? {
                Ok(stanza) => {
                    self.stanzas.insert(pin.sha256, stanza);
                }
                Err(error) => {
                    self.failures.insert(pin.sha256, error);
                }
            }
        }
        Ok(())
    }

    /// Where a pin's file may lie: in its repository, and in past states of that.
    fn places(&self, session: &Session<'_>, pin: &Pin) -> Result<Vec<Url>, Error> {
        let Some(described) = self.manifest.repos.get(&pin.repo).filter(|described| described.directory.is_none()) else {
            return Ok(vec![]);
        };
        let bases = moment::former_places(session, &network::mirrors(session)?, self.manifest, described)?;
        Ok(bases.iter().map(|base| repo::join(base, &pin.path)).collect())
    }

    /// What lets a solver choose `pins` beside what `universe` lists; those whose fields were not to be had are left out.
    ///
    /// Priorities are the indexes', where those still have the package in another version: archives override what packages
    /// say, and base sets go by it.
    pub fn sources(&self, universe: &Universe, pins: &BTreeSet<Pin>) -> Result<Vec<index::Source>, Error> {
        let mut texts: BTreeMap<&str, String> = BTreeMap::new();
        // What is listed only where nothing is taken unasked: just that version may stay.
        let mut unasked: BTreeMap<usize, BTreeSet<Sha256>> = BTreeMap::new();
        for pin in pins.iter().filter(|pin| self.steering.repos.contains_key(&pin.repo)) {
            let is_here = |source: &index::Source| source.index.named(&pin.name).any(|package| fields::is_pinned(&package, pin));
            let places: Vec<usize> = (0..universe.sources().len()).filter(|&at| is_here(&universe.sources()[at])).collect();
            if let Some(&first) = places.first() {
                if places.iter().all(|&at| universe.sources()[at].not_automatic) {
                    unasked.entry(first).or_default().insert(pin.sha256);
                }
            } else if let Some(stanza) = self.stanzas.get(&pin.sha256) {
                let priority = universe.listings(&pin.name).map(|listing| listing.package.priority()).next();
                texts.entry(&pin.repo).or_default().push_str(&with_priority(stanza, priority));
            }
        }
        let mut all = sources(self.steering, &texts)?;
        all.extend(unasked.into_iter().map(|(at, files)| index::Source {
            not_automatic: false,
            pinned: Some(Arc::new(files)),
            ..universe.sources()[at].clone()
        }));
        Ok(all)
    }

    /// The failure for pins that must stay and cannot; the first one is named.
    pub fn refuse_missing(&mut self, universe: &Universe, pins: &[Pin]) -> Result<(), Error> {
        let is_missing = |pin: &&Pin| !self.stanzas.contains_key(&pin.sha256) && !is_listed(universe, pin);
        let missing: BTreeMap<Sha256, &Pin> = pins.iter().filter(is_missing).map(|pin| (pin.sha256, pin)).collect();
        let Some(first) = missing.values().min() else { return Ok(()) };
        Err(Error::Gone {
            package: first.name.clone(),
            version: first.version.clone(),
            repo: first.repo.clone(),
            others: missing.len() - 1,
            source: self.failures.remove(&first.sha256).flatten().map(Box::new),
        })
    }
}

/// The stanza with another `Priority`.
fn with_priority(stanza: &str, priority: Option<Priority>) -> String {
    let word = match priority {
        Some(Priority::Required) => "required",
        Some(Priority::Important) => "important",
        Some(Priority::Standard) => "standard",
        Some(Priority::Optional) => "optional",
        Some(Priority::Extra) => "extra",
        Some(Priority::Missing) | None => return stanza.to_owned(),
    };
    let is_priority = |line: &&str| line.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("Priority"));
    let rest: String = stanza.lines().filter(|line| !is_priority(line)).map(|line| format!("{line}\n")).collect();
    format!("Priority: {word}\n{rest}")
}

/// The stanza of a package file; an error without a cause is a file that is the locked one and no package.
fn fetch(client: &Client, pin: &Pin, urls: &[Url]) -> Result<String, Option<repo::Error>> {
    if urls.is_empty() {
        return Err(None);
    }
    let mut front = Front::default();
    repo::fetch_package(client, urls, pin.size, pin.sha256, &mut front).map_err(Some)?;
    let deb = Deb::open(&front.bytes[..]).map_err(|_| None)?;
    let mut text = String::new();
    index::push_paragraph(&mut text, &deb.control().paragraph, &pin.path, pin.size, &pin.sha256);
    match parsed(&text) {
        Ok(index) if describes(&index, pin) => Ok(text),
        _ => Err(None),
    }
}

/// The beginning of a package file, where its control part is, and the digest of all of it.
#[derive(Default)]
struct Front {
    bytes: Vec<u8>,
    hash: sha2::Sha256,
}

/// Real control parts are far below that.
const FRONT: usize = 16 << 20;

impl Sink for Front {
    fn restart(&mut self) -> io::Result<()> {
        *self = Self::default();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        let room = FRONT - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }
}

impl HashedSink for Front {
    fn sha256(&self) -> Sha256 {
        Sha256(self.hash.clone().finalize().into())
    }
}
