//! What seal makes of small trees.

mod additions;
mod layout;

use super::*;
use crate::store::{Entry, FileKind, Metadata};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

/// What every tree of these tests has: a merged root as a configured Debian has it, small.
const BASE: &[(&str, &str)] = &[
    ("bin", "-> usr/bin"),
    ("lib", "-> usr/lib"),
    ("sbin", "-> usr/sbin"),
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"),
    ("etc/group", "root:x:0:\nadm:x:4:\nwww-data:x:33:\nutmp:x:43:\n"),
    ("etc/os-release", "-> ../usr/lib/os-release"),
    ("usr/lib/os-release", "ID=debian\nVERSION_ID=12"),
    ("usr/bin/sh", "0755 sh"),
    ("usr/sbin/", ""),
    ("root/", "0700"),
    ("home/", ""),
    ("tmp/", "1777"),
    ("run/lock/", "1777"),
    ("var/lib/dpkg/status", "Package: base-files\n"),
    ("var/lib/dpkg/info/base-files.list", "/.\n/usr/lib/os-release\n/bin/su\n"),
    ("var/lib/dpkg/diversions", ""),
];

struct Set {
    dir: tempfile::TempDir,
    repo: Repo,
    arguments: Arguments,
}

/// One entry: `path/` is a directory with `MODE UID:GID`, `-> x` a link, else a file, which `MODE ` or `MODE UID:GID ` may
/// stand before.
fn insert(repo: &Repo, tree: &mut Tree, path: &str, spec: &str) {
    let plain = Some(repo.write_dirmeta(&Metadata::root(0o755)).unwrap());
    let (mut metadata, mut rest) = (Metadata::root(if path.ends_with('/') { 0o755 } else { 0o644 }), spec);
    let octal = |text: &str| text.len() == 4 && text.starts_with(|c: char| c < '8') && u32::from_str_radix(text, 8).is_ok();
    let (mode, tail) = spec.split_once(' ').unwrap_or((spec, ""));
    if octal(mode) {
        (metadata.mode, rest) = (u32::from_str_radix(mode, 8).unwrap(), tail);
        let (owner, tail) = tail.split_once(' ').unwrap_or((tail, ""));
        if let Some((uid, gid)) = owner.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?))) {
            (metadata.uid, metadata.gid, rest) = (uid, gid, tail);
        }
    }
    if path.ends_with('/') {
        let meta = repo.write_dirmeta(&metadata).unwrap();
        tree.insert_directory(repo, path, meta, plain).unwrap();
    } else if let Some(target) = spec.strip_prefix("-> ") {
        let file = repo.write_symlink(&Metadata::root(0o777), target).unwrap();
        tree.insert_file(repo, path, file, plain).unwrap();
    } else {
        let file = repo.write_file(&metadata, rest.as_bytes()).unwrap();
        tree.insert_file(repo, path, file, plain).unwrap();
    }
}

impl Set {
    fn new(entries: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(&dir.path().join("store")).unwrap();
        let mut tree = Tree::new();
        for (path, spec) in BASE.iter().chain(entries) {
            insert(&repo, &mut tree, path, spec);
        }
        let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
        let commit = repo.write_commit(&CommitParts::new(tree.write(&repo).unwrap(), meta)).unwrap();
        let configured: RefName = "image/m/i/armhf/configured".parse().unwrap();
        repo.write_ref_if_changed(&configured, &commit).unwrap();
        let arguments = Arguments {
            image: "Kiosk".to_owned(),
            architecture: Architecture::parse("armhf").unwrap(),
            foreign: vec![],
            identity: Sha256::of(b"pins"),
            configured,
            target: "image/m/i/armhf/sealed".parse().unwrap(),
            bounds: Bounds::new(Path::new("/"), Path::new("/"), []).unwrap(),
            overlays: vec![],
            scripts: vec![],
            epoch: 1_577_836_800,
            work: dir.path().join("work"),
            limits: crate::sandbox::Limits::default(),
            log: dir.path().join("seal.log"),
            settings: Settings::default(),
            permissions: BTreeMap::new(),
            checks: BTreeMap::new(),
            project: None,
        };
        Self { dir, repo, arguments }
    }

    /// Adds an overlay of files with their contents; a path that ends in `!` is executable.
    fn overlay(mut self, name: &str, files: &[(&str, &str)]) -> Self {
        let overlay = self.dir.path().join(name);
        fs::create_dir_all(&overlay).unwrap();
        for (path, content) in files {
            let file = overlay.join(path.trim_end_matches('!'));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            match content.strip_prefix("-> ") {
                Some(target) => symlink(target, &file).unwrap(),
                None if path.ends_with('/') => fs::create_dir_all(&file).unwrap(),
                None => {
                    fs::write(&file, content).unwrap();
                    let mode = if path.ends_with('!') { 0o700 } else { 0o600 };
                    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
                }
            }
        }
        self.arguments.overlays.push(overlay);
        self
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn permissions(mut self, path: &str, text: &str) -> Self {
        self.arguments.permissions.insert(path.to_owned(), text.parse().unwrap());
        self
    }

    fn run(&self) -> Sealed {
        run(&self.repo, &self.arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    fn error(&self) -> String {
        let text = run(&self.repo, &self.arguments).unwrap_err().to_string();
        text.replace(&*self.dir.path().to_string_lossy(), "PROJECT")
    }

    fn tree(&self) -> Tree {
        let commit = self.repo.read_commit(&self.run().commit).unwrap();
        Tree::read(&self.repo, &commit.tree).unwrap()
    }

    fn read(&self, path: &str) -> Option<String> {
        match self.tree().get(&self.repo, path).unwrap()? {
            Entry::File(file) => match self.repo.read_file_meta(&file).unwrap().kind {
                FileKind::Symlink(target) => Some(format!("-> {target}")),
                FileKind::Regular(_) => Some(String::from_utf8(self.repo.read_file(&file, 1 << 20).unwrap()).unwrap()),
            },
            Entry::Directory(_) => Some("directory".to_owned()),
        }
    }

    /// Paths below `directory`, one a line: mode, owner, and a file's content or a link's target.
    fn listing(&self, directory: &str) -> String {
        let mut lines = String::new();
        list(&self.repo, &mut self.tree(), directory, &mut lines);
        lines
    }

    fn tmpfiles(&self) -> String {
        self.read("usr/lib/tmpfiles.d/pintree-var.conf").unwrap()
    }

    fn findings(&self) -> String {
        self.run().findings.iter().map(|finding| format!("{finding}\n")).collect()
    }
}

fn list(repo: &Repo, tree: &mut Tree, directory: &str, lines: &mut String) {
    for (name, entry) in tree.entries(repo, directory).unwrap().unwrap() {
        let path = root::join(directory, &name);
        match entry {
            Entry::File(file) => {
                let meta = repo.read_file_meta(&file).unwrap();
                let metadata = meta.metadata;
                lines.push_str(&match meta.kind {
                    FileKind::Symlink(target) => format!("{path} -> {target}\n"),
                    FileKind::Regular(_) => {
                        let content = String::from_utf8(repo.read_file(&file, 1 << 20).unwrap()).unwrap();
                        format!("{path} {:04o} {}:{} {content:?}\n", metadata.mode, metadata.uid, metadata.gid)
                    }
                });
            }
            Entry::Directory(meta) => {
                let metadata = repo.read_dirmeta(&meta).unwrap();
                lines.push_str(&format!("{path}/ {:04o} {}:{}\n", metadata.mode, metadata.uid, metadata.gid));
                list(repo, tree, &path, lines);
            }
        }
    }
}

const SSH: &[(&str, &str)] = &[
    ("etc/ssh/sshd_config", "# x\nInclude /etc/ssh/sshd_config.d/*.conf\n"),
    ("usr/sbin/sshd", "0755 x"),
    ("usr/bin/ssh-keygen", "0755 x"),
    ("usr/lib/systemd/system/ssh.service", "[Service]\n"),
    ("usr/lib/systemd/system/ssh@.service", "[Service]\n"),
];

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake ops@example.org";

#[test]
fn tells_what_a_tree_should_not_have() {
    let entries = [
        ("etc/alternatives/editor", "-> /usr/bin/vi"),
        ("etc/mtab", "-> ../proc/self/mounts"),
        ("etc/resolv.conf", "-> /run/x/resolv.conf"),
        ("etc/localtime", "-> /usr/bin/sh"),
        ("etc/systemd/system/x.service", "-> /dev/null"),
        ("usr/share/doc/a/b", "-> ../c"),
        ("usr/bin/su", "4755 x"),
        ("usr/bin/mine", "2755 x"),
        ("var/open/", "0777"),
        ("var/sticky/", "1777"),
        ("var/f", "0666 x"),
        ("var/strange", "0644 1234:33 x"),
    ];
    let mut set =
        Set::new(&entries).overlay("o", &[("usr/share/kiosk/a", "at /home/joe/kiosk/src"), ("usr/share/kiosk/l", "-> /home/joe/kiosk")]);
    set.arguments.project = Some(PathBuf::from("/home/joe/kiosk"));
    insta::assert_snapshot!(set.findings(), @"
    dangling-links: 2 symbolic links lead nowhere: `/etc/alternatives/editor` ► `/usr/bin/vi`, `/usr/share/kiosk/l` ► `/home/joe/kiosk`
    world-writable: 2 paths may be written by everybody: `/var/f` (0666), `/var/open` (0777)
    build-paths: 2 files name a path of the building machine: `/usr/share/kiosk/a`, `/usr/share/kiosk/l`
    unowned-ids: 1 path belongs to an unknown user or group: `/var/strange` (1234:33)
    set-id: 1 set-id program is from no package: `/usr/bin/mine`
    ");
    for check in TreeCheck::ALL {
        set.arguments.checks.insert(check, Severity::Off);
    }
    assert_eq!(set.findings(), "");
    set.arguments.checks.insert(TreeCheck::SetId, Severity::Fail);
    assert_eq!(set.error(), "set-id: 1 set-id program is from no package: `/usr/bin/mine`");
    assert!(set.repo.read_ref(&set.arguments.target).unwrap().is_some(), "an earlier image stays");
}

#[test]
fn finds_the_directory_of_a_project() {
    let common = |paths: &[&str]| common_directory(&paths.iter().map(Path::new).collect::<Vec<_>>());
    assert_eq!(common(&["/home/joe/kiosk/_build/work", "/home/joe/kiosk/overlays/a"]), Some(PathBuf::from("/home/joe/kiosk")));
    assert_eq!(common(&["/a/b", "/c/d"]), None);
    assert_eq!(common(&[]), None);
}

fn check_out(repo: &Repo, tree: &mut Tree, directory: &str, root: &Path) {
    fs::create_dir_all(root.join(directory)).unwrap();
    for (name, entry) in tree.entries(repo, directory).unwrap().unwrap() {
        let path = root::join(directory, &name);
        match entry {
            Entry::Directory(_) => check_out(repo, tree, &path, root),
            Entry::File(file) => match repo.read_file_meta(&file).unwrap().kind {
                FileKind::Symlink(target) => symlink(target, root.join(&path)).unwrap(),
                FileKind::Regular(_) => fs::write(root.join(&path), repo.read_file(&file, 1 << 20).unwrap()).unwrap(),
            },
        }
    }
}
