//! Arms that come and go: an arm of `select!` may be an `Option`, and `None` is never taken.
//! Use it where what you are ready to do depends on your state. Here a stage holds back up to four items and passes
//! them on largest first: it receives while it has room, and sends while it has something.

use std::{collections::BinaryHeap, thread};

use narrows::{Receiver, Sender, bounded, select};

const ROOM: usize = 4;

/// Returns the most items it ever held.
fn sort_a_little(input: Receiver<u32>, output: &Sender<u32>) -> usize {
    let mut held = BinaryHeap::new();
    let mut most = 0;
    let mut input = Some(input);
    while input.is_some() || !held.is_empty() {
        let has_room = held.len() < ROOM;
        let next = held.peek().copied();
        select! {
            recv(input.as_ref().filter(|_| has_room)) -> item => match item {
                Ok(item) => held.push(item),
                Err(_) => input = None, // it has ended; the arm is never taken again
            },
            send(next.map(|_| output), next.unwrap()) -> sent => match sent {
                Ok(()) => _ = held.pop(),
                Err(_) => break, // nobody wants the rest
            },
        }
        most = most.max(held.len());
    }
    most
}

fn main() {
    let (s, input) = bounded(0);
    let (output, r) = bounded(0);
    let stage = thread::spawn(move || sort_a_little(input, &output));

    for item in [3, 1, 4, 2] {
        s.send(item).unwrap(); // nobody takes anything out meanwhile, so all four are held
    }
    assert!(s.try_send(9).is_err(), "it has no room, so its receiving arm is disabled");
    drop(s);
    let out: Vec<u32> = r.iter().collect();
    let most = stage.join().unwrap();
    println!("came out as {out:?}; held at most {most}");
    assert_eq!(out, [4, 3, 2, 1]);
    assert_eq!(most, 4);
}
