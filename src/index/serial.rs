//! The stored form of an [`Index`]: the same tables, little-endian, behind a checksum.

use super::names::{Lookup, NONE, Texts};
use super::packages::*;
use crate::pkg::Architecture;

const MAGIC: &[u8; 8] = b"pintreeP";

pub(super) fn to_bytes(index: &Index) -> Vec<u8> {
    let mut writer = Writer { bytes: Vec::with_capacity(64 + index.records.len() * 200) };
    writer.texts(&index.names);
    writer.word(index.lookup.seed);
    writer.words(&index.lookup.slots);
    writer.texts(&index.texts);
    let architectures: Vec<&str> = index.architectures.iter().map(Architecture::deb_name).collect();
    writer.text(&architectures.join(" "));
    writer.word(index.mentions.len() as u32);
    for mention in &index.mentions {
        writer.raw(&[mention.all, mention.own, mention.fresh, mention.fresh_architecture]);
    }
    writer.word(index.other_mentions.len() as u32);
    for entry in &index.other_mentions {
        writer.raw(entry);
    }
    writer.word(index.records.len() as u32);
    for r in &index.records {
        writer.raw(&[r.name, r.version, r.architecture, r.source, r.source_version, r.path]);
        writer.raw(&[r.size as u32, (r.size >> 32) as u32, r.installed_size, r.flags, r.relations]);
        let pair = |low: usize| u32::from(r.counts[low]) | u32::from(*r.counts.get(low + 1).unwrap_or(&0)) << 16;
        writer.raw(&[pair(0), pair(2), pair(4), pair(6)]);
        writer.bytes.extend_from_slice(&r.sha256);
    }
    writer.word(index.relations.len() as u32);
    for link in &index.relations {
        writer.raw(&[link.name, link.version, link.bits]);
    }
    for grouped in [&index.by_name, &index.by_provided] {
        writer.words(&grouped.starts);
        writer.words(&grouped.items);
    }
    writer.words(&index.base);
    writer.word(index.skipped.len() as u32);
    for skipped in &index.skipped {
        let (kind, field) = match skipped.reason {
            SkipReason::Missing(field) => (0, field),
            SkipReason::Malformed(field) => (1, field),
            SkipReason::Twice(field) => (2, field),
        };
        writer.raw(&[skipped.line as u32, (skipped.line >> 32) as u32, kind, field as u32]);
        writer.text(&skipped.package);
    }
    let body = writer.bytes;
    let mut bytes = Vec::with_capacity(body.len() + 24);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&Index::FORMAT.to_le_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    bytes.extend_from_slice(&checksum(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

pub(super) fn from_bytes(bytes: &[u8]) -> Result<Index, StoredError> {
    let bad = |reason| StoredError { reason };
    let (head, body) = bytes.split_at_checked(24).ok_or(bad("it is too short"))?;
    if &head[..8] != MAGIC {
        return Err(bad("it is something else"));
    }
    if head[8..12] != Index::FORMAT.to_le_bytes() || head[12..16] != [0; 4] {
        return Err(bad("it has another format number"));
    }
    if head[16..24] != checksum(body).to_le_bytes() {
        return Err(bad("its checksum is wrong"));
    }
    let mut reader = Reader { rest: body };
    let index = reader.index().ok_or(bad("it ends early"))?;
    if !reader.rest.is_empty() {
        return Err(bad("it goes on behind its end"));
    }
    check(&index).ok_or(bad("a number in it points nowhere"))?;
    Ok(index)
}

/// Tells damage from sound bytes; four lanes, because one multiplication must not wait for the one before it.
fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1u64, 2, 3, 4];
    let mut chunks = bytes.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            let mut array = [0; 8];
            array.copy_from_slice(word);
            *lane = (*lane ^ u64::from_le_bytes(array)).wrapping_mul(FACTOR).rotate_left(29);
        }
    }
    let mut sum = bytes.len() as u64;
    for byte in chunks.remainder() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(FACTOR).rotate_left(29);
    }
    lanes.iter().fold(sum, |sum, lane| (sum ^ lane).wrapping_mul(FACTOR).rotate_left(31))
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn word(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
    }

    fn raw(&mut self, words: &[u32]) {
        words.iter().for_each(|&word| self.word(word));
    }

    fn words(&mut self, words: &[u32]) {
        self.word(words.len() as u32);
        self.raw(words);
    }

    fn text(&mut self, text: &str) {
        self.word(text.len() as u32);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &Texts) {
        self.text(&texts.bytes);
        self.words(&texts.ends);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }

    fn word(&mut self) -> Option<u32> {
        self.take(4).map(word)
    }

    /// A table of entries of `N` words each.
    fn table<const N: usize>(&mut self) -> Option<impl Iterator<Item = [u32; N]> + use<'a, N>> {
        let length = self.word()? as usize;
        let bytes = self.take(length.checked_mul(4 * N)?)?;
        Some(bytes.chunks_exact(4 * N).map(|entry| std::array::from_fn(|at| word(&entry[4 * at..4 * at + 4]))))
    }

    fn words(&mut self) -> Option<Vec<u32>> {
        Some(self.table::<1>()?.map(|[word]| word).collect())
    }

    fn text(&mut self) -> Option<String> {
        let length = self.word()? as usize;
        std::str::from_utf8(self.take(length)?).ok().map(str::to_owned)
    }

    fn texts(&mut self) -> Option<Texts> {
        Some(Texts { bytes: self.text()?, ends: self.words()? })
    }

    fn grouped(&mut self) -> Option<Grouped> {
        Some(Grouped { starts: self.words()?, items: self.words()? })
    }

    fn index(&mut self) -> Option<Index> {
        let names = self.texts()?;
        let lookup = Lookup { seed: self.word()?, slots: self.words()? };
        let texts = self.texts()?;
        let architectures = self.text()?.split(' ').filter(|name| !name.is_empty()).map(Architecture::parse).collect::<Option<Vec<_>>>()?;
        let mentions =
            self.table::<4>()?.map(|[all, own, fresh, fresh_architecture]| Mention { all, own, fresh, fresh_architecture }).collect();
        let other_mentions = self.table::<3>()?.collect();
        let records = self.table::<23>()?.map(record).collect();
        let relations = self.table::<3>()?.map(|[name, version, bits]| Link { name, version, bits }).collect();
        let (by_name, by_provided) = (self.grouped()?, self.grouped()?);
        let base = self.words()?;
        let mut skipped = Vec::new();
        for _ in 0..self.word()? {
            let line = u64::from(self.word()?) | u64::from(self.word()?) << 32;
            let kind = self.word()?;
            let number = self.word()?;
            let field = *Field::ALL.get(number as usize)?;
            let reason = match kind {
                0 => SkipReason::Missing(field),
                1 => SkipReason::Malformed(field),
                2 => SkipReason::Twice(field),
                _ => return None,
            };
            skipped.push(Skipped { line, package: self.text()?, reason });
        }
        Some(Index {
            names,
            lookup,
            texts,
            architectures,
            mentions,
            other_mentions,
            records,
            relations,
            by_name,
            by_provided,
            base,
            skipped,
        })
    }
}

fn word(bytes: &[u8]) -> u32 {
    let mut array = [0; 4];
    array.copy_from_slice(bytes);
    u32::from_le_bytes(array)
}

fn record(words: [u32; 23]) -> Record {
    let [
        name,
        version,
        architecture,
        source,
        source_version,
        path,
        low,
        high,
        installed_size,
        flags,
        relations,
        counts @ ..,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
    ] = words;
    let count = |at: usize| (counts[at / 2] >> (16 * (at % 2))) as u16;
    let mut sha256 = [0; 32];
    for (bytes, word) in sha256.chunks_exact_mut(4).zip(&words[15..]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Record {
        name,
        version,
        architecture,
        source,
        source_version,
        path,
        size: u64::from(low) | u64::from(high) << 32,
        installed_size,
        flags,
        relations,
        counts: std::array::from_fn(count),
        sha256,
    }
}

/// Every number that is used as a place must be one.
fn check(index: &Index) -> Option<()> {
    let names = index.names.len();
    let texts = index.texts.len();
    let architectures = index.architectures.len();
    let records = index.records.len();
    let relations = index.relations.len();
    let name = |id: u32| (id as usize) < names;
    let text = |id: u32| (id as usize) < texts;
    let text_or_none = |id: u32| id == NONE || text(id);
    let architecture = |id: u32| (id as usize) < architectures;
    let grouped = |grouped: &Grouped| {
        grouped.starts.len() == names + 1
            && grouped.starts.is_sorted()
            && grouped.starts[names] as usize == grouped.items.len()
            && grouped.items.iter().all(|&id| (id as usize) < records)
    };
    let sound = index.names.is_sound()
        && index.texts.is_sound()
        && index.lookup.is_sound(&index.names)
        && index.mentions.len() == names
        && index.mentions.iter().all(|m| m.fresh_architecture == NONE || architecture(m.fresh_architecture))
        && index.other_mentions.iter().all(|&[n, a, _]| name(n) && architecture(a))
        && index.records.iter().all(|r| {
            let count: usize = r.counts.iter().map(|&count| usize::from(count)).sum();
            name(r.name)
                && text(r.version)
                && architecture(r.architecture)
                && text_or_none(r.source)
                && text_or_none(r.source_version)
                && text(r.path)
                && (r.relations as usize).checked_add(count).is_some_and(|end| end <= relations)
        })
        && index.relations.iter().all(|&link| {
            name(link.name)
                && text_or_none(link.version)
                && match link.qualifier() {
                    Qualifier::Architecture(id) => architecture(id),
                    _ => true,
                }
        })
        && grouped(&index.by_name)
        && grouped(&index.by_provided)
        && index.base.iter().all(|&id| (id as usize) < records);
    sound.then_some(())
}
