//! Who owns a file, in each way to keep owners.

use super::changes::belongs_to_image;
use super::error::Error;
use super::record::{self, Ids, Key, OWNER, carries};
use super::{Ownership, Sandbox, idmap};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, XattrFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

impl Sandbox {
    /// Gives a file, directory or symbolic link that was just made outside any overlay its owner and its whole permission
    /// bits, as programs shall see them. A symbolic link has no bits of its own.
    pub fn set_owner(&self, directory: BorrowedFd<'_>, name: &OsStr, uid: u32, gid: u32, mode: u32) -> Result<(), Error> {
        let failed = |error: Errno| Error::io("set the owner of", name, error);
        // No way to keep owners has more ids than the others.
        if uid >= idmap::COUNT || gid >= idmap::COUNT {
            return Err(Error::Owner { path: name.into(), uid, gid });
        }
        match self.ownership {
            Ownership::Recorded => return self.record_owner(directory, name, Ids { uid, gid }, mode).map_err(failed),
            Ownership::Root | Ownership::Subordinate => {
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

    /// Gives a file or directory outside any overlay these extended attributes of an image, and takes away its others, which
    /// it may have from the directory it was made in. A symbolic link has none.
    pub fn set_attributes(&self, directory: BorrowedFd<'_>, name: &OsStr, wanted: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Error> {
        let failed = |error: Errno| Error::io("set the attributes of", name, error);
        let file = rustix::fs::openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        if !carries(FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(failed)?.st_mode)) {
            return Ok(());
        }
        self.try_set_attributes(&format!("/proc/self/fd/{}", file.as_raw_fd()), wanted).map_err(failed)
    }

    fn try_set_attributes(&self, path: &str, wanted: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Errno> {
        let recorded = |name: &[u8], value: &[u8]| match self.ownership {
            Ownership::Recorded => record::record_of(name).filter(|_| record::is_foreign(value)),
            Ownership::Root | Ownership::Subordinate => None,
        };
        let kept: Vec<(&[u8], &[u8])> = wanted
            .iter()
            .filter(|(name, _)| belongs_to_image(name))
            .map(|(name, value)| (recorded(name, value).map_or(&name[..], str::as_bytes), &value[..]))
            .collect();
        let mut list = vec![0; rustix::fs::listxattr_query(path)?];
        let length = rustix::fs::listxattr(path, &mut list[..])?;
        for name in list[..length].split(|byte| *byte == 0) {
            let ours = [record::ACCESS, record::DEFAULT].iter().any(|record| record.as_bytes() == name);
            if (ours || belongs_to_image(name)) && !kept.iter().any(|(known, _)| *known == name) {
                rustix::fs::removexattr(path, name)?;
            }
        }
        kept.into_iter().try_for_each(|(name, value)| rustix::fs::setxattr(path, name, value, XattrFlags::empty()))
    }

    fn record_owner(&self, directory: BorrowedFd<'_>, name: &OsStr, ids: Ids, mode: u32) -> Result<(), Errno> {
        let file = rustix::fs::openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        if kind != FileType::Symlink {
            rustix::fs::chmod(&*path, Mode::from_raw_mode(mode))?;
        }
        if !carries(kind) {
            return self.table.borrow_mut().set(Key::of(&file, c"")?, ids);
        }
        if ids == Ids::ROOT {
            return match rustix::fs::removexattr(&*path, OWNER) {
                Err(Errno::NODATA) => Ok(()),
                other => other,
            };
        }
        rustix::fs::setxattr(&*path, OWNER, ids.render().as_bytes(), XattrFlags::empty())
    }
}

/// Gives `to` the owner and mode of `from`.
pub(super) fn copy(from: impl AsFd, to: impl AsFd, ownership: Ownership) -> Result<(), Errno> {
    let stat = rustix::fs::fstat(&from)?;
    if ownership == Ownership::Recorded {
        let mut value = [0; 32];
        match rustix::fs::fgetxattr(&from, OWNER, &mut value[..]) {
            Ok(length) => rustix::fs::fsetxattr(&to, OWNER, &value[..length], XattrFlags::empty())?,
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    } else {
        rustix::fs::fchown(&to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    }
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))
}
