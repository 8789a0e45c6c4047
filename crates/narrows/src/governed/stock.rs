//! What lies in a governed channel, and how much of it. Knows nothing of locks, or of those who wait.
//!
//! ```text
//! taken = weight of the messages inside + held + reserved
//! held  = weight of those that a select has chosen and not yet finished
//! reserved = units of permits, and of selects that have chosen to send
//! ```
//! Invariant: what is put in was admitted, or has a reserved unit. So `taken <= capacity`, but for a message that is heavier
//! than the capacity and alone, for what a message sent by a permit weighs beyond its unit, and for a capacity that was
//! made less.
//!
//! A message may be large, so it is swapped from where it is to where it goes: no parcel that has one is a value on the stack.

use std::{collections::VecDeque, mem};

use crate::flavor::Receipt;

/// A message, with its number in the stream.
#[derive(Debug)]
struct Parcel<T> {
    number: u64,
    weight: usize,
    /// None of one that is out on a lease.
    message: Option<T>,
    /// Of one whose sender waits for it to be received.
    receipt: Option<Receipt<T>>,
}

impl<T> Parcel<T> {
    fn is_awaited(&self, number: usize) -> bool {
        self.receipt.is_some() && tag(self.number) == number
    }

    /// What it becomes at another place, where its message is swapped into it.
    fn emptied(&mut self) -> Parcel<T> {
        Parcel { number: self.number, weight: self.weight, message: None, receipt: self.receipt.take() }
    }
}

/// What tells a message from the others that are awaited, or out on a lease.
#[expect(clippy::cast_possible_truncation, reason = "so many are never there at a time")]
fn tag(number: u64) -> usize {
    number as usize
}

/// Numbers before it are for messages that are put back.
const FIRST: u64 = 1 << 63;

/// Memory that an unbounded channel keeps when it is empty.
const KEPT_BYTES: usize = 1 << 14;

#[derive(Debug)]
pub(super) struct Stock<T> {
    /// Oldest first.
    queue: VecDeque<Parcel<T>>,
    chosen: Vec<Parcel<T>>,
    // Sums of weights, each of which may be as large as a `usize`.
    weight: i128,
    held: i128,
    reserved: i128,
    capacity: Option<usize>,
    next_number: u64,
    /// That of the message put back last; lower than any other.
    first_number: u64,
    /// Leases that are out.
    pub(super) leases: usize,
    /// To be told without the lock that their message was received.
    pub(super) heard: Vec<Receipt<T>>,
    /// How many messages have come since the receivers were last told.
    pub(super) news: usize,
}

impl<T> Stock<T> {
    pub(super) fn new(capacity: Option<usize>) -> Stock<T> {
        Stock {
            queue: VecDeque::new(),
            chosen: Vec::new(),
            weight: 0,
            held: 0,
            reserved: 0,
            capacity,
            next_number: FIRST,
            first_number: FIRST,
            leases: 0,
            heard: Vec::new(),
            news: 0,
        }
    }

    /// How many messages have come.
    #[expect(clippy::cast_possible_truncation, reason = "for the difference of two")]
    pub(super) fn put_so_far(&self) -> usize {
        self.next_number as usize
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn weight(&self) -> usize {
        usize::try_from(self.weight).unwrap_or(usize::MAX)
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// What the capacity was; `None`, and it stays so, where there is no bound.
    pub(super) fn set_capacity(&mut self, capacity: usize) -> Option<usize> {
        self.capacity.as_mut().map(|own| mem::replace(own, capacity))
    }

    fn taken(&self) -> i128 {
        self.weight + self.held + self.reserved
    }

    /// How many units are free; less than 0 if more are taken than there are.
    pub(super) fn room(&self) -> i128 {
        self.capacity.map_or(i128::MAX, |capacity| capacity as i128 - self.taken())
    }

    /// Are so many units free?
    pub(super) fn has_room(&self, units: usize) -> bool {
        units as i128 <= self.room()
    }

    /// May a message of that weight come in, if so many units more are promised to others? One that is too heavy for the whole
    /// channel may if it is alone.
    pub(super) fn admits(&self, weight: usize, promised: i128) -> bool {
        let taken = self.taken() + promised;
        taken == 0 || self.capacity.is_none_or(|capacity| taken + weight as i128 <= capacity as i128)
    }

    /// Takes the message in `from`, which has one.
    pub(super) fn put(&mut self, weight: usize, from: &mut Option<T>) {
        self.put_awaited(weight, from, None);
    }

    /// The same of one whose sender may wait for it to be received; its tag.
    pub(super) fn put_awaited(&mut self, weight: usize, from: &mut Option<T>, receipt: Option<Receipt<T>>) -> usize {
        debug_assert!(from.is_some(), "a message to send");
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push_back(Parcel { number, weight, message: None, receipt });
        if let Some(parcel) = self.queue.back_mut() {
            mem::swap(&mut parcel.message, from);
        }
        self.weight += weight as i128;
        self.news += 1;
        tag(number)
    }

    /// Puts the message in `from`, which has one, in front of all others.
    pub(super) fn put_first(&mut self, weight: usize, from: &mut Option<T>) {
        self.first_number -= 1;
        let number = self.first_number;
        self.queue.push_front(Parcel { number, weight, message: None, receipt: None });
        if let Some(parcel) = self.queue.front_mut() {
            mem::swap(&mut parcel.message, from);
        }
        self.weight += weight as i128;
        self.news += 1;
    }

    /// Takes the oldest message into `into`, which is empty. False if there is none.
    pub(super) fn take(&mut self, into: &mut Option<T>) -> bool {
        let receipt = self.take_unreceived(into);
        self.heard.extend(receipt);
        into.is_some()
    }

    /// Takes an awaited message back, if it is still inside.
    pub(super) fn take_back(&mut self, tag: usize, into: &mut Option<T>) -> Option<Receipt<T>> {
        if let Some(chosen) = self.chosen.iter_mut().find(|chosen| chosen.is_awaited(tag)) {
            return chosen.receipt.take();
        }
        let at = self.queue.iter().position(|other| other.is_awaited(tag))?;
        let parcel = self.queue.get_mut(at)?;
        let receipt = parcel.receipt.take()?;
        mem::swap(&mut parcel.message, into);
        self.weight -= parcel.weight as i128;
        self.queue.drain(at..=at);
        Some(receipt)
    }

    /// Takes the oldest message, if there is one, into `into`, which is empty; it is not received by that. Whoever waits for the
    /// receipt is to have it back.
    pub(super) fn take_unreceived(&mut self, into: &mut Option<T>) -> Option<Receipt<T>> {
        let parcel = self.queue.front_mut()?;
        mem::swap(&mut parcel.message, into);
        let receipt = parcel.receipt.take();
        self.weight -= parcel.weight as i128;
        self.queue.drain(..1);
        let has_shrunk = self.queue.is_empty() && self.capacity.is_none();
        if has_shrunk && self.queue.capacity().saturating_mul(size_of::<Parcel<T>>()) > KEPT_BYTES {
            self.queue = VecDeque::new();
        }
        receipt
    }

    /// Makes room for a message of that weight: `shed` takes out the oldest, one after the other. False if it would not help, for
    /// what is reserved or chosen stays; then none has gone.
    pub(super) fn push_out_oldest(&mut self, weight: usize, mut shed: impl FnMut(&mut Stock<T>)) -> bool {
        let stays = self.held + self.reserved;
        let fits = |capacity| stays + weight as i128 <= capacity as i128;
        if stays != 0 && !self.capacity.is_none_or(fits) {
            return false;
        }
        while !self.admits(weight, 0) && !self.is_empty() {
            shed(self);
        }
        true
    }

    pub(super) fn reserve(&mut self, units: usize) {
        self.reserved += units as i128;
    }

    /// A unit is used or given back only if it was taken.
    pub(super) fn unreserve(&mut self, units: usize) {
        let left = self.reserved - units as i128;
        assert!(left >= 0, "a place was given back that nobody had taken");
        self.reserved = left;
    }

    /// Chooses the oldest message; its number.
    pub(super) fn choose(&mut self) -> Option<u64> {
        let oldest = self.queue.front_mut()?;
        self.chosen.push(oldest.emptied());
        let chosen = self.chosen.last_mut()?;
        mem::swap(&mut chosen.message, &mut oldest.message);
        let (number, weight) = (chosen.number, chosen.weight as i128);
        self.queue.drain(..1);
        self.weight -= weight;
        self.held += weight;
        Some(number)
    }

    /// What was chosen is no longer; its message has been taken out.
    fn unchoose(&mut self, at: usize) {
        self.held -= self.chosen[at].weight as i128;
        let last = self.chosen.len() - 1;
        self.chosen.swap(at, last);
        self.chosen.truncate(last);
    }

    fn chosen_at(&self, number: u64) -> Option<usize> {
        self.chosen.iter().position(|chosen| chosen.number == number)
    }

    /// Takes a chosen message into `into`, which is empty.
    pub(super) fn finish(&mut self, number: u64, into: &mut Option<T>) -> bool {
        let Some(at) = self.chosen_at(number) else { return false };
        self.finish_at(at, into)
    }

    fn finish_at(&mut self, at: usize, into: &mut Option<T>) -> bool {
        let chosen = &mut self.chosen[at];
        mem::swap(&mut chosen.message, into);
        self.heard.extend(chosen.receipt.take());
        self.unchoose(at);
        into.is_some()
    }

    /// Takes the oldest message out into `into`, on a lease; its tag.
    pub(super) fn lease(&mut self, into: &mut Option<T>) -> Option<usize> {
        let number = self.choose()?;
        if let Some(chosen) = self.chosen.last_mut() {
            mem::swap(&mut chosen.message, into);
        }
        self.leases += 1;
        Some(tag(number))
    }

    /// Ends a lease: its message is received, or comes back in `message`.
    pub(super) fn end_lease(&mut self, leased: usize, message: &mut Option<T>) {
        self.leases -= 1;
        let is_it = |chosen: &Parcel<T>| chosen.message.is_none() && tag(chosen.number) == leased;
        let Some(at) = self.chosen.iter().position(is_it) else { return };
        if message.is_some() {
            mem::swap(&mut self.chosen[at].message, message);
            self.give_back_at(at);
        } else {
            self.finish_at(at, message);
        }
    }

    /// A chosen message stands at its old place again.
    pub(super) fn give_back(&mut self, number: u64) {
        if let Some(at) = self.chosen_at(number) {
            self.give_back_at(at);
        }
    }

    fn give_back_at(&mut self, at: usize) {
        let chosen = &mut self.chosen[at];
        let place = self.queue.partition_point(|other| other.number < chosen.number);
        self.queue.insert(place, chosen.emptied());
        mem::swap(&mut self.queue[place].message, &mut chosen.message);
        self.weight += chosen.weight as i128;
        self.news += 1;
        self.unchoose(at);
    }

    /// Takes a message that is still here when the channel goes, chosen or not.
    pub(super) fn take_any(&mut self, into: &mut Option<T>) -> bool {
        while let Some(chosen) = self.chosen.last_mut() {
            mem::swap(&mut chosen.message, into);
            self.unchoose(self.chosen.len() - 1);
            if into.is_some() {
                return true;
            }
        }
        self.take(into)
    }
}
