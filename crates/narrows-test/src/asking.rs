//! Request and reply: every question gets its own answer, or hears in time that there is none.

use crate::actor::Host;
use crate::deadline::times;
use crate::hand::poll;
use crate::kind::Kind;
use narrows::oneshot::Sender as Reply;
use narrows::{AskError, AskTimeoutError, Receiver};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

struct Double(u64, Reply<u64>);

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

/// Answers each question, the last of every few first.
fn serve(requests: &Receiver<Double>) {
    let mut kept = Vec::new();
    while let Ok(request) = requests.recv() {
        kept.push(request);
        kept.extend(requests.try_iter());
        for Double(number, reply) in kept.drain(..).rev() {
            // Whoever asked may have gone.
            let _ = reply.send(2 * number);
        }
    }
}

async fn ask_by(how: u64, s: &narrows::Sender<Double>, number: u64) -> u64 {
    let request = |reply| Double(number, reply);
    let answer = match how {
        0 => s.ask(request).ok(),
        1 => s.ask_timeout(request, LONG).ok(),
        2 => s.ask_deadline(request, Instant::now() + LONG).ok(),
        3 => s.ask_async(request).await.ok(),
        _ => s.ask_deadline_async(request, Instant::now() + LONG).await.ok(),
    };
    answer.expect("every question is answered")
}

/// Many ask at once, in every way, and each gets the answer to its own question.
pub fn rule_01_every_question_gets_its_own_answer(kind: Kind) {
    let (s, r) = kind.pair();
    let server = thread::spawn(move || serve(&r));
    let askers: Vec<_> = (0..5)
        .map(|how| {
            let s = s.clone();
            let host = if how < 3 { Host::Thread } else { Host::Tokio };
            host.spawn(async move {
                for number in 0..times(200) as u64 {
                    let number = 10 * number + how;
                    assert_eq!(ask_by(how, &s, number).await, 2 * number);
                }
            })
        })
        .collect();
    for asker in askers {
        asker.join();
    }
    drop(s);
    server.join().expect("no panic");
}

/// An answer that comes too late comes back to who sends it, and the next question does not get it.
pub fn rule_12_a_late_answer_reaches_no_other_question(kind: Kind) {
    let (s, r) = kind.pair();
    for in_a_task in [false, true] {
        let asker = {
            let s = s.clone();
            let host = if in_a_task { Host::Tokio } else { Host::Thread };
            host.spawn(async move {
                let first = if in_a_task {
                    s.ask_deadline_async(|reply| Double(1, reply), Instant::now() + SHORT).await
                } else {
                    s.ask_timeout(|reply| Double(1, reply), SHORT)
                };
                let why = first.expect_err("nobody answers in time");
                assert!(why.is_timeout());
                let unsent = why.into_request().is_some();
                let second = if in_a_task {
                    s.ask_async(|reply| Double(2, reply)).await
                } else {
                    s.ask(|reply| Double(2, reply))
                };
                (unsent, second)
            })
        };
        let mut late = None;
        let Double(mut number, mut reply) = r.recv().expect("a question");
        if number == 1 {
            late = Some(reply);
            Double(number, reply) = r.recv().expect("the second");
        }
        assert_eq!(number, 2);
        if let Some(late) = &late {
            late.closed().wait();
        }
        let was_sent = late.is_some();
        if let Some(late) = late {
            assert_eq!(late.send(11).map_err(narrows::SendError::into_inner), Err(11));
        }
        reply.send(22).expect("it is waited for");
        let (unsent, second) = asker.join();
        assert_eq!(second.ok(), Some(22));
        assert_eq!(unsent, !was_sent);
    }
}

/// A question that finds no place in time comes back, and is not sent later.
pub fn rule_12_a_question_without_a_place_comes_back(kind: Kind) {
    let (s, r) = kind.pair();
    let mut replies = Vec::new();
    kind.fill(&s, |i| {
        let (reply, answer) = narrows::oneshot::channel();
        replies.push(answer);
        Double(i as u64, reply)
    });
    let why = s.ask_timeout(|reply| Double(1077, reply), SHORT).expect_err("there is no place");
    assert!(matches!(why, AskTimeoutError::Unsent(Double(1077, _))));
    let sender = s.clone();
    let asker = Host::Tokio
        .spawn(async move { sender.ask_deadline_async(|reply| Double(1078, reply), Instant::now() + SHORT).await });
    assert!(matches!(asker.join(), Err(AskTimeoutError::Unsent(Double(1078, _)))));
    assert!(r.try_iter().all(|Double(number, _)| number < 1000));
}

/// Whose question is dropped, or finds the channel closed, hears so at once.
pub fn rule_06_a_question_that_is_dropped_is_heard_of(kind: Kind) {
    let (s, r) = kind.pair::<Double>();
    for how in 0..2 {
        let s = s.clone();
        let host = if how == 0 { Host::Thread } else { Host::Tokio };
        let asker = host.spawn(async move {
            if how == 0 { s.ask(|reply| Double(1, reply)) } else { s.ask_async(|reply| Double(1, reply)).await }
        });
        drop(r.recv());
        assert!(matches!(asker.join(), Err(AskError::Unanswered)));
    }
    drop(r);
    assert!(matches!(s.ask(|reply| Double(3, reply)), Err(AskError::Disconnected(Double(3, _)))));
    let timed = s.ask_timeout(|reply| Double(4, reply), LONG);
    assert!(matches!(timed, Err(AskTimeoutError::Disconnected(Double(4, _)))));
}

/// A future that has given up, or was answered, keeps nothing of the channel of its answer, however long it is kept.
pub fn rule_12_an_answer_is_received_or_comes_back(kind: Kind) {
    let (s, r) = kind.pair();
    let bell = crate::hand::Bell::new();
    let mut patience = SHORT;
    let mut asks = loop {
        let mut asks = Box::pin(s.ask_timeout_async(|reply| Double(1, reply), patience));
        if poll(&mut asks, &bell).is_pending() {
            break asks;
        }
        // This machine had something else to do for so long.
        patience *= 4;
        assert!(patience < LONG, "it does not wait");
        drop(asks);
        r.try_iter().for_each(drop);
    };
    let Double(_, reply) = r.try_recv().expect("it was sent");
    crate::deadline::until("the time is over", || bell.rings() > 0);
    assert!(matches!(poll(&mut asks, &bell), Poll::Ready(Err(AskTimeoutError::Timeout))));
    assert!(reply.is_closed());
    assert_eq!(reply.send(5).map_err(narrows::SendError::into_inner), Err(5));
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut asks, &bell)));
    assert!(again.is_err(), "polled after it was finished");
}

/// Beside an answer that comes when the time is over: who asked has it, or who answers.
pub fn rule_12_no_answer_is_lost_at_the_last_moment() {
    let (s, r) = narrows::unbounded::<Double>();
    let server = thread::spawn(move || {
        let mut returned = 0;
        for Double(number, reply) in r {
            for _ in 0..number % 97 {
                std::hint::spin_loop();
            }
            returned += usize::from(reply.send(number).is_err());
        }
        returned
    });
    let rounds = times(3000) as u64;
    let mut late = 0;
    for number in 0..rounds {
        let timeout = Duration::from_nanos(300 + number % 3000);
        match s.ask_timeout(|reply| Double(number, reply), timeout) {
            Ok(answer) => assert_eq!(answer, number),
            Err(why) => {
                assert!(matches!(why, AskTimeoutError::Timeout));
                late += 1;
            }
        }
    }
    drop(s);
    assert_eq!(server.join().expect("no panic"), late, "an answer was lost");
}
