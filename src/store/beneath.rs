//! Opening what lies in the repository, and nothing that a link in it leads to.
//!
//! A repository comes out of caches and checkouts, and a link is the one thing in it that reaches outside.

use super::{Error, Repo};
use rustix::fs::{self, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Opens `path` below `directory` without following a link anywhere on the way.
///
/// Never waits for the other end of a pipe.
pub(super) fn open(directory: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match fs::openat2(directory.as_fd(), path, flags, Mode::empty(), resolve) {
        // A kernel or a container's filter from before the call; the last component is guarded even so.
        Err(Errno::NOSYS) => fs::openat(directory.as_fd(), path, flags, Mode::empty()),
        other => other,
    }
}

/// Directories of a repository that are entered by name.
const DIRECTORIES: [&str; 6] = ["objects", "tmp", "refs", "refs/heads", "extensions", super::repo::OWN_DIRECTORY];

/// Refuses a repository in which a link stands where it keeps objects, refs or files of its own.
pub(super) fn refuse_links(repo: &Path) -> Result<(), Error> {
    let refuse = |path: &Path| Err(Error::Link { path: path.to_owned() });
    for directory in DIRECTORIES {
        let path = repo.join(directory);
        if std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink()) {
            return refuse(&path);
        }
    }
    let objects = repo.join("objects");
    for entry in std::fs::read_dir(&objects).map_err(Error::io("read directory", &objects))? {
        let entry = entry.map_err(Error::io("read directory", &objects))?;
        if entry.file_type().map_err(Error::io("read", entry.path()))?.is_symlink() {
            return refuse(&entry.path());
        }
    }
    Ok(())
}

impl Repo {
    /// Refuses to write a ref through a link.
    pub(super) fn refuse_linked_directory(&self, directory: &Path) -> Result<(), Error> {
        let inside = directory.ancestors().take_while(|ancestor| *ancestor != self.path);
        for ancestor in inside {
            if std::fs::symlink_metadata(ancestor).is_ok_and(|meta| meta.is_symlink()) {
                return Err(Error::Link { path: ancestor.to_owned() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Checksum, Error, Metadata, ObjectKind, RefName, Repo};
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_entered_through_a_link() {
        for linked in ["objects", "tmp", "refs", "refs/heads", "extensions/pintree"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("repo");
            drop(Repo::init(&path).unwrap());
            std::fs::rename(path.join(linked), dir.path().join("elsewhere")).unwrap();
            symlink(dir.path().join("elsewhere"), path.join(linked)).unwrap();
            assert!(matches!(Repo::open(&path), Err(Error::Link { .. })), "{linked}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repo");
        let repo = Repo::init(&path).unwrap();
        std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
        symlink(dir.path().join("elsewhere"), path.join("refs/heads/image")).unwrap();
        let name: RefName = "image/m".parse().unwrap();
        assert!(matches!(repo.write_ref_if_changed(&name, &Checksum([1; 32])), Err(Error::Link { .. })));
        assert_eq!(std::fs::read_dir(dir.path().join("elsewhere")).unwrap().count(), 0);
        std::fs::write(dir.path().join("elsewhere/m"), Checksum([1; 32]).to_hex()).unwrap();
        assert!(matches!(repo.read_ref(&name), Err(Error::Link { .. })));
        symlink(dir.path().join("elsewhere"), path.join("objects/aa")).unwrap();
        assert!(matches!(Repo::open(&path), Err(Error::Link { .. })));
    }

    #[test]
    fn a_pipe_in_an_objects_place_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let file = repo.write_file(&Metadata::root(0o644), b"x").unwrap();
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        for (checksum, kind) in [(file, ObjectKind::File), (meta, ObjectKind::DirMeta)] {
            let path = dir.path().join("objects").join(crate::store::repo::object_path(&checksum, kind));
            std::fs::remove_file(&path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
            assert!(matches!(repo.check_object(&checksum, kind), Err(Error::Corrupt { .. })), "{kind}");
        }
    }
}
