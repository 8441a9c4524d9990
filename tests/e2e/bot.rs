//! `pintree bot`: an update on a branch of its own, without what breaks.

use crate::checkout::{image_of, names, part, parts};
use crate::configure::needs_shell;
use crate::fixture::{Archive, Project, Ran, needs, pool_path};
use pintree::testkit::deb::Package;
use pintree::testkit::server::Fault;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;

fn bot(project: &Project, arguments: &[&str]) -> Ran {
    let mut all = vec!["--format", "json", "bot", "--until", "composed"];
    all.extend(arguments);
    project.run(&all)
}

/// A checkout locked at `1.0` of `count` packages, whose archive has `packages` now.
fn outdated(count: usize, packages: &[Package]) -> (Archive, Project) {
    let archive = Archive::new(&parts(count, "1.0"));
    let project = Project::checked_in(&archive, &image_of(&names(count)));
    archive.publish(packages);
    (archive, project)
}

/// The package with a file that another one has, too; the step that fails names both.
fn clashing(package: &Package, with: &str) -> Package {
    package.clone().file(&format!("usr/share/{with}/version"), 0o644, "mine\n")
}

/// stdout with what differs between runs replaced.
fn stable(text: &str) -> String {
    let hex = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = |line: &str| {
        line.split(' ')
            .map(|word| if hex(word.trim_matches('`')) { word.replace(word.trim_matches('`'), "[DIGEST]") } else { word.to_owned() })
            .collect::<Vec<_>>()
            .join(" ")
    };
    // Imports end in any order.
    text.lines().filter(|line| !line.contains("] import ")).map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn one_bad_of_forty_updates_takes_eight_builds_at_most() {
    needs!("git");
    // The step that fails names both packages; only one of them has changed what it ships.
    for (bad, with) in [(11, 12), (12, 11), (39, 0)] {
        let mut packages = parts(40, "2.0");
        packages[bad] = clashing(&packages[bad], &names(40)[with]);
        let (_archive, project) = outdated(40, &packages);
        let ran = bot(&project, &[]).exits(0);
        let json = ran.json();
        eprintln!("{} builds", json["builds"]);
        assert!(json["builds"].as_u64().unwrap() <= 8, "{bad} {with}: {json:#}");
        let held = json["held"][0]["changes"][0].as_str().unwrap();
        assert_eq!(held, format!("part{bad:02} 1.0 ► 2.0"), "{}", ran.stderr);
        assert_eq!(json["commits"][0]["sources"].as_array().unwrap().len(), 39);
        let lockfile = project.git(&["show", "pintree/update:lockfiles/main.lock"]);
        assert_eq!(lockfile.matches("version = \"2.0\"").count(), 39);
    }
}

/// Forty updates of which `part23` is bad, built to the end with a script of the manifest's own.
fn forty_with_a_script(script: &str, more: impl Fn(Package, &str) -> Package) -> Ran {
    let Some(shell) = crate::universe::shell(ARCH) else { unreachable!("the caller asked for a shell") };
    let all = |version: &str| {
        let parts = parts(40, version)
            .into_iter()
            .map(|package| if package.get("Package") == Some("part07") { more(package, version) } else { package });
        std::iter::once(shell.clone()).chain(parts).collect::<Vec<_>>()
    };
    let archive = Archive::new(&all("1.0"));
    let text = format!("[image.root]\npackages = {:?}\nscripts = [\"check.sh\"]\n", names(40));
    let project = Project::with_arches(&archive, &[ARCH], &text);
    project.write("check.sh", script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path("check.sh"), mode).unwrap();
    project.write(".gitignore", "/_build/\n");
    project.ok(&["lock"]);
    project.git(&["init", "-q"]);
    project.commit("first");
    archive.publish(&all("2.0"));
    let ran = project.ok(&["--format", "json", "bot", "--dry-run"]);
    eprintln!("{} builds", ran.json()["builds"]);
    ran
}

/// Scripts are the host's own programs here.
const ARCH: &str = "amd64";

const BAD: &str = "grep -q 2.0 /usr/share/part23/version";

#[test]
fn what_no_step_names_is_found_in_eight_builds() {
    needs_shell!("git");
    let ran = forty_with_a_script(&format!("#!/bin/sh\nif {BAD}; then exit 1; fi\n"), |package, _| package);
    let json = ran.json();
    assert_eq!(json["held"][0]["changes"][0], "part23 1.0 ► 2.0", "{}", ran.stderr);
    assert!(json["builds"].as_u64().unwrap() <= 8, "{json:#}");
}

#[test]
fn a_wrong_suspicion_costs_no_ninth_build() {
    needs_shell!("git");
    // Whatever its version, the step that fails is another package's.
    let script = format!("#!/bin/sh\nif {BAD}; then exit 1; fi\n");
    let ran = forty_with_a_script("#!/bin/sh\nexit 0\n", |package, _| package.script("postinst", &script).depends("part23"));
    let json = ran.json();
    assert_eq!(json["held"][0]["changes"][0], "part23 1.0 ► 2.0", "{}", ran.stderr);
    assert!(json["held"][0]["why"].as_str().unwrap().contains("part07"), "{json:#}");
    assert!(json["builds"].as_u64().unwrap() <= 8, "{json:#}");
}

#[test]
fn the_work_tree_is_left_as_it_was() {
    needs!("git");
    let (_archive, project) = outdated(3, &parts(3, "2.0"));
    project.write("manifests/main.toml", "not even TOML\n");
    project.write("untracked", "mine\n");
    project.write("staged", "mine\n");
    project.git(&["add", "staged"]);
    let index = std::fs::read(project.path(".git/index")).unwrap();
    let status = project.git(&["status", "--porcelain"]);
    bot(&project, &["--dry-run"]).exits(0);
    assert_eq!(project.git(&["branch", "--list"]), "* main");
    bot(&project, &[]).exits(0);
    assert_eq!(project.git(&["branch", "--list"]), "* main\n  pintree/update");
    assert_eq!(std::fs::read(project.path(".git/index")).unwrap(), index);
    assert_eq!(project.git(&["status", "--porcelain"]), status);
    assert_eq!(
        project.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>", "pintree/update"]),
        "pintree bot <pintree-bot@localhost> pintree bot <pintree-bot@localhost>"
    );
    assert_eq!(project.git(&["diff", "--name-only", "main", "pintree/update"]), "lockfiles/main.lock");
    assert_eq!(project.git(&["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn messages_tell_all_of_it() {
    needs!("git");
    let mut packages = parts(5, "2.0");
    packages[1] = clashing(&packages[1], "part02");
    packages[3] = part("part03", "2.0").depends("extra");
    packages.push(part("extra", "1.0"));
    packages[4] = part("part04", "2.0").depends("part01 (>= 2.0)");
    let (archive, project) = outdated(5, &packages);
    project.write(
        "bot.toml",
        "branch = \"bot/{date}\"\nauthor = \"A Bot <bot@example.org>\"\n[[group]]\nname = \"first\"\npackages = [\"part03\"]\n",
    );
    project.commit("rules");
    let ran = bot(&project, &["--branch", "night"]).exits(0);
    let human = project.ok(&["bot", "--until", "composed", "--branch", "other"]);
    insta::assert_snapshot!(stable(&ran.talk()), @"
       Reading `debian` stable
        Trying 6 moved source packages, build 1
    [1/1] compose main/root armhf from 6 packages
    error: `part01 2.0 all` and `part02 2.0 all` both ship `/usr/share/part02/version`, and neither replaces the other's
        Trying 3 moved source packages, build 2
    [1/1] compose main/root armhf from 6 packages
        Trying 4 moved source packages, build 3
    [1/1] compose main/root armhf from 6 packages
    error: `part01 2.0 all` and `part02 1.0 all` both ship `/usr/share/part02/version`, and neither replaces the other's
    warning: held back: part01: `part01 2.0 all` and `part02 1.0 all` both ship `/usr/share/part02/version`, and neither replaces the other's
        Trying 4 moved source packages, build 4
    [1/1] compose main/root armhf from 6 packages
        Trying 2 moved source packages, build 5
    [1/1] compose main/root armhf from 6 packages
         Wrote `night`
               [DIGEST] update first: extra, part03
               [DIGEST] update rest: part00, part02
    warning: held back tonight: part01 1.0 ► 2.0 (and with it part04): `part01 2.0 all` and `part02 1.0 all` both ship `/usr/share/part02/version`, and neither replaces the other's
               5 builds
    ");
    insta::assert_snapshot!(stable(&project.git(&["log", "--reverse", "--format=%an <%ae>%n%B", "main..night"])), @"
    A Bot <bot@example.org>
    update first: extra, part03

    extra added at 1.0
    part03 1.0 ► 2.0

    Pintree-Update: first
    Pintree-Index: debian stable 2026-01-01T00:00:00Z [DIGEST]

    A Bot <bot@example.org>
    update rest: part00, part02

    part00 1.0 ► 2.0
    part02 1.0 ► 2.0

    Pintree-Update: rest
    Pintree-Index: debian stable 2026-01-01T00:00:00Z [DIGEST]
    Pintree-Held-Back: part01 1.0 ► 2.0 (and with it part04): `part01 2.0 all` and `part02 1.0 all` both ship `/usr/share/part02/version`, and neither replaces the other's
    Pintree-Attempt: [DIGEST]
    ");
    insta::assert_snapshot!(stable(&human.stdout), @"
    ## Held back tonight

    - `part01 1.0 ► 2.0` (and with it `part04`): `` `part01 2.0 all` and `part02 1.0 all` both ship `/usr/share/part02/version`, and neither replaces the other's ``

    ### `main`: 4 source packages change: 3 updated, 1 added

    #### Packages that came and went

    | image |  | package | version | because |
    | --- | --- | --- | --- | --- |
    | `root` | + | `extra` | `1.0` | ``request `part03`: part03 ► extra`` |

    <details><summary>New source packages (1)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `extra` |  | `1.0` | `root` |

    </details>

    <details><summary>Other updates (3)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `part00` | `1.0` | `2.0` | `root` |
    | `part02` | `1.0` | `2.0` | `root` |
    | `part03` | `1.0` | `2.0` | `root` |

    </details>

    #### Size

    | image | architecture | packages | download | to fetch | installed |
    | --- | --- | --- | --- | --- | --- |
    | `root` | `armhf` | 6 | 47.2 kB (+7.8 kB) | 31.4 kB | ±0 |

    ## Indexes

    | repository | suite | date | SHA-256 |
    |---|---|---|---|
    | `debian` | `stable` | `2026-01-01T00:00:00Z` | `[DIGEST]` |
    ");
    project.ok(&["build", "--until", "composed"]);
    let rebuilt = project.ok(&["bot", "--until", "composed", "--branch", "third"]);
    let diff = project.ok(&["--format", "markdown", "diff", "main..third"]);
    assert!(!diff.stdout.is_empty() && rebuilt.stdout.contains(diff.stdout.trim_end()), "{}\n---\n{}", rebuilt.stdout, diff.stdout);
    let again = project.ok(&["bot", "--until", "composed", "--branch", "night", "--message-only"]);
    assert_eq!(again.stdout, human.stdout, "a branch tells of itself");
    let before = project.ok(&["bot", "--until", "composed", "--branch", "nowhere", "--message-only"]);
    assert!(before.stdout.contains("part01") && !before.stdout.contains("Held back"), "{}", before.stdout);
    archive.server.take_log();
    bot(&project, &["--branch", "night"]).exits(0).says(&["`night` has it all already"]);
}

#[test]
fn holds_that_keep_updates_out_stand_on_top() {
    needs!("git");
    let mut packages = parts(4, "2.0");
    packages.push(part("part01", "1.0"));
    let (_archive, project) = outdated(4, &packages);
    let holds = "[[hold]]\npackage = \"part01\"\nversion = \"1.*\"\nreason = \"bug | 412\"\nuntil = 2999-01-01\n\
                 [[hold]]\npackage = \"part02\"\nversion = \"1.*\"\nuntil = 2020-01-01\n";
    let manifest = project.read("manifests/main.toml");
    project.write("manifests/main.toml", &format!("{manifest}\n{holds}"));
    project.commit("holds");
    let ran = bot(&project, &["--branch", "night"]).exits(0);
    let message = |ran: &Ran| ran.json()["message"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(message(&ran).split("### ").next().unwrap(), @"
    ## Holds, and what waits

    - ``a hold keeps an update of `part01` out: 1.0 is locked, 2.0 is in `debian` (stable); bug | 412; until 2999-01-01``
    - `` `main`: the hold on `part02` at `1.*` ran out on 2020-01-01 and holds nothing any more ``
    ");
    assert!(ran.stderr.contains("a hold keeps an update of `part01` out"), "{}", ran.stderr);
    let again = bot(&project, &["--branch", "night", "--message-only"]).exits(0);
    assert_eq!(message(&again), message(&ran), "a branch tells of itself");
}

#[test]
fn push_options_reach_the_remote() {
    needs!("git");
    let (_archive, project) = outdated(2, &parts(2, "2.0"));
    project.git(&["init", "-q", "--bare", "../bare.git"]);
    project.git(&["--git-dir=../bare.git", "config", "receive.advertisePushOptions", "true"]);
    project.write("../bare.git/hooks/pre-receive", "#!/bin/sh\necho \"$GIT_PUSH_OPTION_0\" > told\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path("../bare.git/hooks/pre-receive"), mode).unwrap();
    bot(&project, &["--push", "../bare.git", "--push-option", "merge_request.create"]).exits(0);
    assert_eq!(project.read("../bare.git/told"), "merge_request.create\n");
    let ids = project.git(&["for-each-ref", "--format=%(objectname)", "refs/heads/pintree"]);
    assert_eq!(project.git(&["--git-dir=../bare.git", "rev-parse", "pintree/update"]), ids);
}

#[test]
fn a_branch_that_nobody_was_shown_brings_its_text_when_it_is_pushed() {
    needs!("git");
    let (_archive, project) = outdated(2, &parts(2, "2.0"));
    project.git(&["init", "-q", "--bare", "../bare.git"]);
    // The first night could not push, or was not asked to.
    let first = bot(&project, &[]).exits(0).json();
    let dry = bot(&project, &["--dry-run"]).exits(0).json();
    assert_eq!((&dry["outcome"], &dry["message"]), (&"unchanged".into(), &"".into()));
    let pushed = bot(&project, &["--push", "../bare.git"]).exits(0).json();
    assert_eq!((&pushed["outcome"], &pushed["builds"]), (&"unchanged".into(), &0.into()));
    assert_eq!(pushed["message"], first["message"]);
    let again = bot(&project, &["--push", "../bare.git"]).exits(0).json();
    assert_eq!((&again["pushed"], &again["message"]), (&serde_json::Value::Null, &"".into()));
}

#[test]
fn where_nothing_goes_through_nothing_is_written() {
    needs!("git");
    let packages = [clashing(&part("part00", "2.0"), "part01"), part("part01", "1.0")];
    let (_archive, project) = outdated(2, &packages);
    let before = project.state();
    let ran = bot(&project, &[]).exits(1).says(&["nothing goes through tonight", "held back tonight: part00 1.0 ► 2.0"]);
    assert!(ran.json()["message"].as_str().unwrap().contains("## Held back tonight"));
    assert_eq!(project.state(), before);
}

#[test]
fn a_base_that_does_not_build_is_no_packages_fault() {
    needs!("git");
    let archive = Archive::new(&[clashing(&part("part00", "1.0"), "part01"), part("part01", "1.0"), part("part02", "1.0")]);
    let project = Project::checked_in(&archive, &image_of(&names(3)));
    archive.publish(&[clashing(&part("part00", "1.0"), "part01"), part("part01", "1.0"), part("part02", "2.0")]);
    let before = project.state();
    bot(&project, &[]).exits(6).says(&["nothing can be held back to make it build", "build the base by itself"]);
    assert_eq!(project.state(), before);
}

#[test]
fn what_has_no_old_version_any_more_cannot_be_held_back() {
    needs!("git");
    let mut packages = parts(12, "2.0");
    packages[3] = clashing(&packages[3], "part04");
    let (archive, project) = outdated(12, &packages);
    std::fs::remove_file(archive.path(&pool_path(&part("part03", "1.0")))).unwrap();
    let before = project.state();
    let ran = bot(&project, &[]).exits(6).says(&["nothing can be held back to make it build", "both ship"]);
    assert_eq!(ran.stderr.matches("Trying").count(), 1, "{}", ran.stderr);
    assert_eq!(project.state(), before);
}

#[test]
fn a_first_lockfile_is_an_update_too() {
    needs!("git");
    let (_archive, project) = outdated(2, &parts(2, "1.0"));
    project.git(&["rm", "-q", "-r", "lockfiles"]);
    project.commit("no lockfile");
    bot(&project, &[]).exits(0);
    assert_eq!(project.git(&["log", "-1", "--format=%s", "pintree/update"]), "update rest: lockfiles");
}

#[test]
fn interrupted_it_leaves_nothing_but_its_copy() {
    needs!("git");
    let (archive, project) = outdated(3, &parts(3, "2.0"));
    let before = project.state();
    let path = format!("/{}", pool_path(&part("part01", "2.0")));
    archive.server.fault(&path, usize::MAX, Fault::Stall(10));
    archive.server.take_log();
    let mut command = project.pintree(&["bot", "--until", "composed"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    archive.server.wait_for(|log| log.iter().any(|request| request.path == path));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    project.wait(child).exits(130);
    assert_eq!(project.state(), before);
    archive.server.behave();
    bot(&project, &[]).exits(0);
    assert_eq!(project.git(&["log", "-1", "--format=%s", "pintree/update"]), "update rest: part00, part01, part02");
}

#[test]
fn what_it_cannot_do_is_said() {
    needs!("git");
    let (_archive, project) = outdated(1, &parts(1, "2.0"));
    let tell = |ran: Ran| format!("{}: {}", ran.code, ran.talk().trim_end());
    let mut told = vec![];
    for arguments in [
        &["--branch", "main"][..],
        &["--branch", "a..b"],
        &["--author", "nobody"],
        &["--base", "gone"],
        &["--push", "nowhere"],
        &["--offline", "--push"],
    ] {
        told.push(tell(bot(&project, arguments)));
    }
    project.write("bot.toml", "brench = \"x\"\n");
    project.commit("a mistake");
    told.push(tell(bot(&project, &[])));
    insta::assert_snapshot!(told.join("\n"), @r#"
    2: error: the branch `main` is checked out
    hint: switch to another branch, or name one with `--branch`
    2: error: `a..b` cannot be the name of a branch
    hint: for example `pintree/update`, or `pintree/{date}`
    2: error: `nobody` is no author
    hint: write `NAME <EMAIL>`
    2: error: git knows no revision `gone`
    8: error: cannot ask the remote with git
      caused by: `git --no-pager -c core.hooksPath=/dev/null -c core.fsmonitor=false -c log.showSignature=false -c safe.bareRepository=explicit ls-remote --refs -- nowhere refs/heads/pintree/update` ended with exit status: 128:
    fatal: 'nowhere' does not appear to be a git repository
    fatal: Could not read from remote repository.

    Please make sure you have the correct access rights
    and the repository exists.
    2: error: cannot push: the network is off
    2: error: bot.toml:1:1: unknown key `brench` in `bot.toml`
      |
    1 | brench = "x"
      | ^^^^^^
      = hint: did you mean `branch`?
    "#);
}

#[test]
fn no_secret_is_told() {
    needs!("git");
    const SECRET: &str = "s3cr3t-of-mine";
    let mut packages = parts(4, "2.0");
    packages[1] = clashing(&packages[1], "part02");
    let (archive, project) = outdated(4, &packages);
    std::fs::write(project.home(".netrc"), format!("machine 127.0.0.1 login me password {SECRET}\n")).unwrap();
    let mut said = vec![];
    let url = archive.server.url().replace("http://", &format!("http://me:{SECRET}@"));
    project.git(&["remote", "add", "origin", &format!("{url}/none.git")]);
    for arguments in [
        &["bot", "--until", "composed"][..],
        &["bot", "--until", "composed", "--message-only"],
        &["-v", "bot", "--until", "composed", "--branch", "b", "--push"],
        &["-v", "bot", "--until", "composed", "--branch", "b", "--push", &format!("{url}/none.git")],
        &["-v", "--format", "json", "bot", "--until", "composed", "--branch", "c", "--push", "file:///nowhere"],
        &["bisect", "HEAD~1", "--until", "composed", "--build-only"],
    ] {
        let mut command = project.pintree(arguments);
        command.env("GITLAB_TOKEN", SECRET).env("PINTREE_MIRROR_DEBIAN", format!("https://me:{SECRET}@mirror.example.org/debian"));
        let ran = project.finish(&mut command);
        said.push(format!("{arguments:?} {}{}", ran.stdout, ran.stderr));
    }
    said.push(project.git(&["log", "--all", "-p", "--format=fuller"]));
    for text in &said {
        // The arguments are the test's own words.
        let text = text.split_once("] ").map_or(text.as_str(), |(_, text)| text);
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(said[0].contains("Held back") && said[2].contains("ask the remote"), "{}", said[2]);
}
