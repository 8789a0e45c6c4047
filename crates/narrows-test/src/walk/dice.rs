//! Numbers at random, the same ones each time.

/// xorshift64*, by S. Vigna.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Each seed is a walk of its own.
    pub fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to `sides` - 1.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).expect("31 bits") % sides
    }

    /// Once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }
}
