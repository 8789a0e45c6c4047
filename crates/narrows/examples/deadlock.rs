//! Two threads that wait for each other, and what says so: both send into full channels before either receives.
//!
//! `cargo run --features trace --example deadlock`

use std::{sync::mpsc, thread, time::Duration};

use narrows::{Receiver, Sender, builder, trace};

/// Answers every message with two.
fn work(own: &Receiver<u32>, other: &Sender<u32>) {
    for n in own {
        for answer in [n, n + 1] {
            // What is sent is no longer waited for once the deadlock was seen.
            if other.send(answer).is_err() {
                return;
            }
        }
    }
}

fn main() {
    let (seen, is_seen) = mpsc::channel();
    let _watch = trace::watch(Duration::from_millis(50), move |deadlock| {
        let _ = seen.send(deadlock.to_string());
    });

    let (to_left, left) = builder().name("to the left").bounded(2);
    let (to_right, right) = builder().name("to the right").bounded(2);
    to_left.send(0).unwrap();
    let shutdown = to_left.clone();
    let first = thread::Builder::new().name("left".into()).spawn(move || work(&left, &to_right)).unwrap();
    let second = thread::Builder::new().name("right".into()).spawn(move || work(&right, &to_left)).unwrap();

    let report = is_seen.recv().unwrap();
    println!("{report}");
    println!("{}", trace::dump());
    assert!(report.starts_with("deadlock: 2 threads wait for each other"));
    for name in ["thread \"left\"", "thread \"right\"", "\"to the left\"", "\"to the right\""] {
        assert!(report.contains(name));
    }

    shutdown.close();
    first.join().unwrap();
    second.join().unwrap();
}
