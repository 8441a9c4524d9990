//! The text of a manifest, read from the top.

use super::image::{Draft, architectures};
use super::keys::{HOLD, MAX_ID, TOP};
use super::problem::{Problem, ProblemKind};
use super::table::{Fields, Reader, Span, Spanned};
use super::{Manifest, check, form, image, limits, repo};
use crate::pkg::{Architecture, Ecosystem, Glob, Hold, parse_age};
use std::collections::BTreeMap;
use std::time::Duration;
use toml_edit::{Document, TableLike};

/// Reads a manifest; every problem that could be found is in the error.
pub(super) fn manifest(text: &str, path: &str, name: &str) -> Result<Manifest, Vec<Problem>> {
    let mut reader = Reader::new(path, text);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let message = error.message().replace('\n', ", ");
            reader.report(&error.span().unwrap_or(0..0), ProblemKind::Syntax { message });
            return Err(reader.into_problems());
        }
    };
    let manifest = read(&mut reader, document.as_table(), name);
    let problems = reader.into_problems();
    if problems.is_empty() { Ok(manifest) } else { Err(problems) }
}

fn read(reader: &mut Reader<'_>, table: &dyn TableLike, name: &str) -> Manifest {
    let fields = Fields::read(reader, table, "the manifest".to_owned(), 0..0, TOP);
    fields.require(reader, "arches", "add `arches = [\"armhf\"]` as the first line");
    fields.require(reader, "image", "add `[image.base]` and `packages = […]`");
    let arches = architectures(reader, &fields, "arches");
    if arches.as_ref().is_some_and(Vec::is_empty) {
        reader.report(&fields.key_span("arches"), ProblemKind::EmptyList { key: "arches".to_owned(), optional: false });
    }
    let foreign_arches = architectures(reader, &fields, "foreign-arches");
    let epoch = epoch(reader, &fields);
    let repos: BTreeMap<String, repo::Repo> =
        fields.named(reader, "repo").iter().map(|named| (named.name.to_owned(), repo::read(reader, named))).collect();
    let images = fields.named(reader, "image");
    if let Some(span) = fields.span_of_empty("image") {
        let hint = "add `[image.base]` and `packages = […]`".to_owned();
        reader.report(&span, ProblemKind::MissingKey { key: "image", table: fields.label.clone(), hint });
    }
    let drafts: Vec<Draft<'_>> = images.iter().map(|named| image::read(reader, named)).collect();
    let holds = holds(reader, &fields);
    let ids = ids(reader, &fields);
    let min_age = min_age(reader, &fields);
    let limits = limits::read(reader, &fields);
    let outside = outside(reader, &fields);
    let values = |list: &Option<Vec<Spanned<Architecture>>>| list.iter().flatten().map(|arch| arch.value.clone()).collect();
    let mut manifest = Manifest {
        name: name.to_owned(),
        ecosystem: Ecosystem::Deb,
        arches: values(&arches),
        foreign_arches: values(&foreign_arches),
        accelerate: if fields.has("accelerate") { Vec::new() } else { Architecture::parse("amd64").into_iter().collect() },
        epoch,
        repos,
        images: BTreeMap::new(),
        holds,
        ids,
        outside,
        min_age,
        limits,
    };
    manifest.images = check::images(reader, &manifest, drafts, arches.is_some());
    manifest
}

fn epoch(reader: &mut Reader<'_>, fields: &Fields<'_>) -> u64 {
    let Some(Spanned { value, span }) = fields.date(reader, "epoch") else {
        return Manifest::DEFAULT_EPOCH;
    };
    let seconds = value.duration_since(jiff::civil::date(1970, 1, 1)).as_secs();
    u64::try_from(seconds).unwrap_or_else(|_| {
        let kind = ProblemKind::Malformed { value: value.to_string(), expected: "a day since 1970-01-01", hint: None };
        reader.report(&span, kind);
        Manifest::DEFAULT_EPOCH
    })
}

fn min_age(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Duration> {
    age(reader, &fields.text("min-age")?)
}

/// Reads an age; one that is malformed is reported.
pub(super) fn age(reader: &mut Reader<'_>, text: &Spanned<&str>) -> Option<Duration> {
    let age = parse_age(text.value);
    if age.is_none() {
        let hint = Some("a number and `h`, `d` or `w`: `3d`".to_owned());
        reader.report(&text.span, ProblemKind::Malformed { value: text.value.to_owned(), expected: "an age", hint });
    }
    age
}

fn outside(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<String> {
    let list = fields.list(reader, "outside").unwrap_or_default();
    repo::report_repeated(reader, &list, "outside");
    let mut directories = Vec::new();
    for Spanned { value, span } in list {
        if value.trim().is_empty() || value.chars().any(char::is_control) {
            let hint = Some("a directory, seen from the project: `../shared`".to_owned());
            reader.report(&span, ProblemKind::Malformed { value: value.to_owned(), expected: "a directory", hint });
        }
        directories.push(value.to_owned());
    }
    directories
}

fn holds(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<Hold> {
    let tables = fields.tables(reader, "hold");
    let mut holds: Vec<Hold> = Vec::new();
    for (span, table) in tables {
        if let Some(hold) = hold(reader, &span, table) {
            if holds.iter().any(|known| known.package == hold.package && known.version == hold.version) {
                let entry = format!("{} {}", hold.package, hold.version);
                reader.report(&span, ProblemKind::Repeated { entry, key: "hold".to_owned() });
            }
            holds.push(hold);
        }
    }
    holds
}

fn hold(reader: &mut Reader<'_>, span: &Span, table: &dyn TableLike) -> Option<Hold> {
    let fields = Fields::read(reader, table, "`[[hold]]`".to_owned(), span.clone(), HOLD);
    fields.require(reader, "package", "add `package = \"NAME\"`; globs are allowed");
    fields.require(reader, "version", "add `version = \"1.22.*\"`");
    let package = fields.text("package").and_then(|text| match repo::name_glob(text.value) {
        Ok(glob) => Some(glob),
        Err(kind) => {
            reader.report(&text.span, kind);
            None
        }
    });
    let version = fields.text("version").and_then(|text| match version_glob(text.value) {
        Ok(glob) => Some(glob),
        Err(kind) => {
            reader.report(&text.span, kind);
            None
        }
    });
    let reason = fields.text("reason");
    if let Some(Spanned { value, span }) = &reason
        && (value.is_empty() || value.chars().any(char::is_control))
    {
        let kind = ProblemKind::Malformed { value: (*value).to_owned(), expected: "one line of text", hint: None };
        reader.report(span, kind);
    }
    let until = fields.date(reader, "until").map(|date| date.value.to_string());
    Some(Hold { package: package?, version: version?, reason: reason.map(|text| text.value.to_owned()), until })
}

fn version_glob(text: &str) -> Result<Glob, ProblemKind> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || "()=<>|/".contains(c)) {
        return Err(ProblemKind::Malformed {
            value: text.to_owned(),
            expected: "a pattern of versions",
            hint: Some("a version, or one with `*`, `?` or `[…]`: `1.22.*`".to_owned()),
        });
    }
    Ok(Glob::parse(text)?)
}

fn ids(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, u32> {
    let mut names: BTreeMap<u32, &str> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for (Spanned { value: name, span }, id) in fields.integers(reader, "ids", 1, MAX_ID) {
        if let Err(kind) = form::id_name(name) {
            reader.report(&span, kind);
        }
        let Ok(id) = u32::try_from(id) else { continue };
        match names.get(&id) {
            Some(first) => reader.report(&span, ProblemKind::SharedId { name: name.to_owned(), first: (*first).to_owned(), id }),
            None => {
                names.insert(id, name);
                ids.insert(name.to_owned(), id);
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::super::keys::ID_NAME;
    use super::*;

    #[test]
    fn the_schema_and_the_reader_agree_on_id_names() {
        assert_eq!(ID_NAME, "^[a-z_][a-z0-9_-]*$");
        for name in ["messagebus", "_apt", "systemd-network"] {
            assert!(form::id_name(name).is_ok(), "{name}");
        }
        for name in ["", "Root", "0x", "a b"] {
            assert!(form::id_name(name).is_err(), "{name:?}");
        }
    }
}
