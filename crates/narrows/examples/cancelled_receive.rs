//! A cancelled receive loses nothing: a future that is dropped leaves its message and its wake-up to the next receiver.
//! This is what makes `recv_async` safe as a branch of a select that drops the branches it did not take.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use narrows::{TryRecvError, bounded, unbounded};

/// Polls once, as a select does with a branch that is then dropped.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn main() {
    for (name, (s, r)) in [("unbounded", unbounded()), ("capacity 1", bounded(1)), ("capacity 0", bounded(0))] {
        // Dropped before a message comes.
        assert!(poll_once(r.recv_async()).is_pending());
        assert_eq!(r.try_recv(), Err(TryRecvError::Empty));

        // Dropped after a message came for it, and before it was polled again. At capacity 0 the sender has gone on by
        // then, in the belief that a receiver is there; the channel keeps the message for the next one.
        {
            let mut receive = pin!(r.recv_async());
            assert!(receive.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            s.try_send("precious").unwrap();
        }
        assert_eq!(r.try_recv(), Ok("precious"));
        println!("{name}: nothing was lost");
    }

    // A send future that is dropped drops its message. To keep it, reserve first: nothing is given away until the
    // place is there, and then `send` never waits.
    let (s, r) = bounded(1);
    s.send("first".to_owned()).unwrap();
    let message = "second".to_owned();
    assert!(poll_once(s.reserve_async()).is_pending()); // cancelled here
    assert_eq!(r.recv(), Ok("first".to_owned()));
    let Poll::Ready(Ok(permit)) = poll_once(s.reserve_async()) else { panic!("there is a place") };
    permit.send(message).unwrap();
    assert_eq!(r.recv(), Ok("second".to_owned()));
}
