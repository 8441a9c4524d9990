//! Files and directories opened as what they are: no link is followed at their end, no fifo or device is opened, nothing
//! grows without bound.
//!
//! A checkout brings whatever it likes, and so does a script. What this program makes and reads for itself is a directory
//! or a regular file; anything else in its place is a [`Fault`]. Links before the last component are not looked at: whoever
//! names a path has made or checked the directories above.

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// What stands in a place that is no directory or file of this program's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A symbolic link.
    #[error("it is a link to `{}`", target.display())]
    Link {
        /// What it points to, as it stands in the link.
        target: PathBuf,
    },
    /// Something else than it should be.
    #[error("it is a {found}, not a {wanted}")]
    Kind {
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The file has another name somewhere, whose content would change with it.
    #[error("it is a hard link: the file has {count} names")]
    Names {
        /// How many names it has.
        count: u64,
    },
    /// The file is larger than any real one.
    #[error("it has more than {limit} bytes")]
    Size {
        /// How many it may have.
        limit: u64,
    },
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::new(io::ErrorKind::InvalidInput, fault)
    }
}

/// What a kind of file is called in messages.
pub fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "link",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        _ => "device",
    }
}

/// Looks at what stands in a place; nothing is `None`.
///
/// # Errors
/// A [`Fault`] where it is a link, or of another kind than `wanted`.
pub fn look(path: &Path, wanted: FileType) -> io::Result<Option<rustix::fs::Stat>> {
    let stat = match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    match FileType::from_raw_mode(stat.st_mode) {
        kind if kind == wanted => Ok(Some(stat)),
        FileType::Symlink => Err(Fault::Link { target: std::fs::read_link(path)? }.into()),
        kind => Err(Fault::Kind { found: kind_name(kind), wanted: kind_name(wanted) }.into()),
    }
}

/// Opens what stands in a place, which must be of the `wanted` kind.
fn open(path: &Path, flags: OFlags, mode: Mode, wanted: FileType) -> io::Result<File> {
    let always = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags | always, mode) {
        Ok(file) => file,
        // What it is instead tells more than the call's own error does.
        Err(error) => return look(path, wanted).and(Err(error.into())),
    };
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind == wanted { Ok(file.into()) } else { Err(Fault::Kind { found: kind_name(kind), wanted: kind_name(wanted) }.into()) }
}

/// Opens a directory.
pub fn open_directory(path: &Path) -> io::Result<File> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty(), FileType::Directory)
}

/// The names in a directory with their kinds, sorted. A directory that is not there is empty.
pub fn list(path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
    let directory = match open_directory(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other?,
    };
    let mut found = vec![];
    for entry in rustix::fs::Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => FileType::from_raw_mode(rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode),
            kind => kind,
        };
        found.push((OsString::from_vec(name.to_bytes().to_vec()), kind));
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(found)
}

/// Makes a directory, and those above it, unless it is there.
pub fn make_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path).or_else(|error| look(path, FileType::Directory).and(Err(error)))?;
    look(path, FileType::Directory).map(drop)
}

/// As [`make_directory`], for a directory that nobody else may enter, whatever is in it: one that is there is closed.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above)?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let directory = open_directory(path)?;
    if rustix::fs::fstat(&directory)?.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(&directory, Mode::RWXU)?;
    }
    Ok(())
}

/// Opens a file for locking, and makes it if it is not there; what is in it stays.
pub fn lock_file(path: &Path) -> io::Result<File> {
    open(path, OFlags::RDWR | OFlags::CREATE, Mode::from_raw_mode(0o644), FileType::RegularFile)
}

/// Makes a file anew: what had its name keeps its content, under other names that it may have.
pub fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return look(path, FileType::RegularFile).and(Err(error)),
        _ => {}
    }
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens a file for adding to its end, and makes it if it is not there.
pub fn append(path: &Path) -> io::Result<File> {
    open(path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE, Mode::from_raw_mode(0o644), FileType::RegularFile)
}

/// Opens a file for reading.
pub fn open_file(path: &Path) -> io::Result<File> {
    open(path, OFlags::RDONLY, Mode::empty(), FileType::RegularFile)
}

/// Reads a file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_bounded(open_file(path)?, limit)
}

/// Reads an open file to its end, if that is at most `limit` bytes away.
pub fn read_bounded(file: impl io::Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(Fault::Size { limit }.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn fault(error: io::Error) -> String {
        error.to_string()
    }

    #[test]
    fn follows_no_link_and_waits_for_no_fifo() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("victim"), "mine").unwrap();
        std::fs::create_dir(at("home")).unwrap();
        std::fs::write(at("home/document"), "").unwrap();
        symlink("victim", at("link")).unwrap();
        symlink("home", at("directory")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        rustix::fs::mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();

        for name in ["link", "dangling"] {
            assert!(fault(read(&at(name), 9).unwrap_err()).starts_with("it is a link to"));
            assert!(fault(append(&at(name)).unwrap_err()).starts_with("it is a link to"));
            assert!(fault(lock_file(&at(name)).unwrap_err()).starts_with("it is a link to"));
        }
        for made in [make_directory(&at("directory")), make_private_directory(&at("directory")), list(&at("directory")).map(drop)] {
            assert_eq!(fault(made.unwrap_err()), "it is a link to `home`");
        }
        assert!(make_private_directory(&at("dangling")).is_err() && make_directory(&at("dangling")).is_err());
        assert_eq!(fault(read(&at("fifo"), 9).unwrap_err()), "it is a fifo, not a file");
        assert_eq!(fault(append(&at("home")).unwrap_err()), "it is a directory, not a file");
        assert_eq!(fault(list(&at("victim")).unwrap_err()), "it is a file, not a directory");
        assert_eq!(fault(read(&at("victim"), 3).unwrap_err()), "it has more than 3 bytes");

        create(&at("link")).unwrap();
        assert_eq!(std::fs::read(at("victim")).unwrap(), b"mine");
        assert_eq!(list(&at("gone")).unwrap(), []);
        assert_eq!(list(&at("home")).unwrap(), [("document".into(), FileType::RegularFile)]);
    }

    #[test]
    fn closes_a_directory_that_was_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/work");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        make_private_directory(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
