//! Which system calls the recorder is asked about.

use super::super::bpf::{self, Instruction};
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

/// Calls that set or show a limit, and which of their arguments says of what.
const OF_LIMITS: [(libc::c_long, u32); 3] = [(libc::SYS_prlimit64, 1), (libc::SYS_setrlimit, 0), (libc::SYS_getrlimit, 0)];

/// The flags with which an open may create a file.
pub(super) const CREATING: libc::c_int = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);

/// Tells whether this machine's calls are known and this kernel hands them to a listener.
pub(in super::super) fn available() -> bool {
    let action = libc::SECCOMP_RET_USER_NOTIF;
    // SAFETY: the kernel reads one u32.
    let known = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) } == 0;
    known && bpf::HOST.is_some()
}

/// The filter, made before the fork.
pub(in super::super) fn program() -> Vec<Instruction> {
    let number = |call: &libc::c_long| u32::try_from(*call).expect("call numbers are small");
    let (ask, unknown) = (bpf::give(libc::SECCOMP_RET_USER_NOTIF), bpf::fail(Errno::NOSYS));
    let mut program = vec![bpf::machine(), bpf::equal(bpf::HOST.unwrap_or_default(), 1, 0), unknown, bpf::number()];
    program.extend([bpf::at_least(bpf::X32, 0, 1), unknown]);
    for call in ALWAYS {
        program.extend([bpf::equal(number(call), 0, 1), ask]);
    }
    for (call, argument) in IF_CREATING {
        let flags = [bpf::argument(*argument), bpf::any_of(CREATING as u32, 0, 1), ask, bpf::allow()];
        program.push(bpf::equal(number(call), 0, 4));
        program.extend(flags);
    }
    for (call, argument) in &OF_LIMITS {
        program.push(bpf::equal(number(call), 0, 4));
        // The limit by which the recorder knows who a process is.
        program.extend([bpf::argument(*argument), bpf::equal(libc::RLIMIT_LOCKS, 0, 1), ask, bpf::allow()]);
    }
    program.extend([bpf::equal(number(&libc::SYS_prctl), 1, 0), bpf::allow(), bpf::argument(0)]);
    for what in KEEPING {
        program.extend([bpf::equal(*what as u32, 0, 1), ask]);
    }
    program.push(bpf::allow());
    program
}

/// Puts this process and all that it starts under the filter; gives the listener.
pub(in super::super) fn install(program: &[Instruction]) -> Result<OwnedFd, Errno> {
    // Since 5.19 a signal does not interrupt a call that is being answered, which could then be done twice.
    let listener = bpf::install(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
        .or_else(|_| bpf::install(program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER))?;
    let listener = i32::try_from(listener).map_err(|_| Errno::INVAL)?;
    // SAFETY: the kernel just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}
