//! What became of a step, left in a file for the build that ran it: ninja itself only tells that something failed.

use crate::util::place;
use std::io::{self, Write as _};
use std::path::Path;

/// The environment variable that names the file; steps that are run by hand leave nothing.
pub const VARIABLE: &str = "PINTREE_OUTCOMES";

/// The environment variable that names the directory where package files are kept.
pub const ARCHIVES: &str = "PINTREE_ARCHIVES";

/// Whose fault a failure is, the gravest first: what of several steps fails decides whether a package is to blame at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The user wants to stop.
    Interrupted,
    /// A fault of this program.
    Program,
    /// The machine: a full disk, no memory, a kernel that lacks something, another run in the way. It may pass.
    Host,
    /// The network, or a file that no server has (yet, or any more). It may pass.
    Network,
    /// Bytes that are not those that were vouched for: on the way, in the cache or in the store. It may pass.
    Integrity,
    /// The command line, the manifest, or a file that it names.
    Usage,
    /// A lockfile that does not fit, or that cannot be read.
    Lockfile,
    /// What a package is, brings or does, or what the image that is made of packages lacks.
    Package,
}

/// One finished step.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outcome {
    /// What the step was, as its description has it: `import nginx 1.22.1-9 armhf`.
    pub step: String,
    /// The exit code.
    pub exit: u8,
    /// Whose fault it is that it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The error's text and causes when it failed, one a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether a package file is nowhere to be found any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Bytes that came over the network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub downloaded: u64,
    /// What the build should tell although nothing failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Users and groups that scripts made and that have no number yet, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unrecorded: Vec<Unrecorded>,
}

/// A user, a group, or both, that maintainer scripts made under a name that the step was given no number for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Unrecorded {
    /// The name.
    pub name: String,
    /// Whether a user has it.
    #[serde(default)]
    pub user: bool,
    /// Whether a group has it.
    #[serde(default)]
    pub group: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Outcome {
    /// Adds the outcome to `file`. One write a line, so that steps that end together do not mix.
    pub fn append(&self, file: &Path) -> io::Result<()> {
        let mut line = serde_json::to_vec(self).map_err(io::Error::other)?;
        line.push(b'\n');
        place::append(file)?.write_all(&line)
    }

    /// Reads all outcomes, in the order in which the steps ended. No file means none.
    pub fn load(file: &Path) -> io::Result<Vec<Self>> {
        match std::fs::read_to_string(file) {
            // A line that a killed step left half written says nothing.
            Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_half_written_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("outcomes");
        assert_eq!(Outcome::load(&file).unwrap(), []);
        let outcome = Outcome { step: "import a".into(), exit: 5, message: "two\nlines".into(), ..Outcome::default() };
        outcome.append(&file).unwrap();
        std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"step\":\"imp").unwrap();
        assert_eq!(Outcome::load(&file).unwrap(), [outcome]);
    }
}
