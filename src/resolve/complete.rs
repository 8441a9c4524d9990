//! Finds a solution wherever there is one, and proves it where there is none: the only file that knows resolvo.
//!
//! Takes the goals and the pool, gives a set that satisfies every Depends and Pre-Depends and breaks no Conflicts,
//! preferring what the walk would prefer; Recommends are [`super::grow`]'s part. Every visible version may be chosen
//! here, not only the preferred one: that is what solves a problem in which a hold or an old pin forbids the newest.

use super::goals::Goal;
use super::pool::{CandidateId, Pool, Unit};
use crate::index::Field;
use resolvo::{
    Candidates, Condition, ConditionId, DenseIndex, Dependencies, DependencyProvider, HintDependenciesAvailable, Interner,
    KnownDependencies, NameId, Requirement, SolvableId, Solver, SolverCache, StringId, VersionSetId, VersionSetUnionId,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;

/// Solves for the goals; `None` when there is no solution.
pub(super) fn solve(pool: &mut Pool<'_>, goals: &[Goal]) -> Option<Vec<CandidateId>> {
    let provider = Provider { inner: RefCell::new(Inner { pool, sets: Vec::new(), unions: Vec::new() }) };
    let requirements = {
        let mut inner = provider.inner.borrow_mut();
        goals
            .iter()
            .map(|goal| {
                let group = inner.pool.group(goal.unit);
                inner.requirement(&group).into()
            })
            .collect()
    };
    let mut solver = Solver::new(provider);
    let solution = solver.solve(resolvo::Problem::new().requirements(requirements)).ok()?;
    let mut chosen: Vec<CandidateId> = solution.into_iter().map(|id| CandidateId(id.to_index() as u32)).collect();
    chosen.sort_unstable();
    Some(chosen)
}

/// Versions of one unit, sorted; what resolvo calls a version set.
struct Set {
    unit: Option<Unit>,
    allowed: Vec<CandidateId>,
}

struct Inner<'p, 'u> {
    pool: &'p mut Pool<'u>,
    sets: Vec<Set>,
    unions: Vec<Vec<VersionSetId>>,
}

/// resolvo asks through shared references; the pool learns while it answers.
struct Provider<'p, 'u> {
    inner: RefCell<Inner<'p, 'u>>,
}

/// Names are units, one up: 0 is a name that nothing has, for what nothing satisfies.
fn name_of(unit: Option<Unit>) -> NameId {
    NameId::from_index(unit.map_or(0, |unit| unit.0 as usize + 1))
}

impl Inner<'_, '_> {
    fn set(&mut self, unit: Option<Unit>, allowed: Vec<CandidateId>) -> VersionSetId {
        self.sets.push(Set { unit, allowed });
        VersionSetId(self.sets.len() as u32 - 1)
    }

    /// One of the candidates must be there: preferred versions first, of them those that the walk had chosen, then the others;
    /// each in the given order.
    fn requirement(&mut self, candidates: &[CandidateId]) -> Requirement {
        let mut ordered = candidates.to_vec();
        ordered.sort_by_cached_key(|&candidate| {
            let unit = self.pool.unit_of(candidate);
            (self.pool.preferred(unit) != Some(candidate), !self.pool.is_drafted(candidate))
        });
        let mut seen = std::collections::BTreeSet::new();
        ordered.retain(|&candidate| seen.insert(candidate));
        let runs: Vec<&[CandidateId]> = ordered.chunk_by(|&a, &b| self.pool.unit_of(a) == self.pool.unit_of(b)).collect();
        let sets: Vec<VersionSetId> = runs
            .into_iter()
            .map(|run| {
                let unit = self.pool.unit_of(run[0]);
                self.set(Some(unit), run.to_vec())
            })
            .collect();
        match sets[..] {
            [] => Requirement::Single(self.set(None, Vec::new())),
            [set] => Requirement::Single(set),
            _ => {
                self.unions.push(sets);
                Requirement::Union(VersionSetUnionId(self.unions.len() as u32 - 1))
            }
        }
    }

    fn dependencies(&mut self, candidate: CandidateId) -> KnownDependencies {
        let clauses = self.pool.clauses(candidate);
        let requirements = clauses
            .iter()
            .filter(|clause| clause.field != Field::Recommends)
            .map(|clause| {
                let all: Vec<CandidateId> = clause.alternatives.iter().flat_map(|a| a.solutions.iter().copied()).collect();
                self.requirement(&all).into()
            })
            .collect();
        let mut victims: BTreeMap<Unit, Vec<CandidateId>> = BTreeMap::new();
        for forbidden in self.pool.forbidden(candidate).iter() {
            for &victim in forbidden.victims.iter() {
                victims.entry(self.pool.unit_of(victim)).or_default().push(victim);
            }
        }
        let constrains = victims
            .into_iter()
            .map(|(unit, victims)| {
                let allowed = self.pool.group(unit).iter().copied().filter(|other| !victims.contains(other)).collect();
                self.set(Some(unit), allowed)
            })
            .collect();
        KnownDependencies { requirements, constrains }
    }
}

/// What resolvo shows to nobody: its texts are not used.
const UNUSED: &str = "";

impl Interner for Provider<'_, '_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        solvable.to_index()
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        name.to_index()
    }

    fn display_version_set(&self, _: VersionSetId) -> impl Display + '_ {
        UNUSED
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        UNUSED
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        name_of(self.inner.borrow().sets[set.0 as usize].unit)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        name_of(Some(self.inner.borrow().pool.unit_of(CandidateId(solvable.to_index() as u32))))
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.inner.borrow().unions[union.0 as usize].clone().into_iter()
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        unreachable!("no requirement is conditional")
    }
}

impl DependencyProvider for Provider<'_, '_> {
    async fn filter_candidates(&self, candidates: &[SolvableId], set: VersionSetId, inverse: bool) -> Vec<SolvableId> {
        let inner = self.inner.borrow();
        let allowed = &inner.sets[set.0 as usize].allowed;
        let is_in = |id: &SolvableId| allowed.contains(&CandidateId(id.to_index() as u32));
        candidates.iter().copied().filter(|id| is_in(id) != inverse).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let unit = Unit(name.to_index().checked_sub(1)? as u32);
        let group = self.inner.borrow_mut().pool.group(unit);
        let candidates = group.iter().map(|candidate| SolvableId::from_index(candidate.0 as usize)).collect();
        Some(Candidates { candidates, hint_dependencies_available: HintDependenciesAvailable::None, ..Candidates::default() })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        let mut inner = self.inner.borrow_mut();
        let Some(first) = solvables.first() else { return };
        let unit = inner.pool.unit_of(CandidateId(first.to_index() as u32));
        let group = inner.pool.group(unit);
        solvables.sort_by_key(|id| group.iter().position(|candidate| candidate.0 as usize == id.to_index()));
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        Dependencies::Known(self.inner.borrow_mut().dependencies(CandidateId(solvable.to_index() as u32)))
    }
}
