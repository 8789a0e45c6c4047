//! Where an actor is reached. Telling is one send on its channel, with nothing in front of it.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use narrows::{Receiver, SendError, SendFuture, SendTimeoutError, TrySendError};

use crate::{
    current,
    desk::{Desk, How, Signal},
    error::TellError,
    mailbox::{Envelope, Mail, Manner, Outside, WeakOutside},
    reason::{ActorId, Down, Reason},
    sync::Arc,
};

/// The address of an actor that is sent messages of type `M`. Clone it for others; it stays the same when the actor is
/// restarted.
///
/// When the last address goes, the actor handles what it was sent, and ends unless a timer or an actor that it watches can
/// still reach it.
pub struct Addr<M> {
    outside: Arc<Outside<M>>,
}

impl<M> Addr<M> {
    pub(crate) fn new(outside: Arc<Outside<M>>) -> Addr<M> {
        Addr { outside }
    }

    pub(crate) fn mail(&self) -> &Mail<M> {
        &self.outside.mail
    }

    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.outside.mail.desk
    }

    /// Sends a message. If the mailbox is full it does what the actor was [made](crate::ActorBuilder::on_full) to do: wait, unless
    /// said otherwise.
    ///
    /// # Errors
    /// Gives the message back if the actor has stopped, or refuses it.
    #[inline]
    pub fn tell(&self, message: M) -> Result<(), TellError<M>> {
        let mail = self.mail();
        if mail.manner == Manner::Wait {
            return mail.slot.send(Envelope::Message(message)).map_err(stopped);
        }
        self.put_by(message, None)
    }

    /// Sends a message if there is a place now. Never waits, and nothing goes out for it.
    ///
    /// # Errors
    /// Gives the message back if the mailbox is full or the actor has stopped.
    #[inline]
    pub fn try_tell(&self, message: M) -> Result<(), TellError<M>> {
        self.mail().slot.try_send(Envelope::Message(message)).map_err(|error| match error {
            TrySendError::Full(envelope) => TellError::Full(envelope.open()),
            TrySendError::Disconnected(envelope) => TellError::Stopped(envelope.open()),
        })
    }

    /// Sends a message, waiting for a place for at most `timeout`; where full mailboxes are not waited for, as
    /// [`tell`](Addr::tell).
    ///
    /// # Errors
    /// Gives the message back if time has run out or the actor has stopped.
    pub fn tell_timeout(&self, message: M, timeout: Duration) -> Result<(), TellError<M>> {
        self.put_by(message, self.mail().clock.after(timeout))
    }

    /// The same until `deadline` at most. One that has passed already means: try once.
    ///
    /// # Errors
    /// Gives the message back if time has run out or the actor has stopped.
    pub fn tell_deadline(&self, message: M, deadline: Instant) -> Result<(), TellError<M>> {
        self.put_by(message, Some(deadline))
    }

    pub(crate) fn put_by(&self, message: M, deadline: Option<Instant>) -> Result<(), TellError<M>> {
        let mail = self.mail();
        match mail.manner {
            Manner::Refuse => self.try_tell(message),
            Manner::DropOldest => self.push(message),
            Manner::Staged if current::kit().is_some() => self.put_staged(message, deadline),
            Manner::Wait | Manner::Staged => match deadline {
                None => mail.slot.send(Envelope::Message(message)).map_err(stopped),
                Some(at) => mail.slot.send_deadline(Envelope::Message(message), at).map_err(|error| match error {
                    SendTimeoutError::Timeout(envelope) => TellError::Full(envelope.open()),
                    SendTimeoutError::Disconnected(envelope) => TellError::Stopped(envelope.open()),
                }),
            },
        }
    }

    /// In goes the message, out the oldest.
    fn push(&self, message: M) -> Result<(), TellError<M>> {
        match self.mail().slot.force_send(Envelope::Message(message)) {
            Ok(out) => {
                if let Some(oldest) = out.and_then(Envelope::into_message) {
                    self.mail().bury(oldest);
                }
                Ok(())
            }
            Err(TrySendError::Full(envelope)) => Err(TellError::Full(envelope.open())),
            Err(TrySendError::Disconnected(envelope)) => Err(TellError::Stopped(envelope.open())),
        }
    }

    /// Drives the other actors of the kit until there is a place.
    fn put_staged(&self, message: M, deadline: Option<Instant>) -> Result<(), TellError<M>> {
        let mut unsent = Some(message);
        let outcome = current::kit().and_then(|kit| {
            kit.drive_until(deadline, || match self.try_tell(unsent.take()?) {
                Err(TellError::Full(message)) => {
                    unsent = Some(message);
                    None
                }
                settled => Some(settled),
            })
        });
        match (outcome, unsent) {
            (Some(settled), _) => settled,
            (None, Some(message)) => Err(TellError::Full(message)),
            (None, None) => unreachable!("what was not sent came back"),
        }
    }

    /// [`tell`](Addr::tell) from a task. Works on any executor.
    ///
    /// # Errors
    /// As [`tell`](Addr::tell).
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready sends nothing and drops the message, unless there was a place for it already.
    pub fn tell_async(&self, message: M) -> impl Future<Output = Result<(), TellError<M>>> + Send
    where
        M: Send,
    {
        match self.mail().manner {
            Manner::Wait | Manner::Staged => Telling::Waits(self.mail().slot.send_async(Envelope::Message(message))),
            Manner::Refuse | Manner::DropOldest => Telling::Puts(self, Some(message)),
        }
    }

    /// Tells the actor to stop, for good; it hears of that before its next message, however full its mailbox is. To wait for the
    /// end, [`join`](Addr::join).
    pub fn stop(&self, how: How) {
        self.desk().signal(Signal::Stop(how));
    }

    /// Blocks until the actor has ended for good: [`stopped`](crate::Actor::stopped) has returned, and dead letters were given
    /// back. The reason. Who calls this in the actor itself waits for ever.
    pub fn join(&self) -> Reason {
        match current::kit().filter(|_| self.mail().clock.is_virtual()) {
            // If all stand still for ever there is nothing to wait for.
            Some(kit) => drop(kit.drive_until(None, || self.desk().over.is_open().then_some(()))),
            None => self.desk().over.wait(),
        }
        self.ended().unwrap_or(Reason::Stopped)
    }

    /// The same for a task.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn join_async(&self) -> Reason {
        self.desk().over.opened().await;
        self.ended().unwrap_or(Reason::Stopped)
    }

    /// Why the actor has ended for good; `None` while it has not.
    pub fn ended(&self) -> Option<Reason> {
        self.desk().last_reason()
    }

    /// News of each end of a life of this actor, for somebody who is no actor. There may be many such channels.
    ///
    /// ```
    /// # use narrows_actor::{Actor, Cx, Flow, How, Reason, System};
    /// # struct Idle;
    /// # impl Actor for Idle {
    /// #     type Msg = ();
    /// #     fn handle(&mut self, (): (), _: &Cx<()>) -> Flow { Flow::Next }
    /// # }
    /// let system = System::new();
    /// let idle = system.actor(1, || Idle);
    /// let news = idle.monitor();
    /// idle.stop(How::Drain);
    /// assert_eq!(news.recv().unwrap().reason, Reason::Stopped);
    /// ```
    pub fn monitor(&self) -> Receiver<Down> {
        self.desk().monitor()
    }

    /// An address that does not keep the actor going.
    pub fn downgrade(&self) -> WeakAddr<M> {
        WeakAddr { outside: Arc::downgrade(&self.outside) }
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        &self.desk().name
    }

    /// The actor's number.
    pub fn id(&self) -> ActorId {
        self.desk().id
    }

    /// How many messages are in the mailbox.
    pub fn len(&self) -> usize {
        self.mail().slot.len()
    }

    /// Whether the mailbox is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn stopped<M>(SendError(envelope): SendError<Envelope<M>>) -> TellError<M> {
    TellError::Stopped(envelope.open())
}

/// A tell in a task. By hand and not an `async fn`, which would move the message twice more.
enum Telling<'a, M> {
    Waits(SendFuture<'a, Envelope<M>>),
    /// Where nobody waits.
    Puts(&'a Addr<M>, Option<M>),
}

// The message is moved out, and never pinned.
impl<M> Unpin for Telling<'_, M> {}

impl<M> Future for Telling<'_, M> {
    type Output = Result<(), TellError<M>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Telling::Waits(sending) => Pin::new(sending).poll(cx).map_err(stopped),
            Telling::Puts(address, message) => {
                let message = message.take().expect("polled after it was finished");
                Poll::Ready(address.put_by(message, None))
            }
        }
    }
}

impl<M> Clone for Addr<M> {
    fn clone(&self) -> Addr<M> {
        Addr { outside: self.outside.clone() }
    }
}

impl<M> fmt::Debug for Addr<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addr({})", self.name())
    }
}

/// An address that does not keep its actor going. From [`Addr::downgrade`].
pub struct WeakAddr<M> {
    outside: WeakOutside<M>,
}

impl<M> WeakAddr<M> {
    /// An address, if somebody still has one.
    pub fn upgrade(&self) -> Option<Addr<M>> {
        self.outside.upgrade().map(Addr::new)
    }
}

impl<M> Clone for WeakAddr<M> {
    fn clone(&self) -> WeakAddr<M> {
        WeakAddr { outside: self.outside.clone() }
    }
}

impl<M> fmt::Debug for WeakAddr<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("WeakAddr { .. }")
    }
}
