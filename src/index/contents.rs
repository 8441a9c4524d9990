//! Finds in a `Contents` file which packages ship a path.
//!
//! Takes the file's text as a stream and a few paths; gives names of packages. Debian's largest such file is half a
//! gigabyte when unpacked, so it is searched a piece at a time and never held.

use memchr::memmem::Finder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

/// The file cannot be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed, or the compressed data are damaged.
    #[error("cannot read the file list")]
    Read(#[from] io::Error),
    /// The unpacked file is longer than it may be.
    #[error("the file list has more than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// A line is longer than any path could be.
    #[error("the file list has a line of more than {limit} bytes")]
    LongLine {
        /// The limit.
        limit: usize,
    },
}

/// How much is read at a time; also the longest line, since one must fit whole. The longest of Debian, of files that
/// some thousand packages ship, have about 100 kB.
const PIECE: usize = 1 << 20;

/// Top-level directories that are symbolic links into `/usr` on merged systems (`/bin` and `/usr/bin` are one place).
const MERGED: [&str; 7] = ["bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32"];

/// The names by which archives may list an absolute path, without the leading slash.
pub fn spellings(path: &str) -> Vec<String> {
    let path = path.trim_start_matches('/');
    let is_merged = |path: &str| path.split_once('/').is_some_and(|(top, _)| MERGED.contains(&top));
    let mut spellings = vec![path.to_owned()];
    match path.strip_prefix("usr/") {
        Some(below) if is_merged(below) => spellings.push(below.to_owned()),
        None if is_merged(path) => spellings.push(format!("usr/{path}")),
        _ => {}
    }
    spellings
}

/// The packages that ship each of `paths` (absolute, clean), by path; merged `/usr` directories count as one place.
///
/// # Errors
/// See [`Error`]; `limit` bounds the unpacked length.
pub fn owners<'p>(reader: impl Read, paths: &[&'p str], limit: u64) -> Result<BTreeMap<&'p str, BTreeSet<String>>, Error> {
    let mut reader = reader.take(limit.saturating_add(1));
    let needles: Vec<(&str, String)> = paths.iter().flat_map(|path| spellings(path).into_iter().map(|text| (*path, text))).collect();
    let finders: Vec<Finder<'_>> = needles.iter().map(|(_, text)| Finder::new(text)).collect();
    let mut found: BTreeMap<&str, BTreeSet<String>> = paths.iter().map(|path| (*path, BTreeSet::new())).collect();
    let mut buffer = vec![0; PIECE];
    let (mut filled, mut total) = (0, 0u64);
    loop {
        let length = reader.read(&mut buffer[filled..])?;
        filled += length;
        total += length as u64;
        if total > limit {
            return Err(Error::TooLong { limit });
        }
        // Whole lines only; at the end what is left is one.
        let end = match memchr::memrchr(b'\n', &buffer[..filled]) {
            Some(at) => at + 1,
            None if length == 0 => filled,
            None if filled == buffer.len() => return Err(Error::LongLine { limit: PIECE }),
            None => continue,
        };
        let end = if length == 0 { filled } else { end };
        for ((path, spelling), finder) in needles.iter().zip(&finders) {
            for at in finder.find_iter(&buffer[..end]) {
                if let Some(packages) = packages(&buffer[..end], at, spelling.len()) {
                    found.entry(path).or_default().extend(packages);
                }
            }
        }
        if length == 0 {
            return Ok(found);
        }
        buffer.copy_within(end..filled, 0);
        filled -= end;
    }
}

/// The packages of a line, if what was found at `at` is the whole of the line's path.
fn packages(text: &[u8], at: usize, length: usize) -> Option<Vec<String>> {
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
    let before = &text[start..at];
    if !matches!(before, b"" | b"/" | b"./") {
        return None;
    }
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline);
    let rest = std::str::from_utf8(&text[at + length..end]).ok()?;
    // A path may have spaces; the packages are the last word.
    let list = rest.trim();
    if !rest.starts_with([' ', '\t']) || list.contains(char::is_whitespace) {
        return None;
    }
    let names = list.split(',').map(|place| place.rsplit('/').next().unwrap_or(place));
    Some(names.filter(|name| crate::pkg::is_deb_name(name)).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "FILE                     LOCATION\n\
        bin/ls utils/coreutils\n\
        usr/bin/python3\t\t\tpython/python3-minimal\n\
        usr/bin/python3.11  python/python3.11-minimal\n\
        opt/usr/bin/python3  other/wrong\n\
        usr/share/doc/a b   doc/a,contrib/doc/b\n\
        usr/share/doc/a     doc/c";

    fn find(text: &str, paths: &[&str]) -> String {
        let found = owners(text.as_bytes(), paths, 1 << 20).unwrap();
        let line = |(path, names): (&&str, &BTreeSet<String>)| format!("{path}: {}", names.iter().cloned().collect::<Vec<_>>().join(" "));
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn finds_whole_paths_and_merged_ones() {
        let paths = ["/usr/bin/python3", "/usr/bin/ls", "/bin/ls", "/bin/python3", "/usr/share/doc/a b", "/usr/share/doc/a", "/none"];
        insta::assert_snapshot!(find(TEXT, &paths), @r"
        /bin/ls: coreutils
        /bin/python3: python3-minimal
        /none: 
        /usr/bin/ls: coreutils
        /usr/bin/python3: python3-minimal
        /usr/share/doc/a: c
        /usr/share/doc/a b: a b
        ");
    }

    #[test]
    fn pieces_make_no_difference() {
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let length = self.0.len().min(3).min(buffer.len());
                buffer[..length].copy_from_slice(&self.0[..length]);
                self.0 = &self.0[length..];
                Ok(length)
            }
        }
        let paths = ["/usr/bin/python3", "/usr/share/doc/a"];
        assert_eq!(owners(Slow(TEXT.as_bytes()), &paths, 1 << 20).unwrap(), owners(TEXT.as_bytes(), &paths, 1 << 20).unwrap());
    }

    #[test]
    fn refuses_bombs() {
        assert!(matches!(owners(TEXT.as_bytes(), &["/x"], 50), Err(Error::TooLong { limit: 50 })));
        let long = vec![b'a'; PIECE + 1];
        assert!(matches!(owners(&long[..], &["/x"], 1 << 30), Err(Error::LongLine { .. })));
    }
}
