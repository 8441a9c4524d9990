//! The image's tree as its own programs would see it: symbolic links are followed, and never lead out of it.

use super::Error;
use crate::store::{self, Checksum, Entry, FileKind, Metadata, Repo, Tree};
use std::collections::BTreeSet;

/// Linux follows forty symbolic links in one path.
const MAX_LINKS: usize = 40;

/// The largest configuration file that is read.
pub(super) const MAX_TEXT: u64 = 16 << 20;

/// A tree that is being finished.
pub(super) struct Root<'r> {
    pub(super) repo: &'r Repo,
    pub(super) tree: Tree,
    /// The dirmeta of a directory that nobody says more about.
    pub(super) plain: Checksum,
    /// Files and links that did not come from a package, by path.
    pub(super) added: BTreeSet<String>,
}

pub(super) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

impl<'r> Root<'r> {
    pub(super) fn new(repo: &'r Repo, tree: Tree) -> Result<Self, Error> {
        let plain = repo.write_dirmeta(&Metadata::root(0o755))?;
        Ok(Self { repo, tree, plain, added: BTreeSet::new() })
    }

    /// Where `path` is when links are followed, that of its last component only if `last` says so. What is missing is
    /// taken as it stands.
    fn locate(&mut self, path: &str, last: bool) -> Result<String, Error> {
        let mut rest: Vec<String> = parts(path).rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                done.pop();
                continue;
            }
            done.push(name);
            if rest.is_empty() && !last {
                break;
            }
            let Some(Entry::File(file)) = self.tree.get(self.repo, &done.join("/"))? else { continue };
            let FileKind::Symlink(target) = self.repo.read_file_meta(&file)?.kind else { continue };
            links += 1;
            if links > MAX_LINKS {
                return Err(Error::Circle { path: path.to_owned() });
            }
            done.pop();
            if target.starts_with('/') {
                done.clear();
            }
            rest.extend(parts(&target).rev().map(str::to_owned));
        }
        Ok(done.join("/"))
    }

    /// Where `path` is, its last component not followed.
    pub(super) fn place(&mut self, path: &str) -> Result<String, Error> {
        self.locate(path, false)
    }

    /// Where `path` leads, its last component followed too.
    pub(super) fn follow(&mut self, path: &str) -> Result<String, Error> {
        self.locate(path, true)
    }

    /// What stands at `path`; its last component is not followed, those before it are.
    pub(super) fn entry(&mut self, path: &str) -> Result<Option<Entry>, Error> {
        let place = self.place(path)?;
        if place.is_empty() { Ok(Some(Entry::Directory(self.plain))) } else { Ok(self.tree.get(self.repo, &place)?) }
    }

    /// What `path` leads to in the end.
    pub(super) fn reached(&mut self, path: &str) -> Result<Option<Entry>, Error> {
        let place = self.follow(path)?;
        if place.is_empty() { Ok(Some(Entry::Directory(self.plain))) } else { Ok(self.tree.get(self.repo, &place)?) }
    }

    pub(super) fn is_directory(&mut self, path: &str) -> Result<bool, Error> {
        Ok(matches!(self.reached(path)?, Some(Entry::Directory(_))))
    }

    pub(super) fn is_file(&mut self, path: &str) -> Result<bool, Error> {
        Ok(matches!(self.reached(path)?, Some(Entry::File(_))))
    }

    /// The target of the link at `path`, if one stands there.
    pub(super) fn link(&mut self, path: &str) -> Result<Option<String>, Error> {
        let Some(Entry::File(file)) = self.entry(path)? else { return Ok(None) };
        match self.repo.read_file_meta(&file)?.kind {
            FileKind::Symlink(target) => Ok(Some(target)),
            FileKind::Regular(_) => Ok(None),
        }
    }

    /// The content of the file that `path` leads to.
    pub(super) fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.reached(path)? {
            Some(Entry::File(file)) => match self.repo.read_file_meta(&file)?.kind {
                FileKind::Regular(size) if size > MAX_TEXT => Err(store::Error::Large { path: path.to_owned(), limit: MAX_TEXT }.into()),
                FileKind::Regular(_) => Ok(Some(self.repo.read_file(&file, MAX_TEXT)?)),
                FileKind::Symlink(_) => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The same as text, whatever is not UTF-8 replaced.
    pub(super) fn text(&mut self, path: &str) -> Result<Option<String>, Error> {
        Ok(self.read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The names in the directory that `path` leads to, sorted; none if there is no such directory.
    pub(super) fn list(&mut self, path: &str) -> Result<Vec<(String, Entry)>, Error> {
        let place = self.follow(path)?;
        Ok(self.tree.entries(self.repo, &place)?.unwrap_or_default())
    }

    /// Writes a file of root's where `path` leads; a file that is there keeps its owner and mode.
    pub(super) fn write(&mut self, path: &str, content: &[u8]) -> Result<(), Error> {
        let place = self.follow(path)?;
        let metadata = match self.tree.get(self.repo, &place)? {
            Some(Entry::File(old)) => self.repo.read_file_meta(&old)?.metadata,
            _ => Metadata::root(0o644),
        };
        let file = self.repo.write_file(&metadata, content)?;
        self.put(&place, file)
    }

    /// Makes a symbolic link at `path`, in place of a file or link that stands there.
    pub(super) fn symlink(&mut self, path: &str, target: &str) -> Result<(), Error> {
        let place = self.place(path)?;
        let file = self.repo.write_symlink(&Metadata::root(0o777), target)?;
        self.put(&place, file)
    }

    /// Puts a file object at `place`, where no link is followed any more.
    pub(super) fn put(&mut self, place: &str, file: Checksum) -> Result<(), Error> {
        self.tree.insert_file(self.repo, place, file, Some(self.plain))?;
        self.added.insert(place.to_owned());
        Ok(())
    }

    /// Makes the directory `place`, unless it is there.
    pub(super) fn make_directory(&mut self, place: &str) -> Result<(), Error> {
        if self.tree.get(self.repo, place)?.is_none() {
            self.tree.insert_directory(self.repo, place, self.plain, Some(self.plain))?;
        }
        Ok(())
    }

    /// Visits everything below `directory` (`""` for all), parents before children, names sorted, no link followed.
    pub(super) fn walk(
        &mut self,
        directory: &str,
        visit: &mut dyn FnMut(&mut Self, &str, Entry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (name, entry) in self.tree.entries(self.repo, directory)?.unwrap_or_default() {
            let path = join(directory, &name);
            visit(self, &path, entry)?;
            if matches!(entry, Entry::Directory(_)) {
                self.walk(&path, visit)?;
            }
        }
        Ok(())
    }
}
