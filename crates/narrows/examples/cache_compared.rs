//! A shared table two ways: when a channel is the wrong tool. Prints nanoseconds per look-up.
//! Readers of a table can look at it side by side; an owner answers them one by one, and every answer is two messages and
//! often two sleeps.

use std::{collections::HashMap, sync::RwLock, thread, time::Instant};

use narrows::{Sender, bounded};

const THREADS: u32 = 2;
const EACH: u32 = 5_000;

/// Runs `look_up` for `EACH` keys on every thread, and checks what it finds.
fn measure(name: &str, look_up: impl Fn(u32) -> u32 + Sync) {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|key| assert_eq!(look_up(key % 100), key % 100 * 7)));
        }
    });
    println!("{name:24}{:8.0} ns", start.elapsed().as_secs_f64() * 1e9 / f64::from(THREADS * EACH));
}

fn main() {
    let table: HashMap<u32, u32> = (0..100).map(|key| (key, key * 7)).collect();

    let shared = RwLock::new(table.clone());
    measure("read lock", |key| shared.read().unwrap()[&key]);

    let (ask, asked) = bounded::<(u32, Sender<u32>)>(16);
    let owner = thread::spawn(move || {
        for (key, answer) in asked {
            answer.send(table[&key]).unwrap();
        }
    });
    measure("question to an owner", |key| {
        let (answer, answered) = bounded(1);
        ask.send((key, answer)).unwrap();
        answered.recv().unwrap()
    });
    drop(ask);
    owner.join().unwrap();
}
