//! The project's git checkout, seen through the user's own `git`: revisions, and files as they stood in them.
//!
//! No program that a checkout's configuration or attributes name runs here: no hook, pager, file monitor, text conversion
//! or filter, and a directory that looks like a bare repository is none. Revisions and paths are handed over in ways that
//! cannot be taken for options or patterns.

pub use conflict::merge_text;

use super::Error;
use crate::util::command::{self, run_checked};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

mod conflict;
mod copy;
mod history;
mod writing;

pub use copy::{Absent, Lack};
pub use history::Commit;
pub use writing::{Identity, Record};

/// Where a caller's environment may point git to another repository; the directory decides.
const ELSEWHERE: [&str; 6] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_EXTERNAL_DIFF"];

/// A git checkout.
#[derive(Clone, Debug)]
pub struct Git {
    top: PathBuf,
    network: bool,
}

/// Two commits to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The id of the older one.
    pub old: String,
    /// The id of the newer one.
    pub new: String,
}

impl Git {
    /// Finds the checkout that `directory` is in; none if it is in none, which needs no `git` to be told.
    pub fn find(directory: &Path) -> Result<Option<Self>, Error> {
        let io = |source| Error::Io { doing: "find the directory", path: directory.to_owned(), source };
        let start = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let start = start.canonicalize().map_err(io)?;
        // git would look for a bare repository on the way, in directories that a commit fills.
        let Some(top) = start.ancestors().find(|above| above.join(".git").exists()) else { return Ok(None) };
        let git = Self { top: top.to_owned(), network: true };
        let mut top = git.output("find the checkout", git.command().args(["rev-parse", "--show-toplevel"]))?.stdout;
        top.truncate(top.len() - usize::from(top.ends_with(b"\n")));
        Ok(Some(Self { top: OsString::from_vec(top).into(), network: true }))
    }

    /// Forbids git to fetch what a partial clone left out.
    #[must_use]
    pub fn without_network(self) -> Self {
        Self { network: false, ..self }
    }

    /// The top directory of the work tree.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The id of the commit that a revision means, in git's own words for revisions; none if there is none.
    pub fn resolve(&self, revision: &str) -> Result<Option<String>, Error> {
        if revision.is_empty() || revision.contains('\0') {
            return Ok(None);
        }
        let commit = format!("{revision}^{{commit}}");
        self.id("resolve a revision", &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
    }

    /// The commits that `A..B`, `A..`, `..B` or `A...B` means: a side left out is `HEAD`, and with three dots the older
    /// commit is where both came from. None if the text is no range.
    ///
    /// # Errors
    /// [`Error::NoRevision`] if a side is no commit, or if both have nothing in common.
    pub fn range(&self, text: &str) -> Result<Option<Range>, Error> {
        let (old, new, common) = match (text.split_once("..."), text.split_once("..")) {
            (Some((old, new)), _) => (old, new, true),
            (None, Some((old, new))) => (old, new, false),
            (None, None) => return Ok(None),
        };
        let side = |revision: &str| {
            let revision = if revision.is_empty() { "HEAD" } else { revision };
            self.resolve(revision)?.ok_or_else(|| Error::NoRevision { revision: revision.to_owned() })
        };
        let (mut old, new) = (side(old)?, side(new)?);
        if common {
            let base = self.id("find the common ancestor", &["merge-base", &old, &new])?;
            old = base.ok_or_else(|| Error::NoRevision { revision: text.to_owned() })?;
        }
        Ok(Some(Range { old, new }))
    }

    /// A regular file as it stood in a revision; none if it was not there. `path` is as one would open it now, whether it
    /// is there or not.
    ///
    /// # Errors
    /// [`Error::NoRevision`] if there is no such revision.
    pub fn file_at(&self, revision: &str, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        let Some(inside) = self.inside(path)? else { return Ok(None) };
        let entries = self.entries(revision, inside.as_os_str())?;
        let Some(entry) = entries.into_iter().find(|entry| entry.path == inside) else { return Ok(None) };
        let output = self.output("read a file of a revision", self.command().args(["cat-file", "blob"]).arg(entry.id))?;
        Ok(Some(output.stdout))
    }

    /// The regular files that a directory had in a revision, by name; none if it was not there.
    ///
    /// # Errors
    /// [`Error::NoRevision`] if there is no such revision.
    pub fn names_at(&self, revision: &str, directory: &Path) -> Result<Vec<OsString>, Error> {
        let Some(inside) = self.inside(directory)? else { return Ok(vec![]) };
        let mut below = inside.clone().into_os_string();
        if !below.is_empty() {
            below.push("/");
        }
        let names = self.entries(revision, &below)?.into_iter();
        Ok(names
            .filter(|entry| entry.path.parent() == Some(&inside))
            .filter_map(|entry| Some(entry.path.file_name()?.to_owned()))
            .collect())
    }

    /// Where a path lies in the work tree; none if it lies outside.
    fn inside(&self, path: &Path) -> Result<Option<PathBuf>, Error> {
        let io = |source| Error::Io { doing: "find", path: path.to_owned(), source };
        let absolute = std::path::absolute(path).map_err(io)?;
        // Neither the file nor its directory need be there any more. Links on the way are followed, the file is none.
        let Some(mut existing) = absolute.parent() else { return Ok(None) };
        let real = loop {
            match (existing.canonicalize(), existing.parent()) {
                (Ok(real), _) => break real,
                (Err(error), Some(parent)) if error.kind() == std::io::ErrorKind::NotFound => existing = parent,
                (Err(error), _) => return Err(io(error)),
            }
        };
        let rest = absolute.strip_prefix(existing).expect("it is an ancestor");
        if rest.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        Ok(real.join(rest).strip_prefix(&self.top).ok().map(Path::to_owned))
    }

    /// The regular files that `path` names in a revision, or that lie in it if it ends in a slash.
    fn entries(&self, revision: &str, path: &OsStr) -> Result<Vec<Entry>, Error> {
        // Each process costs some milliseconds; what was resolved before is known to be a commit.
        let is_id = matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit = if is_id { Some(revision.to_owned()) } else { self.resolve(revision)? };
        let commit = commit.ok_or_else(|| Error::NoRevision { revision: revision.to_owned() })?;
        let mut command = self.command();
        command.args(["ls-tree", "-z", "--full-tree", &commit]);
        if !path.is_empty() {
            command.arg("--").arg(path);
        }
        let output = self.output("list a revision", &mut command)?;
        Ok(output.stdout.split(|byte| *byte == 0).filter_map(Entry::parse).collect())
    }

    /// The one id that a question is answered with; none if git says no.
    fn id(&self, doing: &'static str, arguments: &[&str]) -> Result<Option<String>, Error> {
        match run_checked(self.command().args(arguments)) {
            Ok(output) => Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|id| !id.is_empty())),
            // Quietly 1; 128 where words like `@{upstream}` have no meaning.
            Err(command::Error::Status { status, .. }) if matches!(status.code(), Some(1 | 128)) => Ok(None),
            Err(source) => Err(Error::Git { doing, source }),
        }
    }

    /// Runs git; any end but exit 0 is an error.
    fn output(&self, doing: &'static str, command: &mut Command) -> Result<Output, Error> {
        run_checked(command).map_err(|source| Error::Git { doing, source: without_secrets(source) })
    }

    /// A git command in the work tree, without its first argument.
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.top);
        command.args(["--no-pager", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false"]);
        // A directory of the project that looks like a repository is none, whatever its configuration says.
        command.args(["-c", "safe.bareRepository=explicit"]);
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_LITERAL_PATHSPECS", "1").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        ELSEWHERE.iter().for_each(|variable| {
            command.env_remove(variable);
        });
        if !self.network {
            command.env("GIT_NO_LAZY_FETCH", "1");
        }
        command
    }
}

/// What git says of a remote, without the user and password of its URL.
fn without_secrets(error: command::Error) -> command::Error {
    match error {
        command::Error::Status { command, status, stderr } => {
            command::Error::Status { command: without_userinfo(&command), status, stderr: without_userinfo(&stderr) }
        }
        other => other,
    }
}

fn without_userinfo(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || "/'\"".contains(c)).unwrap_or(tail.len());
        let start = tail[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &tail[start..];
    }
    out + rest
}

/// A regular file of a revision.
struct Entry {
    id: OsString,
    path: PathBuf,
}

impl Entry {
    /// Reads `MODE TYPE ID<TAB>PATH`; none for directories, links and submodules.
    fn parse(line: &[u8]) -> Option<Self> {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let mut words = line[..tab].split(|byte| *byte == b' ');
        let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
        let path = OsStr::from_bytes(&line[tab + 1..]).into();
        mode.starts_with(b"100").then(|| Self { id: OsStr::from_bytes(id).to_owned(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs git as somebody in `directory` would, with nobody's configuration.
    fn git(directory: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(directory).args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]).args(arguments);
        for variable in ELSEWHERE {
            command.env_remove(variable);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").env("HOME", directory);
        let output = run_checked(&mut command).unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(top: &Path, text: &str) -> String {
        write(&top.join("project/lockfiles/main.lock"), text);
        git(top, &["add", "-A"]);
        git(top, &["commit", "-q", "-m", "x"]);
        git(top, &["rev-parse", "HEAD"])
    }

    /// A checkout with three commits on `main` and one on `side`, and the directory of a project in it.
    fn checkout() -> (tempfile::TempDir, PathBuf, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        git(&top, &["init", "-q", "-b", "main"]);
        let mut commits: Vec<String> = ["one\n", "two\n"].iter().map(|text| commit(&top, text)).collect();
        git(&top, &["checkout", "-q", "-b", "side"]);
        commits.push(commit(&top, "aside\n"));
        git(&top, &["checkout", "-q", "main"]);
        commits.push(commit(&top, "three\n"));
        let project = top.join("project");
        (dir, project, commits)
    }

    #[test]
    fn no_checkout_is_none_and_no_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Git::find(dir.path()).unwrap().is_none());
        assert!(matches!(Git::find(&dir.path().join("gone")), Err(Error::Io { .. })));
    }

    #[test]
    fn finds_the_top_and_reads_files_of_revisions() {
        let (dir, project, _) = checkout();
        let git = Git::find(&project).unwrap().unwrap().without_network();
        assert_eq!(git.top(), dir.path().canonicalize().unwrap());
        let lock = project.join("lockfiles/main.lock");
        let at = |revision: &str, path: &Path| git.file_at(revision, path).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(at("HEAD", &lock).as_deref(), Some("three\n"));
        assert_eq!(at("HEAD~2", &lock).as_deref(), Some("one\n"));
        assert_eq!(at("side", &lock).as_deref(), Some("aside\n"));
        std::fs::remove_dir_all(project.join("lockfiles")).unwrap();
        assert_eq!(at("HEAD", &lock).as_deref(), Some("three\n"), "it need not be there now");
        assert_eq!(at("HEAD", &project.join("lockfiles")), None, "a directory is no file");
        assert_eq!(at("HEAD", &project.join("lockfiles/other.lock")), None);
        assert_eq!(at("HEAD", Path::new("/etc/passwd")), None, "outside of the checkout");
        assert_eq!(git.names_at("HEAD", &project.join("lockfiles")).unwrap(), ["main.lock"]);
        assert_eq!(git.names_at("HEAD", &project).unwrap(), [""; 0], "what lies deeper does not count");
        assert_eq!(git.names_at("HEAD", &project.join("gone")).unwrap(), [""; 0]);
    }

    #[test]
    fn a_link_to_the_project_leads_to_it() {
        let (dir, project, _) = checkout();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&project, &link).unwrap();
        let git = Git::find(&link).unwrap().unwrap();
        assert_eq!(git.file_at("HEAD~1", &link.join("lockfiles/main.lock")).unwrap().as_deref(), Some(&b"two\n"[..]));
    }

    #[test]
    fn resolves_revisions_and_ranges() {
        let (_dir, project, commits) = checkout();
        let git = Git::find(&project).unwrap().unwrap();
        let range = |text: &str| git.range(text).unwrap().map(|range| (range.old, range.new));
        let [one, two, aside, three] = [0, 1, 2, 3].map(|at: usize| commits[at].clone());
        assert_eq!(git.resolve("HEAD~2").unwrap(), Some(one));
        assert_eq!(range("HEAD~1.."), Some((two.clone(), three.clone())));
        assert_eq!(range("..side"), Some((three.clone(), aside.clone())));
        assert_eq!(range("side..main"), Some((aside.clone(), three.clone())));
        assert_eq!(range("side...main"), Some((two, three)), "with three dots from where both came from");
        assert_eq!(range("main"), None);
        for revision in ["gone", "", "HEAD:project", "--all", "--output=x", "@{upstream}", "a\0b", "HEAD^{tree}", ":/nothing"] {
            assert_eq!(git.resolve(revision).unwrap(), None, "{revision:?}");
        }
        let error = git.range("main..gone").unwrap_err();
        assert_eq!(error.to_string(), "git knows no revision `gone`");
        assert!(matches!(git.file_at("gone", &project.join("x")), Err(Error::NoRevision { .. })));
    }

    #[test]
    fn odd_names_are_names() {
        let (_dir, project, _) = checkout();
        let names = ["-x.lock", "a b.lock", "*.lock", ":(top)x.lock", "new\nline.lock", "é.lock", "quote\".lock"];
        for name in names {
            write(&project.join("lockfiles").join(name), name);
        }
        let top = project.parent().unwrap();
        commit(top, "four\n");
        let git = Git::find(&project).unwrap().unwrap();
        for name in names {
            let read = git.file_at("HEAD", &project.join("lockfiles").join(name)).unwrap();
            assert_eq!(read.as_deref(), Some(name.as_bytes()), "{name:?}");
            assert_eq!(git.file_at("HEAD~1", &project.join("lockfiles").join(name)).unwrap(), None, "{name:?}");
        }
        assert_eq!(git.names_at("HEAD", &project.join("lockfiles")).unwrap().len(), names.len() + 1);
    }

    #[test]
    fn passwords_of_remotes_are_not_told() {
        let text = "fatal: unable to access 'https://me:s3cret@git.example.org/a.git/': no\nsee http://x@h and ssh://git@h:22/p a@b";
        assert_eq!(
            without_userinfo(text),
            "fatal: unable to access 'https://git.example.org/a.git/': no\nsee http://h and ssh://h:22/p a@b"
        );
    }

    #[test]
    fn runs_nothing_that_a_repository_configures() {
        let (_dir, project, _) = checkout();
        let top = project.parent().unwrap();
        let trap = top.join("trap");
        write(&trap, &format!("#!/bin/sh\ntouch {}/sprung\ncat\n", top.display()));
        std::fs::set_permissions(&trap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        write(&top.join(".gitattributes"), "*.lock diff=trap filter=trap\n");
        for key in ["core.pager", "core.fsmonitor", "filter.trap.smudge", "diff.trap.textconv", "diff.external", "pager.cat-file"] {
            crate::ops::git::tests::git(top, &["config", key, trap.to_str().unwrap()]);
        }
        let checkout = Git::find(&project).unwrap().unwrap();
        assert_eq!(checkout.file_at("HEAD", &project.join("lockfiles/main.lock")).unwrap().as_deref(), Some(&b"three\n"[..]));
        assert!(checkout.resolve("HEAD").unwrap().is_some());
        assert!(!top.join("sprung").exists());
    }
}
