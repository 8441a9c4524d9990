//! Lets programs change a tree, and takes back only what they changed.
//!
//! A tree is checked out as hard links, an overlay is mounted above it, programs run in the sandbox, and what they wrote
//! to the overlay's upper directory goes back into the tree. Cost follows the size of the change, not of the tree.

use crate::sandbox::{self, Change, ChangeKind, Layers, Limits, Sandbox};
use crate::store::{self, Entry, Metadata, Repo, Root, Tree};
use crate::util::place;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// Why a tree could not be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// A file of the working directory could not be made.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A program failed where the disk has no room left.
    #[error("no space left in `{}`: `{program}` failed{output}", directory.display())]
    Full {
        /// Where.
        directory: PathBuf,
        /// What ran.
        program: String,
        /// The last lines of what it wrote.
        output: String,
    },
    /// A program left something that OSTree has no object for.
    #[error("`/{path}` is a {kind}, which an image cannot hold")]
    Special {
        /// The path from the root.
        path: String,
        /// What it is.
        kind: &'static str,
    },
}

/// A directory where trees are laid out and changed, one after the other.
pub struct Workspace<'a> {
    repo: &'a Repo,
    sandbox: &'a Sandbox,
    directory: PathBuf,
    limits: Limits,
    /// What the lower directory holds.
    shown: Option<Root>,
    /// Locked while it is in use: a build removes what nobody holds any more.
    _held: File,
}

impl<'a> Workspace<'a> {
    /// Takes `directory`, which nobody else uses at the same time, and removes what a killed run left there.
    pub fn open(repo: &'a Repo, sandbox: &'a Sandbox, directory: &Path, limits: Limits) -> Result<Self, Error> {
        // The sandbox's programs run with other working directories.
        let directory = std::path::absolute(directory).map_err(|source| Error::Io { doing: "find", path: directory.into(), source })?;
        sandbox.remove_all(&directory)?;
        // Trees have set-user-ID programs, which are for the image alone. The directory outlives a step that is killed.
        place::make_private_directory(&directory).map_err(|source| Error::Io { doing: "create", path: directory.clone(), source })?;
        let held = place::open_directory(&directory).and_then(|held| held.lock().map(|()| held));
        let held = held.map_err(|source| Error::Io { doing: "lock", path: directory.clone(), source })?;
        let workspace = Self { repo, sandbox, directory, limits, shown: None, _held: held };
        workspace.make("lower")?;
        Ok(workspace)
    }

    fn make(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.directory.join(name);
        std::fs::create_dir(&path).map_err(|source| Error::Io { doing: "create", path: path.clone(), source })?;
        Ok(path)
    }

    /// Lets `work` change `root`; gives what it returned and the changed tree, which is not written yet.
    pub fn change<T, E: From<Error>>(&mut self, root: Root, work: impl FnOnce(&sandbox::Root) -> Result<T, E>) -> Result<(T, Tree), E> {
        let lower = self.directory.join("lower");
        let sandbox = self.sandbox;
        let mut set_metadata = |directory: BorrowedFd<'_>, name: &std::ffi::OsStr, metadata: &Metadata| {
            let Metadata { uid, gid, mode, xattrs } = metadata;
            // The owner first: a change of owner drops file capabilities.
            sandbox.set_owner(directory, name, *uid, *gid, *mode).map_err(io::Error::other)?;
            sandbox.set_attributes(directory, name, xattrs).map_err(io::Error::other)
        };
        // Not known while it is being changed.
        let shown = self.shown.take();
        self.repo.checkout(shown, root, &lower, &mut set_metadata).map_err(Error::from)?;
        self.shown = Some(root);
        let (upper, scratch, merged) = (self.make("upper")?, self.make("work")?, self.make("merged")?);
        let layers = Layers { lower: &lower, upper: &upper, work: &scratch, merged: &merged };
        let mounted = sandbox.mount(&layers, &self.limits).map_err(Error::from)?;
        let result = work(&mounted)?;
        drop(mounted);
        let mut tree = Tree::read(self.repo, &root.0).map_err(Error::from)?;
        self.collect(&upper, &mut tree)?;
        for path in [upper, scratch, merged] {
            sandbox.remove_all(&path).map_err(Error::from)?;
        }
        Ok((result, tree))
    }

    /// Brings what the upper directory holds into the tree.
    fn collect(&self, upper: &Path, tree: &mut Tree) -> Result<(), Error> {
        self.sandbox.changes(upper, &self.limits, &mut |change| self.apply(change, tree))
    }

    fn apply(&self, change: &Change<'_>, tree: &mut Tree) -> Result<(), Error> {
        let repo = self.repo;
        let metadata = Metadata { uid: change.uid, gid: change.gid, mode: change.mode, xattrs: change.xattrs.clone() };
        let path = change.path;
        let old = tree.get(repo, path)?;
        let file = match &change.kind {
            ChangeKind::Removed => {
                tree.remove(repo, path)?;
                return Ok(());
            }
            ChangeKind::Directory { opaque } => {
                if *opaque || matches!(old, Some(Entry::File(_))) {
                    tree.remove(repo, path)?;
                }
                tree.insert_directory(repo, path, repo.write_dirmeta(&metadata)?, None)?;
                return Ok(());
            }
            ChangeKind::Special(kind) => return Err(Error::Special { path: path.to_owned(), kind }),
            ChangeKind::Symlink(target) => repo.write_symlink(&metadata, target)?,
            ChangeKind::File { content, .. } => {
                let mut writer = repo.file_writer(&metadata)?;
                io::copy(&mut &*content, &mut writer).map_err(|source| Error::Io { doing: "read", path: path.into(), source })?;
                writer.finish()?
            }
        };
        if matches!(old, Some(Entry::Directory(_))) {
            tree.remove(repo, path)?;
        }
        tree.insert_file(repo, path, file, None)?;
        Ok(())
    }
}

impl Drop for Workspace<'_> {
    fn drop(&mut self) {
        // What stays behind, the next run removes.
        let _unused = self.sandbox.remove_all(&self.directory);
    }
}
