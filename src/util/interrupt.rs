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
}

impl Interrupt {
    /// An interrupt that nobody has raised.
    pub const fn new() -> Self {
        Self { state: Mutex::new(State { raised: false, released: 0 }), changed: Condvar::new() }
    }

    /// Asks everybody to stop.
    pub fn raise(&self) {
        self.update(|state| state.raised = true);
    }

    /// Tells whether somebody asked to stop.
    pub fn is_raised(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).raised
    }

    /// Calls `on_raise` if the interrupt is raised while `work` runs, from another thread.
    pub fn watch<T>(&self, on_raise: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
        let generation = self.state.lock().unwrap_or_else(PoisonError::into_inner).released;
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
            self.update(|state| state.released += 1);
            result
        })
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
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
                interrupt.raise();
                receiver.recv().unwrap();
            },
        );
        assert!(interrupt.is_raised());
    }
}
