//! Image by image and architecture by architecture: who came, who went, how large it is.

use super::facts::Facts;
use super::report::{Arrival, ImageChange, Reason, Row, Skew, SkewVersion, Status};
use super::sides::{Side, label};
use crate::pkg::{Architecture, Pin, version};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An image on an architecture.
type Place<'a> = (&'a str, &'a Architecture);

/// What stands in whose place.
pub(super) struct Pairs<'a> {
    by_place: BTreeMap<Place<'a>, Paired<'a>>,
}

/// One place on both sides.
#[derive(Default)]
struct Paired<'a> {
    on_old: bool,
    on_new: bool,
    same: usize,
    changed: Vec<(&'a Pin, &'a Pin)>,
    added: Vec<&'a Pin>,
    removed: Vec<&'a Pin>,
}

impl<'a> Pairs<'a> {
    pub(super) fn of(old: &Side<'a>, new: &Side<'a>) -> Self {
        let places: BTreeSet<Place<'a>> = old.sets.keys().chain(new.sets.keys()).copied().collect();
        let by_place = places.into_iter().map(|place| (place, Paired::of(place.1, old.sets.get(&place), new.sets.get(&place)))).collect();
        Self { by_place }
    }

    /// Every package that another file takes the place of, image by image.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&'a Pin, &'a Pin)> {
        self.by_place.values().flat_map(|paired| paired.changed.iter().copied())
    }
}

impl<'a> Paired<'a> {
    fn of(architecture: &Architecture, old: Option<&Vec<&'a Pin>>, new: Option<&Vec<&'a Pin>>) -> Self {
        let mut paired = Self { on_old: old.is_some(), on_new: new.is_some(), ..Self::default() };
        // What is native may become independent of the machine, and is the same package still.
        let foreign = |pin: &'a Pin| (pin.architecture != *architecture && !pin.architecture.is_independent()).then_some(&pin.architecture);
        let key = |pin: &'a Pin| (pin.name.as_str(), foreign(pin));
        let mut before: HashMap<_, &'a Pin> = old.into_iter().flatten().map(|pin| (key(pin), *pin)).collect();
        for pin in new.into_iter().flatten() {
            match before.remove(&key(pin)) {
                None => paired.added.push(pin),
                Some(old) if old.sha256 == pin.sha256 => paired.same += 1,
                Some(old) => paired.changed.push((old, pin)),
            }
        }
        paired.removed = before.into_values().collect();
        paired.removed.sort_by_key(|pin| (&pin.name, &pin.architecture));
        paired
    }

    fn row(&self, architecture: &Architecture, old: &Side<'a>, new: &Side<'a>, place: Place<'a>, facts: &Facts) -> Row {
        let total = |side: &Side<'a>| side.sets.get(&place).into_iter().flatten().map(|pin| pin.size).sum::<u64>();
        let files = [(old, self.on_old), (new, self.on_new)].iter().all(|(side, there)| !there || side.has_files());
        let (before, after) = (total(old), total(new));
        let order = |(old, new): &(&Pin, &Pin)| version::compare(&new.version, &old.version);
        let known: HashSet<_> = old.cells.iter().map(|pin| pin.sha256).collect();
        let fresh = self.added.iter().copied().chain(self.changed.iter().map(|(_, new)| *new)).filter(|pin| !known.contains(&pin.sha256));
        Row {
            arch: architecture.to_string(),
            packages: self.same + self.changed.len() + self.added.len(),
            added: self.added.len(),
            removed: self.removed.len(),
            updated: self.changed.iter().filter(|pair| order(pair).is_gt()).count(),
            downgraded: self.changed.iter().filter(|pair| order(pair).is_lt()).count(),
            rebuilt: self.changed.iter().filter(|pair| order(pair).is_eq()).count(),
            download: files.then_some(after),
            download_change: files.then(|| signed(after) - signed(before)),
            fetch: files.then(|| fresh.map(|pin| pin.size).sum()),
            installed_change: self.installed_change(facts),
        }
    }

    /// How much the installed size grew; packages that stayed cancel out.
    fn installed_change(&self, facts: &Facts) -> Option<i64> {
        let of = |pin: &Pin| facts.contents.get(&pin.sha256).map(|contents| signed(contents.installed));
        let come = self.added.iter().copied().chain(self.changed.iter().map(|(_, new)| *new));
        let gone = self.removed.iter().copied().chain(self.changed.iter().map(|(old, _)| *old));
        let grown = come.map(of).sum::<Option<i64>>()?;
        Some(grown - gone.map(of).sum::<Option<i64>>()?)
    }

    fn is_same(&self) -> bool {
        self.changed.is_empty() && self.added.is_empty() && self.removed.is_empty() && self.on_old == self.on_new
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The images whose packages differ.
pub(super) fn images(old: &Side<'_>, new: &Side<'_>, pairs: &Pairs<'_>, facts: &Facts) -> Vec<ImageChange> {
    let (before, after): (HashSet<&str>, HashSet<&str>) = (old.images().into_iter().collect(), new.images().into_iter().collect());
    let mut by_image: BTreeMap<&str, Vec<(&Architecture, &Paired<'_>)>> = BTreeMap::new();
    for ((image, architecture), paired) in &pairs.by_place {
        by_image.entry(image).or_default().push((architecture, paired));
    }
    by_image.retain(|_, places| !places.iter().all(|(_, paired)| paired.is_same()));
    let change = |(image, places): (&str, Vec<(&Architecture, &Paired<'_>)>)| {
        let status = match (before.contains(image), after.contains(image)) {
            (false, _) => Status::Added,
            (_, false) => Status::Removed,
            _ => Status::Changed,
        };
        let arches = |on: fn(&Paired<'_>) -> bool| places.iter().filter(|(_, paired)| on(paired)).count();
        let added = places.iter().map(|(arch, paired)| (*arch, paired.added.as_slice()));
        let removed = places.iter().map(|(arch, paired)| (*arch, paired.removed.as_slice()));
        ImageChange {
            image: image.to_owned(),
            status,
            added: arrivals(image, added, arches(|paired| paired.on_new), &facts.arrivals),
            removed: arrivals(image, removed, arches(|paired| paired.on_old), &facts.departures),
            rows: places.iter().map(|(arch, paired)| paired.row(arch, old, new, (image, *arch), facts)).collect(),
        }
    };
    by_image.into_iter().map(change).collect()
}

/// Packages that came or went; architectures with the same version and reason share a line.
fn arrivals<'a, 'p: 'a>(
    image: &str,
    places: impl Iterator<Item = (&'a Architecture, &'a [&'p Pin])>,
    arches: usize,
    reasons: &BTreeMap<super::ReasonKey, Reason>,
) -> Vec<Arrival> {
    let mut lines: BTreeMap<(String, &str, &str, Reason), Vec<String>> = BTreeMap::new();
    for (architecture, pins) in places {
        for pin in pins {
            let label = label(pin, architecture);
            let key = (image.to_owned(), architecture.clone(), label.clone());
            let not_known = || Reason::NotKnown { reason: "it was not looked for".to_owned() };
            let reason = reasons.get(&key).cloned().unwrap_or_else(not_known);
            lines.entry((label, &pin.version, &pin.source, reason)).or_default().push(architecture.to_string());
        }
    }
    let arrival = |((package, version, source, reason), on): ((String, &str, &str, Reason), Vec<String>)| Arrival {
        package,
        version: version.to_owned(),
        source: source.to_owned(),
        everywhere: on.len() == arches,
        arches: on,
        reason,
    };
    lines.into_iter().map(arrival).collect()
}

/// Source packages that the new side has at several versions.
pub(super) fn skew(old: &Side<'_>, new: &Side<'_>) -> Vec<Skew> {
    let before = skewed(old);
    let skew = |(source, versions): (&str, BTreeMap<&str, BTreeMap<String, Vec<String>>>)| {
        let mut sorted: Vec<_> =
            versions.iter().map(|(version, images)| SkewVersion { version: (*version).to_owned(), images: images.clone() }).collect();
        sorted.sort_by(|a, b| version::compare(&a.version, &b.version).then_with(|| a.version.cmp(&b.version)));
        Skew { source: source.to_owned(), new: before.get(source) != Some(&versions), versions: sorted }
    };
    skewed(new).into_iter().map(skew).collect()
}

/// Of each source with several versions: who has which.
fn skewed<'a>(side: &Side<'a>) -> BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<String, Vec<String>>>> {
    let mut first: HashMap<&str, &str> = HashMap::new();
    let mut found: BTreeMap<&str, BTreeMap<&str, BTreeMap<String, Vec<String>>>> = BTreeMap::new();
    for pin in &side.cells {
        if *first.entry(&pin.source).or_insert(&pin.source_version) != pin.source_version {
            found.entry(&pin.source).or_default();
        }
    }
    for ((image, architecture), set) in &side.sets {
        for pin in set {
            let Some(versions) = found.get_mut(pin.source.as_str()) else { continue };
            let arches = versions.entry(&pin.source_version).or_default().entry((*image).to_owned()).or_default();
            let name = architecture.to_string();
            if arches.last() != Some(&name) {
                arches.push(name);
            }
        }
    }
    // Versions that only accelerators have are nobody's.
    found.retain(|_, versions| versions.len() > 1);
    found
}
