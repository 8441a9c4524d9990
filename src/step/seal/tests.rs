//! What seal makes of small trees.

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
            overlays: vec![],
            scripts: vec![],
            epoch: 1_577_836_800,
            work: dir.path().join("work"),
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

#[test]
fn gives_the_tree_the_form_that_ostree_deploys() {
    let set = Set::new(&[
        ("root/.bashrc", "PS1=#\n"),
        ("opt/", ""),
        ("var/opt/", ""),
        ("usr/local/lib/python3/", "2775 0:50"),
        ("var/log/wtmp", "0664 0:43 "),
        ("var/www/", "0755 33:33"),
        ("dev/null", "x"),
    ]);
    insta::assert_snapshot!(set.listing(""), @r##"
    bin -> usr/bin
    boot/ 0755 0:0
    dev/ 0755 0:0
    home -> var/home
    lib -> usr/lib
    media -> var/media
    mnt -> var/mnt
    opt -> var/opt
    ostree -> sysroot/ostree
    proc/ 0555 0:0
    root -> var/roothome
    run/ 0755 0:0
    sbin -> usr/sbin
    srv -> var/srv
    sys/ 0555 0:0
    sysroot/ 0755 0:0
    tmp/ 1777 0:0
    usr/ 0755 0:0
    usr/bin/ 0755 0:0
    usr/bin/sh 0755 0:0 "sh"
    usr/etc/ 0755 0:0
    usr/etc/group 0644 0:0 "root:x:0:\nadm:x:4:\nwww-data:x:33:\nutmp:x:43:\n"
    usr/etc/os-release -> ../usr/lib/os-release
    usr/etc/passwd 0644 0:0 "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"
    usr/lib/ 0755 0:0
    usr/lib/os-release 0644 0:0 "ID=debian\nVERSION_ID=12\nVARIANT_ID=kiosk\nIMAGE_ID=kiosk\nIMAGE_VERSION=90c2ae22728052e3\n"
    usr/lib/os-release.distrib 0644 0:0 "ID=debian\nVERSION_ID=12"
    usr/lib/sysimage/ 0755 0:0
    usr/lib/sysimage/dpkg/ 0755 0:0
    usr/lib/sysimage/dpkg/diversions 0644 0:0 "/usr/lib/os-release\n/usr/lib/os-release.distrib\n:\n"
    usr/lib/sysimage/dpkg/info/ 0755 0:0
    usr/lib/sysimage/dpkg/info/base-files.list 0644 0:0 "/.\n/usr/lib/os-release\n/bin/su\n"
    usr/lib/sysimage/dpkg/status 0644 0:0 "Package: base-files\n"
    usr/lib/tmpfiles.d/ 0755 0:0
    usr/lib/tmpfiles.d/pintree-var.conf 0644 0:0 "# What this image needs below /var, as it was when the image was made. Generated by pintree.\nd /var/home 0755 root root -\nd /var/lib 0755 root root -\nL /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg\nd /var/log 0755 root root -\nf /var/log/wtmp 0664 root 43 -\nd /var/media 0755 root root -\nd /var/mnt 0755 root root -\nd /var/opt 0755 root root -\nd /var/roothome 0700 root root -\nC /var/roothome/.bashrc 0644 root root - /usr/share/factory/var/roothome/.bashrc\nd /var/srv 0755 root root -\nd /var/usrlocal 0755 root root -\nd /var/usrlocal/lib 0755 root root -\nd /var/usrlocal/lib/python3 2775 root 50 -\nd /var/www 0755 33 33 -\n"
    usr/local -> ../var/usrlocal
    usr/sbin/ 0755 0:0
    usr/share/ 0755 0:0
    usr/share/factory/ 0755 0:0
    usr/share/factory/var/ 0755 0:0
    usr/share/factory/var/roothome/ 0755 0:0
    usr/share/factory/var/roothome/.bashrc 0644 0:0 "PS1=#\n"
    var/ 0755 0:0
    var/lib/ 0755 0:0
    var/lib/dpkg -> ../../usr/lib/sysimage/dpkg
    "##);
}

#[test]
fn keeps_what_the_image_itself_has_in_local_places() {
    let set = Set::new(&[("opt/vendor/bin/x", "0755 x"), ("usr/local/bin/", "")]).overlay("o", &[("usr/local/bin/kiosk!", "#!/bin/sh\n")]);
    assert_eq!(set.read("opt/vendor/bin/x").as_deref(), Some("x"));
    assert_eq!(set.read("usr/local/bin/kiosk").as_deref(), Some("#!/bin/sh\n"));
    assert!(!set.tmpfiles().contains("usrlocal") && !set.tmpfiles().contains("/var/opt"));
}

#[test]
fn writes_down_what_must_exist_below_var() {
    let set = Set::new(&[
        ("srv/tftp/", "0750 33:33"),
        ("root/.ssh/", "0700"),
        ("root/notes", "-> ../etc/notes"),
        ("var/backups/", ""),
        ("var/cache/apt/archives/partial/", "0700 42:0"),
        ("var/cache/apt/pkgcache.bin", "cache"),
        ("var/cache/debconf/config.dat", "Name: a\n"),
        ("var/lib/app/a file.db", "0640 33:33 content"),
        ("var/lib/app/100%", "full"),
        ("var/lib/private/", "0700"),
        ("var/lib/pam/seen", "x"),
        ("var/local/", "2775 0:50"),
        ("var/lock", "-> /run/lock"),
        ("var/log/wtmp", "0664 0:43 "),
        ("var/log/journal/", "2755 0:100"),
        ("var/mail/", "2775 0:8"),
        ("var/run", "-> /run"),
        ("var/spool/mail", "-> ../mail"),
        ("var/tmp/", "1777"),
        (
            "usr/lib/tmpfiles.d/var.conf",
            "d /var 0755 - - -\nd /var/tmp 1777 root root 30d\nL /var/run - - - - ../run\nz /var/mail 0755 - - -\n",
        ),
    ]);
    insta::assert_snapshot!(set.tmpfiles(), @r#"
    # What this image needs below /var, as it was when the image was made. Generated by pintree.
    d /var/backups 0755 root root -
    d /var/cache 0755 root root -
    d /var/cache/apt 0755 root root -
    d /var/cache/apt/archives 0755 root root -
    d /var/cache/apt/archives/partial 0700 42 root -
    L /var/cache/debconf - - - - ../../usr/lib/sysimage/debconf
    d /var/home 0755 root root -
    d /var/lib 0755 root root -
    d /var/lib/app 0755 root root -
    C /var/lib/app/100%% 0644 root root - /usr/share/factory/var/lib/app/100%%
    C "/var/lib/app/a file.db" 0640 33 33 - /usr/share/factory/var/lib/app/a file.db
    L /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg
    L /var/lib/pam - - - - ../../usr/lib/sysimage/pam
    d /var/lib/private 0700 root root -
    d /var/local 2775 root 50 -
    L /var/lock - - - - /run/lock
    d /var/log 0755 root root -
    d /var/log/journal 2755 root 100 -
    f /var/log/wtmp 0664 root 43 -
    d /var/mail 2775 root 8 -
    d /var/media 0755 root root -
    d /var/mnt 0755 root root -
    d /var/opt 0755 root root -
    d /var/roothome 0700 root root -
    d /var/roothome/.ssh 0700 root root -
    L /var/roothome/notes - - - - /etc/notes
    d /var/spool 0755 root root -
    L /var/spool/mail - - - - ../mail
    d /var/srv 0755 root root -
    d /var/srv/tftp 0750 33 33 -
    d /var/usrlocal 0755 root root -
    "#);
    assert!(!set.listing("usr/share/factory").contains("pkgcache"), "caches are made again");
    assert_eq!(set.read("usr/lib/sysimage/debconf/config.dat").as_deref(), Some("Name: a\n"));
}

/// `systemd-tmpfiles` itself makes of the lines what the tree had.
#[test]
fn systemd_makes_the_same_var_again() {
    let entries = [
        ("root/.bashrc", "PS1=#\n"),
        ("srv/tftp/", "0750 33:33"),
        ("var/lib/app/a \"file\".db", "0640 33:33 content"),
        ("var/lib/app/100%", "full"),
        ("var/lib/app/link", "-> ../100%n"),
        ("var/log/wtmp", "0664 0:43 "),
        ("var/tmp/", "1777"),
    ];
    let set = Set::new(&entries);
    if Command::new("systemd-tmpfiles").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "systemd-tmpfiles is missing");
        return;
    }
    if !rustix::process::geteuid().is_root() {
        // Only root may give files away.
        return;
    }
    let root = set.dir.path().join("root");
    check_out(&set.repo, &mut set.tree(), "", &root);
    fs::rename(root.join("usr/etc"), root.join("etc")).unwrap();
    fs::remove_dir_all(root.join("var")).unwrap();
    fs::create_dir(root.join("var")).unwrap();
    let output = Command::new("systemd-tmpfiles").arg("--root").arg(&root).arg("--create").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = Command::new("find").current_dir(root.join("var")).args([".", "-printf", "%P %y %m %U:%G %l\\n"]).output().unwrap();
    let mut made: Vec<String> = String::from_utf8(made.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect();
    made.sort();
    insta::assert_snapshot!(made.join("\n"), @r#"
    d 755 0:0
    home d 755 0:0
    lib d 755 0:0
    lib/app d 755 0:0
    lib/app/100% f 644 0:0
    lib/app/a "file".db f 640 33:33
    lib/app/link l 777 0:0 ../100%n
    lib/dpkg l 777 0:0 ../../usr/lib/sysimage/dpkg
    log d 755 0:0
    log/wtmp f 664 0:43
    media d 755 0:0
    mnt d 755 0:0
    opt d 755 0:0
    roothome d 700 0:0
    roothome/.bashrc f 644 0:0
    srv d 755 0:0
    srv/tftp d 750 33:33
    tmp d 1777 0:0
    usrlocal d 755 0:0
    "#);
    assert_eq!(fs::read_to_string(root.join("var/lib/app/a \"file\".db")).unwrap(), "content");
    assert_eq!(fs::read_to_string(root.join("root/.bashrc")).unwrap(), "PS1=#\n");
    assert!(root.join("var/lib/dpkg/status").exists());
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

#[test]
fn lays_overlays_over_the_tree() {
    let set = Set::new(&[
        ("usr/share/kiosk/old", "0600 33:33 old"),
        ("usr/share/kiosk/deep/", "0750 33:33"),
        ("usr/lib/kiosk", "-> ../share/kiosk"),
    ])
    .overlay(
        "one",
        &[
            ("bin/tool!", "one"),
            ("lib/kiosk/old", "new"),
            ("lib/kiosk/deep/er/x", "x"),
            ("lib/kiosk/.gitkeep", ""),
            ("usr/share/kiosk/link", "-> ../nowhere"),
            ("usr/share/kiosk/empty/.gitkeep", ""),
        ],
    )
    .overlay("two", &[("usr/bin/tool", "two")]);
    insta::assert_snapshot!(set.listing("usr/share/kiosk"), @r#"
    usr/share/kiosk/deep/ 0750 33:33
    usr/share/kiosk/deep/er/ 0755 0:0
    usr/share/kiosk/deep/er/x 0644 0:0 "x"
    usr/share/kiosk/empty/ 0755 0:0
    usr/share/kiosk/link -> ../nowhere
    usr/share/kiosk/old 0644 0:0 "new"
    "#);
    assert_eq!(set.listing("usr/bin"), "usr/bin/sh 0755 0:0 \"sh\"\nusr/bin/tool 0644 0:0 \"two\"\n");
}

#[test]
fn overlays_count_by_what_git_keeps() {
    let files = [("etc/b", "b"), ("etc/a!", "a"), ("srv/l", "-> x")];
    let one = Set::new(&[]).overlay("o", &files);
    let two = Set::new(&[]).overlay("o", &[files[2], files[1], files[0]]);
    let overlay = two.dir.path().join("o");
    fs::set_permissions(overlay.join("etc/b"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(overlay.join("etc/a"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(overlay.join("etc"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::File::open(overlay.join("etc/b")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(one.run().commit, two.run().commit);
    fs::set_permissions(overlay.join("etc/b"), fs::Permissions::from_mode(0o700)).unwrap();
    assert_ne!(one.run().commit, two.run().commit);
    // An overlay that changes nothing is still part of what the image is made from.
    let none = Set::new(&[]);
    let same = Set::new(&[]).overlay("o", &[("usr/bin/sh!", "sh")]);
    let metadata = |set: &Set| set.repo.read_commit(&set.run().commit).unwrap().metadata;
    assert_ne!(metadata(&none)["pintree.overlays"], metadata(&same)["pintree.overlays"]);
    assert_eq!(
        metadata(&none).keys().collect::<Vec<_>>(),
        ["pintree.architecture", "pintree.format", "pintree.identity", "pintree.overlays", "pintree.settings", "pintree.user-scripts"]
    );
    assert!(!one.run().changed, "the ref names it already");
}

#[test]
fn says_which_overlays_cannot_be_laid() {
    let entries = [("etc/app/x", "x"), ("loop/a", "-> b"), ("loop/b", "-> a")];
    let errors = [
        Set::new(&entries).overlay("o", &[("etc/app", "x")]),
        Set::new(&entries).overlay("o", &[("etc/app/x/y", "y")]),
        Set::new(&entries).overlay("o", &[("lib/os-release/y", "y")]),
        Set::new(&entries).overlay("o", &[("etc/app", "-> elsewhere")]),
        Set::new(&entries).overlay("o", &[("usr/etc/app/z", "z")]),
        Set::new(&entries).overlay("o", &[("loop/a/z", "z")]),
        Set::new(&entries).permissions("etc/none", "0640"),
        Set::new(&entries).permissions("bin", "0640"),
        Set::new(&entries).permissions("etc/app", "nobody:adm"),
        Set::new(&entries).permissions("etc/app", "root:nobody 0700"),
    ];
    let mut set = Set::new(&entries).overlay("o", &[]);
    rustix::fs::mkfifoat(rustix::fs::CWD, set.dir.path().join("o/pipe"), rustix::fs::Mode::RUSR).unwrap();
    let mut lines: Vec<String> = errors.iter().map(Set::error).collect();
    lines.push(set.error());
    fs::remove_file(set.dir.path().join("o/pipe")).unwrap();
    fs::write(set.dir.path().join("o").join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"x\xff")), "").unwrap();
    lines.push(set.error());
    set.arguments.overlays = vec![set.dir.path().join("missing")];
    lines.push(set.error());
    insta::assert_snapshot!(lines.join("\n"), @"
    cannot lay `PROJECT/o/etc/app` over the tree: it is a file, and `/etc/app` is a directory
    cannot lay `PROJECT/o/etc/app/x` over the tree: it is a directory, and `/etc/app/x` is a file
    cannot lay `PROJECT/o/lib/os-release` over the tree: it is a directory, and `/usr/lib/os-release` is a file
    cannot lay `PROJECT/o/etc/app` over the tree: it is a file, and `/etc/app` is a directory
    cannot lay `PROJECT/o/usr/etc` over the tree: `/usr/etc` is made of `/etc`; put it into `etc`
    the symbolic links at `/loop/a` lead in a circle
    cannot set owner and mode of `/etc/none`: the image has no such file or directory
    cannot set owner and mode of `/bin`: it is a symbolic link to `usr/bin`
    cannot set owner and mode of `/etc/app`: the image has no user `nobody`
    cannot set owner and mode of `/etc/app`: the image has no group `nobody`
    cannot lay `PROJECT/o/pipe` over the tree: a fifo cannot be part of an image
    cannot lay `PROJECT/o/x�` over the tree: its name or target is not UTF-8
    cannot read directory `PROJECT/missing`
    ");
}

#[test]
fn gives_single_paths_their_owner_and_mode() {
    let set = Set::new(&[("etc/sudoers.d/", "")])
        .overlay("o", &[("etc/kiosk/secret", "s"), ("usr/bin/helper!", "h")])
        .permissions("etc/kiosk/secret", "root:www-data 0640")
        .permissions("etc/kiosk", "0:4 2750")
        .permissions("bin/helper", "4755");
    assert_eq!(set.listing("usr/etc/kiosk"), "usr/etc/kiosk/secret 0640 0:33 \"s\"\n");
    assert!(set.listing("usr/etc").contains("usr/etc/kiosk/ 2750 0:4\n"));
    assert!(set.listing("usr/bin").contains("usr/bin/helper 4755 0:0 \"h\"\n"));
    assert_eq!(set.findings(), "set-id: 1 set-id program is from no package: `/usr/bin/helper`\n");
}

#[test]
fn writes_name_zone_and_locale() {
    let zone = ("usr/share/zoneinfo/Europe/Berlin", "TZif");
    let mut set = Set::new(&[zone, ("etc/default/", "")]);
    set.arguments.settings = Settings {
        hostname: Some("kiosk.example.org".to_owned()),
        timezone: Some("Europe/Berlin".to_owned()),
        locale: Some("C.UTF-8".to_owned()),
        authorized_keys: vec![],
    };
    assert_eq!(set.read("usr/etc/hostname").unwrap(), "kiosk.example.org\n");
    assert!(set.read("usr/etc/hosts").unwrap().contains("127.0.1.1\tkiosk.example.org kiosk\n"));
    assert_eq!(set.read("usr/etc/localtime").unwrap(), "-> /usr/share/zoneinfo/Europe/Berlin");
    assert_eq!(set.read("usr/etc/timezone").unwrap(), "Europe/Berlin\n");
    assert_eq!(set.read("usr/etc/default/locale").unwrap(), "LANG=C.UTF-8\n");
    let os_release = set.read("usr/lib/os-release").unwrap();
    let (known, version) = os_release.rsplit_once('=').unwrap();
    assert_eq!(known, "ID=debian\nVERSION_ID=12\nVARIANT_ID=kiosk\nIMAGE_ID=kiosk\nIMAGE_VERSION");
    assert_eq!(version.trim_end().len(), 16);
    assert_eq!(set.read("usr/lib/os-release.distrib").unwrap(), "ID=debian\nVERSION_ID=12");
    assert_eq!(set.read("usr/lib/sysimage/dpkg/diversions").unwrap(), "/usr/lib/os-release\n/usr/lib/os-release.distrib\n:\n");

    // Debian 13 has moved it, with a link for the old name.
    let mut moved =
        Set::new(&[("etc/default/locale", "-> ../locale.conf"), ("etc/locale.conf", "LANG=C\n"), ("usr/lib/locale/de_DE.utf8/", "")]);
    moved.arguments.settings.locale = Some("de_DE.UTF-8".to_owned());
    assert_eq!(moved.read("usr/etc/locale.conf").unwrap(), "LANG=de_DE.UTF-8\n");
    assert_eq!(moved.read("usr/etc/default/locale").unwrap(), "-> ../locale.conf");
    moved.arguments.settings.locale = Some("fr_FR.UTF-8".to_owned());
    assert_eq!(moved.error(), "the image has no locale `fr_FR.UTF-8`");
    moved.arguments.settings = Settings { timezone: Some("Europe/Berlin".to_owned()), ..Settings::default() };
    assert_eq!(moved.error(), "the image has no time zone `Europe/Berlin`");
    assert!(matches!(run(&moved.repo, &moved.arguments), Err(Error::Timezone { installed: false, .. })));
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
fn lets_a_first_person_in() {
    let mut set = Set::new(SSH);
    set.arguments.settings.authorized_keys =
        vec![set.file("a.pub", &format!("# ops\n{KEY}\n\n")), set.file("b.pub", &format!("restrict,pty {KEY}"))];
    assert_eq!(set.read("usr/lib/ssh/authorized_keys.d/root").unwrap(), format!("{KEY}\nrestrict,pty {KEY}\n"));
    assert_eq!(
        set.read("usr/etc/ssh/sshd_config.d/50-pintree-login.conf").unwrap(),
        "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /usr/lib/ssh/authorized_keys.d/%u\n"
    );
    insta::assert_snapshot!(set.listing("usr/lib/systemd/system"), @r#"
    usr/lib/systemd/system/pintree-ssh-host-keys.service 0644 0:0 "[Unit]\nDescription=Make the SSH host keys that this system lacks\nConditionPathIsReadWrite=/etc/ssh\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/ssh-keygen -A\n"
    usr/lib/systemd/system/ssh.service 0644 0:0 "[Service]\n"
    usr/lib/systemd/system/ssh.service.d/ 0755 0:0
    usr/lib/systemd/system/ssh.service.d/50-pintree-host-keys.conf 0644 0:0 "[Unit]\nWants=pintree-ssh-host-keys.service\nAfter=pintree-ssh-host-keys.service\n"
    usr/lib/systemd/system/ssh@.service 0644 0:0 "[Service]\n"
    usr/lib/systemd/system/ssh@.service.d/ 0755 0:0
    usr/lib/systemd/system/ssh@.service.d/50-pintree-host-keys.conf 0644 0:0 "[Unit]\nWants=pintree-ssh-host-keys.service\nAfter=pintree-ssh-host-keys.service\n"
    "#);

    for (text, fault) in [
        ("", "it holds no key"),
        ("ssh-ed25519\n", "line 1 is no OpenSSH public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "it holds a private key, which must never be part of an image"),
    ] {
        set.arguments.settings.authorized_keys = vec![set.file("bad", text)];
        assert_eq!(set.error(), format!("`PROJECT/bad` cannot be authorised: {fault}"));
    }
    let mut none = Set::new(&[]);
    none.arguments.settings.authorized_keys = vec![none.file("a.pub", KEY)];
    assert_eq!(none.error(), "`authorized-keys` needs an SSH server, and the image has none");
}

/// The server itself takes the configuration, and finds the keys with it.
#[test]
fn sshd_reads_the_keys() {
    let mut set = Set::new(SSH);
    set.arguments.settings.authorized_keys = vec![set.file("a.pub", KEY)];
    let Ok(keygen) = Command::new("ssh-keygen").arg("-lf").arg(set.dir.path().join("a.pub")).output() else { return };
    assert!(!keygen.stdout.is_empty() || !keygen.status.success());
    let configuration = set.read("usr/etc/ssh/sshd_config.d/50-pintree-login.conf").unwrap();
    let (host, path) = (set.dir.path().join("host"), set.file("sshd_config", &configuration));
    if !Path::new("/usr/sbin/sshd").exists() {
        return;
    }
    Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&host).status().unwrap();
    let shown = Command::new("/usr/sbin/sshd").arg("-T").arg("-f").arg(&path).arg("-h").arg(&host).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("/usr/lib/ssh/authorized_keys.d/%u"), "{shown}");
}

#[test]
fn moves_kernels_to_where_ostree_looks() {
    let set = Set::new(&[
        ("boot/vmlinuz-6.1.0-9-armmp", "kernel"),
        ("boot/initrd.img-6.1.0-9-armmp", "initrd"),
        ("boot/config-6.1.0-9-armmp", "CONFIG_X=y"),
        ("boot/System.map-6.1.0-9-armmp", "0 t x"),
        ("boot/vmlinuz", "-> vmlinuz-6.1.0-9-armmp"),
        ("boot/firmware/start.elf", "elf"),
        ("vmlinuz", "-> boot/vmlinuz-6.1.0-9-armmp"),
        ("initrd.img", "-> boot/initrd.img-6.1.0-9-armmp"),
        ("usr/lib/modules/6.1.0-9-armmp/modules.dep", ""),
        ("usr/lib/linux-image-6.1.0-9-armmp/a.dtb", "dtb"),
    ]);
    let sealed = set.run();
    assert_eq!(sealed.kernels, ["6.1.0-9-armmp"]);
    insta::assert_snapshot!(set.listing("usr/lib/modules"), @r#"
    usr/lib/modules/6.1.0-9-armmp/ 0755 0:0
    usr/lib/modules/6.1.0-9-armmp/System.map 0644 0:0 "0 t x"
    usr/lib/modules/6.1.0-9-armmp/config 0644 0:0 "CONFIG_X=y"
    usr/lib/modules/6.1.0-9-armmp/dtb/ 0755 0:0
    usr/lib/modules/6.1.0-9-armmp/dtb/a.dtb 0644 0:0 "dtb"
    usr/lib/modules/6.1.0-9-armmp/initramfs.img 0644 0:0 "initrd"
    usr/lib/modules/6.1.0-9-armmp/modules.dep 0644 0:0 ""
    usr/lib/modules/6.1.0-9-armmp/vmlinuz 0644 0:0 "kernel"
    "#);
    assert_eq!(set.listing("boot"), "");
    assert_eq!((set.read("vmlinuz"), set.read("initrd.img")), (None, None));
    assert_eq!(set.read("usr/lib/ostree-boot/firmware/start.elf").as_deref(), Some("elf"));
    let commit = set.repo.read_commit(&sealed.commit).unwrap();
    assert_eq!(commit.metadata["ostree.linux"], Value::String("6.1.0-9-armmp".to_owned()));
}

#[test]
fn enables_units_as_presets_say() {
    let unit = |install: &str| format!("[Service]\nExecStart=/bin/true\n[Install]\n{install}\n");
    let units = [
        ("a.service", unit("WantedBy=multi-user.target\nAlias=alias.service\nAlso=a.socket")),
        ("a.socket", unit("WantedBy=sockets.target")),
        ("b.service", unit("RequiredBy=a.service")),
        ("getty@.service", unit("WantedBy=getty.target\nDefaultInstance=tty1")),
        ("serial@.service", unit("WantedBy=getty.target")),
        ("other.service", unit("WantedBy=multi-user.target")),
        ("static.service", "[Service]\n".to_owned()),
    ];
    let mut entries: Vec<(String, String)> =
        units.iter().map(|(name, text)| (format!("usr/lib/systemd/system/{name}"), text.clone())).collect();
    let link = |unit: &str| format!("-> /lib/systemd/system/{unit}");
    entries.push(("etc/systemd/system/multi-user.target.wants/other.service".to_owned(), link("other.service")));
    entries.push(("etc/systemd/system/multi-user.target.wants/c.service".to_owned(), link("c.service")));
    entries.push(("etc/systemd/system/x.target.wants/static.service".to_owned(), link("static.service")));
    entries.push(("usr/lib/systemd/system-preset/90-systemd.preset".to_owned(), "disable *\n".to_owned()));
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let preset = "enable a.service\nenable b.*\nenable getty@.service\nenable serial@.service ttyS0 ttyS1\ndisable other.service\ndisable static.service\n";
    let set = Set::new(&entries).overlay("o", &[("usr/lib/systemd/system-preset/50-kiosk.preset", preset)]);
    insta::assert_snapshot!(set.listing("usr/etc/systemd/system"), @"
    usr/etc/systemd/system/a.service.requires/ 0755 0:0
    usr/etc/systemd/system/a.service.requires/b.service -> /usr/lib/systemd/system/b.service
    usr/etc/systemd/system/alias.service -> /usr/lib/systemd/system/a.service
    usr/etc/systemd/system/getty.target.wants/ 0755 0:0
    usr/etc/systemd/system/getty.target.wants/getty@tty1.service -> /usr/lib/systemd/system/getty@.service
    usr/etc/systemd/system/getty.target.wants/serial@ttyS0.service -> /usr/lib/systemd/system/serial@.service
    usr/etc/systemd/system/getty.target.wants/serial@ttyS1.service -> /usr/lib/systemd/system/serial@.service
    usr/etc/systemd/system/multi-user.target.wants/ 0755 0:0
    usr/etc/systemd/system/multi-user.target.wants/a.service -> /usr/lib/systemd/system/a.service
    usr/etc/systemd/system/multi-user.target.wants/c.service -> /lib/systemd/system/c.service
    usr/etc/systemd/system/sockets.target.wants/ 0755 0:0
    usr/etc/systemd/system/sockets.target.wants/a.socket -> /usr/lib/systemd/system/a.socket
    ");
    let untouched = Set::new(&entries);
    assert!(untouched.read("usr/etc/systemd/system/multi-user.target.wants/other.service").is_some(), "no overlay asked for anything");

    // systemctl itself, on the same tree.
    if Command::new("systemctl").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "systemctl is missing");
        return;
    }
    let root = set.dir.path().join("root");
    let configured = untouched.repo.read_commit(&untouched.repo.resolve_ref(&untouched.arguments.configured).unwrap()).unwrap();
    check_out(&untouched.repo, &mut Tree::read(&untouched.repo, &configured.tree).unwrap(), "", &root);
    fs::write(root.join("usr/lib/systemd/system-preset/50-kiosk.preset"), preset).unwrap();
    let names = units.iter().map(|(name, _)| *name).filter(|name| *name != "a.socket");
    let output = Command::new("systemctl").arg("--root").arg(&root).arg("preset").args(names).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found =
        Command::new("find").current_dir(root.join("etc/systemd/system")).args(["-type", "l", "-printf", "%P -> %l\\n"]).output().unwrap();
    let mut theirs: Vec<String> =
        String::from_utf8(found.stdout).unwrap().lines().map(|line| line.replace("-> /lib", "-> /usr/lib")).collect();
    theirs.sort();
    let ours = set.listing("usr/etc/systemd/system").replace("usr/etc/systemd/system/", "").replace("-> /lib", "-> /usr/lib");
    let mut ours: Vec<&str> = ours.lines().filter(|line| line.contains("->")).collect();
    ours.sort_unstable();
    assert_eq!(ours, theirs);
}

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
