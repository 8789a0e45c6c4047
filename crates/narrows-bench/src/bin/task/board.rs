//! What the loops and the others write down: when the first loop began, and when and how often each of the others ran since.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use crate::beside::clock::now;
use crate::beside::{Found, LONGEST};
use crate::row::OTHERS;

/// How long one of the others sleeps between two turns.
pub(crate) const NAP: Duration = Duration::from_millis(10);
/// How long those who were there before have had when the first loop begins.
pub(crate) const SETTLED: Duration = Duration::from_millis(100);
/// How long the others are watched.
const WATCHED: Duration = Duration::from_secs(2);

// All of it Relaxed: nothing but the numbers themselves is read, and they are read long after they were written.
static BEGAN: AtomicU64 = AtomicU64::new(0);
static FIRST: [AtomicU64; OTHERS] = [const { AtomicU64::new(0) }; OTHERS];
static EVENTS: AtomicU64 = AtomicU64::new(0);

/// The first call counts.
pub(crate) fn begin() {
    let _ = BEGAN.compare_exchange(0, now(), Ordering::Relaxed, Ordering::Relaxed);
}

/// Never ends, and calls nothing that could give way.
pub(crate) fn spin() {
    begin();
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// One of the others runs.
pub(crate) fn turn(which: usize) {
    if BEGAN.load(Ordering::Relaxed) == 0 {
        return;
    }
    let _ = FIRST[which].compare_exchange(0, now(), Ordering::Relaxed, Ordering::Relaxed);
    EVENTS.fetch_add(1, Ordering::Relaxed);
}

/// Waits on a thread of its own until the time is over, and tells.
pub(crate) fn watch() -> Found {
    let began = loop {
        match BEGAN.load(Ordering::Relaxed) {
            0 => assert!(Duration::from_nanos(now()) < LONGEST, "no loop began"),
            began => break began,
        }
        sleep(Duration::from_millis(1));
    };
    let end = Duration::from_nanos(began) + WATCHED;
    sleep(end.saturating_sub(Duration::from_nanos(now())));
    let firsts: Vec<u64> = FIRST.iter().map(|at| at.load(Ordering::Relaxed)).filter(|&at| at > 0).collect();
    let ms = |at: Option<&u64>| at.map(|at| at.saturating_sub(began) as f64 / 1e6);
    let last = firsts.iter().max().filter(|_| firsts.len() == OTHERS);
    let events = EVENTS.load(Ordering::Relaxed) as f64;
    vec![("first", ms(firsts.iter().min())), ("all", ms(last)), ("events", Some(events))]
}
