//! Rules 16, 17 and 24: one arm of several, and what was chosen.

use narrows_test::{both_hosts, every_kind, every_way, once};

both_hosts! {
    selecting::rule_16_exactly_one_arm_happens: EVERY;
    selecting::rule_16_arms_may_repeat: EVERY;
    selecting::rule_16_a_select_never_meets_itself: ZERO;
}

every_way! {
    selecting::rule_16_the_other_arms_leave_no_trace: EVERY;
    selecting::rule_16_every_arm_wakes_the_select: EVERY;
    choosing::rule_16_ready_names_an_arm_that_can_go_on: EVERY;
    choosing::pitfall_18_an_ended_arm_can_be_put_aside: EVERY;
    selected::rule_24_a_message_given_back_wakes_a_receiver: BUFFERED;
    selected::rule_24_a_dropped_send_gives_its_place_back: FINITE;
    selected::rule_24_leaking_at_capacity_0_costs_one_peer_until_close: ZERO;
    selected::rule_24_giving_back_under_traffic_loses_nothing: BUFFERED;
}

every_kind! {
    choosing::rule_04_none_is_never_said_beside_a_ready_receive: BUFFERED;
    choosing::rule_04_none_is_never_said_beside_a_ready_send: FINITE;
    selecting::rule_16_a_dropped_select_leaves_no_trace: EVERY;
    selecting::pitfall_20_no_waker_outlives_a_select_future: EVERY;
    choosing::rule_16_the_choice_is_fair_over_time: BUFFERED;
    choosing::rule_16_a_biased_select_takes_the_first: BUFFERED;
    selected::rule_24_a_dropped_receive_gives_its_message_back: BUFFERED;
    selected::rule_24_what_is_given_back_is_in_its_old_order: BUFFERED;
    selected::rule_24_a_chosen_message_keeps_its_place: FINITE;
    selected::rule_24_no_second_panic_while_unwinding: BUFFERED;
    selected::rule_24_leaking_costs_one_message_or_place: BUFFERED;
    selected::rule_24_a_leaked_receive_does_not_put_off_the_end: BUFFERED;
    selected::rule_24_a_clone_may_finish: BUFFERED;
    selected::rule_24_a_reserving_arm_gives_a_permit: BUFFERED;
    selected::rule_24_what_was_chosen_before_the_end_is_finished_after_it: BUFFERED;
}

once! {
    choosing::rule_16_a_select_without_arms;
    arms::rule_17_a_reused_select_visits_only_what_is_ready;
    arms::rule_17_every_one_of_very_many_receivers_is_heard;
    arms::a_foreign_arm_wakes_a_select;
    arms::the_hook_runs_before_a_sleep;
}
