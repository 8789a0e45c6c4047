//! Processes that take part in a channel are killed at each of their steps, or at any time; what they wrote down before and after
//! each message is compared with what arrived. Needs `--cfg narrows_crash`: `cargo xtask ci --only kills`.
//!
//! Whoever is to die is this program once more, as the test `victim`, which plays the role that its environment names. What is
//! looked at is said in `ledger.rs`. With `NARROWS_DEEP=1` every step is a death, also
//! each look, else every step that changes something.
#![cfg(narrows_crash)]

mod alone;
mod figures;
mod ledger;
mod message;
mod procs;
mod random;
mod stopped;
mod victim;
mod world;

use procs::Role;

/// Nothing but in a process that is to be killed.
#[test]
fn victim() {
    victim::play();
}

#[test]
fn a_sender_is_killed_at_each_step() {
    world::kill_at_each_step(Role::Sender);
}

#[test]
fn a_receiver_is_killed_at_each_step() {
    world::kill_at_each_step(Role::Receiver);
}

#[test]
fn a_receiver_on_trial_is_killed_at_each_step() {
    world::kill_at_each_step(Role::Leaser);
}

#[test]
fn a_sender_that_takes_back_is_killed_at_each_step() {
    world::kill_at_each_step(Role::Withdrawer);
}

#[test]
fn a_sender_that_takes_back_what_was_given_back_is_killed_at_each_step() {
    alone::kill_who_takes_back();
}

#[test]
fn who_joins_and_dies_unannounced_is_found_by_those_who_wait() {
    alone::kill_in_silence();
}

#[test]
fn who_joins_and_leaves_is_killed_at_each_step() {
    world::kill_at_each_step(Role::Joiner);
}

#[test]
fn who_closes_is_killed_at_each_step() {
    alone::kill_who_closes();
}

#[test]
fn who_makes_the_channel_is_killed_at_each_step() {
    alone::kill_who_creates();
}

#[test]
fn who_puts_right_is_killed_twice_at_each_step() {
    alone::kill_who_recovers();
}

#[test]
fn anybody_is_killed_at_any_time() {
    random::kill_anybody();
}

#[test]
fn who_stops_in_the_middle_keeps_what_it_has() {
    stopped::stop_at_each_step();
}
