//! Composed roots against dpkg: the database that `dpkg --unpack` would have written, and dpkg's own view of a checkout.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use pintree::archive::Deb;
use pintree::pkg::{Architecture, Sha256};
use pintree::step::compose::{self, Arguments, UsrMerge};
use pintree::step::import::store_package;
use pintree::store::{PackageFile, RefName, Repo};
use pintree::testkit::deb::{Compression, Package};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

fn made(name: &str) -> Package {
    Package::new(name, "1.0").arch(Architecture::host().deb_name()).compression(Compression::None)
}

fn packages() -> Vec<Package> {
    let multi = |arch: &str| {
        let package = made("multi").arch(arch).field("Multi-Arch", "same").file("usr/share/doc/multi/copyright", 0o644, "free\n");
        package.file(&format!("usr/lib/{arch}/libmulti.so"), 0o644, arch).control_member("triggers", "activate-noawait ldconfig\n")
    };
    vec![
        made("old").file("usr/bin/moved", 0o755, "old\n").file("usr/share/old/kept", 0o644, "kept\n").conffile("etc/old.conf", "a=1\n"),
        made("new")
            .field("Replaces", "old (<< 2)")
            .field("Homepage", "https://example.org")
            .depends("old(>=0.5)|multi:any,  multi")
            .file("usr/bin/moved", 0o755, "new\n")
            .symlink("usr/share/new/link", "../old/kept")
            .control_member("triggers", "interest /usr/share/new\ninterest-noawait new-trigger\n")
            .control_member("conffiles", "remove-on-upgrade /etc/gone.conf\n"),
        multi(Architecture::host().deb_name()),
        multi("i386"),
    ]
}

fn compose(dir: &Path) -> (Repo, RefName) {
    let repo = Repo::init(&dir.join("repo")).unwrap();
    let names = packages().into_iter().map(|package| {
        let bytes = package.build();
        let file = PackageFile::of(&bytes);
        let name = RefName::deb(&file.sha256);
        repo.write_ref_if_changed(&name, &store_package(&repo, Deb::open(&bytes[..]).unwrap(), &file).unwrap().commit).unwrap();
        name
    });
    let arguments = Arguments {
        packages: names.collect(),
        architecture: Architecture::host(),
        foreign: vec![Architecture::parse("i386").unwrap()],
        identity: Sha256::of(b""),
        target: "image/m/i/x/composed".parse().unwrap(),
        usr_merge: UsrMerge::Auto,
    };
    compose::run(&repo, &arguments).unwrap();
    let target = arguments.target;
    (repo, target)
}

fn checkout(dir: &Path) -> std::path::PathBuf {
    let (repo, target) = compose(dir);
    let root = dir.join("checkout");
    let mut ostree = Command::new("ostree");
    ostree.args(["checkout", "-U", "--repo"]).arg(repo.path()).arg(target.as_str()).arg(&root);
    assert!(ostree.status().unwrap().success());
    root
}

fn output(program: &str, root: &Path, words: &[&str]) -> String {
    let output = Command::new(program).env("LC_ALL", "C").arg(format!("--root={}", root.display())).args(words).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {text}");
    text
}

#[test]
fn dpkg_lists_and_verifies_a_checkout() {
    let dir = tempfile::tempdir().unwrap();
    let root = checkout(dir.path());
    let host = Architecture::host();
    let listed = output("dpkg-query", &root, &["-W", "-f", "${binary:Package} ${Version} ${Status}\n"]);
    let expected = ["multi:i386", &format!("multi:{host}"), "new", "old"].map(|name| format!("{name} 1.0 install ok unpacked\n"));
    let mut lines: Vec<String> = listed.lines().map(|line| format!("{line}\n")).collect();
    let mut expected = expected.to_vec();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
    assert_eq!(output("dpkg", &root, &["--verify", "new", "old", "multi:i386"]), "");
    assert_eq!(output("dpkg-query", &root, &["-S", "/usr/bin/moved"]), "new: /usr/bin/moved\n");
    assert!(output("dpkg-query", &root, &["-L", "old"]).contains("/usr/share/old/kept\n"));
}

/// Files of dpkg's database below `root`, without what an unpack alone leaves.
fn database(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for directory in ["", "info", "triggers"] {
        for entry in std::fs::read_dir(root.join("var/lib/dpkg").join(directory)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let passing = ["lock", "lock-frontend", "Lock", "status-old", "available-old", "available"];
            if entry.file_type().unwrap().is_file() && !passing.contains(&name.as_str()) {
                let mut text = std::fs::read_to_string(entry.path()).unwrap();
                // dpkg fills the MD5 in when it configures; compose does it at once.
                text = text
                    .lines()
                    .map(|line| {
                        if line.starts_with(" /etc/") && !line.ends_with("remove-on-upgrade") {
                            line.split(' ').nth(1).unwrap()
                        } else {
                            line
                        }
                    })
                    .fold(String::new(), |mut text, line| {
                        text.push_str(line);
                        text.push('\n');
                        text
                    });
                found.insert(format!("{directory}/{name}"), text);
            }
        }
    }
    found
}

#[test]
fn the_database_is_what_dpkg_unpack_writes() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: `dpkg --unpack` into a root needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ours = checkout(dir.path());
    let theirs = dir.path().join("dpkg");
    for directory in ["info", "updates", "triggers", "parts", "alternatives"] {
        std::fs::create_dir_all(theirs.join("var/lib/dpkg").join(directory)).unwrap();
    }
    let admin = theirs.join("var/lib/dpkg");
    for (name, text) in [("status", ""), ("available", ""), ("diversions", ""), ("statoverride", "")] {
        std::fs::write(admin.join(name), text).unwrap();
    }
    std::fs::write(admin.join("arch"), format!("{}\ni386\n", Architecture::host())).unwrap();
    for package in packages() {
        let file = dir.path().join(package.file_name());
        std::fs::write(&file, package.build()).unwrap();
        output("dpkg", &theirs, &["--force-depends", "--log=/dev/null", "--unpack", file.to_str().unwrap()]);
    }
    let (ours, theirs) = (database(&ours), database(&theirs));
    for (name, text) in &theirs {
        if name == "/status" {
            // dpkg writes packages in an order of its own.
            let sorted = |text: &str| {
                let mut stanzas: Vec<String> = text.trim().split("\n\n").map(str::to_owned).collect();
                stanzas.sort();
                stanzas
            };
            assert_eq!(sorted(&ours[name]), sorted(text));
        } else {
            assert_eq!(ours.get(name), Some(text), "{name}");
        }
    }
    let more: Vec<&String> = ours.keys().filter(|name| !theirs.contains_key(*name)).collect();
    assert_eq!(more, Vec::<&String>::new());
}
