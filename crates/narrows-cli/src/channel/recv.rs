//! `narrows recv`: records from a channel to stdout, or to a command each. A record is on lease until it was written or
//! worked on: of whoever is killed before, or cannot write, it is taken by another.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use narrows::Select;
use narrows_shm::{Bytes, Fault, Lease, Receiver, TryRecvError};
use rustix::io::Errno;
use signal_hook::consts::SIGPIPE;

use super::args::RecvArgs;
use super::open;
use super::output::{Block, Output};
use super::records;
use super::stop::{Stop, Why};
use super::work::{Outcome, Work};
use crate::engine::{Framing, Tone, Trouble};
use crate::farm::closed;
use crate::say;

/// What is written at once. As much as a pipe holds: more would only wait here instead of there.
const BLOCK: usize = 64 << 10;
/// Records on lease keep their places: at most every fourth, and so many.
const SHARE: u32 = 4;
const MOST_LEASES: u32 = 256;
/// Looks before a sleep, giving way to other threads: a sender that is at work brings the next record within a few.
const LOOKS: u32 = 32;

type Records<'a> = Lease<'a, Vec<u8>, Bytes>;

/// Why no more is received.
enum End {
    Channel,
    Enough,
    OutOfTime,
    Stopped(Why),
    Trouble(Trouble),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> End {
        End::Trouble(trouble)
    }
}

pub(crate) fn run(args: &RecvArgs) -> anyhow::Result<ExitCode> {
    closed::refuse_stdout()?;
    let work = args.ack.as_deref().map(Work::new).transpose()?;
    say::be_quiet(args.quiet);
    let received = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&received);
    // Relaxed: a figure to look at.
    let last_words = move || format!("stopped: {} received", records(counted.load(Ordering::Relaxed)));
    let stop = Stop::listen(work.is_none(), Box::new(last_words)).context("cannot listen to signals")?;
    match receive_all(args, work.as_ref(), &stop, &received) {
        End::Channel | End::Enough => Ok(ExitCode::SUCCESS),
        End::OutOfTime => {
            say::say(Tone::Note, &format!("nothing has come from {} in time", args.name));
            Ok(ExitCode::from(124))
        }
        End::Stopped(Why::Signal(signal)) => stop.end(signal),
        End::Stopped(Why::OutputClosed) => crate::ending::die_by(SIGPIPE),
        End::Trouble(trouble) => Err(trouble.into()),
    }
}

/// When this returns the channel has been left, and what was not accepted is another's.
fn receive_all(args: &RecvArgs, work: Option<&Work>, stop: &Stop, received: &AtomicU64) -> End {
    let receive = || -> Result<End, Trouble> {
        let channel = open::open(&args.name, &args.channel)?;
        let inspection = channel.inspect();
        let receiving = Receiving {
            args,
            stop,
            receiver: channel.receiver(),
            framing: args.records.framing(inspection.max_len() as usize),
            most_leases: (inspection.max_capacity() / SHARE).clamp(1, MOST_LEASES) as usize,
            received,
        };
        Ok(match work {
            Some(work) => receiving.work(work),
            None => receiving.write(),
        })
    };
    receive().unwrap_or_else(End::Trouble)
}

struct Receiving<'a> {
    args: &'a RecvArgs,
    stop: &'a Stop,
    receiver: Receiver<Vec<u8>, Bytes>,
    framing: Framing,
    most_leases: usize,
    received: &'a AtomicU64,
}

impl Receiving<'_> {
    fn write(&self) -> End {
        if let Err(error) = self.stop.watch_output() {
            return End::Trouble(Trouble::of_system("cannot watch the output", &error));
        }
        let output = Output::new();
        let (mut leases, mut block) = (Vec::with_capacity(self.most_leases), Block::default());
        loop {
            let why = self.gather(&mut leases, &mut block);
            if leases.is_empty() {
                match self.wait_or_end(why) {
                    Ok(()) => continue,
                    Err(end) => return end,
                }
            }
            let (bytes, outcome) = output.write(&block);
            // Those that were not written whole are given back.
            let whole = block.whole_in(bytes);
            let accepted = leases.drain(..).take(whole).try_for_each(Lease::accept);
            // Relaxed: a figure to look at.
            self.received.fetch_add(whole as u64, Ordering::Relaxed);
            block.clear();
            match (outcome, accepted) {
                (Err(Errno::PIPE), _) => return End::Stopped(Why::OutputClosed),
                (Err(errno), _) => return End::Trouble(self.cannot_write(errno)),
                (Ok(()), Err(fault)) => return End::Trouble(open::fault(&self.args.name, &fault)),
                (Ok(()), Ok(())) => {}
            }
            // What is wrong with a record may not be told twice.
            if let Some(TryRecvError::Fault(fault)) = why {
                return End::Trouble(open::fault(&self.args.name, &fault));
            }
            if let Some(why) = self.stop.now() {
                return End::Stopped(why);
            }
        }
    }

    /// Takes what is there, as much as is written at once; why not more.
    fn gather<'a>(&'a self, leases: &mut Vec<Records<'a>>, block: &mut Block) -> Option<TryRecvError> {
        let room = usize::try_from(self.wanted()).unwrap_or(usize::MAX).min(self.most_leases);
        while leases.len() < room && block.bytes.len() < BLOCK {
            match self.receiver.try_lease() {
                Ok(lease) => {
                    self.framing.append(&lease, &mut block.bytes);
                    block.ends.push(block.bytes.len());
                    leases.push(lease);
                }
                Err(why) => return Some(why),
            }
        }
        None
    }

    /// How many records are still wanted.
    fn wanted(&self) -> u64 {
        self.args.most.map_or(u64::MAX, |most| most.get() - self.received.load(Ordering::Relaxed))
    }

    /// There was nothing: waits for something, if there will be any.
    fn wait_or_end(&self, why: Option<TryRecvError>) -> Result<(), End> {
        match why {
            _ if self.wanted() == 0 => Err(End::Enough),
            Some(TryRecvError::Disconnected) => Err(End::Channel),
            Some(TryRecvError::Fault(fault)) => Err(End::Trouble(open::fault(&self.args.name, &fault))),
            Some(TryRecvError::Empty) | None => self.wait(),
        }
    }

    fn wait(&self) -> Result<(), End> {
        let mut select = Select::new_biased();
        let stopped = select.recv(self.stop.heard());
        select.arm(&self.receiver);
        for _ in 0..LOOKS {
            if select.try_ready().is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        let ready = match self.args.timeout {
            None => select.ready(),
            Some(timeout) => select.ready_timeout(timeout).map_err(|_| End::OutOfTime)?,
        };
        match self.stop.now().filter(|_| ready == stopped) {
            Some(why) => Err(End::Stopped(why)),
            None => Ok(()),
        }
    }

    /// One record after the other to the command.
    fn work(&self, work: &Work) -> End {
        loop {
            if self.wanted() == 0 {
                return End::Enough;
            }
            if let Some(why) = self.stop.now() {
                return End::Stopped(why);
            }
            let lease = match self.receiver.try_lease() {
                Ok(lease) => lease,
                Err(why) => match self.wait_or_end(Some(why)) {
                    Ok(()) => continue,
                    Err(end) => return end,
                },
            };
            let outcome = self.try_out(work, &lease);
            let is_done = matches!(outcome, Ok(Outcome::Done | Outcome::DoneAndStop(_)));
            if is_done {
                let accepted: Result<(), Fault> = lease.accept();
                if let Err(fault) = accepted {
                    return End::Trouble(open::fault(&self.args.name, &fault));
                }
                self.received.fetch_add(1, Ordering::Relaxed);
            }
            match outcome {
                Ok(Outcome::Done) => {}
                Ok(Outcome::DoneAndStop(signal) | Outcome::Ended(signal)) => {
                    return End::Stopped(Why::Signal(signal));
                }
                Ok(Outcome::Failed(what)) => return End::Trouble(failed(&what)),
                Err(trouble) => return End::Trouble(trouble),
            }
        }
    }

    /// Runs the command for this record, again if it fails and that is wanted.
    fn try_out(&self, work: &Work, record: &[u8]) -> Result<Outcome, Trouble> {
        let mut input = Vec::with_capacity(record.len() + 4);
        self.framing.append(record, &mut input);
        for _ in 0..self.args.retries {
            match work.run(record, &input, self.stop, self.args.grace)? {
                Outcome::Failed(what) => say::say(Tone::Note, &format!("CMD {what}; it tries this record again")),
                outcome => return Ok(outcome),
            }
        }
        work.run(record, &input, self.stop, self.args.grace)
    }

    #[cold]
    fn cannot_write(&self, errno: Errno) -> Trouble {
        let trouble = Trouble::of_system("cannot write", &errno.into());
        let hint = trouble.hint.clone().unwrap_or_default();
        let received = records(self.received.load(Ordering::Relaxed));
        trouble.hint(format!("{hint}; {received} written, those in hand were given back"))
    }
}

#[cold]
fn failed(what: &str) -> Trouble {
    Trouble::new(format!("CMD {what}; its record was given back"))
        .hint("the next receiver gets it; with --retries N it is tried again here")
        .code(1)
}
