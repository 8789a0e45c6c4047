//! Nothing may hang: runs a piece of a test on a thread of its own, and fails with a message when time is up.

#[cfg(feature = "stress")]
use crate::ends::Bound;
#[cfg(feature = "stress")]
use crate::way::Way;
use std::any::Any;
use std::fmt::Display;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{panic, thread};

/// How long anything may take, on a machine that has much else to do. Miri is slow.
pub const DEADLINE: Duration = Duration::from_secs(if cfg!(miri) { 300 } else { 90 });

/// How often: fewer times under an interpreter.
pub const fn times(n: usize) -> usize {
    if cfg!(miri) && n > 10 { n / 10 } else { n }
}

/// Runs `body` on a thread of its own.
///
/// # Panics
/// If the body panics, or is not done in time; the message begins with `what`.
pub fn within<R: Send + 'static>(what: &str, body: impl FnOnce() -> R + Send + 'static) -> R {
    match attempt(body) {
        Ok(answer) => answer,
        Err(Failure::Panicked(why)) => panic!("{what}: {why}"),
        Err(Failure::Hung) => panic!("{what}: not done after {DEADLINE:?}"),
    }
}

enum Failure {
    Panicked(String),
    Hung,
}

fn attempt<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Result<R, Failure> {
    let (tell, told) = mpsc::channel();
    // Not joined: a thread that hangs cannot be, and one that answered has nothing more to do.
    thread::spawn(move || {
        let answer = panic::catch_unwind(panic::AssertUnwindSafe(body));
        // Nobody listens only if time was up.
        let _ = tell.send(answer);
    });
    match told.recv_timeout(DEADLINE) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(why)) => Err(Failure::Panicked(text(why.as_ref()))),
        Err(_) => Err(Failure::Hung),
    }
}

/// What a panic said.
pub fn text(why: &(dyn Any + Send)) -> String {
    let borrowed = why.downcast_ref::<&str>().map(|s| (*s).to_owned());
    borrowed.or_else(|| why.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic that is no text".to_owned())
}

/// Runs a rule on every kind given, and reports all kinds on which it fails.
pub fn on_kinds<K: Copy + Display + Send + 'static>(kinds: &[K], rule: fn(K)) {
    each(kinds, |&kind| (format!("{kind}"), move || rule(kind)));
}

/// The same, one way of running operations.
#[cfg(feature = "stress")]
pub fn on_kinds_by<K: Bound>(way: &'static Way, kinds: &[K], rule: fn(K, &'static Way)) {
    each(kinds, |&kind| (format!("{kind}, {}", way.name), move || rule(kind, way)));
}

/// Stops at the first that hangs: what it left behind would disturb the rest.
fn each<K, B: FnOnce() + Send + 'static>(kinds: &[K], case: impl Fn(&K) -> (String, B)) {
    let mut failures = Vec::new();
    for kind in kinds {
        let (name, body) = case(kind);
        match attempt(body) {
            Ok(()) => {}
            Err(Failure::Panicked(why)) => failures.push(format!("{name}: {why}")),
            Err(Failure::Hung) => {
                failures.push(format!("{name}: not done after {DEADLINE:?}"));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Waits for a condition that must come true by itself; gives the processor away while it has not.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < end, "never came true: {what}");
        thread::yield_now();
    }
}
