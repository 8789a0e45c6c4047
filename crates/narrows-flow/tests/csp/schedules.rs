//! The examples under random and PCT schedules: what deadlocks in some of them is found, what never does is not.
//!
//! `NARROWS_SCHEDULES` says how many, of which each model takes a part; `NARROWS_SEED` which.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

use crate::{
    buffer::{check_buffer, through_one_buffer},
    philosophers::{Manners, dine},
    primes::primes,
    vending_machines::{check_vmc, deterministic, free, insists, takes_either, vmc_and_anybody},
};

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

fn run(scheduler: impl Scheduler + 'static, body: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    config.failure_persistence = shuttle::FailurePersistence::None;
    Runner::new(scheduler, config).run(body);
}

/// Half of the schedules are random, half by PCT. Never a deadlock, nor anything else amiss.
fn never_fails(name: &str, part: u64, body: fn()) {
    let each = usize::try_from((number("NARROWS_SCHEDULES", 20_000) / part / 2).max(1)).unwrap();
    let seed = number("NARROWS_SEED", 1);
    run(RandomScheduler::new_from_seed(seed, each), body);
    run(PctScheduler::new_from_seed(seed, 4, each), body);
    println!("model {name}: {} schedules", 2 * each);
}

/// How many schedules until a deadlock, which there must be within so many.
fn deadlocks<S: Scheduler + 'static>(name: &str, scheduler: S, body: fn()) -> usize {
    let schedules = Arc::new(AtomicUsize::new(0));
    let counter = schedules.clone();
    let counted = move || {
        counter.fetch_add(1, Relaxed);
        body();
    };
    let failure = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(scheduler, counted)));
    let failure = failure.expect_err("no schedule deadlocks");
    let says = failure.downcast_ref::<String>().expect("a message");
    assert!(says.contains("deadlock"), "{says}");
    let schedules = schedules.load(Relaxed);
    println!("model {name}: {schedules} schedules");
    schedules
}

fn sometimes_deadlocks(name: &str, body: fn()) {
    let seed = number("NARROWS_SEED", 1);
    deadlocks(&format!("{name}_random"), RandomScheduler::new_from_seed(seed, 20_000), body);
    deadlocks(&format!("{name}_pct"), PctScheduler::new_from_seed(seed, 4, 20_000), body);
}

#[test]
fn what_vmc_does_is_a_trace_of_vmc() {
    never_fails("vmc", 40, || check_vmc(vmc_and_anybody(8)));
}

#[test]
fn who_takes_either_is_served_by_both_machines() {
    never_fails("takes_either_deterministic", 40, || _ = takes_either(deterministic, 2));
    never_fails("takes_either_free", 40, || _ = takes_either(free, 2));
}

#[test]
fn who_insists_is_served_where_he_decides() {
    never_fails("insists_deterministic", 40, || insists(deterministic, 2));
}

#[test]
fn who_insists_may_wait_for_ever_where_the_machine_decides() {
    sometimes_deadlocks("insists_free", || insists(free, 2));
}

#[test]
fn philosophers_who_take_the_left_fork_first_deadlock() {
    sometimes_deadlocks("three_left_first", || dine(Manners::LeftFirst, 3, 1));
    sometimes_deadlocks("five_left_first", || dine(Manners::LeftFirst, 5, 1));
}

#[test]
fn philosophers_do_not_deadlock_if_one_takes_the_right_fork_first() {
    never_fails("one_right_first", 40, || dine(Manners::OneRightFirst, 3, 2));
}

#[test]
fn philosophers_do_not_deadlock_with_a_footman() {
    never_fails("footman", 40, || dine(Manners::Footman, 3, 2));
}

#[test]
fn the_sieve_finds_the_primes() {
    never_fails("primes", 100, || assert_eq!(primes(12), [2, 3, 5, 7, 11]));
}

#[test]
fn the_buffer_keeps_its_bounds_and_its_order() {
    never_fails("buffer", 40, || check_buffer(2, through_one_buffer(2, 2, 2)));
}
