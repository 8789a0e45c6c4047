//! Those who clean up, and those who open at the same moment.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use narrows_shm::{OpenError, inspect, options};

use crate::{Peer, Scratch, tell, until};

/// Takes away whatever seems to be idle, again and again.
pub(crate) fn cleaner(path: &str) {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        // Relaxed: nothing comes with it.
        told.store(true, Relaxed);
    });
    tell("ready");
    let mut removed = 0;
    while !stop.load(Relaxed) {
        match inspect(path) {
            Ok(seen) => {
                seen.sweep().expect("locks");
                removed += u64::from(seen.remove_if_idle().expect("locks"));
            }
            Err(OpenError::NotFound) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
    tell(&removed.to_string());
}

/// Whoever opens has a channel that works, and that the next finds.
#[test]
fn two_who_clean_up_take_nothing_from_one_who_opens() {
    let scratch = Scratch::new();
    let path = scratch.path();
    let mut cleaners = [Peer::start("cleaner", &path), Peer::start("cleaner", &path)];
    for cleaner in &mut cleaners {
        assert_eq!(cleaner.hear(), "ready");
    }
    // Nobody but those who clean up takes its name away.
    let options = || options().plain().capacity(4).keep_open();
    for turn in 0..400_u64 {
        // It leaves a message, and nobody is there for a moment.
        options().sender::<u64>(&path).expect("a channel").send(turn).expect("room");
        let receiver = options().receiver::<u64>(&path).expect("a channel");
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(turn), "its message was kept");
        if turn % 2 == 0 {
            // The same where somebody is there all the time.
            options().sender::<u64>(&path).expect("the channel").send(turn).expect("room");
            assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(turn));
        }
        drop(receiver);
        if turn % 10 == 0 {
            until(|| !std::path::Path::new(&path).exists());
        }
    }
    let removed: Vec<u64> = cleaners
        .map(|mut cleaner| {
            drop(cleaner.input.take());
            let removed = cleaner.hear().parse().expect("a number");
            cleaner.finish();
            removed
        })
        .into();
    assert!(removed.iter().sum::<u64>() >= 40, "{removed:?}");
    println!("the cleaners have taken away {removed:?} of 400");
}
