use super::*;

/// What reading says when `from`, which must stand in the sample's text, is replaced by `to`.
fn refusal(from: &str, to: &str) -> String {
    let text = Lockfile::build(sample(), None).unwrap().render();
    assert!(text.contains(from), "the sample lacks {from:?}");
    match Lockfile::parse(&text.replacen(from, to, 1)) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

const LOCALES: &str = "a7dc00720df00521761e0f3120f1f00bae924fbac39554937ffa9ae3095e7248";

#[test]
fn refuses_versions_it_does_not_know() {
    insta::assert_snapshot!(refusal("version = 1\n", "version = 2\nnew-key = 1\n"), @"the lockfile has version 2, this pintree reads up to version 1");
    insta::assert_snapshot!(refusal("version = 1\n", "version = 0\n"), @"line 2, column 11: lockfile version 0 never existed");
    insta::assert_snapshot!(refusal("version = 1\n", ""), @"line 1, column 1: the lockfile lacks the key `version`");
    insta::assert_snapshot!(refusal("version = 1\n", "version = \"1\"\n"), @"line 2, column 11: `version` must be an integer");
    insta::assert_snapshot!(refusal("\"deb\"", "\"rpm\""), @"line 3, column 13: lockfiles of ecosystem `rpm` are not supported yet");
}

#[test]
fn refuses_what_is_ill_formed() {
    let cell = format!("{LOCALES} 1007");
    let table = [
        ("not TOML", "[ids]", "[ids"),
        ("unknown key at the top", "[ids]", "foo = 1\n\n[ids]"),
        ("unknown key in a source", "binnmu =", "binmu ="),
        ("unknown key in a repository", "priority =", "prioritty ="),
        ("unknown key in an image", "recommends =", "reccommends ="),
        ("unknown key in a hold", "reason =", "why ="),
        ("unknown key of an id", "uid =", "pid ="),
        ("missing key", "name = \"glibc\"\n", ""),
        ("wrong type", "name = \"glibc\"", "name = 1"),
        ("wrong type in an array", "[\"armhf\", \"amd64\"]", "[\"armhf\", 1]"),
        ("string for a date", "until = 2027-02-01", "until = \"2027-02-01\""),
        ("priority out of range", "priority = 50", "priority = 100"),
        ("unknown trust", "trust = \"none\"", "trust = \"blind\""),
        ("unknown variant", "variant = \"custom\"", "variant = \"tiny\""),
        ("bad pattern", "\"vim-*\"", "\"vim-[\""),
        ("no architecture", "[\"armhf\", \"amd64\"]", "[\"armhf\", \"AMD\"]"),
        ("architecture twice", "[\"armhf\", \"amd64\"]", "[\"armhf\", \"armv7hl\"]"),
        ("bad digest", &cell, &cell.to_uppercase()),
        ("short digest", &cell, "abc 1007"),
        ("bad size", &cell, &format!("{LOCALES} 01007")),
        ("no size", &cell, LOCALES),
        ("huge size", &cell, &format!("{LOCALES} 99999999999999999999")),
        ("bad version", &cell, &format!("{LOCALES} 1007 a/b")),
        ("four fields", &cell, &format!("{LOCALES} 1007 1 2")),
        ("bad binNMU", "binnmu = { armhf = 2 }", "binnmu = { armhf = 0 }"),
        ("binNMU of all", "binnmu = { armhf = 2 }", "binnmu = { all = 2 }"),
        ("path upwards", "\"./vendor-gpu.deb\"", "\"../../etc/passwd\""),
        ("absolute path", "\"./vendor-gpu.deb\"", "\"/etc/passwd\""),
        ("pool upwards", "pool = \"pool/updates/main\"", "pool = \"../main\""),
        ("path of nothing", "path = { armhf", "path = { amd64"),
        ("bad package name", "bin.locales", "bin.\"../locales\""),
        ("empty bin", &format!("bin.locales = {{ all = \"{cell}\" }}"), "bin.locales = {}"),
    ];
    let told: Vec<String> = table.iter().map(|(what, from, to)| format!("{what}: {}", refusal(from, to))).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    not TOML: line 6, column 5: unclosed table, expected `]`
    unknown key at the top: line 6, column 1: unknown key `foo` in the lockfile
    unknown key in a source: line 46, column 1: unknown key `binmu` in a source; did you mean `binnmu`?
    unknown key in a repository: line 31, column 1: unknown key `prioritty` in a repository; did you mean `priority`?
    unknown key in an image: line 96, column 1: unknown key `reccommends` in an image; did you mean `recommends`?
    unknown key in a hold: line 13, column 1: unknown key `why` in a hold
    unknown key of an id: line 8, column 16: unknown key `pid` in an entry of `[ids]`; did you mean `uid`?
    missing key: line 42, column 1: a source lacks the key `name`
    wrong type: line 43, column 8: `name` must be a string
    wrong type in an array: line 77, column 20: `arches` must be an array of strings
    string for a date: line 14, column 9: `until` must be a date
    priority out of range: line 31, column 12: `priority` must be a number from 1 to 99
    unknown trust: line 32, column 9: `blind` is not `index`, `packages` or `none`
    unknown variant: line 78, column 11: `tiny` is not a variant
    bad pattern: line 97, column 11: `vim-[` is not a pattern
    no architecture: line 77, column 20: `AMD` is not an architecture
    architecture twice: line 77, column 20: `armv7hl` stands twice
    bad digest: line 49, column 23: `A7DC00720DF00521761E0F3120F1F00BAE924FBAC39554937FFA9AE3095E7248` is not a SHA-256 digest of 64 lower-case hexadecimal digits
    short digest: line 49, column 23: `abc` is not a SHA-256 digest of 64 lower-case hexadecimal digits
    bad size: line 49, column 23: `01007` is not a size in bytes
    no size: line 49, column 23: `` is not a size in bytes
    huge size: line 49, column 23: `99999999999999999999` is not a size in bytes
    bad version: line 49, column 23: `a/b` is not a version
    four fields: line 49, column 23: `a7dc00720df00521761e0f3120f1f00bae924fbac39554937ffa9ae3095e7248 1007 1 2` is not `SHA256 SIZE [VERSION]`
    bad binNMU: line 46, column 12: `armhf` must be a number from 1
    binNMU of all: line 46, column 12: `all` is not an architecture that stands once
    path upwards: line 74, column 118: `../../etc/passwd` is not a relative path
    absolute path: line 74, column 118: `/etc/passwd` is not a relative path
    pool upwards: line 26, column 8: `../main` is not a relative path
    path of nothing: line 74, column 110: unknown key `amd64` in `path`
    bad package name: line 49, column 5: `../locales` is not a package name
    empty bin: line 49, column 5: `locales` has no cell for any architecture
    ");
}

#[test]
fn refuses_what_contradicts_itself() {
    let cell = format!("\"{LOCALES} 1007\"");
    let table = [
        ("all beside another", &*format!("all = {cell}"), &*format!("all = {cell}, armhf = {cell}")),
        ("duplicate block", "version = \"2025b-0\"", "version = \"2024a-0\""),
        ("duplicate cell", "bin.locales =", &format!("bin.tzdata = {{ version = \"2024a-0\", all = {cell} }}\nbin.locales =")),
        ("duplicate cell by synonym", "armhf = \"d9b7", "x86_64 = \"d9b7"),
        ("unknown repository", "repo = \"vendor\"", "repo = \"nobody\""),
        ("dangling", "  \"locales\",", "  \"locale\","),
        ("dangling on one architecture", "  \"vendor-gpu [armhf]\",\n]\nwithout", "  \"vendor-gpu\",\n]\nwithout"),
        ("ambiguous", "tzdata@2025b-0", "tzdata"),
        ("dangling version", "tzdata@2025b-0", "tzdata@2026"),
        ("needless version", "  \"locales\",", "  \"locales@1:2.36-9\","),
        ("needless architecture", "  \"libc6:i386 [amd64]\",", "  \"libgcc-s1:amd64 [amd64]\","),
        ("malformed reference", "  \"locales\",", "  \"local es\","),
        ("malformed bracket", "  \"libc6:i386 [amd64]\",", "  \"libc6:i386 []\","),
        ("foreign bracket", "  \"libc6:i386 [amd64]\",", "  \"libc6:i386 [arm64]\","),
        ("same entry twice", "  \"libc-bin\",", "  \"libc-bin\",\n  \"libc-bin\","),
        ("adding what is there", "  \"libc6:i386 [amd64]\",", "  \"libc6:i386 [amd64]\",\n  \"locales\","),
        ("removing what is not there", "without = [", "without = [\n  \"vendor-gpu [armhf]\","),
        ("two versions in one image", "without = [\n  \"tzdata@2024a-0\",\n]", ""),
        ("unknown base", "extends = \"base\"", "extends = \"bass\""),
        ("extends itself", "extends = \"base\"", "extends = \"kiosk\""),
        ("cycle", "variant = \"custom\"", "extends = \"kiosk\""),
    ];
    let told: Vec<String> = table.iter().map(|(what, from, to)| format!("{what}: {}", refusal(from, to))).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    all beside another: line 42, column 1: `locales` of source `glibc` 1:2.36-9 is `all` and armhf at once
    duplicate block: line 64, column 1: a second block for source `tzdata` version `2024a-0` from `debian`
    duplicate cell: line 63, column 22: a second cell for `tzdata` version `2024a-0` on all
    duplicate cell by synonym: line 47, column 108: a second cell for `libc-bin` version `1:2.36-9` on amd64
    unknown repository: line 73, column 8: `vendor-gpu` comes from repository `nobody`, which is not in the manifest
    dangling: line 89, column 3: `locale` matches no cell on armhf
    dangling on one architecture: line 105, column 3: `vendor-gpu` matches no cell on amd64
    ambiguous: line 104, column 3: `tzdata` is ambiguous on armhf: it matches the versions `2024a-0` and `2025b-0`
    dangling version: line 104, column 3: `tzdata@2026` matches no cell on armhf
    needless version: line 89, column 3: `locales@1:2.36-9` needs no `@` on armhf: there is only one version
    needless architecture: line 103, column 3: `libgcc-s1:amd64` needs no `:amd64` in an image for amd64
    malformed reference: line 89, column 3: `local es` is not a reference of the form `name[:arch][@version]`
    malformed bracket: line 103, column 3: `libc6:i386 []` is not a reference of the form `name[:arch][@version]`
    foreign bracket: line 103, column 3: arm64 is not an architecture of image `kiosk`
    same entry twice: line 85, column 3: `libc-bin` stands twice
    adding what is there: line 104, column 3: `locales` need not be added on armhf: the extended image has it
    removing what is not there: line 108, column 3: `vendor-gpu [armhf]` cannot be removed on armhf: the extended image has no such package
    two versions in one image: line 102, column 12: image `kiosk` has `tzdata` twice on armhf: 2024a-0 and 2025b-0
    unknown base: line 95, column 11: image `kiosk` extends `bass`, which does not exist
    extends itself: line 95, column 11: image `kiosk` extends itself: kiosk ► kiosk
    cycle: line 78, column 11: image `base` extends itself: base ► kiosk ► base
    ");
}

#[test]
fn refuses_parts_that_contradict_each_other() {
    type Change<'a> = &'a dyn Fn(&mut Parts);
    let refusal = |change: Change<'_>| {
        let mut parts = sample();
        change(&mut parts);
        Lockfile::build(parts, None).err().map_or_else(|| "accepted".to_owned(), |error| error.to_string())
    };
    let base = || ("base".to_owned(), arch("armhf"));
    let table: [(&str, Change<'_>); 11] = [
        ("two contents", &|parts| parts.pins.get_mut(&base()).unwrap()[0].size += 1),
        ("twice in an image", &|parts| parts.pins.get_mut(&base()).unwrap().push(pin("libc6", "9", "armhf"))),
        ("all beside another", &|parts| {
            parts.pins.get_mut(&("kiosk".into(), arch("armhf"))).unwrap().retain(|pin| pin.name != "locales");
            let locales = from_source("locales", "1:2.36-9+b7", "armhf", "glibc", "1:2.36-9");
            parts.pins.get_mut(&("kiosk".into(), arch("armhf"))).unwrap().push(locales);
        }),
        ("unnameable", &|parts| {
            parts.pins.get_mut(&("kiosk".into(), arch("armhf"))).unwrap().retain(|pin| pin.name != "locales");
            let locales = from_source("locales", "1:2.36-9", "armhf", "glibc", "1:3");
            parts.pins.get_mut(&("kiosk".into(), arch("armhf"))).unwrap().push(locales);
        }),
        ("unknown repository", &|parts| parts.pins.get_mut(&base()).unwrap()[1].repo = "nobody".into()),
        ("no set", &|parts| drop(parts.pins.remove(&base()))),
        ("nobody's set", &|parts| drop(parts.pins.insert(("lost".into(), arch("armhf")), vec![]))),
        ("bad path", &|parts| parts.pins.get_mut(&base()).unwrap()[1].path = "../x".into()),
        ("bad name", &|parts| parts.pins.get_mut(&base()).unwrap()[1].name = "a@b".into()),
        ("bad version", &|parts| parts.pins.get_mut(&base()).unwrap()[1].version = "1 2".into()),
        ("bad date", &|parts| parts.steering.holds[0].until = Some("soon".into())),
    ];
    let told: Vec<String> = table.iter().map(|(what, change)| format!("{what}: {}", refusal(change))).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    two contents: `libc6` 1:2.36-9+b2 armhf has two contents: d908336ccdc65c778b5eacbdf456c43dce521cb50bb6217f45292943316e22c3 (1006 bytes) from `debian` and d908336ccdc65c778b5eacbdf456c43dce521cb50bb6217f45292943316e22c3 (1005 bytes) from `debian`
    twice in an image: image `base` has `libc6` twice on armhf: 1:2.36-9+b2 and 9
    all beside another: `locales` of source `glibc` 1:2.36-9 is `all` and armhf at once
    unnameable: `locales` 1:2.36-9 exists as `all` and as `armhf`; no reference can tell them apart on armhf
    unknown repository: `libc-bin` comes from repository `nobody`, which is not in the manifest
    no set: image `base` and its pins for armhf do not belong together
    nobody's set: image `lost` and its pins for armhf do not belong together
    bad path: `../x` is not a relative path below the repository
    bad name: `a@b` is not a package name
    bad version: `1 2` is not a version
    bad date: `soon` is not a date of the form YYYY-MM-DD
    ");
}

#[test]
fn counts_lines_and_characters_from_one() {
    let error = Lockfile::parse("version = 1\necosystem = \"deb\"\nids = { \"é\" = 2 }").unwrap_err();
    assert_eq!(error.to_string(), "line 3, column 15: `é` must be a table");
}

#[test]
fn tells_which_images_and_architectures_there_are() {
    let lock = Lockfile::build(sample(), None).unwrap();
    let error = |image, architecture| lock.pins(image, &arch(architecture)).unwrap_err().to_string();
    assert_eq!(error("edge", "armhf"), "the lockfile has no image `edge`, only `base` and `kiosk`");
    assert_eq!(error("base", "arm64"), "image `base` is not locked for arm64, only for `armhf` and `amd64`");
}
