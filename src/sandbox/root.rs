//! A tree with a writable layer over it, and its files.

use super::error::{Error, Lack};
use super::limits::{Excess, Limits};
use super::sys::{MountIs, c_string, set_mount};
use super::written::Written;
use super::{Ownership, Sandbox, owner};
use crate::pkg::Limit;
use crate::util::place::{self, Fault};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, XattrFlags, fstatvfs};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, mount, move_mount, open_tree, unmount,
};
use std::cell::RefCell;
use std::ffi::CString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// The directories that an overlay is made of. All exist. `upper` is empty, or has what was written over the same `lower`
/// before; whatever is in `work` is removed.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The tree as it was; nothing writes to it.
    pub lower: &'a Path,
    /// What is written.
    pub upper: &'a Path,
    /// For overlayfs's own use, on the same file system as `upper`.
    pub work: &'a Path,
    /// Where both appear as one.
    pub merged: &'a Path,
}

/// A mounted tree, unmounted when dropped.
///
/// Paths are of the tree, with or without a leading slash, and symbolic links in it lead nowhere else.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    directory: OwnedFd,
    /// The layers.
    upper: OwnedFd,
    lower: OwnedFd,
    /// Mount points that the tree did not have, the last one made first.
    made: Vec<&'static str>,
    /// File systems in memory, and where they are mounted.
    pub(super) in_memory: Vec<(&'static str, OwnedFd)>,
    /// What programs wrote to the upper layer.
    pub(super) written: RefCell<Written>,
    mounted: bool,
}

/// What programs find in `/dev`, besides links; that of the host.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// What else they find there: names and what these point to.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// The largest file that is read from a tree: the lists of the largest packages are below it.
const MAX_FILE: u64 = 64 << 20;

/// What `statfs` says of overlayfs, which does not write to itself.
const OVERLAY: i64 = 0x794c_7630;

impl Sandbox {
    /// Lays a writable layer over a tree, and `/dev`, `/run` and `/tmp` in memory over those of the tree.
    ///
    /// The three are shared by all programs that run in this root and vanish with it; `/proc` each program gets anew.
    /// Of `limits` those count here that these file systems have themselves.
    pub fn mount(&self, layers: &Layers<'_>, limits: &Limits) -> Result<Root, Error> {
        prepare_upper(layers, self.ownership)?;
        let open = |path: &Path| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty()).map_err(|error| Error::io("open", path, error))
        };
        let (lower, upper, work) = (open(layers.lower)?, open(layers.upper)?, open(layers.work)?);
        // A volatile overlay leaves a mark here, so that nobody takes what a crash left for whole. Whoever mounts it again knows.
        super::remove::remove_entries(&work).map_err(|error| Error::io("empty", layers.work, error))?;
        // Descriptors stand for the paths, which could hold characters that mean something in these options.
        let named = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
        let options = format!("userxattr,lowerdir={},upperdir={},workdir={}", named(&lower), named(&upper), named(&work));
        let path = layers.merged.canonicalize().map_err(|error| Error::io("find", layers.merged, error))?;
        let try_mount = |options: String| -> Result<(), Error> {
            let options = c_string(options)?;
            mount("overlay", &path, "overlay", MountFlags::empty(), Some(options.as_c_str()))
                .map_err(|error| unmountable(layers.upper, error))
        };
        // What is half written after a crash is thrown away, so nothing needs to wait for the disk.
        try_mount(format!("{options},volatile")).or_else(|_| try_mount(options))?;
        let (upper, lower) = (apart(&upper, layers.upper)?, apart(&lower, layers.lower)?);
        let written = RefCell::new(Written::new(&upper));
        let mut root = Root { directory: open(&path)?, path, upper, lower, made: vec![], in_memory: vec![], written, mounted: true };
        if rustix::fs::statvfs(&root.path).is_ok_and(|stat| stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY)) {
            return Err(unmountable(layers.upper, Errno::ROFS));
        }
        root.furnish(limits)?;
        Ok(root)
    }
}

/// A directory as the top of a tree that lies nowhere: nothing is above it, and nothing can be written to it. Recorders hold it.
fn apart(directory: &OwnedFd, path: &Path) -> Result<OwnedFd, Error> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let taken = open_tree(directory, "", flags).and_then(|tree| set_mount(tree.as_fd(), &MountIs::ReadOnly).map(|()| tree));
    taken.map_err(|error| Error::io("take apart", path, error))
}

/// The merged tree's top directory is the upper one, so that gets the lower one's mode and owner, and nothing that it
/// inherited from the directory it was made in.
fn prepare_upper(layers: &Layers<'_>, ownership: Ownership) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: Errno| Error::io("prepare", path, error)
    };
    for path in [layers.upper, layers.work] {
        for name in ["system.posix_acl_default", "system.posix_acl_access"] {
            // Most have none, and some file systems have no such thing.
            let _none = rustix::fs::removexattr(path, name);
        }
        let own = (Some(Uid::ROOT), Some(Gid::ROOT));
        rustix::fs::chownat(CWD, path, own.0, own.1, AtFlags::empty()).map_err(failed(path))?;
        rustix::fs::chmod(path, Mode::from_raw_mode(0o755)).map_err(failed(path))?;
    }
    let probe = "user.pintree.probe";
    if let Err(error) = rustix::fs::setxattr(layers.upper, probe, b"x", XattrFlags::empty()) {
        let what = format!("`{}` has no user xattrs", layers.upper.display());
        return Err(Lack::new(what, "put the project on ext4, xfs or btrfs; on tmpfs user xattrs need Linux 6.6").because(error).into());
    }
    rustix::fs::removexattr(layers.upper, probe).map_err(failed(layers.upper))?;
    let open =
        |path: &Path| rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed(path));
    let (lower, upper) = (open(layers.lower)?, open(layers.upper)?);
    owner::copy(&lower, &upper, ownership).map_err(failed(layers.upper))
}

fn unmountable(upper: &Path, error: Errno) -> Error {
    let path = upper.display();
    let on_overlay = rustix::fs::statfs(upper).is_ok_and(|stat| stat.f_type == OVERLAY);
    let lack = if on_overlay {
        let what = format!("`{path}` is itself on an overlay file system, as everything in a container's own root is");
        Lack::new(what, "put the project on a volume: `podman run -v .:/project`, `docker run -v .:/project`")
    } else {
        match error {
            Errno::NODEV => Lack::new("this host has no overlayfs", "modprobe overlay"),
            Errno::PERM | Errno::ACCESS => Lack::new(
                "this host does not let its users mount overlayfs, which Linux does since 5.11",
                super::enter::container_options(),
            ),
            _ => {
                let what = format!("overlayfs cannot write to the file system of `{path}`");
                Lack::new(what, "put the project on ext4, xfs or btrfs, not on a network or an encrypting file system")
            }
        }
    };
    lack.because(error).into()
}

impl Root {
    /// Where the tree is mounted, seen from the process that entered the sandbox.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The upper and the lower layer.
    pub(super) fn layers(&self) -> (&OwnedFd, &OwnedFd) {
        (&self.upper, &self.lower)
    }

    /// Unmounts the tree. Dropping does the same and cannot tell.
    pub fn unmount(mut self) -> Result<(), Error> {
        self.clear()
    }

    fn clear(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.mounted) {
            return Ok(());
        }
        for name in std::mem::take(&mut self.made) {
            let place = self.path.join(name);
            // Only those that were mounted over are busy.
            let _unmounted = unmount(&place, UnmountFlags::DETACH);
            if let Err(error) = rustix::fs::unlinkat(&self.directory, name, AtFlags::REMOVEDIR)
                && !matches!(error, Errno::NOENT | Errno::NOTEMPTY | Errno::NOTDIR)
            {
                return Err(Error::io("remove", place, error));
            }
        }
        // Nothing runs in it any more; detaching also takes what is mounted inside.
        unmount(&self.path, UnmountFlags::DETACH).map_err(|error| Error::io("unmount", &self.path, error))
    }

    /// Mounts what the tree must not keep.
    fn furnish(&mut self, limits: &Limits) -> Result<(), Error> {
        for name in ["proc", "run", "tmp", "dev"] {
            match rustix::fs::mkdirat(&self.directory, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => self.made.insert(0, name),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(Error::io("make", self.path.join(name), error)),
            }
        }
        let run = self.in_memory("run", "0755", limits)?;
        // Lock files need it, and only a booted system makes it.
        rustix::fs::mkdirat(&run, "lock", Mode::empty()).map_err(|error| Error::io("make", self.path.join("run/lock"), error))?;
        rustix::fs::chmodat(&run, "lock", Mode::from_raw_mode(0o1777), AtFlags::empty())
            .map_err(|error| Error::io("make", self.path.join("run/lock"), error))?;
        let tmp = self.in_memory("tmp", "1777", limits)?;
        let devices = self.in_memory("dev", "0755", limits)?;
        self.fill_devices(&devices).map_err(|error| match error {
            Errno::PERM | Errno::ACCESS => {
                Lack::new("this host does not let its users mount devices", super::enter::container_options()).because(error).into()
            }
            error => Error::io("fill", self.path.join("dev"), error),
        })?;
        self.in_memory = vec![("/run", run), ("/tmp", tmp), ("/dev/shm", devices)];
        Ok(())
    }

    /// The devices of the file systems in memory.
    pub(super) fn memory_devices(&self) -> Vec<u64> {
        self.in_memory.iter().filter_map(|(_, place)| rustix::fs::fstat(place).ok()).map(|stat| stat.st_dev).collect()
    }

    /// What to tell if a file system in memory is full: its programs have been told so already, by whatever call failed.
    pub(super) fn full(&self, limits: &Limits) -> Option<Excess> {
        self.in_memory.iter().find_map(|(place, directory)| {
            let stat = fstatvfs(directory).ok()?;
            let (bytes, inodes) = ((Limit::Tmpfs, limits.tmpfs), (Limit::Inodes, limits.inodes));
            let (limit, allowed) = [(stat.f_bfree, bytes), (stat.f_ffree, inodes)].into_iter().find(|(free, _)| *free == 0)?.1;
            Some(Excess::Full { place, allowed, limit })
        })
    }

    /// Mounts a file system in memory over a directory of the tree, and opens it.
    fn in_memory(&self, name: &'static str, mode: &str, limits: &Limits) -> Result<OwnedFd, Error> {
        let failed = |error| Error::io("mount", self.path.join(name), error);
        // What it is furnished with must fit.
        let (size, inodes) = (limits.tmpfs.to_string(), limits.inodes.max(64).to_string());
        let mounted = new_mount("tmpfs", &[("mode", mode), ("size", &size), ("nr_inodes", &inodes)]).map_err(failed)?;
        let place = self.resolve(name, OFlags::PATH | OFlags::DIRECTORY).map_err(failed)?;
        move_mount(&mounted, "", &place, "", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH)
            .map_err(failed)?;
        self.resolve(name, OFlags::RDONLY | OFlags::DIRECTORY).map_err(failed)
    }

    fn fill_devices(&self, devices: &OwnedFd) -> Result<(), Errno> {
        let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        for name in DEVICES {
            let host = format!("/dev/{name}");
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            let device = match open_tree(CWD, &*host, flags) {
                Err(Errno::NOENT) => continue,
                other => other?,
            };
            // What is written to a device is not written to the file system that it stands in.
            set_mount(device.as_fd(), &MountIs::Device)?;
            rustix::fs::openat(devices, name, OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::from_raw_mode(0o666))?;
            move_mount(&device, "", devices, name, onto)?;
        }
        for (name, target) in DEVICE_LINKS {
            rustix::fs::symlinkat(target, devices, name)?;
        }
        rustix::fs::mkdirat(devices, "shm", Mode::empty())?;
        rustix::fs::chmodat(devices, "shm", Mode::from_raw_mode(0o1777), AtFlags::empty())?;
        rustix::fs::mkdirat(devices, "pts", Mode::from_raw_mode(0o755))?;
        let terminals = new_mount("devpts", &[("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620")])?;
        move_mount(&terminals, "", devices, "pts", onto)
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.resolve_with(path, flags, Mode::empty())
    }

    fn resolve_with(&self, path: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { "." } else { path };
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        // A rename elsewhere in the tree makes the kernel unsure whether it was led out, and it says so.
        loop {
            match rustix::fs::openat2(&self.directory, path, flags | OFlags::CLOEXEC, mode, inside) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// The directory that holds a path, and the path's last component. Links before that one are followed.
    fn parent(&self, path: &str) -> Result<(OwnedFd, CString), Error> {
        let trimmed = path.trim_end_matches('/');
        let (directory, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
        let directory = if directory.is_empty() { "/" } else { directory };
        let parent = self.resolve(directory, OFlags::PATH | OFlags::DIRECTORY);
        Ok((parent.map_err(|error| self.failed("find the directory of", path, error))?, c_string(name)?))
    }

    fn failed(&self, doing: &'static str, path: &str, error: impl Into<std::io::Error>) -> Error {
        const LEFT: [Errno; 8] =
            [Errno::NOENT, Errno::EXIST, Errno::NOTDIR, Errno::ISDIR, Errno::LOOP, Errno::NAMETOOLONG, Errno::NXIO, Errno::INVAL];
        let source = error.into();
        let path = path.trim_start_matches('/');
        match Errno::from_io_error(&source) {
            Some(errno) if !LEFT.contains(&errno) => Error::io(doing, self.path.join(path), source),
            _ => Error::Left { doing, path: path.to_owned(), source },
        }
    }

    /// Opens a file that may be anything: only where a regular one stands is it opened at all. A link leads to it, never
    /// out of the tree; a device or a fifo is not touched, because it may be the host's, or wait for ever.
    fn open_regular(&self, doing: &'static str, path: &str, flags: OFlags) -> Result<File, Error> {
        let failed = |error: Errno| self.failed(doing, path, error);
        let is_regular = |stat: rustix::fs::Stat| match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(()),
            kind => {
                let fault = Fault::Kind { found: place::kind_name(kind), wanted: "file" };
                Err(Error::Left { doing, path: path.trim_start_matches('/').to_owned(), source: fault.into() })
            }
        };
        let found = self.resolve(path, OFlags::PATH).map_err(failed)?;
        is_regular(rustix::fs::fstat(&found).map_err(failed)?)?;
        let file = self.resolve(path, flags | OFlags::NONBLOCK | OFlags::NOCTTY).map_err(failed)?;
        is_regular(rustix::fs::fstat(&file).map_err(failed)?)?;
        Ok(file.into())
    }

    /// The content of a file; `None` if there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        if matches!(self.resolve(path, OFlags::PATH), Err(Errno::NOENT | Errno::NOTDIR)) {
            return Ok(None);
        }
        let file = self.open_regular("read", path, OFlags::RDONLY)?;
        place::read_bounded(file, MAX_FILE).map(Some).map_err(|error| self.failed("read", path, error))
    }

    /// Writes a file with these permissions, over one that is there; a link at its end is followed.
    pub fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        self.put(path, bytes, OFlags::TRUNC, Some(mode))
    }

    /// Adds to a file, which is made if it is not there.
    pub fn append(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        self.put(path, bytes, OFlags::APPEND, None)
    }

    fn put(&self, path: &str, bytes: &[u8], how: OFlags, mode: Option<u32>) -> Result<(), Error> {
        let flags = OFlags::WRONLY | how;
        let new = flags | OFlags::CREATE | OFlags::EXCL;
        let mut file = match self.resolve_with(path, new, Mode::from_raw_mode(0o644)) {
            Ok(file) => {
                // Not of the group that the directory hands on.
                rustix::fs::fchown(&file, Some(Uid::ROOT), Some(Gid::ROOT)).map_err(|error| self.failed("own", path, error))?;
                File::from(file)
            }
            Err(Errno::EXIST) => self.open_regular("write", path, flags)?,
            Err(error) => return Err(self.failed("write", path, error)),
        };
        file.write_all(bytes).map_err(|error| self.failed("write", path, error))?;
        match mode {
            Some(mode) => rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(|error| self.failed("set the mode of", path, error)),
            None => Ok(()),
        }
    }

    /// Removes a file, a link or an empty directory; tells whether there was one.
    pub fn remove(&self, path: &str) -> Result<bool, Error> {
        let (parent, name) = match self.parent(path) {
            Err(Error::Left { source, .. }) if matches!(Errno::from_io_error(&source), Some(Errno::NOENT | Errno::NOTDIR)) => {
                return Ok(false);
            }
            other => other?,
        };
        let removed = match rustix::fs::unlinkat(&parent, &*name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(&parent, &*name, AtFlags::REMOVEDIR),
            other => other,
        };
        match removed {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.failed("remove", path, error)),
        }
    }

    /// Tells whether something is there; a link that leads nowhere is nothing.
    pub fn exists(&self, path: &str) -> bool {
        self.resolve(path, OFlags::PATH).is_ok()
    }

    /// Tells whether there is a file that may be executed.
    pub fn is_executable(&self, path: &str) -> bool {
        self.resolve(path, OFlags::PATH)
            .and_then(rustix::fs::fstat)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0)
    }

    /// Makes a symbolic link at `path`, where nothing is yet.
    pub fn symlink(&self, target: &str, path: &str) -> Result<(), Error> {
        let (parent, name) = self.parent(path)?;
        rustix::fs::symlinkat(target, &parent, &*name).map_err(|error| self.failed("link", path, error))?;
        self.own(&parent, &name, path)
    }

    /// Makes a directory with these permissions unless there is one, and those above it with 0755.
    pub fn make_directory(&self, path: &str, mode: u32) -> Result<(), Error> {
        let trimmed = path.trim_matches('/');
        let ends = trimmed.match_indices('/').map(|(at, _)| at).chain([trimmed.len()]);
        for end in ends {
            let (part, last) = (&trimmed[..end], end == trimmed.len());
            if part.is_empty() || self.resolve(part, OFlags::PATH | OFlags::DIRECTORY).is_ok() {
                continue;
            }
            let (parent, name) = self.parent(part)?;
            let mode = Mode::from_raw_mode(if last { mode } else { 0o755 });
            rustix::fs::mkdirat(&parent, &*name, Mode::from_raw_mode(0o700)).map_err(|error| self.failed("make", part, error))?;
            self.own(&parent, &name, part)?;
            rustix::fs::chmodat(&parent, &*name, mode, AtFlags::empty()).map_err(|error| self.failed("set the mode of", part, error))?;
        }
        Ok(())
    }

    /// Gives root what was just made; in a set-group-ID directory it would have that one's group.
    fn own(&self, parent: &OwnedFd, name: &CString, path: &str) -> Result<(), Error> {
        let owned = rustix::fs::chownat(parent, &**name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW);
        owned.map_err(|error| self.failed("own", path, error))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // Whoever wants to know calls `unmount`; the mount ends with the process in any case.
        let _unheard = self.clear();
    }
}

/// A new file system, mounted nowhere yet.
pub(super) fn new_mount(kind: &str, options: &[(&str, &str)]) -> Result<OwnedFd, Errno> {
    let system = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        match value.is_empty() {
            true => rustix::mount::fsconfig_set_flag(&system, *key)?,
            false => fsconfig_set_string(&system, *key, *value)?,
        }
    }
    fsconfig_create(&system)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}
