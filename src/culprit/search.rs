//! Halving: with `n` changes in a row, of which none is good and all are bad, which one turns good into bad?

use std::collections::BTreeSet;
use std::ops::Range;

/// What somebody says of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Good,
    /// It fails.
    Bad,
    /// It cannot be tried.
    Skip,
}

/// A search for the change that turns good into bad, among changes that are applied one after the other.
///
/// Without skips it takes no more trials than `n` has binary digits. A trial that is skipped costs one more, and where all
/// that is left was skipped, the answer is several changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// So many changes applied are good.
    good: usize,
    /// So many are bad.
    bad: usize,
    skipped: BTreeSet<usize>,
    /// From where on changes are suspected, and how many trials may be spent.
    suspicion: Option<(usize, u32)>,
}

impl Search {
    /// Searches the changes after the first `good` ones, up to and with the one that makes them `bad` many.
    pub fn new(good: usize, bad: usize) -> Self {
        Self { good, bad: bad.max(good), skipped: BTreeSet::new(), suspicion: None }
    }

    /// Suspects the changes after the first `at`: tries all before them as soon as `trials` allow, in which the search ends
    /// all the same where the suspicion is wrong. Fewer than halving needs count as that many.
    #[must_use]
    pub fn suspecting_from(mut self, at: usize, trials: u32) -> Self {
        self.suspicion = Some((at, trials.max(self.trials_left())));
        self
    }

    /// How many changes to apply for the next trial; `None` when there is nothing left to try.
    pub fn next(&self) -> Option<usize> {
        let half = self.good + (self.bad - self.good) / 2;
        let wanted = match self.suspicion {
            Some((at, trials)) if at > self.good => {
                // What is left on either side must be solvable with one trial less.
                let solvable = 1usize.checked_shl(trials.saturating_sub(1)).unwrap_or(usize::MAX);
                let (first, last) = (self.bad.saturating_sub(solvable), self.good.saturating_add(solvable));
                at.clamp(first.min(half), last.max(half))
            }
            _ => half,
        };
        let open = (self.good + 1..self.bad).filter(|at| !self.skipped.contains(at));
        open.min_by_key(|at| (at.abs_diff(wanted), *at))
    }

    /// Takes what was said of the trial with `at` changes.
    pub fn tell(&mut self, at: usize, verdict: Verdict) {
        self.suspicion = self.suspicion.map(|(from, trials)| (from, trials.saturating_sub(1)));
        match verdict {
            Verdict::Good if at > self.good && at < self.bad => self.good = at,
            Verdict::Bad if at > self.good && at < self.bad => {
                self.bad = at;
                // Where no suspect is in what is left, nobody is suspected any more.
                self.suspicion = self.suspicion.filter(|(from, _)| *from < at);
            }
            Verdict::Skip => {
                self.skipped.insert(at);
            }
            Verdict::Good | Verdict::Bad => {}
        }
    }

    /// The places of the changes among which the culprit is; one, once the search has come to an end without skips in its
    /// way.
    pub fn suspects(&self) -> Range<usize> {
        self.good..self.bad
    }

    /// At most how many trials are left, if none is skipped and nobody is suspected.
    pub fn trials_left(&self) -> u32 {
        usize::BITS - (self.bad - self.good).saturating_sub(1).leading_zeros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Searches with a known culprit; gives the answer and the number of trials.
    fn find(mut search: Search, culprit: usize, skips: &BTreeSet<usize>) -> (Range<usize>, u32) {
        let mut trials = 0;
        while let Some(at) = search.next() {
            trials += 1;
            assert!(trials < 10_000, "it ends");
            let verdict = match at {
                _ if skips.contains(&at) => Verdict::Skip,
                _ if at > culprit => Verdict::Bad,
                _ => Verdict::Good,
            };
            search.tell(at, verdict);
        }
        (search.suspects(), trials)
    }

    fn digits(count: usize) -> u32 {
        (0..).find(|digits| 1usize << digits >= count).unwrap()
    }

    proptest! {
        #[test]
        fn finds_every_culprit_in_as_many_trials_as_there_are_digits(count in 1usize..2000, at in 0usize..2000) {
            let culprit = at % count;
            let (found, trials) = find(Search::new(0, count), culprit, &BTreeSet::new());
            prop_assert_eq!(found, culprit..culprit + 1);
            prop_assert!(trials <= digits(count), "{} of {}", trials, count);
        }

        #[test]
        fn a_wrong_suspicion_costs_no_more_than_was_allowed(count in 1usize..200, at in 0usize..200, allowed in 0u32..10, from in 0usize..200) {
            let culprit = at % count;
            let (found, trials) = find(Search::new(0, count).suspecting_from(from % count, allowed), culprit, &BTreeSet::new());
            prop_assert_eq!(found, culprit..culprit + 1);
            prop_assert!(trials <= digits(count).max(allowed), "{} of {}", trials, count);
        }

        #[test]
        fn what_was_skipped_only_widens_the_answer(
            count in 1usize..60, at in 0usize..60, skips in proptest::collection::btree_set(1usize..60, 0..60),
        ) {
            let culprit = at % count;
            let (found, trials) = find(Search::new(0, count), culprit, &skips);
            prop_assert!(found.contains(&culprit), "{:?} has {}", found, culprit);
            prop_assert!((found.start + 1..found.end).all(|at| skips.contains(&at)), "everything inside was skipped");
            prop_assert!(trials as usize <= digits(count) as usize + skips.len());
        }
    }

    #[test]
    fn a_right_suspicion_ends_the_search_at_once_where_trials_allow() {
        let trials = |count: usize, allowed| find(Search::new(0, count).suspecting_from(count - 1, allowed), count - 1, &BTreeSet::new()).1;
        assert_eq!((trials(33, 6), trials(40, 6), trials(64, 6), trials(1, 6)), (1, 2, 6, 0));
    }

    #[test]
    fn one_of_forty_takes_six() {
        let worst = (0..40).map(|culprit| find(Search::new(0, 40), culprit, &BTreeSet::new()).1).max();
        assert_eq!(worst, Some(6));
    }
}
