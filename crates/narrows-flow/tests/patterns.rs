//! The other patterns: by key, branches, fan-in, batches, errors, retries, readers.

mod common;

use std::{
    collections::HashMap,
    io::{self, Read},
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use common::{Random, spin, within};
use narrows::{Gate, bounded, unbounded};
use narrows_flow::{Failed, Halt, IntoFlow, Retry, Stop, fan_in, lines, received, received_batches, split};

fn at_most(n: usize) -> NonZero<usize> {
    NonZero::new(n).unwrap()
}

#[test]
fn items_of_one_key_have_one_worker_and_keep_their_order() {
    within("keyed", || {
        let mut random = Random::new(10);
        for _ in 0..50 {
            let (workers, keys, window) = (1 + random.index(6), 1 + random.below(20), 1 + random.index(300));
            let flow = (0..2000_u64).flow().window(window);
            let made: Vec<(u64, ThreadId)> = flow
                .map_keyed(
                    workers,
                    move |n| n % keys,
                    |n| {
                        spin(n % 200);
                        (n, thread::current().id())
                    },
                )
                .collect();
            assert_eq!(made.len(), 2000);
            let mut of_key: HashMap<u64, (u64, ThreadId)> = HashMap::new();
            for (n, worker) in made {
                if let Some((last, theirs)) = of_key.insert(n % keys, (n, worker)) {
                    assert!(last < n && theirs == worker);
                }
            }
        }
    });
}

#[test]
fn a_slow_key_holds_up_no_other_within_the_window() {
    within("slow key", || {
        let gate = Gate::new();
        thread::scope(|scope| {
            let mut made = (0..40).flow().within(scope).window(40).map_keyed(
                8,
                |n| n % 8,
                |n| {
                    if n == 0 {
                        gate.wait();
                    }
                    n
                },
            );
            // Others may share its worker, but not all of them.
            let seen: Vec<i32> = made.by_ref().take(5).collect();
            assert!(!seen.contains(&0));
            gate.open();
            assert_eq!(made.count(), 35);
        });
    });
}

#[test]
fn a_panic_of_a_key_or_of_its_work_takes_its_item_alone() {
    within("key panics", || {
        let work = |n: u32| {
            assert!(n != 60, "work {n}");
            n
        };
        let mut made = (0..100).flow().map_keyed(3, |n| assert!(*n != 50, "key {n}"), work);
        let (mut seen, mut said) = (Vec::new(), Vec::new());
        loop {
            match catch_unwind(AssertUnwindSafe(|| made.next())) {
                Ok(Some(n)) => seen.push(n),
                Ok(None) => break,
                Err(panic) => said.push(panic.downcast_ref::<String>().unwrap().clone()),
            }
        }
        assert_eq!(said[0], "key 50");
        let summary = made.summary();
        assert_eq!((summary.handled, summary.panicked), (seen.len() as u64, said.len() as u64));
        seen.extend(made.finish(Duration::from_secs(50)).source.unwrap().into_inner());
        let lost = if said.len() == 2 { vec![50, 60] } else { vec![50] };
        assert!(seen.into_iter().eq((0..100).filter(|n| !lost.contains(n))));
    });
}

#[test]
fn every_branch_of_a_broadcast_gets_everything_in_order() {
    within("broadcast", || {
        for capacity in [1, 7, 1000] {
            let branches = (0..3000_u32).flow().broadcast(3, capacity);
            let readers: Vec<_> = branches.into_iter().map(|branch| thread::spawn(|| branch.eq(0..3000))).collect();
            assert!(readers.into_iter().all(|reader| reader.join().unwrap()));
        }
        // One thread takes from both, in step.
        let [a, b] = <[_; 2]>::try_from((0..500_u32).flow().broadcast(2, 1)).unwrap();
        assert!(a.zip(b).all(|(a, b)| a == b));
    });
}

#[test]
fn a_branch_that_is_dropped_leaves_the_others_going() {
    within("dropped branch", || {
        let mut branches = (0..1000).flow().broadcast(3, 4);
        drop(branches.remove(1));
        let other = branches.pop().unwrap();
        let other = thread::spawn(move || other.count());
        assert_eq!(branches.pop().unwrap().count(), 1000);
        assert_eq!(other.join().unwrap(), 1000);
        // All of them, while the thread waits for a place.
        drop((0..).flow().broadcast(2, 1));
        drop((0..).flow().partition(2, 1, |n| *n));
        drop(received(narrows::never::<u8>()).broadcast(2, 1));
    });
}

#[test]
fn branches_are_worked_on_by_flows_of_their_own() {
    within("branch flows", || {
        let branches = (0..2000_u64).flow().partition(3, 10, |n| n % 10);
        let flows = branches.into_iter().map(|branch| branch.flow().map_ordered(2, |n| n * 2).flow());
        let mut made: Vec<u64> = fan_in(flows, 5).collect();
        made.sort_unstable();
        assert!(made.into_iter().eq((0..2000).map(|n| n * 2)));
    });
}

#[test]
fn a_panic_of_a_source_reaches_a_branch_and_its_flow() {
    within("branch panic", || {
        let source = (0..50).inspect(|n| assert!(*n < 30, "at {n}"));
        let mut branch = source.flow().broadcast(1, 100).pop().unwrap();
        assert!(branch.by_ref().take(30).eq(0..30));
        assert!(catch_unwind(AssertUnwindSafe(|| branch.next())).is_err());
        assert_eq!(branch.next(), None);
        let mut made = (0..50).flow().partition(2, 100, |n| assert!(*n != 10)).remove(0).flow().map_ordered(1, |n| n);
        let (mut seen, mut panics) = (0, 0);
        loop {
            match catch_unwind(AssertUnwindSafe(|| made.next())) {
                Ok(Some(_)) => seen += 1,
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        // The flow takes no more after it. A key of () has one branch, which may be the other.
        let rest = made.finish(Duration::from_secs(50)).source.unwrap().count();
        assert!(panics == 1 && (seen + rest == 49 || seen + rest == 0), "{seen} {rest} {panics}");
    });
}

#[test]
fn several_sources_become_one_and_keep_their_own_order() {
    within("fan-in", || {
        let flows = (0..4_u64).map(|who| (0..500_u64).map(move |n| (who, n)).collect::<Vec<_>>().flow());
        let mut next = [0; 4];
        for (who, n) in fan_in(flows, 3) {
            let who = usize::try_from(who).unwrap();
            assert_eq!(next[who], n);
            next[who] += 1;
        }
        assert_eq!(next, [500; 4]);
    });
}

#[test]
fn a_batch_goes_when_it_is_full_or_its_time_is_over() {
    within("batches", || assert!(TIMES.into_iter().any(batches_come)));
}

/// How long a batch waits for more: the first where this machine has little else to do, so that what is sent at once comes at once.
const TIMES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(500), Duration::from_secs(10)];

/// False if some that belong together came too far apart.
fn batches_come(time: Duration) -> bool {
    let (s, r) = unbounded();
    let mut batches = received(r).map_ordered(2, |n: u32| n).batches(at_most(3), time);
    (0..7).for_each(|n| s.send(n).unwrap());
    if batches.next().unwrap() != [0, 1, 2] || batches.next().unwrap() != [3, 4, 5] {
        return false;
    }
    let began = Instant::now();
    assert_eq!(batches.next().unwrap(), [6]);
    assert!(began.elapsed() >= time);
    s.send(7).unwrap();
    drop(s);
    assert_eq!(batches.next().unwrap(), [7]);
    assert_eq!(batches.next(), None);
    true
}

#[test]
fn messages_become_batches_by_count_and_by_time() {
    within("received batches", || {
        let are_together = |time| {
            let (s, r) = unbounded();
            (0..7).for_each(|n| s.send(n).unwrap());
            let mut sizes = received_batches(r, at_most(3), time).map_ordered(2, |batch| batch.len());
            let first: Vec<usize> = sizes.by_ref().take(3).collect();
            if first != [3, 3, 1] {
                return false;
            }
            s.send(7).unwrap();
            assert_eq!(sizes.next(), Some(1));
            drop(s);
            assert_eq!(sizes.next(), None);
            true
        };
        assert!(TIMES.into_iter().any(are_together));
        // A stop ends the wait for more, and what has come is worked on.
        let (s, r) = bounded(10);
        let stop = Stop::new();
        s.send(1).unwrap();
        let mut made = received_batches(r, at_most(3), Duration::MAX).stopping(&stop).map_ordered(1, |batch| batch);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !s.is_empty() {
                    thread::yield_now();
                }
                stop.soon();
            });
            let rest = made.next().or_else(|| made.finish(Duration::from_secs(50)).returned.pop());
            assert_eq!(rest, Some(vec![1]));
        });
    });
}

#[test]
fn a_panic_ends_a_batch_and_comes_after_it() {
    let mut batches = (0..10).flow().map_ordered(1, |n| assert!(n != 3)).batches(at_most(8), Duration::from_secs(50));
    assert_eq!(batches.next().unwrap().len(), 3);
    assert!(catch_unwind(AssertUnwindSafe(|| batches.next())).is_err());
}

fn odd_fails(n: u32) -> Result<u32, String> {
    if n.is_multiple_of(2) { Ok(n) } else { Err(format!("odd {n}")) }
}

#[test]
fn errors_are_collected_with_their_places() {
    let mut made = (0..100).flow().map_ordered(3, odd_fails).successes(Halt::Never);
    assert!(made.by_ref().eq((0..100).step_by(2)));
    let errors = made.take_errors();
    assert!(errors.into_iter().eq((0..100_u32).skip(1).step_by(2).map(|n| (u64::from(n), format!("odd {n}")))));
}

#[test]
fn errors_stop_the_line_soon_or_now() {
    within("halt", || {
        let mut made = (0_u32..).flow().map_ordered(3, odd_fails).successes(Halt::Soon(2));
        let successes: Vec<u32> = made.by_ref().collect();
        assert!(made.errors().len() >= 2);
        let count = successes.len() + made.errors().len();
        assert!(successes.into_iter().eq((0..u32::try_from(count).unwrap()).step_by(2)));

        let mut made = (0_u32..).flow().map_ordered(3, odd_fails).successes(Halt::Now(2));
        assert!(made.by_ref().eq([0, 2]));
        assert_eq!(made.errors().len(), 2);
        let rest = made.into_inner().finish(Duration::from_secs(50));
        let next = rest.summary.taken;
        assert_eq!(rest.summary.handled + rest.summary.returned, next);
        assert_eq!(rest.source.unwrap().into_inner().next().map(u64::from), Some(next));

        let first = (0_u32..).flow().map_ordered(3, odd_fails).collect::<Result<Vec<_>, _>>();
        assert_eq!(first, Err("odd 1".to_owned()));
    });
}

#[test]
fn a_retry_tries_so_often_and_gives_the_item_back() {
    let calls = Mutex::new(HashMap::new());
    thread::scope(|scope| {
        let work = |n: &u32| {
            let mut calls = calls.lock().unwrap();
            let call = calls.entry(*n).or_insert(0_u32);
            *call += 1;
            if *call > *n { Ok(*call) } else { Err("again") }
        };
        let made = (0..6).flow().within(scope).map_ordered(3, Retry::times(3).wrap(work));
        let failed = |item| Err(Failed { item, error: "again", attempts: 4 });
        assert!(made.eq([Ok(1), Ok(2), Ok(3), Ok(4), failed(4), failed(5)]));
    });
}

#[test]
fn a_stop_ends_the_rest_between_two_attempts() {
    within("backoff", || {
        let (stop, calls, tried) = (Stop::new(), AtomicU32::new(0), Gate::new());
        let retry = Retry::times(10).backoff(Duration::from_secs(50), Duration::from_secs(50)).stopping(&stop);
        thread::scope(|scope| {
            let mut made = [7].into_iter().flow().within(scope).map_ordered(
                1,
                retry.wrap(|_: &i32| {
                    calls.fetch_add(1, Ordering::SeqCst);
                    tried.open();
                    Err::<(), _>(())
                }),
            );
            let stopper = scope.spawn(|| {
                tried.wait();
                stop.now();
            });
            assert_eq!(made.next(), Some(Err(Failed { item: 7, error: (), attempts: 1 })));
            stopper.join().unwrap();
        });
        assert_eq!(calls.into_inner(), 1);
    });
}

#[test]
fn lines_are_those_of_the_standard_library() {
    within("lines", || {
        let mut random = Random::new(11);
        for _ in 0..100 {
            let parts = ["a", "\n", "\r\n", "bc", "", "\r", "long ".repeat(30).as_str()].map(str::to_owned);
            let text: String = (0..random.index(200)).map(|_| parts[random.index(parts.len())].clone()).collect();
            let plain: Vec<String> = text.lines().map(str::to_owned).collect();
            let made = lines(io::Cursor::new(text.clone())).map_ordered(3, Result::unwrap);
            assert!(made.eq(plain), "{text:?}");
            let plain: Vec<Vec<u8>> = io::BufRead::split(text.as_bytes(), b'a').map(Result::unwrap).collect();
            let made = split(io::Cursor::new(text), b'a').map_ordered(3, Result::unwrap);
            assert!(made.eq(plain));
        }
    });
}

#[test]
fn a_line_that_is_no_text_comes_back_in_its_error() {
    let mut made = lines(&b"ok\n\xff\xfe\nok\n"[..]).map_ordered(2, |line| line);
    assert_eq!(made.next().unwrap().unwrap(), "ok");
    let error = made.next().unwrap().unwrap_err().into_inner().unwrap();
    let bytes = error.downcast::<std::string::FromUtf8Error>().unwrap().into_bytes();
    assert_eq!(bytes, b"\xff\xfe");
    assert_eq!(made.next().unwrap().unwrap(), "ok");
    assert!(made.next().is_none());
}

#[test]
fn an_error_of_the_reader_ends_it_after_what_was_read() {
    struct Breaks(bool);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("torn"));
            }
            buffer[..4].copy_from_slice(b"a\nb\n");
            Ok(4)
        }
    }
    let made: Vec<_> = lines(Breaks(false)).map_ordered(2, |line| line.map_err(|error| error.to_string())).collect();
    assert_eq!(made, [Ok("a".to_owned()), Ok("b".to_owned()), Err("torn".to_owned())]);
}

#[test]
fn a_line_that_has_come_waits_for_no_other() {
    within("live lines", || {
        /// A read waits for a message.
        struct Messages(narrows::Receiver<String>);
        impl Read for Messages {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let Ok(text) = self.0.recv() else { return Ok(0) };
                buffer[..text.len()].copy_from_slice(text.as_bytes());
                Ok(text.len())
            }
        }
        let (s, r) = unbounded();
        let mut made = lines(Messages(r)).map_ordered(2, |line| line.unwrap());
        for n in 0..500 {
            s.send(format!("{n}\nand {n}\n")).unwrap();
            assert_eq!(made.next().unwrap(), n.to_string());
            assert_eq!(made.next().unwrap(), format!("and {n}"));
        }
        drop(s);
        assert_eq!(made.next(), None);
    });
}

/// Panics if a thread of a flow drops it.
#[derive(Clone)]
struct Fragile(u32);

impl Drop for Fragile {
    fn drop(&mut self) {
        let is_ours = thread::current().name() == Some("narrows-flow");
        assert!(!is_ours || thread::panicking(), "dropped");
    }
}

/// What comes, and how often it panics instead.
fn all_of(items: &mut impl Iterator<Item = u32>) -> (Vec<u32>, usize) {
    let (mut made, mut panics) = (Vec::new(), 0);
    loop {
        match catch_unwind(AssertUnwindSafe(|| items.next())) {
            Ok(Some(item)) => made.push(item),
            Ok(None) => return (made, panics),
            Err(_) => panics += 1,
        }
    }
}

#[test]
fn an_item_whose_drop_panics_takes_no_other_with_it() {
    within("fragile", || {
        let [gone, kept] = <[_; 2]>::try_from((1..=20).map(Fragile).flow().broadcast(2, 1)).unwrap();
        drop(gone);
        let (made, panics) = all_of(&mut kept.map(|item| item.0));
        assert!(made.into_iter().eq(1..=20));
        assert_eq!(panics, 1);

        // All have the same key, but one, which has none.
        let key = |item: &Fragile| assert!(item.0 != 10, "no key");
        let branches = (1..=20).map(Fragile).flow().partition(2, 1, key);
        let (mut made, mut panics) = (Vec::new(), 0);
        for branch in branches {
            let (more, panicked) = all_of(&mut branch.map(|item| item.0));
            made.extend(more);
            panics += panicked;
        }
        assert!(made.into_iter().eq((1..=20).filter(|n| *n != 10)));
        assert_eq!(panics, 1);

        let key = |item: &Fragile| assert!(item.0 != 10, "no key");
        let kept = |item: Fragile| {
            let number = item.0;
            std::mem::forget(item);
            number
        };
        let mut keyed = (1..=20).map(Fragile).flow().map_keyed(2, key, kept);
        let (made, panics) = all_of(&mut keyed);
        assert!((9..20).contains(&made.len()), "{made:?}");
        assert_eq!(panics, 1);
        let summary = keyed.summary();
        assert_eq!((summary.taken, summary.panicked, summary.stuck), (made.len() as u64 + 1, 1, 0));
    });
}

#[test]
#[should_panic(expected = "in a pipeline that is given to the first stage")]
fn a_later_stage_is_given_no_stop() {
    let _ = (0..3).flow().map_ordered(1, |n| n).flow().stopping(&Stop::new());
}
