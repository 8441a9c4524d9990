//! Packages that mean harm: an error, and nothing else.

use crate::configure::needs_shell;
use crate::fixture::{Archive, Project, needs};
use crate::universe;
use pintree::testkit::deb::{Compression, Package, Raw, ar_of, tar_of};

/// A package with `members` exactly as they are, and nothing else.
fn raw(members: &[Raw]) -> Package {
    members.iter().fold(Package::new("evil", "1.0").arch("armhf"), |package, member| package.raw(member.clone()))
}

/// Hostile packages: what each does, and a word of the message about it.
fn packages() -> Vec<(&'static str, Package, &'static str)> {
    let file = |name: &str| Raw::file(name, "x");
    let lying = Raw { claimed_size: Some(1 << 40), ..file("./usr/lie") };
    let bomb = vec![0; 8 << 20];
    let bomb = Package::new("evil", "1.0").arch("armhf").control_raw(Raw::file("./templates", bomb.repeat(4)));
    vec![
        ("absolute", raw(&[file("/etc/passwd")]), "absolute"),
        ("parent", raw(&[file("./../../etc/passwd")]), ".."),
        ("through-symlink", raw(&[Raw::symlink("./usr", "/etc"), file("./usr/passwd")]), "symlink"),
        ("duplicate", raw(&[file("./a"), file("./a")]), "twice"),
        ("device", raw(&[Raw::node("./dev-null", b'3', "")]), "device"),
        ("fifo", raw(&[Raw::node("./pipe", b'6', "")]), "fifo"),
        ("hardlink-out", raw(&[Raw::hardlink("./passwd", "../../etc/passwd")]), ""),
        ("lying-size", raw(&[lying]), "evil"),
        ("bomb", bomb, "more than"),
        ("own-database", raw(&[file("./var/lib/dpkg/status")]), ""),
    ]
}

#[test]
fn hostile_packages_cost_an_error_and_nothing_else() {
    needs!();
    let mut published = vec![];
    let mut images = String::new();
    for (name, package, _) in packages() {
        published.push(package.field("Package", &format!("evil-{name}")));
        images += &format!("[image.{name}]\nvariant = \"custom\"\npackages = [\"evil-{name}\"]\n\n");
    }
    let archive = Archive::new(&published);
    let project = Project::new(&archive, &images);
    project.ok(&["lock"]);
    for (name, _, word) in packages() {
        let failed = project.run(&["build", "--until", "composed", name]);
        assert_eq!(failed.code, 5, "{name}: {}", failed.stderr);
        assert!(failed.stderr.contains(&format!("evil-{name} 1.0 armhf")) && failed.stderr.contains(word), "{name}: {}", failed.stderr);
        assert_eq!(project.refs("image"), [""; 0], "{name}");
        // One that is honest in itself may have its ref.
        assert!(project.refs("deb").is_empty() || name == "own-database", "{name}");
    }
    project.fsck();
    assert!(!project.root().join("etc").exists());
}

#[test]
fn files_that_are_no_packages_are_refused() {
    needs!();
    let good = universe::one("1.0").build();
    let data = tar_of(&[Raw::dir("./"), Raw::file("./x", "x")]);
    let control = tar_of(&[Raw::dir("./"), Raw::file("./control", universe::one("1.0").control_paragraph())]);
    let other = universe::one("1.0").field("Package", "other").build();
    let truncated = Compression::Xz.compress(&data);
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("no ar archive", b"<html>".to_vec()),
        ("cut short", good[..good.len() / 2].to_vec()),
        ("another package", other),
        ("no control", ar_of(&[("debian-binary", b"2.0\n".to_vec()), ("data.tar", data.clone())])),
        (
            "a broken xz",
            ar_of(&[("debian-binary", &b"2.0\n"[..]), ("control.tar", &control), ("data.tar.xz", &truncated[..truncated.len() - 20])]),
        ),
        ("another format", ar_of(&[("debian-binary", b"3.0\n".to_vec()), ("control.tar", control.clone()), ("data.tar", data.clone())])),
    ];
    for (name, bytes) in files {
        // The index vouches for these very bytes: their digest is right.
        let archive = Archive::new(&[]);
        archive.publish_suite(&[], |suite| {
            let path = "pool/main/o/one/one_1.0_armhf.deb";
            let control = universe::one("1.0").control_paragraph();
            suite.packages("main", "armhf", &pintree::testkit::repo::add_deb(archive.directory.path(), path, &control, &bytes))
        });
        let project = Project::new(&archive, universe::ONE);
        let failed = project.run(&["build", "--until", "composed"]);
        assert_eq!(failed.code, 5, "{name}: {}", failed.stderr);
        assert!(failed.stderr.contains("one 1.0 armhf"), "{name}: {}", failed.stderr);
        assert_eq!(project.refs(""), [""; 0], "{name}");
    }
}

/// Scripts are the host's own programs here.
const ARCH: &str = "amd64";

#[test]
fn names_that_scripts_leave_move_no_cursor_and_forge_no_line() {
    let shell = needs_shell!();
    let script = "#!/bin/sh\nbusybox ln -s nowhere \"$(busybox printf '/var/tar\\nFAILED: get\\033[31m\\033]52;c;eA==\\007')\"\n";
    let archive = Archive::new(&[Package::new("one", "1.0").arch(ARCH).script("postinst", script), shell]);
    let image = "[image.root]\npackages = [\"one\"]\nchecks = { dangling-links = \"warn\" }\n";
    let project = Project::with_arches(&archive, &[ARCH], image);
    let ran = project.run(&["build"]).exits(0);
    assert!(ran.stderr.contains("nowhere") || ran.stderr.contains("dangling-links"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']) && !ran.stderr.contains("\nFAILED"), "{:?}", ran.stderr);
    project.write("manifests/main.toml", &project.read("manifests/main.toml").replace("\"warn\"", "\"fail\""));
    let ran = project.run(&["build"]).exits(6);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']) && !ran.stderr.contains("\nFAILED"), "{:?}", ran.stderr);
}
