//! A shared counter four ways: when a channel is the wrong tool. Prints nanoseconds per increment.
//! A channel moves a message, and a counter needs only an addition. Where each thread can count for itself and report
//! once, a channel is as good as anything.

use std::{
    hint::black_box,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

const THREADS: u32 = 2;
const EACH: u32 = 100_000;
const TOTAL: u64 = 200_000;

/// Runs `work`, which makes `EACH` increments, on every thread.
fn measure(name: &str, work: impl Fn() + Sync) {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(&work);
        }
    });
    println!("{name:24}{:8.1} ns", start.elapsed().as_secs_f64() * 1e9 / f64::from(THREADS * EACH));
}

/// The same for work that sends what is to be added to the owner of the counter.
fn measure_owner(name: &str, work: impl Fn(&narrows::Sender<u64>) + Sync) {
    let (add, inbox) = narrows::bounded(1024);
    let owner = thread::spawn(move || inbox.into_iter().sum());
    measure(name, || work(&add));
    drop(add);
    assert_eq!(owner.join().ok(), Some(TOTAL));
}

fn main() {
    let atomic = AtomicU64::new(0);
    measure("atomic", || (0..EACH).for_each(|_| _ = atomic.fetch_add(1, Ordering::Relaxed)));
    assert_eq!(atomic.into_inner(), TOTAL);

    let mutex = Mutex::new(0);
    measure("mutex", || (0..EACH).for_each(|_| *mutex.lock().unwrap() += 1));
    assert_eq!(mutex.into_inner().unwrap(), TOTAL);

    measure_owner("message to an owner", |add| (0..EACH).for_each(|_| add.send(1).unwrap()));
    measure_owner("own count, sent once", |add| {
        add.send((0..EACH).fold(0, |count, _| black_box(count + 1))).unwrap();
    });
}
