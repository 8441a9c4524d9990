//! `[repo.NAME]`: where packages come from, and who vouches for them.

use super::form;
use super::keys::{ARCHIVES, BUILTIN_KEYS, MAX_AGE_IS, REPO, TRUSTS};
use super::problem::{ProblemKind, closest};
use super::read;
use super::table::{Fields, Named, Reader, Spanned};
use crate::pkg::{Expected, Glob, MaxAge, RepoSteering, SnapshotTemplate, Trust};
use std::collections::BTreeMap;

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo {
    /// Its name in the manifest.
    pub name: String,
    /// What decides which packages may come from it; names the archive if the manifest does.
    pub steering: RepoSteering,
    /// Base URLs as written, tried in turn; empty where the manifest names an archive or a directory.
    pub urls: Vec<String>,
    /// A directory of package files, relative to the project.
    pub directory: Option<String>,
    /// Where past states of it lie.
    pub snapshot: Option<SnapshotTemplate>,
    /// What is expected of a suite's `Release`, by suite.
    pub expected: BTreeMap<String, Expected>,
    /// Who may sign; empty only without trust.
    pub keys: Vec<KeySource>,
}

impl Repo {
    /// Tells whether this is a flat repository: its suites are directories, and it has no components.
    pub fn is_flat(&self) -> bool {
        self.steering.suites.iter().any(|suite| suite.ends_with('/'))
    }
}

/// Where an OpenPGP key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeySource {
    /// `builtin:NAME`; the name.
    Builtin(String),
    /// A file, relative to the project directory.
    File(String),
}

/// Reads one `[repo.NAME]`; what it returns counts only if no problem was reported.
pub(super) fn read(reader: &mut Reader<'_>, named: &Named<'_>) -> Repo {
    if let Err(kind) = form::name(named.name, "a repository name") {
        reader.report(&named.span, kind);
    }
    let fields = Fields::read(reader, named.table, format!("`[repo.{}]`", named.name), named.span.clone(), REPO);
    // An rpm repository was reported as such; what else it has is not judged by the rules of deb.
    if !fields.has("rpm") {
        fields.require(reader, "deb", "add `deb = \"debian\"`, or the URL of the repository");
        if !is_directory(reader, &fields) {
            fields.require(reader, "suites", "add `suites = [\"bookworm\"]`, or `[\"./\"]` for a flat repository");
        }
    }
    let Location { archive, urls, directory } = location(reader, &fields);
    let (suites, components, trust, keys) = if is_directory(reader, &fields) {
        let trust = directory_trust(reader, &fields);
        (Vec::new(), Vec::new(), trust, Vec::new())
    } else {
        let (suites, components) = suites(reader, &fields);
        let (trust, keys) = trust(reader, &fields, named.name, archive.as_deref(), &suites);
        (suites, components, trust, keys)
    };
    let only = globs(reader, &fields, "only");
    if only.is_empty() && fields.list(reader, "only").is_some_and(|only| only.is_empty()) {
        reader.report(&fields.key_span("only"), ProblemKind::EmptyList { key: "only".to_owned(), optional: true });
    }
    let priority = fields.integer(reader, "priority", 1, 99).and_then(|n| u8::try_from(n).ok()).unwrap_or(RepoSteering::DEFAULT_PRIORITY);
    let exclude = globs(reader, &fields, "exclude");
    let snapshot = snapshot(reader, &fields);
    let expected = expected(reader, &fields, &suites);
    let steering = RepoSteering { archive, suites, components, only, exclude, priority, trust };
    Repo { name: named.name.to_owned(), steering, urls, directory, snapshot, expected, keys }
}

/// Where a repository lies: one of the three.
#[derive(Default)]
struct Location {
    archive: Option<String>,
    urls: Vec<String>,
    directory: Option<String>,
}

/// What stands before the path of a directory of package files.
const DIRECTORY: &str = "dir:";

fn is_directory(reader: &mut Reader<'_>, fields: &Fields<'_>) -> bool {
    fields.list(reader, "deb").is_some_and(|list| list.iter().any(|entry| entry.value.starts_with(DIRECTORY)))
}

/// A directory has no index that anybody could have signed, and says so; it has no suites either.
fn directory_trust(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Trust {
    for key in ["suites", "components", "key", "snapshot", "max-age", "max-age-is", "suite-name"] {
        if fields.has(key) {
            reader.report(&fields.key_span(key), ProblemKind::NotInDirectory { key });
        }
    }
    fields.require(reader, "trust", "add `trust = \"none\"`: nobody signs the files of a directory");
    match fields.text("trust") {
        None | Some(Spanned { value: "none", .. }) => {}
        Some(Spanned { value, span }) => {
            let hint = Some("write `trust = \"none\"`: nobody signs the files of a directory".to_owned());
            let expected = "the trust of a directory";
            reader.report(&span, ProblemKind::Malformed { value: value.to_owned(), expected, hint });
        }
    }
    Trust::None
}

fn location(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Location {
    let Some(list) = fields.list(reader, "deb") else {
        return Location::default();
    };
    if list.is_empty() {
        reader.report(&fields.key_span("deb"), ProblemKind::EmptyList { key: "deb".to_owned(), optional: false });
    }
    if let [Spanned { value, .. }] = list[..]
        && ARCHIVES.contains(&value)
    {
        return Location { archive: Some(value.to_owned()), ..Location::default() };
    }
    if let [Spanned { value, span }] = &list[..]
        && let Some(path) = value.strip_prefix(DIRECTORY)
    {
        let checked = form::path(path).map_err(|kind| reader.report(span, kind));
        return Location { directory: checked.ok(), ..Location::default() };
    }
    for Spanned { value, span } in &list {
        let checked = if value.starts_with(DIRECTORY) {
            let hint = Some("give it a `[repo.NAME]` of its own".to_owned());
            Err(ProblemKind::Malformed { value: (*value).to_owned(), expected: "a URL, and a directory stands alone", hint })
        } else if form::is_url(value) {
            form::url(value)
        } else if ARCHIVES.contains(value) {
            let hint = Some(format!("write `deb = \"{value}\"`; its URLs come from the mirror settings"));
            Err(ProblemKind::Malformed { value: (*value).to_owned(), expected: "a URL, and a named archive stands alone", hint })
        } else {
            Err(ProblemKind::UnknownArchive { value: (*value).to_owned(), suggestion: closest(value, ARCHIVES), known: ARCHIVES.to_vec() })
        };
        if let Err(kind) = checked {
            reader.report(span, kind);
        }
    }
    report_repeated(reader, &list, "deb");
    Location { urls: list.iter().map(|url| url.value.to_owned()).collect(), ..Location::default() }
}

/// The template must be a URL once it is filled in, whatever the moment.
fn snapshot(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<SnapshotTemplate> {
    let Spanned { value, span } = fields.text("snapshot")?;
    match value.parse::<SnapshotTemplate>() {
        Ok(template) => {
            if let Err(kind) = form::url(&template.at(jiff::Timestamp::UNIX_EPOCH)) {
                reader.report(&span, kind);
            }
            Some(template)
        }
        Err(error) => {
            let hint = Some(error.problem.to_owned());
            reader.report(&span, ProblemKind::Malformed { value: value.to_owned(), expected: "a snapshot template", hint });
            None
        }
    }
}

/// What the manifest expects of each suite's `Release`.
fn expected(reader: &mut Reader<'_>, fields: &Fields<'_>, suites: &[String]) -> BTreeMap<String, Expected> {
    let mut expected: BTreeMap<String, Expected> = BTreeMap::new();
    let is_error = match fields.text("max-age-is") {
        None | Some(Spanned { value: "warning", .. }) => false,
        Some(Spanned { value: "error", .. }) => true,
        Some(Spanned { value, span }) => {
            let suggestion = closest(value, MAX_AGE_IS);
            let (key, value) = ("max-age-is".to_owned(), value.to_owned());
            reader.report(&span, ProblemKind::UnknownValue { key, value, suggestion, known: MAX_AGE_IS.to_vec() });
            false
        }
    };
    if fields.has("max-age-is") && !fields.has("max-age") {
        fields.require(reader, "max-age", "add `max-age = \"30d\"`, or take `max-age-is` out");
    }
    for (suite, text) in fields.by_suite(reader, "max-age", suites) {
        if let Some(age) = read::age(reader, &text) {
            expected.entry(suite).or_default().max_age = Some(MaxAge { age, is_error });
        }
    }
    for (suite, Spanned { value, span }) in fields.by_suite(reader, "suite-name", suites) {
        if let Err(kind) = form::suite(value) {
            reader.report(&span, kind);
        }
        expected.entry(suite).or_default().name = Some(value.to_owned());
    }
    expected
}

fn suites(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (Vec<String>, Vec<String>) {
    let suites = fields.list(reader, "suites");
    let components = fields.list(reader, "components");
    let mut sound = true;
    for suite in suites.iter().flatten() {
        if let Err(kind) = form::suite(suite.value) {
            sound = false;
            reader.report(&suite.span, kind);
        }
    }
    for component in components.iter().flatten() {
        if let Err(kind) = form::component(component.value) {
            reader.report(&component.span, kind);
        }
    }
    report_repeated(reader, suites.as_deref().unwrap_or_default(), "suites");
    report_repeated(reader, components.as_deref().unwrap_or_default(), "components");
    if let Some(suites) = suites.as_ref().filter(|_| sound) {
        let (flat, pooled): (Vec<_>, Vec<_>) = suites.iter().partition(|suite| suite.value.ends_with('/'));
        match (flat.first(), pooled.first()) {
            (None, None) => reader.report(&fields.key_span("suites"), ProblemKind::EmptyList { key: "suites".to_owned(), optional: false }),
            (Some(flat), Some(suite)) => {
                let kind = ProblemKind::MixedSuites { flat: flat.value.to_owned(), suite: suite.value.to_owned() };
                reader.report(&flat.span, kind);
            }
            (Some(flat), None) => {
                if components.as_ref().is_some_and(|components| !components.is_empty()) {
                    reader.report(&fields.key_span("components"), ProblemKind::FlatWithComponents { suite: flat.value.to_owned() });
                }
            }
            (None, Some(_)) => {
                fields.require(reader, "components", "add `components = [\"main\"]`");
                if components.as_ref().is_some_and(Vec::is_empty) {
                    reader.report(&fields.key_span("components"), ProblemKind::EmptyList { key: "components".to_owned(), optional: false });
                }
            }
        }
    }
    let owned = |list: Option<Vec<Spanned<&str>>>| list.unwrap_or_default().iter().map(|entry| entry.value.to_owned()).collect();
    (owned(suites), owned(components))
}

fn trust(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str, archive: Option<&str>, suites: &[String]) -> (Trust, Vec<KeySource>) {
    let trust = fields.text("trust");
    let keys = fields.list(reader, "key");
    let parsed = match &trust {
        None => Trust::Index,
        Some(Spanned { value: "index", .. }) => Trust::Index,
        Some(Spanned { value: "none", .. }) => Trust::None,
        Some(Spanned { value: "packages", span }) => {
            let why = "only rpm packages carry signatures of their own";
            reader.report(span, ProblemKind::NotSupported { key: "trust = \"packages\"".to_owned(), why });
            return (Trust::Packages, Vec::new());
        }
        Some(Spanned { value, span }) => {
            let suggestion = closest(value, TRUSTS);
            let kind =
                ProblemKind::UnknownValue { key: "trust".to_owned(), value: (*value).to_owned(), suggestion, known: TRUSTS.to_vec() };
            reader.report(span, kind);
            return (Trust::Index, Vec::new());
        }
    };
    if parsed == Trust::None && fields.has("key") {
        reader.report(&fields.key_span("key"), ProblemKind::KeyWithoutTrust { repo: name.to_owned() });
    }
    if parsed == Trust::Index && !fields.has("rpm") {
        fields.require(reader, "key", &key_hint(archive, suites));
    }
    if keys.as_ref().is_some_and(Vec::is_empty) && parsed == Trust::Index {
        reader.report(&fields.key_span("key"), ProblemKind::EmptyList { key: "key".to_owned(), optional: false });
    }
    report_repeated(reader, keys.as_deref().unwrap_or_default(), "key");
    let mut sources = Vec::new();
    for Spanned { value, span } in keys.unwrap_or_default() {
        match key_source(value) {
            Ok(source) => sources.push(source),
            Err(kind) => reader.report(&span, kind),
        }
    }
    (parsed, sources)
}

fn key_hint(archive: Option<&str>, suites: &[String]) -> String {
    let builtin = suites.iter().find_map(|suite| {
        let codename = suite.split('-').next().unwrap_or_default();
        BUILTIN_KEYS.iter().find(|key| key.strip_prefix("debian-") == Some(codename))
    });
    match builtin {
        Some(key) if archive.is_some_and(|archive| archive.starts_with("debian")) => format!("add `key = \"builtin:{key}\"`"),
        _ => "add `key = \"keys/NAME.asc\"`, or `trust = \"none\"` if nobody signs it".to_owned(),
    }
}

fn key_source(text: &str) -> Result<KeySource, ProblemKind> {
    if let Some(name) = text.strip_prefix("builtin:") {
        return match BUILTIN_KEYS.contains(&name) {
            true => Ok(KeySource::Builtin(name.to_owned())),
            false => {
                let suggestion = closest(name, BUILTIN_KEYS);
                Err(ProblemKind::UnknownKeyName { name: name.to_owned(), suggestion, known: BUILTIN_KEYS.to_vec() })
            }
        };
    }
    if BUILTIN_KEYS.contains(&text) {
        let hint = Some(format!("write `builtin:{text}`"));
        return Err(ProblemKind::Malformed { value: text.to_owned(), expected: "a key file", hint });
    }
    form::path(text).map(KeySource::File)
}

/// Reads a list of globs over package names.
pub(super) fn globs(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str) -> Vec<Glob> {
    let list = fields.list(reader, key).unwrap_or_default();
    report_repeated(reader, &list, key);
    let mut globs = Vec::new();
    for Spanned { value, span } in list {
        match name_glob(value) {
            Ok(glob) => globs.push(glob),
            Err(kind) => reader.report(&span, kind),
        }
    }
    globs
}

/// Reads one glob over package names. One that no name could match is a mistake, not a pattern.
pub(super) fn name_glob(text: &str) -> Result<Glob, ProblemKind> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || ":()/=<>|".contains(c)) {
        return Err(ProblemKind::Malformed {
            value: text.to_owned(),
            expected: "a pattern of package names",
            hint: Some("a bare name, or one with `*`, `?` or `[…]`; no version, no architecture".to_owned()),
        });
    }
    Ok(Glob::parse(text)?)
}

/// Reports entries that a list has twice.
pub(super) fn report_repeated(reader: &mut Reader<'_>, list: &[Spanned<&str>], key: &str) {
    let mut seen = std::collections::HashSet::new();
    for entry in list {
        if !seen.insert(entry.value) {
            reader.report(&entry.span, ProblemKind::Repeated { entry: entry.value.to_owned(), key: key.to_owned() });
        }
    }
}
