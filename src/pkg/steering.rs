//! What steers the solver, in manifest words: the same values stand in a manifest and in its lockfile.

use super::{Glob, version};

/// What a repository's signature covers (design section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Trust {
    /// The index is signed (`Release`, `repomd.xml.asc`); it vouches for every package.
    #[default]
    Index,
    /// Every package carries its own signature; the index is only fetched safely.
    Packages,
    /// Nothing is signed. Must be written out by the user.
    None,
}

impl Trust {
    /// The word that manifests and lockfiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Packages => "packages",
            Self::None => "none",
        }
    }
}

/// Which packages an image gets besides the requested ones (mmdebstrap's names).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Variant {
    /// Only what is asked.
    Custom,
    /// Plus every package marked `Essential: yes`.
    #[default]
    Essential,
    /// Plus `apt` and, as in mmdebstrap, everything of priority `required`.
    Minbase,
    /// Plus everything of priority `important`.
    Important,
    /// Plus everything of priority `standard`.
    Standard,
}

impl Variant {
    /// All variants, smallest first.
    pub const ALL: [Self; 5] = [Self::Custom, Self::Essential, Self::Minbase, Self::Important, Self::Standard];

    /// The word that manifests and lockfiles use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Essential => "essential",
            Self::Minbase => "minbase",
            Self::Important => "important",
            Self::Standard => "standard",
        }
    }
}

/// The part of a repository's description that decides what may come from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoSteering {
    /// The named archive, where the manifest names one instead of a URL (`debian`).
    pub archive: Option<String>,
    /// Suites in manifest order; `./` or a path that ends in `/` for a flat repository.
    pub suites: Vec<String>,
    /// Components in manifest order; empty for a flat repository.
    pub components: Vec<String>,
    /// When not empty, the repository supplies only packages that one of these matches.
    pub only: Vec<Glob>,
    /// Packages that the repository does not supply.
    pub exclude: Vec<Glob>,
    /// 1–99, lower wins; 99 unless the manifest says otherwise.
    pub priority: u8,
    /// What is signed.
    pub trust: Trust,
}

impl RepoSteering {
    /// The priority of a repository whose manifest gives none.
    pub const DEFAULT_PRIORITY: u8 = 99;

    /// Tells whether a suite's name says that it holds security updates.
    pub fn is_security_suite(suite: &str) -> bool {
        suite.ends_with("-security")
    }

    /// Tells whether the repository has nothing but security updates, as far as its description says: by its archive, or
    /// by the names of all its suites.
    pub fn is_security(&self) -> bool {
        let all = !self.suites.is_empty() && self.suites.iter().all(|suite| Self::is_security_suite(suite));
        all || self.archive.as_deref() == Some("debian-security")
    }

    /// Tells whether `only` and `exclude` let the repository supply `name`.
    pub fn supplies(&self, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|glob| glob.matches(name))) && !self.exclude.iter().any(|glob| glob.matches(name))
    }
}

/// The part of an image's description that decides which packages it gets, requests apart.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ImageSteering {
    /// The base set.
    pub variant: Variant,
    /// Whether Recommends are followed.
    pub recommends: bool,
    /// Packages that must not come in, as name globs.
    pub exclude: Vec<Glob>,
}

impl Hold {
    /// Tells whether the hold is about a package.
    pub fn names(&self, package: &str, source: &str) -> bool {
        self.package.matches(package) || self.package.matches(source)
    }

    /// Tells whether the hold lets a version in; it is tried with and without the epoch.
    pub fn allows(&self, text: &str) -> bool {
        self.version.matches(text) || self.version.matches(version::without_epoch(text))
    }
}

/// A `[[hold]]`: a package or source that stays inside a version pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// A glob over binary and source package names.
    pub package: Glob,
    /// A glob over full versions (`1.22.*`); it is tried with and without the epoch.
    pub version: Glob,
    /// Why, usually a link.
    pub reason: Option<String>,
    /// The last day on which the hold is in force, as `YYYY-MM-DD`.
    pub until: Option<String>,
}
