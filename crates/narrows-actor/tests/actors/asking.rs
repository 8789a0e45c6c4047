//! Questions: answers, late ones, time limits, cycles.

use std::{
    future::Future,
    sync::{Arc, mpsc},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use narrows_actor::{Actor, Addr, AskError, Cx, Flow, How, OnFull, Reply, System, TestKit};

use crate::{Counter, Journal, LONG, Req};

#[test]
fn a_question_is_answered() {
    let system = System::new();
    let counter = system.actor(64, || Counter::new(&Journal::default()));
    counter.tell(Req::Add(1)).unwrap();
    counter.tell(Req::Add(2)).unwrap();
    assert_eq!(counter.ask(Req::Get, LONG).unwrap(), 3);
    assert_eq!(counter.ask(Req::Get, Duration::MAX).unwrap(), 3);
    assert_eq!(counter.ask_deadline(Req::Get, Instant::now() + LONG).unwrap(), 3);
}

/// Keeps the replies of those who ask until it is told to give them.
#[derive(Default)]
struct Slow(Vec<Reply<u32>>);

enum Ask {
    Get(Reply<u32>),
    Give(mpsc::Sender<Result<(), u32>>),
    Forget,
}

impl Actor for Slow {
    type Msg = Ask;

    fn handle(&mut self, message: Ask, _: &Cx<Ask>) -> Flow {
        match message {
            Ask::Get(reply) => self.0.push(reply),
            Ask::Give(outcome) => {
                self.0.drain(..).enumerate().for_each(|(i, reply)| {
                    outcome.send(reply.try_send(u32::try_from(i).unwrap())).unwrap();
                });
            }
            Ask::Forget => self.0.clear(),
        }
        Flow::Next
    }
}

#[test]
fn a_late_answer_comes_back_and_never_answers_the_next_question() {
    let kit = TestKit::new(1);
    let slow = kit.actor(8, Slow::default);
    assert!(matches!(slow.ask(Ask::Get, Duration::from_secs(1)), Err(AskError::Timeout)));
    assert_eq!(kit.elapsed(), Duration::from_secs(1), "in virtual time");
    let (outcome, outcomes) = mpsc::channel();
    slow.tell(Ask::Give(outcome.clone())).unwrap();
    kit.run();
    assert_eq!(outcomes.try_recv(), Ok(Err(0)), "given back to who gave it");
    // The next question finds no answer of the one before.
    assert!(matches!(slow.ask(Ask::Get, Duration::from_secs(1)), Err(AskError::Timeout)));
}

#[test]
fn a_late_answer_on_threads() {
    let system = System::new();
    let slow = system.actor(8, Slow::default);
    assert!(slow.ask(Ask::Get, Duration::from_millis(1)).unwrap_err().is_timeout());
    let (outcome, outcomes) = mpsc::channel();
    slow.tell(Ask::Give(outcome)).unwrap();
    assert_eq!(outcomes.recv(), Ok(Err(0)));
}

#[test]
fn a_question_dropped_is_unanswered_at_once() {
    crate::quietly();
    let system = System::new();
    let slow = system.actor(8, Slow::default);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| slow.ask(Ask::Get, Duration::MAX));
        while !asked.is_finished() {
            slow.tell(Ask::Forget).unwrap();
        }
        assert!(matches!(asked.join().unwrap(), Err(AskError::Unanswered)));
    });
    slow.stop(How::Now);
    slow.join();
    assert!(matches!(slow.ask(Ask::Get, LONG), Err(AskError::Stopped(Ask::Get(_)))), "the question comes back");
}

/// Looks whether the answer is still wanted before it works for it.
struct Careful(mpsc::Sender<(bool, Option<Instant>)>);

impl Actor for Careful {
    type Msg = Reply<()>;

    fn handle(&mut self, reply: Reply<()>, _: &Cx<Reply<()>>) -> Flow {
        self.0.send((reply.is_wanted(), reply.deadline())).unwrap();
        reply.send(());
        Flow::Next
    }
}

#[test]
fn the_deadline_travels_with_the_question() {
    let (seen, looks) = mpsc::channel();
    let system = System::new();
    let careful = system.actor(8, move || Careful(seen.clone()));
    let deadline = Instant::now() + LONG;
    careful.ask_deadline(|reply| reply, deadline).unwrap();
    assert_eq!(looks.recv(), Ok((true, Some(deadline))));
    careful.ask(|reply| reply, Duration::MAX).unwrap();
    assert_eq!(looks.recv(), Ok((true, None)));
}

#[test]
fn a_question_nobody_waits_for_any_more_can_be_told_by_who_has_it() {
    let (seen, looks) = mpsc::channel();
    let kit = TestKit::new(3);
    let careful = kit.actor(8, move || Careful(seen.clone()));
    kit.run();
    // Sent by its first poll; whoever asked gives up before the actor's step.
    let mut asked = Box::pin(careful.ask_async(|reply| reply, Duration::MAX));
    assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(asked);
    kit.run();
    assert_eq!(looks.try_recv(), Ok((false, None)));
}

#[test]
fn a_refused_question_comes_back() {
    let kit = TestKit::new(1);
    let slow = kit.build(Slow::default).capacity(1).on_full(OnFull::Refuse).start();
    kit.run();
    slow.tell(Ask::Forget).unwrap();
    assert!(matches!(slow.ask(Ask::Get, LONG), Err(AskError::Unsent(Ask::Get(_)))));
}

/// Asks the next in the ring, if it has one, and answers with what comes.
struct Member {
    next: Option<Addr<Ring>>,
    waits: bool,
}

enum Ring {
    Next(Addr<Ring>),
    Ask(Reply<Result<u32, String>>),
}

impl Actor for Member {
    type Msg = Ring;

    fn handle(&mut self, message: Ring, _: &Cx<Ring>) -> Flow {
        match message {
            Ring::Next(next) => self.next = Some(next),
            Ring::Ask(reply) => {
                let Some(next) = self.next.clone() else {
                    reply.send(Ok(1));
                    return Flow::Next;
                };
                if self.waits {
                    return Flow::wait(async move {
                        reply.send(flat(next.ask_async(Ring::Ask, LONG).await));
                        Flow::Next
                    });
                }
                reply.send(flat(next.ask(Ring::Ask, LONG)));
            }
        }
        Flow::Next
    }
}

fn flat(answer: Result<Result<u32, String>, AskError<Ring>>) -> Result<u32, String> {
    answer.map_err(|error| error.to_string()).and_then(|answer| answer).map(|n| n + 1)
}

fn ring(system: &System, waits: bool, names: &[&str]) -> Vec<Addr<Ring>> {
    let member = |name: &&str| system.build(move || Member { next: None, waits }).name(*name).start();
    let ring = names.iter().map(member).collect::<Vec<_>>();
    for (i, member) in ring.iter().enumerate() {
        member.tell(Ring::Next(ring[(i + 1) % ring.len()].clone())).unwrap();
    }
    ring
}

const NAMED: &str = "a cycle of questions, which nobody could answer: ";

#[test]
fn a_cycle_of_questions_is_an_error_that_names_the_actors() {
    for waits in [false, true] {
        let system = System::new();
        let abc = ring(&system, waits, &["a", "b", "c"]);
        let error = abc[0].ask(Ring::Ask, Duration::MAX).unwrap().unwrap_err();
        assert_eq!(error, format!("{NAMED}c asks a asks b asks c"));
        let error = ring(&system, waits, &["self"])[0].ask(Ring::Ask, Duration::MAX).unwrap().unwrap_err();
        assert_eq!(error, format!("{NAMED}self asks self"));
        // Nothing of it is left: the same actors answer what is no cycle.
        assert_eq!(abc[1].ask(Ring::Ask, LONG).unwrap().unwrap_err(), format!("{NAMED}a asks b asks c asks a"));
        system.stop(How::Now);
    }
}

#[test]
fn a_cycle_is_found_when_all_begin_at_once() {
    for seed in 0..if cfg!(miri) { 2 } else { 100 } {
        let kit = TestKit::new(seed);
        let asks = ask_both(&kit, &ring(&kit, true, &["a", "b"]));
        kit.run();
        all_are_cycles(&asks);
        assert_eq!(kit.elapsed(), Duration::ZERO, "at once");

        let system = System::new();
        let two = ring(&system, seed % 2 == 0, &["a", "b"]);
        all_are_cycles(&ask_both(&system, &two));
        system.stop(How::Now);
    }
}

type Answers = mpsc::Receiver<Result<u32, String>>;

fn all_are_cycles(asks: &[Answers]) {
    let answers = asks.iter().map(|asked| asked.recv().unwrap()).collect::<Vec<_>>();
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.starts_with(NAMED))), "{answers:?}");
}

struct Asker(Addr<Ring>, mpsc::Sender<Result<u32, String>>);

impl Actor for Asker {
    type Msg = ();

    fn started(&mut self, _: &Cx<()>) -> Flow {
        self.1.send(flat(self.0.ask(Ring::Ask, LONG))).unwrap();
        Flow::Next
    }

    fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
        Flow::Next
    }
}

fn ask_both(system: &System, ring: &[Addr<Ring>]) -> Vec<Answers> {
    let ask = |first: &Addr<Ring>| {
        let (answers, asked) = mpsc::channel();
        let first = first.clone();
        system.actor(1, move || Asker(first.clone(), answers.clone()));
        asked
    };
    ring.iter().map(ask).collect()
}

/// It answers first, and then asks back: no cycle, though whoever asked may not have woken up yet.
#[test]
fn an_actor_that_has_answered_may_ask_back() {
    struct Polite(Option<Addr<u8>>, Arc<std::sync::Mutex<Vec<bool>>>);
    enum Polites {
        Ask(Reply<()>),
        Back(Addr<u8>),
    }
    impl Actor for Polite {
        type Msg = Polites;
        fn handle(&mut self, message: Polites, _: &Cx<Polites>) -> Flow {
            match message {
                Polites::Back(back) => self.0 = Some(back),
                Polites::Ask(reply) => {
                    reply.send(());
                    let back = self.0.as_ref().unwrap();
                    // It does not answer numbers, but it is no cycle.
                    let asked = back.ask(|_: Reply<()>| 1, LONG);
                    self.1.lock().unwrap().push(matches!(asked, Err(AskError::Unanswered)));
                }
            }
            Flow::Next
        }
    }
    struct First(Addr<Polites>);
    impl Actor for First {
        type Msg = u8;
        fn handle(&mut self, message: u8, _: &Cx<u8>) -> Flow {
            if message == 0 {
                assert!(self.0.ask(Polites::Ask, LONG).is_ok());
            }
            Flow::Next
        }
    }
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        let seen = Arc::default();
        let system = System::new();
        let polite = system.actor(4, {
            let seen = Arc::clone(&seen);
            move || Polite(None, Arc::clone(&seen))
        });
        let first = system.actor(4, {
            let polite = polite.clone();
            move || First(polite.clone())
        });
        polite.tell(Polites::Back(first.clone())).unwrap();
        first.tell(0).unwrap();
        drop(first);
        polite.stop(How::Drain);
        while polite.ended().is_none() {
            std::thread::yield_now();
        }
        drop(system);
        assert!(seen.lock().unwrap().iter().all(|is_no_cycle| *is_no_cycle));
    }
}
