//! Image lists: references resolved to cells, additions and removals applied along `extends`.

use super::build::check_set;
use super::fault::{Error, Fault};
use super::name_order;
use super::reference::{NameIndex, Reference, split_bracket};
use super::section::{Section, Span, Word, fault_at};
use super::steering::Steering;
use crate::pkg::{Architecture, Pin};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Sets are expanded along `extends`, so a small hostile file could ask for any amount of memory.
const PIN_LIMIT: usize = 20_000_000;

/// Takes the bracket off a root or entry.
pub(super) fn split_entry<'t>(section: &Section<'t>, word: &Word<'t>) -> Result<(&'t str, Option<Vec<Architecture>>), Error> {
    split_bracket(word.text).map_err(|error| fault_at(section.text, &word.span, error))
}

/// An entry of `packages` or `without` on one architecture.
struct Resolved<'t> {
    cell: u32,
    entry: &'t str,
    span: Span,
}

/// The whole set of each image on each architecture.
pub(super) fn read_sets(
    steering: &Steering,
    cells: &[Pin],
    sections: &[(&str, Section<'_>)],
) -> Result<BTreeMap<(String, Architecture), Vec<u32>>, Error> {
    let names = NameIndex::new(cells);
    let sections: HashMap<&str, &Section<'_>> = sections.iter().map(|(name, section)| (*name, section)).collect();
    let mut sets: BTreeMap<(String, Architecture), Vec<u32>> = BTreeMap::new();
    let mut total = 0;
    for name in steering.images_in_order() {
        let (image, section) = (&steering.images[name], sections[name]);
        let mut packages = resolve(section, "packages", name, &image.arches, cells, &names)?;
        let mut without = resolve(section, "without", name, &image.arches, cells, &names)?;
        for architecture in &image.arches {
            let base = image.extends.as_ref().and_then(|base| sets.get(&(base.clone(), architecture.clone())));
            let mut set: BTreeSet<u32> = base.into_iter().flatten().copied().collect();
            let at = |entry: &Resolved<'_>, fault| fault_at(section.text, &entry.span, fault);
            let mut gone = HashSet::new();
            for removed in without.remove(architecture).unwrap_or_default() {
                if !set.remove(&removed.cell) {
                    let fault = Fault::NotInherited { entry: removed.entry.to_owned(), architecture: architecture.clone() };
                    return Err(at(&removed, fault));
                }
                gone.insert(removed.cell);
            }
            for added in packages.remove(architecture).unwrap_or_default() {
                if gone.contains(&added.cell) || !set.insert(added.cell) {
                    let fault = Fault::Inherited { entry: added.entry.to_owned(), architecture: architecture.clone() };
                    return Err(at(&added, fault));
                }
            }
            total += set.len();
            if total > PIN_LIMIT {
                return Err(section.fault(Fault::TooManyPins { limit: PIN_LIMIT }));
            }
            let mut set: Vec<u32> = set.into_iter().collect();
            set.sort_by(|a, b| name_order(&cells[*a as usize], &cells[*b as usize]));
            check_set(cells, &names, name, architecture, &set).map_err(|error| section.fault_in("packages", error))?;
            sets.insert((name.to_owned(), architecture.clone()), set);
        }
    }
    Ok(sets)
}

/// The accelerators of each host architecture.
pub(super) fn read_accelerators(top: &Section<'_>, cells: &[Pin]) -> Result<BTreeMap<Architecture, Vec<u32>>, Error> {
    let names = NameIndex::new(cells);
    let mut sets = BTreeMap::new();
    for (key, section) in top.named("accelerators", "accelerators")? {
        section.only(&["packages"])?;
        let expected = "an architecture";
        let host = Architecture::parse(key).ok_or_else(|| section.fault(Fault::Malformed { text: key.to_owned(), expected }))?;
        let entries = resolve(&section, "packages", "accelerators", std::slice::from_ref(&host), cells, &names)?.remove(&host);
        let mut set: Vec<u32> = entries.unwrap_or_default().iter().map(|entry| entry.cell).collect();
        set.sort_by(|a, b| name_order(&cells[*a as usize], &cells[*b as usize]));
        check_set(cells, &names, "accelerators", &host, &set).map_err(|error| section.fault_in("packages", error))?;
        if !set.is_empty() {
            sets.insert(host, set);
        }
    }
    Ok(sets)
}

/// Every entry of an image list, by architecture.
fn resolve<'t>(
    section: &Section<'t>,
    key: &str,
    image: &str,
    arches: &[Architecture],
    cells: &[Pin],
    names: &NameIndex<'_>,
) -> Result<BTreeMap<Architecture, Vec<Resolved<'t>>>, Error> {
    let mut resolved: BTreeMap<Architecture, Vec<Resolved<'t>>> = BTreeMap::new();
    let mut seen: BTreeMap<&Architecture, HashSet<u32>> = BTreeMap::new();
    for word in section.words(key)? {
        let at = |fault: Fault| fault_at(section.text, &word.span, fault);
        let (text, on) = split_entry(section, &word)?;
        let reference: Reference = text.parse().map_err(|error| at(Fault::Reference(error)))?;
        for architecture in on.as_deref().unwrap_or(arches) {
            let Some(architecture) = arches.iter().find(|known| *known == architecture) else {
                return Err(at(Fault::ForeignBracket { architecture: architecture.clone(), image: image.to_owned() }));
            };
            let cell = find(&reference, architecture, cells, names).map_err(at)?;
            if !seen.entry(architecture).or_default().insert(cell) {
                return Err(at(Fault::DuplicateEntry { entry: word.text.to_owned() }));
            }
            resolved.entry(architecture.clone()).or_default().push(Resolved { cell, entry: word.text, span: word.span.clone() });
        }
    }
    Ok(resolved)
}

/// The one cell that a reference means in an image for `architecture`.
fn find(reference: &Reference, architecture: &Architecture, cells: &[Pin], names: &NameIndex<'_>) -> Result<u32, Fault> {
    let text = || reference.to_string();
    if reference.architecture.as_ref() == Some(architecture) {
        return Err(Fault::NeedlessArchitecture { reference: text(), architecture: architecture.clone() });
    }
    let candidates: Vec<u32> = names.candidates(&reference.name, reference.architecture.as_ref(), architecture).collect();
    let wanted = |cell: &&u32| reference.version.as_ref().is_none_or(|version| cells[**cell as usize].version == *version);
    let mut matching = candidates.iter().filter(wanted);
    match (matching.next(), matching.next()) {
        (None, _) => Err(Fault::Dangling { reference: text(), architecture: architecture.clone() }),
        (Some(_), Some(_)) => {
            let mut versions: Vec<String> = candidates.iter().map(|cell| cells[*cell as usize].version.clone()).collect();
            versions.sort();
            Err(Fault::Ambiguous { reference: text(), architecture: architecture.clone(), versions })
        }
        (Some(_), None) if reference.version.is_some() && candidates.len() == 1 => {
            Err(Fault::NeedlessVersion { reference: text(), architecture: architecture.clone() })
        }
        (Some(cell), None) => Ok(*cell),
    }
}
