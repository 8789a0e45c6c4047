//! Splits a number into primes: trial division by small primes, a primality test, Pollard's rho in Brent's form.
//! Invariant: the product of what is found and what is left is the number.
//!
//! Sources: R. P. Brent, An improved Monte Carlo factorization algorithm, 1980; the bases that make the test of
//! Miller and Rabin exact below 2^64 and below 3.3 * 10^24: J. Sorenson and J. Webster, 2015.

use super::modular::{Large, Modulus, Small};

/// Trial division stops here; what is left below the square of it is prime.
const TRIALS: u128 = 1000;

/// The first primes: the first twelve decide every number below 2^64, the first thirteen below 3.3 * 10^24.
/// Beyond that a composite passes all 24 with a chance below 4^-24, and none is known that does.
const BASES: [u128; 24] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89];

/// The prime factors in ascending order; none for 0 and 1.
pub(super) fn factors(number: u128) -> Vec<u128> {
    let mut primes = Vec::new();
    if number < 2 {
        return primes;
    }
    let mut rest = match u64::try_from(number) {
        // Divisions of 64 bits are several times faster.
        Ok(small) => u128::from(divide_out_small(small, &mut primes)),
        Err(_) => divide_out(number, &mut primes),
    };
    if rest > 1 && rest < TRIALS * TRIALS {
        primes.push(std::mem::replace(&mut rest, 1));
    }
    if rest > 1 {
        split(rest, &mut primes);
    }
    primes.sort_unstable();
    primes
}

/// 2, 3, 5, and then the numbers prime to 6.
fn trial_divisors() -> impl Iterator<Item = u64> {
    let end = u64::try_from(TRIALS).unwrap_or(u64::MAX);
    [2, 3].into_iter().chain((5..end).step_by(6).flat_map(|n| [n, n + 2]))
}

fn divide_out_small(mut rest: u64, primes: &mut Vec<u128>) -> u64 {
    for divisor in trial_divisors() {
        if divisor * divisor > rest {
            break;
        }
        while rest.is_multiple_of(divisor) {
            rest /= divisor;
            primes.push(u128::from(divisor));
        }
    }
    rest
}

fn divide_out(mut rest: u128, primes: &mut Vec<u128>) -> u128 {
    for divisor in trial_divisors().map(u128::from) {
        while rest.is_multiple_of(divisor) {
            rest /= divisor;
            primes.push(divisor);
        }
    }
    rest
}

/// Splits an odd number above 1 completely.
fn split(number: u128, primes: &mut Vec<u128>) {
    let divisor = match u64::try_from(number) {
        Ok(small) => find_divisor(Small::new(small), 12),
        Err(_) => find_divisor(Large::new(number), if number < 3_317_044_064_679_887_385_961_981 { 13 } else { 24 }),
    };
    match divisor {
        None => primes.push(number),
        Some(divisor) => {
            split(divisor, primes);
            split(number / divisor, primes);
        }
    }
}

/// A proper divisor; `None` for a prime.
fn find_divisor<M: Modulus>(modulus: M, bases: usize) -> Option<u128> {
    if is_prime(modulus, &BASES[..bases]) {
        return None;
    }
    // A constant for which the walk finds only the number itself gives way to the next one.
    (1..).find_map(|constant| walk(modulus, constant))
}

fn is_prime<M: Modulus>(modulus: M, bases: &[u128]) -> bool {
    let number = modulus.number();
    let twos = (number - 1).trailing_zeros();
    let odd = (number - 1) >> twos;
    let (one, minus_one) = (modulus.residue(1), modulus.residue(number - 1));
    bases.iter().filter(|base| **base % number != 0).all(|base| {
        let mut power = modulus.pow(*base, odd);
        if power == one || power == minus_one {
            return true;
        }
        (1..twos).any(|_| {
            power = modulus.mul(power, power);
            power == minus_one
        })
    })
}

/// Brent's walk x -> x^2 + c, with common divisors taken of products of many steps.
fn walk<M: Modulus>(modulus: M, constant: u128) -> Option<u128> {
    const STEPS: u64 = 128;
    let add = modulus.residue(constant);
    let step = |x| modulus.add(modulus.mul(x, x), add);
    let mut y = modulus.residue(2);
    let mut product = modulus.residue(1);
    let mut length = 1;
    loop {
        let x = y;
        for _ in 0..length {
            y = step(y);
        }
        let mut done = 0;
        while done < length {
            let start = y;
            for _ in 0..STEPS.min(length - done) {
                y = step(y);
                product = modulus.mul(product, modulus.distance(x, y));
            }
            let divisor = modulus.common_divisor(product);
            if divisor == modulus.number() {
                return step_by_step(modulus, x, start, step);
            }
            if divisor > 1 {
                return Some(divisor);
            }
            done += STEPS;
        }
        length *= 2;
    }
}

/// The product swallowed all divisors at once: takes the same steps one by one.
fn step_by_step<M: Modulus>(
    modulus: M,
    x: M::Residue,
    start: M::Residue,
    step: impl Fn(M::Residue) -> M::Residue,
) -> Option<u128> {
    let mut y = start;
    loop {
        y = step(y);
        let divisor = modulus.common_divisor(modulus.distance(x, y));
        if divisor > 1 {
            return Some(divisor).filter(|divisor| *divisor < modulus.number());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(mut number: u128) -> Vec<u128> {
        let mut primes = Vec::new();
        let mut divisor = 2;
        while divisor * divisor <= number {
            while number.is_multiple_of(divisor) {
                primes.push(divisor);
                number /= divisor;
            }
            divisor += 1;
        }
        if number > 1 {
            primes.push(number);
        }
        primes
    }

    #[test]
    fn small_numbers_agree_with_plain_division() {
        for number in (0..20_000).chain(999_000..1_003_000) {
            assert_eq!(factors(number), plain(number), "{number}");
        }
    }

    #[test]
    fn known_numbers_split_as_known() {
        assert_eq!(factors(561), [3, 11, 17]);
        assert_eq!(factors(1_000_003 * 1_000_003), [1_000_003, 1_000_003]);
        assert_eq!(factors(18_446_744_073_709_551_557), [18_446_744_073_709_551_557]);
        assert_eq!(factors(u128::from(u64::MAX)), [3, 5, 17, 257, 641, 65_537, 6_700_417]);
        assert_eq!(factors(3_825_123_056_546_413_051), [149_491, 747_451, 34_233_211]);
        assert_eq!(factors(4_295_098_369 * 4_295_098_369), [65_537, 65_537, 65_537, 65_537]);
    }

    #[test]
    fn numbers_beyond_64_bits_split() {
        assert_eq!(factors((1 << 89) - 1), [(1 << 89) - 1]);
        assert_eq!(factors(u128::MAX), [3, 5, 17, 257, 641, 65_537, 274_177, 6_700_417, 67_280_421_310_721]);
        assert_eq!(
            factors(4_294_967_291 * 1_208_925_819_614_629_174_706_111),
            [4_294_967_291, 1_208_925_819_614_629_174_706_111]
        );
        assert_eq!(factors(1 << 127), vec![2; 127]);
    }
}
