//! What a check is to do, and what it found. Knows nothing of how a body is run.

use std::{env, fmt, panic::Location};

use super::engine;

/// Of the schedules that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// At each step any of the threads that can go on.
    Random,
    /// Whoever can go on and ranks first; ranks are drawn, and so many times less one somebody falls to the last.
    Pct(usize),
}

/// A check: how many schedules, of which kind, and which.
///
/// ```
/// use narrows::check::{Checker, thread};
///
/// let found = Checker::new().schedules(100).find(|| {
///     let (s, r) = narrows::bounded::<u32>(2);
///     let other = s.clone();
///     thread::spawn(move || s.send(1));
///     other.send(2).unwrap();
///     drop(other);
///     assert_eq!(r.iter().sum::<u32>(), 3);
/// });
/// assert!(found.is_none(), "{}", found.unwrap());
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(not(narrows_check), allow(dead_code))] // most of it is for the checker
pub struct Checker {
    pub(super) way: Option<Way>,
    pub(super) schedules: Option<usize>,
    pub(super) seed: Option<u64>,
    pub(super) replay: Option<String>,
    pub(super) steps: usize,
    pub(super) stack: usize,
}

/// Schedules where nobody says how many: a second or two for a small program.
#[cfg(narrows_check)]
const USUAL: usize = 1000;

impl Default for Checker {
    fn default() -> Checker {
        Checker::new()
    }
}

impl Checker {
    /// Half of the schedules random, half by PCT with few switches or with more.
    pub fn new() -> Checker {
        Checker { way: None, schedules: None, seed: None, replay: None, steps: 200_000, stack: 1 << 18 }
    }

    /// Random schedules alone: at each step any thread that can go on does. Good at what needs many switches.
    #[must_use]
    pub fn random(self) -> Checker {
        Checker { way: Some(Way::Random), ..self }
    }

    /// Schedules by PCT alone (Burckhardt and others, 2010): the thread that ranks first runs as long as it can, and at
    /// `depth - 1` moments it falls to the last rank. Of `k` steps and `n` threads it finds a bug that takes `depth`
    /// orders of two steps in at least one of `n * k^(depth - 1)` schedules.
    ///
    /// # Panics
    /// If `depth` is 0.
    #[must_use]
    #[track_caller]
    pub fn pct(self, depth: usize) -> Checker {
        assert!(depth > 0, "the depth of a bug is at least 1");
        Checker { way: Some(Way::Pct(depth)), ..self }
    }

    /// How many schedules at most; the first that fails is the last. Without `--cfg narrows_check` it says nothing.
    #[must_use]
    pub fn schedules(self, schedules: usize) -> Checker {
        Checker { schedules: Some(schedules), ..self }
    }

    /// What the schedules begin with: the same seed and the same body give the same schedules.
    #[must_use]
    pub fn seed(self, seed: u64) -> Checker {
        Checker { seed: Some(seed), ..self }
    }

    /// This schedule alone, from [`Failure::schedule`].
    #[must_use]
    pub fn replay(self, schedule: &str) -> Checker {
        Checker { replay: Some(schedule.to_owned()), ..self }
    }

    /// How many steps a schedule may have; it fails beyond. 200,000 if nothing is said.
    #[must_use]
    pub fn steps(self, steps: usize) -> Checker {
        Checker { steps, ..self }
    }

    /// How many bytes of stack each thread of the body has under `--cfg narrows_check`. 256 KiB if nothing is said.
    #[must_use]
    pub fn stack_size(self, bytes: usize) -> Checker {
        Checker { stack: bytes, ..self }
    }

    /// Runs `body` under these schedules. It is called once for each, and has everything it shares made anew.
    ///
    /// # Panics
    /// At the first schedule that fails, saying what failed and how to run that schedule again.
    #[track_caller]
    pub fn run(&self, body: impl Fn() + Send + Sync + 'static) {
        let place = Location::caller();
        if let Some(failure) = self.find(body) {
            panic!("narrows::check at {place}\n{failure}");
        }
    }

    /// The same for what is expected to fail: the first failure, or `None`.
    ///
    /// # Panics
    /// If there is no such schedule as is to be [replayed](Checker::replay), or without `--cfg narrows_check` any.
    #[track_caller]
    pub fn find(&self, body: impl Fn() + Send + Sync + 'static) -> Option<Failure> {
        engine::find(self, body)
    }

    /// The schedule to replay, if one is wanted.
    #[track_caller]
    pub(super) fn wanted(&self) -> Option<String> {
        self.replay.clone().or_else(|| env::var("NARROWS_REPLAY").ok())
    }

    #[cfg(narrows_check)]
    #[track_caller]
    pub(super) fn how_many(&self) -> usize {
        self.schedules.or_else(|| number("NARROWS_SCHEDULES")).unwrap_or(USUAL)
    }

    #[cfg(narrows_check)]
    #[track_caller]
    pub(super) fn first_seed(&self) -> u64 {
        self.seed.or_else(|| number("NARROWS_SEED")).unwrap_or(1)
    }
}

/// A number from the environment.
#[track_caller]
pub(super) fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    let text = env::var(name).ok()?;
    let Ok(number) = text.trim().parse() else { panic!("{name} is to be a number, and is {text:?}") };
    Some(number)
}

/// What went wrong under one schedule. From [`Checker::find`]; as a text it is what [`Checker::run`] panics with.
#[derive(Debug, Clone)]
pub struct Failure {
    pub(super) message: String,
    pub(super) is_deadlock: bool,
    pub(super) schedules: usize,
    pub(super) of: usize,
    /// Empty if there is none to be had.
    pub(super) schedule: String,
    /// How that one is run again.
    pub(super) advice: String,
}

impl Failure {
    /// What the first thread that panicked said and where, or who waits in vain.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether all threads that were left waited for each other.
    pub fn is_deadlock(&self) -> bool {
        self.is_deadlock
    }

    /// How many schedules it took, this one included.
    pub fn schedules(&self) -> usize {
        self.schedules
    }

    /// The schedule, for [`replay`](super::replay). Empty without `--cfg narrows_check`.
    ///
    /// Who ran, step by step: `3k.a5b2c` is the body's thread (a) for five steps, then the thread spawned first (b)
    /// for two, then the second (c) for one; in front of the dot what the other choices begin with.
    pub fn schedule(&self) -> &str {
        &self.schedule
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "schedule {} of {} failed: {}", self.schedules, self.of, self.message)?;
        write!(f, "{}", self.advice)
    }
}

impl std::error::Error for Failure {}
