//! What `pintree diff` tells of lockfiles, revisions and images.

use crate::checkout::{image_of, part};
use crate::fixture::{Archive, Project, Ran, files_below, needs};
use pintree::testkit::deb::{Compression, Package};
use std::os::unix::fs::PermissionsExt as _;

const IMAGE: &str = "[image.base]\nvariant = \"custom\"\npackages = [\"app\", \"systemd\", \"zlib\"]\n";

const CHANGELOG: &str = "\
app (1.1-1) stable; urgency=medium

  * CVE-2026-1234: do not run what strangers send (Closes: #99).
  * Thank @someone for | and `this` and \x1b[31mred\x1b[0m.

 -- Ann <ann@example.org>  Mon, 05 Jan 2026 10:00:00 +0000

app (1.0-1) stable; urgency=low

  * First.

 -- Ann <ann@example.org>  Mon, 01 Dec 2025 10:00:00 +0000
";

/// An application whose changelog its library has, something that starts the system, and a library that goes back.
fn before() -> Vec<Package> {
    vec![
        Package::new("app", "1.0-1")
            .arch("armhf")
            .depends("libapp1, tool")
            .field("Installed-Size", "10")
            .file("usr/bin/app", 0o755, "one")
            .symlink("usr/share/doc/app", "libapp1")
            .script("postinst", "#!/bin/sh\nexit 0\n"),
        Package::new("libapp1", "1.0-1").arch("armhf").field("Source", "app").file("usr/share/doc/libapp1/copyright", 0o644, "free"),
        Package::new("tool", "2.0").file("usr/bin/tool", 0o755, "tool"),
        Package::new("systemd", "252-1").arch("armhf").file("usr/lib/systemd/systemd", 0o755, "1"),
        Package::new("zlib", "1.3").arch("armhf").file("usr/lib/z", 0o644, "3"),
    ]
}

fn after() -> Vec<Package> {
    let changelog = Compression::Gz.compress(CHANGELOG.as_bytes());
    vec![
        Package::new("app", "1.1-1")
            .arch("armhf")
            .depends("libapp1, libnew1")
            .field("Installed-Size", "30")
            .file("usr/bin/app", 0o4755, "two")
            .file("lib/systemd/system/app.service", 0o644, "[Service]")
            .symlink("usr/share/doc/app", "libapp1")
            .script("postinst", "#!/bin/sh\nexit 1\n"),
        Package::new("libapp1", "1.1-1").arch("armhf").field("Source", "app").file("usr/share/doc/libapp1/copyright", 0o644, "free").file(
            "usr/share/doc/libapp1/changelog.Debian.gz",
            0o644,
            changelog,
        ),
        Package::new("libnew1", "1.0").arch("armhf").field("Source", "new").file("usr/lib/new", 0o644, "new"),
        Package::new("systemd", "252-2").arch("armhf").file("usr/lib/systemd/systemd", 0o755, "2"),
        Package::new("zlib", "1.2").arch("armhf").file("usr/lib/z", 0o644, "2"),
    ]
}

/// A project whose last commit updates the lockfile.
fn updated() -> (Archive, Project) {
    let archive = Archive::new(&before());
    let project = Project::checked_in(&archive, IMAGE);
    archive.publish(&after());
    project.ok(&["lock", "--upgrade", "--allow-downgrade"]);
    (archive, project)
}

#[track_caller]
fn validate(ran: &Ran) -> serde_json::Value {
    let json = ran.json();
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    let schema = serde_json::from_str(include_str!("../../docs/diff.schema.json")).unwrap();
    compiler.add_resource("diff.json", schema).unwrap();
    let schema = compiler.compile("diff.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(&json, schema) {
        panic!("{error:#}\n{json:#}");
    }
    json
}

#[test]
fn what_is_not_in_the_store_is_said_not_to_be_known() {
    needs!("git");
    let (archive, project) = updated();
    archive.server.take_log();
    let ran = project.ok(&["diff"]);
    insta::assert_snapshot!(ran.stdout, @"
    main: 5 source packages change: 2 updated, 1 downgraded, 1 added, 1 removed

    Kernel, boot and init
      systemd 252-1 ► 252-2  init
          changelog not read: not in the store

    Downgrades
      zlib 1.3 ► 1.2

    Packages that came and went
      image base
        +libnew1 1.0
            request `app`: app ► libnew1
        -tool 2.0
            reason not known: 5 packages are neither in the store nor in an index on this machine

    New source packages (1)
      new 1.0

    Source packages that are gone (1)
      tool 2.0, gone

    Other updates (1)
      app 1.0-1 ► 1.1-1

    Size
      base  armhf  5 packages  download 4.1 kB (+464 B, 4.1 kB to fetch)  installed not known

    Not read: 10 packages are not in the store, so scripts, privileges, services and sizes in them are
      not known: app 1.0-1 armhf, app 1.1-1 armhf, libapp1 1.0-1 armhf and 7 more
    ");
    assert_eq!((ran.stderr.as_str(), archive.server.take_lines().len()), ("", 0), "no server is asked");
    let json = validate(&project.ok(&["diff", "--format", "json"]));
    assert_eq!(json["comparisons"][0]["sources"][0]["changelog"], serde_json::json!({"state": "not-read", "reason": "not in the store"}));
    assert_eq!(json["comparisons"][0]["not-read"].as_array().unwrap().len(), 10);
}

#[test]
fn tells_what_packages_say() {
    needs!("git");
    let (_archive, project) = updated();
    let lockfile = project.lockfile();
    project.git(&["stash", "-q"]);
    project.build();
    project.git(&["stash", "pop", "-q"]);
    project.build();
    let ran = project.ok(&["diff"]);
    insta::assert_snapshot!(ran.stdout, @"
    main: 5 source packages change, 1 of them for security: 2 updated, 1 downgraded, 1 added, 1 removed

    Security updates
      app 1.0-1 ► 1.1-1  CVE-2026-1234
          1.1-1 (stable; urgency=medium)
            * CVE-2026-1234: do not run what strangers send.
            * Thank @someone for | and `this` and �[31mred�[0m.

    Kernel, boot and init
      systemd 252-1 ► 252-2  init
          changelog not read: no package of it has one

    Downgrades
      zlib 1.3 ► 1.2

    Look twice
      new setuid file /usr/bin/app in app (armhf)
      changed maintainer script postinst in app (armhf)
      new service /lib/systemd/system/app.service in app (armhf)

    Packages that came and went
      image base
        +libnew1 1.0
            request `app`: app ► libnew1
        -tool 2.0
            request `app`: app ► tool

    New source packages (1)
      new 1.0

    Source packages that are gone (1)
      tool 2.0, gone

    Size
      base  armhf  5 packages  download 4.1 kB (+464 B, 4.1 kB to fetch)  installed +20.4 kB
    ");
    assert!(!ran.stdout.contains('\x1b'), "no escape sequence of a changelog comes through");
    insta::assert_snapshot!(project.ok(&["diff", "--format", "markdown"]).stdout, @"
    ### `main`: 5 source packages change, 1 of them for security: 2 updated, 1 downgraded, 1 added, 1 removed

    #### Security updates

    | source | from | to | why | images |
    | --- | --- | --- | --- | --- |
    | `app` | `1.0-1` | `1.1-1` | `CVE-2026-1234` | `base` |

    <details><summary>changelog of <code>app</code></summary>

    ```text
    1.1-1 (stable; urgency=medium)
      * CVE-2026-1234: do not run what strangers send.
      * Thank @someone for | and `this` and �[31mred�[0m.
    ```

    </details>

    #### Kernel, boot and init

    | source | from | to | what | images |
    | --- | --- | --- | --- | --- |
    | `systemd` | `252-1` | `252-2` | `init` | `base` |

    Changelog of `systemd` not read: no package of it has one

    #### Downgrades

    | source | from | to | what | images |
    | --- | --- | --- | --- | --- |
    | `zlib` | `1.3` | `1.2` |  | `base` |

    #### Look twice

    | what | which | package | architectures |
    | --- | --- | --- | --- |
    | ⚠️ new setuid file | `/usr/bin/app` | `app` | `armhf` |
    | changed maintainer script | `postinst` | `app` | `armhf` |
    | new service | `/lib/systemd/system/app.service` | `app` | `armhf` |

    #### Packages that came and went

    | image |  | package | version | because |
    | --- | --- | --- | --- | --- |
    | `base` | + | `libnew1` | `1.0` | ``request `app`: app ► libnew1`` |
    | `base` | − | `tool` | `2.0` | ``request `app`: app ► tool`` |

    <details><summary>New source packages (1)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `new` |  | `1.0` | `base` |

    </details>

    <details><summary>Source packages that are gone (1)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `tool` | `2.0` | gone | `base` |

    </details>

    #### Size

    | image | architecture | packages | download | to fetch | installed |
    | --- | --- | --- | --- | --- | --- |
    | `base` | `armhf` | 5 | 4.1 kB (+464 B) | 4.1 kB | +20.4 kB |
    ");
    let json = validate(&project.ok(&["diff", "--format", "json"]));
    assert_eq!(
        json["counts"],
        serde_json::json!({
            "sources": 5, "security": 1, "updated": 2, "downgraded": 1, "rebuilt": 0, "moved": 0, "added": 1, "removed": 1,
        })
    );

    // The same, however the sides are named.
    let expected = project.ok(&["diff"]).stdout;
    project.write("old.lock", &project.git(&["show", "HEAD:lockfiles/main.lock"]));
    project.commit("update");
    for arguments in [
        &["diff", "HEAD~1.."][..],
        &["diff", "HEAD~1...HEAD"],
        &["diff", "HEAD~1", "HEAD"],
        &["diff", "HEAD~1"],
        &["diff", "HEAD~1", "lockfiles/main.lock"],
        &["diff", "--no-pager", "HEAD^"],
    ] {
        assert_eq!(project.ok(arguments).stdout, expected, "{arguments:?}");
    }
    let files = project.ok(&["diff", "old.lock", "lockfiles/main.lock"]).stdout;
    assert_eq!(files, expected);

    // Nothing changed, and that has its exit code too.
    let ran = project.run(&["diff", "--exit-code"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "nothing changed between HEAD and the working tree\n"));
    project.run(&["diff", "--exit-code", "HEAD~1.."]).exits(1);
    validate(&project.ok(&["diff", "--format", "json"]));
    assert_eq!(project.lockfile(), lockfile, "nothing is written");
}

#[test]
fn images_are_compared_with_their_files() {
    needs!("git");
    let (_archive, project) = updated();
    let new = project.lockfile();
    project.git(&["stash", "-q"]);
    let old = project.build().remove(0).commit;
    project.write("lockfiles/main.lock", &new);
    let built = project.build().remove(0);
    let ran = project.ok(&["diff", &old, "main/base/armhf/composed"]);
    insta::assert_snapshot!(ran.stdout.replace(&old[..12], "[OLD]"), @"
    [OLD] ► main/base/armhf/composed: 5 source packages change, 1 of them for security: 2
      updated, 1 downgraded, 1 added, 1 removed

    Security updates
      app 1.0-1 ► 1.1-1  CVE-2026-1234
          1.1-1 (stable; urgency=medium)
            * CVE-2026-1234: do not run what strangers send.
            * Thank @someone for | and `this` and �[31mred�[0m.

    Kernel, boot and init
      systemd 252-1 ► 252-2  init
          changelog not read: no package of it has one

    Downgrades
      zlib 1.3 ► 1.2

    Look twice
      new setuid file /usr/bin/app in app (armhf)
      changed maintainer script postinst in app (armhf)
      new service /lib/systemd/system/app.service in app (armhf)

    Packages that came and went
      image base
        +libnew1 1.0
            reason not known: an image does not say what it was asked for
        -tool 2.0
            reason not known: an image does not say what it was asked for

    New source packages (1)
      new 1.0

    Source packages that are gone (1)
      tool 2.0, gone

    Size
      base  armhf  5 packages    installed +20.4 kB

    files of [OLD] ► main/base/armhf/composed: 5 added, 3 removed, 11 changed

    app
      + /lib/systemd/system/app.service
      ~ /usr/bin/app  mode 0755 ► 4755
      ~ /var/lib/dpkg/info/app.list
      ~ /var/lib/dpkg/info/app.md5sums
      ~ /var/lib/dpkg/info/app.postinst

    libapp1
      + /usr/share/doc/libapp1/changelog.Debian.gz
      ~ /var/lib/dpkg/info/libapp1.list
      ~ /var/lib/dpkg/info/libapp1.md5sums

    libnew1
      + /usr/lib/new
      + /var/lib/dpkg/info/libnew1.list
      + /var/lib/dpkg/info/libnew1.md5sums

    systemd
      ~ /usr/lib/systemd/systemd
      ~ /var/lib/dpkg/info/systemd.md5sums

    tool
      - /usr/bin/tool
      - /var/lib/dpkg/info/tool.list
      - /var/lib/dpkg/info/tool.md5sums

    zlib
      ~ /usr/lib/z
      ~ /var/lib/dpkg/info/zlib.md5sums

    of no package
      ~ /var/lib/dpkg/status
    ");
    let ran = project.ok(&["diff", &old, &built.reference, "--format", "json"]);
    let json = validate(&ran);
    // The same files as `ostree diff` tells, which tells directories too.
    let told = project.ostree(&["diff", &old, &built.reference]);
    let of = |sign: &str| -> Vec<String> {
        let mut paths: Vec<String> = told.lines().filter_map(|line| line.strip_prefix(sign)).map(|path| path.trim().to_owned()).collect();
        paths.sort();
        paths
    };
    let ours = |kind: &str| -> Vec<String> {
        let packages = json["trees"][0]["packages"].as_array().unwrap();
        let files = packages.iter().flat_map(|package| package["files"].as_array().unwrap());
        let mut paths: Vec<String> =
            files.filter(|file| file["kind"] == kind).map(|file| file["path"].as_str().unwrap().to_owned()).collect();
        paths.sort();
        paths
    };
    let directories = ["/usr/lib/systemd/system", "/lib/systemd/system", "/lib/systemd", "/lib"];
    let added: Vec<String> = of("A").into_iter().filter(|path| !directories.contains(&path.as_str())).collect();
    assert_eq!((ours("added"), ours("removed"), ours("changed")), (added, of("D"), of("M")));
}

#[test]
fn files_of_sealed_images_belong_to_the_packages_that_ship_them() {
    needs!();
    let packages = |version: &str, mode| {
        let base = Package::new("base", "1")
            .arch("amd64")
            .file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n")
            .file("etc/group", 0o644, "root:x:0:\n")
            .file("usr/lib/os-release", 0o644, "ID=test\n");
        let tool = Package::new("tool", version)
            .arch("amd64")
            .field("Multi-Arch", "same")
            .file("bin/tool", mode, version)
            .file("etc/cron.d/tool", 0o644, version)
            .conffile("etc/tool.conf", version);
        vec![base, tool]
    };
    let archive = Archive::new(&packages("1", 0o755));
    let image = "[image.root]\nvariant = \"custom\"\npackages = [\"base\", \"tool\"]\n";
    let project = Project::with_arches(&archive, &["amd64"], image);
    let old = project.ok(&["build", "--format", "json"]).images().remove(0).commit;
    archive.publish(&packages("2", 0o4755));
    project.ok(&["lock", "--upgrade"]);
    project.ok(&["build"]);
    let ran = project.ok(&["diff", &old, "main/root/amd64"]);
    insta::assert_snapshot!(ran.stdout.replace(&old[..12], "[OLD]"), @"
    [OLD] ► main/root/amd64: 1 source package changes: 1 updated

    Look twice
      new setuid file /bin/tool in tool (amd64)

    Other updates (1)
      tool 1 ► 2

    Size
      root  amd64  2 packages    installed ±0

    files of [OLD] ► main/root/amd64: 0 added, 0 removed, 6 changed

    base
      ~ /usr/lib/os-release

    tool:amd64
      ~ /bin/tool  mode 0755 ► 4755
      ~ /usr/etc/cron.d/tool
      ~ /usr/etc/tool.conf
      ~ /usr/lib/sysimage/dpkg/info/tool:amd64.md5sums

    of no package
      ~ /usr/lib/sysimage/dpkg/status
    ");
    validate(&project.ok(&["diff", &old, "main/root/amd64", "--format", "json"]));
}

#[test]
fn says_what_it_cannot_compare() {
    needs!("git");
    let archive = Archive::new(&before());
    let project = Project::new(&archive, IMAGE);
    project.ok(&["lock"]);
    let talk = |arguments: &[&str]| project.run(arguments).exits(2).talk();
    let mut told = talk(&["diff"]);
    told.push_str(&talk(&["diff", "HEAD~1.."]));
    project.git(&["init", "-q"]);
    told.push_str(&talk(&["diff"]));
    project.commit("first");
    told.push_str(&talk(&["diff", "gone"]));
    told.push_str(&talk(&["diff", "gone..HEAD"]));
    let built = project.build().remove(0);
    told.push_str(&talk(&["diff", &built.reference]));
    told.push_str(&talk(&["diff", "main/base/armhf"]));
    insta::assert_snapshot!(told, @"
    error: the project is in no git checkout
    hint: run it in a git checkout, or name the project directory with `-C`
    error: `HEAD~1..` is neither a lockfile, nor a git revision, nor an image of the store
    error: git knows no revision `HEAD`
    error: `gone` is neither a lockfile, nor a git revision, nor an image of the store
    error: git knows no revision `gone`
    error: `image/main/base/armhf/composed` is an image, and the working tree is none
    hint: name a second image: a ref as `build` prints it, or a commit
    error: `main/base/armhf` is neither a lockfile, nor a git revision, nor an image of the store
    ");
    let told = project.run(&["diff", "gone.lock"]).talk();
    insta::assert_snapshot!(told, @"
    error: cannot read `gone.lock`
      caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn lockfiles_come_and_go() {
    needs!("git");
    let mut packages = before();
    packages.push(Package::new("guard", "1.0").file("usr/bin/guard", 0o4755, "x"));
    let archive = Archive::new(&packages);
    let project = Project::checked_in(&archive, IMAGE);
    let manifest = project.read("manifests/main.toml");
    // Nothing of the other one is in it, so that it is no rename.
    let (head, _) = manifest.split_once("[image").unwrap();
    project.write("manifests/more.toml", &format!("{head}[image.guard]\nvariant = \"custom\"\npackages = [\"guard\"]\n"));
    project.ok(&["lock"]);
    project.ok(&["build", "--until", "composed"]);
    std::fs::remove_file(project.path("lockfiles/main.lock")).unwrap();
    let key = |text: String| text.replace(project.read("lockfiles/more.lock").split('"').find(|word| word.len() == 40).unwrap(), "[KEY]");
    insta::assert_snapshot!(key(project.ok(&["diff"]).stdout), @"
    main: the lockfile is gone

    more: new lockfile with 1 source package

    Look twice
      new setuid file /usr/bin/guard in guard (all)

    Trust
      repository `debian` is signed by [KEY]
    ");
    insta::assert_snapshot!(key(project.ok(&["diff", "--format", "markdown"]).stdout), @"
    ### `main`: the lockfile is gone

    ### `more`: new lockfile with 1 source package

    #### Look twice

    | what | which | package | architectures |
    | --- | --- | --- | --- |
    | ⚠️ new setuid file | `/usr/bin/guard` | `guard` | `all` |

    #### Trust

    - ``repository `debian` is signed by [KEY]``
    ");
    validate(&project.ok(&["diff", "--format", "json"]));
    project.ok(&["diff", "/dev/null", "lockfiles/more.lock"]);
}

#[test]
fn a_rename_hides_nothing() {
    needs!("git");
    let archive = Archive::new(&[part("app", "2.0"), part("tool", "1.0"), part("evil", "1.0")]);
    let project = Project::checked_in(&archive, &image_of(&["app".to_owned(), "tool".to_owned()]));
    let manifest = project.read("manifests/main.toml").replace("\"tool\"", "\"tool\", \"evil\"");
    archive.publish(&[part("app", "1.0"), part("tool", "1.0"), part("evil", "1.0")]);
    project.git(&["rm", "-q", "manifests/main.toml", "lockfiles/main.lock"]);
    project.write("manifests/device.toml", &manifest);
    project.ok(&["lock"]);
    project.commit("rename the manifest");
    let ran = project.ok(&["diff", "HEAD~1..", "--format", "json"]);
    validate(&ran);
    let json = ran.json();
    let comparison = &json["comparisons"][0];
    assert_eq!(json["comparisons"].as_array().map(Vec::len), Some(1), "{json:#}");
    assert_eq!((&comparison["name"], &comparison["renamed-from"]), (&"device".into(), &"main".into()));
    assert_eq!((&comparison["counts"]["downgraded"], &comparison["counts"]["added"]), (&1.into(), &1.into()));
    let told = project.ok(&["diff", "HEAD~1.."]).stdout;
    assert!(told.starts_with("device: renamed from `main`, 2 source packages change: 1 downgraded, 1 added\n"), "{told}");
    // A name alone is told as well.
    project.git(&["mv", "manifests/device.toml", "manifests/unit.toml"]);
    project.git(&["mv", "lockfiles/device.lock", "lockfiles/unit.lock"]);
    project.commit("rename it again");
    assert_eq!(project.ok(&["diff", "HEAD~1.."]).stdout, "unit: renamed from `device`, nothing else changed\n");
}

#[test]
fn a_secret_is_in_no_form() {
    needs!("git");
    const SECRETS: [&str; 3] = ["hunter2-in-url", "hunter2-in-netrc", "hunter2-in-environment"];
    let archive = Archive::new(&before());
    let project = Project::new(&archive, IMAGE);
    // The archive has a name, and its address stands where credentials may stand.
    let manifest = project.read("manifests/main.toml").replace(&format!("[\"{}\"]", archive.server.url()), "\"debian\"");
    project.write("manifests/main.toml", &manifest);
    let url = |secret: &str| archive.server.url().replace("http://", &format!("http://me:{secret}@"));
    project.write("mirrors.toml", &format!("debian = {:?}\n", url(SECRETS[0])));
    project.write("../home/.netrc", &format!("machine 127.0.0.1 login me password {}\n", SECRETS[1]));
    for private in [project.home(".netrc"), project.path("mirrors.toml")] {
        std::fs::set_permissions(private, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    project.ok(&["build", "--until", "composed"]);
    project.git(&["init", "-q"]);
    project.write(".gitignore", "/_build/\n/mirrors.toml\n");
    project.commit("first");
    archive.publish(&after());
    project.ok(&["lock", "--upgrade"]);
    for format in ["human", "json", "markdown"] {
        for arguments in [&["diff"][..], &["diff", "HEAD"], &["diff", "gone"], &["-v", "diff"]] {
            let mut command = project.pintree(arguments);
            command.args(["--format", format]).env("PINTREE_MIRROR_DEBIAN", url(SECRETS[2])).env("TOKEN", SECRETS[2]);
            let ran = project.finish(&mut command);
            assert!(ran.code == 2 || ran.stdout.contains("1.1-1"), "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
            for secret in SECRETS {
                assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
            }
        }
    }
    let mut found = vec![];
    files_below(&project.path("lockfiles"), &mut |path| found.push(std::fs::read_to_string(path).unwrap()));
    assert!(found.iter().all(|text| SECRETS.iter().all(|secret| !text.contains(secret))));
}

/// Runs the program on a terminal of 60 columns.
fn on_terminal(project: &Project, arguments: &str, environment: &[(&str, &str)]) -> String {
    let pintree = env!("CARGO_BIN_EXE_pintree");
    let mut command = project.command("script");
    command.args(["-qec", &format!("stty cols 60 rows 9; {pintree} {arguments}"), "/dev/null"]);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    project.finish(&mut command).exits(0).stdout.replace('\r', "")
}

#[test]
fn a_terminal_gets_colour_lines_that_fit_and_a_pager() {
    needs!("git", "script", "stty");
    let (_archive, project) = updated();
    let pager = [("PAGER", "sed s/^/paged:/")];
    let plain = project.ok(&["diff"]).stdout;
    let paged = on_terminal(&project, "diff", &pager);
    assert!(paged.lines().all(|line| line.starts_with("paged:")), "{paged}");
    assert!(paged.contains("\x1b[1mKernel, boot and init\x1b[0m"), "{paged}");
    // Without colour and pager the words are those of a pipe; only lines end elsewhere.
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let direct = on_terminal(&project, "diff --no-pager --color never", &pager);
    assert_eq!(words(&direct), words(&plain));
    let prose = |line: &&str| line.contains("Not read") || line.contains("not known:");
    assert!(direct.lines().filter(prose).all(|line| line.chars().count() <= 60), "{direct}");
    // Programs and change requests get no pager, and neither does who wants none or has none.
    for (arguments, environment) in [
        ("diff --format json", &pager[..]),
        ("diff --format markdown", &pager),
        ("diff", &[("PAGER", "cat")]),
        ("diff", &[("PAGER", "")]),
        ("diff", &[("PAGER", "there-is-no-such-pager")]),
    ] {
        let text = on_terminal(&project, arguments, environment);
        assert!(!text.contains("paged:") && text.contains("libnew1"), "{arguments}\n{text}");
    }
}
