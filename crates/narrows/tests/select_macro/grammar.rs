//! What may be written.

use crate::{LONG, SHORT, holding};
use narrows::{RecvError, SendError, Sender, bounded, never, select, select_biased};
use std::time::Instant;

#[test]
fn a_block_needs_no_comma_and_the_last_expression_none() {
    let (sender, receiver) = bounded(1);
    let first = select! {
        send(sender, 7) -> sent => { sent.unwrap(); 1 }
        recv(never::<u8>()) -> _ => { 2 },
        default => 3
    };
    assert_eq!(first, 1);
    select! { recv(receiver) -> message => assert_eq!(message, Ok(7)) }
}

#[test]
fn a_body_may_begin_with_a_block_and_go_on() {
    let length = select! {
        recv(holding("four")) -> word => { word.unwrap() }.len(),
        recv(never::<()>()) -> _ => if LONG > SHORT { 1 } else { 2 },
    };
    assert_eq!(length, 4);
}

#[test]
fn arguments_may_end_with_a_comma() {
    let (sender, receiver) = bounded(1);
    select! {
        send(sender, 1,) -> _ => {}
        default(LONG,) => unreachable!(),
    }
    select! { recv(receiver,) -> message => assert_eq!(message, Ok(1)) }
}

#[test]
fn default_is_written_in_three_ways_and_stands_anywhere() {
    let none = never::<()>();
    assert_eq!(select! { default => 1, recv(none) -> _ => 0 }, 1);
    assert_eq!(select! { recv(none) -> _ => 0, default() => { 2 } recv(none) -> _ => 0 }, 2);
    assert_eq!(select! { default(SHORT) => { 3 } recv(none) -> _ => { 0 } }, 3);
}

#[test]
fn default_may_stand_alone() {
    assert_eq!(select! { default => 1 }, 1);
    assert_eq!(select_biased! { default() => { 2 } }, 2);
    let start = Instant::now();
    select! { default(SHORT) => assert!(start.elapsed() >= SHORT) }
}

#[test]
fn nothing_at_all_is_an_endless_wait_of_any_type() {
    let endless: [fn() -> &'static str; 2] = [|| select! {}, || select_biased! {}];
    assert_ne!(endless.len(), 0);
}

#[test]
fn a_result_is_bound_by_any_pattern_that_let_takes() {
    select! { recv(holding(1)) -> _ => {} }
    select! { recv(holding(1)) -> mut message => { message = message.map(|n| n + 1); assert_eq!(message, Ok(2)); } }
    select! { recv(holding(1)) -> ref message => assert_eq!(message, &Ok(1)) }
    select! { recv(holding([1, 2])) -> (Ok(_) | Err(RecvError)) => {} }
}

#[test]
fn results_are_those_of_recv_and_send() {
    let (sender, receiver) = bounded::<String>(1);
    drop(receiver);
    select! {
        send(sender, "lost".to_owned()) -> sent => {
            let sent: Result<(), SendError<String>> = sent;
            assert_eq!(sent.unwrap_err().into_inner(), "lost");
        }
    }
    let closed = holding(());
    closed.recv().unwrap();
    select! { recv(closed) -> message => { let message: Result<(), RecvError> = message; assert!(message.is_err()) } }
}

#[test]
fn the_whole_has_the_type_of_its_bodies() {
    let none = never::<()>();
    let word: String = select! {
        recv(none) -> _ => "a".into(),
        recv(none) -> _ => panic!(),
        default => "b".to_owned(),
    };
    assert_eq!(word, "b");
}

#[test]
fn the_type_of_a_message_is_inferred_from_either_end() {
    let (sender, receiver) = bounded(1);
    select! { send(sender, ()) -> sent => sent.unwrap() }
    select! { recv(receiver) -> message => message.unwrap() }
}

#[test]
fn a_caller_may_write_arms_by_a_macro() {
    macro_rules! first_of {
        ($($receiver:expr => $pattern:pat => $body:block)*) => {
            select! { $(recv($receiver) -> $pattern => $body)* default => 0 }
        };
    }
    let none = never::<u8>();
    assert_eq!(first_of!(none => _ => { 1 } holding(5) => n => { n.unwrap() }), 5);
    assert_eq!(first_of!(none => _ => { 1 }), 0);
}

#[test]
fn a_body_may_hold_another_select() {
    let (sender, receiver) = bounded(1);
    let got = select! {
        send(sender, 1) -> _ => select! {
            recv(receiver) -> message => message,
            default => unreachable!(),
        },
    };
    assert_eq!(got, Ok(1));
}

#[test]
fn sixty_arms_fit() {
    macro_rules! after_idle_arms {
        ($($idle:tt)*) => {
            select_biased! {
                $(recv(never::<()>()) -> _ => $idle,)*
                recv(holding(())) -> _ => 60,
            }
        };
    }
    let taken = after_idle_arms!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
        30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58
    );
    assert_eq!(taken, 60);
}

#[test]
fn each_of_thirty_two_arms_runs_its_own_body() {
    macro_rules! place_of {
        ($ready:expr; $($arm:tt)*) => {
            select! { $(send(senders_of($ready, $arm), $arm) -> _ => $arm,)* }
        };
    }
    fn senders_of(ready: usize, arm: usize) -> Option<Sender<usize>> {
        (ready == arm).then(|| bounded(1).0)
    }
    for ready in 0..32 {
        let taken = place_of!(
            ready; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        );
        assert_eq!(taken, ready);
    }
}
