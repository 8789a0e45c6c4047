//! The threads of a flow: its own, or those of a scope that they may borrow from. They start when the first item is
//! asked for, and have ended when the flow is gone.

use std::{
    fmt, io,
    thread::{self, JoinHandle, Scope, ScopedJoinHandle},
    time::Instant,
};

use narrows::{RecvTimeoutError, oneshot};

pub(crate) type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Where threads come from.
pub(crate) trait Spawn<'a>: Sync {
    fn spawn(&'a self, work: Work<'a>) -> io::Result<Handle<'a>>;
}

#[derive(Debug)]
pub(crate) struct Owned;

impl Spawn<'static> for Owned {
    fn spawn(&'static self, work: Work<'static>) -> io::Result<Handle<'static>> {
        named().spawn(work).map(Handle::Owned)
    }
}

impl<'scope> Spawn<'scope> for Scope<'scope, '_> {
    fn spawn(&'scope self, work: Work<'scope>) -> io::Result<Handle<'scope>> {
        named().spawn_scoped(self, work).map(Handle::Scoped)
    }
}

fn named() -> thread::Builder {
    thread::Builder::new().name("narrows-flow".to_owned())
}

#[derive(Debug)]
pub(crate) enum Handle<'a> {
    Owned(JoinHandle<()>),
    Scoped(ScopedJoinHandle<'a, ()>),
}

impl Handle<'_> {
    fn join(self) {
        // Panics of stages are caught before; what is left is the drop of something of the user's, which was reported.
        let _ = match self {
            Handle::Owned(handle) => handle.join(),
            Handle::Scoped(handle) => handle.join(),
        };
    }
}

struct Member<'a> {
    handle: Handle<'a>,
    /// Disconnected when its work has ended.
    ended: oneshot::Receiver<()>,
}

/// The threads of one stage.
pub(crate) struct Crew<'a> {
    spawn: &'a dyn Spawn<'a>,
    at_work: Vec<Member<'a>>,
}

impl<'a> Crew<'a> {
    pub(crate) fn new(spawn: &'a dyn Spawn<'a>) -> Crew<'a> {
        Crew { spawn, at_work: Vec::new() }
    }

    /// Gives each a thread.
    ///
    /// # Panics
    /// If the system has no thread for one of them.
    pub(crate) fn start(&mut self, works: Vec<Work<'a>>) {
        for work in works {
            let (here, ended) = oneshot::channel();
            let run = Box::new(move || {
                // Dropped last, when what the work held is gone.
                let _here = here;
                work();
            });
            let handle = self.spawn.spawn(run).unwrap_or_else(|error| panic!("no thread for a flow: {error}"));
            self.at_work.push(Member { handle, ended });
        }
    }

    /// Waits for all to end, but until `deadline` only for those that `may_wait` says may be waiting for what does not
    /// heed a stop.
    pub(crate) fn join(&mut self, deadline: Option<Instant>, may_wait: impl Fn(usize) -> bool) {
        for (at, member) in self.at_work.drain(..).enumerate() {
            let is_in_time = match deadline {
                Some(deadline) if may_wait(at) => {
                    member.ended.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
                }
                _ => true,
            };
            if is_in_time {
                member.handle.join();
            }
        }
    }
}

impl fmt::Debug for Crew<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("at_work", &self.at_work.len()).finish_non_exhaustive()
    }
}
