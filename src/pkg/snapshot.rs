//! Where an archive's past states lie: a URL with places for the moment.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;

/// A URL template of a snapshot archive: `https://snapshot.example.org/archive/vendor/{timestamp}/`.
///
/// Filled in for a moment it gives the base URL of the repository as it was then. It steers nothing: what is chosen is in
/// the lockfile, wherever it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotTemplate(String);

/// What may stand in braces, and the form of it that `strftime` knows.
const PLACES: [(&str, &str); 6] =
    [("{timestamp}", "%Y%m%dT%H%M%SZ"), ("{date}", "%Y-%m-%d"), ("{year}", "%Y"), ("{month}", "%m"), ("{day}", "%d"), ("{unix}", "%s")];

/// The text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no snapshot template: {problem}")]
pub struct ParseSnapshotError {
    /// What stood there.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl FromStr for SnapshotTemplate {
    type Err = ParseSnapshotError;

    /// Checks the braces; whether the rest is a URL is seen once they are filled in.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| Err(ParseSnapshotError { text: text.to_owned(), problem });
        let rest = PLACES.iter().fold(text.to_owned(), |text, (place, _)| text.replace(place, ""));
        if rest.contains(['{', '}']) {
            return wrong("in braces may stand `timestamp`, `date`, `year`, `month`, `day` and `unix`");
        }
        let has = |place: &str| text.contains(place);
        if !(has("{timestamp}") || has("{date}") || has("{unix}") || has("{year}") && has("{month}") && has("{day}")) {
            return wrong("it has no place for the day: `{timestamp}`, or `{date}`");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SnapshotTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SnapshotTemplate {
    /// The URL of the state at a moment, in UTC.
    pub fn at(&self, moment: Timestamp) -> String {
        let moment = moment.to_zoned(TimeZone::UTC);
        PLACES.iter().fold(self.0.clone(), |text, (place, form)| match text.contains(place) {
            true => text.replace(place, &moment.strftime(form).to_string()),
            false => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_the_moment() {
        let moment: Timestamp = "2026-01-02T04:04:05+01:00".parse().unwrap();
        for (template, url) in [
            ("https://s.example.org/vendor/{timestamp}/", "https://s.example.org/vendor/20260102T030405Z/"),
            ("file:///srv/{date}", "file:///srv/2026-01-02"),
            ("http://s.example.org/{year}/{month}/{day}/", "http://s.example.org/2026/01/02/"),
            ("http://s.example.org/{unix}/{date}", "http://s.example.org/1767323045/2026-01-02"),
        ] {
            let parsed: SnapshotTemplate = template.parse().unwrap();
            assert_eq!(parsed.at(moment), url);
            assert_eq!(parsed.to_string(), template);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |text: &str| text.parse::<SnapshotTemplate>().unwrap_err().to_string();
        insta::assert_snapshot!(["http://s.example.org/", "http://s.example.org/{year}/", "http://s.example.org/{date}/{suite}"].map(message).join("\n"), @"
        `http://s.example.org/` is no snapshot template: it has no place for the day: `{timestamp}`, or `{date}`
        `http://s.example.org/{year}/` is no snapshot template: it has no place for the day: `{timestamp}`, or `{date}`
        `http://s.example.org/{date}/{suite}` is no snapshot template: in braces may stand `timestamp`, `date`, `year`, `month`, `day` and `unix`
        ");
    }
}
