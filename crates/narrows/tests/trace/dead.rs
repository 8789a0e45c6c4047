//! Programs that cannot go on: each must be named for what it is.

use std::{
    fs,
    future::Future,
    pin::pin,
    process,
    sync::Arc,
    task::{Context, Wake, Waker},
    thread,
};

use narrows::{Receiver, Select, Sender, builder};

use crate::{LOOK, Named, output_of};

pub(crate) const PROGRAMS: [Named; 13] = [
    ("two_that_send", || two_that_send(1, false)),
    ("two_that_send_by_hand", || two_that_send(0, false)),
    ("two_that_send_beside_a_third", || two_that_send(1, true)),
    ("two_that_never_received", two_that_never_received),
    ("fed_by_itself", || fed_by_itself(false)),
    ("fed_by_itself_beside_another", || fed_by_itself(true)),
    ("fed_by_itself_in_main", || feed(&builder().name("own").bounded(2))),
    ("sender_kept_by_the_receiver", sender_kept_by_the_receiver),
    ("sender_kept_by_who_joins", sender_kept_by_who_joins),
    ("three_that_receive", three_that_receive),
    ("select_of_the_stuck", select_of_the_stuck),
    ("task_without_a_sender", task_without_a_sender),
    ("asked_by_a_thread", asked_by_a_thread),
];

pub(crate) const TESTS: [Named; 13] = [
    ("a_cycle_of_two_full_channels_is_named", || {
        let said = output_of("two_that_send");
        says(&said, &["2 threads wait for each other; every thread is asleep"]);
        names_both(&said);
        says(&said, &["1 of 1 inside", r#"used by thread "left""#, r#"used by thread "right""#]);
    }),
    ("a_cycle_of_two_hand_overs_is_named", || {
        let said = output_of("two_that_send_by_hand");
        says(&said, &["2 threads wait for each other; every thread is asleep"]);
        names_both(&said);
    }),
    ("a_cycle_is_named_beside_a_thread_that_is_awake", || {
        let said = output_of("two_that_send_beside_a_third");
        says(&said, &["2 threads wait for each other\n"]);
        names_both(&said);
    }),
    ("a_cycle_is_seen_although_nobody_has_received", || {
        let said = output_of("two_that_never_received");
        says(&said, &["nobody is left to help; every thread is asleep"]);
        names_both(&said);
    }),
    ("a_consumer_that_feeds_itself_is_named", || {
        let said = output_of("fed_by_itself");
        says(
            &said,
            &[r#"thread "consumer" waits for itself; every"#, r#"to send into "own" (bounded, made at "#, "2 of 2"],
        );
    }),
    ("a_consumer_that_feeds_itself_is_named_beside_another", || {
        let said = output_of("fed_by_itself_beside_another");
        says(&said, &["thread \"consumer\" waits for itself\n", r#"to send into "own" (bounded, made at "#]);
    }),
    ("a_main_that_feeds_itself_is_named", || {
        let said = output_of("fed_by_itself_in_main");
        says(&said, &[r#"thread "main" waits for itself; every thread"#, r#"to send into "own" (bounded, made at "#]);
    }),
    ("a_sender_kept_by_its_receiver_is_named", || {
        let said = output_of("sender_kept_by_the_receiver");
        says(&said, &[r#"thread "main" waits for itself; every thread"#, r#"to receive from "jobs" (unbounded, "#]);
        says(&said, &["sender made at ", "dead.rs:"]);
        assert_eq!(said.matches("\n        sender ").count(), 1, "{said}");
    }),
    ("a_sender_kept_by_who_waits_for_the_receiver_is_named", || {
        let said = output_of("sender_kept_by_who_joins");
        says(&said, &["nobody is left to help; every thread is asleep", r#"thread "worker" has"#]);
        says(&said, &[r#"to receive from "jobs""#, r#"by thread "main", which alone has used it"#]);
    }),
    ("a_ring_that_receives_is_named", || {
        let said = output_of("three_that_receive");
        says(&said, &["3 threads wait for each other; every thread is asleep", r#"to receive from "ring 2""#]);
    }),
    ("a_select_is_stuck_if_every_arm_is", || {
        let said = output_of("select_of_the_stuck");
        says(
            &said,
            &["2 threads wait for each other\n", "for the first of these:", r#""news""#, r#""orders""#, r#""full""#],
        );
    }),
    ("a_task_is_named_that_nobody_can_wake", || {
        let said = output_of("task_without_a_sender");
        says(&said, &["nobody is left to help; every thread is asleep", "task 1 has", r#"to receive from "jobs""#]);
    }),
    ("a_thread_may_ask", || {
        let said = output_of("asked_by_a_thread");
        says(&said, &["2 threads wait for each other"]);
        names_both(&said);
    }),
];

fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "not {word:?} in:\n{said}");
    }
}

fn names_both(said: &str) {
    says(said, &[r#"thread "left" has been waiting"#, r#"thread "right" has been waiting"#]);
    says(said, &[r#"to send into "to the left" ("#, r#"to send into "to the right" ("#, "dead.rs:"]);
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).expect("a thread")
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A thread that is awake, and has nothing to do with it.
fn stay_awake() {
    loop {
        thread::park_timeout(LOOK / 3);
    }
}

/// Until the first thread sleeps, as it does where it joins the others: else it may be that they are found before.
fn await_main() {
    let is_asleep = || {
        let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", process::id()));
        // Where the system does not tell, nothing is said of who sleeps either.
        stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
    };
    while !is_asleep() {
        thread::yield_now();
    }
}

/// Each sends without end to the other, who would receive after that.
fn two_that_send(cap: usize, is_main_awake: bool) {
    let (to_left, left) = builder::<u32>().name("to the left").bounded(cap);
    let (to_right, right) = builder::<u32>().name("to the right").bounded(cap);
    let body = |own: Receiver<u32>, other: Sender<u32>| {
        move || {
            if !is_main_awake {
                await_main();
            }
            let _ = own.try_recv();
            while other.send(0).is_ok() {}
        }
    };
    let both = [start("left", body(left, to_right)), start("right", body(right, to_left))];
    if is_main_awake {
        stay_awake();
    }
    join(both);
}

fn two_that_never_received() {
    let (to_left, left) = builder::<u32>().name("to the left").bounded(1);
    let (to_right, right) = builder::<u32>().name("to the right").bounded(1);
    let body = |own: Receiver<u32>, other: Sender<u32>| {
        move || {
            while other.send(0).is_ok() {}
            drop(own);
        }
    };
    let both = [start("left", body(left, to_right)), start("right", body(right, to_left))];
    join(both);
}

/// Two messages come of each.
fn feed((s, r): &(Sender<u32>, Receiver<u32>)) {
    s.send(0).unwrap();
    for n in r {
        s.send(n + 1).unwrap();
        s.send(n + 2).unwrap();
    }
}

fn fed_by_itself(is_main_awake: bool) {
    let own = builder().name("own").bounded(2);
    let consumer = start("consumer", move || {
        if !is_main_awake {
            await_main();
        }
        feed(&own);
    });
    if is_main_awake {
        stay_awake();
    }
    consumer.join().unwrap();
}

fn sender_kept_by_the_receiver() {
    let (s, r) = builder::<u32>().name("jobs").unbounded();
    let workers = [1, 2].map(|n| {
        let s = s.clone();
        start("worker", move || s.send(n).unwrap())
    });
    assert_eq!(r.iter().take(2).sum::<u32>(), 3);
    join(workers);
    // One that was joined may be on its way out for a while, and is not asleep then.
    while fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() > 2) {
        thread::yield_now();
    }
    assert_eq!(r.iter().count(), 0);
    drop(s);
}

fn sender_kept_by_who_joins() {
    let (s, r) = builder::<u32>().name("jobs").unbounded();
    let worker = start("worker", move || assert_eq!(r.iter().count(), 1));
    s.send(1).unwrap();
    worker.join().unwrap();
    drop(s);
}

fn three_that_receive() {
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for n in 0..3 {
        let (s, r) = builder::<u32>().name(format!("ring {n}")).bounded(1);
        senders.push(s);
        receivers.push(r);
    }
    senders.rotate_left(1);
    let bodies = senders.into_iter().zip(receivers);
    let body = |s: Sender<u32>, r: Receiver<u32>| {
        move || {
            await_main();
            assert!(s.is_empty());
            r.iter().for_each(|n| s.send(n).unwrap());
        }
    };
    let threads: Vec<_> = bodies.map(|(s, r)| start("one of the ring", body(s, r))).collect();
    join(threads);
}

/// One sends what the other does not receive, for that selects what the first would send.
fn select_of_the_stuck() {
    let (full_s, full_r) = builder::<u32>().name("full").bounded(1);
    let (news_s, news_r) = builder::<u32>().name("news").bounded(1);
    let (orders_s, orders_r) = builder::<u32>().name("orders").bounded(1);
    start("producer", move || {
        news_s.send(0).unwrap();
        orders_s.send(0).unwrap();
        while full_s.send(0).is_ok() {}
    });
    start("consumer", move || {
        let _ = full_r.recv();
        let mut select = Select::new();
        select.recv(&news_r);
        select.recv(&orders_r);
        loop {
            let chosen = select.select();
            let _ = if chosen.index() == 0 { chosen.recv(&news_r) } else { chosen.recv(&orders_r) };
        }
    });
    stay_awake();
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn task_without_a_sender() {
    let (s, r) = builder::<u32>().name("jobs").unbounded();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut received = pin!(r.recv_async());
    while received.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        thread::park();
    }
    drop(s);
}

/// Not by a watch.
fn asked_by_a_thread() {
    let asks = start("asks", || {
        loop {
            if let [deadlock, ..] = &narrows::trace::deadlocks()[..] {
                println!("{deadlock}");
                process::exit(0);
            }
        }
    });
    two_that_send(1, false);
    asks.join().unwrap();
}
