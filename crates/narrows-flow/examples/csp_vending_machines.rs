//! The vending machines of Hoare's book. Who makes the choice, and what does that change?
//!
//! ```text
//! VMC  = in2p -> (large -> VMC [] small -> out1p -> VMC)
//!     [] in1p -> (small -> VMC [] in1p -> (large -> VMC [] in1p -> STOP))
//! VMCT = coin -> (choc -> VMCT  [] toffee -> VMCT)      deterministic: the customer decides
//! VMD  = coin -> (choc -> VMD  |~| toffee -> VMD)       free: the machine decides
//! ```
//! The last two have the same traces. A customer who insists on chocolate tells them apart: with the second he may wait
//! for ever, which a checker of schedules finds as a deadlock.

use std::time::Duration;

use narrows::{
    Receiver, Sender, bounded,
    check::{self, Checker, thread},
};
use narrows_flow::csp::{Alt, NoChoice, Trace, follow, internal, when};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    In1p,
    In2p,
    Large,
    Small,
    Out1p,
}
use Event::{In1p, In2p, Large, Out1p, Small};

/// Where VMC stands, by what was put in since it was last at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    TwoPence,
    Penny,
    TwoPennies,
    ThreePennies,
    OwesPenny,
}
use State::{Empty, OwesPenny, Penny, ThreePennies, TwoPence, TwoPennies};

/// VMC as Hoare writes it: what an event leads to, or that it cannot happen there.
pub(crate) fn vmc_after(state: State, event: Event) -> Option<State> {
    Some(match (state, event) {
        (Empty, In2p) => TwoPence,
        (Empty, In1p) => Penny,
        (TwoPence | TwoPennies, Large) | (Penny, Small) | (OwesPenny, Out1p) => Empty,
        (TwoPence, Small) => OwesPenny,
        (Penny, In1p) => TwoPennies,
        (TwoPennies, In1p) => ThreePennies,
        _ => return None,
    })
}

/// The side of VMC that gives; the customer has the other side, where it takes.
struct Vmc {
    in1p: Receiver<()>,
    in2p: Receiver<()>,
    large: Sender<()>,
    small: Sender<()>,
    out1p: Sender<()>,
    trace: Trace<Event>,
}

impl Vmc {
    /// Offers in each state what may happen there, until nothing may.
    fn run(&self) -> NoChoice {
        let mut state = Empty;
        loop {
            let may = |event| vmc_after(state, event).is_some();
            let event = Alt::new()
                .recv(when(may(In1p), &self.in1p), |()| In1p)
                .recv(when(may(In2p), &self.in2p), |()| In2p)
                .send(when(may(Large), &self.large), || (), Large)
                .send(when(may(Small), &self.small), || (), Small)
                .send(when(may(Out1p), &self.out1p), || (), Out1p)
                .choose();
            match event {
                Ok(event) => {
                    self.trace.record(event);
                    state = vmc_after(state, event).unwrap_or(state);
                }
                Err(why) => return why,
            }
        }
    }
}

/// VMC and a customer who takes part in whatever happens, `patience` times. How the machine came to its end, and what
/// had happened by then.
pub(crate) fn vmc_and_anybody(patience: usize) -> (NoChoice, Vec<Event>) {
    let ((pay1, in1p), (pay2, in2p)) = (bounded(0), bounded(0));
    let ((large, take_large), (small, take_small), (out1p, change)) = (bounded(0), bounded(0), bounded(0));
    let trace = Trace::new();
    let machine = Vmc { in1p, in2p, large, small, out1p, trace: trace.clone() };
    let machine = thread::spawn(move || machine.run());

    for _ in 0..patience {
        let event = Alt::new()
            .send(&pay1, || (), In1p)
            .send(&pay2, || (), In2p)
            .recv(&take_large, |()| Large)
            .recv(&take_small, |()| Small)
            .recv(&change, |()| Out1p)
            .choose();
        if event.is_err() {
            break; // three pennies in a row: Hoare warns of them
        }
    }
    drop((pay1, pay2, take_large, take_small, change));
    (machine.join().unwrap(), trace.take())
}

/// What happened is a trace of VMC, and only three pennies stop it.
pub(crate) fn check_vmc((end, trace): (NoChoice, Vec<Event>)) {
    let state = follow(Empty, trace, |state, event| vmc_after(state, *event)).unwrap();
    let expected = if state == ThreePennies { NoChoice::AllFalse } else { NoChoice::AllEnded };
    assert_eq!(end, expected, "in state {state:?}");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweet {
    Chocolate,
    Toffee,
}
use Sweet::{Chocolate, Toffee};

pub(crate) struct Tray {
    choc: Sender<()>,
    toffee: Sender<()>,
}

/// `choc [] toffee`
pub(crate) fn deterministic(tray: &Tray) -> Option<Sweet> {
    Alt::new().send(&tray.choc, || (), Chocolate).send(&tray.toffee, || (), Toffee).choose().ok()
}

/// `choc |~| toffee`
pub(crate) fn free(tray: &Tray) -> Option<Sweet> {
    let sweet = internal([Chocolate, Toffee]);
    let chosen = if sweet == Chocolate { &tray.choc } else { &tray.toffee };
    chosen.send(()).is_ok().then_some(sweet)
}

/// What is to happen after a coin.
pub(crate) type Offer = fn(&Tray) -> Option<Sweet>;

/// A machine that makes this offer for each coin, and what it has sold.
fn start(offer: Offer) -> (Customer, thread::JoinHandle<Vec<Sweet>>) {
    let ((pay, coin), (choc, take_choc), (toffee, take_toffee)) = (bounded(0), bounded(0), bounded(0));
    let machine = thread::spawn(move || {
        let tray = Tray { choc, toffee };
        coin.iter().map_while(|()| offer(&tray)).collect()
    });
    (Customer { pay, choc: take_choc, toffee: take_toffee }, machine)
}

struct Customer {
    pay: Sender<()>,
    choc: Receiver<()>,
    toffee: Receiver<()>,
}

/// Takes what there is. Either machine serves him.
pub(crate) fn takes_either(offer: Offer, coins: usize) -> Vec<Sweet> {
    let (customer, machine) = start(offer);
    for _ in 0..coins {
        customer.pay.send(()).unwrap();
        Alt::new().recv(&customer.choc, |()| ()).recv(&customer.toffee, |()| ()).choose().unwrap();
    }
    drop(customer);
    machine.join().unwrap()
}

/// Takes chocolate and nothing else, however long he has to wait. With the free machine that may be for ever.
pub(crate) fn insists(offer: Offer, coins: usize) {
    let (customer, machine) = start(offer);
    for _ in 0..coins {
        customer.pay.send(()).unwrap();
        customer.choc.recv().unwrap();
    }
    drop(customer);
    assert_eq!(machine.join().unwrap(), vec![Chocolate; coins]);
}

/// The same with a watch: goes away when a chocolate does not come in time. How many he got.
fn insists_for_a_while(offer: Offer, coins: usize) -> usize {
    let (customer, machine) = start(offer);
    let mut got = 0;
    while got < coins {
        customer.pay.send(()).unwrap();
        let is_served = Alt::new().recv(&customer.choc, |()| true).timeout(Duration::from_millis(200), false);
        if !is_served.choose().unwrap() {
            break;
        }
        got += 1;
    }
    drop(customer);
    machine.join().unwrap();
    got
}

#[allow(dead_code)] // of the tests, which have this file as a module
fn main() {
    let coins = if cfg!(narrows_check) { 3 } else { 64 };
    check::run(move || check_vmc(vmc_and_anybody(coins)));
    println!("VMC: what happened is one of its traces");

    check::run(move || assert_eq!(takes_either(deterministic, coins).len(), coins));
    check::run(move || assert_eq!(takes_either(free, coins).len(), coins));
    println!("who takes either is served by both machines");

    check::run(move || insists(deterministic, coins));
    println!("who insists on chocolate is served where he decides");
    if cfg!(narrows_check) {
        let failure = Checker::new().find(move || insists(free, coins));
        println!("where the machine decides: {}", failure.expect("sooner or later it offers toffee"));
    } else {
        let got = insists_for_a_while(free, coins);
        println!("where the machine decides, he got {got} of {coins} and went away");
        assert!(got < coins, "{coins} times the same would be one chance in 2^{coins}");
    }
}
