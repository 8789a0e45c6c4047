//! Rule 12: time limits, and the channels that are clocks.

use crate::actor::Actor;
use crate::deadline::{DEADLINE, times};
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::kind::Kind;
use crate::way::{THREADS, Way};
use narrows::{RecvTimeoutError, Select, SendTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(5);

fn past() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
}

/// A deadline in the past is one try.
pub fn rule_12_a_deadline_in_the_past_tries_once(kind: impl Pairs<usize>) {
    let (s, r) = kind.pair();
    assert_eq!(r.recv_deadline(past()), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    for i in 0..kind.holds(100) {
        assert_eq!(s.send_deadline(i, past()), Ok(()), "there is room");
    }
    if kind.capacity().is_some() {
        assert_eq!(s.send_deadline(77, past()), Err(SendTimeoutError::Timeout(77)));
        assert_eq!(s.send_timeout(78, Duration::ZERO), Err(SendTimeoutError::Timeout(78)));
        if let Some(s) = s.local() {
            assert!(matches!(s.reserve_deadline(past()), Err(SendTimeoutError::Timeout(()))));
            assert!(matches!(s.reserve_timeout(Duration::ZERO), Err(SendTimeoutError::Timeout(()))));
        }
    }
    for i in 0..kind.holds(100) {
        assert_eq!(r.recv_deadline(past()), Ok(i));
    }
    assert!(r.local().is_none_or(|r| !r.closed().wait_deadline(past())));
    let mut select = Select::new();
    r.add_to(&mut select);
    assert!(select.select_deadline(past()).is_err());
    assert!(select.ready_deadline(past()).is_err());
    s.close();
    assert_eq!(r.recv_deadline(past()), Err(RecvTimeoutError::Disconnected));
    assert_eq!(s.send_deadline(9, past()), Err(SendTimeoutError::Disconnected(9)));
    if let Some(s) = s.local() {
        assert!(matches!(s.reserve_deadline(past()), Err(SendTimeoutError::Disconnected(()))));
    }
}

/// At capacity 0, one try is enough if the peer is there.
pub fn rule_12_one_try_meets_a_peer_that_waits(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair();
    let (r2, side) = (r.clone(), way.recv);
    let receiver = side.spawn(async move { side.recv(&r2).await });
    receiver.until_waiting();
    assert_eq!(s.send_deadline(1, past()), Ok(()));
    assert_eq!(receiver.join(), Ok(1));
    let side = way.send;
    if side.lays_out() {
        let sender = side.spawn(async move { side.send(&s, 2).await });
        sender.until_waiting();
        assert_eq!(r.recv_deadline(past()), Ok(2));
        assert_eq!(sender.join(), Ok(()));
    }
}

/// Time is up not before its time, and the message comes back.
pub fn rule_12_a_timeout_is_no_earlier_than_said(kind: impl Pairs<usize>) {
    let (s, r) = kind.pair();
    let start = Instant::now();
    assert_eq!(r.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    assert!(start.elapsed() >= SHORT);
    let until = Instant::now() + SHORT;
    assert_eq!(r.recv_deadline(until), Err(RecvTimeoutError::Timeout));
    assert!(Instant::now() >= until);
    if kind.capacity().is_some() {
        kind.fill(&s, |_| 1);
        let start = Instant::now();
        let back = s.send_timeout(7, SHORT);
        assert_eq!(back, Err(SendTimeoutError::Timeout(7)));
        assert!(start.elapsed() >= SHORT);
        let start = Instant::now();
        assert!(s.local().is_none_or(|s| s.reserve_timeout(SHORT).is_err() && start.elapsed() >= SHORT));
        assert_eq!(s.len(), kind.holds(usize::MAX), "nothing more went in");
    }
}

/// The longest time is for ever, and panics nowhere. (Pitfall 13, crossbeam 798.)
pub fn rule_12_the_longest_time_is_for_ever<K: Pairs<usize>>(kind: K) {
    const MAX: Duration = Duration::MAX;
    let (s, r) = kind.pair();
    let at = |life: fn(K::Sender, K::Receiver) -> bool| {
        let (s, r) = (s.clone(), r.clone());
        THREADS.send.spawn(async move { life(s, r) })
    };
    let selects = |_, r: K::Receiver| {
        let mut select = Select::new();
        r.add_to(&mut select);
        select.select_timeout(MAX).is_ok_and(|chosen| r.complete(chosen).is_ok())
    };
    let mut waiting = vec![at(|_, r| r.recv_timeout(MAX).is_ok()), at(selects)];
    let ends = s.local().map(|_| at(|s, _| s.local().is_some_and(|s| s.closed().wait_timeout(MAX))));
    if r.local().is_some() {
        waiting.push(at(|_, r| {
            let r = r.local().expect("as before");
            narrows::select! { recv(r) -> m => m.is_ok(), default(MAX) => false }
        }));
    }
    waiting.iter().chain(&ends).for_each(Actor::until_waiting);
    for i in 0..waiting.len() {
        assert_eq!(s.send_timeout(i, MAX), Ok(()), "somebody waits");
    }
    for receiver in waiting {
        assert!(receiver.join());
    }
    assert!(ends.as_ref().is_none_or(|ends| !ends.is_done()));
    if kind.capacity().is_some() {
        kind.fill(&s, |i| i);
        let mut stuck = vec![at(|s, _| s.send_timeout(9, MAX).is_ok())];
        if s.local().is_some() {
            stuck.push(at(|s, _| {
                let s = s.local().expect("as before");
                s.reserve_timeout(MAX).is_ok_and(|permit| permit.send(9).is_ok())
            }));
        }
        stuck.iter().for_each(Actor::until_waiting);
        for sender in &stuck {
            assert!(r.recv().is_ok(), "{sender:?}");
        }
        for sender in stuck {
            assert!(sender.join());
        }
    }
    s.close();
    assert!(ends.is_none_or(Actor::join));
    // Clocks that never strike.
    assert_eq!(narrows::after(MAX).try_recv(), Err(TryRecvError::Empty));
    assert_eq!(narrows::tick(MAX).try_recv(), Err(TryRecvError::Empty));
}

/// A receive that times out just as a message comes, and is called again, loses nothing. (Pitfall 24: std 94518, 39364.)
pub fn pitfall_24_a_timed_out_receive_can_be_repeated(kind: impl Pairs<usize>, way: &'static Way) {
    if kind.capacity() == Some(0) && !way.send.lays_out() {
        // It might always be away again when the sender comes.
        return;
    }
    let rounds = times(300);
    let (s, r) = kind.pair();
    let side = way.send;
    let sender = side.spawn(async move {
        for i in 0..rounds {
            assert_eq!(side.send(&s, i).await, Ok(()));
            if i % 3 == 0 {
                crate::traffic::breathe().await;
            }
        }
    });
    for i in 0..rounds {
        let nanos = u64::try_from(i).expect("small") * 997 % 60_000;
        let got = loop {
            match r.recv_timeout(Duration::from_nanos(nanos)) {
                Err(RecvTimeoutError::Timeout) => {}
                answer => break answer,
            }
        };
        assert_eq!(got, Ok(i));
    }
    sender.join();
    assert_eq!(r.recv_timeout(SHORT), Err(RecvTimeoutError::Disconnected));
}

/// The same for a send that times out just as room is made: sent once or returned.
pub fn rule_12_a_timed_out_send_returns_its_message(kind: impl Pairs<usize>, way: &'static Way) {
    let rounds = times(300);
    let (s, r) = kind.pair();
    let side = way.recv;
    let receiver = side.spawn(async move {
        let mut got = Vec::new();
        while let Ok(i) = side.recv(&r).await {
            got.push(i);
            if i % 3 == 0 {
                crate::traffic::breathe().await;
            }
        }
        got
    });
    let mut sent = Vec::new();
    for i in 0..rounds {
        let nanos = u64::try_from(i).expect("small") * 997 % 60_000;
        match s.send_timeout(i, Duration::from_nanos(nanos)) {
            Ok(()) => sent.push(i),
            Err(SendTimeoutError::Timeout(back)) => assert_eq!(back, i),
            Err(SendTimeoutError::Disconnected(_)) => panic!("the receiver is there"),
        }
    }
    drop(s);
    assert_eq!(receiver.join(), sent);
}

/// `after` and `at` strike once and not before their time; `tick` strikes again and again; `never` does not.
pub fn rule_12_clocks_strike_when_they_should() {
    let mut time = SHORT;
    let (start, after) = loop {
        let (start, after) = (Instant::now(), narrows::after(time));
        if after.try_recv() == Err(TryRecvError::Empty) {
            break (start, after);
        }
        // This machine had something else to do for so long.
        assert!(start.elapsed() >= time && time < DEADLINE, "it struck before its time");
        time *= 4;
    };
    let struck = after.recv().expect("it strikes");
    assert!(struck >= start + time && Instant::now() >= struck);
    assert_eq!(after.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout), "only once");
    let when = Instant::now() + SHORT;
    let at = narrows::at(when);
    assert_eq!(at.recv(), Ok(when));
    assert!(Instant::now() >= when);
    let gone = past();
    assert_eq!(narrows::at(gone).try_recv(), Ok(gone), "at once");
    let tick = narrows::tick(Duration::from_millis(1));
    let strikes: Vec<Instant> = tick.iter().take(5).collect();
    assert!(strikes.is_sorted() && strikes[4] >= strikes[0] + Duration::from_millis(4));
    let never = narrows::never::<u8>();
    assert_eq!(never.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(never.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    assert!(!never.is_disconnected() && !after.is_disconnected());
}

/// The same clocks, awaited, and as arms of a select.
pub fn rule_12_clocks_can_be_awaited(way: &'static Way) {
    let side = way.recv;
    let waiter = side.spawn(async move {
        let start = Instant::now();
        let struck = side.recv(&narrows::after(SHORT)).await.expect("it strikes");
        assert!(struck >= start + SHORT);
        let when = Instant::now() + SHORT;
        assert_eq!(side.recv(&narrows::at(when)).await, Ok(when));
        let tick = narrows::tick(Duration::from_millis(1));
        for _ in 0..3 {
            assert!(side.recv(&tick).await.is_ok());
        }
    });
    waiter.join();
}
