//! Tagged messages between ranks, and collectives, as in MPI, without a manager: a rank's address is its mailbox.
#![forbid(unsafe_code)]

#[cfg(feature = "process")]
pub mod transport;
