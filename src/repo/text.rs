//! The text of a verified index: unpacked once, kept unpacked, and proven each time it is read.
//!
//! A `Release` vouches for an index in its unpacked form too. The first reading of a compressed index stores its text
//! under that digest, in place of the compressed file: unpacking takes twice as long as reading and parsing together.
//! Where the `Release` says nothing of the unpacked form, the compressed file stays.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::Error;
use super::cache::{Cache, Draft};
use super::deb::IndexFile;
use crate::index::{Checks, Compression};
use crate::pkg::Sha256;

/// An index being read. What was read is trusted once [`IndexText::finish`] was content.
pub struct IndexText<'a> {
    cache: &'a Cache,
    /// The file that is read, and its digest.
    path: PathBuf,
    sha256: Sha256,
    input: Box<dyn Read + Send>,
    /// The digest that the text must have, and that of what was read; `None` where only the compressed form is known.
    proof: Option<(Sha256, sha2::Sha256)>,
    copy: Option<Copy>,
}

/// Where the text goes while it is unpacked.
struct Copy {
    draft: Draft,
    failed: Option<io::Error>,
}

impl IndexFile {
    /// What identifies the text, in whatever form it lies in the cache.
    pub fn identity(&self) -> Sha256 {
        self.plain.map_or(self.sha256, |plain| plain.sha256)
    }

    /// Opens the text.
    pub fn open<'a>(&self, cache: &'a Cache) -> Result<IndexText<'a>, Error> {
        let unpacked = || cache.index(self.plain?.sha256, Compression::None, self.plain?.size);
        if let Some(path) = unpacked() {
            return self.open_plain(cache, path);
        }
        if self.compression == Compression::None {
            return self.open_plain(cache, self.path.clone());
        }
        let io = |source| Error::Io { action: "open", path: self.path.clone(), source };
        let file = match File::open(&self.path) {
            // A run beside this one has unpacked it just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match unpacked() {
                Some(path) => return self.open_plain(cache, path),
                None => return Err(io(error)),
            },
            other => other.map_err(io)?,
        };
        let checks = if self.plain.is_some() { Checks::Skip } else { Checks::Verify };
        let input = self.compression.decode(file, checks).map_err(io)?;
        let copy = self.plain.map(|_| cache.draft().map(|draft| Copy { draft, failed: None })).transpose()?;
        let proof = self.plain.map(|plain| (plain.sha256, sha2::Sha256::new()));
        Ok(IndexText { cache, path: self.path.clone(), sha256: self.sha256, input, proof, copy })
    }

    fn open_plain<'a>(&self, cache: &'a Cache, path: PathBuf) -> Result<IndexText<'a>, Error> {
        let input = Box::new(File::open(&path).map_err(|source| Error::Io { action: "open", path: path.clone(), source })?);
        let sha256 = self.identity();
        Ok(IndexText { cache, path, sha256, input, proof: Some((sha256, sha2::Sha256::new())), copy: None })
    }
}

impl Read for IndexText<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        let text = &buffer[..length];
        if let Some((_, hash)) = &mut self.proof {
            hash.update(text);
        }
        if let Some(copy) = &mut self.copy
            && copy.failed.is_none()
        {
            copy.failed = copy.draft.file.write_all(text).err();
        }
        Ok(length)
    }
}

impl IndexText<'_> {
    /// Tells whether what was read, to its end, is what the `Release` vouches for; only then it may be used.
    pub fn finish(mut self) -> Result<(), Error> {
        let Some((expected, hash)) = self.proof.take() else { return Ok(()) };
        let actual = Sha256(hash.finalize().into());
        if actual != expected {
            // Either the file was damaged, or the archive contradicts itself.
            self.prove()?;
            return Err(Error::Unpacked { path: self.path, expected, actual });
        }
        let Some(Copy { draft, failed }) = self.copy else { return Ok(()) };
        if let Some(source) = failed {
            return Err(Error::Io { action: "unpack", path: self.path, source });
        }
        self.cache.keep_text(draft, expected)?;
        remove(&self.path)
    }

    /// Proves the file in the cache once more, for one who could not read it; a damaged one is removed.
    pub fn prove(&self) -> Result<(), Error> {
        let io = |action| move |source| Error::Io { action, path: self.path.clone(), source };
        let mut hash = sha2::Sha256::new();
        let mut file = File::open(&self.path).map_err(io("open"))?;
        let mut block = vec![0; 256 << 10];
        loop {
            match file.read(&mut block).map_err(io("read"))? {
                0 => break,
                length => hash.update(&block[..length]),
            }
        }
        if Sha256(hash.finalize().into()) == self.sha256 {
            return Ok(());
        }
        remove(&self.path)?;
        Err(Error::Damaged { path: self.path.clone() })
    }
}

/// Removes a file of the cache, which a run beside this one may have removed first.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io { action: "remove", path: path.to_owned(), source }),
        _ => Ok(()),
    }
}
