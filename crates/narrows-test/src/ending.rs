//! Rule 6: what happens when one side goes.

use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::Way;
use narrows::{Receiver, RecvError, Select, SendError, Sender, TryRecvError, TrySendError};
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

/// First what is left, then Disconnected, for ever.
pub fn rule_06_receivers_drain_and_then_hear_the_end(kind: impl Pairs<usize>, way: &'static Way) {
    let (s, r) = kind.pair();
    let left = kind.holds(70);
    for i in 0..left {
        assert_eq!(way.send.send_here(&s, i), Ok(()));
    }
    drop(s);
    for i in 0..left {
        assert!(!r.is_disconnected(), "{i} of {left} taken");
        assert_eq!(way.recv.recv_here(&r), Ok(i));
    }
    for _ in 0..2 {
        assert_eq!(way.recv.recv_here(&r), Err(RecvError));
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    }
    assert!(r.is_disconnected());
}

/// The last sender's going wakes every receiver. (Pitfall 19, postage 44.)
pub fn rule_06_the_last_sender_wakes_every_receiver(kind: impl Pairs<Load>, way: &'static Way) {
    let (s, r) = kind.pair();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let (r, side) = (r.clone(), way.recv);
            side.spawn(async move { side.recv(&r).await.map(|load| load.number()) })
        })
        .collect();
    for receiver in &waiting {
        receiver.until_waiting();
    }
    let last = s.clone();
    drop(s);
    assert!(waiting.iter().all(|receiver| !receiver.is_done()), "a clone is left");
    drop(last);
    for receiver in waiting {
        assert_eq!(receiver.join(), Err(RecvError));
    }
}

/// The last receiver's going gives every waiting sender its message back.
pub fn rule_06_the_last_receiver_returns_what_waits(kind: impl Pairs<Load>, way: &'static Way) {
    let room = kind.holds(usize::MAX);
    let ledger = Ledger::new(room + 4);
    let (s, r) = kind.pair();
    kind.fill(&s, |i| ledger.load(number(i)));
    let waiting: Vec<_> = (room..room + 4)
        .map(|i| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                match side.send(&s, ledger.load(number(i))).await {
                    Err(SendError(back)) => back.number() == number(i),
                    Ok(()) => false,
                }
            })
        })
        .collect();
    for sender in &waiting {
        sender.until_waiting();
    }
    let last = r.clone();
    drop(r);
    assert!(waiting.iter().all(|sender| !sender.is_done()), "a clone is left");
    drop(last);
    for sender in waiting {
        assert!(sender.join(), "each gets its own message back");
    }
    if s.local().is_none() {
        // Elsewhere what is inside stays, for a receiver that may come.
        drop(s);
    }
    ledger.settle();
}

/// What is inside goes at once, though senders stay, and later sends fail.
pub fn rule_06_messages_go_with_the_last_receiver_at_once(kind: Kind, way: &'static Way) {
    let left = kind.holds(70);
    let ledger = Ledger::new(left + 2);
    let (s, r) = kind.pair::<Load>();
    for i in 0..left {
        assert!(s.send(ledger.load(number(i))).is_ok());
    }
    let last = r.clone();
    drop(r);
    assert_eq!(ledger.alive(), left, "a receiver is left");
    drop(last);
    assert_eq!(ledger.alive(), 0, "nobody can receive these");
    assert_eq!((s.len(), s.is_empty()), (0, true));
    let back = way.send.send_here(&s, ledger.load(number(left)));
    assert_eq!(back.expect_err("no receiver").0.number(), number(left));
    let back = s.try_send(ledger.load(number(left + 1)));
    assert!(matches!(back, Err(TrySendError::Disconnected(_))));
    drop(back);
    ledger.settle();
}

/// A message whose drop panics if it is the second.
struct Bomb(Load);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(self.0.number() != 1, "a drop that panics, on purpose");
    }
}

/// All are dropped, though one drop panics, and none twice. (Pitfall 9: tokio 7094, crossbeam 1121.)
pub fn rule_06_a_panicking_drop_spares_no_other(kind: Kind) {
    for (left, is_last) in [1, 2, 3, 5, 40].into_iter().flat_map(|left| [(left, false), (left, true)]) {
        let left = kind.holds(left);
        let ledger = Ledger::new(left);
        let (s, r) = kind.pair();
        for i in 0..left {
            assert!(s.send(Bomb(ledger.load(number(i)))).is_ok());
        }
        let s = (!is_last).then_some(s);
        let ended = catch_unwind(AssertUnwindSafe(move || drop(r)));
        assert_eq!(ended.is_err(), left > 1, "a panic is not swallowed");
        assert_eq!(ledger.alive(), 0, "after a panic among {left}");
        assert!(s.as_ref().is_none_or(Sender::is_closed), "the end has come all the same");
        drop(s);
        ledger.settle();
    }
}

/// A panic whose own drop panics.
struct Worse;

impl Drop for Worse {
    fn drop(&mut self) {
        panic!("the drop of a panic that panics, on purpose");
    }
}

/// A message whose drop panics in that way.
#[expect(dead_code, reason = "counted while it lives")]
struct Mine(Load);

impl Drop for Mine {
    fn drop(&mut self) {
        panic_any(Worse);
    }
}

/// The same if what a drop panics with panics when it is dropped.
pub fn rule_06_a_panic_that_panics_spares_no_other(kind: Kind) {
    let left = kind.holds(4);
    let ledger = Ledger::new(left);
    let (s, r) = kind.pair();
    for i in 0..left {
        assert!(s.send(Mine(ledger.load(number(i)))).is_ok());
    }
    let ended = catch_unwind(AssertUnwindSafe(move || drop(r)));
    assert!(ended.map_err(forget).is_err(), "a panic is not swallowed");
    assert_eq!(ledger.alive(), 0, "after panics in the drops of {left}");
    drop(s);
    ledger.settle();
}

/// Messages that a select chose and gave back are dropped as the rest, in order, also with the channel's last handle, whatever
/// their drops do.
pub fn rule_06_a_message_given_back_is_dropped_as_the_rest(kind: Kind) {
    for is_last in [false, true] {
        let left = kind.holds(3);
        let ledger = Ledger::new(left);
        let (s, r) = kind.pair();
        for i in 0..left {
            assert!(s.send(Mine(ledger.load(number(i)))).is_ok());
        }
        // The first is chosen while the second is received, so it has left its place in the queue.
        let mut select = Select::new();
        select.recv(&r);
        let chosen = select.try_select().expect("it is there");
        let second = r.try_recv().ok();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err(), "unfinished is a mistake");
        drop(select);
        let s = (!is_last).then_some(s);
        let ended = catch_unwind(AssertUnwindSafe(move || drop(r)));
        assert!(ended.map_err(forget).is_err(), "a panic is not swallowed");
        let dropped = catch_unwind(AssertUnwindSafe(move || drop(second)));
        assert_eq!(dropped.map_err(forget).is_err(), left > 1);
        assert_eq!(ledger.alive(), 0, "after panics in the drops of {left}");
        drop(s);
        ledger.settle();
    }
}

/// Who wakes with a panic of that kind.
struct Rude;

impl Wake for Rude {
    fn wake(self: Arc<Self>) {
        panic_any(Worse);
    }
}

/// A waker that panics keeps the end from nobody.
pub fn rule_06_a_waker_that_panics_spares_no_other(kind: Kind) {
    let (s, r) = kind.pair::<usize>();
    let mut first = Box::pin(r.recv_async());
    let rude = Waker::from(Arc::new(Rude));
    assert!(first.as_mut().poll(&mut Context::from_waker(&rude)).is_pending());
    let second = Hand::waiting(r.recv_async());
    assert!(s.close());
    assert!(second.is_woken());
    assert_eq!(second.ready(), Err(RecvError));
}

/// A message that asks the channel it was in while it is being dropped.
struct Asks(Option<Sender<Asks>>);

impl Drop for Asks {
    fn drop(&mut self) {
        if let Some(s) = self.0.take() {
            assert!(matches!(s.try_send(Asks(None)), Err(TrySendError::Disconnected(_))));
            assert!(s.send(Asks(None)).is_err());
            assert!(s.is_closed());
            s.close();
            drop(s.clone());
        }
    }
}

/// Drops run outside every lock. (Pitfall 10, tokio 1886.)
pub fn rule_06_a_message_may_use_its_channel_while_it_is_dropped(kind: Kind) {
    let (s, r) = kind.pair();
    for _ in 0..kind.holds(5) {
        assert!(s.send(Asks(Some(s.clone()))).is_ok());
    }
    drop(r);
    assert!(s.is_closed());
}

/// A message that holds the last receiver of its own channel.
struct Holds(Arc<Mutex<Option<Receiver<Holds>>>>);

impl Drop for Holds {
    fn drop(&mut self) {
        let last = self.0.lock().expect("no panic under it").take();
        drop(last);
    }
}

/// The last receiver goes within the drop of a message that waits to be sent. (Pitfall 10, tokio 1886.)
pub fn pitfall_10_the_last_receiver_goes_inside_a_drop(kind: Kind) {
    let (s, r) = kind.pair();
    let slot = Arc::new(Mutex::new(None));
    kind.fill(&s, |_| Holds(Arc::default()));
    let waits = Hand::waiting(s.send_async(Holds(Arc::clone(&slot))));
    *slot.lock().expect("no panic under it") = Some(r);
    drop(waits);
    assert!(slot.lock().expect("no panic under it").is_none(), "the message was dropped");
    assert!(matches!(s.try_send(Holds(slot)), Err(TrySendError::Disconnected(_))));
}

/// A reply's sender that lies in a buffer goes with the buffer, and its waiter hears the end. (Pitfall 10, crossbeam 1102.)
pub fn pitfall_10_a_reply_left_in_the_buffer_hangs_nobody(kind: Kind, way: &'static Way) {
    let (ask, asked) = kind.pair();
    let (reply, replied) = kind.pair::<u8>();
    assert!(ask.send(reply).is_ok());
    let side = way.recv;
    let waiter = side.spawn(async move { side.recv(&replied).await });
    waiter.until_waiting();
    drop(asked);
    assert_eq!(waiter.join(), Err(RecvError));
    drop(ask);
}

/// Only the last counts, and a weak handle never does.
pub fn rule_06_weak_handles_hold_nothing_open(kind: Kind) {
    let (s, r) = kind.pair();
    let (weak_s, weak_r) = (s.downgrade(), r.downgrade());
    assert_eq!((s.sender_count(), s.receiver_count()), (1, 1));
    let again = weak_s.upgrade().expect("a sender is left");
    assert!(again.same_channel(&s));
    assert_eq!(r.sender_count(), 2);
    drop(s);
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    let other = weak_r.upgrade().expect("a receiver is left");
    drop(r);
    if kind.holds(1) == 1 {
        assert_eq!(again.send(1), Ok(()));
        assert_eq!(other.recv(), Ok(1));
    }
    drop(again);
    assert!(weak_s.upgrade().is_none(), "no way back from the end");
    assert_eq!(other.recv(), Err(RecvError));
    drop(other);
    assert!(weak_r.upgrade().is_none());
    drop((weak_s.clone(), weak_r.clone()));
}

/// Each iterator ends where it should: at the end, when there is nothing, or when what was there at the call is taken.
pub fn rule_06_iterators_end_where_they_should(kind: Kind) {
    let (s, r) = kind.pair();
    let inside = kind.holds(40);
    let send = |from| (from..from + inside).for_each(|i| s.send(i).expect("room"));
    send(0);
    assert!(r.try_iter().eq(0..inside));
    send(0);
    let mut drain = r.drain();
    assert_eq!(drain.next(), Some(0));
    // What comes later is not of this drain.
    assert_eq!(s.send(inside), Ok(()));
    assert!(drain.eq(1..inside));
    assert_eq!((r.len(), r.drain().count()), (1, 1));
    send(0);
    let _untouched = r.drain();
    assert_eq!(r.len(), inside, "lazy: only what is asked for is taken");
    drop(s);
    let (one, rest) = ((&r).into_iter().next(), r.iter().take(inside / 2).count());
    assert_eq!((one, rest), (Some(0), inside / 2));
    assert!(r.into_iter().eq(1 + inside / 2..inside));
}
