//! What was done, written down outside of the channel before and after each message, and what follows from it.
//!
//! Lost: sent for sure, and received by nobody. Of each receiver that was killed between a message's leaving the channel and its
//! note, one such message is in doubt instead. Torn: not as it was sent, or sent by nobody. Twice: received twice; a fault but for
//! one of each who was killed with a message on trial. Taken back and received all the same counts as twice, too.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Write},
    path::Path,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Deed {
    /// About to be sent.
    Tries = 1,
    Sent = 2,
    /// Given back to its sender.
    Failed = 3,
    Received = 4,
    Torn = 5,
}

/// A file that many processes write to, each note at once.
#[derive(Debug)]
pub(crate) struct Notes(File);

impl Notes {
    pub(crate) fn append(path: &Path) -> io::Result<Notes> {
        File::options().create(true).append(true).open(path).map(Notes)
    }

    pub(crate) fn note(&self, deed: Deed, id: u64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(deed as u64).to_le_bytes());
        bytes[8..].copy_from_slice(&id.to_le_bytes());
        let written = (&self.0).write(&bytes).expect("notes can be taken");
        assert_eq!(written, bytes.len(), "a note is written at once");
    }
}

/// All that was noted.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tried: HashSet<u64>,
    sent: HashSet<u64>,
    failed: HashSet<u64>,
    received: HashMap<u64, u64>,
    torn: u64,
}

/// What became of them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) missing: u64,
    pub(crate) torn: u64,
    pub(crate) twice: u64,
    pub(crate) despite: u64,
}

impl Ledger {
    pub(crate) fn add(&mut self, deed: Deed, id: u64) {
        match deed {
            Deed::Tries => drop(self.tried.insert(id)),
            Deed::Sent => drop(self.sent.insert(id)),
            Deed::Failed => drop(self.failed.insert(id)),
            Deed::Received => *self.received.entry(id).or_default() += 1,
            Deed::Torn => self.torn += 1,
        }
    }

    pub(crate) fn read(&mut self, path: &Path) -> io::Result<()> {
        let bytes = std::fs::read(path)?;
        assert_eq!(bytes.len() % 16, 0, "every note is whole");
        for note in bytes.chunks_exact(16) {
            let word = |at: usize| u64::from_le_bytes(note[at..at + 8].try_into().expect("8 bytes"));
            let deeds = [Deed::Tries, Deed::Sent, Deed::Failed, Deed::Received, Deed::Torn];
            let deed = deeds.into_iter().find(|&deed| deed as u64 == word(0)).expect("a note of ours");
            self.add(deed, word(8));
        }
        Ok(())
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let unknown = self.received.keys().filter(|id| !self.tried.contains(id)).count() as u64;
        Outcome {
            sent: self.sent.len() as u64,
            missing: self.sent.iter().filter(|id| !self.received.contains_key(id)).count() as u64,
            torn: self.torn + unknown,
            twice: self.received.values().map(|times| times - 1).sum(),
            despite: self.failed.iter().filter(|id| self.received.contains_key(id)).count() as u64,
        }
    }
}
