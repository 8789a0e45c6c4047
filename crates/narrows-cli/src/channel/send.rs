//! `narrows send`: the records of the input, one after the other, into a channel.

use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use narrows_shm::{Bytes, Fault, SendTimeoutError, Sender};

use super::args::SendArgs;
use super::input::{Input, Next};
use super::open;
use super::records;
use super::stop::{Stop, Why};
use crate::engine::{Framing, Trouble};
use crate::farm::closed;
use crate::say;

/// Who waits for room looks up so often whether it is to end. The channel looks about as often whether its peers live.
const LOOK_UP: Duration = Duration::from_millis(250);

/// Why not all was sent.
enum End {
    Signal(i32),
    Trouble(Trouble),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> End {
        End::Trouble(trouble)
    }
}

pub(crate) fn run(args: &SendArgs) -> anyhow::Result<ExitCode> {
    if args.words.is_empty() {
        closed::refuse_stdin()?;
    }
    say::be_quiet(args.quiet);
    let sent = Arc::new(AtomicU64::new(0));
    let stop = Stop::listen(true, last_words(Arc::clone(&sent), args.sync)).context("cannot listen to signals")?;
    match send_all(args, &stop, &sent) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(End::Signal(signal)) => stop.end(signal),
        Err(End::Trouble(trouble)) => Err(trouble.into()),
    }
}

fn last_words(sent: Arc<AtomicU64>, is_sync: bool) -> Box<dyn Fn() -> String + Send + Sync> {
    Box::new(move || {
        // Relaxed: a figure to look at.
        let sent = records(sent.load(Ordering::Relaxed));
        let how = if is_sync { "received; the next may be in the channel" } else { "sent" };
        format!("stopped: {sent} {how}")
    })
}

/// When this returns the channel has been left.
fn send_all(args: &SendArgs, stop: &Stop, sent: &AtomicU64) -> Result<(), End> {
    let channel = open::open(&args.name, &args.channel)?;
    let longest = channel.inspect().max_len() as usize;
    let sending =
        Sending { args, stop, sender: channel.sender(), framing: args.records.framing(longest), longest, sent };
    if args.words.is_empty() {
        sending.send_input()
    } else {
        args.words.iter().try_for_each(|word| sending.send(word.as_bytes()))
    }
}

struct Sending<'a> {
    args: &'a SendArgs,
    stop: &'a Stop,
    sender: Sender<Vec<u8>, Bytes>,
    framing: Framing,
    longest: usize,
    sent: &'a AtomicU64,
}

impl Sending<'_> {
    fn send_input(&self) -> Result<(), End> {
        let mut input = Input::new(self.framing, self.stop);
        loop {
            match input.next()? {
                Next::Records(records) => self.framing.records(records).try_for_each(|record| self.send(record))?,
                Next::TooLong => return Err(self.too_long(None)),
                Next::End => return Ok(()),
                // A sender has no output that could be closed.
                Next::Stopped(Why::OutputClosed) => {}
                Next::Stopped(Why::Signal(signal)) => return Err(End::Signal(signal)),
            }
        }
    }

    fn send(&self, record: &[u8]) -> Result<(), End> {
        let deadline = self.args.timeout.map(|timeout| Instant::now() + timeout);
        if self.args.sync {
            self.send_and_wait(record)?;
        } else {
            self.send_in_time(record, deadline)?;
        }
        // Relaxed: a figure to look at.
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn send_in_time(&self, record: &[u8], deadline: Option<Instant>) -> Result<(), End> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let slice = left.map_or(LOOK_UP, |left| left.min(LOOK_UP));
            match self.sender.send_slice_timeout(record, slice) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(())) => {
                    if let Some(Why::Signal(signal)) = self.stop.now() {
                        return Err(End::Signal(signal));
                    }
                    if left == Some(slice) {
                        return Err(self.too_late("there was no room"));
                    }
                }
                Err(why) => return Err(self.not_sent(why)),
            }
        }
    }

    /// Meanwhile a signal is heard by the thread for that alone.
    fn send_and_wait(&self, record: &[u8]) -> Result<(), End> {
        let timeout = self.args.timeout.unwrap_or(Duration::MAX);
        match self.sender.send_sync_timeout(record.to_vec(), timeout) {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Timeout(_)) => Err(self.too_late("nobody received it")),
            Err(SendTimeoutError::Disconnected(_)) => Err(self.not_sent(SendTimeoutError::Disconnected(()))),
            Err(SendTimeoutError::Fault(_, fault)) => Err(self.not_sent(SendTimeoutError::Fault((), fault))),
        }
    }

    /// The number of the record in hand, counted from 1.
    fn number(&self) -> u64 {
        self.sent.load(Ordering::Relaxed) + 1
    }

    fn rest(&self) -> String {
        format!("{} sent before it, and none that follows", records(self.number() - 1))
    }

    #[cold]
    fn too_late(&self, what: &str) -> End {
        let (number, name) = (self.number(), &self.args.name);
        let error = format!("record {number} for {name} has waited too long ({what})");
        End::Trouble(Trouble::new(error).hint(self.rest()).code(124))
    }

    #[cold]
    fn too_long(&self, len: Option<usize>) -> End {
        let (number, name, longest) = (self.number(), &self.args.name, self.longest);
        let has = len.map_or("more than that".to_owned(), |len| len.to_string());
        let error = format!("record {number} is too long: the channel {name} takes {longest} bytes, and it has {has}");
        let hint = format!("{}; --max-record, when the channel is made, raises the limit", self.rest());
        End::Trouble(Trouble::new(error).hint(hint).code(1))
    }

    #[cold]
    fn not_sent(&self, why: SendTimeoutError<()>) -> End {
        let name = &self.args.name;
        match why {
            SendTimeoutError::Fault((), Fault::TooLong { len, .. }) => self.too_long(Some(len)),
            SendTimeoutError::Fault((), fault) => End::Trouble(open::fault(name, &fault)),
            SendTimeoutError::Timeout(()) | SendTimeoutError::Disconnected(()) => {
                let error = format!("the channel {name} was closed at record {}", self.number());
                End::Trouble(Trouble::new(error).hint(self.rest()).code(1))
            }
        }
    }
}
