//! Which system calls the recorder is asked about.

use rustix::io::Errno;
use std::os::fd::{FromRawFd as _, OwnedFd};

/// Calls that set or show owners or identities.
const ALWAYS: &[libc::c_long] = &[
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_openat2,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_symlinkat,
    libc::SYS_chroot,
    libc::SYS_capset,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_fgetxattr,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
    libc::SYS_flistxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
];

/// Calls that may create a file, and which of their arguments has the flags that say so.
const IF_CREATING: &[(libc::c_long, u32)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// What `prctl` is asked to do if it concerns identities.
const KEEPING: &[libc::c_int] = &[libc::PR_SET_KEEPCAPS];

/// Calls that would pass the filter by. Programs have older ways for when a kernel does not know them: `io_uring_setup`,
/// and the extended attribute calls that take a directory (`setxattrat` and those after it).
const UNKNOWN: &[libc::c_long] = &[libc::SYS_io_uring_setup, 463, 464, 465, 466];

/// The flags with which an open may create a file.
pub(super) const CREATING: libc::c_int = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// x86-64 has a second set of calls, from this number on, that nobody uses.
const X32: u32 = 0x4000_0000;

/// Where `seccomp_data` has the call's number, the machine, and the low half of its first argument.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Tells whether this machine's calls are known and this kernel hands them to a listener.
pub(in super::super) fn available() -> bool {
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads one u32.
    let known = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) } == 0;
    known && ARCHITECTURE.is_some()
}

/// The filter, made before the fork.
pub(in super::super) fn program() -> Vec<libc::sock_filter> {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |at: u32| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at);
    let give = |action: u32| statement(libc::BPF_RET | libc::BPF_K, action);
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let unknown = || give(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
    let number = |call: &libc::c_long| u32::try_from(*call).expect("call numbers are small");
    let mut program = vec![load(MACHINE), jump(equal, ARCHITECTURE.unwrap_or_default(), 1, 0), unknown(), load(NUMBER)];
    program.extend([jump(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, X32, 0, 1), unknown()]);
    for call in UNKNOWN {
        program.extend([jump(equal, number(call), 0, 1), unknown()]);
    }
    for call in ALWAYS {
        program.extend([jump(equal, number(call), 0, 1), give(libc::SECCOMP_RET_USER_NOTIF)]);
    }
    for (call, argument) in IF_CREATING {
        let creating = jump(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, CREATING as u32, 0, 1);
        let flags = load(ARGUMENTS + 8 * argument);
        program.extend([
            jump(equal, number(call), 0, 4),
            flags,
            creating,
            give(libc::SECCOMP_RET_USER_NOTIF),
            give(libc::SECCOMP_RET_ALLOW),
        ]);
    }
    program.extend([jump(equal, number(&libc::SYS_prctl), 1, 0), give(libc::SECCOMP_RET_ALLOW), load(ARGUMENTS)]);
    for what in KEEPING {
        program.extend([jump(equal, *what as u32, 0, 1), give(libc::SECCOMP_RET_USER_NOTIF)]);
    }
    program.push(give(libc::SECCOMP_RET_ALLOW));
    program
}

/// Puts this process and all that it starts under the filter; gives the listener.
pub(in super::super) fn install(program: &[libc::sock_filter]) -> Result<OwnedFd, Errno> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    let set = |flags: libc::c_ulong| {
        // SAFETY: the kernel reads the program, which outlives the call, and writes nothing.
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) }
    };
    // Since 5.19 a signal does not interrupt a call that is being answered, which could then be done twice.
    let mut listener = set(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if listener < 0 {
        listener = set(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    }
    match i32::try_from(listener) {
        // SAFETY: the kernel just made this descriptor for us, and nobody else knows it.
        Ok(listener) if listener >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(listener) }),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
