//! Refs: files below `refs/heads` that hold a commit's checksum.

use super::{Checksum, Error, RefName, Repo};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::io;
use std::path::Path;

impl Repo {
    /// The commit that `name` names, if the ref exists.
    pub fn read_ref(&self, name: &RefName) -> Result<Option<Checksum>, Error> {
        // One read, as a regular file's is short only at its end, and a compose reads a ref for each package.
        let mut bytes = [0; 80];
        let opened = super::beneath::open(&self.root, &format!("refs/heads/{name}"), OFlags::empty());
        match opened.and_then(|file| rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut bytes[..]))) {
            Ok(length) => {
                let text = std::str::from_utf8(&bytes[..length]).unwrap_or_default();
                text.trim_end_matches('\n').parse().map(Some).map_err(|_| Error::CorruptRef { name: name.to_string() })
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::LOOP | Errno::XDEV) => Err(Error::Link { path: self.ref_path(name) }),
            Err(error) => Err(Error::io("read", self.ref_path(name))(error.into())),
        }
    }

    /// The commit that `name` names; a ref that does not exist is an error.
    pub fn resolve_ref(&self, name: &RefName) -> Result<Checksum, Error> {
        self.read_ref(name)?.ok_or_else(|| Error::NoSuchRef { repo: self.path.clone(), name: name.to_string() })
    }

    /// Lets `name` name `checksum`, durably; tells whether that was a change. An unchanged ref's file stays untouched, so
    /// that ninja's `restat` stops there.
    ///
    /// All objects written so far reach the disk before the ref does: after a power failure a ref is whole or absent.
    pub fn write_ref_if_changed(&self, name: &RefName, checksum: &Checksum) -> Result<bool, Error> {
        // A ref that cannot be read is replaced.
        if matches!(self.read_ref(name), Ok(Some(old)) if old == *checksum) {
            return Ok(false);
        }
        let path = self.ref_path(name);
        let parent = path.parent().expect("a ref lies below `refs/heads`");
        self.refuse_linked_directory(parent)?;
        std::fs::create_dir_all(parent).map_err(Error::io("create directory", parent))?;
        // Not beside the ref, where `ostree refs` would list it.
        let temporary = self.path.join("tmp").join(self.temporary_name());
        std::fs::write(&temporary, format!("{checksum}\n")).map_err(Error::io("write", &temporary))?;
        let renamed = self.sync().and_then(|()| std::fs::rename(&temporary, &path).map_err(Error::io("write", &path)));
        if renamed.is_err() {
            // Best effort: the first error is the one to report.
            let _unused = std::fs::remove_file(&temporary);
        }
        renamed.map(|()| true)
    }

    /// All refs that start with `prefix` (whole components, `""` for every ref), sorted.
    pub fn list_refs(&self, prefix: &str) -> Result<Vec<RefName>, Error> {
        let root = self.path.join("refs/heads");
        let mut refs = Vec::new();
        let start = if prefix.is_empty() { root.clone() } else { root.join(prefix) };
        if start.is_file() {
            refs.extend(prefix.parse().ok());
        } else {
            list(&start, prefix.trim_end_matches('/'), &mut refs)?;
        }
        refs.sort();
        Ok(refs)
    }

    /// Removes a ref; tells whether there was one. Directories that become empty stay: another run may be about to use them.
    pub fn delete_ref(&self, name: &RefName) -> Result<bool, Error> {
        let path = self.ref_path(name);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", path)(error)),
        }
    }
}

fn list(directory: &Path, prefix: &str, refs: &mut Vec<RefName>) -> Result<(), Error> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read directory", directory)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read directory", directory))?;
        let name = entry.file_name();
        // A name that is no ref's was not made by us; it is left alone.
        let Some(name) = name.to_str() else { continue };
        let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if entry.file_type().map_err(Error::io("read", entry.path()))?.is_dir() {
            list(&entry.path(), &full, refs)?;
        } else {
            refs.extend(full.parse().ok());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn writes_lists_and_deletes() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let name: RefName = "image/m/i/armhf/composed".parse().unwrap();
        let other: RefName = "deb/1/x".parse().unwrap();
        let (one, two) = (Checksum([1; 32]), Checksum([2; 32]));
        assert_eq!(repo.read_ref(&name).unwrap(), None);
        assert!(repo.write_ref_if_changed(&name, &one).unwrap());
        let inode = std::fs::metadata(repo.ref_path(&name)).unwrap().ino();
        assert!(!repo.write_ref_if_changed(&name, &one).unwrap());
        assert_eq!(std::fs::metadata(repo.ref_path(&name)).unwrap().ino(), inode);
        assert!(repo.write_ref_if_changed(&name, &two).unwrap());
        assert!(repo.write_ref_if_changed(&other, &one).unwrap());
        assert_eq!(repo.read_ref(&name).unwrap(), Some(two));
        assert_eq!(repo.list_refs("").unwrap(), [other.clone(), name.clone()]);
        assert_eq!(repo.list_refs("image").unwrap(), std::slice::from_ref(&name));
        assert_eq!(repo.list_refs("none").unwrap(), []);
        assert!(repo.delete_ref(&name).unwrap());
        assert!(!repo.delete_ref(&name).unwrap());
        assert!(matches!(repo.resolve_ref(&name), Err(Error::NoSuchRef { .. })));
    }

    #[test]
    fn a_damaged_ref_is_an_error_until_it_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let name: RefName = "deb/1/x".parse().unwrap();
        repo.write_ref_if_changed(&name, &Checksum([1; 32])).unwrap();
        for damage in [&b""[..], b"\xff\xfe", b"not a checksum"] {
            std::fs::write(repo.ref_path(&name), damage).unwrap();
            assert!(matches!(repo.read_ref(&name), Err(Error::CorruptRef { .. })));
        }
        assert!(repo.write_ref_if_changed(&name, &Checksum([1; 32])).unwrap());
    }
}
