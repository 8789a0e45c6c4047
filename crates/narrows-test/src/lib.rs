//! One conformance suite: what every channel promises, asked of every kind of channel in every way of using it.
//!
//! A rule is one function. It is told the [kind](kind::Kind) of channel and, where it matters, the [way](way::Way) in
//! which operations are run; the binaries in `tests/` stamp out one test for each way. `README.md` says which test holds
//! which rule. The crate knows the public interface of `narrows` and nothing else of it.
//!
//! [`history`] and [`linear`] stand alone, without `narrows` and without `std::sync`: the models that run under loom and
//! shuttle use them with `default-features = false`.
#![forbid(unsafe_code)]
// `s` and `r` are a sender and a receiver here, and what was `sent` was done by the side that can `send`.
#![allow(clippy::similar_names, clippy::many_single_char_names)]

pub mod history;
pub mod linear;
mod model;

#[cfg(feature = "stress")]
pub mod actor;
#[cfg(feature = "suite")]
pub mod answers;
#[cfg(feature = "suite")]
pub mod arms;
#[cfg(feature = "suite")]
pub mod asking;
#[cfg(feature = "suite")]
pub mod batch_memory;
#[cfg(feature = "suite")]
pub mod batches;
#[cfg(feature = "suite")]
pub mod broadcast;
#[cfg(feature = "suite")]
pub mod cancelling;
#[cfg(feature = "suite")]
pub mod choosing;
#[cfg(feature = "suite")]
pub mod closing;
#[cfg(feature = "kinds")]
pub mod deadline;
#[cfg(feature = "suite")]
pub mod delivery;
#[cfg(feature = "suite")]
pub mod ending;
#[cfg(feature = "stress")]
pub mod ends;
#[cfg(feature = "suite")]
pub mod events;
#[cfg(feature = "suite")]
pub mod fan_in;
#[cfg(feature = "suite")]
pub mod forcing;
#[cfg(feature = "suite")]
pub mod forgetting;
#[cfg(feature = "suite")]
pub mod governed;
#[cfg(feature = "suite")]
pub mod hand;
#[cfg(feature = "suite")]
pub mod histories;
#[cfg(feature = "kinds")]
pub mod kind;
#[cfg(feature = "suite")]
pub mod lagging;
#[cfg(feature = "suite")]
pub mod lanes;
#[cfg(feature = "suite")]
pub mod leases;
#[cfg(feature = "stress")]
pub mod load;
#[cfg(feature = "suite")]
pub mod looks;
#[cfg(feature = "suite")]
pub mod memory;
#[cfg(feature = "suite")]
pub mod oneshot;
#[cfg(feature = "suite")]
pub mod permits;
#[cfg(feature = "suite")]
pub mod pitfalls;
#[cfg(feature = "suite")]
pub mod priority;
#[cfg(feature = "suite")]
mod receiving;
#[cfg(feature = "suite")]
pub mod selected;
#[cfg(feature = "suite")]
pub mod selecting;
#[cfg(feature = "kinds")]
pub mod small_stack;
#[cfg(feature = "kinds")]
pub mod stamp;
#[cfg(feature = "stress")]
pub mod stress;
#[cfg(feature = "suite")]
pub mod sync_sends;
#[cfg(feature = "suite")]
pub mod timing;
#[cfg(feature = "suite")]
pub mod tokens;
#[cfg(feature = "stress")]
pub mod traffic;
#[cfg(feature = "suite")]
pub mod types;
#[cfg(feature = "suite")]
pub mod units;
#[cfg(feature = "suite")]
pub mod waiting;
#[cfg(feature = "suite")]
pub mod walk;
#[cfg(feature = "suite")]
pub mod watch;
#[cfg(feature = "stress")]
pub mod way;
