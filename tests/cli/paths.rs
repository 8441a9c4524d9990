//! Requests that name a path.

use crate::environment::TestEnv;

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
