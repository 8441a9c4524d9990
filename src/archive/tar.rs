//! The members of one tar archive: v7, ustar, GNU long names and PAX records.
//!
//! Headers are read by crate `tar`; the walk over them is our own, because that crate's splits PAX records at line
//! feeds (a capability's bytes may have one), allocates whatever a long name claims and takes a cut-off end for a whole one.

use super::compression::Bounded;
use super::entry::{Entry, Kind, Metadata, Xattr};
use super::{Error, Problem, error, path};
use std::io::Read;

const BLOCK: usize = 512;
/// Extension headers longer than this are refused: names end at 4 KiB, attributes of files at 64 KiB each.
const MAX_EXTENSION: u64 = 1 << 20;
/// Extended attributes of one member, in bytes. Objects keep them in one attribute of their own, for which ext4 has a block
/// of 4 KiB; a capability has 20 bytes, a signature 520.
const MAX_ATTRIBUTES: usize = 3 << 10;
/// What the octal fields of a header can say; only above does an honest writer need a PAX record.
const OCTAL_SIZE: u64 = 0o777_7777_7777;
const OCTAL_ID: u32 = 0o777_7777;

/// The members of a decoded tar archive, one after the other.
pub(super) struct Members<R: Read> {
    input: Bounded<R>,
    /// Bytes of the current member's content not yet read.
    content: u64,
    /// Bytes from there to the next header.
    padding: u64,
}

/// What GNU and PAX extension headers say about the member after them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    xattrs: Vec<Xattr>,
}

impl<R: Read> Members<R> {
    pub(super) fn new(input: Bounded<R>) -> Self {
        Self { input, content: 0, padding: 0 }
    }

    /// The next member; what is left of the content of the one before is passed over.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut extension = Extension::default();
        // Of each kind one at most: two mean different things to different readers, and their number has no end.
        let mut extended: Vec<u8> = Vec::new();
        loop {
            self.skip()?;
            let mut block = [0; BLOCK];
            match self.input.fill(&mut block)? {
                // An archive without the empty blocks at its end is whole for dpkg too.
                0 if !extended.is_empty() => return Err(self.truncated()),
                0 => return Ok(None),
                BLOCK => {}
                _ => return Err(self.truncated()),
            }
            if block == [0; BLOCK] {
                if !extended.is_empty() {
                    return Err(self.format("ends after an extension header"));
                }
                return self.end().map(|()| None);
            }
            let header = tar::Header::from_byte_slice(&block);
            if !checksum_is_right(header) {
                return Err(self.format("a member header has a wrong checksum"));
            }
            let size = header.entry_size().map_err(|_| self.format("a member header has no usable size"))?;
            let flag = header.entry_type().as_byte();
            if !matches!(flag, b'L' | b'K' | b'x') {
                return self.member(header, flag, size, extension).map(Some);
            }
            if extended.contains(&flag) {
                return Err(self.format("two extension headers of one kind belong to one member"));
            }
            extended.push(flag);
            let content = self.extension(size)?;
            match flag {
                b'L' => extension.name = Some(until_nul(content)),
                b'K' => extension.link = Some(until_nul(content)),
                _ => extension.read_pax(&content).map_err(|reason| self.format(reason))?,
            }
        }
    }

    fn member(&mut self, header: &tar::Header, flag: u8, size: u64, extension: Extension) -> Result<Entry, Error> {
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extension.link.or_else(|| header.link_name_bytes().map(|link| link.into_owned())).unwrap_or_default();
        let fail = |problem| Error::member(&name, problem);
        let size = match extension.size {
            Some(other) if other != size && other <= OCTAL_SIZE => return Err(fail(Problem::Contradiction("size"))),
            Some(other) => other,
            None => size,
        };
        let path = path::normalise(&name)?;
        let kind = match flag {
            // Before POSIX a directory was a file whose name ends with a slash.
            0 | b'0' | b'7' if name.ends_with(b"/") => Kind::Dir,
            0 | b'0' | b'7' => Kind::File { size },
            b'5' => Kind::Dir,
            b'2' => Kind::Symlink { target: path::target(&name, &link)? },
            b'1' if link.is_empty() => return Err(fail(Problem::NoTarget)),
            b'1' => Kind::Hardlink { target: path::normalise(&link).map_err(|_| fail(Problem::LinkTarget(error::shown(&link))))? },
            b'3' | b'4' => return Err(fail(Problem::Device)),
            b'6' => return Err(fail(Problem::Fifo)),
            other => return Err(fail(Problem::UnknownType(other))),
        };
        if path.is_empty() && kind != Kind::Dir {
            return Err(fail(Problem::Empty));
        }
        if let Kind::File { .. } = kind {
            self.expect(size);
        } else if size != 0 {
            return Err(fail(Problem::Content));
        }
        let id = |record: Option<u32>, read: std::io::Result<u64>, what| {
            let field: Option<u32> = read.ok().and_then(|id| id.try_into().ok());
            match record {
                Some(record) if record <= OCTAL_ID && field.is_some_and(|field| field != record) => Err(fail(Problem::Contradiction(what))),
                record => record.or(field).ok_or_else(|| fail(Problem::Number(what))),
            }
        };
        let xattrs = sorted(extension.xattrs);
        if xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_ATTRIBUTES {
            return Err(fail(Problem::Attributes));
        }
        let metadata = Metadata {
            mode: header.mode().map_err(|_| fail(Problem::Number("mode")))? & 0o7777,
            uid: id(extension.uid, header.uid(), "user id")?,
            gid: id(extension.gid, header.gid(), "group id")?,
            xattrs,
        };
        Ok(Entry { path, kind, metadata })
    }

    /// Some of the current member's content; empty once all of it was consumed.
    pub(super) fn chunk(&mut self) -> Result<&[u8], Error> {
        if self.content == 0 {
            return Ok(&[]);
        }
        let content = self.content;
        if self.input.chunk()?.is_empty() {
            return Err(self.truncated());
        }
        let chunk = self.input.chunk()?;
        Ok(&chunk[..chunk.len().min(usize::try_from(content).unwrap_or(usize::MAX))])
    }

    /// Passes over bytes that [`Self::chunk`] gave.
    pub(super) fn consume(&mut self, length: usize) {
        self.content -= length as u64;
        self.input.consume(length);
    }

    fn expect(&mut self, size: u64) {
        self.content = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip(&mut self) -> Result<(), Error> {
        loop {
            let length = self.chunk()?.len();
            if length == 0 {
                break;
            }
            self.consume(length);
        }
        self.content = std::mem::take(&mut self.padding);
        while self.content > 0 {
            let length = self.chunk()?.len();
            self.consume(length);
        }
        Ok(())
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        if size > MAX_EXTENSION {
            return Err(self.format("an extension header is too long"));
        }
        self.expect(size);
        let mut content = vec![0; size as usize];
        let mut filled = 0;
        while filled < content.len() {
            let chunk = self.chunk()?;
            let length = chunk.len();
            content[filled..filled + length].copy_from_slice(chunk);
            filled += length;
            self.consume(length);
        }
        Ok(content)
    }

    /// After the first empty block only zeros may come, as tar pads to its record size.
    fn end(&mut self) -> Result<(), Error> {
        loop {
            let chunk = self.input.chunk()?;
            let length = chunk.len();
            if length == 0 {
                return Ok(());
            }
            if chunk.iter().any(|byte| *byte != 0) {
                return Err(self.format("something follows the end of the tar archive"));
            }
            self.input.consume(length);
        }
    }

    pub(super) fn finish(self) -> Result<std::io::Take<R>, Error> {
        self.input.finish()
    }

    fn truncated(&self) -> Error {
        Error::Truncated { part: self.input.part().to_owned() }
    }

    fn format(&self, reason: &'static str) -> Error {
        Error::format(self.input.part(), reason)
    }
}

impl Extension {
    /// Reads PAX records `LENGTH KEY=VALUE\n`; those about times and names of owners are of no interest.
    fn read_pax(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        const BROKEN: &str = "a PAX record is broken";
        while !records.is_empty() {
            let space = memchr::memchr(b' ', records).ok_or(BROKEN)?;
            let length = decimal(&records[..space]).and_then(|length| usize::try_from(length).ok()).ok_or(BROKEN)?;
            let record = records.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or(BROKEN)?;
            let equals = memchr::memchr(b'=', record).ok_or(BROKEN)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            let number = || decimal(value).ok_or("a PAX record has no usable number");
            let id = || number()?.try_into().map_err(|_| "a PAX record has no usable owner");
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number()?),
                b"uid" => self.uid = Some(id()?),
                b"gid" => self.gid = Some(id()?),
                _ if key.starts_with(b"GNU.sparse.") => return Err("a sparse file, which packages do not use"),
                _ => {
                    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                        if name.is_empty() || name.len() > 255 || name.contains(&0) {
                            return Err("an extended attribute has no usable name");
                        }
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
            records = &records[length..];
        }
        Ok(())
    }
}

fn sorted(mut xattrs: Vec<Xattr>) -> Vec<Xattr> {
    // Of records with one key the last holds, as POSIX says of PAX records.
    xattrs.reverse();
    xattrs.sort_by(|a, b| a.0.cmp(&b.0));
    xattrs.dedup_by(|a, b| a.0 == b.0);
    xattrs
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(memchr::memchr(0, &bytes).unwrap_or(bytes.len()));
    bytes
}

fn checksum_is_right(header: &tar::Header) -> bool {
    let bytes = header.as_bytes();
    let sum: u32 = bytes.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
    header.cksum().is_ok_and(|claimed| claimed == sum)
}
