//! `tap`: bytes pass unchanged, and the summary says who waited for whom.

mod harness;

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};

use harness::status::{folder_of, stat_of};
use harness::system::{Folder, eventually};
use harness::{Farm, marked, narrows, numbers};
use rustix::process::Signal;
use serde_json::Value;

fn tap(args: &[&str]) -> Farm {
    let mut tap = narrows();
    tap.command().arg("tap").args(args);
    tap
}

/// Neither text nor a whole number of lines or pages.
fn bytes() -> Vec<u8> {
    [numbers(100_000), vec![0, 0xff, b'\r', b'\n', 0xc3]].concat()
}

#[test]
fn bytes_pass_unchanged_and_are_counted() {
    for args in [&["--json"][..], &["--json", "--lines"], &["--json", "-l", "--name", "x"]] {
        let run = tap(args).run(&bytes());
        assert!(run.assert_code(0).stdout == bytes(), "{args:?}");
        let summary: Value = serde_json::from_str(&run.stderr).expect("it is JSON");
        assert_eq!(summary["bytes"], bytes().len());
        let lines = args.len() > 1;
        assert_eq!(summary["lines"].as_u64(), lines.then_some(100_001), "{args:?}");
        let shares: f64 = ["busy", "blocked", "waiting"].iter().filter_map(|name| summary[*name].as_f64()).sum();
        assert!((shares - 1.0).abs() < 1e-6, "{summary}");
    }
}

#[test]
fn files_pass_too() {
    let folder = Folder::new();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, bytes()).expect("it can be written");
    let mut copy = tap(&["-q"]);
    copy.command().stdin(File::open(&from).expect("it is there")).stdout(File::create(&to).expect("it can be made"));
    let run = copy.start().finish();
    assert_eq!(run.assert_code(0).stderr, "");
    assert!(fs::read(&to).expect("it is there") == bytes());
    // Appending keeps what was there; the same file would grow for ever.
    let append = || File::options().append(true).open(&from).expect("it is there");
    let mut same = tap(&[]);
    same.command().stdin(File::open(&from).expect("it is there")).stdout(append());
    same.start().finish().assert_code(2).assert_stderr("the output file is the input file");
}

#[test]
fn empty_input_ends_at_once() {
    tap(&[]).run(b"").assert_code(0).assert_stderr("tap: 0B in");
    assert_eq!(tap(&["--quiet"]).run(b"a").assert_code(0).stderr, "");
}

#[test]
fn who_keeps_the_other_waiting_is_named() {
    let folder = Folder::new();
    let published = || {
        let mut tap = tap(&["--name", "t"]);
        tap.command().env("NARROWS_DIR", folder_of(&folder));
        tap
    };
    let verdict = || stat_of(&folder, "t")["pipelines"][0]["verdict"]["culprit"].clone();
    let mut running = published().start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    eventually("the producer is slow", || verdict() == "producer");
    running.finish().assert_code(0).assert_stderr("bottleneck: what comes before tap t");

    let mut yes = Command::new("yes").stdout(Stdio::piped()).spawn().expect("yes is there");
    let mut flooded = published();
    flooded.command().stdin(yes.stdout.take().expect("it is a pipe"));
    let mut running = flooded.start();
    eventually("the consumer is slow", || verdict() == "consumer");
    drop(running.stdout.take());
    running.finish().assert_signal(Signal::PIPE).assert_stderr("bottleneck: what comes after tap t");
    yes.wait().expect("it is ours");
    assert_eq!(fs::read_dir(folder_of(&folder)).expect("it was made").count(), 0);
}

#[test]
fn a_closed_output_ends_an_idle_tap() {
    for args in [&[][..], &["-l"]] {
        let mut running = tap(args).start();
        running.write("a\n");
        assert_eq!(running.read_line(), "a\n");
        drop(running.stdout.take());
        let stdin = running.stdin.take();
        running.finish().assert_signal(Signal::PIPE).assert_stderr("tap: 2B");
        drop(stdin);
    }
}

#[test]
fn a_signal_ends_a_tap_with_its_summary() {
    let mut running = tap(&["-l"]).start();
    // What was passed on last may not be counted yet.
    for line in ["a\n", "b\n"] {
        running.write(line);
        assert_eq!(running.read_line(), line);
    }
    running.signal(Signal::INT);
    let stdin = running.stdin.take();
    let run = running.finish();
    run.assert_signal(Signal::INT);
    assert!(["tap: 2B, 1 lines", "tap: 4B, 2 lines"].iter().any(|said| run.stderr.contains(said)), "{}", run.stderr);
    drop(stdin);
}

#[test]
fn a_full_disk_is_an_error() {
    let mut full = tap(&[]);
    full.command().stdout(File::options().write(true).open("/dev/full").expect("Linux has it"));
    full.run(b"a\n").assert_code(125).assert_stderr("error: cannot write: No space left on device");
}

#[test]
fn a_tap_between_two_programs_changes_nothing() {
    let folder = Folder::new();
    let file = folder.path().join("in");
    fs::write(&file, bytes()).expect("it can be written");
    let script = format!("cat {} | {} tap -q | cat", file.display(), env!("CARGO_BIN_EXE_narrows"));
    let mut shell = marked(Command::new("sh"));
    shell.command().args(["-c", &script]);
    let mut running = shell.start();
    let mut output = Vec::new();
    running.stdout.take().expect("stdout is open").read_to_end(&mut output).expect("a pipe can be read");
    running.finish().assert_code(0);
    assert!(output == bytes());
}
