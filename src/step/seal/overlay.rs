//! Directories of the project, laid over the tree.
//!
//! What git keeps of a file counts: its name, its content, whether it may be executed. Owners, other modes, times and the
//! order in which a directory lists its names do not.

use super::error::{Error, OverlayFault};
use super::root::{Root, join};
use crate::store::{Entry, Metadata};
use sha2::{Digest as _, Sha256};
use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

/// Where git would forget an empty directory, such a file keeps it; it is no part of the image.
const KEEPER: &str = ".gitkeep";

/// Copies the directory `overlay` over the tree, and adds all that counts of it to `digest`.
pub(super) fn lay(root: &mut Root<'_>, overlay: &Path, digest: &mut Sha256) -> Result<(), Error> {
    digest.update(b"overlay\0");
    directory(root, overlay, overlay, "", digest)
}

/// One directory of an overlay, whose place in the tree is `place`.
fn directory(root: &mut Root<'_>, overlay: &Path, host: &Path, place: &str, digest: &mut Sha256) -> Result<(), Error> {
    let listed = std::fs::read_dir(host).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = listed.map_err(Error::io("read directory", host))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let fault = |fault| Error::Overlay { path: path.clone(), fault };
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| fault(OverlayFault::Name))?;
        let kind = entry.file_type().map_err(Error::io("read", &path))?;
        let at = join(place, name);
        // What the overlay says, not where a link of the tree takes it.
        let said = path.strip_prefix(overlay).unwrap_or(&path).to_string_lossy();
        if kind.is_dir() {
            let at = root.follow(&at)?;
            if at == "usr/etc" {
                return Err(fault(OverlayFault::UsrEtc));
            }
            if let Some(Entry::File(_)) = root.entry(&at)? {
                return Err(fault(OverlayFault::DirectoryOverFile { place: at }));
            }
            digest.update(format!("directory\0{said}\0"));
            root.make_directory(&at)?;
            directory(root, overlay, &path, &at, digest)?;
            continue;
        }
        if name == KEEPER {
            continue;
        }
        if let Some(Entry::Directory(_)) = root.entry(&at)? {
            return Err(fault(OverlayFault::FileOverDirectory { place: at }));
        }
        let object = if kind.is_symlink() {
            let target = std::fs::read_link(&path).map_err(Error::io("read link", &path))?;
            let target = target.to_str().ok_or_else(|| fault(OverlayFault::Name))?;
            root.repo.write_symlink(&Metadata::root(0o777), target)?
        } else if kind.is_file() {
            let mut file = File::open(&path).map_err(Error::io("open", &path))?;
            let mode = file.metadata().map_err(Error::io("read", &path))?.permissions().mode();
            let mut writer = root.repo.file_writer(&Metadata::root(if mode & 0o111 == 0 { 0o644 } else { 0o755 }))?;
            io::copy(&mut file, &mut writer).map_err(Error::io("read", &path))?;
            writer.finish()?
        } else {
            return Err(fault(OverlayFault::Special { kind: special(kind) }));
        };
        // The object's checksum covers content, target and mode.
        digest.update(format!("file\0{said}\0{object}\0"));
        root.put(&at, object)?;
    }
    Ok(())
}

fn special(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "fifo"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}
