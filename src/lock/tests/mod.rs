//! The lockfile as a whole: a golden text, what is refused, round trips.

mod golden;
mod place;
mod refusals;
mod round_trip;
mod staleness;

use super::*;
use crate::pkg::{Glob, Hold, ImageSteering, RepoSteering, Sha256, Trust};

pub(super) fn arch(name: &str) -> Architecture {
    Architecture::parse(name).unwrap()
}

fn glob(text: &str) -> Glob {
    Glob::parse(text).unwrap()
}

fn repo(archive: Option<&str>, suites: &[&str], components: &[&str]) -> RepoPart {
    let strings = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    RepoPart {
        steering: RepoSteering {
            archive: archive.map(str::to_owned),
            suites: strings(suites),
            components: strings(components),
            only: vec![],
            exclude: vec![],
            priority: RepoSteering::DEFAULT_PRIORITY,
            trust: Trust::Index,
        },
        signed_by: vec![],
    }
}

fn image(arches: &[&str], extends: Option<&str>, roots: &[&str]) -> ImagePart {
    ImagePart {
        arches: arches.iter().map(|name| arch(name)).collect(),
        extends: extends.map(str::to_owned),
        steering: ImageSteering::default(),
        roots: roots.iter().map(|root| ((*root).to_owned(), None)).collect(),
    }
}

/// A pin of a package whose source has the same name and version, where an archive's pool has it.
pub(super) fn pin(name: &str, version: &str, architecture: &str) -> Pin {
    from_source(name, version, architecture, name, version)
}

fn from_source(name: &str, version: &str, architecture: &str, source: &str, source_version: &str) -> Pin {
    let architecture = arch(architecture);
    Pin {
        path: factor::derived_path("pool/main", source, name, version, &architecture),
        sha256: Sha256::of(format!("{name} {version} {architecture}").as_bytes()),
        size: 1000 + name.len() as u64,
        name: name.to_owned(),
        architecture,
        version: version.to_owned(),
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        repo: "debian".to_owned(),
    }
}

fn elsewhere(mut pin: Pin, repo: &str, path: &str) -> Pin {
    pin.repo = repo.to_owned();
    pin.path = path.to_owned();
    pin
}

/// Two images, the second extending the first, for two architectures, with one of everything.
pub(super) fn sample() -> Parts {
    let mut parts = Parts::default();
    let steering = &mut parts.steering;
    steering.foreign_arches = vec![arch("i386")];
    steering.holds = vec![Hold {
        package: glob("nginx"),
        version: glob("1.22.*"),
        reason: Some("https://bugs.example.com/412".into()),
        until: Some("2027-02-01".into()),
    }];
    let mut debian = repo(Some("debian"), &["bookworm", "bookworm-updates"], &["main"]);
    debian.signed_by = vec!["4D64FEC119C2029067D6E791F8D2585B8783D481".into(), "1F89983E0081FDE018F3CC9673A4F27B8DD47936".into()];
    let mut vendor = repo(None, &["./"], &[]);
    vendor.steering.only = vec![glob("vendor-*")];
    vendor.steering.priority = 50;
    vendor.steering.trust = Trust::None;
    steering.repos.insert("debian".into(), debian);
    steering.repos.insert("debian-security".into(), repo(Some("debian-security"), &["bookworm-security"], &["main"]));
    steering.repos.insert("vendor".into(), vendor);
    let mut base = image(&["armhf", "amd64"], None, &["systemd-sysv"]);
    base.steering.variant = crate::pkg::Variant::Custom;
    steering.images.insert("base".into(), base);
    let mut kiosk = image(&["armhf", "amd64"], Some("base"), &["nginx (>= 1.22)"]);
    kiosk.steering.recommends = true;
    kiosk.steering.exclude = vec![glob("vim-*")];
    kiosk.roots.push(("vendor-gpu".into(), Some(vec![arch("armhf")])));
    steering.images.insert("kiosk".into(), kiosk);
    parts.ids.insert("messagebus".into(), Id { uid: Some(101), gid: Some(102) });
    parts.ids.insert("_ssh".into(), Id { uid: None, gid: Some(103) });

    let ssl = |architecture: &str, version: &str| {
        let pool = format!("pool/updates/main/o/openssl/libssl3_{version}_{architecture}.deb");
        elsewhere(from_source("libssl3", version, architecture, "openssl", "3.0.9-1"), "debian-security", &pool)
    };
    for (architecture, c_version) in [("armhf", "1:2.36-9+b2"), ("amd64", "1:2.36-9")] {
        let base = vec![
            from_source("libc6", c_version, architecture, "glibc", "1:2.36-9"),
            from_source("libc-bin", c_version, architecture, "glibc", "1:2.36-9"),
            from_source("locales", "1:2.36-9", "all", "glibc", "1:2.36-9"),
            from_source("libgcc-s1", "12.2.0-14", architecture, "gcc-12", "12.2.0-14"),
            from_source("gcc-base", "4:12.2.0-3", architecture, "gcc-12", "12.2.0-14"),
            from_source("libstdc++6", "12.2.0-14", architecture, "gcc-12", "12.2.0-14"),
            ssl(architecture, if architecture == "armhf" { "3.0.9-1+b1" } else { "3.0.9-1" }),
            pin("tzdata", "2024a-0", "all"),
        ];
        let mut kiosk: Vec<Pin> = base.iter().filter(|pin| pin.name != "tzdata").cloned().collect();
        kiosk.push(pin("tzdata", "2025b-0", "all"));
        if architecture == "armhf" {
            kiosk.push(elsewhere(pin("vendor-gpu", "7", "armhf"), "vendor", "./vendor-gpu.deb"));
        } else {
            kiosk.push(from_source("libc6", "1:2.36-9", "i386", "glibc", "1:2.36-9"));
        }
        parts.pins.insert(("base".into(), arch(architecture)), base);
        parts.pins.insert(("kiosk".into(), arch(architecture)), kiosk);
    }
    parts
}
