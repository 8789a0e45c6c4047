//! Actors over channels: plain values as messages, supervision as in Erlang/OTP, a test kit.
//!
#![doc = include_str!("../README.md")]
//!
//! # How it works
//! One loop (`cell.rs`) runs an actor, life after life; its host (`host.rs`) says how to wait: a thread sleeps, a task is polled, a
//! test steps. The control lane is a second channel, and one word says whether something lies in it; who puts something
//! there rings in the mailbox if the actor is asleep, so that it always waits for one thing. A supervisor is a machine of
//! values (`plan.rs`), told of each end by the child that ends.
#![forbid(unsafe_code)]

mod actor;
mod address;
mod ask;
mod asking;
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
