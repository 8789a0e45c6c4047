//! What runs tasks: narrows-task and tokio.

use std::future::{Future, pending};
use std::mem;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime;

pub(crate) trait Host: Clone + Send + Sync + 'static {
    /// Begins with this task, and is never stopped. Without a number it has as many workers as it takes by itself.
    fn start(workers: Option<usize>, root: impl Future<Output = ()> + Send + 'static) -> Result<()>;
    /// From inside a task.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;
}

#[derive(Clone, Debug)]
pub(crate) enum Narrows {}

impl Host for Narrows {
    fn start(workers: Option<usize>, root: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let mut builder = narrows_task::Runtime::builder();
        if let Some(workers) = workers {
            builder = builder.workers(workers);
        }
        let runtime = builder.build()?;
        drop(runtime.go(root));
        // To drop it would end it.
        mem::forget(runtime);
        Ok(())
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(narrows_task::go(task));
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        narrows_task::sleep(time)
    }
}

/// Its usual runtime.
#[derive(Clone, Debug)]
pub(crate) enum Tokio {}

impl Host for Tokio {
    fn start(workers: Option<usize>, root: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let mut builder = runtime::Builder::new_multi_thread();
        if let Some(workers) = workers {
            builder.worker_threads(workers);
        }
        let runtime = builder.enable_all().build()?;
        drop(runtime.spawn(root));
        // To drop it would end it.
        mem::forget(runtime);
        Ok(())
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }
}

/// Its runtime of one thread.
#[derive(Clone, Debug)]
pub(crate) enum TokioThread {}

impl Host for TokioThread {
    fn start(_: Option<usize>, root: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                drop(tokio::spawn(root));
                pending::<()>().await;
            });
        });
        Ok(())
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        Tokio::spawn(task);
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        Tokio::sleep(time)
    }
}
