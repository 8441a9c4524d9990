//! A Debian repository's package indexes, verified.
//!
//! For each suite: `InRelease`, else `Release` with `Release.gpg`; then the indexes of the asked components and
//! architectures, by hash where the archive has that, else by name. What is already in the cache under its digest is
//! not fetched again, so an unchanged suite costs one conditional request. What a run got is remembered only when all
//! of it was good.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Url;

use super::address::{join, shown};
use super::cache::{Cache, Loose, Memory};
use super::download::{HashedFile, fetch_unknown, fetch_verified};
use super::keys::KeyRing;
use super::seen::Seen;
use super::suite::{State, Suite};
use super::transport::{Client, Validators};
use super::vouch::{Unproven, Vouched};
use super::{COMPRESSIONS, Error, ErrorKind, Warning, openpgp, parallel, suffix};
use crate::index::Compression;
use crate::index::release::{Release, ReleaseFile};
use crate::pkg::{Architecture, Expected, RepoSteering, Sha256, Trust};

/// The largest index that is fetched; Debian's largest is below 60 MB unpacked.
const MAX_INDEX: u64 = 2 << 30;
/// How many suites and indexes are fetched at once.
const PARALLEL: usize = 6;

/// A repository as it is to be read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The manifest's name of it.
    pub name: String,
    /// What the manifest says of suites, components and trust.
    pub steering: RepoSteering,
    /// Where it lies; tried in turn.
    pub bases: Vec<Url>,
    /// The keys it may be signed with.
    pub keys: KeyRing,
    /// The moment of the state that lies at the bases, where they are a snapshot's: dates are judged by it, and nothing of
    /// it is remembered for later runs.
    pub at: Option<Timestamp>,
    /// What is expected of a suite besides its name, by suite.
    pub expected: BTreeMap<String, Expected>,
    /// When a suite's `Release` was dated that the lockfile was last made from, by suite.
    pub recorded: BTreeMap<String, Seen>,
}

/// One index file in the cache that a suite's [`Vouched`] lists; only [`update`] makes one.
#[derive(Clone, Debug)]
pub struct IndexFile {
    /// The manifest's name of the repository.
    pub repo: String,
    /// The suite, as the manifest names it.
    pub suite: String,
    /// The component; `None` in a flat repository.
    pub component: Option<String>,
    /// The architecture; `None` in a flat repository, whose index has them all.
    pub architecture: Option<Architecture>,
    /// The moment of the state that it is from; `None` for what there is now.
    pub at: Option<Timestamp>,
    /// Where the file lies.
    pub(super) path: PathBuf,
    /// How it is compressed.
    pub(super) compression: Compression,
    /// The digest of the file as it lies there.
    pub(super) sha256: Sha256,
    vouched: Arc<Vouched>,
    /// Its path below the suite's directory, without suffix.
    stem: String,
}

impl IndexFile {
    /// Where the file lies.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// How it is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The `Release` that vouches for it.
    pub fn vouched(&self) -> &Arc<Vouched> {
        &self.vouched
    }

    /// What the `Release` says; an empty one where there is none.
    pub fn release(&self) -> &Release {
        self.vouched.release()
    }

    /// Size and digest when unpacked, where the `Release` says so.
    pub(super) fn plain(&self) -> Option<ReleaseFile> {
        self.release().file(&self.stem)
    }
}

/// What identifies the state of a suite that was used; for records, not for lockfiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseIdentity {
    /// The manifest's name of the repository.
    pub repo: String,
    /// The suite, as the manifest names it.
    pub suite: String,
    /// Its directory, fit for messages.
    pub url: String,
    /// Its `Date`.
    pub date: Option<Timestamp>,
    /// The digest of the signed text.
    pub sha256: Option<Sha256>,
    /// Fingerprints of the accepted primary keys that signed it.
    pub signers: Vec<String>,
    /// The moment of the state that was asked for; `None` for what there is now.
    pub at: Option<Timestamp>,
}

/// What [`update`] gives.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The indexes, in the order of sources, suites, components and architectures.
    pub indexes: Vec<IndexFile>,
    /// The suites they are from.
    pub releases: Vec<ReleaseIdentity>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Brings the indexes of all sources for some architectures up to date.
///
/// With an offline [`Client`] it opens no connection: what the cache has is verified again and used.
pub fn update(client: &Client, cache: &Cache, sources: &[Source], architectures: &[Architecture], now: Timestamp) -> Result<Loaded, Error> {
    openpgp::check_clock(now)?;
    let mut suites = Vec::new();
    for source in sources {
        if source.bases.is_empty() {
            return Err(Error::NoBase { repo: source.name.clone() });
        }
        if source.keys.is_empty() && source.steering.trust != Trust::None {
            return Err(Error::NoKey { repo: source.name.clone() });
        }
        suites.extend(source.steering.suites.iter().map(|suite| {
            let now = source.at.unwrap_or(now);
            Suite { client, cache, source, name: suite, now }
        }));
    }
    let states = parallel::map(&suites, PARALLEL, Suite::state).into_iter().collect::<Result<Vec<_>, _>>()?;

    let mut loaded = Loaded::default();
    let mut jobs = Vec::new();
    for (suite, state) in suites.iter().zip(&states) {
        loaded.warnings.extend(state.warnings.iter().cloned());
        // What says that the whole suite may be an old state comes before anything about its parts.
        loaded.warnings.sort_by_key(|warning| !warning.is_of_freshness());
        jobs.extend(suite.wanted(state, architectures, &mut loaded.warnings)?.into_iter().map(|wanted| (suite, state, wanted)));
    }
    let fetched = parallel::map(&jobs, PARALLEL, |(suite, state, wanted)| suite.index(state, wanted));

    let mut memories: Vec<Memory> = states.iter().map(|state| state.memory.clone()).collect();
    for ((suite, state, wanted), fetched) in jobs.iter().zip(fetched) {
        let (file, loose, warnings) = fetched?;
        loaded.warnings.extend(warnings);
        if let (Some(loose), Some(at)) = (loose, states.iter().position(|other| std::ptr::eq(other, *state))) {
            memories[at].loose.insert(wanted.stem.clone(), loose);
        }
        loaded.indexes.push(IndexFile {
            repo: suite.source.name.clone(),
            suite: suite.name.clone(),
            component: wanted.component.clone(),
            architecture: wanted.architecture.clone(),
            path: file.path,
            compression: file.compression,
            sha256: file.sha256,
            at: suite.source.at,
            vouched: Arc::clone(&state.vouched),
            stem: wanted.stem.clone(),
        });
    }
    for ((suite, state), memory) in suites.iter().zip(&states).zip(memories) {
        if !client.options().offline && suite.source.at.is_none() {
            cache.remember(&state.memory_path, memory)?;
        }
        loaded.releases.push(ReleaseIdentity {
            repo: suite.source.name.clone(),
            suite: suite.name.clone(),
            url: shown(&state.directory),
            date: state.vouched.release().date,
            sha256: state.vouched.sha256(),
            signers: state.vouched.signers().to_vec(),
            at: suite.source.at,
        });
    }
    Ok(loaded)
}

/// An index that is to be fetched.
struct Wanted {
    component: Option<String>,
    architecture: Option<Architecture>,
    /// Its path below the suite's directory, without suffix.
    stem: String,
}

struct Kept {
    path: PathBuf,
    compression: Compression,
    sha256: Sha256,
}

impl Suite<'_> {
    /// The indexes that the manifest asks for, as far as the `Release` has them.
    fn wanted(&self, state: &State, architectures: &[Architecture], warnings: &mut Vec<Warning>) -> Result<Vec<Wanted>, Error> {
        if self.is_flat() {
            return Ok(vec![Wanted { component: None, architecture: None, stem: "Packages".to_owned() }]);
        }
        let release = state.vouched.release();
        let has = |architecture: &Architecture| {
            release.architectures.is_empty() || release.architectures.iter().any(|name| name == architecture.deb_name())
        };
        let (mut present, absent): (Vec<_>, Vec<_>) = architectures.iter().cloned().partition(has);
        if present.is_empty() && !absent.is_empty() {
            return Err(Error::NoArchitecture {
                repo: self.source.name.clone(),
                suite: self.name.clone(),
                architectures: absent.iter().map(Architecture::to_string).collect(),
                available: release.architectures.clone(),
            });
        }
        warnings.extend(absent.iter().map(|architecture| Warning::NoArchitecture {
            repo: self.source.name.clone(),
            suite: self.name.clone(),
            architecture: architecture.to_string(),
        }));
        if release.has_own_all_index() {
            present.extend(Architecture::parse("all"));
        }
        let mut wanted = Vec::new();
        for component in &self.source.steering.components {
            if !release.components.is_empty() && !release.has_component(component) {
                return Err(Error::NoComponent {
                    repo: self.source.name.clone(),
                    suite: self.name.clone(),
                    component: component.clone(),
                    available: release.components.iter().map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect(),
                });
            }
            for architecture in &present {
                let stem = format!("{component}/binary-{}/Packages", architecture.deb_name());
                // An archive with an architecture `all` need not have an index of it in every component.
                if architecture.is_independent() && !listed(release, &stem).any(|_| true) {
                    continue;
                }
                wanted.push(Wanted { component: Some(component.clone()), architecture: Some(architecture.clone()), stem });
            }
        }
        Ok(wanted)
    }

    /// Brings one index into the cache.
    fn index(&self, state: &State, wanted: &Wanted) -> Result<(Kept, Option<Loose>, Vec<Warning>), Error> {
        if let Some(word) = state.vouched.without_release() {
            let (kept, loose) = self.loose_index(state, wanted, word)?;
            return Ok((kept, Some(loose), Vec::new()));
        }
        let listed: Vec<(Compression, ReleaseFile)> = listed(state.vouched.release(), &wanted.stem).collect();
        if listed.is_empty() {
            return Err(Error::NoIndex { url: shown(&join(&state.directory, "Release")), path: wanted.stem.clone() });
        }
        for &(compression, ReleaseFile { size, sha256 }) in &listed {
            if let Some(path) = self.cache.index(sha256, compression, size) {
                return Ok((Kept { path, compression, sha256 }, None, Vec::new()));
            }
        }
        let mut failures = Vec::new();
        for (compression, file) in listed {
            let path = format!("{}{}", wanted.stem, suffix(compression));
            match self.fetch_index(state, &path, file, compression, &mut failures)? {
                Some(kept) => {
                    // That by-hash or one compression is missing is the ordinary course.
                    let worth_telling = failures.iter().filter(|error| error.kind() != ErrorKind::Missing);
                    return Ok((kept, None, worth_telling.map(Warning::skipped).collect()));
                }
                // Another compression would not be better.
                None if failures.iter().any(|error| error.kind() == ErrorKind::Integrity) => break,
                None => {}
            }
        }
        let offline = failures.iter().any(|error| matches!(error, Error::Offline { .. }));
        Err(if offline {
            let what = format!("`{}` of suite `{}` of repository `{}`", wanted.stem, self.name, self.source.name);
            Error::Offline { what }
        } else {
            Error::gather(&wanted.stem, failures)
        })
    }

    /// Tries every address of one index file; failures go to the list.
    fn fetch_index(
        &self,
        state: &State,
        path: &str,
        file: ReleaseFile,
        compression: Compression,
        failures: &mut Vec<Error>,
    ) -> Result<Option<Kept>, Error> {
        let ReleaseFile { size, sha256 } = file;
        if size > MAX_INDEX {
            return Err(Error::TooLarge { url: shown(&join(&state.directory, path)), limit: MAX_INDEX });
        }
        // First the address that the Release came from.
        let others = self.source.bases.iter().filter(|base| **base != state.base);
        let draft = self.cache.draft()?;
        for base in std::iter::once(&state.base).chain(others) {
            let directory = self.directory(base);
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            let by_hash = state.vouched.release().acquire_by_hash.then(|| join(&directory, &format!("{parent}/by-hash/SHA256/{sha256}")));
            let mut worst: Option<Error> = None;
            for url in by_hash.into_iter().chain([join(&directory, path)]) {
                match fetch_verified(self.client, &url, size, sha256, &mut HashedFile::new(&draft.file)) {
                    Ok(()) => return Ok(Some(Kept { path: self.cache.keep(draft, sha256, compression)?, compression, sha256 })),
                    Err(error) if error.kind() == ErrorKind::Io => return Err(error),
                    // Of two that weigh the same, the plain name says more to people.
                    Err(error) if worst.as_ref().is_some_and(|worst| worst.kind() > error.kind()) => {}
                    Err(error) => worst = Some(by_release(error)),
                }
            }
            failures.extend(worst);
        }
        Ok(None)
    }

    /// Gets an index of a repository without `Release`, which only the user's word allows.
    fn loose_index(&self, state: &State, wanted: &Wanted, _word: Unproven) -> Result<(Kept, Loose), Error> {
        let before = state.memory.loose.get(&wanted.stem).and_then(|loose| {
            let compression = COMPRESSIONS.into_iter().find(|compression| suffix(*compression) == loose.suffix)?;
            let sha256 = loose.sha256.parse().ok()?;
            let path = self.cache.index(sha256, compression, loose.size)?;
            Some((Kept { path, compression, sha256 }, loose))
        });
        let mut failures = Vec::new();
        for compression in COMPRESSIONS {
            let url = join(&state.directory, &format!("{}{}", wanted.stem, suffix(compression)));
            let known = before.as_ref().filter(|(kept, _)| kept.compression == compression);
            let validators = known.map_or_else(Validators::default, |(_, loose)| Validators {
                etag: loose.etag.clone(),
                last_modified: loose.last_modified.clone(),
            });
            let draft = self.cache.draft()?;
            match fetch_unknown(self.client, &url, MAX_INDEX, &validators, &draft.file) {
                Ok(Some((size, sha256, validators))) => {
                    let loose = Loose {
                        sha256: sha256.to_hex(),
                        size,
                        suffix: suffix(compression).to_owned(),
                        etag: validators.etag,
                        last_modified: validators.last_modified,
                    };
                    return Ok((Kept { path: self.cache.keep(draft, sha256, compression)?, compression, sha256 }, loose));
                }
                Ok(None) => {}
                Err(Error::Offline { .. }) if before.is_some() => {}
                Err(error @ Error::Missing { .. }) => {
                    failures.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            }
            if let Some((kept, loose)) = before {
                return Ok((kept, loose.clone()));
            }
        }
        Err(Error::gather(&wanted.stem, failures))
    }
}

/// What the `Release` lists under a name without suffix, the best compression first.
fn listed<'a>(release: &'a Release, stem: &'a str) -> impl Iterator<Item = (Compression, ReleaseFile)> + 'a {
    COMPRESSIONS.into_iter().filter_map(move |compression| {
        let file = release.file(&format!("{stem}{}", suffix(compression)))?;
        Some((compression, file))
    })
}

/// Notes that it was a signed `Release` that said how large or what the file is.
fn by_release(mut error: Error) -> Error {
    if let Error::Size { by_release, .. } | Error::Digest { by_release, .. } = &mut error {
        *by_release = true;
    }
    error
}
