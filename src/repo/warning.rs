//! What went not quite well, as values that the caller shows.

use std::fmt;
use std::path::PathBuf;

/// Something that the user should know of, but that stopped nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// One of several addresses was no use, and the next one was.
    Skipped {
        /// The failure, with its causes.
        problem: String,
    },
    /// A suite has no packages for one of several architectures.
    NoArchitecture {
        /// The manifest's name of the repository.
        repo: String,
        /// The suite.
        suite: String,
        /// The architecture.
        architecture: String,
    },
    /// A suite was renamed in the ordinary course of a release's life (`stable` to `oldstable`).
    SuiteMoved {
        /// The `Release` file.
        url: String,
        /// Its suite before.
        before: String,
        /// Its suite now.
        after: String,
    },
    /// An index from the cache is past its `Valid-Until`.
    Outdated {
        /// The `Release` file.
        url: String,
        /// Its `Valid-Until`.
        until: String,
    },
    /// A repository is used without any signature.
    Untrusted {
        /// The manifest's name of the repository.
        repo: String,
        /// The suite.
        suite: String,
    },
    /// Others can read the file with the passwords.
    OpenNetrc {
        /// The file.
        path: PathBuf,
    },
    /// The file with the passwords cannot be read.
    UnreadableNetrc {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A variable with a token names no host, or could name several.
    TokenName {
        /// The variable.
        variable: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped { problem } => write!(f, "{problem}; used the next address"),
            Self::NoArchitecture { repo, suite, architecture } => {
                write!(f, "suite `{suite}` of repository `{repo}` has no packages for `{architecture}`")
            }
            Self::SuiteMoved { url, before, after } => write!(f, "`{url}` is now `{after}`, was `{before}`"),
            Self::Outdated { url, until } => write!(f, "`{url}` in the cache was valid until {until}"),
            Self::Untrusted { repo, suite } => write!(f, "nothing vouches for suite `{suite}` of repository `{repo}` (`trust = \"none\"`)"),
            Self::OpenNetrc { path } => write!(f, "others can read the passwords in `{}`; run `chmod 600` on it", path.display()),
            Self::TokenName { variable } => {
                write!(f, "`{variable}` is not used: behind `PINTREE_TOKEN_` write the host in upper case, `_` for `.` and `__` for `-`")
            }
            Self::UnreadableNetrc { path, problem } => write!(f, "cannot read `{}`: {problem}", path.display()),
        }
    }
}

impl Warning {
    /// A failure at one of several addresses, in one line with its causes.
    pub(super) fn skipped(error: &super::Error) -> Self {
        let mut problem = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            problem = format!("{problem}: {inner}");
            cause = inner.source();
        }
        Self::Skipped { problem }
    }
}
