//! Pipeline: stages joined by channels, each on a thread of its own, all at work at once.
//! Use it where items pass through steps of similar cost. The end runs downstream by itself: a stage that has nothing
//! more to read drops its sender. If a later stage leaves, the end runs upstream: its sends fail.

use std::thread;

use narrows::{Receiver, bounded};

/// Runs `work` on a thread; what it makes of the input comes out of the returned receiver.
fn stage<A, B, W>(input: Receiver<A>, mut work: W) -> Receiver<B>
where
    A: Send + 'static,
    B: Send + 'static,
    W: FnMut(A) -> Option<B> + Send + 'static,
{
    let (output, next) = bounded(4);
    thread::spawn(move || {
        for made in input.into_iter().filter_map(&mut work) {
            if output.send(made).is_err() {
                break;
            }
        }
    });
    next
}

fn main() {
    let (lines, input) = bounded(4);
    thread::spawn(move || {
        for line in ["12", "x", "30", "", "-2", "2"].iter().cycle() {
            if lines.send((*line).to_owned()).is_err() {
                return; // the source is endless; this is how it ends
            }
        }
    });
    let numbers = stage(input, |line: String| line.parse::<i64>().ok());
    let mut sum = 0;
    let sums = stage(numbers, move |number| {
        sum += number;
        Some(sum)
    });

    let first: Vec<i64> = sums.iter().take(6).collect();
    println!("running sums: {first:?}");
    assert_eq!(first, [12, 42, 40, 42, 54, 84]);
}
