//! `bot.toml`: how updates are grouped, and under whose name they come. Every key has a default; the file may be missing.

use super::keys::{Form, Key, Shape};
use super::problem::ProblemKind;
use super::repo::globs;
use super::table::{Fields, Reader, Spanned};
use super::{Error, Problem};
use crate::pkg::Glob;
use std::path::Path;
use toml_edit::Document;

/// What `bot.toml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotRules {
    /// The branch that updates are put on; `{date}` in it is the day.
    pub branch: String,
    /// The author of its commits.
    pub author: Author,
    /// How often at most one run builds.
    pub builds: usize,
    /// The groups, the first one that fits a source package takes it; what fits none comes last.
    pub groups: Vec<GroupRule>,
}

/// Who commits are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// Which source packages go into one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// Its name, for people.
    pub name: String,
    /// Any of these.
    pub classes: Vec<Class>,
    /// Or those with these names.
    pub packages: Vec<Glob>,
}

/// A kind of update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It closes holes.
    Security,
    /// It takes part in starting the system: kernel, firmware, boot loader, init.
    Boot,
}

impl Class {
    const WORDS: [&'static str; 2] = ["security", "boot"];

    fn parse(text: &str) -> Option<Self> {
        match text {
            "security" => Some(Self::Security),
            "boot" => Some(Self::Boot),
            _ => None,
        }
    }
}

const KEYS: &[Key] = &[
    Key::new("branch", Shape::Text(Form::Any), "The branch that updates are put on."),
    Key::new("author", Shape::Text(Form::Any), "The author of its commits, as `NAME <EMAIL>`."),
    Key::new("builds", Shape::Integer(1, 1000), "How often at most one run builds."),
    Key::new("group", Shape::Tables(GROUP), "Which source packages go into one commit."),
];

const GROUP: &[Key] = &[
    Key::new("name", Shape::Text(Form::Any), "Its name."),
    Key::new("classes", Shape::List(Form::OneOf(&Class::WORDS)), "Updates of these kinds."),
    Key::new("packages", Shape::List(Form::Any), "Source packages with these names."),
];

/// The name of the group of all that fits no rule.
pub const REST: &str = "rest";

impl Default for BotRules {
    fn default() -> Self {
        let group = |name: &str, class| GroupRule { name: name.to_owned(), classes: vec![class], packages: vec![] };
        Self {
            branch: "pintree/update".to_owned(),
            author: Author { name: "pintree bot".to_owned(), email: "pintree-bot@localhost".to_owned() },
            builds: 16,
            groups: vec![group("security", Class::Security), group("boot", Class::Boot)],
        }
    }
}

impl BotRules {
    /// Reads the file's text; `path` stands in messages, it is not opened.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let path = path.to_string_lossy();
        read(text, &path).map_err(|problems| Error::Invalid { problems })
    }

    /// Reads the file; the defaults if it is not there. Messages call it `name`.
    pub fn load(path: &Path, name: &Path) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, name),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }
}

impl Author {
    /// Reads `NAME <EMAIL>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, email) = text.strip_suffix('>')?.split_once(" <")?;
        let clean = |text: &str| !text.is_empty() && text.trim() == text && !text.contains(['<', '>']) && !text.contains(char::is_control);
        (clean(name) && clean(email) && !email.contains(' ')).then(|| Self { name: name.to_owned(), email: email.to_owned() })
    }
}

/// Whether git takes a text as the name of a branch (`git check-ref-format`).
pub fn is_branch(text: &str) -> bool {
    let bad = |c: char| c.is_control() || " ~^:?*[\\\u{7f}".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !text.starts_with('-')
        && !text.ends_with('.')
        && text != "@"
        && !text.contains(bad)
        && !text.contains("..")
        && !text.contains("@{")
        && text.split('/').all(part)
}

fn read(text: &str, path: &str) -> Result<BotRules, Vec<Problem>> {
    let mut reader = Reader::new(path, text);
    let mut rules = BotRules::default();
    match Document::parse(text) {
        Err(error) => {
            let message = error.message().replace('\n', ", ");
            reader.report(&error.span().unwrap_or(0..0), ProblemKind::Syntax { message });
        }
        Ok(document) => {
            let fields = Fields::read(&mut reader, document.as_table(), "`bot.toml`".to_owned(), 0..0, KEYS);
            fill(&mut rules, &mut reader, &fields);
        }
    }
    let problems = reader.into_problems();
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

fn malformed(value: &str, expected: &'static str, hint: &str) -> ProblemKind {
    ProblemKind::Malformed { value: value.to_owned(), expected, hint: Some(hint.to_owned()) }
}

fn fill(rules: &mut BotRules, reader: &mut Reader<'_>, fields: &Fields<'_>) {
    if let Some(Spanned { value, span }) = fields.text("branch") {
        if is_branch(&value.replace("{date}", "2026-01-31")) {
            rules.branch = value.to_owned();
        } else {
            reader.report(&span, malformed(value, "the name of a branch", "for example `pintree/update`, or `pintree/{date}`"));
        }
    }
    if let Some(Spanned { value, span }) = fields.text("author") {
        match Author::parse(value) {
            Some(author) => rules.author = author,
            None => reader.report(&span, malformed(value, "an author", "`NAME <EMAIL>`, for example `pintree bot <bot@example.org>`")),
        }
    }
    if let Some(builds) = fields.integer(reader, "builds", 1, 1000) {
        rules.builds = usize::try_from(builds).unwrap_or(rules.builds);
    }
    if !fields.has("group") {
        return;
    }
    rules.groups.clear();
    for (span, table) in fields.tables(reader, "group") {
        let group = Fields::read(reader, table, "`[[group]]`".to_owned(), span.clone(), GROUP);
        group.require(reader, "name", "add `name = \"kernel\"`");
        let name = group.text("name");
        let mut rule = GroupRule { name: String::new(), classes: vec![], packages: globs(reader, &group, "packages") };
        if let Some(Spanned { value, span }) = name {
            let known = value == REST || rules.groups.iter().any(|rule| rule.name == value);
            if known {
                reader.report(&span, ProblemKind::Repeated { entry: value.to_owned(), key: "group".to_owned() });
            }
            if value.is_empty() || value.contains(char::is_control) || value.contains([',', ':']) {
                reader.report(&span, malformed(value, "the name of a group", "a word or a few, without `,` and `:`"));
            }
            rule.name = value.to_owned();
        }
        for Spanned { value, span } in group.list(reader, "classes").unwrap_or_default() {
            match Class::parse(value) {
                Some(class) => rule.classes.push(class),
                None => reader.report(&span, malformed(value, "a class of updates", "there are `security` and `boot`")),
            }
        }
        if !group.has("classes") && !group.has("packages") {
            let kind = ProblemKind::MissingKey {
                key: "packages",
                table: group.label.clone(),
                hint: "add `packages = [\"linux*\"]` or `classes = [\"security\"]`".to_owned(),
            };
            reader.report(&span, kind);
        }
        rules.groups.push(rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BotRules, Error> {
        BotRules::parse(text, Path::new("bot.toml"))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(parse("").unwrap(), BotRules::default());
        let text = "branch = \"bot/{date}\"\nauthor = \"A B <a@example.org>\"\nbuilds = 3\n[[group]]\nname = \"kernel\"\npackages = [\"linux*\"]\n";
        let rules = parse(text).unwrap();
        assert_eq!((rules.branch.as_str(), rules.author.email.as_str(), rules.builds), ("bot/{date}", "a@example.org", 3));
        assert_eq!(rules.groups.len(), 1);
        assert!(rules.groups[0].packages[0].matches("linux-signed"));
    }

    #[test]
    fn says_what_is_wrong() {
        let text = "brench = \"x\"\nauthor = \"nobody\"\nbuilds = 0\n[[group]]\nname = \"rest\"\nclasses = [\"kernel\"]\n[[group]]\npackage = []\n";
        insta::assert_snapshot!(parse(text).unwrap_err().to_string(), @r#"
        `bot.toml` has 7 mistakes
        bot.toml:1:1: unknown key `brench` in `bot.toml`
          |
        1 | brench = "x"
          | ^^^^^^
          = hint: did you mean `branch`?

        bot.toml:2:10: `nobody` is not an author
          |
        2 | author = "nobody"
          |          ^^^^^^^^
          = hint: `NAME <EMAIL>`, for example `pintree bot <bot@example.org>`

        bot.toml:3:10: `builds` must be between 1 and 1000, found 0
          |
        3 | builds = 0
          |          ^

        bot.toml:5:8: `rest` stands twice in `group`
          |
        5 | name = "rest"
          |        ^^^^^^

        bot.toml:6:12: `kernel` is not a class of updates
          |
        6 | classes = ["kernel"]
          |            ^^^^^^^^
          = hint: there are `security` and `boot`

        bot.toml:7:1: `[[group]]` has no `name`
          |
        7 | [[group]]
          | ^^^^^^^^^
          = hint: add `name = "kernel"`

        bot.toml:8:1: unknown key `package` in `[[group]]`
          |
        8 | package = []
          | ^^^^^^^
          = hint: did you mean `packages`?
        "#);
        assert_eq!(
            parse("branch = \"a..b\"").unwrap_err().to_string().lines().next(),
            Some("bot.toml:1:10: `a..b` is not the name of a branch")
        );
    }

    #[test]
    fn knows_branch_names_as_git_does() {
        for name in ["a", "a/b", "pintree/update-2026-01-31", "@a", "a@b", "é"] {
            assert!(is_branch(name), "{name:?}");
        }
        for name in ["", "/a", "a/", "a//b", "-a", "a.lock", ".a", "a/.b", "a..b", "a b", "a~b", "a@{b", "@", "a\\b", "a.", "a\tb"] {
            assert!(!is_branch(name), "{name:?}");
        }
    }
}
