//! `[image.NAME]`: what a root filesystem is made of.

use super::form;
use super::keys::{IMAGE, PER_ARCHITECTURE, VARIANTS};
use super::problem::{ProblemKind, closest};
use super::repo::{globs, report_repeated};
use super::settings::{self, Settings};
use super::table::{Fields, Named, Reader, Span, Spanned};
use crate::pkg::{Architecture, Ecosystem, ImageSteering, Request, Variant};

/// An image as its own table describes it; [`crate::manifest::ResolvedImage`] adds what it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its name in the manifest.
    pub name: String,
    /// The image it extends.
    pub extends: Option<String>,
    /// The architectures it is built for, in the manifest's order; inherited if it gives none.
    pub arches: Vec<Architecture>,
    /// The release branch, with `{arch}` in it where the image has several architectures. Not inherited.
    pub reference: Option<String>,
    /// `variant` and `recommends` as they are in force, inherited ones included; `exclude` is the image's own.
    pub steering: ImageSteering,
    /// The image's own requests: `packages`, then each `packages-ARCH`, in manifest order.
    pub requests: Vec<ImageRequest>,
    /// The image's own overlay directories, relative to the project.
    pub overlays: Vec<String>,
    /// The image's own scripts, relative to the project.
    pub scripts: Vec<String>,
    /// The image's own settings of the system inside it.
    pub settings: Settings,
}

/// One entry of `packages` or `packages-ARCH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRequest {
    /// What is asked.
    pub request: Request,
    /// The same as the manifest has it, without space around it.
    pub text: String,
    /// The architecture whose list it stands in; `None` for `packages`.
    pub architecture: Option<Architecture>,
}

/// A request of an image with the architectures it applies to, as a lockfile records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root<'a> {
    /// The request in manifest words.
    pub text: &'a str,
    /// What is asked.
    pub request: &'a Request,
    /// The architectures, in the manifest's order; empty when it applies to all of the image's.
    pub arches: Vec<Architecture>,
}

impl Image {
    /// The image's own requests, each once, with the architectures it applies to.
    pub fn roots(&self) -> Vec<Root<'_>> {
        let mut roots: Vec<Root<'_>> = Vec::new();
        for ImageRequest { request, text, architecture } in &self.requests {
            match roots.iter_mut().find(|root| root.text == text && !root.arches.is_empty()) {
                Some(root) => root.arches.extend(architecture.clone()),
                None => roots.push(Root { text, request, arches: architecture.iter().cloned().collect() }),
            }
        }
        for root in &mut roots {
            let place = |arch: &Architecture| self.arches.iter().position(|known| known == arch);
            root.arches.sort_by_key(place);
            if root.arches.len() == self.arches.len() {
                root.arches.clear();
            }
        }
        roots
    }

    /// The release branch of one architecture.
    pub fn reference_for(&self, architecture: &Architecture) -> Option<String> {
        self.reference.as_ref().map(|template| template.replace(form::ARCH, architecture.deb_name()))
    }
}

/// An image before its parents are known, with the places of what is still to be checked.
pub(super) struct Draft<'a> {
    pub(super) image: Image,
    pub(super) span: Span,
    pub(super) extends: Option<Spanned<&'a str>>,
    pub(super) arches: Option<Vec<Spanned<Architecture>>>,
    pub(super) variant: Option<Variant>,
    pub(super) recommends: Option<bool>,
    pub(super) reference: Option<Spanned<&'a str>>,
    /// Keys with an architecture in their name.
    pub(super) suffixed: Vec<(&'a str, Span, Architecture)>,
    /// One span for each of the image's requests.
    pub(super) request_spans: Vec<Span>,
    /// Whether there are `packages` at all, readable or not.
    pub(super) asks: bool,
}

/// Reads one `[image.NAME]`; what it returns counts only if no problem was reported.
pub(super) fn read<'a>(reader: &mut Reader<'_>, named: &Named<'a>) -> Draft<'a> {
    if let Err(kind) = form::name(named.name, "an image name") {
        reader.report(&named.span, kind);
    }
    let fields = Fields::read(reader, named.table, format!("`[image.{}]`", named.name), named.span.clone(), IMAGE);
    let mut draft = Draft {
        image: Image {
            name: named.name.to_owned(),
            extends: None,
            arches: Vec::new(),
            reference: None,
            steering: ImageSteering { exclude: globs(reader, &fields, "exclude"), ..ImageSteering::default() },
            requests: Vec::new(),
            overlays: paths(reader, &fields, "overlay"),
            scripts: paths(reader, &fields, "scripts"),
            settings: settings::read(reader, &fields),
        },
        span: named.span.clone(),
        extends: fields.text("extends"),
        arches: architectures(reader, &fields, "arches"),
        variant: variant(reader, &fields),
        recommends: fields.bool("recommends"),
        reference: fields.text("ref"),
        suffixed: Vec::new(),
        request_spans: Vec::new(),
        asks: false,
    };
    if draft.arches.as_ref().is_some_and(Vec::is_empty) {
        reader.report(&fields.key_span("arches"), ProblemKind::EmptyList { key: "arches".to_owned(), optional: true });
    }
    requests(reader, &fields, PER_ARCHITECTURE, None, &mut draft);
    for (key, suffix, span) in fields.with_suffix(PER_ARCHITECTURE) {
        let architecture = match form::architecture(suffix) {
            Ok(architecture) => architecture,
            Err(kind) => {
                reader.report(&span, kind);
                continue;
            }
        };
        if let Some((first, _, _)) = draft.suffixed.iter().find(|(_, _, known)| *known == architecture) {
            let kind = ProblemKind::SynonymousArchitecture { value: key.to_owned(), first: (*first).to_owned() };
            reader.report(&span, kind);
            continue;
        }
        requests(reader, &fields, key, Some(&architecture), &mut draft);
        draft.suffixed.push((key, span, architecture));
    }
    draft
}

fn requests(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, architecture: Option<&Architecture>, draft: &mut Draft<'_>) {
    let list = fields.list(reader, key).unwrap_or_default();
    draft.asks |= !list.is_empty();
    for Spanned { value, span } in list {
        let text = value.trim();
        let same_list = |known: &ImageRequest| known.architecture.is_none() || known.architecture.as_ref() == architecture;
        if draft.image.requests.iter().any(|known| known.text == text && same_list(known)) {
            let key = if architecture.is_some() { format!("{PER_ARCHITECTURE}` and `{key}") } else { key.to_owned() };
            reader.report(&span, ProblemKind::Repeated { entry: text.to_owned(), key });
            continue;
        }
        if text.starts_with('@') {
            let why = "groups and module profiles are for rpm images";
            reader.report(&span, ProblemKind::NotSupported { key: text.to_owned(), why });
            continue;
        }
        match Request::parse(text, Ecosystem::Deb) {
            Ok(request) => {
                draft.image.requests.push(ImageRequest { request, text: text.to_owned(), architecture: architecture.cloned() });
                draft.request_spans.push(span);
            }
            Err(error) => reader.report(&span, error),
        }
    }
}

fn variant(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Variant> {
    let Spanned { value, span } = fields.text("variant")?;
    let variant = Variant::ALL.into_iter().find(|variant| variant.as_str() == value);
    if variant.is_none() {
        let suggestion = closest(value, VARIANTS);
        let kind = ProblemKind::UnknownValue { key: "variant".to_owned(), value: value.to_owned(), suggestion, known: VARIANTS.to_vec() };
        reader.report(&span, kind);
    }
    variant
}

/// Reads a list of paths of the project, each once.
pub(super) fn paths(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let list = fields.list(reader, key).unwrap_or_default();
    report_repeated(reader, &list, key);
    let mut paths = Vec::new();
    for Spanned { value, span } in list {
        match form::path(value) {
            Ok(path) => paths.push(path),
            Err(kind) => reader.report(&span, kind),
        }
    }
    paths
}

/// Reads a list of architectures, each once.
pub(super) fn architectures(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Option<Vec<Spanned<Architecture>>> {
    let list = fields.list(reader, key)?;
    let mut arches: Vec<Spanned<Architecture>> = Vec::new();
    let mut written: Vec<&str> = Vec::new();
    let mut malformed = false;
    for Spanned { value, span } in list {
        match form::architecture(value) {
            Err(kind) => {
                malformed = true;
                reader.report(&span, kind);
            }
            Ok(architecture) => match arches.iter().position(|known| known.value == architecture) {
                Some(at) if written[at] == value => {
                    reader.report(&span, ProblemKind::Repeated { entry: value.to_owned(), key: key.to_owned() });
                }
                Some(at) => {
                    let kind = ProblemKind::SynonymousArchitecture { value: value.to_owned(), first: written[at].to_owned() };
                    reader.report(&span, kind);
                }
                None => {
                    arches.push(Spanned { value: architecture, span });
                    written.push(value);
                }
            },
        }
    }
    // Nothing readable is as good as nothing there: one mistake is reported once.
    if malformed && arches.is_empty() { None } else { Some(arches) }
}
