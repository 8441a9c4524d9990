//! A `Release` file as a value: what a suite is called, when it was made, and which index files it vouches for.
//!
//! Takes the text that a signature covers (the payload of `InRelease`, or `Release`) and gives a [`Release`]. It checks
//! form and limits only: signatures, clocks and rollbacks are [`repo`](crate::repo)'s work. MD5 and SHA-1 sums are
//! ignored; a file without a SHA-256 sum does not exist for us.

mod date;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::pkg::{RepoSteering, Sha256};

/// The largest `Release` that is read; Debian's and Ubuntu's are below 1 MB. Also the limit for downloads.
pub const MAX_SIZE: usize = 16 << 20;
/// The most files a `Release` may list; bookworm lists about 9,000.
const MAX_FILES: usize = 400_000;
/// The longest path of a listed file; a longer one could not be stored on common file systems anyway.
const MAX_PATH: usize = 512;
/// The most fields; real files have about 20.
const MAX_FIELDS: usize = 256;
/// The most components or architectures.
const MAX_WORDS: usize = 1024;

/// The text is not an acceptable `Release` file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The text is longer than [`MAX_SIZE`].
    #[error("{size} bytes are too many for a Release file (limit {MAX_SIZE})")]
    TooLarge {
        /// Its length.
        size: usize,
    },
    /// A line is neither a field nor the continuation of one.
    #[error("line {line}: `{text}` is not a field")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// The start of the line.
        text: String,
    },
    /// A field stands twice.
    #[error("line {line}: field `{field}` stands twice")]
    Duplicate {
        /// Line number, from 1.
        line: usize,
        /// The field's name.
        field: String,
    },
    /// More fields, words or files than any real archive has.
    #[error("line {line}: more than {limit} {what}")]
    TooMany {
        /// Line number, from 1.
        line: usize,
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// There is text after the one paragraph a `Release` file has.
    #[error("line {line}: a second paragraph")]
    SecondParagraph {
        /// Line number, from 1.
        line: usize,
    },
    /// A field has a value that it cannot have.
    #[error("line {line}: `{value}` is not a legal `{field}`")]
    Value {
        /// Line number, from 1.
        line: usize,
        /// The field's name.
        field: &'static str,
        /// The start of the value.
        value: String,
    },
    /// A file is listed twice, with different sizes or digests.
    #[error("line {line}: `{path}` is listed twice with different contents")]
    Contradiction {
        /// Line number, from 1.
        line: usize,
        /// The listed path.
        path: String,
    },
    /// There is no list of SHA-256 sums.
    #[error("no `SHA256` list (MD5 and SHA-1 sums are not accepted)")]
    NoSha256,
}

/// What a `Release` says about one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// The file's size in bytes.
    pub size: u64,
    /// The file's digest.
    pub sha256: Sha256,
}

/// A parsed `Release` file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// Who made it (`Debian`).
    pub origin: Option<String>,
    /// What it is called among that origin's archives (`Debian-Security`).
    pub label: Option<String>,
    /// The suite (`stable`).
    pub suite: Option<String>,
    /// The code name (`bookworm`).
    pub codename: Option<String>,
    /// The point release (`12.11`).
    pub version: Option<String>,
    /// When it was made.
    pub date: Option<Timestamp>,
    /// The start of a `Date` that cannot be read; what to think of it is for who knows of earlier ones to say.
    pub unreadable_date: Option<String>,
    /// When it must no longer be used.
    pub valid_until: Option<Timestamp>,
    /// The components it has, as written (`main`, `updates/main`).
    pub components: Vec<String>,
    /// The architectures it has; `all` where it says so.
    pub architectures: Vec<String>,
    /// `NotAutomatic: yes`: packages come from here only when asked for.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades: yes`: packages that came from here are upgraded from here.
    pub but_automatic_upgrades: bool,
    /// `Acquire-By-Hash: yes`: index files can be had under their digest.
    pub acquire_by_hash: bool,
    /// `No-Support-for-Architecture-all: Packages`: the machine architectures' indexes list `all` packages too.
    pub all_in_every_index: bool,
    files: BTreeMap<String, ReleaseFile>,
}

impl Release {
    /// Reads the text of a `Release` file.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_SIZE {
            return Err(Error::TooLarge { size: text.len() });
        }
        let mut release = Self::default();
        let mut has_sha256 = false;
        for field in Fields::read(text)? {
            let Field { line, name, value, rest } = field;
            match name.to_ascii_lowercase().as_str() {
                "origin" => release.origin = word(value),
                "label" => release.label = word(value),
                "suite" => release.suite = word(value),
                "codename" => release.codename = word(value),
                "version" => release.version = word(value),
                "date" => match date::parse(value) {
                    Some(date) => release.date = Some(date),
                    None => release.unreadable_date = Some(start_of(value)),
                },
                // As apt does: an empty one is none, and one that cannot be read must not be passed over.
                "valid-until" if value.is_empty() => {}
                "valid-until" => {
                    let until = date::parse(value).ok_or_else(|| Error::Value { line, field: "Valid-Until", value: start_of(value) })?;
                    release.valid_until = Some(until);
                }
                "components" => release.components = words(line, "components", value, &rest)?,
                "architectures" => release.architectures = words(line, "architectures", value, &rest)?,
                "notautomatic" => release.not_automatic = boolean(line, "NotAutomatic", value)?,
                "butautomaticupgrades" => release.but_automatic_upgrades = boolean(line, "ButAutomaticUpgrades", value)?,
                "acquire-by-hash" => release.acquire_by_hash = boolean(line, "Acquire-By-Hash", value)?,
                "no-support-for-architecture-all" => {
                    release.all_in_every_index = value.split_ascii_whitespace().any(|word| word == "Packages");
                }
                "sha256" => {
                    has_sha256 = true;
                    release.files = files(line, value, &rest)?;
                }
                _ => {}
            }
        }
        if has_sha256 { Ok(release) } else { Err(Error::NoSha256) }
    }

    /// The listed file at `path`, relative to the `Release` file.
    pub fn file(&self, path: &str) -> Option<ReleaseFile> {
        self.files.get(path).copied()
    }

    /// All listed files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, ReleaseFile)> {
        self.files.iter().map(|(path, file)| (path.as_str(), *file))
    }

    /// Tells whether the component is one of this release; `main` also names `updates/main`, as it does for apt.
    pub fn has_component(&self, name: &str) -> bool {
        self.components.iter().any(|component| component == name || component.rsplit('/').next() == Some(name))
    }

    /// Tells whether an own index of `Architecture: all` packages stands beside those of the machine architectures.
    pub fn has_own_all_index(&self) -> bool {
        !self.all_in_every_index && self.architectures.iter().any(|architecture| architecture == "all")
    }

    /// Tells whether this release, which a manifest calls `suite`, holds security updates: by a name that ends in
    /// `-security`, as Debian's and Ubuntu's do, or by the label that Debian's had before its suites got such names.
    pub fn is_security(&self, suite: &str) -> bool {
        let names = [Some(suite), self.suite.as_deref(), self.codename.as_deref()];
        let labels = [self.label.as_deref(), self.origin.as_deref()];
        names.into_iter().flatten().any(RepoSteering::is_security_suite) || labels.contains(&Some("Debian-Security"))
    }

    /// Tells whether `suite` names this release: by suite or by code name, with or without a trailing `/updates`.
    ///
    /// A release that gives neither is called nothing.
    pub fn is_called(&self, suite: &str) -> bool {
        let plain = |name: &str| name.trim_end_matches('/').trim_end_matches("/updates").to_owned();
        let names: Vec<String> = [&self.suite, &self.codename].into_iter().flatten().map(|name| plain(name)).collect();
        names.contains(&plain(suite))
    }
}

struct Field<'a> {
    line: usize,
    name: &'a str,
    value: &'a str,
    /// Continuation lines, trimmed.
    rest: Vec<&'a str>,
}

struct Fields;

impl Fields {
    fn read(text: &str) -> Result<Vec<Field<'_>>, Error> {
        let mut fields: Vec<Field<'_>> = Vec::new();
        let mut ended = false;
        for (index, raw) in text.lines().enumerate() {
            let line = index + 1;
            let trimmed = raw.trim_matches([' ', '\t', '\r']);
            if trimmed.is_empty() {
                ended = !fields.is_empty();
                continue;
            }
            if ended {
                return Err(Error::SecondParagraph { line });
            }
            let malformed = || Error::Line { line, text: start_of(raw) };
            if trimmed.bytes().any(|b| b < b' ' && b != b'\t') {
                return Err(malformed());
            }
            if raw.starts_with([' ', '\t']) {
                fields.last_mut().ok_or_else(malformed)?.rest.push(trimmed);
                continue;
            }
            let (name, value) = trimmed.split_once(':').ok_or_else(malformed)?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
                return Err(malformed());
            }
            if fields.iter().any(|field| field.name.eq_ignore_ascii_case(name)) {
                return Err(Error::Duplicate { line, field: name.to_owned() });
            }
            if fields.len() == MAX_FIELDS {
                return Err(Error::TooMany { line, what: "fields", limit: MAX_FIELDS });
            }
            fields.push(Field { line, name, value: value.trim(), rest: Vec::new() });
        }
        Ok(fields)
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn word(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.chars().take(256).collect())
}

fn words(line: usize, what: &'static str, value: &str, rest: &[&str]) -> Result<Vec<String>, Error> {
    let words: Vec<String> = std::iter::once(&value)
        .chain(rest)
        .flat_map(|text| text.split_ascii_whitespace())
        .take(MAX_WORDS + 1)
        .map(|word| word.chars().take(256).collect())
        .collect();
    if words.len() > MAX_WORDS { Err(Error::TooMany { line, what, limit: MAX_WORDS }) } else { Ok(words) }
}

fn boolean(line: usize, field: &'static str, value: &str) -> Result<bool, Error> {
    // apt's StringToBool.
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "with" | "on" | "enable" => Ok(true),
        "" | "no" | "false" | "0" | "without" | "off" | "disable" => Ok(false),
        _ => Err(Error::Value { line, field, value: start_of(value) }),
    }
}

fn files(line: usize, value: &str, rest: &[&str]) -> Result<BTreeMap<String, ReleaseFile>, Error> {
    let mut files = BTreeMap::new();
    // The list starts on the line after the field's name.
    let lines = std::iter::once((line, value)).filter(|(_, value)| !value.is_empty());
    for (line, text) in lines.chain(rest.iter().enumerate().map(|(index, text)| (line + 1 + index, *text))) {
        let bad = || Error::Value { line, field: "SHA256", value: start_of(text) };
        let mut parts = text.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        let sha256: Sha256 = digest.parse().map_err(|_| bad())?;
        if !size.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let size = size.parse().map_err(|_| bad())?;
        let path = path.strip_prefix("./").unwrap_or(path);
        if !is_inside(path) {
            return Err(bad());
        }
        if files.len() == MAX_FILES {
            return Err(Error::TooMany { line, what: "files", limit: MAX_FILES });
        }
        let file = ReleaseFile { size, sha256 };
        if files.insert(path.to_owned(), file).is_some_and(|old| old != file) {
            return Err(Error::Contradiction { line, path: path.to_owned() });
        }
    }
    Ok(files)
}

/// Tells whether a listed path stays below the directory of its `Release` file.
fn is_inside(path: &str) -> bool {
    path.len() <= MAX_PATH && path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ZEROS: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn sample() -> String {
        format!(
            "Origin: Debian\nLabel: Debian\nSuite: oldstable-security\nVersion: 12\nCodename: bookworm-security\n\
             Date: Fri, 20 Nov 2026 00:12:41 UTC\nValid-Until: Fri, 27 Nov 2026  0:12:41 UTC\nAcquire-By-Hash: yes\n\
             NotAutomatic: yes\nButAutomaticUpgrades: yes\nNo-Support-for-Architecture-all: Packages\n\
             Architectures: all amd64 armhf\nComponents: updates/main updates/contrib\nDescription: x\n\
             MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/binary-armhf/Release\n\
             SHA256:\n {ZEROS} 0 main/binary-armhf/Packages\n {ZEROS}    12 ./main/binary-armhf/Packages.xz\n"
        )
    }

    #[test]
    fn reads_every_field() {
        let release = Release::parse(&sample()).unwrap();
        assert_eq!(release.origin.as_deref(), Some("Debian"));
        assert_eq!(release.codename.as_deref(), Some("bookworm-security"));
        assert_eq!(release.date.unwrap().to_string(), "2026-11-20T00:12:41Z");
        assert_eq!(release.valid_until.unwrap().to_string(), "2026-11-27T00:12:41Z");
        assert!(release.acquire_by_hash && release.not_automatic && release.but_automatic_upgrades && release.all_in_every_index);
        assert!(!release.has_own_all_index());
        assert_eq!(release.architectures, ["all", "amd64", "armhf"]);
        assert!(release.has_component("main") && release.has_component("updates/main") && !release.has_component("updates"));
        assert_eq!(release.file("main/binary-armhf/Packages.xz").unwrap().size, 12);
        assert_eq!(release.files().count(), 2, "MD5 sums make no file");
        assert!(release.file("main/binary-armhf/Release").is_none());
    }

    #[test]
    fn answers_to_suite_and_codename() {
        let release = Release::parse(&sample()).unwrap();
        for (name, called) in
            [("bookworm-security", true), ("oldstable-security", true), ("bookworm-security/updates", true), ("bookworm", false)]
        {
            assert_eq!(release.is_called(name), called, "{name}");
        }
        let old = Release::parse("Codename: buster/updates\nSHA256:\n").unwrap();
        assert!(old.is_called("buster/updates") && old.is_called("buster"));
        assert!(!Release::parse("SHA256:\n").unwrap().is_called("anything"));
    }

    #[test]
    fn keeps_a_date_that_it_cannot_read() {
        let release = Release::parse("Date: Sat, 11 Jul 2026 10:16:37 +0200\nValid-Until:\nSHA256:\n").unwrap();
        assert_eq!((release.date, release.valid_until), (None, None));
        assert_eq!(release.unreadable_date.as_deref(), Some("Sat, 11 Jul 2026 10:16:37 +0200"));
        assert_eq!(Release::parse("SHA256:\n").unwrap().unreadable_date, None);
    }

    #[test]
    fn refuses_what_is_malformed() {
        let list = |entry: &str| format!("SHA256:\n {entry}\n");
        for (text, message) in [
            (String::new(), "no `SHA256` list (MD5 and SHA-1 sums are not accepted)"),
            ("MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 x\n".to_owned(), "no `SHA256` list (MD5 and SHA-1 sums are not accepted)"),
            (" x\nSHA256:\n".to_owned(), "line 1: ` x` is not a field"),
            ("nonsense\nSHA256:\n".to_owned(), "line 1: `nonsense` is not a field"),
            ("Suite: a\nsuite: b\nSHA256:\n".to_owned(), "line 2: field `suite` stands twice"),
            ("SHA256:\n\nSuite: a\n".to_owned(), "line 3: a second paragraph"),
            ("Suite: a\0b\nSHA256:\n".to_owned(), "line 1: `Suite: a\u{fffd}b` is not a field"),
            (
                "Valid-Until: Fri, 20 Nov 2026 00:12:41 CET\nSHA256:\n".to_owned(),
                "line 1: `Fri, 20 Nov 2026 00:12:41 CET` is not a legal `Valid-Until`",
            ),
            ("Acquire-By-Hash: perhaps\nSHA256:\n".to_owned(), "line 1: `perhaps` is not a legal `Acquire-By-Hash`"),
            (list("abc 1 x"), "line 2: `abc 1 x` is not a legal `SHA256`"),
            (list(&format!("{ZEROS} -1 x")), &*format!("line 2: `{}` is not a legal `SHA256`", &format!("{ZEROS} -1 x")[..60])),
            (
                list(&format!("{ZEROS} 99999999999999999999 x")),
                &*format!("line 2: `{}` is not a legal `SHA256`", &format!("{ZEROS} 99999999999999999999 x")[..60]),
            ),
            (list(&format!("{ZEROS} 1 x\n {ZEROS} 2 ./x")), "line 3: `x` is listed twice with different contents"),
        ] {
            assert_eq!(Release::parse(&text).unwrap_err().to_string(), message, "{text:?}");
        }
        for path in ["../x", "/etc/passwd", "a//b", "a/../b", "a/./b", "a/", "a\\b", &"x".repeat(600)] {
            assert!(Release::parse(&list(&format!("{ZEROS} 1 {path}"))).is_err(), "{path}");
        }
    }

    #[test]
    fn keeps_its_limits() {
        let fields: String = (0..300).map(|n| format!("X{n}: y\n")).collect();
        assert!(matches!(Release::parse(&fields), Err(Error::TooMany { what: "fields", .. })));
        let words = format!("Components: {}\nSHA256:\n", "c ".repeat(2000));
        assert!(matches!(Release::parse(&words), Err(Error::TooMany { what: "components", .. })));
        assert!(matches!(Release::parse(&"x".repeat(MAX_SIZE + 1)), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn agrees_with_the_real_archive() {
        let Some(cases) = std::env::var_os("PINTREE_CASES") else { return };
        let path = std::path::Path::new(&cases).join("apt/indexes/bookworm/InRelease");
        let text = std::fs::read_to_string(path).unwrap();
        let start = text.find("Origin:").unwrap();
        let end = text.find("-----BEGIN PGP SIGNATURE").unwrap();
        let release = Release::parse(&text[start..end]).unwrap();
        assert_eq!(release.codename.as_deref(), Some("bookworm"));
        assert!(release.file("main/binary-armhf/Packages.xz").is_some());
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _unused = Release::parse(&text);
        }

        #[test]
        fn never_panics_on_mutations(at in 0usize..900, byte in any::<u8>(), cut in 0usize..900) {
            let mut bytes = sample().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut.max(1));
            let _unused = Release::parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn listed_paths_stay_inside(path in "[a-z./]{1,12}") {
            if let Ok(release) = Release::parse(&format!("SHA256:\n {ZEROS} 1 {path}\n")) {
                for (path, _) in release.files() {
                    prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".." || part.is_empty()));
                }
            }
        }
    }
}
