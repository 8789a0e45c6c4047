//! A channel that gives every message to every receiver keeps the same promises, in every way of receiving.

use crate::actor::{Actor, Host};
use crate::deadline::times;
use crate::hand::{Bell, Hand, poll};
use crate::load::Ledger;
use crate::receiving::{LONG, WAYS, Way};
use narrows::broadcast::{Lag, Receiver, Start, channel};
use narrows::{RecvError, RecvTimeoutError, Select, SendError, SendTimeoutError, TryRecvError, TrySendError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

impl Way {
    async fn recv_broadcast<T: Clone + Send + Sync + 'static>(self, r: &Receiver<T>) -> Result<T, RecvError> {
        match self {
            Way::Blocked => r.recv(),
            Way::Timed => r.recv_timeout(LONG).map_err(|why| {
                assert_eq!(why, RecvTimeoutError::Disconnected, "an hour has not passed");
                RecvError
            }),
            Way::OnPool | Way::OnTokio => r.recv_async().await,
            Way::Selected => {
                let mut select = Select::new();
                select.arm(r);
                select.select().finish();
                r.try_recv().map_err(disconnected)
            }
            Way::Macro => narrows::select! {
                recv(r) -> message => message,
                recv(narrows::never::<T>()) -> _ => unreachable!("it is never ready"),
            },
            Way::SelectAwaited => {
                let mut select = Select::new();
                select.arm(r);
                select.select_async().await.finish();
                r.try_recv().map_err(disconnected)
            }
        }
    }

    /// Receives until the end.
    fn spawn_broadcasts<T: Clone + Send + Sync + 'static>(self, r: Receiver<T>) -> Actor<Vec<T>> {
        self.host().spawn(async move {
            let mut got = Vec::new();
            while let Ok(message) = self.recv_broadcast(&r).await {
                got.push(message);
            }
            assert_eq!(r.try_recv().err(), Some(TryRecvError::Disconnected));
            got
        })
    }
}

fn disconnected(why: TryRecvError) -> RecvError {
    assert_eq!(why, TryRecvError::Disconnected, "the arm was chosen");
    RecvError
}

/// Each receiver gets each message once, in order, whether it waits already or comes later, and none lives for ever.
pub fn rule_01_every_receiver_sees_every_broadcast() {
    const N: u64 = 100;
    for way in WAYS {
        for capacity in [1, 2, 32] {
            let ledger = Ledger::new(100);
            let (s, r) = channel(capacity);
            let receivers = [
                way.spawn_broadcasts(r.clone()),
                way.spawn_broadcasts(s.subscribe(Start::Oldest, Lag::Wait)),
                way.spawn_broadcasts(r),
            ];
            if capacity == 2 {
                receivers.iter().for_each(Actor::until_waiting);
            }
            for n in 0..N {
                assert!(s.send(Arc::new(ledger.load(n))).is_ok(), "{way:?}, {capacity}");
            }
            drop(s);
            for receiver in receivers {
                let got: Vec<u64> = receiver.join().iter().map(|load| load.number()).collect();
                assert_eq!(got, (0..N).collect::<Vec<_>>(), "{way:?}, {capacity}");
            }
            ledger.settle();
        }
    }
}

/// Threads that use one receiver share its messages; each goes to one of them, through `select!` as well.
pub fn rule_01_a_shared_receiver_shares_its_broadcasts() {
    let n = times(2000);
    for way in [Way::Blocked, Way::Macro] {
        let (s, r) = channel(4);
        let r = Arc::new(r);
        let receivers = [0; 3].map(|_| {
            let r = r.clone();
            Host::Thread.spawn(async move {
                let mut got = Vec::new();
                while let Ok(message) = way.recv_broadcast(&r).await {
                    got.push(message);
                }
                got
            })
        });
        for message in 0..n {
            s.send(message).expect("it is open");
        }
        drop(s);
        let mut got: Vec<usize> = receivers.into_iter().flat_map(Actor::join).collect();
        got.sort_unstable();
        assert_eq!(got, (0..n).collect::<Vec<_>>(), "{way:?}");
    }
}

/// Whoever sends, all receivers see the same order, in which each sender's messages keep theirs.
pub fn rule_02_all_receivers_see_broadcasts_in_one_order() {
    let n = times(1000);
    for capacity in [1, 16] {
        let (s, r) = channel(capacity);
        let receivers = [Way::Blocked, Way::OnPool, Way::OnTokio].map(|way| way.spawn_broadcasts(r.clone()));
        drop(r);
        let senders = [0, 1, 2].map(|sender| {
            let s = s.clone();
            let host = if sender == 2 { Host::Tokio } else { Host::Thread };
            host.spawn(async move {
                for message in 0..n {
                    s.send_async((sender, message)).await.expect("it is open");
                }
            })
        });
        drop(s);
        senders.into_iter().for_each(Actor::join);
        let orders = receivers.map(Actor::join);
        assert_eq!(orders[0].len(), 3 * n);
        assert!(orders[0] == orders[1] && orders[1] == orders[2]);
        for sender in 0..3 {
            let own = orders[0].iter().filter(|(from, _)| *from == sender).map(|(_, message)| *message);
            assert!(own.eq(0..n));
        }
    }
}

/// What the receiver did before it received a message is seen by who sends into its place.
pub fn rule_03_a_receive_comes_before_the_broadcast_in_its_place() {
    let n = times(2000);
    let (s, r) = channel(2);
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..n {
                taken.store(at, Ordering::Relaxed);
                assert_eq!(r.recv(), Ok(at));
            }
        });
        for at in 0..n {
            s.send(at).expect("it is open");
            assert!(at < 2 || taken.load(Ordering::Relaxed) >= at - 2);
        }
    });
}

/// Empty and Full, as things are.
pub fn rule_04_a_broadcast_answers_truly() {
    let (s, r) = channel(2);
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(r.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    assert!(!s.is_closed() && !r.is_closed() && !r.is_disconnected() && !s.is_full() && s.is_empty());
    let other = r.clone();
    assert_eq!((s.try_send(1), s.try_send(2), s.try_send(3)), (Ok(()), Ok(()), Err(TrySendError::Full(3))));
    assert!(s.is_full());
    assert_eq!((r.try_recv(), s.try_send(3)), (Ok(1), Err(TrySendError::Full(3))));
    assert_eq!((other.try_recv(), s.try_send(3)), (Ok(1), Ok(())));
    assert_eq!((r.len(), other.len(), s.len(), s.receiver_count()), (2, 2, 2, 2));
}

/// Of two threads that each send in one channel and then look into the other, one sees what the other has sent.
pub fn rule_04_two_broadcasts_agree_on_what_came_first() {
    for _ in 0..times(3000) {
        let ((s, r), (plain_s, plain_r)) = (channel(1), narrows::bounded(1));
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                s.send(()).expect("it is open");
                plain_r.try_recv()
            });
            plain_s.send(()).expect("it is open");
            let second = r.try_recv();
            let first = first.join().expect("no panic");
            assert!(first.is_ok() || second.is_ok(), "neither came first");
        });
    }
}

/// The last sender wakes who waits, in every way; what is inside is received first.
pub fn rule_06_receivers_hear_that_no_broadcast_comes() {
    for way in WAYS {
        let (s, r) = channel(2);
        s.send(1).expect("it is open");
        let other = s.clone();
        let receivers = [way.spawn_broadcasts(r.clone()), way.spawn_broadcasts(r)];
        receivers.iter().for_each(Actor::until_waiting);
        drop(s);
        other.send(2).expect("it is open");
        drop(other);
        for receiver in receivers {
            assert_eq!(receiver.join(), [1, 2], "{way:?}");
        }
    }
}

/// With the last receiver all that is kept goes at once, even if a drop panics; sends come back, those that wait as well;
/// until somebody subscribes.
pub fn rule_06_broadcasts_go_with_the_last_receiver() {
    struct Loud(AtomicUsize, Ledger);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.1.load(self.0.load(Ordering::Relaxed) as u64);
            assert!(thread::panicking(), "a loud drop");
        }
    }
    let ledger = Ledger::new(3);
    let (s, r) = channel(3);
    for n in 0..3 {
        assert!(s.send(Arc::new(Loud(AtomicUsize::new(n), ledger.clone()))).is_ok());
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(r))).is_err());
    assert!((0..3).all(|n| ledger.is_dropped(n)));
    assert!(s.is_closed() && s.receiver_count() == 0);

    let (s, r) = channel(1);
    s.send(1).expect("it is open");
    let senders = [Host::Thread, Host::Pool].map(|host| {
        let s = s.clone();
        host.spawn(async move { if host == Host::Thread { s.send(2) } else { s.send_async(2).await } })
    });
    senders.iter().for_each(Actor::until_waiting);
    drop(r);
    for sender in senders {
        assert_eq!(sender.join(), Err(SendError(2)));
    }
    let r = s.subscribe(Start::Oldest, Lag::Disconnect);
    assert!(!s.is_closed() && r.is_empty());
    assert_eq!((s.send(3), s.send(4)), (Ok(()), Err(SendError(4))), "it would reach nobody");
    assert!(r.was_cut_off() && s.receiver_count() == 0);
}

/// From either end, any number of times; it wakes who waits at either, and keeps what was sent.
pub fn rule_07_broadcasts_are_closed_by_either_end() {
    for by_sender in [true, false] {
        for way in WAYS {
            let (s, r) = channel::<u8>(1);
            let receiver = way.spawn_broadcasts(r.clone());
            receiver.until_waiting();
            assert!(if by_sender { s.close() } else { r.close() });
            assert!(!s.close() && !r.close() && s.is_closed() && r.is_closed());
            assert_eq!(receiver.join(), [], "{way:?}");
        }
        let (s, r) = channel(1);
        s.send(1).expect("it is open");
        let senders = [Host::Thread, Host::Tokio].map(|host| {
            let s = s.clone();
            host.spawn(async move { if host == Host::Thread { s.send(2) } else { s.send_async(2).await } })
        });
        senders.iter().for_each(Actor::until_waiting);
        assert!(if by_sender { s.close() } else { r.close() });
        for sender in senders {
            assert_eq!(sender.join(), Err(SendError(2)));
        }
        assert!(!r.is_disconnected());
        assert_eq!((r.recv(), r.recv()), (Ok(1), Err(RecvError)));
        assert!(r.is_disconnected());
        let late = s.subscribe(Start::Oldest, Lag::Wait);
        assert_eq!((late.recv(), late.recv()), (Ok(1), Err(RecvError)));
    }
}

/// A send that races with close is received by all or returned.
pub fn rule_07_a_broadcast_that_races_with_close_is_received_or_returned() {
    for _ in 0..times(2000) {
        let (s, r) = channel(1);
        let other = r.clone();
        let sender = thread::spawn(move || s.send(1));
        r.close();
        let received = [r.try_recv().is_ok(), other.try_recv().is_ok()];
        assert_eq!([sender.join().expect("no panic").is_ok(); 2], received);
    }
}

/// A receiver that moves on, goes, or is no longer to be waited for, makes room and wakes who waits to send.
pub fn rule_09_room_for_a_broadcast_wakes_its_sender() {
    for host in [Host::Thread, Host::Pool, Host::Tokio] {
        for how in 0..3 {
            let (s, r) = channel(1);
            let other = r.clone();
            s.send(1).expect("it is open");
            let sender = host.spawn(async move {
                if host == Host::Thread { s.send(2).is_ok() } else { s.send_async(2).await.is_ok() }
            });
            assert_eq!(other.recv(), Ok(1));
            sender.until_waiting();
            let r = match how {
                0 => {
                    assert_eq!(r.recv(), Ok(1));
                    Some(r)
                }
                1 => Some(r.with_lag(Lag::Skip)),
                _ => {
                    drop(r);
                    None
                }
            };
            assert!(sender.join());
            assert_eq!((other.recv(), r.map_or(Ok(2), |r| r.recv())), (Ok(2), Ok(2)));
        }
    }
    // Each place wakes one: a receiver far behind that goes wakes as many as there were messages for it alone.
    let (s, r) = channel(3);
    (0..3).for_each(|n| s.send(n).expect("it is open"));
    let _skips = s.subscribe(Start::Now, Lag::Skip);
    let sends: Vec<_> = (3..6).map(|n| Hand::waiting(s.send_async(n))).collect();
    drop(r);
    assert!(sends.iter().all(Hand::is_woken));
    for send in sends {
        assert_eq!(send.ready(), Ok(()));
    }
}

/// One try once time is up, never a panic, and the message comes back.
pub fn rule_12_time_limits_of_broadcasts() {
    let (s, r) = channel(1);
    let past = Instant::now();
    assert_eq!(r.recv_deadline(past), Err(RecvTimeoutError::Timeout));
    assert_eq!((s.send_deadline(1, past), s.send_deadline(2, past)), (Ok(()), Err(SendTimeoutError::Timeout(2))));
    assert_eq!(s.send_timeout(2, Duration::from_millis(1)), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(r.recv_timeout(Duration::MAX), Ok(1));
    assert_eq!(s.send_timeout(2, Duration::MAX), Ok(()));
    r.close();
    assert_eq!(s.send_timeout(3, LONG), Err(SendTimeoutError::Disconnected(3)));
    assert_eq!((r.recv_deadline(past), r.recv_timeout(LONG)), (Ok(2), Err(RecvTimeoutError::Disconnected)));
}

/// A receive that is given up loses nothing; a send that is given up sends nothing and passes its wake-up on.
pub fn rule_13_dropped_futures_lose_no_broadcast() {
    let (s, r) = channel(1);
    let given_up = Hand::waiting(r.recv_async());
    let waiting = Hand::waiting(r.recv_async());
    s.send(3).expect("it is open");
    assert!(given_up.is_woken() && waiting.is_woken());
    drop(given_up);
    assert_eq!(s.len(), 1);
    assert_eq!(waiting.ready(), Ok(3));

    s.send(4).expect("there is room");
    let first = Hand::waiting(s.send_async(5));
    let second = Hand::waiting(s.send_async(6));
    assert_eq!(r.recv(), Ok(4));
    assert!(first.is_woken() && !second.is_woken(), "one place wakes one");
    drop(first);
    assert!(second.is_woken());
    assert_eq!(second.ready(), Ok(()));
    assert_eq!((r.recv(), r.try_recv()), (Ok(6), Err(TryRecvError::Empty)));
}

/// A future that was forgotten keeps nobody else from a message or a place.
pub fn rule_14_forgotten_futures_block_no_broadcast() {
    let (s, r) = channel(1);
    let mut forgotten = Box::pin(r.recv_async());
    assert!(poll(&mut forgotten, &Bell::new()).is_pending());
    std::mem::forget(forgotten);
    let waiting = Hand::waiting(r.recv_async());
    s.send(4).expect("it is open");
    assert_eq!(waiting.ready(), Ok(4));
    s.send(5).expect("there is room");
    let mut forgotten = Box::pin(s.send_async(6));
    assert!(poll(&mut forgotten, &Bell::new()).is_pending());
    std::mem::forget(forgotten);
    assert_eq!((r.recv(), s.try_send(7), r.recv()), (Ok(5), Ok(()), Ok(7)));
}

/// Polled again and again a future keeps one waker, the latest, and wakes no other.
pub fn rule_15_a_broadcast_wakes_the_latest_waker() {
    let (s, r) = channel(1);
    let bells: Vec<_> = (0..100).map(|_| Bell::new()).collect();
    let (last, others) = bells.split_last().expect("a hundred");
    let mut receive = r.recv_async();
    for bell in &bells {
        (0..10).for_each(|_| assert!(poll(&mut receive, bell).is_pending()));
    }
    assert!(others.iter().all(|bell| Arc::strong_count(bell) == 1), "an old waker is kept");
    s.send(1).expect("it is open");
    assert_eq!(last.rings(), 1);
    assert!(poll(&mut receive, last).is_ready());
    drop(receive);
    s.send(2).expect("there is room");
    let mut send = s.send_async(3);
    for bell in &bells {
        (0..10).for_each(|_| assert!(poll(&mut send, bell).is_pending()));
    }
    assert!(others.iter().all(|bell| Arc::strong_count(bell) == 1), "an old waker is kept");
    assert_eq!(r.recv(), Ok(2));
    assert_eq!(last.rings(), 2);
    assert!(others.iter().all(|bell| bell.rings() == 0));
    assert!(poll(&mut send, last).is_ready());
}

/// Beside other channels the arm that is ready is chosen, and the others leave no trace; a select may be used again.
pub fn rule_16_a_receiver_of_broadcasts_is_an_arm_of_a_select() {
    let (numbers, from_numbers) = narrows::unbounded();
    let (s, r) = channel(2);
    for round in 0..100 {
        let mut select = Select::new();
        let news = select.arm(&r);
        let number = select.recv(&from_numbers);
        assert!(select.try_select().is_err() && select.try_ready().is_err());
        numbers.send(round).expect("it is open");
        let chosen = select.select();
        assert_eq!(chosen.index(), number);
        assert_eq!(chosen.recv(&from_numbers), Ok(round));
        assert!(select.select_timeout(Duration::ZERO).is_err());
        s.send(round).expect("it is open");
        assert_eq!(select.ready(), news);
        let chosen = select.select();
        assert_eq!(chosen.index(), news);
        chosen.finish();
        assert_eq!(r.try_recv(), Ok(round));
        narrows::select! {
            recv(r) -> _ => unreachable!("it was received"),
            recv(from_numbers) -> _ => unreachable!("it was received"),
            default => {}
        }
    }
    s.send(1).expect("it is open");
    s.send(2).expect("it is open");
    let none: Option<Receiver<u64>> = None;
    for expected in [Ok(1), Ok(2), Err(RecvError)] {
        narrows::select! {
            recv(&r) -> message => assert_eq!(message, expected),
            recv(none) -> _ => unreachable!("it is disabled"),
        }
        if expected == Ok(2) {
            s.close();
        }
    }
}

/// A `clone` that panics costs one receiver that message, and nobody else anything; a drop that panics breaks nothing.
pub fn rule_21_broadcasts_that_panic_leave_the_channel_whole() {
    #[derive(Debug)]
    struct Shy(u32);
    impl Clone for Shy {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 1, "a shy clone");
            Shy(self.0)
        }
    }
    struct Loud(u32);
    impl Clone for Loud {
        fn clone(&self) -> Self {
            Loud(0)
        }
    }
    impl Drop for Loud {
        fn drop(&mut self) {
            assert_ne!(self.0, 1, "a loud drop");
        }
    }
    let (s, r) = channel(1);
    let s = Arc::new(s);
    s.send(Shy(1)).expect("it is open");
    let sender = s.clone();
    let sends = Host::Thread.spawn(async move { sender.send(Shy(2)).is_ok() });
    sends.until_waiting();
    assert!(catch_unwind(AssertUnwindSafe(|| r.recv())).is_err());
    assert!(sends.join(), "it was received, so there is room");
    assert_eq!(r.recv().expect("it was sent").0, 2);

    let (s, r) = channel(1);
    assert!(s.send(Loud(1)).is_ok());
    assert!(r.recv().is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| s.send(Loud(2)).is_ok())).is_err());
    assert_eq!((r.len(), r.recv().is_ok()), (1, true), "it was sent all the same");
    assert!(s.send(Loud(3)).is_ok());
}

/// A message may use its channel while it is cloned or dropped: neither is done under a lock.
pub fn rule_21_a_broadcast_may_use_its_channel() {
    struct Busy(Option<narrows::broadcast::Sender<Busy>>);
    impl Clone for Busy {
        fn clone(&self) -> Self {
            if let Some(s) = &self.0 {
                assert!(s.try_send(Busy(None)).is_ok());
            }
            Busy(None)
        }
    }
    impl Drop for Busy {
        fn drop(&mut self) {
            if let Some(s) = &self.0 {
                assert!(s.is_full() || s.len() < 3);
            }
        }
    }
    let (s, r) = channel(2);
    for _ in 0..3 {
        assert!(s.send(Busy(Some(s.clone()))).is_ok());
        assert!(r.recv().is_ok() && r.recv().is_ok());
    }
    // While its message is cloned the slot is needed for others.
    let skips = r.with_lag(Lag::Skip);
    assert!(s.send(Busy(Some(s.clone()))).is_ok() && s.send(Busy(None)).is_ok());
    assert!(skips.recv().is_ok());
    assert_eq!(skips.len(), 2);
}

/// Handles come and go, at capacity 1, while messages are sent, and nobody hangs. (Pitfall 22: tokio 2425, 2533.)
pub fn pitfall_22_receivers_go_while_broadcasts_are_sent() {
    for lag in [Lag::Wait, Lag::Skip, Lag::Disconnect] {
        let (s, r) = channel(1);
        let n = times(500);
        let goers = [Host::Thread, Host::Thread].map(|host| {
            let s = s.clone();
            host.spawn(async move {
                for round in 0..n {
                    let r = s.subscribe(if round % 2 == 0 { Start::Now } else { Start::Oldest }, lag);
                    // At the end nothing comes, nor goes.
                    let _ = r.try_recv();
                }
            })
        });
        let sender = Host::Thread.spawn(async move { (0..n).filter(|n| s.send(*n).is_ok()).count() });
        let got = Way::Blocked.spawn_broadcasts(r).join();
        goers.into_iter().for_each(Actor::join);
        assert_eq!(sender.join(), n);
        assert_eq!(got, (0..n).collect::<Vec<_>>());
    }
}
