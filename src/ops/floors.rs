//! What keeps pins from going back: no version moves down by itself.
//!
//! A mirror may go back, an archive may take a package out, another repository may put an older version in front. None of it
//! is a reason for an image to get something older. apt does not go back either. What the user changes may: a hold, a
//! request with a version, a repository, a past moment; so may what nothing vouches for but the user, a directory of package
//! files.

use super::kept;
use super::lock::Options;
use crate::index::Universe;
use crate::lock::{Difference, Lockfile, Mismatch, Steering, Subject};
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Hold, Pin, Request, RequestTarget, Sha256, version};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The pins that nothing older may take the place of, by image and architecture.
#[derive(Clone, Debug, Default)]
pub struct Floors<'a> {
    pins: BTreeMap<(String, Architecture), Vec<&'a Pin>>,
    /// Whether something may go back because the user has changed something.
    pub has_moves: bool,
}

/// What floors are made from.
pub struct Ground<'o, 'g> {
    /// The manifest.
    pub manifest: &'g Manifest,
    /// What it says about the solver.
    pub steering: &'g Steering,
    /// What is pinned.
    pub old: &'o Lockfile,
    /// The holds in force.
    pub holds: &'g [Hold],
    /// What each architecture may choose from.
    pub universes: &'g [(Architecture, Universe)],
}

/// The keys of a repository that say which versions come from it, and who vouches for them: what nobody vouches for who is
/// accepted now is no version to stay at.
const KEYS: [&str; 8] = ["deb", "suites", "components", "only", "exclude", "priority", "trust", "key"];

impl<'a> Floors<'a> {
    /// None where the user asks for a past moment, or lets versions go back.
    pub fn new(ground: &Ground<'a, '_>, options: &Options) -> Self {
        let mut floors = Self::default();
        if options.allow_downgrade || options.at.is_some() {
            return floors;
        }
        // A manifest that contradicts itself is refused elsewhere.
        let changes = ground.old.compare(ground.steering).unwrap_or_default();
        let repos = changed_repositories(&changes);
        for (architecture, universe) in ground.universes {
            for image in ground.manifest.images.values().filter(|image| image.arches.contains(architecture)) {
                let Ok(pins) = ground.old.iter_pins(&image.name, architecture) else { continue };
                let resolved = ground.manifest.flatten(&image.name).expect("the image is one of the manifest's");
                let requests = resolved.requests(architecture);
                let asked = changed_requests(ground.manifest, &changes, &image.name);
                let moves = |pin: &Pin| {
                    is_held_elsewhere(ground.holds, pin)
                        || is_asked_otherwise(&requests, &asked, universe, pin)
                        || is_of_changed(&repos, universe, pin)
                        || ground.manifest.repos.get(&pin.repo).is_none_or(|repo| repo.directory.is_some())
                };
                let (moved, kept): (Vec<&'a Pin>, Vec<&'a Pin>) = pins.partition(|pin| moves(pin));
                floors.has_moves |= !moved.is_empty();
                floors.pins.insert((image.name.clone(), architecture.clone()), kept);
            }
        }
        floors
    }

    /// Those of an image.
    pub fn of(&self, image: &str, architecture: &Architecture) -> &[&'a Pin] {
        self.pins.get(&(image.to_owned(), architecture.clone())).map_or(&[], Vec::as_slice)
    }

    /// Those of all images of an architecture, each once.
    pub fn of_architecture(&self, architecture: &Architecture) -> Vec<Pin> {
        let of_architecture = self.pins.iter().filter(|((_, arch), _)| arch == architecture);
        let pins: BTreeSet<&Pin> = of_architecture.flat_map(|(_, pins)| pins.iter().copied()).collect();
        pins.into_iter().cloned().collect()
    }

    /// The pins that something older has taken the place of in `sets`.
    pub fn undercut(&self, sets: &BTreeMap<(String, Architecture), Vec<Pin>>) -> Vec<(Architecture, Pin)> {
        let mut found = BTreeSet::new();
        for ((image, architecture), floors) in &self.pins {
            let chosen = sets.get(&(image.clone(), architecture.clone())).map_or(&[][..], Vec::as_slice);
            let mut by_name: BTreeMap<&str, Vec<&Pin>> = BTreeMap::new();
            chosen.iter().for_each(|pin| by_name.entry(&pin.name).or_default().push(pin));
            for &floor in floors {
                let older = |pin: &&&Pin| is_same(architecture, pin, floor) && version::compare(&pin.version, &floor.version).is_lt();
                if by_name.get(floor.name.as_str()).is_some_and(|pins| pins.iter().any(|pin| older(&pin))) {
                    found.insert((architecture.clone(), floor.clone()));
                }
            }
        }
        found.into_iter().collect()
    }
}

/// Whether two pins take the same place in an image of an architecture.
pub fn is_same(native: &Architecture, one: &Pin, other: &Pin) -> bool {
    let is_native = |pin: &Pin| pin.architecture == *native || pin.architecture.is_independent();
    one.name == other.name && (one.architecture == other.architecture || is_native(one) && is_native(other))
}

/// Whether no index offers a pin's version or a newer one that might be taken.
pub fn has_left(universe: &Universe, native: &Architecture, pin: &Pin, holds: &[Hold]) -> bool {
    let allowed = |name: &str, source: &str, version: &str| holds.iter().all(|hold| !hold.names(name, source) || hold.allows(version));
    !universe.installable(native, pin).any(|listing| {
        let package = listing.package;
        version::compare(package.version(), &pin.version).is_ge() && allowed(package.name(), package.source(), package.version())
    })
}

fn changed_repositories(changes: &[Mismatch]) -> BTreeSet<&str> {
    let changed = |change: &&Mismatch| match &change.difference {
        Difference::Changed { key, .. } => KEYS.contains(key),
        _ => true,
    };
    let names = changes.iter().filter(changed).filter_map(|change| match &change.subject {
        Subject::Repository(name) => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

/// The requests that an image or one that it extends has more or no longer, as they are written.
fn changed_requests(manifest: &Manifest, changes: &[Mismatch], image: &str) -> Vec<String> {
    let mut line = vec![];
    let mut next = Some(image);
    while let Some(name) = next.filter(|name| !line.contains(name)) {
        line.push(name);
        next = manifest.images.get(name).and_then(|image| image.extends.as_deref());
    }
    let of_line = changes.iter().filter(|change| matches!(&change.subject, Subject::Image(name) if line.contains(&name.as_str())));
    let requests = of_line.filter_map(|change| match &change.difference {
        Difference::RequestAdded(text) | Difference::RequestRemoved(text) => Some(text.clone()),
        _ => None,
    });
    requests.collect()
}

/// Whether a hold asks for another version than the one that is pinned.
fn is_held_elsewhere(holds: &[Hold], pin: &Pin) -> bool {
    holds.iter().any(|hold| hold.names(&pin.name, &pin.source) && !hold.allows(&pin.version))
}

/// Whether a request asks for another version than the one that is pinned, or, since it changed, for that of another suite.
fn is_asked_otherwise(requests: &[&Request], changed: &[String], universe: &Universe, pin: &Pin) -> bool {
    let refuses = |request: &&Request| match &request.target {
        RequestTarget::Package(relation) => {
            relation.name == pin.name && relation.version.as_ref().is_some_and(|wanted| !wanted.accepts(&pin.version))
        }
        RequestTarget::File(_) => false,
    };
    if requests.iter().any(refuses) {
        return true;
    }
    // Without the request that asked for it, what a suite does not supply unasked has no reason to stay; nor has what comes from
    // elsewhere than a request now says.
    let words = |text: &String| text.split([' ', ':', '[']).next() == Some(pin.name.as_str());
    let unasked = || {
        let mut listings = universe.listings(&pin.name).filter(|listing| listing.package.sha256() == pin.sha256).peekable();
        listings.peek().is_some() && listings.all(|listing| listing.source.not_automatic)
    };
    let from = |text: &&String| text.contains(" from ");
    let renamed = changed.iter().filter(from).any(words);
    renamed || changed.iter().any(|text| text.contains(" from ")) && unasked()
}

/// Whether a pin is from a repository that the manifest describes otherwise than before, or such a one has the package now.
fn is_of_changed(changed: &BTreeSet<&str>, universe: &Universe, pin: &Pin) -> bool {
    let supplies = || {
        universe.listings(&pin.name).any(|listing| {
            changed.contains(listing.source.repo.as_str()) && listing.source.steering.supplies(&pin.name) && !listing.source.not_automatic
        })
    };
    changed.contains(pin.repo.as_str()) || !changed.is_empty() && supplies()
}

/// A source package that stays at a version which no index has any more, because what they have is older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unlisted {
    /// The source package.
    pub source: String,
    /// The version that stays.
    pub version: String,
    /// The newest that an index has; none where it has the package no more.
    pub newest: Option<String>,
    /// The repository that it came from.
    pub repo: String,
    /// Its binary packages.
    pub packages: BTreeSet<String>,
    /// The architectures on which it is so.
    pub arches: BTreeSet<Architecture>,
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` stays at {}, which no index of `{}` has any more", self.source, self.version, self.repo)?;
        match &self.newest {
            Some(newest) => write!(f, ": the newest is {newest}; did the mirror go back?"),
            None => f.write_str(": the package is gone"),
        }
    }
}

/// What stays in `sets` although it has left the indexes; by source package.
pub fn unlisted(floors: &Floors<'_>, ground: &Ground<'_, '_>, sets: &BTreeMap<(String, Architecture), Vec<Pin>>) -> Vec<Unlisted> {
    let mut found: BTreeMap<(&str, &str, &str), Unlisted> = BTreeMap::new();
    for ((image, architecture), pins) in sets {
        let Some((_, universe)) = ground.universes.iter().find(|(known, _)| known == architecture) else { continue };
        let floors: BTreeSet<&Sha256> = floors.of(image, architecture).iter().map(|pin| &pin.sha256).collect();
        let stays = |pin: &&Pin| {
            floors.contains(&pin.sha256) && !kept::is_listed(universe, pin) && has_left(universe, architecture, pin, ground.holds)
        };
        for pin in pins.iter().filter(stays) {
            let newest = universe.installable(architecture, pin).map(|listing| listing.package);
            let newest = newest.max_by(|a, b| version::compare(a.version(), b.version()));
            // Where the source packages do not tell the two apart, or are not comparable, the binary packages do.
            let rebuilt = newest.is_some_and(|newest| newest.source_version() == pin.source_version || newest.source() != pin.source);
            let one = found.entry((&pin.source, &pin.source_version, &pin.repo)).or_insert_with(|| Unlisted {
                source: pin.source.clone(),
                version: if rebuilt { pin.version.clone() } else { pin.source_version.clone() },
                newest: newest.map(|newest| if rebuilt { newest.version() } else { newest.source_version() }.to_owned()),
                repo: pin.repo.clone(),
                packages: BTreeSet::new(),
                arches: BTreeSet::new(),
            });
            one.packages.insert(pin.name.clone());
            one.arches.insert(architecture.clone());
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_there_is_instead() {
        let mut one = Unlisted {
            source: "app".to_owned(),
            version: "2.0".to_owned(),
            newest: Some("1.0".to_owned()),
            repo: "debian".to_owned(),
            packages: BTreeSet::new(),
            arches: BTreeSet::new(),
        };
        let older = one.to_string();
        one.newest = None;
        insta::assert_snapshot!(format!("{older}\n{one}"), @"
        `app` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
        `app` stays at 2.0, which no index of `debian` has any more: the package is gone
        ");
    }
}
