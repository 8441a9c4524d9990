//! Whose fault a failure is: `bot` and `bisect` blame packages for what packages do, and for nothing else.

use crate::checkout::{image_of, names, part, parts};
use crate::configure::needs_shell;
use crate::fixture::{Archive, Project, Ran, needs, pool_path, program};
use pintree::testkit::deb::Package;
use pintree::testkit::server::Fault;

/// Scripts are the host's own programs here.
const ARCH: &str = "amd64";

const UNTIL: [&str; 2] = ["--until", "composed"];

fn bot(project: &Project) -> Ran {
    project.run(&["--format", "json", "bot", UNTIL[0], UNTIL[1]])
}

/// A checkout locked at `1.0` whose archive has `packages` now.
fn outdated(count: usize, packages: &[Package]) -> (Archive, Project) {
    let archive = Archive::new(&parts(count, "1.0"));
    let project = Project::checked_in(&archive, &image_of(&names(count)));
    archive.publish(packages);
    (archive, project)
}

/// The night after: everything moves, and nothing is held back.
fn takes_all(project: &Project, count: usize) {
    let json = bot(project).exits(0).json();
    assert_eq!(json["held"].as_array().map(Vec::len), Some(0), "{json:#}");
    assert_eq!(json["commits"][0]["sources"].as_array().map(Vec::len), Some(count), "{json:#}");
}

#[test]
fn a_mirror_in_mid_sync_holds_no_package_back() {
    needs!("git");
    let (archive, project) = outdated(4, &parts(4, "2.0"));
    let (file, away) = (archive.path(&pool_path(&part("part02", "2.0"))), archive.path("away"));
    std::fs::rename(&file, &away).unwrap();
    let before = project.state();
    bot(&project).exits(4).says(&["cannot fetch `part02 2.0 all`", "no package is to blame"]);
    assert_eq!(project.state(), before);
    std::fs::rename(&away, &file).unwrap();
    takes_all(&project, 4);
}

#[test]
fn other_bytes_from_a_mirror_hold_no_package_back() {
    needs!("git");
    let (archive, project) = outdated(4, &parts(4, "2.0"));
    let path = format!("/{}", pool_path(&part("part02", "2.0")));
    archive.server.fault(&path, usize::MAX, Fault::Corrupt);
    let before = project.state();
    bot(&project).exits(5).says(&["part02", "no package is to blame"]);
    assert_eq!(project.state(), before);
    archive.server.behave();
    takes_all(&project, 4);
}

/// Runs a command with `_build` on a small disk of its own.
fn on_small_disk(project: &Project, megabytes: usize, arguments: &[&str]) -> Ran {
    let disk = format!("mount -t tmpfs -o size={megabytes}m none _build && exec \"$0\" \"$@\"");
    std::fs::create_dir_all(project.path("_build")).unwrap();
    let mut command = project.command("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &disk, &program()]).args(arguments);
    project.finish(&mut command)
}

/// More than a small disk holds, and no compressor makes it small.
fn large(package: Package) -> Package {
    let mut state = 1_u32;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(12 << 20)
    .collect();
    package.file("usr/share/large", 0o644, content)
}

#[test]
fn a_full_disk_holds_no_package_back_and_convicts_none() {
    needs!("git", "unshare", "mount");
    let mut packages = parts(3, "2.0");
    packages[1] = large(packages[1].clone());
    let (_archive, project) = outdated(3, &packages);
    let before = project.state();
    let small = |arguments: &[&str]| on_small_disk(&project, 9, arguments);
    small(&["bot", UNTIL[0], UNTIL[1]]).exits(8).says(&["No space left on device", "no package is to blame"]);
    assert_eq!(project.state(), before);
    project.ok(&["lock", "--upgrade"]);
    small(&["build", UNTIL[0], UNTIL[1]]).exits(8).says(&["No space left on device"]);
    project.commit("update");
    small(&["bisect", "--build-only", UNTIL[0], UNTIL[1]]).exits(8).says(&["No space left on device"]);
    project.git(&["reset", "-q", "--hard", "HEAD~1"]);
    takes_all(&project, 3);
}

#[test]
fn a_script_that_fails_on_a_full_disk_is_not_to_blame() {
    let shell = needs_shell!("unshare", "mount", "git");
    let fill = |size: usize| {
        format!(
            "#!/bin/sh\nset -e\nbusybox dd if=/dev/zero of=/var/fill bs=1024 count={size} || {{ busybox rm /var/fill; exit 1; }}\nbusybox rm /var/fill\n"
        )
    };
    let app = |version: &str, size| Package::new("app", version).arch(ARCH).script("postinst", &fill(size));
    let archive = Archive::new(&[app("1.0", 1), shell.clone()]);
    let project = Project::with_arches(&archive, &[ARCH], "[image.root]\npackages = [\"app\"]\n");
    project.write(".gitignore", "/_build/\n");
    project.ok(&["lock"]);
    project.git(&["init", "-q"]);
    project.commit("first");
    archive.publish(&[app("2.0", 40 << 10), shell]);
    on_small_disk(&project, 30, &["bot"]).exits(8).says(&["no space left in", "no package is to blame"]);
}

#[test]
fn a_commit_that_cannot_be_read_is_skipped_with_its_reason() {
    needs!("git");
    let archive = Archive::new(&[part("part00", "1")]);
    let project = Project::checked_in(&archive, &image_of(&["part00".to_owned()]));
    let good = project.git(&["rev-parse", "HEAD"]);
    let manifest = project.read("manifests/main.toml");
    for version in 2..=8 {
        archive.publish(&[part("part00", &version.to_string())]);
        project.ok(&["lock", "--upgrade"]);
        let lockfile = project.lockfile();
        match version {
            4 => project.write("lockfiles/main.lock", &format!("<<<<<<< HEAD\n{lockfile}")),
            5 => project.write("manifests/main.toml", &format!("{manifest}pakages = 1\n")),
            _ => {}
        }
        project.commit(&version.to_string());
        project.write("lockfiles/main.lock", &lockfile);
        project.write("manifests/main.toml", &manifest);
    }
    let judge = "ostree --repo=\"$PINTREE_STORE\" cat \"$PINTREE_REF\" /usr/share/part00/version | grep -q '^[1-6]$'";
    let ran = project.run(&["--format", "json", "bisect", UNTIL[0], UNTIL[1], &good, "HEAD", "--", "sh", "-c", judge]);
    let ran = ran.exits(0);
    assert_eq!(ran.json()["commits"][0]["subject"], "7", "{}", ran.stderr);
    assert_eq!(ran.json()["sources"][0]["change"], "part00 6 ► 7");
    // Where only commits that cannot be read lie between good and bad, they stay suspects, and the reasons stand there.
    let judge = judge.replace("1-6", "1-3");
    let ran = project.run(&["bisect", UNTIL[0], UNTIL[1], &good, "HEAD", "--", "sh", "-c", &judge]).exits(1);
    ran.says(&["skipped: ", "is not a usable lockfile", "pakages"]);
}
