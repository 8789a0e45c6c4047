//! Channels with rules: the bodies of the others, and what only they can do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use narrows::{Overflow, Receiver, Sender};

use crate::{
    RULES,
    explore::{explore, spawn, spawn_twin, turn},
    loom_delivery::{messages_arrive_in_order, not_both_empty, two_receivers, two_senders},
    loom_tasks::{a_receive_is_cancelled, tasks_on_both_sides},
    task::poll_once,
};

#[test]
fn in_order_rules_1() {
    messages_arrive_in_order("in_order_rules_1", Some(RULES + 1), 599);
}

#[test]
fn two_senders_rules_1() {
    two_senders("two_senders_rules_1", Some(RULES + 1), 2383);
}

#[test]
fn two_receivers_rules_1() {
    two_receivers(0, "two_receivers_rules_1", Some(RULES + 1), 4417);
}

#[test]
fn store_buffering_rules_1() {
    not_both_empty("store_buffering_rules_1", Some(RULES + 1), 15);
}

#[test]
fn tasks_rules_1() {
    tasks_on_both_sides("tasks_rules_1", Some(RULES + 1), 162);
}

#[test]
fn cancelled_receive_rules_1() {
    a_receive_is_cancelled("cancelled_receive_rules_1", Some(RULES + 1), 1081);
}

/// Rule 9: whoever waits for a place hears of more capacity.
#[test]
fn more_capacity_wakes() {
    explore("more_capacity_wakes", 1703, || {
        let (s, r) = narrows::builder().resizable().bounded(1);
        s.send(0).unwrap();
        let other = s.clone();
        let senders = [spawn(move || s.send(1).unwrap()), spawn_twin(move || drop(other.reserve().unwrap()))];
        turn(0);
        r.set_capacity(3).unwrap();
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(r.len(), 2);
    });
}

/// A channel in which a number weighs as much as it says.
fn weighed(capacity: usize) -> (Sender<usize>, Receiver<usize>) {
    narrows::builder().weigher(|weight: &usize| *weight).bounded(capacity)
}

/// Rules 9, 10: a heavy message that gives up, or goes in, lets the one behind it go on; never is one lost between the two.
#[test]
fn the_heavy_gives_up() {
    explore("the_heavy_gives_up", 1315, || {
        let (s, r) = weighed(3);
        s.send(2).unwrap();
        let other = s.clone();
        let heavy = spawn(move || s.send_timeout(3, Duration::ZERO).is_ok());
        let light = spawn(move || other.send(1).unwrap());
        turn(0);
        assert_eq!(r.recv(), Ok(2));
        let was_sent = heavy.join().unwrap();
        let mut left = usize::from(was_sent) * 3 + 1;
        while left > 0 {
            left -= r.recv().unwrap();
        }
        light.join().unwrap();
        assert_eq!((r.len(), r.weight()), (0, 0));
    });
}

/// Rules 9, 14: one that was put inside for a future that is dropped meanwhile stays sent, and those behind it hear.
#[test]
fn a_heavy_future_is_dropped() {
    explore("a_heavy_future_is_dropped", 874, || {
        let (s, r) = weighed(3);
        s.send(2).unwrap();
        let mut heavy = s.send_async(3);
        assert!(poll_once(&mut heavy).is_pending());
        let other = s.clone();
        let light = spawn(move || other.send(1).unwrap());
        let receiver = spawn(move || {
            assert_eq!(r.recv(), Ok(2));
            r
        });
        turn(0);
        drop(heavy);
        let r = receiver.join().unwrap();
        if r.recv().unwrap() == 3 {
            assert_eq!(r.recv(), Ok(1));
        }
        light.join().unwrap();
    });
}

/// Rule 1: with the policy and the end at work, each message is received, shed, left, or given back; once.
#[test]
fn received_shed_left_or_returned() {
    explore("received_shed_left_or_returned", 440, || {
        let undelivered = Arc::new(AtomicUsize::new(0));
        let counter = undelivered.clone();
        let hook = move |message: usize| {
            counter.fetch_add(message, Ordering::Relaxed);
        };
        let (s, r) = narrows::builder().overflow(Overflow::DropOldest).on_undelivered(hook).bounded(1);
        s.send(1).unwrap();
        let other = s.clone();
        let senders = [
            spawn(move || s.send(10).map_or_else(|back| back.0, |()| 0)),
            spawn_twin(move || other.send(100).map_or_else(|back| back.0, |()| 0)),
        ];
        turn(0);
        let got = r.try_recv().unwrap();
        drop(r);
        let back: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        assert_eq!(got + back + undelivered.load(Ordering::Relaxed), 111);
    });
}
