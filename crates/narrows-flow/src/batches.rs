//! Batches by count and by time: what comes within a while of the first goes together.

use std::{
    fmt,
    iter::FusedIterator,
    num::NonZero,
    panic::resume_unwind,
    time::{Duration, Instant},
};

use narrows::{CancelToken, Receiver, TryRecvError, select};

use crate::{
    flow::Flow,
    mapped::{Mapped, Next, Wait},
    source::Source,
};

/// The results of a stage in batches, as an iterator. From [`batches`](Mapped::batches).
#[must_use = "a flow does nothing until results are asked for"]
pub struct Batches<'a, S: Source, R> {
    results: Mapped<'a, S, R>,
    most: NonZero<usize>,
    linger: Duration,
    /// A panic that ended a batch, which went before it.
    panic: Option<Box<dyn std::any::Any + Send>>,
}

impl<'a, S: Source, R> Mapped<'a, S, R> {
    /// Results in batches of up to `most`. A batch goes when it is full, when `linger` has passed since its first result, or when
    /// there are no more.
    ///
    /// ```
    /// use std::{num::NonZero, time::Duration};
    /// use narrows_flow::IntoFlow;
    ///
    /// let four = NonZero::new(4).unwrap();
    /// let batches = (0..10).flow().map_ordered(2, |n| n).batches(four, Duration::MAX);
    /// assert_eq!(batches.map(|batch| batch.len()).collect::<Vec<_>>(), [4, 4, 2]);
    /// ```
    ///
    /// # Panics
    /// `next` panics as [`Mapped`]'s does, after the batch of what came before.
    pub fn batches(self, most: NonZero<usize>, linger: Duration) -> Batches<'a, S, R> {
        Batches { results: self, most, linger, panic: None }
    }
}

impl<'a, S: Source, R> Batches<'a, S, R> {
    /// The results themselves.
    pub fn into_inner(self) -> Mapped<'a, S, R> {
        let mut results = self.results;
        if let Some(panic) = self.panic {
            results.put_back(panic);
        }
        results
    }
}

impl<S: Source, R> Iterator for Batches<'_, S, R> {
    type Item = Vec<R>;

    fn next(&mut self) -> Option<Vec<R>> {
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        let mut batch = vec![self.results.next()?];
        let wait = Instant::now().checked_add(self.linger).map_or(Wait::ForEver, Wait::Until);
        while batch.len() < self.most.get() {
            match self.results.next_by(wait) {
                Next::Result(Ok(result)) => batch.push(result),
                Next::Result(Err(panic)) => {
                    self.panic = Some(panic);
                    break;
                }
                Next::NotNow | Next::End => break,
            }
        }
        Some(batch)
    }
}

impl<S: Source, R> FusedIterator for Batches<'_, S, R> {}

impl<S: Source, R> fmt::Debug for Batches<'_, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("results", &self.results).field("most", &self.most).finish_non_exhaustive()
    }
}

/// The messages of a channel in batches, as the source of a flow: each item is one batch. From
/// [`received_batches`].
#[derive(Debug)]
pub struct ReceivedBatches<T> {
    messages: Receiver<T>,
    most: NonZero<usize>,
    linger: Duration,
}

/// The messages of a channel as the source of a flow whose items are batches of up to `most`. A batch goes when it is full, when
/// `linger` has passed since its first message, or when the channel has ended.
///
/// ```
/// use std::{num::NonZero, time::Duration};
///
/// let (s, r) = narrows::unbounded();
/// (0..10).for_each(|n| s.send(n).unwrap());
/// drop(s);
/// let four = NonZero::new(4).unwrap();
/// let sums = narrows_flow::received_batches(r, four, Duration::MAX).map_ordered(2, |batch| batch.iter().sum::<u32>());
/// assert_eq!(sums.collect::<Vec<_>>(), [6, 22, 17]);
/// ```
pub fn received_batches<T>(
    messages: Receiver<T>,
    most: NonZero<usize>,
    linger: Duration,
) -> Flow<'static, ReceivedBatches<T>> {
    Flow::new(ReceivedBatches { messages, most, linger })
}

impl<T> ReceivedBatches<T> {
    /// The receiver, with what was not taken out of it.
    pub fn into_inner(self) -> Receiver<T> {
        self.messages
    }
}

impl<T> Source for ReceivedBatches<T> {
    type Item = Vec<T>;

    fn pull(&mut self, stop: &CancelToken) -> Option<std::thread::Result<Vec<T>>> {
        let mut batch = vec![crate::received::recv(&self.messages, stop)?];
        let timer = Instant::now().checked_add(self.linger).map_or_else(narrows::never, narrows::at);
        while batch.len() < self.most.get() {
            let most = self.most.get() - batch.len();
            match self.messages.try_recv_many(&mut batch, most) {
                Ok(_) => continue,
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {}
            }
            select! {
                recv(self.messages) -> message => match message {
                    Ok(message) => batch.push(message),
                    Err(_) => break,
                },
                recv(timer) -> _ => break,
                // What has come is begun, or given back.
                recv(stop.cancelled()) -> _ => break,
            }
        }
        Some(Ok(batch))
    }

    fn heeds_stop(&self) -> bool {
        true
    }
}
