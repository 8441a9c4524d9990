//! Becoming a program without showing it the program that we are.
//!
//! A script may name its interpreter by `#!/proc/self/exe`, or a program its linker. The kernel would look that up while the process
//! is still ours, start pintree's own file in the sandbox, and let the script write to it where it belongs to the same user (the way of
//! CVE-2019-5736). So every file that the kernel is about to open is looked up first, with links of `/proc` refused. Nobody else runs
//! in the sandbox at that moment, so what was seen is what the kernel sees.
//!
//! Nothing is allocated.

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::OwnedFd;

/// How many interpreters of interpreters the kernel follows, and one.
const CHAIN: usize = 6;

/// How much of a script's first line the kernel reads.
const LINE: usize = 256;

/// No path is longer.
const PATH: usize = 4096;

/// No linkable program has more segments.
const SEGMENTS: usize = 128;

/// Fails with `ELOOP` where the kernel would follow a link of `/proc` to start a program.
pub(super) fn check(program: &CStr) -> Result<(), Errno> {
    let mut path = [0; PATH];
    copy(program.to_bytes(), &mut path)?;
    for _ in 0..CHAIN {
        let Some(file) = open(&path)? else { return Ok(()) };
        let mut line = [0; LINE];
        let length = rustix::io::pread(&file, &mut line[..], 0).unwrap_or_default();
        let Some(rest) = line[..length].strip_prefix(b"#!") else {
            return linker(&file, &line[..length], &mut path);
        };
        let line = rest.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default().trim_ascii_start();
        let name = line.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
        copy(name, &mut path)?;
    }
    Err(Errno::LOOP)
}

/// Opens a file without following links of `/proc`; `None` where the kernel will tell what is wrong with it.
fn open(path: &[u8; PATH]) -> Result<Option<OwnedFd>, Errno> {
    let path = CStr::from_bytes_until_nul(path).map_err(|_| Errno::NAMETOOLONG)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::LOOP) => Err(Errno::LOOP),
        Err(_) => Ok(None),
    }
}

/// Looks up the linker that an ELF file names.
fn linker(file: &OwnedFd, start: &[u8], path: &mut [u8; PATH]) -> Result<(), Errno> {
    let [0x7f, b'E', b'L', b'F', class, order, ..] = *start else { return Ok(()) };
    let number = |bytes: &[u8], at: usize, size: usize| -> Option<u64> {
        let bytes = bytes.get(at..at + size)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if order == 2 { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) })
    };
    // Where the header has the table's place, an entry's size and their number; where an entry has place and size; how wide they are.
    let (table, entry, count, offset, size, wide) = if class == 1 { (28, 42, 44, 4, 16, 4) } else { (32, 54, 56, 8, 32, 8) };
    let header = number(start, table, wide).zip(number(start, entry, 2)).zip(number(start, count, 2));
    let Some(((table, entry), count)) = header else { return Ok(()) };
    const INTERPRETER: u64 = 3;
    for index in 0..count.min(SEGMENTS as u64) {
        let mut segment = [0; 56];
        let at = table.saturating_add(index * entry);
        if rustix::io::pread(file, &mut segment[..], at).unwrap_or_default() == 0 || number(&segment, 0, 4) != Some(INTERPRETER) {
            continue;
        }
        let (Some(offset), Some(size)) = (number(&segment, offset, wide), number(&segment, size, wide)) else { continue };
        let size = usize::try_from(size).unwrap_or(PATH).min(PATH - 1);
        path.fill(0);
        rustix::io::pread(file, &mut path[..size], offset)?;
        open(path)?;
    }
    Ok(())
}

fn copy(name: &[u8], path: &mut [u8; PATH]) -> Result<(), Errno> {
    path.fill(0);
    path.get_mut(..name.len()).filter(|_| name.len() < PATH).ok_or(Errno::NAMETOOLONG)?.copy_from_slice(name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    #[test]
    fn refuses_programs_that_are_run_by_links_of_proc() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            CString::new(path.to_str().unwrap()).unwrap()
        };
        assert_eq!(check(&file("shell", b"#!/bin/sh -e\n")), Ok(()));
        assert_eq!(check(&file("gone", b"#! /nowhere\n")), Ok(()));
        assert_eq!(check(&file("self", b"#! /proc/self/exe\n")), Err(Errno::LOOP));
        let mut twice = b"#!".to_vec();
        twice.extend(file("self", b"#!/proc/self/exe x\n").to_bytes());
        assert_eq!(check(&file("twice", &twice)), Err(Errno::LOOP));
        std::os::unix::fs::symlink("/proc/self/exe", directory.path().join("link")).unwrap();
        assert_eq!(check(&CString::new(directory.path().join("link").to_str().unwrap()).unwrap()), Err(Errno::LOOP));
        let shell = std::fs::read(std::fs::canonicalize("/bin/sh").unwrap()).unwrap();
        let at = shell.windows(4).position(|bytes| bytes == b"/lib").expect("it is linked");
        let mut linked = shell.clone();
        linked[at..at + 15].copy_from_slice(b"/proc/self/exe\0");
        assert_eq!(check(&file("native", &shell)), Ok(()));
        assert_eq!(check(&file("linked", &linked)), Err(Errno::LOOP));
    }
}
