//! Kills or stops this process at one of its steps. Compiled for tests only (`--cfg narrows_crash`); knows nothing of what a step
//! does. A step is an access to a word that processes share, or a call of the system by which others see what we do (a lock, a
//! name). It is counted from [`arm`] on, and named by its place in the source. To die before a look is to die before the change
//! that follows it, so looks are steps only if that is asked for.

use std::{
    env,
    fs::File,
    io::Write,
    panic::Location,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use rustix::process::{Signal, getpid, kill_process};

#[derive(Debug)]
struct Plan {
    at: u64,
    deed: Signal,
    looks: bool,
    told: Option<File>,
}

static PLAN: OnceLock<Plan> = OnceLock::new();
static COUNT: AtomicU64 = AtomicU64::new(0);
static IS_ARMED: AtomicBool = AtomicBool::new(false);
/// A message has left the channel, and nobody has [written down](logged) that it was received.
static IS_OUT: AtomicBool = AtomicBool::new(false);

/// Counts steps from now on, with `NARROWS_CRASH_LOOKS` looks too, and at step `NARROWS_CRASH_AT` kills this process, at step
/// `NARROWS_STOP_AT` stops it. What it did, and where, is written to the file `NARROWS_CRASH_LIST` before: `killed STEP PLACE`,
/// then `out` if a message has left the channel and is not [`logged`].
pub fn arm() {
    let number = |name| env::var(name).ok().and_then(|value| value.parse().ok());
    PLAN.get_or_init(|| {
        let (at, deed) = match (number("NARROWS_CRASH_AT"), number("NARROWS_STOP_AT")) {
            (Some(at), _) => (at, Signal::KILL),
            (None, Some(at)) => (at, Signal::STOP),
            (None, None) => (u64::MAX, Signal::KILL),
        };
        let told = env::var_os("NARROWS_CRASH_LIST").and_then(|path| File::options().append(true).open(path).ok());
        Plan { at, deed, looks: env::var_os("NARROWS_CRASH_LOOKS").is_some(), told }
    });
    // Relaxed, here and below: a process plays its role in one thread; where there are more, each step still has one number.
    IS_ARMED.store(true, Relaxed);
}

/// Counts no more. How many steps there were.
pub fn disarm() -> u64 {
    IS_ARMED.store(false, Relaxed);
    COUNT.load(Relaxed)
}

/// It has been written down that a message was received.
pub fn logged() {
    IS_OUT.store(false, Relaxed);
}

/// A message has left the channel.
pub(crate) fn taken_out() {
    IS_OUT.store(true, Relaxed);
}

/// A word is read.
#[track_caller]
pub(crate) fn look() {
    if PLAN.get().is_some_and(|plan| plan.looks) {
        step();
    }
}

/// A word is changed, or something in the system.
#[track_caller]
pub(crate) fn step() {
    if !IS_ARMED.load(Relaxed) {
        return;
    }
    let number = COUNT.fetch_add(1, Relaxed) + 1;
    if let Some(plan) = PLAN.get().filter(|plan| plan.at == number) {
        plan.carry_out(Location::caller());
    }
}

impl Plan {
    fn carry_out(&self, place: &Location<'_>) {
        let deed = if self.deed == Signal::KILL { "killed" } else { "stopped" };
        let out = if IS_OUT.load(Relaxed) { " out" } else { "" };
        if let Some(mut told) = self.told.as_ref() {
            // One write, which is there whole or not at all.
            let line = format!("{deed} {} {}:{}{out}\n", self.at, place.file(), place.line());
            let _ = told.write_all(line.as_bytes());
        }
        let _ = kill_process(getpid(), self.deed);
    }
}
