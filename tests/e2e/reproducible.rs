//! One lockfile, one commit: in other directories, under other settings, as another user.

use crate::fixture::{Archive, Project, needs, skip};
use crate::universe;
use std::os::unix::fs::{PermissionsExt as _, chown};

/// A user that every host has, and whom nothing belongs to.
const NOBODY: u32 = 65534;

#[test]
fn surroundings_do_not_show_in_the_commit() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let commit = project.build().remove(0).commit;
    let lock = project.lockfile();
    for (umask, zone, locale, jobs) in [("077", "Asia/Kathmandu", "tr_TR.UTF-8", "1"), ("000", "America/St_Johns", "C", "16")] {
        let other = Project::new(&archive, universe::APP);
        other.write("lockfiles/main.lock", &lock);
        let mut command = other.command("sh");
        command.args([
            "-c",
            &format!("umask {umask}; exec \"$0\" \"$@\""),
            env!("CARGO_BIN_EXE_pintree"),
            "build",
            "--until",
            "composed",
            "-j",
            jobs,
            "--format",
            "json",
        ]);
        command.env("TZ", zone).env("LC_ALL", locale).env("SOURCE_DATE_EPOCH", "1000000000").env("HOSTNAME", "elsewhere");
        let built = other.finish(&mut command).exits(0).images();
        assert_eq!(built[0].commit, commit, "umask {umask}, {zone}, {locale}, -j {jobs}");
        other.fsck();
        assert_eq!(other.lockfile(), lock);
    }
}

#[test]
fn a_lock_made_elsewhere_has_the_same_bytes() {
    needs!();
    let archive = Archive::new(&universe::app_twice());
    let project = Project::with_arches(&archive, &["armhf", "amd64"], universe::APP);
    project.ok(&["lock"]);
    // Another order of the index, another directory, another mirror.
    let mut packages = universe::app_twice();
    packages.reverse();
    archive.publish(&packages);
    let mirror = archive.mirror();
    let other = Project::with_arches(&archive, &["armhf", "amd64"], universe::APP);
    other.write("manifests/main.toml", &crate::fixture::manifest(&[&mirror], &["armhf", "amd64"], universe::APP));
    other.ok(&["lock"]);
    assert_eq!(other.lockfile(), project.lockfile());
}

#[test]
fn another_user_builds_the_same_commit() {
    needs!("setpriv");
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let commit = project.build().remove(0).commit;
    let other = Project::new(&archive, universe::APP);
    other.write("lockfiles/main.lock", &project.lockfile());
    // The program may lie where only root may look.
    let program = other.root().join("pintree");
    // By a process of its own: a program that is open for writing here, or in what another test has just forked, cannot start.
    project.finish(project.command("cp").arg(env!("CARGO_BIN_EXE_pintree")).arg(&program)).exits(0);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    own(other.root());
    let mut command = other.command("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
    command.arg(&program).args(["build", "--until", "composed", "--format", "json"]);
    let ran = other.finish(&mut command);
    if ran.code == 127 {
        return skip(&format!("this host lets nobody run: {}", ran.stderr));
    }
    assert_eq!(ran.exits(0).images()[0].commit, commit);
    let mut files = vec![];
    crate::fixture::files_below(&other.path("_build"), &mut |path| files.push(path.to_owned()));
    use std::os::unix::fs::MetadataExt as _;
    assert!(files.iter().all(|path| std::fs::symlink_metadata(path).unwrap().uid() == NOBODY), "all of it is nobody's");
    // And root goes on where nobody stopped.
    assert_eq!(other.build()[0].commit, commit);
}

fn own(directory: &std::path::Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            own(&path);
        }
        chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
}
