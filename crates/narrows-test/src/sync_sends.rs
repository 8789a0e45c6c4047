//! Sends that return when their message is received: until then it can be taken back, from wherever it is.

use crate::actor::Actor;
use crate::deadline::{times, until};
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::{breathe, number};
use crate::way::{Side, Verb, Way};
use narrows::{
    Receiver, RecvError, Select, SelectedOperation, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);

/// Sends synchronously, as the side sends.
pub(crate) async fn send_sync<T: Send>(side: Side, s: &Sender<T>, message: T) -> Result<(), SendError<T>> {
    match side.verb {
        Verb::Timed => s.send_sync_timeout(message, LONG).map_err(|why| match why {
            SendTimeoutError::Disconnected(message) => SendError(message),
            SendTimeoutError::Timeout(_) => panic!("an hour has passed"),
        }),
        _ if side.is_task() => s.send_sync_async(message).await,
        _ => s.send_sync(message),
    }
}

fn starts<T: Send + 'static>(way: &Way, s: &Sender<T>, message: T) -> Actor<Result<(), SendError<T>>> {
    let (s, side) = (s.clone(), way.send);
    let sender = side.spawn(async move { send_sync(side, &s, message).await });
    sender.until_waiting();
    sender
}

fn first_of<T>(r: &Receiver<T>) -> Select<'_> {
    let mut select = Select::new();
    select.recv(r);
    select
}

/// Drops it unfinished, which panics when what was chosen has been given back.
fn abandon(chosen: SelectedOperation<'_>) {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
}

type Recv = fn(&Receiver<u32>) -> Option<u32>;

/// It lasts as long as the message is inside, and is over when that is received; by whatever verb.
pub fn rule_03_a_synchronous_send_ends_with_the_receive(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let receives: [Recv; 7] = [
        |r| r.recv().ok(),
        |r| r.try_recv().ok(),
        |r| r.recv_timeout(LONG).ok(),
        |r| first_of(r).select().recv(r).ok(),
        |r| r.lease().ok().map(narrows::Lease::accept),
        |r| r.try_iter().next(),
        |r| {
            let mut many = Vec::new();
            r.recv_many(&mut many, 3).ok().and_then(|_| many.pop())
        },
    ];
    for (i, recv) in (0..).zip(receives) {
        let sender = starts(way, &s, i);
        assert_eq!((s.len(), s.is_empty()), (kind.holds(1), kind.holds(1) == 0));
        assert_eq!(recv(&r), Some(i), "by verb {i}");
        assert_eq!(sender.join(), Ok(()), "by verb {i}");
    }
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { side.recv(&r2).await });
    receiver.until_waiting();
    let (s2, side) = (s.clone(), way.send);
    assert_eq!(side.spawn(async move { send_sync(side, &s2, 9).await }).join(), Ok(()));
    assert_eq!(receiver.join(), Ok(9));
    kind.has_every_place(&s, &r, |_| 0);
}

/// In a full channel it first waits for a place; several are received in the order in which they came.
pub fn rule_02_synchronous_sends_stand_in_line(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let inside = kind.capacity().map_or(40, |_| kind.holds(100));
    (0..inside).for_each(|i| assert_eq!(s.try_send(i), Ok(())));
    let senders: Vec<_> = (0..3).map(|i| starts(way, &s, inside + i)).collect();
    for i in 0..inside {
        assert_eq!(r.recv(), Ok(i));
        // Those who are woken together come in as they run.
        until("the next is inside", || kind.capacity().is_none() || i >= 3 || s.len() == inside);
    }
    for (i, sender) in (inside..).zip(senders) {
        until("it is inside", || kind.capacity() == Some(0) || !s.is_empty());
        assert!(!sender.is_done());
        assert_eq!(way.recv.recv_here(&r), Ok(i));
        assert_eq!(sender.join(), Ok(()));
    }
    kind.has_every_place(&s, &r, |i| i);
}

/// A message that is chosen or out on a lease is not yet received; when it is, its sender hears.
pub fn rule_24_a_synchronous_send_ends_when_all_is_done(kind: Kind, way: &'static Way) {
    for before in [0, kind.holds(3) - 1] {
        let (s, r) = kind.pair();
        (0..before).for_each(|i| assert_eq!(s.try_send(i), Ok(())));
        let sender = starts(way, &s, 7);
        (0..before).for_each(|i| assert_eq!(r.try_recv(), Ok(i)));
        for _ in 0..2 {
            let mut select = first_of(&r);
            let chosen = select.try_select().expect("inside");
            sender.until_waiting();
            abandon(chosen);
            sender.until_waiting();
            let held = r.try_lease().expect("inside");
            sender.until_waiting();
            drop(held);
            sender.until_waiting();
            assert_eq!(s.len(), 1);
        }
        assert_eq!(first_of(&r).select().recv(&r), Ok(7));
        assert_eq!(sender.join(), Ok(()));
        let sender = starts(way, &s, 8);
        let held = r.lease().expect("inside");
        sender.until_waiting();
        assert_eq!(held.accept(), 8);
        assert_eq!(sender.join(), Ok(()));
        kind.has_every_place(&s, &r, |i| i);
    }
}

/// Out of time, it has its message again: from the front, from the middle, from behind, or not yet inside at all. The rest
/// stays in line, and every place comes back.
pub fn rule_12_a_synchronous_send_out_of_time_has_its_message(kind: Kind) {
    let n = kind.capacity().map_or(200, |_| kind.holds(100));
    for at in [0, 1, n / 2, n.saturating_sub(2), n.saturating_sub(1), n] {
        if at > n {
            continue;
        }
        let (s, r) = kind.pair();
        let mut inside: Vec<usize> = (0..at).collect();
        assert!(inside.iter().all(|&i| s.try_send(i).is_ok()));
        // A thread of its own, for the others are to come behind it.
        let s2 = s.clone();
        let sender = std::thread::spawn(move || s2.send_sync_timeout(n, Duration::from_millis(20)));
        if at < kind.holds(n) {
            until("it is inside, or gone again", || s.len() > at || sender.is_finished());
            inside.extend(at..n - 1);
            assert!((at..n - 1).all(|i| s.try_send(i).is_ok()));
        }
        assert_eq!(sender.join().expect("no panic"), Err(SendTimeoutError::Timeout(n)));
        assert_eq!((s.len(), s.is_empty()), (inside.len(), inside.is_empty()), "{at} of {n}");
        assert!(r.try_iter().eq(inside), "{at} of {n}");
        kind.has_every_place(&s, &r, |i| i);
    }
}

/// One with a deadline in the past tries once, and one with the longest waits for ever.
pub fn rule_12_a_synchronous_send_tries_once(kind: Kind) {
    let (s, r) = kind.pair();
    for _ in 0..3 {
        assert_eq!(s.send_sync_timeout(1, Duration::ZERO), Err(SendTimeoutError::Timeout(1)));
        assert_eq!(s.send_sync_deadline(2, Instant::now()), Err(SendTimeoutError::Timeout(2)));
        assert_eq!((s.len(), r.try_recv()), (0, Err(TryRecvError::Empty)));
    }
    let s2 = s.clone();
    let sender = crate::actor::Host::Thread.spawn(async move { s2.send_sync_timeout(3, Duration::MAX) });
    sender.until_waiting();
    assert_eq!(r.recv(), Ok(3));
    assert_eq!(sender.join(), Ok(()));
    s.close();
    assert_eq!(s.send_sync_timeout(4, Duration::ZERO), Err(SendTimeoutError::Disconnected(4)));
    assert_eq!(s.send_sync(4), Err(SendError(4)));
    assert_eq!(Hand::new(s.send_sync_async(4)).ready(), Err(SendError(4)));
}

/// Dropped futures leave no gap, however many and wherever they were; nor are they counted.
pub fn rule_13_a_dropped_synchronous_send_leaves_no_gap(kind: Kind) {
    let n = kind.capacity().map_or(200, |_| kind.holds(100));
    let patterns: [fn(usize, usize) -> bool; 7] = [
        |i, _| i == 0,
        |i, n| i == n - 1,
        |i, n| i == n / 2,
        |i, _| i % 2 == 0,
        |i, _| i % 2 == 1,
        |i, n| i > 0 && i + 1 < n,
        |_, _| true,
    ];
    for (turn, goes) in patterns.into_iter().enumerate() {
        for backwards in [false, true] {
            let mark = Arc::new(());
            let alive = || Arc::strong_count(&mark) - 1;
            let (s, r) = kind.pair();
            let mut gone = Vec::new();
            for i in 0..n {
                let message = (i, mark.clone());
                if goes(i, n) {
                    gone.push(Hand::waiting(s.send_sync_async(message)));
                } else {
                    assert!(s.try_send(message).is_ok());
                }
            }
            if backwards {
                gone.reverse();
            }
            let left: Vec<usize> = (0..n).filter(|&i| !goes(i, n)).collect();
            gone.into_iter().for_each(drop);
            assert_eq!(alive(), left.len(), "what was dropped is gone at once");
            assert_eq!((r.len(), r.is_empty()), (left.len(), left.is_empty()), "pattern {turn}");
            let mut got = Vec::new();
            while let Ok((i, _)) = r.try_recv() {
                got.push(i);
                assert_eq!(r.len(), left.len() - got.len(), "pattern {turn}");
            }
            assert_eq!(got, left, "pattern {turn}");
            kind.has_every_place(&s, &r, |i| (i, mark.clone()));
            assert_eq!(alive(), 0);
        }
    }
}

/// Unpolled, or waiting for a place, or beside another: a dropped one gives up its place in line, too.
pub fn rule_13_a_dropped_synchronous_send_wakes_the_next(kind: Kind) {
    let (s, r) = kind.pair();
    drop(s.send_sync_async(0));
    kind.fill(&s, |i| i);
    let (first, mut second) = (Hand::waiting(s.send_sync_async(8)), Hand::waiting(s.send_sync_async(9)));
    assert_eq!(r.try_recv(), Ok(0));
    assert!(first.is_woken());
    drop(first);
    assert!(second.is_woken(), "the place goes to the next");
    second.still_waits();
    assert_eq!(s.try_send(7), Err(TrySendError::Full(7)));
    for i in 1..kind.holds(usize::MAX) {
        assert_eq!(r.try_recv(), Ok(i));
    }
    assert!(!second.is_woken());
    assert_eq!(r.try_recv(), Ok(9));
    assert!(second.is_woken());
    assert_eq!(second.ready(), Ok(()));
}

/// The place of a message that was taken back comes back: at once from the front, with the messages before it from further
/// behind. A sender that waits gets it.
pub fn rule_09_what_is_taken_back_makes_room(kind: Kind, way: &'static Way) {
    let capacity = kind.holds(usize::MAX);
    for at in [0, 1, capacity / 2, capacity - 1] {
        if at >= capacity {
            continue;
        }
        let (s, r) = kind.pair();
        let mut gone = None;
        for i in 0..capacity {
            if i == at {
                gone = Some(Hand::waiting(s.send_sync_async(i)));
            } else {
                assert_eq!(s.try_send(i), Ok(()));
            }
        }
        let (s2, side) = (s.clone(), way.send);
        let sender = side.spawn(async move { side.send(&s2, capacity).await });
        sender.until_waiting();
        let s2 = s.clone();
        let second = (at > 0).then(|| {
            let other = side.spawn(async move { side.send(&s2, capacity + 1).await });
            other.until_waiting();
            other
        });
        drop(gone);
        if at == 0 {
            assert_eq!(sender.join(), Ok(()));
        } else if !kind.leaves_tombstones() {
            assert_eq!(sender.join(), Ok(()));
            assert_eq!(r.try_recv(), Ok(0));
            assert_eq!(second.map(Actor::join), Some(Ok(())));
            (1..at).for_each(|i| assert_eq!(r.try_recv(), Ok(i)));
        } else {
            sender.until_waiting();
            assert_eq!(s.try_send(99), Err(TrySendError::Full(99)), "its place is behind others");
            for i in 0..at {
                assert_eq!(r.try_recv(), Ok(i));
            }
            assert_eq!((sender.join(), second.map(Actor::join)), (Ok(()), Some(Ok(()))));
        }
        let mut rest: Vec<_> = r.try_iter().collect();
        // Both were woken, and came in as they ran.
        rest.sort_unstable();
        assert!(rest.into_iter().eq(at + 1..capacity + 1 + usize::from(at > 0)), "taken back at {at}");
        kind.has_every_place(&s, &r, |i| i);
    }
}

/// Chosen by a select, or out on a lease, a message counts as received for one who gives up; given back, it is received by
/// another, and what was taken back behind it is in nobody's way.
pub fn rule_24_giving_up_beside_what_is_chosen(kind: Kind) {
    for is_lease in [false, true] {
        for is_finished in [false, true] {
            let (s, r) = kind.pair();
            let first = Hand::waiting(s.send_sync_async(0));
            let behind = (kind.holds(3) > 1).then(|| Hand::waiting(s.send_sync_async(1)));
            let last = (kind.holds(3) > 2).then(|| s.try_send(2));
            let rest = usize::from(last.is_some());
            let mut select = first_of(&r);
            let (mut chosen, mut held) = (None, None);
            if is_lease {
                held = Some(r.try_lease().expect("inside"));
            } else {
                chosen = Some(select.try_select().expect("inside"));
            }
            drop(behind);
            assert_eq!((s.len(), s.is_empty()), (rest, rest == 0));
            drop(first);
            assert_eq!((s.len(), s.is_empty()), (rest, rest == 0));
            match (is_finished, chosen, held) {
                (true, Some(chosen), _) => assert_eq!(chosen.recv(&r), Ok(0)),
                (true, _, Some(held)) => assert_eq!(held.accept(), 0),
                (_, chosen, held) => {
                    if let Some(chosen) = chosen {
                        abandon(chosen);
                    }
                    drop(held);
                    assert_eq!(s.len(), rest + 1);
                    assert_eq!(r.try_recv(), Ok(0));
                }
            }
            assert_eq!(s.len(), rest);
            assert_eq!(r.try_recv().ok(), last.map(|_| 2));
            drop(select);
            kind.has_every_place(&s, &r, |i| i);
        }
    }
}

/// Whoever asks about the end of a closed channel while one is chosen does not change what is inside.
pub fn rule_05_asking_about_the_end_changes_no_count(kind: Kind) {
    if kind.holds(3) < 3 {
        return; // no room for one on either side
    }
    let (s, r) = kind.pair();
    assert_eq!(s.try_send(0), Ok(()));
    let gone = Hand::waiting(s.send_sync_async(1));
    assert_eq!(s.try_send(2), Ok(()));
    drop(gone);
    let mut select = first_of(&r);
    let chosen = select.try_select().expect("inside");
    s.close();
    assert_eq!(s.len(), 1);
    assert!(!r.is_disconnected());
    assert_eq!((s.len(), r.is_empty()), (1, false));
    assert_eq!(chosen.recv(&r), Ok(0));
    assert_eq!((s.len(), r.recv(), r.recv()), (1, Ok(2), Err(RecvError)));
}

/// A message that nobody receives comes back to who sent it: with the last receiver, by `close_now`, and pushed out by force.
pub fn rule_06_a_synchronous_send_has_its_message_again(kind: Kind, way: &'static Way) {
    let ledger = Ledger::new(12);
    let numbers = |senders: Vec<Actor<Result<(), SendError<Load>>>>| -> Vec<u64> {
        let back = senders.into_iter().map(Actor::join);
        back.map(|sent| sent.expect_err("nobody received it").into_inner().number()).collect()
    };
    let (s, r) = kind.pair();
    let senders = (0..3).map(|i| starts(way, &s, ledger.load(i))).collect();
    drop(r);
    assert_eq!(numbers(senders), [0, 1, 2]);
    let (s, r) = kind.pair();
    let senders = (3..6).map(|i| starts(way, &s, ledger.load(i))).collect();
    assert!(r.close_now().is_empty(), "they are their senders'");
    assert_eq!(numbers(senders), [3, 4, 5]);
    // Closed, it is inside and can be received; what is not inside never will be.
    let (s, r) = kind.pair();
    let sender = starts(way, &s, ledger.load(6));
    s.close();
    assert_eq!(r.try_recv().is_ok(), kind.holds(1) == 1);
    assert_eq!(sender.join().is_ok(), kind.holds(1) == 1);
    // Among others.
    let (s, r) = kind.pair();
    if kind.holds(2) == 2 {
        assert!(s.try_send(ledger.load(7)).is_ok());
        let sender = starts(way, &s, ledger.load(8));
        let left: Vec<u64> = r.close_now().iter().map(Load::number).collect();
        assert_eq!((left, numbers(vec![sender])), (vec![7], vec![8]));
    }
    drop((s, r));
    ledger.settle();
}

/// A lease or a chosen message given back to a closed channel is received, or returned with the last receiver.
pub fn rule_06_a_message_on_trial_comes_back_to_its_sender(kind: Kind, way: &'static Way) {
    for is_lease in [true, false] {
        let (s, r) = kind.pair();
        let sender = starts(way, &s, 5);
        {
            let mut select = first_of(&r);
            let (mut chosen, mut held) = (None, None);
            if is_lease {
                held = Some(r.try_lease().expect("inside"));
            } else {
                chosen = Some(select.try_select().expect("inside"));
            }
            assert!(s.close_now().is_empty());
            sender.until_waiting();
            if let Some(chosen) = chosen.take() {
                abandon(chosen);
            }
            drop(held.take());
            sender.until_waiting();
            assert_eq!(r.len(), 1);
        }
        drop(r);
        assert_eq!(sender.join(), Err(SendError(5)));
    }
}

/// A synchronous send races with close: received or returned.
pub fn rule_07_synchronous_sends_that_race_with_close(kind: Kind, way: &'static Way) {
    for round in 0..times(20) {
        let ledger = Ledger::new(60);
        let (s, r) = kind.pair::<Load>();
        let senders: Vec<_> = (0..3)
            .map(|k| {
                let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
                side.spawn(async move {
                    let mut sent = Vec::new();
                    for i in 20 * k..20 * (k + 1) {
                        match send_sync(side, &s, ledger.load(i)).await {
                            Ok(()) => sent.push(i),
                            Err(SendError(back)) => assert_eq!(back.number(), i),
                        }
                    }
                    sent
                })
            })
            .collect();
        let side = way.recv;
        let receiver = side.spawn(async move {
            let mut got = Vec::new();
            while let Ok(load) = side.recv(&r).await {
                got.push(load.number());
                if got.len() == round % 7 + 3 {
                    if round % 2 == 0 {
                        r.close();
                    } else {
                        got.extend(r.close_now().iter().map(Load::number));
                    }
                }
            }
            got
        });
        let mut sent = senders.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
        let mut got = receiver.join();
        sent.sort_unstable();
        got.sort_unstable();
        assert_eq!(sent, got, "round {round}");
        ledger.settle();
    }
}

/// Polls a few times, then gives up.
async fn impatiently<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(move |cx| {
        if let std::task::Poll::Ready(answer) = future.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(answer));
        }
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}

/// Many that give up at any moment, against receives, leases that are given back, selects that are abandoned, and batches: every
/// message is received once, or comes back, or goes with its future; and no place is lost.
pub fn rule_01_impatient_synchronous_sends_lose_nothing(kind: Kind, way: &'static Way) {
    let each = times(150);
    let ledger = Ledger::new(3 * each);
    let (s, r) = kind.pair::<Load>();
    let most = kind.capacity();
    let receivers: Vec<_> = (0..3)
        .map(|k| {
            let (r, side) = (r.clone(), way.recv);
            side.spawn(async move {
                let mut got = Vec::new();
                for turn in k.. {
                    assert!(most.is_none_or(|most| r.len() <= most));
                    if k == 1 && turn % 4 == 0 {
                        drop(r.try_lease());
                        if turn % 32 == 0
                            && let Ok(chosen) = first_of(&r).try_select()
                        {
                            abandon(chosen);
                        }
                        breathe().await;
                    } else if k == 2 && turn % 3 == 0 {
                        let mut many = Vec::new();
                        let _ = r.try_recv_many(&mut many, 4);
                        got.extend(many.iter().map(Load::number));
                        breathe().await;
                    } else {
                        match side.recv(&r).await {
                            Ok(load) => got.push(load.number()),
                            Err(RecvError) => break,
                        }
                    }
                }
                got
            })
        })
        .collect();
    let senders: Vec<_> = (0..3)
        .map(|k| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                let (mut sent, mut back, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
                for i in k * each..(k + 1) * each {
                    let (n, load) = (number(i), ledger.load(number(i)));
                    if i % 7 == 3 {
                        assert!(s.send_async(load).await.is_ok());
                        sent.push(n);
                    } else if side.is_task() {
                        match impatiently(s.send_sync_async(load), i % 4).await {
                            Some(answer) => {
                                assert!(answer.is_ok(), "the receivers are there");
                                sent.push(n);
                            }
                            None => unknown.push(n),
                        }
                    } else {
                        let micros = number(i * 37 % 100);
                        match s.send_sync_timeout(load, Duration::from_micros(micros)) {
                            Ok(()) => sent.push(n),
                            Err(SendTimeoutError::Timeout(load)) => back.push(load.number()),
                            Err(SendTimeoutError::Disconnected(_)) => panic!("the receivers are there"),
                        }
                    }
                }
                (sent, back, unknown)
            })
        })
        .collect();
    let (mut sent, mut back, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (a, b, c) in senders.into_iter().map(Actor::join) {
        sent.extend(a);
        back.extend(b);
        unknown.extend(c);
    }
    drop(s);
    let mut got = receivers.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    got.sort_unstable();
    let once = got.windows(2).all(|two| two[0] != two[1]);
    assert!(once, "received twice: {got:?}");
    assert!(sent.iter().all(|n| got.binary_search(n).is_ok()), "sent, but not received");
    assert!(back.iter().all(|n| got.binary_search(n).is_err()), "returned, and received");
    assert!(got.iter().all(|n| sent.contains(n) || unknown.contains(n)), "not sent, but received");
    assert_eq!((r.len(), r.try_recv().is_err()), (0, true));
    drop(r);
    ledger.settle();
}
