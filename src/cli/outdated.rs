//! `pintree outdated`.

use super::Exit;
use super::args::{self, Format, Global};
use super::ui::{Style, Ui};
use crate::diff::plain;
use crate::ops::Error;
use crate::ops::outdated::{self, Because, Outdated, Row};
use crate::pkg::Architecture;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs the verb. That something is outdated is no failure.
pub fn run(global: &Global, args: &args::Outdated, ui: &mut Ui) -> Result<Exit, Error> {
    let found = outdated::outdated(&mut super::session(global, ui), &args.manifests)?;
    let text = match ui.format() {
        Format::Json => super::pretty(&json!({"manifests": found.iter().map(manifest_json).collect::<Vec<_>>()})),
        Format::Markdown => found.iter().map(markdown).collect::<Vec<_>>().join("\n"),
        Format::Human => found.iter().map(|one| human(one, ui)).collect(),
    };
    for one in &found {
        super::lock::tell_unlisted(&one.unlisted, ui);
    }
    ui.result(&text);
    for one in &found {
        if let Some(error) = &one.unsolvable {
            ui.warn(&format!("an upgrade of `{}` has no solution, so nothing can be said of what it would take", one.manifest));
            ui.error(error, &crate::ops::blame::hints(error));
        }
    }
    Ok(Exit::Done)
}

fn heading(one: &Outdated) -> String {
    let outdated: BTreeSet<&str> = one.rows.iter().map(|row| row.versions.source.as_str()).collect();
    match outdated.len() {
        0 => format!("nothing newer for {} source packages", one.sources),
        count => format!("{count} of {} source packages have something newer", one.sources),
    }
}

/// The versions on the way to what an upgrade takes, and what it does not take.
fn way(row: &Row) -> (String, String) {
    let versions = &row.versions;
    let place = if versions.suite.is_empty() { versions.repo.clone() } else { format!("{} {}", versions.repo, versions.suite) };
    let moves = versions.candidate.as_ref().filter(|candidate| **candidate != versions.current);
    let taken = moves.map_or_else(|| versions.current.clone(), |candidate| format!("{} ► {candidate}", versions.current));
    let rest = match &versions.because {
        None if versions.candidate.is_some() => place,
        None => format!("{} in {place}", versions.newest),
        Some(because) => format!("{} in {place}: {because}", versions.newest),
    };
    (plain(&taken), plain(&rest))
}

/// Where it is so, in words.
fn places(row: &Row) -> String {
    let list = |arches: &BTreeSet<Architecture>| arches.iter().map(Architecture::deb_name).collect::<Vec<_>>().join(" ");
    row.images.iter().map(|(image, arches)| format!("{image} [{}]", list(arches))).collect::<Vec<_>>().join(", ")
}

fn human(one: &Outdated, ui: &Ui) -> String {
    let mut text = format!("{}: {}\n", ui.styled(Style::Strong, &one.manifest), heading(one));
    let width = one.rows.iter().map(|row| row.versions.source.len()).max().unwrap_or_default();
    for row in &one.rows {
        let (taken, rest) = way(row);
        let security = if row.versions.ordinary { String::new() } else { ui.styled(Style::Bad, "security ") };
        let source = &row.versions.source;
        let place = ui.styled(Style::Faint, &format!("({rest}; {})", places(row)));
        text.push_str(&format!("  {source:width$}  {taken}  {security}{place}\n"));
    }
    text
}

fn markdown(one: &Outdated) -> String {
    let mut text = format!("**{}**: {}\n", one.manifest, heading(one));
    if one.rows.is_empty() {
        return text;
    }
    text.push_str("\n| source package | locked | upgrade | newest | where | |\n|---|---|---|---|---|---|\n");
    for row in &one.rows {
        let versions = &row.versions;
        let cell = |text: &str| plain(text).replace('|', "\\|");
        let because = versions.because.as_ref().map(ToString::to_string);
        let notes: Vec<String> = (!versions.ordinary).then(|| "**security**".to_owned()).into_iter().chain(because).collect();
        let candidate = versions.candidate.as_deref().unwrap_or("–");
        text.push_str(&format!(
            "| `{}` | {} | {candidate} | {} ({} {}) | {} | {} |\n",
            versions.source,
            versions.current,
            versions.newest,
            versions.repo,
            versions.suite,
            cell(&places(row)),
            cell(&notes.join(", ")),
        ));
    }
    text
}

fn manifest_json(one: &Outdated) -> Value {
    let row = |row: &Row| {
        let versions = &row.versions;
        let images: serde_json::Map<String, Value> = row
            .images
            .iter()
            .map(|(image, arches)| (image.clone(), arches.iter().map(Architecture::deb_name).collect::<Vec<_>>().into()))
            .collect();
        json!({
            "source": versions.source,
            "packages": row.packages,
            "current": versions.current,
            "candidate": versions.candidate,
            "newest": versions.newest,
            "repo": versions.repo,
            "suite": versions.suite,
            "security": !versions.ordinary,
            "because": versions.because.as_ref().map(because_json),
            "images": images,
        })
    };
    json!({
        "manifest": one.manifest,
        "sources": one.sources,
        "unlisted": one.unlisted.iter().map(|kept| super::lock::unlisted(&one.manifest, kept)).collect::<Vec<_>>(),
        "unsolvable": one.unsolvable.as_ref().map(|error| super::failure::plain(error)),
        "outdated": one.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn because_json(because: &Because) -> Value {
    let mut value = match because {
        Because::Held { version, reason, until } => json!({"kind": "held", "version": version, "reason": reason, "until": until}),
        Because::TooYoung => json!({"kind": "too-young"}),
        Because::NotAutomatic => json!({"kind": "not-automatic"}),
        Because::Excluded => json!({"kind": "excluded"}),
        Because::Priority { repo } => json!({"kind": "priority", "repo": repo}),
        Because::Lagging => json!({"kind": "lagging"}),
        Because::Unfit => json!({"kind": "unfit"}),
    };
    value["text"] = json!(because.to_string());
    value
}
