//! A channel of the latest value: who sends, who waits, who looks and who goes, all at once.

use loom::sync::Arc;
use narrows::{
    RecvError, Select,
    watch::{Receiver, channel},
};

use crate::{
    explore::{explore, spawn, spawn_twin, turn},
    task::block_on,
};

/// Rules 3 and 9: who waits for a change is woken, and sees the value; the next time, too.
fn it_is_heard(name: &str, floor: usize, times: u8, changed: fn(&Receiver<Box<u8>>) -> Result<(), RecvError>) {
    explore(name, floor, move || {
        let (s, r) = channel(Box::new(0));
        let sender = spawn(move || {
            for value in 1..=times {
                s.send(Box::new(value)).unwrap();
            }
            s
        });
        turn(0);
        let mut last = 0;
        while last < times {
            changed(&r).unwrap();
            let value = **r.borrow();
            assert!(value > 0 && value >= last);
            last = value;
        }
        sender.join().unwrap();
    });
}

#[test]
fn watch_to_a_thread() {
    it_is_heard("watch_to_a_thread", 116, 1, Receiver::changed);
}

#[test]
fn watch_again_to_a_thread() {
    it_is_heard("watch_again_to_a_thread", 361, 2, Receiver::changed);
}

#[test]
fn watch_again_to_a_task() {
    it_is_heard("watch_again_to_a_task", 328, 2, |r| block_on(r.changed_async()));
}

#[test]
fn watch_to_a_select() {
    it_is_heard("watch_to_a_select", 127, 1, |r| {
        let mut select = Select::new();
        select.arm(r);
        select.select().finish();
        r.try_changed().map_err(|_| RecvError)
    });
}

/// Rule 9: two senders, one after the other has begun to ring: none relies on the other's bell for a waiter it cannot know.
#[test]
fn watch_of_two_senders() {
    explore("watch_of_two_senders", 5396, || {
        let (s, r) = channel(0);
        let other = s.clone();
        let senders =
            [spawn(move || (s.update(|n| Some(n + 1)), s)), spawn_twin(move || (other.update(|n| Some(n + 1)), other))];
        turn(0);
        // No update is lost, and the last is heard of.
        assert_eq!(*r.wait_for(|n| *n == 2).unwrap(), 2);
        for sender in senders {
            assert_eq!(sender.join().unwrap().0, Ok(true));
        }
    });
}

/// Rule 9: everybody who waits is woken.
#[test]
fn watch_to_two_tasks() {
    explore("watch_to_two_tasks", 14_065, || {
        let (s, r) = channel(0);
        let other = r.clone();
        let receivers =
            [spawn(move || block_on(r.changed_async())), spawn_twin(move || block_on(other.changed_async()))];
        turn(0);
        s.send(1).unwrap();
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), Ok(()));
        }
    });
}

/// Threads that share a receiver: one of them sees the change, and who waits for a value gets it all the same.
#[test]
fn watch_shared() {
    explore("watch_shared", 341, || {
        let (s, r) = channel(0);
        let r = Arc::new(r);
        let other = r.clone();
        let waits = spawn(move || *other.wait_for(|n| *n == 1).unwrap());
        turn(0);
        s.send(1).unwrap();
        r.borrow_and_update();
        assert!(!r.has_changed());
        assert_eq!(waits.join().unwrap(), 1);
    });
}

/// Rule 6: a last value is seen before the end, and who waits hears of either.
#[test]
fn watch_sender_goes() {
    explore("watch_sender_goes", 609, || {
        let (s, r) = channel(0);
        let sender = spawn(move || s.send(1).unwrap());
        turn(0);
        assert_eq!((r.changed(), *r.borrow()), (Ok(()), 1));
        assert_eq!(r.changed(), Err(RecvError));
        sender.join().unwrap();
    });
}

/// Rule 8: a sender that waits for the last receiver to go hears of it.
#[test]
fn watch_end_is_heard() {
    explore("watch_end_is_heard", 173, || {
        let (s, r) = channel(0);
        let sender = spawn(move || s.closed().wait());
        turn(0);
        drop(r);
        sender.join().unwrap();
    });
}

/// Rule 7: a value that races with close is the last, or comes back.
#[test]
fn watch_close_and_send() {
    explore("watch_close_and_send", 33, || {
        let (s, r) = channel(0);
        let sender = spawn(move || s.send(1));
        turn(0);
        r.close();
        let last = *r.borrow();
        assert_eq!(sender.join().unwrap().is_ok(), last == 1);
        assert_eq!(*r.borrow(), last);
    });
}

/// A look beside two sends: the value looked at stays what it is, and is dropped once, by whoever is the last to know it.
#[test]
fn watch_looks() {
    explore("watch_looks", 16, || {
        let (s, r) = channel(std::sync::Arc::new(0));
        let mark = std::sync::Arc::downgrade(&r.borrow());
        let sender = spawn(move || {
            for value in 1..3 {
                s.send(std::sync::Arc::new(value)).unwrap();
            }
            s
        });
        turn(0);
        let look = r.borrow();
        let value = **look;
        let s = sender.join().unwrap();
        assert_eq!((**look, **s.borrow()), (value, 2));
        assert_eq!(mark.upgrade().is_some(), value == 0);
        drop(look);
        assert!(mark.upgrade().is_none());
    });
}

/// Rule 4: store buffering over two channels; not both are unchanged.
#[test]
fn watches_agree() {
    explore("watches_agree", 88, || {
        let ((s, r), (other_s, other_r)) = (channel(0), channel(0));
        let first = spawn(move || {
            s.send(1).unwrap();
            // Kept, for beside a receiver that is gone the other send fails.
            (other_r.has_changed(), other_r)
        });
        turn(0);
        other_s.send(1).unwrap();
        let second = r.has_changed();
        let (first, _other_r) = first.join().unwrap();
        assert!(first || second);
    });
}
