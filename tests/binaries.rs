//! What the built binaries load, and that the second one does its work.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use pintree::store::{CommitParts, Metadata, Repo, Tree};
use std::path::Path;
use std::process::Command;

/// Tells whether a program or library names `library` among what the loader must bring.
fn names(program: &str, library: &str) -> bool {
    let bytes = std::fs::read(program).unwrap();
    // The dynamic string table holds the name between zero bytes.
    let entry: Vec<u8> = [&[0], library.as_bytes(), &[0]].concat();
    memchr::memmem::find(&bytes, &entry).is_some()
}

#[test]
fn only_the_second_binary_loads_libostree() {
    for library in ["libostree-1.so.1", "libglib-2.0.so.0", "libgio-2.0.so.0"] {
        assert!(!names(env!("CARGO_BIN_EXE_pintree"), library), "pintree loads {library}");
        assert!(names(env!("CARGO_BIN_EXE_pintree-ostree"), library), "pintree-ostree does not load {library}");
    }
}

fn second(repo: &Path, words: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_pintree-ostree")).arg("--repo").arg(repo).args(words).output().unwrap()
}

#[test]
fn checks_lists_and_checks_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("repo");
    let repo = Repo::init(&path).unwrap();
    let meta = repo.write_dirmeta(&Metadata::root(0o755)).unwrap();
    let file = repo.write_file(&Metadata { uid: 0, gid: 42, ..Metadata::root(0o2755) }, b"content").unwrap();
    let mut tree = Tree::new();
    tree.insert_file(&repo, "usr/bin/x", file, Some(meta)).unwrap();
    let commit = repo.write_commit(&CommitParts::new(tree.write(&repo).unwrap(), meta)).unwrap();
    repo.write_ref_if_changed(&"deb/1/x".parse().unwrap(), &commit).unwrap();

    let fsck = second(&path, &["fsck"]);
    assert_eq!(String::from_utf8_lossy(&fsck.stdout), "1 refs, 6 objects, no damage\n", "{}", String::from_utf8_lossy(&fsck.stderr));
    let log = second(&path, &["log", "deb/1/x"]);
    assert_eq!(String::from_utf8_lossy(&log.stdout), format!("{commit} 0 \n"));
    let target = dir.path().join("root");
    let checkout = second(&path, &["checkout", "-U", "deb/1/x", target.to_str().unwrap()]);
    assert!(checkout.status.success(), "{}", String::from_utf8_lossy(&checkout.stderr));
    assert_eq!(std::fs::read(target.join("usr/bin/x")).unwrap(), b"content");

    // Writing to the checkout must not reach the repository.
    std::fs::write(target.join("usr/bin/x"), "changed").unwrap();
    repo.check_commit(&commit).unwrap();

    let hex = file.to_hex();
    let object = path.join("objects").join(&hex[..2]).join(format!("{}.file", &hex[2..]));
    std::fs::write(&object, "damaged").unwrap();
    let fsck = second(&path, &["fsck"]);
    assert_eq!(fsck.status.code(), Some(5), "{}", String::from_utf8_lossy(&fsck.stderr));
    assert_eq!(second(&path, &["log", "none"]).status.code(), Some(8));
}
