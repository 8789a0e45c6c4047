//! A channel of the latest value keeps the same promises, in every way of waiting for it.

use crate::actor::{Actor, Host};
use crate::deadline::{times, until};
use crate::hand::{Bell, Hand, poll};
use crate::receiving::{LONG, WAYS, Way};
use narrows::watch::{Receiver, Ref, channel};
use narrows::{RecvError, RecvTimeoutError, Select, SendError, TryRecvError};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

impl Way {
    async fn changed<T: Send + Sync>(self, r: &Receiver<T>) -> Result<(), RecvError> {
        match self {
            Way::Blocked => r.changed(),
            Way::Timed => r.changed_timeout(LONG).map_err(in_time),
            Way::OnPool | Way::OnTokio => r.changed_async().await,
            Way::Selected => {
                let mut select = Select::new();
                select.arm(r);
                select.select().finish();
                r.try_changed().map_err(disconnected)
            }
            Way::Macro => narrows::select! {
                recv(r) -> changed => changed,
                recv(narrows::never::<T>()) -> _ => unreachable!("it is never ready"),
            },
            Way::SelectAwaited => {
                let mut select = Select::new();
                select.arm(r);
                select.select_async().await.finish();
                r.try_changed().map_err(disconnected)
            }
        }
    }

    async fn wait_for<T: Send + Sync>(
        self,
        r: &Receiver<T>,
        mut is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        match self {
            Way::Blocked => r.wait_for(is_wanted),
            Way::Timed => r.wait_for_timeout(is_wanted, LONG).map_err(in_time),
            Way::OnPool | Way::OnTokio => r.wait_for_async(is_wanted).await,
            Way::Selected | Way::Macro | Way::SelectAwaited => loop {
                let value = r.borrow_and_update();
                if is_wanted(&value) {
                    return Ok(value);
                }
                self.changed(r).await?;
            },
        }
    }

    fn spawn_changed<T: Send + Sync + 'static>(self, r: Receiver<T>) -> Actor<Result<(), RecvError>> {
        self.host().spawn(async move { self.changed(&r).await })
    }
}

fn in_time(why: RecvTimeoutError) -> RecvError {
    assert_eq!(why, RecvTimeoutError::Disconnected, "an hour has not passed");
    RecvError
}

fn disconnected(why: TryRecvError) -> RecvError {
    assert_eq!(why, TryRecvError::Disconnected, "the arm was chosen");
    RecvError
}

/// What the sender did before is seen by who has seen the change.
pub fn rule_03_what_came_before_a_change_is_seen_after_it() {
    for way in WAYS {
        for _ in 0..times(200) {
            let (s, r) = channel(Box::new(String::new()));
            let receiver = way.host().spawn(async move {
                way.changed(&r).await?;
                Ok::<_, RecvError>(r.borrow().to_string())
            });
            assert!(s.send(Box::new(String::from("before"))).is_ok());
            assert_eq!(receiver.join().as_deref(), Ok("before"), "{way:?}");
        }
    }
}

/// Of two threads that each send in one and then look into the other, one sees what the other has sent.
pub fn rule_04_two_watches_agree_on_what_came_first() {
    for _ in 0..times(5000) {
        let ((s, r), (other_s, other_r)) = (channel(0), channel(0));
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                assert_eq!(s.send(1), Ok(()));
                other_r.has_changed()
            });
            assert_eq!(other_s.send(1), Ok(()));
            let second = r.has_changed();
            let first = first.join().expect("no panic");
            assert!(first || second, "neither came first");
        });
    }
}

/// When the last sender goes, who waits is woken; a change that was not seen is seen first.
pub fn rule_06_a_last_change_is_seen_before_the_end() {
    for way in WAYS {
        let (s, r) = channel(1);
        let other = s.clone();
        let receiver = way.spawn_changed(r);
        receiver.until_waiting();
        drop(s);
        assert!(!receiver.is_done(), "{way:?}: there is another sender");
        drop(other);
        assert_eq!(receiver.join(), Err(RecvError), "{way:?}");

        let (s, r) = channel(1);
        assert_eq!(s.send(2), Ok(()));
        drop(s);
        let seen = way.host().spawn(async move {
            let first = way.changed(&r).await;
            (first, *r.borrow(), way.changed(&r).await, r.is_disconnected())
        });
        assert_eq!(seen.join(), (Ok(()), 2, Err(RecvError), true), "{way:?}");
    }
}

/// `close` may be called from either end: the latest value is the last, and who waits hears of it.
pub fn rule_07_either_end_closes_a_watch() {
    for way in WAYS {
        for by_sender in [true, false] {
            let (s, r) = channel(1);
            let own = r.clone();
            let receiver = way.spawn_changed(r);
            receiver.until_waiting();
            assert!(if by_sender { s.close() } else { own.close() });
            assert!(!s.close() && !own.close());
            assert_eq!(receiver.join(), Err(RecvError), "{way:?}");
            assert!(s.is_closed() && own.is_closed() && own.is_disconnected());
            assert_eq!(s.send(2), Err(SendError(2)));
            assert_eq!(s.replace(2).err(), Some(SendError(2)));
            assert_eq!(s.update(|n| Some(n + 1)), Err(SendError(2)));
            assert_eq!((*own.borrow(), s.subscribe().is_disconnected()), (1, true));
        }
    }
}

/// A sender may wait until nobody is there to look: awaited, blocked, with a time limit and as an arm.
pub fn rule_08_the_end_of_a_watch_can_be_awaited() {
    for by_drop in [true, false] {
        for how in 0..4 {
            let (s, r) = channel(1);
            let host = if how == 0 { Host::Tokio } else { Host::Thread };
            let sender = host.spawn(async move {
                match how {
                    0 => s.closed().await,
                    1 => s.closed().wait(),
                    2 => assert!(s.closed().wait_timeout(LONG)),
                    _ => {
                        let closed = s.closed();
                        let mut select = Select::new();
                        select.arm(&closed);
                        select.select().finish();
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
    let (s, r) = channel(1);
    assert!(!s.closed().wait_timeout(Duration::from_millis(1)));
    let waiting = Hand::waiting(r.closed());
    drop(s);
    waiting.ready();
}

/// Again and again: everyone who waits hears of each change, for the mark that somebody waits is made anew each time.
pub fn rule_09_every_waiting_receiver_hears_of_every_change() {
    for way in WAYS {
        let (s, r) = channel(0);
        let (echo, heard) = narrows::unbounded();
        let receivers: Vec<_> = [r.clone(), r.clone(), r]
            .map(|r| {
                let echo = echo.clone();
                way.host().spawn(async move {
                    while way.changed(&r).await.is_ok() {
                        let value = *r.borrow();
                        echo.send_async(value).await.expect("it is open");
                    }
                })
            })
            .into();
        for round in 1..times(100) {
            assert_eq!(s.send(round), Ok(()));
            for _ in &receivers {
                assert_eq!(heard.recv(), Ok(round), "{way:?}");
            }
        }
        drop(s);
        receivers.into_iter().for_each(Actor::join);
    }
}

/// Who waits for a value gets it, whoever sends it, also where the senders never wait.
pub fn rule_09_who_waits_for_a_value_gets_it() {
    for way in WAYS {
        for waits_first in [true, false] {
            let (s, r) = channel(0);
            let receiver = way.host().spawn(async move {
                let found = *way.wait_for(&r, |n| *n >= 1000).await.expect("it comes");
                (found, r.has_changed(), way.wait_for(&r, |n| *n > 1000).await.is_err())
            });
            if waits_first {
                receiver.until_waiting();
            }
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| (0..500).for_each(|_| assert_eq!(s.update(|n| Some(n + 1)), Ok(true))));
                }
            });
            assert_eq!(s.update(|_| None), Ok(false));
            drop(s);
            assert_eq!(receiver.join(), (1000, false, true), "{way:?}: no update is lost");
        }
    }
}

/// Of threads that share a receiver one may have seen what another waits for: it gets it all the same.
pub fn rule_09_a_shared_receiver_misses_no_wanted_value() {
    for host in [Host::Thread, Host::Tokio] {
        let (s, r) = channel(0);
        let r = Arc::new(r);
        let other = Arc::clone(&r);
        let waits = host.spawn(async move {
            match host {
                Host::Thread => other.wait_for(|n| *n == 1).map(|n| *n),
                _ => other.wait_for_async(|n| *n == 1).await.map(|n| *n),
            }
        });
        waits.until_waiting();
        // Seen before who waits can look.
        let seen = r.clone();
        let sees = thread::spawn(move || until("it is seen", || *seen.borrow_and_update() == 1));
        assert_eq!(s.send(1), Ok(()));
        sees.join().expect("no panic");
        assert_eq!(waits.join(), Ok(1));
    }
}

/// A deadline in the past tries once, the longest time is for ever, and a sender that never rests does not put off the end.
pub fn rule_12_a_watch_is_waited_for_in_time() {
    let (s, r) = channel(0);
    let past = Instant::now();
    assert_eq!(r.changed_deadline(past), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.wait_for_deadline(|n| *n == 0, past).as_deref(), Ok(&0));
    assert_eq!(r.wait_for_deadline(|n| *n == 1, past).err(), Some(RecvTimeoutError::Timeout));
    assert_eq!(s.send(1), Ok(()));
    assert_eq!(r.changed_deadline(past), Ok(()));
    let (mut asked, mut next) = (0, 2);
    let never = r.wait_for_deadline(
        |_| {
            (asked, next) = (asked + 1, next + 1);
            assert_eq!(s.send(next), Ok(()));
            false
        },
        past,
    );
    assert_eq!((never.err(), asked), (Some(RecvTimeoutError::Timeout), 1));
    let late = r.wait_for_timeout(|_| s.send(0).is_err(), Duration::from_millis(1));
    assert_eq!(late.err(), Some(RecvTimeoutError::Timeout));

    drop(r.borrow_and_update());
    let waits = Host::Thread.spawn(async move { r.changed_timeout(Duration::MAX) });
    waits.until_waiting();
    assert_eq!(s.send(5), Ok(()));
    assert_eq!(waits.join(), Ok(()));
}

/// A wait that is given up leaves the change to the next.
pub fn rule_13_a_dropped_wait_loses_no_change() {
    let (s, r) = channel(0);
    let given_up = Hand::waiting(r.changed_async());
    let waiting = Hand::waiting(r.changed_async());
    let wanted = Hand::waiting(r.wait_for_async(|n| *n == 1));
    assert_eq!(s.send(1), Ok(()));
    assert!(given_up.is_woken() && waiting.is_woken() && wanted.is_woken());
    drop(given_up);
    drop(waiting);
    assert_eq!(Hand::new(r.changed_async()).ready(), Ok(()));
    assert_eq!(wanted.ready().as_deref(), Ok(&1));
    let gone = Hand::waiting(r.changed_async());
    let bell = gone.bell();
    drop(gone);
    assert_eq!((Arc::strong_count(&bell), s.send(2), bell.rings()), (1, Ok(()), 0));
}

/// A future that was forgotten keeps nobody else from a change.
pub fn rule_14_a_forgotten_wait_blocks_no_change() {
    let (s, r) = channel(0);
    let mut forgotten = Box::pin(r.changed_async());
    assert!(poll(&mut forgotten, &Bell::new()).is_pending());
    std::mem::forget(forgotten);
    for value in 1..10 {
        let waiting = Hand::waiting(r.changed_async());
        assert_eq!(s.send(value), Ok(()));
        assert_eq!(waiting.ready(), Ok(()));
    }
}

/// Polled again and again it keeps one waker, the latest, and wakes no other.
pub fn rule_15_a_watch_wakes_the_latest_waker() {
    let (s, r) = channel(0);
    for value in 1..4 {
        let mut changed = r.changed_async();
        let mut wanted = r.wait_for_async(|n| *n == value);
        let bells: Vec<_> = (0..100).map(|_| Bell::new()).collect();
        for bell in &bells {
            for _ in 0..10 {
                assert!(poll(&mut changed, bell).is_pending() && poll(&mut wanted, bell).is_pending());
            }
        }
        let (last, others) = bells.split_last().expect("a hundred");
        assert!(others.iter().all(|bell| Arc::strong_count(bell) == 1), "an old waker is kept");
        assert_eq!(s.send(value), Ok(()));
        assert!(others.iter().all(|bell| bell.rings() == 0));
        assert_eq!(last.rings(), 2);
        assert_eq!(poll(&mut changed, last), Poll::Ready(Ok(())));
        assert!(matches!(poll(&mut wanted, last), Poll::Ready(Ok(found)) if *found == value));
    }
}

/// Beside a channel the arm that is ready is chosen; a selector is used again and again, and the change stays until it is seen.
pub fn rule_16_a_watch_is_an_arm_of_a_select() {
    let (numbers, from_numbers) = narrows::unbounded();
    let (s, r) = channel(0);
    let mut select = Select::new();
    let watch = select.arm(&r);
    let number = select.recv(&from_numbers);
    for round in 1..100 {
        assert!(select.try_select().is_err());
        assert!(select.try_ready().is_err());
        numbers.send(round).expect("it is open");
        let chosen = select.select();
        assert_eq!(chosen.index(), number);
        assert_eq!(chosen.recv(&from_numbers), Ok(round));
        assert!(select.select_timeout(Duration::ZERO).is_err());
        assert_eq!(s.send(round), Ok(()));
        for _ in 0..3 {
            assert_eq!(select.ready(), watch);
            let chosen = select.select();
            assert_eq!(chosen.index(), watch);
            chosen.finish();
        }
        assert_eq!(*r.borrow_and_update(), round);
    }
    drop(s);
    assert_eq!(select.ready(), watch, "the end is news, too");
}

/// `select!` says what happened, and marks it as seen.
pub fn rule_16_a_selected_change_has_been_seen() {
    let (s, r) = channel(0);
    let choose = || {
        narrows::select! {
            recv(r) -> changed => Some(changed),
            default => None,
        }
    };
    assert_eq!(choose(), None);
    assert_eq!((s.send(1), r.has_changed()), (Ok(()), true));
    assert_eq!((choose(), r.has_changed(), choose()), (Some(Ok(())), false, None));
    assert_eq!(s.send(2), Ok(()));
    drop(s);
    assert_eq!((choose(), choose(), choose()), (Some(Ok(())), Some(Err(RecvError)), Some(Err(RecvError))));
}

/// Selectors that are gone leave nothing behind, however many come and go while a change is awaited.
pub fn rule_16_dropped_selects_do_not_pile_up_at_a_watch() {
    let (s, r) = channel(0);
    let bell = Bell::new();
    for _ in 0..1000 {
        let mut select = Select::new();
        select.arm(&r);
        for _ in 0..3 {
            let mut future = Box::pin(select.select_async());
            let waker = Waker::from(bell.clone());
            assert!(future.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        }
    }
    assert!(Arc::strong_count(&bell) < 10, "{} wakers are kept", Arc::strong_count(&bell));
    assert_eq!(s.send(1), Ok(()));
}
