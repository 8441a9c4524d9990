//! `pintree bot`: the lockfiles brought up to date on a branch of their own, built, one commit a group.
//!
//! Everything happens in a copy of the base commit and with git's plumbing: the user's work tree, index and branches are as
//! they were, whatever state they are in. Each run starts from the base anew, so a base that has moved is never merged as
//! text. With nothing to do, nothing is written.

mod branch;
mod builds;
mod groups;
mod message;
mod writing;

use super::git::Git;
use super::scratch::{Lockfiles, Scratch, Wanted};
use super::transition::{Order, Transition};
use super::{Error, Session, diff as comparison, lock};
use crate::diff;
use crate::manifest::{Author, BotRules, is_branch};
use crate::pkg::Sha256;
use crate::plan::Stage;
use branch::Branch;
use builds::{Bench, Landing};
use groups::Groups;
use message::Night;
use std::collections::BTreeSet;

pub use message::HeldBack;

/// What to do.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The revision to start from; `HEAD` if none is given.
    pub base: Option<String>,
    /// The branch, in place of that of `bot.toml`.
    pub branch: Option<String>,
    /// The author, in place of that of `bot.toml`.
    pub author: Option<Author>,
    /// How the lockfiles are brought up to date.
    pub lock: lock::Options,
    /// How far images are built.
    pub until: Stage,
    /// Steps that may use the processor at once.
    pub jobs: Option<usize>,
    /// The remote to push to; nothing is pushed without.
    pub push: Option<String>,
    /// Options for the remote.
    pub push_options: Vec<String>,
    /// Build, and write no commit.
    pub dry_run: bool,
    /// Only tell: of the branch that is there, else of what would be tried.
    pub message_only: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The lockfiles are as new as they can be.
    Nothing,
    /// The branch has it all already.
    Unchanged,
    /// The branch was written.
    Updated,
    /// It would have been written.
    WouldUpdate,
    /// All that is new stays where it was.
    AllHeld,
}

/// A commit on the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its id; none where nothing was written.
    pub id: Option<String>,
    /// The groups in it.
    pub group: String,
    /// Its whole message.
    pub message: String,
    /// The source packages that it moves.
    pub sources: Vec<String>,
}

/// Something new that the lockfiles do not get, and why; or a hold that has run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// In one sentence.
    pub text: String,
    /// Whether it is a security update.
    pub security: bool,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// What became of it.
    pub outcome: Outcome,
    /// What stays although no index has it any more, one sentence each.
    pub unlisted: Vec<String>,
    /// The branch.
    pub branch: String,
    /// The commits on it, the oldest first.
    pub commits: Vec<Written>,
    /// What stays where it was.
    pub held: Vec<HeldBack>,
    /// What was not tried.
    pub untried: Vec<String>,
    /// What holds and slower architectures keep out.
    pub waiting: Vec<Waiting>,
    /// How often something was built.
    pub builds: usize,
    /// Where it was pushed to.
    pub pushed: Option<String>,
    /// The text of the change request, in Markdown; empty if there is none.
    pub message: String,
}

/// Where a project has its rules.
const RULES: &str = "bot.toml";

/// As long as a night has built no more than this, each group's commit is built by itself.
const PROOFS: usize = 8;

/// Brings the lockfiles up to date.
pub fn bot(session: &mut Session<'_>, options: &Options) -> Result<Report, Error> {
    let root = session.project.root().to_owned();
    let git = Git::find(&root)?.ok_or(Error::NoCheckout { directory: root })?;
    if session.offline && options.push.is_some() {
        return Err(Error::OfflinePush);
    }
    let git = if session.offline { git.without_network() } else { git };
    let base_name = options.base.as_deref().unwrap_or("HEAD");
    let base = git.resolve(base_name)?.ok_or_else(|| Error::NoRevision { revision: base_name.to_owned() })?;
    let mut scratch = Scratch::open(session, "bot")?;
    scratch.check_out(session, &git, &base)?;
    let mut rules = BotRules::load(&scratch.project().root().join(RULES), &session.project.root().join(RULES))?;
    if let Some(author) = &options.author {
        rules.author = author.clone();
    }
    let name = branch_name(session, options, &rules)?;
    let mut run = Run { git: &git, base, name, rules, options };
    let (local, remote) = run.branches()?;
    // The remote's branch is the one that people see; without a remote it is the one here.
    let there = if options.push.is_some() { &remote } else { &local };
    if options.message_only
        && let Some(branch) = there
    {
        return run.message_of(session, &mut scratch, branch);
    }
    run.update(session, &mut scratch, &local, &remote)
}

fn branch_name(session: &Session<'_>, options: &Options, rules: &BotRules) -> Result<String, Error> {
    let day = jiff::Timestamp::try_from(session.now).map(|now| now.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let name = options.branch.as_ref().unwrap_or(&rules.branch).replace("{date}", &day);
    if is_branch(&name) { Ok(name) } else { Err(Error::BranchName { name }) }
}

struct Run<'r> {
    git: &'r Git,
    base: String,
    name: String,
    rules: BotRules,
    options: &'r Options,
}

/// A commit to be made: its groups, its lockfiles, its message.
struct Planned {
    group: String,
    lockfiles: Lockfiles,
    sources: BTreeSet<String>,
    message: String,
}

impl Run<'_> {
    /// The bot's branch here and at the remote, if it is there and has something that the base has not.
    fn branches(&self) -> Result<(Option<Branch>, Option<Branch>), Error> {
        let read = |tip: Option<String>| match tip {
            None => Ok(None),
            Some(tip) => Branch::read(self.git, &self.name, &tip, &self.base, &self.rules.author),
        };
        let local = read(self.git.branch(&self.name)?)?;
        let remote = match &self.options.push {
            Some(remote) => read(self.git.remote_branch(remote, &self.name)?)?,
            None => None,
        };
        if !self.options.message_only && self.git.is_checked_out(&self.name)? {
            return Err(Error::CheckedOut { branch: self.name.clone() });
        }
        Ok((local, remote))
    }

    fn report(&self, outcome: Outcome) -> Report {
        Report {
            outcome,
            unlisted: vec![],
            branch: self.name.clone(),
            commits: vec![],
            held: vec![],
            untried: vec![],
            waiting: vec![],
            builds: 0,
            pushed: None,
            message: String::new(),
        }
    }

    /// The message of a branch that was written before.
    fn message_of(&mut self, session: &mut Session<'_>, scratch: &mut Scratch, branch: &Branch) -> Result<Report, Error> {
        scratch.check_out(session, self.git, &branch.base)?;
        let old = scratch.lockfiles()?;
        scratch.check_out(session, self.git, &branch.tip)?;
        let new = scratch.lockfiles()?;
        let message::Told { indexes, unlisted, held, waiting } = message::told(&branch.commits);
        let compared = compare(session, scratch, &old, &new)?;
        let untried = BTreeSet::new();
        let night = Night { indexes: &indexes, unlisted: &unlisted, held: &held, untried: &untried, waiting: &waiting };
        let message = message::request(&compared, &night);
        Ok(Report { message, unlisted, held, ..self.report(Outcome::Unchanged) })
    }

    fn update(
        &mut self,
        session: &mut Session<'_>,
        scratch: &mut Scratch,
        local: &Option<Branch>,
        remote: &Option<Branch>,
    ) -> Result<Report, Error> {
        let old = scratch.lockfiles()?;
        let options = lock::Options { dry_run: true, ..self.options.lock.clone() };
        let mut inner = scratch.session(session);
        let locked = lock::lock(&mut inner, &options)?;
        // Where past states were read, packages come from there.
        locked.iter().try_for_each(|one| lock::record(&inner, &one.manifest, &one.indexes))?;
        let (waiting, indexes) = (waiting(&locked), indexes(&locked));
        let unlisted = unlisted(&locked);
        let report = |outcome| Report { waiting: waiting.clone(), unlisted: unlisted.clone(), ..self.report(outcome) };
        let new: Lockfiles = locked.into_iter().map(|locked| (locked.manifest, locked.lockfile)).collect();
        if new.iter().all(|(name, new)| old.get(name).is_some_and(|old| old.render() == new.render())) {
            return Ok(report(Outcome::Nothing));
        }
        let attempt = self.attempt(&old, &new);
        let is_same = |branch: &&Branch| branch.base == self.base && branch.attempt() == Some(&attempt);
        if let Some(branch) = remote.as_ref().or(local.as_ref()).filter(is_same).filter(|_| !self.options.message_only) {
            let mut report = report(Outcome::Unchanged);
            if remote.is_none() && self.options.push.is_some() && !self.options.dry_run {
                // A branch that nobody was shown yet needs its text, as much as a new one.
                let told = self.message_of(session, scratch, branch)?;
                (report.message, report.held) = (told.message, told.held);
                report.pushed = self.push(&branch.tip, None)?;
            }
            return Ok(report);
        }
        let sentences: Vec<String> = waiting.iter().map(|waiting| waiting.text.clone()).collect();
        // What changed is read from the packages themselves.
        scratch.import_all(session, &[&new, &old])?;
        let compared = compare(session, scratch, &old, &new)?;
        if self.options.message_only {
            let untried = BTreeSet::new();
            let night = Night { indexes: &indexes, unlisted: &unlisted, held: &[], untried: &untried, waiting: &sentences };
            return Ok(Report { message: message::request(&compared, &night), ..report(Outcome::WouldUpdate) });
        }
        let rules = self.rules.clone();
        let groups = Groups::new(&rules, &compared);
        let order = Order { rank: &|source| groups.rank(source), joins_additions: true };
        let transition = Transition::new(session, scratch, old.clone(), new, &order)?;
        let wanted = Wanted { until: self.options.until, jobs: self.options.jobs, ..Wanted::default() };
        let mut bench = Bench::new(scratch, wanted, &transition, self.rules.builds);
        let landing = builds::land(session, &mut bench)?;
        let held: Vec<HeldBack> = landing.held.iter().map(|held| HeldBack::new(held, |sources| transition.described(sources))).collect();
        let planned = self.plan(session, &mut bench, &old, &groups, &landing)?;
        let mut report = report(Outcome::AllHeld);
        report.builds = bench.builds;
        report.untried = landing.untried.iter().cloned().collect();
        report.held.clone_from(&held);
        let night = Night { indexes: &indexes, unlisted: &unlisted, held: &held, untried: &landing.untried, waiting: &sentences };
        let Some(last) = planned.last().map(|planned| planned.lockfiles.clone()) else {
            report.message = message::request(&diff::Report::default(), &night);
            return Ok(report);
        };
        let compared = compare(session, scratch, &old, &last)?;
        report.message = message::request(&compared, &night);
        let planned = self.with_messages(planned, &transition, &compared, &night, &attempt);
        self.write(session, scratch, planned, (local, remote), report)
    }

    /// What a branch is made from: where it starts, what would be new, and by which rules.
    fn attempt(&self, old: &Lockfiles, new: &Lockfiles) -> String {
        let texts = |lockfiles: &Lockfiles| -> String {
            lockfiles.iter().map(|(name, lockfile)| format!("{name}\n{}\n", lockfile.render())).collect()
        };
        let text = format!("{}\n{}\n{}\n{:?}\n{:?}", self.base, texts(old), texts(new), self.rules, self.options.until);
        Sha256::of(text.as_bytes()).to_hex()
    }

    /// One commit for each group; a group that was not built by itself shares the commit of the next.
    fn plan(
        &self,
        session: &mut Session<'_>,
        bench: &mut Bench<'_>,
        old: &Lockfiles,
        groups: &Groups<'_>,
        landing: &Landing,
    ) -> Result<Vec<Planned>, Error> {
        let mut row = bench.transition.changes.clone();
        row.units.clone_from(&landing.units);
        let ends = groups.ends(&row.units);
        // What moves in any case moves with the first commit.
        let (mut planned, mut names, mut from) = (Vec::<Planned>::new(), groups.names(&row.given), 0);
        for (end, name) in ends {
            if !names.contains(&name) && (names.is_empty() || !row.units.is_empty()) {
                names.push(name);
            }
            let moved = row.beginning(end);
            let is_last = end == row.units.len();
            if !is_last && bench.builds < PROOFS {
                bench.build(session, &moved)?;
            }
            let Some(lockfiles) = bench.built(&moved).cloned() else { continue };
            let before = planned.last().map_or(old, |planned| &planned.lockfiles);
            if lockfiles.iter().any(|(name, lockfile)| before.get(name) != Some(lockfile)) {
                let given = if from == 0 { row.given.clone() } else { BTreeSet::new() };
                let sources = row.units[from..end].iter().flat_map(|unit| unit.sources.clone()).chain(given).collect();
                planned.push(Planned { group: names.join(", "), lockfiles, sources, message: String::new() });
            }
            names.clear();
            from = end;
        }
        Ok(planned)
    }

    fn with_messages(
        &self,
        mut planned: Vec<Planned>,
        transition: &Transition,
        compared: &diff::Report,
        night: &Night<'_>,
        attempt: &str,
    ) -> Vec<Planned> {
        let last = planned.len().saturating_sub(1);
        for (at, one) in planned.iter_mut().enumerate() {
            let changes = transition.described(&one.sources);
            one.message = message::commit(&one.group, &changes, compared, night, (at == last).then_some(attempt));
        }
        planned
    }
}

/// What stays although no index has it any more.
fn unlisted(locked: &[lock::Locked]) -> Vec<String> {
    let all: BTreeSet<String> = locked.iter().flat_map(|locked| &locked.unlisted).map(|one| diff::plain(&one.to_string())).collect();
    all.into_iter().collect()
}

/// What is new and not taken, and holds that have run out: security updates that a hold keeps out first.
fn waiting(locked: &[lock::Locked]) -> Vec<Waiting> {
    let holds = locked.iter().flat_map(|locked| &locked.blocked);
    let holds = holds.map(|blocked| Waiting { text: diff::plain(&blocked.to_string()), security: blocked.security });
    let slower = locked.iter().flat_map(|locked| &locked.lagging);
    let slower = slower.map(|lagging| Waiting { text: diff::plain(&lagging.to_string()), security: false });
    let over = locked.iter().flat_map(|locked| &locked.expired);
    let over = over.map(|expired| Waiting { text: diff::plain(&expired.to_string()), security: false });
    let mut all: Vec<Waiting> = holds.chain(over).chain(slower).collect();
    all.sort_by_key(|waiting| !waiting.security);
    all
}

/// Everything that differs between two sets of lockfiles, for people. All that can be read is here by now.
fn compare(session: &mut Session<'_>, scratch: &Scratch, old: &Lockfiles, new: &Lockfiles) -> Result<diff::Report, Error> {
    scratch.put(new)?;
    let mut all = diff::Report { old: "before".to_owned(), new: "after".to_owned(), ..diff::Report::default() };
    let mut inner = scratch.session(session);
    inner.offline = true;
    for (name, lockfile) in new {
        let report = comparison::lockfiles(&mut inner, name, old.get(name), lockfile)?;
        all.comparisons.extend(report.comparisons);
    }
    Ok(all)
}

/// What identifies the indexes that were read, without where they came from.
fn indexes(locked: &[lock::Locked]) -> Vec<String> {
    let line = |suite: &serde_json::Value| {
        let word = |key: &str| suite[key].as_str().unwrap_or("-").replace(char::is_whitespace, "_");
        format!("{} {} {} {}", word("repo"), word("suite"), word("date"), word("sha256"))
    };
    let suites = locked.iter().filter_map(|one| one.indexes.as_array()).flatten();
    suites.map(line).collect::<BTreeSet<_>>().into_iter().collect()
}
