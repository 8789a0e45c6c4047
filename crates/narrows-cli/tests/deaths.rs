//! Workers that die, and runs that end before their input does: nothing is lost in silence, no process is left.

mod harness;

use harness::system::{Barrier, eventually, waiting_worker};
use harness::{farm, marked, numbers};
use rustix::process::Signal;

#[test]
fn a_record_that_kills_its_worker_is_named_and_the_others_are_answered() {
    let script = r#"while read -r l; do [ "$l" = 3 ] && kill -9 $$; echo "$l"; done"#;
    for jobs in ["1", "2", "8"] {
        let run = farm(&["-j", jobs, "sh", "-c", script]).run(b"1\n2\n3\n4\n5\n6\n");
        run.assert_code(1).assert_stderr("record 3 failed").assert_stderr("SIGKILL");
        assert_eq!(run.text(), "1\n2\n4\n5\n6\n", "-j {jobs}");
    }
}

#[test]
fn lines_that_a_dead_worker_never_read_go_to_another() {
    // The shell reads byte by byte, so what follows the third line is still in the pipe when it dies.
    let script = r#"n=0; while read -r l; do echo "$l"; n=$((n+1)); [ $n = 40 ] && kill -9 $$; done"#;
    let input = numbers(1000);
    for jobs in ["1", "3"] {
        let run = farm(&["-j", jobs, "sh", "-c", script]).run(&input);
        assert!(run.stdout == input, "-j {jobs}: {}", run.stderr);
    }
}

#[test]
fn three_deaths_without_an_answer_stop_the_farm() {
    let run = farm(&["-j1", "sh", "-c", "exit 7"]).run(&numbers(10_000));
    run.assert_code(125).assert_stderr("3 workers in a row").assert_stderr("exit status: 7");
    let run = farm(&["-j4", "sh", "-c", "read -r l; exit 7"]).run(&numbers(10_000));
    run.assert_code(125).assert_stderr("3 workers in a row");
    assert_eq!(run.text(), "");
}

#[test]
fn a_worker_that_closes_its_stdout_is_as_good_as_dead() {
    let run = farm(&["-j1", "sh", "-c", "read -r l; exec >&-; exec sleep 1000"]).run(b"a\n");
    assert!(run.status.code().is_some_and(|code| code == 1 || code == 125), "{:?}", run.status);
}

#[test]
fn an_exit_status_after_the_last_answer_is_not_hidden() {
    let run = farm(&["-j2", "sh", "-c", "cat; exit 3"]).run(b"a\nb\n");
    run.assert_code(1).assert_stderr("exit status: 3");
    assert_eq!(run.text(), "a\nb\n");
}

#[test]
fn a_closed_output_ends_the_farm_at_once() {
    let mut running = farm(&["-j2", "cat"]).start();
    running.write("first\n");
    assert_eq!(running.read_line(), "first\n");
    // The input stays open and idle: only the end of the output can end the farm.
    running.stdout = None;
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_signal(Signal::PIPE);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_closed_output_ends_a_farm_with_endless_input() {
    let mut shell = std::process::Command::new("bash");
    let program = env!("CARGO_BIN_EXE_narrows");
    shell.args(["-c", &format!("yes | {program} farm cat | head -n 1; echo ${{PIPESTATUS[1]}}")]);
    assert_eq!(marked(shell).run(b"").text(), "y\n141\n");
}

#[test]
fn the_workers_end_when_the_program_is_killed() {
    let barrier = Barrier::new();
    // One worker waits for the barrier and the other for input; a third ignores its input and every polite signal.
    let deaf = "trap '' TERM INT HUP; read -r l; echo got it >&2; exec sleep 1000";
    for script in [waiting_worker(&barrier), deaf.to_owned()] {
        let mut running = farm(&["-j2", "sh", "-c", &script]).start();
        running.write("slow\nb\n");
        running.await_stderr("got");
        running.await_stderr("got");
        // One that is just becoming another program (`exec sleep`) shows no environment, by which it is found.
        eventually("three processes run", || running.processes().len() >= 3);
        running.signal(Signal::KILL);
        running.assert_nothing_left();
    }
}

#[test]
fn what_live_workers_started_ends_when_the_program_is_killed() {
    // The parent-death signal reaches the worker alone.
    for pipes in ["", " >/dev/null 2>&1 </dev/null"] {
        let script = format!("sleep 1000{pipes} & echo started >&2; exec cat");
        let mut running = farm(&["-j2", "sh", "-c", &script]).start();
        running.write("a\n");
        running.await_stderr("started");
        running.signal(Signal::KILL);
        running.assert_nothing_left();
    }
}

#[test]
fn a_failed_farm_ends_workers_that_ignore_polite_signals() {
    let script = "trap '' TERM; while read -r l; do echo \"$l\"; echo \"$l\"; done; exec sleep 1000";
    farm(&["-j3", "sh", "-c", script]).run(&numbers(100)).assert_code(125);
}

#[test]
fn processes_that_a_worker_started_end_with_it() {
    let run = farm(&["-j2", "sh", "-c", "sleep 1000 & exec cat"]).run(b"a\nb\nc\n");
    assert_eq!(run.assert_code(0).text(), "a\nb\nc\n");
}
