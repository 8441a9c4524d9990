//! From text to a lockfile: any TOML layout, no unknown word, nothing contradictory.

use super::factor::{derived_path, is_clean_path, is_package_name};
use super::fault::{Contradiction, Error, Fault};
use super::section::{Section, Span, Word, architecture, fault_at};
use super::{DEFAULT_POOL, Id, ImagePart, Lockfile, RepoPart, SIZE_LIMIT, Steering, VERSION, block_order, images, name_order};
use crate::pkg::{Architecture, DebVersion, Ecosystem, Glob, Hold, ImageSteering, Pin, RepoSteering, Sha256, Trust, Variant};
use std::collections::{BTreeMap, HashSet};

impl Lockfile {
    /// Reads a lockfile in any TOML layout.
    ///
    /// Refuses a newer format version, unknown keys, and whatever could be read in two ways. Text that says the right
    /// thing in other than canonical words is accepted; [`Lockfile::check`] finds it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() as u64 > SIZE_LIMIT {
            return Err(Error::TooLarge { limit: SIZE_LIMIT });
        }
        let document = toml_edit::Document::parse(text)
            .map_err(|error| fault_at(text, &error.span(), Fault::Syntax { message: error.message().replace('\n', "; ") }))?;
        let top = Section::top(text, document.as_table());
        // The version comes first: a newer file may have any keys.
        match top.optional_integer("version")? {
            None => return Err(top.fault(Fault::MissingKey { key: "version", place: "the lockfile" })),
            Some(VERSION) => {}
            Some(found) if found > VERSION => return Err(Error::Newer { found, supported: VERSION }),
            Some(found) => return Err(top.fault_in("version", Fault::Version { found })),
        }
        let ecosystem = top.text("ecosystem")?;
        if ecosystem != Ecosystem::Deb.as_str() {
            return Err(top.fault_in("ecosystem", Fault::Unsupported { ecosystem: ecosystem.to_owned() }));
        }
        top.only(&["version", "ecosystem", "foreign-arches", "accelerate", "ids", "hold", "repo", "source", "image", "accelerators"])?;

        let mut pools = BTreeMap::new();
        let mut repos = BTreeMap::new();
        for (name, section) in top.named("repo", "a repository")? {
            let (repo, pool) = read_repo(&section)?;
            repos.insert(name.to_owned(), repo);
            pools.extend(pool.filter(|pool| pool != DEFAULT_POOL).map(|pool| (name.to_owned(), pool)));
        }
        let cells = read_cells(&top, &repos, &pools)?;
        let images = top.named("image", "an image")?;
        let parts = images.iter().map(|(name, section)| Ok(((*name).to_owned(), read_image(section)?)));
        let steering = Steering {
            ecosystem: Ecosystem::Deb,
            foreign_arches: top.architectures("foreign-arches")?,
            accelerate: if top.has("accelerate") { top.architectures("accelerate")? } else { Steering::default_accelerate() },
            holds: top.list("hold", "a hold")?.iter().map(read_hold).collect::<Result<_, _>>()?,
            repos,
            images: parts.collect::<Result<_, Error>>()?,
        };
        let at_extends = |error: Contradiction| {
            let culprit = match &error {
                Contradiction::UnknownBase { image, .. } | Contradiction::ExtendsCycle { image, .. } => {
                    images.iter().find(|(name, _)| name == image)
                }
                _ => None,
            };
            culprit.map_or_else(|| top.fault(error.clone()), |(_, section)| section.fault_in("extends", error.clone()))
        };
        let steering = steering.normalised().map_err(at_extends)?;
        let sets = images::read_sets(&steering, &cells, &images)?;
        let accelerators = images::read_accelerators(&top, &cells)?;
        Ok(Self { steering, ids: read_ids(&top)?, pools, cells, sets, accelerators })
    }
}

fn read_ids(top: &Section<'_>) -> Result<BTreeMap<String, Id>, Error> {
    let mut ids = BTreeMap::new();
    for (name, section) in top.named("ids", "an entry of `[ids]`")? {
        section.only(&["uid", "gid"])?;
        let number = |key| section.optional_number(key, "a number from 0 to 4294967295");
        let id = Id { uid: number("uid")?, gid: number("gid")? };
        if id == Id::default() {
            return Err(section.fault(Fault::MissingKey { key: "uid", place: "an entry of `[ids]`" }));
        }
        ids.insert(name.to_owned(), id);
    }
    Ok(ids)
}

fn read_hold(section: &Section<'_>) -> Result<Hold, Error> {
    section.only(&["package", "version", "reason", "until"])?;
    let glob = |key| Glob::parse(section.text(key)?).map_err(|error| malformed_glob(section, key, &error.text));
    Ok(Hold {
        package: glob("package")?,
        version: glob("version")?,
        reason: section.optional_text("reason")?.map(str::to_owned),
        until: section.optional_date("until")?,
    })
}

fn malformed_glob(section: &Section<'_>, key: &str, text: &str) -> Error {
    section.fault_in(key, Fault::Malformed { text: text.to_owned(), expected: "a pattern" })
}

fn read_globs(section: &Section<'_>, key: &str) -> Result<Vec<Glob>, Error> {
    section.words(key)?.iter().map(|word| Glob::parse(word.text).map_err(|_| malformed_glob(section, key, word.text))).collect()
}

fn read_repo(section: &Section<'_>) -> Result<(RepoPart, Option<String>), Error> {
    section.only(&["archive", "suites", "components", "only", "exclude", "priority", "trust", "signed-by", "pool"])?;
    let strings = |key| Ok::<_, Error>(section.words(key)?.iter().map(|word| word.text.to_owned()).collect::<Vec<_>>());
    if !section.has("suites") {
        return Err(section.fault(Fault::MissingKey { key: "suites", place: "a repository" }));
    }
    let trust = match section.optional_text("trust")? {
        None => Trust::default(),
        Some(word) => [Trust::Index, Trust::Packages, Trust::None].into_iter().find(|trust| trust.as_str() == word).ok_or_else(|| {
            section.fault_in("trust", Fault::Malformed { text: word.to_owned(), expected: "`index`, `packages` or `none`" })
        })?,
    };
    let priority = section.optional_number::<u8>("priority", "a number from 1 to 99")?.unwrap_or(RepoSteering::DEFAULT_PRIORITY);
    if !(1..=99).contains(&priority) {
        return Err(section.fault_in("priority", Fault::WrongType { key: "priority".to_owned(), expected: "a number from 1 to 99" }));
    }
    let steering = RepoSteering {
        archive: section.optional_text("archive")?.map(str::to_owned),
        suites: strings("suites")?,
        components: strings("components")?,
        only: read_globs(section, "only")?,
        exclude: read_globs(section, "exclude")?,
        priority,
        trust,
    };
    Ok((RepoPart { steering, signed_by: strings("signed-by")? }, read_pool(section)?.map(str::to_owned)))
}

fn read_pool<'t>(section: &Section<'t>) -> Result<Option<&'t str>, Error> {
    let pool = section.optional_text("pool")?;
    match pool {
        Some(pool) if !is_clean_path(pool) => Err(section.fault_in("pool", malformed(pool, "a relative path"))),
        _ => Ok(pool),
    }
}

fn read_image(section: &Section<'_>) -> Result<ImagePart, Error> {
    section.only(&["arches", "extends", "variant", "recommends", "exclude", "roots", "packages", "without"])?;
    for key in ["arches", "roots", "packages"] {
        if !section.has(key) {
            return Err(section.fault(Fault::MissingKey { key, place: "an image" }));
        }
    }
    let variant = match section.optional_text("variant")? {
        None => Variant::default(),
        Some(word) => Variant::ALL
            .into_iter()
            .find(|variant| variant.as_str() == word)
            .ok_or_else(|| section.fault_in("variant", malformed(word, "a variant")))?,
    };
    let arches = section.architectures("arches")?;
    let mut roots = Vec::new();
    for word in section.words("roots")? {
        let (request, on) = images::split_entry(section, &word)?;
        roots.push((request.to_owned(), on));
    }
    Ok(ImagePart {
        arches,
        extends: section.optional_text("extends")?.map(str::to_owned),
        steering: ImageSteering {
            variant,
            recommends: section.optional_bool("recommends")?.unwrap_or(false),
            exclude: read_globs(section, "exclude")?,
        },
        roots,
    })
}

fn malformed(text: &str, expected: &'static str) -> Fault {
    Fault::Malformed { text: text.chars().take(120).collect(), expected }
}

fn read_cells(top: &Section<'_>, repos: &BTreeMap<String, RepoPart>, pools: &BTreeMap<String, String>) -> Result<Vec<Pin>, Error> {
    let blocks = top.list("source", "a source")?;
    let mut cells: Vec<Pin> = Vec::with_capacity(blocks.len() * 4);
    let mut seen_blocks = HashSet::with_capacity(blocks.len());
    let mut spans: Vec<Span> = Vec::with_capacity(blocks.len() * 4);
    for section in &blocks {
        section.only(&["name", "version", "repo", "pool", "binnmu", "bin"])?;
        let (source, source_version, repo) = (section.text("name")?, section.text("version")?, section.text("repo")?);
        if !is_package_name(source) {
            return Err(section.fault_in("name", malformed(source, "a package name")));
        }
        if source_version.parse::<DebVersion>().is_err() {
            return Err(section.fault_in("version", malformed(source_version, "a version")));
        }
        if !repos.contains_key(repo) {
            return Err(section.fault_in("repo", Contradiction::UnknownRepo { name: source.to_owned(), repo: repo.to_owned() }));
        }
        if !seen_blocks.insert((source, source_version, repo)) {
            return Err(section.fault(Fault::DuplicateBlock {
                source_name: source.to_owned(),
                version: source_version.to_owned(),
                repo: repo.to_owned(),
            }));
        }
        let repo_pool = pools.get(repo).map_or(DEFAULT_POOL, String::as_str);
        let block =
            BlockReader { source, source_version, repo, pool: read_pool(section)?.unwrap_or(repo_pool), binnmu: read_binnmu(section)? };
        let first = cells.len();
        for (key, binary) in section
            .section("bin", "a source")
            .map_err(|_| section.fault(Fault::MissingKey { key: "bin", place: "a source" }))?
            .entries("a bin")?
        {
            block.read_binary(&key, &binary, &mut cells, &mut spans)?;
        }
        check_independent(section, &cells[first..])?;
    }
    check_unique(top, &cells, &spans)?;
    cells.sort_by(block_order);
    Ok(cells)
}

/// A package file has one cell. `cells` are in the order of the file.
fn check_unique(top: &Section<'_>, cells: &[Pin], spans: &[Span]) -> Result<(), Error> {
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by(|a, b| name_order(&cells[*a], &cells[*b]));
    match order.windows(2).find(|pair| name_order(&cells[pair[0]], &cells[pair[1]]).is_eq()) {
        None => Ok(()),
        Some(pair) => {
            let Pin { name, version, architecture, .. } = cells[pair[1]].clone();
            Err(fault_at(top.text, &spans[pair[1]], Fault::DuplicateCell { name, version, architecture }))
        }
    }
}

fn read_binnmu(section: &Section<'_>) -> Result<BTreeMap<Architecture, u32>, Error> {
    let Some(table) = section.optional_section("binnmu", "`binnmu`")? else { return Ok(BTreeMap::new()) };
    let mut numbers = BTreeMap::new();
    for key in table.keys() {
        let arch = architecture(table.text, &key)?;
        let expected = "a number from 1";
        let number = table.optional_number::<u32>(key.text, expected)?.filter(|number| *number > 0);
        let number = number.ok_or_else(|| fault_at(table.text, &key.span, Fault::WrongType { key: key.text.to_owned(), expected }))?;
        if arch.is_independent() || numbers.insert(arch, number).is_some() {
            return Err(fault_at(table.text, &key.span, malformed(key.text, "an architecture that stands once")));
        }
    }
    Ok(numbers)
}

/// One binary package is either independent or of machines, in one block.
fn check_independent(section: &Section<'_>, cells: &[Pin]) -> Result<(), Error> {
    for independent in cells.iter().filter(|pin| pin.architecture.is_independent()) {
        let other = cells.iter().find(|pin| pin.name == independent.name && pin.architecture != independent.architecture);
        if let Some(other) = other {
            return Err(section.fault(Contradiction::IndependentBesideMachine {
                name: other.name.clone(),
                source_name: other.source.clone(),
                source_version: other.source_version.clone(),
                independent: independent.architecture.clone(),
                architecture: other.architecture.clone(),
            }));
        }
    }
    Ok(())
}

/// What a block says about all of its cells.
struct BlockReader<'t> {
    source: &'t str,
    source_version: &'t str,
    repo: &'t str,
    pool: &'t str,
    binnmu: BTreeMap<Architecture, u32>,
}

impl<'t> BlockReader<'t> {
    fn read_binary(&self, key: &Word<'t>, section: &Section<'t>, cells: &mut Vec<Pin>, spans: &mut Vec<Span>) -> Result<(), Error> {
        let text = section.text;
        let (name, exact) = match key.text.split_once('@') {
            None => (key.text, None),
            Some((name, exact)) => (name, Some(exact)),
        };
        if !is_package_name(name) {
            return Err(fault_at(text, &key.span, malformed(name, "a package name")));
        }
        if exact.is_some() && section.has("version") {
            return Err(
                section.fault_in("version", Fault::UnknownKey { key: "version".to_owned(), place: "a bin with `@`", suggestion: None })
            );
        }
        let version = section.optional_text("version")?.unwrap_or(self.source_version);
        for (key, version) in [(key.span.clone(), exact), (section.span_of("version"), Some(version))] {
            if let Some(version) = version.filter(|version| version.parse::<DebVersion>().is_err()) {
                return Err(fault_at(text, &key, malformed(version, "a version")));
            }
        }
        let paths = section.optional_section("path", "`path`")?;
        let mut found = 0;
        for arch_key in section.keys().filter(|key| !matches!(key.text, "version" | "path")) {
            let architecture = architecture(text, &arch_key)?;
            let cell = section.optional_word(arch_key.text)?.expect("the key was just listed");
            let at_cell = |fault: Fault| fault_at(text, &cell.span, fault);
            let (sha256, size, third) = read_cell(cell.text).map_err(at_cell)?;
            let version = match (exact, third, self.binnmu.get(&architecture)) {
                (Some(exact), None, _) => exact.to_owned(),
                (Some(_), Some(_), _) => return Err(at_cell(malformed(cell.text, "`SHA256 SIZE`"))),
                (None, Some(third), _) => third.to_owned(),
                (None, None, Some(number)) => format!("{version}+b{number}"),
                (None, None, None) => version.to_owned(),
            };
            let path = match paths.as_ref().map(|paths| paths.optional_word(arch_key.text)).transpose()?.flatten() {
                None => derived_path(self.pool, self.source, name, &version, &architecture),
                Some(path) if is_clean_path(path.text) => path.text.to_owned(),
                Some(path) => return Err(fault_at(text, &path.span, malformed(path.text, "a relative path"))),
            };
            spans.push(cell.span);
            cells.push(Pin {
                name: name.to_owned(),
                architecture,
                version,
                source: self.source.to_owned(),
                source_version: self.source_version.to_owned(),
                repo: self.repo.to_owned(),
                path,
                sha256,
                size,
            });
            found += 1;
        }
        if found == 0 {
            return Err(fault_at(text, &key.span, Fault::NoCell { name: name.to_owned() }));
        }
        if let Some(stray) = paths.iter().flat_map(Section::keys).find(|path| !section.has(path.text)) {
            return Err(fault_at(text, &stray.span, Fault::UnknownKey { key: stray.text.to_owned(), place: "`path`", suggestion: None }));
        }
        Ok(())
    }
}

/// Takes `SHA256 SIZE [VERSION]` apart.
fn read_cell(text: &str) -> Result<(Sha256, u64, Option<&str>), Fault> {
    let mut fields = text.split(' ');
    let digest = fields.next().unwrap_or_default().parse()?;
    let size_text = fields.next().unwrap_or_default();
    let size = size_text
        .parse::<u64>()
        .ok()
        .filter(|size| size.to_string() == size_text)
        .ok_or_else(|| malformed(size_text, "a size in bytes"))?;
    let version = fields.next();
    if let Some(version) = version.filter(|version| version.parse::<DebVersion>().is_err()) {
        return Err(malformed(version, "a version"));
    }
    match fields.next() {
        None => Ok((digest, size, version)),
        Some(_) => Err(malformed(text, "`SHA256 SIZE [VERSION]`")),
    }
}
