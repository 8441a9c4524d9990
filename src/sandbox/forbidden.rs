//! Calls that programs in a sandbox may not make, each with the reason.
//!
//! The list closes what namespaces do not: parts of the kernel that have no namespaces, that show other processes, or in
//! which faults were found time and again and that no package needs to be installed. It holds for every set of call numbers
//! that this processor has; other sets, and calls that are newer than this list, do not exist in a sandbox. Emulators make
//! the host's calls, so the list holds for programs of other machines too.
//!
//! Arguments are compared by their low half where the kernel looks at no more (CVE-2019-10063).

use super::bpf::{self, Instruction};
use super::error::Lack;
use rustix::io::Errno;

/// A call by its numbers; `NONE` where a machine does not have it.
#[allow(dead_code, reason = "each machine reads its own numbers")]
struct Call {
    x86_64: u32,
    arm64: u32,
    arm: u32,
    /// What it fails with. Programs have older ways for calls that a kernel does not know.
    error: Errno,
}

const NONE: u32 = u32::MAX;

/// How a machine's numbers are read.
type Numbers = fn(&Call) -> u32;

const fn refuse(x86_64: u32, arm64: u32, arm: u32) -> Call {
    Call { x86_64, arm64, arm, error: Errno::PERM }
}

/// A call with the same number everywhere, as all have since Linux 5.1.
const fn unknown(number: u32) -> Call {
    Call { x86_64: number, arm64: number, arm: number, error: Errno::NOSYS }
}

/// Calls that fail whatever their arguments are.
const CALLS: &[Call] = &[
    // Keys belong to users and sessions of the host: add_key, request_key, keyctl.
    refuse(248, 217, 309),
    refuse(249, 218, 310),
    refuse(250, 219, 311),
    // Programs in the kernel, and the kernel's events: bpf, perf_event_open.
    refuse(321, 280, 386),
    refuse(298, 241, 364),
    // Calls that pass filters by: io_uring_setup, io_uring_enter, io_uring_register.
    unknown(425),
    unknown(426),
    unknown(427),
    // Lets a program stop the kernel in the middle of its work: userfaultfd.
    refuse(323, 282, 388),
    // Mounts would uncover what is masked in `/proc`, and bring in file systems that have faults: mount, umount2, pivot_root,
    // then move_mount, open_tree, fsopen, fsconfig, fsmount, fspick, mount_setattr, open_tree_attr.
    refuse(165, 40, 21),
    refuse(166, 39, 52),
    refuse(155, 41, 218),
    unknown(429),
    unknown(428),
    unknown(430),
    unknown(431),
    unknown(432),
    unknown(433),
    unknown(442),
    unknown(467),
    // A namespace of somebody else, and new ones by a call whose flags lie in memory: setns, clone3.
    refuse(308, 268, 375),
    unknown(435),
    // A file by its number, wherever it lies (CVE-2014-3519's way out): open_by_handle_at.
    refuse(304, 265, 371),
    // Other processes' memory and descriptors: ptrace, process_vm_readv, process_vm_writev, kcmp, pidfd_getfd, process_madvise.
    refuse(101, 117, 26),
    refuse(310, 270, 376),
    refuse(311, 271, 377),
    refuse(312, 272, 378),
    refuse(438, 438, 438),
    refuse(440, 440, 440),
    // Another kernel, or parts of it: kexec_load, kexec_file_load, init_module, finit_module, delete_module.
    refuse(246, 104, 347),
    refuse(320, 294, 401),
    refuse(175, 105, 128),
    refuse(313, 273, 379),
    refuse(176, 106, 129),
    // The kernel's log and the machine: syslog, reboot, swapon, swapoff, acct, quotactl, quotactl_fd.
    refuse(103, 116, 103),
    refuse(169, 142, 88),
    refuse(167, 224, 87),
    refuse(168, 225, 115),
    refuse(163, 89, 51),
    refuse(179, 60, 131),
    refuse(443, 443, 443),
    // Watches whole file systems: fanotify_init.
    refuse(300, 262, 367),
    // Attributes by way of a directory, which would pass the recorder of owners by, so nobody has them: setxattrat, getxattrat,
    // listxattrat, removexattrat. Programs have older ways for when a kernel does not know them.
    unknown(463),
    unknown(464),
    unknown(465),
    unknown(466),
    // Ports of the processor, and calls that nobody uses: iopl, ioperm, _sysctl, uselib, create_module, lookup_dcookie, nfsservctl.
    refuse(172, NONE, NONE),
    refuse(173, NONE, NONE),
    refuse(156, NONE, 149),
    refuse(134, NONE, 86),
    refuse(174, NONE, NONE),
    refuse(212, 18, 249),
    refuse(180, 42, 169),
];

/// `socket` and `socketpair`; their first argument is the family.
const SOCKETS: [Call; 2] = [refuse(41, 198, 281), refuse(53, 199, 288)];

/// Families that a network namespace holds. Others, as vsock, do not end at its border, or are where faults are found.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// `clone` and `unshare`; their first argument has the flags.
const CLONES: [Call; 2] = [refuse(56, 220, 120), refuse(272, 97, 337)];

/// New namespaces of any kind: in a user namespace of its own a program would have every capability again. No maintainer script
/// needs one.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// `CLONE_NEWTIME`, which only `unshare` takes; in `clone` the bit is part of a signal's number.
const NEWTIME: u32 = 0x80;

/// `ioctl`; its second argument says what is wanted.
const CONTROL: Call = refuse(16, 29, 54);

/// `prlimit64`; its first argument is the process, and process 1 is ours: with few open files a recorder of owners fails.
const LIMIT: Call = refuse(302, 261, 369);

/// Puts characters into a terminal's input: `TIOCSTI`, and `TIOCLINUX` by way of a selection (CVE-2017-5226, CVE-2023-28100).
const TYPING: [u32; 2] = [0x5412, 0x541c];

/// The first number that this list does not know. A new call may do what an old one is forbidden to do.
const NEWER: u32 = 470;

/// Numbers of 32-bit ARM that stand apart, from here on: `cacheflush`, `set_tls`. They stay.
const ARM_OWN: u32 = 0x000f_0000;

/// Capabilities that programs keep, by number; a container's programs have these too, so packages do with them: changing owners and
/// passing by permissions (0, 1, 3, 4), ending processes (5), becoming others (6, 7), setting capabilities of processes (8), low ports
/// (10), raw sockets (13), changing the root (18), device nodes as far as the kernel lets them be made (27), audit records (29) and
/// capabilities of files (31). Without the others nothing that was mounted can be unmounted, and no process of somebody else be traced.
const KEPT: [u32; 14] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/// More than any kernel has.
const CAPABILITIES: u32 = 64;

/// The filter for this machine, made before a fork; `None` if its calls are not known.
pub(super) fn program() -> Option<Vec<Instruction>> {
    bpf::HOST?;
    #[cfg(target_arch = "aarch64")]
    let machines: &[(u32, Numbers)] = &[(bpf::HOST?, |call| call.arm64), (bpf::ARM, |call| call.arm)];
    #[cfg(not(target_arch = "aarch64"))]
    let machines: &[(u32, Numbers)] = &[(bpf::HOST?, |call| call.x86_64)];
    let mut program = vec![];
    for (machine, number) in machines {
        let section = section(*machine, number);
        // Jumps reach 255 instructions, so one that goes over a section stands alone.
        program.extend([bpf::machine(), bpf::equal(*machine, 1, 0), bpf::skip(u32::try_from(section.len()).ok()?)]);
        program.extend(section);
    }
    // Programs of 32 bits on x86-64 hide the arguments of `socket` in memory, so an emulator runs them.
    program.push(bpf::fail(Errno::NOSYS));
    Some(program)
}

/// What is wrong with a machine whose calls are not known.
pub(super) fn lack() -> Lack {
    Lack::new("system calls of this processor are not known, so they cannot be forbidden", "build on x86-64 or arm64")
}

/// What holds for one set of numbers; it ends the filter.
fn section(machine: u32, number: impl Fn(&Call) -> u32) -> Vec<Instruction> {
    let mut program = vec![bpf::number()];
    if machine == bpf::ARM {
        program.extend([bpf::at_least(ARM_OWN, 0, 1), bpf::allow()]);
    }
    // On x86-64 this is also the second set of numbers.
    program.extend([bpf::at_least(NEWER, 0, 1), bpf::fail(Errno::NOSYS)]);
    for call in CALLS {
        if number(call) != NONE {
            program.extend([bpf::equal(number(call), 0, 1), bpf::fail(call.error)]);
        }
    }
    for call in &SOCKETS {
        let mut checks = vec![bpf::argument(0)];
        for family in FAMILIES {
            checks.extend([bpf::equal(family.unsigned_abs(), 0, 1), bpf::allow()]);
        }
        checks.push(bpf::fail(Errno::AFNOSUPPORT));
        on(&mut program, number(call), &checks);
    }
    let [clone, unshare] = CLONES.map(|call| number(&call));
    for (call, flags) in [(clone, NAMESPACES), (unshare, NAMESPACES | NEWTIME)] {
        on(&mut program, call, &[bpf::argument(0), bpf::any_of(flags, 0, 1), bpf::fail(Errno::PERM), bpf::allow()]);
    }
    on(&mut program, number(&LIMIT), &[bpf::argument(0), bpf::equal(1, 0, 1), bpf::fail(Errno::PERM), bpf::allow()]);
    let mut checks = vec![bpf::argument(1)];
    for wanted in TYPING {
        checks.extend([bpf::equal(wanted, 0, 1), bpf::fail(Errno::PERM)]);
    }
    checks.push(bpf::allow());
    on(&mut program, number(&CONTROL), &checks);
    program.push(bpf::allow());
    program
}

/// Adds checks, which end the filter, for one call.
fn on(program: &mut Vec<Instruction>, number: u32, checks: &[Instruction]) {
    let length = u8::try_from(checks.len()).expect("checks of one call are few");
    program.push(bpf::equal(number, 0, length));
    program.extend_from_slice(checks);
}

/// Takes from this process, and all that it starts, the capabilities and calls that programs shall not have. It keeps those that it has until
/// it becomes a program.
pub(super) fn forbid(program: &[Instruction]) -> Result<(), Errno> {
    for capability in (0..CAPABILITIES).filter(|capability| !KEPT.contains(capability)) {
        // SAFETY: takes numbers only.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) } != 0 {
            // This is the first that the kernel does not have.
            break;
        }
    }
    bpf::install(program, 0).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_numbers_of_this_machine() {
        let own = |call: &Call| if cfg!(target_arch = "aarch64") { call.arm64 } else { call.x86_64 };
        let listed = |number: libc::c_long| CALLS.iter().any(|call| i64::from(own(call)) == number);
        for number in [
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_setns,
            libc::SYS_open_by_handle_at,
            libc::SYS_ptrace,
            libc::SYS_process_vm_writev,
            libc::SYS_kexec_load,
            libc::SYS_finit_module,
            libc::SYS_fanotify_init,
            libc::SYS_io_uring_setup,
        ] {
            assert!(listed(number), "{number}");
        }
        let number = |call: &Call| i64::from(own(call));
        assert_eq!(SOCKETS.each_ref().map(number), [libc::SYS_socket, libc::SYS_socketpair]);
        assert_eq!(CLONES.each_ref().map(number), [libc::SYS_clone, libc::SYS_unshare]);
        assert_eq!([&CONTROL, &LIMIT].map(number), [libc::SYS_ioctl, libc::SYS_prlimit64]);
    }

    #[test]
    fn names_each_call_once() {
        let columns: [Numbers; 3] = [|call| call.x86_64, |call| call.arm64, |call| call.arm];
        for column in columns {
            let mut numbers: Vec<u32> = CALLS.iter().chain(&SOCKETS).chain(&CLONES).map(column).filter(|number| *number != NONE).collect();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count);
        }
    }
}
