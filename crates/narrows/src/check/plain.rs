//! Runs of a body on threads of the system: without `--cfg narrows_check`.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use super::{Checker, Failure, checker};

#[track_caller]
pub(super) fn find(checker: &Checker, body: impl Fn() + Send + Sync + 'static) -> Option<Failure> {
    assert!(
        checker.wanted().is_none(),
        "a schedule can be replayed only by the checker: build with RUSTFLAGS=\"--cfg narrows_check\""
    );
    let of = checker::number("NARROWS_SCHEDULES").unwrap_or(1);
    (1..=of).find_map(|number| {
        let panic = catch_unwind(AssertUnwindSafe(&body)).err()?;
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Some(Failure {
            message: text.unwrap_or_else(|| "a panic without words".to_owned()),
            is_deadlock: false,
            schedules: number,
            of,
            schedule: String::new(),
            advice: "This was a run on threads of the system, which nobody can repeat. The checker's can be: \
                     RUSTFLAGS=\"--cfg narrows_check\" cargo test --target-dir target/check"
                .to_owned(),
        })
    })
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // A wake-up that came before is not lost, and one that is another's does no harm.
        thread::park();
    }
}
