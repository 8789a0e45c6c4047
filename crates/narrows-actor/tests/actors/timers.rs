//! Timers: on time behind a full mailbox, in virtual time, and of one life.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use narrows_actor::{Actor, Cx, Flow, How, Reason, System, TestKit, TimerId};

use crate::LONG;

const SECOND: Duration = Duration::from_secs(1);

enum Note {
    Mail(u32),
    Tick(&'static str),
    After(Duration, &'static str),
    Every(Duration, &'static str),
    Cancel,
    Fail,
}

struct Timed {
    seen: mpsc::Sender<String>,
    timer: Option<TimerId>,
}

impl Actor for Timed {
    type Msg = Note;

    fn handle(&mut self, message: Note, cx: &Cx<Note>) -> Flow {
        match message {
            Note::Mail(n) => self.seen.send(n.to_string()).unwrap(),
            Note::Tick(name) => self.seen.send(name.to_owned()).unwrap(),
            Note::After(delay, name) => self.timer = Some(cx.after(delay, Note::Tick(name))),
            Note::Every(period, name) => self.timer = Some(cx.every(period, move || Note::Tick(name))),
            Note::Cancel => {
                let cancelled = self.timer.take().is_some_and(|timer| cx.cancel(timer));
                self.seen.send(format!("cancelled {cancelled}")).unwrap();
            }
            Note::Fail => return Flow::fail("no luck"),
        }
        Flow::Next
    }
}

fn timed(system: &System) -> (narrows_actor::Addr<Note>, mpsc::Receiver<String>) {
    let (seen, notes) = mpsc::channel();
    (system.actor(1_000, move || Timed { seen: seen.clone(), timer: None }), notes)
}

fn all(notes: &mpsc::Receiver<String>) -> Vec<String> {
    notes.try_iter().collect()
}

#[test]
fn a_timer_goes_off_in_its_order_and_once() {
    let kit = TestKit::new(1);
    let (actor, notes) = timed(&kit);
    actor.tell(Note::After(2 * SECOND, "second")).unwrap();
    actor.tell(Note::After(SECOND, "first")).unwrap();
    actor.tell(Note::After(Duration::MAX, "never")).unwrap();
    kit.advance(Duration::from_nanos(999_999_999));
    assert!(all(&notes).is_empty());
    kit.advance(Duration::from_nanos(1));
    assert_eq!(all(&notes), ["first"]);
    kit.advance(LONG);
    assert_eq!(all(&notes), ["second"]);
}

#[test]
fn a_timer_is_on_time_behind_a_full_mailbox() {
    let kit = TestKit::new(1);
    let (actor, notes) = timed(&kit);
    actor.tell(Note::Every(SECOND, "tick")).unwrap();
    kit.run();
    (0..900).for_each(|n| actor.try_tell(Note::Mail(n)).unwrap());
    // Ten messages are handled before the time comes, and none between then and the timer.
    (0..10).for_each(|_| assert!(kit.step()));
    assert_eq!(all(&notes).len(), 10);
    kit.pass(SECOND);
    assert!(kit.step());
    assert_eq!(all(&notes), ["tick"]);
    kit.run();
    assert_eq!(all(&notes).len(), 890);
}

/// A mailbox that is never empty, by the clock of the system: ticks come between its messages.
#[test]
fn a_flood_does_not_starve_timers_on_a_thread() {
    struct Flooded {
        ticks: u32,
        handled: u64,
    }
    impl Actor for Flooded {
        type Msg = bool;
        fn started(&mut self, cx: &Cx<bool>) -> Flow {
            cx.every(Duration::from_micros(200), || true);
            Flow::Next
        }
        fn handle(&mut self, is_tick: bool, cx: &Cx<bool>) -> Flow {
            self.ticks += u32::from(is_tick);
            self.handled += 1;
            // It floods itself: the mailbox has always two.
            if !is_tick {
                let _ = cx.addr().try_tell(false);
            }
            if self.ticks == 5 { Flow::Stop } else { Flow::Next }
        }
    }
    let system = System::new();
    let flooded = system.actor(4, || Flooded { ticks: 0, handled: 0 });
    flooded.tell(false).unwrap();
    flooded.tell(false).unwrap();
    assert_eq!(flooded.join(), Reason::Normal);
}

/// And the other way round: timers that are always due leave the mailbox its turn.
#[test]
fn timers_that_are_always_due_do_not_starve_the_mailbox() {
    struct Hasty(mpsc::Sender<u32>, u32);
    impl Actor for Hasty {
        type Msg = bool;
        fn started(&mut self, cx: &Cx<bool>) -> Flow {
            cx.after(Duration::ZERO, true);
            Flow::Next
        }
        fn handle(&mut self, is_timer: bool, cx: &Cx<bool>) -> Flow {
            if is_timer {
                self.1 += 1;
                cx.after(Duration::ZERO, true);
                Flow::Next
            } else {
                self.0.send(self.1).unwrap();
                Flow::Stop
            }
        }
    }
    let (seen, counts) = mpsc::channel();
    let kit = TestKit::new(1);
    let hasty = kit.actor(1, move || Hasty(seen.clone(), 0));
    hasty.tell(false).unwrap();
    hasty.join();
    assert!(counts.recv().unwrap() <= 17);
}

#[test]
fn what_a_periodic_timer_missed_is_left_out_and_it_keeps_its_beat() {
    let kit = TestKit::new(1);
    let (actor, notes) = timed(&kit);
    actor.tell(Note::Every(SECOND, "tick")).unwrap();
    kit.run();
    kit.pass(Duration::from_millis(3_500));
    kit.run();
    assert_eq!(all(&notes), ["tick"], "one for all that were missed");
    kit.advance(Duration::from_millis(499));
    assert!(all(&notes).is_empty());
    kit.advance(Duration::from_millis(1));
    assert_eq!(all(&notes), ["tick"], "at 4 s");
    kit.advance(10 * SECOND);
    assert_eq!(all(&notes).len(), 10);
}

#[test]
fn a_cancelled_timer_does_not_go_off() {
    let kit = TestKit::new(1);
    let (actor, notes) = timed(&kit);
    for set in [Note::After(SECOND, "no"), Note::Every(SECOND, "no")] {
        actor.tell(set).unwrap();
        actor.tell(Note::Cancel).unwrap();
        kit.advance(LONG);
        assert_eq!(all(&notes), ["cancelled true"]);
    }
    actor.tell(Note::After(SECOND, "yes")).unwrap();
    kit.advance(LONG);
    actor.tell(Note::Cancel).unwrap();
    kit.run();
    assert_eq!(all(&notes), ["yes", "cancelled false"]);
}

#[test]
fn a_timer_ends_with_its_life_and_keeps_an_actor_that_nobody_can_reach() {
    let kit = TestKit::new(1);
    let (actor, notes) = timed(&kit);
    actor.tell(Note::Every(SECOND, "tick")).unwrap();
    actor.tell(Note::Fail).unwrap();
    kit.advance(LONG);
    assert!(all(&notes).is_empty(), "of the life before");
    actor.tell(Note::After(2 * SECOND, "late")).unwrap();
    let news = actor.monitor();
    drop(actor);
    kit.advance(SECOND);
    assert!(news.is_empty());
    kit.advance(SECOND);
    assert_eq!(all(&notes), ["late"]);
    assert_eq!(news.try_recv().unwrap().reason, Reason::Unreachable);
}

#[test]
fn timers_by_the_clock_of_the_system() {
    let system = System::new();
    let (actor, notes) = timed(&system);
    let begin = Instant::now();
    let delay = Duration::from_millis(2);
    actor.tell(Note::After(delay, "now")).unwrap();
    assert_eq!(notes.recv().unwrap(), "now");
    assert!(begin.elapsed() >= delay);
    actor.stop(How::Now);
}
