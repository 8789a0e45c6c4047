//! For tests: a folder that goes when it is dropped, and this test once more in a process of its own.

use std::env;
use std::fs::{self, DirBuilder};
use std::ops::Deref;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The variable that tells a test that it is the child, and what it shall do.
const ROLE: &str = "NARROWS_SHM_TRIAL";

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
        // Relaxed: numbers that differ.
        let path = root.join(format!("narrows-trial-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed)));
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }
}

impl Deref for Scratch {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What this process shall do, if it is a child that [`again`] started.
pub(crate) fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// The test `name`, with its modules, in a process of its own: what it does to the whole process harms no other test.
/// It leaves no core when it is killed.
pub(crate) fn again(name: &str, role: &str) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(ROLE, role);
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let no_core = move || Ok(rustix::process::setrlimit(rustix::process::Resource::Core, none)?);
    // SAFETY: one system call between fork and exec.
    unsafe { command.pre_exec(no_core) };
    command
}

/// Runs it and expects that exactly this test ran, and passed.
pub(crate) fn passes(mut command: Command) {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{}\n{told}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// How many files this process has open.
pub(crate) fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
