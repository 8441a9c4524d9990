//! What a failure means to the user: exit code, hints, and the form for programs.

use super::Exit;
use super::step::{self, StepError};
use super::ui::visible;
use crate::ops::Error;
use crate::repo::{self, ErrorKind};
use crate::sandbox;
use crate::step::{compose, configure, import, layer, seal};
use crate::store;
use crate::util::bounds::Stray;
use serde_json::json;
use std::error::Error as StdError;
use std::path::Path;

/// The exit code of a verb's failure.
pub fn exit(error: &Error) -> Exit {
    match error {
        Error::Exists { .. }
        | Error::Planted { .. }
        | Error::Stray(_)
        | Error::NoManifests { .. }
        | Error::NoImage { .. }
        | Error::AmbiguousImage { .. }
        | Error::NoArchitecture { .. }
        | Error::OneManifest { .. }
        | Error::NotLocked { .. }
        | Error::NoSnapshot { .. }
        | Error::Ahead { .. }
        | Error::UnknownPackage { .. }
        | Error::NotBuilt { .. }
        | Error::Architecture { .. }
        | Error::NoInput { .. }
        | Error::NoRevision { .. }
        | Error::NotInRevision { .. }
        | Error::NoCheckout { .. }
        | Error::NoChanges { .. }
        | Error::CheckedOut { .. }
        | Error::OfflinePush
        | Error::BranchName { .. }
        | Error::Author { .. }
        | Error::NothingToCompare { .. }
        | Error::NotComparable { .. }
        | Error::Starter(_)
        | Error::Manifest(_) => Exit::Usage,
        Error::Clash(_)
        | Error::Foreign { .. }
        | Error::Stale { .. }
        | Error::WouldChange { .. }
        | Error::NotInImage { .. }
        | Error::Unrecorded { .. } => Exit::Findings,
        Error::Unsolvable { .. } | Error::NoContents { .. } => Exit::NoSolution,
        Error::Repo(error) => repo_exit(error),
        Error::Missing { .. } | Error::Gone { .. } | Error::NoFields { .. } | Error::NoLocalFile { .. } => Exit::Network,
        Error::LocalPackage { .. } | Error::LocalFields { .. } | Error::LocalTwice { .. } | Error::LocalChanged { .. } => Exit::Integrity,
        Error::Contents { .. } | Error::Unreadable { .. } => Exit::Integrity,
        Error::Steps { exit, .. } => match exit {
            4 => Exit::Network,
            5 => Exit::Integrity,
            7 => Exit::Host,
            _ => Exit::Step,
        },
        Error::Host { .. } => Exit::Host,
        Error::StepDied { .. } | Error::Unbuildable { .. } => Exit::Step,
        Error::Store(error) if error.is_integrity() => Exit::Integrity,
        Error::Ninja(crate::ninja::Error::Start(_)) | Error::Git { source: crate::util::command::Error::Start { .. }, .. } => Exit::Host,
        Error::Interrupted => Exit::Interrupted,
        _ => Exit::Other,
    }
}

fn repo_exit(error: &repo::Error) -> Exit {
    match error.kind() {
        ErrorKind::Missing | ErrorKind::Network => Exit::Network,
        ErrorKind::Usage => Exit::Usage,
        ErrorKind::Host => Exit::Host,
        ErrorKind::Integrity => Exit::Integrity,
        ErrorKind::Io => Exit::Other,
    }
}

/// What the user can do about it.
pub fn hints(error: &Error) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match error {
        Error::Planted { path, .. } if path.ends_with("_build") => {
            one("remove it; to build on another disk, name the directory in PINTREE_BUILD_DIR too")
        }
        Error::Stray(stray) => stray_hints(stray),
        Error::Planted { .. } => one("remove it: only `pintree` makes files there; if it came with the checkout, look who put it there"),
        Error::NoManifests { .. } => one("run `pintree init`, or name the project directory with `-C`"),
        Error::Stale { .. } | Error::WouldChange { .. } => one("run `pintree lock`, review the change, and commit it"),
        Error::Unrecorded { .. } => one("run `pintree build` without `--locked` (and `CI=true`), review the change, and commit it"),
        Error::Host { source } => vec![source.mend.clone()],
        Error::NotBuilt { .. } => one("run `pintree build`"),
        Error::LocalName { .. } => one("rename it: no `|` and no line break"),
        Error::LocalTwice { .. } => one("remove one of them, or give it a version of its own"),
        Error::LocalChanged { package, .. } => {
            vec![format!("run `pintree lock --upgrade-package {package}` to take it as it is now, or give it a new version")]
        }
        Error::NoLocalFile { .. } => one("make it, with `ninja` where a rule of yours does that, or run `pintree lock` to lock without it"),
        Error::NoFreeId { .. } => one("give some of the names ids above 999 in the manifest's `[ids]`"),
        Error::NoCheckout { .. } => one("run it in a git checkout, or name the project directory with `-C`"),
        Error::Foreign { .. } => one("merge it or delete it; the bot makes a new one, or another one with `--branch`"),
        Error::CheckedOut { .. } => one("switch to another branch, or name one with `--branch`"),
        Error::BranchName { .. } => one("for example `pintree/update`, or `pintree/{date}`"),
        Error::Author { .. } => one("write `NAME <EMAIL>`"),
        Error::Unbuildable { .. } => one("build the base by itself: `pintree build`; then run `pintree lock --upgrade` and see what fails"),
        Error::NoChanges { .. } => one("name an older good revision"),
        Error::Judge { .. } => one("run the same command again to go on where the search was"),
        Error::NotLocked { .. } => one("`--upgrade-package` takes the name of a locked binary or source package"),
        Error::Lock(crate::lock::Error::Load { .. }) => {
            one("where a merge has left marks in it, run `pintree lock --resolve-conflicts`; else take it from version control")
        }
        Error::NoSnapshot { archive: Some(archive), .. } => vec![format!(
            "write `{archive} = \"https://snapshot.example.org/{archive}/{{timestamp}}/\"` into `[snapshot]` of `mirrors.toml`"
        )],
        Error::NoSnapshot { repo, archive: None } => {
            vec![format!("add `snapshot = \"https://snapshot.example.org/{repo}/{{timestamp}}/\"` to `[repo.{repo}]` in the manifest")]
        }
        Error::Unsolvable { source, .. } => source.hints.clone(),
        Error::Gone { .. } => one("`--allow-downgrade` goes back to what the indexes have; or use a mirror that is up to date"),
        Error::Busy { .. } => one("try again when it has ended"),
        Error::NoFields { .. } => one("`pintree build` imports them; where the archive has moved on, `pintree lock --upgrade`"),
        Error::Unreadable { .. } => one("run `pintree verify`"),
        Error::NoContents { .. } => one("ask for the package by name"),
        Error::Repo(error) => error.hint().into_iter().collect(),
        Error::Missing { .. } => one("run `pintree build` once with the network on"),
        Error::Steps { gone, .. } if !gone.is_empty() => {
            one("packages that no mirror has any more: `pintree lock --upgrade` moves on to those that there are; review the change")
        }
        Error::Steps { exit: 4, .. } => one("what was imported is kept; run `pintree build` again"),
        Error::StepDied { .. } => one("perhaps memory ran out; what was imported is kept: run `pintree build` again"),
        Error::Ninja(crate::ninja::Error::Start(_)) => one("install it: `apt-get install ninja-build`"),
        Error::Git { source: crate::util::command::Error::Start { .. }, .. } => one("install it: `apt-get install git`"),
        Error::NotComparable { .. } => one("name a second image: a ref as `build` prints it, or a commit"),
        Error::Exists { .. } => one("move it away, or name another file"),
        _ => vec![],
    }
}

fn stray_hints(stray: &Stray) -> Vec<String> {
    match stray {
        Stray::Outside { target, .. } => {
            vec![format!("copy it into the project, or allow the directory in the manifest: `outside = [\"{}\"]`", directory(target))]
        }
        Stray::Nowhere { .. } => vec!["remove the link, or make what it leads to".to_owned()],
        _ => vec![],
    }
}

/// The directory to allow for what a link leads to.
fn directory(target: &std::path::Path) -> String {
    let directory = if target.is_dir() { Some(target) } else { target.parent() };
    directory.unwrap_or(target).display().to_string()
}

/// A failure for programs, on one line of stdout.
pub fn json(error: &Error) -> String {
    let mut value = json!({"kind": kind(error), "exit": exit(error) as u8, "message": plain(error), "hints": hints(error)});
    if let Error::Unsolvable { manifest, image, source, .. } = error {
        value["manifest"] = json!(manifest);
        value["image"] = json!(image);
        value["arch"] = json!(source.architecture);
        value["causes"] = json!(source.causes);
    }
    super::pretty(&json!({"error": value}))
}

fn kind(error: &Error) -> &'static str {
    match exit(error) {
        Exit::Done => "none",
        Exit::Findings => "findings",
        Exit::Usage => "usage",
        Exit::NoSolution => "unsolvable",
        Exit::Network => "network",
        Exit::Integrity => "integrity",
        Exit::Step => "step",
        Exit::Host => "host",
        Exit::Other => "other",
        Exit::Interrupted => "interrupted",
    }
}

/// The error and its causes as plain text, in the form that [`super::ui::Ui::error`] prints.
pub fn plain(error: &dyn StdError) -> String {
    let mut lines = vec![format!("error: {}", visible(&error.to_string()))];
    let mut last = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if text != last {
            lines.push(format!("  caused by: {}", visible(&text)));
        }
        last = text;
        source = cause.source();
    }
    lines.join("\n")
}

/// The exit code of a step's failure, and whether its package is nowhere to be found any more.
pub fn step(error: &StepError) -> (Exit, bool) {
    match error {
        StepError::Import(error) => (import_exit(error), step::is_gone(error)),
        StepError::Compose(compose) if compose.is_integrity() => (Exit::Integrity, false),
        StepError::Compose(compose::Error::Clashes { .. }) => (Exit::Step, false),
        StepError::Configure(error) => (configure_exit(error), false),
        StepError::Seal(error) => (seal_exit(error), false),
        StepError::Repo(error) => (repo_exit(error), false),
        StepError::DeadNetwork { .. } => (Exit::Network, false),
        StepError::Argument { .. } => (Exit::Usage, false),
        StepError::Sandbox(sandbox::Error::Lack(_)) => (Exit::Host, false),
        StepError::Compose(_) | StepError::Sandbox(_) | StepError::Io { .. } => (Exit::Other, false),
    }
}

fn configure_exit(error: &configure::Error) -> Exit {
    use configure::Error;
    match error {
        Error::Unrecorded { .. } => Exit::Findings,
        Error::Sandbox(sandbox::Error::Lack(_)) | Error::Layer(layer::Error::Sandbox(sandbox::Error::Lack(_))) => Exit::Host,
        Error::Compose(compose) if compose.is_integrity() => Exit::Integrity,
        Error::Sandbox(sandbox) | Error::Layer(layer::Error::Sandbox(sandbox)) if sandbox.is_left() => Exit::Step,
        Error::Store(store::Error::Large { .. })
        | Error::Left { .. }
        | Error::Script { .. }
        | Error::Debconf { .. }
        | Error::NoDebconf
        | Error::TriggerCircle { .. }
        | Error::IdTwice { .. }
        | Error::Layer(layer::Error::Special { .. } | layer::Error::Sandbox(sandbox::Error::Excess { .. })) => Exit::Step,
        _ => Exit::Other,
    }
}

fn seal_exit(error: &seal::Error) -> Exit {
    use seal::Error;
    match error {
        Error::Sandbox(sandbox::Error::Lack(_)) | Error::Layer(layer::Error::Sandbox(sandbox::Error::Lack(_))) => Exit::Host,
        Error::Sandbox(sandbox) | Error::Layer(layer::Error::Sandbox(sandbox)) if sandbox.is_left() => Exit::Step,
        Error::Store(store::Error::Large { .. }) => Exit::Step,
        Error::Store(error) if error.is_integrity() => Exit::Integrity,
        Error::Store(_) | Error::Sandbox(_) | Error::Io { action: "write the log" | "create", .. } => Exit::Other,
        Error::Layer(layer::Error::Special { .. } | layer::Error::Sandbox(sandbox::Error::Excess { .. })) => Exit::Step,
        Error::Layer(_) => Exit::Other,
        // What the manifest or its overlays ask for cannot be done with this tree.
        _ => Exit::Step,
    }
}

fn import_exit(error: &import::Error) -> Exit {
    match error {
        import::Error::Fetch { source, .. } => match source.downcast_ref::<repo::Error>() {
            Some(error) => repo_exit(error),
            None => Exit::Other,
        },
        error if error.is_integrity() => Exit::Integrity,
        _ => Exit::Other,
    }
}

/// What the user can do about a step's failure.
pub fn step_hints(error: &StepError) -> Vec<String> {
    match error {
        StepError::Import(import::Error::Fetch { source, .. }) => {
            source.downcast_ref::<repo::Error>().and_then(repo::Error::hint).into_iter().collect()
        }
        StepError::Import(import::Error::Changed { name, .. }) => {
            vec![format!("run `pintree lock --upgrade-package {name}` to take it as it is now, or give it a new version")]
        }
        StepError::Import(import::Error::Identity { .. }) => {
            vec!["the index and the package disagree: somebody changed one of them; tell whoever keeps the repository".to_owned()]
        }
        StepError::Compose(compose::Error::Relations { .. }) => vec![
            "where the lockfile was not edited, the repository's index and the package disagree about it: tell whoever keeps the \
             repository, or hold another version"
                .to_owned(),
        ],
        StepError::Repo(error) => error.hint().into_iter().collect(),
        StepError::Configure(error) => configure_hints(error),
        StepError::Seal(error) => seal_hints(error),
        _ => vec![],
    }
}

fn configure_hints(error: &configure::Error) -> Vec<String> {
    use configure::Error;
    match error {
        Error::Sandbox(sandbox::Error::Lack(lack)) | Error::Layer(layer::Error::Sandbox(sandbox::Error::Lack(lack))) => {
            vec![lack.mend.clone(), "`pintree doctor` tells what else this host lacks".to_owned()]
        }
        Error::Script { ended, log, .. } => script_hints(ended, log),
        Error::Unrecorded { .. } => vec!["`pintree build` records ids; or give them in the manifest's `[ids]`".to_owned()],
        Error::NoDebconf => vec!["add `debconf` to the image's packages, or remove the manifest's `debconf`".to_owned()],
        _ => vec![],
    }
}

/// What the user can do about a script that failed or took too much.
fn script_hints(ended: &sandbox::Ended, log: &Path) -> Vec<String> {
    let more = match ended {
        sandbox::Ended::Exceeded(excess) => excess.limit(),
        _ => None,
    };
    let more = more.map(|limit| format!("if the script does right to take more, raise `{}` in the manifest's `[limits]`", limit.as_str()));
    more.into_iter().chain([format!("all that the scripts printed is in `{}`", log.display())]).collect()
}

fn seal_hints(error: &seal::Error) -> Vec<String> {
    use seal::{Error, OverlayFault, PermissionsFault};
    let one = |text: &str| vec![text.to_owned()];
    match error {
        Error::Sandbox(sandbox::Error::Lack(lack)) | Error::Layer(layer::Error::Sandbox(sandbox::Error::Lack(lack))) => {
            vec![lack.mend.clone(), "`pintree doctor` tells what else this host lacks".to_owned()]
        }
        Error::Script { ended, log, .. } => script_hints(ended, log),
        Error::NoProgram { .. } => one("begin the script with `#!/bin/sh`"),
        Error::Timezone { installed: false, .. } => one("add `tzdata` to the image's packages"),
        Error::Timezone { .. } => one("zones are named as below `/usr/share/zoneinfo`: `Europe/Berlin`, `Etc/UTC`"),
        Error::Locale { .. } => one("add `locales-all` to the image's packages, or `locales` and an answer in `debconf`"),
        Error::NoSshServer => one("add `openssh-server` to the image's packages"),
        Error::SshInclude => one("put `Include /etc/ssh/sshd_config.d/*.conf` at the top of the overlay's `etc/ssh/sshd_config`"),
        Error::Key { fault: seal::KeyFault::Private, .. } => one("name the file with the public key, which ends in `.pub`"),
        Error::Overlay { fault: OverlayFault::FileOverDirectory { .. } | OverlayFault::DirectoryOverFile { .. }, .. } => {
            one("rename the overlay's file, or remove what is in its way in a script")
        }
        Error::Permissions { fault: PermissionsFault::Missing, .. } => {
            one("only what packages and overlays bring can get an owner and mode")
        }
        Error::Permissions { fault: PermissionsFault::User { .. } | PermissionsFault::Group { .. }, .. } => {
            one("write a number, or add the package that makes the name")
        }
        Error::Findings { .. } => one("mend it with an overlay, `permissions` or a script, or say `\"warn\"` in the image's `checks`"),
        _ => vec![],
    }
}
