//! Immediate shutdown: `close_now` ends the sending and takes out what nobody has begun.
//! Use it to stop at once and still know what was not done. A worker in the midst of a long job watches `closed()`.

use std::{thread, time::Duration};

use narrows::{Receiver, Sender, bounded};

/// Works in slices, so that it can leave between two of them. Says whether it came to the end.
fn long_job(inbox: &Receiver<u32>) -> bool {
    for _slice in 0..1_000_000 {
        if inbox.closed().wait_timeout(Duration::from_millis(1)) {
            return false;
        }
    }
    true
}

/// Works until the end, and returns the job that it broke off. It begins no other: while what is left is being taken out, a
/// receive might still find some.
fn worker(inbox: &Receiver<u32>, begun: &Sender<u32>) -> Option<u32> {
    for job in inbox {
        begun.send(job).unwrap();
        if !long_job(inbox) {
            return Some(job);
        }
    }
    None
}

fn main() {
    let (jobs, inbox) = bounded(8);
    let (begun, has_begun) = bounded(1);
    let worker = thread::spawn(move || worker(&inbox, &begun));

    for job in 0..5 {
        jobs.send(job).unwrap();
    }
    assert_eq!(has_begun.recv(), Ok(0));

    let never_begun = jobs.close_now();
    let broken_off = worker.join().unwrap();
    println!("broken off: {broken_off:?}, never begun: {never_begun:?}");
    assert_eq!(broken_off, Some(0));
    assert_eq!(never_begun, [1, 2, 3, 4]);
    assert!(jobs.send(5).is_err());
}
