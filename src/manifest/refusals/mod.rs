//! What is said about bad manifests, word for word.

mod images;
mod repositories;

use super::tests::{SMALL, read};

/// The messages for each of `texts`, with a rule between them.
fn messages(texts: &[&str]) -> String {
    let shown = texts.iter().map(|text| match read(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error.to_string(),
    });
    shown.collect::<Vec<_>>().join("\n----\n")
}

/// The messages for [`SMALL`] with one line replaced: `("packages =", "packages = 1")`.
fn changed(changes: &[(&str, &str)]) -> String {
    let texts: Vec<String> = changes
        .iter()
        .map(|(start, new)| {
            assert!(SMALL.lines().any(|line| line.starts_with(start)), "{start}");
            SMALL.lines().map(|line| if line.starts_with(start) { new } else { line }).collect::<Vec<_>>().join("\n")
        })
        .collect();
    messages(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn says_what_is_not_toml() {
    insta::assert_snapshot!(messages(&["arches = [\"armhf\"\n[image.a]\n", "arches = armhf\n", "[image.a]\n[image.a]\n", "epoch = 2026-02-30\n", ""]), @r#"
    manifests/edge.toml:2:1: this is not TOML: missing comma between array elements, expected `,`
      |
    2 | [image.a]
      | ^
    ----
    manifests/edge.toml:1:10: this is not TOML: string values must be quoted, expected literal string
      |
    1 | arches = armhf
      |          ^^^^^
    ----
    manifests/edge.toml:2:8: this is not TOML: duplicate key
      |
    2 | [image.a]
      |        ^
    ----
    manifests/edge.toml:1:9: this is not TOML: invalid date, expected day between 01 and 28
      |
    1 | epoch = 2026-02-30
      |         ^^^^^^^^^^
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:1:1: the manifest has no `arches`
      |
    1 |
      | ^
      = hint: add `arches = ["armhf"]` as the first line

    manifests/edge.toml:1:1: the manifest has no `image`
      |
    1 |
      | ^
      = hint: add `[image.base]` and `packages = […]`
    "#);
}

#[test]
fn suggests_for_unknown_keys() {
    insta::assert_snapshot!(changed(&[
        ("packages =", "pakages = [\"nginx\"]"),
        ("packages =", "package-armhf = [\"nginx\"]"),
        ("[image.base]", "[images.base]"),
        ("key =", "keys = \"builtin:debian-bookworm\"\nzzz = 1"),
        ("packages =", "packages = []\nepoch = 2026-01-01"),
        ("packages =", "packages = []\npackages- = []"),
        ("packages =", "packages = []\n[[hold]]\npackage = 'a'\nversion = '1'\nuntill = 2027-01-01"),
    ]), @r#"
    manifests/edge.toml:8:1: unknown key `pakages` in `[image.base]`
      |
    8 | pakages = ["nginx"]
      | ^^^^^^^
      = hint: did you mean `packages`?
    ----
    manifests/edge.toml:8:1: unknown key `package-armhf` in `[image.base]`
      |
    8 | package-armhf = ["nginx"]
      | ^^^^^^^^^^^^^
      = hint: did you mean `packages-armhf`?
    ----
    manifests/edge.toml:7:2: unknown key `images` in the manifest
      |
    7 | [images.base]
      |  ^^^^^^
      = hint: did you mean `image`?
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:6:1: unknown key `keys` in `[repo.debian]`
      |
    6 | keys = "builtin:debian-bookworm"
      | ^^^^
      = hint: did you mean `key`?

    manifests/edge.toml:7:1: unknown key `zzz` in `[repo.debian]`
      |
    7 | zzz = 1
      | ^^^
    ----
    manifests/edge.toml:9:1: unknown key `epoch` in `[image.base]`
      |
    9 | epoch = 2026-01-01
      | ^^^^^
      = hint: `epoch` belongs at the top of the manifest, above the first `[…]`
    ----
    manifests/edge.toml:9:1: unknown key `packages-` in `[image.base]`
      |
    9 | packages- = []
      | ^^^^^^^^^
      = hint: did you mean `packages`?
    ----
    manifests/edge.toml:12:1: unknown key `untill` in `[[hold]]`
       |
    12 | untill = 2027-01-01
       | ^^^^^^
       = hint: did you mean `until`?
    "#);
}

#[test]
fn says_which_type_is_expected() {
    insta::assert_snapshot!(changed(&[
        ("packages =", "packages = \"nginx\""),
        ("packages =", "packages = [\"nginx\", 7]"),
        ("packages =", "packages = []\nrecommends = \"yes\""),
        ("arches =", "arches = [\"armhf\"]\nepoch = \"2026-01-01\""),
        ("arches =", "arches = [\"armhf\"]\nepoch = 2026-01-01T00:00:00Z"),
        ("arches =", "arches = [\"armhf\"]\nepoch = 1969-12-31"),
        ("[image.base]", "[image]\nbase = 3"),
        ("packages =", "packages = []\n[hold]\npackage = 'a'"),
        ("packages =", "packages = []\n[ids]\nmessagebus = '101'\nroot = 0\n\"no good\" = 5\na = 7\nb = 7"),
        ("deb =", "deb = \"debian\"\npriority = 100"),
        ("deb =", "deb = \"debian\"\npriority = 0.5"),
    ]), @r#"
    manifests/edge.toml:8:12: `packages` must be a list of strings, found a string
      |
    8 | packages = "nginx"
      |            ^^^^^^^
      = hint: put it in brackets: `["…"]`
    ----
    manifests/edge.toml:8:22: `packages` must be a list of strings, found a whole number
      |
    8 | packages = ["nginx", 7]
      |                      ^
    ----
    manifests/edge.toml:9:14: `recommends` must be `true` or `false`, found a string
      |
    9 | recommends = "yes"
      |              ^^^^^
      = hint: remove the quotes
    ----
    manifests/edge.toml:2:9: `epoch` must be a date such as 2026-01-31, found a string
      |
    2 | epoch = "2026-01-01"
      |         ^^^^^^^^^^^^
      = hint: remove the quotes
    ----
    manifests/edge.toml:2:9: `epoch` must be a date such as 2026-01-31, found a date with a time
      |
    2 | epoch = 2026-01-01T00:00:00Z
      |         ^^^^^^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:2:9: `1969-12-31` is not a day since 1970-01-01
      |
    2 | epoch = 1969-12-31
      |         ^^^^^^^^^^
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:8:1: `image.base` must be a table, found a whole number
      |
    8 | base = 3
      | ^^^^

    manifests/edge.toml:9:1: `image.packages` must be a table, found a list
      |
    9 | packages = ["nginx"]
      | ^^^^^^^^
    ----
    manifests/edge.toml:9:1: `hold` must be a list of tables, found a table
      |
    9 | [hold]
      | ^^^^^^
    ----
    `manifests/edge.toml` has 4 mistakes
    manifests/edge.toml:10:14: `ids.messagebus` must be a whole number, found a string
       |
    10 | messagebus = '101'
       |              ^^^^^
       = hint: remove the quotes

    manifests/edge.toml:11:8: `ids.root` must be between 1 and 4294967294, found 0
       |
    11 | root = 0
       |        ^

    manifests/edge.toml:12:1: `no good` is not a user or group name
       |
    12 | "no good" = 5
       | ^^^^^^^^^

    manifests/edge.toml:14:1: `b` and `a` have the same id 7
       |
    14 | b = 7
       | ^
    ----
    manifests/edge.toml:4:12: `priority` must be between 1 and 99, found 100
      |
    4 | priority = 100
      |            ^^^
    ----
    manifests/edge.toml:4:12: `priority` must be a whole number, found a number with a fraction
      |
    4 | priority = 0.5
      |            ^^^
    "#);
}

#[test]
fn says_what_is_missing() {
    let without = |start| changed(&[(start, "")]);
    insta::assert_snapshot!([without("arches ="), without("deb ="), without("suites ="), without("components ="), without("key =")].join("\n----\n"), @r#"
    manifests/edge.toml:1:1: the manifest has no `arches`
      |
    1 |
      | ^
      = hint: add `arches = ["armhf"]` as the first line
    ----
    manifests/edge.toml:2:7: `[repo.debian]` has no `deb`
      |
    2 | [repo.debian]
      |       ^^^^^^
      = hint: add `deb = "debian"`, or the URL of the repository
    ----
    manifests/edge.toml:2:7: `[repo.debian]` has no `suites`
      |
    2 | [repo.debian]
      |       ^^^^^^
      = hint: add `suites = ["bookworm"]`, or `["./"]` for a flat repository
    ----
    manifests/edge.toml:2:7: `[repo.debian]` has no `components`
      |
    2 | [repo.debian]
      |       ^^^^^^
      = hint: add `components = ["main"]`
    ----
    manifests/edge.toml:2:7: `[repo.debian]` has no `key`
      |
    2 | [repo.debian]
      |       ^^^^^^
      = hint: add `key = "builtin:debian-bookworm"`
    "#);
    insta::assert_snapshot!(messages(&[
        "arches = ['armhf']\n",
        "arches = ['armhf']\n[image]\n",
        "arches = ['armhf']\n[image.a]\npackages = ['a']\n",
        "arches = ['armhf']\n[image.a]\n[[hold]]\nreason = 'x'\n",
    ]), @r#"
    manifests/edge.toml:1:1: the manifest has no `image`
      |
    1 | arches = ['armhf']
      | ^
      = hint: add `[image.base]` and `packages = […]`
    ----
    manifests/edge.toml:2:2: the manifest has no `image`
      |
    2 | [image]
      |  ^^^^^
      = hint: add `[image.base]` and `packages = […]`
    ----
    manifests/edge.toml:2:8: image `a` asks for packages, but the manifest has no repository
      |
    2 | [image.a]
      |        ^
      = hint: add a `[repo.NAME]`; `pintree init` writes one to start from
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:3:1: `[[hold]]` has no `package`
      |
    3 | [[hold]]
      | ^^^^^^^^
      = hint: add `package = "NAME"`; globs are allowed

    manifests/edge.toml:3:1: `[[hold]]` has no `version`
      |
    3 | [[hold]]
      | ^^^^^^^^
      = hint: add `version = "1.22.*"`
    "#);
}

#[test]
fn names_what_is_not_supported_yet() {
    insta::assert_snapshot!(changed(&[
        ("arches =", "arches = [\"armhf\"]\naccelerate = [\"amd64\"]\nplatform = \"platform:el8\"\nreleasever = \"8\""),
        ("packages =", "packages = [\"@nodejs:20/minimal\"]\nmodules = [\"virt:rhel\"]\nmodule-defaults = \"none\"\nbest = true"),
        ("deb =", "rpm = \"https://mirror.example.org/el8/$basearch/os/\"\ncost = 5\nmodule-hotfixes = true"),
        ("key =", "trust = \"packages\""),
    ]), @r#"
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:2:1: `accelerate` is not supported yet: only `[]` is
      |
    2 | accelerate = ["amd64"]
      | ^^^^^^^^^^

    manifests/edge.toml:3:1: `platform` is not supported yet: it is for rpm images
      |
    3 | platform = "platform:el8"
      | ^^^^^^^^

    manifests/edge.toml:4:1: `releasever` is not supported yet: it is for rpm images
      |
    4 | releasever = "8"
      | ^^^^^^^^^^
    ----
    `manifests/edge.toml` has 4 mistakes
    manifests/edge.toml:8:13: `@nodejs:20/minimal` is not supported yet: groups and module profiles are for rpm images
      |
    8 | packages = ["@nodejs:20/minimal"]
      |             ^^^^^^^^^^^^^^^^^^^^

    manifests/edge.toml:9:1: `modules` is not supported yet: it is for rpm images
      |
    9 | modules = ["virt:rhel"]
      | ^^^^^^^

    manifests/edge.toml:10:1: `module-defaults` is not supported yet: it is for rpm images
       |
    10 | module-defaults = "none"
       | ^^^^^^^^^^^^^^^

    manifests/edge.toml:11:1: `best` is not supported yet: it is for rpm images
       |
    11 | best = true
       | ^^^^
    ----
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:3:1: `rpm` is not supported yet: it is for rpm repositories
      |
    3 | rpm = "https://mirror.example.org/el8/$basearch/os/"
      | ^^^

    manifests/edge.toml:4:1: `cost` is not supported yet: it is for rpm images
      |
    4 | cost = 5
      | ^^^^

    manifests/edge.toml:5:1: `module-hotfixes` is not supported yet: it is for rpm images
      |
    5 | module-hotfixes = true
      | ^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:6:9: `trust = "packages"` is not supported yet: only rpm packages carry signatures of their own
      |
    6 | trust = "packages"
      |         ^^^^^^^^^^
    "#);
}

#[test]
fn a_flood_of_mistakes_is_cut_short() {
    let packages = "'a b', ".repeat(30).replace("a b", "x=1");
    let text = format!("arches = ['armhf']\n[image.a]\npackages = [{packages}]\n");
    let message = messages(&[&text]);
    assert!(message.starts_with("`manifests/edge.toml` has 31 mistakes\n"), "{message}");
    assert!(message.ends_with("… and 11 more"), "{message}");
}
