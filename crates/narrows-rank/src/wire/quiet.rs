//! Whether all processes wait for each other. Knows of frames only how many there were.
//!
//! A rank that has waited for a while tells all others what it waits for, how many frames it has sent to each and how many it has
//! had from each, and whose end it knows of; and again when one of these changes while it waits. If by the last word of
//! everybody all wait, and whatever was sent has been had, nobody will ever wake.
//!
//! For suppose that one does, the first of them. Only a frame can have woken it, which it had not had when it spoke last. Who
//! sent that had either sent it before it spoke itself, and then it was counted and missed; or later, and then it had woken
//! before. So the words of different moments are good enough, and nobody has to be stopped for them.

use std::fmt::Write as _;

use narrows::oneshot;

use crate::{
    ends::Ends,
    sync::{Arc, AtomicU64, Mutex, Ordering, ThreadId, current, lock},
    watch::{Alarm, Blocked},
};

/// What a rank that waits says of itself and one other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Between {
    pub(super) sent: u64,
    pub(super) had: u64,
    pub(super) knows_end: bool,
}

/// What a rank that waits says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) with: Vec<Between>,
    pub(super) what: String,
}

struct State {
    /// The one thread of the rank; none where it may have several.
    home: Option<ThreadId>,
    own: Option<(Blocked, oneshot::Sender<Alarm>)>,
    /// The last word of each, this rank's own among them.
    words: Vec<Option<Word>>,
}

pub(super) struct Quiet {
    me: usize,
    ends: Arc<Ends>,
    /// Frames to and from each rank, but for those of this file.
    sent: Vec<AtomicU64>,
    had: Vec<AtomicU64>,
    state: Mutex<State>,
}

impl Quiet {
    pub(super) fn new(me: usize, size: usize, ends: Arc<Ends>) -> Quiet {
        let counts = || (0..size).map(|_| AtomicU64::new(0)).collect();
        let state = State { home: None, own: None, words: vec![None; size] };
        Quiet { me, ends, sent: counts(), had: counts(), state: Mutex::new(state) }
    }

    /// Before a frame goes out.
    pub(super) fn sends(&self, to: usize) {
        // Release: pairs with the Acquire in `word`, as does the next.
        self.sent[to].fetch_add(1, Ordering::Release);
    }

    /// It could not.
    pub(super) fn has_not_sent(&self, to: usize) {
        // Release: as above.
        self.sent[to].fetch_sub(1, Ordering::Release);
    }

    /// Once all that a frame brings about was done, what it had this rank send among that. Who waits looks again.
    pub(super) fn has_had(&self, from: usize) {
        // Release: as above.
        self.had[from].fetch_add(1, Ordering::Release);
        self.look_again();
    }

    /// Something has changed that the others are to hear of.
    pub(super) fn look_again(&self) {
        let own = lock(&self.state).own.take();
        if let Some((_, alarm)) = own {
            drop(alarm.send(Alarm::LookAgain));
        }
    }

    pub(super) fn settle(&self) {
        lock(&self.state).home = Some(current().id());
    }

    /// What the others are to be told of a wait; none if it is over, or all know.
    pub(super) fn own_word(&self) -> Option<Word> {
        lock(&self.state).words[self.me].clone()
    }

    /// A wait of this rank's thread.
    pub(super) fn enter(&self, blocked: Blocked) -> Option<oneshot::Receiver<Alarm>> {
        let mut state = lock(&self.state);
        if state.home != Some(current().id()) {
            // It may have other threads, which do what this one waits for.
            state.home = None;
            return None;
        }
        let (alarm, hears) = oneshot::channel();
        let word = self.word(&blocked);
        state.words[self.me] = word;
        state.own = Some((blocked, alarm));
        let told = self.judge(&mut state);
        drop(state);
        tell(told);
        Some(hears)
    }

    pub(super) fn leave(&self) {
        let mut state = lock(&self.state);
        state.words[self.me] = None;
        let own = state.own.take();
        drop(state);
        drop(own);
    }

    /// Another rank waits.
    pub(super) fn heard(&self, from: usize, word: Word) {
        let mut state = lock(&self.state);
        state.words[from] = Some(word);
        let told = self.judge(&mut state);
        drop(state);
        tell(told);
    }

    /// What was had is counted first: what it had this rank send was counted before it. Then whether the wait is unfulfilled:
    /// whatever was had before could have fulfilled it.
    fn word(&self, blocked: &Blocked) -> Option<Word> {
        // Acquire, both: pair with the Release of who counts; see above.
        let had: Vec<u64> = self.had.iter().map(|count| count.load(Ordering::Acquire)).collect();
        let sent = self.sent.iter().map(|count| count.load(Ordering::Acquire));
        let between = |(rank, (had, sent))| Between { sent, had, knows_end: self.ends.has_ended(rank) };
        let with = had.into_iter().zip(sent).enumerate().map(between).collect();
        (blocked.is_pending)().then(|| Word { with, what: blocked.what.clone() })
    }

    fn judge(&self, state: &mut State) -> Option<(oneshot::Sender<Alarm>, Arc<str>)> {
        state.own.as_ref()?;
        let size = state.words.len();
        let left: Vec<usize> = (0..size).filter(|rank| !self.ends.has_ended(*rank)).collect();
        let mut words = Vec::with_capacity(left.len());
        for rank in &left {
            words.push(state.words[*rank].as_ref()?);
        }
        for (one, word) in left.iter().zip(&words) {
            let agrees = |(other, others): (&usize, &&Word)| word.with[*other].sent == others.with[*one].had;
            let knows_ends = (0..size).all(|rank| word.with[rank].knows_end == self.ends.has_ended(rank));
            if !knows_ends || !left.iter().zip(&words).all(agrees) {
                return None;
            }
        }
        let mut report = String::new();
        for rank in 0..size {
            let sep = if rank == 0 { "" } else { "; " };
            match &state.words[rank] {
                _ if self.ends.has_ended(rank) => write!(report, "{sep}rank {rank} {}", self.ends.how(rank)),
                Some(word) => write!(report, "{sep}rank {rank} waits {}", word.what),
                None => Ok(()),
            }
            .expect("a string takes all that is written");
        }
        // Whoever goes on has to speak anew before there can be another verdict.
        state.words.fill(None);
        let (_, alarm) = state.own.take()?;
        Some((alarm, report.into()))
    }
}

fn tell(told: Option<(oneshot::Sender<Alarm>, Arc<str>)>) {
    if let Some((alarm, report)) = told {
        // Who does not hear it has left meanwhile.
        drop(alarm.send(Alarm::Deadlock(report)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(me: usize, size: usize) -> Quiet {
        let quiet = Quiet::new(me, size, Arc::new(Ends::new(size)));
        quiet.settle();
        quiet
    }

    fn blocked() -> Blocked {
        Blocked { what: "for it".to_owned(), is_pending: Box::new(|| true) }
    }

    fn alarm(quiet: &Quiet) -> oneshot::Receiver<Alarm> {
        quiet.enter(blocked()).expect("this is its thread")
    }

    fn word(with: &[(u64, u64)]) -> Word {
        let between = |(sent, had): &(u64, u64)| Between { sent: *sent, had: *had, knows_end: false };
        Word { with: with.iter().map(between).collect(), what: "for that".to_owned() }
    }

    #[test]
    fn all_that_wait_and_have_had_everything_are_stuck() {
        let one = quiet(0, 2);
        one.sends(1);
        one.has_had(1);
        one.has_had(1);
        let hears = alarm(&one);
        // A frame is still on its way to the other, then from it; then none.
        one.heard(1, word(&[(2, 0), (0, 0)]));
        one.heard(1, word(&[(3, 1), (0, 0)]));
        assert!(hears.try_recv().is_err());
        one.heard(1, word(&[(2, 1), (0, 0)]));
        let Ok(Alarm::Deadlock(report)) = hears.try_recv() else { panic!("it was not told") };
        assert_eq!(&*report, "rank 0 waits for it; rank 1 waits for that");
    }

    #[test]
    fn who_does_not_wait_or_has_been_answered_is_not_stuck() {
        let one = quiet(0, 3);
        let hears = alarm(&one);
        one.heard(1, word(&[(0, 0); 3]));
        assert!(hears.try_recv().is_err(), "rank 2 has said nothing");
        one.leave();
        one.heard(2, word(&[(0, 0); 3]));
        let answered = Blocked { what: String::new(), is_pending: Box::new(|| false) };
        let hears = one.enter(answered).expect("this is its thread");
        assert_eq!(one.own_word(), None);
        assert!(hears.try_recv().is_err());
    }

    #[test]
    fn an_end_that_not_all_know_of_may_wake_somebody() {
        let one = quiet(0, 3);
        one.ends.set(2, &"has returned".into());
        let hears = alarm(&one);
        one.heard(1, word(&[(0, 0); 3]));
        assert!(hears.try_recv().is_err());
        let mut knows = word(&[(0, 0); 3]);
        knows.with[2].knows_end = true;
        one.heard(1, knows);
        let Ok(Alarm::Deadlock(report)) = hears.try_recv() else { panic!("it was not told") };
        assert!(report.ends_with("rank 2 has returned"), "{report}");
    }

    #[test]
    fn a_frame_has_who_waits_look_again() {
        let one = quiet(0, 2);
        let hears = alarm(&one);
        one.has_had(1);
        assert!(matches!(hears.try_recv(), Ok(Alarm::LookAgain)));
    }
}
