//! How much `lock` may move: only what has a security update, only what is old enough, only what was there on a day.

use crate::fixture::{Archive, Project, needs};
use crate::past::Past;
use pintree::testkit::deb::Package;
use pintree::testkit::repo::Suite;

/// A program that has a library of its own source, which needs a C library; and something beside them.
pub fn stable(version: &str) -> Vec<Package> {
    vec![
        Package::new("app", version).arch("armhf").depends("libapp").file("usr/bin/app", 0o755, version),
        Package::new("libapp", version).arch("armhf").depends("libc").file("usr/lib/lib.so", 0o644, version),
        Package::new("libc", version).arch("armhf").file("usr/lib/libc.so", 0o644, version),
        Package::new("other", version).file("usr/share/other", 0o644, version),
    ]
}

/// Makes a suite of another name out of the fixture's.
pub fn called(name: &str) -> impl FnOnce(Suite) -> Suite {
    let name = name.to_owned();
    move |mut suite| {
        suite.directory.clone_from(&name);
        suite.field("Codename", &name)
    }
}

pub const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"app\", \"other\"]\n";

/// A project that reads `stable` and `stable-security`.
pub fn project(archive: &Archive, text: &str) -> Project {
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

#[test]
fn only_security_leaves_alone_what_the_index_has_dropped() {
    needs!();
    let archive = Archive::new(&stable("1.0"));
    archive.publish_suite(&[], called("stable-security"));
    let project = project(&archive, IMAGE);
    project.build();
    let first = project.lockfile();
    // A point release: the index has nothing but new versions.
    archive.publish(&stable("2.0"));
    let fix = Package::new("libapp", "1.0+deb1").arch("armhf").depends("libc").file("usr/lib/lib.so", 0o644, "fixed");
    archive.publish_suite(&[fix], called("stable-security"));
    let ran = project.ok(&["lock", "--only", "security"]);
    insta::assert_snapshot!(ran.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            libapp 1.0 ► 1.0+deb1
    ");
    project.build();
    // What is not imported cannot stay, and that is said.
    project.write("lockfiles/main.lock", &first);
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    project.ok(&["lock", "--only", "security"]).says(&[
        "warning: `app` 1.0 and 2 more for armhf: no index lists it any more and it is not imported, so it moves",
        "app 1.0 ► 2.0",
    ]);
}

/// The locked version of `app`.
pub fn version(project: &Project) -> String {
    let lock = project.lockfile();
    let line = lock.lines().find(|line| line.starts_with("version = \"")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn a_past_moment_is_read_through_snapshots() {
    needs!();
    let past = Past::new();
    let now = jiff::Timestamp::now().to_string();
    past.publish("now", &now, &[("stable", &["3.0"])]);
    past.publish("20260102T000000Z", "2026-01-01T18:00:00Z", &[("stable", &["1.0"])]);
    past.publish("20260103T040506Z", "2026-01-03T00:00:00Z", &[("stable", &["2.0"])]);
    let key = format!("snapshot = \"{}/{{timestamp}}/\"", past.server.url());
    let project = past.project("[\"stable\"]", "", &key);
    project.ok(&["lock"]);
    let present = project.lockfile();

    // Its Valid-Until has long passed, and it is older than what was seen last: neither is held against it.
    let ran = project.ok(&["lock", "--upgrade", "--at", "2026-01-02"]);
    insta::assert_snapshot!(ran.talk(), @"
    Reading `debian` stable as of 2026-01-02 00:00 UTC
     Locked lockfiles/main.lock
            app 3.0 ► 1.0
    ");
    let record: serde_json::Value = serde_json::from_str(&project.read("_build/main.indexes.json")).unwrap();
    assert_eq!(record[0]["at"], "2026-01-02T00:00:00Z");
    assert_eq!(record[0]["date"], "2026-01-01T18:00:00Z");
    assert_eq!(record[0]["sha256"].as_str().unwrap().len(), 64);
    // The mirror has no such package any more; the state that it was locked from has.
    project.build();
    assert_eq!(project.ostree(&["cat", "image/main/root/armhf/composed", "/usr/share/app"]), "1.0");
    let old = project.lockfile();
    assert!(!old.contains("snapshot") && !old.contains("2026"), "nothing of it is in the lockfile:\n{old}");
    project.ok(&["lock", "--upgrade", "--at", "2026-01-03T05:05:06+01:00"]);
    assert_eq!(version(&project), "2.0");
    project.ok(&["lock", "--check"]);

    // The present is as it was before.
    project.ok(&["lock", "--upgrade"]);
    assert_eq!(project.lockfile(), present);

    project.run(&["lock", "--upgrade", "--at", "2026-01-04"]).exits(4);
    project.run(&["lock", "--at", "2026-01-02"]).exits(2).says(&["--upgrade"]);
    let wrong = project.run(&["lock", "--upgrade", "--at", "yesterday"]).exits(2);
    insta::assert_snapshot!(wrong.talk(), @"
    error: invalid value 'yesterday' for '--at <DATE>': write a day such as `2026-01-02`, or a time such as `2026-01-02T03:04:05Z`

    For more information, try '--help'.
    ");
    let ahead = project.run(&["lock", "--upgrade", "--at", "9999-01-01"]).exits(2);
    insta::assert_snapshot!(ahead.talk(), @"error: 9999-01-01T00:00:00Z has not come yet");
    let text = project.read("manifests/main.toml").replace(&key, "");
    project.write("manifests/main.toml", &text);
    let none = project.run(&["lock", "--upgrade", "--at", "2026-01-02"]).exits(2);
    insta::assert_snapshot!(none.talk(), @r#"
    error: nothing says where past states of repository `debian` lie
    hint: add `snapshot = "https://snapshot.example.org/debian/{timestamp}/"` to `[repo.debian]` in the manifest
    "#);
    assert_eq!(project.lockfile(), present);
}

#[test]
fn a_named_archive_has_its_snapshot_in_the_mirror_settings() {
    needs!();
    let past = Past::new();
    past.publish("2026-01-02", "2026-01-01T18:00:00Z", &[("stable", &["1.0"])]);
    let project = past.project("[\"stable\"]", "", "");
    let url = format!("\"{}/now\"", past.server.url());
    let text = project.read("manifests/main.toml").replace(&url, "\"debian\"");
    project.write("manifests/main.toml", &text);
    project.write("mirrors.toml", &format!("[snapshot]\ndebian = \"{}/{{date}}\"\n", past.server.url()));
    project.ok(&["lock", "--upgrade", "--at", "2026-01-02T12:00:00Z"]);
    assert_eq!(version(&project), "1.0");
}

#[test]
fn young_packages_wait_and_security_updates_do_not() {
    needs!();
    let past = Past::new();
    let now = jiff::Timestamp::now();
    let (age, suites) = (jiff::SignedDuration::from_hours(3 * 24), "[\"stable\", \"stable-security\"]");
    // The day three days ago; and the next one, for a test that runs over midnight.
    let day = |offset: i64| (now - age + jiff::SignedDuration::from_hours(24 * offset)).strftime("%Y-%m-%d").to_string();
    let publish = |versions: &[&str], fixes: &[&str]| {
        past.publish("now", &now.to_string(), &[("stable", versions), ("stable-security", fixes)]);
    };
    for name in [day(0), day(1)] {
        past.publish(&name, &(now - age - age).to_string(), &[("stable", &["1.0"]), ("stable-security", &[])]);
    }
    publish(&["1.0", "2.0"], &[]);
    let key = format!("snapshot = \"{}/{{date}}/\"", past.server.url());
    let project = past.project(suites, "min-age = \"3d\"\n", &key);
    let first = project.ok(&["lock"]);
    assert!(first.stderr.contains("stable as of "), "{}", first.stderr);
    assert_eq!(version(&project), "1.0");
    project.ok(&["lock", "--upgrade"]).says(&["Unchanged"]);
    publish(&["1.0", "2.0"], &["1.1"]);
    project.ok(&["lock", "--upgrade"]);
    assert_eq!(version(&project), "1.1", "a fix comes at once");

    // What was taken on purpose stays, however young it is.
    project.ok(&["lock", "--upgrade", "--min-age", "0d"]);
    assert_eq!(version(&project), "2.0");
    let young = project.lockfile();
    for arguments in [&["lock"][..], &["lock", "--upgrade"], &["lock", "--only", "security"]] {
        project.ok(arguments).says(&["Unchanged"]);
    }
    project.ok(&["lock", "--check"]);
    assert_eq!(project.lockfile(), young);

    // A request that only the young version meets is explained.
    std::fs::remove_file(project.path("lockfiles/main.lock")).unwrap();
    let text = project.read("manifests/main.toml").replace("\"app\"", "\"app (>= 2.0)\"");
    project.write("manifests/main.toml", &text);
    let refused = project.run(&["--quiet", "lock"]).exits(3);
    insta::assert_snapshot!(refused.talk(), @"
    error: cannot lock image `root` of `main` for armhf
      caused by: no set of packages for armhf meets the requests
      no version fits `app (>= 2.0)`
        there is `app` 1.0 in `debian` (stable)
        there is `app` 2.0 in `debian` (stable): it is younger than packages must be
        there is `app` 1.1 in `debian` (stable-security)
    hint: wait until `app` is old enough, or lower `min-age`
    ");

    // Without a snapshot there is a warning, and the present.
    project.write("manifests/main.toml", &text.replace(&key, ""));
    project
        .ok(&["lock"])
        .says(&["warning: repository `debian` has no `snapshot`, so packages come from its suites `stable` however young"]);
    assert_eq!(version(&project), "2.0");
}

/// `app` and `other` on two architectures.
fn twice(app: &[(&str, &str)], other: &str) -> Vec<Package> {
    let app = app.iter().map(|(arch, version)| Package::new("app", version).arch(arch).file("usr/bin/app", 0o755, *version));
    let other = ["armhf", "amd64"].map(|arch| Package::new("other", other).arch(arch).file("usr/bin/other", 0o755, other));
    app.chain(other).collect()
}

#[test]
fn what_one_architecture_lacks_waits_and_nothing_else_does() {
    needs!();
    let both = [("armhf", "1.0"), ("amd64", "1.0")];
    let archive = Archive::new(&twice(&both, "1.0"));
    archive.publish_suite(&[], called("stable-security"));
    let project = Project::with_arches(&archive, &["armhf", "amd64"], IMAGE);
    let manifest = project.read("manifests/main.toml").replace("[\"stable\"]", "[\"stable\", \"stable-security\"]");
    project.write("manifests/main.toml", &manifest);
    project.ok(&["lock"]);

    let ahead = [("armhf", "1.0"), ("amd64", "1.0"), ("amd64", "1.1")];
    archive.publish(&twice(&ahead, "1.1"));
    let waits = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(waits.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            other 1.0 ► 1.1
            app waits at 1.0: armhf has no 1.1 yet
    ");
    let in_step = project.lockfile();
    project.ok(&["lock"]).says(&["Unchanged"]);
    // A fresh lockfile is in step, too; unless somebody wants it otherwise, and then it stays so.
    std::fs::remove_file(project.path("lockfiles/main.lock")).unwrap();
    project.ok(&["lock"]).says(&["app waits at 1.0: armhf has no 1.1 yet"]);
    assert_eq!(project.lockfile(), in_step);
    let skewed = project.ok(&["lock", "--upgrade", "--allow-skew"]);
    insta::assert_snapshot!(skewed.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            app 1.0 ► 1.0, 1.1
            app differs: 1.0 in root (armhf); 1.1 in root (amd64)
    ");
    for arguments in [&["lock"][..], &["lock", "--upgrade"]] {
        project.ok(arguments).says(&["Unchanged"]);
    }
    // The builder has caught up.
    project.write("lockfiles/main.lock", &in_step);
    archive.publish(&twice(&[("armhf", "1.1"), ("amd64", "1.1")], "1.1"));
    let moved = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(moved.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            app 1.0 ► 1.1
    ");

    // A fix does not wait.
    let fix = Package::new("app", "1.1+deb1").arch("amd64").file("usr/bin/app", 0o755, "fixed");
    archive.publish_suite(&[fix], called("stable-security"));
    let fixed = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(fixed.talk(), @"
    Reading `debian` stable, stable-security
     Locked lockfiles/main.lock
            app 1.1 ► 1.1, 1.1+deb1
            app differs: 1.1 in root (armhf); 1.1+deb1 in root (amd64)
            app stays at 1.1 on armhf, which has no 1.1+deb1 yet (a security update does not wait)
    ");
}

#[test]
fn a_hold_tells_what_it_keeps_out() {
    needs!();
    let archive = Archive::new(&stable("1.0"));
    archive.publish_suite(&[], called("stable-security"));
    let hold = |until: &str| {
        format!("{IMAGE}\n[[hold]]\npackage = \"lib*\"\nversion = \"1.0\"\nreason = \"https://bugs.example.com/412\"\nuntil = {until}\n")
    };
    let project = project(&archive, &hold("9999-12-31"));
    project.ok(&["lock"]);
    project.ok(&["lock", "--check"]);
    archive.publish(&stable("1.0").into_iter().chain(stable("2.0")).collect::<Vec<_>>());
    let fix = Package::new("libapp", "1.0+deb1").arch("armhf").depends("libc").file("usr/lib/lib.so", 0o644, "fixed");
    archive.publish_suite(&[fix], called("stable-security"));
    let held = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(held.talk(), @"
       Reading `debian` stable, stable-security
    warning: a hold keeps a security update of `libapp` out: 1.0 is locked, 1.0+deb1 is in `debian` (stable-security); https://bugs.example.com/412; until 9999-12-31
        Locked lockfiles/main.lock
               app 1.0 ► 2.0
               other 1.0 ► 2.0
               a hold keeps an update of `libc` out: 1.0 is locked, 2.0 is in `debian` (stable); https://bugs.example.com/412; until 9999-12-31
    ");
    // It is said again where nothing moves, and where little may be said.
    project.ok(&["--quiet", "lock"]).says(&["warning: a hold keeps a security update of `libapp` out"]);

    // A hold that has run out is a finding, with what to do.
    let text = project.read("manifests/main.toml").replace("9999-12-31", "2020-01-01");
    project.write("manifests/main.toml", &text);
    let over = project.ok(&["lock", "--dry-run"]).stderr;
    assert!(over.starts_with("warning: `main`: the hold on `lib*` at `1.0` ran out on 2020-01-01"), "{over}");
    project.ok(&["lock", "--upgrade"]);
    let check = project.run(&["lock", "--check"]).exits(1);
    insta::assert_snapshot!(check.talk(), @"
    `main`: the hold on `lib*` at `1.0` ran out on 2020-01-01 and holds nothing any more (https://bugs.example.com/412)
    hint: give the hold a later `until`, or remove it and run `pintree lock --upgrade-package` on what it held
    ");
    let json = project.run(&["lock", "--check", "--format", "json"]).exits(1).json();
    assert_eq!(json["stale"].as_array().unwrap().len(), 0);
    assert_eq!(json["expired_holds"][0]["until"], "2020-01-01");
    // A build does not fail from one day to the next.
    project.ok(&["--locked", "ninja"]);
}
