//! Where the queue between processes differs from a channel inside one, as README.md says it does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use narrows::Select;
use narrows_shm::{Channel, TryRecvError, TrySendError, options};

/// Two openings of one channel, as two processes have it.
fn two(capacity: u32) -> (Channel<u32>, Channel<u32>) {
    let first = options().capacity(capacity).anonymous::<u32>().expect("a channel");
    let second = options().adopt::<u32>(first.hand_out().expect("another opening")).expect("the same channel");
    (first, second)
}

#[test]
fn rule_06_messages_stay_for_the_next_receiver() {
    let folder = std::env::temp_dir().join(format!("narrows-differences-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("channel").to_str().expect("a path in UTF-8").to_owned();
    let channel = options().capacity(4).open::<u32>(&path).expect("a channel");
    let sender = channel.sender();
    drop(channel.receiver());
    sender.send(7).expect("a receiver may come");
    let next = options().open::<u32>(&path).expect("the same").receiver();
    assert!(!next.is_disconnected());
    sender.send(8).expect("room");
    drop((channel, sender));
    assert!(next.is_disconnected(), "nothing more will come; rule 8: what is there is no matter");
    assert_eq!((next.recv(), next.recv()), (Ok(7), Ok(8)));
    drop(next);
    std::fs::remove_dir_all(&folder).expect("it is there");
}

#[test]
fn rule_05_a_lease_keeps_its_place() {
    let (mine, other) = two(3);
    let (sender, receiver) = (mine.sender(), other.receiver());
    sender.send(1).expect("room");
    let lease = receiver.lease().expect("a message");
    assert_eq!(mine.inspect().len(), 0, "it is nobody else's to take");
    for i in [2, 3] {
        sender.try_send(i).expect("two more places");
    }
    assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)));
    assert_eq!(receiver.recv(), Ok(2));
    assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)), "places come in order");
    lease.accept().expect("ours");
    sender.try_send(4).expect("both are free");
    sender.try_send(5).expect("both are free");
    assert_eq!((receiver.recv(), receiver.recv(), receiver.recv()), (Ok(3), Ok(4), Ok(5)));
}

#[test]
fn rule_14_what_is_forgotten_comes_again_when_its_opening_goes() {
    let (mine, other) = two(4);
    let (sender, receiver) = (mine.sender(), mine.receiver());
    for i in [1, 2] {
        sender.send(i).expect("room");
    }
    {
        let holder = other.receiver();
        std::mem::forget(holder.lease().expect("a message"));
        let mut select = Select::new();
        select.arm(&holder);
        std::mem::forget(select.try_select().expect("a message"));
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    drop(other);
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
}

#[test]
fn rule_24_a_selected_operation_that_is_dropped_is_undone() {
    let (mine, other) = two(4);
    let (sender, receiver) = (mine.sender(), other.receiver());
    let arm = sender.arm(&1).expect("it can be serialized");
    let mut select = Select::new();
    select.arm(&arm);
    let chosen = select.try_select().expect("room");
    assert_eq!(mine.inspect().len(), 1, "chosen is sent");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "taken back");
    for i in [2, 3] {
        sender.send(i).expect("room");
    }
    let mut select = Select::new();
    select.arm(&receiver);
    let chosen = select.try_select().expect("a message");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(chosen))).is_err());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)), "in its old order");
}
