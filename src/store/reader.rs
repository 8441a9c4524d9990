//! Reading objects; what they hold is checked before it is believed.

use super::metadata::{TYPE_DIRECTORY, TYPE_REGULAR, TYPE_SYMLINK};
use super::repo::object_path;
use super::writer::{MAX_METADATA, META_ATTRIBUTE};
use super::{Checksum, Commit, DirTree, DirTreeView, Error, Metadata, ObjectKind, Repo};
use rustix::buffer::spare_capacity;
use rustix::fs::{self, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read as _;
use std::sync::atomic::Ordering;

/// What a file object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file of this many bytes.
    Regular(u64),
    /// A symbolic link to this target.
    Symlink(String),
}

/// A file object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// Owner, mode and attributes.
    pub metadata: Metadata,
    /// Regular file or link.
    pub kind: FileKind,
}

/// Room for the first read of a metadata object. A regular file's read is short only at its end, so one call reads
/// nearly every directory, and a compose reads thousands.
const FIRST_READ: usize = 16 << 10;

impl Repo {
    fn open_object(&self, checksum: &Checksum, kind: ObjectKind) -> Result<File, Error> {
        let path = object_path(checksum, kind);
        let open = |more| super::beneath::open(&self.objects, &path, more);
        // Noting the time of the first reading is a change to the inode, and an eighth of what a compose costs. Only a
        // file's owner may leave it out.
        let opened = match self.others_objects.load(Ordering::Relaxed) {
            true => open(OFlags::empty()),
            false => open(OFlags::NOATIME).or_else(|error| match error {
                Errno::PERM => {
                    self.others_objects.store(true, Ordering::Relaxed);
                    open(OFlags::empty())
                }
                other => Err(other),
            }),
        };
        match opened {
            Ok(fd) => Ok(fd.into()),
            Err(Errno::NOENT) => Err(Error::Missing { repo: self.path.clone(), checksum: *checksum, kind }),
            Err(Errno::LOOP | Errno::XDEV) => Err(Error::Link { path: self.path.join("objects").join(path) }),
            Err(error) => Err(Error::io("open object", self.path.join("objects").join(path))(error.into())),
        }
    }

    /// Reads a metadata object into `buffer`, whose old content is dropped, and compares it with its name: an object that was
    /// overwritten in its place is no other object.
    pub(super) fn read_into(&self, checksum: &Checksum, kind: ObjectKind, buffer: &mut Vec<u8>) -> Result<(), Error> {
        buffer.clear();
        let file = self.open_object(checksum, kind)?;
        let path = || self.path.join("objects").join(object_path(checksum, kind));
        buffer.reserve(FIRST_READ);
        let room = buffer.capacity();
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&file, spare_capacity(buffer)))
            .map_err(|error| Error::io("read object", path())(error.into()))?;
        if read == room {
            self.read_rest(checksum, kind, file, buffer)?;
        }
        match Checksum::of(buffer) == *checksum {
            true => Ok(()),
            false => Err(Error::Corrupt { checksum: *checksum, kind, reason: "its content does not have this checksum" }),
        }
    }

    fn read_rest(&self, checksum: &Checksum, kind: ObjectKind, file: File, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let path = || self.path.join("objects").join(object_path(checksum, kind));
        // One byte more than allowed tells too much from just enough.
        file.take((MAX_METADATA - buffer.len().min(MAX_METADATA)) as u64 + 1)
            .read_to_end(buffer)
            .map_err(|error| Error::io("read object", path())(error))?;
        if buffer.len() > MAX_METADATA {
            return Err(Error::Corrupt { checksum: *checksum, kind, reason: "it exceeds 128 MiB" });
        }
        Ok(())
    }

    /// Reads a directory and hands it to `look` in place; `buffer` is working space for many such reads.
    pub(crate) fn view_dirtree<T>(
        &self,
        checksum: &Checksum,
        buffer: &mut Vec<u8>,
        look: impl FnOnce(&DirTreeView<'_>) -> T,
    ) -> Result<T, Error> {
        self.read_into(checksum, ObjectKind::DirTree, buffer)?;
        let view =
            DirTreeView::parse(buffer).map_err(|reason| Error::Corrupt { checksum: *checksum, kind: ObjectKind::DirTree, reason })?;
        Ok(look(&view))
    }

    /// Reads a directory's names.
    pub fn read_dirtree(&self, checksum: &Checksum) -> Result<DirTree, Error> {
        self.view_dirtree(checksum, &mut Vec::new(), |view| view.to_dirtree())
    }

    /// Reads a directory's owner, mode and attributes.
    pub fn read_dirmeta(&self, checksum: &Checksum) -> Result<Metadata, Error> {
        let corrupt = |reason| Error::Corrupt { checksum: *checksum, kind: ObjectKind::DirMeta, reason };
        let mut bytes = Vec::with_capacity(64);
        self.read_into(checksum, ObjectKind::DirMeta, &mut bytes)?;
        match Metadata::from_meta_bytes(&bytes).map_err(corrupt)? {
            (metadata, TYPE_DIRECTORY) => Ok(metadata),
            _ => Err(corrupt("it is not of a directory")),
        }
    }

    /// Reads a commit.
    pub fn read_commit(&self, checksum: &Checksum) -> Result<Commit, Error> {
        let mut bytes = Vec::with_capacity(4096);
        self.read_into(checksum, ObjectKind::Commit, &mut bytes)?;
        Commit::from_bytes(&bytes).map_err(|reason| Error::Corrupt { checksum: *checksum, kind: ObjectKind::Commit, reason })
    }

    /// Reads what a file object is, without its content.
    pub fn read_file_meta(&self, checksum: &Checksum) -> Result<FileMeta, Error> {
        self.open_file(checksum).map(|(meta, _)| meta)
    }

    /// Opens a file object; the file is positioned at the start of the content (of the target, if it is a link).
    pub fn open_file(&self, checksum: &Checksum) -> Result<(FileMeta, File), Error> {
        let corrupt = |reason| Error::Corrupt { checksum: *checksum, kind: ObjectKind::File, reason };
        let io =
            |error: Errno| Error::io("read object", self.path.join("objects").join(object_path(checksum, ObjectKind::File)))(error.into());
        let file = self.open_object(checksum, ObjectKind::File)?;
        let mut small = [0; 256];
        let (metadata, kind) = match fs::fgetxattr(&file, META_ATTRIBUTE, &mut small[..]) {
            Ok(length) => Metadata::from_meta_bytes(&small[..length]),
            Err(Errno::RANGE) => {
                let mut large = vec![0; 64 << 10];
                let length = fs::fgetxattr(&file, META_ATTRIBUTE, &mut large[..]).map_err(io)?;
                Metadata::from_meta_bytes(&large[..length])
            }
            Err(Errno::NODATA) => Err("it has no attribute `user.ostreemeta`"),
            Err(error) => return Err(io(error)),
        }
        .map_err(corrupt)?;
        let stat = fs::fstat(&file).map_err(io)?;
        if fs::FileType::from_raw_mode(stat.st_mode) != fs::FileType::RegularFile {
            return Err(corrupt("it is no regular file"));
        }
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let kind = match kind {
            TYPE_REGULAR => FileKind::Regular(size),
            TYPE_SYMLINK if size <= 4095 => {
                let mut target = vec![0; size as usize];
                let path = || self.path.join("objects").join(object_path(checksum, ObjectKind::File));
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut target, 0)
                    .map_err(|error| Error::io("read object", path())(error))?;
                let target = String::from_utf8(target).map_err(|_| corrupt("its target is not UTF-8"))?;
                if target.is_empty() || target.contains('\0') {
                    return Err(corrupt("its target is empty or has a zero byte"));
                }
                FileKind::Symlink(target)
            }
            TYPE_SYMLINK => return Err(corrupt("its target is longer than 4095 bytes")),
            _ => return Err(corrupt("it is neither a regular file nor a symbolic link")),
        };
        Ok((FileMeta { metadata, kind }, file))
    }

    /// Reads a regular file of at most `limit` bytes into memory.
    pub fn read_file(&self, checksum: &Checksum, limit: u64) -> Result<Vec<u8>, Error> {
        let corrupt = |reason| Error::Corrupt { checksum: *checksum, kind: ObjectKind::File, reason };
        match self.open_file(checksum)? {
            (FileMeta { kind: FileKind::Regular(size), .. }, mut file) if size <= limit => {
                // The size is known: one call reads it, where reading to the end takes several.
                let mut content = vec![0; size as usize];
                let path = || self.path.join("objects").join(object_path(checksum, ObjectKind::File));
                file.read_exact(&mut content).map_err(|error| Error::io("read object", path())(error))?;
                Ok(content)
            }
            (FileMeta { kind: FileKind::Regular(_), .. }, _) => Err(corrupt("it is larger than what such a file may be")),
            _ => Err(corrupt("it is a symbolic link where a regular file must stand")),
        }
    }
}
