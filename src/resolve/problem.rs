//! What there is to solve.

use crate::index::Universe;
use crate::pkg::{Architecture, Hold, ImageSteering, Pin, Request};
use std::collections::BTreeMap;

/// One image for one architecture.
#[derive(Clone)]
pub struct Problem<'a> {
    /// What could be installed.
    pub universe: &'a Universe,
    /// The architecture of the image.
    pub native: Architecture,
    /// Further architectures that packages may have, in order of preference.
    pub foreign: Vec<Architecture>,
    /// What must be there: the merged requests of the image and what it extends, in manifest order.
    pub requests: Vec<Request>,
    /// Variant, Recommends, excludes.
    pub steering: ImageSteering,
    /// The holds in force; who asks knows the date.
    pub holds: Vec<Hold>,
    /// Versions that source packages do not go beyond, because another architecture has nothing newer yet.
    pub ceilings: BTreeMap<String, String>,
    /// Pins that nothing older may take the place of.
    pub floors: Vec<Pin>,
    /// What is to be kept, most important first: the old lock's pins, the extended image's, the other images' by name.
    ///
    /// `--upgrade` gives no old pins; `--upgrade-package P` gives them all but P's.
    pub preferences: Vec<Preference>,
    /// Versions to take instead of those to be kept: security updates. They give way last.
    pub updates: Vec<Pin>,
    /// Tells which packages ship an absolute path; asked only for file requests. Without file lists: nothing.
    pub files: &'a (dyn Fn(&str) -> Vec<String> + Sync),
}

impl<'a> Problem<'a> {
    /// A problem with nothing asked.
    pub fn new(universe: &'a Universe, native: Architecture) -> Self {
        Self {
            universe,
            native,
            foreign: Vec::new(),
            requests: Vec::new(),
            steering: ImageSteering::default(),
            holds: Vec::new(),
            ceilings: BTreeMap::new(),
            floors: Vec::new(),
            preferences: Vec::new(),
            updates: Vec::new(),
            files: &|_| Vec::new(),
        }
    }
}

/// Pins to keep where they still fit.
#[derive(Clone, Debug)]
pub struct Preference {
    /// Whether these packages are also preferred as *alternatives*: yes for the image's own old lock and for what it
    /// extends; no for other images, whose versions are to be shared but whose choices are their own.
    pub choices: bool,
    /// The pins.
    pub pins: Vec<Pin>,
}
