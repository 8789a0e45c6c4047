//! The table of edge cases, as far as it concerns live workers.

mod harness;

use std::fs::{self, File, OpenOptions};
use std::process::Stdio;

use harness::system::{Barrier, waiting_worker};
use harness::{farm, narrows, numbers};

#[test]
fn empty_input_starts_no_worker() {
    let run = farm(&["sh", "-c", "echo started >&2; cat"]).run(b"");
    run.assert_code(0);
    assert_eq!((run.text(), run.stderr.as_str()), ("", ""));
}

#[test]
fn the_last_line_gets_its_newline() {
    assert_eq!(farm(&["cat"]).run(b"a\nb").assert_code(0).text(), "a\nb\n");
}

#[test]
fn a_worker_that_ends_without_newline_gets_it_too() {
    let run = farm(&["-j1", "sh", "-c", "read -r line; printf %s \"$line\"; read -r line"]).run(b"a\n");
    run.assert_stderr("answered all its lines and ended with exit status: 1").assert_code(1);
    assert_eq!(run.text(), "a\n");
}

#[test]
fn a_record_that_is_too_long_is_named_and_what_came_before_is_printed() {
    let run = farm(&["--max-record", "10", "cat"]).run(b"short\n0123456789\nlonger than ten\nlast\n");
    run.assert_code(125).assert_stderr("record 3, at byte 17").assert_stderr("--max-record");
    assert_eq!(run.text(), "short\n0123456789\n");
    farm(&["--max-record", "100K", "cat"])
        .run(&b"x".repeat(200_000))
        .assert_code(125)
        .assert_stderr("record 1, at byte 0");
}

#[test]
fn an_answer_that_is_too_long_ends_the_farm() {
    let script = r#"$| = 1; while (<>) { print "x" x 300000, "\n" }"#;
    let run = farm(&["--max-record", "100K", "perl", "-e", script]).run(b"a\n");
    run.assert_code(125).assert_stderr("longer than --max-record");
}

#[test]
fn a_missing_command_is_found_out_before_any_input_is_read() {
    let input = std::env::temp_dir().join(format!("narrows-input-{}", std::process::id()));
    fs::write(&input, "a\nb\n").expect("a file can be written");
    for (command, code) in
        [("no-such-command-anywhere", 127), ("/no/such/file", 127), ("/etc/passwd", 126), ("/tmp", 126)]
    {
        let mut farm = farm(&[command]);
        let file = File::open(&input).expect("it was just written");
        farm.command().stdin(Stdio::from(file.try_clone().expect("files can be shared")));
        farm.run(b"").assert_code(code).assert_stderr(command);
        let position = rustix::fs::tell(&file).expect("files have a position");
        assert_eq!(position, 0, "{command}: the input was read");
    }
    let _ = fs::remove_file(input);
}

#[test]
fn a_worker_that_ignores_its_input_stops_the_farm_with_a_hint() {
    for command in [&["true"][..], &["sh", "-c", "exit 0"], &["head", "-c", "0"]] {
        let run = farm(command).run(&numbers(100));
        run.assert_code(125).assert_stderr("error: ").assert_stderr("hint: ").assert_stderr("exactly one line");
        run.assert_stderr(&format!("narrows farm {} {{}}", command[0]));
        assert_eq!(run.text(), "");
    }
}

#[test]
fn an_answer_without_reading_is_no_answer() {
    let run = farm(&["echo", "hi"]).run(b"a\n");
    run.assert_code(125);
    assert_eq!(run.text(), "");
    farm(&["yes"]).run(&numbers(1000)).assert_code(125);
}

#[test]
fn more_answers_than_questions_end_the_farm() {
    for jobs in ["1", "2"] {
        let run = farm(&["-j", jobs, "sed", "-u", "p"]).run(&numbers(1000));
        run.assert_code(125).assert_stderr("hint: ");
        // The answer too many is seen beside the next line, which may be read by then or not.
        let told =
            ["more answers than it was given", "a line before it had read it"].map(|said| run.stderr.contains(said));
        assert!(told.contains(&true), "{}", run.stderr);
    }
}

#[test]
fn fewer_answers_than_questions_are_failures() {
    let run = farm(&["-j1", "grep", "--line-buffered", "5"]).run(b"5\n1\n2\n15\n");
    run.assert_code(1).assert_stderr("answered 2 of 4 lines").assert_stderr("exactly one line");
}

#[test]
fn a_full_disk_is_an_error() {
    let mut farm = farm(&["cat"]);
    farm.command().stdout(OpenOptions::new().write(true).open("/dev/full").expect("Linux has /dev/full"));
    farm.run(&numbers(100_000)).assert_code(125).assert_stderr("No space left");
}

#[test]
fn an_input_that_cannot_be_read_is_an_error() {
    let mut farm = farm(&["cat"]);
    farm.command().stdin(File::open("/").expect("a folder can be opened"));
    farm.run(b"").assert_code(125).assert_stderr("cannot read");
}

#[test]
fn a_closed_stdin_or_stdout_is_an_error() {
    for (closed, name) in [(">&-", "stdout"), ("<&-", "stdin")] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("exec {} farm cat {closed}", env!("CARGO_BIN_EXE_narrows"))]);
        let run = harness::marked(shell).run(b"a\n");
        run.assert_code(125).assert_stderr(&format!("error: {name} is closed"));
    }
    let mut nowhere = farm(&["cat"]);
    nowhere.command().stdout(std::fs::File::options().read(true).write(true).open("/dev/null").expect("it is there"));
    nowhere.run(b"a\n").assert_code(0);
}

#[test]
fn the_output_file_must_not_be_the_input_file() {
    let path = std::env::temp_dir().join(format!("narrows-same-{}", std::process::id()));
    fs::write(&path, "a\n").expect("a file can be written");
    let mut farm = farm(&["cat"]);
    farm.command().stdin(File::open(&path).expect("it was just written"));
    farm.command().stdout(OpenOptions::new().append(true).open(&path).expect("it was just written"));
    farm.run(b"").assert_code(2).assert_stderr("the output file is the input file");
    assert_eq!(fs::read_to_string(&path).expect("it was just written"), "a\n");
    let _ = fs::remove_file(path);
}

#[test]
fn wrong_usage_is_told() {
    farm(&[]).run(b"").assert_code(2).assert_stderr("Usage:");
    narrows().run(b"").assert_code(2).assert_stderr("Usage:");
    for wrong in [&["-j", "0", "cat"][..], &["-j", "x", "cat"], &["--window", "0", "cat"], &["--buffer", "1T", "cat"]] {
        farm(wrong).run(b"").assert_code(2);
    }
    farm(&["--builtin", "factor", "cat"]).run(b"").assert_code(2);
}

#[test]
fn help_has_examples_and_goes_to_stdout() {
    let run = farm(&["--help"]).run(b"");
    assert!(run.assert_code(0).text().contains("Examples:"), "{}", run.text());
    let mut program = narrows();
    program.command().arg("--help");
    assert!(program.run(b"").assert_code(0).text().contains("farm"));
}

#[test]
fn the_options_of_the_command_are_its_own() {
    assert_eq!(farm(&["-j2", "sed", "-u", "-e", "s/a/b/"]).run(b"a\n").assert_code(0).text(), "b\n");
}

#[test]
fn stderr_passes_through_and_is_prefixed_on_request() {
    let script = "while read -r l; do printf 'about ' >&2; echo \"$l\" >&2; echo \"$l\"; done; printf end >&2";
    let run = farm(&["-j1", "sh", "-c", script]).run(b"a\n");
    assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("a\n", "about a\nend\n"));
    let run = farm(&["-v", "-j1", "sh", "-c", script]).run(b"a\n");
    assert_eq!(run.stderr, "worker 1 (sh): about a\nworker 1 (sh): end\n");
}

#[test]
fn an_answer_comes_while_the_input_pauses() {
    let mut running = farm(&["-j2", "cat"]).start();
    for line in ["a\n", "b\n", "c\n"] {
        running.write(line);
        assert_eq!(running.read_line(), line);
    }
    running.finish().assert_code(0);
}

#[test]
fn two_workers_have_a_line_in_hand_at_the_same_time() {
    let barrier = Barrier::new();
    let mut running = farm(&["-j2", "sh", "-c", &waiting_worker(&barrier)]).start();
    running.write("slow\nslow\n");
    running.await_stderr("got slow");
    running.await_stderr("got slow");
    barrier.release();
    barrier.release();
    assert_eq!(running.finish().assert_code(0).text(), "slow\nslow\n");
}

#[test]
fn unordered_answers_overtake_a_slow_record_and_ordered_ones_wait_for_it() {
    for (options, expected) in [(&["-u"][..], "b\nslow\n"), (&[], "slow\nb\n")] {
        let barrier = Barrier::new();
        let worker = waiting_worker(&barrier);
        let mut running = farm(&[options, &["-j2", "sh", "-c", &worker]].concat()).start();
        running.write("slow\n");
        running.await_stderr("got slow");
        running.write("b\n");
        running.await_stderr("got b");
        let early = if options.is_empty() { String::new() } else { running.read_line() };
        barrier.release();
        let run = running.finish();
        assert_eq!(early + run.assert_code(0).text(), expected);
    }
}
