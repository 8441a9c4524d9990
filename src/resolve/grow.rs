//! Adds packages to a set that is valid already, touching nothing that is in it.
//!
//! Keeps old pins (the old set is the start, new requests are added) and follows Recommends where the complete solver,
//! which knows none, has given the set. What cannot be added whole is not added at all.

use super::goals::Goal;
use super::pool::{CandidateId, Clause, Pool, Unit};
use crate::index::Field;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

const DEEPEST: u32 = 2000;

/// Tries for one addition: failing alternatives of failing alternatives multiply.
const MOST_TRIES: u32 = 5_000;

pub(super) struct Set<'p, 'u> {
    pool: &'p mut Pool<'u>,
    members: BTreeMap<Unit, CandidateId>,
    /// In the order of coming.
    trail: Vec<Unit>,
    /// What is left of [`MOST_TRIES`].
    tries: u32,
    /// By how many members a candidate is forbidden.
    forbidden: HashMap<CandidateId, u32>,
}

impl<'p, 'u> Set<'p, 'u> {
    /// A set of these members, valid or not.
    pub fn new(pool: &'p mut Pool<'u>, members: impl IntoIterator<Item = CandidateId>) -> Self {
        let mut set = Self { pool, members: BTreeMap::new(), trail: Vec::new(), tries: MOST_TRIES, forbidden: HashMap::new() };
        for member in members {
            set.insert(member);
        }
        set
    }

    fn insert(&mut self, candidate: CandidateId) {
        let unit = self.pool.unit_of(candidate);
        self.members.insert(unit, candidate);
        self.trail.push(unit);
        for forbidden in self.pool.forbidden(candidate).iter() {
            for &victim in forbidden.victims.iter() {
                *self.forbidden.entry(victim).or_default() += 1;
            }
        }
    }

    fn roll_back(&mut self, mark: usize) {
        while self.trail.len() > mark {
            let unit = self.trail.pop().expect("the trail is longer than the mark");
            let candidate = self.members.remove(&unit).expect("what is on the trail is a member");
            for forbidden in self.pool.forbidden(candidate).iter() {
                for victim in forbidden.victims.iter() {
                    *self.forbidden.get_mut(victim).expect("it was counted on insertion") -= 1;
                }
            }
        }
    }

    /// Tells whether the candidate is in the set.
    pub fn has(&self, candidate: CandidateId) -> bool {
        self.members.get(&self.pool.unit_of(candidate)) == Some(&candidate)
    }

    fn is_satisfied(&self, clause: &Clause<'u>) -> bool {
        clause.alternatives.iter().any(|alternative| alternative.solutions.iter().any(|&solution| self.has(solution)))
    }

    fn is_barred(&mut self, candidate: CandidateId) -> bool {
        self.forbidden.get(&candidate).is_some_and(|&count| count > 0)
            || self.pool.forbidden(candidate).iter().any(|forbidden| forbidden.victims.iter().any(|&victim| self.has(victim)))
    }

    /// Tells whether every member's dependencies are satisfied and nothing forbidden is in the set.
    pub fn is_valid(&mut self) -> bool {
        let members: Vec<CandidateId> = self.members.values().copied().collect();
        members.iter().all(|&member| {
            let needs = self.pool.clauses(member);
            let satisfied = needs.iter().all(|clause| clause.field == Field::Recommends || self.is_satisfied(clause));
            satisfied && !self.is_barred(member)
        })
    }

    /// Drops members whose dependencies are not satisfied, until none is left.
    pub fn drop_broken(&mut self) {
        loop {
            let members: Vec<CandidateId> = self.members.values().copied().collect();
            let kept: Vec<CandidateId> = members
                .iter()
                .copied()
                .filter(|&member| {
                    let needs = self.pool.clauses(member);
                    needs.iter().all(|clause| clause.field == Field::Recommends || self.is_satisfied(clause))
                })
                .collect();
            if kept.len() == members.len() {
                return;
            }
            self.roll_back(0);
            kept.into_iter().for_each(|member| self.insert(member));
        }
    }

    /// Adds the goals' preferred versions and what they need; false when that does not fit.
    ///
    /// All goals come first, so that they count where something needs one of several packages.
    pub fn add_goals(&mut self, goals: &[Goal]) -> bool {
        let mut fresh = Vec::new();
        for goal in goals {
            let Some(candidate) = self.pool.preferred(goal.unit) else { return false };
            match self.members.get(&goal.unit).copied() {
                Some(member) if member == candidate => {}
                Some(_) => return false,
                None if self.is_barred(candidate) => return false,
                None => {
                    self.insert(candidate);
                    fresh.push(candidate);
                }
            }
        }
        fresh.into_iter().all(|candidate| {
            self.tries = MOST_TRIES;
            self.serve(candidate, 0)
        })
    }

    fn add_candidate(&mut self, candidate: CandidateId, depth: u32) -> bool {
        let unit = self.pool.unit_of(candidate);
        if let Some(&member) = self.members.get(&unit) {
            return member == candidate;
        }
        self.tries = if depth == 0 { MOST_TRIES } else { self.tries.saturating_sub(1) };
        if depth > DEEPEST || self.tries == 0 || self.is_barred(candidate) {
            return false;
        }
        let mark = self.trail.len();
        self.insert(candidate);
        let served = self.serve(candidate, depth);
        if !served {
            self.roll_back(mark);
        }
        served
    }

    /// Adds what a member needs and, where it can be had, what it recommends.
    fn serve(&mut self, candidate: CandidateId, depth: u32) -> bool {
        for clause in self.pool.clauses(candidate).iter() {
            if self.is_satisfied(clause) {
                continue;
            }
            let mut solutions: Vec<CandidateId> = clause.alternatives.iter().flat_map(|a| a.solutions.iter().copied()).collect();
            solutions.sort_by_cached_key(|&solution| {
                let unit = self.pool.unit_of(solution);
                (self.pool.preferred(unit) != Some(solution), !self.pool.is_choice(unit), !self.pool.is_drafted(solution))
            });
            let found = solutions.into_iter().any(|solution| self.add_candidate(solution, depth + 1));
            if !found && clause.field != Field::Recommends {
                return false;
            }
        }
        true
    }

    /// Follows every Recommends of the set that is not satisfied and can be, breadth first from the goals.
    pub fn follow_recommends(&mut self, goals: &[Goal]) {
        // What comes in late may open the way for what failed before; after the last round nothing does.
        loop {
            let before = self.trail.len();
            self.follow_once(goals);
            if self.trail.len() == before {
                return;
            }
        }
    }

    fn follow_once(&mut self, goals: &[Goal]) {
        let mut queue: VecDeque<Unit> = goals.iter().map(|goal| goal.unit).collect();
        let mut seen: BTreeSet<Unit> = queue.iter().copied().collect();
        while let Some(unit) = queue.pop_front() {
            let Some(&candidate) = self.members.get(&unit) else { continue };
            for clause in self.pool.clauses(candidate).iter() {
                let mut solutions: Vec<CandidateId> = clause.alternatives.iter().flat_map(|a| a.solutions.iter().copied()).collect();
                if clause.field == Field::Recommends && !self.is_satisfied(clause) {
                    solutions.sort_by_key(|&solution| !self.pool.is_drafted(solution));
                    for &solution in &solutions {
                        let unit = self.pool.unit_of(solution);
                        if self.pool.preferred(unit) == Some(solution) && self.add_candidate(solution, 0) {
                            break;
                        }
                    }
                }
                for solution in solutions {
                    let unit = self.pool.unit_of(solution);
                    if self.has(solution) && seen.insert(unit) {
                        queue.push_back(unit);
                    }
                }
            }
        }
    }

    /// The members that the goals lead to, through whatever satisfies a dependency.
    pub fn reachable(&mut self, goals: &[Goal]) -> Vec<CandidateId> {
        let mut found: BTreeSet<CandidateId> = BTreeSet::new();
        let mut queue: Vec<Unit> = goals.iter().map(|goal| goal.unit).collect();
        while let Some(unit) = queue.pop() {
            let Some(&candidate) = self.members.get(&unit) else { continue };
            if !found.insert(candidate) {
                continue;
            }
            for clause in self.pool.clauses(candidate).iter() {
                for alternative in clause.alternatives.iter() {
                    queue.extend(alternative.solutions.iter().filter(|&&s| self.has(s)).map(|&s| self.pool.unit_of(s)));
                }
            }
        }
        found.into_iter().collect()
    }
}
