//! `pintree verify --rebuild`: build images again, from their packages on and under other conditions, and compare.
//!
//! The second build has a store of its own, with nothing in it but the packages, so that every step runs, and runs whole:
//! no checkpoint is used. Umask, time zone, locale, job count and directories are others. Before it begins, every object of
//! what it is to vouch for is read, and the packages are proved: equal checksums say nothing about files that nobody opens.

use super::build::{Site, create_directory, exclusive, run, write_files};
use super::difference::{self, Side};
use super::verify::{self, Check, Finding, FindingKind, Seen};
use super::work::Work;
use super::{Choice, Error, Session, build, generated, leftovers, proofs};
use crate::pkg::Pin;
use crate::plan::{Compose, Plan, Stage};
use crate::store::{self, Checksum, RefName, Repo};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the second build takes place, below the directory of generated files.
const DIRECTORY: &str = "verify";

/// The umask of the second build: nobody's default.
const UMASK: u32 = 0o027;

/// What a rebuild gave.
#[derive(Debug)]
pub struct Rebuilt {
    /// One check of the packages of each manifest, and one for each stage of each image.
    pub checks: Vec<Check>,
    /// Whether the second build is kept, since it differs.
    pub kept: bool,
}

/// Rebuilds the chosen images; one check of the packages of each manifest, and one for each stage of each image. Where the
/// first already find damage, nothing is built from it.
pub fn rebuild(session: &mut Session<'_>, choice: Choice, archives: Option<PathBuf>) -> Result<Rebuilt, Error> {
    let chosen = choice.load(&session.project)?;
    let generated = session.project.generated();
    let mut work = Work::load(session, chosen, true)?;
    generated::make(&generated)?;
    let _guard = exclusive(session, &generated)?;
    let store = Repo::init(&session.project.store())?;
    work.keep_ids_in(&generated.join(DIRECTORY).join("ids"));
    let site = Site {
        generated: generated.join(DIRECTORY),
        name: format!("_build/{DIRECTORY}"),
        checkpoints: false,
        environment: vec![
            ("TZ", "Pacific/Chatham".into()),
            ("LC_ALL", "tr_TR.UTF-8".into()),
            ("LANG", "tr_TR.UTF-8".into()),
            ("SOURCE_DATE_EPOCH", "1".into()),
        ],
        umask: Some(UMASK),
        targets: vec![],
    };
    remove(&site.generated)?;
    create_directory(&site.generated)?;
    let mut plan = work.plan()?;
    // Packages are proven and in the store; their files are not needed again.
    plan.imports.values_mut().for_each(|import| {
        import.files.clear();
        import.inputs.clear();
    });
    let built = stages(&store, &plan)?;
    let (mut checks, mut damaged) = (vec![], BTreeMap::new());
    let (mut seen, places) = (Seen::default(), proofs::Places { archives });
    for (chosen, lockfile) in &work.chosen {
        let wanted = |pin: &Pin| plan.imports.contains_key(&pin.sha256);
        checks.push(verify::packages(session, Some(&store), &chosen.manifest, lockfile, &wanted, &mut seen, &places)?);
    }
    for (compose, stage, commit) in &built {
        let found = seen.check(&store, commit)?;
        if !found.is_empty() {
            damaged.insert((compose.reference_at(*stage), *commit), found);
        }
    }
    if !damaged.is_empty() || checks.iter().any(|check| !check.findings.is_empty()) {
        for (compose, stage, commit) in &built {
            let mut check = empty(compose, *stage, commit);
            check.summary.push_str(", not rebuilt");
            if let Some(found) = damaged.remove(&(compose.reference_at(*stage), *commit)) {
                verify::damage(&mut check.findings, compose.reference_at(*stage).as_str(), found);
            }
            checks.push(check);
        }
        remove(&site.generated)?;
        return Ok(Rebuilt { checks, kept: false });
    }
    let until = built.iter().map(|(_, stage, _)| *stage).max().unwrap_or_default();
    let other = Repo::init(&site.generated.join("ostree"))?;
    take_packages(&store, &other, &plan)?;
    write_files(session, &work, &plan, until, &site)?;
    let jobs = std::thread::available_parallelism().map_or(2, usize::from);
    let options = build::Options { until, jobs: Some(if jobs > 1 { 1 } else { 3 }), ..build::Options::default() };
    let outcomes = run(session, &options, &plan, &site)?;
    work.record(session, &plan, &outcomes, true)?;

    for (compose, stage, commit) in built {
        checks.push(compare((&store, &commit), &other, compose, stage)?);
    }
    drop(other);
    let kept = checks.iter().any(|check| !check.findings.is_empty());
    if !kept {
        remove(&site.generated)?;
    }
    Ok(Rebuilt { checks, kept })
}

/// The commits that are there, of every stage of every image.
fn stages<'p>(store: &Repo, plan: &'p Plan) -> Result<Vec<(&'p Compose, Stage, Checksum)>, Error> {
    let mut built = vec![];
    for compose in &plan.composes {
        let before = built.len();
        let mut is_current = true;
        for (stage, reference, identity) in plan.results().filter(|(stage, reference, _)| *reference == compose.reference_at(*stage)) {
            let Some(commit) = store.read_ref(&reference)? else { continue };
            let found = store.read_commit(&commit)?.metadata.remove("pintree.identity");
            is_current &= found.is_some_and(|found| found.as_str() == Some(&identity.to_hex()));
            built.push((compose, stage, commit));
        }
        if !is_current || built.len() == before {
            return Err(Error::NotBuilt {
                image: format!("{}/{}", compose.manifest, compose.image),
                architecture: compose.architecture.clone(),
            });
        }
    }
    Ok(built)
}

/// Gives the second store every package of the plan.
fn take_packages(store: &Repo, other: &Repo, plan: &Plan) -> Result<(), Error> {
    let mut packages = vec![];
    for digest in plan.imports.keys() {
        let name = RefName::deb(digest);
        let found = store.read_package(&name)?;
        let (commit, _) = found.ok_or_else(|| store::Error::NoSuchRef { repo: store.path().to_owned(), name: name.to_string() })?;
        packages.push((commit, name));
    }
    other.link_commits(store, packages.iter().map(|(commit, _)| commit))?;
    for (commit, name) in &packages {
        other.write_ref_if_changed(name, commit)?;
    }
    Ok(())
}

fn empty(compose: &Compose, stage: Stage, commit: &Checksum) -> Check {
    Check {
        manifest: compose.manifest.clone(),
        subject: format!("rebuild {} {} {}", compose.image, compose.architecture, stage.as_str()),
        summary: format!("commit {}", &commit.to_hex()[..12]),
        findings: vec![],
        proofs: None,
    }
}

fn compare((store, commit): (&Repo, &Checksum), other: &Repo, compose: &Compose, stage: Stage) -> Result<Check, Error> {
    let reference = compose.reference_at(stage);
    let rebuilt = other.read_ref(&reference)?.ok_or(Error::NoRef { reference })?;
    let mut check = empty(compose, stage, commit);
    if rebuilt != *commit {
        check.summary = format!("commit {}, rebuilt {}", &commit.to_hex()[..12], &rebuilt.to_hex()[..12]);
        let differences = difference::compare(Side { repo: store, commit }, Side { repo: other, commit: &rebuilt })?;
        let finding = |text| Finding { kind: FindingKind::Damage, text };
        let more = differences.count - differences.described.len();
        check.findings.extend(differences.described.into_iter().map(finding));
        if more > 0 {
            check.findings.push(finding(format!("and {more} more")));
        }
        if check.findings.is_empty() {
            check.findings.push(finding("the commits differ, and nothing that they hold does".to_owned()));
        }
    }
    Ok(check)
}

fn remove(path: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { doing: "remove", path: path.to_owned(), source };
    if path.exists() { leftovers::remove(path).map_err(io) } else { Ok(()) }
}
