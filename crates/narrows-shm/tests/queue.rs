//! The queue from threads of one process: what does not need two.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use narrows::Select;
use narrows_shm::{Fault, RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError, options};

/// A name of its own for each test, in a folder that goes with it.
struct Name(PathBuf);

impl Name {
    fn new(test: &str) -> Name {
        let folder = std::env::temp_dir().join(format!("narrows-shm-{}-{test}", std::process::id()));
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

#[test]
fn messages_come_in_order_and_the_end_after_them() {
    for capacity in [1, 2, 3, 16] {
        let name = Name::new(&format!("order-{capacity}"));
        let sender = options().capacity(capacity).sender::<(usize, String)>(&name.path()).expect("a channel");
        let receiver = options().receiver::<(usize, String)>(&name.path()).expect("the channel");
        let sending = thread::spawn(move || {
            for i in 0..2000 {
                sender.send((i, "x".repeat(i % 300))).expect("it is open");
            }
        });
        for i in 0..2000 {
            assert_eq!(receiver.recv(), Ok((i, "x".repeat(i % 300))));
        }
        sending.join().expect("it sent all");
        assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        drop(receiver);
        assert!(!PathBuf::from(name.path()).exists(), "the last takes the name away");
    }
}

#[test]
fn it_is_full_and_empty_when_it_says_so() {
    let name = Name::new("full");
    let channel = options().plain().capacity(2).open::<[u64; 2]>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.try_send([1, 1]).expect("room");
    sender.try_send([2, 2]).expect("room");
    assert_eq!(sender.try_send([3, 3]), Err(TrySendError::Full([3, 3])));
    assert_eq!(channel.inspect().len(), 2);
    assert_eq!(sender.send_timeout([3, 3], Duration::from_millis(20)).expect_err("full").into_inner(), [3, 3]);
    assert_eq!((receiver.recv(), receiver.recv()), (Ok([1, 1]), Ok([2, 2])));
    let began = Instant::now();
    assert_eq!(receiver.recv_timeout(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
    assert!(began.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_lease_is_given_back_or_accepted() {
    let name = Name::new("lease");
    let channel = options().capacity(4).open::<String>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    for word in ["a", "b", "c"] {
        sender.send(word.into()).expect("room");
    }
    let a = receiver.lease().expect("a message");
    let b = receiver.lease().expect("a message");
    assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
    drop(a);
    assert_eq!(receiver.recv().as_deref(), Ok("a"), "what was given back comes before what is newer");
    b.accept().expect("it is ours");
    assert_eq!(receiver.recv().as_deref(), Ok("c"));
}

#[test]
fn closing_lets_receivers_take_what_is_there() {
    let name = Name::new("close");
    let channel = options().capacity(4).open::<u32>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    sender.send(1).expect("room");
    assert!(receiver.close());
    assert!(!receiver.close());
    assert_eq!(sender.send(2), Err(SendError::Disconnected(2)));
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
}

/// A place that comes free out of its turn is ahead of the receivers by a lap, and then by two: they must not take that for all
/// that lies before it.
#[test]
fn what_is_taken_back_in_the_middle_hides_nothing() {
    let name = Name::new("middle");
    let channel = options().capacity(2).open::<u32>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let take_back = |message| sender.send_sync_timeout(message, Duration::ZERO).expect_err("nobody receives");
    sender.send(0).expect("room");
    assert_eq!(receiver.recv(), Ok(0));
    for round in 1..10 {
        // The second place, and behind a message that stays the second place again.
        assert!(take_back(100).is_timeout());
        sender.send(round).expect("room");
        assert!(take_back(200).is_timeout());
        assert_eq!(receiver.recv(), Ok(round));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_message_that_is_too_long_comes_back() {
    let name = Name::new("long");
    let channel = options().bytes().capacity(4).max_len(5000).memory(1).open::<Vec<u8>>(&name.path());
    let channel = channel.expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let fault = Fault::TooLong { len: 5001, max: 5000 };
    assert_eq!(sender.send(vec![7; 5001]), Err(SendError::Fault(vec![7; 5001], fault)));
    for len in [0, 1, 112, 113, 4999, 5000] {
        sender.send(vec![7; len]).expect("room");
        assert_eq!(receiver.recv(), Ok(vec![7; len]));
    }
    let (bytes, free) = channel.inspect().memory();
    assert!(bytes >= 5000 && bytes == free, "blocks come back");
}

#[test]
fn send_sync_returns_when_it_was_received() {
    let name = Name::new("sync");
    let channel = options().capacity(4).open::<u32>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let timeout = Duration::from_millis(20);
    assert!(sender.send_sync_timeout(1, timeout).expect_err("nobody receives").is_timeout());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "it was taken back");
    thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send_sync(2));
        let lease = receiver.lease().expect("a message");
        assert!(!sending.is_finished());
        lease.accept().expect("it is ours");
        assert_eq!(sending.join().expect("no panic"), Ok(()));
    });
}

#[test]
fn it_stands_in_a_select_with_local_channels() {
    let name = Name::new("select");
    let channel = options().capacity(1).open::<u32>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let (local, from_local) = narrows::bounded::<u32>(1);
    thread::scope(|scope| {
        let sender = &sender;
        scope.spawn(move || {
            for i in 0..500 {
                sender.send(i).expect("open");
                local.send(i).expect("open");
            }
            // Not gone before all was received: else the arm of the local channel is ready for ever.
            sender.send(500).expect("open");
            sender.send(501).expect("open");
        });
        let (mut shared_next, mut local_next) = (0, 0);
        let mut select = Select::new();
        let shared = select.arm(&receiver);
        select.recv(&from_local);
        while (shared_next, local_next) != (501, 500) {
            let chosen = select.select();
            if chosen.index() == shared {
                assert_eq!(receiver.complete(chosen), Ok(shared_next));
                shared_next += 1;
            } else {
                assert_eq!(chosen.recv(&from_local), Ok(local_next));
                local_next += 1;
            }
        }
        drop(select);
        assert_eq!(receiver.recv(), Ok(501));
    });
    // A send as an arm.
    let arm = sender.arm(&7).expect("it can be serialized");
    let mut select = Select::new();
    select.arm(&arm);
    arm.complete(select.select()).expect("open");
    assert!(select.select_timeout(Duration::from_millis(10)).is_err(), "full");
    assert_eq!(receiver.recv(), Ok(7));
}

#[test]
fn plain_data_is_read_and_written_in_place() {
    let name = Name::new("place");
    let channel = options().plain().capacity(4).memory(1 << 20).open::<[u64; 4096]>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    for i in 0..20 {
        let mut loan = sender.loan().expect("room");
        loan.fill(i);
        loan.send().expect("open");
        let lease = receiver.lease().expect("a message");
        assert!(lease.iter().all(|&word| word == i));
        lease.accept().expect("it is ours");
    }
}

#[test]
fn many_senders_and_receivers_lose_nothing() {
    let name = Name::new("many");
    let each = 5000_u64;
    let channel = options().plain().capacity(7).open::<u64>(&name.path()).expect("a channel");
    let sum: u64 = thread::scope(|scope| {
        for s in 0..3 {
            let sender = channel.sender();
            scope.spawn(move || (0..each).for_each(|i| sender.send(s * each + i).expect("open")));
        }
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let receiver = options().plain().receiver::<u64>(&name.path()).expect("the channel");
                scope.spawn(move || receiver.iter().map(|message| message.expect("no fault")).sum::<u64>())
            })
            .collect();
        receivers.into_iter().map(|receiver| receiver.join().expect("no panic")).sum()
    });
    assert_eq!(sum, (0..3 * each).sum());
}

#[test]
fn who_sweeps_does_not_take_himself_for_dead() {
    let name = Name::new("sweep");
    let channel = options().capacity(2).open::<u32>(&name.path()).expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    sender.send(1).expect("room");
    assert_eq!(channel.inspect().sweep().expect("the system allows it"), 0);
    assert_eq!(channel.inspect().participants().len(), 1);
    assert_eq!(receiver.recv(), Ok(1));
}
