//! From steering and pins to a lockfile: one cell per package file, sets as indexes into them.

use super::factor::{choose_pool, is_clean_path, is_package_name};
use super::fault::Contradiction;
use super::reference::NameIndex;
use super::{DEFAULT_POOL, Lockfile, Parts, Steering, block_order, name_order};
use crate::pkg::{Architecture, DebVersion, Pin};
use std::collections::{BTreeMap, HashMap};

/// A cell's identity.
type Identity = (String, Architecture, String);

impl Lockfile {
    /// Makes a lockfile of what steered the solver and what it chose.
    ///
    /// `old` only decides which pool directory of a repository goes without saying, so that an update elsewhere never
    /// moves it. The same package file from two repositories becomes one cell, from the repository with the lower
    /// priority number, then the lower name; [`super::settle_repositories`] does better where indexes are at hand.
    pub fn build(parts: Parts, old: Option<&Self>) -> Result<Self, Contradiction> {
        let Parts { steering, ids, pins, accelerators } = parts;
        let steering = steering.normalised()?;
        check_sets(&steering, &pins)?;

        let mut chosen: HashMap<Identity, Pin> = HashMap::new();
        for pin in pins.values().chain(accelerators.values()).flatten() {
            add_cell(&mut chosen, pin, &steering)?;
        }
        let mut cells: Vec<Pin> = chosen.into_values().collect();
        cells.sort_by(block_order);
        check_blocks(&cells)?;

        let position: HashMap<(&str, &Architecture, &str), u32> =
            (0..).zip(&cells).map(|(index, pin)| ((pin.name.as_str(), &pin.architecture, pin.version.as_str()), index)).collect();
        let index = |set: &[Pin]| -> Vec<u32> {
            let mut set: Vec<u32> = set.iter().map(|pin| position[&(pin.name.as_str(), &pin.architecture, pin.version.as_str())]).collect();
            set.sort_by(|a, b| name_order(&cells[*a as usize], &cells[*b as usize]));
            set.dedup();
            set
        };
        let sets: BTreeMap<_, _> = pins.iter().map(|(key, set)| (key.clone(), index(set))).collect();
        let accelerators: BTreeMap<_, _> =
            accelerators.iter().filter(|(_, set)| !set.is_empty()).map(|(host, set)| (host.clone(), index(set))).collect();

        let names = NameIndex::new(&cells);
        for ((image, architecture), set) in &sets {
            check_set(&cells, &names, image, architecture, set)?;
        }
        for (host, set) in &accelerators {
            check_set(&cells, &names, "accelerators", host, set)?;
        }

        let pools = choose_pools(&cells, &steering, old);
        Ok(Self { steering, ids, pools, cells, sets, accelerators })
    }

    /// The pool directory of a repository that goes without saying in its blocks.
    pub(super) fn pool(&self, repo: &str) -> &str {
        self.pools.get(repo).map_or(DEFAULT_POOL, String::as_str)
    }
}

/// Every image has one set per architecture, and no set is nobody's.
fn check_sets(steering: &Steering, pins: &BTreeMap<(String, Architecture), Vec<Pin>>) -> Result<(), Contradiction> {
    for (name, image) in &steering.images {
        for architecture in &image.arches {
            if !pins.contains_key(&(name.clone(), architecture.clone())) {
                return Err(Contradiction::UnknownSet { image: name.clone(), architecture: architecture.clone() });
            }
        }
    }
    for (image, architecture) in pins.keys() {
        if !steering.images.get(image).is_some_and(|part| part.arches.contains(architecture)) {
            return Err(Contradiction::UnknownSet { image: image.clone(), architecture: architecture.clone() });
        }
    }
    Ok(())
}

fn add_cell(chosen: &mut HashMap<Identity, Pin>, pin: &Pin, steering: &Steering) -> Result<(), Contradiction> {
    check_words(pin)?;
    if !steering.repos.contains_key(&pin.repo) {
        return Err(Contradiction::UnknownRepo { name: pin.name.clone(), repo: pin.repo.clone() });
    }
    let identity = (pin.name.clone(), pin.architecture.clone(), pin.version.clone());
    let Some(other) = chosen.get_mut(&identity) else {
        chosen.insert(identity, pin.clone());
        return Ok(());
    };
    if (other.sha256, other.size) != (pin.sha256, pin.size) {
        let (a, b) = if other.repo <= pin.repo { (&*other, pin) } else { (pin, &*other) };
        return Err(Contradiction::TwoContents { pins: Box::new([a.clone(), b.clone()]) });
    }
    let rank = |pin: &Pin| {
        let priority = steering.repos[&pin.repo].steering.priority;
        (priority, pin.repo.clone(), pin.source.clone(), pin.source_version.clone(), pin.path.clone())
    };
    if other != pin && rank(pin) < rank(other) {
        *other = pin.clone();
    }
    Ok(())
}

/// What stands in a lockfile must come back out of it.
fn check_words(pin: &Pin) -> Result<(), Contradiction> {
    let malformed = |text: &str, expected| Err(Contradiction::Malformed { text: text.to_owned(), expected });
    for name in [&pin.name, &pin.source] {
        if !is_package_name(name) {
            return malformed(name, "a package name");
        }
    }
    for version in [&pin.version, &pin.source_version] {
        if version.parse::<DebVersion>().is_err() {
            return malformed(version, "a version");
        }
    }
    if !is_clean_path(&pin.path) {
        return malformed(&pin.path, "a relative path below the repository");
    }
    Ok(())
}

/// No binary package is `all` and something else in one block. `cells` are in block order.
fn check_blocks(cells: &[Pin]) -> Result<(), Contradiction> {
    let same = |a: &Pin, b: &Pin| (&a.source, &a.source_version, &a.repo, &a.name) == (&b.source, &b.source_version, &b.repo, &b.name);
    for binary in cells.chunk_by(same) {
        let independent = binary.iter().find(|pin| pin.architecture.is_independent());
        if let Some(independent) = independent
            && let Some(other) = binary.iter().find(|pin| pin.architecture != independent.architecture)
        {
            return Err(Contradiction::IndependentBesideMachine {
                name: other.name.clone(),
                source_name: other.source.clone(),
                source_version: other.source_version.clone(),
                independent: independent.architecture.clone(),
                architecture: other.architecture.clone(),
            });
        }
    }
    Ok(())
}

/// An image has each package once per architecture, and every one of them can be named. `set` is in name order.
pub(super) fn check_set(
    cells: &[Pin],
    names: &NameIndex<'_>,
    image: &str,
    architecture: &Architecture,
    set: &[u32],
) -> Result<(), Contradiction> {
    let native = |pin: &Pin| pin.architecture == *architecture || pin.architecture.is_independent();
    for pair in set.chunk_by(|a, b| cells[*a as usize].name == cells[*b as usize].name) {
        for (at, &left) in pair.iter().enumerate() {
            let left_pin = &cells[left as usize];
            for &right in &pair[at + 1..] {
                let right_pin = &cells[right as usize];
                if left_pin.architecture == right_pin.architecture || native(left_pin) && native(right_pin) {
                    return Err(Contradiction::TwiceInImage {
                        image: image.to_owned(),
                        name: left_pin.name.clone(),
                        architecture: architecture.clone(),
                        versions: [left_pin.version.clone(), right_pin.version.clone()],
                    });
                }
            }
            if native(left_pin) {
                let same = |cell: &u32| *cell != left && cells[*cell as usize].version == left_pin.version;
                if let Some(other) = names.candidates(&left_pin.name, None, architecture).find(same) {
                    let mut architectures = [left_pin.architecture.clone(), cells[other as usize].architecture.clone()];
                    architectures.sort_by_key(|arch| !arch.is_independent());
                    return Err(Contradiction::Unnameable {
                        name: left_pin.name.clone(),
                        version: left_pin.version.clone(),
                        architectures,
                    });
                }
            }
        }
    }
    Ok(())
}

fn choose_pools(cells: &[Pin], steering: &Steering, old: Option<&Lockfile>) -> BTreeMap<String, String> {
    let pool = |repo: &String| {
        let old = old.filter(|old| old.repos().contains_key(repo)).map(|old| old.pool(repo));
        choose_pool(cells, repo, old)
    };
    steering.repos.keys().map(|repo| (repo.clone(), pool(repo))).filter(|(_, pool)| pool != DEFAULT_POOL).collect()
}
