//! Patterns over channels: items come from a [source](Source), pass through stages with several workers, and come out
//! where the caller asks for them.
//!
//! ```
//! use narrows_flow::IntoFlow;
//!
//! let squares = (0..1000_u64).flow().map_ordered(8, |n| n * n);
//! assert!(squares.eq((0..1000).map(|n| n * n)));
//! ```
//!
//! | wanted | to be had by |
//! |---|---|
//! | a map on threads, in order or not | [`IntoFlow::flow`], [`received`], [`lines()`], [`split`]; [`Flow::map_ordered`], [`Flow::map_unordered`] |
//! | closures that borrow | [`Flow::within`] a scope |
//! | a pipeline | [`Mapped::flow`] |
//! | one key, one worker | [`Flow::map_keyed`] |
//! | branches, and several sources in one | [`Flow::broadcast`], [`Flow::partition`], [`fan_in`] |
//! | batches by count and time | [`Mapped::batches`], [`received_batches`] |
//! | errors, and trying again | [`Mapped::successes`], [`Retry`] |
//! | an end, and what is left | [`Stop`], [`Mapped::finish`], [`Mapped::summary`] |
//! | tasks that make tasks | [`Stealing`] |
//! | guarded choice, as in CSP | [`csp`] |
//! | the same for streams, on the tasks of any executor | `StreamFlow`, with the feature `futures` |
//!
//! # How it works
//! The source is itself a message. It goes from worker to worker through a channel of capacity 1: who has it takes a portion of
//! items, passes it on, and works on what it took. So no thread stands between source and workers, and no lock is held while
//! an iterator runs. A portion is about 20 us of work; its size follows what the last ones took, and one that turns out slow
//! is shared.
//!
//! # What is bounded
//! An item is taken only if the [window](Flow::window) has a place for it, and keeps the place until its result was handed out. With
//! the one in the caller's hands, one more than the window's places are alive. Places are given out in order, so the oldest
//! item has one, and an ordered flow cannot stand still behind a slow item: it fills its window and waits for that one.
//!
//! # What is promised of panics
//! A panic reaches the caller in the place of the item that was lost to it, and no more items are taken. Everything else that was taken
//! comes out, and the source can be had back. A flow that is forgotten ([`std::mem::forget`]) keeps its threads waiting, and
//! the scope they belong to.
#![forbid(unsafe_code)]

mod batches;
mod branch;
mod crew;
pub mod csp;
mod desk;
mod doorway;
mod errors;
mod flow;
mod keyed;
mod lines;
mod mapped;
mod order;
mod pace;
mod received;
mod retry;
mod source;
mod stage;
mod steal;
mod stop;
#[cfg(feature = "futures")]
mod stream;
mod summary;
mod turn;

pub use batches::{Batches, ReceivedBatches, received_batches};
pub use branch::{Branch, fan_in};
pub use errors::{Halt, Successes};
pub use flow::{Flow, IntoFlow, lines, received, split};
pub use lines::{Lines, Split};
pub use mapped::Mapped;
pub use received::Received;
pub use retry::{Failed, Retry};
pub use source::{Items, Source};
pub use steal::{Spawner, Stealing, Stolen};
pub use stop::Stop;
#[cfg(feature = "futures")]
pub use stream::{MappedStream, StreamFlow, StreamRest, Task, TaskFlow};
pub use summary::{Rest, Summary};
