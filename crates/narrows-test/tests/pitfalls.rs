//! Bugs that other channels had, where no rule's test covers them.

use narrows_test::{every_kind, every_way, pitfalls};

every_way! {
    pitfalls::pitfall_04_no_end_before_the_last_message: BUFFERED;
    pitfalls::pitfall_06_a_sender_stopped_in_the_middle_stops_nobody: BUFFERED;
    pitfalls::pitfall_06_a_receiver_stopped_in_the_middle_stops_nobody: BOUNDED;
    pitfalls::pitfall_16_overload_is_no_standstill: FEW;
    waiting::rule_09_ping_pong_never_stops: FEW;
}

every_kind! {
    pitfalls::pitfall_06_a_drop_stopped_in_the_middle_stops_no_sender: BUFFERED;
}

mod pitfall_16_one_processor_is_enough {
    use super::pitfalls::pitfall_16_one_processor_is_enough as again;

    #[test]
    fn threads() {
        again("rule_09_ping_pong_never_stops::threads");
    }

    #[test]
    fn tasks() {
        again("rule_09_ping_pong_never_stops::tokio");
    }

    #[test]
    fn overload() {
        again("pitfall_16_overload_is_no_standstill::threads");
    }
}
