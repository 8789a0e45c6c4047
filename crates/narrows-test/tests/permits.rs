//! Rule 23: permits.

use narrows_test::{every_kind, every_way};

every_way! {
    permits::rule_23_a_dropped_permit_wakes_a_waiting_sender: FINITE;
    permits::rule_23_a_held_permit_starves_nobody: LARGE;
    permits::rule_23_an_owned_permit_counts_as_a_sender: BUFFERED;
    permits::rule_23_no_end_while_a_permit_is_sending: BUFFERED;
    permits::rule_23_permits_that_race_with_close_lose_nothing: BUFFERED;
    permits::rule_23_giving_up_on_many_permits_wakes_the_next: FINITE;
    permits::rule_23_at_capacity_0_a_permit_claims_a_waiting_receiver: ZERO;
}

every_kind! {
    permits::rule_04_at_capacity_0_a_dropped_permit_hides_no_sender: ZERO;
    permits::rule_23_a_permit_counts_for_full_but_not_for_len: FINITE;
    permits::rule_23_the_order_is_that_of_sending: LARGE;
    permits::rule_23_after_close_a_permit_returns_the_message: BUFFERED;
    permits::rule_23_many_permits_come_together: BUFFERED;
    permits::rule_23_who_holds_every_place_wakes_a_waiting_sender: BUFFERED;
    permits::rule_23_more_permits_than_the_capacity_is_a_panic: FINITE;
    permits::rule_23_at_capacity_0_the_claimed_receiver_may_leave: ZERO;
}
