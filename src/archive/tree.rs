//! The payload as directories, with every rule that needs more than one member to judge.

use super::entry::{Entry, Kind, Metadata};
use super::error::shown;
use super::{Error, Limits, Problem};
use std::collections::BTreeMap;

/// A package's files as a tree; `F` stands for a file's content and metadata, as the caller keeps them.
#[derive(Clone, Debug)]
pub struct Tree<F> {
    root: Directory<F>,
    limit: usize,
    /// How many more directories there may be; short paths may stand for a hundred each.
    left: usize,
}

/// One directory: names in bytewise order.
#[derive(Clone, Debug)]
pub struct Directory<F> {
    /// Mode, owner and attributes; those of the archive, or 0755 and root where it has no member for the directory.
    pub metadata: Metadata,
    /// What it holds.
    pub children: BTreeMap<String, Node<F>>,
    /// Whether the archive has a member for it.
    shipped: bool,
}

/// What a name in a directory stands for.
#[derive(Clone, Debug)]
pub enum Node<F> {
    /// A directory.
    Directory(Directory<F>),
    /// A regular file, under one of its names.
    File(F),
    /// A symlink.
    Symlink(F),
}

impl<F> Default for Directory<F> {
    fn default() -> Self {
        let metadata = Metadata { mode: 0o755, ..Metadata::default() };
        Self { metadata, children: BTreeMap::new(), shipped: false }
    }
}

impl<F> Default for Tree<F> {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl<F> Tree<F> {
    /// An empty tree.
    pub fn new(limits: &Limits) -> Self {
        Self { root: Directory::default(), limit: limits.directories, left: limits.directories }
    }
}

impl<F: Clone> Tree<F> {
    /// The top directory.
    pub fn root(&self) -> &Directory<F> {
        &self.root
    }

    /// Takes the tree apart.
    pub fn into_root(self) -> Directory<F> {
        self.root
    }

    /// Tells whether `entry` may be inserted, before its content is stored anywhere.
    ///
    /// # Errors
    /// When it is a duplicate, lies behind a symlink or below a file, is a hardlink to no earlier file, or is more than the
    /// tree may have.
    pub fn check(&mut self, entry: &Entry) -> Result<(), Error> {
        let (parent, name) = split(&entry.path);
        let parent = self.directory(parent, &entry.path)?;
        let fail = |problem| Err(Error::member(entry.path.as_bytes(), problem));
        match (parent.children.get(name), &entry.kind) {
            (Some(Node::Directory(directory)), Kind::Dir) if directory.shipped => fail(Problem::Duplicate),
            (Some(Node::Directory(_)), Kind::Dir) => Ok(()),
            (Some(Node::Directory(directory)), _) if !directory.shipped => fail(Problem::IsDirectory),
            (Some(_), _) => fail(Problem::Duplicate),
            (None, Kind::Hardlink { target }) => match self.file(target) {
                Some(_) => Ok(()),
                None => fail(Problem::LinkTarget(shown(target.as_bytes()))),
            },
            (None, _) => Ok(()),
        }
    }

    /// Inserts `entry`; `make` gives what the tree keeps of a file or symlink, and is not asked for hardlinks.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn insert(&mut self, entry: &Entry, make: impl FnOnce() -> F) -> Result<(), Error> {
        if entry.path.is_empty() {
            if self.root.shipped {
                return Err(Error::member(b"./", Problem::Duplicate));
            }
            self.root.metadata = entry.metadata.clone();
            self.root.shipped = true;
            return Ok(());
        }
        self.check(entry)?;
        let node = match &entry.kind {
            Kind::Dir => None,
            Kind::File { .. } => Some(Node::File(make())),
            Kind::Symlink { .. } => Some(Node::Symlink(make())),
            Kind::Hardlink { target } => self.file(target).cloned().map(Node::File),
        };
        match node {
            Some(node) => {
                let (parent, name) = split(&entry.path);
                self.directory(parent, &entry.path)?.children.insert(name.to_owned(), node);
            }
            None => {
                let directory = self.directory(&entry.path, &entry.path)?;
                directory.metadata = entry.metadata.clone();
                directory.shipped = true;
            }
        }
        Ok(())
    }

    /// What stands at `path`, if anything does.
    pub fn get(&self, path: &str) -> Option<&Node<F>> {
        let (parent, name) = split(path);
        let mut directory = &self.root;
        for component in parent.split('/').filter(|c| !c.is_empty()) {
            match directory.children.get(component)? {
                Node::Directory(next) => directory = next,
                _ => return None,
            }
        }
        directory.children.get(name)
    }

    fn file(&self, path: &str) -> Option<&F> {
        match self.get(path)? {
            Node::File(file) => Some(file),
            _ => None,
        }
    }

    /// The directory at `path`, made with its parents where missing, on behalf of the member `below`.
    fn directory(&mut self, path: &str, below: &str) -> Result<&mut Directory<F>, Error> {
        let fail = |problem| Err(Error::member(below.as_bytes(), problem));
        let mut directory = &mut self.root;
        let mut end = 0;
        for component in path.split('/').filter(|c| !c.is_empty()) {
            end += component.len() + usize::from(end > 0);
            if !directory.children.contains_key(component) {
                self.left = self.left.checked_sub(1).ok_or_else(|| Error::TooLarge {
                    part: "data.tar".into(),
                    limit: self.limit as u64,
                    unit: "directories",
                })?;
                directory.children.insert(component.to_owned(), Node::Directory(Directory::default()));
            }
            directory = match directory.children.get_mut(component) {
                Some(Node::Directory(next)) => next,
                Some(Node::Symlink(_)) => return fail(Problem::BehindSymlink(shown(&path.as_bytes()[..end]))),
                _ => return fail(Problem::BelowFile(shown(&path.as_bytes()[..end]))),
            };
        }
        Ok(directory)
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
