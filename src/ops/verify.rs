//! `pintree verify`: the trust chain from manifest to image, and the closure of what is locked.

use super::fields::FieldReader;
use super::graph::{Asked, Graph};
use super::proofs::{self, Proofs, Unproved, Verdict};
use super::{Error, Session, lock, targets};
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::pkg::{Architecture, Pin, Sha256, Trust};
use crate::plan;
use crate::step::import;
use crate::store::{self, Checksum, ObjectKind, RefName, Repo};
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// How many of the imported packages are proved; only where packages were looked at.
    pub proofs: Option<Proofs>,
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
///
/// Package files are looked for in `archives`, if it is given, and on the mirrors.
pub fn verify(session: &mut Session<'_>, paths: &[PathBuf], archives: Option<PathBuf>) -> Result<Vec<Check>, Error> {
    let places = proofs::Places { archives };
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
            proofs: None,
        });
        let Some(lockfile) = lockfile else { continue };
        checks.push(packages(session, reader.store(), &manifest, &lockfile, &|_| true, &mut seen, &places)?);
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
pub(super) struct Seen {
    objects: HashSet<(Checksum, ObjectKind)>,
    damaged: BTreeMap<(Checksum, ObjectKind), String>,
    /// Packages that were imported again already.
    proved: HashMap<(Sha256, Checksum), Verdict>,
}

impl Seen {
    /// Checks all that a commit holds; gives what is damaged.
    pub(super) fn check(&mut self, store: &Repo, commit: &Checksum) -> Result<Vec<String>, Error> {
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

pub(super) fn is_damage(error: &store::Error) -> bool {
    error.is_integrity() || matches!(error, store::Error::Missing { .. })
}

/// Checks the lockfile's imported packages that are `wanted`: what their commits hold, what they say of themselves, and
/// that they are what their package files give.
pub(super) fn packages(
    session: &mut Session<'_>,
    store: Option<&Repo>,
    manifest: &Manifest,
    lockfile: &Lockfile,
    wanted: &dyn Fn(&Pin) -> bool,
    seen: &mut Seen,
    places: &proofs::Places,
) -> Result<Check, Error> {
    let mut findings = vec![];
    let mut imported: Vec<(&Pin, Checksum)> = vec![];
    let mut present = 0;
    let before = seen.objects.len();
    let pins: Vec<&Pin> = lockfile.cells().iter().filter(|pin| wanted(pin)).collect();
    for &pin in &pins {
        if session.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let Some(store) = store else { break };
        let name = label(pin);
        match store.read_package(&RefName::deb(&pin.sha256)) {
            Ok(None) => continue,
            Ok(Some((checksum, commit))) => {
                imported.push((pin, checksum));
                damage(&mut findings, &name, seen.check(store, &checksum)?);
                identity(&mut findings, &name, pin, commit.metadata.get(import::STATUS).and_then(|value| value.as_str()));
            }
            Err(error) if is_damage(&error) => damage(&mut findings, &name, vec![error.to_string()]),
            Err(error) => return Err(error.into()),
        }
        present += 1;
    }
    let proofs = match store {
        Some(store) if present > 0 => prove(session, store, manifest, &imported, seen, places, &mut findings)?,
        _ => Proofs::default(),
    };
    let objects = seen.objects.len() - before;
    let mut summary = format!("{present} of {} imported, {objects} objects", pins.len());
    if present > 0 {
        summary.push_str(&format!("; {} proved", proofs.proved));
        if !proofs.unproved.is_empty() {
            summary.push_str(&format!(", {} consistent, unproved", proofs.unproved.len()));
        }
    }
    Ok(Check { manifest: manifest.name.clone(), subject: "packages".to_owned(), summary, findings, proofs: Some(proofs) })
}

fn label(pin: &Pin) -> String {
    format!("{} {} {}", pin.name, pin.version, pin.architecture)
}

/// Imports packages again and adds what differs to the findings.
fn prove(
    session: &mut Session<'_>,
    store: &Repo,
    manifest: &Manifest,
    imported: &[(&Pin, Checksum)],
    seen: &mut Seen,
    places: &proofs::Places,
    findings: &mut Vec<Finding>,
) -> Result<Proofs, Error> {
    let open: Vec<(&Pin, Checksum)> =
        imported.iter().filter(|(pin, commit)| !seen.proved.contains_key(&(pin.sha256, *commit))).copied().collect();
    let verdicts = proofs::prove(session, store, manifest, &open, places)?;
    seen.proved.extend(open.iter().map(|(pin, commit)| (pin.sha256, *commit)).zip(verdicts));
    let mut proofs = Proofs::default();
    for (pin, commit) in imported {
        let mut wrong = |text: String| findings.push(Finding { kind: FindingKind::Damage, text });
        match &seen.proved[&(pin.sha256, *commit)] {
            Verdict::Proved => proofs.proved += 1,
            Verdict::Differs(found) => {
                let short = |checksum: &Checksum| checksum.to_hex()[..12].to_owned();
                wrong(format!("{}: its package file gives commit {}, its ref names {}", label(pin), short(found), short(commit)));
            }
            Verdict::Refused(reason) => wrong(format!("{}: its package file gives no commit: {reason}", label(pin))),
            Verdict::Unproved(reason) => proofs.unproved.push(Unproved { package: label(pin), reason: reason.clone() }),
        }
    }
    Ok(proofs)
}

pub(super) fn damage(findings: &mut Vec<Finding>, name: &str, damaged: Vec<String>) {
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
    let check = |subject: String, summary: &str| Check {
        manifest: manifest.name.clone(),
        subject,
        summary: summary.to_owned(),
        findings: vec![],
        proofs: None,
    };
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
        proofs: None,
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
