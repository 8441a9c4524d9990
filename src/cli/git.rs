//! `pintree util git-merge`, `git-diff` and `git-text`: what git runs for lockfiles.

use super::Exit;
use super::args::{GitMerge, Global};
use super::failure;
use super::ui::Ui;
use crate::diff::{self, Facts, Report};
use crate::lock::{self, Lockfile};
use crate::ops::git::merge_text;
use crate::ops::merge::{self, Texts};
use crate::ops::{self, Error, Project, blame};
use std::ffi::OsString;
use std::path::Path;

/// Merges lockfiles; where that does not work, leaves a conflict in the text as git would, and says why.
pub fn merge(global: &Global, args: &GitMerge, ui: &mut Ui) -> Result<Exit, Error> {
    match solved(global, args, ui) {
        Ok(lockfile) => {
            let write = |source| Error::Io { doing: "write", path: args.ours.clone(), source };
            std::fs::write(&args.ours, lockfile.render()).map_err(write)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            ui.warn(&format!("cannot merge `{}` by solving", args.path.display()));
            let mut hints = vec!["merge the manifest, then run `pintree lock --resolve-conflicts`".to_owned()];
            // Hints of other verbs would lead away from the merge.
            hints.extend(blame::hints(&error).into_iter().filter(|_| matches!(error, Error::Unsolvable { .. })));
            ui.error(&error, &hints);
            merge_text(&args.ours, &args.base, &args.theirs)?;
            Ok(Exit::Findings)
        }
    }
}

fn solved(global: &Global, args: &GitMerge, ui: &mut Ui) -> Result<Lockfile, Error> {
    let (name, project) = place(&args.path)?;
    let texts =
        Texts { base: Some(lock::read_text(&args.base)?), ours: lock::read_text(&args.ours)?, theirs: lock::read_text(&args.theirs)? };
    let mut session = super::session(global, ui);
    session.project = project;
    merge::merge(&session, &name, &texts)
}

/// Shows how two states of a lockfile differ. A failure would end git's whole output, so there is none.
pub fn diff(global: &Global, arguments: &[OsString], ui: &mut Ui) {
    let argument = |at: usize| arguments.get(at).map(Path::new);
    let path = argument(0).unwrap_or(Path::new(""));
    let body = match (argument(1), argument(4)) {
        (Some(old), Some(new)) => match compared(global, path, old, new, ui) {
            Ok(report) if report.is_empty() => "no pin differs\n".to_owned(),
            Ok(report) => super::diff::text(&report, ui),
            Err(error) => format!("{}\n", failure::plain(&error)),
        },
        // What is in conflict comes with its path alone.
        _ => "in conflict\n".to_owned(),
    };
    ui.result(&format!("lockfile {}\n{body}", path.display()));
}

fn compared(global: &Global, path: &Path, old: &Path, new: &Path, ui: &mut Ui) -> Result<Report, Error> {
    let load = |path: &Path| if path == Path::new("/dev/null") { Ok(None) } else { Lockfile::load(path).map(Some) };
    let (name, project) = place(path)?;
    let (old, new) = (load(old)?, load(new)?);
    let Some(new) = new else {
        return Ok(Report { comparisons: vec![diff::compare(&name, old.as_ref(), None, &Facts::default())], ..Report::default() });
    };
    let mut session = super::session(global, ui);
    (session.project, session.offline) = (project, true);
    ops::diff::lockfiles(&mut session, &name, old.as_ref(), &new)
}

/// The manifest's name and the project of `DIRECTORY/lockfiles/NAME.lock`, seen from the top of the work tree, where git
/// runs its drivers.
fn place(path: &Path) -> Result<(String, Project), Error> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let name = path.file_stem().and_then(|name| name.to_str()).filter(|_| directory.file_name().is_some_and(|last| last == "lockfiles"));
    let name = name.ok_or_else(|| Error::NoManifests { directory: directory.to_owned() })?;
    Ok((name.to_owned(), Project::new(directory.parent().unwrap_or(Path::new("")))))
}

/// Shows a lockfile without what people do not read; what is none is shown as it is.
pub fn text(path: &Path, ui: &mut Ui) -> Result<(), Error> {
    let text = lock::read_text(path)?;
    match Lockfile::parse(&text) {
        Ok(lockfile) => ui.result(&lockfile.outline()),
        Err(_) => ui.result(&text),
    }
    Ok(())
}
