//! All indexes that a manifest's repositories offer for one target, and what may come from each.
//!
//! Takes parsed indexes with their repository's steering, in manifest order (the native architecture's before foreign
//! ones'), and answers which sources there are and which of them list the same bytes. Which version wins, and what holds
//! and requests say about it, is the resolver's part.

use super::packages::{Index, Package};
use crate::pkg::{Architecture, Pin, RepoSteering, Sha256, version};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One index of one repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// The parsed `Packages` file.
    pub index: Arc<Index>,
    /// The manifest's name of the repository.
    pub repo: String,
    /// What the manifest says about it; `priority`, `only` and `exclude` decide here.
    pub steering: Arc<RepoSteering>,
    /// The suite as the manifest writes it (`bookworm-backports`, `./`).
    pub suite: String,
    /// Further names of the suite, from its Release file: `Suite` and `Codename`.
    pub aliases: Vec<String>,
    /// `NotAutomatic: yes`: supplies only what a request asks `from` it and what only it has for that.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`; only told to the user, because a lock never upgrades by itself.
    pub but_automatic_upgrades: bool,
    /// A suite of security updates ([`Release::is_security`](super::release::Release::is_security), or the archive that
    /// has nothing else).
    pub security: bool,
    /// Where it may supply only what is pinned already: those package files.
    pub pinned: Option<Arc<BTreeSet<Sha256>>>,
}

impl Source {
    /// Tells whether a request's `from WORD` means this source: the repository's name, or a name of the suite.
    pub fn is_named(&self, word: &str) -> bool {
        self.repo == word || self.suite == word || self.aliases.iter().any(|alias| alias == word)
    }
}

/// Everything that could be installed.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    sources: Vec<Source>,
}

/// One package in one source.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'u> {
    /// Where it is listed.
    pub source: &'u Source,
    /// What the index says about it.
    pub package: Package<'u>,
}

impl Universe {
    /// Joins sources. Their order matters where versions and priorities tie: the first wins.
    ///
    /// The order is the manifest's: repositories by priority, then as written; suites and components as written; the
    /// native architecture before foreign ones. Sources are sorted by priority here, stably.
    pub fn new(mut sources: Vec<Source>) -> Self {
        sources.sort_by_key(|source| source.steering.priority);
        Self { sources }
    }

    /// The same with more sources, which come after the others of their priorities.
    #[must_use]
    pub fn with(mut self, more: Vec<Source>) -> Self {
        self.sources.extend(more);
        Self::new(self.sources)
    }

    /// The sources, best first.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Every listing of that name, in source order, whatever `only`, `exclude` and suites' flags say.
    pub fn listings<'u>(&'u self, name: &str) -> impl Iterator<Item = Listing<'u>> {
        self.sources.iter().flat_map(move |source| source.index.named(name).map(move |package| Listing { source, package }))
    }

    /// The repositories whose index lists exactly these bytes under this name, version and architecture, best first, and
    /// where each has them.
    pub fn repos_with(&self, package: Package<'_>) -> Vec<(&str, String)> {
        let mut repos: Vec<(&str, String)> = Vec::new();
        for source in &self.sources {
            if repos.iter().any(|(repo, _)| *repo == source.repo) || !source.steering.supplies(package.name()) {
                continue;
            }
            let same = source.index.named(package.name()).find(|other| {
                other.sha256() == package.sha256() && other.version() == package.version() && other.architecture() == package.architecture()
            });
            repos.extend(same.map(|same| (source.repo.as_str(), same.path())));
        }
        repos
    }

    /// The listings that could take a pin's place in an image of architecture `native`: of the same name and place in it,
    /// from suites and repositories that supply it unasked. Holds and priorities are the resolver's part.
    pub fn installable<'u>(&'u self, native: &Architecture, pin: &Pin) -> impl Iterator<Item = Listing<'u>> {
        let (native, own) = (native.clone(), pin.architecture.clone());
        let is_native = move |architecture: &Architecture| *architecture == native || architecture.is_independent();
        self.listings(&pin.name).filter(move |listing| {
            let (source, package) = (listing.source, listing.package);
            let other = package.architecture();
            let young = source.pinned.as_ref().is_some_and(|pinned| !pinned.contains(&package.sha256()));
            let same = *other == own || is_native(other) && is_native(&own);
            same && !young && !source.not_automatic && source.steering.supplies(package.name())
        })
    }

    /// For each package, pinned once or several times, what suites of security updates have newer than the first pin of
    /// it, the most important one; in the form of a pin. Where a less important pin is newer still, such as what the extended
    /// image was solved to, it is that version.
    ///
    /// `native` is the image's architecture: a package may become one for all architectures, and back. Holds and
    /// priorities are the resolver's part.
    pub fn security_updates<'p>(&self, native: &Architecture, pins: impl IntoIterator<Item = &'p Pin>) -> Vec<Pin> {
        let is_native = |architecture: &Architecture| architecture == native || architecture.is_independent();
        let mut pinned: BTreeMap<(&str, Option<&Architecture>), (&Pin, &Pin)> = BTreeMap::new();
        for pin in pins {
            let foreign = (!is_native(&pin.architecture)).then_some(&pin.architecture);
            let (_, newest) = pinned.entry((&pin.name, foreign)).or_insert((pin, pin));
            if version::compare(&pin.version, &newest.version).is_gt() {
                *newest = pin;
            }
        }
        let update = |(first, newest): &(&Pin, &Pin)| {
            let listed = self.installable(native, first).filter(|listing| listing.source.security);
            let package = listed.map(|listing| listing.package).max_by(|a, b| version::compare(a.version(), b.version()))?;
            if version::compare(package.version(), &first.version).is_le() {
                return None;
            }
            if version::compare(&newest.version, package.version()).is_ge() {
                return Some((*newest).clone());
            }
            let (architecture, version) = (package.architecture().clone(), package.version().to_owned());
            Some(Pin { architecture, version, ..(*first).clone() })
        };
        pinned.values().filter_map(update).collect()
    }

    /// Names that are close to `name`, closest first, for "did you mean".
    pub fn similar_names(&self, name: &str, architectures: &[Architecture]) -> Vec<String> {
        let mut found: Vec<(usize, &str)> = Vec::new();
        let tolerance = (name.chars().count() / 3).clamp(1, 3);
        for package in self.sources.iter().flat_map(|source| source.index.packages()) {
            let candidate = package.name();
            if candidate.len().abs_diff(name.len()) > tolerance
                || !(package.architecture().is_independent() || architectures.contains(package.architecture()))
            {
                continue;
            }
            let distance = strsim::osa_distance(name, candidate);
            if distance <= tolerance {
                found.push((distance, candidate));
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }
}
