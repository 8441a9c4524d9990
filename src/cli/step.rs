//! `pintree step`: one step of a build, as ninja runs it.

use super::args::{Step, StepCompose, StepConfigure, StepImport, StepKind, StepRemove, StepRoot, StepSeal};
use super::failure;
use crate::ops::blame::{self, Exit};
use crate::ops::network;
use crate::pkg::parse_limits;
use crate::repo::{Client, Mirrors, Url};
use crate::sandbox::{self, Sandbox};
use crate::step::outcome::{self, Outcome};
use crate::step::{Error as StepError, compose, configure, import, seal};
use crate::store::Repo;
use crate::util::bounds::Bounds;
use crate::util::environment;
use crate::util::slots::{Guard, SlotKind, Slots};
use crate::util::text;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

/// After this many packages failed for the network's sake, further ones are not tried: each try takes its time-outs.
const DEAD_NETWORK: usize = 3;

/// How many downloads one server sees at once from this build, unless the environment says otherwise.
const CONNECTIONS: usize = 8;

/// Runs the step, leaves its outcome for the build, and prints what went wrong.
pub fn run(step: &Step) -> Exit {
    if !matches!(step.step, StepKind::Import(_))
        && let Err(error) = shed()
    {
        eprint(&format!("error: cannot clear the environment: {error}"), &[]);
        return Exit::Other;
    }
    let mut warnings = vec![];
    let (name, result) = match &step.step {
        StepKind::Remove(args) => ("remove".to_owned(), run_remove(args).map(|()| 0)),
        StepKind::Import(args) => {
            (format!("import {} {} {}", args.package, args.version, args.architecture), run_import(args, &mut warnings))
        }
        StepKind::Compose(args) => (format!("compose {}", args.tree.target), run_compose(args).map(|()| 0)),
        StepKind::Configure(args) => (format!("configure {}", args.tree.target), run_configure(args).map(|()| 0)),
        StepKind::Seal(args) => (format!("seal {}", args.tree.target), run_seal(args, &mut warnings).map(|()| 0)),
    };
    let in_build = std::env::var_os(outcome::VARIABLE).is_some();
    // Each is one line: names in it are a package's or a script's.
    let warnings: Vec<String> = warnings.iter().map(|warning| text::plain(warning)).collect();
    for warning in warnings.iter().filter(|_| !in_build) {
        eprint(&format!("warning: {warning}"), &[]);
    }
    let mut outcome = Outcome { step: name, warnings, ..Outcome::default() };
    let exit = match result {
        Ok(downloaded) => {
            outcome.downloaded = downloaded;
            Exit::Done
        }
        Err(error) => {
            let blame = blame::of_step(&error);
            outcome.exit = blame.exit as u8;
            outcome.class = Some(blame.class);
            outcome.gone = blame::is_gone(&error);
            outcome.message = failure::plain(&error);
            match error {
                // The build that runs this step records the ids and runs it again.
                StepError::Configure(configure::Error::Unrecorded { names }) if in_build => {
                    outcome.unrecorded = names;
                }
                error => eprint(&outcome.message, &blame::step_hints(&error)),
            }
            blame.exit
        }
    };
    if let Some(file) = std::env::var_os(outcome::VARIABLE)
        && let Err(error) = outcome.append(Path::new(&file))
    {
        eprint(&format!("error: cannot write `{}`: {error}", Path::new(&file).display()), &[]);
        return Exit::Other;
    }
    exit
}

/// Gets rid of what a step that fetches nothing must not have: a build's credentials, and all of the environment that it
/// does not work with. A build starts its steps without; by hand, or by somebody's own ninja, they start with everything,
/// and then the program replaces itself: what an environment once had stays readable in the process.
fn shed() -> io::Result<()> {
    if let Some(number) = std::env::var(environment::VARIABLE).ok().and_then(|number| number.parse().ok()) {
        sandbox::close_inherited(number);
    }
    if std::env::vars_os().all(|(name, _)| environment::is_plain(&name)) {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.arg0(arguments.next().unwrap_or_default()).args(arguments);
    Err(command.env_clear().envs(environment::plain().filter(|(name, _)| name != environment::VARIABLE)).exec())
}

fn eprint(message: &str, hints: &[String]) {
    use io::Write as _;
    let hints: String = hints.iter().map(|hint| format!("hint: {hint}\n")).collect();
    // ninja shows it; with stderr gone there is nobody left to tell.
    let _gone = io::stderr().lock().write_all(format!("{message}\n{hints}").as_bytes());
}

fn run_import(args: &StepImport, warnings: &mut Vec<String>) -> Result<u64, StepError> {
    let arguments = import::Arguments {
        store: args.store.clone(),
        package: args.package.clone(),
        version: args.version.clone(),
        architecture: args.architecture.clone(),
        sha256: args.sha256,
        size: args.size,
        files: args.file.clone(),
        elsewhere: !args.from.is_empty(),
        archives: std::env::var_os(outcome::ARCHIVES).map(PathBuf::from),
    };
    refuse_dead_network()?;
    let processor = processor(&args.slots);
    let fetch = |download: &mut import::Download| -> Result<(), Box<dyn Error + Send + Sync>> {
        let offline = std::env::var_os("PINTREE_OFFLINE").is_some();
        let connections = number("PINTREE_CONNECTIONS").unwrap_or(CONNECTIONS);
        let (client, _) = network::step_client(offline, Some((args.slots.clone(), connections)))?;
        fetch(&client, args, download)
    };
    let imported = import::run(&arguments, fetch, || processor.acquire())?;
    warnings.extend(imported.warnings);
    Ok(imported.fetched)
}

fn fetch(client: &Client, args: &StepImport, download: &mut import::Download) -> Result<(), Box<dyn Error + Send + Sync>> {
    let sources = Mirrors::load(&args.sources)?;
    let mut urls: Vec<Url> = vec![];
    for place in &args.from {
        let (repo, path) = place.split_once(':').ok_or_else(|| StepError::Argument { what: "place", value: place.clone() })?;
        urls.extend(sources.addresses(repo)?.iter().map(|base| crate::repo::join(base, path)));
    }
    let fetched = crate::repo::fetch_package(client, &urls, args.size, args.sha256, download)?;
    for warning in fetched.warnings {
        eprint(&format!("warning: {}", text::plain(&warning.to_string())), &[]);
    }
    Ok(())
}

/// Gives up at once where other steps of the same build have found that the network is dead.
fn refuse_dead_network() -> Result<(), StepError> {
    let Some(file) = std::env::var_os(outcome::VARIABLE).map(PathBuf::from) else { return Ok(()) };
    let outcomes = Outcome::load(&file).map_err(|source| StepError::Io { doing: "read", path: file, source })?;
    let failed = outcomes.iter().filter(|outcome| outcome.exit == Exit::Network as u8 && !outcome.gone).count();
    if failed >= DEAD_NETWORK { Err(StepError::DeadNetwork { failed }) } else { Ok(()) }
}

fn run_compose(args: &StepCompose) -> Result<(), StepError> {
    let arguments = compose::Arguments {
        packages: compose::load_packages(&args.packages)?,
        architecture: args.tree.architecture.clone(),
        foreign: args.tree.foreign.clone(),
        identity: args.tree.identity,
        target: args.tree.target.clone(),
        usr_merge: compose::UsrMerge::default(),
    };
    let store = Repo::open(&args.tree.store).map_err(compose::Error::from)?;
    compose::run(&store, &arguments)?;
    Ok(())
}

fn run_configure(args: &StepConfigure) -> Result<(), StepError> {
    let arguments = configure::Arguments {
        packages: compose::load_packages(&args.packages).map_err(configure::Error::from)?,
        architecture: args.tree.architecture.clone(),
        foreign: args.tree.foreign.clone(),
        identity: args.tree.identity,
        composed: args.composed.clone(),
        target: args.tree.target.clone(),
        epoch: args.root.epoch,
        debconf: args.debconf.clone(),
        ids: args.id.iter().cloned().collect(),
        work: args.root.work.clone(),
        log: args.root.log.clone(),
        stages: args.stages.clone(),
        checkpoints: !args.no_checkpoints,
        limits: limits(&args.root)?,
    };
    let _slot = slot(&args.root.slots)?;
    let store = Repo::open(&args.tree.store).map_err(configure::Error::from)?;
    configure::run(&store, &arguments)?;
    Ok(())
}

/// Removes directories whose files may belong to users that only a sandbox knows.
fn run_remove(args: &StepRemove) -> Result<(), StepError> {
    let sandbox = Sandbox::enter(&sandbox::Options::default())?;
    args.paths.iter().try_for_each(|path| sandbox.remove_all(path)).map_err(StepError::from)
}

fn run_seal(args: &StepSeal, warnings: &mut Vec<String>) -> Result<(), StepError> {
    let arguments = seal::Arguments {
        image: args.image.clone(),
        architecture: args.tree.architecture.clone(),
        foreign: args.tree.foreign.clone(),
        identity: args.tree.identity,
        configured: args.configured.clone(),
        target: args.tree.target.clone(),
        bounds: Bounds::new(Path::new(""), Path::new(""), args.outside.iter().map(String::as_str)).map_err(seal::Error::from)?,
        overlays: args.overlay.clone(),
        scripts: args.script.clone(),
        epoch: args.root.epoch,
        work: args.root.work.clone(),
        log: args.root.log.clone(),
        limits: limits(&args.root)?,
        settings: seal::Settings {
            hostname: args.hostname.clone(),
            timezone: args.timezone.clone(),
            locale: args.locale.clone(),
            authorized_keys: args.authorized_keys.clone(),
        },
        permissions: args.permissions.iter().cloned().collect(),
        checks: args.check.iter().copied().collect(),
        // `/home` or `/src` alone stand in too many files that mean something else.
        project: std::env::current_dir().ok().filter(|directory| directory.components().count() > 2),
    };
    let _slot = slot(&args.root.slots)?;
    let store = Repo::open(&args.tree.store).map_err(seal::Error::from)?;
    let sealed = seal::run(&store, &arguments)?;
    warnings.extend(sealed.findings.iter().map(|finding| format!("`{}`: {finding}", args.image)));
    Ok(())
}

/// The limits of the manifest; a file that is not there names none.
fn limits(root: &StepRoot) -> Result<sandbox::Limits, StepError> {
    let Some(path) = &root.limits else { return Ok(sandbox::Limits::new(&BTreeMap::new())) };
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other.map_err(|source| StepError::Io { doing: "read", path: path.clone(), source })?,
    };
    let wrong = || StepError::Argument { what: "file of limits", value: path.display().to_string() };
    Ok(sandbox::Limits::new(&parse_limits(&text).ok_or_else(wrong)?))
}

/// Waits for one of the build's processor slots.
fn slot(directory: &Path) -> Result<Guard, StepError> {
    processor(directory).acquire().map_err(|source| StepError::Io { doing: "lock", path: directory.to_owned(), source })
}

fn processor(directory: &Path) -> Slots {
    let count = number("PINTREE_CPU_SLOTS").unwrap_or_else(cores);
    Slots { directory: directory.to_owned(), kind: SlotKind::Processor, count }
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok().filter(|number| *number > 0)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
