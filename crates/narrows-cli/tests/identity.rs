//! A farm prints what the plain command prints.

mod harness;

use harness::{farm, is_installed, numbers, plain};

const JOBS: [&str; 3] = ["1", "2", "8"];

#[track_caller]
fn assert_same(command: &[&str], input: &[u8]) {
    if !is_installed(command[0]) {
        eprintln!("{} is not installed here", command[0]);
        return;
    }
    let expected = plain(command, input);
    for jobs in JOBS {
        let run = farm(&[&["-j", jobs], command].concat()).run(input);
        run.assert_code(0);
        assert!(run.stdout == expected, "-j {jobs} {command:?} differs; stderr: {}", run.stderr);
    }
}

#[test]
fn commands_that_answer_each_line_at_once() {
    assert_same(&["cat"], &numbers(100_000));
    assert_same(&["sed", "-u", "s/a/b/"], &numbers(20_000));
}

#[test]
fn sed_which_buffers() {
    assert_same(&["sed", "s/a/b/"], &numbers(100_000));
}

#[test]
fn tr_which_buffers() {
    assert_same(&["tr", "a-f", "A-F"], &numbers(100_000));
}

#[test]
fn awk_which_buffers() {
    assert_same(&["awk", "{ print $2, $1 }"], &numbers(100_000));
}

#[test]
fn rev_and_cut() {
    assert_same(&["rev"], &numbers(100_000));
    assert_same(&["cut", "-c", "1-7"], &numbers(100_000));
}

#[test]
fn interpreters_that_start_slowly() {
    assert_same(&["perl", "-pe", "s/a/b/"], &numbers(30_000));
    assert_same(
        &["python3", "-c", "import sys\nfor line in sys.stdin: sys.stdout.write(line.upper())"],
        &numbers(30_000),
    );
    assert_same(&["sh", "-c", "sleep 0.2; exec cat"], &numbers(1000));
}

#[test]
fn a_pipeline_as_worker() {
    assert_same(&["sh", "-c", "sed s/a/b/ | tr b c"], &numbers(30_000));
}

#[test]
fn lines_of_every_length() {
    let line = |n: usize| [b"x".repeat(n * n % 9000), b"\n".to_vec()].concat();
    let input: Vec<u8> = (0..2000).flat_map(line).collect();
    assert_same(&["cat"], &input);
    assert_same(&["sed", "s/x/y/"], &input);
}

#[test]
fn a_line_longer_than_any_pipe() {
    let input = [b"x".repeat(3 << 20), b"\nshort\n".to_vec(), b"y".repeat(1 << 20), b"\n".to_vec()].concat();
    assert_same(&["cat"], &input);
    assert_same(&["tr", "x", "z"], &input);
}

#[test]
fn bytes_pass_unchanged() {
    assert_same(&["cat"], b"dos\r\n\xff\xfe not utf-8 \x80\n nul \0 inside \0\n\n\n\ttab\n");
}

#[test]
fn a_window_smaller_than_a_workers_buffer_gives_way() {
    let input = numbers(20_000);
    for jobs in JOBS {
        let run = farm(&["-j", jobs, "--window", "3", "sed", "s/a/b/"]).run(&input);
        assert!(run.assert_code(0).stdout == plain(&["sed", "s/a/b/"], &input), "-j {jobs} differs");
    }
}

#[test]
fn records_that_end_with_nul() {
    let input = b"one\ntwo\0three\0\0last";
    let run = farm(&["-0", "-j", "2", "sed", "-z", "s/t/T/"]).run(input);
    assert_eq!(run.assert_code(0).stdout, b"one\nTwo\0Three\0\0lasT\0");
}

#[test]
fn unordered_answers_are_the_same_lines() {
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    let input = numbers(50_000);
    for command in [&["cat"][..], &["sed", "s/a/b/"]] {
        let run = farm(&[&["-u", "-j", "4"], command].concat()).run(&input);
        assert!(sorted(&run.assert_code(0).stdout) == sorted(&plain(command, &input)), "{command:?} differs");
    }
}
