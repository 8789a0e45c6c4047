//! The uncontended paths of Narrows, one per run, for a tool that counts instructions: `PATH COUNT`, or `--list`.
//! Knows no clock and no peer. What a run costs beside the path is the same for every count, so that the difference of
//! two runs is the path alone.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use narrows::{Receiver, Select, Sender};

type Pair<const N: usize> = (Sender<[u64; N]>, Receiver<[u64; N]>);

/// A name, and what it runs so many times over.
type Path = (&'static str, fn(u64));

const PATHS: [Path; 20] = [
    ("one/1/8B", |count| one(&narrows::bounded::<[u64; 1]>(1), count)),
    ("one/64/8B", |count| one(&narrows::bounded::<[u64; 1]>(64), count)),
    ("one/unbounded/8B", |count| one(&narrows::unbounded::<[u64; 1]>(), count)),
    ("one/1/32B", |count| one(&narrows::bounded::<[u64; 4]>(1), count)),
    ("one/64/32B", |count| one(&narrows::bounded::<[u64; 4]>(64), count)),
    ("one/unbounded/32B", |count| one(&narrows::unbounded::<[u64; 4]>(), count)),
    ("one/64/256B", |count| one(&narrows::bounded::<[u64; 32]>(64), count)),
    ("one/unbounded/256B", |count| one(&narrows::unbounded::<[u64; 32]>(), count)),
    ("try_recv/0", |count| try_recv(&narrows::bounded(0), count)),
    ("try_send/0", |count| try_send(&narrows::bounded(0), count)),
    ("try_recv/64", |count| try_recv(&narrows::bounded(64), count)),
    ("try_recv/unbounded", |count| try_recv(&narrows::unbounded(), count)),
    ("try_send/64", |count| try_send(&narrows::bounded(64), count)),
    ("create/1", |count| create(|| narrows::bounded(1), count)),
    ("create/64", |count| create(|| narrows::bounded(64), count)),
    ("create/unbounded", |count| create(narrows::unbounded, count)),
    ("oneshot", oneshot),
    ("select/64", |count| select(|| narrows::bounded(64), count)),
    ("task/0", |count| task(&narrows::bounded(0), count)),
    ("task/64", |count| task(&narrows::bounded(64), count)),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words == ["--list"] {
        for (name, _) in PATHS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    }
    if let [name, count] = words[..]
        && let Some((_, path)) = PATHS.iter().find(|(known, _)| *known == name)
        && let Ok(count) = count.parse()
    {
        path(count);
        return ExitCode::SUCCESS;
    }
    eprintln!("usage: PATH COUNT | --list");
    ExitCode::from(2)
}

/// A send and its receive.
fn one<const N: usize>((tx, rx): &Pair<N>, count: u64) {
    for number in 0..count {
        tx.send(black_box([number; N])).expect("the receiver lives");
        black_box(rx.recv().expect("the sender lives"));
    }
}

fn try_recv((_tx, rx): &Pair<1>, count: u64) {
    for _ in 0..count {
        let _ = black_box(rx.try_recv());
    }
}

fn try_send((tx, _rx): &Pair<1>, count: u64) {
    while tx.try_send([0]).is_ok() {}
    for number in 0..count {
        let _ = black_box(tx.try_send(black_box([number])));
    }
}

/// Creation, one message, and the end.
fn oneshot(count: u64) {
    for number in 0..count {
        let (s, r) = narrows::oneshot::channel();
        assert!(s.send(number).is_ok() && r.recv() == Ok(number));
    }
}

fn create(new: impl Fn() -> Pair<1>, count: u64) {
    for _ in 0..count {
        one(&black_box(new()), 1);
    }
}

/// A receive from one of four channels that all have a message, and the send that makes up for it.
fn select(new: impl Fn() -> Pair<1>, count: u64) {
    let pairs = [(); 4].map(|()| new());
    let mut select = Select::new();
    for (tx, rx) in &pairs {
        tx.send([0]).expect("the receiver lives");
        select.recv(rx);
    }
    for number in 0..count {
        let chosen = select.select();
        let (tx, rx) = &pairs[chosen.index()];
        black_box(chosen.recv(rx).expect("the sender lives"));
        tx.send([number]).expect("the receiver lives");
    }
}

/// A task that waits, a send that wakes it, and the poll that receives.
fn task((tx, rx): &Pair<1>, count: u64) {
    let mut context = Context::from_waker(Waker::noop());
    for number in 0..count {
        let mut received = pin!(rx.recv_async());
        assert!(received.as_mut().poll(&mut context).is_pending(), "nothing was sent");
        tx.try_send([number]).expect("a task waits, or there is a place");
        assert!(matches!(received.as_mut().poll(&mut context), Poll::Ready(Ok(_))), "the message is there");
    }
}
