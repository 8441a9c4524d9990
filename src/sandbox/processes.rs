//! `/proc` of a program's sandbox: its own processes, and of the machine only what is safe to know and nothing to change.
//!
//! Parts of `/proc` belong to no namespace: settings of the kernel, its memory, its keys. bubblewrap, runc and podman cover the
//! same parts. Nothing here allocates.

use super::error::Lack;
use super::root::new_mount;
use super::sys::{self, MountIs};
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use std::ffi::CStr;
use std::os::fd::{AsFd as _, OwnedFd};

/// What can be read and not written to: settings, interrupts, buses, the emergency key, memory ranges.
const READ_ONLY: [&CStr; 6] = [c"/proc/sys", c"/proc/irq", c"/proc/bus", c"/proc/fs", c"/proc/sysrq-trigger", c"/proc/mtrr"];

/// Files that cannot be opened: memory, addresses, keys, log, scheduler and configuration of the host's kernel.
const MASKED: [&CStr; 22] = [
    c"/proc/kcore",
    c"/proc/kmsg",
    c"/proc/kallsyms",
    c"/proc/kpagecount",
    c"/proc/kpageflags",
    c"/proc/kpagecgroup",
    c"/proc/vmcore",
    c"/proc/keys",
    c"/proc/key-users",
    c"/proc/timer_list",
    c"/proc/timer_stats",
    c"/proc/sched_debug",
    c"/proc/schedstat",
    c"/proc/latency_stats",
    c"/proc/lock_stat",
    c"/proc/slabinfo",
    c"/proc/vmallocinfo",
    c"/proc/pagetypeinfo",
    c"/proc/iomem",
    c"/proc/ioports",
    c"/proc/config.gz",
    c"/proc/bootconfig",
];

/// Directories that are empty: devices, debugging, and process 1. That one is ours; not even its own `/proc/self` leads there by
/// way of the tree, so that nobody has the recorder open a file of its own.
const EMPTY: [&CStr; 7] =
    [c"/proc/acpi", c"/proc/scsi", c"/proc/asound", c"/proc/driver", c"/proc/tty/driver", c"/proc/dynamic_debug", c"/proc/1"];

/// A new `/proc` for the process namespace that this process is in, mounted nowhere yet.
pub(super) fn new() -> Result<OwnedFd, Errno> {
    new_mount("proc", &[])
}

/// Mounts it in a tree that is this process's root by now, and covers what programs shall not reach. Gives a whole one, which has
/// no place in the tree.
pub(super) fn lay(processes: &OwnedFd) -> Result<OwnedFd, Errno> {
    put(processes, c"/proc")?;
    let whole = clone(c"/proc")?;
    for path in READ_ONLY.into_iter().filter(|path| is_there(path)) {
        let part = clone(path)?;
        sys::set_mount(part.as_fd(), &MountIs::ReadOnly)?;
        put(&part, path)?;
    }
    for path in MASKED.into_iter().filter(|path| is_there(path)) {
        // A device where none may be opened.
        let nothing = clone(c"/dev/null")?;
        if rustix::fs::fstat(&nothing)?.st_rdev != rustix::fs::makedev(1, 3) {
            // A program of the same root has put something else there (CVE-2025-31133).
            return Err(Errno::NODEV);
        }
        sys::set_mount(nothing.as_fd(), &MountIs::ReadOnly)?;
        put(&nothing, path)?;
    }
    let empty = new_mount("tmpfs", &[("mode", "0555"), ("size", "4k"), ("nr_inodes", "2")])?;
    sys::set_mount(empty.as_fd(), &MountIs::ReadOnly)?;
    let mut places = EMPTY.into_iter().filter(|path| is_there(path));
    // A mount that was never put anywhere cannot be copied before Linux 6.15.
    let Some(first) = places.next() else { return Ok(whole) };
    put(&empty, first)?;
    for path in places {
        put(&clone(first)?, path)?;
    }
    Ok(whole)
}

fn is_there(path: &CStr) -> bool {
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn clone(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    open_tree(CWD, path, flags)
}

fn put(mount: &OwnedFd, path: &CStr) -> Result<(), Errno> {
    move_mount(mount, c"", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// What a host lacks that lets nobody mount a `/proc`.
const LACK: &str = "this host does not let its users mount `/proc`, because its own is masked";

/// What is wrong with such a host.
pub(super) fn lack() -> Lack {
    let mend = "start the container with `podman run --security-opt unmask=ALL`, or `docker run --security-opt systempaths=unconfined`";
    Lack::new(LACK, mend)
}

/// Tells whether a lack is this one.
pub(super) fn is_lacking(lack: &Lack) -> bool {
    lack.what.starts_with(LACK)
}
