//! What is said about bad manifests, word for word.

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
fn ages_and_snapshots_have_their_forms() {
    let texts = ["3 days", "-1d", "2m"].map(|age| format!("min-age = \"{age}\"\n{SMALL}"));
    let snapshots = ["https://mirror.example.org/", "https://mirror.example.org/{time}/", "ftp://mirror.example.org/{date}", "{timestamp}"];
    let repos = snapshots.map(|snapshot| format!("{SMALL}\n[repo.more]\ndeb = \"debian\"\nsuites = [\"x\"]\ncomponents = [\"main\"]\nkey = \"builtin:debian-bookworm\"\nsnapshot = \"{snapshot}\"\n"));
    let all: Vec<&str> = texts.iter().chain(&repos).map(String::as_str).collect();
    insta::assert_snapshot!(messages(&all), @r#"
    manifests/edge.toml:1:11: `3 days` is not an age
      |
    1 | min-age = "3 days"
      |           ^^^^^^^^
      = hint: a number and `h`, `d` or `w`: `3d`
    ----
    manifests/edge.toml:1:11: `-1d` is not an age
      |
    1 | min-age = "-1d"
      |           ^^^^^
      = hint: a number and `h`, `d` or `w`: `3d`
    ----
    manifests/edge.toml:1:11: `2m` is not an age
      |
    1 | min-age = "2m"
      |           ^^^^
      = hint: a number and `h`, `d` or `w`: `3d`
    ----
    manifests/edge.toml:15:12: `https://mirror.example.org/` is not a snapshot template
       |
    15 | snapshot = "https://mirror.example.org/"
       |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = hint: it has no place for the day: `{timestamp}`, or `{date}`
    ----
    manifests/edge.toml:15:12: `https://mirror.example.org/{time}/` is not a snapshot template
       |
    15 | snapshot = "https://mirror.example.org/{time}/"
       |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = hint: in braces may stand `timestamp`, `date`, `year`, `month`, `day` and `unix`
    ----
    manifests/edge.toml:15:12: `ftp://mirror.example.org/1970-01-01` is not a usable URL: only `https:`, `http:` and `file:` can be fetched
       |
    15 | snapshot = "ftp://mirror.example.org/{date}"
       |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:15:12: `19700101T000000Z` is not a usable URL: only `https:`, `http:` and `file:` can be fetched
       |
    15 | snapshot = "{timestamp}"
       |            ^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_directory_has_nothing_of_an_archive() {
    let repo = |text: &str| format!("arches = [\"armhf\"]\n[repo.own]\n{text}\n[image.a]\n");
    let texts = [
        "deb = \"dir:debs\"",
        "deb = \"dir:debs\"\ntrust = \"index\"\nkey = \"keys/x.asc\"",
        "deb = \"dir:debs\"\ntrust = \"none\"\nkey = \"keys/x.asc\"\nsuites = [\"./\"]\ncomponents = [\"main\"]",
        "deb = \"dir:../debs\"\ntrust = \"none\"",
        "deb = [\"dir:debs\", \"https://mirror.example.org/debian\"]\ntrust = \"none\"",
        "deb = \"debs\"\ntrust = \"none\"\nsuites = [\"./\"]",
    ];
    let texts: Vec<String> = texts.map(repo).to_vec();
    insta::assert_snapshot!(messages(&texts.iter().map(String::as_str).collect::<Vec<_>>()), @r#"
    manifests/edge.toml:2:7: `[repo.own]` has no `trust`
      |
    2 | [repo.own]
      |       ^^^
      = hint: add `trust = "none"`: nobody signs the files of a directory
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:4:9: `index` is not the trust of a directory
      |
    4 | trust = "index"
      |         ^^^^^^^
      = hint: write `trust = "none"`: nobody signs the files of a directory

    manifests/edge.toml:5:1: a directory of package files has no `key`
      |
    5 | key = "keys/x.asc"
      | ^^^
      = hint: remove `key`
    ----
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:5:1: a directory of package files has no `key`
      |
    5 | key = "keys/x.asc"
      | ^^^
      = hint: remove `key`

    manifests/edge.toml:6:1: a directory of package files has no `suites`
      |
    6 | suites = ["./"]
      | ^^^^^^
      = hint: remove `suites`

    manifests/edge.toml:7:1: a directory of package files has no `components`
      |
    7 | components = ["main"]
      | ^^^^^^^^^^
      = hint: remove `components`
    ----
    manifests/edge.toml:3:7: `../debs` is not a clean path inside the project: `..` may lead out of it
      |
    3 | deb = "dir:../debs"
      |       ^^^^^^^^^^^^^
      = hint: paths are relative to the project directory
    ----
    manifests/edge.toml:3:8: `dir:debs` is not a URL, and a directory stands alone
      |
    3 | deb = ["dir:debs", "https://mirror.example.org/debian"]
      |        ^^^^^^^^^^
      = hint: give it a `[repo.NAME]` of its own
    ----
    manifests/edge.toml:3:7: `debs` is neither a named archive nor a URL
      |
    3 | deb = "debs"
      |       ^^^^^^
      = hint: the named archives are `debian`, `debian-security`, `ubuntu` and `ubuntu-ports`; a URL begins with `https://`, `http://` or `file:`, a directory of package files with `dir:`
    "#);
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
fn checks_architectures() {
    insta::assert_snapshot!(changed(&[
        ("arches =", "arches = []"),
        ("arches =", "arches = [\"armhf\", \"armfh\", \"i686\", \"all\"]"),
        ("arches =", "arches = [\"armhf\", \"amd64\", \"armv7hl\", \"amd64\"]"),
        ("packages =", "packages-arm64 = [\"nginx\"]"),
        ("packages =", "packages-armhf = []\npackages-armv7hl = []"),
        ("packages =", "packages = [\"wine32:i386\"]"),
        ("packages =", "arches = [\"amd64\"]"),
        ("packages =", "arches = []"),
    ]), @r#"
    manifests/edge.toml:1:1: `arches` is empty
      |
    1 | arches = []
      | ^^^^^^
      = hint: list at least one entry
    ----
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:1:20: `armfh` is not an architecture
      |
    1 | arches = ["armhf", "armfh", "i686", "all"]
      |                    ^^^^^^^
      = hint: did you mean `armhf`?

    manifests/edge.toml:1:29: `i686` is not an architecture
      |
    1 | arches = ["armhf", "armfh", "i686", "all"]
      |                             ^^^^^^
      = hint: did you mean `i386`?

    manifests/edge.toml:1:37: `all` is not an architecture
      |
    1 | arches = ["armhf", "armfh", "i686", "all"]
      |                                     ^^^^^
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:1:29: `armv7hl` and `armhf` are the same architecture
      |
    1 | arches = ["armhf", "amd64", "armv7hl", "amd64"]
      |                             ^^^^^^^^^

    manifests/edge.toml:1:40: `amd64` stands twice in `arches`
      |
    1 | arches = ["armhf", "amd64", "armv7hl", "amd64"]
      |                                        ^^^^^^^
    ----
    manifests/edge.toml:8:1: `packages-arm64`: the manifest is not built for `arm64`
      |
    8 | packages-arm64 = ["nginx"]
      | ^^^^^^^^^^^^^^
      = hint: it is built for `armhf`
    ----
    manifests/edge.toml:9:1: `packages-armv7hl` and `packages-armhf` are the same architecture
      |
    9 | packages-armv7hl = []
      | ^^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:8:13: `wine32:i386` asks for `i386`, which `foreign-arches` does not list
      |
    8 | packages = ["wine32:i386"]
      |             ^^^^^^^^^^^^^
      = hint: add `foreign-arches = ["i386"]` at the top of the manifest
    ----
    manifests/edge.toml:8:11: `arches`: the manifest is not built for `amd64`
      |
    8 | arches = ["amd64"]
      |           ^^^^^^^
      = hint: it is built for `armhf`
    ----
    manifests/edge.toml:8:1: `arches` is empty
      |
    8 | arches = []
      | ^^^^^^
      = hint: list at least one entry, or leave `arches` out
    "#);
}

#[test]
fn checks_repositories() {
    insta::assert_snapshot!(changed(&[
        ("deb =", "deb = \"debain\""),
        ("deb =", "deb = \"packages.example.com/apt\""),
        ("deb =", "deb = [\"debian\", \"https://mirror.example.org/debian\"]"),
        ("deb =", "deb = \"https://joe:secret@mirror.example.org/debian\""),
        ("deb =", "deb = \"ftp://mirror.example.org/debian\""),
        ("suites =", "suites = [\"./\"]"),
        ("suites =", "suites = [\"./\", \"bookworm\"]"),
        ("suites =", "suites = []"),
        ("suites =", "suites = [\"../bookworm\", \"/\"]"),
        ("suites =", "suites = [\"bookworm\", \"bookworm\"]"),
        ("components =", "components = []"),
        ("[repo.debian]", "[repo.\"../debian\"]"),
        ("deb =", "deb = \"debian\"\nonly = []"),
        ("deb =", "deb = \"debian\"\nonly = [\"nginx (>= 1)\", \"[\"]"),
    ]), @r#"
    manifests/edge.toml:3:7: `debain` is neither a named archive nor a URL
      |
    3 | deb = "debain"
      |       ^^^^^^^^
      = hint: did you mean `debian`?
    ----
    manifests/edge.toml:3:7: `packages.example.com/apt` is neither a named archive nor a URL
      |
    3 | deb = "packages.example.com/apt"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^
      = hint: the named archives are `debian`, `debian-security`, `ubuntu` and `ubuntu-ports`; a URL begins with `https://`, `http://` or `file:`, a directory of package files with `dir:`
    ----
    manifests/edge.toml:3:8: `debian` is not a URL, and a named archive stands alone
      |
    3 | deb = ["debian", "https://mirror.example.org/debian"]
      |        ^^^^^^^^
      = hint: write `deb = "debian"`; its URLs come from the mirror settings
    ----
    manifests/edge.toml:3:7: `https://**********@mirror.example.org/debian` is not a usable URL: credentials do not belong in a manifest; put them into netrc
      |
    3 | deb = "https://**********@mirror.example.org/debian"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:3:7: `ftp://mirror.example.org/debian` is not a usable URL: only `https:`, `http:` and `file:` can be fetched
      |
    3 | deb = "ftp://mirror.example.org/debian"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:5:1: the flat suite `./` has no components
      |
    5 | components = ["main"]
      | ^^^^^^^^^^
      = hint: remove `components`; a flat repository is one directory
    ----
    manifests/edge.toml:4:11: the flat suite `./` cannot stand beside `bookworm`
      |
    4 | suites = ["./", "bookworm"]
      |           ^^^^
      = hint: give each a `[repo.NAME]` of its own
    ----
    manifests/edge.toml:4:1: `suites` is empty
      |
    4 | suites = []
      | ^^^^^^
      = hint: list at least one entry
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:4:11: `../bookworm` is not a suite
      |
    4 | suites = ["../bookworm", "/"]
      |           ^^^^^^^^^^^^^

    manifests/edge.toml:4:26: `/` is not a suite
      |
    4 | suites = ["../bookworm", "/"]
      |                          ^^^
      = hint: the flat repository at the URL itself is `./`
    ----
    manifests/edge.toml:4:23: `bookworm` stands twice in `suites`
      |
    4 | suites = ["bookworm", "bookworm"]
      |                       ^^^^^^^^^^
    ----
    manifests/edge.toml:5:1: `components` is empty
      |
    5 | components = []
      | ^^^^^^^^^^
      = hint: list at least one entry
    ----
    manifests/edge.toml:2:7: `../debian` is not a repository name
      |
    2 | [repo."../debian"]
      |       ^^^^^^^^^^^
      = hint: `debian` would do; names have letters, digits, `_` and `-`
    ----
    manifests/edge.toml:4:1: `only` is empty
      |
    4 | only = []
      | ^^^^
      = hint: list at least one entry, or leave `only` out
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:4:9: `nginx (>= 1)` is not a pattern of package names
      |
    4 | only = ["nginx (>= 1)", "["]
      |         ^^^^^^^^^^^^^^
      = hint: a bare name, or one with `*`, `?` or `[…]`; no version, no architecture

    manifests/edge.toml:4:25: `[` is not a valid pattern
      |
    4 | only = ["nginx (>= 1)", "["]
      |                         ^^^
    "#);
}

#[test]
fn checks_trust() {
    insta::assert_snapshot!(changed(&[
        ("key =", "key = \"builtin:debian-bookwurm\""),
        ("key =", "key = \"debian-bookworm\""),
        ("key =", "key = []"),
        ("key =", "key = \"/usr/share/keyrings/debian-archive-keyring.gpg\""),
        ("key =", "key = \"../keys/x.asc\""),
        ("key =", "key = \"keys/x.asc\"\ntrust = \"none\""),
        ("key =", "trust = \"nothing\""),
        ("key =", "trust = \"index\""),
    ]), @r#"
    manifests/edge.toml:6:7: there is no built-in key `debian-bookwurm`
      |
    6 | key = "builtin:debian-bookwurm"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^
      = hint: did you mean `debian-bookworm`?
    ----
    manifests/edge.toml:6:7: `debian-bookworm` is not a key file
      |
    6 | key = "debian-bookworm"
      |       ^^^^^^^^^^^^^^^^^
      = hint: write `builtin:debian-bookworm`
    ----
    manifests/edge.toml:6:1: `key` is empty
      |
    6 | key = []
      | ^^^
      = hint: list at least one entry
    ----
    manifests/edge.toml:6:7: `/usr/share/keyrings/debian-archive-keyring.gpg` is not a clean path inside the project: it is absolute
      |
    6 | key = "/usr/share/keyrings/debian-archive-keyring.gpg"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = hint: paths are relative to the project directory
    ----
    manifests/edge.toml:6:7: `../keys/x.asc` is not a clean path inside the project: `..` may lead out of it
      |
    6 | key = "../keys/x.asc"
      |       ^^^^^^^^^^^^^^^
      = hint: paths are relative to the project directory
    ----
    manifests/edge.toml:6:1: repository `debian` has a `key`, but `trust = "none"` checks no signature
      |
    6 | key = "keys/x.asc"
      | ^^^
      = hint: remove `trust` to have signatures checked, or remove `key`
    ----
    manifests/edge.toml:6:9: `nothing` is no value of `trust`
      |
    6 | trust = "nothing"
      |         ^^^^^^^^^
      = hint: it is one of `index`, `packages` and `none`
    ----
    manifests/edge.toml:2:7: `[repo.debian]` has no `key`
      |
    2 | [repo.debian]
      |       ^^^^^^
      = hint: add `key = "builtin:debian-bookworm"`
    "#);
}

#[test]
fn checks_settings() {
    insta::assert_snapshot!(changed(&[
        ("packages =", "hostname = \"-kiosk\"\ntimezone = \"../Berlin\"\nlocale = \"de DE\""),
        ("packages =", "authorized-keys = [\"/root/.ssh/id.pub\"]"),
        ("packages =", "permissions = { \"etc/x\" = \"root:adm\", \"/etc/y\" = \"u+s\", \"/a/../b\" = \"0644\", \"/c\" = 644 }"),
        ("packages =", "checks = { setid = \"fail\", world-writable = \"fial\", build-paths = true }"),
        ("packages =", "set-id = \"fail\"\nchecks = \"fail\""),
    ]), @r#"
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:8:12: `-kiosk` is not a host name
      |
    8 | hostname = "-kiosk"
      |            ^^^^^^^^

    manifests/edge.toml:9:12: `../Berlin` is not a time zone
      |
    9 | timezone = "../Berlin"
      |            ^^^^^^^^^^^
      = hint: a name below `/usr/share/zoneinfo`: `Europe/Berlin`, `Etc/UTC`

    manifests/edge.toml:10:10: `de DE` is not a locale
       |
    10 | locale = "de DE"
       |          ^^^^^^^
       = hint: a value of `LANG`: `C.UTF-8`, `de_DE.UTF-8`
    ----
    manifests/edge.toml:8:20: `/root/.ssh/id.pub` is not a clean path inside the project: it is absolute
      |
    8 | authorized-keys = ["/root/.ssh/id.pub"]
      |                    ^^^^^^^^^^^^^^^^^^^
      = hint: paths are relative to the project directory
    ----
    `manifests/edge.toml` has 4 mistakes
    manifests/edge.toml:8:17: `etc/x` is not a clean absolute path
      |
    8 | permissions = { "etc/x" = "root:adm", "/etc/y" = "u+s", "/a/../b" = "0644", "/c" = 644 }
      |                 ^^^^^^^
      = hint: an absolute path of the image: `/etc/foo.conf`

    manifests/edge.toml:8:50: `u+s` is not an owner and mode
      |
    8 | permissions = { "etc/x" = "root:adm", "/etc/y" = "u+s", "/a/../b" = "0644", "/c" = 644 }
      |                                                  ^^^^^
      = hint: `USER:GROUP MODE`, or one of the two: `root:adm 0640`

    manifests/edge.toml:8:57: `/a/../b` is not a clean absolute path
      |
    8 | permissions = { "etc/x" = "root:adm", "/etc/y" = "u+s", "/a/../b" = "0644", "/c" = 644 }
      |                                                         ^^^^^^^^^
      = hint: an absolute path of the image: `/etc/foo.conf`

    manifests/edge.toml:8:84: `permissions./c` must be a string, found a whole number
      |
    8 | permissions = { "etc/x" = "root:adm", "/etc/y" = "u+s", "/a/../b" = "0644", "/c" = 644 }
      |                                                                                    ^^^
    ----
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:8:12: unknown key `setid` in `[image.base.checks]`
      |
    8 | checks = { setid = "fail", world-writable = "fial", build-paths = true }
      |            ^^^^^
      = hint: did you mean `set-id`?

    manifests/edge.toml:8:45: `fial` is no value of `world-writable`
      |
    8 | checks = { setid = "fail", world-writable = "fial", build-paths = true }
      |                                             ^^^^^^
      = hint: did you mean `fail`?

    manifests/edge.toml:8:67: `build-paths` must be a string, found `true` or `false`
      |
    8 | checks = { setid = "fail", world-writable = "fial", build-paths = true }
      |                                                                   ^^^^
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:8:1: unknown key `set-id` in `[image.base]`
      |
    8 | set-id = "fail"
      | ^^^^^^
      = hint: `set-id` belongs in an `[image.NAME.checks]`

    manifests/edge.toml:9:10: `checks` must be a table, found a string
      |
    9 | checks = "fail"
      |          ^^^^^^
    "#);
}

#[test]
fn checks_images() {
    insta::assert_snapshot!(changed(&[
        ("packages =", "packages = [\"nginx=1.22\", \"nginx/sid\", \"a b\", \"/usr/../bin/x\", \"\"]"),
        ("packages =", "packages = [\"nginx\", \"nginx\"]\npackages-armhf = [\"nginx\"]"),
        ("packages =", "packages = [\"nginx from bookwurm\"]"),
        ("packages =", "variant = \"minbas\""),
        ("packages =", "variant = \"everything\""),
        ("packages =", "overlay = [\"/etc\", \"../x\", \"a/../../b\", \"./a\", \"\"]"),
        ("packages =", "scripts = \"x.sh\""),
        ("packages =", "ref = \"acme/base/{image}\""),
        ("packages =", "ref = \"/acme base\""),
        ("[image.base]", "[image.\"a/b\"]"),
        ("[image.base]", "[image.\"-\"]"),
        ("packages =", "exclude = [\"vim:armhf\"]"),
        (
            "packages =",
            "debconf = [\"tzdata tzdata/Areas\", \"a a/b strin x\", \"# a b string\", \"a b string\\nc d string\", \"a b string\", \"a b string x\", \"a b seen true\"]",
        ),
    ]), @r##"
    `manifests/edge.toml` has 5 mistakes
    manifests/edge.toml:8:13: `nginx=1.22` is apt's command-line syntax; write `nginx (= 1.22)`
      |
    8 | packages = ["nginx=1.22", "nginx/sid", "a b", "/usr/../bin/x", ""]
      |             ^^^^^^^^^^^^

    manifests/edge.toml:8:27: `nginx/sid` is apt's command-line syntax; write `nginx from sid`
      |
    8 | packages = ["nginx=1.22", "nginx/sid", "a b", "/usr/../bin/x", ""]
      |                           ^^^^^^^^^^^

    manifests/edge.toml:8:40: `a b` is not a package relation: the name is malformed
      |
    8 | packages = ["nginx=1.22", "nginx/sid", "a b", "/usr/../bin/x", ""]
      |                                        ^^^^^

    manifests/edge.toml:8:47: `/usr/../bin/x` is not a clean absolute path
      |
    8 | packages = ["nginx=1.22", "nginx/sid", "a b", "/usr/../bin/x", ""]
      |                                               ^^^^^^^^^^^^^^^

    manifests/edge.toml:8:64: the request is empty
      |
    8 | packages = ["nginx=1.22", "nginx/sid", "a b", "/usr/../bin/x", ""]
      |                                                                ^^
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:8:22: `nginx` stands twice in `packages`
      |
    8 | packages = ["nginx", "nginx"]
      |                      ^^^^^^^

    manifests/edge.toml:9:19: `nginx` stands twice in `packages` and `packages-armhf`
      |
    9 | packages-armhf = ["nginx"]
      |                   ^^^^^^^
    ----
    manifests/edge.toml:8:13: `nginx from bookwurm`: the manifest has no repository and no suite `bookwurm`
      |
    8 | packages = ["nginx from bookwurm"]
      |             ^^^^^^^^^^^^^^^^^^^^^
      = hint: did you mean `bookworm`?
    ----
    manifests/edge.toml:8:11: `minbas` is no value of `variant`
      |
    8 | variant = "minbas"
      |           ^^^^^^^^
      = hint: did you mean `minbase`?
    ----
    manifests/edge.toml:8:11: `everything` is no value of `variant`
      |
    8 | variant = "everything"
      |           ^^^^^^^^^^^^
      = hint: it is one of `custom`, `essential`, `minbase`, `important` and `standard`
    ----
    `manifests/edge.toml` has 5 mistakes
    manifests/edge.toml:8:12: `/etc` is not a clean path inside the project: it is absolute
      |
    8 | overlay = ["/etc", "../x", "a/../../b", "./a", ""]
      |            ^^^^^^
      = hint: paths are relative to the project directory

    manifests/edge.toml:8:20: `../x` is not a clean path inside the project: `..` may lead out of it
      |
    8 | overlay = ["/etc", "../x", "a/../../b", "./a", ""]
      |                    ^^^^^^
      = hint: paths are relative to the project directory

    manifests/edge.toml:8:28: `a/../../b` is not a clean path inside the project: `..` may lead out of it
      |
    8 | overlay = ["/etc", "../x", "a/../../b", "./a", ""]
      |                            ^^^^^^^^^^^
      = hint: paths are relative to the project directory

    manifests/edge.toml:8:41: `./a` is not a clean path inside the project: it has an empty or `.` part
      |
    8 | overlay = ["/etc", "../x", "a/../../b", "./a", ""]
      |                                         ^^^^^
      = hint: paths are relative to the project directory

    manifests/edge.toml:8:48: `` is not a clean path inside the project: it is empty
      |
    8 | overlay = ["/etc", "../x", "a/../../b", "./a", ""]
      |                                                ^^
      = hint: paths are relative to the project directory
    ----
    manifests/edge.toml:8:11: `scripts` must be a list of strings, found a string
      |
    8 | scripts = "x.sh"
      |           ^^^^^^
      = hint: put it in brackets: `["…"]`
    ----
    manifests/edge.toml:8:7: `acme/base/{image}` is not a ref
      |
    8 | ref = "acme/base/{image}"
      |       ^^^^^^^^^^^^^^^^^^^
      = hint: `{image}` stands for nothing; `{arch}` is the only placeholder
    ----
    manifests/edge.toml:8:7: `/acme base` is not a ref
      |
    8 | ref = "/acme base"
      |       ^^^^^^^^^^^^
      = hint: parts split by `/`, of letters, digits, `_`, `-` and `.`, each beginning with a letter or digit
    ----
    manifests/edge.toml:7:8: `a/b` is not an image name
      |
    7 | [image."a/b"]
      |        ^^^^^
      = hint: `a-b` would do; names have letters, digits, `_` and `-`
    ----
    manifests/edge.toml:7:8: `-` is not an image name
      |
    7 | [image."-"]
      |        ^^^
    ----
    manifests/edge.toml:8:12: `vim:armhf` is not a pattern of package names
      |
    8 | exclude = ["vim:armhf"]
      |            ^^^^^^^^^^^
      = hint: a bare name, or one with `*`, `?` or `[…]`; no version, no architecture
    ----
    `manifests/edge.toml` has 5 mistakes
    manifests/edge.toml:8:12: `tzdata tzdata/Areas` is not a line for debconf
      |
    8 | debconf = ["tzdata tzdata/Areas", "a a/b strin x", "# a b string", "a b string\nc d string", "a b string", "a b string x
      |            ^^^^^^^^^^^^^^^^^^^^^
      = hint: owner, question, type and value: `tzdata tzdata/Areas select Europe`

    manifests/edge.toml:8:35: `a a/b strin x` is not a line for debconf
      |
    8 | debconf = ["tzdata tzdata/Areas", "a a/b strin x", "# a b string", "a b string\nc d string", "a b string", "a b string x
      |                                   ^^^^^^^^^^^^^^^
      = hint: did you mean `string`?

    manifests/edge.toml:8:52: `# a b string` is not a line for debconf
      |
    8 | "tzdata tzdata/Areas", "a a/b strin x", "# a b string", "a b string\nc d string", "a b string", "a b string x", "a b see
      |                                         ^^^^^^^^^^^^^^
      = hint: owner, question, type and value: `tzdata tzdata/Areas select Europe`

    manifests/edge.toml:8:68: `a b string�c d string` is not a line for debconf
      |
    8 | reas", "a a/b strin x", "# a b string", "a b string\nc d string", "a b string", "a b string x", "a b seen true"]
      |                                         ^^^^^^^^^^^^^^^^^^^^^^^^
      = hint: write each line as an entry of its own

    manifests/edge.toml:8:108: `a b` stands twice in `debconf`
      |
    8 | "a b string\nc d string", "a b string", "a b string x", "a b seen true"]
      |                                         ^^^^^^^^^^^^^^
    "##);
}

#[test]
fn checks_images_against_each_other() {
    let start = "arches = ['armhf', 'amd64']\n";
    let texts = [
        "[image.base]\n[image.kiosk]\nextends = 'bsae'\n",
        "[image.a]\nextends = 'b'\n[image.b]\nextends = 'c'\n[image.c]\nextends = 'b'\n",
        "[image.a]\nextends = 'a'\n",
        "[image.a]\nref = 'acme/x'\n",
        "[image.a]\nref = 'acme/{arch}'\n[image.b]\nref = 'acme/{arch}'\n",
        "[image.a]\narches = ['armhf']\n[image.b]\nextends = 'a'\narches = ['amd64']\npackages-amd64 = []\n[image.c]\nextends = 'a'\npackages-amd64 = []\n",
    ];
    let texts: Vec<String> = texts.iter().map(|text| format!("{start}{text}")).collect();
    insta::assert_snapshot!(messages(&texts.iter().map(String::as_str).collect::<Vec<_>>()), @"
    manifests/edge.toml:4:11: image `kiosk` extends `bsae`, which the manifest does not have
      |
    4 | extends = 'bsae'
      |           ^^^^^^
      = hint: did you mean `base`?
    ----
    manifests/edge.toml:5:11: image `b` extends itself: b ► c ► b
      |
    5 | extends = 'c'
      |           ^^^
    ----
    manifests/edge.toml:3:11: image `a` extends itself: a ► a
      |
    3 | extends = 'a'
      |           ^^^
    ----
    manifests/edge.toml:3:7: `acme/x` is not a ref of several architectures
      |
    3 | ref = 'acme/x'
      |       ^^^^^^^^
      = hint: put `{arch}` into it: `acme/x/{arch}`
    ----
    manifests/edge.toml:5:7: image `b` and image `a` would both publish to `acme/armhf`
      |
    5 | ref = 'acme/{arch}'
      |       ^^^^^^^^^^^^^
      = hint: give each image a `ref` of its own
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:6:11: `arches`: image `a` is not built for `amd64`
      |
    6 | arches = ['amd64']
      |           ^^^^^^^
      = hint: it is built for `armhf`

    manifests/edge.toml:10:1: `packages-amd64`: image `c` is not built for `amd64`
       |
    10 | packages-amd64 = []
       | ^^^^^^^^^^^^^^
       = hint: it is built for `armhf`
    ");
}

#[test]
fn checks_holds() {
    insta::assert_snapshot!(changed(&[
        ("packages =", "[[hold]]\npackage = \"nginx (>= 1)\"\nversion = \"\"\nreason = \"two\\nlines\""),
        ("packages =", "[[hold]]\npackage = \"a\"\nversion = \"= 1\"\nuntil = 2027-02-01T10:00:00"),
        ("packages =", "[[hold]]\npackage = \"a\"\nversion = \"1\"\n[[hold]]\npackage = \"a\"\nversion = \"1\""),
    ]), @r#"
    `manifests/edge.toml` has 3 mistakes
    manifests/edge.toml:9:11: `nginx (>= 1)` is not a pattern of package names
      |
    9 | package = "nginx (>= 1)"
      |           ^^^^^^^^^^^^^^
      = hint: a bare name, or one with `*`, `?` or `[…]`; no version, no architecture

    manifests/edge.toml:10:11: `` is not a pattern of versions
       |
    10 | version = ""
       |           ^^
       = hint: a version, or one with `*`, `?` or `[…]`: `1.22.*`

    manifests/edge.toml:11:10: `two�lines` is not one line of text
       |
    11 | reason = "two\nlines"
       |          ^^^^^^^^^^^^
    ----
    `manifests/edge.toml` has 2 mistakes
    manifests/edge.toml:10:11: `= 1` is not a pattern of versions
       |
    10 | version = "= 1"
       |           ^^^^^
       = hint: a version, or one with `*`, `?` or `[…]`: `1.22.*`

    manifests/edge.toml:11:9: `until` must be a date such as 2026-01-31, found a date with a time
       |
    11 | until = 2027-02-01T10:00:00
       |         ^^^^^^^^^^^^^^^^^^^
    ----
    manifests/edge.toml:11:1: `a 1` stands twice in `hold`
       |
    11 | [[hold]]
       | ^^^^^^^^
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
