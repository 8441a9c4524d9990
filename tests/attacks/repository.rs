//! What a mirror, or somebody on the path to it, may answer: no unsigned byte gets into a lockfile.

use crate::fixture::{Archive, Project, needs};
use crate::table::{self, Row, Verdict};
use pintree::testkit::deb::Package;

/// The image of every row.
const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n";

const ROWS: &[Row] = &[Row { name: "tampered-release", guard: "signature", attack: tampered_release, twin: honest }];

#[test]
fn repositories() {
    needs!();
    table::run("repository", ROWS, &[]);
}

fn one(version: &str) -> Package {
    Package::new("one", version).arch("armhf").file("usr/share/one", 0o644, version)
}

/// Judges a lock that must not happen.
fn refused(project: &Project, arguments: &[&str]) -> Verdict {
    let before = std::fs::read(project.path("lockfiles/main.lock")).ok();
    let ran = project.run(arguments);
    let untouched = std::fs::read(project.path("lockfiles/main.lock")).ok() == before;
    let error = ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("no error").to_owned();
    Verdict::of(ran.code == 5 && untouched, format!("exit {}, {error}", ran.code))
}

fn honest() -> Verdict {
    let project = Project::new(&Archive::new(&[one("1.0")]), IMAGE);
    let ran = project.run(&["lock"]);
    Verdict::of(ran.code == 0, format!("exit {} {}", ran.code, ran.stderr))
}

fn tampered_release() -> Verdict {
    let archive = Archive::new(&[one("1.0")]);
    let path = archive.path("dists/stable/InRelease");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Label: Test", "Label: Tset")).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}
