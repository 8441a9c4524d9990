//! `pintree bisect`: which change made it fail? First over the commits that changed a lockfile, then over the package
//! changes inside the one that did it.
//!
//! Each trial is built in a copy of the project; a command, or the build itself, says whether it is good. What was said is
//! kept until the search has come to an end, so one that was interrupted goes on where it was.

mod judge;
mod record;

use super::blame::{self, Class};
use super::git::{Commit, Git};
use super::scratch::{Lockfiles, Scratch, Tried, Wanted};
use super::transition::{Order, Transition};
use super::{Choice, Error, Session, build};
use crate::culprit::{Search, Verdict};
use crate::diff::SourceChange;
use crate::plan::Stage;
use record::Record;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What to search, and who judges.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A revision that is known to be good; the one before the last commit that changed a lockfile if none is given.
    pub good: Option<String>,
    /// A revision that is known to be bad; `HEAD` if none is given.
    pub bad: Option<String>,
    /// Which images, for which architectures.
    pub choice: Choice,
    /// How far they are built.
    pub until: Stage,
    /// Steps that may use the processor at once.
    pub jobs: Option<usize>,
    /// The command that judges; the build itself if there is none.
    pub command: Vec<OsString>,
}

/// What the search came to.
#[derive(Debug)]
pub struct Report {
    /// The commit that did it; several where trials between them were skipped.
    pub commits: Vec<Commit>,
    /// How many commits were searched.
    pub commits_searched: usize,
    /// The package changes that did it: one, several that cannot be parted, or several because trials were skipped.
    pub sources: Vec<SourceChange>,
    /// How many changes were searched.
    pub changes_searched: usize,
    /// Whether the commit's other files did it, or may have: these.
    pub other_files: Vec<PathBuf>,
    /// Whether the answer is wider than it would be because trials were skipped.
    pub skipped: bool,
    /// How many trials were built.
    pub builds: usize,
}

/// Searches.
pub fn bisect(session: &mut Session<'_>, options: &Options) -> Result<Report, Error> {
    let root = session.project.root().to_owned();
    let git = Git::find(&root)?.ok_or(Error::NoCheckout { directory: root })?;
    let git = if session.offline { git.without_network() } else { git };
    let lockfiles = session.project.lockfile("").with_file_name("");
    let id = |revision: &str| git.resolve(revision)?.ok_or_else(|| Error::NoRevision { revision: revision.to_owned() });
    let bad_name = options.bad.as_deref().unwrap_or("HEAD");
    let bad = id(bad_name)?;
    let good_name = match &options.good {
        Some(good) => good.clone(),
        None => {
            let last = git.last_change(&bad, &lockfiles)?;
            let before = last.map(|commit| format!("{}~1", commit.id)).filter(|before| git.resolve(before).is_ok_and(|id| id.is_some()));
            before.ok_or_else(|| Error::NoChanges { good: None, bad: bad_name.to_owned() })?
        }
    };
    let good = id(&good_name)?;
    let commits = git.changes_of(&good, &bad, &lockfiles)?;
    if commits.is_empty() {
        return Err(Error::NoChanges { good: Some(good_name), bad: bad_name.to_owned() });
    }
    let mut scratch = Scratch::open(session, "bisect")?;
    let record = Record::open(scratch.file("verdicts"), &question(options, &good, &bad))?;
    let wanted = Wanted { choice: options.choice.clone(), until: options.until, jobs: options.jobs };
    let mut bench = Bench { session, git: &git, wanted, command: &options.command, record, builds: 0 };
    let searched = commits.len();
    let mut search = Search::new(0, commits.len());
    while let Some(at) = search.next() {
        let commit = &commits[at - 1];
        bench.tell(&search, &format!("commit {} {}", &commit.id[..12], commit.subject));
        let checked_out = scratch.check_out(bench.session, &git, &commit.id);
        let verdict = match checked_out.and_then(|()| bench.try_out(&scratch, &commit.id)) {
            Err(error) if is_unreadable(&error) => bench.skip(&commit.id, &error)?,
            other => other?,
        };
        search.tell(at, verdict);
    }
    let suspects = search.suspects();
    let found = commits[suspects].to_vec();
    let mut report = Report {
        skipped: found.len() > 1,
        commits: found,
        commits_searched: searched,
        sources: vec![],
        changes_searched: 0,
        other_files: vec![],
        builds: 0,
    };
    if let [commit] = &report.commits[..] {
        let commit = commit.id.clone();
        inside(&mut bench, &mut scratch, &commit, &mut report)?;
    }
    report.builds = bench.builds;
    bench.record.remove()?;
    scratch.remove()?;
    Ok(report)
}

/// Everything that the verdicts of a search depend on.
fn question(options: &Options, good: &str, bad: &str) -> String {
    format!("{good} {bad} {:?} {:?} {:?}", options.choice, options.until, options.command)
}

/// Searches the changes inside one commit.
fn inside(bench: &mut Bench<'_, '_>, scratch: &mut Scratch, commit: &str, report: &mut Report) -> Result<(), Error> {
    let before = bench.git.resolve(&format!("{commit}~1"))?.ok_or_else(|| Error::NoRevision { revision: format!("{commit}~1") })?;
    let project = bench.session.project.root().to_owned();
    let others = other_files(bench.git.files_between(&before, commit, directory(&project))?);
    let old = scratch.check_out(bench.session, bench.git, &before).and_then(|()| scratch.lockfiles());
    let old = match old {
        Err(error) if is_unreadable(&error) => {
            let commit = &before[..12];
            bench.session.talk.warn(&format!("the changes are not searched, since commit {commit} cannot be read: {}", told(&error)));
            report.skipped = true;
            return Ok(());
        }
        other => other?,
    };
    scratch.check_out(bench.session, bench.git, commit)?;
    let new = scratch.lockfiles()?;
    let order = Order { rank: &|_| 0, joins_additions: false };
    let transition = Transition::new(bench.session, scratch, old, new, &order)?;
    let units = transition.changes.units.len();
    // What comes with the commit's other files is the first change; without any there is none.
    let first = usize::from(!others.is_empty() || !transition.changes.given.is_empty());
    let mut search = Search::new(0, units + first);
    report.changes_searched = units + first;
    while let Some(at) = search.next() {
        let lockfiles = transition.lockfiles(&transition.changes.beginning(at - first))?;
        let names: Vec<String> = transition.changes.units[..at - first].iter().flat_map(|unit| &unit.sources).cloned().collect();
        bench.tell(&search, &some(&names));
        scratch.put(&lockfiles)?;
        let verdict = bench.try_out(scratch, &texts(commit, &lockfiles))?;
        search.tell(at, verdict);
    }
    let suspects = search.suspects();
    report.skipped = suspects.len() > 1;
    let mut sources = BTreeSet::new();
    for at in suspects {
        if at < first {
            report.other_files.clone_from(&others);
            sources.extend(transition.changes.given.iter().cloned());
        } else {
            sources.extend(transition.changes.units[at - first].sources.iter().cloned());
        }
    }
    report.sources = transition.reviewed(bench.session, scratch, &sources)?;
    Ok(())
}

/// Whether a commit is at fault: its manifests or lockfiles are not for this program, or have marks of a merge in them; or
/// not all of it is here.
fn is_unreadable(error: &Error) -> bool {
    !matches!(error, Error::NotInCommit { .. }) && matches!(blame::of(error).class, Class::Usage | Class::Lockfile)
}

/// An error and its causes on one line.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}

/// Files of a commit that images may depend on, besides lockfiles.
fn other_files(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let matters = |path: &PathBuf| !path.starts_with("lockfiles") && path.components().count() > 1 && !path.starts_with("docs");
    files.into_iter().filter(matters).collect()
}

fn directory(root: &Path) -> &Path {
    if root.as_os_str().is_empty() { Path::new(".") } else { root }
}

/// As many names as fit a line.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 6;
    match names.len() {
        0 => "with no package moved".to_owned(),
        1..=SHOWN => format!("with {}", names.join(", ")),
        more => format!("with {} and {} more", names[..SHOWN].join(", "), more - SHOWN),
    }
}

/// What tells one trial from another: the commit and the lockfiles.
fn texts(commit: &str, lockfiles: &Lockfiles) -> String {
    let texts: String = lockfiles.iter().map(|(name, lockfile)| format!("{name}\n{}", lockfile.render())).collect();
    format!("{commit}\n{texts}")
}

/// Where trials are built and judged.
struct Bench<'s, 'a> {
    session: &'s mut Session<'a>,
    git: &'s Git,
    wanted: Wanted,
    command: &'s [OsString],
    record: Record,
    builds: usize,
}

impl Bench<'_, '_> {
    fn tell(&mut self, search: &Search, what: &str) {
        let left = search.trials_left();
        let left = if left <= 1 { "the last one".to_owned() } else { format!("at most {left} left") };
        self.session.talk.status("Trying", &format!("{what} ({left})"));
    }

    /// Builds what lies in the copy and judges it, unless that was done in a run before.
    fn try_out(&mut self, scratch: &Scratch, trial: &str) -> Result<Verdict, Error> {
        if let Some(verdict) = self.record.verdict(trial) {
            self.session.talk.status("Known", word(verdict));
            return Ok(verdict);
        }
        if self.session.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        self.builds += 1;
        let (verdict, why) = match scratch.build(self.session, &self.wanted)? {
            Tried::Unavailable(failure) | Tried::Gone(failure, _) => (Verdict::Skip, failure.summary),
            Tried::Failed(failure) if self.command.is_empty() => (Verdict::Bad, failure.summary),
            // What cannot be built cannot be tried.
            Tried::Failed(failure) => (Verdict::Skip, failure.summary),
            Tried::Built(_) if self.command.is_empty() => (Verdict::Good, String::new()),
            Tried::Built(report) => (self.ask(scratch, &report)?, String::new()),
        };
        let why = if why.is_empty() { why } else { format!(": {why}") };
        self.session.talk.status("Judged", &format!("{}{why}", word(verdict)));
        self.record.add(trial, verdict)?;
        Ok(verdict)
    }

    /// Notes that a trial cannot be tried.
    fn skip(&mut self, trial: &str, error: &Error) -> Result<Verdict, Error> {
        self.session.talk.status("Judged", &format!("{}: {}", word(Verdict::Skip), told(error)));
        self.record.add(trial, Verdict::Skip)?;
        Ok(Verdict::Skip)
    }

    fn ask(&mut self, scratch: &Scratch, report: &build::Report) -> Result<Verdict, Error> {
        let mut all = Verdict::Good;
        for built in &report.images {
            match judge::run(self.session, self.command, scratch, built)? {
                Verdict::Good => {}
                Verdict::Bad => return Ok(Verdict::Bad),
                Verdict::Skip => all = Verdict::Skip,
            }
        }
        Ok(all)
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Bad => "bad",
        Verdict::Skip => "skipped",
    }
}
