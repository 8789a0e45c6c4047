//! What is evaluated, how often and when, and which arm is taken.

use crate::{LONG, Log, SHORT, holding};
use narrows::{Receiver, after, bounded, never, select, select_biased, unbounded};
use std::sync::{Arc, Mutex};

#[test]
fn handles_come_first_in_order_then_the_timeout_then_the_body() {
    let log = Log::default();
    let (sender, _receiver) = bounded::<u8>(0);
    select! {
        recv(log.note("first", never::<u8>())) -> _ => log.note("body", ()),
        default(log.note("timeout", SHORT)) => log.note("default", ()),
        send(log.note("second", &sender), log.note("message", 1)) -> _ => log.note("body", ()),
        recv(log.note("third", never::<u8>())) -> _ => log.note("body", ()),
    }
    assert_eq!(*log.0.borrow(), ["first", "second", "third", "timeout", "default"]);
}

#[test]
fn only_the_message_of_the_chosen_arm_is_evaluated() {
    let log = Log::default();
    let (full, _full) = bounded(0);
    let (free, _free) = bounded(1);
    select! {
        send(full, log.note("full", 1)) -> _ => unreachable!(),
        send(free, log.note("free", 1)) -> _ => {}
    }
    assert_eq!(*log.0.borrow(), ["free"]);
}

#[test]
fn what_an_arm_uses_up_is_moved_once() {
    let (a, b, c) = (Box::new(1), Box::new(2), Box::new(3));
    let (sender, _receiver) = unbounded();
    select! {
        send(sender, a) -> _ => drop(b),
        default => drop(c),
    }
    let make = move || sender;
    select! { send(make(), Box::new(4)) -> sent => sent.unwrap() }
}

#[test]
fn handles_may_be_temporaries() {
    select! { recv(after(SHORT)) -> now => assert!(now.is_ok()) }
    select! { recv(unbounded::<u8>().1) -> _ => unreachable!(), default => {} }
    let spare: [Receiver<u8>; 0] = [];
    select! { recv(spare.first().unwrap_or(&never())) -> _ => unreachable!(), default => {} }
    let shared = Mutex::new(holding(1));
    select! { recv(shared.lock().unwrap()) -> message => assert_eq!(message, Ok(1)) }
}

#[test]
fn a_message_keeps_no_lock_until_the_body() {
    let next = Mutex::new(1);
    let (sender, _receiver) = bounded(1);
    select! { send(sender, *next.lock().unwrap()) -> _ => assert!(next.try_lock().is_ok()) }
}

#[test]
fn handles_are_dereferenced_as_far_as_needed() {
    struct Mailbox(Receiver<u8>);
    impl std::ops::Deref for Mailbox {
        type Target = Receiver<u8>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }
    let (sender, receiver) = bounded(3);
    let (boxed, mut lent) = (Box::new(sender.clone()), sender.clone());
    select! { send(&&&sender, 1) -> _ => {} }
    select! { send(boxed, 2) -> _ => {} }
    select! { send(&mut lent, 3) -> _ => {} }
    select! { recv(Arc::new(receiver.clone())) -> message => assert_eq!(message, Ok(1)) }
    select! { recv(Mailbox(receiver.clone())) -> message => assert_eq!(message, Ok(2)) }
    let late = |handle| select! { recv(handle) -> message => message };
    assert_eq!(late(&receiver), Ok(3));
    select! { send(Some(&sender), 4) -> _ => {} }
    select! { recv(Some(&Some(&receiver))) -> message => assert_eq!(message, Ok(4)) }
}

#[test]
fn biased_takes_the_first_arm_that_is_ready() {
    let (sender, receiver) = bounded(100);
    for _ in 0..100 {
        select_biased! {
            recv(never::<u8>()) -> _ => unreachable!(),
            send(sender, 1) -> _ => {}
            recv(receiver) -> _ => unreachable!(),
            default(LONG) => unreachable!(),
        }
    }
    select_biased! { send(sender, 1) -> _ => unreachable!(), recv(receiver) -> _ => {} }
}

#[test]
fn unbiased_takes_every_arm_that_is_ready_at_some_time() {
    let (sender, receiver) = unbounded();
    sender.send(0).unwrap();
    let mut taken = [false; 2];
    while taken != [true; 2] {
        select! {
            recv(receiver) -> _ => { taken[0] = true; sender.send(0).unwrap(); }
            send(sender, 0) -> _ => taken[1] = true,
        }
    }
}
