//! The broadcast from threads of one process: what does not need two.
#![allow(clippy::maybe_infinite_iter, clippy::similar_names)] // until a send fails

use std::{
    path::PathBuf,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake},
    thread,
    time::Duration,
};

use narrows::Select;
use narrows_shm::{
    OpenError, RecvError, RecvTimeoutError, SendError, TryRecvError,
    broadcast::{Lag, Receiver, Start},
    options,
};

/// A name of its own for each test, in a folder that goes with it.
struct Name(PathBuf);

impl Name {
    fn new(test: &str) -> Name {
        let folder = std::env::temp_dir().join(format!("narrows-shm-{}-broadcast-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Name(folder)
    }

    fn path(&self) -> String {
        self.0.join("channel").to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<R>(future: impl Future<Output = R>) -> R {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}

/// Blocks are few, so that long messages have to make room for each other.
fn text(sender: usize, i: usize) -> String {
    format!("{sender} {i} {}", "x".repeat(i * 7 % 600))
}

#[test]
fn every_receiver_gets_every_message_in_one_order() {
    let each = 400;
    for capacity in [1, 2, 3, 16] {
        let name = Name::new(&format!("order-{capacity}"));
        let channel = options()
            .capacity(capacity)
            .max_len(1000)
            .memory(4000)
            .broadcast::<String>(&name.path())
            .expect("a channel");
        let receivers: Vec<_> = (0..3).map(|_| channel.subscribe(Start::Now, Lag::Wait).expect("room")).collect();
        let seen: Vec<Vec<String>> = thread::scope(|scope| {
            for s in 0..2 {
                let sender = channel.sender();
                scope.spawn(move || (0..each).for_each(|i| sender.send(text(s, i)).expect("open")));
            }
            let receiving: Vec<_> = receivers
                .iter()
                .map(|r| scope.spawn(|| r.iter().map(|message| message.expect("no fault")).collect()))
                .collect();
            receiving.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(seen.iter().all(|other| *other == seen[0]), "one order for all");
        for s in 0..2 {
            let prefix = format!("{s} ");
            let of_one: Vec<_> = seen[0].iter().filter(|message| message.starts_with(&prefix)).cloned().collect();
            assert_eq!(of_one, (0..each).map(|i| text(s, i)).collect::<Vec<_>>());
        }
        assert!(receivers.iter().all(|r| r.missed() == 0 && r.recv() == Err(RecvError::Disconnected)));
        drop((receivers, channel));
        assert!(!PathBuf::from(name.path()).exists(), "the last takes the name away");
    }
}

#[test]
fn senders_wait_for_who_asks_for_it_and_for_nobody_else() {
    let name = Name::new("lag");
    let channel = options().plain().capacity(3).broadcast::<u64>(&name.path()).expect("a channel");
    let sender = channel.sender();
    for i in 0..10 {
        sender.try_send(i).expect("there is nobody to wait for");
    }
    let [skips, cut_off, waits] =
        [Lag::Skip, Lag::Disconnect, Lag::Wait].map(|lag| channel.subscribe(Start::Now, lag).expect("room"));
    assert_eq!((waits.try_recv(), channel.inspect().len()), (Err(TryRecvError::Empty), 0));
    for i in 10..13 {
        sender.try_send(i).expect("room");
    }
    assert_eq!((waits.len(), channel.inspect().len()), (3, 3));
    assert!(sender.try_send(13).expect_err("it waits for one").is_full());
    assert!(sender.send_timeout(13, Duration::from_millis(20)).expect_err("it waits for one").is_timeout());
    assert_eq!(waits.try_recv(), Ok(10));
    sender.try_send(13).expect("room");
    assert!(sender.try_send(14).expect_err("it waits for one").is_full());
    assert_eq!((skips.try_recv(), skips.missed()), (Ok(11), 1));
    assert_eq!((cut_off.try_recv(), cut_off.was_cut_off()), (Err(TryRecvError::Disconnected), true));
    drop(waits);
    for i in 14..100 {
        sender.try_send(i).expect("nobody is waited for any more");
    }
    assert_eq!(skips.recv(), Ok(97));
    assert_eq!((skips.recv(), skips.recv(), skips.missed()), (Ok(98), Ok(99), 1 + 85));
    assert_eq!(skips.recv_timeout(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
    assert_eq!(cut_off.recv(), Err(RecvError::Disconnected));
    // The bound may be lowered.
    channel.inspect().set_capacity(1).expect("it is below what it was made for");
    let waits = channel.subscribe(Start::Now, Lag::Wait).expect("room");
    sender.try_send(100).expect("room for one");
    assert!(sender.try_send(101).expect_err("and no more").is_full());
    assert_eq!((waits.recv(), sender.try_send(101)), (Ok(100), Ok(())));
}

#[test]
fn who_begins_with_the_oldest_gets_what_is_kept() {
    let name = Name::new("oldest");
    let channel = options().broadcast::<String>(&name.path()).expect("a channel");
    let sender = channel.sender();
    let first = channel.subscribe(Start::Oldest, Lag::Wait).expect("room");
    assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
    for i in 0..5 {
        sender.send(text(0, i)).expect("open");
    }
    let late = channel.subscribe(Start::Oldest, Lag::Wait).expect("room");
    assert_eq!((first.recv(), late.recv(), late.recv()), (Ok(text(0, 0)), Ok(text(0, 0)), Ok(text(0, 1))));
    let beside = late.try_clone().expect("room");
    assert!((2..5).all(|i| late.recv() == Ok(text(0, i)) && beside.recv() == Ok(text(0, i))));
    assert_eq!(beside.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn the_end_comes_after_what_is_there() {
    let name = Name::new("end");
    let channel = options().capacity(4).broadcast::<u32>(&name.path()).expect("a channel");
    let receiver = channel.subscribe(Start::Now, Lag::Wait).expect("room");
    let late = channel.subscribe(Start::Now, Lag::Wait).expect("room");
    let sender = channel.sender();
    (0..6).for_each(|i| {
        sender.send(i).expect("room");
        assert_eq!(receiver.recv(), Ok(i));
        assert_eq!(late.recv(), Ok(i));
    });
    sender.send(6).expect("room");
    assert!(receiver.close() && !sender.close());
    assert_eq!(sender.send(7), Err(SendError::Disconnected(7)));
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(6), Err(RecvError::Disconnected)));
    assert_eq!((late.recv(), late.recv()), (Ok(6), Err(RecvError::Disconnected)));
    assert!(options().sender::<u32>(&name.path()).is_err_and(|error| matches!(error, OpenError::Mismatch(_))));

    let name = Name::new("end-of-senders");
    let channel = options().broadcast::<u32>(&name.path()).expect("a channel");
    let receiver = channel.subscribe(Start::Now, Lag::Wait).expect("room");
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "there has been no sender yet");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| (receiver.recv(), receiver.recv()));
        channel.sender().send(1).expect("room");
        assert_eq!(waiting.join().expect("no panic"), (Ok(1), Err(RecvError::Disconnected)));
    });
}

#[test]
fn a_send_that_races_with_close_is_received_or_returned() {
    for round in 0..60 {
        let channel = options().plain().capacity(2).anonymous_broadcast::<u64>().expect("a channel");
        let receiver = channel.subscribe(Start::Now, Lag::Wait).expect("room");
        let sender = channel.sender();
        let (sent, received) = thread::scope(|scope| {
            let sending = scope.spawn(|| (0..).take_while(|&i| sender.send(i).is_ok()).count());
            let receiving = scope.spawn(|| receiver.iter().count());
            (0..round % 20 * 10).for_each(|_| thread::yield_now());
            channel.inspect().close();
            (sending.join().expect("no panic"), receiving.join().expect("no panic"))
        });
        assert_eq!(sent, received);
    }
}

#[test]
fn long_messages_make_room_for_each_other() {
    let name = Name::new("long");
    let channel = options().bytes().capacity(64).max_len(5000).memory(10_000).broadcast::<Vec<u8>>(&name.path());
    let channel = channel.expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.subscribe(Start::Now, Lag::Wait).expect("room"));
    let skips = channel.subscribe(Start::Now, Lag::Skip).expect("room");
    for i in 0..50 {
        let message = vec![i; 5000 - usize::from(i)];
        sender.send_slice(&message).expect("room");
        assert!(receiver.recv() == Ok(message));
    }
    sender.try_send(vec![1; 5000]).expect("room");
    sender.try_send(vec![2; 5000]).expect("room");
    assert!(sender.try_send(vec![3; 5000]).expect_err("their memory is used").is_full());
    assert!(receiver.recv() == Ok(vec![1; 5000]));
    sender.try_send(vec![3; 5000]).expect("one has been seen");
    assert!(receiver.recv() == Ok(vec![2; 5000]) && receiver.recv() == Ok(vec![3; 5000]));
    assert!(skips.recv() == Ok(vec![2; 5000]));
    assert_eq!(skips.missed(), 51);
    drop((receiver, sender));
    let (bytes, free) = channel.inspect().memory();
    assert!(free <= bytes - 10_000, "what is kept is kept when its sender leaves");
    assert!(skips.recv() == Ok(vec![3; 5000]));
}

/// Each word the same, so that any mixture shows.
fn pattern(i: u64, len: usize) -> Vec<u8> {
    i.to_ne_bytes().into_iter().cycle().take(len).collect()
}

#[test]
fn what_is_written_over_is_never_seen_torn() {
    for (capacity, len) in [(1, 100), (2, 3000), (5, 20_000)] {
        let channel = options().bytes().capacity(capacity).max_len(20_000).memory(60_000);
        let channel = channel.anonymous_broadcast::<Vec<u8>>().expect("a channel");
        let receivers: Vec<_> = (0..2).map(|_| channel.subscribe(Start::Now, Lag::Skip).expect("room")).collect();
        let is_enough = AtomicBool::new(false);
        thread::scope(|scope| {
            for s in 0..2 {
                let (sender, is_enough) = (channel.sender(), &is_enough);
                scope.spawn(move || {
                    for i in 0.. {
                        sender.send(pattern(i * 2 + s, len - usize::try_from(i % 50).expect("small"))).expect("open");
                        if is_enough.load(Relaxed) {
                            break;
                        }
                    }
                });
            }
            let readers: Vec<_> = receivers
                .iter()
                .map(|receiver| {
                    scope.spawn(|| {
                        let mut last = [None; 2];
                        for _ in 0..60 {
                            let message = receiver.recv().expect("senders are there");
                            let i = u64::from_ne_bytes(message[..8].try_into().expect("8 bytes"));
                            assert!(message == pattern(i, message.len()), "no mixture");
                            assert!(last[(i % 2) as usize] < Some(i), "in order, none twice");
                            last[(i % 2) as usize] = Some(i);
                        }
                    })
                })
                .collect();
            let ends: Vec<_> = readers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            is_enough.store(true, Relaxed);
            assert!(ends.iter().all(Result::is_ok));
        });
    }
}

#[test]
fn who_joins_among_senders_misses_nothing_from_then_on() {
    for capacity in [1, 2, 3] {
        let name = Name::new(&format!("join-{capacity}"));
        let channel = options().plain().capacity(capacity).broadcast::<u64>(&name.path()).expect("a channel");
        let is_enough = AtomicBool::new(false);
        let next = |receiver: &Receiver<u64, _>| receiver.recv_timeout(Duration::from_secs(20)).expect("it goes on");
        thread::scope(|scope| {
            let sender = channel.sender();
            scope.spawn(|| {
                let sender = sender;
                (0..).take_while(|&i| sender.send(i).is_ok() && !is_enough.load(Relaxed)).count()
            });
            let joiners: Vec<_> = [Start::Now, Start::Oldest]
                .into_iter()
                .map(|start| {
                    let channel = &channel;
                    scope.spawn(move || {
                        for _ in 0..50 {
                            let receiver = channel.subscribe(start, Lag::Wait).expect("room");
                            let first = next(&receiver);
                            assert!((1..10).all(|i| next(&receiver) == first + i));
                            assert_eq!(receiver.missed(), 0);
                        }
                    })
                })
                .collect();
            let ends: Vec<_> = joiners.into_iter().map(thread::ScopedJoinHandle::join).collect();
            is_enough.store(true, Relaxed);
            assert!(ends.iter().all(Result::is_ok));
        });
    }
}

#[test]
fn there_may_be_many_receivers_but_no_more_than_was_said() {
    let name = Name::new("many");
    let channel = options().plain().capacity(4).participants(41).broadcast::<u64>(&name.path()).expect("a channel");
    let receivers: Vec<_> = (0..40).map(|_| channel.subscribe(Start::Now, Lag::Wait).expect("room")).collect();
    assert!(matches!(channel.subscribe(Start::Now, Lag::Wait), Err(OpenError::Full)));
    assert!(matches!(receivers[0].try_clone(), Err(OpenError::Full)));
    let sender = channel.sender();
    for i in 0..20 {
        sender.try_send(i).expect("all have seen what was there");
        assert!(receivers.iter().all(|receiver| receiver.recv() == Ok(i)));
    }
    assert_eq!(channel.inspect().participants().iter().filter(|one| one.is_receiver).count(), 40);
}

#[test]
fn it_stands_in_a_select_with_local_channels() {
    let channel = options().capacity(1).anonymous_broadcast::<u32>().expect("a channel");
    let receiver = channel.subscribe(Start::Now, Lag::Wait).expect("room");
    let sender = channel.sender();
    let (local, from_local) = narrows::bounded::<u32>(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..300 {
                sender.send(i).expect("open");
                local.send(i).expect("open");
            }
        });
        let (mut shared_next, mut local_next) = (0, 0);
        let mut select = Select::new();
        let shared = select.arm(&receiver);
        select.recv(&from_local);
        while (shared_next, local_next) != (300, 300) {
            let chosen = select.select();
            if chosen.index() == shared {
                assert_eq!(receiver.complete(chosen), Ok(shared_next));
                shared_next += 1;
            } else {
                assert_eq!(chosen.recv(&from_local), Ok(local_next));
                local_next += 1;
            }
        }
    });
    // A send as an arm.
    let arm = sender.arm(&7).expect("it can be serialized");
    let mut select = Select::new();
    select.arm(&arm);
    arm.complete(select.select()).expect("open");
    assert!(select.select_timeout(Duration::from_millis(10)).is_err(), "full");
    // A receive that was chosen and not completed comes again.
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut select = Select::new();
        select.arm(&receiver);
        drop(select.select());
    }));
    assert!(dropped.is_err() && receiver.len() == 1);
    assert_eq!((receiver.recv(), receiver.try_recv()), (Ok(7), Err(TryRecvError::Empty)));
}

#[test]
fn it_is_handed_over_and_awaited_by_tasks() {
    let channel = options().capacity(1).anonymous_broadcast::<String>().expect("a channel");
    let same = options().adopt_broadcast::<String>(channel.hand_out().expect("a file")).expect("the channel");
    let (sender, receiver) = (channel.sender(), same.subscribe(Start::Now, Lag::Wait).expect("room"));
    thread::scope(|scope| {
        scope.spawn(|| {
            block_on(async {
                for i in 0..200 {
                    sender.send_async(text(1, i)).await.expect("open");
                }
            });
        });
        block_on(async {
            for i in 0..200 {
                assert_eq!(receiver.recv_async().await, Ok(text(1, i)));
            }
        });
    });
    drop(receiver);
    assert!(sender.send(String::new()).is_err(), "without a name it ends with its receivers");
}

#[test]
fn a_channel_that_ends_with_its_receivers_ends_with_the_last_that_is_not_cut_off() {
    let channel = options().plain().capacity(1).anonymous_broadcast::<u64>().expect("a channel");
    let receiver = channel.subscribe(Start::Now, Lag::Disconnect).expect("room");
    let sender = channel.sender();
    (0..3).for_each(|i| sender.try_send(i).expect("nobody is waited for"));
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    let beside = receiver.try_clone().expect("room");
    assert!(sender.is_closed() && beside.was_cut_off());
    drop((receiver, beside));
    let late = channel.subscribe(Start::Oldest, Lag::Wait).expect("room");
    assert_eq!((late.recv(), sender.try_send(3)), (Ok(2), Ok(())));
}

#[test]
fn who_begins_with_the_oldest_among_long_messages_misses_nothing_from_then_on() {
    let name = Name::new("oldest-long");
    let channel = options().bytes().capacity(8).max_len(2000).memory(4000).broadcast::<Vec<u8>>(&name.path());
    let channel = channel.expect("a channel");
    let is_enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (sender, is_enough) = (channel.sender(), &is_enough);
            scope.spawn(move || {
                (0..).take_while(|&i| sender.send(pattern(i, 2000)).is_ok() && !is_enough.load(Relaxed)).count()
            });
        }
        let joining = scope.spawn(|| {
            for _ in 0..80 {
                let receiver = channel.subscribe(Start::Oldest, Lag::Wait).expect("room");
                assert!((0..5).all(|_| receiver.recv_timeout(Duration::from_secs(20)).is_ok()));
                assert_eq!(receiver.missed(), 0);
            }
        });
        let end = joining.join();
        is_enough.store(true, Relaxed);
        assert!(end.is_ok());
    });
}
