//! Rule 24: an operation that was chosen and is not finished.

use crate::actor::Actor;
use crate::deadline::times;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::Way;
use narrows::{RecvError, Select, SendError, TryRecvError, TrySendError};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Dropped: the message comes back first in line, then there is a panic.
pub fn rule_24_a_dropped_receive_gives_its_message_back(kind: Kind) {
    let inside = kind.holds(3);
    let ledger = Ledger::new(inside);
    let (s, r) = kind.pair::<Load>();
    for i in 0..inside {
        assert!(s.send(ledger.load(number(i))).is_ok());
    }
    for _ in 0..2 {
        let mut select = Select::new();
        select.recv(&r);
        let chosen = select.try_select().expect("ready");
        assert_eq!(r.len(), inside - 1, "chosen, it is not inside");
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(chosen)));
        assert!(dropped.is_err(), "unfinished is a mistake");
        assert_eq!(r.len(), inside, "given back");
    }
    let got: Vec<u64> = r.try_iter().map(|load| load.number()).collect();
    assert!(got.into_iter().eq(0..number(inside)), "in its old place");
    ledger.settle();
}

/// Several chosen by several, given back in any order: each comes to its old place.
pub fn rule_24_what_is_given_back_is_in_its_old_order(kind: Kind) {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (s, r) = kind.pair();
        for i in 0..kind.holds(4) {
            assert_eq!(s.send(i), Ok(()));
        }
        let chosen = || {
            let mut select = Select::new();
            select.recv(&r);
            select.try_select().ok()
        };
        let mut all = [chosen(), chosen(), chosen()];
        for i in order {
            let one = all[i].take();
            assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(one))).is_err(), i < kind.holds(4));
        }
        assert!(r.try_iter().eq(0..kind.holds(4)), "given back in the order {order:?}");
    }
}

/// While it is chosen, its place is kept; given back, it holds the end off.
pub fn rule_24_a_chosen_message_keeps_its_place(kind: Kind) {
    let (s, r) = kind.pair();
    kind.fill(&s, |i| i);
    let mut select = Select::new();
    select.recv(&r);
    let chosen = select.try_select().expect("ready");
    assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(chosen.recv(&r), Ok(0));
    assert_eq!(s.try_send(9), Ok(()), "finished, the place is free");
    let chosen = select.try_select().expect("ready");
    drop(s);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
    let all: Vec<usize> = r.iter().collect();
    let capacity = kind.holds(usize::MAX);
    assert!(all.into_iter().eq((1..capacity).chain([9])));
    assert_eq!(r.recv(), Err(RecvError));
}

/// A message given back wakes who waits for one.
pub fn rule_24_a_message_given_back_wakes_a_receiver(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(1), Ok(()));
    let mut select = Select::new();
    select.recv(&r);
    let chosen = select.try_select().expect("ready");
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { side.recv(&r2).await });
    receiver.until_waiting();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
    assert_eq!(receiver.join(), Ok(1));
}

/// Dropped: the place comes back, and who waits for it is woken; then there is a panic.
pub fn rule_24_a_dropped_send_gives_its_place_back(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    for i in 1..kind.holds(usize::MAX) {
        assert_eq!(s.send(i), Ok(()));
    }
    let mut select = Select::new();
    select.send(&s);
    let chosen = select.try_select().expect("room for one");
    assert_eq!(s.try_send(9), Err(TrySendError::Full(9)));
    let (s2, side) = (s.clone(), way.send);
    let sender = side.spawn(async move { side.send(&s2, 8).await });
    sender.until_waiting();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
    assert_eq!(sender.join(), Ok(()));
    let all: Vec<usize> = r.try_iter().collect();
    assert!(all.into_iter().eq((1..kind.holds(usize::MAX)).chain([8])));
}

/// While another panic unwinds, there is no second one; what was chosen is given back all the same.
pub fn rule_24_no_second_panic_while_unwinding(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(1), Ok(()));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let mut select = Select::new();
        select.recv(&r);
        let _chosen = select.try_select().expect("ready");
        panic!("a panic of the user, on purpose");
    }));
    assert_eq!(crate::deadline::text(unwound.expect_err("it panicked").as_ref()), "a panic of the user, on purpose");
    assert_eq!(r.try_recv(), Ok(1));
}

/// Leaked: memory-safe, and costs that one message or place. (Pitfall 11, crossbeam 1295.)
pub fn rule_24_leaking_costs_one_message_or_place(kind: Kind) {
    let (s, r) = kind.pair::<Box<usize>>();
    kind.fill(&s, Box::new);
    if kind.capacity().is_none() {
        (0..3).for_each(|i| s.send(Box::new(i)).expect("no bound"));
    }
    let before = s.len();
    let mut select = Select::new();
    select.recv(&r);
    mem::forget(select.try_select().expect("ready"));
    let left: Vec<usize> = r.try_iter().map(|message| *message).collect();
    assert!(left.into_iter().eq(1..before), "that one is lost");
    let mut select = Select::new();
    select.send(&s);
    if kind.holds(3) == 3 {
        mem::forget(select.try_select().expect("room"));
        assert_eq!(s.send(Box::new(7)), Ok(()));
        assert_eq!(r.recv(), Ok(Box::new(7)));
    }
}

/// What was leaked does not put off the end.
pub fn rule_24_a_leaked_receive_does_not_put_off_the_end(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(1), Ok(()));
    let mut select = Select::new();
    select.recv(&r);
    mem::forget(select.try_select().expect("ready"));
    drop(s);
    assert_eq!(r.recv(), Err(RecvError));
}

/// At capacity 0, leaking costs at most the matched peer its time, until close; others are served.
pub fn rule_24_leaking_at_capacity_0_costs_one_peer_until_close(kind: Kind, way: &'static Way) {
    for peer_sends in [way.send.lays_out(), false] {
        let (s, r) = kind.pair();
        let (s2, r2, send, recv) = (s.clone(), r.clone(), way.send, way.recv);
        let peer = if peer_sends {
            send.spawn(async move { send.send(&s2, 1).await.is_ok() })
        } else {
            recv.spawn(async move { recv.recv(&r2).await.is_ok() })
        };
        peer.until_waiting();
        let mut select = Select::new();
        if peer_sends {
            select.recv(&r);
        } else {
            select.send(&s);
        }
        mem::forget(select.try_select().expect("a peer waits"));
        drop(select);
        // Others are served meanwhile.
        let (s2, r2) = (s.clone(), r.clone());
        let sender = send.spawn(async move { send.send(&s2, 2).await });
        let receiver = recv.spawn(async move { recv.recv(&r2).await });
        assert_eq!((sender.join(), receiver.join()), (Ok(()), Ok(2)));
        s.close();
        let _ended_either_way = peer.join();
    }
}

/// The handle that finishes may be a clone; one of another channel is a mistake. (Pitfall 11, crossbeam 1096.)
pub fn rule_24_a_clone_may_finish(kind: Kind) {
    let (s, r) = kind.pair();
    let (_other_s, other_r) = kind.pair::<i32>();
    assert_eq!(s.send(1), Ok(()));
    let mut select = Select::new();
    select.recv(&r);
    assert_eq!(select.try_select().expect("ready").recv(&r.clone()), Ok(1));
    let mut select = Select::new();
    select.send(&s);
    assert_eq!(select.try_select().expect("room").send(&s.clone(), 2), Ok(()));
    let mut select = Select::new();
    select.recv(&r);
    let chosen = select.try_select().expect("ready");
    let wrong = catch_unwind(AssertUnwindSafe(|| chosen.recv(&other_r).is_ok()));
    assert!(wrong.is_err(), "that channel was not selected");
    assert_eq!(r.try_recv(), Ok(2), "given back");
}

/// A reserving arm gives a permit.
pub fn rule_24_a_reserving_arm_gives_a_permit(kind: Kind) {
    let (s, r) = kind.pair();
    let mut select = Select::new();
    let arm = select.reserve(&s);
    let chosen = select.select();
    assert_eq!(chosen.index(), arm);
    let permit = chosen.reserve(&s).expect("room");
    assert_eq!(s.len(), 0);
    assert_eq!(permit.send(4), Ok(()));
    assert_eq!(r.recv(), Ok(4));
    kind.fill(&s, |_| 0);
    assert_eq!(select.try_ready().is_err(), kind.capacity().is_some());
    s.close();
    let chosen = select.select();
    assert!(matches!(chosen.reserve(&s), Err(SendError(()))), "the end is an answer");
}

/// Chosen, then the end came: the message is still received, and a send returns its message.
pub fn rule_24_what_was_chosen_before_the_end_is_finished_after_it(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.send(1), Ok(()));
    let mut receive = Select::new();
    receive.recv(&r);
    let chosen = receive.try_select().expect("ready");
    s.close();
    assert_eq!(chosen.recv(&r), Ok(1));
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    let (s, r) = kind.pair();
    let mut send = Select::new();
    send.send(&s);
    let chosen = send.try_select().expect("room");
    r.close();
    assert_eq!(chosen.send(&s, 1), Err(SendError(1)));
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
}

/// Dropped again and again under traffic: nothing is lost. (Panics are caught where they rise.)
pub fn rule_24_giving_back_under_traffic_loses_nothing(kind: Kind, way: &'static Way) {
    let messages = times(120);
    let (s, r) = kind.pair();
    let side = way.send;
    let sender = side.spawn(async move {
        for i in 0..messages {
            assert_eq!(side.send(&s, i).await, Ok(()));
        }
    });
    let receivers: Vec<_> = (0..2)
        .map(|k| {
            let (r, side) = (r.clone(), way.recv);
            side.spawn(async move {
                let mut got = Vec::new();
                while let Ok(i) = side.recv(&r).await {
                    got.push(i);
                    let mut select = Select::new();
                    select.recv(&r);
                    if let Ok(chosen) = select.try_select() {
                        if got.len() % 4 == k {
                            mem::drop(catch_unwind(AssertUnwindSafe(|| drop(chosen))));
                        } else {
                            got.extend(chosen.recv(&r));
                        }
                    }
                }
                got
            })
        })
        .collect();
    drop(r);
    sender.join();
    let mut got = receivers.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..messages), "lost or doubled: {got:?}");
}
