//! The program in the foreground of a terminal, as at a prompt: what is typed there reaches it and not its workers.

mod harness;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Instant;

use harness::system::{Barrier, Folder};
use harness::{DEADLINE, Farm, Run, Running, is_installed, marked};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_BACKSLASH: &str = "\x1c";

/// A run whose input, output and stderr are a terminal of its own.
struct Session {
    running: Running,
    terminal: File,
    seen: String,
    /// What was waited for already ends here.
    at: usize,
}

/// A run that was not started yet, and its terminal.
struct OnTerminal {
    farm: Farm,
    terminal: File,
}

impl OnTerminal {
    fn start(self) -> Session {
        Session { running: self.farm.start(), terminal: self.terminal, seen: String::new(), at: 0 }
    }
}

fn session(args: &[&str]) -> Option<Session> {
    on_terminal(args).map(OnTerminal::start)
}

/// None where no program can be put into the foreground of a terminal.
fn on_terminal(args: &[&str]) -> Option<OnTerminal> {
    verb_on_terminal("farm", args)
}

fn verb_on_terminal(verb: &str, args: &[&str]) -> Option<OnTerminal> {
    if !is_installed("setsid") {
        eprintln!("setsid is not installed here");
        return None;
    }
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("there are terminals");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("it is text");
    let theirs = || File::options().read(true).write(true).open(&name).expect("it is ours");
    let mut command = Command::new("setsid");
    command.args(["--ctty", env!("CARGO_BIN_EXE_narrows"), verb]).args(args);
    let mut farm = marked(command);
    farm.command().stdin(theirs()).stdout(theirs()).stderr(theirs());
    Some(OnTerminal { farm, terminal: File::from(ours) })
}

impl Session {
    #[track_caller]
    fn type_in(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Reads what has appeared; false when nothing more can.
    fn look(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("it fits");
        let ready = poll(&mut [PollFd::new(&self.terminal, PollFlags::IN)], Some(&left)).expect("it can be polled");
        assert!(ready > 0, "nothing more appears after: {}", self.seen);
        let mut chunk = [0; 4096];
        // The end of a terminal is an error.
        let read = self.terminal.read(&mut chunk).unwrap_or(0);
        self.seen += &String::from_utf8_lossy(&chunk[..read]);
        read > 0
    }

    /// Waits until this appears, after what was waited for before.
    #[track_caller]
    fn await_seen(&mut self, part: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = self.seen[self.at..].find(part) {
                self.at += found + part.len();
                return;
            }
            assert!(self.look(deadline), "no '{part}' in: {}", self.seen);
        }
    }

    /// Waits for the end, and says what appeared meanwhile.
    #[track_caller]
    fn finish(mut self) -> (Run, String) {
        let deadline = Instant::now() + DEADLINE;
        while self.look(deadline) {}
        let rest = self.seen.split_off(self.at);
        (self.running.finish(), rest)
    }
}

/// Says what it has got, waits for the barrier, and answers.
fn answer(barrier: &Barrier) -> String {
    format!(r#"echo "got $l" >&2; read -r go < {}; echo "answer $l""#, barrier.path().display())
}

/// In each mode a farm that has the line `a` in hand, and then `b` in its buffer.
fn busy(mode: &str, barrier: &Barrier) -> Option<Session> {
    let answer = answer(barrier);
    let (live, one) = (format!("while read -r l; do {answer}; done"), format!("l=$1; {answer}"));
    let mut session = session(&match mode {
        "live" => vec!["-j1", "sh", "-c", &live],
        "-n" => vec!["-j1", "-n1", "sh", "-c", &one, "sh", "{}"],
        _ => vec!["-j1", "sh", "-c", &one, "sh", "{}"],
    })?;
    session.type_in("a\n");
    session.await_seen("got a");
    session.type_in("b\n");
    session.await_seen("b\r\n");
    Some(session)
}

#[test]
fn ctrl_c_lets_workers_finish_what_they_have_in_hand() {
    for mode in ["live", "{}", "-n"] {
        let barrier = Barrier::new();
        let Some(mut session) = busy(mode, &barrier) else { return };
        session.type_in(CTRL_C);
        session.await_seen("finishing what is in hand; press Ctrl-C again");
        // The worker is alive, and waits: it answers only now. A second one may have its line already.
        barrier.release();
        barrier.release();
        session.await_seen("answer a");
        let (run, rest) = session.finish();
        run.assert_signal(Signal::INT);
        assert!(rest.contains("stopped before record "), "{mode}: {rest}");
        assert!(rest.contains("tail -n +"), "{mode}: it says how to go on: {rest}");
    }
}

#[test]
fn ctrl_c_finishes_a_block() {
    let barrier = Barrier::new();
    let script = format!("echo got it >&2; read -r go < {}; cat; echo whole", barrier.path().display());
    let Some(mut session) = session(&["--blocks", "--max-record", "64K", "-j1", "sh", "-c", &script]) else { return };
    // A line is 4095 bytes at most where the terminal edits it; the block is whole when the input is.
    session.type_in("first\n");
    session.type_in(CTRL_D);
    session.await_seen("got it");
    session.type_in(CTRL_C);
    session.await_seen("finishing");
    barrier.release();
    session.await_seen("first\r\nwhole");
    session.finish().0.assert_signal(Signal::INT);
}

#[test]
fn ctrl_c_twice_ends_workers_that_hang_and_thrice_kills_deaf_ones() {
    for (script, presses) in [("", 2), ("trap '' TERM; ", 3)] {
        for record in [&[][..], &["sh", "{}"]] {
            let script = format!("{script}read -r l; echo got it >&2; sleep 1000; sleep 1000");
            let Some(mut session) = session(&[&["-j1", "sh", "-c", &script], record].concat()) else { return };
            session.type_in("a\n");
            session.await_seen("got it");
            // What follows the third is the end, which may have come before it was typed.
            for said in ["finishing", "ending the workers", ""].iter().take(presses) {
                session.type_in(CTRL_C);
                session.await_seen(said);
            }
            session.finish().0.assert_signal(Signal::INT);
        }
    }
}

#[test]
fn ctrl_d_ends_the_input() {
    let Some(mut session) = session(&["-j2", "sed", "-u", "s/a/answer/"]) else { return };
    session.type_in("a\n");
    session.await_seen("answer\r\n");
    session.type_in(CTRL_D);
    session.finish().0.assert_code(0);
}

#[test]
fn ctrl_backslash_leaves_no_process() {
    for mode in ["live", "{}"] {
        let barrier = Barrier::new();
        let Some(mut session) = busy(mode, &barrier) else { return };
        session.type_in(CTRL_BACKSLASH);
        session.finish().0.assert_signal(Signal::QUIT);
    }
}

#[test]
fn a_terminal_that_goes_away_drains_a_farm_that_writes_to_a_file() {
    for record in [&[][..], &["sh", "{}"]] {
        let (folder, barrier) = (Folder::new(), Barrier::new());
        let answer = answer(&barrier);
        let script =
            if record.is_empty() { format!("while read -r l; do {answer}; done") } else { format!("l=$1; {answer}") };
        let Some(mut farm) = on_terminal(&[&["-j1", "sh", "-c", &script], record].concat()) else { return };
        let path = folder.path().join("out");
        farm.farm.command().stdout(File::create(&path).expect("a file can be made"));
        let mut session = farm.start();
        session.type_in("a\n");
        session.await_seen("got a");
        let Session { running, terminal, .. } = session;
        drop(terminal);
        barrier.release();
        let run = running.finish();
        // Its input ends with the terminal: that may be noticed first, and then all is done.
        let hung_up = run.status.signal() == Some(Signal::HUP.as_raw());
        assert!(hung_up || run.status.success(), "{}", run.status);
        assert_eq!(fs::read_to_string(&path).expect("it was made"), "answer a\n");
    }
}

#[test]
fn a_terminal_that_goes_away_ends_a_farm_that_writes_to_it() {
    for mode in ["live", "{}"] {
        let barrier = Barrier::new();
        let Some(session) = busy(mode, &barrier) else { return };
        let Session { running, terminal, .. } = session;
        drop(terminal);
        let run = running.finish();
        // The signal and the output that is gone are noticed in any order, and the barrier is shut.
        let signals = [Signal::HUP, Signal::PIPE].map(|signal| Some(signal.as_raw()));
        assert!(signals.contains(&run.status.signal()) || run.status.code() == Some(125), "{}", run.status);
    }
}

#[test]
fn what_is_typed_reaches_rank_0_and_ctrl_c_ends_all_ranks() {
    let echo = r#"while read -r line; do echo "rank $NARROWS_RANK got $line"; done; echo "end of $NARROWS_RANK"; exec sleep 1000"#;
    let Some(ranks) = verb_on_terminal("run", &["-n2", "sh", "-c", echo]) else { return };
    let mut session = ranks.start();
    session.await_seen("end of 1");
    session.type_in("hello\n");
    session.await_seen("rank 0 got hello");
    session.type_in(CTRL_D);
    session.await_seen("end of 0");
    session.type_in(CTRL_C);
    session.finish().0.assert_signal(Signal::INT);
}
