//! The rules, for channels made of lanes: by urgency, and one for each sender.

use narrows_test::once;

once! {
    lanes::rule_01_lanes_deliver_every_message_once;
    lanes::rule_04_lanes_answer_truly;
    lanes::rule_04_lanes_are_empty_only_all_at_once;
    lanes::rule_06_lanes_end_with_their_handles;
    lanes::rule_07_lanes_are_closed_together;
    lanes::rule_09_every_lane_wakes_its_receiver;
    lanes::rule_12_lanes_keep_to_the_time;
    lanes::rule_13_given_up_receives_lose_nothing_in_lanes;
    lanes::rule_16_lanes_are_an_arm_of_a_select;
    lanes::rule_16_dropped_selects_do_not_pile_up_at_lanes;
    lanes::rule_20_lanes_are_send_if_their_message_is;
    priority::rule_02_the_most_urgent_goes_first;
    priority::rule_02_no_lane_waits_beyond_its_bound;
    priority::rule_02_a_flood_starves_no_lane;
    priority::rule_05_priority_lanes_have_their_own_capacity;
    priority::rule_09_each_message_wakes_a_receiver_of_lanes;
    fan_in::rule_02_every_lane_has_its_turn;
    fan_in::rule_07_a_lane_that_joins_too_late_is_closed;
    fan_in::rule_07_joining_races_with_the_end;
    fan_in::rule_09_a_lane_may_join_a_receiver_that_sleeps;
    fan_in::rule_13_a_dropped_receive_is_forgotten_by_every_lane;
}
