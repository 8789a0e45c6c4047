//! What a tell and an ask cost beside the same enum on a channel, written by hand. Build it with `--release`; the ratios count.
//!
//! Once with both ends at work, and once apart: the mailbox is filled while the actor is held, and emptied when nobody sends, so
//! that the two do not get into each other's way.

use std::{
    hint::black_box,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use narrows::oneshot;
use narrows_actor::{Actor, Cx, Flow, Reply, System};

const PLACES: u32 = 1024;
const ROUNDS: usize = 401;
const LONG: Duration = Duration::from_secs(60);

struct Counter(u64);

enum Req<R> {
    Add(u64),
    Get(R),
    /// Says that it has come, and waits.
    Hold(mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Counter {
    fn count<R>(&mut self, message: Req<R>, answer: impl FnOnce(R, u64)) {
        match message {
            Req::Add(n) => self.0 = self.0.wrapping_add(n),
            Req::Get(reply) => answer(reply, self.0),
            Req::Hold(here, go_on) => {
                here.send(()).unwrap();
                go_on.recv().unwrap();
            }
        }
    }
}

impl Actor for Counter {
    type Msg = Req<Reply<u64>>;

    fn handle(&mut self, message: Self::Msg, _: &Cx<Self::Msg>) -> Flow {
        self.count(message, Reply::send);
        Flow::Next
    }
}

/// Nanoseconds for each of so many.
fn each(n: u32, body: impl FnOnce()) -> f64 {
    let start = Instant::now();
    body();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(n)
}

/// A round: flowing, filling, emptying, asking.
fn round<R>(tell: impl Fn(Req<R>), ask: impl Fn() -> u64) -> [f64; 4] {
    let flow = each(20 * PLACES, || {
        (0..20 * PLACES).for_each(|n| tell(Req::Add(n.into())));
        ask();
    });
    let (here, is_held) = mpsc::channel();
    let (let_go, go_on) = mpsc::channel();
    tell(Req::Hold(here, go_on));
    is_held.recv().unwrap();
    let fill = each(PLACES - 1, || (0..PLACES - 1).for_each(|n| tell(Req::Add(n.into()))));
    let empty = each(PLACES - 1, || {
        let_go.send(()).unwrap();
        ask();
    });
    let asks = each(500, || (0..500).for_each(|_| _ = black_box(ask())));
    [flow, fill, empty, asks]
}

fn main() {
    let places = PLACES as usize;
    let system = System::new();
    let actor = system.actor(places, || Counter(0));
    let (by_hand, requests) = narrows::bounded::<Req<oneshot::Sender<u64>>>(places);
    let counter = thread::spawn(move || {
        let mut counter = Counter(0);
        for request in requests {
            counter.count(request, |reply, n| _ = reply.send(n));
        }
    });
    let mut figures = [const { [const { Vec::new() }; 4] }; 2];
    for _ in 0..ROUNDS {
        let enums = round(|message| by_hand.send(message).unwrap(), || by_hand.ask_timeout(Req::Get, LONG).unwrap());
        let actors = round(|message| actor.tell(message).unwrap(), || actor.ask(Req::Get, LONG).unwrap());
        for (i, (of_enum, of_actor)) in enums.into_iter().zip(actors).enumerate() {
            figures[0][i].push(of_enum);
            figures[1][i].push(of_actor);
        }
    }
    drop(by_hand);
    counter.join().unwrap();
    let [enums, actors] = figures.map(|kinds| {
        kinds.map(|mut figures| {
            figures.sort_by(f64::total_cmp);
            (figures[ROUNDS / 2], figures[ROUNDS / 20])
        })
    });
    println!("ns, median (20th part) of {ROUNDS} rounds");
    for (i, what) in ["tell, both at work", "tell, alone", "handle, alone", "ask"].into_iter().enumerate() {
        let ((enum_ns, enum_least), (ns, least)) = (enums[i], actors[i]);
        let (ratio, ratio_least) = (ns / enum_ns, least / enum_least);
        println!(
            "{what:20} enum {enum_ns:7.1} ({enum_least:7.1})  actor {ns:7.1} ({least:7.1})  ratio {ratio:.2} ({ratio_least:.2})"
        );
    }
}
