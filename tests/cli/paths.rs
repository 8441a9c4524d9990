//! Requests that name a path.

use crate::environment::TestEnv;
use pintree::testkit::server::Server;

const PATHS: &str = "[image.kiosk]\nvariant = \"custom\"\npackages = [\"/bin/tool\"]\n";

#[test]
fn the_package_that_ships_a_path_is_locked() {
    let environment = TestEnv::new();
    environment.publish(true);
    environment.manifest("edge", PATHS);
    insta::assert_snapshot!(environment.run(&["lock"]).all(), @"
    exit 0
       Reading `test` stable
        Locked lockfiles/edge.lock
               image kiosk for armhf: 2 packages
               image kiosk for amd64: 2 packages
    ");
    // Without the repository the answer is known; with the file list gone, too.
    let lock = std::fs::read(environment.project().join("lockfiles/edge.lock")).unwrap();
    assert_eq!(environment.run(&["lock", "--upgrade"]).code, 0);
    assert_eq!(std::fs::read(environment.project().join("lockfiles/edge.lock")).unwrap(), lock);
    insta::assert_snapshot!(environment.run(&["why", "kiosk", "libtwo"]).all(), @"
    exit 0
    libtwo 2.0 in edge/kiosk for armhf, amd64
      request `/bin/tool`
      └─ tool 0.5
         └─ libtwo 2.0 (Depends: libtwo)
       Reading `test` stable
    ");
    assert_eq!(environment.run(&["build"]).code, 0);
    let imported = environment.run(&["why", "kiosk", "libtwo"]);
    assert_eq!(imported.all(), environment.run(&["why", "kiosk", "libtwo"]).all());
}

#[test]
fn a_path_that_nobody_ships_has_no_solution() {
    let environment = TestEnv::new();
    environment.publish(true);
    environment.manifest("edge", "[image.kiosk]\npackages = [\"/usr/bin/none\"]\n");
    insta::assert_snapshot!(environment.run(&["lock"]).all(), @"
    exit 3
       Reading `test` stable
    error: cannot lock image `kiosk` of `edge` for armhf
      caused by: no set of packages for armhf meets the requests
      no package is known to ship `/usr/bin/none`
    hint: ask for the package by name
    ");
}

#[test]
fn a_repository_without_file_lists_says_so() {
    let environment = TestEnv::new();
    environment.publish(false);
    environment.manifest("edge", PATHS);
    insta::assert_snapshot!(environment.run(&["lock"]).all(), @"
    exit 3
       Reading `test` stable
    error: cannot tell which package ships `/bin/tool`: there is no `Contents` file for armhf in `test stable`
    hint: ask for the package by name
    ");
}

#[test]
fn file_lists_are_fetched_only_for_paths_and_once() {
    let environment = TestEnv::new();
    environment.publish(true);
    let server = Server::start(&environment.www());
    let image = |packages: &str| {
        let images = format!("[image.kiosk]\nvariant = \"custom\"\npackages = [{packages}]\n");
        environment.manifest_of("edge", &server.url(), "arches = [\"armhf\"]", &images);
    };
    let lists = || server.take_lines().into_iter().filter(|line| line.contains("Contents")).count();
    image("\"tool\"");
    assert_eq!(environment.run(&["lock"]).code, 0);
    assert_eq!(lists(), 0);
    image("\"/bin/tool\"");
    assert_eq!(environment.run(&["lock"]).code, 0);
    assert_eq!(lists(), 2, "that of the architecture and that of `all`");
    assert_eq!(environment.run(&["--offline", "lock", "--upgrade"]).code, 0);
    // Another path is looked for in the lists that are here.
    image("\"/usr/share/libtwo\"");
    let ran = environment.run(&["--offline", "lock"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(lists(), 0);
}

#[test]
fn a_file_list_of_wrong_contents_is_refused() {
    let environment = TestEnv::new();
    environment.publish(true);
    environment.manifest("edge", PATHS);
    let list = environment.www().join("dists/stable/main/Contents-armhf.xz");
    let length = std::fs::metadata(&list).unwrap().len();
    std::fs::write(&list, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
    let ran = environment.run(&["lock"]);
    assert_eq!(ran.code, 5, "{}", ran.all());
    assert!(ran.stderr.contains("expected"), "{}", ran.all());
    assert!(!environment.project().join("lockfiles/edge.lock").exists());
}
