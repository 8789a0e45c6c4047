//! What others hold of an actor's mailbox, and what happens when it is full.

use std::fmt;

use narrows::{Receiver, Sender};

use crate::{
    clock::Clock,
    desk::{Desk, Signal},
    sync::{Arc, Weak},
};

/// What lies in a mailbox.
pub(crate) enum Envelope<M> {
    Message(M),
    /// Wakes an actor that is asleep, for something lies in its control lane.
    Ring,
}

impl<M> Envelope<M> {
    pub(crate) fn into_message(self) -> Option<M> {
        match self {
            Envelope::Message(message) => Some(message),
            Envelope::Ring => None,
        }
    }

    /// Of an envelope that came back to who sent it.
    pub(crate) fn open(self) -> M {
        match self {
            Envelope::Message(message) => message,
            Envelope::Ring => unreachable!("what comes back is what was sent"),
        }
    }
}

/// What [`tell`](crate::Addr::tell) and [`ask`](crate::Addr::ask) do when the mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// They wait for a place.
    #[default]
    Wait,
    /// They fail at once, and give the message back.
    Refuse,
    /// The oldest message goes out for the new one, and is a dead letter.
    DropOldest,
}

/// The same, as each tell looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Wait,
    Refuse,
    DropOldest,
    /// Waits, and may have to drive other actors meanwhile.
    Staged,
}

/// Who gets messages that will never be handled.
pub(crate) type Letters<M> = Arc<dyn Fn(M) + Send + Sync>;

/// What all addresses of an actor share. When the last is dropped the actor hears of it.
pub(crate) struct Outside<M> {
    pub(crate) mail: Mail<M>,
}

/// The way in.
pub(crate) struct Mail<M> {
    pub(crate) slot: Sender<Envelope<M>>,
    pub(crate) manner: Manner,
    pub(crate) letters: Option<Letters<M>>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Clock,
}

impl<M> Mail<M> {
    /// Somebody who can be told about a dead letter, is.
    pub(crate) fn bury(&self, message: M) {
        if let Some(letters) = &self.letters {
            letters(message);
        }
    }
}

impl<M> Clone for Mail<M> {
    fn clone(&self) -> Mail<M> {
        Mail {
            slot: self.slot.clone(),
            manner: self.manner,
            letters: self.letters.clone(),
            desk: self.desk.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<M> Drop for Outside<M> {
    fn drop(&mut self) {
        self.mail.desk.signal(Signal::Unreachable);
    }
}

pub(crate) type Inside<M> = Receiver<Envelope<M>>;
pub(crate) type WeakOutside<M> = Weak<Outside<M>>;

impl<M> fmt::Debug for Envelope<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if matches!(self, Envelope::Ring) { "Ring" } else { "Message(..)" })
    }
}
