//! The side of who starts the ranks: makes what they share, and tells all of them how each has ended.
//!
//! Whoever starts the processes is the one who is told by the system how they end, so the ranks hear it from there: behind the
//! last message of the rank, in the same mailboxes.

use std::{
    io,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use narrows::{Receiver, Select, Sender, unbounded};
use narrows_shm::{Bytes, Channel, OpenError, SendArm, TrySendError, options};

use super::{
    INBOX, MAILBOX, RANK, RANKS,
    wire::{self, Kind, LONGEST, PIECE, SHORT},
};

/// Messages in a mailbox, of any rank and length.
const CAPACITY: u32 = 256;
/// Room for long messages in a mailbox: 32 of the longest. It takes memory only where it was used.
const MEMORY: u64 = 2 << 20;

type Mailbox = Channel<Vec<u8>, Bytes>;
/// To which rank, and what.
type Late = (usize, Vec<u8>);

/// Starts processes as ranks. What they share has no name: nobody else can find it, and nothing of it is left when all have ended.
///
/// `narrows run` is made of this. A program may as well start its own ranks:
///
/// ```no_run
/// use std::{process::Command, thread};
///
/// use narrows_rank::shm::Launcher;
///
/// let launcher = Launcher::new(4)?;
/// thread::scope(|scope| {
///     for rank in 0..4 {
///         let launcher = &launcher;
///         // Each has a thread that waits for it: what becomes of one is told to the others at once.
///         scope.spawn(move || {
///             let mut command = Command::new("./ring");
///             let status = launcher.hand_to(&mut command, rank).and_then(|()| command.status());
///             launcher.ended(rank, &format!("has ended: {status:?}"));
///         });
///     }
/// });
/// # Ok::<(), narrows_shm::OpenError>(())
/// ```
#[derive(Debug)]
pub struct Launcher {
    shared: Arc<Shared>,
    inbox: Mailbox,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    mailboxes: Vec<Mailbox>,
    senders: Vec<narrows_shm::Sender<Vec<u8>, Bytes>>,
    is_gone: Vec<AtomicBool>,
    /// What a mailbox had no room for.
    late: Sender<Late>,
}

impl Launcher {
    /// Makes what `ranks` ranks share.
    ///
    /// # Errors
    /// The system has refused. A process holds at most 512 channels open, so there can be some 500 ranks, if it may open as
    /// many files.
    pub fn new(ranks: usize) -> Result<Launcher, OpenError> {
        // Every rank, and this process.
        let participants = u32::try_from(ranks + 1).unwrap_or(u32::MAX);
        let how = options().bytes().participants(participants);
        let inbox = how.capacity(participants).max_len(SHORT).anonymous()?;
        let how = options().bytes().participants(participants);
        let how = how.capacity(CAPACITY).max_len(LONGEST).memory(MEMORY);
        let mailboxes = (0..ranks).map(|_| how.anonymous()).collect::<Result<Vec<Mailbox>, _>>()?;
        let senders = mailboxes.iter().map(Channel::sender).collect();
        let (late, waiting) = unbounded();
        let is_gone = (0..ranks).map(|_| AtomicBool::new(false)).collect();
        let shared = Arc::new(Shared { mailboxes, senders, is_gone, late });
        let heard = inbox.receiver();
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("ranks".into()).spawn(move || of_thread.attend(&heard, &waiting))?;
        Ok(Launcher { shared, inbox, thread: Some(thread) })
    }

    /// Makes the process that this command starts the rank of that number.
    ///
    /// # Errors
    /// There are no files left.
    ///
    /// # Panics
    /// If there is no such rank.
    pub fn hand_to(&self, command: &mut Command, rank: usize) -> io::Result<()> {
        let mailboxes = &self.shared.mailboxes;
        assert!(rank < mailboxes.len(), "there is no rank {rank}: there are {}, counted from 0", mailboxes.len());
        command.env(RANK, rank.to_string()).env(RANKS, mailboxes.len().to_string());
        self.inbox.pass_to_child(command, INBOX)?;
        let mut mailboxes = mailboxes.iter().enumerate();
        mailboxes.try_for_each(|(of, mailbox)| mailbox.pass_to_child(command, &format!("{MAILBOX}{of}")))
    }

    /// The process of a rank has ended, as `how` says ("was killed by signal 9"): whoever waits for that rank is told, and so is
    /// who sends to it. Does not wait.
    ///
    /// # Panics
    /// If there is no such rank.
    pub fn ended(&self, rank: usize, how: &str) {
        self.shared.end(rank, how);
    }

    #[cfg(test)]
    pub(super) fn link(&self, rank: usize) -> super::Link {
        let open = |channel: &Mailbox| options().bytes().adopt(channel.hand_out().unwrap()).unwrap();
        let mailboxes: Vec<Mailbox> = self.shared.mailboxes.iter().map(open).collect();
        super::Link::new(rank, &mailboxes, &open(&self.inbox))
    }
}

/// Who has started the ranks and goes away leaves them to themselves.
impl Drop for Launcher {
    fn drop(&mut self) {
        self.inbox.inspect().close();
        // It does not panic, and if it did, nothing would be left to do.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// The first word on an end counts.
    fn end(&self, rank: usize, how: &str) {
        // Nobody takes anything out of there any more: whoever waits for room is refused.
        self.mailboxes[rank].inspect().close();
        // Relaxed: only one of two may go on, and nothing is handed from one to the other.
        if self.is_gone[rank].swap(true, Ordering::Relaxed) {
            return;
        }
        let mut message = Vec::new();
        let message = wire::write(&mut message, wire::cut(how, PIECE), Kind::Gone, rank);
        for (to, sender) in self.senders.iter().enumerate() {
            // Relaxed: whoever goes at the same moment is told in vain.
            if !self.is_gone[to].load(Ordering::Relaxed)
                && let Err(TrySendError::Full(message)) = sender.try_send(message.to_vec())
            {
                // Who does not hear it any more is about to end, as are the ranks.
                let _ = self.late.send((to, message));
            }
        }
    }

    /// Hears of ranks that have closed their transport, and brings what comes late as soon as there is room for it.
    fn attend(&self, inbox: &narrows_shm::Receiver<Vec<u8>, Bytes>, late: &Receiver<Late>) {
        let mut waiting: Vec<SendArm<'_>> = Vec::new();
        loop {
            let mut select = Select::new();
            let closed = select.arm(inbox);
            let added = select.recv(late);
            let first = added + 1;
            for arm in &waiting {
                select.arm(arm);
            }
            let chosen = select.select();
            let index = chosen.index();
            if index == closed {
                let Ok(mut message) = inbox.complete(chosen) else { return };
                match wire::read(&mut message) {
                    Some((Kind::Closed, rank)) if rank < self.senders.len() => {
                        self.end(rank, &String::from_utf8_lossy(&message));
                    }
                    // Nobody but a rank can write there, and it writes nothing else.
                    _ => {}
                }
            } else if index == added {
                let Ok((to, message)) = chosen.recv(late) else { return };
                // Bytes need no serializing, which could fail.
                waiting.extend(self.senders[to].arm(&message).ok());
            } else {
                // Who is gone need not be told.
                let _ = waiting[index - first].complete(chosen);
                waiting.swap_remove(index - first);
            }
        }
    }
}
