//! Rule 16, continued: which of several ready arms, the arms that have ended, and readiness without an operation.

use crate::deadline::times;
use crate::ends::{Pairs, RecvEnd, SendEnd};
use crate::kind::Kind;
use crate::selecting::choose;
use crate::way::Way;
use narrows::{
    Receiver, RecvError, Select, SelectedOperation, Sender, TryRecvError, TrySelectError, select, select_biased,
};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

/// Among arms that are always ready, each is chosen about as often.
pub fn rule_16_the_choice_is_fair_over_time(kind: impl Pairs<()>) {
    let rounds = times(3000);
    let lines: Vec<_> = (0..3).map(|_| kind.pair()).collect();
    for (s, _) in &lines {
        assert_eq!(s.send(()), Ok(()));
    }
    let enough = |count: [usize; 3]| {
        assert!(count.iter().all(|&n| n > rounds / 20), "starved: {count:?}");
    };
    let mut count = [0; 3];
    let mut reused = Select::new();
    for (_, r) in &lines {
        r.add_to(&mut reused);
    }
    for _ in 0..rounds {
        let chosen = reused.select();
        let i = chosen.index();
        assert_eq!(lines[i].1.complete(chosen), Ok(()));
        assert_eq!(lines[i].0.send(()), Ok(()));
        count[i] += 1;
    }
    enough(count);
    let own = lines.iter().map(|(s, r)| Some((s.local()?, r.local()?))).collect::<Option<Vec<_>>>();
    if let Some(own) = own {
        enough(macro_choices(&own, rounds));
    }
    count = [0; 3];
    let mut fresh_ready = Select::new();
    for (_, r) in &lines {
        r.add_to(&mut fresh_ready);
    }
    for _ in 0..rounds {
        count[fresh_ready.ready()] += 1;
    }
    enough(count);
}

/// How often `select!` chose each of three lines.
fn macro_choices(lines: &[(&Sender<()>, &Receiver<()>)], rounds: usize) -> [usize; 3] {
    let mut count = [0; 3];
    for _ in 0..rounds {
        let [(a, ra), (b, rb), (c, rc)] = lines else { panic!("three lines") };
        let (i, s) = select! {
            recv(ra) -> m => { assert_eq!(m, Ok(())); (0, a) }
            recv(rb) -> m => { assert_eq!(m, Ok(())); (1, b) }
            recv(rc) -> m => { assert_eq!(m, Ok(())); (2, c) }
        };
        assert_eq!(s.send(()), Ok(()));
        count[i] += 1;
    }
    count
}

/// `select_biased!` and `new_biased` take the first that is ready, in the order in which they are written: a neighbour
/// that is always ready, a closed one too, keeps those after it waiting. (Pitfall 18, murmer-rs 6.)
pub fn rule_16_a_biased_select_takes_the_first(kind: Kind) {
    let (a, ra) = kind.pair();
    let (b, rb) = kind.pair();
    assert_eq!((a.send(0), b.send(1)), (Ok(()), Ok(())));
    for _ in 0..50 {
        let mut select = Select::new_biased();
        let (first, _) = (select.recv(&ra), select.recv(&rb));
        let chosen = select.select();
        assert_eq!(chosen.index(), first);
        assert_eq!(chosen.recv(&ra), Ok(0));
        assert_eq!(a.send(0), Ok(()));
        select_biased! {
            recv(ra) -> m => assert_eq!(m, Ok(0)),
            recv(rb) -> _ => panic!("out of order"),
        }
        assert_eq!(a.send(0), Ok(()));
    }
    let _ = ra.recv();
    drop(a);
    for _ in 0..5 {
        select_biased! {
            recv(ra) -> m => assert_eq!(m, Err(RecvError)),
            recv(rb) -> _ => panic!("a closed arm is ready"),
        }
    }
    select_biased! {
        recv(rb) -> m => assert_eq!(m, Ok(1)),
        recv(ra) -> _ => panic!("out of order"),
    }
}

/// An arm that has ended is chosen, and hears so; put aside, it does not make the loop spin. (Pitfall 18, murmer-rs 6.)
pub fn pitfall_18_an_ended_arm_can_be_put_aside(kind: Kind, way: &'static Way) {
    let (s, r) = kind.pair::<u8>();
    let (ended, end) = kind.pair::<u8>();
    drop(ended);
    let side = way.recv;
    let chooser = side.spawn(async move {
        let mut select = Select::new();
        let (live, dead) = (select.recv(&r), select.recv(&end));
        for expected in [dead, live] {
            let chosen = choose(side, &mut select).await;
            assert_eq!(chosen.index(), expected);
            if expected == live {
                return chosen.recv(&r);
            }
            assert_eq!(chosen.recv(&end), Err(RecvError));
            select.remove(dead);
        }
        unreachable!("the second arm is the last")
    });
    chooser.until_waiting();
    assert_eq!(way.send.send_here(&s, 3), Ok(()));
    assert_eq!(chooser.join(), Ok(3));
    // In the macro: None is an arm that is never ready.
    let (s, r) = kind.pair::<u8>();
    let nobody: Option<Receiver<u8>> = None;
    let noone: Option<&Sender<u8>> = None;
    let sender = way.send;
    let sending = sender.spawn(async move { sender.send(&s, 4).await });
    select! {
        recv(nobody) -> _ => panic!("there is nobody"),
        send(noone, 1) -> _ => panic!("there is no one"),
        recv(r) -> m => assert_eq!(m, Ok(4)),
    }
    assert_eq!(sending.join(), Ok(()));
    select! {
        recv(nobody) -> _ => panic!("there is nobody"),
        default => {}
    }
}

/// `ready` promises nothing but that it looked so; with one receiver, it is so.
pub fn rule_16_ready_names_an_arm_that_can_go_on(kind: Kind, way: &'static Way) {
    if kind.capacity() == Some(0) && !way.send.lays_out() {
        // Each would wait for the other to wait.
        return;
    }
    let (s1, r1) = kind.pair::<usize>();
    let (s2, r2) = kind.pair::<usize>();
    let side = way.recv;
    let rounds = times(100);
    let sender = way.send.spawn(async move {
        for i in 0..rounds {
            let s = if i % 3 == 0 { &s1 } else { &s2 };
            assert!(way.send.send(s, i).await.is_ok());
        }
    });
    let receiver = side.spawn(async move {
        let mut got = 0;
        let mut select = Select::new();
        select.recv(&r1);
        select.recv(&r2);
        while got < rounds {
            let arm = if side.is_task() { select.ready_async().await } else { select.ready() };
            let r = if arm == 0 { &r1 } else { &r2 };
            match r.try_recv() {
                Ok(_) => got += 1,
                Err(TryRecvError::Disconnected) => select.remove(arm),
                Err(TryRecvError::Empty) => assert_eq!(r.capacity(), Some(0)),
            }
        }
    });
    sender.join();
    receiver.join();
}

/// With no arm at all there is nothing to wait for.
pub fn rule_16_a_select_without_arms() {
    let mut select = Select::new();
    assert!(select.try_select().is_err());
    assert!(select.select_timeout(Duration::from_millis(1)).is_err());
    let waiting = std::panic::AssertUnwindSafe(|| select.select().index());
    assert!(std::panic::catch_unwind(waiting).is_err(), "it could only wait for ever");
}

/// Of two arms one is ready at every moment: another thread makes the second ready before it takes the first away. A
/// select that looks at one after the other may find neither, and must not say so. (crossbeam's `linearizable_try`.)
fn one_of_two(make_ready: impl Fn(usize) + Sync, take_away: impl Fn(usize) + Sync, mut ask: impl FnMut(usize) -> bool) {
    let rounds = times(6000);
    let meet = Barrier::new(2);
    let mut lies = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                meet.wait();
                make_ready(1);
                take_away(0);
                meet.wait();
            }
        });
        for round in 0..rounds {
            meet.wait();
            make_ready(0);
            if !ask(round) {
                lies.push(round % 4);
            }
            meet.wait();
            take_away(0);
            take_away(1);
        }
    });
    assert_eq!(lies, [0; 0], "said that no arm was ready, by those ways");
}

/// With receives as arms.
pub fn rule_04_none_is_never_said_beside_a_ready_receive(kind: Kind) {
    let lines = [kind.pair(), kind.pair()];
    let [(s1, r1), (s2, r2)] = &lines;
    let finish = |chosen: Result<SelectedOperation<'_>, TrySelectError>| match chosen {
        Ok(chosen) if chosen.index() == 0 => chosen.recv(r1).is_ok(),
        Ok(chosen) => chosen.recv(r2).is_ok(),
        Err(TrySelectError) => false,
    };
    let fresh = || {
        let mut select = Select::new();
        select.recv(r1);
        select.recv(r2);
        select
    };
    let mut reused = fresh();
    for s in [s1, s2, s1] {
        assert_eq!(s.send(0), Ok(()));
        assert!(finish(Ok(reused.select())));
    }
    one_of_two(
        |i| assert_eq!(lines[i].0.try_send(1), Ok(())),
        |i| _ = lines[i].1.try_recv(),
        |round| match round % 4 {
            0 => finish(fresh().try_select()),
            1 => finish(reused.try_select()),
            2 => fresh().ready_timeout(Duration::ZERO).is_ok(),
            _ => select! {
                recv(r1) -> message => message.is_ok(),
                recv(r2) -> message => message.is_ok(),
                default => false,
            },
        },
    );
}

/// With sends as arms.
pub fn rule_04_none_is_never_said_beside_a_ready_send(kind: Kind) {
    let lines = [kind.pair(), kind.pair()];
    let [(s1, r1), (s2, r2)] = &lines;
    kind.fill(s1, |_| 0);
    kind.fill(s2, |_| 0);
    let finish = |chosen: Result<SelectedOperation<'_>, TrySelectError>| match chosen {
        Ok(chosen) if chosen.index() == 0 => chosen.send(s1, 1).is_ok(),
        Ok(chosen) => chosen.send(s2, 2).is_ok(),
        Err(TrySelectError) => false,
    };
    let fresh = || {
        let mut select = Select::new();
        select.send(s1);
        select.send(s2);
        select
    };
    let mut reused = fresh();
    for r in [r1, r2, r1] {
        assert!(r.recv().is_ok());
        assert!(finish(Ok(reused.select())));
    }
    one_of_two(
        |i| assert!(lines[i].1.try_recv().is_ok()),
        |i| _ = lines[i].0.try_send(0),
        |round| match round % 4 {
            0 => finish(fresh().try_select()),
            1 => finish(reused.try_select()),
            2 => fresh().ready_timeout(Duration::ZERO).is_ok(),
            _ => select! {
                send(s1, 1) -> sent => sent.is_ok(),
                send(s2, 2) -> sent => sent.is_ok(),
                default => false,
            },
        },
    );
}
