//! The rules, for a channel for one message, and for questions and answers.

use narrows_test::{every_kind, once};

once! {
    oneshot::rule_01_a_oneshot_is_received_once;
    oneshot::rule_01_a_oneshot_goes_to_one_of_several;
    oneshot::rule_03_what_came_before_a_oneshot_is_seen_after_it;
    oneshot::rule_04_a_oneshot_answers_truly;
    oneshot::rule_04_two_oneshots_agree_on_what_came_first;
    oneshot::rule_06_a_receiver_hears_that_no_oneshot_comes;
    oneshot::rule_06_a_oneshot_comes_back_or_goes_at_once;
    oneshot::rule_07_a_oneshot_that_races_with_close_is_received_or_returned;
    oneshot::rule_07_a_oneshot_is_closed_by_its_receiver;
    oneshot::rule_08_the_end_of_a_oneshot_can_be_awaited;
    oneshot::rule_13_a_dropped_receive_loses_no_oneshot;
    oneshot::rule_14_a_forgotten_receive_blocks_no_oneshot;
    oneshot::rule_15_a_oneshot_wakes_the_latest_waker;
    oneshot::rule_16_a_oneshot_is_an_arm_of_a_select;
    oneshot::rule_16_dropped_selects_do_not_pile_up_at_a_oneshot;
    oneshot::rule_21_oneshots_of_every_shape;
    asking::rule_12_no_answer_is_lost_at_the_last_moment;
}

every_kind! {
    asking::rule_01_every_question_gets_its_own_answer: EVERY;
    asking::rule_06_a_question_that_is_dropped_is_heard_of: EVERY;
    asking::rule_12_a_late_answer_reaches_no_other_question: EVERY;
    asking::rule_12_a_question_without_a_place_comes_back: BOUNDED;
    asking::rule_12_an_answer_is_received_or_comes_back: BUFFERED;
}
