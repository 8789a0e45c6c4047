//! The description of a channel of which more than a capacity is to be said.

use std::fmt;

use crate::{
    channel::{governed_pair, pair},
    governed::{Overflow, Rules},
    handle::{Receiver, Sender},
    sync::unmodelled::Arc,
};

/// Starts the description of a channel of which more than a capacity is to be said.
///
/// ```
/// let (s, r) = narrows::builder().name("jobs").bounded(8);
/// s.send(1).unwrap();
/// assert_eq!(r.name(), Some("jobs"));
/// ```
pub fn builder<T>() -> Builder<T> {
    Builder::default()
}

/// Describes a channel; see [`builder`].
///
/// With one of [`overflow`](Builder::overflow), [`on_undelivered`](Builder::on_undelivered), [`weigher`](Builder::weigher) and
/// [`resizable`](Builder::resizable) each operation of the channel takes a lock: such a channel does all that others do, but
/// with several threads it is slower. One that is only named is as fast as any.
pub struct Builder<T> {
    name: Option<Box<str>>,
    rules: Rules<T>,
    is_resizable: bool,
}

impl<T> Builder<T> {
    /// Names the channel, for people who look at it.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Builder<T> {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Says what a send does when the channel is full. Without a bound it never is.
    ///
    /// ```
    /// use narrows::Overflow;
    /// let (s, r) = narrows::builder().overflow(Overflow::DropOldest).bounded(2);
    /// for i in 0..5 {
    ///     s.send(i).unwrap(); // never waits
    /// }
    /// assert_eq!(r.drain().collect::<Vec<_>>(), [3, 4]);
    /// assert_eq!(s.dropped(), 3);
    /// ```
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Builder<T> {
        self.rules.overflow = overflow;
        self
    }

    /// Says who gets each message that was sent and will not be received: one that the [overflow policy](Overflow) drops, also
    /// if it is the new one, and those left inside when the last receiver goes. What a failed send gives back to its sender is
    /// no such message, nor is what [`close_now`](Sender::close_now) returns.
    ///
    /// The hook runs in the thread that sends, or drops the receiver, under no lock, and may use the same channel; what it sends
    /// into a full one may be dropped and come to it again, inside itself. If it panics the others still come to it; then
    /// the panic goes on, out of `send` too, which has happened all the same.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// let (lost, lost_and_found) = mpsc::channel();
    /// let (s, r) = narrows::builder().on_undelivered(move |message| lost.send(message).unwrap()).bounded(8);
    /// s.send("a letter").unwrap();
    /// drop(r);
    /// assert_eq!(lost_and_found.recv(), Ok("a letter"));
    /// assert!(s.send("another").is_err()); // given back, so not undelivered
    /// ```
    #[must_use]
    pub fn on_undelivered(mut self, hook: impl Fn(T) + Send + Sync + 'static) -> Builder<T> {
        self.rules.hook = Some(Arc::new(hook));
        self
    }

    /// Says how much a message weighs. The capacity is then the weight that may be inside, `len` still counts messages, and
    /// [`weight`](Sender::weight) says how much they weigh.
    ///
    /// Each message is weighed once, by the thread that sends it, under no lock. One that weighs 0 needs no room, and waits
    /// only behind others and while the capacity is exceeded. One that is heavier than the whole capacity goes in when it is
    /// alone: it neither waits for ever nor fails for a reason that no error has. Messages that wait go in in order, and none
    /// that comes overtakes them: one that waits for more than is free holds that free for itself, so the channel then is
    /// full for others.
    ///
    /// A permit, and a select that has chosen to send, reserve 1, whatever their message will weigh; it goes in, and what it
    /// weighs beyond that may exceed the capacity. Nothing else comes in until there is room again.
    ///
    /// ```
    /// let (s, r) = narrows::builder().weigher(|text: &String| text.len()).bounded(10);
    /// s.send("seven".to_owned()).unwrap();
    /// s.send("four".to_owned()).unwrap();
    /// assert_eq!((s.len(), s.weight(), s.capacity()), (2, 9, Some(10)));
    /// assert!(s.try_send("two".to_owned()).is_err());
    /// # drop(r);
    /// ```
    #[must_use]
    pub fn weigher(mut self, weigher: impl Fn(&T) -> usize + Send + Sync + 'static) -> Builder<T> {
        self.rules.weigher = Some(Arc::new(weigher));
        self
    }

    /// Makes the capacity one that can be changed by [`set_capacity`](Sender::set_capacity). So can that of every bounded channel
    /// with an overflow policy, a hook or a weigher.
    #[must_use]
    pub fn resizable(mut self) -> Builder<T> {
        self.is_resizable = true;
        self
    }

    /// Makes the channel, as [`bounded`](crate::bounded) does.
    ///
    /// # Panics
    /// If `cap` is 0 and more than a name was said: a channel without places has nothing to be governed.
    #[track_caller]
    pub fn bounded(self, cap: usize) -> (Sender<T>, Receiver<T>) {
        if !self.is_resizable && self.rules.overflow == Overflow::Block && !self.rules.are_told() {
            return pair(Some(cap), self.name);
        }
        assert!(cap > 0, "a channel of capacity 0 has no places that a policy, a hook or a weigher could be for");
        governed_pair(Some(cap), self.rules, self.name)
    }

    /// Makes the channel, as [`unbounded`](crate::unbounded) does.
    #[track_caller]
    pub fn unbounded(self) -> (Sender<T>, Receiver<T>) {
        if self.rules.are_told() { governed_pair(None, self.rules, self.name) } else { pair(None, self.name) }
    }
}

impl<T> Default for Builder<T> {
    fn default() -> Builder<T> {
        Builder { name: None, rules: Rules::default(), is_resizable: false }
    }
}

impl<T> Clone for Builder<T> {
    fn clone(&self) -> Builder<T> {
        Builder { name: self.name.clone(), rules: self.rules.clone(), is_resizable: self.is_resizable }
    }
}

impl<T> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = (&self.name, &self.rules, &self.is_resizable);
        f.debug_struct("Builder").field("name", parts.0).field("rules", parts.1).field("is_resizable", parts.2).finish()
    }
}
