//! What the tests ask of the system: deadlines, processes, named pipes.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::DEADLINE;
use super::dice::deep;

/// The variable that marks the processes of a run.
pub(crate) const MARK: &str = "NARROWS_TEST_MARK";

/// Kills a run that does not end.
pub(crate) struct Watchdog {
    ended: mpsc::Sender<()>,
    thread: thread::JoinHandle<bool>,
}

impl Watchdog {
    pub(crate) fn new(pid: Pid) -> Watchdog {
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            let late = end.recv_timeout(DEADLINE * deep(1, 10)) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = kill_process(pid, Signal::KILL);
            }
            late
        });
        Watchdog { ended, thread }
    }

    #[track_caller]
    pub(crate) fn calm(self) {
        drop(self.ended);
        assert!(!self.thread.join().expect("the watchdog does not panic"), "the program did not end");
    }
}

/// Polls for a state of the system that announces itself by no event.
#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

pub(crate) fn marked_processes(mark: &str) -> Vec<PathBuf> {
    let wanted = format!("{MARK}={mark}");
    let is_marked = |process: &PathBuf| {
        fs::read(process.join("environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes()))
    };
    let processes = fs::read_dir("/proc").expect("Linux has /proc");
    processes.flatten().map(|entry| entry.path()).filter(is_marked).collect()
}

/// A pipe with a name: a worker that reads it waits until the test lets it go.
pub(crate) struct Barrier {
    path: PathBuf,
    /// Held open for both ways: what was let go is there also for a worker that opens it later.
    fifo: File,
}

impl Barrier {
    pub(crate) fn new() -> Barrier {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("narrows-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a fifo can be made");
        let fifo = File::options().read(true).write(true).open(&path).expect("both ways need no partner");
        Barrier { path, fifo }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets one worker go, that waits or is about to.
    pub(crate) fn release(&self) {
        (&self.fifo).write_all(b"go\n").expect("a fifo has room");
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A worker that says `got LINE` on stderr and then, for the line `slow`, waits for the barrier.
pub(crate) fn waiting_worker(barrier: &Barrier) -> String {
    format!(
        r#"while read -r line; do echo "got $line" >&2; if [ "$line" = slow ]; then read -r go < {}; fi; echo "$line"; done"#,
        barrier.path().display()
    )
}

/// A folder that goes with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("narrows-folder-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder can be made");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
