//! The lock that keeps garbage collection and running builds apart.

use super::{Error, repo::OWN_DIRECTORY};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A shared lock, held by every open repository and released when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Shared {
    /// Absent where the repository is read-only and has no lock file: nothing there can collect garbage either.
    _file: Option<File>,
}

/// An exclusive lock: no other run has the repository open.
#[derive(Debug)]
pub struct Exclusive {
    pub(super) file: File,
}

fn lock_file(repo: &Path) -> Result<Option<File>, Error> {
    let path = repo.join(OWN_DIRECTORY).join("lock");
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let opened = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(repo);
            std::fs::create_dir_all(parent).and_then(|()| open())
        }
        other => other,
    };
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}

impl Shared {
    /// Waits until no exclusive lock is held.
    pub(super) fn acquire(repo: &Path) -> Result<Self, Error> {
        let file = lock_file(repo)?;
        if let Some(file) = &file {
            flock(file, FlockOperation::LockShared).map_err(|error| Error::io("lock", repo)(error.into()))?;
        }
        Ok(Self { _file: file })
    }

    /// Turns an exclusive lock into a shared one.
    pub(super) fn from_exclusive(lock: Exclusive) -> Self {
        // Another run that waits for its turn may slip in between; it cannot do harm to a repository that only reads on.
        let _still_exclusive_if_this_fails = flock(&lock.file, FlockOperation::LockShared);
        Self { _file: Some(lock.file) }
    }
}

impl Exclusive {
    /// Takes the lock at once, or fails with [`Error::Locked`] while any other run has the repository open.
    pub fn acquire(repo: &Path) -> Result<Self, Error> {
        let file = lock_file(repo)?.ok_or_else(|| Error::io("lock", repo)(io::ErrorKind::PermissionDenied.into()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { path: repo.to_owned() }),
            Err(error) => Err(Error::io("lock", repo)(error.into())),
        }
    }
}
