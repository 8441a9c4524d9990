//! `pintree gc`.

use crate::environment::TestEnv;

#[test]
fn keeps_what_lockfiles_name_and_drops_the_rest() {
    let environment = TestEnv::with_project();
    assert_eq!(environment.run(&["build"]).code, 0);
    insta::assert_snapshot!(environment.run(&["gc"]).stdout.split(';').next().unwrap(), @"dropped 0 packages and 0 images: 0 objects, 0 B");
    environment.manifest("edge", "[image.small]\npackages = [\"libtwo\"]\n");
    assert_eq!(environment.run(&["lock"]).code, 0);
    let dry = environment.run(&["gc", "--dry-run", "--format", "json"]);
    let young = environment.run(&["gc", "--older-than", "1d", "--format", "json"]);
    let real = environment.run(&["gc", "--format", "json"]);
    let [dry, young, real] = [dry, young, real].map(|ran| serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap());
    assert_eq!(young["refs"], serde_json::json!([]), "what a build has just written is not that old");
    for key in ["refs", "objects", "kept", "bytes"] {
        assert_eq!(dry[key], real[key], "{key}");
    }
    assert_eq!(real["refs"].as_array().unwrap().len(), 7, "{real}");
    assert_eq!(environment.run(&["--offline", "build"]).code, 0, "what stays is whole");
    assert_eq!(environment.run(&["verify"]).code, 0);
}

#[test]
fn refuses_beside_a_build_and_outside_a_project() {
    let environment = TestEnv::with_project();
    assert_eq!(environment.run(&["build", "small"]).code, 0);
    let lock = std::fs::File::create(environment.project().join("_build/lock")).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!(environment.run(&["gc"]).all(), @"
    exit 8
    error: a build of `_build` is running
    hint: try again when it has ended
    ");
    drop(lock);
    assert_eq!(environment.run(&["gc", "--older-than", "soon"]).code, 2);
    assert_eq!(environment.run(&["-C", "keys", "gc"]).code, 2);
}
