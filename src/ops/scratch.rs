//! The project as a commit has it, in a directory of its own below the generated files, where lockfiles can be tried.
//!
//! Neither the user's work tree nor its index, lockfiles, images or build state are touched. The copy has a store of its
//! own on the same file system: packages are linked from one to the other, so none is fetched or unpacked twice.

use super::blame::Class;
use super::build::{self, Site, create_directory, exclusive};
use super::choice::Chosen;
use super::git::{Absent, Git, Lack};
use super::work::Work;
use super::{Choice, Error, Project, Session, generated, leftovers, local, lock};
use crate::lock::Lockfile;
use crate::manifest::{self, Manifest};
use crate::plan::Stage;
use crate::step::outcome::Outcome;
use crate::store::{RefName, Repo};
use crate::util::place;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Files of the project that a copy needs as they are now: where mirrors lie does not depend on a commit.
const CURRENT: [&str; 1] = ["mirrors.toml"];

/// Lockfiles by the names of their manifests.
pub type Lockfiles = BTreeMap<String, Lockfile>;

/// A copy of the project.
pub struct Scratch {
    /// Everything that this run keeps.
    directory: PathBuf,
    /// The copy.
    project: Project,
    /// The commit that lies there.
    commit: Option<String>,
    _guard: File,
}

/// What to build in it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Which images.
    pub choice: Choice,
    /// How far.
    pub until: Stage,
    /// Steps that may use the processor at once.
    pub jobs: Option<usize>,
}

/// What came of a build.
#[derive(Debug)]
pub enum Tried {
    /// Every image is there.
    Built(build::Report),
    /// A step failed because of what is built.
    Failed(Failure),
    /// Packages are nowhere to be found: not any more, or not yet. The second is what the build ended with.
    Gone(Failure, Error),
    /// It cannot be told: the lockfile does not fit its manifest, or packages are not here and the network is off.
    Unavailable(Failure),
}

/// Why a build failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// In one line.
    pub summary: String,
    /// What the failed steps said, the first one first.
    pub messages: Vec<String>,
    /// The steps that failed.
    pub steps: Vec<String>,
}

impl Scratch {
    /// Takes the directory `name` below the generated files for this run, waiting for another one that has it.
    pub fn open(session: &mut Session<'_>, name: &str) -> Result<Self, Error> {
        let directory = session.project.generated().join(name);
        let guard = loop {
            create_directory(&directory)?;
            let guard = exclusive(session, &directory)?;
            if is_of(&guard, &directory) {
                break guard;
            }
        };
        // Steps of builds in it run longer than this process where it is killed; they have a lock of their own.
        rustix::io::fcntl_setfd(&guard, rustix::io::FdFlags::CLOEXEC).map_err(|errno| Error::Io {
            doing: "lock",
            path: directory.clone(),
            source: errno.into(),
        })?;
        let project = Project::copy(directory.join("project"), session.project.root());
        Ok(Self { directory, project, commit: None, _guard: guard })
    }

    /// The copy.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// A file that stays between runs.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The session of the copy.
    pub fn session<'s>(&self, session: &'s mut Session<'_>) -> Session<'s> {
        Session {
            project: self.project.clone(),
            cache: session.cache.clone(),
            config: session.config.clone(),
            mirrors: session.mirrors.clone(),
            offline: session.offline,
            now: session.now,
            interrupt: session.interrupt,
            talk: &mut *session.talk,
        }
    }

    /// Puts the files of a commit there, in place of those of another one.
    pub fn check_out(&mut self, session: &Session<'_>, git: &Git, commit: &str) -> Result<(), Error> {
        if self.commit.as_deref() == Some(commit) {
            return Ok(());
        }
        self.commit = None;
        let root = self.project.root();
        create_directory(root)?;
        for entry in list(root)? {
            if entry != self.project.generated() {
                leftovers::remove(&entry).map_err(|source| Error::Io { doing: "remove", path: entry, source })?;
            }
        }
        let absent = git.check_out(commit, session.project.root(), root)?;
        // A commit may bring links of its own to where the copy is built.
        self.project.check()?;
        for name in CURRENT {
            let (from, to) = (session.project.root().join(name), root.join(name));
            if from.exists() {
                let copied = std::fs::read(&from).and_then(|text| place::create(&to)?.write_all(&text));
                copied.map_err(|source| Error::Io { doing: "copy", path: from, source })?;
            }
        }
        // What they name is complete only afterwards.
        for path in self.project.manifests()? {
            let manifest = manifest::load(&path)?;
            self.take_packages(&session.project, &manifest)?;
            refuse_uncommitted(&session.project, root, git, commit, &manifest, &absent)?;
        }
        self.commit = Some(commit.to_owned());
        Ok(())
    }

    /// Puts package files there that no commit has: the files themselves, where the user has links.
    fn take_packages(&self, from: &Project, manifest: &Manifest) -> Result<(), Error> {
        let theirs = from.bounds(manifest)?;
        for directory in manifest.repos.values().filter_map(|repo| repo.directory.as_ref()) {
            if !theirs.named(directory).is_dir() {
                continue;
            }
            // A directory that no commit has is made; one that is a link is the directory that it leads to.
            let located = self.project.bounds(manifest)?.locate(directory)?;
            let to = located.map_or_else(|| self.project.root().join(directory), |located| located.real().to_owned());
            create_directory(&to)?;
            for (path, file) in local::files(&theirs, directory)? {
                let (Some(file), Some(name)) = (file, path.file_name()) else { continue };
                let (real, target) = (file.real(), to.join(name));
                if !target.exists() {
                    let taken = std::fs::hard_link(real, &target).or_else(|_| std::fs::copy(real, &target).map(drop));
                    taken.map_err(|source| Error::Io { doing: "copy", path, source })?;
                }
            }
        }
        Ok(())
    }

    /// The manifests that lie there.
    pub fn manifests(&self) -> Result<Vec<Manifest>, Error> {
        self.project.manifests()?.iter().map(|path| self.project.load(path)).collect()
    }

    /// The lockfiles that lie there.
    pub fn lockfiles(&self) -> Result<Lockfiles, Error> {
        let mut lockfiles = Lockfiles::new();
        for manifest in self.manifests()? {
            let path = self.project.lockfile(&manifest.name);
            if path.exists() {
                lockfiles.insert(manifest.name, Lockfile::load(&path)?);
            }
        }
        Ok(lockfiles)
    }

    /// Puts lockfiles there.
    pub fn put(&self, lockfiles: &Lockfiles) -> Result<(), Error> {
        for (name, lockfile) in lockfiles {
            lock::save(lockfile, &self.project.lockfile(name))?;
        }
        Ok(())
    }

    /// Builds what lies there.
    ///
    /// # Errors
    /// What is the fault of neither lockfile nor packages: the network, the host, the user's wish to stop.
    pub fn build(&self, session: &mut Session<'_>, wanted: &Wanted) -> Result<Tried, Error> {
        let own = session.project.store();
        let mut inner = self.session(session);
        for manifest in self.manifests()? {
            let (_, reasons) = lock::check_one(&mut inner, &manifest)?;
            if let Some(reason) = reasons.first() {
                let summary = format!("the lockfile of `{}` does not fit its manifest: {reason}", manifest.name);
                return Ok(Tried::Unavailable(Failure { summary, ..Failure::default() }));
            }
        }
        let lockfiles = self.lockfiles()?;
        self.link(&own, &self.project.store(), &lockfiles)?;
        let options = build::Options {
            choice: wanted.choice.clone(),
            until: wanted.until,
            // The lockfiles fit; only ids may be new.
            locked: false,
            jobs: wanted.jobs,
            archives: None,
        };
        let built = build::build(&mut inner, &options);
        if own.join("config").exists() {
            self.link(&self.project.store(), &own, &lockfiles)?;
        }
        self.judge(built)
    }

    fn judge(&self, built: Result<build::Report, Error>) -> Result<Tried, Error> {
        match built {
            Ok(report) => Ok(Tried::Built(report)),
            Err(Error::Steps { ref gone, class: Class::Network, .. }) if !gone.is_empty() => {
                let failure = self.failure(format!("no mirror has {}", gone[0].trim_start_matches("import ")))?;
                let error = trial(&failure, Class::Network, 4);
                Ok(Tried::Gone(failure, error))
            }
            Err(error @ Error::Steps { class: Class::Package, .. }) => Ok(Tried::Failed(self.failure(error.to_string())?)),
            Err(error @ Error::Steps { .. }) => Err(self.faultless(error)?),
            Err(Error::Missing { missing }) => {
                let summary = format!("{} is not in the store, and the network is off", missing.join(", "));
                Ok(Tried::Unavailable(Failure { summary, ..Failure::default() }))
            }
            Err(error) => Err(error),
        }
    }

    /// A build's failure that is no package's fault, with its cause.
    fn faultless(&self, error: Error) -> Result<Error, Error> {
        let Error::Steps { class, exit, .. } = error else { return Ok(error) };
        Ok(trial(&self.failure(error.to_string())?, class, exit))
    }

    fn failure(&self, summary: String) -> Result<Failure, Error> {
        let path = self.project.generated().join("outcomes");
        let outcomes = Outcome::load(&path).map_err(|source| Error::Io { doing: "read", path, source })?;
        // The gravest first: where the host failed, what else failed says nothing.
        let mut failed: Vec<Outcome> = outcomes.into_iter().filter(|outcome| outcome.exit != 0 && outcome.unrecorded.is_empty()).collect();
        failed.sort_by_key(|outcome| outcome.class.unwrap_or(Class::Program));
        let steps = failed.iter().map(|outcome| outcome.step.clone()).collect();
        Ok(Failure { summary, messages: failed.into_iter().map(|outcome| outcome.message).collect(), steps })
    }

    /// Brings the packages of lockfiles into the store, so that they can be read. What cannot be had is left out: a build says
    /// why, and a reader does without.
    pub fn import_all(&self, session: &mut Session<'_>, sets: &[&Lockfiles]) -> Result<(), Error> {
        for manifest in self.manifests()? {
            for lockfile in sets.iter().filter_map(|lockfiles| lockfiles.get(&manifest.name)) {
                match self.import(session, manifest.clone(), lockfile) {
                    Err(Error::Steps { gone, .. }) if !gone.is_empty() => {}
                    Err(Error::Steps { class: Class::Package, .. } | Error::Missing { .. } | Error::NoLocalFile { .. }) => {}
                    Err(error) => return Err(self.faultless(error)?),
                    Ok(()) => {}
                }
            }
        }
        Ok(())
    }

    fn import(&self, session: &mut Session<'_>, manifest: Manifest, lockfile: &Lockfile) -> Result<(), Error> {
        let own = session.project.store();
        let lockfiles = Lockfiles::from([(manifest.name.clone(), lockfile.clone())]);
        self.link(&own, &self.project.store(), &lockfiles)?;
        // An image that the manifest does not have any more has nothing to plan.
        let known = lockfile.images().iter().filter(|(name, _)| manifest.images.contains_key(*name));
        let images = known.map(|(name, part)| (name.clone(), part.arches.clone())).collect();
        let mut inner = self.session(session);
        let work = Work::of(&inner, vec![(Chosen { manifest, images }, lockfile.clone())]);
        build::import(&mut inner, &work, &Site::of(&self.project))
    }

    /// Takes over packages of lockfiles that one store has and the other does not.
    fn link(&self, from: &Path, to: &Path, lockfiles: &Lockfiles) -> Result<(), Error> {
        if !from.join("config").exists() {
            return Ok(());
        }
        if let Some(parent) = to.parent() {
            generated::make(parent)?;
        }
        let (from, to) = (Repo::open(from)?, Repo::init(to)?);
        let mut packages = vec![];
        for pin in lockfiles.values().flat_map(Lockfile::cells) {
            let name = RefName::deb(&pin.sha256);
            if to.read_ref(&name)?.is_none()
                && let Some((commit, _)) = from.read_package(&name)?
            {
                packages.push((commit, name));
            }
        }
        to.link_commits(&from, packages.iter().map(|(commit, _)| commit))?;
        to.sync()?;
        for (commit, name) in &packages {
            to.write_ref_if_changed(name, commit)?;
        }
        Ok(())
    }

    /// Removes all of it.
    pub fn remove(self) -> Result<(), Error> {
        let path = self.directory.clone();
        leftovers::discard(&path).map_err(|source| Error::Io { doing: "remove", path, source })
    }
}

/// What failed, in one line.
pub fn sentence(failure: &Failure) -> String {
    let first = failure.messages.first().and_then(|message| message.lines().next()).unwrap_or(&failure.summary);
    first.trim_start_matches("error: ").trim_end_matches(':').to_owned()
}

/// What says nothing of the packages that were tried.
fn trial(failure: &Failure, class: Class, exit: u8) -> Error {
    let message = failure.messages.first().unwrap_or(&failure.summary);
    Error::Trial { message: message.trim_start_matches("error: ").to_owned(), class, exit }
}

/// Whether the lock is that of the directory still, and not of one that its owner has removed while others waited for it.
fn is_of(guard: &File, directory: &Path) -> bool {
    let id = |meta: std::io::Result<std::fs::Metadata>| meta.ok().map(|meta| (meta.dev(), meta.ino()));
    id(guard.metadata()) == id(std::fs::metadata(directory.join("lock")))
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = || std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    read().map_err(|source| Error::Io { doing: "read the directory", path: directory.to_owned(), source })
}

/// Refuses a commit without files that the user's own images are made with.
fn refuse_uncommitted(theirs: &Project, copy: &Path, git: &Git, commit: &str, manifest: &Manifest, absent: &[Absent]) -> Result<(), Error> {
    let bounds = theirs.bounds(manifest)?;
    let refuse = |paths, reason| Err(Error::NotInCommit { commit: commit.to_owned(), paths, reason });
    for path in manifest.inputs() {
        // What a link of the commit leads to counts like what it is called.
        let led = copy.join(path).canonicalize().ok().and_then(|real| Some(real.strip_prefix(copy.canonicalize().ok()?).ok()?.to_owned()));
        let meets = |place: &Path, absent: &Absent| place.starts_with(&absent.path) || absent.path.starts_with(place);
        let concerns = |absent: &&Absent| meets(Path::new(path), absent) || led.as_ref().is_some_and(|led| meets(led, absent));
        if let Some(Absent { path, lack }) = absent.iter().find(concerns) {
            let path = path.clone();
            return Err(match lack {
                Lack::Submodule { commit } => Error::NoSubmodule { path, commit: commit.clone() },
                Lack::Lfs => Error::NoLfsFile { path, commit: commit.to_owned() },
            });
        }
        // What is in no checkout is for nobody's commit to have.
        let Some(located) = bounds.locate(path)? else { continue };
        let real = located.real();
        let directory = if real.is_dir() { real } else { real.parent().unwrap_or(real) };
        let Some(holder) = Git::find(directory)?.filter(|holder| holder.top().starts_with(git.top())) else { continue };
        let copied = |file: &Path| copy.join(path).join(file.strip_prefix(real).unwrap_or(Path::new("")));
        let is_absent = |file: &Path| copied(file).symlink_metadata().is_err();
        let ignored: Vec<PathBuf> = holder.ignored(real)?.into_iter().filter(|file| is_absent(file)).collect();
        if !ignored.is_empty() {
            let shown = |file: &PathBuf| Path::new(path).join(file.strip_prefix(real).unwrap_or(Path::new(""))).display().to_string();
            return refuse(ignored.iter().map(|file| shown(file).trim_end_matches('/').to_owned()).collect(), "git ignores it");
        }
        if !copy.join(path).exists() {
            return refuse(vec![path.to_owned()], "it was not committed by then");
        }
    }
    Ok(())
}
