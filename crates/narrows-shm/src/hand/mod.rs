//! An open file on its way to another process: over a Unix socket, or to a child. Knows nothing of what the file is.

#[allow(unsafe_code, reason = "a file that is left open for a child, and taken by its number")]
mod child;
#[allow(unsafe_code, reason = "one system call, whose answer rustix cannot hold in every case")]
mod socket;

pub(crate) use child::{inherit, inherited};
pub(crate) use socket::{peer, recv_fd, send_fd};
