//! What another user of the host may do to a build, and learn from it.
//!
//! Root builds and somebody else attacks, which needs root to play; elsewhere the rows are skipped.

use crate::fixture::{Archive, Project, needs};
use crate::table::{self, Row, Verdict};
use pintree::testkit::deb::Package;
use std::fs::Permissions;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The user that attacks; nobody has it in a table, so it owns nothing.
const STRANGER: u32 = 61_184;

/// The user that builds where root does not.
const BUILDER: u32 = 61_185;

const TOKEN: &str = "T0KEN-of-the-builder";

macro_rules! rows {
    ($($name:literal, $guard:literal, $attack:expr, $twin:expr;)*) => {
        &[$(Row { name: $name, guard: $guard, attack: || $attack, twin: || $twin }),*]
    };
}

const ROWS: &[Row] = rows! {
    "set-id-shipped", "private-scratch", set_id(Who::Root, Made::Shipped), honest(Who::Root);
    "set-id-made", "private-scratch", set_id(Who::Root, Made::ByScript), honest(Who::Root);
    "set-id-after-kill", "private-scratch", set_id_after_kill(Who::Root), honest(Who::Root);
    "set-id-of-a-user", "private-scratch", set_id(Who::User, Made::Shipped), honest(Who::User);
    "set-id-of-a-user-after-kill", "private-scratch", set_id_after_kill(Who::User), honest(Who::User);
    "set-id-of-image-scripts", "private-scratch", set_id_sealed(), honest(Who::Root);
    "open-scratch-of-older-versions", "private-scratch", older_scratch(), honest(Who::Root);
    "set-id-in-store", "store-modes", set_id_in_store(), honest(Who::Root);
    "step-environment", "credentials", environment("", false), fetches();
    "ninja-environment", "credentials", environment("ninja", false), fetches();
    "step-by-hand", "credentials", environment("", true), fetches();
    "descriptors-of-steps", "credentials", descriptors(), fetches();
    "sources-mode", "file-modes", sources_mode(), fetches();
    "shared-slots-link", "files", shared_slots(), honest(Who::Root);
    "open-umask", "private-scratch", open_umask(), honest(Who::Root);
};

#[test]
fn users() {
    needs!("setpriv", "busybox");
    if !rustix::process::geteuid().is_root() {
        return crate::fixture::skip("only root can play several users");
    }
    table::run("users", ROWS, &[]);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Root,
    User,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Shipped,
    ByScript,
}

fn busybox() -> Vec<u8> {
    let path = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).is_file()).unwrap();
    std::fs::read(path).unwrap()
}

/// A project of one package with a shell, whose script does `text`.
fn project(who: Who, text: &str, image: &str) -> Project {
    let project = Project::empty();
    let manifest = "arches = [\"amd64\"]\n[repo.own]\ndeb = \"dir:debs\"\ntrust = \"none\"\n\n[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n";
    project.write("manifests/main.toml", &format!("{manifest}{image}"));
    let mut package = Package::new("one", "1.0").arch("amd64").file("bin/busybox", 0o755, busybox()).file("usr/who", 0o4755, busybox());
    for applet in ["sh", "cat", "cp", "chmod", "sleep", "ls", "env", "printf"] {
        package = package.symlink(&format!("bin/{applet}"), "busybox");
    }
    let accounts = "root:x:0:0:root:/root:/bin/sh\n";
    package = package.file("etc/passwd", 0o644, accounts).file("etc/group", 0o644, "root:x:0:\n");
    if !text.is_empty() {
        package = package.script("postinst", &format!("#!/bin/sh\n{text}\n"));
    }
    std::fs::create_dir(project.path("debs")).unwrap();
    std::fs::write(project.path("debs/one_1.0_amd64.deb"), package.build()).unwrap();
    // The place itself is open to all, as homes often are.
    for directory in [project.root().to_owned(), project.path(""), project.home("")] {
        std::fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    }
    if who == Who::User {
        let owned = std::process::Command::new("chown").args(["-R", &format!("{BUILDER}:{BUILDER}")]).arg(project.root()).status().unwrap();
        assert!(owned.success());
    }
    project
}

fn command(project: &Project, who: Who, arguments: &[&str]) -> std::process::Command {
    let mut command = match who {
        Who::Root => project.command(&crate::fixture::program()),
        Who::User => {
            let mut command = as_user(project, BUILDER);
            command.arg(crate::fixture::program());
            command
        }
    };
    command.args(arguments).env("PINTREE_TOKEN_EXAMPLE_ORG", TOKEN).env("OTHER_SECRET", TOKEN);
    command
}

fn as_user(project: &Project, user: u32) -> std::process::Command {
    let mut command = project.command("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups"]);
    command
}

fn honest(who: Who) -> Verdict {
    let project = project(who, "cp /usr/who /var/who && chmod 4755 /var/who", "");
    let ran = project.finish(&mut command(&project, who, &["build"]));
    Verdict::of(
        ran.code == 0,
        format!("exit {} {}", ran.code, ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_default()),
    )
}

/// A build that stands still in a script, for as long as somebody looks.
struct Running {
    child: Child,
}

impl Running {
    fn start(project: &Project, who: Who) -> Self {
        let mut command = command(project, who, &["build"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = Self { child };
        let end = Instant::now() + Duration::from_secs(60);
        while !log(project).contains("STANDING") {
            assert!(Instant::now() < end, "the build did not get to its script");
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }

    /// This process and all that it has started.
    fn processes(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        let mut at = 0;
        while at < found.len() {
            let path = format!("/proc/{0}/task/{0}/children", found[at]);
            let children = std::fs::read_to_string(path).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            at += 1;
        }
        found
    }

    fn kill(&mut self) {
        for pid in self.processes() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

const STAND: &str = "echo STANDING; sleep 30";

fn log(project: &Project) -> String {
    let mut text = String::new();
    crate::fixture::files_below(&project.path("_build/logs"), &mut |path| text += &std::fs::read_to_string(path).unwrap_or_default());
    text
}

/// Files below `_build` with set-ID bits.
fn marked(project: &Project) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut rest = vec![project.path("_build")];
    while let Some(directory) = rest.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.is_dir() {
                rest.push(entry.path());
            } else if meta.is_file() && meta.mode() & 0o6000 != 0 {
                found.push(entry.path());
            }
        }
    }
    found
}

/// How many of the files a stranger can reach, and so run.
fn run_by_stranger(project: &Project, files: &[PathBuf]) -> usize {
    let reaches = |file: &&PathBuf| as_user(project, STRANGER).args(["test", "-x"]).arg(file).status().unwrap().success();
    files.iter().filter(reaches).count()
}

fn verdict(project: &Project, needs_some: bool) -> Verdict {
    let files = marked(project);
    let run = run_by_stranger(project, &files);
    if needs_some && files.is_empty() {
        return Verdict::Broke("no set-ID file was found: the row shows nothing".to_owned());
    }
    Verdict::of(run == 0, format!("a stranger may run {run} of {} set-ID files", files.len()))
}

fn set_id(who: Who, made: Made) -> Verdict {
    let text = match made {
        Made::Shipped => STAND.to_owned(),
        Made::ByScript => format!("cp /usr/who /var/who; chmod 6755 /var/who; {STAND}"),
    };
    let project = project(who, &text, "");
    let _running = Running::start(&project, who);
    verdict(&project, true)
}

fn set_id_after_kill(who: Who) -> Verdict {
    let project = project(who, &format!("cp /usr/who /var/who; chmod 4755 /var/who; {STAND}"), "");
    Running::start(&project, who).kill();
    verdict(&project, true)
}

fn set_id_sealed() -> Verdict {
    let project = project(Who::Root, "", "scripts = [\"stand.sh\"]\n");
    project.write("stand.sh", &format!("#!/bin/sh\ncp /usr/who /usr/who2; chmod 4755 /usr/who2; {STAND}\n"));
    let _running = Running::start(&project, Who::Root);
    verdict(&project, true)
}

/// Whoever had an older version has `_build/work` open to all, with what a killed build has left.
fn older_scratch() -> Verdict {
    let project = project(Who::Root, STAND, "");
    std::fs::create_dir_all(project.path("_build/work/held")).unwrap();
    let left = project.path("_build/work/held/who");
    std::fs::write(&left, busybox()).unwrap();
    std::fs::set_permissions(&left, Permissions::from_mode(0o4755)).unwrap();
    std::fs::set_permissions(project.path("_build/work"), Permissions::from_mode(0o755)).unwrap();
    // Somebody's own ninja still runs a step there, so it is not removed.
    let held = std::fs::File::open(project.path("_build/work/held")).unwrap();
    held.lock().unwrap();
    let _running = Running::start(&project, Who::Root);
    verdict(&project, true)
}

fn open_umask() -> Verdict {
    let project = project(Who::Root, STAND, "");
    let mut shell = project.command("sh");
    shell.args(["-c", "umask 0; exec \"$0\" build", &crate::fixture::program()]).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running { child: shell.spawn().unwrap() };
    let end = Instant::now() + Duration::from_secs(60);
    while !log(&project).contains("STANDING") && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    let verdict = verdict(&project, true);
    drop(running);
    verdict
}

fn set_id_in_store() -> Verdict {
    let project = project(Who::Root, "cp /usr/who /usr/who2; chmod 6755 /usr/who2", "");
    project.finish(&mut command(&project, Who::Root, &["build"])).exits(0);
    verdict(&project, false)
}

/// What `/proc` shows of the processes of a build; a stranger of the same user could read it.
fn environment(of: &str, by_hand: bool) -> Verdict {
    let project = project(Who::Root, STAND, "");
    let running = if by_hand {
        project.finish(&mut command(&project, Who::Root, &["ninja"])).exits(0);
        project.finish(&mut command(&project, Who::Root, &["build", "--until", "composed"])).exits(0);
        project.finish(&mut command(&project, Who::Root, &["ninja"])).exits(0);
        let mut ninja = project.command("ninja");
        ninja.args(["-f", "_build/build.ninja"]).env("PINTREE_TOKEN_EXAMPLE_ORG", TOKEN).env("OTHER_SECRET", TOKEN);
        let running = Running { child: ninja.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap() };
        let end = Instant::now() + Duration::from_secs(60);
        while !log(&project).contains("STANDING") && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    } else {
        Running::start(&project, Who::Root)
    };
    let mut seen = vec![];
    let mut looked = 0;
    for pid in running.processes().into_iter().skip(1) {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        let is_meant = if of.is_empty() { name.starts_with("pintree") } else { name == of };
        if !is_meant {
            continue;
        }
        looked += 1;
        let text = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if String::from_utf8_lossy(&text).contains(TOKEN) {
            seen.push(name);
        }
    }
    Verdict::of(seen.is_empty() && looked > 0, format!("{looked} processes, the token is in the environment of {seen:?}"))
}

/// A step that fetches nothing does not keep what was handed on for those that do.
fn descriptors() -> Verdict {
    let project = project(Who::Root, STAND, "");
    let running = Running::start(&project, Who::Root);
    let mut holders = vec![];
    for pid in running.processes().into_iter().skip(1) {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
        if !name.starts_with("pintree") && name != "busybox" && name != "postinst" {
            continue;
        }
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            // Pipes and devices would hold the reader.
            let is_file = std::fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file() && meta.len() < 1 << 20);
            let mut text = vec![];
            if is_file && std::fs::File::open(entry.path()).and_then(|mut file| file.read_to_end(&mut text)).is_ok() {
                let has = String::from_utf8_lossy(&text).contains(TOKEN);
                holders.extend(has.then(|| name.clone()));
            }
        }
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        holders.extend(String::from_utf8_lossy(&environment).contains(TOKEN).then(|| name.clone()));
    }
    Verdict::of(holders.is_empty(), format!("the token is held by {holders:?}"))
}

fn sources_mode() -> Verdict {
    let project = project(Who::Root, "", "");
    project.write("mirrors.toml", &format!("debian = \"http://user:{TOKEN}@127.0.0.1:9/debian\"\n"));
    project.finish(&mut command(&project, Who::Root, &["build"])).exits(0);
    let read = as_user(&project, STRANGER).arg("cat").arg(project.path("_build/sources.toml")).output().unwrap();
    let mode = std::fs::metadata(project.path("_build/sources.toml")).unwrap().mode() & 0o777;
    Verdict::of(!read.status.success() && mode == 0o600, format!("mode {mode:o}"))
}

/// A directory of slots that everybody may write to, with links to what only the builder may write.
fn shared_slots() -> Verdict {
    let project = project(Who::Root, "", "");
    std::fs::write(project.home("victim"), "precious").unwrap();
    std::fs::create_dir_all(project.path("_build/slots")).unwrap();
    std::fs::set_permissions(project.path("_build/slots"), Permissions::from_mode(0o1777)).unwrap();
    for number in 0..8 {
        symlink(project.home("victim"), project.path(&format!("_build/slots/cpu-{number}"))).unwrap();
    }
    let ran = project.finish(&mut command(&project, Who::Root, &["build"]));
    Verdict::of(ran.code == 2, format!("exit {}", ran.code))
}

/// The one kind of step that needs the token has it.
fn fetches() -> Verdict {
    let archive = Archive::new(&[Package::new("one", "1.0").arch("armhf").file("usr/share/one", 0o644, "one")]);
    archive.server.demand(&format!("Bearer {TOKEN}"));
    let project = Project::new(&archive, "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n");
    let mut build = project.pintree(&["build", "--until", "composed"]);
    let ran = project.finish(build.env("PINTREE_TOKEN_127_0_0_1", TOKEN));
    Verdict::of(ran.code == 0, format!("exit {}", ran.code))
}
