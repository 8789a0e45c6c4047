//! The same for streams, on tasks: the workers are futures, which the caller's own task polls, or any executor runs.
//!
//! The caller's task takes from the stream, so no task stands between the two, and the stream need not be `Send`. Taken
//! items go to the workers through a channel that has a place for each of them; results come back through another.

mod held;
mod worker;

use std::{
    fmt,
    future::Ready,
    iter,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::{FusedStream, Stream};
use narrows::{CancelToken, Receiver, RecvStream, Sender, bounded};

use self::{
    held::Held,
    worker::{Report, Wires, work},
};
use crate::{
    desk::Desk,
    pace::Pace,
    stop::Stop,
    summary::Summary,
    turn::{Job, Payload},
};

/// Places per worker, unless told otherwise.
const PLACES: usize = 256;

/// Makes a flow of any stream.
pub trait StreamFlow: Stream + Sized {
    /// The items of the stream as the source of a flow on tasks.
    fn flow(self) -> TaskFlow<Self> {
        TaskFlow { stream: self, window: None, line: Stop::new(), is_linked: false }
    }
}

impl<St: Stream> StreamFlow for St {}

/// A stream, and how its items are to be worked on. From [`flow`](StreamFlow::flow).
#[must_use = "a flow does nothing without a stage"]
pub struct TaskFlow<St> {
    stream: St,
    window: Option<usize>,
    line: Stop,
    /// The line stops with another already.
    is_linked: bool,
}

impl<St: Stream> TaskFlow<St> {
    /// At most so many items lie between the stream and the caller: at work, or behind one that takes longer. Without this, 256
    /// for each worker.
    ///
    /// # Panics
    /// If it is 0: an item needs a place to be worked on.
    pub fn window(mut self, places: usize) -> TaskFlow<St> {
        assert!(places > 0, "a flow needs a window of one place at least");
        self.window = Some(places);
        self
    }

    /// Stops with `stop`, too. One may stop many flows.
    ///
    /// # Panics
    /// If it was given one before.
    pub fn stopping(mut self, stop: &Stop) -> TaskFlow<St> {
        assert!(!self.is_linked, "a flow stops with one stop, and has one already");
        (self.line, self.is_linked) = (stop.child(), true);
        self
    }

    /// What the futures of `f` bring, in the order of the items, with at most so many at work at a time. All of them run
    /// in the caller's task, which polls the returned stream, so they may borrow and need not be `Send`.
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`MappedStream`] for panics of `f`.
    pub fn map_ordered<R, F, Fut>(
        self,
        workers: usize,
        f: F,
    ) -> MappedStream<St, R, impl Future<Output = ()> + use<St, R, F, Fut>>
    where
        F: Fn(St::Item) -> Fut + Clone,
        Fut: Future<Output = R>,
    {
        self.hold(workers, f, true)
    }

    /// As [`map_ordered`](TaskFlow::map_ordered), but each result as soon as it is there.
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`MappedStream`] for panics of `f`.
    pub fn map_unordered<R, F, Fut>(
        self,
        workers: usize,
        f: F,
    ) -> MappedStream<St, R, impl Future<Output = ()> + use<St, R, F, Fut>>
    where
        F: Fn(St::Item) -> Fut + Clone,
        Fut: Future<Output = R>,
    {
        self.hold(workers, f, false)
    }

    /// As [`map_ordered`](TaskFlow::map_ordered), with each worker a task of its own: `spawn` is called with it once for each,
    /// and gives it to an executor to run.
    ///
    /// ```
    /// # fn demo<S: futures_core::Stream<Item = u32>>(stream: S, spawn: fn(narrows_flow::Task)) {
    /// use narrows_flow::StreamFlow;
    ///
    /// // On tokio: `|task| { tokio::spawn(task); }`
    /// let doubled = stream.flow().map_ordered_on(spawn, 8, |n| async move { n * 2 });
    /// # drop(doubled);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`MappedStream`] for panics of `f`.
    pub fn map_ordered_on<R, F, Fut>(
        self,
        spawn: impl FnMut(Task),
        workers: usize,
        f: F,
    ) -> MappedStream<St, R, Ready<()>>
    where
        St::Item: Send + 'static,
        R: Send + 'static,
        F: Fn(St::Item) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = R> + Send + 'static,
    {
        self.spawn(spawn, workers, f, true)
    }

    /// As [`map_ordered_on`](TaskFlow::map_ordered_on), but each result as soon as it is there.
    ///
    /// # Panics
    /// If there are to be 0 workers. See [`MappedStream`] for panics of `f`.
    pub fn map_unordered_on<R, F, Fut>(
        self,
        spawn: impl FnMut(Task),
        workers: usize,
        f: F,
    ) -> MappedStream<St, R, Ready<()>>
    where
        St::Item: Send + 'static,
        R: Send + 'static,
        F: Fn(St::Item) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = R> + Send + 'static,
    {
        self.spawn(spawn, workers, f, false)
    }

    fn hold<R, F, Fut>(
        self,
        workers: usize,
        f: F,
        is_ordered: bool,
    ) -> MappedStream<St, R, impl Future<Output = ()> + use<St, R, F, Fut>>
    where
        F: Fn(St::Item) -> Fut + Clone,
        Fut: Future<Output = R>,
    {
        let (mut mapped, wires) = self.wire(workers, is_ordered, false);
        mapped.workers = Held::new((0..workers).map(|_| work(wires.clone(), f.clone())));
        mapped
    }

    fn spawn<R, F, Fut>(
        self,
        mut spawn: impl FnMut(Task),
        workers: usize,
        f: F,
        is_ordered: bool,
    ) -> MappedStream<St, R, Ready<()>>
    where
        St::Item: Send + 'static,
        R: Send + 'static,
        F: Fn(St::Item) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = R> + Send + 'static,
    {
        let (mapped, wires) = self.wire(workers, is_ordered, true);
        for _ in 0..workers {
            spawn(Box::pin(work(wires.clone(), f.clone())));
        }
        mapped
    }

    fn wire<R, W: Future<Output = ()>>(
        self,
        workers: usize,
        is_ordered: bool,
        are_spawned: bool,
    ) -> (MappedStream<St, R, W>, Wires<St::Item, R>) {
        assert!(workers > 0, "a stage needs a worker");
        let window = self.window.unwrap_or_else(|| workers.saturating_mul(PLACES));
        // A portion has an item at least, and an item a place: these sends never wait.
        let ((give, jobs), (report, reports)) = (bounded(window), bounded(window));
        let dropped = are_spawned.then(CancelToken::new);
        let own = self.line.child();
        let wires = Wires { give: give.clone(), jobs, report, stop: own.clone(), dropped: dropped.clone() };
        let soon = own.soon_token().clone();
        let mapped = MappedStream {
            stream: Box::pin(self.stream),
            workers: Held::new(iter::empty()),
            way_out: WayOut { give, dropped },
            reports: reports.into_stream(),
            stopped: Box::pin(async move { soon.cancelled().await }),
            line: self.line,
            own,
            pace: Pace::new(workers, window, None),
            desk: Desk::new(is_ordered),
            places: window,
            number: 0,
            has_ended: false,
        };
        (mapped, wires)
    }
}

/// A worker, for an executor to run.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The results of a stage on tasks, as a stream. From [`map_ordered`](TaskFlow::map_ordered) and the like.
///
/// It takes from its source when it is polled, as many as the window has places.
///
/// # Panics
/// Polling panics with the payload of a panic of the function or of its future, in the place of the item that was lost to it.
/// After that no more items are taken. What was taken before can still be had by polling again.
///
/// # Executors that drop tasks
/// If an executor drops a worker, the item that this had in hand counts as lost to a panic, and polling panics in its place. If it
/// drops them all, the stream ends; what was not begun is given back by [`finish`](MappedStream::finish).
///
/// # Cancel safety
/// A result that was not handed out stays inside. Dropping the stream cancels the futures that are at work, at the place
/// where each waits, and the workers end.
#[must_use = "a stream does nothing until it is polled"]
pub struct MappedStream<St: Stream, R, W> {
    stream: Pin<Box<St>>,
    /// Those that this task polls; empty if an executor does.
    workers: Held<W>,
    way_out: WayOut<St::Item>,
    reports: Reports<St::Item, R>,
    /// That it is to take no more: looked at, and a reason to wake.
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    line: Stop,
    own: Stop,
    pace: Pace,
    desk: Desk<St::Item, R>,
    places: usize,
    number: u64,
    has_ended: bool,
}

type Reports<T, R> = RecvStream<Report<T, R>, Receiver<Report<T, R>>>;

/// The way to the workers. With it go the items that are not begun, and the workers.
struct WayOut<T> {
    give: Sender<Job<T>>,
    dropped: Option<CancelToken>,
}

impl<T> Drop for WayOut<T> {
    fn drop(&mut self) {
        if let Some(dropped) = &self.dropped {
            dropped.cancel();
        }
        self.give.close_now();
    }
}

/// What must not move has a box of its own.
impl<St: Stream, R, W> Unpin for MappedStream<St, R, W> {}

/// What is left of a stream that was [finished](MappedStream::finish).
#[non_exhaustive]
pub struct StreamRest<St: Stream, R> {
    /// Results that had not been handed out, in order if the flow has one.
    pub made: Vec<R>,
    /// Items that were taken and not begun.
    pub returned: Vec<St::Item>,
    /// Panics that had not reached the caller.
    pub panics: Vec<Payload>,
    /// The source, with what was not taken.
    pub stream: Pin<Box<St>>,
    /// The numbers. What was at work is stuck: its futures are cancelled. A worker that an executor runs may have more of a
    /// portion in hand, which then is stuck with it.
    pub summary: Summary,
}

impl<St: Stream, R> fmt::Debug for StreamRest<St, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRest").field("summary", &self.summary).finish_non_exhaustive()
    }
}

impl<St: Stream, R, W: Future<Output = ()>> MappedStream<St, R, W> {
    /// Ends the flow from elsewhere.
    pub fn stopper(&self) -> Stop {
        self.line.clone()
    }

    /// What has become of the items so far. What is with a worker, or waits for its turn in the order, counts as stuck.
    pub fn summary(&self) -> Summary {
        self.desk.summary(self.number)
    }

    /// Stops the flow at once, cancels what is at work, and gives back everything there is.
    pub fn finish(mut self) -> StreamRest<St, R> {
        self.own.now();
        let (mut made, mut panics) = (Vec::new(), Vec::new());
        let mut jobs = self.way_out.give.close_now();
        self.workers.clear();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        loop {
            while let Some(result) = self.desk.next() {
                match result {
                    Ok(result) => made.push(result),
                    Err(panic) => panics.push(panic),
                }
            }
            match Pin::new(&mut self.reports).poll_next(&mut cx) {
                Poll::Ready(Some(report)) => self.desk.put(report.done),
                _ => break,
            }
        }
        while let Some(result) = self.desk.next_of_rest() {
            match result {
                Ok(result) => made.push(result),
                Err(panic) => panics.push(panic),
            }
        }
        let mut summary = self.summary();
        jobs.sort_unstable_by_key(|job| job.number);
        let mut returned = std::mem::take(&mut self.desk.returned);
        for job in jobs {
            summary.panicked += u64::from(job.panic.is_some());
            summary.returned += job.items.len() as u64;
            summary.stuck -= job.items.len() as u64 + u64::from(job.panic.is_some());
            returned.extend(job.items);
            panics.extend(job.panic);
        }
        StreamRest { made, returned, panics, stream: self.stream, summary }
    }

    /// Takes what the stream has, while so many places are free, and gives it to the workers. True if it would have taken more,
    /// had it not been for `least`.
    fn take(&mut self, least: usize, cx: &mut Context<'_>) -> bool {
        while !self.has_ended && self.places >= least.max(1) {
            let most = self.pace.portion(0).min(self.places);
            let (mut items, mut panic) = (Vec::with_capacity(most), None);
            let mut is_pending = false;
            let stream = &mut self.stream;
            let find = || {
                while items.len() < most {
                    match stream.as_mut().poll_next(cx) {
                        Poll::Ready(Some(item)) => items.push(item),
                        Poll::Ready(None) => return true,
                        Poll::Pending => {
                            is_pending = true;
                            return false;
                        }
                    }
                }
                false
            };
            match catch_unwind(AssertUnwindSafe(find)) {
                Ok(has_ended) => self.has_ended = has_ended,
                Err(of_stream) => (panic, self.has_ended) = (Some(of_stream), true),
            }
            let size = items.len() + usize::from(panic.is_some());
            if size > 0 {
                let (number, items) = (self.number, items.into_iter());
                self.number += size as u64;
                self.places -= size;
                let job = Job { number, items, panic, took: Duration::ZERO, is_slow: false };
                // It has a place, and only this closes it.
                let _ = self.way_out.give.try_send(job);
            }
            if is_pending {
                return false;
            }
        }
        !self.has_ended && self.places > 0
    }

    /// Takes up a report. If none has come, it lets the workers of this task work first.
    fn work(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if let Poll::Ready(Some(report)) = Pin::new(&mut self.reports).poll_next(cx) {
            self.take_up(report);
            return Poll::Ready(Some(()));
        }
        self.workers.poll();
        Pin::new(&mut self.reports).poll_next(cx).map(|report| report.map(|report| self.take_up(report)))
    }

    fn take_up(&mut self, report: Report<St::Item, R>) {
        self.pace.learn(report.measure);
        if !report.done.panics.is_empty() {
            self.line.soon();
        }
        self.desk.put(report.done);
    }
}

impl<St: Stream, R, W: Future<Output = ()>> Stream for MappedStream<St, R, W> {
    type Item = R;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        let this = self.get_mut();
        let mut is_idle = false;
        loop {
            let result = this.desk.next();
            this.places += this.desk.take_freed();
            match result {
                Some(Ok(result)) => return Poll::Ready(Some(result)),
                Some(Err(panic)) => resume_unwind(panic),
                None => {}
            }
            this.has_ended |= this.own.is_stopping();
            // Places become free one by one. They are taken when they are a portion's worth, or when nothing else moves:
            // taken singly, they would keep all portions at one item for ever.
            let least = if is_idle { 1 } else { this.pace.portion(0) };
            let holds_back = this.take(least, cx);
            let report = this.work(cx);
            if report == Poll::Ready(Some(())) {
                is_idle = false;
                continue;
            }
            // Without workers nothing more comes: an executor has dropped them all.
            this.has_ended |= report.is_ready();
            if report.is_ready() || this.has_ended && this.desk.come == this.number {
                // The workers have nothing more to wait for.
                this.way_out.give.close();
                return Poll::Ready(None);
            }
            if holds_back && !is_idle {
                is_idle = true;
                continue;
            }
            if !this.has_ended && this.stopped.as_mut().poll(cx).is_ready() {
                continue;
            }
            // One that has a reason to go on already waits until this task has let others run.
            if !this.workers.wait(cx.waker()) {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
    }
}

impl<St: Stream, R, W: Future<Output = ()>> FusedStream for MappedStream<St, R, W> {
    fn is_terminated(&self) -> bool {
        self.has_ended && self.way_out.give.is_closed()
    }
}

impl<St: Stream, R, W> fmt::Debug for MappedStream<St, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedStream").field("summary", &self.desk.summary(self.number)).finish_non_exhaustive()
    }
}

impl<St> fmt::Debug for TaskFlow<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskFlow").field("window", &self.window).finish_non_exhaustive()
    }
}
