//! An image together with everything it inherits.

use super::{Image, ImageRequest, Manifest, Settings};
use crate::pkg::{Architecture, Glob, ImageSteering, Request, RequestTarget};

/// An image with the images it extends, merged: what the solver and the build need.
///
/// "Later wins": what an image says replaces what the images it extends say about the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage<'a> {
    /// The images that make it, the one without `extends` first, the image itself last; never empty.
    pub chain: Vec<&'a Image>,
}

impl Manifest {
    /// The image called `name` with everything it inherits; `None` if the manifest has no such image.
    pub fn flatten(&self, name: &str) -> Option<ResolvedImage<'_>> {
        self.images.get(name).map(|image| ResolvedImage { chain: self.chain(image) })
    }

    /// `image` and the images it extends, the outermost parent first.
    pub(super) fn chain<'a>(&'a self, image: &'a Image) -> Vec<&'a Image> {
        let mut chain = vec![image];
        let mut at = image;
        // A parsed manifest has no cycle; the length is bound all the same, for one that was put together by hand.
        while let Some(parent) = at.extends.as_ref().and_then(|parent| self.images.get(parent))
            && chain.len() <= self.images.len()
        {
            chain.push(parent);
            at = parent;
        }
        chain.reverse();
        chain
    }
}

impl<'a> ResolvedImage<'a> {
    /// The image itself.
    pub fn image(&self) -> &'a Image {
        self.chain.last().expect("a chain holds at least the image itself")
    }

    /// The architectures it is built for, in the manifest's order.
    pub fn arches(&self) -> &'a [Architecture] {
        &self.image().arches
    }

    /// All requests for one architecture, inherited ones first.
    ///
    /// A request replaces inherited ones for the same package (and architecture) or path; an image's `exclude` removes
    /// the inherited requests that it matches.
    pub fn requests(&self, architecture: &Architecture) -> Vec<&'a Request> {
        self.image_requests(architecture).into_iter().map(|entry| &entry.request).collect()
    }

    /// The same as [`Self::requests`], with the manifest's own words.
    pub fn image_requests(&self, architecture: &Architecture) -> Vec<&'a ImageRequest> {
        let mut merged: Vec<&'a ImageRequest> = Vec::new();
        for image in &self.chain {
            let own = own_requests(image, architecture);
            merged.retain(|old| {
                let replaced = own.iter().any(|new| is_about_the_same(&old.request, &new.request));
                !replaced && !image.steering.exclude.iter().any(|glob| names(&old.request).is_some_and(|name| glob.matches(name)))
            });
            merged.extend(own);
        }
        merged
    }

    /// What steers the solver for one architecture; `exclude` has the inherited patterns too.
    ///
    /// An inherited pattern that is just the name of a package is lifted where a later image asks for that package.
    pub fn steering(&self, architecture: &Architecture) -> ImageSteering {
        let mut exclude: Vec<Glob> = Vec::new();
        for image in &self.chain {
            let own = own_requests(image, architecture);
            exclude.retain(|glob| !own.iter().any(|entry| names(&entry.request) == Some(glob.as_str())));
            for glob in &image.steering.exclude {
                if !exclude.contains(glob) {
                    exclude.push(glob.clone());
                }
            }
        }
        ImageSteering { exclude, ..self.image().steering.clone() }
    }

    /// Overlay directories in the order in which they are laid over the tree; the last one wins.
    pub fn overlays(&self) -> Vec<&'a str> {
        merged(self.chain.iter().flat_map(|image| &image.overlays))
    }

    /// Scripts in the order in which they run.
    pub fn scripts(&self) -> Vec<&'a str> {
        merged(self.chain.iter().flat_map(|image| &image.scripts))
    }

    /// What the images say about the system inside, merged; where several say something about one thing, the last wins.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for image in &self.chain {
            settings.extend(&image.settings);
        }
        settings
    }
}

fn own_requests<'a>(image: &'a Image, architecture: &Architecture) -> Vec<&'a ImageRequest> {
    image.requests.iter().filter(|entry| entry.architecture.as_ref().is_none_or(|arch| arch == architecture)).collect()
}

fn names(request: &Request) -> Option<&str> {
    match &request.target {
        RequestTarget::Package(relation) => Some(&relation.name),
        RequestTarget::File(_) => None,
    }
}

fn is_about_the_same(left: &Request, right: &Request) -> bool {
    match (&left.target, &right.target) {
        (RequestTarget::Package(left), RequestTarget::Package(right)) => left.name == right.name && left.qualifier == right.qualifier,
        (RequestTarget::File(left), RequestTarget::File(right)) => left == right,
        _ => false,
    }
}

/// The paths in order; of one that comes twice, the last place counts.
fn merged<'a>(paths: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let all: Vec<&str> = paths.map(String::as_str).collect();
    all.iter().enumerate().filter(|(at, path)| !all[at + 1..].contains(path)).map(|(_, path)| *path).collect()
}
