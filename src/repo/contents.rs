//! A Debian suite's lists of files by path (`Contents-ARCH`), verified.
//!
//! They are large and seldom needed, so [`update`](super::update) leaves them alone; who is asked for a path brings them
//! with [`Contents::open`]. Current Debian has them per component, Ubuntu and older releases per suite.

use std::fs::File;
use std::path::PathBuf;

use super::address::join;
use super::cache::Cache;
use super::deb::Source;
use super::download::{HashedFile, fetch_verified};
use super::text::VerifiedText;
use super::transport::Client;
use super::vouch::Vouched;
use super::{COMPRESSIONS, Error, ErrorKind, suffix};
use crate::index::Compression;
use crate::index::release::ReleaseFile;
use crate::pkg::{Architecture, Sha256};

/// The largest list that is fetched; Debian's largest has 34 MB.
const MAX_CONTENTS: u64 = 1 << 30;

/// One list that a signed `Release` vouches for; not fetched yet.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The manifest's name of the repository.
    pub repo: String,
    /// The suite, as the manifest names it.
    pub suite: String,
    /// How long it will be when unpacked, where the `Release` says so.
    pub uncompressed_size: Option<u64>,
    /// Its path below the suite's directory, without suffix.
    stem: String,
    /// Its forms, the best compression first.
    forms: Vec<(Compression, ReleaseFile)>,
    by_hash: bool,
}

impl Contents {
    /// The lists that a suite has for an architecture, with those of `Architecture: all` packages; often none.
    pub fn of_suite(source: &Source, suite: &str, vouched: &Vouched, architecture: &Architecture) -> Vec<Self> {
        let release = vouched.release();
        let list = |stem: String| {
            let form = |compression| Some((compression, release.file(&format!("{stem}{}", suffix(compression)))?));
            let forms: Vec<(Compression, ReleaseFile)> = COMPRESSIONS.into_iter().filter_map(form).collect();
            (!forms.is_empty()).then(|| Self {
                repo: source.name.clone(),
                suite: suite.to_owned(),
                uncompressed_size: release.file(&stem).map(|plain| plain.size),
                stem,
                forms,
                by_hash: release.acquire_by_hash,
            })
        };
        let names = [format!("Contents-{architecture}"), "Contents-all".to_owned()];
        let components = &source.steering.components;
        let parted: Vec<Self> =
            components.iter().flat_map(|part| names.iter().map(move |name| format!("{part}/{name}"))).filter_map(list).collect();
        if parted.is_empty() { names.into_iter().filter_map(list).collect() } else { parted }
    }

    /// The digests of its forms, any of which gives its text.
    pub fn identities(&self) -> impl Iterator<Item = Sha256> {
        self.forms.iter().map(|(_, file)| file.sha256)
    }

    /// Its name for messages.
    pub fn path(&self) -> &str {
        &self.stem
    }

    /// Opens the list; brings it into the cache first, if it is not there.
    pub fn open<'a>(&self, client: &Client, cache: &'a Cache, source: &Source) -> Result<VerifiedText<'a>, Error> {
        let (path, compression, sha256) = self.fetch(client, cache, source)?;
        let file = File::open(&path).map_err(|source| Error::Io { action: "open", path: path.clone(), source })?;
        VerifiedText::packed(cache, path, file, compression, sha256)
    }

    fn fetch(&self, client: &Client, cache: &Cache, source: &Source) -> Result<(PathBuf, Compression, Sha256), Error> {
        for &(compression, ReleaseFile { size, sha256 }) in &self.forms {
            if let Some(path) = cache.index(sha256, compression, size) {
                return Ok((path, compression, sha256));
            }
        }
        let mut failures = Vec::new();
        for &(compression, file) in &self.forms {
            if let Some(path) = self.fetch_form(client, cache, source, compression, file, &mut failures)? {
                return Ok((path, compression, file.sha256));
            }
            // Servers do not have every form that they list; but another form of wrong contents is not better.
            if failures.iter().any(|error| error.kind() != ErrorKind::Missing) {
                break;
            }
        }
        if failures.iter().any(|error| matches!(error, Error::Offline { .. })) {
            let what = format!("`{}` of suite `{}` of repository `{}`", self.stem, self.suite, self.repo);
            return Err(Error::Offline { what });
        }
        Err(Error::gather(&self.stem, failures))
    }

    fn fetch_form(
        &self,
        client: &Client,
        cache: &Cache,
        source: &Source,
        compression: Compression,
        ReleaseFile { size, sha256 }: ReleaseFile,
        failures: &mut Vec<Error>,
    ) -> Result<Option<PathBuf>, Error> {
        let name = format!("{}{}", self.stem, suffix(compression));
        if size > MAX_CONTENTS {
            return Err(Error::TooLarge { url: name, limit: MAX_CONTENTS });
        }
        let draft = cache.draft()?;
        for base in &source.bases {
            let directory = if self.suite.ends_with('/') { join(base, &self.suite) } else { join(base, &format!("dists/{}", self.suite)) };
            let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
            let by_hash = self.by_hash.then(|| join(&directory, &format!("{parent}/by-hash/SHA256/{sha256}")));
            for url in by_hash.into_iter().chain([join(&directory, &name)]) {
                match fetch_verified(client, &url, size, sha256, &mut HashedFile::new(&draft.file)) {
                    Ok(()) => return cache.keep(draft, sha256, compression).map(Some),
                    Err(error) if error.kind() == ErrorKind::Io => return Err(error),
                    Err(error) => failures.push(error),
                }
            }
        }
        Ok(None)
    }
}
