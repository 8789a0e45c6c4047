//! The same on tasks: of a small executor of threads, and of tokio.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use narrows_actor::{Actor, ActorFuture, Cx, Flow, How, Reason, Restart, Strategy, System};
#[cfg(feature = "task")]
use narrows_actor::{Addr, Reply};

use crate::{Counter, Journal, LONG, Req};

/// A task a thread: futures that are woken by channels need no more.
fn run(future: impl Future<Output = ()> + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || block_on(future))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Poll, Wake, Waker};
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn on_executor() -> (System, Arc<Mutex<Vec<thread::JoinHandle<()>>>>) {
    let tasks = Arc::<Mutex<Vec<_>>>::default();
    let system = System::on_tasks({
        let tasks = tasks.clone();
        move |_: &str, actor: ActorFuture| tasks.lock().unwrap().push(run(actor))
    });
    (system, tasks)
}

#[test]
fn actors_on_tasks_do_what_those_on_threads_do() {
    let (system, tasks) = on_executor();
    block_on(works(&system));
    tasks.lock().unwrap().drain(..).for_each(|task| task.join().unwrap());
}

#[cfg(feature = "tokio")]
#[test]
fn actors_on_tokio_do_what_those_on_threads_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let system = System::on_tokio(runtime.handle().clone());
    runtime.block_on(works(&system));
}

#[cfg(feature = "task")]
#[test]
fn actors_on_light_tasks_do_what_those_on_threads_do() {
    narrows_task::block_on(works(&System::on_light_tasks()));
}

/// Blocking is legal there, also if the actors that wait for each other are more than there are threads.
#[cfg(feature = "task")]
#[test]
fn actors_on_light_tasks_may_ask_by_blocking() {
    struct Chain(Option<Addr<Reply<u32>>>);
    impl Actor for Chain {
        type Msg = Reply<u32>;
        fn handle(&mut self, reply: Reply<u32>, _: &Cx<Reply<u32>>) -> Flow {
            reply.send(self.0.as_ref().map_or(0, |next| next.ask(|reply| reply, LONG).unwrap() + 1));
            Flow::Next
        }
    }
    let system = System::on_light_tasks();
    let first = (0..50).fold(None, |next, _| Some(system.actor(1, move || Chain(next.clone()))));
    assert_eq!(first.unwrap().ask(|reply| reply, LONG).unwrap(), 49);
    narrows_task::block_on(system.shutdown(How::Drain)).unwrap();
}

async fn works(system: &System) {
    crate::quietly();
    let journal = Journal::default();
    let supervisor = system.supervisor("family").strategy(Strategy::OneForAll).intensity(1_000, LONG).start();
    let family = ["a", "b"].map(|name| {
        let journal = journal.clone();
        supervisor.build(move || Counter::new(&journal)).name(name).capacity(2).start()
    });
    {
        for n in 0..if cfg!(miri) { 3 } else { 100 } {
            family[0].tell_async(Req::Add(n)).await.unwrap();
            family[1].tell_async(Req::Boom).await.unwrap();
            family[1].tell_async(Req::Add(n)).await.unwrap();
            assert_eq!(family[1].ask_async(Req::Get, LONG).await.unwrap(), n);
        }
        assert!(family[0].ask_async(Req::Get, Duration::MAX).await.is_ok());
        system.shutdown(How::Drain).await.unwrap();
        assert_eq!(family[0].join_async().await, Reason::Stopped);
        assert!(matches!(family[0].tell_async(Req::Add(1)).await, Err(narrows_actor::TellError::Stopped(Req::Add(1)))));
    }
}

#[test]
fn a_timer_wakes_an_actor_that_is_asleep_on_a_task() {
    struct Ticks(u32);
    impl Actor for Ticks {
        type Msg = ();
        fn started(&mut self, cx: &Cx<()>) -> Flow {
            cx.every(Duration::from_millis(1), || ());
            Flow::Next
        }
        fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
            self.0 += 1;
            if self.0 == 3 { Flow::Stop } else { Flow::Next }
        }
    }
    let (system, tasks) = on_executor();
    let ticks = system.actor(1, || Ticks(0));
    assert_eq!(ticks.join(), Reason::Normal);
    tasks.lock().unwrap().drain(..).for_each(|task| task.join().unwrap());
}

/// Waits for something that never comes.
struct Waits(Journal);

impl Actor for Waits {
    type Msg = ();

    fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
        let journal = self.0.clone();
        self.0.note("waits");
        Flow::wait(async move {
            let _dropped = OnDrop(journal);
            std::future::pending().await
        })
    }
}

struct OnDrop(Journal);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.note("given up");
    }
}

#[test]
fn a_stop_ends_what_an_actor_waits_for() {
    for system in [System::new(), on_executor().0] {
        let journal = Journal::default();
        let waits = system.actor(4, {
            let journal = journal.clone();
            move || Waits(journal.clone())
        });
        waits.tell(()).unwrap();
        while journal.0.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        waits.stop(How::Now);
        assert_eq!(waits.join(), Reason::Stopped);
        assert_eq!(journal.take(), ["waits", "given up"]);
    }
}

#[test]
fn a_panic_in_what_an_actor_waits_for_ends_its_life() {
    struct Panics;
    impl Actor for Panics {
        type Msg = ();
        fn handle(&mut self, (): (), _: &Cx<()>) -> Flow {
            Flow::wait(async { std::panic::panic_any("boom in a future") })
        }
    }
    crate::quietly();
    let system = System::new();
    let panics = system.build(|| Panics).restart(Restart::Temporary).start();
    panics.tell(()).unwrap();
    assert_eq!(panics.join(), Reason::Panicked("boom in a future".into()));
}

/// As tasks are when their runtime is shut down.
#[test]
fn an_actor_whose_task_is_dropped_is_over_and_gives_its_mail_back() {
    let journal = Journal::default();
    let held = Arc::<Mutex<Vec<ActorFuture>>>::default();
    let system = System::on_tasks({
        let held = held.clone();
        move |_: &str, actor| held.lock().unwrap().push(actor)
    });
    let builder = system.build(|| Counter::new(&Journal::default())).dead_letters({
        let journal = journal.clone();
        move |_| journal.note("letter")
    });
    let counter = builder.start();
    let news = counter.monitor();
    counter.tell(Req::Add(1)).unwrap();
    let actors = std::mem::take(&mut *held.lock().unwrap());
    drop(actors);
    assert_eq!(counter.join(), Reason::Aborted);
    assert_eq!(news.recv().unwrap().reason, Reason::Aborted);
    assert_eq!(journal.take(), ["letter"]);
    assert!(counter.tell(Req::Add(1)).is_err());
    system.join().unwrap();
}
