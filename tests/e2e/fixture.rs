//! A signed archive on loopback, a project, and an environment that nothing outside can disturb.

use pintree::testkit::deb::Package;
use pintree::testkit::keys::Gpg;
use pintree::testkit::repo::{Suite, add_deb};
use pintree::testkit::server::Server;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What every test needs; more is asked for by name.
const TOOLS: [&str; 3] = ["ninja", "ostree", "gpg"];

/// Tells whether the test can run: a missing tool skips it with a reason, and fails it in CI.
pub fn has(tools: &[&str]) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = |tool: &&&str| std::env::split_paths(&paths).any(|directory| directory.join(tool).is_file());
    let missing: Vec<_> = TOOLS.iter().chain(tools).filter(|tool| !found(tool)).collect();
    if !missing.is_empty() {
        skip(&format!("{missing:?} not installed"));
    }
    missing.is_empty()
}

/// Says why a test is skipped; in CI that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must run this test: {reason}");
    eprintln!("skipped: {reason}");
}

/// Returns from the test unless the host has what it needs.
macro_rules! needs {
    ($($tool:expr),*) => {
        if !crate::fixture::has(&[$($tool),*]) {
            return;
        }
    };
}
pub(crate) use needs;

/// The architectures that the archives of these tests have.
const ARCHES: [&str; 2] = ["armhf", "amd64"];

/// An archive with one suite, `stable`, signed by a key of its own and served on loopback.
pub struct Archive {
    pub directory: tempfile::TempDir,
    pub gpg: Gpg,
    pub key: String,
    pub server: Server,
}

impl Archive {
    /// Publishes `packages`.
    pub fn new(packages: &[Package]) -> Self {
        let gpg = Gpg::new();
        let key = gpg.key("archive");
        let directory = tempfile::tempdir().unwrap();
        let server = Server::start(directory.path());
        let archive = Self { directory, gpg, key, server };
        archive.publish(packages);
        archive
    }

    /// Publishes `packages` as all that the suite has. Package files of earlier times stay in the pool.
    pub fn publish(&self, packages: &[Package]) {
        self.publish_suite(packages, |suite| suite);
    }

    /// As `publish`, with another look at the suite before it is written.
    pub fn publish_suite(&self, packages: &[Package], change: impl FnOnce(Suite) -> Suite) {
        self.publish_as(packages, &self.gpg, &self.key, change);
    }

    /// As `publish_suite`, signed by somebody else.
    pub fn publish_as(&self, packages: &[Package], gpg: &Gpg, key: &str, change: impl FnOnce(Suite) -> Suite) {
        let mut suite = Suite::new("stable");
        for arch in ARCHES {
            suite = suite.packages("main", arch, "");
        }
        for package in packages {
            let stanza = add_deb(self.directory.path(), &pool_path(package), &package.control_paragraph(), &package.build());
            let arches = ARCHES.iter().filter(|arch| ["all", arch].contains(&package.get("Architecture").unwrap()));
            for arch in arches {
                suite = suite.packages("main", arch, &stanza);
            }
        }
        for stanzas in suite.packages.values_mut() {
            *stanzas = stanzas.trim_start().to_owned();
        }
        change(suite).write(self.directory.path(), Some((gpg, key)));
    }

    /// Where a file of the archive lies.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// A second server for the same files.
    pub fn mirror(&self) -> Server {
        Server::start(self.directory.path())
    }
}

/// Where a package's file lies below the archive's base.
pub fn pool_path(package: &Package) -> String {
    let source = package.get("Source").unwrap_or_else(|| package.get("Package").unwrap());
    let source = source.split(' ').next().unwrap();
    let prefix = if source.starts_with("lib") { &source[..4] } else { &source[..1] };
    format!("pool/main/{prefix}/{source}/{}", package.file_name())
}

/// What is done beside a run of the program, with its arguments and its end; there is none if it had to be killed.
pub type Beside = fn(&Project, &[&str], Option<&Ran>);

thread_local! {
    /// What is done beside each run of this thread.
    pub static BESIDE: Cell<Option<Beside>> = const { Cell::new(None) };
}

/// A project directory with its own home, caches and temporary directory.
pub struct Project {
    directory: tempfile::TempDir,
}

impl Project {
    /// A project whose manifest `main` has the archive as `repo.debian` and then `text`.
    pub fn new(archive: &Archive, text: &str) -> Self {
        Self::with_arches(archive, &["armhf"], text)
    }

    /// As `new`, for other architectures.
    pub fn with_arches(archive: &Archive, arches: &[&str], text: &str) -> Self {
        let project = Self::empty();
        project.write("manifests/main.toml", &manifest(&[&archive.server], arches, text));
        std::fs::create_dir_all(project.path("keys")).unwrap();
        archive.gpg.export_to(&[&archive.key], &project.path("keys/archive.asc"));
        project
    }

    /// A directory with nothing in it.
    pub fn empty() -> Self {
        let directory = tempfile::Builder::new().prefix("pintree-e2e-").tempdir().unwrap();
        for name in ["home", "tmp", "project"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        Self { directory }
    }

    /// A path below the project directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join("project").join(path)
    }

    /// A path below the home directory.
    pub fn home(&self, path: &str) -> PathBuf {
        self.directory.path().join("home").join(path)
    }

    /// Everything that the project, its home and its temporary directory hold.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// The text of the lockfile of manifest `main`.
    pub fn lockfile(&self) -> String {
        self.read("lockfiles/main.lock")
    }

    /// A program with nothing of the developer's environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.path(""));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home("")).env("TMPDIR", self.directory.path().join("tmp"));
        command.env("XDG_CACHE_HOME", self.home("cache")).env("XDG_CONFIG_HOME", self.home("config"));
        command.env("XDG_DATA_HOME", self.home("data")).env("XDG_RUNTIME_DIR", self.home("run"));
        command.env("TZ", "UTC").env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    pub fn pintree(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&program());
        command.args(arguments);
        command
    }

    /// Runs the program and takes whatever comes of it.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ran = self.finish(&mut self.pintree(arguments));
        self.beside(arguments, Some(&ran));
        ran
    }

    /// Does what is to be done beside a run.
    pub fn beside(&self, arguments: &[&str], ran: Option<&Ran>) {
        if let Some(beside) = BESIDE.get() {
            beside(self, arguments, ran);
        }
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> Ran {
        self.ran(command.output().unwrap())
    }

    /// Waits for a child that was started with pipes.
    pub fn wait(&self, child: Child) -> Ran {
        self.ran(child.wait_with_output().unwrap())
    }

    fn ran(&self, output: Output) -> Ran {
        use std::os::unix::process::ExitStatusExt as _;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or_default());
        Ran { code, stdout: text(output.stdout), stderr: text(output.stderr), root: self.root().display().to_string() }
    }

    /// Runs the program, which must do what it is asked.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        self.run(arguments).exits(0)
    }

    /// Composes every image; gives the commits by image and architecture.
    pub fn build(&self) -> Vec<Built> {
        self.ok(&["build", "--until", "composed", "--format", "json"]).images()
    }

    /// Runs `ostree` on the project's repository.
    pub fn ostree(&self, arguments: &[&str]) -> String {
        let mut command = self.command("ostree");
        command.arg("--repo=_build/ostree").args(arguments);
        self.finish(&mut command).exits(0).stdout
    }

    /// Every object is there and sound, and so is what each ref names.
    pub fn fsck(&self) {
        self.ostree(&["fsck", "--quiet"]);
    }

    /// Refs below `prefix`.
    pub fn refs(&self, prefix: &str) -> Vec<String> {
        let mut found = vec![];
        files_below(&self.path("_build/ostree/refs/heads").join(prefix), &mut |path| {
            let name = path.strip_prefix(self.path("_build/ostree/refs/heads")).unwrap();
            found.push(name.to_str().unwrap().to_owned());
        });
        found.sort();
        found
    }

    /// Checks an image out, as an unprivileged user can.
    pub fn checkout(&self, reference: &str) -> PathBuf {
        let target = self.directory.path().join(format!("checkout-{}", reference.replace('/', "-")));
        self.ostree(&["checkout", "-U", reference, target.to_str().unwrap()]);
        target
    }
}

/// The program under test: that of this build, or the one that `PINTREE_PROGRAM` names.
pub fn program() -> String {
    std::env::var("PINTREE_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_pintree").to_owned())
}

/// Calls `visit` for every file below `directory`, if that is there.
pub fn files_below(directory: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), visit);
        } else {
            visit(&entry.path());
        }
    }
}

/// The text of a manifest: the archive at `servers`, and then `text`.
pub fn manifest(servers: &[&Server], arches: &[&str], text: &str) -> String {
    let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
    manifest_at(&urls, arches, text)
}

/// As `manifest`, with addresses spelt out.
pub fn manifest_at(urls: &[String], arches: &[&str], text: &str) -> String {
    format!(
        "arches = {arches:?}\n\n[repo.debian]\ndeb = {urls:?}\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nkey = \"keys/archive.asc\"\n\n{text}"
    )
}

/// How a run ended.
pub struct Ran {
    /// The exit code, or the signal's number below zero.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    root: String,
}

/// A row of `build --format json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    pub image: String,
    pub arch: String,
    pub reference: String,
    pub commit: String,
    pub packages: u64,
}

impl Ran {
    /// Fails the test unless the exit code is `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless stderr has each of these texts.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not in:\n{}", self.stderr);
        }
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }

    /// The images of `build --format json`.
    #[track_caller]
    pub fn images(&self) -> Vec<Built> {
        let json = self.json();
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
        let built = |row: &serde_json::Value| Built {
            image: text(row, "image"),
            arch: text(row, "arch"),
            reference: text(row, "ref"),
            commit: text(row, "commit"),
            packages: row["packages"].as_u64().unwrap(),
        };
        json["images"].as_array().unwrap().iter().map(built).collect()
    }

    /// stderr with what differs between runs replaced: directories, the server's port, times.
    pub fn talk(&self) -> String {
        let text = self.stderr.replace(&format!("{}/project", self.root), "[PROJECT]").replace(&self.root, "[ROOT]");
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("http://127.0.0.1:") {
            out.push_str(&rest[..at]);
            out.push_str("[MIRROR]");
            rest = rest[at + "http://127.0.0.1:".len()..].trim_start_matches(|c: char| c.is_ascii_digit());
        }
        out + rest
    }
}
