//! Packages whose own control file says something else than the index that lists them.
//!
//! A set is refused where it does not satisfy what the packages themselves say; where it does, the difference is worth a
//! warning, since somebody made one of the two by hand.

use super::choice::Chosen;
use super::fields::{self, FieldReader};
use super::reasons::Silence;
use super::{Error, Session};
use crate::index::packages::Limits;
use crate::index::{Field, Index, Package};
use crate::lock::Lockfile;
use crate::pkg::{MultiArch, OrGroup, Pin};
use crate::step::outcome::Outcome;
use std::collections::{BTreeSet, HashSet};

/// A value beyond this is cut: a field may have hundreds of relations.
const SHOWN: usize = 160;

/// Compares the packages that these steps imported with the verified indexes of the last `lock`, as far as those are at
/// hand: one sentence for each field that differs. Nothing is fetched.
pub(super) fn find(session: &mut Session<'_>, chosen: &[(Chosen, Lockfile)], outcomes: &[Outcome]) -> Result<Vec<String>, Error> {
    let imported: HashSet<&str> =
        outcomes.iter().filter(|outcome| outcome.exit == 0).filter_map(|outcome| outcome.step.strip_prefix("import ")).collect();
    let mut found = BTreeSet::new();
    if imported.is_empty() {
        return Ok(vec![]);
    }
    let mut reader = FieldReader::open(&session.project.store())?;
    let mut silence = Silence;
    let mut session = session.offline(&mut silence);
    for (chosen, lockfile) in chosen {
        let is_listed = |pin: &Pin| chosen.manifest.repos.get(&pin.repo).is_some_and(|repo| repo.directory.is_none());
        let is_new = |pin: &Pin| imported.contains(label(pin).as_str());
        for architecture in chosen.images.values().flatten().collect::<BTreeSet<_>>() {
            let is_native = |pin: &Pin| pin.architecture.is_independent() || pin.architecture == *architecture;
            let pins: Vec<&Pin> = lockfile.cells().iter().filter(|pin| is_listed(pin) && is_new(pin) && is_native(pin)).collect();
            if pins.is_empty() {
                continue;
            }
            // An index that is not at hand has nothing to say here; what is wrong with it, `lock` and `verify` tell.
            let Ok(listed) = reader.listed(&mut session, &chosen.manifest, architecture) else { continue };
            for pin in pins {
                let Some(commit) = reader.commit(pin)? else { continue };
                let mut text = String::new();
                fields::push_stanza(&mut text, pin, &commit)?;
                let Ok(own) = Index::parse(text.as_bytes(), &Limits { stanza: 64 << 20, ..Limits::default() }) else { continue };
                let listing = listed.iter().find_map(|index| index.named(&pin.name).find(|package| fields::is_pinned(package, pin)));
                if let (Some(own), Some(listing)) = (own.packages().next(), listing) {
                    found.extend(differences(&label(pin), listing, own));
                }
            }
        }
    }
    Ok(found.into_iter().collect())
}

fn label(pin: &Pin) -> String {
    format!("{} {} {}", pin.name, pin.version, pin.architecture)
}

fn differences(label: &str, listed: Package<'_>, own: Package<'_>) -> Vec<String> {
    let relations = |package: Package<'_>, field| render(&package.relations(field));
    let mut pairs: Vec<(&str, String, String)> =
        Field::RELATIONS.iter().map(|&field| (field.as_str(), relations(listed, field), relations(own, field))).collect();
    let multi_arch = |package: Package<'_>| {
        match package.multi_arch() {
            MultiArch::No => "no",
            MultiArch::Same => "same",
            MultiArch::Foreign => "foreign",
            MultiArch::Allowed => "allowed",
        }
        .to_owned()
    };
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    pairs.push(("Multi-Arch", multi_arch(listed), multi_arch(own)));
    pairs.push(("Essential", yes(listed.is_essential()), yes(own.is_essential())));
    pairs.push(("Important", yes(listed.is_important()), yes(own.is_important())));
    let differ = pairs.into_iter().filter(|(_, listed, own)| listed != own);
    differ
        .map(|(field, listed, own)| {
            format!("`{label}`: `{field}` is {} in the index and {} in the package, which counts", shown(&listed), shown(&own))
        })
        .collect()
}

fn render(groups: &[OrGroup]) -> String {
    let group = |group: &OrGroup| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    groups.iter().map(group).collect::<Vec<_>>().join(", ")
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        _ if value.is_empty() => "absent".to_owned(),
        Some((end, _)) => format!("`{}…`", &value[..end]),
        None => format!("`{value}`"),
    }
}
