//! All processes that one process has started, directly or through others.

use super::memory::{self, Mapped, Nameless, number, process_of, text};
use super::sys;
use std::collections::BTreeMap;
use std::time::Instant;

/// So many tables of open files of one process are told apart; each is compared with all others, so beyond that they are not.
const TABLES: usize = 32;

/// What the processes below process 1 of a sandbox take.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// Processes and threads, process 1 left out.
    pub(super) tasks: u64,
    /// Memory that processes have, pages that they share counted for each of them.
    pub(super) memory: u64,
    /// What of that is shared memory.
    pub(super) shared: u64,
    /// Files without a name that they hold open.
    pub(super) nameless: Nameless,
    members: Vec<Member>,
}

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    process: u32,
    threads: u64,
    /// A thread that still has the process's memory: the first thread may have ended before the others.
    alive: u32,
}

impl Family {
    /// Looks at every process below `first`; what ends meanwhile is passed over.
    pub(super) fn below(first: u32) -> Self {
        let mut family = Self::default();
        let mut buffer = vec![];
        let mut waiting = vec![];
        children(first, 1, &mut buffer, &mut waiting);
        if waiting.is_empty() {
            // A kernel without lists of children, or one that does not show those of process 1.
            waiting = by_parent(first, &mut buffer);
            for process in waiting {
                family.member(process, &mut buffer);
            }
        } else {
            while let Some(process) = waiting.pop() {
                if let Some(threads) = family.member(process, &mut buffer) {
                    children(process, threads, &mut buffer, &mut waiting);
                }
            }
        }
        let since = Instant::now();
        for member in &family.members {
            for thread in member.tables() {
                family.nameless.add(thread, since);
            }
        }
        family
    }

    /// Takes a process in, unless it has ended; gives the number of its threads.
    fn member(&mut self, process: u32, buffer: &mut Vec<u8>) -> Option<u64> {
        text(&format!("/proc/{process}/status"), buffer)?;
        let threads = number(buffer, "Threads").unwrap_or(1);
        self.tasks += threads;
        let mut alive = process;
        if threads > 1 && !memory::is_told(buffer) {
            alive = threads_of(process).find(|thread| has_memory(*thread, buffer)).unwrap_or(process);
        }
        self.memory += memory::at_most(buffer);
        self.shared += memory::shared(buffer);
        self.members.push(Member { process, threads, alive });
        Some(threads)
    }

    /// The same as [`Self::memory`] and [`Self::shared`], each page that processes share counted once. It takes its time.
    pub(super) fn shares(&self) -> (u64, u64) {
        let (mut status, mut buffer) = (vec![], vec![]);
        let of = |member: &Member| match text(&format!("/proc/{}/status", member.alive), &mut status) {
            Some(()) => memory::share(member.alive, &status, &mut buffer),
            None => (0, 0),
        };
        self.members.iter().map(of).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// What they map of files without a name that none of them has open. It takes its time.
    pub(super) fn mapped(&self, mounted: &[u64]) -> Mapped {
        let (mut mapped, since) = (Mapped::default(), Instant::now());
        for member in &self.members {
            mapped.add(member.alive, &self.nameless, mounted, since);
        }
        mapped
    }
}

impl Member {
    /// The threads of which each has a table of open files that those before it do not have. Most processes have one table.
    fn tables(&self) -> Vec<u32> {
        let mut found = vec![self.alive];
        if self.threads > 1 {
            for thread in threads_of(self.process) {
                let known = found.len() < TABLES && found.iter().any(|known| sys::have_same_files(*known, thread));
                if !known {
                    found.push(thread);
                }
            }
        }
        found
    }
}

/// The threads of a process. Each has a place of its own in `/proc`, which a list of that does not show.
fn threads_of(process: u32) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    entries.flatten().filter_map(|entry| process_of(&entry.file_name()))
}

fn has_memory(thread: u32, buffer: &mut Vec<u8>) -> bool {
    text(&format!("/proc/{thread}/status"), buffer).is_some() && memory::is_told(buffer)
}

/// Adds the children of a process. Each belongs to the thread that made it.
fn children(process: u32, threads: u64, buffer: &mut Vec<u8>, found: &mut Vec<u32>) {
    let mut of_thread = |thread: u32, buffer: &mut Vec<u8>| {
        if text(&format!("/proc/{process}/task/{thread}/children"), buffer).is_some() {
            let words = std::str::from_utf8(buffer).unwrap_or_default().split_ascii_whitespace();
            found.extend(words.filter_map(|word| word.parse::<u32>().ok()));
        }
    };
    // Most have one thread, which has the process's number.
    if threads == 1 {
        return of_thread(process, buffer);
    }
    for thread in threads_of(process) {
        of_thread(thread, buffer);
    }
}

/// The processes below `first`, from what each process of the host says of its parent.
fn by_parent(first: u32, buffer: &mut Vec<u8>) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return vec![] };
    for process in entries.flatten().filter_map(|entry| process_of(&entry.file_name())) {
        if text(&format!("/proc/{process}/status"), buffer).is_some()
            && let Some(parent) = number(buffer, "PPid").and_then(|parent| u32::try_from(parent).ok())
        {
            children.entry(parent).or_default().push(process);
        }
    }
    let (mut found, mut at) = (children.remove(&first).unwrap_or_default(), 0);
    while at < found.len() {
        found.extend(children.remove(&found[at]).unwrap_or_default());
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};

    /// What this test's own process has, as a member of a family.
    fn own() -> Family {
        let mut family = Family::default();
        family.member(std::process::id(), &mut vec![]).unwrap();
        family
    }

    #[test]
    fn finds_files_that_only_one_thread_has_open() {
        let (ready, wait) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
        let thread = std::thread::spawn(move || {
            sys::unshare(libc::CLONE_FILES).unwrap();
            let file = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
            rustix::io::write(&file, &[1; 1 << 20]).unwrap();
            ready.0.send(rustix::fs::fstat(&file).unwrap().st_ino).unwrap();
            let _ended = wait.1.recv();
        });
        let inode = ready.1.recv().unwrap();
        let mut nameless = Nameless::default();
        let tables = own().members[0].tables();
        assert!(tables.len() >= 2, "{tables:?}");
        nameless.add(tables[0], Instant::now());
        assert!(!nameless.has(inode));
        tables.iter().for_each(|thread| nameless.add(*thread, Instant::now()));
        assert!(nameless.has(inode));
        wait.0.send(()).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn finds_children_of_children() {
        let script = "sleep 60 & (sleep 60 & wait) & echo; wait";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let ready = || Family::below(child.id()).tasks == 3;
        let start = Instant::now();
        while !ready() && start.elapsed().as_secs() < 20 {
            std::thread::yield_now();
        }
        let family = Family::below(child.id());
        let mut one_way: Vec<u32> = family.members.iter().map(|member| member.process).collect();
        let mut other_way = by_parent(child.id(), &mut vec![]);
        one_way.sort_unstable();
        other_way.sort_unstable();
        assert_eq!(one_way, other_way);
        assert_eq!(family.tasks, 3);
        let (shares, shared) = family.shares();
        assert!(shares > 0 && shares <= family.memory && shared <= family.shared, "{family:?}");
        rustix::process::kill_process_group(rustix::process::Pid::from_child(&child), rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
    }
}
