//! `/proc/PID/stat`: one line of fields, of which the second is a name that may hold spaces, parentheses and line ends.

use std::{fs, io};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    state: u8,
    threads: u64,
    /// In clock ticks since boot.
    pub(super) start: u64,
}

impl Stat {
    pub(super) fn read(pid: &str) -> io::Result<Self> {
        let line = fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not understood"))
    }

    /// A process whose first thread has ended is shown as a zombie while its other threads go on.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, b'X' | b'x') || self.state == b'Z' && self.threads <= 1
    }

    /// The name is the only field that may hold a parenthesis, so it ends with the last one.
    fn parse(line: &[u8]) -> Option<Self> {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')')?;
        let pid = text(&line[..open])?.trim().parse().ok()?;
        let mut fields = text(&line[close + 1..])?.split_ascii_whitespace();
        // The state is field 3, the number of threads field 20, the start field 22.
        let state = *fields.next()?.as_bytes().first()?;
        let threads = fields.nth(16)?.parse().ok()?;
        let start = fields.nth(1)?.parse().ok()?;
        Some(Self { pid, state, threads, start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, state: char, threads: u64) -> String {
        format!(
            "42 ({name}) {state} 1 42 42 0 -1 4194560 107 0 0 0 5 6 7 8 20 0 {threads} 0 987654 3133440 431 99 1 2\n"
        )
    }

    #[test]
    fn a_name_may_look_like_the_fields_that_follow() {
        for name in ["cat", "a b", ") Z 1 1", "((", "\n) Z (", "\u{fffd}"] {
            let stat = Stat::parse(line(name, 'S', 3).as_bytes()).unwrap();
            assert_eq!(stat, Stat { pid: 42, state: b'S', threads: 3, start: 987_654 });
        }
        let mut bytes = line("??", 'S', 3).into_bytes();
        bytes[4] = 0xff; // a name need not be text
        assert!(Stat::parse(&bytes).is_some());
    }

    #[test]
    fn a_zombie_has_ended_unless_other_threads_go_on() {
        let ended = |state, threads| Stat::parse(line("x", state, threads).as_bytes()).unwrap().has_ended();
        assert!(ended('Z', 1) && ended('Z', 0) && ended('X', 1));
        assert!(!ended('Z', 2) && !ended('R', 1) && !ended('T', 1));
    }

    #[test]
    fn a_line_that_ends_early_is_refused() {
        let whole = line("x", 'S', 1);
        let end = whole.find("987654").unwrap();
        for length in 0..end {
            assert_eq!(Stat::parse(&whole.as_bytes()[..length]), None, "{length}");
        }
    }
}
