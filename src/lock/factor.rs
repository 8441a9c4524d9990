//! How the pins of one source package are said in the fewest words, and what those words mean.

use super::DEFAULT_POOL;
use crate::pkg::{Architecture, Pin, version};
use std::collections::BTreeMap;

/// Tells whether `name` can name a binary or source package in a lockfile.
///
/// Wider than policy: vendors have upper case and underscores. Narrow enough that names need no escaping in references
/// and paths.
pub(super) fn is_package_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
}

/// Tells whether `path` is relative and stays below its base.
pub(super) fn is_clean_path(path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains(|c: char| c.is_control())
}

/// Where an archive keeps a source package's files: `pool/main` + `o/openssl`.
fn directory(source: &str) -> String {
    let length = if source.starts_with("lib") { 4 } else { 1 };
    let prefix = source.get(..length).unwrap_or(source);
    format!("{prefix}/{source}")
}

/// The path of a package file that lies where an archive's pool has it.
pub(super) fn derived_path(pool: &str, source: &str, name: &str, full_version: &str, architecture: &Architecture) -> String {
    format!("{pool}/{}/{name}_{}_{architecture}.deb", directory(source), version::without_epoch(full_version))
}

/// The pool directory from which `pin`'s path can be derived, if there is one.
pub(super) fn pool_of(pin: &Pin) -> Option<&str> {
    let tail = derived_path("", &pin.source, &pin.name, &pin.version, &pin.architecture);
    pin.path.strip_suffix(&tail).filter(|pool| is_clean_path(pool))
}

/// The pool directory of a repository: the one it had, while anything lies there; else the one most of its blocks use.
///
/// Keeping the old one makes the choice independent of unrelated packages: it moves only when the last package has left.
pub(super) fn choose_pool(cells: &[Pin], repo: &str, old: Option<&str>) -> String {
    let mut blocks: BTreeMap<&str, std::collections::BTreeSet<(&str, &str)>> = BTreeMap::new();
    for pin in cells.iter().filter(|pin| pin.repo == repo) {
        if let Some(pool) = pool_of(pin) {
            blocks.entry(pool).or_default().insert((&pin.source, &pin.source_version));
        }
    }
    match old {
        Some(old) if blocks.is_empty() || blocks.contains_key(old) => old.to_owned(),
        _ => most_common(blocks.iter().map(|(pool, blocks)| (*pool, blocks.len()))).unwrap_or(DEFAULT_POOL).to_owned(),
    }
}

/// The item with the highest count; of several, the first.
fn most_common<T>(counts: impl IntoIterator<Item = (T, usize)>) -> Option<T> {
    let mut best: Option<(T, usize)> = None;
    for (item, count) in counts {
        if best.as_ref().is_none_or(|(_, most)| count > *most) {
            best = Some((item, count));
        }
    }
    best.map(|(item, _)| item)
}

/// A `[[source]]` block as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub repo: &'a str,
    /// Only if it differs from the repository's.
    pub pool: Option<&'a str>,
    pub binnmu: BTreeMap<&'a Architecture, u32>,
    /// By the key in the file: the binary package's name, or `name@version` (see [`Block::of`]).
    pub binaries: BTreeMap<String, Binary<'a>>,
}

/// A `bin.` line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Binary<'a> {
    /// The version without binNMU suffix, where it is not the source's.
    pub version: Option<&'a str>,
    pub cells: BTreeMap<&'a Architecture, WrittenCell<'a>>,
    pub paths: BTreeMap<&'a Architecture, &'a str>,
}

/// A cell: the pin, and its version where nothing else says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenCell<'a> {
    pub pin: &'a Pin,
    pub version: Option<&'a str>,
}

impl<'a> Block<'a> {
    /// Factors pins that have source, source version and repository in common.
    ///
    /// One block rarely has two versions of a binary package for one architecture: two binNMUs, of which different
    /// images have one each. The lowest stands under the plain name, the others under `name@version`.
    pub(super) fn of(pins: &'a [Pin], repo_pool: &str) -> Self {
        let first = &pins[0];
        let source_version = first.source_version.as_str();
        let mut plain: BTreeMap<&str, BTreeMap<&Architecture, &Pin>> = BTreeMap::new();
        let mut extra: Vec<&Pin> = Vec::new();
        for pin in pins {
            let cells = plain.entry(&pin.name).or_default();
            match cells.get_mut(&pin.architecture) {
                None => {
                    cells.insert(&pin.architecture, pin);
                }
                Some(other) if version_order(pin, other).is_lt() => extra.push(std::mem::replace(other, pin)),
                Some(_) => extra.push(pin),
            }
        }
        let binnmu = suffixes(source_version, plain.values().flat_map(BTreeMap::values).copied());
        let pool = block_pool(pins, repo_pool);
        let used_pool = pool.unwrap_or(repo_pool);
        let path = |pin: &'a Pin| (pool_of(pin) != Some(used_pool)).then_some(pin.path.as_str());

        let mut binaries: BTreeMap<String, Binary> = BTreeMap::new();
        for (name, cells) in plain {
            let stems: Vec<_> = cells.values().map(|pin| (*pin, stem(pin, &binnmu))).collect();
            let base = base_version(source_version, stems.iter().filter_map(|(_, stem)| *stem));
            let mut binary = Binary { version: (base != source_version).then_some(base), ..Binary::default() };
            for (pin, stem) in stems {
                let version = (stem != Some(base)).then_some(pin.version.as_str());
                binary.cells.insert(&pin.architecture, WrittenCell { pin, version });
                binary.paths.extend(path(pin).map(|path| (&pin.architecture, path)));
            }
            binaries.insert(name.to_owned(), binary);
        }
        for pin in extra {
            let binary = binaries.entry(format!("{}@{}", pin.name, pin.version)).or_default();
            binary.cells.insert(&pin.architecture, WrittenCell { pin, version: None });
            binary.paths.extend(path(pin).map(|path| (&pin.architecture, path)));
        }
        Self { name: &first.source, version: source_version, repo: &first.repo, pool, binnmu, binaries }
    }
}

fn version_order(left: &Pin, right: &Pin) -> std::cmp::Ordering {
    version::compare(&left.version, &right.version).then_with(|| left.version.cmp(&right.version))
}

/// Splits `1.0-1+b2` into `1.0-1` and 2.
pub(super) fn split_suffix(version: &str) -> Option<(&str, u32)> {
    let (stem, number) = version.rsplit_once("+b")?;
    let number = number.parse::<u32>().ok().filter(|n| *n > 0 && n.to_string() == number)?;
    (!stem.is_empty()).then_some((stem, number))
}

/// The binNMU number of each architecture: what most of its cells say, and of two equally common the lower.
///
/// Cells whose version is the source's with or without a suffix have a say before those of their own version line,
/// because `+b1` may be a part of the latter.
fn suffixes<'a>(source_version: &str, pins: impl Iterator<Item = &'a Pin>) -> BTreeMap<&'a Architecture, u32> {
    let mut votes: BTreeMap<&Architecture, BTreeMap<u32, (usize, usize)>> = BTreeMap::new();
    for pin in pins.filter(|pin| !pin.architecture.is_independent()) {
        let (number, strong) = if pin.version == source_version {
            (0, true)
        } else {
            match split_suffix(&pin.version) {
                Some((stem, number)) => (number, stem == source_version),
                None => (0, false),
            }
        };
        let count = votes.entry(&pin.architecture).or_default().entry(number).or_default();
        if strong { count.0 += 1 } else { count.1 += 1 }
    }
    let elect = |counts: BTreeMap<u32, (usize, usize)>| {
        let any_strong = counts.values().any(|(strong, _)| *strong > 0);
        most_common(counts.into_iter().map(|(number, (strong, weak))| (number, if any_strong { strong } else { weak })))
    };
    votes.into_iter().filter_map(|(arch, counts)| Some((arch, elect(counts)?))).filter(|(_, number)| *number > 0).collect()
}

/// What must stand as bin or source version for `pin`'s version to follow; none if it cannot follow.
fn stem<'a>(pin: &'a Pin, binnmu: &BTreeMap<&Architecture, u32>) -> Option<&'a str> {
    match binnmu.get(&pin.architecture) {
        Some(number) => split_suffix(&pin.version).filter(|(_, own)| own == number).map(|(stem, _)| stem),
        None => Some(&pin.version),
    }
}

/// The version that makes a bin line say the fewest versions; of several, the one from which most cells follow.
fn base_version<'a>(source_version: &'a str, stems: impl Iterator<Item = &'a str>) -> &'a str {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::from([(source_version, 0)]);
    for stem in stems {
        *counts.entry(stem).or_default() += 1;
    }
    let said = |(base, follow): &(&str, usize)| {
        (usize::from(*base != source_version) + counts.values().sum::<usize>() - follow, usize::MAX - follow)
    };
    counts.iter().map(|(base, follow)| (*base, *follow)).min_by_key(said).map_or(source_version, |(base, _)| base)
}

/// The pool directory of a block, if none of its paths follows from the repository's but some follow from another.
fn block_pool<'a>(pins: &'a [Pin], repo_pool: &str) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for pool in pins.iter().filter_map(pool_of) {
        *counts.entry(pool).or_default() += 1;
    }
    if counts.contains_key(repo_pool) { None } else { most_common(counts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_names_and_paths() {
        for name in ["a", "libstdc++6", "0ad", "Vendor_Tool"] {
            assert!(is_package_name(name), "{name:?}");
        }
        for name in ["", "-a", "a b", "a@1", "a:b", "a/b", "ä"] {
            assert!(!is_package_name(name), "{name:?}");
        }
        for path in ["pool/main/a.deb", "./x.deb", "x"] {
            assert!(is_clean_path(path), "{path:?}");
        }
        for path in ["", "/x", "../x", "a//b", "a/../b", "a/", ".", "./", "a\nb"] {
            assert!(!is_clean_path(path), "{path:?}");
        }
    }

    #[test]
    fn derives_pool_paths() {
        let amd64 = Architecture::parse("amd64").unwrap();
        let path = |source, name, version| derived_path("pool/main", source, name, version, &amd64);
        assert_eq!(path("openssl", "libssl3", "1:3.0-1"), "pool/main/o/openssl/libssl3_3.0-1_amd64.deb");
        assert_eq!(path("libxml2", "libxml2", "2"), "pool/main/libx/libxml2/libxml2_2_amd64.deb");
        assert_eq!(path("lib", "x", "2"), "pool/main/lib/lib/x_2_amd64.deb");
    }

    #[test]
    fn splits_binnmu_suffixes() {
        assert_eq!(split_suffix("1.0-1+b12"), Some(("1.0-1", 12)));
        for version in ["1.0", "1.0+b", "1.0+b0", "1.0+b01", "1.0+b1~x", "1.0+bpo1", "+b1"] {
            assert_eq!(split_suffix(version), None, "{version}");
        }
    }

    #[test]
    fn says_the_fewest_versions() {
        for (stems, base) in [
            (&["1"][..], "1"),
            (&["2"], "2"),
            (&["1", "2"], "1"),
            (&["2", "2", "1"], "2"),
            (&["2", "3"], "2"),
            (&["3", "2", "3"], "3"),
            (&["2", "1", "1"], "1"),
            (&[], "1"),
        ] {
            assert_eq!(base_version("1", stems.iter().copied()), base, "{stems:?}");
        }
    }
}
