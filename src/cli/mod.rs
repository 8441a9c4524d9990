//! Arguments in, messages and exit codes out: the only module that prints.

mod args;
mod bisect;
mod bot;
mod build;
mod diff;
mod doctor;
mod failure;
mod gc;
mod git;
mod init;
mod lock;
mod log;
mod outdated;
mod pager;
mod reference;
mod step;
mod tree;
mod ui;
mod util;
mod verify;
mod why;

use crate::ops::{Error, Project, Session, Talk, blame};
use crate::pkg::Architecture;
use crate::util::interrupt::Interrupt;
use args::{Cli, Global, Verb};
use clap::Parser as _;
use std::path::PathBuf;
use ui::Ui;

pub use crate::ops::blame::Exit;

/// Raised by Ctrl-C and by SIGTERM.
static INTERRUPT: Interrupt = Interrupt::new();

/// Reads the command line, does what it says, and tells how that ended.
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results, the rest is talk; clap knows which goes where.
            let _closed = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    // Steps are told to stop by ninja, with a signal whose default ends them at once; they leave nothing half done.
    if let Verb::Step(step) = &cli.verb {
        return step::run(step);
    }
    // While ninja runs, it is told and waited for. Otherwise, and when asked again, the program ends at once: every file is
    // written in one step. Without a handler Ctrl-C ends it too.
    let _unhandled = ctrlc::set_handler(|| {
        if !INTERRUPT.raise() {
            std::process::exit(Exit::Interrupted as i32);
        }
    });
    let mut ui = Ui::new(&cli.global);
    let result = verb(&cli, &mut ui);
    let result = match ui.take_lost() {
        Some(source) if result.is_ok() => Err(Error::Io { doing: "write to", path: "stdout".into(), source }),
        _ => result,
    };
    match result {
        Ok(exit) => exit,
        Err(error) => {
            if ui.format() == args::Format::Json {
                ui.result(&failure::json(&error));
            }
            ui.error(&error, &blame::hints(&error));
            blame::of(&error).exit
        }
    }
}

fn verb(cli: &Cli, ui: &mut Ui) -> Result<Exit, Error> {
    let global = &cli.global;
    // Nothing is read or written below the generated files before it is known that no link leads out of them.
    if !matches!(cli.verb, Verb::Util(_) | Verb::Step(_)) {
        Project::new(global.project()).check()?;
    }
    match &cli.verb {
        Verb::Init(init) => init::run(global, init, ui),
        Verb::Lock(lock) => lock::run(global, lock, ui),
        Verb::Build(build) => build::run(global, build, ui),
        Verb::Ninja(images) => build::ninja(global, images, ui),
        Verb::Diff(args) => diff::run(global, args, ui),
        Verb::Why(why) => why::run(global, why, ui),
        Verb::Tree(tree) => tree::run(global, tree, ui),
        Verb::Bot(bot) => bot::run(global, bot, ui),
        Verb::Bisect(bisect) => bisect::run(global, bisect, ui),
        Verb::Outdated(args) => outdated::run(global, args, ui),
        Verb::Log(log) => log::run(global, log, ui),
        Verb::Verify(args) => verify::run(global, args, ui),
        Verb::Gc(gc) => gc::run(global, gc, ui),
        Verb::Doctor(_) => doctor::run(global, ui),
        Verb::Util(util) => util::run(global, util, ui),
        Verb::Step(_) => Ok(Exit::Done),
    }
}

/// Puts a session together from the options and the environment.
fn session<'a>(global: &Global, talk: &'a mut Ui) -> Session<'a> {
    // An empty or a relative one would put the cache into the project.
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let directory = |variable: &str, below_home: &str| {
        let set = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        set.or_else(|| Some(home.as_ref()?.join(below_home))).map(|path| path.join("pintree"))
    };
    let project = Project::new(global.project());
    // Without a home the project keeps its own cache.
    let cache = directory("XDG_CACHE_HOME", ".cache").unwrap_or_else(|| project.generated().join("cache"));
    Session {
        project,
        cache,
        config: directory("XDG_CONFIG_HOME", ".config"),
        mirrors: global.mirrors.clone(),
        offline: global.is_offline(),
        now: std::time::SystemTime::now(),
        interrupt: &INTERRUPT,
        talk,
    }
}

/// Reads architectures from the command line.
fn architectures(names: &[String]) -> Result<Vec<Architecture>, Error> {
    let parse = |name: &String| Architecture::parse(name).ok_or_else(|| Error::Architecture { name: name.clone() });
    names.iter().map(parse).collect()
}

/// JSON for programs that people read too.
fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

impl Talk for Ui {
    fn status(&mut self, verb: &str, text: &str) {
        Self::status(self, verb, text);
    }

    fn detail(&mut self, verb: &str, text: &str) {
        Self::detail(self, verb, text);
    }

    fn warn(&mut self, text: &str) {
        Self::warn(self, text);
    }

    fn progress(&mut self, finished: usize, total: usize, text: &str) {
        Self::progress(self, finished, total, text);
    }

    fn output(&mut self, line: &str) {
        self.always(line);
    }
}
