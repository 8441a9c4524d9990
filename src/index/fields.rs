//! The fields of a stanza, the limits of a file, and what can be wrong with either.

use std::io;

/// The limits that keep a hostile index from taking the machine's memory.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Uncompressed bytes of the whole file.
    pub bytes: u64,
    /// Bytes of one stanza.
    pub stanza: usize,
    /// Stanzas.
    pub packages: usize,
    /// Relations in all stanzas together.
    pub relations: usize,
}

impl Default for Limits {
    /// Some 15 times what Debian sid's largest component needs.
    fn default() -> Self {
        Self { bytes: 1 << 30, stanza: 4 << 20, packages: 1 << 20, relations: 1 << 24 }
    }
}

/// A stanza that cannot be installed from, and why; apt skips such stanzas or fails when it comes to download them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The line of the file on which the stanza starts.
    pub line: u64,
    /// The package's name, as far as it is known.
    pub package: String,
    /// What is wrong with it.
    pub reason: SkipReason,
}

/// Why a stanza was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// A field that every package has is missing.
    Missing(Field),
    /// A field has a value that no package may have.
    Malformed(Field),
    /// A field stands twice in the stanza.
    Twice(Field),
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "it has no `{field}`"),
            Self::Malformed(field) => write!(f, "its `{field}` is malformed"),
            Self::Twice(field) => write!(f, "`{field}` stands in it twice"),
        }
    }
}

/// The file is no `Packages` file, or breaks a limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed, or the compressed data are damaged.
    #[error("cannot read the index")]
    Read(#[from] io::Error),
    /// A limit is exceeded.
    #[error("line {line}: the index has more than {limit} {what}")]
    Limit {
        /// Where.
        line: u64,
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A line is neither a field nor the continuation of one.
    #[error("line {line}: `{text}` is neither a field nor the continuation of one")]
    Line {
        /// Where.
        line: u64,
        /// What stands there.
        text: String,
    },
    /// A stanza without `Package`.
    #[error("line {line}: a stanza without `Package`")]
    NoPackage {
        /// Where the stanza starts.
        line: u64,
    },
    /// A dependency field is malformed; apt refuses the whole file then, and so do we.
    #[error("line {line}: `{package}`: malformed `{field}`: `{text}`")]
    Relation {
        /// Where the stanza starts.
        line: u64,
        /// The package.
        package: String,
        /// The field.
        field: Field,
        /// The alternative that cannot be read.
        text: String,
    },
    /// The names were prepared to collide in every hash table.
    #[error("the names of the index collide on purpose")]
    Collisions,
}

/// A stored index cannot be used; parse the original again.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the stored index is unusable: {reason}")]
pub struct StoredError {
    /// What is wrong.
    pub reason: &'static str,
}

/// A field of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Field {
    PreDepends,
    Depends,
    Conflicts,
    Breaks,
    Recommends,
    Provides,
    Replaces,
    Suggests,
    Enhances,
    Package,
    Version,
    Architecture,
    Source,
    Filename,
    Size,
    Sha256,
    InstalledSize,
    Priority,
    Essential,
    Important,
    Protected,
    MultiArch,
}

impl Field {
    /// Every field, in the order of their numbers.
    pub(super) const ALL: [Self; 22] = [
        Self::PreDepends,
        Self::Depends,
        Self::Conflicts,
        Self::Breaks,
        Self::Recommends,
        Self::Provides,
        Self::Replaces,
        Self::Suggests,
        Self::Enhances,
        Self::Package,
        Self::Version,
        Self::Architecture,
        Self::Source,
        Self::Filename,
        Self::Size,
        Self::Sha256,
        Self::InstalledSize,
        Self::Priority,
        Self::Essential,
        Self::Important,
        Self::Protected,
        Self::MultiArch,
    ];

    /// The relation fields that are kept, in the order in which apt reads them.
    pub const RELATIONS: [Self; 7] =
        [Self::PreDepends, Self::Depends, Self::Conflicts, Self::Breaks, Self::Recommends, Self::Provides, Self::Replaces];

    /// The field's name as control files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Recommends => "Recommends",
            Self::Provides => "Provides",
            Self::Replaces => "Replaces",
            Self::Suggests => "Suggests",
            Self::Enhances => "Enhances",
            Self::Package => "Package",
            Self::Version => "Version",
            Self::Architecture => "Architecture",
            Self::Source => "Source",
            Self::Filename => "Filename",
            Self::Size => "Size",
            Self::Sha256 => "SHA256",
            Self::InstalledSize => "Installed-Size",
            Self::Priority => "Priority",
            Self::Essential => "Essential",
            Self::Important => "Important",
            Self::Protected => "Protected",
            Self::MultiArch => "Multi-Arch",
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The `Priority` field, most important first; apt sorts a missing one before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Priority {
    Missing,
    Required,
    Important,
    Standard,
    Optional,
    Extra,
}

impl Priority {
    pub(super) const ALL: [Self; 6] = [Self::Missing, Self::Required, Self::Important, Self::Standard, Self::Optional, Self::Extra];
}
