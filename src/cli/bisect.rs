//! `pintree bisect`.

use super::args::{Bisect, Format, Global};
use super::ui::{Style, Ui};
use super::{Exit, build};
use crate::diff::{Changelog, SourceChange, plain};
use crate::ops::bisect::{self, Options, Report};
use crate::ops::{Choice, Error};
use serde_json::json;

/// Runs the verb.
pub fn run(global: &Global, args: &Bisect, ui: &mut Ui) -> Result<Exit, Error> {
    let options = Options {
        good: args.good.clone(),
        bad: args.bad.clone(),
        choice: Choice { images: args.images.clone(), arches: super::architectures(&args.arches)? },
        until: build::stage(args.until),
        jobs: args.jobs,
        command: args.command.clone(),
    };
    let report = bisect::bisect(&mut super::session(global, ui), &options)?;
    let text = match ui.format() {
        Format::Json => super::pretty(&as_json(&report)),
        Format::Human | Format::Markdown => human(&report, ui),
    };
    ui.result(&text);
    Ok(if report.skipped { Exit::Findings } else { Exit::Done })
}

fn human(report: &Report, ui: &Ui) -> String {
    let mut text = String::new();
    let several = report.skipped || report.commits.len() > 1;
    let names: Vec<String> = report.sources.iter().map(ToString::to_string).collect();
    let others = !report.other_files.is_empty();
    match &names[..] {
        [] if !others => {}
        [one] if !others => {
            text.push_str(&format!("{} {}\n", ui.styled(Style::Strong, "culprit:"), plain(one)));
            report.sources.iter().for_each(|source| changelog(source, &mut text));
        }
        _ => {
            let title = if several { "one of these:" } else { "these together:" };
            text.push_str(&format!("{}\n", ui.styled(Style::Strong, title)));
            names.iter().for_each(|name| text.push_str(&format!("  {}\n", plain(name))));
            report.other_files.iter().for_each(|path| text.push_str(&format!("  {}\n", plain(&path.display().to_string()))));
        }
    }
    let title = if report.commits.len() == 1 { "commit:" } else { "one of these commits:" };
    text.push_str(&format!("{}\n", ui.styled(Style::Strong, title)));
    for commit in &report.commits {
        text.push_str(&format!("  {} {}\n", &commit.id[..12.min(commit.id.len())], plain(&commit.subject)));
    }
    if report.skipped {
        text.push_str("trials in between were skipped, so it cannot be told which\n");
    }
    let plural = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let (commits, changes) = (plural(report.commits_searched, "commit"), plural(report.changes_searched, "change"));
    text.push_str(&format!("searched {commits} and {changes} with {}\n", plural(report.builds, "build")));
    text
}

/// What its changelog says of the change, as much as a person reads at once.
fn changelog(source: &SourceChange, text: &mut String) {
    const SHOWN: usize = 20;
    let entries = match &source.changelog {
        Changelog::None => return,
        Changelog::NotRead { reason } => {
            text.push_str(&format!("  changelog not read: {reason}\n"));
            return;
        }
        Changelog::Read { entries, .. } => entries,
    };
    let lines: Vec<String> = entries
        .iter()
        .flat_map(|entry| {
            let heading = format!("{} ({}) {}", source.name, entry.version, entry.distribution);
            std::iter::once(heading).chain(entry.lines.iter().cloned())
        })
        .collect();
    lines.iter().take(SHOWN).for_each(|line| text.push_str(&format!("    {}\n", plain(line))));
    if lines.len() > SHOWN {
        text.push_str(&format!("    … and {} lines more\n", lines.len() - SHOWN));
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    let commits: Vec<_> = report.commits.iter().map(|commit| json!({"commit": commit.id, "subject": commit.subject})).collect();
    let sources: Vec<_> = report.sources.iter().map(|source| json!({"source": source.name, "change": source.to_string(), "from": source.from, "to": source.to, "changelog": source.changelog})).collect();
    json!({
        "commits": commits,
        "sources": sources,
        "other-files": report.other_files,
        "narrowed": !report.skipped,
        "commits-searched": report.commits_searched,
        "changes-searched": report.changes_searched,
        "builds": report.builds,
    })
}
