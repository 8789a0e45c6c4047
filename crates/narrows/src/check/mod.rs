//! Runs a program under schedules of a checker: its threads, its channels, its time-outs and its chance, again and again.
//!
//! ```
//! use narrows::check::{self, thread};
//!
//! check::run(|| {
//!     let (s, r) = narrows::bounded(1);
//!     let sender = thread::spawn(move || (0..3).try_for_each(|n| s.send(n)));
//!     assert_eq!(r.iter().sum::<u32>(), 3);
//!     sender.join().unwrap().unwrap();
//! });
//! ```
//!
//! The same test is built in two ways:
//!
//! ```text
//! cargo test                                                             the body runs once, on threads of the system
//! RUSTFLAGS="--cfg narrows_check" cargo test --target-dir target/check   it runs under 1,000 schedules
//! ```
//!
//! Under `--cfg narrows_check` one thread of the body runs at a time, and at each operation on a channel, a lock or an
//! atomic the schedule says which goes on. Whether a time-out has passed and which of a select's ready arms is taken are
//! choices of the schedule, too. A schedule fails if any thread panics, if all that are left wait for each other, or if
//! there is no end to it. It is then told how to [run it again](replay).
//!
//! [`guide::checking_your_program`](crate::guide::checking_your_program) has the whole of it: four bugs and how many schedules
//! they took to be found, what is not seen, and how to write such a test.
//!
//! # Environment
//! | variable | |
//! |---|---|
//! | `NARROWS_SCHEDULES` | how many, where [`Checker::schedules`] does not say; without the cfg how many runs, 1 if it is not set |
//! | `NARROWS_SEED` | which, where [`Checker::seed`] does not say; 1 if it is not set, so that they are the same each time |
//! | `NARROWS_REPLAY` | runs this schedule alone: a text that a failure gave, or the path of the file that it named |

mod checker;
#[cfg(narrows_check)]
mod engine;
#[cfg(not(narrows_check))]
#[path = "plain.rs"]
mod engine;
#[cfg(narrows_check)]
mod hook;
#[cfg(any(narrows_check, test))]
mod schedule;
#[cfg(narrows_check)]
mod scheduler;
pub mod sync;
pub mod thread;

use std::time::Instant;

pub use self::checker::{Checker, Failure};
#[cfg(narrows_check)]
pub(crate) use self::engine::must_be_in_a_run;

/// Runs `body` under many schedules, as [`Checker::new`] has them. Without `--cfg narrows_check`: once.
///
/// # Panics
/// At the first schedule that fails, saying what failed and how to run that schedule again.
#[track_caller]
pub fn run(body: impl Fn() + Send + Sync + 'static) {
    Checker::new().run(body);
}

/// Runs `body` under one schedule, which a [`Failure`] gave.
///
/// # Panics
/// If it fails again; if `body` leaves the schedule, since it is another program by now or has chance of its own; if the
/// text is none of a schedule; and without `--cfg narrows_check`, for threads of the system follow no schedule.
#[track_caller]
pub fn replay(schedule: &str, body: impl Fn() + Send + Sync + 'static) {
    Checker::new().replay(schedule).run(body);
}

/// Runs a future to its end on the calling thread.
///
/// ```
/// use narrows::check;
/// check::run(|| {
///     let (s, r) = narrows::bounded(1);
///     check::block_on(async {
///         s.send_async(1).await.unwrap();
///         assert_eq!(r.recv_async().await, Ok(1));
///     });
/// });
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    engine::block_on(future)
}

/// Runs a future to its end beside the calling thread: a task of an executor that has a worker for each.
///
/// ```
/// use narrows::check;
/// check::run(|| {
///     let (s, r) = narrows::bounded(0);
///     let task = check::spawn(async move { r.recv_async().await });
///     s.send(7).unwrap();
///     assert_eq!(task.join().unwrap(), Ok(7));
/// });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> thread::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    thread::spawn(move || block_on(future))
}

/// A number below `n`: a choice of the schedule. Without `--cfg narrows_check` a random one.
///
/// # Panics
/// If `n` is 0.
pub fn choose(n: usize) -> usize {
    assert!(n > 0, "there is nothing to choose from: `n` is 0");
    crate::time::pick(n)
}

/// The time, as the schedule has it. A deadline that a program computes itself begins here, or it depends on how long the
/// run took so far, and so does what happens in a replay.
pub fn now() -> Instant {
    crate::time::now()
}

/// Tells the schedules of a check apart. **Unstable**: for crates that keep something for each run.
#[cfg(narrows_check)]
#[doc(hidden)]
pub fn schedule_number() -> usize {
    crate::time::number()
}
