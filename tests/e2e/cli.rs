//! What a person meets first: mistakes in manifests, requests without a solution, the choice of images.

use crate::fixture::{Archive, Project, needs};
use crate::universe;
use pintree::testkit::deb::Package;

#[test]
fn a_mistake_in_the_manifest_is_shown_where_it_is() {
    needs!();
    let archive = Archive::new(&[]);
    let project = Project::new(&archive, "[image.root]\npakages = [\"one\"]\n");
    let failed = project.run(&["build"]).exits(2);
    insta::assert_snapshot!(failed.talk(), @r#"
    error: manifests/main.toml:10:1: unknown key `pakages` in `[image.root]`
       |
    10 | pakages = ["one"]
       | ^^^^^^^
       = hint: did you mean `packages`?
    "#);
    let json = project.run(&["build", "--format", "json"]).exits(2).json();
    assert_eq!((json["error"]["kind"].as_str(), json["error"]["exit"].as_u64()), (Some("usage"), Some(2)));
    for (mistake, words) in [
        ("[image.root]\npackages = [\"one (>> 1)\"\n", "this is not TOML"),
        ("[image.root]\nvariant = \"minbas\"\n", "did you mean `minbase`?"),
        ("[image.root]\nextends = \"rot\"\n", "rot"),
        ("[image.root]\n\n[imgae.other]\n", "did you mean `image`?"),
        ("[[hold]]\npackage = \"one\"\nversion = \"1\"\nuntil = \"soon\"\n[image.root]\n", "until"),
    ] {
        let project = Project::new(&archive, mistake);
        let failed = project.run(&["lock"]).exits(2).says(&["manifests/main.toml:", words]);
        assert_eq!(failed.stdout, "");
    }
}

#[test]
fn a_usage_mistake_exits_2() {
    let project = Project::empty();
    project.run(&["biuld"]).exits(2).says(&["build"]);
    project.run(&["build", "--arch"]).exits(2);
    project.run(&["build"]).exits(2).says(&["there is no manifest in `manifests`", "hint: run `pintree init`"]);
    project.run(&["--help"]).exits(0);
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let project = Project::empty();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = project.finish(project.pintree(&["util", "schema", "diff"]).stdout(full)).exits(8);
    insta::assert_snapshot!(ran.talk(), @"
    error: cannot write to `stdout`
      caused by: No space left on device (os error 28)
    ");
    // A reader that has seen enough is none.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = project.finish(project.pintree(&["util", "cli-markdown"]).stdout(writer)).exits(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn no_cache_lands_in_the_project() {
    needs!();
    let archive = Archive::new(&[Package::new("one", "1.0").arch("armhf")]);
    let project = Project::new(&archive, "[image.root]\nvariant = \"custom\"\npackages = [\"one\"]\n");
    for home in ["", "."] {
        project.finish(project.pintree(&["lock"]).env_remove("XDG_CACHE_HOME").env("HOME", home)).exits(0);
        assert!(!project.path(".cache").exists(), "HOME={home:?}");
    }
}

#[test]
fn requests_without_a_solution_are_explained() {
    needs!();
    let archive = Archive::new(&[
        Package::new("web", "1.0").depends("libssl3 (>= 3.0.11)"),
        Package::new("libssl3", "3.0.9"),
        Package::new("left", "1.0").field("Conflicts", "right"),
        Package::new("right", "1.0"),
    ]);
    let image = |packages: &str| format!("[image.root]\nvariant = \"custom\"\npackages = [{packages}]\n");
    let project = Project::new(&archive, &image("\"web\""));
    let failed = project.run(&["lock"]).exits(3);
    insta::assert_snapshot!(failed.talk(), @"
       Reading `debian` stable
    error: cannot lock image `root` of `main` for armhf
      caused by: no set of packages for armhf meets the requests
      `web` 1.0 is requested
      `web` 1.0: Depends `libssl3 (>= 3.0.11)`
      nothing provides `libssl3 (>= 3.0.11)`
        there is `libssl3` 3.0.9 in `debian` (stable)
    hint: add a repository or suite that has `libssl3 (>= 3.0.11)`
    ");
    let json = project.run(&["lock", "--format", "json"]).exits(3).json();
    let error = &json["error"];
    assert_eq!(
        (error["kind"].as_str(), error["image"].as_str(), error["arch"].as_str()),
        (Some("unsolvable"), Some("root"), Some("armhf"))
    );
    assert_eq!(error["causes"][0]["kind"], "chain");
    assert!(!project.path("lockfiles/main.lock").exists());

    let conflict = Project::new(&archive, &image("\"left\", \"right\"")).run(&["build"]).exits(3);
    insta::assert_snapshot!(conflict.talk(), @"
       Reading `debian` stable
    error: cannot lock image `root` of `main` for armhf
      caused by: no set of packages for armhf meets the requests
      `left` and `right` exclude each other: `left` Conflicts `right`
      `left` 1.0 is requested
      `right` 1.0 is requested
    hint: drop `left` or `right`
    ");
    let unknown = Project::new(&archive, &image("\"wbe\"")).run(&["build"]).exits(3);
    insta::assert_snapshot!(unknown.talk(), @"
       Reading `debian` stable
    error: cannot lock image `root` of `main` for armhf
      caused by: no set of packages for armhf meets the requests
      no repository has `wbe`
    hint: did you mean `web`?
    ");
}

#[test]
fn doctor_looks_where_the_store_will_lie() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let ran = project.run(&["doctor"]);
    assert!(ran.stdout.contains("GB in `.`") && ran.stdout.contains("file system: `.` has"), "{}{}", ran.stdout, ran.stderr);
    project.build();
    let ran = project.run(&["doctor"]);
    assert!(ran.stdout.contains("GB in `_build/ostree/tmp`"), "{}", ran.stdout);
}

#[test]
fn init_writes_a_manifest_once() {
    let project = Project::empty();
    project.ok(&["init"]).says(&["Created manifests/main.toml"]);
    let text = project.read("manifests/main.toml");
    assert!(text.contains("armhf") && text.contains("bookworm-updates"), "{text}");
    let failed = project.run(&["init"]).exits(2);
    insta::assert_snapshot!(failed.talk(), @"
    error: `manifests/main.toml` is there already
    hint: move it away, or name another file
    ");
    assert_eq!(project.read("manifests/main.toml"), text);
    project.ok(&["init", "--distro", "debian:trixie", "--arch", "arm64", "manifests/edge.toml"]);
    assert!(project.read("manifests/edge.toml").contains("trixie"));
    project.run(&["init", "--distro", "debian:bookwrom", "manifests/x.toml"]).exits(2).says(&["debian:bookwrom"]);
}

#[test]
fn images_of_several_manifests_are_told_apart() {
    needs!();
    let archive = Archive::new(&universe::app("armhf"));
    let project = Project::new(&archive, "[image.root]\n\n[image.kiosk]\npackages = [\"tool\"]\n");
    project.write("manifests/edge.toml", &crate::fixture::manifest(&[&archive.server], &["armhf"], universe::APP));
    project.run(&["build", "root"]).exits(2).says(&["several manifests have an image `root`: `edge/root`, `main/root`"]);
    project.run(&["build", "rot"]).exits(2).says(&["there is no image `rot`"]);
    let composed = |arguments: &[&str]| project.ok(&[&["build", "--until", "composed"], arguments].concat());
    let built = composed(&["edge/root", "--format", "json"]).images();
    assert_eq!(built.iter().map(|image| image.reference.as_str()).collect::<Vec<_>>(), ["image/edge/root/armhf/composed"]);
    let built = composed(&["kiosk", "--format", "json"]).images();
    assert_eq!(built.iter().map(|image| image.reference.as_str()).collect::<Vec<_>>(), ["image/main/kiosk/armhf/composed"]);
    let all = composed(&["--format", "json"]);
    assert_eq!(all.images().len(), 3);
    project.fsck();
    composed(&[]).says(&["nothing to do"]);
    project.run(&["build", "kiosk", "--arch", "amd64"]).exits(2).says(&["it is built for `armhf`"]);
}

#[test]
fn results_go_to_stdout_and_talk_to_stderr() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let ran = project.ok(&["build"]);
    let words: Vec<&str> = ran.stdout.split(' ').collect();
    assert_eq!((words[0], words[1].len(), ran.stdout.lines().count()), ("image/main/root/armhf/sealed", 64, 1), "{}", ran.stdout);
    let quiet = project.ok(&["-q", "build"]);
    assert_eq!(quiet.stderr, "");
    let path = project.ok(&["ninja"]).stdout;
    assert_eq!(path, "_build/build.ninja\n");
    let dry = project.finish(project.command("ninja").args(["-n", "-f", path.trim()])).exits(0);
    assert!(dry.stdout.contains("no work to do"), "plain ninja agrees: {}", dry.stdout);
}

#[test]
fn plain_ninja_builds_what_pintree_planned() {
    needs!();
    let archive = Archive::new(&universe::many(4));
    let project = Project::new(&archive, universe::MANY);
    project.ok(&["ninja"]);
    project.finish(project.command("ninja").args(["-f", "_build/build.ninja"])).exits(0);
    project.fsck();
    let ran = project.ok(&["build", "--format", "json"]).says(&["nothing to do"]);
    assert_eq!(ran.images()[0].packages, 5);
}
