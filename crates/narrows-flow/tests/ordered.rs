//! Ordered and unordered maps beside plain ones: every item once, in order, within the window, whatever the sizes.

mod common;

use std::{
    cell::Cell,
    collections::{BTreeSet, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Census, Random, spin, within};
use narrows::{CancelToken, Gate, bounded, unbounded};
use narrows_flow::{IntoFlow, Source, received};

#[test]
fn a_map_gives_what_a_plain_map_gives_in_the_same_order() {
    within("plain map", || {
        let mut random = Random::new(1);
        for _ in 0..60 {
            let (count, workers, window) = (random.below(3000), 1 + random.index(9), 1 + random.index(300));
            let turns: Vec<u64> =
                (0..count).map(|_| if random.below(20) == 0 { 5_000 } else { random.below(50) }).collect();
            let work = |(n, turns): (usize, u64)| (n, spin(turns));
            let plain: Vec<_> = turns.clone().into_iter().enumerate().map(work).collect();
            let mapped = turns.into_iter().enumerate().flow().window(window).map_ordered(workers, work);
            assert!(mapped.eq(plain), "{count} items, {workers} workers, window {window}");
        }
    });
}

#[test]
fn an_unordered_map_gives_each_result_once() {
    within("unordered", || {
        let mut random = Random::new(2);
        for _ in 0..100 {
            let (count, workers, window) = (random.below(2000), 1 + random.index(9), 1 + random.index(300));
            let mut made: Vec<u64> = (0..count).flow().window(window).map_unordered(workers, |n| n * 3).collect();
            made.sort_unstable();
            assert!(made.into_iter().eq((0..count).map(|n| n * 3)));
        }
    });
}

#[test]
fn an_unordered_result_passes_a_slow_first_item() {
    within("passes", || {
        let gate = Gate::new();
        thread::scope(|scope| {
            let mut made = (0..10).flow().within(scope).map_unordered(2, |n| {
                if n == 0 {
                    gate.wait();
                }
                n
            });
            assert_eq!(made.by_ref().take(9).collect::<BTreeSet<_>>(), (1..10).collect());
            gate.open();
            assert_eq!(made.next(), Some(0));
            assert_eq!(made.next(), None);
        });
    });
}

#[test]
fn no_more_items_are_alive_than_the_window_has_places() {
    within("bound", || {
        for (window, workers) in [(1, 1), (1, 4), (2, 3), (16, 4), (100, 2), (1000, 3)] {
            let (census, gate) = (Census::default(), Gate::new());
            let counted = census.clone();
            let begun = AtomicU64::new(0);
            thread::scope(|scope| {
                let source = (0..5000).map(move |n| counted.born(n));
                let mut made = source.flow().within(scope).window(window).map_ordered(workers, |item| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    // The first waits until the others can go no further.
                    if item.number == 0 {
                        gate.wait();
                    }
                    item
                });
                scope.spawn(|| {
                    let can_go_on = if workers == 1 { 1 } else { window as u64 };
                    while begun.load(Ordering::SeqCst) < can_go_on {
                        thread::yield_now();
                    }
                    gate.open();
                });
                for n in 0..5000 {
                    // One more is in the caller's hand.
                    assert_eq!(made.next().unwrap().number, n);
                }
                assert!(made.next().is_none());
            });
            assert!(census.most() <= window + 1, "{} alive, window {window}", census.most());
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn nothing_is_taken_before_a_result_is_asked_for() {
    let asked = AtomicU64::new(0);
    thread::scope(|scope| {
        let source = (0..10).inspect(|_| {
            asked.fetch_add(1, Ordering::SeqCst);
        });
        let made = source.flow().within(scope).map_ordered(2, |n| n);
        drop(made);
    });
    assert_eq!(asked.into_inner(), 0);
}

#[test]
fn an_empty_source_gives_nothing_and_stays_at_its_end() {
    let mut made = std::iter::empty::<u8>().flow().map_ordered(3, |n| n);
    assert_eq!((made.next(), made.next()), (None, None));
    assert_eq!(made.summary().taken, 0);
}

#[test]
fn more_workers_than_items_do_no_harm() {
    assert_eq!([1, 2].into_iter().flow().map_ordered(16, |n| n * 2).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_message_is_worked_on_before_the_next_is_sent() {
    within("question and answer", || {
        // Each item is sent when the one before has come out: nothing may wait for company.
        let (s, r) = bounded(10);
        let mut answers = received(r).map_ordered(3, |n: u64| n + 1);
        s.send(0).unwrap();
        for n in 1..2000 {
            assert_eq!(answers.next(), Some(n));
            s.send(n).unwrap();
        }
        drop(s);
        assert_eq!(answers.next(), Some(2000));
        assert_eq!(answers.next(), None);
    });
}

#[test]
fn an_iterator_that_waits_for_the_answer_to_its_last_item_gets_it() {
    within("feedback", || {
        let (s, r) = unbounded();
        s.send(0).unwrap();
        // It promises no item, so it is asked for one at a time.
        let mut answers = r.into_iter().flow().map_ordered(2, |n: u64| n + 1);
        for n in 1..2000 {
            assert_eq!(answers.next(), Some(n));
            s.send(n).unwrap();
        }
    });
}

#[test]
fn many_at_once_are_taken_of_an_iterator_that_promises_none_if_so_told() {
    let evens = (0..10_000_u64).filter(|n| n % 2 == 0);
    let made = evens.flow().at_once(100).map_ordered(3, |n| n / 2);
    assert!(made.eq(0..5000));
}

/// Gives 1000 cheap items as they are asked for, and then the rest all at once.
struct AllAtOnce(std::ops::Range<u64>);

impl Source for AllAtOnce {
    type Item = u64;

    fn pull(&mut self, _: &CancelToken) -> Option<thread::Result<u64>> {
        self.0.next().map(Ok)
    }

    fn pull_more(&mut self, into: &mut Vec<u64>, most: usize) {
        let most = if self.0.start < 1000 { most.min(usize::try_from(1000 - self.0.start).unwrap()) } else { most };
        into.extend(self.0.by_ref().take(most));
    }
}

#[test]
fn a_portion_that_turns_out_slow_is_shared_among_the_workers() {
    thread_local! {
        static SLOW: Cell<u32> = const { Cell::new(0) };
    }
    within("shared", || {
        let (seen, both) = (Mutex::new(HashSet::new()), Gate::new());
        thread::scope(|scope| {
            let source = AllAtOnce(0..1100);
            let made = narrows_flow::Flow::new(source).within(scope).window(4000).map_ordered(2, |n| {
                if n >= 1000 {
                    let began = Instant::now();
                    while began.elapsed() < Duration::from_micros(100) {}
                    // After nine in one portion the worker has looked at the clock. None ends before both have come so far.
                    if SLOW.replace(SLOW.get() + 1) >= 9 {
                        let mut seen = seen.lock().unwrap();
                        seen.insert(thread::current().id());
                        if seen.len() == 2 {
                            both.open();
                        }
                        drop(seen);
                        both.wait();
                    }
                }
                n
            });
            assert!(made.eq(0..1100));
        });
    });
}

#[test]
fn stages_follow_one_another_and_keep_the_order() {
    within("pipeline", || {
        let mut random = Random::new(3);
        for _ in 0..30 {
            let (a, b, c) = (1 + random.index(4), 1 + random.index(4), 1 + random.index(4));
            let window = 1 + random.index(50);
            let made = (0..3000_u64)
                .flow()
                .window(window)
                .map_ordered(a, |n| n + 1)
                .flow()
                .map_ordered(b, |n| n * 2)
                .flow()
                .window(window)
                .map_ordered(c, |n| n.to_string());
            assert!(made.eq((0..3000_u64).map(|n| ((n + 1) * 2).to_string())));
        }
    });
}

#[test]
fn a_source_of_ones_own_and_a_boxed_one_work_alike() {
    struct Countdown(u32);
    impl Source for Countdown {
        type Item = u32;
        fn pull(&mut self, _: &narrows::CancelToken) -> Option<thread::Result<u32>> {
            self.0 = self.0.checked_sub(1)?;
            Some(Ok(self.0))
        }
    }
    let made = narrows_flow::Flow::new(Countdown(100)).boxed().map_ordered(2, |n| n);
    assert!(made.eq((0..100).rev()));
}

#[test]
#[should_panic(expected = "a stage needs a worker")]
fn a_stage_without_workers_is_refused() {
    drop((0..10).flow().map_ordered(0, |n| n));
}

#[test]
#[should_panic(expected = "a window of one place at least")]
fn a_window_without_places_is_refused() {
    drop((0..10).flow().window(0));
}
