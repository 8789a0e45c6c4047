//! What every channel promises, asked of the queue between processes: the rules are those of `narrows-test`, the same functions that
//! local channels are held to. Which rules differ, and why, is a table in README.md.

mod ends;

use ends::Shared::{self, Long, Short};
use narrows_test::deadline::{on_kinds, on_kinds_by};
use narrows_test::way;

/// In slots and in blocks.
const EVERY: &[Shared] = &[Short(1), Short(2), Short(3), Short(16), Long(1), Long(3)];

/// One place: nobody can be stopped at the place before.
const ONE: &[Shared] = &[Short(1), Long(1)];

/// One test for each way, over these kinds. There are no permits, and `select!` takes local channels only.
macro_rules! every_way {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $(mod $rule {
            every_way! { @ $module::$rule: $kinds;
                threads THREADS, tokio TOKIO, threads_to_tasks THREADS_TO_TASKS, tasks_to_threads TASKS_TO_THREADS,
                timed TIMED, select SELECT, select_async SELECT_ASYNC
            }
        })*
    };
    (@ $module:ident::$rule:ident: $kinds:ident; $($name:ident $way:ident),*) => {
        $(#[test]
        fn $name() {
            super::on_kinds_by(&super::way::$way, super::$kinds, narrows_test::$module::$rule);
        })*
    };
}

/// One test for each way in which threads sleep.
macro_rules! every_thread_way {
    ($($module:ident::$rule:ident;)*) => {
        $(mod $rule {
            every_way! { @ $module::$rule: EVERY; threads THREADS, timed TIMED, select SELECT }
        })*
    };
}

/// One test, over all kinds.
macro_rules! every_kind {
    ($($module:ident::$rule:ident;)*) => {
        $(#[test]
        fn $rule() {
            on_kinds(EVERY, narrows_test::$module::$rule);
        })*
    };
}

every_way! {
    delivery::rule_01_every_message_is_received_exactly_once: EVERY;
    delivery::rule_02_each_receiver_sees_each_sender_in_order: EVERY;
    delivery::rule_02_the_whole_channel_is_one_line: EVERY;
    histories::rule_02_every_history_is_linearizable: EVERY;
    delivery::rule_03_what_came_before_the_send_is_seen_after_the_receive: EVERY;
    delivery::rule_03_the_kth_receive_comes_before_the_k_plus_nth_send: EVERY;
    answers::rule_04_empty_is_never_said_after_a_send: ONE;
    answers::rule_04_full_is_never_said_after_a_receive: ONE;
    answers::rule_04_two_channels_agree_on_what_came_first: EVERY;
    pitfalls::pitfall_04_no_end_before_the_last_message: EVERY;
    answers::rule_05_the_capacity_is_never_exceeded: EVERY;
    ending::rule_06_receivers_drain_and_then_hear_the_end: EVERY;
    ending::rule_06_the_last_sender_wakes_every_receiver: EVERY;
    ending::rule_06_the_last_receiver_returns_what_waits: EVERY;
    closing::rule_07_either_end_closes_and_only_once: EVERY;
    closing::rule_07_close_wakes_every_receiver: EVERY;
    closing::rule_07_close_wakes_every_sender: EVERY;
    closing::rule_07_a_send_that_races_with_close_is_received_or_returned: EVERY;
    closing::rule_07_many_may_close_at_once: EVERY;
    waiting::rule_09_every_waiting_receiver_is_served: EVERY;
    waiting::rule_09_every_waiting_sender_is_served: EVERY;
    waiting::rule_09_ping_pong_never_stops: EVERY;
    waiting::rule_09_a_token_goes_round: EVERY;
    waiting::rule_10_a_latecomer_gets_its_turn: EVERY;
    timing::rule_12_a_timed_out_send_returns_its_message: EVERY;
    timing::pitfall_24_a_timed_out_receive_can_be_repeated: EVERY;
    cancelling::rule_13_impatient_tasks_lose_nothing: EVERY;
    cancelling::rule_13_impatient_sends_are_taken_or_dropped: EVERY;
    forgetting::rule_14_a_future_forgotten_in_a_box_blocks_nobody: EVERY;
    forgetting::rule_14_a_task_that_is_never_polled_keeps_one_wake_up: EVERY;
    selecting::rule_16_exactly_one_arm_happens: EVERY;
    memory::rule_22_the_last_handle_may_go_at_any_moment: EVERY;
}

every_thread_way! {
    waiting::rule_11_a_waiting_thread_uses_no_processor_time;
}

every_kind! {
    answers::rule_05_len_is_exact_on_a_still_channel;
    closing::pitfall_25_close_keeps_what_is_inside;
    waiting::rule_09_threads_and_tasks_wait_side_by_side;
    timing::rule_12_a_deadline_in_the_past_tries_once;
    timing::rule_12_a_timeout_is_no_earlier_than_said;
    timing::rule_12_the_longest_time_is_for_ever;
    cancelling::rule_13_a_dropped_receive_loses_no_message;
    cancelling::rule_13_a_dropped_send_sends_nothing;
    choosing::rule_16_the_choice_is_fair_over_time;
}
