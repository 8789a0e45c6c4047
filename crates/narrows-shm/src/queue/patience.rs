//! How long somebody is waited for who is in the middle of a step, without a sleep.

use std::{
    hint, thread,
    time::{Duration, Instant},
};

/// So often somebody who is in the middle of a step is looked for again before we say that there is nothing. It takes him a few
/// nanoseconds, unless he was stopped; so the later of them give way to him.
pub(crate) const LOOKS_AT_BUSY: u32 = 64 + YIELDS_AT_BUSY;
const YIELDS_AT_BUSY: u32 = 32;

/// So often after he was given a processor for long enough to be done, if he lives.
const LOOKS_AT_STOPPED: u32 = 3;
const LONG_ENOUGH: Duration = Duration::from_millis(1);

/// How often to look again.
#[derive(Debug)]
pub(super) struct Patience {
    looks: u32,
}

impl Patience {
    pub(super) fn new() -> Patience {
        Patience { looks: LOOKS_AT_BUSY }
    }

    /// Gives way before another look; false when there were enough.
    pub(super) fn goes_on(&mut self) -> bool {
        self.looks -= 1;
        if self.looks > YIELDS_AT_BUSY {
            hint::spin_loop();
        } else if self.looks > 0 {
            let began = Instant::now();
            thread::yield_now();
            if began.elapsed() > LONG_ENOUGH {
                self.looks = self.looks.min(LOOKS_AT_STOPPED);
            }
        }
        self.looks > 0
    }
}
