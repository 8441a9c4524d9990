//! What the user can do about a failure.

use super::Class;
use crate::ops::Error;
use crate::step::{Error as StepError, compose, configure, import, layer, seal};
use crate::util::bounds::Stray;
use crate::{repo, sandbox};
use std::path::Path;

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
        Error::Trial { class: Class::Host | Class::Network | Class::Integrity, .. } => {
            one("no package is to blame, and nothing was written; run it again when that is mended")
        }
        Error::StepDied { .. } => one("perhaps memory ran out; what was imported is kept: run `pintree build` again"),
        Error::Ninja(crate::ninja::Error::Start(_)) => one("install it: `apt-get install ninja-build`"),
        Error::Git { source: crate::util::command::Error::Start { .. }, .. } => one("install it: `apt-get install git`"),
        Error::NotInCommit { .. } => one("commit it (`git add --force`), or move it out of what the manifest names"),
        Error::NoLfsFile { .. } => one("run `git lfs fetch --all`"),
        Error::NoSubmodule { path, .. } => vec![format!("run `git submodule update --init {}`", path.display())],
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

/// What the user can do about a step's failure.
pub fn of_step(error: &StepError) -> Vec<String> {
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
