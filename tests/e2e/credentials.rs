//! Passwords reach the server, and no output and no file of ours but the one that only the owner reads.

use crate::fixture::{Archive, Project, Ran, files_below, manifest, needs};
use crate::universe;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const SECRET: &str = "hunter2-planted";
/// `me:hunter2-planted` as servers want it.
const BASIC: &str = "Basic bWU6aHVudGVyMi1wbGFudGVk";

/// A server that wants `authorization`, and a project that locks, builds, and fails in some ways with `environment`.
fn never_told(authorization: &str, prepare: impl Fn(&Archive, &Project) -> Vec<(&'static str, String)>) {
    let archive = Archive::new(&universe::app("armhf"));
    archive.server.demand(authorization);
    let project = Project::new(&archive, universe::APP);
    let environment = prepare(&archive, &project);
    let mut outputs = vec![];
    let mut run = |arguments: &[&str], code: i32| {
        let mut command: Command = project.pintree(arguments);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let ran: Ran = project.finish(&mut command).exits(code);
        outputs.push(format!("{arguments:?}\n{}{}", ran.stdout, ran.stderr));
    };
    run(&["-v", "lock"], 0);
    run(&["-v", "build", "--until", "composed"], 0);
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    let pool = archive.path("pool");
    std::fs::rename(&pool, archive.path("pond")).unwrap();
    run(&["-v", "build", "--until", "composed"], 4);
    run(&["--format", "json", "build", "--until", "composed"], 4);
    archive.server.demand("something else");
    run(&["-v", "lock", "--upgrade"], 4);
    run(&["-v", "build", "--until", "composed"], 4);
    let planted = [SECRET, "bWU6aHVudGVyMi1wbGFudGVk"];
    for output in &outputs {
        assert!(!planted.iter().any(|secret| output.contains(secret)), "{output}");
    }
    files_below(project.root(), &mut |path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        if planted.iter().any(|secret| text.contains(secret)) {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(["sources.toml", ".netrc", "mirrors.toml"].contains(&name), "{}", path.display());
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
    });
}

fn private(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_netrc_entry_is_never_told() {
    needs!();
    never_told(BASIC, |_, project| {
        private(&project.home(".netrc"), &format!("machine 127.0.0.1 login me password {SECRET}\n"));
        vec![]
    });
}

#[test]
fn a_token_is_never_told() {
    needs!();
    never_told(&format!("Bearer {SECRET}"), |_, _| vec![("PINTREE_TOKEN_127_0_0_1", SECRET.to_owned())]);
}

#[test]
fn a_password_in_a_mirrors_address_is_never_told() {
    needs!();
    never_told(BASIC, |archive, project| {
        let text = manifest(&[&archive.server], &["armhf"], universe::APP).replace(&format!("{:?}", [archive.server.url()]), "\"debian\"");
        project.write("manifests/main.toml", &text);
        private(&project.path("mirrors.toml"), &format!("debian = \"http://me:{SECRET}@127.0.0.1:{}\"\n", archive.server.port()));
        vec![]
    });
}

#[test]
fn a_password_in_the_environment_is_never_told() {
    needs!();
    never_told(BASIC, |archive, project| {
        let text = manifest(&[&archive.server], &["armhf"], universe::APP).replace(&format!("{:?}", [archive.server.url()]), "\"debian\"");
        project.write("manifests/main.toml", &text);
        vec![("PINTREE_MIRROR_DEBIAN", format!("http://me:{SECRET}@127.0.0.1:{}", archive.server.port()))]
    });
}

#[test]
fn a_password_in_the_manifest_is_refused_and_not_repeated() {
    needs!();
    let archive = Archive::new(&[universe::one("1.0")]);
    let project = Project::new(&archive, universe::ONE);
    let url = format!("http://me:{SECRET}@127.0.0.1:{}", archive.server.port());
    project.write("manifests/main.toml", &crate::fixture::manifest_at(&[url], &["armhf"], universe::ONE));
    let failed = project.run(&["lock"]).exits(2).says(&["netrc"]);
    assert!(!failed.stderr.contains(SECRET), "{}", failed.stderr);
}
