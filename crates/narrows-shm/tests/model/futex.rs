//! What the system does for a word on which processes sleep: the look at the word and the falling asleep are one step, and a
//! wake-up goes to those who sleep then. Nothing wakes without a reason, and no sleep ends by time.

use std::{collections::VecDeque, time::Duration};

#[cfg(loom)]
use loom::{
    lazy_static,
    sync::{Condvar, Mutex},
};
#[cfg(narrows_check)]
use shuttle::{
    lazy_static,
    sync::{Condvar, Mutex},
};

use crate::{
    bell::Woken,
    sync::{Ordering, Word32},
};

#[derive(Default)]
struct Sleepers {
    tickets: u64,
    /// Which word, and who.
    asleep: VecDeque<(usize, u64)>,
}

lazy_static! {
    static ref SLEEPERS: Mutex<Sleepers> = Mutex::new(Sleepers::default());
    static ref MORNING: Condvar = Condvar::new();
}

fn name(word: &Word32) -> usize {
    std::ptr::from_ref(word).addr()
}

pub(crate) fn sleep(word: &Word32, expected: u32, _: Duration) -> Woken {
    let mut sleepers = SLEEPERS.lock().unwrap();
    // Relaxed: who changes it and then wakes comes by the lock.
    if word.load(Ordering::Relaxed) == expected {
        let ticket = sleepers.tickets;
        sleepers.tickets += 1;
        sleepers.asleep.push_back((name(word), ticket));
        while sleepers.asleep.contains(&(name(word), ticket)) {
            sleepers = MORNING.wait(sleepers).unwrap();
        }
    }
    Woken::Perhaps
}

pub(crate) fn wake(word: &Word32, at_most: u32) -> usize {
    let mut sleepers = SLEEPERS.lock().unwrap();
    let before = sleepers.asleep.len();
    let mut left = at_most;
    sleepers.asleep.retain(|(slept_on, _)| {
        let is_woken = *slept_on == name(word) && left > 0;
        left -= u32::from(is_woken);
        !is_woken
    });
    let woken = before - sleepers.asleep.len();
    if woken > 0 {
        MORNING.notify_all();
    }
    woken
}
