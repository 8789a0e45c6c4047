//! Sends that make room for themselves.

use narrows_test::{every_kind, every_verb_way, every_way};

every_way! {
    forcing::rule_01_forcing_under_traffic_loses_nothing: EVERY;
}

every_verb_way! {
    forcing::rule_06_force_gives_a_synchronous_message_back: FINITE;
    forcing::rule_09_force_wakes_a_receiver: EVERY;
}

every_kind! {
    forcing::rule_02_the_oldest_goes_out: BUFFERED;
    forcing::rule_02_what_was_put_back_goes_out_first: FINITE;
    forcing::rule_12_at_capacity_0_force_tries_once: ZERO;
    forcing::rule_23_force_leaves_permits_their_places: FINITE;
}
