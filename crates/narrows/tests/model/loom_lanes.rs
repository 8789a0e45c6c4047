//! Channels of lanes: who sends, who waits for the first of several lanes, who joins, and who goes.

use narrows::{RecvError, Select, TryRecvError, fan_in, priority};

use crate::{
    explore::{explore, spawn, turn},
    task::block_on,
};

type Received = Result<u8, RecvError>;

/// Rule 9: a message in the last lane wakes who waits for all of them.
fn it_gets_across(name: &str, floor: usize, recv: fn(&priority::Receiver<u8>) -> Received) {
    explore(name, floor, move || {
        let ([_high, low], r) = priority::channel([1, 1]);
        let sender = spawn(move || low.send(7).unwrap());
        turn(0);
        assert_eq!(recv(&r), Ok(7));
        sender.join().unwrap();
    });
}

#[test]
fn priority_to_a_thread() {
    it_gets_across("priority_to_a_thread", 367, |r| r.recv());
}

#[test]
fn priority_to_a_task() {
    it_gets_across("priority_to_a_task", 300, |r| block_on(r.recv_async()));
}

#[test]
fn priority_to_a_select() {
    it_gets_across("priority_to_a_select", 543, |r| {
        let mut select = Select::new();
        select.arm(r);
        r.recv_selected(select.select())
    });
}

/// Rules 6 and 9: the end of the last lane is heard of.
#[test]
fn priority_senders_go() {
    explore("priority_senders_go", 266, || {
        let ([high, low], r) = priority::channel::<u8, 2>([1, 1]);
        drop(high);
        let sender = spawn(move || drop(low));
        turn(0);
        assert_eq!(r.recv(), Err(RecvError));
        sender.join().unwrap();
    });
}

/// Rule 4: a message is inside all the time, though now in the one lane and now in the other.
#[test]
fn priority_is_empty_at_one_moment() {
    explore("priority_is_empty_at_one_moment", 53, || {
        let (senders, r) = priority::lanes([Some(2), Some(2)], 1);
        senders[1].send(0).unwrap();
        let other = r.clone();
        let mover = spawn(move || {
            // The second receive is the turn of the lane that was passed over.
            let received = [1, 2].map(|i| {
                senders[0].send(i).unwrap();
                other.try_recv().unwrap()
            });
            (received, senders)
        });
        turn(0);
        assert_ne!(r.try_recv(), Err(TryRecvError::Empty));
        mover.join().unwrap();
    });
}

/// Rule 9: a lane that joins a receiver that sleeps is heard of.
#[test]
fn fan_in_joins() {
    explore("fan_in_joins", 512, || {
        let (s, mut r) = fan_in::channel(1);
        let sender = spawn(move || {
            s.clone().send(7).unwrap();
            s
        });
        turn(0);
        assert_eq!(r.recv(), Ok(7));
        sender.join().unwrap();
    });
}

/// Rule 6: so is the last sender that goes.
#[test]
fn fan_in_senders_go() {
    explore("fan_in_senders_go", 509, || {
        let (s, mut r) = fan_in::channel::<u8>(1);
        let sender = spawn(move || {
            s.close();
            drop(s);
        });
        turn(0);
        assert_eq!(r.recv(), Err(RecvError));
        sender.join().unwrap();
    });
}

/// Rule 7: a lane that joins beside the end is closed, or its message received.
#[test]
fn fan_in_joins_at_the_end() {
    explore("fan_in_joins_at_the_end", 270, || {
        let (s, mut r) = fan_in::channel(1);
        let sender = spawn(move || (s.clone().send(7).is_ok(), s));
        turn(0);
        r.close();
        let received = r.try_recv();
        let (sent, _s) = sender.join().unwrap();
        // Sent beside `close` it is received now, or is inside.
        assert_eq!(sent, received.is_ok() || r.try_recv().is_ok());
        assert!(r.is_disconnected());
    });
}
