//! Package relationships: `libc6 (>= 2.36) | libc6.1:any` (policy 7.1).

use super::Architecture;
use std::cmp::Ordering;
use std::fmt;

/// How a relation compares versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// `<<`, strictly earlier.
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`, strictly later.
    Later,
}

impl Comparison {
    /// Tells whether `version`, compared with the relation's version as `order`, satisfies it.
    pub fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }

    /// The operator as control files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

/// A version demand: an operator and a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionRelation {
    /// The operator.
    pub comparison: Comparison,
    /// The version it compares with, as written.
    pub version: String,
}

impl VersionRelation {
    /// Tells whether `version` satisfies the demand, in Debian's order.
    pub fn accepts(&self, version: &str) -> bool {
        self.comparison.accepts(super::version::compare(version, &self.version))
    }
}

impl fmt::Display for VersionRelation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} {})", self.comparison.as_str(), self.version)
    }
}

/// The part behind a relation's colon.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArchQualifier {
    /// `:any`
    Any,
    /// `:native`, legal in build dependencies only; kept so that it can be refused.
    Native,
    /// `:i386`
    Architecture(Architecture),
}

/// One alternative of a dependency.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relation {
    /// The package or virtual package.
    pub name: String,
    /// The architecture qualifier, if any.
    pub qualifier: Option<ArchQualifier>,
    /// The version demand, if any.
    pub version: Option<VersionRelation>,
}

/// Alternatives in order of preference: `a | b | c`.
pub type OrGroup = Vec<Relation>;

/// The text is no relation.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a package relation: {reason}")]
pub struct ParseRelationError {
    /// What stood there.
    pub text: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

impl Relation {
    /// Reads one alternative. `<` and `>` are read as dpkg reads them: `<=` and `>=`.
    pub fn parse(text: &str) -> Result<Self, ParseRelationError> {
        let bad = |reason| ParseRelationError { text: text.trim().chars().take(80).collect(), reason };
        let (head, version) = match text.split_once('(') {
            None => (text, None),
            Some((head, rest)) => {
                let inner = rest.trim_end().strip_suffix(')').ok_or_else(|| bad("the bracket is not closed"))?.trim();
                let operators: [(&str, Comparison); 7] = [
                    ("<<", Comparison::Earlier),
                    ("<=", Comparison::EarlierOrEqual),
                    (">>", Comparison::Later),
                    (">=", Comparison::LaterOrEqual),
                    ("=", Comparison::Equal),
                    ("<", Comparison::EarlierOrEqual),
                    (">", Comparison::LaterOrEqual),
                ];
                let (comparison, version) = operators
                    .iter()
                    .find_map(|(text, comparison)| inner.strip_prefix(text).map(|rest| (*comparison, rest.trim())))
                    .ok_or_else(|| bad("the version needs one of << <= = >= >>"))?;
                if version.is_empty() || version.contains(char::is_whitespace) {
                    return Err(bad("the version is empty or has a space"));
                }
                (head, Some(VersionRelation { comparison, version: version.to_owned() }))
            }
        };
        let head = head.trim();
        let (name, qualifier) = match head.split_once(':') {
            None => (head, None),
            Some((name, "any")) => (name, Some(ArchQualifier::Any)),
            Some((name, "native")) => (name, Some(ArchQualifier::Native)),
            Some((name, arch)) => {
                let arch = Architecture::parse(arch).ok_or_else(|| bad("the architecture after `:` is malformed"))?;
                (name, Some(ArchQualifier::Architecture(arch)))
            }
        };
        // Policy wants lower case; the archive has had names that break it, so only what would confuse us is refused.
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"+-._".contains(&b);
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(bad("the name is malformed"));
        }
        Ok(Self { name: name.to_owned(), qualifier, version })
    }

    /// Reads a whole dependency field: groups split by commas, alternatives by bars. Empty groups are skipped, as dpkg does.
    pub fn parse_field(text: &str) -> Result<Vec<OrGroup>, ParseRelationError> {
        text.split(',').map(str::trim).filter(|group| !group.is_empty()).map(|group| group.split('|').map(Self::parse).collect()).collect()
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.qualifier {
            None => {}
            Some(ArchQualifier::Any) => f.write_str(":any")?,
            Some(ArchQualifier::Native) => f.write_str(":native")?,
            Some(ArchQualifier::Architecture(arch)) => write!(f, ":{arch}")?,
        }
        match &self.version {
            None => Ok(()),
            Some(version) => write!(f, " {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in ["libc6", "libc6 (>= 2.36)", "python3:any (<< 3.12)", "wine32:i386 (= 1:2.0-3+b1)"] {
            assert_eq!(Relation::parse(text).unwrap().to_string(), text);
        }
        let groups = Relation::parse_field("a (>=1), b | c:any ,, d(<2)").unwrap();
        let text: Vec<Vec<String>> = groups.iter().map(|g| g.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(text, [vec!["a (>= 1)"], vec!["b", "c:any"], vec!["d (<= 2)"]]);
    }

    #[test]
    fn refuses_malformed_text() {
        for text in ["", "a (1)", "a (>= 1", "a (>= )", "a b", "a:", "a:B", "../a", "(>= 1)"] {
            assert!(Relation::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn accepts_versions() {
        let relation = Relation::parse("a (<< 1:1.0)").unwrap().version.unwrap();
        assert!(relation.accepts("2.0"));
        assert!(!relation.accepts("1:1.0"));
    }
}
