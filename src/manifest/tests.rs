//! Whole manifests: what is read from good ones; no text makes the reader panic.

use super::*;
use crate::pkg::{Request, Severity, TreeCheck, Trust, Variant};
use proptest::prelude::*;

/// The example of the reference page's tour, every key of deb in it.
pub(super) const TOUR: &str = r#"
arches = ["armhf", "x86_64"]
foreign-arches = ["i386"]
accelerate = []
epoch = 2026-01-01

[repo.debian]
deb = "debian"
suites = ["bookworm", "bookworm-updates"]
components = ["main"]
key = "builtin:debian-bookworm"

[repo.vendor]
deb = ["https://packages.example.com/apt", "file:///srv/apt"]
suites = ["./"]
key = ["keys/vendor.asc", "keys/old.asc"]
only = ["vendor-*"]
exclude = ["vendor-debug"]
priority = 50

[repo.local]
deb = "file:///srv/local"
suites = ["stable"]
components = ["main"]
trust = "none"

[image.kiosk]
extends = "base"
packages = ["nginx (>= 1.22)", "/usr/bin/python3", "wine32:i386"]
packages-armv7hl = ["libvendor-gpu1"]
exclude = ["vim-tiny"]
overlay = ["overlays/kiosk/"]
scripts = ["scripts/kiosk.sh"]
debconf = ["tzdata tzdata/Areas select Europe"]
hostname = "kiosk.example.org"
timezone = "Europe/Berlin"
authorized-keys = ["keys/ops.pub"]

[image.kiosk.permissions]
"/etc/kiosk/secret" = "root:www-data 0640"
"/usr/bin/kiosk/" = "4755"

[image.kiosk.checks]
set-id = "fail"

[image.base]
ref = "acme/base/{arch}"
variant = "minbase"
packages = ["systemd-sysv", "nginx", "tmux from local"]
recommends = true
exclude = ["nano"]
overlay = ["overlays/base"]

[[hold]]
package = "nginx"
version = "1.22.*"
reason = "https://bugs.example.com/412"
until = 2027-02-01

[ids]
messagebus = 101
"#;

/// The smallest useful file.
pub(super) const SMALL: &str = r#"arches = ["armhf"]
[repo.debian]
deb = "debian"
suites = ["bookworm"]
components = ["main"]
key = "builtin:debian-bookworm"
[image.base]
packages = ["nginx"]
"#;

fn arch(name: &str) -> Architecture {
    Architecture::parse(name).unwrap()
}

pub(super) fn read(text: &str) -> Result<Manifest, Error> {
    parse(text, Path::new("manifests/edge.toml"))
}

fn good(text: &str) -> Manifest {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn reads_every_key() {
    let manifest = good(TOUR);
    assert_eq!(manifest.name, "edge");
    assert_eq!(manifest.arches, [arch("armhf"), arch("amd64")]);
    assert_eq!(manifest.foreign_arches, [arch("i386")]);
    assert!(manifest.accelerate.is_empty());
    assert_eq!(manifest.epoch, 1_767_225_600);
    assert_eq!(manifest.ids["messagebus"], 101);
    let hold = &manifest.holds[0];
    assert_eq!((hold.package.as_str(), hold.version.as_str(), hold.until.as_deref()), ("nginx", "1.22.*", Some("2027-02-01")));

    let debian = &manifest.repos["debian"];
    assert_eq!(debian.steering.archive.as_deref(), Some("debian"));
    assert_eq!(debian.keys, [KeySource::Builtin("debian-bookworm".into())]);
    assert_eq!((debian.steering.priority, debian.steering.trust, debian.is_flat()), (99, Trust::Index, false));
    let vendor = &manifest.repos["vendor"];
    assert_eq!(vendor.urls, ["https://packages.example.com/apt", "file:///srv/apt"]);
    assert_eq!(vendor.keys, [KeySource::File("keys/vendor.asc".into()), KeySource::File("keys/old.asc".into())]);
    assert!(vendor.is_flat() && vendor.steering.supplies("vendor-x") && !vendor.steering.supplies("vendor-debug"));
    assert_eq!(manifest.repos["local"].steering.trust, Trust::None);

    let base = &manifest.images["base"];
    assert_eq!(base.reference_for(&arch("amd64")).as_deref(), Some("acme/base/amd64"));
    assert_eq!(base.steering.variant, Variant::Minbase);
    let order: Vec<&str> = manifest.images_parents_first().iter().map(|image| image.name.as_str()).collect();
    assert_eq!(order, ["base", "kiosk"]);
}

#[test]
fn a_minimal_manifest_has_the_documented_defaults() {
    let manifest = good(SMALL);
    let image = &manifest.images["base"];
    assert_eq!(manifest.epoch, Manifest::DEFAULT_EPOCH);
    assert_eq!(manifest.accelerate, [arch("amd64")]);
    assert_eq!((image.steering.variant, image.steering.recommends), (Variant::Essential, false));
    assert_eq!(image.arches, manifest.arches);
    assert!(image.reference.is_none() && manifest.foreign_arches.is_empty());
    assert_eq!(SMALL.lines().count(), 8);
}

#[test]
fn an_image_that_asks_for_nothing_needs_no_repository() {
    assert!(good("arches = ['armhf']\n[image.empty]\n").repos.is_empty());
    good("arches = ['armhf']\nimage.empty.packages = []\n");
}

#[test]
fn tables_may_be_written_inline() {
    let text = "arches = ['armhf']\nhold = [{ package = 'a', version = '1' }]\nimage = { a = {} }\nids.x = 1\n";
    assert_eq!(good(text).holds.len(), 1);
}

#[test]
fn a_directory_of_the_project_is_a_repository() {
    let text = "arches = [\"armhf\"]\n[repo.own]\ndeb = \"dir:out/debs/\"\ntrust = \"none\"\nonly = [\"own-*\"]\n[image.a]\n";
    let manifest = good(text);
    let own = &manifest.repos["own"];
    assert_eq!(own.directory.as_deref(), Some("out/debs"));
    assert!(own.urls.is_empty() && own.keys.is_empty() && own.steering.suites.is_empty());
    assert_eq!(own.steering.trust, crate::pkg::Trust::None);
}

#[test]
fn roots_are_in_manifest_words_with_their_architectures() {
    let manifest = good(TOUR);
    let roots = |name: &str| -> Vec<(String, Vec<Architecture>)> {
        let roots = manifest.images[name].roots();
        roots.into_iter().map(|root| (root.text.to_owned(), root.arches)).collect()
    };
    assert_eq!(
        roots("kiosk"),
        [
            ("nginx (>= 1.22)".into(), vec![]),
            ("/usr/bin/python3".into(), vec![]),
            ("wine32:i386".into(), vec![]),
            ("libvendor-gpu1".into(), vec![arch("armhf")]),
        ]
    );
    let text = "arches = ['armhf', 'arm64', 'amd64']\n[repo.a]\ndeb='debian'\nsuites=['./']\ntrust='none'\n[image.a]\n\
        packages-amd64 = ['b', 'c']\npackages-armhf = ['b', 'c']\npackages-arm64 = ['c']\n";
    let manifest = good(text);
    let roots: Vec<String> = manifest.images["a"].roots().iter().map(|root| format!("{} {:?}", root.text, root.arches)).collect();
    assert_eq!(roots, [r#"b [Architecture("armhf"), Architecture("amd64")]"#, "c []"]);
}

#[test]
fn later_wins_when_images_are_flattened() {
    let text = format!(
        "{TOUR}\n[image.last]\nextends = 'kiosk'\narches = ['armhf']\nrecommends = false\npackages = ['nano']\n\
         packages-armhf = ['nginx (<< 1.20)']\nexclude = ['wine*', 'systemd-sysv']\noverlay = ['overlays/base']\n\
         debconf = ['a a/x string 1', 'tzdata tzdata/Areas seen true', 'tzdata  tzdata/Areas select Etc']\n\
         hostname = 'last'\nauthorized-keys = ['keys/a.pub', 'keys/ops.pub']\n[image.last.permissions]\n'/etc/kiosk/secret' = '0600'\n\
         [image.last.checks]\nbuild-paths = 'off'\n"
    );
    let manifest = good(&text);
    let words = |image: &str, name: &str| -> Vec<String> {
        manifest.flatten(image).unwrap().requests(&arch(name)).into_iter().map(Request::to_string).collect()
    };
    assert_eq!(words("base", "amd64"), ["systemd-sysv", "nginx", "tmux from local"]);
    assert_eq!(words("kiosk", "amd64"), ["systemd-sysv", "tmux from local", "nginx (>= 1.22)", "/usr/bin/python3", "wine32:i386"]);
    assert_eq!(words("kiosk", "armhf").last().unwrap(), "libvendor-gpu1");
    assert_eq!(words("last", "armhf"), ["tmux from local", "/usr/bin/python3", "libvendor-gpu1", "nano", "nginx (<< 1.20)"]);

    let last = manifest.flatten("last").unwrap();
    let steering = last.steering(&arch("armhf"));
    assert_eq!((steering.variant, steering.recommends), (Variant::Minbase, false));
    let exclude: Vec<&str> = steering.exclude.iter().map(crate::pkg::Glob::as_str).collect();
    assert_eq!(exclude, ["vim-tiny", "wine*", "systemd-sysv"], "`nano` is asked for, so it is no longer excluded");
    assert_eq!(last.overlays(), ["overlays/kiosk", "overlays/base"]);
    assert_eq!((last.scripts(), last.arches()), (vec!["scripts/kiosk.sh"], &[arch("armhf")][..]));
    let lines = ["a a/x string 1", "tzdata tzdata/Areas seen true", "tzdata  tzdata/Areas select Etc"];
    let settings = last.settings();
    assert_eq!(settings.debconf, lines);
    assert_eq!((settings.hostname.as_deref(), settings.timezone.as_deref()), (Some("last"), Some("Europe/Berlin")));
    assert_eq!((settings.locale, settings.authorized_keys), (None, vec!["keys/a.pub".to_owned(), "keys/ops.pub".to_owned()]));
    let permissions: Vec<String> = settings.permissions.iter().map(|(path, rights)| format!("{path} {rights}")).collect();
    assert_eq!(permissions, ["etc/kiosk/secret 0600", "usr/bin/kiosk 4755"]);
    assert_eq!(settings.checks, [(TreeCheck::BuildPaths, Severity::Off), (TreeCheck::SetId, Severity::Fail)].into());
    assert!(manifest.flatten("none").is_none());
}

#[test]
fn refuses_file_names_that_cannot_name_a_manifest() {
    for path in ["", "/", "a b.toml", "manifests/..toml", "-x.toml", "manifests/é.toml", "a.b.toml"] {
        assert!(matches!(parse(SMALL, Path::new(path)), Err(Error::Name { .. })), "{path:?}");
    }
    assert_eq!(parse(SMALL, Path::new("edge.toml")).unwrap().name, "edge");
}

#[test]
fn loads_and_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edge.toml");
    assert!(matches!(load(&path), Err(Error::Read { .. })));
    std::fs::write(&path, b"arches = []\n# caf\xe9\n").unwrap();
    assert!(matches!(load(&path), Err(Error::Encoding { line: 2, .. })));
    std::fs::write(&path, SMALL).unwrap();
    assert_eq!(load(&path).unwrap(), good(SMALL));
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let shown = read(&text).map_err(|error| error.to_string());
        prop_assert!(shown.is_ok() || shown.is_err());
    }

    /// Cuts, doubles and overwrites stretches of a good manifest.
    #[test]
    fn mutations_of_a_manifest_never_panic(edits in prop::collection::vec((0..TOUR.len(), 0..40_usize, any::<u8>(), 0..4_u8), 1..6)) {
        let mut bytes = TOUR.as_bytes().to_vec();
        for (at, length, byte, kind) in edits {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            match kind {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.extend_from_within(at..end),
                2 => bytes.insert(at, byte),
                _ => bytes[at..end].fill(byte),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match read(&text) {
            Ok(manifest) => {
                for image in manifest.images.values() {
                    let resolved = manifest.flatten(&image.name).expect("every image can be flattened");
                    for architecture in &image.arches {
                        prop_assert!(resolved.requests(architecture).len() <= 20);
                    }
                    image.roots();
                }
            }
            Err(Error::Invalid { problems }) => {
                for problem in &problems {
                    prop_assert!(problem.line >= 1 && problem.column >= 1);
                    let moves_the_cursor = problem.to_string().contains('\u{1b}');
                    prop_assert!(!moves_the_cursor);
                }
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

#[test]
fn expects_of_every_suite_or_of_one() {
    let of = |keys: &str| {
        let text = format!(
            "arches = [\"armhf\"]\n[repo.r]\ndeb = \"debian\"\nsuites = [\"a\", \"b\"]\ncomponents = [\"main\"]\n\
             key = \"builtin:debian-bookworm\"\n{keys}[image.i]\n"
        );
        parse(&text, Path::new("image.toml")).map(|manifest| manifest.repos["r"].expected.clone()).map_err(|error| error.to_string())
    };
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let all = of("max-age = \"30d\"\nmax-age-is = \"error\"\n").unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.values().all(|suite| suite.max_age == Some(crate::pkg::MaxAge { age: 30 * day, is_error: true })));
    let one = of("max-age = { b = \"2w\" }\nsuite-name = { a = \"c\" }\n").unwrap();
    assert_eq!(one["b"].max_age.unwrap(), crate::pkg::MaxAge { age: 14 * day, is_error: false });
    assert_eq!((one["a"].name.as_deref(), one["b"].name.as_deref()), (Some("c"), None));
    for (keys, word) in [
        ("max-age = { c = \"1d\" }\n", "a suite of this repository"),
        ("max-age = \"soon\"\n", "an age"),
        ("max-age = \"1d\"\nmax-age-is = \"fatal\"\n", "fatal"),
        ("max-age-is = \"error\"\n", "max-age"),
        ("suite-name = \"a b\"\n", "a b"),
        ("suite-name = 5\n", "a string or a table of strings by suite"),
    ] {
        let message = of(keys).unwrap_err();
        assert!(message.contains(word), "{keys}: {message}");
    }
}
