//! What every channel promises, asked of it on light tasks: the rules are those of `narrows-test`, a part of them. Two workers, so
//! that tasks both follow each other and run at the same time.

use std::sync::OnceLock;

use narrows_task::Runtime;
use narrows_test::{
    actor::set_guest,
    deadline::on_kinds_by,
    kind::{
        Kind::{self, Bounded, Unbounded},
        ZERO,
    },
    way::{self, Way},
};

const FEW: &[Kind] = &[Bounded(0), Bounded(1), Bounded(3), Unbounded];
const STORING: &[Kind] = &[Bounded(1), Bounded(3), Unbounded];
const FULL: &[Kind] = &[Bounded(0), Bounded(1), Bounded(3)];

fn check(way: &'static Way, kinds: &[Kind], rule: fn(Kind, &'static Way)) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    set_guest(|life| RUNTIME.get_or_init(|| crate::runtime(2)).go(life).detach());
    on_kinds_by(way, kinds, rule);
}

/// One test for each rule and each of these ways.
macro_rules! guests {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $(mod $rule {
            guests! { @ $module::$rule: $kinds;
                guests GUESTS, threads_to_guests THREADS_TO_GUESTS, guests_to_threads GUESTS_TO_THREADS,
                select_guests SELECT_GUESTS
            }
        })*
    };
    (@ $module:ident::$rule:ident: $kinds:ident; $($name:ident $way:ident),*) => {
        $(#[test]
        fn $name() {
            super::check(&super::way::$way, super::$kinds, narrows_test::$module::$rule);
        })*
    };
}

/// The same for tasks that block.
macro_rules! blocking_guests {
    ($($module:ident::$rule:ident;)*) => {
        mod blocking {
            $(#[test]
            fn $rule() {
                super::check(&super::way::BLOCKING_GUESTS, super::FEW, narrows_test::$module::$rule);
            })*
        }
    };
}

guests! {
    delivery::rule_01_every_message_is_received_exactly_once: FEW;
    delivery::rule_02_each_receiver_sees_each_sender_in_order: FEW;
    histories::rule_02_every_history_is_linearizable: FEW;
    pitfalls::pitfall_04_no_end_before_the_last_message: STORING;
    ending::rule_06_receivers_drain_and_then_hear_the_end: FEW;
    ending::rule_06_the_last_sender_wakes_every_receiver: FEW;
    ending::rule_06_the_last_receiver_returns_what_waits: FULL;
    closing::rule_07_close_wakes_every_receiver: FEW;
    closing::rule_07_a_send_that_races_with_close_is_received_or_returned: FEW;
    waiting::rule_09_every_waiting_receiver_is_served: FEW;
    waiting::rule_09_every_waiting_sender_is_served: FULL;
    waiting::rule_09_ping_pong_never_stops: FEW;
    waiting::rule_09_a_token_goes_round: FEW;
    timing::rule_12_one_try_meets_a_peer_that_waits: ZERO;
    cancelling::rule_13_impatient_tasks_lose_nothing: FEW;
    selecting::rule_16_exactly_one_arm_happens: FEW;
}

blocking_guests! {
    delivery::rule_01_every_message_is_received_exactly_once;
    delivery::rule_02_each_receiver_sees_each_sender_in_order;
    delivery::rule_03_what_came_before_the_send_is_seen_after_the_receive;
    waiting::rule_09_ping_pong_never_stops;
    waiting::rule_09_a_token_goes_round;
}
