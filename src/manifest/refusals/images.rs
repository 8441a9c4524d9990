//! Of images, architectures, settings and holds.

use super::*;

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
