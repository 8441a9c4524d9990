//! Import against `ostree` and `dpkg`: the same trees, the same database files; and what failure leaves behind.

use super::*;
use crate::archive;
use crate::testkit::deb::{Compression, Package, Raw, tar_of};
use crate::util::command::run_checked;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

fn arguments(store: &Path, package: &Package, bytes: &[u8]) -> Arguments {
    Arguments {
        store: store.to_owned(),
        package: package.get("Package").unwrap().to_owned(),
        version: package.get("Version").unwrap().to_owned(),
        architecture: Architecture::parse(package.get("Architecture").unwrap()).unwrap(),
        sha256: Sha256::of(bytes),
        size: bytes.len() as u64,
        files: vec![],
        elsewhere: true,
        archives: None,
    }
}

fn import(arguments: &Arguments, bytes: &[u8]) -> Result<Imported, Error> {
    run(arguments, |download| Ok(download.write_all(bytes)?), || Ok(()))
}

fn ostree(repo: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("ostree");
    command.arg(format!("--repo={}", repo.display())).args(arguments);
    String::from_utf8(run_checked(&mut command).unwrap().stdout).unwrap()
}

/// Everything in a commit's tree: kinds, modes, owners, checksums, attributes.
fn listing(repo: &Path, commit: &str) -> String {
    ostree(repo, &["ls", "-R", "-C", "-X", commit, "/"])
}

/// The tree that libostree makes of the payload and the files which dpkg would add.
fn listing_by_ostree(package: &Package, info: &[(&str, u32, String)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    std::fs::create_dir(&repo).unwrap();
    ostree(&repo, &["init", "--mode=bare-user"]);
    let mut members = package.members();
    for member in &mut members {
        // Its tar reader turns their order round; of a directory it sorts them, and so do we.
        member.xattrs.sort_by(|a, b| b.cmp(a));
    }
    for parent in ["./var/", "./var/lib/", "./var/lib/dpkg/", "./var/lib/dpkg/info/"] {
        if !members.iter().any(|member| member.name == parent.as_bytes()) {
            members.push(Raw::dir(parent));
        }
    }
    for (name, mode, content) in info {
        members.push(Raw { mode: *mode, ..Raw::file(format!("./var/lib/dpkg/info/{name}"), content) });
    }
    let tar = dir.path().join("tar");
    std::fs::write(&tar, tar_of(&members)).unwrap();
    let commit = ostree(&repo, &["commit", "--fsync=false", "--orphan", &format!("--tree=tar={}", tar.display())]);
    listing(&repo, commit.trim())
}

fn list_of(package: &Package) -> String {
    let name = |member: &Raw| String::from_utf8(member.name[1..].to_vec()).unwrap();
    let line = |name: String| if name == "/" { "/.\n".to_owned() } else { format!("{}\n", name.trim_end_matches('/')) };
    let (links, others): (Vec<Raw>, Vec<Raw>) = package.members().into_iter().partition(|member| member.kind == b'2');
    others.iter().chain(&links).map(|member| line(name(member))).collect()
}

fn odd_package() -> Package {
    Package::new("odd", "1:2.0-3")
        .arch("armhf")
        .field("Multi-Arch", "same")
        .dir("usr/share/odd", 0o2775)
        .owner(0, 42)
        .dir("var/tmp", 0o1777)
        .file("usr/bin/odd", 0o4755, "#!/bin/sh\n")
        .hardlink("usr/bin/odder", "usr/bin/odd")
        .symlink("usr/bin/link", "../share/odd")
        .file("usr/bin/ping", 0o755, "ping")
        .xattr("security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
        .file(&format!("usr/share/odd/{}", "long".repeat(50)), 0o600, "")
        .owner(40_000, 65_534)
        .file("usr/share/odd/é ü 'q' \\", 0, "none may")
        .file("usr/share/odd/large", 0o444, vec![3; 700_000])
        .file("usr/share/odd/largest", 0o444, (0..3_000_000_u32).map(|n| (n / 7) as u8).collect::<Vec<u8>>())
}

#[test]
fn makes_the_tree_that_libostree_makes() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let package = odd_package().script("postinst", "#!/bin/sh\n").control_member("triggers", "interest x\n");
    for compression in Compression::ALL {
        let bytes = package.clone().compression(compression).build();
        let arguments = arguments(&store, &package, &bytes);
        let imported = import(&arguments, &bytes).unwrap();
        assert!(!imported.present && imported.fetched == bytes.len() as u64);
        let sums = Deb::open(&bytes[..]).unwrap().control().member("md5sums").unwrap().content.clone();
        let info = [
            ("odd:armhf.list", 0o644, list_of(&package)),
            ("odd:armhf.md5sums", 0o644, String::from_utf8(sums).unwrap()),
            ("odd:armhf.postinst", 0o755, "#!/bin/sh\n".to_owned()),
            ("odd:armhf.triggers", 0o644, "interest x\n".to_owned()),
        ];
        let commit = imported.commit.to_string();
        assert_eq!(listing(&store, &commit), listing_by_ostree(&package, &info), "{compression:?}");
        let repo = Repo::open(&store).unwrap();
        let status = repo.read_commit(&imported.commit).unwrap();
        assert_eq!(status.metadata["pintree.status"].as_str(), Some(package.control_paragraph().as_str()));
        assert_eq!(ostree(&store, &["rev-parse", imported.name.as_str()]).trim(), commit);
    }
    ostree(&store, &["fsck"]);
}

#[test]
fn does_nothing_when_the_ref_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let package = odd_package();
    let bytes = package.build();
    let arguments = arguments(dir.path(), &package, &bytes);
    let first = import(&arguments, &bytes).unwrap();
    let again = run(&arguments, |_| panic!("nothing is fetched"), || -> std::io::Result<()> { panic!("nothing is unpacked") }).unwrap();
    assert_eq!(again, Imported { present: true, fetched: 0, ..first.clone() });
    // A ref whose commit is gone is as good as none, and comes back the same.
    std::fs::remove_dir_all(dir.path().join("objects")).unwrap();
    std::fs::create_dir(dir.path().join("objects")).unwrap();
    assert_eq!(import(&arguments, &bytes).unwrap(), first);
    ostree(dir.path(), &["fsck"]);
}

#[test]
fn keeps_archives_and_uses_them() {
    let dir = tempfile::tempdir().unwrap();
    for (package, store) in [(Package::new("a", "1:1"), "one"), (Package::new("b", "2").file("f", 0o644, noise(5 << 20)), "two")] {
        let bytes = package.build();
        let mut arguments = arguments(&dir.path().join(store), &package, &bytes);
        arguments.archives = Some(dir.path().join("kept"));
        let kept = dir.path().join("kept").join(package.file_name());
        std::fs::create_dir_all(dir.path().join("kept")).unwrap();
        std::fs::write(&kept, "wrong").unwrap();
        let first = import(&arguments, &bytes).unwrap();
        assert_eq!(std::fs::read(&kept).unwrap(), bytes);
        arguments.store = dir.path().join(format!("{store}-again"));
        let again = run(&arguments, |_| panic!("nothing is fetched"), || Ok(())).unwrap();
        assert_eq!(again, Imported { fetched: 0, ..first });
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn unpacks_only_what_is_proven() {
    let package = odd_package();
    let bytes = package.build();
    let other = Package::new("other", "1").build();
    let short = &bytes[..bytes.len() - 1];
    let long = [&bytes[..], b"x"].concat();
    let flipped: Vec<u8> = bytes.iter().enumerate().map(|(at, byte)| if at == 500 { byte ^ 1 } else { *byte }).collect();
    for sent in [&other[..], short, &long, &flipped] {
        let dir = tempfile::tempdir().unwrap();
        let arguments = arguments(dir.path(), &package, &bytes);
        let error = import(&arguments, sent).unwrap_err();
        match error {
            Error::Size { .. } | Error::Digest { .. } => assert!(error.is_integrity()),
            Error::Fetch { .. } => assert!(sent.len() > bytes.len(), "a longer file stops the transfer"),
            other => panic!("{other:?}"),
        }
        assert_nothing_is_left(dir.path(), true);
    }
}

#[test]
fn hostile_packages_leave_no_ref() {
    let behind = |raw: Vec<Raw>| Package::new("evil", "1").data_tar(tar_of(&raw));
    let evil = || Package::new("evil", "1");
    let cases = [
        behind(vec![Raw::file("./f", "x"), Raw::file("/etc/passwd", "x")]),
        behind(vec![Raw::symlink("./s", "/etc"), Raw::file("./s/passwd", "x")]),
        behind(vec![Raw::file("./f", "x"), Raw { claimed_size: Some(1 << 30), ..Raw::file("./g", "x") }]),
        evil().file("var/lib/dpkg/info/evil.list", 0o644, "/etc/passwd\n"),
        evil().file("var/lib/dpkg/info", 0o644, ""),
        evil().symlink("var/lib/dpkg", "/etc"),
        evil().symlink("var/lib/dpkg/info/x", "/etc"),
        evil().control_member("x\ny", ""),
        evil().control_member("../x", ""),
    ];
    for package in cases {
        let dir = tempfile::tempdir().unwrap();
        let bytes = package.build();
        let error = import(&arguments(dir.path(), &package, &bytes), &bytes).unwrap_err();
        assert!(error.is_integrity(), "{error:?}");
        assert_nothing_is_left(dir.path(), false);
    }
    let package = Package::new("evil", "1");
    let bytes = package.build();
    for claim in [Package::new("good", "1"), Package::new("evil", "2"), Package::new("evil", "1").arch("armhf")] {
        let dir = tempfile::tempdir().unwrap();
        let error = import(&arguments(dir.path(), &claim, &bytes), &bytes).unwrap_err();
        assert!(matches!(error, Error::Identity { .. }) && error.is_integrity());
        assert_nothing_is_left(dir.path(), true);
    }
}

fn assert_nothing_is_left(store: &Path, objects_too: bool) {
    let repo = Repo::open(store).unwrap();
    assert_eq!(repo.list_refs("").unwrap(), []);
    let files = |dir: &str| std::fs::read_dir(store.join(dir)).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file()).count();
    assert_eq!(files("tmp"), 0, "no temporary file stays");
    assert!(!objects_too || std::fs::read_dir(store.join("objects")).unwrap().count() == 0);
}

/// Unpacks with dpkg itself and compares its database with ours, name by name.
#[test]
fn writes_the_database_files_that_dpkg_writes() {
    if !rustix::process::geteuid().is_root() {
        // dpkg gives files to root.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data_of = |package: &Package| tar_of(&package.members());
    let packages = [
        odd_without_attributes().conffile("etc/odd.conf", "x\n").script("prerm", "#!/bin/sh\n").control_member("shlibs", "a 1 b\n"),
        Package::new("no-root", "1").data_tar(tar_of(&data_without_root())),
        // Its own md5sums are missing, so dpkg makes them.
        odd_without_attributes().conffile("etc/odd.conf", "x\n").control_tar(tar_of(&[
            Raw::file("./control", odd_without_attributes().control_paragraph()),
            Raw::file("./conffiles", "/etc/odd.conf\n"),
        ])),
        Package::new("empty", "1"),
    ];
    for (number, package) in packages.iter().enumerate() {
        assert!(!data_of(package).is_empty());
        let bytes = package.build();
        let (root, deb, store) = (dir.path().join(format!("root{number}")), dir.path().join("a.deb"), dir.path().join("store"));
        for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        std::fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
        std::fs::write(root.join("var/lib/dpkg/available"), "").unwrap();
        std::fs::write(&deb, &bytes).unwrap();
        let mut unpack = Command::new("dpkg");
        unpack.arg("--root").arg(&root).args(["--force-all", "--log=/dev/null", "--unpack"]).arg(&deb).env("LC_ALL", "C.UTF-8");
        run_checked(&mut unpack).unwrap();
        let by_dpkg = files_below(&root.join("var/lib/dpkg/info"));
        let imported = import(&arguments(&store, package, &bytes), &bytes).unwrap();
        let checkout = dir.path().join(format!("checkout{number}"));
        let commit = imported.commit.to_string();
        ostree(&store, &["checkout", "-U", "--subpath=/var/lib/dpkg/info", &commit, &checkout.to_string_lossy()]);
        let mut ours = files_below(&checkout);
        ours.insert("format".to_owned(), "1\n".to_owned());
        assert_eq!(ours, by_dpkg, "package {number}");
    }
}

fn odd_without_attributes() -> Package {
    Package::new("odd", "1:2.0-3")
        .arch("armhf")
        .field("Multi-Arch", "same")
        .file("usr/bin/odd", 0o4755, "#!/bin/sh\n")
        .hardlink("usr/bin/odder", "usr/bin/odd")
        .symlink("usr/bin/link", "../share/odd")
        .file("usr/share/odd/é ü", 0o644, "")
        .dir("usr/share/empty", 0o755)
}

fn data_without_root() -> Vec<Raw> {
    vec![Raw::dir("./usr/"), Raw::file("./usr/x", "x"), Raw::dir("opt/"), Raw::file("opt/y", "y")]
}

fn files_below(directory: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read_to_string(e.path()).unwrap())).collect()
}

/// Some file, directory or link at some path below few directories, so that they meet.
fn member() -> impl Strategy<Value = Raw> {
    let name = "[a-cé]{1,2}(/[a-cü]{1,2}){0,3}";
    let content = prop::collection::vec(any::<u8>(), 0..300);
    let capability = prop::collection::vec(any::<u8>(), 16).prop_map(|sets| [&[1, 0, 0, 2][..], &sets].concat());
    let xattrs = prop::collection::vec(("security\\.capability", capability), 0..2);
    let owner = prop_oneof![Just(0), 1..100_u32, 0..65_536_u32];
    (name, 0..4_u8, content, xattrs, 0..0o10000_u32, owner.clone(), owner).prop_map(|(name, kind, content, xattrs, mode, uid, gid)| {
        let raw = match kind {
            0 => Raw::dir(format!("./{name}/")),
            1 => Raw::symlink(format!("./{name}"), "some/where"),
            _ => Raw {
                xattrs: xattrs.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect(),
                ..Raw::file(format!("./{name}"), content)
            },
        };
        // Of links only the owner counts; the mode of all is 0777.
        Raw { mode: if kind == 1 { 0o777 } else { mode }, uid, gid, ..raw }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Any package that the reader takes becomes the tree that libostree makes of the same archive.
    #[test]
    fn trees_equal_libostrees(members in prop::collection::vec(member(), 0..20), link in any::<prop::sample::Index>()) {
        let mut package = Package::new("any", "1").control_compression(Compression::None).compression(Compression::None);
        let mut tree = archive::Tree::default();
        for raw in members {
            // What honest packages have: nothing twice, nothing below a file.
            let kind = match raw.kind { b'5' => archive::Kind::Dir, b'2' => archive::Kind::Symlink { target: "x".into() }, _ => archive::Kind::File { size: 0 } };
            let path = String::from_utf8(raw.name.clone()).unwrap()[2..].trim_end_matches('/').to_owned();
            if tree.insert(&archive::Entry { path, kind, metadata: archive::Metadata::default() }, || ()).is_ok() {
                package = package.raw(raw);
            }
        }
        let members = package.members();
        let files: Vec<&Raw> = members.iter().filter(|member| member.kind == b'0').collect();
        if !files.is_empty() {
            let target = files[link.index(files.len())];
            package = package.raw(Raw { mode: target.mode, uid: target.uid, gid: target.gid, ..Raw::hardlink("./zz-link", &target.name) });
        }
        // A directory that comes after what lies in it would be listed twice by the builder.
        let names: Vec<_> = package.members().into_iter().map(|member| member.name).collect();
        prop_assume!(names.iter().collect::<std::collections::BTreeSet<_>>().len() == names.len());
        let bytes = package.build();
        let dir = tempfile::tempdir().unwrap();
        let imported = import(&arguments(dir.path(), &package, &bytes), &bytes).unwrap();
        let deb = Deb::open(&bytes[..]).unwrap();
        let mut info = vec![("any.list", 0o644, list_of(&package))];
        if let Some(sums) = deb.control().member("md5sums") {
            info.push(("any.md5sums", 0o644, String::from_utf8(sums.content.clone()).unwrap()));
        } else {
            info.push(("any.md5sums", 0o644, String::new()));
        }
        prop_assert_eq!(listing(dir.path(), &imported.commit.to_string()), listing_by_ostree(&package, &info));
        ostree(dir.path(), &["fsck", "-q"]);
    }
}
