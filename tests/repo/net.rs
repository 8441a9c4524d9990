//! The real archive, as the host's apt sources or the default know it: `cargo test --test repo net_ -- --ignored --nocapture`.

use std::path::PathBuf;
use std::time::Instant;

use pintree::pkg::{Architecture, RepoSteering, Trust};
use pintree::repo::{Cache, Client, ClientOptions, KeyRing, KeySource, MirrorSettings, Mirrors, Proxies, Source, update};

fn source(mirrors: &Mirrors, archive: &str, suites: &[&str], key: &str) -> Source {
    Source {
        name: archive.to_owned(),
        steering: RepoSteering {
            archive: Some(archive.to_owned()),
            suites: suites.iter().map(|suite| (*suite).to_owned()).collect(),
            components: vec!["main".to_owned()],
            only: Vec::new(),
            exclude: Vec::new(),
            priority: RepoSteering::DEFAULT_PRIORITY,
            trust: Trust::Index,
        },
        bases: mirrors.addresses(archive).unwrap().to_vec(),
        at: None,
        expected: std::collections::BTreeMap::new(),
        recorded: std::collections::BTreeMap::new(),
        keys: KeyRing::load(&[KeySource::Builtin(key.to_owned())]).unwrap(),
    }
}

#[test]
#[ignore = "needs the network"]
fn net_updates_from_the_real_archive() {
    let mirrors = Mirrors::discover(&MirrorSettings { host_root: Some(PathBuf::from("/")), ..MirrorSettings::default() }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new(dir.path());
    let proxies = Proxies::from_environment(|name| std::env::var(name).ok());
    let client = |offline| Client::new(ClientOptions { offline, proxies: proxies.clone(), ..ClientOptions::default() });
    let armhf = [Architecture::parse("armhf").unwrap()];
    for (archive, suites, key) in [
        ("debian", &["bookworm", "bookworm-updates"][..], "debian-bookworm"),
        ("debian", &["trixie"], "debian-trixie"),
        ("debian-security", &["bookworm-security"], "debian-bookworm"),
    ] {
        let source = [source(&mirrors, archive, suites, key)];
        for (name, offline) in [("cold", false), ("warm", false), ("offline", true)] {
            let start = Instant::now();
            let result = update(&client(offline), &cache, &source, &armhf, jiff::Timestamp::now());
            eprintln!("{archive} {suites:?} {name}: {:?}", start.elapsed());
            match result {
                Ok(loaded) => eprintln!("  {} indexes, {:?}, {:?}", loaded.indexes.len(), loaded.warnings, loaded.releases),
                Err(error) => eprintln!("  {:?}: {error}\n  hint: {:?}", error.kind(), error.hint()),
            }
        }
    }
}
