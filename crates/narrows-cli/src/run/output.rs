//! What the ranks write, in whole lines: each of their pipes has a thread that waits for it and for nothing else, so that
//! a reader of ours who takes his time holds up whoever writes, and not the one who watches over the ranks.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use narrows::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionread, read, write};
use rustix::stdio::stdout;

use super::bell::{Event, Teller};
use crate::engine::{Wakeup, WholeLines};
use crate::say;

const CHUNK: usize = 32 << 10;

/// The threads.
#[derive(Debug)]
pub(super) struct Outputs {
    shared: Arc<Shared>,
    /// Each thread has one, and nothing is sent.
    running: Sender<()>,
    ended: Receiver<()>,
}

#[derive(Debug)]
struct Shared {
    /// Rings when all ranks have ended: what they left running need not be waited for.
    over: Wakeup,
    /// Whose turn it is at stdout. False when nothing more can be written.
    writable: Mutex<bool>,
    tell: Teller,
}

/// Where what is read goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum To {
    Stdout,
    Stderr,
}

impl Outputs {
    pub(super) fn new(tell: Teller) -> io::Result<Outputs> {
        let shared = Arc::new(Shared { over: Wakeup::new()?, writable: Mutex::new(true), tell });
        let (running, ended) = bounded(1);
        Ok(Outputs { shared, running, ended })
    }

    /// Passes on what comes out of this pipe.
    pub(super) fn pass_on(&self, pipe: OwnedFd, label: String, to: To) -> io::Result<()> {
        let (shared, running) = (Arc::clone(&self.shared), self.running.clone());
        thread::Builder::new().name("output".into()).stack_size(256 << 10).spawn(move || {
            let over = shared.over.fd();
            match to {
                To::Stdout => pump(&pipe, over, WholeLines::new(label, |text: &[u8]| shared.print(text))),
                To::Stderr => pump(&pipe, over, WholeLines::new(label, say::pass_on)),
            }
            drop(running);
        })?;
        Ok(())
    }

    /// All ranks have ended. Hears a message that never comes, and the end when all was written that they had.
    pub(super) fn finish(self) -> Receiver<()> {
        self.shared.over.ring();
        self.ended
    }
}

impl Shared {
    fn print(&self, mut text: &[u8]) {
        let mut writable = self.writable.lock().unwrap_or_else(PoisonError::into_inner);
        while *writable && !text.is_empty() {
            match write(stdout(), text) {
                Ok(written) => text = &text[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::from_borrowed_fd(stdout(), PollFlags::OUT)], None);
                }
                Err(errno) => {
                    *writable = false;
                    self.tell.tell(Event::CannotPrint(errno));
                }
            }
        }
    }
}

/// Until the pipe ends, or it is over and what was in it then is read.
fn pump(pipe: &OwnedFd, over: BorrowedFd<'_>, mut lines: WholeLines<impl FnMut(&[u8])>) {
    let mut chunk = vec![0; CHUNK];
    let mut left = None;
    while left != Some(0) {
        let mut ends = [PollFd::new(pipe, PollFlags::IN), PollFd::from_borrowed_fd(over, PollFlags::IN)];
        match poll(&mut ends, None) {
            Err(Errno::INTR) => continue,
            Err(_) => break,
            Ok(_) => {}
        }
        if left.is_none() && !ends[1].revents().is_empty() {
            left = Some(ioctl_fionread(pipe).unwrap_or(0));
        }
        if ends[0].revents().is_empty() {
            continue;
        }
        match read(pipe, &mut chunk[..]) {
            Ok(0) => break,
            Ok(read) => {
                lines.push(&chunk[..read]);
                left = left.map(|left| left.saturating_sub(read as u64));
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => break,
        }
    }
    lines.finish();
}
