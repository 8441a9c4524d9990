//! What can be wrong with a manifest, where, and how it is shown.

use crate::pkg::{Architecture, ParseGlobError, ParseRequestError};
use crate::util::text::plain;
use std::fmt;
use std::ops::Range;

/// One mistake in a manifest, with its place in the text.
///
/// Displayed as a compiler would: position and message, the source line with carets, then a hint.
#[derive(Debug)]
pub struct Problem {
    /// The file, as the caller named it.
    pub path: String,
    /// Line of the mistake, from 1.
    pub line: usize,
    /// Column of the mistake in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub kind: Box<ProblemKind>,
    source_line: String,
    width: usize,
}

/// What is wrong, without its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The text is not TOML.
    #[error("this is not TOML: {message}")]
    Syntax {
        /// What the TOML parser says.
        message: String,
    },
    /// A key that the schema does not have.
    #[error("unknown key `{key}` in {table}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// The most similar key that would be right there.
        suggestion: Option<String>,
        /// The table that has this key, if another one has.
        home: Option<&'static str>,
    },
    /// A value of another type than the key takes.
    #[error("`{key}` must be {expected}, found {found}")]
    WrongType {
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// A key that must be there is not.
    #[error("{table} has no `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The table it should stand in.
        table: String,
        /// What to write.
        hint: String,
    },
    /// Something that is part of the schema, but that this version cannot do.
    #[error("`{key}` is not supported yet: {why}")]
    NotSupported {
        /// The key or value.
        key: String,
        /// What it belongs to.
        why: &'static str,
    },
    /// A list that must not be empty is.
    #[error("`{key}` is empty")]
    EmptyList {
        /// The key.
        key: String,
        /// Whether the key may be left out.
        optional: bool,
    },
    /// The same entry twice in one list.
    #[error("`{entry}` stands twice in `{key}`")]
    Repeated {
        /// The entry.
        entry: String,
        /// The list.
        key: String,
    },
    /// A word that is not one of those the key takes.
    #[error("`{value}` is no value of `{key}`")]
    UnknownValue {
        /// The key.
        key: String,
        /// What stands there.
        value: String,
        /// The most similar legal value.
        suggestion: Option<String>,
        /// All legal values.
        known: Vec<&'static str>,
    },
    /// A number outside its range.
    #[error("`{key}` must be between {min} and {max}, found {value}")]
    OutOfRange {
        /// The key.
        key: String,
        /// What stands there.
        value: i64,
        /// The smallest legal value.
        min: i64,
        /// The largest legal value.
        max: i64,
    },
    /// Text that breaks the key's rule of form.
    #[error("`{value}` is not {expected}")]
    Malformed {
        /// What stands there.
        value: String,
        /// What it should be.
        expected: &'static str,
        /// How to mend it.
        hint: Option<String>,
    },
    /// Not an architecture that any package could be of.
    #[error("`{value}` is not an architecture")]
    UnknownArchitecture {
        /// What stands there.
        value: String,
        /// The most similar architecture.
        suggestion: Option<String>,
    },
    /// Two spellings of one architecture in one list.
    #[error("`{value}` and `{first}` are the same architecture")]
    SynonymousArchitecture {
        /// The later spelling.
        value: String,
        /// The earlier one.
        first: String,
    },
    /// Something for an architecture that is not built.
    #[error("`{key}`: {table} is not built for `{architecture}`")]
    ArchitectureNotBuilt {
        /// The key or value that names the architecture.
        key: String,
        /// The manifest or image.
        table: String,
        /// The architecture.
        architecture: Architecture,
        /// The architectures that are built.
        built: Vec<Architecture>,
    },
    /// A request for an architecture that the root filesystem does not have.
    #[error("`{request}` asks for `{architecture}`, which `foreign-arches` does not list")]
    NotForeign {
        /// The request as written.
        request: String,
        /// The architecture it names.
        architecture: Architecture,
    },
    /// A request that cannot be read.
    #[error(transparent)]
    Request(#[from] ParseRequestError),
    /// A pattern that cannot be read.
    #[error(transparent)]
    Glob(#[from] ParseGlobError),
    /// `from` names neither a repository nor a suite.
    #[error("`{request}`: the manifest has no repository and no suite `{from}`")]
    UnknownOrigin {
        /// The request as written.
        request: String,
        /// The name behind `from`.
        from: String,
        /// The most similar repository or suite.
        suggestion: Option<String>,
    },
    /// `builtin:` with a name that no key has.
    #[error("there is no built-in key `{name}`")]
    UnknownKeyName {
        /// The name.
        name: String,
        /// The most similar key.
        suggestion: Option<String>,
        /// All built-in keys.
        known: Vec<&'static str>,
    },
    /// Neither a URL nor an archive that has a name.
    #[error("`{value}` is neither a named archive nor a URL")]
    UnknownArchive {
        /// What stands there.
        value: String,
        /// The most similar archive.
        suggestion: Option<String>,
        /// All named archives.
        known: Vec<&'static str>,
    },
    /// A URL with a part that has no place in a manifest.
    #[error("`{url}` is not a usable URL: {reason}")]
    Url {
        /// The URL; shown without any password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A flat repository has no components.
    #[error("the flat suite `{suite}` has no components")]
    FlatWithComponents {
        /// The suite.
        suite: String,
    },
    /// A flat suite beside one that is not.
    #[error("the flat suite `{flat}` cannot stand beside `{suite}`")]
    MixedSuites {
        /// The flat suite.
        flat: String,
        /// The other one.
        suite: String,
    },
    /// A key of a signed archive in a directory of package files.
    #[error("a directory of package files has no `{key}`")]
    NotInDirectory {
        /// The key.
        key: &'static str,
    },
    /// A key with `trust = "none"`.
    #[error("repository `{repo}` has a `key`, but `trust = \"none\"` checks no signature")]
    KeyWithoutTrust {
        /// The repository.
        repo: String,
    },
    /// A path that leaves the project directory or is not clean.
    #[error("`{path}` is not a clean path inside the project: {reason}")]
    Path {
        /// The path.
        path: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// `extends` names no image.
    #[error("image `{image}` extends `{parent}`, which the manifest does not have")]
    UnknownParent {
        /// The image.
        image: String,
        /// The image it extends.
        parent: String,
        /// The most similar image.
        suggestion: Option<String>,
    },
    /// `extends` leads back to its start.
    #[error("image `{}` extends itself: {}", .cycle[0], .cycle.join(" ► "))]
    ExtendsCycle {
        /// The images on the way, the first one again at the end.
        cycle: Vec<String>,
    },
    /// Two branches of one name.
    #[error("image `{image}` and image `{first}` would both publish to `{reference}`")]
    SharedRef {
        /// The later image.
        image: String,
        /// The earlier one.
        first: String,
        /// The ref that both have for one architecture.
        reference: String,
    },
    /// One number for two names.
    #[error("`{name}` and `{first}` have the same id {id}")]
    SharedId {
        /// The later name.
        name: String,
        /// The earlier one.
        first: String,
        /// The id.
        id: u32,
    },
    /// Packages are asked for, but there is nowhere to take them from.
    #[error("image `{image}` asks for packages, but the manifest has no repository")]
    NoRepository {
        /// The image.
        image: String,
    },
}

impl ProblemKind {
    /// What the user might do about it.
    pub fn hint(&self) -> Option<String> {
        let did_you_mean = |suggestion: &Option<String>| suggestion.as_ref().map(|s| format!("did you mean `{s}`?"));
        match self {
            Self::UnknownKey { key, home: Some(home), .. } => Some(format!("`{key}` belongs {home}")),
            Self::UnknownKey { suggestion, .. }
            | Self::UnknownArchitecture { suggestion, .. }
            | Self::UnknownOrigin { suggestion, .. }
            | Self::UnknownParent { suggestion, .. } => did_you_mean(suggestion),
            Self::UnknownValue { suggestion, known, .. } => {
                did_you_mean(suggestion).or_else(|| Some(format!("it is one of {}", backticked(known.iter().copied()))))
            }
            Self::UnknownKeyName { suggestion, known, .. } => {
                let known = || format!("the built-in keys are {}; for any other, `key` names a file", backticked(known.iter().copied()));
                did_you_mean(suggestion).or_else(|| Some(known()))
            }
            Self::UnknownArchive { suggestion, known, .. } => did_you_mean(suggestion).or_else(|| {
                Some(format!(
                    "the named archives are {}; a URL begins with `https://`, `http://` or `file:`, a directory of package files with `dir:`",
                    backticked(known.iter().copied())
                ))
            }),
            Self::WrongType { expected, found: "a string", .. } if expected.starts_with("a list") => {
                Some("put it in brackets: `[\"…\"]`".to_owned())
            }
            Self::WrongType { expected, found: "a string", .. } if *expected != "a table" => Some("remove the quotes".to_owned()),
            Self::MissingKey { hint, .. } => Some(hint.clone()),
            Self::Malformed { hint, .. } => hint.clone(),
            Self::EmptyList { key, optional: true } => Some(format!("list at least one entry, or leave `{key}` out")),
            Self::EmptyList { optional: false, .. } => Some("list at least one entry".to_owned()),
            Self::ArchitectureNotBuilt { built, .. } => {
                Some(format!("it is built for {}", backticked(built.iter().map(Architecture::deb_name))))
            }
            Self::NotForeign { architecture, .. } => {
                Some(format!("add `foreign-arches = [\"{architecture}\"]` at the top of the manifest"))
            }
            Self::FlatWithComponents { .. } => Some("remove `components`; a flat repository is one directory".to_owned()),
            Self::MixedSuites { .. } => Some("give each a `[repo.NAME]` of its own".to_owned()),
            Self::KeyWithoutTrust { .. } => Some("remove `trust` to have signatures checked, or remove `key`".to_owned()),
            Self::NotInDirectory { key } => Some(format!("remove `{key}`")),
            Self::SharedRef { .. } => Some("give each image a `ref` of its own".to_owned()),
            Self::NoRepository { .. } => Some("add a `[repo.NAME]`; `pintree init` writes one to start from".to_owned()),
            Self::Url { .. } => None,
            Self::Path { .. } => Some("paths are relative to the project directory".to_owned()),
            _ => None,
        }
    }
}

/// `a`, `b` and `c`, each in backticks.
fn backticked<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "none".to_owned(),
    }
}

/// The entry of `known` that `text` was most probably meant to be.
pub(super) fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = text.to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= word.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word.to_owned())
}

/// Longest source line shown whole; of a longer one, only the part around the mistake.
const SHOWN_WIDTH: usize = 120;

impl Problem {
    /// Places `kind` at `span` (bytes) of `text`.
    pub(super) fn new(path: &str, text: &str, span: Range<usize>, kind: ProblemKind) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let column = text[line_start..start].chars().count() + 1;
        Self {
            path: path.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column,
            kind: Box::new(kind),
            source_line: without_credentials(text[line_start..line_end].trim_end_matches('\r')),
            width: text[start..end.min(line_end)].trim_end().chars().count().max(1),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}:{}: {}", self.path, self.line, self.column, plain(&without_credentials(&self.kind.to_string())))?;
        let skipped = if self.source_line.chars().count() <= SHOWN_WIDTH { 0 } else { (self.column - 1).saturating_sub(SHOWN_WIDTH / 3) };
        let shown: String = self.source_line.chars().skip(skipped).take(SHOWN_WIDTH).collect();
        let indent = self.column - 1 - skipped;
        let carets = self.width.min(SHOWN_WIDTH.saturating_sub(indent)).max(1);
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{margin} |")?;
        writeln!(f, "{}", format!("{number} | {}", plain(&shown)).trim_end())?;
        write!(f, "{margin} | {}{}", " ".repeat(indent), "^".repeat(carets))?;
        match self.kind.hint() {
            None => Ok(()),
            Some(hint) => write!(f, "\n{margin} = hint: {}", plain(&hint)),
        }
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.kind.source()
    }
}

/// `text` with stars for what stands between `//` and `@`: a password in a URL must reach no output, whatever else is
/// wrong with the line. One character stays one character.
pub(super) fn without_credentials(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let (before, tail) = rest.split_at(at + 2);
        masked.push_str(before);
        // A password may have a slash in it, so everything up to the last `@` of the word goes.
        let word = tail.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',')).unwrap_or(tail.len());
        let secret = tail[..word].rfind('@').unwrap_or(0);
        masked.extend(tail[..secret].chars().map(|_| '*'));
        rest = &tail[secret..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_by_character_and_survives_odd_spans() {
        let kind = || ProblemKind::EmptyList { key: "x".into(), optional: false };
        let problem = Problem::new("m.toml", "a\r\né = []\r\n", 3..5, kind());
        assert_eq!((problem.line, problem.column, problem.width), (2, 1, 1));
        assert_eq!(problem.source_line, "é = []");
        for (start, end) in [(4, 5), (0, 0), (99, 100), (13, 2)] {
            let problem = Problem::new("m.toml", "a\r\né = []\r\n", Range { start, end }, kind());
            assert!(!problem.to_string().is_empty());
        }
    }

    #[test]
    fn shows_the_part_of_a_long_line_that_matters() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let shown = Problem::new("m.toml", &text, 500..501, ProblemKind::EmptyList { key: "x".into(), optional: false }).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "m.toml:1:501: `x` is empty");
        assert_eq!(lines[2].find('X'), lines[3].find('^'));
        assert!(lines[2].len() < 140);
    }

    #[test]
    fn shows_no_password() {
        for url in ["https://joe:secret@h/x", "http://joe:sec/ret@h", "\"//joe:sec@ret@h\"", "https://a//secret@h"] {
            let shown = without_credentials(&format!("deb = {url} # c"));
            assert!(!shown.contains("sec") && !shown.contains("ret") && shown.ends_with(" # c"), "{shown}");
            assert_eq!(shown.chars().count(), url.chars().count() + 10);
        }
        assert_eq!(without_credentials("https://h/x # a@b"), "https://h/x # a@b");
    }

    #[test]
    fn suggests_only_what_is_near() {
        assert_eq!(closest("pakages", ["packages", "exclude"]).as_deref(), Some("packages"));
        assert_eq!(closest("Packages", ["packages"]).as_deref(), Some("packages"));
        assert_eq!(closest("colour", ["packages", "exclude", "ref"]), None);
    }
}
