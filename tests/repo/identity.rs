//! Whether a suite is the one that was asked for, and not an older state of it.

use crate::site::{STANZA, Site, stable};
use pintree::repo::{Error, Warning};
use pintree::testkit::repo::Suite;

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
    insta::assert_snapshot!(site.said(&site.update(&site.source(&["bookworm"], &["main"])).unwrap_err()), @r#"
    Integrity: `http://127.0.0.1/dists/bookworm/InRelease` is of suite `stable`, code name `trixie`, not of `bookworm`
    hint: if this is the repository that you mean, write `suite-name = "trixie"` beside its `suites`
    "#);
}
