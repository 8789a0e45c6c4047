//! The same for a channel of the latest value: who has seen which, who hears of one, and what those hold who still look at an old
//! one while newer ones come and go.

use super::{Dice, walks};
use crate::deadline::times;
use crate::hand::Hand;
use crate::load::{Ledger, Load};
use narrows::{RecvError, TryRecvError, watch};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

type Answer<T> = Pin<Box<dyn Future<Output = T>>>;

/// A receiver that tasks share, and how many values had come when it last saw one.
struct Reader {
    receiver: Rc<watch::Receiver<Load>>,
    seen: usize,
}

struct Waits {
    /// Its receiver.
    receiver: Rc<watch::Receiver<Load>>,
    hand: Hand<Answer<Result<(), RecvError>>>,
}

/// Waits for a number that can be divided by three.
struct Wants {
    hand: Hand<Answer<Result<u64, RecvError>>>,
}

struct Walk {
    dice: Dice,
    ledger: Ledger,
    senders: Vec<Rc<watch::Sender<Load>>>,
    readers: Vec<Reader>,
    waits: Vec<Waits>,
    wants: Vec<Wants>,
    /// Those who look at a value, which stays while they do.
    looks: Vec<(u64, Hand<Answer<u64>>)>,
    sent: usize,
    latest: u64,
    is_closed: bool,
}

async fn goes_on_later() {
    let is_later = Cell::new(false);
    poll_fn(|_| if is_later.replace(true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Walk {
    fn has_receiver(&self) -> bool {
        !self.readers.is_empty() || !self.wants.is_empty() || !self.looks.is_empty()
    }

    fn send(&mut self, next: u64) {
        let Some(s) = self.senders.last() else { return };
        let load = self.ledger.load(next);
        let (is_sent, must) = match self.dice.roll(3) {
            0 => (s.send(load).is_ok(), !self.is_closed && self.has_receiver()),
            1 => {
                let replaced = s.replace(load).map(|old| old.number());
                assert!(replaced.is_err() || replaced.as_ref().ok() == Some(&self.latest));
                (replaced.is_ok(), !self.is_closed)
            }
            _ => {
                let mut load = Some(load);
                let updated = s.update(|old| {
                    assert_eq!(old.number(), self.latest);
                    load.take()
                });
                (updated.is_ok_and(|is_new| is_new), !self.is_closed)
            }
        };
        assert_eq!(is_sent, must);
        if is_sent {
            (self.sent, self.latest) = (self.sent + 1, next);
        } else {
            assert!(self.ledger.is_dropped(next));
        }
    }

    /// What a receiver is told that asks for a change; it has then seen it.
    fn changed(&mut self, at: usize) -> Result<(), TryRecvError> {
        let reader = &mut self.readers[at];
        if reader.seen < self.sent {
            reader.seen = self.sent;
            return Ok(());
        }
        Err(if self.is_closed { TryRecvError::Disconnected } else { TryRecvError::Empty })
    }

    fn step(&mut self, next: u64, is_late: bool) {
        let at = self.dice.roll(self.readers.len().max(1));
        match self.dice.roll(24) {
            0..6 => self.send(next),
            6..8 if at < self.readers.len() => {
                let changed = self.readers[at].receiver.try_changed();
                assert_eq!(changed, self.changed(at));
            }
            8..12 if at < self.readers.len() && self.waits.len() < 8 => {
                let receiver = Rc::clone(&self.readers[at].receiver);
                let r = Rc::clone(&receiver);
                let hand: Hand<Answer<_>> = Hand::new(Box::pin(async move { r.changed_async().await }));
                self.waits.push(Waits { receiver, hand });
                self.poll(self.waits.len() - 1);
            }
            12..14 if !self.waits.is_empty() => {
                let at = self.dice.roll(self.waits.len());
                if self.dice.once_in(2) { drop(self.waits.swap_remove(at)) } else { self.poll(at) }
            }
            14 if self.wants.len() < 4 => {
                let Some(r) = self.senders.last().map(|s| s.subscribe()) else { return };
                let wants =
                    async move { r.wait_for_async(|value| value.number() % 3 == 0).await.map(|it| it.number()) };
                self.wants.push(Wants { hand: Hand::new(Box::pin(wants)) });
                self.poll_wants(self.wants.len() - 1);
            }
            15 if !self.wants.is_empty() => {
                let at = self.dice.roll(self.wants.len());
                if self.dice.once_in(3) { drop(self.wants.swap_remove(at)) } else { self.poll_wants(at) }
            }
            16 | 17 if at < self.readers.len() && self.looks.len() < 8 => {
                let (r, is_seen) = (Rc::clone(&self.readers[at].receiver), self.dice.once_in(2));
                let mut look: Hand<Answer<_>> = Hand::new(Box::pin(async move {
                    let value = if is_seen { r.borrow_and_update() } else { r.borrow() };
                    goes_on_later().await;
                    value.number()
                }));
                look.still_waits();
                self.readers[at].seen = if is_seen { self.sent } else { self.readers[at].seen };
                self.looks.push((self.latest, look));
            }
            18 | 19 if !self.looks.is_empty() => {
                let at = self.dice.roll(self.looks.len());
                let (number, look) = self.looks.swap_remove(at);
                assert_eq!(look.ready(), number, "it changed under who looks at it");
            }
            20 if self.readers.len() < 5 => {
                let Some(s) = self.senders.last() else { return };
                self.readers.push(Reader { receiver: Rc::new(s.subscribe()), seen: self.sent });
            }
            21 if self.readers.len() > usize::from(!is_late) && at < self.readers.len() => {
                let gone = self.readers.swap_remove(at);
                self.waits.retain(|waits| !Rc::ptr_eq(&waits.receiver, &gone.receiver));
            }
            22 if is_late && self.senders.len() > 1 => drop(self.senders.pop()),
            22 if self.senders.len() < 3 => {
                let Some(s) = self.senders.last().map(|s| (**s).clone()) else { return };
                self.senders.push(Rc::new(s));
            }
            23 if is_late && self.dice.once_in(10) => {
                self.senders.clear();
                self.is_closed = true;
            }
            _ => {}
        }
    }

    fn poll(&mut self, at: usize) {
        let polled = self.waits[at].hand.poll();
        let its = |reader: &Reader| Rc::ptr_eq(&reader.receiver, &self.waits[at].receiver);
        let reader = self.readers.iter().position(its).expect("it goes with its tasks");
        let expected = self.changed(reader);
        match polled {
            Poll::Ready(heard) => {
                assert_eq!(heard.map_err(|_| TryRecvError::Disconnected), expected);
                drop(self.waits.swap_remove(at));
            }
            Poll::Pending => assert_eq!(expected, Err(TryRecvError::Empty)),
        }
    }

    fn poll_wants(&mut self, at: usize) {
        let is_there = self.latest.is_multiple_of(3);
        match self.wants[at].hand.poll() {
            Poll::Ready(heard) => {
                assert_eq!(heard.ok(), is_there.then_some(self.latest));
                assert!(is_there || self.is_closed);
                drop(self.wants.swap_remove(at));
            }
            Poll::Pending => assert!(!is_there && !self.is_closed, "{} is what it wants", self.latest),
        }
    }

    fn look(&self) {
        for Reader { receiver, seen } in &self.readers {
            let is_new = *seen < self.sent;
            assert_eq!((receiver.has_changed(), receiver.is_disconnected()), (is_new, self.is_closed && !is_new));
            let mut its = self.waits.iter().filter(|waits| Rc::ptr_eq(&waits.receiver, receiver));
            if is_new && its.clone().next().is_some() {
                assert!(its.any(|waits| waits.hand.is_woken()), "a receiver sleeps through {}", self.latest);
            } else if self.is_closed {
                assert!(its.all(|waits| waits.hand.is_woken()), "a receiver sleeps at the end");
            }
        }
        let is_there = self.latest.is_multiple_of(3) || self.is_closed;
        assert!(
            !is_there || self.wants.iter().all(|wants| wants.hand.is_woken()),
            "one that wants {} sleeps",
            self.latest
        );
    }
}

/// Watched values, at random.
pub fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_a_watch() {
    for seed in 0..walks() * 4 {
        let ledger = Ledger::new(300);
        let (s, r) = watch::channel(ledger.load(1));
        let mut walk = Walk {
            dice: Dice::new(seed),
            ledger: ledger.clone(),
            senders: vec![Rc::new(s)],
            readers: vec![Reader { receiver: Rc::new(r), seen: 0 }],
            waits: Vec::new(),
            wants: Vec::new(),
            looks: Vec::new(),
            sent: 0,
            latest: 1,
            is_closed: false,
        };
        for step in 0..times(250) as u64 {
            walk.step(step + 2, step > 210);
            walk.look();
        }
        for (number, look) in std::mem::take(&mut walk.looks) {
            assert_eq!(look.ready(), number);
        }
        drop(walk);
        ledger.settle();
    }
}
