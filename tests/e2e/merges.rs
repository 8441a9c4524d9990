//! Lockfiles under real git: merged by solving, and shown for people.

use crate::fixture::{Archive, Project, Ran, needs};
use pintree::testkit::deb::Package;

/// Programs with a library each, and a library that two of them share.
fn packages(versions: &[&str]) -> Vec<Package> {
    let mut packages = vec![];
    for version in versions {
        for name in ["one", "two", "three"] {
            let lib = format!("lib{name} (= {version}), libshared");
            packages.push(Package::new(name, version).arch("armhf").depends(&lib).file(&format!("usr/bin/{name}"), 0o755, *version));
            let library = Package::new(&format!("lib{name}"), version).arch("armhf").field("Source", name);
            packages.push(library.file(&format!("usr/lib/lib{name}.so"), 0o644, *version));
        }
        packages.push(Package::new("libshared", version).arch("armhf").file("usr/lib/libshared.so", 0o644, *version));
    }
    packages
}

const IMAGES: &str = "[image.base]\nvariant = \"custom\"\npackages = [\n  \"one\",\n  # the others\n  \"two\",\n]\n\n\
                      [image.more]\nextends = \"base\"\npackages = []\n";

struct Checkout {
    archive: Archive,
    project: Project,
}

impl Checkout {
    /// A checkout with a locked project at version 1.0 of everything, while the archive has newer ones; on branch `main`.
    fn new(drivers: bool) -> Self {
        let archive = Archive::new(&packages(&["1.0"]));
        let project = Project::new(&archive, IMAGES);
        let checkout = Self { archive, project };
        checkout.git(&["init", "-q", "-b", "main"]);
        if drivers {
            checkout.project.ok(&["init", "--git-drivers"]);
        }
        checkout.project.ok(&["lock"]);
        checkout.commit("base");
        checkout.archive.publish(&packages(&["1.0", "1.1", "1.2"]));
        checkout
    }

    fn try_git(&self, arguments: &[&str]) -> Ran {
        let mut git = self.project.command("git");
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "core.pager=cat"]).args(arguments);
        git.env("GIT_CONFIG_SYSTEM", "/dev/null").env("GIT_EDITOR", "true");
        self.project.finish(&mut git)
    }

    fn git(&self, arguments: &[&str]) -> Ran {
        self.try_git(arguments).exits(0)
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// Changes the manifest.
    fn edit(&self, old: &str, new: &str) {
        let text = self.project.read("manifests/main.toml");
        assert!(text.contains(old), "{text}");
        self.project.write("manifests/main.toml", &text.replace(old, new));
    }

    /// Makes a branch from `main`, does something on it, commits, and goes back.
    fn branch(&self, name: &str, work: impl FnOnce(&Self)) {
        self.git(&["checkout", "-q", "-b", name, "main"]);
        work(self);
        self.commit(name);
        self.git(&["checkout", "-q", "main"]);
    }

    /// The lockfile is what `pintree lock` makes of the manifest as it stands, and nothing is left to merge.
    fn is_settled(&self) {
        assert_eq!(self.git(&["status", "--porcelain", "--untracked-files=no"]).stdout, "");
        self.project.ok(&["lock", "--check"]);
        let merged = self.project.lockfile();
        self.project.ok(&["lock"]);
        assert_eq!(self.project.lockfile(), merged);
    }
}

#[test]
fn branches_that_update_different_packages_merge_by_themselves() {
    needs!("git");
    let checkout = Checkout::new(true);
    let project = &checkout.project;
    // One branch updates a package and asks for another, the other one updates its neighbour in the file.
    checkout.branch("left", |at| {
        at.edit("packages = []", "packages = [\"three\"]");
        at.project.ok(&["lock", "--upgrade-package", "one"]);
    });
    checkout.branch("right", |at| {
        at.edit("\"two\",", "\"two (>= 1.1)\",");
        at.project.ok(&["lock", "--upgrade-package", "two"]);
    });
    checkout.git(&["checkout", "-q", "left"]);
    checkout.archive.server.take_log();
    checkout.git(&["merge", "-q", "--no-edit", "right"]);
    assert_eq!(checkout.archive.server.take_lines(), [""; 0], "no server is asked");
    let merged = project.lockfile();
    checkout.is_settled();

    // The same done in one place, and the other way round, gives the same bytes.
    checkout.git(&["checkout", "-q", "right"]);
    checkout.git(&["merge", "-q", "--no-edit", "left~0"]);
    assert_eq!(project.lockfile(), merged);
    checkout.git(&["checkout", "-q", "main"]);
    checkout.edit("packages = []", "packages = [\"three\"]");
    checkout.edit("\"two\",", "\"two (>= 1.1)\",");
    project.ok(&["lock", "--upgrade-package", "one", "--upgrade-package", "two"]);
    assert_eq!(project.lockfile(), merged);
}

#[test]
fn of_two_updates_of_one_package_the_newer_stays_and_rebasing_works_alike() {
    needs!("git");
    let checkout = Checkout::new(true);
    checkout.archive.publish(&packages(&["1.0", "1.1"]));
    checkout.branch("left", |at| {
        at.project.ok(&["lock", "--upgrade"]);
    });
    checkout.archive.publish(&packages(&["1.0", "1.1", "1.2"]));
    checkout.branch("right", |at| {
        at.project.ok(&["lock", "--upgrade-package", "one"]);
    });
    checkout.git(&["checkout", "-q", "left"]);
    checkout.git(&["merge", "-q", "--no-edit", "right"]);
    let merged = checkout.project.lockfile();
    checkout.is_settled();
    let outline = checkout.git(&["cat-file", "--textconv", "HEAD:lockfiles/main.lock"]).stdout;
    let versions: Vec<&str> = outline.lines().filter(|line| line.starts_with("name") || line.starts_with("version = \"")).collect();
    assert_eq!(
        versions,
        ["name = \"libshared\"", "version = \"1.1\"", "name = \"one\"", "version = \"1.2\"", "name = \"two\"", "version = \"1.1\""]
    );
    checkout.git(&["checkout", "-q", "right"]);
    checkout.git(&["rebase", "-q", "left~1"]);
    checkout.git(&["checkout", "-q", "-B", "again", "main"]);
    checkout.git(&["cherry-pick", "right", "left^1"]);
    assert_eq!(checkout.project.lockfile(), merged);
}

#[test]
fn without_indexes_the_packages_themselves_serve() {
    needs!("git");
    let checkout = Checkout::new(true);
    for (name, package) in [("left", "one"), ("right", "two")] {
        checkout.branch(name, |at| {
            at.project.ok(&["lock", "--upgrade-package", package]);
            at.project.build();
        });
    }
    std::fs::remove_dir_all(checkout.project.home("cache")).unwrap();
    checkout.git(&["checkout", "-q", "left"]);
    checkout.git(&["merge", "-q", "--no-edit", "right"]);
    checkout.is_settled();
    // With neither there is nothing to go by.
    checkout.git(&["reset", "-q", "--hard", "HEAD~1"]);
    std::fs::remove_dir_all(checkout.project.home("cache")).unwrap();
    std::fs::remove_dir_all(checkout.project.path("_build")).unwrap();
    let failed = checkout.try_git(&["merge", "-q", "--no-edit", "right"]).exits(1);
    failed.says(&["warning: cannot merge `lockfiles/main.lock` by solving", "libone 1.2 armhf", "pintree lock --resolve-conflicts"]);
}

#[test]
fn a_conflict_stays_one_until_it_is_resolved() {
    needs!("git");
    let checkout = Checkout::new(true);
    let project = &checkout.project;
    for (name, package, priority) in [("left", "one", 10), ("right", "two", 20)] {
        checkout.branch(name, |at| {
            at.edit("[repo.debian]\n", &format!("[repo.debian]\npriority = {priority}\n"));
            at.project.ok(&["lock", "--upgrade-package", package]);
        });
    }
    checkout.git(&["checkout", "-q", "left"]);
    let conflict = checkout.try_git(&["merge", "-q", "--no-edit", "right"]).exits(1);
    insta::assert_snapshot!(conflict.talk(), @"
    warning: cannot merge `lockfiles/main.lock` by solving
    error: both sides changed repository `debian`
    hint: merge the manifest, then run `pintree lock --resolve-conflicts`
    ");
    assert!(project.lockfile().contains("<<<<<<< ours\n"), "{}", project.lockfile());
    let refused = project.run(&["lock", "--check"]);
    assert_ne!(refused.code, 0);
    project.write("manifests/main.toml", &checkout.git(&["show", "left:manifests/main.toml"]).stdout);
    let resolved = project.ok(&["lock", "--resolve-conflicts"]);
    insta::assert_snapshot!(resolved.talk(), @"
    Reading `debian` stable
     Locked lockfiles/main.lock
    ");
    checkout.commit("merge");
    checkout.is_settled();
    let outline = project.ok(&["util", "git-text", "lockfiles/main.lock"]).stdout;
    assert_eq!(outline.matches("version = \"1.2\"").count(), 2, "both updates are in it:\n{outline}");
    assert!(outline.contains("priority = 10") && outline.contains("bin.libtwo = { armhf }"), "{outline}");
}

#[test]
fn marks_alone_are_enough_to_resolve() {
    needs!("git");
    let checkout = Checkout::new(false);
    let project = &checkout.project;
    for (name, package) in [("left", "one"), ("right", "two")] {
        checkout.branch(name, |at| {
            at.project.ok(&["lock", "--upgrade-package", package, "--upgrade-package", "libshared"]);
        });
    }
    checkout.archive.publish(&packages(&["1.0", "1.2"]));
    checkout.branch("further", |at| {
        at.project.ok(&["lock", "--upgrade-package", "libshared"]);
    });
    // Without the drivers git merges line by line.
    checkout.git(&["checkout", "-q", "left"]);
    let old = project.lockfile();
    let edited = old.replacen("version = \"1.2\"", "<<<<<<< HEAD\nversion = \"1.2\"\n=======\nversion = \"1.0\"\n>>>>>>> right", 1);
    project.write("lockfiles/main.lock", &edited);
    let refused = project.run(&["lock"]);
    assert_ne!(refused.code, 0);
    refused.says(&["pintree lock --resolve-conflicts"]);
    project.ok(&["lock", "--resolve-conflicts"]);
    assert_eq!(project.lockfile(), old);
    // Where nothing is in conflict there is nothing to resolve.
    project.ok(&["lock", "--resolve-conflicts"]).says(&["Unchanged"]);
}

#[test]
fn git_shows_what_changed() {
    needs!("git");
    let checkout = Checkout::new(true);
    checkout.project.ok(&["lock", "--upgrade-package", "one"]);
    let shown = checkout.git(&["diff"]);
    insta::assert_snapshot!(shown.stdout, @"
    lockfile lockfiles/main.lock
    main: 1 source package changes: 1 updated

    Other updates (1)
      one 1.0 ► 1.2

    Size
      base  armhf  5 packages  download 3.5 kB (+4 B, 1.4 kB to fetch)  installed not known
      more  armhf  5 packages  download 3.5 kB (+4 B, 1.4 kB to fetch)  installed not known

    Not read: 4 packages are not in the store, so scripts, privileges, services and sizes in them are
      not known: libone 1.0 armhf, libone 1.2 armhf, one 1.0 armhf and 1 more
    ");
    checkout.commit("update");
    let log = checkout.git(&["log", "-1", "-p", "--format="]);
    insta::assert_snapshot!(log.stdout.lines().filter(|line| line.starts_with(['+', '-'])).collect::<Vec<_>>().join("\n"), @r#"
    --- a/lockfiles/main.lock
    +++ b/lockfiles/main.lock
    -version = "1.0"
    +version = "1.2"
    "#);
    // A file that is none is shown all the same.
    checkout.project.write("lockfiles/main.lock", "nonsense\n");
    let shown = checkout.git(&["diff"]).stdout;
    assert!(shown.starts_with("lockfile lockfiles/main.lock\nerror: "), "{shown}");
}

#[test]
fn init_adds_to_what_is_there() {
    needs!("git");
    let project = Project::empty();
    let mut git = project.command("git");
    project.finish(git.args(["init", "-q"])).exits(0);
    project.write(".gitattributes", "*.png binary");
    project.write(".gitignore", "/_build\n");
    let created = project.ok(&["init"]);
    insta::assert_snapshot!(created.talk(), @"
       Created manifests/main.toml
         Wrote .gitattributes
    to let git merge and show lockfiles in this checkout, run `pintree init --git-drivers`
    next: put your packages in, then run `pintree build`
    ");
    assert_eq!(project.read(".gitattributes"), "*.png binary\nlockfiles/*.lock diff=pintree merge=pintree linguist-generated=false\n");
    assert_eq!(project.read(".gitignore"), "/_build\n", "it says so already");
    assert!(
        project
            .run(&["--offline", "doctor"])
            .stdout
            .contains("git drivers: `.gitattributes` names drivers that this checkout does not have")
    );
    let configured = project.ok(&["init", "--git-drivers"]);
    insta::assert_snapshot!(configured.talk(), @"Configured git merges and shows lockfiles with pintree in this checkout");
    assert!(project.run(&["--offline", "doctor"]).stdout.contains("git drivers: git merges lockfiles by solving"));
    let mut config = project.command("git");
    let driver = project.finish(config.args(["config", "merge.pintree.driver"])).stdout;
    assert!(driver.ends_with("util git-merge %O %A %B %P\n"), "{driver}");
    // What somebody has set is theirs, and without a checkout there is nothing to set.
    let mut own = project.command("git");
    project.finish(own.args(["config", "diff.pintree.command", "mine"])).exits(0);
    project.ok(&["init", "--git-drivers"]);
    assert!(std::fs::read_to_string(project.path(".git/config")).unwrap().contains("command = mine"));
    let none = Project::empty().run(&["init", "--git-drivers"]).exits(2);
    insta::assert_snapshot!(none.talk(), @"
    error: the project is in no git checkout
    hint: run it in a git checkout, or name the project directory with `-C`
    ");
}
