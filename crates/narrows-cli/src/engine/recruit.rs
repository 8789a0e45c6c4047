//! Starts the jobs of a farm, at its beginning and later. They are not joined: each tells the supervisor of its end.

use std::io;
use std::sync::Arc;

use narrows::Receiver;

use super::batch::Batch;
use super::each::{Each, Way};
use super::farm::Farm;
use super::slot::Slot;
use super::threads::{self, Builtin};
use super::{Plan, Program, Work};

#[derive(Debug)]
pub(super) struct Recruiter {
    farm: Arc<Farm>,
    batches: Receiver<Batch>,
    task: Task,
    verbose: bool,
    terminal: bool,
}

#[derive(Debug)]
enum Task {
    Builtin(Builtin),
    Live(Arc<Program>),
    Each(Way),
}

impl Recruiter {
    pub(super) fn new(plan: &Plan, farm: Arc<Farm>, batches: Receiver<Batch>) -> Recruiter {
        let task = match plan.work.clone() {
            Work::Builtin(builtin) => Task::Builtin(builtin),
            Work::Live(program) => Task::Live(program),
            Work::Spawn(template) => Task::Each(Way::Arguments(template)),
            Work::Blocks(program) => Task::Each(Way::Stdin(program)),
        };
        Recruiter { farm, batches, task, verbose: plan.verbose, terminal: plan.terminal }
    }

    /// Starts one more job.
    pub(super) fn start(&self) -> io::Result<()> {
        let (farm, batches) = (Arc::clone(&self.farm), self.batches.clone());
        let desk = farm.crew.hire();
        let (verbose, terminal) = (self.verbose, self.terminal);
        let started = match &self.task {
            Task::Builtin(builtin) => {
                let builtin = *builtin;
                self.farm.start("builtin", move |farm| threads::run(farm, &desk, builtin, &batches))
            }
            Task::Live(program) => {
                let slot = Slot { farm, desk, program: Arc::clone(program), batches, verbose, terminal };
                self.farm.start("slot", move |_| slot.run())
            }
            Task::Each(way) => {
                let each = Each { farm, desk, way: way.clone(), batches, verbose, terminal };
                self.farm.start("each", move |_| each.run())
            }
        };
        if started.is_err() {
            self.farm.crew.dismiss();
        }
        started.map(drop)
    }
}
