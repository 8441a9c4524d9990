//! The canonical text: one writer decides every byte.

use super::factor::Block;
use super::reference::{NameIndex, Reference};
use super::steering::{Steering, with_bracket};
use super::{DEFAULT_POOL, HEADER, Id, ImagePart, Lockfile, RepoPart, VERSION};
use crate::pkg::{Architecture, Glob, Hold, RepoSteering, Trust, Variant};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// One image list: each reference with the architectures on which it holds.
type Entries = BTreeMap<Reference, BTreeSet<Architecture>>;

impl Lockfile {
    /// The canonical text, the same for every equal lockfile.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(4096 + 160 * self.cells.len());
        self.write(&mut out).expect("writing to a string does not fail");
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let steering = &self.steering;
        writeln!(out, "{HEADER}\nversion = {VERSION}\necosystem = {}", Quoted(steering.ecosystem.as_str()))?;
        write_list(out, "foreign-arches", &steering.foreign_arches, &[])?;
        write_list(out, "accelerate", &steering.accelerate, &Steering::default_accelerate())?;
        if !self.ids.is_empty() {
            writeln!(out, "\n[ids]")?;
        }
        for (name, id) in &self.ids {
            writeln!(out, "{}", id_line(name, *id))?;
        }
        for hold in &steering.holds {
            write_hold(out, hold)?;
        }
        for (name, repo) in &steering.repos {
            write_repo(out, name, repo, self.pool(name))?;
        }
        for pins in self.cells.chunk_by(|a, b| (&a.source, &a.source_version, &a.repo) == (&b.source, &b.source_version, &b.repo)) {
            write_block(out, &Block::of(pins, self.pool(&pins[0].repo)))?;
        }
        let names = NameIndex::new(&self.cells);
        for (name, image) in &steering.images {
            self.write_image(out, name, image, &names)?;
        }
        for (host, set) in &self.accelerators {
            let entries = set.iter().map(|&cell| names.reference(cell, host).to_string()).collect();
            writeln!(out, "\n[accelerators.{host}]")?;
            write_lines(out, "packages", entries)?;
        }
        Ok(())
    }

    fn write_image(&self, out: &mut String, name: &str, image: &ImagePart, names: &NameIndex<'_>) -> fmt::Result {
        writeln!(out, "\n[image.{}]", Key(name))?;
        write_array(out, "arches", &image.arches)?;
        if let Some(extends) = &image.extends {
            writeln!(out, "extends = {}", Quoted(extends))?;
        }
        if image.steering.variant != Variant::default() {
            writeln!(out, "variant = {}", Quoted(image.steering.variant.as_str()))?;
        }
        if image.steering.recommends {
            writeln!(out, "recommends = true")?;
        }
        write_list(out, "exclude", &image.steering.exclude, &[])?;
        write_lines(out, "roots", image.roots.iter().map(|(request, on)| with_bracket(request, on.as_deref())).collect())?;

        let (mut packages, mut without) = (Entries::new(), Entries::new());
        for architecture in &image.arches {
            let set = |image: &str| self.sets.get(&(image.to_owned(), architecture.clone())).map_or(&[][..], Vec::as_slice);
            let own: BTreeSet<u32> = set(name).iter().copied().collect();
            let base: BTreeSet<u32> = image.extends.as_deref().map(set).unwrap_or_default().iter().copied().collect();
            for cell in own.difference(&base) {
                packages.entry(names.reference(*cell, architecture)).or_default().insert(architecture.clone());
            }
            for cell in base.difference(&own) {
                without.entry(names.reference(*cell, architecture)).or_default().insert(architecture.clone());
            }
        }
        write_lines(out, "packages", written_entries(packages, image))?;
        if !without.is_empty() {
            write_lines(out, "without", written_entries(without, image))?;
        }
        Ok(())
    }
}

fn written_entries(entries: Entries, image: &ImagePart) -> Vec<String> {
    let write = |(reference, on): (Reference, BTreeSet<Architecture>)| {
        let on = (on.len() < image.arches.len()).then(|| on.into_iter().collect::<Vec<_>>());
        with_bracket(&reference.to_string(), on.as_deref())
    };
    entries.into_iter().map(write).collect()
}

/// The line of `[ids]` for a name, without the line break.
pub fn id_line(name: &str, id: Id) -> String {
    let fields: Vec<String> =
        [("uid", id.uid), ("gid", id.gid)].iter().filter_map(|(key, number)| Some(format!("{key} = {}", (*number)?))).collect();
    format!("{} = {{ {} }}", Key(name), fields.join(", "))
}

fn write_hold(out: &mut String, hold: &Hold) -> fmt::Result {
    writeln!(out, "\n[[hold]]\npackage = {}\nversion = {}", Quoted(hold.package.as_str()), Quoted(hold.version.as_str()))?;
    if let Some(reason) = &hold.reason {
        writeln!(out, "reason = {}", Quoted(reason))?;
    }
    match &hold.until {
        None => Ok(()),
        Some(until) => writeln!(out, "until = {until}"),
    }
}

fn write_repo(out: &mut String, name: &str, repo: &RepoPart, pool: &str) -> fmt::Result {
    let steering = &repo.steering;
    writeln!(out, "\n[repo.{}]", Key(name))?;
    if let Some(archive) = &steering.archive {
        writeln!(out, "archive = {}", Quoted(archive))?;
    }
    write_array(out, "suites", &steering.suites)?;
    write_list(out, "components", &steering.components, &[])?;
    write_list(out, "only", &steering.only, &[])?;
    write_list(out, "exclude", &steering.exclude, &[])?;
    if steering.priority != RepoSteering::DEFAULT_PRIORITY {
        writeln!(out, "priority = {}", steering.priority)?;
    }
    if steering.trust != Trust::default() {
        writeln!(out, "trust = {}", Quoted(steering.trust.as_str()))?;
    }
    write_list(out, "signed-by", &repo.signed_by, &[])?;
    if pool == DEFAULT_POOL { Ok(()) } else { writeln!(out, "pool = {}", Quoted(pool)) }
}

fn write_block(out: &mut String, block: &Block<'_>) -> fmt::Result {
    writeln!(out, "\n[[source]]\nname = {}\nversion = {}\nrepo = {}", Quoted(block.name), Quoted(block.version), Quoted(block.repo))?;
    if let Some(pool) = block.pool {
        writeln!(out, "pool = {}", Quoted(pool))?;
    }
    if !block.binnmu.is_empty() {
        let numbers: Vec<String> = block.binnmu.iter().map(|(arch, number)| format!("{arch} = {number}")).collect();
        writeln!(out, "binnmu = {{ {} }}", numbers.join(", "))?;
    }
    for (key, binary) in &block.binaries {
        write!(out, "bin.{} = {{ ", Key(key))?;
        if let Some(version) = binary.version {
            write!(out, "version = {}, ", Quoted(version))?;
        }
        for (at, (arch, cell)) in binary.cells.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(out, "{comma}{arch} = \"{} {}", cell.pin.sha256, cell.pin.size)?;
            if let Some(version) = cell.version {
                write!(out, " {version}")?;
            }
            out.push('"');
        }
        if !binary.paths.is_empty() {
            let paths: Vec<String> = binary.paths.iter().map(|(arch, path)| format!("{arch} = {}", Quoted(path))).collect();
            write!(out, ", path = {{ {} }}", paths.join(", "))?;
        }
        writeln!(out, " }}")?;
    }
    Ok(())
}

/// What an array of a manifest key holds.
trait Word {
    fn word(&self) -> &str;
}

impl Word for String {
    fn word(&self) -> &str {
        self
    }
}

impl Word for Glob {
    fn word(&self) -> &str {
        self.as_str()
    }
}

impl Word for Architecture {
    fn word(&self) -> &str {
        self.deb_name()
    }
}

/// A one-line array, left out where it is the default.
fn write_list<T: Word + PartialEq>(out: &mut String, key: &str, items: &[T], default: &[T]) -> fmt::Result {
    if items == default { Ok(()) } else { write_array(out, key, items) }
}

/// A one-line array.
fn write_array<T: Word>(out: &mut String, key: &str, items: &[T]) -> fmt::Result {
    let items: Vec<String> = items.iter().map(|item| Quoted(item.word()).to_string()).collect();
    writeln!(out, "{key} = [{}]", items.join(", "))
}

/// An array with one entry a line, sorted.
fn write_lines(out: &mut String, key: &str, mut entries: Vec<String>) -> fmt::Result {
    if entries.is_empty() {
        return writeln!(out, "{key} = []");
    }
    entries.sort_unstable();
    writeln!(out, "{key} = [")?;
    for entry in &entries {
        writeln!(out, "  {},", Quoted(entry))?;
    }
    writeln!(out, "]")
}

/// A TOML key: bare where it may be.
struct Key<'a>(&'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = !self.0.is_empty() && self.0.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if bare { f.write_str(self.0) } else { write!(f, "{}", Quoted(self.0)) }
    }
}

/// A TOML basic string.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                c if c.is_control() && u32::from(c) < 0x80 => write!(f, "\\u{:04X}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_toml_reads() {
        for text in ["", "plain", "a.b", "tab\tnewline\n\"quote\"\\", "\u{1}\u{7f}\u{85}é"] {
            let document = format!("{} = {}", Key(text), Quoted(text));
            let table = toml_edit::Document::parse(document.as_str()).unwrap_or_else(|e| panic!("{document}: {e}"));
            assert_eq!(table.get(text).and_then(toml_edit::Item::as_str), Some(text), "{document}");
        }
    }

    #[test]
    fn leaves_bare_keys_bare() {
        assert_eq!(Key("libssl3t64").to_string(), "libssl3t64");
        assert_eq!(Key("libstdc++6").to_string(), "\"libstdc++6\"");
        assert_eq!(Key("").to_string(), "\"\"");
    }
}
