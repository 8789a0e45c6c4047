//! The rules, for what only channels with rules can do.

use narrows_test::once;

once! {
    governed::rule_01_drop_newest_keeps_the_oldest;
    governed::rule_01_drop_oldest_keeps_the_newest;
    governed::rule_01_each_is_received_or_undelivered;
    governed::rule_05_a_fixed_capacity_is_kept;
    governed::rule_05_a_message_is_weighed_once;
    governed::rule_05_weights_add_up;
    governed::rule_06_a_hook_may_use_its_channel;
    governed::rule_06_a_hook_that_panics_spares_no_other;
    governed::rule_06_what_is_left_is_undelivered;
    governed::rule_09_a_capacity_may_change_under_traffic;
    governed::rule_09_more_capacity_lets_more_in;
    governed::rule_09_permits_and_heavy_messages_take_turns;
    governed::rule_10_the_heavy_are_not_overtaken;
    governed::rule_12_fail_fails_at_once;
    governed::rule_14_a_forgotten_heavy_message_holds_up_nobody;
    governed::rule_16_an_arm_that_sheds_is_always_ready;
    governed::rule_23_no_policy_touches_what_is_promised;
    units::rule_09_who_wants_too_much_holds_up_nobody;
    units::rule_09_who_waits_for_units_holds_up_no_message_without_weight;
    units::rule_23_a_weigher_that_panics_costs_no_place;
    units::rule_23_a_weigher_that_panics_leaves_the_batch;
    units::rule_24_what_is_put_back_is_no_forgotten_lease;
}
