//! The transport of a rank that is a process: it sends to the mailboxes of the others, and receives from its own.

use std::{
    collections::VecDeque,
    env, mem,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use narrows_shm::{
    Bytes, Channel, Fault, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, options,
};

use super::{
    INBOX, MAILBOX, RANK, RANKS, StartError,
    wire::{self, FAREWELL, Kind, PIECE},
};
use crate::transport::{Incoming, LinkError, Transport};

/// Reaches the ranks that `narrows run`, or another [`Launcher`](super::Launcher), has started beside this process.
///
/// A frame may have any length. One that is sent without waiting has to fit into a message of a mailbox, which is 64 KiB long.
#[derive(Debug)]
pub struct Link {
    rank: usize,
    mailbox: Receiver<Vec<u8>, Bytes>,
    ways: Vec<Way>,
    /// To who has started the ranks.
    inbox: Sender<Vec<u8>, Bytes>,
    hearing: Mutex<Hearing>,
    is_closed: AtomicBool,
}

/// The way to a rank.
#[derive(Debug)]
struct Way {
    sender: Sender<Vec<u8>, Bytes>,
    /// A message is made in it. Who holds it sends a frame, all pieces of it: those of two frames do not mix.
    message: Mutex<Vec<u8>>,
}

/// What has come and was not given out.
#[derive(Debug)]
struct Hearing {
    /// Of each rank, the frame that has come in part.
    parts: Vec<Vec<u8>>,
    is_gone: Vec<bool>,
    /// The mailbox is of no further use: so nothing comes from these any more.
    lost: VecDeque<Incoming>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is under these locks is right at any time: a frame that was sent in part is never gone on with.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(variable: &'static str) -> Result<usize, StartError> {
    let value = env::var_os(variable).ok_or(StartError::NotARank)?;
    let number = value.to_str().and_then(|value| value.parse().ok());
    number.ok_or_else(|| StartError::Variable(variable, value.to_string_lossy().into_owned()))
}

impl Link {
    /// Takes what this process was given when it was started; once.
    ///
    /// # Errors
    /// If it was not started as a rank, or if what it was given was taken already.
    pub fn from_env() -> Result<Link, StartError> {
        let (rank, size) = (number(RANK)?, number(RANKS)?);
        if rank >= size {
            return Err(StartError::Variable(RANK, rank.to_string()));
        }
        let inherited = |variable: String| options().bytes().inherited(&variable).map_err(StartError::Channel);
        let mailboxes = (0..size).map(|of| inherited(format!("{MAILBOX}{of}"))).collect::<Result<Vec<_>, _>>()?;
        Ok(Link::new(rank, &mailboxes, &inherited(INBOX.to_owned())?))
    }

    pub(super) fn new(rank: usize, mailboxes: &[Channel<Vec<u8>, Bytes>], inbox: &Channel<Vec<u8>, Bytes>) -> Link {
        let way = |mailbox: &Channel<_, _>| Way { sender: mailbox.sender(), message: Mutex::default() };
        let size = mailboxes.len();
        let hearing = Hearing { parts: vec![Vec::new(); size], is_gone: vec![false; size], lost: VecDeque::new() };
        Link {
            rank,
            mailbox: mailboxes[rank].receiver(),
            ways: mailboxes.iter().map(way).collect(),
            inbox: inbox.sender(),
            hearing: Mutex::new(hearing),
            is_closed: AtomicBool::new(false),
        }
    }

    fn check_open(&self) -> Result<(), LinkError> {
        // Relaxed: who sends while another thread closes may still send.
        let is_closed = self.is_closed.load(Ordering::Relaxed);
        if is_closed { Err(LinkError::Failed("this rank has ended".into())) } else { Ok(()) }
    }

    /// The next message of the mailbox, until the deadline.
    fn next(&self, deadline: Option<Instant>) -> Result<Vec<u8>, RecvTimeoutError> {
        match deadline {
            Some(deadline) => self.mailbox.recv_deadline(deadline),
            None => self.mailbox.recv().map_err(RecvTimeoutError::from as fn(RecvError) -> RecvTimeoutError),
        }
    }
}

impl Hearing {
    /// A message has come: what is told with it, if it is the last of something.
    fn take(&mut self, mut message: Vec<u8>) -> Result<Option<Incoming>, &'static str> {
        const NO_MESSAGE: &str = "what lies in its mailbox is no message of a rank";
        let (kind, from) = wire::read(&mut message).ok_or(NO_MESSAGE)?;
        let part = self.parts.get_mut(from).ok_or(NO_MESSAGE)?;
        match kind {
            // It has another thread that had not heard of its end.
            Kind::Piece | Kind::Last if self.is_gone[from] => {}
            Kind::Piece => part.extend_from_slice(&message),
            Kind::Last if part.is_empty() => return Ok(Some(Incoming::Frame { from, bytes: message })),
            Kind::Last => {
                part.extend_from_slice(&message);
                return Ok(Some(Incoming::Frame { from, bytes: mem::take(part) }));
            }
            Kind::Gone => {
                // What it was in the middle of never comes to its end.
                *part = Vec::new();
                if !mem::replace(&mut self.is_gone[from], true) {
                    return Ok(Some(Incoming::Gone {
                        rank: from,
                        how: String::from_utf8_lossy(&message).into_owned(),
                    }));
                }
            }
            Kind::Closed => return Err(NO_MESSAGE),
        }
        Ok(None)
    }

    /// Nobody can be heard any more.
    fn lose(&mut self, me: usize, why: &str) {
        let how = format!("cannot be heard any more: {why}");
        for (rank, is_gone) in self.is_gone.iter_mut().enumerate() {
            if rank != me && !mem::replace(is_gone, true) {
                self.lost.push_back(Incoming::Gone { rank, how: how.clone() });
            }
        }
    }
}

fn failed(fault: &Fault) -> LinkError {
    LinkError::Failed(fault.to_string())
}

impl Transport for Link {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.ways.len()
    }

    fn send(&self, to: usize, frame: &[u8]) -> Result<(), LinkError> {
        self.check_open()?;
        let way = &self.ways[to];
        let mut message = lock(&way.message);
        for (kind, piece) in wire::pieces(frame) {
            let message = wire::write(&mut message, piece, kind, self.rank);
            way.sender.send_slice(message).map_err(|error| match error {
                SendError::Disconnected(()) => LinkError::Gone,
                SendError::Fault((), fault) => failed(&fault),
            })?;
        }
        Ok(())
    }

    fn try_send(&self, to: usize, frame: &[u8]) -> Result<bool, LinkError> {
        self.check_open()?;
        if frame.len() > PIECE {
            // The first piece could go and the others not.
            return Err(LinkError::TooLong { longest: PIECE });
        }
        let way = &self.ways[to];
        let mut message = match way.message.try_lock() {
            Ok(message) => message,
            Err(TryLockError::Poisoned(message)) => message.into_inner(),
            // Another thread is in the middle of a frame.
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let message = wire::write(&mut message, frame, Kind::Last, self.rank);
        match way.sender.send_slice_timeout(message, Duration::ZERO) {
            Ok(()) => Ok(true),
            Err(SendTimeoutError::Timeout(())) => Ok(false),
            Err(SendTimeoutError::Disconnected(())) => Err(LinkError::Gone),
            Err(SendTimeoutError::Fault((), fault)) => Err(failed(&fault)),
        }
    }

    fn recv(&self, patience: Option<Duration>) -> Incoming {
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut hearing = lock(&self.hearing);
        loop {
            // Acquire: pairs with the Release in `close`; what that rank sent before is sent.
            if self.is_closed.load(Ordering::Acquire) {
                return Incoming::Closed;
            }
            if let Some(lost) = hearing.lost.pop_front() {
                return lost;
            }
            match self.next(deadline) {
                Ok(message) => match hearing.take(message) {
                    Ok(Some(incoming)) => return incoming,
                    Ok(None) => {}
                    Err(why) => hearing.lose(self.rank, why),
                },
                Err(RecvTimeoutError::Timeout) => return Incoming::Nothing,
                Err(RecvTimeoutError::Disconnected) => return Incoming::Closed,
                Err(RecvTimeoutError::Fault(fault)) => {
                    hearing.lose(self.rank, &fault.to_string());
                    if hearing.lost.is_empty() {
                        return Incoming::Closed;
                    }
                }
            }
        }
    }

    fn close(&self, how: &str) {
        // Release: pairs with the Acquire in `recv`.
        if self.is_closed.swap(true, Ordering::Release) {
            return;
        }
        let mut message = Vec::new();
        let message = wire::write(&mut message, wire::cut(how, FAREWELL), Kind::Closed, self.rank);
        // There is room for a message of each rank. If nobody hears it, nobody is there whom it concerns.
        let _ = self.inbox.send_slice_timeout(message, Duration::ZERO);
        self.mailbox.close();
    }
}

/// A link that is dropped sends nothing more.
impl Drop for Link {
    fn drop(&mut self) {
        self.close("has ended");
    }
}
