//! Sends that make room for themselves: the oldest message goes out for the new one.

use crate::actor::Actor;
use crate::deadline::times;
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::sync_sends::send_sync;
use crate::traffic::number;
use crate::way::Way;
use narrows::{RecvError, Select, SendError, TrySendError};

/// What goes out is the oldest, as often as it is full; what is left is in order.
pub fn rule_02_the_oldest_goes_out(kind: Kind) {
    let (s, r) = kind.pair();
    let n = kind.capacity().map_or(100, |_| kind.holds(100));
    for i in 0..n {
        assert_eq!((s.force_send(i), s.len()), (Ok(None), i + 1));
    }
    for i in n..3 * n {
        let out = kind.capacity().map(|_| i - n);
        assert_eq!(s.force_send(i), Ok(out));
        assert_eq!(s.len(), out.map_or(i + 1, |_| n));
    }
    let first = kind.capacity().map_or(0, |_| 2 * n);
    assert!(r.try_iter().eq(first..3 * n));
    kind.has_every_place(&s, &r, |i| i);
    s.close();
    assert_eq!(s.force_send(7), Err(TrySendError::Disconnected(7)));
    let (s, r) = kind.pair();
    drop(r);
    assert_eq!(s.force_send(8), Err(TrySendError::Disconnected(8)));
}

/// At capacity 0 there is nothing that could go out: it is `try_send`.
pub fn rule_12_at_capacity_0_force_tries_once(kind: Kind) {
    let (s, r) = kind.pair();
    assert_eq!(s.force_send(1), Err(TrySendError::Full(1)));
    let waits = Hand::waiting(s.send_async(2));
    assert_eq!(s.force_send(1), Err(TrySendError::Full(1)), "what waits is not inside");
    drop(waits);
    let receiver = Hand::waiting(r.recv_async());
    assert_eq!(s.force_send(3), Ok(None));
    assert_eq!(receiver.ready(), Ok(3));
    s.close();
    assert_eq!(s.force_send(4), Err(TrySendError::Disconnected(4)));
}

/// It is a send as any other: it wakes a receiver.
pub fn rule_09_force_wakes_a_receiver(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    for i in 0..3 {
        let (r, side) = (r.clone(), way.recv);
        let receiver = side.spawn(async move { side.recv(&r).await });
        receiver.until_waiting();
        assert_eq!(s.force_send(i), Ok(None));
        assert_eq!(receiver.join(), Ok(i));
    }
}

/// What has a place for sure keeps it: permits, leases, and what a select has chosen. Beside them the oldest goes.
pub fn rule_23_force_leaves_permits_their_places(kind: Kind) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    let mut permits: Vec<_> = (0..capacity).map(|_| s.try_reserve().expect("room")).collect();
    assert_eq!(s.force_send(1), Err(TrySendError::Full(1)));
    assert_eq!(permits.pop().expect("one").send(2), Ok(()));
    assert_eq!(s.force_send(3), Ok(Some(2)));
    for permit in permits {
        assert_eq!(permit.send(4), Ok(()));
    }
    assert_eq!(s.force_send(5), Ok(Some(3)));
    drop(r.drain().collect::<Vec<_>>());
    kind.fill(&s, |i| i);
    let leases: Vec<_> = (0..capacity).map(|_| r.try_lease().expect("full")).collect();
    assert_eq!(s.force_send(6), Err(TrySendError::Full(6)));
    drop(leases);
    assert_eq!(s.force_send(6), Ok(Some(0)));
    if capacity == 1 {
        let mut select = Select::new();
        select.recv(&r);
        let chosen = select.select();
        assert_eq!(s.force_send(7), Err(TrySendError::Full(7)));
        assert_eq!(chosen.recv(&r), Ok(6));
    }
    kind.has_every_place(&s, &r, |i| i);
}

/// What was put back in front goes first, and its place with it.
pub fn rule_02_what_was_put_back_goes_out_first(kind: Kind) {
    let (s, mut r) = kind.pair();
    kind.fill(&s, |i| i);
    assert_eq!(r.recv(), Ok(0));
    assert_eq!(r.try_exclusive().expect("the only one").unrecv(50), Ok(()));
    assert_eq!(s.force_send(100), Ok(Some(50)));
    assert!(s.is_full());
    let capacity = kind.holds(usize::MAX);
    assert_eq!(s.force_send(101), Ok(Some(if capacity == 1 { 100 } else { 1 })));
    kind.has_every_place(&s, &r, |i| i);
}

/// A message that its sender waits for goes back to it; with tombstones behind it there is room for more.
pub fn rule_06_force_gives_a_synchronous_message_back(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    let (s2, side) = (s.clone(), way.send);
    let sender = side.spawn(async move { send_sync(side, &s2, 0).await });
    sender.until_waiting();
    let gone = (capacity > 1).then(|| Hand::waiting(s.send_sync_async(1)));
    for i in 2..capacity {
        assert_eq!(s.try_send(i), Ok(()));
    }
    let was_there = gone.is_some();
    drop(gone);
    if was_there && !kind.leaves_tombstones() {
        assert_eq!(s.try_send(1), Ok(()), "its place is free");
    }
    assert!(s.is_full());
    let waits = Hand::waiting(s.send_async(capacity));
    assert_eq!(s.force_send(1000), Ok(None));
    assert_eq!(sender.join(), Err(SendError(0)));
    assert_eq!(waits.is_woken(), was_there && kind.leaves_tombstones(), "the tombstone was passed");
    drop(waits);
    assert_eq!(r.try_iter().filter(|&i| i == 1000).count(), 1);
    kind.has_every_place(&s, &r, |i| i);
}

/// Several that force beside some that wait, and receivers: what went in is received or went out, each once, and there are
/// never too many inside.
pub fn rule_01_forcing_under_traffic_loses_nothing(kind: Kind, way: &'static Way) {
    let each = times(150);
    let ledger = Ledger::new(3 * each);
    let (s, r) = kind.pair::<Load>();
    let most = kind.capacity();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let (r, side) = (r.clone(), way.recv);
            side.spawn(async move {
                let mut got = Vec::new();
                loop {
                    assert!(most.is_none_or(|most| r.len() <= most));
                    match side.recv(&r).await {
                        Ok(load) => got.push(load.number()),
                        Err(RecvError) => break got,
                    }
                }
            })
        })
        .collect();
    drop(r);
    let senders: Vec<_> = (0..3)
        .map(|k| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                let mut out = Vec::new();
                for i in (k * each..(k + 1) * each).map(number) {
                    if k == 2 {
                        assert!(side.send(&s, ledger.load(i)).await.is_ok());
                        continue;
                    }
                    match s.force_send(ledger.load(i)) {
                        Ok(load) => out.extend(load.map(|load| load.number())),
                        // Every place is that of a permit, or there is none.
                        Err(TrySendError::Full(load)) => out.push(load.number()),
                        Err(TrySendError::Disconnected(_)) => panic!("the receivers are there"),
                    }
                }
                out
            })
        })
        .collect();
    drop(s);
    let out = senders.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    let mut got = receivers.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    got.extend(out);
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..number(3 * each)), "lost or doubled: {got:?}");
    ledger.settle();
}
