//! A channel with a lane for each sender: who joins, who goes, and that nobody is forgotten.

use crate::actor::Host;
use crate::deadline::times;
use crate::hand::Hand;
use narrows::fan_in::{BATCH, channel, unbounded};
use narrows::{RecvError, TryRecvError, select};
use std::thread;

/// A lane with a message has its turn after one batch of each lane before it, whatever joins meanwhile.
pub fn rule_02_every_lane_has_its_turn() {
    for lanes in 1..6 {
        let (s, mut r) = unbounded();
        let full: Vec<_> = (0..lanes).map(|_| s.clone()).collect();
        let mut late = Vec::new();
        for round in 0..times(200) {
            for s in &full {
                (0..50).for_each(|_| s.send(false).expect("it is open"));
            }
            // One more that is full joins before every message.
            s.send(true).expect("it is open");
            let mut others = 0;
            while !r.recv().expect("it is open") {
                others += 1;
                if round % 20 == 0 {
                    late.push(s.clone());
                    late.last().expect("just put there").send(false).expect("it is open");
                }
            }
            assert!(others <= BATCH * (lanes + late.len()), "{others} before it");
            if round % 20 == 0 {
                assert!(others <= BATCH * lanes + lanes * BATCH + late.len(), "who joins comes last");
            }
        }
    }
}

/// A lane that joins while the receiver sleeps wakes it with its first message.
pub fn rule_09_a_lane_may_join_a_receiver_that_sleeps() {
    for host in [Host::Thread, Host::Pool, Host::Tokio] {
        for by_select in [false, true] {
            let (s, mut r) = channel(4);
            let receiver = host.spawn(async move {
                let received = match (host, by_select) {
                    (Host::Thread, true) => select! { recv(r) -> message => message },
                    (_, true) => {
                        let mut select = narrows::Select::new();
                        select.arm(&r);
                        let chosen = select.select_async().await;
                        r.recv_selected(chosen)
                    }
                    (Host::Thread, false) => r.recv(),
                    _ => r.recv_async().await,
                };
                (received, r)
            });
            receiver.until_waiting();
            let other = s.clone();
            receiver.until_waiting();
            other.send(5).expect("it is open");
            let (received, mut r) = receiver.join();
            assert_eq!(received, Ok(5));
            // And the end, of whoever goes last.
            let receiver =
                host.spawn(async move { if host == Host::Thread { r.recv() } else { r.recv_async().await } });
            receiver.until_waiting();
            drop(s);
            receiver.until_waiting();
            drop(other);
            assert_eq!(receiver.join(), Err(RecvError));
        }
    }
}

/// A sender that is cloned after the end has a lane that is closed; `close` on a sender ends its lane alone.
pub fn rule_07_a_lane_that_joins_too_late_is_closed() {
    let (s, mut r) = channel(4);
    s.send(1).expect("it is open");
    assert!(r.close() && r.is_closed() && !r.is_disconnected());
    assert!(s.clone().send(2).is_err() && s.send(3).is_err());
    assert_eq!((r.recv(), r.recv()), (Ok(1), Err(RecvError)));
    assert!(r.is_disconnected());
    drop(r);
    assert!(s.clone().send(4).is_err());

    let (s, mut r) = channel(4);
    s.close();
    assert!(s.send(1).is_err());
    let other = s.clone();
    assert_eq!((r.is_closed(), r.try_recv()), (false, Err(TryRecvError::Empty)));
    other.send(2).expect("another lane");
    assert_eq!(r.recv(), Ok(2));
    // An ordinary clone of the lane's sender keeps the lane.
    let ordinary = narrows::Sender::clone(&other);
    drop((s, other));
    assert_eq!((r.is_closed(), r.try_recv()), (false, Err(TryRecvError::Empty)));
    ordinary.send(3).expect("it is open");
    drop(ordinary);
    assert_eq!((r.recv(), r.recv()), (Ok(3), Err(RecvError)));
}

/// Joining, sending, going and closing at once: what was sent is received, what was refused came back.
pub fn rule_07_joining_races_with_the_end() {
    for round in 0..times(300) {
        let (s, mut r) = channel::<usize>(2);
        let sent: usize = thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    let s = s.clone();
                    scope.spawn(move || (0..20).filter(|i| s.clone().try_send(*i).is_ok()).count())
                })
                .collect();
            drop(s);
            let r = &mut r;
            let reader = scope.spawn(move || {
                let mut received = 0;
                while r.recv().is_ok() {
                    received += 1;
                    if received == round % 60 {
                        r.close();
                    }
                }
                received
            });
            let sent: usize = writers.into_iter().map(|writer| writer.join().expect("no panic")).sum();
            assert_eq!(reader.join().expect("no panic"), sent);
            sent
        });
        assert!(sent <= 60);
        assert!(r.is_disconnected());
    }
}

/// A future that waits hears of a lane that joined, and costs nothing when it is dropped.
pub fn rule_13_a_dropped_receive_is_forgotten_by_every_lane() {
    let (s, mut r) = channel(4);
    for i in 0..times(100) {
        let other = s.clone();
        let mut waiting = Hand::waiting(r.recv_async());
        let late = other.clone();
        waiting.still_waits();
        late.send(i).expect("it has room");
        assert!(waiting.is_woken());
        drop(waiting);
        assert_eq!(r.recv(), Ok(i));
    }
}
