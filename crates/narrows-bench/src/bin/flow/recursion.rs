//! Tasks that make tasks: Fibonacci without a cut-off, and a tree with work in its leaves.

use crate::work::{nanos, spin};

#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// As of Fibonacci's tree, whose leaves are 0 and 1.
    pub(crate) depth: u32,
    turns: u64,
}

impl Job {
    pub(crate) fn all(turns_per_us: f64) -> [Job; 2] {
        [
            Job { name: "fib(24), nothing to do in a task", depth: 24, turns: 0 },
            Job { name: "fib(18), about 1 us in each leaf", depth: 18, turns: nanos(1000, turns_per_us) },
        ]
    }

    /// Calls of the function, which are the tasks.
    pub(crate) fn tasks(&self) -> u64 {
        let (mut last, mut now) = (1, 1);
        for _ in 1..self.depth {
            (last, now) = (now, last + now + 1);
        }
        now
    }

    pub(crate) fn leaf(&self, n: u32) -> u64 {
        spin(self.turns);
        u64::from(n)
    }
}
