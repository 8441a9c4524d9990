//! One `Packages` file, parsed into flat tables.
//!
//! Takes the file's text as a stream, keeps what a resolver and a lockfile need, and gives it back by name, by provided
//! name or by position. The text itself is not kept: 48 MB of it become about 12 MB. [`Index::to_bytes`] and
//! [`Index::from_bytes`] store the tables, so that the next run need not decompress and parse. The bytes prove nothing of
//! what they were made from; `repo` keeps them so that nobody else can have written them.
//!
//! It does not judge: which of several versions is chosen, and which architecture's, is [`super::Universe`]'s and the
//! resolver's question.

pub use super::fields::{Error, Field, Limits, Priority, SkipReason, Skipped, StoredError};
use super::names::{Lookup, NONE, Texts};
use crate::pkg::{Architecture, Comparison, MultiArch, Sha256};
use std::io::Read;

/// A parsed `Packages` file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Index {
    pub(super) names: Texts,
    pub(super) lookup: Lookup,
    pub(super) texts: Texts,
    /// `all` stands first, the file's first machine architecture second.
    pub(super) architectures: Vec<Architecture>,
    /// By name: where it was first mentioned.
    pub(super) mentions: Vec<Mention>,
    /// Mentions under an architecture other than the first of the file: name, architecture, position; sorted.
    pub(super) other_mentions: Vec<[u32; 3]>,
    pub(super) records: Vec<Record>,
    pub(super) relations: Vec<Link>,
    pub(super) by_name: Grouped,
    pub(super) by_provided: Grouped,
    /// Records that are essential or at least of priority `standard`, in file order.
    pub(super) base: Vec<u32>,
    pub(super) skipped: Vec<Skipped>,
}

/// The place of a file's first machine architecture among its architectures.
pub(super) const OWN: u32 = 1;

/// Positions at which apt would create the package, counted over the file; later ones are higher package IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// As a package of the native architecture: by an `Architecture: all` stanza.
    pub all: u32,
    /// As a package of the file's first architecture.
    pub own: u32,
    /// Only if nothing mentioned the name before: by a negative relation or a `Multi-Arch: foreign` Provides.
    pub fresh: u32,
    /// The architecture of `fresh`, an index into `architectures`; `NONE` is the native one.
    pub fresh_architecture: u32,
}

impl Mention {
    pub(super) const NEVER: Self = Self { all: NONE, own: NONE, fresh: NONE, fresh_architecture: NONE };
}

/// One stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub name: u32,
    pub version: u32,
    pub architecture: u32,
    /// `NONE`: as the package.
    pub source: u32,
    /// `NONE`: as the version.
    pub source_version: u32,
    /// With `derived_path` the pool directory in front of the derivable part, else the whole path.
    pub path: u32,
    pub size: u64,
    pub installed_size: u32,
    pub flags: u32,
    pub relations: u32,
    pub counts: [u16; 7],
    pub sha256: [u8; 32],
}

pub(super) const FLAG_ESSENTIAL: u32 = 1;
pub(super) const FLAG_IMPORTANT: u32 = 2;
pub(super) const FLAG_DERIVED_PATH: u32 = 4;
pub(super) const SHIFT_MULTI_ARCH: u32 = 8;
pub(super) const SHIFT_PRIORITY: u32 = 16;

/// One alternative of a relation, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub name: u32,
    /// `NONE`: no version demand.
    pub version: u32,
    pub bits: u32,
}

pub(super) const LINK_OR: u32 = 8;
pub(super) const LINK_SHIFT_QUALIFIER: u32 = 8;
pub(super) const QUALIFIER_ANY: u32 = 1;
pub(super) const QUALIFIER_NATIVE: u32 = 2;
pub(super) const QUALIFIER_ARCHITECTURES: u32 = 3;

/// An alternative's architecture qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Qualifier {
    None,
    Any,
    Native,
    /// An index into the index's architectures.
    Architecture(u32),
}

pub(super) const COMPARISONS: [Comparison; 5] =
    [Comparison::Earlier, Comparison::EarlierOrEqual, Comparison::Equal, Comparison::LaterOrEqual, Comparison::Later];

impl Link {
    /// Tells whether the next link is another alternative of the same group.
    pub fn or(self) -> bool {
        self.bits & LINK_OR != 0
    }

    pub fn comparison(self) -> Option<Comparison> {
        (self.version != NONE).then(|| COMPARISONS[(self.bits & 7).min(4) as usize])
    }

    pub fn qualifier(self) -> Qualifier {
        match self.bits >> LINK_SHIFT_QUALIFIER {
            0 => Qualifier::None,
            QUALIFIER_ANY => Qualifier::Any,
            QUALIFIER_NATIVE => Qualifier::Native,
            other => Qualifier::Architecture(other - QUALIFIER_ARCHITECTURES),
        }
    }
}

/// Lists of numbers, one list per key, in one allocation.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Grouped {
    /// One more than there are keys.
    pub starts: Vec<u32>,
    pub items: Vec<u32>,
}

impl Grouped {
    /// Groups `pairs` of (key, item); the items of a key keep their order, repeated ones are dropped.
    pub fn new(keys: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0u32; keys + 1];
        let mut last = vec![NONE; keys];
        let mut fresh = |key: u32, item: u32| std::mem::replace(&mut last[key as usize], item) != item;
        for (key, item) in pairs.clone() {
            if fresh(key, item) {
                starts[key as usize + 1] += 1;
            }
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[keys] as usize];
        last.fill(NONE);
        let mut fresh = |key: u32, item: u32| std::mem::replace(&mut last[key as usize], item) != item;
        for (key, item) in pairs {
            if fresh(key, item) {
                items[next[key as usize] as usize] = item;
                next[key as usize] += 1;
            }
        }
        Self { starts, items }
    }

    pub fn get(&self, key: u32) -> &[u32] {
        &self.items[self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize]
    }
}

impl Index {
    /// The number that goes with the stored form; a cache file's name carries it.
    pub const FORMAT: u32 = 1;

    /// Reads a `Packages` file.
    ///
    /// The reader is drained in a thread of its own, so that decompression and parsing overlap.
    pub fn parse(reader: impl Read + Send, limits: &Limits) -> Result<Self, Error> {
        super::parse::parse(reader, limits)
    }

    /// The stored form, for a cache.
    pub fn to_bytes(&self) -> Vec<u8> {
        super::serial::to_bytes(self)
    }

    /// Reads the stored form; whatever is wrong with it is found here, not later.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredError> {
        super::serial::from_bytes(bytes)
    }

    /// How many packages it has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Tells whether it has no package.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Stanzas that were left out.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// All packages in file order.
    pub fn packages(&self) -> impl Iterator<Item = Package<'_>> {
        (0..self.records.len() as u32).map(|id| Package { index: self, id })
    }

    /// The packages of that name, in file order.
    pub fn named(&self, name: &str) -> impl Iterator<Item = Package<'_>> {
        let ids = self.lookup.find(&self.names, name).map_or(&[][..], |id| self.by_name.get(id));
        ids.iter().map(|&id| Package { index: self, id })
    }

    /// The packages that are essential or at least of priority `standard`, in file order.
    pub fn base(&self) -> impl Iterator<Item = Package<'_>> {
        self.base.iter().map(|&id| Package { index: self, id })
    }

    pub(crate) fn name_id(&self, name: &str) -> Option<u32> {
        self.lookup.find(&self.names, name)
    }

    pub(crate) fn name(&self, id: u32) -> &str {
        self.names.get(id)
    }

    pub(crate) fn name_count(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn text(&self, id: u32) -> &str {
        self.texts.get(id)
    }

    pub(crate) fn architecture(&self, id: u32) -> &Architecture {
        &self.architectures[id as usize]
    }

    pub(crate) fn records_named(&self, name: u32) -> &[u32] {
        self.by_name.get(name)
    }

    pub(crate) fn records_providing(&self, name: u32) -> &[u32] {
        self.by_provided.get(name)
    }

    pub(crate) fn record(&self, id: u32) -> Package<'_> {
        Package { index: self, id }
    }

    /// Where apt would first create `name` for `architecture` while reading this file: a position and whether that
    /// happens only when no earlier file mentioned the name.
    pub(crate) fn first_mention(&self, name: u32, architecture: &Architecture, native: &Architecture) -> Option<(u32, bool)> {
        let mention = &self.mentions[name as usize];
        let mut best: Option<(u32, bool)> = None;
        let mut take = |position: u32, fresh: bool| {
            if position != NONE && best.is_none_or(|(old, _)| position < old) {
                best = Some((position, fresh));
            }
        };
        if architecture == native {
            take(mention.all, false);
        }
        if self.architectures.get(OWN as usize) == Some(architecture) {
            take(mention.own, false);
        }
        if !self.other_mentions.is_empty() {
            let start = self.other_mentions.partition_point(|entry| entry[0] < name);
            for &[_, other, position] in self.other_mentions[start..].iter().take_while(|entry| entry[0] == name) {
                if self.architecture(other) == architecture {
                    take(position, false);
                }
            }
        }
        let fresh = match mention.fresh_architecture {
            NONE => native,
            other => self.architecture(other),
        };
        if fresh == architecture {
            take(mention.fresh, true);
        }
        best
    }
}

/// One package of an [`Index`].
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    pub(super) index: &'a Index,
    pub(super) id: u32,
}

impl<'a> Package<'a> {
    fn record(self) -> &'a Record {
        &self.index.records[self.id as usize]
    }

    pub(crate) fn id(self) -> u32 {
        self.id
    }

    pub(crate) fn name_id(self) -> u32 {
        self.record().name
    }

    /// The binary package's name.
    pub fn name(self) -> &'a str {
        self.index.names.get(self.record().name)
    }

    /// The full version.
    pub fn version(self) -> &'a str {
        self.index.texts.get(self.record().version)
    }

    /// The `Architecture` field.
    pub fn architecture(self) -> &'a Architecture {
        &self.index.architectures[self.record().architecture as usize]
    }

    /// The source package's name.
    pub fn source(self) -> &'a str {
        match self.record().source {
            NONE => self.name(),
            id => self.index.texts.get(id),
        }
    }

    /// The source package's version.
    pub fn source_version(self) -> &'a str {
        match self.record().source_version {
            NONE => self.version(),
            id => self.index.texts.get(id),
        }
    }

    /// The path relative to the repository's base.
    pub fn path(self) -> String {
        let path = self.index.texts.get(self.record().path);
        match self.record().flags & FLAG_DERIVED_PATH {
            0 => path.to_owned(),
            _ => super::parse::derived_path(path, self.source(), self.name(), self.version(), self.architecture()),
        }
    }

    /// The package file's size.
    pub fn size(self) -> u64 {
        self.record().size
    }

    /// The package file's digest.
    pub fn sha256(self) -> Sha256 {
        Sha256(self.record().sha256)
    }

    /// What it takes when installed, in KiB.
    pub fn installed_size(self) -> u32 {
        self.record().installed_size
    }

    /// `Essential: yes`
    pub fn is_essential(self) -> bool {
        self.record().flags & FLAG_ESSENTIAL != 0
    }

    /// `Important: yes` or `Protected: yes`
    pub fn is_important(self) -> bool {
        self.record().flags & FLAG_IMPORTANT != 0
    }

    /// The `Multi-Arch` field.
    pub fn multi_arch(self) -> MultiArch {
        match self.record().flags >> SHIFT_MULTI_ARCH & 3 {
            1 => MultiArch::Same,
            2 => MultiArch::Foreign,
            3 => MultiArch::Allowed,
            _ => MultiArch::No,
        }
    }

    /// The `Priority` field.
    pub fn priority(self) -> Priority {
        Priority::ALL[(self.record().flags >> SHIFT_PRIORITY & 7).min(5) as usize]
    }

    pub(crate) fn links(self, field: Field) -> &'a [Link] {
        let record = self.record();
        let Some(at) = Field::RELATIONS.iter().position(|&kept| kept == field) else { return &[] };
        let before: usize = record.counts[..at].iter().map(|&count| usize::from(count)).sum();
        let start = record.relations as usize + before;
        &self.index.relations[start..start + usize::from(record.counts[at])]
    }

    /// One of the relation fields, in the words of a control file; empty when absent or not kept.
    pub fn relations(self, field: Field) -> Vec<crate::pkg::OrGroup> {
        self.links(field).chunk_by(|link, _| link.or()).map(|group| group.iter().map(|&link| self.relation(link)).collect()).collect()
    }

    pub(crate) fn relation(self, link: Link) -> crate::pkg::Relation {
        use crate::pkg::{ArchQualifier, Relation, VersionRelation};
        Relation {
            name: self.index.name(link.name).to_owned(),
            qualifier: match link.qualifier() {
                Qualifier::None => None,
                Qualifier::Any => Some(ArchQualifier::Any),
                Qualifier::Native => Some(ArchQualifier::Native),
                Qualifier::Architecture(id) => Some(ArchQualifier::Architecture(self.index.architecture(id).clone())),
            },
            version: link.comparison().map(|comparison| VersionRelation { comparison, version: self.index.text(link.version).to_owned() }),
        }
    }
}
