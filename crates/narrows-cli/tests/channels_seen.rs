//! What `stat` and `top` show of named channels, and what `stat` does to them.

mod harness;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::thread;

use harness::status::{folder_of, stat};
use harness::system::{Folder, eventually};
use harness::{Run, farm, narrows};
use narrows_shm::{Bytes, Options, inspect, options};
use rustix::process::Signal;
use serde_json::Value;

/// The path of the channel that is called so.
fn channel(folder: &Folder, name: &str) -> String {
    let _ = fs::DirBuilder::new().mode(0o700).create(folder_of(folder));
    folder_of(folder).join(format!("{name}.channel")).to_str().expect("it is text").to_owned()
}

fn small() -> Options<Bytes> {
    options().bytes().capacity(2).max_len(100)
}

fn look(folder: &Folder, args: &[&str]) -> Run {
    stat(folder, &[&["--interval", "1ms"], args].concat())
}

fn json(folder: &Folder, name: &str) -> Value {
    let run = look(folder, &["--json", name]);
    let survey: Value = serde_json::from_slice(&run.assert_code(0).stdout).expect("it is JSON");
    survey["channels"][0].clone()
}

#[test]
fn a_channel_is_shown_with_who_takes_part_and_who_waits() {
    let folder = Folder::new();
    let sender = small().sender::<Vec<u8>>(&channel(&folder, "jobs")).expect("a channel");
    let receiver = small().receiver::<Vec<u8>>(&channel(&folder, "jobs")).expect("the channel");
    sender.send(vec![1]).expect("there is room");
    sender.send(vec![2]).expect("there is room");
    let (pid, here) = (std::process::id(), channel(&folder, "jobs"));
    thread::scope(|scope| {
        scope.spawn(|| sender.send(vec![3]).expect("there is room in the end"));
        let waits = || inspect(&here).expect("it is there").participants().iter().any(|one| one.waiting.is_some());
        eventually("the sender waits", waits);
        let jobs = json(&folder, "jobs");
        assert_eq!((&jobs["messages"], &jobs["capacity"], &jobs["closed"]), (&2.into(), &2.into(), &false.into()));
        assert_eq!(jobs["state"], "full: senders wait");
        let of = |role: &str| {
            let participants = jobs["participants"].as_array().expect("a list");
            participants.iter().find(|one| one[role] == true).expect("there is one").clone()
        };
        let (from, to) = (of("sender"), of("receiver"));
        assert_eq!((&from["pid"], &from["sent"], &to["received"]), (&pid.into(), &2.into(), &0.into()), "{jobs}");
        assert!(from["waiting_s"].is_number() && to["waiting_s"].is_null(), "{jobs}");

        let text = look(&folder, &[]);
        assert!(text.text().contains("jobs") && text.text().contains("waits since"), "{}", text.text());
        let text = look(&folder, &["--prometheus", &pid.to_string()]);
        assert!(text.text().contains("narrows_channel_messages{channel=\"jobs\"} 2\n"), "{}", text.text());
        let sent = format!("narrows_channel_sent_messages_total{{channel=\"jobs\",pid=\"{pid}\"}} 2\n");
        assert_eq!(text.text().matches(&sent).count(), 1, "{}", text.text());
        let mut top = narrows();
        top.command().env("NARROWS_DIR", folder_of(&folder)).args(["top", "--once"]);
        let top = top.run(b"");
        assert!(top.text().contains("full: senders wait") && top.text().contains("receiver"), "{}", top.text());
        receiver.recv().expect("a message");
    });
    look(&folder, &["other"]).assert_code(1);
}

#[test]
fn a_closed_channel_gives_what_is_left_and_then_the_end() {
    let folder = Folder::new();
    let sender = small().sender::<Vec<u8>>(&channel(&folder, "jobs")).expect("a channel");
    sender.send(vec![1]).expect("there is room");
    stat(&folder, &["--close", "jobs"]).assert_code(0).assert_stderr("get the 1 messages in it");
    stat(&folder, &["--close", "jobs"]).assert_code(0).assert_stderr("already");
    assert_eq!(json(&folder, "jobs")["state"], "closed, not empty");
    assert!(sender.send(vec![2]).is_err());
    let receiver = small().receiver::<Vec<u8>>(&channel(&folder, "jobs")).expect("the channel");
    assert_eq!((receiver.recv(), receiver.recv().is_err()), (Ok(vec![1]), true));
    stat(&folder, &["--close", "none"]).assert_code(1).assert_stderr("there is no channel none");
    stat(&folder, &["--close", "jobs", "--json"]).assert_code(2);
}

#[test]
fn a_channel_is_made_smaller_and_as_large_as_it_was() {
    let folder = Folder::new();
    let sender = small().sender::<Vec<u8>>(&channel(&folder, "jobs")).expect("a channel");
    stat(&folder, &["--resize", "jobs=1"]).assert_code(0);
    assert_eq!(json(&folder, "jobs")["capacity"], 1);
    sender.try_send(vec![1]).expect("there is room for one");
    assert!(sender.try_send(vec![2]).is_err(), "and not for two");
    stat(&folder, &["--resize", "jobs=2"]).assert_code(0);
    sender.try_send(vec![2]).expect("there is room again");
    for wrong in ["jobs=0", "jobs=3", "jobs", "jobs=many"] {
        stat(&folder, &["--resize", wrong]).assert_code(2);
    }
    stat(&folder, &["--resize", "none=1"]).assert_code(1);
}

#[test]
fn what_the_dead_left_is_put_right_and_what_nobody_wants_is_removed() {
    let folder = Folder::new();
    let kept = || small().keep_open().open::<Vec<u8>>(&channel(&folder, "kept")).expect("a channel");
    drop(kept());
    let sender = small().sender::<Vec<u8>>(&channel(&folder, "full")).expect("a channel");
    sender.send(vec![1]).expect("there is room");
    drop(sender);
    // Nobody is left who could notice that this one dies.
    let mut waiting = farm(&["--from", "empty", "cat"]);
    waiting.command().env("NARROWS_DIR", folder_of(&folder));
    let waiting = waiting.start();
    let empty = channel(&folder, "empty");
    eventually("the farm takes part", || inspect(&empty).is_ok_and(|channel| channel.participants().len() == 1));
    waiting.signal(Signal::KILL);
    waiting.finish();
    let half = folder_of(&folder).join(".narrows-1-0.making");
    fs::write(&half, "").expect("a file");
    fs::set_permissions(&half, fs::Permissions::from_mode(0o600)).expect("it is ours");

    let run = stat(&folder, &["--gc"]);
    run.assert_code(0).assert_stderr("dead participants: 1; channels removed: empty; unfinished files removed: 1");
    assert!(!fs::exists(&empty).expect("it can be looked at") && !half.exists());
    assert!(inspect(&channel(&folder, "kept")).is_ok() && inspect(&channel(&folder, "full")).is_ok());
    kept().inspect().close();
    stat(&folder, &["--gc"]).assert_code(0).assert_stderr("channels removed: kept");

    fs::write(channel(&folder, "broken"), vec![7; 4096]).expect("a file");
    fs::set_permissions(channel(&folder, "broken"), fs::Permissions::from_mode(0o600)).expect("it is ours");
    stat(&folder, &["--gc"]).assert_code(125).assert_stderr("the channel broken");
    let text = look(&folder, &[]);
    assert!(text.text().contains("no answer from the channel broken"), "{}", text.text());
}
