//! `pintree tree`: an image's packages below what asks for them.

use super::choice::Chosen;
use super::fields::FieldReader;
use super::graph::Graph;
use super::{Choice, Error, Session, lock};

/// An image's packages for one architecture.
#[derive(Debug)]
pub struct Tree {
    /// The manifest's name.
    pub manifest: String,
    /// The image's name.
    pub image: String,
    /// Packages, dependencies, and what the image asks for.
    pub graph: Graph,
}

/// The dependency graphs of an image, one for each architecture.
pub fn tree(session: &mut Session<'_>, choice: &Choice) -> Result<Vec<Tree>, Error> {
    let mut reader = FieldReader::open(&session.project.store())?;
    let mut trees = vec![];
    for Chosen { manifest, images } in choice.load(&session.project)? {
        let lockfile = lock::existing(session, &manifest)?;
        for (image, arches) in &images {
            for architecture in arches {
                let graph = Graph::load(session, &mut reader, &manifest, &lockfile, image, architecture)?;
                trees.push(Tree { manifest: manifest.name.clone(), image: image.clone(), graph });
            }
        }
    }
    Ok(trees)
}
