//! The sentences that all forms of the report share.

use super::report::{
    Alert, Arrival, Changelog, Comparison, FileChange, FileChangeKind, Held, IdChange, ImageChange, Kind, SourceChange, Status, TreeChange,
};
use super::text::count;
use std::fmt;

impl Comparison {
    /// How much changed, in one line.
    pub fn headline(&self) -> String {
        match &self.renamed_from {
            Some(before) if self.status == Status::Unchanged => format!("renamed from `{before}`, nothing else changed"),
            Some(before) => format!("renamed from `{before}`, {}", self.change()),
            None => self.change(),
        }
    }

    fn change(&self) -> String {
        match self.status {
            Status::Added => return format!("new lockfile with {}", count(self.counts.sources, "source package", "source packages")),
            Status::Removed => return "the lockfile is gone".to_owned(),
            Status::Unchanged => return "nothing changed".to_owned(),
            Status::Changed => {}
        }
        let counts = &self.counts;
        let parts = [
            (counts.updated, "updated"),
            (counts.downgraded, "downgraded"),
            (counts.rebuilt, "rebuilt"),
            (counts.moved, "from another repository"),
            (counts.added, "added"),
            (counts.removed, "removed"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let mut text = match counts.sources {
            0 => "no source package changes".to_owned(),
            number => count(number, "source package changes", "source packages change"),
        };
        if counts.security > 0 {
            text.push_str(&format!(", {} of them for security", counts.security));
        }
        if !parts.is_empty() {
            text.push_str(&format!(": {parts}"));
        }
        if self.trust.iter().any(|change| change.weaker) {
            text.push_str("; less is checked than before");
        }
        text
    }

    /// What could not be looked into, as a sentence.
    pub fn unread(&self) -> Option<String> {
        /// Packages that are named.
        const NAMED: usize = 3;
        let packages = count(self.not_read.len(), "package is", "packages are");
        let text = format!(
            "Not read: {packages} not in the store, so scripts, privileges, services and sizes in them are not known: {}",
            some(&self.not_read, NAMED)
        );
        (!self.not_read.is_empty()).then_some(text)
    }

    /// Images with the same arrivals and departures, together.
    pub(super) fn image_groups(&self) -> Vec<(Vec<&str>, &ImageChange)> {
        let mut groups: Vec<(Vec<&str>, &ImageChange)> = vec![];
        let news =
            self.images.iter().filter(|image| image.status != Status::Changed || !image.added.is_empty() || !image.removed.is_empty());
        for image in news {
            // Few images differ in what came and went, however many there are.
            let same = |(_, other): &&mut (Vec<&str>, &ImageChange)| {
                image.status == Status::Changed
                    && (other.status, &other.added, &other.removed) == (image.status, &image.added, &image.removed)
            };
            match groups.iter_mut().find(same) {
                Some((names, _)) => names.push(&image.image),
                None => groups.push((vec![&image.image], image)),
            }
        }
        groups
    }
}

impl SourceChange {
    /// From which version to which.
    pub fn transition(&self) -> String {
        let (from, to) = (self.from.join(", "), self.to.join(", "));
        match self.kind {
            Kind::Added => to,
            Kind::Removed => format!("{from}, gone"),
            Kind::Moved => format!("{to} from {} instead of {}", self.to_repos.join(", "), self.from_repos.join(", ")),
            _ if from != to => format!("{from} ► {to}"),
            _ => format!("{to} rebuilt on {}", self.rebuilt_on().join(", ")),
        }
    }

    /// Why it stands where it stands, in one line.
    pub fn why(&self) -> String {
        /// Reasons that are told; the numbers of flaws may be many.
        const TOLD: usize = 5;
        some(&self.reasons(), TOLD)
    }

    /// The same, one by one: what it does at the start of the system, what went back in it, security repositories, numbers of
    /// flaws.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.role.map(|role| role.as_str().to_owned()).into_iter().collect();
        parts.extend(self.lowered.iter().cloned());
        if let Some(security) = &self.security {
            parts.extend(security.repos.iter().cloned());
            parts.extend(security.ids.iter().cloned());
        }
        parts
    }
}

impl Arrival {
    /// The package, with its architectures in brackets where it is not all of the image's.
    pub fn with_arches(&self) -> String {
        if self.everywhere { self.package.clone() } else { format!("{} [{}]", self.package, self.arches.join(" ")) }
    }
}

impl Changelog {
    /// At most `most` lines of it, and what there is besides.
    pub(super) fn excerpt(&self, most: usize) -> (Vec<String>, Option<String>) {
        let Self::Read { entries, left_out, complete } = self else { return (vec![], None) };
        let mut lines = vec![];
        for entry in entries {
            lines.push(format!("{} ({}; urgency={})", entry.version, entry.distribution, entry.urgency));
            lines.extend(entry.lines.iter().filter(|line| !line.is_empty()).map(|line| format!("  {line}")));
        }
        let more = lines.len().saturating_sub(most) + left_out;
        lines.truncate(most);
        let more = match (more, complete) {
            (0, true) => None,
            (0, false) if entries.is_empty() => Some("the changelog says nothing about it".to_owned()),
            (0, false) => Some("the changelog does not reach back to the old version".to_owned()),
            (more, _) => Some(format!("… and {}", count(more, "more line", "more lines"))),
        };
        (lines, more)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in {} ({})", self.kind.words(), self.subject, self.package, self.arches.join(", "))
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Names that are told.
        const TOLD: usize = 4;
        write!(f, "{} stays at {}", self.package, self.version)?;
        if let Some(until) = &self.until {
            write!(f, " until {until}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " ({reason})")?;
        }
        if self.new {
            f.write_str(", new")?;
        }
        match (self.pins.is_empty(), self.ahead.is_empty()) {
            (true, _) => f.write_str(": holds nothing here"),
            (false, true) => write!(f, ": holds {}", some(&self.pins, TOLD)),
            (false, false) => write!(f, ": holds {} back; {} of the same source went on", some(&self.pins, TOLD), some(&self.ahead, TOLD)),
        }
    }
}

/// The first ones, and how many more there are.
fn some(names: &[String], most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names[..names.len().min(most)].join(", "))
}

impl fmt::Display for IdChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{} {from} ► {to}", self.name),
            (None, Some(to)) => write!(f, "{} {to}, new", self.name),
            (Some(from), None) => write!(f, "{} {from}, gone", self.name),
            (None, None) => f.write_str(&self.name),
        }
    }
}

impl TreeChange {
    /// How much changed, in one line.
    pub fn headline(&self) -> String {
        format!("{} added, {} removed, {} changed", self.added, self.removed, self.changed)
    }
}

/// One line for each file: `+/path`, `-/path`, `~/path mode 0755 ► 4755`.
pub(super) fn tree_lines(files: &[FileChange]) -> Vec<String> {
    let line = |file: &FileChange| {
        let sign = match file.kind {
            FileChangeKind::Added => '+',
            FileChangeKind::Removed => '-',
            FileChangeKind::Changed => '~',
        };
        let note = file.note.as_ref().map(|note| format!("  {note}")).unwrap_or_default();
        format!("{sign} {}{note}", file.path)
    };
    files.iter().map(line).collect()
}
