//! What is worked on: items that know their number, and may be counted while they are between source and caller; and
//! work that takes a given time.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

static ALIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// An item on its way. Counting costs, so timed samples leave it out.
pub(crate) trait Item: Send + 'static {
    fn new(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Item for u64 {
    fn new(number: u64) -> u64 {
        number
    }

    fn number(&self) -> u64 {
        *self
    }
}

/// An item that is counted while it lives.
pub(crate) struct Counted(u64);

impl Item for Counted {
    fn new(number: u64) -> Counted {
        let alive = ALIVE.fetch_add(1, Ordering::Relaxed) + 1;
        MOST.fetch_max(alive, Ordering::Relaxed);
        Counted(number)
    }

    fn number(&self) -> u64 {
        self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many lived at once since the last call.
pub(crate) fn most_alive() -> usize {
    MOST.swap(0, Ordering::Relaxed)
}

/// How long each item takes. The names say what is done; how long that is, the first peer tells, which does nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) items: u64,
    turns: u64,
    /// Every eighth takes so many.
    eighth: u64,
    gives_way: bool,
}

impl Work {
    pub(crate) fn all(turns_per_us: f64) -> [Work; 4] {
        let turns = |ns| nanos(ns, turns_per_us);
        let few = turns(10);
        let trivial =
            Work { name: "a few multiplications", items: 1_000_000, turns: few, eighth: few, gives_way: false };
        [
            trivial,
            Work { name: "about 1 us", items: 100_000, turns: turns(1000), eighth: turns(1000), ..trivial },
            Work {
                name: "every 8th about 50 us, a few multiplications else",
                items: 16_000,
                eighth: turns(50_000),
                ..trivial
            },
            Work { name: "a future that gives way once", gives_way: true, items: 200_000, ..trivial },
        ]
    }

    pub(crate) fn run(&self, number: u64) {
        spin(if number.is_multiple_of(8) { self.eighth } else { self.turns });
    }

    pub(crate) fn gives_way(&self) -> bool {
        self.gives_way
    }

    /// Says "not now" once, if it is such work.
    pub(crate) async fn give_way(&self) {
        let mut has_given_way = !self.gives_way;
        poll_fn(|cx| {
            if has_given_way {
                return Poll::Ready(());
            }
            has_given_way = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Turns that take about so long.
pub(crate) fn nanos(ns: u32, turns_per_us: f64) -> u64 {
    (f64::from(ns) * turns_per_us / 1000.0) as u64
}

pub(crate) fn spin(turns: u64) {
    let mut sum = black_box(turns);
    for _ in 0..turns {
        // Each needs the one before.
        sum = sum.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(5);
    }
    black_box(sum);
}

/// The best of some looks, since others work on the machine, too.
pub(crate) fn turns_per_us() -> f64 {
    const TURNS: u64 = 1_000_000;
    let look = || {
        let began = Instant::now();
        spin(TURNS);
        began.elapsed()
    };
    let best = (0..20).map(|_| look()).min().unwrap_or(Duration::from_millis(1));
    TURNS as f64 / (best.as_secs_f64() * 1e6)
}
