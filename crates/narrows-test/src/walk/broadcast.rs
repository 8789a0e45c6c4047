//! The same for a broadcast, whose line every receiver goes along by itself: some wait, some skip, some are cut off; they join, are
//! cloned, change their minds and leave, while sends and receives wait.

use super::{Dice, walks};
use crate::deadline::times;
use crate::hand::Hand;
use crate::load::{Ledger, Load};
use narrows::broadcast::{Lag, Receiver, Sender, Start, channel};
use narrows::{RecvError, SendError, TryRecvError, TrySendError};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

const LAGS: [Lag; 3] = [Lag::Wait, Lag::Skip, Lag::Disconnect];

#[derive(Clone, Debug)]
struct Message(Arc<Load>);

/// A receiver, that tasks share, and what it has yet to see.
struct Reader {
    name: u64,
    receiver: Arc<Receiver<Message>>,
    next: usize,
    missed: u64,
    is_cut_off: bool,
}

type Answer<T> = Pin<Box<dyn Future<Output = T>>>;

enum Task {
    Send(u64, Hand<Answer<Result<(), SendError<Message>>>>),
    /// By the receiver of that name.
    Recv(u64, Hand<Answer<Result<Message, RecvError>>>),
}

impl Task {
    fn is_woken(&self) -> bool {
        match self {
            Task::Send(_, hand) => hand.is_woken(),
            Task::Recv(_, hand) => hand.is_woken(),
        }
    }
}

struct Walk {
    dice: Dice,
    ledger: Ledger,
    capacity: usize,
    senders: Vec<Arc<Sender<Message>>>,
    readers: Vec<Reader>,
    tasks: Vec<Task>,
    /// What was sent; kept from there on.
    sent: Vec<u64>,
    oldest: usize,
    is_closed: bool,
    next: u64,
}

impl Walk {
    fn live(&self) -> impl Iterator<Item = &Reader> {
        self.readers.iter().filter(|reader| !reader.is_cut_off)
    }

    fn is_shut(&self) -> bool {
        self.is_closed || self.live().next().is_none()
    }

    fn is_full(&self) -> bool {
        let waits = |reader: &Reader| reader.receiver.lag() == Lag::Wait && reader.next <= self.oldest;
        self.sent.len() - self.oldest == self.capacity && self.live().any(waits)
    }

    fn message(&mut self) -> (u64, Message) {
        self.next += 1;
        (self.next - 1, Message(Arc::new(self.ledger.load(self.next - 1))))
    }

    /// A send was possible: the oldest goes for it, and who has not seen it is cut off, or skips it. False if nobody is left.
    fn make_room(&mut self) -> bool {
        if self.sent.len() - self.oldest == self.capacity {
            for reader in self.readers.iter_mut().filter(|reader| reader.next <= self.oldest) {
                reader.is_cut_off |= reader.receiver.lag() == Lag::Disconnect;
            }
        }
        self.live().next().is_some()
    }

    fn sent(&mut self, answer: Result<(), TrySendError<Message>>, number: u64, was_full: bool) {
        let is_possible = !self.is_closed && !was_full;
        let is_received = is_possible && self.make_room();
        match answer {
            Ok(()) => {
                assert!(is_received, "{number} went in");
                if self.sent.len() - self.oldest == self.capacity {
                    self.oldest += 1;
                    assert!(self.ledger.is_dropped(self.sent[self.oldest - 1]));
                }
                self.sent.push(number);
            }
            Err(TrySendError::Full(back)) => assert!(was_full && !self.is_closed && back.0.number() == number),
            Err(TrySendError::Disconnected(back)) => {
                assert_eq!(back.0.number(), number);
                assert!(self.is_closed || (!was_full && !is_received));
            }
        }
    }

    /// What that reader is to hear; it goes on.
    fn receives(&mut self, at: usize) -> Result<u64, TryRecvError> {
        let (oldest, tail, is_closed) = (self.oldest, self.sent.len(), self.is_closed);
        let reader = &mut self.readers[at];
        if reader.is_cut_off {
            return Err(TryRecvError::Disconnected);
        }
        if reader.next < oldest {
            assert_eq!(reader.receiver.lag(), Lag::Skip);
            reader.missed += (oldest - reader.next) as u64;
            reader.next = oldest;
        }
        if reader.next == tail {
            return Err(if is_closed { TryRecvError::Disconnected } else { TryRecvError::Empty });
        }
        reader.next += 1;
        Ok(self.sent[reader.next - 1])
    }

    fn step(&mut self, is_late: bool) {
        let some = |dice: &mut Dice, n: usize| dice.roll(n.max(1));
        let at = some(&mut self.dice, self.readers.len());
        match self.dice.roll(30) {
            0..5 => {
                let Some(s) = self.senders.last().cloned() else { return };
                let ((number, message), was_full) = (self.message(), self.is_full());
                let answer = s.try_send(message);
                self.sent(answer, number, was_full);
            }
            5..8 if self.tasks.len() < 10 => {
                let Some(s) = self.senders.last().cloned() else { return };
                let (number, message) = self.message();
                self.tasks.push(Task::Send(number, Hand::new(Box::pin(async move { s.send_async(message).await }))));
                self.poll(self.tasks.len() - 1);
            }
            8..12 if at < self.readers.len() => {
                let got = self.readers[at].receiver.try_recv().map(|message| message.0.number());
                assert_eq!(got, self.receives(at));
            }
            12..16 if at < self.readers.len() && self.tasks.len() < 10 => {
                let Reader { receiver, name, .. } = &self.readers[at];
                let (r, name) = (Arc::clone(receiver), *name);
                self.tasks.push(Task::Recv(name, Hand::new(Box::pin(async move { r.recv_async().await }))));
                self.poll(self.tasks.len() - 1);
            }
            16..21 if !self.tasks.is_empty() => {
                let woken = self.tasks.iter().position(Task::is_woken).filter(|_| self.dice.once_in(2));
                let at = woken.unwrap_or_else(|| some(&mut self.dice, self.tasks.len()));
                self.poll(at);
            }
            21..23 if !self.tasks.is_empty() => {
                let at = some(&mut self.dice, self.tasks.len());
                self.drops(at);
            }
            23 if self.readers.len() < 5 => {
                let (start, lag) = (self.dice.roll(2), LAGS[self.dice.roll(3)]);
                let Some(s) = self.senders.last() else { return };
                let receiver = s.subscribe(if start == 0 { Start::Now } else { Start::Oldest }, lag);
                self.adds(receiver, if start == 0 { self.sent.len() } else { self.oldest }, false);
            }
            24 if at < self.readers.len() && self.readers.len() < 5 => {
                let Reader { receiver, next, is_cut_off, .. } = &self.readers[at];
                // Where the clone begins the other has come to, also if it was not asked since.
                let (clone, next, is_cut_off) = ((**receiver).clone(), (*next).max(self.oldest), *is_cut_off);
                self.adds(clone, next, is_cut_off);
            }
            25 if at < self.readers.len() => {
                let mut reader = self.readers.swap_remove(at);
                match Arc::try_unwrap(reader.receiver) {
                    Ok(receiver) => {
                        // Counted out and in again it has come to the oldest.
                        let was = receiver.lag();
                        let receiver = receiver.with_lag(LAGS[self.dice.roll(3)]);
                        if was == Lag::Skip && reader.next < self.oldest {
                            reader.missed += (self.oldest - reader.next) as u64;
                            reader.next = self.oldest;
                        }
                        reader.receiver = Arc::new(receiver);
                    }
                    Err(shared) => reader.receiver = shared,
                }
                self.readers.push(reader);
            }
            26 if self.readers.len() > usize::from(!is_late) => {
                let gone = self.readers.swap_remove(at);
                // Its tasks have it, too.
                while let Some(at) =
                    self.tasks.iter().position(|task| matches!(task, Task::Recv(name, _) if *name == gone.name))
                {
                    drop(self.tasks.swap_remove(at));
                }
                drop(gone);
            }
            27 if self.senders.len() < 3 => {
                let Some(s) = self.senders.last() else { return };
                self.senders.push(Arc::new((**s).clone()));
            }
            28 if self.senders.len() > usize::from(!is_late) => drop(self.senders.pop()),
            29 if is_late && self.dice.once_in(8) => {
                let Some(reader) = self.readers.first() else { return };
                assert_eq!(reader.receiver.close(), !self.is_closed);
                self.is_closed = true;
            }
            _ => {}
        }
    }

    fn adds(&mut self, receiver: Receiver<Message>, next: usize, is_cut_off: bool) {
        self.next += 1;
        // A number that no message has.
        let name = self.next - 1;
        self.readers.push(Reader { name, receiver: Arc::new(receiver), next, missed: 0, is_cut_off });
    }

    fn poll(&mut self, at: usize) {
        let was_full = self.is_full();
        match self.tasks.swap_remove(at) {
            Task::Send(number, mut hand) => match hand.poll() {
                std::task::Poll::Ready(answer) => {
                    let answer = answer.map_err(|SendError(back)| TrySendError::Disconnected(back));
                    self.sent(answer, number, was_full && !self.is_closed);
                }
                std::task::Poll::Pending => {
                    assert!(was_full && !self.is_closed, "{number} could have gone in");
                    self.tasks.push(Task::Send(number, hand));
                }
            },
            Task::Recv(name, mut hand) => {
                let reader = self.readers.iter().position(|reader| reader.name == name).expect("it is there");
                let mut polled = hand.poll();
                // A new one gives way a few times.
                for _ in 0..20 {
                    if polled.is_pending() && hand.is_woken() {
                        polled = hand.poll();
                    }
                }
                let expected = self.receives(reader);
                match polled {
                    std::task::Poll::Ready(got) => {
                        let got = got.map(|message| message.0.number()).map_err(|_| TryRecvError::Disconnected);
                        assert_eq!(got, expected);
                    }
                    std::task::Poll::Pending => {
                        assert_eq!(expected, Err(TryRecvError::Empty));
                        self.tasks.push(Task::Recv(name, hand));
                    }
                }
            }
        }
    }

    fn drops(&mut self, at: usize) {
        let task = self.tasks.swap_remove(at);
        let number = if let Task::Send(number, _) = &task { Some(*number) } else { None };
        drop(task);
        assert!(number.is_none_or(|number| self.ledger.is_dropped(number)));
    }

    fn look(&mut self) {
        let is_sending = self.tasks.iter().any(|task| matches!(task, Task::Send(..)));
        self.is_closed |= self.senders.is_empty() && !is_sending;
        if self.live().next().is_none() {
            assert!((self.oldest..self.sent.len()).all(|at| self.ledger.is_dropped(self.sent[at])));
            self.oldest = self.sent.len();
        }
        if self.senders.is_empty() && !is_sending {
            // Nobody begins with the oldest any more.
            let tail = self.sent.len();
            self.oldest = self.oldest.max(self.live().map(|reader| reader.next).min().unwrap_or(tail));
            assert!(self.sent[..self.oldest].iter().all(|number| self.ledger.is_dropped(*number)));
        }
        let (oldest, tail) = (self.oldest, self.sent.len());
        for reader in &self.readers {
            let next = reader.next.max(oldest);
            assert_eq!(reader.receiver.was_cut_off(), reader.is_cut_off);
            if !reader.is_cut_off {
                assert_eq!(reader.receiver.len(), tail - next);
                let missed = if reader.receiver.lag() == Lag::Skip { next - reader.next } else { 0 };
                assert_eq!(reader.receiver.missed(), reader.missed + missed as u64);
            }
            let is_end = reader.is_cut_off || (self.is_closed && next == tail);
            assert_eq!((reader.receiver.is_disconnected(), reader.receiver.is_closed()), (is_end, self.is_closed));
            let mut its = self.tasks.iter().filter(|task| matches!(task, Task::Recv(name, _) if *name == reader.name));
            let has_some = !reader.is_cut_off && next < tail;
            assert!(!has_some || its.clone().next().is_none() || its.clone().any(Task::is_woken), "a receiver sleeps");
            assert!(!is_end || its.all(Task::is_woken), "a receiver sleeps at the end");
        }
        if let Some(s) = self.senders.last() {
            let unseen = self.live().map(|reader| tail - reader.next.max(oldest)).max().unwrap_or(0);
            assert_eq!((s.len(), s.is_full(), s.is_closed()), (unseen, self.is_full(), self.is_shut()));
            assert_eq!(s.receiver_count(), self.live().count());
        }
        let mut sends = self.tasks.iter().filter(|task| matches!(task, Task::Send(..)));
        assert!(!self.is_shut() || sends.clone().all(Task::is_woken), "a sender sleeps at the end");
        assert!(self.is_full() || sends.clone().next().is_none() || sends.any(Task::is_woken), "a sender sleeps");
    }
}

/// Broadcasts of few places, at random.
pub fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_a_broadcast() {
    for seed in 0..walks() * 4 {
        let (capacity, steps) = (1 + usize::try_from(seed % 4).expect("small"), times(250));
        let (s, r) = channel(capacity);
        let mut walk = Walk {
            dice: Dice::new(seed),
            ledger: Ledger::new(steps * 2),
            capacity,
            senders: vec![Arc::new(s)],
            readers: Vec::new(),
            tasks: Vec::new(),
            sent: Vec::new(),
            oldest: 0,
            is_closed: false,
            next: 0,
        };
        walk.adds(r, 0, false);
        for left in (0..steps).rev() {
            walk.step(left < 40);
            walk.look();
        }
        while !walk.tasks.is_empty() {
            walk.drops(0);
            walk.look();
        }
        (walk.readers, walk.senders) = (Vec::new(), Vec::new());
        walk.ledger.settle();
    }
}
