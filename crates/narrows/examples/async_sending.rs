//! Sending and receiving in tasks, with threads on the same channel. Works on any executor; this one is 12 lines.
//! Use `reserve_async` where a message is costly to make or must not be lost if the task is cancelled.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread,
};

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let (mut future, waker) = (pin!(future), Arc::new(Unpark(thread::current())).into());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn main() {
    let (s, r) = narrows::bounded(2);
    thread::scope(|scope| {
        let tasks = s.clone();
        scope.spawn(move || {
            block_on(async move {
                for n in 0..5 {
                    tasks.send_async(n).await.unwrap();
                }
                let permit = tasks.reserve_async().await.unwrap();
                permit.send(5).unwrap(); // the place was ours: this never waits
                let mut places = tasks.reserve_many_async(2).await.unwrap();
                places.send(6).unwrap();
                places.send(7).unwrap();
            });
        });
        scope.spawn(move || (8..10).for_each(|n| s.send(n).unwrap())); // a thread

        let mut got = block_on(async {
            let mut got = Vec::new();
            while let Ok(n) = r.recv_async().await {
                got.push(n);
            }
            got
        });
        println!("from a task and a thread: {got:?}");
        assert!(got.iter().filter(|n| **n < 8).is_sorted(), "each sender's messages stay in order");
        got.sort_unstable();
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    });
}
