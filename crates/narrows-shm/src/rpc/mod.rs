//! Request and reply between processes: a client calls, one of all servers answers. Whoever is killed, the other side is told at
//! once; every call ends, and its answer reaches its own client or nobody.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("narrows-doc-rpc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let lengths = folder.join("lengths");
//! # let lengths = lengths.to_str().unwrap();
//! use narrows_shm::rpc;
//!
//! // In one program:
//! let server = rpc::server::<String, usize>(lengths)?;
//! std::thread::spawn(move || server.serve(|text| text.len()));
//!
//! // In another:
//! let client = rpc::client::<String, usize>(lengths)?;
//! assert_eq!(client.call("seven".into()).unwrap(), 5);
//! # Ok::<(), narrows_shm::OpenError>(())
//! ```
//!
//! A call that waits for a server stays the client's own: it can be taken back. Once a server has begun with it, it may have been
//! carried out, whatever comes of it; so a call is never given to a second server, and errors say which of the two it was:
//! [`CallError::into_request`].
//!
//! Calls wait for the first server. When servers were there and the last has gone, calls that none has begun with fail with
//! [`CallError::NoServer`], and so do new ones, until there is a server again; with
//! [`keep_open`](crate::Options::keep_open) they wait for the next server instead. Servers wait for clients for as long as the
//! table is not [closed](Client::close).

mod answer;
mod call;
mod client;
mod error;
mod server;
pub(crate) mod slots;
#[cfg(test)]
pub(crate) mod walk;

use std::{sync::Arc, time::Instant};

use self::slots::{State, Table, Words};
pub use self::{
    answer::{Answer, Incoming},
    call::{Call, CallArm},
    client::Client,
    error::{CallError, ReplyError},
    server::Server,
};
use crate::{
    bell::Bell,
    codec::{Codec, Postcard, sealed::Sealed},
    connection::{Connection, Membership},
    error::OpenError,
    fault::Fault,
    layout::{BellName, CALL_HEAD, CallField, Kind, Layout, Often, SLOT_HEAD, Seldom, Shape, check_sum},
    members::{CLOSED, HAD_RECEIVERS, HAS_RECEIVERS, boot_nanos},
    options::{ENDS_WITH_RECEIVERS, Options, USUAL_MAX_LEN, options},
    queue::word::{Owner, Position},
    sync::{Ordering, Word, fence},
};

/// Calls under way, if it is not said how many: each keeps its room even while there is none.
const USUAL_CALLS: u32 = 64;
/// Calls do not share cache lines.
const LINE: u32 = 64;

impl Words for Layout {
    fn slots(&self) -> u32 {
        self.shape().slots
    }
    fn usable(&self) -> u32 {
        // Relaxed: a bound that somebody has set at some time.
        match u32::try_from(self.seldom(Seldom::Limit).load(Ordering::Relaxed)) {
            Ok(limit @ 1..) => limit.min(self.shape().slots),
            _ => self.shape().slots,
        }
    }
    fn call(&self, slot: u32) -> &Word {
        self.slot(slot)
    }
    fn client(&self, slot: u32) -> &Word {
        self.call_word(slot, CallField::Client)
    }
    fn turn(&self, slot: u32) -> &Word {
        self.call_word(slot, CallField::Turn)
    }
    fn due(&self, slot: u32) -> &Word {
        self.call_word(slot, CallField::Due)
    }
    fn next_turn(&self) -> &Word {
        self.often(Often::Tail)
    }
}

const STRANGE_SLOT: Fault = Fault::Corrupt("the slot of a call says what no slot can");

impl From<slots::Corrupt> for Fault {
    fn from(slots::Corrupt: slots::Corrupt) -> Fault {
        STRANGE_SLOT
    }
}

/// Why calls that no server has begun with can come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Closed,
    NoServer,
}

impl Ended {
    fn with<Q>(self, request: Q) -> CallError<Q> {
        match self {
            Ended::Closed => CallError::Disconnected(request),
            Ended::NoServer => CallError::NoServer(request),
        }
    }
}

impl Connection {
    fn calls(&self) -> Table<'_, Layout> {
        Table::new(self.layout(), self.me())
    }

    fn is_closed(&self) -> bool {
        self.layout().status() & CLOSED != 0
    }

    /// Whether no server is there and none is waited for.
    fn lacks_servers(&self) -> Option<Ended> {
        let status = self.layout().status();
        let ends = self.layout().shape().flags & ENDS_WITH_RECEIVERS != 0 && status & HAD_RECEIVERS != 0;
        match status & CLOSED != 0 {
            _ if status & HAS_RECEIVERS != 0 => None,
            true => Some(Ended::Closed),
            false => ends.then_some(Ended::NoServer),
        }
    }

    /// Tells the client of that call that something has become of it.
    fn ring_client(&self, at: Position) {
        // SeqCst: as in `Word::publish`, for the change of the call's word before.
        fence(Ordering::SeqCst);
        Bell::new(self.layout().call_bell(at.slot())).ring_all();
        // Tasks and selects wait here, each of which looks after its own call.
        self.bell(BellName::Received).ring_all();
    }

    /// Tells a client that there is a free slot.
    fn ring_free(&self) {
        // SeqCst: as above.
        fence(Ordering::SeqCst);
        self.bell(BellName::Places).ring();
    }

    /// A call of ours that is over, or was not submitted, leaves its slot.
    fn release_call(&self, at: Position) {
        if self.calls().release(at) {
            self.ring_free();
        }
    }

    /// How far a call of ours has come.
    fn call_state(&self, at: Position) -> Result<State, Fault> {
        self.check()?;
        let state = self.calls().state(at)?;
        // A server's call is taken from it before its entry is freed: what stays with nobody was written by nobody of us.
        if let Some(server) = self.calls().server(at)
            && !self.layout().is_member(server)
            && self.calls().server(at) == Some(server)
        {
            return Err(STRANGE_SLOT);
        }
        Ok(state)
    }

    /// Whether waiting for that call of ours would end at once.
    pub(crate) fn is_call_over(&self, at: Position) -> bool {
        match self.call_state(at) {
            Ok(State::Pending) => self.lacks_servers().is_some(),
            Ok(State::Serving) => false,
            _ => true,
        }
    }

    /// Whether those who wait for this bell are to be notified.
    pub(crate) fn calls_look_ready(&self, name: BellName) -> bool {
        match name {
            BellName::Items => self.may_serve(),
            BellName::Places => self.may_begin(),
            // Each of them is looked after by itself.
            BellName::Received => true,
        }
    }
}

/// How many calls are under way.
pub(crate) fn len(layout: &Layout) -> u32 {
    Table::new(layout, Owner::new(0, 0)).len()
}

/// Puts right what `gone` has left. May be done again; whoever does it rings for all.
pub(crate) fn recover(layout: &Layout, gone: Owner) {
    let table = Table::new(layout, gone);
    for slot in 0..layout.shape().slots {
        table.recover(slot, gone);
    }
}

/// What the server reads as the time until which the answer is wanted; 0 is for ever.
fn due(deadline: Option<Instant>) -> u64 {
    let Some(deadline) = deadline else { return 0 };
    let left = deadline.saturating_duration_since(Instant::now()).as_nanos();
    boot_nanos().saturating_add(u64::try_from(left).unwrap_or(u64::MAX)).max(1)
}

impl<C> Options<C> {
    fn calls_shape<Q, R>(&self) -> Result<Shape, OpenError>
    where
        C: Codec<Q> + Codec<R>,
    {
        let slots = self.capacity.unwrap_or(USUAL_CALLS);
        if slots == 0 {
            return Err(OpenError::Unsupported("a capacity of at least 1"));
        }
        let fixed = <C as Sealed<Q>>::fixed_len().zip(<C as Sealed<R>>::fixed_len());
        let longest = match fixed {
            Some((request, reply)) => u32::try_from(request.max(reply)).ok(),
            None => Some(self.max_len.unwrap_or(USUAL_MAX_LEN)),
        };
        let head = u32::try_from(SLOT_HEAD).expect("a few bytes") + CALL_HEAD;
        let sized = longest.and_then(|max_len| {
            let stride = max_len.checked_add(head)?.checked_next_multiple_of(LINE)?;
            Some((max_len, stride))
        });
        let Some((max_len, stride)) = sized else {
            return Err(OpenError::Unsupported("requests and replies of less than 4 GiB"));
        };
        if self.memory.is_some_and(|memory| memory < u64::from(slots) * u64::from(stride)) {
            let what =
                "memory for the longest request or reply of each call: ask for more, or lower capacity or max_len";
            return Err(OpenError::Unsupported(what));
        }
        Ok(Shape {
            kind: Kind::Calls,
            slots,
            inline: stride - head + CALL_HEAD,
            max_len,
            blocks: 0,
            block_len: 0,
            participants: self.participants,
            flags: self.flags(ENDS_WITH_RECEIVERS),
            type_hash: calls_hash::<C, Q, R>(),
        })
    }

    fn find_calls<Q, R>(&self, name: &str) -> Result<Arc<Membership>, OpenError>
    where
        C: Codec<Q> + Codec<R>,
    {
        let (request, reply) = (<C as Sealed<Q>>::name(), <C as Sealed<R>>::name());
        let type_name = format!("calls of {request} with replies of {reply}");
        let shape = || self.calls_shape::<Q, R>();
        self.find(name, Kind::Calls, calls_hash::<C, Q, R>(), &type_name, shape)
    }

    /// A client of the calls of that name, with requests `Q` and replies `R`; see [`open`](Options::open).
    ///
    /// [`capacity`](Options::capacity) is how many calls may be under way, 64 if it is not said. Each has room of its own for a
    /// request or reply of [`max_len`](Options::max_len), so that a reply never waits for room;
    /// [`memory`](Options::memory) is a bound on all of that, above which nothing is made.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn client<Q, R>(&self, name: &str) -> Result<Client<Q, R, C>, OpenError>
    where
        C: Codec<Q> + Codec<R>,
    {
        self.find_calls::<Q, R>(name).map(Client::new)
    }

    /// A server of the calls of that name; see [`client`](Options::client).
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn server<Q, R>(&self, name: &str) -> Result<Server<Q, R, C>, OpenError>
    where
        C: Codec<Q> + Codec<R>,
    {
        self.find_calls::<Q, R>(name).map(Server::new)
    }
}

fn calls_hash<C: Codec<Q> + Codec<R>, Q, R>() -> u64 {
    let (request, reply) = (<C as Sealed<Q>>::hash(), <C as Sealed<R>>::hash());
    check_sum(format!("calls {request:x} {reply:x}").as_bytes())
}

/// A client with the usual [options](crate::options).
///
/// # Errors
/// See [`OpenError`].
pub fn client<Q, R>(name: &str) -> Result<Client<Q, R>, OpenError>
where
    Postcard: Codec<Q> + Codec<R>,
{
    options().client(name)
}

/// A server with the usual [options](crate::options).
///
/// # Errors
/// See [`OpenError`].
pub fn server<Q, R>(name: &str) -> Result<Server<Q, R>, OpenError>
where
    Postcard: Codec<Q> + Codec<R>,
{
    options().server(name)
}
