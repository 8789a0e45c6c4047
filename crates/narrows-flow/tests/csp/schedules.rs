//! The examples under random and PCT schedules: what deadlocks in some of them is found, and what is right never fails.
//! Without `--cfg narrows_check` each that is right runs once, on threads of the system.
//!
//! `NARROWS_SCHEDULES` says how many, of which each takes a part; `NARROWS_SEED` which.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use narrows::{
    bounded,
    check::{self, Checker, thread},
};
use narrows_flow::csp::Alt;

use crate::{
    buffer::{check_buffer, through_one_buffer},
    philosophers::{Manners, dine},
    primes::primes,
    vending_machines::{check_vmc, deterministic, free, insists, takes_either, vmc_and_anybody},
};

/// Half of the schedules are random, half by PCT.
fn never_fails(name: &str, part: usize, body: impl Fn() + Send + Sync + 'static) {
    let wanted = std::env::var("NARROWS_SCHEDULES").map_or(20_000, |text| text.parse().expect("a number"));
    let schedules = (wanted / part).max(1);
    Checker::new().schedules(schedules).run(body);
    if cfg!(narrows_check) {
        println!("model {name}: {schedules} schedules");
    }
}

/// Finds the deadlock, by random and by PCT schedules, and again when it is replayed.
#[cfg(narrows_check)]
fn sometimes_deadlocks(name: &str, body: impl Fn() + Send + Sync + Copy + 'static) {
    for (way, checker) in [("random", Checker::new().random()), ("pct", Checker::new().pct(4))] {
        let failure = checker.schedules(20_000).find(body).expect("a deadlock");
        assert!(failure.is_deadlock(), "{failure}");
        println!("model {name}_{way}: {} schedules", failure.schedules());
        let again = Checker::new().replay(failure.schedule()).find(body);
        assert!(again.is_some_and(|again| again.is_deadlock()));
    }
}

#[test]
fn what_vmc_does_is_a_trace_of_vmc() {
    never_fails("vmc", 40, || check_vmc(vmc_and_anybody(8)));
}

#[test]
fn who_takes_either_is_served_by_both_machines() {
    never_fails("takes_either_deterministic", 40, || assert_eq!(takes_either(deterministic, 2).len(), 2));
    never_fails("takes_either_free", 40, || assert_eq!(takes_either(free, 2).len(), 2));
}

#[test]
fn who_insists_is_served_where_he_decides() {
    never_fails("insists_deterministic", 40, || insists(deterministic, 2));
}

#[cfg(narrows_check)]
#[test]
fn who_insists_may_wait_for_ever_where_the_machine_decides() {
    sometimes_deadlocks("insists_free", || insists(free, 2));
}

#[cfg(narrows_check)]
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

/// Both sides of two channels are branches, of a task and of a thread: they agree on one communication.
#[test]
fn two_alternatives_agree() {
    never_fails("two_alternatives", 20, || {
        let ((s1, r1), (s2, r2)) = (bounded(0), bounded(0));
        let task = check::spawn(async move {
            let alt = Alt::new().send(&s1, || 1, None).recv(&r2, Some);
            alt.choose_async().await.unwrap()
        });
        let own = Alt::new().recv(&r1, Some).send(&s2, || 2, None).choose().unwrap();
        assert!(matches!((own, task.join().unwrap()), (Some(1), None) | (None, Some(2))));
    });
}

const SECOND: Duration = Duration::from_secs(1);

/// Of threads either both take part or both time-outs pass, and under the checker each of these happens.
#[test]
fn threads_take_part_both_or_neither() {
    let met = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let counts = met.clone();
    never_fails("time_out_of_threads", 40, move || {
        let (s, r) = bounded(0);
        let sends = thread::spawn(move || Alt::new().send(&s, || 7, true).timeout(SECOND, false).choose());
        let received = Alt::new().recv(&r, |_| true).timeout(SECOND, false).choose();
        let sent = sends.join().unwrap();
        assert_eq!(sent, received);
        // Relaxed: a count, read when all is over.
        counts[usize::from(sent == Ok(true))].fetch_add(1, Relaxed);
    });
    let [apart, together] = [0, 1].map(|at| met[at].load(Relaxed)); // Relaxed: as above
    assert!(together > 0 && (apart > 0 || !cfg!(narrows_check)), "{apart} times apart, {together} times together");
}

/// So it is where a task sends and a thread receives.
#[test]
fn a_task_that_sends_takes_part_with_a_thread_or_not_at_all() {
    never_fails("time_out_of_a_sending_task", 40, || {
        let (s, r) = bounded(0);
        let alt = async move { Alt::new().send(&s, || 7, true).timeout(SECOND, false).choose_async().await };
        let task = check::spawn(alt);
        let received = Alt::new().recv(&r, |_| true).timeout(SECOND, false).choose();
        assert_eq!(task.join().unwrap(), received);
    });
}

/// A task is not waited for: one that has turned to its time-out meanwhile leaves what was sent to the next who
/// receives.
#[test]
fn what_a_task_has_turned_from_is_not_lost() {
    never_fails("time_out_of_a_task", 20, move || {
        let (s, r) = bounded(0);
        let sends = thread::spawn(move || Alt::new().send(&s, || 7, true).timeout(SECOND, false).choose());
        let task = check::spawn(async move {
            let received = Alt::new().recv(&r, Some).timeout(SECOND, None).choose_async().await;
            (received.unwrap(), r)
        });
        let sent = sends.join().unwrap().unwrap();
        let (received, r) = task.join().unwrap();
        assert_eq!(received.or_else(|| r.try_recv().ok()), sent.then_some(7));
    });
}
