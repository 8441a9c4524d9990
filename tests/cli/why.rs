//! `pintree why` and `pintree tree`.

use crate::environment::TestEnv;

#[test]
fn shows_the_shortest_ways_for_each_architecture() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtwo"]).all(), @"");
    insta::assert_snapshot!(environment.run(&["why", "edge/kiosk", "postfix", "--arch", "amd64"]).all(), @"");
    insta::assert_snapshot!(environment.run(&["--format", "markdown", "why", "kiosk", "base"]).all(), @"");
    let json = environment.run(&["--format", "json", "why", "small", "libtwo"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(value["answers"][0]["arches"], serde_json::json!(["armhf", "amd64"]));
    assert_eq!(value["answers"][0]["chains"][0]["asked"]["request"], "libtwo");
}

#[test]
fn says_where_a_package_is_instead() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["why", "small", "app"]).all(), @"");
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libone", "--arch", "amd64"]).all(), @"");
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtow"]).all(), @"");
    insta::assert_snapshot!(environment.run(&["why", "kisok", "app"]).all(), @"");
}

#[test]
fn draws_the_tree() {
    let environment = TestEnv::with_project();
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--arch", "armhf"]).all(), @"");
    insta::assert_snapshot!(environment.run(&["tree", "kiosk", "--depth", "1", "--format", "markdown", "--arch", "amd64"]).all(), @"");
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
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtwo"]).all(), @"");
}
