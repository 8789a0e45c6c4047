//! Arms whose handle is `None`.

use crate::{Log, SHORT, holding};
use narrows::{Receiver, RecvTimeoutError, Sender, bounded, select, select_biased, unbounded};
use std::thread;

#[test]
fn none_disables_an_arm_of_any_kind() {
    let taken = select_biased! {
        recv(None::<Receiver<u8>>) -> _ => 0,
        recv(None::<&Receiver<u8>>) -> _ => 1,
        send(None::<Sender<u8>>, 1) -> _ => 2,
        send(None::<&Sender<u8>>, 1) -> _ => 3,
        recv(holding(())) -> _ => 4,
    };
    assert_eq!(taken, 4);
}

#[test]
fn some_is_as_good_as_the_handle_itself() {
    let (sender, receiver) = bounded(1);
    select! { send(Some(&sender), 1) -> sent => sent.unwrap() }
    select! { recv(Some(&receiver)) -> message => assert_eq!(message, Ok(1)) }
    select! { send(Some(sender), 2) -> sent => sent.unwrap() }
    select! { recv(Some(receiver)) -> message => assert_eq!(message, Ok(2)) }
}

#[test]
fn without_an_enabled_arm_default_is_taken() {
    let none = None::<&Receiver<u8>>;
    assert_eq!(select! { recv(none) -> _ => 0, default => 1 }, 1);
    assert_eq!(select_biased! { recv(none) -> _ => 0, default(SHORT) => 1 }, 1);
}

#[test]
#[cfg_attr(miri, ignore = "leaves a thread behind")]
fn without_an_enabled_arm_or_default_it_waits_for_ever() {
    let (sender, receiver) = bounded::<()>(0);
    thread::spawn(move || {
        select! {
            recv(None::<&Receiver<u8>>) -> _ => {}
            send(None::<&Sender<u8>>, 1) -> _ => {}
        }
        drop(sender);
    });
    assert_eq!(receiver.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
}

#[test]
fn the_message_of_a_disabled_arm_is_not_evaluated_but_its_handle_is() {
    let log = Log::default();
    select! {
        send(log.note("handle", None::<Sender<u8>>), log.note("message", 1)) -> _ => unreachable!(),
        default => {}
    }
    assert_eq!(*log.0.borrow(), ["handle"]);
}

#[test]
fn a_body_may_disable_its_own_arm() {
    let (left, from_left) = unbounded();
    let (right, from_right) = unbounded();
    for number in 1..=10 {
        left.send(number).unwrap();
        right.send(number * 100).unwrap();
    }
    drop((left, right));

    let mut sum = 0;
    let (mut left, mut right) = (Some(from_left), Some(&from_right));
    while left.is_some() || right.is_some() {
        select! {
            recv(left) -> number => match number {
                Ok(number) => sum += number,
                Err(_) => left = None,
            },
            recv(right) -> number => match number {
                Ok(number) => sum += number,
                Err(_) => right = None,
            },
        }
    }
    assert_eq!(sum, 55 + 5500);
}
