//! `pintree tree`: an image's packages below what asks for them.

use super::choice::Chosen;
use super::fields::FieldReader;
use super::graph::Graph;
use super::{Choice, Error, Session, lock, why};

/// An image's packages for one architecture.
#[derive(Debug)]
pub struct Tree {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// Packages, dependencies, and what the image asks for.
    pub graph: Graph,
    /// The packages to begin with, if not what the image asks for: places in the graph.
    pub from: Option<Vec<usize>>,
}

/// The dependency graphs of an image, one for each architecture; with `package` (`NAME` or `NAME:ARCH`) of those that have it.
///
/// # Errors
/// When no architecture of the image has the package.
pub fn tree(session: &mut Session<'_>, choice: &Choice, package: Option<&str>) -> Result<Vec<Tree>, Error> {
    let mut reader = FieldReader::open(&session.project.store())?;
    let mut trees = vec![];
    for Chosen { manifest, images } in choice.load(&session.project)? {
        let lockfile = lock::existing(session, &manifest)?;
        for (image, arches) in &images {
            for architecture in arches {
                let graph = Graph::load(session, &mut reader, &manifest, &lockfile, image, architecture)?;
                let from = package.map(|package| why::meant(&graph, package));
                if from.as_ref().is_none_or(|from| !from.is_empty()) {
                    trees.push(Tree { manifest: manifest.name.clone(), image: image.clone(), graph, from });
                }
            }
            if let (Some(package), true) = (package, trees.is_empty()) {
                return Err(why::absent(session, package, format!("{}/{image}", manifest.name), arches)?);
            }
        }
    }
    Ok(trees)
}
