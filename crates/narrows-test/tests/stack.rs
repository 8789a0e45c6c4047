//! Rule 19 on a small stack. Alone, since a stack that overflows ends the process.

use narrows_test::{every_kind, once};

every_kind! {
    small_stack::rule_19_large_messages_work_on_a_small_stack: EVERY;
    small_stack::rule_19_large_batches_work_on_a_small_stack: EVERY;
}

once! {
    small_stack::rule_19_large_watched_values_work_on_a_small_stack;
}
