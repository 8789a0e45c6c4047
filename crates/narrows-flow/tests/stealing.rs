//! Work stealing: every task runs once, tasks are stolen from who is busy, and it ends when nobody can add any.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{Random, spin, within};
use narrows_flow::{Stealing, Stop};

/// The Fibonacci number by the number of leaves that are 1.
fn fib(workers: usize, n: u32) -> u64 {
    let stolen = Stealing::new(workers).run(
        [n],
        || 0,
        |sum, n, spawner| {
            if n < 2 {
                *sum += u64::from(n);
            } else {
                spawner.spawn(n - 1);
                spawner.spawn(n - 2);
            }
        },
    );
    stolen.into_states().into_iter().sum()
}

#[test]
fn a_recursive_job_gives_what_a_plain_recursion_gives() {
    fn plain(n: u32) -> u64 {
        if n < 2 { u64::from(n) } else { plain(n - 1) + plain(n - 2) }
    }
    within("fib", || {
        for workers in 1..=5 {
            for n in [0, 1, 2, 10, 17] {
                assert_eq!(fib(workers, n), plain(n), "{workers} workers, {n}");
            }
        }
    });
}

#[test]
fn every_task_of_random_trees_runs_once() {
    within("trees", || {
        let mut random = Random::new(4);
        for round in 0..60 {
            let (workers, roots) = (1 + random.index(6), random.below(40));
            // A task is (seed, depth); its children follow from it alone.
            let children = |(seed, depth): (u64, u32)| {
                let mut random = Random::new(seed);
                let count = if depth == 0 { 0 } else { random.below(5) };
                (0..count).map(move |n| (seed.wrapping_mul(31).wrapping_add(n + 1), depth - 1)).collect::<Vec<_>>()
            };
            let mut plain = Vec::new();
            let mut left: Vec<(u64, u32)> = (0..roots).map(|n| (n + 1000 * round, 5)).collect();
            let tasks = left.clone();
            while let Some(task) = left.pop() {
                plain.push(task);
                left.extend(children(task));
            }
            let stolen = Stealing::new(workers).run(tasks, Vec::new, |seen, task, spawner| {
                for child in children(task) {
                    spawner.spawn(child);
                }
                spin(task.0 % 300);
                seen.push(task);
            });
            assert_eq!(stolen.summary.taken, plain.len() as u64);
            let mut seen: Vec<_> = stolen.into_states().into_iter().flatten().collect();
            seen.sort_unstable();
            plain.sort_unstable();
            assert_eq!(seen, plain);
        }
    });
}

#[test]
fn a_task_that_waits_for_one_it_has_added_gets_it_run_by_another() {
    within("spins", || {
        for _ in 0..200 {
            let was_run = AtomicBool::new(false);
            let stolen = Stealing::new(2).run([true], Vec::new, |workers, is_first, spawner| {
                workers.push((is_first, spawner.worker()));
                if is_first {
                    spawner.spawn(false);
                    while !was_run.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                }
                was_run.store(true, Ordering::SeqCst);
            });
            let mut ran: Vec<_> = stolen.into_states().into_iter().flatten().collect();
            ran.sort_unstable();
            assert!(ran[0].1 != ran[1].1, "{ran:?}");
        }
    });
}

#[test]
fn sleepers_are_woken_whenever_there_is_something_to_steal() {
    within("woken", || {
        // One makes two tasks at a time that wait for each other, so the other must come each time, asleep or not.
        let met = AtomicU64::new(0);
        let stolen = Stealing::new(2).run(
            [0],
            || (),
            |(), n: u64, spawner| {
                if n == 0 {
                    for round in 1..=500 {
                        spawner.spawn(round);
                        while met.load(Ordering::SeqCst) < round {
                            std::thread::yield_now();
                        }
                    }
                } else {
                    met.store(n, Ordering::SeqCst);
                }
            },
        );
        assert_eq!(stolen.summary.handled, 501);
    });
}

#[test]
fn no_task_at_all_ends_at_once() {
    within("none", || {
        let stolen = Stealing::new(3).run(std::iter::empty::<()>(), || 1, |_, (), _| ());
        assert_eq!(stolen.summary.taken, 0);
        assert_eq!(stolen.into_states(), [1, 1, 1]);
    });
}

#[test]
fn a_panic_takes_its_own_task_alone() {
    within("panic", || {
        let stolen = Stealing::new(3).run(0..100, Vec::new, |seen, n: u32, spawner| {
            if n < 100 && n.is_multiple_of(2) {
                spawner.spawn(n + 1000);
            }
            assert!(n != 50 && n != 1050, "no {n}");
            seen.push(n);
        });
        assert_eq!(stolen.summary.taken, 150);
        assert_eq!((stolen.summary.handled, stolen.summary.panicked), (148, 2));
        let mut said: Vec<_> =
            stolen.panics.iter().map(|panic| panic.downcast_ref::<String>().unwrap().as_str()).collect();
        said.sort_unstable();
        assert_eq!(said, ["no 1050", "no 50"]);
        assert_eq!(stolen.states.iter().map(Vec::len).sum::<usize>(), 148);
    });
}

#[test]
#[should_panic(expected = "this one")]
fn the_states_are_not_had_past_a_panic() {
    Stealing::new(2).run([1], || (), |(), _, _| panic!("this one")).into_states();
}

#[test]
fn a_stop_gives_back_what_was_not_begun() {
    within("stopped", || {
        for workers in 1..=4 {
            let stop = Stop::new();
            let stolen = Stealing::new(workers).stopping(&stop).run(0..1000, Vec::new, |seen, n, _| {
                if n == 500 {
                    stop.now();
                }
                seen.push(n);
            });
            let mut all: Vec<i32> = stolen.states.iter().flatten().copied().chain(stolen.returned.clone()).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..1000));
            assert_eq!(stolen.summary.handled + stolen.summary.returned, 1000);
            assert_eq!(stolen.summary.returned, stolen.returned.len() as u64);
            // Of several, the others may do all the rest while one is about to stop them.
            assert!(workers > 1 || !stolen.returned.is_empty());
        }
    });
}

#[test]
#[should_panic(expected = "tasks need a worker")]
fn no_workers_are_refused() {
    Stealing::new(0);
}
