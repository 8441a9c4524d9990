//! What the resolver chose, and why each package is there.

use crate::index::Field;
use crate::pkg::{Pin, Variant};

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
