//! Rules 20, 21, 22 and 25: messages, handles and types; and the pitfalls about memory.

use narrows_test::{every_kind, every_way, once};

every_way! {
    memory::rule_19_a_box_moves_its_pointer: EVERY;
    memory::rule_21_messages_of_every_shape: EVERY;
    memory::rule_22_handles_may_go_while_others_are_inside: EVERY;
    memory::rule_22_the_last_handle_may_go_at_any_moment: EVERY;
    memory::pitfall_12_a_receive_is_dropped_while_a_send_runs: EVERY;
    pitfalls::pitfall_08_the_receiver_goes_while_the_first_block_comes: EVERY;
}

every_kind! {
    memory::rule_21_messages_may_hold_references: EVERY;
    memory::rule_21_zero_sized_messages_are_dropped: EVERY;
    memory::rule_21_a_panicking_drop_leaves_the_channel_whole: EVERY;
    pitfalls::pitfall_08_dropped_at_every_fill: BUFFERED;
    types::rule_25_closed_is_disconnected: EVERY;
}

once! {
    types::rule_20_everything_is_send_if_its_message_is;
    types::rule_20_oneshots_are_send_if_their_message_is;
    types::rule_20_events_are_send_and_unwind_safe;
    types::rule_20_broadcasts_are_send_if_messages_can_be_shared;
    types::rule_20_handles_are_unwind_safe;
    types::rule_20_futures_move_and_everything_can_be_shown;
    types::rule_25_no_variant_is_added;
    types::rule_25_errors_are_what_they_were;
}
