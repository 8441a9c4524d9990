//! Where owners are recorded.
//!
//! A file or directory has its owner in an extended attribute of its own, so that it stays with it through renames, links
//! and the copies that overlayfs makes. Symbolic links and special files cannot have such attributes: for them there is a
//! table, by device, inode and time of birth of the file below the overlay.

use super::guest::{append, last};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, XattrFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd};

/// The attribute: `UID:GID`. None means 0 and 0.
pub(in super::super) const OWNER: &str = "user.pintree.owner";

/// An owner and a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Ids {
    pub(in super::super) uid: u32,
    pub(in super::super) gid: u32,
}

impl Ids {
    pub(in super::super) const ROOT: Self = Self { uid: 0, gid: 0 };

    /// Reads the attribute's value.
    pub(in super::super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (uid, gid) = std::str::from_utf8(bytes).ok()?.split_once(':')?;
        Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    }

    /// Writes the attribute's value.
    pub(in super::super) fn render(self) -> String {
        format!("{}:{}", self.uid, self.gid)
    }
}

/// A file that cannot carry an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Key {
    device: (u32, u32),
    inode: u64,
    born: (i64, u32),
}

impl Key {
    pub(in super::super) fn of(directory: impl AsFd, path: &CStr) -> Result<Self, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
        let stat = rustix::fs::statx(directory, path, flags, StatxFlags::INO | StatxFlags::BTIME)?;
        Ok(Self {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            born: (stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec),
        })
    }
}

/// The table, shared by the process that entered the sandbox and the recorders of its programs: each line that one adds goes
/// to a file in memory that all have open.
#[derive(Debug)]
pub(in super::super) struct Table {
    owners: HashMap<Key, Ids>,
    journal: File,
    read: u64,
}

const LINE: usize = 36;

impl Table {
    pub(in super::super) fn new() -> Result<Self, Errno> {
        let journal = rustix::fs::memfd_create("owners", rustix::fs::MemfdFlags::CLOEXEC)?;
        Ok(Self { owners: HashMap::new(), journal: journal.into(), read: 0 })
    }

    /// The file in memory.
    pub(in super::super) fn journal(&self) -> &File {
        &self.journal
    }

    /// The descriptor of the file in memory.
    pub(in super::super) fn descriptor(&self) -> RawFd {
        self.journal.as_raw_fd()
    }

    pub(in super::super) fn get(&self, key: &Key) -> Option<Ids> {
        self.owners.get(key).copied().filter(|ids| *ids != Ids::ROOT)
    }

    pub(in super::super) fn set(&mut self, key: Key, ids: Ids) -> Result<(), Errno> {
        if self.owners.get(&key).copied().unwrap_or(Ids::ROOT) == ids {
            return Ok(());
        }
        self.owners.insert(key, ids);
        let mut line = Vec::with_capacity(LINE);
        line.extend([key.device.0, key.device.1].into_iter().flat_map(u32::to_ne_bytes));
        line.extend(key.inode.to_ne_bytes());
        line.extend(key.born.0.to_ne_bytes());
        line.extend([key.born.1, ids.uid, ids.gid].into_iter().flat_map(u32::to_ne_bytes));
        append(&self.journal, &line)
    }

    /// Takes over what recorders have added.
    pub(in super::super) fn refresh(&mut self) -> std::io::Result<()> {
        let mut bytes = vec![];
        let mut journal = &self.journal;
        journal.seek(SeekFrom::Start(self.read))?;
        journal.read_to_end(&mut bytes)?;
        for line in bytes.chunks_exact(LINE) {
            let word = |at: usize| u32::from_ne_bytes([line[at], line[at + 1], line[at + 2], line[at + 3]]);
            let long = |at: usize| {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&line[at..at + 8]);
                bytes
            };
            let key =
                Key { device: (word(0), word(4)), inode: u64::from_ne_bytes(long(8)), born: (i64::from_ne_bytes(long(16)), word(24)) };
            self.owners.insert(key, Ids { uid: word(28), gid: word(32) });
        }
        self.read += bytes.len() as u64;
        Ok(())
    }
}

/// The owners of files, seen from a process whose root is the sandbox's and whose current directory is its `/proc`.
pub(super) struct Owners<'a> {
    pub(super) table: &'a mut Table,
    /// The layers below the root, to know a file by what stays the same when overlayfs copies it.
    pub(super) upper: &'a OwnedFd,
    pub(super) lower: &'a OwnedFd,
    /// The mount that the layers make.
    pub(super) mount: u64,
    pub(super) roots: Roots,
}

/// The root directories that the recorder changes between.
pub(super) struct Roots {
    /// The sandbox's.
    pub(super) own: OwnedFd,
    /// That of the process whose call is being answered, while it is the recorder's.
    pub(super) guest: Option<OwnedFd>,
    /// The `/proc` where the recorder stays.
    pub(super) processes: OwnedFd,
}

impl Roots {
    /// Takes on the root of a process.
    pub(super) fn enter(&mut self, guest: OwnedFd) -> Result<(), Errno> {
        self.guest = Some(guest);
        self.guest.as_ref().map_or(Ok(()), |guest| self.change(guest))
    }

    /// Goes back to the sandbox's root.
    pub(super) fn leave(&mut self) -> Result<(), Errno> {
        self.guest = None;
        self.change(&self.own)
    }

    /// Does `work`, which asks where something lies, with the sandbox's root: to a process with a root of its own the kernel tells
    /// the path from there.
    fn in_own_root<T>(&self, work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        let Some(guest) = &self.guest else { return work() };
        self.change(&self.own)?;
        let done = work();
        self.change(guest)?;
        done
    }

    fn change(&self, root: &OwnedFd) -> Result<(), Errno> {
        rustix::process::fchdir(root)?;
        rustix::process::chroot(c".")?;
        rustix::process::fchdir(&self.processes)
    }
}

/// Errors that say that a file cannot have such an attribute, or has none.
const NO_ATTRIBUTE: [Errno; 4] = [Errno::NODATA, Errno::OPNOTSUPP, Errno::PERM, Errno::ACCESS];

impl Owners<'_> {
    /// The recorded owner of what lies at a path; `None` if it is root, or nothing is there.
    pub(super) fn at(&self, place: &CStr, follow: bool) -> Option<Ids> {
        let mut value = [0; 32];
        let got = match follow {
            true => rustix::fs::getxattr(place, OWNER, &mut value[..]),
            false => rustix::fs::lgetxattr(place, OWNER, &mut value[..]),
        };
        match got {
            Ok(length) => Ids::parse(&value[..length]),
            Err(error) if NO_ATTRIBUTE.contains(&error) && !self.table.owners.is_empty() => {
                let file = open(place, follow).ok()?;
                let stat = rustix::fs::fstat(&file).ok()?;
                if carries(FileType::from_raw_mode(stat.st_mode)) && error == Errno::NODATA {
                    return None;
                }
                self.table.get(&self.key(&file).ok()?)
            }
            Err(_) => None,
        }
    }

    /// Records the owner of an open file.
    pub(super) fn record(&mut self, file: &OwnedFd, kind: FileType, ids: Ids) -> Result<(), Errno> {
        if carries(kind) {
            let path = format!("self/fd/{}", file.as_raw_fd());
            let done = match ids {
                Ids::ROOT => rustix::fs::removexattr(&*path, OWNER),
                ids => rustix::fs::setxattr(&*path, OWNER, ids.render().as_bytes(), XattrFlags::empty()),
            };
            match done {
                Err(Errno::NODATA) => return Ok(()),
                // Files in memory can have none before Linux 6.6.
                Err(Errno::OPNOTSUPP) => {}
                other => return other,
            }
        }
        let key = self.key(file)?;
        self.table.set(key, ids)
    }

    fn key(&self, file: &OwnedFd) -> Result<Key, Errno> {
        let stat = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::from_bits_retain(libc::STATX_MNT_ID))?;
        if stat.stx_mnt_id == self.mount {
            let path = self.roots.in_own_root(|| rustix::fs::readlink(format!("self/fd/{}", file.as_raw_fd()), vec![]))?;
            let path = CStr::from_bytes_until_nul(path.as_bytes_with_nul()).map_err(|_| Errno::INVAL)?;
            let inside =
                CStr::from_bytes_with_nul(path.to_bytes_with_nul().strip_prefix(b"/").ok_or(Errno::NOENT)?).map_err(|_| Errno::INVAL)?;
            match Key::of(self.upper, inside) {
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                other => return other,
            }
            return Key::of(self.lower, inside);
        }
        Key::of(file, c"")
    }
}

/// Tells whether files of this kind can have extended attributes.
pub(in super::super) fn carries(kind: FileType) -> bool {
    matches!(kind, FileType::RegularFile | FileType::Directory)
}

/// Opens a file to look at it, not into it.
pub(super) fn open(place: &CStr, follow: bool) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    rustix::fs::open(place, flags, Mode::empty())
}

/// Tells whether a program is run by another, and so does not get the identity of its owner.
pub(super) fn is_script(place: &CStr) -> bool {
    let mut start = [0; 2];
    let opened = rustix::fs::open(place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    opened.is_ok_and(|file| rustix::io::read(&file, &mut start).is_ok()) && start == *b"#!"
}

/// Does what the kernel does to a file that gets an owner, but for the owner itself: the file keeps the only one there is.
pub(super) fn touch(file: &OwnedFd, uid: u32, gid: u32) -> Result<(), Errno> {
    let own = |id: u32| if id == u32::MAX { id } else { 0 };
    // SAFETY: takes a descriptor that is open and a string that ends with a zero byte.
    match unsafe { libc::fchownat(file.as_raw_fd(), c"".as_ptr(), own(uid), own(gid), libc::AT_EMPTY_PATH) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}
