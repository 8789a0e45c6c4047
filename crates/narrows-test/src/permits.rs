//! Rule 23: places held before the message is there.

use crate::actor::Actor;
use crate::deadline::times;
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::way::Way;
use narrows::{RecvError, SendError, Sender, TryRecvError, TrySendError};

/// A permit is a place less, but no message.
pub fn rule_23_a_permit_counts_for_full_but_not_for_len(kind: Kind) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    let mut permits: Vec<_> = (0..capacity).map(|_| s.try_reserve().expect("room")).collect();
    assert_eq!((s.len(), r.len(), r.try_recv()), (0, 0, Err(TryRecvError::Empty)));
    assert!(s.is_full() && s.is_empty());
    assert_eq!(s.try_send(0), Err(TrySendError::Full(0)));
    assert!(matches!(s.try_reserve(), Err(TrySendError::Full(()))));
    assert_eq!(permits.pop().expect("one").send(1), Ok(()));
    assert_eq!((s.len(), r.len()), (1, 1));
    assert_eq!(s.try_send(2), Err(TrySendError::Full(2)));
    drop(permits);
    assert_eq!(s.is_full(), capacity == 1, "given back");
    for i in 1..capacity {
        assert_eq!(s.try_send(i), Ok(()));
    }
    assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(r.len(), capacity);
}

/// It is a count, not a slot: the order is that of sending.
pub fn rule_23_the_order_is_that_of_sending(kind: Kind) {
    let (s, r) = kind.pair();
    let first = s.reserve().expect("room");
    assert_eq!(s.send(1), Ok(()));
    if kind.holds(3) == 3 {
        let second = s.reserve().expect("room");
        assert_eq!(second.send(2), Ok(()));
    } else {
        assert_eq!(r.recv(), Ok(1));
        assert_eq!(s.send(2), Ok(()));
        assert_eq!(r.recv(), Ok(2));
        assert_eq!(s.send(1), Ok(()));
    }
    assert_eq!(first.send(3), Ok(()));
    let expected: &[i32] = if kind.holds(3) == 3 { &[1, 2, 3] } else { &[1, 3] };
    assert!(r.try_iter().eq(expected.iter().copied()));
}

/// A place given back, or a receiver that goes on, wakes who waits for room. (Pitfall 7: tokio 8074, 8075, 8260, 7709, 7714.)
pub fn rule_23_a_dropped_permit_wakes_a_waiting_sender(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    let permits: Vec<_> = (0..capacity).map(|_| s.reserve().expect("room")).collect();
    let waiting: Vec<_> = (0..capacity.min(3))
        .map(|i| {
            let (s, side) = (s.clone(), way.send);
            side.spawn(async move { side.send(&s, i).await })
        })
        .collect();
    waiting.iter().for_each(Actor::until_waiting);
    drop(permits);
    for sender in waiting {
        assert_eq!(sender.join(), Ok(()));
    }
    assert_eq!(r.len(), capacity.min(3));
}

/// The same where one reservation holds every place there is. Without a bound that is every number there is.
pub fn rule_23_who_holds_every_place_wakes_a_waiting_sender(kind: Kind) {
    let (s, r) = kind.pair();
    let permits = s.try_reserve_many(kind.capacity().unwrap_or(usize::MAX)).expect("room");
    let mut sender = Hand::waiting(s.send_async(1));
    // It may give way a few times before it waits.
    while sender.is_woken() {
        sender.still_waits();
    }
    drop(permits);
    assert!(sender.is_woken());
    assert_eq!(sender.ready(), Ok(()));
    assert_eq!(r.try_recv(), Ok(1));
}

/// One who holds a permit and does nothing holds one place, and starves nobody.
pub fn rule_23_a_held_permit_starves_nobody(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let held = s.reserve().expect("room");
    let (s2, r2, send, recv) = (s.clone(), r.clone(), way.send, way.recv);
    let sender = send.spawn(async move {
        for i in 0..times(200) {
            assert_eq!(send.send(&s2, i).await, Ok(()));
        }
    });
    let receiver = recv.spawn(async move {
        for i in 0..times(200) {
            assert_eq!(recv.recv(&r2).await, Ok(i));
        }
    });
    sender.join();
    receiver.join();
    assert_eq!(held.send(7), Ok(()));
    assert_eq!(r.recv(), Ok(7));
}

/// An owned permit is a sender: while there is one, the end has not come.
pub fn rule_23_an_owned_permit_counts_as_a_sender(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let permit = s.reserve().expect("room").into_owned();
    assert_eq!(r.sender_count(), 2);
    drop(s);
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty), "not Disconnected yet");
    assert!(!r.is_closed() && !permit.is_closed());
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { (side.recv(&r2).await, side.recv(&r2).await) });
    receiver.until_waiting();
    let sender = std::thread::spawn(move || permit.send(1));
    assert_eq!(sender.join().expect("no panic"), Ok(()));
    assert_eq!(receiver.join(), (Ok(1), Err(RecvError)), "the last sender is gone");
    // Dropped unused, it ends the channel too.
    let (s, r) = kind.pair::<u8>();
    let permit = s.reserve().expect("room").into_owned();
    drop(s);
    let side = way.recv;
    let receiver = side.spawn(async move { side.recv(&r).await });
    receiver.until_waiting();
    drop(permit);
    assert_eq!(receiver.join(), Err(RecvError));
}

/// After close a permit returns the message; receivers have heard the end and nothing comes after it. (Pitfall 7.)
pub fn rule_23_after_close_a_permit_returns_the_message(kind: Kind) {
    for by_sender in [true, false] {
        let (s, r) = kind.pair();
        let permit = s.reserve().expect("room");
        let owned = (kind.holds(2) == 2).then(|| s.reserve().expect("room").into_owned());
        assert!(if by_sender { s.close() } else { r.close() });
        assert!(permit.is_closed());
        assert_eq!(r.recv(), Err(RecvError));
        assert_eq!(permit.send(5), Err(SendError(5)));
        assert!(owned.is_none_or(|owned| owned.send(6) == Err(SendError(6))));
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
        assert!(s.reserve().is_err());
        assert!(matches!(s.try_reserve(), Err(TrySendError::Disconnected(()))));
    }
    let (s, r) = kind.pair();
    let permit = s.reserve().expect("room");
    drop(r);
    assert_eq!(permit.send(5), Err(SendError(5)));
}

/// Once Disconnected was heard, no permit gets a message in; what a permit got in is heard first. (Pitfall 7.)
pub fn rule_23_no_end_while_a_permit_is_sending(kind: Kind, way: &'static Way) {
    for round in 0..times(100) {
        let (s, r) = kind.pair();
        let (s2, r2, send, recv) = (s.clone(), r.clone(), way.send, way.recv);
        let permit = s.reserve().expect("room").into_owned();
        let sender = send.spawn(async move { permit.send(round).is_ok() });
        let closer = send.spawn(async move { s2.close() });
        let receiver = recv.spawn(async move {
            let first = recv.recv(&r2).await;
            (first.is_ok(), recv.recv(&r2).await)
        });
        let sent = sender.join();
        assert!(closer.join());
        assert_eq!(receiver.join(), (sent, Err(RecvError)), "round {round}");
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    }
}

/// A send by permit races with the end: sent or returned.
pub fn rule_23_permits_that_race_with_close_lose_nothing(kind: Kind, way: &'static Way) {
    for round in 0..times(20) {
        let ledger = Ledger::new(60);
        let (s, r) = kind.pair::<Load>();
        let senders: Vec<_> = (0..2)
            .map(|k| {
                let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
                side.spawn(async move { send_by_permits(side.is_task(), &s, &ledger, k).await })
            })
            .collect();
        let side = way.recv;
        let receiver = side.spawn(async move {
            let mut got = Vec::new();
            while let Ok(load) = side.recv(&r).await {
                got.push(load.number());
                if got.len() == round % 7 + 3 {
                    r.close();
                }
            }
            got
        });
        let mut sent = senders.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
        drop(s);
        let mut got = receiver.join();
        sent.sort_unstable();
        got.sort_unstable();
        assert_eq!(sent, got, "round {round}");
        ledger.settle();
    }
}

async fn send_by_permits(task: bool, s: &Sender<Load>, ledger: &Ledger, k: u64) -> Vec<u64> {
    let mut sent = Vec::new();
    for i in 30 * k..30 * (k + 1) {
        let permit = if task { s.reserve_async().await } else { s.reserve() };
        let Ok(permit) = permit else { break };
        match permit.send(ledger.load(i)) {
            Ok(()) => sent.push(i),
            Err(SendError(back)) => assert_eq!(back.number(), i),
        }
    }
    sent
}

/// Several at once, all or none; what is not used is given back.
pub fn rule_23_many_permits_come_together(kind: Kind) {
    let (s, r) = kind.pair();
    let all = kind.holds(10);
    let mut permits = s.reserve_many(all).expect("room");
    assert_eq!(permits.len(), all);
    assert_eq!(permits.send(1), Ok(()));
    assert_eq!(permits.len(), all - 1);
    if let Some(one) = permits.next() {
        assert_eq!(one.send(2), Ok(()));
    }
    drop(permits);
    let sent = all.min(2);
    assert_eq!(r.len(), sent);
    if let Some(capacity) = kind.capacity() {
        // All or none.
        assert!(matches!(s.try_reserve_many(capacity), Err(TrySendError::Full(()))));
        let rest = s.try_reserve_many(capacity - sent).expect("just so many");
        assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
        drop(rest);
    }
    assert_eq!(s.try_reserve_many(0).map(|none| none.len()).ok(), Some(0));
    s.close();
    assert!(s.reserve_many(1).is_err());
    assert!(matches!(s.try_reserve_many(1), Err(TrySendError::Disconnected(()))));
}

/// More than there can ever be is a mistake of the caller.
pub fn rule_23_more_permits_than_the_capacity_is_a_panic(kind: Kind) {
    let (s, _r) = kind.pair::<u8>();
    let capacity = kind.capacity().expect("a bound");
    let asked = std::panic::AssertUnwindSafe(|| drop(s.reserve_many(capacity + 1)));
    assert!(std::panic::catch_unwind(asked).is_err());
    assert!(s.try_reserve().is_ok(), "and nothing is kept");
}

/// One who waits for many does not sit on the few there are for ever, nor does its giving up lose a wake-up. (Pitfall 7.)
pub fn rule_23_giving_up_on_many_permits_wakes_the_next(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    kind.fill(&s, |_| 0);
    let (s1, s2, side) = (s.clone(), s.clone(), way.send);
    let many = Hand::waiting(s1.reserve_many_async(capacity));
    let one = side.spawn(async move { side.send(&s2, 1).await });
    one.until_waiting();
    assert!(r.recv().is_ok());
    drop(many);
    assert_eq!(one.join(), Ok(()));
    assert_eq!(r.len(), capacity);
}

/// At capacity 0 a permit is for a receiver that waits; without one there is none to be had.
pub fn rule_23_at_capacity_0_a_permit_claims_a_waiting_receiver(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    assert!(matches!(s.try_reserve(), Err(TrySendError::Full(()))));
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { side.recv(&r2).await });
    receiver.until_waiting();
    let permit = s.reserve().expect("a receiver waits");
    assert_eq!(s.try_send(9), Err(TrySendError::Full(9)), "it is claimed");
    assert_eq!(permit.send(1), Ok(()));
    assert_eq!(receiver.join(), Ok(1));
    // Given back, another may have it.
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { side.recv(&r2).await });
    receiver.until_waiting();
    drop(s.reserve().expect("a receiver waits"));
    assert_eq!(s.try_send(2), Ok(()));
    assert_eq!(receiver.join(), Ok(2));
}

/// At capacity 0 the receiver that was claimed may leave; then the message comes back.
pub fn rule_23_at_capacity_0_the_claimed_receiver_may_leave(kind: Kind) {
    let (s, r) = kind.pair();
    let receiver = Hand::waiting(r.recv_async());
    let permit = s.try_reserve().expect("a receiver waits");
    drop(receiver);
    assert_eq!(permit.send(1), Err(SendError(1)));
    let one = Hand::waiting(r.recv_async());
    let two = Hand::waiting(r.recv_async());
    let permits = s.try_reserve_many(2).expect("two wait");
    assert_eq!(permits.len(), 2);
    assert!(s.try_reserve().is_err());
    drop((permits, one, two));
    assert!(s.try_reserve().is_err());
    assert!(!s.is_closed());
}

/// At capacity 0 a permit that is dropped when nobody is there to receive wakes nobody: what a sender offers who was woken is
/// not found until it has looked.
pub fn rule_04_at_capacity_0_a_dropped_permit_hides_no_sender(kind: Kind) {
    let (s, r) = kind.pair();
    let receiver = Hand::waiting(r.recv_async());
    let permit = s.try_reserve().expect("a receiver waits");
    let sender = Hand::waiting(s.send_async(1));
    drop(receiver);
    drop(permit);
    assert!(!sender.is_woken());
    assert_eq!(r.try_recv(), Ok(1));
    assert_eq!(sender.ready(), Ok(()));
}
