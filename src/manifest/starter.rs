//! The first manifest of a project, as `pintree init` writes it.

use super::problem::closest;
use crate::pkg::Architecture;

/// A distribution that [`starter`] knows.
struct Distribution {
    /// As it is asked for: `debian:bookworm`.
    name: &'static str,
    /// Its number, taken instead of the codename.
    number: &'static str,
    codename: &'static str,
    /// The day of its release: a fixed `epoch` that is older than no package by much.
    released: &'static str,
    architectures: &'static [&'static str],
}

const DISTRIBUTIONS: [Distribution; 4] = [
    Distribution {
        name: "debian:bookworm",
        number: "debian:12",
        codename: "bookworm",
        released: "2023-06-10",
        architectures: &["amd64", "arm64", "armel", "armhf", "i386", "mips64el", "mipsel", "ppc64el", "s390x"],
    },
    Distribution {
        name: "debian:trixie",
        number: "debian:13",
        codename: "trixie",
        released: "2025-08-09",
        architectures: &["amd64", "arm64", "armel", "armhf", "i386", "ppc64el", "riscv64", "s390x"],
    },
    Distribution {
        name: "ubuntu:jammy",
        number: "ubuntu:22.04",
        codename: "jammy",
        released: "2022-04-21",
        architectures: &["amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x"],
    },
    Distribution {
        name: "ubuntu:noble",
        number: "ubuntu:24.04",
        codename: "noble",
        released: "2024-04-25",
        architectures: &["amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x"],
    },
];

/// There is no starting manifest for what was asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StarterError {
    /// A distribution without a starting manifest.
    #[error("no starting manifest for `{distribution}`; there is one for {}", .known.join(", "))]
    UnknownDistribution {
        /// What was asked.
        distribution: String,
        /// The most similar distribution.
        suggestion: Option<String>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// No architecture was asked.
    #[error("a manifest needs an architecture")]
    NoArchitecture,
    /// The distribution does not have the architecture.
    #[error("`{distribution}` has no packages for `{architecture}`; it has {}", .known.join(", "))]
    UnknownArchitecture {
        /// The distribution.
        distribution: &'static str,
        /// What was asked.
        architecture: Architecture,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// Ubuntu keeps the architectures in two archives, and a repository is fetched for all architectures of a manifest.
    #[error("Ubuntu has `{}` and `{}` in different archives; write one manifest for each", .architectures.0, .architectures.1)]
    TwoArchives {
        /// One architecture of each archive.
        architectures: (Architecture, Architecture),
    },
}

/// Writes a commented manifest for `distribution` (`debian:bookworm`, `ubuntu:noble`) with main, updates and security.
pub fn starter(distribution: &str, arches: &[Architecture]) -> Result<String, StarterError> {
    let known = || DISTRIBUTIONS.iter().map(|known| known.name);
    let Some(found) = DISTRIBUTIONS.iter().find(|known| known.name == distribution || known.number == distribution) else {
        let suggestion = closest(distribution, known());
        return Err(StarterError::UnknownDistribution { distribution: distribution.to_owned(), suggestion, known: known().collect() });
    };
    let mut unique: Vec<&Architecture> = Vec::new();
    for architecture in arches {
        if !found.architectures.contains(&architecture.deb_name()) {
            let known = found.architectures.to_vec();
            return Err(StarterError::UnknownArchitecture { distribution: found.name, architecture: architecture.clone(), known });
        }
        if !unique.contains(&architecture) {
            unique.push(architecture);
        }
    }
    if unique.is_empty() {
        return Err(StarterError::NoArchitecture);
    }
    let repositories = if found.name.starts_with("ubuntu") { ubuntu(found, &unique)? } else { debian(found) };
    let list: Vec<String> = unique.iter().map(|arch| format!("\"{arch}\"")).collect();
    let (list, first, released) = (list.join(", "), unique[0], found.released);
    Ok(format!(
        r#"# What this project's images are made of. Next: `pintree lock`, then `pintree build`.
# `docs/manifest.md` explains every key.

arches = [{list}]
epoch = {released}                # the time stamp of generated files; never the clock

{repositories}
[image.base]
packages = ["systemd-sysv"]
# packages-{first} = ["u-boot-tools"]     # on this architecture only
# variant = "essential"               # or custom, minbase, important, standard
# recommends = false
# exclude = ["vim-tiny"]
# ref = "acme/base/{{arch}}"            # the branch that devices pull
# overlay = ["overlays/base"]         # directories copied over the tree
# scripts = ["scripts/base.sh"]       # run in the image after its packages are configured

# A second image that has everything of the first:
# [image.web]
# extends = "base"
# packages = ["nginx (>= 1.18)", "/usr/bin/python3"]

# Keeps a package at a version until a day:
# [[hold]]
# package = "nginx"
# version = "1.18.*"
# reason = "https://bugs.example.com/412"
# until = 2027-02-01
"#
    ))
}

fn debian(distribution: &Distribution) -> String {
    let Distribution { codename, .. } = distribution;
    format!(
        r#"[repo.debian]
deb = "debian"                    # a named archive; which mirror is used is not the manifest's matter
suites = ["{codename}", "{codename}-updates"]
max-age = {{ {codename}-updates = "30d" }} # warn when a mirror stands still; a stable suite itself is months old and right
components = ["main"]             # also: contrib, non-free, non-free-firmware
key = "builtin:debian-{codename}"

[repo.debian-security]
deb = "debian-security"
suites = ["{codename}-security"]
max-age = "30d"
components = ["main"]
key = "builtin:debian-{codename}"
"#
    )
}

fn ubuntu(distribution: &Distribution, arches: &[&Architecture]) -> Result<String, StarterError> {
    let (main, ports): (Vec<&Architecture>, Vec<&Architecture>) =
        arches.iter().partition(|arch| matches!(arch.deb_name(), "amd64" | "i386"));
    if let (Some(main), Some(port)) = (main.first(), ports.first()) {
        return Err(StarterError::TwoArchives { architectures: ((*main).clone(), (*port).clone()) });
    }
    let archive = if ports.is_empty() { "ubuntu" } else { "ubuntu-ports" };
    let Distribution { codename, .. } = distribution;
    Ok(format!(
        r#"[repo.ubuntu]
deb = "{archive}"                 # a named archive; which mirror is used is not the manifest's matter
suites = ["{codename}", "{codename}-updates", "{codename}-security"]
max-age = {{ {codename}-updates = "30d", {codename}-security = "30d" }} # warn when a mirror stands still
components = ["main", "universe"] # also: restricted, multiverse
# Ubuntu's keys are not built in. Take this file from the package `ubuntu-keyring` (on Ubuntu it is in
# /usr/share/keyrings), check its fingerprints against a source that you trust, and put it into the project:
key = "keys/ubuntu-archive-keyring.gpg"
"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;
    use std::path::Path;

    fn arches(names: &[&str]) -> Vec<Architecture> {
        names.iter().map(|name| Architecture::parse(name).unwrap()).collect()
    }

    /// Takes the comment signs off what is commented-out TOML.
    fn uncommented(text: &str) -> String {
        let is_toml = |rest: &str| rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        text.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_toml(rest)).unwrap_or(line)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_starter_parses_and_so_does_what_it_suggests() {
        for distribution in &DISTRIBUTIONS {
            for architecture in distribution.architectures {
                let text = starter(distribution.name, &arches(&[architecture])).unwrap();
                let manifest = parse(&text, Path::new("image.toml")).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(manifest.images.len(), 1);
                let all = uncommented(&text);
                let manifest = parse(&all, Path::new("image.toml")).unwrap_or_else(|error| panic!("{error}\n{all}"));
                assert_eq!((manifest.images.len(), manifest.holds.len()), (2, 1));
            }
        }
    }

    #[test]
    fn debian_has_main_updates_and_security() {
        let text = starter("debian:12", &arches(&["armhf", "amd64", "armv7hl"])).unwrap();
        let manifest = parse(&text, Path::new("image.toml")).unwrap();
        assert_eq!(manifest.arches, arches(&["armhf", "amd64"]));
        let suites: Vec<_> = manifest.repos.values().flat_map(|repo| repo.steering.suites.clone()).collect();
        assert_eq!(suites, ["bookworm", "bookworm-updates", "bookworm-security"]);
    }

    #[test]
    fn ubuntu_has_two_archives() {
        let archive = |arch| {
            let text = starter("ubuntu:noble", &arches(&[arch])).unwrap();
            parse(&text, Path::new("image.toml")).unwrap().repos["ubuntu"].steering.archive.clone().unwrap()
        };
        assert_eq!((archive("amd64").as_str(), archive("armhf").as_str()), ("ubuntu", "ubuntu-ports"));
        assert!(matches!(starter("ubuntu:noble", &arches(&["amd64", "arm64"])), Err(StarterError::TwoArchives { .. })));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let message = |distribution, names| starter(distribution, &arches(names)).unwrap_err().to_string();
        insta::assert_snapshot!(message("debian:bookwurm", &["armhf"]), @"no starting manifest for `debian:bookwurm`; there is one for debian:bookworm, debian:trixie, ubuntu:jammy, ubuntu:noble");
        insta::assert_snapshot!(message("debian:trixie", &["mipsel"]), @"`debian:trixie` has no packages for `mipsel`; it has amd64, arm64, armel, armhf, i386, ppc64el, riscv64, s390x");
        insta::assert_snapshot!(message("debian:trixie", &[]), @"a manifest needs an architecture");
        insta::assert_snapshot!(message("ubuntu:noble", &["amd64", "arm64"]), @"Ubuntu has `amd64` and `arm64` in different archives; write one manifest for each");
    }
}
