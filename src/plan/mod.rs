//! Pins of every image ► the graph of edges that a build needs, still free of ninja's syntax.
//!
//! Takes [`Target`]s, one for each image and architecture, and gives a [`Plan`]: one [`Import`] for each package file,
//! shared by all images, and one [`Compose`], one [`Configure`] and one [`Seal`] for each target. Pure: what exists already is ninja's
//! question.

use crate::lock::Id;
use crate::pkg::{Architecture, Permissions, Pin, Severity, Sha256, TreeCheck};
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
    /// Repositories that are directories of the project, by name.
    pub directories: BTreeMap<String, String>,
    /// `SOURCE_DATE_EPOCH` of scripts, in seconds.
    pub epoch: u64,
    /// Answers to the questions that packages ask, one debconf selection each.
    pub debconf: Vec<String>,
    /// Numbers of users and groups that scripts make, by name; part of no image's identity.
    pub ids: BTreeMap<String, Id>,
    /// What the manifest adds to the configured tree.
    pub additions: Additions,
}

/// What a manifest adds to a configured tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// Directories to lay over the tree, the last one wins.
    pub overlays: Vec<String>,
    /// Programs to run in the sandbox, in their order.
    pub scripts: Vec<String>,
    /// Directories outside the project in which these may lie.
    pub outside: Vec<String>,
    /// The system's name.
    pub hostname: Option<String>,
    /// The name of the time zone.
    pub timezone: Option<String>,
    /// The value of `LANG`.
    pub locale: Option<String>,
    /// Files with public keys of those who may log in as root.
    pub authorized_keys: Vec<String>,
    /// Owner and mode of single paths, without the slash in front.
    pub permissions: BTreeMap<String, Permissions>,
    /// What becomes of findings in the finished tree, where that is not the default.
    pub checks: BTreeMap<TreeCheck, Severity>,
    /// Every file of the project that is read for it, directories of overlays included.
    pub inputs: Vec<String>,
    /// The digest of what these files were when the plan was made: what was removed since the last one shows here only.
    pub digest: Sha256,
}

/// The work that a set of targets implies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One edge for each package file, by digest.
    pub imports: BTreeMap<Sha256, Import>,
    /// One edge for each image and architecture, sorted.
    pub composes: Vec<Compose>,
    /// One edge for each image and architecture, in the same order.
    pub configures: Vec<Configure>,
    /// One edge for each image and architecture, in the same order.
    pub seals: Vec<Seal>,
}

/// How far an image is: what its refs end in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its packages are merged into one tree, and none of their scripts has run.
    Composed,
    /// Maintainer scripts have run.
    Configured,
    /// It is an image commit: what the manifest adds is in it, and OSTree can deploy it.
    #[default]
    Sealed,
}

impl Stage {
    /// The last component of the refs of images at this stage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Composed => "composed",
            Self::Configured => "configured",
            Self::Sealed => "sealed",
        }
    }
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
    /// The file itself, relative to the project: somebody's own, who may make it in the same run of ninja.
    pub files: BTreeSet<String>,
    /// Those of [`Import::files`] that the edge waits for: all of them, unless somebody finds that one is not needed.
    pub inputs: BTreeSet<String>,
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

/// A root filesystem whose maintainer scripts are to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configure {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside the root, in manifest order.
    pub foreign: Vec<Architecture>,
    /// The ref that holds the tree before.
    pub composed: RefName,
    /// The ref that the edge writes.
    pub reference: RefName,
    /// The digest of the composed tree's identity and of what scripts are told besides; ids are no part of it.
    pub identity: Sha256,
    /// `SOURCE_DATE_EPOCH` of scripts, in seconds.
    pub epoch: u64,
    /// Answers to the questions that packages ask, one debconf selection each.
    pub debconf: Vec<String>,
    /// Numbers of users and groups that scripts make, by name.
    pub ids: BTreeMap<String, Id>,
    /// The packages by digest, in the order of name, then architecture.
    pub packages: Vec<Sha256>,
}

/// A configured root filesystem to turn into an image commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// The architecture of the root filesystem.
    pub architecture: Architecture,
    /// Further architectures inside the root, in manifest order.
    pub foreign: Vec<Architecture>,
    /// The ref that holds the tree before.
    pub configured: RefName,
    /// The ref that the edge writes.
    pub reference: RefName,
    /// The identity of the configured tree.
    pub identity: Sha256,
    /// `SOURCE_DATE_EPOCH` of scripts, in seconds.
    pub epoch: u64,
    /// What the manifest adds.
    pub additions: Additions,
}

impl Plan {
    /// The refs of all images at a stage, in the order of [`Plan::composes`].
    pub fn references(&self, stage: Stage) -> impl Iterator<Item = RefName> + '_ {
        self.composes.iter().map(move |compose| compose.reference_at(stage))
    }
}

impl Plan {
    /// Every ref of an image that the plan leads to, with its stage and the identity that its commit carries.
    pub fn results(&self) -> impl Iterator<Item = (Stage, RefName, Sha256)> + '_ {
        let composed = self.composes.iter().map(|compose| (Stage::Composed, compose.reference.clone(), compose.identity));
        let configured = self.configures.iter().map(|configure| (Stage::Configured, configure.reference.clone(), configure.identity));
        let sealed = self.seals.iter().map(|seal| (Stage::Sealed, seal.reference.clone(), seal.identity));
        composed.chain(configured).chain(sealed)
    }
}

impl Compose {
    /// The ref of the same image at a stage.
    pub fn reference_at(&self, stage: Stage) -> RefName {
        RefName::image(&self.manifest, &self.image, &self.architecture, stage.as_str())
    }
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
                files: BTreeSet::new(),
                inputs: BTreeSet::new(),
            });
            if let Some(directory) = target.directories.get(&pin.repo) {
                let file = format!("{directory}/{}", pin.path);
                import.inputs.insert(file.clone());
                import.files.insert(file);
            } else {
                import.from.insert(Place { manifest: target.manifest.clone(), repo: pin.repo, path: pin.path });
            }
        }
        let reference = |stage: Stage| RefName::image(&target.manifest, &target.image, &target.architecture, stage.as_str());
        let compose = Compose {
            reference: reference(Stage::Composed),
            manifest: target.manifest.clone(),
            image: target.image.clone(),
            architecture: target.architecture.clone(),
            foreign: target.foreign,
            identity,
            packages,
        };
        let identity = configured_identity(&identity, target.epoch, &target.debconf);
        plan.seals.push(Seal {
            configured: reference(Stage::Configured),
            reference: reference(Stage::Sealed),
            manifest: target.manifest.clone(),
            image: target.image.clone(),
            architecture: target.architecture.clone(),
            foreign: compose.foreign.clone(),
            identity,
            epoch: target.epoch,
            additions: target.additions,
        });
        plan.configures.push(Configure {
            composed: compose.reference.clone(),
            reference: reference(Stage::Configured),
            identity,
            manifest: target.manifest,
            image: target.image,
            architecture: target.architecture,
            foreign: compose.foreign.clone(),
            epoch: target.epoch,
            debconf: target.debconf,
            ids: target.ids,
            packages: compose.packages.clone(),
        });
        plan.composes.push(compose);
    }
    plan.composes.sort();
    plan.configures.sort_by(|a, b| (&a.manifest, &a.image, &a.architecture).cmp(&(&b.manifest, &b.image, &b.architecture)));
    plan.seals.sort_by(|a, b| (&a.manifest, &a.image, &a.architecture).cmp(&(&b.manifest, &b.image, &b.architecture)));
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

/// The digest that a configured image's commit carries: what it was composed from, and what its scripts were told.
fn configured_identity(composed: &Sha256, epoch: u64, debconf: &[String]) -> Sha256 {
    let mut text = format!("pintree configured {IMAGE_FORMAT}\ncomposed {composed}\nepoch {epoch}\n");
    for line in debconf {
        text.push_str(&format!("debconf {line}\n"));
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
            directories: BTreeMap::new(),
            epoch: 1_577_836_800,
            debconf: vec![],
            ids: BTreeMap::new(),
            additions: Additions::default(),
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

    #[test]
    fn configured_identity_follows_what_scripts_are_told_and_no_id() {
        let of = |change: fn(&mut Target)| {
            let mut target = target("a", vec![pin("x", "r")]);
            change(&mut target);
            plan([target]).configures[0].identity
        };
        let base = of(|_| {});
        assert_ne!(base, of(|target| target.epoch += 86_400));
        assert_ne!(base, of(|target| target.debconf.push("tzdata tzdata/Areas select Europe".into())));
        assert_ne!(base, of(|target| target.steering.push("variant minbase".into())));
        assert_eq!(base, of(|target| target.ids = BTreeMap::from([("messagebus".into(), Id { uid: Some(101), gid: Some(101) })])));
    }
}
