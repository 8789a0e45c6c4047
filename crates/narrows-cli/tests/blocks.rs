//! `--blocks`: a process per block of whole records, any filter, output in the order of the blocks.

mod harness;

use harness::{farm, numbers, plain};
use rustix::process::Signal;

#[test]
fn a_filter_that_drops_and_adds_lines_prints_what_it_prints_alone() {
    let input = numbers(300_000);
    for command in [&["grep", "7"][..], &["sed", "p"], &["tr", "-d", "\\n"]] {
        let run = farm(&[&["--blocks", "-j3"], command].concat()).run(&input);
        assert!(run.assert_code(0).stdout == plain(command, &input), "{command:?} differs");
    }
}

#[test]
fn a_block_holds_whole_lines_and_about_a_mebibyte() {
    let input = numbers(300_000);
    let run = farm(&["--blocks", "-j2", "wc", "-lc"]).run(&input);
    let counts: Vec<Vec<usize>> = run
        .assert_code(0)
        .text()
        .lines()
        .map(|line| line.split_whitespace().map(|word| word.parse().expect("wc counts")).collect())
        .collect();
    assert_eq!(counts.iter().map(|count| count[0]).sum::<usize>(), 300_000);
    assert_eq!(counts.iter().map(|count| count[1]).sum::<usize>(), input.len());
    let whole = &counts[..counts.len() - 1];
    assert!(whole.iter().all(|count| (1_048_000..=1 << 20).contains(&count[1])), "{counts:?}");
}

#[test]
fn a_line_longer_than_a_block_is_a_block() {
    let input = [b"x".repeat(3 << 20), b"\nshort\n".to_vec()].concat();
    let run = farm(&["--blocks", "wc", "-c"]).run(&input);
    assert_eq!(run.assert_code(0).text(), "3145729\n6\n");
    farm(&["--blocks", "--max-record", "1M", "wc", "-c"])
        .run(&input)
        .assert_code(125)
        .assert_stderr("record 1, at byte 0");
}

#[test]
fn unordered_blocks_are_whole() {
    let input = numbers(200_000);
    let run = farm(&["--blocks", "-u", "-j4", "--buffer", "1M", "cat"]).run(&input);
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    assert!(sorted(&run.assert_code(0).stdout) == sorted(&input));
}

#[test]
fn a_filter_may_stop_reading() {
    assert_eq!(farm(&["--blocks", "head", "-n1"]).run(&numbers(50_000)).assert_code(0).text(), "1 ab hello\n");
}

#[test]
fn a_failed_block_is_named() {
    let run = farm(&["--blocks", "-j2", "grep", "none"]).run(b"a\nb\n");
    run.assert_code(1).assert_stderr("records 1 to 2 (2) failed: exit status: 1");
}

#[test]
fn empty_input_starts_no_process() {
    let run = farm(&["--blocks", "sh", "-c", "echo started"]).run(b"");
    assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("", ""));
}

#[test]
fn an_interrupt_finishes_the_blocks_in_hand() {
    let mut running = farm(&["--blocks", "-j2", "sh", "-c", "echo got >&2; cat"]).start();
    let mut stdin = running.stdin.take().expect("it is open");
    let block = numbers(100_000);
    let writer = std::thread::spawn(move || while std::io::Write::write_all(&mut stdin, &block).is_ok() {});
    running.await_stderr("got");
    running.signal(Signal::INT);
    let run = running.finish();
    run.assert_signal(Signal::INT).assert_stderr("stopped before record");
    let block = numbers(100_000);
    assert!(run.stdout.iter().zip(block.iter().cycle()).all(|(is, expected)| is == expected), "it is no prefix");
    assert_eq!(run.stdout.last(), Some(&b'\n'));
    writer.join().expect("it ends with the pipe");
}
