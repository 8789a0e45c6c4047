//! What a channel of the latest value shows to who looks at it, and what becomes of values and handles.
//!
//! What must not compile. Who looks at a value shares it, so it is to be `Sync`, too:
//!
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(narrows::watch::channel(std::cell::Cell::new(1)).0);
//! ```
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: &T) {}
//! sync(&narrows::watch::channel(std::cell::Cell::new(1)).1);
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::watch::channel(std::rc::Rc::new(1));
//! send(r.changed_async());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::watch::channel(std::cell::Cell::new(1));
//! send(r.borrow());
//! ```
//! A look, or a wait, is no longer than its handle:
//! ```compile_fail,E0505
//! let (_s, r) = narrows::watch::channel(1);
//! let look = r.borrow();
//! drop(r);
//! println!("{look:?}");
//! ```
//! And what is beside each of these compiles:
//! ```
//! fn send<T: Send>(_: T) {}
//! let (s, r) = narrows::watch::channel(1);
//! send(r.borrow());
//! send(r.changed_async());
//! send(r.wait_for_async(|_| true));
//! send(s.closed());
//! send((s, r));
//! ```

use crate::deadline::times;
use crate::hand::Hand;
use crate::load::Ledger;
use narrows::watch::{Receiver, Ref, Sender, channel};
use narrows::{RecvTimeoutError, SendError, TryRecvError};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

/// Each value is dropped once: when the next has taken its place and nobody looks at it any more.
pub fn rule_01_a_watched_value_is_dropped_once() {
    let ledger = Ledger::new(6);
    let (s, r) = channel(ledger.load(0));
    assert!(s.send(ledger.load(1)).is_ok());
    assert!(ledger.is_dropped(0) && !ledger.is_dropped(1), "nobody looked at it");
    let look = r.borrow();
    let other = s.borrow();
    assert!(s.send(ledger.load(2)).is_ok());
    assert!(s.send(ledger.load(3)).is_ok());
    assert!(ledger.is_dropped(2) && !ledger.is_dropped(1));
    assert_eq!((look.number(), r.borrow().number()), (1, 3));
    drop(look);
    assert!(!ledger.is_dropped(1), "another looks at it");
    drop(other);
    assert!(ledger.is_dropped(1));
    let replaced = s.replace(ledger.load(4)).unwrap_or_else(|_| panic!("it is open"));
    assert_eq!(Ref::try_unwrap(replaced).map(|load| load.number()).ok(), Some(3));
    drop(r);
    let refused = s.send(ledger.load(5)).expect_err("nobody is there");
    assert_eq!(refused.into_inner().number(), 5);
    assert!(!ledger.is_dropped(4), "it is the latest");
    drop(s);
    ledger.settle();
}

/// Under traffic, too: looks see whole values, never an older after a newer, and each is dropped once.
pub fn rule_02_looks_never_go_back() {
    const SENT: usize = times(2000);
    let ledger = Ledger::new(SENT + 1);
    let (s, r) = channel(ledger.load(0));
    thread::scope(|scope| {
        for receiver in [r.clone(), r] {
            scope.spawn(move || {
                let mut last = 0;
                let mut held = None;
                loop {
                    let look = receiver.borrow_and_update();
                    let number = look.number();
                    assert!(number >= last, "{number} after {last}");
                    last = number;
                    if number == SENT as u64 {
                        break;
                    }
                    // Every other one is held until the next.
                    held = (number % 2 == 0).then_some(look);
                }
                drop(held);
            });
        }
        for number in 1..=SENT as u64 {
            assert!(s.send(ledger.load(number)).is_ok());
        }
    });
    assert_eq!(ledger.alive(), 1);
    drop(s);
    ledger.settle();
}

/// Whether there is a change is answered truly, and looking is not seeing.
pub fn rule_04_a_watch_answers_truly() {
    let (s, r) = channel(1);
    assert!(!r.has_changed() && !s.is_closed() && !r.is_closed() && !r.is_disconnected());
    assert_eq!(r.try_changed(), Err(TryRecvError::Empty));
    assert_eq!(r.changed_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    assert_eq!(s.send(2), Ok(()));
    let seeing = r.clone();
    assert_eq!((*r.borrow(), *s.borrow(), r.has_changed()), (2, 2, true));
    assert_eq!(r.try_changed(), Ok(()));
    assert_eq!((r.has_changed(), r.try_changed()), (false, Err(TryRecvError::Empty)));
    assert!(seeing.has_changed(), "each sees for itself");
    assert_eq!((*seeing.borrow_and_update(), seeing.has_changed()), (2, false));
    assert!(!seeing.clone().has_changed(), "a clone has seen what its original had");
    assert_eq!(s.send(3), Ok(()));
    assert!(!s.subscribe().has_changed());
    assert_eq!((s.receiver_count(), seeing.has_changed()), (2, true));
    drop((seeing, r));
    assert_eq!(s.receiver_count(), 0);
}

/// Without a receiver a send gives its value back, and the next receiver begins with the latest.
pub fn rule_06_without_a_receiver_values_come_back() {
    let (s, r) = channel(1);
    drop(r);
    assert!(s.is_closed());
    assert_eq!(s.send(2), Err(SendError(2)));
    assert_eq!(*s.borrow(), 1);
    let r = s.subscribe();
    assert!(!s.is_closed() && !r.has_changed());
    assert_eq!((s.send(3), r.changed(), *r.borrow()), (Ok(()), Ok(()), 3));
}

/// A send that races with close is seen or returned.
pub fn rule_07_a_value_that_races_with_close_is_seen_or_returned() {
    for _ in 0..times(3000) {
        let (s, r) = channel(0);
        let sender = thread::spawn(move || s.send(1));
        r.close();
        let value = *r.borrow();
        assert_eq!(sender.join().expect("no panic").is_ok(), value == 1);
        assert_eq!(*r.borrow(), value, "nothing comes after the end");
    }
}

/// Handles are shared and sent if their values are, caught across a panic, shown without a value; futures may be moved.
pub fn rule_20_a_watch_is_as_shared_as_its_values() {
    /// It can be shared, but not shown.
    struct Bare;
    fn has_all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>(_: &T) {}
    fn is_safe<T: UnwindSafe + RefUnwindSafe>(_: &T) {}
    fn moves<T: Send + Unpin>(_: &T) {}
    let (s, r): (Sender<Bare>, Receiver<Bare>) = channel(Bare);
    has_all(&s);
    has_all(&r);
    moves(&s.borrow());
    moves(&s.closed());
    moves(&r.changed_async());
    let pinned = std::marker::PhantomPinned;
    moves(&r.wait_for_async(move |_| pinned == std::marker::PhantomPinned));
    assert!(!format!("{s:?} {r:?} {:?} {:?}", r.changed_async(), r.wait_for_async(|_| true)).is_empty());
    let local = channel(std::cell::Cell::new(1));
    is_safe(&local.0);
    is_safe(&local.1);
    assert_eq!(format!("{:?}", channel(5).0.borrow()), "5");
}

/// Zero-sized, over-aligned and borrowed values, and one whose drop panics: it was sent all the same, and who waits is woken.
pub fn rule_21_watched_values_of_every_shape() {
    #[repr(align(128))]
    struct Aligned([u8; 128]);
    struct Loud(bool);
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(!self.0, "a loud drop");
        }
    }

    let (s, r) = channel(());
    let look = r.borrow();
    assert_eq!((s.send(()), s.send(()), r.changed()), (Ok(()), Ok(()), Ok(())));
    drop(look);
    let (s, r) = channel(Aligned([1; 128]));
    assert!(s.send(Aligned([3; 128])).is_ok());
    assert_eq!((std::ptr::from_ref(&*r.borrow()).addr() % 128, r.borrow().0), (0, [3; 128]));
    let text = String::from("borrowed");
    let (s, r) = channel("");
    assert_eq!((s.send(text.as_str()), *r.borrow()), (Ok(()), "borrowed"));

    let (s, r) = channel(Loud(true));
    let waiting = Hand::waiting(r.changed_async());
    assert!(catch_unwind(AssertUnwindSafe(|| s.send(Loud(false)))).is_err());
    assert!(waiting.is_woken(), "before the old value is dropped");
    assert_eq!((waiting.ready(), r.borrow().0), (Ok(()), false));
    assert!(catch_unwind(AssertUnwindSafe(|| r.wait_for(|_| panic!("a loud judge")))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| s.update(|_| panic!("a loud maker")))).is_err());
    assert!(s.send(Loud(false)).is_ok());
    assert_eq!(r.changed(), Ok(()));
}

/// Handles come and go while others wait, look, send and close.
pub fn rule_22_handles_of_a_watch_may_go_at_any_moment() {
    for round in 0..times(500) {
        let ledger = Ledger::new(3);
        let (s, r) = channel(ledger.load(0));
        let (first, second, third) = (s.clone(), r.clone(), r.clone());
        let (one, two) = (ledger.load(1), ledger.load(2));
        thread::scope(|scope| {
            scope.spawn(move || drop(first.send(one)));
            scope.spawn(move || drop(s.replace(two)));
            scope.spawn(move || while second.changed().is_ok() {});
            scope.spawn(move || drop(third.wait_for(|load| load.number() == round as u64 % 3)));
            scope.spawn(move || drop((r.clone(), r.borrow())));
        });
        ledger.settle();
    }
}

/// A send without receivers keeps the value that was there, and one beside a look that lasts does not wait for it; nor does a
/// value that uses its own channel as it is dropped, or a closure that does while it is asked.
pub fn pitfall_23_a_look_that_lasts_holds_up_nobody() {
    struct Meddler(Option<(Sender<Meddler>, Receiver<Meddler>)>);
    impl Drop for Meddler {
        fn drop(&mut self) {
            if let Some((s, r)) = self.0.take() {
                drop((s.borrow(), r.borrow_and_update()));
                assert!(s.send(Meddler(None)).is_ok());
                s.close();
            }
        }
    }

    let (s, r) = channel(0);
    let looks = (s.borrow(), r.borrow(), r.borrow_and_update());
    assert_eq!((s.send(1), *r.borrow(), *looks.0), (Ok(()), 1, 0));
    // Asked again with the value that it has itself sent.
    let meddling = |n: &i32| (*n == 5 || s.send(5).is_ok()).then_some(*n);
    assert_eq!((s.update(meddling), *r.borrow()), (Ok(true), 5));
    assert_eq!(*r.wait_for(|n| *r.borrow() == *n && s.send(*n).is_ok()).expect("it is open"), 5);
    drop(looks);
    drop(r);
    assert_eq!((s.send(7), *s.borrow()), (Err(SendError(7)), 5));

    let (s, r) = channel(Meddler(None));
    let inside = (s.clone(), r.clone());
    assert!(s.send(Meddler(Some(inside))).is_ok());
    assert!(s.send(Meddler(None)).is_ok());
    assert!(r.is_closed() && r.borrow().0.is_none());
}
