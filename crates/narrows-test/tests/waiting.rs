//! Rules 9 to 15: waiting, for ever, for a time, until given up.

use narrows_test::{every_kind, every_thread_way, every_way, once};

every_way! {
    waiting::rule_09_every_waiting_receiver_is_served: EVERY;
    waiting::rule_09_every_waiting_sender_is_served: BOUNDED;
    waiting::rule_09_ping_pong_never_stops: EVERY;
    waiting::rule_09_a_token_goes_round: EVERY;
    waiting::rule_10_threads_are_woken_in_order: EVERY;
    waiting::rule_10_a_latecomer_gets_its_turn: EVERY;
    timing::rule_12_one_try_meets_a_peer_that_waits: ZERO;
    timing::rule_12_a_timed_out_send_returns_its_message: EVERY;
    timing::pitfall_24_a_timed_out_receive_can_be_repeated: EVERY;
    cancelling::rule_13_a_dropped_receive_passes_its_wake_up_on: EVERY;
    cancelling::rule_13_a_dropped_send_passes_its_wake_up_on: FINITE;
    cancelling::rule_13_impatient_tasks_lose_nothing: EVERY;
    cancelling::rule_13_impatient_sends_are_taken_or_dropped: EVERY;
    forgetting::rule_14_a_forgotten_future_blocks_nobody: EVERY;
    forgetting::rule_14_a_future_forgotten_in_a_box_blocks_nobody: EVERY;
    forgetting::rule_14_a_task_that_is_never_polled_keeps_one_wake_up: EVERY;
}

every_thread_way! {
    waiting::rule_11_a_waiting_thread_uses_no_processor_time: FEW;
}

every_kind! {
    waiting::rule_09_threads_and_tasks_wait_side_by_side: EVERY;
    waiting::rule_10_tasks_are_woken_in_order: EVERY;
    waiting::rule_10_no_task_is_passed_over_for_good: BOUNDED;
    waiting::rule_10_senders_are_woken_in_order: BOUNDED;
    waiting::rule_10_a_task_that_found_nothing_keeps_its_place: EVERY;
    waiting::rule_09_a_task_may_go_on_with_one_of_two: FINITE;
    waiting::rule_09_a_message_that_waited_wakes_a_receiver: FINITE;
    waiting::rule_10_a_sender_that_found_no_room_keeps_its_place: FINITE;
    timing::rule_12_a_deadline_in_the_past_tries_once: EVERY;
    timing::rule_12_a_timeout_is_no_earlier_than_said: EVERY;
    timing::rule_12_the_longest_time_is_for_ever: EVERY;
    cancelling::rule_13_a_dropped_receive_loses_no_message: EVERY;
    cancelling::rule_13_a_dropped_receive_hides_no_other: ZERO;
    cancelling::rule_13_a_dropped_send_sends_nothing: BOUNDED;
    cancelling::rule_13_a_send_that_was_taken_stays_sent: BOUNDED;
    cancelling::rule_13_reserving_first_never_loses_the_message: BOUNDED;
    forgetting::rule_15_only_the_latest_waker_is_woken: EVERY;
    forgetting::pitfall_20_no_waker_outlives_its_future: EVERY;
    forgetting::pitfall_26_a_rendezvous_send_ends_with_the_hand_over: ZERO;
    forgetting::pitfall_27_a_polled_future_may_move: EVERY;
}

once! {
    timing::rule_12_clocks_strike_when_they_should;
}

mod rule_12_clocks_can_be_awaited {
    use narrows_test::{deadline::within, timing, way};

    #[test]
    fn every_way() {
        for way in way::WAYS {
            within(way.name, || timing::rule_12_clocks_can_be_awaited(way));
        }
    }
}
