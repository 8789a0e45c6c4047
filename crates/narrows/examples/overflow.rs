//! Overflow: a sensor that must not wait, and a display that wants the latest. The oldest readings go, and are counted.
//! Use it where a late message is worth less than a new one; where each counts, let the sender wait, or weigh what comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use narrows::Overflow;

fn main() {
    let undelivered = Arc::new(AtomicUsize::new(0));
    let counter = undelivered.clone();
    let (sensor, display) = narrows::builder()
        .name("readings")
        .overflow(Overflow::DropOldest)
        .on_undelivered(move |_reading: u32| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .bounded(4);
    let measuring = thread::spawn(move || {
        for reading in 0..1000 {
            sensor.send(reading).expect("the display is there"); // never waits
        }
        sensor.dropped()
    });
    let dropped = measuring.join().expect("no panic");
    let latest: Vec<u32> = display.iter().collect();
    assert_eq!((latest.as_slice(), dropped), ([996, 997, 998, 999].as_slice(), 996));
    println!("{dropped} readings were too old, {} are left", latest.len());

    // A queue of texts that holds 100 bytes, and, when there is memory, more.
    let (s, r) = narrows::builder().weigher(|text: &String| text.len()).bounded(100);
    s.send("x".repeat(80)).expect("there is room");
    assert!(s.try_send("y".repeat(30)).is_err());
    r.set_capacity(200).expect("it is one with rules");
    s.send("y".repeat(30)).expect("there is room");
    assert_eq!((r.len(), r.weight()), (2, 110));
    assert_eq!(undelivered.load(Ordering::Relaxed), 996);
}
