//! One of the jobs when every batch gets a process of its own: records as arguments, or a block of them on stdin.
//! The thread that runs this starts, listens to and reaps one process at a time.
//!
//! ```text
//!   batch --> process --exit 0--> answered
//!                |
//!                +--otherwise, or not to be started--> failed, named; what it printed is printed
//! ```

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Instant;

use narrows::Receiver;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use serde_json::json;

use super::batch::Batch;
use super::complaint::WholeLines;
use super::crew::Desk;
use super::emitter::Emitter;
use super::execution::{Errors, Execution};
use super::farm::{Farm, Leaving};
use super::framing::Mark;
use super::launch::{Launch, Launched, launch, set_nonblocking};
use super::ledger;
use super::roster::{Leash, Task};
use super::spawn::{Program, cannot_start};
use super::tag::Tag;
use super::template::{HasNul, Template};
use super::trace::{Lane, Outcome};

/// How a process gets the records of its batch.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Arguments(Arc<Template>),
    Stdin(Arc<Program>),
}

impl Way {
    pub(super) fn name(&self) -> String {
        match self {
            Way::Arguments(template) => template.name(),
            Way::Stdin(program) => program.name(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Way::Arguments(template) => &template.path,
            Way::Stdin(program) => &program.path,
        }
    }
}

#[derive(Debug)]
pub(super) struct Each {
    pub(super) farm: Arc<Farm>,
    pub(super) desk: Arc<Desk>,
    pub(super) way: Way,
    pub(super) batches: Receiver<Batch>,
    pub(super) verbose: bool,
    pub(super) terminal: bool,
}

/// What became of a batch.
enum Fate {
    Answered,
    /// Lasting: another try would end in the same way.
    Failed {
        reason: String,
        hint: Option<&'static str>,
        lasting: bool,
    },
    /// The farm is over, or must be.
    Over,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
struct Exit {
    status: ExitStatus,
    overflowed: bool,
    late: bool,
    output: usize,
}

impl Fate {
    fn failed(reason: impl Into<String>) -> Fate {
        Fate::Failed { reason: reason.into(), hint: None, lasting: false }
    }

    fn lasting(reason: &str, hint: &'static str) -> Fate {
        Fate::Failed { reason: reason.into(), hint: Some(hint), lasting: true }
    }
}

const NUL_HINT: &str =
    "no argument can hold a NUL byte; with -0 records end with NUL, or let CMD read stdin: leave out {}";
const LONG_HINT: &str = "let CMD read its records on stdin: leave out {}, or use --blocks; fewer records fit with -n";

const HOLD_HINT: &str = "--retries and --frame hold the output of a process until its end: raise --buffer";

impl Each {
    pub(super) fn run(&self) {
        let _leaving = Leaving(&self.farm);
        let (mut errors, theirs) = match self.errors() {
            Ok(pipe) => pipe,
            Err(error) => return self.farm.trouble(cannot_start(self.way.path(), &error)),
        };
        let mut buffer = Vec::new();
        while let Some(batch) = self.farm.next_batch(&self.desk, &self.batches) {
            if self.farm.is_over() {
                return;
            }
            if !self.farm.draining.allows(&batch) {
                continue;
            }
            self.desk.begin(Instant::now());
            let goes_on = self.answer(&batch, &mut errors, &theirs, &mut buffer);
            self.desk.rest(Instant::now());
            if !goes_on {
                return;
            }
        }
    }

    fn errors(&self) -> io::Result<(Errors, OwnedFd)> {
        let (pipe, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        set_nonblocking(&pipe)?;
        let prefix =
            if self.verbose { format!("worker {} ({}): ", self.desk.job + 1, self.way.name()) } else { String::new() };
        Ok((Errors { pipe, complaints: WholeLines::new(prefix, self.farm.pass_on) }, theirs))
    }

    /// False when the farm is over.
    fn answer(&self, batch: &Batch, errors: &mut Errors, theirs: &OwnedFd, buffer: &mut Vec<u8>) -> bool {
        let framing = self.farm.framing;
        let tag = self.farm.replies.tagged.then(|| Tag::new(framing.records(&batch.bytes), framing.delimiter()));
        let framed = framing.mark == Mark::Length && matches!(self.way, Way::Arguments(_));
        let mut emitter = Emitter::new(&self.farm, batch.numbers(), buffer).tagged(tag).framed(framed);
        let begun = Instant::now();
        let mut tries = 0;
        let failure = loop {
            let last = tries >= self.farm.retries;
            emitter.hold(!last);
            let started = Instant::now();
            let (fate, exit) = self.attempt(batch, errors, theirs, &mut emitter);
            let again = matches!(fate, Fate::Failed { lasting: false, .. }) && !last && !self.farm.is_draining();
            self.trace(batch, started, tries, (&fate, exit), again);
            match fate {
                Fate::Answered => break None,
                Fate::Over => return false,
                Fate::Failed { .. } if again => {
                    emitter.discard();
                    if !self.farm.back_off(tries) {
                        return false;
                    }
                }
                Fate::Failed { reason, hint, .. } => {
                    let times = if tries > 0 { format!(" in {} tries, the last with", tries + 1) } else { ":".into() };
                    self.farm.note_failure(&batch.numbers(), &format!("{times} {reason}"), hint);
                    break Some(reason);
                }
            }
            tries += 1;
        };
        if let Some(ledger) = &self.farm.gate.ledger {
            let (worker, attempts, took) = (Some(self.desk.job), Some(tries + 1), Some(begun.elapsed()));
            ledger.note(batch.first, &ledger::Fate { failure, worker, attempts, took });
        }
        self.desk.answered(batch.records as u64);
        emitter.finish(batch.bytes.len());
        true
    }

    /// Tells the trace of a try, if there is one.
    fn trace(&self, batch: &Batch, started: Instant, tries: u32, (fate, exit): (&Fate, Option<Exit>), again: bool) {
        let Some(trace) = self.farm.gate.trace() else { return };
        let outcome = match fate {
            Fate::Answered => Outcome::Answered,
            Fate::Failed { reason, .. } if again => Outcome::Retried(reason),
            Fate::Failed { reason, .. } => Outcome::Failed(reason),
            Fate::Over => return,
        };
        let mut more = json!({ "bytes": batch.bytes.len(), "try": tries + 1 });
        if let Some(exit) = exit {
            more["output"] = json!(exit.output);
            more["exit"] = json!(exit.status.code());
            more["signal"] = json!(exit.status.signal());
        }
        trace.work(Lane::Worker(self.desk.job), &batch.numbers(), started..Instant::now(), outcome, more);
    }

    fn attempt(
        &self,
        batch: &Batch,
        errors: &mut Errors,
        theirs: &OwnedFd,
        emitter: &mut Emitter<'_>,
    ) -> (Fate, Option<Exit>) {
        let launched = match self.launch(batch, theirs) {
            Ok(launched) => launched,
            Err(fate) => return (fate, None),
        };
        let exit = self.attend(launched, batch, errors, emitter);
        let fate = match exit {
            Some(Exit { overflowed: true, .. }) => {
                emitter.discard();
                Fate::lasting("its output is longer than --buffer", HOLD_HINT)
            }
            Some(Exit { late: true, .. }) => {
                Fate::failed(format!("it took longer than {:?}", self.farm.timeout.unwrap_or_default()))
            }
            Some(Exit { status, .. }) if status.success() => Fate::Answered,
            Some(Exit { status, .. }) => Fate::failed(status.to_string()),
            None => Fate::Over,
        };
        (fate, exit)
    }

    fn launch(&self, batch: &Batch, theirs: &OwnedFd) -> Result<Launched, Fate> {
        let argv = self.argv(batch).map_err(|HasNul| Fate::lasting("it holds a NUL byte", NUL_HINT))?;
        let fed = matches!(self.way, Way::Stdin(_));
        match self.farm.roster.announce(self.desk.job, theirs) {
            Ok(true) => {}
            Ok(false) => return Err(Fate::Over),
            Err(error) => {
                self.farm.trouble(cannot_start(self.way.path(), &error));
                return Err(Fate::Over);
            }
        }
        let what = Launch { path: self.way.path(), argv: &argv, fed, terminal: self.terminal, stderr: theirs.as_fd() };
        launch(&what).map_err(|error| {
            self.farm.roster.withdraw(self.desk.job);
            if Errno::from_io_error(&error) == Some(Errno::TOOBIG) {
                return Fate::lasting("it is longer than the arguments of a command may be", LONG_HINT);
            }
            self.farm.trouble(cannot_start(self.way.path(), &error));
            Fate::Over
        })
    }

    fn argv(&self, batch: &Batch) -> Result<Vec<OsString>, HasNul> {
        match &self.way {
            Way::Stdin(program) => Ok(program.argv.clone()),
            Way::Arguments(template) => {
                let records: Vec<&[u8]> = self.farm.framing.records(&batch.bytes).collect();
                template.fill(&records, batch.first + 1, self.desk.job + 1)
            }
        }
    }

    /// Stays with the process to its end and reaps it; None if the farm was over before.
    fn attend(
        &self,
        launched: Launched,
        batch: &Batch,
        errors: &mut Errors,
        emitter: &mut Emitter<'_>,
    ) -> Option<Exit> {
        let Launched { mut child, pid, exit, stdin, stdout } = launched;
        self.desk.employ(pid);
        let leash = Arc::new(Leash { job: self.desk.job, pid, exit });
        self.farm.roster.enter(&leash, Task::Batch(batch.first));
        self.farm.wake_watch();
        let mut execution = Execution {
            farm: &self.farm,
            first: batch.first,
            leash: Arc::clone(&leash),
            stdin,
            input: &batch.bytes,
            stdout: Some(stdout),
            errors,
            exited: false,
            deadline: self.farm.timeout.map(|timeout| Instant::now() + timeout),
            late: false,
            overflowed: false,
            output: 0,
        };
        if !execution.run(emitter) {
            // The farm ends it; its end is awaited there.
            return None;
        }
        let (overflowed, late, output) = (execution.overflowed, execution.late, execution.output);
        self.farm.roster.leave(&leash);
        let status = child.wait();
        // Someone else may have reaped it: the farm is being ended then.
        let exit = Exit { status: status.ok()?, overflowed, late, output };
        (!self.farm.is_over()).then_some(exit)
    }
}
