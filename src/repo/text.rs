//! The text of a verified index or file list: proven each time it is read, an index unpacked once and kept unpacked.
//!
//! Takes a file of the cache, of which nothing is believed, and the digest that a [`Vouched`](super::Vouched) gives; gives a
//! reader whose text may be used once [`VerifiedText::finish`] was content. A `Release` vouches for an index in its unpacked
//! form too. The first reading of a compressed index stores its text under that digest, in place of the compressed file:
//! unpacking takes twice as long as reading and parsing together. Where the `Release` says nothing of the unpacked form, the
//! compressed file stays, and is hashed while it is unpacked.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::Digest as _;

use super::Error;
use super::cache::{Cache, Draft};
use super::deb::IndexFile;
use super::derived::Derived;
use crate::index::packages::{Index, Limits};
use crate::index::{Checks, Compression};
use crate::pkg::Sha256;

/// Beyond this an unpacked index is taken for a bomb, where the `Release` does not tell its size.
const UNPACKED_LIMIT: u64 = 2 << 30;

/// A text being read. What was read is trusted once [`VerifiedText::finish`] was content.
pub struct VerifiedText<'a> {
    cache: &'a Cache,
    /// The file that is read, and its digest.
    path: PathBuf,
    sha256: Sha256,
    input: Box<dyn Read + Send>,
    proof: Proof,
    copy: Option<Copy>,
}

/// What shows that the text is the right one.
enum Proof {
    /// The digest that the text must have, and that of what was read.
    Text(Sha256, sha2::Sha256),
    /// The digest of the compressed file as far as it was read, and the file itself, to read its end.
    Packed(Arc<Mutex<sha2::Sha256>>, File),
}

/// Where the text goes while it is unpacked.
struct Copy {
    draft: Draft,
    failed: Option<io::Error>,
}

/// A file that is hashed while it is read.
struct Tap {
    file: File,
    hash: Arc<Mutex<sha2::Sha256>>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.hash.lock().expect("no thread panics while it hashes").update(&buffer[..length]);
        Ok(length)
    }
}

impl IndexFile {
    /// What identifies the text, in whatever form it lies in the cache.
    pub fn identity(&self) -> Sha256 {
        self.plain().map_or(self.sha256, |plain| plain.sha256)
    }

    /// The tables of the text: kept ones if there are any, else read and parsed, and kept.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the file in the cache is not the verified one, [`Error::Unpacked`] if its text is not what the
    /// `Release` says, and [`Error::Index`] if the text cannot be read.
    pub fn read(&self, cache: &Cache) -> Result<Index, Error> {
        let name = self.identity().to_hex();
        let kept = cache.derived(Derived::Index, &name);
        if let Some(index) = kept.and_then(|bytes| Index::from_bytes(&bytes).ok()) {
            return Ok(index);
        }
        let mut text = self.open(cache)?;
        let limits = Limits { bytes: self.plain().map_or(UNPACKED_LIMIT, |plain| plain.size), ..Limits::default() };
        match Index::parse(&mut text, &limits) {
            Ok(index) => {
                text.finish()?;
                // A cache that cannot be written costs time, nothing else.
                let _unused = cache.keep_derived(Derived::Index, &name, &index.to_bytes());
                Ok(index)
            }
            Err(source) => {
                text.prove()?;
                Err(Error::Index { repo: self.repo.clone(), suite: self.suite.clone(), source })
            }
        }
    }

    /// Opens the text.
    pub fn open<'a>(&self, cache: &'a Cache) -> Result<VerifiedText<'a>, Error> {
        let unpacked = || cache.index(self.plain()?.sha256, Compression::None, self.plain()?.size);
        if let Some(path) = unpacked() {
            return VerifiedText::plain(cache, path, self.identity());
        }
        if self.compression == Compression::None {
            return VerifiedText::plain(cache, self.path.clone(), self.identity());
        }
        let io = |source| Error::Io { action: "open", path: self.path.clone(), source };
        let file = match File::open(&self.path) {
            // A run beside this one has unpacked it just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match unpacked() {
                Some(path) => return VerifiedText::plain(cache, path, self.identity()),
                None => return Err(io(error)),
            },
            other => other.map_err(io)?,
        };
        let Some(plain) = self.plain() else {
            return VerifiedText::packed(cache, self.path.clone(), file, self.compression, self.sha256);
        };
        let input = self.compression.decode(file, Checks::Skip).map_err(io)?;
        let copy = Some(Copy { draft: cache.draft()?, failed: None });
        let proof = Proof::Text(plain.sha256, sha2::Sha256::new());
        Ok(VerifiedText { cache, path: self.path.clone(), sha256: self.sha256, input, proof, copy })
    }
}

impl Read for VerifiedText<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        let text = &buffer[..length];
        if let Proof::Text(_, hash) = &mut self.proof {
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

impl<'a> VerifiedText<'a> {
    /// A file that holds the text itself.
    fn plain(cache: &'a Cache, path: PathBuf, sha256: Sha256) -> Result<Self, Error> {
        let input = Box::new(File::open(&path).map_err(|source| Error::Io { action: "open", path: path.clone(), source })?);
        Ok(Self { cache, path, sha256, input, proof: Proof::Text(sha256, sha2::Sha256::new()), copy: None })
    }

    /// A compressed file of which only its own digest is known, or only that is worth proving.
    pub(super) fn packed(cache: &'a Cache, path: PathBuf, file: File, compression: Compression, sha256: Sha256) -> Result<Self, Error> {
        let io = |source| Error::Io { action: "open", path: path.clone(), source };
        let hash = Arc::new(Mutex::new(sha2::Sha256::new()));
        let end = file.try_clone().map_err(io)?;
        let input = compression.decode(Tap { file, hash: Arc::clone(&hash) }, Checks::Verify).map_err(io)?;
        Ok(Self { cache, path, sha256, input, proof: Proof::Packed(hash, end), copy: None })
    }

    /// The digest of the file that is read, which [`VerifiedText::finish`] compares.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Tells whether what was read, to its end, is what the `Release` vouches for; only then it may be used.
    pub fn finish(self) -> Result<(), Error> {
        match self.proof {
            Proof::Text(expected, ref hash) => {
                let actual = Sha256(hash.clone().finalize().into());
                if actual != expected {
                    // Either the file was damaged, or the archive contradicts itself.
                    self.prove()?;
                    return Err(Error::Unpacked { path: self.path, expected, actual });
                }
            }
            Proof::Packed(hash, mut end) => {
                let mut hash = hash.lock().expect("no thread panics while it hashes").clone();
                hash_rest(&mut end, &mut hash).map_err(|source| Error::Io { action: "read", path: self.path.clone(), source })?;
                return judge(&self.path, Sha256(hash.finalize().into()), self.sha256);
            }
        }
        let Some(Copy { draft, failed }) = self.copy else { return Ok(()) };
        if let Some(source) = failed {
            return Err(Error::Io { action: "unpack", path: self.path, source });
        }
        if let Proof::Text(expected, _) = self.proof {
            self.cache.keep_text(draft, expected)?;
        }
        remove(&self.path)
    }

    /// Proves the file in the cache once more, for one who could not read it; a damaged one is removed.
    pub fn prove(&self) -> Result<(), Error> {
        let io = |action| move |source| Error::Io { action, path: self.path.clone(), source };
        let mut hash = sha2::Sha256::new();
        let mut file = File::open(&self.path).map_err(io("open"))?;
        hash_rest(&mut file, &mut hash).map_err(io("read"))?;
        judge(&self.path, Sha256(hash.finalize().into()), self.sha256)
    }
}

fn hash_rest(file: &mut File, hash: &mut sha2::Sha256) -> io::Result<()> {
    let mut block = vec![0; 256 << 10];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            length => hash.update(&block[..length]),
        }
    }
}

/// Removes a file that is not what its name says.
fn judge(path: &Path, actual: Sha256, expected: Sha256) -> Result<(), Error> {
    if actual == expected {
        return Ok(());
    }
    remove(path)?;
    Err(Error::Damaged { path: path.to_owned() })
}

/// Removes a file of the cache, which a run beside this one may have removed first.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io { action: "remove", path: path.to_owned(), source }),
        _ => Ok(()),
    }
}
