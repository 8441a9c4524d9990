//! `pintree why` and `pintree tree`.

use crate::environment::TestEnv;

#[test]
fn shows_the_shortest_ways_for_each_architecture() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtwo"]).all(), @"
    exit 0
    libtwo 2.0 in edge/kiosk for armhf
      request `app`
      └─ app 1.0
         └─ libone 1.2-1 (Depends: libone (>= 1))
            └─ libtwo 2.0 (Depends: libtwo (>= 2))

    libtwo 2.0 in edge/kiosk for amd64
      request `app`
      └─ app 1.0
         └─ libtwo 2.0 (Depends: libtwo)
       Reading `test` stable
    ");
    insta::assert_snapshot!(environment.run(&["why", "edge/kiosk", "postfix", "--arch", "amd64"]).all(), @"
    exit 0
    postfix 3.7 in edge/kiosk for amd64
      request `app`
      └─ app 1.0
         └─ postfix 3.7 (Depends: mail-agent | exim)
       Reading `test` stable
    ");
    insta::assert_snapshot!(environment.run(&["--format", "markdown", "why", "kiosk", "base"]).all(), @"
    exit 0
    `base` 1 in `edge/kiosk` for armhf, amd64:

    - variant `essential` → `base`
    - request `app` → `app` → `base` (Pre-Depends: base)
       Reading `test` stable
    ");
    let json = environment.run(&["--format", "json", "why", "small", "libtwo"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["answers"][0]["arches"], serde_json::json!(["armhf", "amd64"]));
    assert_eq!(value["answers"][0]["chains"][0]["asked"]["request"], "libtwo");
}

#[test]
fn tells_which_repositories_have_the_package() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["why", "small", "libtwo", "--offers"]).all(), @"
    exit 0
    libtwo 2.0 in edge/small for armhf, amd64
      request `libtwo`
      └─ libtwo 2.0

    to be had:
      2.0 in test (stable) for amd64, armhf, locked
       Reading `test` stable
    ");
    insta::assert_snapshot!(environment.run(&["why", "small", "tool", "--offers", "--format", "markdown"]).all(), @"
    exit 1
    tool is not in edge/small

    To be had:

    - 0.5 in `test` (stable) for amd64, armhf
       Reading `test` stable
    ");
    let json = environment.run(&["why", "small", "libtwo", "--offers", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    insta::assert_snapshot!(format!("{:#}", value["offers"]), @r#"
    [
      {
        "arches": [
          "amd64",
          "armhf"
        ],
        "hidden": false,
        "locked": true,
        "repo": "test",
        "security": false,
        "suite": "stable",
        "version": "2.0"
      }
    ]
    "#);
    assert_eq!(environment.run(&["why", "small", "nowhere", "--offers"]).code, 2);
}

#[test]
fn draws_what_needs_a_package() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--reverse", "libtwo"]).all(), @"
    exit 0
    edge/kiosk for armhf: 5 packages
    └─ libtwo 2.0
       └─ libone 1.2-1
          └─ app 1.0 [request `app`]

    edge/kiosk for amd64: 4 packages
    └─ libtwo 2.0
       └─ app 1.0 [request `app`]
       Reading `test` stable
    ");
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--reverse", "base", "--arch", "armhf", "--format", "markdown"]).all(), @"
    exit 0
    `edge/kiosk` for armhf: 5 packages

    - `base` 1 [variant `essential`]
      - `app` 1.0 [Pre-Depends, request `app`]
       Reading `test` stable
    ");
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--reverse", "tool"]).all(), @"
    exit 2
       Reading `test` stable
    error: no lockfile has a package `tool`
    ");
    let json = environment.run(&["tree", "kiosk", "--arch", "armhf", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let two = value["images"][0]["packages"].as_array().unwrap().iter().find(|row| row["package"] == "libtwo").unwrap();
    assert_eq!(two["needed_by"][0]["package"], "libone");
}

#[test]
fn says_where_a_package_is_instead() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["why", "small", "app"]).all(), @"
    exit 1
    error: `app` is not in the image `edge/small` for armhf, amd64; it is in edge/kiosk for armhf, amd64
    ");
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libone", "--arch", "amd64"]).all(), @"
    exit 1
    error: `libone` is not in the image `edge/kiosk` for amd64; it is in edge/kiosk for armhf
    ");
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtow"]).all(), @"
    exit 2
    error: no lockfile has a package `libtow`; did you mean `libtwo`?
    ");
    insta::assert_snapshot!(environment.run(&["why", "kisok", "app"]).all(), @"
    exit 2
    error: there is no image `kisok`; there are: `edge/kiosk`, `edge/small`
    ");
}

#[test]
fn draws_the_tree() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--arch", "armhf"]).all(), @"
    exit 0
    edge/kiosk for armhf: 5 packages
    ├─ app 1.0 [request `app`]
    │  ├─ base 1 [Pre-Depends]
    │  ├─ libone 1.2-1
    │  │  └─ libtwo 2.0
    │  └─ postfix 3.7
    └─ base 1 [variant `essential`]
       Reading `test` stable
    ");
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--depth", "1", "--format", "markdown", "--arch", "amd64"]).all(), @"
    exit 0
    `edge/kiosk` for amd64: 4 packages

    - `app` 1.0 [request `app`]
    - `base` 1 [variant `essential`]
       Reading `test` stable
    ");
    let json = environment.run(&["--format", "json", "tree", "small"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["images"][0]["packages"].as_array().unwrap().len(), 2);
}

#[test]
fn reads_imported_packages_when_the_repository_is_gone() {
    let environment = TestEnv::with_project();
    let before = environment.run(&["tree", "kiosk"]);
    assert_eq!(environment.run(&["build", "kiosk"]).code, 0);
    environment.unpublish();
    std::fs::remove_dir_all(environment.project().join("../cache")).unwrap();
    let after = environment.run(&["tree", "kiosk"]);
    assert_eq!((after.code, after.stdout), (0, before.stdout));
}

#[test]
fn never_guesses() {
    let environment = TestEnv::with_project();
    std::fs::remove_dir_all(environment.project().join("../cache")).unwrap();
    let empty = pintree::testkit::repo::Suite::new("stable").packages("main", "armhf", "").packages("main", "amd64", "");
    environment.publish_suite(&empty);
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtwo"]).all(), @"
    exit 4
       Reading `test` stable
    error: 5 packages are neither imported nor listed by a verified index: `app 1.0 armhf`, `base 1 armhf`, `libone 1.2-1 armhf`, `libtwo 2.0 all`, `postfix 3.7 armhf`
    hint: `pintree build` imports them; where the archive has moved on, `pintree lock --upgrade`
    ");
}

#[test]
fn foreign_architectures_are_told_apart() {
    let environment = TestEnv::new();
    let on = |arch: &str| {
        let stanza = |name: &str, version: &str, fields: &str| {
            let digest = pintree::pkg::Sha256::of(format!("{name} {arch}").as_bytes());
            format!(
                "Package: {name}\nVersion: {version}\nArchitecture: {arch}\nFilename: pool/main/{name}_{arch}.deb\nSize: 1\nSHA256: {digest}\n{fields}\n"
            )
        };
        [
            stanza("tool", "0.5", "Depends: libc (>= 2), helper\n"),
            stanza("libc", "2.1", "Multi-Arch: same\nProvides: libc-abi (= 2)\n"),
            stanza("helper", "1", "Multi-Arch: foreign\nDepends: libc-abi (>= 2)\n"),
        ]
        .join("")
    };
    let suite = pintree::testkit::repo::Suite::new("stable").packages("main", "amd64", &on("amd64")).packages("main", "i386", &on("i386"));
    environment.publish_suite(&suite);
    let url = format!("file://{}", environment.www().display());
    let top = "arches = [\"amd64\"]\nforeign-arches = [\"i386\"]";
    environment.manifest_of("edge", &url, top, "[image.kiosk]\npackages = [\"tool:i386\"]\n");
    assert_eq!(environment.run(&["lock"]).code, 0, "{}", environment.run(&["lock"]).all());
    insta::assert_snapshot!(environment.run(&["tree", "kiosk"]).stdout, @"
    edge/kiosk for amd64: 4 packages
    └─ tool:i386 0.5 [request `tool:i386`]
       ├─ libc:i386 2.1
       └─ helper 1
          └─ libc 2.1
    ");
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libc"]).stdout, @"
    libc 2.1 in edge/kiosk for amd64
      request `tool:i386`
      └─ tool:i386 0.5
         └─ helper 1 (Depends: helper)
            └─ libc 2.1 (Depends: libc-abi (>= 2))

    libc:i386 2.1 in edge/kiosk for amd64
      request `tool:i386`
      └─ tool:i386 0.5
         └─ libc:i386 2.1 (Depends: libc (>= 2))
    ");
    assert_eq!(environment.run(&["why", "kiosk", "libc:i386"]).code, 0);
    assert_eq!(environment.run(&["why", "kiosk", "helper:i386"]).code, 1);
}
