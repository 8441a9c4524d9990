//! A configured tree becomes an image commit: with what the manifest adds, in the form that OSTree deploys.

use crate::fixture::{Archive, Project, needs, skip};
use crate::universe;
use pintree::testkit::deb::{Compression, Package};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Scripts are the host's own programs here.
const ARCH: &str = "amd64";

const SEALED: &str = "image/main/root/amd64/sealed";

/// Returns from the test unless scripts of this architecture run and busybox is there.
macro_rules! needs_shell {
    () => {{
        needs!("dpkg", "ostree");
        if cfg!(not(target_arch = "x86_64")) {
            return skip("this test's shell is for amd64");
        }
        match universe::shell(ARCH) {
            Some(shell) => shell,
            None => return skip("busybox is not installed"),
        }
    }};
}

/// What a base system has, for the settings of these tests.
fn base() -> Package {
    Package::new("base", "1.0")
        .arch(ARCH)
        .compression(Compression::None)
        .control_compression(Compression::None)
        .file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n")
        .file("etc/group", 0o644, "root:x:0:\nwww-data:x:33:\n")
        .file("usr/lib/os-release", 0o644, "ID=test\n")
        .file("usr/share/zoneinfo/Europe/Berlin", 0o644, "TZif")
        .file("boot/vmlinuz-6.1.0-1", 0o644, "kernel")
        .file("boot/initrd.img-6.1.0-1", 0o600, "initrd")
        .file("usr/lib/modules/6.1.0-1/modules.dep", 0o644, "x")
        .dir("root", 0o700)
        .dir("opt", 0o755)
}

const MANIFEST: &str = r#"
[image.root]
packages = ["base"]
hostname = "kiosk"
timezone = "Europe/Berlin"
overlay = ["overlays/a", "overlays/b"]
scripts = ["scripts/one.sh", "scripts/two.sh"]

[image.root.permissions]
"/etc/secret" = "root:www-data 0640"
"#;

const ONE: &str =
    "#!/bin/sh\nset -e\necho \"$PINTREE_IMAGE $PINTREE_ARCH $SOURCE_DATE_EPOCH $LC_ALL\" > /etc/told\nchown 33:33 /etc/told\n";
const TWO: &str = "#!/bin/sh\nset -e\ncat /etc/hostname /etc/secret >> /etc/told\nrm /usr/share/a/gone\nmkdir -p /var/lib/state\nchmod 2770 /var/lib/state\n";

fn project(archive: &Archive, manifest: &str) -> Project {
    let project = Project::with_arches(archive, &[ARCH], manifest);
    project.write("overlays/a/etc/secret", "first\n");
    project.write("overlays/a/usr/share/a/gone", "x");
    project.write("overlays/a/usr/share/a/kept", "x");
    project.write("overlays/b/etc/secret", "second\n");
    project.write("overlays/b/bin/tool", "#!/bin/sh\n");
    std::fs::set_permissions(project.path("overlays/b/bin/tool"), std::fs::Permissions::from_mode(0o744)).unwrap();
    project.write("scripts/one.sh", ONE);
    project.write("scripts/two.sh", TWO);
    project
}

fn commit(project: &Project, arguments: &[&str]) -> String {
    let mut all = vec!["build", "--format", "json"];
    all.extend(arguments);
    let built = project.ok(&all).images().remove(0);
    assert_eq!(built.reference, SEALED, "sealed is what a build ends with");
    built.commit
}

#[test]
fn an_image_has_what_the_manifest_adds() {
    let shell = needs_shell!();
    let archive = Archive::new(&[shell, base()]);
    let project = project(&archive, MANIFEST);
    let first = commit(&project, &[]);
    let cat = |path: &str| project.ostree(&["cat", SEALED, path]);
    assert_eq!(cat("/usr/etc/told"), "root amd64 1577836800 C.UTF-8\nkiosk\nsecond\n");
    assert_eq!(cat("/usr/etc/timezone"), "Europe/Berlin\n");
    assert!(cat("/usr/lib/os-release").starts_with("ID=test\nVARIANT_ID=root\nIMAGE_ID=root\nIMAGE_VERSION="));
    assert!(cat("/usr/lib/tmpfiles.d/pintree-var.conf").contains("d /var/lib/state 2770 root root -\n"));
    let listed = project.ostree(&["ls", "-R", SEALED, "/usr/etc", "/usr/share/a", "/bin/tool", "/usr/lib/modules", "/var"]);
    for line in [
        "-00640 0 33      7 /usr/etc/secret\n",
        "-00644 33 33     43 /usr/etc/told\n",
        "-00755 0 0     10 /bin/tool\n",
        "-00600 0 0      6 /usr/lib/modules/6.1.0-1/initramfs.img\n",
        "-00644 0 0      6 /usr/lib/modules/6.1.0-1/vmlinuz\n",
        "/var/lib/dpkg -> ../../usr/lib/sysimage/dpkg\n",
        "/usr/share/a/kept\n",
    ] {
        assert!(listed.contains(line), "{line}\n{listed}");
    }
    assert!(!listed.contains("/usr/share/a/gone"), "{listed}");
    assert!(!project.ostree(&["ls", SEALED]).contains(".pintree"), "scripts are no part of the image");
    project.fsck();
    let told = project.ok(&["log", "root", "image"]).stdout;
    let [one, two] = ["image scripts/one.sh (exit status 0", "image scripts/two.sh (exit status 0"].map(|line| told.find(line));
    assert!(one.is_some() && one < two, "{told}");
    project.ok(&["build"]).says(&["nothing to do"]);

    // What changed, and nothing else, is done again.
    let again = |project: &Project| project.ok(&["build", "--format", "json"]).json()["steps"].as_u64().unwrap();
    project.write("overlays/a/usr/share/a/kept", "y");
    assert_eq!(again(&project), 1);
    std::fs::remove_file(project.path("overlays/a/usr/share/a/kept")).unwrap();
    assert_eq!(again(&project), 1, "a file that is gone shows too");
    assert!(!project.ostree(&["ls", SEALED, "/usr/share/a"]).contains("kept"));
    project.write("overlays/a/usr/share/a/kept", "x");
    assert_eq!(commit(&project, &[]), first);

    // Elsewhere, by another umask, the same.
    let other = self::project(&archive, MANIFEST);
    other.write("lockfiles/main.lock", &project.lockfile());
    let mut command = other.command("sh");
    command.args(["-c", "umask 077; chmod -R go-rwx overlays scripts; touch -d 2001-01-01 overlays/a/etc/secret; exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_pintree")).args(["build", "-j", "1", "--format", "json"]).env("TZ", "Asia/Kathmandu");
    assert_eq!(other.finish(&mut command).exits(0).images()[0].commit, first);
}

#[test]
fn a_failing_script_of_the_user_says_what_it_said() {
    let shell = needs_shell!();
    let archive = Archive::new(&[shell, base()]);
    let project = project(&archive, MANIFEST);
    project.write("scripts/two.sh", "#!/bin/sh\nseq 40\necho no such luck >&2\nexit 3\n");
    let ran = project.run(&["build"]).exits(6);
    let ran =
        ran.says(&["the script `scripts/two.sh` failed: exit status 3", "no such luck", "hint: all that the scripts printed is in `"]);
    assert!(!ran.stderr.contains("\n    12\n"), "only the end is shown:\n{}", ran.stderr);
    let log = project.read("_build/logs/main.root.amd64.seal.log");
    assert!(log.contains("==> image scripts/two.sh\n1\n2\n"), "{log}");
    assert!(!project.refs("image").contains(&SEALED.to_owned()));
    project.write("scripts/two.sh", "echo no interpreter\n");
    project.run(&["build"]).exits(6).says(&["`scripts/two.sh` is neither a script that begins with `#!` nor a program"]);
    std::fs::remove_file(project.path("scripts/two.sh")).unwrap();
    project.run(&["build"]).exits(2).says(&["image `root` needs `", "scripts/two.sh`, which does not exist"]);
}

#[test]
fn tells_what_the_tree_should_not_have() {
    needs!("dpkg", "ostree");
    let archive = Archive::new(&[base().symlink("usr/lib/lost", "../nowhere").file("var/spool/all", 0o666, "x")]);
    let project = Project::with_arches(&archive, &[ARCH], "[image.root]\npackages = [\"base\"]\n");
    let found = [
        "warning: `root`: dangling-links: 1 symbolic link leads nowhere: `/usr/lib/lost` ► `../nowhere`",
        "warning: `root`: world-writable: 1 path may be written by everybody: `/var/spool/all` (0666)",
    ];
    let ran = project.ok(&["build", "--format", "json"]).says(&found);
    assert_eq!(ran.json()["warnings"].as_array().unwrap().len(), 2);
    let manifest = project.read("manifests/main.toml") + "[image.root.checks]\ndangling-links = \"off\"\nworld-writable = \"fail\"\n";
    project.write("manifests/main.toml", &manifest);
    let ran = project.run(&["build"]).exits(6);
    let ran = ran.says(&["world-writable: 1 path may be written by everybody: `/var/spool/all` (0666)", "hint: mend it with an overlay"]);
    assert!(!ran.stderr.contains("dangling-links"), "{}", ran.stderr);
    project.write("manifests/main.toml", &(manifest + "[image.root.permissions]\n\"/var/spool/all\" = \"0644\"\n"));
    project.ok(&["build"]);
}

/// `ostree admin deploy` itself takes the commit, and systemd-tmpfiles makes its `/var`.
#[test]
fn ostree_deploys_an_image() {
    let shell = needs_shell!();
    if !rustix::process::geteuid().is_root() {
        // It sets an attribute that only root may.
        return skip("`ostree admin` needs root");
    }
    let archive = Archive::new(&[shell, base()]);
    let project = project(&archive, MANIFEST);
    let commit = commit(&project, &[]);
    let run = |program: &str, arguments: &[&str]| {
        let mut command = project.command(program);
        project.finish(command.args(arguments)).exits(0)
    };
    std::fs::create_dir(project.path("sysroot")).unwrap();
    run("ostree", &["admin", "init-fs", "sysroot"]);
    run("ostree", &["admin", "os-init", "test", "--sysroot=sysroot"]);
    run("ostree", &["--repo=sysroot/ostree/repo", "pull-local", "_build/ostree", SEALED]);
    run("ostree", &["admin", "deploy", "--sysroot=sysroot", "--os=test", "--karg=quiet", SEALED]);
    let deployed = format!("sysroot/ostree/deploy/test/deploy/{commit}.0");
    run("chattr", &["-i", &deployed]);
    assert_eq!(project.read(&format!("{deployed}/etc/hostname")), "kiosk\n");
    let entry = project.read("sysroot/boot/loader/entries/ostree-1-test.conf");
    assert!(entry.contains("vmlinuz-6.1.0-1") && entry.contains("quiet"), "{entry}");
    if Path::new("/usr/bin/systemd-tmpfiles").exists() {
        run("systemd-tmpfiles", &[&format!("--root={deployed}"), "--create"]);
        let root = format!("--root={deployed}");
        // OSTree wants kernels beside their modules; the package lists them where it shipped them.
        let verified = run("dpkg", &[&root, "--verify"]).stdout;
        assert_eq!(verified, "missing     /boot/vmlinuz-6.1.0-1\nmissing     /boot/initrd.img-6.1.0-1\n");
        assert_eq!(run("dpkg", &[&root, "--audit"]).stdout, "");
        assert!(project.path(&format!("{deployed}/home/.")).is_dir() || project.path(&format!("{deployed}/var/home")).is_dir());
    }
}
