//! Rules 15 and 18, and pitfall 20: memory, counted by an allocator that counts for each thread. In a binary of its own,
//! which is the one file here with `unsafe`: an allocator cannot be written without.
#![allow(unsafe_code)]

use narrows::{CancelToken, Overflow, RecvTimeoutError, Select, broadcast, builder, fan_in, oneshot, priority, watch};
use narrows_test::actor::Host;
use narrows_test::deadline::{times, within};
use narrows_test::hand::{Bell, poll};
use narrows_test::kind::{BOUNDED, EVERY, FINITE, Kind};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

thread_local! {
    /// How often this thread has asked for memory, and how much it holds less what it gave back.
    static ASKED: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn note(asked: usize, change: isize) {
    ASKED.set(ASKED.get() + asked);
    HELD.set(HELD.get() + change);
}

fn signed(size: usize) -> isize {
    isize::try_from(size).expect("layouts are no larger")
}

// SAFETY: every call goes to the system's allocator unchanged; what is added touches only two numbers of this thread,
// which have no destructor and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, -signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        note(1, signed(new) - signed(layout.size()));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(ptr, layout, new) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn asked() -> usize {
    ASKED.get()
}

fn held() -> isize {
    HELD.get()
}

/// What a thread may keep for later waits; less than what so many waits would leave if each left something.
const KEPT: isize = 2048;

fn on(kinds: &'static [Kind], rule: fn(Kind)) {
    for &kind in kinds {
        within(&kind.to_string(), move || {
            settle_in();
            rule(kind);
        });
    }
}

/// What a thread keeps for itself once it has used one end of a channel for a while, it gets now.
fn settle_in() {
    let (s, r) = narrows::bounded(1);
    for _ in 0..200 {
        assert!(s.try_send(0).is_ok() && r.try_recv().is_ok());
    }
}

/// A bounded channel that has been full once asks for nothing more, however its messages come and go.
#[test]
fn rule_18_no_allocation_per_message_on_one_thread() {
    on(FINITE, |kind| {
        let (s, r) = kind.pair::<[u64; 3]>();
        let lap = |k: usize| {
            for i in 0..kind.holds(k) {
                assert!(s.try_send([i as u64; 3]).is_ok());
            }
            while r.try_recv().is_ok() {}
        };
        lap(usize::MAX);
        lap(usize::MAX);
        let before = asked();
        for k in 0..times(2000) {
            lap(k % 7 + 1);
        }
        assert_eq!(asked() - before, 0, "{kind}");
    });
}

/// One that goes out for each that comes costs no memory, with or without a hook.
#[test]
fn rule_18_no_allocation_per_message_that_is_shed() {
    within("shedding", || {
        for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
            let rules = || builder().overflow(overflow);
            for (s, r) in [rules().bounded(2), rules().on_undelivered(drop::<[u64; 3]>).bounded(2)] {
                assert!((0..3).all(|_| s.send([1; 3]).is_ok()));
                let before = asked();
                assert!((0..times(1000)).all(|_| s.send([2; 3]).is_ok()));
                assert_eq!(asked() - before, 0, "{overflow:?}");
                assert_eq!((s.dropped(), r.len()), (times(1000) as u64 + 1, 2));
            }
        }
    });
}

/// A server that makes a token for each request keeps nothing of those that are over, one at a time or many at once.
#[test]
fn rule_18_tokens_that_are_gone_leave_no_memory() {
    within("tokens", || {
        let server = CancelToken::new();
        let lap = |many: usize| {
            let requests: Vec<_> = (0..many).map(|_| server.child().child()).collect();
            for request in &requests {
                assert!(!request.cancelled().wait_timeout(Duration::ZERO));
            }
        };
        lap(1);
        let before = held();
        for _ in 0..times(10_000) {
            lap(1);
        }
        assert_eq!(held() - before, 0);
        lap(times(10_000));
        assert!(held() - before <= KEPT, "{} bytes are kept", held() - before);
        let (kept, before) = (server.child(), asked());
        for _ in 0..1000 {
            drop(server.child());
        }
        assert_eq!(asked() - before, 1000, "one for each");
        drop((kept, server));
    });
}

/// A channel that gives every message to every receiver, also where they wait and where messages are skipped.
#[test]
fn rule_18_no_allocation_per_broadcast() {
    within("a broadcast", || {
        for capacity in [1, 2, 32] {
            let bell = Bell::new();
            let (s, r) = broadcast::channel(capacity);
            let others = [r.clone(), s.subscribe(broadcast::Start::Now, broadcast::Lag::Skip)];
            let lap = || {
                let mut recv = pin!(r.recv_async());
                assert!(poll(&mut recv, &bell).is_pending());
                assert!((0..capacity).all(|_| s.send([0; 100]).is_ok()));
                assert!(poll(&mut recv, &bell).is_ready());
                let mut send = pin!(s.send_async([1; 100]));
                assert!(poll(&mut send, &bell).is_pending());
                assert_eq!(others[0].try_iter().count(), capacity);
                r.try_iter().for_each(drop);
                assert!(poll(&mut send, &bell).is_ready());
                assert_eq!((r.recv().is_ok(), others[0].recv().is_ok()), (true, true));
            };
            // More than once, for a thread that does all comes to own the lock, which is noted in memory of its own.
            (0..50).for_each(|_| lap());
            let before = asked();
            (0..times(200)).for_each(|_| lap());
            assert_eq!(asked() - before, 0, "capacity {capacity}");
        }
    });
}

/// A channel for one message, also if it is waited for, by a task or by a thread that has waited before.
#[test]
fn rule_18_a_oneshot_is_one_allocation() {
    within("a oneshot", || {
        let bell = Bell::new();
        let lap = || {
            let (s, r) = oneshot::channel();
            {
                let mut recv = pin!(r.recv_async());
                assert!(poll(&mut recv, &bell).is_pending());
                assert!(s.send([0; 100]).is_ok());
                assert!(poll(&mut recv, &bell).is_ready());
            }
            let (s, r) = oneshot::channel::<u8>();
            assert!(poll(&mut pin!(s.closed()), &bell).is_pending());
            assert_eq!(r.recv_timeout(Duration::from_micros(1)), Err(RecvTimeoutError::Timeout));
        };
        lap();
        let before = asked();
        for _ in 0..times(100) {
            lap();
        }
        assert_eq!(asked() - before, 2 * times(100), "two in each lap");
    });
}

/// A value takes the place of one that nobody looks at; beside a look it has a place of its own, and is waited for as any.
#[test]
fn rule_18_no_allocation_per_value_that_nobody_looks_at() {
    within("a watch", || {
        let bell = Bell::new();
        let (s, r) = watch::channel([0; 100]);
        let lap = |byte: u8| {
            assert!(poll(&mut pin!(r.changed_async()), &bell).is_pending());
            assert_eq!(r.changed_timeout(Duration::from_micros(1)), Err(RecvTimeoutError::Timeout));
            assert_eq!(s.send([byte; 100]), Ok(()));
            assert!(s.update(|_| None) == Ok(false) && r.borrow()[0] == byte);
            assert!(poll(&mut pin!(r.changed_async()), &bell).is_ready());
        };
        lap(1);
        let before = (asked(), held());
        for _ in 0..times(100) {
            lap(2);
        }
        assert_eq!((asked(), held()), before);
        let look = r.borrow();
        assert_eq!(s.send([3; 100]), Ok(()));
        drop(look);
        assert_eq!((asked() - before.0, held() - before.1), (1, 0));
    });
}

/// Nor for a large message that waits in line for its place.
/// A lane is made per sender and goes with it, also if the receiver does not come for a long time, or never visits it.
#[test]
fn rule_18_fan_in_does_not_grow_with_past_senders() {
    within("rule_18_fan_in_does_not_grow_with_past_senders", || {
        let (s, mut r) = fan_in::channel(4);
        let before = held();
        for i in 0..times(10_000) {
            assert_eq!(s.clone().send(i), Ok(()));
            assert_eq!(r.recv(), Ok(i));
        }
        let after = held() - before;
        assert!(after < 4 << 10, "{after} bytes for senders that are gone");
        for _ in 0..times(10_000) {
            drop(s.clone());
        }
        let after = held() - before;
        assert!(after < 64 << 10, "{after} bytes for senders that are gone, with a receiver that is busy");
        drop((s, r));
    });
}

#[test]
fn rule_18_no_allocation_per_message_in_lanes() {
    within("rule_18_no_allocation_per_message_in_lanes", || {
        let ([high, low], r) = priority::channel([4, 4]);
        let (s, mut from_all) = fan_in::channel(4);
        let other = s.clone();
        let mut before = 0;
        for i in 0..times(2000) {
            if i == times(2000) / 2 {
                before = asked();
            }
            for sender in [&low, &high, &s, &other] {
                assert_eq!(sender.send(i), Ok(()));
            }
            assert_eq!([r.recv(), r.recv(), from_all.recv(), from_all.recv()], [Ok(i); 4]);
        }
        assert_eq!(asked() - before, 0);
    });
}

#[test]
fn rule_18_no_allocation_per_large_message_that_waits() {
    on(BOUNDED, |kind| {
        let (s, r) = kind.pair::<[u8; 20_000]>();
        let large = || std::array::from_fn(|_| 0);
        kind.fill(&s, |_| large());
        let bell = Bell::new();
        let lap = || {
            let mut send = pin!(s.send_async(large()));
            assert!(poll(&mut send, &bell).is_pending());
            assert!(r.try_recv().is_ok());
            assert!(poll(&mut send, &bell).is_ready());
        };
        // Once around whatever the messages lie in.
        for _ in 0..200 {
            lap();
        }
        let before = asked();
        for _ in 0..times(500) {
            lap();
        }
        assert_eq!(asked() - before, 0, "{kind}");
    });
}

/// Nor when both sides wait for each other all the time: a wait that recurs is not paid for again and again.
#[test]
fn rule_18_no_allocation_per_message_between_threads() {
    on(BOUNDED, |kind| {
        let messages = times(4000);
        let (s, r) = kind.pair::<u64>();
        let sender = Host::Thread.spawn(async move {
            let mut before = asked();
            for i in 0..messages {
                if i == messages / 10 {
                    before = asked();
                }
                assert!(s.send(7).is_ok());
            }
            asked() - before
        });
        let receiver = Host::Thread.spawn(async move {
            let mut before = asked();
            for i in 0..messages {
                if i == messages / 10 {
                    before = asked();
                }
                assert!(r.recv().is_ok());
            }
            asked() - before
        });
        let (by_sender, by_receiver) = (sender.join(), receiver.join());
        let all = by_sender + by_receiver;
        assert!(all <= messages / 100, "{kind}: {by_sender} and {by_receiver} for {messages}");
    });
}

/// What a burst has taken is given back when it is over, not only with the channel.
#[test]
fn rule_18_a_burst_on_an_unbounded_channel_is_given_back() {
    within("unbounded", || {
        let burst = times(200_000);
        let (s, r) = narrows::unbounded::<[u64; 4]>();
        let before = held();
        for lap in 0..3 {
            for _ in 0..burst {
                assert!(s.send([1; 4]).is_ok());
            }
            assert!(held() - before >= signed(burst * 32));
            for _ in 0..burst {
                assert!(r.recv().is_ok());
            }
            let kept = held() - before;
            assert!(kept <= 64 << 10, "{kept} bytes are kept after lap {lap}");
        }
    });
}

/// A large bound costs nothing until it is used.
#[test]
fn rule_18_a_large_bound_is_allocated_when_it_is_used() {
    within("bounded", || {
        let before = held();
        let (s, r) = narrows::bounded::<[u64; 8]>(1 << 20);
        assert!(s.send([1; 8]).is_ok() && r.recv().is_ok());
        let kept = held() - before;
        assert!(kept <= 128 << 10, "{kept} bytes for one message");
        drop((s, r));
        assert_eq!(held(), before, "all is given back with the channel");
    });
}

/// Everything is given back with the last handle, whichever it is and whatever was inside.
#[test]
fn rule_18_all_is_given_back_with_the_channel() {
    on(EVERY, |kind| {
        let before = held();
        for left in [0, 1, 33, 700] {
            let (s, r) = kind.pair::<Box<usize>>();
            for i in 0..kind.holds(left) {
                assert!(s.send(Box::new(i)).is_ok());
            }
            if left % 2 == 0 {
                drop((s, r));
            } else {
                drop((r, s));
            }
            assert_eq!(held(), before, "{kind} with {left} inside");
        }
    });
}

/// A million polls of one pending future keep no memory.
#[test]
fn rule_15_polling_keeps_memory_constant() {
    on(EVERY, |kind| {
        let (s, r) = kind.pair::<u8>();
        kind.fill(&s, |_| 0);
        // Four futures each time: a million polls on one kind, fewer on the others.
        let polls = times(if kind == Kind::Bounded(1) { 250_000 } else { 10_000 });
        let (one, other) = (Bell::new(), Bell::new());
        let (empty_s, empty) = kind.pair::<u8>();
        let mut receive = pin!(empty.recv_async());
        let mut send = pin!(s.send_async(1));
        let mut reserve = pin!(s.reserve_async());
        let mut closed = pin!(s.closed());
        let waits = kind.capacity().is_some();
        let mut poll_all = |bell| {
            assert!(poll(&mut receive, bell).is_pending());
            assert!(poll(&mut closed, bell).is_pending());
            if waits {
                assert!(poll(&mut send, bell).is_pending());
                assert!(poll(&mut reserve, bell).is_pending());
            }
        };
        (0..10).for_each(|_| poll_all(&one));
        let (before, had) = (held(), asked());
        (0..polls).for_each(|_| poll_all(&one));
        assert_eq!(held(), before, "{kind}");
        assert!(asked() - had <= polls / 100, "{kind}: a poll asks for memory");
        (0..1000).for_each(|i| poll_all(if i % 2 == 0 { &other } else { &one }));
        assert_eq!(held(), before, "{kind}: with another waker each time");
        drop((empty_s, r));
    });
}

/// Waiters that were there and have gone leave nothing: futures, threads whose time was up, selects. (Pitfall 20: tokio
/// 8095, 2637; flume 182.)
#[test]
fn pitfall_20_memory_does_not_grow_with_past_waiters() {
    on(EVERY, |kind| {
        let (s, r) = kind.pair::<u8>();
        let (full, _room) = kind.pair::<u8>();
        kind.fill(&full, |_| 0);
        let bell = Bell::new();
        let come_and_go = || {
            let mut receive = r.recv_async();
            assert!(poll(&mut receive, &bell).is_pending());
            assert!(poll(&mut pin!(r.closed()), &bell).is_pending());
            if kind.capacity().is_some() {
                assert!(poll(&mut full.send_async(1), &bell).is_pending());
                assert!(poll(&mut full.reserve_async(), &bell).is_pending());
            }
            let mut select = Select::new();
            select.recv(&r);
            assert!(poll(&mut select.select_async(), &bell).is_pending());
            let timed = r.recv_timeout(Duration::ZERO);
            assert_eq!(timed, Err(RecvTimeoutError::Timeout));
        };
        (0..50).for_each(|_| come_and_go());
        let before = held();
        (0..times(500)).for_each(|_| come_and_go());
        assert!(held() - before <= KEPT, "{kind}: {} bytes more", held() - before);
        // And sleepers whose time was up.
        for _ in 0..3 {
            assert!(r.recv_timeout(Duration::from_micros(200)).is_err());
        }
        let before = held();
        for _ in 0..times(50) {
            assert!(r.recv_timeout(Duration::from_micros(200)).is_err());
        }
        assert!(held() - before <= KEPT, "{kind}: {} bytes more", held() - before);
        drop(s);
    });
}
