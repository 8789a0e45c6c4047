//! What ends a sender or receiver early: a signal, or that nobody reads the output any more. Heard by who waits for
//! messages as one more arm of its select, and by who waits for a file as one more to poll.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use narrows::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::stdio::stdout;

use crate::ending::die_by;
use crate::engine::{Tone, Wakeup, block_and_install};
use crate::say;

/// A thread that hears nothing, since it is in the middle of a write that nobody takes, is not waited for longer.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    Signal(i32),
    OutputClosed,
}

pub(super) struct Stop {
    heard: Receiver<Why>,
    tell: Sender<Why>,
    bell: Arc<Wakeup>,
    words: Arc<Words>,
}

/// What is said once, by who comes first: who heard the signal, or who waited for that in vain.
struct Words {
    text: Text,
    said: AtomicBool,
}

/// How far it has come.
type Text = Box<dyn Fn() -> String + Send + Sync>;

impl Stop {
    /// Before there is another thread. If it `insists`, a signal that is not heard in time, or a second one, ends the
    /// program, after `words`; else both are told, and what becomes of them is for who hears them.
    pub(super) fn listen(insists: bool, words: Text) -> io::Result<Stop> {
        let (tell, heard) = unbounded();
        let bell = Arc::new(Wakeup::new()?);
        let words = Arc::new(Words { text: words, said: AtomicBool::new(false) });
        let mut signals = block_and_install()?;
        let stop = Stop { heard, tell: tell.clone(), bell: bell.clone(), words: words.clone() };
        thread::Builder::new().name("signals".into()).spawn(move || {
            let mut is_first = true;
            for signal in signals.forever() {
                let _ = tell.send(Why::Signal(signal));
                bell.ring();
                if insists && !is_first {
                    words.end(signal);
                } else if insists {
                    let of_thread = words.clone();
                    let waits = move || {
                        thread::sleep(PATIENCE);
                        of_thread.end(signal);
                    };
                    if thread::Builder::new().name("patience".into()).spawn(waits).is_err() {
                        words.end(signal);
                    }
                }
                is_first = false;
            }
        })?;
        Ok(stop)
    }

    /// Also hears that the reader of stdout has gone, if that is something that can go.
    pub(super) fn watch_output(&self) -> io::Result<()> {
        let kind = FileType::from_raw_mode(fstat(stdout())?.st_mode);
        if !matches!(kind, FileType::Fifo | FileType::Socket) {
            return Ok(());
        }
        let (tell, bell) = (self.tell.clone(), Arc::clone(&self.bell));
        thread::Builder::new().name("output".into()).spawn(move || {
            loop {
                // The kernel reports an error there whether it is asked or not.
                let mut end = [PollFd::from_borrowed_fd(stdout(), PollFlags::empty())];
                match poll(&mut end, None) {
                    Err(Errno::INTR) => {}
                    Ok(_) if end[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => {
                        let _ = tell.send(Why::OutputClosed);
                        return bell.ring();
                    }
                    // It cannot be watched: the next write finds out.
                    Ok(_) | Err(_) => return,
                }
            }
        })?;
        Ok(())
    }

    pub(super) fn heard(&self) -> &Receiver<Why> {
        &self.heard
    }

    /// What was told, if anything.
    pub(super) fn now(&self) -> Option<Why> {
        self.heard.try_recv().ok()
    }

    /// Readable when something was told.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.bell.fd()
    }

    /// What was told until now makes it readable no more.
    pub(super) fn quiet(&self) {
        self.bell.hear();
    }

    /// Ends the program by the signal that was told.
    pub(super) fn end(&self, signal: i32) -> anyhow::Result<std::process::ExitCode> {
        self.words.say();
        die_by(signal)
    }
}

impl Words {
    fn say(&self) {
        // Relaxed: only one of two may go on, and nothing is handed from one to the other.
        while self.said.swap(true, Ordering::Relaxed) {
            // Who came first ends the program.
            thread::park();
        }
        say::say(Tone::Note, &(self.text)());
    }

    fn end(&self, signal: i32) {
        self.say();
        let _ = die_by(signal);
    }
}
