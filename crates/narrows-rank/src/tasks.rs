//! Ranks as light tasks.

use std::{
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use narrows_task::{block_on, go_named};

use crate::{
    error::Error,
    home::{Driver, Home},
    rank::Rank,
    sync::{Arc, Mutex, lock},
    watch::PATIENCE,
    world::{RunError, World, conclude, conclude_one, ranks_of},
};

impl World {
    /// Ranks that are `n` tasks of [`narrows_task`], on however few threads.
    pub fn tasks(n: usize) -> Tasks {
        Tasks { n, is_watched: true }
    }
}

/// A world of tasks, not yet begun. From [`World::tasks`].
#[derive(Debug, Clone)]
#[must_use = "nothing happens before `run`"]
pub struct Tasks {
    n: usize,
    is_watched: bool,
}

impl Tasks {
    /// Reports no deadlocks. For ranks that lend themselves to further tasks (in an [`Arc`](std::sync::Arc), or a group of theirs),
    /// and there do what their own task waits for. One that was cloned counts as running in any case, as does one that waits
    /// for something besides operations of this crate.
    pub fn without_deadlock_report(self) -> Tasks {
        Tasks { is_watched: false, ..self }
    }

    /// Runs `program` on every rank, and returns what each returned, in order of their numbers. A rank's handle is moved into
    /// its task. The futures ([`irecv`](Rank::irecv), [`barrier_async`](Rank::barrier_async)) are the cheap way to wait there;
    /// verbs that block are legal, and have another thread go on with the worker's other tasks.
    ///
    /// ```
    /// use narrows_rank::{Any, Tag, World};
    ///
    /// let got = World::tasks(100).run(|me| async move {
    ///     let next = (me.rank() + 1) % me.size();
    ///     me.isend(next, 1, me.rank()).await?;
    ///     let (before, _) = me.irecv::<usize>(Any, Tag(1)).await?;
    ///     me.all_reduce_async(before, |a, b| a + b).await
    /// })?;
    /// assert_eq!(got, vec![4950; 100]);
    /// # Ok::<(), narrows_rank::RunError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Threads::run`](crate::Threads::run).
    ///
    /// # Panics
    /// As [`narrows_task::go`].
    pub fn run<R, F>(self, program: impl Fn(Rank) -> F) -> Result<Vec<R>, RunError>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        block_on(self.run_async(program))
    }

    /// [`run`](Tasks::run) in a task.
    ///
    /// # Errors
    /// As that.
    ///
    /// # Panics
    /// As that.
    ///
    /// # Cancel safety
    /// None: the ranks go on by themselves.
    pub async fn run_async<R, F>(self, program: impl Fn(Rank) -> F) -> Result<Vec<R>, RunError>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let failures = Arc::new(Mutex::new(Vec::new()));
        let start = |rank: Rank| {
            // Kept, so that the rank ends below, and not with its program's handle.
            let (again, noted) = (rank.again(), failures.clone());
            let driver = again.core.office.home(again.rank()).cloned().map(Driver::new);
            let make = || Box::pin(program(rank));
            let mut program = match &driver {
                Some(driver) => driver.here(make),
                None => make(),
            };
            go_named(&format!("rank {}", again.rank()), async move {
                let mut poll = |cx: &mut Context<'_>| {
                    catch_unwind(AssertUnwindSafe(|| program.as_mut().poll(cx)))
                        .map_or_else(|panic| Poll::Ready(Err(panic)), |polled| polled.map(Ok))
                };
                let outcome = poll_fn(|cx| match &driver {
                    Some(driver) => driver.poll(cx, &mut poll, || again.core.office.all_sleep()),
                    None => poll(cx),
                });
                conclude_one(&again, outcome.await, &noted)
            })
        };
        let homes = if self.is_watched { Home::all(self.n) } else { Vec::new() };
        let ranks = ranks_of(self.n, self.is_watched.then_some(PATIENCE), homes);
        let tasks: Vec<_> = ranks.into_iter().map(start).collect();
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            results.push(task.await.ok().flatten());
        }
        let failures = mem::take(&mut *lock(&failures));
        conclude(results, failures)
    }
}
