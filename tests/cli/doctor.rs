//! `pintree doctor`.

use crate::environment::{Ran, TestEnv};

/// What this machine has much or little of is taken out.
fn told(ran: &Ran) -> String {
    // How owners are kept depends on who runs the tests, and an architecture may be the host's own.
    const VARYING: [&str; 4] = ["owners of files", "root in scripts", "programs of amd64", "programs of armhf"];
    let line = |line: &str| match line.split_once(": ") {
        Some((check, _)) if VARYING.iter().any(|varying| check.get(9..) == Some(varying)) => {
            assert!(!check.starts_with("missing"), "{line}");
            format!("ok       {}: [TEXT]\n", &check[9..])
        }
        Some((check @ ("ok       ninja" | "ok       apt sources" | "note     apt sources" | "ok       free space"), _)) => {
            format!("{}: [TEXT]\n", check.replace("note", "ok  "))
        }
        _ => format!("{line}\n"),
    };
    ran.all().lines().map(line).collect()
}

#[test]
fn a_host_that_has_everything_is_well() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(told(&environment.run(&["doctor"])), @"
    exit 0
    ok       ninja: [TEXT]
    ok       pintree-ostree: beside pintree
    ok       file system: `_build` has user xattrs, hard links and unnamed files
    ok       free space: [TEXT]
    ok       cache: `[DIR]/cache/pintree` can be written to
    ok       clock: not behind any index that was read
    ok       manifests: 1 can be read
    ok       apt sources: [TEXT]
    ok       namespaces: can be made
    ok       /proc: each program gets its own
    ok       owners of files: [TEXT]
    ok       root in scripts: [TEXT]
    ok       overlayfs: works in `_build`
    ok       programs of amd64: [TEXT]
    ok       programs of armhf: [TEXT]
    ok       mirror: file://[DIR]/www answers
    ");
    insta::assert_snapshot!(environment.run(&["--offline", "doctor"]).stdout.lines().last().unwrap(), @"note     mirror: not tried, because of --offline");
}

#[test]
fn names_what_mends_it() {
    let environment = TestEnv::with_project().without_programs();
    std::fs::write(environment.project().join("manifests/bad.toml"), "arches = 1\n").unwrap();
    environment.unpublish();
    insta::assert_snapshot!(told(&environment.run(&["doctor"])), @"
    exit 7
    missing  ninja: cannot start `ninja` ► apt-get install ninja-build
    ok       pintree-ostree: beside pintree
    ok       file system: `_build` has user xattrs, hard links and unnamed files
    ok       free space: [TEXT]
    ok       cache: `[DIR]/cache/pintree` can be written to
    ok       clock: not behind any index that was read
    missing  manifests: cannot read `manifests/bad.toml` ► pintree lock --check says what is wrong in them
    ok       apt sources: [TEXT]
    ok       namespaces: can be made
    ok       /proc: each program gets its own
    ok       owners of files: [TEXT]
    ok       root in scripts: [TEXT]
    ok       overlayfs: works in `_build`
    ok       programs of amd64: [TEXT]
    ok       programs of armhf: [TEXT]
    missing  mirror: file://[DIR]/www of repository `test`: `file://[DIR]/www/dists/stable/Release` does not exist ► pintree --mirror ARCHIVE=URL, or mirrors.toml; --offline uses what is there
    ");
    let json: serde_json::Value = serde_json::from_str(&environment.run(&["doctor", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
}
