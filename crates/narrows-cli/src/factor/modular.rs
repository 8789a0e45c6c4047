//! Arithmetic modulo an odd number: Montgomery's method, once for 64 bits and once for 128.
//! Invariant: a residue is below the modulus and carries the factor 2^64 or 2^128.
//!
//! Source: P. L. Montgomery, Modular multiplication without trial division, 1985.

/// Arithmetic modulo one odd number.
pub(super) trait Modulus: Copy {
    /// A residue.
    type Residue: Copy + PartialEq;

    fn number(self) -> u128;
    fn residue(self, value: u128) -> Self::Residue;
    fn mul(self, a: Self::Residue, b: Self::Residue) -> Self::Residue;
    fn add(self, a: Self::Residue, b: Self::Residue) -> Self::Residue;
    /// |a - b|: enough where only common divisors matter.
    fn distance(self, a: Self::Residue, b: Self::Residue) -> Self::Residue;
    /// The greatest common divisor of a residue and the modulus. The carried power of two is prime to the modulus.
    fn common_divisor(self, a: Self::Residue) -> u128;

    fn pow(self, base: u128, mut exponent: u128) -> Self::Residue {
        let (mut square, mut result) = (self.residue(base), self.residue(1));
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        result
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Small {
    modulus: u64,
    /// -1 / modulus, modulo 2^64.
    inverse: u64,
    /// 2^128 modulo the modulus: turns a value into a residue.
    square: u64,
}

impl Small {
    pub(super) fn new(modulus: u64) -> Small {
        debug_assert!(modulus % 2 == 1);
        // Newton's iteration doubles the correct bits: 3, 6, 12, 24, 48, 96.
        let mut inverse = modulus;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(modulus.wrapping_mul(inverse)));
        }
        let carry = u128::from(u64::MAX) % u128::from(modulus) + 1;
        let square = low(carry * carry % u128::from(modulus));
        Small { modulus, inverse: inverse.wrapping_neg(), square }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

const fn high(wide: u128) -> u64 {
    low(wide >> 64)
}

impl Modulus for Small {
    type Residue = u64;

    fn number(self) -> u128 {
        u128::from(self.modulus)
    }

    fn residue(self, value: u128) -> u64 {
        self.mul(low(value % self.number()), self.square)
    }

    fn mul(self, a: u64, b: u64) -> u64 {
        let product = u128::from(a) * u128::from(b);
        let quotient = low(product).wrapping_mul(self.inverse);
        let multiple = u128::from(quotient) * u128::from(self.modulus);
        // The low halves cancel; they carry unless both are zero.
        let (sum, carried) = high(product).overflowing_add(high(multiple));
        let (sum, carried_too) = sum.overflowing_add(u64::from(low(product) != 0));
        if carried || carried_too || sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }

    fn add(self, a: u64, b: u64) -> u64 {
        let (sum, carried) = a.overflowing_add(b);
        if carried || sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }

    fn distance(self, a: u64, b: u64) -> u64 {
        a.abs_diff(b)
    }

    fn common_divisor(self, a: u64) -> u128 {
        greatest_common_divisor(u128::from(a), u128::from(self.modulus))
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Large {
    modulus: u128,
    inverse: u128,
    square: u128,
}

impl Large {
    pub(super) fn new(modulus: u128) -> Large {
        debug_assert!(modulus % 2 == 1);
        let mut inverse = modulus;
        for _ in 0..6 {
            inverse = inverse.wrapping_mul(2u128.wrapping_sub(modulus.wrapping_mul(inverse)));
        }
        let mut large = Large { modulus, inverse: inverse.wrapping_neg(), square: 0 };
        // 2^128 modulo the modulus, doubled 128 times, is 2^256.
        let mut square = (u128::MAX % modulus + 1) % modulus;
        for _ in 0..128 {
            square = large.add(square, square);
        }
        large.square = square;
        large
    }
}

/// The full product, high half first.
fn widen(a: u128, b: u128) -> (u128, u128) {
    let (a0, a1, b0, b1) = (u128::from(low(a)), u128::from(high(a)), u128::from(low(b)), u128::from(high(b)));
    let lowest = a0 * b0;
    let middle = a1 * b0 + u128::from(high(lowest));
    let (crossed, carried) = middle.overflowing_add(a0 * b1);
    let top = a1 * b1 + u128::from(high(crossed)) + (u128::from(carried) << 64);
    (top, crossed << 64 | u128::from(low(lowest)))
}

impl Modulus for Large {
    type Residue = u128;

    fn number(self) -> u128 {
        self.modulus
    }

    fn residue(self, value: u128) -> u128 {
        self.mul(value % self.modulus, self.square)
    }

    fn mul(self, a: u128, b: u128) -> u128 {
        let (top, bottom) = widen(a, b);
        let (multiple, _) = widen(bottom.wrapping_mul(self.inverse), self.modulus);
        let (sum, carried) = top.overflowing_add(multiple);
        let (sum, carried_too) = sum.overflowing_add(u128::from(bottom != 0));
        if carried || carried_too || sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }

    fn add(self, a: u128, b: u128) -> u128 {
        let (sum, carried) = a.overflowing_add(b);
        if carried || sum >= self.modulus { sum.wrapping_sub(self.modulus) } else { sum }
    }

    fn distance(self, a: u128, b: u128) -> u128 {
        a.abs_diff(b)
    }

    fn common_divisor(self, a: u128) -> u128 {
        greatest_common_divisor(a, self.modulus)
    }
}

/// By halving; `b` is odd.
fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while a != 0 {
        a >>= a.trailing_zeros();
        (a, b) = (a.abs_diff(b), a.min(b));
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication modulo a number by doubling, the slow and obvious way.
    fn plain_mul(mut a: u128, mut b: u128, modulus: u128) -> u128 {
        let mut result = 0;
        while b > 0 {
            if b & 1 == 1 {
                result = plain_add(result, a, modulus);
            }
            a = plain_add(a, a, modulus);
            b >>= 1;
        }
        result
    }

    fn plain_add(a: u128, b: u128, modulus: u128) -> u128 {
        if a >= modulus - b { a - (modulus - b) } else { a + b }
    }

    fn agrees<M: Modulus<Residue: std::fmt::Debug>>(modulus: M, values: &[u128]) {
        let number = modulus.number();
        for a in values.iter().map(|a| a % number) {
            for b in values.iter().map(|b| b % number) {
                let product = modulus.mul(modulus.residue(a), modulus.residue(b));
                assert_eq!(product, modulus.residue(plain_mul(a, b, number)), "{a} * {b} mod {number}");
            }
        }
    }

    #[test]
    fn products_agree_with_plain_ones() {
        let values = [0, 1, 2, 3, 1 << 63, u128::from(u64::MAX), 1 << 64, 1 << 127, u128::MAX - 5, u128::MAX / 3];
        for modulus in [3, 5, 1_000_003, u64::MAX, u64::MAX - 58, (1 << 63) + 1] {
            agrees(Small::new(modulus), &values);
            agrees(Large::new(u128::from(modulus)), &values);
        }
        for modulus in [u128::MAX, u128::MAX - 158, (1 << 127) + 1, (1 << 64) + 13] {
            agrees(Large::new(modulus), &values);
        }
    }

    #[test]
    fn common_divisors_are_the_greatest() {
        assert_eq!(greatest_common_divisor(0, 9), 9);
        assert_eq!(greatest_common_divisor(12, 9), 3);
        assert_eq!(greatest_common_divisor(7, 9), 1);
    }
}
