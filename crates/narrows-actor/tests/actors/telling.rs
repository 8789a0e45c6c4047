//! Messages: their order, full mailboxes, what becomes of those that are not handled.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
};

use narrows::Gate;
use narrows_actor::{Actor, Addr, Cx, Flow, How, OnFull, Reason, Reply, System, TellError};

use crate::{Counter, Journal, LONG, Req};

/// Writes down what it gets, once it is let.
struct Recorder {
    gate: Arc<Gate>,
    seen: Arc<Mutex<Vec<(usize, u32)>>>,
}

impl Actor for Recorder {
    type Msg = (usize, u32);

    fn handle(&mut self, message: (usize, u32), _: &Cx<(usize, u32)>) -> Flow {
        self.gate.wait();
        self.seen.lock().unwrap().push(message);
        Flow::Next
    }
}

type Seen = Arc<Mutex<Vec<(usize, u32)>>>;

fn recorder(gate: &Arc<Gate>, seen: &Seen) -> impl FnMut() -> Recorder + Send + 'static {
    let (gate, seen) = (gate.clone(), seen.clone());
    move || Recorder { gate: gate.clone(), seen: seen.clone() }
}

fn parts() -> (Arc<Gate>, Seen) {
    (Arc::new(Gate::new()), Seen::default())
}

/// Until the actor has taken out what was told, and waits for its gate: from then on there is room for what its mailbox holds.
fn until_in_hand(recorder: &Addr<(usize, u32)>) {
    while !recorder.is_empty() {
        thread::yield_now();
    }
}

#[test]
fn what_eight_senders_tell_is_handled_in_their_order() {
    const EACH: u32 = if cfg!(miri) { 20 } else { 2_000 };
    for capacity in [1, 7] {
        let (gate, seen) = parts();
        gate.open();
        let system = System::new();
        let recorder = system.actor(capacity, recorder(&gate, &seen));
        thread::scope(|scope| {
            for sender in 0..8 {
                let recorder = recorder.clone();
                scope.spawn(move || (0..EACH).for_each(|i| recorder.tell((sender, i)).unwrap()));
            }
        });
        drop(system);
        let mut next = [0; 8];
        for &(sender, i) in &*seen.lock().unwrap() {
            assert_eq!(i, next[sender]);
            next[sender] += 1;
        }
        assert_eq!(next, [EACH; 8]);
    }
}

/// Handles go where their messages may go, which need not be shared.
#[test]
fn an_address_is_for_every_thread_if_its_messages_are() {
    fn goes_everywhere<T: Send + Sync + 'static>() {}
    type Message = std::cell::Cell<u8>;
    goes_everywhere::<narrows_actor::Addr<Message>>();
    goes_everywhere::<narrows_actor::WeakAddr<Message>>();
    goes_everywhere::<Reply<Message>>();
    goes_everywhere::<System>();
    goes_everywhere::<narrows_actor::Registry>();
}

/// The mailbox is one queue: what one thread tells after another has told is behind it.
#[test]
fn order_holds_over_the_whole_mailbox() {
    let (gate, seen) = parts();
    let system = System::new();
    let recorder = system.actor(16, recorder(&gate, &seen));
    for i in 0..8 {
        let recorder = recorder.clone();
        thread::spawn(move || recorder.tell((i, 0)).unwrap()).join().unwrap();
    }
    gate.open();
    drop(system);
    assert!(seen.lock().unwrap().iter().map(|(sender, _)| *sender).eq(0..8));
}

#[test]
fn a_full_mailbox_refuses_and_gives_the_message_back() {
    let (gate, seen) = parts();
    let system = System::new();
    let refusing = system.build(recorder(&gate, &seen)).capacity(2).on_full(OnFull::Refuse).start();
    // One is in its hands or on the way there.
    let mut told = 0;
    let refused = loop {
        match refusing.tell((0, told)) {
            Ok(()) => told += 1,
            Err(TellError::Full(message)) if told >= 3 => break message,
            Err(TellError::Full(_)) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(refused, (0, told));
    assert!(refusing.tell_timeout((0, 9), LONG).unwrap_err().is_full(), "a mailbox that refuses is not waited for");
    gate.open();
    drop(system);
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn a_full_mailbox_drops_the_oldest_which_is_a_dead_letter() {
    let (gate, seen) = parts();
    let (lost, letters) = mpsc::channel();
    let system = System::new();
    let builder = system.build(recorder(&gate, &seen)).capacity(2).on_full(OnFull::DropOldest);
    let dropping = builder.dead_letters(move |letter| lost.send(letter).unwrap()).start();
    dropping.tell((0, 0)).unwrap();
    until_in_hand(&dropping);
    for i in 1..100 {
        dropping.tell((0, i)).unwrap();
    }
    assert!(dropping.try_tell((0, 100)).is_err(), "to try never drops");
    gate.open();
    drop((dropping, system));
    let (seen, lost) = (seen.lock().unwrap().clone(), letters.iter().collect::<Vec<_>>());
    assert!(lost.is_sorted(), "the oldest goes first");
    let mut all = [seen.clone(), lost].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq((0..100).map(|i| (0, i))), "each is handled or given back");
    assert!(seen.ends_with(&[(0, 98), (0, 99)]));
}

#[test]
fn a_time_limit_gives_the_message_back() {
    let (gate, seen) = parts();
    let system = System::new();
    let recorder = system.actor(1, recorder(&gate, &seen));
    let soon = std::time::Duration::from_millis(1);
    recorder.tell((0, 0)).unwrap();
    until_in_hand(&recorder);
    recorder.tell_timeout((0, 1), soon).unwrap();
    assert_eq!(recorder.tell_timeout((0, 9), soon), Err(TellError::Full((0, 9))));
    gate.open();
}

#[test]
fn a_mailbox_without_a_bound_is_had_by_name() {
    let (gate, seen) = parts();
    let system = System::new();
    let recorder = system.build(recorder(&gate, &seen)).unbounded().start();
    (0..10_000).for_each(|i| recorder.try_tell((0, i)).unwrap());
    gate.open();
    drop(system);
    assert_eq!(seen.lock().unwrap().len(), 10_000);
}

#[test]
#[should_panic(expected = "a mailbox needs a place")]
fn a_mailbox_without_places_is_refused_with_a_hint() {
    System::new().actor(0, || Counter::new(&Journal::default()));
}

#[test]
fn a_drain_handles_what_is_inside_and_lets_nothing_more_in() {
    let (gate, seen) = parts();
    let system = System::new();
    let recorder = system.actor(8, recorder(&gate, &seen));
    (0..5).for_each(|i| recorder.tell((0, i)).unwrap());
    recorder.stop(How::Drain);
    gate.open();
    assert_eq!(recorder.join(), Reason::Stopped);
    assert_eq!(recorder.tell((0, 5)), Err(TellError::Stopped((0, 5))));
    assert_eq!(seen.lock().unwrap().len(), 5);
    assert_eq!(recorder.ended(), Some(Reason::Stopped));
}

#[test]
fn an_immediate_stop_gives_back_what_was_not_handled() {
    let (gate, seen) = parts();
    let (lost, letters) = mpsc::channel();
    let system = System::new();
    let builder = system.build(recorder(&gate, &seen)).dead_letters(move |letter| lost.send(letter).unwrap());
    let recorder = builder.start();
    (0..50).for_each(|i| recorder.tell((0, i)).unwrap());
    recorder.stop(How::Now);
    gate.open();
    recorder.join();
    let handled = u32::try_from(seen.lock().unwrap().len()).unwrap();
    assert!(handled <= 1, "at most the one that was being handled");
    let letters = letters.try_iter().map(|(_, i)| i).collect::<Vec<_>>();
    assert!(letters.into_iter().eq(handled..50), "in their order");
}

#[test]
fn a_dead_letter_office_that_panics_loses_none_of_the_others() {
    crate::quietly();
    let (gate, seen) = parts();
    let (lost, letters) = mpsc::channel();
    let system = System::new();
    let builder = system.build(recorder(&gate, &seen)).dead_letters(move |letter| {
        lost.send(letter).unwrap();
        std::panic::panic_any("boom, the office burns");
    });
    let recorder = builder.start();
    (0..5).for_each(|i| recorder.tell((0, i)).unwrap());
    recorder.stop(How::Now);
    gate.open();
    recorder.join();
    assert_eq!(letters.try_iter().count() + seen.lock().unwrap().len(), 5);
}

#[test]
fn the_last_address_lets_the_actor_finish_and_end() {
    let journal = Journal::default();
    let system = System::new();
    let counter = system.build({
        let journal = journal.clone();
        move || Counter::new(&journal)
    });
    let counter = counter.name("counter").start();
    let weak = counter.downgrade();
    assert_eq!(weak.upgrade().unwrap().name(), "counter");
    let news = counter.monitor();
    counter.tell(Req::Add(1)).unwrap();
    drop(counter);
    assert_eq!(news.recv().unwrap().reason, Reason::Unreachable);
    assert!(weak.upgrade().is_none());
    assert_eq!(journal.take(), ["counter started 1", "counter stopped 1: nobody could reach it any more"]);
}

/// The message and the address's end come at once, while the actor is about to look whether anybody can reach it.
#[test]
fn what_was_told_before_the_last_address_went_is_handled() {
    let system = System::new();
    for _ in 0..if cfg!(miri) { 5 } else { 300 } {
        let (gate, seen) = parts();
        gate.open();
        let recorder = system.actor(4, recorder(&gate, &seen));
        let news = recorder.monitor();
        thread::scope(|scope| {
            for sender in 0..2 {
                let recorder = recorder.clone();
                scope.spawn(move || recorder.tell((sender, 0)).unwrap());
            }
            drop(recorder);
        });
        assert_eq!(news.recv().unwrap().reason, Reason::Unreachable);
        assert_eq!(seen.lock().unwrap().len(), 2);
    }
}

#[test]
fn the_actor_of_a_system_that_has_stopped_is_over_at_once() {
    let system = System::new();
    system.stop(How::Now);
    let counter = system.actor(1, || Counter::new(&Journal::default()));
    assert_eq!(counter.join(), Reason::Stopped);
    assert!(counter.tell(Req::Add(1)).is_err());
}

/// What the design shows.
#[test]
fn a_scope_joins_its_actors() {
    struct Parting(mpsc::Sender<&'static str>);
    impl Actor for Parting {
        type Msg = Reply<u8>;
        fn handle(&mut self, reply: Reply<u8>, _: &Cx<Reply<u8>>) -> Flow {
            reply.send(7);
            Flow::Next
        }
        fn stopped(&mut self, _: &Reason, _: &Cx<Reply<u8>>) {
            self.0.send("stopped").unwrap();
        }
    }
    let (told, heard) = mpsc::channel();
    let answer = narrows_actor::scope(|scope| {
        let actor = scope.actor(4, move || Parting(told.clone()));
        actor.ask(|reply| reply, LONG).unwrap()
    });
    assert_eq!(answer, Ok(7));
    assert_eq!(heard.try_recv(), Ok("stopped"));
}
