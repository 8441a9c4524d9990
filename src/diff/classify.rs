//! Source by source: what happened, and how much it matters.

use super::facts::Facts;
use super::places::Pairs;
use super::report::{Changelog, Counts, Group, Kind, PackageChange, Security, SourceChange};
use super::sides::Side;
use super::{alerts, roles};
use crate::pkg::{Architecture, Pin, Sha256, version};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The pins of one source package on both sides.
#[derive(Default)]
struct Both<'a> {
    old: Vec<&'a Pin>,
    new: Vec<&'a Pin>,
}

/// All source packages of two sides.
pub(super) struct Sources<'a> {
    by_name: BTreeMap<&'a str, Both<'a>>,
    images: BTreeMap<&'a str, BTreeSet<&'a str>>,
    security_repos: HashSet<&'a str>,
    /// Sources with a binary package that went back in some image, with each of these: what it was, and what it is.
    lowered: BTreeMap<&'a str, Vec<(&'a Pin, &'a Pin)>>,
    /// Sources with a binary package that another version, or another source, had before.
    replacing: HashSet<&'a str>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(old: &Side<'a>, new: &Side<'a>, pairs: &Pairs<'a>) -> Self {
        let mut by_name: BTreeMap<&str, Both<'a>> = BTreeMap::new();
        old.cells.iter().for_each(|pin| by_name.entry(&pin.source).or_default().old.push(pin));
        new.cells.iter().for_each(|pin| by_name.entry(&pin.source).or_default().new.push(pin));
        let mut images: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for side in [old, new] {
            for ((image, _), set) in &side.sets {
                set.iter().for_each(|pin| {
                    images.entry(&pin.source).or_default().insert(image);
                });
            }
        }
        let changed = || pairs.changed();
        let mut lowered: BTreeMap<&str, Vec<(&Pin, &Pin)>> = BTreeMap::new();
        for (old, new) in changed().filter(|(old, new)| version::compare(&new.version, &old.version).is_lt()) {
            lowered.entry(&new.source).or_default().push((old, new));
        }
        Self {
            by_name,
            images,
            security_repos: new.security_repos(),
            lowered,
            replacing: changed().map(|(_, new)| new.source.as_str()).collect(),
        }
    }

    /// The sources that changed, by name, and how many of each kind there are.
    pub(super) fn report(&self, facts: &Facts) -> (Vec<SourceChange>, Counts) {
        let mut counts = Counts::default();
        let changes: Vec<SourceChange> = self.by_name.iter().filter_map(|(name, both)| self.change(name, both, facts)).collect();
        for change in &changes {
            counts.sources += 1;
            counts.security += usize::from(change.security.is_some());
            *match change.kind {
                Kind::Added => &mut counts.added,
                Kind::Removed => &mut counts.removed,
                Kind::Updated => &mut counts.updated,
                Kind::Downgraded => &mut counts.downgraded,
                Kind::Rebuilt => &mut counts.rebuilt,
                Kind::Moved => &mut counts.moved,
            } += 1;
        }
        (changes, counts)
    }

    fn change(&self, name: &str, both: &Both<'_>, facts: &Facts) -> Option<SourceChange> {
        let (from, to) = (versions(&both.old), versions(&both.new));
        let repos = |pins: &[&Pin]| pins.iter().map(|pin| pin.repo.clone()).filter(|repo| !repo.is_empty()).collect::<BTreeSet<_>>();
        let (from_repos, to_repos) = (repos(&both.old), repos(&both.new));
        let packages = packages(both);
        let kind = match (from.is_empty(), to.is_empty()) {
            (true, _) => Kind::Added,
            (_, true) => Kind::Removed,
            _ if self.lowered.contains_key(name) => Kind::Downgraded,
            _ if from != to => Kind::Updated,
            _ if is_rebuilt(both) => Kind::Rebuilt,
            _ if from_repos != to_repos => Kind::Moved,
            // Same version, other binary packages of it: the images' lists tell that.
            _ => return None,
        };
        let (changelog, ids) = match facts.changelogs.get(name) {
            Some((changelog, ids)) => (changelog.clone(), ids.clone()),
            None if kind == Kind::Updated => (Changelog::NotRead { reason: "it was not looked for".to_owned() }, vec![]),
            None => (Changelog::None, vec![]),
        };
        let security = self.security(name, kind, both, ids);
        let role = roles::role(packages.iter().map(|package| package.name.as_str()));
        let group = match (kind, &security, role) {
            (_, Some(_), _) => Group::Security,
            (_, _, Some(_)) => Group::Boot,
            (Kind::Downgraded, ..) => Group::Downgraded,
            // It took a binary package over, and has an older one.
            (Kind::Added, ..) if self.lowered.contains_key(name) => Group::Downgraded,
            (Kind::Added, ..) => Group::Added,
            (Kind::Removed, ..) => Group::Removed,
            _ => Group::Other,
        };
        Some(SourceChange {
            name: name.to_owned(),
            kind,
            group,
            role,
            security,
            from,
            to,
            from_repos: from_repos.into_iter().collect(),
            to_repos: to_repos.into_iter().collect(),
            packages,
            lowered: self.lowered(name),
            images: self.images.get(name).into_iter().flatten().map(|image| (*image).to_owned()).collect(),
            changelog,
            alerts: alerts::of_source(&both.old, &both.new, facts),
        })
    }

    /// The binary packages that went back although the versions of the source do not tell so: those of another source, and
    /// those of a source that did not go back itself.
    fn lowered(&self, name: &str) -> Vec<String> {
        let untold =
            |(old, new): &&(&Pin, &Pin)| old.source != new.source || version::compare(&new.source_version, &old.source_version).is_ge();
        let line = |(old, new): &(&Pin, &Pin)| format!("{} {} ► {}", new.name, old.version, new.version);
        let lines: BTreeSet<String> = self.lowered.get(name).into_iter().flatten().filter(untold).map(line).collect();
        lines.into_iter().collect()
    }

    /// Why a change is a security update: it brings files from a security repository, or its changelog names flaws.
    fn security(&self, name: &str, kind: Kind, both: &Both<'_>, ids: Vec<String>) -> Option<Security> {
        let updates = match kind {
            Kind::Updated | Kind::Rebuilt => true,
            // A source that takes over another one's binary packages.
            Kind::Added => self.replacing.contains(name) && !self.lowered.contains_key(name),
            Kind::Downgraded | Kind::Removed | Kind::Moved => false,
        };
        let before: HashSet<Sha256> = both.old.iter().map(|pin| pin.sha256).collect();
        let repos: BTreeSet<&String> = both
            .new
            .iter()
            .filter(|pin| !before.contains(&pin.sha256) && self.security_repos.contains(pin.repo.as_str()))
            .map(|pin| &pin.repo)
            .collect();
        let is_security = updates && (!repos.is_empty() || !ids.is_empty());
        is_security.then(|| Security { repos: repos.into_iter().cloned().collect(), ids })
    }
}

/// The distinct source versions of some pins, in dpkg's order.
fn versions(pins: &[&Pin]) -> Vec<String> {
    sorted(pins.iter().map(|pin| pin.source_version.as_str()).collect())
}

fn sorted(mut versions: Vec<&str>) -> Vec<String> {
    versions.sort_by(|a, b| version::compare(a, b).then_with(|| a.cmp(b)));
    versions.dedup();
    versions.into_iter().map(str::to_owned).collect()
}

/// Whether a binary package that both sides have is other files now.
fn is_rebuilt(both: &Both<'_>) -> bool {
    fn files<'p>(pins: &[&'p Pin]) -> BTreeMap<(&'p str, &'p Architecture), BTreeSet<Sha256>> {
        let mut files: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        pins.iter().for_each(|pin| {
            files.entry((pin.name.as_str(), &pin.architecture)).or_default().insert(pin.sha256);
        });
        files
    }
    let old = files(&both.old);
    files(&both.new).iter().any(|(key, digests)| old.get(key).is_some_and(|old| old != digests))
}

/// The binary packages that differ; architectures with the same change share a line.
fn packages(both: &Both<'_>) -> Vec<PackageChange> {
    type Versions<'v> = BTreeSet<(&'v str, Sha256)>;
    let mut cells: BTreeMap<(&str, &Architecture), [Versions<'_>; 2]> = BTreeMap::new();
    for (at, pins) in [&both.old, &both.new].into_iter().enumerate() {
        for pin in pins {
            cells.entry((&pin.name, &pin.architecture)).or_default()[at].insert((&pin.version, pin.sha256));
        }
    }
    let mut lines: BTreeMap<(&str, [Vec<String>; 2]), Vec<String>> = BTreeMap::new();
    for ((name, architecture), sides) in cells {
        if sides[0] != sides[1] {
            let versions = sides.map(|side| sorted(side.into_iter().map(|(version, _)| version).collect()));
            lines.entry((name, versions)).or_default().push(architecture.to_string());
        }
    }
    lines.into_iter().map(|((name, [from, to]), arches)| PackageChange { name: name.to_owned(), arches, from, to }).collect()
}
