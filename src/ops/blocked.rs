//! What holds keep out: versions that would be taken without them.

use super::solve::Solving;
use crate::pkg::{Architecture, Hold, Pin, version};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A source package that a hold keeps from something newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The source package.
    pub source: String,
    /// The binary package's version that is locked; the oldest if there are several.
    pub held: String,
    /// The newest version that a repository offers; of security updates the newest of those.
    pub newest: String,
    /// The repository that offers it.
    pub repo: String,
    /// The suite.
    pub suite: String,
    /// Whether that is a suite of security updates.
    pub security: bool,
    /// The architectures on which it is so.
    pub arches: BTreeSet<Architecture>,
    /// The hold.
    pub hold: Hold,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, held, newest, hold, .. } = self;
        let what = if self.security { "a security update" } else { "an update" };
        write!(f, "a hold keeps {what} of `{source}` out: {held} is locked, {newest} is in `{}` ({})", self.repo, self.suite)?;
        hold.reason.as_ref().map_or(Ok(()), |reason| write!(f, "; {reason}"))?;
        hold.until.as_ref().map_or(Ok(()), |until| write!(f, "; until {until}"))
    }
}

/// What the holds in force keep out of the sets that were chosen; security updates first, then by source package.
pub fn find(solving: &Solving<'_>, sets: &BTreeMap<(String, Architecture), Vec<Pin>>) -> Vec<Blocked> {
    let mut blocked: BTreeMap<&str, Blocked> = BTreeMap::new();
    if solving.holds.is_empty() {
        return vec![];
    }
    for ((_, architecture), pins) in sets {
        for pin in pins {
            for hold in solving.holds.iter().filter(|hold| hold.names(&pin.name, &pin.source)) {
                let Some(found) = offered(solving, architecture, pin, hold) else { continue };
                let known = blocked.entry(&pin.source).or_insert_with(|| found.clone());
                known.arches.insert(architecture.clone());
                let newer = version::compare(&found.newest, &known.newest).is_gt();
                if (found.security, newer) > (known.security, false) {
                    (known.newest, known.repo, known.suite) = (found.newest, found.repo, found.suite);
                }
                known.security |= found.security;
                if version::compare(&found.held, &known.held).is_lt() {
                    known.held = found.held;
                }
            }
        }
    }
    let mut blocked: Vec<Blocked> = blocked.into_values().collect();
    blocked.sort_by_key(|one| !one.security);
    blocked
}

/// The newest version of a pinned package that the hold alone forbids.
fn offered(solving: &Solving<'_>, architecture: &Architecture, pin: &Pin, hold: &Hold) -> Option<Blocked> {
    let (_, universe) = solving.universes.iter().find(|(known, _)| known == architecture)?;
    let newer = universe.installable(architecture, pin).filter(|listing| {
        let package = listing.package;
        version::compare(package.version(), &pin.version).is_gt() && !hold.allows(package.version())
    });
    // A fix says more than something newer that has it, too.
    let newest = newer.max_by(|a, b| {
        let versions = || version::compare(a.package.version(), b.package.version());
        a.source.security.cmp(&b.source.security).then_with(versions)
    })?;
    Some(Blocked {
        source: pin.source.clone(),
        held: pin.version.clone(),
        newest: newest.package.version().to_owned(),
        repo: newest.source.repo.clone(),
        suite: newest.source.suite.clone(),
        security: newest.source.security,
        arches: BTreeSet::from([architecture.clone()]),
        hold: hold.clone(),
    })
}
