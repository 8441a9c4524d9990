//! Package files that are not what the lockfile says, and mirrors that are better.

use crate::fixture::{Archive, Project, manifest, needs, pool_path};
use crate::universe;
use pintree::testkit::server::Fault;

/// Package files as a bad server has them: what it sends of `good`, and what is said of that.
fn wrong_files(good: &[u8]) -> [(&'static str, Fault, [&'static str; 2]); 4] {
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let short = good[..good.len() - 100].to_vec();
    let mut long = good.to_vec();
    long.extend([0; 4096]);
    [
        ("another content", Fault::Replace(flipped), ["has SHA-256", "expected"]),
        ("too short", Fault::Replace(short), ["bytes, expected", "one_1.0_armhf.deb"]),
        ("too long", Fault::Replace(long.clone()), ["bytes, expected", "one_1.0_armhf.deb"]),
        ("an error page", Fault::Replace(b"<html>sign in first</html>".to_vec()), ["bytes, expected", "one_1.0_armhf.deb"]),
    ]
}

#[test]
fn wrong_package_files_are_refused() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    project.ok(&["lock"]);
    let path = format!("/{}", pool_path(&universe::one("1.0")));
    let good = universe::one("1.0").build();
    for (name, fault, words) in wrong_files(&good) {
        archive.server.behave();
        archive.server.fault(&path, usize::MAX, fault);
        let failed = project.run(&["build", "--until", "composed"]);
        assert_eq!(failed.code, 5, "{name}: {}", failed.stderr);
        let failed = failed.says(&["one 1.0 armhf"]).says(&words);
        assert!(failed.stderr.contains(&good.len().to_string()) || failed.stderr.contains("SHA-256"), "{name}: {}", failed.stderr);
        assert_eq!(project.refs(""), [""; 0], "{name}");
        let failed = project.run(&["build", "--until", "composed", "--format", "json"]).exits(5);
        assert_eq!(failed.json()["error"]["kind"], "integrity", "{name}");
    }
    archive.server.behave();
    project.build();
    project.fsck();
}

#[test]
fn a_message_names_expected_and_actual() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    project.ok(&["lock"]);
    archive.server.fault(&format!("/{}", pool_path(&universe::one("1.0"))), usize::MAX, Fault::Corrupt);
    let failed = project.run(&["build", "--until", "composed"]).exits(5);
    let mut corrupt = universe::one("1.0").build();
    let expected = pintree::pkg::Sha256::of(&corrupt).to_hex();
    corrupt[0] ^= 1;
    let actual = pintree::pkg::Sha256::of(&corrupt).to_hex();
    insta::assert_snapshot!(failed.talk().replace(&expected, "[EXPECTED]").replace(&actual, "[ACTUAL]"), @"
    [1/2] import one 1.0 armhf
    error: cannot fetch `one 1.0 armhf`
      caused by: `[MIRROR]/pool/main/o/one/one_1.0_armhf.deb` has SHA-256 [ACTUAL], expected [EXPECTED]
    error: 1 of 1 build steps failed, first `import one 1.0 armhf`
    ");
}

#[test]
fn a_second_mirror_helps_and_the_first_is_named() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let second = archive.mirror();
    let project = Project::new(&archive, universe::ONE);
    project.write("manifests/main.toml", &manifest(&[&archive.server, &second], &["armhf"], universe::ONE));
    project.ok(&["lock"]);
    let path = format!("/{}", pool_path(&universe::one("1.0")));
    let mut commits = vec![];
    for (name, fault, words) in wrong_files(&universe::one("1.0").build()) {
        archive.server.behave();
        archive.server.fault(&path, usize::MAX, fault);
        let ran = project.ok(&["build", "--until", "composed", "--format", "json"]).says(&["warning:", &archive.server.url()]).says(&words);
        commits.push(ran.images().remove(0).commit);
        std::fs::remove_dir_all(project.path("_build")).unwrap();
        assert!(!second.take_lines().is_empty(), "{name}");
    }
    commits.dedup();
    assert_eq!(commits.len(), 1);
    archive.server.behave();
    archive.server.fault(&path, usize::MAX, Fault::Status(404, None));
    project.ok(&["build", "--until", "composed"]);
}

#[test]
fn a_transfer_that_breaks_off_is_tried_again() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    project.ok(&["lock"]);
    let path = format!("/{}", pool_path(&universe::one("1.0")));
    archive.server.fault(&path, 1, Fault::Truncate(10));
    archive.server.take_log();
    project.build();
    assert_eq!(archive.server.take_lines(), vec![format!("200 {path}"); 2]);
}

#[test]
fn a_mirror_setting_wins_over_a_named_archives_default() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let text = project.read("manifests/main.toml").replace(&format!("{:?}", [archive.server.url()]), "\"debian\"");
    project.write("manifests/main.toml", &text);
    project.ok(&["--mirror", &format!("debian={}", archive.server.url()), "build", "--until", "composed"]);
    let lock = project.lockfile();
    assert!(lock.contains("archive = \"debian\""), "{lock}");
    assert!(!lock.contains("127.0.0.1"), "{lock}");

    let mut command = project.pintree(&["build", "--until", "composed"]);
    command.env("PINTREE_MIRROR_DEBIAN", archive.server.url());
    project.finish(&mut command).exits(0).says(&["nothing to do"]);
    project.write("mirrors.toml", &format!("debian = {:?}\n", archive.server.url()));
    project.ok(&["lock", "--upgrade"]).says(&["Unchanged"]);
}
