//! Which commits changed what, and the files of a commit in a directory of their own.

use super::Git;
use crate::ops::Error;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A commit, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}

/// A commit of another repository that stands in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submodule {
    /// Where, seen from the directory that was checked out.
    pub path: PathBuf,
    /// Which.
    pub commit: String,
}

/// Where a commit is written.
struct Copy {
    index: PathBuf,
    target: PathBuf,
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

    /// Writes the files that `directory` had in a commit into `target`, over what is there, with those of submodules at the
    /// commits that are recorded for them. Neither the user's work tree nor their index is touched; `index` is a file for this
    /// alone. Gives the submodules that stay empty because they are not here at that commit.
    pub fn check_out(&self, commit: &str, directory: &Path, index: &Path, target: &Path) -> Result<Vec<Submodule>, Error> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(|source| Error::Io { doing: "find", path: path.to_owned(), source });
        let copy = Copy { index: absolute(index)?, target: absolute(target)? };
        let mut absent = vec![];
        let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        self.write_tree(&self.tree(commit, directory)?, &absolute(here)?, Path::new(""), &copy, &mut absent)?;
        Ok(absent)
    }

    /// Writes a tree that the user has at `directory` into the copy at `place`.
    fn write_tree(&self, tree: &str, directory: &Path, place: &Path, copy: &Copy, absent: &mut Vec<Submodule>) -> Result<(), Error> {
        let mut prefix = std::ffi::OsString::from("--prefix=");
        // An empty last part gives the slash at the end.
        prefix.push(copy.target.join(place).join(""));
        let with_index = |mut command: Command| {
            command.env("GIT_INDEX_FILE", &copy.index);
            command
        };
        self.output("read a commit", with_index(self.command()).args(["read-tree", tree]))?;
        self.output("check a commit out", with_index(self.command()).args(["checkout-index", "--all", "--force"]).arg(prefix))?;
        for mut submodule in self.submodules(tree)? {
            let (theirs, inside) = (directory.join(&submodule.path), place.join(&submodule.path));
            // A directory without `.git` belongs to the checkout around it.
            let git = Self { top: theirs.clone(), network: self.network };
            let tree = format!("{}^{{tree}}", submodule.commit);
            let tree = match theirs.join(".git").exists() {
                true => git.id("find a submodule's commit", &["rev-parse", "--verify", "--quiet", "--end-of-options", &tree])?,
                false => None,
            };
            match tree {
                Some(tree) => git.write_tree(&tree, &theirs, &inside, copy, absent)?,
                None => {
                    submodule.path = inside;
                    absent.push(submodule);
                }
            }
        }
        Ok(())
    }

    /// The submodules of a tree, with the commits that are recorded for them.
    fn submodules(&self, tree: &str) -> Result<Vec<Submodule>, Error> {
        let mut command = self.command();
        command.args(["ls-tree", "-r", "-z", "--full-tree", tree]);
        let output = self.output("list a commit", &mut command)?;
        let submodule = |line: &[u8]| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let commit = line[..tab].strip_prefix(b"160000 commit ")?;
            let path = Path::new(OsStr::from_bytes(&line[tab + 1..])).to_owned();
            Some(Submodule { path, commit: String::from_utf8_lossy(commit).into_owned() })
        };
        Ok(output.stdout.split(|byte| *byte == 0).filter_map(submodule).collect())
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
