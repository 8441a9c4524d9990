//! What a mirror may do with time: go back, hold back, or never come to an end. Nothing gets older, nothing waits for ever.

use crate::fixture::{Archive, Project, Ran, manifest, pool_path};
use crate::table::{self, Row, Verdict};
use pintree::testkit::deb::Package;
use pintree::testkit::repo::Suite;
use pintree::testkit::server::{Fault, Server};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The image of every row.
const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"one\", \"two\"]\n";

/// After so long nobody waits for a mirror any more.
const PATIENCE: Duration = Duration::from_secs(110);

const ROWS: &[Row] = &[
    Row { name: "rollback-upgrade", guard: "downgrade", attack: rollback_upgrade, twin: upgrade },
    Row { name: "rollback-lock", guard: "downgrade", attack: rollback_lock, twin: unchanged },
    Row { name: "rollback-one-package", guard: "downgrade", attack: rollback_one, twin: upgrade_one },
    Row { name: "rollback-security", guard: "downgrade", attack: rollback_security, twin: security },
    Row { name: "rollback-bot", guard: "downgrade", attack: rollback_bot, twin: bot },
    Row { name: "older-second-mirror", guard: "downgrade", attack: older_second_mirror, twin: equal_second_mirror },
    Row { name: "removed-package", guard: "downgrade", attack: removed, twin: removed_and_unwanted },
    Row { name: "vanished-rebuild", guard: "downgrade", attack: vanished_rebuild, twin: another_rebuild },
    Row { name: "dropped-epoch", guard: "downgrade", attack: dropped_epoch, twin: raised_epoch },
    Row { name: "older-in-front", guard: "downgrade", attack: older_in_front, twin: newer_in_front },
    Row { name: "taken-over-by-source", guard: "downgrade", attack: other_source, twin: other_newer_source },
    Row { name: "older-for-one-architecture", guard: "downgrade", attack: older_for_one, twin: newer_for_both },
    Row { name: "swapped-file-of-a-kept-pin", guard: "kept-bytes", attack: swapped_file, twin: rollback_upgrade },
    Row { name: "swapped-store-entry-of-a-kept-pin", guard: "kept-bytes", attack: swapped_store, twin: kept_by_the_store },
    Row { name: "lost-file-of-a-kept-pin", guard: "kept-bytes", attack: lost_file, twin: allowed_downgrade },
    Row { name: "slow-index", guard: "patience", attack: slow_index, twin: lumpy_index },
    Row { name: "slow-only-mirror", guard: "patience", attack: slow_only_mirror, twin: upgrade },
    Row { name: "slow-package", guard: "patience", attack: slow_package, twin: builds },
    Row { name: "slow-headers", guard: "patience", attack: slow_headers, twin: upgrade },
    Row { name: "silent-server", guard: "patience", attack: silent_server, twin: pausing_server },
    Row { name: "silent-in-the-middle", guard: "patience", attack: stalled, twin: cut_once },
    Row { name: "slow-redirects", guard: "patience", attack: slow_redirects, twin: redirected },
    Row { name: "retry-after-for-days", guard: "patience", attack: retry_after, twin: retry_soon },
    Row { name: "endless-body", guard: "limit", attack: endless_body, twin: upgrade },
    Row { name: "clock-after-2106", guard: "clock", attack: clock_after_2106, twin: clock_before_2106 },
    Row { name: "clock-before-1970", guard: "clock", attack: clock_before_1970, twin: clock_of_today },
];

#[test]
fn freshness() {
    crate::fixture::needs!("git");
    table::run("freshness", ROWS, &[]);
}

fn package(name: &str, version: &str) -> Package {
    Package::new(name, version).arch("armhf").file(&format!("usr/share/{name}"), 0o644, version)
}

fn pair(version: &str) -> Vec<Package> {
    vec![package("one", version), package("two", version)]
}

/// A project locked at 2.0, as a fresh machine has it.
fn locked() -> (Archive, Project) {
    let archive = Archive::new(&pair("2.0"));
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    forget(&project);
    (archive, project)
}

fn forget(project: &Project) {
    for path in [project.path("_build"), project.home("cache")] {
        let _unused = std::fs::remove_dir_all(path);
    }
}

/// The line that is told before any change.
fn first_line(ran: &Ran) -> String {
    let is_work = |line: &&str| ["Reading", "Fetching"].iter().any(|verb| line.trim_start().starts_with(verb));
    ran.stderr.lines().find(|line| !is_work(line)).unwrap_or_default().to_owned()
}

/// Judges a run that must leave the lockfile as it is and say so first.
fn keeps(project: &Project, arguments: &[&str]) -> Verdict {
    let before = project.lockfile();
    let ran = project.run(arguments);
    let line = first_line(&ran);
    let is_told = line.starts_with("warning: ") && line.contains("no index of");
    Verdict::of(ran.code == 0 && project.lockfile() == before && is_told, format!("exit {}, {line}", ran.code))
}

/// Judges a run that must move something, without a warning.
fn moves(project: &Project, arguments: &[&str], change: &str) -> Verdict {
    let ran = project.run(arguments);
    Verdict::of(
        ran.code == 0 && ran.stderr.contains(change) && !ran.stderr.contains("warning"),
        format!("exit {} {}", ran.code, ran.stderr),
    )
}

fn rollback_upgrade() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("1.0"));
    keeps(&project, &["lock", "--upgrade"])
}

fn upgrade() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("3.0"));
    moves(&project, &["lock", "--upgrade"], "one 2.0 ► 3.0")
}

fn rollback_lock() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("1.0"));
    keeps(&project, &["lock"])
}

fn unchanged() -> Verdict {
    let (_archive, project) = locked();
    moves(&project, &["lock"], "Unchanged")
}

fn rollback_one() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("1.0"));
    keeps(&project, &["lock", "--upgrade-package", "one"])
}

fn upgrade_one() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("3.0"));
    moves(&project, &["lock", "--upgrade-package", "one"], "one 2.0 ► 3.0")
}

/// The suite of security updates, in which nothing is or a fix.
fn fixes(archive: &Archive, packages: &[Package]) {
    archive.publish_suite(packages, |mut suite: Suite| {
        "stable-security".clone_into(&mut suite.directory);
        suite.field("Codename", "stable-security")
    });
}

fn with_fixes(packages: &[Package]) -> (Archive, Project) {
    let archive = Archive::new(&pair("2.0"));
    fixes(&archive, packages);
    let project = Project::new(&archive, IMAGE);
    let text = project.read("manifests/main.toml").replace("[\"stable\"]", "[\"stable\", \"stable-security\"]");
    project.write("manifests/main.toml", &text);
    project.ok(&["lock"]);
    forget(&project);
    (archive, project)
}

/// The main suite is today's, that of the fixes is from before the fix.
fn rollback_security() -> Verdict {
    let (archive, project) = with_fixes(&[package("one", "2.0+fix")]);
    fixes(&archive, &[]);
    keeps(&project, &["lock", "--only", "security"])
}

fn security() -> Verdict {
    let (archive, project) = with_fixes(&[]);
    fixes(&archive, &[package("one", "2.0+fix")]);
    moves(&project, &["lock", "--only", "security"], "one 2.0 ► 2.0+fix")
}

fn committed() -> (Archive, Project) {
    let (archive, project) = locked();
    project.write(".gitignore", "/_build/\n");
    for arguments in [&["init", "-q", "-b", "main"][..], &["add", "-A"], &["commit", "-q", "-m", "first"]] {
        let mut git = project.command("git");
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]).args(arguments);
        project.finish(&mut git).exits(0);
    }
    (archive, project)
}

/// What a night of the bot puts on its branch.
fn night(project: &Project) -> (Ran, String) {
    let ran = project.run(&["--format", "json", "bot", "--until", "composed"]);
    let shown = project.finish(project.command("git").args(["show", "pintree/update:lockfiles/main.lock"]));
    (ran, shown.stdout)
}

fn rollback_bot() -> Verdict {
    let (archive, project) = committed();
    archive.publish(&[package("one", "1.0"), package("two", "3.0")]);
    let (ran, lockfile) = night(&project);
    let first = ran.json()["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    let is_kept = !lockfile.contains("\"1.0\"") && lockfile.contains("\"3.0\"") && first.contains("Gone from the indexes");
    Verdict::of(ran.code == 0 && is_kept, format!("exit {}, {first}", ran.code))
}

fn bot() -> Verdict {
    let (archive, project) = committed();
    archive.publish(&pair("3.0"));
    let (ran, lockfile) = night(&project);
    Verdict::of(ran.code == 0 && lockfile.matches("\"3.0\"").count() == 2, format!("exit {} {}", ran.code, ran.stderr))
}

/// A copy of an archive as it is now, served by somebody else.
fn copy(archive: &Archive) -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(archive.path(".")).arg(directory.path()).status().unwrap();
    assert!(copied.success());
    let server = Server::start(directory.path());
    (directory, server)
}

/// The first mirror has no Release any more, the second one has an old one that is as well signed.
fn second_mirror(version: &str) -> (Archive, Project, tempfile::TempDir, Server) {
    let (archive, project) = locked();
    archive.publish(&pair(version));
    let (directory, second) = copy(&archive);
    archive.publish(&pair("2.0"));
    for name in ["InRelease", "Release"] {
        archive.server.fault(&format!("/dists/stable/{name}"), usize::MAX, Fault::Status(404, None));
    }
    project.write("manifests/main.toml", &manifest(&[&archive.server, &second], &["armhf"], IMAGE));
    (archive, project, directory, second)
}

fn older_second_mirror() -> Verdict {
    let (_archive, project, _directory, _second) = second_mirror("1.0");
    let before = project.lockfile();
    let ran = project.run(&["lock", "--upgrade"]);
    let is_told = ran.stderr.contains("`one` stays at 2.0");
    Verdict::of(ran.code == 0 && project.lockfile() == before && is_told, format!("exit {} {}", ran.code, ran.stderr))
}

fn equal_second_mirror() -> Verdict {
    let (_archive, project, _directory, _second) = second_mirror("2.0");
    let ran = project.run(&["lock", "--upgrade"]);
    Verdict::of(ran.code == 0 && ran.stderr.contains("Unchanged"), format!("exit {} {}", ran.code, ran.stderr))
}

fn removed() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&[package("one", "2.0")]);
    keeps(&project, &["lock", "--upgrade"])
}

fn removed_and_unwanted() -> Verdict {
    let archive = Archive::new(&[package("one", "2.0").depends("more"), package("two", "2.0"), package("more", "2.0")]);
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    forget(&project);
    archive.publish(&pair("3.0"));
    let verdict = moves(&project, &["lock", "--upgrade"], "one 2.0 ► 3.0");
    if project.lockfile().contains("more") { Verdict::Broke("`more` stays".to_owned()) } else { verdict }
}

/// `one` is locked at a version and published at another one; `two` stays.
fn versions(before: &str, after: Package) -> Project {
    let archive = Archive::new(&[package("one", before), package("two", "2.0")]);
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    forget(&project);
    archive.publish(&[after, package("two", "2.0")]);
    // The files stay for as long as the test runs.
    std::mem::forget(archive);
    project
}

fn vanished_rebuild() -> Verdict {
    keeps(&versions("1.0-1+b2", package("one", "1.0-1")), &["lock", "--upgrade"])
}

fn another_rebuild() -> Verdict {
    moves(&versions("1.0-1+b2", package("one", "1.0-1+b10")), &["lock", "--upgrade"], "one 1.0-1+b2 ► 1.0-1+b10")
}

fn dropped_epoch() -> Verdict {
    keeps(&versions("1:1.0", package("one", "2.0")), &["lock", "--upgrade"])
}

fn raised_epoch() -> Verdict {
    moves(&versions("2.0", package("one", "1:1.0")), &["lock", "--upgrade"], "one 2.0 ► 1:1.0")
}

fn other_source() -> Verdict {
    keeps(&versions("2.0", package("one", "1.0").field("Source", "taker (9.0)")), &["lock", "--upgrade"])
}

fn other_newer_source() -> Verdict {
    let ran = versions("2.0", package("one", "2.1").field("Source", "taker (0.1)")).run(&["lock", "--upgrade"]);
    Verdict::of(
        ran.code == 0 && !ran.stderr.contains("warning") && ran.stderr.contains("taker"),
        format!("exit {} {}", ran.code, ran.stderr),
    )
}

/// Another repository, which goes first, begins to have a package.
fn in_front(version: &str) -> (Archive, Archive, Project) {
    let (archive, project) = locked();
    let vendor = Archive::new(&[]);
    vendor.gpg.export_to(&[&vendor.key], &project.path("keys/vendor.asc"));
    let text = format!(
        "{}\n[repo.vendor]\ndeb = \"{}\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nkey = \"keys/vendor.asc\"\npriority = 10\n",
        project.read("manifests/main.toml"),
        vendor.server.url()
    );
    project.write("manifests/main.toml", &text);
    project.ok(&["lock"]);
    forget(&project);
    vendor.publish(&[package("one", version)]);
    (archive, vendor, project)
}

fn older_in_front() -> Verdict {
    let (_archive, _vendor, project) = in_front("1.0");
    let before = project.lockfile();
    let ran = project.run(&["lock", "--upgrade"]);
    Verdict::of(ran.code == 0 && project.lockfile() == before, format!("exit {} {}", ran.code, ran.stderr))
}

fn newer_in_front() -> Verdict {
    let (_archive, _vendor, project) = in_front("2.5");
    moves(&project, &["lock", "--upgrade"], "one 2.0 ► 2.5")
}

/// Two architectures, of which one goes to another version.
fn skewed(armhf: &str, amd64: &str) -> (Archive, Project) {
    let both = |armhf: &str, amd64: &str| {
        let of = |arch: &str, version: &str| ["one", "two"].map(|name| package(name, version).arch(arch));
        of("armhf", armhf).into_iter().chain(of("amd64", amd64)).collect::<Vec<_>>()
    };
    let archive = Archive::new(&both("2.0", "2.0"));
    let project = Project::with_arches(&archive, &["armhf", "amd64"], IMAGE);
    project.ok(&["lock"]);
    forget(&project);
    archive.publish(&both(armhf, amd64));
    (archive, project)
}

fn older_for_one() -> Verdict {
    let (_archive, project) = skewed("2.0", "1.0");
    keeps(&project, &["lock", "--upgrade"])
}

fn newer_for_both() -> Verdict {
    let (_archive, project) = skewed("3.0", "3.0");
    moves(&project, &["lock", "--upgrade"], "one 2.0 ► 3.0")
}

/// Judges a run that must change nothing and name what it lacks.
fn refused(project: &Project, arguments: &[&str], code: i32, says: &str) -> Verdict {
    let before = project.lockfile();
    let ran = project.run(arguments);
    let is_told = ran.stderr.contains(says) && ran.stderr.contains("--allow-downgrade");
    Verdict::of(ran.code == code && project.lockfile() == before && is_told, format!("exit {} {}", ran.code, first_line(&ran)))
}

/// The file that stays is another one now, which asks for more and is as long.
fn swapped_file() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("1.0"));
    let mut bytes = package("one", "2.0").build();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(archive.path(&pool_path(&package("one", "2.0"))), bytes).unwrap();
    refused(&project, &["lock", "--upgrade"], 4, "`one` 2.0 of repository `debian`")
}

/// A project that has built its images, and whose mirror has gone back and lost its files.
fn built() -> (Archive, Project) {
    let (archive, project) = locked();
    project.build();
    archive.publish(&pair("1.0"));
    ["one", "two"].iter().for_each(|name| std::fs::remove_file(archive.path(&pool_path(&package(name, "2.0")))).unwrap());
    (archive, project)
}

/// The store's entry of one package names the commit of the other: its fields are not the pin's.
fn swapped_store() -> Verdict {
    let (_archive, project) = built();
    let digest = |name: &str| pintree::pkg::Sha256::of(&package(name, "2.0").build()).to_hex();
    let mut refs = vec![];
    crate::fixture::files_below(&project.path("_build/ostree/refs/heads/deb"), &mut |path| refs.push(path.to_owned()));
    let of = |name: &str| refs.iter().find(|path| path.to_string_lossy().replace('/', "").ends_with(&digest(name))).unwrap();
    std::fs::copy(of("two"), of("one")).unwrap();
    let before = project.lockfile();
    let ran = project.run(&["lock", "--upgrade"]);
    Verdict::of(ran.code != 0 && project.lockfile() == before, format!("exit {} {}", ran.code, first_line(&ran)))
}

fn kept_by_the_store() -> Verdict {
    let (_archive, project) = built();
    keeps(&project, &["lock", "--upgrade"])
}

fn lost_file() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("1.0"));
    std::fs::remove_file(archive.path(&pool_path(&package("one", "2.0")))).unwrap();
    refused(&project, &["lock", "--upgrade"], 4, "`one` 2.0 of repository `debian`")
}

fn allowed_downgrade() -> Verdict {
    let (archive, project) = locked();
    archive.publish(&pair("1.0"));
    moves(&project, &["lock", "--upgrade", "--allow-downgrade"], "one 2.0 ► 1.0")
}

/// Runs the program for as long as anybody would wait; the code is none if it had to be killed.
fn in_time(project: &Project, arguments: &[&str], most: Duration) -> (Option<Ran>, Duration) {
    let start = Instant::now();
    let mut child = project.pintree(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while start.elapsed() < most {
        if child.try_wait().unwrap().is_some() {
            let (ran, time) = (project.wait(child), start.elapsed());
            project.beside(arguments, Some(&ran));
            return (Some(ran), time);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let time = start.elapsed();
    project.beside(arguments, None);
    (None, time)
}

/// Judges a run that must end in time with an exit code.
fn ends(project: &Project, arguments: &[&str], code: i32, most: Duration) -> Verdict {
    let (ran, time) = in_time(project, arguments, most);
    let figure = ran.as_ref().map_or_else(|| "was killed".to_owned(), |ran| format!("exit {} {}", ran.code, first_line(ran)));
    Verdict::of(ran.is_some_and(|ran| ran.code == code), format!("{} s, {figure}", time.as_secs()))
}

/// A project with two mirrors, of which the first one has a fault at `path`.
fn faulty(path: &str, fault: Fault) -> (Archive, Project, Server) {
    let (archive, project) = locked();
    let second = archive.mirror();
    project.write("manifests/main.toml", &manifest(&[&archive.server, &second], &["armhf"], IMAGE));
    archive.server.fault(path, usize::MAX, fault);
    (archive, project, second)
}

const RELEASE: &str = "/dists/stable/InRelease";

/// Judges a lock whose first mirror has a fault.
fn goes_on(fault: Fault) -> Verdict {
    let (_archive, project, _second) = faulty(RELEASE, fault);
    ends(&project, &["lock", "--upgrade"], 0, PATIENCE)
}

fn slow_index() -> Verdict {
    goes_on(Fault::Drip(1, Duration::from_secs(3)))
}

fn lumpy_index() -> Verdict {
    goes_on(Fault::Drip(400, Duration::from_millis(250)))
}

fn slow_only_mirror() -> Verdict {
    let (archive, project) = locked();
    archive.server.fault(RELEASE, usize::MAX, Fault::Drip(1, Duration::from_secs(3)));
    ends(&project, &["lock", "--upgrade"], 4, PATIENCE)
}

fn slow_package() -> Verdict {
    let path = format!("/{}", pool_path(&package("one", "2.0")));
    let (_archive, project, _second) = faulty(&path, Fault::Drip(1, Duration::from_secs(3)));
    ends(&project, &["build", "--until", "composed"], 0, PATIENCE)
}

fn builds() -> Verdict {
    let (_archive, project) = locked();
    ends(&project, &["build", "--until", "composed"], 0, PATIENCE)
}

fn slow_headers() -> Verdict {
    goes_on(Fault::Headers(Duration::from_secs(3)))
}

fn silent_server() -> Verdict {
    goes_on(Fault::Delay(Duration::from_secs(3600)))
}

fn pausing_server() -> Verdict {
    goes_on(Fault::Delay(Duration::from_secs(2)))
}

fn stalled() -> Verdict {
    goes_on(Fault::Stall(100))
}

fn cut_once() -> Verdict {
    let (archive, project) = locked();
    archive.server.fault(RELEASE, 1, Fault::Truncate(100));
    ends(&project, &["lock", "--upgrade"], 0, PATIENCE)
}

/// Each redirect comes before patience ends.
fn slow_redirects() -> Verdict {
    let hop = |number: usize| Fault::Hop(Duration::from_secs(20), format!("/hop{number}"));
    let (archive, project, _second) = faulty(RELEASE, hop(1));
    (1..20).for_each(|number| archive.server.fault(&format!("/hop{number}"), usize::MAX, hop(number + 1)));
    ends(&project, &["lock", "--upgrade"], 0, PATIENCE)
}

fn redirected() -> Verdict {
    let (archive, project, second) = faulty("/nothing", Fault::Hangup);
    archive.server.fault(RELEASE, usize::MAX, Fault::Redirect(302, format!("{}{RELEASE}", second.url())));
    ends(&project, &["lock", "--upgrade"], 0, PATIENCE)
}

fn retry_after() -> Verdict {
    goes_on(Fault::Status(503, Some("99999".to_owned())))
}

fn retry_soon() -> Verdict {
    let (archive, project) = locked();
    archive.server.fault(RELEASE, 2, Fault::Status(503, Some("1".to_owned())));
    ends(&project, &["lock", "--upgrade"], 0, PATIENCE)
}

fn endless_body() -> Verdict {
    let (_archive, project, _second) = faulty(RELEASE, Fault::Endless(20_000, Duration::from_millis(1)));
    ends(&project, &["lock", "--upgrade"], 0, Duration::from_secs(20))
}

/// Runs every verb by other clocks; those that judge signatures must end with `code`, and none may panic.
fn by_clocks(moments: &[&str], code: i32) -> Verdict {
    let found = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|one| one.join("faketime").is_file()));
    if !found {
        return Verdict::Skipped("no faketime".to_owned());
    }
    // The clock is this machine's: no server does what another one could be asked for.
    crate::fixture::BESIDE.set(None);
    let mut figures = vec![];
    let mut is_fine = true;
    for moment in moments {
        let (_archive, project) = committed();
        let mut codes = vec![];
        for (arguments, judges) in [
            (&["lock", "--upgrade"][..], true),
            (&["outdated"], true),
            (&["bot", "--dry-run", "--until", "composed"], true),
            (&["lock", "--check"], false),
            (&["build", "--until", "composed"], false),
            (&["verify"], false),
            (&["why", "root", "one"], false),
            (&["tree", "root"], false),
            (&["diff"], false),
            (&["gc"], false),
            (&["doctor"], false),
            (&["init", "--arch", "amd64", "manifests/more.toml"], false),
        ] {
            let mut command = project.command("faketime");
            command.args([moment, crate::fixture::program().as_str()]).args(arguments);
            let ran = project.finish(&mut command);
            is_fine &= ran.code != 101 && !ran.stderr.contains("panicked");
            is_fine &= !judges || ran.code == code && (code == 0 || ran.stderr.contains("hint: set this machine's clock"));
            codes.push(ran.code.to_string());
        }
        figures.push(format!("{moment}: {}", codes.join(" ")));
    }
    Verdict::of(is_fine, figures.join(", "))
}

fn clock_after_2106() -> Verdict {
    by_clocks(&["2106-02-07 06:28:16", "2300-01-01 00:00:00"], 7)
}

fn clock_before_2106() -> Verdict {
    by_clocks(&["2038-01-19 03:14:08"], 0)
}

fn clock_before_1970() -> Verdict {
    by_clocks(&["1969-12-31 23:59:58", "1901-01-01 00:00:00"], 7)
}

fn clock_of_today() -> Verdict {
    by_clocks(&["2027-01-01 00:00:00"], 0)
}
