//! What a mirror, or somebody on the path to it, may answer: no unsigned byte gets into a lockfile.

use crate::fixture::{Archive, Project, manifest, manifest_at, needs};
use crate::table::{self, Accepted, Row, Verdict};
use pintree::testkit::deb::{Compression, Package};
use pintree::testkit::keys::{Gpg, SignOptions};
use pintree::testkit::repo::{ReleaseFiles, Suite, sign_release};
use pintree::testkit::server::Fault;
use std::path::PathBuf;

/// The image of every row.
const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n";
const IN_RELEASE: &str = "/dists/stable/InRelease";
const RELEASE: &str = "/dists/stable/Release";
const LATER: &str = "Fri, 02 Jan 2026 00:00:00 UTC";
const EARLIER: &str = "Wed, 31 Dec 2025 00:00:00 UTC";

const ROWS: &[Row] = &[
    Row { name: "304-for-inrelease", guard: "conditional", attack: unasked_inline, twin: conditional },
    Row { name: "304-for-release", guard: "conditional", attack: unasked_detached, twin: conditional_detached },
    Row { name: "304-from-second-mirror", guard: "conditional", attack: unasked_second, twin: second_mirror },
    Row { name: "304-for-snapshot", guard: "conditional", attack: unasked_snapshot, twin: snapshot },
    Row { name: "304-then-offline", guard: "conditional", attack: unasked_offline, twin: offline },
    Row { name: "304-for-flat", guard: "conditional", attack: unasked_flat, twin: flat },
    Row { name: "tampered-release", guard: "signature", attack: tampered, twin: honest },
    Row { name: "unsigned-inrelease", guard: "signature", attack: unsigned_inline, twin: honest },
    Row { name: "release-without-signature", guard: "signature", attack: no_signature, twin: detached },
    Row { name: "another-key", guard: "signature", attack: another_key, twin: honest },
    Row { name: "signature-of-another-release", guard: "signature", attack: other_signature, twin: detached },
    Row { name: "text-before-the-signed-block", guard: "signature", attack: text_before, twin: honest },
    Row { name: "second-signed-block", guard: "signature", attack: two_blocks, twin: honest },
    Row { name: "expired-signature", guard: "signature", attack: expired_signature, twin: honest },
    Row { name: "sha1-signature", guard: "signature", attack: sha1_signature, twin: honest },
    Row { name: "swapped-index", guard: "index-digest", attack: swapped_index, twin: honest },
    Row { name: "older-index-under-new-release", guard: "index-digest", attack: mixed, twin: newer },
    Row { name: "swapped-index-by-hash", guard: "index-digest", attack: swapped_by_hash, twin: by_hash },
    Row { name: "release-of-another-suite", guard: "suite-name", attack: other_suite, twin: named_suite },
    Row { name: "expired-release", guard: "dates", attack: expired, twin: not_expired },
    Row { name: "release-from-the-future", guard: "dates", attack: future, twin: honest },
    Row { name: "rollback-at-one-mirror", guard: "dates", attack: rollback, twin: newer },
    Row { name: "rollback-behind-the-record", guard: "dates", attack: rollback_without_cache, twin: newer_without_cache },
    Row { name: "undated-after-dated", guard: "dates", attack: undated, twin: asctime },
    Row { name: "unreadable-date-after-dated", guard: "dates", attack: unreadable, twin: asctime },
    Row { name: "older-mirror-in-front", guard: "dates", attack: older_in_front, twin: second_mirror },
    Row { name: "frozen-suite", guard: "max-age", attack: frozen, twin: fresh },
    Row { name: "listed-outside", guard: "release-form", attack: listed_outside, twin: honest },
    Row { name: "field-twice", guard: "release-form", attack: field_twice, twin: honest },
];

const ACCEPTED: &[Accepted] = &[
    Accepted { name: "release-without-names", reason: "apt warns and takes it, and so do we" },
    Accepted {
        name: "undated-from-nothing",
        reason: "apt warns; with nothing to compare it with, accepted with a warning that comes first",
    },
    Accepted { name: "frozen-without-max-age", reason: "a stable suite is months old and right; `max-age` is for those that are not" },
];

#[test]
fn repositories() {
    needs!();
    table::run("repository", ROWS, ACCEPTED);
}

fn one(version: &str) -> Package {
    Package::new("one", version).arch("armhf").file("usr/share/one", 0o644, version)
}

fn archive() -> Archive {
    Archive::new(&[one("1.0")])
}

/// Publishes a forged version that no key has signed, as far as a mirror can.
fn forge(archive: &Archive) {
    let gpg = Gpg::new();
    let key = gpg.key("somebody");
    archive.publish_as(&[one("99.0")], &gpg, &key, |suite| suite);
}

fn directory(archive: &Archive) -> PathBuf {
    archive.path("dists/stable")
}

/// Judges a lock that must not happen: it fails, and no lockfile changes.
fn refused(project: &Project, arguments: &[&str]) -> Verdict {
    let before = std::fs::read(project.path("lockfiles/main.lock")).ok();
    let ran = project.run(arguments);
    let after = std::fs::read(project.path("lockfiles/main.lock")).ok();
    let forged = after.as_ref().is_some_and(|text| String::from_utf8_lossy(text).contains("99.0"));
    let error = ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("no error").to_owned();
    Verdict::of(matches!(ran.code, 4 | 5) && after == before && !forged, format!("exit {}, {error}", ran.code))
}

/// Judges a lock that must happen and pin `version`.
fn locks(project: &Project, arguments: &[&str], version: &str) -> Verdict {
    let ran = project.run(arguments);
    let pinned = ran.code == 0 && project.lockfile().contains(&format!("version = \"{version}\""));
    Verdict::of(pinned, format!("exit {} {}", ran.code, ran.stderr))
}

fn twin_of(archive: &Archive) -> Verdict {
    locks(&Project::new(archive, IMAGE), &["lock"], "1.0")
}

fn honest() -> Verdict {
    twin_of(&archive())
}

/// Signs the text of the suite's `Release` again after a change.
fn resign(archive: &Archive, files: ReleaseFiles, options: SignOptions<'_>, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(directory(archive).join("Release")).unwrap();
    sign_release(&directory(archive), &change(text), files, Some((&archive.gpg, &archive.key)), options);
}

fn unasked(path: &str, files: ReleaseFiles) -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("99.0")], |suite| suite.files(ReleaseFiles::None));
    archive.server.fault(path, usize::MAX, Fault::Status(304, None));
    if files == ReleaseFiles::Detached {
        let _unused = std::fs::remove_file(directory(&archive).join("InRelease"));
    }
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn unasked_inline() -> Verdict {
    unasked(IN_RELEASE, ReleaseFiles::Inline)
}

fn unasked_detached() -> Verdict {
    unasked(RELEASE, ReleaseFiles::Detached)
}

fn conditional_of(files: ReleaseFiles) -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.files(files));
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    archive.server.take_log();
    let again = locks(&project, &["lock", "--upgrade"], "1.0");
    let asked = archive.server.take_log().iter().any(|request| request.status == 304);
    if asked { again } else { Verdict::Broke("nothing was asked conditionally".to_owned()) }
}

fn conditional() -> Verdict {
    conditional_of(ReleaseFiles::All)
}

fn conditional_detached() -> Verdict {
    conditional_of(ReleaseFiles::Detached)
}

/// A project with two mirrors of the archive, the second of them `second`.
fn mirrored(archive: &Archive, second: &Archive) -> Project {
    let project = Project::new(archive, IMAGE);
    project.write("manifests/main.toml", &manifest(&[&archive.server, &second.server], &["armhf"], IMAGE));
    project
}

fn unasked_second() -> Verdict {
    let (first, second) = (archive(), archive());
    let project = mirrored(&first, &second);
    project.ok(&["lock"]);
    second.publish_suite(&[one("99.0")], |suite| suite.files(ReleaseFiles::None));
    first.server.fault(IN_RELEASE, usize::MAX, Fault::Status(403, None));
    first.server.fault(RELEASE, usize::MAX, Fault::Status(403, None));
    second.server.fault(IN_RELEASE, usize::MAX, Fault::Status(304, None));
    refused(&project, &["lock", "--upgrade"])
}

fn second_mirror() -> Verdict {
    let (first, second) = (archive(), archive());
    let project = mirrored(&first, &first);
    let urls = [first.server.url(), first.mirror().url(), second.server.url()];
    first.server.fault(IN_RELEASE, usize::MAX, Fault::Status(403, None));
    first.server.fault(RELEASE, usize::MAX, Fault::Status(403, None));
    let mirror = first.mirror();
    project.write("manifests/main.toml", &manifest_at(&[urls[0].clone(), mirror.url()], &["armhf"], IMAGE));
    locks(&project, &["lock"], "1.0")
}

/// A project whose repository keeps past states at the archive's own address.
fn past(archive: &Archive) -> Project {
    let project = Project::new(archive, IMAGE);
    let text = project.read("manifests/main.toml");
    let snapshot = format!("snapshot = \"{}/past/{{timestamp}}/\"\nkey =", archive.server.url());
    project.write("manifests/main.toml", &text.replacen("key =", &snapshot, 1));
    let state = archive.path("past/20260103T000000Z");
    std::fs::create_dir_all(&state).unwrap();
    for part in ["dists", "pool"] {
        std::os::unix::fs::symlink(archive.path(part), state.join(part)).unwrap();
    }
    project
}

fn unasked_snapshot() -> Verdict {
    let archive = archive();
    let project = past(&archive);
    project.ok(&["lock"]);
    archive.publish_suite(&[one("99.0")], |suite| suite.files(ReleaseFiles::None));
    archive.server.fault(&format!("/past/20260103T000000Z{IN_RELEASE}"), usize::MAX, Fault::Status(304, None));
    refused(&project, &["lock", "--upgrade", "--at", "2026-01-03T00:00:00Z"])
}

fn snapshot() -> Verdict {
    let gpg = Gpg::new();
    let key = gpg.key_with("archive", "ed25519", "never", "20250101T000000");
    let mut archive = archive();
    (archive.gpg, archive.key) = (gpg, key);
    archive.publish_suite(&[one("1.0")], |suite| Suite { signed_at: "20260101T000000".to_owned(), ..suite });
    locks(&past(&archive), &["lock", "--upgrade", "--at", "2026-01-03T00:00:00Z"], "1.0")
}

fn unasked_offline() -> Verdict {
    let archive = archive();
    let project = Project::new(&archive, IMAGE);
    archive.publish_suite(&[one("99.0")], |suite| suite.files(ReleaseFiles::None));
    archive.server.fault(IN_RELEASE, usize::MAX, Fault::Status(304, None));
    project.run(&["lock"]);
    let _unused = std::fs::remove_file(project.path("lockfiles/main.lock"));
    refused(&project, &["--offline", "lock"])
}

fn offline() -> Verdict {
    let archive = archive();
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    std::fs::remove_file(project.path("lockfiles/main.lock")).unwrap();
    locks(&project, &["--offline", "lock"], "1.0")
}

/// A project whose repository is flat.
fn flat_project(archive: &Archive) -> Project {
    let project = Project::new(archive, IMAGE);
    let text = project.read("manifests/main.toml");
    project.write("manifests/main.toml", &text.replace("suites = [\"stable\"]\ncomponents = [\"main\"]", "suites = [\"flat/\"]"));
    project
}

fn publish_flat(archive: &Archive, version: &str, files: ReleaseFiles) {
    let package = one(version);
    let stanza = pintree::testkit::repo::add_deb(archive.directory.path(), "one.deb", &package.control_paragraph(), &package.build());
    Suite::new("flat/").packages("", "", &stanza).files(files).write(archive.directory.path(), Some((&archive.gpg, &archive.key)));
}

fn unasked_flat() -> Verdict {
    let archive = archive();
    publish_flat(&archive, "99.0", ReleaseFiles::None);
    archive.server.fault("/flat/InRelease", usize::MAX, Fault::Status(304, None));
    refused(&flat_project(&archive), &["lock"])
}

fn flat() -> Verdict {
    let archive = archive();
    publish_flat(&archive, "1.0", ReleaseFiles::All);
    locks(&flat_project(&archive), &["lock"], "1.0")
}

fn tampered() -> Verdict {
    let archive = archive();
    let path = directory(&archive).join("InRelease");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Label: Test", "Label: Tset")).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn unsigned_inline() -> Verdict {
    let archive = archive();
    std::fs::copy(directory(&archive).join("Release"), directory(&archive).join("InRelease")).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn no_signature() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("99.0")], |suite| suite.files(ReleaseFiles::Unsigned));
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn detached() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.files(ReleaseFiles::Detached));
    twin_of(&archive)
}

fn another_key() -> Verdict {
    let archive = archive();
    forge(&archive);
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn other_signature() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.files(ReleaseFiles::Detached));
    let signature = std::fs::read(directory(&archive).join("Release.gpg")).unwrap();
    archive.publish_suite(&[one("99.0")], |suite| suite.files(ReleaseFiles::Unsigned));
    std::fs::write(directory(&archive).join("Release.gpg"), signature).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

/// Serves an `InRelease` made of the honest one and the text of a forged one.
fn mixture(mix: fn(honest: &[u8], forged: &[u8]) -> Vec<u8>) -> Verdict {
    let archive = archive();
    let honest = std::fs::read(directory(&archive).join("InRelease")).unwrap();
    forge(&archive);
    let forged = std::fs::read(directory(&archive).join("Release")).unwrap();
    std::fs::write(directory(&archive).join("InRelease"), mix(&honest, &forged)).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn text_before() -> Verdict {
    mixture(|honest, forged| [forged, b"\n", honest].concat())
}

fn two_blocks() -> Verdict {
    mixture(|honest, forged| [&b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"[..], forged, b"\n", honest].concat())
}

fn expired_signature() -> Verdict {
    let mut archive = archive();
    let gpg = Gpg::new();
    let key = gpg.key_with("archive", "ed25519", "never", "20250101T000000");
    (archive.gpg, archive.key) = (gpg, key);
    archive.publish(&[one("1.0")]);
    resign(&archive, ReleaseFiles::Inline, SignOptions { at: "20260101T000000", expires: "1d", ..SignOptions::default() }, |text| text);
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn sha1_signature() -> Verdict {
    let archive = archive();
    resign(&archive, ReleaseFiles::Inline, SignOptions { digest: "SHA1", ..SignOptions::default() }, |text| text);
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn index_path(archive: &Archive) -> PathBuf {
    directory(archive).join("main/binary-armhf/Packages.xz")
}

/// The suite's index with another version in it, of the same size.
fn forged_index(archive: &Archive) -> Vec<u8> {
    let honest = std::fs::read(index_path(archive)).unwrap();
    let text = honest_text(archive).replace("Version: 1.0", "Version: 9.0");
    let mut forged = Compression::Xz.compress(text.as_bytes());
    forged.resize(honest.len(), 0);
    forged
}

fn swapped_index() -> Verdict {
    let archive = archive();
    std::fs::write(index_path(&archive), forged_index(&archive)).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn honest_text(archive: &Archive) -> String {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(index_path(archive)).unwrap();
    let mut reader = pintree::index::Compression::Xz.decode(file, pintree::index::Checks::Verify).unwrap();
    reader.read_to_string(&mut text).unwrap();
    text
}

fn mixed() -> Verdict {
    let archive = archive();
    let old = std::fs::read(index_path(&archive)).unwrap();
    archive.publish_suite(&[one("2.0")], |suite| suite.field("Date", LATER));
    std::fs::write(index_path(&archive), old).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn swapped_by_hash() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], Suite::by_hash);
    let (by_hash, forged) = (directory(&archive).join("main/binary-armhf/by-hash/SHA256"), forged_index(&archive));
    for entry in std::fs::read_dir(by_hash).unwrap() {
        std::fs::write(entry.unwrap().path(), &forged).unwrap();
    }
    std::fs::write(index_path(&archive), &forged).unwrap();
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn by_hash() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], Suite::by_hash);
    std::fs::write(index_path(&archive), "the next one").unwrap();
    twin_of(&archive)
}

fn other_suite() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Suite", "testing").field("Codename", "trixie"));
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

/// A project whose repository has one more key.
fn with_key(archive: &Archive, key: &str) -> Project {
    let project = Project::new(archive, IMAGE);
    let text = project.read("manifests/main.toml");
    project.write("manifests/main.toml", &text.replacen("key =", &format!("{key}\nkey ="), 1));
    project
}

fn named_suite() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Suite", "testing").field("Codename", "trixie"));
    locks(&with_key(&archive, "suite-name = \"trixie\""), &["lock"], "1.0")
}

fn expired() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Valid-Until", LATER));
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn not_expired() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Valid-Until", "Sat, 01 Jan 2095 00:00:00 UTC"));
    twin_of(&archive)
}

fn future() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Date", "Sat, 01 Jan 2095 00:00:00 UTC"));
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

/// Locks version 2.0, then changes the suite's date and locks again.
fn dated(date: &str, before: fn(&Project)) -> (Archive, Project) {
    let archive = archive();
    archive.publish(&[one("2.0")]);
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    before(&project);
    let version = if date == LATER || date.contains("Jan  2") { "3.0" } else { "1.0" };
    archive.publish_suite(&[one(version)], |suite| suite.field("Date", date));
    (archive, project)
}

fn forget(project: &Project) {
    std::fs::remove_dir_all(project.home("cache")).unwrap();
}

fn rollback() -> Verdict {
    let (_archive, project) = dated(EARLIER, |_| {});
    refused(&project, &["lock", "--upgrade"])
}

fn newer() -> Verdict {
    let (_archive, project) = dated(LATER, |_| {});
    locks(&project, &["lock", "--upgrade"], "3.0")
}

fn rollback_without_cache() -> Verdict {
    let (_archive, project) = dated(EARLIER, forget);
    refused(&project, &["lock", "--upgrade"])
}

fn newer_without_cache() -> Verdict {
    let (_archive, project) = dated(LATER, forget);
    locks(&project, &["lock", "--upgrade"], "3.0")
}

fn undated() -> Verdict {
    let (_archive, project) = dated("", |_| {});
    refused(&project, &["lock", "--upgrade"])
}

fn unreadable() -> Verdict {
    let (_archive, project) = dated("Fri, 02 Jan 2026 00:00:00 +0200", |_| {});
    refused(&project, &["lock", "--upgrade"])
}

fn asctime() -> Verdict {
    let (_archive, project) = dated("Fri Jan  2 00:00:00 2026", |_| {});
    locks(&project, &["lock", "--upgrade"], "3.0")
}

/// The first mirror shows an old state that was honestly signed; the second one has today's.
fn older_in_front() -> Verdict {
    let old = archive();
    old.publish_suite(&[one("1.0")], |suite| suite.field("Date", EARLIER));
    let new = Archive { directory: tempfile::tempdir().unwrap(), ..archive() };
    let server = pintree::testkit::server::Server::start(new.directory.path());
    new.publish_as(&[one("2.0")], &old.gpg, &old.key, |suite| suite);
    let project = Project::new(&old, IMAGE);
    project.write("manifests/main.toml", &manifest(&[&server], &["armhf"], IMAGE));
    project.ok(&["lock"]);
    project.write("manifests/main.toml", &manifest(&[&old.server, &server], &["armhf"], IMAGE));
    let ran = project.run(&["lock", "--upgrade"]);
    let warned = ran.stderr.lines().find(|line| line.starts_with("warning")).is_some_and(|line| line.contains("older than"));
    let kept = project.lockfile().contains("version = \"2.0\"");
    Verdict::of(ran.code == 0 && kept && warned, format!("exit {} {}", ran.code, ran.stderr))
}

fn frozen() -> Verdict {
    let archive = archive();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Date", "Wed, 01 Jan 2020 00:00:00 UTC"));
    let project = with_key(&archive, "max-age = \"30d\"");
    let warned = project.run(&["lock"]);
    let first = warned.stderr.lines().find(|line| line.starts_with("warning")).is_some_and(|line| line.contains("days old"));
    std::fs::remove_file(project.path("lockfiles/main.lock")).unwrap();
    let project = with_key(&archive, "max-age = \"30d\"\nmax-age-is = \"error\"");
    if warned.code == 0 && first { refused(&project, &["lock"]) } else { Verdict::Broke(warned.stderr) }
}

fn fresh() -> Verdict {
    let archive = archive();
    let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
    archive.publish_suite(&[one("1.0")], |suite| suite.field("Date", &now));
    locks(&with_key(&archive, "max-age = \"30d\"\nmax-age-is = \"error\""), &["lock"], "1.0")
}

fn listed_outside() -> Verdict {
    let archive = archive();
    resign(&archive, ReleaseFiles::Inline, SignOptions::default(), |text| {
        format!("{} {} 1 ../../main/binary-armhf/Packages\n", text, "0".repeat(64))
    });
    refused(&Project::new(&archive, IMAGE), &["lock"])
}

fn field_twice() -> Verdict {
    let archive = archive();
    resign(&archive, ReleaseFiles::Inline, SignOptions::default(), |text| format!("Suite: other\n{text}Suite: stable\n"));
    refused(&Project::new(&archive, IMAGE), &["lock"])
}
