//! Without the network: what works, and what is said of what does not.

use crate::fixture::{Archive, Project, has, needs};
use crate::universe;

#[test]
fn builds_offline_what_is_in_the_store() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let built = project.build();
    archive.server.take_log();
    project.ok(&["--offline", "build", "--until", "composed"]).says(&["nothing to do"]);
    std::fs::remove_file(project.path("_build/ostree/refs/heads").join(&built[0].reference)).unwrap();
    assert_eq!(project.ok(&["--frozen", "build", "--until", "composed", "--format", "json"]).images(), built);
    assert_eq!(archive.server.take_lines(), [""; 0]);
    project.fsck();
}

#[test]
fn offline_opens_no_internet_socket() {
    needs!();
    if !has(&["strace"]) {
        return;
    }
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let sockets = |arguments: &[&str]| {
        let trace = project.root().join("trace");
        let mut command = project.command("strace");
        command.args(["-f", "-e", "trace=socket", "-o"]).arg(&trace).arg(env!("CARGO_BIN_EXE_pintree")).args(arguments);
        project.finish(&mut command).exits(0);
        let text = std::fs::read_to_string(trace).unwrap();
        text.lines().filter(|line| line.contains("AF_INET")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_ne!(sockets(&["build", "--until", "composed"]), [""; 0], "strace sees what it should see");
    std::fs::remove_file(project.path("_build/ostree/refs/heads/image/main/root/armhf/composed")).unwrap();
    assert_eq!(sockets(&["--offline", "build", "--until", "composed"]), [""; 0]);
    assert_eq!(sockets(&["--offline", "lock", "--upgrade"]), [""; 0]);
}

#[test]
fn an_empty_store_says_which_packages_are_missing() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    project.ok(&["lock"]);
    archive.server.take_log();
    let failed = project.run(&["--offline", "build", "--until", "composed"]).exits(4);
    insta::assert_snapshot!(failed.talk(), @"
    error: not in the store, and the network is off: `app 1.0-1 armhf`, `app-data 1.0-1 all`, `base-files 12.4 armhf`, `libapp1 1.0-1 armhf`, `tool 1:2.5-3 armhf`
    hint: run `pintree build` once with the network on
    ");
    let failed = project.run(&["--offline", "--format", "json", "build", "--until", "composed"]).exits(4);
    assert_eq!(failed.json()["error"]["kind"], "network");
    assert_eq!(archive.server.take_lines(), [""; 0]);
}

#[test]
fn locks_offline_from_the_index_cache() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, "[image.root]\n");
    project.ok(&["lock"]);
    archive.server.take_log();
    project.write("manifests/main.toml", &crate::fixture::manifest(&[&archive.server], &["armhf"], universe::APP));
    project.ok(&["--offline", "lock"]).says(&["app"]);
    assert!(project.lockfile().contains("name = \"tool\""));
    assert_eq!(archive.server.take_lines(), [""; 0]);

    let failed = Project::new(&archive, universe::APP).run(&["--offline", "lock"]).exits(4);
    insta::assert_snapshot!(failed.talk(), @"
       Reading `debian` stable
    error: the Release file of suite `stable` of repository `debian` is not in the cache, and `--offline` forbids to get it
    hint: run once without `--offline`
    ");
}

#[test]
fn packages_that_are_gone_are_named_and_nothing_is_locked_anew() {
    needs!();
    let packages = universe::app("armhf");
    let archive = Archive::new(&packages);
    let project = Project::new(&archive, universe::APP);
    project.ok(&["lock"]);
    let lock = project.lockfile();
    for package in &packages[2..4] {
        std::fs::remove_file(archive.path(&crate::fixture::pool_path(package))).unwrap();
    }
    let failed = project.run(&["build", "--until", "composed", "-j", "1"]).exits(4);
    let failed =
        failed.says(&["app 1.0-1 armhf", "app-data 1.0-1 all", "hint: packages that no mirror has any more: `pintree lock --upgrade`"]);
    assert!(!failed.stderr.contains("tool 1:2.5-3 armhf`"), "{}", failed.stderr);
    assert_eq!(project.lockfile(), lock);
    assert_eq!(project.refs("image"), [""; 0]);
    assert_eq!(project.refs("deb").len(), 3, "what could be had is kept");

    // The archive has moved on; the command of the hint does, too.
    let moved: Vec<_> = packages
        .iter()
        .map(|package| match package.get("Package") {
            Some("app") => package.clone().field("Version", "1.0-2"),
            Some("app-data") => package.clone().field("Version", "1.0-2"),
            _ => package.clone(),
        })
        .collect();
    archive.publish(&moved);
    project.ok(&["lock", "--upgrade"]);
    project.build();
}

#[test]
fn a_dead_server_is_the_networks_fault() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    project.ok(&["lock"]);
    let manifest = project.read("manifests/main.toml").replace(&archive.server.url(), "http://127.0.0.1:1");
    project.write("manifests/main.toml", &manifest);
    let failed = project.run(&["build", "--until", "composed"]).exits(4);
    failed.says(&["cannot get `http://127.0.0.1:1/pool/main/", "hint: what was imported is kept; run `pintree build` again"]);
}

#[test]
fn kept_package_files_are_as_good_as_the_store() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let keep = ["build", "--until", "composed", "--keep-archives", "kept", "--format", "json"];
    let built = project.ok(&keep).images();
    let count = || std::fs::read_dir(project.path("kept")).unwrap().count();
    assert_eq!(count(), 5);
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    archive.server.take_log();
    assert_eq!(project.ok(&[&["--offline"][..], &keep].concat()).images(), built);
    assert_eq!(archive.server.take_lines(), [""; 0]);
    // One that is not what the lockfile says is no use.
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    std::fs::write(project.path("kept/tool_2.5-3_armhf.deb"), "tool").unwrap();
    project.run(&[&["--offline"][..], &keep].concat()).exits(4).says(&["tool 1:2.5-3 armhf"]);
    assert_eq!(project.ok(&keep).images(), built);
    assert_eq!(archive.server.take_lines(), ["200 /pool/main/t/tool/tool_2.5-3_armhf.deb"]);
    assert_eq!(count(), 5);
}
