//! The rules, for a channel of the latest value.

use narrows_test::once;

once! {
    looks::rule_01_a_watched_value_is_dropped_once;
    looks::rule_02_looks_never_go_back;
    watch::rule_03_what_came_before_a_change_is_seen_after_it;
    looks::rule_04_a_watch_answers_truly;
    watch::rule_04_two_watches_agree_on_what_came_first;
    watch::rule_06_a_last_change_is_seen_before_the_end;
    looks::rule_06_without_a_receiver_values_come_back;
    watch::rule_07_either_end_closes_a_watch;
    looks::rule_07_a_value_that_races_with_close_is_seen_or_returned;
    watch::rule_08_the_end_of_a_watch_can_be_awaited;
    watch::rule_09_every_waiting_receiver_hears_of_every_change;
    watch::rule_09_who_waits_for_a_value_gets_it;
    watch::rule_09_a_shared_receiver_misses_no_wanted_value;
    watch::rule_12_a_watch_is_waited_for_in_time;
    watch::rule_13_a_dropped_wait_loses_no_change;
    watch::rule_14_a_forgotten_wait_blocks_no_change;
    watch::rule_15_a_watch_wakes_the_latest_waker;
    watch::rule_16_a_watch_is_an_arm_of_a_select;
    watch::rule_16_a_selected_change_has_been_seen;
    watch::rule_16_dropped_selects_do_not_pile_up_at_a_watch;
    looks::rule_20_a_watch_is_as_shared_as_its_values;
    looks::rule_21_watched_values_of_every_shape;
    looks::rule_22_handles_of_a_watch_may_go_at_any_moment;
    looks::pitfall_23_a_look_that_lasts_holds_up_nobody;
}
