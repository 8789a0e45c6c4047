//! Which lane is served next: the most urgent that has a message, unless another was passed over too often. Knows nothing of
//! messages, only that a lane may be tried.
//!
//! The age of a lane is the number of messages served since its own turn: since one of its own was served, or it was found
//! empty. With an age of `patience` it is *due*. Of the lanes that are due the one of the highest age is tried first, of two
//! such the more urgent; if none is due, or has a message, the lanes are tried in order.
//!
//! ```text
//! patience 3, three full lanes:   0 0 0 1 2 0 0 1 2 0 0 ...      patience 6:   0 0 0 0 0 0 1 2 0 0 0 0 0 1 2 ...
//! ```
//! Bound: with `n` lanes at most `patience + n - 2` messages of other lanes are served while a message is the oldest of its
//! lane. After `patience` of them its lane is due. From then on only lanes of the same or a higher age come before it, each
//! once, for then it is the younger one; and the lane that was served last is none of them. (With `patience` 0, which is
//! taken for 1, all would be due at all times.)
//!
//! Invariant: no lane is due before `next_due` messages have been served.

use crate::error::TryRecvError;

/// What is known of the lanes. Kept under a lock, so that the bound holds for all receivers together.
#[derive(Debug, Clone)]
pub(super) struct Ages {
    patience: u64,
    served: u64,
    next_due: u64,
    /// For each lane, what `served` was at its last turn.
    turns: Box<[u64]>,
}

impl Ages {
    pub(super) fn new(lanes: usize, patience: usize) -> Ages {
        let patience = u64::try_from(patience.max(1)).unwrap_or(u64::MAX);
        Ages { patience, served: 0, next_due: patience, turns: vec![0; lanes].into() }
    }

    /// Serves the first lane, in the order above, of which `attempt` does not say that it is empty or at its end.
    #[inline]
    pub(super) fn serve<R>(
        &mut self,
        mut attempt: impl FnMut(usize) -> Result<R, TryRecvError>,
    ) -> Result<R, TryRecvError> {
        if self.served >= self.next_due
            && let Some(result) = self.serve_due(&mut attempt)
        {
            return Ok(result);
        }
        let mut why = TryRecvError::Disconnected;
        for lane in 0..self.turns.len() {
            match attempt(lane) {
                Ok(result) => {
                    self.served += 1;
                    self.turns[lane] = self.served;
                    return Ok(result);
                }
                Err(TryRecvError::Empty) => why = TryRecvError::Empty,
                Err(TryRecvError::Disconnected) => {}
            }
            self.turns[lane] = self.served;
        }
        Err(why)
    }

    /// The same among those that are due.
    #[cold]
    fn serve_due<R>(&mut self, attempt: &mut impl FnMut(usize) -> Result<R, TryRecvError>) -> Option<R> {
        loop {
            let oldest = (0..self.turns.len()).min_by_key(|lane| self.turns[*lane])?;
            self.next_due = self.turns[oldest].saturating_add(self.patience);
            if self.served < self.next_due {
                return None;
            }
            let result = attempt(oldest).ok();
            self.served += u64::from(result.is_some());
            self.turns[oldest] = self.served;
            if result.is_some() {
                return result;
            }
        }
    }
}

#[cfg(all(test, not(any(loom, narrows_check))))]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    /// Serves while the lanes in the set have messages; which it was.
    fn serve(ages: &mut Ages, ready: u32) -> usize {
        let attempt = |lane: usize| if ready >> lane & 1 == 1 { Ok(lane) } else { Err(TryRecvError::Empty) };
        ages.serve(attempt).expect("one of them is ready")
    }

    fn full(lanes: usize, patience: usize, messages: usize) -> Vec<usize> {
        let mut ages = Ages::new(lanes, patience);
        (0..messages).map(|_| serve(&mut ages, (1 << lanes) - 1)).collect()
    }

    #[test]
    fn full_lanes_are_served_as_drawn() {
        assert_eq!(full(3, 3, 11), [0, 0, 0, 1, 2, 0, 0, 1, 2, 0, 0]);
        assert_eq!(full(3, 6, 15), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(full(3, 1, 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    /// What decides, apart from how many were served.
    fn key(ages: &Ages) -> (Vec<u64>, u64) {
        (ages.turns.iter().map(|turn| ages.served - turn).collect(), ages.next_due.saturating_sub(ages.served))
    }

    /// The longest wait of a message in `lane` from here, against an adversary who fills and empties the other lanes.
    fn longest(ages: &Ages, lane: usize, known: &mut HashMap<(Vec<u64>, u64), usize>) -> usize {
        if let Some(wait) = known.get(&key(ages)) {
            return *wait;
        }
        let mut worst = 0;
        for others in 0..1 << ages.turns.len() {
            let mut next = ages.clone();
            if serve(&mut next, others | 1 << lane) != lane {
                worst = worst.max(1 + longest(&next, lane, known));
            }
        }
        known.insert(key(ages), worst);
        worst
    }

    /// Every state that can be reached, and in each every adversary: none exceeds the bound, and one reaches it.
    #[test]
    fn no_adversary_exceeds_the_bound() {
        for lanes in 2..5 {
            for patience in 1..7 {
                let (mut seen, mut open) = (HashSet::new(), vec![Ages::new(lanes, patience)]);
                let mut known = vec![HashMap::new(); lanes];
                let mut worst = vec![0; lanes];
                while let Some(ages) = open.pop() {
                    if !seen.insert(key(&ages)) {
                        continue;
                    }
                    for lane in 0..lanes {
                        worst[lane] = worst[lane].max(longest(&ages, lane, &mut known[lane]));
                    }
                    for ready in 1..1 << lanes {
                        let mut next = ages.clone();
                        serve(&mut next, ready);
                        open.push(next);
                    }
                }
                let bound = patience + lanes - 2;
                assert!(worst.iter().all(|worst| *worst <= bound), "{lanes} lanes, patience {patience}: {worst:?}");
                assert_eq!(worst[lanes - 1], bound, "{lanes} lanes, patience {patience}: it can be reached");
            }
        }
    }
}
