//! `pintree outdated`.

use crate::environment::TestEnv;
use pintree::testkit::deb::Package;
use pintree::testkit::repo::{Suite, add_deb};

/// Publishes suites with packages for both architectures.
fn publish(environment: &TestEnv, suites: &[(&str, &[(&str, &str)])]) {
    let www = environment.www();
    for (name, packages) in suites {
        let mut suite = Suite::new(name);
        if *name == "backports" {
            suite = suite.field("NotAutomatic", "yes");
        }
        for arch in ["armhf", "amd64"] {
            suite = suite.packages("main", arch, "");
            for (package, version) in *packages {
                let package = Package::new(package, version).arch(arch).file(&format!("usr/bin/{package}"), 0o755, *version);
                let path = format!("pool/{}", package.file_name());
                suite = suite.packages("main", arch, &add_deb(&www, &path, &package.control_paragraph(), &package.build()));
            }
        }
        environment.publish_suite(&suite);
    }
}

const IMAGES: &str = "[image.kiosk]\nvariant = \"custom\"\npackages = [\"one\", \"two\", \"three\", \"four\", \"five (<< 2)\"]\n\
                      [[hold]]\npackage = \"three\"\nversion = \"1.*\"\nreason = \"it breaks | badly\"\nuntil = 9999-12-31\n";

fn project() -> TestEnv {
    let environment = TestEnv::new();
    let all = |version| ["one", "two", "three", "four", "five"].map(|name| (name, version));
    publish(&environment, &[("stable", &all("1.0")), ("stable-security", &[]), ("backports", &[])]);
    environment.manifest("edge", IMAGES);
    let path = environment.project().join("manifests/edge.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("[\"stable\"]", "[\"stable\", \"stable-security\", \"backports\"]");
    std::fs::write(path, text).unwrap();
    assert_eq!(environment.run(&["lock"]).code, 0, "{}", environment.run(&["lock"]).stderr);
    environment
}

#[test]
fn nothing_newer_is_said() {
    let environment = project();
    insta::assert_snapshot!(environment.run(&["outdated"]).all(), @"
    exit 0
    edge: nothing newer for 5 source packages
       Reading `test` stable, stable-security, backports
    ");
    std::fs::remove_file(environment.project().join("lockfiles/edge.lock")).unwrap();
    insta::assert_snapshot!(environment.run(&["outdated"]).all(), @"
    exit 1
    error: `lockfiles/edge.lock` does not fit its manifest
      there is no lockfile
    hint: run `pintree lock`, review the change, and commit it
    ");
}

#[test]
fn every_pin_is_compared_with_what_there_is() {
    let environment = project();
    let both: Vec<(&str, &str)> =
        ["one", "two", "three", "four", "five"].into_iter().flat_map(|name| [(name, "1.0"), (name, "2.0")]).collect();
    let without_four: Vec<_> = both.into_iter().filter(|row| *row != ("four", "2.0")).collect();
    publish(&environment, &[("stable", &without_four), ("stable-security", &[("two", "1.1")]), ("backports", &[("four", "3.0")])]);
    let lock = std::fs::read(environment.project().join("lockfiles/edge.lock")).unwrap();
    let record = std::fs::read(environment.project().join("_build/edge.indexes.json")).unwrap();
    insta::assert_snapshot!(environment.run(&["outdated"]).all(), @"
    exit 0
    edge: 5 of 5 source packages have something newer
      two    1.0 ► 2.0  security (test stable; kiosk [amd64 armhf])
      five   1.0  (2.0 in test stable: does not fit the other packages and requests; kiosk [amd64 armhf])
      four   1.0  (3.0 in test backports: only if asked for from its suite; kiosk [amd64 armhf])
      one    1.0 ► 2.0  (test stable; kiosk [amd64 armhf])
      three  1.0  (2.0 in test stable: held at `1.*`, it breaks | badly, until 9999-12-31; kiosk [amd64 armhf])
       Reading `test` stable, stable-security, backports
    ");
    insta::assert_snapshot!(environment.run(&["outdated", "--format", "markdown"]).stdout, @r"
    **edge**: 5 of 5 source packages have something newer

    | source package | locked | upgrade | newest | where | |
    |---|---|---|---|---|---|
    | `two` | 1.0 | 2.0 | 2.0 (test stable) | kiosk [amd64 armhf] | **security** |
    | `five` | 1.0 | 1.0 | 2.0 (test stable) | kiosk [amd64 armhf] | does not fit the other packages and requests |
    | `four` | 1.0 | 1.0 | 3.0 (test backports) | kiosk [amd64 armhf] | only if asked for from its suite |
    | `one` | 1.0 | 2.0 | 2.0 (test stable) | kiosk [amd64 armhf] |  |
    | `three` | 1.0 | 1.0 | 2.0 (test stable) | kiosk [amd64 armhf] | held at `1.*`, it breaks \| badly, until 9999-12-31 |
    ");
    let json = environment.run(&["outdated", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    insta::assert_snapshot!(format!("{:#}", value["manifests"][0]["outdated"][3]), @r#"
    {
      "because": null,
      "candidate": "2.0",
      "current": "1.0",
      "images": {
        "kiosk": [
          "amd64",
          "armhf"
        ]
      },
      "newest": "2.0",
      "packages": [
        "one"
      ],
      "repo": "test",
      "security": false,
      "source": "one",
      "suite": "stable"
    }
    "#);
    // Nothing is written.
    assert_eq!(std::fs::read(environment.project().join("lockfiles/edge.lock")).unwrap(), lock);
    assert_eq!(std::fs::read(environment.project().join("_build/edge.indexes.json")).unwrap(), record);
    // What it says an upgrade takes is what an upgrade takes.
    assert_eq!(environment.run(&["lock", "--upgrade"]).code, 0);
    let after = environment.run(&["outdated", "--format", "json"]);
    let after: serde_json::Value = serde_json::from_str(&after.stdout).unwrap();
    for row in value["manifests"][0]["outdated"].as_array().unwrap() {
        let now = after["manifests"][0]["outdated"].as_array().unwrap().iter().find(|other| other["source"] == row["source"]);
        match now {
            Some(now) => assert_eq!(now["current"], row["candidate"], "{now:#}"),
            None => assert_eq!(row["candidate"], row["newest"], "{row:#}"),
        }
    }
}

#[test]
fn an_upgrade_without_solution_is_told() {
    let environment = project();
    publish(&environment, &[("stable", &[("one", "2.0"), ("two", "2.0"), ("three", "1.0"), ("four", "1.0"), ("five", "2.0")])]);
    insta::assert_snapshot!(environment.run(&["outdated"]).all(), @"
    exit 0
    edge: 3 of 5 source packages have something newer
      five  1.0  (2.0 in test stable; kiosk [amd64 armhf])
      one   1.0  (2.0 in test stable; kiosk [amd64 armhf])
      two   1.0  (2.0 in test stable; kiosk [amd64 armhf])
       Reading `test` stable, stable-security, backports
    warning: an upgrade of `edge` has no solution, so nothing can be said of what it would take
    error: cannot lock image `kiosk` of `edge` for armhf
      caused by: no set of packages for armhf meets the requests
      no version fits `five (<< 2)`
        there is `five` 2.0 in `test` (stable)
    hint: add a repository or suite that has `five (<< 2)`
    ");
}
