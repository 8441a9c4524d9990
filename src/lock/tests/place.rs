use super::*;

fn places(repos: &[&str]) -> Vec<Place> {
    repos.iter().map(|repo| Place { repo: (*repo).to_owned(), path: format!("{repo}/x.deb") }).collect()
}

fn parts(pins: Vec<Pin>) -> Parts {
    let mut parts = Parts::default();
    for name in ["debian", "mirror", "vendor"] {
        parts.steering.repos.insert(name.into(), repo(None, &["stable"], &["main"]));
    }
    parts.steering.images.insert("i".into(), image(&["amd64"], None, &[]));
    parts.pins.insert(("i".into(), arch("amd64")), pins);
    parts
}

fn repos(parts: &Parts) -> Vec<String> {
    parts.pins[&("i".to_owned(), arch("amd64"))].iter().map(|pin| format!("{} {}", pin.repo, pin.path)).collect()
}

fn two() -> Vec<Pin> {
    vec![from_source("a", "1", "amd64", "s", "1"), from_source("b", "1", "amd64", "s", "1")]
}

#[test]
fn takes_the_first_repository_that_lists_all_cells() {
    let mut parts = parts(two());
    settle_repositories(&mut parts, None, |pin| places(if pin.name == "a" { &["vendor", "mirror"] } else { &["mirror", "debian"] }));
    assert_eq!(repos(&parts), ["mirror mirror/x.deb", "mirror mirror/x.deb"]);
}

#[test]
fn splits_a_source_that_no_repository_has_whole() {
    let mut parts = parts(two());
    settle_repositories(&mut parts, None, |pin| places(if pin.name == "a" { &["vendor"] } else { &["mirror"] }));
    assert_eq!(repos(&parts), ["vendor vendor/x.deb", "mirror mirror/x.deb"]);
}

#[test]
fn keeps_the_repository_of_an_unchanged_block() {
    let old = Lockfile::build(parts(two()), None).unwrap();
    let path = |pin: &Pin| format!("debian {}", pin.path);

    let mut same = parts(two());
    settle_repositories(&mut same, Some(&old), |_| places(&["vendor"]));
    assert_eq!(repos(&same), two().iter().map(path).collect::<Vec<_>>(), "unchanged, although no index lists it there any more");

    let mut grown = parts([two(), vec![from_source("c", "1", "amd64", "s", "1")]].concat());
    settle_repositories(&mut grown, Some(&old), |_| places(&["vendor", "debian"]));
    assert_eq!(repos(&grown)[0], "vendor vendor/x.deb", "a changed block starts anew");

    let mut gone = parts(two());
    gone.steering.repos.remove("debian");
    settle_repositories(&mut gone, Some(&old), |_| places(&["vendor"]));
    assert_eq!(repos(&gone)[0], "vendor vendor/x.deb", "the manifest no longer has its repository");
}

#[test]
fn leaves_alone_what_has_no_known_place() {
    let mut unknown = parts(two());
    let before = repos(&unknown);
    settle_repositories(&mut unknown, None, |_| vec![]);
    assert_eq!(repos(&unknown), before);
}
