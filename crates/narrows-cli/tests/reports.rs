//! What a farm says of itself: summary, progress, silence.

mod harness;

use harness::farm;
use harness::system::Barrier;

#[test]
fn a_summary_is_one_line_of_json() {
    let run = farm(&["--json-summary", "-j2", "--retries", "1", "sh", "-c", "echo $1; [ $1 != b ]", "sh", "{}"])
        .run(b"a\nb\nc\n");
    let last = run.assert_code(1).stderr.lines().last().expect("there is a summary");
    let summary: serde_json::Value = serde_json::from_str(last).expect("it is JSON");
    for (name, value) in [("read", 3), ("printed", 3), ("failed", 1), ("retries", 1), ("exit", 1), ("skipped", 0)] {
        assert_eq!(summary[name], value, "{name} in {summary}");
    }
    assert_eq!(summary["end"], "done");
    assert!(summary["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{summary}");
    let run = farm(&["--json-summary", "--max-record", "1", "cat"]).run(b"abc\n");
    run.assert_code(125).assert_stderr(r#""end":"error""#).assert_stderr(r#""exit":125"#);
}

#[test]
fn progress_is_shown_on_request() {
    let barrier = Barrier::new();
    let script = format!("read -r go < {}; echo $1; false", barrier.path().display());
    let mut running = farm(&["-p", "-j1", "sh", "-c", &script, "sh", "{}"]).start();
    running.write("a\nb\n");
    running.await_stderr("2 in hand");
    barrier.release();
    running.await_stderr("1 printed");
    barrier.release();
    let run = running.finish();
    assert_eq!(run.assert_code(1).text(), "a\nb\n");
    assert!(!farm(&["cat"]).run(b"a\n").stderr.contains("printed"), "a pipe is no terminal");
}

#[test]
fn a_quiet_farm_says_only_errors() {
    let run = farm(&["-q", "false", "{}"]).run(b"a\nb\n");
    assert_eq!(run.assert_code(1).stderr, "");
    let run = farm(&["-q", "--max-record", "1", "cat"]).run(b"abc\n");
    run.assert_code(125).assert_stderr("error: ");
}
