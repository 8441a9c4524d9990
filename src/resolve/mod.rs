//! Chooses the packages of an image, or says why there is no choice.
//!
//! A pure function: [`resolve`] takes a [`Problem`] (requests, what steers them, what is to be kept, and the universe of
//! verified indexes) and gives a [`Solution`] or an [`Unsolvable`]. It reads no file, no clock and no environment; the
//! same problem has the same answer on every machine.
//!
//! Three parts share the work, each in its own file: `walk` chooses in apt's order, `complete` (the only file that knows
//! resolvo) finds a solution where the walk finds none and proves that there is none, `check` judges every answer
//! without using the code of the other two. `docs/design/0004-resolver.md` says why.

mod problem;
mod solution;
mod unsolvable;

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

/// Solves a problem.
pub fn resolve(problem: &Problem<'_>) -> Result<Solution, Error> {
    let _ = problem;
    Err(Error::Invalid { violations: vec!["there is no solver yet".to_owned()] })
}
