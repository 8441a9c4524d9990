//! One suite's `Release`: fetched or remembered, verified, and compared with what was there before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Url;

use super::address::{join, shown};
use super::cache::{Cache, Memory, Raw};
use super::deb::Source;
use super::seen::Seen;
use super::transport::{Answer, Client, Limit, Validators};
use super::vouch::Vouched;
use super::{Error, ErrorKind, Warning, openpgp};
use crate::index::release::{self, Release};
use crate::pkg::{Expected, Trust};

/// How far a `Release` may be dated ahead of our clock, in seconds.
const FUTURE: i64 = 3600;

/// One suite of one source.
pub(super) struct Suite<'a> {
    pub client: &'a Client,
    pub cache: &'a Cache,
    pub source: &'a Source,
    pub name: &'a String,
    pub now: Timestamp,
}

/// A suite's `Release` that is vouched for, and where it came from.
pub(super) struct State {
    pub base: Url,
    pub directory: Url,
    pub vouched: Arc<Vouched>,
    pub memory: Memory,
    pub memory_path: PathBuf,
    pub warnings: Vec<Warning>,
}

/// How a `Release` that nothing is wrong with compares with what was seen of the suite elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// Its date cannot be compared.
    Undated,
    /// A newer one was seen.
    Older(Timestamp),
    /// It is the newest seen.
    Newest,
}

/// What was fetched of a `Release`: the files as they are now, and what to ask with next time.
type FetchedRelease = (Option<Raw>, Validators);

impl Suite<'_> {
    pub(super) fn is_flat(&self) -> bool {
        self.name.ends_with('/')
    }

    pub(super) fn directory(&self, base: &Url) -> Url {
        if self.is_flat() { join(base, self.name) } else { join(base, &format!("dists/{}", self.name)) }
    }

    /// What the manifest expects of the suite besides its name.
    fn expected(&self) -> Expected {
        self.source.expected.get(self.name).cloned().unwrap_or_default()
    }

    /// Gets the `Release` from the first address that has a good one.
    ///
    /// One that is older than what another address or an earlier run gave, or whose date nobody can read, is used only if no
    /// address has a better one.
    pub(super) fn state(&self) -> Result<State, Error> {
        let seen = self.seen();
        let mut failures = Vec::new();
        let mut doubtful: Option<(Age, State)> = None;
        for base in &self.source.bases {
            match self.state_at(base, seen.as_ref()) {
                Ok((Age::Newest, state)) => {
                    // What was wrong with the other one is worth saying; what holds of the repository is said once.
                    let others = doubtful.into_iter().flat_map(|(_, other)| other.warnings).filter(Warning::is_of_freshness);
                    return Ok(settled(state, others.collect(), &failures));
                }
                Ok((age, state)) => match &doubtful {
                    Some((best, _)) if *best >= age => {}
                    _ => doubtful = Some((age, state)),
                },
                Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Usage) => return Err(error),
                Err(error) => failures.push(error),
            }
        }
        match doubtful {
            Some((_, state)) => Ok(settled(state, Vec::new(), &failures)),
            None => Err(Error::gather(&format!("{}/Release", self.name), failures)),
        }
    }

    /// The newest date of the suite that an earlier run saw, at whatever address, and where that is remembered.
    fn seen(&self) -> Option<Seen> {
        if self.source.at.is_some() {
            return None;
        }
        let trust = self.source.steering.trust.as_str();
        let memories = self.source.bases.iter().filter_map(|base| {
            let path = self.cache.memory_path(&shown(&self.directory(base)), trust);
            let date = Timestamp::from_second(self.cache.memory(&path)?.date?).ok()?;
            Some(Seen { url: shown(&self.directory(base)), date, path })
        });
        memories.chain(self.source.recorded.get(self.name).cloned()).max_by_key(|seen| seen.date)
    }

    fn state_at(&self, base: &Url, seen: Option<&Seen>) -> Result<(Age, State), Error> {
        let directory = self.directory(base);
        let memory_path = self.cache.memory_path(&shown(&directory), self.source.steering.trust.as_str());
        let before = if self.source.at.is_none() { self.cache.memory(&memory_path) } else { None };
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
        let url = shown(&join(&directory, if matches!(raw, Some(Raw::Inline(_))) { "InRelease" } else { "Release" }));
        let vouched = Vouched::judge(raw.as_ref(), self.source, &url, self.now)?;
        let mut warnings = Vec::new();
        let mut age = Age::Newest;
        if self.source.steering.trust == Trust::None {
            warnings.push(Warning::Untrusted { repo: self.source.name.clone(), suite: self.name.clone() });
        }
        let release = vouched.release();
        if vouched.sha256().is_some() {
            self.check_time(release, &url, from_cache, &mut warnings)?;
            self.check_names(release, &url, &mut warnings)?;
            if let Some(before) = &before {
                compare(release, before, &url, &memory_path, &mut warnings)?;
            }
            age = self.check_age(release, &url, &shown(&directory), seen, &mut warnings)?;
        }
        let memory = Memory {
            url: shown(&directory),
            // What never was dated does not forget that there was a date.
            date: release.date.map(Timestamp::as_second).or(before.as_ref().and_then(|before| before.date)),
            origin: release.origin.clone(),
            label: release.label.clone(),
            suite: release.suite.clone(),
            codename: release.codename.clone(),
            etag: validators.etag,
            last_modified: validators.last_modified,
            loose: before.map(|before| before.loose).unwrap_or_default(),
            raw,
            ..Memory::default()
        };
        let state = State { base: base.clone(), vouched: Arc::new(vouched), memory, memory_path, warnings, directory };
        Ok((age, state))
    }

    /// Gets what there is of `InRelease`, `Release` and `Release.gpg`: nothing at all, a text, or a text with its signature.
    ///
    /// Whether that is enough is for [`Vouched::judge`] to say. A server can say that a file has not changed only where it was
    /// asked with the validators of that very file, which then is what was remembered.
    fn fetch_release(&self, directory: &Url, before: Option<&Memory>) -> Result<FetchedRelease, Error> {
        let mut body = Vec::new();
        let limit = Limit::AtMost(release::MAX_SIZE as u64);
        let known = |inline: bool| before.and_then(|before| Known::of(before, inline));

        let inline = join(directory, "InRelease");
        match self.get(&inline, limit, known(true), &mut body)? {
            Got::Unchanged(known) => return Ok(known),
            Got::Body(validators) => return Ok((Some(Raw::Inline(text(body, &inline)?)), validators)),
            Got::Nothing(_) => {}
        }

        let plain = join(directory, "Release");
        let (release, validators) = match self.get(&plain, limit, known(false), &mut body)? {
            Got::Unchanged(known) => return Ok(known),
            Got::Body(validators) => (text(body, &plain)?, validators),
            // A suite has a `Release` of its own; a directory of packages need not.
            Got::Nothing(Error::Missing { url }) if !self.is_flat() && self.source.steering.trust != Trust::None => {
                return Err(Error::NoSuite { repo: self.source.name.clone(), suite: self.name.clone(), url });
            }
            Got::Nothing(Error::Missing { .. }) => return Ok((None, Validators::default())),
            Got::Nothing(error) => return Err(error),
        };
        let mut signature = Vec::new();
        match self.client.get(&join(directory, "Release.gpg"), Limit::AtMost(openpgp::MAX_SIGNATURE as u64), &mut signature) {
            Ok(_) => {
                let signature = signature.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok((Some(Raw::Detached { text: release, signature }), validators))
            }
            Err(Error::Missing { .. }) => Ok((Some(Raw::Unsigned(release)), validators)),
            Err(error) => Err(error),
        }
    }

    /// Gets one file, or the word that it is what is known of it.
    fn get(&self, url: &Url, limit: Limit, known: Option<Known>, body: &mut Vec<u8>) -> Result<Got, Error> {
        let none = Validators::default();
        match (self.client.get_if_changed(url, limit, known.as_ref().map_or(&none, |known| &known.validators), body), known) {
            (Ok(Answer::Body { validators, .. }), _) => Ok(Got::Body(validators)),
            (Ok(Answer::NotModified), Some(Known { raw, validators })) => Ok(Got::Unchanged((Some(raw), validators))),
            // The client does not let this through; without something known it is no answer.
            (Ok(Answer::NotModified), None) => Err(Error::Status { url: shown(url), status: 304 }),
            // Storage services answer 403 for what they do not have.
            (Err(error @ (Error::Missing { .. } | Error::Status { status: 403, .. })), _) => Ok(Got::Nothing(error)),
            (Err(error), _) => Err(error),
        }
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

    /// Compares the date with what was seen elsewhere, and with the age that the manifest allows.
    fn check_age(
        &self,
        release: &Release,
        url: &str,
        directory: &str,
        seen: Option<&Seen>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Age, Error> {
        if let Some(limit) = self.expected().max_age {
            let age = release.date.map(|date| self.now.duration_since(date));
            if age.is_none_or(|age| age.as_secs() > i64::try_from(limit.age.as_secs()).unwrap_or(i64::MAX)) {
                let days = |seconds: i64| u64::try_from(seconds / (24 * 60 * 60)).unwrap_or_default();
                let (age, allowed) = (age.map(|age| days(age.as_secs())), limit.age);
                if limit.is_error {
                    return Err(Error::TooOld { url: url.to_owned(), age, allowed });
                }
                warnings.push(Warning::TooOld { url: url.to_owned(), age, allowed });
            }
        }
        match (release.date, seen) {
            (None, Some(seen)) => {
                let (date, memory) = (seen.date, seen.path.clone());
                Err(Error::Undated { url: url.to_owned(), value: release.unreadable_date.clone(), seen: date, memory })
            }
            (None, None) => {
                if self.source.at.is_none() {
                    warnings.push(Warning::Undated { url: url.to_owned(), value: release.unreadable_date.clone() });
                }
                Ok(Age::Undated)
            }
            (Some(date), Some(seen)) if date < seen.date => {
                if seen.url == directory {
                    return Err(Error::Rollback { url: url.to_owned(), date, seen: seen.date, memory: seen.path.clone() });
                }
                warnings.push(Warning::Older { url: url.to_owned(), date, other: seen.url.clone(), seen: seen.date });
                Ok(Age::Older(date))
            }
            _ => Ok(Age::Newest),
        }
    }

    fn check_names(&self, release: &Release, url: &str, warnings: &mut Vec<Warning>) -> Result<(), Error> {
        let asked = self.expected().name.unwrap_or_else(|| self.name.clone());
        if self.is_flat() || release.is_called(&asked) {
            return Ok(());
        }
        if release.suite.is_none() && release.codename.is_none() {
            warnings.push(Warning::Nameless { url: url.to_owned(), asked });
            return Ok(());
        }
        Err(Error::Misnamed {
            url: url.to_owned(),
            asked,
            suite: release.suite.clone().unwrap_or_default(),
            codename: release.codename.clone().unwrap_or_default(),
        })
    }
}

fn text(bytes: Vec<u8>, url: &Url) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Error::Release { url: shown(url), source: release::Error::Line { line, text: "(not UTF-8)".to_owned() } }
    })
}

/// A suite's state with what is to be said of the other addresses.
fn settled(mut state: State, others: Vec<Warning>, failures: &[Error]) -> State {
    state.warnings.splice(0..0, others);
    state.warnings.extend(failures.iter().map(Warning::skipped));
    state
}

/// A `Release` that was remembered with validators to ask the server by.
struct Known {
    raw: Raw,
    validators: Validators,
}

impl Known {
    /// What a memory knows of `InRelease`, or else of `Release`; nothing if it has no validators of it.
    fn of(memory: &Memory, inline: bool) -> Option<Self> {
        let raw = memory.raw.clone().filter(|raw| matches!(raw, Raw::Inline(_)) == inline)?;
        let validators = Validators { etag: memory.etag.clone(), last_modified: memory.last_modified.clone() };
        (validators != Validators::default()).then_some(Self { raw, validators })
    }
}

/// What came of asking for one file.
enum Got {
    Body(Validators),
    Unchanged(FetchedRelease),
    Nothing(Error),
}

/// Compares a `Release` with what the same address gave before.
fn compare(release: &Release, before: &Memory, url: &str, memory: &Path, warnings: &mut Vec<Warning>) -> Result<(), Error> {
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
}
