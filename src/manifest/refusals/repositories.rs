//! Of repositories.

use super::*;

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
