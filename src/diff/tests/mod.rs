//! What is found between two lockfiles, and how it is told.

mod forms;

use super::human::Look;
use super::*;
use crate::lock::{Id, ImagePart, Lockfile, Parts, RepoPart};
use crate::pkg::{Architecture, Glob, Hold, ImageSteering, Pin, RepoSteering, Sha256, Trust};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn arch(name: &str) -> Architecture {
    Architecture::parse(name).unwrap()
}

/// Reads `SOURCE[/BINARY[:ARCH]] VERSION[ in REPO][ from SOURCE-VERSION][ #FILE]`.
fn pin(words: &str, architecture: &str) -> Pin {
    let mut words = words.split(' ');
    let (name, version) = (words.next().unwrap(), words.next().unwrap());
    let (source, binary) = name.split_once('/').unwrap_or((name, name));
    let (binary, architecture) = binary.split_once(':').unwrap_or((binary, architecture));
    let (mut repo, mut source_version, mut file) = ("debian", version, "");
    while let Some(word) = words.next() {
        match word {
            "in" => repo = words.next().unwrap(),
            "from" => source_version = words.next().unwrap(),
            other => file = other,
        }
    }
    Pin {
        path: format!("pool/{binary}_{version}_{architecture}.deb"),
        sha256: Sha256::of(format!("{binary} {version} {architecture}{file}").as_bytes()),
        size: 1000 * binary.len() as u64,
        name: binary.to_owned(),
        architecture: arch(architecture),
        version: version.to_owned(),
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        repo: repo.to_owned(),
    }
}

fn repo(archive: Option<&str>, suites: &[&str]) -> RepoPart {
    let steering = RepoSteering {
        archive: archive.map(str::to_owned),
        suites: suites.iter().map(ToString::to_string).collect(),
        components: vec!["main".to_owned()],
        only: vec![],
        exclude: vec![],
        priority: RepoSteering::DEFAULT_PRIORITY,
        trust: Trust::Index,
    };
    RepoPart { steering, signed_by: vec!["A1".to_owned()] }
}

/// The parts of a lockfile: for each image and architecture its packages, in the words of [`pin`].
fn parts(images: &[(&str, &str, &[&str])]) -> Parts {
    let mut parts = Parts::default();
    let repos = &mut parts.steering.repos;
    repos.insert("debian".into(), repo(Some("debian"), &["bookworm"]));
    repos.insert("security".into(), repo(Some("debian-security"), &["bookworm-security"]));
    repos.insert("other-security".into(), repo(None, &["stable-security"]));
    for (image, architecture, packages) in images {
        let steering = ImageSteering { variant: crate::pkg::Variant::Custom, ..ImageSteering::default() };
        let part = ImagePart { arches: vec![], extends: None, steering, roots: vec![("app".to_owned(), None)] };
        parts.steering.images.entry((*image).to_owned()).or_insert(part).arches.push(arch(architecture));
        let pins = packages.iter().map(|words| pin(words, architecture)).collect();
        parts.pins.insert(((*image).to_owned(), arch(architecture)), pins);
    }
    parts
}

fn lock(images: &[(&str, &str, &[&str])]) -> Lockfile {
    Lockfile::build(parts(images), None).unwrap()
}

/// Two lockfiles with one of everything.
fn everything() -> (Lockfile, Lockfile) {
    let old = parts(&[
        (
            "base",
            "amd64",
            &[
                "openssl/libssl3 3.0.9-1",
                "linux-signed-amd64/linux-image-6.1.0-39-amd64 6.1.1-1",
                "systemd 252-1",
                "systemd/udev 252-1",
                "zlib/zlib1g 1.3-1",
                "tzdata 2024a-0",
                "nginx 1.22.1-9",
                "old 1",
                "gcc/libgcc-s1 12-1",
                "same/same-all:all 1",
                "moved 5",
                "curl 7.0-1",
            ],
        ),
        ("base", "armhf", &["openssl/libssl3 3.0.9-1", "systemd 252-1", "zlib/zlib1g 1.3-1", "tzdata 2024a-0", "nginx 1.22.1-9", "old 1"]),
        ("gone", "amd64", &["same/same-all:all 1"]),
    ]);
    let mut new = parts(&[
        (
            "base",
            "amd64",
            &[
                "openssl/libssl3 3.0.9-2 in security",
                "linux-signed-amd64/linux-image-6.1.0-40-amd64 6.1.2-1",
                "systemd 252-2",
                "systemd/udev 252-2",
                "zlib/zlib1g 1.2-1",
                "tzdata 2024b-0",
                "nginx 1.22.1-9",
                "nginx/nginx-doc:all 1.24-1",
                "new/new1 1",
                "new/libnew1:i386 1",
                "gcc/libgcc-s1 12-1+b1 from 12-1",
                "same/same-all:all 1",
                "moved 5 in security",
                "curl 7.0-2 in other-security",
            ],
        ),
        (
            "base",
            "armhf",
            &["openssl/libssl3 3.0.9-2 in security", "systemd 252-2", "zlib/zlib1g 1.2-1", "tzdata 2024a-0", "nginx 1.22.1-9"],
        ),
        ("kiosk", "amd64", &["same/same-all:all 1", "new/new1 1"]),
    ]);
    new.steering.holds = vec![Hold {
        package: Glob::parse("nginx").unwrap(),
        version: Glob::parse("1.22.*").unwrap(),
        reason: Some("https://bugs.example.com/412".into()),
        until: Some("2027-02-01".into()),
    }];
    new.steering.repos.get_mut("debian").unwrap().signed_by.push("B2".to_owned());
    let mut vendor = repo(None, &["./"]);
    vendor.steering.trust = Trust::None;
    new.steering.repos.insert("vendor".into(), vendor);
    new.steering.images.get_mut("base").unwrap().roots.push(("new1".to_owned(), None));
    new.ids.insert("messagebus".into(), Id { uid: Some(101), gid: Some(102) });
    (Lockfile::build(old, None).unwrap(), Lockfile::build(new, None).unwrap())
}

/// Facts about the two, as if everything were in the store apart from tzdata.
fn facts(old: &Lockfile, new: &Lockfile) -> Facts {
    let mut facts = Facts::default();
    let text = "openssl (3.0.9-2) bookworm-security; urgency=medium\n\n  * CVE-2026-1234: a | pipe, @someone, #12 (Closes: #7)\n  * ``` <b>x</b>\n\n\
                \x20-- A <a@example.org>  Mon, 05 Jan 2026 10:00:00 +0000\n\nopenssl (3.0.9-1) bookworm; urgency=low\n";
    facts.changelogs.insert("openssl".into(), changelog::between(text, "3.0.9-1", "3.0.9-2"));
    facts.changelogs.insert("systemd".into(), (Changelog::NotRead { reason: "no package of it is in the store".into() }, vec![]));
    for pin in old.cells().iter().chain(new.cells()).filter(|pin| pin.name != "tzdata") {
        let mut contents = Contents { installed: pin.size * 3, ..Contents::default() };
        contents.scripts.insert("postinst".into(), "1".into());
        if pin.name == "udev" && pin.version == "252-2" {
            contents.scripts.insert("postinst".into(), "2".into());
            contents.scripts.insert("prerm".into(), "2".into());
            contents.services.insert((ServiceKind::Socket, "/usr/lib/systemd/system/udev.socket".into()));
        }
        if pin.name == "new1" {
            contents.privileged.insert("/usr/bin/new".into(), 0o6755);
            contents.services.insert((ServiceKind::Cron, "/etc/cron.d/new".into()));
        }
        facts.contents.insert(pin.sha256, contents);
    }
    let reason =
        |chain: &[&str]| Reason::Known { asked: "requested as `app`".into(), chain: chain.iter().map(ToString::to_string).collect() };
    facts.arrivals.insert(("base".into(), arch("amd64"), "new1".into()), reason(&["app", "new1"]));
    facts.departures.insert(("base".into(), arch("amd64"), "old".into()), reason(&["app", "old"]));
    facts.departures.insert(("base".into(), arch("armhf"), "old".into()), reason(&["app", "old"]));
    facts
}

fn report() -> Report {
    let (old, new) = everything();
    let comparison = compare("main", Some(&old), Some(&new), &facts(&old, &new));
    Report { old: "HEAD~1".into(), new: "HEAD".into(), comparisons: vec![comparison], trees: vec![] }
}

fn human(report: &Report, width: usize) -> String {
    let paint = |look: Look, text: &str| match look {
        Look::Bad => format!("!{text}!"),
        _ => text.to_owned(),
    };
    human::render(report, &human::Options { width, changelog: 10, paint: &paint })
}

#[test]
fn one_thing_at_a_time() {
    let of = |old: &[&str], new: &[&str]| {
        let (old, new) = (lock(&[("base", "amd64", old)]), lock(&[("base", "amd64", new)]));
        let comparison = compare("main", Some(&old), Some(&new), &Facts::default());
        let lowered = |source: &SourceChange| source.lowered.iter().map(|line| format!(" ({line})")).collect::<String>();
        let sources = comparison.sources.iter().map(|source| format!("{:?} {:?} {source}{}", source.group, source.kind, lowered(source)));
        sources.collect::<Vec<_>>().join("; ")
    };
    let table: [(&[&str], &[&str], &str); 17] = [
        (&["a 1"], &["a 1"], ""),
        (&["a 1"], &["a 2"], "Other Updated a 1 ► 2"),
        (&["a 2"], &["a 1"], "Downgraded Downgraded a 2 ► 1"),
        (&["a 1"], &["a 1:1"], "Other Updated a 1 ► 1:1"),
        (&["a 1-1"], &["a 1-1+b1 from 1-1"], "Other Rebuilt a 1-1 rebuilt on amd64"),
        (&["a 1-1+b1 from 1-1"], &["a 1-1"], "Downgraded Downgraded a 1-1 rebuilt on amd64 (a 1-1+b1 ► 1-1)"),
        (&["a 1"], &["a 1 #other"], "Other Rebuilt a 1 rebuilt on amd64"),
        (&["a 1"], &["a 1 in security"], "Other Moved a from security instead of debian"),
        (&["a 1"], &["a 2 in security"], "Security Updated a 1 ► 2"),
        (&["a 2"], &["a 1 in security"], "Downgraded Downgraded a 2 ► 1"),
        (&[], &["a 1 in security"], "Added Added a added at 1"),
        (&["a 1"], &[], "Removed Removed a removed, was at 1"),
        (&["s/a 1"], &["s/a 1", "s/b 1"], ""),
        (&["s/a 1"], &["t/a 2 in security"], "Removed Removed s removed, was at 1; Security Added t added at 2"),
        // Whoever takes a package over and has an older one brings it back, be it from the security repository.
        (&["s/a 2"], &["t/a 1"], "Removed Removed s removed, was at 2; Downgraded Added t added at 1 (a 2 ► 1)"),
        (&["s/a 2"], &["t/a 1 in security"], "Removed Removed s removed, was at 2; Downgraded Added t added at 1 (a 2 ► 1)"),
        (&["s/a 2", "t/b 1"], &["t/a 1.5", "t/b 1.5"], "Removed Removed s removed, was at 2; Downgraded Downgraded t 1 ► 1.5 (a 2 ► 1.5)"),
    ];
    for (old, new, expected) in table {
        let found = of(old, new);
        // The order of groups is tested elsewhere.
        let sorted = |text: &str| text.split("; ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(sorted(&found), sorted(expected), "{old:?} ► {new:?}");
    }
}

#[test]
fn a_machine_package_that_becomes_independent_is_the_same_package() {
    let (old, new) = (lock(&[("base", "amd64", &["a 1"])]), lock(&[("base", "amd64", &["a/a:all 2"])]));
    let comparison = compare("main", Some(&old), Some(&new), &Facts::default());
    assert_eq!(comparison.images[0].added, []);
    assert_eq!((comparison.images[0].rows[0].updated, comparison.images[0].rows[0].removed), (1, 0));
}

#[test]
fn names_of_flaws_make_a_security_update_and_urgency_does_not() {
    let (old, new) = (lock(&[("base", "amd64", &["a 1", "b 1"])]), lock(&[("base", "amd64", &["a 2", "b 2"])]));
    let mut facts = Facts::default();
    for (name, text) in [("a", "CVE-2026-1234"), ("b", "nothing")] {
        let text = format!("{name} (2) stable; urgency=emergency\n\n  * {text}\n");
        facts.changelogs.insert(name.into(), changelog::between(&text, "1", "2"));
    }
    let comparison = compare("main", Some(&old), Some(&new), &facts);
    let groups: Vec<Group> = comparison.sources.iter().map(|source| source.group).collect();
    assert_eq!(groups, [Group::Security, Group::Other]);
    assert_eq!(comparison.counts.security, 1);
}

#[test]
fn nothing_changed_is_nothing_to_tell() {
    let (old, _) = everything();
    let comparison = compare("main", Some(&old), Some(&old), &Facts::default());
    assert!(comparison.is_empty());
    let report = Report { comparisons: vec![comparison], ..Report::default() };
    assert!(report.is_empty() && !report.has_security());
    assert_eq!((human(&report, 80), markdown::render(&report, &markdown::Options::default())), (String::new(), String::new()));
}

#[test]
fn lockfiles_that_come_and_go() {
    let (old, _) = everything();
    let came = compare("main", None, Some(&old), &Facts::default());
    let went = compare("main", Some(&old), None, &Facts::default());
    assert_eq!((came.status, came.counts.added, went.status, went.counts.removed), (Status::Added, 11, Status::Removed, 11));
    insta::assert_snapshot!(came.headline(), @"new lockfile with 11 source packages");
    insta::assert_snapshot!(went.headline(), @"the lockfile is gone");
}

#[test]
fn what_was_not_read_is_told_and_not_guessed() {
    let (old, new) = (lock(&[("base", "amd64", &["a 1"])]), lock(&[("base", "amd64", &["a 2"])]));
    let mut facts = Facts::default();
    // Only the new one is in the store: what it has may be new, or not.
    let mut contents = Contents::default();
    contents.privileged.insert("/usr/bin/a".into(), 0o4755);
    facts.contents.insert(new.cells()[0].sha256, contents);
    let comparison = compare("main", Some(&old), Some(&new), &facts);
    assert_eq!(comparison.sources[0].alerts, []);
    assert_eq!(comparison.not_read, ["a 1 amd64"]);
    assert_eq!(comparison.images[0].rows[0].installed_change, None);
    assert_eq!(comparison.images[0].rows[0].download_change, Some(0));
}

#[test]
fn the_schema_names_every_field() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let json = json(&report());
    let top: Vec<&String> = json.as_object().unwrap().keys().collect();
    let named: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(top, named);
    let _unused: BTreeMap<String, serde_json::Value> = serde_json::from_value(json).unwrap();
}

/// A lockfile of up to eight sources at two versions each, in two images for two architectures.
fn any_lock() -> impl Strategy<Value = Lockfile> {
    let package = (0..8_usize, 1..4_u32, 0..3_usize)
        .prop_map(|(name, version, repo)| format!("s{name}/b{name} {version}-1{}", ["", " in security", " in other-security"][repo]));
    let set = proptest::collection::vec(package, 0..8).prop_map(|mut set| {
        set.sort();
        set.dedup_by_key(|words| words.split(' ').next().unwrap().to_owned());
        set
    });
    proptest::collection::vec(set, 4).prop_map(|sets| {
        let places = [("base", "amd64"), ("base", "armhf"), ("kiosk", "amd64"), ("kiosk", "armhf")];
        let words: Vec<Vec<&str>> = sets.iter().map(|set| set.iter().map(String::as_str).collect()).collect();
        let images: Vec<_> = places.iter().zip(&words).map(|((image, arch), set)| (*image, *arch, set.as_slice())).collect();
        lock(&images)
    })
}

proptest! {
    #[test]
    fn counts_and_lists_agree(old in any_lock(), new in any_lock()) {
        let there = compare("main", Some(&old), Some(&new), &Facts::default());
        let back = compare("main", Some(&new), Some(&old), &Facts::default());
        prop_assert_eq!(there.is_empty(), old == new);
        let counts = &there.counts;
        let kinds = counts.updated + counts.downgraded + counts.rebuilt + counts.moved + counts.added + counts.removed;
        prop_assert_eq!((counts.sources, counts.sources), (kinds, there.sources.len()));
        prop_assert!(there.sources.iter().all(|source| (source.group == Group::Security) == source.security.is_some()));
        // The way back takes away what came and brings what went.
        let lists = |comparison: &Comparison, added: bool| -> Vec<(String, String, Vec<String>)> {
            let of = |image: &ImageChange| if added { image.added.clone() } else { image.removed.clone() };
            let name = |image: &ImageChange| image.image.clone();
            let images = comparison.images.iter();
            images.flat_map(|image| of(image).into_iter().map(move |one| (name(image), one.package, one.arches))).collect()
        };
        prop_assert_eq!(lists(&there, true), lists(&back, false));
        prop_assert_eq!((there.counts.added, there.counts.removed), (back.counts.removed, back.counts.added));
        for image in &there.images {
            for row in &image.rows {
                let size = |lock: &Lockfile| lock.pins(&image.image, &arch(&row.arch)).unwrap().iter().map(|pin| pin.size).sum::<u64>();
                prop_assert_eq!(row.download, Some(size(&new)));
                prop_assert_eq!(row.download_change, Some(i64::try_from(size(&new)).unwrap() - i64::try_from(size(&old)).unwrap()));
            }
        }
    }
}
