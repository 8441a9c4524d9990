use super::*;
use crate::pkg::Variant;

fn reasons(change: impl FnOnce(&mut Steering)) -> String {
    let lock = Lockfile::build(sample(), None).unwrap();
    let mut steering = sample().steering;
    change(&mut steering);
    let lines: Vec<String> = lock.compare(&steering).unwrap().iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn agrees_with_the_manifest_it_was_made_from() {
    assert_eq!(reasons(|_| ()), "");
    // Order where order means nothing.
    assert_eq!(
        reasons(|manifest| {
            manifest.images.get_mut("kiosk").unwrap().roots.reverse();
            manifest.repos.get_mut("debian").unwrap().signed_by.reverse();
        }),
        ""
    );
}

#[test]
fn names_what_changed_at_the_top() {
    insta::assert_snapshot!(reasons(|manifest| {
        manifest.foreign_arches.clear();
        manifest.accelerate.clear();
        manifest.holds[0].version = glob("1.23.*");
        manifest.holds[0].until = None;
        manifest.holds.push(Hold { package: glob("vim"), version: glob("9.*"), reason: None, until: None });
    }), @r#"
    manifest: `foreign-arches` changed from ["i386"] to []
    manifest: `accelerate` changed from ["amd64"] to []
    hold `nginx`: `version` changed from ["1.22.*"] to ["1.23.*"]
    hold `nginx`: `until` changed from ["2027-02-01"] to []
    hold `vim` was added
    "#);
    insta::assert_snapshot!(reasons(|manifest| manifest.holds.clear()), @"hold `nginx` was removed");
}

#[test]
fn names_what_changed_in_repositories() {
    insta::assert_snapshot!(reasons(|manifest| {
        let debian = &mut manifest.repos.get_mut("debian").unwrap();
        debian.steering.archive = None;
        debian.steering.suites = vec!["trixie".into()];
        debian.steering.components.push("contrib".into());
        debian.steering.exclude.push(glob("nginx*"));
        debian.steering.priority = 10;
        debian.steering.trust = Trust::None;
        debian.signed_by.pop();
        manifest.repos.remove("vendor");
        manifest.repos.insert("other".into(), repo(None, &["./"], &[]));
    }), @r#"
    repository `debian`: `deb` changed from `debian` to `a URL`
    repository `debian`: `suites` changed from ["bookworm", "bookworm-updates"] to ["trixie"]
    repository `debian`: `components` changed from ["main"] to ["main", "contrib"]
    repository `debian`: `exclude` changed from [] to ["nginx*"]
    repository `debian`: `priority` changed from `99` to `10`
    repository `debian`: `trust` changed from `index` to `none`
    repository `debian`: `key` changed from ["1F89983E0081FDE018F3CC9673A4F27B8DD47936", "4D64FEC119C2029067D6E791F8D2585B8783D481"] to ["4D64FEC119C2029067D6E791F8D2585B8783D481"]
    repository `other` was added
    repository `vendor` was removed
    "#);
}

#[test]
fn names_what_changed_in_images() {
    insta::assert_snapshot!(reasons(|manifest| {
        let kiosk = manifest.images.get_mut("kiosk").unwrap();
        kiosk.roots = vec![("nginx (>= 1.24)".into(), None), ("vendor-gpu".into(), None)];
        kiosk.steering.variant = Variant::Minbase;
        kiosk.steering.recommends = false;
        kiosk.steering.exclude.clear();
        kiosk.extends = None;
        kiosk.arches.reverse();
        manifest.images.remove("base");
        manifest.images.insert("edge".into(), image(&["arm64"], None, &[]));
    }), @r#"
    image `base` was removed
    image `edge` was added
    image `kiosk`: `arches` changed from ["armhf", "amd64"] to ["amd64", "armhf"]
    image `kiosk`: `extends` changed from `base` to `nothing`
    image `kiosk`: `variant` changed from `essential` to `minbase`
    image `kiosk`: `recommends` changed from `true` to `false`
    image `kiosk`: `exclude` changed from ["vim-*"] to []
    image `kiosk`: request `nginx (>= 1.24)` was added
    image `kiosk`: request `vendor-gpu` was added
    image `kiosk`: request `nginx (>= 1.22)` was removed
    image `kiosk`: request `vendor-gpu [armhf]` was removed
    "#);
}

#[test]
fn finds_what_a_merge_left_behind() {
    let text = Lockfile::build(sample(), None).unwrap().render();
    let problems = |text: &str| {
        let lock = Lockfile::parse(text).unwrap();
        lock.check(text).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(problems(&text), "");
    insta::assert_snapshot!(problems(&text.replace("  \"locales\",\n", "")), @"no image has `locales` 1:2.36-9 all");
    insta::assert_snapshot!(problems(&text.replace("  \"libc6\",\n  \"libgcc-s1\",\n", "  \"libgcc-s1\",\n  \"libc6\",\n")), @r#"line 85 is not canonical: found `  "libgcc-s1",`, expected `  "libc6",`"#);
    insta::assert_snapshot!(problems(&text.replace("repo = \"debian-security\"\n", "repo = \"debian-security\"\npool = \"pool/updates/main\"\n")), @r#"line 55 is not canonical: found `pool = "pool/updates/main"`, expected `binnmu = { armhf = 1 }`"#);
    insta::assert_snapshot!(problems(&text.replace('\n', "\r\n")), @"line endings are not canonical: every line ends in one line feed");
    insta::assert_snapshot!(problems(text.trim_end()), @"line endings are not canonical: every line ends in one line feed");
}
