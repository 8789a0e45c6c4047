//! Rules 14 and 15: futures that are forgotten, never polled again, moved, or polled again and again.

use crate::deadline::{times, until};
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::hand::{Bell, Hand, poll};
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::way::Way;
use narrows::{TryRecvError, TrySendError};
use std::future::Future;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// Forgotten where they lie: on the stack, which is soon used for something else.
/// (Pitfall 3, async-channel 45.)
pub fn rule_14_a_forgotten_future_blocks_nobody(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let (send, recv) = (way.send, way.recv);
    forget_on_the_stack(r.recv_async());
    forget_on_the_stack(r.recv_async());
    assert!(use_the_stack() > 0);
    let (r2, s2) = (r.clone(), s.clone());
    let receiver = recv.spawn(async move { recv.recv(&r2).await });
    receiver.until_waiting();
    // The forgotten keep their one wake-up each, and no message.
    for i in 0..2 {
        assert_eq!(s.try_send(i), Ok(()));
        assert_eq!(r.try_recv(), Ok(i));
    }
    assert_eq!(send.send_here(&s, 2), Ok(()));
    assert_eq!(receiver.join(), Ok(2));
    kind.fill(&s, |_| 9);
    forget_on_the_stack(s.send_async(9));
    forget_on_the_stack(s.reserve_async());
    assert!(use_the_stack() > 0);
    if kind.holds(1) == 1 && kind.capacity().is_some() {
        let sender = send.spawn(async move { send.send(&s2, 10).await });
        sender.until_waiting();
        // The message of the forgotten send has the first place; the forgotten reservation keeps its wake-up.
        assert!(r.try_recv().is_ok());
        assert!(s.try_send(9).is_err());
        assert!(r.try_recv().is_ok());
        assert_eq!(s.try_send(9), Ok(()));
        assert!(r.try_recv().is_ok());
        assert_eq!(sender.join(), Ok(()));
    }
    s.close();
    drop((s, r));
    assert!(use_the_stack() > 0);
}

/// The same of futures that may not be forgotten on a stack.
pub fn rule_14_a_future_forgotten_in_a_box_blocks_nobody(kind: impl Pairs<usize>, way: &'static Way) {
    let (s, r) = kind.pair();
    let (r2, s2, send, recv) = (r.clone(), s.clone(), way.send, way.recv);
    let forget_once_polled = |future| mem::forget(Hand::waiting(future));
    forget_once_polled(r.recv_async());
    forget_once_polled(r.recv_async());
    let receiver = recv.spawn(async move { recv.recv(&r2).await });
    receiver.until_waiting();
    // The forgotten keep their one wake-up each, and no message.
    for i in 0..2 {
        assert_eq!(s.try_send(i), Ok(()));
        if let Ok(got) = r.try_recv() {
            assert_eq!(got, i);
            continue;
        }
        return assert_eq!(receiver.join(), Ok(i), "whoever waits may be faster");
    }
    assert_eq!(send.send_here(&s, 2), Ok(()));
    assert_eq!(receiver.join(), Ok(2));
    if let Some(capacity) = kind.capacity() {
        kind.fill(&s, |_| 9);
        mem::forget(Hand::waiting(s.send_async(9)));
        let sender = send.spawn(async move { send.send(&s2, 10).await });
        sender.until_waiting();
        // Those that were there, and perhaps that of the forgotten send.
        let before = std::iter::from_fn(|| r.recv().ok()).take_while(|&got| got != 10).count();
        assert!((capacity..=capacity + 1).contains(&before), "{before} came before");
        assert_eq!(sender.join(), Ok(()));
    }
    s.close();
}

#[inline(never)]
fn forget_on_the_stack<F: Future + Unpin>(mut future: F) {
    let bell = Bell::new();
    // Ready or not: it is never looked at again.
    let _ = poll(&mut future, &bell);
    mem::forget(future);
}

#[inline(never)]
fn use_the_stack() -> u64 {
    let mut deep = std::hint::black_box([0xa5_u8; 2048]);
    deep[7] = 1;
    std::hint::black_box(&deep).iter().map(|&b| u64::from(b)).sum()
}

/// Woken and never polled: keeps the one wake-up that it got, and no more; the messages stay the channel's.
pub fn rule_14_a_task_that_is_never_polled_keeps_one_wake_up(kind: impl Pairs<usize>, way: &'static Way) {
    let (s, r) = kind.pair();
    let (r1, side) = (r.clone(), way.recv);
    let lazy = Hand::waiting(r.recv_async());
    assert_eq!(s.try_send(0), Ok(()));
    until("it is woken", || lazy.is_woken());
    // The message left for it is there for anybody who looks.
    assert_eq!(side.recv_here(&r1), Ok(0));
    let receiver = side.spawn(async move { side.recv(&r1).await });
    receiver.until_waiting();
    assert_eq!(way.send.send_here(&s, 1), Ok(()));
    assert_eq!(receiver.join(), Ok(1));
    assert_eq!(lazy.bell().rings(), 1);
}

/// The latest waker is the one that is woken; the others are let go.
pub fn rule_15_only_the_latest_waker_is_woken(kind: Kind) {
    let (s, r) = kind.pair();
    let (old, new) = (Bell::new(), Bell::new());
    let mut receive = pin!(r.recv_async());
    assert!(poll(&mut receive, &old).is_pending());
    assert!(Arc::strong_count(&old) > 1, "it is kept");
    assert!(poll(&mut receive, &new).is_pending());
    assert_eq!(Arc::strong_count(&old), 1, "replaced");
    for _ in 0..times(1000) {
        assert!(poll(&mut receive, &new).is_pending());
    }
    assert!(Arc::strong_count(&new) <= 3, "one waker is enough");
    assert_eq!(s.try_send(1), Ok(()));
    assert_eq!((old.rings(), new.rings()), (0, 1));
    assert_eq!(poll(&mut receive, &new), Poll::Ready(Ok(1)));
    assert_eq!(Arc::strong_count(&new), 1, "done, and let go");

    kind.fill(&s, |_| 1);
    if kind.capacity().is_some() {
        let mut send = pin!(s.send_async(2));
        assert!(poll(&mut send, &old).is_pending());
        assert!(poll(&mut send, &new).is_pending());
        assert_eq!(Arc::strong_count(&old), 1, "replaced");
        assert!(r.try_recv().is_ok());
        assert_eq!((old.rings(), new.rings()), (0, 2));
        assert!(poll(&mut send, &new).is_ready());
        assert_eq!(Arc::strong_count(&new), 1);
    }
}

/// Nothing that waited and went leaves its waker behind. (Pitfall 20: tokio 8095, 2637; flume 182.)
pub fn pitfall_20_no_waker_outlives_its_future(kind: Kind) {
    let (s, r) = kind.pair();
    let mut bells = vec![waited_and_went(r.recv_async()), waited_and_went(r.closed())];
    kind.fill(&s, |_| 1);
    if kind.capacity().is_some() {
        bells.push(waited_and_went(s.send_async(2)));
        bells.push(waited_and_went(s.reserve_async()));
    }
    for bell in &bells {
        assert_eq!(Arc::strong_count(bell), 1, "a waker is kept");
    }
    // Woken by the end, and dropped without another poll.
    let (s, r) = kind.pair::<u8>();
    let go = Hand::waiting(r.recv_async());
    let bell = go.bell();
    s.close();
    assert_eq!(bell.rings(), 1);
    drop(go);
    assert_eq!(Arc::strong_count(&bell), 1);
}

fn waited_and_went<F: Future>(future: F) -> Arc<Bell> {
    Hand::waiting(future).bell()
}

/// At capacity 0 a send is over when its message was taken, or left for one who waits; not before. (Pitfall 26, flume pull 172.)
pub fn pitfall_26_a_rendezvous_send_ends_with_the_hand_over(kind: Kind) {
    let (s, r) = kind.pair();
    let mut send = Hand::waiting(s.send_async(1));
    send.still_waits();
    assert!(!send.is_woken());
    assert_eq!(r.try_recv(), Ok(1));
    assert!(send.is_woken());
    assert_eq!(send.ready(), Ok(()));
    let receive = Hand::waiting(r.recv_async());
    assert_eq!(Hand::new(s.send_async(2)).ready(), Ok(()));
    assert_eq!(receive.ready(), Ok(2));
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(s.try_send(3), Err(TrySendError::Full(3)));
}

/// Polled, moved to another place and another thread, then finished or dropped: the message is whole. (Pitfall 27, kanal 63.)
pub fn pitfall_27_a_polled_future_may_move(kind: Kind) {
    let ledger = Ledger::new(8);
    let (s, r) = kind.pair::<(Load, [u64; 5])>();
    let message = |i: u64| (ledger.load(i), [i; 5]);
    for i in 0..4 {
        let mut receive = r.recv_async();
        let bell = Bell::new();
        assert!(poll(&mut receive, &bell).is_pending());
        let mut moved = Box::new(receive);
        assert!(poll(&mut *moved, &bell).is_pending());
        assert!(s.try_send(message(i)).is_ok());
        if i % 2 == 0 {
            let Poll::Ready(Ok((load, filling))) = poll(&mut *moved, &bell) else {
                panic!("a message was left");
            };
            assert_eq!((load.number(), filling), (i, [i; 5]));
        } else {
            drop(moved);
            assert!(r.try_recv().is_ok_and(|(load, filling)| filling == [load.number(); 5]));
        }
    }
    if kind.capacity() == Some(0) {
        for i in 4..8 {
            let mut send = s.send_async(message(i));
            let bell = Bell::new();
            assert!(poll(&mut send, &bell).is_pending());
            let mut moved = Box::new(send);
            assert!(poll(&mut *moved, &bell).is_pending());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    if i % 2 == 0 {
                        let (load, filling) = r.recv().expect("a sender waits");
                        assert_eq!((load.number(), filling), (i, [i; 5]));
                    }
                });
            });
            assert_eq!(poll(&mut *moved, &bell).is_ready(), i % 2 == 0);
        }
    }
    drop((s, r));
    ledger.settle();
}
