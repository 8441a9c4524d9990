//! Running ninja and reading what it says.

use crate::util::environment;
use crate::util::interrupt::Interrupt;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// How to run ninja.
#[derive(Debug)]
pub struct Run<'a> {
    /// The directory that the paths in the build file are relative to; empty for the current one.
    pub directory: &'a Path,
    /// The build file, relative to `directory` or absolute.
    pub build_file: PathBuf,
    /// What to build; empty means the build file's default.
    pub targets: Vec<String>,
    /// How many steps may run at once.
    pub jobs: usize,
    /// No more steps are started after this many have failed.
    pub failures: usize,
    /// Environment variables for the steps, besides those that are harmless.
    pub environment: Vec<(&'static str, std::ffi::OsString)>,
    /// Raised by somebody else when the run must end.
    pub interrupt: &'a Interrupt,
}

/// Something ninja said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A step ended or started: how many are finished, how many there are, and the step's description.
    Progress {
        /// Finished steps.
        finished: usize,
        /// All steps that this run needs, as far as ninja knows.
        total: usize,
        /// The step's description.
        description: String,
    },
    /// A line of a step's own output, or of ninja's.
    Output(String),
    /// The command of a step that has failed; the step's own output follows.
    Failed(String),
}

/// Why ninja did not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// ninja is not installed.
    #[error("cannot start `ninja`")]
    Start(#[source] io::Error),
    /// Its output could not be read.
    #[error("cannot read the output of `ninja`")]
    Read(#[source] io::Error),
}

/// `%f` finished, `%t` total; the odd mark tells our lines from a step's own output.
const STATUS: &str = "\u{1}%f/%t\u{1}";

/// Runs ninja, passing each thing it says to `report`.
///
/// On an interruption ninja is told, ends its steps, and is waited for.
pub fn run(run: &Run<'_>, mut report: impl FnMut(Event)) -> Result<ExitStatus, Error> {
    let mut command = Command::new("ninja");
    if !run.directory.as_os_str().is_empty() {
        command.arg("-C").arg(run.directory);
    }
    command.arg("-f").arg(&run.build_file).args(["-j", &run.jobs.to_string(), "-k", &run.failures.to_string()]);
    // What steps must not know is not in their environment, nor in that of the shells that ninja starts them with.
    command.args(&run.targets).env_clear().envs(environment::plain()).env("NINJA_STATUS", STATUS);
    command.envs(run.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(Error::Start)?;
    let pid = Pid::from_child(&child);
    let stdout = child.stdout.take().expect("stdout was asked to be a pipe");
    // A terminal's Ctrl-C reaches ninja by itself; a signal sent to this process alone does not. ninja may have ended by
    // itself in the meantime, but it is not reaped yet, so the id is still its own.
    let tell = || kill_process(pid, Signal::INT).unwrap_or_default();
    let mut reader = Reader::default();
    let read = run.interrupt.watch(tell, || {
        BufReader::new(stdout).split(b'\n').try_for_each(|line| {
            if let Some(event) = reader.event(String::from_utf8_lossy(&line?).into_owned()) {
                report(event);
            }
            Ok(())
        })
    });
    let status = child.wait().map_err(Error::Read)?;
    read.map_err(Error::Read)?;
    Ok(status)
}

/// Reads ninja's lines.
#[derive(Debug, Default)]
struct Reader {
    /// Whether the line before said that a step failed: its command comes next.
    failed: bool,
}

impl Reader {
    fn event(&mut self, line: String) -> Option<Event> {
        if std::mem::take(&mut self.failed) {
            return Some(Event::Failed(line));
        }
        self.failed = line.starts_with("FAILED: ");
        let progress = line.strip_prefix('\u{1}').and_then(|rest| {
            let (counts, description) = rest.split_once('\u{1}')?;
            let (finished, total) = counts.split_once('/')?;
            Some(Event::Progress { finished: finished.parse().ok()?, total: total.parse().ok()?, description: description.to_owned() })
        });
        // ninja's own chatter says nothing that the caller does not say better.
        let chatter = self.failed
            || line == "ninja: no work to do."
            || line.starts_with("ninja: Entering directory")
            || line.starts_with("ninja: build stopped");
        match progress {
            Some(progress) => Some(progress),
            None if chatter => None,
            None => Some(Event::Output(line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(text: &str) -> (bool, Vec<Event>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("build.ninja"), text).unwrap();
        let interrupt = Interrupt::new();
        let spec = Run {
            directory: dir.path(),
            build_file: "build.ninja".into(),
            targets: vec![],
            jobs: 1,
            failures: 1,
            environment: vec![("WORD", "hello".into())],
            interrupt: &interrupt,
        };
        let mut events = vec![];
        let status = run(&spec, |event| events.push(event)).unwrap();
        (status.success(), events)
    }

    #[test]
    fn reports_progress_and_output() {
        let (success, events) = play("rule touch\n  command = echo $$WORD; touch $out\n  description = touch $out\nbuild a: touch\n");
        assert!(success);
        let progress = Event::Progress { finished: 1, total: 1, description: "touch a".to_owned() };
        assert_eq!(events.last(), Some(&Event::Output("hello".to_owned())));
        assert!(events.contains(&progress), "{events:?}");
    }

    #[test]
    fn passes_a_failed_steps_message_on() {
        let (success, events) = play("rule fail\n  command = echo oh no >&2; exit 5\nbuild a: fail\n");
        assert!(!success);
        let told = [Event::Failed("echo oh no >&2; exit 5".to_owned()), Event::Output("oh no".to_owned())];
        assert_eq!(events[events.len() - 2..], told);
    }
}
