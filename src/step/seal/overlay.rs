//! Directories of the project, laid over the tree.
//!
//! What git keeps of a file counts: its name, its content, whether it may be executed. Owners, other modes, times and the
//! order in which a directory lists its names do not.

use super::error::{Error, OverlayFault};
use super::root::{Root, join};
use crate::store::{Checksum, Entry, Metadata};
use crate::util::bounds::Located;
use crate::util::place::kind_name;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where git would forget an empty directory, such a file keeps it; it is no part of the image.
const KEEPER: &str = ".gitkeep";

/// Copies the directory `overlay` over the tree, and adds all that counts of it to `digest`.
pub(super) fn lay(root: &mut Root<'_>, overlay: &Located, digest: &mut Sha256) -> Result<(), Error> {
    digest.update(b"overlay\0");
    let host = Host { directory: overlay.open_directory()?, path: overlay.named().to_owned(), said: String::new() };
    directory(root, &host, "", digest)
}

/// A directory of an overlay. It is open, so that what stands in it now is what was listed, whatever becomes of its name.
struct Host {
    directory: File,
    /// For messages.
    path: PathBuf,
    /// What the overlay says, not where a link of the tree takes it.
    said: String,
}

impl Host {
    /// The names in it, sorted, with their kinds.
    fn entries(&self) -> Result<Vec<(CString, FileType)>, Errno> {
        let mut found = vec![];
        for entry in Dir::read_from(&self.directory)? {
            let name = entry?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let stat = rustix::fs::statat(&self.directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
                found.push((name, FileType::from_raw_mode(stat.st_mode)));
            }
        }
        found.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(found)
    }

    /// Opens what stands in it, which was found to be a file or a directory.
    fn open(&self, name: &CString, flags: OFlags) -> Result<File, Errno> {
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, name, flags, Mode::empty()).map(File::from)
    }
}

/// One directory of an overlay, whose place in the tree is `place`.
fn directory(root: &mut Root<'_>, host: &Host, place: &str, digest: &mut Sha256) -> Result<(), Error> {
    let entries = host.entries().map_err(|error| Error::io("read directory", &host.path)(error.into()))?;
    for (entry, kind) in entries {
        let bytes: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(entry.to_bytes());
        let path = host.path.join(bytes);
        let fault = |fault| Error::Overlay { path: path.clone(), fault };
        let failed = |action: &'static str, error: Errno| Error::io(action, &path)(error.into());
        let name = entry.to_str().map_err(|_| fault(OverlayFault::Name))?;
        let (at, said) = (join(place, name), join(&host.said, name));
        if kind == FileType::Directory {
            let at = root.follow(&at)?;
            if at == "usr/etc" {
                return Err(fault(OverlayFault::UsrEtc));
            }
            if let Some(Entry::File(_)) = root.entry(&at)? {
                return Err(fault(OverlayFault::DirectoryOverFile { place: at }));
            }
            digest.update(format!("directory\0{said}\0"));
            root.make_directory(&at)?;
            let below = host.open(&entry, OFlags::DIRECTORY).map_err(|error| failed("open", error))?;
            directory(root, &Host { directory: below, path, said }, &at, digest)?;
            continue;
        }
        if name == KEEPER {
            continue;
        }
        if let Some(Entry::Directory(_)) = root.entry(&at)? {
            return Err(fault(OverlayFault::FileOverDirectory { place: at }));
        }
        let object = match kind {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&host.directory, &entry, vec![]).map_err(|error| failed("read link", error))?;
                let target = target.to_str().map_err(|_| fault(OverlayFault::Name))?;
                root.repo.write_symlink(&Metadata::root(0o777), target)?
            }
            FileType::RegularFile => file(root, host, &entry, &path)?,
            kind => return Err(fault(OverlayFault::Special { kind: kind_name(kind) })),
        };
        // The object's checksum covers content, target and mode.
        digest.update(format!("file\0{said}\0{object}\0"));
        root.put(&at, object)?;
    }
    Ok(())
}

/// Stores a file of an overlay.
fn file(root: &Root<'_>, host: &Host, name: &CString, path: &Path) -> Result<Checksum, Error> {
    let failed = |error: Errno| Error::io("open", path)(error.into());
    let mut file = host.open(name, OFlags::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::RegularFile {
        return Err(Error::Overlay { path: path.to_owned(), fault: OverlayFault::Special { kind: kind_name(kind) } });
    }
    let mut writer = root.repo.file_writer(&Metadata::root(if stat.st_mode & 0o111 == 0 { 0o644 } else { 0o755 }))?;
    io::copy(&mut file, &mut writer).map_err(Error::io("read", path))?;
    Ok(writer.finish()?)
}
