//! What becomes of a receiver of broadcasts that lags, and what is kept for those who come late.

use crate::deadline::times;
use crate::load::Ledger;
use narrows::broadcast::{Lag, Receiver, Start, channel};
use narrows::{RecvError, TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::panic::catch_unwind;
use std::sync::Arc;

/// The bound holds whatever lags: it is waited for, skips and counts, or is cut off.
pub fn rule_05_a_receiver_of_broadcasts_lags_as_it_was_told() {
    let (s, waits) = channel(3);
    let skips = s.subscribe(Start::Now, Lag::Skip);
    let ends = s.subscribe(Start::Now, Lag::Disconnect);
    let later = ends.clone();
    (0..3).for_each(|n| s.send(n).expect("it is open"));
    assert_eq!(s.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((waits.recv(), later.recv()), (Ok(0), Ok(0)));
    assert_eq!((s.try_send(3), s.receiver_count()), (Ok(()), 3));
    assert!(ends.was_cut_off() && ends.is_disconnected() && ends.is_empty());
    assert_eq!(ends.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(ends.clone().recv(), Err(RecvError));
    assert!(!later.was_cut_off() && later.missed() == 0);
    assert_eq!((skips.missed(), skips.len(), skips.recv()), (1, 3, Ok(1)));
    assert_eq!((waits.recv(), s.try_send(4), skips.missed()), (Ok(1), Ok(()), 1));
    assert_eq!(skips.try_iter().collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(waits.try_iter().collect::<Vec<_>>(), [2, 3, 4]);
    assert!(later.was_cut_off());
    drop(waits);
    (5..105).for_each(|n| s.send(n).expect("one is left that skips"));
    assert_eq!((skips.recv(), skips.missed(), skips.clone().missed()), (Ok(102), 98, 0));
    assert_eq!(skips.lag(), Lag::Skip);
}

/// The channel as simple as can be: each receiver has a list of its own.
struct Simple {
    capacity: usize,
    kept: VecDeque<u64>,
    receivers: Vec<(Lag, VecDeque<u64>, u64, bool)>,
}

impl Simple {
    fn send(&mut self, message: u64) -> Result<(), TrySendError<u64>> {
        let has_to_go = (self.kept.len() == self.capacity).then(|| self.kept[0]);
        let lags = |unseen: &VecDeque<u64>| has_to_go.is_some() && unseen.front() == has_to_go.as_ref();
        if self.receivers.iter().any(|(lag, unseen, ..)| *lag == Lag::Wait && lags(unseen)) {
            return Err(TrySendError::Full(message));
        }
        for (lag, unseen, missed, is_cut) in &mut self.receivers {
            if lags(unseen) && *lag == Lag::Skip {
                unseen.pop_front();
                *missed += 1;
            } else if lags(unseen) {
                (*is_cut, *unseen) = (true, VecDeque::new());
            }
        }
        if self.receivers.iter().all(|receiver| receiver.3) {
            self.kept.clear();
            return Err(TrySendError::Disconnected(message));
        }
        if has_to_go.is_some() {
            self.kept.pop_front();
        }
        self.kept.push_back(message);
        for (_, unseen, _, _) in self.receivers.iter_mut().filter(|receiver| !receiver.3) {
            unseen.push_back(message);
        }
        Ok(())
    }
}

/// Whatever is done, in whatever order, each receiver sees what a list of its own would show.
pub fn rule_05_broadcasts_are_as_if_each_receiver_had_a_list() {
    const LAGS: [Lag; 3] = [Lag::Wait, Lag::Skip, Lag::Disconnect];
    for seed in 1..=times(300) as u64 {
        let mut state = seed;
        let mut pick = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((state >> 33) % n).expect("a small number")
        };
        let capacity = 1 + pick(4);
        let (s, r) = channel(capacity);
        let mut receivers = vec![r];
        let fresh = |lag, unseen| (lag, unseen, 0, false);
        let mut simple = Simple { capacity, kept: VecDeque::new(), receivers: vec![fresh(Lag::Wait, VecDeque::new())] };
        for message in 0..200 {
            let at = pick(receivers.len().max(1) as u64);
            match pick(12) {
                0 if receivers.len() < 6 => {
                    let lag = LAGS[pick(3)];
                    let from_oldest = pick(2) == 0;
                    receivers.push(s.subscribe(if from_oldest { Start::Oldest } else { Start::Now }, lag));
                    let unseen = if from_oldest { simple.kept.clone() } else { VecDeque::new() };
                    simple.receivers.push(fresh(lag, unseen));
                }
                1 if at < receivers.len() && receivers.len() < 6 => {
                    receivers.push(receivers[at].clone());
                    let (lag, unseen, _, is_cut) = simple.receivers[at].clone();
                    simple.receivers.push((lag, unseen, 0, is_cut));
                }
                2 if at < receivers.len() => {
                    drop(receivers.swap_remove(at));
                    simple.receivers.swap_remove(at);
                    if simple.receivers.iter().all(|receiver| receiver.3) {
                        simple.kept.clear();
                    }
                }
                3 if at < receivers.len() => {
                    let lag = LAGS[pick(3)];
                    let r = receivers.swap_remove(at).with_lag(lag);
                    receivers.push(r);
                    let mut receiver = simple.receivers.swap_remove(at);
                    receiver.0 = if receiver.3 { receiver.0 } else { lag };
                    simple.receivers.push(receiver);
                }
                4..8 if at < receivers.len() => {
                    let (_, unseen, _, is_cut) = &mut simple.receivers[at];
                    let none = if *is_cut { TryRecvError::Disconnected } else { TryRecvError::Empty };
                    assert_eq!(receivers[at].try_recv(), unseen.pop_front().ok_or(none), "seed {seed}");
                }
                _ => assert_eq!(s.try_send(message), simple.send(message), "seed {seed}"),
            }
            assert_eq!(s.len(), simple.receivers.iter().map(|receiver| receiver.1.len()).max().unwrap_or(0));
            assert_eq!(s.receiver_count(), simple.receivers.iter().filter(|receiver| !receiver.3).count());
            for (r, (lag, unseen, missed, is_cut)) in receivers.iter().zip(&simple.receivers) {
                let expected = (*lag, unseen.len(), *missed, *is_cut);
                assert_eq!((r.lag(), r.len(), r.missed(), r.was_cut_off()), expected, "seed {seed}");
            }
        }
    }
}

/// What is kept, for those who begin with the oldest.
pub fn rule_05_the_last_broadcasts_are_kept() {
    let ledger = Ledger::new(10);
    let (s, r) = channel(3);
    for n in 0..5 {
        assert!(s.send(Arc::new(ledger.load(n))).is_ok());
        assert!(r.recv().is_ok());
    }
    assert_eq!((ledger.alive(), s.len(), s.capacity()), (3, 0, 3));
    let late = s.subscribe(Start::Oldest, Lag::Wait);
    let newest = s.subscribe(Start::Now, Lag::Wait);
    assert!(s.is_full(), "the late one has yet to see them");
    assert_eq!((s.len(), newest.len()), (3, 0));
    let numbers = |r: &Receiver<Arc<crate::load::Load>>| r.try_iter().map(|load| load.number()).collect::<Vec<_>>();
    assert_eq!(numbers(&late), [2, 3, 4]);
    assert!(numbers(&newest).is_empty());
    // Nobody can subscribe any more: what all have seen goes, and the rest once it is seen.
    assert!(s.send(Arc::new(ledger.load(5))).is_ok());
    assert_eq!(ledger.alive(), 3);
    drop(s);
    assert_eq!(ledger.alive(), 1);
    drop((r, late));
    let last = newest.recv().expect("it was sent");
    assert_eq!(Arc::strong_count(&last), 1, "the last gets the message itself");
    ledger.load(6);
    drop(last);
    ledger.settle();

    let (s, r) = channel(usize::MAX);
    s.send(1).expect("it is open");
    assert_eq!((r.recv(), r.capacity()), (Ok(1), usize::MAX));
    assert!(catch_unwind(|| channel::<u8>(0)).is_err());
}
