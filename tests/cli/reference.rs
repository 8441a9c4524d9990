//! What is generated from the definitions is in step with them.

use crate::environment::TestEnv;

/// `UPDATE_DOCS=1 cargo test --test cli reference` rewrites the page.
#[test]
fn the_reference_is_in_step_with_the_help() {
    let generated = TestEnv::new().run(&["util", "cli-markdown"]);
    assert_eq!(generated.code, 0);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &generated.stdout).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == generated.stdout, "docs/cli.md is stale: UPDATE_DOCS=1 cargo test --test cli reference");
}

#[test]
fn every_verb_teaches() {
    let environment = TestEnv::new();
    for verb in ["init", "lock", "build", "ninja", "diff", "why", "tree", "outdated", "log", "verify", "bisect", "bot", "gc", "doctor"] {
        let help = environment.run(&[verb, "--help"]);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{verb}");
        assert!(help.stdout.contains("Usage:"), "{verb}");
    }
}
