//! The calling end.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use narrows::{
    Select,
    arm::{Arm, Look, Seat, Ticket, Token, Who},
};

use super::{Call, Ended, error::CallError};
use crate::{
    channel::Inspection,
    codec::{Codec, Postcard, sealed::Sealed},
    connection::{Connection, Membership},
    fault::Fault,
    layout::{BellName, Field},
    members::Role,
    queue::{Bytes, word::Position},
    sync::{Ordering, fence},
};

/// Why a call was not begun.
#[derive(Debug)]
enum NotBegun {
    Full,
    Ended(Ended),
    Fault(Fault),
}

impl NotBegun {
    fn with<Q>(self, request: Q) -> CallError<Q> {
        match self {
            NotBegun::Full => CallError::Full(request),
            NotBegun::Ended(ended) => ended.with(request),
            NotBegun::Fault(fault) => CallError::Fault(Some(request), fault),
        }
    }
}

impl Connection {
    /// Why no call can be begun.
    fn refuses_calls(&self) -> Option<Ended> {
        if self.is_closed() { Some(Ended::Closed) } else { self.lacks_servers() }
    }

    fn begin_call(&self, bytes: &[u8], deadline: Option<Instant>) -> Result<Position, NotBegun> {
        self.check().map_err(NotBegun::Fault)?;
        let (len, max) = (bytes.len(), self.layout().shape().max_len as usize);
        if len > max {
            return Err(NotBegun::Fault(Fault::TooLong { len, max }));
        }
        if let Some(ended) = self.refuses_calls() {
            return Err(NotBegun::Ended(ended));
        }
        let claimed = self.calls().claim(self.block_hint()).map_err(|why| NotBegun::Fault(why.into()))?;
        let Some(at) = claimed else {
            self.check_damage().map_err(NotBegun::Fault)?;
            return Err(NotBegun::Full);
        };
        self.set_block_hint(at.slot());
        // SeqCst: pairs with the fence in `claim_call`. Either it is seen there that a call is coming, or here that it is closed.
        fence(Ordering::SeqCst);
        if let Some(ended) = self.refuses_calls() {
            self.release_call(at);
            // A server may wait for what becomes of it.
            self.bell(BellName::Items).ring_all();
            return Err(NotBegun::Ended(ended));
        }
        let is_written = Bytes::new(bytes, false).copy_to_call(self.layout(), at);
        debug_assert!(is_written, "checked above");
        // Relaxed: published with the call.
        self.layout().slot_lengths(at.slot()).store(len as u64, Ordering::Relaxed);
        self.calls().submit(at, super::due(deadline)).map_err(|why| NotBegun::Fault(why.into()))?;
        let items = self.bell(BellName::Items);
        if self.is_closed() {
            // All servers may wait for what becomes of us, to see that it was the last call.
            items.ring_all();
        } else {
            items.ring();
        }
        self.count(Field::Sent);
        // Whoever does not sleep but looks now and then is to hear of a death, too.
        self.watch_peers();
        self.check_damage().map_err(NotBegun::Fault)?;
        // The ring that woke us may have been for two slots.
        let places = self.bell(BellName::Places);
        if places.has_sleepers() && self.calls().has_free() {
            places.ring();
        }
        Ok(at)
    }

    pub(crate) fn may_begin(&self) -> bool {
        self.calls().has_free() || self.refuses_calls().is_some() || self.check().is_err()
    }
}

/// Makes calls: requests `Q`, replies `R`. May be cloned and shared.
pub struct Client<Q, R, C = Postcard> {
    connection: Arc<Membership>,
    message: PhantomData<fn(Q, C) -> R>,
}

impl<Q, R, C: Codec<Q> + Codec<R>> Client<Q, R, C> {
    pub(crate) fn new(connection: Arc<Membership>) -> Client<Q, R, C> {
        connection.add_handle(Role::Sender);
        Client { connection, message: PhantomData }
    }

    /// Calls, and waits for the answer.
    ///
    /// # Errors
    /// Gives the request back if no server has begun with it; see [`CallError`].
    pub fn call(&self, request: Q) -> Result<R, CallError<Q>> {
        self.begin_by(request, None)?.wait()
    }

    /// The same, waiting for at most `timeout` altogether. One beyond the clock's range never comes.
    ///
    /// # Errors
    /// As [`call`](Client::call), or if time has run out.
    pub fn call_timeout(&self, request: Q, timeout: Duration) -> Result<R, CallError<Q>> {
        self.begin_by(request, Instant::now().checked_add(timeout))?.wait()
    }

    /// The same, waiting until `deadline` at most. The server knows it, and does not begin with the call later.
    ///
    /// # Errors
    /// As [`call`](Client::call), or if time has run out.
    pub fn call_deadline(&self, request: Q, deadline: Instant) -> Result<R, CallError<Q>> {
        self.begin_by(request, Some(deadline))?.wait()
    }

    /// Calls from a task.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub async fn call_async(&self, request: Q) -> Result<R, CallError<Q>> {
        self.begin_async_by(request, None).await?.wait_async().await
    }

    /// [`call_deadline`](Client::call_deadline) from a task, woken by the crate's own timer.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`call_deadline`](Client::call_deadline).
    pub async fn call_deadline_async(&self, request: Q, deadline: Instant) -> Result<R, CallError<Q>> {
        self.begin_async_by(request, Some(deadline)).await?.wait_async().await
    }

    /// Begins a call, waiting only until it is under way: one thread may have several.
    ///
    /// A call keeps its place, of which there are as many as the [capacity](crate::Options::capacity) for all clients together,
    /// until it is waited for or dropped, also when its answer is there. So whoever holds calls and begins another may wait for
    /// a place that only he himself, or others who do the same, can leave: give it a
    /// [deadline](Client::begin_deadline), or [try](Client::try_begin).
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("narrows-doc-begin-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let squares = folder.join("squares");
    /// # let squares = squares.to_str().unwrap();
    /// use narrows_shm::rpc;
    ///
    /// let server = rpc::server::<u64, u64>(squares)?;
    /// std::thread::spawn(move || server.serve(|n| n * n));
    ///
    /// let client = rpc::client::<u64, u64>(squares)?;
    /// let calls: Vec<_> = (0..10).map(|n| client.begin(n).unwrap()).collect();
    /// let sum: u64 = calls.into_iter().map(|call| call.wait().unwrap()).sum();
    /// assert_eq!(sum, 285);
    /// # Ok::<(), narrows_shm::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// Gives the request back.
    pub fn begin(&self, request: Q) -> Result<Call<Q, R, C>, CallError<Q>> {
        self.begin_by(request, None)
    }

    /// The same for a call that ends at `deadline`.
    ///
    /// # Errors
    /// Gives the request back; [`CallError::Unsent`] if there was no place for the call in time.
    pub fn begin_deadline(&self, request: Q, deadline: Instant) -> Result<Call<Q, R, C>, CallError<Q>> {
        self.begin_by(request, Some(deadline))
    }

    /// Begins a call if fewer are under way than there may be.
    ///
    /// # Errors
    /// Gives the request back; [`CallError::Full`] if there is no place for the call.
    pub fn try_begin(&self, request: Q) -> Result<Call<Q, R, C>, CallError<Q>> {
        let begun = self.try_encoded(&request, None);
        self.made(begun, request, None)
    }

    fn try_encoded(&self, request: &Q, deadline: Option<Instant>) -> Result<Position, NotBegun> {
        <C as Sealed<Q>>::encode(request, |bytes| self.connection.begin_call(bytes, deadline))
            .unwrap_or_else(|fault| Err(NotBegun::Fault(fault)))
    }

    fn made(
        &self,
        begun: Result<Position, NotBegun>,
        request: Q,
        deadline: Option<Instant>,
    ) -> Result<Call<Q, R, C>, CallError<Q>> {
        match begun {
            Ok(at) => Ok(Call::new(self.connection.clone(), at, request, deadline)),
            Err(why) => Err(why.with(request)),
        }
    }

    fn begin_by(&self, request: Q, deadline: Option<Instant>) -> Result<Call<Q, R, C>, CallError<Q>> {
        let encoded = <C as Sealed<Q>>::encode(&request, |bytes| {
            self.connection.wait(BellName::Places, deadline, || match self.connection.begin_call(bytes, deadline) {
                Err(NotBegun::Full) => None,
                begun => Some(begun),
            })
        });
        match encoded {
            Ok(Some(begun)) => self.made(begun, request, deadline),
            Ok(None) => Err(CallError::Unsent(request)),
            Err(fault) => Err(CallError::Fault(Some(request), fault)),
        }
    }

    async fn begin_async_by(&self, request: Q, deadline: Option<Instant>) -> Result<Call<Q, R, C>, CallError<Q>> {
        loop {
            match self.try_encoded(&request, deadline) {
                Err(NotBegun::Full) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    return Err(CallError::Unsent(request));
                }
                Err(NotBegun::Full) => ready(&Place(&self.connection), deadline).await,
                begun => return self.made(begun, request, deadline),
            }
        }
    }

    /// Closes it for everybody: no call can be begun any more; servers answer those that are under way. False if it was closed.
    pub fn close(&self) -> bool {
        self.inspect().close()
    }

    /// Who takes part, and how many calls are under way.
    pub fn inspect(&self) -> Inspection {
        self.connection.inspect()
    }
}

/// Waits until the arm is ready, or the deadline has come.
pub(super) async fn ready(arm: &(dyn Arm + Send + Sync), deadline: Option<Instant>) {
    let timer = deadline.map(narrows::at);
    let mut select = Select::new_biased();
    select.arm(arm);
    if let Some(timer) = &timer {
        select.recv(timer);
    }
    select.ready_async().await;
}

/// A slot for a call, to wait for.
struct Place<'a>(&'a Connection);

impl Arm for Place<'_> {
    fn attempt(&self, _: Who<'_>) -> Option<Token> {
        self.0.may_begin().then_some(Token::new(0, 0))
    }

    fn is_ready(&self, _: Who<'_>) -> bool {
        self.0.may_begin()
    }

    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.0.enlist(BellName::Places, ticket, seat);
        Look { ready: self.0.may_begin(), due: None }
    }

    fn retract(&self, seat: &mut Seat) {
        self.0.retract(BellName::Places, seat);
    }

    fn pass_on(&self) {
        self.0.bell(BellName::Places).ring();
    }
}

impl<Q, R, C> Clone for Client<Q, R, C> {
    fn clone(&self) -> Self {
        self.connection.add_handle(Role::Sender);
        Client { connection: self.connection.clone(), message: PhantomData }
    }
}

impl<Q, R, C> Drop for Client<Q, R, C> {
    fn drop(&mut self) {
        self.connection.drop_handle(Role::Sender);
    }
}

impl<Q, R, C> fmt::Debug for Client<Q, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Client { .. }")
    }
}
