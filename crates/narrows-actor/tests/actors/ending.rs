//! Lives: panics, restarts, what outlives them.

use std::sync::{Arc, Mutex};

use narrows_actor::{Actor, AskError, Cx, Flow, How, Reason, Restart, System, TestKit};

use crate::{Counter, Journal, LONG, Req};

#[test]
fn a_panic_ends_a_life_and_the_address_reaches_the_next() {
    crate::quietly();
    let journal = Journal::default();
    let system = System::new();
    let make = {
        let journal = journal.clone();
        move || Counter::new(&journal)
    };
    let counter = system.build(make).name("c").start();
    let news = counter.monitor();
    counter.tell(Req::Add(5)).unwrap();
    counter.tell(Req::Boom).unwrap();
    counter.tell(Req::Add(2)).unwrap();
    assert_eq!(counter.ask(Req::Get, LONG).unwrap(), 2, "a new life");
    let down = news.recv().unwrap();
    assert_eq!((down.reason, down.is_over), (Reason::Panicked("boom".into()), false));
    counter.tell(Req::Fail).unwrap();
    counter.tell(Req::Finish).unwrap();
    assert_eq!(counter.join(), Reason::Normal, "as it should end, it does not live again");
    let reasons = news.iter().map(|down| (down.reason, down.is_over)).collect::<Vec<_>>();
    assert_eq!(reasons, [(Reason::Failed("no luck".into()), false), (Reason::Normal, true)]);
    assert_eq!(
        journal.take(),
        [
            "c started 1",
            "c stopped 1: panicked: boom",
            "c started 2",
            "c stopped 2: failed: no luck",
            "c started 3",
            "c stopped 3: ended"
        ]
    );
}

/// Fails on every number that is not the next for a life to begin with.
struct Frail {
    seen: Arc<Mutex<Vec<u32>>>,
}

impl Actor for Frail {
    type Msg = u32;

    fn handle(&mut self, n: u32, _: &Cx<u32>) -> Flow {
        self.seen.lock().unwrap().push(n);
        if n % 2 == 1 { Flow::fail("odd") } else { Flow::Next }
    }
}

#[test]
fn a_mailbox_outlives_a_thousand_restarts_without_losing_a_message() {
    let restarts: u32 = if cfg!(miri) { 20 } else { 1_000 };
    let seen = Arc::<Mutex<Vec<u32>>>::default();
    let system = System::new();
    let supervisor = system.supervisor("patient").intensity(usize::MAX, LONG).start();
    let frail = supervisor.actor(16, {
        let seen = seen.clone();
        move || Frail { seen: seen.clone() }
    });
    (0..2 * restarts).for_each(|n| frail.tell(n).unwrap());
    assert!(frail.len() <= 16);
    frail.stop(How::Drain);
    assert_eq!(frail.join(), Reason::Stopped);
    let seen = seen.lock().unwrap();
    assert!(seen.iter().copied().eq(0..2 * restarts), "each once, in order; {} came", seen.len());
}

/// Panics where it is told to.
struct Clumsy(&'static str, Journal);

impl Actor for Clumsy {
    type Msg = ();

    fn started(&mut self, _: &Cx<()>) -> Flow {
        self.1.note("started");
        assert_ne!(self.0, "started", "boom");
        Flow::Next
    }

    fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
        Flow::Stop
    }

    fn stopped(&mut self, reason: &Reason, _: &Cx<()>) {
        self.1.note(format!("stopped: {}", reason.is_failure()));
        if self.0 == "stopped" {
            std::panic::panic_any("boom in stopped");
        }
    }
}

impl Drop for Clumsy {
    fn drop(&mut self) {
        if self.0 == "drop" {
            std::panic::panic_any("boom in drop");
        }
    }
}

#[test]
fn a_panic_in_any_method_is_a_reason_to_end_and_kills_nobody_else() {
    crate::quietly();
    for (place, text) in [("stopped", "boom in stopped"), ("drop", "boom in drop"), ("make", "boom in make")] {
        let journal = Journal::default();
        let system = System::new();
        let make = {
            let journal = journal.clone();
            move || {
                if place == "make" {
                    std::panic::panic_any("boom in make");
                }
                Clumsy(place, journal.clone())
            }
        };
        let clumsy = system.build(make).restart(Restart::Temporary).start();
        let other = system.actor(1, || Counter::new(&Journal::default()));
        // Told before it ends or not at all.
        let _ = clumsy.tell(());
        assert_eq!(clumsy.join(), Reason::Panicked(text.into()));
        assert_eq!(journal.take().len(), if place == "make" { 0 } else { 2 });
        assert_eq!(other.ask(Req::Get, LONG).unwrap(), 0);
    }
}

#[test]
fn a_panic_in_started_counts_as_a_failure_of_a_life() {
    crate::quietly();
    let kit = TestKit::new(5);
    let journal = Journal::default();
    let news = {
        let journal = journal.clone();
        kit.actor(1, move || Clumsy("started", journal.clone())).monitor()
    };
    kit.run();
    let downs = news.try_iter().collect::<Vec<_>>();
    assert_eq!(downs.len(), 4, "three restarts in five seconds");
    assert!(downs.iter().all(|down| matches!(down.reason, Reason::Panicked(_))));
    assert_eq!(journal.take(), ["started", "stopped: true"].repeat(4));
    assert_eq!(kit.join(), Err(Reason::TooManyRestarts));
}

#[test]
fn a_question_that_is_lost_with_a_life_is_unanswered_at_once() {
    struct Dies;
    impl Actor for Dies {
        type Msg = narrows_actor::Reply<()>;
        fn handle(&mut self, _: Self::Msg, _: &Cx<Self::Msg>) -> Flow {
            std::panic::panic_any("boom")
        }
    }
    crate::quietly();
    let system = System::new();
    let dies = system.actor(1, || Dies);
    assert!(matches!(dies.ask(|reply| reply, LONG), Err(AskError::Unanswered)));
}
