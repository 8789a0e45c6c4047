//! Tagged messages between ranks, and collectives, as in MPI: `send(to, tag, value)`, `recv(from, tag)`.
//!
//! ```
//! use narrows_rank::{Any, Tag, World};
//!
//! const TAG: u32 = 1;
//!
//! let sums = World::threads(4).run(|me| {
//!     let next = (me.rank() + 1) % me.size();
//!     me.send(next, TAG, vec![0.5; me.rank()])?;
//!     let (x, _from) = me.recv::<Vec<f64>>(Any, Tag(TAG))?;
//!     let sum = me.all_reduce(x.len(), |a, b| a + b)?;
//!     me.barrier()?;
//!     Ok(sum)
//! })?;
//! assert_eq!(sums, [6; 4]);
//! # Ok::<(), narrows_rank::RunError>(())
//! ```
//!
//! | wanted | to be had by |
//! |---|---|
//! | ranks as threads; for threads and tasks of one's own | [`World::threads`], [`World::ranks`] |
//! | ranks as light tasks; as processes | `World::tasks` with the feature `task`, `World::over` with `process` |
//! | to send: bounded, until received, whatever is full | [`send`](Rank::send), [`ssend`](Rank::ssend), [`bsend`](Rank::bsend) |
//! | to receive, by source and tag or any | [`recv`](Rank::recv), [`try_recv`](Rank::try_recv), [`recv_timeout`](Rank::recv_timeout) |
//! | futures that own their data | [`isend`](Rank::isend), [`issend`](Rank::issend), [`irecv`](Rank::irecv) |
//! | to look first | [`probe`](Rank::probe), [`try_probe`](Rank::try_probe), [`mprobe`](Rank::mprobe), [`try_mprobe`](Rank::try_mprobe) |
//! | both at once | [`send_recv`](Rank::send_recv) |
//! | from one to all, and back | [`broadcast`](Rank::broadcast), [`scatter`](Rank::scatter), [`gather`](Rank::gather), [`reduce`](Rank::reduce) |
//! | from all to all | [`barrier`](Rank::barrier), [`all_gather`](Rank::all_gather), [`all_to_all`](Rank::all_to_all), [`all_reduce`](Rank::all_reduce), [`all_reduce_each`](Rank::all_reduce_each), [`scan`](Rank::scan) |
//! | groups of ranks | [`split`](Rank::split) |
//!
//! # No manager
//! A rank's address is its mailbox, and the table of mailboxes is made once. A sender goes to the mailbox itself, looks there for
//! a receive that waits for its message and hands it over, or leaves it there. The receiver need not know who will send what: it
//! asks for a source, a tag, both or neither, or looks first.
//!
//! # What is bounded
//! [`send`](Rank::send) returns at once while fewer than 64 messages of its rank lie unasked for in the mailbox of the other.
//! One more is left there, too, where a receive finds it; but its sender waits, until that message is received or no more than 32
//! are left. So whatever a receive could get it gets, however full a mailbox is, and a mailbox holds at most 65 messages of each
//! rank (80 of one in another process, which hears a little later of what was taken), plus what [`isend`](Rank::isend) has begun
//! and [`bsend`](Rank::bsend) has left. Collectives have the same bound apart.
//!
//! # What is promised
//! * **Order.** Of two messages from one rank to another that both fit a receive, it gets the one sent first. Of two receives
//!   that both fit a message, the one begun first gets it. A wildcard gets what came first, so no source starves.
//! * **Types.** Values are moved, whatever their type; nothing is serialized within a process. A receive of another type than was
//!   sent is an error that names both, at once, and leaves the message where it is.
//! * **Endings.** Whoever waits for a rank that has returned, failed or panicked hears of it at once, after what that rank had sent. A
//!   receive from any rank goes on while one is left. [`Threads::run`] says who failed first, and why.
//! * **Deadlocks.** If every rank waits for another without a time limit, within some 100 ms all are told who waits for what
//!   ([`Error::Deadlock`]); ranks that are tasks are told at once.
//! * **Nothing is lost.** A send that fails gives its message back; a receive that is dropped or out of time gives up no message.
//!   What is not received when a rank ends is dropped.
#![forbid(unsafe_code)]

mod choice;
mod collective;
mod ends;
mod error;
#[cfg_attr(
    not(feature = "task"),
    allow(dead_code, reason = "no rank is a task; what its operations would tell is here")
)]
mod home;
mod mailbox;
mod matching;
mod office;
mod parcel;
mod probe;
mod rank;
mod receiving;
mod sending;
#[cfg(all(feature = "shm", not(narrows_check)))]
pub mod shm;
mod sync;
#[cfg(feature = "task")]
mod tasks;
#[cfg(feature = "process")]
pub mod transport;
mod wait;
mod watch;
#[cfg(feature = "process")]
mod wire;
mod world;

pub use choice::{Any, Source, Status, Tag, Tags};
pub use error::{Error, SendError};
pub use parcel::{Carrier, Carries, Local};
pub use probe::Matched;
pub use rank::Rank;
pub use receiving::Receiving;
pub use sending::Sending;
#[cfg(feature = "task")]
pub use tasks::Tasks;
#[cfg(feature = "process")]
pub use wire::{Process, Wire};
pub use world::{Cause, Failure, RunError, Threads, World};
