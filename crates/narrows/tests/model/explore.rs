//! Runs a model under loom and says how much of it there was. Knows no particular model.
//!
//! loom finds the schedules of a model by turning round those steps of its first run that do not commute. It remembers
//! only the last access to an atomic, so where a thread reads one before it writes it, an earlier read by another thread
//! is forgotten, and the schedule with the write first is never tried. Each model is therefore run several times, with
//! another thread at the head of the first run each time: [`turn`] makes those before it step aside.
//!
//! Invariant: a model that explores less than its floor fails, so none passes because its threads no longer meet.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use loom::thread;

thread_local! {
    /// Who goes first in this run: the main thread is 0, the threads it [spawns](spawn) are 1 and 2.
    static FIRST: Cell<usize> = const { Cell::new(0) };
    /// How many threads were spawned. loom runs all threads of a model on the one that started it.
    static SPAWNED: Cell<usize> = const { Cell::new(0) };
}

/// Runs `body` in every interleaving within the bound (`LOOM_MAX_PREEMPTIONS`, or 2).
pub(crate) fn explore(name: &str, floor: usize, body: impl Fn() + Send + Sync + 'static) {
    explore_within(0, name, floor, body);
}

/// The same with so many preemptions less: of what would take minutes, and with one less takes seconds.
pub(crate) fn explore_within(less: usize, name: &str, floor: usize, body: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let body = Arc::new(body);
    for first in 0..3 {
        let (counter, body) = (executions.clone(), body.clone());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(2) - less);
        builder.max_branches = 20_000;
        FIRST.set(first);
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            SPAWNED.set(0);
            body();
        });
        if SPAWNED.get() <= first {
            break; // there is no other thread to go first
        }
    }
    let executions = executions.load(Ordering::Relaxed);
    println!("model {name}: {executions} executions");
    assert!(executions >= floor, "{name} explored {executions} executions, fewer than its floor of {floor}");
}

/// Steps aside if another thread is to go first. The main thread calls it when it has spawned the others.
pub(crate) fn turn(number: usize) {
    if number < FIRST.get() {
        thread::yield_now();
    }
}

/// Spawns a thread of the model.
pub(crate) fn spawn<R: 'static>(body: impl FnOnce() -> R + 'static) -> thread::JoinHandle<R> {
    SPAWNED.set(SPAWNED.get() + 1);
    spawn_twin(body)
}

/// Spawns a thread that does the same as the one before it, so that who of the two goes first makes no difference.
pub(crate) fn spawn_twin<R: 'static>(body: impl FnOnce() -> R + 'static) -> thread::JoinHandle<R> {
    let number = SPAWNED.get();
    thread::spawn(move || {
        turn(number);
        body()
    })
}
