//! Long walks at random, beside a line on paper.

use narrows_test::deadline::{on_kinds, within};
use narrows_test::walk::{self, GROUNDS};

#[test]
fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep() {
    on_kinds(GROUNDS, walk::rule_09_whatever_is_done_at_random_leaves_nobody_asleep);
}

#[test]
fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_a_broadcast() {
    let rule = walk::broadcast::rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_a_broadcast;
    within("a broadcast", rule);
}

#[test]
fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_lanes() {
    within("lanes", walk::lanes::rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_lanes);
}

#[test]
fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_a_watch() {
    within("a watch", walk::watch::rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_a_watch);
}
