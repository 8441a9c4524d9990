//! Several repositories and suites in one image.

use crate::fixture::{Archive, Project, needs};
use crate::universe;
use pintree::testkit::deb::Package;
use pintree::testkit::repo::{Suite, add_deb};
use pintree::testkit::server::Server;

/// A flat repository beside the archive, signed by the archive's key.
fn flat(archive: &Archive, packages: &[Package]) -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().unwrap();
    let mut suite = Suite::new("./");
    for package in packages {
        let path = format!("./debs/{}", package.file_name());
        suite = suite.packages("", "", &add_deb(directory.path(), &path, &package.control_paragraph(), &package.build()));
    }
    suite.write(directory.path(), Some((&archive.gpg, &archive.key)));
    let server = Server::start(directory.path());
    (directory, server)
}

fn vendor(server: &Server, keys: &str) -> String {
    format!("[repo.vendor]\ndeb = \"{}\"\nsuites = [\"./\"]\nkey = \"keys/archive.asc\"\n{keys}\n", server.url())
}

#[test]
fn a_flat_repository_supplies_what_it_may() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let theirs = [
        Package::new("vendor-gpu", "5.0").arch("armhf").depends("tool").file("usr/lib/gpu", 0o644, "gpu"),
        Package::new("tool", "1:9.9").arch("armhf").field("Multi-Arch", "foreign").file("usr/bin/tool", 0o755, "theirs"),
    ];
    let (_directory, server) = flat(&archive, &theirs);
    let image = "[image.root]\npackages = [\"app\", \"vendor-gpu\"]\n";
    let project = Project::new(&archive, &(vendor(&server, "only = [\"vendor-*\"]\n") + image));
    project.ok(&["lock"]);
    server.take_log();
    let built = project.build();
    assert_eq!(built[0].packages, 6);
    assert_eq!(server.take_lines(), ["200 /debs/vendor-gpu_5.0_armhf.deb"]);
    assert_eq!(project.ostree(&["cat", &built[0].reference, "/usr/bin/tool"]), "armhf\n");
    project.ok(&["lock", "--check"]);

    // Without the limit the newer version wins; with a better priority ours does again.
    let text = project.read("manifests/main.toml").replace("only = [\"vendor-*\"]\n", "");
    project.write("manifests/main.toml", &text);
    project.ok(&["lock", "--upgrade"]);
    assert_eq!(project.ostree(&["cat", &project.build()[0].reference, "/usr/bin/tool"]), "theirs");
    project.write("manifests/main.toml", &text.replace("[repo.debian]\n", "[repo.debian]\npriority = 10\n"));
    project.ok(&["lock", "--upgrade"]);
    assert_eq!(project.build()[0].commit, built[0].commit, "the same packages are the same image");
    project.fsck();
}

#[test]
fn a_hold_stops_an_upgrade_until_its_day() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let hold = |until: &str| {
        format!("{}\n[[hold]]\npackage = \"one\"\nversion = \"1.0\"\nreason = \"it breaks\"\nuntil = {until}\n", universe::ONE)
    };
    let project = Project::new(&archive, &hold("9999-12-31"));
    project.ok(&["lock"]);
    archive.publish(&[universe::one("1.0"), universe::one("1.1")]);
    project.ok(&["lock", "--upgrade"]).says(&["Unchanged"]);
    let manifest = project.read("manifests/main.toml").replace("9999-12-31", "2020-01-01");
    project.write("manifests/main.toml", &manifest);
    project.ok(&["lock", "--upgrade"]).says(&["warning: `main`: the hold on `one` at `1.0` ran out on 2020-01-01", "one 1.0 ► 1.1"]);
    // A hold on what is gone has no solution, and the hold is named.
    archive.publish(&[universe::one("1.1")]);
    project.write("manifests/main.toml", &manifest.replace("2020-01-01", "9999-12-31"));
    project.run(&["lock", "--upgrade"]).exits(3).says(&["hold", "it breaks"]);
}

#[test]
fn recommends_come_when_they_are_asked_for() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0").field("Recommends", "nice"), Package::new("nice", "1.0")]);
    let project = Project::new(&archive, universe::ONE);
    assert_eq!(project.build()[0].packages, 1);
    let text = project.read("manifests/main.toml").replace("variant = \"custom\"", "variant = \"custom\"\nrecommends = true");
    project.write("manifests/main.toml", &text);
    assert_eq!(project.build()[0].packages, 2);
}

#[test]
fn a_source_name_moves_all_its_packages() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    project.ok(&["lock"]);
    let newer: Vec<Package> = universe::app("armhf")
        .into_iter()
        .map(|package| match package.get("Version") {
            Some("1.0-1") => {
                let package = package.field("Version", "1.0-2");
                if package.get("Depends").is_some() { package.depends("libapp1 (= 1.0-2), app-data (>= 1.0-2), tool") } else { package }
            }
            _ => package.field("Version", "1:99"),
        })
        .collect();
    archive.publish(&universe::app("armhf").into_iter().chain(newer).collect::<Vec<_>>());
    let told = project.ok(&["lock", "--upgrade-package", "app"]);
    insta::assert_snapshot!(told.talk(), @"
    Reading `debian` stable
     Locked lockfiles/main.lock
            app 1.0-1 ► 1.0-2
    ");
}
