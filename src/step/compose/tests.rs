//! What compose makes of small packages.

use super::*;
use crate::archive::Deb;
use crate::step::import::store_package;
use crate::store::{Entry, FileKind, PackageFile, Tree};
use crate::testkit::deb::Package as Made;

struct Set {
    _dir: tempfile::TempDir,
    repo: Repo,
    arguments: Arguments,
}

impl Set {
    fn new(packages: &[Made]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        let names = packages.iter().map(|package| import(&repo, &package.build())).collect();
        let arguments = Arguments {
            packages: names,
            architecture: Architecture::parse("armhf").unwrap(),
            foreign: vec![Architecture::parse("i386").unwrap()],
            identity: Sha256::of(b"pins"),
            target: "image/m/i/armhf/composed".parse().unwrap(),
            usr_merge: UsrMerge::Auto,
        };
        Self { _dir: dir, repo, arguments }
    }

    fn merged(mut self) -> Self {
        self.arguments.usr_merge = UsrMerge::Yes;
        self
    }

    fn run(&self) -> Result<Composed, Error> {
        run(&self.repo, &self.arguments)
    }

    fn error(&self) -> String {
        self.run().unwrap_err().to_string()
    }

    /// Paths outside the database, one a line: mode, owner, and a file's content or a link's target.
    fn listing(&self) -> String {
        let commit = self.repo.read_commit(&self.run().unwrap().commit).unwrap();
        let mut lines = String::new();
        list(&self.repo, &commit.tree, "", &mut lines);
        lines
    }

    fn read(&self, path: &str) -> Option<String> {
        let commit = self.repo.read_commit(&self.run().unwrap().commit).unwrap();
        match Tree::read(&self.repo, &commit.tree).unwrap().get(&self.repo, path).unwrap()? {
            Entry::File(file) => Some(String::from_utf8(self.repo.read_file(&file, 1 << 20).unwrap()).unwrap()),
            Entry::Directory(_) => panic!("{path} is a directory"),
        }
    }
}

fn import(repo: &Repo, bytes: &[u8]) -> RefName {
    let file = PackageFile::of(bytes);
    let commit = store_package(repo, Deb::open(bytes).unwrap(), &file).unwrap().commit;
    let name = RefName::deb(&file.sha256);
    repo.write_ref_if_changed(&name, &commit).unwrap();
    name
}

fn list(repo: &Repo, tree: &Checksum, path: &str, lines: &mut String) {
    let tree = repo.read_dirtree(tree).unwrap();
    for (name, file) in &tree.files {
        let meta = repo.read_file_meta(file).unwrap();
        let what = match meta.kind {
            FileKind::Symlink(target) => format!("-> {target}"),
            FileKind::Regular(_) => String::from_utf8(repo.read_file(file, 1 << 20).unwrap()).unwrap(),
        };
        lines.push_str(&format!("{path}/{name} {:o} {what}\n", meta.metadata.mode));
    }
    for (name, tree, meta) in &tree.dirs {
        let meta = repo.read_dirmeta(meta).unwrap();
        let full = format!("{path}/{name}");
        if full != "/var/lib/dpkg" {
            lines.push_str(&format!("{full}/ {:o} {}:{}\n", meta.mode, meta.uid, meta.gid));
            list(repo, tree, &full, lines);
        }
    }
}

fn made(name: &str) -> Made {
    Made::new(name, "1.0").arch("armhf")
}

/// A package whose `Replaces` is `relations`.
fn replacing(name: &str, relations: &str) -> Made {
    made(name).field("Replaces", relations)
}

#[test]
fn reads_response_files() {
    let digest = "0".repeat(63) + "1";
    let text = format!("/b/_build/ostree/refs/heads/deb/2/{digest}\n'/my dir/ostree/refs/heads/deb/2/{digest}'\n\ndeb/2/{digest}\n");
    let names: Vec<String> = parse_packages(&text).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, vec![format!("deb/2/{digest}"); 3]);
    assert!(matches!(parse_packages("deb/2/../x"), Err(Error::ResponseFile { .. })));
}

#[test]
fn merges_directories_and_writes_the_database() {
    let set = Set::new(&[
        made("b")
            .file("usr/share/b/x", 0o644, "b")
            .conffile("etc/b.conf", "one\n")
            .control_member("triggers", "interest-noawait /usr/share/b\n"),
        made("a")
            .file("usr/share/a/x", 0o4755, "a")
            .symlink("usr/share/a/l", "x")
            .field("Multi-Arch", "same")
            .control_member("triggers", "interest x\n"),
    ]);
    insta::assert_snapshot!(set.listing(), @"
    /etc/ 755 0:0
    /etc/b.conf 644 one

    /usr/ 755 0:0
    /usr/share/ 755 0:0
    /usr/share/a/ 755 0:0
    /usr/share/a/l 777 -> x
    /usr/share/a/x 4755 a
    /usr/share/b/ 755 0:0
    /usr/share/b/x 644 b
    /var/ 755 0:0
    /var/lib/ 755 0:0
    ");
    insta::assert_snapshot!(set.read("var/lib/dpkg/status").unwrap(), @"
    Package: a
    Status: install ok unpacked
    Maintainer: Nobody <nobody@example.org>
    Architecture: armhf
    Multi-Arch: same
    Version: 1.0
    Description: a package made for a test

    Package: b
    Status: install ok unpacked
    Maintainer: Nobody <nobody@example.org>
    Architecture: armhf
    Version: 1.0
    Conffiles:
     /etc/b.conf 5bbf5a52328e7439ae6e719dfe712200
    Description: a package made for a test
    ");
    assert_eq!(set.read("var/lib/dpkg/triggers/File").unwrap(), "/usr/share/b b/noawait\n");
    assert_eq!(set.read("var/lib/dpkg/triggers/x").unwrap(), "a:armhf\n");
    assert_eq!(set.read("var/lib/dpkg/arch").unwrap(), "armhf\ni386\n");
    assert_eq!(set.read("var/lib/dpkg/info/format").unwrap(), "1\n");
}

#[test]
fn order_of_the_list_and_earlier_refs_do_not_matter() {
    let mut set = Set::new(&[made("a").file("usr/a", 0o644, ""), made("b").file("usr/b", 0o644, ""), made("c").dir("usr", 0o700)]);
    let first = set.run().unwrap();
    assert!(first.changed);
    set.arguments.packages.reverse();
    assert_eq!(set.run().unwrap(), Composed { changed: false, ..first });
}

#[test]
fn an_empty_image_is_legal() {
    let set = Set::new(&[]);
    assert_eq!(set.listing(), "/var/ 755 0:0\n/var/lib/ 755 0:0\n");
    assert_eq!(set.read("var/lib/dpkg/status").unwrap(), "");
}

#[test]
fn a_clash_names_both_packages_and_the_path() {
    let set = Set::new(&[
        made("a").file("usr/bin/x", 0o755, "a"),
        made("b").file("usr/bin/x", 0o755, "b"),
        made("c").file("usr/bin/x", 0o755, "a"),
    ]);
    insta::assert_snapshot!(set.error(), @"`a 1.0 armhf` and `b 1.0 armhf` both ship `/usr/bin/x`, and neither replaces the other's");
    let set = Set::new(&[made("a").file("usr/x", 0o755, "a"), made("b").file("usr/x/y", 0o755, "b")]);
    insta::assert_snapshot!(set.error(), @"`/usr/x` is a file in `a 1.0 armhf` and a directory in `b 1.0 armhf`");
    assert_eq!(set.repo.list_refs("image").unwrap(), []);
}

#[test]
fn many_clashes_are_counted() {
    let with = |name: &str| (0..30).fold(made(name), |package, n| package.file(&format!("usr/{n}"), 0o644, name));
    let error = Set::new(&[with("a"), with("b")]).error();
    assert_eq!(error.lines().count(), 11);
    assert!(error.ends_with("and 20 more like these"), "{error}");
}

#[test]
fn replaces_decides_in_both_orders_of_names() {
    for (winner, loser, relations) in [("a", "b", "b"), ("b", "a", "a (<< 2)"), ("b", "a", "x, a (= 1.0)")] {
        let set = Set::new(&[
            replacing(winner, relations).file("usr/x", 0o755, "new"),
            made(loser).file("usr/x", 0o755, "old").file("usr/y", 0o755, "kept").conffile("etc/z", ""),
        ]);
        assert_eq!(set.read("usr/x").unwrap(), "new", "{relations}");
        assert_eq!(set.run().unwrap().replaced, 1);
        assert_eq!(set.read(&format!("var/lib/dpkg/info/{loser}.list")).unwrap(), "/.\n/usr\n/usr/y\n/etc\n/etc/z\n");
        assert!(set.read(&format!("var/lib/dpkg/info/{winner}.list")).unwrap().contains("/usr/x\n"));
    }
    let set = Set::new(&[replacing("b", "a (<< 1.0)").file("usr/x", 0o755, "new"), made("a").file("usr/x", 0o755, "old")]);
    assert!(matches!(set.run(), Err(Error::Clashes(_))), "the relation does not hold");
}

#[test]
fn mutual_and_chained_replaces_have_one_outcome() {
    let set = Set::new(&[replacing("a", "b").file("usr/x", 0o644, "a"), replacing("b", "a").file("usr/x", 0o644, "b")]);
    assert_eq!(set.read("usr/x").unwrap(), "b", "as if unpacked in the order of names");
    let set = Set::new(&[
        made("a").file("usr/x", 0o644, "a"),
        replacing("c", "a").file("usr/x", 0o644, "c"),
        replacing("b", "c").file("usr/x", 0o644, "b"),
    ]);
    assert_eq!(set.read("usr/x").unwrap(), "b");
}

#[test]
fn a_conffile_taken_over_is_no_longer_the_losers() {
    let set = Set::new(&[replacing("b", "a").conffile("etc/x", "new\n"), made("a").conffile("etc/x", "old\n")]);
    let status = set.read("var/lib/dpkg/status").unwrap();
    assert_eq!(status.matches("/etc/x").count(), 1);
    assert_eq!(status.matches("Conffiles").count(), 1, "{status}");
}

#[test]
fn instances_share_identical_files() {
    let instance = |arch: &str, content: &str| {
        Made::new("lib", "1.0").arch(arch).field("Multi-Arch", "same").file("usr/share/doc/lib/copyright", 0o644, content).file(
            &format!("usr/lib/{arch}/lib.so"),
            0o644,
            arch,
        )
    };
    let set = Set::new(&[instance("armhf", "x"), instance("i386", "x")]);
    assert_eq!(set.read("usr/share/doc/lib/copyright").unwrap(), "x");
    assert!(set.read("var/lib/dpkg/info/lib:i386.list").unwrap().contains("/usr/share/doc/lib/copyright\n"));
    assert!(set.read("var/lib/dpkg/info/lib:armhf.list").unwrap().contains("/usr/share/doc/lib/copyright\n"));
    insta::assert_snapshot!(Set::new(&[instance("armhf", "x"), instance("i386", "y")]).error(), @"`lib 1.0 armhf` and `lib 1.0 i386` ship different files as `/usr/share/doc/lib/copyright`, which they share");
}

#[test]
fn refuses_sets_that_dpkg_cannot_install() {
    let other = Made::new("a", "2.0").arch("armhf");
    assert!(matches!(Set::new(&[made("a"), other.clone()]).run(), Err(Error::Twice { .. })));
    assert!(matches!(Set::new(&[made("a"), other.arch("i386")]).run(), Err(Error::Twice { .. })));
    assert!(matches!(Set::new(&[Made::new("a", "1").arch("amd64")]).run(), Err(Error::Architecture { .. })));
}

#[test]
fn refuses_a_ref_that_names_another_package() {
    let set = Set::new(&[made("a").file("usr/bin/a", 0o755, "good"), made("b")]);
    let other = import(&set.repo, &made("a").file("usr/bin/a", 0o755, "evil").build());
    let victim = set.arguments.packages[0].clone();
    std::fs::copy(set.repo.ref_path(&other), set.repo.ref_path(&victim)).unwrap();
    let error = set.run().unwrap_err();
    assert!(matches!(error, Error::Store(crate::store::Error::Claim { .. })), "{error:?}");
    assert!(error.to_string().starts_with(&format!("ref `{victim}` names a commit that was made of another package file")), "{error}");
}

#[test]
fn refuses_what_the_packages_themselves_do_not_allow() {
    let one = || made("one").field("Conflicts", "rival");
    for (field, value, broken) in [
        ("Depends", "nothere (>= 5)", "`a 1.0`: Depends `nothere (>= 5)` is not met"),
        ("Pre-Depends", "one (>= 9)", "`a 1.0`: Pre-Depends `one (>= 9)` is not met"),
        ("Conflicts", "one", "`a 1.0`: Conflicts `one` hits `one 1.0`"),
        ("Breaks", "one (<< 2)", "`a 1.0`: Breaks `one (<< 2)` hits `one 1.0`"),
        ("Provides", "rival", "`one 1.0`: Conflicts `rival` hits `a 1.0`"),
    ] {
        let error = Set::new(&[one(), made("a").field(field, value)]).run().unwrap_err();
        assert!(matches!(error, Error::Relations { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the packages' own control files do not allow this set\n{broken}"));
    }
    for (field, value) in
        [("Depends", "one (>= 1), x | one"), ("Conflicts", "x"), ("Provides", "x"), ("Essential", "yes"), ("Multi-Arch", "same")]
    {
        assert!(Set::new(&[one(), made("a").field(field, value)]).run().is_ok(), "{field}");
    }
    assert!(matches!(Set::new(&[made("a").depends("x (> = 1")]).run(), Err(Error::Relations { .. })));
}

#[test]
fn refuses_payload_in_the_database() {
    for path in ["var/lib/dpkg/status", "var/lib/dpkg/info/b.postinst", "var/lib/dpkg/info/x"] {
        let bytes = made("a").file(path, 0o644, "x").build();
        let dir = tempfile::tempdir().unwrap();
        let repo = Repo::init(dir.path()).unwrap();
        // Import may refuse it first.
        let Ok(_commit) = store_package(&repo, Deb::open(&bytes[..]).unwrap(), &PackageFile::of(&bytes)) else { continue };
        assert!(matches!(Set::new(&[made("a").file(path, 0o644, "x")]).run(), Err(Error::Database { .. })), "{path}");
    }
}

#[test]
fn a_merged_root_moves_directories() {
    let set = Set::new(&[
        made("a").file("bin/a", 0o755, "a").file("lib/m/x", 0o644, "x").file("usr/lib/m/y", 0o644, "y"),
        made("b").file("bin/x", 0o755, "x").symlink("usr/bin/x", "/bin/x").file("lib64/ld", 0o755, ""),
        made("c").symlink("sbin/y", "../usr/sbin/y").file("usr/sbin/y", 0o755, "y"),
        made("usr-is-merged"),
    ]);
    insta::assert_snapshot!(set.listing(), @"
    /bin 777 -> usr/bin
    /lib 777 -> usr/lib
    /lib64 777 -> usr/lib64
    /sbin 777 -> usr/sbin
    /usr/ 755 0:0
    /usr/bin/ 755 0:0
    /usr/bin/a 755 a
    /usr/bin/x 755 x
    /usr/lib/ 755 0:0
    /usr/lib/m/ 755 0:0
    /usr/lib/m/x 644 x
    /usr/lib/m/y 644 y
    /usr/lib64/ 755 0:0
    /usr/lib64/ld 755 
    /usr/sbin/ 755 0:0
    /usr/sbin/y 755 y
    /var/ 755 0:0
    /var/lib/ 755 0:0
    ");
    assert!(set.run().unwrap().usr_merged);
    assert!(set.read("var/lib/dpkg/info/a.list").unwrap().contains("/bin/a\n"), "lists stay as shipped");
}

#[test]
fn a_root_is_merged_when_its_packages_say_so() {
    let bin = || made("x").file("bin/x", 0o755, "");
    for (expected, package) in [
        (false, made("a")),
        (true, made("usrmerge")),
        (true, made("a").depends("usrmerge | usr-is-merged")),
        (false, made("a").depends("usrmerge | b")),
        (true, Made::new("base-files", "12.4+deb12u5").arch("armhf")),
        (false, Made::new("base-files", "11.1+deb11u9").arch("armhf")),
        (true, made("a").symlink("lib", "usr/lib").dir("usr/lib", 0o755)),
    ] {
        // What is depended on is there, under other names.
        let set = Set::new(&[bin(), made("p").field("Provides", "usr-is-merged, b"), package.clone()]);
        assert_eq!(set.run().unwrap().usr_merged, expected, "{package:?}");
        assert_eq!(set.listing().contains("/bin 777 -> usr/bin\n"), expected);
    }
}

#[test]
fn a_shipped_link_decides_like_one_that_was_made() {
    let trixie = Made::new("base-files", "13.8").arch("armhf").symlink("bin", "usr/bin").symlink("lib", "/usr/lib").dir("usr/lib", 0o755);
    let set = Set::new(&[trixie, made("a").file("bin/a", 0o755, "a").file("lib/l", 0o644, "l")]);
    assert_eq!(set.read("usr/bin/a").unwrap(), "a");
    assert_eq!(set.read("usr/lib/l").unwrap(), "l");
}

#[test]
fn two_files_at_one_path_of_a_merged_root_clash() {
    let set = Set::new(&[made("a").file("bin/x", 0o755, "1"), made("b").file("usr/bin/x", 0o755, "2")]).merged();
    insta::assert_snapshot!(set.error(), @"`a 1.0 armhf` and `b 1.0 armhf` both ship `/usr/bin/x`, and neither replaces the other's");
    let set = Set::new(&[made("a").file("bin/x", 0o755, "1"), replacing("b", "a").file("usr/bin/x", 0o755, "2")]).merged();
    assert_eq!(set.read("usr/bin/x").unwrap(), "2");
    assert!(!set.read("var/lib/dpkg/info/a.list").unwrap().contains("/bin/x\n"));
}

#[test]
fn directories_are_unpacked_through_links() {
    // The target comes before the link in one case, after it in the other, and twice it is a link itself.
    for (link, target) in [("usr/doc", "share/doc"), ("usr/share/z", "../a/b"), ("srv", "/opt/srv"), ("opt/x", "/var/deep/er")] {
        let set = Set::new(&[
            made("a").symlink(link, target).file("usr/share/doc/a", 0o644, "").file("usr/a/b/c", 0o644, "").file("opt/srv/f", 0o644, ""),
            made("b").file(&format!("{link}/sub/file"), 0o644, "through"),
            made("c").file(&format!("{link}/sub/other"), 0o644, "too"),
        ]);
        let parent = link.rsplit_once('/').map_or("", |(parent, _)| parent);
        let real = match target {
            "share/doc" => "usr/share/doc".to_owned(),
            "../a/b" => "usr/a/b".to_owned(),
            other => other.trim_start_matches('/').to_owned(),
        };
        assert_eq!(set.read(&format!("{real}/sub/file")).unwrap(), "through", "{link} in {parent:?}");
        assert_eq!(set.read(&format!("{real}/sub/other")).unwrap(), "too");
    }
    let set = Set::new(&[
        made("a").symlink("one", "two").symlink("two", "/usr/three").dir("usr/three", 0o755),
        made("b").file("one/x", 0o644, "x").file("two/y", 0o644, "y"),
    ]);
    assert_eq!((set.read("usr/three/x").unwrap(), set.read("usr/three/y").unwrap()), ("x".into(), "y".into()));
}

#[test]
fn links_in_a_circle_are_an_error() {
    for (one, two) in [("two", "one"), ("one/x", "y"), ("/", "y"), ("usr/../one", "y"), ("two/x", "one/x")] {
        let set =
            Set::new(&[made("a").symlink("one", one).symlink("two", two), made("b").file("one/f", 0o644, "").file("two/f", 0o644, "")]);
        assert!(matches!(set.run(), Err(Error::Circle { .. } | Error::Clashes(_))), "{one} {two}");
    }
}

#[test]
fn base_files_decides_about_directories() {
    let set = Set::new(&[
        made("a").dir("tmp", 0o755).dir("opt", 0o711),
        made("b").field("Essential", "yes").dir("opt", 0o700),
        Made::new("base-files", "11").arch("armhf").dir("tmp", 0o1777),
    ]);
    assert!(set.listing().contains("/tmp/ 1777 0:0\n"));
    assert!(set.listing().contains("/opt/ 700 0:0\n"));
}

#[test]
fn declared_diversions_move_the_other_file() {
    let preinst = "#!/bin/sh\nset -e\ndpkg-divert --package b --add --rename --divert /usr/bin/x.real /usr/bin/x\n";
    let set = Set::new(&[made("b").file("usr/bin/x", 0o755, "b").script("preinst", preinst), made("a").file("usr/bin/x", 0o755, "a")]);
    assert_eq!((set.read("usr/bin/x").unwrap(), set.read("usr/bin/x.real").unwrap()), ("b".into(), "a".into()));
    assert_eq!(set.read("var/lib/dpkg/diversions").unwrap(), "/usr/bin/x\n/usr/bin/x.real\nb\n");
}

mod properties {
    use super::*;
    use crate::testkit::deb::Compression;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Directories that packages share, and names below them that make each package's own files.
    fn payload() -> impl Strategy<Value = Vec<(String, u8)>> {
        let directory = proptest::sample::select(vec!["usr", "usr/share", "usr/share/doc", "etc", "opt/a/b", "bin", "usr/bin"]);
        proptest::collection::vec((directory.prop_map(str::to_owned), any::<u8>()), 0..6)
    }

    fn package(index: usize, files: &[(String, u8)]) -> Made {
        files.iter().enumerate().fold(made(&format!("p{index}")).compression(Compression::None), |package, (number, (directory, mode))| {
            package.file(&format!("{directory}/f{index}-{number}"), u32::from(*mode), format!("{index} {number}"))
        })
    }

    /// What unpacking one package after the other gives.
    fn naive(packages: &[Vec<(String, u8)>], merged: bool) -> String {
        let mut lines = BTreeMap::new();
        let mut directory = |path: &str| {
            for (at, _) in format!("{path}/").match_indices('/').filter(|(at, _)| *at > 0) {
                lines.insert(path[..at].to_owned(), format!("{}/ 755 0:0", &path[..at]));
            }
        };
        directory("/var/lib");
        let place = |directory: &str| if merged && directory == "bin" { "/usr/bin".to_owned() } else { format!("/{directory}") };
        packages.iter().flatten().for_each(|(path, _)| directory(&place(path)));
        for link in ["bin", "lib", "sbin"].into_iter().filter(|_| merged) {
            directory(&format!("/usr/{link}"));
        }
        for link in ["bin", "lib", "sbin"].into_iter().filter(|_| merged) {
            lines.insert(format!("/{link}"), format!("/{link} 777 -> usr/{link}"));
        }
        for (index, files) in packages.iter().enumerate() {
            for (number, (path, mode)) in files.iter().enumerate() {
                let path = format!("{}/f{index}-{number}", place(path));
                lines.insert(path.clone(), format!("{path} {mode:o} {index} {number}"));
            }
        }
        let mut lines: Vec<String> = lines.into_values().collect();
        lines.sort();
        lines.join("\n")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn composing_is_unpacking_in_any_order(packages in proptest::collection::vec(payload(), 1..6), merged in any::<bool>(), turn in any::<prop::sample::Index>()) {
            let made: Vec<Made> = packages.iter().enumerate().map(|(index, files)| package(index, files)).collect();
            let mut set = Set::new(&made);
            set.arguments.usr_merge = if merged { UsrMerge::Yes } else { UsrMerge::No };
            let first = set.run().unwrap();
            let length = set.arguments.packages.len();
            set.arguments.packages.rotate_left(turn.index(length));
            prop_assert_eq!(set.run().unwrap().commit, first.commit);
            let mut lines: Vec<String> = set.listing().lines().map(str::to_owned).collect();
            lines.sort();
            prop_assert_eq!(lines.join("\n"), naive(&packages, merged));
            set.repo.check_commit(&first.commit).unwrap();
        }
    }
}
