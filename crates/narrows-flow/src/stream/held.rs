//! Workers that the caller's own task polls: each has a bell of its own, so that of many only those are polled that have a
//! reason to go on.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// The bells that have rung, and whom else to wake for them.
#[derive(Default)]
struct Board {
    rung: Vec<usize>,
    /// The caller's task, once it waits.
    task: Option<Waker>,
}

struct Bell {
    who: usize,
    /// On the board already.
    is_rung: AtomicBool,
    board: Arc<Mutex<Board>>,
}

// Nothing of the user's runs under it: a waker is cloned, woken and dropped without.
fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // AcqRel: pairs with itself in `poll`. What the waker did before is seen by the poll that clears the bell.
        if self.is_rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut board = lock(&self.board);
        board.rung.push(self.who);
        let task = board.task.take();
        drop(board);
        if let Some(task) = task {
            task.wake();
        }
    }
}

struct Seat<W> {
    /// `None` once it has ended.
    worker: Option<Pin<Box<W>>>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// The workers of one task.
pub(super) struct Held<W> {
    seats: Vec<Seat<W>>,
    board: Arc<Mutex<Board>>,
    /// Those to be polled now.
    ready: VecDeque<usize>,
}

impl<W: Future<Output = ()>> Held<W> {
    pub(super) fn new(workers: impl Iterator<Item = W>) -> Held<W> {
        let board = Arc::new(Mutex::new(Board::default()));
        let seats: Vec<Seat<W>> = workers
            .enumerate()
            .map(|(who, worker)| {
                let bell = Arc::new(Bell { who, is_rung: AtomicBool::new(true), board: board.clone() });
                Seat { worker: Some(Box::pin(worker)), waker: bell.clone().into(), bell }
            })
            .collect();
        // All are polled for the first time.
        lock(&board).rung = (0..seats.len()).collect();
        Held { seats, board, ready: VecDeque::new() }
    }

    /// Polls those whose bells have rung, once each.
    pub(super) fn poll(&mut self) {
        if self.seats.is_empty() {
            return;
        }
        self.ready.extend(lock(&self.board).rung.drain(..));
        while let Some(who) = self.ready.pop_front() {
            let seat = &mut self.seats[who];
            // AcqRel: pairs with the swap in `wake_by_ref`. A ring from now on is a reason to poll once more.
            seat.bell.is_rung.swap(false, Ordering::AcqRel);
            let mut cx = Context::from_waker(&seat.waker);
            if let Some(worker) = &mut seat.worker
                && worker.as_mut().poll(&mut cx) == Poll::Ready(())
            {
                seat.worker = None;
            }
        }
    }

    /// Has `task` woken at the next ring. False if one has rung already.
    pub(super) fn wait(&self, task: &Waker) -> bool {
        let task = task.clone();
        let mut board = lock(&self.board);
        let waits = board.rung.is_empty();
        let before = if waits { board.task.replace(task) } else { Some(task) };
        drop(board);
        drop(before);
        waits
    }

    pub(super) fn clear(&mut self) {
        self.seats.clear();
    }
}
