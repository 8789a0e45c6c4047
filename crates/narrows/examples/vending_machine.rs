//! Two vending machines, after Hoare's "Communicating Sequential Processes": who makes the choice?
//! Deterministic choice: the machine offers both, the customer decides. It is a select over what others may do.
//! Free choice: the machine decides, and the customer must take either. It is a select over what the machine may do.

use std::thread;

use narrows::{Receiver, Sender, bounded, select};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sweet {
    Chocolate,
    Toffee,
}
use Sweet::{Chocolate, Toffee};

/// coin -> (chocolate button -> chocolate | toffee button -> toffee), again and again.
fn obliging(coin: &Receiver<()>, chocolate: &Receiver<()>, toffee: &Receiver<()>, tray: &Sender<Sweet>) {
    while coin.recv().is_ok() {
        select! {
            recv(chocolate) -> _ => tray.send(Chocolate).unwrap(),
            recv(toffee) -> _ => tray.send(Toffee).unwrap(),
        }
    }
}

/// coin -> (chocolate or toffee, as it pleases), again and again.
fn wilful(coin: &Receiver<()>, tray: &Sender<Sweet>) {
    while coin.recv().is_ok() {
        select! {
            send(tray, Chocolate) -> sent => sent.unwrap(),
            send(tray, Toffee) -> sent => sent.unwrap(),
        }
    }
}

fn main() {
    let ((coin, slot), (tray, hand)) = (bounded(0), bounded(0));
    let ((press_c, button_c), (press_t, button_t)) = (bounded(0), bounded(0));
    let machine = thread::spawn(move || obliging(&slot, &button_c, &button_t, &tray));
    for wish in [Chocolate, Toffee, Toffee] {
        coin.send(()).unwrap();
        let button = if wish == Chocolate { &press_c } else { &press_t };
        button.send(()).unwrap();
        assert_eq!(hand.recv(), Ok(wish));
        println!("deterministic choice: asked for {wish:?} and got it");
    }
    drop(coin);
    machine.join().unwrap();

    let ((coin, slot), (tray, hand)) = (bounded(0), bounded(0));
    let machine = thread::spawn(move || wilful(&slot, &tray));
    let buy = || coin.send(()).map(|()| hand.recv().unwrap()).unwrap();
    let chocolates = (0..64).filter(|_| buy() == Chocolate).count();
    println!("free choice: {chocolates} chocolates for 64 coins");
    assert!((1..64).contains(&chocolates), "among ready arms the choice is fair");
    drop(coin);
    machine.join().unwrap();
}
