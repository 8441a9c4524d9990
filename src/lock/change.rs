//! What a new lockfile changes, in a few lines: the talk of `pintree lock`.

use super::Lockfile;
use super::steering::both;
use crate::pkg::{Architecture, Pin, version};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The difference between two lockfiles, source by source and image by image.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Change {
    /// Source packages that came, went or changed, by name.
    pub sources: Vec<SourceChange>,
    /// Images whose package lists changed, by name.
    pub images: Vec<ImageChange>,
    /// Source packages that the new lockfile has at more than one version, by name; changed or not.
    pub skew: Vec<Skew>,
}

/// A source package whose pins changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceChange {
    /// The source package.
    pub name: String,
    /// What happened.
    pub kind: SourceChangeKind,
}

/// What happened to a source package; versions in dpkg's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceChangeKind {
    /// It is new.
    Added {
        /// Its versions.
        versions: Vec<String>,
    },
    /// It is gone.
    Removed {
        /// The versions it had.
        versions: Vec<String>,
    },
    /// It has other versions.
    Changed {
        /// The versions it had.
        from: Vec<String>,
        /// The versions it has.
        to: Vec<String>,
    },
    /// Same version, other package files: a binNMU, or a repository that replaced a file.
    Rebuilt {
        /// Its versions.
        versions: Vec<String>,
        /// The architectures with other files.
        arches: Vec<Architecture>,
    },
    /// The same files, from elsewhere.
    Moved {
        /// The repositories they came from.
        from: Vec<String>,
        /// The repositories they come from.
        to: Vec<String>,
    },
}

/// An image whose package list changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// The image.
    pub image: String,
    /// Packages that came, as `name`, `name:arch`, with the architectures in brackets where it is not all of them.
    pub added: Vec<String>,
    /// Packages that went.
    pub removed: Vec<String>,
}

/// A source package at several versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The source package.
    pub source: String,
    /// Each version, in dpkg's order, with the images that have it and on which architectures.
    pub versions: Vec<(String, BTreeMap<String, BTreeSet<Architecture>>)>,
}

impl Change {
    /// Compares two lockfiles; without an old one everything is new.
    pub fn between(old: Option<&Lockfile>, new: &Lockfile) -> Self {
        let (old_sources, new_sources) = (old.map(sources).unwrap_or_default(), sources(new));
        let source = |(name, old, new): (&&str, Option<&Vec<&Pin>>, Option<&Vec<&Pin>>)| {
            source_change(old.map_or(&[], Vec::as_slice), new.map_or(&[], Vec::as_slice))
                .map(|kind| SourceChange { name: (*name).to_owned(), kind })
        };
        let (old_images, new_images) = (old.map(images).unwrap_or_default(), images(new));
        let image = |(name, old, new): (&&str, Option<&Packages>, Option<&Packages>)| {
            let (old, new) = (old.cloned().unwrap_or_default(), new.cloned().unwrap_or_default());
            let (added, removed) = (minus(&new, &old), minus(&old, &new));
            (!added.is_empty() || !removed.is_empty()).then(|| ImageChange { image: (*name).to_owned(), added, removed })
        };
        Self {
            sources: both(&old_sources, &new_sources).into_iter().filter_map(source).collect(),
            images: both(&old_images, &new_images).into_iter().filter_map(image).collect(),
            skew: skew(new),
        }
    }

    /// Tells whether no pin and no image list changed.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.images.is_empty()
    }
}

fn sources(lock: &Lockfile) -> BTreeMap<&str, Vec<&Pin>> {
    let mut sources: BTreeMap<&str, Vec<&Pin>> = BTreeMap::new();
    for pin in lock.cells() {
        sources.entry(&pin.source).or_default().push(pin);
    }
    sources
}

fn versions(pins: &[&Pin]) -> Vec<String> {
    let mut versions: Vec<String> = pins.iter().map(|pin| pin.source_version.clone()).collect();
    versions.sort_by(|a, b| version::compare(a, b).then_with(|| a.cmp(b)));
    versions.dedup();
    versions
}

fn source_change(old: &[&Pin], new: &[&Pin]) -> Option<SourceChangeKind> {
    let (from, to) = (versions(old), versions(new));
    match (from.is_empty(), to.is_empty()) {
        (true, true) => return None,
        (true, false) => return Some(SourceChangeKind::Added { versions: to }),
        (false, true) => return Some(SourceChangeKind::Removed { versions: from }),
        (false, false) if from != to => return Some(SourceChangeKind::Changed { from, to }),
        (false, false) => {}
    }
    let files = |pins: &[&Pin]| -> BTreeMap<(String, Architecture), BTreeSet<crate::pkg::Sha256>> {
        let mut files: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for pin in pins {
            files.entry((pin.name.clone(), pin.architecture.clone())).or_default().insert(pin.sha256);
        }
        files
    };
    let (old_files, new_files) = (files(old), files(new));
    let rebuilt: BTreeSet<&Architecture> = new_files
        .iter()
        .filter(|(key, digests)| old_files.get(key).is_some_and(|old| old != *digests))
        .map(|((_, arch), _)| arch)
        .collect();
    if !rebuilt.is_empty() {
        return Some(SourceChangeKind::Rebuilt { versions: to, arches: rebuilt.into_iter().cloned().collect() });
    }
    let repos = |pins: &[&Pin]| pins.iter().map(|pin| pin.repo.clone()).collect::<BTreeSet<_>>();
    let (from, to) = (repos(old), repos(new));
    (from != to).then(|| SourceChangeKind::Moved { from: from.into_iter().collect(), to: to.into_iter().collect() })
}

fn skew(lock: &Lockfile) -> Vec<Skew> {
    let mut users: BTreeMap<(&str, &str), BTreeMap<String, BTreeSet<Architecture>>> = BTreeMap::new();
    let skewed: BTreeSet<&str> = sources(lock)
        .into_iter()
        .filter(|(_, pins)| pins.iter().any(|pin| pin.source_version != pins[0].source_version))
        .map(|(name, _)| name)
        .collect();
    for ((image, architecture), set) in &lock.sets {
        for pin in set.iter().map(|&cell| &lock.cells[cell as usize]).filter(|pin| skewed.contains(pin.source.as_str())) {
            let images = users.entry((&pin.source, &pin.source_version)).or_default();
            images.entry(image.clone()).or_default().insert(architecture.clone());
        }
    }
    let skew = |source: &str| {
        let mut versions: Vec<_> = users
            .iter()
            .filter(|((name, _), _)| *name == source)
            .map(|((_, version), images)| ((*version).to_owned(), images.clone()))
            .collect();
        versions.sort_by(|(a, _), (b, _)| version::compare(a, b).then_with(|| a.cmp(b)));
        Skew { source: source.to_owned(), versions }
    };
    skewed.into_iter().map(skew).collect()
}

/// What an image has: package by package the architectures, and all of the image's architectures.
#[derive(Clone, Default)]
struct Packages {
    on: BTreeMap<String, BTreeSet<Architecture>>,
    arches: usize,
}

fn images(lock: &Lockfile) -> BTreeMap<&str, Packages> {
    let mut images: BTreeMap<&str, Packages> = BTreeMap::new();
    for (name, image) in lock.images() {
        images.insert(name, Packages { on: BTreeMap::new(), arches: image.arches.len() });
    }
    for ((image, architecture), set) in &lock.sets {
        let Some(packages) = images.get_mut(image.as_str()) else { continue };
        for &cell in set {
            let pin = &lock.cells[cell as usize];
            let native = pin.architecture == *architecture || pin.architecture.is_independent();
            let name = if native { pin.name.clone() } else { format!("{}:{}", pin.name, pin.architecture) };
            packages.on.entry(name).or_default().insert(architecture.clone());
        }
    }
    images
}

fn minus(left: &Packages, right: &Packages) -> Vec<String> {
    let mut names = Vec::new();
    for (name, on) in &left.on {
        let more: Vec<Architecture> = match right.on.get(name) {
            None => on.iter().cloned().collect(),
            Some(other) => on.difference(other).cloned().collect(),
        };
        if !more.is_empty() {
            names.push(super::steering::with_bracket(name, (more.len() < left.arches).then_some(more.as_slice())));
        }
    }
    names
}

impl fmt::Display for SourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.kind {
            SourceChangeKind::Added { versions } => write!(f, "{name} added at {}", versions.join(", ")),
            SourceChangeKind::Removed { versions } => write!(f, "{name} removed, was at {}", versions.join(", ")),
            SourceChangeKind::Changed { from, to } => write!(f, "{name} {} ► {}", from.join(", "), to.join(", ")),
            SourceChangeKind::Rebuilt { versions, arches } => {
                write!(f, "{name} {} rebuilt on {}", versions.join(", "), join(arches))
            }
            SourceChangeKind::Moved { from, to } => write!(f, "{name} from {} instead of {}", to.join(", "), from.join(", ")),
        }
    }
}

impl fmt::Display for ImageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {}:", self.image)?;
        for name in &self.added {
            write!(f, " +{name}")?;
        }
        for name in &self.removed {
            write!(f, " -{name}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Images named per version; the rest is counted.
        const SHOWN: usize = 3;
        write!(f, "{} differs:", self.source)?;
        for (at, (version, images)) in self.versions.iter().enumerate() {
            let places: Vec<String> = images
                .iter()
                .take(SHOWN)
                .map(|(image, arches)| format!("{image} ({})", join(&arches.iter().cloned().collect::<Vec<_>>())))
                .collect();
            write!(f, "{} {version} in {}", if at == 0 { "" } else { ";" }, places.join(", "))?;
            if images.len() > SHOWN {
                write!(f, " and {} more", images.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

fn join(arches: &[Architecture]) -> String {
    arches.iter().map(Architecture::deb_name).collect::<Vec<_>>().join(", ")
}

/// The whole change, one line each; empty text for none.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sources.iter().try_for_each(|source| writeln!(f, "{source}"))?;
        self.images.iter().try_for_each(|image| writeln!(f, "{image}"))?;
        self.skew.iter().try_for_each(|skew| writeln!(f, "{skew}"))
    }
}
