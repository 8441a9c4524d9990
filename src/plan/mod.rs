//! Pins of every image ► the graph of edges that a build needs, still free of ninja's syntax.
//!
//! Takes [`Target`]s, one for each image and architecture, and gives a [`Plan`]: one [`Import`] for each package file,
//! shared by all images, and one [`Compose`] for each target. Pure: what exists already is ninja's question.

use crate::pkg::{Architecture, Pin, Sha256};
use crate::store::{IMAGE_FORMAT, RefName};
use std::collections::{BTreeMap, BTreeSet};

/// One image for one architecture, as a lockfile pins it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside the root, in manifest order.
    pub foreign: Vec<Architecture>,
    /// What steered the solver, in manifest words, one statement each; part of the image's identity.
    pub steering: Vec<String>,
    /// Every package of the image.
    pub pins: Vec<Pin>,
}

/// The work that a set of targets implies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One edge for each package file, by digest.
    pub imports: BTreeMap<Sha256, Import>,
    /// One edge for each image and architecture, sorted.
    pub composes: Vec<Compose>,
}

/// A package file to bring into its own ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The package's name.
    pub name: String,
    /// Its full version.
    pub version: String,
    /// Its own architecture field.
    pub architecture: Architecture,
    /// The file's size in bytes.
    pub size: u64,
    /// Where it may be found.
    pub from: BTreeSet<Place>,
}

/// Where a package file may be found: a repository of a manifest, and a path below the repository's base.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The manifest's name.
    pub manifest: String,
    /// The repository's name in that manifest.
    pub repo: String,
    /// The path below the repository's base.
    pub path: String,
}

/// A root filesystem to merge from package refs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compose {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside the root, in manifest order.
    pub foreign: Vec<Architecture>,
    /// The ref that the edge writes.
    pub reference: RefName,
    /// The digest of everything the lockfile says of the image.
    pub identity: Sha256,
    /// The packages by digest, in the order of name, then architecture.
    pub packages: Vec<Sha256>,
}

/// Turns targets into a plan; the order of the targets does not matter.
pub fn plan(targets: impl IntoIterator<Item = Target>) -> Plan {
    let mut plan = Plan::default();
    for mut target in targets {
        target.pins.sort_by(|a, b| (&a.name, &a.architecture, &a.version).cmp(&(&b.name, &b.architecture, &b.version)));
        let identity = identity(&target);
        let packages = target.pins.iter().map(|pin| pin.sha256).collect();
        for pin in target.pins {
            let import = plan.imports.entry(pin.sha256).or_insert_with(|| Import {
                name: pin.name,
                version: pin.version,
                architecture: pin.architecture,
                size: pin.size,
                from: BTreeSet::new(),
            });
            import.from.insert(Place { manifest: target.manifest.clone(), repo: pin.repo, path: pin.path });
        }
        plan.composes.push(Compose {
            reference: RefName::image(&target.manifest, &target.image, &target.architecture, "composed"),
            manifest: target.manifest,
            image: target.image,
            architecture: target.architecture,
            foreign: target.foreign,
            identity,
            packages,
        });
    }
    plan.composes.sort();
    plan
}

/// The digest that an image commit carries: its pins and its steering, and neither mirrors nor tool versions.
fn identity(target: &Target) -> Sha256 {
    let mut text = format!("pintree image {IMAGE_FORMAT}\narchitecture {}\n", target.architecture);
    for foreign in &target.foreign {
        text.push_str(&format!("foreign {foreign}\n"));
    }
    for statement in &target.steering {
        text.push_str(&format!("steering {statement}\n"));
    }
    for pin in &target.pins {
        text.push_str(&format!("package {} {} {} {}\n", pin.name, pin.architecture, pin.version, pin.sha256));
    }
    Sha256::of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(name: &str, repo: &str) -> Pin {
        Pin {
            name: name.into(),
            architecture: Architecture::parse("armhf").unwrap(),
            version: "1.0".into(),
            source: name.into(),
            source_version: "1.0".into(),
            repo: repo.into(),
            path: format!("pool/main/{name}.deb"),
            sha256: Sha256::of(name.as_bytes()),
            size: 5,
        }
    }

    fn target(image: &str, pins: Vec<Pin>) -> Target {
        Target {
            manifest: "edge".into(),
            image: image.into(),
            architecture: Architecture::parse("armhf").unwrap(),
            foreign: vec![],
            steering: vec![],
            pins,
        }
    }

    #[test]
    fn shares_a_package_between_images() {
        let plan = plan([target("a", vec![pin("x", "r"), pin("y", "r")]), target("b", vec![pin("x", "s")])]);
        assert_eq!(plan.imports.len(), 2);
        assert_eq!(plan.imports[&Sha256::of(b"x")].from.len(), 2, "both repositories may be asked");
        assert_eq!(plan.composes.len(), 2);
    }

    #[test]
    fn identity_follows_pins_and_not_their_order_or_place() {
        let of = |pins| plan([target("a", pins)]).composes[0].identity;
        let base = of(vec![pin("x", "r"), pin("y", "r")]);
        assert_eq!(base, of(vec![pin("y", "elsewhere"), pin("x", "r")]));
        let mut moved = pin("x", "r");
        moved.version = "1.1".into();
        assert_ne!(base, of(vec![moved, pin("y", "r")]));
    }
}
