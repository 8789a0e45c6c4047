//! Rendezvous: with capacity 0 a message goes from hand to hand, and `send` returns when it has been taken.
//! Use it where the sender must know that its message has arrived, or where nothing may lie about undelivered.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use narrows::{TrySendError, bounded};

fn main() {
    let (s, r) = bounded(0);
    assert_eq!(s.try_send(0), Err(TrySendError::Full(0)), "nobody is there to take it");

    // `send` returns after the receiver has come, so it sees all that the receiver did before: here, how far it is.
    let progress = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for step in 1..=3 {
                progress.store(step, Ordering::Relaxed);
                assert_eq!(r.recv(), Ok(step));
            }
        });
        for step in 1..=3 {
            s.send(step).unwrap();
            let seen = progress.load(Ordering::Relaxed);
            println!("step {step} was taken; the receiver had come to step {seen}");
            assert!(seen >= step);
        }
    });

    // Nothing is ever inside, so nothing is lost when an end goes.
    assert_eq!((s.len(), s.capacity(), s.is_full()), (0, Some(0), true));
    drop(r);
    assert!(s.send(4).is_err());
}
