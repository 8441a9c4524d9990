//! System calls that have no safe wrapper, each in the smallest form that is sound.

use super::error::Error;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Which side of a fork the caller is on.
pub(super) enum Fork {
    Child,
    Parent(Pid),
}

/// Makes a copy of this process.
///
/// The copy has one thread. It may allocate: the C library makes its allocator usable across a fork. It must not take
/// locks that other threads may have held, so it must not print.
pub(super) fn fork() -> io::Result<Fork> {
    // SAFETY: no memory is handed over; callers keep to what the comment above allows.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(Pid::from_raw(pid).expect("a child has a positive id"))),
    }
}

/// Makes a copy of this process in new namespaces; the parent gets a file that stands for it.
pub(super) fn fork_into(namespaces: libc::c_int) -> io::Result<Option<(Pid, OwnedFd)>> {
    let mut pidfd: libc::c_int = -1;
    let flags = libc::c_long::from(namespaces | libc::CLONE_PIDFD | libc::SIGCHLD);
    let none: libc::c_long = 0;
    // SAFETY: without a new stack and without CLONE_VM this is a fork: the child goes on with a copy of this stack. The
    // kernel writes one int to `pidfd`. The order of the last two arguments differs between machines; both are unused.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, none, &raw mut pidfd, none, none) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a child has a positive id");
            // SAFETY: the kernel just made this descriptor for us, and nobody else knows it.
            Ok(Some((pid, unsafe { OwnedFd::from_raw_fd(pidfd) })))
        }
    }
}

/// Makes a copy of this process without telling the C library, whose preparations wait for locks that threads of a process
/// further up may have held. The copy must not allocate.
pub(super) fn fork_plainly() -> io::Result<Fork> {
    let (flags, none) = (libc::c_long::from(libc::SIGCHLD), 0 as libc::c_long);
    // SAFETY: without a new stack and without CLONE_VM this is a fork: the child goes on with a copy of this stack.
    match unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a child has a positive id"))),
    }
}

/// Moves this process into new namespaces.
pub(super) fn unshare(namespaces: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no memory; none of the namespaces asked for here separates the memory or files of threads.
    match unsafe { libc::unshare(namespaces) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Brings up the loopback of this process's network namespace, which then has the addresses 127.0.0.1 and ::1.
pub(super) fn loopback_up() -> io::Result<()> {
    // SAFETY: takes no memory; the kernel makes a descriptor that nobody else knows.
    let socket = match unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) } {
        -1 => return Err(io::Error::last_os_error()),
        // SAFETY: that descriptor.
        fd => unsafe { OwnedFd::from_raw_fd(fd) },
    };
    // SAFETY: an all-zero request is a valid one; the name after it ends with the zero that it had.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = (*from).try_into().expect("the name is ASCII");
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the kernel reads one request, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Becomes another program; returns only if that fails.
pub(super) fn exec(program: &CStr, arguments: &Words, environment: &Words) -> io::Error {
    // SAFETY: both lists end with a null pointer and point to strings that live as long as they do.
    unsafe { libc::execve(program.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends this process at once: no destructors, no buffers, nothing that belongs to the process it was forked from.
pub(super) fn exit(status: i32) -> ! {
    // SAFETY: never returns and touches no memory.
    unsafe { libc::_exit(status) }
}

/// Waits for the signal that nobody survives.
pub(super) fn wait_for_death() -> ! {
    loop {
        // SAFETY: takes no memory.
        unsafe { libc::pause() };
    }
}

/// Gives every signal its default action and lets all of them in, as a program expects it at its start.
pub(super) fn reset_signals() {
    let last = libc::SIGRTMAX();
    for signal in 1..=last {
        // SAFETY: the default action needs no memory of ours. The kernel refuses the two that cannot be changed.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero set is filled by `sigemptyset` before it is read; the old mask is not asked for.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Keeps the signal that tells of children, for the file that is returned.
pub(super) fn catch_children() -> io::Result<OwnedFd> {
    // SAFETY: the set is filled by `sigemptyset` before it is read; the kernel makes a descriptor that nobody else knows.
    unsafe {
        let mut children: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut children);
        libc::sigaddset(&raw mut children, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const children, std::ptr::null_mut());
        match libc::signalfd(-1, &raw const children, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Lets the parent be told when a child ends, whatever it inherited.
pub(super) fn hear_of_children() {
    // SAFETY: the default action needs no memory of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Closes every descriptor from `first` on when the process becomes another program.
pub(super) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: only sets a flag; descriptors stay open and owned by whoever owns them.
    match unsafe { libc::close_range(first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Closes one descriptor that this side of a fork does not use.
pub(super) fn close(fd: RawFd) {
    // SAFETY: called in a child that never returns to the code that owns its copy of the descriptor.
    unsafe { libc::close(fd) };
}

/// Tells whether two threads have one table of open files; not where the kernel or a filter does not let anybody ask.
pub(super) fn have_same_files(one: u32, other: u32) -> bool {
    /// `KCMP_FILES`.
    const FILES: libc::c_long = 2;
    let (one, other, none) = (libc::c_long::from(one), libc::c_long::from(other), 0 as libc::c_long);
    // SAFETY: takes numbers only.
    one == other || unsafe { libc::syscall(libc::SYS_kcmp, one, other, FILES, none, none) } == 0
}

/// Strings in the form that `execve` takes, made before a fork.
#[derive(Debug)]
pub(super) struct Words {
    _strings: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

impl Words {
    pub(super) fn new(strings: Vec<CString>) -> Self {
        // A `CString`'s bytes stay where they are when the string is moved.
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
        Self { _strings: strings, pointers }
    }
}

/// Text for a system call.
pub(super) fn c_string(text: impl Into<Vec<u8>>) -> Result<CString, Error> {
    CString::new(text).map_err(|error| Error::Zero { text: String::from_utf8_lossy(&error.into_vec()).into_owned() })
}

/// The name of a user, as the host's user database has it.
pub(super) fn user_name(uid: u32) -> Option<String> {
    // SAFETY: the process has one thread, so the static buffer that the C library returns stays as it is until it is copied.
    unsafe {
        let entry = libc::getpwuid(uid);
        if entry.is_null() {
            return None;
        }
        Some(CStr::from_ptr((*entry).pw_name).to_string_lossy().into_owned())
    }
}

fn done(result: impl Into<i64>) -> Result<(), Errno> {
    if result.into() < 0 { Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)) } else { Ok(()) }
}

/// Sets whether processes with the same ids may look into this one and see its memory, descriptors and environment. What may
/// not be looked into is open only to who has the right to in the namespace where it became a program.
pub(super) fn let_others_look(may: bool) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(may), 0, 0, 0) })
}

/// Closes every descriptor but those given.
pub(super) fn close_all_but(kept: &mut [RawFd]) -> Result<(), Errno> {
    kept.sort_unstable();
    let mut first = 0;
    for fd in kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).chain([u32::MAX]) {
        if first < fd {
            // SAFETY: called in a child that never returns to the code that owns its copies of the descriptors.
            done(unsafe { libc::close_range(first, fd - 1, 0) })?;
        }
        first = fd.saturating_add(1);
    }
    Ok(())
}

/// Gives this process a session keyring of its own, empty and without a name.
pub(super) fn join_session_keyring() {
    const JOIN: libc::c_ulong = 1;
    // SAFETY: takes a number and no name. Kernels without keys refuse it, and containers may; then programs have no way to
    // keys either, because a sandbox does not let them make such calls.
    let _unheard = unsafe { libc::syscall(libc::SYS_keyctl, JOIN, std::ptr::null::<libc::c_char>()) };
}

/// How a mount is to be, for [`set_mount`].
pub(super) enum MountIs {
    /// Nothing can be written to it, run or opened as a device.
    ReadOnly,
    /// Nothing can be written to it.
    Unwritable,
    /// A device of the host: it can be used, and neither its times nor its mode changed.
    Device,
    /// Owners are shown as this user namespace, given by its file, has them.
    OwnedAsIn(RawFd),
}

/// Changes a mount that is not in use yet.
pub(super) fn set_mount(mount: BorrowedFd<'_>, is: &MountIs) -> Result<(), Errno> {
    let (set, namespace) = match is {
        MountIs::ReadOnly => (libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC, 0),
        MountIs::Device => (libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC, 0),
        MountIs::Unwritable => (libc::MOUNT_ATTR_RDONLY, 0),
        MountIs::OwnedAsIn(namespace) => (libc::MOUNT_ATTR_IDMAP, u64::try_from(*namespace).map_err(|_| Errno::BADF)?),
    };
    let attributes = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: namespace };
    let (path, flags, size) = (c"".as_ptr(), libc::AT_EMPTY_PATH, size_of::<libc::mount_attr>());
    // SAFETY: the kernel reads an empty string and one `mount_attr`, which outlive the call.
    done(unsafe { libc::syscall(libc::SYS_mount_setattr, mount.as_raw_fd(), path, flags, &raw const attributes, size) })
}

/// How a directory is open, and its device and inode; `None` if the descriptor is of something else.
pub(super) fn directory(number: RawFd) -> Option<(OFlags, (u64, u64))> {
    // SAFETY: only asked about during the call; the process has one thread, which closes nothing meanwhile.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let stat = rustix::fs::fstat(fd).ok()?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let flags = rustix::fs::fcntl_getfl(fd).ok().filter(|_| is_directory)?;
    Some((flags & OFlags::PATH, (stat.st_dev, stat.st_ino)))
}

/// Lets a descriptor stand for what another one does.
pub(super) fn replace(number: RawFd, by: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: whoever owns the descriptor still owns one of the same directory.
    done(unsafe { libc::dup3(by.as_raw_fd(), number, libc::O_CLOEXEC) })
}
