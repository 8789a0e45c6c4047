//! Rule 13: futures that are dropped.

use crate::actor::Actor;
use crate::deadline::{times, until};
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::{breathe, number};
use crate::way::Way;
use narrows::RecvError;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls a future at most so many times, then drops it.
struct Impatient<F> {
    future: F,
    polls: usize,
}

impl<F: Future + Unpin> Future for Impatient<F> {
    type Output = Option<F::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(answer) = Pin::new(&mut self.future).poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        // Comes again by itself, beside any real wake-up.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A message that was given to a receiver that is dropped is received by another.
/// (Pitfall 1: ferrotunnel 170; kanal 50, 65.)
pub fn rule_13_a_dropped_receive_loses_no_message(kind: impl Pairs<Load>) {
    let ledger = Ledger::new(2);
    let (s, r) = kind.pair();
    let task = Hand::waiting(r.recv_async());
    assert!(s.try_send(ledger.load(0)).is_ok());
    until("it is woken", || task.is_woken());
    drop(task);
    assert_eq!(ledger.alive(), 1, "still the channel's");
    assert_eq!(r.try_recv().map(|load| load.number()), Ok(0));
    // And with another already in line, which hears of it.
    let (first, second) = (Hand::waiting(r.recv_async()), Hand::waiting(r.recv_async()));
    assert!(s.try_send(ledger.load(1)).is_ok());
    drop(first);
    until("the wake-up goes to the next", || second.is_woken());
    assert_eq!(second.ready().map(|load| load.number()), Ok(1));
    ledger.settle();
}

/// Whoever goes, met before or not, the others that wait are there to be met: one for what was handed over, and the next for
/// the next message.
pub fn rule_13_a_dropped_receive_hides_no_other(kind: Kind) {
    for gone in 0..3 {
        let (s, r) = kind.pair();
        let mut tasks: Vec<_> = (0..3).map(|_| Hand::waiting(r.recv_async())).collect();
        assert_eq!(s.try_send(1), Ok(()));
        drop(tasks.remove(gone));
        assert_eq!(s.try_send(2), Ok(()), "when {gone} has gone");
        let received: Vec<_> = tasks.into_iter().map(Hand::ready).collect();
        assert_eq!(received, [Ok(1), Ok(2)], "when {gone} has gone");
    }
}

/// A woken waiter that gives up passes its wake-up on, however many do, threads among them.
/// (Pitfall 2: crossfire 22, iroh 2536, async-std 452.)
pub fn rule_13_a_dropped_receive_passes_its_wake_up_on(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let (r1, r2) = (r.clone(), r.clone());
    let (first, second) = (Hand::waiting(r1.recv_async()), Hand::waiting(r2.recv_async()));
    let side = way.recv;
    let last = side.spawn(async move { side.recv(&r).await });
    last.until_waiting();
    assert_eq!(s.try_send(1), Ok(()));
    drop(first);
    assert!(second.is_woken());
    drop(second);
    assert_eq!(last.join(), Ok(1));
}

/// The same for room.
pub fn rule_13_a_dropped_send_passes_its_wake_up_on(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 0);
    let (s1, s2) = (s.clone(), s.clone());
    let (first, second) = (Hand::waiting(s1.reserve_async()), Hand::waiting(s2.reserve_async()));
    let side = way.send;
    let last = side.spawn(async move { side.send(&s, 3).await });
    last.until_waiting();
    assert!(r.try_recv().is_ok());
    assert!(first.is_woken());
    drop(first);
    assert!(second.is_woken());
    drop(second);
    assert_eq!(last.join(), Ok(()));
}

/// A send whose message was taken is sent, also if it is dropped before it hears of that; its message comes in its turn.
pub fn rule_13_a_send_that_was_taken_stays_sent(kind: Kind) {
    let room = kind.holds(usize::MAX);
    let ledger = Ledger::new(room + 3);
    let (s, r) = kind.pair::<Load>();
    kind.fill(&s, |i| ledger.load(number(i)));
    let waits = Hand::waiting(s.send_async(ledger.load(number(room))));
    let behind = Hand::waiting(s.send_async(ledger.load(number(room + 1))));
    assert_eq!(r.try_recv().map(|load| load.number()), Ok(0));
    assert_eq!((waits.is_woken(), behind.is_woken()), (true, false));
    assert_eq!(s.len(), room, "it has the place");
    drop(waits);
    assert!(!behind.is_woken(), "no place is free");
    for i in 1..=room + 1 {
        assert_eq!(r.try_recv().map(|load| load.number()), Ok(number(i)));
    }
    assert!(behind.ready().is_ok());
    assert!(r.try_recv().is_err());
    ledger.settle();
}

/// A send that is dropped before it is done sends nothing, drops its message, and leaves its place in line to the next.
pub fn rule_13_a_dropped_send_sends_nothing(kind: impl Pairs<Load>) {
    let room = kind.holds(usize::MAX);
    let ledger = Ledger::new(room + 3);
    let (s, r) = kind.pair();
    let never = s.send_async(ledger.load(number(room)));
    drop(never);
    assert_eq!((ledger.alive(), s.len()), (0, 0), "it was never polled");
    kind.fill(&s, |i| ledger.load(number(i)));
    let waits = Hand::waiting(s.send_async(ledger.load(number(room + 1))));
    drop(waits);
    assert!(ledger.is_dropped(number(room + 1)));
    let got: Vec<u64> = r.take_ready().iter().map(Load::number).collect();
    assert!(got.into_iter().eq(0..number(room)));
    assert_eq!(ledger.alive(), 0);
    if room == 0 {
        // Taken before it was dropped: sent, then.
        let waits = Hand::waiting(s.send_async(ledger.load(2)));
        assert_eq!(r.try_recv().map(|load| load.number()), Ok(2));
        drop(waits);
    }
    ledger.settle();
}

/// First the permit, then the message: giving up the waiting loses nothing.
pub fn rule_13_reserving_first_never_loses_the_message(kind: Kind) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 0);
    let message = Box::new(7);
    let mut waits = Hand::waiting(s.reserve_async());
    waits.still_waits();
    drop(waits);
    let waits = Hand::waiting(s.reserve_async());
    let taken = r.try_recv().is_ok();
    if taken {
        assert!(waits.is_woken());
        drop(waits);
        assert_eq!(s.try_reserve().expect("given back").send(*message), Ok(()));
    }
    drop(r);
    assert!(s.try_reserve().is_err());
}

/// Many tasks that lose patience at any moment: everything arrives once, and nobody is left waiting.
pub fn rule_13_impatient_tasks_lose_nothing(kind: impl Pairs<Load>, way: &'static Way) {
    let each = times(60);
    let ledger = Ledger::new(3 * each);
    let (s, r) = kind.pair();
    let mut receivers = Vec::new();
    for k in 0..3 {
        let (r, side) = (r.clone(), way.recv);
        receivers.push(side.spawn(async move {
            let mut got = Vec::new();
            for polls in (k..).map(|i| i % 4) {
                let answer = if polls == 3 {
                    Some(side.recv(&r).await)
                } else {
                    Impatient { future: Box::pin(r.recv_async()), polls }.await
                };
                match answer {
                    Some(Ok(load)) => got.push(load.number()),
                    Some(Err(RecvError)) => break,
                    None => breathe().await,
                }
            }
            got
        }));
    }
    drop(r);
    let senders: Vec<_> = (0..3)
        .map(|k| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                for i in k * each..(k + 1) * each {
                    // Gives up waiting for room, never the message.
                    while (Impatient { future: Box::pin(s.wait_for_room()), polls: i % 3 }).await.is_none() {
                        breathe().await;
                    }
                    let sent = side.send(&s, ledger.load(number(i))).await;
                    assert!(sent.is_ok(), "the receivers are there");
                }
            })
        })
        .collect();
    drop(s);
    senders.into_iter().for_each(Actor::join);
    let mut got = receivers.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..number(3 * each)), "lost or doubled: {got:?}");
    ledger.settle();
}

/// Sends that are given up are received or dropped, never both.
pub fn rule_13_impatient_sends_are_taken_or_dropped(kind: impl Pairs<Load>, way: &'static Way) {
    let each = times(100);
    let ledger = Ledger::new(2 * each);
    let (s, r) = kind.pair();
    let senders: Vec<_> = (0..2)
        .map(|k| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                let mut sent = Vec::new();
                for i in (k * each..(k + 1) * each).map(number) {
                    let future = Box::pin(s.send_async(ledger.load(i)));
                    if let Some(Ok(())) = (Impatient { future, polls: k }).await {
                        sent.push(i);
                    }
                }
                sent
            })
        })
        .collect();
    drop(s);
    let side = way.recv;
    let receiver = side.spawn(async move {
        let mut got = Vec::new();
        while let Ok(load) = side.recv(&r).await {
            got.push(load.number());
        }
        got
    });
    let sent = senders.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    let got = receiver.join();
    assert!(sent.iter().all(|i| got.contains(i)), "sent, but not received");
    ledger.settle();
}
