//! Which commits changed what, and the files of a commit in a directory of their own.

use super::Git;
use crate::ops::Error;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A commit, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}

impl Git {
    /// The commits after `old`, up to and with `new`, that changed something below `path`; the oldest first. Of a merge
    /// only the first parent's line is followed: what it brought in counts as one change.
    pub fn changes_of(&self, old: &str, new: &str, path: &Path) -> Result<Vec<Commit>, Error> {
        let range = format!("{old}..{new}");
        self.log(&["--reverse", &range], path)
    }

    /// The last commit up to `revision` that changed something below `path`.
    pub fn last_change(&self, revision: &str, path: &Path) -> Result<Option<Commit>, Error> {
        Ok(self.log(&["--max-count=1", revision], path)?.pop())
    }

    /// When `path` was last committed, in seconds since 1970; where it never was, when anything was.
    pub fn time_of(&self, path: &Path) -> Result<Option<i64>, Error> {
        let inside = self.inside(path)?;
        for inside in [inside.as_deref(), None] {
            let mut command = self.command();
            command.args(["log", "--max-count=1", "--format=%ct", "HEAD", "--"]).args(inside);
            let output = self.output("find the time of a commit", &mut command)?;
            if let Ok(time) = String::from_utf8_lossy(&output.stdout).trim().parse() {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }

    fn log(&self, arguments: &[&str], path: &Path) -> Result<Vec<Commit>, Error> {
        let Some(inside) = self.inside(path)? else { return Ok(vec![]) };
        let mut command = self.command();
        command.args(["log", "--first-parent", "--format=%H %s", "-z"]).args(arguments).arg("--").arg(inside);
        let output = self.output("list commits", &mut command)?;
        let commit = |line: &[u8]| {
            let text = String::from_utf8_lossy(line).into_owned();
            let (id, subject) = text.split_once(' ')?;
            Some(Commit { id: id.to_owned(), subject: subject.to_owned() })
        };
        Ok(output.stdout.split(|byte| *byte == 0).filter_map(commit).collect())
    }

    /// The files below `directory` that differ between two commits, relative to it.
    pub fn files_between(&self, old: &str, new: &str, directory: &Path) -> Result<Vec<PathBuf>, Error> {
        let Some(inside) = self.place(directory)? else { return Ok(vec![]) };
        let mut command = self.command();
        command.args(["diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new]);
        if !inside.as_os_str().is_empty() {
            command.arg("--").arg(&inside);
        }
        let output = self.output("compare two commits", &mut command)?;
        let paths = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(|path| Path::new(OsStr::from_bytes(path)));
        Ok(paths.filter_map(|path| path.strip_prefix(&inside).ok().map(Path::to_owned)).collect())
    }

    /// What git is told to ignore in a directory, or of a file, that this checkout has; absolute, sorted.
    pub fn ignored(&self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let mut command = self.command();
        command.args(["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--full-name", "--"]).arg(path);
        let output = self.output("list ignored files", &mut command)?;
        let paths = output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        let mut found: Vec<PathBuf> = paths.map(|path| self.top.join(OsStr::from_bytes(path))).collect();
        found.sort();
        Ok(found)
    }

    /// What names the tree of `directory` in a commit.
    pub(super) fn tree(&self, commit: &str, directory: &Path) -> Result<String, Error> {
        let Some(inside) = self.place(directory)? else {
            return Err(Error::NotInRevision { revision: commit.to_owned(), path: directory.to_owned() });
        };
        let named = format!("{commit}:{}", inside.to_string_lossy());
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &named];
        let tree = self.id("find a directory of a commit", &arguments)?;
        tree.ok_or_else(|| Error::NotInRevision { revision: commit.to_owned(), path: directory.to_owned() })
    }

    /// As `inside`, for a directory that is there; empty for the top.
    pub(super) fn place(&self, directory: &Path) -> Result<Option<PathBuf>, Error> {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let real = directory.canonicalize().map_err(|source| Error::Io { doing: "find", path: directory.to_owned(), source })?;
        Ok(real.strip_prefix(&self.top).ok().map(Path::to_owned))
    }
}
