//! Commits and branches, written without the user's work tree, index or identity; and what remotes have.

use super::Git;
use crate::ops::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who a commit is from, and when.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name of author and committer.
    pub name: String,
    /// Their mail address.
    pub email: String,
    /// The time, in seconds since 1970.
    pub time: i64,
}

/// A commit with all that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// The ids of its parents.
    pub parents: Vec<String>,
    /// The id of its tree.
    pub tree: String,
    /// The mail addresses of author and committer.
    pub emails: [String; 2],
    /// The whole message.
    pub message: String,
}

/// The id that stands for no commit.
const NONE: &str = "0000000000000000000000000000000000000000";

impl Git {
    /// The commit that a branch of this checkout is at.
    pub fn branch(&self, name: &str) -> Result<Option<String>, Error> {
        self.resolve(&format!("refs/heads/{name}"))
    }

    /// Whether somebody has the branch checked out, here or in another work tree.
    pub fn is_checked_out(&self, name: &str) -> Result<bool, Error> {
        let output = self.output("list work trees", self.command().args(["worktree", "list", "--porcelain", "-z"]))?;
        let line = format!("branch refs/heads/{name}");
        Ok(output.stdout.split(|byte| *byte == 0).any(|found| found == line.as_bytes()))
    }

    /// The last commits up to `new` that `old` has not, at most `count`, the newest first; of merges the first parent's line.
    pub fn commits(&self, old: &str, new: &str, count: usize) -> Result<Vec<Record>, Error> {
        let (range, count) = (format!("{old}..{new}"), format!("--max-count={count}"));
        let mut command = self.command();
        command.args(["log", "-z", "--first-parent", &count, "--format=%H%x01%P%x01%T%x01%ae%x01%ce%x01%B", &range]);
        let output = self.output("list commits", &mut command)?;
        let record = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            let parts: Vec<&str> = text.splitn(6, '\u{1}').collect();
            let [id, parents, tree, author, committer, message] = parts[..] else { return None };
            Some(Record {
                id: id.to_owned(),
                parents: parents.split(' ').map(str::to_owned).collect(),
                tree: tree.to_owned(),
                emails: [author.to_owned(), committer.to_owned()],
                message: message.to_owned(),
            })
        };
        Ok(output.stdout.split(|byte| *byte == 0).filter_map(record).collect())
    }

    /// The id of the tree of a commit in which some files are others. Paths are as one would open them.
    pub fn tree_with(&self, parent: &str, files: &[(PathBuf, Vec<u8>)], index: &Path) -> Result<String, Error> {
        let index = std::path::absolute(index).map_err(|source| Error::Io { doing: "find", path: index.to_owned(), source })?;
        let with_index = |mut command: Command| {
            command.env("GIT_INDEX_FILE", &index);
            command
        };
        self.output("read a commit", with_index(self.command()).args(["read-tree", parent]))?;
        for (path, content) in files {
            let inside = self.inside(path)?;
            let inside = inside.ok_or_else(|| Error::NotInRevision { revision: parent.to_owned(), path: path.clone() })?;
            let blob = self.write_blob(content)?;
            let entry = format!("100644,{blob},{}", inside.to_string_lossy());
            let mut command = with_index(self.command());
            self.output("put a file into a commit", command.args(["update-index", "--add", "--cacheinfo", &entry]))?;
        }
        let output = self.output("write a tree", with_index(self.command()).arg("write-tree"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn write_blob(&self, content: &[u8]) -> Result<String, Error> {
        self.fed("write a file", self.command().args(["hash-object", "-w", "--no-filters", "--stdin"]), content)
    }

    /// Makes a commit; no branch has it yet.
    pub fn commit(&self, tree: &str, parent: &str, message: &str, identity: &Identity) -> Result<String, Error> {
        let mut command = self.command();
        command.args(["commit-tree", tree, "-p", parent]);
        let time = format!("{} +0000", identity.time);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), &identity.name).env(format!("GIT_{who}_EMAIL"), &identity.email);
            command.env(format!("GIT_{who}_DATE"), &time);
        }
        self.fed("write a commit", &mut command, message.as_bytes())
    }

    /// Moves a branch from `old`, or makes it.
    ///
    /// # Errors
    /// Where somebody else has moved it meanwhile.
    pub fn set_branch(&self, name: &str, new: &str, old: Option<&str>) -> Result<(), Error> {
        let reference = format!("refs/heads/{name}");
        let arguments = ["update-ref", "-m", "pintree bot", &reference, new, old.unwrap_or(NONE)];
        self.output("move the branch", self.command().args(arguments)).map(drop)
    }

    /// The commit that a branch of a remote is at; it is here afterwards, and no branch of this checkout has moved.
    pub fn remote_branch(&self, remote: &str, name: &str) -> Result<Option<String>, Error> {
        let reference = format!("refs/heads/{name}");
        let output = self.output("ask the remote", self.command().args(["ls-remote", "--refs", "--", remote, &reference]))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let id = text.lines().filter_map(|line| line.split_once('\t')).find(|(_, found)| *found == reference).map(|(id, _)| id.to_owned());
        if id.is_some() {
            let arguments = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--", remote, &reference];
            self.output("fetch the branch", self.command().args(arguments))?;
        }
        Ok(id)
    }

    /// Moves a branch of a remote from `old`, or makes it; refused where it is somewhere else by now.
    pub fn push(&self, remote: &str, name: &str, new: &str, old: Option<&str>, options: &[String]) -> Result<(), Error> {
        let mut command = self.command();
        command.args(["push", "--quiet", &format!("--force-with-lease=refs/heads/{name}:{}", old.unwrap_or_default())]);
        for option in options {
            command.args(["-o", option]);
        }
        command.args(["--", remote, &format!("{new}:refs/heads/{name}")]);
        self.output("push the branch", &mut command).map(drop)
    }

    /// Runs git with something on its standard input; gives the line that it prints.
    fn fed(&self, doing: &'static str, command: &mut Command, input: &[u8]) -> Result<String, Error> {
        let output = crate::util::command::run_fed(command.stdin(Stdio::piped()), input).map_err(|source| Error::Git { doing, source })?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
