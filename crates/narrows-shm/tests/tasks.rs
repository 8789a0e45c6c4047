//! The queue from tasks, with an executor of a few lines.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use narrows_shm::{RecvError, TryRecvError, options};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn tasks_on_both_ends_exchange_all_messages() {
    for capacity in [1, 16] {
        let channel = options().capacity(capacity).anonymous::<u32>().expect("a channel");
        let (sender, receiver) = (channel.sender(), channel.receiver());
        let sending = thread::spawn(move || {
            block_on(async {
                for i in 0..500 {
                    sender.send_async(i).await.expect("open");
                }
            });
        });
        block_on(async {
            for i in 0..500 {
                assert_eq!(receiver.recv_async().await, Ok(i));
            }
            assert_eq!(receiver.recv_async().await, Err(RecvError::Disconnected));
        });
        sending.join().expect("no panic");
    }
}

#[test]
fn a_dropped_or_forgotten_future_takes_no_message() {
    let channel = options().capacity(4).anonymous::<u32>().expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let mut cx = Context::from_waker(Waker::noop());
    let mut dropped = Box::pin(receiver.recv_async());
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    let mut forgotten = Box::pin(receiver.recv_async());
    assert!(forgotten.as_mut().poll(&mut cx).is_pending());
    std::mem::forget(forgotten);
    sender.send(1).expect("room");
    drop(dropped);
    assert_eq!(receiver.recv(), Ok(1));
    let mut full = (0..4).map(|i| Box::pin(sender.send_async(i))).collect::<Vec<_>>();
    assert!(full.iter_mut().all(|send| send.as_mut().poll(&mut cx).is_ready()));
    let mut dropped = Box::pin(sender.send_async(4));
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    drop((dropped, full));
    assert_eq!((0..4).map(|_| receiver.recv().expect("a message")).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_lease_in_a_task_comes_back_when_it_is_dropped() {
    let channel = options().capacity(4).anonymous::<String>().expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    let sending = thread::spawn(move || sender.send_sync("work".into()));
    block_on(async {
        assert_eq!(receiver.lease_async().await.expect("a message").as_str(), "work");
        receiver.lease_async().await.expect("it came back").accept().expect("it is ours");
    });
    assert_eq!(sending.join().expect("no panic"), Ok(()));
}
