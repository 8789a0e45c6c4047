//! Other processes die, stop, fork or clean up; what those who live see of it. A child is this program once more, as the test
//! `child`, with a role in its environment; it tells what it did in lines that begin with `> `.

mod cleaning;
mod dying;
mod forking;

use std::{
    fs::{self, DirBuilder},
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// Nothing but in a child.
#[test]
fn child() {
    let Ok(role) = std::env::var("NARROWS_SHM_ROLE") else { return };
    let path = std::env::var("NARROWS_SHM_PATH").expect("it is set");
    match &*role {
        "sender" => dying::idle_sender(&path),
        "receiver" => dying::receiver(&path),
        "forker" => forking::forker(&path),
        "cleaner" => cleaning::cleaner(&path),
        other => panic!("{other}"),
    }
}

/// A folder for one channel that goes with it, in memory where there is such a folder.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        // Relaxed: numbers that differ.
        let folder = root.join(format!("narrows-deaths-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed)));
        DirBuilder::new().mode(0o700).create(&folder).expect("a folder");
        Scratch(folder)
    }

    fn path(&self) -> String {
        self.0.join("channel").to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A child with a role. Killed when it is dropped.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(role: &str, path: &str) -> Peer {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env("NARROWS_SHM_ROLE", role)
            .env("NARROWS_SHM_PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        Peer { child, input, output }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next thing that it tells.
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).expect("lines"), 0, "it has ended");
            // What the test harness prints may stand before it.
            if let Some((_, told)) = line.trim_end().split_once("> ") {
                return told.to_owned();
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("a process of ours");
    }

    /// Ends its input, and waits until it has come to its end.
    fn finish(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("a process of ours").success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Of no use where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a child tells.
fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "> {what}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Looks until it is so. It takes a moment, unless somebody is stuck.
fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "stuck");
        thread::yield_now();
    }
}

/// A child stays until its input ends, which it does also when its parent is gone.
fn until_told() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
