//! Maintainer scripts run in a sandbox: as dpkg runs them, with nothing of the host, and the same result every time.

use crate::fixture::{Archive, Built, Project, needs};
use pintree::testkit::deb::{Compression, Package};
use std::path::PathBuf;
use std::process::Stdio;

/// Scripts are the host's own programs here; the test of the real archive runs foreign ones.
const ARCH: &str = "amd64";

/// Returns from the test unless scripts of this architecture run and busybox is there.
macro_rules! needs_shell {
    ($($tool:expr),*) => {{
        needs!("dpkg", "setsid" $(, $tool)*);
        if cfg!(not(target_arch = "x86_64")) {
            return crate::fixture::skip("this test's shell is for amd64");
        }
        match crate::universe::shell(ARCH) {
            Some(shell) => shell,
            None => return crate::fixture::skip("busybox is not installed"),
        }
    }};
}
pub(crate) use needs_shell;

/// A package for the tests' architecture; nothing is compressed, so that a compressor's next version changes no byte.
fn package(name: &str) -> Package {
    Package::new(name, "1.0").arch(ARCH).compression(Compression::None).control_compression(Compression::None)
}

/// A script that writes its call, and what dpkg tells it, to a file of the image.
fn noting(name: &str) -> String {
    format!(
        "#!/bin/sh\nset -e\necho \"$DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_NAME $# $*\" >> /var/log/calls\nif test $DPKG_MAINTSCRIPT_NAME = preinst; then grep -q '^Package: {name}$' /var/lib/dpkg/tmp.ci/control; else test \"$0\" = /var/lib/dpkg/info/{name}.postinst; fi\n"
    )
}

fn configured(archive: &Archive, packages: &str) -> Project {
    Project::with_arches(archive, &[ARCH], &format!("[image.root]\npackages = {packages}\n"))
}

fn build(project: &Project) -> Built {
    project.ok(&["build", "--until", "configured", "--format", "json"]).images().remove(0)
}

fn file(project: &Project, path: &str) -> String {
    project.ostree(&["cat", &format!("image/main/root/{ARCH}/configured"), path])
}

fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mounts").unwrap()
}

#[test]
fn scripts_run_as_dpkg_runs_them() {
    let shell = needs_shell!();
    let packages = [
        shell,
        package("b").depends("a").script("preinst", &noting("b")).script("postinst", &noting("b")).file("usr/share/things/b", 0o644, "b"),
        package("a").script("postinst", &noting("a")),
        package("watcher")
            .script("postinst", &noting("watcher"))
            .control_member("triggers", "interest-noawait /usr/share/things\ninterest go\n"),
        package("late").depends("watcher, b").script("postinst", &noting("late")).control_member("triggers", "activate-noawait go\n"),
    ];
    let archive = Archive::new(&packages);
    let project = configured(&archive, r#"["b", "watcher", "late"]"#);
    build(&project);
    insta::assert_snapshot!(file(&project, "/var/log/calls"), @r"
    b preinst 1 install
    a postinst 2 configure 
    b postinst 2 configure 
    watcher postinst 2 configure 
    late postinst 2 configure 
    watcher postinst 2 triggered go
    ");
    let checkout = project.checkout(&format!("image/main/root/{ARCH}/configured"));
    let dpkg = |arguments: &[&str]| {
        let mut command = project.command("dpkg");
        command.arg(format!("--root={}", checkout.display())).args(arguments);
        project.finish(&mut command).exits(0).stdout
    };
    assert_eq!(dpkg(&["--audit"]), "");
    assert_eq!(dpkg(&["--verify"]), "");
    let status = file(&project, "/var/lib/dpkg/status");
    assert_eq!(status.matches("\nStatus: install ok installed\n").count(), packages.len(), "{status}");
    let scripts = project.ostree(&["show", "--print-metadata-key=pintree.scripts", &format!("image/main/root/{ARCH}/configured")]);
    assert!(scripts.contains("'late:amd64 postinst configure'"), "{scripts}");
    project.ok(&["build", "--until", "configured"]).says(&["nothing to do"]);
    project.fsck();
}

#[test]
fn an_image_may_have_next_to_no_directories() {
    let _shell = needs_shell!();
    let Some(busybox) = ["/usr/bin/busybox", "/bin/busybox"].iter().find_map(|path| std::fs::read(path).ok()) else { return };
    let script = "#!/bin/busybox sh\nbusybox ls -d /usr/sbin > /told 2>&1\nbusybox mkdir -p /var/lib/tiny\n";
    let tiny = package("tiny").file("bin/busybox", 0o755, busybox).script("postinst", script);
    let archive = Archive::new(&[tiny]);
    let project = configured(&archive, r#"["tiny"]"#);
    build(&project);
    assert_eq!(file(&project, "/told"), "ls: /usr/sbin: No such file or directory\n");
    project.ok(&["build"]);
    project.fsck();
}

#[test]
fn nothing_of_the_host_is_there() {
    let shell = needs_shell!();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let secret = tempfile::NamedTempFile::new().unwrap();
    let script = format!(
        "#!/bin/sh\nexec > /var/log/seen\nenv | grep -v -E '^(PWD|SHLVL|OLDPWD|_)=' | sort\nnc -w 1 127.0.0.1 {port} < /dev/null && echo network\ntest -e {} && echo 'host file'\nls /proc | grep -c '^[0-9]' | grep -v '^[1-9]$'\nhostname\nid -u\npwd\numask\ntouch /tmp/x /run/x /dev/shm/x\nexit 0\n",
        secret.path().display()
    );
    let archive = Archive::new(&[shell, package("probe").script("postinst", &script)]);
    let project = configured(&archive, r#"["probe"]"#);
    let before = mounts();
    let mut command = project.pintree(&["build", "--until", "configured"]);
    command.env("SECRET_TOKEN", "do not leak").env("SOURCE_DATE_EPOCH", "5").env("DEBIAN_FRONTEND", "dialog");
    project.finish(&mut command).exits(0);
    insta::assert_snapshot!(file(&project, "/var/log/seen"));
    assert_eq!(mounts(), before);
    let list = project.ostree(&["ls", "-R", &format!("image/main/root/{ARCH}/configured"), "/tmp", "/run"]);
    assert!(!list.contains("/x"), "what is written to /tmp and /run is no part of the image:\n{list}");
}

#[test]
fn a_failing_script_says_what_it_said() {
    let shell = needs_shell!();
    let script = "#!/bin/sh\nfor i in $(seq 40); do echo line $i; done\necho the disk is upset >&2\nexit 3\n";
    let archive = Archive::new(&[shell, package("broken").script("postinst", script)]);
    let project = configured(&archive, r#"["broken"]"#);
    let before = mounts();
    let ran = project.run(&["build", "--until", "configured"]).exits(6);
    let ran = ran.says(&[
        "the postinst configure script of `broken:amd64` failed: exit status 3",
        "line 40",
        "the disk is upset",
        "hint: all that the scripts printed is in `",
    ]);
    assert!(!ran.stderr.contains("line 12\n"), "only the end is shown:\n{}", ran.stderr);
    let log = project.read(&format!("_build/logs/main.root.{ARCH}.configure.log"));
    assert!(log.contains("==> broken:amd64 postinst configure\nline 1\n"), "{log}");
    assert_eq!(mounts(), before);
    assert_eq!(project.refs("image").len(), 1, "composed only");
}

/// A script that makes a system user the way `adduser` does: with the next id that is free.
fn adds_user(name: &str) -> String {
    format!(
        "#!/bin/sh\nset -e\ntouch /etc/passwd /etc/group\nid=100; while grep -q \":$id:\" /etc/passwd; do id=$((id + 1)); done\necho \"{name}:x:$id:$id::/:/bin/sh\" >> /etc/passwd\necho \"{name}:x:$id:\" >> /etc/group\nmkdir -p /var/lib/{name}\nchown $id:$id /var/lib/{name}\n"
    )
}

#[test]
fn ids_are_recorded_once_and_never_shift() {
    let shell = needs_shell!();
    let packages = [shell, package("zebra").script("postinst", &adds_user("zebra")), package("ant").script("postinst", &adds_user("ant"))];
    let archive = Archive::new(&packages);
    let project = configured(&archive, r#"["zebra"]"#);
    project.ok(&["lock"]);
    project.run(&["build", "--until", "configured", "--locked"]).exits(1).says(&["zebra = { uid = "]);
    assert!(!project.lockfile().contains("[ids]"));
    project.ok(&["ninja"]);
    let plain = project.finish(project.command("ninja").args(["-f", "_build/build.ninja"])).exits(1);
    assert!(plain.stdout.contains("no id is recorded for `zebra`\nhint: `pintree build` records ids"), "{}", plain.stdout);
    let first = build(&project);
    assert!(project.lockfile().contains("[ids]\nzebra = { uid = "), "{}", project.lockfile());
    let owner = |project: &Project| project.ostree(&["ls", "-d", &format!("image/main/root/{ARCH}/configured"), "/var/lib/zebra"]);
    let zebra = owner(&project);
    // A package whose script runs first, by name, must not take zebra's number.
    let lock = project.lockfile();
    let other = configured(&archive, r#"["zebra", "ant"]"#);
    other.write("lockfiles/main.lock", &lock);
    build(&other);
    assert_eq!(owner(&other), zebra);
    assert!(other.lockfile().contains("ant = { uid = "), "{}", other.lockfile());
    // An id for another image runs no script of this one again.
    project.write("manifests/main.toml", &format!("{}[image.extra]\npackages = [\"ant\"]\n", project.read("manifests/main.toml")));
    let ran = project.ok(&["build", "--until", "configured"]).says(&["Recorded `lockfiles/main.lock`: ant = { uid = "]);
    assert!(ran.stderr.contains("configure main/extra") && !ran.stderr.contains("configure main/root"), "{}", ran.stderr);
    // The run that recorded and a run that found the ids give one commit.
    let again = configured(&archive, r#"["zebra"]"#);
    again.write("lockfiles/main.lock", &lock);
    assert_eq!(again.ok(&["build", "--until", "configured", "--locked", "--format", "json"]).images()[0].commit, first.commit);
}

/// Packages with scripts; the shell is essential, so that what comes after it has a checkpoint to start from.
fn staged(shell: Package) -> Vec<Package> {
    let mut packages = vec![shell];
    for (name, needs) in [("heavy", "h1, h2, h3"), ("h1", ""), ("h2", "h1"), ("h3", ""), ("light", ""), ("extra", "h1")] {
        let mut made = package(name).script("postinst", &format!("#!/bin/sh\nset -e\necho {name} >> /var/log/order\n"));
        if !needs.is_empty() {
            made = made.depends(needs);
        }
        packages.push(made);
    }
    packages.push(package("base").field("Essential", "yes").script("postinst", "#!/bin/sh\nset -e\necho base >> /var/log/order\n"));
    packages
}

#[test]
fn a_package_that_is_added_uses_the_checkpoint_of_the_essential_set() {
    let shell = needs_shell!();
    let archive = Archive::new(&staged(shell));
    let project = configured(&archive, r#"["heavy", "light"]"#);
    build(&project);
    let log = || project.read(&format!("_build/logs/main.root.{ARCH}.configure.log"));
    assert!(log().contains("==> base:amd64 postinst configure"), "{}", log());
    project.write("manifests/main.toml", &project.read("manifests/main.toml").replace("\"light\"", "\"light\", \"extra\""));
    // A log that is gone shows that its script did not run again.
    std::fs::remove_dir_all(project.path("_build/logs/stages")).unwrap();
    let built = build(&project);
    assert!(!log().contains("base:amd64") && log().contains("==> extra:amd64 postinst configure"), "{}", log());
    // From nothing the same commit comes out, with every script.
    let other = configured(&archive, r#"["heavy", "light", "extra"]"#);
    other.write("lockfiles/main.lock", &project.lockfile());
    assert_eq!(build(&other).commit, built.commit);
    assert_eq!(file(&project, "/var/log/order"), file(&other, "/var/log/order"));
}

/// A package whose scripts go through directories of hooks, as a kernel's do, and whose trigger asks who is there.
fn kernel() -> Package {
    package("kernel")
        .script("preinst", "#!/bin/sh\nset -e\nls /etc/kernel.d > /var/log/preinst\n")
        .script(
            "postinst",
            "#!/bin/sh\nset -e\nif [ \"$1\" = triggered ]; then echo \"$1\" >> /var/log/triggered; ls /etc/kernel.d > /var/log/at-the-end; exit 0; fi\n\
             for hook in /etc/kernel.d/*; do \"$hook\"; done\nif [ -x /usr/bin/packer ]; then echo packer; else echo none; fi > /var/log/packer\n",
        )
        .control_member("triggers", "interest-noawait remake\n")
}

#[test]
fn scripts_see_what_packages_ship_that_nothing_depends_on_and_triggers_run_once() {
    let shell = needs_shell!();
    let hook = |name: &str| {
        package(name).file(&format!("etc/kernel.d/{name}"), 0o755, format!("#!/bin/sh\nset -e\necho {name} >> /var/log/hooks\n"))
    };
    let asks = |name: &str| package(name).control_member("triggers", "activate-noawait remake\n").script("postinst", "#!/bin/sh\nexit 0\n");
    let packer = package("zz-packer").file("usr/bin/packer", 0o755, "#!/bin/sh\n");
    let archive = Archive::new(&[shell, kernel(), hook("a-hook"), hook("z-hook"), packer, asks("l-asks"), asks("zz-asks")]);
    let project = configured(&archive, r#"["kernel", "a-hook", "z-hook", "zz-packer", "l-asks", "zz-asks"]"#);
    build(&project);
    assert_eq!(file(&project, "/var/log/preinst"), "a-hook\nz-hook\n");
    assert_eq!(file(&project, "/var/log/hooks"), "a-hook\nz-hook\n");
    assert_eq!(file(&project, "/var/log/packer"), "packer\n");
    assert_eq!(file(&project, "/var/log/at-the-end"), "a-hook\nz-hook\n");
    assert_eq!(file(&project, "/var/log/triggered"), "triggered\n");
    // A hook that comes later is no less there, whatever was built before.
    let more = Archive::new(&[needs_shell!(), kernel(), hook("a-hook"), hook("z-hook"), hook("m-hook")]);
    let project = configured(&more, r#"["kernel", "a-hook", "z-hook"]"#);
    build(&project);
    project.write("manifests/main.toml", &project.read("manifests/main.toml").replace("\"z-hook\"", "\"z-hook\", \"m-hook\""));
    build(&project);
    assert_eq!(file(&project, "/var/log/hooks"), "a-hook\nm-hook\nz-hook\n");
}

#[test]
fn surroundings_do_not_show_in_a_configured_commit() {
    let shell = needs_shell!();
    let archive = Archive::new(&staged(shell));
    let project = configured(&archive, r#"["heavy", "light"]"#);
    let commit = build(&project).commit;
    for (umask, zone, locale, jobs) in [("077", "Asia/Kathmandu", "tr_TR.UTF-8", "1"), ("000", "America/St_Johns", "C", "16")] {
        let other = configured(&archive, r#"["heavy", "light"]"#);
        other.write("lockfiles/main.lock", &project.lockfile());
        let mut command = other.command("sh");
        let shell = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &shell, env!("CARGO_BIN_EXE_pintree"), "build", "--until", "configured", "-j", jobs, "--format", "json"]);
        command.env("TZ", zone).env("LC_ALL", locale).env("SOURCE_DATE_EPOCH", "1000000000").env("HOSTNAME", "elsewhere");
        let built = other.finish(&mut command).exits(0).images();
        assert_eq!(built[0].commit, commit, "umask {umask}, {zone}, {locale}, -j {jobs}");
    }
}

#[test]
fn packages_without_scripts_need_no_shell() {
    needs!("dpkg");
    let archive = Archive::new(&[package("one").file("usr/share/one", 0o644, "1"), package("two").depends("one")]);
    let project = Project::with_arches(&archive, &[ARCH], "[image.root]\npackages = [\"two\"]\n");
    build(&project);
    let status = file(&project, "/var/lib/dpkg/status");
    assert_eq!(status.matches("install ok installed").count(), 2, "{status}");
}

#[test]
fn survives_a_kill_while_scripts_run() {
    let shell = needs_shell!();
    let mut packages = staged(shell);
    packages.push(
        package("slow").depends("heavy").script("postinst", "#!/bin/sh\nset -e\n(sleep 7001 &)\nsleep 0.7\necho slow >> /var/log/order\n"),
    );
    let archive = Archive::new(&packages);
    let project = configured(&archive, r#"["slow"]"#);
    project.ok(&["lock"]);
    let undisturbed = configured(&archive, r#"["slow"]"#);
    undisturbed.write("lockfiles/main.lock", &project.lockfile());
    let commit = build(&undisturbed).commit;
    let before = mounts();
    for needle in ["h1", "heavy", "slow"] {
        let mut command = project.command("setsid");
        command.arg(env!("CARGO_BIN_EXE_pintree")).args(["build", "--until", "configured"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun =
            || logs(&project).iter().any(|path| std::fs::read_to_string(path).unwrap_or_default().contains(&format!("==> {needle}:")));
        while !begun() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        crate::interrupted::kill_all(child);
        assert_eq!(mounts(), before);
    }
    let sleepers = || {
        let lines = std::fs::read_dir("/proc").unwrap().filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
        lines.filter(|line| line.starts_with(b"sleep\x007001")).count()
    };
    assert_eq!(sleepers(), 0, "what a script leaves behind ends with it");
    assert_eq!(build(&project).commit, commit);
    assert_eq!(sleepers(), 0);
    assert_eq!(std::fs::read_dir(project.path("_build/work")).map_or(0, Iterator::count), 0, "no scratch files stay");
    project.fsck();
}

fn logs(project: &Project) -> Vec<PathBuf> {
    let mut found = vec![];
    crate::fixture::files_below(&project.path("_build/logs"), &mut |path| found.push(path.to_owned()));
    found
}
