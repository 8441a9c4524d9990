//! Looks at what a running program takes, a few times a second, and tells when it is too much.
//!
//! It runs beside the program, in the process that started it, and needs nothing of the host: no control group, no rights
//! but those over its own children. What it finds is as of a moment; so that nothing can grow far between two looks, it looks
//! again the sooner the less room is left. `docs/design/0014-limits.md` says what the kernel enforces itself.

use super::family::Family;
use super::limits::{Excess, Limits};
use super::memory::{Host, system_v};
use super::root::Root;
use crate::pkg::Limit;
use rustix::fs::fstatvfs;
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
}

impl<'a> Monitor<'a> {
    pub(super) fn new(first: u32, limits: &'a Limits, root: &'a Root) -> Self {
        let now = Instant::now();
        let mut monitor = Self { first, limits, root, started: now, next: now, printed: 0 };
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
        let (host, in_use, layer) = (Host::read(), self.in_use(&family, family.memory), self.root.layers().0);
        let mut written = self.root.written.borrow_mut();
        let excess = self
            .processes(&family)
            .or_else(|| self.memory(&family, in_use, host))
            .or_else(|| self.root.full(self.limits))
            .or_else(|| written.check(layer, self.limits, family.nameless.disk));
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

    fn memory(&self, family: &Family, in_use: u64, host: Option<Host>) -> Option<Excess> {
        let allowed = self.limits.memory;
        if in_use > allowed {
            let excess = self.limits.check(Limit::Memory, in_use - family.memory + family.shares());
            if excess.is_some() {
                return excess;
            }
        }
        // What the sums do not have: buffers of pipes and sockets, and files on their way through one.
        host.filter(|host| host.left < host.floor()).map(|host| Excess::Host { left: host.left, allowed })
    }

    /// All memory, with that of processes as it was found.
    fn in_use(&self, family: &Family, processes: u64) -> u64 {
        let files: u64 = self
            .root
            .in_memory
            .iter()
            .filter_map(|(_, place)| fstatvfs(place).ok())
            .map(|stat| (stat.f_blocks - stat.f_bfree) * stat.f_frsize + (stat.f_files - stat.f_ffree) * INODE)
            .sum();
        processes + files + family.nameless.memory + system_v(&mut vec![])
    }
}
