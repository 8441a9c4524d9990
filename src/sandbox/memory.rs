//! Memory that processes hold, as far as the kernel tells it without a control group.

use rustix::fs::{FileType, MemfdFlags, stat, statfs};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The most that is read of one file of `/proc`.
const MAX_TEXT: u64 = 1 << 20;

/// What `statfs` says of a file system in memory.
const TMPFS: i64 = 0x0102_1994;

/// The same of one of large pages, of which none is mounted in a sandbox.
const HUGETLBFS: i64 = 0x9584_58f6;

/// A file that is open costs about as much to look at as a process; no look takes longer than this.
const OPEN_FILES: Duration = Duration::from_millis(40);

/// The same for mappings, which are looked at only where something is not explained otherwise.
const MAPS: Duration = Duration::from_millis(200);

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
    /// Pages of files in memory and of shared memory, whoever made them.
    pub(super) shared: u64,
}

impl Host {
    /// What the kernel says; `None` if it does not.
    pub(super) fn read() -> Option<Self> {
        let mut buffer = vec![];
        text("/proc/meminfo", &mut buffer)?;
        let total = kilobytes(&buffer, "MemTotal")?;
        let left = kilobytes(&buffer, "MemAvailable")? + kilobytes(&buffer, "SwapFree").unwrap_or_default();
        Some(Self { total, left, shared: kilobytes(&buffer, "Shmem").unwrap_or_default() })
    }

    /// With less than this left the kernel is about to end processes of its own choice, a whole desktop among them.
    pub(super) fn floor(&self) -> u64 {
        (self.total / 50).min(256 << 20)
    }
}

/// Tells whether the text of a `status` says anything of memory. That of a thread that has ended does not.
pub(super) fn is_told(status: &[u8]) -> bool {
    number(status, "RssAnon").is_some()
}

/// The memory of one process from the text of its `status`, pages that it shares counted as if they were its own.
pub(super) fn at_most(status: &[u8]) -> u64 {
    let parts = ["RssAnon", "RssShmem", "VmSwap", "VmPTE", "HugetlbPages"];
    parts.iter().filter_map(|part| kilobytes(status, part)).sum()
}

/// What of [`at_most`] is shared memory.
pub(super) fn shared(status: &[u8]) -> u64 {
    kilobytes(status, "RssShmem").unwrap_or_default()
}

/// The memory of one process, its share of what it shares, and the part of it that is shared memory. This goes through its page tables.
pub(super) fn share(process: u32, status: &[u8], buffer: &mut Vec<u8>) -> (u64, u64) {
    let rest: u64 = ["VmPTE", "HugetlbPages"].iter().filter_map(|part| kilobytes(status, part)).sum();
    let mut shares = || {
        text(&format!("/proc/{process}/smaps_rollup"), buffer)?;
        let shared = kilobytes(buffer, "Pss_Shmem")?;
        Some((kilobytes(buffer, "Pss_Anon")? + shared + kilobytes(buffer, "SwapPss")? + rest, shared))
    };
    shares().unwrap_or_else(|| (at_most(status), shared(status)))
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
            self.add_file(&entry.path());
        }
    }

    fn add_file(&mut self, path: &Path) {
        let Ok(found) = stat(path) else { return };
        let nameless = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_nlink == 0;
        if !nameless || !self.seen.insert((found.st_dev, found.st_ino)) {
            return;
        }
        let bytes = u64::try_from(found.st_blocks).unwrap_or_default() * 512;
        if Some(found.st_dev) == unmounted() {
            self.memory += bytes;
            return;
        }
        match statfs(path).map(|system| system.f_type) {
            Ok(HUGETLBFS) => self.memory += bytes,
            Ok(TMPFS) | Err(_) => {}
            Ok(_) => self.disk += bytes,
        }
    }
}

impl Nameless {
    /// Tells whether a file is among them.
    pub(super) fn has(&self, inode: u64) -> bool {
        self.seen.iter().any(|(_, known)| *known == inode)
    }
}

/// What processes map of files that have no name and that nobody has open. The kernel says of these what is mapped, and not what they take:
/// holes and pages that were never touched count, and what is not mapped of one that is larger does not.
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// How far each file is mapped, by whether it is in memory, and its inode: below overlayfs, kernels differ in the device that they tell.
    ends: BTreeMap<(bool, u64), u64>,
}

impl Mapped {
    /// Adds what a process maps. `mounted` are devices of file systems in memory that are counted as a whole.
    pub(super) fn add(&mut self, process: u32, open: &Nameless, mounted: &[u64], since: Instant) {
        let Ok(file) = File::open(format!("/proc/{process}/maps")) else { return };
        let mut lines = BufReader::with_capacity(64 << 10, file);
        let mut line = vec![];
        // A process can have more of these lines than fit into memory at once.
        while since.elapsed() < MAPS && matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
            if let Some((in_memory, inode, end)) = mapped(&line, mounted)
                && !open.has(inode)
            {
                let known = self.ends.entry((in_memory, inode)).or_default();
                *known = end.max(*known);
            }
            line.clear();
        }
    }

    /// How many bytes they could take in memory.
    pub(super) fn memory(&self) -> u64 {
        self.sum(true)
    }

    /// How many bytes they could take on disk.
    pub(super) fn disk(&self) -> u64 {
        self.sum(false)
    }

    fn sum(&self, in_memory: bool) -> u64 {
        self.ends.iter().filter(|((kind, _), _)| *kind == in_memory).fold(0, |sum: u64, (_, end)| sum.saturating_add(*end))
    }
}

/// Whether the file of a line of `maps` is in memory, its inode, and where the mapping ends in it; `None` of a file with a name.
fn mapped(line: &[u8], mounted: &[u64]) -> Option<(bool, u64, u64)> {
    let text = std::str::from_utf8(line.get(..line.len().min(128))?).unwrap_or_else(|error| {
        // A path may be of any bytes, and comes last.
        std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default()
    });
    let mut words = text.split_ascii_whitespace();
    let (range, _, offset, device, inode) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let inode: u64 = inode.parse().ok().filter(|inode| *inode != 0)?;
    let hexadecimal = |word: &str| u64::from_str_radix(word, 16).ok();
    let pair = |(one, other): (&str, &str)| Some((hexadecimal(one)?, hexadecimal(other)?));
    let (major, minor) = device.split_once(':').and_then(pair)?;
    let device = rustix::fs::makedev(u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
    // Shared memory without a name may be given one that says nothing of this (`PR_SET_VMA_ANON_NAME`).
    let in_memory = Some(device) == unmounted();
    if mounted.contains(&device) || !(in_memory || line.trim_ascii_end().ends_with(b" (deleted)")) {
        return None;
    }
    let (start, end) = range.split_once('-').and_then(pair)?;
    Some((in_memory, inode, hexadecimal(offset)?.saturating_add(end.saturating_sub(start))))
}

/// The device of files in memory that lie in no file system anybody mounted: those of `memfd_create`, shared memory without a name and
/// segments of System V.
pub(super) fn unmounted() -> Option<u64> {
    static DEVICE: OnceLock<Option<u64>> = OnceLock::new();
    let of_new = || Some(rustix::fs::fstat(rustix::fs::memfd_create("x", MemfdFlags::CLOEXEC).ok()?).ok()?.st_dev);
    *DEVICE.get_or_init(of_new)
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
    fn reads_mappings() {
        let own = unmounted().unwrap();
        let device = format!("{:02x}:{:02x}", rustix::fs::major(own), rustix::fs::minor(own));
        let line = |range: &str, offset: &str, device: &str, inode: u64, name: &str| {
            mapped(format!("{range} rw-s {offset} {device} {inode}    {name}\n").as_bytes(), &[rustix::fs::makedev(0, 0x33)])
        };
        let range = "7f0000000000-7f0000100000";
        assert_eq!(line(range, "00000000", &device, 9, "/dev/zero (deleted)"), Some((true, 9, 1 << 20)));
        assert_eq!(line(range, "00100000", &device, 9, "[anon_shmem:x]"), Some((true, 9, 2 << 20)));
        assert_eq!(line(range, "00000000", "fe:00", 9, "/var/x y (deleted)"), Some((false, 9, 1 << 20)));
        for (device, inode, name) in [("fe:00", 9, "/var/x"), ("00:33", 9, "/tmp/x (deleted)"), ("00:00", 0, "[heap]"), ("00:00", 0, "")] {
            assert_eq!(line(range, "00000000", device, inode, name), None, "{name}");
        }
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
        assert!(share(this, &status, &mut buffer).0 <= at_most(&status) + (1 << 20));
    }
}
