//! A pair of Unix sockets of the kind that keeps messages whole and in order. All senders share one end, all receivers the
//! other; each message goes to one of them.

use std::fs;
use std::os::fd::OwnedFd;

use anyhow::{Result, ensure};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use zerocopy::IntoBytes;

use super::{Peer, stdin, stdout};
use crate::crew::Wire;
use crate::post::{Inlet, Outlet};

pub(super) fn peer() -> Peer {
    Peer {
        lacks: |row| {
            let most = fs::read_to_string("/proc/sys/net/core/wmem_default").ok()?.trim().parse::<usize>().ok()?;
            (row.size >= most).then(|| format!("messages below {} KiB", most / 1024))
        },
        wire: |_, _| wire().map(Some),
        ..Peer::new("seqpacket", |post| {
            let inlet = || -> Result<End> { Ok(End { socket: stdin()?.into(), message: vec![0; post.row.size] }) };
            post.run(|_| Ok(End { socket: stdout()?.into(), message: Vec::new() }), |_| inlet())
        })
    }
}

fn wire() -> Result<Wire> {
    let (write, read) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok(Wire { write, read })
}

struct End {
    socket: OwnedFd,
    message: Vec<u8>,
}

impl Outlet for End {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        let bytes = message.as_bytes();
        let sent = send(&self.socket, bytes, SendFlags::NOSIGNAL)?;
        ensure!(sent == bytes.len(), "{sent} bytes were sent of {}", bytes.len());
        Ok(())
    }
}

impl Inlet for End {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let (count, _) = recv(&self.socket, &mut self.message[..], RecvFlags::empty())?;
        ensure!(count > 0, "the other end is gone");
        Ok(look(&self.message[..count]))
    }
}
