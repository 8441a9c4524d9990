//! A package file before it is trusted: in memory or without a name, and hashed as it comes.

use super::{Arguments, Error, package};
use crate::pkg::Sha256;
use crate::store::Repo;
use sha2::Digest as _;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::path::Path;

/// Files up to this size stay in memory: nine packages of ten, for which a file would only cost system calls.
const IN_MEMORY: u64 = 4 << 20;

/// A package file that is on its way; write its bytes here.
///
/// More bytes than the package has are refused at once, whatever a server sends.
#[derive(Debug)]
pub struct Download {
    content: Content,
    hasher: sha2::Sha256,
    size: u64,
    expected: u64,
}

#[derive(Debug)]
enum Content {
    Memory(Vec<u8>),
    File(File),
}

impl Download {
    pub(super) fn new(repo: &Repo, expected: u64) -> Result<Self, Error> {
        let content = if expected <= IN_MEMORY {
            Content::Memory(Vec::with_capacity(usize::try_from(expected).unwrap_or(0)))
        } else {
            Content::File(repo.temporary_file()?)
        };
        Ok(Self { content, hasher: sha2::Sha256::new(), size: 0, expected })
    }

    /// Forgets everything written so far.
    ///
    /// # Errors
    /// When the file cannot be truncated.
    pub fn restart(&mut self) -> io::Result<()> {
        if self.size > 0 {
            match &mut self.content {
                Content::Memory(bytes) => bytes.clear(),
                Content::File(file) => {
                    file.rewind()?;
                    file.set_len(0)?;
                }
            }
            self.hasher.reset();
            self.size = 0;
        }
        Ok(())
    }

    /// How many bytes were written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest of what was written.
    pub fn sha256(&self) -> Sha256 {
        Sha256(self.hasher.clone().finalize().into())
    }

    pub(super) fn verify(&self, arguments: &Arguments) -> Result<(), Error> {
        if self.size != self.expected {
            return Err(Error::Size { package: package(arguments), found: self.size, pinned: self.expected });
        }
        let found = self.sha256();
        if found != arguments.sha256 {
            return Err(Error::Digest { package: package(arguments), found, pinned: arguments.sha256 });
        }
        Ok(())
    }

    /// Takes a kept file, if it is there and right. One that is wrong or cannot be read is no reason to fail: the
    /// package is fetched, and kept in its place.
    pub(super) fn copy_kept(&mut self, path: &Path, sha256: &Sha256) -> bool {
        let copied = File::open(path).and_then(|file| io::copy(&mut file.take(self.expected), self));
        copied.is_ok() && self.size == self.expected && self.sha256() == *sha256
    }

    /// Writes the file to `path`, in one step.
    pub(super) fn keep(&mut self, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match &mut self.content {
            Content::Memory(bytes) => crate::util::fs::write_atomic(path, bytes),
            Content::File(file) => {
                file.rewind()?;
                let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
                let written = crate::util::place::create(&temporary)
                    .and_then(|mut to| io::copy(file, &mut to))
                    .and_then(|_| std::fs::rename(&temporary, path));
                if written.is_err() {
                    // Best effort: the first error is the one to report.
                    let _unused = std::fs::remove_file(&temporary);
                }
                written
            }
        }
    }

    /// Hands the bytes to `read`, from the first.
    pub(super) fn with_reader<T>(&mut self, read: impl FnOnce(&mut dyn Read) -> Result<T, Error>) -> Result<T, Error> {
        match &mut self.content {
            Content::Memory(bytes) => read(&mut &bytes[..]),
            Content::File(file) => {
                file.rewind().map_err(Error::io("read", Path::new("unnamed file")))?;
                read(file)
            }
        }
    }
}

impl crate::repo::Sink for Download {
    fn restart(&mut self) -> io::Result<()> {
        Self::restart(self)
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

impl crate::repo::HashedSink for Download {
    fn sha256(&self) -> Sha256 {
        Self::sha256(self)
    }
}

impl Write for Download {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.expected - self.size {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {} bytes came", self.expected)));
        }
        self.hasher.update(bytes);
        match &mut self.content {
            Content::Memory(content) => content.extend_from_slice(bytes),
            Content::File(file) => file.write_all(bytes)?,
        }
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
