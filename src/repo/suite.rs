//! One suite's `Release`: fetched or remembered, verified, and compared with what was there before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::Url;

use super::address::{join, shown};
use super::cache::{Cache, Memory, Raw};
use super::deb::Source;
use super::transport::{Answer, Client, Limit, Validators};
use super::{Error, ErrorKind, Warning, openpgp};
use crate::index::release::{self, Release};
use crate::pkg::{Sha256, Trust};

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

/// A suite's verified `Release`, and where it came from.
pub(super) struct State {
    pub base: Url,
    pub directory: Url,
    pub release: Arc<Release>,
    /// `None` where there is no `Release`.
    pub sha256: Option<Sha256>,
    pub signers: Vec<String>,
    pub memory: Memory,
    pub memory_path: PathBuf,
    pub warnings: Vec<Warning>,
}

impl Suite<'_> {
    pub(super) fn is_flat(&self) -> bool {
        self.name.ends_with('/')
    }

    pub(super) fn directory(&self, base: &Url) -> Url {
        if self.is_flat() { join(base, self.name) } else { join(base, &format!("dists/{}", self.name)) }
    }

    fn trusts_anybody(&self) -> bool {
        self.source.steering.trust == Trust::None
    }

    /// Gets the `Release` from the first address that has a good one.
    pub(super) fn state(&self) -> Result<State, Error> {
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

    #[test]
    fn hexadecimal_comes_back() {
        assert_eq!(from_hex("00ff10"), [0, 255, 16]);
        assert!(from_hex("zz").is_empty());
    }
}
