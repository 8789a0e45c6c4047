//! Actors: state that one message at a time changes, reached by an address, restarted when it fails.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod actor;
mod address;
mod ask;
mod builder;
mod cell;
mod clock;
mod context;
mod current;
mod cycle;
mod desk;
mod error;
mod host;
mod kit;
mod mailbox;
mod office;
mod plan;
mod reason;
mod registry;
mod sync;
mod system;
mod timers;

pub use actor::{Actor, Failure, Flow, Waiting};
pub use address::{Addr, WeakAddr};
pub use ask::Reply;
pub use builder::{ActorBuilder, SupervisorBuilder};
pub use context::Cx;
pub use cycle::Cycle;
pub use desk::How;
pub use error::{AskError, TellError};
pub use kit::{Entry, TestKit};
pub use mailbox::OnFull;
pub use office::{Tree, TreeKind};
pub use plan::{Backoff, ChildState, Restart, Strategy};
pub use reason::{ActorId, Down, Reason};
pub use registry::{FindError, NameTaken, Registry};
pub use system::{ActorFuture, Supervisor, System, scope};
pub use timers::TimerId;
