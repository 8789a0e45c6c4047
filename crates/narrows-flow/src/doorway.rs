//! Who is inside the source, and how much was brought out of it. A flow that ends shuts the door: then nobody enters any
//! more, and it knows what is still to come.
//! Invariant: at most one is inside. What is brought out through a shut door counts as not taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(crate) struct Doorway {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// The worker that waits for the source.
    pub(crate) inside: Option<usize>,
    /// Items that were brought out, and panics.
    pub(crate) taken: u64,
    is_shut: bool,
}

impl Doorway {
    // Nothing panics under it, and it is a copy that is read.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False if the door is shut.
    pub(crate) fn enter(&self, who: usize) -> bool {
        let mut state = self.lock();
        debug_assert!(state.inside.is_none(), "the source is one's at a time");
        if !state.is_shut {
            state.inside = Some(who);
        }
        !state.is_shut
    }

    /// False if the door was shut meanwhile.
    pub(crate) fn leave(&self, with: usize) -> bool {
        let mut state = self.lock();
        state.inside = None;
        if !state.is_shut {
            state.taken += with as u64;
        }
        !state.is_shut
    }

    /// Nobody enters any more; how it stands.
    pub(crate) fn shut(&self) -> State {
        let mut state = self.lock();
        state.is_shut = true;
        *state
    }

    pub(crate) fn state(&self) -> State {
        *self.lock()
    }
}
