//! What a package file may hold: the step that imports it stores what dpkg would unpack, or nothing.
//!
//! Each row hands one file to `step import`. Its digest is right, as that of whatever a repository signs.

use crate::fixture::{Archive, Project, needs};
use crate::table::{self, Accepted, Row, Verdict};
use pintree::pkg::Sha256;
use pintree::testkit::deb::{Compression, Package, Raw, ar_of, tar_of};
use pintree::testkit::repo::{Suite, add_deb};

/// One line a row.
macro_rules! row {
    ($name:expr, $guard:expr, $attack:expr, $twin:expr) => {
        Row { name: $name, guard: $guard, attack: $attack, twin: $twin }
    };
}

const ROWS: &[Row] = &[
    // Where members go.
    row!("absolute-path", "path", || refused(&[file("/etc/evil")], "absolute path"), || taken(&[file("./etc/evil")], "/etc/evil")),
    row!("parent-component", "path", || refused(&[file("./a/../../evil")], "`..`"), || taken(&[file("./..a/b..")], "/..a/b..")),
    row!("pax-path-parent", "path", || refused(&[pax(&[("path", "../../evil")]), file("./y")], "`..`"), || {
        taken(&[pax(&[("path", "./usr/é")]), file("./y")], "/usr/é")
    }),
    row!("long-name-parent", "path", || refused(&[long(b'L', "../../evil"), file("./y")], "`..`"), || {
        taken(&[long(b'L', "./usr/evil"), file("./y")], "/usr/evil")
    }),
    row!("nul-in-a-path", "path", || refused(&[pax(&[("path", "./x\0/../y")]), file("./y")], "NUL"), || {
        taken(&[pax(&[("path", "./x y")]), file("./y")], "/x y")
    }),
    row!("line-feed-in-a-name", "path", || refused(&[file("./a\nb")], "line feed"), || taken(&[file("./a\u{1b}[31mb")], "/a\u{1b}[31mb")),
    row!("not-utf8", "path", || refused(&[Raw::file(b"./caf\xe9", "x")], "UTF-8"), || taken(&[file("./café")], "/café")),
    row!("long-component", "depth", || refused(&[file(&format!("./{}", "a".repeat(256)))], "too long"), || {
        taken(&[file(&format!("./{}", "a".repeat(255)))], &format!("/{}", "a".repeat(255)))
    }),
    row!("deep-path", "depth", || refused(&[file(&format!("./{}f", "d/".repeat(128)))], "too deep"), || {
        taken(&[file(&format!("./{}f", "d/".repeat(127)))], &format!("/{}f", "d/".repeat(127)))
    }),
    row!("many-directories", "depth", || refused(&directories(800), "directories"), || taken(&directories(8), "/0/a/a/a")),
    // Links.
    row!("behind-a-link", "link", || refused(&[Raw::symlink("./d", "/etc"), file("./d/evil")], "behind the symlink"), || {
        taken(&[Raw::symlink("./d", "/etc"), file("./e/evil")], "/e/evil")
    }),
    row!(
        "behind-a-link-of-a-link",
        "link",
        || refused(&[Raw::dir("./a/"), Raw::symlink("./a/b", ".."), file("./a/b/c/d")], "behind"),
        || { taken(&[Raw::dir("./a/"), Raw::symlink("./a/b", ".."), file("./a/c/d")], "/a/c/d") }
    ),
    row!("hardlink-to-the-host", "hardlink", || refused(&[Raw::hardlink("./h", "/etc/passwd")], "no earlier file"), || {
        taken(&[file("./f"), Raw::hardlink("./h", "./f")], "/h")
    }),
    row!("hardlink-upwards", "hardlink", || refused(&[Raw::hardlink("./h", "../../etc/passwd")], "no earlier file"), || {
        taken(&[file("./a/f"), Raw::hardlink("./b/h", "a/f")], "/b/h")
    }),
    row!(
        "hardlink-to-a-link",
        "hardlink",
        || refused(&[Raw::symlink("./l", "/etc/passwd"), Raw::hardlink("./h", "./l")], "no earlier"),
        || { taken(&[file("./f"), Raw::symlink("./l", "f"), Raw::hardlink("./h", "./f")], "/h") }
    ),
    row!("hardlink-forwards", "hardlink", || refused(&[Raw::hardlink("./h", "./f"), file("./f")], "no earlier"), || {
        taken(&[file("./f"), Raw::hardlink("./h", "./f")], "/h")
    }),
    row!(
        "hardlink-with-content",
        "hardlink",
        || refused(&[file("./f"), Raw { content: b"evil".into(), ..Raw::hardlink("./h", "./f") }], "has content"),
        || { taken(&[file("./f"), Raw::hardlink("./h", "./f")], "/h") }
    ),
    row!("below-a-file", "tree", || refused(&[file("./f"), file("./f/g")], "below the file"), || taken(
        &[file("./f"), file("./g/f")],
        "/g/f"
    )),
    row!("twice", "tree", || refused(&[file("./a"), Raw::file("./a", "evil")], "twice"), || taken(
        &[file("./a"), Raw::file("./b", "x")],
        "/a"
    )),
    row!("twice-spelt-otherwise", "tree", || refused(&[file("./a/b"), Raw::file("a//./b", "evil")], "twice"), || {
        taken(&[file("./a/b"), Raw::file("a//./c", "x")], "/a/c")
    }),
    row!("file-over-directory", "tree", || refused(&[file("./d/x"), Raw::file("./d", "x")], "no directory"), || {
        taken(&[file("./d/x"), Raw::dir("./d/")], "/d/x")
    }),
    // Kinds.
    row!("character-device", "kind", || refused(&[Raw::node("./n", b'3', "")], "device"), || taken(&[file("./n")], "/n")),
    row!("block-device", "kind", || refused(&[Raw::node("./n", b'4', "")], "device"), || taken(
        &[Raw::symlink("./n", "/dev/sda"), file("./f")],
        "/f"
    )),
    row!("fifo", "kind", || refused(&[Raw::node("./n", b'6', "")], "fifo"), || taken(&[Raw { kind: b'7', ..file("./n") }], "/n")),
    row!("sparse-member", "kind", || refused(&[Raw { kind: b'S', ..file("./n") }], "unknown type"), || taken(&[file("./n")], "/n")),
    row!("name-list-member", "kind", || refused(&[Raw { kind: b'N', ..file("./n") }], "unknown type"), || taken(
        &[Raw { kind: 0, ..file("./n") }],
        "/n"
    )),
    row!("global-header", "kind", || refused(&[Raw { kind: b'g', ..pax(&[("path", "./evil")]) }, file("./y")], "unknown type"), || {
        taken(&[pax(&[("mtime", "1.5")]), file("./y")], "/y")
    }),
    row!(
        "sparse-records",
        "kind",
        || refused(&[pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "1099511627776")]), file("./y")], "sparse"),
        || { taken(&[pax(&[("GNU.other", "1")]), file("./y")], "/y") }
    ),
    // Sizes.
    row!("size-beyond-the-end", "size", || refused(&[Raw { claimed_size: Some(1 << 40), ..file("./y") }], "cut short"), || taken(
        &[file("./y")],
        "/y"
    )),
    row!("size-without-end", "size", || refused(&[Raw { claimed_size: Some(u64::MAX), ..file("./y") }], ""), || taken(
        &[file("./y")],
        "/y"
    )),
    row!("size-below-zero", "size", || refused(&[pax(&[("size", "-1")]), file("./y")], "no usable number"), || {
        taken(&[pax(&[("size", "1")]), file("./y")], "/y")
    }),
    row!("two-sizes", "contradiction", || refused(&[pax(&[("size", "0")]), Raw::file("./y", hidden())], "in a PAX record"), || {
        taken(&[pax(&[("size", "1")]), file("./y")], "/y")
    }),
    row!("two-owners", "contradiction", || refused(&[pax(&[("uid", "33")]), file("./y")], "in a PAX record"), || {
        taken(&[pax(&[("uid", "33")]), Raw { uid: 33, ..file("./y") }], "/y")
    }),
    row!(
        "two-pax-headers",
        "extension",
        || refused(&[pax(&[("path", "./a")]), pax(&[("path", "./b")]), file("./y")], "two extension"),
        || { taken(&[pax(&[("path", "./a")]), file("./x"), pax(&[("path", "./b")]), file("./y")], "/b") }
    ),
    row!("two-long-names", "extension", || refused(&[long(b'L', "./a"), long(b'L', "./b"), file("./y")], "two extension"), || {
        taken(&[long(b'L', "./a"), file("./x"), long(b'L', "./b"), file("./y")], "/b")
    }),
    row!("extension-too-long", "extension", || refused(&[pax(&[("comment", &"c".repeat(2 << 20))]), file("./y")], "too long"), || {
        taken(&[pax(&[("comment", &"c".repeat(1 << 10))]), file("./y")], "/y")
    }),
    row!(
        "record-beyond-its-header",
        "extension",
        || refused(&[Raw { kind: b'x', ..Raw::file("./x", "999 path=./a\n") }, file("./y")], "broken"),
        || { taken(&[Raw { kind: b'x', ..Raw::file("./x", "12 path=./a\n") }, file("./y")], "/a") }
    ),
    // Owners.
    row!("owner-nobody-has", "owner", || refused(&[Raw { uid: u32::MAX, ..file("./y") }], "65535"), || taken(
        &[Raw { uid: 65_535, ..file("./y") }],
        "/y"
    )),
    row!("pax-owner-nobody-has", "owner", || refused(&[pax(&[("uid", "4294967295")]), file("./y")], "65535"), || {
        taken(&[pax(&[("uid", "0")]), file("./y")], "/y")
    }),
    row!("owner-beyond-the-sandbox", "owner", || refused(&[Raw { uid: 70_000, gid: 70_000, ..file("./y") }], "65535"), || {
        taken(&[Raw { uid: 700, gid: 700, ..file("./y") }], "/y")
    }),
    row!("group-of-a-directory", "owner", || refused(&[Raw { gid: 65_536, ..Raw::dir("./d/") }, file("./d/y")], "65535"), || {
        taken(&[Raw { gid: 65_534, ..Raw::dir("./d/") }, file("./d/y")], "/d/y")
    }),
    row!("owner-of-a-link", "owner", || refused(&[Raw { uid: 1 << 31, ..Raw::symlink("./l", "y") }, file("./y")], "65535"), || {
        taken(&[Raw { uid: 1, ..Raw::symlink("./l", "y") }, file("./y")], "/y")
    }),
    row!("owner-below-zero", "owner", || refused(&[pax(&[("uid", "-5")]), file("./y")], "no usable number"), || {
        taken(&[pax(&[("uid", "5")]), Raw { uid: 5, ..file("./y") }], "/y")
    }),
    // Attributes.
    row!("attribute-of-ostree", "attribute", || dropped("user.ostreemeta"), || kept("security.capability")),
    row!("attribute-of-ours", "attribute", || dropped("user.pintree.owner"), || kept("security.capability")),
    row!("attribute-of-a-container", "attribute", || dropped("user.containers.override_stat"), || kept("security.capability")),
    row!("attribute-of-a-layer", "attribute", || dropped("user.overlay.redirect"), || kept("security.capability")),
    row!("attribute-of-the-host", "attribute", || dropped("trusted.overlay.redirect"), || kept("security.capability")),
    row!("label", "attribute", || dropped("security.selinux"), || kept("security.capability")),
    row!("integrity-label", "attribute", || dropped("security.ima"), || kept("security.capability")),
    row!("access-list", "attribute", || dropped("system.posix_acl_access"), || kept("security.capability")),
    row!("capability-that-is-none", "capability", || refused(&[with("security.capability", b"AAAAAAAAAAAAAAAAAAAA")], "is none"), || kept(
        "security.capability"
    )),
    row!("capability-of-a-namespace", "capability", || refused(&[with("security.capability", &foreign_capability())], "is none"), || kept(
        "security.capability"
    )),
    row!("attributes-without-end", "capability", || refused(&[with("user.x", &[b'x'; 4 << 10])], "more extended attributes"), || kept(
        "security.capability"
    )),
    // The outer archive.
    row!("payload-first", "outer", || odd(&[VERSION, "data.tar", "control.tar", "data.tar"], b"", "should stand"), || odd_taken(&[
        VERSION,
        "control.tar",
        "data.tar"
    ])),
    row!("second-payload", "outer", || odd(&[VERSION, "control.tar", "data.tar", "data.tar.gz"], b"", "should stand"), || {
        odd_taken(&[VERSION, "control.tar", "data.tar", "_gpgorigin"])
    }),
    row!("second-control", "outer", || odd(&[VERSION, "control.tar", "data.tar", "control.tar.gz"], b"", "should stand"), || {
        odd_taken(&[VERSION, "control.tar", "data.tar", "later"])
    }),
    row!("data-behind-the-archive", "outer", || odd(&[VERSION, "control.tar", "data.tar"], b"#!/bin/sh\n", "follows"), || {
        odd_taken(&[VERSION, "control.tar", "data.tar"])
    }),
    row!("stranger-in-between", "outer", || odd(&[VERSION, "evil", "control.tar", "data.tar"], b"", "should stand"), || {
        odd_taken(&[VERSION, "_evil", "control.tar", "data.tar"])
    }),
    row!("member-name-with-a-path", "outer", || odd(&[VERSION, "_a/../b", "control.tar", "data.tar"], b"", "ar member header"), || {
        odd_taken(&["debian-binary/", "control.tar/", "data.tar/"])
    }),
    row!("unknown-compression", "outer", || odd(&[VERSION, "control.tar", "data.tar.rar"], b"", "unknown compression"), || {
        odd_taken(&[VERSION, "control.tar", "data.tar"])
    }),
    row!(
        "data-behind-the-payload",
        "outer",
        || {
            let mut data = tar_of(&[file("./y")]);
            data.extend_from_slice(b"behind the end");
            judged(&evil().data_tar(data).build(), "follows the end")
        },
        || {
            let mut data = tar_of(&[file("./y")]);
            data.extend_from_slice(&[0; 10_240]);
            found(&evil().data_tar(data).build(), "/y")
        }
    ),
    row!(
        "stream-cut-short",
        "outer",
        || {
            let whole = Compression::Xz.compress(&tar_of(&[file("./y")]));
            judged(
                &ar_of(&[(VERSION, b"2.0\n".to_vec()), ("control.tar", control()), ("data.tar.xz", whole[..whole.len() - 9].to_vec())]),
                "data.tar.xz",
            )
        },
        || {
            let whole = Compression::Xz.compress(&tar_of(&[file("./y")]));
            found(&ar_of(&[(VERSION, b"2.0\n".to_vec()), ("control.tar", control()), ("data.tar.xz", whole)]), "/y")
        }
    ),
    // The control part.
    row!("control-member-outside", "control-name", || judged(&evil().control_member("../x", "").build(), "`..`"), || {
        found(&evil().control_member("x", "").file("y", 0o644, "x").build(), "/var/lib/dpkg/info/evil.x")
    }),
    row!(
        "control-member-for-a-terminal",
        "control-name",
        || judged(&evil().control_member("x\u{1b}[2J", "").build(), "no use for"),
        || { found(&evil().control_member("shlibs", "").build(), "/var/lib/dpkg/info/evil.shlibs") }
    ),
    row!(
        "control-member-is-a-link",
        "control-name",
        || judged(&evil().control_raw(Raw::symlink("./postinst", "/etc/passwd")).build(), "no regular file"),
        || { found(&evil().script("postinst", "#!/bin/sh\n").build(), "/var/lib/dpkg/info/evil.postinst") }
    ),
    row!(
        "control-member-twice",
        "control-name",
        || judged(&evil().control_member("postinst", "a").control_member("postinst", "b").build(), "twice"),
        || { found(&evil().control_member("postinst", "a").control_member("prerm", "b").build(), "/var/lib/dpkg/info/evil.prerm") }
    ),
    row!(
        "control-without-end",
        "control-name",
        || judged(&evil().control_member("templates", vec![0; 33 << 20]).build(), "more than"),
        || { found(&evil().control_member("templates", vec![b'\n'; 1 << 20]).build(), "/var/lib/dpkg/info/evil.templates") }
    ),
    row!(
        "conffile-outside",
        "control-list",
        || judged(&evil().control_member("conffiles", "/../../etc/passwd\n").build(), "leads out"),
        || { found(&evil().conffile("etc/evil.conf", "x").build(), "/etc/evil.conf") }
    ),
    row!("sum-outside", "control-list", || judged(&evil().control_member("md5sums", "0123  ../etc/passwd\n").build(), "leads out"), || {
        found(&evil().control_member("md5sums", "0123  etc/passwd\n").build(), "/var/lib/dpkg/info/evil.md5sums")
    }),
    row!(
        "trigger-outside",
        "control-list",
        || judged(&evil().control_member("triggers", "interest ../../../etc/cron.d/x\n").build(), "leads out"),
        || { found(&evil().control_member("triggers", "interest /etc/cron.d\n").build(), "/var/lib/dpkg/info/evil.triggers") }
    ),
    row!(
        "trigger-named-as-dpkgs-own",
        "control-list",
        || judged(&evil().control_member("triggers", "interest File\n").build(), "leads out"),
        || { found(&evil().control_member("triggers", "interest Files\n").build(), "/var/lib/dpkg/info/evil.triggers") }
    ),
    row!(
        "two-paragraphs",
        "control-field",
        || judged(&controlled("\nPackage: libc6\nStatus: install ok installed\n"), "more than one paragraph"),
        || { found(&controlled(" \n more\n"), "/y") }
    ),
    row!(
        "status-in-control",
        "control-field",
        || judged(&evil().field("Status", "install ok installed").build(), "package database"),
        || { found(&evil().field("Statuses", "x").file("y", 0o644, "x").build(), "/y") }
    ),
    row!(
        "conffiles-in-control",
        "control-field",
        || judged(&evil().field("Conffiles", "\n /etc/shadow 0").build(), "package database"),
        || { found(&evil().field("Tag", "\n a::b").file("y", 0o644, "x").build(), "/y") }
    ),
    row!("field-twice", "control-field", || judged(&controlled("Version: 2\n"), "twice"), || found(&controlled("Versions: 2\n"), "/y")),
    row!("same-for-all", "control-field", || judged(&evil().arch("all").field("Multi-Arch", "same").build(), "for all"), || {
        found(&evil().field("Multi-Arch", "same").file("y", 0o644, "x").build(), "/y")
    }),
    // Where dpkg keeps its own.
    row!(
        "script-of-another-package",
        "database",
        || judged(&evil().file("var/lib/dpkg/info/libc6.postinst", 0o755, "x").build(), "its own files"),
        || { found(&evil().file("var/lib/evil/info/libc6.postinst", 0o755, "x").build(), "/var/lib/evil/info/libc6.postinst") }
    ),
    row!("database-is-a-link", "database", || judged(&evil().symlink("var/lib/dpkg", "/tmp").build(), ""), || {
        found(&evil().symlink("var/lib/evil", "/tmp").file("y", 0o644, "x").build(), "/y")
    }),
    // Another package than the lockfile's.
    row!("another-name", "identity", || judged(&evil().field("Package", "good").build(), "says of itself"), || found(
        &evil().file("y", 0o644, "x").build(),
        "/y"
    )),
    row!("another-version", "identity", || judged(&evil().field("Version", "1:1").build(), "says of itself"), || found(
        &evil().file("y", 0o644, "x").build(),
        "/y"
    )),
    row!("another-architecture", "identity", || judged(&evil().arch("i386").build(), "says of itself"), || found(
        &evil().file("y", 0o644, "x").build(),
        "/y"
    )),
    // Relations that the index does not have.
    row!("depends-on-nothing", "relation", || unmet("Depends", "nothere (>= 5)"), || met("Depends", "one")),
    row!("depends-on-another-version", "relation", || unmet("Pre-Depends", "one (>= 9)"), || met("Pre-Depends", "one (>= 1)")),
    row!("conflicts-with-the-set", "relation", || unmet("Conflicts", "one"), || met("Conflicts", "another")),
    row!("breaks-the-set", "relation", || unmet("Breaks", "one (<< 2)"), || met("Breaks", "one (<< 1)")),
    row!("provides-what-the-set-excludes", "relation", || unmet("Provides", "rival"), || met("Provides", "friend")),
    row!("essential-by-itself", "relation", || met("Essential", "yes"), || met("Multi-Arch", "foreign")),
];

const ACCEPTED: &[Accepted] = &[
    Accepted { name: "names-with-escapes", reason: "dpkg takes them and a file system does; what prints them replaces control characters" },
    Accepted { name: "sums-that-lie", reason: "md5sums are for `dpkg --verify` on the device; nothing here believes them" },
    Accepted { name: "set-id-files", reason: "packages have them by right; `diff` tells new ones" },
    Accepted { name: "mode-beyond-07777", reason: "type bits in a mode are ignored, as by tar" },
];

const VERSION: &str = "debian-binary";

#[test]
fn packages() {
    needs!();
    table::run("package", ROWS, ACCEPTED);
}

fn evil() -> Package {
    Package::new("evil", "1").arch("amd64")
}

fn file(name: &str) -> Raw {
    Raw::file(name, "x")
}

/// A PAX header of these records.
fn pax(records: &[(&str, &str)]) -> Raw {
    let record = |(key, value): &(&str, &str)| {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length += 1;
        }
        format!("{length} {key}={value}\n")
    };
    Raw { kind: b'x', ..Raw::file("./PaxHeaders/x", records.iter().map(record).collect::<String>()) }
}

/// A GNU header with a long name or link target.
fn long(kind: u8, text: &str) -> Raw {
    Raw { kind, ..Raw::file("././@LongLink", format!("{text}\0")) }
}

/// A member that a reader sees who skips no content.
fn hidden() -> Vec<u8> {
    tar_of(&[file("./hidden")])
}

/// Files below a hundred directories each.
fn directories(count: usize) -> Vec<Raw> {
    (0..count).map(|number| file(&format!("./{number}{}/f", "/a".repeat(125)))).chain([file("./0/a/a/a/x")]).collect()
}

fn with(name: &str, value: &[u8]) -> Raw {
    Raw { mode: 0o755, xattrs: vec![(name.to_owned(), value.to_vec())], ..file("./y") }
}

fn capability() -> Vec<u8> {
    [&[1, 0, 0, 2, 0, 0x20, 0, 0][..], &[0; 12]].concat()
}

fn foreign_capability() -> Vec<u8> {
    [&[1, 0, 0, 3, 0, 0x20, 0, 0][..], &[0; 12], &[0xe8, 3, 0, 0]].concat()
}

fn control() -> Vec<u8> {
    tar_of(&[Raw::file("./control", evil().control_paragraph())])
}

/// A package whose control paragraph goes on with `text`.
fn controlled(text: &str) -> Vec<u8> {
    let paragraph = evil().control_paragraph() + text;
    evil().control_tar(tar_of(&[Raw::file("./control", paragraph)])).data_tar(tar_of(&[file("./y")])).build()
}

fn built(members: &[Raw]) -> Vec<u8> {
    evil().data_tar(tar_of(members)).build()
}

fn refused(members: &[Raw], word: &str) -> Verdict {
    judged(&built(members), word)
}

fn taken(members: &[Raw], path: &str) -> Verdict {
    found(&built(members), path)
}

fn odd(names: &[&str], behind: &[u8], word: &str) -> Verdict {
    judged(&[&outer(names)[..], behind].concat(), word)
}

fn odd_taken(names: &[&str]) -> Verdict {
    found(&outer(names), "/y")
}

/// An outer archive of members with these names.
fn outer(names: &[&str]) -> Vec<u8> {
    let content = |name: &str| match name {
        name if name.starts_with(VERSION) => b"2.0\n".to_vec(),
        name if name.starts_with("control.tar") => control(),
        name if name.starts_with("data.tar") => tar_of(&[file("./y")]),
        _ => b"odd".to_vec(),
    };
    ar_of(&names.iter().map(|name| (*name, content(name))).collect::<Vec<_>>())
}

/// What an import gave.
struct Import {
    project: Project,
    code: i32,
    stderr: String,
    reference: Option<String>,
}

impl Import {
    fn of(bytes: &[u8]) -> Self {
        let project = Project::empty();
        std::fs::write(project.path("evil.deb"), bytes).unwrap();
        let mut command = project.pintree(&["step", "import", "--store", "store", "--sources", "none", "--slots", "slots"]);
        command.args(["--package", "evil", "--version", "1", "--architecture", "amd64", "--file", "evil.deb"]);
        command.args(["--sha256", &Sha256::of(bytes).to_hex(), "--size", &bytes.len().to_string()]);
        let ran = project.finish(&mut command);
        let mut reference = None;
        crate::fixture::files_below(&project.path("store/refs/heads"), &mut |path| {
            reference = Some(path.strip_prefix(project.path("store/refs/heads")).unwrap().to_str().unwrap().to_owned());
        });
        Self { code: ran.code, stderr: ran.stderr, project, reference }
    }

    fn ostree(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.project.command("ostree");
        let output = command.arg("--repo=store").args(arguments).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn error(&self) -> &str {
        self.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("no error")
    }
}

/// The file must be refused, by a message with `word`, and leave no ref.
fn judged(bytes: &[u8], word: &str) -> Verdict {
    let import = Import::of(bytes);
    let figure = format!("exit {}, {}", import.code, import.stderr.trim());
    Verdict::of(import.code == 5 && import.reference.is_none() && import.stderr.contains(word), figure)
}

/// The file must be imported, and `path` be in it as every tool of OSTree sees it.
fn found(bytes: &[u8], path: &str) -> Verdict {
    let import = Import::of(bytes);
    let Some(reference) = &import.reference else { return Verdict::Broke(format!("exit {}, {}", import.code, import.error())) };
    let there = import.ostree(&["ls", reference, path]).is_some() && import.ostree(&["fsck", "--quiet"]).is_some();
    Verdict::of(import.code == 0 && there, format!("exit {}, `{path}` {}", import.code, if there { "is there" } else { "is missing" }))
}

/// The attribute must not be in the store, and the user be told.
fn dropped(name: &str) -> Verdict {
    let (attributes, import) = attributes(name, b"evil");
    let told = import.stderr.contains(name) && import.stderr.contains("evil 1 amd64");
    Verdict::of(
        import.code == 0 && told && !attributes.contains(name),
        format!("exit {}, {attributes}, {}", import.code, import.stderr.trim()),
    )
}

fn kept(name: &str) -> Verdict {
    let (attributes, import) = attributes(name, &capability());
    Verdict::of(import.code == 0 && attributes.contains(name) && import.stderr.is_empty(), format!("exit {}, {attributes}", import.code))
}

fn attributes(name: &str, value: &[u8]) -> (String, Import) {
    let import = Import::of(&built(&[with(name, value)]));
    let listed = import.reference.as_ref().and_then(|reference| import.ostree(&["ls", "-X", reference, "/y"]));
    (listed.unwrap_or_default().trim().to_owned(), import)
}

/// Builds an image of a package whose own control file has a field that its index has not.
fn disagreeing(field: &str, value: &str) -> (i32, String) {
    let honest = Package::new("evil", "1").arch("armhf").file("usr/share/evil", 0o644, "x");
    let one = Package::new("one", "1").arch("armhf").field("Conflicts", "rival").file("usr/share/one", 0o644, "x");
    let archive = Archive::new(&[]);
    let listed = |package: &Package, control: &Package| {
        add_deb(archive.directory.path(), &crate::fixture::pool_path(package), &control.control_paragraph(), &package.build())
    };
    let stanzas = [listed(&one, &one), listed(&honest.clone().field(field, value), &honest)].join("\n");
    let suite = Suite::new("stable").packages("main", "armhf", stanzas.trim_start()).packages("main", "amd64", "");
    suite.write(archive.directory.path(), Some((&archive.gpg, &archive.key)));
    let project = Project::new(&archive, "[image.root]\nvariant = \"custom\"\npackages = [\"one\", \"evil\"]\n");
    project.ok(&["lock"]);
    let ran = project.run(&["build", "--until", "composed"]);
    (ran.code, ran.stderr)
}

fn unmet(field: &str, value: &str) -> Verdict {
    let (code, stderr) = disagreeing(field, value);
    let named = stderr.contains("evil 1") && (stderr.contains(value) || field == "Provides");
    Verdict::of(code == 5 && named, format!("exit {code}, {}", stderr.replace('\n', " ")))
}

fn met(field: &str, value: &str) -> Verdict {
    let (code, stderr) = disagreeing(field, value);
    let told = stderr.contains("evil 1 armhf") && stderr.contains(field) && stderr.contains(value);
    Verdict::of(code == 0 && told, format!("exit {code}, {}", stderr.replace('\n', " ")))
}
