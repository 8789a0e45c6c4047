//! The program is ended at a random moment: no process is left, what was printed is a prefix, or whole records where
//! order was given up, and resumed runs complete it exactly.
//!
//! A failure names its seed: `NARROWS_SEED` with `NARROWS_ROUNDS=1` repeats that round, as far as time can be repeated.

mod harness;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use harness::dice::{self, Dice, deep};
use harness::system::Folder;
use harness::{Farm, Run, farm};
use rustix::process::Signal;

/// Each command prints what it reads, or its arguments a line each. What comes after & is a child that stays.
const COMMANDS: [(&str, &[&str]); 12] = [
    ("live", &["cat"]),
    ("live, buffering", &["sed", "s/x/x/"]),
    ("live on a terminal", &["--pty", "sed", "s/x/x/"]),
    ("live with a child that stays", &["sh", "-c", "sleep 1000 & exec sed -u s/x/x/"]),
    ("live, a pipeline that buffers", &["sh", "-c", "sed s/x/x/ | tr x x"]),
    ("live with a child per line", &["sh", "-c", "while read -r l; do expr \"$l\" : '\\(.*\\)'; done"]),
    ("live, hanging", &["sh", "-c", "while read -r l; do [ ! -e $HANG ] || sleep 1000; echo \"$l\"; done"]),
    ("{}", &["echo", "{}"]),
    ("{} with a child that stays", &["sh", "-c", "sleep 1000 >/dev/null & echo \"$1\"", "sh", "{}"]),
    ("{}, hanging", &["sh", "-c", "[ ! -e $HANG ] || sleep 1000; echo \"$1\"", "sh", "{}"]),
    ("-n", &["-n3", "sh", "-c", "sleep 1000 >/dev/null & printf '%s\\n' \"$@\"", "sh", "{}"]),
    ("--blocks", &["--blocks", "sh", "-c", "sleep 1000 >/dev/null & exec cat"]),
];

/// What is run, and how it is ended.
struct Round {
    dice: Dice,
    folder: Folder,
    what: String,
    command: &'static [&'static str],
    options: Vec<String>,
    input: Vec<u8>,
    ordered: bool,
    logged: bool,
    /// KILL may have cut the last record, in the midst of a write.
    may_be_cut: bool,
}

impl Round {
    fn new(seed: u64) -> Round {
        let mut dice = Dice::new(seed);
        let (name, command) = dice.pick(&COMMANDS);
        let (folder, ordered, logged) = (Folder::new(), !dice.once_in(3), !dice.once_in(3));
        let mut options = vec![format!("-j{}", 1 + dice.below(4))];
        if !ordered {
            options.push("-u".into());
        }
        // Whoever hangs is not waited for.
        let graces: &[u64] = if name.contains("hanging") { &[0, 1, 30] } else { &[0, 1, 30, 10_000] };
        options.push(format!("--grace={}ms", dice.pick(graces)));
        if command.contains(&"{}") && dice.once_in(3) {
            options.push("--buffer=4K".into());
            options.push(format!("--spill={}", folder.path().display()));
        }
        let (lines, rest) = match name {
            // Blocks of a MiB, several of them.
            "--blocks" => (15_000 + dice.below(10_000), "hello ".repeat(40)),
            _ if command.contains(&"{}") || name.contains("per line") => (20 + dice.below(60), "ab hello".into()),
            _ => (20 + dice.below(20_000), "ab hello".into()),
        };
        let input = (1..=lines).fold(String::new(), |text, line| text + &format!("{line} {rest}\n"));
        let mut what = format!("{name}, {lines} lines, {}", options.join(" "));
        if logged {
            what += ", logged";
        }
        Round { dice, folder, what, command, options, input: input.into(), ordered, logged, may_be_cut: false }
    }

    fn hangs(&self) -> bool {
        self.command.iter().any(|word| word.contains("$HANG"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn output(&self) -> Vec<u8> {
        fs::read(self.path("out")).unwrap_or_default()
    }

    fn farm(&self, resume: bool) -> Farm {
        let log = self.path("log");
        let mut options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        if self.logged {
            options.extend(["--log", log.to_str().expect("it is text")]);
        }
        if resume {
            options.push("--resume");
        }
        let mut farm = farm(&[&options, self.command].concat());
        let output = OpenOptions::new().append(true).create(true).open(self.path("out")).expect("a file can be made");
        farm.command().stdout(output).env("HANG", self.path("hang"));
        farm
    }

    fn run(&mut self) {
        let times = if self.logged { 1 + self.dice.below(3) } else { 1 };
        for time in 0..times {
            if self.hangs() && self.dice.once_in(2) {
                fs::write(self.path("hang"), "").expect("a file can be made");
            }
            let signal = self.dice.pick(&[Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP]);
            write!(self.what, "; {signal:?}").expect("a string takes all");
            let run = self.end_by(signal, time > 0);
            run.assert_signal(signal);
            let _ = fs::remove_file(self.path("hang"));
            self.may_be_cut |= signal == Signal::KILL;
            self.check(&run);
        }
        if self.logged {
            self.farm(true).run(&self.input).assert_code(0);
            assert!(sorted(&self.output()) == sorted(&self.input), "the resumed run did not complete it");
            assert!(!self.ordered || self.output() == self.input, "the resumed run left the order");
        }
        assert_only_known(self.folder.path());
    }

    /// Runs until a random moment. The input stays open, so that the program does not end by itself.
    fn end_by(&mut self, signal: Signal, resume: bool) -> Run {
        let mut running = self.farm(resume).start();
        let mut stdin = running.stdin.take().expect("it is open");
        let input = self.input.clone();
        let feeder = thread::spawn(move || {
            // It may end before it has read everything.
            let _ = stdin.write_all(&input);
            stdin
        });
        let mut moment = self.moment();
        assert!(!running.ends_within(moment), "it ended before {signal:?}");
        running.signal(signal);
        // Sometimes the user insists, and where a worker hangs must, until he is heard three times: the system makes one of
        // signals of a kind that come before the program looks.
        let most = if self.hangs() { 100 } else { self.dice.below(8) / 6 };
        for time in 0..most {
            moment = self.moment() + Duration::from_millis(if time < 3 { 0 } else { 50 });
            if signal == Signal::KILL || running.ends_within(moment) {
                break;
            }
            running.signal(signal);
        }
        let run = running.finish();
        drop(feeder.join());
        run
    }

    /// Sooner or later: every magnitude from the start of the program to the end of its work is as likely.
    fn moment(&mut self) -> Duration {
        let most = 1 << (9 + self.dice.below(9));
        Duration::from_micros(self.dice.below(most))
    }

    fn check(&self, run: &Run) {
        let output = self.output();
        if self.ordered {
            assert!(self.input.starts_with(&output), "what was printed is no prefix");
        } else {
            assert_whole_records(&output, &self.input, self.may_be_cut);
        }
        // What it says of where it stopped is what can be relied on to go on.
        let place = run.stderr.lines().find_map(|line| line.split("stopped before record ").nth(1));
        if let (Some(place), false) = (place, self.logged) {
            let number = place.split(';').next().and_then(|number| number.parse::<usize>().ok());
            let lines = memchr::memchr_iter(b'\n', &output).count();
            assert_eq!(number, Some(lines + 1), "{}", run.stderr);
            assert_eq!(output.last().copied().unwrap_or(b'\n'), b'\n', "the last line is cut");
        }
    }
}

fn assert_whole_records(output: &[u8], input: &[u8], may_be_cut: bool) {
    let mut left: HashMap<&[u8], usize> = HashMap::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        *left.entry(line).or_default() += 1;
    }
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        let cut = may_be_cut && !line.ends_with(b"\n");
        let known = left.get_mut(line).filter(|times| **times > 0).map(|times| *times -= 1).is_some();
        assert!(known || cut, "'{}' was never a record, or is there twice", line.escape_ascii());
    }
}

fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// Nothing that the program put aside is left.
fn assert_only_known(folder: &Path) {
    for entry in fs::read_dir(folder).expect("it is there").flatten() {
        assert!(["out", "log"].map(Into::into).contains(&entry.file_name()), "{} is left", entry.path().display());
    }
}

fn rounds(count: u64) {
    let (first, count) = (dice::seed(), dice::number("NARROWS_ROUNDS").unwrap_or(count));
    println!("{count} rounds from NARROWS_SEED={first}");
    for seed in first..first + count {
        let mut round = Round::new(seed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| round.run())) {
            eprintln!("NARROWS_SEED={seed}: {}", round.what);
            resume_unwind(panic);
        }
    }
}

#[test]
fn a_farm_ended_at_any_moment_leaves_no_process_and_is_resumed_exactly() {
    rounds(deep(16, 400));
}

#[test]
fn no_signal_is_lost_while_a_farm_starts() {
    let seed = dice::seed();
    let mut dice = Dice::new(seed);
    for round in 0..deep(20, 4000) {
        let (signal, moment) = (dice.pick(&[Signal::TERM, Signal::INT, Signal::HUP]), dice.below(5000));
        let mut running = farm(&["-j1", "cat"]).start();
        let stdin = running.stdin.take();
        assert!(!running.ends_within(Duration::from_micros(moment)));
        running.signal(signal);
        let is_heard = running.ends_within(Duration::from_secs(20));
        assert!(is_heard, "NARROWS_SEED={seed}: {signal:?} after {moment} us was lost, round {round}");
        drop(stdin);
        running.finish().assert_signal(signal);
    }
}
