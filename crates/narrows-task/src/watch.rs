//! What the system says of a thread: how long it has run, and whether it waits in the kernel. Linux says; elsewhere nobody
//! does, and the monitor goes by the clock alone.

use std::{fs, time::Duration};

/// The system's number of this thread; 0 if it has none to be looked up by.
pub(crate) fn own_id() -> u32 {
    let link = fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0)
}

/// What a thread has been at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Processor time since it began. What it used since the last tick of the kernel is not in it yet.
    pub(crate) ran: Duration,
    /// It waits for something, rather than for a processor.
    pub(crate) is_blocked: bool,
}

/// What the thread of that number is at, if the system says.
pub(crate) fn look(id: u32) -> Option<Work> {
    let folder = format!("/proc/self/task/{id}");
    let stat = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // The name before it may hold anything, parentheses too.
    let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    let schedule = fs::read_to_string(format!("{folder}/schedstat")).ok()?;
    let ran = schedule.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)?;
    Some(Work { ran, is_blocked: matches!(state, 'S' | 'D' | 'T' | 't') })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn a_thread_that_works_is_seen_to_run() {
        let before = look(own_id()).expect("Linux says").ran;
        // It ends by itself, as soon as the kernel has counted.
        let after = loop {
            let work = look(own_id()).expect("Linux says");
            assert!(!work.is_blocked, "it is looking, so it runs");
            if work.ran >= before + Duration::from_millis(1) {
                break work.ran;
            }
        };
        assert!(after > before);
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
        while !look(id).expect("it lives").is_blocked {
            thread::yield_now();
        }
        drop(end);
        waits.join().expect("it only waited");
        assert_eq!(look(u32::MAX), None);
    }
}
