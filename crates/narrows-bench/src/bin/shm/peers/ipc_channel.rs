//! ipc-channel, with its channel of bytes, which is the fastest it has. Unbounded, but for what its sockets hold.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, thread};

use anyhow::Result;
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender, bytes_channel};
use zerocopy::IntoBytes;

use super::{Peer, one_receiver};
use crate::crew::Role;
use crate::post::{Inlet, Outlet, Post};

pub(super) fn peer() -> Peer {
    Peer { lacks: one_receiver, ..Peer::new("ipc-channel", play) }
}

/// What the sender, or who pings, hands to the other side.
type Ends = (IpcBytesReceiver, IpcBytesSender);

fn play(post: &Post) -> Result<()> {
    match post.task.role {
        Role::Send => {
            let (sender, _) = meet(post)?;
            post.send(sender)
        }
        Role::Ping => {
            let (sender, receiver) = meet(post)?;
            post.ping(sender, receiver)
        }
        Role::Receive => post.receive(be_met(post)?.0),
        _ => {
            let (receiver, sender) = be_met(post)?;
            post.echo(receiver, sender)
        }
    }
}

/// The name of the server is its own choice: the others find it in a file.
fn file(post: &Post) -> PathBuf {
    post.task.place.with_extension("server")
}

fn be_met(post: &Post) -> Result<Ends> {
    let (server, name) = IpcOneShotServer::<Ends>::new()?;
    let unfinished = post.task.place.with_extension("unfinished");
    fs::write(&unfinished, name)?;
    fs::rename(unfinished, file(post))?;
    Ok(server.accept()?.1)
}

fn meet(post: &Post) -> Result<(IpcBytesSender, IpcBytesReceiver)> {
    while !file(post).exists() {
        thread::sleep(Duration::from_millis(1));
    }
    let server: IpcSender<Ends> = IpcSender::connect(fs::read_to_string(file(post))?)?;
    let (there, back) = (bytes_channel()?, bytes_channel()?);
    server.send((there.1, back.0))?;
    Ok((there.0, back.1))
}

impl Outlet for IpcBytesSender {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        Ok(IpcBytesSender::send(self, message.as_bytes())?)
    }
}

impl Inlet for IpcBytesReceiver {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        Ok(look(&self.recv()?))
    }
}
