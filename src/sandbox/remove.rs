//! Removing trees that programs have made.

use super::Sandbox;
use super::error::Error;
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Directories that lie deeper are moved to the top first, so that descriptors do not run out.
const DEPTH: usize = 100;

struct Level {
    directory: OwnedFd,
    /// Its name in the level above.
    name: CString,
    /// What is still in it.
    entries: Vec<CString>,
}

impl Sandbox {
    /// Removes a file or a whole tree, whoever owns what is in it and whatever its permissions; nothing there is fine.
    pub fn remove_all(&self, path: &Path) -> Result<(), Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::io("remove", path, Errno::INVAL));
        };
        let parent = if parent == Path::new("") { Path::new(".") } else { parent };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = match rustix::fs::openat(CWD, parent, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(()),
            other => other.map_err(|error| Error::io("open", parent, error))?,
        };
        remove(parent, vec![super::sys::c_string(name.as_encoded_bytes())?]).map_err(|error| Error::io("remove", path, error))
    }
}

/// Removes all that is in a directory.
pub(super) fn remove_entries(directory: &OwnedFd) -> Result<(), Errno> {
    let readable = rustix::fs::openat(directory, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let entries = names(&readable)?;
    remove(readable, entries)
}

fn remove(parent: OwnedFd, entries: Vec<CString>) -> Result<(), Errno> {
    let mut levels = vec![Level { directory: parent, name: CString::default(), entries }];
    let mut moved = 0_u64;
    loop {
        let deep = levels.len() > DEPTH;
        let Some(level) = levels.last_mut() else { return Ok(()) };
        let Some(name) = level.entries.pop() else {
            let done = levels.pop().expect("the loop looks at the last of them");
            if let Some(above) = levels.last() {
                rustix::fs::unlinkat(&above.directory, &*done.name, AtFlags::REMOVEDIR)?;
            }
            continue;
        };
        match rustix::fs::unlinkat(&level.directory, &*name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
        if deep {
            moved += 1;
            let aside = CString::new(format!(".removed-{moved}")).expect("digits have no zero byte");
            let (top, last) = (&levels[1], &levels[levels.len() - 1]);
            match rustix::fs::renameat(&last.directory, &*name, &top.directory, &*aside) {
                // A program's own file has this name, so the next number is tried.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => levels.last_mut().expect("it was there").entries.push(name),
                other => {
                    other?;
                    levels[1].entries.push(aside);
                }
            }
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&level.directory, &*name, flags, Mode::empty())?;
        let entries = names(&directory)?;
        levels.push(Level { directory, name, entries });
    }
}

/// The names in a directory, without `.` and `..`.
pub(super) fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = vec![];
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}
