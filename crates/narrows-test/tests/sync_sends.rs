//! Sends that return when their message is received.

use narrows_test::{every_kind, every_verb_way};

every_verb_way! {
    sync_sends::rule_01_impatient_synchronous_sends_lose_nothing: EVERY;
    sync_sends::rule_02_synchronous_sends_stand_in_line: EVERY;
    sync_sends::rule_03_a_synchronous_send_ends_with_the_receive: EVERY;
    sync_sends::rule_06_a_message_on_trial_comes_back_to_its_sender: BUFFERED;
    sync_sends::rule_06_a_synchronous_send_has_its_message_again: EVERY;
    sync_sends::rule_07_synchronous_sends_that_race_with_close: EVERY;
    sync_sends::rule_09_what_is_taken_back_makes_room: FINITE;
    sync_sends::rule_24_a_synchronous_send_ends_when_all_is_done: BUFFERED;
}

every_kind! {
    sync_sends::rule_05_asking_about_the_end_changes_no_count: WIDE;
    sync_sends::rule_12_a_synchronous_send_out_of_time_has_its_message: EVERY;
    sync_sends::rule_12_a_synchronous_send_tries_once: EVERY;
    sync_sends::rule_13_a_dropped_synchronous_send_leaves_no_gap: BUFFERED;
    sync_sends::rule_13_a_dropped_synchronous_send_wakes_the_next: FINITE;
    sync_sends::rule_24_giving_up_beside_what_is_chosen: BUFFERED;
}
