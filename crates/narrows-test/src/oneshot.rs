//! A channel for one message keeps the same promises, in every way of receiving it.

use crate::actor::{Actor, Host};
use crate::deadline::times;
use crate::hand::{Bell, Hand, poll};
use crate::load::Ledger;
use narrows::oneshot::{Receiver, channel};
use narrows::{RecvError, RecvTimeoutError, Select, SendError, TryRecvError};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// A way of receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Blocked,
    Timed,
    Selected,
    Macro,
    OnPool,
    OnTokio,
    Awaited,
    SelectAwaited,
}

const WAYS: [Way; 8] =
    [Way::Blocked, Way::Timed, Way::Selected, Way::Macro, Way::OnPool, Way::OnTokio, Way::Awaited, Way::SelectAwaited];

const LONG: Duration = Duration::from_secs(3600);

impl Way {
    async fn recv<T: Send + 'static>(self, r: Receiver<T>) -> Result<T, RecvError> {
        match self {
            Way::Blocked => r.recv(),
            Way::Timed => r.recv_timeout(LONG).map_err(|why| {
                assert_eq!(why, RecvTimeoutError::Disconnected, "an hour has not passed");
                RecvError
            }),
            Way::OnPool => r.recv_async().await,
            Way::OnTokio => (&r).await,
            Way::Awaited => r.await,
            Way::Selected => {
                let mut select = Select::new();
                select.arm(&r);
                select.select().finish();
                r.try_recv().map_err(disconnected)
            }
            Way::Macro => narrows::select! {
                recv(r) -> message => message,
                recv(narrows::never::<T>()) -> _ => unreachable!("it is never ready"),
            },
            Way::SelectAwaited => {
                let mut select = Select::new();
                select.arm(&r);
                select.select_async().await.finish();
                r.try_recv().map_err(disconnected)
            }
        }
    }

    fn spawn<T: Send + 'static>(self, r: Receiver<T>) -> Actor<Result<T, RecvError>> {
        let host = match self {
            Way::Blocked | Way::Timed | Way::Selected | Way::Macro => Host::Thread,
            Way::OnPool => Host::Pool,
            Way::OnTokio | Way::Awaited | Way::SelectAwaited => Host::Tokio,
        };
        host.spawn(self.recv(r))
    }
}

fn disconnected(why: TryRecvError) -> RecvError {
    assert_eq!(why, TryRecvError::Disconnected, "the arm was chosen");
    RecvError
}

/// Whether it waits already or comes later, the receiver gets the message, and it lives no longer than that.
pub fn rule_01_a_oneshot_is_received_once() {
    for way in WAYS {
        for waits_first in [true, false] {
            let ledger = Ledger::new(1);
            let (s, r) = channel();
            let load = ledger.load(0);
            let receiver = if waits_first {
                let receiver = way.spawn(r);
                receiver.until_waiting();
                assert!(s.send(load).is_ok(), "{way:?}");
                receiver
            } else {
                assert!(s.send(load).is_ok(), "{way:?}");
                way.spawn(r)
            };
            assert_eq!(receiver.join().map(|load| load.number()), Ok(0), "{way:?}");
            ledger.settle();
        }
    }
}

/// What the sender did before is seen by the receiver.
pub fn rule_03_what_came_before_a_oneshot_is_seen_after_it() {
    for way in WAYS {
        for _ in 0..times(200) {
            let (s, r) = channel();
            let receiver = way.spawn(r);
            let text = Box::new(String::from("before"));
            assert!(s.send(text).is_ok());
            assert_eq!(receiver.join().as_deref().map(String::as_str), Ok("before"), "{way:?}");
        }
    }
}

/// A receiver by reference may be used by several threads: one of them gets it, and the others hear of the end.
pub fn rule_01_a_oneshot_goes_to_one_of_several() {
    for _ in 0..times(300) {
        let (s, r) = channel();
        let mut got = 0;
        thread::scope(|scope| {
            let receivers = [(); 3].map(|()| scope.spawn(|| r.recv_timeout(LONG)));
            s.send(5).expect("three wait for it");
            for receiver in receivers {
                got += receiver.join().expect("no panic").unwrap_or(0);
            }
        });
        assert_eq!(got, 5);
    }
}

/// Empty until it is sent, and Disconnected once it was taken.
pub fn rule_04_a_oneshot_answers_truly() {
    let (s, r) = channel();
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(r.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    assert!(!s.is_closed() && !r.is_closed() && !r.is_disconnected());
    s.send(7).expect("it is open");
    assert!(r.is_closed() && !r.is_disconnected());
    assert_eq!(r.try_recv(), Ok(7));
    assert!(r.is_disconnected());
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected));
    assert_eq!(r.recv(), Err(RecvError));
}

/// Of two threads that each send in one channel and then look into the other, one sees what the other has sent.
pub fn rule_04_two_oneshots_agree_on_what_came_first() {
    for _ in 0..times(5000) {
        let ((s, r), (other_s, other_r)) = (channel(), channel());
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                s.send(()).expect("it is open");
                other_r.try_recv()
            });
            other_s.send(()).expect("it is open");
            let second = r.try_recv();
            let first = first.join().expect("no panic");
            assert!(first.is_ok() || second.is_ok(), "neither came first");
        });
    }
}

/// A sender that goes without sending wakes its receiver.
pub fn rule_06_a_receiver_hears_that_no_oneshot_comes() {
    for way in WAYS {
        let (s, r) = channel::<u8>();
        let receiver = way.spawn(r);
        receiver.until_waiting();
        drop(s);
        assert_eq!(receiver.join(), Err(RecvError), "{way:?}");
    }
}

/// Without a receiver the message comes back; one left inside goes with the receiver at once.
pub fn rule_06_a_oneshot_comes_back_or_goes_at_once() {
    let ledger = Ledger::new(2);
    let (s, r) = channel();
    drop(r);
    assert!(s.is_closed());
    let refused = s.send(ledger.load(0)).expect_err("nobody receives it");
    assert_eq!(refused.into_inner().number(), 0);
    let (s, r) = channel();
    assert!(s.send(ledger.load(1)).is_ok());
    assert!(!ledger.is_dropped(1));
    drop(r);
    assert!(ledger.is_dropped(1));
    ledger.settle();
}

/// A send that races with close, or with the receiver's end, is received or returned.
pub fn rule_07_a_oneshot_that_races_with_close_is_received_or_returned() {
    for round in 0..times(3000) {
        let ledger = Ledger::new(1);
        let (s, r) = channel();
        let load = ledger.load(0);
        let sender = thread::spawn(move || s.send(load));
        let received = if round % 2 == 0 {
            r.close();
            r.try_recv().is_ok()
        } else {
            drop(r);
            false
        };
        let sent = sender.join().expect("no panic");
        if round % 2 == 0 {
            assert_eq!(sent.is_ok(), received);
        }
        drop(sent);
        ledger.settle();
    }
}

/// `close` keeps what was sent, says whether it made the difference, and wakes who waits for the message.
pub fn rule_07_a_oneshot_is_closed_by_its_receiver() {
    let (s, r) = channel();
    assert!(r.close());
    assert!(!r.close());
    assert!(s.is_closed() && r.is_disconnected());
    assert_eq!(s.send(1), Err(SendError(1)));
    let (s, r) = channel();
    s.send(2).expect("it is open");
    assert!(!r.close());
    assert_eq!(r.recv(), Ok(2));

    let (s, r) = channel::<u8>();
    let r = Arc::new(r);
    let other = r.clone();
    let waits = Host::Thread.spawn(async move { other.recv_timeout(LONG) });
    waits.until_waiting();
    assert!(r.close());
    assert_eq!(waits.join(), Err(RecvTimeoutError::Disconnected));
    drop(s);
}

/// The sender may wait until nobody wants the message: awaited, blocked, with a time limit and as an arm.
pub fn rule_08_the_end_of_a_oneshot_can_be_awaited() {
    for by_drop in [true, false] {
        for how in 0..4 {
            let (s, r) = channel::<u8>();
            let host = if how == 0 { Host::Tokio } else { Host::Thread };
            let sender = host.spawn(async move {
                match how {
                    0 => s.closed().await,
                    1 => s.closed().wait(),
                    2 => assert!(s.closed().wait_timeout(LONG)),
                    _ => {
                        let (closed, never) = (s.closed(), narrows::never::<u8>());
                        let mut select = Select::new();
                        let at = select.arm(&closed);
                        select.recv(&never);
                        let chosen = select.select();
                        assert_eq!(chosen.index(), at);
                        chosen.finish();
                    }
                }
                assert!(s.is_closed());
            });
            sender.until_waiting();
            if by_drop {
                drop(r);
            } else {
                r.close();
            }
            sender.join();
        }
    }
    let (s, _r) = channel::<u8>();
    assert!(!s.closed().wait_timeout(Duration::from_millis(1)));
}

/// A receive that is given up loses no message, and leaves no trace.
pub fn rule_13_a_dropped_receive_loses_no_oneshot() {
    let (s, r) = channel();
    let given_up = Hand::waiting(r.recv_async());
    let waiting = Hand::waiting(r.recv_async());
    s.send(3).expect("it is open");
    assert!(given_up.is_woken() && waiting.is_woken());
    drop(given_up);
    drop(waiting);
    assert_eq!(Hand::new(r.recv_async()).ready(), Ok(3));
}

/// A future that was forgotten keeps nobody else from the message.
pub fn rule_14_a_forgotten_receive_blocks_no_oneshot() {
    let (s, r) = channel();
    let mut forgotten = Box::pin(r.recv_async());
    assert!(poll(&mut forgotten, &Bell::new()).is_pending());
    std::mem::forget(forgotten);
    let waiting = Hand::waiting(r.recv_async());
    s.send(4).expect("it is open");
    assert_eq!(waiting.ready(), Ok(4));
}

/// Polled again and again it keeps one waker, the latest, and wakes no other.
pub fn rule_15_a_oneshot_wakes_the_latest_waker() {
    let (s, r) = channel();
    let mut future = r.recv_async();
    let bells: Vec<_> = (0..100).map(|_| Bell::new()).collect();
    for bell in &bells {
        for _ in 0..10 {
            assert!(poll(&mut future, bell).is_pending());
        }
    }
    let (last, others) = bells.split_last().expect("a hundred");
    assert!(others.iter().all(|bell| Arc::strong_count(bell) == 1), "an old waker is kept");
    s.send(()).expect("it is open");
    assert!(others.iter().all(|bell| bell.rings() == 0));
    assert_eq!(last.rings(), 1);
    assert_eq!(poll(&mut future, last), Poll::Ready(Ok(())));
}

/// Beside a channel with room and one without, the arm that is ready is chosen; a selector may be used again, and dropped
/// with its tickets out.
pub fn rule_16_a_oneshot_is_an_arm_of_a_select() {
    let (numbers, from_numbers) = narrows::unbounded();
    for round in 0..100 {
        let (s, r) = channel();
        let mut select = Select::new();
        let once = select.arm(&r);
        let number = select.recv(&from_numbers);
        assert!(select.try_select().is_err());
        assert!(select.try_ready().is_err());
        numbers.send(round).expect("it is open");
        let chosen = select.select();
        assert_eq!(chosen.index(), number);
        assert_eq!(chosen.recv(&from_numbers), Ok(round));
        assert!(select.select_timeout(Duration::ZERO).is_err());
        s.send(round).expect("it is open");
        assert_eq!(select.ready(), once);
        let chosen = select.select();
        assert_eq!(chosen.index(), once);
        chosen.finish();
        drop(select);
        assert_eq!(r.try_recv(), Ok(round));
    }
}

/// Selectors that are gone leave nothing behind, however many come and go while a message is awaited.
pub fn rule_16_dropped_selects_do_not_pile_up_at_a_oneshot() {
    let (s, r) = channel::<()>();
    let bell = Bell::new();
    for _ in 0..1000 {
        let mut select = Select::new();
        select.arm(&r);
        // Used more than once it leaves its ticket out.
        for _ in 0..3 {
            let mut future = Box::pin(select.select_async());
            let waker = Waker::from(bell.clone());
            let polled = future.as_mut().poll(&mut std::task::Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
    }
    assert!(Arc::strong_count(&bell) < 10, "{} wakers are kept", Arc::strong_count(&bell));
    s.send(()).expect("it is open");
}

/// Zero-sized, over-aligned and large messages, and one whose drop panics.
pub fn rule_21_oneshots_of_every_shape() {
    #[repr(align(128))]
    struct Aligned([u8; 128]);
    struct Loud(#[expect(dead_code, reason = "it is there to be freed")] Box<u8>);
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(thread::panicking(), "a loud drop");
        }
    }

    let (s, r) = channel();
    s.send(()).expect("it is open");
    assert_eq!(r.recv(), Ok(()));
    let (s, r) = channel();
    assert!(s.send(Aligned([3; 128])).is_ok());
    let message = r.recv().expect("it was sent");
    assert_eq!(std::ptr::from_ref(&message).addr() % 128, 0);
    assert_eq!(message.0, [3; 128]);
    let (s, r) = channel();
    assert!(s.send(Loud(Box::new(1))).is_ok());
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(r)));
    assert!(dropped.is_err());
}
