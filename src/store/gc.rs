//! Dropping refs that nobody needs, and then the objects that no ref reaches.

use super::lock::{Exclusive, Shared};
use super::repo::{OWN_DIRECTORY, check_config};
use super::{Checksum, Error, ObjectKind, RefName, Repo};
use crate::pkg::Sha256;
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is known of a ref that may go.
#[derive(Clone, Copy, Debug)]
pub struct RefState {
    /// When it was written or last [used](Repo::touch_ref).
    pub used: SystemTime,
}

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Refs.
    pub refs: usize,
    /// Objects.
    pub objects: usize,
    /// Bytes of objects and temporary files; files that something else links to are not counted.
    pub bytes: u64,
    /// Files that interrupted runs had left.
    pub temporary: usize,
    /// Objects that stay.
    pub kept: usize,
}

/// Refs whose first component is one of these are ours to drop; others were made by somebody else.
const OURS: [&str; 4] = ["deb", "rpm", "stage", "image"];

impl Repo {
    /// Tells a shared repository that `name` is in use, without touching the ref's own file.
    pub fn touch_ref(&self, name: &RefName) -> Result<(), Error> {
        let path = self.used_path(name);
        let parent = self.path.join(OWN_DIRECTORY).join("used");
        let touch = || File::options().create(true).append(true).open(&path)?.set_modified(SystemTime::now());
        touch().or_else(|_| std::fs::create_dir_all(&parent).and_then(|()| touch())).map_err(Error::io("touch", &path))
    }

    fn used_path(&self, name: &RefName) -> PathBuf {
        self.path.join(OWN_DIRECTORY).join("used").join(Sha256::of(name.as_str().as_bytes()).to_hex())
    }

    /// Drops the refs of packages and images that `keep` refuses, then every object that no ref reaches, and what
    /// interrupted runs have left.
    ///
    /// # Errors
    /// [`Error::Locked`] while any run has the repository open; [`Error::Corrupt`] when a directory cannot be read, since
    /// what it holds would be lost.
    pub fn collect_garbage(path: &Path, mut keep: impl FnMut(&RefName, RefState) -> bool) -> Result<Collected, Error> {
        check_config(path)?;
        let _lock = Exclusive::acquire(path)?;
        let repo = Self::with_lock(path, Shared::none())?;
        let mut collected = Collected::default();
        for name in repo.list_refs("")? {
            let ours = OURS.contains(&name.as_str().split('/').next().unwrap_or_default());
            // A ref of ours that holds no checksum is of no use to anyone, nor is a link.
            let usable = !matches!(repo.read_ref(&name), Err(Error::CorruptRef { .. } | Error::Link { .. }));
            if ours && !(usable && keep(&name, repo.state(&name)?)) {
                collected.refs += usize::from(repo.delete_ref(&name)?);
                remove_if_there(&repo.used_path(&name))?;
            }
        }
        remove_empty(&path.join("refs/heads"), 0)?;
        // Before any object goes, the refs are gone for good: after a power failure none names what is not there.
        repo.sync()?;
        let reachable = repo.reachable(&HashSet::new())?;
        for (checksum, kind, meta) in repo.all_objects()? {
            if reachable.contains(&(checksum, kind)) {
                collected.kept += 1;
                continue;
            }
            repo.remove_object(&checksum, kind)?;
            if kind == ObjectKind::Commit {
                // What libostree knows beside a commit: detached metadata, and the mark of one that is not complete.
                remove_if_there(&path.join("objects").join(super::repo::object_path(&checksum, kind) + "meta"))?;
                remove_if_there(&path.join("state").join(format!("{checksum}.commitpartial")))?;
            }
            collected.objects += 1;
            collected.bytes += if meta.nlink() == 1 { meta.len() } else { 0 };
        }
        repo.remove_temporaries(&mut collected)?;
        Ok(collected)
    }

    /// What [`Repo::collect_garbage`] would remove, with the refs that it would drop; removes nothing.
    pub fn measure_garbage(&self, mut keep: impl FnMut(&RefName, RefState) -> bool) -> Result<(Collected, Vec<RefName>), Error> {
        let mut collected = Collected::default();
        let mut dropped = Vec::new();
        for name in self.list_refs("")? {
            let ours = OURS.contains(&name.as_str().split('/').next().unwrap_or_default());
            let usable = !matches!(self.read_ref(&name), Err(Error::CorruptRef { .. } | Error::Link { .. }));
            if ours && !(usable && keep(&name, self.state(&name)?)) {
                dropped.push(name);
            }
        }
        collected.refs = dropped.len();
        let gone: HashSet<PathBuf> = dropped.iter().map(|name| self.ref_path(name)).collect();
        let reachable = self.reachable(&gone)?;
        for (checksum, kind, meta) in self.all_objects()? {
            if reachable.contains(&(checksum, kind)) {
                collected.kept += 1;
            } else {
                collected.objects += 1;
                collected.bytes += if meta.nlink() == 1 { meta.len() } else { 0 };
            }
        }
        Ok((collected, dropped))
    }

    fn state(&self, name: &RefName) -> Result<RefState, Error> {
        let path = self.ref_path(name);
        let written = std::fs::metadata(&path).and_then(|meta| meta.modified()).map_err(Error::io("read", path))?;
        let touched = std::fs::metadata(self.used_path(name)).and_then(|meta| meta.modified()).ok();
        Ok(RefState { used: touched.map_or(written, |touched| touched.max(written)) })
    }

    /// Everything that any ref reaches, remote and mirrored ones included, but for those whose files are in `gone`.
    fn reachable(&self, gone: &HashSet<PathBuf>) -> Result<HashSet<(Checksum, ObjectKind)>, Error> {
        let mut commits = Vec::new();
        let refs = self.path.join("refs");
        collect_refs(&refs, &refs, gone, &mut commits)?;
        let mut reachable = HashSet::new();
        while let Some(commit) = commits.pop() {
            // What is missing is no reason to remove the rest.
            self.walk_commit(&commit, &mut reachable, &mut |checksum, kind| Ok(self.has_object(checksum, kind)))?;
            if self.has_object(&commit, ObjectKind::Commit) {
                let parent = self.read_commit(&commit)?.parent;
                commits.extend(parent.filter(|parent| !reachable.contains(&(*parent, ObjectKind::Commit))));
            }
        }
        Ok(reachable)
    }

    /// No other run is there, so whatever bears our prefix is left over.
    fn remove_temporaries(&self, collected: &mut Collected) -> Result<(), Error> {
        let directory = self.path.join("tmp");
        for entry in std::fs::read_dir(&directory).map_err(Error::io("read directory", &directory))? {
            let entry = entry.map_err(Error::io("read directory", &directory))?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("pintree-")) {
                collected.bytes += entry.metadata().map_or(0, |meta| meta.len());
                remove_if_there(&entry.path())?;
                collected.temporary += 1;
            }
        }
        Ok(())
    }
}

fn collect_refs(root: &Path, directory: &Path, gone: &HashSet<PathBuf>, commits: &mut Vec<Checksum>) -> Result<(), Error> {
    for entry in std::fs::read_dir(directory).map_err(Error::io("read directory", directory))? {
        let entry = entry.map_err(Error::io("read directory", directory))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::io("read", &path))?;
        if kind.is_dir() {
            collect_refs(root, &path, gone, commits)?;
        } else if !gone.contains(&path) {
            // An alias is a symbolic link to another ref, and is read through.
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            // Anything but a file could keep the reader waiting.
            if !std::fs::metadata(&path).map_err(Error::io("read", &path))?.is_file() {
                return Err(Error::CorruptRef { name });
            }
            let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
            commits.push(text.trim_end_matches('\n').parse().map_err(|_| Error::CorruptRef { name })?);
        }
    }
    Ok(())
}

/// Removes directories of refs that are empty; `depth` 0 is `refs/heads`, which stays.
fn remove_empty(directory: &Path, depth: usize) -> Result<(), Error> {
    for entry in std::fs::read_dir(directory).map_err(Error::io("read directory", directory))? {
        let entry = entry.map_err(Error::io("read directory", directory))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path(), depth + 1)?;
        }
    }
    match std::fs::remove_dir(directory) {
        _ if depth == 0 => std::fs::create_dir_all(directory).map_err(Error::io("create directory", directory)),
        Err(error) if error.kind() != std::io::ErrorKind::DirectoryNotEmpty => Err(Error::io("remove", directory)(error)),
        _ => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CommitParts, Metadata, Tree};
    use std::time::Duration;

    fn commit(repo: &Repo, name: &str, files: &[&str]) -> Checksum {
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let mut tree = Tree::new();
        for file in files {
            let object = repo.write_file(&Metadata::root(0o644), file.as_bytes()).unwrap();
            tree.insert_file(repo, &format!("usr/{file}"), object, Some(meta)).unwrap();
        }
        let commit = repo.write_commit(&CommitParts::new(tree.write(repo).unwrap(), meta)).unwrap();
        repo.write_ref_if_changed(&name.parse().unwrap(), &commit).unwrap();
        commit
    }

    #[test]
    fn removes_what_no_ref_reaches_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let kept = commit(&repo, "deb/1/a", &["shared", "a"]);
        let dropped = commit(&repo, "image/m/i/armhf/composed", &["shared", "b"]);
        let foreign = commit(&repo, "acme/release", &["c"]);
        std::fs::write(dir.path().join("tmp/pintree-1-2-3-4"), "left over").unwrap();
        assert!(matches!(Repo::collect_garbage(dir.path(), |_, _| true), Err(Error::Locked { .. })), "never under a run");
        drop(repo);

        let all = Repo::collect_garbage(dir.path(), |_, _| true).unwrap();
        assert_eq!((all.refs, all.objects, all.temporary, all.bytes), (0, 0, 1, 9));
        let repo = Repo::open(dir.path()).unwrap();
        let (measured, refs) = repo.measure_garbage(|name, _| name.as_str().starts_with("deb/")).unwrap();
        drop(repo);
        assert_eq!(refs.iter().map(RefName::as_str).collect::<Vec<_>>(), ["image/m/i/armhf/composed"]);
        let some = Repo::collect_garbage(dir.path(), |name, _| name.as_str().starts_with("deb/")).unwrap();
        assert_eq!(measured, some);
        // The commit, its two directories, and the file that only it had.
        assert_eq!((some.refs, some.objects, some.temporary), (1, 4, 0));
        let repo = Repo::open(dir.path()).unwrap();
        repo.check_commit(&kept).unwrap();
        repo.check_commit(&foreign).unwrap();
        assert!(!repo.has_object(&dropped, ObjectKind::Commit));
        assert!(!dir.path().join("refs/heads/image").exists());
        assert_eq!(Repo::init(dir.path()).unwrap().list_refs("").unwrap().len(), 2);
    }

    #[test]
    fn knows_when_a_ref_was_last_used() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        commit(&repo, "deb/1/old", &["a"]);
        commit(&repo, "deb/1/used", &["b"]);
        let long_ago = SystemTime::now() - Duration::from_secs(90 * 86400);
        for name in ["deb/1/old", "deb/1/used"] {
            File::options().append(true).open(dir.path().join("refs/heads").join(name)).unwrap().set_modified(long_ago).unwrap();
        }
        repo.touch_ref(&"deb/1/used".parse().unwrap()).unwrap();
        drop(repo);
        let limit = SystemTime::now() - Duration::from_secs(30 * 86400);
        let collected = Repo::collect_garbage(dir.path(), |_, state| state.used >= limit).unwrap();
        assert_eq!(collected.refs, 1);
        assert_eq!(Repo::open(dir.path()).unwrap().list_refs("").unwrap(), ["deb/1/used".parse().unwrap()]);
    }

    #[test]
    fn stops_at_a_directory_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let name = commit(&repo, "deb/1/a", &["a"]);
        let tree = repo.read_commit(&name).unwrap().tree;
        std::fs::write(dir.path().join("objects").join(crate::store::repo::object_path(&tree, ObjectKind::DirTree)), "noise").unwrap();
        let file = repo.write_file(&Metadata::root(0o644), b"a").unwrap();
        drop(repo);
        assert!(matches!(Repo::collect_garbage(dir.path(), |_, _| true), Err(Error::Corrupt { .. })));
        assert!(Repo::open(dir.path()).unwrap().has_object(&file, ObjectKind::File));
    }
}
