//! Which lockfiles went on under another name.

use crate::lock::Lockfile;
use crate::pkg::Architecture;
use std::collections::BTreeSet;

/// Of lockfiles that are gone and lockfiles that came, those that are one and the same manifest's, as pairs of indices: two
/// that share at least half of the packages of the larger one, by name and architecture; the most alike first. Versions do
/// not count, or a rename would hide a downgrade.
pub fn renames(gone: &[&Lockfile], came: &[&Lockfile]) -> Vec<(usize, usize)> {
    let names = |lockfiles: &[&'_ Lockfile]| -> Vec<BTreeSet<(String, Architecture)>> {
        let names = |lockfile: &&Lockfile| lockfile.cells().iter().map(|pin| (pin.name.clone(), pin.architecture.clone())).collect();
        lockfiles.iter().map(names).collect()
    };
    let (before, after) = (names(gone), names(came));
    let mut alike = vec![];
    for (old, before) in before.iter().enumerate() {
        for (new, after) in after.iter().enumerate() {
            let (shared, larger) = (before.intersection(after).count(), before.len().max(after.len()));
            if larger > 0 && shared * 2 >= larger {
                // In thousandths, so that equal shares go by the order of names.
                alike.push((std::cmp::Reverse(shared * 1000 / larger), old, new));
            }
        }
    }
    alike.sort_unstable();
    let mut pairs: Vec<(usize, usize)> = vec![];
    for (_, old, new) in alike {
        if pairs.iter().all(|pair| pair.0 != old && pair.1 != new) {
            pairs.push((old, new));
        }
    }
    pairs
}
