//! The engine of `narrows farm`: records in, answers out, in order, in bounded memory. Knows no command line.
//!
//! ```text
//!             batches (a Narrows channel)        one thread each per job
//!            +---------------------------> slot ==stdin==> worker ==stdout==> collector
//!  input     |                              |  feeds, starts,        matches answers  |
//!  ======> reader                           |  reaps                 to questions     |
//!            ^                              |                                         v
//!            |                              +--- again <-- what a dead worker        gate ======> output
//!            |                                             had not read               |  order, then print
//!            +------------------------------ room ------------------------------------+
//!
//!  watch: looks at workers and output when nothing moves      supervisor: hears every event, decides how it ends
//! ```
//!
//! Invariants:
//! * A record is in one place: the reader's buffer, a batch in a channel, one worker's flight, or the gate.
//! * Batches leave the reader in order and a worker answers in the order it was asked, so the oldest unprinted record
//!   is always the oldest of some flight, or at the front of a channel while its taker is free.
//! * The worker with the oldest unprinted record is never kept from answering; hence a full buffer is no deadlock.
//! * Memory: `buffer`, and per job two pipes, two read buffers and one longest record.
//! * A worker is started and reaped by the same thread, and listed in the roster in between; whatever ends the farm
//!   ends all that are listed.

mod batch;
mod collect;
mod complaint;
mod event;
mod farm;
mod flight;
mod gate;
mod life;
mod order;
mod output;
mod pace;
mod procfs;
mod reader;
mod settle;
mod signals;
mod slot;
#[allow(unsafe_code, reason = "the parent-death signal is set between fork and exec; the file argues it")]
mod spawn;
mod supervisor;
mod sync;
mod threads;
mod wakeup;
mod watch;

use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use narrows::{Receiver, bounded, unbounded};

pub(crate) use batch::Framing;
pub(crate) use event::{Cause, Ending, Tell, Tone, Trouble};
pub(crate) use spawn::Program;
pub(crate) use threads::Builtin;

use batch::Batch;
use farm::{Farm, Parts};
use gate::{Gate, Limits};
use output::Output;
use pace::Pace;
use slot::Slot;
use supervisor::Supervisor;

/// Batches between reader and jobs, per job. With 1 reader and slot wake each other for every batch.
const QUEUE: usize = 4;

/// What to run and within which bounds; checked, ready to go.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) jobs: NonZeroUsize,
    pub(crate) work: Work,
    pub(crate) framing: Framing,
    pub(crate) ordered: bool,
    /// Records read ahead of the oldest unprinted one.
    pub(crate) window: Option<NonZeroU64>,
    /// Bytes held: questions without an answer, and answers that wait for their turn.
    pub(crate) buffer: usize,
    /// How long TERM and HUP let the workers finish.
    pub(crate) grace: Duration,
    /// Prefix the workers' stderr.
    pub(crate) verbose: bool,
    pub(crate) tell: Tell,
}

/// What answers the records.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Command(Arc<Program>),
    Builtin(Builtin),
}

/// Runs a farm to its end. No worker is left when it returns.
pub(crate) fn run(plan: &Plan, input: OwnedFd, output: OwnedFd) -> io::Result<Ending> {
    let pace = Arc::new(Pace::new(plan.buffer));
    let limits =
        Limits { ordered: plan.ordered, window: plan.window, buffer: plan.buffer, jobs: plan.jobs.get() as u64 };
    let gate = Gate::new(limits, Arc::clone(&pace), Output::new(output));
    let (events_in, events) = unbounded();
    let (over_in, over) = bounded(0);
    let parts = Parts { framing: plan.framing, gate, pace, events: events_in.clone(), over, tell: plan.tell };
    let farm = Arc::new(Farm::new(parts)?);
    signals::listen(events_in)?;

    let (batches_in, batches) = bounded(QUEUE * plan.jobs.get());
    farm.start("reader", move |farm| reader::run(farm, input, &batches_in))?;
    let command = name_of(&plan.work);
    farm.start("watch", move |farm| watch::run(farm, command))?;
    for job in 0..plan.jobs.get() {
        start_job(plan, &farm, job, batches.clone())?;
    }
    drop(batches);
    let supervisor = Supervisor { farm: &farm, events, over: over_in, jobs: plan.jobs.get(), grace: plan.grace };
    let cause = supervisor.run();
    let resume_at =
        (plan.ordered && matches!(cause, Cause::Signal { drained: true, .. })).then(|| farm.gate.view().printed + 1);
    Ok(Ending { cause, failures: farm.failures.load(Ordering::Relaxed), resume_at })
}

/// The jobs are not joined: each tells the supervisor of its end.
fn start_job(plan: &Plan, farm: &Arc<Farm>, job: usize, batches: Receiver<Batch>) -> io::Result<()> {
    match plan.work.clone() {
        Work::Builtin(builtin) => farm.start("builtin", move |farm| threads::run(farm, builtin, &batches))?,
        Work::Command(program) => {
            let slot = Slot { farm: Arc::clone(farm), job, program, batches, verbose: plan.verbose };
            farm.start("slot", move |_| slot.run())?
        }
    };
    Ok(())
}

fn name_of(work: &Work) -> String {
    match work {
        Work::Command(program) => {
            let command = Path::new(&program.argv[0]);
            command.file_name().unwrap_or(command.as_os_str()).display().to_string()
        }
        Work::Builtin(_) => "builtin".into(),
    }
}
