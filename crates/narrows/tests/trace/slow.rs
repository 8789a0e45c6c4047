//! Programs that are merely slow: of none is anything to be said.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use narrows::{after, bounded, select, trace, unbounded};

use crate::{LOOK, Named, output_of};

pub(crate) const PROGRAMS: [Named; 10] = [
    ("consumer", consumer),
    ("consumer_of_a_warm_channel", consumer_of_a_warm_channel),
    ("sender", sender),
    ("sender_that_has_sent", sender_that_has_sent),
    ("ring_with_a_time_limit", ring_with_a_time_limit),
    ("ring_with_a_timer", ring_with_a_timer),
    ("loop_that_told_itself", loop_that_told_itself),
    ("held_by_a_lock", held_by_a_lock),
    ("weak", weak),
    ("asked", asked),
];

pub(crate) const TESTS: [Named; 10] = [
    ("a_slow_consumer_is_none", || nothing("consumer")),
    ("a_slow_consumer_of_a_warm_channel_is_none", || nothing("consumer_of_a_warm_channel")),
    ("a_sender_that_sleeps_is_none", || nothing("sender")),
    ("a_sender_that_sleeps_after_its_first_is_none", || nothing("sender_that_has_sent")),
    ("a_ring_with_a_time_limit_is_none", || nothing("ring_with_a_time_limit")),
    ("a_ring_with_a_timer_is_none", || nothing("ring_with_a_timer")),
    ("an_idle_loop_that_may_tell_itself_is_none", || nothing("loop_that_told_itself")),
    ("a_handle_behind_a_lock_is_none", || nothing("held_by_a_lock")),
    ("a_weak_handle_is_none", || nothing("weak")),
    ("who_asks_and_has_the_sender_is_told_nothing", || nothing("asked")),
];

fn nothing(name: &str) {
    assert_eq!(output_of(name), "");
}

const SLOW: Duration = LOOK.saturating_mul(20);

/// What makes these programs slow, and it is no channel. Who watches has looked several times meanwhile: where the machine has much
/// else to do that takes longer.
fn be_slow(mut long: Duration) {
    loop {
        let (before, until) = (rests_of_the_watch(), Instant::now() + long);
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
        let is_watched = before.zip(rests_of_the_watch()).is_none_or(|(before, now)| now >= before + 6);
        if is_watched || long > 10 * SLOW {
            return;
        }
        long *= 2;
    }
}

/// How often the thread that watches has gone to sleep, where the system tells; it does so from look to look.
fn rests_of_the_watch() -> Option<u64> {
    let is_watch = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "narrows-trace\n");
    let task = fs::read_dir("/proc/self/task").ok()?.flatten().map(|task| task.path()).find(is_watch)?;
    let status = fs::read_to_string(task.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

fn consumer() {
    let (s, r) = bounded(1);
    let consumer = thread::spawn(move || {
        for _ in r {
            be_slow(SLOW);
        }
    });
    (0..3).for_each(|n| s.send(n).unwrap());
    drop(s);
    consumer.join().unwrap();
}

/// Its maker has used both ends before.
fn consumer_of_a_warm_channel() {
    let (s, r) = bounded(1);
    s.send(0).unwrap();
    assert_eq!(r.recv(), Ok(0));
    let consumer = thread::spawn(move || {
        be_slow(SLOW);
        assert_eq!(r.iter().count(), 2);
    });
    s.send(1).unwrap();
    s.send(2).unwrap();
    drop(s);
    consumer.join().unwrap();
}

fn sender() {
    let (s, r) = unbounded();
    thread::spawn(move || {
        be_slow(SLOW);
        s.send(1).unwrap();
    });
    assert_eq!(r.iter().count(), 1);
}

fn sender_that_has_sent() {
    let (s, r) = bounded(0);
    thread::spawn(move || {
        s.send(1).unwrap();
        be_slow(SLOW);
        s.send(2).unwrap();
    });
    assert_eq!(r.iter().count(), 2);
}

/// Each sends without end to the other, and one gives up after a while.
fn ring_with_a_time_limit() {
    let (to_a, a) = bounded(1);
    let (to_b, b) = bounded(1);
    let other = thread::spawn(move || {
        let _ = b.try_recv();
        while to_a.send(0).is_ok() {}
    });
    let one = thread::spawn(move || {
        let _ = a.try_recv();
        while to_b.send_timeout(0, SLOW).is_ok() {}
    });
    one.join().unwrap();
    other.join().unwrap();
}

fn ring_with_a_timer() {
    let (to_a, a) = bounded(1);
    let (to_b, b) = bounded(1);
    let other = thread::spawn(move || {
        let _ = b.try_recv();
        (0..3).for_each(|_| to_a.send(0).unwrap());
        drop(to_a);
        b.iter().count()
    });
    let one = thread::spawn(move || {
        assert!(a.recv().is_ok());
        to_b.send(0).unwrap();
        // Full, until the other has sent what we do not receive before the timer.
        let late = after(SLOW);
        loop {
            select! {
                send(to_b, 0) -> sent => sent.unwrap(),
                recv(late) -> _ => break,
            }
        }
        drop(to_b);
        a.iter().count()
    });
    one.join().unwrap();
    other.join().unwrap();
}

/// An idle loop whose sender several have, of whom one has used it.
fn loop_that_told_itself() {
    let (s, r) = unbounded();
    let s = Arc::new(s);
    let own = s.clone();
    let idle = thread::spawn(move || {
        own.send(1).unwrap();
        drop(own);
        assert_eq!(r.iter().count(), 2);
    });
    be_slow(SLOW);
    s.send(2).unwrap();
    drop(s);
    idle.join().unwrap();
}

/// Who would help waits for a lock, whose holder is slow.
fn held_by_a_lock() {
    let (s, r) = unbounded();
    let lock = Arc::new(Mutex::new(()));
    let (locked, is_locked) = mpsc::channel();
    let own = lock.clone();
    let slow = thread::spawn(move || {
        let _guard = own.lock().unwrap();
        locked.send(()).unwrap();
        be_slow(SLOW);
    });
    is_locked.recv().unwrap();
    let helper = thread::spawn(move || {
        let _guard = lock.lock().unwrap();
        s.send(1).unwrap();
    });
    assert_eq!(r.iter().count(), 1);
    helper.join().unwrap();
    slow.join().unwrap();
}

/// The receiver is with the thread that sends, but another may have one at any time.
fn weak() {
    let (s, r) = bounded(1);
    let weak = r.downgrade();
    let sender = thread::spawn(move || {
        assert!(r.is_empty());
        (0..3).for_each(|_| s.send(0).unwrap());
    });
    be_slow(SLOW);
    let r = weak.upgrade().unwrap();
    assert_eq!(r.iter().count(), 3);
    sender.join().unwrap();
}

/// A thread that could help asks, and has not helped yet.
fn asked() {
    let (s, r) = unbounded();
    let waits = thread::spawn(move || assert_eq!(r.iter().count(), 1));
    let until = Instant::now() + SLOW;
    while Instant::now() < until {
        assert!(trace::deadlocks().is_empty());
    }
    s.send(1).unwrap();
    drop(s);
    waits.join().unwrap();
}
