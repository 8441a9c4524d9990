//! Chooses packages in apt's order: the default answer.
//!
//! Models what `apt-get install` 2.6 does in an empty root (depcache's marking): depth first through Pre-Depends, Depends
//! and Recommends; an or-group that something satisfies already is left alone; what the requests force (sole candidates
//! of what is asked, transitively) is protected before free choices are made, and what a protected package forbids is
//! out; a package that failed once is not tried again. It is not complete: when it ends with something broken, `complete`
//! decides.

use super::goals::Goal;
use super::pool::{Alternative, CandidateId, Clause, Pool, Unit};
use crate::index::Field;
use std::collections::BTreeSet;

/// apt gives up at this depth too.
const DEEPEST: u32 = 3000;

/// Marks in one walk, after which it gives up: the largest desktops need some thousands, but packages that drive each other
/// out in turn could go on for ever.
const MOST_MARKS: u32 = 50_000;

/// What the walk has come to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What it chose, in unit order.
    pub chosen: Vec<CandidateId>,
    /// Whether something in it is unsatisfied or in conflict.
    pub broken: bool,
    /// Units whose pinned version stood in the way of something.
    pub blamed: BTreeSet<Unit>,
}

#[derive(Clone, Copy, Default)]
struct State {
    installed: bool,
    /// Its state is fixed: there to stay, or never to come.
    protected: bool,
    /// It failed: it has no candidate any more.
    discarded: bool,
}

struct Walk<'p, 'u> {
    pool: &'p mut Pool<'u>,
    states: Vec<State>,
    marks: u32,
    blamed: BTreeSet<Unit>,
}

/// Who asks for a package to be marked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Request,
    Package,
}

/// Walks from the goals.
pub(super) fn walk(pool: &mut Pool<'_>, goals: &[Goal]) -> Outcome {
    let mut walk = Walk { pool, states: Vec::new(), marks: 0, blamed: BTreeSet::new() };
    for goal in goals {
        walk.state(goal.unit).protected = true;
        walk.install(goal.unit);
    }
    for goal in goals {
        walk.mark(goal.unit, By::Request, 0);
    }
    walk.outcome(goals)
}

impl<'u> Walk<'_, 'u> {
    fn state(&mut self, unit: Unit) -> &mut State {
        let at = unit.0 as usize;
        if at >= self.states.len() {
            self.states.resize(at + 256, State::default());
        }
        &mut self.states[at]
    }

    /// The version that may be chosen.
    fn candidate(&mut self, unit: Unit) -> Option<CandidateId> {
        match self.state(unit).discarded {
            true => None,
            false => self.pool.preferred(unit),
        }
    }

    fn is_candidate(&mut self, candidate: CandidateId) -> bool {
        let unit = self.pool.unit_of(candidate);
        self.candidate(unit) == Some(candidate)
    }

    fn is_installed(&mut self, candidate: CandidateId) -> bool {
        let unit = self.pool.unit_of(candidate);
        self.state(unit).installed && self.pool.preferred(unit) == Some(candidate)
    }

    fn is_satisfied(&mut self, clause: &Clause<'u>) -> bool {
        clause.alternatives.iter().any(|alternative| alternative.solutions.iter().any(|&solution| self.is_installed(solution)))
    }

    fn is_satisfiable(&mut self, clause: &Clause<'u>) -> bool {
        clause
            .alternatives
            .iter()
            .any(|alternative| alternative.solutions.iter().any(|&solution| self.is_candidate(solution) || self.is_installed(solution)))
    }

    /// Tells whether something the package needs is missing, or something it forbids is there.
    fn is_broken(&mut self, candidate: CandidateId, with_recommends: bool) -> bool {
        let needs = self.pool.clauses(candidate);
        let missing = needs.iter().any(|clause| (with_recommends || clause.field != Field::Recommends) && !self.is_satisfied(clause));
        missing || self.pool.forbidden(candidate).iter().any(|forbidden| forbidden.victims.iter().any(|&v| self.is_installed(v)))
    }

    fn install(&mut self, unit: Unit) {
        if self.candidate(unit).is_some() {
            self.state(unit).installed = true;
        }
    }

    fn discard(&mut self, unit: Unit) {
        let state = self.state(unit);
        (state.installed, state.discarded) = (false, true);
    }

    /// Marks a unit and what it needs; false when that did not work out.
    fn mark(&mut self, unit: Unit, by: By, depth: u32) -> bool {
        self.marks += 1;
        if depth > DEEPEST || self.marks > MOST_MARKS {
            return false;
        }
        let state = *self.state(unit);
        if by == By::Package && state.protected && !state.installed {
            return false;
        }
        let Some(candidate) = self.candidate(unit) else { return false };
        if state.installed && !state.protected && !self.is_broken(candidate, true) {
            return true;
        }
        let clauses = self.pool.clauses(candidate);
        for clause in clauses.iter().filter(|clause| clause.field != Field::Recommends) {
            if !self.is_satisfiable(clause) {
                self.blame(candidate, clause);
                if !state.protected {
                    self.discard(unit);
                }
                return false;
            }
        }
        if by == By::Request {
            self.install(unit);
        }
        let fails_early = by == By::Package && !state.protected;
        let propagates = state.protected;
        let open: Vec<usize> = (0..clauses.len()).filter(|&at| propagates || !self.is_satisfied(&clauses[at])).collect();
        let mut good = self.drive_out(candidate, propagates, by);
        if !good && fails_early {
            return false;
        }
        self.install(unit);
        self.state(unit).protected = true;
        let served = self.serve(&clauses, &open, propagates, by, depth);
        self.state(unit).protected = propagates;
        if !served {
            if fails_early {
                self.discard(unit);
                return false;
            }
            good = false;
        }
        good
    }

    /// Takes back what the candidate forbids; a protected candidate forbids it for good.
    fn drive_out(&mut self, candidate: CandidateId, propagates: bool, by: By) -> bool {
        let mut good = true;
        for forbidden in self.pool.forbidden(candidate).iter() {
            if !propagates && !forbidden.victims.iter().any(|&victim| self.is_installed(victim)) {
                continue;
            }
            for &victim in forbidden.victims.iter() {
                if !self.is_candidate(victim) {
                    continue;
                }
                let unit = self.pool.unit_of(victim);
                let state = self.state(unit);
                if state.installed && state.protected {
                    good = false;
                    if self.pool.is_pinned(unit) {
                        self.blamed.insert(unit);
                    }
                    let own = self.pool.unit_of(candidate);
                    if self.pool.is_pinned(own) {
                        self.blamed.insert(own);
                    }
                    if !propagates && by == By::Package {
                        return false;
                    }
                    continue;
                }
                state.installed = false;
                if propagates {
                    (state.discarded, state.protected) = (true, true);
                }
            }
        }
        good
    }

    /// Serves the open clauses of a package.
    fn serve(&mut self, clauses: &[Clause<'u>], open: &[usize], propagates: bool, by: By, depth: u32) -> bool {
        let mut good = true;
        for &at in open {
            let clause = &clauses[at];
            let critical = clause.field != Field::Recommends;
            if self.is_satisfied(clause) {
                if propagates && critical {
                    good &= self.protect_sole(clause, depth);
                }
                continue;
            }
            let possible = self.possible(&clause.alternatives);
            let mut found = false;
            for &solution in &possible {
                if !self.is_candidate(solution) {
                    continue;
                }
                let unit = self.pool.unit_of(solution);
                if propagates && critical && possible.len() == 1 {
                    if self.candidate(unit).is_none() || (self.state(unit).protected && !self.state(unit).installed) {
                        continue;
                    }
                    self.install(unit);
                    self.state(unit).protected = true;
                }
                if self.mark(unit, By::Package, depth + 1) {
                    found = true;
                    break;
                }
            }
            if !found && critical {
                good = false;
                if !propagates && by == By::Package {
                    break;
                }
            }
        }
        good
    }

    /// A dependency of something protected that only one package can satisfy makes that one protected too.
    fn protect_sole(&mut self, clause: &Clause<'u>, depth: u32) -> bool {
        let mut possible = self.possible(&clause.alternatives);
        possible.sort_unstable();
        possible.dedup();
        let [sole] = possible[..] else { return true };
        let unit = self.pool.unit_of(sole);
        if self.state(unit).protected {
            return true;
        }
        self.state(unit).protected = true;
        self.mark(unit, By::Package, depth + 1)
    }

    /// Who may satisfy a group, in the order of trying: alternatives as written, within one the protected first.
    fn possible(&mut self, alternatives: &[Alternative<'u>]) -> Vec<CandidateId> {
        let mut possible: Vec<CandidateId> = Vec::new();
        for alternative in alternatives {
            let mut here: Vec<CandidateId> =
                alternative.solutions.iter().copied().filter(|&solution| self.is_candidate(solution)).collect();
            here.sort_by_key(|&solution| {
                let unit = self.pool.unit_of(solution);
                !self.state(unit).protected
            });
            possible.extend(here);
        }
        possible.dedup();
        possible.retain(|&solution| {
            let unit = self.pool.unit_of(solution);
            let state = self.state(unit);
            state.installed || !state.protected
        });
        // What is to be kept goes before what apt would take; without an old lock this changes nothing.
        possible.sort_by_key(|&solution| !self.pool.is_choice(self.pool.unit_of(solution)));
        possible
    }

    /// Notes which pins keep a clause from being satisfied.
    fn blame(&mut self, candidate: CandidateId, clause: &Clause<'u>) {
        let unit = self.pool.unit_of(candidate);
        if self.pool.is_pinned(unit) {
            self.blamed.insert(unit);
        }
        for alternative in clause.alternatives.iter() {
            for &solution in alternative.solutions.iter() {
                let unit = self.pool.unit_of(solution);
                if self.pool.preferred(unit) != Some(solution) && self.pool.is_pinned(unit) {
                    self.blamed.insert(unit);
                }
            }
        }
    }

    fn outcome(mut self, goals: &[Goal]) -> Outcome {
        let installed: Vec<Unit> = (0..self.states.len() as u32).map(Unit).filter(|unit| self.states[unit.0 as usize].installed).collect();
        let mut broken = false;
        for &unit in &installed {
            let Some(candidate) = self.pool.preferred(unit) else { continue };
            if self.is_broken(candidate, false) {
                broken = true;
                if self.pool.is_pinned(unit) {
                    self.blamed.insert(unit);
                }
                for clause in self.pool.clauses(candidate).iter() {
                    if clause.field != Field::Recommends && !self.is_satisfied(clause) {
                        self.blame(candidate, clause);
                    }
                }
            }
        }
        broken |= self.marks > MOST_MARKS || goals.iter().any(|goal| !self.state(goal.unit).installed);
        let chosen = self.reachable(goals);
        Outcome { chosen, broken, blamed: self.blamed }
    }

    /// What the goals lead to; what failed attempts left behind is dropped, as apt drops new packages nobody needs.
    fn reachable(&mut self, goals: &[Goal]) -> Vec<CandidateId> {
        let mut found: BTreeSet<Unit> = BTreeSet::new();
        let mut queue: Vec<Unit> = goals.iter().map(|goal| goal.unit).collect();
        let mut chosen = Vec::new();
        while let Some(unit) = queue.pop() {
            if !self.state(unit).installed || !found.insert(unit) {
                continue;
            }
            let Some(candidate) = self.pool.preferred(unit) else { continue };
            chosen.push(candidate);
            for clause in self.pool.clauses(candidate).iter() {
                for alternative in clause.alternatives.iter() {
                    for &solution in alternative.solutions.iter() {
                        if self.is_installed(solution) {
                            queue.push(self.pool.unit_of(solution));
                        }
                    }
                }
            }
        }
        chosen.sort_by_key(|&candidate| self.pool.unit_of(candidate));
        chosen
    }
}
