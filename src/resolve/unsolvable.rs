//! Why there is no solution: values for programs, sentences for people.

use serde::Serialize;
use std::fmt;

/// The requests of an image cannot be met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unsolvable {
    /// The architecture that was solved for.
    pub architecture: String,
    /// What is wrong; shortest chain first.
    pub causes: Vec<Cause>,
    /// What the user could do, each a phrase for a `hint:` line.
    pub hints: Vec<String>,
}

/// One reason why there is no solution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// No enabled repository has the name.
    UnknownPackage {
        /// The request, in manifest words.
        request: String,
        /// Names that are close to it.
        similar: Vec<String>,
        /// Repositories that have it but may not supply it.
        elsewhere: Vec<Elsewhere>,
    },
    /// The name is there, but not in a version that the request accepts.
    NoVersion {
        /// The request, in manifest words.
        request: String,
        /// The versions that there are.
        available: Vec<Elsewhere>,
    },
    /// A virtual package with several providers: the user must choose.
    SeveralProviders {
        /// The request, in manifest words.
        request: String,
        /// Who provides it.
        providers: Vec<Provider>,
    },
    /// The image's own `exclude` takes what the request asks.
    Excluded {
        /// The request, in manifest words.
        request: String,
        /// The `exclude` entry.
        exclude: String,
    },
    /// The request's architecture is neither the image's nor one of `foreign-arches`.
    UnknownArchitecture {
        /// The request, in manifest words.
        request: String,
        /// The architecture.
        architecture: String,
    },
    /// `from` names no repository or suite.
    UnknownSource {
        /// The request, in manifest words.
        request: String,
        /// The word after `from`.
        from: String,
    },
    /// No package is known to ship the requested path.
    UnknownFile {
        /// The request, in manifest words.
        request: String,
    },
    /// A chain from a request to what hinders it.
    Chain {
        /// From the request down; each step needs the next.
        steps: Vec<Step>,
        /// What the last step runs into.
        hindrance: Hindrance,
    },
}

/// A repository that has a package, and why it does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The package's version there.
    pub version: String,
    /// The repository's name.
    pub repo: String,
    /// The suite.
    pub suite: String,
    /// Why it does not count; none for versions that are simply others.
    pub because: Option<String>,
}

/// A package that provides a virtual one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// The package, with `:arch` where it is foreign.
    pub package: String,
    /// Its version.
    pub version: String,
}

/// A link of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The package, with `:arch` where it is foreign.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The field by which it needs the next step; none for the last one of a chain without one.
    pub field: Option<String>,
    /// The field's group.
    pub group: Option<String>,
}

/// What a chain runs into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Hindrance {
    /// Nothing satisfies the last step's dependency.
    Missing {
        /// The dependency.
        group: String,
        /// What comes near, and why it does not count.
        available: Vec<Elsewhere>,
    },
    /// The last package and another one exclude each other.
    Conflict {
        /// The package whose field says so.
        package: String,
        /// `Conflicts`, `Breaks`, or the Multi-Arch rule.
        field: String,
        /// The relation.
        relation: String,
        /// The other package.
        other: String,
        /// The chain from a request to the other package.
        because: Vec<Step>,
    },
    /// Several alternatives, each of them hindered.
    Alternatives {
        /// The dependency.
        group: String,
        /// Why each fails.
        each: Vec<Cause>,
    },
    /// The complete solver proved it, but the proof is no chain.
    Proof {
        /// The solver's own words.
        text: String,
    },
}

impl fmt::Display for Unsolvable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no solution for {}", self.architecture)
    }
}

impl std::error::Error for Unsolvable {}
