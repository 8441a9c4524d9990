//! Where repositories keep their indexes: flat, in files, by suite and component.

use crate::site::{STANZA, Site, plain_text, stable};
use pintree::pkg::Trust;
use pintree::repo::{Loaded, Url};
use pintree::testkit::deb::Compression;
use pintree::testkit::repo::{ReleaseFiles, Suite};

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
        assert_eq!(plain_text(index.path(), index.compression()), STANZA);
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
