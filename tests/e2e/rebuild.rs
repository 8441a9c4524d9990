//! `verify --rebuild` and `log`: what scripts ran, and whether they do the same again.

use crate::fixture::{Archive, Project, needs, skip};
use crate::universe;
use pintree::testkit::deb::Package;

const ARCH: &str = "amd64";

/// A project whose packages have these postinst scripts; none where scripts of this architecture do not run.
fn project(scripts: &[(&str, &str)]) -> Option<(Archive, Project)> {
    if cfg!(not(target_arch = "x86_64")) {
        skip("this test's shell is for amd64");
        return None;
    }
    let Some(shell) = universe::shell(ARCH) else {
        skip("busybox is not installed");
        return None;
    };
    let mut packages = vec![shell];
    for (name, script) in scripts {
        packages.push(Package::new(name, "1.0").arch(ARCH).script("postinst", &format!("#!/bin/sh\nset -e\n{script}\n")));
    }
    let names: Vec<&str> = scripts.iter().map(|(name, _)| *name).collect();
    let archive = Archive::new(&packages);
    let project = Project::with_arches(&archive, &[ARCH], &format!("[image.root]\npackages = {names:?}\n"));
    Some((archive, project))
}

#[test]
fn a_rebuild_gives_the_same_commits() {
    needs!("dpkg");
    let Some((_archive, project)) =
        project(&[("quiet", "date -u +%Y > /dev/null; umask > /etc/umask"), ("second", "echo $TZ $LC_ALL > /etc/env")])
    else {
        return;
    };
    project.run(&["verify", "--rebuild", "root"]).exits(1);
    project.ok(&["lock"]);
    project.run(&["verify", "--rebuild", "root"]).exits(2).says(&["was not built from its lockfile", "hint: run `pintree build`"]);
    project.ok(&["build", "--until", "configured"]);
    let refs = project.refs("");
    let text = project.ok(&["verify", "--rebuild", "root"]).stdout;
    let stages: Vec<&str> = text.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        stages,
        ["ok      main packages", "ok      main rebuild root amd64 composed", "ok      main rebuild root amd64 configured"],
        "{text}"
    );
    assert!(!project.path("_build/verify").exists());
    assert_eq!(project.refs(""), refs);
    project.ok(&["build", "--until", "configured"]).says(&["nothing to do"]);
}

#[test]
fn a_rebuild_shows_what_differs() {
    needs!("dpkg");
    let noise = "echo begin > /etc/noise; head -c 12 /dev/urandom | od -An -tx1 >> /etc/noise; echo end >> /etc/noise";
    let Some((_archive, project)) = project(&[("noisy", noise), ("quiet", "echo quiet > /etc/quiet")]) else { return };
    project.ok(&["build", "--until", "configured"]);
    let ran = project.run(&["verify", "--rebuild", "main/root", "--arch", ARCH]).exits(5);
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("ok      main packages: 3 of 3 imported"), "{}", ran.stdout);
    assert!(lines[1].starts_with("ok      main rebuild root amd64 composed"), "{}", ran.stdout);
    assert!(lines[2].starts_with("failed  main rebuild root amd64 configured: commit "), "{}", ran.stdout);
    assert_eq!((lines[3], lines[4], lines[5]), ("/etc/noise", "@@ -1,3 +1,3 @@", "begin"), "{}", ran.stdout);
    assert!(lines[6].starts_with('-') && lines[7].starts_with('+') && lines[8] == "end" && lines.len() == 9, "{}", ran.stdout);
    assert!(project.path("_build/verify/ostree").exists());
    project.ok(&["gc"]);
    assert!(!project.path("_build/verify").exists());
    let json = project.run(&["verify", "--rebuild", "root", "--format", "json"]).exits(5).json();
    assert_eq!(json["checks"][2]["findings"][0]["kind"], "damage");
}

#[test]
fn log_tells_which_scripts_ran_and_what_they_printed() {
    needs!("dpkg");
    let Some((_archive, project)) = project(&[("first", "echo out; echo err >&2"), ("second", "true")]) else { return };
    project.ok(&["lock"]);
    let before = project.ok(&["log", "root"]);
    assert_eq!(before.stdout, "main/root for amd64: not configured yet\n");
    let commit = project.ok(&["build", "--until", "configured", "--format", "json"]).images()[0].commit.clone();
    let told = |arguments: &[&str]| {
        let text = project.ok(arguments).stdout.replace(&commit[..12], "[COMMIT]");
        // How long it took is another thing each time.
        text.lines().map(|line| line.split(", ").next().unwrap().trim_end().to_owned() + "\n").collect::<String>()
    };
    insta::assert_snapshot!(told(&["log", "root"]), @"
    main/root for amd64: 2 scripts in commit [COMMIT]
    first:amd64 postinst configure (exit status 0
        out
        err
    second:amd64 postinst configure (exit status 0
    ");
    insta::assert_snapshot!(told(&["log", "main/root", "second"]), @"
    main/root for amd64: 1 script of `second` in commit [COMMIT]
    second:amd64 postinst configure (exit status 0
    ");
    let json = project.ok(&["log", "root", "first", "--format", "json"]).json();
    let script = &json["images"][0]["scripts"][0];
    assert_eq!((script["package"].as_str(), script["script"].as_str()), (Some("first:amd64"), Some("postinst configure")));
    assert_eq!((script["output"].as_str(), script["in-commit"].as_bool()), (Some("out\nerr\n"), Some(true)));
    // Without the log the commit still says what ran.
    std::fs::remove_dir_all(project.path("_build/logs")).unwrap();
    insta::assert_snapshot!(told(&["log", "root"]), @"
    main/root for amd64: 2 scripts in commit [COMMIT]
    what they printed is not here: the log is written where they run
    first:amd64 postinst configure
    second:amd64 postinst configure
    ");
    project.run(&["log", "other"]).exits(2);
}
