//! A worker as a future: it takes a portion, awaits what becomes of each item, and reports.
//! Invariant: whoever waits for one item holds no other: the rest of its portion goes back to the others first.

use std::{
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use narrows::{CancelToken, Receiver, Sender};

use crate::{
    pace::Measure,
    stage::Done,
    stop::Stop,
    turn::{Job, Payload},
};

pub(super) struct Wires<T, R> {
    pub(super) give: Sender<Job<T>>,
    pub(super) jobs: Receiver<Job<T>>,
    pub(super) report: Sender<Report<T, R>>,
    pub(super) stop: Stop,
    /// Cancelled when nobody wants results any more; only those that an executor runs need to be told.
    pub(super) dropped: Option<CancelToken>,
}

impl<T, R> Clone for Wires<T, R> {
    fn clone(&self) -> Wires<T, R> {
        let Wires { give, jobs, report, stop, dropped } = self;
        let (give, jobs, report) = (give.clone(), jobs.clone(), report.clone());
        Wires { give, jobs, report, stop: stop.clone(), dropped: dropped.clone() }
    }
}

/// What became of a portion, and how long it took.
pub(super) struct Report<T, R> {
    pub(super) done: Done<T, R>,
    pub(super) measure: Measure,
}

/// What was done of a portion and is not reported yet.
struct Book<R> {
    number: u64,
    made: Vec<R>,
    panics: Vec<(usize, Payload)>,
    began: Instant,
    /// One of them was not ready at once.
    has_waited: bool,
}

impl<R> Book<R> {
    fn new(number: u64, places: usize, began: Instant) -> Book<R> {
        Book { number, made: Vec::with_capacity(places), panics: Vec::new(), began, has_waited: false }
    }

    fn note(&mut self, result: thread::Result<R>) {
        match result {
            Ok(result) => self.made.push(result),
            Err(panic) => self.panics.push((self.made.len(), panic)),
        }
    }

    fn len(&self) -> usize {
        self.made.len() + self.panics.len()
    }
}

impl<T, R> Wires<T, R> {
    /// Reports what is in the book, and begins another page. False if nobody wants it.
    fn report(&self, book: &mut Book<R>, left: Vec<T>) -> bool {
        let size = book.len() + left.len();
        if size == 0 {
            return true;
        }
        // What comes after is an item that waits: when it began is of no interest.
        let next = Book::new(book.number + size as u64, 0, book.began);
        let Book { number, made, panics, began, has_waited } = mem::replace(book, next);
        // Items that wait go singly: in a portion each would only be passed on.
        let took = if has_waited { Duration::MAX } else { began.elapsed() };
        let measure = Measure { items: made.len(), took };
        // It has a place for each item.
        self.report.try_send(Report { done: Done { number, size, made, panics, left }, measure }).is_ok()
    }
}

/// Works until nobody gives it work any more.
pub(super) async fn work<T, R, F, Fut>(wires: Wires<T, R>, f: F)
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = R>,
{
    while let Ok(mut job) = wires.jobs.recv_async().await {
        let mut book = Book::new(job.number, job.items.len(), Instant::now());
        while !wires.stop.is_stopping_now() {
            let Some(item) = job.items.next() else { break };
            let mut future = match catch_unwind(AssertUnwindSafe(|| f(item))) {
                Ok(future) => pin!(Some(future)),
                Err(panic) => {
                    book.note(Err(panic));
                    continue;
                }
            };
            // Most of cheap work is ready at once; only what is not pays for waiting.
            let first = poll_fn(|cx| Poll::Ready(poll(future.as_mut(), cx))).await;
            let result = match first {
                Poll::Ready(result) => result,
                Poll::Pending => {
                    pass_on(&wires, &mut book, &mut job);
                    book.has_waited = true;
                    let mut dropped = wires.dropped.as_ref().map(CancelToken::cancelled);
                    // It is polled at once again: its wake-up may have come between.
                    let result = poll_fn(|cx| match (poll(future.as_mut(), cx), &mut dropped) {
                        (Poll::Ready(result), _) => Poll::Ready(Some(result)),
                        (Poll::Pending, Some(dropped)) => Pin::new(dropped).poll(cx).map(|()| None),
                        (Poll::Pending, None) => Poll::Pending,
                    });
                    let in_hand = InHand { wires: &wires, number: book.number };
                    let Some(result) = result.await else { return };
                    mem::forget(in_hand);
                    result
                }
            };
            // A panic as it is dropped is an outcome as much as one of its polling.
            let dropped = catch_unwind(AssertUnwindSafe(|| future.set(None)));
            book.note(result.and_then(|result| dropped.map(|()| result)));
        }
        book.panics.extend(job.panic.take().map(|panic| (book.made.len(), panic)));
        if !wires.report(&mut book, job.items.collect()) {
            return;
        }
    }
}

/// The one item of a worker that waits. If its executor drops the worker, that is told in the item's place: nobody waits for it
/// in vain.
struct InHand<'w, T, R> {
    wires: &'w Wires<T, R>,
    number: u64,
}

impl<T, R> Drop for InHand<'_, T, R> {
    fn drop(&mut self) {
        // The caller's own workers go with the stream, as do others once it is dropped.
        if self.wires.dropped.as_ref().is_some_and(|dropped| !dropped.is_cancelled()) {
            let panic: Payload = Box::new("an executor dropped a worker that had an item in hand");
            let done =
                Done { number: self.number, size: 1, made: Vec::new(), panics: vec![(0, panic)], left: Vec::new() };
            // It has a place for each item.
            let _ = self.wires.report.try_send(Report { done, measure: Measure { items: 0, took: Duration::ZERO } });
        }
    }
}

/// A panic is an outcome, too.
fn poll<Fut: Future>(future: Pin<&mut Option<Fut>>, cx: &mut Context<'_>) -> Poll<thread::Result<Fut::Output>> {
    let running = future.as_pin_mut().expect("it is there until its outcome is");
    match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

/// An item is to be waited for: what was done before is reported, and what comes after goes to others.
fn pass_on<T, R>(wires: &Wires<T, R>, book: &mut Book<R>, job: &mut Job<T>) {
    let number = book.number + book.len() as u64 + 1;
    // If nobody wants it, that shows at the next report.
    let _ = wires.report(book, Vec::new());
    if job.items.len() > 0 || job.panic.is_some() {
        let items = mem::take(&mut job.items);
        let rest = Job { number, items, panic: job.panic.take(), took: Duration::ZERO, is_slow: true };
        // It has a place for each item, but the way may be closed. Then what was not begun goes back with the report.
        if let Err(refused) = wires.give.try_send(rest)
            && wires.stop.is_stopping_now()
        {
            let rest = refused.into_inner();
            (job.items, job.panic) = (rest.items, rest.panic);
        }
    }
}
