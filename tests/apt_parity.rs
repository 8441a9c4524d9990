//! Our package sets beside those of the real apt, on real indexes.
//!
//! Needs `$PINTREE_CASES/apt` (`cases.json` and `indexes/SUITE/ARCH/Packages.xz`); without it the test says so and
//! passes. What the figures mean, and why the few differences are there, is in `docs/design/0006-apt-parity.md`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use pintree::index::packages::Limits;
use pintree::index::{Checks, Compression, Index, Source, Universe};
use pintree::pkg::{Architecture, Ecosystem, ImageSteering, RepoSteering, Request, Trust, Variant};
use pintree::resolve::{Error, Problem, SolvedBy, resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn cases_directory() -> Option<PathBuf> {
    let directory = PathBuf::from(std::env::var_os("PINTREE_CASES")?).join("apt");
    directory.join("cases.json").exists().then_some(directory)
}

fn load(path: &Path) -> Arc<Index> {
    let file = std::fs::File::open(path).unwrap();
    let reader = Compression::of_name(&path.to_string_lossy()).decode(file, Checks::Verify).unwrap();
    let index = Index::parse(reader, &Limits::default()).unwrap();
    assert!(index.skipped().is_empty(), "{:?}", index.skipped());
    Arc::new(index)
}

fn steering() -> Arc<RepoSteering> {
    Arc::new(RepoSteering {
        archive: None,
        suites: Vec::new(),
        components: Vec::new(),
        only: Vec::new(),
        exclude: Vec::new(),
        priority: RepoSteering::DEFAULT_PRIORITY,
        trust: Trust::Index,
    })
}

#[derive(Default)]
struct Figures {
    apt_solves: usize,
    identical: usize,
    different: usize,
    we_refuse: usize,
    apt_refuses: usize,
    both_refuse: usize,
    complete: usize,
    milliseconds: Vec<f64>,
}

fn strings(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
}

#[test]
fn chooses_what_apt_chooses() {
    let Some(directory) = cases_directory() else {
        eprintln!("skipped: $PINTREE_CASES/apt/cases.json is not there");
        return;
    };
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(directory.join("cases.json")).unwrap()).unwrap();
    let mut indexes: BTreeMap<String, Arc<Index>> = BTreeMap::new();
    let mut groups: BTreeMap<String, Figures> = BTreeMap::new();
    let steering = steering();
    let mut report = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let (id, native) = (text("id"), text("native"));
        // A case names one suite, or several in apt's order.
        let suites = match case["suites"].is_array() {
            true => strings(&case["suites"]),
            false => vec![text("suite")],
        };
        let foreign = strings(&case["foreign"]);
        let mut sources = Vec::new();
        for suite in &suites {
            for arch in std::iter::once(&native).chain(&foreign) {
                let key = format!("{suite}/{arch}");
                let path = directory.join("indexes").join(&key).join("Packages.xz");
                let index = indexes.entry(key).or_insert_with(|| load(&path)).clone();
                let (repo, steering) = ("debian".to_owned(), steering.clone());
                let aliases = Vec::new();
                let (not_automatic, but_automatic_upgrades, security) = (false, false, false);
                sources.push(Source {
                    index,
                    repo,
                    steering,
                    suite: suite.clone(),
                    aliases,
                    not_automatic,
                    but_automatic_upgrades,
                    security,
                    pinned: None,
                });
            }
        }
        let universe = Universe::new(sources);
        let mut problem = Problem::new(&universe, Architecture::parse(&native).unwrap());
        problem.foreign = foreign.iter().map(|arch| Architecture::parse(arch).unwrap()).collect();
        let requests = strings(&case["request"]);
        problem.requests = requests.iter().map(|r| Request::parse(r, Ecosystem::Deb).unwrap()).collect();
        problem.steering =
            ImageSteering { variant: Variant::Custom, recommends: case["recommends"].as_bool().unwrap(), exclude: Vec::new() };
        let start = std::time::Instant::now();
        let result = resolve(&problem);
        let figures = groups.entry(text("group")).or_default();
        figures.milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
        let apt: Option<BTreeSet<String>> = case["ok"].as_bool().unwrap().then(|| strings(&case["set"]).into_iter().collect());
        match &apt {
            Some(_) => figures.apt_solves += 1,
            None => figures.apt_refuses += 1,
        }
        match (&result, apt) {
            (Err(Error::Invalid { violations }), _) => panic!("{id}: {violations:?}"),
            (Ok(solution), Some(apt)) => {
                figures.complete += usize::from(solution.by == SolvedBy::Complete);
                let ours: BTreeSet<String> =
                    solution.pins().iter().map(|pin| format!("{}:{}={}", pin.name, pin.architecture, pin.version)).collect();
                if ours == apt {
                    figures.identical += 1;
                } else {
                    figures.different += 1;
                    let (more, less): (Vec<_>, Vec<_>) = (ours.difference(&apt).collect(), apt.difference(&ours).collect());
                    report.push(format!("{id} {requests:?}: ours has {more:?}, apt has {less:?}"));
                }
            }
            (Err(error), Some(_)) => {
                figures.we_refuse += 1;
                report.push(format!("{id} {requests:?}: apt solves, we refuse: {error:?}"));
            }
            (Err(_), None) => figures.both_refuse += 1,
            (Ok(_), None) => report.push(format!("{id} {requests:?}: apt refuses, we solve: {}", case["error"])),
        }
    }
    println!(
        "{:24} {:>5} {:>9} {:>9} {:>9} {:>8} {:>10} {:>8} {:>9}",
        "group", "apt", "identical", "different", "we refuse", "apt no", "both no", "complete", "median ms"
    );
    let mut total = Figures::default();
    for (name, figures) in &mut groups {
        figures.milliseconds.sort_by(f64::total_cmp);
        let f = &figures;
        println!(
            "{name:24} {:5} {:9} {:9} {:9} {:8} {:10} {:8} {:9.2}",
            f.apt_solves,
            f.identical,
            f.different,
            f.we_refuse,
            f.apt_refuses,
            f.both_refuse,
            f.complete,
            f.milliseconds[f.milliseconds.len() / 2]
        );
        total.apt_solves += f.apt_solves;
        total.identical += f.identical;
        total.apt_refuses += f.apt_refuses;
        total.both_refuse += f.both_refuse;
    }
    let percent = 100.0 * total.identical as f64 / total.apt_solves.max(1) as f64;
    println!("identical: {} of {} = {percent:.2} %", total.identical, total.apt_solves);
    println!("both refuse: {} of {}", total.both_refuse, total.apt_refuses);
    report.iter().for_each(|line| println!("{line}"));
    assert!(percent >= 99.0, "only {percent:.2} % of the sets are apt's");
}
