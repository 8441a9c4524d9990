//! What a finished tree is checked for, and what becomes of what is found.

use std::fmt;
use std::str::FromStr;

/// One check of a finished tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TreeCheck {
    /// Symbolic links that lead nowhere.
    DanglingLinks,
    /// Files that everybody may write, and directories without the sticky bit where everybody may.
    WorldWritable,
    /// Paths of the building machine in what overlays and scripts brought.
    BuildPaths,
    /// Owners that neither `/etc/passwd` nor `/etc/group` names.
    UnownedIds,
    /// Set-id programs that no package ships.
    SetId,
}

impl TreeCheck {
    /// All checks.
    pub const ALL: [Self; 5] = [Self::DanglingLinks, Self::WorldWritable, Self::BuildPaths, Self::UnownedIds, Self::SetId];

    /// The word that manifests use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DanglingLinks => "dangling-links",
            Self::WorldWritable => "world-writable",
            Self::BuildPaths => "build-paths",
            Self::UnownedIds => "unowned-ids",
            Self::SetId => "set-id",
        }
    }
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Severity {
    /// Nobody looks.
    Off,
    /// The build tells it and goes on.
    #[default]
    Warn,
    /// The build fails.
    Fail,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 3] = [Self::Off, Self::Warn, Self::Fail];

    /// The word that manifests use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The text is no such word.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is neither a check nor what becomes of a finding")]
pub struct ParseTreeCheckError {
    /// What stood there.
    pub text: String,
}

impl FromStr for TreeCheck {
    type Err = ParseTreeCheckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|check| check.as_str() == text);
        found.ok_or_else(|| ParseTreeCheckError { text: text.chars().take(80).collect() })
    }
}

impl FromStr for Severity {
    type Err = ParseTreeCheckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|severity| severity.as_str() == text);
        found.ok_or_else(|| ParseTreeCheckError { text: text.chars().take(80).collect() })
    }
}

impl fmt::Display for TreeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
