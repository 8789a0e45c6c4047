//! What a channel is, told one step after the other: a line of messages, each in its place, and places that are promised.

use std::collections::VecDeque;

/// Where a message of the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Inside,
    /// Chosen, or on a lease.
    Out,
    /// Its sender has taken it back, and its place may still be in use.
    Dead,
}

#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) state: State,
    /// It was out, or put back: those behind it do not wait for it to be passed.
    is_apart: bool,
}

#[derive(Debug)]
pub(super) struct Model {
    /// None without a bound; 0 is a rendezvous, whose line is what was handed over.
    pub(super) capacity: Option<usize>,
    pub(super) leaves_tombs: bool,
    /// Each message has a weight of its own.
    pub(super) weighs: bool,
    pub(super) line: VecDeque<Place>,
    pub(super) reserved: usize,
    pub(super) is_closed: bool,
    pub(super) leases: usize,
}

impl Model {
    pub(super) fn new(capacity: Option<usize>, leaves_tombs: bool, weighs: bool) -> Self {
        Self { capacity, leaves_tombs, weighs, line: VecDeque::new(), reserved: 0, is_closed: false, leases: 0 }
    }

    pub(super) fn is_rendezvous(&self) -> bool {
        self.capacity == Some(0)
    }

    pub(super) fn len(&self) -> usize {
        self.line.iter().filter(|place| place.state == State::Inside).count()
    }

    pub(super) fn front(&self) -> Option<u64> {
        self.line.iter().find(|place| place.state == State::Inside).map(|place| place.number)
    }

    /// By number, where messages are weighed: some need no room, and some are heavier than the whole channel.
    pub(super) fn weight_of(number: u64) -> usize {
        [1, 2, 0, 3, 1, 5, 1][usize::try_from(number % 7).expect("small")]
    }

    pub(super) fn weight(&self, number: u64) -> usize {
        if self.weighs { Self::weight_of(number) } else { 1 }
    }

    /// What is in use by messages, inside or out, and by permits.
    fn taken(&self) -> usize {
        self.line.iter().map(|place| self.weight(place.number)).sum::<usize>() + self.reserved
    }

    /// How much the messages weigh that are inside.
    pub(super) fn inside(&self) -> usize {
        let inside = self.line.iter().filter(|place| place.state == State::Inside);
        inside.map(|place| self.weight(place.number)).sum()
    }

    /// Whether there is room for a message of that weight, where there are rules: one that is alone always has.
    pub(super) fn admits(&self, weight: usize) -> bool {
        let taken = self.taken();
        taken == 0 || self.capacity.is_none_or(|capacity| taken + weight <= capacity)
    }

    /// The same once all that is inside has gone out.
    pub(super) fn would_admit(&self, weight: usize) -> bool {
        let stays = self.taken() - self.inside();
        stays == 0 || self.capacity.is_none_or(|capacity| stays + weight <= capacity)
    }

    /// What is free for certain, and what may be: the place of one that was taken back comes with those before it, whichever way
    /// these go.
    pub(super) fn free(&self) -> (usize, usize) {
        let Some(capacity) = self.capacity else { return (usize::MAX, usize::MAX) };
        let mut is_first = true;
        let mut may_be_free = 0;
        for place in &self.line {
            match place.state {
                State::Dead if is_first => may_be_free += 1,
                State::Inside if !place.is_apart => is_first = false,
                State::Dead | State::Out | State::Inside => {}
            }
        }
        let used = self.taken();
        (capacity.saturating_sub(used), capacity.saturating_sub(used.saturating_sub(may_be_free)))
    }

    pub(super) fn push(&mut self, number: u64) {
        self.line.push_back(Place { number, state: State::Inside, is_apart: false });
    }

    pub(super) fn put_first(&mut self, number: u64) {
        self.line.push_front(Place { number, state: State::Inside, is_apart: true });
    }

    fn bury(&mut self) {
        while self.line.front().is_some_and(|place| place.state == State::Dead) {
            self.line.pop_front();
        }
    }

    /// The next message is received.
    pub(super) fn pop(&mut self) -> Option<u64> {
        let at = self.line.iter().position(|place| place.state == State::Inside)?;
        let number = self.line.remove(at).map(|place| place.number);
        self.bury();
        number
    }

    /// The next message goes out, and keeps its place.
    pub(super) fn take_out(&mut self) -> Option<u64> {
        let next = self.line.iter_mut().find(|place| place.state == State::Inside)?;
        next.state = State::Out;
        next.is_apart = true;
        Some(next.number)
    }

    /// One that is out is received, or there again.
    pub(super) fn end_out(&mut self, number: u64, is_received: bool) {
        let at = self.line.iter().position(|place| place.number == number && place.state == State::Out);
        let at = at.expect("it is out");
        if is_received {
            self.line.remove(at);
            self.bury();
        } else {
            self.line[at].state = State::Inside;
        }
    }

    /// Its sender takes it back. False if it is not inside.
    pub(super) fn take_back(&mut self, number: u64) -> bool {
        let is_it = |place: &Place| place.number == number && place.state == State::Inside;
        let Some(at) = self.line.iter().position(is_it) else { return false };
        if self.leaves_tombs && !self.line[at].is_apart {
            self.line[at].state = State::Dead;
        } else {
            self.line.remove(at);
        }
        self.bury();
        true
    }

    /// Closed, and nothing is left, nor out on a lease.
    pub(super) fn is_drained(&self) -> bool {
        self.is_closed && self.len() == 0 && self.leases == 0
    }
}
