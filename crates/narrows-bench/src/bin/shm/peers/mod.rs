//! The peers, one file each. To add one: write its file, name it in `all`.

mod fifo;
mod iceoryx2;
mod ipc_channel;
mod mqueue;
mod narrows;
mod pipe;
mod python;
mod seqpacket;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

pub(crate) use mqueue::RAISED;

use crate::crew::{Role, Task, Wire};
use crate::post::Post;
use crate::row::{Load, Row};

/// Whom the others are compared with.
pub(crate) const OURS: &str = "narrows";

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Whether it has a line in such a row at all.
    pub(crate) knows: fn(Load) -> bool,
    /// Why it cannot do the row's work.
    pub(crate) lacks: fn(&Row) -> Option<String>,
    /// Before any process is started.
    pub(crate) prepare: fn(&Row, &Task) -> Result<()>,
    /// What is handed to the processes as stdin and stdout, for each way of a round trip once.
    pub(crate) wire: fn(&Row, &Path) -> Result<Option<Wire>>,
    pub(crate) command: fn(&Task) -> Result<Command>,
    /// In a process of a sample.
    pub(crate) play: fn(&Post) -> Result<()>,
    /// When all have ended.
    pub(crate) clear: fn(&Task),
    /// It starts its own processes.
    is_whole: bool,
}

impl Peer {
    fn new(name: &'static str, play: fn(&Post) -> Result<()>) -> Peer {
        Peer {
            name,
            knows: |load| load != Load::Torn,
            lacks: |_| None,
            prepare: |_, _| Ok(()),
            wire: |_, _| Ok(None),
            command: Task::command,
            play,
            clear: |_| (),
            is_whole: false,
        }
    }

    pub(crate) fn roles(&self, row: &Row) -> &'static [Role] {
        match row.load {
            _ if self.is_whole => &[Role::All],
            load if load.is_round_trip() => &[Role::Echo, Role::Ping],
            _ => &[Role::Receive, Role::Send],
        }
    }
}

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all() -> Vec<Peer> {
    let [ours, plain] = narrows::peers();
    let [queue, simple] = python::peers();
    let [limited, raised] = mqueue::peers();
    let [polled, told] = iceoryx2::peers();
    let theirs = [pipe::peer(), seqpacket::peer(), limited, raised, ipc_channel::peer(), polled, told, queue, simple];
    [ours, plain].into_iter().chain(theirs).chain([fifo::peer()]).collect()
}

/// Who has a line in this row.
pub(crate) fn names(row: &Row, peers: &[Peer]) -> String {
    let names: Vec<&str> = peers.iter().filter(|peer| (peer.knows)(row.load)).map(|peer| peer.name).collect();
    names.join(", ")
}

fn stdin() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

fn stdout() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

fn one_receiver(row: &Row) -> Option<String> {
    (row.pairs > 1).then(|| "one receiver only".to_owned())
}
