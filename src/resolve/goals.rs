//! Turns requests and the variant into packages that must be there.
//!
//! Takes the problem's requests, restricts the versions of the packages they name, and gives goals; or says which
//! requests name nothing, or too much. Chooses no dependency.

use super::pool::{CandidateId, NameId, Pool, Scope, Slot, Target, Unit};
use super::unsolvable::{Because, Cause, Elsewhere, Provider};
use crate::index::Priority;
use crate::pkg::{ArchQualifier, Relation, Request, RequestTarget, Variant};
use std::collections::{BTreeSet, VecDeque};

/// A package that must be there, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    pub unit: Unit,
    pub why: GoalReason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GoalReason {
    /// A place in the problem's requests.
    Request(usize),
    Variant(Variant),
}

/// What must be there, the variant's packages first; or every request that cannot be read.
pub(super) fn goals(pool: &mut Pool<'_>) -> Result<Vec<Goal>, Vec<Cause>> {
    let problem = pool.problem;
    let mut causes = Vec::new();
    let mut asked: Vec<Goal> = Vec::new();
    let mut from: Vec<(CandidateId, String)> = Vec::new();
    for (at, request) in problem.requests.iter().enumerate() {
        let unit = Asker { pool, request }.unit();
        match unit {
            Ok(unit) => {
                if let (Some(word), Some(candidate)) = (&request.from, pool.preferred(unit)) {
                    from.push((candidate, word.clone()));
                }
                if !asked.iter().any(|goal| goal.unit == unit) {
                    asked.push(Goal { unit, why: GoalReason::Request(at) });
                }
            }
            Err(cause) => causes.push(cause),
        }
    }
    if !causes.is_empty() {
        return Err(causes);
    }
    for (candidate, word) in from {
        follow(pool, candidate, &word);
    }
    let mut goals = base(pool);
    goals.retain(|goal| !asked.iter().any(|other| other.unit == goal.unit));
    goals.extend(asked);
    Ok(goals)
}

/// The packages of the variant, by name.
fn base(pool: &mut Pool<'_>) -> Vec<Goal> {
    let variant = pool.problem.steering.variant;
    let lowest = match variant {
        Variant::Custom => return Vec::new(),
        Variant::Essential => None,
        Variant::Minbase => Some(Priority::Required),
        Variant::Important => Some(Priority::Important),
        Variant::Standard => Some(Priority::Standard),
    };
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for source in pool.sources() {
        names.extend(source.index.base().filter(|p| pool.slot_of(p.architecture()) == Some(0)).map(|p| p.name()));
    }
    if lowest.is_some() {
        names.insert("apt");
    }
    let mut goals = Vec::new();
    for name in names {
        let Some(id) = pool.find_name(name) else { continue };
        let unit = pool.unit(id, 0);
        let Some(candidate) = pool.preferred(unit) else { continue };
        let package = pool.get(candidate).package;
        let priority = package.priority();
        let wanted =
            package.is_essential() || lowest.is_some_and(|lowest| name == "apt" || (Priority::Required..=lowest).contains(&priority));
        if wanted {
            goals.push(Goal { unit, why: GoalReason::Variant(variant) });
        }
    }
    goals
}

/// One request on its way to a unit.
struct Asker<'p, 'u> {
    pool: &'p mut Pool<'u>,
    request: &'u Request,
}

impl<'u> Asker<'_, 'u> {
    fn text(&self) -> String {
        self.request.to_string()
    }

    fn unit(&mut self) -> Result<Unit, Cause> {
        if let Some(from) = &self.request.from
            && !self.pool.sources().iter().any(|source| source.is_named(from))
        {
            return Err(Cause::UnknownSource { request: self.text(), from: from.clone() });
        }
        let request = self.request;
        match &request.target {
            RequestTarget::File(path) => self.file(path),
            RequestTarget::Package(relation) => self.package(relation),
        }
    }

    fn file(&mut self, path: &str) -> Result<Unit, Cause> {
        let owners: BTreeSet<String> = (self.pool.problem.files)(path).into_iter().collect();
        let mut units = Vec::new();
        for owner in &owners {
            let Some(name) = self.pool.find_name(owner) else { continue };
            let unit = self.pool.unit(name, 0);
            if self.pool.preferred(unit).is_some() {
                units.push(unit);
            }
        }
        match units[..] {
            [] => Err(Cause::UnknownFile { request: self.text() }),
            [unit] => Ok(unit),
            _ => Err(self.several(&units)),
        }
    }

    fn several(&mut self, units: &[Unit]) -> Cause {
        let providers = units
            .iter()
            .filter_map(|&unit| {
                let candidate = self.pool.preferred(unit)?;
                let version = self.pool.get(candidate).package.version().to_owned();
                Some(Provider { package: self.pool.display_unit(unit), version })
            })
            .collect();
        Cause::SeveralProviders { request: self.text(), providers }
    }

    fn package(&mut self, relation: &'u Relation) -> Result<Unit, Cause> {
        if let Some(glob) = self.pool.problem.steering.exclude.iter().find(|glob| glob.matches(&relation.name)) {
            return Err(Cause::Excluded { request: self.text(), exclude: glob.as_str().to_owned() });
        }
        let slot = match &relation.qualifier {
            Some(ArchQualifier::Architecture(architecture)) => Some(
                self.pool
                    .slot_of(architecture)
                    .ok_or_else(|| Cause::UnknownArchitecture { request: self.text(), architecture: architecture.to_string() })?,
            ),
            _ => None,
        };
        let name = self.pool.find_name(&relation.name).ok_or_else(|| self.unknown(&relation.name, None))?;
        let unit = self.real_unit(name, slot);
        if self.request.from.is_some() || self.pool.preferred(unit).is_some() {
            return self.version_of(unit, relation);
        }
        // apt knows a foreign name only when something of that architecture mentions it.
        if !self.pool.is_mentioned(unit) || (relation.version.is_some() && !self.pool.listings(unit).is_empty()) {
            return Err(self.unknown(&relation.name, Some(unit)));
        }
        self.provider(name, slot.unwrap_or(0), relation).map_err(|cause| match cause {
            Some(cause) => cause,
            None => self.unknown(&relation.name, Some(unit)),
        })
    }

    /// The native package, or the first foreign architecture's when only that has the name, as apt does.
    fn real_unit(&mut self, name: NameId, slot: Option<Slot>) -> Unit {
        if let Some(slot) = slot {
            return self.pool.unit(name, slot);
        }
        let slots = self.pool.slots.len() as Slot;
        let units: Vec<Unit> = (0..slots).map(|slot| self.pool.unit(name, slot)).collect();
        let from = self.request.from.clone();
        let real = units.iter().copied().find(|&unit| match &from {
            None => self.pool.preferred(unit).is_some(),
            Some(from) => !self.pool.versions_from(unit, from).is_empty(),
        });
        real.unwrap_or(units[0])
    }

    /// Leaves the unit the versions that the request accepts.
    fn version_of(&mut self, unit: Unit, relation: &Relation) -> Result<Unit, Cause> {
        let before = match &self.request.from {
            None => self.pool.group(unit).to_vec(),
            Some(from) => self.pool.versions_from(unit, from),
        };
        let accepts = |pool: &Pool<'_>, candidate: CandidateId| {
            relation.version.as_ref().is_none_or(|version| version.accepts(pool.get(candidate).package.version()))
        };
        let kept: Vec<CandidateId> = before.iter().copied().filter(|&candidate| accepts(self.pool, candidate)).collect();
        if kept.is_empty() {
            let available = elsewhere(self.pool, unit);
            return Err(Cause::NoVersion { request: self.text(), available });
        }
        if self.request.from.is_some() || kept.len() < before.len() {
            self.pool.restrict(unit, kept);
        }
        Ok(unit)
    }

    /// The one package that provides a virtual name; `None` for none at all.
    fn provider(&mut self, name: NameId, slot: Slot, relation: &'u Relation) -> Result<Unit, Option<Cause>> {
        let version = relation.version.as_ref().map(|version| (version.comparison, version.version.as_str()));
        let found = self.pool.solutions(&Target { name, scope: Scope::Own(slot), version });
        let mut units: Vec<Unit> = Vec::new();
        for &candidate in found.iter() {
            let unit = self.pool.unit_of(candidate);
            if self.pool.preferred(unit) == Some(candidate) && !units.contains(&unit) {
                units.push(unit);
            }
        }
        // Of one name's architectures the first counts.
        units.sort_by_key(|&unit| self.pool.unit_name(unit));
        units.dedup_by_key(|unit| self.pool.unit_name(*unit).0);
        match units[..] {
            [] => Err(None),
            [unit] => Ok(unit),
            _ => Err(Some(self.several(&units))),
        }
    }

    fn unknown(&mut self, name: &str, unit: Option<Unit>) -> Cause {
        let elsewhere = unit.map_or_else(Vec::new, |unit| {
            let (name, _) = self.pool.unit_name(unit);
            // Another architecture's package of the name says what to ask instead.
            let units: Vec<Unit> = (0..self.pool.slots.len() as Slot).map(|slot| self.pool.unit(name, slot)).collect();
            units.into_iter().flat_map(|unit| elsewhere(self.pool, unit)).collect()
        });
        let similar = match elsewhere.is_empty() {
            true => self.pool.problem.universe.similar_names(name, &self.pool.slots),
            false => Vec::new(),
        };
        Cause::UnknownPackage { request: self.text(), name: name.to_owned(), similar, elsewhere }
    }
}

/// Every listing of a unit, and why it may not be chosen.
pub(super) fn elsewhere(pool: &mut Pool<'_>, unit: Unit) -> Vec<Elsewhere> {
    let listings = pool.listings(unit);
    let visible: Vec<usize> =
        listings.iter().filter(|&&(source, c)| pool.hidden_because(source, c).is_none()).map(|&(source, _)| source).collect();
    let priority = |pool: &Pool<'_>, source: usize| pool.sources()[source].steering.priority;
    let best = visible.iter().copied().min_by_key(|&source| priority(pool, source));
    let mut found: Vec<Elsewhere> = Vec::new();
    for (source, candidate) in listings {
        let outdone = best.filter(|&best| priority(pool, best) < priority(pool, source));
        let entry = Elsewhere {
            package: pool.display_unit(unit),
            version: pool.get(candidate).package.version().to_owned(),
            repo: pool.sources()[source].repo.clone(),
            suite: pool.sources()[source].suite.clone(),
            because: pool
                .hidden_because(source, candidate)
                .or_else(|| outdone.map(|best| Because::Priority { repo: pool.sources()[best].repo.clone() })),
        };
        // What a suite had before and has now is there twice; once as what it had is enough.
        let same = |other: &Elsewhere| (&other.repo, &other.suite, &other.version) == (&entry.repo, &entry.suite, &entry.version);
        if !(found.contains(&entry) || entry.because == Some(Because::TooYoung) && found.iter().any(same)) {
            found.push(entry);
        }
    }
    found
}

/// Lets what a `from` request brings take what only that source has for it, as apt's release switching does.
fn follow(pool: &mut Pool<'_>, start: CandidateId, from: &str) {
    let mut queue = VecDeque::from([start]);
    let mut seen = BTreeSet::from([start]);
    while let Some(candidate) = queue.pop_front() {
        for clause in pool.clauses(candidate).iter() {
            let satisfiable = clause.alternatives.iter().flat_map(|a| a.solutions.iter()).any(|&s| {
                let unit = pool.unit_of(s);
                pool.preferred(unit) == Some(s)
            });
            if satisfiable {
                continue;
            }
            let found = clause.alternatives.iter().find_map(|alternative| {
                let target = alternative.target;
                let slots = match target.scope {
                    Scope::Own(slot) | Scope::Only(slot) => vec![slot],
                    _ => (0..pool.slots.len() as Slot).collect(),
                };
                slots.into_iter().find_map(|slot| {
                    let unit = pool.unit(target.name, slot);
                    let versions = pool.versions_from(unit, from);
                    versions.into_iter().find(|&version| {
                        target.version.is_none_or(|(comparison, wanted)| {
                            comparison.accepts(crate::pkg::version::compare(pool.get(version).package.version(), wanted))
                        })
                    })
                })
            });
            let Some(version) = found else { continue };
            let unit = pool.unit_of(version);
            let mut group = vec![version];
            group.extend(pool.group(unit).iter().copied().filter(|&other| other != version));
            pool.restrict(unit, group);
            if seen.insert(version) {
                queue.push_back(version);
            }
        }
    }
}
