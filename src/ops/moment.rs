//! Which state of the repositories is read: what there is now, what there was at a moment, or what is old enough.

use super::git::Git;
use super::{Error, Session, network, steering};
use crate::manifest::{Manifest, Repo};
use crate::pkg::{RepoSteering, SnapshotTemplate};
use crate::repo::{self, KeyRing, Mirrors, Seen, Url};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Which state of the repositories is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// What they have now.
    #[default]
    Now,
    /// What they had then, by their snapshots.
    At(Timestamp),
    /// What they had so long ago and, of suites with security updates, what they have now.
    Aged(Duration),
}

/// The sources of a manifest's repositories; directories of package files are none.
///
/// With [`Moment::Aged`] a suite that is read as it was comes a second time as it is now: what is pinned already stays
/// to be had, however young it is.
///
/// # Errors
/// [`Error::NoSnapshot`] if the moment is a past one and a repository says nothing about its past. Where only an age is
/// asked for, that is a warning.
pub fn sources(session: &mut Session<'_>, manifest: &Manifest, moment: Moment) -> Result<Vec<repo::Source>, Error> {
    let mirrors = network::mirrors(session)?;
    let now = Timestamp::try_from(session.now).unwrap_or(Timestamp::MAX);
    let mut sources = vec![];
    for (name, described) in manifest.repos.iter().filter(|(_, described)| described.directory.is_none()) {
        let current = repo::Source {
            name: name.clone(),
            steering: described.steering.clone(),
            bases: vec![],
            keys: KeyRing::load(&steering::key_sources(&session.project, &described.keys)).map_err(repo::Error::from)?,
            at: None,
            expected: described.expected.clone(),
            recorded: seen(session, &manifest.name, name),
        };
        let template = template(&mirrors, described);
        let base = |at| snapshot_base(template, at);
        match moment {
            Moment::Now => sources.push(repo::Source { bases: network::addresses(&mirrors, described)?, ..current }),
            Moment::At(at) if at > now => return Err(Error::Ahead { moment: at }),
            Moment::At(at) => {
                let base = base(at).ok_or_else(|| no_snapshot(described))?;
                sources.push(repo::Source { bases: vec![base], at: Some(at), ..current });
            }
            Moment::Aged(age) => {
                let at = aged(now, age);
                let suites = described.steering.suites.iter();
                let aging: Vec<String> = suites.filter(|suite| !is_fresh(&described.steering, suite)).cloned().collect();
                let bases = network::addresses(&mirrors, described)?;
                match base(at) {
                    Some(past) if !aging.is_empty() => {
                        let steering = RepoSteering { suites: aging, ..described.steering.clone() };
                        sources.push(repo::Source { steering, bases: vec![past], at: Some(at), ..current.clone() });
                    }
                    None if !aging.is_empty() => session.talk.warn(&format!(
                        "repository `{name}` has no `snapshot`, so packages come from its suites {} however young they are",
                        aging.iter().map(|suite| format!("`{suite}`")).collect::<Vec<_>>().join(", "),
                    )),
                    _ => {}
                }
                sources.push(repo::Source { bases, ..current });
            }
        }
    }
    Ok(sources)
}

/// Where a repository's packages lie: where it lies now and, if its lockfile was last made here from a past state of it, in
/// that state.
pub fn places(session: &Session<'_>, mirrors: &Mirrors, manifest: &Manifest, described: &Repo) -> Result<Vec<Url>, Error> {
    let mut places = network::addresses(mirrors, described)?;
    let template = template(mirrors, described);
    for at in recorded(session, &manifest.name, &described.name) {
        places.extend(snapshot_base(template, at).filter(|url| !places.contains(url)));
    }
    Ok(places)
}

/// Where packages lie that a repository may have no more: where it lies now, then in its states when the lockfile was last
/// made here, when it was committed, and now. A mirror that went back or lost a package has not taken those along.
pub fn former_places(session: &Session<'_>, mirrors: &Mirrors, manifest: &Manifest, described: &Repo) -> Result<Vec<Url>, Error> {
    let mut places = places(session, mirrors, manifest, described)?;
    let template = template(mirrors, described);
    let now = Timestamp::try_from(session.now).ok().map(|now| aged(now, Duration::ZERO));
    if template.is_none() {
        return Ok(places);
    }
    let committed = committed(session, &manifest.name);
    for at in dates(session, &manifest.name, &described.name).into_iter().rev().chain(committed).chain(now) {
        places.extend(snapshot_base(template, at).filter(|url| !places.contains(url)));
    }
    Ok(places)
}

/// When the lockfile was committed: it was made from what there was shortly before. Without git, nobody knows.
fn committed(session: &Session<'_>, manifest: &str) -> Option<Timestamp> {
    let git = Git::find(session.project.root()).ok()??.without_network();
    Timestamp::from_second(git.time_of(&session.project.lockfile(manifest)).ok()??).ok()
}

/// What the repository's files said of their time when the lockfile was last made here.
fn dates(session: &Session<'_>, manifest: &str, repo: &str) -> BTreeSet<Timestamp> {
    rows(session, manifest, repo).iter().filter_map(|row| row["date"].as_str()?.parse().ok()).collect()
}

/// The moments at which a repository was read when the lockfile was last made here. No record, or one that cannot be read, is
/// none: it only helps to find what mirrors have no more.
fn recorded(session: &Session<'_>, manifest: &str, repo: &str) -> BTreeSet<Timestamp> {
    rows(session, manifest, repo).iter().filter_map(|row| row["at"].as_str()?.parse().ok()).collect()
}

fn rows(session: &Session<'_>, manifest: &str, repo: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(session.project.indexes_record(manifest)).unwrap_or_default();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    rows.into_iter().filter(|row| row["repo"] == repo).collect()
}

/// Whether a suite's packages need not age.
pub fn is_fresh(steering: &RepoSteering, suite: &str) -> bool {
    steering.is_security() || RepoSteering::is_security_suite(suite)
}

/// The dates of a repository's suites when the lockfile was last made here; those of past states say nothing of today's.
fn seen(session: &Session<'_>, manifest: &str, repo: &str) -> BTreeMap<String, Seen> {
    let path = session.project.indexes_record(manifest);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    let of = |row: &serde_json::Value| {
        let text = |key: &str| row[key].as_str().map(str::to_owned);
        Some((text("suite")?, Seen { url: text("url")?, date: text("date")?.parse().ok()?, path: path.clone() }))
    };
    rows.iter().filter(|row| row["repo"] == repo && row["at"].is_null()).filter_map(of).collect()
}

/// So long ago, at a full hour: runs of one hour read one state, which snapshot archives may keep at hand.
fn aged(now: Timestamp, age: Duration) -> Timestamp {
    let seconds = now.as_second().saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    Timestamp::from_second(seconds.saturating_sub(seconds.rem_euclid(60 * 60))).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Where past states of a repository lie: as the manifest says, else as the settings say of its archive.
fn template<'a>(mirrors: &'a Mirrors, described: &'a Repo) -> Option<&'a SnapshotTemplate> {
    let of_archive = || mirrors.snapshot(described.steering.archive.as_deref()?);
    described.snapshot.as_ref().or_else(of_archive)
}

/// The base URL of a repository's state at a moment.
pub fn snapshot_base(template: Option<&SnapshotTemplate>, at: Timestamp) -> Option<Url> {
    Some(Url::parse(&template?.at(at)).expect("a template was tried as a URL when it was read"))
}

fn no_snapshot(described: &Repo) -> Error {
    Error::NoSnapshot { repo: described.name.clone(), archive: described.steering.archive.clone() }
}
