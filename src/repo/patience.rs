//! How long a server may take over one file: it must keep a least rate, and all tries together have an end.
//!
//! Only time spent waiting for the server counts. What is done with the bytes, a slow disk for example, is not its fault.

use std::collections::VecDeque;
use std::time::Duration;

/// What is expected of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second that a transfer must bring, averaged over any time of the length of `window`.
    pub least: u64,
    /// That time.
    pub window: Duration,
    /// How long one address may take over a file, all tries and pauses together.
    pub total: Duration,
    /// For every so many bytes that came, it may take a second longer.
    pub steady: u64,
}

impl Default for Pace {
    /// The least rate is that of librepo. Small files may come that slowly, large ones need a steady 4 kB/s in the end: no
    /// server keeps a run for hours with a trickle.
    fn default() -> Self {
        Self { least: 1000, window: Duration::from_secs(30), total: Duration::from_secs(600), steady: 4000 }
    }
}

/// A server was too slow: so many bytes in so long a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Bytes that came.
    pub bytes: u64,
    /// The time they took.
    pub time: Duration,
}

/// What one address has cost so far.
#[derive(Debug)]
pub struct Patience {
    pace: Pace,
    /// Over all tries.
    spent: Duration,
    received: u64,
    /// Of this try: how long its body has taken, how long it is, and what both were at times before.
    clock: Duration,
    here: u64,
    before: VecDeque<(Duration, u64)>,
}

/// How many points of a window are kept.
const POINTS: u32 = 32;

impl Patience {
    /// Nothing has been spent yet.
    pub fn new(pace: Pace) -> Self {
        Self { pace, spent: Duration::ZERO, received: 0, clock: Duration::ZERO, here: 0, before: VecDeque::new() }
    }

    /// A body begins.
    pub fn begin(&mut self) {
        (self.clock, self.here) = (Duration::ZERO, 0);
        self.before = VecDeque::from([(Duration::ZERO, 0)]);
    }

    /// Time went by without a byte of a body: a pause, or an answer's head.
    ///
    /// # Errors
    /// When all that was allowed is spent.
    pub fn wait(&mut self, time: Duration) -> Result<(), Slow> {
        self.spent += time;
        let more = Duration::from_secs(self.received / self.pace.steady.max(1));
        let total = self.pace.total.saturating_add(more);
        if self.spent > total { Err(Slow { bytes: self.received, time: self.spent }) } else { Ok(()) }
    }

    /// Bytes of the body came after so long a time.
    ///
    /// # Errors
    /// When they come too slowly, or all that was allowed is spent.
    pub fn take(&mut self, time: Duration, bytes: u64) -> Result<(), Slow> {
        self.received += bytes;
        self.wait(time)?;
        self.clock += time;
        self.here += bytes;
        while self.before.get(1).is_some_and(|(at, _)| *at + self.pace.window <= self.clock) {
            self.before.pop_front();
        }
        if let Some((at, then)) = self.before.front() {
            let slow = Slow { bytes: self.here - then, time: self.clock - *at };
            if slow.time >= self.pace.window && (slow.bytes as f64) < self.pace.least as f64 * slow.time.as_secs_f64() {
                return Err(slow);
            }
        }
        if self.before.back().is_none_or(|(at, _)| *at + self.pace.window / POINTS <= self.clock) {
            self.before.push_back((self.clock, self.here));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a transfer of `bytes` every `milliseconds` is given up, in seconds.
    fn given_up(bytes: u64, milliseconds: u64, most: u64) -> Option<u64> {
        let mut patience = Patience::new(Pace::default());
        patience.begin();
        let mut time = 0;
        while time / 1000 < most {
            time += milliseconds;
            if patience.take(Duration::from_millis(milliseconds), bytes).is_err() {
                return Some(time / 1000);
            }
        }
        None
    }

    #[test]
    fn a_least_rate_must_be_kept() {
        assert_eq!(given_up(1, 3000, 100), Some(30));
        assert_eq!(given_up(999, 1000, 100), Some(30));
        assert_eq!(given_up(1000, 1000, 500), None);
        assert_eq!(given_up(29_000, 29_000, 500), None, "bytes may come in lumps");
    }

    #[test]
    fn a_good_start_does_not_count_for_ever() {
        let mut patience = Patience::new(Pace::default());
        patience.begin();
        patience.take(Duration::from_secs(1), 100_000_000).unwrap();
        let slow = (2..).find(|_| patience.take(Duration::from_secs(1), 10).is_err());
        assert!(slow.is_some_and(|second| second <= 33), "{slow:?}");
    }

    #[test]
    fn all_tries_together_have_an_end() {
        // Just above the least rate: 600 seconds, and one more for each 4000 bytes.
        assert_eq!(given_up(1100, 1000, 2000), Some(828));
        assert_eq!(given_up(4100, 1000, 20_000), None);
        let mut patience = Patience::new(Pace::default());
        for _ in 0..20 {
            patience.begin();
            patience.take(Duration::from_secs(29), 40_000).unwrap();
        }
        patience.begin();
        let end = (0..100).find(|_| patience.wait(Duration::from_secs(29)).is_err());
        assert!(end.is_some_and(|tries| tries < 10), "{end:?}");
    }
}
