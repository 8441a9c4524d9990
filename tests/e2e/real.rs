//! The one test that leaves loopback: a small image from the real archive, found through the host's own apt sources.

use crate::fixture::{Project, has, needs, skip};

const MANIFEST: &str = r#"
arches = ["armhf"]

[repo.debian]
deb = "debian"
suites = ["bookworm"]
components = ["main"]
key = "builtin:debian-bookworm"

[image.small]
variant = "essential"
packages = ["busybox"]
"#;

#[test]
fn net_builds_a_small_image_from_the_real_archive() {
    needs!();
    if !has(&["dpkg", "dpkg-query"]) {
        return;
    }
    let project = Project::empty();
    project.write("manifests/main.toml", MANIFEST);
    // The proxies of this machine are the one thing of its environment that the way out may need.
    let run = |arguments: &[&str]| {
        let mut command = project.pintree(arguments);
        for name in ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        project.finish(&mut command)
    };
    for arguments in [&["lock"][..], &["build", "--until", "composed"]] {
        let ran = run(arguments);
        match ran.code {
            0 => {}
            // Not reached, or in the middle of an update: the mirror's fault, and said so.
            4 => return skip(&format!("the mirror cannot be reached:\n{}", ran.stderr)),
            5 if ran.stderr.contains("mirror sync in progress?") => return skip(&format!("the mirror is inconsistent:\n{}", ran.stderr)),
            _ => drop(ran.exits(0)),
        }
    }
    let built = run(&["build", "--until", "composed", "--format", "json"]).exits(0).says(&["nothing to do"]).images();
    project.fsck();
    let root = project.checkout(&built[0].reference);
    let option = format!("--root={}", root.display());
    let listed = project.finish(project.command("dpkg-query").args([&option, "-W", "-f", "${Package}\n"])).exits(0);
    assert_eq!(listed.stdout.lines().count() as u64, built[0].packages);
    assert!(built[0].packages > 20 && listed.stdout.lines().any(|name| name == "busybox"), "{}", listed.stdout);
    let verified = project.finish(project.command("dpkg").args([&option, "--verify"])).exits(0);
    assert_eq!(verified.stdout, "");
}
