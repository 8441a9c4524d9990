//! Says why there is no solution, from the request down.
//!
//! Runs only after the complete solver has proved that there is none, and looks for the shortest thing that can be said
//! in a sentence: a dependency that nothing can satisfy, two packages that exclude each other and are both forced, a
//! choice of which every alternative leads to one of these. Only when nothing so simple is to be found it names the
//! requests that do not go together.

use super::goals::{Goal, GoalReason, elsewhere};
use super::pool::{CandidateId, Clause, Pool, Unit};
use super::unsolvable::{Cause, Hindrance, Step};
use crate::index::Field;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is wrong, shortest chain first.
pub(super) fn causes(pool: &mut Pool<'_>, goals: &[Goal]) -> Vec<Cause> {
    let hopeless = Hopeless::among(pool, goals);
    let mut found: Vec<(usize, Cause)> = Vec::new();
    for goal in goals {
        let group = pool.group(goal.unit);
        if let Some(depth) = group.iter().map(|c| hopeless.0.get(c).map(|why| why.depth)).collect::<Option<Vec<_>>>() {
            found.push((depth.first().copied().unwrap_or(0), hopeless.chain(pool, goal)));
        }
    }
    if !found.is_empty() {
        found.sort_by_key(|(depth, _)| *depth);
        return found.into_iter().map(|(_, cause)| cause).collect();
    }
    let mut believed = Beliefs::new(pool, goals, &hopeless);
    if let Some(clash) = believed.propagate(pool) {
        return vec![believed.cause(pool, &clash)];
    }
    if let Some(cause) = believed.probe(pool) {
        return vec![cause];
    }
    vec![core(pool, goals)]
}

/// Why a candidate can never be there, conflicts apart: the clause that nothing satisfies.
struct Hopeless(BTreeMap<CandidateId, Why>);

struct Why {
    clause: usize,
    /// How far down the missing thing is.
    depth: usize,
}

impl Hopeless {
    /// Explores everything the goals may lead to, then goes back from what is missing, the shortest chains first.
    fn among(pool: &mut Pool<'_>, goals: &[Goal]) -> Self {
        let mut reached: BTreeSet<CandidateId> = BTreeSet::new();
        let mut queue: Vec<CandidateId> = Vec::new();
        for goal in goals {
            queue.extend(pool.group(goal.unit).iter());
        }
        while let Some(candidate) = queue.pop() {
            if reached.insert(candidate) {
                for clause in critical(&pool.clauses(candidate)) {
                    queue.extend(solutions(clause).filter(|solution| !reached.contains(solution)));
                }
            }
        }
        // How many solutions each clause has left, and which clauses a solution serves.
        let mut left: BTreeMap<(CandidateId, usize), usize> = BTreeMap::new();
        let mut serves: BTreeMap<CandidateId, Vec<(CandidateId, usize)>> = BTreeMap::new();
        let mut hopeless: BTreeMap<CandidateId, Why> = BTreeMap::new();
        let mut queue: VecDeque<CandidateId> = VecDeque::new();
        for &candidate in &reached {
            for (at, clause) in pool.clauses(candidate).iter().enumerate() {
                if clause.field == Field::Recommends {
                    continue;
                }
                let all: BTreeSet<CandidateId> = solutions(clause).collect();
                if all.is_empty() && !hopeless.contains_key(&candidate) {
                    hopeless.insert(candidate, Why { clause: at, depth: 0 });
                    queue.push_back(candidate);
                }
                left.insert((candidate, at), all.len());
                for solution in all {
                    serves.entry(solution).or_default().push((candidate, at));
                }
            }
        }
        while let Some(dead) = queue.pop_front() {
            let depth = hopeless[&dead].depth + 1;
            for &(candidate, at) in serves.get(&dead).into_iter().flatten() {
                let left = left.get_mut(&(candidate, at)).expect("every clause was counted");
                *left -= 1;
                if *left == 0 && !hopeless.contains_key(&candidate) {
                    hopeless.insert(candidate, Why { clause: at, depth });
                    queue.push_back(candidate);
                }
            }
        }
        Self(hopeless)
    }

    fn has(&self, candidate: CandidateId) -> bool {
        self.0.contains_key(&candidate)
    }

    /// From a goal down to what is missing.
    fn chain(&self, pool: &mut Pool<'_>, goal: &Goal) -> Cause {
        let request = request_text(pool, goal);
        let group = pool.group(goal.unit);
        let Some(&start) = group.first() else {
            let group = pool.display_unit(goal.unit);
            let available = elsewhere(pool, goal.unit);
            return Cause::Chain { request, steps: Vec::new(), hindrance: Hindrance::Missing { group, available } };
        };
        let mut steps = Vec::new();
        let hindrance = self.descend(pool, start, &mut steps);
        Cause::Chain { request, steps, hindrance }
    }

    fn descend(&self, pool: &mut Pool<'_>, start: CandidateId, steps: &mut Vec<Step>) -> Hindrance {
        let mut at = start;
        loop {
            let clauses = pool.clauses(at);
            let clause = &clauses[self.0[&at].clause];
            steps.push(step(pool, at, Some(clause)));
            // The alternative that comes closest: the one whose own trouble is nearest.
            let next = solutions(clause).min_by_key(|solution| (self.0[solution].depth, solution.0));
            match next {
                Some(next) => at = next,
                None => return missing(pool, at, clause),
            }
        }
    }
}

fn critical<'c, 'u>(clauses: &'c [Clause<'u>]) -> impl Iterator<Item = &'c Clause<'u>> {
    clauses.iter().filter(|clause| clause.field != Field::Recommends)
}

fn solutions(clause: &Clause<'_>) -> impl Iterator<Item = CandidateId> {
    clause.alternatives.iter().flat_map(|alternative| alternative.solutions.iter().copied())
}

fn request_text(pool: &Pool<'_>, goal: &Goal) -> String {
    match &goal.why {
        GoalReason::Request(at) => pool.problem.requests[*at].to_string(),
        GoalReason::Variant(variant) => format!("variant {}", variant.as_str()),
    }
}

fn step(pool: &Pool<'_>, candidate: CandidateId, clause: Option<&Clause<'_>>) -> Step {
    Step {
        package: pool.display_unit(pool.unit_of(candidate)),
        version: pool.get(candidate).package.version().to_owned(),
        field: clause.map(|clause| clause.field.to_string()),
        group: clause.map(|clause| pool.clause_text(candidate, clause)),
        only: None,
    }
}

/// What comes near a clause that nothing satisfies.
fn missing(pool: &mut Pool<'_>, candidate: CandidateId, clause: &Clause<'_>) -> Hindrance {
    let mut available = Vec::new();
    for alternative in clause.alternatives.iter() {
        let name = alternative.target.name;
        let mut units: Vec<Unit> = (0..pool.slots.len()).map(|slot| pool.unit(name, slot as u8)).collect();
        units.extend(pool.provider_units(name));
        for unit in units {
            for entry in elsewhere(pool, unit) {
                if !available.contains(&entry) {
                    available.push(entry);
                }
            }
        }
    }
    Hindrance::Missing { group: pool.clause_text(candidate, clause), available }
}

/// What must be, and what cannot be, if the goals are to be met.
#[derive(Clone)]
struct Beliefs<'g> {
    goals: &'g [Goal],
    /// Candidates that must be there, and who needs them through which clause.
    needed: BTreeMap<CandidateId, Option<(CandidateId, usize)>>,
    /// What needed candidates that gave way to another version of theirs. They may be needed again, by what that brought.
    former: BTreeMap<CandidateId, Option<(CandidateId, usize)>>,
    /// Candidates that cannot be there, and which needed one they exclude or are excluded by.
    excluded: BTreeMap<CandidateId, Exclusion>,
    queue: VecDeque<CandidateId>,
    open: Vec<(CandidateId, usize)>,
}

#[derive(Clone)]
enum Exclusion {
    /// A needed candidate excludes it, or it excludes that one.
    By(CandidateId),
    /// Its own dependencies cannot be met.
    Hopeless,
    /// Assuming it leads into the cause.
    Proven(Box<Cause>),
}

/// Two needed candidates exclude each other, or a needed one's clause has nothing left.
enum Clash {
    Pair(CandidateId, CandidateId),
    Clause(CandidateId, usize),
    Goal(usize),
}

impl<'g> Beliefs<'g> {
    fn new(pool: &mut Pool<'_>, goals: &'g [Goal], hopeless: &Hopeless) -> Self {
        let excluded = hopeless.0.keys().map(|&candidate| (candidate, Exclusion::Hopeless)).collect();
        let mut beliefs =
            Self { goals, needed: BTreeMap::new(), former: BTreeMap::new(), excluded, queue: VecDeque::new(), open: Vec::new() };
        for goal in goals {
            let first = pool.group(goal.unit).iter().copied().find(|&candidate| !hopeless.has(candidate));
            if let Some(first) = first {
                // Goals are of different units: nothing can clash yet.
                let _ = beliefs.need(pool, first, None);
            }
        }
        beliefs
    }

    fn need(&mut self, pool: &mut Pool<'_>, candidate: CandidateId, by: Option<(CandidateId, usize)>) -> Option<Clash> {
        if self.needed.contains_key(&candidate) {
            return None;
        }
        let unit = pool.unit_of(candidate);
        let twin = self.needed.keys().copied().find(|&other| pool.unit_of(other) == unit);
        if let Some(twin) = twin {
            // Whoever needs the other version may be content with this one.
            let content = match self.needed[&twin] {
                None => pool.group(unit).contains(&candidate),
                Some((needer, at)) => solutions(&pool.clauses(needer)[at]).any(|solution| solution == candidate),
            };
            if !content {
                self.needed.insert(candidate, by);
                return Some(Clash::Pair(candidate, twin));
            }
            if let Some(by) = self.needed.remove(&twin) {
                self.former.entry(twin).or_insert(by);
            }
        }
        self.needed.insert(candidate, by);
        self.queue.push_back(candidate);
        None
    }

    /// Draws conclusions, breadth first, until something clashes or nothing more follows.
    fn propagate(&mut self, pool: &mut Pool<'_>) -> Option<Clash> {
        loop {
            while let Some(candidate) = self.queue.pop_front() {
                if let Some(clash) = self.exclude_by(pool, candidate) {
                    return Some(clash);
                }
                let clauses = pool.clauses(candidate);
                self.open.extend((0..clauses.len()).filter(|&at| clauses[at].field != Field::Recommends).map(|at| (candidate, at)));
            }
            let open = std::mem::take(&mut self.open);
            for (candidate, at) in open {
                let clauses = pool.clauses(candidate);
                let left: Vec<CandidateId> = solutions(&clauses[at]).filter(|s| !self.excluded.contains_key(s)).collect();
                if left.iter().any(|solution| self.needed.contains_key(solution)) {
                    continue;
                }
                let units: BTreeSet<Unit> = left.iter().map(|&solution| pool.unit_of(solution)).collect();
                match (left.first(), units.len()) {
                    (None, _) => return Some(Clash::Clause(candidate, at)),
                    (Some(&first), 1) => {
                        if let Some(clash) = self.need(pool, first, Some((candidate, at))) {
                            return Some(clash);
                        }
                    }
                    _ => self.open.push((candidate, at)),
                }
            }
            if self.queue.is_empty() {
                let lost = (0..self.goals.len()).find(|&goal| {
                    let group = pool.group(self.goals[goal].unit);
                    group.iter().all(|candidate| self.excluded.contains_key(candidate))
                });
                return lost.map(Clash::Goal);
            }
        }
    }

    /// Excludes what a needed candidate excludes, in either direction, and the other versions of its unit.
    fn exclude_by(&mut self, pool: &mut Pool<'_>, candidate: CandidateId) -> Option<Clash> {
        let mut victims: Vec<CandidateId> =
            pool.forbidden(candidate).iter().flat_map(|forbidden| forbidden.victims.iter().copied()).collect();
        for &other in self.needed.keys() {
            if other != candidate && pool.forbidden(other).iter().any(|forbidden| forbidden.victims.contains(&candidate)) {
                victims.push(other);
            }
        }
        if let Some(&other) = victims.iter().find(|victim| self.needed.contains_key(*victim)) {
            return Some(Clash::Pair(candidate, other));
        }
        for victim in victims {
            self.excluded.entry(victim).or_insert(Exclusion::By(candidate));
        }
        None
    }

    /// The chain from a goal to a needed candidate; the last step has no field.
    fn steps(&self, pool: &mut Pool<'_>, candidate: CandidateId) -> (String, Vec<Step>) {
        let mut steps = vec![step(pool, candidate, None)];
        let mut at = candidate;
        // Two versions may need each other by turns; the way back is then the one that came first.
        let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let first = seen.insert(at);
            let needed = self.needed.get(&at).filter(|_| first);
            let former = self.former.get(&at).filter(|_| first || twice.insert(at));
            let Some(Some((by, clause))) = needed.or(former).copied() else { break };
            let clauses = pool.clauses(by);
            let clause = &clauses[clause];
            let mut step = step(pool, by, Some(clause));
            if solutions(clause).any(|solution| pool.unit_of(solution) != pool.unit_of(at)) {
                step.only = Some(pool.display_unit(pool.unit_of(at)));
            }
            steps.push(step);
            at = by;
        }
        steps.reverse();
        let goal = self.goals.iter().find(|goal| goal.unit == pool.unit_of(at));
        // What is only assumed has no request.
        let request = goal.map_or_else(String::new, |goal| request_text(pool, goal));
        (request, steps)
    }

    fn cause(&self, pool: &mut Pool<'_>, clash: &Clash) -> Cause {
        match *clash {
            Clash::Pair(a, b) => {
                match self.choice_of(pool, a).map(|at| (at, a, b)).or_else(|| self.choice_of(pool, b).map(|at| (at, b, a))) {
                    None => self.conflict(pool, a, b),
                    // It was needed only because the other alternatives fail: that must be said too.
                    Some(((needer, at), chosen, rival)) => {
                        let mut without = self.clone();
                        without.needed.remove(&chosen);
                        without.excluded.insert(chosen, Exclusion::By(rival));
                        without.cause(pool, &Clash::Clause(needer, at))
                    }
                }
            }
            Clash::Goal(goal) => {
                let group = pool.group(self.goals[goal].unit);
                let first = group.first().copied();
                match first.and_then(|first| self.excluded.get(&first).map(|why| (first, why.clone()))) {
                    Some((first, Exclusion::By(by))) => self.conflict(pool, first, by),
                    Some((_, Exclusion::Proven(cause))) => *cause,
                    _ => core(pool, self.goals),
                }
            }
            Clash::Clause(candidate, at) => {
                let clauses = pool.clauses(candidate);
                let clause = &clauses[at];
                let found: Vec<CandidateId> = solutions(clause).collect();
                if let [sole] = found[..]
                    && let Some(Exclusion::By(by)) = self.excluded.get(&sole)
                {
                    let mut with = self.clone();
                    with.needed.insert(sole, Some((candidate, at)));
                    return with.conflict(pool, sole, *by);
                }
                let (request, mut steps) = self.steps(pool, candidate);
                steps.pop();
                steps.push(step(pool, candidate, Some(clause)));
                let mut each: Vec<Cause> = Vec::new();
                for solution in found {
                    let cause = match self.excluded.get(&solution) {
                        Some(Exclusion::By(by)) => self.conflict(pool, solution, *by),
                        Some(Exclusion::Proven(cause)) => (**cause).clone(),
                        _ => {
                            let own_goal = Goal { unit: pool.unit_of(solution), why: GoalReason::Request(0) };
                            let hopeless = Hopeless::among(pool, &[own_goal]);
                            if hopeless.has(solution) {
                                let mut own = Vec::new();
                                let hindrance = hopeless.descend(pool, solution, &mut own);
                                Cause::Chain { request: String::new(), steps: own, hindrance }
                            } else {
                                // It would do by itself; what stands in its way gave way to another version meanwhile.
                                core(pool, self.goals)
                            }
                        }
                    };
                    if !each.contains(&cause) {
                        each.push(cause);
                    }
                }
                let group = pool.clause_text(candidate, clause);
                Cause::Chain { request, steps, hindrance: Hindrance::Alternatives { group, each } }
            }
        }
    }

    /// The clause by which a candidate is needed, if that had other alternatives.
    fn choice_of(&self, pool: &mut Pool<'_>, candidate: CandidateId) -> Option<(CandidateId, usize)> {
        let (needer, at) = self.needed.get(&candidate).copied().flatten()?;
        let unit = pool.unit_of(candidate);
        let others = solutions(&pool.clauses(needer)[at]).any(|solution| pool.unit_of(solution) != unit);
        others.then_some((needer, at))
    }

    /// Two candidates of which one's field names the other.
    fn conflict(&self, pool: &mut Pool<'_>, a: CandidateId, b: CandidateId) -> Cause {
        let says = |pool: &mut Pool<'_>, from: CandidateId, to: CandidateId| {
            let all = pool.forbidden(from);
            all.iter().find(|forbidden| forbidden.victims.contains(&to)).map(|f| (f.field.to_string(), pool.forbidden_text(from, f)))
        };
        // The chain ends at the one that says so, where there is a choice.
        let (speaker, other, (field, relation)) = match (says(pool, a, b), says(pool, b, a)) {
            (Some(text), _) => (a, b, text),
            (None, Some(text)) => (b, a, text),
            (None, None) => (a, b, ("Version".to_owned(), pool.display_unit(pool.unit_of(b)))),
        };
        let (request, steps) = self.steps(pool, speaker);
        let (other_request, because) = self.steps(pool, other);
        Cause::Chain {
            request,
            steps,
            hindrance: Hindrance::Conflict {
                package: pool.display_unit(pool.unit_of(speaker)),
                field,
                relation,
                other: pool.display_unit(pool.unit_of(other)),
                other_request,
                because,
            },
        }
    }

    /// Assumes the alternatives of open clauses one by one; each that clashes is out.
    fn probe(&mut self, pool: &mut Pool<'_>) -> Option<Cause> {
        // Every round excludes something, or ends it; a few hundred probes take milliseconds each.
        let mut probes = 0;
        loop {
            let mut learned = false;
            for (candidate, at) in self.open.clone() {
                let clauses = pool.clauses(candidate);
                let left: Vec<CandidateId> = solutions(&clauses[at]).filter(|s| !self.excluded.contains_key(s)).collect();
                for solution in left {
                    probes += 1;
                    if probes > 400 {
                        return None;
                    }
                    let mut assumed = self.clone();
                    let clash = assumed.need(pool, solution, Some((candidate, at)));
                    if let Some(clash) = clash.or_else(|| assumed.propagate(pool)) {
                        let cause = assumed.cause(pool, &clash);
                        self.excluded.insert(solution, Exclusion::Proven(Box::new(cause)));
                        learned = true;
                    }
                }
                if learned {
                    break;
                }
            }
            if !learned {
                return None;
            }
            if let Some(clash) = self.propagate(pool) {
                return Some(self.cause(pool, &clash));
            }
        }
    }
}

/// The fewest requests that do not go together, when nothing simpler can be said.
fn core(pool: &mut Pool<'_>, goals: &[Goal]) -> Cause {
    let mut kept: Vec<Goal> = goals.to_vec();
    let mut at = 0;
    // One solver run per goal; variants with hundreds of packages are cut in one go first.
    let asked: Vec<Goal> = kept.iter().filter(|goal| matches!(goal.why, GoalReason::Request(_))).cloned().collect();
    if asked.len() < kept.len() && super::complete::solve(pool, &asked).is_none() {
        kept = asked;
    }
    while at < kept.len() && kept.len() > 1 {
        let mut fewer = kept.clone();
        fewer.remove(at);
        match super::complete::solve(pool, &fewer) {
            None => kept = fewer,
            Some(_) => at += 1,
        }
    }
    let mut requests: Vec<String> = kept.iter().map(|goal| request_text(pool, goal)).collect();
    requests.dedup();
    let request = requests.first().cloned().unwrap_or_default();
    Cause::Chain { request, steps: Vec::new(), hindrance: Hindrance::Together { requests } }
}
