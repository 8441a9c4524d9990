//! Filters of system calls, as the kernel reads them.

use rustix::io::Errno;

/// One instruction.
pub(super) type Instruction = libc::sock_filter;

/// Where `seccomp_data` has the call's number, the machine, and the low half of its first argument.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The numbers by which the kernel knows machines.
#[cfg(target_arch = "x86_64")]
pub(super) const HOST: Option<u32> = Some(0xc000_003e);
#[cfg(target_arch = "aarch64")]
pub(super) const HOST: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const HOST: Option<u32> = None;

/// Programs of 32 bits on an arm64 processor.
pub(super) const ARM: u32 = 0x4000_0028;

/// x86-64 has a second set of calls, from this number on, that nobody uses.
pub(super) const X32: u32 = 0x4000_0000;

fn statement(code: u32, k: u32) -> Instruction {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> Instruction {
    libc::sock_filter { code: (libc::BPF_JMP | code | libc::BPF_K) as u16, jt, jf, k }
}

fn load(at: u32) -> Instruction {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, at)
}

/// Loads the machine.
pub(super) fn machine() -> Instruction {
    load(MACHINE)
}

/// Loads the call's number.
pub(super) fn number() -> Instruction {
    load(NUMBER)
}

/// Loads the low half of an argument. For arguments of 32 bits the kernel looks at no more, so a filter must not either.
pub(super) fn argument(index: u32) -> Instruction {
    load(ARGUMENTS + 8 * index)
}

/// Skips some instructions if what was loaded equals `k`, else others.
pub(super) fn equal(k: u32, then: u8, or: u8) -> Instruction {
    jump(libc::BPF_JEQ, k, then, or)
}

/// The same for `k` or more.
pub(super) fn at_least(k: u32, then: u8, or: u8) -> Instruction {
    jump(libc::BPF_JGE, k, then, or)
}

/// The same if one of the bits of `k` is set.
pub(super) fn any_of(k: u32, then: u8, or: u8) -> Instruction {
    jump(libc::BPF_JSET, k, then, or)
}

/// Skips some instructions.
pub(super) fn skip(count: u32) -> Instruction {
    statement(libc::BPF_JMP | libc::BPF_JA, count)
}

/// Ends the filter with an action.
pub(super) fn give(action: u32) -> Instruction {
    statement(libc::BPF_RET | libc::BPF_K, action)
}

/// Lets the call go on.
pub(super) fn allow() -> Instruction {
    give(libc::SECCOMP_RET_ALLOW)
}

/// Lets the call fail.
pub(super) fn fail(error: Errno) -> Instruction {
    give(libc::SECCOMP_RET_ERRNO | error.raw_os_error().unsigned_abs())
}

/// Puts this process and all that it starts under a filter; gives what the kernel returns.
pub(super) fn install(program: &[Instruction], flags: libc::c_ulong) -> Result<libc::c_long, Errno> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel reads the program, which outlives the call, and writes nothing.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) };
    match result {
        0.. => Ok(result),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
