//! What this host has and lacks for sandboxes, found by trying.

use super::error::{Error, Lack};
use super::{Layers, Limits, Options, Ownership, Sandbox, apart, enter, processes, shift};
use crate::pkg::Architecture;
use std::path::Path;

/// The outcome of one check of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub text: String,
    /// What mends it; empty if there is nothing to mend.
    pub mend: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth knowing; builds work all the same.
    Note,
    /// Builds will not work.
    Missing,
}

/// Separates fields of a child's answer; no message has it.
const FIELD: char = '\u{1f}';

/// Tries what sandboxes for these architectures need. `directory` is one where builds write, and is left as it was.
pub fn survey(architectures: &[Architecture], directory: &Path) -> Vec<Finding> {
    let (namespaces, ownership) = namespaces();
    let mut found = vec![namespaces];
    let Some(ownership) = ownership else { return found };
    found.push(proc());
    found.push(owners(ownership));
    found.extend(root_in_scripts());
    found.push(overlay(directory));
    found.extend(architectures.iter().map(emulation));
    found
}

impl Finding {
    /// Puts an outcome together.
    pub fn new(subject: &str, state: State, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), state, text: text.into(), mend: mend.into() }
    }
}

/// Does `work` in a child that enters a sandbox; gives its text, or what was lacking.
fn tried(options: &Options, work: impl FnOnce(&Sandbox) -> Result<String, Error>) -> Result<String, (String, String)> {
    let answer = apart(|| match Sandbox::enter(options).and_then(|sandbox| work(&sandbox)) {
        Ok(text) => text,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            format!("{FIELD}{text}{FIELD}{}", error.hint().unwrap_or_default())
        }
    });
    let answer = answer.map_err(|error| (error.to_string(), String::new()))?;
    match answer.strip_prefix(FIELD) {
        Some(failure) => {
            let (text, mend) = failure.split_once(FIELD).unwrap_or((failure, ""));
            Err((text.to_owned(), mend.to_owned()))
        }
        None => Ok(answer),
    }
}

fn namespaces() -> (Finding, Option<Ownership>) {
    let subject = "namespaces";
    match tried(&Options::default(), |sandbox| Ok(sandbox.ownership().to_string())) {
        Ok(text) => (Finding::new(subject, State::Ok, "can be made", ""), Ownership::parse(&text)),
        Err((text, mend)) => (Finding::new(subject, State::Missing, text, mend), None),
    }
}

/// Tells what keeps every program of a sandbox from getting a `/proc` here, if something does. Steps find it only after packages have
/// been downloaded.
pub fn lacks_proc() -> Option<Lack> {
    match tried(&Options::default(), |sandbox| sandbox.try_processes().map(|()| String::new())) {
        Err((text, mend)) => Some(Lack::new(text, mend)).filter(processes::is_lacking),
        Ok(_) => None,
    }
}

fn proc() -> Finding {
    let subject = "/proc";
    match lacks_proc() {
        None => Finding::new(subject, State::Ok, "each program gets its own", ""),
        Some(lack) => Finding::new(subject, State::Missing, lack.what, lack.mend),
    }
}

/// Whose id root in a script has, where the caller is root too.
fn root_in_scripts() -> Option<Finding> {
    let subject = "root in scripts";
    match (rustix::process::geteuid().is_root(), shift::is_host()) {
        (false, _) => None,
        (true, true) => Some(Finding::new(subject, State::Ok, "has an id that nobody has on this host", "")),
        (true, false) => {
            let text = "is root of this container, whose ids are too few for another one: masks and forbidden calls alone keep them apart";
            Some(Finding::new(subject, State::Note, text, ""))
        }
    }
}

fn owners(ownership: Ownership) -> Finding {
    let subject = "owners of files";
    match ownership {
        Ownership::Root => Finding::new(subject, State::Ok, "kept as they are, by root", ""),
        Ownership::Subordinate => Finding::new(subject, State::Ok, "kept by subordinate ids", ""),
        Ownership::Recorded => {
            let why = enter::lack_of_subordinate_ids();
            let lack = why.unwrap_or_else(|| Lack::new("the subordinate ids cannot be used", "apt-get install --reinstall uidmap"));
            Finding::new(subject, State::Note, format!("recorded from the calls that set them: {lack}"), lack.mend)
        }
    }
}

fn overlay(directory: &Path) -> Finding {
    let subject = "overlayfs";
    let place = directory.join(format!(".pintree-sandbox-{}", std::process::id()));
    let paths = ["lower", "upper", "work", "merged"].map(|name| place.join(name));
    let outcome = tried(&Options::default(), |sandbox| {
        for path in &paths {
            std::fs::create_dir_all(path).map_err(|error| Error::io("make", path, error))?;
        }
        let [lower, upper, work, merged] = &paths;
        let mounted = sandbox.mount(&Layers { lower, upper, work, merged }, &Limits::default()).and_then(super::Root::unmount);
        let removed = sandbox.remove_all(&place);
        mounted.and(removed).map(|()| String::new())
    });
    match outcome {
        Ok(_) => Finding::new(subject, State::Ok, format!("works in `{}`", directory.display()), ""),
        Err((text, mend)) => Finding::new(subject, State::Missing, text, mend),
    }
}

fn emulation(architecture: &Architecture) -> Finding {
    let subject = format!("programs of {architecture}");
    let options = Options { architectures: vec![architecture.clone()], ownership: None };
    let version = tried(&options, |sandbox| Ok(sandbox.emulators().first().map(|emulator| emulator.version.clone()).unwrap_or_default()));
    match version {
        Ok(version) if version == "native" => Finding::new(&subject, State::Ok, "run natively", ""),
        Ok(version) => Finding::new(&subject, State::Ok, format!("run under {version}"), ""),
        Err((text, mend)) => Finding::new(&subject, State::Missing, text, mend),
    }
}
