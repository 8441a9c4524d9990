//! Whole repositories, from their signature to index files in the cache.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jiff::Timestamp;
use pintree::pkg::{Architecture, RepoSteering, Sha256, Trust};
use pintree::repo::{Cache, Client, ClientOptions, Error, ErrorKind, KeyRing, KeySource, Loaded, Source, Url, Warning, update};
use pintree::testkit::deb::Compression;
use pintree::testkit::keys::Gpg;
use pintree::testkit::repo::{ReleaseFiles, Suite};
use pintree::testkit::server::{Fault, Server};

static GPG: LazyLock<Gpg> = LazyLock::new(Gpg::new);
static KEY: LazyLock<String> = LazyLock::new(|| GPG.key("archive"));
static OTHER: LazyLock<String> = LazyLock::new(|| GPG.key("other"));

const STANZA: &str = "Package: a\nVersion: 1\nArchitecture: armhf\n";

/// A directory with `www` (served) and `cache`.
struct Site {
    dir: tempfile::TempDir,
    server: Server,
    keys: KeyRing,
    now: Timestamp,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("www")).unwrap();
        let key = dir.path().join("key.asc");
        GPG.export_to(&[&KEY], &key);
        let keys = KeyRing::load(&[KeySource::File(key)]).unwrap();
        let server = Server::start(&dir.path().join("www"));
        Self { server, keys, now: Timestamp::now(), dir }
    }

    fn www(&self) -> PathBuf {
        self.dir.path().join("www")
    }

    fn write(&self, suite: &Suite) {
        suite.write(&self.www(), Some((&GPG, &KEY)));
    }

    fn source(&self, suites: &[&str], components: &[&str]) -> Source {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Source {
            name: "vendor".to_owned(),
            steering: RepoSteering {
                archive: None,
                suites: words(suites),
                components: words(components),
                only: Vec::new(),
                exclude: Vec::new(),
                priority: RepoSteering::DEFAULT_PRIORITY,
                trust: Trust::Index,
            },
            bases: vec![Url::parse(&self.server.url()).unwrap()],
            at: None,
            keys: self.keys.clone(),
        }
    }

    fn update_as(&self, source: &Source, architectures: &[&str], options: ClientOptions) -> Result<Loaded, Error> {
        let architectures: Vec<Architecture> = architectures.iter().map(|name| Architecture::parse(name).unwrap()).collect();
        let cache = Cache::new(self.dir.path().join("cache"));
        update(&Client::new(options), &cache, std::slice::from_ref(source), &architectures, self.now)
    }

    fn update(&self, source: &Source) -> Result<Loaded, Error> {
        self.update_as(source, &["armhf"], crate::fetch::options())
    }

    fn offline(&self, source: &Source) -> Result<Loaded, Error> {
        self.update_as(source, &["armhf"], ClientOptions { offline: true, ..crate::fetch::options() })
    }

    /// What changes from run to run is taken out.
    fn said(&self, error: &Error) -> String {
        let mut text = format!("{:?}: {error}", error.kind());
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            text += &format!("\ncaused by: {inner}");
            cause = inner.source();
        }
        if let Some(hint) = error.hint() {
            text += &format!("\nhint: {hint}");
        }
        let memory = std::fs::read_dir(self.dir.path().join("cache/release")).map(|dir| dir.flatten().map(|entry| entry.path()).collect());
        let paths: Vec<PathBuf> = memory.unwrap_or_default();
        let text = paths.iter().fold(text, |text, path| text.replace(&path.display().to_string(), "MEMORY"));
        text.replace(&format!(":{}", self.server.port()), "")
            .replace(KEY.as_str(), "KEY")
            .replace(OTHER.as_str(), "OTHER")
            .replace(&OTHER[24..], "OTHER")
    }
}

fn stable() -> Suite {
    Suite::new("bookworm").field("Suite", "stable").packages("main", "armhf", STANZA)
}

fn plain_text(path: &Path, compression: pintree::index::Compression) -> String {
    let mut text = String::new();
    let mut reader = compression.decode(std::fs::File::open(path).unwrap(), pintree::index::Checks::Verify).unwrap();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    text
}

#[test]
fn an_unchanged_suite_costs_one_request() {
    let site = Site::new();
    site.write(&stable().by_hash());
    let source = site.source(&["bookworm"], &["main"]);
    let loaded = site.update(&source).unwrap();
    let index = &loaded.indexes[0];
    assert_eq!(plain_text(&index.path, index.compression), STANZA);
    assert_eq!((index.repo.as_str(), index.suite.as_str(), index.component.as_deref()), ("vendor", "bookworm", Some("main")));
    assert_eq!(index.plain.map(|plain| plain.size), Some(STANZA.len() as u64));
    assert_eq!(index.release.suite.as_deref(), Some("stable"));
    let release = &loaded.releases[0];
    assert_eq!(release.signers, [KEY.as_str()]);
    assert_eq!(release.sha256, Some(Sha256::of(&std::fs::read(site.www().join("dists/bookworm/Release")).unwrap())));
    assert_eq!(release.date.unwrap().to_string(), "2026-01-01T00:00:00Z");
    let lines = site.server.take_lines();
    assert!(lines.len() == 2 && lines[1].contains("/by-hash/SHA256/"), "{lines:?}");

    let again = site.update(&source).unwrap();
    assert_eq!(site.server.take_lines(), ["304 /dists/bookworm/InRelease"]);
    assert_eq!(again.indexes[0].path, index.path);
    assert_eq!(again.releases, loaded.releases);

    // Offline, the same comes from the cache.
    let offline = site.offline(&source).unwrap();
    assert_eq!(site.server.take_lines(), [""; 0]);
    assert_eq!((&offline.indexes[0].path, &offline.releases), (&index.path, &loaded.releases));
}

#[test]
fn takes_a_new_state_of_the_suite() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let old = site.update(&source).unwrap();
    site.write(&stable().packages("main", "armhf", "Package: b\n").field("Date", "Fri, 02 Jan 2026 00:00:00 UTC"));
    let new = site.update(&source).unwrap();
    assert_ne!(old.indexes[0].sha256, new.indexes[0].sha256);
    assert!(plain_text(&new.indexes[0].path, new.indexes[0].compression).contains("Package: b"));
}

#[test]
fn falls_back_from_by_hash_and_between_compressions() {
    let site = Site::new();
    let all = [Compression::Xz, Compression::Zst, Compression::Gz, Compression::None];
    site.write(&stable().field("Acquire-By-Hash", "yes").compressions(&all));
    let source = site.source(&["bookworm"], &["main"]);
    assert!(site.update(&source).unwrap().warnings.is_empty(), "that by-hash is missing is no news");
    let directory = site.www().join("dists/bookworm/main/binary-armhf");
    for (gone, next) in [("Packages.xz", Some(".zst")), ("Packages.zst", Some(".gz")), ("Packages.gz", Some("")), ("Packages", None)] {
        std::fs::remove_file(directory.join(gone)).unwrap();
        std::fs::remove_dir_all(site.dir.path().join("cache")).unwrap();
        match (site.update(&source), next) {
            (Ok(loaded), Some(suffix)) => {
                let name = loaded.indexes[0].path.file_name().unwrap().to_str().unwrap().to_owned();
                assert_eq!(&name[64..], suffix);
            }
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::Missing),
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[test]
fn takes_what_release_files_there_are() {
    for (files, works) in [
        (ReleaseFiles::All, true),
        (ReleaseFiles::Inline, true),
        (ReleaseFiles::Detached, true),
        (ReleaseFiles::Unsigned, false),
        (ReleaseFiles::None, false),
    ] {
        let site = Site::new();
        site.write(&stable().files(files));
        let source = site.source(&["bookworm"], &["main"]);
        assert_eq!(site.update(&source).is_ok(), works, "{files:?}");
        if works {
            site.server.take_log();
            assert_eq!(site.update(&source).unwrap().releases[0].signers, [KEY.as_str()], "{files:?}");
            let lines = site.server.take_lines();
            assert!(lines.iter().any(|line| line.starts_with("304 ")), "{lines:?}");
            assert!(site.offline(&source).is_ok(), "{files:?}");
        }
        // Whoever says so in the manifest gets it all the same, and a warning.
        let mut trusting = source.clone();
        trusting.steering.trust = Trust::None;
        trusting.keys = KeyRing::default();
        for offline in [false, true] {
            let loaded = if offline { site.offline(&trusting) } else { site.update(&trusting) }.unwrap();
            assert_eq!(plain_text(&loaded.indexes[0].path, loaded.indexes[0].compression), STANZA, "{files:?}");
            assert!(matches!(loaded.warnings[..], [Warning::Untrusted { .. }]), "{:?}", loaded.warnings);
        }
    }
}

#[test]
fn an_unsigned_release_says_so() {
    let site = Site::new();
    site.write(&stable().files(ReleaseFiles::Unsigned));
    let error = site.update(&site.source(&["bookworm"], &["main"])).unwrap_err();
    insta::assert_snapshot!(site.said(&error), @r#"
    Integrity: repository `vendor` has no signed `http://127.0.0.1/dists/bookworm/Release`
    hint: if nothing else is to be had, write `trust = "none"` in the manifest
    "#);
}

#[test]
fn a_present_signature_must_be_good_even_where_none_is_needed() {
    let site = Site::new();
    stable().write(&site.www(), Some((&GPG, &OTHER)));
    let mut source = site.source(&["bookworm"], &["main"]);
    source.steering.trust = Trust::None;
    assert!(matches!(site.update(&source), Err(Error::Signature { .. })));
}

#[test]
fn refuses_another_key_and_tampering() {
    let site = Site::new();
    stable().write(&site.www(), Some((&GPG, &OTHER)));
    let source = site.source(&["bookworm"], &["main"]);
    insta::assert_snapshot!(site.said(&site.update(&source).unwrap_err()), @"
    Integrity: cannot trust `http://127.0.0.1/dists/bookworm/InRelease` of repository `vendor`
    caused by: no acceptable signature: key OTHER is not among the accepted ones
    hint: compare the repository's published key with the `key` in the manifest
    ");
    site.write(&stable());
    let path = site.www().join("dists/bookworm/InRelease");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("stable", "sid")).unwrap();
    assert_eq!(site.update(&source).unwrap_err().kind(), ErrorKind::Integrity);
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert_eq!(site.update(&source).unwrap_err().kind(), ErrorKind::Integrity);
    // A tampered `InRelease` is no reason to try `Release`.
    assert!(!site.server.take_lines().iter().any(|line| line.ends_with("/Release")));
}

#[test]
fn an_index_that_does_not_match_is_a_mirror_in_mid_update() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let path = "/dists/bookworm/main/binary-armhf/Packages.xz";
    site.server.fault(path, 1, Fault::Corrupt);
    let error = site.update(&source).unwrap_err();
    let (expected, actual) = match &error {
        Error::Digest { expected, actual, .. } => (expected.to_hex(), actual.to_hex()),
        other => panic!("{other}"),
    };
    insta::assert_snapshot!(site.said(&error).replace(&expected, "EXPECTED").replace(&actual, "ACTUAL"), @"
    Integrity: `http://127.0.0.1/dists/bookworm/main/binary-armhf/Packages.xz` has SHA-256 ACTUAL, expected EXPECTED by the signed Release (mirror sync in progress?)
    hint: the mirror may be in the middle of an update: try again later, or use another one (`--mirror`)
    ");
    site.server.fault(path, 1, Fault::Replace(b"short".to_vec()));
    let error = site.said(&site.update(&source).unwrap_err());
    assert!(error.contains("has 5 bytes, expected ") && error.contains("(mirror sync in progress?)"), "{error}");
    // Nothing of it was kept, and when the mirror is done all is well.
    assert!(site.offline(&source).is_err());
    assert!(site.update(&source).is_ok());
}

#[test]
fn what_was_good_stays_when_the_new_state_is_not() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let good = site.update(&source).unwrap();
    site.write(&stable().packages("main", "armhf", "Package: b\n").field("Date", "Fri, 02 Jan 2026 00:00:00 UTC"));
    site.server.fault("/dists/bookworm/main/binary-armhf/Packages.xz", 1, Fault::Corrupt);
    assert!(site.update(&source).is_err());
    assert_eq!(site.offline(&source).unwrap().indexes[0].sha256, good.indexes[0].sha256);
}

#[test]
fn the_next_address_mends_what_the_first_spoils() {
    let (bad, good) = (Site::new(), Site::new());
    bad.write(&stable().by_hash());
    good.write(&stable().by_hash());
    let mut source = bad.source(&["bookworm"], &["main"]);
    source.bases.push(Url::parse(&good.server.url()).unwrap());
    for (path, fault) in [
        ("/dists/bookworm/InRelease", Fault::Status(500, None)),
        ("/dists/bookworm/InRelease", Fault::Corrupt),
        ("/dists/bookworm/InRelease", Fault::Replace(b"<html>please log in</html>".to_vec())),
    ] {
        bad.server.fault(path, usize::MAX, fault);
        let loaded = bad.update(&source).unwrap();
        assert_eq!((loaded.indexes.len(), loaded.warnings.len()), (1, 1), "{:?}", loaded.warnings);
        assert!(loaded.releases[0].url.starts_with(&good.server.url()));
        bad.server.behave();
    }
    std::fs::remove_dir_all(bad.dir.path().join("cache")).unwrap();
    std::fs::remove_dir_all(bad.www().join("dists/bookworm/main")).unwrap();
    let loaded = bad.update(&source).unwrap();
    assert!(loaded.releases[0].url.starts_with(&bad.server.url()), "the Release is from the first, the index from the second");
}

#[test]
fn refuses_what_is_expired_or_from_the_future() {
    let mut site = Site::new();
    site.write(&stable().field("Valid-Until", "Thu, 08 Jan 2026 00:00:00 UTC"));
    let source = site.source(&["bookworm"], &["main"]);
    insta::assert_snapshot!(site.said(&site.update(&source).unwrap_err()), @"
    Integrity: `http://127.0.0.1/dists/bookworm/InRelease` was valid until 2026-01-08T00:00:00Z
    hint: the mirror is out of date, or this machine's clock is wrong
    ");
    site.write(&stable().field("Date", "Tue, 01 Jan 2095 00:00:00 UTC"));
    site.now = "2094-12-31T12:00:00Z".parse().unwrap();
    insta::assert_snapshot!(site.said(&site.update(&source).unwrap_err()), @"
    Integrity: `http://127.0.0.1/dists/bookworm/InRelease` is dated 2095-01-01T00:00:00Z, and it is 2094-12-31T12:00:00Z here
    hint: set this machine's clock
    ");
    site.now = "2094-12-31T23:30:00Z".parse().unwrap();
    assert!(site.update(&source).is_ok(), "clocks differ a little");
}

#[test]
fn offline_an_expired_suite_is_a_warning() {
    let mut site = Site::new();
    site.write(&stable().field("Valid-Until", "Sat, 08 Jan 2095 00:00:00 UTC"));
    let source = site.source(&["bookworm"], &["main"]);
    site.update(&source).unwrap();
    site.now = "2095-02-01T00:00:00Z".parse().unwrap();
    assert!(matches!(site.update(&source), Err(Error::Expired { .. })), "a server that says 304 does not freeze us");
    assert!(matches!(site.offline(&source).unwrap().warnings[..], [Warning::Outdated { .. }]));
}

#[test]
fn refuses_to_go_back() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    site.update(&source).unwrap();
    site.write(&stable().field("Date", "Wed, 31 Dec 2025 00:00:00 UTC"));
    insta::assert_snapshot!(site.said(&site.update(&source).unwrap_err()), @"
    Integrity: `http://127.0.0.1/dists/bookworm/InRelease` is dated 2025-12-31T00:00:00Z, older than the 2026-01-01T00:00:00Z seen before
    hint: use a mirror that is up to date; if the archive really went back, delete `MEMORY`
    ");
}

#[test]
fn refuses_new_names_but_lets_releases_age() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let by_suite = site.source(&["bookworm"], &["main"]);
    site.update(&source).unwrap();
    site.write(&stable().field("Origin", "Evil"));
    insta::assert_snapshot!(site.said(&site.update(&source).unwrap_err()), @"
    Integrity: `http://127.0.0.1/dists/bookworm/InRelease` changed its `Origin` from `Test` to `Evil`
    hint: look at what the archive announced; to accept the change, delete `MEMORY`
    ");
    for (name, value) in [("Label", "Other"), ("Suite", "unstable"), ("Suite", "")] {
        site.write(&stable().field(name, value));
        assert!(matches!(site.update(&source), Err(Error::Changed { .. })), "{name}");
    }
    site.write(&stable().field("Suite", "oldstable"));
    let loaded = site.update(&by_suite).unwrap();
    insta::assert_snapshot!(loaded.warnings[0].to_string().replace(&format!(":{}", site.server.port()), ""), @"`http://127.0.0.1/dists/bookworm/InRelease` is now `oldstable`, was `stable`");
    assert!(site.update(&source).unwrap().warnings.is_empty(), "it is said once");
}

#[test]
fn another_release_under_the_same_suite_name_is_refused() {
    let site = Site::new();
    let suite =
        |codename: &str| Suite::new("stable").field("Suite", "stable").field("Codename", codename).packages("main", "armhf", STANZA);
    site.write(&suite("bookworm"));
    let source = site.source(&["stable"], &["main"]);
    site.update(&source).unwrap();
    site.write(&suite("trixie"));
    assert!(matches!(site.update(&source), Err(Error::Changed { field: "Codename", .. })));
}

#[test]
fn refuses_a_suite_of_another_name() {
    let site = Site::new();
    site.write(&stable().field("Codename", "trixie"));
    insta::assert_snapshot!(site.said(&site.update(&site.source(&["bookworm"], &["main"])).unwrap_err()), @"
    Integrity: `http://127.0.0.1/dists/bookworm/InRelease` is of suite `stable`, code name `trixie`, not of `bookworm`
    hint: name the suite `trixie` or `stable` in the manifest
    ");
}

#[test]
fn says_what_there_is_instead() {
    let site = Site::new();
    site.write(&stable().packages("contrib", "armhf", ""));
    let said =
        |source: &Source, architectures: &[&str]| site.said(&site.update_as(source, architectures, crate::fetch::options()).unwrap_err());
    insta::assert_snapshot!(said(&site.source(&["bookworm"], &["main", "non-free"]), &["armhf"]), @"Usage: suite `bookworm` of repository `vendor` has no component `non-free`; it has `contrib`, `main`");
    insta::assert_snapshot!(said(&site.source(&["bookworm"], &["main"]), &["arm64", "s390x"]), @"Usage: suite `bookworm` of repository `vendor` has no packages for `arm64`, `s390x`; it has `armhf`");
    insta::assert_snapshot!(said(&site.source(&["trixie"], &["main"]), &["armhf"]), @"
    Missing: repository `vendor` has no suite `trixie`: `http://127.0.0.1/dists/trixie/Release` does not exist
    hint: look at the suite's name in the manifest, and at the address (`--mirror`)
    ");
    let mut source = site.source(&["bookworm"], &["main"]);
    source.keys = KeyRing::default();
    insta::assert_snapshot!(said(&source, &["armhf"]), @r#"
    Usage: repository `vendor` has no `key`
    hint: write `key = "builtin:debian-bookworm"` or `key = "FILE"` in the manifest
    "#);
    // One of several architectures may be missing.
    let loaded = site.update_as(&site.source(&["bookworm"], &["main"]), &["armhf", "arm64"], crate::fetch::options()).unwrap();
    insta::assert_snapshot!(loaded.warnings[0], @"suite `bookworm` of repository `vendor` has no packages for `arm64`");
    assert_eq!(loaded.indexes.len(), 1);
}

#[test]
fn offline_names_what_is_missing() {
    let site = Site::new();
    site.write(&stable().packages("main", "amd64", "Package: b\n"));
    let source = site.source(&["bookworm"], &["main"]);
    insta::assert_snapshot!(site.said(&site.offline(&source).unwrap_err()), @"
    Network: the Release file of suite `bookworm` of repository `vendor` is not in the cache, and `--offline` forbids to get it
    hint: run once without `--offline`
    ");
    site.update(&source).unwrap();
    let error = site.update_as(&source, &["amd64"], ClientOptions { offline: true, ..crate::fetch::options() }).unwrap_err();
    insta::assert_snapshot!(site.said(&error), @"
    Network: `main/binary-amd64/Packages` of suite `bookworm` of repository `vendor` is not in the cache, and `--offline` forbids to get it
    hint: run once without `--offline`
    ");
    assert_eq!(error.kind(), ErrorKind::Network);
}

#[test]
fn file_repositories_work_offline() {
    let site = Site::new();
    site.write(&stable());
    let mut source = site.source(&["bookworm"], &["main"]);
    source.bases = vec![Url::from_directory_path(site.www()).unwrap()];
    assert_eq!(site.offline(&source).unwrap().indexes.len(), 1);
    assert_eq!(site.server.connections(), 0);
}

#[test]
fn reads_flat_repositories() {
    for (directory, suite) in [("./", "./"), ("sub/dir/", "sub/dir/")] {
        let site = Site::new();
        site.write(&Suite::new(directory).packages("", "", STANZA));
        let loaded = site.update(&site.source(&[suite], &[])).unwrap();
        let index = &loaded.indexes[0];
        assert_eq!((index.component.as_deref(), index.architecture.as_ref()), (None, None));
        assert_eq!(plain_text(&index.path, index.compression), STANZA);
    }
}

#[test]
fn a_flat_directory_without_release_is_asked_for_changes_only() {
    let site = Site::new();
    site.write(&Suite::new("./").packages("", "", STANZA).compressions(&[Compression::Gz]).files(ReleaseFiles::None));
    let mut source = site.source(&["./"], &[]);
    insta::assert_snapshot!(site.said(&site.update(&source).unwrap_err()), @r#"
    Integrity: repository `vendor` has no signed `http://127.0.0.1/Release`
    hint: if nothing else is to be had, write `trust = "none"` in the manifest
    "#);
    source.steering.trust = Trust::None;
    let loaded = site.update(&source).unwrap();
    assert!(loaded.releases[0].sha256.is_none());
    site.server.take_log();
    site.update(&source).unwrap();
    assert!(site.server.take_lines().contains(&"304 /Packages.gz".to_owned()));
    assert!(site.offline(&source).is_ok());
}

#[test]
fn takes_the_own_index_of_independent_packages() {
    let site = Site::new();
    let both = stable().packages("main", "all", "Package: doc\nArchitecture: all\n");
    site.write(&both);
    let source = site.source(&["bookworm"], &["main"]);
    let architectures = |loaded: &Loaded| -> Vec<String> {
        loaded.indexes.iter().filter_map(|index| index.architecture.as_ref()).map(ToString::to_string).collect()
    };
    assert_eq!(architectures(&site.update(&source).unwrap()), ["armhf", "all"]);
    site.write(&both.field("No-Support-for-Architecture-all", "Packages"));
    assert_eq!(architectures(&site.update(&source).unwrap()), ["armhf"]);
}

#[test]
fn reads_several_suites_and_components_in_order() {
    let site = Site::new();
    site.write(&stable().packages("contrib", "armhf", "Package: c\n"));
    site.write(&Suite::new("bookworm-updates").packages("main", "armhf", "Package: u\n").packages("contrib", "armhf", ""));
    let loaded = site.update(&site.source(&["bookworm", "bookworm-updates"], &["main", "contrib"])).unwrap();
    let order: Vec<String> =
        loaded.indexes.iter().map(|index| format!("{}/{}", index.suite, index.component.as_deref().unwrap())).collect();
    assert_eq!(order, ["bookworm/main", "bookworm/contrib", "bookworm-updates/main", "bookworm-updates/contrib"]);
}

#[test]
fn a_security_archive_calls_its_component_updates_main() {
    let site = Site::new();
    site.write(&Suite::new("bookworm-security").packages("main", "armhf", STANZA).field("Components", "updates/main updates/contrib"));
    assert_eq!(site.update(&site.source(&["bookworm-security"], &["main"])).unwrap().indexes.len(), 1);
}

#[test]
fn runs_beside_each_other_do_no_harm() {
    let site = Site::new();
    site.write(&stable().by_hash());
    let source = site.source(&["bookworm"], &["main"]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(site.update(&source).unwrap().indexes.len(), 1));
        }
    });
    let left = std::fs::read_dir(site.dir.path().join("cache/index")).unwrap().count();
    assert_eq!(left, 1, "no draft stays");
}

#[test]
fn a_damaged_cache_is_fetched_anew() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let path = site.update(&source).unwrap().indexes[0].path.clone();
    std::fs::write(&path, "x").unwrap();
    for entry in std::fs::read_dir(site.dir.path().join("cache/release")).unwrap().flatten() {
        std::fs::write(entry.path(), "{").unwrap();
    }
    let loaded = site.update(&source).unwrap();
    assert_eq!(plain_text(&loaded.indexes[0].path, loaded.indexes[0].compression), STANZA);
}

/// Reads an index as `lock` does.
fn read(site: &Site, index: &pintree::repo::IndexFile) -> Result<String, Error> {
    let cache = Cache::new(site.dir.path().join("cache"));
    let mut text = index.open(&cache)?;
    let mut read = String::new();
    std::io::Read::read_to_string(&mut text, &mut read).unwrap();
    text.finish().map(|()| read)
}

/// The files of the cache that hold indexes.
fn indexes(site: &Site) -> Vec<String> {
    let files = std::fs::read_dir(site.dir.path().join("cache/index")).unwrap();
    files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_index_is_unpacked_once() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let packed = site.update(&source).unwrap().indexes.remove(0);
    assert_eq!(packed.path.extension().unwrap(), "xz");
    assert_eq!(read(&site, &packed).unwrap(), STANZA);
    assert_eq!(indexes(&site), [Sha256::of(STANZA.as_bytes()).to_hex()]);
    // One who got the compressed file before it was unpacked, and one who comes later.
    assert_eq!(read(&site, &packed).unwrap(), STANZA);
    let plain = site.offline(&source).unwrap().indexes.remove(0);
    assert_eq!(plain.compression, pintree::index::Compression::None);
    assert_eq!(plain.identity(), packed.identity());
    assert_eq!(read(&site, &plain).unwrap(), STANZA);
}

#[test]
fn a_damaged_text_is_noticed_and_fetched_anew() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let packed = site.update(&source).unwrap().indexes.remove(0);
    read(&site, &packed).unwrap();
    let plain = site.update(&source).unwrap().indexes.remove(0);
    std::fs::write(&plain.path, STANZA.replace("Version: 1", "Version: 2")).unwrap();
    let error = read(&site, &plain).unwrap_err();
    assert!(matches!(&error, Error::Damaged { path } if *path == plain.path), "{error}");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(site.offline(&source).is_err(), "the damaged file is gone");
    assert_eq!(read(&site, &site.update(&source).unwrap().indexes[0]).unwrap(), STANZA);
}

#[test]
fn a_damaged_compressed_index_is_noticed_before_it_is_unpacked() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let packed = site.update(&source).unwrap().indexes.remove(0);
    let mut bytes = std::fs::read(&packed.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&packed.path, bytes).unwrap();
    let cache = Cache::new(site.dir.path().join("cache"));
    let mut text = packed.open(&cache).unwrap();
    // Whether the decoder sees it or not, the digest does.
    let found = match std::io::copy(&mut text, &mut std::io::sink()) {
        Ok(_) => text.finish(),
        Err(_) => text.prove(),
    };
    assert!(matches!(found, Err(Error::Damaged { .. })), "{found:?}");
    assert!(indexes(&site).is_empty());
}

#[test]
fn refuses_an_index_whose_text_the_release_knows_otherwise() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let mut packed = site.update(&source).unwrap().indexes.remove(0);
    packed.plain.as_mut().unwrap().sha256 = Sha256::of(b"something else");
    let error = read(&site, &packed).unwrap_err();
    assert!(matches!(error, Error::Unpacked { .. }), "{error}");
    assert_eq!(indexes(&site), [packed.path.file_name().unwrap().to_str().unwrap()], "the text got no name");
}
