//! Leases, and the rights of an only receiver.

use narrows_test::{every_kind, every_verb_way};

every_verb_way! {
    leases::rule_01_a_lease_given_back_at_capacity_0_is_kept: ZERO;
    leases::rule_02_a_lease_given_back_twice_at_capacity_0_keeps_its_place: ZERO;
    leases::rule_01_leases_under_traffic_lose_nothing: BUFFERED;
    leases::rule_05_a_lease_keeps_its_place: FINITE;
    leases::rule_06_no_end_while_a_lease_is_out: BUFFERED;
    leases::rule_09_a_lease_is_waited_for: EVERY;
    leases::rule_09_a_lease_given_back_wakes_a_receiver: BUFFERED;
    leases::rule_23_what_is_put_back_leaves_permits_their_places: FINITE;
}

every_kind! {
    leases::rule_01_a_lease_may_change_its_message: BUFFERED;
    leases::rule_01_a_peek_leaves_the_message: BUFFERED;
    leases::rule_02_what_is_given_back_comes_first: BUFFERED;
    leases::rule_02_what_is_put_back_comes_first: BUFFERED;
    leases::rule_06_an_only_receiver_stays_so: EVERY;
    leases::rule_12_a_wait_beside_a_lease_ends_in_time: BUFFERED;
    leases::rule_13_a_dropped_wait_for_a_lease_loses_nothing: EVERY;
    leases::rule_21_a_panic_gives_a_lease_back: BUFFERED;
    leases::rule_24_a_forgotten_lease_is_harmless: BUFFERED;
    leases::rule_24_what_is_put_back_is_as_any_other: BUFFERED;
}
