//! The same for channels of lanes, which share a receiver: messages of any lane wake it, messages that are taken back leave no lane
//! that hides others, lanes join and end.

use super::{Dice, walks};
use crate::deadline::times;
use crate::hand::Hand;
use crate::load::{Ledger, Load};
use narrows::{RecvError, SendError, Sender, TryRecvError, fan_in, priority};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

type Answer<T> = Pin<Box<dyn Future<Output = T>>>;
type Received = Result<Load, RecvError>;

/// A sender that has a lane, alone or with others.
trait OfLane {
    fn lane(&self) -> &Sender<Load>;
}

impl OfLane for Sender<Load> {
    fn lane(&self) -> &Sender<Load> {
        self
    }
}

impl OfLane for fan_in::Sender<Load> {
    fn lane(&self) -> &Sender<Load> {
        self
    }
}

enum Receiver {
    Priority(Rc<priority::Receiver<Load>>),
    /// For one at a time.
    FanIn(Rc<RefCell<fan_in::Receiver<Load>>>),
}

impl Receiver {
    fn recv(&self) -> Answer<Received> {
        match self {
            Receiver::Priority(r) => {
                let r = Rc::clone(r);
                Box::pin(async move { r.recv_async().await })
            }
            Receiver::FanIn(r) => {
                let r = Rc::clone(r);
                #[expect(clippy::await_holding_refcell_ref, reason = "the walk has one at a time")]
                Box::pin(async move { r.borrow_mut().recv_async().await })
            }
        }
    }

    fn try_recv(&self) -> Result<Load, TryRecvError> {
        match self {
            Receiver::Priority(r) => r.try_recv(),
            Receiver::FanIn(r) => r.borrow_mut().try_recv(),
        }
    }

    /// How many are inside, and whether it is closed, and at its end.
    fn says(&self) -> (usize, bool, bool) {
        match self {
            Receiver::Priority(r) => (r.len(), r.is_closed(), r.is_disconnected()),
            Receiver::FanIn(r) => {
                let r = r.borrow();
                (r.len(), r.is_closed(), r.is_disconnected())
            }
        }
    }

    fn close(&self) -> bool {
        match self {
            Receiver::Priority(r) => r.close(),
            Receiver::FanIn(r) => r.borrow().close(),
        }
    }
}

struct Lane {
    sender: Option<Rc<dyn OfLane>>,
    inside: VecDeque<u64>,
    is_closed: bool,
}

struct Send {
    lane: usize,
    number: u64,
    /// It returns when the message is received.
    is_synchronous: bool,
    is_inside: bool,
    ticket: u64,
    hand: Hand<Answer<Result<(), SendError<Load>>>>,
}

struct Walk {
    dice: Dice,
    ledger: Ledger,
    capacity: Option<usize>,
    receiver: Receiver,
    /// Makes another lane, if lanes may join.
    more: Option<fan_in::Sender<Load>>,
    lanes: Vec<Lane>,
    sends: Vec<Send>,
    receives: Vec<Hand<Answer<Received>>>,
    next: u64,
}

impl Walk {
    fn load(&mut self) -> Load {
        self.next += 1;
        self.ledger.load(self.next - 1)
    }

    fn is_over(&self) -> bool {
        self.more.is_none() && self.lanes.iter().all(|lane| lane.is_closed)
    }

    fn got(&mut self, got: Result<Load, TryRecvError>) {
        let has_some = self.lanes.iter().any(|lane| !lane.inside.is_empty());
        match got {
            Ok(load) => {
                let its = |lane: &&mut Lane| lane.inside.front() == Some(&load.number());
                let lane = self.lanes.iter_mut().find(its).expect("the next of a lane");
                lane.inside.pop_front();
            }
            Err(TryRecvError::Disconnected) => assert!(!has_some && self.is_over(), "the end is said too early"),
            Err(TryRecvError::Empty) => assert!(!has_some && !self.is_over(), "something is inside"),
        }
    }

    fn is_free(&self) -> bool {
        self.receives.is_empty() || matches!(self.receiver, Receiver::Priority(_))
    }

    fn step(&mut self, is_late: bool) {
        let at = self.dice.roll(self.lanes.len().max(1));
        let sender = self.lanes.get(at).and_then(|lane| lane.sender.clone());
        match (self.dice.roll(26), sender) {
            (0..5, Some(s)) => {
                let load = self.load();
                let number = load.number();
                let is_sent = s.lane().try_send(load).is_ok();
                let is_free = self.capacity.is_none_or(|capacity| self.lanes[at].inside.len() < capacity);
                assert_eq!(is_sent, is_free && !self.lanes[at].is_closed, "{number} to lane {at}");
                if is_sent {
                    self.lanes[at].inside.push_back(number);
                }
            }
            (5..9, Some(s)) if self.sends.len() < 8 => {
                // Where there is a bound, places that come free late would be guessed at.
                let (load, is_synchronous) = (self.load(), self.capacity.is_none() && !self.dice.once_in(3));
                let (number, lane) = (load.number(), at);
                let future: Answer<_> = if is_synchronous {
                    Box::pin(async move { s.lane().send_sync_async(load).await })
                } else {
                    Box::pin(async move { s.lane().send_async(load).await })
                };
                let hand = Hand::new(future);
                self.sends.push(Send { lane, number, is_synchronous, is_inside: false, ticket: self.next, hand });
                self.poll_send(self.sends.len() - 1);
            }
            (9..13, _) if self.is_free() => {
                let got = self.receiver.try_recv();
                self.got(got);
            }
            (13..16, _) if self.receives.is_empty() || (self.is_free() && self.receives.len() < 4) => {
                self.receives.push(Hand::new(self.receiver.recv()));
                self.poll_recv(self.receives.len() - 1);
            }
            (16..19, _) if !self.receives.is_empty() => {
                let at = self.dice.roll(self.receives.len());
                if self.dice.once_in(3) { drop(self.receives.swap_remove(at)) } else { self.poll_recv(at) }
            }
            (19..22, _) if !self.sends.is_empty() => {
                let at = self.dice.roll(self.sends.len());
                if self.dice.once_in(2) { self.drop_send(at) } else { self.poll_send(at) }
            }
            (22, _) if self.lanes.len() < 6 => {
                let Some(s) = self.more.clone() else { return };
                self.lanes.push(Lane { sender: Some(Rc::new(s)), inside: VecDeque::new(), is_closed: false });
            }
            // What waits in a lane would not be seen to come in without its sender.
            (23, Some(_)) if self.sends.iter().all(|send| send.lane != at) && (is_late || self.more.is_some()) => {
                self.lanes[at].sender = None;
            }
            (24, Some(s)) if is_late && self.dice.once_in(4) => {
                assert_eq!(s.lane().close(), !self.lanes[at].is_closed);
                self.lanes[at].is_closed = true;
            }
            (25, _) if is_late && self.is_free() && self.dice.once_in(8) => {
                self.receiver.close();
                self.lanes.iter_mut().for_each(|lane| lane.is_closed = true);
                self.more = None;
            }
            _ => {}
        }
    }

    fn poll_send(&mut self, at: usize) {
        let Send { lane, number, is_synchronous, is_inside: was_inside, hand, .. } = &mut self.sends[at];
        let (polled, lane, number) = (hand.poll(), *lane, *number);
        let its = &mut self.lanes[lane];
        let is_full = self.capacity.is_some_and(|capacity| its.inside.len() >= capacity);
        let is_new = !std::mem::replace(was_inside, true);
        match polled {
            Poll::Ready(Ok(())) => {
                assert!(!*is_synchronous || (!is_new && !its.inside.contains(&number)), "{number} was not received");
                if is_new {
                    assert!(!is_full && !its.is_closed, "{number} has gone into a lane that is full");
                    its.inside.push_back(number);
                }
                self.sends.swap_remove(at);
            }
            Poll::Ready(Err(SendError(back))) => {
                assert!(its.is_closed && is_new && back.number() == number);
                drop(back);
                self.sends.swap_remove(at);
            }
            Poll::Pending if *is_synchronous => {
                if is_new {
                    assert!(!its.is_closed);
                    its.inside.push_back(number);
                }
                assert!(its.inside.contains(&number), "{number} was received");
            }
            Poll::Pending => {
                *was_inside = false;
                assert!(is_new && is_full && !its.is_closed, "{number} waits for nothing");
            }
        }
    }

    fn drop_send(&mut self, at: usize) {
        let Send { lane, number, is_synchronous, is_inside, hand, .. } = self.sends.swap_remove(at);
        drop(hand);
        let was_received = is_inside && !self.lanes[lane].inside.contains(&number);
        let inside = &mut self.lanes[lane].inside;
        if is_synchronous && is_inside {
            inside.retain(|other| *other != number);
        }
        let is_there = inside.contains(&number);
        assert!(was_received || is_there != self.ledger.is_dropped(number));
    }

    fn poll_recv(&mut self, at: usize) {
        let mut polled = self.receives[at].poll();
        for _ in 0..20 {
            if polled.is_pending() && self.receives[at].is_woken() {
                polled = self.receives[at].poll();
            }
        }
        match polled {
            Poll::Ready(got) => {
                drop(self.receives.swap_remove(at));
                self.got(got.map_err(|_| TryRecvError::Disconnected));
            }
            Poll::Pending => self.got(Err(TryRecvError::Empty)),
        }
    }

    /// Sends that wait come in by themselves, the oldest first.
    fn catch_up(&mut self) {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let Some(s) = &lane.sender else { continue };
            while lane.inside.len() < s.lane().len() {
                let waits = |send: &&mut Send| send.lane == at && !send.is_inside && send.hand.is_woken();
                let oldest = self.sends.iter_mut().filter(waits).min_by_key(|send| send.ticket);
                let send = oldest.expect("something is inside that nobody has sent");
                send.is_inside = true;
                lane.inside.push_back(send.number);
            }
        }
    }

    fn look(&mut self) {
        self.catch_up();
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let is_held = lane.sender.is_some() || self.sends.iter().any(|send| send.lane == at);
            lane.is_closed |= !is_held;
            if let Some(s) = &lane.sender {
                assert_eq!((s.lane().len(), s.lane().is_closed()), (lane.inside.len(), lane.is_closed), "lane {at}");
            }
            let mut waits = self.sends.iter().filter(|send| send.lane == at && !send.is_inside);
            let is_free = self.capacity.is_none_or(|capacity| lane.inside.len() < capacity);
            if lane.is_closed {
                assert!(waits.all(|send| send.hand.is_woken()), "a sender sleeps at the end of lane {at}");
            } else if is_free && waits.clone().next().is_some() {
                assert!(waits.any(|send| send.hand.is_woken()), "a sender sleeps beside room in lane {at}");
            }
        }
        let inside: usize = self.lanes.iter().map(|lane| lane.inside.len()).sum();
        let is_over = self.is_over();
        if self.is_free() {
            assert_eq!(self.receiver.says(), (inside, is_over, is_over && inside == 0));
        }
        let mut asleep = self.receives.iter().filter(|hand| !hand.is_woken());
        if is_over && inside == 0 {
            assert!(asleep.next().is_none(), "a receiver sleeps at the end");
        } else if inside > 0 && asleep.next().is_some() {
            assert!(self.receives.iter().any(Hand::is_woken), "a receiver sleeps beside {inside} messages");
        }
    }
}

/// Channels of lanes, at random.
pub fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep_at_lanes() {
    for seed in 0..walks() * 4 {
        let capacity = [None, Some(1), None, Some(3)][usize::try_from(seed / 2 % 4).expect("small")];
        let (mut lanes, steps): (Vec<Rc<dyn OfLane>>, _) = (Vec::new(), times(250));
        let (receiver, more) = if seed % 2 == 0 {
            let (senders, r) = priority::lanes([capacity; 3], 4);
            lanes.extend(senders.into_iter().map(|s| Rc::new(s) as Rc<dyn OfLane>));
            (Receiver::Priority(Rc::new(r)), None)
        } else {
            let (s, r) = capacity.map_or_else(fan_in::unbounded, fan_in::channel);
            lanes.push(Rc::new(s.clone()));
            (Receiver::FanIn(Rc::new(RefCell::new(r))), Some(s))
        };
        let lane = |sender| Lane { sender: Some(sender), inside: VecDeque::new(), is_closed: false };
        let mut walk = Walk {
            dice: Dice::new(seed),
            ledger: Ledger::new(steps * 2),
            capacity,
            receiver,
            more,
            lanes: lanes.into_iter().map(lane).collect(),
            sends: Vec::new(),
            receives: Vec::new(),
            next: 0,
        };
        for left in (0..steps).rev() {
            walk.step(left < 40);
            walk.look();
        }
        while !walk.sends.is_empty() {
            walk.drop_send(0);
            walk.look();
        }
        let ledger = walk.ledger.clone();
        drop(walk);
        ledger.settle();
    }
}
