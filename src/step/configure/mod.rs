//! Composed packages ► a configured root filesystem: maintainer scripts run as dpkg would run them.
//!
//! Takes the package refs and a few arguments; gives a commit in which every package is installed. Packages come as in a
//! first installation: what is essential, then all others. What each of these stages leaves is a commit of its own, named by
//! everything it depends on: a checkpoint, from which the next run goes on. Without checkpoints the same commit comes out.
//!
//! The rules of configuring are dpkg's, written anew here, so that an image needs no dpkg and each script's output has a
//! place. `docs/design/0008-configure.md` says why, and in which order packages come.

mod database;
mod engine;
mod error;
mod ids;
mod keystore;
mod normalise;
mod order;
mod script;
mod triggers;
mod unpack;

pub use error::Error;
pub use ids::Id;
pub use normalise::{Action, RULES, Rule, table};

use super::compose::{self, Frame, Package, UsrMerge};
use super::layer::{self, Workspace};
use super::log::{Log, WriteError};
use crate::pkg::{Architecture, Sha256};
use crate::sandbox::{self, Ended, Limits, Sandbox};
use crate::store::{Checksum, CommitParts, Entry, FileKind, IMAGE_FORMAT, Metadata, RefName, Repo, Root, Tree, Value};
use crate::util::fs::write_if_changed;
use crate::util::place;
use database::{Database, State};
use engine::Engine;
use normalise::{When, normalise};
use order::{Needs, Stage, stages};
use script::{Scripts, Unpacking};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use triggers::Triggers;
use unpack::{DATABASE, Unpacked, text, unpack};

/// The key of commit metadata that lists the scripts that ran, as `PACKAGE SCRIPT ARGUMENTS`, in their order.
pub const SCRIPTS: &str = "pintree.scripts";

/// The version of what this step makes of the same input; part of a checkpoint's name.
const STAGE_FORMAT: u32 = 3;

/// Scripts are below this; compiled ones, as of `base-passwd` in other releases, too.
const MAX_SCRIPT: u64 = 64 << 20;

/// The log of a stage that is larger stands in its own file only.
const MAX_COPIED_LOG: u64 = 4 << 20;

/// What a configure step is told.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The packages, in any order.
    pub packages: Vec<RefName>,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside it, in manifest order.
    pub foreign: Vec<Architecture>,
    /// The digest of everything that the lockfile says of the image.
    pub identity: Sha256,
    /// The same packages, composed.
    pub composed: RefName,
    /// The ref to write.
    pub target: RefName,
    /// The time that scripts are told, in seconds since 1970.
    pub epoch: u64,
    /// Answers for debconf, as debconf-set-selections(1) takes them.
    pub debconf: Vec<String>,
    /// User and group ids by name.
    pub ids: BTreeMap<String, Id>,
    /// A directory for this step alone, on the repository's file system.
    pub work: PathBuf,
    /// Where to write what scripts say.
    pub log: PathBuf,
    /// Where to write which checkpoints are in use, for `gc`.
    pub stages: Option<PathBuf>,
    /// Whether checkpoints may be used.
    pub checkpoints: bool,
    /// What scripts may take; no part of what they give.
    pub limits: Limits,
}

/// What a configure step made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// The commit.
    pub commit: Checksum,
    /// Whether the ref had another value before.
    pub changed: bool,
    /// Stages that were taken from checkpoints, and all stages.
    pub stages: (usize, usize),
    /// How many scripts ran now.
    pub scripts: usize,
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        Self::Log { path: error.path, source: error.source }
    }
}

/// What is known of the packages before anything runs.
struct Set {
    packages: Vec<Package>,
    /// `name:architecture` of each.
    keys: Vec<String>,
    info_names: BTreeMap<String, String>,
    /// Every script, as `name:architecture.script`.
    scripts: BTreeSet<String>,
    unpacking: BTreeMap<String, Unpacking>,
    triggers: Triggers,
    needs: Needs,
}

impl Set {
    fn read(repo: &Repo, packages: Vec<Package>) -> Result<Self, Error> {
        let keys: Vec<String> = packages.iter().map(|package| format!("{}:{}", package.name, package.architecture)).collect();
        let info_names = keys.iter().zip(&packages).map(|(key, package)| (key.clone(), package.info_name())).collect();
        let mut scripts = BTreeSet::new();
        let (mut triggers, mut unpacking) = (Triggers::default(), BTreeMap::new());
        for (key, package) in keys.iter().zip(&packages) {
            let mut tree = Tree::read(repo, &package.tree)?;
            let member = |name: &str| format!("{DATABASE}/info/{}.{name}", package.info_name());
            for script in ["preinst", "postinst"] {
                if tree.read_file(repo, &member(script), MAX_SCRIPT)?.is_some() {
                    scripts.insert(format!("{key}.{script}"));
                }
            }
            if scripts.contains(&format!("{key}.preinst")) {
                let prefix = format!("{}.", package.info_name());
                let members = tree.names(repo, &format!("{DATABASE}/info"))?;
                let members = members.iter().filter_map(|name| name.strip_prefix(&prefix)).filter(|name| *name != "list");
                let members = members.map(str::to_owned).collect();
                unpacking.insert(key.clone(), Unpacking { control: package.stanza.to_control(), members });
            }
            triggers.add(key, &text(repo, &mut tree, &member("triggers"))?);
        }
        let needs = Needs::read(&packages);
        Ok(Self { packages, keys, info_names, scripts, unpacking, triggers, needs })
    }

    fn dpkg_version(&self) -> &str {
        // Without dpkg in the image scripts may still ask which one runs them: one that knows all of what is done here.
        self.packages.iter().find(|package| package.name == "dpkg").map_or("1.21.22", |package| &package.version)
    }
}

/// Configures the packages and lets the target ref name the result; an unchanged ref stays untouched.
pub fn run(repo: &Repo, arguments: &Arguments) -> Result<Configured, Error> {
    let composed = repo.read_commit(&repo.resolve_ref(&arguments.composed)?)?;
    let base: Root = (composed.tree, composed.meta);
    let frame =
        Frame { architecture: &arguments.architecture, foreign: &arguments.foreign, usr_merge: usr_merge(repo, &base)?, diversions: &[] };
    let set = Set::read(repo, compose::load_all(repo, &arguments.packages, &frame)?)?;
    let stages = stages(&set.packages, &set.needs);
    // A root without scripts needs neither namespaces nor an emulator.
    let sandbox = if set.scripts.is_empty() { None } else { Some(enter(arguments)?) };
    let keys = keys(&set, &stages, arguments, &frame, sandbox.as_ref());
    note_stages(arguments, &keys)?;

    let mut run = Run { repo, arguments, frame: &frame, set: &set, sandbox: sandbox.as_ref(), workspace: None, ran: vec![] };
    let stages = run.all(&stages, &keys)?;
    let ran = std::mem::take(&mut run.ran);
    // An image without packages has no stage.
    let commit = finish(repo, arguments, base, stages.root.unwrap_or(base), &ran)?;
    let changed = repo.write_ref_if_changed(&arguments.target, &commit)?;
    Ok(Configured { commit, changed, stages: (stages.found, keys.len()), scripts: ran.len() - stages.scripts })
}

fn enter(arguments: &Arguments) -> Result<Sandbox, Error> {
    let architectures = std::iter::once(&arguments.architecture).chain(&arguments.foreign).cloned().collect();
    Ok(Sandbox::enter(&sandbox::Options { architectures, ownership: None })?)
}

/// Composed trees tell by the link `bin` whether `/usr` is merged; stages must do alike, whatever packages they have.
fn usr_merge(repo: &Repo, base: &Root) -> Result<UsrMerge, Error> {
    let linked = match Tree::read(repo, &base.0)?.get(repo, "bin")? {
        Some(Entry::File(file)) => matches!(repo.read_file_meta(&file)?.kind, FileKind::Symlink(_)),
        _ => false,
    };
    Ok(if linked { UsrMerge::Yes } else { UsrMerge::No })
}

/// The names of all checkpoints: each covers all that the tree after its stage depends on.
fn keys(set: &Set, stages: &[Stage], arguments: &Arguments, frame: &Frame<'_>, sandbox: Option<&Sandbox>) -> Vec<Sha256> {
    // With the program's version, because a mended rule must not be outlived by what it was mended for.
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("pintree {version} stage {STAGE_FORMAT} {IMAGE_FORMAT}\narchitecture {}\n", arguments.architecture);
    for foreign in &arguments.foreign {
        text.push_str(&format!("foreign {foreign}\n"));
    }
    text.push_str(&format!("usr-merge {:?}\nepoch {}\n", frame.usr_merge, arguments.epoch));
    for emulator in sandbox.into_iter().flat_map(Sandbox::emulators) {
        text.push_str(&format!("emulator {} {}\n", emulator.architecture, emulator.version));
    }
    for line in &arguments.debconf {
        text.push_str(&format!("debconf {line}\n"));
    }
    let mut keys: Vec<Sha256> = vec![];
    for stage in stages {
        if let Some(last) = keys.last() {
            text = format!("after {last}\n");
        }
        for index in stage.packages() {
            let package = &set.packages[index];
            text.push_str(&format!("package {} {}\n", set.keys[index], package.commit));
        }
        keys.push(Sha256::of(text.as_bytes()));
    }
    keys
}

fn note_stages(arguments: &Arguments, keys: &[Sha256]) -> Result<(), Error> {
    let Some(path) = &arguments.stages else { return Ok(()) };
    let text: String = keys.iter().map(|key| format!("{}\n", RefName::stage(key))).collect();
    write(path, text.as_bytes())
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let written = path.parent().map_or(Ok(()), place::make_directory).and_then(|()| write_if_changed(path, content).map(drop));
    written.map_err(|source| Error::Log { path: path.to_owned(), source })
}

/// A checkpoint that is whole; one that is damaged is as good as none.
fn checkpoint(repo: &Repo, name: &RefName) -> Option<(Root, Vec<String>)> {
    let commit = repo.read_commit(&repo.read_ref(name).ok()??).ok()?;
    repo.read_dirtree(&commit.tree).ok()?;
    let scripts = match commit.metadata.get(SCRIPTS) {
        Some(Value::Strings(scripts)) => scripts.clone(),
        _ => vec![],
    };
    Some(((commit.tree, commit.meta), scripts))
}

/// What all stages of a run share.
struct Run<'a> {
    repo: &'a Repo,
    arguments: &'a Arguments,
    frame: &'a Frame<'a>,
    set: &'a Set,
    sandbox: Option<&'a Sandbox>,
    workspace: Option<Workspace<'a>>,
    ran: Vec<String>,
}

/// What going through all stages gave.
struct Stages {
    /// The tree after the last one.
    root: Option<Root>,
    /// How many came from checkpoints, and how many scripts had run in those.
    found: usize,
    scripts: usize,
}

impl<'a> Run<'a> {
    /// Goes through the stages, from the last checkpoint on, and puts their logs together.
    fn all(&mut self, stages: &[Stage], keys: &[Sha256]) -> Result<Stages, Error> {
        let mut result = Stages { root: None, found: 0, scripts: 0 };
        if self.arguments.checkpoints {
            for (index, key) in keys.iter().enumerate().rev() {
                if let Some((root, scripts)) = checkpoint(self.repo, &RefName::stage(key)) {
                    result = Stages { root: Some(root), found: index + 1, scripts: scripts.len() };
                    self.ran = scripts;
                    break;
                }
            }
        }
        let mut failed = None;
        let mut done = result.found;
        while done < stages.len() && failed.is_none() {
            match self.checkpointed(stages, &keys[done], done, result.root) {
                Ok(root) => result.root = Some(root),
                Err(error) => failed = Some(error),
            }
            done += 1;
        }
        let mut log = vec![];
        for path in keys[..done].iter().map(|key| self.stage_log(key)) {
            // A log that somebody removed is no reason to run scripts again.
            match std::fs::metadata(&path) {
                Ok(meta) if meta.len() > MAX_COPIED_LOG => log.extend(format!("==> see `{}`\n", path.display()).into_bytes()),
                _ => log.extend(std::fs::read(&path).unwrap_or_default()),
            }
        }
        write(&self.arguments.log, &log)?;
        failed.map_or(Ok(result), Err)
    }

    /// Where the log of a stage lies: beside that of the image, because several images may share it.
    fn stage_log(&self, key: &Sha256) -> PathBuf {
        self.arguments.log.with_file_name("stages").join(format!("{key}.log"))
    }

    /// Goes through one stage and leaves a checkpoint.
    fn checkpointed(&mut self, stages: &[Stage], key: &Sha256, at: usize, state: Option<Root>) -> Result<Root, Error> {
        let name = RefName::stage(key);
        // Images that share a stage would run its scripts at the same time otherwise.
        let _guard = self.lock(key)?;
        if self.arguments.checkpoints
            && let Some((root, scripts)) = checkpoint(self.repo, &name)
        {
            self.ran = scripts;
            return Ok(root);
        }
        let path = self.stage_log(key);
        let mut log = Log::create(&path).map_err(|source| Error::Log { path, source })?;
        let root = self.stage(stages, at, state, &mut log)?;
        let commit = CommitParts::new(root.0, root.1).with(SCRIPTS, Value::Strings(self.ran.clone()));
        self.repo.write_ref_if_changed(&name, &self.repo.write_commit(&commit)?)?;
        Ok(root)
    }

    fn lock(&self, key: &Sha256) -> Result<File, Error> {
        let path = self.stage_log(key).with_extension("lock");
        let locked = || {
            path.parent().map_or(Ok(()), place::make_directory)?;
            let file = place::lock_file(&path)?;
            file.lock()?;
            Ok(file)
        };
        locked().map_err(|source| Error::Log { path: path.clone(), source })
    }

    /// Unpacks and configures the packages of `stages[at]` on top of `state`.
    fn stage(&mut self, stages: &[Stage], at: usize, state: Option<Root>, log: &mut Log) -> Result<Root, Error> {
        let (repo, set) = (self.repo, self.set);
        let prefix = |count: usize| -> Vec<Package> {
            let indexes: BTreeSet<usize> = stages[..count].iter().flat_map(Stage::packages).collect();
            // In the order of the whole set, which decides whose directory metadata counts.
            indexes.into_iter().map(|index| set.packages[index].clone()).collect()
        };
        let Unpacked { mut tree, meta, status } = unpack(repo, &prefix(at), &prefix(at + 1), state, self.frame)?;
        let mut database = Database::parse(&status);
        for index in stages[..at].iter().flat_map(Stage::packages) {
            if let Some(record) = database.get_mut(&set.keys[index]) {
                record.state = State::Installed;
            }
        }
        let stage = &stages[at];
        let unpacked = stage.packages().map(|index| Ok((index, self.paths(index)?))).collect::<Result<Vec<_>, Error>>()?;
        let preseed = self.preseeds(stages, at);
        // Scripts are only named at first: a stage without any needs no sandbox.
        let mut dry = Engine::new(Dry { known: &set.scripts, called: preseed }, database.clone(), &set.triggers, &set.keys, &set.needs);
        dry.stage(stage, &unpacked)?;
        let mut tree = match self.sandbox {
            Some(sandbox) if dry.root.called => {
                replace_content(repo, &mut tree, &format!("{DATABASE}/status"), database.render())?;
                let root = (tree.write(repo)?, meta);
                let mut workspace = match self.workspace.take() {
                    Some(workspace) => workspace,
                    None => Workspace::open(repo, sandbox, &self.arguments.work, self.arguments.limits)?,
                };
                let changed = workspace.change(root, |mounted| {
                    Scripts::without_services(mounted, || self.configure((sandbox, mounted, log), database, stage, &unpacked, preseed))
                });
                self.workspace = Some(workspace);
                changed.map_err(|error| blame(error, log))?.1
            }
            _ => {
                replace_content(repo, &mut tree, &format!("{DATABASE}/status"), dry.database.render())?;
                tree
            }
        };
        normalise(repo, &mut tree, self.arguments.epoch, When::Stage)?;
        Ok((tree.write(repo)?, meta))
    }

    /// Runs the scripts of a stage.
    fn configure(
        &mut self,
        (sandbox, root, log): (&Sandbox, &sandbox::Root, &mut Log),
        database: Database,
        stage: &Stage,
        unpacked: &[(usize, Vec<String>)],
        preseed: bool,
    ) -> Result<(), Error> {
        let epoch = self.arguments.epoch.to_string();
        let mut scripts = Scripts {
            sandbox,
            root,
            log,
            known: &self.set.scripts,
            info_names: &self.set.info_names,
            unpacking: &self.set.unpacking,
            epoch: &epoch,
            dpkg_version: self.set.dpkg_version(),
            ran: &mut self.ran,
            limits: self.arguments.limits,
        };
        if preseed {
            scripts.preseed(&self.arguments.debconf)?;
        }
        let mut engine = Engine::new(scripts, database, &self.set.triggers, &self.set.keys, &self.set.needs);
        engine.stage(stage, unpacked)
    }

    /// Whether debconf is answered in this stage: the first that has it, or the last, where its absence is told.
    fn preseeds(&self, stages: &[Stage], at: usize) -> bool {
        let has = |stage: &Stage| stage.packages().any(|index| self.set.packages[index].name == "debconf");
        let place = stages.iter().position(has).unwrap_or(stages.len() - 1);
        !self.arguments.debconf.is_empty() && place == at
    }

    /// What a package's file list says, with leading slashes.
    fn paths(&self, index: usize) -> Result<Vec<String>, Error> {
        let package = &self.set.packages[index];
        let mut tree = Tree::read(self.repo, &package.tree)?;
        let list = text(self.repo, &mut tree, &format!("{DATABASE}/info/{}.list", package.info_name()))?;
        Ok(list.lines().map(str::to_owned).collect())
    }
}

/// Says which script left too much, by the time at which it was left.
fn blame(error: Error, log: &Log) -> Error {
    match error {
        Error::Layer(layer::Error::Sandbox(sandbox::Error::Excess { excess, changed })) => {
            match log.running_at(changed).and_then(|title| title.split_once(' ')) {
                Some((package, script)) => Error::Script {
                    package: package.to_owned(),
                    script: script.to_owned(),
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

/// A root in which scripts are counted and not run.
struct Dry<'a> {
    known: &'a BTreeSet<String>,
    called: bool,
}

impl engine::Root for Dry<'_> {
    fn has(&self, package: &str, script: &str) -> bool {
        self.known.contains(&format!("{package}.{script}"))
    }

    fn write_status(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn run(&mut self, _: &engine::Call<'_>) -> Result<(), Error> {
        self.called = true;
        Ok(())
    }

    fn take_deferred(&mut self) -> Result<String, Error> {
        Ok(String::new())
    }
}

/// Gives names their recorded ids and writes the commit.
fn finish(repo: &Repo, arguments: &Arguments, base: Root, root: Root, ran: &[String]) -> Result<Checksum, Error> {
    let mut tree = Tree::read(repo, &root.0)?;
    let names = ids::unrecorded(repo, &mut tree, &arguments.ids)?;
    if !names.is_empty() {
        return Err(Error::Unrecorded { names });
    }
    ids::renumber(repo, base, &mut tree, root, &arguments.ids)?;
    normalise(repo, &mut tree, arguments.epoch, When::End)?;
    let commit = CommitParts::new(tree.write(repo)?, root.1)
        .with("pintree.architecture", Value::String(arguments.architecture.deb_name().to_owned()))
        .with("pintree.format", Value::U32(IMAGE_FORMAT))
        .with("pintree.identity", Value::String(arguments.identity.to_hex()))
        .with(SCRIPTS, Value::Strings(ran.to_vec()));
    Ok(repo.write_commit(&commit)?)
}

/// Writes a file's text; owner and mode stay, a new file is root's.
fn replace_content(repo: &Repo, tree: &mut Tree, path: &str, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let metadata = match tree.get(repo, path)? {
        Some(Entry::File(file)) => repo.read_file_meta(&file)?.metadata,
        _ => Metadata::root(0o644),
    };
    let file = repo.write_file(&metadata, content.as_ref())?;
    tree.insert_file(repo, path, file, None)?;
    Ok(())
}
