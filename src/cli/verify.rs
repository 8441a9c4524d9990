//! `pintree verify`.

use super::Exit;
use super::args::{Format, Global, Verify};
use super::ui::{Style, Ui};
use crate::ops::verify::{self, Check, FindingKind};
use crate::ops::{Choice, Error, rebuild};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Runs the verb.
pub fn run(global: &Global, args: &Verify, ui: &mut Ui) -> Result<Exit, Error> {
    let archives = args.archives.clone();
    let (checks, kept) = if args.rebuild.is_empty() {
        (verify::verify(&mut super::session(global, ui), &args.manifests, archives)?, false)
    } else {
        let choice = Choice { images: args.rebuild.clone(), arches: super::architectures(&args.arches)? };
        let rebuilt = rebuild::rebuild(&mut super::session(global, ui), choice, archives)?;
        (rebuilt.checks, rebuilt.kept)
    };
    let findings = || checks.iter().flat_map(|check| &check.findings);
    let exit = match (findings().next(), findings().any(|finding| finding.kind == FindingKind::Damage)) {
        (None, _) => Exit::Done,
        (Some(_), false) => Exit::Findings,
        (Some(_), true) => Exit::Integrity,
    };
    let text = match ui.format() {
        Format::Json => super::pretty(&json!({"ok": exit == Exit::Done, "checks": checks.iter().map(check_json).collect::<Vec<_>>()})),
        Format::Markdown => markdown(&checks),
        Format::Human => checks.iter().map(|check| human(check, ui)).collect(),
    };
    ui.result(&text);
    if exit == Exit::Integrity && kept {
        ui.note("the second build is in `_build/verify`; `pintree gc` removes it");
    } else if exit == Exit::Integrity {
        ui.note("hint: remove `_build/ostree` and run `pintree build`; packages come back from the mirrors");
    }
    Ok(exit)
}

fn human(check: &Check, ui: &Ui) -> String {
    let mark = if check.findings.is_empty() { ui.styled(Style::Good, "ok    ") } else { ui.styled(Style::Bad, "failed") };
    let summary = if check.summary.is_empty() { String::new() } else { format!(": {}", check.summary) };
    let mut text = format!("{mark}  {} {}{summary}\n", check.manifest, check.subject);
    for finding in &check.findings {
        text.push_str(&format!("        {}\n", finding.text.replace('\n', "\n        ")));
    }
    for (reason, packages) in unproved(check) {
        text.push_str(&format!("        consistent, unproved ({reason}): {}\n", packages.join(", ")));
    }
    text
}

/// Packages that were not proved, by the reason.
fn unproved(check: &Check) -> BTreeMap<&str, Vec<&str>> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in check.proofs.iter().flat_map(|proofs| &proofs.unproved) {
        reasons.entry(&package.reason).or_default().push(&package.package);
    }
    reasons
}

fn markdown(checks: &[Check]) -> String {
    let mut text = "| check | result |\n|---|---|\n".to_owned();
    for check in checks {
        let mut result = if check.findings.is_empty() {
            format!("ok: {}", check.summary)
        } else {
            check.findings.iter().map(|finding| finding.text.replace('|', "\\|").replace('\n', "<br>")).collect::<Vec<_>>().join("<br>")
        };
        for (reason, packages) in unproved(check) {
            result.push_str(&format!("<br>consistent, unproved ({reason}): {}", packages.join(", ")));
        }
        text.push_str(&format!("| {} {} | {result} |\n", check.manifest, check.subject));
    }
    text
}

fn check_json(check: &Check) -> Value {
    let findings: Vec<Value> = check
        .findings
        .iter()
        .map(|finding| {
            let kind = match finding.kind {
                FindingKind::Difference => "difference",
                FindingKind::Damage => "damage",
            };
            json!({"kind": kind, "text": finding.text})
        })
        .collect();
    let mut value = json!({"manifest": check.manifest, "subject": check.subject, "summary": check.summary, "findings": findings});
    if let Some(proofs) = &check.proofs {
        let unproved = proofs.unproved.iter().map(|package| json!({"package": package.package, "reason": package.reason}));
        value["proved"] = json!(proofs.proved);
        value["unproved"] = unproved.collect();
    }
    value
}
