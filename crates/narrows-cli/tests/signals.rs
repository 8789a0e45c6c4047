//! INT thrice, TERM, HUP: what is in hand is finished, then the user's patience decides.

mod harness;

use std::io::Read;
use std::process::Command;

use harness::system::{Barrier, Folder, waiting_worker};
use harness::{Running, farm, marked};
use rustix::process::Signal;

/// A farm whose worker has the line `slow` in hand; the input stays open.
fn busy(options: &[&str], script: &str) -> Running {
    let mut running = farm(&[options, &["-j1", "sh", "-c", script]].concat()).start();
    running.write("slow\n");
    running.await_stderr("got");
    running
}

const DEAF: &str = "trap '' TERM; read -r l; echo got it >&2; exec sleep 1000";
const STUCK: &str = "read -r l; echo got it >&2; exec sleep 1000";

#[test]
fn the_first_interrupt_finishes_what_is_in_hand() {
    let barrier = Barrier::new();
    let mut running = busy(&[], &waiting_worker(&barrier));
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    barrier.release();
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_signal(Signal::INT).assert_stderr("stopped before record 2");
    assert_eq!(run.text(), "slow\n");
}

#[test]
fn how_to_go_on_fits_the_records() {
    for (options, hint) in [
        (&["cat"][..], Some("to go on: tail -n +2 INPUT")),
        (&["-0", "cat"], Some("to go on: tail -z -n +2 INPUT | narrows farm -0")),
        (&["-d", ";", "cat"], None),
    ] {
        let mut running = farm(options).start();
        let end = if options[0] == "-0" { "\0" } else { ";" };
        let end = if options == ["cat"] { "\n" } else { end };
        running.write(&format!("a{end}"));
        let mut answer = [0; 2];
        running.stdout.as_mut().expect("it is open").read_exact(&mut answer).expect("an answer comes");
        running.signal(Signal::INT);
        // The input does not end meanwhile.
        let stdin = running.stdin.take();
        let run = running.finish();
        drop(stdin);
        assert_eq!(run.stderr.contains("to go on"), hint.is_some(), "{}", run.stderr);
        run.assert_stderr("stopped before record 2").assert_stderr(hint.unwrap_or(""));
    }
}

#[test]
fn an_interrupt_ends_an_idle_farm() {
    let mut running = farm(&["cat"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    running.signal(Signal::INT);
    let stdin = running.stdin.take();
    running.finish().assert_signal(Signal::INT);
    drop(stdin);
}

#[test]
fn an_interrupt_makes_workers_flush() {
    let mut running = farm(&["-j1", "sh", "-c", "echo got it >&2; exec sed s/a/b/"]).start();
    running.write("a\na\n");
    running.await_stderr("got it");
    running.signal(Signal::INT);
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_signal(Signal::INT);
    assert!(["b\n", "b\nb\n"].contains(&run.text()), "{}", run.text());
}

#[test]
fn the_second_interrupt_ends_the_workers() {
    let mut running = busy(&[], STUCK);
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    running.signal(Signal::INT);
    running.finish().assert_signal(Signal::INT);
}

#[test]
fn workers_that_ignore_the_end_are_killed() {
    let mut running = busy(&[], DEAF);
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    running.signal(Signal::INT);
    running.finish().assert_signal(Signal::INT);
}

#[test]
fn a_worker_that_says_something_when_it_is_told_to_end_has_time_to_clean_up() {
    let folder = Folder::new();
    let clean = folder.path().join("clean");
    let tidy = format!(
        "trap 'echo bye; sleep 0.2; echo >{}; exit 0' TERM; read -r l; echo got >&2; while :; do sleep 0.02; done",
        clean.display()
    );
    // It has two seconds, of which a busy machine may take more than it leaves: one of a few tries is in time.
    let is_cleaned_up = |_| {
        let mut running = busy(&[], &tidy);
        running.signal(Signal::INT);
        running.await_stderr("finishing");
        running.signal(Signal::INT);
        running.finish().assert_signal(Signal::INT);
        clean.exists()
    };
    assert!((0..3).any(is_cleaned_up));
}

#[test]
fn the_third_interrupt_kills() {
    let mut running = busy(&[], DEAF);
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    running.signal(Signal::INT);
    running.await_stderr("ending");
    running.signal(Signal::INT);
    running.finish().assert_signal(Signal::INT);
}

#[test]
fn term_and_hup_drain() {
    for signal in [Signal::TERM, Signal::HUP] {
        let barrier = Barrier::new();
        let mut running = busy(&[], &waiting_worker(&barrier));
        running.signal(signal);
        barrier.release();
        let stdin = running.stdin.take();
        let run = running.finish();
        drop(stdin);
        run.assert_signal(signal);
        assert_eq!(run.text(), "slow\n");
    }
}

#[test]
fn term_and_hup_wait_no_longer_than_the_grace() {
    for signal in [Signal::TERM, Signal::HUP] {
        let running = busy(&["--grace", "50ms"], STUCK);
        running.signal(signal);
        running.finish().assert_signal(signal);
    }
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' HUP; exec {} farm cat", env!("CARGO_BIN_EXE_narrows"))]);
    let mut running = marked(shell).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    running.signal(Signal::HUP);
    running.write("b\n");
    assert_eq!(running.finish().assert_code(0).text(), "b\n");
}

#[test]
fn an_interrupted_builtin_ends() {
    let mut running = farm(&["--builtin", "factor"]).start();
    running.write("12\n");
    assert_eq!(running.read_line(), "12: 2 2 3\n");
    running.signal(Signal::INT);
    let stdin = running.stdin.take();
    running.finish().assert_signal(Signal::INT);
    drop(stdin);
}
