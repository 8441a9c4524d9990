//! `pintree log`: which scripts ran for an image, and what they printed.
//!
//! Commits list the scripts, so that is true wherever they came from. What they printed is in the logs of the machine
//! that ran them.

use super::choice::Chosen;
use super::{Choice, Error, Session, leftovers, lock};
use crate::pkg::Architecture;
use crate::plan::Stage;
use crate::step::configure::SCRIPTS;
use crate::store::{Checksum, RefName, Repo, Value};
use std::path::{Path, PathBuf};

/// The scripts of one image for one architecture.
#[derive(Clone, Debug)]
pub struct ImageLog {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// Its architecture.
    pub architecture: Architecture,
    /// The image commit, else the configured one; none if there is none yet.
    pub commit: Option<Checksum>,
    /// The files with what the last run printed, as far as they are there.
    pub files: Vec<PathBuf>,
    /// What ran, in order; then what the log has besides: a script that failed, and debconf.
    pub scripts: Vec<Script>,
}

/// A script that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The package, as `NAME:ARCH`; `debconf` for the answers of the manifest, `image` for its own scripts.
    pub package: String,
    /// The script and its arguments: `postinst configure`; of the manifest's own the path.
    pub call: String,
    /// Whether the commit lists it.
    pub in_commit: bool,
    /// What it printed, where the log is there.
    pub output: Option<Output>,
}

/// What a script printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// All of it.
    pub text: String,
    /// How it ended, and how long it took: `exit status 0, 0.04 s`; empty if it was killed together with its step.
    pub end: String,
}

/// The scripts of an image, one log for each architecture; with `package`, only those of that package (`NAME` or
/// `NAME:ARCH`).
pub fn log(session: &mut Session<'_>, choice: &Choice, package: Option<&str>) -> Result<Vec<ImageLog>, Error> {
    let path = session.project.store();
    let store = if path.join("config").exists() { Some(Repo::open(&path)?) } else { None };
    let mut logs = vec![];
    for Chosen { manifest, images } in choice.load(&session.project)? {
        let lockfile = lock::existing(session, &manifest)?;
        for (image, arches) in &images {
            for architecture in arches {
                // An architecture that the lockfile does not have is an error, as everywhere.
                lockfile.iter_pins(image, architecture).map(drop)?;
                let (commit, listed) = match &store {
                    Some(store) => ran(store, |stage: Stage| RefName::image(&manifest.name, image, architecture, stage.as_str()))?,
                    None => (None, vec![]),
                };
                let name = leftovers::image_name(&manifest.name, image, architecture);
                let mut printed = String::new();
                let mut files = vec![];
                for step in ["configure", "seal"] {
                    let file = session.project.generated().join("logs").join(format!("{name}.{step}.log"));
                    if let Some(text) = read(&file)? {
                        printed.push_str(&text);
                        files.push(file);
                    }
                }
                let mut scripts = join(listed, &printed);
                scripts.retain(|script| package.is_none_or(|package| is_of(script, package)));
                logs.push(ImageLog {
                    manifest: manifest.name.clone(),
                    image: image.clone(),
                    architecture: architecture.clone(),
                    commit,
                    files,
                    scripts,
                });
            }
        }
    }
    Ok(logs)
}

fn is_of(script: &Script, package: &str) -> bool {
    script.package == package || script.package.split_once(':').is_some_and(|(name, _)| name == package)
}

/// The commit that lists the most scripts, and its list. An image commit of an older configured one tells nothing of the
/// scripts that ran since.
fn ran(store: &Repo, reference: impl Fn(Stage) -> RefName) -> Result<(Option<Checksum>, Vec<String>), Error> {
    let (configured, packages) = listed(store, &reference(Stage::Configured))?;
    let (sealed, all) = listed(store, &reference(Stage::Sealed))?;
    Ok(if sealed.is_some() && all.starts_with(&packages) { (sealed, all) } else { (configured, packages) })
}

fn listed(store: &Repo, reference: &RefName) -> Result<(Option<Checksum>, Vec<String>), Error> {
    let Some(commit) = store.read_ref(reference)? else { return Ok((None, vec![])) };
    let scripts = match store.read_commit(&commit)?.metadata.remove(SCRIPTS) {
        Some(Value::Strings(scripts)) => scripts,
        _ => vec![],
    };
    Ok((Some(commit), scripts))
}

fn read(file: &Path) -> Result<Option<String>, Error> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { doing: "read", path: file.to_owned(), source }),
    }
}

/// Puts what the commit lists and what the log has together, in the commit's order.
fn join(listed: Vec<String>, log: &str) -> Vec<Script> {
    let mut sections: Vec<Option<(&str, Output)>> = sections(log).into_iter().map(Some).collect();
    let mut scripts: Vec<Script> = listed
        .iter()
        .map(|title| {
            let section = sections.iter_mut().find(|section| section.as_ref().is_some_and(|(other, _)| other == title));
            script(title, true, section.and_then(Option::take).map(|(_, output)| output))
        })
        .collect();
    scripts.extend(sections.into_iter().flatten().map(|(title, output)| script(title, false, Some(output))));
    scripts
}

fn script(title: &str, in_commit: bool, output: Option<Output>) -> Script {
    let (package, call) = title.split_once(' ').unwrap_or((title, ""));
    Script { package: package.to_owned(), call: call.to_owned(), in_commit, output }
}

/// The parts of a log: each begins with a line `==> TITLE` and ends with a line `<== HOW IT ENDED`.
fn sections(log: &str) -> Vec<(&str, Output)> {
    let mut found: Vec<(&str, Output)> = vec![];
    let mut open = false;
    for line in log.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        match (bare.strip_prefix("==> "), bare.strip_prefix("<== ")) {
            // What a script itself prints may look like a title; only between sections one is meant.
            (Some(title), _) if !open => {
                found.push((title, Output { text: String::new(), end: String::new() }));
                open = true;
            }
            (_, Some(end)) if open && is_end(end) => {
                if let Some((_, output)) = found.last_mut() {
                    output.end = end.to_owned();
                }
                open = false;
            }
            _ => {
                if let Some((_, output)) = found.last_mut().filter(|_| open) {
                    output.text.push_str(line);
                }
            }
        }
    }
    found
}

/// Whether a text is what a step writes at the end: `exit status 0, 0.04 s`.
fn is_end(text: &str) -> bool {
    text.rsplit_once(", ").and_then(|(_, time)| time.strip_suffix(" s")).is_some_and(|seconds| seconds.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "==> debconf set-selections\n<== exit status 0, 0.10 s\n==> a:armhf postinst configure\none\n<== looks like it\n\
                       ==> two\n<== exit status 0, 0.02 s\n==> b:armhf postinst configure\nno end of line\n<== exit status 3, 1.00 s\n\
                       ==> c:armhf postinst configure\nkilled";

    fn lines(scripts: &[Script]) -> String {
        let line = |script: &Script| {
            let output = script.output.as_ref().map(|output| format!("{:?} {}", output.text, output.end)).unwrap_or_default();
            format!("{} {} {} {output}", if script.in_commit { "+" } else { "-" }, script.package, script.call)
        };
        scripts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn finds_what_each_script_printed() {
        let listed = ["a:armhf postinst configure", "z:armhf preinst install"].map(str::to_owned).to_vec();
        insta::assert_snapshot!(lines(&join(listed, LOG)), @r#"
        + a:armhf postinst configure "one\n<== looks like it\n==> two\n" exit status 0, 0.02 s
        + z:armhf preinst install 
        - debconf set-selections "" exit status 0, 0.10 s
        - b:armhf postinst configure "no end of line\n" exit status 3, 1.00 s
        - c:armhf postinst configure "killed" 
        "#);
    }

    #[test]
    fn a_package_is_named_with_or_without_its_architecture() {
        let script = script("libc6:armhf postinst configure", true, None);
        assert!(is_of(&script, "libc6") && is_of(&script, "libc6:armhf"));
        assert!(!is_of(&script, "libc6:amd64") && !is_of(&script, "libc"));
    }
}
