//! The report for a change request.
//!
//! Package names and versions are code, and so is every text that a package supplies: in code no forge looks for markup,
//! mentions or numbers of issues. The text fits what forges accept; what had to go is counted.

use super::report::{Arrival, Changelog, Comparison, Group, ImageChange, Kind, Reason, Report, SourceChange, Status, TreeChange};
use super::text::{block, cell, code, count, growth, plain, short, size};
use super::tree_lines;
use std::fmt::Write as _;

/// How the report is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most bytes that the text may have.
    pub limit: usize,
}

impl Default for Options {
    /// GitHub takes 65,536 characters; some are left for what others add.
    fn default() -> Self {
        Self { limit: 60_000 }
    }
}

/// How much is told.
#[derive(Clone, Copy)]
struct Detail {
    /// Lines of each changelog.
    changelog: usize,
    /// Rows of each table and lines of each list.
    rows: usize,
}

/// From everything to next to nothing; the first that fits is taken.
const DETAILS: [Detail; 6] = [
    Detail { changelog: usize::MAX, rows: usize::MAX },
    Detail { changelog: 25, rows: usize::MAX },
    Detail { changelog: 8, rows: 400 },
    Detail { changelog: 0, rows: 200 },
    Detail { changelog: 0, rows: 50 },
    Detail { changelog: 0, rows: 10 },
];

/// Renders the report; empty if there is nothing to tell.
pub fn render(report: &Report, options: &Options) -> String {
    let mut text = String::new();
    for detail in DETAILS {
        text = page(report, detail, options.limit);
        if text.len() <= options.limit {
            return text;
        }
    }
    // Hundreds of manifests: headlines, as many as fit.
    let headlines = headlines(report);
    let room = options.limit.saturating_sub(200);
    let mut shown = 0;
    text.clear();
    for line in &headlines {
        if text.len() + line.len() > room {
            break;
        }
        text.push_str(line);
        shown += 1;
    }
    let more = headlines.len() - shown;
    if more > 0 {
        text.push_str(&format!("- … and {more} more\n"));
    }
    text.push_str("\nThe details are too long for this place; `pintree diff` shows them.\n");
    text
}

fn headlines(report: &Report) -> Vec<String> {
    let changed = report.comparisons.iter().filter(|comparison| !comparison.is_empty());
    let comparisons = changed.map(|comparison| format!("- {}: {}\n", code(&comparison.name), plain(&comparison.headline())));
    comparisons
        .chain(report.trees.iter().map(|tree| format!("- {} ► {}: {}\n", code(short(&tree.old)), code(short(&tree.new)), tree.headline())))
        .collect()
}

/// All of it; what is longer than `limit` anyway may end early.
fn page(report: &Report, detail: Detail, limit: usize) -> String {
    let mut page = Page { out: String::new(), detail, shortened: false };
    for comparison in report.comparisons.iter().filter(|comparison| !comparison.is_empty()) {
        if page.out.len() > limit {
            break;
        }
        page.comparison(comparison);
    }
    report.trees.iter().for_each(|tree| page.tree(tree));
    if page.shortened {
        page.out.push_str("\n*This text was shortened; `pintree diff` shows everything.*\n");
    }
    page.out
}

struct Page {
    out: String,
    detail: Detail,
    shortened: bool,
}

impl Page {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn heading(&mut self, level: usize, text: &str) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
        self.out.push_str(&format!("{} {text}\n\n", "#".repeat(level)));
    }

    fn comparison(&mut self, comparison: &Comparison) {
        self.heading(3, &format!("{}: {}", code(&comparison.name), plain(&comparison.headline())));
        match comparison.status {
            Status::Changed => {}
            Status::Added => return self.arrived(comparison),
            Status::Removed | Status::Unchanged => return,
        }
        for group in [Group::Security, Group::Boot, Group::Downgraded] {
            self.group(comparison, group);
        }
        self.alerts(comparison);
        self.images(comparison);
        for group in [Group::Added, Group::Removed, Group::Other] {
            self.collapsed(comparison, group);
        }
        self.sizes(comparison);
        let list = |lines: Vec<String>| lines.iter().map(|line| code(line)).collect::<Vec<_>>();
        let skew = comparison.skew.iter().map(|skew| format!("{skew}{}", if skew.new { " (new)" } else { "" })).collect();
        self.list("Versions that differ between images or architectures", &list(skew));
        self.holds_and_trust(comparison);
        self.list("What the manifest asks for", &list(comparison.steering.clone()));
        self.list("Users and groups", &list(comparison.ids.iter().map(ToString::to_string).collect()));
        self.unread(comparison);
    }

    /// Of a new lockfile: what no list of packages shows.
    fn arrived(&mut self, comparison: &Comparison) {
        self.alerts(comparison);
        self.holds_and_trust(comparison);
        self.unread(comparison);
    }

    fn holds_and_trust(&mut self, comparison: &Comparison) {
        self.list("Holds", &comparison.holds.iter().map(|held| code(&held.to_string())).collect::<Vec<_>>());
        let trust = |change: &super::TrustChange| format!("{}{}", if change.weaker { "⚠️ " } else { "" }, code(&change.text));
        self.list("Trust", &comparison.trust.iter().map(trust).collect::<Vec<_>>());
    }

    fn unread(&mut self, comparison: &Comparison) {
        if let Some(text) = comparison.unread() {
            let (sentence, names) = text.rsplit_once(": ").unwrap_or((&text, ""));
            self.push(&format!("\n{}: {}\n", plain(sentence), code(names)));
        }
    }

    fn list(&mut self, title: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.heading(4, title);
        let kept = lines.len().min(self.detail.rows);
        lines[..kept].iter().for_each(|line| self.push(&format!("- {line}\n")));
        self.more(lines.len() - kept);
    }

    /// Tells how many rows had to go.
    fn more(&mut self, more: usize) {
        if more > 0 {
            self.shortened = true;
            self.push(&format!("\n… and {more} more\n"));
        }
    }

    fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        self.push(&format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len())));
        let kept = rows.len().min(self.detail.rows);
        rows[..kept].iter().for_each(|row| self.push(&format!("| {} |\n", row.join(" | "))));
        self.more(rows.len() - kept);
    }

    /// What can be opened.
    fn details(&mut self, summary: &str, body: impl FnOnce(&mut Self)) {
        // The blank lines make what is inside Markdown again.
        let before = if self.out.ends_with("\n\n") { "" } else { "\n" };
        self.push(&format!("{before}<details><summary>{summary}</summary>\n\n"));
        body(self);
        self.push("\n</details>\n");
    }

    fn group(&mut self, comparison: &Comparison, group: Group) {
        let sources: Vec<&SourceChange> = comparison.group(group).collect();
        if sources.is_empty() {
            return;
        }
        self.heading(4, group.title());
        let why = if group == Group::Security { "why" } else { "what" };
        let row =
            |source: &&SourceChange| vec![cell(&source.name), from(source), to(source), cells(&source.reasons()), cells(&source.images)];
        self.table(&["source", "from", "to", why, "images"], &sources.iter().map(row).collect::<Vec<_>>());
        let kept = sources.len().min(self.detail.rows);
        sources[..kept].iter().for_each(|source| self.changelog(source));
    }

    fn changelog(&mut self, source: &SourceChange) {
        let name = html(&source.name);
        match &source.changelog {
            Changelog::None => {}
            Changelog::NotRead { reason } => self.push(&format!("\nChangelog of {} not read: {}\n", code(&source.name), plain(reason))),
            Changelog::Read { .. } if self.detail.changelog == 0 => self.shortened = true,
            Changelog::Read { .. } => {
                let (lines, more) = source.changelog.excerpt(self.detail.changelog);
                let cut = more.as_ref().is_some_and(|more| more.starts_with('…')) && self.detail.changelog < super::changelog::LINES;
                self.shortened |= cut;
                self.details(&format!("changelog of <code>{name}</code>"), |page| {
                    if !lines.is_empty() {
                        page.push(&block(&lines));
                    }
                    if let Some(more) = more {
                        page.push(&format!("\n{more}\n"));
                    }
                });
            }
        }
    }

    fn alerts(&mut self, comparison: &Comparison) {
        let row = |alert: &super::Alert| {
            let mark = if alert.kind.is_privilege() { "⚠️ " } else { "" };
            vec![format!("{mark}{}", alert.kind.words()), cell(&alert.subject), cell(&alert.package), cells(&alert.arches)]
        };
        let rows: Vec<Vec<String>> = comparison.alerts().into_iter().map(row).collect();
        if !rows.is_empty() {
            self.heading(4, "Look twice");
            self.table(&["what", "which", "package", "architectures"], &rows);
        }
    }

    fn images(&mut self, comparison: &Comparison) {
        let groups = comparison.image_groups();
        if groups.is_empty() {
            return;
        }
        self.heading(4, "Packages that came and went");
        let mut rows = vec![];
        let mut whole = vec![];
        for (images, change) in groups {
            let names = images.iter().map(|name| cell(name)).collect::<Vec<_>>().join(", ");
            match change.status {
                Status::Changed | Status::Unchanged => {
                    rows.extend(change.added.iter().map(|arrival| arrived(&names, "+", arrival)));
                    rows.extend(change.removed.iter().map(|arrival| arrived(&names, "−", arrival)));
                }
                Status::Added => whole.push(format!("new image {names}: {}", packages(change))),
                Status::Removed => whole.push(format!("image {names} gone")),
            }
        }
        if !rows.is_empty() {
            self.table(&["image", "", "package", "version", "because"], &rows);
            self.push("\n");
        }
        let kept = whole.len().min(self.detail.rows);
        whole[..kept].iter().for_each(|line| self.push(&format!("- {line}\n")));
        self.more(whole.len() - kept);
    }

    fn collapsed(&mut self, comparison: &Comparison, group: Group) {
        let sources: Vec<&SourceChange> = comparison.group(group).collect();
        if sources.is_empty() {
            return;
        }
        self.details(&format!("{} ({})", group.title(), sources.len()), |page| {
            let row = |source: &&SourceChange| vec![cell(&source.name), from(source), to(source), cells(&source.images)];
            page.table(&["source", "from", "to", "images"], &sources.iter().map(row).collect::<Vec<_>>());
            let kept = sources.len().min(page.detail.rows);
            sources[..kept].iter().for_each(|source| {
                if matches!(source.changelog, Changelog::Read { .. }) {
                    page.changelog(source);
                }
            });
        });
    }

    fn sizes(&mut self, comparison: &Comparison) {
        let rows = comparison.images.iter().flat_map(|image| {
            image.rows.iter().map(|row| {
                let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "not known".to_owned());
                vec![
                    cell(&image.image),
                    cell(&row.arch),
                    row.packages.to_string(),
                    or_unknown(row.download.zip(row.download_change).map(|(all, change)| format!("{} ({})", size(all), growth(change)))),
                    or_unknown(row.fetch.map(size)),
                    or_unknown(row.installed_change.map(growth)),
                ]
            })
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            self.heading(4, "Size");
            self.table(&["image", "architecture", "packages", "download", "to fetch", "installed"], &rows);
        }
    }

    fn tree(&mut self, tree: &TreeChange) {
        self.heading(3, &format!("Files of {} ► {}: {}", code(short(&tree.old)), code(short(&tree.new)), tree.headline()));
        let kept = tree.packages.len().min(self.detail.rows);
        for package in &tree.packages[..kept] {
            let name = package.package.as_deref().map_or_else(|| "of no package".to_owned(), |name| format!("<code>{}</code>", html(name)));
            self.details(&format!("{name} ({})", count(package.files.len(), "file", "files")), |page| {
                let lines = tree_lines(&package.files);
                let kept = lines.len().min(page.detail.rows);
                page.push(&block(&lines[..kept]));
                page.more(lines.len() - kept);
            });
        }
        self.more(tree.packages.len() - kept);
    }
}

fn from(source: &SourceChange) -> String {
    cells(&source.from)
}

fn to(source: &SourceChange) -> String {
    let versions = cells(&source.to);
    match source.kind {
        Kind::Removed => "gone".to_owned(),
        Kind::Rebuilt => format!("{versions} rebuilt on {}", cells(&source.rebuilt_on())),
        Kind::Moved => format!("{versions} from {} instead of {}", cells(&source.to_repos), cells(&source.from_repos)),
        Kind::Added | Kind::Updated | Kind::Downgraded => versions,
    }
}

/// Several texts in one cell.
fn cells<T: AsRef<str>>(texts: &[T]) -> String {
    /// Texts that are shown; a source may be in a thousand images.
    const SHOWN: usize = 8;
    let mut out = texts.iter().take(SHOWN).map(|text| cell(text.as_ref())).collect::<Vec<_>>().join(", ");
    if texts.len() > SHOWN {
        write!(out, " and {} more", texts.len() - SHOWN).expect("writing to a string does not fail");
    }
    out
}

fn arrived(images: &str, sign: &str, arrival: &Arrival) -> Vec<String> {
    let reason = match &arrival.reason {
        Reason::Known { .. } => cell(&arrival.reason.to_string()),
        Reason::NotKnown { reason } => format!("not known: {}", cell(reason)),
    };
    vec![images.to_owned(), sign.to_owned(), cell(&arrival.with_arches()), cell(&arrival.version), reason]
}

fn packages(change: &ImageChange) -> String {
    let rows = change.rows.iter().map(|row| format!("{} on {}", count(row.packages, "package", "packages"), cell(&row.arch)));
    rows.collect::<Vec<_>>().join(", ")
}

/// Text inside of HTML.
fn html(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "&#64;")
}
