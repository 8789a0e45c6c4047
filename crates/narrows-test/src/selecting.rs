//! Rule 16: one arm of several.

use crate::actor::Actor;
use crate::deadline::times;
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::{Side, Way};
use narrows::{Select, SelectedOperation, TryRecvError, TrySendError};
use std::time::Duration;

/// Waits for one of the arms, as this side does.
pub(crate) async fn choose<'a>(side: Side, select: &mut Select<'a>) -> SelectedOperation<'a> {
    if side.is_task() { select.select_async().await } else { select.select() }
}

/// Everything sent through selects over several channels arrives once; each select does one thing.
/// (Pitfall 17: flume 135, 44.)
pub fn rule_16_exactly_one_arm_happens(kind: impl Pairs<Load>, way: &'static Way) {
    const LINES: usize = 3;
    let each = times(80);
    let ledger = Ledger::new(3 * each);
    let lines: Vec<_> = (0..LINES).map(|_| kind.pair()).collect();
    let (senders, receivers): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
    let sending: Vec<_> = (0..3)
        .map(|k| {
            let (lines, ledger, side) = (senders.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                for i in k * each..(k + 1) * each {
                    SendEnd::send_to_any(side, &lines, ledger.load(number(i))).await;
                }
            })
        })
        .collect();
    drop(senders);
    let receiving: Vec<_> = (0..2)
        .map(|_| {
            let (lines, side) = (receivers.clone(), way.recv);
            side.spawn(async move { receive_from_all(side, &lines).await })
        })
        .collect();
    drop(receivers);
    sending.into_iter().for_each(Actor::join);
    let mut got = receiving.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
    got.sort_unstable();
    assert!(got.iter().copied().eq(0..number(3 * each)), "lost or doubled: {got:?}");
    ledger.settle();
}

async fn receive_from_all(side: Side, lines: &[impl RecvEnd<Message = Load>]) -> Vec<u64> {
    let mut got = Vec::new();
    let mut select = Select::new();
    let mut open = lines.len();
    for r in lines {
        r.add_to(&mut select);
    }
    while open > 0 {
        let chosen = choose(side, &mut select).await;
        let line = chosen.index();
        if let Ok(load) = lines[line].complete(chosen) {
            got.push(load.number());
        } else {
            // An arm that has ended would be ready for ever.
            select.remove(line);
            open -= 1;
        }
    }
    got
}

/// The arms that were not chosen have done nothing, and nobody is left in their lines.
pub fn rule_16_the_other_arms_leave_no_trace(kind: Kind, way: &'static Way) {
    let (s1, r1) = kind.pair();
    let (s2, r2) = kind.pair();
    let (full, room) = kind.pair();
    kind.fill(&full, |_| 0);
    let finite = kind.capacity().is_some();
    let (r1b, r2b, full2, side) = (r1.clone(), r2.clone(), full.clone(), way.recv);
    let chooser = side.spawn(async move {
        let mut select = Select::new();
        select.recv(&r1b);
        select.recv(&r2b);
        if finite {
            select.send(&full2);
        }
        let chosen = choose(side, &mut select).await;
        assert_eq!(chosen.index(), 0);
        chosen.recv(&r1b)
    });
    chooser.until_waiting();
    assert_eq!(way.send.send_here(&s1, 7), Ok(()));
    assert_eq!(chooser.join(), Ok(7));
    assert_eq!((s2.receiver_count(), r1.len(), r2.len()), (1, 0, 0));
    // No ghost takes a message, none has left one.
    if kind.capacity() == Some(0) {
        assert_eq!(s2.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(room.try_recv(), Err(TryRecvError::Empty));
    } else {
        assert_eq!(s2.try_send(1), Ok(()));
        assert_eq!(r2.try_recv(), Ok(1));
        if finite {
            let inside = kind.holds(usize::MAX);
            assert!(room.try_iter().eq(std::iter::repeat_n(0, inside)));
        }
    }
}

/// The same by hand: a select that is given up, or that chose, has nobody in line.
pub fn rule_16_a_dropped_select_leaves_no_trace(kind: Kind) {
    let (s1, r1) = kind.pair();
    let (s2, r2) = kind.pair::<u8>();
    let mut select = Select::new();
    let first = select.recv(&r1);
    let second = select.recv(&r2);
    drop(Hand::waiting(select.select_async()));
    if kind.capacity() == Some(0) {
        assert_eq!(s1.try_send(1), Err(TrySendError::Full(1)), "nobody waits");
    }
    let waits = Hand::waiting(select.select_async());
    let other = Hand::waiting(r1.recv_async());
    assert_eq!(s1.try_send(1), Ok(()));
    assert!(waits.is_woken());
    drop(waits);
    assert!(other.is_woken(), "its wake-up goes to the next");
    assert_eq!(other.ready(), Ok(1));
    let waits = Hand::waiting(select.select_async());
    let other = Hand::waiting(r2.recv_async());
    assert_eq!(s2.try_send(2), Ok(()));
    let chosen = waits.ready();
    assert_eq!((chosen.index(), first != second), (second, true));
    assert_eq!(chosen.recv(&r2), Ok(2));
    drop(other);
    assert!(s1.is_empty() && s2.is_empty());
}

/// The waker goes with the future, or with its answer, though the select stays to be used again. (Pitfall 20.)
pub fn pitfall_20_no_waker_outlives_a_select_future(kind: Kind) {
    let (s, r) = kind.pair();
    let mut select = Select::new();
    select.recv(&r);
    let waits = Hand::waiting(select.select_async());
    let bell = waits.bell();
    drop(waits);
    assert_eq!(std::sync::Arc::strong_count(&bell), 1, "given up");
    let waits = Hand::waiting(select.select_async());
    let bell = waits.bell();
    assert_eq!(s.try_send(1), Ok(()));
    assert_eq!(waits.ready().recv(&r), Ok(1));
    assert_eq!(std::sync::Arc::strong_count(&bell), 1, "done");
}

/// Arms may be the same, or of the same channel; the index tells them apart.
pub fn rule_16_arms_may_repeat(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let (r2, side) = (r.clone(), way.recv);
    let chooser = side.spawn(async move {
        let clone = r2.clone();
        let mut sum = 0;
        for _ in 0..times(50) {
            let mut select = Select::new();
            let arms = [select.recv(&r2), select.recv(&r2), select.recv(&clone)];
            let chosen = choose(side, &mut select).await;
            let arm = arms.iter().position(|&arm| arm == chosen.index());
            let r = if arm == Some(2) { &clone } else { &r2 };
            sum += chosen.recv(r).expect("open");
        }
        sum
    });
    let mut sum = 0;
    for i in 0..times(50) {
        assert_eq!(way.send.send_here(&s, i), Ok(()));
        sum += i;
    }
    assert_eq!(chooser.join(), sum);
    // The same for sends: one message, not two.
    kind.fill(&s, |_| 0);
    if kind.capacity().is_some() {
        let side = way.send;
        let chooser = side.spawn(async move {
            let mut select = Select::new();
            select.send(&s);
            select.send(&s);
            let chosen = choose(side, &mut select).await;
            let sent = chosen.send(&s, 9);
            (s, sent)
        });
        chooser.until_waiting();
        let held = kind.holds(usize::MAX);
        let first = r.recv();
        let (s, sent) = chooser.join();
        assert_eq!((sent, first), (Ok(()), Ok(if held == 0 { 9 } else { 0 })));
        assert_eq!(s.len(), held);
    }
}

/// A select that sends and receives on one channel never meets itself.
pub fn rule_16_a_select_never_meets_itself(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    {
        let mut select = Select::new();
        select.send(&s);
        select.recv(&r);
        assert!(select.try_select().is_err(), "alone, nothing can happen");
        assert!(select.try_ready().is_err());
        assert!(select.select_timeout(Duration::from_millis(2)).is_err());
    }
    // Two of them meet each other, again and again, until one has had enough.
    let rounds = times(100);
    let both: Vec<_> = (0..2)
        .map(|k| {
            let (s, r, side) = (s.clone(), r.clone(), way.send);
            side.spawn(async move {
                let (mut sent, mut got) = (0, 0);
                while sent + got < rounds {
                    let mut select = Select::new();
                    let send = select.send(&s);
                    select.recv(&r);
                    let chosen = choose(side, &mut select).await;
                    if chosen.index() == send {
                        sent += usize::from(chosen.send(&s, k).is_ok());
                    } else if let Ok(message) = chosen.recv(&r) {
                        // What a task left for a task, anybody may take, he himself too; a thread's own is never there.
                        assert!(side.is_task() || message != k, "a message of its own");
                        got += 1;
                    }
                    if s.is_closed() {
                        break;
                    }
                }
                s.close();
                (sent, got)
            })
        })
        .collect();
    let ends: Vec<_> = both.into_iter().map(Actor::join).collect();
    let rest = r.try_iter().count();
    assert_eq!(ends[0].0 + ends[1].0, ends[0].1 + ends[1].1 + rest);
}

/// A select wakes when any of its arms can go on, whichever it is, and when one ends.
pub fn rule_16_every_arm_wakes_the_select(kind: Kind, way: &'static Way) {
    for arm in 0..4 {
        let (s1, r1) = kind.pair();
        let (s2, r2) = kind.pair();
        let (full, room) = kind.pair();
        kind.fill(&full, |_| 100);
        let (full2, side) = (full.clone(), way.recv);
        let can_send = kind.capacity().is_some();
        if arm == 2 && !can_send {
            continue;
        }
        let chooser = side.spawn(async move {
            let mut select = Select::new();
            select.recv(&r1);
            select.recv(&r2);
            if can_send {
                select.send(&full2);
            }
            let chosen = choose(side, &mut select).await;
            let index = chosen.index();
            let well = match index {
                0 => chosen.recv(&r1) == Ok(5),
                1 => chosen.recv(&r2) == Ok(6),
                _ => chosen.send(&full2, 7).is_ok(),
            };
            (index, well)
        });
        chooser.until_waiting();
        match arm {
            0 => assert_eq!(s1.send(5), Ok(())),
            1 => assert_eq!(s2.send(6), Ok(())),
            2 => drop(room.recv()),
            _ => drop(s1),
        }
        let expected = if arm == 3 { (0, false) } else { (arm, true) };
        assert_eq!(chooser.join(), expected);
    }
}
