//! What the system says of a thread: how long it has run, and whether it waits in the kernel. Linux says; elsewhere nobody
//! does, and the monitor goes by the clock alone.

use std::{
    fs::{self, File},
    time::Duration,
};

/// The system's number of this thread; 0 if it has none to be looked up by.
pub(crate) fn own_id() -> u32 {
    let link = fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}

/// What the system writes down of a thread. The file that is looked at every few milliseconds stays open, which is a tenth of the
/// work of opening it each time.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) id: u32,
    schedule: Option<File>,
}

impl Books {
    /// Those of the thread of that number.
    pub(crate) fn of(id: u32) -> Books {
        Books { id, schedule: File::open(format!("/proc/self/task/{id}/schedstat")).ok() }
    }

    /// Its processor time since it began, if the system says. What it used since the last tick of the kernel is not in it yet.
    pub(crate) fn ran(&self) -> Option<Duration> {
        let mut bytes = [0; 64];
        let len = read_again(self.schedule.as_ref()?, &mut bytes)?;
        let text = std::str::from_utf8(&bytes[..len]).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }

    /// Whether it waits for something, rather than for a processor.
    pub(crate) fn is_blocked(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", self.id)).unwrap_or_default();
        // The name before it may hold anything, parentheses too.
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        matches!(state, Some('S' | 'D' | 'T' | 't'))
    }
}

/// From its beginning; what it says now.
#[cfg(unix)]
fn read_again(file: &File, bytes: &mut [u8]) -> Option<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, 0).ok()
}

#[cfg(not(unix))]
fn read_again(_: &File, _: &mut [u8]) -> Option<usize> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn a_thread_that_works_is_seen_to_run() {
        let own = Books::of(own_id());
        let before = own.ran().expect("Linux says");
        assert!(!own.is_blocked(), "it is looking, so it runs");
        // It ends by itself, as soon as the kernel has counted.
        while own.ran().expect("Linux says") < before + Duration::from_millis(1) {}
    }

    #[test]
    fn a_thread_that_waits_is_seen_to_wait() {
        let (end, ended) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let waits = thread::spawn(move || {
            tell.send(own_id()).expect("somebody asks");
            ended.recv().ok();
        });
        let id = told.recv().expect("it says so first");
        let books = Books::of(id);
        while !books.is_blocked() {
            thread::yield_now();
        }
        assert!(books.ran().is_some());
        drop(end);
        waits.join().expect("it only waited");
        assert_eq!(Books::of(u32::MAX).ran(), None);
    }
}
