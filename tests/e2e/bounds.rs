//! What bounds a night of the bot: fixes only, nothing too young, nothing later than a day.

use crate::fixture::{Archive, Project, Ran, needs};
use crate::past::Past;
use crate::policies::{IMAGE, called, project, stable};
use pintree::testkit::deb::Package;

fn bot(project: &Project, arguments: &[&str]) -> Ran {
    let mut all = vec!["--format", "json", "bot", "--until", "composed"];
    all.extend(arguments);
    project.run(&all)
}

/// Commits a project as it is locked now.
fn check_in(project: &Project) {
    project.write(".gitignore", "/_build/\n");
    project.ok(&["lock"]);
    project.git(&["init", "-q"]);
    project.commit("first");
}

/// The lockfile on the bot's branch.
fn branch(project: &Project) -> String {
    project.git(&["show", "pintree/update:lockfiles/main.lock"]) + "\n"
}

/// The lockfile that `lock` makes of the one that is checked out.
fn locked(project: &Project, arguments: &[&str]) -> String {
    let all: Vec<&str> = ["lock", "--lockfile", "other.lock"].iter().chain(arguments).copied().collect();
    std::fs::copy(project.path("lockfiles/main.lock"), project.path("other.lock")).unwrap();
    project.ok(&all);
    let text = project.read("other.lock");
    std::fs::remove_file(project.path("other.lock")).unwrap();
    text
}

/// Subjects of the branch's commits, the oldest first.
fn subjects(project: &Project) -> String {
    project.git(&["log", "--reverse", "--format=%s", "main..pintree/update"])
}

/// The bot ends as told, and has written nothing.
fn leaves_it(project: &Project, arguments: &[&str], outcome: &str) {
    let before = project.state();
    let ran = bot(project, arguments).exits(0);
    assert_eq!(ran.json()["outcome"], outcome, "{}", ran.stderr);
    assert_eq!(project.state(), before);
}

#[test]
fn a_night_of_fixes_moves_nothing_else() {
    needs!("git");
    let archive = Archive::new(&stable("1.0"));
    archive.publish_suite(&[], called("stable-security"));
    let project = project(&archive, IMAGE);
    check_in(&project);
    archive.publish(&stable("1.0").into_iter().chain(stable("2.0")).collect::<Vec<_>>());
    leaves_it(&project, &["--only", "security"], "nothing");

    let fix = |name: &str, needs: &str| {
        Package::new(name, "1.0+deb1").arch("armhf").depends(needs).file(&format!("usr/share/{name}"), 0o644, "fixed")
    };
    archive.publish_suite(&[fix("libapp", "libc")], called("stable-security"));
    bot(&project, &["--only", "security"]).exits(0);
    assert_eq!(subjects(&project), "update rest: libapp");
    assert_eq!(branch(&project), locked(&project, &["--only", "security"]));
    leaves_it(&project, &["--only", "security"], "unchanged");

    // A fix that breaks the image waits, and the other one does not.
    let broken = fix("libc", "app").file("usr/bin/app", 0o755, "mine");
    archive.publish_suite(&[fix("libapp", "libc"), broken], called("stable-security"));
    let ran = bot(&project, &["--only", "security"]).exits(0).json();
    assert_eq!(ran["held"][0]["changes"], serde_json::json!(["libc 1.0 ► 1.0+deb1"]));
    assert_eq!(subjects(&project), "update rest: libapp");
    assert_eq!(branch(&project).matches("version = \"1.0+deb1\"").count(), 1);

    // Merged, nothing is left to do; without the bound everything moves.
    project.git(&["merge", "-q", "--ff-only", "pintree/update"]);
    archive.publish_suite(&[fix("libapp", "libc")], called("stable-security"));
    leaves_it(&project, &["--only", "security"], "nothing");
    bot(&project, &[]).exits(0);
    assert_eq!(branch(&project).matches("version = \"2.0\"").count(), 4);
}

#[test]
fn a_night_lets_young_packages_wait() {
    needs!("git");
    let past = Past::new();
    let now = jiff::Timestamp::now();
    let age = jiff::SignedDuration::from_hours(3 * 24);
    // The day three days ago; and the next one, for a test that runs over midnight.
    let day = |offset: i64| (now - age + jiff::SignedDuration::from_hours(24 * offset)).strftime("%Y-%m-%d").to_string();
    let publish = |versions: &[&str], fixes: &[&str]| {
        past.publish("now", &now.to_string(), &[("stable", versions), ("stable-security", fixes)]);
    };
    for name in [day(0), day(1)] {
        past.publish(&name, &(now - age - age).to_string(), &[("stable", &["1.0"]), ("stable-security", &[])]);
    }
    publish(&["1.0"], &[]);
    let key = format!("snapshot = \"{}/{{date}}/\"", past.server.url());
    let project = past.project("[\"stable\", \"stable-security\"]", "", &key);
    check_in(&project);
    publish(&["1.0", "2.0"], &[]);
    leaves_it(&project, &["--min-age", "3d"], "nothing");

    // A fix comes at once.
    publish(&["1.0", "2.0"], &["1.1"]);
    bot(&project, &["--min-age", "3d"]).exits(0);
    assert_eq!(subjects(&project), "update rest: app");
    assert_eq!(branch(&project), locked(&project, &["--upgrade", "--min-age", "3d"]));
    assert!(branch(&project).contains("version = \"1.1\""));

    // What the manifest says holds too, and the option goes before it.
    let text = project.read("manifests/main.toml").replacen("arches = [\"armhf\"]", "arches = [\"armhf\"]\nmin-age = \"3d\"", 1);
    project.write("manifests/main.toml", &text);
    project.commit("age");
    bot(&project, &[]).exits(0);
    assert!(branch(&project).contains("version = \"1.1\""));
    bot(&project, &["--min-age", "0d"]).exits(0);
    assert!(branch(&project).contains("version = \"2.0\""));
    assert_eq!(branch(&project), locked(&project, &["--upgrade", "--min-age", "0d"]));
}

#[test]
fn a_night_reads_the_repositories_as_they_were() {
    needs!("git");
    let past = Past::new();
    past.publish("now", "2026-01-01T00:00:00Z", &[("stable", &["1.0"])]);
    let key = format!("snapshot = \"{}/{{timestamp}}/\"", past.server.url());
    let project = past.project("[\"stable\"]", "", &key);
    // The first state is read at its own time: its `Valid-Until` may be over.
    past.publish("20260102T000000Z", "2026-01-01T18:00:00Z", &[("stable", &["1.0"])]);
    past.publish("20260103T000000Z", "2026-01-03T00:00:00Z", &[("stable", &["2.0"])]);
    past.publish("now", &jiff::Timestamp::now().to_string(), &[("stable", &["3.0"])]);
    project.ok(&["lock", "--upgrade", "--at", "2026-01-02"]);
    project.write(".gitignore", "/_build/\n");
    project.git(&["init", "-q"]);
    project.commit("first");

    leaves_it(&project, &["--at", "2026-01-02"], "nothing");
    // The mirror has no such package any more; the state that it was locked from has.
    std::fs::remove_dir_all(project.path("_build")).unwrap();
    bot(&project, &["--at", "2026-01-03"]).exits(0);
    assert_eq!(subjects(&project), "update rest: app");
    assert_eq!(branch(&project), locked(&project, &["--upgrade", "--at", "2026-01-03"]));
    assert!(branch(&project).contains("version = \"2.0\""));
    let body = project.git(&["log", "-1", "--format=%B", "pintree/update"]);
    assert!(body.contains("\nPintree-Index: debian stable 2026-01-03T00:00:00Z "), "{body}");
    leaves_it(&project, &["--at", "2026-01-03"], "unchanged");

    // Another moment replaces the branch; one that nobody kept, or that has not come yet, leaves it alone.
    bot(&project, &[]).exits(0);
    assert!(branch(&project).contains("version = \"3.0\""));
    let before = project.state();
    bot(&project, &["--at", "2026-01-04"]).exits(4);
    bot(&project, &["--at", "9999-01-01"]).exits(2).says(&["has not come yet"]);
    assert_eq!(project.state(), before);
}
