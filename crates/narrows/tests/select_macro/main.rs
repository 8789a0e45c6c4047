//! The macros `select!` and `select_biased!`. How a choice is made is not tested here, but what a caller may write.
#![forbid(unsafe_code)]

mod bodies;
mod disabled;
mod evaluation;
mod grammar;

use std::{cell::RefCell, time::Duration};

use narrows::{Receiver, bounded};

/// Far longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(2);

/// A receiver that has one message and whose channel is closed behind it.
fn holding<T>(message: T) -> Receiver<T> {
    let (sender, receiver) = bounded(1);
    sender.send(message).unwrap();
    receiver
}

/// Writes down that an expression was evaluated.
#[derive(Default)]
struct Log(RefCell<Vec<&'static str>>);

impl Log {
    fn note<T>(&self, what: &'static str, value: T) -> T {
        self.0.borrow_mut().push(what);
        value
    }
}
