//! The rules, for a channel that gives every message to every receiver.

use narrows_test::once;

once! {
    broadcast::rule_01_every_receiver_sees_every_broadcast;
    broadcast::rule_01_a_shared_receiver_shares_its_broadcasts;
    broadcast::rule_02_all_receivers_see_broadcasts_in_one_order;
    broadcast::rule_03_a_receive_comes_before_the_broadcast_in_its_place;
    broadcast::rule_04_a_broadcast_answers_truly;
    broadcast::rule_04_two_broadcasts_agree_on_what_came_first;
    lagging::rule_05_a_receiver_of_broadcasts_lags_as_it_was_told;
    lagging::rule_05_broadcasts_are_as_if_each_receiver_had_a_list;
    lagging::rule_05_the_last_broadcasts_are_kept;
    broadcast::rule_06_receivers_hear_that_no_broadcast_comes;
    broadcast::rule_06_broadcasts_go_with_the_last_receiver;
    broadcast::rule_07_broadcasts_are_closed_by_either_end;
    broadcast::rule_07_a_broadcast_that_races_with_close_is_received_or_returned;
    broadcast::rule_09_room_for_a_broadcast_wakes_its_sender;
    broadcast::rule_12_time_limits_of_broadcasts;
    broadcast::rule_13_dropped_futures_lose_no_broadcast;
    broadcast::rule_14_forgotten_futures_block_no_broadcast;
    broadcast::rule_15_a_broadcast_wakes_the_latest_waker;
    broadcast::rule_16_a_receiver_of_broadcasts_is_an_arm_of_a_select;
    broadcast::rule_21_broadcasts_that_panic_leave_the_channel_whole;
    broadcast::rule_21_a_broadcast_may_use_its_channel;
    broadcast::pitfall_22_receivers_go_while_broadcasts_are_sent;
}
