//! A month of nights: `pintree bot` against a bare repository and an archive that changes every night.
//!
//! Each kind of night comes once in a short run; `PINTREE_NIGHTS=30` plays a month.

use crate::configure::needs_shell;
use crate::fixture::{Archive, Project, Ran, needs};
use pintree::testkit::deb::{Compression, Package};
use pintree::testkit::repo::Suite;
use pintree::testkit::server::Fault;
use std::collections::BTreeMap;

const ARCH: &str = "amd64";

/// What happens in a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Something else changes in the archive.
    Unrelated,
    /// An update brings a new package with it.
    Addition,
    /// A fix comes through the security suite, and an update beside it.
    Security,
    /// One of the updates does not configure.
    Broken,
    /// The same archive as the night before.
    Again,
    /// No mirror answers.
    Unreachable,
    /// A new version comes, and the old one goes.
    Removed,
    /// A person has pushed to the bot's branch.
    Person,
    /// Somebody changed the base while a branch is open.
    Moved,
}

const KINDS: [Kind; 9] = [
    Kind::Unrelated,
    Kind::Addition,
    Kind::Security,
    Kind::Broken,
    Kind::Again,
    Kind::Unreachable,
    Kind::Removed,
    Kind::Person,
    Kind::Moved,
];

/// The archive, the checkout that a CI job has, and what the archive has tonight.
struct World {
    archive: Archive,
    project: Project,
    stable: BTreeMap<String, Package>,
    security: BTreeMap<String, Package>,
    night: usize,
    /// What `app` needs by now.
    needed: String,
}

fn package(name: &str, version: &str) -> Package {
    let package = Package::new(name, version).arch(ARCH).compression(Compression::None).control_compression(Compression::None);
    package.file(&format!("usr/share/{name}/version"), 0o644, format!("{version}\n"))
}

impl World {
    fn new(shell: Package) -> Self {
        let names = ["app", "libapp1", "bad", "tool", "gone", "outside"];
        let mut stable: BTreeMap<String, Package> = names.iter().map(|name| ((*name).to_owned(), package(name, "1.0"))).collect();
        stable.insert("shell".to_owned(), shell);
        let archive = Archive::new(&[]);
        let url = archive.server.url();
        let text = format!(
            "[repo.security]\ndeb = {url:?}\nsuites = [\"stable-security\"]\ncomponents = [\"main\"]\nkey = \"keys/archive.asc\"\n\n[image.root]\npackages = [\"app\", \"libapp1\", \"bad\", \"tool\", \"gone\"]\n"
        );
        let project = Project::with_arches(&archive, &[ARCH], &text);
        let world = Self { archive, project, stable, security: BTreeMap::new(), night: 0, needed: "libapp1".to_owned() };
        world.publish();
        world.project.write(".gitignore", "/_build/\n");
        world.project.ok(&["lock"]);
        world.project.git(&["init", "-q"]);
        world.project.commit("first");
        world.project.git(&["init", "-q", "--bare", "../bare.git"]);
        world.project.git(&["remote", "add", "origin", "../bare.git"]);
        world.project.git(&["push", "-q", "origin", "HEAD:main"]);
        world
    }

    fn publish(&self) {
        let packages = |of: &BTreeMap<String, Package>| of.values().cloned().collect::<Vec<_>>();
        let day = format!("{:02}", self.night + 1);
        let dated = |suite: Suite| suite.field("Date", &format!("{day} Jan 2026 00:00:00 UTC"));
        self.archive.publish_suite(&packages(&self.stable), dated);
        self.archive.publish_suite(&packages(&self.security), |suite| {
            let mut suite = dated(suite).field("Codename", "stable-security");
            suite.directory = "stable-security".to_owned();
            suite
        });
    }

    fn put(&mut self, package: Package) {
        self.stable.insert(package.get("Package").unwrap().to_owned(), package);
    }

    /// Tonight's version of `app`.
    fn app(&self) -> Package {
        package("app", &self.version()).depends(&self.needed)
    }

    /// The version that a package has tonight.
    fn version(&self) -> String {
        format!("1.{}", self.night)
    }

    /// What the job of one night does.
    fn run(&self) -> Ran {
        self.project.git(&["fetch", "-q", "--prune", "origin"]);
        self.project.git(&["checkout", "-q", "--detach", "origin/main"]);
        self.project.run(&["--format", "json", "bot", "--push", "--until", "configured"])
    }

    /// Everything that other people see.
    fn published(&self) -> String {
        self.project.git(&["ls-remote", "origin"])
    }

    fn branch(&self) -> Option<String> {
        self.published().lines().find_map(|line| line.strip_suffix("\trefs/heads/pintree/update").map(str::to_owned))
    }

    /// A reviewer takes the branch, which must be whole: its lockfile fits, and where nothing is held back, nothing is left to
    /// lock.
    fn merge(&self, all: bool) {
        self.project.git(&["checkout", "-q", "--detach", "origin/pintree/update"]);
        self.project.ok(&["lock", "--check"]);
        let before = self.project.lockfile();
        if all {
            self.project.ok(&["--frozen", "lock"]);
            assert_eq!(self.project.lockfile(), before, "`lock` would have written the same");
        }
        self.project.ok(&["--locked", "build", "--until", "configured"]);
        self.project.git(&["push", "-q", "origin", "HEAD:main", ":pintree/update"]);
    }

    fn sources(ran: &Ran) -> Vec<(String, Vec<String>)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let commit =
            |commit: &serde_json::Value| (text(&commit["group"]), commit["sources"].as_array().unwrap().iter().map(text).collect());
        ran.json()["commits"].as_array().unwrap().iter().map(commit).collect()
    }

    fn play(&mut self, kind: Kind) {
        let (before, published) = (self.project.state(), self.published());
        let untouched = |world: &Self, ran: &Ran| {
            assert_eq!(world.published(), published, "{kind:?}: nothing is pushed\n{}", ran.stderr);
            assert!(world.project.git(&["branch", "--list", "new*"]).is_empty());
        };
        let version = self.version();
        match kind {
            Kind::Unrelated => {
                self.put(package("outside", &version));
                self.publish();
                let ran = self.run().exits(0);
                assert_eq!((ran.json()["outcome"].as_str(), ran.json()["builds"].as_u64()), (Some("nothing"), Some(0)));
                assert_eq!(ran.json()["message"], "");
                untouched(self, &ran);
                assert_eq!(self.project.git(&["status", "--porcelain"]), "");
            }
            Kind::Addition => {
                let extra = format!("extra{}", self.night);
                self.put(package(&extra, "1.0"));
                self.needed.clone_from(&extra);
                self.put(self.app());
                self.publish();
                let ran = self.run().exits(0);
                // What the last such night brought is needed by nobody any more.
                let (group, mut sources) = Self::sources(&ran).remove(0);
                sources.retain(|source| *source == "app" || *source == extra);
                assert_eq!((group.as_str(), sources), ("rest", vec!["app".to_owned(), extra]));
                self.project.git(&["fetch", "-q", "origin"]);
                self.merge(true);
            }
            Kind::Security => {
                self.put(package("tool", &version));
                let changelog = format!(
                    "libapp1 ({version}) stable-security; urgency=high\n\n  * Close CVE-2026-{:04}.\n\n -- A <a@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n",
                    self.night
                );
                let changelog = Compression::Gz.compress(changelog.as_bytes());
                let fixed = package("libapp1", &version).file("usr/share/doc/libapp1/changelog.gz", 0o644, changelog);
                self.security.insert("libapp1".to_owned(), fixed);
                self.publish();
                let ran = self.run().exits(0);
                assert_eq!(
                    Self::sources(&ran),
                    [("security".to_owned(), vec!["libapp1".to_owned()]), ("rest".to_owned(), vec!["tool".to_owned()])]
                );
                let trailer = format!("\nPintree-Security: libapp1 CVE-2026-{:04}\n", self.night);
                assert!(ran.json()["commits"][0]["message"].as_str().unwrap().contains(&trailer), "{}", ran.stdout);
                self.project.git(&["fetch", "-q", "origin"]);
                self.merge(true);
            }
            Kind::Broken => {
                let broken = package("bad", &version).script("postinst", "#!/bin/sh\necho starting\necho cannot go on >&2\nexit 3\n");
                self.put(broken);
                self.put(self.app());
                self.put(package("tool", &version));
                self.publish();
                let ran = self.run().exits(0).says(&["held back tonight: bad "]);
                assert_eq!(Self::sources(&ran), [("rest".to_owned(), vec!["app".to_owned(), "tool".to_owned()])]);
                let held = ran.json()["held"][0].clone();
                assert!(held["why"].as_str().unwrap().contains("postinst"), "{held}");
                assert_eq!(held["log"][1], "cannot go on", "{held}");
                assert!(ran.json()["builds"].as_u64().unwrap() <= 8);
                assert!(ran.json()["message"].as_str().unwrap().contains("## Held back tonight"));
            }
            Kind::Again => {
                let ran = self.run().exits(0);
                assert_eq!((ran.json()["outcome"].as_str(), ran.json()["builds"].as_u64()), (Some("unchanged"), Some(0)), "{}", ran.stderr);
                untouched(self, &ran);
                self.merge(false);
                self.put(package("bad", &version));
            }
            Kind::Unreachable => {
                for suite in ["stable", "stable-security"] {
                    for file in ["InRelease", "Release"] {
                        self.archive.server.fault(&format!("/dists/{suite}/{file}"), usize::MAX, Fault::Hangup);
                    }
                }
                let ran = self.run().exits(4);
                untouched(self, &ran);
                self.archive.server.behave();
            }
            Kind::Removed => {
                let old = self.stable["gone"].clone();
                std::fs::remove_file(self.archive.path(&crate::fixture::pool_path(&old))).unwrap();
                self.put(package("gone", &version));
                self.publish();
                // This night's job has no cache.
                std::fs::remove_dir_all(self.project.path("_build")).unwrap();
                let ran = self.run().exits(0);
                assert!(Self::sources(&ran).iter().any(|(_, sources)| sources.contains(&"gone".to_owned())), "{}", ran.stdout);
                self.project.git(&["fetch", "-q", "origin"]);
                self.merge(true);
            }
            Kind::Person => {
                self.put(package("tool", &version));
                self.publish();
                self.run().exits(0);
                self.project.git(&["fetch", "-q", "origin"]);
                self.project.git(&["checkout", "-q", "--detach", "origin/pintree/update"]);
                self.project.write("NOTES", "mine\n");
                self.project.commit("a note of mine");
                self.project.git(&["push", "-q", "origin", "HEAD:pintree/update"]);
                let theirs = self.branch();
                self.put(self.app());
                self.publish();
                let ran =
                    self.run().exits(1).says(&["somebody else has been on `pintree/update`", "a note of mine", "merge it or delete it"]);
                assert_eq!(self.branch(), theirs, "{}", ran.stderr);
                self.project.git(&["push", "-q", "origin", ":pintree/update"]);
            }
            Kind::Moved => {
                self.run().exits(0);
                let first = self.branch().unwrap();
                self.project.write("README", &format!("night {}\n", self.night));
                self.project.commit("a change of the base");
                self.project.git(&["push", "-q", "origin", "HEAD:main"]);
                let base = self.project.git(&["rev-parse", "HEAD"]);
                self.run().exits(0);
                let second = self.branch().unwrap();
                assert_ne!(first, second);
                self.project.git(&["fetch", "-q", "origin"]);
                assert_eq!(self.project.git(&["merge-base", &base, &second]), base, "the branch starts at the new base");
                self.merge(true);
            }
        }
        if matches!(kind, Kind::Unrelated | Kind::Unreachable) {
            self.project.git(&["checkout", "-q", "--detach", "origin/main"]);
            let files = |state: &str| state.lines().filter(|line| line.starts_with("100")).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(files(&self.project.state()), files(&before), "no byte of a file changed");
        }
    }
}

#[test]
fn a_month_of_nights() {
    let shell = needs_shell!("git");
    let nights: usize = std::env::var("PINTREE_NIGHTS").map_or(KINDS.len(), |nights| nights.parse().unwrap());
    let mut world = World::new(shell);
    for night in 1..=nights {
        world.night = night;
        let kind = KINDS[(night - 1) % KINDS.len()];
        eprintln!("night {night}: {kind:?}");
        world.play(kind);
    }
    eprintln!("{nights} nights passed");
}
