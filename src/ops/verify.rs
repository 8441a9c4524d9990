//! `pintree verify`: the trust chain from manifest to image, and the closure of what is locked.

use super::fields::FieldReader;
use super::graph::{Asked, Graph};
use super::{Error, Session, lock, targets};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Pin, Trust};
use crate::plan;
use crate::step::import;
use crate::store::{self, Checksum, ObjectKind, RefName, Repo};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// One check of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The manifest's name.
    pub manifest: String,
    /// What was checked: `lockfile`, `packages`, `image base armhf`, `closure base armhf`.
    pub subject: String,
    /// What was looked at, in a few words.
    pub summary: String,
    /// What is wrong; empty if nothing.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub kind: FindingKind,
    /// What it is.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// Two things that should agree do not; the next lock or build mends it.
    Difference,
    /// Something is not what its checksum says.
    Damage,
}

/// Damaged objects of one ref beyond this are only counted.
const LISTED: usize = 5;

/// Runs every check on the manifests that `paths` name, or on all of the project.
pub fn verify(session: &mut Session<'_>, paths: &[PathBuf]) -> Result<Vec<Check>, Error> {
    let mut reader = FieldReader::open(&session.project.store())?;
    let mut seen = Seen::default();
    let mut checks = vec![];
    for manifest in lock::manifests(session, paths)? {
        let (lockfile, reasons) = lock::check_one(session, &manifest)?;
        checks.push(Check {
            manifest: manifest.name.clone(),
            subject: "lockfile".to_owned(),
            summary: if reasons.is_empty() { keys(&manifest, lockfile.as_ref()) } else { String::new() },
            findings: reasons.into_iter().map(|text| Finding { kind: FindingKind::Difference, text }).collect(),
        });
        let Some(lockfile) = lockfile else { continue };
        checks.push(packages(session, &reader, &manifest, &lockfile, &mut seen)?);
        for (image, part) in lockfile.images() {
            for architecture in &part.arches {
                checks.extend(images(&reader, &manifest, &lockfile, image, architecture, &mut seen)?);
                checks.push(closure(session, &mut reader, &manifest, &lockfile, image, architecture)?);
            }
        }
    }
    Ok(checks)
}

fn keys(manifest: &Manifest, lockfile: Option<&Lockfile>) -> String {
    let Some(lockfile) = lockfile else { return String::new() };
    let keys: usize = lockfile.repos().values().map(|repo| repo.signed_by.len()).sum();
    let repos = lockfile.repos().len();
    let plural = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let (repos, keys) = (plural(repos, "repository", "repositories"), plural(keys, "key", "keys"));
    let mut summary = format!("fits `{}.toml`; {repos}, {keys}", manifest.name);
    for (name, repo) in lockfile.repos() {
        if repo.steering.trust == Trust::None {
            summary.push_str(&format!("; `{name}` is trusted without a signature"));
        }
    }
    summary
}

/// Objects that were read already; packages and images share most of them.
#[derive(Default)]
struct Seen {
    objects: HashSet<(Checksum, ObjectKind)>,
    damaged: BTreeMap<(Checksum, ObjectKind), String>,
}

impl Seen {
    /// Checks all that a commit holds; gives what is damaged.
    fn check(&mut self, store: &Repo, commit: &Checksum) -> Result<Vec<String>, Error> {
        let mut walked = HashSet::new();
        let mut damaged = vec![];
        let walk = store.walk_commit(commit, &mut walked, &mut |checksum, kind| {
            let key = (*checksum, kind);
            if self.objects.insert(key)
                && let Err(error) = store.check_object(checksum, kind)
            {
                if !is_damage(&error) {
                    return Err(error);
                }
                self.damaged.insert(key, error.to_string());
            }
            damaged.extend(self.damaged.get(&key).cloned());
            Ok(!self.damaged.contains_key(&key))
        });
        match walk {
            Err(error) if is_damage(&error) => damaged.push(error.to_string()),
            other => other?,
        }
        Ok(damaged)
    }
}

fn is_damage(error: &store::Error) -> bool {
    error.is_integrity() || matches!(error, store::Error::Missing { .. })
}

fn packages(
    session: &mut Session<'_>,
    reader: &FieldReader,
    manifest: &Manifest,
    lockfile: &Lockfile,
    seen: &mut Seen,
) -> Result<Check, Error> {
    let mut findings = vec![];
    let mut imported = 0;
    let before = seen.objects.len();
    for pin in lockfile.cells() {
        if session.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let Some(store) = reader.store() else { break };
        let name = format!("{} {} {}", pin.name, pin.version, pin.architecture);
        match store.read_package(&RefName::deb(&pin.sha256)) {
            Ok(None) => continue,
            Ok(Some((checksum, commit))) => {
                imported += 1;
                damage(&mut findings, &name, seen.check(store, &checksum)?);
                identity(&mut findings, &name, pin, commit.metadata.get(import::STATUS).and_then(|value| value.as_str()));
            }
            Err(error) if is_damage(&error) => damage(&mut findings, &name, vec![error.to_string()]),
            Err(error) => return Err(error.into()),
        }
    }
    let total = lockfile.cells().len();
    let objects = seen.objects.len() - before;
    Ok(Check {
        manifest: manifest.name.clone(),
        subject: "packages".to_owned(),
        summary: format!("{imported} of {total} imported, {objects} objects"),
        findings,
    })
}

fn damage(findings: &mut Vec<Finding>, name: &str, damaged: Vec<String>) {
    let more = damaged.len().saturating_sub(LISTED);
    let finding = |text| Finding { kind: FindingKind::Damage, text };
    findings.extend(damaged.into_iter().take(LISTED).map(|text| finding(format!("{name}: {text}"))));
    if more > 0 {
        findings.push(finding(format!("{name}: and {more} more")));
    }
}

/// Compares an imported package's own control paragraph with its pin.
fn identity(findings: &mut Vec<Finding>, name: &str, pin: &Pin, status: Option<&str>) {
    let field = |field: &str| {
        let line = |line: &str| {
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, value)| value.trim().to_owned())
        };
        status.and_then(|status| status.lines().find_map(line)).unwrap_or_default()
    };
    for (what, pinned) in [("Package", pin.name.as_str()), ("Version", &pin.version), ("Architecture", pin.architecture.deb_name())] {
        let found = field(what);
        if found != pinned {
            let text = format!("{name}: the imported package has `{what}: {found}`");
            findings.push(Finding { kind: FindingKind::Damage, text });
        }
    }
}

/// One check for each stage of an image that is there.
fn images(
    reader: &FieldReader,
    manifest: &Manifest,
    lockfile: &Lockfile,
    image: &str,
    architecture: &Architecture,
    seen: &mut Seen,
) -> Result<Vec<Check>, Error> {
    let plan = plan::plan([targets::target(manifest, lockfile, image, architecture)?]);
    let subject = format!("image {image} {architecture}");
    let check =
        |subject: String, summary: &str| Check { manifest: manifest.name.clone(), subject, summary: summary.to_owned(), findings: vec![] };
    let mut checks = vec![];
    for (stage, reference, identity) in plan.results() {
        let Some(store) = reader.store() else { break };
        let mut check = check(format!("{subject} {}", stage.as_str()), "");
        match store.read_ref(&reference) {
            Ok(None) => continue,
            Ok(Some(commit)) => {
                check.summary = format!("commit {}", &commit.to_hex()[..12]);
                damage(&mut check.findings, reference.as_str(), seen.check(store, &commit)?);
                if let Ok(commit) = store.read_commit(&commit) {
                    let text = |key: &str| commit.metadata.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
                    let (found, of) = (text("pintree.identity"), text("pintree.architecture"));
                    if of != architecture.deb_name() || found != identity.to_hex() {
                        let text = "it was made from something else than this lockfile and manifest; `pintree build` makes it anew";
                        check.findings.push(Finding { kind: FindingKind::Difference, text: text.to_owned() });
                    }
                }
            }
            Err(error) if is_damage(&error) => damage(&mut check.findings, reference.as_str(), vec![error.to_string()]),
            Err(error) => return Err(error.into()),
        }
        checks.push(check);
    }
    if checks.is_empty() {
        checks.push(check(subject, "not built yet"));
    }
    Ok(checks)
}

fn closure(
    session: &mut Session<'_>,
    reader: &mut FieldReader,
    manifest: &Manifest,
    lockfile: &Lockfile,
    image: &str,
    architecture: &Architecture,
) -> Result<Check, Error> {
    let mut check = Check {
        manifest: manifest.name.clone(),
        subject: format!("closure {image} {architecture}"),
        summary: String::new(),
        findings: vec![],
    };
    let mut found = |text| check.findings.push(Finding { kind: FindingKind::Difference, text });
    let Some(resolved) = manifest.flatten(image) else {
        found("the manifest has no such image".to_owned());
        return Ok(check);
    };
    let graph = match Graph::load(session, reader, manifest, lockfile, image, architecture) {
        Ok(graph) => graph,
        // What is damaged the checks before have told; a closure that cannot be checked is not a good one.
        Err(error @ (Error::NoFields { .. } | Error::Unreadable { .. } | Error::Store(_))) => {
            found(format!("cannot be checked: {error}"));
            return Ok(check);
        }
        Err(error) => return Err(error),
    };
    graph.violations.iter().for_each(|violation| found(violation.clone()));
    for root in &graph.roots {
        if let Asked::Request(request) = &root.asked
            && root.members.is_empty()
        {
            found(format!("no package meets the request `{request}`"));
        }
    }
    for glob in resolved.steering(architecture).exclude {
        for member in graph.members.iter().filter(|member| glob.matches(&member.name)) {
            found(format!("`{}` is there although `exclude` has `{glob}`", member.label));
        }
    }
    let dependencies: usize = graph.members.iter().map(|member| member.dependencies.len()).sum();
    check.summary = format!("{} packages, {dependencies} dependencies", graph.members.len());
    Ok(check)
}
