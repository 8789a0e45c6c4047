//! What the tests share: a generator with a fixed seed, a limit on time, items that are counted while they live.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use narrows::oneshot;

/// Ends the test program with the test's name if `test` does not end: a hang is a failure with a name.
pub(crate) fn within<T: Send>(name: &str, test: impl FnOnce() -> T + Send) -> T {
    let (done, ended) = oneshot::channel::<()>();
    let name = name.to_owned();
    let watch = thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(90)) == Err(narrows::RecvTimeoutError::Timeout) {
            eprintln!("{name}: no end within a minute");
            std::process::abort();
        }
    });
    // Dropped if the test panics, too.
    let done = done;
    let result = test();
    drop(done);
    watch.join().unwrap();
    result
}

/// A linear congruential generator.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    pub(crate) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }
}

/// Counts how many of its items live, and how many did at most.
#[derive(Clone, Default)]
pub(crate) struct Census {
    counts: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Census {
    pub(crate) fn born(&self, number: u64) -> Counted {
        let alive = self.counts.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.counts.1.fetch_max(alive, Ordering::SeqCst);
        Counted { number, census: self.clone() }
    }

    pub(crate) fn alive(&self) -> usize {
        self.counts.0.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.counts.1.load(Ordering::SeqCst)
    }
}

pub(crate) struct Counted {
    pub(crate) number: u64,
    census: Census,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.counts.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Works for about so many turns, which the compiler cannot leave out.
pub(crate) fn spin(turns: u64) -> u64 {
    (0..turns).fold(turns, |sum, n| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n)))
}
