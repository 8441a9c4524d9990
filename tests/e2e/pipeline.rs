//! Manifest ► lock ► build, and what came out of it.

use crate::fixture::{Archive, Project, needs};
use crate::universe;
use std::collections::BTreeMap;

/// The image's commit. It changes only when what an image holds changes, and then `CHANGELOG.md` says so under "Image
/// content changes".
const COMPOSED: &str = "041e5913729a8c47438969365735256ab7206e1bbac4fcbcda06df7fee8a0433";

/// Everything in the image, as OSTree sees it.
fn listing(project: &Project, reference: &str) -> String {
    project.ostree(&["ls", "-R", reference])
}

#[test]
fn an_image_is_what_its_packages_are() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, universe::APP);
    project.ok(&["lock"]).says(&["Locked", "image root for armhf: 5 packages"]);
    let locked = project.lockfile();
    let built = project.build();
    assert_eq!(project.lockfile(), locked, "building writes no lockfile that fits");
    assert_eq!(built.len(), 1);
    assert_eq!((built[0].image.as_str(), built[0].arch.as_str(), built[0].packages), ("root", "armhf", 5));
    assert_eq!(built[0].reference, "image/main/root/armhf/composed");
    project.fsck();
    insta::assert_snapshot!(listing(&project, &built[0].reference), @"
    d00755 0 0      0 /
    l00777 0 0      0 /bin -> usr/bin
    l00777 0 0      0 /lib -> usr/lib
    l00777 0 0      0 /sbin -> usr/sbin
    d00755 0 0      0 /etc
    -00644 0 0     14 /etc/app.conf
    -00644 0 0      5 /etc/issue
    l00777 0 0      0 /etc/os-release -> ../usr/lib/os-release
    d01777 0 0      0 /tmp
    d00755 0 0      0 /usr
    d00755 0 0      0 /usr/bin
    -04755 0 0     19 /usr/bin/app
    -04755 0 0     19 /usr/bin/app-too
    -00755 0 0      6 /usr/bin/tool
    d00755 0 0      0 /usr/lib
    -00644 0 0     10 /usr/lib/os-release
    d00755 0 0      0 /usr/lib/arm-linux-gnueabihf
    l00777 0 0      0 /usr/lib/arm-linux-gnueabihf/libapp.so.1 -> libapp.so.1.0
    -00644 0 0     15 /usr/lib/arm-linux-gnueabihf/libapp.so.1.0
    d00755 0 0      0 /usr/sbin
    d00755 0 0      0 /usr/share
    d00755 0 0      0 /usr/share/app
    -00644 0 0      5 /usr/share/app/data
    d00755 0 0      0 /usr/share/doc
    d00755 0 0      0 /usr/share/doc/libapp1
    -00644 0 0      5 /usr/share/doc/libapp1/copyright
    d00755 0 0      0 /var
    d00755 0 0      0 /var/games
    -00664 5 60      0 /var/games/app.scores
    d00755 0 0      0 /var/lib
    d00755 0 0      0 /var/lib/dpkg
    -00644 0 0      6 /var/lib/dpkg/arch
    -00644 0 0      0 /var/lib/dpkg/available
    -00644 0 0      0 /var/lib/dpkg/diversions
    -00644 0 0      0 /var/lib/dpkg/statoverride
    -00644 0 0   1058 /var/lib/dpkg/status
    d00755 0 0      0 /var/lib/dpkg/alternatives
    d00755 0 0      0 /var/lib/dpkg/info
    -00644 0 0     54 /var/lib/dpkg/info/app-data.list
    -00644 0 0     53 /var/lib/dpkg/info/app-data.md5sums
    -00644 0 0     14 /var/lib/dpkg/info/app.conffiles
    -00644 0 0    104 /var/lib/dpkg/info/app.list
    -00644 0 0    148 /var/lib/dpkg/info/app.md5sums
    -00755 0 0     17 /var/lib/dpkg/info/app.postinst
    -00644 0 0     11 /var/lib/dpkg/info/base-files.conffiles
    -00644 0 0     89 /var/lib/dpkg/info/base-files.list
    -00644 0 0     97 /var/lib/dpkg/info/base-files.md5sums
    -00644 0 0      2 /var/lib/dpkg/info/format
    -00644 0 0    212 /var/lib/dpkg/info/libapp1:armhf.list
    -00644 0 0    142 /var/lib/dpkg/info/libapp1:armhf.md5sums
    -00644 0 0     31 /var/lib/dpkg/info/tool.list
    -00644 0 0     47 /var/lib/dpkg/info/tool.md5sums
    d00755 0 0      0 /var/lib/dpkg/parts
    d00755 0 0      0 /var/lib/dpkg/triggers
    -00644 0 0      0 /var/lib/dpkg/triggers/File
    -00644 0 0      0 /var/lib/dpkg/triggers/Unincorp
    d00755 0 0      0 /var/lib/dpkg/updates
    d02775 0 8      0 /var/mail
    ");
    assert_eq!(built[0].commit, COMPOSED);
    let named = project.ostree(&["rev-parse", &built[0].reference]);
    assert_eq!(named.trim(), built[0].commit);
}

#[test]
fn dpkg_agrees_with_the_lock() {
    needs!("dpkg", "dpkg-query");
    let archive = Archive::new(&universe::app_twice());
    let project = Project::with_arches(&archive, &["armhf", "amd64"], universe::APP);
    let locked = project.ok(&["lock", "--format", "json"]).json();
    for image in project.build() {
        let root = project.checkout(&image.reference);
        let option = format!("--root={}", root.display());
        let query =
            project.finish(project.command("dpkg-query").args([&option, "-W", "-f", "${Package} ${Version} ${Architecture} ${Status}\n"]));
        let row = locked["images"].as_array().unwrap().iter().find(|row| row["arch"] == image.arch.as_str()).unwrap();
        let word = |package: &serde_json::Value, key: &str| package[key].as_str().unwrap().to_owned();
        let pinned: Vec<String> = row["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|package| format!("{} {} {} install ok unpacked", word(package, "name"), word(package, "version"), word(package, "arch")))
            .collect();
        let mut listed: Vec<&str> = query.stdout.lines().collect();
        listed.sort_unstable();
        assert_eq!(listed, pinned);
        let verified = project.finish(project.command("dpkg").args([&option, "--verify"])).exits(0);
        assert_eq!((verified.stdout.as_str(), verified.stderr.as_str()), ("", ""));
    }
}

#[test]
fn images_extend_each_other_and_share_packages() {
    needs!();
    let archive = Archive::new(&universe::app_twice());
    let text = "[image.base]\n\n[image.kiosk]\nextends = \"base\"\npackages = [\"app\"]\n\n[image.kit]\nvariant = \"custom\"\npackages = [\"tool\"]\npackages-amd64 = [\"libapp1\"]\n";
    let project = Project::with_arches(&archive, &["armhf", "amd64"], text);
    let ran = project.ok(&["build", "--until", "composed", "--format", "json"]);
    let counts: BTreeMap<String, u64> =
        ran.images().into_iter().map(|built| (format!("{} {}", built.image, built.arch), built.packages)).collect();
    let expected = [("base amd64", 1), ("base armhf", 1), ("kiosk amd64", 5), ("kiosk armhf", 5), ("kit amd64", 2), ("kit armhf", 1)];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)).into());
    // Four packages for each architecture, and one for both.
    assert_eq!(project.refs("deb").len(), 9);
    assert_eq!(ran.json()["steps"], 9 + 6);
    project.fsck();
    let data = |arch: &str| project.ostree(&["ls", "-C", &format!("image/main/kiosk/{arch}/composed"), "/usr/share/app/data"]);
    assert_eq!(data("armhf"), data("amd64"));

    // One image alone, from nothing, is the same image.
    let other = Project::with_arches(&archive, &["armhf", "amd64"], text);
    other.write("lockfiles/main.lock", &project.lockfile());
    let alone = other.ok(&["build", "--until", "composed", "kiosk", "--arch", "amd64", "--format", "json"]).images();
    assert_eq!(alone, ran.images().into_iter().filter(|built| built.image == "kiosk" && built.arch == "amd64").collect::<Vec<_>>());
    assert_eq!(other.refs("deb").len(), 5);
}

#[test]
fn multi_arch_packages_of_two_architectures_share_one_root() {
    needs!("dpkg-query", "dpkg");
    let archive = Archive::new(&universe::app_twice());
    let text = "[image.root]\npackages = [\"app\", \"libapp1:amd64\"]\n";
    let project = Project::new(&archive, text);
    project
        .write("manifests/main.toml", &project.read("manifests/main.toml").replace("\n\n[repo", "\nforeign-arches = [\"amd64\"]\n\n[repo"));
    let built = project.build();
    assert_eq!(built[0].packages, 6);
    project.fsck();
    let root = project.checkout(&built[0].reference);
    let option = format!("--root={}", root.display());
    let listed = project
        .finish(project.command("dpkg-query").args([&option, "-W", "-f", "${binary:Package} ${Architecture}\n", "libapp1"]))
        .exits(0);
    assert_eq!(listed.stdout, "libapp1:amd64 amd64\nlibapp1:armhf armhf\n");
    let verified = project.finish(project.command("dpkg").args([&option, "--verify"])).exits(0);
    assert_eq!(verified.stdout, "");
    let tool = project.ostree(&["cat", &built[0].reference, "/usr/bin/tool"]);
    assert_eq!(tool, "armhf\n", "a tool that any architecture may use comes once");
}

#[test]
fn an_image_without_packages_is_legal_and_empty() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, "[image.empty]\nvariant = \"custom\"\npackages = []\n");
    let built = project.build();
    assert_eq!(built[0].packages, 0);
    project.fsck();
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
}

#[test]
fn a_conflict_over_a_file_names_both_packages_and_the_path() {
    needs!();
    let shipped = |name: &str| universe::one("1.0").field("Package", name);
    let text = "[image.root]\nvariant = \"custom\"\npackages = [\"left\", \"right\"]\n";
    let archive = Archive::new(&[shipped("left"), shipped("right")]);
    let project = Project::new(&archive, text);
    let failed = project.run(&["-q", "build", "--until", "composed"]).exits(6);
    insta::assert_snapshot!(failed.talk(), @"
    error: `left 1.0 armhf` and `right 1.0 armhf` both ship `/usr/bin/one`, and neither replaces the other's
    error: 1 of 3 build steps failed, first `compose image/main/root/armhf/composed`
    ");
    assert_eq!(project.refs("image"), [""; 0]);
    assert_eq!(project.refs("deb").len(), 2, "what was imported is kept");
    let failed = project.run(&["build", "--until", "composed", "--format", "json"]).exits(6);
    assert_eq!(failed.json()["error"]["kind"], "step");

    // A newer `right` that says it replaces the file is an image.
    archive.publish(&[shipped("left"), shipped("right").field("Version", "1.1").field("Replaces", "left")]);
    project.ok(&["lock", "--upgrade"]);
    let built = project.build();
    assert_eq!(project.ostree(&["cat", &built[0].reference, "/usr/bin/one"]), "one 1.0\n");
}
