//! Rules 7 and 8: closing by hand, from either end, and hearing of it.

use crate::actor::step_aside;
use crate::deadline::times;
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::{Side, Way};
use narrows::{Receiver, RecvError, Select, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError};
use std::thread;
use std::time::Duration;

/// From any end, by any clone, any number of times; only the first closes.
pub fn rule_07_either_end_closes_and_only_once(kind: impl Pairs<usize>, way: &'static Way) {
    for by_sender in [true, false] {
        let (s, r) = kind.pair();
        let left = kind.holds(5);
        for i in 0..left {
            assert_eq!(way.send.send_here(&s, i), Ok(()));
        }
        assert!(!s.is_closed() && !r.is_closed());
        let first = if by_sender { s.clone().close() } else { r.clone().close() };
        assert!(first, "this call closed it");
        assert!(!s.close() && !r.close(), "closed already");
        assert!(s.is_closed() && r.is_closed());
        assert_eq!(way.send.send_here(&s, 9), Err(SendError(9)));
        assert_eq!(s.try_send(9), Err(TrySendError::Disconnected(9)));
        let timed = s.send_timeout(9, Duration::ZERO);
        assert_eq!(timed, Err(SendTimeoutError::Disconnected(9)));
        // What was inside stays. (Pitfall 25, kanal.)
        for i in 0..left {
            assert!(!r.is_disconnected());
            assert_eq!(way.recv.recv_here(&r), Ok(i));
        }
        assert_eq!(way.recv.recv_here(&r), Err(RecvError));
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
        assert!(r.is_disconnected());
        assert!(!s.close() && !r.close());
    }
}

/// The same for the pitfall's name: `close` keeps what is inside, in order, whoever receives. (Pitfall 25.)
pub fn pitfall_25_close_keeps_what_is_inside(kind: impl Pairs<Load>) {
    let left = kind.holds(70);
    let ledger = Ledger::new(left);
    let (s, r) = kind.pair();
    for i in 0..left {
        assert!(s.send(ledger.load(number(i))).is_ok());
    }
    assert!(s.close());
    assert_eq!((ledger.alive(), r.len()), (left, left));
    drop(s);
    let got: Vec<u64> = r.take_all().iter().map(Load::number).collect();
    assert!(got.into_iter().eq(0..number(left)));
    ledger.settle();
}

/// Every waiting receiver hears Disconnected.
pub fn rule_07_close_wakes_every_receiver(kind: impl Pairs<u8>, way: &'static Way) {
    for by_sender in [true, false] {
        let (s, r) = kind.pair();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let (r, side) = (r.clone(), way.recv);
                side.spawn(async move { side.recv(&r).await })
            })
            .collect();
        waiting.iter().for_each(crate::actor::Actor::until_waiting);
        assert!(if by_sender { s.close() } else { r.close() });
        for receiver in waiting {
            assert_eq!(receiver.join(), Err(RecvError));
        }
    }
}

/// Every waiting sender gets its message back.
pub fn rule_07_close_wakes_every_sender(kind: impl Pairs<usize>, way: &'static Way) {
    for by_sender in [true, false] {
        let (s, r) = kind.pair();
        kind.fill(&s, |i| i);
        let waiting: Vec<_> = (1000..1003)
            .map(|i| {
                let (s, side) = (s.clone(), way.send);
                (i, side.spawn(async move { side.send(&s, i).await }))
            })
            .collect();
        for (_, sender) in &waiting {
            sender.until_waiting();
        }
        assert!(if by_sender { s.close() } else { r.close() });
        for (i, sender) in waiting {
            assert_eq!(sender.join(), Err(SendError(i)));
        }
        let inside = kind.holds(usize::MAX);
        assert!(r.take_all().into_iter().eq(0..inside), "what was inside stays");
    }
}

/// Takes out what is left, oldest first; a second time there is nothing.
pub fn rule_07_close_now_returns_what_is_left(kind: Kind) {
    for by_sender in [true, false] {
        let left = kind.holds(70);
        let ledger = Ledger::new(left + 1);
        let (s, r) = kind.pair::<Load>();
        for i in 0..left {
            assert!(s.send(ledger.load(number(i))).is_ok());
        }
        let out = if by_sender { s.close_now() } else { r.close_now() };
        assert!(out.iter().map(Load::number).eq(0..number(left)));
        assert_eq!((s.len(), r.len()), (0, 0));
        assert!(s.is_closed() && r.is_disconnected());
        assert!(matches!(r.try_recv(), Err(TryRecvError::Disconnected)));
        assert!(s.send(ledger.load(number(left))).is_err());
        assert!(s.close_now().is_empty() && r.close_now().is_empty());
        drop(out);
        ledger.settle();
    }
}

/// Who closes gets what is inside, though the last receiver goes as soon as it hears of the end, and drops what it finds.
pub fn rule_07_close_now_comes_before_a_receiver_that_goes(kind: Kind) {
    for _ in 0..times(500) {
        let left = kind.holds(9);
        let (s, r) = kind.pair::<usize>();
        for i in 0..left {
            assert_eq!(s.send(i), Ok(()));
        }
        let receiver = thread::spawn(move || {
            while !r.is_closed() {
                std::hint::spin_loop();
            }
        });
        assert!(s.close_now().into_iter().eq(0..left));
        receiver.join().expect("it only looks");
    }
}

/// What waited to be sent is not "left inside": it goes back to its senders.
pub fn rule_07_close_now_leaves_waiting_messages_to_their_senders(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<usize>();
    kind.fill(&s, |i| i);
    let (s2, side) = (s.clone(), way.send);
    let sender = side.spawn(async move { side.send(&s2, 1000).await });
    sender.until_waiting();
    let inside = kind.holds(usize::MAX);
    assert!(r.close_now().into_iter().eq(0..inside));
    assert_eq!(sender.join(), Err(SendError(1000)));
}

/// Received, taken out, or returned: never lost, never two of these. (Pitfall 19, kotlinx.coroutines 359.)
pub fn rule_07_a_send_that_races_with_close_is_received_or_returned(kind: impl Pairs<Load>, way: &'static Way) {
    for round in 0..times(20) {
        let each = 40;
        let ledger = Ledger::new(3 * each);
        let (s, r) = kind.pair();
        let mut senders = Vec::new();
        for k in 0..3 {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            senders.push(side.spawn(async move {
                let (mut sent, mut back) = (Vec::new(), Vec::new());
                for i in k * each..(k + 1) * each {
                    match side.send(&s, ledger.load(number(i))).await {
                        Ok(()) => sent.push(number(i)),
                        Err(SendError(load)) => back.push(load.number()),
                    }
                }
                (sent, back)
            }));
        }
        let (r2, side) = (r.clone(), way.recv);
        let receiver = side.spawn(async move {
            let mut got = Vec::new();
            while let Ok(load) = side.recv(&r2).await {
                got.push(load.number());
                if got.len() == 5 + round {
                    break;
                }
            }
            // Another end closes, sometimes emptying it.
            let out = if round % 2 == 0 { r2.close_now() } else { Vec::new() };
            r2.close();
            got.extend(out.iter().map(Load::number));
            while let Ok(load) = side.recv(&r2).await {
                got.push(load.number());
            }
            got
        });
        let mut got = receiver.join();
        let (mut sent, mut back) = (Vec::new(), Vec::new());
        for sender in senders {
            let (s, b) = sender.join();
            sent.extend(s);
            back.extend(b);
        }
        got.sort_unstable();
        sent.sort_unstable();
        assert_eq!(got, sent, "sent and received, round {round}");
        assert_eq!(sent.len() + back.len(), 3 * each);
        drop((s, r));
        ledger.settle();
    }
}

/// Many close at once: one of them did it, none panics.
pub fn rule_07_many_may_close_at_once(kind: impl Pairs<usize>, way: &'static Way) {
    let (s, r) = kind.pair();
    let (s2, r2, send, recv) = (s.clone(), r.clone(), way.send, way.recv);
    let sending = send.spawn(async move {
        while send.send(&s2, 1).await.is_ok() {
            step_aside().await;
        }
    });
    let receiving = recv.spawn(async move {
        while recv.recv(&r2).await.is_ok() {
            step_aside().await;
        }
    });
    let mut closing = Vec::new();
    for _ in 0..3 {
        let (s, r) = (s.clone(), r.clone());
        closing.push(way.send.spawn(async move { usize::from(s.close()) }));
        closing.push(way.recv.spawn(async move { usize::from(r.close()) }));
    }
    let closed: usize = closing.into_iter().map(crate::actor::Actor::join).sum();
    assert_eq!(closed, 1);
    sending.join();
    receiving.join();
}

/// Each state can be asked for, without sending.
pub fn rule_08_the_end_can_be_asked_for(kind: Kind) {
    let ask =
        |s: &Sender<u8>, r: &Receiver<u8>| (s.is_closed(), s.is_disconnected(), r.is_closed(), r.is_disconnected());
    let (s, r) = kind.pair();
    assert_eq!(ask(&s, &r), (false, false, false, false));
    let inside = kind.holds(1);
    (0..inside).for_each(|_| s.send(1).expect("room"));
    s.close();
    assert_eq!(ask(&s, &r), (true, true, true, inside == 0));
    (0..inside).for_each(|_| assert_eq!(r.recv(), Ok(1)));
    assert_eq!(ask(&s, &r), (true, true, true, true));

    let (s, r) = kind.pair::<u8>();
    drop(r);
    assert!(s.is_closed() && s.is_disconnected());
    let (s, r) = kind.pair::<u8>();
    (0..inside).for_each(|_| s.send(1).expect("room"));
    drop(s);
    assert!(r.is_closed(), "a whole side is gone");
    assert_eq!(r.is_disconnected(), inside == 0);
}

fn hears(side: Side, s: Sender<u8>) -> crate::actor::Actor<()> {
    side.spawn(async move { side.closed_to_senders(&s).await })
}

/// The end can be awaited: it wakes all who do, however it comes.
pub fn rule_08_the_end_can_be_awaited(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<u8>();
    let (r2, side) = (r.clone(), way.recv);
    let at_receiver = side.spawn(async move { side.closed_to_receivers(&r2).await });
    let at_senders = [hears(way.send, s.clone()), hears(way.send, s.clone())];
    at_receiver.until_waiting();
    at_senders.iter().for_each(crate::actor::Actor::until_waiting);
    // A message is no end.
    if kind.holds(1) == 1 {
        assert_eq!(s.send(1), Ok(()));
        assert_eq!(r.recv(), Ok(1));
        assert!(!at_receiver.is_done());
    }
    r.close();
    at_receiver.join();
    at_senders.into_iter().for_each(crate::actor::Actor::join);
    assert!(s.closed().wait_timeout(Duration::ZERO), "closed already");

    let (s, r) = kind.pair::<u8>();
    let waits = hears(way.send, s);
    waits.until_waiting();
    drop(r);
    waits.join();
    let (s, r) = kind.pair::<u8>();
    let side = way.recv;
    let waits = side.spawn(async move { side.closed_to_receivers(&r).await });
    waits.until_waiting();
    drop(s);
    waits.join();
}

/// As a future that is polled by hand, and with a time limit.
pub fn rule_08_awaiting_the_end_wakes_once_it_is_there(kind: Kind) {
    let (s, r) = kind.pair::<u8>();
    assert!(!s.closed().wait_timeout(Duration::ZERO));
    assert!(!r.closed().wait_timeout(Duration::from_millis(1)));
    let (mut at_s, mut at_r) = (Hand::waiting(s.closed()), Hand::waiting(r.closed()));
    (0..kind.holds(3)).for_each(|_| s.send(1).expect("room"));
    assert!(!at_s.is_woken() && !at_r.is_woken(), "no end yet");
    at_s.still_waits();
    at_r.still_waits();
    // One that is given up leaves the others.
    drop(Hand::waiting(s.closed()));
    r.close();
    assert!(at_s.is_woken() && at_r.is_woken());
    at_s.ready();
    at_r.ready();
    assert!(s.closed().wait_deadline(std::time::Instant::now()));
}

/// As an arm of a select, beside messages.
pub fn rule_08_the_end_is_an_arm_of_a_select(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<u8>();
    let (work, working) = kind.pair::<u8>();
    let (send, recv) = (way.send, way.recv);
    let watcher = recv.spawn(async move {
        let (mut worked, closed) = (0, s.closed());
        loop {
            let mut select = Select::new();
            let job = select.recv(&working);
            let end = select.arm(&closed);
            let chosen = if recv.is_task() { select.select_async().await } else { select.select() };
            match chosen.index() {
                i if i == job => worked += chosen.recv(&working).map_or(0, usize::from),
                i if i == end => {
                    chosen.finish();
                    return worked;
                }
                i => panic!("there is no arm {i}"),
            }
        }
    });
    let sender = send.spawn(async move {
        for _ in 0..3 {
            assert!(send.send(&work, 1).await.is_ok());
        }
        work
    });
    let work = sender.join();
    crate::deadline::until("the work is taken", || work.is_empty());
    watcher.until_waiting();
    r.close();
    assert_eq!(watcher.join(), 3);
}
