//! Rule 1 under an allocator that uses channels: it is called while one end of another channel is in use. In a binary of
//! its own, for the allocator.
#![allow(unsafe_code)]

use narrows::{Receiver, Sender};
use narrows_test::deadline::within;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Where the allocator reports what it was asked for.
static REPORTS: OnceLock<(Sender<usize>, Receiver<usize>)> = OnceLock::new();
/// The allocator has been called inside a send, and has used its channel.
static INSIDE: AtomicBool = AtomicBool::new(false);
/// Somebody else came through at the same end meanwhile.
static OVERTAKEN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The next call on this thread is the one to report.
    static REPORTING: Cell<bool> = const { Cell::new(false) };
    /// Each call on this thread goes through the channel, but for those that this causes.
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

/// Through the channel and back, by all ways that do not wait.
fn report(size: usize) {
    if let Some((s, r)) = REPORTS.get() {
        assert!(s.send(size).is_ok() && r.recv() == Ok(size));
        assert!(s.try_send(size).is_ok() && r.try_recv() == Ok(size));
    }
}

struct Reporting;

// SAFETY: every call goes to the system's allocator unchanged; what is added allocates nothing that it would report.
unsafe impl GlobalAlloc for Reporting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if REPORTING.replace(false) {
            report(layout.size());
            INSIDE.store(true, Ordering::SeqCst);
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(50) && !OVERTAKEN.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            assert!(!OVERTAKEN.load(Ordering::SeqCst), "two at the same end of a channel");
            INSIDE.store(false, Ordering::SeqCst);
        }
        if COUNTING.replace(false) {
            report(layout.size());
            COUNTING.set(true);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Reporting = Reporting;

/// One thread has used both its channel and the allocator's long enough to be favoured by them. While it allocates inside
/// a send, and the allocator sends, another thread comes to the same channel: it must wait its turn.
#[test]
fn rule_01_an_allocator_may_use_channels() {
    within("an allocator that reports", || {
        let (reports_s, reports_r) = REPORTS.get_or_init(|| narrows::bounded(1));
        let (s, r) = narrows::unbounded();
        let late = s.clone();
        let other = thread::spawn(move || {
            while !INSIDE.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            late.send(0).expect("open");
            OVERTAKEN.store(INSIDE.load(Ordering::SeqCst), Ordering::SeqCst);
        });
        for i in 0..1000 {
            reports_s.send(i).expect("open");
            assert_eq!(reports_r.recv(), Ok(i));
            s.send(i).expect("open");
        }
        REPORTING.set(true);
        // Until a block is full and the next one allocated.
        let mut sent = 1000;
        while REPORTING.get() {
            s.send(sent).expect("open");
            sent += 1;
        }
        other.join().expect("no panic");
        assert_eq!(r.try_iter().count(), sent + 1);
    });
}

/// What a channel allocates inside for a thread that uses it much is asked for under no lock, for the allocator may need the
/// same: at one of these numbers of allocations before, it does.
#[test]
fn rule_01_an_allocator_may_be_favoured_first() {
    within("an allocator that counts", || {
        REPORTS.get_or_init(|| narrows::bounded(1));
        let (done, end) = narrows::bounded::<()>(0);
        let threads: Vec<_> = (0..64)
            .map(|before| {
                let end = end.clone();
                let (s, r) = narrows::bounded(64);
                let thread = thread::spawn(move || {
                    COUNTING.set(true);
                    for i in 0..before {
                        drop(std::hint::black_box(Box::new(i)));
                    }
                    for i in 0..60 {
                        s.try_send(i).expect("room");
                    }
                    COUNTING.set(false);
                    drop(s);
                    // What threads that have ended leave behind would be used again.
                    end.recv().expect_err("the end");
                });
                assert_eq!(r.iter().count(), 60);
                thread
            })
            .collect();
        drop(done);
        for thread in threads {
            thread.join().expect("no panic");
        }
    });
}
