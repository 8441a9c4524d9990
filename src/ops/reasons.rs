//! Why packages came into images, and why they were there: the shortest way from what an image asks for.

use super::fields::FieldReader;
use super::graph::{Graph, Root};
use super::{Error, Session, Talk};
use crate::diff::{Arrival, Comparison, ImageChange, Reason, ReasonKey, Status};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::Architecture;
use std::collections::{BTreeMap, VecDeque};

/// One side of a comparison: a lockfile, and the manifest that it was made from, as far as it is at hand.
#[derive(Clone, Debug, Default)]
pub struct Locked {
    /// The lockfile; none if that side has none.
    pub lockfile: Option<Lockfile>,
    /// The manifest.
    pub manifest: Option<Manifest>,
}

/// The reasons of the packages that `arrivals` picks from each image that is on both sides.
///
/// Nothing is fetched: what packages depend on is read from the store and from indexes that are on this machine.
pub fn find(
    session: &mut Session<'_>,
    side: &Locked,
    first: &Comparison,
    arrivals: fn(&ImageChange) -> &[Arrival],
) -> Result<BTreeMap<ReasonKey, Reason>, Error> {
    let mut reasons = BTreeMap::new();
    let (Some(lockfile), true) = (&side.lockfile, first.status == Status::Changed) else { return Ok(reasons) };
    let mut reader = FieldReader::open(&session.project.store())?;
    let mut silence = Silence;
    let mut session = session.offline(&mut silence);
    for image in first.images.iter().filter(|image| image.status == Status::Changed) {
        let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for arrival in arrivals(image) {
            arrival.arches.iter().for_each(|arch| wanted.entry(arch).or_default().push(&arrival.package));
        }
        for (arch, packages) in wanted {
            let Some(architecture) = Architecture::parse(arch) else { continue };
            let found = match &side.manifest {
                None => Err("its manifest is not at hand".to_owned()),
                Some(manifest) if !manifest.images.contains_key(&image.image) => Err("its manifest has no such image".to_owned()),
                Some(manifest) => {
                    Graph::load(&mut session, &mut reader, manifest, lockfile, &image.image, &architecture).map_err(|error| why_not(&error))
                }
            };
            let ways = found.as_ref().map(ways);
            for package in packages {
                let reason = match &ways {
                    Err(reason) => Reason::NotKnown { reason: (*reason).clone() },
                    Ok(ways) => ways.get(package).cloned().unwrap_or_else(|| Reason::NotKnown { reason: "nothing asks for it".to_owned() }),
                };
                reasons.insert((image.image.clone(), architecture.clone(), package.to_owned()), reason);
            }
        }
    }
    Ok(reasons)
}

fn why_not(error: &Error) -> String {
    match error {
        Error::NoFields { packages } => format!("{} packages are neither in the store nor in an index on this machine", packages.len()),
        other => other.to_string(),
    }
}

/// The shortest way to every package that something leads to.
fn ways(graph: &Graph) -> BTreeMap<&str, Reason> {
    let mut before: Vec<Option<(&Root, Option<usize>)>> = vec![None; graph.members.len()];
    let mut queue = VecDeque::new();
    for root in &graph.roots {
        for &at in &root.members {
            if before[at].is_none() {
                before[at] = Some((root, None));
                queue.push_back(at);
            }
        }
    }
    while let Some(at) = queue.pop_front() {
        let root = before[at].expect("it was reached").0;
        for link in graph.links(at) {
            if before[link.to].is_none() {
                before[link.to] = Some((root, Some(at)));
                queue.push_back(link.to);
            }
        }
    }
    let way = |target: usize| {
        let (root, _) = before[target]?;
        let mut chain = vec![];
        let mut at = Some(target);
        while let Some(place) = at {
            chain.push(graph.members[place].label.clone());
            at = before[place].and_then(|(_, from)| from);
        }
        chain.reverse();
        Some((graph.members[target].label.as_str(), Reason::Known { asked: root.asked.to_string(), chain }))
    };
    (0..graph.members.len()).filter_map(way).collect()
}

/// Hears what belongs to other verbs.
pub(super) struct Silence;

impl Talk for Silence {
    fn status(&mut self, _: &str, _: &str) {}
    fn detail(&mut self, _: &str, _: &str) {}
    fn warn(&mut self, _: &str) {}
    fn progress(&mut self, _: usize, _: usize, _: &str) {}
    fn output(&mut self, _: &str) {}
}
