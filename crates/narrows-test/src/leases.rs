//! Leases: a message on trial keeps its place, and comes back unless it is accepted. And what an only receiver may do.

use crate::actor::Actor;
use crate::deadline::times;
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::{Side, Verb, Way};
use narrows::{Lease, Receiver, RecvError, RecvTimeoutError, Select, TryRecvError, TrySendError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);

/// Leases as the side receives.
async fn lease<T: Send>(side: Side, r: &Receiver<T>) -> Result<Lease<'_, T>, RecvError> {
    match side.verb {
        Verb::Timed => r.lease_timeout(LONG).map_err(|why| {
            assert_eq!(why, RecvTimeoutError::Disconnected, "an hour has not passed");
            RecvError
        }),
        _ if side.is_task() => r.lease_async().await,
        _ => r.lease(),
    }
}

fn first_of<T>(r: &Receiver<T>) -> Select<'_> {
    let mut select = Select::new();
    select.recv(r);
    select
}

/// Whoever waits for a message gets it on a lease, too, however it is offered.
pub fn rule_09_a_lease_is_waited_for(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<i32>();
    let (send, recv) = (way.send, way.recv);
    let receiver = recv.spawn(async move {
        let first = lease(recv, &r).await.expect("two come").accept();
        let second = lease(recv, &r).await.expect("two come");
        (first, *second)
    });
    receiver.until_waiting();
    let sender = send.spawn(async move { (send.send(&s, 1).await, send.send(&s, 2).await) });
    assert_eq!(receiver.join(), (1, 2));
    assert_eq!(sender.join(), (Ok(()), Ok(())));
}

/// A message on a lease is not inside any more, but in its place; accepted, it leaves the place to who waits for it.
pub fn rule_05_a_lease_keeps_its_place(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    kind.fill(&s, |i| i);
    let held: Vec<_> = (0..capacity).map(|_| r.try_lease().expect("it is full")).collect();
    assert_eq!((s.len(), r.len(), s.is_empty(), s.is_full()), (0, 0, true, true));
    assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    assert!(matches!(r.try_lease(), Err(TryRecvError::Empty)));
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    let side = way.send;
    let senders: Vec<_> = (0..capacity.min(3))
        .map(|i| {
            let s = s.clone();
            let sender = side.spawn(async move { side.send(&s, capacity + i).await });
            sender.until_waiting();
            sender
        })
        .collect();
    // The last of them first: it is a place like any other.
    let mut accepted: Vec<_> = held.into_iter().rev().map(Lease::accept).collect();
    accepted.reverse();
    assert!(accepted.into_iter().eq(0..capacity));
    for sender in senders {
        assert_eq!(sender.join(), Ok(()));
    }
    assert_eq!(r.len(), capacity.min(3));
    kind.has_every_place(&s, &r, |i| i);
}

/// Dropped leases come back in front, in the order in which they were sent, whatever the order in which they are dropped.
pub fn rule_02_what_is_given_back_comes_first(kind: Kind) {
    let n = kind.holds(40);
    for accepted in [None, Some(0), Some(n / 2), Some(n - 1)] {
        for backwards in [false, true] {
            let (s, r) = kind.pair();
            for i in 0..n {
                assert_eq!(s.try_send(i), Ok(()));
            }
            let mut leases: Vec<_> = (0..n - n / 3).map(|_| r.try_lease().expect("inside")).collect();
            assert_eq!(r.len(), n / 3);
            let accepted = accepted.filter(|&at| at < leases.len()).map(|at| leases.remove(at).accept());
            if backwards {
                leases.reverse();
            }
            for lease in leases {
                drop(lease);
            }
            let left: Vec<usize> = (0..n).filter(|i| Some(*i) != accepted).collect();
            assert_eq!(r.len(), left.len());
            assert_eq!(r.try_iter().collect::<Vec<_>>(), left);
            kind.has_every_place(&s, &r, |i| i);
        }
    }
}

/// Not even at capacity 0 is a message lost that is given back: it is there for the next receiver.
pub fn rule_01_a_lease_given_back_at_capacity_0_is_kept(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let side = way.send;
    let s2 = s.clone();
    let sender = side.spawn(async move { side.send(&s2, 1).await });
    sender.until_waiting();
    let lease = r.lease().expect("a sender waits");
    assert_eq!(sender.join(), Ok(()));
    drop(lease);
    assert_eq!(r.try_lease().map(|lease| *lease), Ok(1));
    drop(s);
    assert_eq!((r.try_recv(), r.recv()), (Ok(1), Err(RecvError)));
}

/// Nor does it lose its place: leased again, and given back beside one that came later, it is before that one.
pub fn rule_02_a_lease_given_back_twice_at_capacity_0_keeps_its_place(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let _senders = [Hand::waiting(s.send_async(1)), Hand::waiting(s.send_async(2))];
    let (first, second) = (r.try_lease().expect("offered"), r.try_lease().expect("offered"));
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { lease(side, &r2).await.map(|again| *again) });
    receiver.until_waiting();
    drop(first);
    assert_eq!(receiver.join(), Ok(1));
    assert_eq!(r.try_lease().map(|again| *again), Ok(1));
    drop(second);
    assert_eq!((r.try_recv(), r.try_recv()), (Ok(1), Ok(2)));
}

/// A message given back wakes a receiver that waits.
pub fn rule_09_a_lease_given_back_wakes_a_receiver(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(1), Ok(()));
    let held = r.lease().expect("inside");
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { side.recv(&r2).await });
    receiver.until_waiting();
    drop(held);
    assert_eq!(receiver.join(), Ok(1));
}

/// Nobody hears of the end while a lease is out, for it may come back; and who waits does wait, and hears of it then.
pub fn rule_06_no_end_while_a_lease_is_out(kind: Kind, way: &'static Way) {
    for is_accepted in [true, false] {
        let (s, r) = kind.pair();
        assert_eq!(s.send(1), Ok(()));
        let held = r.lease().expect("inside");
        let side = way.recv;
        let early = {
            let r = r.clone();
            side.spawn(async move { side.recv(&r).await })
        };
        early.until_waiting();
        drop(s);
        assert!(r.is_closed() && !r.is_disconnected());
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
        assert!(matches!(r.try_lease(), Err(TryRecvError::Empty)));
        assert_eq!(r.try_recv_many(&mut Vec::new(), 1), Err(TryRecvError::Empty));
        assert!(first_of(&r).try_select().is_err());
        let late = {
            let r = r.clone();
            side.spawn(async move { lease(side, &r).await.map(Lease::accept) })
        };
        for receiver in [&early, &late] {
            receiver.until_waiting();
        }
        if is_accepted {
            assert_eq!(held.accept(), 1);
        } else {
            drop(held);
        }
        let mut heard = [early.join(), late.join()];
        heard.sort_by_key(Result::is_ok);
        let expected = if is_accepted { [Err(RecvError), Err(RecvError)] } else { [Err(RecvError), Ok(1)] };
        assert_eq!(heard, expected);
        assert!(r.is_disconnected());
    }
}

/// With a time limit it passes while the lease is out, for tasks as for threads.
pub fn rule_12_a_wait_beside_a_lease_ends_in_time(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(1), Ok(()));
    let held = r.lease().expect("inside");
    s.close();
    assert_eq!(r.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    assert!(matches!(r.lease_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout)));
    assert!(matches!(r.lease_deadline(Instant::now()), Err(RecvTimeoutError::Timeout)));
    let mut waits = Hand::waiting(r.recv_async());
    waits.still_waits();
    let mut many = Vec::new();
    let batch = Hand::waiting(r.recv_many_async(&mut many, 5));
    let mut select = first_of(&r);
    assert!(select.select_timeout(Duration::from_millis(1)).is_err());
    assert!(select.ready_timeout(Duration::from_millis(1)).is_err());
    drop(held);
    assert!(waits.is_woken());
    assert_eq!(waits.ready(), Ok(1));
    assert_eq!(batch.ready(), Err(RecvError));
}

/// Rule 24's: a lease that is forgotten costs its message and its place, and keeps the end back; nobody touches freed memory.
pub fn rule_24_a_forgotten_lease_is_harmless(kind: Kind) {
    let ledger = Ledger::new(102);
    let (s, r) = kind.pair::<Load>();
    let inside = kind.holds(100);
    for i in 0..inside {
        assert!(s.try_send(ledger.load(number(i))).is_ok());
    }
    let forgotten = std::mem::ManuallyDrop::new(r.lease());
    assert_eq!(forgotten.as_deref().map(Load::number), Ok(0));
    assert!((1..inside).all(|i| r.try_recv().is_ok_and(|load| load.number() == number(i))));
    if inside > 1 {
        assert!(s.try_send(ledger.load(100)).is_ok());
        assert_eq!(r.try_recv().map(|load| load.number()), Ok(100));
    }
    assert_eq!((s.len(), s.is_full()), (0, kind.capacity() == Some(1)));
    s.close();
    assert!(matches!(r.try_recv(), Err(TryRecvError::Empty)));
    // What was out is settled by hand, for it is the test that has forgotten it.
    let message = std::mem::ManuallyDrop::into_inner(forgotten).expect("inside").accept();
    drop((s, r));
    drop(message);
    ledger.settle();
}

/// A panic while a lease is out gives its message back.
pub fn rule_21_a_panic_gives_a_lease_back(kind: Kind) {
    let ledger = Ledger::new(2);
    let (s, r) = kind.pair::<Load>();
    assert!(s.try_send(ledger.load(0)).is_ok());
    let work = || {
        let held = r.lease().expect("inside");
        assert_eq!(held.number(), 1, "on purpose");
    };
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    assert_eq!(r.len(), 1);
    assert_eq!(r.try_recv().map(|load| load.number()), Ok(0));
    assert!(s.try_send(ledger.load(1)).is_ok());
    drop((s, r));
    ledger.settle();
}

/// What is changed on a lease is changed when it comes back.
pub fn rule_01_a_lease_may_change_its_message(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(String::from("a")), Ok(()));
    r.lease().expect("inside").push('b');
    assert_eq!(format!("{:?}", r.lease().expect("inside")), "Lease(\"ab\")");
    assert_eq!(r.recv().as_deref(), Ok("ab"));
}

/// A future of a lease that is dropped, or forgotten, loses neither a message nor a wake-up.
pub fn rule_13_a_dropped_wait_for_a_lease_loses_nothing(kind: Kind) {
    let (s, r) = kind.pair();
    let (first, second) = (Hand::waiting(r.lease_async()), Hand::waiting(r.recv_async()));
    assert_eq!(s.try_send(1), Ok(()));
    drop(first);
    assert!(second.is_woken(), "the wake-up goes to the next");
    assert_eq!(second.ready(), Ok(1));
    let waits = Hand::waiting(r.lease_async());
    assert_eq!(s.try_send(2), Ok(()));
    assert!(waits.is_woken());
    drop(waits.ready().expect("a message"));
    assert_eq!(r.try_recv(), Ok(2));
}

/// Leases, accepted and dropped at random, and selects, under traffic: each message is accepted once, and none is left.
pub fn rule_01_leases_under_traffic_lose_nothing(kind: Kind, way: &'static Way) {
    let each = times(100);
    let ledger = Ledger::new(2 * each);
    let (s, r) = kind.pair::<Load>();
    let most = kind.capacity();
    let mut receivers = Vec::new();
    for k in 0..3_usize {
        let (r, side) = (r.clone(), way.recv);
        receivers.push(side.spawn(async move {
            let mut got = Vec::new();
            for turn in k.. {
                if turn % 5 == 4 {
                    match side.recv(&r).await {
                        Ok(load) => got.push(load.number()),
                        Err(RecvError) => break,
                    }
                    continue;
                }
                let Ok(held) = lease(side, &r).await else { break };
                assert!(most.is_none_or(|most| r.len() <= most));
                if turn % 3 == 0 {
                    drop(held);
                } else {
                    got.push(held.accept().number());
                }
            }
            got
        }));
    }
    drop(r);
    let senders: Vec<_> = (0..2)
        .map(|k| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                for i in k * each..(k + 1) * each {
                    assert!(side.send(&s, ledger.load(number(i))).await.is_ok());
                }
            })
        })
        .collect();
    drop(s);
    senders.into_iter().for_each(Actor::join);
    let mut got = receivers.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..number(2 * each)), "lost or doubled: {got:?}");
    ledger.settle();
}

/// There is one only receiver, or none: not beside a clone, and no weak handle becomes another meanwhile.
pub fn rule_06_an_only_receiver_stays_so(kind: Kind) {
    let (_s, mut r) = kind.pair::<u8>();
    let weak = r.downgrade();
    let other = weak.upgrade().expect("not yet");
    assert!(r.try_exclusive().is_none(), "there is another");
    drop(other);
    let only = r.try_exclusive().expect("the other is gone");
    assert!(weak.upgrade().is_none(), "while it is exclusive");
    drop(only);
    let other = weak.upgrade().expect("again");
    assert!(r.try_exclusive().is_none());
    drop(other);
    assert!(r.try_exclusive().is_some());
    assert!(narrows::never::<u8>().try_exclusive().is_none());
    assert!(narrows::after(LONG).try_exclusive().is_none());
}

/// To look is not to receive; to accept what was looked at is.
pub fn rule_01_a_peek_leaves_the_message(kind: Kind) {
    let (s, mut r) = kind.pair();
    let n = kind.holds(40);
    for i in 0..n {
        assert_eq!(s.try_send(i), Ok(()));
    }
    let mut only = r.try_exclusive().expect("the only one");
    for i in 0..n {
        assert_eq!(only.peek().map(|next| *next), Ok(i));
        assert_eq!(only.try_peek().map(|next| *next), Ok(i));
        assert_eq!(only.peek_timeout(LONG).map(|next| *next), Ok(i));
        assert_eq!(Hand::new(only.peek_async()).ready().map(|next| *next), Ok(i));
        assert_eq!(only.len(), n - i);
        if i % 2 == 0 {
            assert_eq!(only.peek().map(Lease::accept), Ok(i));
        } else {
            assert_eq!(only.recv(), Ok(i));
        }
    }
    assert!(matches!(only.try_peek(), Err(TryRecvError::Empty)));
    assert!(matches!(only.peek_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout)));
    assert_eq!(only.unrecv(7), Ok(()));
    s.close();
    assert_eq!(only.peek().map(|next| *next), Ok(7));
    assert_eq!((only.try_recv(), only.peek().map(Lease::accept)), (Ok(7), Err(RecvError)));
    drop(only);
    assert!(r.is_disconnected());
}

/// What is put back is in front, the last one first; it counts as any other, and also a drained channel takes it.
pub fn rule_02_what_is_put_back_comes_first(kind: Kind) {
    let (s, mut r) = kind.pair();
    let n = kind.holds(100);
    for i in 0..n {
        assert_eq!(s.try_send(i), Ok(()));
    }
    let mut only = r.try_exclusive().expect("the only one");
    let taken = n - n / 3;
    assert!((0..taken).all(|i| only.recv() == Ok(i)));
    for i in (0..taken).rev() {
        assert_eq!(only.unrecv(i), Ok(()));
        assert_eq!(only.len(), n - i);
        assert_eq!((s.len(), s.is_full()), (n - i, kind.capacity() == Some(n - i)));
    }
    if kind.capacity().is_some() {
        assert_eq!(only.unrecv(99), Err(TrySendError::Full(99)));
        assert_eq!(s.try_send(99), Err(TrySendError::Full(99)));
    }
    assert!((0..n).all(|i| only.recv() == Ok(i)));
    // Empty; closed; drained.
    assert_eq!(only.unrecv(5), Ok(()));
    assert_eq!((only.len(), only.try_recv(), only.try_recv()), (1, Ok(5), Err(TryRecvError::Empty)));
    assert_eq!(s.try_send(6), Ok(()));
    s.close();
    assert_eq!(only.recv(), Ok(6));
    assert_eq!(only.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(only.unrecv(6), Ok(()));
    drop(only);
    assert!(!r.is_disconnected());
    assert_eq!(Hand::new(r.recv_async()).ready(), Ok(6));
    assert_eq!((r.recv(), r.is_disconnected()), (Err(RecvError), true));
}

/// A place that was reserved is not to be had for what is put back; and what is put back wakes the sender whose place it had.
pub fn rule_23_what_is_put_back_leaves_permits_their_places(kind: Kind, way: &'static Way) {
    let (s, mut r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    kind.fill(&s, |i| i);
    assert_eq!(r.recv(), Ok(0));
    let permit = s.try_reserve().expect("one place");
    let mut only = r.try_exclusive().expect("the only one");
    assert_eq!(only.unrecv(0), Err(TrySendError::Full(0)));
    drop(permit);
    assert_eq!(only.unrecv(0), Ok(()));
    assert!(matches!(s.try_reserve(), Err(TrySendError::Full(()))));
    let (s2, side) = (s.clone(), way.send);
    let sender = side.spawn(async move { side.send(&s2, capacity).await });
    sender.until_waiting();
    assert_eq!(only.recv(), Ok(0));
    assert_eq!(sender.join(), Ok(()));
    for i in 1..=capacity {
        assert_eq!(only.recv(), Ok(i));
    }
    kind.fill(&s, |i| i);
    assert!(only.unrecv(0).is_err());
}

/// What was put back is as any other message: on a lease, chosen by a select, part of a batch, or in the way of the last end.
pub fn rule_24_what_is_put_back_is_as_any_other(kind: Kind) {
    let ledger = Ledger::new(3);
    let (s, mut r) = kind.pair::<Load>();
    let put = |r: &mut Receiver<Load>, load| assert!(r.try_exclusive().expect("the only one").unrecv(load).is_ok());
    put(&mut r, ledger.load(0));
    drop(r.lease().expect("inside"));
    assert_eq!((r.len(), s.is_full()), (1, kind.capacity() == Some(1)));
    assert_eq!(first_of(&r).select().recv(&r).map(|load| load.number()), Ok(0));
    put(&mut r, ledger.load(1));
    let mut many = Vec::new();
    assert_eq!(r.try_recv_many(&mut many, 5), Ok(1));
    assert_eq!(many[0].number(), 1);
    put(&mut r, many.pop().expect("one"));
    let held = r.lease().expect("inside");
    assert_eq!((held.accept().number(), r.len()), (1, 0));
    put(&mut r, ledger.load(2));
    drop(r);
    ledger.settle();
    drop(s);
}
