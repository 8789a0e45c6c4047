//! Records that fail: retries, time limits, and when enough is enough.

mod harness;

use harness::system::{Barrier, Folder};
use harness::{Farm, farm, numbers, with_time};
use rustix::process::Signal;

/// So long a record may take whose answer is to come, the first of them where the machine has little else to do.
const LIMITS: [&str; 3] = ["150ms", "1s", "5s"];

fn script<'a>(options: &[&'a str], script: &'a str) -> Farm {
    farm(&[options, &["sh", "-c", script, "sh", "{}"]].concat())
}

#[test]
fn a_failed_process_is_tried_again_and_only_the_last_output_counts() {
    let folder = Folder::new();
    let path = folder.path().display();
    let attempt = format!(r#"echo "try $1"; echo x >> {path}/$1; [ $(wc -l < {path}/$1) -ge $1 ]"#);
    let run = script(&["-j2", "--retries", "2", "--backoff", "1ms"], &attempt).run(b"1\n3\n2\n");
    assert_eq!(run.assert_code(0).text(), "try 1\ntry 3\ntry 2\n");
    let run = script(&["-j2", "--retries", "2"], &attempt).run(b"9\n");
    run.assert_code(1).assert_stderr("record 1 failed in 3 tries, the last with exit status: 1");
    assert_eq!(run.text(), "try 9\n");
}

#[test]
fn an_interrupt_cuts_the_pause_before_another_try_short() {
    for command in
        [&["sh", "-c", "echo tried >&2; exit 1", "sh", "{}"][..], &["sh", "-c", "read -r l; echo tried >&2; exit 1"]]
    {
        let mut running = farm(&[&["-j1", "--retries", "1", "--backoff", "1h"], command].concat()).start();
        running.write("a\n");
        running.await_stderr("tried");
        running.signal(Signal::INT);
        running.await_stderr("record 1 failed");
        let stdin = running.stdin.take();
        // Which of the two is said first, is open.
        running.finish().assert_signal(Signal::INT).assert_stderr("finishing");
        drop(stdin);
    }
}

#[test]
fn a_record_with_nul_is_not_tried_again() {
    let run = farm(&["--retries", "5", "--backoff", "1h", "echo", "{}"]).run(b"a\0b\n");
    run.assert_code(1).assert_stderr("record 1 failed: it holds a NUL byte");
}

#[test]
fn a_record_that_kills_live_workers_is_tried_alone_and_named() {
    let poison = r#"while read -r l; do [ "$l" = 30 ] && kill -9 $$; echo "$l"; done"#;
    let input: String = (1..=60).fold(String::new(), |text, n| text + &n.to_string() + "\n");
    for jobs in ["1", "3"] {
        let run = farm(&["-j", jobs, "--retries", "4", "sh", "-c", poison]).run(input.as_bytes());
        run.assert_code(1).assert_stderr("record 30 failed");
        assert_eq!(run.text(), input.replace("\n30\n", "\n"), "-j {jobs}");
    }
}

#[test]
fn records_in_doubt_behind_a_poisoned_one_are_answered_by_another_worker() {
    // This worker reads everything before it answers: when it dies, all is in doubt.
    let reader = r#"$| = 1; my @l; while (<>) { push @l, $_; kill 9, $$ if $_ eq "3\n" } print @l"#;
    let run = farm(&["-j1", "--retries", "1", "perl", "-e", reader]).run(b"1\n2\n3\n4\n5\n");
    run.assert_code(1).assert_stderr("record 3 failed");
    assert_eq!(run.text(), "1\n2\n4\n5\n");
}

#[test]
fn a_live_worker_that_recovers_loses_nothing() {
    let folder = Folder::new();
    let once = format!(
        r#"while read -r l; do if [ "$l" = 5 ] && mkdir {}/once 2>/dev/null; then kill -9 $$; fi; echo "$l"; done"#,
        folder.path().display()
    );
    let input = numbers(200);
    let input = [b"5\n".to_vec(), input].concat();
    let run = farm(&["-j2", "--retries", "1", "--backoff", "1ms", "sh", "-c", &once]).run(&input);
    assert!(run.assert_code(0).stdout == input);
}

#[test]
fn a_process_that_takes_too_long_is_ended_with_all_that_it_started() {
    // The group, a child that left it, and one that is deaf.
    let slow = r#"echo "$1"; [ "$1" = fast ] || { setsid sleep 1000 & sleep 1000; }"#;
    let said = "fast\nslow\nfast\n";
    let (limit, run) = with_time(
        &LIMITS,
        |limit| script(&["-j2", "--timeout", limit], slow).run(said.as_bytes()),
        |run| run.text() == said,
    );
    run.assert_code(1).assert_stderr(&format!("record 2 failed: it took longer than {limit}"));
    assert_eq!(run.text(), said);
    let deaf = r#"trap '' TERM; [ "$1" = fast ] || while :; do sleep 1000; done"#;
    let run = script(&["--timeout", "50ms"], deaf).run(b"slow\nfast\n");
    run.assert_code(1).assert_stderr("record 1 failed: it took longer than 50ms");
}

#[test]
fn what_escapes_a_time_limit_and_goes_on_writing_is_not_waited_for() {
    let escaped = "setsid sh -c 'while sleep 0.02; do echo y; done' & exit 0";
    let run = script(&["--timeout", "100ms"], escaped).run(b"a\n");
    run.assert_code(1).assert_stderr("record 1 failed: it took longer than 100ms");
}

#[test]
fn an_interrupt_cuts_the_pause_before_a_retry_short() {
    for command in [&["sh", "-c", "echo tried >&2; exit 1", "sh", "{}"][..], &["sh", "-c", "read l; echo tried >&2"]] {
        let mut running = farm(&[&["-j1", "--retries", "3", "--backoff", "1h"], command].concat()).start();
        running.write("a\n");
        running.await_stderr("tried");
        running.signal(Signal::INT);
        running.finish();
    }
}

#[test]
fn the_start_of_a_program_is_not_the_time_of_its_first_record() {
    let slow = |pause| format!(r#"sleep {pause}; while read -r l; do sleep {pause}; echo "$l"; done"#);
    let (_, run) = with_time(
        &["1s", "5s"],
        |limit| {
            let slow = slow(if limit == "1s" { "0.6" } else { "3" });
            farm(&["-j1", "--timeout", limit, "sh", "-c", &slow]).run(b"a\n")
        },
        |run| run.text() == "a\n",
    );
    assert_eq!(run.assert_code(0).text(), "a\n");
}

#[test]
fn a_block_that_takes_too_long_fails() {
    let (_, run) = with_time(
        &LIMITS,
        |limit| farm(&["--blocks", "--timeout", limit, "sh", "-c", "cat; sleep 1000"]).run(b"a\nb\n"),
        |run| run.text() == "a\nb\n",
    );
    run.assert_code(1).assert_stderr("records 1 to 2 (2) failed: it took longer");
    assert_eq!(run.text(), "a\nb\n");
}

#[test]
fn a_live_worker_that_takes_too_long_fails_that_record_only() {
    let slow = r#"while read -r l; do [ "$l" = slow ] && sleep 1000; echo "$l"; done"#;
    let (limit, run) = with_time(
        &LIMITS,
        |limit| farm(&["-j2", "--timeout", limit, "sh", "-c", slow]).run(b"a\nslow\nb\nc\n"),
        |run| run.text() == "a\nb\nc\n",
    );
    run.assert_code(1).assert_stderr("record 2 failed").assert_stderr(&format!("it took longer than {limit}"));
    assert_eq!(run.text(), "a\nb\nc\n");
}

#[test]
fn a_failure_halts_the_farm_soon_or_now() {
    let barrier = Barrier::new();
    let wait = format!(
        r"case $1 in wait) read -r go < {}; echo waited;; fail) exit 1;; hang) sleep 1000;; *) echo $1;; esac",
        barrier.path().display()
    );
    let mut running = script(&["-j2", "--halt", "soon"], &wait).start();
    running.write("wait\nfail\nx\ny\nz\nx\ny\nz\n");
    running.await_stderr("finishing what is in hand");
    barrier.release();
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_code(1).assert_stderr("stopped before record");
    assert!(run.text().starts_with("waited\n"), "{}", run.text());
    assert!(!run.text().ends_with("x\ny\nz\nx\ny\nz\n"), "{}", run.text());

    let mut running = script(&["-j2", "--halt", "now,fail=2"], &wait).start();
    running.write("hang\nfail\n");
    running.await_stderr("record 2 failed");
    running.write("fail\n");
    let stdin = running.stdin.take();
    let run = running.finish();
    drop(stdin);
    run.assert_code(1).assert_stderr("ending the workers");
    assert_eq!(run.text(), "");
}

#[test]
fn a_share_of_failures_halts_the_farm() {
    let run = script(&["-j1", "--halt", "now,fail=50%"], "exit 1").run(&numbers(1000));
    run.assert_code(1).assert_stderr("record 3 failed");
    assert!(!run.stderr.contains("record 20 failed"), "{}", run.stderr);
    let run = script(&["-j1", "--halt", "now,fail=50%"], r#"[ "${1%% *}" -lt 10 ]"#).run(&numbers(15));
    assert!(!run.assert_code(1).stderr.contains("ending"), "{}", run.stderr);
    let run = script(&["-j1", "--halt", "never"], "exit 1").run(&numbers(100));
    run.assert_code(1).assert_stderr("they are counted");
}

#[test]
fn a_live_farm_halts_too() {
    let script = r#"while read -r l; do [ "$l" = 3 ] && exit 1; echo "$l"; done"#;
    let run = farm(&["-j1", "--halt", "now", "sh", "-c", script]).run(b"1\n2\n3\n4\n5\n");
    run.assert_code(1).assert_stderr("ending the workers");
    assert!("1\n2\n".starts_with(run.text()), "{}", run.text());
    let run = farm(&["-j1", "--halt", "soon", "--builtin", "factor"]).run(b"4\nx\n9\n");
    run.assert_code(1).assert_stderr("record 2 failed");
}

#[test]
fn wrong_limits_are_refused() {
    for wrong in [
        &["--halt", "later"][..],
        &["--halt", "soon,fail=0"],
        &["--timeout", "x"],
        &["--timeout", "0"],
        &["--retries", "-1"],
    ] {
        farm(&[wrong, &["cat"]].concat()).run(b"").assert_code(2);
    }
    farm(&["--timeout", "1s", "--builtin", "factor"]).run(b"").assert_code(2);
}
