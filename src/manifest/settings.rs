//! What an image says about the system inside it: its name, its place, who may log in, and what it is checked for.

use super::form;
use super::image::paths;
use super::keys::{CHECKS, SEVERITIES};
use super::problem::{ProblemKind, closest};
use super::table::{Fields, Reader, Spanned};
use crate::pkg::{Permissions, Severity, TreeCheck};
use std::collections::BTreeMap;

/// Settings of an image, its own or with what it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Answers for debconf, one a line as `debconf-set-selections` takes them, in the order in which they count.
    pub debconf: Vec<String>,
    /// The system's name.
    pub hostname: Option<String>,
    /// The name of the time zone.
    pub timezone: Option<String>,
    /// The value of `LANG`.
    pub locale: Option<String>,
    /// Files with public keys of those who may log in as root, relative to the project.
    pub authorized_keys: Vec<String>,
    /// Owner and mode of single paths, which stand here without the slash in front.
    pub permissions: BTreeMap<String, Permissions>,
    /// What becomes of findings in the finished tree, where that is not the default.
    pub checks: BTreeMap<TreeCheck, Severity>,
}

impl Settings {
    /// Adds what a later image says; where both say something about one thing, the later one wins.
    pub(super) fn extend(&mut self, later: &Self) {
        self.debconf.retain(|old| !later.debconf.iter().any(|new| question(new) == question(old)));
        self.debconf.extend(later.debconf.iter().cloned());
        for (old, new) in [(&mut self.hostname, &later.hostname), (&mut self.timezone, &later.timezone), (&mut self.locale, &later.locale)]
        {
            if new.is_some() {
                old.clone_from(new);
            }
        }
        self.authorized_keys.retain(|old| !later.authorized_keys.contains(old));
        self.authorized_keys.extend(later.authorized_keys.iter().cloned());
        self.permissions.extend(later.permissions.clone());
        self.checks.extend(&later.checks);
    }
}

/// What a line for debconf is about: owner and question, and whether it gives the answer or says that it was seen.
fn question(line: &str) -> (Option<&str>, Option<&str>, bool) {
    let mut words = line.split_whitespace();
    (words.next(), words.next(), words.next() == Some("seen"))
}

/// Reads the settings among an image's own keys.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Settings {
    Settings {
        debconf: debconf(reader, fields),
        hostname: checked(reader, fields, "hostname", form::hostname),
        timezone: checked(reader, fields, "timezone", form::timezone),
        locale: checked(reader, fields, "locale", form::locale),
        authorized_keys: paths(reader, fields, "authorized-keys"),
        permissions: permissions(reader, fields),
        checks: checks(reader, fields),
    }
}

fn checked(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, check: impl FnOnce(&str) -> Result<(), ProblemKind>) -> Option<String> {
    let Spanned { value, span } = fields.text(key)?;
    if let Err(kind) = check(value) {
        reader.report(&span, kind);
    }
    Some(value.to_owned())
}

fn debconf(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for Spanned { value, span } in fields.list(reader, "debconf").unwrap_or_default() {
        let line = value.trim();
        if let Err(kind) = form::debconf(line) {
            reader.report(&span, kind);
        } else if lines.iter().any(|known| question(known) == question(line)) {
            let entry = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
            reader.report(&span, ProblemKind::Repeated { entry, key: "debconf".to_owned() });
        } else {
            lines.push(line.to_owned());
        }
    }
    lines
}

fn permissions(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<String, Permissions> {
    let mut permissions = BTreeMap::new();
    for (path, value) in fields.texts(reader, "permissions") {
        let parsed = match value.value.parse::<Permissions>() {
            Ok(parsed) => Some(parsed),
            Err(_) => {
                let hint = Some("`USER:GROUP MODE`, or one of the two: `root:adm 0640`".to_owned());
                let kind = ProblemKind::Malformed { value: value.value.to_owned(), expected: "an owner and mode", hint };
                reader.report(&value.span, kind);
                None
            }
        };
        match form::absolute(path.value) {
            Ok(path) => permissions.extend(parsed.map(|parsed| (path, parsed))),
            Err(kind) => reader.report(&path.span, kind),
        }
    }
    permissions
}

fn checks(reader: &mut Reader<'_>, fields: &Fields<'_>) -> BTreeMap<TreeCheck, Severity> {
    let mut checks = BTreeMap::new();
    let Some((span, table)) = fields.table("checks") else { return checks };
    let label = format!("{}.checks]`", fields.label.trim_end_matches("]`"));
    let fields = Fields::read(reader, table, label, span, CHECKS);
    for check in TreeCheck::ALL {
        let Some(Spanned { value, span }) = fields.text(check.as_str()) else { continue };
        match value.parse::<Severity>() {
            Ok(severity) => {
                checks.insert(check, severity);
            }
            Err(_) => reader.report(
                &span,
                ProblemKind::UnknownValue {
                    key: check.as_str().to_owned(),
                    value: value.to_owned(),
                    suggestion: closest(value, SEVERITIES),
                    known: SEVERITIES.to_vec(),
                },
            ),
        }
    }
    checks
}
