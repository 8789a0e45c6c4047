//! Code written for crossbeam-channel, unchanged: only the name it is imported under says that this is Narrows.
//! In a crate of your own even that line is not needed; see the page on moving from crossbeam.

use std::{thread, time::Duration};

use narrows as crossbeam_channel;

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, select, unbounded};

fn producer(results: &Sender<u64>, quit: &Receiver<()>) {
    let ticker = crossbeam_channel::tick(Duration::from_millis(1));
    let mut next = 0;
    loop {
        select! {
            recv(ticker) -> _ => {}
            recv(quit) -> _ => break,
        }
        results.send(next).unwrap();
        next += 1;
    }
}

fn main() {
    let (results, from_producer) = unbounded();
    let (quit, quitting) = bounded::<()>(0);
    let producer = thread::spawn(move || producer(&results, &quitting));

    let first: Vec<u64> = from_producer.iter().take(3).collect();
    println!("the first three: {first:?}");
    assert_eq!(first, [0, 1, 2]);
    drop(quit);
    producer.join().unwrap();

    let rest = from_producer.try_iter().count();
    println!("{rest} more came before the end");
    assert_eq!(from_producer.try_recv(), Err(TryRecvError::Disconnected));

    // The two steps of `Select`: an operation is chosen, then completed.
    let channels: Vec<_> = (0..3).map(|_| bounded(1)).collect();
    channels[1].0.send("hello").unwrap();
    let mut select = Select::new();
    for (_, receiver) in &channels {
        select.recv(receiver);
    }
    let operation = select.select_timeout(Duration::from_secs(1)).unwrap();
    let index = operation.index();
    assert_eq!((index, operation.recv(&channels[index].1)), (1, Ok("hello")));
}
