//! What was worked out of verified bytes and is kept so that it need not be worked out again: parsed indexes, and which
//! packages ship a path.
//!
//! No digest that a `Release` lists says what a parsed index must be, so an entry counts only if this user's pintree wrote it
//! on this file system: it is this user's own file, nobody else may write to it, and beside it lies a receipt with its inode
//! and the time of its last change, which the kernel sets and no program can choose. A cache that was unpacked from an
//! archive, copied, restored in CI or exchanged in part has other inodes and times; there the entry is made again from the
//! verified text. `docs/design/0013-who-vouches.md` tells what else was thought of.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags};

use super::cache::Cache;

/// The longest receipt that is read.
const MAX_RECEIPT: u64 = 256;

/// A kind of derived entry: its directory below the cache's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    /// Parsed indexes, by the digest of their text.
    Index,
    /// Packages that ship a path.
    Owners,
}

impl Derived {
    fn directory(self) -> &'static str {
        match self {
            Self::Index => "parsed",
            Self::Owners => "owners",
        }
    }
}

impl Cache {
    /// An entry that this user's pintree wrote here, and nothing has touched since.
    pub fn derived(&self, kind: Derived, name: &str) -> Option<Vec<u8>> {
        let path = self.derived_path(kind, name);
        let mut file = open(&path)?;
        let receipt = receipt(&file).ok()??;
        let mut noted = String::new();
        let note = open(&receipt_path(&path))?;
        self::receipt(&note).ok()??;
        note.take(MAX_RECEIPT).read_to_string(&mut noted).ok()?;
        let mut bytes = Vec::new();
        if noted != receipt || file.read_to_end(&mut bytes).is_err() {
            return None;
        }
        // Nobody wrote to it while it was read.
        (self::receipt(&file).ok()?? == noted).then_some(bytes)
    }

    /// Keeps an entry with its receipt.
    ///
    /// # Errors
    /// Any of the file system's. A cache that cannot be written costs time, nothing else.
    pub fn keep_derived(&self, kind: Derived, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.derived_path(kind, name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = replace(&path, bytes)?;
        // Taken from the file that was written, whatever stands under the name by now.
        let receipt = receipt(&file)?.unwrap_or_default();
        replace(&receipt_path(&path), receipt.as_bytes()).map(drop)
    }

    fn derived_path(&self, kind: Derived, name: &str) -> PathBuf {
        self.directory().join(kind.directory()).join(name)
    }
}

fn receipt_path(path: &Path) -> PathBuf {
    path.with_extension("receipt")
}

/// Opens a plain file, waiting for nobody and following no link.
fn open(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok().map(File::from)
}

/// What identifies a file as it is now; none if somebody else could have written it.
fn receipt(file: &File) -> io::Result<Option<String>> {
    let metadata = file.metadata()?;
    let is_ours = metadata.is_file()
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & 0o022 == 0
        && metadata.nlink() == 1;
    let (inode, size) = (metadata.ino(), metadata.size());
    Ok(is_ours.then(|| format!("inode {inode} size {size} changed {}.{:09}\n", metadata.ctime(), metadata.ctime_nsec())))
}

/// Writes a file of its own under `path`, in place of what stands there; gives it back open.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!(".{}-{}.draft", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let draft = path.with_file_name(name);
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(&draft)?;
    match file.write_all(bytes).and_then(|()| std::fs::rename(&draft, path)) {
        Ok(()) => Ok(file),
        Err(error) => {
            // Best effort: the first error is the one to report.
            let _unused = std::fs::remove_file(&draft);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        cache.keep_derived(Derived::Index, "abc", b"tables").unwrap();
        cache.keep_derived(Derived::Index, "def", b"others").unwrap();
        let path = dir.path().join("parsed/abc");
        (dir, cache, path)
    }

    #[test]
    fn gives_back_what_it_kept() {
        let (_dir, cache, path) = cache();
        assert_eq!(cache.derived(Derived::Index, "abc").as_deref(), Some(&b"tables"[..]));
        assert_eq!(cache.derived(Derived::Index, "ghi"), None);
        assert_eq!(cache.derived(Derived::Owners, "abc"), None);
        cache.keep_derived(Derived::Index, "abc", b"tables again").unwrap();
        assert_eq!(cache.derived(Derived::Index, "abc").as_deref(), Some(&b"tables again"[..]));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 4, "no draft stays");
    }

    /// Each way to put other bytes, or the same bytes by another hand, in an entry's place.
    #[test]
    fn believes_nothing_that_it_did_not_write() {
        type Attack = fn(&Path);
        let attacks: [(&str, Attack); 9] = [
            ("written to", |path| std::fs::write(path, "forged").unwrap()),
            ("another entry copied over it", |path| assert_eq!(std::fs::copy(path.with_file_name("def"), path).unwrap(), 6)),
            ("another entry moved over it", |path| std::fs::rename(path.with_file_name("def"), path).unwrap()),
            ("another entry moved over it with its receipt", |path| {
                std::fs::rename(path.with_file_name("def"), path).unwrap();
                std::fs::rename(path.with_file_name("def.receipt"), path.with_extension("receipt")).unwrap();
            }),
            ("unpacked from an archive", |path| {
                let bytes = std::fs::read(path).unwrap();
                std::fs::remove_file(path).unwrap();
                std::fs::write(path, bytes).unwrap();
            }),
            ("a link", |path| {
                std::fs::rename(path, path.with_file_name("elsewhere")).unwrap();
                std::os::unix::fs::symlink("elsewhere", path).unwrap();
            }),
            ("a second name", |path| std::fs::hard_link(path, path.with_file_name("elsewhere")).unwrap()),
            ("open to others", |path| {
                std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
            }),
            ("no receipt", |path| std::fs::remove_file(path.with_extension("receipt")).unwrap()),
        ];
        for (name, attack) in attacks {
            let (_dir, cache, path) = cache();
            attack(&path);
            assert_eq!(cache.derived(Derived::Index, "abc"), None, "{name}");
        }
    }
}
