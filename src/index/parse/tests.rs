//! Stanzas good and bad.

use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn stanza(name: &str, more: &str) -> String {
    let file = format!("Filename: pool/main/{}/{name}/{name}_1_armhf.deb\nSize: 3\nSHA256: {DIGEST}\n", &name[..1]);
    format!("Package: {name}\nArchitecture: armhf\nVersion: 1\n{file}{more}\n")
}

fn read(text: &str) -> Result<Index, Error> {
    parse(text.as_bytes(), &Limits::default())
}

fn package<'a>(index: &'a Index, name: &str) -> Package<'a> {
    index.named(name).next().unwrap()
}

#[test]
fn reads_all_fields() {
    let text = "Package: libfoo1\nSource: foo (2:1.0-2)\nArchitecture: armhf\nVersion: 2:1.0-2+b1\nMulti-Arch: same\n\
        Priority: required\nEssential: yes\nProtected: yes\nInstalled-Size: 12\nPre-Depends: a (>=1) | b:any,\n c:i386 (<< 2:3)\n\
        Depends: d\nConflicts: e\nBreaks: f (<= 1)\nReplaces: g, h\nProvides: i (= 7), j (>= 8)\nRecommends: k | l | m\n\
        Suggests: n\nDescription: short\n long, with a: colon\nFilename: pool/main/f/foo/libfoo1_1.0-2+b1_armhf.deb\nSize: 4711\n";
    let index = read(&format!("{text}SHA256: {DIGEST}\n")).unwrap();
    let p = package(&index, "libfoo1");
    assert_eq!((p.version(), p.source(), p.source_version()), ("2:1.0-2+b1", "foo", "2:1.0-2"));
    assert_eq!((p.size(), p.installed_size(), p.sha256().to_hex().as_str()), (4711, 12, DIGEST));
    assert_eq!((p.is_essential(), p.is_important(), p.multi_arch(), p.priority()), (true, true, MultiArch::Same, Priority::Required));
    assert_eq!(p.path(), "pool/main/f/foo/libfoo1_1.0-2+b1_armhf.deb");
    let text = |field| {
        let groups = p.relations(field);
        groups.iter().map(|g| g.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(text(Field::PreDepends), "a (>= 1) | b:any, c:i386 (<< 2:3)");
    assert_eq!([text(Field::Depends), text(Field::Conflicts), text(Field::Breaks)], ["d", "e", "f (<= 1)"]);
    assert_eq!([text(Field::Provides), text(Field::Replaces), text(Field::Recommends)], ["i (= 7)", "g, h", "k | l | m"]);
    assert_eq!(text(Field::Suggests), "");
    let id = index.name_id("i").unwrap();
    assert_eq!(index.records_providing(id), [p.id()]);
}

#[test]
fn skips_what_cannot_be_installed_from_and_says_why() {
    let odd = [
        ("Package: a\nVersion: 1\n\n", "it has no `Architecture`"),
        ("Package: a\nVersion: 1/2\nArchitecture: all\n\n", "its `Version` is malformed"),
        ("Package: ../a\nVersion: 1\nArchitecture: all\n\n", "its `Package` is malformed"),
        ("Package: a\nVersion: 1\nArchitecture: all\nFilename: ../x\n\n", "its `Filename` is malformed"),
        ("Package: a\nVersion: 1\nVersion: 2\n\n", "`Version` stands in it twice"),
        ("Package: a\nVersion: 1\nArchitecture: all\nFilename: x.deb\nSize: 1\n\n", "it has no `SHA256`"),
        ("Package: a\nVersion: 1\nArchitecture: all\nFilename: x.deb\nSize: -1\n\n", "its `Size` is malformed"),
    ];
    for (text, reason) in odd {
        let index = read(&format!("{}{text}{}", stanza("x", ""), stanza("y", ""))).unwrap();
        assert_eq!(index.len(), 2, "{text}");
        let skipped = &index.skipped()[0];
        assert_eq!((skipped.line, skipped.reason.to_string().as_str()), (8, reason));
    }
}

#[test]
fn refuses_what_apt_refuses() {
    let message = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(message(&stanza("x", "Depends: a (1)\n")), "line 1: `x`: malformed `Depends`: `a (1)`");
    assert_eq!(message(&stanza("x", "Suggests: a b\n")), "line 1: `x`: malformed `Suggests`: `a b`");
    assert_eq!(message("Version: 1\n"), "line 1: a stanza without `Package`");
    assert_eq!(message("nonsense\n"), "line 1: `nonsense` is neither a field nor the continuation of one");
    assert_eq!(message(" x\n"), "line 1: ` x` is neither a field nor the continuation of one");
}

#[test]
fn keeps_limits() {
    let text = [stanza("x", "Depends: a, b, c\n"), stanza("y", "")].concat();
    let with = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        parse(text.as_bytes(), &limits).unwrap_err().to_string()
    };
    assert_eq!(with(&|l| l.bytes = 100), "line 1: the index has more than 100 bytes");
    assert_eq!(with(&|l| l.packages = 1), "line 9: the index has more than 1 packages");
    assert_eq!(with(&|l| l.relations = 2), "line 1: the index has more than 2 relations");
    let endless = parse(std::io::repeat(b'x'), &Limits::default()).unwrap_err();
    assert!(endless.to_string().contains("bytes in one stanza"), "{endless}");
}

#[test]
fn knows_which_names_apt_would_create_first() {
    let native = Architecture::parse("armhf").unwrap();
    let text = [stanza("a", "Depends: z, y:any\nConflicts: w, z\n"), stanza("b", "Suggests: c\nProvides: v\n")].concat();
    let index = read(&text).unwrap();
    let order = |name: &str| index.name_id(name).and_then(|id| index.first_mention(id, &native, &native));
    let mut names: Vec<&str> = ["a", "z", "w", "b", "c", "v"].to_vec();
    names.sort_by_key(|name| order(name).unwrap().0);
    assert_eq!(names, ["a", "z", "w", "b", "c", "v"]);
    assert_eq!(order("y"), None);
    assert!(order("w").unwrap().1 && !order("z").unwrap().1);
}

#[test]
fn stores_and_reads_back() {
    let text = [stanza("a", "Depends: z, y:i386\nPriority: important\n"), stanza("b", "Provides: v (= 2)\n"), "Package: q\n".into()];
    let index = read(&text.concat()).unwrap();
    let bytes = index.to_bytes();
    assert_eq!(Index::from_bytes(&bytes).unwrap(), index);
    assert_eq!(index.base().map(|p| p.name()).collect::<Vec<_>>(), ["a"]);
    for length in 0..bytes.len() {
        assert!(Index::from_bytes(&bytes[..length]).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(Index::from_bytes(&damaged).is_err(), "byte {at}");
    }
}

/// Whatever field a stanza was skipped for.
#[test]
fn stores_skipped_stanzas() {
    for field in Field::ALL {
        let index = read(&format!("Package: a\n{field}: 1\n{field}: 1\n")).unwrap();
        assert_eq!(index.skipped()[0].reason, SkipReason::Twice(field));
        assert_eq!(Index::from_bytes(&index.to_bytes()).unwrap(), index);
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "(Package: [a-c]\n|Version: [0-9.~-]{1,4}\n|Architecture: (all|armhf)\n|Depends: [a-c |,():<=>]{0,12}\n|Size: 1\n|\n| x\n|.{0,9}\n){0,30}") {
        let _ = read(&text);
    }
}
