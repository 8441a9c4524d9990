//! One package as a compose sees it: its tree, and the fields that decide conflicts.

use super::stanza::Stanza;
use super::{Error, Frame};
use crate::pkg::{ArchQualifier, Architecture, Relation};
use crate::step::import::STATUS;
use crate::store::{self, Checksum, PackageFile, RefName, Repo};
use std::cmp::Ordering;
use std::fmt;

/// A package of the set.
#[derive(Clone, Debug)]
pub(in crate::step) struct Package {
    pub(in crate::step) name: String,
    pub(in crate::step) architecture: Architecture,
    pub(in crate::step) version: String,
    /// `Multi-Arch: same`: instances of several architectures share files.
    pub(in crate::step) is_same: bool,
    pub(in crate::step) essential: bool,
    replaces: Vec<Relation>,
    /// The package file that it was made of.
    pub(super) file: PackageFile,
    pub(in crate::step) stanza: Stanza,
    /// The commit that holds it.
    pub(in crate::step) commit: Checksum,
    /// The root of its tree.
    pub(in crate::step) tree: Checksum,
    pub(in crate::step) meta: Checksum,
}

impl Package {
    fn load(repo: &Repo, name: &RefName) -> Result<Self, Error> {
        let found = repo.read_package(name)?;
        let (checksum, commit) = found.ok_or_else(|| store::Error::NoSuchRef { repo: repo.path().to_owned(), name: name.to_string() })?;
        let bad = |reason: &str| Error::Stanza { name: name.to_string(), reason: reason.to_owned() };
        let text = commit.metadata.get(STATUS).and_then(|value| value.as_str()).ok_or_else(|| bad("it is missing"))?;
        let stanza = Stanza::parse(text).map_err(bad)?;
        let field = |field: &str| stanza.get(field).ok_or_else(|| bad(&format!("field `{field}` is missing")));
        let package = field("Package")?.to_owned();
        if !crate::pkg::is_deb_name(&package) {
            return Err(bad("the package's name is malformed"));
        }
        let architecture = Architecture::parse(field("Architecture")?).ok_or_else(|| bad("the architecture is malformed"))?;
        let version = field("Version")?.to_owned();
        let replaces = stanza.get("Replaces").map_or(Ok(Vec::new()), Relation::parse_field);
        let replaces = replaces.map_err(|source| Error::Relation { package: package.clone(), field: "Replaces", source })?;
        Ok(Self {
            is_same: stanza.get("Multi-Arch") == Some("same"),
            essential: stanza.get("Essential") == Some("yes"),
            file: commit.package_file().ok_or_else(|| bad("its package file is not named"))?,
            replaces: replaces.into_iter().flatten().collect(),
            name: package,
            architecture,
            version,
            commit: checksum,
            tree: commit.tree,
            meta: commit.meta,
            stanza,
        })
    }

    /// The name under which dpkg keeps the package's files: `libc6:armhf` where instances may stand side by side.
    pub(in crate::step) fn info_name(&self) -> String {
        if self.is_same { format!("{}:{}", self.name, self.architecture) } else { self.name.clone() }
    }

    /// Tells whether the two are instances of one package that may share files.
    pub(in crate::step) fn shares_with(&self, other: &Self) -> bool {
        self.name == other.name && self.is_same && other.is_same
    }

    /// Tells whether the package declares that its files replace those of `other`. dpkg looks at real names only here.
    pub(in crate::step) fn replaces(&self, other: &Self) -> bool {
        self.replaces.iter().any(|relation| {
            let architecture = match &relation.qualifier {
                None | Some(ArchQualifier::Any | ArchQualifier::Native) => true,
                Some(ArchQualifier::Architecture(architecture)) => *architecture == other.architecture,
            };
            let version = relation.version.as_ref().is_none_or(|version| version.accepts(&other.version));
            relation.name == other.name && architecture && version
        })
    }

    /// By name, then architecture.
    pub(in crate::step) fn order(&self, other: &Self) -> Ordering {
        (&self.name, self.architecture.deb_name()).cmp(&(&other.name, other.architecture.deb_name()))
    }

    /// In the order in which a system is installed: `base-files`, which ships the directories that have modes of their
    /// own, then what is essential, then the rest.
    fn rank(&self) -> u8 {
        match (self.name == "base-files", self.essential) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.version, self.architecture)
    }
}

/// Reads all packages and puts them into the order that decides about directories' owners and modes.
pub(in crate::step) fn load_all(repo: &Repo, names: &[RefName], frame: &Frame<'_>) -> Result<Vec<Package>, Error> {
    let mut packages = Vec::with_capacity(names.len());
    for name in names {
        let package = Package::load(repo, name)?;
        let architecture = &package.architecture;
        if !architecture.is_independent() && architecture != frame.architecture && !frame.foreign.contains(architecture) {
            return Err(Error::Architecture { package: package.to_string(), architecture: architecture.to_string() });
        }
        packages.push(package);
    }
    packages.sort_by(|a, b| a.order(b).then_with(|| a.tree.cmp(&b.tree)));
    for pair in packages.windows(2) {
        if pair[0].name == pair[1].name && !(pair[0].shares_with(&pair[1]) && pair[0].architecture != pair[1].architecture) {
            return Err(Error::Twice { first: pair[0].to_string(), second: pair[1].to_string() });
        }
    }
    // Stable, so the order by name stays within a rank.
    packages.sort_by_key(Package::rank);
    Ok(packages)
}
