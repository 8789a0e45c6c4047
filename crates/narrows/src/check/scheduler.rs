//! Who runs next, as shuttle asks for it: chosen by one of its schedulers and written down, or read from what was.

use std::{cell::RefCell, mem, rc::Rc};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule as Begun, Scheduler, Task, TaskId};

use super::{checker::Way, schedule::Schedule};

/// What is known of a run of schedules, while it goes on and after it has failed.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// How many have begun.
    pub(super) begun: usize,
    /// The latest.
    pub(super) schedule: Schedule,
    /// There was a step that more than one thread could take.
    has_choice: bool,
    chance: Chance,
}

/// Numbers of which each is as good as the next (`SplitMix64`, Steele and others 2014).
#[derive(Debug, Default)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Record {
    fn begin(&mut self, seed: u64) -> Begun {
        self.begun += 1;
        self.schedule = Schedule { seed, threads: mem::take(&mut self.schedule.threads) };
        self.schedule.threads.clear();
        self.chance = Chance(seed);
        Begun::new(seed)
    }
}

/// Asks `inner`, and writes down what it says.
pub(super) struct Recorded {
    /// Until it has no schedule left.
    inner: Option<Box<dyn Scheduler>>,
    is_pct: bool,
    record: Rc<RefCell<Record>>,
}

impl Recorded {
    pub(super) fn new(way: Way, seed: u64, schedules: usize, record: Rc<RefCell<Record>>) -> Recorded {
        let inner: Box<dyn Scheduler> = match way {
            Way::Random => Box::new(RandomScheduler::new_from_seed(seed, schedules)),
            Way::Pct(depth) => Box::new(PctScheduler::new_from_seed(seed, depth, schedules)),
        };
        Recorded { inner: Some(inner), is_pct: way != Way::Random, record }
    }
}

impl Scheduler for Recorded {
    fn new_execution(&mut self) -> Option<Begun> {
        let mut record = self.record.borrow_mut();
        // PCT has nothing to rank where one thread is alone, and fails.
        if self.is_pct && record.begun > 0 && !record.has_choice {
            return None;
        }
        let Some(begun) = self.inner.as_mut()?.new_execution() else {
            self.inner = None;
            return None;
        };
        Some(record.begin(begun.seed))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        let next = self.inner.as_mut()?.next_task(runnable, current, is_yielding)?;
        let mut record = self.record.borrow_mut();
        record.has_choice |= runnable.len() > 1;
        record.schedule.threads.push(next.into());
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        self.record.borrow_mut().chance.next()
    }
}

/// After a failure shuttle's would tell people how to replay it with shuttle.
impl Drop for Recorded {
    fn drop(&mut self) {
        mem::forget(self.inner.take());
    }
}

/// Repeats a schedule. Where it ends the run goes on by chance: the failure has not come again.
pub(super) struct Replayed {
    schedule: Schedule,
    record: Rc<RefCell<Record>>,
}

impl Replayed {
    pub(super) fn new(schedule: Schedule, record: Rc<RefCell<Record>>) -> Replayed {
        Replayed { schedule, record }
    }
}

impl Scheduler for Replayed {
    fn new_execution(&mut self) -> Option<Begun> {
        let mut record = self.record.borrow_mut();
        (record.begun == 0).then(|| record.begin(self.schedule.seed))
    }

    fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        let mut record = self.record.borrow_mut();
        let step = record.schedule.threads.len();
        let next = if let Some(&thread) = self.schedule.threads.get(step) {
            runnable.iter().map(|task| task.id()).find(|&id| usize::from(id) == thread)
        } else {
            let any = record.chance.next() % runnable.len() as u64;
            runnable.get(usize::try_from(any).unwrap_or(0)).map(|task| task.id())
        };
        let Some(next) = next else {
            drop(record);
            panic!(
                "at step {step} the run leaves the schedule that is replayed: it is another program's by now, or this one \
                 has chance that is not the checker's (the clock, a `HashMap`'s order, a static, a thread of std)"
            );
        };
        record.schedule.threads.push(next.into());
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        self.record.borrow_mut().chance.next()
    }
}
