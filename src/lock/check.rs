//! Finds what a merge or an editor did to a lockfile's text.

use super::Lockfile;
use std::collections::HashSet;

/// Something in a lockfile's text that `pintree lock` would not have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A pinned package that no image has.
    #[error("no image has `{name}` {version} {architecture}")]
    Orphan {
        /// The binary package.
        name: String,
        /// Its version.
        version: String,
        /// Its architecture.
        architecture: crate::pkg::Architecture,
    },
    /// The first line that is not as the canonical writer has it.
    #[error("line {line} is not canonical: found `{found}`, expected `{expected}`")]
    Layout {
        /// The line, from 1.
        line: usize,
        /// What stands there; empty beyond the end.
        found: String,
        /// What should stand there; empty beyond the end.
        expected: String,
    },
    /// The lines are right, but not how they end.
    #[error("line endings are not canonical: every line ends in one line feed")]
    LineEndings,
}

impl Lockfile {
    /// Checks the text that this lockfile was read from: every cell is used, every byte is canonical.
    ///
    /// That references match one cell each and blocks and cells are unique was a condition of reading it.
    pub fn check(&self, text: &str) -> Vec<Problem> {
        let used: HashSet<u32> = self.sets.values().chain(self.accelerators.values()).flatten().copied().collect();
        let mut problems: Vec<Problem> = (0..)
            .zip(&self.cells)
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, pin)| Problem::Orphan {
                name: pin.name.clone(),
                version: pin.version.clone(),
                architecture: pin.architecture.clone(),
            })
            .collect();
        let canonical = self.render();
        if canonical != text {
            problems.push(first_difference(text, &canonical));
        }
        problems
    }
}

fn first_difference(text: &str, canonical: &str) -> Problem {
    let (mut found, mut expected) = (text.lines(), canonical.lines());
    for line in 1.. {
        match (found.next(), expected.next()) {
            (None, None) => break,
            (found, expected) if found != expected => {
                let shown = |line: Option<&str>| line.unwrap_or_default().chars().take(160).collect();
                return Problem::Layout { line, found: shown(found), expected: shown(expected) };
            }
            _ => {}
        }
    }
    Problem::LineEndings
}
