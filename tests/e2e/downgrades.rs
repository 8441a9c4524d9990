//! No version moves down by itself, whatever a mirror does; what the user changes may move it.

use crate::checkout::{image_of, names, part, parts};
use crate::fixture::{Archive, Project, Ran, manifest, needs, pool_path};
use crate::past::Past;
use crate::policies::{called, project as with_security};
use pintree::testkit::deb::Package;
use pintree::testkit::keys::Gpg;
use pintree::testkit::server::{Fault, Server};
use std::collections::BTreeMap;

const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"app\", \"other\"]\n";

fn app(version: &str, depends: &str) -> Package {
    Package::new("app", version).arch("armhf").depends(depends).file("usr/bin/app", 0o755, version)
}

fn lib(version: &str) -> Package {
    Package::new("libapp", version).arch("armhf").file("usr/lib/lib.so", 0o644, version)
}

fn other(version: &str) -> Package {
    Package::new("other", version).file("usr/share/other", 0o644, version)
}

/// Two packages and a library at one version.
fn all(version: &str) -> Vec<Package> {
    vec![app(version, "libapp"), lib(version), other(version)]
}

/// A project locked at `packages`, as a fresh machine has it: no cache, no store.
fn locked(packages: &[Package], text: &str) -> (Archive, Project) {
    let archive = Archive::new(packages);
    let project = Project::new(&archive, text);
    project.ok(&["lock"]);
    forget(&project);
    (archive, project)
}

fn forget(project: &Project) {
    for path in [project.path("_build"), project.home("cache")] {
        if path.exists() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

/// Every way to lock, each on a fresh machine; the lockfile must stay.
fn stays(project: &Project, says: &[&str]) {
    let before = project.lockfile();
    for arguments in
        [&["lock", "--upgrade"][..], &["lock"], &["lock", "--upgrade-package", "app"], &["lock", "--only", "security"], &["outdated"]]
    {
        forget(project);
        let ran = project.ok(arguments);
        let is_work = |line: &&str| ["Reading", "Fetching"].iter().any(|verb| line.trim_start().starts_with(verb));
        let first = ran.stderr.lines().find(|line| !is_work(line));
        assert!(first.is_some_and(|line| line.starts_with("warning: ")), "{arguments:?}: {}", ran.stderr);
        ran.says(says);
        assert_eq!(project.lockfile(), before, "{arguments:?}");
    }
}

#[test]
fn a_mirror_that_goes_back_takes_nothing_along() {
    needs!();
    let (archive, project) = locked(&all("2.0"), IMAGE);
    archive.publish(&all("1.0"));
    stays(&project, &["`app` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?"]);
    forget(&project);
    let ran = project.ok(&["--format", "json", "lock", "--upgrade"]);
    let json = ran.json();
    assert_eq!(json["unlisted"].as_array().unwrap().len(), 3, "{json:#}");
    assert_eq!(json["unlisted"][0]["packages"][0], "app");
    assert_eq!(json["unlisted"][0]["newest"], "1.0");
    // Whether the store has it or it is fetched makes no difference.
    project.build();
    let before = project.lockfile();
    project.ok(&["lock", "--upgrade"]).says(&["warning: `app` stays at 2.0"]);
    assert_eq!(project.lockfile(), before);
    // What is still newer moves all the same.
    archive.publish(&[app("1.0", "libapp"), lib("1.0"), other("3.0")]);
    forget(&project);
    let ran = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 2 packages that no index lists any more
    warning: `app` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    warning: `libapp` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    hint: wait for the mirror, or use another one; `--allow-downgrade` goes back to what the indexes have
        Locked lockfiles/main.lock
               other 2.0 ► 3.0
    ");
    // Who wants it gets it.
    forget(&project);
    let ran = project.ok(&["lock", "--upgrade", "--allow-downgrade"]);
    insta::assert_snapshot!(ran.talk(), @"
    Reading `debian` stable
     Locked lockfiles/main.lock
            app 2.0 ► 1.0
            libapp 2.0 ► 1.0
    ");
}

#[test]
fn what_cannot_be_had_is_named() {
    needs!();
    let (archive, project) = locked(&all("2.0"), IMAGE);
    archive.publish(&all("1.0"));
    std::fs::remove_file(archive.path(&pool_path(&lib("2.0")))).unwrap();
    let before = project.lockfile();
    let ran = project.run(&["lock", "--upgrade"]).exits(4);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 3 packages that no index lists any more
    error: `libapp` 2.0 of repository `debian` is locked: no index lists it any more, and its file cannot be had
      caused by: `[MIRROR]/pool/main/liba/libapp/libapp_2.0_armhf.deb` does not exist
    hint: `--allow-downgrade` goes back to what the indexes have; or use a mirror that is up to date
    ");
    // A file with the right name and other bytes is not it.
    let path = archive.path(&pool_path(&lib("2.0")));
    std::fs::write(&path, lib("2.0").field("Description", "other").build()).unwrap();
    project.run(&["lock", "--upgrade"]).exits(4).says(&["`libapp` 2.0 of repository `debian`", "--allow-downgrade"]);
    assert_eq!(project.lockfile(), before);
    // Offline with nothing here.
    project.run(&["--offline", "lock", "--upgrade"]).exits(4);
    project.ok(&["lock", "--upgrade", "--allow-downgrade"]);
}

#[test]
fn what_an_archive_took_out_stays_as_long_as_something_asks_for_it() {
    needs!();
    // `libapp` is needed, `other` is asked for; `extra` was needed by an older `app`.
    let first =
        vec![app("1.0", "libapp, extra"), lib("1.0"), other("1.0"), Package::new("extra", "1.0").file("usr/share/extra", 0o644, "")];
    let (archive, project) = locked(&first, IMAGE);
    archive.publish(&[app("2.0", "libapp")]);
    // Nobody needs `extra`, so nobody looks for it.
    std::fs::remove_file(archive.path("pool/main/e/extra/extra_1.0_all.deb")).unwrap();
    let ran = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 1 package that no index lists any more
      Fetching 1 package that no index lists any more
    warning: `libapp` stays at 1.0, which no index of `debian` has any more: the package is gone
    warning: `other` stays at 1.0, which no index of `debian` has any more: the package is gone
    hint: wait for the mirror, or use another one; `--allow-downgrade` goes back to what the indexes have
        Locked lockfiles/main.lock
               app 1.0 ► 2.0
               extra removed, was at 1.0
               image root: -extra
    ");
    project.ok(&["lock", "--check"]);
    project.build();
}

#[test]
fn what_stays_may_need_what_would_have_moved() {
    needs!();
    let (archive, project) = locked(&[app("2.0", "libapp (= 2.0)"), lib("2.0"), other("2.0")], IMAGE);
    archive.publish(&[app("1.0", "libapp"), lib("3.0"), other("3.0")]);
    let ran = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 1 package that no index lists any more
      Fetching 2 packages that no index lists any more
    warning: `app` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    hint: wait for the mirror, or use another one; `--allow-downgrade` goes back to what the indexes have
        Locked lockfiles/main.lock
               other 2.0 ► 3.0
    ");
    // Without its file there is no way but back.
    std::fs::remove_file(archive.path(&pool_path(&lib("2.0")))).unwrap();
    forget(&project);
    let ran = project.run(&["lock", "--upgrade"]).exits(3);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 1 package that no index lists any more
      Fetching 1 package that no index lists any more
    error: cannot lock image `root` of `main` for armhf
      caused by: no set of packages for armhf meets the requests
      `app` 2.0 is requested
      `app` 2.0: Depends `libapp (= 2.0)`
      nothing provides `libapp (= 2.0)`
        there is `libapp` 3.0 in `debian` (stable)
    hint: add a repository or suite that has `libapp (= 2.0)`
    hint: let versions go back with `--allow-downgrade`
    ");
}

#[test]
fn versions_are_compared_as_dpkg_does() {
    needs!();
    // A rebuild that vanished, and an epoch that was dropped.
    let (archive, project) = locked(&[app("1.0-1+b2", ""), other("1:1.0")], IMAGE);
    archive.publish(&[app("1.0-1+b1", ""), other("2.0")]);
    stays(&project, &["`app` stays at 1.0-1+b2", "the newest is 1.0-1+b1", "`other` stays at 1:1.0", "the newest is 2.0"]);
    // Another source package takes over: what counts is the binary's version.
    let taken = other("0.9").field("Source", "taker (9.0)");
    archive.publish(&[app("1.0-1+b2", ""), taken]);
    forget(&project);
    project.ok(&["lock", "--upgrade"]).says(&["`other` stays at 1:1.0"]);
    let taken = other("1:1.1").field("Source", "taker (0.1)");
    archive.publish(&[app("1.0-1+b2", ""), taken]);
    forget(&project);
    let ran = project.ok(&["lock", "--upgrade"]);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn the_second_mirror_may_be_older() {
    needs!();
    let archive = Archive::new(&all("1.0"));
    let old = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(archive.path(".")).arg(old.path()).status().unwrap();
    assert!(copied.success());
    archive.publish(&all("2.0"));
    let project = Project::new(&archive, IMAGE);
    let second = Server::start(old.path());
    project.write("manifests/main.toml", &manifest(&[&archive.server, &second], &["armhf"], IMAGE));
    project.ok(&["lock"]);
    let before = project.lockfile();
    archive.server.fault("/dists/stable/InRelease", usize::MAX, Fault::Status(404, None));
    archive.server.fault("/dists/stable/Release", usize::MAX, Fault::Status(404, None));
    forget(&project);
    project.ok(&["lock", "--upgrade"]).says(&["`app` stays at 2.0"]);
    assert_eq!(project.lockfile(), before);
}

#[test]
fn another_repository_with_an_older_version_in_front_takes_nothing_over() {
    needs!();
    let (archive, project) = locked(&all("2.0"), IMAGE);
    let text = project.read("manifests/main.toml").replace("[repo.debian]", "[repo.debian]\npriority = 50");
    project.write("manifests/main.toml", &text);
    project.ok(&["lock"]);
    let vendor = Archive::new(&[]);
    vendor.gpg.export_to(&[&vendor.key], &project.path("keys/vendor.asc"));
    let more = format!(
        "\n[repo.vendor]\ndeb = \"{}\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nkey = \"keys/vendor.asc\"\npriority = 10\n",
        vendor.server.url()
    );
    project.write("manifests/main.toml", &(text.clone() + &more));
    project.ok(&["lock"]);
    let before = project.lockfile();
    // The vendor begins to have the package, older.
    vendor.publish(&[other("1.0")]);
    project.ok(&["lock", "--upgrade"]).says(&["Unchanged"]);
    assert_eq!(project.lockfile(), before);
    vendor.publish(&[other("2.5")]);
    project.ok(&["lock", "--upgrade"]).says(&["other 2.0 ► 2.5"]);
    drop(archive);
}

#[test]
fn what_the_user_changes_may_go_back() {
    needs!();
    let (archive, project) = locked(&all("2.0"), IMAGE);
    archive.publish(&all("1.0").into_iter().chain(all("2.0")).collect::<Vec<_>>());
    let (text, before) = (project.read("manifests/main.toml"), project.lockfile());
    let other_repo = "[repo.debian]\nexclude = [\"nothing\"]";
    for (change, to) in [
        ("app 2.0 ► 1.0", text.clone() + "[[hold]]\npackage = \"app\"\nversion = \"1.*\"\n"),
        ("app 2.0 ► 1.0", text.replace("\"app\",", "\"app (<< 2.0)\",")),
    ] {
        project.write("manifests/main.toml", &to);
        project.write("lockfiles/main.lock", &before);
        project.ok(&["lock"]).says(&[change]);
    }
    // Also where the newer one is gone; and only what is asked for.
    archive.publish(&all("1.0"));
    project.write("lockfiles/main.lock", &before);
    project.write("manifests/main.toml", &text.replace("\"app\",", "\"app (<< 2.0)\","));
    let ran = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 2 packages that no index lists any more
    warning: `libapp` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    warning: `other` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    hint: wait for the mirror, or use another one; `--allow-downgrade` goes back to what the indexes have
        Locked lockfiles/main.lock
               app 2.0 ► 1.0
    ");
    project.write("lockfiles/main.lock", &before);
    project.write("manifests/main.toml", &text.replace("[repo.debian]", other_repo));
    project.ok(&["lock"]).says(&["app 2.0 ► 1.0", "libapp 2.0 ► 1.0", "other 2.0 ► 1.0"]);
}

#[test]
fn an_explicit_move_takes_along_what_it_needs() {
    needs!();
    let both = |version: &str| vec![app(version, &format!("libapp (= {version})")), lib(version), other(version)];
    let (archive, project) = locked(&both("2.0"), IMAGE);
    archive.publish(&both("1.0").into_iter().chain(both("2.0")).collect::<Vec<_>>());
    let text = project.read("manifests/main.toml");
    project.write("manifests/main.toml", &text.replace("\"app\",", "\"app (= 1.0)\","));
    let ran = project.ok(&["lock"]);
    assert!(!ran.stderr.contains("other"), "{}", ran.stderr);
    ran.says(&["app 2.0 ► 1.0", "libapp 2.0 ► 1.0"]);
}

#[test]
fn backports_stay_until_the_request_goes() {
    needs!();
    let archive = Archive::new(&[app("1.0", "libapp"), lib("1.0"), other("1.0")]);
    let backports = |suite| called("backports")(suite).field("NotAutomatic", "yes");
    archive.publish_suite(&[app("2.0", "libapp (>= 2.0)"), lib("2.0")], backports);
    let project = Project::new(&archive, &IMAGE.replace("\"app\"", "\"app from backports\""));
    let text = project.read("manifests/main.toml").replace("[\"stable\"]", "[\"stable\", \"backports\"]");
    project.write("manifests/main.toml", &text);
    project.ok(&["lock"]);
    let before = project.lockfile();
    assert!(before.contains("version = \"2.0\""), "{before}");
    // The next one there would do with the old library: it is no reason to go back.
    archive.publish_suite(&[app("2.1", "libapp"), lib("2.0")], backports);
    let ran = project.ok(&["lock", "--upgrade"]);
    assert!(!ran.stderr.contains("libapp 2.0 ►"), "{}", ran.stderr);
    // The suite goes back.
    archive.publish_suite(&[app("1.9", "libapp"), lib("1.9")], backports);
    forget(&project);
    project.ok(&["lock", "--upgrade"]).says(&["`app` stays at 2.1", "`libapp` stays at 2.0"]);
    // The user goes back.
    project.write("manifests/main.toml", &text.replace(" from backports", ""));
    archive.publish_suite(&[app("2.1", "libapp"), lib("2.0")], backports);
    forget(&project);
    project.ok(&["lock"]).says(&["app 2.1 ► 1.0", "libapp 2.0 ► 1.0"]);
}

#[test]
fn a_base_system_keeps_its_parts() {
    needs!();
    let base = |version: &str| Package::new("base", version).arch("armhf").field("Essential", "yes").file("usr/share/base", 0o644, version);
    let required = |version: &str, priority: &str| {
        Package::new("tools", version).arch("armhf").field("Priority", priority).file("usr/share/tools", 0o644, version)
    };
    let text = "[image.root]\nvariant = \"minbase\"\npackages = [\"app\"]\n";
    let apt = Package::new("apt", "1.0").arch("armhf").file("usr/bin/apt", 0o755, "");
    let (archive, project) = locked(&[base("2.0"), required("2.0", "required"), app("2.0", ""), apt.clone()], text);
    archive.publish(&[base("1.0"), required("1.0", "required"), app("2.0", ""), apt]);
    let before = project.lockfile();
    project.ok(&["lock", "--upgrade"]).says(&["`base` stays at 2.0", "`tools` stays at 2.0"]);
    assert_eq!(project.lockfile(), before);
}

#[test]
fn images_that_extend_others_and_architectures_keep_alike() {
    needs!();
    let twice = |app: &str, other: &str| -> Vec<Package> {
        ["armhf", "amd64"]
            .into_iter()
            .flat_map(|arch| {
                [
                    Package::new("app", app).arch(arch).depends("libapp").file("usr/bin/app", 0o755, app),
                    Package::new("libapp", app).arch(arch).file("usr/lib/lib.so", 0o644, app),
                ]
            })
            .chain([Package::new("other", other).file("usr/share/other", 0o644, other)])
            .collect()
    };
    let archive = Archive::new(&twice("2.0", "2.0"));
    let text =
        "[image.base]\nvariant = \"custom\"\npackages = [\"libapp\"]\n[image.root]\nextends = \"base\"\npackages = [\"app\", \"other\"]\n";
    let project = Project::with_arches(&archive, &["armhf", "amd64"], text);
    project.ok(&["lock"]);
    let before = project.lockfile();
    // One architecture's index goes back.
    let mixed: Vec<Package> = twice("2.0", "2.0")
        .into_iter()
        .filter(|package| package.get("Architecture") != Some("armhf"))
        .chain(twice("1.0", "2.0").into_iter().filter(|package| package.get("Architecture") == Some("armhf")))
        .collect();
    archive.publish(&mixed);
    forget(&project);
    let ran = project.ok(&["lock", "--upgrade"]);
    insta::assert_snapshot!(ran.talk(), @"
       Reading `debian` stable
      Fetching 2 packages that no index lists any more
    warning: `app` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    warning: `libapp` stays at 2.0, which no index of `debian` has any more: the newest is 1.0; did the mirror go back?
    hint: wait for the mirror, or use another one; `--allow-downgrade` goes back to what the indexes have
     Unchanged lockfiles/main.lock
    ");
    assert_eq!(project.lockfile(), before);
}

fn bot(project: &Project, arguments: &[&str]) -> Ran {
    let mut all = vec!["--format", "json", "bot", "--until", "composed"];
    all.extend(arguments);
    project.run(&all)
}

#[test]
fn the_bot_commits_nothing_older_and_says_so_first() {
    needs!("git");
    let archive = Archive::new(&parts(3, "2.0"));
    let project = Project::checked_in(&archive, &image_of(&names(3)));
    forget(&project);
    archive.publish(&[part("part00", "1.0"), part("part01", "2.0"), part("part02", "3.0")]);
    let ran = bot(&project, &[]).exits(0);
    let json = ran.json();
    assert_eq!(json["commits"][0]["sources"].as_array().unwrap().len(), 1, "{json:#}");
    let told = json["unlisted"][0].as_str().unwrap();
    assert!(told.starts_with("`part00` stays at 2.0"), "{told}");
    let message = json["message"].as_str().unwrap();
    assert!(message.starts_with("## Gone from the indexes, and kept\n\n- "), "{message}");
    assert!(json["commits"][0]["message"].as_str().unwrap().contains("\nPintree-Unlisted: `part00` stays at 2.0"), "{json:#}");
    let lockfile = project.git(&["show", "pintree/update:lockfiles/main.lock"]);
    assert!(!lockfile.contains("version = \"1.0\""), "{lockfile}");
    // The text of the branch that is there says it, too.
    let again = bot(&project, &["--message-only"]).exits(0).json();
    assert!(again["message"].as_str().unwrap().starts_with("## Gone from the indexes, and kept"), "{again:#}");
    let back = bot(&project, &["--allow-downgrade", "--branch", "back"]).exits(0).json();
    assert_eq!(back["unlisted"].as_array().unwrap().len(), 0, "{back:#}");
    let lockfile = project.git(&["show", "back:lockfiles/main.lock"]);
    assert!(lockfile.contains("version = \"1.0\""), "{lockfile}");
}

#[test]
fn only_security_goes_back_no_more_than_the_rest() {
    needs!();
    let archive = Archive::new(&all("2.0"));
    archive.publish_suite(&[], called("stable-security"));
    let project = with_security(&archive, IMAGE);
    let fix = lib("2.0+deb1");
    archive.publish_suite(std::slice::from_ref(&fix), called("stable-security"));
    project.ok(&["lock"]);
    let before = project.lockfile();
    // The fix is withdrawn, or somebody hides it.
    archive.publish_suite(&[], called("stable-security"));
    forget(&project);
    project.ok(&["lock", "--only", "security"]).says(&["warning: `libapp` stays at 2.0+deb1"]);
    assert_eq!(project.lockfile(), before);
}

#[test]
fn a_past_state_has_what_the_mirror_lost() {
    needs!("git");
    let past = Past::new();
    let now = jiff::Timestamp::now();
    // Today and, for a test that runs over midnight, tomorrow.
    let day = |days: i64| (now + jiff::SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
    past.publish("now", &now.to_string(), &[("stable", &["2.0"])]);
    let key = format!("snapshot = \"{}/{{date}}/\"", past.server.url());
    let project = past.project("[\"stable\"]", "", &key);
    project.ok(&["lock"]);
    forget(&project);
    let before = project.lockfile();
    past.forget("now");
    past.publish("now", &now.to_string(), &[("stable", &["1.0"])]);
    project.run(&["lock", "--upgrade"]).exits(4).says(&["`app` 2.0"]);
    for days in [0, 1] {
        past.publish(&day(days), &now.to_string(), &[("stable", &["2.0"])]);
    }
    project.ok(&["lock", "--upgrade"]).says(&["`app` stays at 2.0"]);
    assert_eq!(project.lockfile(), before);
    // One that the archive took out long ago lies where it was when the lockfile was committed.
    [0, 1].iter().for_each(|days| past.forget(&day(*days)));
    past.publish("2026-03-04", "2026-03-04T00:00:00Z", &[("stable", &["2.0"])]);
    forget(&project);
    project.run(&["lock", "--upgrade"]).exits(4);
    project.write(".gitignore", "/_build/\n");
    project.git(&["init", "-q"]);
    project.git(&["add", "-A"]);
    let mut command = project.git_command(&["commit", "-q", "-m", "first"]);
    project.finish(command.env("GIT_COMMITTER_DATE", "2026-03-04T12:00:00Z")).exits(0);
    forget(&project);
    project.ok(&["lock", "--upgrade"]).says(&["`app` stays at 2.0"]);
    assert_eq!(project.lockfile(), before);
    // Who wants to go back does.
    let asked = project.ok(&["lock", "--upgrade", "--allow-downgrade"]);
    asked.says(&["app 2.0 ► 1.0"]);
}

/// A number below `bound` from a sequence that is the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Some of five packages at some versions, which need each other in some ways.
fn random_archive(numbers: &mut Numbers) -> Vec<Package> {
    const NAMES: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];
    let mut packages = vec![];
    for (at, name) in NAMES.iter().enumerate() {
        for version in 1..=4u64 {
            if numbers.below(3) != 0 {
                continue;
            }
            let mut needs = vec![];
            for other in &NAMES[at + 1..] {
                let bound = numbers.below(4) + 1;
                match numbers.below(9) {
                    0 => needs.push((*other).to_owned()),
                    1 => needs.push(format!("{other} (>= {bound})")),
                    2 => needs.push(format!("{other} (<= {bound})")),
                    3 => needs.push(format!("{other} (= {bound}) | {}", NAMES[4])),
                    _ => {}
                }
            }
            let package = Package::new(name, &version.to_string()).arch("armhf").field("Multi-Arch", "foreign");
            // The same version has the same bytes each time it is published, as in an archive.
            packages.push(package.depends(&needs.join(", ")));
        }
    }
    packages
}

#[test]
fn no_history_of_a_mirror_makes_anything_older() {
    needs!();
    let mut numbers = Numbers(7);
    let (mut kept, mut moved, mut refused) = (0, 0, 0);
    for _ in 0..12 {
        let mut pool: Vec<Package> = vec![];
        // Each version exists once.
        let states: Vec<Vec<Package>> = (0..6)
            .map(|_| {
                let mut state = vec![];
                for package in random_archive(&mut numbers) {
                    let same = |other: &&Package| ["Package", "Version"].iter().all(|field| other.get(field) == package.get(field));
                    let known = pool.iter().find(same).cloned();
                    state.push(known.unwrap_or_else(|| {
                        pool.push(package.clone());
                        package
                    }));
                }
                state
            })
            .collect();
        let archive = Archive::new(&states[0]);
        let text = "[image.root]\nvariant = \"custom\"\npackages = [\"alpha\", \"gamma\"]\n";
        let project = Project::new(&archive, text);
        if project.run(&["lock"]).code != 0 {
            continue;
        }
        for state in &states[1..] {
            archive.publish(state);
            forget(&project);
            let before = versions(&project);
            let arguments: &[&str] = match numbers.below(4) {
                0 => &["lock"],
                1 => &["lock", "--only", "security"],
                2 => &["lock", "--upgrade-package", "alpha"],
                _ => &["lock", "--upgrade"],
            };
            let text = project.lockfile();
            let ran = project.run(arguments);
            match ran.code {
                0 => {}
                // What an archive no longer has cannot be had; nothing fits without it.
                3 | 4 => {
                    refused += 1;
                    assert_eq!(project.lockfile(), text);
                    continue;
                }
                _ => panic!("{arguments:?}: {}", ran.stderr),
            }
            let after = versions(&project);
            for (name, version) in &before {
                let new = after.get(name);
                assert!(new.is_none_or(|new| new >= version), "{arguments:?}: {name} {version} ► {new:?}\n{}", ran.stderr);
                moved += usize::from(new.is_some_and(|new| new > version));
            }
            kept += usize::from(ran.stderr.contains("stays at"));
            // With the store or without, and asked twice, it is the same.
            let text = project.lockfile();
            project.ok(&["lock"]);
            assert_eq!(project.lockfile(), text);
        }
    }
    eprintln!("{kept} locks kept something, {moved} pins moved up, {refused} locks were refused");
    assert!(kept > 5 && moved > 5, "{kept} {moved} {refused}");
}

/// The locked version of each package.
fn versions(project: &Project) -> BTreeMap<String, u64> {
    let lockfile = pintree::lock::Lockfile::parse(&project.lockfile()).unwrap();
    lockfile.cells().iter().map(|pin| (pin.name.clone(), pin.version.parse().unwrap())).collect()
}

#[test]
fn a_version_that_nobody_accepted_vouches_for_is_left() {
    needs!();
    let (archive, project) = locked(&all("2.0"), IMAGE);
    // The same mirror, with the same files, and a key in the same place: but the key is another one.
    let gpg = Gpg::new();
    let key = gpg.key("successor");
    archive.publish_as(&all("1.0"), &gpg, &key, |suite| suite);
    gpg.export_to(&[&key], &project.path("keys/archive.asc"));
    project.ok(&["lock"]);
    let lockfile = project.lockfile();
    assert!(lockfile.contains("version = \"1.0\"") && !lockfile.contains("version = \"2.0\""), "{lockfile}");
}
