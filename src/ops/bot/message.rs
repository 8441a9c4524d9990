//! What the bot says of an update: to those who read commits, and to those who review the change.

use super::branch::{ATTEMPT, HELD, INDEX, MARK, SECURITY, UNLISTED, WAITS, trailer};
use super::builds::Held;
use crate::diff::{self, SourceChange, plain};
use crate::ops::git::Record;
use crate::ops::scratch::sentence;
use std::collections::BTreeSet;

/// Characters of a commit's first line.
const SUBJECT: usize = 72;

/// Lines of a failed step that are shown.
const LOG: usize = 20;

/// A change that stays where it was, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// What would have changed: `bad 1.0 ► 2.0`.
    pub changes: Vec<String>,
    /// What stays with it.
    pub with: Vec<String>,
    /// Why, in one line.
    pub why: String,
    /// The last lines of the log.
    pub log: Vec<String>,
}

impl HeldBack {
    /// Describes it; `describe` gives the changes of source packages.
    pub fn new(held: &Held, describe: impl Fn(&BTreeSet<String>) -> Vec<SourceChange>) -> Self {
        let lines = held.failure.messages.iter().flat_map(|message| message.lines()).skip(1);
        // Messages have what a script printed four columns in.
        let lines: Vec<String> =
            lines.filter(|line| !line.trim().is_empty()).map(|line| plain(line.strip_prefix("    ").unwrap_or(line))).collect();
        Self {
            changes: describe(&held.sources).iter().map(|change| plain(&change.to_string())).collect(),
            with: held.with.iter().cloned().collect(),
            why: plain(&sentence(&held.failure)),
            log: lines[lines.len().saturating_sub(LOG)..].to_vec(),
        }
    }

    /// What a trailer says of it.
    fn line(&self) -> String {
        let with = if self.with.is_empty() { String::new() } else { format!(" (and with it {})", self.with.join(", ")) };
        format!("{}{with}: {}", self.changes.join(", "), self.why)
    }
}

/// All that one night came to.
pub struct Night<'n> {
    /// What identifies the indexes: `REPOSITORY SUITE DATE SHA256`, one each.
    pub indexes: &'n [String],
    /// What no index has any more and stays, one sentence each.
    pub unlisted: &'n [String],
    /// What stays.
    pub held: &'n [HeldBack],
    /// What was not tried.
    pub untried: &'n BTreeSet<String>,
    /// What is new and not taken, and holds that have run out, one sentence each.
    pub waiting: &'n [String],
}

/// The message of one commit; `attempt` stands in the last one.
pub fn commit(group: &str, changes: &[SourceChange], report: &diff::Report, night: &Night<'_>, attempt: Option<&str>) -> String {
    let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    let mut text = format!("{}\n\n", subject(group, &names));
    changes.iter().for_each(|change| text.push_str(&format!("{}\n", plain(&change.to_string()))));
    text.push_str(&format!("\n{MARK}: {group}\n"));
    for source in report.comparisons.iter().flat_map(|comparison| &comparison.sources) {
        if let Some(security) =
            source.security.as_ref().filter(|security| !security.ids.is_empty() && names.contains(&source.name.as_str()))
        {
            text.push_str(&format!("{SECURITY}: {} {}\n", source.name, plain(&security.ids.join(", "))));
        }
    }
    night.indexes.iter().for_each(|index| text.push_str(&format!("{INDEX}: {}\n", plain(index))));
    if let Some(attempt) = attempt {
        night.unlisted.iter().for_each(|one| text.push_str(&format!("{UNLISTED}: {}\n", plain(one))));
        night.held.iter().for_each(|held| text.push_str(&format!("{HELD}: {}\n", held.line())));
        night.waiting.iter().for_each(|waits| text.push_str(&format!("{WAITS}: {}\n", plain(waits))));
        text.push_str(&format!("{ATTEMPT}: {attempt}\n"));
    }
    text
}

fn subject(group: &str, names: &[&str]) -> String {
    let mut subject = format!("update {group}: ");
    if names.is_empty() {
        return format!("{subject}lockfiles");
    }
    for (at, name) in names.iter().enumerate() {
        let more = names.len() - at;
        let tail = format!(" and {more} more");
        let separator = if at == 0 { "" } else { ", " };
        let room = SUBJECT - if more > 1 { tail.len() } else { 0 };
        if at > 0 && subject.len() + separator.len() + name.len() > room {
            return subject + &tail;
        }
        subject.push_str(separator);
        subject.push_str(name);
    }
    subject
}

/// The text of the change request: what no index has any more first, then what stays, then what changes, then from which indexes.
pub fn request(report: &diff::Report, night: &Night<'_>) -> String {
    let mut text = String::new();
    if !night.unlisted.is_empty() {
        text.push_str("## Gone from the indexes, and kept\n\n");
        night.unlisted.iter().for_each(|one| text.push_str(&format!("- {}\n", diff::code(one))));
        text.push('\n');
    }
    if !night.held.is_empty() {
        text.push_str("## Held back tonight\n\n");
    }
    for held in night.held {
        let with = if held.with.is_empty() { String::new() } else { format!(" (and with it {})", codes(&held.with)) };
        text.push_str(&format!("- {}{with}: {}\n", codes(&held.changes), diff::code(&held.why)));
        if !held.log.is_empty() {
            text.push_str(&format!(
                "\n  <details><summary>the last lines of its log</summary>\n\n{}\n  </details>\n\n",
                indented(&diff::block(&held.log))
            ));
        }
    }
    if !night.waiting.is_empty() {
        text.push_str("## Holds, and what waits\n\n");
        night.waiting.iter().for_each(|waits| text.push_str(&format!("- {}\n", diff::code(waits))));
    }
    if !night.untried.is_empty() {
        let names: Vec<String> = night.untried.iter().cloned().collect();
        text.push_str(&format!("## Not tried tonight\n\n{}: the night's builds were used up.\n", codes(&names)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&diff::markdown::render(report, &diff::markdown::Options::default()));
    if !night.indexes.is_empty() {
        text.push_str("\n## Indexes\n\n| repository | suite | date | SHA-256 |\n|---|---|---|---|\n");
        for index in night.indexes {
            let cells: Vec<String> = index.splitn(4, ' ').map(diff::cell).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    text
}

fn codes(names: &[String]) -> String {
    names.iter().map(|name| diff::code(name)).collect::<Vec<_>>().join(", ")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// What the commits of a branch tell of their night. The log of a failed step is not among it.
#[derive(Default)]
pub struct Told {
    /// What identifies the indexes.
    pub indexes: Vec<String>,
    /// What no index has any more and stays.
    pub unlisted: Vec<String>,
    /// What stays.
    pub held: Vec<HeldBack>,
    /// What is new and not taken.
    pub waiting: Vec<String>,
}

/// Reads what the commits of a branch tell of their night.
pub fn told(commits: &[Record]) -> Told {
    let Some(last) = commits.last() else { return Told::default() };
    let held = trailer(&last.message, HELD).map(|line| {
        let (change, why) = line.split_once(": ").unwrap_or((line, ""));
        let (change, with) = change.strip_suffix(')').and_then(|change| change.split_once(" (and with it ")).unwrap_or((change, ""));
        let words = |list: &str| list.split(", ").filter(|word| !word.is_empty()).map(str::to_owned).collect();
        HeldBack { changes: words(change), with: words(with), why: why.to_owned(), log: vec![] }
    });
    let all = |name| trailer(&last.message, name).map(str::to_owned).collect();
    Told { indexes: all(INDEX), unlisted: all(UNLISTED), held: held.collect(), waiting: all(WAITS) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_of_the_length_that_lists_show() {
        assert_eq!(subject("rest", &["a"]), "update rest: a");
        let names: Vec<String> = (0..30).map(|number| format!("package{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(subject("security", &names), "update security: package0, package1, package2, package3 and 26 more");
        assert_eq!(subject("rest", &["a-package-with-a-name-that-is-longer-than-any-line-should-be-on-a-terminal-screen"]).len(), 94);
    }
}
