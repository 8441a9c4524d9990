//! The process that made a call, seen from the recorder.

use rustix::io::Errno;
use rustix::process::Pid;
use std::ffi::CString;
use std::io::{Read as _, Write as _};

/// Paths and attribute names end before this, or the call fails.
const TEXT: usize = 4096;

/// A thread that waits for the answer to its call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest {
    pub(super) pid: u32,
}

impl Guest {
    /// Copies memory of the process.
    pub(super) fn read(self, address: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address as usize), iov_len: into.len() };
        // SAFETY: the kernel writes at most `into.len()` bytes to `into`; the other address is of the other process.
        let length = unsafe { libc::process_vm_readv(self.pid as libc::pid_t, &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(length).map_err(|_| last())
    }

    /// Copies exactly as much memory as asked for.
    pub(super) fn read_exact(self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        if self.read(address, into)? == into.len() { Ok(()) } else { Err(Errno::FAULT) }
    }

    /// Writes to memory of the process.
    pub(super) fn write(self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address as usize), iov_len: bytes.len() };
        // SAFETY: the kernel only reads `bytes`; the other address is of the other process.
        let length = unsafe { libc::process_vm_writev(self.pid as libc::pid_t, &raw const local, 1, &raw const remote, 1, 0) };
        match usize::try_from(length) {
            Ok(length) if length == bytes.len() => Ok(()),
            Ok(_) => Err(Errno::FAULT),
            Err(_) => Err(last()),
        }
    }

    /// A string that ends with a zero byte.
    pub(super) fn text(self, address: u64) -> Result<CString, Errno> {
        if address == 0 {
            return Err(Errno::FAULT);
        }
        let mut bytes = Vec::with_capacity(256);
        let mut buffer = [0; 256];
        while bytes.len() < TEXT {
            let from = address + bytes.len() as u64;
            // Not past the end of a page: the next one may not be there.
            let left = usize::try_from(4096 - from % 4096).unwrap_or(1).min(buffer.len());
            let length = self.read(from, &mut buffer[..left])?;
            match buffer[..length].iter().position(|byte| *byte == 0) {
                Some(end) => {
                    bytes.extend_from_slice(&buffer[..end]);
                    return CString::new(bytes).map_err(|_| Errno::INVAL);
                }
                None => bytes.extend_from_slice(&buffer[..length]),
            }
        }
        Err(Errno::NAMETOOLONG)
    }

    /// The path by which the recorder, whose current directory is `/proc`, finds what the process means. An empty path is
    /// the descriptor itself.
    pub(super) fn place(self, directory: i32, path: &[u8]) -> Result<CString, Errno> {
        if path.starts_with(b"/") {
            return CString::new(own(path, self.pid).unwrap_or_else(|| path.to_vec())).map_err(|_| Errno::INVAL);
        }
        let mut place = match directory {
            libc::AT_FDCWD => format!("{}/cwd", self.pid),
            directory if directory < 0 => return Err(Errno::BADF),
            directory => format!("{}/fd/{directory}", self.pid),
        }
        .into_bytes();
        if !path.is_empty() {
            place.push(b'/');
            place.extend_from_slice(path);
        }
        CString::new(place).map_err(|_| Errno::INVAL)
    }

    /// The permission bits that files it makes do not get.
    pub(super) fn umask(self) -> Result<u32, Errno> {
        let mut text = String::new();
        let read = std::fs::File::open(format!("{}/status", self.pid)).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap_or("0022");
        u32::from_str_radix(line.trim(), 8).map_err(|_| Errno::IO)
    }

    /// The number that was given to the process with [`Self::set_token`], or to the one that it was forked from.
    ///
    /// It is the soft limit of file locks, which no kernel has looked at since Linux 2.4: it stays with the process whatever
    /// it runs, and a child gets that of its parent at the moment of the fork. No table of ours could know that moment.
    pub(super) fn token(self) -> Result<Option<usize>, Errno> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel writes one `rlimit`.
        let got = unsafe { libc::prlimit(self.pid as libc::pid_t, libc::RLIMIT_LOCKS, std::ptr::null(), &raw mut limit) };
        match got {
            0 if limit.rlim_cur == limit.rlim_max => Ok(None),
            0 => Ok(usize::try_from(limit.rlim_cur).ok()),
            _ => Err(last()),
        }
    }

    pub(super) fn set_token(self, token: Option<usize>) -> Result<(), Errno> {
        let process = Pid::from_raw(self.pid as i32);
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel writes one `rlimit`.
        if unsafe { libc::prlimit(self.pid as libc::pid_t, libc::RLIMIT_LOCKS, std::ptr::null(), &raw mut limit) } != 0 {
            return Err(last());
        }
        let maximum = (limit.rlim_max != libc::RLIM_INFINITY).then_some(limit.rlim_max);
        let current = token.map_or(maximum, |token| Some(token as u64));
        rustix::process::prlimit(process, rustix::process::Resource::Locks, rustix::process::Rlimit { current, maximum }).map(drop)
    }
}

/// Names by which a process calls itself. To the recorder they would mean the recorder, which the tree's own `/proc` does not show.
const SELF: [(&[u8], &str); 6] = [
    (b"/proc/self/", ""),
    (b"/proc/thread-self/", ""),
    (b"/dev/fd/", "fd/"),
    (b"/dev/stdin", "fd/0"),
    (b"/dev/stdout", "fd/1"),
    (b"/dev/stderr", "fd/2"),
];

fn own(path: &[u8], pid: u32) -> Option<Vec<u8>> {
    SELF.iter().find_map(|(name, place)| {
        let rest = path.strip_prefix(*name)?;
        // A directory's name ends with its slash; the others are whole.
        (name.ends_with(b"/") || rest.is_empty()).then(|| [format!("/proc/{pid}/{place}").as_bytes(), rest].concat())
    })
}

pub(super) fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Sees to it that nothing written here is lost in a buffer.
pub(super) fn append(mut file: &std::fs::File, bytes: &[u8]) -> Result<(), Errno> {
    file.write_all(bytes).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_process_means() {
        let guest = Guest { pid: 7 };
        let at = libc::AT_FDCWD;
        for (directory, path, place) in [
            (at, "/etc/x", "/etc/x"),
            (at, "x/y", "7/cwd/x/y"),
            (at, "", "7/cwd"),
            (3, "x", "7/fd/3/x"),
            (3, "", "7/fd/3"),
            (3, "/proc/self/fd/5", "/proc/7/fd/5"),
            (at, "/proc/thread-self/fd/5", "/proc/7/fd/5"),
            (at, "/proc/self", "/proc/self"),
            (at, "/dev/fd/5", "/proc/7/fd/5"),
            (at, "/dev/stdin", "/proc/7/fd/0"),
            (at, "/dev/stdin2", "/dev/stdin2"),
        ] {
            assert_eq!(guest.place(directory, path.as_bytes()).unwrap().to_str().unwrap(), place, "{directory} {path}");
        }
        assert_eq!(guest.place(-1, b"x"), Err(Errno::BADF));
    }
}
