//! Directories for one overlay, the user who enters a sandbox over them, and what is told of it.

use pintree::pkg::Architecture;
use pintree::sandbox::{self, Change, ChangeKind, Command, Ended, Error, Layers, Limits, Options, Ownership, Root, Sandbox};
use rustix::fs::{Gid, Uid};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What the scripts of these tests run.
pub const PROGRAMS: &str = "bash sh cat chgrp chmod chown cp head hostname id install ln ls mkdir mkfifo mv readlink rm rmdir setpriv setsid sleep stat tar \
                        touch true uname wc";

/// Directories for one overlay, with the host's own programs as the tree below.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub user: Option<(u32, u32)>,
    pub ownership: Ownership,
}

impl Place {
    pub fn new(ownership: Ownership) -> Option<Self> {
        let user = user_for(ownership)?;
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory, user, ownership };
        std::fs::set_permissions(place.directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["lower", "upper", "work", "merged"] {
            std::fs::create_dir(place.path(name)).unwrap();
        }
        furnish(&place.path("lower"));
        std::fs::write(place.directory.path().join("host-only"), "secret").unwrap();
        if let Some((uid, gid)) = user {
            own(place.directory.path(), uid, gid);
        }
        Some(place)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Does `work` in a process of its own that has entered a sandbox.
    pub fn enter(&self, architectures: &[&str], work: impl FnOnce(&Sandbox) -> String) -> String {
        let architectures = architectures.iter().map(|name| Architecture::parse(name).unwrap()).collect();
        let options = Options { architectures, ownership: Some(self.ownership) };
        sandbox::apart(|| {
            become_user(self.user);
            match Sandbox::enter(&options) {
                Ok(sandbox) => work(&sandbox),
                Err(error) => format!("{error}: {:?}: {:?}", std::error::Error::source(&error), error.hint()),
            }
        })
        .unwrap()
    }

    pub fn mount(&self, sandbox: &Sandbox) -> Root {
        let [lower, upper, work, merged] = &["lower", "upper", "work", "merged"].map(|name| self.path(name));
        sandbox.mount(&Layers { lower, upper, work, merged }, &Limits::default()).map_err(|error| panic!("{}", chain(&error))).unwrap()
    }

    /// Runs a shell script; gives its output and how it ended, if not well.
    pub fn run(&self, script: &str) -> String {
        self.enter(&[], |sandbox| {
            let root = self.mount(sandbox);
            run(sandbox, &root, script)
        })
    }

    /// Runs a shell script; gives what it changed, one path a line.
    pub fn changes(&self, script: &str) -> String {
        self.enter(&[], |sandbox| {
            let root = self.mount(sandbox);
            let mut said = run(sandbox, &root, script);
            root.unmount().unwrap();
            let visited = sandbox.changes::<Error>(&self.path("upper"), &Limits::default(), &mut |change| {
                writeln!(said, "{}", line(change)).unwrap();
                Ok(())
            });
            visited.unwrap();
            sandbox.remove_all(&self.path("upper")).unwrap();
            sandbox.remove_all(&self.path("work")).unwrap();
            said
        })
    }
}

pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").unwrap();
        source = cause.source();
    }
    text
}

pub fn command<'a>(arguments: &'a [&'a str]) -> Command<'a> {
    let environment = &[("PATH", "/usr/bin:/bin"), ("LC_ALL", "C")];
    Command { program: "sh", arguments, environment, directory: "/", input: None, limits: Limits::default() }
}

pub fn run(sandbox: &Sandbox, root: &Root, script: &str) -> String {
    let mut said = vec![];
    let ended = sandbox.run(root, &command(&["-c", script]), &mut |bytes| said.extend_from_slice(bytes));
    let mut said = String::from_utf8(said).unwrap();
    match ended {
        Ok(Ended::Exit(0)) => {}
        Ok(ended) => writeln!(said, "ended by {ended}").unwrap(),
        Err(error) => writeln!(said, "{}", chain(&error)).unwrap(),
    }
    said
}

pub fn line(change: &Change<'_>) -> String {
    let kind = match &change.kind {
        ChangeKind::Removed => return format!("removed {}", change.path),
        ChangeKind::Directory { opaque: false } => "directory".to_owned(),
        ChangeKind::Directory { opaque: true } => "opaque directory".to_owned(),
        ChangeKind::File { size, .. } => format!("file of {size}"),
        ChangeKind::Symlink(target) => return format!("{} {}:{} link to {target}", change.path, change.uid, change.gid),
        ChangeKind::Special(kind) => (*kind).to_owned(),
    };
    let names: Vec<_> = change.xattrs.iter().map(|(name, value)| format!(" {}={}", String::from_utf8_lossy(name), hex(value))).collect();
    format!("{} {}:{} {:04o} {kind}{}", change.path, change.uid, change.gid, change.mode, names.concat())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The host's programs with the libraries they need, and the usual empty directories.
pub fn furnish(lower: &Path) {
    let mut wanted = BTreeSet::new();
    for name in PROGRAMS.split_whitespace() {
        let path = ["/usr/bin", "/bin", "/usr/sbin"].iter().map(|directory| Path::new(directory).join(name)).find(|path| path.exists());
        let path = path.unwrap_or_else(|| panic!("{name} is not installed"));
        let libraries = std::process::Command::new("ldd").arg(&path).output().unwrap();
        for word in String::from_utf8(libraries.stdout).unwrap().split_whitespace().filter(|word| word.starts_with('/')) {
            wanted.insert(PathBuf::from(word));
        }
        wanted.insert(Path::new("/usr/bin").join(name));
    }
    for name in ["bin", "lib", "lib64"] {
        std::fs::create_dir_all(lower.join("usr").join(name)).unwrap();
        symlink(format!("usr/{name}"), lower.join(name)).unwrap();
    }
    for name in ["proc", "dev", "sys", "run", "tmp", "etc/deep/er", "root"] {
        std::fs::create_dir_all(lower.join(name)).unwrap();
    }
    for path in wanted {
        let to = lower.join(path.strip_prefix("/").unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = if path.exists() { path.clone() } else { Path::new("/bin").join(path.file_name().unwrap()) };
        std::fs::copy(from, to).unwrap();
    }
    std::fs::write(lower.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n").unwrap();
    std::fs::write(lower.join("etc/group"), "root:x:0:\nwww:x:33:\nshadow:x:42:\n").unwrap();
    std::fs::write(lower.join("etc/old"), "old\n").unwrap();
    std::fs::write(lower.join("etc/deep/er/file"), "file\n").unwrap();
    std::fs::write(lower.join("run/of-image"), "").unwrap();
}

pub fn own(path: &Path, uid: u32, gid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), uid, gid);
        }
    }
}

/// The ids with which this way to keep owners can be tried here; `None`, with a word, if it cannot.
pub fn user_for(ownership: Ownership) -> Option<Option<(u32, u32)>> {
    let root = rustix::process::geteuid().is_root();
    let found = match ownership {
        Ownership::Root => root.then_some(None),
        // Nobody's ids, so certainly ones without subordinate ids.
        Ownership::Recorded => Some(root.then_some((12345, 12345))),
        Ownership::Subordinate if root => subordinate_user().map(Some),
        Ownership::Subordinate => Some(None),
    };
    if found.is_none() {
        eprintln!("skipped: nobody here could keep owners by way of `{ownership}`");
    }
    found
}

/// A user who has subordinate ids.
pub fn subordinate_user() -> Option<(u32, u32)> {
    let ranges = std::fs::read_to_string("/etc/subuid").ok()?;
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    ranges.lines().find_map(|range| {
        let name = range.split(':').next()?;
        let user = users.lines().find(|user| user.split(':').next() == Some(name))?;
        let mut ids = user.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    })
}

pub fn become_user(user: Option<(u32, u32)>) {
    let Some((uid, gid)) = user else { return };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_thread_groups(&[gid]).unwrap();
    rustix::thread::set_thread_res_gid(gid, gid, gid).unwrap();
    rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
    // A process that changes its user is nobody's own otherwise.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable).unwrap();
}

pub const ALL: [Ownership; 3] = [Ownership::Root, Ownership::Subordinate, Ownership::Recorded];

pub fn everywhere() -> impl Iterator<Item = Place> {
    ALL.into_iter().filter_map(Place::new)
}
