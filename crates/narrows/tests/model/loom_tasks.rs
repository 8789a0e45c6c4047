//! Tasks: polled, woken, dropped; a wake-up that goes unused goes on.

use std::task::Poll;

use narrows::TryRecvError;

use crate::{
    channel,
    explore::{explore, explore_within, spawn, spawn_twin, turn},
    task::{block_on, poll_once},
};

/// Rules 1, 9: tasks on both sides.
pub(crate) fn tasks_on_both_sides(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let sender = spawn(move || {
            block_on(s.send_async(1)).unwrap();
            block_on(s.send_async(2)).unwrap();
        });
        turn(0);
        assert_eq!(block_on(r.recv_async()), Ok(1));
        assert_eq!(block_on(r.recv_async()), Ok(2));
        assert!(block_on(r.recv_async()).is_err());
        sender.join().unwrap();
    });
}

#[test]
fn tasks_0() {
    tasks_on_both_sides("tasks_0", Some(0), 181);
}

#[test]
fn tasks_1() {
    tasks_on_both_sides("tasks_1", Some(1), 1540);
}

/// Rules 9, 13: a receive that was polled and then dropped loses neither a message nor a wake-up (async-std 452).
pub(crate) fn a_receive_is_cancelled(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let (other_s, other_r) = (s.clone(), r.clone());
        let sender = spawn(move || {
            s.send(1).unwrap();
            s
        });
        let waits = spawn(move || other_r.recv().unwrap());
        let mut future = r.recv_async();
        turn(0);
        let polled = poll_once(&mut future);
        drop(future);
        if polled.is_ready() {
            other_s.send(2).unwrap(); // ours was the only message
        }
        waits.join().unwrap();
        sender.join().unwrap();
    });
}

#[test]
fn receive_cancelled_0() {
    a_receive_is_cancelled("receive_cancelled_0", Some(0), 37_488);
}

#[test]
fn receive_cancelled_1() {
    a_receive_is_cancelled("receive_cancelled_1", Some(1), 23_076);
}

#[test]
fn receive_cancelled_unbounded() {
    a_receive_is_cancelled("receive_cancelled_unbounded", None, 25_222);
}

/// Rules 4, 13: what a dropped task leaves behind is for the other one that waits, so that has no room for a second message.
#[test]
fn receive_dropped_leaves_one_place_0() {
    explore("receive_dropped_leaves_one_place_0", 29, || {
        let (s, r) = channel(Some(0));
        let mut first = r.recv_async();
        assert!(poll_once(&mut first).is_pending());
        let other_r = r.clone();
        let polls = spawn(move || {
            let mut second = other_r.recv_async();
            poll_once(&mut second).is_ready() || poll_once(&mut second).is_ready() || poll_once(&mut second).is_ready()
        });
        turn(0);
        s.try_send(1).unwrap();
        drop(first);
        let has_room = s.try_send(2).is_ok();
        let received = polls.join().unwrap();
        assert!(!has_room, "two messages for one receiver");
        assert_eq!(r.try_recv().is_ok(), !received);
    });
}

/// Rules 9, 13: the same for a send that waits for a place.
#[test]
fn send_cancelled_1() {
    explore_within(1, "send_cancelled_1", 680, || {
        let (s, r) = channel(Some(1));
        let new = std::sync::Arc::<()>::default;
        s.send(new()).unwrap();
        let (other_s, other_r) = (s.clone(), r.clone());
        let receiver = spawn(move || other_r.recv().unwrap());
        let waits = spawn(move || other_s.send(new()).unwrap());
        let mark = new();
        let mut future = s.send_async(mark.clone());
        turn(0);
        let polled = poll_once(&mut future);
        drop(future);
        let is_sent = std::sync::Arc::strong_count(&mark) > 1;
        assert!(is_sent || polled.is_pending());
        if is_sent {
            r.recv().unwrap(); // ours took a place
        }
        waits.join().unwrap();
        receiver.join().unwrap();
    });
}

/// Rules 9, 10: two sends wait for a place, and whoever receives makes room for both.
#[test]
fn two_sends_wait() {
    explore("two_sends_wait", 17_600, || {
        let (s, r) = channel(Some(1));
        s.send(0).unwrap();
        let others = [s.clone(), s];
        let sends = others.map(|s| spawn_twin(move || block_on(s.send_async(1)).unwrap()));
        turn(0);
        let sum: i32 = (0..3).map(|_| r.recv().unwrap()).sum();
        assert_eq!(sum, 2);
        for send in sends {
            send.join().unwrap();
        }
    });
}

/// Rule 4: a send that is pending met a full channel, not a place that its own message was then put into.
#[test]
fn no_wait_beside_room() {
    explore("no_wait_beside_room", 91, || {
        let (s, r) = channel(Some(2));
        // One place is out for ever, which the quick way to a place does not reckon with. Another thread fills the rest, so
        // that ours is not the owner of that end.
        let filler = spawn(move || {
            std::mem::forget(s.reserve().unwrap());
            s.send(0).unwrap();
            s
        });
        let s = filler.join().unwrap();
        let other = r.clone();
        let receiver = spawn(move || other.try_recv().is_ok());
        turn(0);
        if r.try_recv() == Err(TryRecvError::Empty) {
            assert!(poll_once(&mut s.send_async(1)).is_ready(), "there is a place, and nobody else sends");
        }
        receiver.join().unwrap();
    });
}

/// Rules 7, 13: a send that waits while somebody makes room and somebody closes is received or given back, and hears which.
#[test]
fn room_or_close() {
    explore("room_or_close", 578, || {
        let (s, r) = channel(Some(1));
        s.send(std::sync::Arc::default()).unwrap();
        let mark = std::sync::Arc::<()>::default();
        let mut future = s.send_async(mark.clone());
        assert!(poll_once(&mut future).is_pending());
        let closer = s.clone();
        let closes = spawn(move || closer.close());
        turn(0);
        r.recv().unwrap();
        let polled = poll_once(&mut future);
        closes.join().unwrap();
        let received = r.try_recv().is_ok();
        assert!(matches!(polled, Poll::Ready(sent) if sent.is_ok() == received));
        drop(future);
        assert_eq!(std::sync::Arc::strong_count(&mark), 1);
    });
}

/// Rule 13: at capacity 0 a dropped send was received, or was not sent at all.
#[test]
fn send_cancelled_0() {
    explore("send_cancelled_0", 11, || {
        let (s, r) = channel(Some(0));
        let keep = s.clone();
        let receiver = spawn(move || (r.try_recv().ok(), r));
        let mark = std::sync::Arc::new(());
        let mut future = s.send_async(mark.clone());
        turn(0);
        let polled = poll_once(&mut future);
        drop(future);
        let (received, r) = receiver.join().unwrap();
        assert!(received.is_some() || polled.is_pending());
        drop(received);
        assert!(r.try_recv().is_err());
        assert_eq!(std::sync::Arc::strong_count(&mark), 1);
        drop(keep);
    });
}

/// Rule 13: reserving and being cancelled takes no place.
#[test]
fn reserve_cancelled() {
    explore("reserve_cancelled", 32_452, || {
        let (s, r) = channel(Some(1));
        s.send(0).unwrap();
        let other = s.clone();
        let receiver = spawn(move || {
            assert_eq!(r.recv(), Ok(0));
            r
        });
        let waits = spawn(move || other.send(8).unwrap());
        let mut future = s.reserve_async();
        turn(0);
        let polled = poll_once(&mut future);
        drop(future);
        drop(polled);
        waits.join().unwrap();
        assert_eq!(receiver.join().unwrap().try_recv(), Ok(8));
    });
}

/// Rule 14: a task that was polled and then forgotten keeps one wake-up and no more (async-channel 45).
#[test]
fn forgotten_task() {
    explore("forgotten_task", 349, || {
        let (s, r) = channel(Some(2));
        let other = r.clone();
        // Never polled again; dropped at the end, for loom counts what is left behind.
        let mut future = r.recv_async();
        assert!(poll_once(&mut future).is_pending());
        let waits = spawn(move || other.recv().unwrap());
        turn(0);
        s.send(1).unwrap();
        s.send(2).unwrap();
        assert_eq!(waits.join().unwrap(), 1);
        drop(future);
    });
}

/// Rule 10: of two tasks that wait the second is woken too, when the first finds nothing.
#[test]
fn two_tasks_wait() {
    explore_within(1, "two_tasks_wait", 1060, || {
        let (s, r) = channel(Some(1));
        let other = r.clone();
        let receivers = [spawn(move || block_on(r.recv_async())), spawn_twin(move || block_on(other.recv_async()))];
        turn(0);
        s.send(1).unwrap();
        s.send(2).unwrap();
        let got: u32 = receivers.into_iter().map(|receiver| receiver.join().unwrap().unwrap()).sum();
        assert_eq!(got, 3);
    });
}
