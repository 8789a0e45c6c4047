//! Rule 19 on a small stack. What this needs is little, so that it can be built optimized, as users run it, without the whole suite.

use crate::kind::Kind;
use narrows::watch;
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// A message of 64 KiB. Without optimization every hand-over within a function is a copy, in any library, so that
/// messages are an eighth there; what the storage would need stays far more than the stack.
const LARGE: usize = if cfg!(debug_assertions) { 8 << 10 } else { 64 << 10 };

/// On a stack of 512 KiB: messages of 64 KiB, in channels that would hold far more than the stack.
/// (Pitfall 14: crossbeam 920, 1146; std 102246.)
pub fn rule_19_large_messages_work_on_a_small_stack(kind: Kind) {
    let small = || thread::Builder::new().stack_size(512 << 10);
    let life = small().spawn(move || {
        let (s, r) = kind.pair::<[u8; LARGE]>();
        let inside = kind.holds(100);
        for _ in 0..inside {
            assert!(s.send([3; LARGE]).is_ok());
        }
        for _ in 0..inside {
            assert!(matches!(&r.recv(), Ok(message) if message[9] == 3));
        }
        let sender = small().spawn(move || s.send([4; LARGE]).is_ok()).expect("a thread");
        assert!(matches!(&r.recv(), Ok(message) if message[9] == 4));
        assert!(sender.join().expect("no panic"));
    });
    life.expect("a thread").join().expect("no panic");
    let tries = small().spawn(move || {
        let (s, r) = kind.pair::<[u8; LARGE]>();
        let inside = kind.holds(100);
        for _ in 0..inside {
            assert!(s.try_send([5; LARGE]).is_ok());
        }
        if s.capacity() == Some(inside) {
            assert!(s.try_send([6; LARGE]).is_err_and(|error| error.into_inner()[9] == 6));
        }
        for _ in 0..inside {
            assert!(matches!(&r.try_recv(), Ok(message) if message[9] == 5));
        }
        assert!(r.try_recv().is_err());
    });
    tries.expect("a thread").join().expect("no panic");
    let polls = small().spawn(move || {
        let (s, r) = kind.pair::<[u8; LARGE]>();
        let mut context = Context::from_waker(Waker::noop());
        let mut send = pin!(s.send_async([7; LARGE]));
        let sent = send.as_mut().poll(&mut context).is_ready();
        assert!(matches!(pin!(r.recv_async()).poll(&mut context), Poll::Ready(Ok(message)) if message[9] == 7));
        assert!(sent || send.poll(&mut context).is_ready());
    });
    polls.expect("a thread").join().expect("no panic");
    let waits = small().spawn(move || {
        let mut context = Context::from_waker(Waker::noop());
        for end in 0..3 {
            let (s, r) = kind.pair::<[u8; LARGE]>();
            let Some(capacity) = kind.capacity().filter(|&capacity| capacity <= 100) else {
                return;
            };
            // In place: a function that fills it has three copies of a message on its stack.
            for _ in 0..capacity {
                assert!(s.try_send([8; LARGE]).is_ok());
            }
            let mut send = Box::pin(s.send_async([9; LARGE]));
            assert!(send.as_mut().poll(&mut context).is_pending());
            match end {
                0 => assert!(r.try_recv().is_ok()),
                1 => assert!(r.close()),
                _ => drop(mem::replace(&mut send, Box::pin(s.send_async([10; LARGE])))),
            }
            let polled = send.as_mut().poll(&mut context);
            assert_eq!(polled.map(|sent| sent.is_ok()), [Poll::Ready(true), Poll::Ready(false), Poll::Pending][end]);
        }
    });
    waits.expect("a thread").join().expect("no panic");
}

/// Large messages go in batches from a small stack, and one that waits does, too.
pub fn rule_19_large_batches_work_on_a_small_stack(kind: Kind) {
    let life = thread::Builder::new().stack_size(512 << 10).spawn(move || {
        let (s, r) = kind.pair::<[u8; LARGE]>();
        let mut batch: VecDeque<_> = (0..20).map(|i| [i; LARGE]).collect();
        let mut got = Vec::with_capacity(20);
        let n = kind.holds(20);
        assert_eq!(s.try_send_many(&mut batch).unwrap_or(0), n);
        assert_eq!(r.drain_into(&mut got), n);
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(s.send_many(&mut batch), Ok(())));
            while got.len() < 20 {
                assert!(r.recv_batch(&mut got, 20, Duration::from_millis(1)).is_ok());
            }
        });
        assert!(got.iter().map(|message| message[9]).eq(0..20));
    });
    life.expect("a thread").join().expect("no panic");
}

/// Values of 64 KiB, by a thread with a stack of 512.
#[expect(clippy::large_stack_arrays, reason = "that is what is tried")]
pub fn rule_19_large_watched_values_work_on_a_small_stack() {
    let work = || {
        let (s, r) = watch::channel([0_u8; 1 << 16]);
        assert!(s.send([1; 1 << 16]).is_ok());
        let look = r.borrow();
        assert!(s.send([2; 1 << 16]).is_ok());
        assert!(s.replace([3; 1 << 16]).is_ok_and(|old| old[9] == 2));
        assert!(s.update(|value| Some(*value)).is_ok());
        assert_eq!((look[9], r.wait_for(|value| value[9] == 3).map(|value| value[8])), (1, Ok(3)));
    };
    // An optimized build, which copies less, is asked for what was promised.
    let stack = if cfg!(debug_assertions) { 2 << 20 } else { 512 << 10 };
    let thread = thread::Builder::new().stack_size(stack).spawn(work);
    thread.expect("a thread").join().expect("no panic");
}
