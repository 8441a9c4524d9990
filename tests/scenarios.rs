//! Runs every file of `tests/scenarios/deb`: a universe, a request, and what must come out.
//!
//! A file has the universe as `[repo.NAME]` tables whose `index` is `Packages` text (fields that every package has are
//! filled in where they do not matter), the problem as top-level keys in manifest words, and `[expect]` with the packages or the
//! explanation. `PINTREE_BLESS=1` writes what came out into `[expect]`; read the difference before committing it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use pintree::index::packages::Limits;
use pintree::index::{Index, Source, Universe};
use pintree::pkg::{Architecture, Ecosystem, Glob, Hold, Pin, RepoSteering, Request, Sha256, Trust, Variant};
use pintree::resolve::{Error, Preference, Problem, Reason, resolve};
use std::path::Path;
use std::sync::Arc;
use toml_edit::{DocumentMut, Item, TableLike};

fn strings(item: Option<&Item>) -> Vec<String> {
    item.and_then(Item::as_array).into_iter().flatten().map(|value| value.as_str().unwrap().to_owned()).collect()
}

fn text<'a>(table: &'a dyn TableLike, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Item::as_str)
}

fn flag(table: &dyn TableLike, key: &str) -> bool {
    table.get(key).and_then(Item::as_bool).unwrap_or(false)
}

fn globs(item: Option<&Item>) -> Vec<Glob> {
    strings(item).iter().map(|glob| Glob::parse(glob).unwrap()).collect()
}

/// Fills in what every stanza must have.
fn complete(index: &str, native: &str) -> String {
    let mut out = String::new();
    for stanza in index.trim().split("\n\n") {
        let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let name = field("Package").unwrap();
        let version = field("Version").unwrap_or("1");
        let architecture = field("Architecture").unwrap_or(native);
        out.push_str(stanza);
        for (key, value) in [("Version", version), ("Architecture", architecture)] {
            if field(key).is_none() {
                out.push_str(&format!("\n{key}: {value}"));
            }
        }
        let file = format!("pool/main/{}/{name}/{name}_{version}_{architecture}.deb", &name[..1]);
        let digest = field("SHA256").map_or_else(|| Sha256::of(stanza.as_bytes()).to_hex(), str::to_owned);
        out.push_str(&format!("\nFilename: {file}\nSize: 1\n"));
        if field("SHA256").is_none() {
            out.push_str(&format!("SHA256: {digest}\n"));
        }
        out.push('\n');
    }
    out
}

fn universe(document: &DocumentMut, native: &str) -> Universe {
    let mut sources = Vec::new();
    for (repo, item) in document["repo"].as_table_like().unwrap().iter() {
        let table = item.as_table_like().unwrap();
        let steering = RepoSteering {
            archive: None,
            suites: Vec::new(),
            components: Vec::new(),
            only: globs(table.get("only")),
            exclude: globs(table.get("exclude")),
            priority: table.get("priority").and_then(Item::as_integer).map_or(RepoSteering::DEFAULT_PRIORITY, |p| p as u8),
            trust: Trust::Index,
        };
        let index = Index::parse(complete(text(table, "index").unwrap(), native).as_bytes(), &Limits::default()).unwrap();
        assert!(index.skipped().is_empty(), "{:?}", index.skipped());
        let index = Index::from_bytes(&index.to_bytes()).unwrap();
        sources.push(Source {
            index: Arc::new(index),
            repo: repo.to_owned(),
            steering: Arc::new(steering),
            suite: text(table, "suite").unwrap_or("stable").to_owned(),
            aliases: Vec::new(),
            not_automatic: flag(table, "not-automatic"),
            but_automatic_upgrades: false,
            security: flag(table, "security"),
            pinned: None,
        });
    }
    Universe::new(sources)
}

fn pin(text: &str, native: &str) -> Pin {
    let (package, version) = text.split_once(' ').unwrap();
    let (name, architecture) = package.split_once(':').unwrap_or((package, native));
    Pin {
        name: name.to_owned(),
        architecture: Architecture::parse(architecture).unwrap(),
        version: version.to_owned(),
        source: name.to_owned(),
        source_version: version.to_owned(),
        repo: String::new(),
        path: String::new(),
        sha256: Sha256::of(b""),
        size: 0,
    }
}

fn tables<'a>(document: &'a DocumentMut, key: &str) -> Vec<&'a dyn TableLike> {
    let tables = document.get(key).and_then(Item::as_array_of_tables);
    tables.into_iter().flatten().map(|table| table as &dyn TableLike).collect()
}

/// What comes out, in the form of the `[expect]` table.
fn outcome(document: &DocumentMut) -> String {
    let native = text(document.as_table(), "arch").unwrap_or("armhf").to_owned();
    let universe = universe(document, &native);
    let mut problem = Problem::new(&universe, Architecture::parse(&native).unwrap());
    problem.foreign = strings(document.get("foreign-arches")).iter().map(|a| Architecture::parse(a).unwrap()).collect();
    problem.requests = strings(document.get("packages")).iter().map(|r| Request::parse(r, Ecosystem::Deb).unwrap()).collect();
    let variant = text(document.as_table(), "variant").unwrap_or("custom");
    problem.steering.variant = Variant::ALL.into_iter().find(|v| v.as_str() == variant).unwrap();
    problem.steering.recommends = flag(document.as_table(), "recommends");
    problem.steering.exclude = globs(document.get("exclude"));
    for hold in tables(document, "hold") {
        let (package, version) = (text(hold, "package").unwrap(), text(hold, "version").unwrap());
        problem.holds.push(Hold {
            package: Glob::parse(package).unwrap(),
            version: Glob::parse(version).unwrap(),
            reason: text(hold, "reason").map(str::to_owned),
            until: None,
        });
    }
    for keep in tables(document, "keep") {
        let pins = strings(keep.get("pins")).iter().map(|text| pin(text, &native)).collect();
        problem.preferences.push(Preference { choices: flag(keep, "choices"), pins });
    }
    problem.floors = strings(document.get("floors")).iter().map(|text| pin(text, &native)).collect();
    if text(document.as_table(), "only") == Some("security") {
        let pins = problem.preferences.iter().flat_map(|preference| &preference.pins);
        problem.updates = universe.security_updates(&problem.native, pins);
    }
    let owners: Vec<(String, String)> =
        strings(document.get("files")).iter().map(|line| line.split_once(' ').unwrap()).map(|(a, b)| (a.into(), b.into())).collect();
    let files = |path: &str| owners.iter().filter(|(known, _)| known == path).map(|(_, owner)| owner.clone()).collect();
    problem.files = &files;
    match resolve(&problem) {
        Err(Error::Unsolvable(unsolvable)) => {
            assert!(serde_json::to_string(&unsolvable).unwrap().starts_with("{\"architecture\":"));
            let hints: String = unsolvable.hints.iter().map(|hint| format!("  {hint:?},\n")).collect();
            format!("[expect]\nerror = '''\n{unsolvable}\n'''\nhints = [\n{hints}]\n")
        }
        Err(error) => panic!("{error}"),
        Ok(solution) => {
            let label = |at: usize| {
                let pin = &solution.packages[at].pin;
                match pin.architecture.deb_name() {
                    arch if arch == native => pin.name.clone(),
                    arch => format!("{}:{arch}", pin.name),
                }
            };
            let line = |(at, chosen): (usize, &pintree::resolve::Chosen)| {
                let why = match &chosen.reason {
                    Reason::Requested { request } => format!("requested: {request}"),
                    Reason::Variant { variant } => format!("variant {}", variant.as_str()),
                    Reason::Needed { by, field, group } => format!("{} {field}: {group}", label(*by)),
                };
                format!("  \"{} {} ({})\", # {why}\n", label(at), chosen.pin.version, chosen.repos.join(", "))
            };
            let packages: String = solution.packages.iter().enumerate().map(line).collect();
            format!("[expect]\nby = \"{:?}\"\npackages = [\n{packages}]\n", solution.by)
        }
    }
}

#[test]
fn every_scenario_comes_out_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/deb");
    let mut paths: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 25, "scenarios are missing");
    let mut failures = String::new();
    for path in paths {
        let content = std::fs::read_to_string(&path).unwrap();
        let document: DocumentMut = content.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let problem = content.split("[expect]\n").next().unwrap();
        let actual = outcome(&document);
        let expected = &content[problem.len()..];
        if actual == expected {
            continue;
        }
        if std::env::var_os("PINTREE_BLESS").is_some() {
            std::fs::write(&path, format!("{}\n\n{actual}", problem.trim_end())).unwrap();
        } else {
            failures.push_str(&format!("\n=== {}\n--- expected\n{expected}--- actual\n{actual}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
