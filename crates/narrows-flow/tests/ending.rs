//! How flows end: by dropping, by stopping, by finishing, by panics; and that nothing is lost then.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Census, Random, spin, within};
use narrows::{Gate, bounded, never, unbounded};
use narrows_flow::{IntoFlow, Mapped, Source, Stop, received};

/// The same number, after a while.
fn slowly(n: u64, turns: u64) -> u64 {
    spin(turns);
    n
}

const LONG: Duration = Duration::from_secs(50);

#[test]
fn a_few_results_of_an_endless_source_end_the_flow() {
    within("endless", || {
        for workers in [1, 2, 8] {
            let f = Arc::new(());
            let inside = f.clone();
            let made = (0_u64..).flow().map_ordered(workers, move |n| {
                assert!(Arc::strong_count(&inside) > 0);
                n * 2
            });
            assert!(made.take(10).eq((0..10).map(|n| n * 2)));
            // The workers held it, and are gone.
            assert_eq!(Arc::strong_count(&f), 1);
        }
    });
}

#[test]
fn dropping_at_any_moment_drops_every_item_and_ends_the_workers() {
    within("dropped", || {
        let mut random = Random::new(6);
        for round in 0..300 {
            let (census, turns) = (Census::default(), random.below(500));
            let (workers, window, after) = (1 + random.index(5), 1 + random.index(60), random.index(100));
            let counted = census.clone();
            let source = (0..).map(move |n| counted.born(n));
            let work = move |item: common::Counted| {
                spin(turns);
                item
            };
            let flow = source.flow().window(window);
            let mut made =
                if round % 2 == 0 { flow.map_ordered(workers, work) } else { flow.map_unordered(workers, work) };
            made.by_ref().take(after).for_each(drop);
            drop(made);
            assert_eq!(census.alive(), 0, "{workers} workers, window {window}, after {after}");
        }
    });
}

#[test]
fn dropping_waits_for_the_call_that_runs() {
    within("running", || {
        let (begun, go_on) = (Gate::new(), Arc::new(Gate::new()));
        let ended = Arc::new(AtomicU64::new(0));
        let (gate, count) = (go_on.clone(), ended.clone());
        thread::scope(|scope| {
            let begun = &begun;
            let mut made = (0..2).flow().within(scope).window(2).map_ordered(2, move |n| {
                if n == 1 {
                    begun.open();
                    gate.wait();
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
            made.next();
            begun.wait();
            go_on.open();
            drop(made);
            assert_eq!(ended.load(Ordering::SeqCst), 1);
        });
    });
}

#[test]
fn a_receiver_that_waits_for_ever_holds_up_neither_drop_nor_stop() {
    within("receiver", || {
        drop(received(never::<u8>()).map_ordered(2, |n| n));
        let (s, r) = unbounded();
        s.send(1).unwrap();
        let mut made = received(r).map_ordered(2, |n| n);
        assert_eq!(made.next(), Some(1));
        let stop = made.stopper();
        let stopper = thread::spawn(move || stop.soon());
        assert_eq!(made.next(), None);
        stopper.join().unwrap();
        drop(made);
        assert!(s.send(2).is_err(), "the receiver is gone with the flow");
    });
}

#[test]
fn an_iterator_that_waits_for_ever_holds_up_neither_drop_nor_stop_of_a_flow_on_threads_of_its_own() {
    within("iterator", || {
        let waits = Arc::new(Gate::new());
        let gate = waits.clone();
        let endless = (0..).inspect(move |n| {
            if *n == 3 {
                gate.wait();
            }
        });
        let mut made = endless.flow().at_once(1).map_ordered(3, |n| n);
        assert!(made.by_ref().take(3).eq(0..3));
        made.stopper().soon();
        assert_eq!(made.next(), None);
        assert_eq!(made.summary().taken, 3);
        drop(made);
        // Only the worker that was left behind has it.
        assert_eq!(Arc::strong_count(&waits), 2);
        waits.open();
    });
}

#[test]
fn a_stop_soon_gives_every_item_that_was_taken() {
    within("soon", || {
        for round in 0..100 {
            let (taken, stop) = (Arc::new(AtomicU64::new(0)), Stop::new());
            let count = taken.clone();
            let source = (0..1_000_000_u64).inspect(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
            });
            let mut made = source.flow().stopping(&stop).map_ordered(3, |n| slowly(n, n % 100));
            assert!(made.by_ref().take(round).eq(0..round as u64));
            stop.soon();
            let rest: Vec<u64> = made.by_ref().collect();
            assert!(rest.iter().copied().eq(round as u64..round as u64 + rest.len() as u64));
            let summary = made.summary();
            assert_eq!(summary.taken, summary.handled);
            assert_eq!(summary.taken, round as u64 + rest.len() as u64);
            drop(made);
            assert!(taken.load(Ordering::SeqCst) >= summary.taken);
        }
    });
}

#[test]
fn a_finish_accounts_for_every_item() {
    within("finish", || {
        let mut random = Random::new(7);
        for round in 0..200 {
            let (workers, window, after) = (1 + random.index(4), 1 + random.index(200), random.index(300));
            let flow = (0..1000_u64).flow().window(window);
            let work = |n: u64| slowly(n, n % 300);
            let mut made =
                if round % 2 == 0 { flow.map_ordered(workers, work) } else { flow.map_unordered(workers, work) };
            let mut seen: Vec<u64> = made.by_ref().take(after).collect();
            let rest = made.finish(LONG);
            assert_eq!(rest.summary.handled, (seen.len() + rest.made.len()) as u64);
            assert_eq!(rest.summary.returned, rest.returned.len() as u64);
            assert_eq!(rest.summary.taken, rest.summary.handled + rest.summary.returned);
            if round % 2 == 0 {
                assert!(seen.iter().chain(&rest.made).is_sorted());
                assert!(rest.returned.is_sorted());
            }
            seen.extend(rest.made);
            seen.extend(rest.returned);
            seen.extend(rest.source.unwrap().into_inner());
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..1000));
        }
    });
}

#[test]
fn what_runs_beyond_the_grace_is_stuck_and_the_rest_comes_back() {
    within("stuck", || {
        let (gate, begun) = (Arc::new(Gate::new()), Arc::new(Gate::new()));
        let (wait, tell) = (gate.clone(), begun.clone());
        let mut made = (0..100).flow().window(100).map_unordered(2, move |n| {
            if n == 1 {
                tell.open();
                wait.wait();
            }
            n
        });
        let mut seen: Vec<i32> = made.by_ref().take(20).collect();
        begun.wait();
        let called = Instant::now();
        let rest = made.finish(Duration::from_millis(20));
        assert!(called.elapsed() < LONG);
        // Its portion has to be of one item: the first items are taken one by one.
        assert!(rest.summary.stuck >= 1, "{}", rest.summary);
        seen.extend(rest.made);
        seen.extend(rest.returned);
        assert!(!seen.contains(&1));
        assert_eq!(seen.len() as u64 + rest.summary.stuck, rest.summary.taken);
        gate.open();
    });
}

/// What comes, with panics in between, until the end.
fn outcomes<S: Source>(made: &mut Mapped<'_, S, u64>) -> Vec<Result<u64, String>> {
    let mut all = Vec::new();
    loop {
        match catch_unwind(AssertUnwindSafe(|| made.next())) {
            Ok(Some(result)) => all.push(Ok(result)),
            Ok(None) => return all,
            Err(panic) => all.push(Err(panic.downcast_ref::<String>().unwrap().clone())),
        }
    }
}

fn careful(n: u64) -> u64 {
    assert!(n % 100 != 77, "no {n}");
    n
}

#[test]
fn a_panic_comes_in_its_place_and_takes_nothing_else_with_it() {
    within("panic", || {
        let mut random = Random::new(8);
        for _ in 0..100 {
            let (workers, window) = (1 + random.index(5), 1 + random.index(400));
            let mut made = (0..1000).flow().window(window).map_ordered(workers, careful);
            let all = outcomes(&mut made);
            for (n, result) in all.iter().enumerate() {
                let n = n as u64;
                assert_eq!(*result, if n % 100 == 77 { Err(format!("no {n}")) } else { Ok(n) });
            }
            let summary = made.summary();
            assert!(summary.panicked > 0 && all.len() as u64 == summary.taken);
            // The rest is still in the source.
            let rest = made.finish(LONG);
            assert!(rest.source.unwrap().into_inner().eq(all.len() as u64..1000));
        }
    });
}

#[test]
fn a_panic_of_an_early_stage_passes_through_the_later_ones() {
    within("stages", || {
        for workers in 1..5 {
            let first = (0..1000_u64).flow().window(50).map_ordered(workers, careful);
            let mut made = first.flow().map_ordered(workers, |n| n + 1).flow().map_ordered(2, |n| n - 1);
            let all = outcomes(&mut made);
            assert!(all.len() > 77 && all.len() < 1000);
            for (n, result) in all.into_iter().enumerate() {
                let n = n as u64;
                assert_eq!(result, if n % 100 == 77 { Err(format!("no {n}")) } else { Ok(n) });
            }
        }
    });
}

#[test]
fn a_panic_of_a_late_stage_stops_the_source_and_what_is_between_comes_out() {
    within("late stage", || {
        let mut made =
            (0..100_000_u64).flow().window(20).map_ordered(2, |n| n).flow().window(20).map_ordered(2, careful);
        let all = outcomes(&mut made);
        assert!(all.len() > 77 && all.len() < 1000, "{}", all.len());
        assert!(all.iter().enumerate().all(|(n, result)| result.is_err() || *result == Ok(n as u64)));
        assert!(all[77].is_err());
    });
}

#[test]
fn a_panic_of_the_source_comes_after_what_it_gave() {
    within("source", || {
        let source = (0..50_u64).inspect(|n| assert!(*n < 40, "source at {n}"));
        let mut made = source.flow().map_ordered(3, |n| n);
        let all = outcomes(&mut made);
        assert!(all[..40].iter().cloned().eq((0..40).map(Ok)));
        assert_eq!(all[40..], [Err("source at 40".to_owned())]);
    });
}

#[test]
fn dropping_a_pipeline_ends_all_its_stages() {
    within("pipeline", || {
        let mut random = Random::new(9);
        for _ in 0..100 {
            let (census, after) = (Census::default(), random.index(50));
            let counted = census.clone();
            let source = (0..).map(move |n| counted.born(n));
            let mut made = source
                .flow()
                .map_ordered(2, |item| item)
                .flow()
                .map_unordered(2, |item| item)
                .flow()
                .map_ordered(1, |item| item);
            made.by_ref().take(after).for_each(drop);
            drop(made);
            assert_eq!(census.alive(), 0);
        }
        // The first stage waits for what never comes.
        let (s, r) = bounded::<u8>(1);
        let mut made = received(r).map_ordered(2, |n| n).flow().map_ordered(2, |n| n);
        s.send(1).unwrap();
        assert_eq!(made.next(), Some(1));
        drop(made);
        assert!(s.send(2).is_err());
    });
}

#[test]
fn a_stop_of_a_pipeline_lets_what_is_in_it_come_out() {
    within("pipeline stop", || {
        let mut made = (0_u64..).flow().window(10).map_ordered(2, |n| n).flow().window(10).map_ordered(2, |n| n);
        assert!(made.by_ref().take(5).eq(0..5));
        made.stopper().soon();
        let rest: Vec<u64> = made.by_ref().collect();
        assert!(rest.iter().copied().eq(5..5 + rest.len() as u64));
        let first = made.finish(LONG).source.unwrap();
        assert_eq!(first.summary().taken, 5 + rest.len() as u64);
    });
}

#[test]
fn a_scope_ends_when_a_flow_in_it_is_dropped() {
    within("scope", || {
        let words = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
        let first = thread::scope(|scope| {
            words.iter().cycle().flow().within(scope).map_ordered(3, String::len).take(4).collect::<Vec<_>>()
        });
        assert_eq!(first, [3, 3, 5, 3]);
    });
}
