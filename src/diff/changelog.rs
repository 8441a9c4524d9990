//! Debian changelogs, as deb-changelog(5) describes them: the entries between two versions, and the flaws they name.

use super::report::{Changelog, Entry};
use super::text::plain;
use crate::pkg::version;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Lines that are kept of one source package's changes.
pub const LINES: usize = 80;

/// Characters that are kept of one line.
const LINE: usize = 300;

/// The entries of a changelog that are newer than `old` and not newer than `new`, and the numbers of flaws in them.
///
/// The numbers come from all of these entries, the text is bounded. What is no changelog gives no entry.
pub fn between(text: &str, old: &str, new: &str) -> (Changelog, Vec<String>) {
    let (mut entries, mut ids) = (vec![], BTreeSet::new());
    let (mut kept, mut left_out) = (0, 0);
    let (sections, complete) = sections(text, |version| version::compare(version, old) != Ordering::Greater);
    for (heading, lines) in sections {
        if version::compare(heading.version, new) == Ordering::Greater {
            continue;
        }
        let mut entry = Entry {
            version: plain(heading.version),
            distribution: plain(heading.distribution),
            urgency: plain(heading.urgency),
            lines: vec![],
        };
        let lines = trimmed(&lines);
        for line in &lines {
            flaws(line, &mut ids);
            let rest = without_closes(line);
            // Nothing but a bullet or a full stop was left of the line.
            if rest != line.trim_end() && !rest.contains(char::is_alphanumeric) {
                continue;
            }
            if kept == LINES {
                left_out += 1;
                continue;
            }
            kept += 1;
            entry.lines.push(shortened(&plain(&rest)));
        }
        // An entry of which no line is left is no more than a heading; thousands of them would crowd everything else out.
        if entry.lines.is_empty() && (kept == LINES || entries.len() >= LINES) {
            left_out += usize::from(lines.is_empty());
            continue;
        }
        entries.push(entry);
    }
    (Changelog::Read { entries, left_out, complete }, ids.into_iter().collect())
}

/// Tells whether a text is the Debian changelog of a source package: upstream's have other forms, or other names.
pub fn is_of(text: &str, source: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty());
    first.is_some_and(|line| line.split_once(" (").is_some_and(|(name, _)| name == source) && heading(line).is_some())
}

struct Heading<'a> {
    version: &'a str,
    distribution: &'a str,
    urgency: &'a str,
}

/// Each entry's heading and its lines, in the file's order, up to the first version that is old enough; and whether there
/// is one. A changelog may be long, and what is new in it is at its beginning.
fn sections(text: &str, is_old: impl Fn(&str) -> bool) -> (Vec<(Heading<'_>, Vec<&str>)>, bool) {
    let mut found: Vec<(Heading<'_>, Vec<&str>)> = vec![];
    for line in text.lines() {
        if let Some(heading) = heading(line) {
            if is_old(heading.version) {
                return (found, true);
            }
            found.push((heading, vec![]));
        } else if let Some((_, lines)) = found.last_mut()
            && (line.starts_with("  ") || line.trim().is_empty())
        {
            lines.push(line);
        }
    }
    (found, false)
}

/// Reads `PACKAGE (VERSION) DISTRIBUTIONS; KEY=VALUE, …`.
fn heading(line: &str) -> Option<Heading<'_>> {
    if !line.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let (package, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let (distribution, metadata) = rest.split_once(';')?;
    if package.contains(char::is_whitespace) || version.parse::<crate::pkg::DebVersion>().is_err() {
        return None;
    }
    let field = |pair: &str| pair.split_once('=').filter(|(key, _)| key.trim().eq_ignore_ascii_case("urgency")).is_some();
    let urgency = metadata.split(',').find(|pair| field(pair)).and_then(|pair| pair.split_once('=')).map_or("", |(_, value)| value);
    Some(Heading { version, distribution: distribution.trim(), urgency: urgency.split_whitespace().next().unwrap_or_default() })
}

/// The lines without empty ones at both ends and without repeated ones between.
fn trimmed<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = vec![];
    for line in lines.iter().map(|line| line.trim_end()) {
        if !line.is_empty() || kept.last().is_some_and(|last| !last.is_empty()) {
            kept.push(line.strip_prefix("  ").unwrap_or(line));
        }
    }
    if kept.last().is_some_and(|last| last.is_empty()) {
        kept.pop();
    }
    kept
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= LINE { line.to_owned() } else { line.chars().take(LINE - 1).chain(std::iter::once('…')).collect() }
}

/// Collects what looks like the number of a flaw: `CVE-2026-12345`, `DSA-6000-1`, `DLA-4000-1`, `USN-7000-1`.
fn flaws(line: &str, found: &mut BTreeSet<String>) {
    let upper = line.to_ascii_uppercase();
    for (prefix, numbers, least) in [("CVE-", 2, 4), ("DSA-", 1, 3), ("DLA-", 1, 3), ("USN-", 1, 3)] {
        for (at, _) in upper.match_indices(prefix) {
            if upper[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-') {
                continue;
            }
            let rest = &upper[at + prefix.len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
            let parts: Vec<&str> = rest[..end].trim_end_matches('-').split('-').collect();
            let sound = parts.iter().all(|part| (1..=9).contains(&part.len()));
            let long_enough = parts.get(numbers - 1).is_some_and(|part| part.len() >= least);
            if sound && long_enough && (prefix != "CVE-" || parts.len() == 2 && parts[0].len() == 4) && parts.len() <= 2 {
                found.insert(format!("{prefix}{}", parts.join("-")));
            }
        }
    }
}

/// A line without the bugs it closes, in Debian's and Ubuntu's way: `(Closes: #1, #2)`, `LP: #3`.
fn without_closes(line: &str) -> String {
    let mut line = line.to_owned();
    for word in ["closes:", "lp:"] {
        while let Some((start, end)) = closing(&line, word) {
            let (mut start, mut end) = (start, end);
            if line[..start].ends_with('(') && line[end..].starts_with(')') {
                (start, end) = (start - 1, end + 1);
            }
            let (before, after) = (line[..start].trim_end(), &line[end..]);
            // The indent of a line that begins with it stays.
            let before = if before.is_empty() { &line[..start] } else { before };
            line = format!("{before}{after}");
        }
    }
    line.trim_end().to_owned()
}

/// Where `WORD #1, bug#2` begins and ends.
fn closing(line: &str, word: &str) -> Option<(usize, usize)> {
    let lower = line.to_ascii_lowercase();
    let starts = lower.match_indices(word).map(|(at, _)| at);
    for start in starts.filter(|at| !lower[..*at].ends_with(|c: char| c.is_ascii_alphanumeric())) {
        let mut end = start + word.len();
        let mut closed = None;
        while let Some(length) = bug(&lower[end..]) {
            end += length;
            closed = Some(end);
            let rest = &lower[end..];
            let blank = rest.len() - rest.trim_start().len();
            match rest[blank..].strip_prefix(',') {
                Some(_) => end += blank + 1,
                None => break,
            }
        }
        if let Some(end) = closed {
            return Some((start, end));
        }
    }
    None
}

/// The length of ` #123`, ` bug#123` or ` 123` at the start of a text.
fn bug(text: &str) -> Option<usize> {
    let rest = text.trim_start();
    let rest = rest.strip_prefix("bug").unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix('#').unwrap_or(rest).trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some(text.len() - rest.len() + digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
openssl (3.5.6-1~deb13u2) trixie-security; urgency=medium

  * CVE-2026-31415: fix a read behind the end (Closes: #1100001, #1100002)
  * Also cve-2026-2718, not ACVE-2026-9999 nor CVE-26-1.
    Closes: #7.

 -- Ann <ann@example.org>  Mon, 05 Jan 2026 10:00:00 +0000

openssl (3.5.6-1~deb13u1) trixie; urgency=high, binary-only=yes

  [ Bob ]
  * New upstream version; see DSA-6000-1 and USN-7000-2.


  * Drop a \x1b[31mpatch (LP: #99).

 -- Bob <bob@example.org>  Mon, 01 Dec 2025 10:00:00 +0000

openssl (3.5.5-1) unstable; urgency=low

  * CVE-2025-1111

 -- Ann <ann@example.org>  Mon, 01 Sep 2025 10:00:00 +0000
";

    fn lines(changelog: &Changelog) -> String {
        let Changelog::Read { entries, left_out, complete } = changelog else { panic!("{changelog:?}") };
        let entry = |entry: &Entry| format!("{} {} {}\n{}", entry.version, entry.distribution, entry.urgency, entry.lines.join("\n"));
        format!("{}\n{left_out} left out, complete {complete}", entries.iter().map(entry).collect::<Vec<_>>().join("\n--\n"))
    }

    #[test]
    fn reads_what_is_between_two_versions() {
        let (changelog, ids) = between(TEXT, "3.5.5-1", "3.5.6-1~deb13u2");
        insta::assert_snapshot!(lines(&changelog), @"
        3.5.6-1~deb13u2 trixie-security medium
        * CVE-2026-31415: fix a read behind the end
        * Also cve-2026-2718, not ACVE-2026-9999 nor CVE-26-1.
        --
        3.5.6-1~deb13u1 trixie high
        [ Bob ]
        * New upstream version; see DSA-6000-1 and USN-7000-2.

        * Drop a �[31mpatch.
        0 left out, complete true
        ");
        assert_eq!(ids, ["CVE-2026-2718", "CVE-2026-31415", "DSA-6000-1", "USN-7000-2"]);
    }

    #[test]
    fn says_whether_it_reaches_the_old_version() {
        let complete = |old: &str| matches!(between(TEXT, old, "3.5.6-1~deb13u2").0, Changelog::Read { complete: true, .. });
        assert!(complete("3.5.5-1") && complete("3.5.5-2"));
        assert!(!complete("3.5.4-1"), "the changelog was cut before that version");
        let (changelog, ids) = between("no changelog (at all)\n  * x\n", "1", "2");
        assert_eq!((lines(&changelog).as_str(), ids.len()), ("\n0 left out, complete false", 0));
    }

    #[test]
    fn is_bounded_and_finds_flaws_beyond_the_bound() {
        let long = format!("  * {}\n", "x".repeat(5000)).repeat(500);
        let text = format!("a (2) x; urgency=low\n\n{long}  * CVE-2026-0001\n\n -- A <a@b>  date\n\na (1) x; urgency=low\n");
        let (changelog, ids) = between(&text, "1", "2");
        let Changelog::Read { entries, left_out, complete } = changelog else { panic!() };
        assert_eq!((entries[0].lines.len(), left_out, complete), (LINES, 501 - LINES, true));
        assert!(entries[0].lines.iter().all(|line| line.chars().count() <= LINE));
        assert_eq!(ids, ["CVE-2026-0001"]);
    }

    #[test]
    fn years_of_entries_are_bounded_too() {
        for body in ["  * x\n  * y", ""] {
            let entry = |version: usize| format!("a (1.{version}) x; urgency=low\n\n{body}\n\n -- A <a@b>  date\n\n");
            let text: String = (1..=3000).rev().map(entry).collect();
            let Changelog::Read { entries, left_out, complete } = between(&text, "1.1", "1.3000").0 else { panic!() };
            let kept: usize = entries.iter().map(|entry| entry.lines.len().max(1)).sum();
            let all = 2999 * if body.is_empty() { 1 } else { 2 };
            assert_eq!((kept, left_out, complete), (LINES, all - LINES, true));
            assert_eq!(entries[0].version, "1.3000");
        }
    }

    proptest! {
        #[test]
        fn noise_is_bounded(lines in proptest::collection::vec(
            prop_oneof!["[^\n]{0,400}", Just("a (2-1) x; urgency=low".to_owned()), "  .{0,30}(closes:|LP:|CVE-)[ #0-9,bug-]{0,20}"], 0..150)) {
            let (changelog, ids) = between(&lines.join("\n"), "1", "3");
            let Changelog::Read { entries, .. } = changelog else { panic!() };
            let kept: Vec<&String> = entries.iter().flat_map(|entry| &entry.lines).collect();
            prop_assert!(kept.len() <= LINES && kept.iter().all(|line| line.chars().count() <= LINE && !line.chars().any(char::is_control)));
            prop_assert!(ids.iter().all(|id| id.len() < 30));
        }
    }

    #[test]
    fn noise_is_no_panic() {
        for text in ["closes:", "closes: #", "Closes:#1,", "é closes: bug é", "lp:lp: #1", "(closes: 1)(closes: 2)", "CVE-", "CVE-2026-"]
        {
            let _line = without_closes(text);
            flaws(text, &mut BTreeSet::new());
        }
        assert_eq!(without_closes("* x (Closes: #1) y (closes: Bug#2, 3)"), "* x y");
        assert_eq!(without_closes("* this closes: nothing"), "* this closes: nothing");
    }
}
