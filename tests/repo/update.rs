//! Whole repositories, from their signature to index files in the cache.

use crate::site::{GPG, KEY, OTHER, STANZA, Site, plain_text, stable};
use pintree::pkg::{Sha256, Trust};
use pintree::repo::{ClientOptions, Error, ErrorKind, KeyRing, Source, Url, Warning};
use pintree::testkit::deb::Compression;
use pintree::testkit::repo::ReleaseFiles;
use pintree::testkit::server::Fault;

#[test]
fn an_unchanged_suite_costs_one_request() {
    let site = Site::new();
    site.write(&stable().by_hash());
    let source = site.source(&["bookworm"], &["main"]);
    let loaded = site.update(&source).unwrap();
    let index = &loaded.indexes[0];
    assert_eq!(plain_text(index.path(), index.compression()), STANZA);
    assert_eq!((index.repo.as_str(), index.suite.as_str(), index.component.as_deref()), ("vendor", "bookworm", Some("main")));
    assert_eq!(index.release().file("main/binary-armhf/Packages").map(|plain| plain.size), Some(STANZA.len() as u64));
    assert_eq!(index.release().suite.as_deref(), Some("stable"));
    let release = &loaded.releases[0];
    assert_eq!(release.signers, [KEY.as_str()]);
    assert_eq!(release.sha256, Some(Sha256::of(&std::fs::read(site.www().join("dists/bookworm/Release")).unwrap())));
    assert_eq!(release.date.unwrap().to_string(), "2026-01-01T00:00:00Z");
    let lines = site.server.take_lines();
    assert!(lines.len() == 2 && lines[1].contains("/by-hash/SHA256/"), "{lines:?}");

    let again = site.update(&source).unwrap();
    assert_eq!(site.server.take_lines(), ["304 /dists/bookworm/InRelease"]);
    assert_eq!(again.indexes[0].path(), index.path());
    assert_eq!(again.releases, loaded.releases);

    // Offline, the same comes from the cache.
    let offline = site.offline(&source).unwrap();
    assert_eq!(site.server.take_lines(), [""; 0]);
    assert_eq!((offline.indexes[0].path(), &offline.releases), (index.path(), &loaded.releases));
}

#[test]
fn takes_a_new_state_of_the_suite() {
    let site = Site::new();
    site.write(&stable());
    let source = site.source(&["bookworm"], &["main"]);
    let old = site.update(&source).unwrap();
    site.write(&stable().packages("main", "armhf", "Package: b\n").field("Date", "Fri, 02 Jan 2026 00:00:00 UTC"));
    let new = site.update(&source).unwrap();
    assert_ne!(old.indexes[0].identity(), new.indexes[0].identity());
    assert!(plain_text(new.indexes[0].path(), new.indexes[0].compression()).contains("Package: b"));
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
                let name = loaded.indexes[0].path().file_name().unwrap().to_str().unwrap().to_owned();
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
            assert_eq!(plain_text(loaded.indexes[0].path(), loaded.indexes[0].compression()), STANZA, "{files:?}");
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
    assert_eq!(site.offline(&source).unwrap().indexes[0].identity(), good.indexes[0].identity());
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
