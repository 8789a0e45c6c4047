//! Rules 6 to 8: how channels end, and who hears of it.

use narrows_test::{every_kind, every_way};

every_way! {
    ending::rule_06_receivers_drain_and_then_hear_the_end: EVERY;
    ending::rule_06_the_last_sender_wakes_every_receiver: EVERY;
    ending::rule_06_the_last_receiver_returns_what_waits: BOUNDED;
    ending::rule_06_messages_go_with_the_last_receiver_at_once: EVERY;
    ending::pitfall_10_a_reply_left_in_the_buffer_hangs_nobody: BUFFERED;
    closing::rule_07_either_end_closes_and_only_once: EVERY;
    closing::rule_07_close_wakes_every_receiver: EVERY;
    closing::rule_07_close_wakes_every_sender: BOUNDED;
    closing::rule_07_close_now_leaves_waiting_messages_to_their_senders: BOUNDED;
    closing::rule_07_a_send_that_races_with_close_is_received_or_returned: EVERY;
    closing::rule_07_many_may_close_at_once: EVERY;
    closing::rule_08_the_end_can_be_awaited: EVERY;
    closing::rule_08_the_end_is_an_arm_of_a_select: EVERY;
}

every_kind! {
    ending::rule_06_a_panicking_drop_spares_no_other: BUFFERED;
    ending::rule_06_a_panic_that_panics_spares_no_other: BUFFERED;
    ending::rule_06_a_message_given_back_is_dropped_as_the_rest: BUFFERED;
    ending::rule_06_a_waker_that_panics_spares_no_other: EVERY;
    ending::rule_06_a_message_may_use_its_channel_while_it_is_dropped: BUFFERED;
    ending::rule_06_iterators_end_where_they_should: BUFFERED;
    ending::rule_06_weak_handles_hold_nothing_open: EVERY;
    ending::pitfall_10_the_last_receiver_goes_inside_a_drop: BOUNDED;
    closing::pitfall_25_close_keeps_what_is_inside: BUFFERED;
    closing::rule_07_close_now_returns_what_is_left: EVERY;
    closing::rule_07_close_now_comes_before_a_receiver_that_goes: EVERY;
    closing::rule_08_the_end_can_be_asked_for: EVERY;
    closing::rule_08_awaiting_the_end_wakes_once_it_is_there: EVERY;
}
