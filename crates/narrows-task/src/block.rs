//! Running a future on the thread that calls.

use std::{
    cell::RefCell,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use crate::{runtime::Shared, thread::hand_over};

/// Wakes a thread.
struct Alarm {
    thread: Thread,
    is_set: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the Acquire below.
        if !self.is_set.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// Runs a future on this thread until it is done, and sleeps while it waits. Inside a task the worker is handed over before
/// that, so the other tasks go on.
///
/// ```
/// let answer = narrows_task::block_on(async { narrows_task::go(async { 1 }).await.unwrap() + 1 });
/// assert_eq!(answer, 2);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    run(future)
}

#[cfg(narrows_check)]
use narrows::check::{block_on as run, thread::thread_local};

#[cfg(not(narrows_check))]
fn run<F: Future>(future: F) -> F::Output {
    /// To give way would only bring it here again: what is left of the task's budget waits.
    struct Unlimited(Option<u32>);
    impl Drop for Unlimited {
        fn drop(&mut self) {
            narrows::park::set_budget(self.0);
        }
    }
    let _unlimited = Unlimited(narrows::park::set_budget(None));
    let mut future = pin!(future);
    let alarm = Arc::new(Alarm { thread: thread::current(), is_set: AtomicBool::new(false) });
    let waker = Waker::from(alarm.clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        // Acquire: pairs with the Release in `wake_by_ref`.
        while !alarm.is_set.swap(false, Ordering::Acquire) {
            hand_over();
            thread::park();
        }
    }
}

thread_local! {
    static ENTERED: RefCell<Vec<Arc<Shared>>> = const { RefCell::new(Vec::new()) };
}

/// The runtime that [`Runtime::block_on`](crate::Runtime::block_on) runs for on this thread.
pub(crate) fn entered() -> Option<Arc<Shared>> {
    ENTERED.try_with(|stack| stack.borrow().last().cloned()).ok().flatten()
}

pub(crate) fn block_on_in<F: Future>(shared: &Arc<Shared>, future: F) -> F::Output {
    struct Leaves;
    impl Drop for Leaves {
        fn drop(&mut self) {
            ENTERED.with(|stack| stack.borrow_mut().pop());
        }
    }
    ENTERED.with(|stack| stack.borrow_mut().push(shared.clone()));
    let _leaves = Leaves;
    block_on(future)
}
