//! The sequential channel: what it may answer, one step at a time. Knows no history.
//!
//! Capacity n: a queue with a count of permits. Capacity 0: a send and a receive that [meet](Channel::meet), or a message
//! left for a task that waits, which any receiver may then take, oldest first.

use crate::history::Event;
use std::collections::VecDeque;

/// One step, with the answer that was given.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// An operation, whole.
    Ask(Event),
    /// The send of this number looked, and had to wait.
    WaitToSend(usize),
    /// The receive of this number looked, and had to wait.
    WaitToRecv(usize),
    /// The operation of this number, which will be answered so, was chosen: from now on it holds a place.
    Choose(usize, Event),
    /// The first half of `close_now`.
    CloseAny,
    /// The end of `close_now`.
    NothingLeft,
}

/// What is known of a task that waits to receive at capacity 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Claim {
    /// Nobody has left a message for it.
    Free,
    /// A message was left for it, or for another, and is still there.
    Claimed,
    /// What was left for it was taken by another; it may have been polled since, or not.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel {
    pub(crate) capacity: Option<usize>,
    /// What is inside; at capacity 0, what was left for tasks.
    queue: VecDeque<u64>,
    permits: usize,
    closed: bool,
    senders_gone: bool,
    receivers_gone: bool,
    /// Chosen and not finished: these hold a place, or at capacity 0 perhaps a receiver.
    sending: Vec<usize>,
    /// Those of them that have met a task, at capacity 0: it may have gone when the message comes, which is then left.
    met: Vec<usize>,
    /// Chosen and not finished: these have their message, and still hold its place.
    receiving: Vec<usize>,
    /// Sends known to wait, in order.
    senders: Vec<usize>,
    /// Receives by tasks that wait at capacity 0, in order.
    receivers: Vec<(usize, Claim)>,
}

impl Channel {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self {
            capacity,
            queue: VecDeque::new(),
            permits: 0,
            closed: false,
            senders_gone: false,
            receivers_gone: false,
            sending: Vec::new(),
            met: Vec::new(),
            receiving: Vec::new(),
            senders: Vec::new(),
            receivers: Vec::new(),
        }
    }

    fn takes_messages(&self) -> bool {
        !self.closed && !self.receivers_gone
    }

    fn more_may_come(&self) -> bool {
        !self.closed && !self.senders_gone
    }

    /// Whether `n` more places are free; at capacity 0, whether so many tasks are known to wait.
    fn has_room(&self, n: usize) -> bool {
        match self.capacity {
            None => true,
            Some(0) => self.free_receivers() >= self.held() + n,
            Some(capacity) => self.queue.len() + self.held() + n <= capacity,
        }
    }

    fn held(&self) -> usize {
        self.permits + self.sending.len() - self.met.len() + self.receiving.len()
    }

    fn free_receivers(&self) -> usize {
        let free = |r: &&(usize, Claim)| r.1 == Claim::Free;
        self.receivers.iter().filter(free).count()
    }

    /// Empty and known to stay so for an instant: no message, and at capacity 0 no send that waits.
    fn is_empty(&self) -> bool {
        self.queue.is_empty() && (self.capacity != Some(0) || self.senders.is_empty())
    }

    /// A copy in which operation `op` no longer waits, nor holds anything.
    fn without(&self, op: usize) -> Self {
        let mut next = self.clone();
        next.sending.retain(|&s| s != op);
        next.met.retain(|&s| s != op);
        next.receiving.retain(|&r| r != op);
        next.senders.retain(|&s| s != op);
        next.receivers.retain(|r| r.0 != op);
        next
    }

    fn if_so(&self, so: bool, op: usize) -> Vec<Self> {
        if so { vec![self.without(op)] } else { Vec::new() }
    }

    fn changed(&self, so: bool, change: impl Fn(&mut Self)) -> Vec<Self> {
        let mut next = self.if_so(so, usize::MAX);
        next.iter_mut().for_each(change);
        next
    }

    /// The states that may follow if operation `op` is answered so now; none if it cannot be.
    /// `receiving` is the number of receives under way.
    pub(crate) fn answer(&self, op: usize, question: &Question, receiving: usize) -> Vec<Self> {
        // There a Pending is no answer: the one that looks last has told the other, which will be polled again.
        let zero = self.capacity == Some(0);
        match question {
            Question::Ask(event) => self.ask(op, event, receiving),
            Question::WaitToSend(op) => self.changed(self.takes_messages() && (zero || !self.has_room(1)), |next| {
                next.senders.push(*op);
            }),
            Question::WaitToRecv(op) => self.changed(self.more_may_come() && (zero || self.is_empty()), |next| {
                next.receivers.push((*op, Claim::Free));
            }),
            Question::Choose(op, event) => self.choose(*op, event),
            Question::CloseAny => self.changed(true, |next| next.closed = true),
            Question::NothingLeft => self.changed(self.queue.is_empty(), |_| {}),
        }
    }

    fn ask(&self, op: usize, event: &Event, receiving: usize) -> Vec<Self> {
        let open = self.takes_messages();
        let permit = self.permits > 0;
        match *event {
            Event::Sent(m) if self.met.contains(&op) => self.without(op).changed(open, |next| next.queue.push_back(m)),
            Event::Sent(m) => self.without(op).put(m),
            Event::SendFull(_) => self.if_so(open && !self.has_room(1), op),
            Event::SendClosed(_) | Event::ReserveClosed => self.if_so(!open, op),
            Event::SendDropped(m) => {
                let next = self.without(op);
                let mut all = next.put(m);
                all.push(next);
                all
            }
            Event::Received(_) if self.receiving.contains(&op) => self.if_so(true, op),
            Event::Received(m) => self.take(m, op),
            Event::RecvEmpty => self.if_so(self.more_may_come() && self.is_empty(), op),
            Event::RecvClosed => self.if_so(!self.more_may_come() && self.queue.is_empty(), op),
            Event::RecvDropped => self.if_so(true, op),
            Event::Reserved(n) => {
                let room = match self.capacity {
                    // A thread that waits cannot be seen, nor a task while it is polled; enough that they may.
                    Some(0) => receiving + self.receivers.len() >= self.permits + n,
                    _ => self.has_room(n),
                };
                self.changed(open && room, |next| next.permits += n)
            }
            Event::ReserveFull(n) => self.if_so(open && !self.has_room(n), op),
            Event::PermitSent(m) => {
                self.changed(permit, |next| next.permits -= 1).iter().flat_map(|next| next.put(m)).collect()
            }
            // At capacity 0 the receiver that was claimed may have left.
            Event::PermitRefused(_) => self.changed(permit && (!open || self.capacity == Some(0)), |next| {
                next.permits -= 1;
            }),
            Event::PermitDropped => self.changed(permit, |next| next.permits -= 1),
            Event::Closed(first) => {
                let one_side = self.senders_gone || self.receivers_gone;
                let so = if first { !self.closed } else { self.closed || one_side };
                self.changed(so, |next| next.closed = true)
            }
            Event::SendersGone => self.changed(true, |next| next.senders_gone = true),
            Event::ReceiversGone => self.changed(true, |next| {
                next.receivers_gone = true;
                next.queue.clear();
            }),
            Event::Len(n) => {
                let len = if self.capacity == Some(0) { 0 } else { self.queue.len() };
                self.if_so(len == n, op)
            }
            Event::ClosedNow(_) => unreachable!("taken apart into steps"),
        }
    }

    fn choose(&self, op: usize, event: &Event) -> Vec<Self> {
        let mut all = match *event {
            Event::Sent(_) | Event::SendClosed(_) => {
                let room = self.capacity == Some(0) || self.has_room(1);
                let mut all = self.changed(self.takes_messages() && room, |next| next.sending.push(op));
                if self.takes_messages() && self.capacity == Some(0) {
                    all.extend(self.meetings(op));
                }
                return all;
            }
            Event::Received(m) => self.take(m, op),
            _ => Vec::new(),
        };
        for next in &mut all {
            next.receiving.push(op);
        }
        all
    }

    /// Operation `op` has chosen to send to a task that waits.
    fn meetings(&self, op: usize) -> impl Iterator<Item = Self> {
        (0..self.receivers.len()).filter(|i| self.receivers[*i].1 != Claim::Claimed).map(move |i| {
            let mut next = self.clone();
            next.sending.push(op);
            next.met.push(op);
            next.receivers[i].1 = Claim::Unknown;
            next
        })
    }

    /// A message goes in: to a free place, or at capacity 0 to a task that waits.
    fn put(&self, m: u64) -> Vec<Self> {
        if !self.takes_messages() {
            return Vec::new();
        }
        if self.capacity != Some(0) {
            return self.changed(self.has_room(1), |next| next.queue.push_back(m));
        }
        let waits = |i: &usize| self.receivers[*i].1 != Claim::Claimed;
        (0..self.receivers.len())
            .filter(waits)
            .map(|i| {
                let mut next = self.clone();
                next.receivers[i].1 = Claim::Claimed;
                next.queue.push_back(m);
                next
            })
            .collect()
    }

    fn take(&self, m: u64, op: usize) -> Vec<Self> {
        let mut all = self.if_so(self.queue.front() == Some(&m), op);
        for next in &mut all {
            next.queue.pop_front();
            if next.queue.is_empty() {
                for (_, claim) in &mut next.receivers {
                    if *claim == Claim::Claimed {
                        *claim = Claim::Unknown;
                    }
                }
            }
        }
        all
    }

    /// A send and a receive that happen together, at capacity 0.
    pub(crate) fn meet(&self, sender: usize, send: &Question, receiver: usize, recv: &Question) -> Option<Self> {
        let (Question::Ask(send), Question::Ask(Event::Received(got))) = (send, recv) else {
            return None;
        };
        let (m, permit) = match send {
            Event::Sent(m) | Event::SendDropped(m) => (m, false),
            Event::PermitSent(m) => (m, true),
            _ => return None,
        };
        // What was left comes first, then who waits longest; where a thread stands in line cannot be seen.
        let in_turn = !self.senders.contains(&sender) || self.senders.first() == Some(&sender);
        let may = m == got && self.queue.is_empty() && self.takes_messages() && in_turn;
        if !may || (permit && self.permits == 0) {
            return None;
        }
        let mut next = self.without(sender).without(receiver);
        next.permits -= usize::from(permit);
        Some(next)
    }
}
