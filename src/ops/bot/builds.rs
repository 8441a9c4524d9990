//! What goes through: all changes if they build, else all but those that are to blame.
//!
//! The whole is built first. If it fails, the package that the failed step names is the first suspect, and what is left
//! after it is tried as soon as that costs no trial in the worst case; else halving finds the change that did it. It stays
//! where it was, with all that needs it, and the rest is tried again.

use crate::culprit::{Changes, Search, Unit, Verdict};
use crate::lock::Id;
use crate::ops::scratch::{Failure, Lockfiles, Scratch, Tried, Wanted, sentence};
use crate::ops::transition::Transition;
use crate::ops::{Error, Session};
use std::collections::{BTreeMap, BTreeSet};

/// How many trials a search may take where halving needs fewer: with the whole before it and what is left after it that is
/// eight builds for one bad package among up to 64.
const TRIALS: u32 = 6;

/// Changes that stay where they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The source packages that are to blame.
    pub sources: BTreeSet<String>,
    /// Those that cannot move without them.
    pub with: BTreeSet<String>,
    /// What failed.
    pub failure: Failure,
}

/// What goes through.
#[derive(Clone, Debug, Default)]
pub struct Landing {
    /// The changes, in their order.
    pub units: Vec<Unit>,
    /// What stays.
    pub held: Vec<Held>,
    /// What was not tried because there were no builds left.
    pub untried: BTreeSet<String>,
}

/// Where beginnings of the changes are built.
pub struct Bench<'b> {
    /// Where they are built.
    pub scratch: &'b Scratch,
    /// What is built.
    pub wanted: Wanted,
    /// The changes.
    pub transition: &'b Transition,
    /// How often at most.
    pub limit: usize,
    /// How often so far.
    pub builds: usize,
    done: BTreeMap<BTreeSet<String>, Result<Lockfiles, Failure>>,
    ids: BTreeMap<String, BTreeMap<String, Id>>,
}

impl<'b> Bench<'b> {
    /// Nothing is built yet.
    pub fn new(scratch: &'b Scratch, wanted: Wanted, transition: &'b Transition, limit: usize) -> Self {
        Self { scratch, wanted, transition, limit, builds: 0, done: BTreeMap::new(), ids: BTreeMap::new() }
    }

    /// Builds with some source packages moved, unless that was done before. `None` if there are no builds left.
    pub fn build(&mut self, session: &mut Session<'_>, moved: &BTreeSet<String>) -> Result<Option<&Result<Lockfiles, Failure>>, Error> {
        if !self.done.contains_key(moved) {
            if self.builds >= self.limit {
                return Ok(None);
            }
            self.builds += 1;
            let built = self.build_anew(session, moved)?;
            self.done.insert(moved.clone(), built);
        }
        Ok(self.done.get(moved))
    }

    fn build_anew(&mut self, session: &mut Session<'_>, moved: &BTreeSet<String>) -> Result<Result<Lockfiles, Failure>, Error> {
        let mut lockfiles = self.transition.lockfiles(moved)?;
        for (name, lockfile) in &mut lockfiles {
            // A number that one build gave to a name is the same in every commit.
            let mut ids = self.ids.get(name).cloned().unwrap_or_default();
            ids.extend(lockfile.ids().clone());
            lockfile.set_ids(ids);
        }
        self.scratch.put(&lockfiles)?;
        let count = moved.len();
        session.talk.status("Trying", &format!("{count} moved source package{}, build {}", if count == 1 { "" } else { "s" }, self.builds));
        match self.scratch.build(session, &self.wanted)? {
            Tried::Built(_) => {
                let lockfiles = self.scratch.lockfiles()?;
                for (name, lockfile) in &lockfiles {
                    self.ids.insert(name.clone(), lockfile.ids().clone());
                }
                Ok(Ok(lockfiles))
            }
            Tried::Unavailable(failure) => Err(Error::Unbuildable { summary: failure.summary }),
            // What the indexes list and no mirror has yet is no fault of the package; what was locked long ago may be gone for good.
            Tried::Gone(failure, error) if failure.steps.iter().any(|step| self.transition.is_new(step)) => Err(error),
            Tried::Failed(failure) | Tried::Gone(failure, _) => Ok(Err(failure)),
        }
    }

    /// What a build that was done gave.
    pub fn built(&self, moved: &BTreeSet<String>) -> Option<&Lockfiles> {
        self.done.get(moved)?.as_ref().ok()
    }

    /// The changed source packages that failed steps name.
    fn named(&self, failure: &Failure) -> Named {
        let of_step = |(step, message): (&String, &String)| -> BTreeSet<String> {
            let imported = step.strip_prefix("import ").and_then(|rest| rest.split(' ').next());
            // What a script printed names whatever it likes.
            let first = message.lines().next().unwrap_or_default();
            let quoted = first.split('`').skip(1).step_by(2).map(|word| word.split([':', ' ']).next().unwrap_or_default());
            imported.into_iter().chain(quoted).filter_map(|name| self.transition.source_of(name)).collect()
        };
        let steps: Vec<BTreeSet<String>> =
            failure.steps.iter().zip(&failure.messages).map(of_step).filter(|names| !names.is_empty()).collect();
        Named { is_exact: steps.iter().all(|names| names.len() == 1), sources: steps.into_iter().flatten().collect() }
    }
}

/// What failed steps name.
struct Named {
    /// Changed source packages.
    sources: BTreeSet<String>,
    /// Whether each step names just one.
    is_exact: bool,
}

/// Finds what goes through.
pub fn land(session: &mut Session<'_>, bench: &mut Bench<'_>) -> Result<Landing, Error> {
    let mut row = bench.transition.changes.clone();
    let mut held: Vec<Held> = vec![];
    loop {
        let all = row.beginning(row.units.len());
        let failure = match bench.build(session, &all)? {
            Some(Ok(_)) => return Ok(Landing { units: row.units, held, untried: BTreeSet::new() }),
            Some(Err(failure)) => failure.clone(),
            None => return Ok(give_up(bench, row, held)),
        };
        let named = bench.named(&failure);
        // What moves in any case cannot be held back.
        let is_given = !named.sources.is_disjoint(&row.given);
        if is_given || row.units.is_empty() || (!held.is_empty() && named.sources.is_empty() && !stands(session, bench, &row)?) {
            return Err(Error::Unbuildable { summary: sentence(&failure) });
        }
        let found = match search(session, bench, &row, named)? {
            Some(found) => found,
            None => return Ok(give_up(bench, row, held)),
        };
        let (sources, blamed) = found;
        let failure = blamed.unwrap_or(failure);
        let kept = row.put_last(&sources);
        let with = row.units.drain(kept..).flat_map(|unit| unit.sources).filter(|source| !sources.contains(source)).collect();
        let names: Vec<&str> = sources.iter().map(String::as_str).collect();
        session.talk.warn(&format!("held back: {}: {}", names.join(", "), sentence(&failure)));
        held.push(Held { sources, with, failure });
    }
}

/// Whether the base builds by itself; with no builds left that is not asked.
fn stands(session: &mut Session<'_>, bench: &mut Bench<'_>, row: &Changes) -> Result<bool, Error> {
    Ok(!matches!(bench.build(session, &row.beginning(0))?, Some(Err(_))))
}

type Found = (BTreeSet<String>, Option<Failure>);

/// The change that is to blame, of a row that fails as a whole; nothing if there are no builds left to find it.
fn search(session: &mut Session<'_>, bench: &mut Bench<'_>, row: &Changes, named: Named) -> Result<Option<Found>, Error> {
    let mut row = row.clone();
    let first = row.put_last(&named.sources);
    let mut search = Search::new(0, row.units.len());
    if !named.sources.is_empty() {
        search = search.suspecting_from(first, TRIALS);
    }
    let mut blamed = None;
    loop {
        let suspects = search.suspects();
        // One of several that a step names is found like any other.
        if named.is_exact && !named.sources.is_empty() && suspects.start >= first {
            return Ok(Some((named.sources, blamed)));
        }
        let Some(at) = search.next() else {
            return Ok(Some((row.units[suspects.start].sources.clone(), blamed)));
        };
        let verdict = match bench.build(session, &row.beginning(at))? {
            None => return Ok(None),
            Some(Ok(_)) => Verdict::Good,
            Some(Err(failure)) => {
                blamed = Some(failure.clone());
                Verdict::Bad
            }
        };
        search.tell(at, verdict);
    }
}

/// The longest beginning that was built and is good; the rest waits for the next run.
fn give_up(bench: &Bench<'_>, mut row: Changes, held: Vec<Held>) -> Landing {
    let good = (0..=row.units.len()).rev().find(|count| bench.built(&row.beginning(*count)).is_some()).unwrap_or_default();
    let untried = row.units.drain(good..).flat_map(|unit| unit.sources).collect();
    Landing { units: row.units, held, untried }
}
