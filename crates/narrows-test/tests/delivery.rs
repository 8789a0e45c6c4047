//! Rules 1 to 5: every message once, in order, and true answers.

use narrows_test::{every_kind, every_way, once};

every_way! {
    delivery::rule_01_every_message_is_received_exactly_once: EVERY;
    delivery::rule_01_what_is_left_is_dropped_exactly_once: BUFFERED;
    delivery::rule_02_each_receiver_sees_each_sender_in_order: EVERY;
    delivery::rule_02_the_whole_channel_is_one_line: BUFFERED;
    delivery::rule_03_what_came_before_the_send_is_seen_after_the_receive: EVERY;
    delivery::rule_03_the_kth_receive_comes_before_the_k_plus_nth_send: BOUNDED;
    histories::rule_02_every_history_is_linearizable: FEW;
    answers::rule_04_empty_is_never_said_after_a_send: BUFFERED;
    answers::rule_04_full_is_never_said_after_a_receive: FINITE;
    answers::rule_04_two_channels_agree_on_what_came_first: BUFFERED;
    answers::rule_05_the_capacity_is_never_exceeded: EVERY;
    answers::rule_05_is_empty_and_is_full_keep_their_word: BUFFERED;
    answers::rule_05_a_rendezvous_is_empty_and_full: ZERO;
}

every_kind! {
    delivery::rule_01_what_is_left_is_dropped_after_the_sender: EVERY;
    delivery::rule_01_a_message_left_for_a_task_is_anyones: EVERY;
    delivery::rule_01_at_capacity_0_each_waiting_task_makes_room_for_one: ZERO;
    answers::rule_04_counts_agree_on_what_came_first: FINITE;
    answers::rule_04_a_held_permit_delays_nobody: LARGE;
    answers::rule_05_len_is_exact_on_a_still_channel: BUFFERED;
}

once! {
    answers::rule_05_the_largest_bound_works;
}
