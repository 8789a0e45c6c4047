//! Channels between processes of one host, in shared memory.
#![deny(unsafe_code)]
#![allow(dead_code, unused_imports)] // the protocol, which is about to stand on these modules, calls them

mod error;
#[allow(unsafe_code, reason = "a signal handler, and the pages that it replaces")]
mod guard;
mod hand;
#[allow(unsafe_code, reason = "one system call that neither std nor rustix has")]
mod locks;
mod process;
mod segment;
#[cfg(test)]
#[allow(unsafe_code, reason = "what a test does to a whole process")]
mod trial;

pub use error::{FileProperty, OpenError};
