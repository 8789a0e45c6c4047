//! Memory stays within --buffer, and a farm that cannot go on says so.

mod harness;

use std::io::Write;
use std::time::Duration;

use harness::system::Barrier;
use harness::{DEADLINE, Running, farm, numbers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};

/// Feeds lines until the farm takes no more; gives their number. It takes at least so many, however slowly.
fn fill(running: &mut Running, line: &[u8], least: usize) -> usize {
    let block = line.repeat(1000);
    let mut stdin = running.stdin.take().expect("stdin is open");
    fcntl_setfl(&stdin, OFlags::NONBLOCK).expect("a pipe can be non-blocking");
    let mut written = 0;
    // Nothing was taken for so long: the reader has stopped.
    let [patience, deadline] =
        [Duration::from_millis(700), DEADLINE].map(|time| Timespec::try_from(time).expect("it fits"));
    loop {
        let patience = if written < least * line.len() { &deadline } else { &patience };
        if poll(&mut [PollFd::new(&stdin, PollFlags::OUT)], Some(patience)).expect("a pipe can be polled") == 0 {
            break;
        }
        // The next write goes on where this one stopped.
        written += stdin.write(&block[written % line.len()..]).expect("there is room");
        assert!(written < 1 << 30, "the farm reads on and on");
    }
    fcntl_setfl(&stdin, OFlags::empty()).expect("a pipe can be blocking");
    let missing = (line.len() - written % line.len()) % line.len();
    std::thread::spawn({
        let end = line[line.len() - missing..].to_vec();
        move || stdin.write_all(&end)
    });
    (written + missing) / line.len()
}

/// The first worker waits with the line `slow` while the other one answers everything else.
fn behind_one_slow_record(buffer: &str, line: &[u8], limit_mib: u64) {
    let barrier = Barrier::new();
    let script = format!(
        r#"read -r l; if [ "$l" = slow ]; then echo got >&2; read -r go < {}; fi; echo "$l"; exec cat"#,
        barrier.path().display()
    );
    let options = ["-j2", "--max-record", "1M", "--window", "100000000", "--buffer", buffer, "sh", "-c", &script];
    let mut running = farm(&options).start();
    running.write("slow\n");
    running.await_stderr("got");
    let lines = fill(&mut running, line, 1);
    let peak = running.peak_kib();
    barrier.release();
    let run = running.finish();
    assert_eq!(memchr::memchr_iter(b'\n', &run.assert_code(0).stdout).count(), lines + 1);
    assert!(peak < limit_mib << 10, "--buffer {buffer}: the peak was {peak} KiB");
    println!("--buffer {buffer}, lines of {} bytes: peak {peak} KiB after {lines} lines", line.len());
}

// The bound: --buffer, two jobs with two pipes of 64 KiB and a record of 1 MiB, and 10 MiB for the program itself.
#[test]
fn memory_is_bounded_behind_one_slow_record() {
    behind_one_slow_record("8M", &[b"y".repeat(99), b"\n".to_vec()].concat(), 8 + 3 + 14);
    behind_one_slow_record("8M", b"y\n", 8 + 3 + 14);
    behind_one_slow_record("1M", b"y\n", 1 + 3 + 14);
}

#[test]
fn the_window_stops_the_reader() {
    let barrier = Barrier::new();
    let script = format!(
        r#"read -r l; if [ "$l" = slow ]; then echo got >&2; read -r go < {}; fi; echo "$l"; exec cat"#,
        barrier.path().display()
    );
    let mut running = farm(&["-j2", "--window", "10", "sh", "-c", &script]).start();
    running.write("slow\n");
    running.await_stderr("got");
    // A line of this length fills the pipe and the reader's buffer soon, so that few are taken beyond the window.
    let line = [b"y".repeat(99_999), b"\n".to_vec()].concat();
    let lines = fill(&mut running, &line, 10);
    assert!((10..30).contains(&lines), "{lines} lines were taken");
    barrier.release();
    running.finish().assert_code(0);
}

#[test]
fn a_worker_that_answers_only_at_the_end_is_found_stuck() {
    let run = farm(&["-j2", "--buffer", "64K", "sort"]).run(&numbers(100_000));
    run.assert_code(125).assert_stderr("answered none").assert_stderr("hint: ").assert_stderr("--buffer");
    assert_eq!(run.text(), "");
}

#[test]
fn a_worker_that_buffers_is_hinted_at_once_and_the_farm_goes_on() {
    let mut running = farm(&["-j1", "sort", "-n"]).start();
    let input: String = (1..=2000).fold(String::new(), |text, n| text + &n.to_string() + "\n");
    running.write(&input);
    running.await_stderr("worker 1 (sort) has read ");
    let run = running.finish();
    run.assert_code(0).assert_stderr("it buffers its output. Try: stdbuf -oL sort, --pty, or --blocks");
    assert_eq!(run.stderr.matches("hint: ").count(), 1, "{}", run.stderr);
    assert_eq!(run.text(), input);
}

#[test]
fn a_worker_that_answers_only_at_the_end_works_within_the_buffer() {
    let input = numbers(9);
    let run = farm(&["-j1", "sort", "-r"]).run(&input);
    let mut lines: Vec<&[u8]> = input.split_inclusive(|byte| *byte == b'\n').collect();
    lines.reverse();
    assert_eq!(run.assert_code(0).stdout, lines.concat());
}

#[test]
fn answers_may_be_much_longer_than_questions() {
    let script = r#"$| = 1; while (<>) { print "x" x 50000, "\n" }"#;
    let run = farm(&["-j2", "--buffer", "256K", "perl", "-e", script]).run(&numbers(400));
    assert_eq!(run.assert_code(0).stdout.len(), 400 * 50_001);
}
