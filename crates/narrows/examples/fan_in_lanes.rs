//! Fan-in by lanes: a lane for each writer, so that writers do not get into each other's way. In order per writer only.
//! Use it where a writer that floods the reader must not hold up the others; else see `fan_in.rs`.

use std::thread;

fn main() {
    let (log, mut lines) = narrows::fan_in::channel(64);
    for writer in 0..4 {
        let log = log.clone(); // a lane of its own
        thread::spawn(move || {
            for i in 0..1000 {
                if log.send((writer, i)).is_err() {
                    return; // nobody reads any more
                }
            }
        });
    }
    drop(log); // ours; else the loop below would wait for us

    let mut next = [0; 4];
    for (writer, i) in lines.iter() {
        assert_eq!(i, next[writer], "messages of one writer stay in order");
        next[writer] += 1;
    }
    println!("lines by writer: {next:?}");
    assert_eq!(next, [1000; 4]);
}
