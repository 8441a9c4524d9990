//! Writing files so that a reader never sees half of one, and so that ninja sees a change only where there is one.

use super::place;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes `bytes` to `path` in one step: to a temporary neighbour, then renamed over it.
///
/// Durability is left to the caller; a crash leaves the old file or the new one.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, |_| Ok(()))
}

fn replace(path: &Path, bytes: &[u8], settle: fn(&std::fs::File) -> io::Result<()>) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    // A process and a thread in it write one file at a time, so this name is nobody else's.
    temporary.push(format!(".{}.{:?}.tmp", std::process::id(), std::thread::current().id()).replace(['(', ')'], ""));
    let temporary = parent.join(temporary);
    // The name can be foreseen, so what stands there may be a link that somebody has left.
    let written = place::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| settle(&file)))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _unused = std::fs::remove_file(&temporary);
    }
    written
}

/// As [`write_atomic`], with the contents on the disk before they get their name: for what cannot be made again.
pub fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, std::fs::File::sync_data)
}

/// Writes `bytes` to `path` unless they stand there already; tells whether it wrote.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    write_atomic(path, bytes)?;
    Ok(true)
}

/// As [`write_if_changed`], with what it writes on the disk before it gets its name.
pub fn write_durable_if_changed(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    write_durable(path, bytes)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn leaves_an_unchanged_file_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert!(write_if_changed(&path, b"one").unwrap());
        let inode = std::fs::metadata(&path).unwrap().ino();
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().ino(), inode);
        assert!(write_if_changed(&path, b"two").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
