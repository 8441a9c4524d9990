//! The reader against honest packages, with `dpkg-deb` as judge, and against hostile ones.

use super::*;
use crate::testkit::deb::{Compression, Package, Raw, ar_of, tar_of};
use crate::util::command::run_checked;
use proptest::prelude::*;
use std::io::{self, Read};
use std::process::Command;

/// Reads a package to its end; gives the listing as `tar --numeric-owner -tv` has it, without times.
fn list(bytes: &[u8], limits: Limits) -> Result<Vec<String>, Error> {
    let mut deb = Deb::open_with(bytes, limits)?;
    let (mut tree, mut lines, mut content) = (Tree::new(&limits), Vec::new(), Vec::new());
    while let Some(entry) = deb.next_entry()? {
        tree.insert(&entry, || ())?;
        let meta = &entry.metadata;
        let (kind, size, slash, link) = match &entry.kind {
            Kind::File { size } => ('-', *size, "", String::new()),
            Kind::Dir => ('d', 0, if entry.path.is_empty() { "" } else { "/" }, String::new()),
            Kind::Symlink { target } => ('l', 0, "", format!(" -> {target}")),
            Kind::Hardlink { target } => ('h', 0, "", format!(" link to {target}")),
        };
        content.clear();
        deb.read_content(&mut content)?;
        assert_eq!(content.len() as u64, size);
        lines.push(format!("{kind}{} {}/{} {size} {}{slash}{link}", permissions(meta.mode), meta.uid, meta.gid, entry.path));
    }
    Ok(lines)
}

fn permissions(mode: u32) -> String {
    let bits = |shift: u32, special: u32, letter: char| {
        let x = match (mode >> shift & 1, mode & special) {
            (1, 0) => 'x',
            (0, 0) => '-',
            (1, _) => letter,
            _ => letter.to_ascii_uppercase(),
        };
        let flag = |bit: u32, letter| if mode >> (shift + bit) & 1 == 1 { letter } else { '-' };
        [flag(2, 'r'), flag(1, 'w'), x]
    };
    [bits(6, 0o4000, 's'), bits(3, 0o2000, 's'), bits(0, 0o1000, 't')].into_iter().flatten().collect()
}

/// The same listing from `dpkg-deb --fsys-tarfile | tar -tv`.
fn list_by_dpkg(path: &std::path::Path) -> Vec<String> {
    let script = r#"dpkg-deb --fsys-tarfile "$0" | tar --numeric-owner --quoting-style=literal -tvf -"#;
    let output = run_checked(Command::new("sh").env("LC_ALL", "C.UTF-8").args(["-ec", script]).arg(path)).unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (mode, owner, size) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let name = line.split_once("./").unwrap().1.replace(" link to ./", " link to ");
        format!("{mode} {owner} {size} {name}")
    };
    lines.lines().map(line).collect()
}

fn sample(compression: Compression) -> Package {
    Package::new("a", "1:1.0-1")
        .arch("armhf")
        .dir("usr/share/a", 0o2775)
        .owner(0, 42)
        .dir("var/tmp", 0o1777)
        .file("usr/bin/a", 0o4755, "#!/bin/sh\n")
        .hardlink("usr/bin/b", "usr/bin/a")
        .symlink("usr/bin/c", "../share/a")
        .symlink("usr/share/a/long-link", &"deep/".repeat(30))
        .file(&format!("usr/share/a/{}", "long/".repeat(25)), 0o640, "x".repeat(1000))
        .owner(65_535, 65_534)
        .file("usr/share/a/é ü", 0o644, "")
        .conffile("etc/a.conf", "x = 1\n")
        .script("postinst", "#!/bin/sh\nexit 0\n")
        .control_member("triggers", "interest-noawait /usr/bin\n")
        .compression(compression)
}

#[test]
fn lists_what_dpkg_lists_in_every_compression() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.deb");
    for compression in Compression::ALL {
        let bytes = sample(compression).build();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(list(&bytes, Limits::default()).unwrap(), list_by_dpkg(&path), "{compression:?}");
    }
}

/// `PINTREE_DEBS` names a directory of packages from a real archive.
#[test]
fn lists_real_packages_as_dpkg_does() {
    let Some(dir) = std::env::var_os("PINTREE_DEBS") else { return };
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let ours = list(&std::fs::read(&path).unwrap(), Limits::default());
            assert_eq!(ours.unwrap_or_else(|error| panic!("{path:?}: {error}")), list_by_dpkg(&path), "{path:?}");
        }
    }
}

#[test]
fn reads_the_control_members() {
    for compression in [Compression::None, Compression::Gz, Compression::Xz, Compression::Zst] {
        let package = sample(Compression::Zst).control_compression(compression);
        let bytes = package.build();
        let control = Deb::open(&bytes[..]).unwrap().control().clone();
        assert_eq!(control.paragraph, package.control_paragraph());
        let names: Vec<&str> = control.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["md5sums", "conffiles", "postinst", "triggers"]);
        assert_eq!(control.member("postinst").unwrap().mode, 0o755);
        assert_eq!(control.member("conffiles").unwrap().content, b"/etc/a.conf\n");
    }
}

#[test]
fn takes_what_deb5_tells_readers_to_take() {
    let package = sample(Compression::Gz);
    assert!(list(&package.clone().ar_member("_gpgorigin", "odd").build(), Limits::default()).is_ok());
    let members = |version: &'static str, after: &[(&'static str, Vec<u8>)]| {
        let mut members = vec![("debian-binary", version.into())];
        members.push(("control.tar", tar_of(&[Raw::file("control", package.control_paragraph())])));
        members.push(("data.tar", tar_of(&[])));
        members.extend_from_slice(after);
        ar_of(&members)
    };
    assert!(list(&members("2.7\nmore\n", &[]), Limits::default()).is_ok());
    assert!(list(&members("2.0\n", &[("later", b"x".to_vec())]), Limits::default()).is_ok());
    for version in ["3.0\n", "2.0", "2.\n", "", "x"] {
        assert!(list(&members(version, &[]), Limits::default()).is_err(), "{version:?}");
    }
}

#[test]
fn keeps_extended_attributes_byte_for_byte() {
    let value = b"\x01\0\0\x02\n\x20\0=\n\0".to_vec();
    let package = Package::new("a", "1").file("bin/ping", 0o755, "").xattr("user.z", "1").xattr("security.capability", &value);
    let bytes = package.xattr("user.z", "2").build();
    let mut deb = Deb::open(&bytes[..]).unwrap();
    let mut last = None;
    while let Some(entry) = deb.next_entry().unwrap() {
        last = Some(entry);
    }
    let xattrs = last.unwrap().metadata.xattrs;
    assert_eq!(xattrs, [(b"security.capability".to_vec(), value), (b"user.z".to_vec(), b"2".to_vec())]);
}

#[test]
fn names_in_pax_records_are_names() {
    let name = format!("./{}é", "n".repeat(180));
    let file = Raw { pax_names: true, ..Raw::file(&name, "x") };
    let link = Raw { pax_names: true, ..Raw::hardlink("./b", &name) };
    let bytes = Package::new("a", "1").raw(file).raw(link).build();
    let lines = list(&bytes, Limits::default()).unwrap();
    assert_eq!(lines[1..], [format!("-rw-r--r-- 0/0 1 {}", &name[2..]), format!("hrw-r--r-- 0/0 0 b link to {}", &name[2..])]);
}

#[test]
fn refuses_hostile_members_by_name() {
    let dir = || Raw::dir("./d/");
    let file = || Raw::file("./f", "x");
    let attributes = |sizes: &[usize]| Raw {
        xattrs: sizes.iter().enumerate().map(|(n, size)| (format!("user.{n}"), vec![b'x'; *size])).collect(),
        ..file()
    };
    let absolute = Raw { pax_names: true, ..Raw::file("/etc/passwd", "x") };
    let nul = Raw { pax_names: true, ..Raw::file("./a\0b", "x") };
    let owned = |uid, gid| Raw { uid, gid, ..file() };
    assert!(list(&Package::new("a", "1").raw(owned(65_535, 65_535)).build(), Limits::default()).is_ok());
    let cases: Vec<(Vec<Raw>, Problem)> = vec![
        (vec![Raw::file("/etc/passwd", "x")], Problem::Absolute),
        (vec![absolute], Problem::Absolute),
        (vec![nul], Problem::ControlCharacter),
        (vec![Raw::file("./../x", "x")], Problem::ParentComponent),
        (vec![Raw::file("./a/../../x", "x")], Problem::ParentComponent),
        (vec![Raw::file("./caf\u{e9}".as_bytes(), ""), Raw::file(b"./caf\xe9", "")], Problem::NotUtf8),
        (vec![Raw::symlink("./s", b"caf\xe9")], Problem::NotUtf8),
        (vec![Raw::symlink("./s", "")], Problem::NoTarget),
        (vec![Raw::file("./a\nb", "x")], Problem::ControlCharacter),
        (vec![Raw::file(vec![b'a'; 300], "x")], Problem::TooLong),
        (vec![Raw::file("a/".repeat(200) + "x", "x")], Problem::TooLong),
        (vec![Raw::node("./dev/null", b'3', "")], Problem::Device),
        (vec![Raw::node("./dev/sda", b'4', "")], Problem::Device),
        (vec![Raw::node("./pipe", b'6', "")], Problem::Fifo),
        (vec![Raw::node("./odd", b'S', "")], Problem::UnknownType(b'S')),
        (vec![owned(65_536, 0)], Problem::Owner(65_536)),
        (vec![owned(0, u32::MAX)], Problem::Owner(u32::MAX)),
        (vec![file(), file()], Problem::Duplicate),
        (vec![dir(), dir()], Problem::Duplicate),
        (vec![dir(), Raw::file("./d", "x")], Problem::Duplicate),
        (vec![file(), Raw::dir("./f/")], Problem::Duplicate),
        (vec![Raw::file("./d/x", "x"), Raw::file("./d", "x")], Problem::IsDirectory),
        (vec![file(), Raw::file("./f/x", "x")], Problem::BelowFile("f".into())),
        (vec![Raw::symlink("./s", "/etc"), Raw::file("./s/passwd", "x")], Problem::BehindSymlink("s".into())),
        (vec![dir(), Raw::symlink("./d/s", ".."), Raw::file("./d/s/t/u", "x")], Problem::BehindSymlink("d/s".into())),
        (vec![Raw::symlink("./\x1b[2J", "x"), Raw::file("./\x1b[2J/y", "x")], Problem::BehindSymlink("\\u{1b}[2J".into())),
        (vec![Raw::hardlink("./h", "./\x1b[2J\u{202e}")], Problem::LinkTarget("\\u{1b}[2J\\u{202e}".into())),
        (vec![attributes(&[3 << 10])], Problem::Attributes),
        (vec![attributes(&[100; 30])], Problem::Attributes),
        (vec![Raw { kind: b'5', content: Vec::new(), ..attributes(&[70_000]) }], Problem::Attributes),
        (vec![Raw::hardlink("./h", "./f"), file()], Problem::LinkTarget("f".into())),
        (vec![Raw::hardlink("./h", "/etc/shadow")], Problem::LinkTarget("/etc/shadow".into())),
        (vec![Raw::hardlink("./h", "../../etc/shadow")], Problem::LinkTarget("../../etc/shadow".into())),
        (vec![Raw::symlink("./s", "/etc/shadow"), Raw::hardlink("./h", "./s")], Problem::LinkTarget("s".into())),
        (vec![dir(), Raw::hardlink("./h", "./d")], Problem::LinkTarget("d".into())),
        (vec![Raw::hardlink("./h", "")], Problem::NoTarget),
        (vec![Raw { content: b"x".to_vec(), ..dir() }], Problem::Content),
        (vec![Raw::file("./", "x")], Problem::Content),
        (vec![Raw::symlink("./", "x")], Problem::Empty),
    ];
    for (members, wanted) in cases {
        let package = Package::new("a", "1").data_tar(tar_of(&members)).build();
        match list(&package, Limits::default()) {
            Err(Error::Member { problem, .. }) => assert_eq!(problem, wanted, "{members:?}"),
            other => panic!("{members:?}: {other:?}"),
        }
    }
}

#[test]
fn pax_records_say_only_what_headers_cannot() {
    let record = |key: &str, value: &str| {
        let mut length = key.len() + value.len() + 3;
        length += if length + 1 >= 10 { 2 } else { 1 };
        let content = format!("{length} {key}={value}\n");
        assert_eq!(content.len(), length);
        Raw { kind: b'x', ..Raw::file("./x", content) }
    };
    let listed = |records: &[Raw], file: Raw| {
        let members: Vec<Raw> = records.iter().cloned().chain([file]).collect();
        list(&Package::new("a", "1").data_tar(tar_of(&members)).build(), Limits::default())
    };
    let file = || Raw { uid: 7, ..Raw::file("./f", "content") };
    assert!(listed(&[record("size", "7")], file()).is_ok());
    assert!(listed(&[record("uid", "7")], file()).is_ok());
    for (key, value) in [("size", "6"), ("size", "0"), ("uid", "0"), ("gid", "42")] {
        let error = listed(&[record(key, value)], file()).unwrap_err();
        assert!(matches!(error, Error::Member { problem: Problem::Contradiction(_), .. }), "{key}={value}: {error}");
    }
    let error = listed(&[record("uid", "4294967295")], file()).unwrap_err();
    assert!(matches!(error, Error::Member { problem: Problem::Owner(u32::MAX), .. }), "{error}");
    // One record would take a mebibyte at most; any number of them would not.
    assert!(matches!(listed(&[record("path", "./a"), record("path", "./b")], file()), Err(Error::Format { .. })));
}

#[test]
fn refuses_lies_cuts_and_additions() {
    let lie = Raw { claimed_size: Some(1 << 40), ..Raw::file("./f", "x") };
    let far = Raw { claimed_size: Some(u64::MAX), ..Raw::file("./f", "x") };
    let long = Raw { kind: b'L', claimed_size: Some(1 << 40), ..Raw::file("././@LongLink", "x") };
    for member in [lie, far, long] {
        let package = Package::new("a", "1").data_tar(tar_of(std::slice::from_ref(&member))).build();
        let error = list(&package, Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. } | Error::Format { .. }), "{member:?}: {error:?}");
    }
    for compression in Compression::ALL {
        let whole = Package::new("a", "1").file("f", 0o644, vec![7; 5000]).compression(compression).build();
        // One byte less is only the padding.
        for cut in [2, 3, 64, 700] {
            let error = list(&whole[..whole.len() - cut.min(whole.len() - 1)], Limits::default());
            assert!(error.is_err_and(|error| error.is_package_fault()), "{compression:?} cut by {cut}");
        }
        let mut data = tar_of(&Package::new("a", "1").members());
        data.extend_from_slice(b"behind the end");
        let added = Package::new("a", "1").data_tar(data).compression(compression).build();
        assert!(list(&added, Limits::default()).is_err(), "{compression:?}");
        let name = format!("data.tar{}", compression.suffix());
        let mut data = compression.compress(&tar_of(&[]));
        data.extend_from_slice(b"garbage!");
        let control = tar_of(&[Raw::file("./control", Package::new("a", "1").control_paragraph())]);
        let added = ar_of(&[("debian-binary", b"2.0\n".to_vec()), ("control.tar", control), (&name, data)]);
        assert!(list(&added, Limits::default()).is_err(), "{name}");
    }
}

#[test]
fn refuses_bombs_before_they_burst() {
    let small = Limits { payload_floor: 1 << 20, payload_ratio: 10, ..Limits::default() };
    for compression in Compression::ALL.into_iter().filter(|c| *c != Compression::None) {
        let bomb = Package::new("a", "1").file("zeros", 0o644, vec![0; 4 << 20]).compression(compression).build();
        let error = list(&bomb, small).unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 1_048_576, .. }), "{compression:?}: {error}");
        assert!(list(&bomb, Limits::default()).is_ok());
    }
    let zeros = vec![0; 4 << 20];
    let bomb = Package::new("a", "1").control_member("templates", &zeros).build();
    assert!(matches!(list(&bomb, Limits { control_size: 1 << 20, ..Limits::default() }), Err(Error::TooLarge { .. })));
    let many: Vec<Raw> = (0..100).map(|n| Raw::file(format!("./{n}"), "")).collect();
    let bomb = Package::new("a", "1").data_tar(tar_of(&many)).build();
    assert!(matches!(list(&bomb, Limits { entries: 50, ..Limits::default() }), Err(Error::TooLarge { .. })));
    assert!(matches!(list(&bomb, Limits { path_bytes: 50, ..Limits::default() }), Err(Error::TooLarge { .. })));
    // Each short path stands for many directories.
    let deep: Vec<Raw> = (0..10).map(|n| Raw::file(format!("./{n}{}", "/a".repeat(100)), "")).collect();
    let bomb = Package::new("a", "1").data_tar(tar_of(&deep)).build();
    assert!(list(&bomb, Limits { directories: 1000, ..Limits::default() }).is_ok());
    let error = list(&bomb, Limits { directories: 999, ..Limits::default() }).unwrap_err();
    assert_eq!(error.to_string(), "`data.tar` has more than 999 directories");
    // A decoder that would take more memory than the limit.
    let bomb = Package::new("a", "1").file("f", 0o644, "x").build();
    assert!(list(&bomb, Limits { decoder_memory: 1 << 16, ..Limits::default() }).is_err());
}

#[test]
fn refuses_odd_outer_archives() {
    let control = || ("control.tar", tar_of(&[Raw::file("./control", Package::new("a", "1").control_paragraph())]));
    let version = || ("debian-binary", b"2.0\n".to_vec());
    let data = || ("data.tar", tar_of(&[]));
    assert!(list(&ar_of(&[version(), control(), data()]), Limits::default()).is_ok());
    for members in [
        vec![],
        vec![version()],
        vec![version(), control()],
        vec![version(), data(), control()],
        vec![control(), data()],
        vec![version(), ("evil", Vec::new()), control(), data()],
        vec![version(), ("control.tar.rar", control().1), data()],
        vec![version(), ("a-name-that-is-too-long-for-ar", Vec::new()), control(), data()],
        vec![version(), ("//", Vec::new()), control(), data()],
        vec![version(), ("/123", Vec::new()), control(), data()],
        vec![version(), ("control.tar", tar_of(&[])), data()],
        vec![version(), control(), data(), ("data.tar.gz", Vec::new())],
        vec![version(), control(), data(), ("later", b"odd".to_vec()), ("control.tar.xz", Vec::new())],
        vec![version(), ("control.tar", tar_of(&[Raw::symlink("./control", "/etc/passwd")])), data()],
        vec![version(), ("control.tar", tar_of(&[Raw::file("./x/control", "")])), data()],
    ] {
        let error = list(&ar_of(&members), Limits::default()).unwrap_err();
        assert!(error.is_package_fault(), "{error}");
    }
    assert!(list(b"not an archive", Limits::default()).is_err());
    let whole = ar_of(&[version(), control(), data(), ("later", b"odd".to_vec())]);
    assert!(list(&whole[..whole.len() - 1], Limits::default()).is_ok(), "padding at the end may be missing");
    assert!(list(&[&whole[..], b"behind"].concat(), Limits::default()).is_err());
}

#[test]
fn a_failing_medium_is_not_the_packages_fault() {
    struct Broken(usize, Vec<u8>);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let rest = &self.1[self.0..];
            if rest.is_empty() {
                return Err(io::Error::from_raw_os_error(5));
            }
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            self.0 += length;
            Ok(length)
        }
    }
    let bytes = Package::new("a", "1").file("f", 0o644, vec![1; 9000]).build();
    for end in [0, 30, 100, 400, bytes.len() - 10] {
        let mut deb = match Deb::open(Broken(0, bytes[..end].to_vec())) {
            Ok(deb) => deb,
            Err(error) => {
                assert!(!error.is_package_fault(), "{error:?}");
                continue;
            }
        };
        let error = std::iter::from_fn(|| deb.next_entry().transpose()).find_map(Result::err).unwrap();
        assert!(!error.is_package_fault(), "{error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// However the bytes are changed, reading ends in a value or an error, never in a panic.
    #[test]
    fn survives_any_change(
        which in 0..Compression::ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sample(Compression::ALL[which]).build();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let small = Limits { payload_floor: 1 << 22, payload_size: 1 << 24, ..Limits::default() };
        if let Err(error) = list(&bytes, small) {
            prop_assert!(error.is_package_fault());
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// Changes below the compression reach the tar reader.
    #[test]
    fn survives_any_change_of_the_tar(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), fix in any::<bool>()) {
        let mut data = tar_of(&sample(Compression::None).xattr("user.a", "b").members());
        for (at, byte) in changes {
            let at = at.index(data.len());
            data[at] = byte;
            if fix {
                // The header's checksum is made right, so that what changed is believed.
                let block = &mut data[at / 512 * 512..][..512];
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
                block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let _either = list(&Package::new("a", "1").data_tar(data).compression(Compression::None).build(), Limits::default());
    }
}
