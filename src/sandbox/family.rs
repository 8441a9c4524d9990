//! All processes that one process has started, directly or through others.

use super::memory::{self, Nameless, number, process_of, text};
use std::collections::BTreeMap;
use std::time::Instant;

/// What the processes below process 1 of a sandbox take.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// Processes and threads, process 1 left out.
    pub(super) tasks: u64,
    /// Memory that processes have, pages that they share counted for each of them.
    pub(super) memory: u64,
    /// Files without a name that they hold open.
    pub(super) nameless: Nameless,
    members: Vec<u32>,
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
        for process in &family.members {
            family.nameless.add(*process, since);
        }
        family
    }

    /// Takes a process in, unless it has ended; gives the number of its threads.
    fn member(&mut self, process: u32, buffer: &mut Vec<u8>) -> Option<u64> {
        text(&format!("/proc/{process}/status"), buffer)?;
        let threads = number(buffer, "Threads").unwrap_or(1);
        self.tasks += threads;
        self.memory += memory::at_most(buffer);
        self.members.push(process);
        Some(threads)
    }

    /// The same as [`Self::memory`], each page that processes share counted once. It takes its time.
    pub(super) fn shares(&self) -> u64 {
        let (mut status, mut buffer) = (vec![], vec![]);
        let of = |process: &u32| match text(&format!("/proc/{process}/status"), &mut status) {
            Some(()) => memory::share(*process, &status, &mut buffer),
            None => 0,
        };
        self.members.iter().map(of).sum()
    }
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
    let Ok(entries) = std::fs::read_dir(format!("/proc/{process}/task")) else { return };
    for thread in entries.flatten().filter_map(|entry| process_of(&entry.file_name())) {
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
        let mut one_way = family.members.clone();
        let mut other_way = by_parent(child.id(), &mut vec![]);
        one_way.sort_unstable();
        other_way.sort_unstable();
        assert_eq!(one_way, other_way);
        assert_eq!(family.tasks, 3);
        assert!(family.memory > 0 && family.shares() > 0 && family.shares() <= family.memory, "{family:?}");
        rustix::process::kill_process_group(rustix::process::Pid::from_child(&child), rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
    }
}
