//! Many messages in one step.

use narrows_test::{every_kind, every_verb_way};

every_verb_way! {
    batches::rule_01_batches_arrive_once_and_in_order: EVERY;
    batches::rule_02_a_batch_may_be_larger_than_the_channel: EVERY;
    batches::rule_05_draining_ends_beside_senders: FEW;
    batches::rule_06_a_batch_hears_the_end_when_all_is_received: BUFFERED;
    batches::rule_06_the_last_sender_wakes_who_waits_for_a_batch: EVERY;
    batches::rule_07_a_batch_closed_in_the_midst_keeps_the_rest: FINITE;
    batches::rule_07_batches_that_race_with_close_lose_nothing: EVERY;
    batches::rule_09_a_batch_wakes_one_for_each_message: EVERY;
    batches::rule_12_a_batch_ends_by_count_by_time_or_by_the_end: EVERY;
}

every_kind! {
    batches::rule_01_a_batch_passes_tombstones: BUFFERED;
    batches::rule_12_a_batch_out_of_time_keeps_the_rest: BOUNDED;
    batches::rule_13_a_dropped_batch_keeps_the_rest: BOUNDED;
    batches::rule_13_a_dropped_batch_wakes_the_next: FINITE;
    batches::rule_13_a_dropped_receive_of_many_loses_nothing: EVERY;
    batches::rule_14_a_finished_receive_of_many_swallows_no_wake_up: BUFFERED;
    batch_memory::rule_18_a_batch_keeps_its_memory: BUFFERED;
    batch_memory::rule_21_a_panicking_drop_in_a_batch_leaves_the_rest: BUFFERED;
    batch_memory::rule_21_batches_of_every_shape: BUFFERED;
    batches::rule_23_a_batch_leaves_permits_their_places: FINITE;
}
