//! Running one program in a root.

use super::error::Error;
use super::init::{self, Plan, REPORT, Record, Stage};
use super::sys::{self, Words, c_string};
use super::{Command, Ended, Ownership, Root, Sandbox, forbidden, processes, record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitOptions};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::Instant;

/// What each program gets for itself; the rest it shares with the process that entered the sandbox.
const NAMESPACES: libc::c_int = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;

impl Sandbox {
    /// Runs a program and gives `output` what it writes to standard output and standard error, as it comes.
    ///
    /// The program and all that it started have ended when this returns. Where owners are recorded, this process must have one
    /// thread.
    pub fn run(&self, root: &Root, command: &Command<'_>, output: &mut dyn FnMut(&[u8])) -> Result<Ended, Error> {
        // The recorder allocates, which a fork of one thread among several must not.
        let threads = if self.ownership == Ownership::Recorded { super::enter::threads()? } else { 1 };
        if threads != 1 {
            return Err(Error::Threads { threads });
        }
        let failed = |doing| move |error: Errno| surroundings(command, doing, error.into());
        let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC);
        let (output_reader, output_writer) = pipe().map_err(failed("make a pipe"))?;
        let (report_reader, report_writer) = pipe().map_err(failed("make a pipe"))?;
        let (start_reader, start_writer) = pipe().map_err(failed("make a pipe"))?;
        let mut table = self.table.borrow_mut();
        let record = (self.ownership == Ownership::Recorded).then(|| {
            let (upper, lower) = root.layers();
            Record { program: record::program(), table: &mut table, upper, lower }
        });
        let mut plan = Plan {
            root: c_string(root.path().as_os_str().as_encoded_bytes())?,
            programs: programs(command)?,
            arguments: Words::new([command.program].iter().chain(command.arguments).map(|word| c_string(*word)).collect::<Result<_, _>>()?),
            environment: Words::new(
                command.environment.iter().map(|(name, value)| c_string(format!("{name}={value}"))).collect::<Result<_, _>>()?,
            ),
            directory: c_string(command.directory)?,
            limits: command.limits,
            input: input(command.input).map_err(|error| surroundings(command, "keep the input", error))?,
            output: output_writer,
            report: report_writer,
            start: start_reader,
            given: self.given.clone(),
            forbidden: forbidden::program().ok_or_else(forbidden::lack)?,
            record,
        };
        let forked = sys::fork_into(NAMESPACES).map_err(|error| surroundings(command, "start a process", error))?;
        let Some((pid, process)) = forked else { init::live(&mut plan) };
        // From here on its ends of the pipes are open only there.
        drop(plan);
        let mut child = Child { pid, process, waited: false };
        // If it is gone already, the report says why.
        let _gone = File::from(start_writer).write_all(b"x");
        let timed_out = child.listen(File::from(output_reader), command, output)?;
        child.wait().map_err(failed("wait"))?;
        let mut report = vec![];
        File::from(report_reader).take(REPORT as u64).read_to_end(&mut report).map_err(|error| surroundings(command, "wait", error))?;
        table.refresh().map_err(|error| surroundings(command, "read what was recorded", error))?;
        if timed_out {
            return Ok(Ended::TimedOut);
        }
        verdict(command, init::parse(&report))
    }
}

impl Sandbox {
    /// Tries whether a program would get a `/proc`.
    pub(super) fn try_processes(&self) -> Result<(), Error> {
        let failed = |error: io::Error| Error::io("start a process in", "/proc/self/ns/pid", error);
        let Some((pid, process)) = sys::fork_into(NAMESPACES).map_err(failed)? else {
            sys::exit(processes::new().err().map_or(0, Errno::raw_os_error));
        };
        let mut child = Child { pid, process, waited: false };
        let status = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::empty()));
        child.waited = true;
        let status = status.map_err(|error| failed(error.into()))?.and_then(|(_, status)| status.exit_status());
        match status {
            Some(0) => Ok(()),
            Some(number @ (libc::EPERM | libc::EACCES)) => Err(processes::lack().because(io::Error::from_raw_os_error(number)).into()),
            Some(number) => Err(Error::io("mount", "/proc", io::Error::from_raw_os_error(number))),
            None => Err(Error::Killed { program: "a process".into() }),
        }
    }
}

fn surroundings(command: &Command<'_>, doing: &'static str, source: io::Error) -> Error {
    Error::Surroundings { doing, program: command.program.to_owned(), source }
}

/// Process 1 of a program's sandbox, seen from outside. It does not survive this value.
struct Child {
    pid: Pid,
    process: OwnedFd,
    waited: bool,
}

impl Child {
    /// Hands on the output until all who could write to it have ended; tells whether they were ended by us.
    fn listen(&mut self, mut pipe: File, command: &Command<'_>, output: &mut dyn FnMut(&[u8])) -> Result<bool, Error> {
        let deadline = Instant::now() + command.limits.time;
        let mut buffer = vec![0; 64 << 10];
        let mut timed_out = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() && !timed_out {
                timed_out = true;
                self.kill();
            }
            // Once all are killed, the end of the pipe is near.
            let timeout = (!timed_out).then(|| Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 }));
            match poll(&mut [PollFd::new(&pipe, PollFlags::IN)], timeout.as_ref()) {
                Ok(0) | Err(Errno::INTR) => continue,
                Err(error) => return Err(surroundings(command, "wait", error.into())),
                Ok(_) => {}
            }
            match pipe.read(&mut buffer) {
                Ok(0) => return Ok(timed_out),
                Ok(length) => output(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(surroundings(command, "read the output", error)),
            }
        }
    }

    fn kill(&self) {
        // It fails only if the process has ended.
        let _ended = rustix::process::pidfd_send_signal(&self.process, Signal::KILL);
    }

    fn wait(&mut self) -> Result<(), Errno> {
        rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(self.pid), WaitOptions::empty()))?;
        self.waited = true;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.waited {
            self.kill();
            let _ended = self.wait();
        }
    }
}

fn verdict(command: &Command<'_>, report: Option<(Stage, i32)>) -> Result<Ended, Error> {
    let program = || command.program.to_owned();
    match report {
        Some((Stage::Ended, status)) if libc::WIFEXITED(status) => Ok(Ended::Exit(libc::WEXITSTATUS(status))),
        Some((Stage::Ended, status)) => Ok(Ended::Signal(libc::WTERMSIG(status))),
        Some((Stage::Exec, number)) => Err(Error::Start { program: program(), source: io::Error::from_raw_os_error(number) }),
        Some((Stage::Proc, number)) if matches!(Errno::from_raw_os_error(number), Errno::PERM | Errno::ACCESS) => {
            let error = io::Error::from_raw_os_error(number);
            Err(processes::lack().because(error).into())
        }
        Some((stage, number)) => Err(surroundings(command, stage.doing(), io::Error::from_raw_os_error(number))),
        None => Err(Error::Killed { program: program() }),
    }
}

/// The paths at which the program may be.
fn programs(command: &Command<'_>) -> Result<Vec<CString>, Error> {
    if command.program.contains('/') {
        return Ok(vec![c_string(command.program)?]);
    }
    let path = command.environment.iter().find(|(name, _)| *name == "PATH").map_or("/usr/sbin:/usr/bin:/sbin:/bin", |(_, value)| value);
    path.split(':').map(|directory| c_string(format!("{directory}/{}", command.program))).collect()
}

/// A file that holds the whole input, so that nobody has to feed it.
fn input(bytes: Option<&[u8]>) -> io::Result<OwnedFd> {
    let Some(bytes) = bytes else { return File::open("/dev/null").map(OwnedFd::from) };
    let mut file = File::from(rustix::fs::memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}
