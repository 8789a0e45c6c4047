//! Decides how a farm ends. Hears all events; touches no record.
//!
//! ```text
//!   running --INT, TERM, HUP--> draining --next signal, or --grace after TERM and HUP--> ending: TERM, 2 s later KILL
//!      |                           |                                                       | next signal
//!      +--last job done------------+--> done                                               v
//!      |  (--halt soon: the same, and --halt now: ending)
//!      +--trouble, output closed--> ending                                               KILL
//! ```

use std::time::{Duration, Instant};

use narrows::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::process::Signal;
use signal_hook::consts::SIGINT;

use super::event::{Cause, Event, Trouble};
use super::farm::Farm;

/// Workers told to end after the user insisted get this long,
const PATIENCE: Duration = Duration::from_secs(2);
/// and those of a farm that failed or is not read any more this long: their answers go nowhere.
const SHORT_PATIENCE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Supervisor<'a> {
    pub(super) farm: &'a Farm,
    pub(super) events: Receiver<Event>,
    /// Dropped when the farm is over.
    pub(super) over: Sender<()>,
    pub(super) jobs: usize,
    pub(super) grace: Duration,
}

impl Supervisor<'_> {
    /// Hears events until the farm has ended; then no worker is left.
    pub(super) fn run(self) -> Cause {
        let mut jobs = self.jobs;
        let mut late: Option<Trouble> = None;
        let mut halted = false;
        let mut drained_for: Option<(i32, Option<Instant>)> = None;
        loop {
            let event = match drained_for {
                Some((_, Some(deadline))) => self.events.recv_deadline(deadline).ok(),
                _ => self.events.recv().ok(),
            };
            match event {
                Some(Event::JobAdded) => jobs += 1,
                Some(Event::JobDone) if jobs > 1 => jobs -= 1,
                Some(Event::JobDone) => {
                    let signal = drained_for.map(|(signal, _)| Cause::Signal { signal, drained: true });
                    let halted = halted.then_some(Cause::Halted);
                    return signal.or(halted).or(late.map(Cause::Trouble)).unwrap_or(Cause::Done);
                }
                Some(Event::Halt) if self.farm.tally.is_immediate() => {
                    self.farm.note("too many records failed: ending the workers");
                    return self.end(Cause::Halted, SHORT_PATIENCE);
                }
                Some(Event::Halt) => {
                    halted = true;
                    self.farm.drain();
                    self.farm.note("too many records failed: finishing what is in hand");
                }
                Some(Event::Trouble(trouble)) => {
                    return self.end(Cause::Trouble(trouble), SHORT_PATIENCE);
                }
                Some(Event::OutputClosed) => return self.end(Cause::OutputClosed, SHORT_PATIENCE),
                Some(Event::InputTrouble(trouble)) => late = Some(trouble),
                Some(Event::Signal(signal)) if drained_for.is_none() => {
                    let deadline = (signal != SIGINT).then(|| Instant::now() + self.grace);
                    drained_for = Some((signal, deadline));
                    self.drain(signal);
                }
                Some(Event::Signal(_)) | None => {
                    let signal = drained_for.map_or(SIGINT, |(signal, _)| signal);
                    self.farm.note("ending the workers");
                    return self.end(Cause::Signal { signal, drained: false }, PATIENCE);
                }
            }
        }
    }

    /// Stops the reading; what the workers have in hand is finished and printed.
    fn drain(&self, signal: i32) {
        self.farm.drain();
        if signal == SIGINT {
            self.farm.note("finishing what is in hand; press Ctrl-C again to end the workers");
        }
    }

    /// Ends all workers at once. A signal that arrives meanwhile cuts the patience short.
    fn end(self, cause: Cause, patience: Duration) -> Cause {
        let Supervisor { farm, events, over, .. } = self;
        drop(over);
        farm.gate.shut();
        let (ended, done) = bounded::<()>(0);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                farm.roster.end(patience);
                drop(ended);
            });
            // The roster is done in `patience` and a little more, so this ends.
            while done.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
                if events.try_iter().any(|event| matches!(event, Event::Signal(_))) {
                    farm.roster.signal(Signal::KILL);
                }
            }
        });
        cause
    }
}
