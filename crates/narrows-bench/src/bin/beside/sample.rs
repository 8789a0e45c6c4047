//! One sample: a process from its start to its end, and the figures that it printed.

use std::fmt::Write;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::{Amount, Found, LONGEST, Peer, Row};

#[derive(Debug)]
pub(crate) struct Sample {
    /// Of each figure that the peer has; infinite where it never came to that.
    pub(crate) found: Vec<(String, f64)>,
}

impl Sample {
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.found.iter().find(|found| found.0 == name).map(|found| found.1)
    }
}

/// A timed sample is to last so long.
const SECONDS: f64 = 0.4;
const SECONDS_QUICK: f64 = 0.1;
/// Long enough to tell how much lasts so long.
const SECONDS_TOLD: f64 = 0.03;
/// What a timed sample does at least.
const LEAST: u64 = 64;
/// How often a process that should end is looked after.
const LOOK: Duration = Duration::from_millis(2);

/// How much a sample of this peer is to do.
pub(crate) fn count<L>(peer: &Peer<L>, row: &Row<L>, quick: bool) -> Result<u64> {
    let wanted = match row.amount {
        Amount::Fixed { full, quick: less } => return Ok(if quick { less } else { full }),
        Amount::Timed if quick => SECONDS_QUICK,
        Amount::Timed => SECONDS,
    };
    let mut count = LEAST;
    loop {
        let figure = row.figures[0].name;
        let Some(ns) = take(peer, row, count)?.get(figure) else { bail!("it told nothing of {figure}") };
        let seconds = ns * count as f64 / 1e9;
        if seconds >= SECONDS_TOLD {
            return Ok(((count as f64 * wanted / seconds) as u64).max(LEAST));
        }
        count *= 8;
    }
}

pub(crate) fn take<L>(peer: &Peer<L>, row: &Row<L>, count: u64) -> Result<Sample> {
    let command = (peer.start)(peer, row, count)?;
    let text = run(command, row.pinned)?;
    let found = text
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((name, "never")) => Ok((name.to_owned(), f64::INFINITY)),
            Some((name, value)) => Ok((name.to_owned(), value.parse().with_context(|| line.to_owned())?)),
            None => bail!("it printed `{line}`"),
        })
        .collect::<Result<Vec<_>>>()?;
    ensure!(!found.is_empty(), "it told nothing");
    Ok(Sample { found })
}

/// What a process of a sample prints.
pub(crate) fn tell(found: &Found) -> Result<()> {
    let mut text = String::new();
    for (name, value) in found {
        let _ = match value {
            Some(value) => writeln!(text, "{name} {value}"),
            None => writeln!(text, "{name} never"),
        };
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// What it printed, if it ended well and in time. Whatever it started ends with it.
fn run(mut command: Command, pinned: bool) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let _narrow = if pinned { Some(OneProcessor::take()?) } else { None };
    let child = command.spawn().with_context(|| format!("{}", command.get_program().display()))?;
    let mut group = Group(child);
    let reader = |mut pipe: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut text = String::new();
            // What is not text is no figure, and is told as a fault below.
            let _ = pipe.read_to_string(&mut text);
            text
        })
    };
    let (Some(out), Some(err)) = (group.0.stdout.take(), group.0.stderr.take()) else { bail!("no pipe") };
    let (out, err) = (reader(Box::new(out)), reader(Box::new(err)));
    let deadline = Instant::now() + LONGEST;
    while !group.has_ended()? {
        ensure!(Instant::now() < deadline, "it did not end within {LONGEST:?}");
        thread::sleep(LOOK);
    }
    let status = group.end()?;
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    let complaint = err.lines().find(|line| !line.trim().is_empty()).unwrap_or("no word of why");
    ensure!(status.success(), "{status}: {}", complaint.trim());
    Ok(out)
}

/// The process and what it started, gone when this is dropped.
struct Group(Child);

impl Group {
    /// Whether there is nothing left of it but its status, which stays: its number is still its own.
    fn has_ended(&self) -> Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(Pid::from_child(&self.0)), options)?.is_some())
    }

    /// What it left behind would hold the pipes open.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // A group that is gone needs no signal.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        self.0.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // After `end` the child knows its status, and its number may be another's: that one is not asked for again.
        if let Ok(None) = self.0.try_wait() {
            let _ = self.end();
        }
    }
}

/// This thread has one processor, and so has whatever it starts, until this is dropped.
struct OneProcessor(CpuSet);

impl OneProcessor {
    fn take() -> Result<OneProcessor> {
        let all = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU).find(|&cpu| all.is_set(cpu)).context("no processor")?;
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one)?;
        Ok(OneProcessor(all))
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        // It had them before.
        let _ = sched_setaffinity(None, &self.0);
    }
}
