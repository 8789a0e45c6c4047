//! A process as one rank of a world.

use std::{fmt, thread, time::Duration};

use super::{Post, Wire};
use crate::{
    error::Error,
    office::{Afar, Office},
    rank::Rank,
    sync::{Arc, Mutex, unlocked},
    transport::Transport,
    watch::PATIENCE,
    world::{Cause, Failure, RunError, World, conclude, run_one},
};

impl World {
    /// This process's rank in a world of processes, which `transport` connects.
    pub fn over(transport: impl Transport) -> Process {
        Process { transport: Arc::new(transport), patience: Some(PATIENCE) }
    }
}

/// One rank of a world of processes, not yet begun. From [`World::over`].
#[must_use = "nothing happens before `run`"]
pub struct Process {
    transport: Arc<dyn Transport>,
    patience: Option<Duration>,
}

impl Process {
    /// Takes no part in reports of deadlocks, so that there are none. For a rank that hands itself to further threads, and there
    /// computes while its own thread waits.
    pub fn without_deadlock_report(self) -> Process {
        Process { patience: None, ..self }
    }

    /// Runs `program` on this process's rank, in the calling thread, and returns what that returned.
    ///
    /// # Errors
    /// If it fails or panics. The other processes are told, and hear of their own failures from their own `run`.
    pub fn run<R>(self, program: impl Fn(&Rank<Wire>) -> Result<R, Error>) -> Result<R, RunError> {
        let (number, size) = (self.transport.rank(), self.transport.size());
        let failures = Mutex::new(Vec::new());
        let post = Arc::new(Post::new(self.transport, self.patience));
        let pumped = post.clone();
        let pump = thread::Builder::new().name(format!("pump of rank {number}"));
        let pump = match pump.spawn(move || pumped.pump()) {
            Ok(pump) => pump,
            Err(error) => {
                Afar::end(&post, &format!("could not be started: {error}"));
                let cause = Cause::NotStarted(error.to_string());
                return Err(RunError { failures: vec![Failure { rank: number, cause }] });
            }
        };
        let members: Arc<[u32]> =
            (0..size).map(|rank| u32::try_from(rank).expect("so many ranks do not fit")).collect();
        let rank = Rank::new(number, Arc::new(Office::Afar(Box::new(post))), members);
        let result = run_one(&rank, &program, &failures);
        // It ends once the transport was closed, which the end of the rank did; and it panics never.
        drop(pump.join());
        conclude(vec![result], unlocked(failures)).map(|mut results| results.pop().expect("there is one rank here"))
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("rank", &self.transport.rank()).finish_non_exhaustive()
    }
}
