//! The desk where results are put as they come and handed out as they are due: in order through the window, or at once.
//! It keeps the account of the items, and tells which places are free again.

use std::{mem, thread, vec};

use crate::{order::Window, stage::Done, summary::Summary, turn::Payload};

pub(crate) struct Desk<T, R> {
    /// `None` if results are handed out as they come.
    window: Option<Window<Done<T, R>>>,
    hand: Hand<R>,
    /// A panic that was taken with results and is the next to be handed out.
    panic: Option<Payload>,
    /// Items that were not begun.
    pub(crate) returned: Vec<T>,
    summary: Summary,
    /// Of what was taken from the source, how much has come back from the workers.
    pub(crate) come: u64,
    freed: usize,
}

/// The portion that is being handed out.
struct Hand<R> {
    made: vec::IntoIter<R>,
    handed: usize,
    panics: vec::IntoIter<(usize, Payload)>,
    /// Its places, to be given back when it is empty.
    size: usize,
}

impl<R> Hand<R> {
    fn next(&mut self) -> Option<thread::Result<R>> {
        if self.panics.as_slice().first().is_some_and(|(at, _)| *at == self.handed) {
            return self.panics.next().map(|(_, panic)| Err(panic));
        }
        let made = self.made.next()?;
        self.handed += 1;
        Some(Ok(made))
    }

    fn is_empty(&self) -> bool {
        self.made.as_slice().is_empty() && self.panics.as_slice().is_empty()
    }
}

impl<T, R> Desk<T, R> {
    pub(crate) fn new(is_ordered: bool) -> Desk<T, R> {
        let hand = Hand { made: Vec::new().into_iter(), handed: 0, panics: Vec::new().into_iter(), size: 0 };
        let summary = Summary::default();
        let window = is_ordered.then(Window::new);
        Desk { window, hand, panic: None, returned: Vec::new(), summary, come: 0, freed: 0 }
    }

    /// Puts a portion here. Without an order, that is when the one before was handed out.
    pub(crate) fn put(&mut self, done: Done<T, R>) {
        self.come += done.size as u64;
        self.summary.handled += done.made.len() as u64;
        self.summary.panicked += done.panics.len() as u64;
        self.summary.returned += done.left.len() as u64;
        match &mut self.window {
            Some(window) => window.put(done.number, done.size, done),
            None => self.take_up(done),
        }
    }

    fn take_up(&mut self, done: Done<T, R>) {
        debug_assert!(self.hand.is_empty(), "one portion is handed out at a time");
        self.freed += self.hand.size;
        self.returned.extend(done.left);
        let (made, panics) = (done.made.into_iter(), done.panics.into_iter());
        self.hand = Hand { made, handed: 0, panics, size: done.size };
    }

    /// What is due next, if it has come.
    pub(crate) fn next(&mut self) -> Option<thread::Result<R>> {
        if let Some(panic) = self.panic.take() {
            return Some(Err(panic));
        }
        loop {
            if let Some(result) = self.hand.next() {
                if self.hand.is_empty() {
                    self.freed += mem::take(&mut self.hand.size);
                }
                return Some(result);
            }
            // A portion whose items were all given back.
            self.freed += mem::take(&mut self.hand.size);
            let done = self.window.as_mut()?.take()?;
            self.take_up(done);
        }
    }

    /// What comes next although what is before it is missing.
    pub(crate) fn next_of_rest(&mut self) -> Option<thread::Result<R>> {
        loop {
            if let Some(result) = self.next() {
                return Some(result);
            }
            let done = self.window.as_mut()?.take_rest()?;
            self.take_up(done);
        }
    }

    /// Makes a panic that was taken the next to be handed out.
    pub(crate) fn put_back(&mut self, panic: Payload) {
        self.panic = Some(panic);
    }

    /// Places that are free again, told once.
    pub(crate) fn take_freed(&mut self) -> usize {
        mem::take(&mut self.freed)
    }

    /// What has become of so many.
    pub(crate) fn summary(&self, taken: u64) -> Summary {
        let Summary { handled, panicked, returned, .. } = self.summary;
        Summary { taken, stuck: taken.saturating_sub(handled + panicked + returned), ..self.summary }
    }
}
