//! Chooses the packages of an image, or says why there is no choice.
//!
//! A pure function: [`resolve`] takes a [`Problem`] (requests, what steers them, what is to be kept, and the universe of
//! verified indexes) and gives a [`Solution`] or an [`Unsolvable`]. It reads no file, no clock and no environment; the
//! same problem has the same answer on every machine.
//!
//! Three parts share the work, each in its own file: `walk` chooses in apt's order, `complete` (the only file that knows
//! resolvo) finds a solution where the walk finds none and proves that there is none, `check` judges every answer
//! without using the code of the other two; [`Closure`] lets others ask it about a set. `docs/design/0004-resolver.md` says why.

mod check;
mod complete;
mod explain;
mod goals;
mod grow;
mod pool;
mod problem;
mod sentences;
mod solution;
mod unsolvable;
mod walk;

#[cfg(test)]
mod tests;

use goals::Goal;
use pool::{CandidateId, Pool};

pub use check::{Closure, Violation};
pub use problem::{Preference, Problem};
pub use solution::{Chosen, Reason, Satisfied, Solution, SolvedBy};
pub use unsolvable::{Because, Cause, Elsewhere, Hindrance, Provider, Step, Unsolvable};

/// What lets older versions take the place of pins.
pub const GO_BACK: &str = "let versions go back with `--allow-downgrade`";

/// Why there is no solution.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The requests cannot be met; exit code 3.
    #[error(transparent)]
    Unsolvable(#[from] Box<Unsolvable>),
    /// The solver gave an answer that breaks the rules: a bug of ours, never a lock.
    #[error("the solver's own answer is invalid: {}", violations.join("; "))]
    Invalid {
        /// What is wrong with it.
        violations: Vec<String>,
    },
}

/// Deep dependency chains recurse; the stack of a test thread would not do. Only what is used of it is ever real.
const STACK: usize = 256 << 20;

/// Solves a problem.
pub fn resolve(problem: &Problem<'_>) -> Result<Solution, Error> {
    std::thread::scope(|scope| {
        let work = || solve(problem);
        match std::thread::Builder::new().name("resolve".into()).stack_size(STACK).spawn_scoped(scope, work) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => solve(problem),
        }
    })
}

fn solve(problem: &Problem<'_>) -> Result<Solution, Error> {
    let mut pool = pool::Pool::new(problem);
    let architecture = || problem.native.to_string();
    let goals = goals::goals(&mut pool)
        .map_err(|causes| Box::new(Unsolvable { architecture: architecture(), hints: sentences::hints(&causes), causes }))?;
    for attempt in [keep, walk_with_pins, complete_solution] {
        let Some((chosen, by)) = attempt(&mut pool, &goals) else { continue };
        let packages: Vec<_> = chosen.iter().map(|&candidate| pool.get(candidate).package).collect();
        let violations = check::violations(&packages, &problem.native);
        match by {
            _ if violations.is_empty() => return Ok(solution::render(&mut pool, &goals, &chosen, by)),
            // What the walk got wrong the complete solver may get right.
            SolvedBy::Complete => return Err(Error::Invalid { violations }),
            _ => {}
        }
    }
    let causes = explain::causes(&mut pool, &goals);
    Err(Box::new(Unsolvable { architecture: architecture(), hints: sentences::hints(&causes), causes }).into())
}

type Attempt = Option<(Vec<CandidateId>, SolvedBy)>;

/// The old set with what is new added, when that works without moving anything.
fn keep(pool: &mut Pool<'_>, goals: &[Goal]) -> Attempt {
    let kept = pool.kept();
    if kept.is_empty() {
        return None;
    }
    let recommends = pool.problem.steering.recommends;
    let updates: Vec<CandidateId> = kept.iter().copied().filter(|&candidate| pool.has_update(pool.unit_of(candidate))).collect();
    let mut set = grow::Set::new(pool, kept);
    set.drop_broken();
    // An update that needs something else to move is the walk's work: here it would be passed over for another version.
    if !updates.into_iter().all(|update| set.has(update)) || !set.is_valid() || !set.add_goals(goals) {
        return None;
    }
    if recommends {
        set.follow_recommends(goals);
    }
    Some((set.reachable(goals), SolvedBy::Kept))
}

/// apt's order; pins that stand in the way are given up, as few as the walk can tell.
fn walk_with_pins(pool: &mut Pool<'_>, goals: &[Goal]) -> Attempt {
    // Each round unlocks at least one pin; what this many rounds do not mend the complete solver will.
    for _ in 0..20 {
        let outcome = walk::walk(pool, goals);
        if !outcome.broken {
            let chosen = outcome.chosen;
            if !pool.problem.steering.recommends {
                return Some((chosen, SolvedBy::Walk));
            }
            let mut set = grow::Set::new(pool, chosen);
            set.follow_recommends(goals);
            return Some((set.reachable(goals), SolvedBy::Walk));
        }
        let is_last = outcome.blamed.is_empty();
        pool.set_draft(outcome.chosen);
        if is_last {
            return None;
        }
        pool.unlock(outcome.blamed);
    }
    None
}

fn complete_solution(pool: &mut Pool<'_>, goals: &[Goal]) -> Attempt {
    let chosen = complete::solve(pool, goals)?;
    let recommends = pool.problem.steering.recommends;
    let mut set = grow::Set::new(pool, chosen);
    if recommends {
        set.follow_recommends(goals);
    }
    Some((set.reachable(goals), SolvedBy::Complete))
}
