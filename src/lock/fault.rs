//! What can be wrong with a lockfile, its text, or the parts it is to be built from.

use super::reference::ParseReferenceError;
use crate::pkg::{Architecture, ParseDigestError};
use std::path::PathBuf;

/// A lockfile could not be read, built or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The lockfile.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write `{path}`")]
    Write {
        /// The lockfile.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file's text is no lockfile.
    #[error("`{path}` is not a usable lockfile")]
    Load {
        /// The lockfile.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// The text is beyond [`super::SIZE_LIMIT`].
    #[error("the lockfile is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A later pintree wrote it.
    #[error("the lockfile has version {found}, this pintree reads up to version {supported}")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest that is read here.
        supported: i64,
    },
    /// Something in the text is wrong.
    #[error("line {line}, column {column}: {fault}")]
    At {
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
        /// What is wrong.
        fault: Box<Fault>,
    },
    /// The parts contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// There is no such image.
    #[error("the lockfile has no image `{image}`, only {}", list(.known))]
    NoImage {
        /// The name that was asked for.
        image: String,
        /// The images there are.
        known: Vec<String>,
    },
    /// The image is not locked for that architecture.
    #[error("image `{image}` is not locked for {architecture}, only for {}", list(.known))]
    NoArchitecture {
        /// The image.
        image: String,
        /// The architecture that was asked for.
        architecture: Architecture,
        /// The architectures there are.
        known: Vec<Architecture>,
    },
}

/// One thing that is wrong at one place of a lockfile's text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not TOML.
    #[error("{message}")]
    Syntax {
        /// The TOML reader's words.
        message: String,
    },
    /// A key that this version does not know.
    #[error("unknown key `{key}` in {place}{}", .suggestion.map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key.
        key: String,
        /// The kind of table.
        place: &'static str,
        /// A known key that looks like it.
        suggestion: Option<&'static str>,
    },
    /// A key that must be there is not.
    #[error("{place} lacks the key `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The kind of table.
        place: &'static str,
    },
    /// A value of the wrong kind.
    #[error("`{key}` must be {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A text that is not what its key asks for.
    #[error("`{text}` is not {expected}")]
    Malformed {
        /// The text.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A version number before the first.
    #[error("lockfile version {found} never existed")]
    Version {
        /// The file's version.
        found: i64,
    },
    /// A packaging family that this version cannot build.
    #[error("lockfiles of ecosystem `{ecosystem}` are not supported yet")]
    Unsupported {
        /// The family.
        ecosystem: String,
    },
    /// A digest that is none.
    #[error(transparent)]
    Digest(#[from] ParseDigestError),
    /// A reference that is none.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    /// Two `[[source]]` blocks for one source package, version and repository.
    #[error("a second block for source `{source_name}` version `{version}` from `{repo}`")]
    DuplicateBlock {
        /// The source package.
        source_name: String,
        /// Its version.
        version: String,
        /// The repository.
        repo: String,
    },
    /// Two cells for one package file.
    #[error("a second cell for `{name}` version `{version}` on {architecture}")]
    DuplicateCell {
        /// The binary package.
        name: String,
        /// Its version.
        version: String,
        /// Its architecture.
        architecture: Architecture,
    },
    /// A binary package without a cell.
    #[error("`{name}` has no cell for any architecture")]
    NoCell {
        /// The binary package.
        name: String,
    },
    /// An entry that stands twice.
    #[error("`{entry}` stands twice")]
    DuplicateEntry {
        /// The entry.
        entry: String,
    },
    /// A reference to nothing.
    #[error("`{reference}` matches no cell on {architecture}")]
    Dangling {
        /// The reference.
        reference: String,
        /// The image's architecture.
        architecture: Architecture,
    },
    /// A reference to several cells.
    #[error("`{reference}` is ambiguous on {architecture}: it matches the versions {}", list(.versions))]
    Ambiguous {
        /// The reference.
        reference: String,
        /// The image's architecture.
        architecture: Architecture,
        /// The versions that match.
        versions: Vec<String>,
    },
    /// An `@version` where the name alone is exact.
    #[error("`{reference}` needs no `@` on {architecture}: there is only one version")]
    NeedlessVersion {
        /// The reference.
        reference: String,
        /// The image's architecture.
        architecture: Architecture,
    },
    /// A `:arch` that says the image's own architecture.
    #[error("`{reference}` needs no `:{architecture}` in an image for {architecture}")]
    NeedlessArchitecture {
        /// The reference.
        reference: String,
        /// The image's architecture.
        architecture: Architecture,
    },
    /// A bracket with an architecture that the image does not have.
    #[error("{architecture} is not an architecture of image `{image}`")]
    ForeignBracket {
        /// The architecture.
        architecture: Architecture,
        /// The image.
        image: String,
    },
    /// A removal of what the extended image does not have.
    #[error("`{entry}` cannot be removed on {architecture}: the extended image has no such package")]
    NotInherited {
        /// The entry.
        entry: String,
        /// The image's architecture.
        architecture: Architecture,
    },
    /// An addition of what the extended image has already.
    #[error("`{entry}` need not be added on {architecture}: the extended image has it")]
    Inherited {
        /// The entry.
        entry: String,
        /// The image's architecture.
        architecture: Architecture,
    },
    /// The sets are too many to hold.
    #[error("the images have more than {limit} packages in sum")]
    TooManyPins {
        /// The limit.
        limit: usize,
    },
    /// Parts that contradict each other.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
}

/// Parts of a lockfile that cannot stand beside each other.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// One name, architecture and version with two contents.
    #[error(
        "`{}` {} {} has two contents: {} ({} bytes) from `{}` and {} ({} bytes) from `{}`",
        .pins[0].name, .pins[0].version, .pins[0].architecture,
        .pins[0].sha256, .pins[0].size, .pins[0].repo, .pins[1].sha256, .pins[1].size, .pins[1].repo
    )]
    TwoContents {
        /// The two pins.
        pins: Box<[crate::pkg::Pin; 2]>,
    },
    /// `Architecture: all` beside a machine's architecture, of one binary package in one block.
    #[error("`{name}` of source `{source_name}` {source_version} is `{independent}` and {architecture} at once")]
    IndependentBesideMachine {
        /// The binary package.
        name: String,
        /// The source package.
        source_name: String,
        /// Its version.
        source_version: String,
        /// `all` or `noarch`.
        independent: Architecture,
        /// The other architecture.
        architecture: Architecture,
    },
    /// A package that stands twice in one image.
    #[error("image `{image}` has `{name}` twice on {architecture}: {} and {}", .versions[0], .versions[1])]
    TwiceInImage {
        /// The image.
        image: String,
        /// The binary package.
        name: String,
        /// The image's architecture.
        architecture: Architecture,
        /// The two versions.
        versions: [String; 2],
    },
    /// A cell that no reference can name: its name and version are also another cell's.
    #[error("`{name}` {version} exists as `{}` and as `{}`; no reference can tell them apart on {}", .architectures[0], .architectures[1], .architectures[1])]
    Unnameable {
        /// The binary package.
        name: String,
        /// Its version.
        version: String,
        /// The independent and the machine architecture.
        architectures: [Architecture; 2],
    },
    /// A pin from a repository that the manifest does not have.
    #[error("`{name}` comes from repository `{repo}`, which is not in the manifest")]
    UnknownRepo {
        /// The binary or source package.
        name: String,
        /// The repository.
        repo: String,
    },
    /// `extends` names no image.
    #[error("image `{image}` extends `{extends}`, which does not exist")]
    UnknownBase {
        /// The image.
        image: String,
        /// What it extends.
        extends: String,
    },
    /// An image that extends itself, perhaps through others.
    #[error("image `{image}` extends itself: {}", .chain.join(" ► "))]
    ExtendsCycle {
        /// The image.
        image: String,
        /// The images on the way round.
        chain: Vec<String>,
    },
    /// An image without a set, or a set without an image.
    #[error("image `{image}` and its pins for {architecture} do not belong together")]
    UnknownSet {
        /// The image.
        image: String,
        /// The architecture.
        architecture: Architecture,
    },
    /// A text that no lockfile may have.
    #[error("`{text}` is not {expected}")]
    Malformed {
        /// The text.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// A list for people: `` `a`, `b` and `c` ``.
fn list<T: std::fmt::Display>(items: &[T]) -> String {
    match items {
        [] => "none".to_owned(),
        [one] => format!("`{one}`"),
        [rest @ .., last] => {
            let rest: Vec<String> = rest.iter().map(|item| format!("`{item}`")).collect();
            format!("{} and `{last}`", rest.join(", "))
        }
    }
}
