//! Reads `Packages` text into an [`Index`], one stanza at a time, while another thread decompresses.

mod stanza;

use super::names::{Interner, Lookup, NONE};
use super::packages::*;
use crate::pkg::{Architecture, Comparison, DebVersion, MultiArch, is_deb_name, version::without_epoch};
use stanza::Stanza;
use std::io::Read;
use std::sync::mpsc;

/// Large enough that handing over costs nothing, small enough that the parser starts at once.
const BLOCK: usize = 512 << 10;

/// Skipped stanzas beyond this are only not listed.
const MOST_SKIPPED: usize = 1000;

pub(super) fn parse(mut reader: impl Read + Send, limits: &Limits) -> Result<Index, Error> {
    std::thread::scope(|scope| {
        let (full_sender, full) = mpsc::sync_channel::<std::io::Result<Vec<u8>>>(4);
        let (empty, empty_receiver) = mpsc::channel::<Vec<u8>>();
        let read = move || {
            loop {
                let mut block = empty_receiver.try_recv().unwrap_or_default();
                let result = fill(&mut reader, &mut block);
                let end = !matches!(result, Ok(count) if count > 0);
                if full_sender.send(result.map(|_| block)).is_err() || end {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("index".into()).spawn_scoped(scope, read)?;
        let mut text = Text::new(limits);
        for block in full {
            let block = block?;
            text.feed(&block)?;
            // The reader may be gone already; then the block is simply dropped.
            let _ = empty.send(block);
        }
        text.finish()
    })
}

/// Reads a block, shorter only at the end of the text.
fn fill(reader: &mut impl Read, block: &mut Vec<u8>) -> std::io::Result<usize> {
    // A block that is used again has its length already, and nothing is cleared.
    block.resize(BLOCK, 0);
    let mut filled = 0;
    while filled < BLOCK {
        match reader.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    block.truncate(filled);
    Ok(filled)
}

/// The text as far as it has come, cut into stanzas.
struct Text<'l> {
    builder: Builder<'l>,
    pending: Vec<u8>,
    line: u64,
    bytes: u64,
}

impl<'l> Text<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { builder: Builder::new(limits), pending: Vec::with_capacity(2 * BLOCK), line: 1, bytes: 0 }
    }

    fn feed(&mut self, block: &[u8]) -> Result<(), Error> {
        let limits = self.builder.limits;
        self.bytes += block.len() as u64;
        if self.bytes > limits.bytes {
            return Err(Error::Limit { line: self.line, what: "bytes", limit: limits.bytes });
        }
        self.pending.extend_from_slice(block);
        let used = self.stanzas(false)?;
        self.pending.drain(..used);
        if self.pending.len() > limits.stanza {
            return Err(Error::Limit { line: self.line, what: "bytes in one stanza", limit: limits.stanza as u64 });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Index, Error> {
        self.stanzas(true)?;
        self.builder.finish()
    }

    /// Takes whole stanzas off the pending text; returns how many bytes they were.
    fn stanzas(&mut self, last: bool) -> Result<usize, Error> {
        let text = std::mem::take(&mut self.pending);
        let mut used = 0;
        let mut at = 0;
        let mut stanza = Stanza::new(self.line);
        let mut line = self.line;
        while at < text.len() {
            let end = match memchr::memchr(b'\n', &text[at..]) {
                Some(length) => at + length,
                None if last => text.len(),
                None => break,
            };
            let content = &text[at..end];
            at = (end + 1).min(text.len());
            line += 1;
            if content.iter().all(u8::is_ascii_whitespace) {
                if !stanza.is_empty() {
                    self.builder.add(&stanza)?;
                }
                (used, self.line) = (at, line);
                stanza = Stanza::new(line);
            } else {
                stanza.line(&text, content, end, line - 1)?;
            }
        }
        if last && !stanza.is_empty() {
            self.builder.add(&stanza)?;
        }
        self.pending = text;
        Ok(used)
    }
}

/// Pool path as every Debian archive lays it out below `directory` (`pool/main`).
pub(super) fn derived_path(directory: &str, source: &str, name: &str, version: &str, architecture: &Architecture) -> String {
    let prefix = if source.starts_with("lib") { source.get(..4) } else { source.get(..1) }.unwrap_or(source);
    format!("{directory}/{prefix}/{source}/{name}_{}_{architecture}.deb", without_epoch(version))
}

/// Collects stanzas into the tables of an [`Index`].
struct Builder<'l> {
    limits: &'l Limits,
    names: Interner,
    texts: Interner,
    architectures: Vec<Architecture>,
    mentions: Vec<Mention>,
    other_mentions: Vec<[u32; 3]>,
    position: u32,
    records: Vec<Record>,
    relations: Vec<Link>,
    base: Vec<u32>,
    skipped: Vec<Skipped>,
}

impl<'l> Builder<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            names: Interner::default(),
            texts: Interner::default(),
            architectures: Architecture::parse("all").into_iter().collect(),
            mentions: Vec::new(),
            other_mentions: Vec::new(),
            position: 0,
            records: Vec::new(),
            relations: Vec::new(),
            base: Vec::new(),
            skipped: Vec::new(),
        }
    }

    fn add(&mut self, stanza: &Stanza<'_>) -> Result<(), Error> {
        let line = stanza.first_line;
        let name = stanza.get(Field::Package).map(trimmed).ok_or(Error::NoPackage { line })?;
        match self.record(stanza, name)? {
            Ok(record) => {
                if self.records.len() >= self.limits.packages {
                    return Err(Error::Limit { line, what: "packages", limit: self.limits.packages as u64 });
                }
                let priority = Priority::ALL[(record.flags >> SHIFT_PRIORITY & 7) as usize];
                if record.flags & FLAG_ESSENTIAL != 0 || (Priority::Required..=Priority::Standard).contains(&priority) {
                    self.base.push(self.records.len() as u32);
                }
                self.records.push(record);
            }
            Err(reason) => {
                if self.skipped.len() < MOST_SKIPPED {
                    let package = name.chars().take(80).collect();
                    self.skipped.push(Skipped { line, package, reason });
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, stanza: &Stanza<'_>, name: &str) -> Result<Result<Record, SkipReason>, Error> {
        macro_rules! skip {
            ($reason:expr) => {
                return Ok(Err($reason))
            };
        }
        if let Some(field) = stanza.twice {
            skip!(SkipReason::Twice(field));
        }
        let text = |field| stanza.get(field).map(trimmed).filter(|value| !value.is_empty());
        if !is_deb_name(name) || name.len() > 255 {
            skip!(SkipReason::Malformed(Field::Package));
        }
        let Some(version) = text(Field::Version) else { skip!(SkipReason::Missing(Field::Version)) };
        if version.len() > 255 || version.parse::<DebVersion>().is_err() {
            skip!(SkipReason::Malformed(Field::Version));
        }
        let Some(architecture) = text(Field::Architecture) else { skip!(SkipReason::Missing(Field::Architecture)) };
        let Some(architecture) = self.architecture(architecture) else { skip!(SkipReason::Malformed(Field::Architecture)) };

        let name_id = self.name(name);
        let of_all = self.architectures[architecture as usize].is_independent();
        let multi_arch = text(Field::MultiArch).and_then(MultiArch::parse).unwrap_or_default();
        let owner = Owner { architecture, of_all, multi_arch };
        self.mention(name_id, owner);

        let first = self.relations.len();
        let mut counts = [0u16; 7];
        // apt's reading order: it decides the package IDs.
        for field in [
            Field::PreDepends,
            Field::Depends,
            Field::Conflicts,
            Field::Breaks,
            Field::Recommends,
            Field::Suggests,
            Field::Replaces,
            Field::Enhances,
            Field::Provides,
        ] {
            let Some(value) = stanza.get(field) else { continue };
            let before = self.relations.len();
            self.field(field, value, owner).map_err(|text| Error::Relation {
                line: stanza.first_line,
                package: name.to_owned(),
                field,
                text: String::from_utf8_lossy(&text[..text.len().min(80)]).trim().to_owned(),
            })?;
            match Field::RELATIONS.iter().position(|&kept| kept == field) {
                None => self.relations.truncate(before),
                Some(at) => {
                    let count = self.relations.len() - before;
                    counts[at] = u16::try_from(count).map_err(|_| Error::Limit {
                        line: stanza.first_line,
                        what: "relations in one field",
                        limit: u16::MAX.into(),
                    })?;
                }
            }
        }
        if self.relations.len() > self.limits.relations {
            return Err(Error::Limit { line: stanza.first_line, what: "relations", limit: self.limits.relations as u64 });
        }
        // Replaces was read before Provides, but is stored behind it.
        let [.., provides, replaces] = counts;
        let end = self.relations.len();
        self.relations[end - usize::from(provides) - usize::from(replaces)..].rotate_left(replaces.into());

        let result = self.file(stanza, name, version, architecture);
        let (path, derived, size, sha256, source, source_version) = match result {
            Ok(file) => file,
            Err(reason) => {
                self.relations.truncate(first);
                skip!(reason)
            }
        };
        let yes = |field| text(field) == Some("yes");
        let priority = match text(Field::Priority) {
            None => Priority::Missing,
            Some(word) => ["required", "important", "standard", "optional"]
                .iter()
                .position(|known| known.eq_ignore_ascii_case(word))
                .map_or(Priority::Extra, |at| Priority::ALL[at + 1]),
        };
        let mut flags = (multi_arch as u32) << SHIFT_MULTI_ARCH | (priority as u32) << SHIFT_PRIORITY;
        if yes(Field::Essential) {
            flags |= FLAG_ESSENTIAL;
        }
        if yes(Field::Important) || yes(Field::Protected) {
            flags |= FLAG_IMPORTANT;
        }
        if derived {
            flags |= FLAG_DERIVED_PATH;
        }
        Ok(Ok(Record {
            name: name_id,
            version: self.texts.intern(version),
            architecture,
            source,
            source_version,
            path,
            size,
            installed_size: text(Field::InstalledSize).and_then(|value| value.parse().ok()).unwrap_or(0),
            flags,
            relations: first as u32,
            counts,
            sha256,
        }))
    }

    /// Where the package file lies and what its bytes are; where it comes from.
    #[allow(clippy::type_complexity)]
    fn file(
        &mut self,
        stanza: &Stanza<'_>,
        name: &str,
        version: &str,
        architecture: u32,
    ) -> Result<(u32, bool, u64, [u8; 32], u32, u32), SkipReason> {
        let text = |field| stanza.get(field).map(trimmed).filter(|value| !value.is_empty()).ok_or(SkipReason::Missing(field));
        let path = text(Field::Filename)?;
        let relative = path.strip_prefix("./").unwrap_or(path);
        let clean = relative.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !clean || path.len() > 4096 || path.bytes().any(|byte| byte.is_ascii_control() || byte.is_ascii_whitespace()) {
            return Err(SkipReason::Malformed(Field::Filename));
        }
        let size = text(Field::Size)?.parse().map_err(|_| SkipReason::Malformed(Field::Size))?;
        let sha256: crate::pkg::Sha256 =
            text(Field::Sha256)?.to_ascii_lowercase().parse().map_err(|_| SkipReason::Malformed(Field::Sha256))?;
        let (source, source_version) = match text(Field::Source) {
            Err(_) => (name, version),
            Ok(value) => match value.split_once('(') {
                None => (value, version),
                Some((source, rest)) => (source.trim_end(), rest.split_once(')').map_or(version, |(inner, _)| inner.trim())),
            },
        };
        if !is_deb_name(source) || source_version.parse::<DebVersion>().is_err() {
            return Err(SkipReason::Malformed(Field::Source));
        }
        let directory = {
            // The directory is whatever stands in front of the derivable part; compare from the end.
            let tail = derived_path("", source, name, version, &self.architectures[architecture as usize]);
            path.strip_suffix(tail.as_str())
        };
        let derived = directory.is_some();
        let path = self.texts.intern(directory.unwrap_or(path));
        let source_id = if source == name { NONE } else { self.texts.intern(source) };
        let source_version_id = if source_version == version { NONE } else { self.texts.intern(source_version) };
        Ok((path, derived, size, sha256.0, source_id, source_version_id))
    }

    fn architecture(&mut self, text: &str) -> Option<u32> {
        if let Some(at) = self.architectures.iter().position(|known| known.deb_name() == text) {
            return Some(at as u32);
        }
        let architecture = Architecture::parse(text)?;
        // A file has a handful of architectures; hundreds are an attack.
        if self.architectures.len() >= 255 {
            return None;
        }
        self.architectures.push(architecture);
        Some(self.architectures.len() as u32 - 1)
    }

    fn name(&mut self, name: &str) -> u32 {
        let id = self.names.intern(name);
        if id as usize == self.mentions.len() {
            self.mentions.push(Mention::NEVER);
        }
        id
    }

    fn next_position(&mut self) -> u32 {
        self.position += 1;
        self.position
    }

    /// Notes that apt would now create the package for the owner's architecture.
    fn mention(&mut self, name: u32, owner: Owner) {
        let position = self.next_position();
        let mention = &mut self.mentions[name as usize];
        let place = match (owner.of_all, owner.architecture) {
            (true, _) => &mut mention.all,
            (false, OWN) => &mut mention.own,
            (false, other) => {
                self.other_mentions.push([name, other, position]);
                return;
            }
        };
        if *place == NONE {
            *place = position;
        }
    }

    /// Notes that apt would now create the package, were it the first time that the name comes up at all.
    fn mention_fresh(&mut self, name: u32, architecture: u32) {
        let position = self.next_position();
        let mention = &mut self.mentions[name as usize];
        if *mention == Mention::NEVER {
            (mention.fresh, mention.fresh_architecture) = (position, architecture);
        }
    }

    /// Reads a relation field; fails with the text of the alternative that is malformed.
    fn field<'t>(&mut self, field: Field, text: &'t [u8], owner: Owner) -> Result<(), &'t [u8]> {
        for group in text.split(|&byte| byte == b',') {
            if group.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let mut rest = group;
            loop {
                let (alternative, more) = match memchr::memchr(b'|', rest) {
                    None => (rest, None),
                    Some(bar) => (&rest[..bar], Some(&rest[bar + 1..])),
                };
                self.alternative(field, alternative, more.is_some(), owner).ok_or(alternative)?;
                match more {
                    None => break,
                    Some(more) => rest = more,
                }
            }
        }
        Ok(())
    }

    fn alternative(&mut self, field: Field, text: &[u8], or: bool, owner: Owner) -> Option<()> {
        let text = std::str::from_utf8(text).ok()?.trim_ascii();
        let (head, version) = match text.find('(') {
            None => (text, None),
            Some(open) => {
                let inner = text[open + 1..].strip_suffix(')')?.trim_ascii();
                let (comparison, version) = comparison(inner)?;
                let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.~:_".contains(&byte);
                if version.is_empty() || version.len() > 255 || !version.bytes().all(legal) {
                    return None;
                }
                (text[..open].trim_ascii_end(), Some((comparison, version)))
            }
        };
        let (name, qualifier) = match head.split_once(':') {
            None => (head, None),
            Some((name, qualifier)) => (name, Some(qualifier)),
        };
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        if name.is_empty() || name.len() > 255 || !name.bytes().all(legal) {
            return None;
        }
        let name = self.name(name);
        let bits = match qualifier {
            None => 0,
            Some("any") => QUALIFIER_ANY,
            Some("native") => QUALIFIER_NATIVE,
            Some(architecture) => self.architecture(architecture)? + QUALIFIER_ARCHITECTURES,
        };
        self.mention_target(field, name, bits, owner);
        // apt ignores a Provides with anything but `=`.
        if field == Field::Provides && version.is_some_and(|(comparison, _)| comparison != Comparison::Equal) {
            return Some(());
        }
        let (comparison, version) = match version {
            None => (0, NONE),
            Some((comparison, version)) => (comparison as u32, self.texts.intern(version)),
        };
        let or = if or && field != Field::Provides { LINK_OR } else { 0 };
        self.relations.push(Link { name, version, bits: comparison | or | bits << LINK_SHIFT_QUALIFIER });
        Some(())
    }

    /// Which package apt would create for a relation's target.
    fn mention_target(&mut self, field: Field, name: u32, qualifier: u32, owner: Owner) {
        match qualifier {
            // `foo:any` is a name of its own to apt.
            QUALIFIER_ANY => {}
            QUALIFIER_NATIVE => self.mention(name, Owner { of_all: true, ..owner }),
            0 => {
                let own = if owner.of_all { NONE } else { owner.architecture };
                match field {
                    Field::Conflicts | Field::Breaks | Field::Replaces => self.mention_fresh(name, own),
                    Field::Provides if owner.multi_arch == MultiArch::Foreign => self.mention_fresh(name, NONE),
                    _ => self.mention(name, owner),
                }
            }
            other => self.mention(name, Owner { architecture: other - QUALIFIER_ARCHITECTURES, of_all: false, ..owner }),
        }
    }

    fn finish(self) -> Result<Index, Error> {
        let names = self.names.texts;
        let lookup = Lookup::build(&names).ok_or(Error::Collisions)?;
        let mut other_mentions = self.other_mentions;
        other_mentions.sort_unstable();
        other_mentions.dedup_by_key(|entry| (entry[0], entry[1]));
        let mut index = Index {
            lookup,
            texts: self.texts.texts,
            architectures: self.architectures,
            mentions: self.mentions,
            other_mentions,
            records: self.records,
            relations: self.relations,
            by_name: Grouped::default(),
            by_provided: Grouped::default(),
            base: self.base,
            skipped: self.skipped,
            names,
        };
        index.by_name = Grouped::new(index.names.len(), index.records.iter().enumerate().map(|(id, record)| (record.name, id as u32)));
        let provided = (0..index.records.len() as u32).map(|id| index.record(id)).flat_map(|package| {
            let id = package.id();
            package.links(Field::Provides).iter().map(move |link| (link.name, id))
        });
        index.by_provided = Grouped::new(index.names.len(), provided);
        Ok(index)
    }
}

/// What apt's package IDs depend on in the stanza that mentions a name.
#[derive(Clone, Copy)]
struct Owner {
    architecture: u32,
    of_all: bool,
    multi_arch: MultiArch,
}

fn comparison(text: &str) -> Option<(Comparison, &str)> {
    let (comparison, length) = match text.as_bytes() {
        [b'>', b'=', ..] => (Comparison::LaterOrEqual, 2),
        [b'<', b'<', ..] => (Comparison::Earlier, 2),
        [b'<', b'=', ..] => (Comparison::EarlierOrEqual, 2),
        [b'>', b'>', ..] => (Comparison::Later, 2),
        [b'=', ..] => (Comparison::Equal, 1),
        // As dpkg and apt read the single signs.
        [b'<', ..] => (Comparison::EarlierOrEqual, 1),
        [b'>', ..] => (Comparison::LaterOrEqual, 1),
        _ => return None,
    };
    Some((comparison, text[length..].trim_ascii_start()))
}

/// A value without the white space around it; bytes that are no UTF-8 make it empty.
fn trimmed(value: &[u8]) -> &str {
    std::str::from_utf8(value.trim_ascii()).unwrap_or("")
}

#[cfg(test)]
mod tests;
