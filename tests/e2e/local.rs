//! Directories of package files as repositories.

use crate::fixture::{Archive, Project, needs};
use pintree::testkit::deb::{Compression, Package};

/// An archive with an older `own-tool`, what that needs, and something that a directory should not replace.
fn archive() -> Archive {
    Archive::new(&[
        Package::new("own-tool", "0.9").file("usr/bin/own-tool", 0o755, "archive"),
        Package::new("needed", "1.0").file("usr/share/needed", 0o644, "needed"),
        Package::new("other", "1.0").file("usr/share/other", 0o644, "archive"),
    ])
}

fn own_tool(version: &str, content: &str) -> Package {
    let package = Package::new("own-tool", version).arch("armhf").depends("needed").file("usr/bin/own-tool", 0o755, content);
    package.compression(Compression::None).control_compression(Compression::None)
}

fn put(project: &Project, directory: &str, package: &Package) -> std::path::PathBuf {
    let path = project.path(directory).join(package.file_name());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, package.build()).unwrap();
    path
}

const TEXT: &str = "[repo.own]\ndeb = \"dir:out/debs\"\ntrust = \"none\"\nonly = [\"own-*\"]\npriority = 10\n\n\
                    [image.root]\nvariant = \"custom\"\npackages = [\"own-tool\", \"other\"]\n";

#[test]
fn packages_come_from_a_directory_and_from_an_archive() {
    needs!();
    let archive = archive();
    let project = Project::new(&archive, TEXT);
    put(&project, "out/debs", &own_tool("1.0~rc1", "own"));
    put(&project, "out/debs", &Package::new("other", "9.0").file("usr/share/other", 0o644, "not wanted"));
    let locked = project.ok(&["lock"]);
    insta::assert_snapshot!(locked.talk(), @r#"
       Reading `debian` stable
       Reading `own` out/debs
    warning: nothing vouches for directory `out/debs` of repository `own` (`trust = "none"`)
        Locked lockfiles/main.lock
               image root for armhf: 3 packages
    "#);
    let lockfile = project.lockfile();
    for line in [
        "[repo.own]\nsuites = []\nonly = [\"own-*\"]\npriority = 10\ntrust = \"none\"\n",
        "name = \"own-tool\"\nversion = \"1.0~rc1\"\nrepo = \"own\"\n",
        ", path = { armhf = \"own-tool_1.0~rc1_armhf.deb\" } }",
        "name = \"other\"\nversion = \"1.0\"\nrepo = \"debian\"\n",
    ] {
        assert!(lockfile.contains(line), "{line:?} is not in:\n{lockfile}");
    }
    project.ok(&["lock", "--check"]);
    let built = project.ok(&["build", "--until", "composed", "--format", "json"]).images();
    project.fsck();
    assert_eq!(project.ostree(&["cat", &built[0].reference, "/usr/bin/own-tool"]), "own");
    assert_eq!(project.ostree(&["cat", &built[0].reference, "/usr/share/other"]), "archive");
    project.ok(&["build", "--until", "composed"]).says(&["nothing to do"]);
    let doctor = project.run(&["doctor"]).stdout;
    assert!(doctor.contains("note     trust: repository `own` of `main` is used without a signature"), "{doctor}");
    let checks = project.ok(&["verify"]).stdout;
    assert!(checks.contains("`own` is trusted without a signature"), "{checks}");
}

#[test]
fn a_file_that_was_made_anew_is_taken_only_when_asked_for() {
    needs!();
    let archive = archive();
    let project = Project::new(&archive, TEXT);
    put(&project, "out/debs", &own_tool("1.0", "first"));
    project.ok(&["build", "--until", "composed"]);
    let locked = project.lockfile();
    put(&project, "out/debs", &own_tool("1.0", "second"));
    for arguments in [&["lock"][..], &["build", "--until", "composed"], &["--locked", "build", "--until", "composed"]] {
        project.run(arguments).exits(5).says(&[
            "`out/debs/own-tool_1.0_armhf.deb` is not the file that is locked as `own-tool",
            "hint: run `pintree lock --upgrade-package own-tool` to take it as it is now, or give it a new version",
        ]);
    }
    assert_eq!(project.lockfile(), locked);
    project.ok(&["lock", "--upgrade-package", "own-tool"]).says(&["Locked"]);
    let built = project.ok(&["build", "--until", "composed", "--format", "json"]).images();
    assert_eq!(project.ostree(&["cat", &built[0].reference, "/usr/bin/own-tool"]), "second");

    // A new version is an ordinary one, even while the old file lies beside it.
    put(&project, "out/debs", &own_tool("1.1", "third"));
    project.ok(&["lock"]).says(&["Unchanged"]);
    project.ok(&["lock", "--upgrade"]).says(&["1.1"]);
    project.ok(&["build", "--until", "composed"]);
}

#[test]
fn a_file_that_is_gone_is_missed_only_where_it_is_needed() {
    needs!();
    let archive = archive();
    let project = Project::new(&archive, TEXT);
    let file = put(&project, "out/debs", &own_tool("1.0", "own"));
    project.ok(&["lock"]);
    std::fs::remove_file(&file).unwrap();
    project
        .run(&["build", "--until", "composed"])
        .exits(4)
        .says(&["there is no `out/debs/own-tool_1.0_armhf.deb`, which is locked as `own-tool 1.0 armhf`", "hint: make it"]);
    put(&project, "out/debs", &own_tool("1.0", "own"));
    project.ok(&["build", "--until", "composed"]);
    std::fs::remove_file(&file).unwrap();
    project.ok(&["--offline", "build", "--until", "composed"]).says(&["nothing to do"]);
}

#[test]
fn a_directory_without_sense_is_explained() {
    needs!();
    let archive = archive();
    let project = Project::new(&archive, TEXT);
    project.run(&["lock"]).exits(8).says(&["cannot read the directory `out/debs`"]);
    project.write("out/debs/broken.deb", "no archive");
    project.run(&["lock"]).exits(5).says(&["`out/debs/broken.deb` is no package that can be read"]);
    std::fs::remove_file(project.path("out/debs/broken.deb")).unwrap();
    put(&project, "out/debs", &own_tool("1.0", "one"));
    std::fs::write(project.path("out/debs/again.deb"), own_tool("1.0", "two").build()).unwrap();
    project.run(&["lock"]).exits(5).says(&["`again.deb` and `own-tool_1.0_armhf.deb` in `out/debs` are one version of one package"]);
}
