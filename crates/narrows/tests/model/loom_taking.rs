//! Messages taken otherwise than one by one from the front: back from the middle, in batches, on a lease, by force.

use std::{collections::VecDeque, time::Duration};

use narrows::{Receiver, RecvError, Select, SendError, Sender, TrySendError};

use crate::{
    channel,
    explore::{explore, spawn, turn},
    task::{block_on, poll_once},
};

/// Rules 1 and 12: a synchronous send whose time is up while somebody receives was received, or has its message again.
fn out_of_time(name: &str, bound: Option<usize>, floor: usize, recv: fn(&Receiver<Box<u8>>) -> Option<Box<u8>>) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let keep = s.clone();
        let sender = spawn(move || s.send_sync_timeout(Box::new(7), Duration::ZERO));
        turn(0);
        let received = recv(&r);
        let sent = sender.join().unwrap();
        assert_eq!(sent.is_ok(), received.is_some(), "lost, or both received and returned");
        assert!(received.is_none_or(|message| *message == 7));
        assert_eq!((r.len(), r.try_recv().is_ok()), (0, false));
        drop(keep);
    });
}

#[test]
fn sync_send_out_of_time_1() {
    out_of_time("sync_send_out_of_time_1", Some(1), 972, |r| r.try_recv().ok());
}

#[test]
fn sync_send_out_of_time_unbounded() {
    out_of_time("sync_send_out_of_time_unbounded", None, 972, |r| r.try_recv().ok());
}

#[test]
fn sync_send_out_of_time_chosen() {
    out_of_time("sync_send_out_of_time_chosen", Some(1), 1008, |r| {
        let mut select = Select::new();
        select.recv(r);
        let chosen = select.try_select().ok()?;
        Some(chosen.recv(r).unwrap())
    });
}

#[test]
fn sync_send_out_of_time_in_a_batch() {
    out_of_time("sync_send_out_of_time_in_a_batch", Some(2), 910, |r| {
        let mut got = Vec::new();
        r.drain_into(&mut got);
        got.pop()
    });
}

/// Rules 6 and 7: a synchronous send beside the end has its message again, whether its time is up or not.
fn the_end_comes(
    name: &str,
    floor: usize,
    send: fn(&Sender<Box<u8>>) -> Result<(), Box<u8>>,
    end: fn(Receiver<Box<u8>>),
) {
    explore(name, floor, move || {
        let (s, r) = channel(Some(1));
        let sender = spawn(move || send(&s));
        turn(0);
        end(r);
        assert_eq!(sender.join().unwrap(), Err(Box::new(7)));
    });
}

#[test]
fn sync_send_receiver_goes() {
    let send: fn(&Sender<Box<u8>>) -> _ = |s| s.send_sync(Box::new(7)).map_err(SendError::into_inner);
    the_end_comes("sync_send_receiver_goes", 998, send, drop);
}

#[test]
fn sync_send_out_of_time_close_now() {
    the_end_comes(
        "sync_send_out_of_time_close_now",
        1154,
        |s| s.send_sync_timeout(Box::new(7), Duration::ZERO).map_err(|error| error.into_inner()),
        |r| assert!(r.close_now().is_empty(), "it is its sender's"),
    );
}

/// Rule 3: the one that waits hears that its message was received; from a task.
#[test]
fn sync_send_is_heard() {
    explore("sync_send_is_heard", 3232, || {
        let (s, r) = channel(Some(1));
        let sender = spawn(move || block_on(s.send_sync_async(7)));
        turn(0);
        assert_eq!(r.recv(), Ok(7));
        assert_eq!(sender.join().unwrap(), Ok(()));
        assert_eq!(r.recv(), Err(RecvError));
    });
}

/// Rule 9: the place of a message that was taken back behind another comes to a sender that waits.
#[test]
fn tombstone_makes_room() {
    explore("tombstone_makes_room", 2933, || {
        let (s, r) = channel(Some(2));
        s.send(0).unwrap();
        let other = s.clone();
        let mut gone = s.send_sync_async(1);
        assert!(poll_once(&mut gone).is_pending());
        let sender = spawn(move || other.send(2).unwrap());
        turn(0);
        drop(gone);
        drop(s);
        assert_eq!((r.recv(), r.recv(), r.recv()), (Ok(0), Ok(2), Err(RecvError)));
        sender.join().unwrap();
    });
}

/// Rules 1, 2 and 5: a batch that is pushed while a batch is taken: in order, and never more inside than there are places.
fn batches_meet(name: &str, bound: Option<usize>, floor: usize) {
    explore(name, floor, move || {
        let (s, r) = channel(bound);
        let sender = spawn(move || s.send_many(&mut (1..=3).map(Box::new).collect::<VecDeque<_>>()));
        turn(0);
        let mut got = Vec::new();
        while r.recv_many(&mut got, 2).is_ok() {
            assert!(r.len() <= bound.unwrap_or(3));
        }
        assert!(got.into_iter().map(|message| *message).eq(1..=3));
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn batches_meet_2() {
    batches_meet("batches_meet_2", Some(2), 9002);
}

#[test]
fn batches_meet_unbounded() {
    batches_meet("batches_meet_unbounded", None, 595);
}

/// Rule 5: whoever counts beside both sees no more than there can be.
#[test]
fn batches_are_counted() {
    explore("batches_are_counted", 609, || {
        let (s, r) = channel(Some(2));
        let (counts, keep) = (s.clone(), s.clone());
        let sender = spawn(move || s.try_send_many(&mut VecDeque::from([1, 2, 3])).unwrap_or(0));
        let counter = spawn(move || (counts.len(), counts.is_full(), counts.is_empty()));
        turn(0);
        let mut got = Vec::new();
        let _ = r.try_recv_many(&mut got, 2);
        let (len, ..) = counter.join().unwrap();
        assert!(len <= 2);
        let sent = sender.join().unwrap();
        assert_eq!((got.len() + r.len(), sent >= 2), (sent, true));
        drop(keep);
    });
}

/// Rules 6 and 9: a lease that ends beside a receiver that waits, of a channel at its end: the receiver gets the message, or
/// hears of the end then, and not before.
fn a_lease_ends(name: &str, floor: usize, is_accepted: bool, recv: fn(Receiver<u8>) -> Result<u8, RecvError>) {
    explore(name, floor, move || {
        let (s, r) = channel(Some(1));
        s.send(7).unwrap();
        let other = r.clone();
        let held = r.try_lease().unwrap();
        let receiver = spawn(move || recv(other));
        turn(0);
        drop(s);
        if is_accepted {
            assert_eq!(held.accept(), 7);
        } else {
            drop(held);
        }
        assert_eq!(receiver.join().unwrap(), if is_accepted { Err(RecvError) } else { Ok(7) });
    });
}

#[test]
fn lease_comes_back() {
    a_lease_ends("lease_comes_back", 1305, false, |r| r.recv());
}

#[test]
fn lease_accepted_at_the_end() {
    a_lease_ends("lease_accepted_at_the_end", 1287, true, |r| r.recv());
}

#[test]
fn lease_accepted_at_the_end_of_a_task() {
    a_lease_ends("lease_accepted_at_the_end_of_a_task", 1027, true, |r| block_on(r.recv_async()));
}

/// Rules 1 and 5: one that makes room for itself, beside one that waits for room and one that makes it.
#[test]
fn force_beside_others() {
    explore("force_beside_others", 3864, || {
        let (s, r) = channel(Some(1));
        s.send(Box::new(1)).unwrap();
        let (other, keep) = (s.clone(), s.clone());
        let force = spawn(move || s.force_send(Box::new(2)).unwrap());
        let sender = spawn(move || other.try_send(Box::new(4)).map_err(|error| error.into_inner()).err());
        turn(0);
        let received = r.try_recv().ok();
        let mut all =
            [received, force.join().unwrap(), sender.join().unwrap(), r.try_recv().ok()].map(|m| m.map_or(0, |m| *m));
        all.sort_unstable();
        assert_eq!((all.iter().sum::<u8>(), r.len()), (7, 0), "lost or doubled: {all:?}");
        drop(keep);
    });
}

/// Rules 1, 6: the message that is pushed out was received, or is its sender's again.
#[test]
fn force_meets_a_sync_send() {
    explore("force_meets_a_sync_send", 12_172, || {
        let (s, r) = channel(Some(1));
        let other = s.clone();
        let sender = spawn(move || s.send_sync(1));
        turn(0);
        let out = other.force_send(2);
        drop(other);
        let got: Vec<_> = r.iter().collect();
        let sent = sender.join().unwrap();
        let expected = match out {
            Ok(None) if sent.is_ok() => &[2, 1][..],
            Ok(None) => &[2],
            // The other had its place, and was about to fill it.
            Err(TrySendError::Full(2)) => &[1],
            _ => panic!("1 is its sender's: {out:?}"),
        };
        assert_eq!((got.as_slice(), sent.is_ok()), (expected, expected.contains(&1)));
    });
}
