//! Running one program in a root.

use super::error::Error;
use super::init::{self, Plan, REPORT, Record, Stage};
use super::limits::Excess;
use super::monitor::Monitor;
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
use std::os::fd::{AsFd as _, OwnedFd};

/// What each program gets for itself; the rest it shares with the process that entered the sandbox.
const NAMESPACES: libc::c_int = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;

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
        // Each program has its own, and this process with it: only so it sees what memory lies there.
        sys::unshare(libc::CLONE_NEWIPC).map_err(|error| surroundings(command, "make an IPC namespace", error))?;
        let forked = sys::fork_into(NAMESPACES).map_err(|error| surroundings(command, "start a process", error))?;
        let Some((pid, process)) = forked else { init::live(&mut plan) };
        // From here on its ends of the pipes are open only there.
        drop(plan);
        let mut child = Child { pid, process, waited: false };
        // If it is gone already, the report says why.
        let _gone = File::from(start_writer).write_all(b"x");
        let mut report = File::from(report_reader);
        let journal = (self.ownership == Ownership::Recorded).then(|| table.journal());
        let mut monitor = Monitor::new(pid.as_raw_nonzero().get().unsigned_abs(), &command.limits, root, journal);
        let listened = child.listen(File::from(output_reader), &mut report, &mut monitor, command, output)?;
        child.wait().map_err(failed("wait"))?;
        table.refresh().map_err(|error| surroundings(command, "read what was recorded", error))?;
        // A full file system is left to whoever runs in this root next.
        if let Some(excess) = listened.excess.or_else(|| root.full(&command.limits)) {
            return Ok(Ended::Exceeded(excess));
        }
        verdict(command, init::parse(&listened.report))
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
    /// Hands on the output until all who could write to it have ended, and ends them if they take too much.
    fn listen(
        &mut self,
        mut pipe: File,
        report: &mut File,
        monitor: &mut Monitor<'_>,
        command: &Command<'_>,
        output: &mut dyn FnMut(&[u8]),
    ) -> Result<Listened, Error> {
        let failed = |doing| move |error: io::Error| surroundings(command, doing, error);
        let mut buffer = vec![0; 64 << 10];
        let (mut excess, mut killed) = (None, false);
        let mut told: Option<Vec<u8>> = None;
        // A program can close its output long before it ends.
        let (mut silent, mut ended) = (false, false);
        while !(silent && ended) {
            // Once all are killed, the end is near.
            let timeout = (!killed && !ended).then(|| Timespec::try_from(monitor.wait()).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 }));
            let fds = [(pipe.as_fd(), !silent), (report.as_fd(), told.is_none()), (self.process.as_fd(), !ended)];
            // One that has said its last would be ready for ever.
            let mut waited: Vec<PollFd<'_>> =
                fds.iter().filter(|(_, open)| *open).map(|(fd, _)| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
            match poll(&mut waited, timeout.as_ref()) {
                Err(Errno::INTR) => continue,
                other => other.map_err(|error| failed("wait")(error.into()))?,
            };
            let mut ready = waited.iter().map(|fd| !fd.revents().is_empty());
            let [printed, reported, over] = fds.map(|(_, open)| open && ready.next().unwrap_or_default());
            if printed {
                match pipe.read(&mut buffer) {
                    Ok(0) => silent = true,
                    Ok(length) => {
                        output(&buffer[..length]);
                        excess = excess.or_else(|| monitor.printed(length));
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(failed("read the output")(error)),
                }
            }
            if reported {
                let mut bytes = [0; REPORT];
                let length = report.read(&mut bytes).map_err(failed("wait"))?;
                // One that failed is kept as it is until it was looked at.
                if !matches!(init::parse(&bytes[..length]), None | Some((Stage::Ended, 0))) {
                    excess = excess.or_else(|| monitor.look_back());
                    self.kill();
                    killed = true;
                }
                told = Some(bytes[..length].to_vec());
            }
            ended |= over;
            if !killed && !ended {
                excess = excess.or_else(|| monitor.look());
                if excess.is_some() {
                    self.kill();
                    killed = true;
                }
            }
        }
        Ok(Listened { excess, report: told.unwrap_or_default() })
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

/// What came of listening to a program.
struct Listened {
    /// For what it was ended, if it was.
    excess: Option<Excess>,
    /// What process 1 told.
    report: Vec<u8>,
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
