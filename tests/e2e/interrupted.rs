//! Killed, interrupted, and two at once: the next run gives the same commit, and nothing half-written is ever named.

use crate::fixture::{Archive, Project, needs};
use crate::universe;
use pintree::testkit::server::Fault;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// How many packages the images of this file have.
const PACKAGES: usize = 24;

/// A project that is locked, and an archive that has all its packages.
fn locked() -> (Archive, Project) {
    let archive = Archive::new(&universe::many(PACKAGES - 1));
    let project = Project::new(&archive, universe::MANY);
    project.ok(&["lock"]);
    (archive, project)
}

/// A number below `bound`; the same sequence on every run.
fn next(seed: &mut u64, bound: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap() % bound
}

/// Starts a build as the leader of a session of its own, so that all that it starts can be found.
fn start(project: &Project) -> Child {
    let mut command: Command = project.command("setsid");
    command.arg(env!("CARGO_BIN_EXE_pintree")).args(["build", "--until", "composed", "-j", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Living processes of a session with their command lines.
fn members(session: &Child) -> Vec<(Pid, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir("/proc").unwrap() {
        let directory = entry.unwrap().path();
        let Some(pid) = directory.file_name().and_then(|name| name.to_str()?.parse().ok()).and_then(Pid::from_raw) else { continue };
        // A process may end while we look at it.
        let Ok(stat) = std::fs::read_to_string(directory.join("stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let (state, its_session) = (fields[0], fields[3]);
        if its_session == session.id().to_string() && !["Z", "X"].contains(&state) {
            let line = std::fs::read(directory.join("cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// `kill -9` of pintree, ninja and every step, until none is left.
pub fn kill_all(mut child: Child) {
    loop {
        let living = members(&child);
        if living.is_empty() {
            break;
        }
        for (pid, _) in living {
            // Gone already is as good.
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
    child.wait().unwrap();
}

/// Reads progress lines until `count` steps have ended, or the build has.
fn until_steps(child: &mut Child, count: usize) {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = 0;
    while seen < count {
        match lines.next() {
            Some(line) => seen += usize::from(line.unwrap().starts_with('[')),
            None => break,
        }
    }
    // Closing the pipe would be another way to die than the one that is tested.
    std::mem::forget(lines);
}

/// Whatever happened before: refs name what is there, a run ends well with the wanted commit, and leaves no litter.
fn recovers(project: &Project, commit: &str) {
    project.fsck();
    assert_eq!(project.build()[0].commit, commit);
    project.fsck();
    assert_eq!(project.refs("deb").len(), PACKAGES);
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
    // A step that dies between writing a ref's file and renaming it leaves one line, no package; `gc` sweeps it up.
    let store = project.path("_build/ostree");
    let litter = || std::fs::read_dir(store.join("tmp")).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "cache");
    assert!(litter().all(|entry| entry.metadata().unwrap().len() <= 65), "{:?}", litter().collect::<Vec<_>>());
    pintree::store::Repo::collect_garbage(&store, |_, _| true).unwrap();
    assert_eq!(litter().count(), 0);
}

/// The commit of an undisturbed build of the same lockfile.
fn undisturbed(archive: &Archive, project: &Project) -> String {
    let other = Project::new(archive, universe::MANY);
    other.write("lockfiles/main.lock", &project.lockfile());
    other.build().remove(0).commit
}

#[test]
fn survives_kill_at_random_moments() {
    needs!("setsid");
    let (archive, project) = locked();
    let commit = undisturbed(&archive, &project);
    let mut seed = 7;
    for round in 0..3 {
        let other = Project::new(&archive, universe::MANY);
        other.write("lockfiles/main.lock", &project.lockfile());
        // Twice: what the second run finds is what the first one left.
        // The last moment is that of the compose.
        let late = if round == 2 { PACKAGES } else { 1 + next(&mut seed, PACKAGES) };
        for moment in [next(&mut seed, PACKAGES / 2), late] {
            let mut child = start(&other);
            until_steps(&mut child, moment);
            kill_all(child);
        }
        recovers(&other, &commit);
    }
}

#[test]
fn survives_kill_in_the_middle_of_a_download() {
    needs!("setsid");
    let (archive, project) = locked();
    let commit = undisturbed(&archive, &project);
    let path = "/pool/main/p/part07/part07_1.0_armhf.deb";
    archive.server.fault(path, usize::MAX, Fault::Stall(300));
    archive.server.take_log();
    let child = start(&project);
    archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
    kill_all(child);
    assert_eq!(project.refs("image"), [""; 0]);
    archive.server.behave();
    recovers(&project, &commit);
}

#[test]
fn survives_the_kill_of_one_step() {
    needs!("setsid");
    let (archive, project) = locked();
    let commit = undisturbed(&archive, &project);
    let path = "/pool/main/p/part03/part03_1.0_armhf.deb";
    archive.server.fault(path, usize::MAX, Fault::Stall(0));
    archive.server.take_log();
    let child = start(&project);
    archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
    let steps = members(&child);
    // ninja's shell has given way to the step itself, or waits for it: the last one is the step.
    let (pid, _) = steps.iter().rfind(|(_, line)| line.contains("step import") && line.contains("--package part03 ")).unwrap();
    kill_process(*pid, Signal::KILL).unwrap();
    project.wait(child).exits(6).says(&["error: a build step was killed: `", "--package part03 ", "hint: perhaps memory ran out"]);
    assert_eq!(project.refs("image"), [""; 0]);
    archive.server.behave();
    recovers(&project, &commit);
}

#[test]
fn ctrl_c_ends_everything_and_the_next_run_completes() {
    needs!("setsid");
    let (archive, project) = locked();
    let commit = undisturbed(&archive, &project);
    let path = "/pool/main/p/part05/part05_1.0_armhf.deb";
    archive.server.fault(path, usize::MAX, Fault::Stall(100));
    for signal in [Signal::INT, Signal::TERM] {
        archive.server.take_log();
        let child = start(&project);
        archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
        let pid = Pid::from_child(&child);
        kill_process(pid, signal).unwrap();
        let id = child.id();
        project.wait(child).exits(130).says(&["error: interrupted"]);
        assert_eq!(living(id), [""; 0], "no step outlives the build");
    }
    archive.server.behave();
    recovers(&project, &commit);
}

#[test]
fn ctrl_c_ends_a_lock_at_once() {
    needs!();
    let archive = Archive::new(&universe::many(1));
    let project = Project::new(&archive, universe::MANY);
    for path in ["/dists/stable/InRelease", "/dists/stable/main/binary-armhf/Packages.xz"] {
        archive.server.fault(path, usize::MAX, Fault::Stall(10));
        archive.server.take_log();
        let mut command = project.pintree(&["lock"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        project.wait(child).exits(130);
        assert!(!project.path("lockfiles/main.lock").exists());
        archive.server.behave();
    }
    project.ok(&["lock"]);
}

#[test]
fn two_locks_at_once_write_one_lockfile() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    let spawn = || project.pintree(&["lock"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let runs: Vec<Child> = (0..4).map(|_| spawn()).collect();
    for run in runs {
        project.wait(run).exits(0);
    }
    project.ok(&["lock", "--check"]);
    let files = std::fs::read_dir(project.path("lockfiles")).unwrap().count();
    assert_eq!(files, 1, "no temporary file stays");
}

/// Command lines of what still lives of a session whose leader has ended.
fn living(session: u32) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir("/proc").unwrap() {
        let directory = entry.unwrap().path();
        let Ok(stat) = std::fs::read_to_string(directory.join("stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = fields.split(' ').collect();
        if fields[3] == session.to_string() && fields[0] != "Z" {
            found.push(String::from_utf8_lossy(&std::fs::read(directory.join("cmdline")).unwrap_or_default()).into_owned());
        }
    }
    found
}

#[test]
fn two_builds_of_one_directory_wait_for_each_other() {
    needs!("setsid");
    let (archive, project) = locked();
    let commit = undisturbed(&archive, &project);
    let path = "/pool/main/p/part05/part05_1.0_armhf.deb";
    archive.server.fault(path, usize::MAX, Fault::Stall(100));
    archive.server.take_log();
    let first = start(&project);
    archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
    let mut second = start(&project);
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("Waiting for another build of this directory"), "{line}");
    let mut third = start(&project);
    let mut told = [0; 10];
    std::io::Read::read_exact(third.stderr.as_mut().unwrap(), &mut told).unwrap();
    kill_process(Pid::from_child(&third), Signal::INT).unwrap();
    project.wait(third).exits(130);
    archive.server.behave();
    project.wait(first).exits(0);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(second.wait().unwrap().success());
    assert_eq!(rest, ["nothing to do"]);
    recovers(&project, &commit);
}

#[test]
fn a_build_waits_for_the_steps_that_a_killed_one_left() {
    needs!("setsid");
    let (archive, project) = locked();
    let commit = undisturbed(&archive, &project);
    let path = "/pool/main/p/part05/part05_1.0_armhf.deb";
    archive.server.fault(path, usize::MAX, Fault::Stall(100));
    archive.server.take_log();
    let mut first = start(&project);
    archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
    let id = first.id();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_ne!(living(id), [""; 0], "ninja goes on");
    let mut second = start(&project);
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("Waiting for another build of this directory"), "{line}");
    archive.server.behave();
    lines.for_each(drop);
    assert!(second.wait().unwrap().success());
    recovers(&project, &commit);
}

#[test]
fn a_build_with_nothing_to_do_removes_scratch_of_killed_steps() {
    let (archive, project) = locked();
    undisturbed(&archive, &project);
    project.ok(&["build", "--until", "composed"]);
    let [killed, running] = ["a", "b"].map(|image| project.path(&format!("_build/work/main.{image}.armhf.configure")));
    for directory in [&killed, &running] {
        std::fs::create_dir_all(directory.join("upper/etc")).unwrap();
        std::fs::write(directory.join("upper/etc/file"), "x").unwrap();
    }
    // A step that somebody's own ninja runs holds its directory.
    let held = std::fs::File::open(&running).unwrap();
    held.lock().unwrap();
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
    assert!(!killed.exists() && running.join("upper/etc/file").exists());
    drop(held);
    project.ok(&["build", "--until", "composed"]);
    assert!(!running.exists());
}
