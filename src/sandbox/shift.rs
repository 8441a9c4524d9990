//! The sandbox of the host's root: its ids are nobody's on the host.
//!
//! Where root's own ids stood for themselves, root in a script would be root to every part of the kernel that looks at the id
//! only, as its settings do. So a range of ids that nobody has stands for those of the sandbox, and this process takes its first.
//! It sees the host's files by way of mounts that show and store owners as if nothing had happened (`mount_setattr(2)`,
//! `MOUNT_ATTR_IDMAP`), so a store, a tree and an image are what they would be.
//!
//! Real root does two more things that cannot be done later: mounts as they stand in a container are replaced by a `/proc` that
//! hides nothing, without which the kernel lets nobody below mount one.

use super::error::{Error, Lack};
use super::idmap::{self, COUNT, Extent};
use super::sys::{self, Fork, MountIs};
use super::{enter, processes};
use rustix::fs::{CWD, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount, open_tree, unmount};
use rustix::thread::LinkNameSpaceType;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// The rest of the sandbox's namespaces.
const NAMESPACES: libc::c_int = libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNET;

/// Tells whether root here is the host's: every id exists and stands for itself.
pub(super) fn is_host() -> bool {
    let whole = |path| std::fs::read_to_string(path).is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    whole("/proc/self/uid_map") && whole("/proc/self/gid_map")
}

/// Moves this process, which is the host's root, into its namespaces, with so many ids.
pub(super) fn enter(ids: u32) -> Result<(), Error> {
    let failed = |doing: &'static str| move |error: Errno| Error::io(doing, "/", error);
    let base = base().ok_or_else(|| Lack::new("no range of ids is free on this host", "run pintree as an ordinary user"))?;
    let namespace = namespace(Extent { inside: 0, outside: base, count: ids.min(COUNT) })?;
    let directory = std::env::current_dir().map_err(|error| Error::io("find", ".", error))?;
    let signal = rustix::process::parent_process_death_signal().map_err(failed("look at this process in"))?;
    sys::unshare(libc::CLONE_NEWNS).map_err(enter::refused)?;
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).map_err(|error| enter::refused(error.into()))?;
    let mounts = mounts()?;
    show(&namespace, &mounts, &directory)?;
    if mounts.iter().any(|mount| mount.starts_with("/proc/") && mount != Path::new("/proc/sys/fs/binfmt_misc")) {
        let put = |whole: OwnedFd| move_mount(&whole, "", CWD, "/proc", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
        processes::new().and_then(put).map_err(|error| processes::lack().because(error))?;
    }
    std::env::set_current_dir(&directory).map_err(|error| Error::io("enter", &directory, error))?;
    let entered = rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::User));
    entered.map_err(|error| enter::refused(error.into()))?;
    sys::unshare(NAMESPACES).map_err(enter::refused)?;
    let become_root = || {
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
        rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
    };
    become_root().map_err(|error| enter::refused(error.into()))?;
    // A change of ids forgets it.
    rustix::process::set_parent_process_death_signal(signal).map_err(failed("look at this process in"))?;
    reopen_directories()
}

/// The first of 65536 ids that nobody has, another one for each process.
fn base() -> Option<u32> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let taken = idmap::taken([&read("/etc/passwd"), &read("/etc/group"), &read("/etc/subuid"), &read("/etc/subgid")]);
    idmap::free(&taken, std::process::id())
}

/// A user namespace with this map.
fn namespace(extent: Extent) -> Result<OwnedFd, Error> {
    let failed = |doing: &'static str| move |error: std::io::Error| Error::io(doing, "/proc/self", error);
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(std::io::Error::from);
    let (made_reader, made_writer) = pipe().map_err(failed("make a pipe for"))?;
    let (end_reader, end_writer) = pipe().map_err(failed("make a pipe for"))?;
    let child = match sys::fork().map_err(failed("fork"))? {
        Fork::Child => {
            drop((made_reader, end_writer));
            let number = sys::unshare(libc::CLONE_NEWUSER).err().and_then(|error| error.raw_os_error()).unwrap_or_default();
            let told = File::from(made_writer).write_all(&number.to_ne_bytes());
            // It lives until the parent has the namespace, or has died.
            let _end = told.and_then(|()| File::from(end_reader).read(&mut [0]));
            sys::exit(0);
        }
        Fork::Parent(child) => child,
    };
    drop((made_writer, end_reader));
    let made = || -> std::io::Result<OwnedFd> {
        let mut number = [0; 4];
        File::from(made_reader).read_exact(&mut number)?;
        match i32::from_ne_bytes(number) {
            0 => {}
            number => return Err(std::io::Error::from_raw_os_error(number)),
        }
        let place = PathBuf::from(format!("/proc/{}", child.as_raw_nonzero()));
        std::fs::write(place.join("uid_map"), idmap::render(&[extent]))?;
        std::fs::write(place.join("gid_map"), idmap::render(&[extent]))?;
        File::open(place.join("ns/user")).map(OwnedFd::from)
    };
    let namespace = made();
    drop(end_writer);
    let waited = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty()));
    waited.map_err(|error| failed("wait for a child of")(error.into()))?;
    namespace.map_err(|error| enter::refused(error).into())
}

/// Where something is mounted, as `/proc/self/mountinfo` has it.
fn mounts() -> Result<Vec<PathBuf>, Error> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let places = text.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    Ok(places.map(|place| PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(unescape(place)))).collect())
}

/// Blanks and backslashes are written as three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// Changes the root to a copy of all mounts that shows owners as the namespace has them. A file system that cannot do that
/// stays as it is, unless `directory` lies on it.
fn show(namespace: &OwnedFd, mounts: &[PathBuf], directory: &Path) -> Result<(), Error> {
    let failed = |doing: &'static str| move |error: Errno| Error::io(doing, "/", error);
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, "/", flags).map_err(failed("copy the mounts of"))?;
    let own = mounts.iter().filter(|mount| directory.starts_with(mount)).max_by_key(|mount| mount.components().count());
    let mut seen = std::collections::BTreeSet::new();
    for mount in mounts.iter().filter(|mount| seen.insert(*mount)) {
        let place = mount.strip_prefix("/").ok().filter(|place| *place != Path::new("")).unwrap_or(Path::new("."));
        let opened = rustix::fs::openat(&tree, place, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let shown = opened.and_then(|opened| sys::set_mount(opened.as_fd(), &MountIs::OwnedAsIn(namespace.as_raw_fd())));
        if let Err(error) = shown
            && own == Some(mount)
        {
            let what = format!(
                "the file system of `{}` cannot show other owners, which keeps root in scripts from being yours",
                directory.display()
            );
            let mend = "put the project on ext4, xfs or btrfs with Linux 5.19 or newer; in a container, on a volume";
            return Err(Lack::new(what, mend).because(error).into());
        }
    }
    move_mount(&tree, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(failed("mount"))?;
    rustix::process::fchdir(&tree).map_err(failed("enter"))?;
    rustix::process::pivot_root(".", ".").map_err(failed("change"))?;
    unmount(".", UnmountFlags::DETACH).map_err(failed("unmount the old"))?;
    rustix::process::chdir("/").map_err(failed("enter"))
}

/// Opens directories that are open already anew, so that what is found from them has the new owners too.
fn reopen_directories() -> Result<(), Error> {
    let list = Path::new("/proc/self/fd");
    let failed = |error| Error::io("list", list, error);
    let names: Vec<_> = std::fs::read_dir(list).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    for name in names {
        let Some(number) = name.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        // What lists them is closed by now.
        let Ok(path) = std::fs::read_link(name.path()) else { continue };
        let Some((flags, old)) = sys::directory(number) else { continue };
        // One that has been removed stays as it is.
        let Ok(again) = rustix::fs::open(&path, flags | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else { continue };
        let new = rustix::fs::fstat(&again).map_err(|error| Error::io("look at", &path, error))?;
        if (new.st_dev, new.st_ino) == old {
            sys::replace(number, &again).map_err(|error| Error::io("open again", &path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_of_mount_points() {
        assert_eq!(unescape(br"/mnt/a\040b\134c"), b"/mnt/a b\\c");
        assert_eq!(unescape(br"/a\9"), br"/a\9");
    }
}
