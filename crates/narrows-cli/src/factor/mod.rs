//! `--builtin factor`: the prime factors of the numbers in a record, written as the command `factor` writes them.

mod modular;
mod split;

use std::io::Write;

/// Appends one line for each number of the record: `12: 2 2 3`.
pub(crate) fn answer(record: &[u8], delimiter: u8, answer: &mut Vec<u8>) -> Result<(), String> {
    let before = answer.len();
    let words = record.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for word in words {
        let Some(number) = parse(word) else {
            answer.truncate(before);
            return Err(format!("'{}' is not a positive integer below 2^128", String::from_utf8_lossy(word)));
        };
        // Writing to memory cannot fail.
        let _ = write!(answer, "{number}:");
        for prime in split::factors(number) {
            let _ = write!(answer, " {prime}");
        }
        answer.push(delimiter);
    }
    Ok(())
}

fn parse(word: &[u8]) -> Option<u128> {
    let digits = word.strip_prefix(b"+").unwrap_or(word);
    let only_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| only_digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(record: &str) -> Result<String, String> {
        let mut bytes = Vec::new();
        answer(record.as_bytes(), b'\n', &mut bytes)?;
        Ok(String::from_utf8(bytes).expect("digits are text"))
    }

    #[test]
    fn numbers_are_answered_as_factor_does() {
        assert_eq!(answered("12").as_deref(), Ok("12: 2 2 3\n"));
        assert_eq!(answered("0").as_deref(), Ok("0:\n"));
        assert_eq!(answered("1").as_deref(), Ok("1:\n"));
        assert_eq!(answered("  +007 \r").as_deref(), Ok("7: 7\n"));
        assert_eq!(answered("6 35").as_deref(), Ok("6: 2 3\n35: 5 7\n"));
        assert_eq!(answered("").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_no_number_is_refused_whole() {
        for wrong in ["x", "-3", "1.5", "6 x", "+", "++1", "0x10", "340282366920938463463374607431768211456"] {
            assert!(answered(wrong).is_err(), "{wrong}");
        }
    }
}
