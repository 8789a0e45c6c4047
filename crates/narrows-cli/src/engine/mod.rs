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
//! That is the live mode. Where a batch has a process of its own, one thread per job does what slot and collector do:
//! `each` starts the process and tries again, `execution` stays with it, `emitter` cuts its output into parts for the
//! same gate. Reader, gate, roster, watch and supervisor are the same for all modes; a `builtin` is a job without a
//! process. Beside the gate stand the `ledger`, which logs what was printed, and `spill`, which holds what waits. With
//! named channels the `intake` stands before the reader, and the output is an `outlet`.
//!
//! Invariants:
//! * A record is in one place: the reader's buffer, a batch in a channel, one worker's flight, or the gate.
//! * Batches leave the reader in order and a worker answers in the order it was asked, so the oldest unprinted record
//!   is always the oldest of some flight, or at the front of a channel while its taker is free.
//! * The worker with the oldest unprinted record is never kept from answering; hence a full buffer is no deadlock.
//! * Memory: `buffer`, and per job two pipes, two read buffers, one longest record and one line of stderr. An output that
//!   must be held to its end (`--retries`, `--frame`) counts as held; the oldest one, unordered any one, may go beyond by
//!   another `buffer`. With `--spill` the questions, and what stays in memory of waiting answers, are bounded by `buffer` each.
//! * A worker is started and reaped by the same thread, and listed in the roster in between; whatever ends the farm
//!   ends all that are listed.

mod ages;
mod batch;
mod collect;
mod complaint;
mod control;
mod crew;
mod drain;
mod each;
mod emitter;
mod event;
mod execution;
mod farm;
mod flight;
mod framing;
mod gate;
mod halt;
mod hash;
mod intake;
mod journal;
mod launch;
mod ledger;
mod life;
mod order;
mod outlet;
mod output;
mod pace;
mod procfs;
mod reader;
mod recruit;
mod replies;
mod roster;
mod settle;
mod signals;
mod slot;
#[allow(unsafe_code, reason = "the parent-death signal is set between fork and exec; the file argues it")]
mod spawn;
mod spill;
mod supervisor;
mod sync;
mod tag;
mod template;
mod terminal;
mod threads;
mod trace;
mod track;
mod wakeup;
mod warden;
mod watch;

use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use narrows::{RecvTimeoutError, bounded, unbounded};

pub(crate) use batch::Portion;
pub(crate) use complaint::WholeLines;
pub(crate) use control::Control;
pub(crate) use crew::WorkerReport;
pub(crate) use event::{Cause, Ending, PassOn, Show, Snapshot, Tell, Tone, Trouble, advice};
pub(crate) use framing::{Framing, Mark};
pub(crate) use halt::{Halt, Limit};
pub(crate) use hash::Hash;
pub(crate) use intake::Input;
pub(crate) use journal::{Identity, Journal, open as open_journal};
pub(crate) use outlet::Outlet;
pub(crate) use output::Output;
pub(crate) use roster::{Leash, Roster};
pub(crate) use signals::{block_and_install, heeded as heeded_signals};
pub(crate) use spawn::{Program, cannot_start, die_with_parent};
pub(crate) use template::Template;
pub(crate) use threads::Builtin;
pub(crate) use trace::{TraceFile, open as open_trace};
pub(crate) use wakeup::Wakeup;
pub(crate) use warden::{VERB as WARDEN, keep as keep_warden};

use farm::{Farm, Parts};
use gate::{Gate, Limits};
use intake::Intake;
use ledger::{Ledger, Unit};
use pace::Pace;
use reader::Source;
use recruit::Recruiter;
use spill::Spill;
use supervisor::Supervisor;
use trace::Trace;

/// Batches between reader and jobs, per job. With 1 reader and slot wake each other for every batch.
const QUEUE: usize = 4;

/// What to run and within which bounds; checked, ready to go.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of the user")]
pub(crate) struct Plan {
    pub(crate) jobs: NonZeroUsize,
    pub(crate) work: Work,
    pub(crate) framing: Framing,
    /// How much of the input is handed over at a time.
    pub(crate) portion: Portion,
    /// A reply of a live worker is all lines up to one that says this.
    pub(crate) reply_end: Option<Vec<u8>>,
    /// Each line of output has its record before it.
    pub(crate) tagged: bool,
    pub(crate) ordered: bool,
    /// Records read ahead of the oldest unprinted one.
    pub(crate) window: Option<NonZeroU64>,
    /// Bytes held: questions without an answer, and answers that wait for their turn.
    pub(crate) buffer: usize,
    /// How long TERM and HUP let the workers finish.
    pub(crate) grace: Duration,
    /// A farm that has printed nothing for so long says which record it waits for.
    pub(crate) stall: Duration,
    /// Prefix the workers' stderr.
    pub(crate) verbose: bool,
    /// Stdout of the workers is a raw terminal.
    pub(crate) terminal: bool,
    /// Where answers wait for which there is no room in memory.
    pub(crate) spill: Option<PathBuf>,
    /// Further tries that a failed record gets.
    pub(crate) retries: u32,
    /// The pause before the first of them; it doubles.
    pub(crate) backoff: Duration,
    /// How long a record may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) halt: Halt,
    pub(crate) tell: Tell,
    pub(crate) pass_on: PassOn,
    /// What is shown how far the farm is, and how often.
    pub(crate) progress: Option<(Show, Duration)>,
}

impl Plan {
    fn unit(&self) -> Unit {
        match self.work {
            Work::Live(_) | Work::Builtin(_) => Unit::Record,
            Work::Spawn(_) | Work::Blocks(_) => Unit::Batch,
        }
    }
}

/// What answers the records.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// Copies of it stay running; each record is a line of their stdin.
    Live(Arc<Program>),
    /// A process per batch, which gets the records as arguments.
    Spawn(Arc<Template>),
    /// A process per batch, which reads the records on stdin.
    Blocks(Arc<Program>),
    Builtin(Builtin),
}

/// Runs a farm to its end. No worker is left when it returns. Who gets the control may look at it and steer it.
pub(crate) fn run(
    plan: &Plan,
    input: Input,
    output: Output,
    journal: Option<Journal>,
    trace: Option<TraceFile>,
    attend: impl FnOnce(Control),
) -> io::Result<Ending> {
    let pace = Arc::new(Pace::new(plan.buffer, plan.timeout.is_some()));
    let ledger = journal.map(|journal| Ledger::new(journal, plan.unit(), plan.framing));
    let spill = plan.spill.as_deref().map(Spill::new).transpose()?;
    let (events_in, events) = unbounded();
    let trace = trace.map(|file| Trace::start(file, events_in.clone())).transpose()?.map(Arc::new);
    let (source, intake) = match input {
        Input::File(file) => (Source::File(file), None),
        Input::Channel(records, name) => {
            let (framing, tell) = (plan.framing, plan.tell);
            let (intake, supply) = Intake::start((records, name), (framing, tell), events_in.clone())?;
            (Source::Channel(supply), Some(intake))
        }
    };
    let gate = Gate::new(limits(plan), Arc::clone(&pace), output, ledger, spill, trace);
    let gate = gate.telling(intake.as_ref().map(Intake::printed));
    let (over_in, over) = bounded(0);
    let parts = Parts { gate, pace, events: events_in.clone(), over };
    let farm = Arc::new(Farm::new(plan, parts)?);
    signals::listen(events_in)?;

    // Of a channel nothing waits here that another farm could have.
    let (batches_in, batches) = bounded(if intake.is_some() { 0 } else { QUEUE * plan.jobs.get() });
    farm.start("reader", move |farm| reader::run(farm, source, &batches_in))?;
    let command = plan.work.name();
    farm.start("watch", move |farm| watch::run(farm, command))?;
    if let Some((show, period)) = plan.progress {
        farm.start("progress", move |farm| show_progress(farm, show, period))?;
    }
    let recruiter = Recruiter::new(plan, Arc::clone(&farm), batches);
    (0..plan.jobs.get()).try_for_each(|_| recruiter.start())?;
    attend(Control::new(plan, Arc::clone(&farm), recruiter));
    let supervisor = Supervisor { farm: &farm, events, over: over_in, jobs: plan.jobs.get(), grace: plan.grace };
    let mut cause = supervisor.run();
    match (&cause, farm.gate.finish_trace()) {
        (Cause::Done | Cause::Halted, Some(trouble)) => cause = Cause::Trouble(trouble),
        (Cause::Signal { .. }, Some(trouble)) => farm.note(&trouble.error),
        _ => {}
    }
    farm.gate.output().leave();
    if let Some(Err(trouble)) = intake.map(Intake::finish) {
        cause = Cause::Trouble(trouble);
    }
    Ok(ending(plan, &farm, cause))
}

/// Until the farm is over, or all is done and the program ends.
fn show_progress(farm: &Farm, show: Show, period: Duration) {
    let begun = Instant::now();
    while farm.over.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
        let (view, failures) = (farm.gate.view(), farm.tally.failures());
        show(&Snapshot { read: view.read, printed: view.printed, failures, elapsed: begun.elapsed() });
    }
}

fn ending(plan: &Plan, farm: &Farm, cause: Cause) -> Ending {
    let view = farm.gate.view();
    let stopped = matches!(cause, Cause::Signal { drained: true, .. } | Cause::Halted);
    if let Some(ledger) = farm.gate.ledger.as_ref().filter(|_| is_orderly(&cause)) {
        ledger.close();
    }
    let unmatched = farm.gate.ledger.as_ref().filter(|_| matches!(cause, Cause::Done)).map_or(0, Ledger::unmatched);
    Ending {
        failures: farm.tally.failures(),
        read: view.read,
        printed: view.printed,
        skipped: farm.skipped.load(Ordering::Relaxed),
        unmatched,
        retries: farm.retried.load(Ordering::Relaxed),
        resume_at: (plan.ordered && stopped).then_some(view.printed + 1),
        cause,
    }
}

/// Whether each job came to its end by itself, so that none prints any more.
fn is_orderly(cause: &Cause) -> bool {
    matches!(cause, Cause::Done | Cause::Signal { drained: true, .. })
}

fn limits(plan: &Plan) -> Limits {
    let jobs = plan.jobs.get() as u64;
    let window = window_of(plan.window, plan.portion, jobs);
    Limits { ordered: plan.ordered, window, buffer: plan.buffer, jobs }
}

/// How many records may be read ahead, unless the pace decides.
fn window_of(asked: Option<NonZeroU64>, portion: Portion, jobs: u64) -> Option<NonZeroU64> {
    asked.or(match portion {
        Portion::Paced => None,
        Portion::Records(records) => NonZeroU64::new((8 * jobs).saturating_mul(records.get() as u64).max(256)),
        // Blocks are bounded by their bytes.
        Portion::Bytes(_) => Some(NonZeroU64::MAX),
    })
}

impl Work {
    /// In a word.
    pub(crate) fn mode(&self) -> &'static str {
        match self {
            Work::Live(_) => "live",
            Work::Spawn(_) => "spawn",
            Work::Blocks(_) => "block",
            Work::Builtin(_) => "in process",
        }
    }

    fn name(&self) -> String {
        match self {
            Work::Live(program) | Work::Blocks(program) => program.name(),
            Work::Spawn(template) => template.name(),
            Work::Builtin(_) => "builtin".into(),
        }
    }
}
