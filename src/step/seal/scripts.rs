//! The user's own scripts: run in the sandbox over the configured tree with its overlays and settings.

use super::error::Error;
use super::root::{Root, join};
use super::{Arguments, hex, located};
use crate::sandbox::{self, Command, Ended, Sandbox};
use crate::step::layer::{self, Workspace};
use crate::step::log::Log;
use crate::store::{Checksum, DirTree, Repo, Tree};
use sha2::Digest as _;
use std::collections::BTreeSet;
use std::path::Path;

/// Where a script stands while it runs; nothing of it stays.
const PLACE: &str = ".pintree";

/// The largest script that is read: compiled ones are below this.
const MAX_SCRIPT: u64 = 64 << 20;

/// How a script is called in logs and in the commit's list; packages have an architecture in the place of the first word.
pub(super) fn title(path: &Path) -> String {
    format!("image {}", path.display())
}

/// Runs all scripts, and gives the digest of what they are.
pub(super) fn run(root: &mut Root<'_>, meta: Checksum, arguments: &Arguments) -> Result<String, Error> {
    let mut digest = sha2::Sha256::new();
    let mut scripts = Vec::new();
    for path in &arguments.scripts {
        let content = located(&arguments.bounds, path)?.read(MAX_SCRIPT)?;
        if !content.starts_with(b"#!") && !content.starts_with(b"\x7fELF") {
            return Err(Error::NoProgram { path: path.clone() });
        }
        digest.update(format!("script\0{}\0", content.len()));
        digest.update(&content);
        scripts.push((path.as_path(), content));
    }
    if !scripts.is_empty() {
        execute(root, meta, arguments, &scripts)?;
    }
    Ok(hex(digest))
}

fn execute(root: &mut Root<'_>, meta: Checksum, arguments: &Arguments, scripts: &[(&Path, Vec<u8>)]) -> Result<(), Error> {
    let repo = root.repo;
    let architectures = std::iter::once(&arguments.architecture).chain(&arguments.foreign).cloned().collect();
    let sandbox = Sandbox::enter(&sandbox::Options { architectures, ownership: None })?;
    let before = root.tree.write(repo)?;
    let mut log = Log::create(&arguments.log).map_err(Error::io("create", &arguments.log))?;
    let mut workspace = Workspace::open(repo, &sandbox, &arguments.work, arguments.limits)?;
    let worked = workspace.change((before, meta), |mounted| {
        scripts.iter().try_for_each(|(path, content)| one(&sandbox, mounted, &mut log, arguments, path, content))
    });
    let ((), tree) = worked.map_err(|error| blame(error, scripts, &log))?;
    let after = tree.write(repo)?;
    changed(repo, Some(&before), &after, "", &mut root.added)?;
    root.tree = Tree::read(repo, &after)?;
    Ok(())
}

/// Says which script left too much, by the time at which it was left.
fn blame(error: Error, scripts: &[(&Path, Vec<u8>)], log: &Log) -> Error {
    match error {
        Error::Layer(layer::Error::Sandbox(sandbox::Error::Excess { excess, changed })) => {
            let script = log.running_at(changed).and_then(|running| scripts.iter().find(|(path, _)| title(path) == running));
            match script {
                Some((path, _)) => Error::Script {
                    path: path.to_path_buf(),
                    ended: Ended::Exceeded(excess),
                    output: String::new(),
                    log: log.path().to_owned(),
                },
                None => Error::Layer(layer::Error::Sandbox(sandbox::Error::Excess { excess, changed })),
            }
        }
        error => error,
    }
}

fn one(sandbox: &Sandbox, mounted: &sandbox::Root, log: &mut Log, arguments: &Arguments, path: &Path, content: &[u8]) -> Result<(), Error> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let file = format!("{PLACE}/{name}");
    mounted.make_directory(PLACE, 0o755)?;
    mounted.write(&file, content, 0o555)?;
    let epoch = arguments.epoch.to_string();
    let command = Command {
        program: &format!("/{file}"),
        arguments: &[],
        environment: &[
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("LC_ALL", "C.UTF-8"),
            ("SOURCE_DATE_EPOCH", &epoch),
            ("PINTREE_IMAGE", &arguments.image),
            ("PINTREE_ARCH", arguments.architecture.deb_name()),
            // Tables of these languages come in another order each time otherwise.
            ("PERL_HASH_SEED", "0"),
            ("PYTHONHASHSEED", "0"),
        ],
        directory: "/",
        input: None,
        limits: arguments.limits,
    };
    let ended = log.run::<Error>(&title(path), sandbox, mounted, &command)?;
    mounted.remove(&file)?;
    mounted.remove(PLACE)?;
    if ended == Ended::Exit(0) {
        return Ok(());
    }
    log.refuse_full(&ended)?;
    Err(Error::Script { path: path.to_owned(), ended, output: log.tail(), log: log.path().to_owned() })
}

/// Notes files that `after` has otherwise than `before`; directories that are the same are not read.
fn changed(repo: &Repo, before: Option<&Checksum>, after: &Checksum, path: &str, found: &mut BTreeSet<String>) -> Result<(), Error> {
    if before == Some(after) {
        return Ok(());
    }
    let old = before.map_or_else(|| Ok(DirTree::default()), |before| repo.read_dirtree(before))?;
    let new = repo.read_dirtree(after)?;
    found.extend(new.files.iter().filter(|file| !old.files.contains(file)).map(|(name, _)| join(path, name)));
    for (name, tree, _) in &new.dirs {
        let was = old.dirs.iter().find(|(known, _, _)| known == name).map(|(_, tree, _)| tree);
        changed(repo, was, tree, &join(path, name), found)?;
    }
    Ok(())
}
