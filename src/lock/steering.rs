//! What a manifest says that decides which packages an image gets, and where lockfile and manifest differ.

use super::fault::Contradiction;
use crate::pkg::{Architecture, Ecosystem, Glob, Hold, ImageSteering, RepoSteering};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything in a manifest that steers the solver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The packaging family.
    pub ecosystem: Ecosystem,
    /// Further architectures inside one root, in manifest order.
    pub foreign_arches: Vec<Architecture>,
    /// Host architectures whose accelerators are locked, in manifest order.
    pub accelerate: Vec<Architecture>,
    /// What stays inside a version pattern.
    pub holds: Vec<Hold>,
    /// The repositories by name.
    pub repos: BTreeMap<String, RepoPart>,
    /// The images by name.
    pub images: BTreeMap<String, ImagePart>,
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            ecosystem: Ecosystem::Deb,
            foreign_arches: Vec::new(),
            accelerate: Self::default_accelerate(),
            holds: Vec::new(),
            repos: BTreeMap::new(),
            images: BTreeMap::new(),
        }
    }
}

/// A repository as far as it steers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoPart {
    /// What may come from it.
    pub steering: RepoSteering,
    /// The primary fingerprints of the keys that may sign for it.
    pub signed_by: Vec<String>,
}

/// An image as far as it steers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ImagePart {
    /// The architectures in manifest order, in which they are solved.
    pub arches: Vec<Architecture>,
    /// The image that this one builds upon.
    pub extends: Option<String>,
    /// Base set, Recommends, excludes.
    pub steering: ImageSteering,
    /// The image's own requests in manifest words, each with its architectures; `None` means all of the image's.
    pub roots: Vec<(String, Option<Vec<Architecture>>)>,
}

impl Steering {
    /// What `accelerate` is where a manifest does not say: the hosts that most builds run on.
    pub fn default_accelerate() -> Vec<Architecture> {
        Architecture::parse("amd64").into_iter().collect()
    }

    /// Brings everything whose order means nothing into one order, and checks what needs no pins.
    pub(super) fn normalised(mut self) -> Result<Self, Contradiction> {
        once(&mut self.foreign_arches);
        once(&mut self.accelerate);
        self.holds.sort_by(|a, b| hold_key(a).cmp(&hold_key(b)));
        self.holds.dedup();
        for date in self.holds.iter().filter_map(|hold| hold.until.as_deref()) {
            if !date.parse::<toml_edit::Datetime>().is_ok_and(|parsed| parsed.time.is_none() && parsed.date.is_some()) {
                return Err(Contradiction::Malformed { text: date.to_owned(), expected: "a date of the form YYYY-MM-DD" });
            }
        }
        for repo in self.repos.values_mut() {
            sort_globs(&mut repo.steering.only);
            sort_globs(&mut repo.steering.exclude);
            repo.signed_by.sort();
            repo.signed_by.dedup();
        }
        for image in self.images.values_mut() {
            once(&mut image.arches);
            sort_globs(&mut image.steering.exclude);
            image.roots = normal_roots(&image.roots, &image.arches);
        }
        self.check_extends()?;
        Ok(self)
    }

    /// The images, every one after the one it extends.
    pub(super) fn images_in_order(&self) -> Vec<&str> {
        let mut order = Vec::with_capacity(self.images.len());
        let mut placed = BTreeSet::new();
        for name in self.images.keys() {
            let mut chain = vec![name.as_str()];
            while let Some(base) = chain.last().and_then(|name| self.images.get(*name)?.extends.as_deref()) {
                // A chain longer than the number of images goes round; `check_extends` refuses those.
                if placed.contains(base) || chain.len() > self.images.len() {
                    break;
                }
                chain.push(base);
            }
            for name in chain.into_iter().rev() {
                if placed.insert(name) {
                    order.push(name);
                }
            }
        }
        order
    }

    /// Finds bases that do not exist and images that extend themselves.
    pub(super) fn check_extends(&self) -> Result<(), Contradiction> {
        let mut sound = BTreeSet::new();
        for name in self.images.keys() {
            let mut chain = vec![name.as_str()];
            let mut on_chain = BTreeSet::from([name.as_str()]);
            let mut image = name.as_str();
            while let Some(base) = self.images[image].extends.as_deref() {
                if !self.images.contains_key(base) {
                    return Err(Contradiction::UnknownBase { image: image.to_owned(), extends: base.to_owned() });
                }
                chain.push(base);
                if !on_chain.insert(base) {
                    let start = chain.iter().position(|name| *name == base).unwrap_or_default();
                    let chain: Vec<String> = chain[start..].iter().map(|&name| name.to_owned()).collect();
                    return Err(Contradiction::ExtendsCycle { image: base.to_owned(), chain });
                }
                if sound.contains(base) {
                    break;
                }
                image = base;
            }
            sound.extend(on_chain);
        }
        Ok(())
    }
}

fn hold_key(hold: &Hold) -> (&str, &str, Option<&str>, Option<&str>) {
    (hold.package.as_str(), hold.version.as_str(), hold.reason.as_deref(), hold.until.as_deref())
}

/// Keeps the first of each.
fn once(arches: &mut Vec<Architecture>) {
    let mut seen = BTreeSet::new();
    arches.retain(|arch| seen.insert(arch.clone()));
}

fn sort_globs(globs: &mut Vec<Glob>) {
    globs.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    globs.dedup();
}

/// One root per request, `None` where it holds on all architectures, sorted as written.
fn normal_roots(roots: &[(String, Option<Vec<Architecture>>)], arches: &[Architecture]) -> Vec<(String, Option<Vec<Architecture>>)> {
    let mut merged: BTreeMap<&str, BTreeSet<&Architecture>> = BTreeMap::new();
    for (request, on) in roots {
        let on = on.as_deref().unwrap_or(arches);
        merged.entry(request).or_default().extend(on.iter().filter(|arch| arches.contains(arch)));
    }
    let mut roots: Vec<_> = merged
        .into_iter()
        .filter(|(_, on)| !on.is_empty() || arches.is_empty())
        .map(|(request, on)| (request.to_owned(), (on.len() < arches.len()).then(|| on.into_iter().cloned().collect::<Vec<_>>())))
        .collect();
    roots.sort_by_cached_key(|(request, on)| with_bracket(request, on.as_deref()));
    roots
}

/// An entry or root as it is written.
pub(super) fn with_bracket(text: &str, on: Option<&[Architecture]>) -> String {
    match on {
        None => text.to_owned(),
        Some(on) => format!("{text} [{}]", on.iter().map(Architecture::deb_name).collect::<Vec<_>>().join(" ")),
    }
}

/// The part of a manifest that differs from the lockfile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The top level.
    Manifest,
    /// A hold, by its package pattern.
    Hold(String),
    /// A repository.
    Repository(String),
    /// An image.
    Image(String),
}

/// How it differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The manifest has it, the lockfile does not.
    Added,
    /// The lockfile has it, the manifest does not.
    Removed,
    /// A key has another value now.
    Changed {
        /// The key, in manifest words.
        key: &'static str,
        /// What the lockfile has.
        from: String,
        /// What the manifest has.
        to: String,
    },
    /// The manifest asks for something more.
    RequestAdded(String),
    /// The manifest asks for something no longer.
    RequestRemoved(String),
}

/// One reason why a lockfile is stale.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mismatch {
    /// What differs.
    pub subject: Subject,
    /// How.
    pub difference: Difference,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match &self.subject {
            Subject::Manifest => ("manifest", None),
            Subject::Hold(name) => ("hold", Some(name)),
            Subject::Repository(name) => ("repository", Some(name)),
            Subject::Image(name) => ("image", Some(name)),
        };
        f.write_str(kind)?;
        if let Some(name) = name {
            write!(f, " `{name}`")?;
        }
        match &self.difference {
            Difference::Added => f.write_str(" was added"),
            Difference::Removed => f.write_str(" was removed"),
            Difference::Changed { key, from, to } => write!(f, ": `{key}` changed from {from} to {to}"),
            Difference::RequestAdded(request) => write!(f, ": request `{request}` was added"),
            Difference::RequestRemoved(request) => write!(f, ": request `{request}` was removed"),
        }
    }
}

impl super::Lockfile {
    /// Compares what the lockfile was made from with what the manifest says now; empty means that they agree.
    ///
    /// Offline and cheap: whether upstream has moved on is another question.
    pub fn compare(&self, manifest: &Steering) -> Result<Vec<Mismatch>, Contradiction> {
        Ok(self.mismatches(&manifest.clone().normalised()?))
    }

    /// Compares what two lockfiles were made from; the newer one stands in a manifest's place.
    pub fn differences(&self, newer: &Self) -> Vec<Mismatch> {
        self.mismatches(&newer.steering)
    }

    fn mismatches(&self, manifest: &Steering) -> Vec<Mismatch> {
        let mut found = Collector::default();
        found.value(Subject::Manifest, "ecosystem", self.steering.ecosystem.as_str(), manifest.ecosystem.as_str());
        found.list(Subject::Manifest, "foreign-arches", &self.steering.foreign_arches, &manifest.foreign_arches);
        found.list(Subject::Manifest, "accelerate", &self.steering.accelerate, &manifest.accelerate);
        found.holds(&self.steering.holds, &manifest.holds);
        for (name, old, new) in both(&self.steering.repos, &manifest.repos) {
            found.repo(Subject::Repository(name.clone()), old, new);
        }
        for (name, old, new) in both(&self.steering.images, &manifest.images) {
            found.image(Subject::Image(name.clone()), old, new);
        }
        found.mismatches
    }
}

/// The values of two maps, key by key.
fn both<'a, K: Ord, V>(old: &'a BTreeMap<K, V>, new: &'a BTreeMap<K, V>) -> Vec<(&'a K, Option<&'a V>, Option<&'a V>)> {
    let keys: BTreeSet<&K> = old.keys().chain(new.keys()).collect();
    keys.into_iter().map(|key| (key, old.get(key), new.get(key))).collect()
}

#[derive(Default)]
struct Collector {
    mismatches: Vec<Mismatch>,
}

impl Collector {
    fn push(&mut self, subject: &Subject, difference: Difference) {
        self.mismatches.push(Mismatch { subject: subject.clone(), difference });
    }

    fn value(&mut self, subject: Subject, key: &'static str, old: &str, new: &str) {
        if old != new {
            self.push(&subject, Difference::Changed { key, from: format!("`{old}`"), to: format!("`{new}`") });
        }
    }

    fn list<T: fmt::Display>(&mut self, subject: Subject, key: &'static str, old: &[T], new: &[T]) {
        let show = |items: &[T]| format!("[{}]", items.iter().map(|item| format!("{:?}", item.to_string())).collect::<Vec<_>>().join(", "));
        let (from, to) = (show(old), show(new));
        if from != to {
            self.push(&subject, Difference::Changed { key, from, to });
        }
    }

    fn holds(&mut self, old: &[Hold], new: &[Hold]) {
        let group = |holds: &[Hold]| {
            let mut groups: BTreeMap<String, Vec<Hold>> = BTreeMap::new();
            for hold in holds {
                groups.entry(hold.package.to_string()).or_default().push(hold.clone());
            }
            groups
        };
        for (package, old, new) in both(&group(old), &group(new)) {
            let subject = Subject::Hold(package.clone());
            match (old, new) {
                (Some(old), Some(new)) => {
                    self.list(
                        subject.clone(),
                        "version",
                        &each(old, |h| Some(h.version.as_str())),
                        &each(new, |h| Some(h.version.as_str())),
                    );
                    self.list(subject.clone(), "until", &each(old, |h| h.until.as_deref()), &each(new, |h| h.until.as_deref()));
                    self.list(subject, "reason", &each(old, |h| h.reason.as_deref()), &each(new, |h| h.reason.as_deref()));
                }
                (None, _) => self.push(&subject, Difference::Added),
                (_, None) => self.push(&subject, Difference::Removed),
            }
        }
    }

    fn repo(&mut self, subject: Subject, old: Option<&RepoPart>, new: Option<&RepoPart>) {
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => (old, new),
            (None, _) => return self.push(&subject, Difference::Added),
            (_, None) => return self.push(&subject, Difference::Removed),
        };
        let (o, n) = (&old.steering, &new.steering);
        let archive = |archive: &Option<String>| archive.clone().unwrap_or_else(|| "a URL".to_owned());
        self.value(subject.clone(), "deb", &archive(&o.archive), &archive(&n.archive));
        self.list(subject.clone(), "suites", &o.suites, &n.suites);
        self.list(subject.clone(), "components", &o.components, &n.components);
        self.list(subject.clone(), "only", &o.only, &n.only);
        self.list(subject.clone(), "exclude", &o.exclude, &n.exclude);
        self.value(subject.clone(), "priority", &o.priority.to_string(), &n.priority.to_string());
        self.value(subject.clone(), "trust", o.trust.as_str(), n.trust.as_str());
        self.list(subject, "key", &old.signed_by, &new.signed_by);
    }

    fn image(&mut self, subject: Subject, old: Option<&ImagePart>, new: Option<&ImagePart>) {
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => (old, new),
            (None, _) => return self.push(&subject, Difference::Added),
            (_, None) => return self.push(&subject, Difference::Removed),
        };
        let base = |extends: &Option<String>| extends.clone().unwrap_or_else(|| "nothing".to_owned());
        self.list(subject.clone(), "arches", &old.arches, &new.arches);
        self.value(subject.clone(), "extends", &base(&old.extends), &base(&new.extends));
        self.value(subject.clone(), "variant", old.steering.variant.as_str(), new.steering.variant.as_str());
        self.value(subject.clone(), "recommends", &old.steering.recommends.to_string(), &new.steering.recommends.to_string());
        self.list(subject.clone(), "exclude", &old.steering.exclude, &new.steering.exclude);
        let written = |image: &ImagePart| -> BTreeSet<String> {
            image.roots.iter().map(|(request, on)| with_bracket(request, on.as_deref())).collect()
        };
        let (old, new) = (written(old), written(new));
        for request in new.difference(&old) {
            self.push(&subject, Difference::RequestAdded(request.clone()));
        }
        for request in old.difference(&new) {
            self.push(&subject, Difference::RequestRemoved(request.clone()));
        }
    }
}

fn each<'a>(holds: &'a [Hold], field: impl Fn(&'a Hold) -> Option<&'a str>) -> Vec<&'a str> {
    holds.iter().filter_map(field).collect()
}
