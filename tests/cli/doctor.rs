//! `pintree doctor`.

use crate::environment::{Ran, TestEnv};

/// What this machine has much or little of is taken out.
fn told(ran: &Ran) -> String {
    let line = |line: &str| match line.split_once(": ") {
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
    insta::assert_snapshot!(told(&environment.run(&["doctor"])), @"");
    insta::assert_snapshot!(environment.run(&["--offline", "doctor"]).stdout.lines().last().unwrap(), @"");
}

#[test]
fn names_what_mends_it() {
    let environment = TestEnv::with_project().without_programs();
    std::fs::write(environment.project().join("manifests/bad.toml"), "arches = 1\n").unwrap();
    environment.unpublish();
    insta::assert_snapshot!(told(&environment.run(&["doctor"])), @"");
    let json: serde_json::Value = serde_json::from_str(&environment.run(&["doctor", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
}
