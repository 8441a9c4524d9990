//! Pins that no index lists (any more), from the packages themselves: what is imported can stay.

use super::fields::{self, FieldReader};
use super::{Error, Session};
use crate::index::packages::Limits;
use crate::index::{self, Index, Universe};
use crate::lock::Steering;
use crate::pkg::{Pin, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was found for pins that no index lists.
#[derive(Default)]
pub struct Kept {
    /// One source for each repository: it supplies just these packages.
    pub sources: Vec<index::Source>,
    /// Their package files.
    pub files: BTreeSet<Sha256>,
    /// Pins that are not imported either.
    pub missing: Vec<Pin>,
}

/// Looks for pins that `universe` does not list among the imported packages. Those from repositories that `steering` does
/// not have are left out.
pub fn find<'p>(
    session: &Session<'_>,
    steering: &Steering,
    universe: &Universe,
    pins: impl IntoIterator<Item = &'p Pin>,
) -> Result<Kept, Error> {
    let reader = FieldReader::open(&session.project.store())?;
    let mut kept = Kept::default();
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for pin in pins {
        let mut listings = universe.listings(&pin.name);
        if !steering.repos.contains_key(&pin.repo) || listings.any(|listing| fields::is_pinned(&listing.package, pin)) {
            continue;
        }
        match reader.commit(pin)? {
            Some(commit) => {
                fields::push_stanza(texts.entry(&pin.repo).or_default(), pin, &commit)?;
                kept.files.insert(pin.sha256);
            }
            None => kept.missing.push(pin.clone()),
        }
    }
    for (repo, text) in texts {
        let described = &steering.repos[repo].steering;
        let limits = Limits { stanza: 64 << 20, ..Limits::default() };
        let index = Index::parse(text.as_bytes(), &limits).map_err(|error| Error::Unreadable { reason: error.to_string() })?;
        kept.sources.push(index::Source {
            index: Arc::new(index),
            repo: repo.to_owned(),
            steering: Arc::new(described.clone()),
            suite: "imported".to_owned(),
            // Whichever suite it came from: a request `from` that one means it, too.
            aliases: described.suites.clone(),
            not_automatic: false,
            but_automatic_upgrades: false,
            security: false,
            pinned: None,
        });
    }
    Ok(kept)
}
