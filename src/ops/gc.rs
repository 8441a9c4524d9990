//! `pintree gc`: drop what no lockfile of the project names.

use super::{Error, Session, leftovers};
use crate::lock::Lockfile;
use crate::repo::Cache;
use crate::store::{Collected, RefName, Repo};
use crate::util::place;
use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// What may go.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Drop nothing.
    pub dry_run: bool,
    /// Drop only what was not written or used for so long.
    pub older_than: Option<Duration>,
}

/// What went, or would go.
#[derive(Debug)]
pub struct Report {
    /// How many lockfiles say what stays.
    pub lockfiles: usize,
    /// Refs that went, sorted.
    pub refs: Vec<RefName>,
    /// Scratch, logs and remembered state of images that no lockfile names, which went.
    pub files: Vec<PathBuf>,
    /// What went of the store.
    pub store: Collected,
    /// Bytes of cached indexes that went.
    pub cache: u64,
}

/// Cached indexes that nothing has used for so long go.
const CACHE_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Collects garbage in the project's store and in the cache.
///
/// # Errors
/// A lockfile that cannot be read ends it before anything is dropped: what it names is not known.
pub fn gc(session: &mut Session<'_>, options: &Options) -> Result<Report, Error> {
    // Without manifests this is no project, and everything would go.
    session.project.manifests()?;
    let named = Named::load(session)?;
    let mut report = Report { lockfiles: named.lockfiles, refs: vec![], files: vec![], store: Collected::default(), cache: 0 };
    let (path, generated) = (session.project.store(), session.project.generated());
    if path.join("config").exists() {
        let _guard = refuse_beside_build(session)?;
        let now = session.now;
        let is_fresh = |used| options.older_than.is_some_and(|age| !now.duration_since(used).is_ok_and(|unused| unused > age));
        // What another import format made no build reads, however lately it did.
        let keep = |name: &RefName, state: crate::store::RefState| !name.is_of_other_import() && (is_fresh(state.used) || named.has(name));
        let logs = leftovers::stage_logs(&generated, &named.stages)?;
        for file in leftovers::unnamed(&generated, &named.files)?.into_iter().chain(logs) {
            if !is_fresh(leftovers::written(&file)?) {
                report.files.push(file);
            }
        }
        let repo = Repo::open(&path)?;
        (report.store, report.refs) = repo.measure_garbage(keep)?;
        drop(repo);
        if !options.dry_run {
            report.files = remove(session, report.files);
            report.store = Repo::collect_garbage(&path, keep)?;
        }
    }
    let cache = Cache::new(&session.cache);
    let age = options.older_than.unwrap_or(CACHE_AGE);
    report.cache = match options.dry_run {
        true => cache.unused(age, session.now)?.iter().map(|(_, size)| size).sum(),
        false => cache.prune(age, session.now)?,
    };
    Ok(report)
}

/// Everything that the project's lockfiles name.
#[derive(Default)]
struct Named {
    lockfiles: usize,
    packages: HashSet<RefName>,
    /// The refs of each image and architecture without their last component, the stage.
    images: HashSet<String>,
    /// How names of files of each image and architecture begin.
    files: HashSet<String>,
    /// Checkpoints of scripts that the images of [`Named::files`] use.
    stages: HashSet<RefName>,
}

impl Named {
    fn load(session: &Session<'_>) -> Result<Self, Error> {
        let mut named = Self::default();
        let directory = session.project.lockfile("").with_file_name("");
        let read = |source| Error::Io { doing: "read the directory", path: directory.clone(), source };
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(named),
            other => other.map_err(read)?,
        };
        for entry in entries {
            let path = entry.map_err(read)?.path();
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.extension().is_some_and(|e| e == "lock"))
            else {
                continue;
            };
            let lockfile = Lockfile::load(&path)?;
            named.lockfiles += 1;
            named.packages.extend(lockfile.cells().iter().map(|pin| RefName::deb(&pin.sha256)));
            for (image, part) in lockfile.images() {
                for arch in &part.arches {
                    named.images.insert(without_stage(&RefName::image(name, image, arch, "composed")).to_owned());
                    named.files.insert(leftovers::image_name(name, image, arch));
                }
            }
        }
        named.stages = leftovers::stages_in_use(&session.project.generated(), &named.files)?;
        Ok(named)
    }

    fn has(&self, name: &RefName) -> bool {
        self.packages.contains(name) || self.stages.contains(name) || self.images.contains(without_stage(name))
    }
}

/// Removes files; gives those that are gone. One that resists, such as scratch with other people's files, stops nothing.
fn remove(session: &mut Session<'_>, files: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut gone = vec![];
    let generated = session.project.generated();
    for file in files {
        let is_site = file.parent() == Some(&generated);
        match if is_site { leftovers::discard(&file) } else { leftovers::remove(&file) } {
            Ok(()) => gone.push(file),
            Err(error) => session.talk.warn(&format!("cannot remove `{}`: {error}", file.display())),
        }
    }
    gone
}

fn without_stage(name: &RefName) -> &str {
    name.as_str().rsplit_once('/').map_or("", |(image, _)| image)
}

/// Holds off builds of this directory; an error while one runs.
fn refuse_beside_build(session: &Session<'_>) -> Result<File, Error> {
    let directory = session.project.generated();
    let path = directory.join("lock");
    let file = place::lock_file(&path).map_err(|source| Error::Io { doing: "create", path, source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Busy { directory }),
    }
}
