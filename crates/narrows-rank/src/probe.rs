//! Looking at messages before receiving them, and taking one without yet knowing what it is.

use std::fmt;

use crate::{
    choice::{Source, Status, Tags},
    error::Error,
    mailbox::{Found, Letter, Patience},
    parcel::{Carrier, Carries, Parcel},
    rank::{Core, Group, Rank},
    receiving::{Begun, Posted, describe, open},
    sync::Arc,
    wait::{self, Unanswered},
    watch::Blocked,
};

impl<W: Carrier> Rank<W> {
    /// Waits until a message fits, and says which; it stays, and is the next that a receive of the same source and tag gets,
    /// if no other receive of this rank takes it before. [`mprobe`](Rank::mprobe) is safe from that.
    ///
    /// # Errors
    /// As [`recv`](Rank::recv), but for its type.
    pub fn probe(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Result<Status, Error> {
        let pattern = self.pattern(from.into(), tag.into())?;
        let patience = Patience::Wait(Some(&self.group.members));
        match self.core.mailbox().probe(pattern, &patience) {
            Found::Here(key) => Ok(self.group.status(&key)),
            Found::Refused(error) => Err(self.group.localize(error)),
            Found::Nothing => Err(Error::Timeout),
            Found::Posted(number, reply) => {
                let blocked = || {
                    let core = self.core.clone();
                    let is_pending = Box::new(move || core.mailbox().is_asked(number, &pattern));
                    Blocked { what: describe(&pattern), is_pending }
                };
                let error = match wait::wait(&self.core, &reply, None, blocked) {
                    Ok(Ok(key)) => return Ok(self.group.status(&key)),
                    Ok(Err(error)) => self.group.localize(error),
                    Err(Unanswered::Deadlock(report)) => Error::Deadlock(report),
                    Err(Unanswered::Timeout) => Error::Timeout,
                    Err(Unanswered::Lost) => Error::Ended,
                };
                self.core.mailbox().look_away(number);
                Err(error)
            }
        }
    }

    /// Says which message fits, if one is there.
    ///
    /// # Errors
    /// As [`probe`](Rank::probe), but for what it says of waiting.
    pub fn try_probe(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Result<Option<Status>, Error> {
        let pattern = self.pattern(from.into(), tag.into())?;
        match self.core.mailbox().probe(pattern, &Patience::Try) {
            Found::Here(key) => Ok(Some(self.group.status(&key))),
            Found::Refused(error) => Err(self.group.localize(error)),
            Found::Nothing | Found::Posted(..) => Ok(None),
        }
    }

    /// Waits until a message fits, and takes it out of what other receives can find, whatever its type.
    ///
    /// ```
    /// use narrows_rank::{Any, World};
    ///
    /// World::threads(2).run(|me| {
    ///     if me.rank() == 1 {
    ///         return Ok(me.send(0, 3, "three")?);
    ///     }
    ///     let matched = me.mprobe(Any, Any)?;
    ///     match matched.status().tag {
    ///         3 => assert_eq!(matched.recv::<&str>()?, "three"),
    ///         _ => unreachable!(),
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok::<(), narrows_rank::RunError>(())
    /// ```
    ///
    /// # Errors
    /// As [`probe`](Rank::probe).
    pub fn mprobe(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Result<Matched<W>, Error> {
        let pattern = self.pattern(from.into(), tag.into())?;
        let heard = match Posted::begin(self, pattern, None, true) {
            Begun::Done(heard) => heard,
            Begun::Waits(mut posted) => posted.wait_by(None),
        };
        heard.map(|letter| self.matched(letter)).map_err(|error| self.group.localize(error))
    }

    /// [`mprobe`](Rank::mprobe) of what is there.
    ///
    /// # Errors
    /// As [`try_probe`](Rank::try_probe).
    pub fn try_mprobe(&self, from: impl Into<Source>, tag: impl Into<Tags>) -> Result<Option<Matched<W>>, Error> {
        let pattern = self.pattern(from.into(), tag.into())?;
        match self.core.mailbox().receive(pattern, None, &Patience::Try) {
            Found::Here(letter) => Ok(Some(self.matched(letter))),
            Found::Refused(error) => Err(self.group.localize(error)),
            Found::Nothing | Found::Posted(..) => Ok(None),
        }
    }

    pub(crate) fn matched(&self, letter: Letter<W::Parcel>) -> Matched<W> {
        Matched { core: self.core.clone(), group: self.group.clone(), letter: Some(letter) }
    }
}

/// A message that was taken and not yet opened, from [`Rank::mprobe`]. Dropped as such it goes back to where it was.
pub struct Matched<W: Carrier> {
    core: Arc<Core<W>>,
    group: Arc<Group>,
    /// None once it was received.
    letter: Option<Letter<W::Parcel>>,
}

impl<W: Carrier> Matched<W> {
    fn letter(&self) -> &Letter<W::Parcel> {
        self.letter.as_ref().expect("it is taken out only as this ends")
    }

    /// Whence it came, and under which tag.
    pub fn status(&self) -> Status {
        self.group.status(&self.letter().key)
    }

    /// The name of the type that was sent.
    pub fn type_name(&self) -> &str {
        self.letter().parcel.type_name()
    }

    /// The message.
    ///
    /// # Errors
    /// [`Error::WrongType`]: then it went back to where it was.
    pub fn recv<T>(self) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        let wanted = W::wanted();
        if !self.letter().parcel.is_a(&wanted) {
            let Status { source, tag } = self.status();
            let (wanted, found) = (wanted.name.to_owned(), self.type_name().to_owned());
            return Err(Error::WrongType { wanted, found, source, tag });
        }
        self.open().map(|(message, _)| message)
    }

    /// The message, which is known to be of this type.
    pub(crate) fn open<T>(mut self) -> Result<(T, Status), Error>
    where
        W: Carries<T>,
    {
        let letter = self.letter.take().expect("it is taken out only as this ends");
        open::<T, W>(letter, &self.group)
    }
}

impl<W: Carrier> Drop for Matched<W> {
    fn drop(&mut self) {
        if let Some(letter) = self.letter.take() {
            self.core.mailbox().put_back(letter);
        }
    }
}

impl<W: Carrier> fmt::Debug for Matched<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matched").field("status", &self.status()).field("type_name", &self.type_name()).finish()
    }
}
