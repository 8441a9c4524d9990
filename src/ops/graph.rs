//! An image's packages, what each depends on among the others, and what the image itself asks for.

use super::fields::{FieldReader, Fields};
use super::{Error, Session};
use crate::index::{Field, Package, Priority, contents};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Request, RequestTarget, Variant};
use crate::resolve::{Closure, Satisfied};
use crate::store::{Repo, Tree};
use std::collections::VecDeque;
use std::fmt;

/// One image for one architecture, as its lockfile pins it.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The architecture of the image.
    pub architecture: Architecture,
    /// The packages, by name and architecture.
    pub members: Vec<Member>,
    /// What the image asks for: its requests as the manifest has them, then its variant.
    pub roots: Vec<Root>,
    /// What breaks the packages' own rules: dependencies that are not met, conflicts; empty for a sound image.
    pub violations: Vec<String>,
}

/// A package of the image.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its full version.
    pub version: String,
    /// Its own architecture field.
    pub architecture: Architecture,
    /// Its name, with `:ARCH` where that is not the image's.
    pub label: String,
    /// What it depends on, with Recommends where the image follows them; places are those of [`Graph::members`].
    pub dependencies: Vec<Satisfied>,
}

/// Something that the image asks for.
#[derive(Clone, Debug)]
pub struct Root {
    /// What it is.
    pub asked: Asked,
    /// The packages that it means: places in [`Graph::members`].
    pub members: Vec<usize>,
}

/// Who asks for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A request, in manifest words.
    Request(String),
    /// The image's variant.
    Variant(Variant),
    /// The image's variant, by a priority that the archive gives the package and the package itself does not.
    Archive(Variant),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => write!(f, "request `{request}`"),
            Self::Variant(variant) => write!(f, "variant `{}`", variant.as_str()),
            Self::Archive(variant) => write!(f, "variant `{}`, by the archive's priority", variant.as_str()),
        }
    }
}

/// One step from a package to one that it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The package that is depended on: a place in [`Graph::members`].
    pub to: usize,
    /// The field that says so.
    pub field: Field,
    /// The group of alternatives, in a control file's words.
    pub group: String,
}

impl Graph {
    /// Puts together what lockfile, packages and indexes say about an image.
    pub fn load(
        session: &mut Session<'_>,
        reader: &mut FieldReader,
        manifest: &Manifest,
        lockfile: &Lockfile,
        image: &str,
        architecture: &Architecture,
    ) -> Result<Self, Error> {
        let pins = lockfile.pins(image, architecture)?;
        let fields = reader.read(session, manifest, architecture, &pins)?;
        let packages = fields.packages();
        let closure = Closure::new(&packages, architecture);
        let resolved = manifest.flatten(image).expect("the image is one of the manifest's");
        let steering = resolved.steering(architecture);
        let members = packages
            .iter()
            .map(|package| {
                let followed = [Field::PreDepends, Field::Depends].into_iter().chain(steering.recommends.then_some(Field::Recommends));
                let foreign = !package.architecture().is_independent() && package.architecture() != architecture;
                Member {
                    name: package.name().to_owned(),
                    version: package.version().to_owned(),
                    architecture: package.architecture().clone(),
                    label: if foreign { format!("{}:{}", package.name(), package.architecture()) } else { package.name().to_owned() },
                    dependencies: followed.flat_map(|field| closure.dependencies(package, field)).collect(),
                }
            })
            .collect();
        let mut graph = Self { architecture: architecture.clone(), members, roots: vec![], violations: closure.violations() };
        for entry in resolved.image_requests(architecture) {
            let members = match &entry.request.target {
                RequestTarget::Package(relation) => closure.requested(relation),
                RequestTarget::File(path) => owners(session, reader, manifest, architecture, &fields, &graph, path, &entry.request)?,
            };
            graph.roots.push(Root { asked: Asked::Request(entry.request.to_string()), members });
        }
        let mut priorities: Vec<Priority> = packages.iter().map(|package| package.priority()).collect();
        if !matches!(steering.variant, Variant::Custom | Variant::Essential) {
            match reader.priorities(session, manifest, architecture, &pins) {
                Ok(archive) => priorities.iter_mut().zip(archive).for_each(|(own, archive)| *own = archive.unwrap_or(*own)),
                // An explanation that is nearly right is better than none while the network is down.
                Err(error) => session.talk.warn(&format!("the archive's priorities are not known, the packages' own are used: {error}")),
            }
        }
        graph.add_variant(steering.variant, &packages, &priorities);
        Ok(graph)
    }

    fn add_variant(&mut self, variant: Variant, packages: &[Package<'_>], priorities: &[Priority]) {
        let lowest = match variant {
            Variant::Custom => return,
            Variant::Essential => None,
            Variant::Minbase => Some(Priority::Required),
            Variant::Important => Some(Priority::Important),
            Variant::Standard => Some(Priority::Standard),
        };
        let native = |package: &Package<'_>| package.architecture().is_independent() || *package.architecture() == self.architecture;
        let wanted = |package: &Package<'_>, priority: &Priority| {
            let by_priority = |lowest| package.name() == "apt" || (Priority::Required..=lowest).contains(priority);
            native(package) && (package.is_essential() || lowest.is_some_and(by_priority))
        };
        let both = packages.iter().zip(priorities).enumerate();
        let members = both.filter(|(_, (package, priority))| wanted(package, priority)).map(|(at, _)| at).collect();
        self.roots.push(Root { asked: Asked::Variant(variant), members });
        // Where no index is at hand any more, the priority that brought a package in may not be known.
        if lowest.is_some() {
            let reached = self.reached();
            let left: Vec<usize> = (0..self.members.len()).filter(|at| !reached[*at]).collect();
            let needed = |at: &usize| left.iter().any(|other| other != at && self.links(*other).any(|link| link.to == *at));
            let members: Vec<usize> = left.iter().copied().filter(|at| !needed(at)).collect();
            if !members.is_empty() {
                self.roots.push(Root { asked: Asked::Archive(variant), members });
            }
        }
    }

    /// What a package leads to.
    pub fn links(&self, at: usize) -> impl Iterator<Item = Link> + '_ {
        let all = self.members[at].dependencies.iter();
        all.flat_map(|dependency| {
            dependency.by.iter().map(move |&to| Link { to, field: dependency.field, group: dependency.group.clone() })
        })
        .filter(move |link| link.to != at)
    }

    /// What needs each package: the links that lead to it, as if they led the other way.
    pub fn dependents(&self) -> Vec<Vec<Link>> {
        let mut dependents = vec![vec![]; self.members.len()];
        for at in 0..self.members.len() {
            for link in self.links(at) {
                dependents[link.to].push(Link { to: at, field: link.field, group: link.group });
            }
        }
        dependents
    }

    /// Who asks for a package itself.
    pub fn asked(&self, at: usize) -> impl Iterator<Item = &Asked> {
        self.roots.iter().filter(move |root| root.members.contains(&at)).map(|root| &root.asked)
    }

    /// The shortest way from a root to a package: the package that the root means, and the steps from there.
    pub fn chain(&self, root: &Root, target: usize) -> Option<(usize, Vec<Link>)> {
        let mut before: Vec<Option<(usize, Link)>> = vec![None; self.members.len()];
        let mut seen = vec![false; self.members.len()];
        let mut queue: VecDeque<usize> = root.members.iter().copied().collect();
        root.members.iter().for_each(|&at| seen[at] = true);
        while let Some(at) = queue.pop_front() {
            if at == target {
                let mut links = vec![];
                let mut start = at;
                while let Some((from, link)) = before[start].take() {
                    links.push(link);
                    start = from;
                }
                links.reverse();
                return Some((start, links));
            }
            for link in self.links(at) {
                if !std::mem::replace(&mut seen[link.to], true) {
                    let to = link.to;
                    before[to] = Some((at, link));
                    queue.push_back(to);
                }
            }
        }
        None
    }

    /// Which packages the roots lead to.
    pub fn reached(&self) -> Vec<bool> {
        let mut seen = vec![false; self.members.len()];
        let mut open: Vec<usize> = self.roots.iter().flat_map(|root| root.members.iter().copied()).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut seen[at], true) {
                open.extend(self.links(at).map(|link| link.to));
            }
        }
        seen
    }
}

/// The members that ship a requested path: by their trees, else by the archive's file lists.
#[allow(clippy::too_many_arguments, reason = "one question to everything that is known of an image")]
fn owners(
    session: &mut Session<'_>,
    reader: &mut FieldReader,
    manifest: &Manifest,
    architecture: &Architecture,
    fields: &Fields,
    graph: &Graph,
    path: &str,
    request: &Request,
) -> Result<Vec<usize>, Error> {
    let mut owners = vec![];
    if let Some(store) = reader.store() {
        for (at, tree) in fields.trees().iter().enumerate() {
            if let Some(tree) = tree
                && ships(store, &mut Tree::read(store, tree)?, path)?
            {
                owners.push(at);
            }
        }
    }
    if owners.is_empty() && fields.trees().iter().any(Option::is_none) {
        let indexes = reader.indexes(session, manifest)?;
        let files = indexes.files(session, architecture, std::slice::from_ref(request))?;
        let names = files.owners(path);
        owners = (0..graph.members.len()).filter(|at| names.contains(&graph.members[*at].name)).collect();
    }
    Ok(owners)
}

fn ships(store: &Repo, tree: &mut Tree, path: &str) -> Result<bool, Error> {
    for spelling in contents::spellings(path) {
        if tree.get(store, &spelling)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
