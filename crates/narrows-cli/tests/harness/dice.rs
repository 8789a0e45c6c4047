//! What the environment says of a run of the tests: the seed that chance begins with, so that it can be repeated, and
//! how much there is to do.

use std::time::{SystemTime, UNIX_EPOCH};

/// Xorshift: no library is needed, and a failure names its seed.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        // Neighbouring seeds give neighbouring numbers at first; zero gives zeros for ever.
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = dice.next());
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True once in so many throws.
    pub(crate) fn once_in(&mut self, throws: u64) -> bool {
        self.below(throws) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("it is below a length")]
    }
}

/// `NARROWS_SEED`, or else the clock.
pub(crate) fn seed() -> u64 {
    number("NARROWS_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
        now.as_secs() * 1_000_000 + u64::from(now.subsec_micros())
    })
}

/// With `NARROWS_DEEP` set tests take the larger of their amounts: gigabytes, and minutes.
pub(crate) fn is_deep() -> bool {
    number("NARROWS_DEEP").is_some_and(|depth| depth > 0)
}

pub(crate) fn deep<T>(quick: T, deep: T) -> T {
    if is_deep() { deep } else { quick }
}

/// A number that the environment gives.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}
