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
    insta::assert_snapshot!(told(&environment.run(&["verify"])), @"");
    assert_eq!(environment.run(&["build", "kiosk", "--arch", "armhf"]).code, 0);
    insta::assert_snapshot!(told(&environment.run(&["verify", "manifests/edge.toml"])), @"");
}

#[test]
fn finds_a_lockfile_of_another_manifest() {
    let environment = TestEnv::with_project();
    environment.manifest("edge", "[image.kiosk]\npackages = [\"app\", \"tool\"]\n[image.small]\npackages = [\"libtwo\"]\n");
    insta::assert_snapshot!(told(&environment.run(&["verify"])), @"");
    std::fs::remove_file(environment.project().join("lockfiles/edge.lock")).unwrap();
    insta::assert_snapshot!(told(&environment.run(&["verify"])), @"");
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
    insta::assert_snapshot!(texts.join("\n"), @"");
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
