//! What a tell and an ask cost beside the same enum on a channel, written by hand. Build it with `--release`; the ratios count.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use narrows::oneshot;
use narrows_actor::{Actor, Cx, Flow, Reply, System};

const TELLS: u64 = 2_000_000;
const ASKS: u64 = 100_000;
const ROUNDS: usize = 7;
const CAPACITY: usize = 1024;
const LONG: Duration = Duration::from_secs(60);

struct Counter(u64);

enum Req {
    Add(u64),
    Get(Reply<u64>),
}

impl Actor for Counter {
    type Msg = Req;

    fn handle(&mut self, message: Req, _: &Cx<Req>) -> Flow {
        match message {
            Req::Add(n) => self.0 += n,
            Req::Get(reply) => reply.send(self.0),
        }
        Flow::Next
    }
}

enum ByHand {
    Add(u64),
    Get(oneshot::Sender<u64>),
}

fn nanoseconds(n: u64, body: impl FnOnce()) -> f64 {
    let start = Instant::now();
    body();
    start.elapsed().as_secs_f64() * 1e9 / n as f64
}

fn main() {
    let system = System::new();
    let actor = system.actor(CAPACITY, || Counter(0));
    let (by_hand, requests) = narrows::bounded(CAPACITY);
    let counter = thread::spawn(move || {
        let mut sum = 0;
        for request in requests {
            match request {
                ByHand::Add(n) => sum += n,
                ByHand::Get(reply) => drop(reply.send(sum)),
            }
        }
    });
    let mut figures = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        figures[0].push(nanoseconds(TELLS, || {
            (0..TELLS).for_each(|n| by_hand.send(ByHand::Add(n)).unwrap());
            by_hand.ask_timeout(ByHand::Get, LONG).unwrap();
        }));
        figures[1].push(nanoseconds(TELLS, || {
            (0..TELLS).for_each(|n| actor.tell(Req::Add(n)).unwrap());
            actor.ask(Req::Get, LONG).unwrap();
        }));
        figures[2].push(nanoseconds(ASKS, || {
            for _ in 0..ASKS {
                black_box(by_hand.ask_timeout(ByHand::Get, LONG).unwrap());
            }
        }));
        figures[3].push(nanoseconds(ASKS, || {
            for _ in 0..ASKS {
                black_box(actor.ask(Req::Get, LONG).unwrap());
            }
        }));
    }
    drop(by_hand);
    counter.join().unwrap();
    let [tell_by_hand, tell, ask_by_hand, ask] = figures.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        (figures[ROUNDS / 2], figures[0])
    });
    println!("median (least) of {ROUNDS} rounds, ns");
    println!("tell: enum {:.1} ({:.1}), actor {:.1} ({:.1})", tell_by_hand.0, tell_by_hand.1, tell.0, tell.1);
    println!("ask:  enum {:.1} ({:.1}), actor {:.1} ({:.1})", ask_by_hand.0, ask_by_hand.1, ask.0, ask.1);
    println!("ratio of medians: tell {:.2}, ask {:.2}", tell.0 / tell_by_hand.0, ask.0 / ask_by_hand.0);
}
