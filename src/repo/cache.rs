//! What was fetched before: index files under their digest, and what each suite's `Release` said last.
//!
//! `index/DIGEST.SUFFIX` are index files, verified before they got that name and again whenever they are read.
//! `release/NAME.json` is one suite's last
//! good `Release` with its signature and the server's validators; also the memory that rollbacks and renamings are
//! judged by. Every file is replaced in one step, so runs may be killed and may run side by side.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Error, suffix};
use crate::index::Compression;
use crate::pkg::Sha256;
use crate::util::fs::write_durable;

/// The number of the memory's format; files of another one count as not there.
const FORMAT: u32 = 1;
/// How old an unfinished file must be before it counts as left behind by a run that was killed.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// The parts of a cache that can be made again: verified indexes, their parsed form, and answers from file lists.
const PRUNED: [&str; 3] = ["index", "parsed", "owners"];

/// A cache directory, usually `$XDG_CACHE_HOME/pintree`.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// One suite's last good state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memory {
    pub format: u32,
    /// For people who look into the file.
    pub url: String,
    /// Seconds since 1970.
    pub date: Option<i64>,
    pub origin: Option<String>,
    pub label: Option<String>,
    pub suite: Option<String>,
    pub codename: Option<String>,
    pub raw: Option<Raw>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    /// Indexes of a repository without `Release`, by path without suffix.
    #[serde(default)]
    pub loose: std::collections::BTreeMap<String, Loose>,
}

/// A `Release` file as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Raw {
    /// `InRelease`.
    Inline(String),
    /// `Release` and `Release.gpg`, the latter in hexadecimal as it may be binary.
    Detached { text: String, signature: String },
    /// `Release` alone.
    Unsigned(String),
}

/// An index that no `Release` lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loose {
    pub sha256: String,
    pub size: u64,
    pub suffix: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

impl Cache {
    /// The cache in `directory`, which is made when something is first stored.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Where the cache lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of an index, if it is here with that size.
    ///
    /// Others may write to a cache as well, so the name proves nothing: whoever reads the file hashes it.
    pub(super) fn index(&self, sha256: Sha256, compression: Compression, size: u64) -> Option<PathBuf> {
        let path = self.index_path(sha256, compression);
        std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size).then_some(path)
    }

    fn index_path(&self, sha256: Sha256, compression: Compression) -> PathBuf {
        self.directory.join("index").join(format!("{sha256}{}", suffix(compression)))
    }

    /// A new file to download into.
    pub(super) fn draft(&self) -> Result<Draft, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let directory = self.directory.join("index");
        std::fs::create_dir_all(&directory).map_err(|source| Error::Io { action: "make", path: directory.clone(), source })?;
        loop {
            let path = directory.join(format!(".draft-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
            // What stands under that name, a link maybe, is somebody else's.
            match File::options().create_new(true).write(true).read(true).open(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Io { action: "make", path, source }),
                Ok(file) => return Ok(Draft { file, path }),
            }
        }
    }

    /// Gives verified contents their name.
    pub(super) fn keep(&self, draft: Draft, sha256: Sha256, compression: Compression) -> Result<PathBuf, Error> {
        let path = self.index_path(sha256, compression);
        let kept = draft.file.sync_data().and_then(|()| std::fs::rename(&draft.path, &path));
        kept.map_err(|source| Error::Io { action: "write", path: path.clone(), source })?;
        Ok(path)
    }

    /// Gives the text of an index its name. It is proven whenever it is read, so it need not reach the disk first.
    pub(super) fn keep_text(&self, draft: Draft, sha256: Sha256) -> Result<(), Error> {
        let path = self.index_path(sha256, Compression::None);
        std::fs::rename(&draft.path, &path).map_err(|source| Error::Io { action: "write", path, source })
    }

    /// Where the memory of a suite lies. It belongs to one address and one mode of trust, so that neither another
    /// mirror nor a project that checks less can spoil it.
    pub(super) fn memory_path(&self, url: &str, trust: &str) -> PathBuf {
        let tail: String = url
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .chars()
            .take(60)
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' })
            .collect();
        let digest = Sha256::of(format!("{url}\n{trust}\n").as_bytes()).to_hex();
        self.directory.join("release").join(format!("{tail}-{}.json", &digest[..16]))
    }

    /// What is remembered there; nothing when the file is missing or of another format.
    pub(super) fn memory(&self, path: &Path) -> Option<Memory> {
        let memory: Memory = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (memory.format == FORMAT).then_some(memory)
    }

    /// Remembers, unless a run beside this one has remembered something newer.
    pub(super) fn remember(&self, path: &Path, mut memory: Memory) -> Result<(), Error> {
        if self.memory(path).is_some_and(|other| other.date > memory.date) {
            return Ok(());
        }
        memory.format = FORMAT;
        let bytes = serde_json::to_vec(&memory).expect("a value of strings and numbers has a JSON form");
        let write = |source| Error::Io { action: "write", path: path.to_owned(), source };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(write)?;
        write_durable(path, &bytes).map_err(write)
    }

    /// Removes index files that nothing has read or written for `age`, what was made of them, and what killed runs left
    /// behind.
    ///
    /// Returns the number of bytes set free.
    pub fn prune(&self, age: Duration, now: SystemTime) -> Result<u64, Error> {
        let mut freed = 0;
        for (path, size) in self.unused(age, now)? {
            // A run beside this one may have removed it first.
            if std::fs::remove_file(path).is_ok() {
                freed += size;
            }
        }
        Ok(freed)
    }

    /// The files that [`Cache::prune`] would remove, with their sizes.
    pub fn unused(&self, age: Duration, now: SystemTime) -> Result<Vec<(PathBuf, u64)>, Error> {
        let mut unused = Vec::new();
        for part in PRUNED {
            let directory = self.directory.join(part);
            let entries = match std::fs::read_dir(&directory) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other.map_err(|source| Error::Io { action: "list", path: directory, source })?,
            };
            for entry in entries.flatten() {
                let Ok(metadata) = entry.metadata() else { continue };
                let used = metadata.modified().into_iter().chain(metadata.accessed()).max().unwrap_or(now);
                let is_draft = entry.file_name().as_encoded_bytes().starts_with(b".");
                let limit = if is_draft { LEFT_BEHIND } else { age };
                if now.duration_since(used).is_ok_and(|unused| unused > limit) {
                    unused.push((entry.path(), metadata.len()));
                }
            }
        }
        unused.sort();
        Ok(unused)
    }

    /// The newest `Date` of any `Release` that was accepted here, in seconds since 1970.
    pub fn newest_date(&self) -> Option<i64> {
        let entries = std::fs::read_dir(self.directory.join("release")).ok()?;
        entries.flatten().filter_map(|entry| self.memory(&entry.path())?.date).max()
    }
}

/// A file that is being downloaded; removed unless it is kept.
#[derive(Debug)]
pub(super) struct Draft {
    pub file: File,
    path: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `keep` there is nothing under this name any more.
        let _unused = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn keeps_the_newer_memory() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let path = cache.memory_path("http://h/debian/dists/bookworm", "index");
        assert!(path.file_name().unwrap().to_str().unwrap().starts_with("bookworm-"));
        assert_ne!(path, cache.memory_path("http://h/debian/dists/bookworm", "none"));
        assert!(cache.memory(&path).is_none());
        for (date, expected) in [(5, 5), (3, 5), (7, 7)] {
            cache.remember(&path, Memory { date: Some(date), ..Memory::default() }).unwrap();
            assert_eq!(cache.memory(&path).unwrap().date, Some(expected));
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(cache.memory(&path).is_none(), "another format counts as nothing");
    }

    #[test]
    fn names_only_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let digest = Sha256::of(b"hello");
        let mut draft = cache.draft().unwrap();
        draft.file.write_all(b"hello").unwrap();
        assert!(cache.index(digest, Compression::Xz, 5).is_none());
        cache.keep(draft, digest, Compression::Xz).unwrap();
        assert!(cache.index(digest, Compression::Xz, 5).is_some());
        assert!(cache.index(digest, Compression::Xz, 6).is_none());
        drop(cache.draft().unwrap());
        assert_eq!(std::fs::read_dir(dir.path().join("index")).unwrap().count(), 1);
    }

    /// Somebody who may write to the cache cannot have another file written through it.
    #[test]
    fn drafts_follow_no_planted_link() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        let first = cache.draft().unwrap();
        let number: u64 = first.path.to_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        for next in number + 1..number + 200 {
            let name = format!(".draft-{}-{next}", std::process::id());
            std::os::unix::fs::symlink(&victim, dir.path().join("index").join(name)).unwrap();
        }
        cache.draft().unwrap().file.write_all(b"theirs").unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
    }

    #[test]
    fn prunes_what_is_long_unused() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path());
        assert_eq!(cache.prune(Duration::ZERO, SystemTime::now()).unwrap(), 0);
        let mut draft = cache.draft().unwrap();
        draft.file.write_all(b"hello").unwrap();
        cache.keep(draft, Sha256::of(b"hello"), Compression::Xz).unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(cache.prune(day, SystemTime::now()).unwrap(), 0);
        assert_eq!(cache.prune(day, SystemTime::now() + 2 * day).unwrap(), 5);
    }
}
