//! What threads and tasks do to each other beyond a single operation: selectors used again, selects on both sides,
//! permits for several, tasks that are forgotten. A body that never ends is a deadlock, which shuttle reports.

use std::{mem, time::Duration};

use narrows::{Receiver, Select};
use shuttle::{future, thread};

use crate::{
    channel,
    task::{drop_unfinished, poll_once},
    try_schedules::try_schedules,
};

const BRIEF: Duration = Duration::from_millis(1);

fn count(r: &Receiver<u32>) -> u32 {
    r.iter().map(|_| 1).sum()
}

/// Rules 9, 16, 17: a selector used until both of its channels end, beside a receiver that competes for one of them. With a
/// third arm it has many, and leaves its tickets out.
fn a_selector_until_the_end(name: &str, bound: Option<usize>, is_large: bool) {
    try_schedules(name, 4, move || {
        let third = narrows::never::<u32>();
        let (s1, r1) = channel(bound);
        let (s2, r2) = channel(bound);
        let other = r1.clone();
        let senders = [s1, s2].map(|s| {
            thread::spawn(move || {
                s.send(1).unwrap();
                s.send(2).unwrap();
            })
        });
        let competes = thread::spawn(move || count(&other));
        let mut select = Select::new();
        let arms = [(select.recv(&r1), &r1), (select.recv(&r2), &r2)];
        if is_large {
            select.recv(&third);
        }
        let (mut left, mut got) = (2, 0);
        while left > 0 {
            let operation = select.select();
            let index = operation.index();
            let (_, r) = arms.iter().find(|arm| arm.0 == index).unwrap();
            if operation.recv(r).is_ok() {
                got += 1;
            } else {
                select.remove(index);
                left -= 1;
            }
        }
        assert_eq!(got + competes.join().unwrap(), 4);
        for thread in senders {
            thread.join().unwrap();
        }
        0
    });
}

#[test]
fn selector_until_the_end_0() {
    a_selector_until_the_end("selector_until_the_end_0", Some(0), false);
}

#[test]
fn selector_until_the_end_1() {
    a_selector_until_the_end("selector_until_the_end_1", Some(1), false);
}

#[test]
fn large_selector_until_the_end_0() {
    a_selector_until_the_end("large_selector_until_the_end_0", Some(0), true);
}

#[test]
fn large_selector_until_the_end_1() {
    a_selector_until_the_end("large_selector_until_the_end_1", Some(1), true);
}

#[test]
fn selector_until_the_end_unbounded() {
    a_selector_until_the_end("selector_until_the_end_unbounded", None, false);
}

/// Rules 9, 17: a large selector that was used twice and then rests has its tickets out; they keep nothing from the others.
fn a_selector_rests(name: &str, bound: Option<usize>) {
    try_schedules(name, 4, move || {
        let third = narrows::never::<u32>();
        let (s1, r1) = channel(bound);
        let (s2, r2) = channel(bound);
        let (first, second) = (s1.clone(), s2.clone());
        let sender = thread::spawn(move || {
            for message in 0..4 {
                first.send(message).unwrap();
            }
        });
        let back = thread::spawn(move || second.send(9).unwrap());
        let (other1, other2) = (r1.clone(), r2.clone());
        let mut select = Select::new();
        let arms = [(select.recv(&r1), &r1), (select.recv(&r2), &r2)];
        select.recv(&third);
        let mut got = [0, 0];
        for _ in 0..2 {
            if let Ok(operation) = select.select_timeout(BRIEF) {
                let at = usize::from(operation.index() == arms[1].0);
                operation.recv(arms[at].1).unwrap();
                got[at] += 1;
            }
        }
        let [rest1, rest2] = [(other1, 4 - got[0]), (other2, 1 - got[1])].map(|(r, rest)| {
            thread::spawn(move || {
                for _ in 0..rest {
                    r.recv().unwrap();
                }
            })
        });
        rest1.join().unwrap();
        rest2.join().unwrap();
        sender.join().unwrap();
        back.join().unwrap();
        drop((select, s1, s2));
        0
    });
}

#[test]
fn selector_rests_0() {
    a_selector_rests("selector_rests_0", Some(0));
}

#[test]
fn selector_rests_1() {
    a_selector_rests("selector_rests_1", Some(1));
}

/// Rule 16: at capacity 0, selects that offer and ask on both channels meet pairwise, each in one channel only.
#[test]
fn selects_cross_0() {
    try_schedules("selects_cross_0", 4, || {
        let (s1, r1) = channel(Some(0));
        let (s2, r2) = channel(Some(0));
        let keep = (s1.clone(), r1.clone(), s2.clone(), r2.clone());
        let there = thread::spawn(move || {
            (0..2)
                .map(|_| {
                    narrows::select! {
                        send(s1, 1) -> sent => { sent.unwrap(); 1 }
                        recv(r2) -> message => message.unwrap(),
                    }
                })
                .collect::<Vec<i32>>()
        });
        let here: Vec<i32> = (0..2)
            .map(|_| {
                narrows::select! {
                    send(s2, 2) -> sent => { sent.unwrap(); 2 }
                    recv(r1) -> message => message.unwrap(),
                }
            })
            .collect();
        assert_eq!(there.join().unwrap(), here);
        drop(keep);
        0
    });
}

/// Rules 13, 16: the same with tasks on one side, and selectors that are used again on both.
#[test]
fn selects_cross_tasks_0() {
    try_schedules("selects_cross_tasks_0", 4, || {
        let (s1, r1) = channel(Some(0));
        let (s2, r2) = channel(Some(0));
        let keep = (s1.clone(), r1.clone(), s2.clone(), r2.clone());
        let there = thread::spawn(move || {
            let mut select = Select::new();
            let send = select.send(&s1);
            select.recv(&r2);
            for _ in 0..2 {
                let operation = future::block_on(select.select_async());
                if operation.index() == send {
                    operation.send(&s1, 1).unwrap();
                } else {
                    operation.recv(&r2).unwrap();
                }
            }
        });
        let mut select = Select::new();
        let send = select.send(&keep.2);
        select.recv(&keep.1);
        for _ in 0..2 {
            let operation = select.select();
            if operation.index() == send {
                operation.send(&keep.2, 2).unwrap();
            } else {
                operation.recv(&keep.1).unwrap();
            }
        }
        there.join().unwrap();
        0
    });
}

/// Rules 9, 23: who wants two places and who wants one both get them.
#[test]
fn reserve_many() {
    try_schedules("reserve_many", 4, || {
        let (s, r) = channel(Some(2));
        let (one, again) = (s.clone(), s.clone());
        let threads = [
            thread::spawn(move || {
                let mut permits = s.reserve_many(2).unwrap();
                permits.send(1).unwrap();
                permits.send(2).unwrap();
            }),
            thread::spawn(move || one.reserve().unwrap().send(3).unwrap()),
            thread::spawn(move || {
                let permits = again.reserve_many(2).unwrap();
                drop(permits);
                again.send(4).unwrap();
            }),
        ];
        let mut got: Vec<u32> = r.iter().collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3, 4]);
        for thread in threads {
            thread.join().unwrap();
        }
        0
    });
}

/// Rule 14: a receive that was polled and then forgotten keeps one wake-up at most (async-channel 45).
fn a_task_is_forgotten(name: &str, bound: Option<usize>) {
    try_schedules(name, 8, move || {
        let (s, r) = channel(bound);
        let mut future = r.recv_async();
        assert!(poll_once(&mut future).is_pending());
        mem::forget(future);
        let receivers = [r.clone(), r].map(|r| thread::spawn(move || count(&r)));
        let senders = [s.clone(), s].map(|s| {
            thread::spawn(move || {
                s.send(1).unwrap();
                s.send(2).unwrap();
            })
        });
        for thread in senders {
            thread.join().unwrap();
        }
        assert_eq!(receivers.map(|receiver| receiver.join().unwrap()).iter().sum::<u32>(), 4);
        0
    });
}

#[test]
fn task_forgotten_0() {
    a_task_is_forgotten("task_forgotten_0", Some(0));
}

#[test]
fn task_forgotten_2() {
    a_task_is_forgotten("task_forgotten_2", Some(2));
}

/// Rules 1, 9, 13: tasks on both sides, each now and then polled once and dropped before it tries again.
fn tasks_that_change_their_minds(name: &str, bound: Option<usize>) {
    try_schedules(name, 4, move || {
        let (s, r) = channel(bound);
        let senders = [s.clone(), s].map(|s| {
            thread::spawn(move || {
                for message in 0..2 {
                    // A dropped reservation sends nothing, so nothing is sent twice.
                    drop(poll_once(&mut s.reserve_async()));
                    future::block_on(s.send_async(message)).unwrap();
                }
            })
        });
        let receivers = [r.clone(), r].map(|r| {
            thread::spawn(move || {
                let mut got = 0;
                loop {
                    if let std::task::Poll::Ready(Ok(_)) = poll_once(&mut r.recv_async()) {
                        got += 1;
                    }
                    match future::block_on(r.recv_async()) {
                        Ok(_) => got += 1,
                        Err(_) => return got,
                    }
                }
            })
        });
        assert_eq!(receivers.map(|receiver| receiver.join().unwrap()).iter().sum::<u32>(), 4);
        for thread in senders {
            thread.join().unwrap();
        }
        0
    });
}

#[test]
fn tasks_0() {
    tasks_that_change_their_minds("tasks_0", Some(0));
}

#[test]
fn tasks_1() {
    tasks_that_change_their_minds("tasks_1", Some(1));
}

#[test]
fn tasks_unbounded() {
    tasks_that_change_their_minds("tasks_unbounded", None);
}

/// Rule 24: a message chosen and given back is received by somebody: nobody is told the end before.
fn a_choice_is_given_back(name: &str, bound: Option<usize>) {
    try_schedules(name, 4, move || {
        let (s, r) = channel(bound);
        let other = r.clone();
        let sender = thread::spawn(move || {
            s.send(1).unwrap();
            s.send(2).unwrap();
        });
        let receiver = thread::spawn(move || count(&other));
        let mut select = Select::new();
        select.recv(&r);
        if let Ok(operation) = select.select_timeout(BRIEF) {
            thread::yield_now();
            drop_unfinished(operation);
        }
        drop(select);
        // Whoever received the second while the first was chosen gets the first after it: no order is asserted.
        let all = count(&r) + receiver.join().unwrap();
        assert_eq!(all, 2);
        sender.join().unwrap();
        0
    });
}

#[test]
fn choice_given_back_0() {
    a_choice_is_given_back("choice_given_back_0", Some(0));
}

#[test]
fn choice_given_back_1() {
    a_choice_is_given_back("choice_given_back_1", Some(1));
}

#[test]
fn choice_given_back_2() {
    a_choice_is_given_back("choice_given_back_2", Some(2));
}

/// Rules 9, 24: a place or a receiver chosen and given back is another's.
fn a_chosen_send_is_given_back(name: &str, bound: Option<usize>) {
    try_schedules(name, 4, move || {
        let (s, r) = channel(bound);
        let other = s.clone();
        let sender = thread::spawn(move || {
            other.send(1).unwrap();
            other.send(2).unwrap();
        });
        let receiver = thread::spawn(move || count(&r));
        let mut select = Select::new();
        select.send(&s);
        if let Ok(operation) = select.select_timeout(BRIEF) {
            thread::yield_now();
            drop_unfinished(operation);
        }
        drop(select);
        sender.join().unwrap();
        drop(s);
        assert_eq!(receiver.join().unwrap(), 2);
        0
    });
}

#[test]
fn chosen_send_given_back_0() {
    a_chosen_send_is_given_back("chosen_send_given_back_0", Some(0));
}

#[test]
fn chosen_send_given_back_1() {
    a_chosen_send_is_given_back("chosen_send_given_back_1", Some(1));
}

/// Rule 23: at capacity 0 permits among receivers that come and go: sent is received, and nobody sleeps for ever.
#[test]
fn permits_0() {
    try_schedules("permits_0", 4, || {
        let (s, r) = channel(Some(0));
        let impatient = r.clone();
        let comes_and_goes = thread::spawn(move || (0..2).filter(|_| impatient.recv_timeout(BRIEF).is_ok()).count());
        let stays = thread::spawn(move || r.iter().count());
        let plain = s.clone();
        let plain = thread::spawn(move || plain.send(1).unwrap());
        let mut sent = 0;
        for _ in 0..2 {
            match s.try_reserve() {
                Ok(permit) => sent += usize::from(permit.send(2).is_ok()),
                Err(_) => drop(poll_once(&mut s.reserve_async())),
            }
        }
        drop(s.reserve().unwrap());
        plain.join().unwrap();
        drop(s);
        assert_eq!(comes_and_goes.join().unwrap() + stays.join().unwrap(), sent + 1);
        0
    });
}

/// Rules 9, 17, 23: at capacity 0 a reservation finds a selector whose ticket was left out.
#[test]
fn reserve_meets_selector_0() {
    try_schedules("reserve_meets_selector_0", 4, || {
        let (s1, r1) = channel(Some(0));
        let (s2, r2) = channel(Some(0));
        let sender = thread::spawn(move || {
            for message in 0..2 {
                s2.send(message).unwrap();
            }
            s2
        });
        let reserver = thread::spawn(move || {
            let mut message = 5;
            // The receiver that was counted may have left for the other channel.
            while let Err(refused) = s1.reserve().unwrap().send(message) {
                message = refused.into_inner();
            }
            s1
        });
        let mut select = Select::new();
        let first = select.recv(&r1);
        select.recv(&r2);
        for _ in 0..3 {
            let operation = select.select();
            let message = if operation.index() == first { operation.recv(&r1) } else { operation.recv(&r2) };
            message.unwrap();
        }
        sender.join().unwrap();
        reserver.join().unwrap();
        0
    });
}

/// Rule 10: three threads take the roles of one channel from each other, so that the bias of one is taken away while
/// another, who had it before, still comes for it.
#[test]
fn roles_change_hands() {
    try_schedules("roles_change_hands", 1, || {
        let (s, r) = channel(Some(2));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (s, r) = (s.clone(), r.clone());
                thread::spawn(move || (0..6).filter(|_| s.try_send(1).is_ok() && r.try_recv().is_ok()).count())
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        0
    });
}

/// Rule 16: who has seen that the first channel is closed is told so by a biased select, though the second has a message.
#[test]
fn biased_takes_the_first_that_is_ready() {
    try_schedules("biased_takes_the_first_that_is_ready", 1, || {
        let (s, first) = channel::<u32>(Some(1));
        let (other, second) = channel(Some(1));
        other.try_send(1).unwrap();
        let closer = thread::spawn(move || s.close());
        for _ in 0..8 {
            let is_closed = first.is_closed();
            let mut select = Select::new_biased();
            let index = select.recv(&first);
            select.recv(&second);
            let operation = select.select();
            if operation.index() == index {
                operation.recv(&first).unwrap_err();
            } else {
                assert!(!is_closed, "passed over");
                operation.recv(&second).unwrap();
                other.try_send(1).unwrap();
            }
        }
        closer.join().unwrap();
        0
    });
}
