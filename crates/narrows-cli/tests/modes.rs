//! What holds in every mode, and what happens when the mode that a command asks for is not the one it wants.

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use harness::system::Folder;
use harness::{Run, farm, marked};

const PROGRAM: &str = env!("CARGO_BIN_EXE_narrows");

fn bash(script: &str) -> Run {
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).env("NARROWS", PROGRAM);
    marked(shell).run(b"")
}

/// The same, with the line `a` as input, which stays open: what ends it is not the end of its input.
fn bash_with_open_input(script: &str) -> Run {
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).env("NARROWS", PROGRAM);
    let mut running = marked(shell).start();
    running.write("a\n");
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).expect("it is there").flatten();
    files.map(|file| (file.path().display().to_string(), fs::read(file.path()).expect("it is a file"))).collect()
}

#[test]
fn a_command_that_wants_arguments_touches_nothing_and_says_what_to_type() {
    let folder = Folder::new();
    // So many that what a command prints for all of them can hardly be taken for an answer to each.
    for name in 10..50 {
        fs::write(folder.path().join(name.to_string()), format!("this is {name}\n")).expect("it can be written");
    }
    let before = contents(folder.path());
    let input = before.keys().fold(String::new(), |text, path| text + path + "\n");
    for command in ["gzip", "rm", "touch", "md5sum", "ls"] {
        let mut farm = farm(&["-j2", command]);
        farm.command().current_dir(folder.path());
        let run = farm.run(input.as_bytes());
        assert!(run.status.code().is_some_and(|code| code == 1 || code == 125), "{command}: {}", run.status);
        run.assert_stderr(&format!("to pass each line as an argument: narrows farm {command} {{}}"));
        assert!(contents(folder.path()) == before, "{command} has touched a file");
    }
}

#[test]
fn endless_input_that_nobody_reads_is_not_swallowed() {
    let run = bash("yes | $NARROWS farm true; echo ${PIPESTATUS[1]}");
    assert_eq!(run.assert_stderr("narrows farm true {}").text(), "125\n");
    // What the farm has not read is there for the next command.
    let run = bash(
        "(for i in 1 2 3; do echo $i; done; seq 4 100000) | ($NARROWS farm true; wc -l | grep -q '^[1-9]' && echo rest)",
    );
    assert_eq!(run.text(), "rest\n");
}

#[test]
fn the_last_record_gets_its_end() {
    for command in [&["cat"][..], &["echo", "{}"], &["--blocks", "cat"], &["-n2", "printf", "%s\\n", "{}"]] {
        let run = farm(&[&["-j2"], command].concat()).run(b"a\nb");
        assert_eq!(run.assert_code(0).text(), "a\nb\n", "{command:?}");
    }
    assert_eq!(farm(&["--builtin", "factor"]).run(b"4\n6").assert_code(0).text(), "4: 2 2\n6: 2 3\n");
    assert_eq!(farm(&["-0", "--blocks", "cat"]).run(b"a\0b").assert_code(0).text(), "a\0b\0");
}

#[test]
fn a_record_that_is_too_long_is_named_after_all_before_it_are_printed() {
    for command in [&["cat"][..], &["echo", "{}"], &["--builtin", "factor"], &["-n2", "printf", "%s\\n", "{}"]] {
        let run = farm(&[&["--max-record", "10", "-j2"], command].concat()).run(b"4\n0000000009\nlonger than ten\n6\n");
        run.assert_code(125).assert_stderr("record 3, at byte 13").assert_stderr("--max-record");
        let expected = if command[0] == "--builtin" { "4: 2 2\n9: 3 3\n" } else { "4\n0000000009\n" };
        assert_eq!(run.text(), expected, "{command:?}");
    }
}

#[test]
fn a_closed_output_ends_every_mode() {
    for command in ["cat", "-u cat", "--blocks cat", "echo {}", "-n9 echo {}", "-t cat"] {
        let run = bash(&format!("yes | $NARROWS farm -j2 {command} | head -n1 >&2; echo ${{PIPESTATUS[@]}}"));
        assert_eq!(run.text(), "141 141 0\n", "{command}");
        assert_eq!(run.stderr.lines().count(), 1, "quietly: {}", run.stderr);
    }
}

#[test]
fn the_shell_sees_how_a_run_ended() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        // The farm is the parent of its worker, which signals it and answers.
        let live = format!("'read -r l; kill -{signal} $PPID; echo $l; cat'");
        let one = format!("'kill -{signal} $PPID; echo $1' sh {{}}");
        for command in [live, one] {
            let run = bash_with_open_input(&format!("$NARROWS farm -j1 sh -c {command}; echo $?"));
            assert_eq!(run.text(), format!("a\n{code}\n"), "{command}: {}", run.stderr);
        }
    }
    for (command, code) in [
        ("cat", 0),
        ("false {}", 1),
        ("--no-such-option", 2),
        ("yes", 125),
        ("/etc/passwd", 126),
        ("no-such-command", 127),
    ] {
        assert_eq!(
            bash(&format!("echo a | $NARROWS farm {command} >&2; echo $?")).text(),
            format!("{code}\n"),
            "{command}"
        );
    }
}

#[test]
fn jobs_may_be_a_share_of_the_processors() {
    let processors = std::thread::available_parallelism().expect("the system tells").get();
    for (jobs, expected) in [("100%", processors), ("200%", 2 * processors), ("1%", 1), ("3", 3)] {
        let run = farm(&["--dry-run", "-j", jobs, "cat"]).run(b"");
        assert!(run.assert_code(0).text().contains(&format!("jobs        {expected}\n")), "{jobs}: {}", run.text());
    }
}

#[test]
fn the_summary_says_how_a_run_ended() {
    let summary = |run: &Run| -> serde_json::Value {
        let line = run.stderr.lines().find(|line| line.starts_with('{')).expect("there is a summary");
        serde_json::from_str(line).expect("it is JSON")
    };
    let signalled =
        bash_with_open_input("exec $NARROWS farm --json-summary -j1 sh -c 'kill -TERM $PPID; echo $1' sh {}");
    let halted = farm(&["--json-summary", "--halt", "now", "-j1", "false", "{}"]).run(b"a\nb\n");
    let closed = bash("yes | $NARROWS farm --json-summary cat | head -n1");
    for (run, end, exit) in [(signalled, "signal", 143), (halted, "halted", 1), (closed, "output closed", 141)] {
        let summary = summary(&run);
        assert_eq!((summary["end"].as_str(), summary["exit"].as_u64()), (Some(end), Some(exit)), "{summary}");
    }
}
