//! Numbers that look random, and are the same for the same seed everywhere.

/// xorshift64*.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u32::try_from((high * u64::from(n)) >> 32).expect("it is below `n`")
    }
}

/// How often to do what is repeated: more in a deep run.
pub(crate) fn times(usual: u64) -> u64 {
    if std::env::var_os("NARROWS_DEEP").is_some() { usual * 40 } else { usual }
}
