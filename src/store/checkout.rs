//! A tree as files on disk: hard links to the objects, real copies only where an object cannot show what it is.

use super::metadata::Metadata;
use super::repo::object_path;
use super::{Checksum, DirTree, Error, FileKind, ObjectKind, Repo};
use rustix::fs::{self, AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

/// Gives the file `name` in a directory its owner, its group, all its permission bits (`0o7777`) and its attributes, and
/// takes away what other attributes it has.
///
/// It is called where plain creation by the running user is not enough; how these are kept is the caller's matter.
pub type SetMetadata<'a> = dyn FnMut(BorrowedFd<'_>, &OsStr, &Metadata) -> io::Result<()> + 'a;

/// Everything in a tree is as old as the epoch, so that what looks at times sees the same everywhere.
const TIMES: Timestamps =
    Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: 0 }, last_modification: Timespec { tv_sec: 0, tv_nsec: 0 } };

struct Checkout<'a> {
    repo: &'a Repo,
    set_metadata: &'a mut SetMetadata<'a>,
}

impl Repo {
    /// Turns the directory `path`, which holds `from` or is empty, into `to`: only what differs is touched.
    ///
    /// Regular files that belong to root and have ordinary modes are hard links to objects, so nobody may write to them;
    /// all others are copies with the owner, mode and attributes that the tree gives them. `from` and `to` are a dirtree
    /// and its dirmeta.
    pub fn checkout(
        &self,
        from: Option<(Checksum, Checksum)>,
        to: (Checksum, Checksum),
        path: &Path,
        set_metadata: &mut SetMetadata<'_>,
    ) -> Result<(), Error> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY | OFlags::NOFOLLOW;
        let fd = fs::open(path, flags, Mode::empty()).map_err(|error| Error::io("open", path)(error.into()))?;
        let mut checkout = Checkout { repo: self, set_metadata };
        checkout.update(&fd, path, from.map(|from| from.0), to.0)?;
        let metadata = self.read_dirmeta(&to.1)?;
        checkout.finish_directory(&fd, &fd, OsStr::new("."), path, &metadata)
    }
}

impl Checkout<'_> {
    fn update(&mut self, dir: &OwnedFd, path: &Path, from: Option<Checksum>, to: Checksum) -> Result<(), Error> {
        if from == Some(to) {
            return Ok(());
        }
        let from = from.map_or_else(|| Ok(DirTree::default()), |from| self.repo.read_dirtree(&from))?;
        let to = self.repo.read_dirtree(&to)?;
        for (name, file) in &from.files {
            if !contains_file(&to, name, file) {
                remove(dir, name, path, AtFlags::empty())?;
            }
        }
        for (name, tree, _) in &from.dirs {
            if to.dirs.binary_search_by(|(other, _, _)| other.cmp(name)).is_err() {
                self.clear(dir, name, path, *tree)?;
            }
        }
        for (name, file) in &to.files {
            if !contains_file(&from, name, file) {
                self.place(dir, name, path, file)?;
            }
        }
        for (name, tree, meta) in &to.dirs {
            let old = from.dirs.binary_search_by(|(other, _, _)| other.cmp(name)).ok().map(|at| &from.dirs[at]);
            if old.is_some_and(|(_, old_tree, old_meta)| old_tree == tree && old_meta == meta) {
                continue;
            }
            let full = path.join(name);
            if old.is_none() {
                fs::mkdirat(dir, name.as_str(), Mode::RWXU).map_err(|error| Error::io("create directory", &full)(error.into()))?;
            }
            let below = open_directory(dir, name, &full)?;
            self.update(&below, &full, old.map(|old| old.1), *tree)?;
            let metadata = self.repo.read_dirmeta(meta)?;
            self.finish_directory(dir, &below, OsStr::new(name), &full, &metadata)?;
        }
        Ok(())
    }

    /// Removes a directory of which it is known what lies in it.
    fn clear(&mut self, dir: &OwnedFd, name: &str, path: &Path, tree: Checksum) -> Result<(), Error> {
        let full = path.join(name);
        let below = open_directory(dir, name, &full)?;
        let tree = self.repo.read_dirtree(&tree)?;
        for (name, _) in &tree.files {
            remove(&below, name, &full, AtFlags::empty())?;
        }
        for (name, tree, _) in &tree.dirs {
            self.clear(&below, name, &full, *tree)?;
        }
        remove(dir, name, path, AtFlags::REMOVEDIR)
    }

    fn place(&mut self, dir: &OwnedFd, name: &str, path: &Path, file: &Checksum) -> Result<(), Error> {
        let full = || path.join(name);
        let io = |doing: &'static str| move |error: Errno| Error::io(doing, path.join(name))(error.into());
        let (meta, mut content) = self.repo.open_file(file)?;
        let Metadata { uid, gid, mode, xattrs } = &meta.metadata;
        let foreign = (*uid, *gid) != (0, 0);
        match meta.kind {
            FileKind::Symlink(target) => {
                fs::symlinkat(target.as_str(), dir, name).map_err(io("create link"))?;
                if foreign {
                    (self.set_metadata)(dir.as_fd(), OsStr::new(name), &meta.metadata).map_err(Error::io("set the owner of", full()))?;
                }
                fs::utimensat(dir, name, &TIMES, AtFlags::SYMLINK_NOFOLLOW).map_err(io("set the time of"))?;
            }
            FileKind::Regular(_) => {
                // What a bare-user object shows on disk: `mode & 0775 | 0400`.
                let plain = !foreign && xattrs.is_empty() && mode & !0o775 == 0 && mode & 0o400 != 0;
                if plain {
                    let object = object_path(file, ObjectKind::File);
                    match fs::linkat(&self.repo.objects, object.as_str(), dir, name, AtFlags::empty()) {
                        Ok(()) => return Ok(()),
                        // Too many links, or a place that has no hard links: a copy is as good.
                        Err(Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP) => {}
                        Err(error) => return Err(io("link")(error)),
                    }
                }
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                let fd = fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR).map_err(io("create"))?;
                let mut copy = std::fs::File::from(fd);
                io::copy(&mut content, &mut copy).map_err(Error::io("write", full()))?;
                (self.set_metadata)(dir.as_fd(), OsStr::new(name), &meta.metadata).map_err(Error::io("set the owner of", full()))?;
                fs::futimens(&copy, &TIMES).map_err(io("set the time of"))?;
            }
        }
        Ok(())
    }

    fn finish_directory(&mut self, parent: &OwnedFd, dir: &OwnedFd, name: &OsStr, path: &Path, metadata: &Metadata) -> Result<(), Error> {
        (self.set_metadata)(parent.as_fd(), name, metadata).map_err(Error::io("set the owner of", path))?;
        fs::futimens(dir, &TIMES).map_err(|error| Error::io("set the time of", path)(error.into()))
    }
}

fn contains_file(tree: &DirTree, name: &str, file: &Checksum) -> bool {
    tree.files.binary_search_by(|(other, _)| other.as_str().cmp(name)).is_ok_and(|at| tree.files[at].1 == *file)
}

fn open_directory(dir: &OwnedFd, name: &str, path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY | OFlags::NOFOLLOW;
    fs::openat(dir, name, flags, Mode::empty()).map_err(|error| Error::io("open", path)(error.into()))
}

fn remove(dir: &OwnedFd, name: &str, path: &Path, flags: AtFlags) -> Result<(), Error> {
    fs::unlinkat(dir, name, flags).map_err(|error| Error::io("remove", path.join(name))(error.into()))
}
