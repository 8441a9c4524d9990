//! `pintree verify`.

use crate::environment::{Ran, TestEnv};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Commits depend on how the test's packages were compressed.
fn told(ran: &Ran) -> String {
    let line = |line: &str| match line.split_once(": commit ") {
        Some((before, _)) => format!("{before}: commit [COMMIT]\n"),
        None => format!("{line}\n"),
    };
    ran.all().lines().map(line).collect()
}

fn files(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

#[test]
fn follows_the_chain_from_manifest_to_image() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(told(&environment.run(&["verify"])), @"
    exit 0
    ok      edge lockfile: fits `edge.toml`; 1 repository, 1 key
    ok      edge packages: 0 of 8 imported, 0 objects
    ok      edge image kiosk armhf: not built yet
    ok      edge closure kiosk armhf: 5 packages, 4 dependencies
    ok      edge image kiosk amd64: not built yet
    ok      edge closure kiosk amd64: 4 packages, 3 dependencies
    ok      edge image small armhf: not built yet
    ok      edge closure small armhf: 2 packages, 0 dependencies
    ok      edge image small amd64: not built yet
    ok      edge closure small amd64: 2 packages, 0 dependencies
       Reading `test` stable
    ");
    assert_eq!(environment.run(&["build", "--until", "configured", "kiosk", "--arch", "armhf"]).code, 0);
    insta::assert_snapshot!(told(&environment.run(&["verify", "manifests/edge.toml"])), @"
    exit 0
    ok      edge lockfile: fits `edge.toml`; 1 repository, 1 key
    ok      edge packages: 5 of 8 imported, 54 objects; 5 proved
    ok      edge image kiosk armhf composed: commit [COMMIT]
    ok      edge image kiosk armhf configured: commit [COMMIT]
    ok      edge closure kiosk armhf: 5 packages, 4 dependencies
    ok      edge image kiosk amd64: not built yet
    ok      edge closure kiosk amd64: 4 packages, 3 dependencies
    ok      edge image small armhf: not built yet
    ok      edge closure small armhf: 2 packages, 0 dependencies
    ok      edge image small amd64: not built yet
    ok      edge closure small amd64: 2 packages, 0 dependencies
       Proving 5 imported packages
       Reading `test` stable
    ");
    // A mirror that is a directory is at hand without a network.
    std::fs::remove_dir_all(environment.www().join("pool")).unwrap();
    let offline = environment.run(&["--offline", "verify", "manifests/edge.toml"]);
    assert_eq!(offline.code, 0, "{}", offline.all());
    let lines: Vec<&str> = offline.stdout.lines().map(str::trim).filter(|line| line.starts_with("consistent, unproved")).collect();
    insta::assert_snapshot!(lines.join("\n"), @"consistent, unproved (the network is off): app 1.0 armhf, base 1 armhf, libone 1.2-1 armhf, libtwo 2.0 all, postfix 3.7 armhf");
    let json = environment.run(&["--offline", "verify", "manifests/edge.toml", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&value["checks"][1]["proved"], value["checks"][1]["unproved"].as_array().unwrap().len()), (&serde_json::json!(0), 5));
    assert_eq!(value["checks"][1]["unproved"][0]["reason"], "the network is off");
}

#[test]
fn finds_a_lockfile_of_another_manifest() {
    let environment = TestEnv::with_project();
    environment.manifest("edge", "[image.kiosk]\npackages = [\"app\", \"tool\"]\n[image.small]\npackages = [\"libtwo\"]\n");
    insta::assert_snapshot!(told(&environment.run(&["verify"])), @"
    exit 1
    failed  edge lockfile
            image `kiosk`: request `tool` was added
    ok      edge packages: 0 of 8 imported, 0 objects
    ok      edge image kiosk armhf: not built yet
    failed  edge closure kiosk armhf: 5 packages, 4 dependencies
            no package meets the request `tool`
    ok      edge image kiosk amd64: not built yet
    failed  edge closure kiosk amd64: 4 packages, 3 dependencies
            no package meets the request `tool`
    ok      edge image small armhf: not built yet
    ok      edge closure small armhf: 2 packages, 0 dependencies
    ok      edge image small amd64: not built yet
    ok      edge closure small amd64: 2 packages, 0 dependencies
       Reading `test` stable
    ");
    std::fs::remove_file(environment.project().join("lockfiles/edge.lock")).unwrap();
    insta::assert_snapshot!(told(&environment.run(&["verify"])), @"
    exit 1
    failed  edge lockfile
            there is no lockfile
    ");
}

#[test]
fn finds_a_closure_that_is_not_whole() {
    let environment = TestEnv::with_project();
    let path = environment.project().join("lockfiles/edge.lock");
    let text = std::fs::read_to_string(&path).unwrap();
    // What a bad merge leaves: the image's line is gone.
    let text = text.replacen("  \"postfix\",\n", "", 1);
    std::fs::write(&path, text).unwrap();
    let ran = environment.run(&["--format", "json", "verify"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    let value: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let texts: Vec<&str> = value["checks"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|check| check["findings"].as_array().unwrap())
        .map(|f| f["text"].as_str().unwrap())
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @"
    no image has `postfix` 3.7 amd64
    no image has `postfix` 3.7 armhf
    `app 1.0`: Depends `mail-agent | exim` is not met
    `app 1.0`: Depends `mail-agent | exim` is not met
    ");
}

#[test]
fn finds_damage_in_the_store() {
    let environment = TestEnv::with_project();
    assert_eq!(environment.run(&["build"]).code, 0);
    let mut objects = vec![];
    files(&environment.project().join("_build/ostree/objects"), ".file", &mut objects);
    let victim = objects.iter().find(|path| std::fs::read(path).unwrap() == b"two").unwrap();
    std::fs::set_permissions(victim, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(victim, "TWO").unwrap();
    let ran = environment.run(&["verify"]);
    assert_eq!(ran.code, 5, "{}", ran.all());
    assert!(ran.stdout.contains("failed  edge packages"), "{}", ran.all());
    assert!(ran.stdout.contains("libtwo 2.0 all: object"), "{}", ran.all());
    assert!(ran.stdout.contains("failed  edge image kiosk armhf"), "{}", ran.all());
}
