//! `CMD {}`: a process per record, whose arguments hold it.

mod harness;

use std::fs;

use harness::system::{Barrier, eventually};
use harness::{Farm, farm, numbers};
use rustix::process::{Pid, Signal, kill_process};

/// A script that gets the record as `$1`.
fn script<'a>(options: &[&'a str], script: &'a str) -> Farm {
    farm(&[options, &["sh", "-c", script, "sh", "{}"]].concat())
}

#[test]
fn each_record_is_an_argument_of_a_process_of_its_own() {
    let run = farm(&["-j3", "echo", "{}", "<{}>", "{#}"]).run(b"a\nb  c\n\nlast");
    assert_eq!(run.assert_code(0).text(), "a <a> 1\nb  c <b  c> 2\n <> 3\nlast <last> 4\n");
    let run = farm(&["-j2", "echo", "{w}"]).run(&numbers(50));
    assert_eq!(run.assert_code(125).text(), "", "without {{}} the command is a live one");
    let run = farm(&["-j2", "printf", "%.0s%s\n", "{}", "{w}"]).run(&numbers(50));
    assert!(run.assert_code(0).text().lines().all(|worker| ["1", "2"].contains(&worker)), "{}", run.text());
}

#[test]
fn empty_input_starts_no_process() {
    let run = script(&[], "echo started >&2").run(b"");
    assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("", ""));
}

#[test]
fn no_character_of_a_record_is_interpreted() {
    let input = "a b  c\n$(id)\n`id`\n';id;'\n\"q\n*\n~\n\\n\n-n\n{#}{w}\n#\n\u{e9}\r\n&\n";
    let run = script(&["-j3"], r#"printf '%s\n' "$1""#).run(input.as_bytes());
    assert_eq!(run.assert_code(0).text(), input);
    for place in ["printf '%s\\n' {}", "printf '%s\\n' \"{}\"", "x={}; printf '%s\\n' \"$x\" | cat"] {
        let run = farm(&["-j3", "--shell", place]).run(input.as_bytes());
        assert_eq!(run.assert_code(0).text(), input, "{place}");
    }
    let run = farm(&["printf", "%s\\n", "{}"]).run(b"\xff\xfe\x80\n");
    assert_eq!(run.assert_code(0).stdout, b"\xff\xfe\x80\n");
}

#[test]
fn without_a_place_a_script_of_the_shell_is_a_live_worker() {
    let run = farm(&["-j2", "--shell", "sed -u s/a/b/ | cat"]).run(b"a\nca\n");
    assert_eq!(run.assert_code(0).text(), "b\ncb\n");
}

#[test]
fn a_place_that_the_shell_cannot_keep_safe_is_refused() {
    let run = farm(&["--shell", "echo `cat {}`"]).run(b"a\n");
    run.assert_code(2).assert_stderr("inside `...`").assert_stderr("hint: ");
}

#[test]
fn n_records_share_a_command_line() {
    let run = farm(&["-j2", "-n", "3", "echo", "{#}:", "{}"]).run(b"a\nb c\nd\ne\nf\ng\nh\n");
    assert_eq!(run.assert_code(0).text(), "1: a b c d\n4: e f g\n7: h\n");
    let run = farm(&["-n", "2", "--shell", "printf '<%s>' {}; echo"]).run(b"a b\n$x\nc\n");
    assert_eq!(run.assert_code(0).text(), "<a b><$x>\n<c>\n");
    farm(&["-n", "2", "echo", "x{}"]).run(b"").assert_code(2).assert_stderr("argument of its own");
    farm(&["-n", "2", "cat"]).run(b"").assert_code(2).assert_stderr("no {}");
    farm(&["-n", "20", "--window", "10", "echo", "{}"]).run(b"").assert_code(2).assert_stderr("--window");
}

#[test]
fn outputs_never_mix_and_keep_the_order() {
    let output =
        r#"i=0; while [ $i -lt 40 ]; do echo "$1 $i"; i=$((i+1)); done; head -c 50000 /dev/zero | tr '\0' "$1"; echo"#;
    let expected = |record: &str| {
        let lines = (0..40).fold(String::new(), |text, i| text + &format!("{record} {i}\n"));
        lines + &record.repeat(50_000) + "\n"
    };
    let input = "a\nb\nc\nd\ne\nf\ng\nh\n";
    let all: String = input.lines().map(expected).collect();
    let run = script(&["-j4"], output).run(input.as_bytes());
    assert!(run.assert_code(0).text() == all, "ordered output differs");
    // With room for less than one output, some output must leave before it is whole.
    for buffer in ["64M", "20K"] {
        let run = script(&["-u", "-j4", "--buffer", buffer], output).run(input.as_bytes());
        let mut rest = run.assert_code(0).text().to_owned();
        assert_eq!(rest.len(), all.len());
        for record in input.lines() {
            rest = rest.replacen(&expected(record), "", 1);
        }
        assert!(rest.is_empty(), "--buffer {buffer}: output of two records is mixed");
    }
}

#[test]
fn the_oldest_output_streams_and_the_next_is_held() {
    let barrier = Barrier::new();
    let output = format!("echo first $1; echo said >&2; read -r go < {}; echo last $1", barrier.path().display());
    let mut running = script(&["-j2"], &output).start();
    running.write("a\nb\n");
    assert_eq!(running.read_line(), "first a\n");
    running.await_stderr("said");
    running.await_stderr("said");
    barrier.release();
    barrier.release();
    assert_eq!(running.finish().assert_code(0).text(), "last a\nfirst b\nlast b\n");
}

#[test]
fn memory_is_bounded_behind_a_slow_record() {
    let barrier = Barrier::new();
    let output = format!(
        r#"if [ "$1" = slow ]; then read -r go < {}; else echo go >&2; head -c 40000000 /dev/zero; fi"#,
        barrier.path().display()
    );
    let mut running = script(&["-j2", "--buffer", "2M", "--stall", "1ms"], &output).start();
    running.write("slow\nbig\n");
    running.await_stderr("go");
    // Once it stands still, the farm has taken all it may.
    let peak = std::cell::Cell::new((0, 0));
    eventually("the peak stays", || {
        let (before, times) = peak.get();
        let now = running.peak_kib();
        peak.set(if now == before { (now, times + 1) } else { (now, 0) });
        times > 100 && now > 4 << 10
    });
    barrier.release();
    assert_eq!(running.finish().assert_code(0).stdout.len(), 40_000_000);
    assert!(peak.get().0 < (2 + 14) << 10, "the peak was {} KiB", peak.get().0);
}

#[test]
fn stdin_of_a_process_is_empty() {
    let run = script(&[], r#"cat; echo "$1""#).run(b"a\nb\n");
    assert_eq!(run.assert_code(0).text(), "a\nb\n");
}

#[test]
fn a_record_with_nul_fails_with_a_hint() {
    let run = farm(&["echo", "{}"]).run(b"a\nb\0b\nc\n");
    run.assert_code(1).assert_stderr("record 2 failed: it holds a NUL byte").assert_stderr("hint: ");
    assert_eq!(run.text(), "a\nc\n");
}

#[test]
fn a_record_longer_than_an_argument_may_be_fails_with_a_hint() {
    let input = [b"a\n".to_vec(), b"x".repeat(200_000), b"\nc\n".to_vec()].concat();
    let run = farm(&["echo", "{}"]).run(&input);
    run.assert_code(1).assert_stderr("record 2 failed: it is longer than").assert_stderr("hint: ");
    assert_eq!(run.text(), "a\nc\n");
}

#[test]
fn a_failed_record_is_named_and_its_output_printed() {
    let run = script(&["-j2"], r#"echo "$1"; [ "$1" != b ] || exit 3"#).run(b"a\nb\nc\n");
    run.assert_code(1).assert_stderr("record 2 failed: exit status: 3");
    assert_eq!(run.text(), "a\nb\nc\n");
    let run = farm(&["false", "{}"]).run(&numbers(100));
    run.assert_code(1).assert_stderr("they are counted");
    assert_eq!(run.stderr.matches("failed: exit status: 1").count(), 20, "{}", run.stderr);
    assert!(run.stderr.lines().count() < 30, "{}", run.stderr);
}

#[test]
fn a_process_that_is_killed_is_a_failed_record() {
    let mut running = script(&["-j1"], r#"[ "$1" = a ] || exit 0; echo "pid $$" >&2; exec sleep 1000"#).start();
    running.write("a\nb\n");
    let line = running.await_stderr("pid ");
    let pid = line.rsplit(' ').next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    kill_process(pid.expect("the script says its id"), Signal::KILL).expect("it runs");
    running.finish().assert_code(1).assert_stderr("record 1 failed: signal: 9");
}

#[test]
fn commands_that_cannot_be_run_are_told() {
    farm(&["no-such-command", "{}"]).run(b"a\n").assert_code(127);
    farm(&["/etc/passwd", "{}"]).run(b"a\n").assert_code(126);
    farm(&["{}"]).run(b"a\n").assert_code(2).assert_stderr("hint: ");
    let path = std::env::temp_dir().join(format!("narrows-noexec-{}", std::process::id()));
    fs::write(&path, "#!/no/such/interpreter\n").expect("a file can be written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, mode).expect("it is ours");
    farm(&[path.to_str().expect("it is text"), "{}"]).run(b"a\n").assert_code(127).assert_stderr("interpreter");
    let _ = fs::remove_file(path);
}

#[test]
fn stderr_is_passed_on_in_whole_lines_and_prefixed_on_request() {
    let output = r#"printf 'about ' >&2; echo "$1" >&2; printf end >&2"#;
    let run = script(&["-j1"], output).run(b"a\n");
    assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("", "about a\nend\n"));
    let run = script(&["-v", "-j1"], output).run(b"a\n");
    assert_eq!(run.stderr, "worker 1 (sh): about a\nworker 1 (sh): end\n");
}

#[test]
fn processes_left_behind_end_with_the_one_that_left_them() {
    let run = script(&["-j2"], "sleep 1000 & echo $1").run(b"a\nb\nc\n");
    assert_eq!(run.assert_code(0).text(), "a\nb\nc\n");
}

#[test]
fn the_first_interrupt_finishes_what_is_in_hand() {
    let barrier = Barrier::new();
    let mut running =
        script(&["-j1"], &format!("echo got >&2; read -r go < {}; echo $1", barrier.path().display())).start();
    running.write("a\nb\nc\n");
    running.await_stderr("got");
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    barrier.release();
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_signal(Signal::INT).assert_stderr("stopped before record 2");
    assert_eq!(run.text(), "a\n");
}

#[test]
fn the_second_interrupt_ends_the_processes_and_the_third_kills() {
    for (deaf, interrupts) in [("", 2), ("trap '' TERM; ", 3)] {
        let mut running = script(&["-j1"], &format!("{deaf}echo got >&2; sleep 1000; sleep 1000")).start();
        running.write("a\nb\n");
        running.await_stderr("got");
        for said in ["finishing", "ending", ""].iter().take(interrupts) {
            running.signal(Signal::INT);
            if !said.is_empty() {
                running.await_stderr(said);
            }
        }
        running.finish().assert_signal(Signal::INT);
    }
}

#[test]
fn the_processes_end_when_the_program_is_killed() {
    let mut running = script(&["-j2"], "trap '' TERM INT HUP; echo got >&2; sleep 1000 & wait").start();
    running.write("a\nb\n");
    running.await_stderr("got");
    running.await_stderr("got");
    running.signal(Signal::KILL);
    running.assert_nothing_left();
}

#[test]
fn a_closed_output_ends_the_farm() {
    let mut running = script(&["-j2"], r#"echo "$1"; [ "$1" = a ] || sleep 1000"#).start();
    running.write("a\nb\n");
    assert_eq!(running.read_line(), "a\n");
    running.stdout = None;
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_signal(Signal::PIPE);
}

#[test]
fn a_stall_is_named() {
    let barrier = Barrier::new();
    let wait = format!(r#"[ "$1" != slow ] || read -r go < {}; echo "$1""#, barrier.path().display());
    let mut running = script(&["-j2", "--window", "4", "--stall", "50ms"], &wait).start();
    running.write("x\nslow\na\nb\nc\nd\ne\nf\n");
    // The first may have stalled before, where a process takes that long to start.
    let line = running.await_stderr(" s on record 2, worker ");
    assert!(
        line.contains("stalled ") && line.rsplit(" pid ").next().is_some_and(|pid| pid.parse::<u32>().is_ok()),
        "{line}"
    );
    barrier.release();
    running.finish().assert_code(0);
}

#[test]
fn a_dry_run_shows_the_mode_and_runs_nothing() {
    for (command, mode) in [
        (&["touch", "{}"][..], "spawn"),
        (&["cat"], "live"),
        (&["--blocks", "cat"], "block"),
        (&["--builtin", "factor"], "in process"),
    ] {
        let run = farm(&[&["--dry-run", "-j3"], command].concat()).run(b"/no/such/folder/file\n");
        assert!(run.assert_code(0).text().starts_with(&format!("mode        {mode}: ")), "{}", run.text());
        assert!(run.text().contains("jobs        3\n"), "{}", run.text());
        assert_eq!(run.stderr, "");
    }
    farm(&["--dry-run", "no-such-command", "{}"]).run(b"").assert_code(127);
}
