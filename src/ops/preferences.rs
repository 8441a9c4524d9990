//! Which pins the solver should keep or share: the old lock's, the extended image's, the other images'.

use super::lock::Upgrade;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Pin};
use crate::resolve::Preference;
use std::collections::BTreeMap;

/// The pins of all images for one architecture, as far as they are known: solved in this run, else kept from the old
/// lock.
pub struct Known<'a> {
    manifest: &'a Manifest,
    old: BTreeMap<&'a str, Vec<Pin>>,
    solved: BTreeMap<String, Vec<Pin>>,
    /// By package name and architecture, then by image: with it a thousand images cost no more than a thousand times one.
    by_package: BTreeMap<(String, Architecture), BTreeMap<&'a str, Pin>>,
}

impl<'a> Known<'a> {
    /// Takes what the old lock has, without what may move.
    pub fn new(manifest: &'a Manifest, architecture: &Architecture, old: Option<&Lockfile>, upgrade: &Upgrade) -> Self {
        let kept = old.filter(|_| *upgrade != Upgrade::All).map_or_else(BTreeMap::new, |old| {
            let pins =
                |name: &str| old.pins(name, architecture).unwrap_or_default().into_iter().filter(|pin| !upgrade.moves(pin)).collect();
            manifest.images.keys().map(|name| (name.as_str(), pins(name))).collect()
        });
        let mut known = Self { manifest, old: kept, solved: BTreeMap::new(), by_package: BTreeMap::new() };
        for (image, pins) in &known.old {
            remember(&mut known.by_package, image, pins);
        }
        known
    }

    /// What to keep for `image` where it still fits, most important first.
    pub fn preferences(&self, image: &str) -> Vec<Preference> {
        let kept = |image: &str| self.old.get(image).cloned().unwrap_or_default();
        let mut preferences = vec![Preference { choices: true, pins: kept(image) }];
        if let Some(parent) = self.manifest.images[image].extends.as_deref() {
            let pins = self.solved.get(parent).cloned().unwrap_or_else(|| kept(parent));
            preferences.push(Preference { choices: true, pins });
        }
        // Of several images the first by name says which version is shared.
        let others =
            self.by_package.values().filter_map(|pins| pins.iter().find(|(other, _)| **other != image)).map(|(_, pin)| pin.clone());
        preferences.push(Preference { choices: false, pins: others.collect() });
        preferences.retain(|preference| !preference.pins.is_empty());
        preferences
    }

    /// Takes what was solved for `image` in place of what the old lock has.
    pub fn solved(&mut self, image: &'a str, pins: Vec<Pin>) {
        for pin in self.old.get(image).into_iter().flatten() {
            if let Some(images) = self.by_package.get_mut(&(pin.name.clone(), pin.architecture.clone())) {
                images.remove(image);
            }
        }
        remember(&mut self.by_package, image, &pins);
        self.solved.insert(image.to_owned(), pins);
    }

    /// Everything that was solved, by image.
    pub fn into_solved(self) -> BTreeMap<String, Vec<Pin>> {
        self.solved
    }
}

fn remember<'a>(by_package: &mut BTreeMap<(String, Architecture), BTreeMap<&'a str, Pin>>, image: &'a str, pins: &[Pin]) {
    for pin in pins {
        by_package.entry((pin.name.clone(), pin.architecture.clone())).or_default().insert(image, pin.clone());
    }
}
