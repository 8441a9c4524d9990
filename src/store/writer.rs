//! Writing objects: whole or not at all, once, in any number of processes at a time.

use super::metadata::{TYPE_DIRECTORY, TYPE_REGULAR, TYPE_SYMLINK};
use super::repo::object_path;
use super::{Checksum, CommitParts, DirTree, Error, FileKind, Metadata, ObjectKind, Repo};
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::Ordering;

/// Content up to this size is hashed before anything is written, so that a file which is there already costs no write.
const BUFFERED: usize = 256 * 1024;

/// The largest metadata object, as in libostree; also the limit when reading.
pub(super) const MAX_METADATA: usize = 128 << 20;

/// The longest target of a symbolic link that Linux resolves.
const MAX_TARGET: usize = 4095;

/// Where a bare-user repository keeps what the file system does not.
pub(super) const META_ATTRIBUTE: &str = "user.ostreemeta";

/// What an object file shows on disk.
struct Looks {
    attribute: Option<Vec<u8>>,
    mode: u32,
}

/// A new file in the repository that has no object's name yet.
struct Unlinked<'r> {
    repo: &'r Repo,
    file: File,
    /// Its name in `tmp`, where the file system does not make unnamed files.
    name: Option<String>,
}

impl<'r> Unlinked<'r> {
    /// Makes the file with the mode that it is to show, as far as the umask lets it, and writable for now.
    fn new(repo: &'r Repo, looks: &Looks) -> Result<Self, Error> {
        let mode = Mode::from_raw_mode(looks.mode | 0o600);
        let create = |flags, name: &str| fs::openat(&repo.temporary, name, flags | OFlags::WRONLY | OFlags::CLOEXEC, mode);
        if !repo.named_temporaries.load(Ordering::Relaxed) {
            match create(OFlags::TMPFILE, ".") {
                Ok(fd) => return Ok(Self { repo, file: fd.into(), name: None }),
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => repo.named_temporaries.store(true, Ordering::Relaxed),
                Err(error) => return Err(Error::io("create a temporary file in", repo.path.join("tmp"))(error.into())),
            }
        }
        let name = repo.temporary_name();
        let fd = create(OFlags::CREATE | OFlags::EXCL, &name)
            .map_err(|error| Error::io("create a temporary file in", repo.path.join("tmp"))(error.into()))?;
        Ok(Self { repo, file: fd.into(), name: Some(name) })
    }

    /// Gives the file its looks and its name; another run that made the same object in the meantime is as good.
    fn link(self, checksum: &Checksum, kind: ObjectKind, looks: &Looks) -> Result<(), Error> {
        let path = object_path(checksum, kind);
        let io = |error: Errno| Error::io("write object", self.repo.path.join("objects").join(&path))(error.into());
        if let Some(attribute) = &looks.attribute {
            // Before the mode: the kernel asks for write permission, and a file may end without it.
            fs::fsetxattr(&self.file, META_ATTRIBUTE, attribute, XattrFlags::empty()).map_err(io)?;
        }
        // Asking costs a fraction of setting, which is a change that the journal gets to see.
        if fs::fstat(&self.file).map_err(io)?.st_mode & 0o7777 != looks.mode {
            fs::fchmod(&self.file, Mode::from_raw_mode(looks.mode)).map_err(io)?;
        }
        if kind == ObjectKind::File {
            // Checkouts by hard link show it, and must show the same everywhere.
            let epoch = fs::Timespec { tv_sec: 0, tv_nsec: 0 };
            fs::futimens(&self.file, &fs::Timestamps { last_access: epoch, last_modification: epoch }).map_err(io)?;
        }
        let mut linked = self.try_link(&path);
        if linked == Err(Errno::NOENT) {
            match fs::mkdirat(&self.repo.objects, &path[..2], Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(io(error)),
            }
            linked = self.try_link(&path);
        }
        match linked {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(io(error)),
        }
    }

    fn try_link(&self, path: &str) -> Result<(), Errno> {
        match &self.name {
            Some(name) => fs::linkat(&self.repo.temporary, name.as_str(), &self.repo.objects, path, AtFlags::empty()),
            None => {
                let fd = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                fs::linkat(CWD, fd, &self.repo.objects, path, AtFlags::SYMLINK_FOLLOW)
            }
        }
    }
}

impl Drop for Unlinked<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // What stays behind after a crash, garbage collection removes.
            let _unused = fs::unlinkat(&self.repo.temporary, name.as_str(), AtFlags::empty());
        }
    }
}

/// Where new objects go.
#[derive(Clone, Copy, Debug)]
pub enum Objects<'r> {
    /// Into a repository.
    Kept(&'r Repo),
    /// Nowhere: they are computed for their checksums alone, and nothing is written.
    Computed,
}

impl<'r> From<&'r Repo> for Objects<'r> {
    fn from(repo: &'r Repo) -> Self {
        Self::Kept(repo)
    }
}

/// A regular file on its way into the repository; write its content, then [`finish`](Self::finish).
///
/// Holds up to 256 KiB in memory; more goes to an unnamed file at once. Dropped unfinished, it leaves nothing.
pub struct FileWriter<'r> {
    objects: Objects<'r>,
    hasher: Sha256,
    buffer: Vec<u8>,
    spilled: Option<Unlinked<'r>>,
    looks: Looks,
}

impl FileWriter<'_> {
    /// Ends the file and gives its checksum; the object exists from here on.
    pub fn finish(self) -> Result<Checksum, Error> {
        let Self { objects, hasher, buffer, spilled, looks } = self;
        let checksum = Checksum(hasher.finalize().into());
        let Objects::Kept(repo) = objects else { return Ok(checksum) };
        if repo.has_object(&checksum, ObjectKind::File) {
            return Ok(checksum);
        }
        let mut file = spilled.map_or_else(|| Unlinked::new(repo, &looks), Ok)?;
        file.file.write_all(&buffer).map_err(Error::io("write a temporary file in", &repo.path))?;
        file.link(&checksum, ObjectKind::File, &looks)?;
        Ok(checksum)
    }
}

impl Write for FileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        let Objects::Kept(repo) = self.objects else { return Ok(bytes.len()) };
        if self.buffer.len() + bytes.len() <= BUFFERED {
            self.buffer.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        if self.spilled.is_none() {
            self.spilled = Some(Unlinked::new(repo, &self.looks).map_err(io::Error::other)?);
        }
        if let Some(spilled) = &mut self.spilled {
            spilled.file.write_all(&self.buffer)?;
            self.buffer.clear();
            if bytes.len() < BUFFERED {
                self.buffer.extend_from_slice(bytes);
            } else {
                spilled.file.write_all(bytes)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'r> Objects<'r> {
    /// Starts a regular file.
    pub fn file_writer(self, metadata: &Metadata) -> Result<FileWriter<'r>, Error> {
        let mut hasher = Sha256::new();
        hasher.update(metadata.to_file_header(TYPE_REGULAR, None)?);
        let looks = regular_looks(metadata)?;
        Ok(FileWriter { objects: self, hasher, buffer: Vec::new(), spilled: None, looks })
    }

    /// Writes a regular file whose content is in memory.
    pub fn write_file(self, metadata: &Metadata, content: &[u8]) -> Result<Checksum, Error> {
        let mut hasher = Sha256::new();
        hasher.update(metadata.to_file_header(TYPE_REGULAR, None)?);
        hasher.update(content);
        let checksum = Checksum(hasher.finalize().into());
        self.write_object(&checksum, ObjectKind::File, content, || regular_looks(metadata))?;
        Ok(checksum)
    }

    /// Writes a symbolic link; the mode of `metadata` is ignored, every link has 0777.
    pub fn write_symlink(self, metadata: &Metadata, target: &str) -> Result<Checksum, Error> {
        let fault = if target.is_empty() {
            Some("a symbolic link's target is empty")
        } else if target.len() > MAX_TARGET {
            Some("a symbolic link's target is longer than 4095 bytes")
        } else if target.contains('\0') {
            Some("a symbolic link's target has a zero byte")
        } else {
            None
        };
        if let Some(reason) = fault {
            return Err(Error::Unstorable { name: target.chars().take(80).collect(), reason });
        }
        let metadata = Metadata { mode: 0o777, ..metadata.clone() };
        let checksum = Checksum::of(&metadata.to_file_header(TYPE_SYMLINK, Some(target))?);
        self.write_object(&checksum, ObjectKind::File, target.as_bytes(), || {
            Ok(Looks { attribute: Some(metadata.to_meta_bytes(TYPE_SYMLINK)?), mode: 0o644 })
        })?;
        Ok(checksum)
    }

    /// Writes a directory's names.
    pub fn write_dirtree(self, tree: &DirTree) -> Result<Checksum, Error> {
        self.write_metadata(ObjectKind::DirTree, &tree.to_bytes()?)
    }

    /// Writes a directory's owner, mode and attributes.
    pub fn write_dirmeta(self, metadata: &Metadata) -> Result<Checksum, Error> {
        self.write_metadata(ObjectKind::DirMeta, &metadata.to_meta_bytes(TYPE_DIRECTORY)?)
    }

    /// Writes a commit.
    pub fn write_commit(self, commit: &CommitParts) -> Result<Checksum, Error> {
        self.write_metadata(ObjectKind::Commit, &commit.to_bytes()?)
    }

    fn write_metadata(self, kind: ObjectKind, bytes: &[u8]) -> Result<Checksum, Error> {
        let checksum = Checksum::of(bytes);
        if bytes.len() > MAX_METADATA {
            return Err(Error::Unstorable { name: format!("{checksum}.{kind}"), reason: "a metadata object exceeds 128 MiB" });
        }
        self.write_object(&checksum, kind, bytes, || Ok(Looks { attribute: None, mode: 0o644 }))?;
        Ok(checksum)
    }

    fn write_object(
        self,
        checksum: &Checksum,
        kind: ObjectKind,
        bytes: &[u8],
        looks: impl FnOnce() -> Result<Looks, Error>,
    ) -> Result<(), Error> {
        let Self::Kept(repo) = self else { return Ok(()) };
        if repo.has_object(checksum, kind) {
            return Ok(());
        }
        let looks = looks()?;
        let mut file = Unlinked::new(repo, &looks)?;
        file.file.write_all(bytes).map_err(Error::io("write a temporary file in", &repo.path))?;
        file.link(checksum, kind, &looks)
    }
}

impl Repo {
    /// Starts a regular file.
    pub fn file_writer(&self, metadata: &Metadata) -> Result<FileWriter<'_>, Error> {
        Objects::Kept(self).file_writer(metadata)
    }

    /// Writes a regular file whose content is in memory.
    pub fn write_file(&self, metadata: &Metadata, content: &[u8]) -> Result<Checksum, Error> {
        Objects::Kept(self).write_file(metadata, content)
    }

    /// Writes a symbolic link; the mode of `metadata` is ignored, every link has 0777.
    pub fn write_symlink(&self, metadata: &Metadata, target: &str) -> Result<Checksum, Error> {
        Objects::Kept(self).write_symlink(metadata, target)
    }

    /// The file object `file` with other metadata; the content is copied, an unchanged file is the same object.
    pub fn with_metadata(&self, file: &Checksum, edit: impl Fn(&mut Metadata)) -> Result<Checksum, Error> {
        let (meta, mut content) = self.open_file(file)?;
        let mut metadata = meta.metadata.clone();
        edit(&mut metadata);
        if metadata == meta.metadata {
            return Ok(*file);
        }
        match meta.kind {
            FileKind::Symlink(target) => self.write_symlink(&metadata, &target),
            FileKind::Regular(_) => {
                let mut writer = self.file_writer(&metadata)?;
                io::copy(&mut content, &mut writer).map_err(Error::io("copy an object in", &self.path))?;
                writer.finish()
            }
        }
    }

    /// Writes a directory's names.
    pub fn write_dirtree(&self, tree: &DirTree) -> Result<Checksum, Error> {
        Objects::Kept(self).write_dirtree(tree)
    }

    /// Writes a directory's owner, mode and attributes.
    pub fn write_dirmeta(&self, metadata: &Metadata) -> Result<Checksum, Error> {
        Objects::Kept(self).write_dirmeta(metadata)
    }

    /// Writes a commit.
    pub fn write_commit(&self, commit: &CommitParts) -> Result<Checksum, Error> {
        Objects::Kept(self).write_commit(commit)
    }

    pub(super) fn write_metadata(&self, kind: ObjectKind, bytes: &[u8]) -> Result<Checksum, Error> {
        Objects::Kept(self).write_metadata(kind, bytes)
    }
}

/// Set-id bits and owners live in the attribute only; what is executable stays so for checkouts by hard link.
fn regular_looks(metadata: &Metadata) -> Result<Looks, Error> {
    Ok(Looks { attribute: Some(metadata.to_meta_bytes(TYPE_REGULAR)?), mode: metadata.mode & 0o775 | 0o400 })
}
