//! Counted slots that several processes share: connections to one server, processors for unpacking.
//!
//! A slot is a file and holding it is a lock on that file, so a process that dies in whatever way gives its slot back.

use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::PathBuf;

use super::place;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// What a slot stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A connection to the named host.
    Connection(String),
    /// A processor.
    Processor,
}

/// A set of slots: a directory that all who share it name, what they stand for, and how many there are.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Where the lock files lie; made when missing.
    pub directory: PathBuf,
    /// What is counted.
    pub kind: SlotKind,
    /// How many there are; 0 counts as 1.
    pub count: usize,
}

/// A slot that is held until this is dropped.
#[derive(Debug)]
pub struct Guard {
    _file: File,
}

impl Slots {
    /// Takes a slot, waiting until one is free.
    ///
    /// It tries all, from a scattered start, and then waits for one of them: the lock's own queue wakes it up.
    pub fn acquire(&self) -> io::Result<Guard> {
        place::make_directory(&self.directory)?;
        let count = self.count.max(1);
        let start = scatter(count);
        for offset in 0..count {
            let file = self.open((start + offset) % count)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Guard { _file: file }),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let file = self.open(start)?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))?;
        Ok(Guard { _file: file })
    }

    fn open(&self, number: usize) -> io::Result<File> {
        let name = match &self.kind {
            SlotKind::Processor => format!("cpu-{number}"),
            SlotKind::Connection(host) => {
                let host: String = host.chars().take(100).map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
                format!("net-{host}-{number}")
            }
        };
        place::lock_file(&self.directory.join(name))
    }
}

/// A number below `bound` that differs between processes and calls; not for secrets.
pub fn scatter(bound: usize) -> usize {
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    usize::try_from(random % bound.max(1) as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn never_gives_out_more_than_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let slots = Slots { directory: dir.path().join("slots"), kind: SlotKind::Connection("a/b".to_owned()), count: 3 };
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _guard = slots.acquire().unwrap();
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
        assert!(dir.path().join("slots/net-a-b-0").exists());
    }

    #[test]
    fn a_killed_process_gives_its_slot_back() {
        let dir = tempfile::tempdir().unwrap();
        let slots = Slots { directory: dir.path().to_owned(), kind: SlotKind::Processor, count: 1 };
        drop(slots.acquire().unwrap());
        let file = dir.path().join("cpu-0");
        let mut command = std::process::Command::new("flock");
        command.arg(&file).args(["sh", "-c", "echo held; exec sleep 60"]).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        let probe = File::open(&file).unwrap();
        assert!(rustix::fs::flock(&probe, FlockOperation::NonBlockingLockExclusive).is_err());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.acquire().unwrap());
            // `flock` runs the shell as its child, and both hold the lock.
            let pid = rustix::process::Pid::from_child(&child);
            let children = format!("/proc/{}/task/{}/children", pid.as_raw_nonzero(), pid.as_raw_nonzero());
            let held: i32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
            let sleeper = rustix::process::Pid::from_raw(held).unwrap();
            rustix::process::kill_process(sleeper, rustix::process::Signal::KILL).unwrap();
            waiting.join().unwrap();
        });
        child.wait().unwrap();
    }
}
