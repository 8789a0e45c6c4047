//! Time limits: on one operation, on a series of them, on a choice; and a clock as a channel.
//! Use a timeout where a peer may be slow, and one deadline where several steps share a time budget.

use std::time::{Duration, Instant};

use narrows::{RecvTimeoutError, SendTimeoutError, after, bounded, select, tick};

fn main() {
    let short = Duration::from_millis(5);
    let (s, r) = bounded(1);

    // One operation. A send that times out gives its message back.
    assert_eq!(r.recv_timeout(short), Err(RecvTimeoutError::Timeout));
    s.send("first").unwrap();
    assert_eq!(s.send_timeout("second", short), Err(SendTimeoutError::Timeout("second")));
    println!("both sides timed out");

    // A series: the deadline stays where it is, however many steps there are.
    let deadline = Instant::now() + short;
    let mut got = Vec::new();
    while let Ok(message) = r.recv_deadline(deadline) {
        got.push(message);
    }
    assert_eq!(got, ["first"]);
    println!("until the deadline came {got:?}");

    // A choice: `default` with a time is a limit on this select, `after` is a channel and lives as long as you keep it.
    let total = after(short * 4);
    let mut rounds = 0;
    loop {
        select! {
            recv(r) -> message => println!("{message:?}"),
            recv(total) -> _ => break,
            default(short) => rounds += 1,
        }
    }
    println!("{rounds} quiet rounds within the total");
    assert!(rounds <= 4);

    // A clock: a receiver that is late gets one tick, not all those it missed.
    let start = Instant::now();
    let ticks = tick(short);
    let count = ticks.iter().take(3).count();
    println!("{count} ticks took {:?}", start.elapsed());
    assert!(start.elapsed() >= short * 3);
}
