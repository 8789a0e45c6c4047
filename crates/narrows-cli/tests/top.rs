//! `top` on a pseudo-terminal: what it shows, what its keys do, and that it leaves the terminal as it was.

mod harness;

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use harness::status::{ask, folder_of};
use harness::system::{Folder, eventually};
use harness::{Running, farm, narrows};
use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};

/// What a terminal is told when a program that fills it ends.
const LEAVE: &str = "\u{1b}[?1049l";

struct Screen {
    terminal: File,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn shows(&self, words: &str) -> bool {
        let seen = self.seen.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&seen).contains(words)
    }

    fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("a terminal takes keys");
    }
}

fn top(folder: &Folder) -> (Running, Screen) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("it is text");
    let theirs = File::options().read(true).write(true).open(name).expect("it is ours");
    tcsetwinsize(&theirs, Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).expect("it has a size");
    let mut top = narrows();
    let other = || Stdio::from(theirs.try_clone().expect("it can be shared"));
    top.command().arg("top").env("NARROWS_DIR", folder_of(folder)).env("TERM", "xterm");
    top.command().stdin(other()).stdout(other());
    let terminal = File::from(ours);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut reader, sink) = (terminal.try_clone().expect("it can be shared"), Arc::clone(&seen));
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        // The end of a terminal is an error.
        while let Ok(read @ 1..) = reader.read(&mut chunk) {
            sink.lock().expect("nobody panics with it").extend_from_slice(&chunk[..read]);
        }
    });
    (top.start(), Screen { terminal, seen })
}

fn idle_farm(folder: &Folder) -> Running {
    let mut farm = farm(&["-j1", "cat"]);
    farm.command().env("NARROWS_DIR", folder_of(folder));
    let mut running = farm.start();
    running.write("a\n");
    assert_eq!(running.read_line(), "a\n");
    running
}

fn told(folder: &Folder, farm: Pid, what: &str) -> Value {
    ask(folder, farm, &json!({ "ask": "stat" }))[what].clone()
}

#[test]
fn keys_change_the_number_of_workers_and_pause_the_farm() {
    let folder = Folder::new();
    let farm = idle_farm(&folder);
    let pid = farm.pid();
    let (top, mut screen) = top(&folder);
    eventually("the verdict is shown", || screen.shows("farm cat") && screen.shows("bottleneck: what comes before"));
    for (key, what, value) in
        [("+", "jobs", json!(2)), ("-", "jobs", json!(1)), (" ", "paused", json!(true)), (" ", "paused", json!(false))]
    {
        screen.press(key);
        eventually(key, || told(&folder, pid, what) == value);
        // The next key means what is shown by then.
        let shown = if what == "paused" { "paused" } else { "busy workers" };
        eventually(shown, || screen.shows(shown));
    }
    screen.press("q");
    top.finish().assert_code(0);
    eventually("the terminal is as it was", || screen.shows(LEAVE));
    farm.finish().assert_code(0);
}

#[test]
fn a_signal_and_control_c_restore_the_terminal() {
    let folder = Folder::new();
    let (running, screen) = top(&folder);
    eventually("it has begun", || screen.shows("running"));
    running.signal(Signal::TERM);
    running.finish().assert_signal(Signal::TERM);
    eventually("the terminal is as it was", || screen.shows(LEAVE));

    let (running, mut screen) = top(&folder);
    eventually("it has begun", || screen.shows("running"));
    screen.press("\u{3}");
    running.finish().assert_code(0);
    eventually("the terminal is as it was", || screen.shows(LEAVE));
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let mut top = narrows();
    top.command().arg("top");
    top.run(b"").assert_code(2).assert_stderr("hint: narrows stat prints the same once");
}

#[test]
fn one_picture_is_text_or_a_drawing() {
    let folder = Folder::new();
    let farm = idle_farm(&folder);
    let picture = |args: &[&str]| {
        let mut top = narrows();
        top.command().arg("top").args(args).env("NARROWS_DIR", folder_of(&folder));
        top.run(b"")
    };
    let text = picture(&["--once", "--width", "60"]);
    assert!(text.assert_code(0).text().contains("bottleneck: what comes before farm cat"), "{}", text.text());
    assert!(text.text().lines().all(|line| line.chars().count() <= 60), "{}", text.text());
    let file = folder.path().join("top.svg");
    picture(&["--svg", file.to_str().expect("it is text")]).assert_code(0);
    let drawing = std::fs::read_to_string(file).expect("it was written");
    assert!(drawing.starts_with("<svg ") && drawing.contains("farm cat") && drawing.ends_with("</svg>\n"));
    farm.finish().assert_code(0);
}
