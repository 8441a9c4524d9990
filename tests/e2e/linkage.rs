//! What the program must not load.

use crate::fixture::{Project, has};

/// A process that links libostree starts 15 ms later; the import step is one process for each package.
#[test]
fn the_program_loads_no_libostree() {
    if !has(&["ldd"]) {
        return;
    }
    let project = Project::empty();
    let needed = |program: &str| project.finish(project.command("ldd").arg(program)).exits(0).stdout;
    let ours = needed(env!("CARGO_BIN_EXE_pintree"));
    for library in ["libostree", "libgio", "libglib", "libcurl", "libssl", "liblzma"] {
        assert!(!ours.contains(library), "{library} is loaded:\n{ours}");
    }
    let paths = std::env::var_os("PATH").unwrap();
    let ostree = std::env::split_paths(&paths).map(|directory| directory.join("ostree")).find(|path| path.is_file()).unwrap();
    let other = needed(ostree.to_str().unwrap());
    assert!(other.contains("libostree-1"), "this test would see it: {other}");
}

#[test]
fn the_second_program_lies_beside_the_first() {
    let directory = |program: &str| std::path::Path::new(program).parent().unwrap().to_owned();
    assert_eq!(directory(env!("CARGO_BIN_EXE_pintree")), directory(env!("CARGO_BIN_EXE_pintree-ostree")));
}
