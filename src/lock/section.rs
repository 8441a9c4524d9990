//! A TOML table being read: typed values, no unknown keys, and a position for every complaint.

use super::fault::{Error, Fault};
use crate::pkg::Architecture;
use std::ops::Range;
use toml_edit::{Item, TableLike, Value};

/// A place in the text, as a byte range; none where the parser kept none.
pub(super) type Span = Option<Range<usize>>;

/// Turns a fault at a byte position into one at a line and column.
pub(super) fn fault_at(text: &str, span: &Span, fault: impl Into<Fault>) -> Error {
    let start = span.as_ref().map_or(0, |span| span.start.min(text.len()));
    let before = &text.as_bytes()[..start];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    Error::At { line, column, fault: Box::new(fault.into()) }
}

/// A table of a lockfile, and what to call it.
#[derive(Clone)]
pub(super) struct Section<'t> {
    pub text: &'t str,
    table: &'t dyn TableLike,
    place: &'static str,
    span: Span,
}

/// A text value and where it stands.
pub(super) struct Word<'t> {
    pub text: &'t str,
    pub span: Span,
}

impl<'t> Section<'t> {
    /// Begins at the top of a document.
    pub(super) fn top(text: &'t str, table: &'t toml_edit::Table) -> Self {
        Self { text, table, place: "the lockfile", span: None }
    }

    /// Complains about the whole table.
    pub(super) fn fault(&self, fault: impl Into<Fault>) -> Error {
        fault_at(self.text, &self.span, fault)
    }

    /// Complains about one key's value.
    pub(super) fn fault_in(&self, key: &str, fault: impl Into<Fault>) -> Error {
        fault_at(self.text, &self.span_of(key), fault)
    }

    /// Where a key's value stands.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.table.get(key).and_then(Item::span).or_else(|| self.key_span(key))
    }

    fn key_span(&self, key: &str) -> Span {
        self.table.key(key).and_then(toml_edit::Key::span).or_else(|| self.span.clone())
    }

    fn wrong_type(&self, key: &str, expected: &'static str) -> Error {
        self.fault_in(key, Fault::WrongType { key: key.to_owned(), expected })
    }

    /// Refuses keys other than these.
    pub(super) fn only(&self, known: &'static [&'static str]) -> Result<(), Error> {
        match self.table.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((key, _)) => {
                let suggestion = known
                    .iter()
                    .copied()
                    .filter(|k| strsim::damerau_levenshtein(k, key) <= 2)
                    .min_by_key(|k| strsim::damerau_levenshtein(k, key));
                Err(fault_at(self.text, &self.key_span(key), Fault::UnknownKey { key: key.to_owned(), place: self.place, suggestion }))
            }
        }
    }

    /// The keys in the order of the file, each with its place.
    pub(super) fn keys(&self) -> impl Iterator<Item = Word<'t>> + use<'t, '_> {
        self.table.iter().map(|(key, _)| Word { text: key, span: self.key_span(key) })
    }

    /// Tells whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn optional_word(&self, key: &str) -> Result<Option<Word<'t>>, Error> {
        match self.table.get(key) {
            None => Ok(None),
            Some(item) => match item.as_str() {
                Some(text) => Ok(Some(Word { text, span: item.span() })),
                None => Err(self.wrong_type(key, "a string")),
            },
        }
    }

    pub(super) fn optional_text(&self, key: &str) -> Result<Option<&'t str>, Error> {
        Ok(self.optional_word(key)?.map(|word| word.text))
    }

    pub(super) fn text(&self, key: &'static str) -> Result<&'t str, Error> {
        self.optional_text(key)?.ok_or_else(|| self.fault(Fault::MissingKey { key, place: self.place }))
    }

    pub(super) fn optional_bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.table.get(key).map(|item| item.as_bool().ok_or_else(|| self.wrong_type(key, "`true` or `false`"))).transpose()
    }

    pub(super) fn optional_integer(&self, key: &str) -> Result<Option<i64>, Error> {
        self.table.get(key).map(|item| item.as_integer().ok_or_else(|| self.wrong_type(key, "an integer"))).transpose()
    }

    /// A whole number of a given width.
    pub(super) fn optional_number<T: TryFrom<i64>>(&self, key: &str, expected: &'static str) -> Result<Option<T>, Error> {
        let number = self.optional_integer(key)?;
        number.map(|number| T::try_from(number).map_err(|_| self.wrong_type(key, expected))).transpose()
    }

    /// A TOML date without a time.
    pub(super) fn optional_date(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        match item.as_datetime() {
            Some(date) if date.time.is_none() && date.offset.is_none() => Ok(Some(date.to_string())),
            _ => Err(self.wrong_type(key, "a date")),
        }
    }

    /// An array of strings; empty where the key is missing.
    pub(super) fn words(&self, key: &str) -> Result<Vec<Word<'t>>, Error> {
        let Some(item) = self.table.get(key) else { return Ok(Vec::new()) };
        let array = item.as_array().ok_or_else(|| self.wrong_type(key, "an array of strings"))?;
        let word = |value: &'t Value| match value.as_str() {
            Some(text) => Ok(Word { text, span: value.span() }),
            None => Err(fault_at(self.text, &value.span(), Fault::WrongType { key: key.to_owned(), expected: "an array of strings" })),
        };
        array.iter().map(word).collect()
    }

    /// An array of architecture names, each once.
    pub(super) fn architectures(&self, key: &str) -> Result<Vec<Architecture>, Error> {
        let mut arches = Vec::new();
        for word in self.words(key)? {
            let arch = architecture(self.text, &word)?;
            if arches.contains(&arch) {
                return Err(fault_at(self.text, &word.span, Fault::DuplicateEntry { entry: word.text.to_owned() }));
            }
            arches.push(arch);
        }
        Ok(arches)
    }

    /// The tables below `key`, as `[key.NAME]` has them.
    pub(super) fn named(&self, key: &str, place: &'static str) -> Result<Vec<(&'t str, Self)>, Error> {
        let Some(section) = self.optional_section(key, place)? else { return Ok(Vec::new()) };
        section.table.iter().map(|(name, _)| Ok((name, section.section(name, place)?))).collect()
    }

    /// The tables of this one, each with its key.
    pub(super) fn entries(&self, place: &'static str) -> Result<Vec<(Word<'t>, Self)>, Error> {
        self.keys().map(|key| self.section(key.text, place).map(|section| (key, section))).collect()
    }

    /// The table at `key`, which must be there.
    pub(super) fn section(&self, key: &str, place: &'static str) -> Result<Self, Error> {
        self.optional_section(key, place)?.ok_or_else(|| self.wrong_type(key, "a table"))
    }

    pub(super) fn optional_section(&self, key: &str, place: &'static str) -> Result<Option<Self>, Error> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let table = item.as_table_like().ok_or_else(|| self.wrong_type(key, "a table"))?;
        // Tables made by dotted keys have no place of their own.
        let span = item.span().or_else(|| self.key_span(key));
        Ok(Some(Self { text: self.text, table, place, span }))
    }

    /// The tables of `[[key]]`, or of an array of inline tables.
    pub(super) fn list(&self, key: &str, place: &'static str) -> Result<Vec<Self>, Error> {
        let section = |table: &'t dyn TableLike, span| Self { text: self.text, table, place, span };
        match self.table.get(key) {
            None => Ok(Vec::new()),
            Some(Item::ArrayOfTables(tables)) => Ok(tables.iter().map(|table| section(table, table.span())).collect()),
            Some(Item::Value(Value::Array(array))) => {
                let table = |value: &'t Value| value.as_inline_table().map(|table| section(table, value.span()));
                array.iter().map(table).collect::<Option<_>>().ok_or_else(|| self.wrong_type(key, "an array of tables"))
            }
            Some(_) => Err(self.wrong_type(key, "an array of tables")),
        }
    }
}

/// Reads an architecture name.
pub(super) fn architecture(text: &str, word: &Word<'_>) -> Result<Architecture, Error> {
    Architecture::parse(word.text)
        .ok_or_else(|| fault_at(text, &word.span, Fault::Malformed { text: word.text.to_owned(), expected: "an architecture" }))
}
