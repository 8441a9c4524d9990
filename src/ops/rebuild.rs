//! `pintree verify --rebuild`: build images again, from their packages on and under other conditions, and compare.
//!
//! The second build has a store of its own, with nothing in it but the packages, so that every step runs, and runs whole:
//! no checkpoint is used. Umask, time zone, locale, job count and directories are others.

use super::build::{Site, create_directory, exclusive, run, write_files};
use super::difference::{self, Side};
use super::verify::{Check, Finding, FindingKind};
use super::work::Work;
use super::{Choice, Error, Session, build, leftovers};
use crate::plan::{Compose, Plan, Stage};
use crate::store::{self, Checksum, RefName, Repo};
use std::path::Path;

/// Where the second build takes place, below the directory of generated files.
const DIRECTORY: &str = "verify";

/// The umask of the second build: nobody's default.
const UMASK: u32 = 0o027;

/// Rebuilds the chosen images; one check for each stage of each.
pub fn rebuild(session: &mut Session<'_>, choice: Choice) -> Result<Vec<Check>, Error> {
    let chosen = choice.load(&session.project)?;
    let generated = session.project.generated();
    let mut work = Work::load(session, chosen, true)?;
    create_directory(&generated)?;
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
    let until = built.iter().map(|(_, stage, _)| *stage).max().unwrap_or_default();
    let other = Repo::init(&site.generated.join("ostree"))?;
    take_packages(&store, &other, &plan)?;
    write_files(session, &work, &plan, until, &site)?;
    let jobs = std::thread::available_parallelism().map_or(2, usize::from);
    let options = build::Options { until, jobs: Some(if jobs > 1 { 1 } else { 3 }), ..build::Options::default() };
    let outcomes = run(session, &options, &plan, &site)?;
    work.record(session, &plan, &outcomes, true)?;

    let mut checks = vec![];
    for (compose, stage, commit) in built {
        checks.push(compare((&store, &commit), &other, compose, stage)?);
    }
    drop(other);
    if checks.iter().all(|check| check.findings.is_empty()) {
        remove(&site.generated)?;
    }
    Ok(checks)
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

fn compare((store, commit): (&Repo, &Checksum), other: &Repo, compose: &Compose, stage: Stage) -> Result<Check, Error> {
    let reference = compose.reference_at(stage);
    let rebuilt = other.read_ref(&reference)?.ok_or(Error::NoRef { reference })?;
    let mut check = Check {
        manifest: compose.manifest.clone(),
        subject: format!("rebuild {} {} {}", compose.image, compose.architecture, stage.as_str()),
        summary: format!("commit {}", &commit.to_hex()[..12]),
        findings: vec![],
    };
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
