//! Rules 4 and 5: Empty, Full, and the counts are true at one moment within the call.

use crate::actor::Host;
use crate::deadline::{DEADLINE, times};
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::kind::Kind;
use crate::traffic::{Gate, breathe};
use crate::way::Way;
use narrows::{TryRecvError, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// A send that is over is seen by `try_recv`, whatever other senders are in the middle of. (Pitfall 5, tokio 3263.)
pub fn rule_04_empty_is_never_said_after_a_send(kind: impl Pairs<()>, way: &'static Way) {
    let rounds = times(200);
    let (s, r) = kind.pair();
    let (tell, told) = mpsc::channel();
    let mut senders = Vec::new();
    for _ in 0..2 {
        let (s, tell, side) = (s.clone(), tell.clone(), way.send);
        senders.push(side.spawn(async move {
            for _ in 0..rounds {
                assert!(side.send(&s, ()).await.is_ok());
                tell.send(()).expect("the test listens");
            }
        }));
    }
    drop(tell);
    while told.recv().is_ok() {
        assert_eq!(r.try_recv(), Ok(()), "a send was over");
    }
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    for sender in senders {
        sender.join();
    }
}

/// A receive that is over is seen by `try_send`, whatever other receivers are in the middle of.
pub fn rule_04_full_is_never_said_after_a_receive(kind: impl Pairs<()>, way: &'static Way) {
    let rounds = times(200);
    let (s, r) = kind.pair();
    let (tell, told) = mpsc::channel();
    kind.fill(&s, |_| ());
    let mut receivers = Vec::new();
    for _ in 0..2 {
        let (r, tell, side) = (r.clone(), tell.clone(), way.recv);
        receivers.push(side.spawn(async move {
            for _ in 0..rounds {
                assert!(side.recv(&r).await.is_ok());
                tell.send(()).expect("the test listens");
            }
        }));
    }
    drop(tell);
    while told.recv().is_ok() {
        assert_eq!(s.try_send(()), Ok(()), "a receive was over");
    }
    assert_eq!(s.try_send(()), Err(TrySendError::Full(())));
    for receiver in receivers {
        receiver.join();
    }
}

/// Two channels used crosswise: each sends on one, then looks into the other. Not both can find nothing.
pub fn rule_04_two_channels_agree_on_what_came_first<K: Pairs<usize>>(kind: K, way: &'static Way) {
    let rounds = times(300);
    let (to_b, from_a) = kind.pair();
    let (to_a, from_b) = kind.pair();
    let gate = Gate::new(2);
    let side = way.send;
    let actor = |s: K::Sender, r: K::Receiver| {
        let gate = gate.clone();
        side.spawn(async move {
            let mut found = Vec::new();
            for i in 0..rounds {
                gate.pass().await;
                assert_eq!(side.send(&s, i).await, Ok(()));
                found.push(r.try_recv().is_ok());
                gate.pass().await;
                assert!(*found.last().expect("pushed") || r.try_recv() == Ok(i));
            }
            found
        })
    };
    let (a, b) = (actor(to_b, from_b), actor(to_a, from_a));
    for (i, (a, b)) in a.join().into_iter().zip(b.join()).enumerate() {
        assert!(a || b, "round {i}: both sent, and both found nothing");
    }
}

/// The same of the counts, which say at once what is there and what is not: of two full channels each is emptied by one
/// thread, and filled again, and each thread then asks about the other's. Not both can see it as it was before.
pub fn rule_04_counts_agree_on_what_came_first(kind: Kind) {
    let rounds = times(3000);
    let pairs = Arc::new([kind.pair(), kind.pair()]);
    for (s, _) in &*pairs {
        kind.fill(s, |i| i);
    }
    let come = Arc::new(AtomicUsize::new(0));
    // Where others want the processors a meeting takes milliseconds: then there are fewer.
    let (begin, enough) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let actor = |own: usize| {
        let (pairs, come, enough) = (pairs.clone(), come.clone(), enough.clone());
        Host::Thread.spawn(async move {
            // Not a gate that sleeps: the two are to start within a few instructions of each other.
            let meet = |turn: usize| {
                come.fetch_add(1, Ordering::SeqCst);
                for pause in 0.. {
                    if come.load(Ordering::SeqCst) >= 2 * turn {
                        break;
                    }
                    if pause < 1000 {
                        std::hint::spin_loop();
                    } else {
                        std::thread::yield_now();
                    }
                }
            };
            let ((s, r), (_, other)) = (&pairs[own], &pairs[1 - own]);
            let mut missed = Vec::new();
            for i in 0..rounds {
                if own == 0 && begin.elapsed() > DEADLINE / 30 {
                    enough.store(true, Ordering::SeqCst);
                }
                meet(3 * i + 1);
                // Said before the meeting, so that both hear it.
                if enough.load(Ordering::SeqCst) {
                    break;
                }
                assert!(r.try_recv().is_ok());
                let unemptied = other.is_full();
                meet(3 * i + 2);
                assert!(s.try_send(i).is_ok());
                let unfilled = !other.is_full();
                meet(3 * i + 3);
                missed.push((unemptied, unfilled));
            }
            missed
        })
    };
    let (a, b) = (actor(0), actor(1));
    for (i, (a, b)) in a.join().into_iter().zip(b.join()).enumerate() {
        assert!(!(a.0 && b.0), "round {i}: both received, and both saw the other's full");
        assert!(!(a.1 && b.1), "round {i}: both sent, and both saw room in the other's");
    }
}

/// A held permit or a chosen select arm is no operation in progress: everybody else gets true answers at once.
pub fn rule_04_a_held_permit_delays_nobody(kind: Kind) {
    let (s, r) = kind.pair();
    let permit = s.reserve().expect("room");
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(s.try_send(1), Ok(()));
    assert_eq!(r.try_recv(), Ok(1));
    assert_eq!(permit.send(2), Ok(()));
    assert_eq!(r.try_recv(), Ok(2));
}

/// `len` is never above the capacity, nor does it disagree with `is_empty` and `is_full`, on a still channel.
pub fn rule_05_len_is_exact_on_a_still_channel(kind: impl Pairs<usize>) {
    let (s, r) = kind.pair();
    let most = kind.holds(100);
    assert_eq!((s.capacity(), r.capacity()), (kind.capacity(), kind.capacity()));
    for lap in 0..3 {
        for len in 0..=most {
            let full = kind.capacity() == Some(len);
            assert_eq!((s.len(), r.len()), (len, len), "lap {lap}");
            assert_eq!((s.is_empty(), r.is_empty()), (len == 0, len == 0));
            assert_eq!((s.is_full(), r.is_full()), (full, full), "{len} inside");
            if len < most {
                assert_eq!(s.try_send(len), Ok(()));
            }
        }
        if kind.capacity().is_some() {
            assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
        }
        for left in (0..most).rev() {
            assert_eq!(r.try_recv(), Ok(most - left - 1));
            assert_eq!((s.len(), r.len()), (left, left), "lap {lap}");
        }
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    }
}

/// Nor under traffic, from many clones. (Pitfalls 15 and 21: tokio 6602, 8062; futures 403, 2287.)
pub fn rule_05_the_capacity_is_never_exceeded(kind: impl Pairs<usize>, way: &'static Way) {
    let rounds = times(150);
    let (s, r) = kind.pair();
    let most = kind.capacity().unwrap_or(4 * rounds);
    let over = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (s, r, over) = (s.clone(), r.clone(), Arc::clone(&over));
        way.recv.spawn(async move {
            while !over.load(Ordering::SeqCst) {
                for _ in 0..50 {
                    let (ls, lr) = (s.len(), r.len());
                    assert!(ls <= most && lr <= most, "{ls} or {lr} inside of {most}");
                }
                breathe().await;
            }
        })
    };
    let mut actors = Vec::new();
    for _ in 0..4 {
        let (s, side) = (s.clone(), way.send);
        actors.push(side.spawn(async move {
            for i in 0..rounds {
                // A clone for each message must not make room of its own.
                assert!(side.send(&s.clone(), i).await.is_ok());
            }
        }));
    }
    for _ in 0..2 {
        let (r, side) = (r.clone(), way.recv);
        actors.push(side.spawn(async move {
            for _ in 0..2 * rounds {
                assert!(side.recv(&r).await.is_ok());
                assert!(r.len() <= most);
            }
        }));
    }
    for actor in actors {
        actor.join();
    }
    over.store(true, Ordering::SeqCst);
    watcher.join();
    assert_eq!((s.len(), r.len()), (0, 0));
}

/// With a single receiver, what `is_empty` denies `try_recv` finds; with a single sender, what `is_full` denies fits.
pub fn rule_05_is_empty_and_is_full_keep_their_word(kind: impl Pairs<usize>, way: &'static Way) {
    let rounds = times(200);
    let (s, r) = kind.pair();
    let (send, recv) = (way.send, way.recv);
    let sender = send.spawn(async move {
        for i in 0..rounds {
            if s.is_full() {
                assert!(send.send(&s, i).await.is_ok());
            } else {
                assert_eq!(s.try_send(i), Ok(()), "said not to be full");
            }
        }
    });
    let receiver = recv.spawn(async move {
        for i in 0..rounds {
            if r.is_empty() {
                assert_eq!(recv.recv(&r).await, Ok(i));
            } else {
                assert_ne!(r.len(), 0, "said not to be empty");
                assert_eq!(r.try_recv(), Ok(i));
            }
        }
    });
    sender.join();
    receiver.join();
}

/// At capacity 0: always empty, always full, length 0, even while a sender or a receiver waits.
pub fn rule_05_a_rendezvous_is_empty_and_full(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<u8>();
    let look = || {
        assert_eq!((s.len(), r.len(), s.capacity()), (0, 0, Some(0)));
        assert!(s.is_empty() && r.is_empty() && s.is_full() && r.is_full());
    };
    look();
    let (s2, r2, send, recv) = (s.clone(), r.clone(), way.send, way.recv);
    let sender = send.spawn(async move { send.send(&s2, 1).await });
    sender.until_waiting();
    look();
    assert_eq!(r.recv(), Ok(1));
    assert_eq!(sender.join(), Ok(()));
    let receiver = recv.spawn(async move { recv.recv(&r2).await });
    receiver.until_waiting();
    look();
    assert_eq!(s.send(2), Ok(()));
    assert_eq!(receiver.join(), Ok(2));
    look();
}

/// The largest bound is a bound, and costs nothing until it is used. (Pitfall 13, crossbeam 1300.)
pub fn rule_05_the_largest_bound_works() {
    for capacity in [usize::MAX, usize::MAX - 1, usize::MAX / 2, 1 << 40] {
        let (s, r) = narrows::bounded(capacity);
        assert_eq!(s.capacity(), Some(capacity));
        for i in 0..100 {
            assert_eq!(s.try_send([i; 8]), Ok(()));
        }
        assert_eq!(s.len(), 100);
        for i in 0..100 {
            assert_eq!(r.recv(), Ok([i; 8]));
        }
        assert!(!r.is_full() && r.is_empty());
    }
}
