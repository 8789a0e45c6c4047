//! Files that are not what they should be, and files that stop being so: each is an error that says what to do, never a hang or worse.

mod files;
mod fuzz;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder in memory that goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let memory = PathBuf::from("/dev/shm");
        let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
        // Relaxed: numbers that differ.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!("narrows-hostile-{}-{test}-{count}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        Scratch(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
