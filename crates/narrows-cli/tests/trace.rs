//! The trace: a document that its readers take, whatever becomes of the farm, in which every record stands once.

mod harness;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use harness::system::{Barrier, Folder, eventually, waiting_worker};
use harness::{farm, numbers};
use rustix::process::Signal;
use serde_json::Value;

/// The events of a trace that is a whole document.
fn parse(text: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in: {text}"));
    trace.as_array().expect("it is an array").clone()
}

fn read(path: &Path) -> Vec<Value> {
    parse(&fs::read_to_string(path).expect("it was written"))
}

fn number(event: &Value, name: &str) -> f64 {
    event[name].as_f64().unwrap_or_else(|| panic!("no {name} in {event}"))
}

fn of_kind<'a>(events: &'a [Value], phase: &str, category: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == phase && (category.is_empty() || event["cat"] == category)).collect()
}

/// The records of a span, counted from 1.
fn records(span: &Value) -> std::ops::Range<u64> {
    let first = span["args"]["record"].as_u64().expect("a span of work names its records");
    first..first + span["args"]["records"].as_u64().expect("a span of work counts its records")
}

#[track_caller]
fn assert_lanes_do_not_overlap(events: &[Value]) {
    let mut lanes: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for span in of_kind(events, "X", "") {
        let (start, length) = (number(span, "ts"), number(span, "dur"));
        assert!(start >= 0.0 && length >= 0.0, "{span}");
        lanes.entry(span["tid"].as_u64().expect("a span has a lane")).or_default().push((start, start + length));
    }
    for (lane, mut spans) in lanes {
        spans.sort_by(|a, b| a.partial_cmp(b).expect("they are numbers"));
        for pair in spans.windows(2) {
            // Half a nanosecond for the sum of two rounded numbers.
            assert!(pair[0].1 <= pair[1].0 + 0.000_5, "lane {lane}: {pair:?}");
        }
    }
}

#[track_caller]
fn assert_each_record_stands_once(events: &[Value], count: u64) {
    let mut stands: Vec<u64> = of_kind(events, "X", "records").into_iter().flat_map(records).collect();
    stands.sort_unstable();
    assert!(stands.iter().copied().eq(1..=count), "{count} records: {stands:?}");
}

fn in_folder() -> (Folder, PathBuf) {
    let folder = Folder::new();
    let path = folder.path().join("trace.json");
    (folder, path)
}

fn traced(path: &Path, args: &[&str]) -> harness::Farm {
    farm(&[&["--trace", path.to_str().expect("it is text")], args].concat())
}

#[test]
fn every_record_stands_in_one_span_of_one_worker_in_every_mode() {
    let modes: [(&[&str], usize); 7] = [
        (&["-j3", "cat"], 20_000),
        (&["-j2", "sed", "s/ab/x/"], 5_000),
        (&["-u", "-j2", "cat"], 5_000),
        (&["-j2", "--timeout", "30s", "cat"], 100),
        (&["-j2", "-n", "3", "echo", "{}"], 40),
        (&["-j2", "--blocks", "cat"], 150_000),
        (&["-j2", "--builtin", "factor"], 5_000),
    ];
    for (args, count) in modes {
        let (_folder, path) = in_folder();
        let run = traced(&path, args).run(&numbers(count));
        assert!(run.status.code().is_some_and(|code| code < 2), "{args:?}: {}", run.stderr);
        let events = read(&path);
        assert_lanes_do_not_overlap(&events);
        assert_each_record_stands_once(&events, count as u64);
    }
}

#[test]
fn lanes_bear_names_and_spans_tell_how_a_process_ended() {
    let (_folder, path) = in_folder();
    let script = "echo out; exit $1";
    traced(&path, &["-j2", "sh", "-c", script, "sh", "{}"]).run(b"0\n7\n").assert_code(1);
    let events = read(&path);
    let named = |name: &str| -> Vec<&str> {
        let names = events.iter().filter(|event| event["ph"] == "M" && event["name"] == name);
        names.map(|event| event["args"]["name"].as_str().expect("it is text")).collect()
    };
    assert_eq!(named("process_name"), ["sh -c echo out; exit $1 sh {}"]);
    assert_eq!(named("thread_name"), ["reader", "printer", "worker 1", "worker 2"]);
    let spans = of_kind(&events, "X", "records");
    let of = |record: u64| spans.iter().find(|span| records(span).start == record).expect("it has a span");
    assert_eq!((&of(1)["args"]["exit"], &of(1)["args"]["ok"]), (&0.into(), &true.into()));
    assert_eq!((&of(2)["args"]["exit"], &of(2)["args"]["ok"]), (&7.into(), &false.into()));
    assert_eq!((&of(2)["args"]["bytes"], &of(2)["args"]["output"]), (&2.into(), &4.into()));
    assert!(of(2)["args"]["failure"].as_str().is_some_and(|failure| failure.contains('7')));
}

#[test]
fn a_try_that_another_follows_is_told_apart() {
    let (_folder, path) = in_folder();
    traced(&path, &["-j1", "--retries", "2", "sh", "-c", "[ $1 != b ]", "sh", "{}"]).run(b"a\nb\nc\n").assert_code(1);
    let events = read(&path);
    assert_each_record_stands_once(&events, 3);
    let retried: Vec<_> =
        of_kind(&events, "X", "retried").into_iter().map(|span| (records(span), &span["args"]["try"])).collect();
    assert_eq!(retried, [(2..3, &1.into()), (2..3, &2.into())]);
}

#[test]
fn the_records_of_a_worker_that_died_stand_once() {
    for (options, retried) in [(&["-j1"][..], 0), (&["-j1", "--retries", "1"], 1)] {
        let (_folder, path) = in_folder();
        // Answers two lines and dies of the third, read alone.
        let script = "while read -r l; do if [ $l = x ]; then kill -9 $$; fi; echo $l; done";
        let run = traced(&path, &[options, &["sh", "-c", script]].concat()).run(b"a\nb\nx\nd\ne\nf\n");
        run.assert_code(1);
        let events = read(&path);
        assert_lanes_do_not_overlap(&events);
        assert_each_record_stands_once(&events, 6);
        let failed: Vec<&Value> =
            of_kind(&events, "X", "records").into_iter().filter(|span| span["args"]["ok"] == false).collect();
        assert!(failed.iter().any(|span| records(span).contains(&3)), "{events:?}");
        assert!(failed[0]["args"]["failure"].as_str().is_some_and(|failure| failure.contains("SIGKILL")));
        let tried_again: u64 =
            of_kind(&events, "X", "retried").into_iter().filter(|span| records(span).contains(&3)).count() as u64;
        assert_eq!(tried_again, retried, "{events:?}");
    }
}

#[test]
fn the_curve_shows_what_waits_for_an_older_record() {
    let (_folder, path) = in_folder();
    let barrier = Barrier::new();
    let mut running = traced(&path, &["-j2", "sh", "-c", &waiting_worker(&barrier)]).start();
    running.write("slow\n");
    running.await_stderr("got slow");
    running.write("a\nb\n");
    running.await_stderr("got b");
    let shows_held =
        || of_kind(&open_trace(&path), "C", "").iter().any(|point| number(&point["args"], "records") > 0.0);
    eventually("the curve rises", shows_held);
    barrier.release();
    let run = running.finish();
    assert_eq!(run.assert_code(0).text(), "slow\na\nb\n");
    let curve = read(&path);
    let curve: Vec<_> =
        of_kind(&curve, "C", "").into_iter().filter(|point| point["args"]["records"].is_u64()).collect();
    assert_eq!(curve.last().map(|point| &point["args"]["records"]), Some(&0.into()));
}

/// The events of a trace whose farm still writes: it lacks the last bracket. None while a write is seen in part.
fn open_trace(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("it was written");
    let whole = text.rfind('}').map_or(0, |end| end + 1);
    serde_json::from_str(&format!("{}]", &text[..whole])).unwrap_or_default()
}

#[test]
fn an_interrupted_farm_leaves_a_whole_trace() {
    let (_folder, path) = in_folder();
    let barrier = Barrier::new();
    let mut running = traced(&path, &["-j1", "sh", "-c", &waiting_worker(&barrier)]).start();
    running.write("slow\n");
    running.await_stderr("got slow");
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    barrier.release();
    let stdin = running.stdin.take();
    running.finish().assert_signal(Signal::INT);
    drop(stdin);
    assert_each_record_stands_once(&read(&path), 1);
}

#[test]
fn a_farm_that_is_ended_at_once_leaves_a_whole_trace() {
    let (_folder, path) = in_folder();
    let mut running = traced(&path, &["-j1", "sh", "-c", "read -r l; echo got it >&2; exec sleep 1000"]).start();
    running.write("slow\n");
    running.await_stderr("got it");
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    running.signal(Signal::INT);
    running.finish().assert_signal(Signal::INT);
    assert!(of_kind(&read(&path), "X", "records").is_empty());
}

#[test]
fn a_killed_farm_leaves_a_trace_without_its_last_bracket() {
    let (_folder, path) = in_folder();
    let mut running = traced(&path, &["-j1", "cat"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    eventually("the record is in the file", || !of_kind(&open_trace(&path), "X", "records").is_empty());
    running.signal(Signal::KILL);
    running.finish().assert_signal(Signal::KILL);
    let text = fs::read_to_string(&path).expect("it was written");
    assert_each_record_stands_once(&parse(&(text + "]")), 1);
}

#[test]
fn a_trace_that_cannot_be_written_is_an_error_before_any_input_is_read() {
    for path in ["/dev/full", "/no/such/folder/trace.json"] {
        let mut running = traced(Path::new(path), &["cat"]).start();
        let stdin = running.stdin.take();
        running.finish().assert_code(125).assert_stderr("error: cannot write the trace");
        drop(stdin);
    }
}

#[test]
fn a_trace_that_nobody_reads_any_more_ends_the_farm() {
    let (folder, _) = in_folder();
    let fifo = folder.path().join("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).expect("a fifo can be made");
    let reader = File::options().read(true).write(true).open(&fifo).expect("both ways need no partner");
    let mut running = traced(&fifo, &["-j1", "cat"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    drop(reader);
    running.finish().assert_code(125).assert_stderr("error: cannot write the trace");
}

#[test]
fn the_trace_is_not_written_over_the_input() {
    let (_folder, path) = in_folder();
    fs::write(&path, "precious\n").expect("a file can be written");
    let mut farm = traced(&path, &["cat"]);
    farm.command().stdin(File::open(&path).expect("it was written"));
    farm.run(b"").assert_code(2).assert_stderr("is the input, the output or the log").assert_stderr("hint: ");
    let text = path.to_str().expect("it is text");
    traced(&path, &["--log", text, "cat"]).run(b"a\n").assert_code(2);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious\n");
}
