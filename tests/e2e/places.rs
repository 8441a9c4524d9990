//! Odd places, odd names, and hosts that lack something.

use crate::fixture::{Archive, Project, needs};
use crate::universe;
use pintree::testkit::deb::Package;
use std::path::Path;

/// Moves the whole project to a directory whose name is hard on shells and on ninja.
fn odd_place(project: &Project) -> std::path::PathBuf {
    let place = project.root().join("it's a $place: {big} #1");
    std::fs::rename(project.path(""), &place).unwrap();
    // Commands start in the old directory, which knows nothing.
    std::fs::create_dir(project.path("")).unwrap();
    place
}

#[test]
fn a_project_and_the_program_may_lie_anywhere() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let commit = project.build().remove(0).commit;
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    let place = odd_place(&project);
    let tools = project.root().join("my tools; $HOME");
    std::fs::create_dir(&tools).unwrap();
    let program = tools.join("pin tree");
    // By a process of its own: a program that is open for writing here, or in what another test has just forked, cannot start.
    project.finish(project.command("cp").arg(env!("CARGO_BIN_EXE_pintree")).arg(&program)).exits(0);
    let build = |directory: &Path, current: &Path| {
        let mut command = project.command(program.to_str().unwrap());
        command.arg("-C").arg(directory).args(["build", "--until", "composed", "--format", "json"]).current_dir(current);
        project.finish(&mut command).exits(0)
    };
    assert_eq!(build(&place, &project.path("")).images()[0].commit, commit);
    build(Path::new("."), &place).says(&["nothing to do"]);
    build(Path::new("../it's a $place: {big} #1/"), &place).says(&["nothing to do"]);
    let link = project.root().join("link");
    std::os::unix::fs::symlink(&place, &link).unwrap();
    build(&link, Path::new("/")).says(&["nothing to do"]);
    assert_eq!(std::fs::read_dir(project.path("")).unwrap().count(), 0, "nothing is written elsewhere");
}

#[test]
fn odd_names_and_versions_come_through() {
    needs!("dpkg-query");
    let odd = |name: &str, version: &str, source: &str| Package::new(name, version).arch("armhf").field("Source", source);
    let archive = Archive::new(&[
        odd("libstdc++6", "1:12.2.0~rc1+dfsg-14+b2", "gcc-12 (1:12.2.0~rc1+dfsg-14)").depends("0ad.data"),
        odd("0ad.data", "2:0~0", "libodd (5)").file("usr/share/été/a b 'c' \"d\" $e `f`", 0o644, "x").file("usr/share/-n", 0o600, ""),
    ]);
    let project = Project::new(&archive, "[image.a-b_C]\nvariant = \"custom\"\npackages = [\"libstdc++6 (>= 1:12)\"]\n");
    let built = project.build();
    let lock = project.lockfile();
    assert!(lock.contains("bin.\"libstdc++6\" = {") && lock.contains("binnmu = { armhf = 2 }"), "{lock}");
    let root = project.checkout(&built[0].reference);
    assert_eq!(std::fs::read(root.join("usr/share/été/a b 'c' \"d\" $e `f`")).unwrap(), b"x");
    let option = format!("--root={}", root.display());
    let query = project.finish(project.command("dpkg-query").args([&option, "-W", "-f", "${Package} ${Version} ${source:Version}\n"]));
    assert_eq!(query.stdout, "0ad.data 2:0~0 5\nlibstdc++6 1:12.2.0~rc1+dfsg-14+b2 1:12.2.0~rc1+dfsg-14\n");
    project.ok(&["lock", "--check"]);
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
}

#[test]
fn needs_no_home() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let mut command = project.pintree(&["build", "--until", "composed"]);
    for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "TMPDIR"] {
        command.env_remove(name);
    }
    project.finish(&mut command).exits(0);
    assert_eq!(std::fs::read_dir(project.home("")).unwrap().count(), 0);
}

#[test]
fn says_that_ninja_is_missing() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let mut command = project.pintree(&["-q", "build", "--until", "composed"]);
    command.env("PATH", project.root());
    let failed = project.finish(&mut command).exits(7);
    insta::assert_snapshot!(failed.talk(), @"
    error: cannot start `ninja`
      caused by: No such file or directory (os error 2)
    hint: install it: `apt-get install ninja-build`
    ");
}

#[test]
fn ci_builds_what_is_locked() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    project.ok(&["lock"]);
    let mut command = project.pintree(&["build", "--until", "composed"]);
    command.env("CI", "true");
    project.finish(&mut command).exits(0);
}

#[test]
fn a_file_repository_needs_no_server() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0+b~1")]);
    let project = Project::new(&archive, universe::ONE);
    let url = format!("file://{}", archive.directory.path().display());
    project.write("manifests/main.toml", &crate::fixture::manifest_at(&[url], &["armhf"], universe::ONE));
    archive.server.take_log();
    project.build();
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    // A file is no network.
    project.ok(&["--offline", "build", "--until", "composed"]);
    assert_eq!(archive.server.take_lines(), [""; 0]);
    std::fs::remove_dir_all(archive.path("pool")).unwrap();
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    project.run(&["build", "--until", "composed"]).exits(4).says(&["one 1.0+b~1 armhf", "hint: packages that no mirror has any more"]);
}

#[test]
fn a_full_disk_is_told_and_costs_nothing() {
    needs!("sh");
    let archive = Archive::new(&universe::many(6));
    let project = Project::new(&archive, universe::MANY);
    project.ok(&["lock"]);
    project.ok(&["ninja"]);
    // A file that may not grow is as good as a disk that is full; the shell's unit is 512 bytes.
    let mut command = project.command("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" -q build", env!("CARGO_BIN_EXE_pintree")]);
    let failed = project.finish(&mut command);
    assert!([6, 8].contains(&failed.code), "{}: {}", failed.code, failed.stderr);
    let failed = failed.says(&["File too large"]);
    assert!(!failed.stderr.contains("panicked"), "{}", failed.stderr);
    assert_eq!(project.refs("image"), [""; 0]);
    project.fsck();
    project.build();
    project.fsck();
}
