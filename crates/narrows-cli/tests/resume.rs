//! The log, and going on with it: by what records say, never by where they stand.

mod harness;

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::Path;

use harness::system::{Barrier, Folder};
use harness::{Run, farm, numbers};
use rustix::process::Signal;

/// Runs with the log and appends the output to the file, as `>> FILE` does.
fn append(folder: &Path, options: &[&str], input: &[u8]) -> Run {
    let log = folder.join("log");
    let options = [&["--log", log.to_str().expect("it is text")], options].concat();
    let mut farm = farm(&options);
    let output = OpenOptions::new().append(true).create(true).open(folder.join("out")).expect("a file can be made");
    farm.command().stdout(output);
    farm.run(input)
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("it was written")
}

#[test]
fn each_record_has_a_line_of_json() {
    for command in [&["cat"][..], &["sh", "-c", "echo $1; [ $1 != b ]", "sh", "{}"], &["--builtin", "factor"]] {
        let folder = Folder::new();
        append(folder.path(), &[&["-j2"], command].concat(), b"12\nb\n9\n");
        let log = read(folder.path(), "log");
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
        assert_eq!(lines[0]["narrows"], "farm");
        assert_eq!(lines.last().map(|line| &line["narrows"]), Some(&"end".into()));
        let records: Vec<_> = lines[1..lines.len() - 1].iter().map(|line| line["record"].as_u64()).collect();
        assert_eq!(records, [Some(1), Some(2), Some(3)], "{log}");
        let fails = command != ["cat"];
        assert_eq!(lines[2]["ok"], !fails, "{log}");
        assert_eq!(lines[2]["failure"].is_string(), fails, "{log}");
        assert_eq!(lines[3]["printed"].as_u64(), Some(read(folder.path(), "out").len() as u64));
        if command.contains(&"{}") {
            assert!(lines[1]["seconds"].is_f64() && lines[1]["worker"].is_u64(), "{log}");
            assert_eq!(lines[1]["attempts"], 1);
        }
    }
}

#[test]
fn a_resumed_run_does_what_is_left_wherever_it_stands() {
    for command in [&["sed", "-u", "s/$/!/"][..], &["echo", "{}!"], &["-u", "echo", "{}!"]] {
        let folder = Folder::new();
        append(folder.path(), command, b"a\nb\nb\nc\n").assert_code(0);
        // Reordered, two new ones, one more of what was there twice.
        let run = append(folder.path(), &[&["--resume", "-j1"], command].concat(), b"new\nc\nb\na\nb\nb\nnewer\n");
        assert_eq!(run.assert_code(0).stderr, "");
        let all = read(folder.path(), "out");
        let later: Vec<&str> = all.lines().skip(4).collect();
        assert_eq!(later, ["new!", "b!", "newer!"], "{all}");
        let run = append(folder.path(), &[&["--resume"], command].concat(), b"a\n");
        run.assert_code(0).assert_stderr("6 records that the log says are done were not in this input");
        assert_eq!(read(folder.path(), "out"), all);
    }
}

#[test]
fn what_failed_is_done_again() {
    let folder = Folder::new();
    let flag = folder.path().join("flag");
    let script = format!(r#"[ "$1" != b ] || [ -e {} ] || exit 1; echo "$1""#, flag.display());
    let command = ["sh", "-c", &script, "sh", "{}"];
    append(folder.path(), &command, b"a\nb\nc\n").assert_code(1);
    File::create(&flag).expect("a file can be made");
    append(folder.path(), &[&["--resume"], &command[..]].concat(), b"a\nb\nc\n").assert_code(0);
    assert_eq!(read(folder.path(), "out"), "a\nc\nb\n");
}

#[test]
fn a_log_of_another_command_is_refused() {
    let folder = Folder::new();
    append(folder.path(), &["echo", "{}"], b"a\n").assert_code(0);
    append(folder.path(), &["echo", "{}"], b"a\n").assert_code(2).assert_stderr("exists").assert_stderr("--resume");
    for other in [&["echo", "x", "{}"][..], &["echo", "{}x"], &["-n2", "echo", "{}"], &["-t", "echo", "{}"]] {
        let run = append(folder.path(), &[&["--resume"], other].concat(), b"b\n");
        run.assert_code(2).assert_stderr("of another command: echo {}").assert_stderr("hint: ");
    }
    assert_eq!(read(folder.path(), "out"), "a\n");
    fs::write(folder.path().join("log"), "not a log\n").expect("it is ours");
    append(folder.path(), &["--resume", "echo", "{}"], b"a\n").assert_code(2).assert_stderr("line 1 of");
    farm(&["--resume", "cat"]).run(b"").assert_code(2);
}

#[test]
fn an_output_that_lost_what_was_logged_is_refused() {
    let folder = Folder::new();
    append(folder.path(), &["echo", "{}"], b"a\n").assert_code(0);
    File::create(folder.path().join("out")).expect("it can be emptied");
    let run = append(folder.path(), &["--resume", "echo", "{}"], b"a\nb\n");
    run.assert_code(2).assert_stderr("holds 0 bytes, and 2 were logged").assert_stderr(">>");
}

#[test]
fn what_was_printed_and_not_logged_is_cut_off() {
    let folder = Folder::new();
    append(folder.path(), &["echo", "{}"], b"a\nb\n").assert_code(0);
    let out = folder.path().join("out");
    fs::write(&out, "a\nb\nc\nha").expect("it is ours");
    let log = folder.path().join("log");
    // As a kill leaves it: without its last line, and with a part of one.
    let text = read(folder.path(), "log").replace("{\"narrows\":\"end\"}\n", "");
    fs::write(&log, text + r#"{"record":3,"ok":tr"#).expect("it is ours");
    append(folder.path(), &["--resume", "echo", "{}"], b"a\nb\nc\n").assert_code(0);
    assert_eq!(read(folder.path(), "out"), "a\nb\nc\n");
    append(folder.path(), &["--resume", "echo", "{}"], b"a\nb\nc\n").assert_code(0);
    assert_eq!(read(folder.path(), "out"), "a\nb\nc\n");
}

#[test]
fn what_others_wrote_behind_the_output_of_a_run_that_ended_stays() {
    let folder = Folder::new();
    append(folder.path(), &["cat"], b"a\n").assert_code(0);
    fs::write(folder.path().join("out"), "a\nmine\n").expect("it is ours");
    append(folder.path(), &["--resume", "cat"], b"a\nb\n").assert_code(0);
    assert_eq!(read(folder.path(), "out"), "a\nmine\nb\n");
}

#[test]
fn an_output_that_is_cut_has_no_hole() {
    let folder = Folder::new();
    append(folder.path(), &["cat"], b"a\n").assert_code(0);
    let (out, log) = (folder.path().join("out"), folder.path().join("log"));
    let text = read(folder.path(), "log").replace("{\"narrows\":\"end\"}\n", "");
    fs::write(&log, text).and_then(|()| fs::write(&out, "a\nunlogged\n")).expect("they are ours");
    // Not with O_APPEND: at the end, as a shell leaves it for the next command of a group.
    let mut output = File::options().write(true).open(&out).expect("it is there");
    output.seek(SeekFrom::End(0)).expect("a file can be sought");
    let mut farm = farm(&["--log", log.to_str().expect("it is text"), "--resume", "cat"]);
    farm.command().stdout(output);
    farm.run(b"a\nb\n").assert_code(0);
    assert_eq!(read(folder.path(), "out"), "a\nb\n");
}

#[test]
fn a_log_is_written_by_one_run_and_is_not_its_output() {
    let folder = Folder::new();
    let log = folder.path().join("log");
    let options = ["--log", log.to_str().expect("it is text"), "cat"];
    let mut first = farm(&options).start();
    first.write("a\n");
    assert_eq!(first.read_line(), "a\n");
    append(folder.path(), &["--resume", "cat"], b"b\n").assert_code(2).assert_stderr("another run");
    first.finish().assert_code(0);
    let mut same = farm(&["--log", "/dev/stdout", "cat"]);
    same.command().stdout(File::create(folder.path().join("same")).expect("a file can be made"));
    same.run(b"a\n").assert_code(2).assert_stderr("the log is the output file");
}

#[test]
fn after_a_kill_the_output_is_a_prefix_and_a_resumed_run_completes_it() {
    let input = numbers(400);
    for (round, command) in [
        &["sh", "-c", "echo \"$1\"", "sh", "{}"][..],
        &["cat"],
        &["--blocks", "cat"],
        &["-n7", "printf", "%s\\n", "{}"],
    ]
    .iter()
    .enumerate()
    {
        let folder = Folder::new();
        let barrier = Barrier::new();
        let log = folder.path().join("log");
        let options = [&["-j2", "--log", log.to_str().expect("it is text")], *command].concat();
        let mut farm = farm(&options);
        farm.command().stdout(File::create(folder.path().join("out")).expect("a file can be made"));
        let mut running = farm.start();
        // The log is what tells how far it is: it is killed in the midst.
        let mut stdin = running.stdin.take().expect("it is open");
        let half = input[..input.len() / 2].to_vec();
        std::io::Write::write_all(&mut stdin, &half).expect("it reads");
        if *command != ["--blocks", "cat"] {
            harness::system::eventually("some records are logged", || {
                fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 3 + round * 4)
            });
        }
        running.signal(Signal::KILL);
        // It is waited for: one that is dying shows no environment any more, and still holds its log.
        running.finish().assert_signal(Signal::KILL);
        drop((stdin, barrier));
        let out = fs::read(folder.path().join("out")).expect("it was made");
        assert!(input.starts_with(&out), "{command:?}: it is no prefix");
        let run = append(folder.path(), &[&["-j2", "--resume"], *command].concat(), &input);
        run.assert_code(0);
        assert!(read(folder.path(), "out").as_bytes() == input, "{command:?} differs after the kill");
    }
}

#[test]
fn an_interrupted_run_says_how_to_resume() {
    let folder = Folder::new();
    let barrier = Barrier::new();
    let log = folder.path().join("log");
    let script = format!("echo got >&2; read -r go < {}; echo $1", barrier.path().display());
    let mut running =
        farm(&["--log", log.to_str().expect("it is text"), "-j1", "sh", "-c", &script, "sh", "{}"]).start();
    running.write("a\nb\n");
    running.await_stderr("got");
    running.signal(Signal::INT);
    running.await_stderr("finishing");
    barrier.release();
    let run = running.finish();
    run.assert_signal(Signal::INT).assert_stderr("stopped before record 2").assert_stderr("--resume");
}

#[test]
fn a_log_that_cannot_be_written_ends_the_farm() {
    farm(&["--log", "/no/such/folder/log", "cat"]).run(b"a\n").assert_code(125).assert_stderr("cannot use the log");
    farm(&["--log", "/dev/full", "cat"]).run(b"a\n").assert_code(125).assert_stderr("cannot use the log");
}
