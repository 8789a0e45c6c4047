//! Runs of a body under schedules of the checker, which is shuttle: with `--cfg narrows_check`.

use std::{
    cell::RefCell,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use shuttle::{Config, FailurePersistence, MaxSteps, Runner, scheduler::Scheduler};

use super::{
    Checker, Failure,
    checker::Way,
    hook::{self, Keeps},
    schedule::Schedule,
    scheduler::{Record, Recorded, Replayed},
};
use crate::{time, trace};

/// How many switches a PCT schedule forces at most, where nobody says: most bugs need few, but a third thread that comes back
/// late needs more.
const DEPTHS: [usize; 2] = [3, 8];

/// A schedule that is longer is better read from a file.
const LONG: usize = 2000;

#[track_caller]
pub(crate) fn must_be_in_a_run() {
    assert!(shuttle::current::try_get_current_task().is_some(), "{}", hook::ADVICE);
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    must_be_in_a_run();
    shuttle::future::block_on(future)
}

/// One part of a check.
struct Part {
    way: Way,
    schedules: usize,
}

#[track_caller]
pub(super) fn find(checker: &Checker, body: impl Fn() + Send + Sync + 'static) -> Option<Failure> {
    let body = Arc::new(body);
    if let Some(text) = checker.wanted() {
        let schedule = read(&text);
        let record = Rc::new(RefCell::new(Record::default()));
        let given = schedule.threads.len();
        let replayed = Replayed::new(schedule, record.clone());
        let found = run(checker, replayed, &record, &body)?;
        let is_longer = record.borrow().schedule.threads.len() > given;
        let kind = if is_longer { "beyond the end of the schedule given" } else { "the schedule given" };
        return Some(found.tell(0, 1, kind));
    }
    let (all, seed) = (checker.how_many(), checker.first_seed());
    let mut before = 0;
    for part in parts(checker.way, all) {
        let record = Rc::new(RefCell::new(Record::default()));
        let recorded = Recorded::new(part.way, seed, part.schedules, record.clone());
        if let Some(found) = run(checker, recorded, &record, &body) {
            let kind = match part.way {
                Way::Random => "random".to_owned(),
                Way::Pct(depth) => format!("PCT of depth {depth}"),
            };
            return Some(found.tell(before, all, &format!("{kind}, seed {seed}")));
        }
        before += part.schedules;
    }
    None
}

fn parts(way: Option<Way>, all: usize) -> Vec<Part> {
    if let Some(way) = way {
        return vec![Part { way, schedules: all }];
    }
    let each = all / 4;
    let pct = DEPTHS.map(|depth| Part { way: Way::Pct(depth), schedules: each });
    let mut parts = vec![Part { way: Way::Random, schedules: all - 2 * each }];
    parts.extend(pct);
    parts.retain(|part| part.schedules > 0);
    parts
}

/// The schedule that is meant: the text of one, or of a file that has it.
#[track_caller]
fn read(text: &str) -> Schedule {
    if let Ok(schedule) = text.parse() {
        return schedule;
    }
    let Ok(inside) = fs::read_to_string(text.trim()) else {
        panic!("{text:?} is no schedule, and no file that can be read: a failure names it, as `3k.a5b2c1`");
    };
    let Ok(schedule) = inside.parse() else { panic!("there is no schedule in the file {text}") };
    schedule
}

/// What failed, and under which schedule.
struct Found {
    message: String,
    is_deadlock: bool,
    schedules: usize,
    schedule: String,
}

fn run(
    checker: &Checker,
    scheduler: impl Scheduler + 'static,
    record: &Rc<RefCell<Record>>,
    body: &Arc<impl Fn() + Send + Sync + 'static>,
) -> Option<Found> {
    let _keeps = Keeps::begin();
    let mut config = Config::new();
    config.stack_size = checker.stack;
    config.max_steps = MaxSteps::FailAfter(checker.steps);
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    let runner = Runner::new(scheduler, config);
    let body = body.clone();
    let in_schedule = move || {
        Keeps::forget();
        trace::forget();
        time::begin();
        body();
    };
    let panic = catch_unwind(AssertUnwindSafe(|| runner.run(in_schedule))).err()?;
    let what = hook::text(&*panic);
    let (message, is_deadlock) = if let Some(threads) = what.strip_prefix("deadlock! blocked tasks: ") {
        (deadlock(threads), true)
    } else if what.starts_with("exceeded max_steps") {
        let steps = checker.steps;
        (format!("no end after {steps} steps: threads that run for ever, or too few steps (Checker::steps)"), false)
    } else {
        // Who caught a panic and went on has had it kept, too; what ends the run is the last that says the same.
        let kept = Keeps::kept();
        (kept.into_iter().rev().find(|kept| kept.starts_with(what)).unwrap_or_else(|| what.to_owned()), false)
    };
    let record = record.borrow();
    Some(Found { message, is_deadlock, schedules: record.begun, schedule: record.schedule.to_string() })
}

/// Says who waits, and for what. shuttle lists `NAME (task PARENT(NUMBER))`, and with `SHUTTLE_CAPTURE_BACKTRACE` where each
/// waits.
fn deadlock(threads: &str) -> String {
    let mut rest = threads.strip_prefix('[').unwrap_or(threads);
    rest = rest.strip_suffix(']').unwrap_or(rest);
    let mut said = "deadlock: each of these waits, and nobody is left to wake it: ".to_owned();
    while let Some((name, behind)) = rest.split_once(" (task ") {
        said.push_str(name);
        let mut open = 1;
        let end = behind.find(|c| {
            open += i32::from(c == '(') - i32::from(c == ')');
            open == 0
        });
        let (task, after) = behind.split_at(end.unwrap_or(behind.len()));
        let number = task.split_once('(').and_then(|(_, number)| number.split(')').next()?.parse().ok());
        let awaited = number.map(trace::awaited).unwrap_or_default();
        if !awaited.is_empty() {
            said.push_str(" (waits ");
            said.push_str(&awaited.join(", or "));
            said.push(')');
        }
        rest = after.strip_prefix(')').unwrap_or(after);
    }
    said.push_str(rest);
    said.replace("<unknown>", "a thread without a name")
}

impl Found {
    /// The failure for its reader. There were `before` schedules in other parts.
    fn tell(self, before: usize, of: usize, kind: &str) -> Failure {
        let Found { message, is_deadlock, schedules, schedule } = self;
        let named = if schedule.len() > LONG { keep(&schedule) } else { None };
        let named = named.map_or_else(|| schedule.clone(), |path| path.display().to_string());
        let test = thread::current()
            .name()
            .filter(|name| *name != "main")
            .map_or_else(String::new, |name| format!(" -- --exact {name}"));
        let backtraces = if is_deadlock {
            "\nWith SHUTTLE_CAPTURE_BACKTRACE=1, too, it says where in the code each waits."
        } else {
            ""
        };
        let advice = format!(
            "({kind}) To run it again, with the same build:\nNARROWS_REPLAY='{named}' RUSTFLAGS=\"--cfg narrows_check\" \
             cargo test --target-dir target/check{test}{backtraces}"
        );
        Failure { message, is_deadlock, schedules: before + schedules, of, schedule, advice }
    }
}

/// Writes a long schedule to a file of its own; none if that cannot be.
fn keep(schedule: &str) -> Option<PathBuf> {
    static NUMBERS: AtomicUsize = AtomicUsize::new(1);
    // Relaxed: a number.
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("narrows-schedule-{}-{number}.txt", process::id()));
    fs::write(&path, schedule).ok()?;
    Some(path)
}
