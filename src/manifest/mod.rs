//! Manifest text ► a validated manifest.
//!
//! Takes the TOML that a person writes (`manifests/NAME.toml`) and gives a [`Manifest`]: every key known, every value of
//! the right type and form, every name that is referred to present. What is wrong comes back as an [`Error`] that holds
//! all mistakes found, each with line, column, source line and, where one can be guessed, the remedy.
//!
//! The same table of keys makes the JSON Schema ([`schema()`]). [`starter()`] writes the first manifest of a project.
//!
//! Does not look at the disk ([`load`] reads the manifest, nothing else): whether overlays, scripts and key files exist
//! is for those who open them. Does not know mirrors, lockfiles or packages.

mod bot;
mod check;
mod form;
mod image;
mod keys;
mod limits;
mod problem;
mod read;
#[cfg(test)]
mod refusals;
mod repo;
mod resolved;
mod schema;
mod settings;
mod starter;
mod table;
#[cfg(test)]
mod tests;

pub use bot::{Author, BotRules, Class, GroupRule, REST, is_branch};
pub use image::{Image, ImageRequest, Root};
pub use problem::{Problem, ProblemKind};
pub use repo::{KeySource, Repo};
pub use resolved::ResolvedImage;
pub use schema::{schema, schema_text};
pub use settings::Settings;
pub use starter::{StarterError, starter};

use crate::pkg::{Architecture, Ecosystem, Hold, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A manifest that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The file's name without `.toml`; part of refs.
    pub name: String,
    /// The family of all its repositories.
    pub ecosystem: Ecosystem,
    /// Architectures to build, in manifest order.
    pub arches: Vec<Architecture>,
    /// Further architectures inside every root, in manifest order.
    pub foreign_arches: Vec<Architecture>,
    /// Host architectures whose native twins are to be locked: `amd64`, or nothing where the manifest has `[]`. Only
    /// lockfiles read it so far, so that they need no change of meaning once it does something.
    pub accelerate: Vec<Architecture>,
    /// `SOURCE_DATE_EPOCH` in seconds: midnight UTC of the day that `epoch` names.
    pub epoch: u64,
    /// Repositories by name. Their order in the file means nothing.
    pub repos: BTreeMap<String, Repo>,
    /// Images by name. Their order in the file means nothing.
    pub images: BTreeMap<String, Image>,
    /// Holds in manifest order.
    pub holds: Vec<Hold>,
    /// Fixed user and group ids by name.
    pub ids: BTreeMap<String, u32>,
    /// Directories outside the project in which files that the manifest names may lie, seen from the project.
    pub outside: Vec<String>,
    /// How old what a repository offers must be before it is taken, security updates apart. It says which state of the
    /// repositories is read and steers nothing in it, so no lockfile has it.
    pub min_age: Option<Duration>,
    /// What scripts may take, where that is not the default. It decides whether a build succeeds and nothing of what it
    /// gives, so no lockfile and no image's identity has it.
    pub limits: Limits,
}

impl Manifest {
    /// `SOURCE_DATE_EPOCH` of a manifest that gives none: 2020-01-01. Changing it changes every such image.
    pub const DEFAULT_EPOCH: u64 = 1_577_836_800;

    /// The names that `deb = "NAME"` may give instead of a URL.
    pub const ARCHIVES: &[&str] = &keys::ARCHIVES;

    /// The names that may stand in `key = "builtin:NAME"`.
    pub const BUILTIN_KEYS: &[&str] = &keys::BUILTIN_KEYS;

    /// The files and directories of the project that it names, package files apart: overlays, scripts, SSH keys and the keys of
    /// repositories, as they stand there; each once, sorted.
    pub fn inputs(&self) -> BTreeSet<&str> {
        let keys = self.repos.values().flat_map(|repo| &repo.keys).filter_map(|key| match key {
            KeySource::File(path) => Some(path),
            KeySource::Builtin(_) => None,
        });
        let images = self.images.values();
        let files = images.flat_map(|image| image.overlays.iter().chain(&image.scripts).chain(&image.settings.authorized_keys));
        keys.chain(files).map(String::as_str).collect()
    }

    /// The images in an order in which each comes after the one it extends, otherwise by name.
    pub fn images_parents_first(&self) -> Vec<&Image> {
        let mut images: Vec<(usize, &Image)> = self.images.values().map(|image| (self.chain(image).len(), image)).collect();
        // The sort is stable, and the map is in name order.
        images.sort_by_key(|(depth, _)| *depth);
        images.into_iter().map(|(_, image)| image).collect()
    }
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the manifest `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not text.
    #[error("`{}` is not UTF-8 text (line {line})", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The first line with a bad byte, from 1.
        line: usize,
    },
    /// The file's name cannot be a manifest's name.
    #[error("`{}` cannot be a manifest's name: letters, digits, `_` and `-` with `.toml` at the end, please", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The text has mistakes.
    #[error("{}", Problems(.problems))]
    Invalid {
        /// All that were found, in the order of the text; never empty.
        problems: Vec<Problem>,
    },
}

/// Most problems shown; the rest is counted. One slip of the pen can make many.
const SHOWN_PROBLEMS: usize = 20;

struct Problems<'a>(&'a [Problem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [_, _, ..] = self.0 {
            writeln!(f, "`{}` has {} mistakes", self.0[0].path, self.0.len())?;
        }
        for (i, problem) in self.0.iter().take(SHOWN_PROBLEMS).enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.0.len().saturating_sub(SHOWN_PROBLEMS) {
            0 => Ok(()),
            more => write!(f, "\n\n… and {more} more"),
        }
    }
}

/// Reads a manifest from `text`; `path` gives it its name and stands in messages, it is not opened.
pub fn parse(text: &str, path: &Path) -> Result<Manifest, Error> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .map(|name| name.strip_suffix(".toml").unwrap_or(name))
        .filter(|name| form::is_name(name))
        .ok_or_else(|| Error::Name { path: path.to_owned() })?;
    read::manifest(text, &path.to_string_lossy(), name).map_err(|problems| Error::Invalid { problems })
}

/// Reads a manifest from a file.
pub fn load(path: &Path) -> Result<Manifest, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        Error::Encoding { path: path.to_owned(), line }
    })?;
    parse(text, path)
}
