//! Rules 19, 21 and 22: what messages may be, and when handles may go.

use crate::actor::Actor;
use crate::deadline::times;
use crate::ends::Pairs;
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::Way;
use narrows::{RecvError, SendError, TryRecvError};
use std::fmt::Debug;
use std::num::NonZeroU8;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A message of one mebibyte in a box: the box moves, its content stays where it is.
pub fn rule_19_a_box_moves_its_pointer(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let message: Box<[u8; 1 << 20]> = vec![7; 1 << 20].into_boxed_slice().try_into().expect("the size");
    let address = std::ptr::from_ref(&*message).addr();
    let side = way.send;
    let sender = side.spawn(async move { side.send(&s, message).await.is_ok() });
    let got = way.recv.recv_here(&r).expect("one message");
    assert!(sender.join());
    assert_eq!(std::ptr::from_ref(&*got).addr(), address);
    assert_eq!((got[0], got[1 << 19]), (7, 7));
}

fn carries<T: Send + PartialEq + Debug + Clone + 'static>(kind: Kind, way: &'static Way, of: fn(usize) -> T) {
    let (s, r) = kind.pair::<T>();
    let side = way.send;
    let count = times(80);
    let sender = side.spawn(async move {
        for i in 0..count {
            assert!(side.send(&s, of(i)).await.is_ok());
        }
    });
    for i in 0..count {
        let got = way.recv.recv_here(&r).expect("as many as were sent");
        assert_eq!(got, of(i));
        assert_eq!(std::ptr::from_ref(&got).addr() % align_of::<T>(), 0);
    }
    sender.join();
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
}

#[derive(Clone, Debug, PartialEq)]
#[repr(align(256))]
struct Aligned(u8);

#[derive(Clone, Debug, PartialEq)]
#[repr(align(128))]
struct AlignedNothing;

/// Zero-sized, over-aligned, odd-sized, `NonZero`, boxed, shared, large. (Pitfall 28: RUSTSEC-2020-0052, 2022-0019.)
pub fn rule_21_messages_of_every_shape(kind: Kind, way: &'static Way) {
    fn low(i: usize) -> u8 {
        u8::try_from(i % 251).expect("below 251")
    }
    carries(kind, way, |_| ());
    carries(kind, way, |_| AlignedNothing);
    carries(kind, way, |i| Aligned(low(i)));
    carries(kind, way, |i| [low(i); 3]);
    carries(kind, way, |i| NonZeroU8::new(low(i) + 1).expect("not zero"));
    carries(kind, way, |i| Some(Box::new(i)).filter(|_| i % 2 == 0));
    carries(kind, way, |i| [i; 300]);
    carries(kind, way, |i| Arc::<str>::from(i.to_string()));
    carries(kind, way, |i| vec![i.to_string(); i % 3]);
    carries(kind, way, |i| if i % 2 == 0 { "even" } else { "odd" });
    carries(kind, way, |i| (low(i), u128::from(low(i)), i % 2 == 0));
}

/// Messages may borrow what outlives the channel; handles too, from a scope.
pub fn rule_21_messages_may_hold_references(kind: Kind) {
    let texts: Vec<String> = (0..20).map(|i| format!("text {i}")).collect();
    let (s, r) = kind.pair::<&str>();
    let total = thread::scope(|scope| {
        let (texts, r) = (&texts, &r);
        scope.spawn(move || {
            for text in texts {
                assert_eq!(s.send(text), Ok(()));
            }
        });
        let taker = scope.spawn(move || r.iter().map(str::len).sum::<usize>());
        taker.join().expect("no panic")
    });
    assert_eq!(total, texts.iter().map(String::len).sum());
}

/// Zero-sized messages are dropped as often as they were sent.
pub fn rule_21_zero_sized_messages_are_dropped(kind: Kind) {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::SeqCst);
        }
    }
    for count in [0, 1, 2, 31, 32, 33, 70] {
        let before = DROPS.load(Ordering::SeqCst);
        let (s, r) = kind.pair();
        let inside = kind.holds(count);
        for _ in 0..inside {
            assert!(s.send(Nothing).is_ok());
        }
        drop(r.try_recv());
        drop((s, r));
        assert_eq!(DROPS.load(Ordering::SeqCst) - before, inside);
    }
}

/// A message that panics when it is dropped harms nobody, wherever it is dropped. (Pitfall 28.)
pub fn rule_21_a_panicking_drop_leaves_the_channel_whole(kind: Kind) {
    struct Bomb(#[expect(dead_code, reason = "watched by its ledger")] Load);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a drop that panics, on purpose");
        }
    }
    let ledger = Ledger::new(4);
    let (s, r) = kind.pair::<Result<u8, Bomb>>();
    let bomb = |i| Err(Bomb(ledger.load(i)));
    // In a send future that is given up.
    kind.fill(&s, |_| Ok(1));
    if kind.capacity().is_some() {
        let waits = Hand::waiting(s.send_async(bomb(0)));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(waits))).is_err());
        assert!(r.try_iter().all(|message| message.is_ok()));
    }
    // In a receive future that got it: the channel's still, and then another's.
    let task = Hand::waiting(r.recv_async());
    assert!(s.try_send(bomb(1)).is_ok());
    drop(task);
    let message = r.try_recv().expect("it is the channel's");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(message))).is_err());
    // With the last receiver.
    if kind.holds(1) == 1 {
        assert!(s.try_send(bomb(2)).is_ok());
    }
    let ended = catch_unwind(AssertUnwindSafe(|| drop(r)));
    assert_eq!(ended.is_err(), kind.holds(1) == 1);
    assert!(matches!(s.send(Ok(1)), Err(SendError(Ok(1)))));
    ledger.settle();
}

/// Clones of handles come and go while others are inside their operations; only the last counts.
pub fn rule_22_handles_may_go_while_others_are_inside(kind: Kind, way: &'static Way) {
    let each = times(60);
    let ledger = Ledger::new(2 * each);
    let (s, r) = kind.pair::<Load>();
    let (send, recv) = (way.send, way.recv);
    let mut actors = Vec::new();
    for k in 0..2 {
        let (s, ledger) = (s.clone(), ledger.clone());
        actors.push(send.spawn(async move {
            let mut s = s;
            for i in k * each..(k + 1) * each {
                let next = s.clone();
                assert!(send.send(&s, ledger.load(number(i))).await.is_ok());
                // The one it sent by goes, while others send.
                s = next;
            }
        }));
    }
    drop(s);
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let r = r.clone();
            recv.spawn(async move {
                let (mut r, mut got) = (r, 0);
                while let Ok(load) = recv.recv(&r).await {
                    load.number();
                    got += 1;
                    let weak = r.downgrade();
                    r = weak.upgrade().expect("it is there");
                }
                got
            })
        })
        .collect();
    drop(r);
    actors.into_iter().for_each(Actor::join);
    let got: usize = receivers.into_iter().map(Actor::join).sum();
    assert_eq!(got, 2 * each);
    ledger.settle();
}

/// The last handle of one side goes while the other side is inside: it hears so, in every order.
pub fn rule_22_the_last_handle_may_go_at_any_moment(kind: impl Pairs<Load>, way: &'static Way) {
    for round in 0..times(60) {
        let ledger = Ledger::new(6);
        let (s, r) = kind.pair();
        let (send, recv) = (way.send, way.recv);
        let going = ledger.clone();
        let sender = send.spawn(async move {
            let mut sent = 0;
            for i in 0..6 {
                sent += u64::from(send.send(&s, going.load(i)).await.is_ok());
            }
            sent
        });
        let receiver = recv.spawn(async move {
            let mut got = 0;
            for _ in 0..round % 7 {
                match recv.recv(&r).await {
                    Ok(load) => got += u64::from(load.number() == got),
                    Err(RecvError) => break,
                }
            }
            got
        });
        let (sent, got) = (sender.join(), receiver.join());
        assert!(got <= sent, "{got} of {sent}");
        ledger.settle();
    }
}

/// A receiver goes while a send is waking it. (Pitfall 12: oneshot 87, RUSTSEC-2026-0005.)
pub fn pitfall_12_a_receive_is_dropped_while_a_send_runs(kind: Kind, way: &'static Way) {
    for round in 0..times(150) {
        let ledger = Ledger::new(1);
        let (s, r) = kind.pair::<Load>();
        let load = ledger.load(0);
        let mut task = Hand::new(r.recv_async());
        let first = task.poll();
        assert!(first.is_pending());
        let sender = way.send.spawn(async move {
            // Refused or not, it runs while the receive goes.
            let sent = s.try_send(load).is_ok();
            (s, sent)
        });
        for _ in 0..round % 40 {
            std::hint::spin_loop();
        }
        drop(task);
        if round % 2 == 0 {
            let (s, sent) = sender.join();
            assert_eq!(r.try_recv().is_ok(), sent);
            drop((s, r));
        } else {
            drop(r);
            drop(sender.join());
        }
        ledger.settle();
    }
}
