//! What an image says about the system inside it: answers for debconf.

use super::form;
use super::problem::ProblemKind;
use super::table::{Fields, Reader, Spanned};

/// Settings of an image, its own or with what it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Answers for debconf, one a line as `debconf-set-selections` takes them, in the order in which they count.
    pub debconf: Vec<String>,
}

impl Settings {
    /// Adds what a later image says; where both say something about one thing, the later one wins.
    pub(super) fn extend(&mut self, later: &Self) {
        self.debconf.retain(|old| !later.debconf.iter().any(|new| question(new) == question(old)));
        self.debconf.extend(later.debconf.iter().cloned());
    }
}

/// What a line for debconf is about: owner and question, and whether it gives the answer or says that it was seen.
fn question(line: &str) -> (Option<&str>, Option<&str>, bool) {
    let mut words = line.split_whitespace();
    (words.next(), words.next(), words.next() == Some("seen"))
}

/// Reads the settings among an image's own keys.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Settings {
    Settings { debconf: debconf(reader, fields) }
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
