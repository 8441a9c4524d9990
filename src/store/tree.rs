//! A directory tree in memory, whose untouched parts stay in the repository.

use super::{Checksum, Error, FileKind, ObjectKind, Repo, dirtree};
use std::collections::BTreeMap;

/// A directory that can be added to. Subtrees that came from the repository and are not touched are never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<Box<str>, Checksum>,
    dirs: BTreeMap<Box<str>, Subtree>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Subtree {
    meta: Checksum,
    tree: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// A dirtree object, as it lies in the repository.
    Frozen(Checksum),
    Thawed(Tree),
}

/// What a path of a tree names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file object: regular file or symbolic link.
    File(Checksum),
    /// A directory with this dirmeta.
    Directory(Checksum),
}

fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty() && *component != ".")
}

fn split(path: &str) -> Result<(Vec<&str>, &str), Error> {
    let mut parents: Vec<&str> = components(path).collect();
    if let Some(reason) = parents.iter().find_map(|name| dirtree::name_fault(name)) {
        return Err(Error::Unstorable { name: path.to_owned(), reason });
    }
    let name = parents.pop().ok_or_else(|| Error::Unstorable { name: path.to_owned(), reason: "the path names no entry" })?;
    Ok((parents, name))
}

impl Tree {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a directory from `repo`; its subdirectories stay unread until they are touched.
    pub fn read(repo: &Repo, tree: &Checksum) -> Result<Self, Error> {
        repo.view_dirtree(tree, &mut Vec::new(), |view| Self {
            files: view.files().map(|(name, file)| (name.into(), file)).collect(),
            dirs: view.dirs().map(|(name, tree, meta)| (name.into(), Subtree { meta, tree: Content::Frozen(tree) })).collect(),
        })
    }

    /// The directory at `path`; directories that are missing on the way are made with `missing` as their dirmeta.
    fn directory(&mut self, repo: &Repo, path: &[&str], missing: Option<Checksum>) -> Result<&mut Self, Error> {
        let mut tree = self;
        for (depth, name) in path.iter().enumerate() {
            let clash = |reason| Error::TreeClash { path: path[..=depth].join("/"), reason };
            if tree.files.contains_key(*name) {
                return Err(clash("a file stands where a directory is needed"));
            }
            if !tree.dirs.contains_key(*name) {
                let meta = missing.ok_or_else(|| clash("the directory does not exist"))?;
                tree.dirs.insert((*name).into(), Subtree { meta, tree: Content::Thawed(Self::new()) });
            }
            let subtree = tree.dirs.get_mut(*name).expect("it was just found or made");
            if let Content::Frozen(checksum) = subtree.tree {
                subtree.tree = Content::Thawed(Self::read(repo, &checksum)?);
            }
            let Content::Thawed(next) = &mut subtree.tree else { unreachable!("it was just thawed") };
            tree = next;
        }
        Ok(tree)
    }

    /// Puts a file object at `path`, in place of a file that stands there; directories on the way must exist, or are
    /// made with `missing`.
    pub fn insert_file(&mut self, repo: &Repo, path: &str, file: Checksum, missing: Option<Checksum>) -> Result<Option<Checksum>, Error> {
        let (parents, name) = split(path)?;
        let tree = self.directory(repo, &parents, missing)?;
        if tree.dirs.contains_key(name) {
            return Err(Error::TreeClash { path: path.to_owned(), reason: "a directory stands where a file is to be" });
        }
        Ok(tree.files.insert(name.into(), file))
    }

    /// Makes the directory `path`, or gives it another dirmeta; gives the dirmeta it had.
    pub fn insert_directory(
        &mut self,
        repo: &Repo,
        path: &str,
        meta: Checksum,
        missing: Option<Checksum>,
    ) -> Result<Option<Checksum>, Error> {
        let (parents, name) = split(path)?;
        let tree = self.directory(repo, &parents, missing)?;
        if tree.files.contains_key(name) {
            return Err(Error::TreeClash { path: path.to_owned(), reason: "a file stands where a directory is to be" });
        }
        match tree.dirs.get_mut(name) {
            Some(subtree) => Ok(Some(std::mem::replace(&mut subtree.meta, meta))),
            None => {
                tree.dirs.insert(name.into(), Subtree { meta, tree: Content::Thawed(Self::new()) });
                Ok(None)
            }
        }
    }

    /// Puts a whole directory of the repository at `path`, in place of a directory that stands there.
    pub fn insert_subtree(&mut self, repo: &Repo, path: &str, tree: Checksum, meta: Checksum) -> Result<(), Error> {
        let (parents, name) = split(path)?;
        let parent = self.directory(repo, &parents, None)?;
        if parent.files.contains_key(name) {
            return Err(Error::TreeClash { path: path.to_owned(), reason: "a file stands where a directory is to be" });
        }
        parent.dirs.insert(name.into(), Subtree { meta, tree: Content::Frozen(tree) });
        Ok(())
    }

    /// Removes what stands at `path`; tells whether there was anything.
    pub fn remove(&mut self, repo: &Repo, path: &str) -> Result<bool, Error> {
        let (parents, name) = split(path)?;
        if self.get(repo, path)?.is_none() {
            return Ok(false);
        }
        let tree = self.directory(repo, &parents, None)?;
        Ok(tree.files.remove(name).is_some() | tree.dirs.remove(name).is_some())
    }

    /// What stands at `path`; symbolic links on the way are not followed.
    pub fn get(&mut self, repo: &Repo, path: &str) -> Result<Option<Entry>, Error> {
        let (parents, name) = split(path)?;
        let mut tree = self;
        for parent in parents {
            let Some(subtree) = tree.dirs.get_mut(parent) else { return Ok(None) };
            if let Content::Frozen(checksum) = subtree.tree {
                subtree.tree = Content::Thawed(Self::read(repo, &checksum)?);
            }
            let Content::Thawed(next) = &mut subtree.tree else { unreachable!("it was just thawed") };
            tree = next;
        }
        let file = tree.files.get(name).map(|file| Entry::File(*file));
        Ok(file.or_else(|| tree.dirs.get(name).map(|subtree| Entry::Directory(subtree.meta))))
    }

    /// Where `path` leads when symbolic links are followed inside the tree, its last component too; `None` if something
    /// on the way is missing, or if the links form a circle.
    pub fn resolve(&mut self, repo: &Repo, path: &str) -> Result<Option<String>, Error> {
        // As many as Linux follows in one path.
        let mut links = 40;
        let mut rest: Vec<String> = components(path).rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        while let Some(name) = rest.pop() {
            if name == ".." {
                done.pop();
                continue;
            }
            done.push(name);
            match self.get(repo, &done.join("/"))? {
                None => return Ok(None),
                Some(Entry::Directory(_)) => {}
                Some(Entry::File(file)) => {
                    let FileKind::Symlink(target) = repo.read_file_meta(&file)?.kind else {
                        return Ok(rest.is_empty().then(|| done.join("/")));
                    };
                    if links == 0 {
                        return Ok(None);
                    }
                    links -= 1;
                    done.pop();
                    if target.starts_with('/') {
                        done.clear();
                    }
                    rest.extend(components(&target).rev().map(str::to_owned));
                }
            }
        }
        Ok(Some(done.join("/")))
    }

    /// Reads the regular file at `path`, links followed, if there is one of at most `limit` bytes.
    pub fn read_file(&mut self, repo: &Repo, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = self.resolve(repo, path)?.filter(|path| !path.is_empty()) else { return Ok(None) };
        match self.get(repo, &path)? {
            Some(Entry::File(file)) => match repo.read_file_meta(&file)?.kind {
                FileKind::Regular(size) if size > limit => Err(Error::Large { path, limit }),
                _ => repo.read_file(&file, limit).map(Some),
            },
            _ => Ok(None),
        }
    }

    /// The names in the directory `path` (`""` for this one), sorted; none if there is no such directory.
    pub fn names(&mut self, repo: &Repo, path: &str) -> Result<Vec<String>, Error> {
        let path: Vec<&str> = components(path).collect();
        if !path.is_empty() && !matches!(self.get(repo, &path.join("/"))?, Some(Entry::Directory(_))) {
            return Ok(Vec::new());
        }
        let tree = self.directory(repo, &path, None)?;
        let mut names: Vec<String> = tree.files.keys().chain(tree.dirs.keys()).map(|name| name.to_string()).collect();
        names.sort();
        Ok(names)
    }

    /// Puts a file object into this directory, under a name that nothing has.
    pub(crate) fn put_file(&mut self, name: &str, file: Checksum) {
        self.files.insert(name.into(), file);
    }

    /// Puts a directory of the repository into this directory, under a name that nothing has.
    pub(crate) fn put_frozen(&mut self, name: &str, tree: Checksum, meta: Checksum) {
        self.dirs.insert(name.into(), Subtree { meta, tree: Content::Frozen(tree) });
    }

    /// Puts a directory in memory into this directory, under a name that nothing has.
    pub(crate) fn put_tree(&mut self, name: &str, tree: Self, meta: Checksum) {
        self.dirs.insert(name.into(), Subtree { meta, tree: Content::Thawed(tree) });
    }

    /// What the directory at `path` (`""` for this one) holds, names sorted; `None` if there is no such directory.
    pub fn entries(&mut self, repo: &Repo, path: &str) -> Result<Option<Vec<(String, Entry)>>, Error> {
        let parts: Vec<&str> = components(path).collect();
        if !parts.is_empty() && !matches!(self.get(repo, path)?, Some(Entry::Directory(_))) {
            return Ok(None);
        }
        let tree = self.directory(repo, &parts, None)?;
        let files = tree.files.iter().map(|(name, file)| (name.to_string(), Entry::File(*file)));
        let dirs = tree.dirs.iter().map(|(name, subtree)| (name.to_string(), Entry::Directory(subtree.meta)));
        let mut entries: Vec<(String, Entry)> = files.chain(dirs).collect();
        entries.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(Some(entries))
    }

    /// Moves what stands at `from`, with all below it, to `to`, where nothing may stand; tells whether there was anything.
    ///
    /// Directories on the way to `to` are made with `missing`.
    pub fn rename(&mut self, repo: &Repo, from: &str, to: &str, missing: Option<Checksum>) -> Result<bool, Error> {
        let ((from_parents, from_name), (to_parents, to_name)) = (split(from)?, split(to)?);
        if self.get(repo, from)?.is_none() {
            return Ok(false);
        }
        if self.get(repo, to)?.is_some() {
            return Err(Error::TreeClash { path: to.to_owned(), reason: "something stands where another entry is to be moved" });
        }
        let source = self.directory(repo, &from_parents, None)?;
        let (file, subtree) = (source.files.remove(from_name), source.dirs.remove(from_name));
        let target = self.directory(repo, &to_parents, missing)?;
        target.files.extend(file.map(|file| (to_name.into(), file)));
        target.dirs.extend(subtree.map(|subtree| (to_name.into(), subtree)));
        Ok(true)
    }

    /// Puts at `to`, where nothing may stand, the same as stands at `from`; tells whether there was anything.
    pub fn copy(&mut self, repo: &Repo, from: &str, to: &str, missing: Option<Checksum>) -> Result<bool, Error> {
        let ((from_parents, from_name), (to_parents, to_name)) = (split(from)?, split(to)?);
        if self.get(repo, from)?.is_none() {
            return Ok(false);
        }
        if self.get(repo, to)?.is_some() {
            return Err(Error::TreeClash { path: to.to_owned(), reason: "something stands where another entry is to be copied" });
        }
        let source = self.directory(repo, &from_parents, None)?;
        let (file, subtree) = (source.files.get(from_name).copied(), source.dirs.get(from_name).cloned());
        let target = self.directory(repo, &to_parents, missing)?;
        target.files.extend(file.map(|file| (to_name.into(), file)));
        target.dirs.extend(subtree.map(|subtree| (to_name.into(), subtree)));
        Ok(true)
    }

    /// Writes what is not in the repository yet, and gives the dirtree's checksum.
    pub fn write(&self, repo: &Repo) -> Result<Checksum, Error> {
        let mut dirs = Vec::with_capacity(self.dirs.len());
        for (name, subtree) in &self.dirs {
            let tree = match &subtree.tree {
                Content::Frozen(checksum) => *checksum,
                Content::Thawed(tree) => tree.write(repo)?,
            };
            dirs.push((&**name, tree, subtree.meta));
        }
        let files = self.files.iter().map(|(name, file)| (&**name, *file));
        repo.write_metadata(ObjectKind::DirTree, &dirtree::serialise(files, dirs.into_iter())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Metadata;

    #[test]
    fn builds_and_reopens_a_tree() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let file = repo.write_file(&Metadata::root(0o644), b"x").unwrap();
        let mut tree = Tree::new();
        tree.insert_directory(&repo, "./usr/", meta, None).unwrap();
        tree.insert_file(&repo, "usr/share/doc/a", file, Some(meta)).unwrap();
        let one = tree.write(&repo).unwrap();

        let mut again = Tree::read(&repo, &one).unwrap();
        assert_eq!(again.write(&repo).unwrap(), one);
        assert_eq!(again.get(&repo, "usr/share").unwrap(), Some(Entry::Directory(meta)));
        assert_eq!(again.get(&repo, "usr/share/doc/a").unwrap(), Some(Entry::File(file)));
        assert_eq!(again.get(&repo, "usr/none/a").unwrap(), None);
        assert_eq!(again.write(&repo).unwrap(), one, "reading on the way changes nothing");
        assert!(again.remove(&repo, "usr/share/doc/a").unwrap());
        assert!(!again.remove(&repo, "usr/share/doc/a").unwrap());
        again.insert_file(&repo, "usr/share/doc/a", file, None).unwrap();
        assert_eq!(again.write(&repo).unwrap(), one);
    }

    #[test]
    fn moves_and_copies_whole_directories() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let file = repo.write_file(&Metadata::root(0o644), b"x").unwrap();
        let mut tree = Tree::new();
        tree.insert_file(&repo, "etc/a/b", file, Some(meta)).unwrap();
        tree.insert_file(&repo, "etc/c", file, None).unwrap();
        let mut tree = Tree::read(&repo, &tree.write(&repo).unwrap()).unwrap();
        assert!(tree.rename(&repo, "etc", "usr/etc", Some(meta)).unwrap());
        assert!(!tree.rename(&repo, "etc", "x", None).unwrap());
        assert_eq!(tree.entries(&repo, "").unwrap().unwrap(), [("usr".to_owned(), Entry::Directory(meta))]);
        let held = [("a".to_owned(), Entry::Directory(meta)), ("c".to_owned(), Entry::File(file))];
        assert_eq!(tree.entries(&repo, "usr/etc").unwrap().unwrap(), held);
        assert_eq!(tree.entries(&repo, "usr/etc/c").unwrap(), None);
        assert!(tree.copy(&repo, "usr/etc", "usr/copy", None).unwrap());
        assert!(tree.rename(&repo, "usr/etc/c", "usr/copy/c", None).is_err());
        assert!(tree.remove(&repo, "usr/copy/a").unwrap());
        assert_eq!(tree.get(&repo, "usr/etc/a/b").unwrap(), Some(Entry::File(file)), "a copy is a thing of its own");
    }

    #[test]
    fn refuses_clashes_and_escapes() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let sum = Checksum([1; 32]);
        let mut tree = Tree::new();
        tree.insert_file(&repo, "a", sum, None).unwrap();
        tree.insert_directory(&repo, "d", sum, None).unwrap();
        for (path, file) in [("a/b", true), ("a", false), ("d", true), ("../x", true), ("", true), ("x/../y", false), ("none/x", true)] {
            let result = if file {
                tree.insert_file(&repo, path, sum, None).map(drop)
            } else {
                tree.insert_directory(&repo, path, sum, None).map(drop)
            };
            assert!(result.is_err(), "{path:?}");
        }
    }
}
