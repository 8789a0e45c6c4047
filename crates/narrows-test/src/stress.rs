//! The stress set: short, many threads, every verb at once. Made for the sanitizers; named `stress_*`.

use crate::actor::{Actor, Host};
use crate::deadline::times;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use crate::traffic::number;
use crate::way::{Side, WAYS};
use narrows::{Receiver, Select, SendError, Sender};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

const EACH: usize = times(120);
const CROWD: usize = 4;

/// The sides of all ways in turn, each actor with another.
fn side(k: usize, sends: bool) -> Side {
    let way = WAYS[k % WAYS.len()];
    if sends { way.send } else { way.recv }
}

fn tally(sent: &[Vec<u64>], got: &[Vec<u64>]) {
    let (mut sent, mut got) = (sent.concat(), got.concat());
    sent.sort_unstable();
    got.sort_unstable();
    assert_eq!(sent, got, "sent and received");
}

fn senders(s: &Sender<Load>, ledger: &Ledger, from: usize) -> Vec<Actor<Vec<u64>>> {
    let sender = |k: usize| {
        let (s, ledger, side) = (s.clone(), ledger.clone(), side(from + k, true));
        side.spawn(async move {
            let mut sent = Vec::new();
            for i in (k * EACH..(k + 1) * EACH).map(number) {
                match side.send(&s, ledger.load(i)).await {
                    Ok(()) => sent.push(i),
                    Err(SendError(load)) => assert_eq!(load.number(), i),
                }
            }
            sent
        })
    };
    (0..CROWD).map(sender).collect()
}

fn receivers(r: &Receiver<Load>, from: usize) -> Vec<Actor<Vec<u64>>> {
    let receiver = |k: usize| {
        let (r, side) = (r.clone(), side(from + k, false));
        side.spawn(async move {
            let mut got = Vec::new();
            while let Ok(load) = side.recv(&r).await {
                got.push(load.number());
            }
            got
        })
    };
    (0..CROWD).map(receiver).collect()
}

fn join<R>(actors: Vec<Actor<R>>) -> Vec<R> {
    actors.into_iter().map(Actor::join).collect()
}

/// Every way at once on one channel.
pub fn stress_every_verb(kind: Kind) {
    for from in [0, 3, 7] {
        let ledger = Ledger::new(CROWD * EACH);
        let (s, r) = kind.pair();
        let (sending, receiving) = (senders(&s, &ledger, from), receivers(&r, from + 5));
        drop((s, r));
        let sent = join(sending);
        assert_eq!(sent.iter().map(Vec::len).sum::<usize>(), CROWD * EACH);
        tally(&sent, &join(receiving));
        ledger.settle();
    }
}

/// Closed, and emptied, in the middle of it.
pub fn stress_close(kind: Kind) {
    for round in 0..times(8) {
        let ledger = Ledger::new(CROWD * EACH);
        let (s, r) = kind.pair();
        let (sending, mut receiving) = (senders(&s, &ledger, round), receivers(&r, round + 5));
        receiving.push(Host::Thread.spawn(async move {
            let mut got = Vec::new();
            for _ in 0..round * 11 {
                if let Ok(load) = r.recv_timeout(Duration::from_micros(50)) {
                    got.push(load.number());
                }
            }
            got.extend(r.close_now().iter().map(Load::number));
            got
        }));
        tally(&join(sending), &join(receiving));
        drop(s);
        ledger.settle();
    }
}

/// Receivers and senders that go, all of them, at any moment.
pub fn stress_going(kind: Kind) {
    for round in 0..times(10) {
        let ledger = Ledger::new(CROWD * EACH);
        let (s, r) = kind.pair();
        let sending = senders(&s, &ledger, round);
        drop(s);
        let receiving: Vec<_> = (0..CROWD)
            .map(|k| {
                let (r, side) = (r.clone(), side(round + k, false));
                side.spawn(async move {
                    let mut got = Vec::new();
                    for _ in 0..round * 7 + k {
                        match side.recv(&r).await {
                            Ok(load) => got.push(load.number()),
                            Err(_) => break,
                        }
                    }
                    got
                })
            })
            .collect();
        drop(r);
        let (sent, got) = (join(sending).concat(), join(receiving).concat());
        assert!(got.iter().all(|i| sent.contains(i)));
        ledger.settle();
    }
}

/// Futures that are dropped after a few polls, permits that are not used, selects that are given up.
pub fn stress_giving_up(kind: Kind) {
    let ledger = Ledger::new(CROWD * EACH);
    let (s, r) = kind.pair::<Load>();
    let quitters: Vec<_> = (0..CROWD)
        .map(|k| {
            let (s, r) = (s.clone(), r.clone());
            let host = [Host::Pool, Host::Tokio, Host::Thread][k % 3];
            host.spawn(async move {
                let mut got = Vec::new();
                for i in 0..2 * EACH {
                    match i % 4 {
                        0 => drop(few_polls(s.reserve_async(), i % 3).await),
                        1 => got.extend(few_polls(r.recv_async(), i % 3).await.into_iter().flatten()),
                        2 => {
                            let mut select = Select::new();
                            select.recv(&r);
                            let chosen = few_polls(select.select_async(), i % 3).await;
                            got.extend(chosen.into_iter().flat_map(|chosen| chosen.recv(&r)));
                        }
                        _ => got.extend(r.recv_timeout(Duration::from_micros(20))),
                    }
                }
                got.iter().map(Load::number).collect()
            })
        })
        .collect();
    let (sending, mut receiving) = (senders(&s, &ledger, 1), receivers(&r, 2));
    drop((s, r));
    receiving.extend(quitters);
    tally(&join(sending), &join(receiving));
    ledger.settle();
}

async fn few_polls<F: Future + Unpin>(mut future: F, more: usize) -> Option<F::Output> {
    let mut left = more;
    poll_fn(move |cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Threads that select over several channels, to receive and to send: each message goes through one line or two.
pub fn stress_select(kind: Kind) {
    let ledger = Ledger::new(CROWD * EACH);
    let (s1, r1) = kind.pair::<Load>();
    let (s2, r2) = kind.pair::<Load>();
    let (s3, r3) = kind.pair::<Load>();
    let relays: Vec<_> = (0..3)
        .map(|_| {
            let (r1, s2, r2, s3) = (r1.clone(), s2.clone(), r2.clone(), s3.clone());
            Host::Thread.spawn(async move { relay(&r1, &s2, &r2, &s3) })
        })
        .collect();
    let collect = |r: &Receiver<Load>, k| {
        let (r, side) = (r.clone(), side(k, false));
        side.spawn(async move {
            let mut got = Vec::new();
            while let Ok(load) = side.recv(&r).await {
                got.push(load.number());
            }
            got
        })
    };
    let got = vec![collect(&r2, 1), collect(&r3, 2)];
    let sending = senders(&s1, &ledger, 4);
    drop((s1, r1, s2, r2, s3, r3));
    let sent = join(sending);
    join(relays);
    tally(&sent, &join(got));
    ledger.settle();
}

fn relay(r1: &Receiver<Load>, s2: &Sender<Load>, r2: &Receiver<Load>, s3: &Sender<Load>) {
    loop {
        let sent = narrows::select! {
            recv(r1) -> load => match load {
                Ok(load) => narrows::select! {
                    send(s2, load) -> sent => sent,
                    send(s3, load) -> sent => sent,
                },
                // The second line ends when no relay is left.
                Err(_) => return,
            },
            recv(r2) -> load => s3.send(load.expect("this relay holds its sender")),
        };
        if let Err(SendError(load)) = sent {
            // At capacity 0 a receiver may leave while it is chosen.
            assert!(s3.capacity() == Some(0) && s3.send(load).is_ok());
        }
    }
}
