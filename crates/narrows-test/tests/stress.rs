//! The stress set, for the sanitizers.

use narrows_test::every_kind;

every_kind! {
    stress::stress_every_verb: EVERY;
    stress::stress_close: EVERY;
    stress::stress_going: EVERY;
    stress::stress_giving_up: EVERY;
    stress::stress_select: EVERY;
}
