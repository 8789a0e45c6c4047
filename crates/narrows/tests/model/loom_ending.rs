//! Ending: close, the last handle's drop, and permits, against whoever is in the middle of something.

use std::sync::Arc;

use narrows::{RecvError, TryRecvError};

use crate::{
    channel,
    explore::{explore, explore_within, spawn, spawn_twin, turn},
};

/// Rule 7: a send racing with close is received or returned; never lost, never both.
fn a_send_meets_close(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let closer = s.clone();
        let sender = spawn(move || s.send(7));
        let closer = spawn(move || {
            assert!(closer.close());
        });
        turn(0);
        let received = r.recv();
        if received.is_ok() {
            assert_eq!(r.recv(), Err(RecvError));
        }
        let sent = sender.join().unwrap();
        closer.join().unwrap();
        assert_eq!(sent.is_ok(), received.is_ok(), "lost, or both received and returned");
        if let Err(refused) = sent {
            assert_eq!(refused.into_inner(), 7);
        }
        // Nothing comes after the end was told.
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn close_and_send_0() {
    a_send_meets_close("close_and_send_0", Some(0), 45_900);
}

#[test]
fn close_and_send_1() {
    a_send_meets_close("close_and_send_1", Some(1), 23_447);
}

#[test]
fn close_and_send_unbounded() {
    a_send_meets_close("close_and_send_unbounded", None, 25_711);
}

/// Rule 6: the last sender's drop wakes every receiver (postage 44).
fn receivers_meet_the_last_senders_drop(name: &str, bound: Option<usize>, floor: usize) {
    // The end does not depend on where messages lie: the longest of the three has one preemption less.
    explore_within(usize::from(bound.is_none()), name, floor, move || {
        let (s, r) = channel::<()>(bound);
        let other = r.clone();
        let receivers = [spawn(move || r.recv()), spawn_twin(move || other.recv())];
        turn(0);
        drop(s);
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), Err(RecvError));
        }
    });
}

#[test]
fn last_sender_goes_0() {
    receivers_meet_the_last_senders_drop("last_sender_goes_0", Some(0), 23_600);
}

#[test]
fn last_sender_goes_1() {
    receivers_meet_the_last_senders_drop("last_sender_goes_1", Some(1), 29_611);
}

#[test]
fn last_sender_goes_unbounded() {
    receivers_meet_the_last_senders_drop("last_sender_goes_unbounded", None, 1000);
}

/// Rule 4: between a send and its sender's drop `try_recv` never says Disconnected with a message inside (crossfire 70).
#[test]
fn no_early_end() {
    explore("no_early_end", 14, || {
        let (s, r) = channel(None);
        let sender = spawn(move || s.send(1).unwrap());
        turn(0);
        let first = r.try_recv();
        assert_ne!(first, Err(TryRecvError::Disconnected));
        sender.join().unwrap();
        if first.is_err() {
            assert_eq!(r.try_recv(), Ok(1));
        }
        assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Rule 6: when the last receiver goes every message inside is dropped, and what was not sent comes back.
fn senders_meet_the_last_receivers_drop(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let mark = Arc::new(());
        let messages = [mark.clone(), mark.clone()];
        let sender = spawn(move || {
            for message in messages {
                if s.send(message).is_err() {
                    break;
                }
            }
            s
        });
        turn(0);
        drop(r);
        let s = sender.join().unwrap();
        assert_eq!(Arc::strong_count(&mark), 1, "a message is left after the last receiver");
        assert!(s.send(mark).is_err());
    });
}

#[test]
fn last_receiver_goes_0() {
    senders_meet_the_last_receivers_drop("last_receiver_goes_0", Some(0), 132);
}

#[test]
fn last_receiver_goes_1() {
    senders_meet_the_last_receivers_drop("last_receiver_goes_1", Some(1), 478);
}

#[test]
fn last_receiver_goes_unbounded() {
    senders_meet_the_last_receivers_drop("last_receiver_goes_unbounded", None, 256);
}

/// Rule 7: what is inside goes to who closes, not to a receiver that hears of the end, and drops what it finds.
fn close_now_meets_a_receiver_that_goes(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        s.send(7).unwrap();
        let receiver = spawn(move || r.closed().wait());
        turn(0);
        assert_eq!(s.close_now(), [7]);
        receiver.join().unwrap();
    });
}

#[test]
fn close_now_and_last_receiver_1() {
    close_now_meets_a_receiver_that_goes("close_now_and_last_receiver_1", Some(1), 73);
}

#[test]
fn close_now_and_last_receiver_unbounded() {
    close_now_meets_a_receiver_that_goes("close_now_and_last_receiver_unbounded", None, 73);
}

/// Rule 6: the last receiver's drop is the end, whoever closes beside it.
#[test]
fn last_receiver_goes_beside_close_now() {
    explore("last_receiver_goes_beside_close_now", 484, || {
        let (s, r) = channel(Some(1));
        let other = s.clone();
        let closer = spawn(move || other.close_now());
        turn(0);
        drop(r);
        assert!(s.try_send(7).is_err(), "nobody can receive it");
        assert_eq!(s.receiver_count(), 0);
        assert!(closer.join().unwrap().is_empty());
    });
}

/// Rule 8: who waits for the end hears of it.
#[test]
fn closed_is_heard() {
    explore("closed_is_heard", 331, || {
        for bound in [Some(0), Some(1)] {
            let (s, r) = channel::<()>(bound);
            let waits = spawn(move || s.closed().wait());
            turn(0);
            r.close();
            waits.join().unwrap();
        }
    });
}

/// Rule 23: a permit's send is received or returned when it meets close, and nobody is told the end too early.
#[test]
fn permit_meets_close() {
    explore("permit_meets_close", 37_878, || {
        let (s, r) = channel(Some(1));
        let other = s.clone();
        let closer = spawn(move || other.close());
        let receiver = spawn(move || (r.recv(), r));
        turn(0);
        let sent = s.reserve().ok().map(|permit| permit.send(7));
        let (received, r) = receiver.join().unwrap();
        assert!(closer.join().unwrap());
        drop(r);
        assert_eq!(matches!(sent, Some(Ok(()))), received.is_ok());
    });
}

/// Rules 9, 23: a permit given back wakes the sender that waits for its place (tokio 8260).
#[test]
fn permit_dropped_wakes() {
    explore("permit_dropped_wakes", 712, || {
        let (s, r) = channel(Some(1));
        let other = s.clone();
        let permit = s.reserve().unwrap();
        let waits = spawn(move || other.send(1).unwrap());
        turn(0);
        drop(permit);
        assert_eq!(r.recv(), Ok(1));
        waits.join().unwrap();
    });
}

/// Rule 23: at capacity 0 a permit claims a receiver that waits; whatever becomes of the two, both end.
#[test]
fn permit_at_zero() {
    explore("permit_at_zero", 243, || {
        let (s, r) = channel(Some(0));
        let receiver = spawn(move || r.recv());
        turn(0);
        s.reserve().unwrap().send(1).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
    });
}
