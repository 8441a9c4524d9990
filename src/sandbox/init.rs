//! Process 1 of a program's sandbox: makes its surroundings, starts it, and waits for orphans.
//!
//! Everything here runs in a forked child. Nothing is allocated before the recorder's work begins; whatever needs memory was
//! made before.
//!
//! The child is a copy of the caller and never becomes another program, so its memory belongs to the namespace of the host: no
//! capability in the sandbox lets a program look into it. It closes what it does not need, overwrites the caller's arguments and
//! environment, and the tree's `/proc` does not show it.

use super::bpf::Instruction;
use super::given::Given;
use super::record::{self, Recorder, Table};
use super::sys::{self, Fork, Words};
use super::{Limits, forbidden, guarded, processes};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, WaitOptions, pidfd_getfd};
use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};

/// All that process 1 needs to know.
pub(super) struct Plan<'a> {
    /// Where the root is mounted.
    pub(super) root: CString,
    /// The paths to try for the program.
    pub(super) programs: Vec<CString>,
    pub(super) arguments: Words,
    pub(super) environment: Words,
    pub(super) directory: CString,
    pub(super) limits: Limits,
    /// What becomes its standard input.
    pub(super) input: OwnedFd,
    /// What becomes its standard output and standard error.
    pub(super) output: OwnedFd,
    /// Where process 1 tells how it went.
    pub(super) report: OwnedFd,
    /// Ends when the parent does.
    pub(super) start: OwnedFd,
    /// Where the caller's arguments and environment lie.
    pub(super) given: Given,
    /// The filter of what programs may not do.
    pub(super) forbidden: Vec<Instruction>,
    /// With what process 1 records owners, if it does.
    pub(super) record: Option<Record<'a>>,
}

/// What a recorder needs.
pub(super) struct Record<'a> {
    /// The filter that hands it the calls.
    pub(super) program: Vec<Instruction>,
    pub(super) table: &'a mut Table,
    pub(super) upper: &'a OwnedFd,
    pub(super) lower: &'a OwnedFd,
}

/// What is being done when something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    Hide = 1,
    Host,
    Proc,
    Root,
    Limits,
    Fork,
    Record,
    Directory,
    Forbid,
    Exec,
    /// Nothing failed; the number is the program's wait status.
    Ended,
}

impl Stage {
    const ALL: [Self; 11] = [
        Self::Hide,
        Self::Host,
        Self::Proc,
        Self::Root,
        Self::Limits,
        Self::Fork,
        Self::Record,
        Self::Directory,
        Self::Forbid,
        Self::Exec,
        Self::Ended,
    ];

    /// What is being done, as a verb phrase.
    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Hide => "hide the caller",
            Self::Host => "set the host name",
            Self::Proc => "mount `/proc`",
            Self::Root => "change the root directory",
            Self::Limits => "set limits",
            Self::Fork => "start a process",
            Self::Record => "record owners",
            Self::Directory => "change the directory",
            Self::Forbid => "forbid system calls",
            Self::Exec | Self::Ended => "run",
        }
    }
}

/// A report: a stage, and an error number or a wait status.
pub(super) const REPORT: usize = 5;

fn render(stage: Stage, number: i32) -> [u8; REPORT] {
    let [a, b, c, d] = number.to_ne_bytes();
    [stage as u8, a, b, c, d]
}

/// Reads what [`render`] wrote.
pub(super) fn parse(bytes: &[u8]) -> Option<(Stage, i32)> {
    let bytes: [u8; REPORT] = bytes.get(..REPORT)?.try_into().ok()?;
    let [stage, a, b, c, d] = bytes;
    let stage = Stage::ALL.into_iter().find(|known| *known as u8 == stage)?;
    Some((stage, i32::from_ne_bytes([a, b, c, d])))
}

/// Lives as process 1 of a new process namespace, in a mount namespace that is a copy of the parent's.
pub(super) fn live(plan: &mut Plan<'_>) -> ! {
    if let Err((stage, error)) = try_live(plan) {
        tell(plan, stage, error.raw_os_error());
    }
    // With process 1 the kernel ends all others that are left.
    sys::exit(0)
}

fn tell(plan: &Plan<'_>, stage: Stage, number: i32) {
    // With the parent gone there is nobody left to tell.
    let _gone = rustix::io::write(&plan.report, &render(stage, number));
}

/// Tells how the program ended. Where it failed, what it started stays as it is for the parent to look at why, until that
/// ends this process.
fn tell_end(plan: &Plan<'_>, status: i32) {
    tell(plan, Stage::Ended, status);
    if status != 0 {
        sys::wait_for_death();
    }
}

fn try_live(plan: &mut Plan<'_>) -> Result<(), (Stage, Errno)> {
    let at = |stage| move |error: Errno| (stage, error);
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(at(Stage::Fork))?;
    // If the parent died before that, no signal comes; but then nothing comes through the pipe either.
    if !matches!(rustix::io::read(&plan.start, &mut [0]), Ok(1)) {
        return Ok(());
    }
    hide(plan).map_err(at(Stage::Hide))?;
    sys::reset_signals();
    rustix::system::sethostname(b"localhost").map_err(at(Stage::Host))?;
    // The kernel wants to see a whole `/proc` when it makes one, so this comes before the old root goes.
    let processes = processes::new().map_err(at(Stage::Proc))?;
    rustix::process::chdir(&*plan.root).map_err(at(Stage::Root))?;
    rustix::process::pivot_root(c".", c".").map_err(at(Stage::Root))?;
    // The old root now lies over the new one; with it go all paths of the host.
    unmount(c".", UnmountFlags::DETACH).map_err(at(Stage::Root))?;
    rustix::process::chdir(c"/").map_err(at(Stage::Root))?;
    let whole = processes::lay(&processes).map_err(at(Stage::Proc))?;
    drop(processes);
    set_limits(&plan.limits).map_err(at(Stage::Limits))?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    match plan.record.take() {
        None => {
            drop(whole);
            let program = fork(|| start(plan))?;
            wait(plan, program);
            Ok(())
        }
        Some(record) => try_record(plan, record, whole),
    }
}

/// Leaves of the caller only what process 1 needs.
fn hide(plan: &Plan<'_>) -> Result<(), Errno> {
    quieten()?;
    let mut kept = [-1, -1, -1, -1, -1, -1, -1, 0, 1, 2];
    let own = [&plan.input, &plan.output, &plan.report, &plan.start].map(AsRawFd::as_raw_fd);
    kept[..4].copy_from_slice(&own);
    if let Some(record) = &plan.record {
        kept[4..7].copy_from_slice(&[record.upper.as_raw_fd(), record.lower.as_raw_fd(), record.table.descriptor()]);
    }
    sys::close_all_but(&mut kept)?;
    plan.given.forget();
    sys::join_session_keyring();
    // A recorder must look into its child once, which is a copy of it until it becomes the program.
    if plan.record.is_none() { sys::let_others_look(false) } else { Ok(()) }
}

/// Puts nothing in the place of the standard descriptors, so that no other gets their numbers.
fn quieten() -> Result<(), Errno> {
    let null = rustix::fs::open(c"/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)
}

fn fork(child: impl FnOnce()) -> Result<Pid, (Stage, Errno)> {
    match sys::fork_plainly() {
        Ok(Fork::Child) => {
            child();
            sys::exit(127)
        }
        Ok(Fork::Parent(program)) => Ok(program),
        Err(error) => Err((Stage::Fork, number_of(&error))),
    }
}

fn number_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// Starts the program under the filter and answers its calls until it ends.
fn try_record(plan: &Plan<'_>, record: Record<'_>, processes: OwnedFd) -> Result<(), (Stage, Errno)> {
    let at = |error: Errno| (Stage::Record, error);
    let children = sys::catch_children().map_err(|error| at(number_of(&error)))?;
    let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(at);
    let (told_reader, told_writer) = pipe()?;
    let (taken_reader, taken_writer) = pipe()?;
    let program = fork(|| {
        sys::close(taken_writer.as_raw_fd());
        sys::reset_signals();
        match record::install(&record.program) {
            Ok(listener) => {
                // The listener goes to process 1, which takes it out of this process before this one becomes the program.
                let told = rustix::io::write(&told_writer, &listener.as_raw_fd().to_ne_bytes());
                if told.is_ok() && matches!(rustix::io::read(&taken_reader, &mut [0]), Ok(1)) {
                    start(plan);
                }
            }
            Err(error) => tell(plan, Stage::Record, error.raw_os_error()),
        }
    })?;
    drop(told_writer);
    let mut number = [0; 4];
    if !matches!(rustix::io::read(&told_reader, &mut number), Ok(4)) {
        // The child has told why.
        return Ok(());
    }
    let process = rustix::process::pidfd_open(program, PidfdFlags::empty()).map_err(at)?;
    let listener = pidfd_getfd(&process, i32::from_ne_bytes(number), PidfdGetfdFlags::empty()).map_err(at)?;
    drop(process);
    let recorder = Recorder::new(listener, processes, record.table, record.upper, record.lower).map_err(at)?;
    // The program has not started yet, so nobody could have looked before.
    sys::let_others_look(false).map_err(at)?;
    rustix::io::write(&taken_writer, b"x").map_err(at)?;
    answer(plan, program, recorder, &children).map_err(at)
}

/// Answers calls until the program has ended.
fn answer(plan: &Plan<'_>, program: Pid, mut recorder: Recorder<'_>, children: &OwnedFd) -> Result<(), Errno> {
    loop {
        let mut waited = [PollFd::new(recorder.listener(), PollFlags::IN), PollFd::new(children, PollFlags::IN)];
        match poll(&mut waited, None) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let (calls, ended) = (waited[0].revents(), waited[1].revents());
        if calls.contains(PollFlags::IN) {
            recorder.serve()?;
        }
        if ended.contains(PollFlags::IN) {
            // One signal may stand for several children.
            let _read = rustix::io::read(children, &mut [0; 128]);
            while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
                if pid == program {
                    tell_end(plan, status.as_raw());
                    return Ok(());
                }
            }
        }
    }
}

fn set_limits(limits: &Limits) -> Result<(), Errno> {
    let fixed = |resource, number| rustix::process::setrlimit(resource, Rlimit { current: Some(number), maximum: Some(number) });
    fixed(Resource::Core, 0)?;
    // The host's own limit may be lower, and only root raises that.
    let allowed = |resource, wanted: u64| rustix::process::getrlimit(resource).maximum.map_or(wanted, |maximum| wanted.min(maximum));
    // Of one user of this sandbox. The monitor counts those of all; this is enough more for it to see who goes beyond, also where
    // programs give up when they cannot start others, and little enough that the host is not full until then.
    let processes = limits.processes * 2 + 16;
    fixed(Resource::Nproc, allowed(Resource::Nproc, processes))?;
    fixed(Resource::Nofile, allowed(Resource::Nofile, limits.files))?;
    fixed(Resource::Stack, allowed(Resource::Stack, limits.stack))
}

/// Becomes the program.
fn start(plan: &Plan<'_>) -> ! {
    let fail = |stage, error: Errno| -> ! {
        tell(plan, stage, error.raw_os_error());
        sys::exit(127)
    };
    // No terminal: what asks for one gets none, and Ctrl-C reaches only the parent.
    if let Err(error) = rustix::process::setsid() {
        fail(Stage::Fork, error);
    }
    let connected = rustix::stdio::dup2_stdin(&plan.input)
        .and_then(|()| rustix::stdio::dup2_stdout(&plan.output))
        .and_then(|()| rustix::stdio::dup2_stderr(&plan.output));
    if let Err(error) = connected {
        fail(Stage::Fork, error);
    }
    if let Err(error) = sys::close_on_exec_from(3) {
        fail(Stage::Fork, Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    if let Err(error) = rustix::process::chdir(&*plan.directory) {
        fail(Stage::Directory, error);
    }
    if let Err(error) = forbidden::forbid(&plan.forbidden) {
        fail(Stage::Forbid, error);
    }
    let mut last = Errno::NOENT;
    for program in &plan.programs {
        let error = match guarded::check(program) {
            Ok(()) => Errno::from_io_error(&sys::exec(program, &plan.arguments, &plan.environment)).unwrap_or(Errno::IO),
            Err(error) => error,
        };
        match error {
            // As a shell does: a file that may not be run does not end the search, and is told of if none is found.
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => last = Errno::ACCESS,
            error => fail(Stage::Exec, error),
        }
    }
    fail(Stage::Exec, last)
}

/// Waits for the program, and for orphans until then.
fn wait(plan: &Plan<'_>, program: Pid) {
    for fd in [&plan.input, &plan.start] {
        sys::close(fd.as_raw_fd());
    }
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => {
                tell_end(plan, status.as_raw());
                return;
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
