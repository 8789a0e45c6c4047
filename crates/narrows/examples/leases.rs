//! Work that may fail is taken on a lease: what was not done goes back to the front of the line, also if the worker panics.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use narrows::{Receiver, RecvError};

/// Does jobs until there are none; the third attempt of all goes wrong.
fn work(jobs: &Receiver<u32>, attempts: &AtomicU32) -> Vec<u32> {
    let mut done = Vec::new();
    loop {
        let turn = catch_unwind(AssertUnwindSafe(|| {
            let job = jobs.lease()?;
            let attempt = attempts.fetch_add(1, Ordering::Relaxed);
            assert_ne!(attempt, 2, "the disk is full"); // the job goes back
            Ok(job.accept())
        }));
        match turn {
            Ok(Ok(job)) => done.push(job),
            // Not while a lease is out: its job may come back.
            Ok(Err(RecvError)) => return done,
            Err(_) => println!("one job failed, and is tried again"),
        }
    }
}

fn main() {
    let (s, r) = narrows::bounded(8);
    let attempts = AtomicU32::new(0);
    let mut done = thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(|| work(&r, &attempts)));
        (0..20).for_each(|job| s.send(job).unwrap());
        drop(s);
        workers.map(|worker| worker.join().unwrap()).concat()
    });
    done.sort_unstable();
    assert!(done.into_iter().eq(0..20));
    assert_eq!(attempts.into_inner(), 21);
    println!("every job was done once");
}
