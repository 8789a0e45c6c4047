//! Batches: what single sends and receives promise, of many messages in one step.

use crate::actor::Actor;
use crate::deadline::times;
use crate::hand::Hand;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::{Crew, number};
use crate::way::{Side, Verb, Way};
use narrows::{Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);

async fn send_many<T: Send>(side: Side, s: &Sender<T>, messages: &mut VecDeque<T>) -> Result<(), SendError<()>> {
    match side.verb {
        Verb::Timed => s.send_many_timeout(messages, LONG).map_err(|why| {
            assert_eq!(why, SendTimeoutError::Disconnected(()), "an hour has not passed");
            SendError(())
        }),
        _ if side.is_task() => s.send_many_async(messages).await,
        _ => s.send_many(messages),
    }
}

async fn recv_many<T: Send>(side: Side, r: &Receiver<T>, into: &mut Vec<T>, most: usize) -> Result<usize, RecvError> {
    match side.verb {
        Verb::Timed => r.recv_many_timeout(into, most, LONG).map_err(|why| {
            assert_eq!(why, RecvTimeoutError::Disconnected, "an hour has not passed");
            RecvError
        }),
        _ if side.is_task() => r.recv_many_async(into, most).await,
        _ => r.recv_many(into, most),
    }
}

async fn recv_batch<T: Send>(
    side: Side,
    r: &Receiver<T>,
    into: &mut Vec<T>,
    most: usize,
    linger: Duration,
) -> Result<usize, RecvError> {
    if side.is_task() { r.recv_batch_async(into, most, linger).await } else { r.recv_batch(into, most, linger) }
}

/// Batches of every size, and single messages between them, by several senders to several receivers: each arrives once, and
/// each receiver sees each sender in order.
pub fn rule_01_batches_arrive_once_and_in_order(kind: Kind, way: &'static Way) {
    let crew = Crew { senders: 3, receivers: 3, each: times(300) };
    let ledger = Ledger::new(crew.messages());
    let (s, r) = kind.pair::<Load>();
    let most = kind.capacity();
    let senders: Vec<_> = (0..crew.senders)
        .map(|k| {
            let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
            side.spawn(async move {
                let mut rest = (k * crew.each..(k + 1) * crew.each).map(|i| ledger.load(number(i)));
                for size in (k + 1..).map(|i| i * 5 % 43) {
                    let mut batch: VecDeque<_> = rest.by_ref().take(size).collect();
                    if size == 1 {
                        assert!(side.send(&s, batch.pop_front().expect("one")).await.is_ok());
                    }
                    assert_eq!(send_many(side, &s, &mut batch).await, Ok(()));
                    assert!(batch.is_empty());
                    if size > 0 && rest.len() == 0 {
                        break;
                    }
                }
            })
        })
        .collect();
    drop(s);
    let receivers: Vec<_> = (0..crew.receivers)
        .map(|k| {
            let (r, side) = (r.clone(), way.recv);
            side.spawn(async move {
                let mut got = Vec::new();
                for most_now in (k + 1..).map(|i| i * 3 % 17 + 1) {
                    let before = got.len();
                    let received = match most_now % 3 {
                        0 => side.recv(&r).await.map(|load| got.push(load)).map(|()| 1),
                        1 => recv_batch(side, &r, &mut got, most_now, Duration::from_micros(50)).await,
                        _ => recv_many(side, &r, &mut got, most_now).await,
                    };
                    assert!(most.is_none_or(|most| r.len() <= most));
                    let Ok(received) = received else { break };
                    assert!((1..=most_now).contains(&received));
                    assert_eq!(got.len(), before + received);
                }
                got.iter().map(Load::number).collect::<Vec<u64>>()
            })
        })
        .collect();
    drop(r);
    senders.into_iter().for_each(Actor::join);
    let each = number(crew.each);
    let mut all = Vec::new();
    for got in receivers.into_iter().map(Actor::join) {
        for k in 0..number(crew.senders) {
            assert!(got.iter().filter(|&&n| n / each == k).is_sorted(), "out of order: {got:?}");
        }
        all.extend(got);
    }
    all.sort_unstable();
    assert!(all.iter().copied().eq(0..number(crew.messages())), "lost or doubled: {all:?}");
    ledger.settle();
}

/// A batch larger than the channel goes through it, in order.
pub fn rule_02_a_batch_may_be_larger_than_the_channel(kind: Kind, way: &'static Way) {
    let n = 3 * kind.holds(200) + 5;
    let (s, r) = kind.pair();
    let (send, recv) = (way.send, way.recv);
    let sender = send.spawn(async move { send_many(send, &s, &mut (0..n).collect()).await });
    let receiver = recv.spawn(async move {
        let mut got = Vec::new();
        while recv_many(recv, &r, &mut got, n).await.is_ok() {}
        got
    });
    assert_eq!(sender.join(), Ok(()));
    assert!(receiver.join().into_iter().eq(0..n));
}

/// A batch takes the places that are left: not those of permits, messages on a lease, or tombstones; and says Full if there
/// are none.
pub fn rule_23_a_batch_leaves_permits_their_places(kind: Kind) {
    let (s, r) = kind.pair();
    let capacity = kind.holds(usize::MAX);
    for taken in [0, 1, capacity / 2, capacity] {
        let taken = taken.min(capacity);
        let permits = s.try_reserve_many(taken).expect("it is empty");
        let mut batch: VecDeque<_> = (0..=capacity).collect();
        let room = capacity - taken;
        let sent = s.try_send_many(&mut batch);
        assert_eq!(sent, if room == 0 { Err(TrySendError::Full(())) } else { Ok(room) });
        assert_eq!((s.len(), s.is_full()), (room, true));
        assert!(batch.iter().copied().eq(room..=capacity));
        assert_eq!(s.try_send_many(&mut batch), Err(TrySendError::Full(())));
        for permit in permits {
            assert_eq!(permit.send(7), Ok(()));
        }
        assert_eq!(s.len(), capacity);
        // On a lease, and taken back in the middle.
        let held = r.try_lease().expect("full");
        assert_eq!(s.try_send_many(&mut batch), Err(TrySendError::Full(())));
        assert_eq!(held.accept(), if taken == capacity { 7 } else { 0 });
        assert_eq!(s.try_send_many(&mut batch), Ok(1));
        let mut out = Vec::new();
        assert_eq!(r.drain_into(&mut out), capacity);
        assert_eq!(s.try_send_many(&mut VecDeque::new()), Ok(0), "nothing always fits");
    }
    kind.has_every_place(&s, &r, |i| i);
}

/// What is behind a tombstone comes in a batch, too; with one inside every place comes back.
pub fn rule_01_a_batch_passes_tombstones(kind: Kind) {
    let n = kind.capacity().map_or(100, |_| kind.holds(100));
    for gap in [0, 1, n / 2, n - 1] {
        let (s, r) = kind.pair();
        let mut gone = None;
        for i in 0..n {
            if i == gap {
                gone = Some(Hand::waiting(s.send_sync_async(i)));
            } else {
                assert_eq!(s.try_send(i), Ok(()));
            }
        }
        drop(gone);
        let left: Vec<usize> = (0..n).filter(|i| *i != gap).collect();
        let mut out = Vec::new();
        assert_eq!(r.drain_into(&mut out), left.len());
        assert_eq!(out, left);
        kind.has_every_place(&s, &r, |i| i);
    }
}

type SendMany = fn(&Sender<usize>, &mut VecDeque<usize>) -> Result<(), SendTimeoutError<()>>;

/// Out of time, or with none to begin with, what was not sent is still there, in order.
pub fn rule_12_a_batch_out_of_time_keeps_the_rest(kind: Kind) {
    let room = kind.holds(usize::MAX);
    let ends: [SendMany; 4] = [
        |s, batch| s.send_many_timeout(batch, Duration::from_millis(1)),
        |s, batch| s.send_many_timeout(batch, Duration::ZERO),
        |s, batch| s.send_many_deadline(batch, Instant::now()),
        |s, batch| {
            s.try_send_many(batch).map(drop).and(Err(TrySendError::Full(()))).map_err(|why| match why {
                TrySendError::Full(()) => SendTimeoutError::Timeout(()),
                TrySendError::Disconnected(()) => SendTimeoutError::Disconnected(()),
            })
        },
    ];
    for end in ends {
        let (s, r) = kind.pair();
        // It lies in two pieces.
        let mut batch: VecDeque<_> = (2..room + 3).collect();
        batch.push_front(1);
        batch.push_front(0);
        assert_eq!(end(&s, &mut batch), Err(SendTimeoutError::Timeout(())));
        assert!(batch.iter().copied().eq(room..room + 3));
        assert_eq!(s.len(), room);
        assert_eq!(r.try_iter().chain(batch.drain(..)).collect::<Vec<_>>(), (0..room + 3).collect::<Vec<_>>());
        assert_eq!(s.send_many_timeout(&mut batch, Duration::ZERO), Ok(()), "nothing needs no time");
        s.close();
        batch.push_back(1);
        assert_eq!(end(&s, &mut batch), Err(SendTimeoutError::Disconnected(())));
        assert_eq!(batch, [1]);
        assert_eq!(s.try_send_many(&mut batch), Err(TrySendError::Disconnected(())));
    }
}

/// Closed in the midst, or left by the last receiver, a batch keeps what was not sent.
pub fn rule_07_a_batch_closed_in_the_midst_keeps_the_rest(kind: Kind, way: &'static Way) {
    let room = kind.holds(usize::MAX);
    for goes in [false, true] {
        let (s, r) = kind.pair();
        let side = way.send;
        let sender = side.spawn(async move {
            let mut batch = (0..room + 5).collect();
            (send_many(side, &s, &mut batch).await, batch)
        });
        sender.until_waiting();
        assert_eq!(r.recv(), Ok(0));
        sender.until_waiting();
        if goes {
            drop(r);
        } else {
            r.close();
            assert!(r.into_iter().eq(1..=room));
        }
        assert_eq!(sender.join(), (Err(SendError(())), (room + 1..room + 5).collect()));
    }
}

/// Batches race with close: what was sent is received, what was not is still there.
pub fn rule_07_batches_that_race_with_close_lose_nothing(kind: Kind, way: &'static Way) {
    for round in 0..times(30) {
        let ledger = Ledger::new(120);
        let (s, r) = kind.pair::<Load>();
        let senders: Vec<_> = (0..2)
            .map(|k| {
                let (s, ledger, side) = (s.clone(), ledger.clone(), way.send);
                side.spawn(async move {
                    let mut sent: Vec<u64> = Vec::new();
                    for from in (60 * k..60 * (k + 1)).step_by(20) {
                        let mut batch = (from..from + 20).map(|i| ledger.load(i)).collect();
                        let answer = send_many(side, &s, &mut batch).await;
                        assert_eq!(answer.is_ok(), batch.is_empty());
                        let left = number(batch.len());
                        assert!(batch.iter().map(Load::number).eq(from + 20 - left..from + 20));
                        sent.extend(from..from + 20 - left);
                    }
                    sent
                })
            })
            .collect();
        let side = way.recv;
        let receiver = side.spawn(async move {
            let mut got = Vec::new();
            while recv_many(side, &r, &mut got, round % 5 + 1).await.is_ok() {
                if got.len() > round {
                    got.extend(if round % 2 == 0 { r.close_now() } else { Vec::new() });
                    r.close();
                }
            }
            got.iter().map(Load::number).collect::<Vec<u64>>()
        });
        let mut sent = senders.into_iter().map(Actor::join).collect::<Vec<_>>().concat();
        drop(s);
        let mut got = receiver.join();
        sent.sort_unstable();
        got.sort_unstable();
        assert_eq!(sent, got, "round {round}");
        ledger.settle();
    }
}

/// A batch that is dropped has sent what it has sent; the rest is in its deque, in order, whether or not the one that waited
/// had gone meanwhile.
pub fn rule_13_a_dropped_batch_keeps_the_rest(kind: Kind) {
    let room = kind.holds(usize::MAX);
    for received in 0..=room.min(2) + 1 {
        let (s, r) = kind.pair();
        let mut batch: VecDeque<usize> = (0..room + 4).collect();
        let sends = Hand::waiting(s.send_many_async(&mut batch));
        let mut got: Vec<usize> = (0..received).filter_map(|_| r.try_recv().ok()).collect();
        assert!(got.is_empty() || sends.is_woken());
        drop(sends);
        got.extend(r.try_iter());
        got.extend(batch);
        assert!(got.iter().copied().eq(0..room + 4), "after {received}: {got:?}");
        kind.has_every_place(&s, &r, |i| i);
    }
    let (s, r) = kind.pair();
    let mut batch = VecDeque::from([1]);
    drop(s.send_many_async(&mut batch));
    assert_eq!((batch, r.try_recv()), (VecDeque::from([1]), Err(TryRecvError::Empty)));
}

/// A place that a dropped batch was woken for goes to the next.
pub fn rule_13_a_dropped_batch_wakes_the_next(kind: Kind) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 0);
    let (mut first, mut second) = (VecDeque::from([1, 2]), VecDeque::from([3]));
    let one = Hand::waiting(s.send_many_async(&mut first));
    let two = Hand::waiting(s.send_many_async(&mut second));
    drop(one);
    assert_eq!(r.try_recv(), Ok(0));
    assert!(two.is_woken());
    assert_eq!(two.ready(), Ok(()));
    assert_eq!((first.len(), second.len()), (2, 0));
}

/// Never more than asked for, and with nothing asked for nothing, even of a channel at its end; the end comes when all is
/// received.
pub fn rule_06_a_batch_hears_the_end_when_all_is_received(kind: Kind, way: &'static Way) {
    let n = kind.capacity().map_or(50, |_| kind.holds(100));
    let (s, r) = kind.pair();
    let mut got = Vec::new();
    assert_eq!((r.try_recv_many(&mut got, 0), r.recv_many(&mut got, 0)), (Ok(0), Ok(0)));
    assert_eq!(r.recv_batch(&mut got, 0, LONG), Ok(0));
    assert_eq!(Hand::new(r.recv_many_async(&mut got, 0)).ready(), Ok(0));
    assert_eq!(r.try_recv_many(&mut got, 1), Err(TryRecvError::Empty));
    assert_eq!(r.recv_many_timeout(&mut got, 1, Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.recv_many_deadline(&mut got, 1, Instant::now()), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.drain_into(&mut got), 0);
    (0..n).for_each(|i| assert_eq!(s.try_send(i), Ok(())));
    s.close();
    got.push(99);
    for most in (1..).map(|i| i % 4 + 1) {
        let (left, side) = (n + 1 - got.len(), way.recv);
        if left == 0 {
            break;
        }
        let (r, mut own) = (r.clone(), got.split_off(0));
        let life = async move { (recv_many(side, &r, &mut own, most).await, own) };
        let received;
        (received, got) = side.spawn(life).join();
        assert_eq!(received, Ok(most.min(left)), "of {left}");
    }
    assert!(got.into_iter().eq([99].into_iter().chain(0..n)));
    let mut none = Vec::new();
    assert_eq!(r.recv_many(&mut none, usize::MAX), Err(RecvError));
    assert_eq!(r.try_recv_many(&mut none, 5), Err(TryRecvError::Disconnected));
    assert_eq!(r.recv_many_timeout(&mut none, 5, LONG), Err(RecvTimeoutError::Disconnected));
    assert_eq!(r.recv_batch(&mut none, 5, LONG), Err(RecvError));
    assert_eq!(Hand::new(r.recv_batch_async(&mut none, 5, LONG)).ready(), Err(RecvError));
    assert_eq!((r.drain_into(&mut none), r.recv_many(&mut none, 0)), (0, Ok(0)));
}

/// Those who wait hear the end.
pub fn rule_06_the_last_sender_wakes_who_waits_for_a_batch(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<u8>();
    let side = way.recv;
    let receivers = [false, true].map(|lingers| {
        let r = r.clone();
        let receiver = side.spawn(async move {
            let mut got = Vec::new();
            if lingers { recv_batch(side, &r, &mut got, 3, LONG).await } else { recv_many(side, &r, &mut got, 3).await }
        });
        receiver.until_waiting();
        receiver
    });
    drop(s);
    assert_eq!(receivers.map(Actor::join), [Err(RecvError), Err(RecvError)]);
}

/// A batch wakes as many as it brings messages; and one that is received as many as there are places then.
pub fn rule_09_a_batch_wakes_one_for_each_message(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let (send, recv) = (way.send, way.recv);
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let r = r.clone();
            let receiver = recv.spawn(async move { recv.recv(&r).await });
            receiver.until_waiting();
            receiver
        })
        .collect();
    let s2 = s.clone();
    let sender = send.spawn(async move { send_many(send, &s2, &mut (0..4).collect()).await });
    assert_eq!(sender.join(), Ok(()));
    let mut got: Vec<_> = receivers.into_iter().map(|receiver| receiver.join().expect("a message")).collect();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3]);
    if kind.capacity().is_none() {
        return;
    }
    let room = kind.holds(100);
    kind.fill(&s, |_| 9);
    let senders: Vec<_> = (0..4)
        .map(|i| {
            let s = s.clone();
            let sender = send.spawn(async move { send.send(&s, i).await });
            sender.until_waiting();
            sender
        })
        .collect();
    let mut got = Vec::new();
    while got.len() < room + 4 {
        assert!(r.recv_many(&mut got, 100).is_ok());
    }
    assert!(senders.into_iter().all(|sender| sender.join() == Ok(())));
}

/// A receive of many that is dropped has left every message where it is, or in the caller's hands; and its wake-up goes to the
/// next.
pub fn rule_13_a_dropped_receive_of_many_loses_nothing(kind: Kind) {
    let (s, r) = kind.pair();
    let mut got = Vec::new();
    let waits = Hand::waiting(r.recv_many_async(&mut got, 4));
    assert_eq!(s.try_send(1), Ok(()));
    assert!(waits.is_woken());
    drop(waits);
    assert_eq!((got.len(), r.try_recv()), (0, Ok(1)));
    // In the midst of a batch.
    let mut waits = Hand::waiting(r.recv_batch_async(&mut got, 4, LONG));
    for i in 2..4 {
        assert_eq!(s.try_send(i), Ok(()));
        assert!(waits.is_woken());
        waits.still_waits();
    }
    let next = Hand::waiting(r.recv_async());
    assert_eq!(s.try_send(4), Ok(()));
    drop(waits);
    assert_eq!(got, [2, 3]);
    assert!(next.is_woken(), "the wake-up goes to the next");
    assert_eq!(next.ready(), Ok(4));
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
}

/// One that is finished and kept is in nobody's way.
pub fn rule_14_a_finished_receive_of_many_swallows_no_wake_up(kind: Kind) {
    let (s, r) = kind.pair();
    for lingers in [false, true] {
        let mut got = Vec::new();
        let linger = if lingers { LONG } else { Duration::ZERO };
        let mut many = Hand::waiting(r.recv_batch_async(&mut got, 2, linger));
        let mut other = Hand::waiting(r.recv_async());
        let n = kind.holds(2).max(1);
        for i in 0..n {
            assert_eq!(s.try_send(i), Ok(()));
        }
        assert!(many.is_woken());
        let mut polled = many.poll();
        if n == 1 && lingers {
            assert!(polled.is_pending());
            assert_eq!(s.try_send(1), Ok(()));
            polled = many.poll();
        }
        assert!(polled.is_ready());
        other.still_waits();
        assert_eq!(s.try_send(7), Ok(()));
        assert!(other.is_woken(), "the finished one is still in line");
        assert_eq!(other.ready(), Ok(7));
        assert!(catch_unwind(AssertUnwindSafe(|| many.poll())).is_err(), "polled after it was finished");
    }
    // It has overtaken the first in line, so that its own ticket was not claimed.
    let mut got = Vec::new();
    let mut first = Hand::waiting(r.recv_async());
    let mut many = Hand::waiting(r.recv_many_async(&mut got, 1));
    let last = Hand::waiting(r.recv_async());
    assert_eq!(s.try_send(1), Ok(()));
    assert!(first.is_woken() && many.poll().is_ready());
    first.still_waits();
    assert_eq!(s.try_send(2), Ok(()));
    assert_eq!(first.ready(), Ok(2));
    assert_eq!(s.try_send(3), Ok(()));
    assert!(last.is_woken(), "the finished one is still in line");
    assert_eq!(last.ready(), Ok(3));
}

/// A batch ends when it is as large as it may be, when its time has passed, or with the channel; not before.
pub fn rule_12_a_batch_ends_by_count_by_time_or_by_the_end(kind: Kind, way: &'static Way) {
    let (send, recv) = (way.send, way.recv);
    let (s, r) = kind.pair();
    let gather = |most, linger| {
        let r = r.clone();
        let receiver = recv.spawn(async move {
            let mut got = Vec::new();
            (recv_batch(recv, &r, &mut got, most, linger).await, got)
        });
        receiver.until_waiting();
        receiver
    };
    for linger in [LONG, Duration::MAX] {
        let receiver = gather(3, linger);
        for i in 0..3 {
            assert!(!receiver.is_done());
            assert_eq!(send.send_here(&s, i), Ok(()));
        }
        assert_eq!(receiver.join(), (Ok(3), vec![0, 1, 2]));
    }
    let receiver = gather(3, Duration::from_millis(5));
    let began = Instant::now();
    assert_eq!(send.send_here(&s, 5), Ok(()));
    assert_eq!(receiver.join(), (Ok(1), vec![5]));
    assert!(began.elapsed() >= Duration::from_millis(5));
    let receiver = gather(3, Duration::ZERO);
    assert_eq!(send.send_here(&s, 6), Ok(()));
    assert_eq!(receiver.join(), (Ok(1), vec![6]));
    let receiver = gather(3, LONG);
    assert_eq!(send.send_here(&s, 7), Ok(()));
    receiver.until_waiting();
    drop(s);
    assert_eq!(receiver.join(), (Ok(1), vec![7]));
    assert_eq!(r.recv(), Err(RecvError));
}

/// To drain ends, although senders keep up with it; it takes what was there when it began.
pub fn rule_05_draining_ends_beside_senders(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (s, side) = (s.clone(), way.send);
            side.spawn(async move { while side.send(&s, 1_u8).await.is_ok() {} })
        })
        .collect();
    let mut all = Vec::new();
    for _ in 0..times(100) {
        let before = all.len();
        let n = r.drain_into(&mut all);
        assert_eq!(all.len(), before + n);
        assert!(kind.capacity().is_none_or(|capacity| n <= capacity));
        thread::yield_now();
    }
    r.close();
    let left = r.len();
    all.clear();
    assert_eq!(r.drain_into(&mut all), left);
    senders.into_iter().for_each(Actor::join);
}
