//! Chooses the packages of an image, or says why there is no choice.
//!
//! A pure function: [`resolve`] takes a [`Problem`] (requests, what steers them, what is to be kept, and the universe of
//! verified indexes) and gives a [`Solution`] or an [`Unsolvable`]. It reads no file, no clock and no environment; the
//! same problem has the same answer on every machine.
//!
//! Three parts share the work, each in its own file: `walk` chooses in apt's order, `complete` (the only file that knows
//! resolvo) finds a solution where the walk finds none and proves that there is none, `check` judges every answer
//! without using the code of the other two. `docs/design/0004-resolver.md` says why.

mod check;
mod goals;
mod pool;
mod problem;
mod solution;
mod unsolvable;
mod walk;

pub use problem::{Preference, Problem};
pub use solution::{Chosen, Reason, Satisfied, Solution, SolvedBy};
pub use unsolvable::{Cause, Elsewhere, Hindrance, Provider, Step, Unsolvable};

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
    let unsolvable = |causes, hints| Error::from(Box::new(Unsolvable { architecture: problem.native.to_string(), causes, hints }));
    let goals = goals::goals(&mut pool).map_err(|causes| unsolvable(causes, Vec::new()))?;
    let outcome = walk::walk(&mut pool, &goals);
    if outcome.broken {
        return Err(unsolvable(Vec::new(), Vec::new()));
    }
    let packages: Vec<_> = outcome.chosen.iter().map(|&c| pool.get(c).package).collect();
    let violations = check::violations(&packages, &problem.native);
    if !violations.is_empty() {
        return Err(Error::Invalid { violations });
    }
    Ok(solution::render(&mut pool, &goals, &outcome.chosen, SolvedBy::Walk))
}
