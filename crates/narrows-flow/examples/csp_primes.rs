//! The prime sieve of the book: a chain of processes, one for each prime. Each keeps the first number it gets,
//! which is prime, and passes on those that it does not divide. The chain grows at its end as numbers get there.
//!
//! ```text
//! SOURCE  = left!2 -> left!3 -> left!4 -> ...
//! FILTER  = left?p -> prime!p -> (FILTER(p) || FILTER), the right of the one being the left of the other
//! FILTER(p) = left?n -> (right!n -> FILTER(p) if p does not divide n, else FILTER(p))
//! ```

use narrows::{
    Receiver, Sender, bounded,
    check::{self, thread},
};

fn filter(left: &Receiver<u32>, primes: Sender<u32>) {
    let Ok(prime) = left.recv() else { return };
    // Before anything goes on to the right, so primes come out in order.
    primes.send(prime).unwrap();
    let (right, next) = bounded(0);
    let rest = thread::spawn(move || filter(&next, primes));
    for number in left.iter().filter(|number| !number.is_multiple_of(prime)) {
        right.send(number).unwrap();
    }
    drop(right);
    rest.join().unwrap();
}

/// The primes up to there.
pub(crate) fn primes(limit: u32) -> Vec<u32> {
    let ((source, left), (primes, found)) = (bounded(0), bounded(0));
    let sieve = thread::spawn(move || filter(&left, primes));
    let numbers = thread::spawn(move || (2..=limit).for_each(|number| source.send(number).unwrap()));
    let primes = found.iter().collect();
    numbers.join().unwrap();
    sieve.join().unwrap();
    primes
}

#[allow(dead_code)] // of the tests, which have this file as a module
fn main() {
    let limit = if cfg!(narrows_check) { 12 } else { 200 };
    check::run(move || {
        let primes = primes(limit);
        let is_prime = |n: &u32| !(2..*n).any(|d| n.is_multiple_of(d));
        assert!((2..=limit).filter(is_prime).eq(primes.iter().copied()), "{primes:?}");
    });
    println!("the primes up to {limit} came out of the sieve, in order");
}
