//! Pseudo-terminals: --pty for the workers, and the program on one itself.

mod harness;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use harness::system::Folder;
use harness::{farm, is_installed, numbers, plain};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

#[test]
fn a_worker_on_a_terminal_answers_line_by_line() {
    // sed answers nothing until it has 4 KiB when it writes to a pipe: here one line is answered at once.
    let mut running = farm(&["--pty", "-j2", "sed", "s/a/b/"]).start();
    for (line, answer) in [("a\n", "b\n"), ("ca\n", "cb\n")] {
        running.write(line);
        assert_eq!(running.read_line(), answer);
    }
    running.finish().assert_code(0);
}

#[test]
fn bytes_pass_a_terminal_unchanged() {
    let input = [numbers(20_000), b"dos\r\n\x03\x04\x11\x1a\xff\0\ttab\n".to_vec()].concat();
    for command in [&["cat"][..], &["sed", "s/1/x/"]] {
        let run = farm(&[&["--pty", "-j3"], command].concat()).run(&input);
        assert!(run.assert_code(0).stdout == plain(command, &input), "{command:?} differs");
    }
    let run = farm(&["--pty", "--blocks", "cat"]).run(&input);
    assert!(run.assert_code(0).stdout == input);
}

#[test]
fn the_last_answer_on_a_terminal_may_lack_its_newline() {
    let script = r#"$| = 1; while (<>) { chomp; print $n++ ? "\n$_" : $_ }"#;
    let run = farm(&["--pty", "-j1", "perl", "-e", script]).run(b"a\nb\n");
    assert_eq!(run.assert_code(0).text(), "a\nb\n");
}

#[test]
fn a_process_on_a_terminal_knows_it() {
    let run = farm(&["--pty", "-j2", "sh", "-c", "[ -t 1 ] && echo \"$1 yes\"", "sh", "{}"]).run(b"a\nb\n");
    assert_eq!(run.assert_code(0).text(), "a yes\nb yes\n");
    let run = farm(&["sh", "-c", "[ -t 1 ] || echo \"$1 no\"", "sh", "{}"]).run(b"a\n");
    assert_eq!(run.assert_code(0).text(), "a no\n");
}

/// Runs with stderr on a terminal and gives what appears there. Makes `file` when these words appear.
fn on_a_terminal(options: &[&str], quiet_env: Option<(&str, &str)>, (words, file): (&'static str, &Path)) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("there are terminals");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("it is text");
    let theirs = File::options().read(true).write(true).open(name).expect("it is ours");
    let mut farm = farm(options);
    farm.command().stderr(Stdio::from(theirs)).env("TERM", "xterm");
    quiet_env.map(|(name, value)| farm.command().env(name, value));
    let file = file.to_owned();
    let reader = std::thread::spawn(move || {
        let (mut seen, mut chunk) = (String::new(), [0; 4096]);
        let mut terminal = File::from(ours);
        // The end of a terminal is an error.
        while let Ok(read @ 1..) = terminal.read(&mut chunk) {
            seen += &String::from_utf8_lossy(&chunk[..read]);
            if seen.contains(words) {
                File::create(&file).expect("a file can be made");
            }
        }
        seen
    });
    let run = farm.run(b"a\nb\n");
    run.assert_code(1);
    reader.join().expect("it ends with the run")
}

#[test]
fn progress_appears_on_a_terminal_unless_it_is_not_wanted() {
    if !is_installed("sleep") {
        return;
    }
    // The record is in hand until that has appeared.
    let folder = Folder::new();
    let file = folder.path().join("seen");
    let waits = format!("until [ -e {} ]; do sleep 0.02; done; exit 1", file.display());
    let waits = ["-j1", "sh", "-c", &waits, "sh", "{}"];
    let slow = ["-j1", "sh", "-c", "sleep 0.3; exit 1", "sh", "{}"];
    let seen = on_a_terminal(&waits, None, ("in hand", &file));
    assert!(seen.contains("in hand"), "{seen}");
    assert!(seen.contains("\u{1b}[1;33mnote"), "notes are coloured on a terminal: {seen}");
    let seen = on_a_terminal(&slow, Some(("NO_COLOR", "1")), ("in hand", &file));
    assert!(seen.contains("note: record 1 failed"), "NO_COLOR: {seen}");
    let seen = on_a_terminal(&[&["-q"], &slow[..]].concat(), None, ("in hand", &file));
    assert_eq!(seen, "");
}
