//! A channel that gives every message to every receiver: who sends, who receives, who goes and who closes, all at once.

use loom::sync::Arc;
use narrows::{
    RecvError, Select, SendError, TryRecvError,
    broadcast::{Lag, Receiver, Start, channel},
    never, select,
};

use crate::{
    explore::{explore, explore_within, spawn, spawn_twin, turn},
    task::block_on,
};

/// Rules 1 and 9: however they meet two messages get across a channel of capacity 1, and who waits is woken, either end.
fn they_get_across(name: &str, floor: usize, recv: fn(&Receiver<u8>) -> Result<u8, RecvError>) {
    explore(name, floor, move || {
        let (s, r) = channel(1);
        let sender = spawn(move || {
            s.send(1).unwrap();
            s.send(2).unwrap();
        });
        turn(0);
        assert_eq!((recv(&r), recv(&r)), (Ok(1), Ok(2)));
        sender.join().unwrap();
    });
}

#[test]
fn broadcast_to_a_thread() {
    they_get_across("broadcast_to_a_thread", 21_808, Receiver::recv);
}

#[test]
fn broadcast_to_a_task() {
    they_get_across("broadcast_to_a_task", 15_189, |r| block_on(r.recv_async()));
}

#[test]
fn broadcast_to_a_select() {
    they_get_across("broadcast_to_a_select", 13_476, |r| {
        let mut select = Select::new();
        select.arm(r);
        select.select().finish();
        r.try_recv().map_err(|_| RecvError)
    });
}

/// Rules 1 and 9: a task that sends waits for both receivers.
#[test]
fn broadcast_to_two() {
    explore("broadcast_to_two", 900, || {
        let (s, r) = channel(1);
        let other = r.clone();
        s.send(1).unwrap();
        let receiver = spawn(move || assert_eq!(other.recv(), Ok(1)));
        turn(0);
        assert_eq!(r.recv(), Ok(1));
        assert_eq!(block_on(s.send_async(2)), Ok(()));
        receiver.join().unwrap();
    });
}

/// Rule 6: a sender that goes wakes who waits.
#[test]
fn broadcast_sender_goes() {
    explore("broadcast_sender_goes", 395, || {
        let (s, r) = channel::<u8>(1);
        let sender = spawn(move || drop(s));
        turn(0);
        assert_eq!(r.recv(), Err(RecvError));
        sender.join().unwrap();
    });
}

/// Rule 6: a receiver that goes wakes who waits to send, and what is inside goes with it.
#[test]
fn broadcast_receiver_goes() {
    explore("broadcast_receiver_goes", 977, || {
        let (s, r) = channel(1);
        let message = std::sync::Arc::new(());
        let mark = std::sync::Arc::downgrade(&message);
        s.send(message.clone()).unwrap();
        let sender = spawn(move || s.send(message));
        turn(0);
        drop(r);
        assert!(sender.join().unwrap().is_err_and(|SendError(message)| std::sync::Arc::strong_count(&message) == 1));
        assert_eq!(mark.strong_count(), 0);
    });
}

/// Rule 7: a send that races with close is received or returned.
#[test]
fn broadcast_close_and_send() {
    explore("broadcast_close_and_send", 305, || {
        let (s, r) = channel(1);
        let sender = spawn(move || s.send(7));
        turn(0);
        r.close();
        let received = r.try_recv();
        assert_ne!(received, Err(TryRecvError::Empty));
        assert_eq!(sender.join().unwrap().is_ok(), received.is_ok());
    });
}

/// Rules 1 and 16: of two threads that select on one receiver one gets the message, and the other hears of the end, not sooner.
#[test]
fn broadcast_to_one_of_two() {
    explore_within(1, "broadcast_to_one_of_two", 2430, || {
        let (s, r) = channel(1);
        s.send(7).unwrap();
        let r = Arc::new(r);
        let other = r.clone();
        let recv = |r: Arc<Receiver<u8>>| {
            let never = never::<u8>();
            select! {
                recv(&*r) -> message => message,
                recv(never) -> _ => unreachable!(),
            }
        };
        let receivers = [spawn(move || recv(r)), spawn_twin(move || recv(other))];
        turn(0);
        drop(s);
        let got = receivers.map(|receiver| receiver.join().unwrap());
        assert!(matches!(got, [Ok(7), Err(RecvError)] | [Err(RecvError), Ok(7)]));
    });
}

/// Rule 16: what a select has chosen nobody else gets, whoever uses the same receiver.
#[test]
fn broadcast_chosen() {
    explore("broadcast_chosen", 346, || {
        let (s, r) = channel(1);
        s.send(7).unwrap();
        let r = Arc::new(r);
        let other = r.clone();
        let chooser = spawn(move || {
            let never = never::<u8>();
            select! {
                recv(&*other) -> message => message,
                recv(never) -> _ => unreachable!(),
            }
        });
        turn(0);
        if r.try_recv().is_ok() {
            s.send(8).unwrap();
        }
        assert!(matches!(chooser.join().unwrap(), Ok(7 | 8)));
    });
}

/// Rules 5 and 21: a message that is overwritten while it is cloned stays whole, and is dropped once.
#[test]
fn broadcast_overwrites() {
    explore("broadcast_overwrites", 579, || {
        let (s, r) = channel(1);
        let r = r.with_lag(Lag::Skip);
        s.send(Arc::new(1)).unwrap();
        let receiver = spawn(move || {
            let got = r.recv().map(|message| *message);
            (got, r.missed())
        });
        let _other = s.subscribe(Start::Now, Lag::Skip);
        turn(0);
        s.send(Arc::new(2)).unwrap();
        assert!(matches!(receiver.join().unwrap(), (Ok(1), 0 | 1) | (Ok(2), 1)));
    });
}
