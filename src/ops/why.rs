//! `pintree why`: the shortest ways from what an image asks for to one of its packages.

use super::choice::Chosen;
use super::fields::FieldReader;
use super::graph::{Asked, Graph};
use super::{Choice, Error, Session, lock};
use crate::index::Field;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, version};
use std::collections::BTreeSet;

/// Why a package is in an image.
#[derive(Debug)]
pub struct Why {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// One answer for each package and each group of architectures that agree.
    pub answers: Vec<Answer>,
    /// Where the package is to be had, newest first; none if nobody asked.
    pub offers: Option<Vec<Offer>>,
}

/// A version of the package that a repository lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The version.
    pub version: String,
    /// The repository.
    pub repo: String,
    /// The suite.
    pub suite: String,
    /// The architectures of the image for which it is there.
    pub architectures: BTreeSet<Architecture>,
    /// Whether the lockfile has it.
    pub locked: bool,
    /// Whether the suite is one of security updates.
    pub security: bool,
    /// Whether the suite supplies only what is asked from it, or the repository's `only` and `exclude` keep it out.
    pub hidden: bool,
}

/// The same answer for some architectures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The architectures of the image.
    pub architectures: Vec<Architecture>,
    /// The package, with `:ARCH` where it is a foreign one.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The shortest way from each thing that asks for it, shortest first.
    pub chains: Vec<Chain>,
}

/// A way from something that the image asks for to the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Who asks.
    pub asked: Asked,
    /// The package that is asked for.
    pub first: (String, String),
    /// What leads on from there; empty if it is the package itself.
    pub links: Vec<Step>,
}

/// One step of a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The package that is depended on.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The field that says so.
    pub field: Field,
    /// The group of alternatives, in a control file's words.
    pub group: String,
}

/// Says why `package` (`NAME` or `NAME:ARCH`) is in an image and, with `offers`, which repositories have it.
///
/// # Errors
/// When the image does not have it, unless a repository has it and that was asked.
pub fn why(session: &mut Session<'_>, choice: &Choice, package: &str, offers: bool) -> Result<Why, Error> {
    let chosen = choice.load(&session.project)?;
    let Chosen { manifest, images } = chosen.first().expect("a choice that was loaded names an image");
    let (image, arches) = images.first_key_value().expect("a choice that was loaded names an image");
    let lockfile = lock::existing(session, manifest)?;
    let mut reader = FieldReader::open(&session.project.store())?;
    let mut answers: Vec<Answer> = vec![];
    for architecture in arches {
        if !has(&lockfile, image, architecture, package)? {
            continue;
        }
        let graph = Graph::load(session, &mut reader, manifest, &lockfile, image, architecture)?;
        for answer in answers_of(&graph, package) {
            let same =
                |other: &&mut Answer| other.package == answer.package && other.version == answer.version && other.chains == answer.chains;
            match answers.iter_mut().find(same) {
                Some(other) => other.architectures.push(architecture.clone()),
                None => answers.push(answer),
            }
        }
    }
    let offers = if offers { Some(offered(session, &mut reader, manifest, &lockfile, arches, package)?) } else { None };
    if answers.is_empty() && offers.as_ref().is_none_or(Vec::is_empty) {
        let image = format!("{}/{image}", manifest.name);
        return Err(absent(session, package, image, arches)?);
    }
    Ok(Why { manifest: manifest.name.clone(), image: image.clone(), answers, offers })
}

fn offered(
    session: &mut Session<'_>,
    reader: &mut FieldReader,
    manifest: &Manifest,
    lockfile: &Lockfile,
    arches: &[Architecture],
    package: &str,
) -> Result<Vec<Offer>, Error> {
    let name = package.split(':').next().unwrap_or_default();
    let mut offers: Vec<Offer> = vec![];
    for architecture in arches {
        let universe = reader.indexes(session, manifest)?.universe(session, manifest, architecture, Some(lockfile))?;
        for listing in universe.listings(name).filter(|listing| is_meant(package, name, listing.package.architecture())) {
            let (source, listed) = (listing.source, listing.package);
            let same = |offer: &&mut Offer| (&*offer.version, &offer.repo, &offer.suite) == (listed.version(), &source.repo, &source.suite);
            match offers.iter_mut().find(same) {
                Some(offer) => {
                    offer.architectures.insert(architecture.clone());
                }
                None => offers.push(Offer {
                    version: listed.version().to_owned(),
                    repo: source.repo.clone(),
                    suite: source.suite.clone(),
                    architectures: BTreeSet::from([architecture.clone()]),
                    locked: lockfile.cells().iter().any(|pin| pin.name == name && pin.version == listed.version()),
                    security: source.security,
                    hidden: source.not_automatic || !source.steering.supplies(name),
                }),
            }
        }
    }
    offers.sort_by(|a, b| version::compare(&b.version, &a.version));
    Ok(offers)
}

fn has(lockfile: &Lockfile, image: &str, architecture: &Architecture, package: &str) -> Result<bool, Error> {
    Ok(lockfile.iter_pins(image, architecture)?.any(|pin| is_meant(package, &pin.name, &pin.architecture)))
}

fn is_meant(package: &str, name: &str, architecture: &Architecture) -> bool {
    match package.split_once(':') {
        None => package == name,
        Some((wanted, on)) => wanted == name && on == architecture.deb_name(),
    }
}

/// The places of the packages that `package` means.
pub(super) fn meant(graph: &Graph, package: &str) -> Vec<usize> {
    let meant = |at: &usize| is_meant(package, &graph.members[*at].name, &graph.members[*at].architecture);
    (0..graph.members.len()).filter(meant).collect()
}

fn answers_of(graph: &Graph, package: &str) -> Vec<Answer> {
    let answer = |target: usize| {
        let member = &graph.members[target];
        let chain = |root| {
            let (first, links) = graph.chain(root, target)?;
            let step = |link: super::graph::Link| {
                let to = &graph.members[link.to];
                Step { package: to.label.clone(), version: to.version.clone(), field: link.field, group: link.group }
            };
            let first = &graph.members[first];
            Some(Chain {
                asked: root.asked.clone(),
                first: (first.label.clone(), first.version.clone()),
                links: links.into_iter().map(step).collect(),
            })
        };
        let mut chains: Vec<Chain> = graph.roots.iter().filter_map(chain).collect();
        // Stable: requests stay in the manifest's order, before the variant.
        chains.sort_by_key(|chain| chain.links.len());
        Answer { architectures: vec![graph.architecture.clone()], package: member.label.clone(), version: member.version.clone(), chains }
    };
    meant(graph, package).into_iter().map(answer).collect()
}

/// Says where else a package is, or what was perhaps meant.
pub(super) fn absent(session: &mut Session<'_>, package: &str, image: String, arches: &[Architecture]) -> Result<Error, Error> {
    let mut elsewhere = vec![];
    let mut names: BTreeSet<String> = BTreeSet::new();
    for Chosen { manifest, images } in Choice::default().load(&session.project)? {
        let Ok(lockfile) = lock::existing(session, &manifest) else { continue };
        names.extend(lockfile.cells().iter().map(|pin| pin.name.clone()));
        for (name, arches) in &images {
            let on: Vec<String> =
                arches.iter().filter(|arch| has(&lockfile, name, arch, package).unwrap_or_default()).map(Architecture::to_string).collect();
            if !on.is_empty() {
                elsewhere.push(format!("{}/{name} for {}", manifest.name, on.join(", ")));
            }
        }
    }
    let bare = package.split(':').next().unwrap_or_default();
    let known = names.contains(bare);
    let package = package.to_owned();
    if !elsewhere.is_empty() || known {
        return Ok(Error::NotInImage { package, image, arches: arches.to_vec(), elsewhere });
    }
    let mut similar: Vec<(usize, String)> = names.into_iter().map(|name| (strsim::osa_distance(&name, &package), name)).collect();
    let tolerance = (package.chars().count() / 3).clamp(1, 3);
    similar.retain(|(distance, _)| *distance <= tolerance);
    similar.sort();
    Ok(Error::UnknownPackage { package, similar: similar.into_iter().take(3).map(|(_, name)| name).collect() })
}
