//! loom's models of what workers share: no task is lost or run twice, and none waits while all sleep.

use std::ptr::{self, NonNull};

use loom::{
    model::Builder,
    sync::{Arc, atomic::AtomicUsize},
    thread,
};

use crate::{
    idle::Idle,
    ring::Ring,
    sync::Ordering,
    worker::{Front, Worker},
};

fn item(number: usize) -> NonNull<()> {
    NonNull::new(ptr::without_provenance_mut(number)).expect("numbers begin with 1")
}

fn number(item: NonNull<()>) -> usize {
    item.as_ptr().addr()
}

/// Each number once.
fn assert_all(mut found: Vec<usize>, n: usize) {
    found.sort_unstable();
    assert_eq!(found, (1..=n).collect::<Vec<_>>());
}

fn model(body: impl Fn() + Send + Sync + 'static) {
    Builder::new().check(body);
}

/// With an item comes what was done before it was pushed; a slot is used again only after it was read.
#[test]
fn ring_passes_each_item_on_once() {
    model(|| {
        let ring = Arc::new(Ring::new());
        let done: Arc<[AtomicUsize; 4]> = Arc::default();
        let pop = |ring: &Ring, done: &[AtomicUsize; 4]| {
            let k = number(ring.pop()?);
            assert_eq!(done[k].load(Ordering::Relaxed), k, "what came before the push is seen");
            Some(k)
        };
        let other = {
            let (ring, done) = (ring.clone(), done.clone());
            thread::spawn(move || {
                let mut found = Vec::new();
                done[3].store(3, Ordering::Relaxed);
                if ring.push(item(3)).is_err() {
                    found.push(3);
                }
                found.extend(pop(&ring, &done));
                found
            })
        };
        let mut found = Vec::new();
        for k in 1..=2 {
            done[k].store(k, Ordering::Relaxed);
            if ring.push(item(k)).is_err() {
                found.push(k);
            }
        }
        found.extend(pop(&ring, &done));
        found.extend(other.join().expect("no panic"));
        found.extend(std::iter::from_fn(|| pop(&ring, &done)));
        assert_all(found, 3);
    });
}

/// A task is put in front by a poll from which the worker is just being taken: one of the two threads has it.
#[test]
fn what_is_put_in_front_is_found_by_one() {
    model(|| {
        let worker = Arc::new(Worker::new());
        let poll = worker.duty.open();
        let taker = {
            let worker = worker.clone();
            thread::spawn(move || {
                let mut found = Vec::new();
                if worker.duty.take(poll) {
                    assert_eq!(worker.duty.under_way(), None, "what is taken is not stuck");
                    // It drives from here on, and its own poll puts one in front, too.
                    found.extend(worker.take_front());
                    let own = worker.duty.open();
                    match worker.put_in_front(item(2), own) {
                        Front::Ours(before) => found.extend(before),
                        Front::Lost(..) => unreachable!("nobody takes it from this one"),
                    }
                    assert!(worker.duty.close(own), "nobody takes it from this one");
                    found.extend(worker.take_front());
                } else {
                    found.push(item(2));
                }
                found
            })
        };
        let mut found: Vec<NonNull<()>> = Vec::new();
        match worker.put_in_front(item(1), poll) {
            Front::Ours(before) => found.extend(before),
            Front::Lost(before, now) => found.extend(before.into_iter().chain(now)),
        }
        if worker.duty.close(poll) {
            found.extend(worker.take_front());
        }
        found.extend(taker.join().expect("no panic"));
        assert_all(found.into_iter().map(number).collect(), 2);
    });
}

/// Either the poll ends first, or the worker is taken from it.
#[test]
fn a_poll_is_closed_or_taken() {
    model(|| {
        let worker = Arc::new(Worker::new());
        let poll = worker.duty.open();
        let taker = {
            let worker = worker.clone();
            thread::spawn(move || worker.duty.take(poll))
        };
        let closed = worker.duty.close(poll);
        assert_ne!(closed, taker.join().expect("no panic"));
    });
}

/// A worker that looks around, one that sleeps, and somebody who adds two tasks: if one is left, somebody was called.
#[test]
fn no_task_waits_while_all_sleep() {
    model(|| {
        let (idle, ring) = (Arc::new(Idle::new(2)), Arc::new(Ring::new()));
        assert_eq!(idle.to_wake(), Some(0), "it searches from here on");
        let works = {
            let (idle, ring) = (idle.clone(), ring.clone());
            thread::spawn(move || {
                let (mut searching, mut called) = (true, false);
                loop {
                    if ring.pop().is_some() {
                        if std::mem::take(&mut searching) && idle.found() {
                            called |= idle.to_wake().is_some();
                        }
                        continue;
                    }
                    searching = searching || idle.may_search();
                    idle.lie_down(0, searching);
                    if ring.is_empty() || !idle.get_up(0) {
                        return called;
                    }
                    searching = true;
                    // Somebody may be in the middle of a push.
                    thread::yield_now();
                }
            })
        };
        let mut called = false;
        for k in 1..=2 {
            ring.push(item(k)).expect("two have room");
            called |= idle.to_wake().is_some();
        }
        called |= works.join().expect("no panic");
        assert!(ring.is_empty() || called, "a task waits and nobody was called");
    });
}

/// One who looked around finds a task and is never seen again: another was called for what there is besides.
#[test]
fn who_finds_a_task_calls_another() {
    model(|| {
        let (idle, ring) = (Arc::new(Idle::new(2)), Arc::new(Ring::new()));
        assert_eq!(idle.to_wake(), Some(0), "it searches from here on");
        let works = {
            let (idle, ring) = (idle.clone(), ring.clone());
            thread::spawn(move || {
                if ring.pop().is_some() {
                    return idle.found() && idle.to_wake().is_some();
                }
                idle.lie_down(0, true);
                !ring.is_empty() && idle.get_up(0)
            })
        };
        let mut called = false;
        for k in 1..=2 {
            ring.push(item(k)).expect("two have room");
            called |= idle.to_wake().is_some();
        }
        called |= works.join().expect("no panic");
        assert!(ring.is_empty() || called, "a task waits and nobody was called");
    });
}
