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
pub(super) struct Exclusive {
    _file: File,
}

/// Opens a lock file of ours; gives `None` where the repository is read-only and has none.
pub(super) fn lock_file(repo: &Path, name: &str) -> Result<Option<File>, Error> {
    let path = repo.join(OWN_DIRECTORY).join(name);
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
    /// No lock, for one who holds an exclusive one.
    pub(super) fn none() -> Self {
        Self { _file: None }
    }

    /// Waits until no exclusive lock is held.
    pub(super) fn acquire(repo: &Path) -> Result<Self, Error> {
        let file = lock_file(repo, "lock")?;
        if let Some(file) = &file {
            flock(file, FlockOperation::LockShared).map_err(|error| Error::io("lock", repo)(error.into()))?;
        }
        Ok(Self { _file: file })
    }
}

impl Exclusive {
    /// Takes the lock at once, or fails with [`Error::Locked`] while any other run has the repository open.
    pub(super) fn acquire(repo: &Path) -> Result<Self, Error> {
        let file = lock_file(repo, "lock")?.ok_or_else(|| Error::io("lock", repo)(io::ErrorKind::PermissionDenied.into()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { path: repo.to_owned() }),
            Err(error) => Err(Error::io("lock", repo)(error.into())),
        }
    }
}
