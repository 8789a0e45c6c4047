//! Futures by hand: polled once, or until they are done on a thread of the model.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Polls a future with a waker that wakes nobody.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a future to its end on this thread, which sleeps while it is pending. Under loom, whose own parking does not
/// mix with locks, it sleeps on a condition.
#[cfg(loom)]
pub(crate) fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    use std::{sync::Arc, task::Wake};

    use loom::sync::{Condvar, Mutex};

    struct Bell {
        rung: Mutex<bool>,
        changed: Condvar,
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            *self.rung.lock().unwrap() = true;
            self.changed.notify_one();
        }
    }

    let bell = Arc::new(Bell { rung: Mutex::new(false), changed: Condvar::new() });
    let waker = Waker::from(bell.clone());
    loop {
        if let Poll::Ready(output) = Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut rung = bell.rung.lock().unwrap();
        while !*rung {
            rung = bell.changed.wait(rung).unwrap();
        }
        *rung = false;
    }
}

/// Drops a chosen operation without completing it. It gives back what it had, and then panics, which is caught here
/// before shuttle makes a report of it.
#[cfg(narrows_check)]
pub(crate) fn drop_unfinished(operation: narrows::SelectedOperation<'_>) {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
        sync::Once,
    };

    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            let is_expected =
                panic.payload().downcast_ref::<&str>().is_some_and(|text| text.contains("without completing"));
            if !is_expected {
                report(panic);
            }
        }));
    });
    assert!(catch_unwind(AssertUnwindSafe(|| drop(operation))).is_err());
}
