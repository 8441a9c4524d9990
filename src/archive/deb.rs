//! The outer archive of a Debian package, per deb(5).

use super::compression::Bounded;
use super::tar::Members;
use super::{Control, Entry, Error, Kind, Limits};
use std::io::{self, Read};

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;

/// The largest user and group id. What runs maintainer scripts without being root has this many, and no package of Debian
/// has a larger one; 65535 itself is dpkg's and the kernel's, too.
const MAX_OWNER: u32 = 65_535;

/// A Debian package being read from front to back.
pub struct Deb<R: Read> {
    control: Control,
    /// `None` once the payload was read to its end.
    payload: Option<Members<R>>,
    limits: Limits,
    entries: usize,
    path_bytes: usize,
    /// Whether a byte of padding follows the payload.
    padded: bool,
}

impl<R: Read> std::fmt::Debug for Deb<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deb").field("package", &self.control.package).field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl<R: Read> Deb<R> {
    /// Reads the control part and stops before the payload.
    ///
    /// # Errors
    /// When the medium fails or the package is not as deb(5) says.
    pub fn open(reader: R) -> Result<Self, Error> {
        Self::open_with(reader, Limits::default())
    }

    /// As [`Self::open`], with other limits.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(mut reader: R, limits: Limits) -> Result<Self, Error> {
        let mut magic = [0; 8];
        read_exact(&mut reader, &mut magic, "package")?;
        if magic != *MAGIC {
            return Err(Error::format("package", "is no ar archive"));
        }
        read_version(&mut reader)?;

        let (name, size) = next_part(&mut reader, "control.tar")?;
        // dpkg takes no others here.
        if !matches!(name.as_str(), "control.tar" | "control.tar.gz" | "control.tar.xz" | "control.tar.zst") {
            return Err(Error::UnknownCompression { part: name });
        }
        let member = (&mut reader).take(size);
        let mut members = Members::new(Bounded::new(name, member, limits.control_size, &limits)?);
        let control = Control::read(&mut members, &limits)?;
        members.finish()?;
        skip_padding(&mut reader, size)?;

        let (name, size) = next_part(&mut reader, "data.tar")?;
        let most = limits.payload_floor.max(size.saturating_mul(limits.payload_ratio)).min(limits.payload_size);
        let payload = Members::new(Bounded::new(name, reader.take(size), most, &limits)?);
        Ok(Self { control, payload: Some(payload), limits, entries: 0, path_bytes: 0, padded: size % 2 == 1 })
    }

    /// What the package may have.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The control part.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The next member of the payload; content of the one before that was not read is passed over.
    ///
    /// `None` comes only after everything in the file was read and found well-formed.
    ///
    /// # Errors
    /// When the medium fails or the package is not as it should be.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        let Some(payload) = &mut self.payload else { return Ok(None) };
        let Some(entry) = payload.next()? else {
            if let Some(payload) = self.payload.take() {
                trailing(&mut payload.finish()?.into_inner(), self.padded)?;
            }
            return Ok(None);
        };
        self.entries += 1;
        self.path_bytes += entry.path.len();
        if let Kind::Symlink { target } | Kind::Hardlink { target } = &entry.kind {
            self.path_bytes += target.len();
        }
        if let Some(id) = [entry.metadata.uid, entry.metadata.gid].into_iter().find(|id| *id > MAX_OWNER) {
            return Err(Error::member(entry.path.as_bytes(), super::Problem::Owner(id)));
        }
        let too_large = |limit: usize, unit| Error::TooLarge { part: "data.tar".into(), limit: limit as u64, unit };
        if self.entries > self.limits.entries {
            return Err(too_large(self.limits.entries, "members"));
        }
        if self.path_bytes > self.limits.path_bytes {
            return Err(too_large(self.limits.path_bytes, "bytes of names"));
        }
        Ok(Some(entry))
    }

    /// Some of the content of the file that [`Self::next_entry`] gave last; empty at its end.
    ///
    /// # Errors
    /// When the medium fails or the content is cut short or corrupt.
    pub fn chunk(&mut self) -> Result<&[u8], Error> {
        self.payload.as_mut().map_or(Ok(&[]), Members::chunk)
    }

    /// Passes over `length` of the bytes that [`Self::chunk`] gave.
    pub fn consume(&mut self, length: usize) {
        if let Some(payload) = &mut self.payload {
            payload.consume(length);
        }
    }

    /// Appends the whole content of the current file to `buffer`.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub fn read_content(&mut self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let chunk = self.chunk()?;
            let length = chunk.len();
            if length == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(chunk);
            self.consume(length);
        }
    }
}

/// Checks `debian-binary`: any minor version of format 2, further lines ignored.
fn read_version<R: Read>(reader: &mut R) -> Result<(), Error> {
    let (name, size) = read_header(reader)?;
    if name != "debian-binary" {
        return Err(Error::UnexpectedPart { name, expected: "`debian-binary`" });
    }
    if size > 4096 {
        return Err(Error::TooLarge { part: name, limit: 4096, unit: "bytes" });
    }
    let mut text = vec![0; size as usize];
    read_exact(reader, &mut text, "debian-binary")?;
    skip_padding(reader, size)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let minor = line.strip_prefix(b"2.").unwrap_or_default();
    if text.contains(&b'\n') && !minor.is_empty() && minor.iter().all(u8::is_ascii_digit) {
        Ok(())
    } else {
        Err(Error::format("debian-binary", "is no format version 2"))
    }
}

/// The next member that is not to be ignored; it must be `stem`, with any suffix after a dot.
fn next_part<R: Read>(reader: &mut R, stem: &'static str) -> Result<(String, u64), Error> {
    loop {
        let (name, size) = read_header(reader)?;
        if name.starts_with('_') {
            let skipped = io::copy(&mut reader.by_ref().take(size), &mut io::sink()).map_err(|error| Error::from_io(&name, error))?;
            if skipped < size {
                return Err(Error::Truncated { part: name });
            }
            skip_padding(reader, size)?;
            continue;
        }
        if name.strip_prefix(stem).is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('.')) {
            return Ok((name, size));
        }
        let expected = if stem == "control.tar" { "`control.tar`" } else { "`data.tar`" };
        return Err(Error::UnexpectedPart { name, expected });
    }
}

/// Reads what follows the payload: members for future versions of the format, which deb(5) says to ignore, and signatures.
/// A second member of the three that count is refused, since other readers may take it for the first.
fn trailing<R: Read>(reader: &mut R, mut padded: bool) -> Result<(), Error> {
    const PART: &str = "package";
    loop {
        let mut start = [0; 1];
        if padded && read_some(reader, &mut start)? == 0 {
            return Ok(());
        }
        let mut header = [0; HEADER];
        match read_some(reader, &mut header)? {
            0 => return Ok(()),
            HEADER => {}
            _ => return Err(Error::format(PART, "something follows its last member")),
        }
        let (name, size) = parse_header(&header)?;
        if ["debian-binary", "control.tar", "data.tar"].iter().any(|part| name.starts_with(part)) {
            return Err(Error::UnexpectedPart { name, expected: "nothing that counts" });
        }
        let skipped = io::copy(&mut reader.by_ref().take(size), &mut io::sink()).map_err(|error| Error::from_io(&name, error))?;
        if skipped < size {
            return Err(Error::Truncated { part: name });
        }
        padded = size % 2 == 1;
    }
}

/// Fills as much of `buffer` as there are bytes.
fn read_some<R: Read>(reader: &mut R, buffer: &mut [u8]) -> Result<usize, Error> {
    let length = buffer.len() as u64;
    io::copy(&mut reader.by_ref().take(length), &mut &mut *buffer)
        .map(|read| usize::try_from(read).unwrap_or_default())
        .map_err(|error| Error::from_io("package", error))
}

/// Reads one member header. Crate `ar` does it, but never sees the long-name forms, which deb(5) rules out and for
/// which it would allocate whatever they claim.
fn read_header<R: Read>(reader: &mut R) -> Result<(String, u64), Error> {
    let mut header = [0; HEADER];
    read_exact(reader, &mut header, "package")?;
    parse_header(&header)
}

fn parse_header(header: &[u8; HEADER]) -> Result<(String, u64), Error> {
    const PART: &str = "package";
    let mut bytes = [0; 8 + HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..].copy_from_slice(header);
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.+".contains(b);
    if !plain(&header[0]) || !header.ends_with(b"`\n") {
        return Err(Error::format(PART, "has a broken ar member header"));
    }
    let broken = || Error::format(PART, "has an ar member header that cannot be read");
    let mut archive = ar::Archive::new(&bytes[..]);
    let entry = archive.next_entry().and_then(Result::ok).ok_or_else(broken)?;
    let name = entry.header().identifier();
    if !name.iter().all(plain) {
        return Err(broken());
    }
    Ok((String::from_utf8_lossy(name).into_owned(), entry.header().size()))
}

fn read_exact<R: Read>(reader: &mut R, buffer: &mut [u8], part: &str) -> Result<(), Error> {
    reader.read_exact(buffer).map_err(|error| Error::from_io(part, error))
}

/// Members start at even offsets.
fn skip_padding<R: Read>(reader: &mut R, size: u64) -> Result<(), Error> {
    if size % 2 == 1 { read_exact(reader, &mut [0], "package") } else { Ok(()) }
}
