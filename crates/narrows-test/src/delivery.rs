//! Rules 1 to 3: every message once, in order, with all that happened before it.

use crate::deadline::times;
use crate::ends::Pairs;
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::{Crew, number, traffic};
use crate::way::Way;
use narrows::{TryRecvError, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CREW: Crew = Crew { senders: 3, receivers: 3, each: times(60) };

/// What all sent is what all received.
pub fn rule_01_every_message_is_received_exactly_once(kind: impl Pairs<Load>, way: &'static Way) {
    let ledger = Ledger::new(CREW.messages());
    let mut got = traffic(kind, way, CREW, &ledger).concat();
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..number(CREW.messages())), "lost or doubled: {got:?}");
    ledger.settle();
}

/// What nobody received goes with the last receiver, once.
pub fn rule_01_what_is_left_is_dropped_exactly_once(kind: Kind, way: &'static Way) {
    let left = kind.holds(70);
    let ledger = Ledger::new(left + 1);
    let (s, r) = kind.pair();
    for i in 0..left {
        assert!(way.send.send_here(&s, ledger.load(number(i))).is_ok());
    }
    if left > 1 {
        assert_eq!(way.recv.recv_here(&r).map(|load| load.number()), Ok(0));
    }
    drop(r);
    assert_eq!(ledger.alive(), 0, "left inside without a receiver");
    drop(s);
    ledger.settle();
}

/// The other order: the sender goes first, the last receiver later.
pub fn rule_01_what_is_left_is_dropped_after_the_sender(kind: Kind) {
    for left in 0..=kind.holds(70) {
        let ledger = Ledger::new(left);
        let (s, r) = kind.pair();
        for i in 0..left {
            assert!(s.send(ledger.load(number(i))).is_ok());
        }
        drop(s);
        assert_eq!(ledger.alive(), left, "dropped under a receiver");
        drop(r);
        ledger.settle();
    }
}

/// A message that was left for tasks that wait is anybody's, the oldest first, until the task is polled.
pub fn rule_01_a_message_left_for_a_task_is_anyones(kind: Kind) {
    let ledger = Ledger::new(3);
    let (s, r) = kind.pair();
    let (r1, r2) = (r.clone(), r.clone());
    let mut first = Hand::waiting(r1.recv_async());
    let second = Hand::waiting(r2.recv_async());
    for i in 0..2 {
        if kind.holds(2) == 1 && i == 1 {
            break;
        }
        assert!(s.try_send(ledger.load(i)).is_ok(), "a task waits for {i}");
    }
    assert_eq!(r.try_recv().map(|load| load.number()), Ok(0), "the oldest, for whoever comes");
    if kind.holds(2) == 1 {
        assert!(s.try_send(ledger.load(1)).is_ok());
    }
    // Whichever task is polled next gets the next.
    assert_eq!(second.ready().map(|load| load.number()), Ok(1));
    first.still_waits();
    assert_eq!(r.try_recv().map(|load| load.number()), Err(TryRecvError::Empty));
    assert!(s.try_send(ledger.load(2)).is_ok(), "the first still waits");
    assert_eq!(first.ready().map(|load| load.number()), Ok(2));
    ledger.settle();
}

/// At capacity 0 there is no room but that of those who wait.
pub fn rule_01_at_capacity_0_each_waiting_task_makes_room_for_one(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.try_send(0), Err(TrySendError::Full(0)));
    let tasks: Vec<_> = (0..3).map(|_| Hand::waiting(r.recv_async())).collect();
    for i in 0..3 {
        assert_eq!(s.try_send(i), Ok(()));
    }
    assert_eq!(s.try_send(3), Err(TrySendError::Full(3)));
    let got: Vec<_> = tasks.into_iter().map(|task| task.ready()).collect();
    assert_eq!(got, [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(s.try_send(4), Err(TrySendError::Full(4)));
}

/// Each receiver sees each sender's messages in the order in which they were sent.
pub fn rule_02_each_receiver_sees_each_sender_in_order(kind: impl Pairs<Load>, way: &'static Way) {
    let ledger = Ledger::new(CREW.messages());
    for got in traffic(kind, way, CREW, &ledger) {
        for k in 0..CREW.senders {
            let from = number(k * CREW.each)..number((k + 1) * CREW.each);
            let of_one: Vec<u64> = got.iter().copied().filter(|n| from.contains(n)).collect();
            assert!(of_one.is_sorted(), "sender {k} out of order: {of_one:?}");
        }
    }
    ledger.settle();
}

/// Sends by different actors, one after the other, arrive in that order.
pub fn rule_02_the_whole_channel_is_one_line(kind: impl Pairs<(usize, usize)>, way: &'static Way) {
    let (s, r) = kind.pair();
    let line = kind.holds(12);
    for round in 0..3 {
        for i in 0..line {
            let (s, side) = (s.clone(), way.send);
            let sender = side.spawn(async move { side.send(&s, (round, i)).await });
            assert_eq!(sender.join(), Ok(()));
        }
        for i in 0..line {
            let (r, side) = (r.clone(), way.recv);
            let receiver = side.spawn(async move { side.recv(&r).await });
            assert_eq!(receiver.join(), Ok((round, i)));
        }
    }
}

fn cells(n: usize) -> Arc<[AtomicU64]> {
    (0..n).map(|_| AtomicU64::new(0)).collect()
}

/// What a sender wrote before its send, the receiver reads after its receive.
pub fn rule_03_what_came_before_the_send_is_seen_after_the_receive(kind: impl Pairs<usize>, way: &'static Way) {
    const N: usize = times(200);
    let (s, r) = kind.pair();
    let written = cells(N);
    let read = Arc::clone(&written);
    let (send, recv) = (way.send, way.recv);
    let sender = send.spawn(async move {
        for i in 0..N {
            // Relaxed on purpose: the channel alone must order it.
            written[i].store(number(i) + 1, Ordering::Relaxed);
            assert!(send.send(&s, i).await.is_ok());
        }
    });
    let receiver = recv.spawn(async move {
        while let Ok(i) = recv.recv(&r).await {
            assert_eq!(read[i].load(Ordering::Relaxed), number(i) + 1, "message {i} came alone");
        }
    });
    sender.join();
    receiver.join();
}

/// What a receiver did before its k-th receive, the sender sees after its (k + n)-th send. At capacity 0, n is 0.
pub fn rule_03_the_kth_receive_comes_before_the_k_plus_nth_send(kind: impl Pairs<usize>, way: &'static Way) {
    const N: usize = times(200);
    let capacity = kind.capacity().expect("a bound");
    let (s, r) = kind.pair();
    let written = cells(N);
    let read = Arc::clone(&written);
    let (send, recv) = (way.send, way.recv);
    let receiver = recv.spawn(async move {
        for k in 0..N {
            written[k].store(number(k) + 1, Ordering::Relaxed);
            assert_eq!(recv.recv(&r).await, Ok(k));
        }
    });
    let sender = send.spawn(async move {
        for i in 0..N {
            assert!(send.send(&s, i).await.is_ok());
            if let Some(k) = i.checked_sub(capacity) {
                let seen = read[k].load(Ordering::Relaxed);
                assert_eq!(seen, number(k) + 1, "send {i} was done before receive {k}");
            }
        }
    });
    sender.join();
    receiver.join();
}
