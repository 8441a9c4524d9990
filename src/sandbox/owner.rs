//! Who owns a file, in each way to keep owners.

use super::error::Error;
use super::{Ownership, Sandbox};
use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

impl Sandbox {
    /// Gives a file, directory or symbolic link that was just made outside any overlay its owner and its whole permission
    /// bits, as programs shall see them. A symbolic link has no bits of its own.
    pub fn set_owner(&self, directory: BorrowedFd<'_>, name: &OsStr, uid: u32, gid: u32, mode: u32) -> Result<(), Error> {
        let failed = |error: Errno| Error::io("set the owner of", name, error);
        match self.ownership {
            Ownership::Root | Ownership::Subordinate | Ownership::Recorded => {
                let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
                rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            }
        }
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            return Ok(());
        }
        // After the owner, which takes away the setuid bit.
        rustix::fs::chmodat(directory, name, Mode::from_raw_mode(mode), AtFlags::empty()).map_err(failed)
    }
}

/// Gives `to` the owner and mode of `from`.
pub(super) fn copy(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let stat = rustix::fs::fstat(from)?;
    rustix::fs::fchown(&to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))
}
