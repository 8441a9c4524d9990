//! `pintree build`: lock if allowed and needed, write the build file, run ninja, tell what came out.

use super::blame::Class;
use super::work::Work;
use super::{Choice, Error, Project, Session, disagreements, generated, leftovers, moment, network};
use crate::ninja::{self, Layout};
use crate::pkg::{Architecture, Sha256, render_limits};
pub use crate::plan::Stage;
use crate::plan::{self, Plan};
use crate::repo::Mirrors;
use crate::sandbox;
use crate::step::import;
use crate::step::outcome::{self, Outcome};
use crate::store::{self, Checksum, RefName, Repo};
use crate::util::fs::write_if_changed;
use crate::util::place;
use rustix::fs::Mode;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to build, and how.
#[derive(Debug, Default)]
pub struct Options {
    /// Which images, for which architectures.
    pub choice: Choice,
    /// How far.
    pub until: Stage,
    /// Fail rather than change a lockfile.
    pub locked: bool,
    /// Steps that may use the processor at once; the number of cores if none is given.
    pub jobs: Option<usize>,
    /// Where package files are kept and looked for; they are not kept if none is given.
    pub archives: Option<PathBuf>,
}

/// What a build gave.
#[derive(Debug)]
pub struct Report {
    /// Every image that was asked for, sorted.
    pub images: Vec<Built>,
    /// How many steps ran.
    pub steps: usize,
    /// Bytes that came over the network.
    pub downloaded: u64,
    /// What steps found that stopped nothing.
    pub warnings: Vec<String>,
    /// How long it took.
    pub time: Duration,
}

/// An image that is there now.
#[derive(Debug)]
pub struct Built {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// Its architecture.
    pub architecture: Architecture,
    /// The ref that holds it.
    pub reference: RefName,
    /// The commit that the ref names.
    pub commit: Checksum,
    /// How many packages it has.
    pub packages: usize,
    /// The sum of the sizes of its package files, in bytes.
    pub size: u64,
}

/// Where a build takes place, and under which conditions.
pub(super) struct Site {
    /// The directory of everything generated.
    pub generated: PathBuf,
    /// The same as ninja sees it.
    pub name: String,
    /// Whether steps may use checkpoints.
    pub checkpoints: bool,
    /// Environment variables for the steps.
    pub environment: Vec<(&'static str, OsString)>,
    /// Their umask; the caller's if none is given.
    pub umask: Option<u32>,
    /// What to make; every image if nothing is named.
    pub targets: Vec<String>,
}

impl Site {
    /// The project's own.
    pub(super) fn of(project: &Project) -> Self {
        Self {
            generated: project.generated(),
            name: "_build".to_owned(),
            checkpoints: true,
            environment: vec![],
            umask: None,
            targets: vec![],
        }
    }
}

/// Downloads that run at once; they run beside the steps that use the processor.
const CONNECTIONS: usize = 8;

/// ninja stops starting steps after this many failures: enough to name what is wrong, not so many that a dead network is
/// tried for every package.
const FAILURES: usize = 8;

/// Builds images.
pub fn build(session: &mut Session<'_>, options: &Options) -> Result<Report, Error> {
    let start = Instant::now();
    let chosen = options.choice.load(&session.project)?;
    let mut work = Work::load(session, chosen, options.locked)?;
    let generated = session.project.generated();
    generated::make(&generated)?;
    let guard = exclusive(session, &generated)?;
    leftovers::clear(&generated)?;
    let store = Repo::init(&session.project.store())?;
    let site = Site::of(&session.project);
    let mut outcomes = vec![];
    let plan = loop {
        let mut plan = work.plan()?;
        settle_files(session, &store, &mut plan)?;
        refuse_links(&store, &plan)?;
        let sources = write_files(session, &work, &plan, options.until, &site)?;
        refuse_absent(session.project.root(), &plan, options.until)?;
        if session.offline {
            refuse_missing(&store, &plan, &sources, options.archives.as_deref())?;
        }
        if options.until != Stage::Composed {
            refuse_host(&store, &plan)?;
        }
        let ran = run(session, options, &plan, &site)?;
        let complete = ran.iter().all(|outcome| outcome.unrecorded.is_empty());
        if !complete {
            // Each turn gives an id to a name that had none in an image, so this ends.
            work.record(session, &plan, &ran, options.locked)?;
        }
        outcomes.extend(ran);
        if complete {
            break plan;
        }
    };
    drop(guard);
    let mut warnings: Vec<String> = outcomes.iter().flat_map(|outcome| outcome.warnings.iter().cloned()).collect();
    warnings.extend(disagreements::find(session, &work.chosen, &outcomes)?);
    let images = plan.composes.iter().map(|compose| built(&store, &plan, compose, options.until)).collect::<Result<_, _>>()?;
    let downloaded = outcomes.iter().map(|outcome| outcome.downloaded).sum();
    Ok(Report { images, steps: outcomes.len(), downloaded, warnings, time: start.elapsed() })
}

/// Brings packages into the store that are not there yet, and builds nothing of them.
pub(super) fn import(session: &mut Session<'_>, work: &Work, site: &Site) -> Result<(), Error> {
    generated::make(&session.project.generated())?;
    let store = Repo::init(&session.project.store())?;
    let mut plan = work.plan()?;
    settle_files(session, &store, &mut plan)?;
    let mut targets = vec![];
    for digest in plan.imports.keys() {
        let name = RefName::deb(digest);
        if store.read_ref(&name)?.is_none() {
            targets.push(format!("{}/ostree/refs/heads/{name}", site.name));
        }
    }
    if targets.is_empty() {
        return Ok(());
    }
    refuse_links(&store, &plan)?;
    let _guard = exclusive(session, &session.project.generated())?;
    let sources = write_files(session, work, &plan, Stage::Composed, site)?;
    if session.offline {
        refuse_missing(&store, &plan, &sources, None)?;
    }
    let site = Site { generated: site.generated.clone(), name: site.name.clone(), environment: vec![], targets, ..*site };
    run(session, &Options::default(), &plan, &site).map(drop)
}

/// Writes the build file without running it; gives its path.
pub fn generate(session: &mut Session<'_>, options: &Options) -> Result<PathBuf, Error> {
    let chosen = options.choice.load(&session.project)?;
    let work = Work::load(session, chosen, options.locked)?;
    generated::make(&session.project.generated())?;
    Repo::init(&session.project.store())?;
    let site = Site::of(&session.project);
    write_files(session, &work, &work.plan()?, options.until, &site)?;
    Ok(session.project.generated().join("build.ninja"))
}

pub(super) fn create_directory(path: &Path) -> Result<(), Error> {
    place::make_directory(path).map_err(|source| Error::Io { doing: "create the directory", path: path.to_owned(), source })
}

/// Holds off other builds of the same directory.
///
/// ninja and its steps inherit the lock, so it is held until the last of them ends, even when this process is killed.
pub(super) fn exclusive(session: &mut Session<'_>, generated: &Path) -> Result<File, Error> {
    let path = generated.join("lock");
    let io = |doing| move |source: std::io::Error| Error::Io { doing, path: generated.join("lock"), source };
    let file = place::lock_file(&path).map_err(io("create"))?;
    if file.try_lock().is_err() {
        session.talk.status("Waiting", "for another build of this directory");
        file.lock().map_err(io("lock"))?;
    }
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).map_err(|errno| io("lock")(errno.into()))?;
    Ok(file)
}

/// Leaves files of the user's own that are not there out of the plan where they are not needed: the package is in the
/// store, or other places have it.
fn settle_files(session: &Session<'_>, store: &Repo, plan: &mut Plan) -> Result<(), Error> {
    for (digest, import) in &mut plan.imports {
        let Some(first) = import.inputs.first().cloned() else { continue };
        import.inputs.retain(|file| session.project.root().join(file).exists());
        if import.inputs.is_empty() && import.from.is_empty() && store.read_ref(&RefName::deb(digest))?.is_none() {
            let package = format!("{} {} {}", import.name, import.version, import.architecture);
            return Err(Error::NoLocalFile { path: first.into(), package });
        }
    }
    Ok(())
}

/// Stops before the first download where no script could run afterwards.
fn refuse_host(store: &Repo, plan: &Plan) -> Result<(), Error> {
    for digest in plan.imports.keys() {
        if store.read_ref(&RefName::deb(digest))?.is_none() {
            return sandbox::lacks_proc().map_or(Ok(()), |source| Err(Error::Host { source }));
        }
    }
    Ok(())
}

/// Refuses refs that links lead to: ninja would make directories and look at files wherever those go.
fn refuse_links(store: &Repo, plan: &Plan) -> Result<(), Error> {
    let packages = plan.imports.keys().map(RefName::deb);
    for name in packages.chain(plan.results().map(|(_, name, _)| name)) {
        // What else is wrong with a ref, the step that needs it tells.
        if let Err(error @ store::Error::Link { .. }) = store.read_ref(&name) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Names files of the project that an image needs and nothing makes: in a build of its own there are no rules but ours.
fn refuse_absent(root: &Path, plan: &Plan, until: Stage) -> Result<(), Error> {
    for seal in plan.seals.iter().filter(|_| until == Stage::Sealed) {
        if let Some(path) = seal.additions.inputs.iter().find(|path| !root.join(path).exists()) {
            return Err(Error::NoInput { image: seal.image.clone(), path: root.join(path) });
        }
    }
    Ok(())
}

/// Names what is neither in the store nor, as a file, on this machine, before anything is tried.
fn refuse_missing(store: &Repo, plan: &Plan, sources: &Mirrors, archives: Option<&Path>) -> Result<(), Error> {
    let is_file = |place: &plan::Place| {
        let urls = sources.addresses(&format!("{}/{}", place.manifest, place.repo));
        urls.is_ok_and(|urls| urls.iter().any(|url| url.scheme() == "file"))
    };
    let is_kept = |import: &plan::Import| {
        let file = archives.map(|directory| import::kept_file(directory, &import.name, &import.version, &import.architecture));
        file.is_some_and(|file| file.exists())
    };
    let mut missing = vec![];
    for (digest, import) in &plan.imports {
        if store.read_ref(&RefName::deb(digest))?.is_none()
            && !is_kept(import)
            && import.inputs.is_empty()
            && !import.from.iter().any(is_file)
        {
            missing.push(format!("{} {} {}", import.name, import.version, import.architecture));
        }
    }
    missing.sort();
    if missing.is_empty() { Ok(()) } else { Err(Error::Missing { missing }) }
}

/// Writes the build file and what it needs besides.
pub(super) fn write_files(session: &mut Session<'_>, work: &Work, plan: &Plan, until: Stage, site: &Site) -> Result<Mirrors, Error> {
    let generated = &site.generated;
    let write = |name: &str, text: &str| {
        let path = generated.join(name);
        write_if_changed(&path, text.as_bytes()).map_err(|source| Error::Io { doing: "write", path, source })
    };
    let program = std::env::current_exe().map_err(|source| Error::Io { doing: "find", path: "pintree".into(), source })?;
    let layout = Layout { pintree: program.to_string_lossy().into_owned(), generated: site.name.clone(), checkpoints: site.checkpoints };
    let mirrors = network::mirrors(session)?;
    let mut sources = Mirrors::default();
    for (chosen, _) in &work.chosen {
        for (name, repo) in &chosen.manifest.repos {
            sources.offer(&format!("{}/{name}", chosen.manifest.name), moment::places(session, &mirrors, &chosen.manifest, repo)?);
        }
    }
    sources.save(&generated.join("sources.toml"))?;
    create_directory(&generated.join("limits"))?;
    for (chosen, _) in &work.chosen {
        write(&format!("limits/{}", chosen.manifest.name), &render_limits(&chosen.manifest.limits))?;
    }
    write("rules.ninja", ninja::RULES)?;
    work.save(plan)?;
    write("build.ninja", &ninja::render(plan, &layout, until))?;
    Ok(sources)
}

/// Runs ninja. Where all that failed are steps that need ids, that is no error: their outcomes say which.
pub(super) fn run(session: &mut Session<'_>, options: &Options, plan: &Plan, site: &Site) -> Result<Vec<Outcome>, Error> {
    let path = site.generated.join("outcomes");
    let io = |doing| {
        let path = path.clone();
        move |source| Error::Io { doing, path, source }
    };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("remove")(error)),
        _ => {}
    }
    let jobs = options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from)).max(1);
    let absolute = std::path::absolute(&path).map_err(io("find"))?;
    let mut environment = vec![(outcome::VARIABLE, absolute.into_os_string()), ("PINTREE_CPU_SLOTS", jobs.to_string().into())];
    if let Some(archives) = &options.archives {
        let archives = std::path::absolute(archives).map_err(io("find"))?;
        environment.push((outcome::ARCHIVES, archives.into_os_string()));
    }
    if session.offline {
        environment.push(("PINTREE_OFFLINE", "1".into()));
    }
    environment.extend(site.environment.iter().cloned());
    let (_credentials, variable) =
        network::hand_on().map_err(|source| Error::Io { doing: "hand on", path: "credentials".into(), source })?;
    environment.push(variable);
    let spec = ninja::Run {
        directory: session.project.root(),
        build_file: format!("{}/build.ninja", site.name).into(),
        targets: site.targets.clone(),
        jobs: jobs + CONNECTIONS,
        // A step that needs ids counts as failed too, and each of them is to be heard.
        failures: FAILURES + plan.configures.len(),
        environment,
        interrupt: session.interrupt,
    };
    let talk = &mut *session.talk;
    let mut commands = vec![];
    let umask = site.umask.map(|umask| rustix::process::umask(Mode::from_raw_mode(umask)));
    let ended = ninja::run(&spec, |event| match event {
        ninja::Event::Progress { finished, total, description } => talk.progress(finished, total, &description),
        ninja::Event::Output(line) => talk.output(&line),
        ninja::Event::Failed(command) => {
            talk.detail("Failed", &command);
            commands.push(command);
        }
    });
    umask.map(rustix::process::umask);
    let status = ended?;
    let outcomes = Outcome::load(&path).map_err(io("read"))?;
    if session.interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    if status.success() {
        return Ok(outcomes);
    }
    let (failed, waiting): (Vec<&Outcome>, Vec<&Outcome>) =
        outcomes.iter().filter(|outcome| outcome.exit != 0).partition(|outcome| outcome.unrecorded.is_empty());
    if failed.is_empty() && !waiting.is_empty() {
        // A step that was killed leaves no outcome.
        let is_waiting = |command: &String| waiting.iter().any(|outcome| outcome.step.split(' ').all(|word| command.contains(word)));
        return match commands.into_iter().find(|command| !is_waiting(command)) {
            Some(command) => Err(Error::StepDied { command }),
            None => Ok(outcomes),
        };
    }
    let Some(first) = failed.first() else {
        // A step that was killed leaves no outcome, and ninja's own failures are none of a step.
        return Err(match commands.into_iter().next() {
            Some(command) => Error::StepDied { command },
            None => Error::NinjaFailed { status },
        });
    };
    Err(Error::Steps {
        failed: failed.len(),
        steps: outcomes.len(),
        first: first.step.clone(),
        exit: first.exit,
        // An outcome without a class is that of a step of another version.
        class: failed.iter().filter_map(|outcome| outcome.class).min().unwrap_or(Class::Program),
        gone: failed.iter().filter(|outcome| outcome.gone).map(|outcome| outcome.step.clone()).collect(),
    })
}

fn built(store: &Repo, plan: &Plan, compose: &plan::Compose, until: Stage) -> Result<Built, Error> {
    let reference = compose.reference_at(until);
    let Some(commit) = store.read_ref(&reference)? else { return Err(Error::NoRef { reference }) };
    let size_of = |digest: &Sha256| plan.imports.get(digest).map_or(0, |import| import.size);
    Ok(Built {
        manifest: compose.manifest.clone(),
        image: compose.image.clone(),
        architecture: compose.architecture.clone(),
        reference,
        commit,
        packages: compose.packages.len(),
        size: compose.packages.iter().map(size_of).sum(),
    })
}
