//! What stands in the repository as an example works: every manifest fits its lockfile, offline.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::Path;
use std::process::Command;

#[test]
fn every_manifest_fits_its_lockfile() {
    let mut projects = vec![Path::new(".").to_owned()];
    for entry in std::fs::read_dir("examples").unwrap() {
        let path = entry.unwrap().path();
        if path.join("manifests").is_dir() {
            projects.push(path);
        }
    }
    assert!(projects.len() > 1, "there are examples");
    for project in projects {
        let output = Command::new(env!("CARGO_BIN_EXE_pintree"))
            .arg("-C")
            .arg(&project)
            .args(["--offline", "lock", "--check"])
            .env("XDG_CACHE_HOME", "/nonexistent")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", project.display());
    }
}

/// A copy of an example, and a way to run programs in it.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(example: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut copy = Command::new("cp");
        assert!(copy.arg("-r").arg(format!("examples/{example}/.")).arg(directory.path()).status().unwrap().success());
        for generated in ["_build", "debs/greeter_1.0_all.deb"] {
            let path = directory.path().join(generated);
            let _absent = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
        Self(directory)
    }

    /// Runs a program; gives its exit code and all that it said.
    fn run(&self, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).args(arguments).env("XDG_CACHE_HOME", self.0.path().join("cache")).env_remove("CI");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    #[track_caller]
    fn ok(&self, program: &str, arguments: &[&str]) -> String {
        let (code, said) = self.run(program, arguments);
        assert_eq!(code, Some(0), "{program} {arguments:?}: {said}");
        said
    }
}

fn has(tool: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|directory| directory.join(tool).is_file());
    if !found {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must run this test: {tool} is not installed");
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

#[test]
fn a_package_of_the_projects_own_goes_into_its_image() {
    if !["ninja", "ostree", "dpkg-deb"].into_iter().all(has) {
        return;
    }
    let pintree = env!("CARGO_BIN_EXE_pintree");
    let project = Copy::of("local-deb");
    project.ok(pintree, &["--offline", "ninja"]);
    // Not what the caller's umask makes of it, but what the lockfile says.
    project.ok("sh", &["-c", "umask 077; ninja"]);
    let list = |project: &Copy| project.ok("ostree", &["--repo=_build/ostree", "ls", "-R", "image/device/root/armhf/composed", "/usr/bin"]);
    assert!(list(&project).contains("-00755 0 0     40 /usr/bin/greeter"), "{}", list(&project));
    assert!(project.ok("ninja", &[]).contains("no work to do"));

    let script = project.0.path().join("greeter/greeter");
    std::fs::write(&script, "#!/bin/sh\necho good bye\n").unwrap();
    let (code, said) = project.run("ninja", &[]);
    assert_ne!(code, Some(0));
    for words in [
        "`debs/greeter_1.0_all.deb` is not the file that is locked as `greeter 1.0 all`",
        "hint: run `pintree lock --upgrade-package greeter`",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let (code, said) = project.run(pintree, &["lock"]);
    assert_eq!(code, Some(5));
    assert!(said.contains("hint: run `pintree lock --upgrade-package greeter`"), "{said}");
    project.ok(pintree, &["lock", "--upgrade-package", "greeter"]);
    project.ok(pintree, &["ninja"]);
    project.ok("ninja", &[]);
    assert!(list(&project).contains("/usr/bin/greeter") && !list(&project).contains(" 40 "), "{}", list(&project));
}

const UPDATE_BOT: &str = "examples/update-bot";

/// A job's file as JSON, read by a YAML parser that is not ours.
fn yaml(path: &str) -> Option<serde_json::Value> {
    let script = "import sys, json, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)";
    let output = Command::new("python3").args(["-c", script]).arg(format!("{UPDATE_BOT}/{path}")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named 'yaml'") {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI must run this test: python3-yaml is not installed");
        eprintln!("skipped: python3-yaml is not installed");
        return None;
    }
    assert!(output.status.success(), "{path}: {said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A shell takes the script, and the program every line in it that calls the bot.
fn calls_the_bot(script: &str) {
    let output = Command::new("sh").args(["-n", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    let calls: Vec<&str> = script.lines().filter_map(|line| line.trim().strip_prefix("pintree bot")).collect();
    assert!(!calls.is_empty(), "{script}");
    for call in calls {
        let arguments = call.split('>').next().unwrap();
        let command = format!("exec \"$0\" bot {arguments} --help");
        let output = Command::new("sh").args(["-c", &command, env!("CARGO_BIN_EXE_pintree")]).output().unwrap();
        assert!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn jobs_of_the_update_bot_are_what_their_systems_read() {
    if !has("python3") {
        return;
    }
    if let Some(workflow) = yaml(".github/workflows/update.yml") {
        let steps = workflow["jobs"]["update"]["steps"].as_array().unwrap();
        let scripts: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
        calls_the_bot(&scripts.join("\n"));
        assert_eq!(workflow["permissions"]["contents"], "write");
    }
    if let Some(pipeline) = yaml(".gitlab-ci.yml") {
        let lines = |key: &str| {
            pipeline["update"][key].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        calls_the_bot(&[lines("before_script"), lines("script")].concat().join("\n"));
    }
    let jenkins = std::fs::read_to_string(format!("{UPDATE_BOT}/Jenkinsfile")).unwrap();
    calls_the_bot(jenkins.split("'''").nth(1).unwrap());
    assert_eq!(jenkins.matches(['{', '(']).count(), jenkins.matches(['}', ')']).count());
    let service = std::fs::read_to_string(format!("{UPDATE_BOT}/systemd/pintree-bot.service")).unwrap();
    calls_the_bot(service.split('\'').nth(1).unwrap());
    // All of them install what `pintree-ostree` is linked with.
    for job in [".github/workflows/update.yml", ".gitlab-ci.yml"] {
        assert!(std::fs::read_to_string(format!("{UPDATE_BOT}/{job}")).unwrap().contains("libostree-1-1"), "{job}");
    }
}

#[test]
fn the_service_of_the_update_bot_runs_in_a_fresh_checkout() {
    let (checkout, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bot = programs.path().join("pintree");
    std::fs::write(&bot, "#!/bin/sh\necho message\n").unwrap();
    std::fs::set_permissions(&bot, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let service = std::fs::read_to_string(format!("{UPDATE_BOT}/systemd/pintree-bot.service")).unwrap();
    let service = service.replace("/srv/device", checkout.path().to_str().unwrap());
    let commands = service.lines().filter_map(|line| line.strip_prefix("ExecStartPre=").or_else(|| line.strip_prefix("ExecStart=")));
    for command in commands.filter(|command| !command.contains("git")) {
        let path = format!("{}:/usr/bin:/bin", programs.path().display());
        let output = Command::new("sh").args(["-c", command]).env("PATH", path).current_dir(checkout.path()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(std::fs::read_to_string(checkout.path().join("_build/message.md")).unwrap(), "message\n");
}

#[test]
fn systemd_takes_the_units_of_the_update_bot() {
    // Where there is no systemd, nobody runs these units either.
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    let units = ["pintree-bot.service", "pintree-bot.timer"].map(|unit| format!("{UPDATE_BOT}/systemd/{unit}"));
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It also tells of faults in units of the host.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("pintree-bot")).collect();
    assert!(ours.is_empty(), "{}", ours.join("\n"));
    let calendar = std::fs::read_to_string(&units[1]).unwrap();
    let time = calendar.lines().find_map(|line| line.strip_prefix("OnCalendar=")).unwrap();
    assert!(Command::new("systemd-analyze").args(["calendar", time]).output().unwrap().status.success(), "{time}");
}

#[test]
fn rules_of_the_update_bot_are_read() {
    let path = Path::new(UPDATE_BOT).join("bot.toml");
    let rules = pintree::manifest::BotRules::load(&path, &path).unwrap();
    assert_eq!(rules.groups.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["security", "boot", "certificates"]);
    assert_eq!(rules.branch, "pintree/update", "the jobs name the branch");
}
