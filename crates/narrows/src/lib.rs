//! Message passing: channels with select, async, permits and a decided ending.
//!
#![doc = include_str!("../docs/front.md")]
//!
//! # Unsafe code
//!
//! Modules that may use `unsafe`: `queue` (slots, and who may touch them), `role` (state that only the holder of a role
//! touches), `exchange` (one slot, and whose it is), `oneshot` (one
//! message, written once and read once), `shared`, `lent` and `late` (one box each, freed once) and `select` (`Select` is
//! `Send` and `Sync` whatever its messages are).
#![deny(unsafe_code)]

/// Pages on more than one item.
pub mod guide {
    #[cfg(doc)]
    use crate::*;

    #[doc = include_str!("../docs/patterns.md")]
    pub mod patterns {}
    #[doc = include_str!("../docs/closing.md")]
    pub mod closing {}
    #[doc = include_str!("../docs/cancellation.md")]
    pub mod cancellation {}
    #[doc = include_str!("../docs/checking-your-program.md")]
    pub mod checking_your_program {}
    #[doc = include_str!("../docs/memory-model.md")]
    pub mod memory_model {}
    #[doc = include_str!("../docs/when-not-to-use-a-channel.md")]
    pub mod when_not_to_use_a_channel {}
    #[doc = include_str!("../docs/moving-from-crossbeam.md")]
    pub mod moving_from_crossbeam {}
}

mod answer;
pub mod arm;
mod ask;
mod batch;
pub mod broadcast;
mod buffer;
mod builder;
mod channel;
pub mod check;
mod error;
mod event;
#[allow(unsafe_code)] // one slot, and whose it is
mod exchange;
#[cfg(all(test, loom))]
#[path = "../tests/model/explore.rs"]
mod explore;
pub mod fan_in;
mod flavor;
mod future;
mod governed;
mod handle;
mod iter;
mod lanes;
#[allow(unsafe_code)] // one box, freed once
mod late;
mod lease;
#[allow(unsafe_code)] // one box, freed by the last of those who have it
mod lent;
#[allow(unsafe_code)] // one message, written once and read once
pub mod oneshot;
mod op;
pub mod park;
mod permit;
pub mod priority;
#[allow(unsafe_code)] // slots, and who may touch them
mod queue;
#[allow(unsafe_code)] // the state that only the holder of a role may touch, owners, one system call
mod role;
#[allow(unsafe_code)] // `Select` is Send and Sync whatever its messages are
mod select;
mod send_sync;
#[allow(unsafe_code)] // one box, freed by the last handle
mod shared;
#[cfg(feature = "futures")]
mod stream;
mod sync;
mod time;
mod timer;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(not(feature = "trace"))]
#[cfg_attr(narrows_check, path = "trace/checked.rs")]
#[cfg_attr(not(narrows_check), path = "trace/off.rs")]
mod trace;
mod wait;
pub mod watch;
mod zero;

pub use ask::{AskDeadlineFuture, AskFuture};
pub use batch::{RecvManyFuture, SendManyFuture};
pub use builder::{Builder, builder};
pub use channel::{after, at, bounded, never, tick, unbounded};
pub use error::{
    AskError, AskTimeoutError, ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError,
    SendTimeoutError, SetCapacityError, TryReadyError, TryRecvError, TrySelectError, TrySendError,
};
pub use event::{CancelGuard, CancelReason, CancelToken, Event, Gate, Member, WaitGroup};
pub use future::{Closed, RecvFuture, ReserveFuture, ReserveManyFuture, SendFuture};
pub use governed::Overflow;
pub use handle::{Receiver, Sender, WeakReceiver, WeakSender};
pub use iter::{Drain, IntoIter, Iter, TryIter};
pub use lease::{Exclusive, Lease, LeaseFuture};
pub use permit::{OwnedPermit, Permit, Permits};
#[doc(hidden)]
pub use select::internal;
pub use select::{ReadyFuture, Select, SelectFuture, SelectedOperation};
pub use send_sync::SendSyncFuture;

#[cfg(feature = "futures")]
pub use stream::{RecvStream, SendSink};
