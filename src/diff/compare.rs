//! Two sides ► a [`Comparison`].

use super::classify::Sources;
use super::facts::Facts;
use super::places;
use super::report::{Comparison, Group, Held, IdChange, Status, TrustChange};
use super::sides::Side;
use crate::lock::{Difference, Id, Lockfile, Subject, id_line};
use crate::pkg::{Hold, Pin, Trust, version};
use std::collections::{BTreeMap, BTreeSet};

/// Compares the lockfiles of a manifest. Without an old one everything is new, without a new one everything is gone.
pub fn compare(name: &str, old: Option<&Lockfile>, new: Option<&Lockfile>, facts: &Facts) -> Comparison {
    // Most often nothing changed, and that is cheap to see.
    if let (Some(old), Some(new)) = (old, new)
        && old == new
    {
        return unchanged(name, &Side::of_lockfile(new));
    }
    compare_sides(name, old.map(Side::of_lockfile), new.map(Side::of_lockfile), facts)
}

fn unchanged(name: &str, side: &Side<'_>) -> Comparison {
    Comparison {
        name: name.to_owned(),
        renamed_from: None,
        status: Status::Unchanged,
        counts: super::Counts::default(),
        sources: vec![],
        images: vec![],
        skew: places::skew(side, side),
        holds: vec![],
        trust: vec![],
        steering: vec![],
        ids: vec![],
        not_read: vec![],
    }
}

/// Compares two sides of any kind; a side that is missing has nothing.
pub fn compare_sides(name: &str, old: Option<Side<'_>>, new: Option<Side<'_>>, facts: &Facts) -> Comparison {
    let status = match (&old, &new) {
        (None, _) => Status::Added,
        (_, None) => Status::Removed,
        _ => Status::Changed,
    };
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let pairs = places::Pairs::of(&old, &new);
    let (mut sources, counts) = Sources::of(&old, &new, &pairs).report(facts);
    sources.sort_by(|a, b| (a.group, &a.name).cmp(&(b.group, &b.name)));
    let mut comparison = Comparison {
        name: name.to_owned(),
        renamed_from: None,
        status,
        counts,
        sources,
        images: places::images(&old, &new, &pairs, facts),
        skew: places::skew(&old, &new),
        holds: vec![],
        trust: vec![],
        steering: vec![],
        ids: vec![],
        not_read: not_read(&old, &new, facts),
    };
    let locks = (old.lockfile, new.lockfile);
    if let (_, Some(new)) = locks {
        comparison.holds = holds(old.lockfile, new);
    }
    if locks.0.is_some() || locks.1.is_some() {
        (comparison.trust, comparison.steering) = said(old.lockfile, new.lockfile);
        comparison.ids = ids(old.lockfile, new.lockfile);
    }
    let same_words = comparison.trust.is_empty() && comparison.steering.is_empty() && comparison.ids.is_empty();
    if status == Status::Changed && comparison.sources.is_empty() && comparison.images.is_empty() && same_words {
        comparison.status = Status::Unchanged;
    }
    comparison
}

/// Packages that are only on one side and were not looked into.
fn not_read(old: &Side<'_>, new: &Side<'_>, facts: &Facts) -> Vec<String> {
    let digests = |side: &Side<'_>| side.cells.iter().map(|pin| pin.sha256).collect::<std::collections::HashSet<_>>();
    let (before, after) = (digests(old), digests(new));
    let changed = |pin: &&&Pin| before.contains(&pin.sha256) != after.contains(&pin.sha256);
    let missing = |pin: &&&Pin| !facts.contents.contains_key(&pin.sha256);
    let names: BTreeSet<String> = old
        .cells
        .iter()
        .chain(&new.cells)
        .filter(changed)
        .filter(missing)
        .map(|pin| format!("{} {} {}", pin.name, pin.version, pin.architecture))
        .collect();
    names.into_iter().collect()
}

/// What two lockfiles' manifests say differently: about trust, and about the rest.
fn said(old: Option<&Lockfile>, new: Option<&Lockfile>) -> (Vec<TrustChange>, Vec<String>) {
    let (mut trust, mut steering) = (vec![], vec![]);
    let unsigned = |lockfile: Option<&Lockfile>, repo: &str| {
        lockfile.and_then(|lockfile| lockfile.repos().get(repo)).is_some_and(|part| part.steering.trust == Trust::None)
    };
    let mut tell = |repo: &str, text: String, weaker: bool| trust.push(TrustChange { repo: repo.to_owned(), text, weaker });
    for mismatch in old.zip(new).map(|(old, new)| old.differences(new)).unwrap_or_default() {
        let text = mismatch.to_string();
        let Subject::Repository(repo) = &mismatch.subject else {
            steering.push(text);
            continue;
        };
        match &mismatch.difference {
            Difference::Added => {
                let keys = new.map_or(&[][..], |new| new.repos()[repo].signed_by.as_slice());
                let by = if keys.is_empty() { String::new() } else { format!(", signed by {}", keys.join(", ")) };
                tell(repo, format!("{text}{by}"), unsigned(new, repo));
            }
            Difference::Removed => tell(repo, text, false),
            Difference::Changed { key: "trust", .. } => tell(repo, text, unsigned(new, repo)),
            // A key more is somebody more who is believed.
            Difference::Changed { key: "key", .. } => {
                let keys = |lockfile: Option<&Lockfile>| -> BTreeSet<String> {
                    lockfile.map(|lockfile| lockfile.repos()[repo].signed_by.iter().cloned().collect()).unwrap_or_default()
                };
                tell(repo, text, !keys(new).is_subset(&keys(old)));
            }
            Difference::Changed { key: "deb", .. } => tell(repo, text, false),
            _ => steering.push(text),
        }
    }
    // Of a lockfile that is new, all of it is.
    for (name, part) in new.filter(|_| old.is_none()).map(Lockfile::repos).into_iter().flatten() {
        if part.steering.trust != Trust::None {
            tell(name, format!("repository `{name}` is signed by {}", part.signed_by.join(", ")), false);
        }
    }
    // What is trusted without a signature is said every time.
    for repo in new.map(Lockfile::repos).into_iter().flatten().filter(|(_, part)| part.steering.trust == Trust::None) {
        tell(repo.0, format!("repository `{}` is trusted without a signature", repo.0), !unsigned(old, repo.0));
    }
    (trust, steering)
}

/// The holds of a lockfile, and what they hold.
fn holds(old: Option<&Lockfile>, new: &Lockfile) -> Vec<Held> {
    let before = old.map_or(&[][..], |old| old.steering().holds.as_slice());
    let held = |hold: &Hold| {
        let meant: Vec<&Pin> =
            new.cells().iter().filter(|pin| hold.package.matches(&pin.name) || hold.package.matches(&pin.source)).collect();
        let inside = |pin: &&&Pin| hold.version.matches(&pin.version) || hold.version.matches(version::without_epoch(&pin.version));
        let pins: BTreeSet<String> = meant.iter().filter(inside).map(|pin| format!("{} {}", pin.name, pin.version)).collect();
        // Of one source, what is further than the lowest version that is held.
        let mut lowest: BTreeMap<&str, &str> = BTreeMap::new();
        for pin in meant.iter().filter(inside) {
            let entry = lowest.entry(&pin.source).or_insert(&pin.source_version);
            if version::compare(&pin.source_version, entry).is_lt() {
                *entry = &pin.source_version;
            }
        }
        let further = |pin: &&Pin| lowest.get(pin.source.as_str()).is_some_and(|held| version::compare(&pin.source_version, held).is_gt());
        let ahead: BTreeSet<String> = new.cells().iter().filter(further).map(|pin| format!("{} {}", pin.name, pin.version)).collect();
        Held {
            package: hold.package.to_string(),
            version: hold.version.to_string(),
            reason: hold.reason.clone(),
            until: hold.until.clone(),
            new: old.is_some() && !before.contains(hold),
            pins: pins.into_iter().collect(),
            ahead: ahead.into_iter().collect(),
        }
    };
    new.steering().holds.iter().map(held).collect()
}

fn ids(old: Option<&Lockfile>, new: Option<&Lockfile>) -> Vec<IdChange> {
    let empty = BTreeMap::new();
    let table = |lockfile: Option<&'_ Lockfile>| -> BTreeMap<String, Id> { lockfile.map_or(&empty, Lockfile::ids).clone() };
    let (old, new) = (table(old), table(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let written = |name: &str, id: Option<&Id>| {
        id.map(|id| id_line(name, *id)).and_then(|line| line.split_once(" = ").map(|(_, value)| value.to_owned()))
    };
    let change = |name: &String| {
        let (from, to) = (written(name, old.get(name)), written(name, new.get(name)));
        (from != to).then(|| IdChange { name: name.clone(), from, to })
    };
    names.into_iter().filter_map(change).collect()
}

impl Group {
    /// The heading of this part of the report.
    pub fn title(self) -> &'static str {
        match self {
            Self::Security => "Security updates",
            Self::Boot => "Kernel, boot and init",
            Self::Downgraded => "Downgrades",
            Self::Added => "New source packages",
            Self::Removed => "Source packages that are gone",
            Self::Other => "Other updates",
        }
    }
}
