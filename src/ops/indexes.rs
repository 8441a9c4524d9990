//! A manifest's repositories as universes: verified, parsed, and remembered in parsed form.

use super::{Error, Session, network, steering};
use crate::index::packages::{Index, Limits};
use crate::index::{self, Universe};
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Request, RequestTarget, Sha256};
use crate::repo::{self, Cache, IndexFile, KeyRing, Loaded};
use crate::util::fs::write_atomic;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The verified indexes of a manifest.
pub struct Indexes {
    loaded: Loaded,
}

/// Which packages ship the paths that were asked for.
#[derive(Debug, Default)]
pub struct Files(BTreeMap<String, BTreeSet<String>>);

impl Files {
    /// The packages that ship `path`, by name.
    pub fn owners(&self, path: &str) -> Vec<String> {
        self.0.get(path).map(|owners| owners.iter().cloned().collect()).unwrap_or_default()
    }
}

/// Beyond this an unpacked index is taken for a bomb, where the Release file does not tell its size.
const UNPACKED_LIMIT: u64 = 2 << 30;

impl Indexes {
    /// Brings the indexes of every repository of `manifest` up to date.
    pub fn update(session: &mut Session<'_>, manifest: &Manifest) -> Result<Self, Error> {
        let mirrors = network::mirrors(session)?;
        let mut sources = vec![];
        for (name, described) in &manifest.repos {
            sources.push(repo::Source {
                name: name.clone(),
                steering: described.steering.clone(),
                bases: network::addresses(&mirrors, described)?,
                keys: KeyRing::load(&steering::key_sources(&session.project, &described.keys)).map_err(repo::Error::from)?,
            });
        }
        let arches: BTreeSet<Architecture> =
            manifest.images.values().flat_map(|image| &image.arches).chain(&manifest.foreign_arches).cloned().collect();
        for source in &sources {
            session.talk.status("Reading", &format!("`{}` {}", source.name, source.steering.suites.join(", ")));
        }
        let (client, warnings) = network::client(session.offline, None);
        warnings.iter().for_each(|warning| session.talk.warn(&warning.to_string()));
        let now = jiff::Timestamp::try_from(session.now).unwrap_or(jiff::Timestamp::MAX);
        let arches: Vec<Architecture> = arches.into_iter().collect();
        let loaded = repo::update(&client, &Cache::new(&session.cache), &sources, &arches, now)?;
        loaded.warnings.iter().for_each(|warning| session.talk.warn(&warning.to_string()));
        for release in &loaded.releases {
            let date = release.date.map(|date| format!(" of {}", date.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
            session.talk.detail("Read", &format!("`{}` suite `{}`{date}", release.repo, release.suite));
        }
        Ok(Self { loaded })
    }

    /// What identifies the state of the repositories that was used, for a record beside the build: one object a suite.
    pub fn record(&self) -> serde_json::Value {
        let suite = |release: &repo::ReleaseIdentity| {
            serde_json::json!({
                "repo": release.repo,
                "suite": release.suite,
                "url": release.url,
                "date": release.date.map(|date| date.to_string()),
                "sha256": release.sha256.map(Sha256::to_hex),
                "signers": release.signers,
            })
        };
        self.loaded.releases.iter().map(suite).collect()
    }

    /// What the repositories offer to an image of `architecture`, foreign architectures included.
    pub fn universe(&self, session: &mut Session<'_>, manifest: &Manifest, architecture: &Architecture) -> Result<Universe, Error> {
        let mut sources = vec![];
        let arches: Vec<&Architecture> =
            std::iter::once(architecture).chain(manifest.foreign_arches.iter().filter(|arch| *arch != architecture)).collect();
        for (name, described) in &manifest.repos {
            let steering = Arc::new(described.steering.clone());
            // The native architecture first: where indexes tie, the resolver takes the first.
            let rank = |file: &IndexFile| match &file.architecture {
                None => Some(0),
                Some(arch) if arch.is_independent() => Some(arches.len()),
                Some(arch) => arches.iter().position(|wanted| *wanted == arch),
            };
            let mut files: Vec<(usize, &IndexFile)> =
                self.loaded.indexes.iter().filter(|file| file.repo == *name).filter_map(|file| Some((rank(file)?, file))).collect();
            files.sort_by_key(|(rank, _)| *rank);
            for (_, file) in files {
                let release = &file.release;
                sources.push(index::Source {
                    index: Arc::new(load(session, file)?),
                    repo: name.clone(),
                    steering: Arc::clone(&steering),
                    suite: file.suite.clone(),
                    aliases: release.suite.iter().chain(&release.codename).cloned().collect(),
                    not_automatic: release.not_automatic,
                    but_automatic_upgrades: release.but_automatic_upgrades,
                });
            }
        }
        Ok(Universe::new(sources))
    }

    /// Finds the packages that ship the paths among `requests`.
    pub fn files(
        &mut self,
        _session: &mut Session<'_>,
        _manifest: &Manifest,
        _architecture: &Architecture,
        requests: &[Request],
    ) -> Result<Files, Error> {
        let _paths = requests.iter().filter(|request| matches!(request.target, RequestTarget::File(_)));
        Ok(Files::default())
    }
}

/// The parsed form of an index: from the cache if it is there and sound, else from the file.
fn load(session: &mut Session<'_>, file: &IndexFile) -> Result<Index, Error> {
    let stored = stored_path(&session.cache, file.sha256);
    if let Ok(bytes) = std::fs::read(&stored) {
        match Index::from_bytes(&bytes) {
            Ok(index) => return Ok(index),
            Err(error) => session.talk.detail("Reparsing", &format!("`{}`: {error}", stored.display())),
        }
    }
    let io = |doing| move |source| Error::Io { doing, path: file.path.clone(), source };
    let input = File::open(&file.path).map_err(io("open"))?;
    let reader = file.compression.decode(input).map_err(io("read"))?;
    let limits = Limits { bytes: file.uncompressed_size.unwrap_or(UNPACKED_LIMIT), ..Limits::default() };
    let index =
        Index::parse(reader, &limits).map_err(|source| Error::Index { repo: file.repo.clone(), suite: file.suite.clone(), source })?;
    for skipped in index.skipped() {
        session.talk.detail(
            "Skipped",
            &format!("`{}` suite `{}`: line {}: `{}`: {}", file.repo, file.suite, skipped.line, skipped.package, skipped.reason),
        );
    }
    store(session, &stored, &index.to_bytes());
    Ok(index)
}

fn stored_path(cache: &Path, digest: Sha256) -> PathBuf {
    cache.join("parsed").join(digest.to_hex())
}

/// Remembers a parsed index. A cache that cannot be written costs time, nothing else.
fn store(session: &mut Session<'_>, path: &Path, bytes: &[u8]) {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let Err(error) = made.and_then(|()| write_atomic(path, bytes)) {
        session.talk.warn(&format!("cannot write `{}`: {error}", path.display()));
    }
}
