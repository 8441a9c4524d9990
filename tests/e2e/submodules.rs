//! What is in no commit, and what is in another repository's: `bot` and `bisect` build what a commit has, or say what is missing.

use crate::checkout::{image_of, names, part, parts};
use crate::fixture::{Archive, Project, needs};

/// A checkout whose image has an overlay `overlays/common`, and what is to be put there.
fn with_overlay(put: impl FnOnce(&Project)) -> (Archive, Project) {
    let archive = Archive::new(&parts(2, "1.0"));
    let image = format!("{}overlay = [\"overlays/common\"]\n", image_of(&names(2)));
    let project = Project::new(&archive, &image);
    project.write(".gitignore", "/_build/\n*.secret\n");
    project.git(&["init", "-q"]);
    put(&project);
    project.ok(&["lock"]);
    project.commit("first");
    archive.publish(&parts(2, "2.0"));
    (archive, project)
}

const SEALED: [&str; 5] = ["--format", "json", "bot", "--until", "sealed"];

#[test]
fn the_bot_builds_a_submodule_at_its_recorded_commit() {
    needs!("git");
    let (_archive, project) = with_overlay(|project| {
        project.write("../other/etc/motd", "recorded\n");
        let other = project.path("../other").display().to_string();
        project.git(&["-C", &other, "init", "-q"]);
        project.git(&["-C", &other, "add", "-A"]);
        project.git(&["-C", &other, "commit", "-q", "-m", "one"]);
        project.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", &other, "overlays/common"]);
    });
    // What the user is at in there is not what the commit has.
    project.write("overlays/common/etc/motd", "edited\n");
    project.run(&SEALED).exits(0);
    let store = project.path("_build/bot/project/_build/ostree");
    let mut cat = project.command("ostree");
    let store = format!("--repo={}", store.display());
    let seen = project.finish(cat.args([&store, "cat", "image/main/root/armhf/sealed", "/usr/etc/motd"]));
    assert_eq!(seen.stdout, "recorded\n", "{}", seen.stderr);

    project.git(&["submodule", "deinit", "-q", "--force", "overlays/common"]);
    let says = ["submodule `overlays/common` is not here at commit", "git submodule update --init overlays/common"];
    let refused = || {
        let before = project.state();
        project.run(&SEALED).exits(2).says(&says);
        assert_eq!(project.state(), before);
    };
    refused();
    // Under the name of a link as well.
    std::os::unix::fs::symlink("common", project.path("overlays/linked")).unwrap();
    project.write("manifests/main.toml", &project.read("manifests/main.toml").replace("overlays/common", "overlays/linked"));
    project.commit("name it by a link");
    refused();
}

#[test]
fn what_git_ignores_is_refused_by_name() {
    needs!("git");
    let (archive, project) = with_overlay(|project| project.write("overlays/common/etc/motd", "hello\n"));
    project.write("overlays/common/etc/token.secret", "x\n");
    let says = ["lacks `overlays/common/etc/token.secret`", "git ignores it"];
    project.run(&SEALED).exits(2).says(&says);
    archive.publish(&[part("part00", "3.0"), part("part01", "1.0")]);
    project.ok(&["lock", "--upgrade"]);
    project.commit("update");
    project.run(&["bisect", "--build-only"]).exits(2).says(&says);
    // A work in progress is no part of the commit, and nobody's image depends on it yet.
    std::fs::remove_file(project.path("overlays/common/etc/token.secret")).unwrap();
    project.write("overlays/common/etc/issue", "in progress\n");
    project.run(&SEALED).exits(0);
}

#[test]
fn an_overlay_that_was_never_committed_is_refused_by_name() {
    needs!("git");
    let (_archive, project) = with_overlay(|_| {});
    project.write("overlays/common/etc/motd", "hello\n");
    project.run(&SEALED).exits(2).says(&["lacks `overlays/common`", "it was not committed by then"]);
}

#[test]
fn package_files_that_are_links_are_what_they_lead_to() {
    needs!("git", "dpkg-deb");
    let archive = Archive::new(&[]);
    let project = Project::new(&archive, &image_of(&["part00".to_owned()]));
    let manifest = "arches = [\"amd64\"]\n[repo.own]\ndeb = \"dir:debs\"\ntrust = \"none\"\n[image.root]\nvariant = \"custom\"\npackages = [\"part00\"]\n";
    project.write("manifests/main.toml", manifest);
    project.write(".gitignore", "/_build/\n/debs/\n/out/\n");
    let put = |version: &str| {
        let package = part("part00", version);
        std::fs::create_dir_all(project.path("out")).unwrap();
        std::fs::create_dir_all(project.path("debs")).unwrap();
        std::fs::write(project.path(&format!("out/{}", package.file_name())), package.build()).unwrap();
        let link = project.path(&format!("debs/{}", package.file_name()));
        std::os::unix::fs::symlink(format!("../out/{}", package.file_name()), link).unwrap();
    };
    put("1.0");
    project.ok(&["lock"]);
    project.git(&["init", "-q"]);
    project.commit("first");
    put("2.0");
    project.run(&["bot", "--until", "composed"]).exits(0).says(&["update rest: part00"]);
}

#[test]
fn files_of_git_lfs_come_from_where_git_lfs_keeps_them() {
    needs!("git");
    let content = "firmware\n".repeat(200);
    let digest = pintree::pkg::Sha256::of(content.as_bytes()).to_hex();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {}\n", content.len());
    let (_archive, project) = with_overlay(|project| project.write("overlays/common/usr/lib/blob", &pointer));
    let before = project.state();
    project.run(&SEALED).exits(2).says(&["the file of Git LFS `overlays/common/usr/lib/blob` is not here", "git lfs fetch"]);
    assert_eq!(project.state(), before);
    project.write(&format!(".git/lfs/objects/{}/{}/{digest}", &digest[..2], &digest[2..4]), &content.replace('f', "g"));
    project.run(&SEALED).exits(2).says(&["the file of Git LFS"]);
    project.write(&format!(".git/lfs/objects/{}/{}/{digest}", &digest[..2], &digest[2..4]), &content);
    project.run(&SEALED).exits(0);
    let store = format!("--repo={}", project.path("_build/bot/project/_build/ostree").display());
    let mut cat = project.command("ostree");
    let seen = project.finish(cat.args([&store, "cat", "image/main/root/armhf/sealed", "/usr/lib/blob"]));
    assert_eq!(seen.stdout, content, "{}", seen.stderr);
}
