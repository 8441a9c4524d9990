//! A repository on disk: making one, opening one, and the paths in it.

use super::{Checksum, Error, ObjectKind, lock::Shared};
use rustix::fs::{self, AtFlags, Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};

/// `min-free-space-percent` off: libostree's reserve of 3 % fails builds on large, well filled disks, and objects are
/// written here without it; a full disk says so itself. Objects need no fsync of their own, [`Repo::sync`] covers them.
const CONFIG: &str = "[core]\nrepo_version=1\nmode=bare-user\nmin-free-space-percent=0\nper-object-fsync=false\n";

/// Where files of ours lie in a repository; OSTree leaves `extensions/` to programs above it.
pub(super) const OWN_DIRECTORY: &str = "extensions/pintree";

const DIRECTORIES: [&str; 9] = ["objects", "tmp", "tmp/cache", "refs", "refs/heads", "refs/mirror", "refs/remotes", "state", OWN_DIRECTORY];

/// An open `bare-user` repository. Threads and processes may share one; it holds a shared lock while it is open.
#[derive(Debug)]
pub struct Repo {
    pub(super) path: PathBuf,
    pub(super) root: OwnedFd,
    pub(super) objects: OwnedFd,
    pub(super) temporary: OwnedFd,
    /// Set once the file system turns out not to make unnamed files.
    pub(super) named_temporaries: AtomicBool,
    /// Set once an object turns out to belong to somebody else.
    pub(super) others_objects: AtomicBool,
    pub(super) counter: AtomicU64,
    _lock: Shared,
}

impl Repo {
    /// Opens the repository at `path`, after making it if there is none. Any number of runs may do so at once.
    pub fn init(path: &Path) -> Result<Self, Error> {
        let config = path.join("config");
        if !config.exists() {
            for directory in DIRECTORIES {
                let directory = path.join(directory);
                std::fs::create_dir_all(&directory).map_err(Error::io("create directory", directory))?;
            }
            // The file appears whole and last, so whoever sees it sees a repository.
            let temporary = path.join(format!("tmp/config-{}-{:?}", std::process::id(), std::thread::current().id()));
            std::fs::write(&temporary, CONFIG).map_err(Error::io("write", &temporary))?;
            let linked = std::fs::hard_link(&temporary, &config);
            let removed = std::fs::remove_file(&temporary).map_err(Error::io("remove", &temporary));
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", config)(error)),
                _ => removed?,
            }
        }
        Self::open(path)
    }

    /// Opens the repository at `path`; waits while a [`Self::collect_garbage`] runs.
    pub fn open(path: &Path) -> Result<Self, Error> {
        check_config(path)?;
        super::beneath::refuse_links(path)?;
        super::recovery::check_after_boot(path)?;
        let lock = Shared::acquire(path)?;
        Self::with_lock(path, lock)
    }

    pub(super) fn with_lock(path: &Path, lock: Shared) -> Result<Self, Error> {
        super::beneath::refuse_links(path)?;
        let open = |name: &str| {
            let path = path.join(name);
            fs::open(&path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())
                .map_err(|error| Error::io("open", path)(error.into()))
        };
        Ok(Self {
            root: open(".")?,
            objects: open("objects")?,
            temporary: open("tmp")?,
            path: path.to_owned(),
            named_temporaries: AtomicBool::new(false),
            others_objects: AtomicBool::new(false),
            counter: AtomicU64::new(0),
            _lock: lock,
        })
    }

    /// Where the repository lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a ref, as a build file names it.
    pub fn ref_path(&self, name: &super::RefName) -> PathBuf {
        self.path.join("refs/heads").join(name.as_str())
    }

    /// Tells whether an object is there.
    pub fn has_object(&self, checksum: &Checksum, kind: ObjectKind) -> bool {
        fs::accessat(&self.objects, object_path(checksum, kind).as_str(), fs::Access::EXISTS, AtFlags::empty()).is_ok()
    }

    /// Makes everything written so far durable: one call for the whole file system, in place of one for each object.
    pub fn sync(&self) -> Result<(), Error> {
        fs::syncfs(&self.objects).map_err(|error| Error::io("sync", &self.path)(error.into()))
    }

    /// A file without a name on the repository's file system, gone when closed; for a download before it is trusted.
    pub fn temporary_file(&self) -> Result<File, Error> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match fs::openat(&self.temporary, ".", flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => Ok(fd.into()),
            Err(_) => {
                let name = self.temporary_name();
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
                let io = |error: rustix::io::Errno| Error::io("create a temporary file in", self.path.join("tmp"))(error.into());
                let fd = fs::openat(&self.temporary, name.as_str(), flags, Mode::RUSR | Mode::WUSR).map_err(io)?;
                fs::unlinkat(&self.temporary, name.as_str(), AtFlags::empty()).map_err(io)?;
                Ok(fd.into())
            }
        }
    }

    /// A name in `tmp` that nobody else uses.
    pub(super) fn temporary_name(&self) -> String {
        let number = self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let thread = format!("{:?}", std::thread::current().id());
        let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
        format!("pintree-{}-{thread}-{:x}-{number}", std::process::id(), std::ptr::from_ref(self).addr())
    }
}

/// Refuses what is no repository, or one of another mode.
pub(super) fn check_config(path: &Path) -> Result<(), Error> {
    let config = match std::fs::read_to_string(path.join("config")) {
        Ok(config) => config,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(Error::NotARepository { path: path.to_owned() });
        }
        Err(error) => return Err(Error::io("read", path.join("config"))(error)),
    };
    let (mut group, mut mode) = ("", None);
    for line in config.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            group = name;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| group == "core") {
            match key.trim() {
                // As in GLib, the last one counts.
                "mode" => mode = Some(value.trim()),
                "parent" if !value.trim().is_empty() => return Err(Error::Config { path: path.to_owned(), key: "parent" }),
                _ => {}
            }
        }
    }
    match mode {
        Some("bare-user") => Ok(()),
        // libostree's default.
        other => Err(Error::WrongMode { path: path.to_owned(), mode: other.unwrap_or("bare").to_owned() }),
    }
}

/// An object's path below `objects`.
pub(super) fn object_path(checksum: &Checksum, kind: ObjectKind) -> String {
    let mut path = checksum.to_hex();
    path.reserve(16);
    path.insert(2, '/');
    path.push('.');
    path.push_str(kind.suffix());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_may_run_many_times_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/repo");
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| Repo::init(&path).map(|_| ()))).collect();
            for run in runs {
                run.join().unwrap().unwrap();
            }
        });
        assert_eq!(std::fs::read_to_string(path.join("config")).unwrap(), CONFIG);
        assert_eq!(std::fs::read_dir(path.join("tmp")).unwrap().count(), 1, "only `cache` stays");
    }

    #[test]
    fn refuses_other_places_and_modes() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Repo::open(dir.path()), Err(Error::NotARepository { .. })));
        std::fs::write(dir.path().join("config"), "[core]\nrepo_version=1\nmode=archive\n").unwrap();
        assert!(matches!(Repo::init(dir.path()), Err(Error::WrongMode { mode, .. }) if mode == "archive"));
        let hidden = "[remote \"x\"]\nmode=bare-user\n[core]\nrepo_version=1\nmode=bare\n";
        std::fs::write(dir.path().join("config"), hidden).unwrap();
        assert!(matches!(Repo::init(dir.path()), Err(Error::WrongMode { mode, .. }) if mode == "bare"));
        std::fs::write(dir.path().join("config"), format!("{CONFIG}parent=/elsewhere\n")).unwrap();
        assert!(matches!(Repo::init(dir.path()), Err(Error::Config { key: "parent", .. })));
    }
}
