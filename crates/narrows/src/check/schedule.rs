//! A schedule as a text: `3k.a5b2c1`. Knows nothing of who runs it.
//!
//! In front of the dot the seed, in base 36. Behind it who ran, in turn: a letter for each of the first 26 threads, `(n)` for
//! thread `n`, and how many steps if it was more than one.

use std::{fmt, iter, str::FromStr};

/// Who ran at each step, and what all other choices begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) threads: Vec<usize>,
}

const LETTERS: usize = 26;

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: Vec<_> = iter::successors(Some(self.seed), |&rest| (rest >= 36).then_some(rest / 36)).collect();
        for rest in digits.iter().rev() {
            write!(f, "{}", char::from_digit((rest % 36) as u32, 36).unwrap_or('?'))?;
        }
        write!(f, ".")?;
        for run in self.threads.chunk_by(|a, b| a == b) {
            match u8::try_from(run[0]).ok().filter(|_| run[0] < LETTERS) {
                Some(number) => write!(f, "{}", char::from(b'a' + number))?,
                None => write!(f, "({})", run[0])?,
            }
            if run.len() > 1 {
                write!(f, "{}", run.len())?;
            }
        }
        Ok(())
    }
}

/// The text is none of a schedule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSchedule;

/// More steps than any schedule has that a failure gave.
const MOST: usize = 1 << 28;

impl FromStr for Schedule {
    type Err = NoSchedule;

    fn from_str(text: &str) -> Result<Schedule, NoSchedule> {
        let (seed, mut rest) = text.trim().split_once('.').ok_or(NoSchedule)?;
        let seed = u64::from_str_radix(seed, 36).map_err(|_| NoSchedule)?;
        let mut threads = Vec::new();
        while let Some(first) = rest.chars().next() {
            let thread = if let Some(inside) = rest.strip_prefix('(') {
                let (number, behind) = inside.split_once(')').ok_or(NoSchedule)?;
                rest = behind;
                number.parse().map_err(|_| NoSchedule)?
            } else if first.is_ascii_lowercase() {
                rest = &rest[1..];
                usize::from(first as u8 - b'a')
            } else {
                return Err(NoSchedule);
            };
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (steps, behind) = rest.split_at(digits);
            rest = behind;
            let steps = if steps.is_empty() { 1 } else { steps.parse().map_err(|_| NoSchedule)? };
            if steps > MOST - threads.len() {
                return Err(NoSchedule);
            }
            threads.extend(iter::repeat_n(thread, steps));
        }
        Ok(Schedule { seed, threads })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        for (seed, threads, text) in [
            (128, vec![0, 0, 0, 0, 0, 1, 1, 2], "3k.a5b2c"),
            (0, vec![], "0."),
            (u64::MAX, vec![25, 26, 26, 300], "3w5e11264sgsf.z(26)2(300)"),
        ] {
            let schedule = Schedule { seed, threads };
            assert_eq!(schedule.to_string(), text);
            assert_eq!(text.parse(), Ok(schedule));
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "a5", "1.A", "1.a5-", "-1.a", "1.(x)", "1.(3", "1.a99999999999", "3w5e11264sgsg.a", "1.a b"] {
            assert_eq!(text.parse::<Schedule>(), Err(NoSchedule), "{text}");
        }
    }
}
