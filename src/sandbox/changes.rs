//! What programs changed in a tree, read back from the writable layer.

use super::error::Error;
use super::limits::{Excess, Limits};
use super::record::{self, Ids, Key};
use super::remove::names;
use super::written::taken;
use super::{Ownership, Sandbox};
use crate::pkg::Limit;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// Names and values of extended attributes.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// One path that differs from the tree below.
#[derive(Debug)]
pub struct Change<'a> {
    /// The path, without a leading slash.
    pub path: &'a str,
    /// What it is now.
    pub kind: ChangeKind,
    /// Its owner, as programs see it.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The extended attributes that belong to an image, sorted by name: file capabilities, ACLs, and `user.` ones that are
    /// not for the use of overlayfs, OSTree or this program.
    pub xattrs: Xattrs,
}

/// What a changed path is now.
#[derive(Debug)]
pub enum ChangeKind {
    /// Nothing: it was removed.
    Removed,
    /// A directory; if opaque, nothing of what lies below shows through.
    Directory {
        /// Whether it hides what lies below.
        opaque: bool,
    },
    /// A file, open for reading. Hard links to it are files of their own.
    File {
        /// Its content.
        content: File,
        /// How many bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink(String),
    /// What no image can hold: a `fifo`, `socket` or `device`.
    Special(&'static str),
}

/// No real tree is deeper, and each level takes a descriptor.
pub(super) const DEPTH: usize = 200;

impl Sandbox {
    /// Visits everything in an upper directory that is not mounted any more, parents before children, names in the order
    /// of their bytes. What goes beyond `limits` is an error before it is visited.
    pub fn changes<E: From<Error>>(
        &self,
        upper: &Path,
        limits: &Limits,
        visit: &mut dyn FnMut(&Change<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(upper, flags, Mode::empty()).map_err(|error| Error::io("open", upper, error))?;
        Walk { upper, sandbox: self, limits, bytes: 0, inodes: 0, visit }.directory(&directory, &mut String::new(), 0)
    }
}

struct Walk<'a, E> {
    upper: &'a Path,
    sandbox: &'a Sandbox,
    limits: &'a Limits,
    /// What all files take so far, and how many there were of all kinds.
    bytes: u64,
    inodes: u64,
    visit: &'a mut dyn FnMut(&Change<'_>) -> Result<(), E>,
}

impl<E: From<Error>> Walk<'_, E> {
    fn directory(&mut self, directory: &OwnedFd, path: &mut String, depth: usize) -> Result<(), E> {
        let mut entries = names(directory).map_err(|error| self.failed("list", path, error))?;
        entries.sort();
        for name in entries {
            let length = path.len();
            let Ok(text) = name.to_str() else {
                let bytes: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes());
                return Err(Error::Name { path: Path::new(path.as_str()).join(bytes) }.into());
            };
            if length > 0 {
                path.push('/');
            }
            path.push_str(text);
            self.entry(directory, &name, path, depth)?;
            path.truncate(length);
        }
        Ok(())
    }

    fn entry(&mut self, parent: &OwnedFd, name: &std::ffi::CStr, path: &mut String, depth: usize) -> Result<(), E> {
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| self.failed("look at", path, error))?;
        self.count(path, &stat, depth)?;
        let open = |flags: OFlags| rustix::fs::openat(parent, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let directory = open(OFlags::RDONLY | OFlags::DIRECTORY).map_err(|error| self.failed("open", path, error))?;
                let attributes = attributes(&directory).map_err(|error| self.failed("read the attributes of", path, error))?;
                let opaque = attributes.iter().any(|(name, value)| name == b"user.overlay.opaque" && value == b"y");
                self.tell(path, ChangeKind::Directory { opaque }, &stat, attributes, None)?;
                self.directory(&directory, path, depth + 1)
            }
            FileType::RegularFile => {
                let file = open(OFlags::RDONLY).map_err(|error| self.failed("open", path, error))?;
                let attributes = attributes(&file).map_err(|error| self.failed("read the attributes of", path, error))?;
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                self.tell(path, ChangeKind::File { content: file.into(), size }, &stat, attributes, None)
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, vec![]).map_err(|error| self.failed("read", path, error))?;
                let target = target.into_string().map_err(|_| Error::Name { path: self.upper.join(path.as_str()) })?;
                self.tell(path, ChangeKind::Symlink(target), &stat, vec![], self.listed(parent, name, path)?)
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => self.tell(path, ChangeKind::Removed, &stat, vec![], None),
            kind => {
                let kind = match kind {
                    FileType::Fifo => "fifo",
                    FileType::Socket => "socket",
                    _ => "device",
                };
                self.tell(path, ChangeKind::Special(kind), &stat, vec![], self.listed(parent, name, path)?)
            }
        }
    }

    /// Adds one path to what was written, which may be too much.
    fn count(&mut self, path: &str, stat: &Stat, depth: usize) -> Result<(), E> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        let size = if kind == FileType::RegularFile { u64::try_from(stat.st_size).unwrap_or_default() } else { 0 };
        self.inodes += 1;
        self.bytes = self.bytes.saturating_add(taken(stat));
        let limits = self.limits;
        let deep = || (kind == FileType::Directory && depth >= DEPTH).then(|| Excess::Deep { path: path.to_owned(), allowed: DEPTH });
        let excess = deep()
            .or_else(|| limits.check_file(path, size))
            .or_else(|| limits.check(Limit::Disk, self.bytes))
            .or_else(|| limits.check(Limit::Inodes, self.inodes));
        excess.map_or(Ok(()), |excess| Err(too_much(excess, stat).into()))
    }

    /// Adds attributes, which not every file system counts among a file's blocks.
    fn count_attributes(&mut self, attributes: &Xattrs, stat: &Stat) -> Result<(), E> {
        let bytes = attributes.iter().fold(0, |sum, (name, value)| sum + name.len() + value.len());
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.limits.check(Limit::Disk, self.bytes).map_or(Ok(()), |excess| Err(too_much(excess, stat).into()))
    }

    /// The recorded owner of a file that cannot carry it itself.
    fn listed(&self, parent: &OwnedFd, name: &std::ffi::CStr, path: &str) -> Result<Option<Ids>, E> {
        if self.sandbox.ownership != Ownership::Recorded {
            return Ok(None);
        }
        let key = Key::of(parent, name).map_err(|error| self.failed("look at", path, error))?;
        Ok(self.sandbox.table.borrow().get(&key))
    }

    fn tell(&mut self, path: &str, kind: ChangeKind, stat: &Stat, attributes: Xattrs, listed: Option<Ids>) -> Result<(), E> {
        self.count_attributes(&attributes, stat)?;
        let mut xattrs = attributes;
        let (uid, gid) = match self.sandbox.ownership {
            Ownership::Root | Ownership::Subordinate => (stat.st_uid, stat.st_gid),
            Ownership::Recorded => {
                let ids = recorded(&mut xattrs, stat.st_mode).or(listed).unwrap_or_default();
                (ids.uid, ids.gid)
            }
        };
        xattrs.retain(|(name, _)| belongs_to_image(name));
        xattrs.sort();
        (self.visit)(&Change { path, kind, uid, gid, mode: stat.st_mode & 0o7777, xattrs })
    }

    fn failed(&self, doing: &'static str, path: &str, error: Errno) -> Error {
        Error::io(doing, self.upper.join(path), error)
    }
}

/// The error for what was changed last when `stat` says.
fn too_much(excess: Excess, stat: &Stat) -> Error {
    let changed = Duration::new(stat.st_ctime.try_into().unwrap_or_default(), stat.st_ctime_nsec.try_into().unwrap_or_default());
    Error::Excess { excess, changed }
}

/// The owner that the recorder left in the attributes. Access control lists that it keeps there get their own names back.
fn recorded(attributes: &mut Xattrs, mode: u32) -> Option<Ids> {
    for (record, name) in [(record::ACCESS, "system.posix_acl_access"), (record::DEFAULT, "system.posix_acl_default")] {
        if let Some((_, list)) = attributes.iter().find(|(name, _)| name == record.as_bytes()) {
            let list = if record == record::ACCESS { record::with_mode(list, mode) } else { list.clone() };
            attributes.retain(|(known, _)| known != name.as_bytes());
            attributes.push((name.as_bytes().to_vec(), list));
        }
    }
    attributes.iter().find(|(name, _)| name == record::OWNER.as_bytes()).and_then(|(_, value)| Ids::parse(value))
}

/// Tells whether an extended attribute is part of an image, rather than for the use of who stores or shows it.
pub(super) fn belongs_to_image(name: &[u8]) -> bool {
    match name {
        b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default" => true,
        // Copied along from the layer below when a file is first written to.
        b"user.ostreemeta" => false,
        _ => name.starts_with(b"user.") && !name.starts_with(b"user.overlay.") && !name.starts_with(b"user.pintree."),
    }
}

/// All extended attributes. Nobody else writes to the layer, so they do not grow between the two calls.
pub(super) fn attributes(file: impl AsFd) -> Result<Xattrs, Errno> {
    let fd = file.as_fd();
    let mut list = vec![0; rustix::fs::flistxattr_query(fd)?];
    let length = rustix::fs::flistxattr(fd, &mut list[..])?;
    let names = list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; rustix::fs::fgetxattr_query(fd, name)?];
            let length = rustix::fs::fgetxattr(fd, name, &mut value[..])?;
            value.truncate(length);
            Ok((name.to_vec(), value))
        })
        .collect()
}
