//! `narrows run`: ranks are started with what they need, what they write comes out in whole lines, and all of them end.

#[path = "../harness/mod.rs"]
mod harness;
mod ranks;

use std::fs;
use std::io::Write;
use std::thread::available_parallelism;

use harness::system::{Barrier, eventually};
use harness::{Farm, Running, narrows};
use rustix::process::{Pid, Signal, kill_process};

fn run(args: &[&str]) -> Farm {
    let mut run = narrows();
    run.command().arg("run").args(args);
    run
}

fn script(options: &[&str], script: &str) -> Farm {
    run(&[options, &["sh", "-c", script]].concat())
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The process that a rank named in a line that ends with its id.
fn process(line: &str) -> Pid {
    line.rsplit(' ').next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw).expect("the rank says its id")
}

/// The pids of so many ranks that say `up RANK PID` on stderr.
fn await_ranks(running: &mut Running, ranks: usize) -> Vec<Pid> {
    let mut lines: Vec<String> = (0..ranks).map(|_| running.await_stderr("up ")).collect();
    lines.sort_unstable();
    lines.iter().map(|line| process(line)).collect()
}

#[test]
fn each_rank_learns_its_number_and_has_the_mailboxes_of_all() {
    let told = r#"echo $NARROWS_RANK of $NARROWS_RANKS; for world in 0 1 2; do
        eval "mailbox=\$NARROWS_WORLD_$world"; [ -e /proc/$$/fd/${mailbox%%:*} ] || exit 3; done"#;
    let run = script(&["-n", "3"], told).run(b"");
    assert_eq!(sorted(run.assert_code(0).text()), ["0 of 3", "1 of 3", "2 of 3"]);
    assert_eq!(run.stderr, "");
}

#[test]
fn there_are_as_many_ranks_as_processors_if_nothing_else_is_said() {
    let processors = available_parallelism().expect("Linux tells").get().min(256);
    let run = script(&[], "echo $NARROWS_RANKS").run(b"");
    assert_eq!(run.assert_code(0).text(), format!("{processors}\n").repeat(processors));
}

#[test]
fn rank_0_reads_the_input_and_the_others_read_nothing() {
    let run = script(&["-n3"], r#"echo "$NARROWS_RANK $(cat)""#).run(b"a b\nc\n");
    assert_eq!(sorted(run.assert_code(0).text()), ["0 a b", "1 ", "2 ", "c"]);
}

#[test]
fn what_the_ranks_write_comes_in_whole_lines_labelled_on_request() {
    let slow = r#"i=0; while [ $i -lt 8 ]; do printf %s "$NARROWS_RANK"; head -c 9000 /dev/zero | tr '\0' x; echo; i=$((i+1)); done
        printf end; printf end >&2"#;
    let line = |rank: usize| format!("{rank}{}", "x".repeat(9000));
    for label in [&[][..], &["--label"]] {
        let run = script(&[label, &["-n3"]].concat(), slow).run(b"");
        let prefix = |rank: usize| if label.is_empty() { String::new() } else { format!("{rank}: ") };
        let mut expected: Vec<String> = (0..24).map(|at| format!("{}{}", prefix(at % 3), line(at % 3))).collect();
        expected.extend((0..3).map(|rank| format!("{}end", prefix(rank))));
        expected.sort_unstable();
        assert!(sorted(run.assert_code(0).text()) == expected, "lines are torn, lost or not labelled: {label:?}");
        let ends: Vec<String> = (0..3).map(|rank| format!("{}end", prefix(rank))).collect();
        assert_eq!(sorted(&run.stderr), ends);
    }
}

#[test]
fn the_first_rank_that_fails_is_named_and_the_others_are_ended() {
    // The others would run for ever; one of them does not heed TERM, and says so before the one that fails does that.
    let barrier = Barrier::new();
    let deaf = barrier.path().display();
    let fails = format!(
        "case $NARROWS_RANK in 2) read -r go < {deaf}; exit 7;; 1) trap '' TERM; echo go > {deaf};; esac
        while :; do sleep 1000; done"
    );
    let run = script(&["-n", "4", "--grace", "50ms"], &fails).run(b"");
    run.assert_code(7);
    let errors: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors, ["error: rank 2 has failed with exit status 7; ending the others"]);
    run.assert_stderr("note: ending rank").assert_stderr("by TERM").assert_stderr("note: ending rank 1 by KILL");
    let quiet = script(&["-q", "-n", "2", "--grace", "0"], "[ $NARROWS_RANK = 0 ] && sleep 1000; exit 3").run(b"");
    assert_eq!(quiet.assert_code(3).stderr, "error: rank 1 has failed with exit status 3; ending the others\n");
}

#[test]
fn a_rank_that_is_killed_is_named_and_the_others_may_end_by_themselves() {
    let barrier = Barrier::new();
    let ends = format!("echo up $NARROWS_RANK $$ >&2; read -r go < {}; echo ended", barrier.path().display());
    let mut running = script(&["-n3"], &ends).start();
    let ranks = await_ranks(&mut running, 3);
    kill_process(ranks[1], Signal::KILL).expect("it runs");
    running.await_stderr("error: rank 1 was ended by signal 9 (SIGKILL); ending the others");
    (0..2).for_each(|_| barrier.release());
    assert_eq!(running.finish().assert_code(128 + 9).text(), "ended\nended\n");
}

#[test]
fn many_ranks_that_know_nothing_of_mailboxes_end_well() {
    assert_eq!(script(&["-n", "64"], "exit 0").run(b"").assert_code(0).stderr, "");
}

#[test]
fn signals_are_passed_on_and_the_program_ends_by_them() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let name = match signal {
            Signal::INT => "INT",
            Signal::TERM => "TERM",
            _ => "HUP",
        };
        let heeds =
            format!("trap 'echo $NARROWS_RANK heard; exit 0' {name}; echo up $$ >&2; while :; do sleep 0.01; done");
        let mut running = script(&["-n2"], &heeds).start();
        await_ranks(&mut running, 2);
        running.signal(signal);
        let run = running.finish();
        run.assert_signal(signal);
        assert_eq!(sorted(run.text()), ["0 heard", "1 heard"], "{name}");
    }
}

#[test]
fn another_signal_ends_ranks_that_are_deaf_and_the_third_kills() {
    let deaf = "trap '' INT TERM; echo up $$ >&2; while :; do sleep 1000; done";
    let mut running = script(&["-n2"], deaf).start();
    await_ranks(&mut running, 2);
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    running.await_stderr("ending ranks 0, 1 by TERM");
    running.signal(Signal::INT);
    running.await_stderr("ending ranks 0, 1 by KILL");
    running.finish();
}

#[test]
fn other_signals_reach_the_ranks_and_end_nothing() {
    let hears = "trap 'echo usr1 >&2' USR1; trap 'exit 0' USR2; echo up $$ >&2; while :; do sleep 0.01; done";
    let mut running = script(&["-n2"], hears).start();
    await_ranks(&mut running, 2);
    running.signal(Signal::USR1);
    (0..2).for_each(|_| _ = running.await_stderr("usr1"));
    running.signal(Signal::USR2);
    running.finish().assert_code(0);
}

#[test]
fn a_stop_from_the_keyboard_stops_all_ranks_until_all_go_on() {
    let mut running = script(&["-n2"], "echo up $NARROWS_RANK $$ >&2; read -r line; exit 0").start();
    let ranks = await_ranks(&mut running, 2);
    // Rank 1 reads nothing and has ended, or is about to.
    let state = |pid: Pid| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    };
    running.signal(Signal::TSTP);
    eventually("all are stopped", || state(ranks[0]) == Some('T') && state(running.pid()) == Some('T'));
    running.signal(Signal::CONT);
    eventually("all go on", || state(ranks[0]) != Some('T') && state(running.pid()) != Some('T'));
    running.write("a\n");
    running.finish().assert_code(0);
}

#[test]
fn ranks_that_take_too_long_are_ended() {
    let run = script(&["-n2", "--timeout", "50ms"], "sleep 1000").run(b"");
    run.assert_code(124).assert_stderr("error: the ranks have run").assert_stderr("hint: ");
    script(&["-n2", "--timeout", "1h"], "exit 0").run(b"").assert_code(0);
}

#[test]
fn what_a_rank_leaves_behind_ends_with_it() {
    let leaves = "sleep 1000 & [ $NARROWS_RANK = 0 ] || exec sleep 0; echo done";
    assert_eq!(script(&["-n2"], leaves).run(b"").assert_code(0).text(), "done\n");
    // Out of its group, and with its output open: it is not waited for.
    let mut running = script(&["-n1"], "setsid sh -c 'echo $$; exec sleep 1000' & read -r line; exit 0").start();
    let left = process(running.read_line().trim());
    running.write("go\n");
    eventually("the program ends", || running.ends_within(std::time::Duration::ZERO));
    let _ = kill_process(left, Signal::KILL);
    running.finish().assert_code(0);
}

#[test]
fn nothing_is_left_when_the_program_is_killed() {
    let stays = "trap '' TERM INT HUP; echo up $NARROWS_RANK $$ >&2; sleep 1000 & setsid sleep 1000 & wait";
    let mut running = script(&["-n3"], stays).start();
    let ranks = await_ranks(&mut running, 3);
    assert!(ranks[0] != ranks[1] && ranks[1] != ranks[2]);
    running.signal(Signal::KILL);
    running.assert_nothing_left();
}

#[test]
fn a_closed_output_ends_the_ranks() {
    let mut running = script(&["-n2"], "echo up; sleep 1000").start();
    assert_eq!(running.read_line(), "up\n");
    running.stdout = None;
    running.finish().assert_signal(Signal::PIPE);
}

#[test]
fn a_full_disk_is_an_error() {
    let mut full = script(&["-n2"], "echo up; sleep 1000");
    full.command().stdout(fs::File::options().write(true).open("/dev/full").expect("Linux has it"));
    full.run(b"").assert_code(125).assert_stderr("error: cannot write").assert_stderr("hint: ");
}

#[test]
fn nobody_who_takes_the_output_keeps_a_signal_or_the_time_from_being_heard() {
    // Both write more than the pipes hold, and nobody reads.
    let floods = "echo up $$ >&2; exec yes";
    let mut running = script(&["-n2"], floods).start();
    await_ranks(&mut running, 2);
    running.signal(Signal::INT);
    eventually("the program ends", || running.ends_within(std::time::Duration::ZERO));
    running.finish().assert_signal(Signal::INT);
    let running = script(&["-n2", "--timeout", "200ms"], floods).start();
    eventually("the program ends", || running.ends_within(std::time::Duration::ZERO));
    running.finish().assert_code(124);
}

#[test]
fn an_error_is_two_lines() {
    let path = std::env::temp_dir().join(format!("narrows-run-noexec-{}", std::process::id()));
    fs::File::create(&path)
        .and_then(|mut file| file.write_all(b"#!/no/such/interpreter\n"))
        .expect("it can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, mode).expect("it is ours");
    let wrong: [(&[&str], i32, &str); 9] = [
        (&["-n", "0", "true"], 2, "expected a number of ranks from 1 to 256"),
        (&["-n", "257", "true"], 2, "expected a number of ranks from 1 to 256"),
        (&["-n", "two", "true"], 2, "expected a number of ranks from 1 to 256"),
        (&["-n", "2"], 2, "required arguments were not provided: <PROGRAM>..."),
        (&["--lable", "true"], 2, "unexpected argument '--lable'"),
        (&["--timeout", "soon", "true"], 2, "expected a time"),
        (&["no-such-program"], 127, "no-such-program: command not found"),
        (&["/etc/passwd"], 126, "cannot be run"),
        (&[path.to_str().expect("it is text")], 127, "rank 0: cannot start"),
    ];
    for (args, code, error) in wrong {
        let run = run(args).run(b"");
        let lines: Vec<&str> = run.assert_code(code).stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{}", run.stderr);
        assert!(lines[0].starts_with("error: ") && lines[0].contains(error), "no '{error}' in: {}", run.stderr);
        assert!(lines[1].starts_with("hint: "), "{}", run.stderr);
    }
    let _ = fs::remove_file(path);
    run(&[]).run(b"").assert_code(2).assert_stderr("Usage: narrows run");
}
