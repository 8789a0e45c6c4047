//! How long a message is on its way when the channel is half busy.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Figures, verify};
use crate::machine::cores;
use crate::message::Message;
use crate::peer::Peer;
use crate::stats::quantile;

/// Runs are bounded by time and not by count: beside busy neighbours one message may cost milliseconds, and the next none.
const FULL: Duration = Duration::from_millis(20);
const SAMPLE: Duration = Duration::from_millis(150);
/// What a receiver takes for the end.
const END: u64 = u64::MAX;

/// p50, p99, p99.9 in nanoseconds, and the interval between messages: twice that at full load, for the same work.
/// With `busy`, two threads per core do nothing but turn.
pub(crate) fn latency<P: Peer, M: Message>(capacity: Option<usize>, busy: bool) -> Option<Figures> {
    let over = &AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..if busy { 2 * cores() } else { 0 } {
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    black_box((0..1_000_u64).fold(0, |sum: u64, number| black_box(sum.wrapping_add(number))));
                }
            });
        }
        let figures = half_load::<P, M>(capacity);
        over.store(true, Ordering::Relaxed);
        figures
    })
}

fn half_load<P: Peer, M: Message>(capacity: Option<usize>) -> Option<Figures> {
    let began = Instant::now();
    let full = paced::<P, M>(capacity, 0, FULL)?;
    let interval = (2 * began.elapsed().as_nanos() as u64 / full.len().max(1) as u64).max(1);
    let mut times = paced::<P, M>(capacity, interval, SAMPLE)?;
    times.sort_unstable();
    let mut figures: Figures = [0.5, 0.99, 0.999].map(|share| quantile(&times, share) as f64).into();
    figures.push(interval as f64);
    Some(figures)
}

/// From when each message was due to when it was received: a sender that is held up does not hide it.
fn paced<P: Peer, M: Message>(capacity: Option<usize>, interval: u64, limit: Duration) -> Option<Vec<u64>> {
    let (mut tx, mut rx) = P::channel::<M>(capacity)?;
    let zero = Instant::now();
    let now = move || zero.elapsed().as_nanos() as u64;
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let mut times = Vec::new();
            let mut sum = 0_u64;
            loop {
                let due = P::recv(&mut rx).number();
                if due == END {
                    return (times, sum, rx);
                }
                sum = sum.wrapping_add(due);
                times.push(now().saturating_sub(due));
            }
        });
        let start = now();
        let mut sum = 0_u64;
        for number in 0.. {
            // At full load each is due when it is sent.
            let due = if interval == 0 { now() } else { start + number * interval };
            let time = until(due, now);
            if time > start + limit.as_nanos() as u64 {
                break;
            }
            sum = sum.wrapping_add(due);
            P::send(&mut tx, M::new(due));
        }
        P::send(&mut tx, M::new(END));
        let (times, arrived, _rx) = receiver.join().expect("no worker panics");
        verify(sum, arrived);
        Some(times)
    })
}

/// Spins, and tells when it was done.
fn until(due: u64, now: impl Fn() -> u64) -> u64 {
    loop {
        let time = now();
        if time >= due {
            return time;
        }
        spin_loop();
    }
}
