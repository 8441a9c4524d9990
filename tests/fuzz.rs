//! Every input below `tests/fuzz/corpus` keeps the invariant that stands on top of its fuzz target. An input that once broke
//! one stays there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no in this way")]

mod fuzz {
    pub mod targets {
        pub mod changelog;
        pub mod contents;
        pub mod deb;
        pub mod dirtree;
        pub mod lockfile;
        pub mod manifest;
        pub mod mirrors;
        pub mod packages;
        pub mod relation;
        pub mod release;
        pub mod request;
        pub mod signature;
        pub mod stored_index;
        pub mod version;
    }
}

use fuzz::targets;
use std::collections::BTreeSet;
use std::path::Path;

/// A target's name and its check.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 14] = [
    ("changelog", targets::changelog::check),
    ("contents", targets::contents::check),
    ("deb", targets::deb::check),
    ("dirtree", targets::dirtree::check),
    ("lockfile", targets::lockfile::check),
    ("manifest", targets::manifest::check),
    ("mirrors", targets::mirrors::check),
    ("packages", targets::packages::check),
    ("relation", targets::relation::check),
    ("release", targets::release::check),
    ("request", targets::request::check),
    ("signature", targets::signature::check),
    ("stored_index", targets::stored_index::check),
    ("version", targets::version::check),
];

#[test]
fn the_corpus_keeps_its_invariants() {
    for (name, check) in TARGETS {
        let mut inputs = 0;
        for entry in Path::new("tests/fuzz/corpus").join(name).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            std::panic::catch_unwind(|| check(&bytes)).unwrap_or_else(|_| panic!("`{}` breaks its invariant", path.display()));
            inputs += 1;
        }
        assert!(inputs > 0, "`{name}` has no input to start from");
    }
}

#[test]
fn every_target_is_replayed() {
    let files = Path::new("tests/fuzz/targets").read_dir().unwrap();
    let files: BTreeSet<String> = files.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, TARGETS.map(|(name, _)| name.to_owned()).into());
    let manifest = std::fs::read_to_string("tests/fuzz/Cargo.toml").unwrap();
    for name in files {
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "tests/fuzz/Cargo.toml lacks `{name}`");
    }
}
