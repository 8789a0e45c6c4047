//! What the ranks of a world share: a mailbox each, which all others may send to. Unnamed channels that the processes
//! inherit, so nothing is left of them when the last process has ended, however it did.

use std::io;
use std::process::Command;

use narrows_shm::{Bytes, Channel, OpenError, options};

/// Which rank a process is.
pub(super) const RANK: &str = "NARROWS_RANK";
/// How many ranks there are.
pub(super) const RANKS: &str = "NARROWS_RANKS";
/// The mailbox of a rank, whose number follows.
pub(super) const MAILBOX: &str = "NARROWS_WORLD_";

/// Messages in a mailbox, and their longest: what is longer is cut into pieces by who sends it.
const CAPACITY: u32 = 256;
const LONGEST: u32 = 64 << 10;
/// Room for long messages in a mailbox. It takes memory only where it was used.
const MEMORY: u64 = 2 << 20;

#[derive(Debug)]
pub(super) struct World {
    mailboxes: Vec<Channel<Vec<u8>, Bytes>>,
}

impl World {
    pub(super) fn new(ranks: usize) -> Result<World, OpenError> {
        // Every rank, and this process.
        let participants = u32::try_from(ranks + 1).unwrap_or(u32::MAX);
        let how = options().bytes().capacity(CAPACITY).max_len(LONGEST).memory(MEMORY).participants(participants);
        let mailboxes = (0..ranks).map(|_| how.anonymous()).collect::<Result<_, _>>()?;
        Ok(World { mailboxes })
    }

    /// Makes the process that the command starts this rank.
    pub(super) fn hand_to(&self, command: &mut Command, rank: usize) -> io::Result<()> {
        command.env(RANK, rank.to_string()).env(RANKS, self.mailboxes.len().to_string());
        let mut mailboxes = self.mailboxes.iter().enumerate();
        mailboxes.try_for_each(|(of, mailbox)| mailbox.pass_to_child(command, &format!("{MAILBOX}{of}")))
    }

    /// A rank has ended, and nobody will read what is in its mailbox: whoever sends to it is told.
    pub(super) fn bury(&self, rank: usize) {
        self.mailboxes[rank].inspect().close();
    }
}
