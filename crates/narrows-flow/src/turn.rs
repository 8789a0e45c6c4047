//! The turn: the source, and with it the right to take from it. It goes from worker to worker through a channel of
//! capacity 1, so no thread stands between the source and those who work, and no lock is held while it is asked.
//!
//! Places: an item is taken only when it has one, and keeps it until it was handed to the caller. The caller gives places
//! back through a channel. They are given out in the order of the items, so the oldest item always has one.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
    vec,
};

use narrows::{CancelToken, Receiver};

use crate::{doorway::Doorway, pace::Pace, source::Source};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Drops what is the user's; the panic of that is given back, and ends no worker.
pub(crate) fn drop_caught<T>(value: T) -> Option<Payload> {
    catch_unwind(AssertUnwindSafe(|| drop(value))).err()
}

/// A portion of items to work on.
#[derive(Debug)]
pub(crate) struct Job<T> {
    /// Of the first item.
    pub(crate) number: u64,
    pub(crate) items: vec::IntoIter<T>,
    /// A panic of the source, or of a stage before, after these items.
    pub(crate) panic: Option<Payload>,
    /// How long it took to get those that were there.
    pub(crate) took: Duration,
    /// The rest of one that took long: the items are to go one by one, to whoever is free.
    pub(crate) is_slow: bool,
}

impl<T> Job<T> {
    /// Takes the first item out of it, if there are more.
    pub(crate) fn split_first(&mut self) -> Option<Job<T>> {
        if self.items.len() < 2 {
            return None;
        }
        let (number, items) = (self.number, Vec::from_iter(self.items.next()).into_iter());
        self.number += 1;
        Some(Job { number, items, panic: None, took: Duration::ZERO, is_slow: true })
    }
}

/// What the source gave.
struct Found<T> {
    items: Vec<T>,
    panic: Option<Payload>,
    took: Duration,
}

pub(crate) struct Turn<S: Source> {
    pub(crate) source: S,
    pub(crate) pace: Pace,
    places: usize,
    freed: Receiver<usize>,
    number: u64,
    has_ended: bool,
    /// What the source gave after the door was shut.
    pub(crate) late: Vec<S::Item>,
    pub(crate) late_panic: Option<Payload>,
}

impl<S: Source> Turn<S> {
    pub(crate) fn new(source: S, pace: Pace, window: usize, freed: Receiver<usize>) -> Turn<S> {
        Turn { source, pace, places: window, freed, number: 0, has_ended: false, late: Vec::new(), late_panic: None }
    }

    /// Takes the next portion, waiting for places and for the source. `None` once there is nothing more to take.
    pub(crate) fn take(&mut self, who: usize, door: &Doorway, stop: &CancelToken) -> Option<Job<S::Item>> {
        if self.has_ended || stop.is_cancelled() || !self.wait_for_place() {
            return None;
        }
        if stop.is_cancelled() || !door.enter(who) {
            return None;
        }
        let mut found = Found { items: Vec::new(), panic: None, took: Duration::ZERO };
        let caught = catch_unwind(AssertUnwindSafe(|| self.find(&mut found, stop)));
        if let Err(panic) = caught {
            // An iterator that has panicked is not asked again.
            (found.panic, self.has_ended) = (Some(panic), true);
        }
        let size = found.items.len() + usize::from(found.panic.is_some());
        if !door.leave(size) {
            (self.late, self.late_panic) = (found.items, found.panic);
            return None;
        }
        if size == 0 {
            return None;
        }
        // A panic after items may be one more than there are places.
        self.places = self.places.saturating_sub(size);
        let number = self.number;
        self.number += size as u64;
        Some(Job { number, items: found.items.into_iter(), panic: found.panic, took: found.took, is_slow: false })
    }

    fn find(&mut self, found: &mut Found<S::Item>, stop: &CancelToken) {
        match self.source.pull(stop) {
            None => self.has_ended = true,
            Some(Err(panic)) => found.panic = Some(panic),
            Some(Ok(item)) => {
                let most = self.pace.portion(self.source.promised()).min(self.places);
                found.items.reserve_exact(most);
                found.items.push(item);
                if most > 1 {
                    let began = Instant::now();
                    self.source.pull_more(&mut found.items, most - 1);
                    found.took = began.elapsed();
                }
            }
        }
    }

    /// False if the caller is gone.
    fn wait_for_place(&mut self) -> bool {
        while let Ok(places) = self.freed.try_recv() {
            self.places += places;
        }
        while self.places == 0 {
            match self.freed.recv() {
                Ok(places) => self.places += places,
                Err(_) => return false,
            }
        }
        true
    }
}
