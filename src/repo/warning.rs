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
    /// A `Release` is older than the manifest allows.
    TooOld {
        /// The `Release` file.
        url: String,
        /// Its age in days; none if it has no date.
        age: Option<u64>,
        /// How old it may be.
        allowed: std::time::Duration,
    },
    /// A `Release` is older than one of the same suite from another address.
    Older {
        /// The `Release` file.
        url: String,
        /// Its `Date`.
        date: jiff::Timestamp,
        /// The suite's directory at the other address.
        other: String,
        /// The newer `Date`.
        seen: jiff::Timestamp,
    },
    /// A `Release` has no date that can be read, so nobody notices an old one.
    Undated {
        /// The `Release` file.
        url: String,
        /// Its `Date`, if it has one.
        value: Option<String>,
    },
    /// A `Release` does not say of which suite it is.
    Nameless {
        /// The `Release` file.
        url: String,
        /// What was asked for.
        asked: String,
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
            Self::TooOld { url, age, allowed } => {
                write!(f, "{}", too_old(url, *age, *allowed))
            }
            Self::Older { url, date, other, seen } => {
                write!(f, "`{url}` is dated {date}, older than the {seen} seen at `{other}`")
            }
            Self::Undated { url, value: None } => write!(f, "`{url}` has no `Date`, so an outdated or replayed copy cannot be noticed"),
            Self::Undated { url, value: Some(value) } => {
                write!(f, "`{url}` has the unreadable `Date` `{value}`, so an outdated or replayed copy cannot be noticed")
            }
            Self::Nameless { url, asked } => write!(f, "`{url}` has neither `Suite` nor `Codename`; used as `{asked}`"),
            Self::Untrusted { repo, suite } => write!(f, "nothing vouches for suite `{suite}` of repository `{repo}` (`trust = \"none\"`)"),
            Self::OpenNetrc { path } => write!(f, "others can read the passwords in `{}`; run `chmod 600` on it", path.display()),
            Self::TokenName { variable } => {
                write!(f, "`{variable}` is not used: behind `PINTREE_TOKEN_` write the host in upper case, `_` for `.` and `__` for `-`")
            }
            Self::UnreadableNetrc { path, problem } => write!(f, "cannot read `{}`: {problem}", path.display()),
        }
    }
}

/// That a `Release` is older than allowed, in words.
pub(super) fn too_old(url: &str, age: Option<u64>, allowed: std::time::Duration) -> String {
    let count = |number: u64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    let hours = allowed.as_secs() / (60 * 60);
    let allowed = if hours.is_multiple_of(24) { count(hours / 24, "day") } else { count(hours, "hour") };
    match age {
        Some(days) => format!("`{url}` is {} old; `max-age` allows {allowed}", count(days, "day")),
        None => format!("`{url}` has no readable `Date`; `max-age` allows {allowed}"),
    }
}

impl Warning {
    /// Tells whether it says that a whole suite may be an old state.
    pub(super) fn is_of_freshness(&self) -> bool {
        matches!(self, Self::TooOld { .. } | Self::Older { .. } | Self::Undated { .. } | Self::Outdated { .. })
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn counts_days_and_hours() {
        let said = |age: Option<u64>, hours: u64| too_old("u", age, Duration::from_secs(hours * 60 * 60));
        assert_eq!(said(Some(40), 30 * 24), "`u` is 40 days old; `max-age` allows 30 days");
        assert_eq!(said(Some(1), 1), "`u` is 1 day old; `max-age` allows 1 hour");
        assert_eq!(said(None, 36), "`u` has no readable `Date`; `max-age` allows 36 hours");
    }
}
