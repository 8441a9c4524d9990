//! TOML tables read against the key table, with a problem for everything that does not fit.

use super::keys::{CHECKS, HOLD, IMAGE, Key, PER_ARCHITECTURE, REPO, Shape, Support, TOP};
use super::problem::{Problem, ProblemKind, closest};
use std::ops::Range;
use toml_edit::{Datetime, Item, TableLike, Value};

/// A stretch of the manifest's text, in bytes.
pub(super) type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// Collects problems while the text is read.
pub(super) struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text, problems: Vec::new() }
    }

    /// Notes a problem at `span`.
    pub(super) fn report(&mut self, span: &Span, kind: impl Into<ProblemKind>) {
        self.problems.push(Problem::new(self.path, self.text, span.clone(), kind.into()));
    }

    /// All problems, in the order of the text.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        self.problems
    }
}

/// The known keys of one table; values of a wrong type are reported and left out.
pub(super) struct Fields<'a> {
    /// The table, for messages: `[repo.debian]` in backticks.
    pub(super) label: String,
    /// Where to report what is missing.
    pub(super) span: Span,
    /// Present with whatever value, or meant by a misspelt key: what was reported once is not missing too.
    present: Vec<String>,
    entries: Vec<(&'a str, Span, &'a Item)>,
}

/// A table inside a table: `[repo.NAME]`.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) span: Span,
    pub(super) table: &'a dyn TableLike,
}

impl<'a> Fields<'a> {
    /// Goes through `table` with the keys it may have.
    pub(super) fn read(reader: &mut Reader<'_>, table: &'a dyn TableLike, label: String, span: Span, keys: &'static [Key]) -> Self {
        let mut fields = Self { label, span, present: Vec::new(), entries: Vec::new() };
        for (name, item) in table.iter() {
            let key_span = table.key(name).and_then(toml_edit::Key::span).unwrap_or(fields.span.clone());
            let Some(key) = find(keys, name) else {
                let kind = unknown_key(keys, name, &fields.label);
                if let ProblemKind::UnknownKey { suggestion: Some(meant), .. } = &kind {
                    fields.present.push(meant.clone());
                }
                reader.report(&key_span, kind);
                continue;
            };
            fields.present.push(name.to_owned());
            if !fits(key.shape, item) {
                let kind = ProblemKind::WrongType { key: name.to_owned(), expected: expected(key.shape), found: found(item) };
                reader.report(&item.span().unwrap_or(key_span), kind);
                continue;
            }
            match key.support {
                Support::Now => fields.entries.push((name, key_span, item)),
                Support::OnlyEmpty(_) if item.as_array().is_some_and(toml_edit::Array::is_empty) => {}
                Support::Later(why) | Support::OnlyEmpty(why) => {
                    reader.report(&key_span, ProblemKind::NotSupported { key: name.to_owned(), why });
                }
            }
        }
        fields
    }

    /// Tells whether the key is there, with whatever value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.present.iter().any(|present| present == name)
    }

    fn entry(&self, name: &str) -> Option<(Span, &'a Item)> {
        self.entries.iter().find(|(key, _, _)| *key == name).map(|(_, span, item)| (item.span().unwrap_or(span.clone()), *item))
    }

    /// Where the key itself stands.
    pub(super) fn key_span(&self, name: &str) -> Span {
        self.entries.iter().find(|(key, _, _)| *key == name).map_or(self.span.clone(), |(_, span, _)| span.clone())
    }

    /// The keys that begin with `prefix` and a dash, with the rest of their names.
    pub(super) fn with_suffix(&self, prefix: &str) -> Vec<(&'a str, &'a str, Span)> {
        let suffix = |key: &'a str| key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
        self.entries.iter().filter_map(|(key, span, _)| suffix(key).map(|suffix| (*key, suffix, span.clone()))).collect()
    }

    /// The string under `name`.
    pub(super) fn text(&self, name: &str) -> Option<Spanned<&'a str>> {
        let (span, item) = self.entry(name)?;
        item.as_str().map(|value| Spanned { value, span })
    }

    /// The strings under `name`, whether one or a list; entries that are no strings are reported and left out.
    pub(super) fn list(&self, reader: &mut Reader<'_>, name: &str) -> Option<Vec<Spanned<&'a str>>> {
        let (span, item) = self.entry(name)?;
        let Some(array) = item.as_array() else {
            return item.as_str().map(|value| vec![Spanned { value, span }]);
        };
        let mut list = Vec::with_capacity(array.len());
        for value in array {
            let span = value.span().unwrap_or(span.clone());
            match value.as_str() {
                Some(value) => list.push(Spanned { value, span }),
                None => {
                    let found = found_value(value);
                    reader.report(&span, ProblemKind::WrongType { key: name.to_owned(), expected: "a list of strings", found });
                }
            }
        }
        Some(list)
    }

    /// The truth value under `name`.
    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        self.entry(name)?.1.as_bool()
    }

    /// The number under `name`, if it lies between `min` and `max`; else that is reported.
    pub(super) fn integer(&self, reader: &mut Reader<'_>, name: &str, min: i64, max: i64) -> Option<i64> {
        let (span, item) = self.entry(name)?;
        in_range(reader, &span, name, item.as_integer()?, min, max)
    }

    /// The date under `name`.
    pub(super) fn date(&self, reader: &mut Reader<'_>, name: &str) -> Option<Spanned<jiff::civil::Date>> {
        let (span, item) = self.entry(name)?;
        let value = item.as_datetime()?;
        let date = match value {
            Datetime { date: Some(date), time: None, offset: None } => civil(date),
            _ => None,
        };
        match date {
            Some(value) => Some(Spanned { value, span }),
            None => {
                reader.report(&span, ProblemKind::WrongType { key: name.to_owned(), expected: A_DATE, found: "a date with a time" });
                None
            }
        }
    }

    /// The tables by name under `name`.
    pub(super) fn named(&self, reader: &mut Reader<'_>, name: &str) -> Vec<Named<'a>> {
        let Some((span, outer)) = self.entry(name).and_then(|(span, item)| Some((span, item.as_table_like()?))) else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (inner, item) in outer.iter() {
            let span = outer.key(inner).and_then(toml_edit::Key::span).unwrap_or(span.clone());
            match item.as_table_like() {
                Some(table) => tables.push(Named { name: inner, span, table }),
                None => {
                    let key = format!("{name}.{inner}");
                    reader.report(&span, ProblemKind::WrongType { key, expected: "a table", found: found(item) });
                }
            }
        }
        tables
    }

    /// The table under `name`.
    pub(super) fn table(&self, name: &str) -> Option<(Span, &'a dyn TableLike)> {
        let (_, item) = self.entry(name)?;
        item.as_table_like().map(|table| (self.key_span(name), table))
    }

    /// The strings by name under `name`, with the places of the names.
    pub(super) fn texts(&self, reader: &mut Reader<'_>, name: &str) -> Vec<(Spanned<&'a str>, Spanned<&'a str>)> {
        let Some((span, table)) = self.table(name) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (inner, item) in table.iter() {
            let key_span = table.key(inner).and_then(toml_edit::Key::span).unwrap_or(span.clone());
            let value_span = item.span().unwrap_or(key_span.clone());
            match item.as_str() {
                Some(value) => texts.push((Spanned { value: inner, span: key_span }, Spanned { value, span: value_span })),
                None => {
                    let key = format!("{name}.{inner}");
                    reader.report(&value_span, ProblemKind::WrongType { key, expected: "a string", found: found(item) });
                }
            }
        }
        texts
    }

    /// The string under `name` for each of `suites`: one for all, or a table with one for each that it names.
    pub(super) fn by_suite(&self, reader: &mut Reader<'_>, name: &str, suites: &[String]) -> Vec<(String, Spanned<&'a str>)> {
        if let Some(Spanned { value, span }) = self.text(name) {
            return suites.iter().map(|suite| (suite.clone(), Spanned { value, span: span.clone() })).collect();
        }
        let mut texts = Vec::new();
        for (suite, value) in self.texts(reader, name) {
            if suites.iter().any(|known| known == suite.value) {
                texts.push((suite.value.to_owned(), value));
            } else {
                let hint = Some(format!("`suites` has {}", suites.iter().map(|suite| format!("`{suite}`")).collect::<Vec<_>>().join(", ")));
                reader.report(
                    &suite.span,
                    ProblemKind::Malformed { value: suite.value.to_owned(), expected: "a suite of this repository", hint },
                );
            }
        }
        texts
    }

    /// Where the table `name` stands, if it is there and has nothing in it.
    pub(super) fn span_of_empty(&self, name: &str) -> Option<Span> {
        let (_, item) = self.entry(name)?;
        item.as_table_like().is_some_and(TableLike::is_empty).then(|| self.key_span(name))
    }

    /// The tables of the array under `name`.
    pub(super) fn tables(&self, reader: &mut Reader<'_>, name: &str) -> Vec<(Span, &'a dyn TableLike)> {
        let Some((span, item)) = self.entry(name) else {
            return Vec::new();
        };
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|table| (table.span().unwrap_or(span.clone()), table as &dyn TableLike)).collect();
        }
        let mut list: Vec<(Span, &'a dyn TableLike)> = Vec::new();
        for value in item.as_array().into_iter().flatten() {
            let span = value.span().unwrap_or(span.clone());
            match value.as_inline_table() {
                Some(table) => list.push((span, table)),
                None => {
                    let found = found_value(value);
                    reader.report(&span, ProblemKind::WrongType { key: name.to_owned(), expected: "a list of tables", found });
                }
            }
        }
        list
    }

    /// The numbers by name under `name`, each between `min` and `max`.
    pub(super) fn integers(&self, reader: &mut Reader<'_>, name: &str, min: i64, max: i64) -> Vec<(Spanned<&'a str>, i64)> {
        let Some((span, table)) = self.entry(name).and_then(|(span, item)| Some((span, item.as_table_like()?))) else {
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for (inner, item) in table.iter() {
            let key_span = table.key(inner).and_then(toml_edit::Key::span).unwrap_or(span.clone());
            let value_span = item.span().unwrap_or(key_span.clone());
            let key = format!("{name}.{inner}");
            match item.as_integer() {
                None => reader.report(&value_span, ProblemKind::WrongType { key, expected: "a whole number", found: found(item) }),
                Some(value) => {
                    if let Some(value) = in_range(reader, &value_span, &key, value, min, max) {
                        numbers.push((Spanned { value: inner, span: key_span }, value));
                    }
                }
            }
        }
        numbers
    }

    /// Reports that `key` is missing, unless it is there.
    pub(super) fn require(&self, reader: &mut Reader<'_>, key: &'static str, hint: &str) {
        if !self.has(key) {
            reader.report(&self.span, ProblemKind::MissingKey { key, table: self.label.clone(), hint: hint.to_owned() });
        }
    }
}

fn in_range(reader: &mut Reader<'_>, span: &Span, key: &str, value: i64, min: i64, max: i64) -> Option<i64> {
    if (min..=max).contains(&value) {
        return Some(value);
    }
    reader.report(span, ProblemKind::OutOfRange { key: key.to_owned(), value, min, max });
    None
}

fn civil(date: &toml_edit::Date) -> Option<jiff::civil::Date> {
    jiff::civil::Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
}

/// The key called `name`; in an image, `packages-ARCH` is found as `packages`.
fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    let per_architecture = || {
        let suffix = name.strip_prefix(PER_ARCHITECTURE)?.strip_prefix('-')?;
        if keys == IMAGE && !suffix.is_empty() { keys.iter().find(|key| key.name == PER_ARCHITECTURE) } else { None }
    };
    keys.iter().find(|key| key.name == name).or_else(per_architecture)
}

fn unknown_key(keys: &'static [Key], name: &str, table: &str) -> ProblemKind {
    let homes = [
        (TOP, "at the top of the manifest, above the first `[…]`"),
        (REPO, "in a `[repo.NAME]`"),
        (IMAGE, "in an `[image.NAME]`"),
        (HOLD, "in a `[[hold]]`"),
        (CHECKS, "in an `[image.NAME.checks]`"),
    ];
    // Other files have tables of their own.
    let is_manifest = homes.iter().any(|(home, _)| *home == keys);
    let home = homes.into_iter().filter(|_| is_manifest).find(|(keys, _)| find(keys, name).is_some()).map(|(_, home)| home);
    let per_architecture = || {
        let (head, tail) = name.split_once('-')?;
        let near = keys == IMAGE && closest(head, [PER_ARCHITECTURE]).is_some();
        near.then(|| format!("{PER_ARCHITECTURE}-{tail}"))
    };
    let suggestion = closest(name, keys.iter().map(|key| key.name)).or_else(per_architecture);
    ProblemKind::UnknownKey { key: name.to_owned(), table: table.to_owned(), suggestion, home }
}

fn fits(shape: Shape, item: &Item) -> bool {
    match shape {
        Shape::Text(_) => item.is_str(),
        Shape::BySuite(_) => item.is_str() || item.is_table_like(),
        Shape::List(_) => item.is_array(),
        Shape::TextOrList(_) => item.is_str() || item.is_array(),
        Shape::Bool => item.is_bool(),
        Shape::Integer(..) => item.is_integer(),
        Shape::Date => item.is_datetime(),
        Shape::Named(_) | Shape::Ids | Shape::Table(_) | Shape::ByPath(_) => item.is_table_like(),
        Shape::Tables(_) => item.is_array() || item.is_array_of_tables(),
    }
}

const A_DATE: &str = "a date such as 2026-01-31";

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Text(_) => "a string",
        Shape::BySuite(_) => "a string or a table of strings by suite",
        Shape::List(_) => "a list of strings",
        Shape::TextOrList(_) => "a string or a list of strings",
        Shape::Bool => "`true` or `false`",
        Shape::Integer(..) => "a whole number",
        Shape::Date => A_DATE,
        Shape::Named(_) | Shape::Ids | Shape::Table(_) | Shape::ByPath(_) => "a table",
        Shape::Tables(_) => "a list of tables",
    }
}

fn found(item: &Item) -> &'static str {
    match item {
        Item::None => "nothing",
        Item::Value(value) => found_value(value),
        Item::Table(_) => "a table",
        Item::ArrayOfTables(_) => "a list of tables",
    }
}

fn found_value(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "`true` or `false`",
        Value::Datetime(_) => "a date or time",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    }
}
