//! What a checkout may bring: links where the program makes files of its own, and links out of the project.

use crate::fixture::{Project, Ran, needs};
use crate::table::{self, Accepted, Row, Verdict};
use pintree::testkit::deb::Package;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The manifest of every row: one package of a directory, no script of a package, so that most rows need no sandbox.
const MANIFEST: &str = "arches = [\"amd64\"]\n[repo.own]\ndeb = \"dir:debs\"\ntrust = \"none\"\n\n";
const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n";

macro_rules! rows {
    ($($name:literal, $guard:literal, $attack:expr, $twin:expr;)*) => {
        &[$(Row { name: $name, guard: $guard, attack: || $attack, twin: || $twin }),*]
    };
}

const ROWS: &[Row] = rows! {
    // Where the program makes files of its own.
    "work-link", "generated", planted("work", links("")), real("work");
    "build-link", "generated", planted("", links("")), agreed();
    "logs-link", "generated", planted("logs", links("")), real("logs");
    "stage-logs-link", "generated", planted("logs/stages", links("")), real("logs/stages");
    "ids-link", "generated", planted("ids", links("")), real("ids");
    "slots-link", "generated", planted("slots", links("")), real("slots");
    "stages-link", "generated", planted("stages", links("")), real("stages");
    "store-link", "generated", planted("ostree", links("")), real("other");
    "store-tmp-link", "generated", planted("ostree/tmp", links("")), real("ostree/tmp");
    "objects-link", "generated", planted("ostree/objects", links("")), real("ostree/objects");
    "refs-link", "generated", planted("ostree/refs/heads/deb", links("")), real("ostree/refs/heads/deb");
    "scratch-entry-link", "generated", planted("work/main.root.amd64.seal", links("")), real("work/main.root.amd64.seal");
    "link-chain", "generated", planted_chain(), real("work");
    "dangling-link", "generated", planted("logs", |project, path| symlink(project.home("victim/new"), path).unwrap()), real("logs");
    "rebuild-link", "generated", planted_for(&["verify", "--rebuild", "root"], "verify"), rebuilt();
    "search-link", "generated", planted_for(&["gc"], "bisect"), real("other");
    "bot-link", "generated", planted_for(&["gc"], "bot"), real("other");
    "lock-file-link", "files", planted("lock", links("/document")), real("other");
    "log-file-link", "files", planted("logs/main.root.amd64.seal.log", links("/document")), real("logs");
    "ninja-log-link", "files", planted(".ninja_log", links("/document")), real("other");
    "response-file-link", "files", planted("main.root.amd64.packages", links("/document")), real("other");
    "slot-file-link", "files", planted("slots/cpu-0", links("/document")), real("slots");
    "lock-fifo", "files", planted("lock", |_, path| fifo(path)), real("other");
    "hard-link", "files", planted(".ninja_log", |project, path| std::fs::hard_link(project.home("victim/document"), path).unwrap()), real("other");
    "temporary-names", "temporaries", temporaries(), real("other");
    "planted-rules", "generated-text", planted_text("rules.ninja"), real("other");
    "planted-build-file", "generated-text", planted_text("build.ninja"), real("other");
    "planted-outcomes", "generated-text", planted_text("outcomes"), real("other");
    // What a commit brings to a copy of the project.
    "copy-work-link", "copies", left_out("_build/work"), copy();
    "copy-mirrors-link", "copies", copied("mirrors.toml", "/document"), copy();
    "copy-lockfiles-link", "copies", copied("lockfiles", ""), copy();
    "copy-packages-link", "copies", copied("debs", ""), copy();
    "git-configuration", "git", configured(), copy();
    "git-filter", "filters", filtered(), copy();
    "bare-repository", "bare", inside_out(), copy();
    // What a manifest names.
    "overlay-link", "links", strays("overlay = [\"given\"]\n", "given", ""), inside("overlay = [\"given\"]\n", "given", "within");
    "overlay-parent-link", "links", strays("overlay = [\"given/directory\"]\n", "given", ""), inside("overlay = [\"given/directory\"]\n", "given", "within");
    "overlay-chain", "links", strayed_chain(), inside("overlay = [\"given\"]\n", "given", "within");
    "overlay-absolute-link", "links", strays_to("overlay = [\"given\"]\n", "given", "/etc"), inside("overlay = [\"given\"]\n", "given", "within");
    "overlay-dots-through-link", "links", strays("overlay = [\"given/../directory\"]\n", "given", "/directory"), inside("overlay = [\"given\"]\n", "given", "within");
    "overlay-link-inside", "links", kept_link(), inside("overlay = [\"within\"]\n", "given", "within");
    "script-link", "links", strays("scripts = [\"given\"]\n", "given", "/document"), inside_script();
    "script-device", "links", strays_to("scripts = [\"given\"]\n", "given", "/dev/zero"), inside_script();
    "keys-link", "links", strays("authorized-keys = [\"given\"]\n", "given", "/document"), inside("overlay = [\"given\"]\n", "given", "within");
    "repository-key-link", "links", strays_key(), allowed();
    "packages-link", "links", strays_packages(), inside_packages();
    "package-link", "links", strays_package(), inside_packages();
    "manifest-link", "links", strays("", "manifests/other.toml", "/document"), inside("", "manifests/other.toml", "manifests/main.toml");
    "manifests-link", "links", strays_directory("manifests"), inside_directory("manifests");
    "lockfiles-link", "links", strays_directory("lockfiles"), inside_directory("lockfiles");
    "lockfile-link", "links", strays("", "lockfiles/main.lock", "/document"), inside_lockfile();
    "mirrors-link", "links", strays("", "mirrors.toml", "/document"), inside("", "mirrors.toml", "own-mirrors.toml");
    "attributes-link", "links", attributes(".gitattributes"), allowed();
    "not-allowed", "links", not_allowed(), allowed();
    "link-race", "races", raced(), inside("overlay = [\"given\"]\n", "given", "within");
    "script-fifo", "kinds", blocked("scripts = [\"given\"]\n", "given"), inside_script();
    "manifest-fifo", "kinds", blocked("", "manifests/other.toml"), inside("", "manifests/other.toml", "manifests/main.toml");
    "package-fifo", "kinds", blocked("", "debs/two.deb"), inside_packages();
};

const ACCEPTED: &[Accepted] = &[Accepted {
    name: "planted-store",
    reason: "a `_build` with a whole store is a build that somebody else has made, like a cache that is restored; `verify` judges it",
}];

#[test]
fn checkouts() {
    needs!("git");
    table::run("checkout", ROWS, ACCEPTED);
}

/// A project that builds, and beside it what no run may touch or take.
fn project(image: &str) -> Project {
    let project = Project::empty();
    project.write("manifests/main.toml", &format!("{MANIFEST}{IMAGE}{image}"));
    let package = Package::new("one", "1.0").arch("amd64").file("usr/share/one", 0o644, "one");
    std::fs::create_dir(project.path("debs")).unwrap();
    std::fs::write(project.path("debs/one_1.0_amd64.deb"), package.build()).unwrap();
    std::fs::create_dir_all(project.home("victim/directory")).unwrap();
    std::fs::write(project.home("victim/document"), "#!/bin/sh\n# precious\n").unwrap();
    std::fs::write(project.home("victim/directory/notes"), "precious").unwrap();
    project.write("within/directory/etc/within", "within");
    project.write("within/etc/own", "own");
    project.write("own-mirrors.toml", "");
    project
}

/// What lies where no run may write, with modes and contents.
fn victim(project: &Project) -> Vec<String> {
    let mut found = vec![];
    let mut rest = vec![project.home("victim")];
    while let Some(path) = rest.pop() {
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_file() { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        found.push(format!("{} {:o} {content}", path.display(), meta.permissions().mode()));
        if meta.is_dir() {
            rest.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found.sort();
    found
}

fn error(ran: &Ran) -> String {
    ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("no error").to_owned()
}

/// The attack is refused as a mistake of the project's, by a message that names the path, and touches nothing.
fn refused(project: &Project, arguments: &[&str], names: &[&str]) -> Verdict {
    let before = victim(project);
    let mut command = project.command("timeout");
    let ran = project.finish(command.args(["60", &crate::fixture::program()]).args(arguments));
    let touched = victim(project) != before;
    let told = names.iter().all(|name| ran.stderr.contains(name));
    let more = if touched { ", and files elsewhere were touched" } else { "" };
    Verdict::of(ran.code == 2 && told && !touched, format!("exit {}{more}, {}", ran.code, error(&ran)))
}

fn built(project: &Project) -> Verdict {
    let ran = project.run(&["build"]);
    Verdict::of(ran.code == 0, format!("exit {} {}", ran.code, error(&ran)))
}

fn plant(project: &Project, place: &str, make: impl FnOnce(&Project, &Path)) {
    let path = project.path(place);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    make(project, &path);
}

fn links(below: &'static str) -> impl FnOnce(&Project, &Path) {
    move |project, path| symlink(project.home(&format!("victim{below}")), path).unwrap()
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Something in the place of what is made below `_build`.
fn planted(place: &str, make: impl FnOnce(&Project, &Path)) -> Verdict {
    let project = project("");
    let place = if place.is_empty() { "_build".to_owned() } else { format!("_build/{place}") };
    plant(&project, &place, make);
    refused(&project, &["build"], &[&place])
}

fn planted_for(arguments: &[&str], place: &str) -> Verdict {
    let project = project("");
    project.ok(&["build"]);
    plant(&project, &format!("_build/{place}"), links(""));
    refused(&project, arguments, &[&format!("_build/{place}")])
}

fn planted_chain() -> Verdict {
    let project = project("");
    plant(&project, "_build/work", |_, path| symlink("other", path).unwrap());
    plant(&project, "_build/other", links(""));
    refused(&project, &["build"], &["_build/work"])
}

/// The same place as a directory that was there before.
fn real(place: &str) -> Verdict {
    let project = project("");
    std::fs::create_dir_all(project.path("_build").join(place)).unwrap();
    built(&project)
}

fn rebuilt() -> Verdict {
    let project = project("");
    project.ok(&["build"]);
    let ran = project.run(&["verify", "--rebuild", "root"]);
    Verdict::of(ran.code == 0, format!("exit {} {}", ran.code, error(&ran)))
}

/// `_build` on another disk, by somebody who says so.
fn agreed() -> Verdict {
    let project = project("");
    std::fs::create_dir(project.home("disk")).unwrap();
    symlink(project.home("disk"), project.path("_build")).unwrap();
    let mut command = project.pintree(&["build"]);
    let ran = project.finish(command.env("PINTREE_BUILD_DIR", project.home("disk")));
    let there = project.home("disk/ostree/config").exists();
    Verdict::of(ran.code == 0 && there, format!("exit {} {}", ran.code, error(&ran)))
}

/// The names of drafts can be foreseen: the shell knows the number of the process that it becomes.
fn temporaries() -> Verdict {
    let project = project("");
    let before = victim(&project);
    let script = r#"
        mkdir -p _build lockfiles
        for name in _build/build.ninja _build/rules.ninja lockfiles/main.lock; do
            ln -s "$1" "${name%/*}/.${name##*/}.$$.ThreadId1.tmp"
        done
        ln -s "$1" "_build/sources.toml.$$.tmp"
        exec "$0" build"#;
    let mut shell = project.command("sh");
    let ran = project.finish(shell.args(["-c", script, &crate::fixture::program()]).arg(project.home("victim/document")));
    let touched = victim(&project) != before;
    Verdict::of(ran.code == 0 && !touched, format!("exit {}, files elsewhere were touched: {touched}, {}", ran.code, error(&ran)))
}

/// What ninja is told, and what steps are believed to have said.
fn planted_text(name: &str) -> Verdict {
    let project = project("");
    project.ok(&["lock"]);
    let touch = format!("touch {}", project.home("victim/new").display());
    let rule = format!("rule import\n  command = {touch}\nrule compose\n  command = {touch}\nrule x\n  command = {touch}\nbuild x: x\n");
    let text = if name == "outcomes" { "{\"step\":\"import one\",\"exit\":4}\n".repeat(3) } else { rule };
    project.write(&format!("_build/{name}"), &text);
    let before = victim(&project);
    let ran = project.run(&["build"]);
    Verdict::of(ran.code == 0 && victim(&project) == before, format!("exit {}, {}", ran.code, error(&ran)))
}

fn check_in(project: &Project) {
    project.ok(&["lock"]);
    project.write(".gitignore", "/_build/\n");
    git(project, &["init", "-q"]);
    git(project, &["add", "-A"]);
    git(project, &["commit", "-qm", "first"]);
}

fn git(project: &Project, arguments: &[&str]) {
    let mut command = project.command("git");
    let command = command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main"]);
    project.finish(command.args(arguments)).exits(0);
}

/// A commit with a link, checked out into the bot's copy; the work tree itself has none.
fn copied(place: &str, below: &'static str) -> Verdict {
    let project = project("");
    check_in(&project);
    let aside = project.home("aside");
    let path = project.path(place);
    if path.exists() {
        std::fs::rename(&path, &aside).unwrap();
    }
    plant(&project, place, links(below));
    git(&project, &["add", "-Af", place]);
    git(&project, &["commit", "-qm", "second"]);
    std::fs::remove_file(&path).unwrap();
    if aside.exists() {
        std::fs::rename(&aside, &path).unwrap();
    } else if place == "mirrors.toml" {
        project.write(place, "");
    }
    refused(&project, &["bot", "--until", "composed"], &[place])
}

fn copy() -> Verdict {
    let project = project("");
    check_in(&project);
    let ran = project.run(&["bot", "--until", "composed"]);
    Verdict::of(ran.code == 0, format!("exit {} {}", ran.code, error(&ran)))
}

/// A link of a commit where the copy keeps what is generated: no commit brings that.
fn left_out(place: &str) -> Verdict {
    let project = project("");
    check_in(&project);
    plant(&project, place, links(""));
    git(&project, &["add", "-Af", place]);
    git(&project, &["commit", "-qm", "second"]);
    std::fs::remove_file(project.path(place)).unwrap();
    let before = victim(&project);
    let ran = project.run(&["bot", "--until", "composed"]);
    let copied = project.path("_build/bot/project").join(place).is_symlink();
    Verdict::of(ran.code == 0 && !copied && victim(&project) == before, format!("exit {}, {}", ran.code, error(&ran)))
}

/// A filter that attributes of a commit name and the configuration beside it defines, as an unpacked archive brings both.
fn filtered() -> Verdict {
    let project = project("");
    project.write(".gitattributes", "* filter=trap\n");
    check_in(&project);
    let trap = format!("touch {}; cat", project.home("victim/new").display());
    git(&project, &["config", "filter.trap.smudge", &trap]);
    git(&project, &["config", "filter.trap.process", &trap]);
    std::fs::remove_file(project.home("victim/new")).unwrap_or_default();
    bot_leaves_alone(&project)
}

/// A project that looks like a bare repository with a work tree, in a clone of an honest one: git takes its configuration.
fn inside_out() -> Verdict {
    let project = project("");
    check_in(&project);
    for name in ["HEAD", "config", "objects", "refs", "index", "info"] {
        std::fs::rename(project.path(".git").join(name), project.path(name)).unwrap();
    }
    std::fs::remove_dir_all(project.path(".git")).unwrap();
    let trap = format!("touch {}; cat", project.home("victim/new").display());
    let config = project.read("config").replace("bare = false", "bare = false\n\tworktree = .");
    project.write("config", &format!("{config}[filter \"trap\"]\n\tsmudge = {trap:?}\n[core]\n\tfsmonitor = {trap:?}\n"));
    project.write("info/attributes", "* filter=trap\n");
    // The checkout around it is one directory above.
    let above = project.path("..");
    git(&project, &["-C", &above.display().to_string(), "init", "-q"]);
    let own = project.path("").canonicalize().unwrap().file_name().unwrap().to_owned();
    let mut add = project.command("git");
    project.finish(add.args(["-C", &above.display().to_string(), "add", "-Af", "--"]).arg(&own)).exits(0);
    git(&project, &["-C", &above.display().to_string(), "commit", "-qm", "innocent"]);
    std::fs::remove_file(project.home("victim/new")).unwrap_or_default();
    bot_leaves_alone(&project)
}

/// The bot does its work, and nothing else happens.
fn bot_leaves_alone(project: &Project) -> Verdict {
    let before = victim(project);
    let ran = project.run(&["bot", "--until", "composed"]);
    Verdict::of(ran.code == 0 && victim(project) == before, format!("exit {}, {}", ran.code, error(&ran)))
}

/// Programs that a repository's own configuration names.
fn configured() -> Verdict {
    let project = project("");
    check_in(&project);
    project.write("trap.sh", &format!("#!/bin/sh\ntouch {}\ncat\n", project.home("victim/new").display()));
    std::fs::set_permissions(project.path("trap.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let trap = project.path("trap.sh").display().to_string();
    for key in ["core.fsmonitor", "filter.trap.smudge", "diff.external", "core.pager", "core.hooksPath"] {
        let value = if key == "core.hooksPath" { project.path("hooks").display().to_string() } else { trap.clone() };
        git(&project, &["config", key, &value]);
    }
    std::fs::create_dir(project.path("hooks")).unwrap();
    for hook in ["post-checkout", "post-index-change", "pre-commit", "reference-transaction"] {
        std::fs::copy(project.path("trap.sh"), project.path("hooks").join(hook)).unwrap();
    }
    std::fs::remove_file(project.home("victim/new")).unwrap_or_default();
    bot_leaves_alone(&project)
}

/// A link out of the project in the place of something that a manifest names, or that every project has.
fn strays(image: &str, place: &str, below: &str) -> Verdict {
    let project = project(image);
    if place.starts_with("lockfiles") {
        std::fs::create_dir_all(project.path("lockfiles")).unwrap();
    } else {
        project.run(&["lock"]);
    }
    plant(&project, place, |project, path| symlink(project.home(&format!("victim{below}")), path).unwrap());
    refused(&project, &["build"], &if image.contains("..") { vec![".."] } else { vec![place, "victim"] })
}

fn strays_to(image: &str, place: &str, target: &str) -> Verdict {
    let project = project(image);
    symlink(target, project.path(place)).unwrap();
    refused(&project, &["build"], &[place, target])
}

fn strayed_chain() -> Verdict {
    let project = project("overlay = [\"given\"]\n");
    symlink("second", project.path("given")).unwrap();
    symlink(project.home("victim"), project.path("second")).unwrap();
    refused(&project, &["build"], &["given", "victim"])
}

fn strays_directory(name: &str) -> Verdict {
    let project = project("");
    project.ok(&["lock"]);
    std::fs::rename(project.path(name), project.home("victim/moved")).unwrap();
    symlink(project.home("victim/moved"), project.path(name)).unwrap();
    refused(&project, &["lock", "--upgrade"], &[name, "victim"])
}

fn strays_key() -> Verdict {
    let project = project("");
    project.write(
        "manifests/main.toml",
        &format!("{MANIFEST}{IMAGE}").replace(
            "trust = \"none\"",
            "trust = \"none\"\n[repo.far]\ndeb = \"http://127.0.0.1:9/\"\nsuites = [\"./\"]\nkey = \"key.asc\"",
        ),
    );
    symlink(project.home("victim/document"), project.path("key.asc")).unwrap();
    refused(&project, &["lock"], &["key.asc", "victim"])
}

fn strays_packages() -> Verdict {
    let project = project("");
    std::fs::rename(project.path("debs"), project.home("victim/debs")).unwrap();
    symlink(project.home("victim/debs"), project.path("debs")).unwrap();
    refused(&project, &["build"], &["debs", "victim"])
}

fn strays_package() -> Verdict {
    let project = project("");
    let name = "debs/one_1.0_amd64.deb";
    std::fs::rename(project.path(name), project.home("victim/one.deb")).unwrap();
    symlink(project.home("victim/one.deb"), project.path(name)).unwrap();
    refused(&project, &["build"], &[name, "victim"])
}

fn attributes(name: &str) -> Verdict {
    let project = project("");
    git(&project, &["init", "-q"]);
    symlink(project.home("victim/document"), project.path(name)).unwrap();
    refused(&project, &["init", "manifests/new.toml"], &[name, "victim"])
}

fn not_allowed() -> Verdict {
    let project = outside("[\"../home/other\"]");
    refused(&project, &["build"], &["given", "victim"])
}

fn allowed() -> Verdict {
    built(&outside("[\"../home/victim\"]"))
}

fn outside(directories: &str) -> Project {
    let project = project("overlay = [\"given\"]\n");
    let text = project.read("manifests/main.toml");
    project.write("manifests/main.toml", &format!("outside = {directories}\n{text}"));
    std::fs::create_dir_all(project.home("other")).unwrap();
    symlink(project.home("victim/directory"), project.path("given")).unwrap();
    project
}

/// A link inside the project, read as its target.
fn inside(image: &str, place: &str, target: &str) -> Verdict {
    let project = project(image);
    symlink(project.path(target), project.path(place)).unwrap();
    // The same manifest by another name.
    let arguments: &[&str] = if place == "manifests/other.toml" { &["build", "main/root"] } else { &["build"] };
    let ran = project.run(arguments);
    let listed = if image.is_empty() || ran.code != 0 { "own within".to_owned() } else { files(&project) };
    Verdict::of(ran.code == 0 && (listed.contains("own") || listed.contains("within")), format!("exit {} {}", ran.code, error(&ran)))
}

fn files(project: &Project) -> String {
    project.ostree(&["ls", "-R", "image/main/root/amd64/sealed"])
}

fn inside_script() -> Verdict {
    let project = project("scripts = [\"given\"]\n");
    project.write("scripts/real", "not a script");
    symlink("scripts/real", project.path("given")).unwrap();
    // It is read, and found to be none: that takes no sandbox.
    let ran = project.run(&["build"]);
    Verdict::of(ran.code == 6 && ran.stderr.contains("is neither a script"), format!("exit {} {}", ran.code, error(&ran)))
}

fn inside_packages() -> Verdict {
    let project = project("");
    std::fs::rename(project.path("debs"), project.path("pool")).unwrap();
    std::fs::create_dir(project.path("debs")).unwrap();
    symlink("../pool/one_1.0_amd64.deb", project.path("debs/one_1.0_amd64.deb")).unwrap();
    built(&project)
}

fn inside_directory(name: &str) -> Verdict {
    let project = project("");
    project.ok(&["lock"]);
    std::fs::rename(project.path(name), project.path("moved")).unwrap();
    symlink("moved", project.path(name)).unwrap();
    built(&project)
}

fn inside_lockfile() -> Verdict {
    let project = project("");
    project.ok(&["lock"]);
    std::fs::rename(project.path("lockfiles/main.lock"), project.path("kept.lock")).unwrap();
    symlink("../kept.lock", project.path("lockfiles/main.lock")).unwrap();
    let ran = project.run(&["lock", "--upgrade"]);
    let is_link = project.path("lockfiles/main.lock").is_symlink();
    Verdict::of(ran.code == 0 && is_link, format!("exit {}, link {is_link}", ran.code))
}

/// A link inside an overlay is one of the image, wherever it leads: nothing of the host comes in through it.
fn kept_link() -> Verdict {
    let project = project("overlay = [\"within\"]\n");
    symlink(project.home("victim"), project.path("within/etc/linked")).unwrap();
    let ran = project.run(&["build"]);
    let listed = if ran.code == 0 { files(&project) } else { String::new() };
    Verdict::of(ran.code == 0 && listed.contains("linked -> ") && !listed.contains("notes"), format!("exit {} {}", ran.code, error(&ran)))
}

/// A directory that becomes a link and back while builds run: what lies outside never gets into an image.
fn raced() -> Verdict {
    let project = project("overlay = [\"given\"]\n");
    let stop = AtomicBool::new(false);
    let (given, away, link) = (project.path("given"), project.path("away"), project.path("link"));
    project.write("given/etc/own", "own");
    symlink(project.home("victim"), &link).unwrap();
    let mut leaked = 0;
    let mut codes = vec![];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Each of the two stands there for a moment.
                let _moved = std::fs::rename(&given, &away).and_then(|()| std::fs::rename(&link, &given));
                std::thread::sleep(std::time::Duration::from_micros(300));
                let _back = std::fs::rename(&given, &link).and_then(|()| std::fs::rename(&away, &given));
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        for _ in 0..12 {
            let ran = project.run(&["build"]);
            codes.push(ran.code);
            if ran.code == 0 && files(&project).contains("document") {
                leaked += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    Verdict::of(leaked == 0, format!("{leaked} of {} builds took files from outside; exit codes {codes:?}", codes.len()))
}

/// Something that never ends, or never begins, in the place of a file.
fn blocked(image: &str, place: &str) -> Verdict {
    let project = project(image);
    fifo(&project.path(place));
    refused(&project, &["build"], &[place])
}
