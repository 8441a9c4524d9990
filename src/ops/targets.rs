//! A lockfile's images as targets of a plan.

use super::{Error, ids};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::Architecture;
use crate::plan::{Additions, Target};

/// The target of one image for one architecture, without the files of the project that are added to it.
pub fn target(manifest: &Manifest, lockfile: &Lockfile, image: &str, architecture: &Architecture) -> Result<Target, Error> {
    let settings = manifest.flatten(image).map(|resolved| resolved.settings()).unwrap_or_default();
    Ok(Target {
        manifest: manifest.name.clone(),
        image: image.to_owned(),
        architecture: architecture.clone(),
        foreign: lockfile.steering().foreign_arches.iter().filter(|arch| *arch != architecture).cloned().collect(),
        steering: steering(lockfile, image, architecture),
        pins: lockfile.pins(image, architecture)?,
        directories: manifest.repos.iter().filter_map(|(name, repo)| Some((name.clone(), repo.directory.clone()?))).collect(),
        epoch: manifest.epoch,
        debconf: settings.debconf,
        ids: ids::fixed(manifest, lockfile),
        additions: Additions::default(),
    })
}

/// What steered the solver for the image and the images it extends, in manifest words.
fn steering(lockfile: &Lockfile, image: &str, architecture: &Architecture) -> Vec<String> {
    let mut statements = vec![];
    let mut name = Some(image);
    let images = lockfile.images();
    // A lockfile that was read has no cycle; each image is visited once all the same.
    for _ in 0..images.len() {
        let Some(part) = name.and_then(|name| images.get(name)) else { break };
        let steering = &part.steering;
        statements.push(format!("variant {}", steering.variant.as_str()));
        statements.push(format!("recommends {}", steering.recommends));
        statements.extend(steering.exclude.iter().map(|glob| format!("exclude {glob}")));
        let wanted = part.roots.iter().filter(|(_, on)| on.as_ref().is_none_or(|on| on.contains(architecture)));
        statements.extend(wanted.map(|(request, _)| format!("request {request}")));
        name = part.extends.as_deref();
    }
    statements.sort();
    statements.dedup();
    statements
}
