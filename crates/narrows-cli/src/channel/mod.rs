//! `narrows send` and `narrows recv`: records into a channel between processes, and out of it.
//!
//! ```text
//!   stdin ==> input ==> send ==> channel ==> recv ==> output ==> stdout
//!             cut into                       leases   whole records, which are accepted when they are written
//!             records                          |
//!                                              +====> work ==> CMD, once for each record (--ack)
//!
//!   stop: what ends either of them early, heard wherever it waits
//! ```
//! A record leaves the channel only when it has been written, or when CMD has done with it, so that a receiver that is
//! killed, or cannot write, leaves its records to others.

mod args;
mod input;
mod open;
mod output;
mod recv;
mod send;
mod stop;
mod work;

pub(crate) use args::{RecvArgs, SendArgs};
pub(crate) use recv::run as recv;
pub(crate) use send::run as send;

/// So many were dealt with.
fn records(count: u64) -> String {
    match count {
        0 => "no record was".to_owned(),
        1 => "1 record was".to_owned(),
        count => format!("{count} records were"),
    }
}
