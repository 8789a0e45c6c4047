//! A channel for one message: who sends, who receives, who closes and who goes, all at once.

use loom::sync::Arc;
use narrows::{
    RecvError, Select, TryRecvError,
    oneshot::{Receiver, channel},
};

use crate::{
    explore::{explore, explore_within, spawn, spawn_twin, turn},
    task::block_on,
};

/// Rules 1 and 9: however the two meet the message gets across, and who waits for it is woken.
fn it_gets_across(name: &str, floor: usize, recv: fn(Receiver<Box<u8>>) -> Result<Box<u8>, RecvError>) {
    explore(name, floor, move || {
        let (s, r) = channel();
        let sender = spawn(move || s.send(Box::new(7)).unwrap());
        turn(0);
        assert_eq!(recv(r), Ok(Box::new(7)));
        sender.join().unwrap();
    });
}

#[test]
fn oneshot_to_a_thread() {
    it_gets_across("oneshot_to_a_thread", 253, |r| r.recv());
}

#[test]
fn oneshot_to_a_task() {
    it_gets_across("oneshot_to_a_task", 112, |r| block_on(r.recv_async()));
}

#[test]
fn oneshot_to_a_select() {
    it_gets_across("oneshot_to_a_select", 473, |r| {
        let mut select = Select::new();
        select.arm(&r);
        select.select().finish();
        r.recv()
    });
}

/// Rule 6: a sender that goes wakes who waits.
#[test]
fn oneshot_sender_goes() {
    explore("oneshot_sender_goes", 416, || {
        let (s, r) = channel::<u8>();
        let sender = spawn(move || drop(s));
        turn(0);
        assert_eq!(r.recv(), Err(RecvError));
        sender.join().unwrap();
    });
}

/// Rules 1 and 6: beside a receiver that goes the message comes back, or is dropped, and never both.
#[test]
fn oneshot_receiver_goes() {
    explore("oneshot_receiver_goes", 33, || {
        let (s, r) = channel();
        let message = std::sync::Arc::new(());
        let mark = std::sync::Arc::downgrade(&message);
        let sender = spawn(move || s.send(message));
        turn(0);
        drop(r);
        let sent = sender.join().unwrap();
        assert_eq!(mark.strong_count(), usize::from(sent.is_err()));
    });
}

/// Rule 7: a send that races with close is received or returned.
#[test]
fn oneshot_close_and_send() {
    explore("oneshot_close_and_send", 18, || {
        let (s, r) = channel();
        let sender = spawn(move || s.send(7));
        turn(0);
        r.close();
        let received = r.try_recv();
        assert_ne!(received, Err(TryRecvError::Empty));
        assert_eq!(sender.join().unwrap().is_ok(), received.is_ok());
    });
}

/// Rule 8: a sender that waits for the end hears of it.
#[test]
fn oneshot_end_is_heard() {
    explore("oneshot_end_is_heard", 225, || {
        let (s, r) = channel::<u8>();
        let sender = spawn(move || s.closed().wait());
        turn(0);
        drop(r);
        sender.join().unwrap();
    });
}

/// Rule 1: of two threads that wait one gets it, and the other hears of the end.
#[test]
fn oneshot_to_one_of_two() {
    explore_within(1, "oneshot_to_one_of_two", 7380, || {
        let (s, r) = channel();
        let r = Arc::new(r);
        let other = r.clone();
        let receivers = [spawn(move || block_on(r.recv_async())), spawn_twin(move || block_on(other.recv_async()))];
        turn(0);
        s.send(7).unwrap();
        let got = receivers.map(|receiver| receiver.join().unwrap());
        assert!(matches!(got, [Ok(7), Err(RecvError)] | [Err(RecvError), Ok(7)]));
    });
}

/// Rule 4: store buffering over two channels; not both are empty.
#[test]
fn oneshots_agree() {
    explore("oneshots_agree", 33, || {
        let ((s, r), (other_s, other_r)) = (channel(), channel());
        let first = spawn(move || {
            s.send(()).unwrap();
            // Kept, for beside a receiver that is gone the other send fails.
            (other_r.try_recv(), other_r)
        });
        turn(0);
        other_s.send(()).unwrap();
        let second = r.try_recv();
        let (first, _other_r) = first.join().unwrap();
        assert!(first.is_ok() || second.is_ok());
    });
}
