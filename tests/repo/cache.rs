//! Index files in the cache: unpacked once, checked always, shared by runs.

use crate::site::{GPG, KEY, STANZA, Site, plain_text, stable};
use pintree::pkg::Sha256;
use pintree::repo::{Cache, Error, ErrorKind};
use pintree::testkit::deb::Compression;
use pintree::testkit::keys::SignOptions;
use pintree::testkit::repo::{ReleaseFiles, sign_release};

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
    let path = site.update(&source).unwrap().indexes[0].path().to_owned();
    std::fs::write(&path, "x").unwrap();
    for entry in std::fs::read_dir(site.dir.path().join("cache/release")).unwrap().flatten() {
        std::fs::write(entry.path(), "{").unwrap();
    }
    let loaded = site.update(&source).unwrap();
    assert_eq!(plain_text(loaded.indexes[0].path(), loaded.indexes[0].compression()), STANZA);
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
    assert_eq!(packed.path().extension().unwrap(), "xz");
    assert_eq!(read(&site, &packed).unwrap(), STANZA);
    assert_eq!(indexes(&site), [Sha256::of(STANZA.as_bytes()).to_hex()]);
    // One who got the compressed file before it was unpacked, and one who comes later.
    assert_eq!(read(&site, &packed).unwrap(), STANZA);
    let plain = site.offline(&source).unwrap().indexes.remove(0);
    assert_eq!(plain.compression(), pintree::index::Compression::None);
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
    std::fs::write(plain.path(), STANZA.replace("Version: 1", "Version: 2")).unwrap();
    let error = read(&site, &plain).unwrap_err();
    assert!(matches!(&error, Error::Damaged { path } if path == plain.path()), "{error}");
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
    let mut bytes = std::fs::read(packed.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(packed.path(), bytes).unwrap();
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
    let directory = site.www().join("dists/bookworm");
    let text = std::fs::read_to_string(directory.join("Release")).unwrap();
    let text = text.replace(&Sha256::of(STANZA.as_bytes()).to_hex(), &Sha256::of(b"something else").to_hex());
    sign_release(&directory, &text, ReleaseFiles::All, Some((&GPG, &KEY)), SignOptions::default());
    let packed = site.update(&source).unwrap().indexes.remove(0);
    let error = read(&site, &packed).unwrap_err();
    assert!(matches!(error, Error::Unpacked { .. }), "{error}");
    assert_eq!(indexes(&site), [packed.path().file_name().unwrap().to_str().unwrap()], "the text got no name");
}

/// A file of the cache that somebody else has put there, whole in itself, under the name of the verified one.
#[test]
fn a_swapped_file_is_noticed_in_every_form() {
    let site = Site::new();
    let other = STANZA.replace("Version: 1", "Version: 2");
    for compression in [Compression::None, Compression::Gz] {
        // Only this form is listed, so nothing but its digest tells what it is.
        site.write(&stable().compressions(&[compression]));
        let directory = site.www().join("dists/bookworm");
        let text = std::fs::read_to_string(directory.join("Release")).unwrap();
        let plain = format!(" {} {} main/binary-armhf/Packages\n", Sha256::of(STANZA.as_bytes()), STANZA.len());
        if compression != Compression::None {
            let text = text.replace(&plain, "");
            sign_release(&directory, &text, ReleaseFiles::All, Some((&GPG, &KEY)), SignOptions::default());
        }
        let source = site.source(&["bookworm"], &["main"]);
        let index = site.update(&source).unwrap().indexes.remove(0);
        let real = std::fs::read(index.path()).unwrap();
        let mut swapped = compression.compress(other.as_bytes());
        swapped.resize(real.len(), 0);
        std::fs::write(index.path(), swapped).unwrap();
        let again = site.offline(&source).unwrap().indexes.remove(0);
        let cache = Cache::new(site.dir.path().join("cache"));
        assert!(matches!(again.read(&cache), Err(Error::Damaged { .. })), "{compression:?}");
        assert!(site.update(&source).unwrap().indexes.remove(0).read(&cache).is_ok(), "it is fetched anew");
    }
}
