//! `lock`: what is kept, what moves, and what is refused.

use crate::fixture::{Archive, Project, needs};
use crate::universe;
use pintree::testkit::deb::Package;

/// `top` needs `low`; both in the same version.
fn pair(version: &str) -> Vec<Package> {
    vec![
        Package::new("top", version).arch("armhf").depends("low").file("usr/bin/top", 0o755, version),
        Package::new("low", version).arch("armhf").file("usr/bin/low", 0o755, version),
    ]
}

const PAIR: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"top\"]\n";

#[test]
fn pins_stay_until_they_are_moved() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    project.ok(&["lock"]);
    let first = project.lockfile();

    // The archive keeps the old versions beside the new ones.
    let both: Vec<Package> = pair("1.0").into_iter().chain(pair("1.1")).collect();
    archive.publish(&both);
    project.ok(&["lock"]).says(&["Unchanged"]);
    assert_eq!(project.lockfile(), first);
    let told = project.ok(&["lock", "--upgrade", "--dry-run"]).says(&["Would lock"]);
    insta::assert_snapshot!(told.talk(), @"
       Reading `debian` stable
    Would lock lockfiles/main.lock
               low 1.0 ► 1.1
               top 1.0 ► 1.1
    ");
    assert_eq!(project.lockfile(), first);
    project.run(&["--locked", "lock", "--upgrade"]).exits(1).says(&["`lockfiles/main.lock` would change"]);
    assert_eq!(project.lockfile(), first);

    project.ok(&["lock", "--upgrade-package", "low"]);
    let versions = |project: &Project| {
        let json = project.ok(&["lock", "--format", "json"]).json();
        let rows = json["images"][0]["packages"].as_array().unwrap().clone();
        rows.iter().map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["version"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(versions(&project), ["low 1.1", "top 1.0"]);
    project.ok(&["lock", "--upgrade"]);
    assert_eq!(versions(&project), ["low 1.1", "top 1.1"]);
    project.run(&["lock", "--upgrade-package", "nothing"]).exits(2).says(&["is called `nothing`"]);
}

#[test]
fn what_would_change_is_told_though_no_pin_moves() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    project.ok(&["lock", "--dry-run"]).says(&["Would lock"]);
    assert!(!project.path("lockfiles").exists() && !project.path("_build").exists(), "a dry run writes nothing");
    project.ok(&["lock"]);
    let (first, record) = (project.lockfile(), project.read("_build/main.indexes.json"));

    let text = format!("{}\n[[hold]]\npackage = \"low\"\nversion = \"1.0\"\n", project.read("manifests/main.toml"));
    project.write("manifests/main.toml", &text);
    archive.publish_suite(&pair("1.0"), |suite| suite.field("Date", "Sat, 03 Jan 2026 00:00:00 UTC"));
    let told = project.ok(&["lock", "--dry-run"]);
    insta::assert_snapshot!(told.talk(), @"
       Reading `debian` stable
    Would lock lockfiles/main.lock
               hold `low` was added
    ");
    project.run(&["--locked", "lock"]).exits(1).says(&["`lockfiles/main.lock` would change"]);
    assert_eq!((project.lockfile(), project.read("_build/main.indexes.json")), (first, record));
    project.ok(&["lock"]).says(&["Locked", "hold `low` was added"]);
    project.ok(&["--locked", "lock"]).says(&["Unchanged"]);
}

#[test]
fn an_unrelated_change_upstream_leaves_the_bytes_alone() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    project.ok(&["lock"]);
    let first = project.lockfile();
    let mut packages = pair("1.0");
    packages.push(Package::new("unrelated", "7"));
    archive.publish_suite(&packages, |suite| suite.field("Date", "Sat, 03 Jan 2026 00:00:00 UTC"));
    project.ok(&["lock", "--upgrade"]).says(&["Unchanged"]);
    assert_eq!(project.lockfile(), first);
}

#[test]
fn pins_that_upstream_dropped_stay_only_in_the_lock() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    let built = project.build();
    archive.publish(&pair("1.1"));
    // Building needs no index, and asks nobody.
    archive.server.take_log();
    assert_eq!(project.build(), built);
    assert_eq!(archive.server.take_lines(), [""; 0]);
}

#[test]
fn a_stale_lock_is_told_and_never_changed_where_that_is_forbidden() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    let missing = project.run(&["--locked", "build", "--until", "composed"]).exits(1);
    insta::assert_snapshot!(missing.talk(), @"
    error: `lockfiles/main.lock` does not fit its manifest
      there is no lockfile
    hint: run `pintree lock`, review the change, and commit it
    ");
    assert!(!project.path("_build").exists() && !project.path("lockfiles").exists(), "nothing is written");
    project.ok(&["lock"]);
    project.ok(&["lock", "--check"]).says(&["every lockfile fits its manifest"]);
    let first = project.lockfile();

    let text = project.read("manifests/main.toml").replace("\"top\"", "\"top\", \"low (>= 1.0)\"");
    project.write("manifests/main.toml", &text);
    let stale = project.run(&["--locked", "build", "--until", "composed"]).exits(1);
    insta::assert_snapshot!(stale.talk(), @"
    error: `lockfiles/main.lock` does not fit its manifest
      image `root`: request `low (>= 1.0)` was added
    hint: run `pintree lock`, review the change, and commit it
    ");
    let mut ci = project.pintree(&["build", "--until", "composed"]);
    ci.env("CI", "true");
    assert_eq!(project.finish(&mut ci).exits(1).stderr, stale.stderr);
    let json = project.run(&["--locked", "--format", "json", "build", "--until", "composed"]).exits(1).json();
    assert_eq!(json["error"]["kind"], "findings");
    let check = project.run(&["lock", "--check"]).exits(1);
    insta::assert_snapshot!(check.talk(), @"
    `lockfiles/main.lock` is stale:
      image `root`: request `low (>= 1.0)` was added
    hint: run `pintree lock`
    ");
    let check = project.run(&["lock", "--check", "--format", "json"]).exits(1).json();
    assert_eq!(check["stale"][0]["reasons"].as_array().unwrap().len(), 1);
    assert!(!project.path("_build/ostree").exists(), "nothing is built");
    assert_eq!(project.lockfile(), first);
    // Without the ban it is brought up to date.
    project.ok(&["build", "--until", "composed"]).says(&["Locked"]);
    project.ok(&["lock", "--check"]);
}

#[test]
fn a_lockfile_edited_by_hand_is_found() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    project.ok(&["lock"]);
    let good = project.lockfile();
    project.write("lockfiles/main.lock", &good.replace("version = 1\n", "version = 1\n\n"));
    project.run(&["lock", "--check"]).exits(1).says(&["is stale"]);
    project.write("lockfiles/main.lock", &good.replace("version = 1\n", "version = 9\n"));
    for arguments in [&["build", "--until", "composed"][..], &["lock"], &["lock", "--check"]] {
        let failed = project.run(arguments);
        assert_ne!(failed.code, 0);
        failed.says(&["lockfiles/main.lock", "9"]);
    }
    // Somebody else's digest: the download does not match it.
    let at = good.find("armhf = \"").unwrap() + "armhf = \"".len();
    let digit = if &good[at..=at] == "0" { "1" } else { "0" };
    project.write("lockfiles/main.lock", &format!("{}{digit}{}", &good[..at], &good[at + 1..]));
    project.run(&["build", "--until", "composed"]).exits(5);
    assert_eq!(project.refs("image"), [""; 0]);
}

#[test]
fn json_lists_the_whole_set_of_each_image() {
    needs!();
    let archive = Archive::new(&universe::app_twice());
    let text = "[image.upper]\nextends = \"lower\"\npackages = [\"app\"]\n\n[image.lower]\npackages = [\"tool\"]\n";
    let project = Project::with_arches(&archive, &["armhf", "amd64"], text);
    let ran = project.ok(&["lock", "--format", "json"]);
    let json = ran.json();
    let rows = json["images"].as_array().unwrap();
    let heads: Vec<String> = rows
        .iter()
        .map(|row| {
            format!("{} {} {}", row["image"].as_str().unwrap(), row["arch"].as_str().unwrap(), row["packages"].as_array().unwrap().len())
        })
        .collect();
    assert_eq!(heads, ["lower amd64 2", "lower armhf 2", "upper amd64 5", "upper armhf 5"]);
    let mut keys: Vec<&String> = rows[2]["packages"][0].as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["arch", "name", "repo", "sha256", "size", "source", "version"]);
    let tool = rows[3]["packages"].as_array().unwrap().iter().find(|row| row["name"] == "tool").unwrap();
    assert_eq!((tool["version"].as_str(), tool["arch"].as_str(), tool["repo"].as_str()), (Some("1:2.5-3"), Some("armhf"), Some("debian")));
    let data = rows[3]["packages"].as_array().unwrap().iter().find(|row| row["name"] == "app-data").unwrap();
    assert_eq!((data["arch"].as_str(), data["source"].as_str()), (Some("all"), Some("app")));
    assert_eq!(project.ok(&["lock", "--format", "json"]).stdout, ran.stdout, "the same without a change");
}

#[test]
fn another_lockfile_may_be_named() {
    needs!();
    let archive = Archive::new(&pair("1.0"));
    let project = Project::new(&archive, PAIR);
    project.ok(&["lock", "--lockfile", "elsewhere.lock"]);
    assert!(!project.path("lockfiles").exists());
    project.ok(&["lock"]);
    assert_eq!(project.read("elsewhere.lock"), project.lockfile());
}
