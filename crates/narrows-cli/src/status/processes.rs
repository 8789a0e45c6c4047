//! The processes of this machine, as /proc tells: who is below whom, how much time they had, what their stdin and
//! stdout are. One look at all of them; none is asked.

use std::collections::HashMap;
use std::fs;

/// As one line of `/proc/PID/stat` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    parent: i32,
    /// Clock ticks that it had, and that its children had that are gone.
    own: u64,
    reaped: u64,
    /// It runs, or would if a processor were free.
    runnable: bool,
}

#[derive(Debug, Default)]
pub(super) struct Processes {
    all: HashMap<i32, Process>,
    /// Ticks in which the machine did something, and all ticks.
    machine: (u64, u64),
}

/// What a descriptor of a process is open on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Opened {
    Pipe(u64),
    Other(String),
}

impl Processes {
    pub(super) fn look() -> Processes {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let read = |pid| Some((pid, parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)?));
        let machine = fs::read_to_string("/proc/stat").ok().and_then(|text| machine(&text)).unwrap_or_default();
        Processes { all: pids.filter_map(read).collect(), machine }
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = i32> {
        self.all.keys().copied()
    }

    /// Ticks of all that a process has started, and that these have.
    pub(super) fn ticks_below(&self, pid: i32) -> u64 {
        let reaped = self.all.get(&pid).map_or(0, |process| process.reaped);
        let below = |(other, _): &(&i32, &Process)| self.is_below(**other, pid);
        reaped + self.all.iter().filter(below).map(|(_, process)| process.own + process.reaped).sum::<u64>()
    }

    /// How many of these run, or would if a processor were free.
    pub(super) fn runnable_below(&self, pid: i32) -> usize {
        let runnable = |(other, process): &(&i32, &Process)| process.runnable && self.is_below(**other, pid);
        self.all.iter().filter(runnable).count()
    }

    fn is_below(&self, mut pid: i32, ancestor: i32) -> bool {
        // What /proc shows may change while it is read: a circle is no reason to hang.
        for _ in 0..self.all.len() {
            match self.all.get(&pid) {
                Some(process) if process.parent == ancestor => return true,
                Some(process) => pid = process.parent,
                None => return false,
            }
        }
        false
    }

    /// The share of the processors that was in use between two looks.
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn machine_since(&self, before: &Processes) -> f64 {
        let busy = self.machine.0.saturating_sub(before.machine.0);
        let all = self.machine.1.saturating_sub(before.machine.1);
        (busy as f64 / all.max(1) as f64).min(1.0)
    }
}

pub(super) fn opened(pid: i32, descriptor: u32) -> Option<Opened> {
    let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    let link = link.to_string_lossy();
    let inode = link.strip_prefix("pipe:[").and_then(|rest| rest.strip_suffix(']'));
    Some(match inode.and_then(|inode| inode.parse().ok()) {
        Some(inode) => Opened::Pipe(inode),
        None => Opened::Other(link.into_owned()),
    })
}

/// The command line, cut short; control characters are not shown.
pub(super) fn name_of(pid: i32) -> String {
    const LONGEST: usize = 40;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let words = line.trim_end_matches('\0').replace('\0', " ");
    let mut name: String = words.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if words.chars().nth(LONGEST).is_some() {
        name.push('…');
    }
    if name.is_empty() { format!("process {pid}") } else { name }
}

fn parse(stat: &[u8]) -> Option<Process> {
    // The name stands in parentheses and may hold any character: the last parenthesis ends it.
    let rest = &stat[stat.iter().rposition(|byte| *byte == b')')? + 1..];
    let words: Vec<&str> = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().collect();
    // Counted from the state, which is the third field of proc_pid_stat(5).
    let number = |field: usize| words.get(field - 3)?.parse::<u64>().ok();
    let parent = words.get(1)?.parse().ok()?;
    let runnable = words.first() == Some(&"R");
    Some(Process { parent, own: number(14)? + number(15)?, reaped: number(16)? + number(17)?, runnable })
}

fn machine(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal; what follows is part of the first two.
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
    let all: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"12 (a) b (c) R 7 12 12 0 -1 4 1 2 3 4 10 20 30 40 20 0 1 0 99";
        assert_eq!(parse(stat), Some(Process { parent: 7, own: 30, reaped: 70, runnable: true }));
        assert_eq!(parse(b"12 (cut"), None);
    }

    #[test]
    fn time_idle_and_time_for_disks_is_free() {
        assert_eq!(machine("cpu  10 5 5 70 10 0 0 0 3 3\ncpu0 1 1\n"), Some((20, 100)));
    }

    #[test]
    fn what_is_below_counts_whatever_is_gone() {
        let process = |parent, own, reaped| Process { parent, own, reaped, runnable: own > 5 };
        let all = [(1, process(0, 1, 1)), (5, process(1, 100, 7)), (6, process(5, 10, 2)), (7, process(6, 3, 0))];
        let processes = Processes { all: all.into(), machine: (0, 0) };
        assert_eq!(processes.ticks_below(5), 7 + 10 + 2 + 3);
        assert_eq!(processes.runnable_below(1), 2);
    }
}
