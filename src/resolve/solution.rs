//! What the resolver chose, and why each package is there.

use super::goals::{Goal, GoalReason};
use super::pool::{CandidateId, Pool};
use crate::index::Field;
use crate::pkg::{Pin, Variant};
use std::collections::HashMap;

/// A valid set of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The packages, sorted by name, then architecture.
    pub packages: Vec<Chosen>,
    /// Which part of the resolver found the set.
    pub by: SolvedBy,
}

impl Solution {
    /// The pins, sorted.
    pub fn pins(&self) -> Vec<Pin> {
        self.packages.iter().map(|chosen| chosen.pin.clone()).collect()
    }
}

/// Which part of the resolver found a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolvedBy {
    /// The old pins are a solution as they are.
    Kept,
    /// apt's order.
    Walk,
    /// The complete solver, because the walk found nothing.
    Complete,
}

/// A package of the solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The package, fixed to its bytes.
    pub pin: Pin,
    /// All repositories whose verified index lists the same bytes, best first; `pin.repo` is the first.
    pub repos: Vec<String>,
    /// Where the package file lies in each of `repos`.
    pub paths: Vec<String>,
    /// The best version that the repositories would let in, where another one was chosen: a pin, a hold's neighbour.
    pub newest: Option<String>,
    /// `Installed-Size`, in KiB.
    pub installed_size: u32,
    /// `Essential: yes`
    pub essential: bool,
    /// Why the package is there: the first reason, along the shortest way from the requests.
    pub reason: Reason,
    /// What it depends on, and what satisfies that: the edges of `tree` and `why`.
    pub dependencies: Vec<Satisfied>,
}

/// Why a package is in a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A request asks for it.
    Requested {
        /// The request, in manifest words.
        request: String,
    },
    /// The variant brings it.
    Variant {
        /// The variant.
        variant: Variant,
    },
    /// Another package of the solution needs it.
    Needed {
        /// The other package: a place in [`Solution::packages`].
        by: usize,
        /// The field that says so.
        field: Field,
        /// The field's group of alternatives, in a control file's words.
        group: String,
    },
}

/// A dependency and what satisfies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Satisfied {
    /// The field.
    pub field: Field,
    /// The group of alternatives, in a control file's words.
    pub group: String,
    /// Places in [`Solution::packages`]; empty for a Recommends that is not there.
    pub by: Vec<usize>,
}

/// Makes a solution of the chosen candidates: sorts them and says why each is there.
pub(super) fn render(pool: &mut Pool<'_>, goals: &[Goal], chosen: &[CandidateId], by: SolvedBy) -> Solution {
    let mut sorted = chosen.to_vec();
    sorted.sort_by(|&a, &b| {
        let (a, b) = (pool.get(a), pool.get(b));
        (a.package.name(), a.slot).cmp(&(b.package.name(), b.slot))
    });
    let place: HashMap<CandidateId, usize> = sorted.iter().enumerate().map(|(at, &candidate)| (candidate, at)).collect();
    let dependencies: Vec<Vec<Satisfied>> = sorted
        .iter()
        .map(|&candidate| {
            let clauses = pool.clauses(candidate);
            let satisfied = clauses.iter().map(|clause| {
                let all = clause.alternatives.iter().flat_map(|alternative| alternative.solutions.iter());
                let mut by: Vec<usize> = all.filter_map(|solution| place.get(solution).copied()).collect();
                let mut seen = std::collections::BTreeSet::new();
                by.retain(|at| seen.insert(*at));
                Satisfied { field: clause.field, group: pool.clause_text(candidate, clause), by }
            });
            satisfied.collect()
        })
        .collect();
    let reasons = reasons(pool, goals, &sorted, &dependencies);
    let packages = sorted.iter().zip(dependencies).zip(reasons).map(|((&candidate, dependencies), reason)| {
        let package = pool.get(candidate).package;
        let own = pool.source(candidate);
        let mut repos = vec![own.repo.clone()];
        let mut paths = vec![package.path()];
        for (repo, path) in pool.problem.universe.repos_with(package) {
            if repo != own.repo {
                repos.push(repo.to_owned());
                paths.push(path);
            }
        }
        let pin = Pin {
            name: package.name().to_owned(),
            architecture: package.architecture().clone(),
            version: package.version().to_owned(),
            source: package.source().to_owned(),
            source_version: package.source_version().to_owned(),
            repo: own.repo.clone(),
            path: paths[0].clone(),
            sha256: package.sha256(),
            size: package.size(),
        };
        let newest = pool.newest(candidate);
        let (installed_size, essential) = (package.installed_size(), package.is_essential());
        Chosen { pin, repos, paths, newest, installed_size, essential, reason, dependencies }
    });
    Solution { packages: packages.collect(), by }
}

/// The first reason of each package, breadth first from the goals: the requests before the variant.
fn reasons(pool: &Pool<'_>, goals: &[Goal], sorted: &[CandidateId], dependencies: &[Vec<Satisfied>]) -> Vec<Reason> {
    let mut reasons: Vec<Option<Reason>> = vec![None; sorted.len()];
    let mut queue = std::collections::VecDeque::new();
    let requests_first = goals.iter().filter(|g| matches!(g.why, GoalReason::Request(_)));
    let variant_last = goals.iter().filter(|g| matches!(g.why, GoalReason::Variant(_)));
    for goal in requests_first.chain(variant_last) {
        let Some(at) = sorted.iter().position(|&candidate| pool.unit_of(candidate) == goal.unit) else { continue };
        reasons[at] = Some(match goal.why {
            GoalReason::Request(request) => Reason::Requested { request: pool.problem.requests[request].to_string() },
            GoalReason::Variant(variant) => Reason::Variant { variant },
        });
        queue.push_back(at);
    }
    while let Some(at) = queue.pop_front() {
        for satisfied in &dependencies[at] {
            for &to in &satisfied.by {
                if reasons[to].is_none() {
                    reasons[to] = Some(Reason::Needed { by: at, field: satisfied.field, group: satisfied.group.clone() });
                    queue.push_back(to);
                }
            }
        }
    }
    reasons.into_iter().map(|reason| reason.expect("every chosen package is reached from a goal")).collect()
}
