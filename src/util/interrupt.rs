//! A request to stop, raised by a signal handler's thread and seen by whoever waits.

use std::sync::{Condvar, Mutex, PoisonError};

/// Tells long work that the user wants it to end.
#[derive(Debug, Default)]
pub struct Interrupt {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    raised: bool,
    released: u64,
    watchers: usize,
}

impl Interrupt {
    /// An interrupt that nobody has raised.
    pub const fn new() -> Self {
        Self { state: Mutex::new(State { raised: false, released: 0, watchers: 0 }), changed: Condvar::new() }
    }

    /// Asks everybody to stop; tells whether anybody watches, who will. If nobody does, or they were asked before, the
    /// program may as well end at once.
    pub fn raise(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = state.watchers > 0 && !state.raised;
        state.raised = true;
        drop(state);
        self.changed.notify_all();
        heard
    }

    /// Tells whether somebody asked to stop.
    pub fn is_raised(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).raised
    }

    /// Calls `on_raise` if the interrupt is raised while `work` runs, from another thread.
    pub fn watch<T>(&self, on_raise: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
        let generation = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.watchers += 1;
            state.released
        };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let waiting = |state: &mut State| !state.raised && state.released == generation;
                let state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
                let raised = state.raised && state.released == generation;
                drop(state);
                if raised {
                    on_raise();
                }
            });
            let result = work();
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.released += 1;
            state.watchers -= 1;
            drop(state);
            self.changed.notify_all();
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn calls_only_when_raised() {
        let interrupt = Interrupt::new();
        assert_eq!(interrupt.watch(|| panic!("nobody raised it"), || 7), 7);
        let (sender, receiver) = mpsc::channel();
        interrupt.watch(
            move || sender.send(()).unwrap(),
            || {
                assert!(interrupt.raise(), "somebody watches");
                receiver.recv().unwrap();
            },
        );
        assert!(interrupt.is_raised());
        assert!(!interrupt.raise(), "nobody watches any more");
    }
}
