//! Request and reply: between threads, and between processes that are stopped and killed.

mod children;
mod examples;
mod processes;
mod threads;

use std::{
    path::PathBuf,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

/// A name of its own for each test, in a folder that goes with it.
struct Name(PathBuf);

impl Name {
    fn new(test: &str) -> Name {
        let folder = std::env::temp_dir().join(format!("narrows-rpc-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Name(folder)
    }

    fn path(&self) -> String {
        self.0.join("calls").to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}
