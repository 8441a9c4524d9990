//! What can be judged only with the whole manifest at hand: parents, architectures, origins and branches.

use super::image::{Draft, Image};
use super::problem::{ProblemKind, closest};
use super::settings::Settings;
use super::table::{Reader, Spanned};
use super::{Manifest, form};
use crate::pkg::Architecture;
use std::collections::{BTreeMap, BTreeSet};

/// Completes the images with what they inherit, and checks them against the rest of the manifest.
///
/// `manifest` has everything but its images. `arches_known` says that `arches` could be read, so that what depends on it
/// can be judged.
pub(super) fn images(
    reader: &mut Reader<'_>,
    manifest: &Manifest,
    mut drafts: Vec<Draft<'_>>,
    arches_known: bool,
) -> BTreeMap<String, Image> {
    drafts.sort_by(|left, right| left.image.name.cmp(&right.image.name));
    parents(reader, &mut drafts);
    let mut images: BTreeMap<String, Image> = BTreeMap::new();
    let mut branches = BTreeMap::new();
    for at in parents_first(&drafts) {
        let mut draft = std::mem::replace(&mut drafts[at].image, empty());
        let parent = draft.extends.as_ref().and_then(|parent| images.get(parent));
        inherit(&mut draft, &drafts[at], parent, manifest);
        if arches_known {
            architectures(reader, &draft, &drafts[at], parent, manifest);
            branch(reader, &mut draft, &drafts[at], &mut branches);
        }
        origins(reader, &draft, &drafts[at], manifest);
        if manifest.repos.is_empty() && drafts[at].asks {
            reader.report(&drafts[at].span, ProblemKind::NoRepository { image: draft.name.clone() });
        }
        images.insert(draft.name.clone(), draft);
    }
    images
}

fn empty() -> Image {
    Image {
        name: String::new(),
        extends: None,
        arches: Vec::new(),
        reference: None,
        steering: crate::pkg::ImageSteering::default(),
        requests: Vec::new(),
        overlays: Vec::new(),
        scripts: Vec::new(),
        settings: Settings::default(),
    }
}

/// Sets `extends` where it names an image and leads to an end.
fn parents(reader: &mut Reader<'_>, drafts: &mut [Draft<'_>]) {
    let names: BTreeSet<String> = drafts.iter().map(|draft| draft.image.name.clone()).collect();
    let mut extends: BTreeMap<String, String> = BTreeMap::new();
    for draft in &*drafts {
        let Some(Spanned { value: parent, span }) = &draft.extends else { continue };
        if names.contains(*parent) {
            extends.insert(draft.image.name.clone(), (*parent).to_owned());
        } else {
            let others = names.iter().map(String::as_str).filter(|name| *name != draft.image.name);
            let suggestion = closest(parent, others);
            let image = draft.image.name.clone();
            reader.report(span, ProblemKind::UnknownParent { image, parent: (*parent).to_owned(), suggestion });
        }
    }
    for draft in &mut *drafts {
        let name = draft.image.name.clone();
        let Some(Spanned { span, .. }) = &draft.extends else { continue };
        let mut cycle = vec![name.clone()];
        let mut at = name.as_str();
        while let Some(parent) = extends.get(at) {
            cycle.push(parent.clone());
            // A cycle that does not come back here is reported by one of its own images.
            if cycle[..cycle.len() - 1].contains(parent) {
                break;
            }
            at = parent;
        }
        if cycle.len() > 1 && cycle.last() == Some(&name) {
            extends.remove(&name);
            reader.report(span, ProblemKind::ExtendsCycle { cycle });
        }
    }
    for draft in drafts {
        draft.image.extends = extends.remove(&draft.image.name);
    }
}

/// Indexes of `drafts`, each after its parent's, otherwise in the order given.
fn parents_first(drafts: &[Draft<'_>]) -> Vec<usize> {
    let by_name: BTreeMap<&str, usize> = drafts.iter().enumerate().map(|(at, draft)| (draft.image.name.as_str(), at)).collect();
    let depth = |mut at: usize| {
        let mut depth = 0;
        while let Some(parent) = drafts[at].image.extends.as_deref().and_then(|parent| by_name.get(parent)) {
            at = *parent;
            depth += 1;
        }
        depth
    };
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|at| depth(*at));
    order
}

fn inherit(image: &mut Image, draft: &Draft<'_>, parent: Option<&Image>, manifest: &Manifest) {
    image.steering.variant = draft.variant.or(parent.map(|parent| parent.steering.variant)).unwrap_or_default();
    image.steering.recommends = draft.recommends.or(parent.map(|parent| parent.steering.recommends)).unwrap_or_default();
    let inherited = || parent.map_or(&manifest.arches, |parent| &parent.arches);
    image.arches = match &draft.arches {
        None => inherited().clone(),
        Some(own) => {
            let own: Vec<&Architecture> = own.iter().map(|arch| &arch.value).collect();
            manifest.arches.iter().filter(|arch| own.contains(arch)).cloned().collect()
        }
    };
}

fn architectures(reader: &mut Reader<'_>, image: &Image, draft: &Draft<'_>, parent: Option<&Image>, manifest: &Manifest) {
    let not_built = |key: &str, table: String, architecture: &Architecture, built: &[Architecture]| ProblemKind::ArchitectureNotBuilt {
        key: key.to_owned(),
        table,
        architecture: architecture.clone(),
        built: built.to_vec(),
    };
    for Spanned { value, span } in draft.arches.iter().flatten() {
        if !manifest.arches.contains(value) {
            reader.report(span, not_built("arches", "the manifest".to_owned(), value, &manifest.arches));
        } else if let Some(parent) = parent
            && !parent.arches.contains(value)
        {
            reader.report(span, not_built("arches", format!("image `{}`", parent.name), value, &parent.arches));
        }
    }
    let unlisted = draft.suffixed.iter().filter(|(_, _, architecture)| !image.arches.contains(architecture));
    for (key, span, architecture) in unlisted {
        let table = if manifest.arches.contains(architecture) { format!("image `{}`", image.name) } else { "the manifest".to_owned() };
        reader.report(span, not_built(key, table, architecture, &image.arches));
    }
    for (request, span) in image.requests.iter().zip(&draft.request_spans) {
        let Some(asked) = request.request.architecture() else { continue };
        let foreign = |arch: &Architecture| arch != asked && !manifest.foreign_arches.contains(asked);
        let out_of_place = match &request.architecture {
            Some(arch) => foreign(arch),
            None => image.arches.iter().any(foreign),
        };
        if out_of_place {
            reader.report(span, ProblemKind::NotForeign { request: request.text.clone(), architecture: asked.clone() });
        }
    }
}

fn branch(reader: &mut Reader<'_>, image: &mut Image, draft: &Draft<'_>, branches: &mut BTreeMap<String, String>) {
    let Some(Spanned { value, span }) = &draft.reference else { return };
    if let Err(kind) = form::reference(value, image.arches.len() > 1) {
        reader.report(span, kind);
        return;
    }
    image.reference = Some((*value).to_owned());
    for reference in image.arches.iter().filter_map(|arch| image.reference_for(arch)) {
        if let Some(first) = branches.insert(reference.clone(), image.name.clone()) {
            reader.report(span, ProblemKind::SharedRef { image: image.name.clone(), first, reference });
            return;
        }
    }
}

/// `from` names a repository of the manifest or one of its suites.
fn origins(reader: &mut Reader<'_>, image: &Image, draft: &Draft<'_>, manifest: &Manifest) {
    let suites = || manifest.repos.values().flat_map(|repo| repo.steering.suites.iter());
    for (request, span) in image.requests.iter().zip(&draft.request_spans) {
        let Some(from) = &request.request.from else { continue };
        if manifest.repos.contains_key(from) || suites().any(|suite| suite == from) {
            continue;
        }
        let known = manifest.repos.keys().chain(suites()).map(String::as_str);
        let suggestion = closest(from, known);
        reader.report(span, ProblemKind::UnknownOrigin { request: request.text.clone(), from: from.clone(), suggestion });
    }
}
