//! Farms between named channels.
//! The other end is the library, in this process; `NARROWS_DIR` would be shared by its threads, so channels are paths.

mod harness;

use std::path::PathBuf;
use std::time::Duration;

use harness::system::{Folder, eventually};
use harness::{DEADLINE, Farm, farm};
use narrows_shm::{Bytes, OpenError, Receiver, Sender, inspect, options};
use rustix::process::Signal;

/// A farm and what it makes where it comes first are in this folder.
fn at(folder: &Folder, args: &[&str]) -> Farm {
    let mut farm = farm(args);
    farm.command().env("NARROWS_DIR", home(folder));
    farm
}

fn home(folder: &Folder) -> PathBuf {
    folder.path().join("narrows")
}

/// The path of the channel that is called so.
fn channel(folder: &Folder, name: &str) -> String {
    use std::os::unix::fs::DirBuilderExt;
    let _ = std::fs::DirBuilder::new().mode(0o700).create(home(folder));
    home(folder).join(format!("{name}.channel")).to_str().expect("it is text").to_owned()
}

fn sender(folder: &Folder, name: &str, capacity: u32) -> Sender<Vec<u8>, Bytes> {
    options().bytes().capacity(capacity).max_len(1 << 20).sender(&channel(folder, name)).expect("a sender")
}

fn receiver(folder: &Folder, name: &str) -> Receiver<Vec<u8>, Bytes> {
    options().bytes().max_len(1 << 20).receiver(&channel(folder, name)).expect("a receiver")
}

fn all(receiver: &Receiver<Vec<u8>, Bytes>) -> Vec<String> {
    receiver.iter().map(|record| String::from_utf8(record.expect("a record")).expect("text")).collect()
}

#[test]
fn every_mode_answers_the_records_of_a_channel_in_order() {
    let modes: [&[&str]; 5] =
        [&["cat"], &["echo", "{}"], &["-n", "7", "printf", "%s\\n", "{}"], &["--blocks", "cat"], &["-0", "cat"]];
    for mode in modes {
        let folder = Folder::new();
        let sender = sender(&folder, "in", 16);
        let running = at(&folder, &[&["-j3", "--from", "in"], mode].concat()).start();
        for n in 0..60 {
            let sent = sender.send_timeout(format!("record {n}").into_bytes(), DEADLINE);
            sent.unwrap_or_else(|_| panic!("the farm of {mode:?} takes no record {n}"));
        }
        drop(sender);
        let run = running.finish();
        let text = run.assert_code(0).text().replace('\0', "\n");
        let expected = (0..60).fold(String::new(), |text, n| text + &format!("record {n}\n"));
        assert_eq!(text, expected, "{mode:?}");
        assert!(!PathBuf::from(channel(&folder, "in")).exists(), "the last takes the name away");
    }
}

#[test]
fn answers_go_to_a_channel_a_message_for_each_record_of_the_output() {
    let folder = Folder::new();
    let answers = receiver(&folder, "out");
    let running = at(&folder, &["-j2", "--to", "out", "--shell", "printf 'a %s\\nb' {}"]).start();
    let mut running = running;
    running.write("1\n2\n");
    drop(running.stdin.take());
    assert_eq!(all(&answers), ["a 1", "b", "a 2", "b"]);
    assert_eq!(running.finish().assert_code(0).text(), "");
}

#[test]
fn frames_may_hold_any_bytes_and_none() {
    let folder = Folder::new();
    let (questions, answers) = (sender(&folder, "in", 16), receiver(&folder, "out"));
    let running = at(&folder, &["-j2", "--from", "in", "--to", "out", "--frame", "cat"]).start();
    let long = vec![0xff; 70_000];
    let sent = [&b"a\nb\0"[..], b"", &long];
    for record in sent {
        questions.send(record.to_vec()).expect("the farm takes it");
    }
    drop(questions);
    let records: Vec<Vec<u8>> = answers.iter().map(|record| record.expect("a record")).collect();
    assert_eq!(records, sent);
    running.finish().assert_code(0);
}

#[test]
fn two_farms_share_a_channel_and_a_record_that_one_has_in_hand_keeps_the_other_from_nothing() {
    let folder = Folder::new();
    let (questions, answers) = (sender(&folder, "in", 64), receiver(&folder, "out"));
    // The first record waits for a file that is made when all others are answered.
    let gate = folder.path().join("gate");
    let script = format!("[ {{}} != 0 ] || until [ -e {} ]; do sleep 0.01; done; echo {{}}", gate.display());
    let args = ["-j1", "-u", "--from", "in", "--to", "out", "--shell", &script];
    let running = [at(&folder, &args).start(), at(&folder, &args).start()];
    for n in 0..20 {
        questions.send(n.to_string().into_bytes()).expect("a farm takes it");
    }
    drop(questions);
    let mut answered: Vec<String> =
        (0..18).map(|_| String::from_utf8(answers.recv().expect("an answer")).expect("text")).collect();
    assert!(!answered.contains(&"0".to_owned()));
    std::fs::write(&gate, "").expect("the gate opens");
    answered.extend(all(&answers));
    answered.sort_by_key(|text| text.parse::<u32>().expect("a number"));
    assert!((0..20).map(|n| n.to_string()).eq(answered));
    for run in running {
        run.finish().assert_code(0);
    }
}

#[test]
fn what_a_killed_farm_had_in_hand_is_done_by_another() {
    let folder = Folder::new();
    let questions = sender(&folder, "in", 64);
    for n in 0..10 {
        questions.send(n.to_string().into_bytes()).expect("there is room");
    }
    let started = folder.path().join("started");
    let script = format!("touch {}; exec sleep 1000; {{}}", started.display());
    let hanging = at(&folder, &["-j2", "--from", "in", "--shell", &script]).start();
    eventually("a record is in hand", || started.exists());
    hanging.signal(Signal::KILL);
    hanging.finish().assert_signal(Signal::KILL);
    drop(questions);
    let run = at(&folder, &["-j1", "-u", "--from", "in", "cat"]).run(b"");
    let mut lines: Vec<&str> = run.assert_code(0).text().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn an_interrupted_farm_answers_what_is_in_hand_and_leaves_the_rest_in_the_channel() {
    let folder = Folder::new();
    let questions = sender(&folder, "in", 64);
    for n in 0..10 {
        questions.send(n.to_string().into_bytes()).expect("there is room");
    }
    let (started, gate) = (folder.path().join("started"), folder.path().join("gate"));
    let script =
        format!("touch {}; until [ -e {} ]; do sleep 0.01; done; echo {{}}", started.display(), gate.display());
    let mut running = at(&folder, &["-j1", "--from", "in", "--shell", &script]).start();
    eventually("a record is in hand", || started.exists());
    running.signal(Signal::INT);
    running.await_stderr("finishing what is in hand");
    std::fs::write(&gate, "").expect("the gate opens");
    let run = running.finish();
    run.assert_signal(Signal::INT).assert_stderr("still in the channel in");
    let answered = run.text().lines().count();
    assert!((1..=2).contains(&answered), "{}", run.text());
    drop(questions);
    let mut left = all(&receiver(&folder, "in"));
    left.extend(run.text().lines().map(str::to_owned));
    left.sort();
    assert_eq!(left, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn a_record_that_the_farm_cannot_cut_stays_and_what_came_before_is_answered() {
    for (options, record, error, hint) in [
        (&["-j1"][..], "two\nlines", "has a newline in it", "--frame"),
        (&["-j1", "--max-record", "5"], "longer", "is longer than 5 bytes", "--max-record"),
    ] {
        let folder = Folder::new();
        let questions = sender(&folder, "in", 16);
        for record in ["one", record, "three"] {
            questions.send(record.as_bytes().to_vec()).expect("there is room");
        }
        let run = at(&folder, &[options, &["--from", "in", "cat"]].concat()).run(b"");
        assert_eq!(run.assert_code(125).assert_stderr(error).assert_stderr(hint).text(), "one\n");
        drop(questions);
        let mut left = all(&receiver(&folder, "in"));
        left.sort();
        let mut expected = [record, "three"];
        expected.sort_unstable();
        assert_eq!(left, expected);
    }
}

#[test]
fn a_channel_that_is_closed_or_too_small_for_an_answer_ends_the_farm() {
    let folder = Folder::new();
    let answers = receiver(&folder, "out");
    answers.close();
    at(&folder, &["-j1", "--to", "out", "cat"])
        .run(b"a\n")
        .assert_code(125)
        .assert_stderr("the channel out was closed");

    let small = options().bytes().max_len(10).receiver::<Vec<u8>>(&channel(&folder, "small")).expect("a receiver");
    let run = at(&folder, &["-j1", "--to", "small", "cat"]).run(b"short\nfar too long\n");
    run.assert_code(125).assert_stderr("does not fit into the channel small");
    assert_eq!(small.recv().expect("what came before"), b"short");
}

#[test]
fn a_full_channel_makes_the_farm_wait() {
    let folder = Folder::new();
    let answers = options().bytes().capacity(2).receiver::<Vec<u8>>(&channel(&folder, "out")).expect("a receiver");
    let running = at(&folder, &["-j2", "--to", "out", "cat"]).start();
    let mut running = running;
    running.write(&"x\n".repeat(20));
    drop(running.stdin.take());
    eventually("the channel is full", || answers.inspect().len() == 2);
    assert!(!running.ends_within(Duration::from_millis(1)));
    assert_eq!(all(&answers).len(), 20);
    running.finish().assert_code(0);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_taken() {
    let folder = Folder::new();
    let same = channel(&folder, "jobs");
    at(&folder, &["--from", "jobs", "--to", &same, "cat"]).run(b"").assert_code(2).assert_stderr("the same channel");
    at(&folder, &["--from", "a\nb", "cat"]).run(b"").assert_code(2).assert_stderr("name of a channel");
    at(&folder, &["--from", "jobs", "--log", "x", "--resume", "cat"]).run(b"").assert_code(2);
    let run = at(&folder, &["--dry-run", "--from", "jobs", "--to", "done", "cat"]).run(b"");
    assert!(run.assert_code(0).text().contains("the channel jobs"), "{}", run.text());
    let typed = options().sender::<u64>(&same).expect("a channel of another type");
    at(&folder, &["--from", "jobs", "cat"]).run(b"").assert_code(125).assert_stderr("it is a queue of u64");
    drop(typed);
    assert!(matches!(inspect(&same), Err(OpenError::NotFound)), "a dry run makes no channel");
}

#[test]
fn commands_that_buffer_are_told_the_end_though_their_records_are_in_hand() {
    let folder = Folder::new();
    let (questions, answers) = (sender(&folder, "in", 64), receiver(&folder, "out"));
    // Each keeps what it has until its input ends, and each could give it back.
    let args =
        ["-j1", "-u", "-q", "--from", "in", "--to", "out", "awk", "{ kept = kept $0 \"\\n\" } END { printf kept }"];
    let running = [at(&folder, &args).start(), at(&folder, &args).start()];
    // One that comes when the other has done it all waits for another channel of that name.
    eventually("both take part", || questions.inspect().participants().len() == 3);
    for n in 0..10 {
        questions.send(n.to_string().into_bytes()).expect("there is room");
    }
    drop(questions);
    let mut answered = all(&answers);
    answered.sort();
    assert_eq!(answered, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    for run in running {
        run.finish().assert_code(0);
    }
}

#[test]
fn a_full_channel_before_a_command_that_buffers_is_hinted_at() {
    let folder = Folder::new();
    let questions = sender(&folder, "in", 2);
    let awk = "{ kept = kept $0 \"\\n\" } END { printf kept }";
    let mut running = at(&folder, &["-j1", "--from", "in", "awk", awk]).start();
    std::thread::scope(|scope| {
        let questions = &questions;
        scope.spawn(move || (0..3).for_each(|n| _ = questions.send(vec![b'0' + n])));
        running.await_stderr("the channel in is full");
        questions.close();
    });
    drop(questions);
    assert_eq!(running.finish().assert_code(0).text(), "0\n1\n");
}
