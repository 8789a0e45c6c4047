//! `stat`: what is published, and the right verdict in five prepared pipelines. Everything waits for events; a figure
//! is asked for until it has settled.

mod harness;

use std::process::{Child, Command, Stdio};

use harness::status::{ask, folder_of, stat, stat_of, verdict_of};
use harness::system::{Barrier, Folder, eventually, waiting_worker};
use harness::{Farm, Running, farm, narrows};
use rustix::process::Signal;
use serde_json::json;

/// A farm that is published in this folder.
fn published(folder: &Folder, args: &[&str]) -> Farm {
    let mut farm = farm(args);
    farm.command().env("NARROWS_DIR", folder_of(folder));
    farm
}

/// A farm whose input never ends.
fn flooded(folder: &Folder, args: &[&str]) -> (Running, Child) {
    let mut yes = Command::new("yes").stdout(Stdio::piped()).spawn().expect("yes is there");
    let mut farm = published(folder, args);
    farm.command().stdin(yes.stdout.take().expect("it is a pipe"));
    (farm.start(), yes)
}

/// Ends the farm by force, and what feeds it with it.
fn end(mut running: Running, mut yes: Child) {
    running.signal(Signal::KILL);
    drop(running.stdout.take());
    running.finish();
    yes.wait().expect("it is ours");
}

#[track_caller]
fn await_verdict(folder: &Folder, running: &Running, culprit: &str, words: &str) {
    let pid = running.pid().as_raw_nonzero().get();
    eventually(&format!("{culprit}: {words}"), || {
        let Some(verdict) = verdict_of(folder, pid) else { return false };
        let sentence = verdict["sentence"].as_str().unwrap_or_default();
        verdict["culprit"] == culprit && verdict["pid"] == pid && sentence.contains(words)
    });
}

#[test]
fn a_slow_producer_is_the_bottleneck() {
    let folder = Folder::new();
    let mut running = published(&folder, &["-j2", "cat"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    await_verdict(&folder, &running, "producer", "before farm cat (which waits for input");
    running.finish().assert_code(0);
}

#[test]
fn a_slow_consumer_is_the_bottleneck() {
    let folder = Folder::new();
    let (running, yes) = flooded(&folder, &["-j2", "cat"]);
    await_verdict(&folder, &running, "consumer", "whose output is full");
    end(running, yes);
}

#[test]
fn a_farm_whose_workers_wait_needs_more_of_them() {
    let (folder, barrier) = (Folder::new(), Barrier::new());
    let script = format!("while read -r l; do read -r go < {}; echo $l; done", barrier.path().display());
    let (running, yes) = flooded(&folder, &["-j2", "sh", "-c", &script]);
    await_verdict(&folder, &running, "farm", "everything above it waits). Try -j 4 (CPU");
    end(running, yes);
}

#[test]
fn a_farm_that_fills_the_processors_does_not() {
    let folder = Folder::new();
    let (running, yes) = flooded(&folder, &["sh", "-c", "read -r l; while :; do :; done"]);
    await_verdict(&folder, &running, "farm", "More workers will not help");
    end(running, yes);
}

#[test]
fn a_record_that_all_others_wait_behind_is_named() {
    let (folder, barrier) = (Folder::new(), Barrier::new());
    let mut running = published(&folder, &["-j4", "--window", "6", "sh", "-c", &waiting_worker(&barrier)]).start();
    running.write("a\nslow\n");
    running.await_stderr("got slow");
    running.write("c\nd\ne\nf\ng\nh\n");
    await_verdict(&folder, &running, "record", "bottleneck: record 2 of farm sh");
    barrier.release();
    assert_eq!(running.finish().assert_code(0).text(), "a\nslow\nc\nd\ne\nf\ng\nh\n");
}

#[test]
fn stages_are_shown_in_the_order_of_the_pipeline() {
    let folder = Folder::new();
    let mut first = published(&folder, &["-j1", "cat"]).start();
    let mut second = published(&folder, &["-j1", "rev"]);
    second.command().stdin(first.stdout.take().expect("it is a pipe").into_inner());
    let second = second.start();
    let pid = second.pid().as_raw_nonzero().get();
    eventually("both are seen", || {
        let survey = stat_of(&folder, &pid.to_string());
        let stages = survey["pipelines"][0]["stages"].as_array().cloned().unwrap_or_default();
        let pids: Vec<_> = stages.iter().map(|stage| stage["pid"].clone()).collect();
        pids == [json!(first.pid().as_raw_nonzero().get()), json!(pid)]
    });
    drop(first.stdin.take());
    second.finish().assert_code(0);
    first.finish().assert_code(0);
}

#[test]
fn the_figures_of_a_farm_add_up() {
    let (folder, barrier) = (Folder::new(), Barrier::new());
    let mut running = published(&folder, &["-j1", "sh", "-c", &waiting_worker(&barrier)]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    running.write("slow\nb\n");
    running.await_stderr("got slow");
    let mut stage = json!(null);
    let pid = running.pid().as_raw_nonzero().get().to_string();
    eventually("three were read", || {
        stage_of(&folder, &pid).is_some_and(|found| found["read"] == 3 && found["in_hand"] == 2)
    });
    stage.clone_from(&stage_of(&folder, "sh").expect("it is found by the name of its command"));
    assert_eq!((&stage["printed"], &stage["failed"], &stage["window"]), (&json!(1), &json!(0), &json!(256)));
    assert_eq!((&stage["mode"], &stage["jobs"], &stage["oldest_record"]), (&json!("live"), &json!(1), &json!(2)));
    let shares: f64 = ["busy", "blocked", "waiting"].iter().filter_map(|name| stage[*name].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{stage}");
    assert!(stage["oldest_s"].as_f64().is_some_and(|age| age > 0.0), "{stage}");
    barrier.release();
    running.finish().assert_code(0);
}

fn stage_of(folder: &Folder, name: &str) -> Option<serde_json::Value> {
    stat_of(folder, name)["pipelines"][0]["stages"].get(0).cloned()
}

#[test]
fn prometheus_gets_its_text_format() {
    let folder = Folder::new();
    let mut running = published(&folder, &["-j1", "sh", "-c", "cat # \"q\" \\b"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    let text = stat(&folder, &["--prometheus", "--interval", "1ms"]).assert_code(0).text().to_owned();
    let label = r#"name="sh -c cat # \"q\" \\b""#;
    assert!(text.contains(&format!("narrows_printed_records_total{{kind=\"farm\",{label},")), "{text}");
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type has a name");
            assert!(
                ["counter", "gauge"].contains(&kind) && kind.starts_with('c') == name.ends_with("_total"),
                "{line}"
            );
            family = name;
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.split_once('{').expect("it has labels");
            assert_eq!(name, family, "a line stands below its type");
            let value = value.rsplit_once("} ").expect("a value follows the labels").1;
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    running.finish().assert_code(0);
}

#[test]
fn the_socket_goes_with_the_farm_and_a_dead_one_with_the_next_look() {
    let folder = Folder::new();
    let mut running = published(&folder, &["cat"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    assert_eq!(sockets(&folder), 1);
    running.finish().assert_code(0);
    assert_eq!(sockets(&folder), 0);
    let mut killed = published(&folder, &["cat"]).start();
    killed.write("a\n");
    assert_eq!(killed.read_line(), "a\n");
    killed.signal(Signal::KILL);
    killed.finish();
    // As one leaves it that is killed a moment earlier; there is no such process id.
    std::fs::write(folder_of(&folder).join("farm-99999999.new"), "").expect("it can be written");
    assert_eq!(sockets(&folder), 2);
    stat(&folder, &["--interval", "1ms"]).assert_code(0);
    assert_eq!(sockets(&folder), 0);
}

fn sockets(folder: &Folder) -> usize {
    std::fs::read_dir(folder_of(folder)).expect("it was made").count()
}

#[test]
fn a_farm_that_cannot_be_published_runs_as_well() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("/tmp", folder_of(&folder)).expect("it can be linked");
    for place in ["/dev/null/none".into(), folder_of(&folder)] {
        let mut quiet = farm(&["-j1", "cat"]);
        quiet.command().env("NARROWS_DIR", &place);
        let run = quiet.run(b"a\n");
        assert_eq!((run.assert_code(0).text(), run.stderr.as_str()), ("a\n", ""));
        let mut loud = farm(&["-v", "-j1", "cat"]);
        loud.command().env("NARROWS_DIR", &place);
        loud.run(b"a\n").assert_code(0).assert_stderr("will not see this farm");
    }
}

#[test]
fn a_question_that_makes_no_sense_is_answered_with_an_error() {
    let folder = Folder::new();
    let mut running = published(&folder, &["-j1", "cat"]).start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    for question in [json!({ "ask": "what" }), json!({ "ask": "workers", "n": 0 }), json!({ "ask": "workers" })] {
        assert!(ask(&folder, running.pid(), &question)["error"].is_string(), "{question}");
    }
    running.write("b\n");
    assert_eq!(running.read_line(), "b\n");
    running.finish().assert_code(0);
}

const NOTHING: &str = "no farm or tap is running, and there is no channel\n";

#[test]
fn nothing_that_runs_and_nothing_of_that_name_is_said() {
    let folder = Folder::new();
    assert_eq!(stat(&folder, &["--interval", "1ms"]).assert_code(0).text(), NOTHING);
    stat(&folder, &["--interval", "1ms", "none"]).assert_code(1).assert_stderr("no running farm or tap");
    let mut both = narrows();
    both.command().args(["stat", "--json", "--prometheus"]);
    both.run(b"").assert_code(2);
}
