//! Name globs, as `only`, `exclude` and `[[hold]]` use them.

use std::fmt;

/// A shell-style pattern over package names: `*`, `?` and `[…]`, matched against the whole name.
#[derive(Clone)]
pub struct Glob {
    text: String,
    matcher: globset::GlobMatcher,
}

/// The pattern is malformed.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a valid pattern")]
pub struct ParseGlobError {
    /// The pattern as written.
    pub text: String,
    /// What the matcher found wrong.
    pub source: globset::Error,
}

impl Glob {
    /// Compiles a pattern.
    pub fn parse(text: &str) -> Result<Self, ParseGlobError> {
        let glob = globset::Glob::new(text).map_err(|source| ParseGlobError { text: text.to_owned(), source })?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Tells whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        let glob = Glob::parse("vendor-*").unwrap();
        assert!(glob.matches("vendor-gpu1"));
        assert!(!glob.matches("libvendor-gpu1"));
        assert!(Glob::parse("libstdc++6").unwrap().matches("libstdc++6"));
        assert!(Glob::parse("[").is_err());
    }
}
