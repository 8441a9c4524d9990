//! What a power failure may have left.
//!
//! Objects are not synced one by one; one sync covers all of them before a ref is written. A failure before that sync
//! can leave objects that have a name and not their content. No ref names them, but a writer that finds the name would
//! take the object for written. So the first run after a boot checks every object that is younger than the boot before.

use super::lock::{Shared, lock_file};
use super::repo::OWN_DIRECTORY;
use super::{Checksum, Error, ObjectKind, Repo};
use crate::util::fs::write_atomic;
use rustix::fs::{FlockOperation, flock};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A number that the kernel draws at each boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Checks what may be damaged, once for each boot. Hosts that share a repository over a network make each other check.
pub(super) fn check_after_boot(repo: &Path) -> Result<(), Error> {
    match std::fs::read_to_string(BOOT_ID) {
        Ok(boot) => check_after_other_boot(repo, &boot),
        // Without /proc nothing tells one boot from another.
        Err(_) => Ok(()),
    }
}

fn check_after_other_boot(path: &Path, boot: &str) -> Result<(), Error> {
    let marker = path.join(OWN_DIRECTORY).join("boot");
    let read = || std::fs::read_to_string(&marker).unwrap_or_default();
    if read() == boot {
        return Ok(());
    }
    // A repository that cannot be written cannot be mended, nor damaged further.
    let Some(lock) = lock_file(path, "recovery")? else { return Ok(()) };
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| Error::io("lock", path)(error.into()))?;
    let last = read();
    if last == boot {
        return Ok(());
    }
    // An empty marker is one that itself did not reach the disk.
    let since = if last.is_empty() { None } else { std::fs::metadata(&marker).ok().map(|meta| meta.mtime()) };
    let repo = Repo::with_lock(path, Shared::none())?;
    let objects = repo.all_objects()?;
    for (checksum, kind, meta) in &objects {
        if since.is_none_or(|since| meta.ctime() + 1 >= since) && matches!(repo.check_object(checksum, *kind), Err(Error::Corrupt { .. })) {
            repo.remove_object(checksum, *kind)?;
        }
    }
    if !objects.is_empty() {
        repo.sync()?;
    }
    write_atomic(&marker, boot.as_bytes()).map_err(Error::io("write", marker))
}

impl Repo {
    /// Every object file, in no order.
    pub(super) fn all_objects(&self) -> Result<Vec<(Checksum, ObjectKind, std::fs::Metadata)>, Error> {
        let root = self.path.join("objects");
        let mut objects = Vec::new();
        for directory in std::fs::read_dir(&root).map_err(Error::io("read directory", &root))? {
            let directory = directory.map_err(Error::io("read directory", &root))?;
            let prefix = directory.file_name();
            let Some(prefix) = prefix.to_str().filter(|prefix| prefix.len() == 2) else { continue };
            let path = directory.path();
            for entry in std::fs::read_dir(&path).map_err(Error::io("read directory", &path))? {
                let entry = entry.map_err(Error::io("read directory", &path))?;
                let name = entry.file_name();
                // Other files, such as detached metadata, belong to libostree.
                let Some((rest, suffix)) = name.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
                let (Ok(checksum), Some(kind)) = (format!("{prefix}{rest}").parse(), ObjectKind::from_suffix(suffix)) else { continue };
                objects.push((checksum, kind, entry.metadata().map_err(Error::io("read", entry.path()))?));
            }
        }
        Ok(objects)
    }

    pub(super) fn remove_object(&self, checksum: &Checksum, kind: ObjectKind) -> Result<(), Error> {
        let path = self.path.join("objects").join(super::repo::object_path(checksum, kind));
        std::fs::remove_file(&path).map_err(Error::io("remove", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Metadata;

    #[test]
    fn damaged_objects_are_gone_after_a_boot_and_whole_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let whole = repo.write_file(&Metadata::root(0o644), b"whole").unwrap();
        let damaged = repo.write_file(&Metadata::root(0o644), b"damaged").unwrap();
        let empty = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let path = |checksum, kind| dir.path().join("objects").join(crate::store::repo::object_path(checksum, kind));
        std::fs::write(path(&damaged, ObjectKind::File), "").unwrap();
        std::fs::write(path(&empty, ObjectKind::DirMeta), "").unwrap();
        drop(repo);

        let repo = Repo::open(dir.path()).unwrap();
        assert!(repo.has_object(&damaged, ObjectKind::File), "within a boot nothing is looked at");
        check_after_other_boot(dir.path(), "another boot").unwrap();
        assert!(repo.has_object(&whole, ObjectKind::File));
        assert!(!repo.has_object(&damaged, ObjectKind::File));
        assert!(!repo.has_object(&empty, ObjectKind::DirMeta));
    }
}
