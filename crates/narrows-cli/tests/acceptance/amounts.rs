//! How much there may be: of output, of words in a line, of jobs. Memory does not grow with any of it.

use std::io::{Read, Write};
use std::thread;
use std::time::Instant;

use crate::harness::dice::deep;
use crate::harness::system::Barrier;
use crate::harness::{Farm, farm, numbers, plain};

/// What the program itself takes: 6 MiB optimized, 11 as it is built for tests; the rest is the allocator.
const OWN_MIB: u64 = 14;
/// Two read buffers, and what the allocator keeps for two threads.
const JOB_MIB: u64 = 1;

/// Runs to the end of this input, whose answers must be `expected` bytes, each of them `letter`. Gives the peak of
/// memory in KiB, looked at when all has come and the farm still runs.
fn stream(farm: Farm, input: &str, letter: u8, expected: u64) -> u64 {
    let mut running = farm.start();
    running.write(input);
    let mut output = running.stdout.take().expect("stdout is open");
    let (mut chunk, like) = (vec![0; 1 << 20], vec![letter; 1 << 20]);
    let mut come = 0;
    while come < expected {
        let read = output.read(&mut chunk).expect("a pipe can be read");
        assert!(read > 0 && chunk[..read] == like[..read], "after {come} bytes the output is wrong");
        come += read as u64;
    }
    let peak = running.peak_kib();
    running.stdout = Some(output);
    let run = running.finish();
    assert!(run.assert_code(0).stdout.is_empty() && come == expected, "{come} bytes, not {expected}");
    peak
}

fn letters(count: u64) -> String {
    format!(
        "yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | tr -d '\\n' | head -c {count}; : $1"
    )
}

#[test]
fn outputs_larger_than_the_buffer_take_no_memory() {
    // 20 GB: more than most machines have.
    let (jobs, length) = deep((6, 8_000_000), (20, 1_000_000_000));
    for options in [&["-j4"][..], &["-j4", "-u"]] {
        let begun = Instant::now();
        let script = letters(length);
        let farm = farm(&[options, &["--buffer", "2M", "sh", "-c", &script, "sh", "{}"]].concat());
        let input = "x\n".repeat(usize::try_from(jobs).expect("it fits"));
        let peak = stream(farm, &input, b'a', jobs * length);
        println!("{jobs} outputs of {length} bytes, {options:?}: peak {peak} KiB, {:?}", begun.elapsed());
        assert!(peak < (2 + 4 * JOB_MIB + OWN_MIB) << 10, "{options:?}: the peak was {peak} KiB");
    }
}

#[test]
fn a_line_of_output_is_never_held_whole() {
    // Longer than what 32 bits count.
    let length = deep(50_000_000, 5_000_000_000);
    let begun = Instant::now();
    let script = letters(length);
    let peak = stream(farm(&["-j2", "--buffer", "2M", "sh", "-c", &script, "sh", "{}"]), "x\n", b'a', length);
    println!("a line of {length} bytes: peak {peak} KiB, {:?}", begun.elapsed());
    assert!(peak < (2 + 2 * JOB_MIB + OWN_MIB) << 10, "the peak was {peak} KiB");
}

/// Lines of so many words, all in all about as many bytes.
fn lines_of_words(words: usize, bytes: usize) -> Vec<u8> {
    let line: String = (1..=words).fold(String::new(), |line, n| line + &(n % 1000).to_string() + " ") + "\n";
    line.repeat(bytes / line.len() + 1).into()
}

#[test]
fn lines_of_many_words_pass() {
    let input = lines_of_words(1000, deep(2_000_000, 10_000_000));
    for command in [&["cat"][..], &["--blocks", "cat"], &["awk", "{ $1 = $1; print }"]] {
        let run = farm(&[&["-j3"], command].concat()).run(&input);
        let command = command.strip_prefix(&["--blocks"]).unwrap_or(command);
        assert!(run.assert_code(0).stdout == plain(command, &input), "{command:?} differs");
    }
}

#[test]
fn words_are_not_looked_at() {
    let seconds = |words: usize| {
        let input = lines_of_words(words, deep(3_000_000, 200_000_000));
        let begun = Instant::now();
        assert!(farm(&["-j2", "--blocks", "cat"]).run(&input).assert_code(0).stdout == input);
        begun.elapsed().as_secs_f64()
    };
    let (many, few) = (seconds(1_000), seconds(10));
    // Told, not asserted: the machine may be busy.
    println!("lines of 1000 words take {:.2} of the time of as many bytes in lines of 10", many / few);
}

#[test]
fn memory_does_not_grow_with_the_number_of_jobs() {
    let count = deep(600, 1_000_000);
    let begun = Instant::now();
    let mut running = farm(&["-j4", "echo", "{}"]).start();
    let mut stdin = running.stdin.take().expect("stdin is open");
    let lines = numbers(count);
    let feeder = thread::spawn({
        let lines = lines.clone();
        // It stays open, so that the program is there to be asked for its peak.
        move || stdin.write_all(&lines).map(|()| stdin)
    });
    let mut output = running.stdout.take().expect("stdout is open");
    let (mut at, mut chunk, mut early) = (0, vec![0; 1 << 16], 0);
    while at < lines.len() {
        let read = output.read(&mut chunk).expect("a pipe can be read");
        assert!(read > 0 && lines[at..].starts_with(&chunk[..read]), "after {at} bytes the output is wrong");
        at += read;
        if early == 0 && at > lines.len() / 10 {
            early = running.peak_kib();
        }
    }
    let peak = running.peak_kib();
    drop(feeder.join());
    running.stdout = Some(output);
    running.finish().assert_code(0);
    println!("{count} jobs: peak {peak} KiB, {early} KiB after a tenth, {:?}", begun.elapsed());
    // A byte per job would show.
    assert!(peak < early + 1024 + count as u64 / 2048, "the peak grew from {early} to {peak} KiB");
}

#[test]
fn many_jobs_run_at_the_same_time() {
    let barrier = Barrier::new();
    let wait = format!("echo here >&2; read -r go < {}; echo $1", barrier.path().display());
    let mut running = farm(&["-j100", "sh", "-c", &wait, "sh", "{}"]).start();
    let input = numbers(100);
    running.write(std::str::from_utf8(&input).expect("it is text"));
    (0..100).for_each(|_| _ = running.await_stderr("here"));
    (0..100).for_each(|_| barrier.release());
    assert!(running.finish().assert_code(0).stdout == input);
}

#[test]
fn more_jobs_than_the_system_allows_are_an_error_with_a_hint() {
    let program = env!("CARGO_BIN_EXE_narrows");
    for command in ["sh -c 'read -r l; exec sleep 1000'", "sh -c 'exec sleep 1000' {}", "--blocks sleep 1000"] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -n 40; exec {program} farm --buffer 10M -j100 {command}")]);
        let run = crate::harness::marked(shell).run(&numbers(400_000));
        run.assert_code(125).assert_stderr("Too many open files").assert_stderr("hint: use fewer of them (-j, -n)");
    }
}
