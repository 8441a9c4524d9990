//! What stands in the repository as an example works: every manifest fits its lockfile, offline.

use std::path::Path;
use std::process::Command;

#[test]
fn every_manifest_fits_its_lockfile() {
    let mut projects = vec![Path::new(".").to_owned()];
    for entry in std::fs::read_dir("examples").unwrap() {
        let path = entry.unwrap().path();
        if path.join("manifests").is_dir() {
            projects.push(path);
        }
    }
    assert!(projects.len() > 1, "there are examples");
    for project in projects {
        let output = Command::new(env!("CARGO_BIN_EXE_pintree"))
            .arg("-C")
            .arg(&project)
            .args(["--offline", "lock", "--check"])
            .env("XDG_CACHE_HOME", "/nonexistent")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", project.display());
    }
}
