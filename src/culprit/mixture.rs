//! A lockfile between two others: some source packages as in the new one, the rest as in the old one.

use crate::lock::{Contradiction, Lockfile, Parts};
use crate::pkg::{Architecture, Pin};
use std::collections::{BTreeMap, BTreeSet};

/// The source packages whose pins are not the same in both lockfiles, or not in the same images.
pub fn changed_sources(old: &Lockfile, new: &Lockfile) -> BTreeSet<String> {
    let (old, new) = (&old.to_parts().pins, &new.to_parts().pins);
    let mut changed = BTreeSet::new();
    for (key, pins) in new {
        let before: BTreeSet<&Pin> = old.get(key).into_iter().flatten().collect();
        let now: BTreeSet<&Pin> = pins.iter().collect();
        // An image that is new has nothing to stay at.
        if old.contains_key(key) {
            changed.extend(before.symmetric_difference(&now).map(|pin| pin.source.clone()));
        }
    }
    changed
}

/// The set of one image in a mixture: `old` pins of source packages that stay, and `new` ones of those that are `moved`.
pub(super) fn mix_set<'p>(
    old: &'p [Pin],
    new: &'p [Pin],
    moved: &'p BTreeSet<String>,
    changed: &'p BTreeSet<String>,
) -> impl Iterator<Item = &'p Pin> {
    let stays = move |pin: &&Pin| changed.contains(&pin.source) && !moved.contains(&pin.source);
    let staying = old.iter().filter(stays);
    let coming = new.iter().filter(move |pin| !stays(pin));
    staying.chain(coming)
}

/// The lockfile with the `moved` source packages as `new` has them and the other changed ones as `old` has them.
///
/// All else is as in `new`: what steers the solver, repositories, the list of images. An image that `old` does not have is
/// taken whole. With nothing moved and nothing else changed the result is `old`, with everything moved it is `new`.
///
/// # Errors
/// When the two do not fit together, for example where `new` does not have a repository any more.
pub fn mix(old: &Lockfile, new: &Lockfile, moved: &BTreeSet<String>) -> Result<Lockfile, Contradiction> {
    let changed = changed_sources(old, new);
    let before = old.to_parts();
    let mut parts: Parts = new.to_parts();
    let mut pins: BTreeMap<(String, Architecture), Vec<Pin>> = BTreeMap::new();
    for (key, now) in &parts.pins {
        let set = match before.pins.get(key) {
            None => now.clone(),
            Some(old) => mix_set(old, now, moved, &changed).cloned().collect(),
        };
        pins.insert(key.clone(), set);
    }
    parts.pins = pins;
    for (name, id) in before.ids {
        parts.ids.entry(name).or_insert(id);
    }
    Lockfile::build(parts, Some(old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::culprit::changes::tests::{lockfile, sources};

    #[test]
    fn the_two_ends_are_the_two_lockfiles() {
        let (old, new) = (lockfile(&[("a", "1"), ("b", "1"), ("gone", "1")]), lockfile(&[("a", "2"), ("b", "1"), ("come", "1")]));
        assert_eq!(changed_sources(&old, &new), sources(&["a", "come", "gone"]));
        assert_eq!(mix(&old, &new, &BTreeSet::new()).unwrap().render(), old.render());
        assert_eq!(mix(&old, &new, &changed_sources(&old, &new)).unwrap().render(), new.render());
        let between = mix(&old, &new, &sources(&["come", "gone"])).unwrap();
        let names: Vec<String> = between.cells().iter().map(|pin| format!("{} {}", pin.name, pin.version)).collect();
        assert_eq!(names, ["a 1", "b 1", "come 1"]);
    }
}
