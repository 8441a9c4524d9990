//! How much `lock` may move: only what has a security update, only what is old enough, only what was there on a day.

use crate::fixture::{Archive, Project, needs};
use pintree::testkit::deb::Package;
use pintree::testkit::repo::Suite;

/// A program that has a library of its own source, which needs a C library; and something beside them.
fn stable(version: &str) -> Vec<Package> {
    vec![
        Package::new("app", version).arch("armhf").depends("libapp").file("usr/bin/app", 0o755, version),
        Package::new("libapp", version).arch("armhf").depends("libc").file("usr/lib/lib.so", 0o644, version),
        Package::new("libc", version).arch("armhf").file("usr/lib/libc.so", 0o644, version),
        Package::new("other", version).file("usr/share/other", 0o644, version),
    ]
}

/// Makes a suite of another name out of the fixture's.
fn called(name: &str) -> impl FnOnce(Suite) -> Suite {
    let name = name.to_owned();
    move |mut suite| {
        suite.directory.clone_from(&name);
        suite.field("Codename", &name)
    }
}

const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"app\", \"other\"]\n";

/// A project that reads `stable` and `stable-security`.
fn project(archive: &Archive, text: &str) -> Project {
    let project = Project::new(archive, text);
    let manifest = project.read("manifests/main.toml").replace("[\"stable\"]", "[\"stable\", \"stable-security\"]");
    project.write("manifests/main.toml", &manifest);
    project
}

#[test]
fn only_security_moves_what_a_security_suite_has() {
    needs!();
    let archive = Archive::new(&stable("1.0"));
    archive.publish_suite(&[], called("stable-security"));
    let project = project(&archive, IMAGE);
    project.ok(&["lock"]);
    let first = project.lockfile();
    // Everything has a newer version, and one package has a fix, which is older than the newest.
    archive.publish(&stable("1.0").into_iter().chain(stable("2.0")).collect::<Vec<_>>());
    project.ok(&["lock", "--only", "security"]).says(&["Unchanged"]);
    assert_eq!(project.lockfile(), first);
    let fix = Package::new("libapp", "1.0+deb1").arch("armhf").depends("libc").file("usr/lib/lib.so", 0o644, "fixed");
    archive.publish_suite(&[fix], called("stable-security"));
    let ran = project.ok(&["lock", "--only", "security"]);
    insta::assert_snapshot!(ran.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            libapp 1.0 ► 1.0+deb1
    ");
    // Not one line differs that is not about the package.
    let second = project.lockfile();
    let differing: Vec<&str> = second.lines().filter(|line| !first.lines().any(|old| old == *line)).collect();
    assert_eq!(differing.len(), 2, "{differing:?}");
    assert!(differing[0].contains("1.0+deb1") && differing[1].starts_with("bin.libapp = "), "{differing:?}");
    assert_eq!(first.lines().count(), second.lines().count());
    project.ok(&["lock", "--only", "security", "--upgrade"]).says(&["Unchanged"]);
    project.run(&["lock", "--only", "security", "--upgrade-package", "libapp"]).exits(2);
    project.ok(&["lock", "--check"]);
}

#[test]
fn a_security_update_takes_along_what_it_needs() {
    needs!();
    let archive = Archive::new(&stable("1.0"));
    let fix = Package::new("libapp", "1.0+deb1").arch("armhf").depends("libc (>= 2.0)").file("usr/lib/lib.so", 0o644, "fixed");
    archive.publish_suite(&[], called("stable-security"));
    let project = project(&archive, IMAGE);
    project.ok(&["lock"]);
    archive.publish(&stable("1.0").into_iter().chain(stable("2.0")).collect::<Vec<_>>());
    archive.publish_suite(&[fix], called("stable-security"));
    let ran = project.ok(&["lock", "--only", "security"]);
    insta::assert_snapshot!(ran.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            libapp 1.0 ► 1.0+deb1
            libc 1.0 ► 2.0
    ");
}
