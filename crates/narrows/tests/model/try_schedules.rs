//! Runs a model under the checker, half of the schedules random and half by PCT with few or many switches, and says how many
//! there were.
//!
//! `NARROWS_SCHEDULES` sets how many; a model that is costly asks for a part of that. `NARROWS_SEED` sets which: without a
//! word they are the same each time, so that a red check is about the change it is run for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use narrows::check::Checker;

/// Schedules without a word from outside.
const USUAL: usize = 20_000;

/// Runs `body` in `1 / part` of the schedules. It returns how many histories it checked.
pub(crate) fn try_schedules(name: &str, part: usize, body: impl Fn() -> usize + Send + Sync + 'static) {
    let wanted = std::env::var("NARROWS_SCHEDULES").ok();
    let wanted: usize = wanted.map_or(USUAL, |text| text.parse().expect("NARROWS_SCHEDULES is a number"));
    let schedules = (wanted / part).max(4);
    let histories = Arc::new(AtomicUsize::new(0));
    let counter = histories.clone();
    Checker::new().schedules(schedules).stack_size(1 << 17).run(move || {
        counter.fetch_add(body(), Ordering::Relaxed);
    });
    println!("model {name}: {schedules} schedules, {} histories", histories.load(Ordering::Relaxed));
}
