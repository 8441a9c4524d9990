//! Indexes that nobody should believe: exit 5 with the reason, and no lockfile changes.

use crate::fixture::{Archive, Project, Ran, needs};
use crate::universe;
use pintree::testkit::keys::Gpg;
use pintree::testkit::repo::ReleaseFiles;

/// Locks, expects refusal, and that no lockfile is there.
#[track_caller]
fn refused(project: &Project, words: &[&str]) -> Ran {
    let before = std::fs::read(project.path("lockfiles/main.lock")).ok();
    let failed = project.run(&["lock", "--upgrade"]).exits(5).says(words);
    assert_eq!(std::fs::read(project.path("lockfiles/main.lock")).ok(), before, "the lockfile is untouched");
    let json = project.run(&["lock", "--upgrade", "--format", "json"]).exits(5).json();
    assert_eq!(json["error"]["kind"], "integrity");
    failed
}

fn project(archive: &Archive) -> Project {
    Project::new(archive, universe::ONE)
}

#[test]
fn refuses_a_tampered_release() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let path = archive.path("dists/stable/InRelease");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Label: Test", "Label: Tset")).unwrap();
    let failed = refused(&project(&archive), &["cannot trust `", "InRelease` of repository `debian`"]);
    insta::assert_snapshot!(failed.talk().replace(&archive.key, "[KEY]"), @"
       Reading `debian` stable
    error: cannot trust `[MIRROR]/dists/stable/InRelease` of repository `debian`
      caused by: no acceptable signature: the signature by [KEY] is not over this text
    hint: compare the repository's published key with the `key` in the manifest
    ");
}

#[test]
fn refuses_another_key() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let gpg = Gpg::new();
    let other = gpg.key("somebody");
    archive.publish_as(&[universe::one("1.0")], &gpg, &other, |suite| suite);
    refused(&project(&archive), &["cannot trust `", "hint: compare the repository's published key with the `key` in the manifest"]);
}

#[test]
fn says_what_to_do_about_a_key_file_that_is_missing() {
    needs!();
    let project = project(&Archive::new(&[universe::one("1.0")]));
    std::fs::remove_file(project.path("keys/archive.asc")).unwrap();
    project.run(&["lock"]).exits(2).says(&[
        "cannot read key file `",
        "keys/archive.asc`",
        "hint: save the repository's public key there, or name another file as the manifest's `key`",
    ]);
}

#[test]
fn refuses_what_has_expired() {
    needs!();
    let archive = Archive::new(&[]);
    archive.publish_suite(&[universe::one("1.0")], |suite| suite.field("Valid-Until", "Thu, 08 Jan 2026 00:00:00 UTC"));
    refused(&project(&archive), &["InRelease` was valid until 2026-01-08", "hint: the mirror is out of date"]);
}

#[test]
fn refuses_an_older_state_than_was_seen() {
    needs!();
    let archive = Archive::new(&[]);
    archive.publish_suite(&[universe::one("1.1")], |suite| suite.field("Date", "Fri, 02 Jan 2026 00:00:00 UTC"));
    let project = project(&archive);
    project.ok(&["lock"]);
    archive.publish(&[universe::one("1.0")]);
    refused(&project, &["InRelease` is dated 2026-01-01", "older than the 2026-01-02", "hint: use a mirror that is up to date"]);
    assert!(project.lockfile().contains("1.1"));
}

#[test]
fn refuses_an_index_that_is_not_the_signed_one() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let path = archive.path("dists/stable/main/binary-armhf/Packages.xz");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let sync = ["Packages.xz", "by the signed Release (mirror sync in progress?)", "hint: the mirror may be in the middle of an update"];
    refused(&project(&archive), &sync);
    bytes.extend([0; 10]);
    std::fs::write(&path, &bytes).unwrap();
    refused(&project(&archive), &sync);
}

#[test]
fn refuses_what_nobody_signed_unless_told() {
    needs!();
    let archive = Archive::new(&[]);
    archive.publish_suite(&[universe::one("1.0")], |suite| suite.files(ReleaseFiles::Unsigned));
    let project = project(&archive);
    refused(&project, &["repository `debian` has no signed `", "hint: if nothing else is to be had, write `trust = \"none\"`"]);
    let text = project.read("manifests/main.toml").replace("key = \"keys/archive.asc\"", "trust = \"none\"");
    project.write("manifests/main.toml", &text);
    project.ok(&["lock"]);
    assert!(project.lockfile().contains("trust = \"none\""));
}

#[test]
fn refuses_another_suite_and_another_name() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = project(&archive);
    project.ok(&["lock"]);
    archive.publish_suite(&[universe::one("1.0")], |suite| suite.field("Origin", "Else"));
    refused(&project, &["changed its `Origin` from `Test` to `Else`"]);
    archive.publish_suite(&[universe::one("1.0")], |suite| suite.field("Codename", "older"));
    refused(&Project::new(&archive, universe::ONE), &["`older`", "`stable`"]);
}
