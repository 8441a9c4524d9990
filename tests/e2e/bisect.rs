//! `pintree bisect`: the commit, and the package in it, that made something fail.

use crate::checkout::{image_of, names, part, parts};
use crate::fixture::{Archive, Project, Ran, needs};
use pintree::testkit::deb::{Compression, Package};

/// An archive and a checkout that moved from versions `1.0` of `count` packages to `packages` in one commit.
fn updated(count: usize, packages: &[Package]) -> (Archive, Project) {
    let archive = Archive::new(&parts(count, "1.0"));
    let project = Project::checked_in(&archive, &image_of(&names(count)));
    archive.publish(packages);
    project.ok(&["lock", "--upgrade"]);
    project.commit("nightly update");
    (archive, project)
}

fn with(mut packages: Vec<Package>, name: &str, change: impl FnOnce(Package) -> Package) -> Vec<Package> {
    let at = packages.iter().position(|package| package.get("Package") == Some(name)).unwrap();
    let package = packages.remove(at);
    packages.push(change(package));
    packages
}

fn bisect(project: &Project, arguments: &[&str], script: &str) -> Ran {
    let mut all = vec!["--format", "json", "bisect", "--until", "composed"];
    all.extend(arguments);
    if !script.is_empty() {
        all.extend(["--", "sh", "-c", script]);
    }
    project.run(&all)
}

/// Good is what does not have the file.
const HAS_BAD: &str = "! ostree --repo=\"$PINTREE_STORE\" ls \"$PINTREE_REF\" /usr/share/bad > /dev/null 2>&1";

fn sources(ran: &Ran) -> Vec<String> {
    ran.json()["sources"].as_array().unwrap().iter().map(|source| source["change"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_bad_of_forty_updates_takes_seven_builds_at_most() {
    needs!("git");
    let changelog = "part23 (2.0) stable; urgency=medium\n\n  * Put something bad in.\n\n -- A <a@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n\npart23 (1.0) stable; urgency=medium\n\n  * First.\n\n -- A <a@example.org>  Wed, 01 Jan 2025 00:00:00 +0000\n";
    let bad = |package: Package| {
        let package = package.file("usr/share/bad", 0o644, "");
        package.file("usr/share/doc/part23/changelog.gz", 0o644, Compression::Gz.compress(changelog.as_bytes()))
    };
    let (_archive, project) = updated(40, &with(parts(40, "2.0"), "part23", bad));
    project.write("README", "unrelated\n");
    project.commit("unrelated");
    project.write("manifests/main.toml", &format!("{}# not committed\n", project.read("manifests/main.toml")));
    let before = project.state();
    let ran = bisect(&project, &[], HAS_BAD).exits(0);
    assert_eq!(sources(&ran), ["part23 1.0 ► 2.0"]);
    let json = ran.json();
    eprintln!("{} builds", json["builds"]);
    assert!(json["builds"].as_u64().unwrap() <= 7, "{json}");
    assert_eq!((json["changes-searched"].as_u64(), json["commits-searched"].as_u64()), (Some(40), Some(1)));
    assert_eq!(json["commits"][0]["subject"], "nightly update");
    assert_eq!(json["sources"][0]["changelog"]["entries"][0]["lines"][0].as_str().unwrap().trim(), "* Put something bad in.");
    assert_eq!(project.state(), before, "the work tree is as it was");
    assert!(!project.path("_build/bisect").exists());
    assert_eq!(project.refs("image"), [""; 0], "no image of the project's own was made");
}

#[test]
fn history_is_searched_before_packages_and_skips_widen_the_answer() {
    needs!("git");
    let archive = Archive::new(&parts(4, "1.0"));
    let project = Project::checked_in(&archive, &image_of(&names(4)));
    let good = project.git(&["rev-parse", "HEAD"]);
    for night in 2..9 {
        let mut packages = parts(4, &format!("{night}.0"));
        if night >= 6 {
            packages = with(packages, "part02", |package| package.file("usr/share/bad", 0o644, ""));
        }
        if night == 3 {
            packages = with(packages, "part01", |package| package.file("usr/share/odd", 0o644, ""));
        }
        archive.publish(&packages);
        project.ok(&["lock", "--upgrade"]);
        project.commit(&format!("night {night}"));
        project.write("README", &night.to_string());
        project.commit("unrelated");
    }
    let ran = bisect(&project, &[&good], HAS_BAD).exits(0);
    assert_eq!(sources(&ran), ["part02 5.0 ► 6.0"]);
    assert_eq!(ran.json()["commits"][0]["subject"], "night 6");
    assert_eq!(ran.json()["commits-searched"], 7);

    let odd = "ostree --repo=\"$PINTREE_STORE\" ls \"$PINTREE_REF\" /usr/share/odd > /dev/null 2>&1 && exit 125; ostree --repo=\"$PINTREE_STORE\" cat \"$PINTREE_REF\" /usr/share/part03/version | grep -q -e 1.0 -e 2.0";
    let ran = bisect(&project, &[&good], odd).exits(1);
    let subjects: Vec<_> = ran.json()["commits"].as_array().unwrap().iter().map(|commit| commit["subject"].clone()).collect();
    assert_eq!(subjects, ["night 3", "night 4"], "{}", ran.stderr);

    let human = project.ok(&["bisect", &good, "--until", "composed", "--", "sh", "-c", HAS_BAD]);
    let id = project.git(&["log", "-1", "--format=%H", "--grep=^night 6$"]);
    insta::assert_snapshot!(human.stdout.replace(&id[..12], "[COMMIT]"), @r"
    culprit: part02 5.0 ► 6.0
      changelog not read: no package of it has one
    commit:
      [COMMIT] night 6
    searched 7 commits and 4 changes with 5 builds
    ");
}

#[test]
fn what_needs_each_other_moves_together_and_the_build_can_judge() {
    needs!("git");
    let new = |name: &str| part(name, "2.0");
    let clash = |package: Package| package.file("usr/share/part06/version", 0o644, "mine\n").depends("extra (= 1.0)");
    let packages = with(parts(8, "2.0"), "part03", |_| new("part03").depends("part04 (= 2.0)"));
    let packages = with(packages, "part04", |_| new("part04").depends("part03 (= 2.0)"));
    let mut packages = with(packages, "part05", clash);
    packages.push(part("extra", "1.0").depends("part04 (>= 2.0)"));
    let (_archive, project) = updated(8, &packages);
    let ran = bisect(&project, &["--build-only"], "").exits(0);
    assert_eq!(sources(&ran), ["part05 1.0 ► 2.0"]);
    assert_eq!(ran.json()["changes-searched"], 8, "of nine changed sources two are one change");
    let pair = "! ostree --repo=\"$PINTREE_STORE\" cat \"$PINTREE_REF\" /usr/share/part04/version | grep -q 2.0";
    // What does not build is no answer; the pair comes before it all the same.
    let ran = bisect(&project, &[], pair);
    assert_eq!(sources(&ran)[..2], ["part03 1.0 ► 2.0", "part04 1.0 ► 2.0"], "{}", ran.stderr);
}

#[test]
fn an_interrupted_search_goes_on() {
    needs!("git");
    let (_archive, project) = updated(8, &with(parts(8, "2.0"), "part05", |package| package.file("usr/share/bad", 0o644, "")));
    let script = format!("echo >> runs; test -e again || test $(wc -l < runs) -lt 3 || exit 130; {HAS_BAD}");
    let ran = bisect(&project, &[], &script).exits(8).says(&["ended with exit status: 130", "go on where the search was"]);
    assert!(ran.json()["error"]["message"].as_str().unwrap().contains("judges nothing any more"));
    project.write("again", "");
    let ran = bisect(&project, &[], &script).exits(0).says(&["Known"]);
    assert_eq!(sources(&ran), ["part05 1.0 ► 2.0"]);
    assert_eq!(ran.json()["builds"], 1);
}

#[test]
fn a_search_that_is_killed_while_it_tidies_up_can_be_asked_again() {
    needs!("git");
    // Enough for the copy's store that removing it takes a while.
    let big = |package: Package| {
        (0..400).fold(package.file("usr/share/bad", 0o644, ""), |package, at| {
            package.file(&format!("usr/share/big/{at}"), 0o644, format!("{at}"))
        })
    };
    let (_archive, project) = updated(4, &with(parts(4, "2.0"), "part02", big));
    let objects = project.path("_build/bisect/project/_build/ostree/objects");
    let count = || std::fs::read_dir(&objects).map_or(0, Iterator::count);
    for _ in 0..3 {
        let mut child = project.pintree(&["--quiet", "bisect", "--until", "composed", "--", "sh", "-c", HAS_BAD]).spawn().unwrap();
        let mut most = 0;
        // Objects only ever come, until the copy goes.
        while count() >= most && child.try_wait().unwrap().is_none() {
            most = most.max(count());
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = bisect(&project, &[], HAS_BAD).exits(0);
    assert_eq!(sources(&ran), ["part02 1.0 ► 2.0"], "{}", ran.stderr);
    assert!(!project.path("_build/bisect").exists() && !project.path("_build/bisect.gone").exists());
}

#[test]
fn what_cannot_be_searched_is_said() {
    needs!("git");
    let archive = Archive::new(&parts(1, "1.0"));
    let bare = Project::new(&archive, &image_of(&names(1)));
    let tell = |ran: Ran| format!("{}: {}", ran.code, ran.talk().trim_end());
    let mut told = vec![tell(bare.run(&["bisect", "--", "true"]))];
    let project = Project::checked_in(&archive, &image_of(&names(1)));
    for arguments in [&["bisect", "--", "true"][..], &["bisect", "HEAD", "--", "true"], &["bisect", "gone", "--", "true"]] {
        told.push(tell(project.run(arguments)));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    2: error: the project is in no git checkout
    hint: run it in a git checkout, or name the project directory with `-C`
    2: error: no commit up to `HEAD` changes a lockfile
    hint: name an older good revision
    2: error: no commit after `HEAD` up to `HEAD` changes a lockfile
    hint: name an older good revision
    2: error: git knows no revision `gone`
    ");
}
