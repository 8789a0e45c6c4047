//! The values of options: numbers of jobs, sizes, times.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::engine::{Halt, Limit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jobs {
    Number(NonZeroUsize),
    /// Of the processors this program may use.
    Percent(NonZeroUsize),
}

impl Jobs {
    pub(crate) fn parse(text: &str) -> Result<Jobs, String> {
        let (number, kind): (&str, fn(NonZeroUsize) -> Jobs) = match text.strip_suffix('%') {
            Some(share) => (share, Jobs::Percent),
            None => (text, Jobs::Number),
        };
        match number.parse() {
            Ok(number) if number <= MOST => Ok(kind(number)),
            _ => Err(format!("expected a number from 1 to {MOST}, or a share such as 50%")),
        }
    }

    pub(crate) fn resolve(self) -> NonZeroUsize {
        match self {
            Jobs::Number(jobs) => jobs,
            Jobs::Percent(share) => {
                let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
                NonZeroUsize::new(processors * share.get() / 100).unwrap_or(NonZeroUsize::MIN)
            }
        }
    }
}

const MOST: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");

/// A size in bytes: `4096`, `64K`, `64M`, `1G`; the letters are powers of 1024.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        _ => return Err("expected a size such as 512K, 64M or 1G".into()),
    };
    let number: usize = number.parse().map_err(|_| "expected a size such as 512K, 64M or 1G".to_owned())?;
    match number.checked_mul(1 << shift) {
        Some(size @ 1..) => Ok(size),
        Some(0) => Err("must be at least one byte".into()),
        None => Err("is too large".into()),
    }
}

/// A byte: itself, or `\t`, `\0`, `\xHH` and the like.
pub(crate) fn parse_byte(text: &str) -> Result<u8, String> {
    let escaped = match text.as_bytes() {
        [byte] => Some(*byte),
        [b'\\', b't'] => Some(b'\t'),
        [b'\\', b'n'] => Some(b'\n'),
        [b'\\', b'r'] => Some(b'\r'),
        [b'\\', b'0'] => Some(0),
        [b'\\', b'\\'] => Some(b'\\'),
        [b'\\', b'x', _, _] => u8::from_str_radix(&text[2..], 16).ok(),
        _ => None,
    };
    escaped.ok_or_else(|| "expected one byte, or \\t, \\0, \\n, \\r, \\\\, \\xHH".into())
}

/// When failures end a run: `never`, `soon`, `now`, and after how many: `soon,fail=3`, `now,fail=10%`.
pub(crate) fn parse_halt(text: &str) -> Result<Halt, String> {
    let (when, limit) = text.split_once(',').map_or((text, None), |(when, limit)| (when, Some(limit)));
    let limit = match limit.map(|limit| limit.strip_prefix("fail=").unwrap_or("")) {
        None => Some(Limit::Failures(1)),
        Some(limit) => match limit.strip_suffix('%') {
            Some(share) => share.parse().ok().filter(|share| (1..=100).contains(share)).map(Limit::Percent),
            None => limit.parse().ok().filter(|failures| *failures > 0).map(Limit::Failures),
        },
    };
    match (when, limit) {
        ("never", Some(Limit::Failures(1))) => Ok(Halt::Never),
        ("soon", Some(limit)) => Ok(Halt::Soon(limit)),
        ("now", Some(limit)) => Ok(Halt::Now(limit)),
        _ => Err("expected never, soon or now, the latter two perhaps with ,fail=3 or ,fail=10%".into()),
    }
}

/// A time: `10` and `10s` are seconds; also `500ms`, `2m`, `1h`.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("expected a time such as 10s, 500ms or 2m".into()),
    };
    let number: f64 = number.parse().map_err(|_| "expected a time such as 10s, 500ms or 2m".to_owned())?;
    // A day bounds it, so that every deadline can be represented.
    Some(number * seconds)
        .filter(|seconds| *seconds <= 86_400.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "is longer than a day".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_a_number_or_a_share() {
        assert_eq!(Jobs::parse("8").map(Jobs::resolve).map(NonZeroUsize::get), Ok(8));
        assert!(Jobs::parse("1%").is_ok_and(|jobs| jobs.resolve().get() >= 1));
        for wrong in ["", "0", "0%", "-1", "x", "%", "1.5", "99999999"] {
            assert!(Jobs::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("10"), Ok(10));
        assert_eq!(parse_size("64K"), Ok(65536));
        assert_eq!(parse_size("2m"), Ok(2 << 20));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        for wrong in ["", "K", "0", "-1", "1T", "1.5M", "99999999999999999999", "18446744073709551615K"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_byte_is_itself_or_an_escape() {
        for (text, byte) in [(",", b','), ("\\t", b'\t'), ("\\0", 0), ("\\x1e", 0x1e), ("\\\\", b'\\'), ("\\", b'\\')] {
            assert_eq!(parse_byte(text), Ok(byte), "{text}");
        }
        for wrong in ["", "ab", "\\q", "\\xZZ", "\u{e9}"] {
            assert!(parse_byte(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_halt_has_a_limit() {
        assert_eq!(parse_halt("never"), Ok(Halt::Never));
        assert_eq!(parse_halt("soon"), Ok(Halt::Soon(Limit::Failures(1))));
        assert_eq!(parse_halt("now,fail=3"), Ok(Halt::Now(Limit::Failures(3))));
        assert_eq!(parse_halt("soon,fail=10%"), Ok(Halt::Soon(Limit::Percent(10))));
        for wrong in ["", "later", "soon,", "soon,3", "now,fail=0", "now,fail=101%", "now,fail=x", "never,fail=3"] {
            assert!(parse_halt(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_time("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_time("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "1d", "-1", "1e9", "inf", "NaN", "48h"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
