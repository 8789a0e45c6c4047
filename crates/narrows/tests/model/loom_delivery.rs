//! Delivery: each message once, in order, with all that happened before it; no answer that was never true.

use std::time::Duration;

use loom::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use narrows::{TryRecvError, TrySendError};

use crate::{
    channel,
    explore::{explore, explore_within, spawn, spawn_twin, turn},
};

/// Rules 1, 2, 9: one sender, one receiver, then the end.
pub(crate) fn messages_arrive_in_order(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let sender = spawn(move || {
            s.send(1).unwrap();
            s.send(2).unwrap();
        });
        turn(0);
        assert_eq!(r.recv(), Ok(1));
        assert_eq!(r.recv(), Ok(2));
        assert!(r.recv().is_err());
        sender.join().unwrap();
    });
}

#[test]
fn in_order_0() {
    messages_arrive_in_order("in_order_0", Some(0), 27_140);
}

#[test]
fn in_order_1() {
    messages_arrive_in_order("in_order_1", Some(1), 2449);
}

#[test]
fn in_order_2() {
    messages_arrive_in_order("in_order_2", Some(2), 1311);
}

#[test]
fn in_order_unbounded() {
    messages_arrive_in_order("in_order_unbounded", None, 1599);
}

/// Rule 12: a send whose time is up while somebody makes room was received, or comes back; never both, never neither.
#[test]
fn timed_send_meets_room() {
    explore("timed_send_meets_room", 290, || {
        let (s, r) = channel(Some(1));
        // By another thread, so that whoever makes room may use its end of the channel.
        let filler = spawn(move || {
            s.send(0).unwrap();
            s
        });
        let s = filler.join().unwrap();
        let receiver = spawn(move || (r.try_recv(), r));
        turn(0);
        let sent = s.send_timeout(1, Duration::ZERO);
        let (first, r) = receiver.join().unwrap();
        assert_eq!(first, Ok(0));
        let left = r.try_recv().ok();
        match sent {
            Ok(()) => assert_eq!(left, Some(1), "lost"),
            Err(back) => assert_eq!((back.into_inner(), left), (1, None), "sent, and given back"),
        }
    });
}

/// Rules 1, 9: two senders; the second waits for a place where there is one.
pub(crate) fn two_senders(name: &str, bound: Option<usize>, floor: usize) {
    let less = usize::from(bound == Some(0));
    explore_within(less, name, floor, move || {
        let (s, r) = channel(bound);
        let other = s.clone();
        let senders = [spawn(move || s.send(1).unwrap()), spawn_twin(move || other.send(2).unwrap())];
        turn(0);
        let got = [r.recv().unwrap(), r.recv().unwrap()];
        assert!(got == [1, 2] || got == [2, 1]);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn two_senders_0() {
    two_senders("two_senders_0", Some(0), 15_000);
}

#[test]
fn two_senders_1() {
    two_senders("two_senders_1", Some(1), 20_750);
}

#[test]
fn two_senders_unbounded() {
    two_senders("two_senders_unbounded", None, 13_829);
}

/// Rules 1, 9: two receivers that both wait are both woken. With two preemptions it took a quarter of the time of all
/// models; a channel with rules, whose ends are not biased, has them.
pub(crate) fn two_receivers(less: usize, name: &str, bound: Option<usize>, floor: usize) {
    explore_within(less, name, floor, move || {
        let (s, r) = channel(bound);
        let other = r.clone();
        let receivers = [spawn(move || r.recv().unwrap()), spawn_twin(move || other.recv().unwrap())];
        turn(0);
        s.send(1).unwrap();
        s.send(2).unwrap();
        let got: u32 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!(got, 3);
    });
}

#[test]
fn two_receivers_0() {
    two_receivers(1, "two_receivers_0", Some(0), 28_000);
}

#[test]
fn two_receivers_1() {
    two_receivers(1, "two_receivers_1", Some(1), 1080);
}

#[test]
fn two_receivers_2() {
    two_receivers(1, "two_receivers_2", Some(2), 1200);
}

/// Rule 4: what was sent before is found, even while another sender is in the middle of its send (tokio 3263).
fn a_message_that_is_there_is_found(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let other = s.clone();
        let sent = Arc::new(AtomicUsize::new(0));
        let tell = sent.clone();
        let first = spawn(move || {
            s.send(1).unwrap();
            tell.store(1, Ordering::Release);
            s
        });
        let second = spawn(move || {
            let _ = other.try_send(2);
            other
        });
        turn(0);
        if sent.load(Ordering::Acquire) == 1 {
            assert!(r.try_recv().is_ok(), "Empty after a send");
        }
        drop((first.join().unwrap(), second.join().unwrap()));
    });
}

#[test]
fn found_after_send_2() {
    a_message_that_is_there_is_found("found_after_send_2", Some(2), 450);
}

#[test]
fn found_after_send_unbounded() {
    a_message_that_is_there_is_found("found_after_send_unbounded", None, 495);
}

/// By a thread that is gone: what is entered for the first time does a fence that later ones do not.
fn used_before(use_it: impl FnOnce() + 'static) {
    loom::thread::spawn(use_it).join().unwrap();
}

/// Rule 4: two threads that each publish in one channel and look into the other cannot both see nothing.
pub(crate) fn not_both_empty(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (x_in, x_out) = channel(bound);
        let (y_in, y_out) = channel(bound);
        let keep = (x_in.clone(), x_out.clone(), y_in.clone(), y_out.clone());
        let (x, y) = ((x_in.clone(), x_out.clone()), (y_in.clone(), y_out.clone()));
        used_before(move || {
            for (s, r) in [x, y] {
                s.try_send(0).unwrap();
                r.try_recv().unwrap();
            }
        });
        let there = spawn(move || {
            x_in.try_send(1).unwrap();
            y_out.try_recv()
        });
        turn(0);
        y_in.try_send(1).unwrap();
        let here = x_out.try_recv();
        let there = there.join().unwrap();
        let nothing = Err(TryRecvError::Empty);
        assert!(here != nothing || there != nothing, "both Empty");
        drop(keep);
    });
}

#[test]
fn store_buffering_empty_1() {
    not_both_empty("store_buffering_empty_1", Some(1), 17);
}

#[test]
fn store_buffering_empty_unbounded() {
    not_both_empty("store_buffering_empty_unbounded", None, 20);
}

/// Rule 4, the other way: each frees a place in one channel and looks for a place in the other.
#[test]
fn store_buffering_full_1() {
    explore("store_buffering_full_1", 15, || {
        let (x_in, x_out) = channel(Some(1));
        let (y_in, y_out) = channel(Some(1));
        let keep = (x_in.clone(), x_out.clone(), y_in.clone(), y_out.clone());
        let (x, y) = ((x_in.clone(), x_out.clone()), (y_in.clone(), y_out.clone()));
        used_before(move || {
            for (s, r) in [x, y] {
                r.try_recv().unwrap_err();
                s.try_send(1).unwrap();
            }
        });
        let there = spawn(move || {
            x_out.try_recv().unwrap();
            y_in.try_send(2)
        });
        turn(0);
        y_out.try_recv().unwrap();
        let here = x_in.try_send(2);
        let there = there.join().unwrap();
        let nothing = Err(TrySendError::Full(2));
        assert!(here != nothing || there != nothing, "both Full");
        drop(keep);
    });
}

/// Rule 3: what a receiver did before it received is visible to the sender that needed the place, or the receiver.
fn a_receive_is_seen_by_the_sender(name: &str, capacity: usize, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(Some(capacity));
        // Relaxed, both ways: only the channel can order them.
        let done = Arc::new(AtomicUsize::new(0));
        let seen = done.clone();
        let sender = spawn(move || {
            for message in 0..=capacity {
                s.send(message).unwrap();
            }
            assert_eq!(seen.load(Ordering::Relaxed), 1);
        });
        turn(0);
        done.store(1, Ordering::Relaxed);
        assert_eq!(r.recv(), Ok(0));
        sender.join().unwrap();
    });
}

#[test]
fn happens_before_back_0() {
    a_receive_is_seen_by_the_sender("happens_before_back_0", 0, 960);
}

#[test]
fn happens_before_back_1() {
    a_receive_is_seen_by_the_sender("happens_before_back_1", 1, 892);
}

#[test]
fn happens_before_back_2() {
    a_receive_is_seen_by_the_sender("happens_before_back_2", 2, 1019);
}

/// Rule 3: what a sender did before it sent is visible to the receiver.
fn a_send_is_seen_by_the_receiver(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let done = Arc::new(AtomicUsize::new(0));
        let seen = done.clone();
        let sender = spawn(move || {
            // Relaxed, both ways: as above.
            done.store(1, Ordering::Relaxed);
            s.send(()).unwrap();
        });
        turn(0);
        r.recv().unwrap();
        assert_eq!(seen.load(Ordering::Relaxed), 1);
        sender.join().unwrap();
    });
}

#[test]
fn happens_before_there_0() {
    a_send_is_seen_by_the_receiver("happens_before_there_0", Some(0), 960);
}

#[test]
fn happens_before_there_1() {
    a_send_is_seen_by_the_receiver("happens_before_there_1", Some(1), 292);
}

#[test]
fn happens_before_there_unbounded() {
    a_send_is_seen_by_the_receiver("happens_before_there_unbounded", None, 418);
}

/// Rule 5: what an onlooker sees is within the bound, whatever the others do.
#[test]
fn len_is_within_the_bound() {
    explore("len_is_within_the_bound", 7102, || {
        let (s, r) = channel(Some(1));
        let onlooker = s.clone();
        let sender = spawn(move || {
            s.send(1).unwrap();
            s.send(2).unwrap();
        });
        let receiver = spawn(move || {
            assert_eq!(r.recv(), Ok(1));
            r
        });
        turn(0);
        assert!(onlooker.len() <= 1);
        sender.join().unwrap();
        receiver.join().unwrap();
    });
}
