//! Prints how long a resolve takes on the real index, cold and from the stored index, and the peak memory.
//!
//! Ignored by default: `PINTREE_CASES=… cargo test --release --test resolve_speed -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use pintree::index::packages::Limits;
use pintree::index::{Checks, Compression, Index, Source, Universe};
use pintree::pkg::{Architecture, Ecosystem, RepoSteering, Request, Trust};
use pintree::resolve::{Problem, resolve};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn processor_time() -> Duration {
    let usage = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = usage.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime, in hundredths of a second.
    Duration::from_millis((fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10)
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned()
}

#[test]
#[ignore = "a measurement, not a test"]
fn prints_figures() {
    let directory = PathBuf::from(std::env::var_os("PINTREE_CASES").expect("PINTREE_CASES")).join("apt/indexes/bookworm/armhf");
    let path = directory.join("Packages.xz");
    let solve = |index: Index| {
        let source = Source {
            index: Arc::new(index),
            repo: "debian".into(),
            steering: Arc::new(RepoSteering {
                archive: None,
                suites: Vec::new(),
                components: Vec::new(),
                only: Vec::new(),
                exclude: Vec::new(),
                priority: RepoSteering::DEFAULT_PRIORITY,
                trust: Trust::Index,
            }),
            suite: "bookworm".into(),
            aliases: Vec::new(),
            not_automatic: false,
            but_automatic_upgrades: false,
            security: false,
            pinned: None,
        };
        let universe = Universe::new(vec![source]);
        let mut problem = Problem::new(&universe, Architecture::parse("armhf").unwrap());
        problem.requests = ["nginx", "openssh-server", "systemd-sysv"].iter().map(|r| Request::parse(r, Ecosystem::Deb).unwrap()).collect();
        resolve(&problem).unwrap().packages.len()
    };
    let mut stored = Vec::new();
    for run in 0..5 {
        let (start, cpu) = (Instant::now(), processor_time());
        let file = std::fs::File::open(&path).unwrap();
        let index = Index::parse(Compression::Xz.decode(file, Checks::Verify).unwrap(), &Limits::default()).unwrap();
        let parsed = start.elapsed();
        if run == 0 {
            println!("peak after the first parse: {}", peak_memory());
            stored = index.to_bytes();
        }
        let solving = Instant::now();
        let count = solve(index);
        println!(
            "cold: {:?} (CPU {:?}), of which parse {parsed:?}, solve {:?}: {count} packages",
            start.elapsed(),
            processor_time() - cpu,
            solving.elapsed()
        );
    }
    println!("stored: {} bytes; peak {}", stored.len(), peak_memory());
    for _ in 0..5 {
        let start = Instant::now();
        let index = Index::from_bytes(&stored).unwrap();
        let loaded = start.elapsed();
        let count = solve(index);
        println!("stored: {:?}, of which load {loaded:?}: {count} packages", start.elapsed());
    }
}
