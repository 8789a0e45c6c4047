//! A writer that takes what has come together, rather than to go to its disk for each message: at most a hundred lines, or
//! those of a few milliseconds.

use std::{collections::VecDeque, thread, time::Duration};

fn main() {
    let (s, r) = narrows::bounded(64);
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let s = s.clone();
            thread::spawn(move || {
                let mut lines: VecDeque<_> = (0..250).map(|i| format!("reader {reader}, line {i}")).collect();
                s.send_many(&mut lines).unwrap(); // more than there are places for: it goes in pieces
                assert!(lines.is_empty());
            })
        })
        .collect();
    drop(s);

    let (mut file, mut writes) = (Vec::new(), 0);
    let mut batch = Vec::with_capacity(100);
    while r.recv_batch(&mut batch, 100, Duration::from_millis(5)).is_ok() {
        file.append(&mut batch); // one write
        writes += 1;
    }
    for reader in readers {
        reader.join().unwrap();
    }
    assert_eq!(file.len(), 1000);
    for reader in 0..4 {
        let own = format!("reader {reader}, ");
        let numbers = file.iter().filter_map(|line| line.strip_prefix(&own)?.strip_prefix("line "));
        assert!(numbers.eq((0..250).map(|i| i.to_string())));
    }
    assert!(writes >= 10);
    println!("1000 lines in {writes} writes");
}
