//! Runs a model under shuttle, half of the schedules random and half by PCT with few or many switches, and says how many
//! there were.
//!
//! `NARROWS_SCHEDULES` sets how many; a model that is costly asks for a part of that. `NARROWS_SEED` sets which: without a
//! word they are the same each time, so that a red check is about the change it is run for. The environment of one schedule is
//! deterministic: chance comes from shuttle, and a time-out is a choice of the scheduler.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

/// Schedules without a word from outside.
const USUAL: usize = 20_000;
/// How many switches a PCT schedule forces at most: most bugs need few, but a third thread that comes back late needs more.
const DEPTHS: [usize; 2] = [3, 8];

/// Runs `body` in `1 / part` of the schedules. It returns how many histories it checked.
pub(crate) fn try_schedules(name: &str, part: usize, body: impl Fn() -> usize + Send + Sync + 'static) {
    let wanted = std::env::var("NARROWS_SCHEDULES").ok();
    let wanted: usize = wanted.map_or(USUAL, |text| text.parse().expect("NARROWS_SCHEDULES is a number"));
    let each = (wanted / part / 4).max(1);
    let seed = std::env::var("NARROWS_SEED").map_or(1, |text| text.parse().expect("NARROWS_SEED is a number"));
    let histories = Arc::new(AtomicUsize::new(0));
    let body = Arc::new(body);
    run(RandomScheduler::new_from_seed(seed, 2 * each), &body, &histories);
    for depth in DEPTHS {
        run(PctScheduler::new_from_seed(seed, depth, each), &body, &histories);
    }
    println!("model {name}: {} schedules, {} histories", 4 * each, histories.load(Ordering::Relaxed));
}

fn run(
    scheduler: impl Scheduler + 'static,
    body: &Arc<impl Fn() -> usize + Send + Sync + 'static>,
    histories: &Arc<AtomicUsize>,
) {
    let mut config = Config::new();
    config.stack_size = 0x2_0000;
    config.failure_persistence = shuttle::FailurePersistence::Print;
    let (body, histories) = (body.clone(), histories.clone());
    Runner::new(scheduler, config).run(move || {
        histories.fetch_add(body(), Ordering::Relaxed);
    });
}
