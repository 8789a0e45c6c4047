//! Rules 9 to 11: those who wait are woken, in order, and cost nothing meanwhile.

use crate::actor::Actor;
use crate::deadline::{times, until};
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::hand::{Bell, Hand, poll};
use crate::kind::Kind;
use crate::way::{POOL, THREADS, Way};
use narrows::TrySendError;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Instant;

fn receiver<R: RecvEnd<Message: 'static> + 'static>(way: &'static Way, r: &R) -> Actor<R::Message> {
    let (r, side) = (r.clone(), way.recv);
    side.spawn(async move { side.recv(&r).await.expect("the channel stays open") })
}

/// As many sends as receivers wait: all of them end, with nothing more done.
pub fn rule_09_every_waiting_receiver_is_served(kind: impl Pairs<usize>, way: &'static Way) {
    for _ in 0..times(5) {
        let (s, r) = kind.pair();
        let waiting: Vec<_> = (0..6).map(|_| receiver(way, &r)).collect();
        waiting.iter().for_each(Actor::until_waiting);
        for i in 0..6 {
            assert_eq!(way.send.send_here(&s, i), Ok(()));
        }
        let mut got: Vec<_> = waiting.into_iter().map(Actor::join).collect();
        got.sort_unstable();
        assert!(got.into_iter().eq(0..6));
    }
}

/// As many receives as senders wait: all of them end, with nothing more done.
pub fn rule_09_every_waiting_sender_is_served(kind: impl Pairs<usize>, way: &'static Way) {
    for _ in 0..times(5) {
        let (s, r) = kind.pair();
        kind.fill(&s, |_| 100);
        let waiting: Vec<_> = (0..6)
            .map(|i| {
                let (s, side) = (s.clone(), way.send);
                side.spawn(async move { side.send(&s, i).await })
            })
            .collect();
        waiting.iter().for_each(Actor::until_waiting);
        for _ in 0..6 {
            assert!(way.recv.recv_here(&r).is_ok());
        }
        for sender in waiting {
            assert_eq!(sender.join(), Ok(()));
        }
        assert_eq!(r.len(), kind.holds(usize::MAX), "six came, six went");
    }
}

/// Threads and tasks stand in the same line.
pub fn rule_09_threads_and_tasks_wait_side_by_side(kind: impl Pairs<usize>) {
    for _ in 0..times(10) {
        let (s, r) = kind.pair();
        let mixed = [&THREADS, &POOL, &THREADS, &POOL, &crate::way::TOKIO, &crate::way::SELECT];
        let waiting: Vec<_> = mixed.iter().map(|way| receiver(way, &r)).collect();
        waiting.iter().for_each(Actor::until_waiting);
        for i in 0..6 {
            assert_eq!(s.send(i), Ok(()));
        }
        let mut got: Vec<_> = waiting.into_iter().map(Actor::join).collect();
        got.sort_unstable();
        assert!(got.into_iter().eq(0..6));
    }
}

/// To and fro: each side waits for the other, every time.
pub fn rule_09_ping_pong_never_stops(kind: impl Pairs<usize>, way: &'static Way) {
    let rounds = times(300);
    let (there, comes) = kind.pair();
    let (back, returns) = kind.pair();
    let (send, recv) = (way.send, way.recv);
    let echo = recv.spawn(async move {
        for i in 0..rounds {
            assert_eq!(recv.recv(&comes).await, Ok(i));
            assert_eq!(recv.send(&back, i).await, Ok(()));
        }
    });
    let caller = send.spawn(async move {
        for i in 0..rounds {
            assert_eq!(send.send(&there, i).await, Ok(()));
            assert_eq!(send.recv(&returns).await, Ok(i));
        }
    });
    caller.join();
    echo.join();
}

/// One token through a ring.
pub fn rule_09_a_token_goes_round(kind: impl Pairs<usize>, way: &'static Way) {
    let rounds = times(60);
    let (s, r) = kind.pair();
    let mut left = r;
    let mut ring = Vec::new();
    for k in 0..4 {
        let (next, right) = kind.pair();
        let side = if k % 2 == 0 { way.send } else { way.recv };
        ring.push(side.spawn(async move {
            for _ in 0..rounds {
                let token: usize = side.recv(&left).await.expect("the ring is closed");
                assert!(side.send(&next, token + 1).await.is_ok());
            }
        }));
        left = right;
    }
    for i in 0..rounds {
        assert_eq!(way.send.send_here(&s, 4 * i), Ok(()));
        assert_eq!(way.recv.recv_here(&left), Ok(4 * i + 4));
    }
    ring.into_iter().for_each(Actor::join);
}

/// One message wakes the first task, the next the second, though the first was not polled.
pub fn rule_10_tasks_are_woken_in_order(kind: Kind) {
    let (s, r) = kind.pair();
    let tasks: Vec<_> = (0..3).map(|_| Hand::waiting(r.recv_async())).collect();
    for i in 0..kind.holds(3).max(1) {
        assert_eq!(s.try_send(i), Ok(()));
        let woken: Vec<_> = tasks.iter().map(Hand::is_woken).collect();
        let expected: Vec<_> = (0..3).map(|k| k <= i).collect();
        assert_eq!(woken, expected, "after message {i}");
    }
}

/// The same for those who wait for room.
pub fn rule_10_senders_are_woken_in_order(kind: Kind) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 100);
    let tasks: Vec<_> = (0..3).map(|i| Hand::waiting(s.send_async(i))).collect();
    for i in 0..kind.holds(3).max(1) {
        assert!(r.try_recv().is_ok());
        let woken: Vec<_> = tasks.iter().map(Hand::is_woken).collect();
        let expected: Vec<_> = (0..3).map(|k| k <= i).collect();
        assert_eq!(woken, expected, "after receive {i}");
    }
}

/// Who was woken, came too late and waits again stands where it stood.
pub fn rule_10_a_task_that_found_nothing_keeps_its_place(kind: Kind) {
    let (s, r) = kind.pair();
    let mut first = Hand::waiting(r.recv_async());
    let second = Hand::waiting(r.recv_async());
    for i in 0..3 {
        assert_eq!(s.try_send(i), Ok(()));
        assert!(first.is_woken());
        assert_eq!(r.try_recv(), Ok(i), "a running thread may overtake");
        first.still_waits();
    }
    assert!(!second.is_woken(), "the second is next, not first");
    assert_eq!(s.try_send(3), Ok(()));
    assert!(first.is_woken());
    assert_eq!(first.ready(), Ok(3));
}

/// Tasks that never rest cannot keep one that waits in line from its turn for good, though all share one worker.
pub fn rule_10_no_task_is_passed_over_for_good(kind: Kind) {
    const ROUNDS: usize = 100_000;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (s, r) = kind.pair::<usize>();
    let runs = runtime.block_on(async {
        for name in 0..2 {
            let s = s.clone();
            tokio::spawn(async move { while s.send_async(name).await.is_ok() {} });
        }
        let receiver = tokio::spawn(async move {
            let (mut runs, mut before) = ([0; 2], [0; 2]);
            for round in 1..=ROUNDS {
                let name = r.recv_async().await.expect("the senders go on");
                runs[name] = runs[name].max(round - before[name]);
                before[name] = round;
            }
            [0, 1].map(|name| runs[name].max(ROUNDS - before[name]))
        });
        receiver.await.expect("no panic")
    });
    assert!(runs.iter().all(|&run| run < ROUNDS / 10), "longest times without a message of each: {runs:?}");
}

/// The same for a sender.
pub fn rule_10_a_sender_that_found_no_room_keeps_its_place(kind: Kind) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 100);
    let mut first = Hand::waiting(s.reserve_async());
    let second = Hand::waiting(s.reserve_async());
    for _ in 0..3 {
        assert!(r.try_recv().is_ok());
        assert!(first.is_woken());
        assert_eq!(s.try_send(100), Ok(()), "a running thread may overtake");
        first.still_waits();
    }
    assert!(!second.is_woken(), "the second is next, not first");
    assert!(r.try_recv().is_ok());
    assert!(first.is_woken());
    let permit = first.ready();
    assert!(permit.is_ok());
    assert_eq!(s.try_send(5), Err(TrySendError::Full(5)));
}

/// A task that polled two futures goes on with one of them, though the wake-up was for the other.
pub fn rule_09_a_task_may_go_on_with_one_of_two(kind: Kind) {
    let (s, r) = kind.pair();
    kind.fill(&s, |_| 0);
    let bell = Bell::new();
    let mut reserve = pin!(s.reserve_async());
    let mut send = pin!(s.send_async(1));
    assert!(poll(&mut reserve, &bell).is_pending());
    assert!(poll(&mut send, &bell).is_pending());
    assert_eq!(r.try_recv(), Ok(0));
    assert_eq!(bell.rings(), 1);
    assert!(!s.is_full());
    assert_eq!(poll(&mut send, &bell), Poll::Ready(Ok(())));
}

/// A message that waited for a place, and got it from a receiver, is a message for the next receiver in line.
pub fn rule_09_a_message_that_waited_wakes_a_receiver(kind: Kind) {
    let (s, r) = kind.pair();
    let first = Hand::waiting(r.recv_async());
    let second = Hand::waiting(r.recv_async());
    kind.fill(&s, |i| i);
    let room = kind.holds(usize::MAX);
    // Told of a message already, if there is more than one place.
    assert_eq!(second.is_woken(), room > 1);
    let waits = Hand::waiting(s.send_async(room));
    assert_eq!(first.ready(), Ok(0));
    assert!(waits.is_woken() && second.is_woken());
    assert_eq!(second.ready(), Ok(1));
    assert_eq!(waits.ready(), Ok(()));
}

/// Sleeping threads are served in the order in which they came, if one message comes at a time.
pub fn rule_10_threads_are_woken_in_order(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let mut line = Vec::new();
    for _ in 0..4 {
        let next = receiver(way, &r);
        next.until_waiting();
        line.push(next);
    }
    for (i, first) in line.into_iter().enumerate() {
        assert_eq!(s.send(i), Ok(()));
        assert_eq!(first.join(), i, "served out of turn");
    }
}

/// Two that never pause do not keep a third from its turn.
pub fn rule_10_a_latecomer_gets_its_turn(kind: impl Pairs<usize>, way: &'static Way) {
    let (s, r) = kind.pair();
    let over = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let (s, r, over) = (s.clone(), r.clone(), Arc::clone(&over));
            THREADS.send.spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    // Either may be refused; both take the roles all the time.
                    let _ = s.try_send(1);
                    let _ = r.try_recv();
                }
            })
        })
        .collect();
    let (send, recv) = (way.send, way.recv);
    let (s2, r2) = (s.clone(), r.clone());
    let late = send.spawn(async move {
        for _ in 0..10 {
            assert!(send.send(&s2, 2).await.is_ok());
            // Somebody's message, or nobody's: it is the turn that counts.
            let _ = r2.try_recv();
        }
    });
    // A receiver, so that the late one is not alone in making room.
    let taker = recv.spawn(async move { while recv.recv(&r).await.is_ok() {} });
    late.join();
    over.store(true, Ordering::SeqCst);
    busy.into_iter().for_each(Actor::join);
    drop(s);
    taker.join();
}

/// A sleeping thread is not even looked at by the scheduler. (Pitfall 16: std 106668, crossbeam 821, async-channel 13.)
pub fn rule_11_a_waiting_thread_uses_no_processor_time(kind: impl Pairs<usize>, way: &'static Way) {
    let (s, r) = kind.pair();
    let idle = receiver(way, &r);
    let (full, room) = kind.pair();
    kind.fill(&full, |_| 0);
    let (s2, side) = (full.clone(), way.send);
    let stuck = (kind.capacity().is_some()).then(|| side.spawn(async move { side.send(&s2, 1).await.is_ok() }));
    idle.until_waiting();
    let stuck_thread = stuck.as_ref().map(|stuck| {
        stuck.until_waiting();
        stuck.thread().expect("begun")
    });
    let idle_thread = idle.thread().expect("begun");
    let spent = || [Some(&idle_thread), stuck_thread.as_ref()].map(|t| t.and_then(|t| ticks(t)));
    let (before, start) = (spent(), Instant::now());
    // Meanwhile others use theirs, and the system's clock of processor time goes on.
    if let Some(mine) = ticks("self") {
        until("a tenth of a second of processor time went by", || ticks("self").is_some_and(|now| now >= mine + 10));
        let after = spent();
        let looks = kind.looks_per_second() * (start.elapsed().as_secs() + 1);
        let is_idle = |(before, after): (&Option<u64>, &Option<u64>)| *after <= before.map(|before| before + looks);
        assert!(before.iter().zip(&after).all(is_idle), "somebody spins or keeps waking: {before:?}, then {after:?}");
    }
    assert_eq!(s.send(5), Ok(()));
    assert_eq!(idle.join(), 5);
    drop(room);
    assert!(stuck.is_none_or(|stuck| !stuck.join()));
}

/// Processor time used, in ticks, and times switched away, of a thread or process as the system names it.
fn ticks(name: &str) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |n: usize| fields.get(n)?.parse::<u64>().ok();
    let mut spent = field(11)? + field(12)?;
    if name != "self" {
        let status = std::fs::read_to_string(format!("/proc/{name}/status")).ok()?;
        let switches = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key));
            value.and_then(|value| value.trim().parse::<u64>().ok())
        };
        spent += switches("voluntary_ctxt_switches:")?;
    }
    Some(spent)
}
