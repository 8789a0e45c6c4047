//! A receiver as a source: what is inside is there, what is not is waited for, and a stop ends the wait.

use std::thread;

use narrows::{CancelToken, Receiver, TryRecvError, select};

use crate::source::Source;

/// The messages of a channel as a source. From [`received`](crate::received).
#[derive(Debug)]
pub struct Received<T> {
    messages: Receiver<T>,
}

impl<T> Received<T> {
    pub(crate) fn new(messages: Receiver<T>) -> Received<T> {
        Received { messages }
    }

    /// The receiver, with what was not taken out of it.
    pub fn into_inner(self) -> Receiver<T> {
        self.messages
    }
}

/// Receives, or is stopped.
pub(crate) fn recv<T>(messages: &Receiver<T>, stop: &CancelToken) -> Option<T> {
    match messages.try_recv() {
        Ok(message) => Some(message),
        Err(TryRecvError::Disconnected) => None,
        Err(TryRecvError::Empty) => select! {
            recv(messages) -> message => message.ok(),
            recv(stop.cancelled()) -> _ => None,
        },
    }
}

impl<T> Source for Received<T> {
    type Item = T;

    fn pull(&mut self, stop: &CancelToken) -> Option<thread::Result<T>> {
        recv(&self.messages, stop).map(Ok)
    }

    fn pull_more(&mut self, into: &mut Vec<T>, most: usize) {
        // None there and disconnected are for `pull` to tell.
        let _ = self.messages.try_recv_many(into, most);
    }

    fn heeds_stop(&self) -> bool {
        true
    }
}
