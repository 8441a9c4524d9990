//! Downloads that are only good with the right size and digest.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};

use reqwest::Url;
use sha2::Digest as _;

use super::address::shown;
use super::transport::{Answer, Client, Limit, Sink, Validators};
use super::{Error, ErrorKind, Warning};
use crate::pkg::Sha256;

/// A file that came and is what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it came from, fit for a message.
    pub url: String,
    /// What was wrong with the addresses tried before.
    pub warnings: Vec<Warning>,
}

/// Gets a package file into `out` from the first of `sources` that has it with this size and digest.
///
/// A source with other contents is reported as a warning when a later one is good; it is never accepted. `out` is
/// emptied first and again whenever a transfer starts anew; after an error its contents mean nothing. Servers that were too
/// slow lately come last. When all fail, wrong contents weigh more than an unreachable server, and that more than a missing
/// file.
pub fn fetch_package(client: &Client, sources: &[Url], size: u64, sha256: Sha256, out: &mut dyn HashedSink) -> Result<Fetched, Error> {
    let mut failures = Vec::new();
    let mut ordered: Vec<&Url> = sources.iter().collect();
    ordered.sort_by_cached_key(|url| client.is_slow(url));
    for url in ordered {
        match fetch_verified(client, url, size, sha256, out) {
            Ok(()) => return Ok(Fetched { url: shown(url), warnings: failures.iter().map(Warning::skipped).collect() }),
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            Err(error) => failures.push(error),
        }
    }
    let name = sources.first().and_then(|url| url.path_segments()?.next_back()).unwrap_or_default();
    Err(Error::gather(name, failures))
}

/// Gets one URL into `out` and checks size and digest.
pub(super) fn fetch_verified(client: &Client, url: &Url, size: u64, expected: Sha256, mut out: &mut dyn HashedSink) -> Result<(), Error> {
    client.get(url, Limit::Exactly(size), &mut out)?;
    let actual = out.sha256();
    if actual == expected { Ok(()) } else { Err(Error::Digest { url: shown(url), expected, actual, by_release: false }) }
}

/// Gets one URL of unknown contents into `out`; tells what came.
pub(super) fn fetch_unknown(
    client: &Client,
    url: &Url,
    limit: u64,
    validators: &Validators,
    out: &File,
) -> Result<Option<(u64, Sha256, Validators)>, Error> {
    let mut sink = HashedFile::new(out);
    match client.get_if_changed(url, Limit::AtMost(limit), validators, &mut sink)? {
        Answer::Body { size, validators } => Ok(Some((size, sink.sha256(), validators))),
        Answer::NotModified => Ok(None),
    }
}

/// Where a package file goes: a sink that knows the digest of what it took.
pub trait HashedSink: Sink {
    /// The digest of everything taken since the last start.
    fn sha256(&self) -> Sha256;
}

/// A file with the digest of what was written to it.
#[derive(Debug)]
pub struct HashedFile<'a> {
    file: &'a File,
    hash: sha2::Sha256,
}

impl<'a> HashedFile<'a> {
    /// Writes to `file`, from its beginning.
    pub fn new(file: &'a File) -> Self {
        Self { file, hash: sha2::Sha256::new() }
    }
}

impl HashedSink for HashedFile<'_> {
    fn sha256(&self) -> Sha256 {
        Sha256(self.hash.clone().finalize().into())
    }
}

impl Sink for HashedFile<'_> {
    fn restart(&mut self) -> io::Result<()> {
        self.hash = sha2::Sha256::new();
        self.file.set_len(0)?;
        self.file.rewind()
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }
}
