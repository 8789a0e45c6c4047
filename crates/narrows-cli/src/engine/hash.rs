//! Names records by their content. Knows nothing of what they are.

use std::fmt;

/// FNV-1a with 128 bits: a few lines, the same in every version of this program and on every machine. Two of a
/// thousand million different records are the same with a probability of one in 10^20; nobody is kept from making two
/// that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hash(u128);

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = (1 << 88) + 0x13b;

impl Hash {
    pub(crate) fn of(bytes: &[u8]) -> Hash {
        Hash(OFFSET).and(bytes)
    }

    /// Of what came before, and these bytes.
    pub(crate) fn and(self, bytes: &[u8]) -> Hash {
        Hash(bytes.iter().fold(self.0, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME)))
    }

    pub(crate) fn parse(text: &str) -> Option<Hash> {
        (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok())?.map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From the authors' reference for FNV-1a with 128 bits.
    #[test]
    fn hashes_are_those_of_the_reference() {
        assert_eq!(Hash::of(b"").to_string(), "6c62272e07bb014262b821756295c58d");
        assert_eq!(Hash::of(b"a").to_string(), "d228cb696f1a8caf78912b704e4a8964");
        assert_eq!(Hash::of(b"foobar").to_string(), "343e1662793c64bf6f0d3597ba446f18");
        assert_eq!(Hash::of(b"foo").and(b"bar"), Hash::of(b"foobar"));
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Hash::of(b"x");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        assert_eq!(Hash::parse("12"), None);
        assert_eq!(Hash::parse(&"g".repeat(32)), None);
    }
}
