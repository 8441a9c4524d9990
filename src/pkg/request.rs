//! What a manifest asks for: `nginx`, `nginx (>= 1.22)`, `wine32:i386`, `/usr/bin/python3`, `nginx from backports`.

use super::{Architecture, Ecosystem, ParseRelationError, Relation};
use std::fmt;

/// One entry of an image's `packages`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// What must be there.
    pub target: RequestTarget,
    /// The repository or suite it must come from (`from backports`).
    pub from: Option<String>,
}

/// The thing that a request names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestTarget {
    /// A package by name, perhaps of another architecture, perhaps with a version demand.
    Package(Relation),
    /// Whatever package ships this absolute path.
    File(String),
}

/// The text is no request.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseRequestError {
    /// The request is empty.
    #[error("the request is empty")]
    Empty,
    /// The package relation is malformed.
    #[error(transparent)]
    Relation(#[from] ParseRelationError),
    /// apt's `name=version` and `name/suite` are not manifest syntax.
    #[error("`{text}` is apt's command-line syntax; write `{instead}`")]
    AptSyntax {
        /// What stood there.
        text: String,
        /// The same in manifest syntax.
        instead: String,
    },
    /// `from` without a repository, or with more than one word behind it.
    #[error("`{text}` must name one repository or suite after `from`")]
    From {
        /// What stood there.
        text: String,
    },
    /// `:any` and `:native` say nothing in a request.
    #[error("`{text}` must name an architecture after `:`")]
    Qualifier {
        /// What stood there.
        text: String,
    },
    /// The path has `.`, `..` or empty parts.
    #[error("`{text}` is not a clean absolute path")]
    Path {
        /// What stood there.
        text: String,
    },
    /// The syntax belongs to an ecosystem that is not supported yet.
    #[error("`{text}`: {ecosystem} requests are not supported yet")]
    Unsupported {
        /// What stood there.
        text: String,
        /// The ecosystem.
        ecosystem: &'static str,
    },
}

impl Request {
    /// Reads a request in its ecosystem's syntax.
    pub fn parse(text: &str, ecosystem: Ecosystem) -> Result<Self, ParseRequestError> {
        let trimmed = text.trim();
        if ecosystem == Ecosystem::Rpm {
            return Err(ParseRequestError::Unsupported { text: trimmed.to_owned(), ecosystem: "rpm" });
        }
        if trimmed.is_empty() {
            return Err(ParseRequestError::Empty);
        }
        let (head, from) = match trimmed.split_once(" from ") {
            None => (trimmed, None),
            Some((head, from)) => {
                let from = from.trim();
                if from.is_empty() || from.contains(char::is_whitespace) {
                    return Err(ParseRequestError::From { text: trimmed.to_owned() });
                }
                (head.trim_end(), Some(from.to_owned()))
            }
        };
        if let Some(path) = head.strip_prefix('/') {
            let clean = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !clean {
                return Err(ParseRequestError::Path { text: head.to_owned() });
            }
            return Ok(Self { target: RequestTarget::File(head.to_owned()), from });
        }
        if !head.contains('(') {
            let apt = |instead| ParseRequestError::AptSyntax { text: head.to_owned(), instead };
            if let Some((name, version)) = head.split_once('=') {
                return Err(apt(format!("{name} (= {version})")));
            }
            if let Some((name, suite)) = head.split_once('/') {
                return Err(apt(format!("{name} from {suite}")));
            }
        }
        let relation = Relation::parse(head)?;
        match &relation.qualifier {
            None | Some(super::ArchQualifier::Architecture(_)) => Ok(Self { target: RequestTarget::Package(relation), from }),
            Some(_) => Err(ParseRequestError::Qualifier { text: head.to_owned() }),
        }
    }

    /// The architecture that the request names, if it names one.
    pub fn architecture(&self) -> Option<&Architecture> {
        match &self.target {
            RequestTarget::Package(Relation { qualifier: Some(super::ArchQualifier::Architecture(arch)), .. }) => Some(arch),
            _ => None,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            RequestTarget::Package(relation) => write!(f, "{relation}")?,
            RequestTarget::File(path) => f.write_str(path)?,
        }
        match &self.from {
            None => Ok(()),
            Some(from) => write!(f, " from {from}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for text in ["nginx", "nginx (>= 1.22)", "wine32:i386", "/usr/bin/python3", "nginx from backports", "nginx (= 1:2) from x"] {
            assert_eq!(Request::parse(text, Ecosystem::Deb).unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_how_to_write_apt_syntax() {
        let message = |text| Request::parse(text, Ecosystem::Deb).unwrap_err().to_string();
        assert_eq!(message("nginx=1.22"), "`nginx=1.22` is apt's command-line syntax; write `nginx (= 1.22)`");
        assert_eq!(message("nginx/sid"), "`nginx/sid` is apt's command-line syntax; write `nginx from sid`");
    }

    #[test]
    fn refuses_malformed_text() {
        for text in ["", " ", "a:any", "/", "/a/../b", "a from ", "a from b c", "A B"] {
            assert!(Request::parse(text, Ecosystem::Deb).is_err(), "{text:?}");
        }
    }
}
