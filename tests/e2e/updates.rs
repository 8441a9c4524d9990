//! What a second run does: nothing, or just what changed.

use crate::fixture::{Archive, Project, files_below, needs};
use crate::universe;
use pintree::testkit::deb::Package;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// Every file of a project with what changes when somebody writes it.
fn stamps(project: &Project) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let mut stamps = BTreeMap::new();
    files_below(&project.path(""), &mut |path| {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        stamps.insert(path.to_owned(), (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()));
    });
    stamps
}

/// The descriptions of the steps that ran, sorted.
fn steps(stderr: &str) -> Vec<String> {
    let mut steps: Vec<String> = stderr
        .lines()
        .filter_map(|line| Some(line.strip_prefix('[')?.split_once("] ")?.1.to_owned()))
        .filter(|step| step.starts_with("import ") || step.starts_with("compose "))
        .collect();
    steps.sort();
    steps.dedup();
    steps
}

#[test]
fn a_second_build_does_nothing() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    project.build();
    let before = stamps(&project);
    archive.server.take_log();
    let ran = project.ok(&["build", "--until", "composed", "--format", "json"]).says(&["nothing to do"]);
    assert_eq!(ran.stderr, "nothing to do\n");
    assert_eq!(ran.json()["steps"], 0);
    assert_eq!(archive.server.take_lines(), [""; 0], "no server is asked");
    let mut after = stamps(&project);
    // The lock's file is opened, the outcomes are this run's, and ninja rewrites its own log as it likes.
    let own = |path: &PathBuf| {
        path.ends_with("_build/lock")
            || path.ends_with("_build/outcomes")
            || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".ninja_"))
    };
    let mut before = before;
    before.retain(|path, _| !own(path));
    after.retain(|path, _| !own(path));
    let changed: Vec<_> = before.iter().filter(|(path, stamp)| after.get(*path) != Some(stamp)).collect();
    let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    assert!(changed.is_empty() && new.is_empty(), "written: {changed:?}, new: {new:?}");
}

#[test]
fn one_changed_package_runs_its_import_and_the_compose() {
    needs!();
    let archive = Archive::new(&universe::many(12));
    let project = Project::new(&archive, universe::MANY);
    let first = project.build();
    let mut packages = universe::many(12);
    packages[3] = packages[3].clone().field("Version", "1.1").file("usr/share/part03/news", 0o644, "news\n");
    archive.publish(&packages);
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
    let moved = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(moved.talk(), @"
    Reading `debian` stable
     Locked lockfiles/main.lock
            part03 1.0 ► 1.1
    ");
    archive.server.take_log();
    let ran = project.ok(&["build", "--until", "composed", "--format", "json"]);
    assert_eq!(steps(&ran.stderr), ["compose main/root armhf from 13 packages", "import part03 1.1 armhf"]);
    assert_eq!(ran.json()["steps"], 2);
    assert_eq!(archive.server.take_lines(), ["200 /pool/main/p/part03/part03_1.1_armhf.deb"]);
    assert_ne!(ran.images()[0].commit, first[0].commit);
    project.fsck();
}

#[test]
fn going_back_needs_no_import() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let first = project.build();
    let lock = project.lockfile();
    archive.publish(&[universe::one("1.1")]);
    project.ok(&["lock", "--upgrade"]);
    assert_ne!(project.build(), first);
    project.write("lockfiles/main.lock", &lock);
    archive.server.take_log();
    let ran = project.ok(&["build", "--until", "composed", "--format", "json"]);
    assert_eq!(ran.images(), first);
    assert_eq!(steps(&ran.stderr), ["compose main/root armhf from 1 packages"]);
    assert_eq!(archive.server.take_lines(), [""; 0]);
}

#[test]
fn an_unchanged_ref_stops_what_follows() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let first = project.build();
    // A ref that is gone is made again, from the same bytes: the image has nothing to do.
    let package = project.refs("deb").remove(0);
    let file = project.path("_build/ostree/refs/heads").join(&package);
    let image = project.path("_build/ostree/refs/heads/image/main/root/armhf/composed");
    let stamp = std::fs::metadata(&image).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(project.build(), first);
    assert!(file.exists());
    let now = std::fs::metadata(&image).unwrap();
    assert_eq!((now.ino(), now.mtime(), now.mtime_nsec()), (stamp.ino(), stamp.mtime(), stamp.mtime_nsec()), "the ref is untouched");
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
}

#[test]
fn another_mirror_or_job_count_rebuilds_nothing() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    project.build();
    let second = archive.mirror();
    project.write("manifests/main.toml", &crate::fixture::manifest(&[&second], &["armhf"], universe::ONE));
    project.ok(&["build", "--until", "composed", "-j", "7"]).says(&["nothing to do"]);
    assert!(project.read("_build/sources.toml").contains(&second.url()));
}

#[test]
fn a_new_package_leaves_others_alone() {
    needs!();
    let base = universe::many(4);
    let archive = Archive::new(&base);
    let project = Project::new(&archive, universe::MANY);
    project.build();
    let mut more = base.clone();
    more.push(Package::new("extra", "1.0").file("usr/share/extra", 0o644, "x"));
    archive.publish(&more);
    let text = project.read("manifests/main.toml").replace("\"all\"", "\"all\", \"extra\"");
    project.write("manifests/main.toml", &text);
    let ran = project.ok(&["build", "--until", "composed"]);
    assert_eq!(steps(&ran.stderr), ["compose main/root armhf from 6 packages", "import extra 1.0 all"]);
}
