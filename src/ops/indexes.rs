//! A manifest's repositories as universes: verified, parsed, and remembered in parsed form.

use super::local::{self, Local};
use super::moment::{self, Moment};
use super::{Error, Session, network};
use crate::index::packages::Index;
use crate::index::{self, Universe, contents};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Request, RequestTarget, Sha256};
use crate::repo::{self, Cache, Client, Contents, Derived, IndexFile, Loaded};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The verified indexes of a manifest.
pub struct Indexes {
    loaded: Loaded,
    sources: Vec<repo::Source>,
    /// Directories of package files.
    locals: Vec<Local>,
    client: Client,
    /// The paths that any image of the manifest asks for.
    paths: BTreeSet<String>,
    /// Which packages ship a path, by repository, suite and list.
    answers: BTreeMap<(String, String, String), BTreeMap<String, BTreeSet<String>>>,
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

/// Beyond this an unpacked file list is taken for a bomb, where the Release file does not tell its size.
const UNPACKED_LIMIT: u64 = 2 << 30;

impl Indexes {
    /// Brings the indexes of every repository of `manifest` up to date.
    pub fn update(session: &mut Session<'_>, manifest: &Manifest) -> Result<Self, Error> {
        Self::read(session, manifest, Moment::Now)
    }

    /// Reads the indexes of every repository of `manifest` as they are, or as they were.
    pub fn read(session: &mut Session<'_>, manifest: &Manifest, moment: Moment) -> Result<Self, Error> {
        let sources = moment::sources(session, manifest, moment)?;
        let arches: BTreeSet<Architecture> =
            manifest.images.values().flat_map(|image| &image.arches).chain(&manifest.foreign_arches).cloned().collect();
        for source in &sources {
            let at = source.at.map(|at| format!(" as of {}", at.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
            session.talk.status("Reading", &format!("`{}` {}{at}", source.name, source.steering.suites.join(", ")));
        }
        let locals = local::load(&session.project, manifest)?;
        for local in &locals {
            session.talk.status("Reading", &format!("`{}` {}", local.repo, local.directory));
            session
                .talk
                .warn(&format!("nothing vouches for directory `{}` of repository `{}` (`trust = \"none\"`)", local.directory, local.repo));
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
        let requests = manifest.images.values().flat_map(|image| &image.requests).map(|request| &request.request);
        let paths = requests.filter_map(|request| match &request.target {
            RequestTarget::File(path) => Some(path.clone()),
            RequestTarget::Package(_) => None,
        });
        Ok(Self { loaded, sources, locals, client, paths: paths.collect(), answers: BTreeMap::new() })
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
                "at": release.at.map(|at| at.to_string()),
            })
        };
        self.loaded.releases.iter().map(suite).collect()
    }

    /// The directories of package files among the repositories.
    pub fn locals(&self) -> &[Local] {
        &self.locals
    }

    /// What the repositories offer to an image of `architecture`, foreign architectures included.
    ///
    /// Where a suite was read as it was and as it is, the latter supplies only what `old` has pinned.
    pub fn universe(
        &self,
        session: &mut Session<'_>,
        manifest: &Manifest,
        architecture: &Architecture,
        old: Option<&Lockfile>,
    ) -> Result<Universe, Error> {
        let mut sources = vec![];
        let pinned: Arc<BTreeSet<Sha256>> = Arc::new(old.map(|old| old.cells().iter().map(|pin| pin.sha256).collect()).unwrap_or_default());
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
            sources.extend(self.locals.iter().filter(|local| local.repo == *name).map(|local| index::Source {
                index: Arc::clone(&local.index),
                repo: name.clone(),
                steering: Arc::clone(&steering),
                suite: local.directory.clone(),
                aliases: vec![],
                not_automatic: false,
                but_automatic_upgrades: false,
                security: false,
                pinned: None,
            }));
            for (_, file) in files {
                let release = file.release();
                sources.push(index::Source {
                    index: Arc::new(load(session, file)?),
                    repo: name.clone(),
                    steering: Arc::clone(&steering),
                    suite: file.suite.clone(),
                    aliases: release.suite.iter().chain(&release.codename).cloned().collect(),
                    not_automatic: release.not_automatic,
                    but_automatic_upgrades: release.but_automatic_upgrades,
                    security: described.steering.is_security() || release.is_security(&file.suite),
                    pinned: self.has_aged(file).then(|| Arc::clone(&pinned)),
                });
            }
        }
        Ok(Universe::new(sources))
    }

    /// Tells whether an index that is as it is now was read as it was, too.
    fn has_aged(&self, file: &IndexFile) -> bool {
        let same = |other: &IndexFile| other.at.is_some() && (&other.repo, &other.suite) == (&file.repo, &file.suite);
        file.at.is_none() && self.loaded.indexes.iter().any(same)
    }

    /// Finds the packages that ship the paths among `requests`, in the file lists of every repository that has one.
    pub fn files(&mut self, session: &mut Session<'_>, architecture: &Architecture, requests: &[Request]) -> Result<Files, Error> {
        let paths: BTreeSet<&str> = requests
            .iter()
            .filter_map(|request| match &request.target {
                RequestTarget::File(path) => Some(path.as_str()),
                RequestTarget::Package(_) => None,
            })
            .collect();
        let mut files = Files::default();
        let Some(first) = paths.first() else { return Ok(files) };
        let mut without = vec![];
        let mut searched = 0;
        let mut answers = std::mem::take(&mut self.answers);
        for (source, suite, vouched) in self.suites() {
            let lists = Contents::of_suite(source, suite, vouched, architecture);
            if lists.is_empty() {
                without.push(format!("{} {suite}", source.name));
            }
            for list in lists {
                searched += 1;
                let key = (list.repo.clone(), list.suite.clone(), list.path().to_owned());
                let known = answers.entry(key).or_default();
                if paths.iter().any(|path| !known.contains_key(*path)) {
                    // A list is half a gigabyte: all that any image asks for is looked up in one go.
                    let open: BTreeSet<&str> = paths.iter().copied().chain(self.paths.iter().map(String::as_str)).collect();
                    *known = self.owners(session, source, &list, &open.into_iter().collect::<Vec<_>>())?;
                }
                for path in &paths {
                    files.0.entry((*path).to_owned()).or_default().extend(known.get(*path).into_iter().flatten().cloned());
                }
            }
        }
        self.answers = answers;
        if searched == 0 {
            return Err(Error::NoContents { path: (*first).to_owned(), architecture: architecture.clone(), suites: without });
        }
        if !without.is_empty() && paths.iter().any(|path| files.owners(path).is_empty()) {
            session.talk.warn(&format!("paths are not looked for where there is no `Contents` file: {}", without.join(", ")));
        }
        Ok(files)
    }

    /// Every suite that was read, with what its `Release` says.
    fn suites(&self) -> Vec<(&repo::Source, &str, &repo::Vouched)> {
        let mut suites: Vec<(&repo::Source, &str, &repo::Vouched)> = vec![];
        for file in self.loaded.indexes.iter().filter(|file| !self.has_aged(file)) {
            let of = |source: &&repo::Source| source.name == file.repo && source.at == file.at;
            let Some(source) = self.sources.iter().find(of) else { continue };
            if !suites.iter().any(|(other, suite, _)| other.name == file.repo && *suite == file.suite) {
                suites.push((source, &file.suite, file.vouched()));
            }
        }
        suites
    }

    /// The owners of paths by one file list; answers are kept, so the list is not read again for the same paths.
    fn owners(
        &self,
        session: &mut Session<'_>,
        source: &repo::Source,
        list: &Contents,
        paths: &[&str],
    ) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let cache = Cache::new(&session.cache);
        let kept = |path: &&str| {
            let bytes = list.identities().find_map(|list| cache.derived(Derived::Owners, &answer_name(list, path)))?;
            let text = String::from_utf8(bytes).ok()?;
            Some(((*path).to_owned(), text.strip_prefix(ANSWER)?.lines().map(str::to_owned).collect::<BTreeSet<String>>()))
        };
        if let Some(answers) = paths.iter().map(kept).collect() {
            return Ok(answers);
        }
        session.talk.detail("Searching", &format!("`{}` of `{}` suite `{}`", list.path(), list.repo, list.suite));
        let mut text = list.open(&self.client, &cache, source)?;
        let limit = list.uncompressed_size.unwrap_or(UNPACKED_LIMIT);
        let found = match contents::owners(&mut text, paths, limit) {
            Ok(found) => found,
            Err(source) => {
                // Damage of the cache is no fault of the archive.
                text.prove()?;
                let (repo, suite, path) = (list.repo.clone(), list.suite.clone(), list.path().to_owned());
                return Err(Error::Contents { repo, suite, path, source });
            }
        };
        // An answer belongs to the form that was read, not to another one that the same `Release` lists: that may be somebody else's.
        let read = text.sha256();
        text.finish()?;
        for (path, owners) in &found {
            let answer: String = std::iter::once(ANSWER.to_owned()).chain(owners.iter().map(|owner| format!("{owner}\n"))).collect();
            // A cache that cannot be written costs time, nothing else.
            let _unused = cache.keep_derived(Derived::Owners, &answer_name(read, path), answer.as_bytes());
        }
        Ok(found.into_iter().map(|(path, owners)| (path.to_owned(), owners)).collect())
    }
}

/// The first line of a kept answer; another format has another.
const ANSWER: &str = "pintree owners 2\n";

/// Under which name the packages that a file list gives for a path are kept.
fn answer_name(list: Sha256, path: &str) -> String {
    Sha256::of(format!("{list}\n{path}\n").as_bytes()).to_hex()
}

/// The parsed form of an index.
fn load(session: &mut Session<'_>, file: &IndexFile) -> Result<Index, Error> {
    let index = file.read(&Cache::new(&session.cache))?;
    for skipped in index.skipped() {
        session.talk.detail(
            "Skipped",
            &format!("`{}` suite `{}`: line {}: `{}`: {}", file.repo, file.suite, skipped.line, skipped.package, skipped.reason),
        );
    }
    Ok(index)
}
