//! The rules, for gates, tokens and wait groups.

use narrows_test::once;

once! {
    events::rule_03_what_came_before_an_event_is_seen_after_it;
    events::rule_03_what_all_members_did_is_seen;
    events::rule_04_two_gates_agree_on_what_came_first;
    events::rule_07_a_gate_is_opened_by_one;
    events::rule_07_cancelling_goes_down_and_not_up;
    events::rule_07_no_child_escapes;
    events::rule_07_a_guard_cancels;
    events::rule_09_an_event_wakes_everybody;
    events::rule_09_all_ways_wait_for_one_event;
    events::rule_09_a_member_is_done_also_by_a_panic;
    events::rule_09_a_group_that_fills_again_lets_go_who_waited;
    events::rule_09_a_group_is_used_again_and_again;
    events::rule_09_who_is_woken_may_use_its_token;
    events::rule_12_events_in_time;
    events::rule_13_a_future_runs_until_cancelled;
    events::rule_14_a_forgotten_wait_blocks_no_event;
    events::rule_15_an_event_wakes_the_latest_waker;
    events::rule_16_an_event_is_an_arm_of_a_select;
    events::rule_16_dropped_selects_do_not_pile_up_at_an_event;
    events::rule_19_deep_trees_need_no_stack;
    tokens::rule_07_one_reason_is_heard;
    tokens::rule_07_the_first_reason_stays;
    tokens::rule_09_who_waits_for_a_deadline_is_woken_before;
    tokens::rule_12_a_deadline_cancels;
    tokens::rule_12_the_earliest_deadline_counts;
    tokens::rule_12_who_waits_is_woken_at_the_deadline;
    tokens::rule_13_a_future_runs_until_the_deadline;
}
