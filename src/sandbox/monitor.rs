//! Looks at what a running program takes, a few times a second, and tells when it is too much.
//!
//! It runs beside the program, in the process that started it, and needs nothing of the host: no control group, no rights
//! but those over its own children. What it finds is as of a moment; so that nothing can grow far between two looks, it looks
//! again the sooner the less room is left. `docs/design/0014-limits.md` says what the kernel enforces itself.

use super::family::Family;
use super::limits::{Excess, Limits};
use super::memory::{self, Host, Mapped, system_v};
use super::root::Root;
use crate::pkg::Limit;
use rustix::fs::{fstat, fstatvfs};
use std::cell::OnceCell;
use std::fs::File;
use std::time::{Duration, Instant};

/// Looks are no further apart than this where nothing happens.
const SELDOM: Duration = Duration::from_millis(250);

/// Looks are no closer than this.
const OFTEN: Duration = Duration::from_millis(2);

/// How fast memory and files may grow, in bytes a second: what two processors fill.
const SPEED: u64 = 4 << 30;

/// A process takes so many microseconds to start.
const FORK: u64 = 100;

/// A look that took a second is followed by none for this many, so that looking never takes the processor over.
const PAUSE: u32 = 4;

/// A file in memory takes this, besides its content.
const INODE: u64 = 1 << 10;

/// The looks at one program.
pub(super) struct Monitor<'a> {
    /// Process 1 of the program's sandbox.
    first: u32,
    limits: &'a Limits,
    root: &'a Root,
    started: Instant,
    /// When to look next.
    next: Instant,
    printed: u64,
    /// The host's shared memory, but for what lies in this sandbox's file systems, when the program was started.
    others: u64,
    recorder: Option<Recorder<'a>>,
}

/// What process 1 keeps for programs whose owners and identities it records.
struct Recorder<'a> {
    /// The list of owners, in memory.
    journal: &'a File,
    /// What list and process took when the program was started.
    before: u64,
}

impl Recorder<'_> {
    fn in_use(&self, process: &str) -> u64 {
        let mut status = vec![];
        let _ended = memory::text(&format!("/proc/{process}/status"), &mut status);
        let list = fstat(self.journal).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or_default());
        memory::at_most(&status) + list
    }
}

impl<'a> Monitor<'a> {
    /// `journal` is the list of owners, where they are recorded.
    pub(super) fn new(first: u32, limits: &'a Limits, root: &'a Root, journal: Option<&'a File>) -> Self {
        let now = Instant::now();
        // Process 1 is a copy of this one and had as much when it began.
        let recorder = journal.map(|journal| Recorder { journal, before: Recorder { journal, before: 0 }.in_use("self") });
        let mut monitor = Self { first, limits, root, started: now, next: now, printed: 0, others: 0, recorder };
        monitor.others = Host::read().map_or(0, |host| host.shared).saturating_sub(monitor.files().0);
        monitor.next = now + monitor.pause(limits.memory).min(monitor.pause_of_forks(limits.processes));
        monitor
    }

    /// How long nobody need look.
    pub(super) fn wait(&self) -> Duration {
        let now = Instant::now();
        self.next.saturating_duration_since(now).min(self.limits.time.saturating_sub(self.started.elapsed()))
    }

    /// Counts what was printed.
    pub(super) fn printed(&mut self, bytes: usize) -> Option<Excess> {
        self.printed += bytes as u64;
        self.limits.check(Limit::Log, self.printed)
    }

    /// Looks, if it is time.
    pub(super) fn look(&mut self) -> Option<Excess> {
        let now = Instant::now();
        if now.duration_since(self.started) >= self.limits.time {
            let (used, allowed) = (self.started.elapsed().as_secs(), self.limits.time.as_secs());
            return Some(Excess::Over { limit: Limit::ScriptTime, used, allowed });
        }
        if now < self.next {
            return None;
        }
        let family = Family::below(self.first);
        let (host, found) = (Host::read(), self.found(&family));
        let mapped = OnceCell::new();
        let mapped = || mapped.get_or_init(|| family.mapped(&self.root.memory_devices()));
        let in_use = self.with_unseen(found, host, mapped);
        let layer = self.root.layers().0;
        let mut written = self.root.written.borrow_mut();
        let excess = self
            .processes(&family)
            .or_else(|| self.memory(&family, found, in_use, host, mapped))
            .or_else(|| self.root.full(self.limits))
            .or_else(|| written.check(layer, self.limits, family.nameless.disk, || mapped().disk()));
        let room = if written.is_walking() { 0 } else { written.room(layer, self.limits) };
        let left = host.map_or(u64::MAX, |host| host.left.saturating_sub(host.floor()));
        let pause = self.pause(room.min(left).min(self.limits.memory.saturating_sub(in_use)));
        let pause = pause.min(self.pause_of_forks(self.limits.processes.saturating_sub(family.tasks)));
        self.next = Instant::now() + pause.max(now.elapsed() * PAUSE);
        excess
    }

    /// Looks once more, at what the kernel itself may have kept the program from, after it failed.
    pub(super) fn look_back(&self) -> Option<Excess> {
        self.processes(&Family::below(self.first)).or_else(|| self.root.full(self.limits))
    }

    /// How long it takes to fill this much room.
    fn pause(&self, room: u64) -> Duration {
        Duration::from_micros(room / (SPEED / 1_000_000)).clamp(OFTEN, SELDOM)
    }

    /// How long it takes to start this many processes.
    fn pause_of_forks(&self, room: u64) -> Duration {
        Duration::from_micros(room.saturating_mul(FORK)).clamp(OFTEN, SELDOM)
    }

    fn processes(&self, family: &Family) -> Option<Excess> {
        self.limits.check(Limit::Processes, family.tasks)
    }

    fn memory<'b>(
        &self,
        family: &Family,
        found: Found,
        in_use: u64,
        host: Option<Host>,
        mapped: impl FnOnce() -> &'b Mapped,
    ) -> Option<Excess> {
        let allowed = self.limits.memory;
        if in_use > allowed {
            let (memory, shared) = family.shares();
            let found = Found {
                all: found.all.saturating_sub(family.memory) + memory,
                shared: found.shared.saturating_sub(family.shared) + shared,
                by_processes: shared,
            };
            let excess = self.limits.check(Limit::Memory, self.with_unseen(found, host, mapped));
            if excess.is_some() {
                return excess;
            }
        }
        // What the sums do not have: buffers of pipes and sockets, and files on their way through one.
        host.filter(|host| host.left < host.floor()).map(|host| Excess::Host { left: host.left, allowed })
    }

    /// All memory that was found, with that of processes as they were found.
    fn found(&self, family: &Family) -> Found {
        let (bytes, inodes) = self.files();
        let unmounted = family.nameless.memory + system_v(&mut vec![]);
        let recorder = self.recorder.as_ref().map_or(0, |kept| kept.in_use(&self.first.to_string()).saturating_sub(kept.before));
        Found {
            all: family.memory + bytes + inodes * INODE + unmounted + recorder,
            shared: family.shared + bytes + unmounted,
            by_processes: family.shared,
        }
    }

    /// Adds shared memory that was not found: pages of a file without a name stay when a process forgets them, and the kernel tells nobody
    /// how many there are. So if what is mapped of such files could be too much, it counts as far as the host has more shared memory than
    /// before the program began; what is reserved only does not.
    fn with_unseen<'b>(&self, found: Found, host: Option<Host>, mapped: impl FnOnce() -> &'b Mapped) -> u64 {
        let unseen = host.map_or(0, |host| host.shared.saturating_sub(self.others + found.shared));
        if found.all + unseen <= self.limits.memory {
            return found.all;
        }
        found.all + unseen.min(mapped().memory().saturating_sub(found.by_processes))
    }

    /// Bytes and inodes in the root's file systems in memory.
    fn files(&self) -> (u64, u64) {
        let used = self.root.in_memory.iter().filter_map(|(_, place)| fstatvfs(place).ok());
        used.fold((0, 0), |(bytes, inodes), stat| {
            (bytes + (stat.f_blocks - stat.f_bfree) * stat.f_frsize, inodes + stat.f_files - stat.f_ffree)
        })
    }
}

/// Memory that was found at a look.
#[derive(Clone, Copy, Debug)]
struct Found {
    all: u64,
    /// What of it the host counts as shared memory, some of it twice.
    shared: u64,
    /// What of that lies in processes.
    by_processes: u64,
}
