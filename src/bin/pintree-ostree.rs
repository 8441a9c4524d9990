//! What needs libostree itself: its judgement of a repository, checkouts, history.
//!
//! A binary of its own, because loading libostree costs more than an import step may spend. It lies beside `pintree`
//! and is found there.

use clap::{Parser, Subcommand};
use ostree::gio;
use ostree::glib;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

const NONE: Option<&gio::Cancellable> = None;

/// Exit code for stored bytes that are not what they should be.
const INTEGRITY: u8 = 5;

/// Exit code for everything else.
const OTHER: u8 = 8;

/// Works on an OSTree repository through libostree.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The repository.
    #[arg(long, default_value = "_build/ostree")]
    repo: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks every object that a ref reaches.
    Fsck {
        /// Only these refs or commits.
        refs: Vec<String>,
    },
    /// Writes the tree of a ref or commit to a new directory.
    Checkout {
        /// The ref or commit.
        commit: String,
        /// The directory to make.
        directory: PathBuf,
        /// Leave owners and set-id bits out, so that no privilege is needed.
        #[arg(short = 'U', long)]
        user_mode: bool,
        /// Share files with the repository; whoever writes to them damages it.
        #[arg(short = 'H', long, requires = "user_mode")]
        hardlinks: bool,
    },
    /// Lists a ref's commits, latest first.
    Log {
        /// The ref or commit.
        commit: String,
    },
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot {doing} `{what}`")]
    Ostree { doing: &'static str, what: String, source: glib::Error },
    #[error("object `{object}` of `{commit}` is damaged or missing")]
    Object { object: String, commit: String, source: glib::Error },
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has seen enough.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: {error}\n");
            if let Some(source) = std::error::Error::source(&error) {
                text.push_str(&format!("  caused by: {source}\n"));
            }
            // With stderr gone there is nobody left to tell.
            let _gone = std::io::stderr().lock().write_all(text.as_bytes());
            ExitCode::from(if matches!(error, Error::Object { .. }) { INTEGRITY } else { OTHER })
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Error> {
    let repo = ostree::Repo::new_for_path(&arguments.repo);
    repo.open(NONE).map_err(failed("open repository", &arguments.repo.display().to_string()))?;
    match &arguments.command {
        Command::Fsck { refs } => fsck(&repo, refs),
        Command::Checkout { commit, directory, user_mode, hardlinks } => {
            let options = ostree::RepoCheckoutAtOptions {
                mode: if *user_mode { ostree::RepoCheckoutMode::User } else { ostree::RepoCheckoutMode::None },
                force_copy: !hardlinks,
                no_copy_fallback: *hardlinks,
                ..Default::default()
            };
            let resolved = resolve(&repo, commit)?;
            // AT_FDCWD: relative to where the caller stands.
            let here = -100;
            repo.checkout_at(Some(&options), here, directory, &resolved, NONE).map_err(failed("check out", commit))
        }
        Command::Log { commit } => log(&repo, commit),
    }
}

fn failed(doing: &'static str, what: &str) -> impl FnOnce(glib::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Ostree { doing, what, source }
}

fn resolve(repo: &ostree::Repo, name: &str) -> Result<String, Error> {
    let commit = repo.resolve_rev(name, false).map_err(failed("resolve", name))?;
    Ok(commit.map(|commit| commit.to_string()).unwrap_or_default())
}

fn fsck(repo: &ostree::Repo, refs: &[String]) -> Result<(), Error> {
    let mut names = refs.to_vec();
    if names.is_empty() {
        names = repo.list_refs(None, NONE).map_err(failed("list", "refs"))?.into_keys().collect();
        names.sort();
    }
    let mut seen = std::collections::HashSet::new();
    for name in &names {
        let commit = resolve(repo, name)?;
        let objects = repo.traverse_commit(&commit, 0, NONE);
        let objects = objects.map_err(|source| Error::Object { object: commit.clone(), commit: name.clone(), source })?;
        for object in objects {
            if seen.insert(format!("{object}")) {
                let check = repo.fsck_object(object.object_type(), object.checksum(), NONE);
                check.map_err(|source| Error::Object { object: format!("{object}"), commit: name.clone(), source })?;
            }
        }
    }
    writeln!(std::io::stdout().lock(), "{} refs, {} objects, no damage", names.len(), seen.len())?;
    Ok(())
}

fn log(repo: &ostree::Repo, name: &str) -> Result<(), Error> {
    let mut next = Some(resolve(repo, name)?);
    let mut out = std::io::stdout().lock();
    while let Some(commit) = next {
        let (variant, _) = repo.load_commit(&commit).map_err(failed("read commit", &commit))?;
        let subject = variant.child_value(3).str().unwrap_or_default().to_owned();
        writeln!(out, "{commit} {} {subject}", ostree::commit_get_timestamp(&variant))?;
        // A parent that was not pulled ends the history that is here.
        let parent = ostree::commit_get_parent(&variant).map(|parent| parent.to_string());
        next = parent.filter(|parent| repo.has_object(ostree::ObjectType::Commit, parent, NONE).unwrap_or(false));
    }
    Ok(())
}
