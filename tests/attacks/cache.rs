//! What somebody else may have put into a cache: another user's, a pull request's, or one that came back damaged. What is
//! not proven is read again; nothing of it decides a lockfile.

use crate::fixture::{Archive, Project, needs};
use crate::table::{self, Accepted, Row, Verdict};
use pintree::pkg::Sha256;
use pintree::testkit::deb::{Compression, Package};
use pintree::testkit::keys::SignOptions;
use pintree::testkit::repo::{ReleaseFiles, Suite, sign_release};
use pintree::testkit::server::Fault;
use std::path::PathBuf;

const IMAGE: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n";
const BY_PATH: &str = "[image.root]\nvariant = \"custom\"\npackages = [\"/usr/share/tool\"]\n";

const ROWS: &[Row] = &[
    Row { name: "parsed-copied-over", guard: "derived", attack: parsed_copied, twin: unchanged },
    Row { name: "parsed-moved-over", guard: "derived", attack: parsed_moved, twin: unchanged },
    Row { name: "parsed-moved-with-receipt", guard: "derived", attack: parsed_with_receipt, twin: unchanged },
    Row { name: "parsed-as-link", guard: "derived", attack: parsed_link, twin: unchanged },
    Row { name: "answers-swapped", guard: "derived", attack: answers_swapped, twin: asked_by_path },
    Row { name: "answers-of-a-form-not-read", guard: "answer-name", attack: answered_by_another, twin: asked_by_path },
    Row { name: "unpacked-index-swapped", guard: "index-read", attack: unpacked_swapped, twin: unpacked_lost },
    Row { name: "contents-swapped", guard: "index-read", attack: contents_swapped, twin: asked_by_path },
    Row { name: "memory-of-an-unsigned-release", guard: "memory", attack: memory_unsigned, twin: unchanged },
    Row { name: "memory-of-a-tampered-release", guard: "memory", attack: memory_tampered, twin: unchanged },
    Row { name: "memory-of-nothing-with-a-tag", guard: "memory", attack: memory_of_nothing, twin: unchanged },
    Row { name: "memory-of-a-project-without-trust", guard: "memory", attack: memory_without_trust, twin: unchanged },
    Row { name: "loose-index-in-memory", guard: "memory", attack: loose_in_memory, twin: unchanged },
    Row { name: "draft-as-link", guard: "draft", attack: draft_link, twin: unchanged },
];

const ACCEPTED: &[Accepted] = &[
    Accepted { name: "memory-of-a-later-date", reason: "locks nothing in: `lock` refuses with the file to delete, exit 5" },
    Accepted { name: "memory-lost", reason: "dates are then compared with the index record, and no pin moves down" },
];

#[test]
fn caches() {
    needs!();
    table::run("cache", ROWS, ACCEPTED);
}

fn package(name: &str, version: &str) -> Package {
    Package::new(name, version).arch("armhf").file("usr/share/tool", 0o644, version)
}

struct Site {
    archive: Archive,
    project: Project,
}

/// An archive with version 1.0, locked once, so that the cache is warm.
fn site(change: fn(Suite) -> Suite, image: &str) -> Site {
    let archive = Archive::new(&[]);
    archive.publish_suite(&[package("one", "1.0")], |suite| change(suite.listed("main/Contents-armhf", "usr/share/tool  misc/one\n")));
    let project = Project::new(&archive, image);
    project.ok(&["lock"]);
    Site { archive, project }
}

/// What an attacker's own archive leaves in a cache: version 9.0 under the same name, which nothing vouches for.
fn forged() -> Site {
    let archive = Archive::new(&[]);
    archive.publish_suite(&[package("one", "9.0")], |suite| suite.listed("main/Contents-armhf", "usr/share/tool  misc/two\n"));
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    Site { archive, project }
}

impl Site {
    /// The files of one part of the cache, without those that start with a dot or are receipts.
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.project.home("cache/pintree").join(part)).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_none_or(|end| end != "receipt")).collect();
        files.sort();
        files
    }

    /// The one file of a part of the cache; the old state may not have it.
    fn file(&self, part: &str) -> PathBuf {
        self.files(part).first().cloned().unwrap_or_else(|| self.project.home("cache/pintree").join(part).join("none"))
    }

    /// Changes the memory of the suite.
    fn remember(&self, change: impl Fn(&mut serde_json::Value)) {
        for path in self.files("release") {
            let mut memory = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            change(&mut memory);
            std::fs::write(path, memory.to_string()).unwrap();
        }
    }

    /// Locks anew from this cache; nothing but the honest version may come of it.
    fn judge(&self, arguments: &[&str]) -> Verdict {
        let _unused = std::fs::remove_file(self.project.path("lockfiles/main.lock"));
        let ran = self.project.run(arguments);
        let text = std::fs::read_to_string(self.project.path("lockfiles/main.lock")).unwrap_or_default();
        let honest = (ran.code == 0 && text.contains("version = \"1.0\"") && text.contains("name = \"one\""))
            || (matches!(ran.code, 4 | 5) && text.is_empty());
        Verdict::of(
            honest,
            format!("exit {} {}{}", ran.code, text.lines().filter(|line| line.starts_with("version = \"")).collect::<String>(), ran.stderr),
        )
    }

    /// Locks anew, which must work.
    fn works(&self, arguments: &[&str]) -> Verdict {
        let judged = self.judge(arguments);
        if self.project.path("lockfiles/main.lock").exists() { judged } else { Verdict::Broke(format!("no lockfile: {judged:?}")) }
    }
}

fn plain(suite: Suite) -> Suite {
    suite
}

fn unchanged() -> Verdict {
    site(plain, IMAGE).works(&["--offline", "lock"])
}

/// Puts the parsed form of another index in the place of the real one.
fn parsed(swap: fn(theirs: &PathBuf, ours: &PathBuf)) -> Verdict {
    let (ours, theirs) = (site(plain, IMAGE), forged());
    swap(&theirs.file("parsed"), &ours.file("parsed"));
    ours.judge(&["--offline", "lock"])
}

fn parsed_copied() -> Verdict {
    parsed(|theirs, ours| drop(std::fs::write(ours, std::fs::read(theirs).unwrap())))
}

fn parsed_moved() -> Verdict {
    parsed(|theirs, ours| std::fs::rename(theirs, ours).unwrap())
}

fn parsed_with_receipt() -> Verdict {
    parsed(|theirs, ours| {
        std::fs::rename(theirs, ours).unwrap();
        // An older state has no receipts.
        let _unused = std::fs::rename(theirs.with_extension("receipt"), ours.with_extension("receipt"));
    })
}

fn parsed_link() -> Verdict {
    let (ours, theirs) = (site(plain, IMAGE), forged());
    std::fs::remove_file(ours.file("parsed")).unwrap();
    let index = ours.files("index").first().cloned().unwrap();
    let name = index.file_name().unwrap().to_str().unwrap()[..64].to_owned();
    std::os::unix::fs::symlink(theirs.file("parsed"), ours.project.home("cache/pintree/parsed").join(name)).unwrap();
    ours.judge(&["--offline", "lock"])
}

fn answers_swapped() -> Verdict {
    let site = site(plain, BY_PATH);
    for path in site.files("owners") {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("one", "two")).unwrap();
    }
    site.works(&["--offline", "lock"])
}

/// Another repository, with a key of its own, lists the digest of our file list beside a list that it has itself.
fn answered_by_another() -> Verdict {
    let ours = site(plain, BY_PATH);
    let _unused = std::fs::remove_dir_all(ours.project.home("cache/pintree/owners"));
    let digest = Sha256::of(&std::fs::read(ours.archive.path("dists/stable/main/Contents-armhf.xz")).unwrap());
    let theirs = Archive::new(&[]);
    let list = |suite: Suite| suite.listed("main/Contents-armhf", "usr/share/tool  misc/two\n").compressions(&[Compression::Gz]);
    theirs.publish_suite(&[package("two", "9.0")], list);
    let directory = theirs.path("dists/stable");
    let release = std::fs::read_to_string(directory.join("Release")).unwrap();
    let release = format!("{release} {digest} 7 main/Contents-armhf.xz\n");
    sign_release(&directory, &release, ReleaseFiles::All, Some((&theirs.gpg, &theirs.key)), SignOptions::default());
    let project = Project::new(&theirs, BY_PATH);
    let mut lock = project.pintree(&["lock"]);
    project.finish(lock.env("XDG_CACHE_HOME", ours.project.home("cache"))).exits(0);
    ours.judge(&["--offline", "lock"])
}

fn asked_by_path() -> Verdict {
    let site = site(plain, BY_PATH);
    let _unused = std::fs::remove_dir_all(site.project.home("cache/pintree/owners"));
    site.works(&["--offline", "lock"])
}

fn forget_parsed(site: &Site) {
    let _unused = std::fs::remove_dir_all(site.project.home("cache/pintree/parsed"));
}

fn unpacked_swapped() -> Verdict {
    let (ours, theirs) = (site(plain, IMAGE), forged());
    forget_parsed(&ours);
    let index = ours.files("index").into_iter().find(|path| path.extension().is_none()).unwrap();
    let forged = theirs.files("index").into_iter().find(|path| path.extension().is_none()).unwrap();
    std::fs::copy(forged, index).unwrap();
    ours.judge(&["--offline", "lock"])
}

fn unpacked_lost() -> Verdict {
    let site = site(plain, IMAGE);
    forget_parsed(&site);
    std::fs::remove_dir_all(site.project.home("cache/pintree/index")).unwrap();
    site.works(&["lock"])
}

fn contents_swapped() -> Verdict {
    let (ours, theirs) = (site(plain, BY_PATH), forged());
    theirs.project.write("manifests/main.toml", &theirs.project.read("manifests/main.toml").replace("\"one\"", "\"/usr/share/tool\""));
    theirs.project.run(&["lock"]);
    let _unused = std::fs::remove_dir_all(ours.project.home("cache/pintree/owners"));
    let packed = |site: &Site| site.files("index").into_iter().find(|path| path.extension().is_some_and(|end| end == "xz"));
    if let (Some(ours), Some(theirs)) = (packed(&ours), packed(&theirs)) {
        let length = usize::try_from(std::fs::metadata(&ours).unwrap().len()).unwrap();
        let mut bytes = std::fs::read(theirs).unwrap();
        bytes.resize(length, 0);
        std::fs::write(ours, bytes).unwrap();
    }
    ours.judge(&["--offline", "lock"])
}

fn forged_text(theirs: &Site) -> String {
    std::fs::read_to_string(theirs.archive.path("dists/stable/Release")).unwrap()
}

/// Gives our cache the forged index too, as a file that is what its name says.
fn plant_index(ours: &Site, theirs: &Site) {
    for path in theirs.files("index") {
        std::fs::copy(&path, ours.project.home("cache/pintree/index").join(path.file_name().unwrap())).unwrap();
    }
}

fn memory_unsigned() -> Verdict {
    let (ours, theirs) = (site(plain, IMAGE), forged());
    plant_index(&ours, &theirs);
    ours.remember(|memory| memory["raw"] = serde_json::json!({ "unsigned": forged_text(&theirs) }));
    ours.judge(&["--offline", "lock"])
}

fn memory_tampered() -> Verdict {
    let (ours, theirs) = (site(plain, IMAGE), forged());
    plant_index(&ours, &theirs);
    let signed = std::fs::read_to_string(theirs.archive.path("dists/stable/InRelease")).unwrap();
    ours.remember(|memory| memory["raw"] = serde_json::json!({ "inline": signed }));
    ours.judge(&["--offline", "lock"])
}

fn memory_of_nothing() -> Verdict {
    let ours = site(plain, IMAGE);
    ours.remember(|memory| memory["raw"] = serde_json::Value::Null);
    ours.archive.publish_suite(&[package("one", "9.0")], |suite| suite.files(ReleaseFiles::None));
    ours.archive.server.fault("/dists/stable/InRelease", usize::MAX, Fault::Status(304, None));
    ours.judge(&["lock"])
}

/// The same address was read by a project that asks for no proof; its memory gets the name of ours.
fn memory_without_trust() -> Verdict {
    let ours = site(plain, IMAGE);
    let text = ours.project.read("manifests/main.toml");
    ours.archive.publish_suite(&[package("one", "9.0")], |suite| suite.files(ReleaseFiles::Unsigned));
    ours.project.write("manifests/main.toml", &text.replace("key = \"keys/archive.asc\"", "trust = \"none\""));
    let before = ours.files("release");
    ours.project.run(&["lock", "--upgrade"]);
    let theirs = ours.files("release").into_iter().find(|path| !before.contains(path)).unwrap();
    std::fs::copy(theirs, &before[0]).unwrap();
    ours.project.write("manifests/main.toml", &text);
    ours.judge(&["--offline", "lock"])
}

fn loose_in_memory() -> Verdict {
    let (ours, theirs) = (site(plain, IMAGE), forged());
    plant_index(&ours, &theirs);
    let index = theirs.files("index").into_iter().find(|path| path.extension().is_none()).unwrap();
    let (sha256, size) = (index.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::metadata(&index).unwrap().len());
    ours.remember(|memory| {
        memory["raw"] = serde_json::Value::Null;
        memory["loose"] = serde_json::json!({ "main/binary-armhf/Packages": { "sha256": sha256, "size": size, "suffix": "", "etag": null, "last_modified": null } });
    });
    ours.judge(&["--offline", "lock"])
}

/// Whatever process number the next run has, a file for it to write through is there.
fn draft_link() -> Verdict {
    let site = site(plain, IMAGE);
    std::fs::remove_dir_all(site.project.home("cache/pintree")).unwrap();
    let index = site.project.home("cache/pintree/index");
    std::fs::create_dir_all(&index).unwrap();
    let victim = site.project.path("victim");
    std::fs::write(&victim, "mine").unwrap();
    let next = std::process::id();
    for number in next.saturating_sub(5)..next + 12_000 {
        for draft in 0..2 {
            std::os::unix::fs::symlink(&victim, index.join(format!(".draft-{number}-{draft}"))).unwrap();
        }
    }
    let locked = site.works(&["lock"]);
    if std::fs::read(&victim).unwrap() == b"mine" { locked } else { Verdict::Broke("the file behind a link was written".to_owned()) }
}
