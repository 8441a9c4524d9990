//! A Debian repository's package indexes, verified.
//!
//! For each suite: `InRelease`, else `Release` with `Release.gpg`; then the indexes of the asked components and
//! architectures, by hash where the archive has that, else by name. What is already in the cache under its digest is
//! not fetched again, so an unchanged suite costs one conditional request. What a run got is remembered only when all
//! of it was good.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Url;

use super::address::{join, shown};
use super::cache::{Cache, Loose, Memory, Raw};
use super::download::{HashedFile, fetch_unknown, fetch_verified};
use super::keys::KeyRing;
use super::transport::{Answer, Client, Limit, Validators};
use super::{COMPRESSIONS, Error, ErrorKind, Warning, openpgp, parallel, suffix};
use crate::index::Compression;
use crate::index::release::{self, Release, ReleaseFile};
use crate::pkg::{Architecture, RepoSteering, Sha256, Trust};

/// The largest index that is fetched; Debian's largest is below 60 MB unpacked.
const MAX_INDEX: u64 = 2 << 30;
/// How many suites and indexes are fetched at once.
const PARALLEL: usize = 6;
/// How far a `Release` may be dated ahead of our clock, in seconds.
const FUTURE: i64 = 3600;

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
}

/// One verified index file in the cache.
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
    /// Where the file lies.
    pub path: PathBuf,
    /// How it is compressed.
    pub compression: Compression,
    /// The digest of the file as it lies there.
    pub sha256: Sha256,
    /// How long it will be when unpacked, where the `Release` says so.
    pub uncompressed_size: Option<u64>,
    /// The `Release` that vouches for it; an empty one where there is none.
    pub release: Arc<Release>,
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
    let mut suites = Vec::new();
    for source in sources {
        if source.bases.is_empty() {
            return Err(Error::NoBase { repo: source.name.clone() });
        }
        if source.keys.is_empty() && source.steering.trust != Trust::None {
            return Err(Error::NoKey { repo: source.name.clone() });
        }
        suites.extend(source.steering.suites.iter().map(|suite| Suite { client, cache, source, name: suite, now }));
    }
    let states = parallel::map(&suites, PARALLEL, Suite::state).into_iter().collect::<Result<Vec<_>, _>>()?;

    let mut loaded = Loaded::default();
    let mut jobs = Vec::new();
    for (suite, state) in suites.iter().zip(&states) {
        loaded.warnings.extend(state.warnings.iter().cloned());
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
            uncompressed_size: state.release.file(&wanted.stem).map(|plain| plain.size),
            release: Arc::clone(&state.release),
        });
    }
    for ((suite, state), memory) in suites.iter().zip(&states).zip(memories) {
        if !client.options().offline {
            cache.remember(&state.memory_path, memory)?;
        }
        loaded.releases.push(ReleaseIdentity {
            repo: suite.source.name.clone(),
            suite: suite.name.clone(),
            url: shown(&state.directory),
            date: state.release.date,
            sha256: state.sha256,
            signers: state.signers.clone(),
        });
    }
    Ok(loaded)
}

/// One suite of one source.
struct Suite<'a> {
    client: &'a Client,
    cache: &'a Cache,
    source: &'a Source,
    name: &'a String,
    now: Timestamp,
}

/// A suite's verified `Release`, and where it came from.
struct State {
    base: Url,
    directory: Url,
    release: Arc<Release>,
    /// `None` where there is no `Release`.
    sha256: Option<Sha256>,
    signers: Vec<String>,
    memory: Memory,
    memory_path: PathBuf,
    warnings: Vec<Warning>,
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
    fn is_flat(&self) -> bool {
        self.name.ends_with('/')
    }

    fn directory(&self, base: &Url) -> Url {
        if self.is_flat() { join(base, self.name) } else { join(base, &format!("dists/{}", self.name)) }
    }

    fn trusts_anybody(&self) -> bool {
        self.source.steering.trust == Trust::None
    }

    /// Gets the `Release` from the first address that has a good one.
    fn state(&self) -> Result<State, Error> {
        let mut failures = Vec::new();
        for base in &self.source.bases {
            match self.state_at(base) {
                Ok(mut state) => {
                    state.warnings.extend(failures.iter().map(Warning::skipped));
                    return Ok(state);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Usage) => return Err(error),
                Err(error) => failures.push(error),
            }
        }
        Err(Error::gather(&format!("{}/Release", self.name), failures))
    }

    fn state_at(&self, base: &Url) -> Result<State, Error> {
        let directory = self.directory(base);
        let memory_path = self.cache.memory_path(&shown(&directory), self.source.steering.trust.as_str());
        let before = self.cache.memory(&memory_path);
        let from_cache = self.client.options().offline && base.scheme() != "file";
        let (raw, validators) = if from_cache {
            let Some(before) = &before else {
                let what = format!("the Release file of suite `{}` of repository `{}`", self.name, self.source.name);
                return Err(Error::Offline { what });
            };
            (before.raw.clone(), Validators::default())
        } else {
            self.fetch_release(&directory, before.as_ref())?
        };
        let mut warnings = Vec::new();
        let mut state = State {
            base: base.clone(),
            release: Arc::new(Release::default()),
            sha256: None,
            signers: Vec::new(),
            memory: Memory {
                url: shown(&directory),
                etag: validators.etag,
                last_modified: validators.last_modified,
                loose: before.as_ref().map(|before| before.loose.clone()).unwrap_or_default(),
                ..Memory::default()
            },
            memory_path,
            warnings: Vec::new(),
            directory,
        };
        if self.trusts_anybody() {
            warnings.push(Warning::Untrusted { repo: self.source.name.clone(), suite: self.name.clone() });
        }
        if let Some(raw) = &raw {
            let url = shown(&join(&state.directory, if matches!(raw, Raw::Inline(_)) { "InRelease" } else { "Release" }));
            let (text, signers) = self.verify(raw, &url)?;
            let release = Release::parse(&text).map_err(|source| Error::Release { url: url.clone(), source })?;
            self.check_time(&release, &url, from_cache, &mut warnings)?;
            self.check_names(&release, &url)?;
            if let Some(before) = &before {
                compare(&release, before, &url, &state.memory_path, &mut warnings)?;
            }
            state.sha256 = Some(Sha256::of(text.as_bytes()));
            state.signers = signers;
            state.memory.date = release.date.map(Timestamp::as_second);
            state.memory.origin.clone_from(&release.origin);
            state.memory.label.clone_from(&release.label);
            state.memory.suite.clone_from(&release.suite);
            state.memory.codename.clone_from(&release.codename);
            state.release = Arc::new(release);
        }
        state.memory.raw = raw;
        state.warnings = warnings;
        Ok(state)
    }

    /// Gets what there is of `InRelease`, `Release` and `Release.gpg`; only a repository trusted without proof may have none.
    fn fetch_release(&self, directory: &Url, before: Option<&Memory>) -> Result<(Option<Raw>, Validators), Error> {
        let limit = Limit::AtMost(release::MAX_SIZE as u64);
        let (old, old_validators) = before.map_or((None, Validators::default()), |before| {
            let validators = Validators { etag: before.etag.clone(), last_modified: before.last_modified.clone() };
            (before.raw.as_ref(), validators)
        });
        let none = Validators::default();
        let mut body = Vec::new();

        let inline = join(directory, "InRelease");
        let validators = if matches!(old, Some(Raw::Inline(_))) { &old_validators } else { &none };
        match self.client.get_if_changed(&inline, limit, validators, &mut body) {
            Ok(Answer::NotModified) => return Ok((old.cloned(), old_validators)),
            Ok(Answer::Body { validators, .. }) => return Ok((Some(Raw::Inline(text(body, &inline)?)), validators)),
            // Storage services answer 403 for what they do not have.
            Err(Error::Missing { .. } | Error::Status { status: 403, .. }) => {}
            Err(error) => return Err(error),
        }

        let plain = join(directory, "Release");
        let validators = if matches!(old, Some(Raw::Detached { .. } | Raw::Unsigned(_))) { &old_validators } else { &none };
        let unsigned = || Error::Unsigned { repo: self.source.name.clone(), url: shown(&plain) };
        let (release, validators) = match self.client.get_if_changed(&plain, limit, validators, &mut body) {
            Ok(Answer::NotModified) => return Ok((old.cloned(), old_validators)),
            Ok(Answer::Body { validators, .. }) => (text(body, &plain)?, validators),
            Err(Error::Missing { .. }) if self.trusts_anybody() => return Ok((None, none)),
            Err(Error::Missing { .. }) if self.is_flat() => return Err(unsigned()),
            Err(Error::Missing { url }) => {
                return Err(Error::NoSuite { repo: self.source.name.clone(), suite: self.name.clone(), url });
            }
            Err(error) => return Err(error),
        };
        let mut signature = Vec::new();
        let limit = Limit::AtMost(openpgp::MAX_SIGNATURE as u64);
        match self.client.get(&join(directory, "Release.gpg"), limit, &mut signature) {
            Ok(_) => {
                let signature = signature.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok((Some(Raw::Detached { text: release, signature }), validators))
            }
            Err(Error::Missing { .. }) if self.trusts_anybody() => Ok((Some(Raw::Unsigned(release)), validators)),
            Err(Error::Missing { .. }) => Err(unsigned()),
            Err(error) => Err(error),
        }
    }

    /// The text that is signed, and by whom. Without proof asked for, a signature that can be judged must still be good.
    fn verify(&self, raw: &Raw, url: &str) -> Result<(String, Vec<String>), Error> {
        let signature = |source| Error::Signature { repo: self.source.name.clone(), url: url.to_owned(), source };
        let keys = &self.source.keys;
        let judge = !(self.trusts_anybody() && keys.is_empty());
        let signed = match raw {
            Raw::Inline(text) if judge => openpgp::verify_cleartext(text.as_bytes(), keys, self.now),
            Raw::Inline(text) => return Ok((openpgp::unverified_text(text.as_bytes()).map_err(signature)?, Vec::new())),
            Raw::Detached { text, signature } if judge => openpgp::verify_detached(text.as_bytes(), &from_hex(signature), keys, self.now),
            Raw::Unsigned(_) if !self.trusts_anybody() => {
                return Err(Error::Unsigned { repo: self.source.name.clone(), url: url.to_owned() });
            }
            Raw::Detached { text, .. } | Raw::Unsigned(text) => return Ok((text.clone(), Vec::new())),
        };
        signed.map(|signed| (signed.text, signed.signers)).map_err(signature)
    }

    fn check_time(&self, release: &Release, url: &str, from_cache: bool, warnings: &mut Vec<Warning>) -> Result<(), Error> {
        if let Some(until) = release.valid_until.filter(|until| *until < self.now) {
            if !from_cache {
                return Err(Error::Expired { url: url.to_owned(), until });
            }
            // Offline, the user asks for what was good when it was fetched.
            warnings.push(Warning::Outdated { url: url.to_owned(), until: until.to_string() });
        }
        match release.date {
            Some(date) if date.as_second() > self.now.as_second() + FUTURE => {
                Err(Error::Future { url: url.to_owned(), date, now: self.now })
            }
            _ => Ok(()),
        }
    }

    fn check_names(&self, release: &Release, url: &str) -> Result<(), Error> {
        if self.is_flat() || release.is_called(self.name) {
            return Ok(());
        }
        Err(Error::Misnamed {
            url: url.to_owned(),
            asked: self.name.clone(),
            suite: release.suite.clone().unwrap_or_default(),
            codename: release.codename.clone().unwrap_or_default(),
        })
    }

    /// The indexes that the manifest asks for, as far as the `Release` has them.
    fn wanted(&self, state: &State, architectures: &[Architecture], warnings: &mut Vec<Warning>) -> Result<Vec<Wanted>, Error> {
        if self.is_flat() {
            return Ok(vec![Wanted { component: None, architecture: None, stem: "Packages".to_owned() }]);
        }
        let release = &*state.release;
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
        if state.sha256.is_none() {
            let (kept, loose) = self.loose_index(state, wanted)?;
            return Ok((kept, Some(loose), Vec::new()));
        }
        let listed: Vec<(Compression, ReleaseFile)> = listed(&state.release, &wanted.stem).collect();
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
            let by_hash = state.release.acquire_by_hash.then(|| join(&directory, &format!("{parent}/by-hash/SHA256/{sha256}")));
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

    /// Gets an index of a repository without `Release`.
    fn loose_index(&self, state: &State, wanted: &Wanted) -> Result<(Kept, Loose), Error> {
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

fn text(bytes: Vec<u8>, url: &Url) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Error::Release { url: shown(url), source: release::Error::Line { line, text: "(not UTF-8)".to_owned() } }
    })
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Notes that it was a signed `Release` that said how large or what the file is.
fn by_release(mut error: Error) -> Error {
    if let Error::Size { by_release, .. } | Error::Digest { by_release, .. } = &mut error {
        *by_release = true;
    }
    error
}

/// Compares a `Release` with what the same address gave before.
fn compare(release: &Release, before: &Memory, url: &str, memory: &std::path::Path, warnings: &mut Vec<Warning>) -> Result<(), Error> {
    if let (Some(date), Some(seen)) = (release.date, before.date.and_then(|seconds| Timestamp::from_second(seconds).ok()))
        && date < seen
    {
        return Err(Error::Rollback { url: url.to_owned(), date, seen, memory: memory.to_owned() });
    }
    let fields = [
        ("Origin", &before.origin, &release.origin),
        ("Label", &before.label, &release.label),
        ("Codename", &before.codename, &release.codename),
        ("Suite", &before.suite, &release.suite),
    ];
    // What was never seen cannot have changed.
    if before.raw.is_none() {
        return Ok(());
    }
    for (field, old, new) in fields.into_iter().filter(|(_, old, new)| old != new) {
        let (before, after) = (old.clone().unwrap_or_default(), new.clone().unwrap_or_default());
        if field == "Suite" && has_aged(&before, &after) {
            warnings.push(Warning::SuiteMoved { url: url.to_owned(), before, after });
        } else {
            return Err(Error::Changed { url: url.to_owned(), field, before, after, memory: memory.to_owned() });
        }
    }
    Ok(())
}

/// Tells whether a release only went the way of all releases: `testing`, `stable`, `oldstable`, with any `-updates` alike.
fn has_aged(before: &str, after: &str) -> bool {
    const LIFE: [&str; 5] = ["testing", "stable", "oldstable", "oldoldstable", "oldoldoldstable"];
    let age = |suite: &str| {
        let (name, rest) = suite.find('-').map_or((suite, ""), |at| suite.split_at(at));
        LIFE.iter().position(|step| *step == name).map(|age| (age, rest.to_owned()))
    };
    matches!((age(before), age(after)), (Some((old, old_rest)), Some((new, new_rest))) if new > old && old_rest == new_rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_how_releases_age() {
        for (before, after, aged) in [
            ("stable", "oldstable", true),
            ("testing", "stable", true),
            ("stable-updates", "oldstable-updates", true),
            ("stable", "oldoldstable", true),
            ("stable", "testing", false),
            ("stable", "stable-updates", false),
            ("stable", "unstable", false),
        ] {
            assert_eq!(has_aged(before, after), aged, "{before} {after}");
        }
    }

    #[test]
    fn hexadecimal_comes_back() {
        assert_eq!(from_hex("00ff10"), [0, 255, 16]);
        assert!(from_hex("zz").is_empty());
    }
}
