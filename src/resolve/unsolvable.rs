//! Why there is no solution: values for programs, sentences for people.

use serde::Serialize;

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
        /// The name that it asks for.
        name: String,
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
        /// The request, in manifest words; or `variant NAME`; or empty inside a list of alternatives.
        request: String,
        /// From the request's package down; each step needs the next.
        steps: Vec<Step>,
        /// What the last step runs into.
        hindrance: Hindrance,
    },
}

/// A repository that has a package, and why it does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The package, with `:arch` where it is foreign.
    pub package: String,
    /// The package's version there.
    pub version: String,
    /// The repository's name.
    pub repo: String,
    /// The suite.
    pub suite: String,
    /// Why it does not count; none for versions that are simply others.
    pub because: Option<Because>,
}

/// Why a listed package may not be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Because {
    /// The image's `exclude` names it.
    ImageExclude {
        /// The entry.
        exclude: String,
    },
    /// The repository's `exclude` names it.
    RepoExclude {
        /// The entry.
        exclude: String,
    },
    /// The repository's `only` does not name it.
    RepoOnly,
    /// The suite supplies only what is asked `from` it.
    NotAutomatic,
    /// It is younger than packages must be, and no pin yet.
    TooYoung,
    /// Another architecture has no newer version of its source package yet.
    Lagging {
        /// The version that all have.
        version: String,
    },
    /// A newer version is locked, and nothing goes back by itself.
    Older {
        /// The locked version.
        locked: String,
    },
    /// A hold in force keeps the package at other versions.
    Hold {
        /// The hold's package pattern.
        package: String,
        /// The hold's version pattern.
        version: String,
        /// The hold's reason.
        reason: Option<String>,
    },
    /// Another repository with a lower priority number has the package.
    Priority {
        /// That repository.
        repo: String,
    },
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
    /// The field by which it needs the next step; none for the last one of a chain that ends in a conflict.
    pub field: Option<String>,
    /// The field's group.
    pub group: Option<String>,
    /// The one alternative of the group that could be had, where it has several.
    pub only: Option<String>,
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
        /// `Conflicts`, `Breaks`, or `Version` for two versions of one package.
        field: String,
        /// The relation.
        relation: String,
        /// The other package.
        other: String,
        /// The request that leads to the other package.
        other_request: String,
        /// The chain to the other package.
        because: Vec<Step>,
    },
    /// Several alternatives, each of them hindered.
    Alternatives {
        /// The dependency.
        group: String,
        /// Why each fails.
        each: Vec<Cause>,
    },
    /// The requests do not go together, for a reason that is no chain.
    Together {
        /// The fewest requests that already have no solution.
        requests: Vec<String>,
    },
}
