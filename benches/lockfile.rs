//! How long building, writing, reading and comparing lockfiles takes: `cargo bench --bench lockfile`.
//!
//! Two sizes that users have: one image of 1,500 packages for three architectures, and 1,000 images of 300 packages.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use pintree::diff;
use pintree::lock::{ImagePart, Lockfile, Parts, RepoPart};
use pintree::pkg::{Architecture, ImageSteering, Pin, RepoSteering, Sha256, Trust};
use std::time::{Duration, Instant};

fn pin(number: usize, architecture: &Architecture) -> Pin {
    let (name, source) = (format!("libpackage{number}-dev"), format!("package{}", number / 2));
    let architecture = if number.is_multiple_of(2) { Architecture::parse("all").unwrap() } else { architecture.clone() };
    Pin {
        sha256: Sha256::of(format!("{name} {architecture}").as_bytes()),
        size: 100_000 + number as u64,
        version: "1:2.36-9+deb12u4".to_owned(),
        source_version: "1:2.36-9+deb12u4".to_owned(),
        repo: "debian".to_owned(),
        path: format!("pool/main/p/{source}/{name}_2.36-9+deb12u4_{architecture}.deb"),
        name,
        source,
        architecture,
    }
}

fn parts(images: usize, packages: usize, universe: usize, arches: &[&str]) -> Parts {
    let arches: Vec<Architecture> = arches.iter().map(|name| Architecture::parse(name).unwrap()).collect();
    let mut parts = Parts::default();
    let steering = RepoSteering {
        archive: Some("debian".to_owned()),
        suites: vec!["bookworm".to_owned()],
        components: vec!["main".to_owned()],
        only: vec![],
        exclude: vec![],
        priority: RepoSteering::DEFAULT_PRIORITY,
        trust: Trust::Index,
    };
    parts.steering.repos.insert("debian".to_owned(), RepoPart { steering, signed_by: vec![] });
    for image in 0..images {
        let name = format!("image{image}");
        for architecture in &arches {
            let pins = (0..packages).map(|number| pin((image + number) % universe, architecture)).collect();
            parts.pins.insert((name.clone(), architecture.clone()), pins);
        }
        let part = ImagePart { arches: arches.clone(), extends: None, steering: ImageSteering::default(), roots: vec![] };
        parts.steering.images.insert(name, part);
    }
    parts
}

/// The median of some runs.
fn median<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut timed: Vec<(Duration, T)> = (0..9)
        .map(|_| {
            let start = Instant::now();
            let value = run();
            (start.elapsed(), value)
        })
        .collect();
    timed.sort_by_key(|(time, _)| *time);
    timed.swap_remove(4)
}

fn main() {
    let sizes = [
        ("1 image × 1,500 packages × 3 architectures", parts(1, 1500, 1500, &["amd64", "arm64", "armhf"])),
        ("1,000 images × 300 packages", parts(1000, 300, 2000, &["armhf"])),
    ];
    for (what, parts) in sizes {
        let (build, lock) = median(|| Lockfile::build(parts.clone(), None).unwrap());
        let (render, text) = median(|| lock.render());
        let (parse, read) = median(|| Lockfile::parse(&text).unwrap());
        assert_eq!(read, lock);
        println!("{what}: {} bytes; build {build:.1?}, render {render:.1?}, parse {parse:.1?}", text.len());
        // Every tenth package moves; both files are read, as for `pintree diff`.
        let mut moved = parts.clone();
        for pin in moved.pins.values_mut().flatten().filter(|pin| pin.source.ends_with('0')) {
            pin.source_version = "1:2.36-9+deb12u5".to_owned();
            pin.version.clone_from(&pin.source_version);
            pin.sha256 = Sha256::of(format!("{} {} new", pin.name, pin.architecture).as_bytes());
        }
        let moved = Lockfile::build(moved, Some(&lock)).unwrap().render();
        let (diff, report) = median(|| {
            let [old, new] = [&text, &moved].map(|text| Lockfile::parse(text).unwrap());
            diff::compare("main", Some(&old), Some(&new), &diff::Facts::default())
        });
        println!("{what}: parse both and compare {diff:.1?}, {} sources changed", report.counts.sources);
    }
}
