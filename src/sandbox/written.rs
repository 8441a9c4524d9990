//! How much programs have written to the layer of a root, found without looking at every file each time.
//!
//! The file system's own count of what is free tells when it is worth looking: nothing is written without it falling. As
//! others write and remove files there too, the layer is walked once in a while in any case, the more seldom the longer that
//! takes. A walk goes on where it stopped, so that a large tree does not keep anybody from looking at other things.

use super::changes::DEPTH;
use super::limits::{Excess, Limits};
use crate::pkg::Limit;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstatvfs, openat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long one part of a walk may take.
const PART: Duration = Duration::from_millis(10);

/// A walk that took a second comes again after this many, or after the second number where too much may have been written.
const SELDOM: u32 = 500;
const AGAIN: u32 = 20;

/// A walk that takes no time comes again after this.
const SOON: Duration = Duration::from_millis(250);

/// What was written as of the last walk, and when to walk again.
#[derive(Debug)]
pub(super) struct Written {
    known: Usage,
    /// What the file system had left when that walk began, and when the layer was mounted.
    free: Free,
    first: Free,
    /// The next walk, whatever the file system says, and the earliest one.
    due: Instant,
    earliest: Instant,
    walk: Option<Walk>,
}

/// What a file of any kind takes on disk: its size, with holes, or its blocks, among which are those of a link's target, a directory's
/// names and attributes that do not fit beside these.
pub(super) fn taken(stat: &Stat) -> u64 {
    let number = |number: i64| u64::try_from(number).unwrap_or_default();
    number(stat.st_size).max(number(stat.st_blocks).saturating_mul(512))
}

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    /// What all files take.
    bytes: u64,
    inodes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Free {
    bytes: u64,
    inodes: u64,
}

impl Free {
    fn of(layer: &OwnedFd) -> Self {
        let free = |stat: rustix::fs::StatVfs| Self { bytes: stat.f_bfree.saturating_mul(stat.f_frsize), inodes: stat.f_ffree };
        fstatvfs(layer).map_or_else(|_| Self::default(), free)
    }
}

impl Written {
    /// Begins with a layer that is empty, or has what was written before.
    pub(super) fn new(layer: &OwnedFd) -> Self {
        let now = Instant::now();
        let free = Free::of(layer);
        Self { known: Usage::default(), free, first: free, due: now + SOON, earliest: now, walk: None }
    }

    /// Looks, and walks for a moment if that is due. `held` is what programs have open of files that have no name any more; `mapped` is what
    /// they could hold of others by mapping them, and takes its time.
    pub(super) fn check(&mut self, layer: &OwnedFd, limits: &Limits, held: u64, mapped: impl FnOnce() -> u64) -> Option<Excess> {
        let now = Instant::now();
        let free = Free::of(layer);
        let known = self.known.bytes.saturating_add(held);
        let held = if self.first.bytes.saturating_sub(free.bytes) > limits.disk.saturating_sub(known) {
            held.saturating_add(mapped())
        } else {
            held
        };
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            None if now >= self.due || (now >= self.earliest && self.is_suspect(free, limits)) => match Walk::of(layer) {
                Ok(walk) => {
                    self.free = free;
                    walk
                }
                Err(_) => return None,
            },
            None => return limits.check(Limit::Disk, self.known.bytes.saturating_add(held)),
        };
        match walk.go_on(limits) {
            Part::Excess(excess) => return Some(excess),
            Part::Unfinished => self.walk = Some(walk),
            Part::Done => {
                let now = Instant::now();
                (self.due, self.earliest) = (now + SOON.max(walk.took * SELDOM), now + walk.took * AGAIN);
                self.known = walk.found;
            }
        }
        limits.check(Limit::Disk, self.known.bytes.saturating_add(held))
    }

    /// Tells whether too much may have been written since the last walk.
    fn is_suspect(&self, free: Free, limits: &Limits) -> bool {
        let (bytes, inodes) = (self.free.bytes.saturating_sub(free.bytes), self.free.inodes.saturating_sub(free.inodes));
        bytes > limits.file_size || self.known.bytes + bytes > limits.disk || self.known.inodes + inodes > limits.inodes
    }

    /// Tells whether a walk waits to go on.
    pub(super) fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// Bytes that can still be written before it is worth looking.
    pub(super) fn room(&self, layer: &OwnedFd, limits: &Limits) -> u64 {
        let bytes = self.free.bytes.saturating_sub(Free::of(layer).bytes);
        limits.file_size.min(limits.disk.saturating_sub(self.known.bytes)).saturating_sub(bytes)
    }
}

/// A walk through a layer that programs may be writing to; what vanishes meanwhile is passed over.
#[derive(Debug)]
struct Walk {
    levels: Vec<Dir>,
    /// The path of the last directory, and where the name of each begins.
    path: String,
    starts: Vec<usize>,
    found: Usage,
    took: Duration,
}

enum Part {
    Done,
    Unfinished,
    Excess(Excess),
}

impl Walk {
    fn of(layer: &OwnedFd) -> Result<Self, Errno> {
        // The descriptor stands for the path only.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = Dir::new(openat(layer, ".", flags, Mode::empty())?)?;
        Ok(Self { levels: vec![top], path: String::new(), starts: vec![], found: Usage::default(), took: Duration::ZERO })
    }

    fn go_on(&mut self, limits: &Limits) -> Part {
        let start = Instant::now();
        let part = self.part(limits, start);
        self.took += start.elapsed();
        part
    }

    fn part(&mut self, limits: &Limits, start: Instant) -> Part {
        loop {
            let depth = self.levels.len();
            let Some(level) = self.levels.last_mut() else { return Part::Done };
            let Some(Ok(entry)) = level.next() else {
                self.levels.pop();
                self.path.truncate(self.starts.pop().unwrap_or_default());
                continue;
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Some(stat) = level.fd().and_then(|parent| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)).ok() else { continue };
            self.found.inodes += 1;
            self.found.bytes = self.found.bytes.saturating_add(taken(&stat));
            let text = name.to_string_lossy();
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {
                    let size = u64::try_from(stat.st_size).unwrap_or_default();
                    if let Some(excess) = limits.check_file(&format!("{}{text}", self.path), size) {
                        return Part::Excess(excess);
                    }
                }
                FileType::Directory => {
                    if depth > DEPTH {
                        return Part::Excess(Excess::Deep { path: std::mem::take(&mut self.path), allowed: DEPTH });
                    }
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let opened = level.fd().and_then(|parent| openat(parent, name, flags, Mode::empty())).and_then(Dir::new);
                    if let Ok(inner) = opened {
                        self.starts.push(self.path.len());
                        self.path.push_str(&format!("{text}/"));
                        self.levels.push(inner);
                    }
                }
                _ => {}
            }
            let over = limits.check(Limit::Disk, self.found.bytes).or_else(|| limits.check(Limit::Inodes, self.found.inodes));
            if let Some(excess) = over {
                return Part::Excess(excess);
            }
            if start.elapsed() > PART {
                return Part::Unfinished;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, create_dir_all, write};

    fn told(layer: &std::path::Path, limits: &Limits) -> Option<String> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let layer = rustix::fs::open(layer, flags, Mode::empty()).unwrap();
        let mut walk = Walk::of(&layer).unwrap();
        loop {
            match walk.go_on(limits) {
                Part::Unfinished => {}
                Part::Done => return None,
                Part::Excess(excess) => return Some(excess.to_string()),
            }
        }
    }

    #[test]
    fn finds_what_is_too_much() {
        let layer = tempfile::tempdir().unwrap();
        create_dir_all(layer.path().join("a/b")).unwrap();
        write(layer.path().join("a/b/one"), [0; 100_000]).unwrap();
        write(layer.path().join("a/two"), [0; 100_000]).unwrap();
        let limits = Limits { disk: 300_000, inodes: 4, file_size: 100_000, ..Limits::default() };
        assert_eq!(told(layer.path(), &limits), None);
        let less = |limits: Limits| told(layer.path(), &limits).unwrap();
        assert!(less(Limits { disk: 199_999, ..limits }).contains("kB, the limit is `disk = "));
        assert!(less(Limits { inodes: 3, ..limits }).contains("made 4 files and directories, the limit is `inodes = 3`"));
        File::create(layer.path().join("a/b/hole")).unwrap().set_len(3 << 30).unwrap();
        let told = less(limits);
        assert!(told.contains("`/a/b/hole` of 3.2 GB"), "{told}");
    }

    #[test]
    fn counts_what_is_no_content() {
        let layer = tempfile::tempdir().unwrap();
        for number in 0..100 {
            std::os::unix::fs::symlink("x".repeat(4000), layer.path().join(number.to_string())).unwrap();
        }
        let limits = Limits { disk: 399_999, ..Limits::default() };
        assert!(told(layer.path(), &limits).unwrap().contains("the limit is `disk = "));
        assert_eq!(told(layer.path(), &Limits { disk: 2_000_000, ..limits }), None);
    }

    #[test]
    fn looks_again_when_the_file_system_fills() {
        let limits = Limits { disk: 1 << 20, file_size: 1 << 20, inodes: 100, ..Limits::default() };
        let layer = tempfile::tempdir().unwrap();
        let directory = OwnedFd::from(File::open(layer.path()).unwrap());
        let free = Free { bytes: 10 << 20, inodes: 1000 };
        let written = Written { free, ..Written::new(&directory) };
        assert!(!written.is_suspect(Free { bytes: 9 << 20, ..free }, &limits));
        assert!(written.is_suspect(Free { bytes: 8 << 20, ..free }, &limits));
        assert!(written.is_suspect(Free { inodes: 899, ..free }, &limits));
        assert!(!written.is_suspect(Free { bytes: 20 << 20, inodes: 2000 }, &limits));
    }
}
