//! What a body may do: leave, move, assign, await, and use any name.

use crate::{LONG, SHORT, holding};
use narrows::{Receiver, RecvError, Sender, bounded, never, select, unbounded};
use std::{
    future::{Future, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
};

#[test]
fn bodies_break_continue_and_return() {
    fn sum_until(receiver: &Receiver<i32>, end: i32) -> i32 {
        let mut sum = 0;
        'outer: loop {
            while sum >= 0 {
                select! {
                    recv(receiver) -> number => match number {
                        Ok(0) => continue 'outer,
                        Ok(number) if number < 0 => break,
                        Ok(number) if number == end => return sum,
                        Ok(number) => sum += number,
                        Err(_) => break 'outer,
                    },
                    default => unreachable!(),
                }
            }
            sum += 1000;
        }
        -sum
    }

    let (sender, receiver) = unbounded();
    for number in [1, 0, 2, -1, 3, 99, 4] {
        sender.send(number).unwrap();
    }
    drop(sender);
    assert_eq!(sum_until(&receiver, 99), 1006);
    assert_eq!(sum_until(&receiver, 99), -4);
}

#[test]
fn every_kind_of_arm_leaves_a_loop() {
    let (sender, receiver) = bounded(3);
    loop {
        select! { send(sender, 1) -> _ => if sender.is_full() { break }, default => unreachable!() }
    }
    loop {
        select! { recv(receiver) -> _ => if receiver.len() == 1 { break }, default => unreachable!() }
    }
    let mut left = 0;
    let value = loop {
        select! { recv(receiver) -> _ => left += 1, default(SHORT) => break left * 10 }
    };
    assert_eq!(value, 10);
}

#[test]
fn the_question_mark_leaves_the_function() {
    fn next(receiver: &Receiver<u8>) -> Result<u8, RecvError> {
        let number = select! { recv(receiver) -> number => number?, default(LONG) => 0 };
        Ok(number + 1)
    }
    let receiver = holding(1);
    assert_eq!(next(&receiver), Ok(2));
    assert_eq!(next(&receiver), Err(RecvError));
}

#[test]
fn a_body_may_move_what_its_arms_named() {
    let (sender, receiver) = bounded::<String>(0);
    select! {
        recv(receiver) -> _ => drop(receiver),
        send(sender, String::new()) -> _ => drop(sender),
        default => drop((sender, receiver)),
    }
    let (sender, receiver) = bounded::<String>(0);
    select! {
        recv(receiver) -> _ => drop(receiver),
        default(SHORT) => drop((sender, receiver)),
    }
    let receiver = holding(1);
    select! { recv(receiver) -> message => drop((message, receiver)) }
}

#[test]
fn a_body_may_assign_what_its_arms_named() {
    let mut receiver = holding(1);
    select! { recv(receiver) -> message => receiver = holding(message.unwrap() + 1) }
    select! { recv(receiver) -> message => assert_eq!(message, Ok(2)) }
    let mut receiver = never();
    select! { recv(receiver) -> _ => unreachable!(), default => receiver = holding(3) }
    assert_eq!(receiver.recv(), Ok(3));
}

#[test]
fn a_body_may_await_in_a_future_that_is_sent() {
    fn finish(future: impl Future<Output = u8> + Send) -> u8 {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!(),
        }
    }
    let (sender, receiver) = bounded(1);
    let sum = finish(async {
        let first = select! {
            send(sender, 1) -> _ => ready(1).await,
            recv(receiver) -> _ => ready(2).await,
        };
        let second = select! {
            recv(never::<u8>()) -> _ => ready(10).await,
            default => ready(20).await,
        };
        first + second
    });
    assert_eq!(sum, 21);
}

#[test]
fn names_of_the_expansion_are_not_those_of_the_caller() {
    let (handle, result) = bounded(1);
    let (arms, chosen, operation, index) = (1, 2, 3, 4);
    select! {
        send(handle, arms + chosen + operation + index) -> index => {
            index.unwrap();
            assert_eq!((arms, chosen, operation), (1, 2, 3));
        }
    }
    select! {
        recv(result) -> handle => {
            assert_eq!(handle, Ok(10));
            assert_eq!((arms, chosen, operation, index), (1, 2, 3, 4));
            assert!(result.is_empty());
        }
    }
}

mod bare {
    #![no_implicit_prelude]

    /// The expansion looks for nothing here.
    pub(crate) mod core {}

    pub(crate) fn pass(sender: &::narrows::Sender<u8>, receiver: &::narrows::Receiver<u8>) -> u8 {
        ::narrows::select! { send(sender, 1) -> _ => {} }
        ::narrows::select_biased! {
            recv(receiver) -> message => message.unwrap(),
            default(::std::time::Duration::ZERO) => 2,
        }
    }
}

#[test]
fn the_expansion_needs_no_name_in_scope() {
    let (sender, receiver) = bounded(1);
    assert_eq!(bare::pass(&sender, &receiver), 1);
}

#[test]
fn a_select_that_waits_is_woken_by_any_of_its_arms() {
    let (numbers, from_numbers): (Sender<u8>, _) = bounded(0);
    let (words, from_words): (_, Receiver<&str>) = bounded(0);
    thread::scope(|scope| {
        for turn in 0..10 {
            let (numbers, from_words) = (&numbers, &from_words);
            scope.spawn(move || match turn % 2 {
                0 => numbers.send(turn).unwrap(),
                _ => assert_eq!(from_words.recv(), Ok("word")),
            });
            select! {
                recv(from_numbers) -> number => assert_eq!(number, Ok(turn)),
                send(words, "word") -> sent => { sent.unwrap(); assert_eq!(turn % 2, 1); }
            }
        }
    });
}
