//! `pintree bot`.

use super::Exit;
use super::args::{Bot, Format, Global, Only};
use super::build;
use super::ui::Ui;
use crate::manifest::Author;
use crate::ops::Error;
use crate::ops::bot::{self, HeldBack, Options, Outcome, Report};
use crate::ops::lock::{self, Upgrade};
use serde_json::json;

/// Runs the verb.
pub fn run(global: &Global, args: &Bot, ui: &mut Ui) -> Result<Exit, Error> {
    let author = |text: &String| Author::parse(text).ok_or_else(|| Error::Author { text: text.clone() });
    let upgrade = match args.only {
        Some(Only::Security) => Upgrade::Security,
        None => Upgrade::All,
    };
    let options = Options {
        base: args.base.clone(),
        branch: args.branch.clone(),
        author: args.author.as_ref().map(author).transpose()?,
        lock: lock::Options {
            upgrade,
            at: args.at,
            min_age: args.min_age,
            allow_downgrade: args.allow_downgrade,
            ..lock::Options::default()
        },
        until: build::stage(args.until),
        jobs: args.jobs,
        push: args.push.clone(),
        push_options: args.push_option.clone(),
        dry_run: args.dry_run,
        message_only: args.message_only,
    };
    let report = bot::bot(&mut super::session(global, ui), &options)?;
    if !args.message_only {
        tell(&report, ui);
    }
    match ui.format() {
        Format::Json => ui.result(&super::pretty(&as_json(&report))),
        Format::Human | Format::Markdown => ui.result(&report.message),
    }
    // No branch shows this one to anybody.
    Ok(if report.outcome == Outcome::AllHeld { Exit::Findings } else { Exit::Done })
}

fn tell(report: &Report, ui: &mut Ui) {
    let branch = &report.branch;
    report.unlisted.iter().for_each(|one| ui.warn(one));
    match report.outcome {
        Outcome::Nothing => ui.status("Unchanged", "every lockfile is as new as it can be"),
        Outcome::Unchanged => ui.status("Unchanged", &format!("`{branch}` has it all already")),
        Outcome::Updated => ui.status("Wrote", &format!("`{branch}`")),
        Outcome::WouldUpdate => ui.status("Would write", &format!("`{branch}`")),
        Outcome::AllHeld => ui.warn("nothing goes through tonight"),
    }
    for commit in &report.commits {
        let id = commit.id.as_ref().map(|id| format!("{} ", &id[..id.len().min(12)])).unwrap_or_default();
        ui.note(&format!("           {id}{}", commit.message.lines().next().unwrap_or_default()));
    }
    for held in &report.held {
        let with = if held.with.is_empty() { String::new() } else { format!(" (and with it {})", held.with.join(", ")) };
        ui.warn(&format!("held back tonight: {}{with}: {}", held.changes.join(", "), held.why));
        held.log.iter().for_each(|line| ui.always(&format!("  {line}")));
    }
    for waiting in &report.waiting {
        if waiting.security { ui.warn(&waiting.text) } else { ui.note(&format!("           {}", waiting.text)) }
    }
    if !report.untried.is_empty() {
        ui.warn(&format!("not tried tonight, the builds were used up: {}", report.untried.join(", ")));
    }
    if report.builds > 0 {
        ui.note(&format!("           {} build{}", report.builds, if report.builds == 1 { "" } else { "s" }));
    }
    if let Some(remote) = &report.pushed {
        ui.status("Pushed", &format!("to {}", without_userinfo(remote)));
    }
}

/// A remote that is given as a URL may hold a password.
fn without_userinfo(remote: &str) -> String {
    match remote.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
            format!("`{scheme}://{}{path}`", host.rsplit('@').next().unwrap_or_default())
        }
        None => format!("`{remote}`"),
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    let outcome = match report.outcome {
        Outcome::Nothing => "nothing",
        Outcome::Unchanged => "unchanged",
        Outcome::Updated => "updated",
        Outcome::WouldUpdate => "would-update",
        Outcome::AllHeld => "all-held",
    };
    let commits: Vec<_> = report
        .commits
        .iter()
        .map(|commit| json!({"commit": commit.id, "group": commit.group, "sources": commit.sources, "message": commit.message}))
        .collect();
    let held = |held: &HeldBack| json!({"changes": held.changes, "with": held.with, "why": held.why, "log": held.log});
    json!({
        "outcome": outcome,
        "unlisted": report.unlisted,
        "branch": report.branch,
        "commits": commits,
        "held": report.held.iter().map(held).collect::<Vec<_>>(),
        "untried": report.untried,
        "waiting": report.waiting.iter().map(|waiting| json!({"text": waiting.text, "security": waiting.security})).collect::<Vec<_>>(),
        "builds": report.builds,
        "pushed": report.pushed.as_deref().map(without_userinfo),
        "message": report.message,
    })
}
