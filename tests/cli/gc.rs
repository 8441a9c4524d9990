//! `pintree gc`.

use crate::environment::TestEnv;

#[test]
fn keeps_what_lockfiles_name_and_drops_the_rest() {
    let environment = TestEnv::with_project();
    assert_eq!(environment.run(&["build", "--until", "composed"]).code, 0);
    insta::assert_snapshot!(environment.run(&["gc"]).stdout.split(';').next().unwrap(), @"dropped 0 packages and 0 images: 0 objects, 0 B");
    environment.manifest("edge", "[image.small]\npackages = [\"libtwo\"]\n");
    assert_eq!(environment.run(&["lock"]).code, 0);
    let stage = |word: &str| format!("stage/1/{}", pintree::pkg::Sha256::of(word.as_bytes()));
    let refs = environment.project().join("_build/ostree/refs/heads");
    std::fs::create_dir_all(refs.join("stage/1")).unwrap();
    for word in ["used", "unused"] {
        std::fs::copy(refs.join("image/edge/small/armhf/composed"), refs.join(stage(word))).unwrap();
    }
    for (path, text) in [
        ("stages/edge.small.armhf", stage("used")),
        ("stages/edge.kiosk.armhf", stage("unused")),
        ("logs/edge.kiosk.armhf.configure.log", String::new()),
    ] {
        let path = environment.project().join("_build").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }
    let dry = environment.run(&["gc", "--dry-run", "--format", "json"]);
    let young = environment.run(&["gc", "--older-than", "1d", "--format", "json"]);
    let real = environment.run(&["gc", "--format", "json"]);
    let [dry, young, real] = [dry, young, real].map(|ran| serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap());
    assert_eq!(young["refs"], serde_json::json!([]), "what a build has just written is not that old");
    assert_eq!(young["files"], serde_json::json!([]));
    let logs_and_state = [
        "_build/ids/edge.kiosk.amd64",
        "_build/ids/edge.kiosk.armhf",
        "_build/logs/edge.kiosk.armhf.configure.log",
        "_build/stages/edge.kiosk.armhf",
    ];
    assert_eq!(real["files"], serde_json::json!(logs_and_state));
    assert!(refs.join(stage("used")).exists() && !refs.join(stage("unused")).exists());
    assert!(!environment.project().join("_build/logs/edge.kiosk.armhf.configure.log").exists());
    for key in ["refs", "objects", "kept", "bytes", "files"] {
        assert_eq!(dry[key], real[key], "{key}");
    }
    assert_eq!(real["refs"].as_array().unwrap().len(), 8, "{real}");
    assert_eq!(environment.run(&["--offline", "build", "--until", "composed"]).code, 0, "what stays is whole");
    assert_eq!(environment.run(&["verify"]).code, 0);
}

#[test]
fn drops_packages_of_other_import_formats_however_young() {
    let environment = TestEnv::with_project();
    assert_eq!(environment.run(&["build", "--until", "composed", "small"]).code, 0);
    let refs = environment.project().join("_build/ostree/refs/heads");
    std::fs::create_dir_all(refs.join("deb/1")).unwrap();
    let current = std::fs::read_dir(refs.join("deb/2")).unwrap().next().unwrap().unwrap();
    std::fs::copy(current.path(), refs.join("deb/1").join(current.file_name())).unwrap();
    let ran = environment.run(&["gc", "--older-than", "1d", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["refs"], serde_json::json!([format!("deb/1/{}", current.file_name().to_string_lossy())]), "{report}");
    assert!(current.path().exists() && !refs.join("deb/1").exists());
}

#[test]
fn refuses_beside_a_build_and_outside_a_project() {
    let environment = TestEnv::with_project();
    assert_eq!(environment.run(&["build", "--until", "composed", "small"]).code, 0);
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
