//! The proof of imported packages: importing them again, and comparing the commits.
//!
//! A ref says which commit a package file gives; that the commit says so too proves nothing. The file does: it is got from
//! wherever it can be had, proven by the digest in the lockfile, and its commit computed without writing anything.

use super::{Error, Session, moment, network};
use crate::manifest::Manifest;
use crate::pkg::{Pin, Sha256};
use crate::repo::{self, Client, ErrorKind, Url};
use crate::step::import;
use crate::store::{Checksum, Repo};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// What importing a package again showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The file gives the commit that the ref names.
    Proved,
    /// The file gives another one.
    Differs(Checksum),
    /// The file cannot be imported.
    Refused(String),
    /// The file cannot be had.
    Unproved(String),
}

/// An imported package that was not proved, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproved {
    /// Name, version and architecture.
    pub package: String,
    /// Why its file cannot be had.
    pub reason: String,
}

/// How many of the imported packages are proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// Those whose files give the commits that their refs name.
    pub proved: usize,
    /// Those that are consistent in themselves, and no more is known.
    pub unproved: Vec<Unproved>,
}

/// Where package files may be had.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// A directory of kept package files.
    pub archives: Option<PathBuf>,
}

/// Why nothing was tried without the network.
const OFFLINE: &str = "the network is off";

/// After this many packages failed for the network's sake, further ones are not tried: each try takes its time-outs.
const DEAD_NETWORK: usize = 3;

/// Downloads that run beside each other, at least; as many as there are processors, if that is more.
const WORKERS: usize = 4;

/// Imports each of `packages` again; gives a verdict for each, in their order.
pub(super) fn prove(
    session: &mut Session<'_>,
    store: &Repo,
    manifest: &Manifest,
    packages: &[(&Pin, Checksum)],
    places: &Places,
) -> Result<Vec<Verdict>, Error> {
    if packages.is_empty() {
        return Ok(vec![]);
    }
    session.talk.status("Proving", &format!("{} imported packages", packages.len()));
    let (client, warnings) = network::client(session.offline, None);
    warnings.iter().for_each(|warning| session.talk.warn(&warning.to_string()));
    let mirrors = network::mirrors(session)?;
    let mut bases: BTreeMap<&str, Vec<Url>> = BTreeMap::new();
    for (name, described) in manifest.repos.iter().filter(|(_, described)| described.directory.is_none()) {
        bases.insert(name, moment::places(session, &mirrors, manifest, described)?);
    }
    let tries = Tries {
        store,
        client: &client,
        root: session.project.root(),
        manifest,
        bases,
        archives: places.archives.as_deref(),
        offline: session.offline,
        failures: AtomicUsize::new(0),
    };
    let workers = std::thread::available_parallelism().map_or(WORKERS, |count| count.get().max(WORKERS)).min(packages.len());
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let interrupt = session.interrupt;
    let mut verdicts = vec![None; packages.len()];
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, tries, next, stopped) = (sender.clone(), &tries, &next, &stopped);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((pin, commit)) = packages.get(at) else { return };
                    if interrupt.is_raised() || stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    if sender.send((at, tries.prove(pin, commit))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut failed = Ok(());
        for (at, verdict) in receiver {
            match verdict {
                Ok(verdict) => verdicts[at] = Some(verdict),
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    failed = failed.and(Err(error));
                }
            }
        }
        failed
    })?;
    verdicts.into_iter().collect::<Option<Vec<_>>>().ok_or(Error::Interrupted)
}

struct Tries<'a> {
    store: &'a Repo,
    client: &'a Client,
    root: &'a Path,
    manifest: &'a Manifest,
    bases: BTreeMap<&'a str, Vec<Url>>,
    archives: Option<&'a Path>,
    offline: bool,
    /// Packages that failed for the network's sake.
    failures: AtomicUsize,
}

impl Tries<'_> {
    fn prove(&self, pin: &Pin, commit: &Checksum) -> Result<Verdict, Error> {
        let directory = self.manifest.repos.get(&pin.repo).and_then(|described| described.directory.as_ref());
        let urls: Vec<Url> = self.bases.get(pin.repo.as_str()).into_iter().flatten().map(|base| repo::join(base, &pin.path)).collect();
        let arguments = import::Arguments {
            store: self.store.path().to_owned(),
            package: pin.name.clone(),
            version: pin.version.clone(),
            architecture: pin.architecture.clone(),
            sha256: pin.sha256,
            size: pin.size,
            files: directory.iter().map(|directory| self.root.join(directory).join(&pin.path)).collect(),
            elsewhere: directory.is_none(),
            archives: self.archives.map(Path::to_owned),
        };
        let fetch = |download: &mut import::Download| self.fetch(&urls, pin.size, pin.sha256, download);
        Ok(match import::compute(self.store, &arguments, fetch) {
            Ok(found) if found == *commit => Verdict::Proved,
            Ok(found) => Verdict::Differs(found),
            Err(import::Error::Fetch { source, .. }) => Verdict::Unproved(self.reason(source.as_ref())),
            Err(import::Error::Changed { .. }) => Verdict::Unproved("its file has changed".to_owned()),
            Err(import::Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Verdict::Unproved("its file is not there".to_owned())
            }
            Err(error) if error.is_integrity() => Verdict::Refused(chain(&error)),
            Err(import::Error::Io { path, source, .. }) => return Err(Error::Io { doing: "read", path, source }),
            Err(import::Error::Store(error)) => return Err(error.into()),
            Err(error) => Verdict::Refused(chain(&error)),
        })
    }

    fn fetch(
        &self,
        urls: &[Url],
        size: u64,
        sha256: Sha256,
        download: &mut import::Download,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.failures.load(Ordering::Relaxed) >= DEAD_NETWORK {
            return Err("the network failed for other packages".into());
        }
        repo::fetch_package(self.client, urls, size, sha256, download)?;
        Ok(())
    }

    fn reason(&self, error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
        let Some(error) = error.downcast_ref::<repo::Error>() else { return error.to_string() };
        match error.kind() {
            _ if self.offline => OFFLINE.to_owned(),
            ErrorKind::Missing => "no mirror has it any more".to_owned(),
            ErrorKind::Integrity => "what mirrors have under its name is another file".to_owned(),
            kind => {
                if kind == ErrorKind::Network {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                }
                error.to_string()
            }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
