//! The report for a terminal.

use super::report::{Arrival, Changelog, Comparison, Group, ImageChange, Kind, Reason, Report, SourceChange, Status, TreeChange};
use super::text::{count, growth, plain, short, size, wrapped};
use super::tree_lines;

/// How the report is printed.
pub struct Options<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// Lines of a changelog that are shown for each source package.
    pub changelog: usize,
    /// Makes text stand out.
    pub paint: &'a dyn Fn(Look, &str) -> String,
}

/// How a part stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Headings and names.
    Strong,
    /// What explains.
    Faint,
    /// What came.
    Good,
    /// What went, went back, or is dangerous.
    Bad,
}

/// Renders the report; empty if there is nothing to tell.
pub fn render(report: &Report, options: &Options<'_>) -> String {
    let mut page = Page { out: String::new(), options };
    for comparison in report.comparisons.iter().filter(|comparison| !comparison.is_empty()) {
        page.comparison(comparison);
    }
    report.trees.iter().for_each(|tree| page.tree(tree));
    page.out
}

struct Page<'a> {
    out: String,
    options: &'a Options<'a>,
}

impl Page<'_> {
    fn paint(&self, look: Look, text: &str) -> String {
        (self.options.paint)(look, text)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A line of plain words, broken where the terminal ends.
    fn words(&mut self, look: Option<Look>, text: &str, indent: usize) {
        for line in wrapped(&plain(text), self.options.width, indent).lines() {
            let line = look.map_or_else(|| line.to_owned(), |look| self.paint(look, line));
            self.line(&line);
        }
    }

    fn heading(&mut self, text: &str) {
        let heading = self.paint(Look::Strong, text);
        self.line(&format!("\n{heading}"));
    }

    fn comparison(&mut self, comparison: &Comparison) {
        if !self.out.is_empty() {
            self.line("");
        }
        let title = format!("{}: {}", plain(&comparison.name), comparison.headline());
        self.words(Some(Look::Strong), &title, 2);
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
        self.rest(comparison);
        self.sizes(comparison);
        let skew: Vec<String> = comparison.skew.iter().map(|skew| format!("{skew}{}", if skew.new { " (new)" } else { "" })).collect();
        self.list("Versions that differ between images or architectures", &skew);
        self.holds_and_trust(comparison);
        self.list("What the manifest asks for", &comparison.steering);
        self.list("Users and groups", &comparison.ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        self.unread(comparison);
    }

    /// Of a new lockfile: what no list of packages shows.
    fn arrived(&mut self, comparison: &Comparison) {
        self.alerts(comparison);
        self.holds_and_trust(comparison);
        self.unread(comparison);
    }

    fn holds_and_trust(&mut self, comparison: &Comparison) {
        self.list("Holds", &comparison.holds.iter().map(ToString::to_string).collect::<Vec<_>>());
        if !comparison.trust.is_empty() {
            self.heading("Trust");
            for change in &comparison.trust {
                self.words(change.weaker.then_some(Look::Bad), &format!("  {}", change.text), 4);
            }
        }
    }

    fn unread(&mut self, comparison: &Comparison) {
        if let Some(text) = comparison.unread() {
            self.line("");
            self.words(Some(Look::Faint), &text, 2);
        }
    }

    fn list(&mut self, title: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.heading(title);
            lines.iter().for_each(|line| self.words(None, &format!("  {line}"), 4));
        }
    }

    fn group(&mut self, comparison: &Comparison, group: Group) {
        if comparison.group(group).next().is_none() {
            return;
        }
        self.heading(group.title());
        for source in comparison.group(group) {
            self.source(source);
            self.changelog(source);
        }
    }

    fn source(&mut self, source: &SourceChange) {
        let look = match source.kind {
            Kind::Downgraded | Kind::Removed => Look::Bad,
            _ if source.group == Group::Downgraded => Look::Bad,
            _ => Look::Good,
        };
        let (name, transition, why) = (plain(&source.name), plain(&source.transition()), plain(&source.why()));
        let text = format!("  {} {transition}", self.paint(look, &name));
        let length = [&name, &transition, &why].map(|part| part.chars().count()).iter().sum::<usize>();
        if why.is_empty() {
            self.line(&text);
        } else if length + 5 <= self.options.width {
            let why = self.paint(Look::Faint, &why);
            self.line(&format!("{text}  {why}"));
        } else {
            self.line(&text);
            self.words(Some(Look::Faint), &format!("      {why}"), 6);
        }
    }

    fn changelog(&mut self, source: &SourceChange) {
        match &source.changelog {
            Changelog::None => {}
            Changelog::NotRead { reason } => self.words(Some(Look::Faint), &format!("      changelog not read: {reason}"), 8),
            Changelog::Read { .. } => {
                let (lines, more) = source.changelog.excerpt(self.options.changelog);
                lines.iter().for_each(|line| self.words(Some(Look::Faint), &format!("      {line}"), 10));
                if let Some(more) = more {
                    self.words(Some(Look::Faint), &format!("      {more}"), 8);
                }
            }
        }
    }

    fn alerts(&mut self, comparison: &Comparison) {
        let alerts = comparison.alerts();
        if alerts.is_empty() {
            return;
        }
        self.heading("Look twice");
        for alert in alerts {
            self.words(alert.kind.is_privilege().then_some(Look::Bad), &format!("  {alert}"), 4);
        }
    }

    fn images(&mut self, comparison: &Comparison) {
        let groups = comparison.image_groups();
        if groups.is_empty() {
            return;
        }
        self.heading("Packages that came and went");
        for (images, change) in groups {
            self.words(Some(Look::Strong), &format!("  {}", title(&images, change)), 4);
            if change.status == Status::Changed {
                self.arrivals('+', Look::Good, &change.added);
                self.arrivals('-', Look::Bad, &change.removed);
            }
        }
    }

    fn arrivals(&mut self, sign: char, look: Look, arrivals: &[Arrival]) {
        for arrival in arrivals {
            let name = self.paint(look, &format!("{sign}{}", plain(&arrival.with_arches())));
            self.line(&format!("    {name} {}", plain(&arrival.version)));
            self.words(Some(Look::Faint), &format!("        {}", arrival.reason), 10);
        }
    }

    /// Everything that needs no words.
    fn rest(&mut self, comparison: &Comparison) {
        for group in [Group::Added, Group::Removed, Group::Other] {
            if comparison.group(group).next().is_some() {
                self.heading(&format!("{} ({})", group.title(), comparison.group(group).count()));
                comparison.group(group).for_each(|source| self.source(source));
            }
        }
    }

    fn sizes(&mut self, comparison: &Comparison) {
        if comparison.images.is_empty() {
            return;
        }
        self.heading("Size");
        let mut rows = vec![];
        for image in &comparison.images {
            for row in &image.rows {
                rows.push([
                    plain(&image.image),
                    row.arch.clone(),
                    count(row.packages, "package", "packages"),
                    row.download_text(),
                    row.installed_text(),
                ]);
            }
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths = [0, 1, 2, 3].map(width);
        for row in &rows {
            let cells: Vec<String> = widths.iter().zip(row).map(|(width, cell)| format!("{cell:<width$}")).collect();
            self.line(format!("  {}  {}", cells.join("  "), row[4]).trim_end());
        }
    }

    fn tree(&mut self, tree: &TreeChange) {
        if !self.out.is_empty() {
            self.line("");
        }
        let title = format!("files of {} ► {}: {}", plain(short(&tree.old)), plain(short(&tree.new)), tree.headline());
        self.words(Some(Look::Strong), &title, 2);
        for package in &tree.packages {
            self.heading(&plain(package.package.as_deref().unwrap_or("of no package")));
            for line in tree_lines(&package.files) {
                let look = match line.chars().next() {
                    Some('+') => Some(Look::Good),
                    Some('-') => Some(Look::Bad),
                    _ => None,
                };
                let line = plain(&line);
                let line = look.map_or_else(|| line.clone(), |look| self.paint(look, &line));
                self.line(&format!("  {line}"));
            }
        }
    }
}

/// The images of a group and what happened to them.
fn title(images: &[&str], change: &ImageChange) -> String {
    let (names, noun) = (images.join(", "), if images.len() == 1 { "image" } else { "images" });
    let size = || change.rows.iter().map(|row| format!("{} on {}", count(row.packages.max(row.removed), "package", "packages"), row.arch));
    match change.status {
        Status::Added => format!("new {noun} {names}: {}", size().collect::<Vec<_>>().join(", ")),
        Status::Removed => format!("{noun} {names} gone"),
        Status::Changed | Status::Unchanged => format!("{noun} {names}"),
    }
}

impl super::Row {
    /// The download's size and how it changed.
    fn download_text(&self) -> String {
        match (self.download, self.download_change, self.fetch) {
            (Some(all), Some(change), Some(fetch)) => format!("download {} ({}, {} to fetch)", size(all), growth(change), size(fetch)),
            _ => String::new(),
        }
    }

    fn installed_text(&self) -> String {
        self.installed_change.map_or_else(|| "installed not known".to_owned(), |change| format!("installed {}", growth(change)))
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known { asked, chain } if chain.is_empty() => write!(f, "{asked}"),
            Self::Known { asked, chain } => write!(f, "{asked}: {}", chain.join(" ► ")),
            Self::NotKnown { reason } => write!(f, "reason not known: {reason}"),
        }
    }
}
