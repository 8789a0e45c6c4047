//! Actors on threads, on tasks and stepped. Supervision, backoff and timers are asked in virtual time; nothing here sleeps.

mod asking;
mod chaos;
mod ending;
mod hosts;
mod kit;
mod supervision;
mod telling;
mod timers;
mod watching;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use narrows_actor::{Actor, Cx, Flow, Reason, Reply};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// What actors did, in the order in which they did it.
#[derive(Debug, Clone, Default)]
struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Adds, and can be made to fail.
struct Counter {
    sum: u64,
    journal: Journal,
}

enum Req {
    Add(u64),
    Get(Reply<u64>),
    Boom,
    Fail,
    Finish,
}

impl Counter {
    fn new(journal: &Journal) -> Counter {
        Counter { sum: 0, journal: journal.clone() }
    }
}

impl Actor for Counter {
    type Msg = Req;

    fn started(&mut self, cx: &Cx<Req>) -> Flow {
        self.journal.note(format!("{} started {}", cx.name(), cx.life()));
        Flow::Next
    }

    fn handle(&mut self, message: Req, _: &Cx<Req>) -> Flow {
        match message {
            Req::Add(n) => self.sum += n,
            Req::Get(reply) => reply.send(self.sum),
            Req::Boom => std::panic::panic_any("boom"),
            Req::Fail => return Flow::fail("no luck"),
            Req::Finish => return Flow::Stop,
        }
        Flow::Next
    }

    fn stopped(&mut self, reason: &Reason, cx: &Cx<Req>) {
        self.journal.note(format!("{} stopped {}: {reason}", cx.name(), cx.life()));
    }
}

/// Keeps panics that a test means from filling its output; those of threads of the tests themselves are shown.
fn quietly() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_meant = info.payload().downcast_ref::<&str>().is_some_and(|text| text.starts_with("boom"));
            if !is_meant {
                usual(info);
            }
        }));
    });
}
