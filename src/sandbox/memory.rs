//! Memory that processes hold, as far as the kernel tells it without a control group.

use rustix::fs::{FileType, stat, statfs};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The most that is read of one file of `/proc`.
const MAX_TEXT: u64 = 1 << 20;

/// What `statfs` says of a file system in memory.
const TMPFS: i64 = 0x0102_1994;

/// A file that is open costs about as much to look at as a process; no look takes longer than this.
const OPEN_FILES: Duration = Duration::from_millis(40);

/// Reads a file of `/proc` whole.
pub(super) fn text(path: &str, buffer: &mut Vec<u8>) -> Option<()> {
    buffer.clear();
    // The kernel makes as much of the text as one call takes.
    buffer.reserve(4 << 10);
    File::open(path).ok()?.take(MAX_TEXT).read_to_end(buffer).ok().map(drop)
}

/// The number behind `name:` in a text of `name: NUMBER kB` lines, in bytes.
fn kilobytes(text: &[u8], name: &str) -> Option<u64> {
    number(text, name)?.checked_mul(1 << 10)
}

pub(super) fn number(text: &[u8], name: &str) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))?;
    let digits = line.trim_ascii().split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The host's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    pub(super) total: u64,
    /// What could still be had, swap included.
    pub(super) left: u64,
}

impl Host {
    /// What the kernel says; `None` if it does not.
    pub(super) fn read() -> Option<Self> {
        let mut buffer = vec![];
        text("/proc/meminfo", &mut buffer)?;
        let total = kilobytes(&buffer, "MemTotal")?;
        let left = kilobytes(&buffer, "MemAvailable")? + kilobytes(&buffer, "SwapFree").unwrap_or_default();
        Some(Self { total, left })
    }

    /// With less than this left the kernel is about to end processes of its own choice, a whole desktop among them.
    pub(super) fn floor(&self) -> u64 {
        (self.total / 50).min(256 << 20)
    }
}

/// The memory of one process from the text of its `status`, pages that it shares counted as if they were its own.
pub(super) fn at_most(status: &[u8]) -> u64 {
    let parts = ["RssAnon", "RssShmem", "VmSwap", "VmPTE", "HugetlbPages"];
    parts.iter().filter_map(|part| kilobytes(status, part)).sum()
}

/// The memory of one process, its share of what it shares. This goes through its page tables.
pub(super) fn share(process: u32, status: &[u8], buffer: &mut Vec<u8>) -> u64 {
    let rest: u64 = ["VmPTE", "HugetlbPages"].iter().filter_map(|part| kilobytes(status, part)).sum();
    let mut shares = || {
        text(&format!("/proc/{process}/smaps_rollup"), buffer)?;
        Some(kilobytes(buffer, "Pss_Anon")? + kilobytes(buffer, "Pss_Shmem")? + kilobytes(buffer, "SwapPss")?)
    };
    shares().map_or_else(|| at_most(status), |shares| shares + rest)
}

/// Files without a name that processes hold open.
#[derive(Debug, Default)]
pub(super) struct Nameless {
    seen: BTreeSet<(u64, u64)>,
    /// Bytes in memory, such as those of `memfd_create`; those of mounted file systems are not among them.
    pub(super) memory: u64,
    /// Bytes on disk, of files that were removed.
    pub(super) disk: u64,
}

impl Nameless {
    /// Adds what a process has open, unless that was added before or `since` is long ago.
    pub(super) fn add(&mut self, process: u32, since: Instant) {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return };
        for entry in entries.flatten() {
            if since.elapsed() > OPEN_FILES {
                return;
            }
            let path = entry.path();
            if let Ok(target) = rustix::fs::readlink(&path, vec![])
                && target.to_bytes().ends_with(b" (deleted)")
            {
                self.add_file(&path, target.to_bytes());
            }
        }
    }

    fn add_file(&mut self, path: &Path, target: &[u8]) {
        let Ok(found) = stat(path) else { return };
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile || !self.seen.insert((found.st_dev, found.st_ino)) {
            return;
        }
        let bytes = u64::try_from(found.st_blocks).unwrap_or_default() * 512;
        let unmounted =
            [&b"/memfd:"[..], b"/dev/zero (deleted)", b"/SYSV", b"/anon_hugepage"].iter().any(|start| target.starts_with(start));
        if unmounted {
            self.memory += bytes;
        } else if statfs(path).is_ok_and(|system| system.f_type != TMPFS) {
            self.disk += bytes;
        }
    }
}

/// Shared memory, messages and semaphores of System V, which no process need hold, in this process's own IPC namespace.
pub(super) fn system_v(buffer: &mut Vec<u8>) -> u64 {
    let mut sum = 0;
    // Columns, and what each unit of them takes: a message has a head, a semaphore has a line of the processor's cache.
    for (name, columns) in [("shm", [(14, 1), (15, 1)]), ("msg", [(3, 1), (4, 64)]), ("sem", [(3, 64), (3, 0)])] {
        if text(&format!("/proc/sysvipc/{name}"), buffer).is_none() {
            continue;
        }
        for line in buffer.split(|byte| *byte == b'\n').skip(1) {
            let words: Vec<&str> = std::str::from_utf8(line).unwrap_or_default().split_ascii_whitespace().collect();
            let value =
                |(column, unit): (usize, u64)| words.get(column).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default() * unit;
            sum += columns.map(value).iter().sum::<u64>();
        }
    }
    sum
}

/// Tells whether a name of `/proc` is a process's, and which.
pub(super) fn process_of(name: &std::ffi::OsStr) -> Option<u32> {
    std::str::from_utf8(name.as_bytes()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_numbers() {
        let status = b"Name:\tx RssAnon: 9 kB\nThreads:\t3\nRssAnon:\t     124 kB\nRssShmem:\t   1 kB\nVmSwap:\t0 kB\nVmPTE:\t   2 kB\n";
        assert_eq!(number(status, "Threads"), Some(3));
        assert_eq!(at_most(status), 127 << 10);
        assert_eq!(number(status, "Nothing"), None);
        let host = Host::read().unwrap();
        assert!(host.total > host.floor() && host.left > 0);
    }

    #[test]
    fn finds_memory_that_no_page_table_shows() {
        use std::io::Write as _;
        let this = std::process::id();
        let mut before = Nameless::default();
        before.add(this, Instant::now());
        let mut file = File::from(rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        file.write_all(&[1; 3 << 20]).unwrap();
        let _twice = file.try_clone().unwrap();
        let mut after = Nameless::default();
        after.add(this, Instant::now());
        assert!(after.memory >= before.memory + (3 << 20) && after.memory < before.memory + (6 << 20), "{after:?}");
        let mut buffer = vec![];
        text(&format!("/proc/{this}/status"), &mut buffer).unwrap();
        let status = buffer.clone();
        assert!(share(this, &status, &mut buffer) <= at_most(&status) + (1 << 20));
    }
}
